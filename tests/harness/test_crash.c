/*
 * make crash: kill -9 of the service and all its workers at random moments under a mixed load of
 * every kind of dataset and every task, over and over the same data folder.  Nothing acknowledged
 * is lost, nothing deleted comes back, nothing ends twice.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/audit.h"
#include "tests/harness/harness.h"
#include "tests/harness/load.h"
#include "tests/harness/verify.h"
#include "tests/harness/victim.h"

/* ready_seconds is promised for a machine that has nothing else to do. */
static const double ready_seconds = 2;

enum { N_SAMPLE = 4, N_LONG = 300, N_CLIENTS = 4, SAMPLE_ENTRIES = 12, MAX_ROUNDS = 10000 };

static const char *const settings[] = {"--workers", "2", "--handlers", "4", NULL};

/* When the blow comes. */
enum moment { UNDER_LOAD, AT_START, AT_STOP, N_MOMENTS };

struct campaign {
    unsigned n_rounds;
    uint64_t seed;
    struct dice dice;
    struct victim victim;
    struct ledger ledger;
    struct verifier verifier;
    struct load_counts counts;
    size_t n_kills[N_MOMENTS], n_ready;
    double *ready; /* seconds from the start to the ready line, of each start that was not killed */
};

static void start(struct campaign *c)
{
    assert_true(c->n_ready < 2 * MAX_ROUNDS);
    c->ready[c->n_ready++] = victim_start(&c->victim, settings);
}

/* A moment of the start: it takes about so long. */
static void kill_starting(struct campaign *c)
{
    victim_launch(&c->victim, NULL, settings);
    sleep_seconds(0.15 * SLOWNESS * dice_uniform(&c->dice));
    victim_kill(&c->victim);
    c->n_kills[AT_START]++;
}

/* Some hundred milliseconds of load, now and then some seconds. */
static double draw_seconds(struct campaign *c)
{
    double range = dice_below(&c->dice, 8) == 0 ? 2.5 : 0.5;
    return range * SLOWNESS * dice_uniform(&c->dice);
}

static void kill_under_load(struct campaign *c, enum moment moment)
{
    struct load *load = load_start(&c->victim.service, &c->ledger, N_CLIENTS, dice_roll(&c->dice));
    sleep_seconds(draw_seconds(c));
    if (moment == AT_STOP) {
        assert_int_equal(kill(c->victim.service.pid, SIGTERM), 0);
        sleep_seconds(0.2 * SLOWNESS * dice_uniform(&c->dice));
    }
    victim_kill(&c->victim);
    struct load_counts counts = load_stop(load);
    c->counts.answered += counts.answered;
    c->counts.broken += counts.broken;
    c->n_kills[moment]++;
}

static void audit(struct campaign *c, struct audit_figures *figures)
{
    char data[128];
    snprintf(data, sizeof data, "%s/data", c->victim.service.folder);
    audit_copy(data, AUDIT_NO_CRASHES, figures);
}

static void play_round(struct campaign *c)
{
    struct audit_figures figures;
    const size_t lot = dice_below(&c->dice, 20);
    if (lot < 3)
        kill_starting(c);
    start(c);
    verify_some(&c->verifier, &c->victim.service, &c->dice, SAMPLE_ENTRIES / SLOWNESS + 1);
    kill_under_load(c, lot < 6 ? AT_STOP : UNDER_LOAD);
    audit(c, &figures);
}

/* No job is left that nobody works at: all of them end, those that want more time by a cancel. */
static void drain(struct campaign *c)
{
    struct answer a = {0};
    struct job_entry job;
    for (size_t i = 0; ledger_get_job(&c->ledger, i, &job); i++)
        if (job.end[0] == '\0' && i % 2 == 0 &&
            client_post(c->verifier.client, &c->victim.service, &a, "{}", "/v1/jobs/%s/cancel",
                        job.id)) {
            assert_true(a.status == 200 || a.status == 409);
            answer_free(&a);
        }
    verify_drained(&c->verifier, &c->victim.service, 60 * SLOWNESS);
}

static void report(struct campaign *c, const struct audit_figures *f, double seconds)
{
    const struct verifier *v = &c->verifier;
    harness_print(
        "%zu kills (%zu under load, %zu at start, %zu while stopping), seed %llu, %.0f s\n",
        c->n_kills[UNDER_LOAD] + c->n_kills[AT_START] + c->n_kills[AT_STOP], c->n_kills[UNDER_LOAD],
        c->n_kills[AT_START], c->n_kills[AT_STOP], (unsigned long long)c->seed, seconds);
    harness_print("requests: %zu answered, %zu cut off; in the ledger: %zu datasets, %zu jobs, "
                  "%zu deletions\n",
                  c->counts.answered, c->counts.broken, c->ledger.n_datasets, c->ledger.n_jobs,
                  c->ledger.n_deleted);
    harness_print("checks over HTTP: %zu of datasets, %zu of jobs, %zu of fields, %zu of keys, "
                  "%zu of deletions: none lost\n",
                  v->n_datasets, v->n_jobs, v->n_fields, v->n_keys, v->n_deletions);
    harness_print("at the end: %lld datasets, %lld jobs, %lld fields, %lld blobs, %lld events in "
                  "%.1f MB; integrity ok each time\n",
                  (long long)f->n_datasets, (long long)f->n_jobs, (long long)f->n_fields,
                  (long long)f->n_blobs, (long long)f->n_events, (double)f->database_bytes / 1e6);
    double most = quantile(c->ready, c->n_ready, 1), p99 = quantile(c->ready, c->n_ready, 0.99);
    harness_print("ready again after: p50 %.3f s, p99 %.3f s, max %.3f s (%zu starts)\n",
                  quantile(c->ready, c->n_ready, 0.5), p99, most, c->n_ready);
    if (harness_is_long())
        assert_true(p99 < ready_seconds * SLOWNESS);
}

static void nothing_acknowledged_is_lost_by_kill_9(void **state)
{
    (void)state;
    struct campaign c = {.n_rounds = harness_count(harness_is_asked() ? N_LONG : N_SAMPLE),
                         .seed = harness_seed()};
    struct audit_figures figures;
    double begin = now_seconds();
    assert_true(c.n_rounds <= MAX_ROUNDS);
    c.dice.state = c.seed;
    c.ready = calloc(2 * MAX_ROUNDS, sizeof *c.ready);
    assert_non_null(c.ready);
    ledger_init(&c.ledger);
    verifier_init(&c.verifier, &c.ledger);
    victim_init(&c.victim, NULL);
    for (unsigned round = 1; round <= c.n_rounds; round++) {
        play_round(&c);
        if (harness_is_long() && round % 25 == 0)
            harness_print("%u rounds, %.0f s: %zu datasets, %zu jobs acknowledged\n", round,
                          now_seconds() - begin, c.ledger.n_datasets, c.ledger.n_jobs);
    }
    start(&c);
    drain(&c);
    verify_all(&c.verifier, &c.victim.service);
    victim_stop(&c.victim);
    audit(&c, &figures);
    report(&c, &figures, now_seconds() - begin);
    victim_deinit(&c.victim);
    verifier_deinit(&c.verifier);
    ledger_deinit(&c.ledger);
    free(c.ready);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost_by_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
