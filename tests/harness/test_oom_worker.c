/*
 * Workers out of memory: fits of every task, uploads of every kind, and forecasts, again and again
 * while the worker's first, second, … allocation fails, once and then for good.
 *
 * A fit succeeds all the same, or ends as `failed: out_of_memory` at its first attempt; an upload
 * is taken, a forecast made, or refused in words.  No worker ever dies of it, and the same again
 * then succeeds. (The service itself has memory enough: test_oom is about that.)
 *
 * HARNESS_N: tries of a fit or upload in each of the two ways, spread by HARNESS_SEED over its
 * allocations; "all" (make oom_worker): allocations at a stride that makes some hundred tries.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/harness.h"
#include "tests/harness/specimen.h"
#include "tests/harness/starved.h"
#include "tests/http/fit.h"

static const char *const settings[] = {"--handlers", "2", "--log-level", "error", NULL};

enum { STEPS = 40 };

static struct starved starved;
static char datasets[N_SPECIMENS][ID_TEXT];
static struct dice dice;
static unsigned sample_size; /* 0: all */

struct tally {
    long n_tries, n_failed, n_good, n_refused;
};

/* The allocations that fail: of a sample any of n, of all each stride-th.  *nth starts as 0; false
 * at the end. */
static bool next_nth(long *nth, unsigned *n_done, long n)
{
    enum { MOST = 250 };
    *nth = sample_size == 0 ? *nth + 1 + n / MOST : 1 + (long)dice_below(&dice, (size_t)n);
    return sample_size == 0 ? *nth <= n : (*n_done)++ < sample_size;
}

static void print_tally(const char *what, long n_allocations, const struct tally *t)
{
    print_message("%-16s %6ld allocations %5ld tries %6ld failed: %5ld good %5ld refused\n", what,
                  n_allocations, t->n_tries, t->n_failed, t->n_good, t->n_refused);
}

/* --- fits --- */

/* The job at its end; the caller's. */
static json_t *run_fit(size_t fit)
{
    char body[SPECIMEN_BODY];
    const double end = now_seconds() + 60 * SLOWNESS;
    specimen_job_body(body, fit, datasets[specimen_fits[fit].kind], "", STEPS);
    json_t *job = answer_json(service_post_json(&starved.service, "/v1/jobs", body), 202);
    for (;;) {
        json_t *now =
            answer_json(service_get(&starved.service, "/v1/jobs/%s", member_text(job, "id")), 200);
        const char *status = member_text(now, "status");
        if (strcmp(status, "queued") != 0 && strcmp(status, "running") != 0) {
            json_decref(job);
            return now;
        }
        json_decref(now);
        if (now_seconds() > end)
            starved_fail(&starved, "a fit of '%s' does not end", specimen_fits[fit].task);
        pause_briefly();
    }
}

/* True: it succeeded. */
static bool judge_fit(const json_t *job, long nth, long n_failed)
{
    const bool is_good = strcmp(member_text(job, "status"), "succeeded") == 0;
    const bool is_refused = strcmp(member_text(job, "status"), "failed") == 0 &&
                            strcmp(member_text(job, "error.class"), "out_of_memory") == 0;
    if ((!is_good && !(is_refused && n_failed > 0)) || member_integer(job, "attempt") != 1) {
        char *text = json_dumps(json_object_get(job, "error"), 0);
        starved_fail(&starved, "allocation %ld: the job is %s after %d attempts: %s", nth,
                     member_text(job, "status"), (int)member_integer(job, "attempt"),
                     text ? text : "");
    }
    return is_good;
}

static void try_fit(size_t fit, enum failing how, long nth, struct tally *t)
{
    starved_arm_workers(&starved, how, nth);
    json_t *job = run_fit(fit);
    const long n_failed = starved_disarm_workers(&starved);
    if (judge_fit(job, nth, n_failed))
        t->n_good++;
    else
        t->n_refused++;
    t->n_tries++;
    t->n_failed += n_failed;
    json_decref(job);
}

static void fits_end_in_words_when_their_worker_has_no_memory(void **state)
{
    (void)state;
    for (size_t fit = 0; fit < N_SPECIMEN_FITS; fit++) {
        struct tally t = {0};
        unsigned n_done = 0;
        char name[64];
        try_fit(fit, FAIL_ONCE, LONG_MAX, &(struct tally){0});
        const long n = starved_seen_by_workers(&starved);
        assert_true(n > 0);
        for (long nth = 0; next_nth(&nth, &n_done, n);)
            for (int how = FAIL_ONCE; how <= FAIL_ON; how++)
                try_fit(fit, (enum failing)how, nth, &t);
        try_fit(fit, FAIL_ONCE, LONG_MAX, &(struct tally){0});
        snprintf(name, sizeof name, "%s %zu", specimen_fits[fit].task, fit);
        print_tally(name, n, &t);
    }
}

/* --- questions: uploads and forecasts --- */

/* True: it was answered well. */
static bool try_question(const struct request *request, long good, enum failing how, long nth,
                         struct tally *t)
{
    starved_arm_workers(&starved, how, nth);
    struct answer a = service_send(&starved.service, request);
    const long n_failed = starved_disarm_workers(&starved);
    const bool is_good = a.status == good;
    /* what a worker died of is refused with 422, too: in other words */
    if (!is_good && (n_failed == 0 || a.status != 422 ||
                     !strstr((const char *)a.body.data, "takes too much memory")))
        starved_fail(&starved, "allocation %ld: %s is answered %ld: %.300s", nth, request->path,
                     a.status, a.body.data ? (const char *)a.body.data : "");
    t->n_tries++;
    t->n_failed += n_failed;
    t->n_good += is_good;
    t->n_refused += !is_good;
    answer_free(&a);
    return is_good;
}

static bool try_upload(enum specimen kind, enum failing how, long nth, struct tally *t)
{
    struct bytes file = specimen_file(kind, &dice);
    const struct request request = {.path = specimen_path(kind),
                                    .content_type = "application/octet-stream",
                                    .body = file.data,
                                    .n_body = file.n};
    const bool is_good = try_question(&request, 201, how, nth, t);
    bytes_free(&file);
    return is_good;
}

static bool try_forecast(enum failing how, long nth, struct tally *t)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"preset\":\"paper\",\"field\":{\"encoding\":{\"sigma\":"
             "\"auto\"}}}",
             datasets[SPECIMEN_IMAGE]);
    const struct request request = {.path = "/v1/estimates?forecast=true",
                                    .content_type = "application/json",
                                    .body = body,
                                    .n_body = strlen(body)};
    return try_question(&request, 200, how, nth, t);
}

static void uploads_are_refused_in_words_when_their_worker_has_no_memory(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < N_SPECIMENS; kind++) {
        struct tally t = {0};
        unsigned n_done = 0;
        assert_true(try_upload((enum specimen)kind, FAIL_ONCE, LONG_MAX, &(struct tally){0}));
        const long n = starved_seen_by_workers(&starved);
        assert_true(n > 0);
        for (long nth = 0; next_nth(&nth, &n_done, n);)
            for (int how = FAIL_ONCE; how <= FAIL_ON; how++)
                try_upload((enum specimen)kind, (enum failing)how, nth, &t);
        assert_true(try_upload((enum specimen)kind, FAIL_ONCE, LONG_MAX, &(struct tally){0}));
        print_tally(strchr(specimen_path((enum specimen)kind), '=') + 1, n, &t);
    }
}

static void forecasts_are_refused_in_words_when_their_worker_has_no_memory(void **state)
{
    (void)state;
    struct tally t = {0};
    unsigned n_done = 0;
    assert_true(try_forecast(FAIL_ONCE, LONG_MAX, &(struct tally){0}));
    const long n = starved_seen_by_workers(&starved);
    assert_true(n > 0);
    for (long nth = 0; next_nth(&nth, &n_done, n);)
        for (int how = FAIL_ONCE; how <= FAIL_ON; how++)
            try_forecast((enum failing)how, nth, &t);
    assert_true(try_forecast(FAIL_ONCE, LONG_MAX, &(struct tally){0}));
    print_tally("forecast", n, &t);
}

static int set_up(void **state)
{
    (void)state;
    enum { SAMPLE = 1 };
    sample_size = harness_count(SAMPLE); /* "all" reads as 0 */
    dice.state = harness_seed();
    starved_start(&starved, settings);
    for (size_t kind = 0; kind < N_SPECIMENS; kind++)
        specimen_upload(&starved.service, (enum specimen)kind, &dice, datasets[kind]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    starved_stop(&starved);
    starved_remove(&starved);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_end_in_words_when_their_worker_has_no_memory),
        cmocka_unit_test(uploads_are_refused_in_words_when_their_worker_has_no_memory),
        cmocka_unit_test(forecasts_are_refused_in_words_when_their_worker_has_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
