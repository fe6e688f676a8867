#include "tests/harness/load.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/http/fit.h"

enum { MAX_CLIENTS = 16, MAX_OPEN_JOBS = 12, N_COMMON = 8 };

struct one_client {
    struct load *load;
    size_t number;
    pthread_t thread;
    struct client *client;
    struct dice dice;
    unsigned n_keys;
    struct load_counts counts;
    char fault[512]; /* what the service may not do, "" as long as it has not */
};

struct load {
    const struct service *service;
    struct ledger *ledger;
    uint64_t seed;
    atomic_bool stops;
    size_t n;
    struct one_client clients[MAX_CLIENTS];
};

/* --- what comes back --- */

static void blame(struct one_client *c, const char *doing, const struct answer *a)
{
    if (c->fault[0] == '\0')
        snprintf(c->fault, sizeof c->fault, "%s: %ld %.400s", doing, a->status,
                 a->body.data ? (const char *)a->body.data : "");
}

/* Count an answer; true if it is one of the two that are in order here.  Statuses that say "not
 * now" always are. */
static bool judge(struct one_client *c, bool came, const char *doing, const struct answer *a,
                  long status, long other)
{
    if (!came) {
        c->counts.broken++;
        return false;
    }
    c->counts.answered++;
    if (a->status == status || a->status == other)
        return true;
    if (a->status != 503 && a->status != 429)
        blame(c, doing, a);
    return false;
}

static const struct service *service_of(const struct one_client *c)
{
    return c->load->service;
}

/* --- datasets --- */

static void note_dataset(struct one_client *c, const struct answer *a, enum specimen kind,
                         const struct bytes *sent)
{
    char hash[SHA256_TEXT_SIZE];
    json_t *dataset = client_json(a);
    sha256_text(sent->data, sent->n, hash);
    if (!ledger_add_dataset(c->load->ledger, json_text(dataset, "id"), hash, kind) ||
        strcmp(json_text(dataset, "sha256"), hash) != 0)
        blame(c, "an upload", a);
    json_decref(dataset);
}

static void upload_one(struct one_client *c, enum specimen kind, struct dice *dice,
                       enum sending how)
{
    struct bytes bytes = specimen_file(kind, dice);
    struct answer a = {0};
    const struct request request = {.path = specimen_path(kind),
                                    .content_type = "application/octet-stream",
                                    .body = bytes.data,
                                    .n_body = bytes.n};
    bool came = client_send(c->client, service_of(c), &request, how, &a);
    if (judge(c, came, "an upload", &a, 201, 200))
        note_dataset(c, &a, kind, &bytes);
    answer_free(&a);
    bytes_free(&bytes);
}

/* Half of them pictures. */
static enum specimen draw_kind(struct dice *dice)
{
    const size_t kind = dice_below(dice, 2 * N_SPECIMENS);
    return kind < N_SPECIMENS ? (enum specimen)kind : SPECIMEN_IMAGE;
}

static void upload(struct one_client *c)
{
    const enum specimen kind = draw_kind(&c->dice);
    const enum sending how = dice_below(&c->dice, 3) == 0 ? SEND_CHUNKED : SEND_WHOLE;
    upload_one(c, kind, &c->dice, how);
}

/* One of a few files that all clients send in all rounds, often at the same time. */
static void upload_common(struct one_client *c)
{
    struct dice same = {.state = dice_below(&c->dice, N_COMMON)};
    upload_one(c, draw_kind(&same), &same, SEND_WHOLE);
}

/* 409: a job needs it. */
static void delete_dataset(struct one_client *c)
{
    struct ledger *l = c->load->ledger;
    struct dataset_entry entry;
    struct answer a = {0};
    if (!ledger_take_dataset(l, &c->dice, &entry))
        return;
    bool came = client_delete(c->client, service_of(c), &a, "/v1/datasets/%s", entry.id);
    if (judge(c, came, "the deletion of a dataset", &a, 204, 409))
        ledger_set_dataset_fate(l, entry.id, a.status == 204 ? FATE_GONE : FATE_THERE);
    answer_free(&a);
}

/* --- jobs --- */

static void note_job(struct one_client *c, const struct answer *a, const char *key,
                     const char *body, size_t fit)
{
    struct job_entry entry = {.field = FATE_THERE, .fit = fit};
    json_t *job = client_json(a);
    snprintf(entry.id, sizeof entry.id, "%s", json_text(job, "id"));
    snprintf(entry.field_id, sizeof entry.field_id, "%s", json_text(job, "field_id"));
    snprintf(entry.key, sizeof entry.key, "%s", key);
    snprintf(entry.body, sizeof entry.body, "%s", body);
    if (!ledger_add_job(c->load->ledger, &entry))
        blame(c, "a job", a);
    json_decref(job);
}

/* Was the dataset deleted in the meantime? */
static bool is_without_dataset(const struct answer *a)
{
    return (a->status == 409 || a->status == 422) && a->body.data &&
           strstr((const char *)a->body.data, "no dataset");
}

/* true: there was an answer that says what became of it. */
static bool post_job(struct one_client *c, const char *key, const char *body, size_t fit)
{
    struct answer a = {0};
    char header[LEDGER_KEY + 24];
    snprintf(header, sizeof header, "Idempotency-Key: %s", key);
    const struct request request = {.path = "/v1/jobs",
                                    .content_type = "application/json",
                                    .body = body,
                                    .n_body = strlen(body),
                                    .headers = {*key ? header : NULL}};
    bool came = client_send(c->client, service_of(c), &request, SEND_WHOLE, &a);
    bool is_vain = came && is_without_dataset(&a);
    if (!is_vain && judge(c, came, "a job", &a, 202, 202))
        note_job(c, &a, key, body, fit);
    else if (!came && *key)
        ledger_add_unanswered(c->load->ledger, key, body, fit);
    answer_free(&a);
    return came && !is_vain;
}

static void start_fit(struct one_client *c)
{
    struct dataset_entry dataset;
    char key[LEDGER_KEY] = "", body[LEDGER_BODY];
    if (ledger_count_open(c->load->ledger) >= MAX_OPEN_JOBS ||
        !ledger_pick_dataset(c->load->ledger, &c->dice, &dataset))
        return;
    if (dice_below(&c->dice, 2) == 0)
        snprintf(key, sizeof key, "key-%llx-%zu-%u", (unsigned long long)c->load->seed, c->number,
                 c->n_keys++);
    const size_t fit = specimen_fit_of(dataset.kind, dice_roll(&c->dice));
    specimen_job_body(body, fit, dataset.id, key, 100 + (unsigned)dice_below(&c->dice, 900));
    if (post_job(c, key, body, fit) && *key && dice_below(&c->dice, 2) == 0)
        post_job(c, key, body, fit); /* at once again: the same job, or the ledger says so */
}

static void cancel(struct one_client *c)
{
    struct job_entry job;
    struct answer a = {0};
    if (!ledger_pick_job(c->load->ledger, &c->dice, MAX_OPEN_JOBS, &job) || job.end[0])
        return;
    bool came = client_post(c->client, service_of(c), &a, "{}", "/v1/jobs/%s/cancel", job.id);
    if (judge(c, came, "a cancel", &a, 200, 409) && a.status == 200) {
        ledger_set_cancel(c->load->ledger, job.id);
    }
    answer_free(&a);
}

/* 409: it has not ended, or has no checkpoint; 422: the checkpoint is further than that. */
static void resume(struct one_client *c)
{
    struct job_entry job;
    struct answer a = {0};
    char body[64];
    if (ledger_count_open(c->load->ledger) >= MAX_OPEN_JOBS ||
        !ledger_pick_job(c->load->ledger, &c->dice, 4 * MAX_OPEN_JOBS, &job))
        return;
    snprintf(body, sizeof body, "{\"train\":{\"steps\":%u}}",
             1000 + (unsigned)dice_below(&c->dice, 1000));
    bool came = client_post(c->client, service_of(c), &a, body, "/v1/jobs/%s/resume", job.id);
    if (came && a.status == 202) {
        c->counts.answered++;
        note_job(c, &a, "", "", job.fit);
    } else if (!came || a.status != 422) {
        judge(c, came, "a resume", &a, 409, 409);
    }
    answer_free(&a);
}

static void watch(struct one_client *c)
{
    struct job_entry job;
    if (ledger_pick_job(c->load->ledger, &c->dice, MAX_OPEN_JOBS, &job))
        client_listen(c->client, service_of(c), 0.02 + 0.1 * dice_uniform(&c->dice),
                      "/v1/jobs/%s/events", job.id);
}

/* --- fields --- */

/* 404: never made or deleted; 409: no snapshot yet. */
static void query(struct one_client *c)
{
    struct job_entry job;
    struct answer a = {0};
    if (!ledger_pick_job(c->load->ledger, &c->dice, 0, &job))
        return;
    const struct specimen_fit *fit = &specimen_fits[job.fit];
    const struct look *look = &fit->looks[dice_below(&c->dice, specimen_n_looks(fit))];
    bool came = look->body ? client_post(c->client, service_of(c), &a, look->body,
                                         "/v1/fields/%s/%s", job.field_id, look->below)
                           : client_get(c->client, service_of(c), &a, "/v1/fields/%s/%s",
                                        job.field_id, look->below);
    if (!came || (a.status != 404 && a.status != 409))
        judge(c, came, look->below, &a, 200, look->other);
    answer_free(&a);
}

/* 404: a canceled job may have left none. */
static void delete_field(struct one_client *c)
{
    struct job_entry job;
    struct answer a = {0};
    if (!ledger_take_field(c->load->ledger, &c->dice, &job))
        return;
    bool came = client_delete(c->client, service_of(c), &a, "/v1/fields/%s", job.field_id);
    long other = strcmp(job.end, "succeeded") == 0 ? 204 : 404;
    if (judge(c, came, "the deletion of a field", &a, 204, other))
        ledger_set_field_fate(c->load->ledger, job.id, FATE_GONE);
    answer_free(&a);
}

static void list(struct one_client *c)
{
    static const char *const paths[] = {"/v1/jobs?limit=20", "/v1/datasets?limit=20",
                                        "/v1/fields?limit=20", "/metrics", "/readyz"};
    struct answer a = {0};
    bool came = client_get(c->client, service_of(c), &a, "%s", paths[dice_below(&c->dice, 5)]);
    judge(c, came, "a list", &a, 200, 200);
    answer_free(&a);
}

/* --- the clients --- */

static const struct {
    void (*act)(struct one_client *c);
    size_t weight;
} acts[] = {
    {upload, 24}, {upload_common, 6}, {delete_dataset, 5}, {start_fit, 24}, {cancel, 8},
    {resume, 8},  {watch, 4},         {query, 8},          {list, 5},       {delete_field, 5},
};

static void *client_main(void *argument)
{
    struct one_client *c = argument;
    size_t total = 0;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        total += acts[i].weight;
    upload(c); /* something to begin with */
    while (!atomic_load(&c->load->stops) && c->fault[0] == '\0') {
        size_t at = dice_below(&c->dice, total), i = 0, broken = c->counts.broken;
        for (; at >= acts[i].weight; i++)
            at -= acts[i].weight;
        acts[i].act(c);
        if (c->counts.broken > broken)
            sleep_seconds(0.005); /* nobody may be there any more */
    }
    return NULL;
}

struct load *load_start(const struct service *s, struct ledger *ledger, size_t n_clients,
                        uint64_t seed)
{
    struct load *load = calloc(1, sizeof *load);
    assert_non_null(load);
    assert_true(n_clients <= MAX_CLIENTS);
    load->service = s;
    load->ledger = ledger;
    load->seed = seed;
    load->n = n_clients;
    setenv("TZ", "UTC", 1); /* libzip asks for the time on each thread: a zone that is set and */
    tzset();                /* read before is not read again, behind a lock no sanitizer sees */
    for (size_t i = 0; i < n_clients; i++) {
        struct one_client *c = &load->clients[i];
        struct dice dice = {.state = seed + i};
        c->load = load;
        c->number = i;
        c->client = client_create();
        c->dice = (struct dice){.state = dice_roll(&dice)};
        assert_int_equal(pthread_create(&c->thread, NULL, client_main, c), 0);
    }
    return load;
}

struct load_counts load_stop(struct load *load)
{
    struct load_counts all = {0};
    char fault[sizeof load->clients[0].fault] = "";
    atomic_store(&load->stops, true);
    for (size_t i = 0; i < load->n; i++) {
        struct one_client *c = &load->clients[i];
        pthread_join(c->thread, NULL);
        all.answered += c->counts.answered;
        all.broken += c->counts.broken;
        if (c->fault[0])
            snprintf(fault, sizeof fault, "%s", c->fault);
        client_free(c->client);
    }
    free(load);
    if (fault[0])
        fail_msg("%s", fault);
    return all;
}
