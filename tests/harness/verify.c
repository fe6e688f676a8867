#include "tests/harness/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/store.h"

void verifier_init(struct verifier *v, struct ledger *ledger)
{
    *v = (struct verifier){.ledger = ledger, .client = client_create()};
}

void verifier_deinit(struct verifier *v)
{
    client_free(v->client);
}

/* below/id/tail */
static struct answer get(struct verifier *v, const struct service *s, const char *below,
                         const char *id, const char *tail)
{
    struct answer a = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/%s%s", below, id, tail);
    if (!client_get(v->client, s, &a, "%s", path))
        fail_msg("GET %s: no answer", path);
    return a;
}

/* What a status says about a thing's fate, against what the ledger says. */
static enum fate settle_fate(enum fate noted, long status, const char *what, const char *id)
{
    if (status != 200 && status != 404)
        fail_msg("%s %s answers %ld", what, id, status);
    if (noted == FATE_THERE && status != 200)
        fail_msg("%s %s was acknowledged and is lost", what, id);
    if (noted == FATE_GONE && status != 404)
        fail_msg("%s %s was deleted and is back", what, id);
    return status == 200 ? FATE_THERE : FATE_GONE;
}

static void check_dataset(struct verifier *v, const struct service *s, size_t i)
{
    struct dataset_entry entry;
    char hash[SHA256_TEXT_SIZE];
    assert_true(ledger_get_dataset(v->ledger, i, &entry));
    struct answer a = get(v, s, "/v1/datasets", entry.id, "/content");
    entry.fate = settle_fate(entry.fate, a.status, "dataset", entry.id);
    v->n_datasets++;
    if (entry.fate == FATE_GONE) {
        v->n_deletions++;
    } else {
        sha256_text(a.body.data ? a.body.data : (const uint8_t *)"", a.body.n, hash);
        assert_string_equal(hash, entry.sha256);
    }
    answer_free(&a);
    ledger_put_dataset(v->ledger, i, &entry);
}

/* --- fields --- */

static void check_weights(struct verifier *v, const struct service *s, const char *id,
                          const json_t *field)
{
    static const char *const some[] = {
        "{\"coords\":[[0.5],[0.1]],\"frame\":\"unit\"}",
        "{\"coords\":[[0.5,0.5],[0.1,0.9]],\"frame\":\"unit\"}",
        "{\"coords\":[[0.5,0.5,0.5],[0.1,0.9,0]],\"frame\":\"unit\"}"};
    const char *points = some[json_integer_value(json_object_get(field, "n_inputs")) - 1];
    char hash[SHA256_TEXT_SIZE];
    struct answer a = get(v, s, "/v1/fields", id, "/weights");
    assert_int_equal(a.status, 200);
    sha256_text(a.body.data, a.body.n, hash);
    assert_string_equal(hash, json_text(field, "sha256"));
    answer_free(&a);
    assert_true(client_post(v->client, s, &a, points, "/v1/fields/%s/query", id));
    if (a.status != 200)
        fail_msg("a query of %s answers %ld: %.300s", id, a.status, (const char *)a.body.data);
    answer_free(&a);
}

/* The field of a job that has ended. */
static void check_field(struct verifier *v, const struct service *s, struct job_entry *entry)
{
    struct answer a = get(v, s, "/v1/fields", entry->field_id, "");
    bool must_be = strcmp(entry->end, "succeeded") == 0;
    if (must_be || entry->field == FATE_GONE)
        entry->field = settle_fate(entry->field, a.status, "field", entry->field_id);
    else
        assert_true(a.status == 200 || a.status == 404);
    v->n_fields++;
    if (a.status == 200) {
        json_t *field = client_json(&a);
        assert_string_equal(json_text(field, "state"), "final");
        assert_string_equal(json_text(field, "job_id"), entry->id);
        check_weights(v, s, entry->field_id, field);
        json_decref(field);
    } else {
        v->n_deletions += must_be;
    }
    answer_free(&a);
}

/* --- jobs --- */

static bool is_end(const char *status)
{
    return strcmp(status, "queued") != 0 && strcmp(status, "running") != 0;
}

/* The log of an ended job: numbered 1, 2, …; its last line, and no other, is `done`. */
static void check_log(struct verifier *v, const struct service *s, const char *id)
{
    struct answer a = get(v, s, "/v1/jobs", id, "/events");
    const char *text = a.body.data ? (const char *)a.body.data : "", *at = text;
    unsigned n_done = 0;
    long last = 0;
    assert_int_equal(a.status, 200);
    for (; (at = strstr(at, "id: ")); at++) {
        assert_int_equal(strtol(at + 4, NULL, 10), ++last);
        assert_int_equal(n_done, 0);
        const char *type = strstr(at, "\nevent: ");
        assert_non_null(type);
        n_done += strncmp(type + 8, "done\n", 5) == 0;
    }
    if (n_done != 1)
        fail_msg("the log of %s says %u times done:\n%s", id, n_done, text);
    answer_free(&a);
}

static void check_end(struct job_entry *entry, const json_t *job)
{
    const char *status = json_text(job, "status"), *finished = json_text(job, "finished_at");
    if (entry->end[0] == '\0') {
        snprintf(entry->end, sizeof entry->end, "%s", status);
        snprintf(entry->finished, sizeof entry->finished, "%s", finished);
    }
    if (strcmp(entry->end, status) != 0 || strcmp(entry->finished, finished) != 0)
        fail_msg("job %s had %s at %s, and now has %s at %s", entry->id, entry->end,
                 entry->finished, status, finished);
    if (strcmp(status, "failed") == 0) {
        char *text = json_dumps(json_object_get(job, "error"), 0);
        fail_msg("job %s failed: %s", entry->id, text ? text : "");
    }
}

static struct answer post_again(struct verifier *v, const struct service *s,
                                const struct job_entry *entry)
{
    struct answer a = {0};
    char header[80];
    snprintf(header, sizeof header, "Idempotency-Key: %s", entry->key);
    const struct request again = {.path = "/v1/jobs",
                                  .content_type = "application/json",
                                  .body = entry->body,
                                  .n_body = strlen(entry->body),
                                  .headers = {header}};
    assert_true(client_send(v->client, s, &again, SEND_WHOLE, &a));
    return a;
}

/* The same request once more: the same job. */
static void check_key(struct verifier *v, const struct service *s, const struct job_entry *entry)
{
    struct answer a = post_again(v, s, entry);
    if (a.status != 202)
        fail_msg("the key of job %s answers %ld: %.400s", entry->id, a.status,
                 a.body.data ? (const char *)a.body.data : "");
    json_t *job = client_json(&a);
    assert_string_equal(json_text(job, "id"), entry->id);
    v->n_keys++;
    json_decref(job);
    answer_free(&a);
}

/* A post that broke off, once more: whether there was a job or not, now there is one.  4xx: the
 * dataset is gone, and there never was. */
static void check_unanswered(struct verifier *v, const struct service *s, struct job_entry *entry)
{
    struct answer a = post_again(v, s, entry);
    json_t *job = client_json(&a);
    if (a.status == 202) {
        snprintf(entry->id, sizeof entry->id, "%s", json_text(job, "id"));
        snprintf(entry->field_id, sizeof entry->field_id, "%s", json_text(job, "field_id"));
        assert_true(ledger_add_job(v->ledger, entry));
        v->n_keys++;
    } else {
        assert_true(a.status == 409 || a.status == 422);
    }
    json_decref(job);
    answer_free(&a);
}

static void check_job(struct verifier *v, const struct service *s, size_t i, bool thoroughly)
{
    struct job_entry entry;
    assert_true(ledger_get_job(v->ledger, i, &entry));
    struct answer a = get(v, s, "/v1/jobs", entry.id, "");
    if (a.status != 200)
        fail_msg("job %s was acknowledged and answers %ld", entry.id, a.status);
    json_t *job = client_json(&a);
    const bool was_open = entry.end[0] == '\0';
    assert_string_equal(json_text(job, "field_id"), entry.field_id);
    v->n_jobs++;
    if (!is_end(json_text(job, "status")) && !was_open)
        fail_msg("job %s had %s and is %s again", entry.id, entry.end, json_text(job, "status"));
    if (is_end(json_text(job, "status"))) {
        check_end(&entry, job);
        if (was_open || thoroughly) {
            check_log(v, s, entry.id);
            check_field(v, s, &entry);
        }
    }
    if (entry.key[0] && thoroughly)
        check_key(v, s, &entry);
    ledger_put_job(v->ledger, i, &entry);
    json_decref(job);
    answer_free(&a);
}

/* --- all together --- */

static bool is_open(struct verifier *v, size_t i)
{
    struct job_entry entry;
    return ledger_get_job(v->ledger, i, &entry) && entry.end[0] == '\0';
}

void verify_some(struct verifier *v, const struct service *s, struct dice *dice, size_t sample)
{
    struct ledger *l = v->ledger;
    struct job_entry unanswered;
    while (ledger_take_unanswered(l, &unanswered))
        check_unanswered(v, s, &unanswered);
    for (size_t k = 0; k < sample && v->n_datasets_seen > 0; k++)
        check_dataset(v, s, dice_below(dice, v->n_datasets_seen));
    for (; v->n_datasets_seen < l->n_datasets; v->n_datasets_seen++)
        check_dataset(v, s, v->n_datasets_seen);
    for (size_t k = 0; k < sample && v->n_jobs_seen > 0; k++)
        check_job(v, s, dice_below(dice, v->n_jobs_seen), true);
    for (size_t i = 0; i < v->n_jobs_seen; i++)
        if (is_open(v, i))
            check_job(v, s, i, false);
    for (; v->n_jobs_seen < l->n_jobs; v->n_jobs_seen++)
        check_job(v, s, v->n_jobs_seen, true);
}

void verify_all(struct verifier *v, const struct service *s)
{
    struct job_entry unanswered;
    while (ledger_take_unanswered(v->ledger, &unanswered))
        check_unanswered(v, s, &unanswered);
    for (size_t i = 0; i < v->ledger->n_datasets; i++)
        check_dataset(v, s, i);
    for (size_t i = 0; i < v->ledger->n_jobs; i++)
        check_job(v, s, i, true);
    v->n_datasets_seen = v->ledger->n_datasets;
    v->n_jobs_seen = v->ledger->n_jobs;
}

void verify_drained(struct verifier *v, const struct service *s, double seconds)
{
    double end = now_seconds() + seconds;
    for (size_t i = 0; i < v->ledger->n_jobs; i++)
        while (is_open(v, i)) {
            struct job_entry entry;
            check_job(v, s, i, false);
            ledger_get_job(v->ledger, i, &entry);
            if (entry.end[0] == '\0' && now_seconds() > end)
                fail_msg("job %s has not ended", entry.id);
            if (entry.end[0] == '\0')
                pause_briefly();
        }
}
