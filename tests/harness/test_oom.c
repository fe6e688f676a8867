/*
 * Out of memory: each request of a table is sent again and again to the real service while its
 * first, second, … allocation fails, once and then for good until the answer.
 *
 * After every try: the service is the same process; the answer was the right one, a 503, or the
 * connection was cut, and came in time; the same request then succeeds; what was answered with
 * success is stored, what was refused is not.  At the end the service stops with exit status 0, by
 * which the leak sanitizer speaks where there is one.
 *
 * HARNESS_N: tries of a scenario in each of the two ways, spread by HARNESS_SEED over its
 * allocations; "all" (make oom): every allocation.
 */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/harness.h"
#include "tests/harness/oom_scenario.h"

static const double patience_seconds = 10 * SLOWNESS;

/* One client at a time, few threads: the same request then allocates about the same again.  The
 * smallest cache of fields: one that is larger is loaded for each request. */
static const char *const settings[] = {
    "--handlers",        "2",     "--log-level", "error", "--field-cache-bytes", "1MiB",
    "--silence-seconds", "86400", NULL};

static uint64_t seed;
static unsigned sample_size; /* 0: all */

/* --- a try --- */

struct texts {
    char path[256], body[1024], header[2][128];
};

static struct request make_request(const struct scenario *sc, struct texts *t)
{
    oom_fill_in(sc->path, t->path, sizeof(t->path));
    struct request r = {
        .method = sc->method, .path = t->path, .content_type = sc->type, .until = sc->until};
    for (size_t i = 0; i < 2 && sc->headers[i]; i++) {
        oom_fill_in(sc->headers[i], t->header[i], sizeof(t->header[i]));
        r.headers[i] = t->header[i];
    }
    if (sc->text) {
        oom_fill_in(sc->text, t->body, sizeof(t->body));
        r.body = t->body;
        r.n_body = strlen(t->body);
    } else if (sc->bytes) {
        r.body = sc->bytes->data;
        r.n_body = sc->bytes->n;
    }
    return r;
}

/* A 503 says what it is, or nothing where even the words could not be made. */
static bool is_refusal(const struct answer *a)
{
    return a->status == 503 && answer_header(a, "Retry-After")[0] &&
           (a->body.n == 0 ||
            strcmp(answer_header(a, "Content-Type"), "application/problem+json") == 0);
}

static enum outcome judge(const struct scenario *sc, enum sent sent, const struct answer *a,
                          long n_failed)
{
    if (sent == SENT_LATE)
        starved_fail(&oom.starved, "no answer within %.0f s", patience_seconds);
    if (n_failed == 0 && (sent == SENT_CUT || a->status != sc->good))
        starved_fail(&oom.starved, "nothing failed, yet the answer is %ld: %.300s", a->status,
                     a->body.data ? (const char *)a->body.data : "");
    if (sent == SENT_CUT)
        return CUT;
    if (a->status != sc->good && !is_refusal(a))
        starved_fail(&oom.starved, "answered %ld: %.300s", a->status,
                     a->body.data ? (const char *)a->body.data : "");
    return a->status == sc->good ? GOOD : REFUSED;
}

static void check_same(const struct answer *a, const struct answer *reference)
{
    if (a->body.n != reference->body.n ||
        (a->body.n > 0 && memcmp(a->body.data, reference->body.data, a->body.n) != 0))
        starved_fail(&oom.starved, "answered %ld, but not what it should be: %.600s", a->status,
                     a->body.data ? (const char *)a->body.data : "");
}

struct tally {
    long n_tries, n_failed, n_outcomes[CUT + 1];
};
static struct tally total;

static long send_once(const struct scenario *sc, enum failing how, long nth,
                      const struct answer *reference, struct tally *tally)
{
    struct texts texts;
    struct try try = {.scenario = sc};
    oom.n_tries++;
    if (sc->prepare)
        sc->prepare();
    try.request = make_request(sc, &texts);
    starved_arm(&oom.starved, how, nth);
    enum sent sent = service_try(&oom.starved.service, &try.request, patience_seconds, &try.answer);
    long n_failed = starved_disarm(&oom.starved);
    starved_check_alive(&oom.starved);
    try.outcome = judge(sc, sent, &try.answer, n_failed);
    /* An error's words are the client's help, not a promise. */
    if (try.outcome == GOOD && sc->is_stable && reference && sc->good < 400)
        check_same(&try.answer, reference);
    starved_check_tidy(&oom.starved);
    oom_check(&try);
    starved_check_alive(&oom.starved);
    tally->n_tries++;
    tally->n_failed += n_failed;
    tally->n_outcomes[try.outcome]++;
    answer_free(&try.answer);
    return n_failed;
}

/* --- all tries of a scenario --- */

static struct answer get_reference(const struct scenario *sc)
{
    struct texts texts;
    struct request request = make_request(sc, &texts);
    return service_send(&oom.starved.service, &request);
}

static unsigned long next_random(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned long)(seed >> 33);
}

static void print_tally(const char *name, long n_allocations, const struct tally *t)
{
    print_message("%-20s %6ld allocations %6ld tries %8ld failed: %6ld good %6ld 503 %6ld cut\n",
                  name, n_allocations, t->n_tries, t->n_failed, t->n_outcomes[GOOD],
                  t->n_outcomes[REFUSED], t->n_outcomes[CUT]);
}

static void add_up(const struct tally *t)
{
    total.n_tries += t->n_tries;
    total.n_failed += t->n_failed;
    for (size_t i = 0; i <= CUT; i++)
        total.n_outcomes[i] += t->n_outcomes[i];
}

/* What is allocated may grow by caches, more where rows were stored; not by each failure.  (The
 * leak sanitizer looks closer, and allocates itself.  Of a stream that was hung up on only the next
 * ping finds out.) */
static void check_live(const struct scenario *sc, long before, long n_tries)
{
    enum { LOOKS = 5 }; /* what another thread holds for a moment is gone at the next */
    const long most = 100 + (sc->check ? 2 * n_tries : n_tries / 4);
    long growth = LONG_MAX;
    for (int i = 0; i < LOOKS && growth > most; i++) {
        send_once(sc, FAIL_ONCE, LONG_MAX, NULL, &(struct tally){0});
        growth = starved_live(&oom.starved) - before;
    }
    if (SLOWNESS == 1 && !sc->until && growth > most)
        starved_fail(&oom.starved, "%ld blocks more are allocated after %ld tries", growth,
                     n_tries);
}

static void run_scenario(void **state)
{
    const struct scenario *sc = *state;
    struct answer reference = {0};
    struct tally tally = {0};
    if (sc->is_stable)
        reference = get_reference(sc);
    send_once(sc, FAIL_ONCE, LONG_MAX, NULL, &tally); /* fills what is made once */
    send_once(sc, FAIL_ONCE, LONG_MAX, NULL, &tally);
    long n = starved_seen(&oom.starved), live = starved_live(&oom.starved);
    tally = (struct tally){0};
    for (long i = 1; sample_size == 0 || i <= (long)sample_size; i++) {
        long nth = sample_size == 0 ? i : 1 + (long)(next_random() % (unsigned long)n);
        long n_failed = send_once(sc, FAIL_ONCE, nth, &reference, &tally);
        n_failed += send_once(sc, FAIL_ON, nth, &reference, &tally);
        if (sample_size == 0 && n_failed == 0)
            break;
    }
    answer_free(&reference);
    check_live(sc, live, tally.n_tries);
    print_tally(sc->name, n, &tally);
    add_up(&tally);
}

/* --- the scene --- */

static void make_form(struct bytes *form, const struct bytes *file)
{
    static const char head[] = "--oom-7d1f\r\nContent-Disposition: form-data; name=\"file\"; "
                               "filename=\"a picture.png\"\r\nContent-Type: image/png\r\n\r\n";
    static const char tail[] = "\r\n--oom-7d1f--\r\n";
    bytes_append(form, head, sizeof(head) - 1);
    bytes_append(form, file->data, file->n);
    bytes_append(form, tail, sizeof(tail) - 1);
}

static void make_points(void)
{
    enum { N_POINTS = 700 }; /* more than are evaluated on the handler's own thread */
    static float points[N_POINTS][2];
    for (size_t i = 0; i < N_POINTS; i++) {
        points[i][0] = (float)i / N_POINTS;
        points[i][1] = 0.5f;
    }
    oom.npy_points = make_npy("<f4", "700, 2", points, sizeof(points));
    bytes_append(&oom.raw_points, points, sizeof(points));
}

static void fit(const char *more, char job[ID_TEXT], char field[ID_TEXT])
{
    char body[1024];
    snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"labels\":{\"of\":\"parent\"},%s}",
             oom.dataset, more);
    json_t *posted = answer_json(service_post_json(&oom.starved.service, "/v1/jobs", body), 202);
    snprintf(job, ID_TEXT, "%s", member_text(posted, "id"));
    json_decref(posted);
    json_t *done = wait_for_job(&oom.starved.service, job, "succeeded");
    snprintf(field, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(done);
}

/* A dataset of every kind, a job over it, and another file of its kind for uploads. */
static void upload_specimens(void)
{
    struct dice dice = {.state = 7};
    for (size_t kind = 0; kind < N_SPECIMENS; kind++) {
        specimen_upload(&oom.starved.service, (enum specimen)kind, &dice, oom.of_kind[kind]);
        bytes_free(&oom.files[kind]);
        oom.files[kind] = specimen_file((enum specimen)kind, &dice);
    }
    for (size_t i = 0; i < N_SPECIMEN_FITS; i++)
        specimen_job_body(oom.fits[i], i, oom.of_kind[specimen_fits[i].kind], "", 100);
}

/* Fields that the scenarios ask: of a grid, of a volume, a shape and views, of distances. */
static void fit_specimens(void)
{
    static const size_t asked[] = {1, 4, 5, 6, 9};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        specimen_make_field(&oom.starved.service, asked[i], 100, oom.of_fit[asked[i]]);
}

static void wait_for_snapshot(const char *field)
{
    double end = now_seconds() + 20 * SLOWNESS;
    for (long status = 0; status != 200;) {
        struct answer a = service_get(&oom.starved.service, "/v1/fields/%s/weights", field);
        status = a.status;
        answer_free(&a);
        assert_true(now_seconds() < end);
        pause_briefly();
    }
}

/* A job whose worker is stopped: it keeps the only place, so that those the tries post stay queued,
 * and says nothing. */
static void occupy(void)
{
    pid_t worker = 0;
    start_job(&oom.starved.service, oom.dataset, 10000000, "", oom.running);
    wait_for_step(&oom.starved.service, oom.running, 1);
    json_t *job = answer_json(service_get(&oom.starved.service, "/v1/jobs/%s", oom.running), 200);
    snprintf(oom.training, sizeof(oom.training), "%s", member_text(job, "field_id"));
    json_decref(job);
    wait_for_snapshot(oom.training);
    assert_int_equal(service_workers(&oom.starved.service, &worker, 1), 1);
    assert_int_equal(kill(worker, SIGSTOP), 0);
}

static void read_environment(void)
{
    enum { SAMPLE = SLOWNESS > 1 ? 2 : 4 };
    sample_size = harness_count(SAMPLE); /* "all" reads as 0 */
    seed = harness_seed();
}

static int set_up(void **state)
{
    (void)state;
    char job[ID_TEXT];
    read_environment();
    starved_start(&oom.starved, settings);
    oom.png = sample_picture_png(24, 2);
    make_form(&oom.form, &oom.png);
    make_points();
    char blanks[4096];
    memset(blanks, ' ', sizeof(blanks));
    while (oom.large.n <= 1 << 20)
        bytes_append(&oom.large, blanks, sizeof(blanks));
    upload_picture(&oom.starved.service, 32, 1, oom.dataset);
    upload_specimens();
    fit_specimens();
    oom.n_datasets = oom_count_items(oom_datasets);
    fit("\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":32,\"sigma\":4},"
        "\"network\":{\"n_hidden_layers\":2,\"width\":32,\"activation\":\"tanh\"}},"
        "\"train\":{\"steps\":100,"
        "\"batch_size\":64}",
        oom.done, oom.field);
    fit("\"field\":{\"network\":{\"n_hidden_layers\":2,\"width\":256}},\"train\":{\"steps\":2,"
        "\"batch_size\":16}",
        job, oom.heavy);
    occupy();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    starved_remove(&oom.starved);
    bytes_free(&oom.png);
    bytes_free(&oom.form);
    bytes_free(&oom.npy_points);
    bytes_free(&oom.raw_points);
    bytes_free(&oom.large);
    for (size_t kind = 0; kind < N_SPECIMENS; kind++)
        bytes_free(&oom.files[kind]);
    return 0;
}

static void service_that_ran_out_of_memory_stops_without_a_leak(void **state)
{
    (void)state;
    pid_t worker = 0;
    if (service_workers(&oom.starved.service, &worker, 1) == 1)
        kill(worker, SIGCONT);
    starved_stop(&oom.starved);
    print_tally("total", 0, &total);
}

/* --- its whole life --- */

/* The next N of a sample in 1..n, or of every stride-th; false at the end.  *nth starts as 0. */
static bool next_nth(long *nth, long *n_done, long n, long stride)
{
    *nth = sample_size == 0 ? *nth + stride : 1 + (long)(next_random() % (unsigned long)n);
    return sample_size == 0 ? *nth <= n : (*n_done)++ < (long)sample_size;
}

static json_t *get_job_or_null(const char *id)
{
    char path[128];
    struct answer a;
    snprintf(path, sizeof(path), "/v1/jobs/%s", id);
    const struct request request = {.path = path};
    enum sent sent = service_try(&oom.starved.service, &request, patience_seconds, &a);
    if (sent == SENT_LATE)
        starved_fail(&oom.starved, "no answer within %.0f s", patience_seconds);
    if (sent == SENT_ANSWERED && a.status == 200)
        return answer_json(a, 200);
    answer_free(&a);
    return NULL;
}

/* Let allocations fail, now one, now all for a moment, for some seconds or until the job has ended.
 * How many failed. */
static long starve(const char *id)
{
    enum { SECONDS = 4 };
    double end = now_seconds() + SECONDS;
    long n_failed = 0;
    for (bool ended = false; !ended && now_seconds() < end;) {
        bool for_good = next_random() % 4 == 0;
        starved_arm(&oom.starved, for_good ? FAIL_ON : FAIL_ONCE, 1 + (long)(next_random() % 100));
        pause_briefly();
        n_failed += starved_disarm(&oom.starved);
        starved_check_alive(&oom.starved);
        json_t *job = get_job_or_null(id);
        if (job) {
            const char *status = member_text(job, "status");
            ended = strcmp(status, "queued") != 0 && strcmp(status, "running") != 0;
        }
        json_decref(job);
    }
    return n_failed;
}

/* The log of an ended job: numbers without a hole, "done" last. */
static void check_log(const char *id)
{
    struct answer a = service_get(&oom.starved.service, "/v1/jobs/%s/events", id);
    unsigned long last = 0;
    assert_int_equal(a.status, 200);
    for (const char *at = (const char *)a.body.data; (at = strstr(at, "id: ")); at += 4)
        assert_int_equal(strtoul(at + 4, NULL, 10), ++last);
    assert_true(last > 0);
    const char *done = strstr((const char *)a.body.data, "\nevent: done\n");
    assert_non_null(done);
    assert_null(strstr(done + 1, "\nevent: "));
    answer_free(&a);
}

/* Of a picture, or a specimen. */
static void start_fit(bool is_picture, size_t fit, char id[ID_TEXT])
{
    char body[SPECIMEN_BODY];
    if (is_picture) {
        start_job(&oom.starved.service, oom.dataset, 3000 / SLOWNESS, "", id);
        return;
    }
    specimen_job_body(body, fit, oom.of_kind[specimen_fits[fit].kind], "", 1000 / SLOWNESS);
    json_t *job = answer_json(service_post_json(&oom.starved.service, "/v1/jobs", body), 202);
    snprintf(id, ID_TEXT, "%s", member_text(job, "id"));
    json_decref(job);
}

/* The field answers. */
static void look_at(const char *field_id, const struct look *look)
{
    char path[160];
    const struct request r = {.path = path,
                              .content_type = look->body ? "application/json" : NULL,
                              .body = look->body,
                              .n_body = look->body ? strlen(look->body) : 0};
    snprintf(path, sizeof(path), "/v1/fields/%s/%s", field_id, look->below);
    answer_status(service_send(&oom.starved.service, &r), 200);
}

static void fit_ends_well_while_allocations_fail(void **state)
{
    (void)state;
    enum { SAMPLE = 2, ALL = 4 * N_SPECIMEN_FITS };
    long n_failed = 0;
    const size_t n = sample_size == 0 ? ALL : SAMPLE, first = next_random() % N_SPECIMEN_FITS;
    for (size_t i = 0; i < n; i++) {
        char id[ID_TEXT];
        const size_t fit = (first + i / 2) % N_SPECIMEN_FITS;
        start_fit(i % 2 == 0, fit, id);
        n_failed += starve(id);
        json_t *job = wait_for_job(&oom.starved.service, id, "succeeded");
        static const struct look flat = {"value?x=1&y=1", NULL, 200};
        look_at(member_text(job, "field_id"), i % 2 == 0 ? &flat : &specimen_fits[fit].looks[0]);
        json_decref(job);
        check_log(id);
    }
    print_message("%zu fits while %ld allocations failed\n", n, n_failed);
}

/* Start over a folder with data and a job under way: it serves, or says why not and exits with 1;
 * what was stored is there at the next start. */
static void start_serves_or_says_why_not(void **state)
{
    (void)state;
    struct starved *s = &oom.starved;
    struct tally tally = {0};
    char id[ID_TEXT];
    start_job(&s->service, oom.dataset, 10000000, "", id);
    starved_stop(s);
    assert_true(starved_try_restart(s, settings, FAIL_ONCE, LONG_MAX));
    long n = starved_seen(s);
    starved_disarm(s);
    for (long nth = 0, n_done = 0; next_nth(&nth, &n_done, n, 2L * SLOWNESS);)
        for (int how = FAIL_ONCE; how <= FAIL_ON; how++) {
            starved_stop(s);
            bool is_up = starved_try_restart(s, settings, (enum failing)how, nth);
            tally.n_tries++;
            tally.n_failed += starved_disarm(s);
            tally.n_outcomes[is_up ? GOOD : REFUSED]++;
            if (!is_up) {
                int status = service_wait(&s->service);
                if (status != 1)
                    starved_fail(s, "it ended with exit status %d", status);
                assert_true(starved_try_restart(s, settings, FAIL_NONE, 0));
            }
            answer_status(service_get(&s->service, "/v1/datasets/%s", oom.dataset), 200);
            json_decref(wait_for_job(&s->service, id, "running"));
        }
    print_message("start: %ld allocations, %ld tries, %ld failed: served %ld, gave up %ld\n", n,
                  tally.n_tries, tally.n_failed, tally.n_outcomes[GOOD], tally.n_outcomes[REFUSED]);
}

/* SIGTERM with a job under way. */
static void stop_ends_well_while_allocations_fail(void **state)
{
    (void)state;
    struct starved *s = &oom.starved;
    struct tally tally = {0};
    json_t *running = oom_get_items("/v1/jobs?status=running");
    char id[ID_TEXT];
    snprintf(id, sizeof(id), "%s", member_text(json_array_get(running, 0), "id"));
    json_decref(running);
    starved_arm(s, FAIL_ONCE, LONG_MAX);
    starved_stop(s);
    long n = starved_seen(s);
    for (long nth = 0, n_done = 0; next_nth(&nth, &n_done, n, 8L * SLOWNESS);)
        for (int how = FAIL_ONCE; how <= FAIL_ON; how++) {
            assert_true(starved_try_restart(s, settings, FAIL_NONE, 0));
            json_decref(wait_for_job(&s->service, id, "running"));
            starved_arm(s, (enum failing)how, nth);
            starved_stop(s);
            tally.n_tries++;
            tally.n_failed += starved_disarm(s);
        }
    print_message("stop: %ld allocations, %ld tries, %ld failed\n", n, tally.n_tries,
                  tally.n_failed);
}

/* A new service, in a new folder. */
static int set_up_life(void **state)
{
    (void)state;
    starved_remove(&oom.starved);
    starved_start(&oom.starved, settings);
    upload_picture(&oom.starved.service, 32, 1, oom.dataset);
    upload_specimens();
    return 0;
}

int main(void)
{
    enum { MAX = 128 };
    static const struct CMUnitTest life[] = {
        cmocka_unit_test(service_that_ran_out_of_memory_stops_without_a_leak),
        cmocka_unit_test_setup(fit_ends_well_while_allocations_fail, set_up_life),
        cmocka_unit_test(start_serves_or_says_why_not),
        cmocka_unit_test(stop_ends_well_while_allocations_fail),
    };
    static char names[MAX][96];
    static struct CMUnitTest tests[MAX + sizeof life / sizeof life[0]];
    assert_true(oom_n_scenarios <= MAX);
    for (size_t i = 0; i < oom_n_scenarios; i++) {
        snprintf(names[i], sizeof(names[i]), "%s_survives_each_failed_allocation",
                 oom_scenarios[i].name);
        tests[i] = (struct CMUnitTest){.name = names[i],
                                       .test_func = run_scenario,
                                       .initial_state = (void *)(uintptr_t)&oom_scenarios[i]};
    }
    memcpy(tests + oom_n_scenarios, life, sizeof life);
    return _cmocka_run_group_tests("oom", tests, oom_n_scenarios + sizeof life / sizeof life[0],
                                   set_up, tear_down);
}
