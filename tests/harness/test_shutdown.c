/*
 * A stop in the middle of everything: uploads half here, a job that trains, streams, downloads
 * nobody takes, heads half said, clients that ask and ask.  It ends in time, answers what can be
 * answered, forgets nothing and, as valgrind counts, frees everything.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/crowd.h"
#include "tests/harness/harness.h"
#include "tests/harness/probe.h"
#include "tests/http/fit.h"
#include "tests/http/raw.h"

enum { STOP_SECONDS = 15, PATIENCE_SECONDS = 60, N_CROWDS = 8 /* UPLOADS + 1 */, EACH = 4 };

#define LINE " HTTP/1.1\r\nHost: localhost\r\n"
#define ONCE LINE "Connection: close\r\n\r\n"

static struct service service;
static char dataset[ID_TEXT], job[ID_TEXT], field[ID_TEXT];

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* --- the load --- */

struct load {
    struct crowd *crowds[N_CROWDS];
    char requests[N_CROWDS][512];
    size_t n;
};

/* By what they ask for, in the order of start_load. */
enum { HALF_HEADS, HALF_BODIES, DOWNLOADS, VALUES, IMAGES, WEIGHTS, STREAMS, UPLOADS };

/* So many clients that send this, over and over; a request that is not complete holds them. */
static void add(struct load *l, bool reads, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(struct load *l, bool reads, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(l->requests[l->n], sizeof(l->requests[0]), format, arguments);
    va_end(arguments);
    struct crowd_spec spec = {.port = service_port(&service),
                              .n = EACH,
                              .request = l->requests[l->n],
                              .reads = reads,
                              .comes_back = true,
                              .opens_per_second = 100};
    l->crowds[l->n++] = crowd_start(&spec);
}

static void start_load(struct load *l)
{
    l->n = 0;
    add(l, true, "GET /v1/jobs HTT");
    add(l, true, "POST /v1/datasets?kind=image" LINE "Content-Length: 100000\r\n\r\nhalf");
    add(l, false, "GET /v1/datasets/%s/content" LINE "\r\n", dataset);
    add(l, true, "GET /v1/fields/%s/value?x=1&y=1" ONCE, field);
    add(l, true, "GET /v1/fields/%s/image?width=24" ONCE, field);
    add(l, true, "GET /v1/fields/%s/weights" ONCE, field);
    add(l, true, "GET /v1/jobs/%s/events" LINE "\r\n", job);
    add(l, true,
        "POST /v1/datasets?kind=image" LINE "Connection: close\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(l->n, N_CROWDS);
}

/* Every client has been there, and those that want an answer have had one. */
static void wait_until_busy(struct load *l)
{
    double end = now_seconds() + PATIENCE_SECONDS * SLOWNESS;
    for (size_t i = 0; i < l->n;) {
        struct crowd_counts c = crowd_count(l->crowds[i]);
        bool waits_for_answer = i >= VALUES;
        if (c.opened >= EACH && (waits_for_answer ? c.answered : c.most) >= EACH)
            i++;
        else
            pause_briefly();
        if (now_seconds() > end)
            fail_msg("'%.60s': %zu opened, %zu answered", l->requests[i], c.opened, c.answered);
    }
}

static void end_load(struct load *l)
{
    size_t statuses[600] = {0};
    for (size_t i = 0; i < l->n; i++) {
        struct crowd_counts c = crowd_count(l->crowds[i]);
        for (size_t k = 0; k < 600; k++)
            statuses[k] += c.by_status[k];
        crowd_free(l->crowds[i]);
    }
    for (size_t k = 0; k < 600; k++) {
        if (statuses[k])
            harness_print("  answered %zu: %zu\n", k, statuses[k]);
    }
}

/* --- the stop --- */

/* Is anybody there?  Only a refusal says no: where many knock at once, a knock may be lost, and the
 * next would come seconds later, when the stop is over. */
static bool is_refused(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
    socklen_t n = sizeof error;
    if (connect(s, (struct sockaddr *)&address, sizeof(address)) != 0)
        error = errno;
    if (error == EINPROGRESS) {
        error = 0;
        if (poll(&(struct pollfd){.fd = s, .events = POLLOUT}, 1, 50) > 0)
            assert_int_equal(getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &n), 0);
    }
    close(s);
    return error == ECONNREFUSED;
}

/* SIGTERM; a request on a connection that stands gets 503, a new connection none. */
static void stop_under(struct load *l)
{
    int standing = raw_connect(&service);
    double start = now_seconds();
    assert_int_equal(kill(service.pid, SIGTERM), 0);
    while (!is_refused(service_port(&service))) {
        assert_true(now_seconds() < start + STOP_SECONDS);
        pause_briefly();
    }
    assert_true(raw_send_text(standing, "GET /v1/jobs" LINE "\r\n"));
    struct said said = raw_read(standing, STOP_SECONDS);
    assert_true(said.is_closed);
    assert_said_problem("while it stops", &said, 503);
    assert_string_equal(said_header(&said, "Connection"), "close");
    said_free(&said);
    close(standing);
    int status = service_wait(&service);
    harness_print("stopped after %.1f s, status %d\n", now_seconds() - start, status);
    assert_int_equal(status, 0);
    double end = now_seconds() + PATIENCE_SECONDS;
    for (size_t i = 0; i < l->n; i++) { /* streams and all others have ended */
        /* Who takes nothing cannot see the end behind it. */
        while (i != DOWNLOADS && crowd_count(l->crowds[i]).open > 0) {
            assert_true(now_seconds() < end);
            pause_briefly();
        }
    }
    end_load(l);
}

static void a_stop_under_load_ends_in_time_and_loses_nothing(void **state)
{
    static const char *const settings[] = {"--shutdown-seconds", "3", NULL};
    struct load load;
    (void)state;
    service_start(&service, settings);
    make_field(&service, 32, 20, field);
    upload_picture(&service, 256, 2, dataset);
    start_job(&service, dataset, 10000000, "", job);
    wait_for_step(&service, job, 1);
    start_load(&load);
    wait_until_busy(&load);
    stop_under(&load);

    service_restart(&service, settings);
    wait_for_step(&service, job, 1); /* it goes on */
    answer_status(service_get(&service, "/v1/fields/%s/value?x=1&y=1", field), 200);
    answer_status(service_get(&service, "/v1/datasets/%s/content", dataset), 200);
}

/* The service loads itself once more if OpenBLAS is not held to one thread, and would leave
 * valgrind. Valgrind knows no pidfds, so there are no workers under it: what needs one fails there,
 * and the job is one that has ended.  (Builds with sanitizers watch the test above to its end.) */
static void a_stop_under_load_frees_everything(void **state)
{
    static const char *const prefix[] = {"env",
                                         "OPENBLAS_NUM_THREADS=1",
                                         "valgrind",
                                         "--quiet",
                                         "--leak-check=full",
                                         "--show-leak-kinds=definite,indirect,possible",
                                         "--errors-for-leak-kinds=definite,indirect,possible",
                                         "--error-exitcode=99",
                                         NULL};
    static const char *const settings[] = {"--shutdown-seconds", "2",     "--handlers", "4",
                                           "--log-level",        "error", NULL};
    struct load load;
    (void)state;
    service_start_under(&service, NULL, "log", settings);
    upload_picture(&service, 64, 2, dataset);
    start_job(&service, dataset, 20, "", job);
    json_t *done = wait_for_job(&service, job, "succeeded");
    snprintf(field, sizeof(field), "%s", member_text(done, "field_id"));
    json_decref(done);
    assert_int_equal(service_stop(&service), 0);
    service.prefix = prefix;
    service_restart(&service, settings);
    start_load(&load);
    wait_until_busy(&load);
    stop_under(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_stop_under_load_ends_in_time_and_loses_nothing, stop),
        cmocka_unit_test_teardown(a_stop_under_load_frees_everything, stop),
    };
    size_t n = sizeof(tests) / sizeof(tests[0]);
    /* Valgrind cannot run a program with sanitizers. */
    return _cmocka_run_group_tests("shutdown", tests, SLOWNESS > 1 ? n - 1 : n, NULL, NULL);
}
