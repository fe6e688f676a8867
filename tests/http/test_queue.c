/* The queue: so many at a time as there are workers, oldest first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;

enum { JOBS = 8, STEPS = 3000 / (SLOWNESS * SLOWNESS) + 1 };

static int start(void **state)
{
    static const char *const settings[] = {"--workers", "2", "--queued-jobs", "8", NULL};
    (void)state;
    service_start(&service, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static size_t count(const char *status)
{
    json_t *list = answer_json(service_get(&service, "/v1/jobs?status=%s", status), 200);
    size_t n = json_array_size(member_get(list, "items"));
    json_decref(list);
    return n;
}

/* The first of the queue is number 1, the next 2, … */
static void check_positions(void)
{
    json_t *list = answer_json(service_get(&service, "/v1/jobs?status=queued"), 200);
    const json_t *items = member_get(list, "items");
    int64_t last = 0;
    for (size_t i = json_array_size(items); i-- > 0;) {
        const json_t *position = json_object_get(json_array_get(items, i), "queue_position");
        int64_t now = json_is_null(position) ? 0 : json_integer_value(position);
        assert_true(now == 0 || now > last || last == 0);
        last = now;
    }
    json_decref(list);
}

static void two_workers_run_eight_jobs_two_at_a_time_in_order(void **state)
{
    (void)state;
    char dataset[ID_TEXT], id[JOBS][ID_TEXT], last[32] = "";
    size_t most = 0;
    upload_picture(&service, 32, 1, dataset);
    for (size_t i = 0; i < JOBS; i++)
        start_job(&service, dataset, STEPS, "", id[i]);
    double end = now_seconds() + 60 * SLOWNESS;
    while (count("succeeded") < JOBS && now_seconds() < end) {
        size_t running = count("running");
        most = running > most ? running : most;
        assert_true(running <= 2);
        check_positions();
        pause_briefly();
    }
    assert_int_equal(most, 2);
    for (size_t i = 0; i < JOBS; i++) {
        json_t *job = wait_for_job(&service, id[i], "succeeded");
        assert_true(strcmp(member_text(job, "started_at"), last) >= 0);
        snprintf(last, sizeof(last), "%s", member_text(job, "started_at"));
        json_decref(job);
    }
}

static void a_full_queue_answers_429_and_says_when_to_come_back(void **state)
{
    (void)state;
    char dataset[ID_TEXT], id[ID_TEXT], body[128], path[128];
    enum { RUNNING = 2, ENDLESS = 10000000 };
    upload_picture(&service, 32, 1, dataset);
    for (size_t i = 0; i < RUNNING + JOBS; i++) {
        start_job(&service, dataset, ENDLESS, "", id);
        while (i < RUNNING && count("queued") > 0)
            pause_briefly();
    }
    snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\"}", dataset);
    struct answer a = service_post_json(&service, "/v1/jobs", body);
    assert_true(strlen(answer_header(&a, "Retry-After")) > 0);
    answer_problem(a, 429, NULL);
    assert_int_equal(count("queued"), JOBS);
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", id);
    answer_status(service_post_json(&service, path, "{}"), 200);
    answer_status(service_post_json(&service, "/v1/jobs", body), 202);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_workers_run_eight_jobs_two_at_a_time_in_order),
        cmocka_unit_test(a_full_queue_answers_429_and_says_when_to_come_back),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
