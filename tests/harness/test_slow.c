/*
 * Slow peers: thousands of connections that send or take as little as they can, while others go on
 * as if nothing were.
 *
 *   make slow            HARNESS_N=N connections (default 300, for `make test`)
 *   make slow N=10000    the long run: half a minute of each attack, and the times are asserted
 *
 * In the sample only the answers are asserted, not how long they took: `make test` times nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/crowd.h"
#include "tests/harness/harness.h"
#include "tests/harness/probe.h"
#include "tests/http/fit.h"

#define HEAD "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-Slow: a"
#define BODY                                                                                       \
    "POST /v1/datasets?kind=image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"

enum { SAMPLE_N = 300, PROBES = 1000, P99_MS = 50, KIB_A_CONNECTION = 64, WAIT_SECONDS = 30 };

/* Each handler opens the store's files when it first reads from it: descriptors that stay. */
enum { HANDLERS = 4, FILES_A_HANDLER = 4 };

/* A place taken by a slow head is kept for as long as it takes to open so many others: far longer
 * than an honest head takes. */
enum { OPENS_A_SECOND = 2000 };

/* What may stay resident beside a quarter of the rise: the allocator gives back whole pages. */
enum { KEPT_BYTES = 16 << 20 };

/* A share of all connections that the service is told to hold; the rest must push others out. */
#define LIMIT_SHARE 0.4096

static struct service service;
static size_t n_connections;
static bool is_long;
static char port_text[32], limit_text[32];

static size_t limit(void)
{
    return (size_t)(LIMIT_SHARE * (double)n_connections);
}

static void start_service(size_t max_connections)
{
    const char *settings[] = {"--connections", limit_text, "--handlers", "4", NULL};
    snprintf(limit_text, sizeof(limit_text), "%zu", max_connections);
    service_start(&service, settings);
    /* whose estimates wait until the machine has been measured, which takes memory */
    answer_status(service_get(&service, "/v1/presets"), 200);
}

static int stop_service(void **state)
{
    (void)state;
    if (service.folder[0])
        service_remove(&service);
    return 0;
}

/* --- before and after --- */

struct figures {
    size_t rss, descriptors;
};

static struct figures measure(void)
{
    return (struct figures){process_rss_bytes(service.pid), process_descriptors(service.pid)};
}

static void wait_for_open(struct crowd *c, size_t n)
{
    double end = now_seconds() + WAIT_SECONDS;
    while (crowd_count(c).open < n) {
        assert_true(now_seconds() < end);
        pause_briefly();
    }
}

static void print_figures(const char *when, struct figures f)
{
    harness_print("  %s: %zu MiB resident, %zu descriptors\n", when, f.rss >> 20, f.descriptors);
}

/* The service is as it was: its descriptors, its memory but for what the allocator keeps, at rest,
 * and of use. */
static void assert_recovered(struct figures before, struct figures peak)
{
    double end = now_seconds() + WAIT_SECONDS, seconds = is_long ? 2 : 1;
    size_t descriptors = before.descriptors + (size_t)(HANDLERS * FILES_A_HANDLER);
    size_t rss = before.rss + (peak.rss - before.rss) / 4 + KEPT_BYTES;
    struct figures after = measure();
    while ((after.descriptors > descriptors || (SLOWNESS == 1 && after.rss > rss)) &&
           now_seconds() < end) {
        pause_briefly();
        after = measure();
    }
    print_figures("before", before);
    print_figures("peak", peak);
    print_figures("after", after);
    assert_true(after.descriptors <= descriptors);
    /* Under sanitizers the machine is still being measured (server/calibrator.h). */
    if (SLOWNESS == 1)
        assert_true(after.rss <= rss);

    double cpu = process_cpu_seconds(service.pid), start = now_seconds();
    while (now_seconds() < start + seconds)
        pause_briefly();
    cpu = (process_cpu_seconds(service.pid) - cpu) / (now_seconds() - start);
    harness_print("  idle: %.1f %% of a core\n", 100 * cpu);
    if (SLOWNESS == 1)
        assert_true(cpu < 0.05);

    char field[ID_TEXT];
    make_field(&service, 32, 20, field);
    answer_status(service_get(&service, "/v1/fields/%s/value?x=0.5&y=0.5", field), 200);
}

static struct latencies probe(const char *what)
{
    struct latencies l =
        probe_health(service_port(&service), is_long ? 30 : 1.5, is_long ? PROBES : 20);
    latencies_print(&l, what);
    assert_int_equal(l.refused, 0);
    if (is_long)
        assert_true(l.p99 * 1e3 < P99_MS);
    return l;
}

static struct crowd *start_crowd(size_t n, const char *request, double drip_seconds, bool reads)
{
    struct crowd_spec spec = {.port = service_port(&service),
                              .n = n,
                              .request = request,
                              .drip_seconds = drip_seconds,
                              .reads = reads,
                              .comes_back = true,
                              .opens_per_second = is_long ? OPENS_A_SECOND : (double)n_connections};
    return crowd_start(&spec);
}

static void print_counts(const struct crowd_counts *c)
{
    harness_print("  %zu connections at most, %zu opened, %zu cut\n", c->most, c->opened, c->cut);
}

/* --- the attacks --- */

static void more_slow_heads_than_there_are_places_lock_nobody_out(void **state)
{
    (void)state;
    start_service(limit());
    struct figures before = measure();
    struct crowd *crowd = start_crowd(n_connections, HEAD, 3, true);
    wait_for_open(crowd, limit() / 2);
    probe("slow heads, more than there are places");
    struct figures peak = measure();
    struct crowd_counts counts = crowd_count(crowd);
    print_counts(&counts);
    assert_true(counts.cut > 0); /* there was no room for all */
    assert_int_equal(counts.by_status[200], 0);
    crowd_free(crowd);
    assert_recovered(before, peak);
}

static double kib_of_each(struct figures before, struct figures now)
{
    return ((double)now.rss - (double)before.rss) / 1024 / (double)n_connections;
}

static void held_slow_heads_cost_little(void **state)
{
    (void)state;
    start_service(n_connections + 200);
    struct figures before = measure();
    struct crowd *crowd = start_crowd(n_connections, HEAD, 3, true);
    wait_for_open(crowd, n_connections);
    struct figures peak = measure();
    double each = kib_of_each(before, peak), end = now_seconds() + WAIT_SECONDS;
    /* beside other work the machine is measured again, which takes memory while it lasts */
    while (each >= KIB_A_CONNECTION && now_seconds() < end) {
        pause_briefly();
        each = kib_of_each(before, measure());
    }
    probe("slow heads, all of them held");
    struct crowd_counts counts = crowd_count(crowd);
    print_counts(&counts);
    harness_print("  %.1f KiB a connection\n", each);
    if (SLOWNESS == 1) /* a sanitizer keeps books of its own */
        assert_true(each < KIB_A_CONNECTION);
    crowd_free(crowd);
    assert_recovered(before, peak);
}

static void slow_bodies_are_cut_and_delay_nobody(void **state)
{
    (void)state;
    start_service(limit());
    struct figures before = measure();
    struct crowd *crowd = start_crowd(limit() * 3 / 4, BODY, 1, true);
    wait_for_open(crowd, limit() / 2);
    probe("slow bodies");
    struct figures peak = measure();
    struct crowd_counts counts = crowd_count(crowd);
    print_counts(&counts);
    harness_print("  %zu answered 408 after %.1f to %.1f s\n", counts.by_status[408],
                  counts.quickest, counts.slowest);
    if (is_long) {
        assert_true(counts.by_status[408] >= limit() / 2);
        assert_int_equal(counts.by_status[408], counts.cut);
        assert_true(counts.quickest >= 10 && counts.slowest <= 21);
    }
    crowd_free(crowd);
    assert_recovered(before, peak);
}

/* A file that no socket swallows whole. */
static void upload_large(char id[ID_TEXT])
{
    enum { SIDE = 1024 };
    static float pixels[SIDE * SIDE];
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        pixels[i] = (float)(i % 977) / 977.0F;
    struct bytes file = make_npy("<f4", "1024, 1024", pixels, sizeof(pixels));
    struct answer a = service_send(
        &service,
        &(struct request){.path = "/v1/datasets?kind=image", .body = file.data, .n_body = file.n});
    json_t *dataset = answer_json(a, 201);
    snprintf(id, ID_TEXT, "%s", member_text(dataset, "id"));
    json_decref(dataset);
    bytes_free(&file);
}

static void readers_that_never_read_delay_nobody(void **state)
{
    enum { MOST = 1000 }; /* each holds buffers of the system */
    char dataset[ID_TEXT], job[ID_TEXT], content[160], events[160];
    size_t n = limit() / 3 < MOST ? limit() / 3 : MOST;
    (void)state;
    start_service(limit());
    upload_large(dataset);
    struct figures before = measure();
    start_job(&service, dataset, 10000000, "", job);
    wait_for_step(&service, job, 1);
    snprintf(content, sizeof(content),
             "GET /v1/datasets/%s/content HTTP/1.1\r\nHost: localhost\r\n\r\n", dataset);
    snprintf(events, sizeof(events), "GET /v1/jobs/%s/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
             job);
    struct crowd *downloads = start_crowd(n, content, 0, false);
    struct crowd *streams = start_crowd(n, events, 0, false);
    wait_for_open(downloads, n);
    wait_for_open(streams, n);
    probe("readers that never read, beside a job");
    struct figures peak = measure();
    struct crowd_counts counts = crowd_count(downloads);
    print_counts(&counts);
    counts = crowd_count(streams);
    print_counts(&counts);
    crowd_free(downloads);
    crowd_free(streams);
    answer_status(
        service_send(&service, &(struct request){.method = "POST",
                                                 .path = (snprintf(events, sizeof(events),
                                                                   "/v1/jobs/%s/cancel", job),
                                                          events)}),
        200);
    json_decref(wait_for_job(&service, job, "canceled"));
    assert_recovered(before, peak);
}

static void a_restart_is_survived_with_all_clients_at_the_door(void **state)
{
    enum { AWAITED_SECONDS = 5 };
    size_t n = n_connections / 5;
    (void)state;
    start_service(limit());
    const char *same_port[] = {"--connections", limit_text, "--listen", port_text, NULL};
    snprintf(port_text, sizeof(port_text), "127.0.0.1:%u", service_port(&service));
    struct crowd_spec spec = {
        .port = service_port(&service),
        .n = n,
        .request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        .reads = true,
        .comes_back = true,
        .opens_per_second = (double)n, /* all within a second */
    };
    struct crowd *crowd = crowd_start(&spec);
    wait_for_open(crowd, n);
    service_kill(&service);
    crowd_forget_answers(crowd);
    service_restart(&service, same_port);
    double start = now_seconds(), taken = 0;
    while (crowd_count(crowd).answered < n && taken < WAIT_SECONDS) {
        pause_briefly();
        taken = now_seconds() - start;
    }
    struct crowd_counts counts = crowd_count(crowd);
    harness_print("restart: %zu of %zu clients answered %.2f s after it; 503: %zu\n",
                  counts.answered, n, taken, counts.by_status[503]);
    assert_int_equal(counts.answered, n);
    if (is_long)
        assert_true(taken < AWAITED_SECONDS);
    for (size_t i = 0; i < 600; i++)
        assert_true(counts.by_status[i] == 0 || i == 200 || i == 503);
    crowd_free(crowd);
}

int main(void)
{
    is_long = harness_is_long();
    n_connections = harness_count(SLOWNESS > 1 ? SAMPLE_N / 4 : SAMPLE_N);
    size_t descriptors = crowd_raise_descriptor_limit();
    if (n_connections < 50 || n_connections + 300 > descriptors) {
        fprintf(stderr, "N must be from 50 to %zu, the limit of descriptors less some",
                descriptors - 300);
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(more_slow_heads_than_there_are_places_lock_nobody_out,
                                  stop_service),
        cmocka_unit_test_teardown(held_slow_heads_cost_little, stop_service),
        cmocka_unit_test_teardown(slow_bodies_are_cut_and_delay_nobody, stop_service),
        cmocka_unit_test_teardown(readers_that_never_read_delay_nobody, stop_service),
        cmocka_unit_test_teardown(a_restart_is_survived_with_all_clients_at_the_door, stop_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
