#include "tests/harness/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/store.h"

static const char the_key[] = "the-key";

enum { MAX_TRIES = 50, ENDLESS = 10000000, SHORT = 200 };

/* Each step answers THROUGH or why the play is over. */

static bool is_refusal(long status)
{
    return status == 500 || status == 503 || status == 507;
}

/* Send until there is an answer with one of two statuses. */
static enum outcome ask(struct scenario *s, const struct request *request, long status, long other,
                        struct answer *out)
{
    for (unsigned try = 0; try < MAX_TRIES; try++) {
        if (!client_send(s->client, s->service, request, SEND_WHOLE, out))
            return OUTCOME_CUT;
        if (out->status == status || out->status == other)
            return OUTCOME_THROUGH;
        if (s->faults == FAULTS_KILL || !is_refusal(out->status))
            break;
        answer_free(out);
        s->n_refused++;
        if (s->faults == FAULTS_FIRST)
            return OUTCOME_REFUSED;
        sleep_seconds(0.01);
    }
    fail_msg("%s answers %ld: %.400s", request->path, out->status,
             out->body.data ? (const char *)out->body.data : "");
    return OUTCOME_CUT;
}

static enum outcome post(struct scenario *s, const char *path, const char *body, const char *key,
                         long status, long other, struct answer *out)
{
    char header[LEDGER_KEY + 24];
    snprintf(header, sizeof header, "Idempotency-Key: %s", key);
    return ask(s,
               &(struct request){.path = path,
                                 .content_type = "application/json",
                                 .body = body,
                                 .n_body = strlen(body),
                                 .headers = {*key ? header : NULL}},
               status, other, out);
}

/* --- datasets --- */

static enum outcome upload(struct scenario *s, uint64_t seed, char id[LEDGER_ID])
{
    struct dice dice = {.state = seed};
    struct answer a = {0};
    char hash[SHA256_TEXT_SIZE];
    const enum specimen kind = specimen_fits[s->fit].kind;
    struct bytes file = specimen_file(kind, &dice);
    const struct request request = {.path = specimen_path(kind),
                                    .content_type = "application/octet-stream",
                                    .body = file.data,
                                    .n_body = file.n};
    enum outcome outcome = ask(s, &request, 201, 200, &a);
    if (outcome == OUTCOME_THROUGH) {
        json_t *dataset = client_json(&a);
        sha256_text(file.data, file.n, hash);
        snprintf(id, LEDGER_ID, "%s", json_text(dataset, "id"));
        assert_true(ledger_add_dataset(s->ledger, id, hash, kind));
        json_decref(dataset);
        answer_free(&a);
    }
    bytes_free(&file);
    return outcome;
}

/* 404: an answer before was a refusal, and it was done all the same. */
static enum outcome delete_dataset(struct scenario *s, const char *id)
{
    struct answer a = {0};
    char path[96];
    snprintf(path, sizeof path, "/v1/datasets/%s", id);
    ledger_set_dataset_fate(s->ledger, id, FATE_DOUBTFUL);
    unsigned refused = s->n_refused;
    enum outcome outcome =
        ask(s, &(struct request){.method = "DELETE", .path = path}, 204, 404, &a);
    if (outcome != OUTCOME_THROUGH)
        return outcome;
    assert_true(a.status == 204 || s->n_refused > refused);
    ledger_set_dataset_fate(s->ledger, id, FATE_GONE);
    answer_free(&a);
    return OUTCOME_THROUGH;
}

/* --- jobs --- */

static enum outcome post_job(struct scenario *s, const char *path, const char *key,
                             const char *body, char id[LEDGER_ID], char field_id[LEDGER_ID])
{
    struct answer a = {0};
    struct job_entry entry = {.field = FATE_THERE, .fit = s->fit};
    enum outcome outcome = post(s, path, body, key, 202, 202, &a);
    if (outcome != OUTCOME_THROUGH) {
        if (*key)
            ledger_add_unanswered(s->ledger, key, body, s->fit);
        return outcome;
    }
    json_t *job = client_json(&a);
    snprintf(entry.id, sizeof entry.id, "%s", json_text(job, "id"));
    snprintf(entry.field_id, sizeof entry.field_id, "%s", json_text(job, "field_id"));
    if (*key) {
        snprintf(entry.key, sizeof entry.key, "%s", key);
        snprintf(entry.body, sizeof entry.body, "%s", body);
    }
    assert_true(ledger_add_job(s->ledger, &entry));
    snprintf(id, LEDGER_ID, "%s", entry.id);
    snprintf(field_id, LEDGER_ID, "%s", entry.field_id);
    json_decref(job);
    answer_free(&a);
    return OUTCOME_THROUGH;
}

static bool has_status(const json_t *job, const char *status)
{
    const char *now = json_text(job, "status");
    if (strcmp(now, "failed") == 0) {
        char *text = json_dumps(json_object_get(job, "error"), 0);
        fail_msg("the job failed: %s", text ? text : "");
    }
    return strcmp(now, status) == 0;
}

/* Wait until the job has this status and is at this step at least; *at: where it is then. */
static enum outcome wait_for(struct scenario *s, const char *id, const char *status, int64_t step,
                             int64_t *at)
{
    double end = now_seconds() + 30 * SLOWNESS;
    char path[96];
    snprintf(path, sizeof path, "/v1/jobs/%s", id);
    for (;;) {
        struct answer a = {0};
        enum outcome outcome = ask(s, &(struct request){.path = path}, 200, 200, &a);
        if (outcome != OUTCOME_THROUGH)
            return outcome;
        json_t *job = client_json(&a);
        *at = json_integer_value(json_object_get(job, "step"));
        bool is_there = has_status(job, status) && *at >= step;
        if (!is_there && now_seconds() > end)
            fail_msg("the job is not %s: %s", status, (const char *)a.body.data);
        json_decref(job);
        answer_free(&a);
        if (is_there)
            return OUTCOME_THROUGH;
        sleep_seconds(0.005);
    }
}

static enum outcome cancel(struct scenario *s, const char *id)
{
    struct answer a = {0};
    char path[96];
    snprintf(path, sizeof path, "/v1/jobs/%s/cancel", id);
    enum outcome outcome = post(s, path, "{}", "", 200, 409, &a);
    if (outcome != OUTCOME_THROUGH)
        return outcome;
    if (a.status == 200)
        ledger_set_cancel(s->ledger, id);
    answer_free(&a);
    return OUTCOME_THROUGH;
}

static enum outcome delete_field(struct scenario *s, const char *job_id, const char *field_id)
{
    struct answer a = {0};
    char path[96];
    snprintf(path, sizeof path, "/v1/fields/%s", field_id);
    ledger_set_field_fate(s->ledger, job_id, FATE_DOUBTFUL);
    unsigned refused = s->n_refused;
    enum outcome outcome =
        ask(s, &(struct request){.method = "DELETE", .path = path}, 204, 404, &a);
    if (outcome != OUTCOME_THROUGH)
        return outcome;
    assert_true(a.status == 204 || s->n_refused > refused);
    ledger_set_field_fate(s->ledger, job_id, FATE_GONE);
    answer_free(&a);
    return OUTCOME_THROUGH;
}

/* --- the play --- */

/* What the steps hand on. */
struct play {
    struct scenario *s;
    char first[LEDGER_ID], other[LEDGER_ID];
    char fit[LEDGER_ID], endless[LEDGER_ID], waiting[LEDGER_ID], resumed[LEDGER_ID];
    char field[LEDGER_ID];
    char body[LEDGER_BODY], endless_body[LEDGER_BODY];
    bool has_checkpoint;
};

static enum outcome upload_first(struct play *p)
{
    return upload(p->s, 1, p->first);
}

static enum outcome upload_again(struct play *p)
{
    enum outcome outcome = upload(p->s, 1, p->other);
    if (outcome == OUTCOME_THROUGH)
        assert_string_equal(p->first, p->other);
    return outcome;
}

static enum outcome fit(struct play *p)
{
    int64_t step;
    specimen_job_body(p->body, p->s->fit, p->first, the_key, SHORT);
    enum outcome outcome = post_job(p->s, "/v1/jobs", the_key, p->body, p->fit, p->field);
    return outcome == OUTCOME_THROUGH ? wait_for(p->s, p->fit, "succeeded", SHORT, &step) : outcome;
}

static enum outcome fit_endlessly(struct play *p)
{
    specimen_job_body(p->endless_body, p->s->fit, p->first, "", ENDLESS);
    return post_job(p->s, "/v1/jobs", "", p->endless_body, p->endless, p->field);
}

static enum outcome fit_behind_it(struct play *p)
{
    return post_job(p->s, "/v1/jobs", "", p->endless_body, p->waiting, p->field);
}

static enum outcome cancel_and_wait(struct play *p, const char *id)
{
    int64_t step;
    enum outcome outcome = cancel(p->s, id);
    return outcome == OUTCOME_THROUGH ? wait_for(p->s, id, "canceled", 0, &step) : outcome;
}

static enum outcome cancel_waiting(struct play *p)
{
    return cancel_and_wait(p, p->waiting);
}

static enum outcome cancel_endless(struct play *p)
{
    int64_t step;
    enum outcome outcome = wait_for(p->s, p->endless, "running", 1, &step);
    return outcome == OUTCOME_THROUGH ? cancel_and_wait(p, p->endless) : outcome;
}

static enum outcome upload_other(struct play *p)
{
    return upload(p->s, 2, p->other);
}

static enum outcome delete_other(struct play *p)
{
    return delete_dataset(p->s, p->other);
}

/* How far the canceled one came: by a resume that asks for too little.  409: its checkpoint could
 * not be kept, which costs the work and no more. */
static enum outcome look_for_checkpoint(struct play *p, unsigned long long *step)
{
    static const char words[] = "must be more than the ";
    struct answer a = {0};
    char path[96];
    snprintf(path, sizeof path, "/v1/jobs/%s/resume", p->endless);
    long other = p->s->faults == FAULTS_KILL ? 422 : 409;
    enum outcome outcome = post(p->s, path, "{\"train\":{\"steps\":1}}", "", 422, other, &a);
    if (outcome != OUTCOME_THROUGH)
        return outcome;
    const char *at = strstr((const char *)a.body.data, words);
    p->has_checkpoint = a.status == 422;
    assert_true(at || !p->has_checkpoint);
    *step = at ? strtoull(at + sizeof words - 1, NULL, 10) : 0;
    answer_free(&a);
    return OUTCOME_THROUGH;
}

static enum outcome resume(struct play *p)
{
    char path[96], body[64];
    unsigned long long step = 0;
    int64_t last;
    enum outcome outcome = look_for_checkpoint(p, &step);
    if (outcome != OUTCOME_THROUGH || !p->has_checkpoint)
        return outcome;
    snprintf(path, sizeof path, "/v1/jobs/%s/resume", p->endless);
    snprintf(body, sizeof body, "{\"train\":{\"steps\":%llu}}", step + SHORT);
    outcome = post_job(p->s, path, "", body, p->resumed, p->field);
    return outcome == OUTCOME_THROUGH ? wait_for(p->s, p->resumed, "succeeded", 1, &last) : outcome;
}

static enum outcome delete_resumed(struct play *p)
{
    return p->has_checkpoint ? delete_field(p->s, p->resumed, p->field) : OUTCOME_THROUGH;
}

static enum outcome use_key_again(struct play *p)
{
    char again[LEDGER_ID];
    enum outcome outcome = post_job(p->s, "/v1/jobs", the_key, p->body, again, p->field);
    if (outcome == OUTCOME_THROUGH)
        assert_string_equal(again, p->fit);
    return outcome;
}

static enum outcome (*const steps[])(struct play *p) = {
    upload_first,   upload_again, fit,          fit_endlessly, fit_behind_it,  cancel_waiting,
    cancel_endless, upload_other, delete_other, resume,        delete_resumed, use_key_again,
};

enum outcome scenario_play(struct scenario *s)
{
    struct play play = {.s = s};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        enum outcome outcome = steps[i](&play);
        if (outcome != OUTCOME_THROUGH)
            return outcome;
    }
    return OUTCOME_THROUGH;
}

void scenario_cancel_all(struct scenario *s)
{
    struct job_entry job;
    for (size_t i = 0; ledger_get_job(s->ledger, i, &job); i++)
        if (job.end[0] == '\0')
            assert_int_equal(cancel(s, job.id), OUTCOME_THROUGH);
}
