/* What a job would be and cost: as the job itself says it, refused as the job is, and nothing kept.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static char dataset[ID_TEXT];

static const char with_forecast[] = "/v1/estimates?forecast=true";

static int start(void **state)
{
    static const char *const settings[] = {"--workers", "1", NULL};
    (void)state;
    service_start(&service, settings);
    upload_picture(&service, 32, 1, dataset);
    wait_for_measured_machine(&service);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* A body; "@" in it stands for the dataset's id. */
static struct answer post(const char *path, const char *format)
{
    char body[1024];
    const size_t n = strcspn(format, "@");
    snprintf(body, sizeof(body), "%.*s%s%s", (int)n, format, format[n] ? dataset : "",
             format[n] ? format + n + 1 : "");
    return service_post_json(&service, path, body);
}

static void cancel(const json_t *job)
{
    char path[96];
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", member_text(job, "id"));
    answer_status(service_post_json(&service, path, "{}"), 200);
    json_decref(wait_for_job(&service, member_text(job, "id"), "canceled"));
}

static void an_estimate_is_the_job_before_it_is_posted(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"dataset_id\":\"@\"}",
        "{\"dataset_id\":\"@\",\"preset\":\"paper\",\"labels\":{\"a\":\"b\"}}",
        "{\"dataset_id\":\"@\",\"task\":\"ct\",\"measure\":{\"n_angles\":5}}",
        "{\"dataset_id\":\"@\",\"preset\":\"paper\",\"field\":{\"encoding\":{\"sigma\":\"auto\"}}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        json_t *plan = answer_json(post("/v1/estimates", bodies[i]), 200);
        assert_int_equal(count_items(&service, "/v1/jobs"), i);
        assert_true(member_number(plan, "estimate.seconds") >=
                    member_number(plan, "estimate.training_seconds"));
        assert_true(member_number(plan, "estimate.training_seconds") > 0);
        assert_true(member_integer(plan, "estimate.steps") > 0);
        assert_true(member_integer(plan, "estimate.memory_bytes") > 1 << 20);
        assert_int_equal(member_integer(plan, "queue_position"), 1);
        assert_int_equal(json_object_size(member_get(plan, "estimate")), 4);
        assert_int_equal(json_object_size(plan), 9);

        json_t *job = answer_json(post("/v1/jobs", bodies[i]), 202);
        json_t *field =
            answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
        static const char *const of_job[] = {"task", "spec", "labels"};
        static const char *const of_field[] = {"n_inputs", "n_outputs", "n_parameters", "domain"};
        for (size_t k = 0; k < 3; k++)
            assert_true(json_equal(member_get(plan, of_job[k]), member_get(job, of_job[k])));
        for (size_t k = 0; k < 4; k++)
            assert_true(json_equal(member_get(plan, of_field[k]), member_get(field, of_field[k])));
        cancel(job);
        json_decref(field);
        json_decref(job);
        json_decref(plan);
    }
}

/* The problems alone: instance and request's id are of their own. */
static json_t *errors_of(struct answer a, long status)
{
    json_t *problem = answer_json(a, status);
    json_t *errors = json_pack("{s:O, s:O*}", "detail", member_get(problem, "detail"), "errors",
                               json_object_get(problem, "errors"));
    json_decref(problem);
    return errors;
}

static void what_a_job_is_refused_for_is_told_with_the_same_words(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        long status;
    } cases[] = {
        {"", 400},
        {"{\"dataset_id\":", 400},
        {"{\"dataset_id\":\"@\",\"dataset_id\":\"@\"}", 422},
        {"[]", 422},
        {"{}", 422},
        {"{\"dataset_id\":\"ds_00000000000000000000000000\"}", 422},
        {"{\"dataset_id\":\"@\",\"colour\":1,\"train\":{\"steps\":0},\"preset\":\"slow\"}", 422},
        {"{\"dataset_id\":\"@\",\"task\":\"volume\"}", 422},
        {"{\"dataset_id\":\"@\",\"train\":{\"time_limit_seconds\":2592001}}", 422},
        {"{\"dataset_id\":\"@\",\"train\":{\"steps\":1,\"batch_size\":1048576},\"field\":{"
         "\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":32,\"log2_hashmap_size\":24,"
         "\"n_features_per_level\":8,\"finest_resolution\":65536}}}",
         422},
    };
    const size_t n = count_items(&service, "/v1/jobs");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *asked = errors_of(post("/v1/estimates", cases[i].body), cases[i].status);
        json_t *ahead = errors_of(post(with_forecast, cases[i].body), cases[i].status);
        json_t *posted = errors_of(post("/v1/jobs", cases[i].body), cases[i].status);
        if (!json_equal(asked, posted) || !json_equal(ahead, posted))
            fail_msg("%s: %s, not %s", cases[i].body, json_dumps(asked, 0), json_dumps(posted, 0));
        json_decref(asked);
        json_decref(ahead);
        json_decref(posted);
    }
    assert_int_equal(count_items(&service, "/v1/jobs"), n);
}

static void what_cannot_be_known_is_null(void **state)
{
    (void)state;
    json_t *plan = answer_json(post("/v1/estimates", "{\"dataset_id\":\"@\",\"train\":{\"steps\":"
                                                     "null,\"time_limit_seconds\":null,"
                                                     "\"target_psnr\":99}}"),
                               200);
    assert_true(json_is_null(member_get(plan, "estimate.seconds")));
    assert_true(json_is_null(member_get(plan, "estimate.training_seconds")));
    assert_true(json_is_null(member_get(plan, "estimate.steps")));
    json_decref(plan);
}

static void the_place_in_the_queue_counts_those_that_wait(void **state)
{
    (void)state;
    static const char endless[] = "{\"dataset_id\":\"@\",\"train\":{\"steps\":10000000,"
                                  "\"batch_size\":64,\"time_limit_seconds\":600}}";
    json_t *first = answer_json(post("/v1/jobs", endless), 202);
    wait_for_step(&service, member_text(first, "id"), 1);
    json_t *second = answer_json(post("/v1/jobs", endless), 202);
    json_t *plan = answer_json(post("/v1/estimates", endless), 200);
    assert_int_equal(member_integer(plan, "queue_position"),
                     member_integer(second, "queue_position") + 1);
    cancel(second);
    cancel(first);
    json_decref(plan);
    json_decref(second);
    json_decref(first);
}

/* --- the forecast --- */

/* A fit of a moment; encoding: members of it. */
#define FIT_OF(preset, encoding)                                                                   \
    "{\"dataset_id\":\"@\",\"preset\":\"" preset "\",\"field\":{\"encoding\":{" encoding "},"      \
    "\"network\":{\"n_hidden_layers\":2,\"width\":32}},"                                           \
    "\"train\":{\"steps\":40,\"batch_size\":64,\"time_limit_seconds\":null}}"

/* The job of a body at its end. */
static json_t *fit(const char *body)
{
    char id[ID_TEXT];
    json_t *job = answer_json(post("/v1/jobs", body), 202);
    snprintf(id, sizeof(id), "%s", member_text(job, "id"));
    json_decref(job);
    return wait_for_job(&service, id, "succeeded");
}

/* The same values at steps of this estimate's pace. */
static void check_series(const json_t *plan, const json_t *job, const char *path)
{
    const json_t *early = member_get(plan, path), *told = member_get(job, path);
    const double by_estimate = member_number(plan, "forecast.seconds_per_step"),
                 by_first_steps = member_number(job, "forecast.seconds_per_step");
    assert_true(json_array_size(early) > 2);
    assert_int_equal(json_array_size(early), json_array_size(told));
    for (size_t i = 0; i < json_array_size(early); i++) {
        const json_t *a = json_array_get(early, i), *b = json_array_get(told, i);
        assert_true(json_equal(json_array_get(a, 1), json_array_get(b, 1)));
        const double step = json_number_value(json_array_get(a, 0)) / by_estimate;
        assert_true(fabs(json_number_value(json_array_get(b, 0)) / by_first_steps - step) < 0.01);
    }
}

static void the_forecast_is_that_of_the_job(void **state)
{
    (void)state;
    static const char *const bodies[] = {FIT_OF("paper", "\"sigma\":4"),
                                         FIT_OF("paper", "\"sigma\":\"auto\"")};
    for (size_t i = 0; i < 2; i++) {
        json_t *plan = answer_json(post(with_forecast, bodies[i]), 200);
        json_t *job = fit(bodies[i]);
        assert_int_equal(json_object_size(plan), 11);
        assert_string_equal(member_text(plan, "forecast.method"), "ntk");
        assert_true(json_is_null(member_get(plan, "forecast.revised")));
        assert_true(fabs(member_number(plan, "forecast.seconds_per_step") * 40 /
                             member_number(plan, "estimate.training_seconds") -
                         1) < 1); /* the latter to a tenth of a second */
        check_series(plan, job, "forecast.series.psnr");
        check_series(plan, job, "forecast.series.test_psnr");
        if (i == 0)
            assert_true(json_is_null(member_get(plan, "tuning")));
        else
            assert_true(json_equal(member_get(plan, "tuning.sigma.curve"),
                                   member_get(job, "tuning.sigma.curve")));
        json_decref(plan);
        json_decref(job);
    }
}

static void where_there_is_none_the_reason_is_that_of_the_job(void **state)
{
    (void)state;
    static const char tuned[] =
        "{\"dataset_id\":\"@\",\"task\":\"ct\",\"preset\":\"paper\",\"train\":{\"steps\":2},"
        "\"field\":{\"encoding\":{\"sigma\":\"auto\"}}}";
    static const char *const bodies[] = {
        FIT_OF("fast", "\"type\":\"hashgrid\""),
        FIT_OF("paper", "\"trainable\":true"),
        "{\"dataset_id\":\"@\",\"task\":\"ct\",\"preset\":\"paper\",\"train\":{\"steps\":2}}",
        tuned,
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        json_t *plan = answer_json(post(with_forecast, bodies[i]), 200);
        json_t *job = fit(bodies[i]);
        assert_true(json_is_null(member_get(plan, "forecast.method")));
        assert_true(json_equal(member_get(plan, "forecast"), member_get(job, "forecast")));
        assert_int_equal(json_is_null(member_get(plan, "tuning")),
                         json_is_null(member_get(job, "tuning")));
        json_decref(plan);
        json_decref(job);
    }
    json_t *plan = answer_json(post(with_forecast, "{\"dataset_id\":\"@\",\"preset\":\"paper\","
                                                   "\"train\":{\"steps\":null,"
                                                   "\"target_psnr\":99}}"),
                               200);
    assert_non_null(strstr(member_text(plan, "forecast.reason"), "how long its steps take"));
    json_decref(plan);
}

static void what_the_data_do_not_allow_is_refused(void **state)
{
    (void)state;
    static const uint8_t values[16 * 16 * sizeof(float)] = {0, 0, 0, 64}; /* a 2 among zeros */
    char picture[ID_TEXT], body[512];
    struct bytes npy = make_npy("<f4", "16, 16", values, sizeof(values));
    json_t *row = answer_json(post_dataset(&service, "?kind=image", npy.data, npy.n), 201);
    snprintf(picture, sizeof(picture), "%s", member_text(row, "id"));
    json_decref(row);
    bytes_free(&npy);
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",\"preset\":\"paper\",\"field\":{\"encoding\":{\"sigma\":"
             "\"auto\"}},\"train\":{\"loss\":\"bce\"}}",
             picture);
    answer_problem(post(with_forecast, body), 422, "/train/loss");
    answer_status(post("/v1/estimates", body), 200);
    answer_problem(post("/v1/estimates?forecast=yes", body), 422, "/forecast");
    answer_problem(post("/v1/estimates?forecasts=true", body), 422, "/forecasts");
    json_t *plan = answer_json(post("/v1/estimates?forecast=false", body), 200);
    assert_null(json_object_get(plan, "forecast"));
    json_decref(plan);
}

struct crowd {
    atomic_size_t n_good, n_refused, n_wrong;
};

static void *ask_for_forecast(void *argument)
{
    struct crowd *crowd = argument;
    struct answer a = post(with_forecast, FIT_OF("paper", "\"sigma\":\"auto\""));
    if (a.status == 200)
        atomic_fetch_add(&crowd->n_good, 1);
    else if (a.status == 429 && strstr(a.headers, "\r\nRetry-After: "))
        atomic_fetch_add(&crowd->n_refused, 1);
    else
        atomic_fetch_add(&crowd->n_wrong, 1);
    answer_free(&a);
    return NULL;
}

static size_t n_answered(struct crowd *crowd)
{
    return atomic_load(&crowd->n_good) + atomic_load(&crowd->n_refused) +
           atomic_load(&crowd->n_wrong);
}

/* Two workers at once at most, and handlers left over for all else; places come back. */
static void many_forecasts_at_once_take_turns(void **state)
{
    (void)state;
    enum { N = 24, ALL = 64 };
    struct crowd crowd = {0};
    pthread_t threads[N];
    for (size_t i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_forecast, &crowd), 0);
    while (n_answered(&crowd) < N) {
        pid_t workers[ALL];
        assert_true(service_workers(&service, workers, ALL) <= 2);
        pause_briefly();
    }
    for (size_t i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.n_wrong), 0);
    assert_true(atomic_load(&crowd.n_good) > 0);
    answer_status(post(with_forecast, FIT_OF("paper", "\"sigma\":4")), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_estimate_is_the_job_before_it_is_posted),
        cmocka_unit_test(what_a_job_is_refused_for_is_told_with_the_same_words),
        cmocka_unit_test(what_cannot_be_known_is_null),
        cmocka_unit_test(the_place_in_the_queue_counts_those_that_wait),
        cmocka_unit_test(the_forecast_is_that_of_the_job),
        cmocka_unit_test(where_there_is_none_the_reason_is_that_of_the_job),
        cmocka_unit_test(what_the_data_do_not_allow_is_refused),
        cmocka_unit_test(many_forecasts_at_once_take_turns),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
