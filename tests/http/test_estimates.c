/* What a job would be and cost: as the job itself says it, refused as the job is, and nothing kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static char dataset[ID_TEXT];

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
        json_t *posted = errors_of(post("/v1/jobs", cases[i].body), cases[i].status);
        if (!json_equal(asked, posted))
            fail_msg("%s: %s, not %s", cases[i].body, json_dumps(asked, 0), json_dumps(posted, 0));
        json_decref(asked);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_estimate_is_the_job_before_it_is_posted),
        cmocka_unit_test(what_a_job_is_refused_for_is_told_with_the_same_words),
        cmocka_unit_test(what_cannot_be_known_is_null),
        cmocka_unit_test(the_place_in_the_queue_counts_those_that_wait),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
