/*
 * make sweep_crash: kill -9 of the service and all its workers at random moments while a sweep
 * runs.  It goes on each time, and its table is that of an unbroken run.  And while one is posted
 * or deleted: all of its jobs are there, or none.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/audit.h"
#include "tests/harness/client.h"
#include "tests/harness/dice.h"
#include "tests/harness/harness.h"
#include "tests/harness/victim.h"
#include "tests/http/sweep.h"

enum { N_SAMPLE = 3, N_LONG = 10, BODY = 4096 };

static const char *const settings[] = {"--workers", "2", NULL};

/* 64 jobs where it was asked for, else 16. */
static const char long_grid[] = "{\"/field/encoding/sigma\":[1,2,4,8],\"/train/learning_rate\":"
                                "[0.002,0.02],\"/train/seed\":[0,1,2,3]}";
static const char short_grid[] = "{\"/field/encoding/sigma\":[1,8],\"/train/learning_rate\":"
                                 "[0.002,0.02],\"/train/seed\":[0,1]}";

struct campaign {
    unsigned n_kills;
    struct dice dice;
    struct victim victim;
    char pictures[2][ID_TEXT];
    size_t n_jobs;
    char body[BODY];
};

static void begin(struct campaign *c)
{
    *c = (struct campaign){.n_kills = harness_count(harness_is_asked() ? N_LONG : N_SAMPLE),
                           .n_jobs = harness_is_asked() ? 64 : 16};
    c->dice.state = harness_seed();
    victim_init(&c->victim, NULL);
    victim_start(&c->victim, settings);
    upload_picture(&c->victim.service, 16, 1, c->pictures[0]);
    upload_picture(&c->victim.service, 24, 2, c->pictures[1]);
    /* Some tenths of a second each: a blow hits most of them while they train. */
    snprintf(
        c->body, sizeof c->body,
        "{\"dataset_ids\":[\"%s\",\"%s\"],\"base\":{\"preset\":\"paper\",\"field\":{"
        "\"encoding\":{\"n_frequencies\":32},\"network\":{\"n_hidden_layers\":2,\"width\":64}},"
        "\"train\":{\"steps\":%d,\"batch_size\":256,\"holdout\":\"odd_pixels\"}},\"grid\":%s}",
        c->pictures[0], c->pictures[1], (harness_is_asked() ? 1200 : 600) / SLOWNESS,
        harness_is_asked() ? long_grid : short_grid);
}

static void end(struct campaign *c)
{
    victim_stop(&c->victim);
    victim_deinit(&c->victim);
}

static void audit(struct campaign *c)
{
    char data[128];
    struct audit_figures figures;
    snprintf(data, sizeof data, "%s/data", c->victim.service.folder);
    audit_copy(data, AUDIT_NO_CRASHES, &figures);
}

/* A moment of the start, now and then: it takes about so long. */
static void restart(struct campaign *c)
{
    if (dice_below(&c->dice, 4) == 0) {
        victim_launch(&c->victim, NULL, settings);
        sleep_seconds(0.15 * SLOWNESS * dice_uniform(&c->dice));
        victim_kill(&c->victim);
    }
    victim_start(&c->victim, settings);
}

/* Two sweeps of the same body: all but the jobs' names is the same, to the last digit. */
static void compare_tables(const json_t *broken, const json_t *unbroken)
{
    static const char *const parts[] = {"setting", "n", "metrics"};
    const json_t *a = member_get(broken, "cells"), *b = member_get(unbroken, "cells");
    assert_int_equal(json_array_size(a), json_array_size(b));
    for (size_t i = 0; i < json_array_size(a); i++)
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            const json_t *mine = member_get(json_array_get(a, i), parts[k]);
            const json_t *other = member_get(json_array_get(b, i), parts[k]);
            if (!json_equal(mine, other))
                fail_msg("cell %zu: %s is %s, not %s", i, parts[k],
                         json_dumps(mine, JSON_COMPACT | JSON_ENCODE_ANY),
                         json_dumps(other, JSON_COMPACT | JSON_ENCODE_ANY));
        }
    assert_true(json_equal(member_get(broken, "best"), member_get(unbroken, "best")));
}

static void a_broken_sweep_has_the_table_of_an_unbroken_one(void **state)
{
    (void)state;
    struct campaign c;
    char id[2][ID_TEXT];
    begin(&c);
    const struct service *service = &c.victim.service;
    double started = now_seconds();
    start_sweep(service, c.body, id[0]);
    json_t *unbroken = wait_for_sweep(service, id[0], "succeeded");
    const double seconds = now_seconds() - started;
    assert_int_equal(member_integer(unbroken, "jobs.succeeded"), c.n_jobs);

    started = now_seconds();
    start_sweep(service, c.body, id[1]);
    size_t n_while_running = 0;
    for (unsigned i = 0; i < c.n_kills; i++) {
        json_t *now = answer_json(service_get(service, "/v1/sweeps/%s", id[1]), 200);
        n_while_running += strcmp(member_text(now, "status"), "succeeded") != 0;
        json_decref(now);
        sleep_seconds(2 * seconds / (c.n_kills + 2) * dice_uniform(&c.dice));
        victim_kill(&c.victim);
        audit(&c);
        restart(&c);
    }
    json_t *broken = wait_for_sweep(service, id[1], "succeeded");
    compare_tables(broken, unbroken);
    assert_true(n_while_running > 0);
    json_t *same = answer_json(service_get(service, "/v1/sweeps/%s", id[0]), 200);
    assert_true(json_equal(same, unbroken));
    harness_print("a sweep of %zu jobs, %u kills, %zu of them while it ran: %.1f s instead of "
                  "%.1f s, the same table\n",
                  c.n_jobs, c.n_kills, n_while_running, now_seconds() - started, seconds);
    json_decref(same);
    json_decref(broken);
    json_decref(unbroken);
    end(&c);
}

/* --- while it is posted --- */

struct post {
    const struct campaign *campaign;
    char key[64];
    bool answered;
    long status;
};

static struct request request_of(const struct post *p, char header[96])
{
    snprintf(header, 96, "Idempotency-Key: %s", p->key);
    return (struct request){.path = "/v1/sweeps",
                            .content_type = "application/json",
                            .body = p->campaign->body,
                            .n_body = strlen(p->campaign->body),
                            .headers = {header}};
}

static void *post_it(void *context)
{
    struct post *p = context;
    struct client *client = client_create();
    struct answer a = {0};
    char header[96];
    const struct request request = request_of(p, header);
    p->answered = client_send(client, &p->campaign->victim.service, &request, SEND_WHOLE, &a);
    p->status = p->answered ? a.status : 0;
    if (p->answered)
        answer_free(&a);
    client_free(client);
    return NULL;
}

/* All of its jobs; they are canceled, out of the way of the next round. */
static void check_sweep(struct campaign *c, const char *id)
{
    char path[96];
    json_t *jobs =
        answer_json(service_get(&c->victim.service, "/v1/jobs?limit=200&sweep_id=%s", id), 200);
    assert_int_equal(json_array_size(member_get(jobs, "items")), c->n_jobs);
    json_decref(jobs);
    snprintf(path, sizeof path, "/v1/sweeps/%s/cancel", id);
    json_decref(answer_json(service_post_json(&c->victim.service, path, "{}"), 200));
}

static void a_sweep_is_there_whole_or_not_at_all(void **state)
{
    (void)state;
    struct campaign c;
    size_t n_answered = 0, n_kept = 0;
    begin(&c);
    const struct service *service = &c.victim.service;
    for (unsigned i = 0; i < c.n_kills; i++) {
        struct post p = {.campaign = &c};
        pthread_t thread;
        char header[96];
        snprintf(p.key, sizeof p.key, "round-%u", i);
        assert_int_equal(pthread_create(&thread, NULL, post_it, &p), 0);
        sleep_seconds(0.06 * SLOWNESS * dice_uniform(&c.dice));
        victim_kill(&c.victim);
        assert_int_equal(pthread_join(thread, NULL), 0);
        audit(&c);
        restart(&c);
        const size_t before = count_items(service, "/v1/sweeps");
        assert_true(before == i || before == i + 1); /* the earlier ones, and maybe this one */
        assert_int_equal(count_items(service, "/v1/jobs"), before * c.n_jobs);
        if (p.answered) {
            assert_int_equal(p.status, 202);
            assert_int_equal(before, i + 1);
        }
        n_answered += p.answered;
        n_kept += before == i + 1;
        const struct request request = request_of(&p, header);
        json_t *sweep = answer_json(service_send(service, &request), 202);
        assert_int_equal(count_items(service, "/v1/sweeps"), i + 1);
        check_sweep(&c, member_text(sweep, "id"));
        json_decref(sweep);
    }
    harness_print("%u kills while a sweep of %zu jobs was posted: %zu answered, %zu kept, none in "
                  "part\n",
                  c.n_kills, c.n_jobs, n_answered, n_kept);
    end(&c);
}

/* --- while it is deleted --- */

struct removal {
    const struct campaign *campaign;
    char path[64];
    long status; /* 0: there was no answer */
};

static void *remove_it(void *context)
{
    struct removal *r = context;
    struct client *client = client_create();
    struct answer a = {0};
    const struct request request = {.method = "DELETE", .path = r->path};
    if (client_send(client, &r->campaign->victim.service, &request, SEND_WHOLE, &a)) {
        r->status = a.status;
        answer_free(&a);
    }
    client_free(client);
    return NULL;
}

static int64_t count_jobs(const struct campaign *c, const char *id, const char *status)
{
    char member[32];
    json_t *sweep = answer_json(service_get(&c->victim.service, "/v1/sweeps/%s", id), 200);
    snprintf(member, sizeof member, "jobs.%s", status);
    const int64_t n = member_integer(sweep, member);
    json_decref(sweep);
    return n;
}

/* A sweep that has ended, some of it with a checkpoint and a field. */
static void make_ended_sweep(const struct campaign *c, char id[ID_TEXT])
{
    char path[96];
    start_sweep(&c->victim.service, c->body, id);
    while (count_jobs(c, id, "succeeded") == 0)
        pause_briefly();
    snprintf(path, sizeof path, "/v1/sweeps/%s/cancel", id);
    struct answer a = service_post_json(&c->victim.service, path, "{}");
    answer_free(&a); /* 409: it has succeeded meanwhile */
    while (count_jobs(c, id, "queued") + count_jobs(c, id, "running") > 0)
        pause_briefly();
}

static void a_sweep_is_deleted_whole_or_not_at_all(void **state)
{
    (void)state;
    struct campaign c;
    size_t n_answered = 0, n_gone = 0;
    begin(&c);
    const struct service *service = &c.victim.service;
    for (unsigned i = 0; i < c.n_kills; i++) {
        struct removal r = {.campaign = &c};
        pthread_t thread;
        char id[ID_TEXT];
        make_ended_sweep(&c, id);
        snprintf(r.path, sizeof r.path, "/v1/sweeps/%s", id);
        assert_int_equal(pthread_create(&thread, NULL, remove_it, &r), 0);
        sleep_seconds(0.02 * SLOWNESS * dice_uniform(&c.dice));
        victim_kill(&c.victim);
        assert_int_equal(pthread_join(thread, NULL), 0);
        audit(&c);
        restart(&c);
        const size_t left = count_items(service, "/v1/sweeps");
        assert_true(left <= 1);
        assert_int_equal(count_items(service, "/v1/jobs"), left * c.n_jobs);
        if (r.status) {
            assert_int_equal(r.status, 204);
            assert_int_equal(left, 0);
        }
        n_answered += r.status != 0;
        n_gone += left == 0;
        answer_status(service_delete(service, "%s", r.path), left ? 204 : 404);
        assert_int_equal(count_items(service, "/v1/jobs"), 0);
    }
    harness_print("%u kills while a sweep of %zu jobs was deleted: %zu answered, %zu gone, none in "
                  "part\n",
                  c.n_kills, c.n_jobs, n_answered, n_gone);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_sweep_has_the_table_of_an_unbroken_one),
        cmocka_unit_test(a_sweep_is_there_whole_or_not_at_all),
        cmocka_unit_test(a_sweep_is_deleted_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
