/* A process with few descriptors says so, keeps some back, and does without for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/probe.h"
#include "tests/http/fit.h"
#include "tests/http/raw.h"

enum {
    DESCRIPTORS = 200,
    CONNECTIONS = DESCRIPTORS / 2,
    PATIENCE_SECONDS = 20,
    ENDLESS = 10000000
};

static struct service service;

static int start(void **state)
{
    static const char *const prefix[] = {"prlimit", "--nofile=200:200", NULL};
    static const char *const settings[] = {"--handlers", "4", NULL};
    (void)state;
    service_start_under(&service, prefix, "log", settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static void it_says_at_start_that_they_are_too_few(void **state)
{
    char path[128], line[4096];
    (void)state;
    snprintf(path, sizeof(path), "%s/log", service.folder);
    FILE *log = fopen(path, "r");
    assert_non_null(log);
    assert_non_null(fgets(line, sizeof(line), log));
    fclose(log);
    json_t *event = json_loads(line, 0, NULL);
    assert_non_null(event);
    assert_string_equal(member_text(event, "level"), "warn");
    assert_int_equal(member_integer(event, "connections"), CONNECTIONS);
    assert_int_equal(member_integer(event, "set"), 4096);
    assert_int_equal(member_integer(event, "descriptors"), DESCRIPTORS);
    json_decref(event);
}

static void connections_leave_enough_for_work(void **state)
{
    enum { CROWD = 3 * DESCRIPTORS };
    static int crowd[CROWD];
    char field[ID_TEXT];
    (void)state;
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = raw_connect(&service);
        raw_send_text(crowd[i], "GET /healthz HTTP/1.1\r\nHost:");
    }
    answer_status(service_get(&service, "/healthz"), 200);
    make_field(&service, 16, 2, field);
    for (size_t i = 0; i < CROWD; i++)
        close(crowd[i]);
}

/* Uploads under way hold two each, and are not cut for others.  What does not fit is told to come
 * again, or waits; the process does not spin; and it goes on when they are gone. */
static void running_out_is_not_the_end(void **state)
{
    enum { CROWD = CONNECTIONS };
    int crowd[CROWD];
    char picture[ID_TEXT], job[ID_TEXT], path[96];
    size_t n_refused = 0;
    (void)state;
    wait_for_measured_machine(&service); /* which is work, and not done again beside a job */
    upload_picture(&service, 16, 3, picture);
    start_job(&service, picture, ENDLESS, "", job);
    wait_for_step(&service, job, 1);
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = raw_connect(&service);
        raw_send_text(crowd[i], "POST /v1/datasets?kind=image HTTP/1.1\r\nHost: x\r\n"
                                "Content-Length: 1000\r\n\r\na");
    }
    double start = now_seconds(), cpu = process_cpu_seconds(service.pid);
    while (now_seconds() < start + 1)
        pause_briefly();
    cpu = process_cpu_seconds(service.pid) - cpu;
    assert_true(cpu < 0.5);
    assert_true(process_descriptors(service.pid) > DESCRIPTORS * 8 / 10);
    for (size_t i = 0; i < CROWD; i++) {
        struct said said = raw_read(crowd[i], 0.01);
        if (said.bytes.n > 0) {
            assert_said_problem("an upload", &said, 503);
            assert_string_not_equal(said_header(&said, "Retry-After"), "");
            n_refused++;
        }
        said_free(&said);
        close(crowd[i]);
    }
    assert_true(n_refused > 0 && n_refused < CROWD);
    double end = now_seconds() + PATIENCE_SECONDS;
    for (bool waits = true; waits;) {
        char dataset[ID_TEXT];
        assert_true(now_seconds() < end);
        waits = process_descriptors(service.pid) > DESCRIPTORS / 2;
        if (!waits)
            upload_picture(&service, 16, 2, dataset);
    }
    answer_status(service_get(&service, "/healthz"), 200);
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", job);
    answer_status(service_send(&service, &(struct request){.method = "POST", .path = path}), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_at_start_that_they_are_too_few),
        cmocka_unit_test(connections_leave_enough_for_work),
        cmocka_unit_test(running_out_is_not_the_end),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
