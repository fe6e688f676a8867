/* Durability: what was promised survives kill -9 of the service and of its workers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static char dataset[ID_TEXT];
static char unbroken[65]; /* weights of a fit that nothing disturbed */

enum { ENDLESS = 10000000 };

/* Of a fit that trains long enough on this machine to be broken in the middle, some seconds. */
static unsigned steps = 300;
static const double long_enough = 1.5;

/* Of training alone: a busy machine starts late, and a fit of some steps would seem long. */
static double training_seconds(const char *job_id)
{
    json_t *metrics =
        answer_json(service_get(&service, "/v1/jobs/%s/metrics?keys=loss", job_id), 200);
    const json_t *points = member_get(metrics, "series.loss");
    const json_t *last = json_array_get(points, json_array_size(points) - 1);
    const double seconds = json_number_value(json_array_get(last, 2));
    json_decref(metrics);
    return seconds;
}

static int64_t early(void)
{
    return steps / 50;
}

static void get_weights_hash(const char *job_id, char out[65])
{
    json_t *job = wait_for_job(&service, job_id, "succeeded");
    json_t *field =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
    snprintf(out, 65, "%s", member_text(field, "sha256"));
    json_decref(field);
    json_decref(job);
}

static int start(void **state)
{
    (void)state;
    char id[ID_TEXT];
    service_start(&service, NULL);
    upload_picture(&service, 32, 1, dataset);
    for (;; steps *= 3) {
        start_job(&service, dataset, steps, "", id);
        get_weights_hash(id, unbroken);
        if (training_seconds(id) > long_enough)
            return 0;
    }
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static void kill_worker(void)
{
    pid_t worker;
    assert_int_equal(service_workers(&service, &worker, 1), 1);
    assert_int_equal(kill(worker, SIGKILL), 0);
}

static int64_t get_integer(const char *id, const char *member)
{
    json_t *job = answer_json(service_get(&service, "/v1/jobs/%s", id), 200);
    int64_t value = member_integer(job, member);
    json_decref(job);
    return value;
}

/* Until a worker runs this attempt of the job. */
static void wait_for_attempt(const char *id, int64_t attempt)
{
    double end = now_seconds() + 30 * SLOWNESS;
    pid_t worker;
    while (get_integer(id, "attempt") < attempt || service_workers(&service, &worker, 1) == 0) {
        assert_true(now_seconds() < end);
        pause_briefly();
    }
}

static void an_accepted_job_survives_kill_9(void **state)
{
    (void)state;
    char id[ID_TEXT], picture[ID_TEXT], hash[65];
    upload_picture(&service, 16, 9, picture);
    start_job(&service, dataset, steps, ", \"labels\":{\"a\":\"b\"}", id);
    service_kill(&service);
    service_restart(&service, NULL);
    json_t *job = answer_json(service_get(&service, "/v1/jobs/%s", id), 200);
    assert_string_equal(member_text(job, "labels.a"), "b");
    json_decref(job);
    answer_status(service_get(&service, "/v1/datasets/%s/content", picture), 200);
    get_weights_hash(id, hash);
    assert_string_equal(hash, unbroken);
}

static void a_fit_broken_by_kill_9_of_the_service_ends_the_same(void **state)
{
    (void)state;
    char id[ID_TEXT], hash[65];
    start_job(&service, dataset, steps, "", id);
    for (int64_t attempt = 1; attempt <= 2; attempt++) {
        wait_for_attempt(id, attempt);
        wait_for_step(&service, id, early());
        service_kill(&service);
        service_restart(&service, NULL);
    }
    get_weights_hash(id, hash);
    assert_string_equal(hash, unbroken);
    assert_int_equal(get_integer(id, "attempt"), 3);
}

static void a_fit_broken_by_kill_9_of_its_worker_ends_the_same(void **state)
{
    (void)state;
    char id[ID_TEXT], hash[65];
    start_job(&service, dataset, steps, "", id);
    wait_for_step(&service, id, early());
    kill_worker();
    get_weights_hash(id, hash);
    assert_string_equal(hash, unbroken);
    assert_int_equal(get_integer(id, "attempt"), 2);
}

static void a_stop_of_the_service_goes_on_from_the_checkpoint(void **state)
{
    (void)state;
    char id[ID_TEXT], hash[65];
    start_job(&service, dataset, steps, "", id);
    wait_for_step(&service, id, early());
    assert_int_equal(service_stop(&service), 0);
    service_restart(&service, NULL);
    assert_true(get_integer(id, "step") >= early());
    get_weights_hash(id, hash);
    assert_string_equal(hash, unbroken);
}

static void the_third_crash_of_a_worker_ends_the_job(void **state)
{
    (void)state;
    char id[ID_TEXT];
    start_job(&service, dataset, ENDLESS, "", id);
    for (int64_t attempt = 1; attempt <= 3; attempt++) {
        wait_for_attempt(id, attempt);
        kill_worker();
    }
    json_t *job = wait_for_job(&service, id, "failed");
    assert_string_equal(member_text(job, "error.class"), "crashed");
    assert_int_equal(member_integer(job, "attempt"), 3);
    json_decref(job);
    start_job(&service, dataset, 1, "", id);
    json_decref(wait_for_job(&service, id, "succeeded"));
}

static void results_survive_kill_9(void **state)
{
    (void)state;
    char field[ID_TEXT];
    make_field(&service, 16, 20, field);
    struct answer before = service_get(&service, "/v1/fields/%s/image?format=npy", field);
    service_kill(&service);
    service_restart(&service, NULL);
    struct answer after = service_get(&service, "/v1/fields/%s/image?format=npy", field);
    assert_int_equal(after.status, 200);
    assert_int_equal(after.body.n, before.body.n);
    assert_memory_equal(after.body.data, before.body.data, after.body.n);
    answer_free(&before);
    answer_free(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accepted_job_survives_kill_9),
        cmocka_unit_test(a_fit_broken_by_kill_9_of_the_service_ends_the_same),
        cmocka_unit_test(a_fit_broken_by_kill_9_of_its_worker_ends_the_same),
        cmocka_unit_test(a_stop_of_the_service_goes_on_from_the_checkpoint),
        cmocka_unit_test(the_third_crash_of_a_worker_ends_the_job),
        cmocka_unit_test(results_survive_kill_9),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
