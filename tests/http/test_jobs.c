/* Jobs: what a body becomes, the life of a job, lists, cancel, resume, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static char dataset[ID_TEXT];

enum { STEPS = 400 / SLOWNESS, ENDLESS = 10000000 };

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    upload_picture(&service, 32, 1, dataset);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct answer post_to(const char *id, const char *what, const char *json)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/jobs/%s/%s", id, what);
    return service_post_json(&service, path, json);
}

static void cancel(const char *id)
{
    answer_status(post_to(id, "cancel", "{}"), 200);
    json_decref(wait_for_job(&service, id, "canceled"));
}

/* A body; "@" in it stands for the dataset's id. */
static struct answer post_job(const char *format, const char *id)
{
    char body[2048];
    size_t n = strcspn(format, "@");
    snprintf(body, sizeof(body), "%.*s%s%s", (int)n, format, format[n] ? id : "",
             format[n] ? format + n + 1 : "");
    return service_post_json(&service, "/v1/jobs", body);
}

static void only_the_dataset_is_needed(void **state)
{
    (void)state;
    struct answer a = post_job("{\"dataset_id\":\"@\"}", dataset);
    char location[128], path[128];
    snprintf(location, sizeof(location), "%s", answer_header(&a, "Location"));
    json_t *job = answer_json(a, 202);
    snprintf(path, sizeof(path), "/v1/jobs/%s", member_text(job, "id"));
    assert_string_equal(location, path);

    static const char *const members[] = {
        "id",         "task",        "status",      "phase",      "progress",       "step",
        "steps",      "attempt",     "eta_seconds", "dataset_id", "queue_position", "field_id",
        "metrics",    "error",       "stopped_by",  "spec",       "labels",         "created_at",
        "started_at", "finished_at", "sweep_id",    "tuning",     "forecast"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        member_get(job, members[i]);
    assert_int_equal(json_object_size(job), sizeof(members) / sizeof(members[0]));
    assert_string_equal(member_text(job, "task"), "image");
    assert_string_equal(member_text(job, "dataset_id"), dataset);
    assert_memory_equal(member_text(job, "field_id"), "fld_", 4);
    assert_string_equal(member_text(job, "spec.preset"), "fast");
    assert_true(member_number(job, "spec.train.time_limit_seconds") > 0);
    assert_true(member_integer(job, "spec.field.network.width") > 0);
    cancel(member_text(job, "id"));
    json_decref(job);
}

static void preset_paper_is_the_papers_own_and_callers_settings_go_over_it(void **state)
{
    (void)state;
    json_t *job = answer_json(post_job("{\"dataset_id\":\"@\",\"preset\":\"paper\",\"train\":"
                                       "{\"batch_size\":64},\"field\":{\"encoding\":"
                                       "{\"type\":\"positional\"}},\"labels\":{\"a\":\"b\"}}",
                                       dataset),
                              202);
    assert_int_equal(member_integer(job, "spec.train.steps"), 2000);
    assert_int_equal(member_integer(job, "steps"), 2000);
    assert_int_equal(member_integer(job, "spec.train.batch_size"), 64);
    assert_string_equal(member_text(job, "spec.train.holdout"), "odd_pixels");
    assert_int_equal(member_integer(job, "spec.field.network.width"), 256);
    assert_string_equal(member_text(job, "spec.field.encoding.type"), "positional");
    assert_null(json_object_get(member_get(job, "spec.field.encoding"), "sigma"));
    assert_string_equal(member_text(job, "labels.a"), "b");
    cancel(member_text(job, "id"));
    json_decref(job);
}

static void a_job_runs_to_its_end_and_leaves_a_field(void **state)
{
    (void)state;
    char id[ID_TEXT];
    start_job(&service, dataset, STEPS, "", id);
    json_t *job = wait_for_job(&service, id, "succeeded");
    assert_int_equal(member_integer(job, "step"), STEPS);
    assert_string_equal(member_text(job, "stopped_by"), "steps");
    assert_true(json_is_null(member_get(job, "error")));
    assert_true(json_is_null(member_get(job, "queue_position")));
    assert_true(member_number(job, "progress") == 1);
    assert_true(member_number(job, "metrics.psnr") > 10);
    assert_true(member_number(job, "metrics.loss") > 0);
    assert_int_equal(member_integer(job, "attempt"), 1);
    assert_true(strcmp(member_text(job, "started_at"), member_text(job, "created_at")) >= 0);
    assert_true(strcmp(member_text(job, "finished_at"), member_text(job, "started_at")) >= 0);

    json_t *field =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
    assert_string_equal(member_text(field, "state"), "final");
    assert_string_equal(member_text(field, "job_id"), id);
    assert_int_equal(member_integer(field, "step"), STEPS);
    json_decref(field);
    json_decref(job);
}

static void job_answers_304_until_it_changes(void **state)
{
    (void)state;
    char id[ID_TEXT], path[128], header[160];
    start_job(&service, dataset, STEPS, "", id);
    json_decref(wait_for_job(&service, id, "succeeded"));
    snprintf(path, sizeof(path), "/v1/jobs/%s", id);
    struct answer a = service_get(&service, "%s", path);
    assert_memory_equal(answer_header(&a, "ETag"), "W/\"", 3);
    snprintf(header, sizeof(header), "If-None-Match: %s", answer_header(&a, "ETag"));
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-cache");
    answer_status(a, 200);
    answer_status(service_send(&service, &(struct request){.path = path, .headers = {header}}),
                  304);
}

static void metrics_are_series_of_step_value_and_seconds(void **state)
{
    (void)state;
    char id[ID_TEXT];
    start_job(&service, dataset, STEPS, "", id);
    json_decref(wait_for_job(&service, id, "succeeded"));
    json_t *all = answer_json(service_get(&service, "/v1/jobs/%s/metrics", id), 200);
    const json_t *loss = member_get(all, "series.loss");
    size_t n = json_array_size(loss);
    assert_true(n >= 1);
    const json_t *last = json_array_get(loss, n - 1);
    assert_int_equal(json_array_size(last), 3);
    assert_int_equal(json_integer_value(json_array_get(last, 0)), STEPS);
    assert_true(json_number_value(json_array_get(last, 2)) > 0);
    member_get(all, "series.psnr");
    json_decref(all);

    json_t *some = answer_json(
        service_get(&service, "/v1/jobs/%s/metrics?keys=psnr&since_step=%d", id, STEPS - 1), 200);
    assert_int_equal(json_object_size(member_get(some, "series")), 1);
    const json_t *psnr = member_get(some, "series.psnr");
    assert_int_equal(json_array_size(psnr), 1);
    json_decref(some);
    answer_problem(service_get(&service, "/v1/jobs/%s/metrics?since_step=x", id), 422,
                   "/since_step");
    answer_problem(service_get(&service, "/v1/jobs/%s/metrics?keys=a,,b", id), 422, "/keys");
}

static void idempotency_key_makes_one_job_of_two_posts(void **state)
{
    (void)state;
    char body[256], first[ID_TEXT];
    snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"train\":{\"steps\":1}}", dataset);
    struct request request = {.path = "/v1/jobs",
                              .content_type = "application/json",
                              .body = body,
                              .n_body = strlen(body),
                              .headers = {"Idempotency-Key: once-only"}};
    json_t *job = answer_json(service_send(&service, &request), 202);
    snprintf(first, sizeof(first), "%s", member_text(job, "id"));
    json_decref(job);
    job = answer_json(service_send(&service, &request), 202);
    assert_string_equal(member_text(job, "id"), first);
    json_decref(job);

    snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"train\":{\"steps\":2}}", dataset);
    request.n_body = strlen(body);
    answer_problem(service_send(&service, &request), 422, NULL);
    request.headers[0] = "Idempotency-Key: another";
    job = answer_json(service_send(&service, &request), 202);
    assert_string_not_equal(member_text(job, "id"), first);
    json_decref(job);
}

static void a_key_is_answered_after_its_dataset_was_deleted(void **state)
{
    (void)state;
    char body[256], picture[ID_TEXT], first[ID_TEXT];
    upload_picture(&service, 16, 78, picture);
    snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"train\":{\"steps\":1}}", picture);
    const struct request request = {.path = "/v1/jobs",
                                    .content_type = "application/json",
                                    .body = body,
                                    .n_body = strlen(body),
                                    .headers = {"Idempotency-Key: outlives-its-dataset"}};
    json_t *job = answer_json(service_send(&service, &request), 202);
    snprintf(first, sizeof(first), "%s", member_text(job, "id"));
    json_decref(job);
    json_decref(wait_for_job(&service, first, "succeeded"));
    answer_status(service_delete(&service, "/v1/datasets/%s", picture), 204);
    job = answer_json(service_send(&service, &request), 202);
    assert_string_equal(member_text(job, "id"), first);
    json_decref(job);
}

static size_t count_jobs(const char *query)
{
    json_t *list = answer_json(service_get(&service, "/v1/jobs?limit=200&%s", query), 200);
    size_t n = json_array_size(member_get(list, "items"));
    json_decref(list);
    return n;
}

static void list_filters_by_status_dataset_and_label(void **state)
{
    (void)state;
    char other[ID_TEXT], id[3][ID_TEXT], query[128];
    upload_picture(&service, 16, 77, other);
    start_job(&service, other, 2, ", \"labels\":{\"series\":\"x:y\",\"n\":\"1\"}", id[0]);
    start_job(&service, other, 2, ", \"labels\":{\"series\":\"x:y\",\"n\":\"2\"}", id[1]);
    start_job(&service, other, ENDLESS, "", id[2]);
    json_decref(wait_for_job(&service, id[1], "succeeded"));
    snprintf(query, sizeof(query), "dataset_id=%s", other);
    assert_int_equal(count_jobs(query), 3);
    snprintf(query, sizeof(query), "dataset_id=%s&status=succeeded", other);
    assert_int_equal(count_jobs(query), 2);
    assert_int_equal(count_jobs("label=series:x:y"), 2);
    assert_int_equal(count_jobs("label=n:2"), 1);
    assert_int_equal(count_jobs("label=n:3"), 0);
    answer_problem(service_get(&service, "/v1/jobs?status=done"), 422, "/status");
    answer_problem(service_get(&service, "/v1/jobs?label=series"), 422, "/label");
    answer_problem(service_get(&service, "/v1/jobs?dataset_id=5"), 422, "/dataset_id");
    cancel(id[2]);
}

static void list_pages_through_all_jobs_once(void **state)
{
    (void)state;
    char cursor[128] = "", last[ID_TEXT] = "z";
    size_t seen = 0, all = count_jobs("");
    do {
        json_t *page =
            answer_json(service_get(&service, "/v1/jobs?limit=2&cursor=%s", cursor), 200);
        const json_t *items = member_get(page, "items"), *next = member_get(page, "next_cursor");
        for (size_t i = 0; i < json_array_size(items); i++, seen++) {
            const char *id = member_text(json_array_get(items, i), "id");
            assert_true(strcmp(id, last) < 0);
            snprintf(last, sizeof(last), "%s", id);
        }
        snprintf(cursor, sizeof(cursor), "%s", json_is_null(next) ? "" : json_string_value(next));
        json_decref(page);
    } while (cursor[0]);
    assert_int_equal(seen, all);
}

static void cancel_is_idempotent_and_refused_after_another_end(void **state)
{
    (void)state;
    char running[ID_TEXT], queued[ID_TEXT], ended[ID_TEXT];
    start_job(&service, dataset, 1, "", ended);
    json_decref(wait_for_job(&service, ended, "succeeded"));
    answer_problem(post_to(ended, "cancel", "{}"), 409, NULL);

    start_job(&service, dataset, ENDLESS, "", running);
    start_job(&service, dataset, ENDLESS, "", queued);
    wait_for_step(&service, running, 10);
    json_t *job = answer_json(post_to(queued, "cancel", "{}"), 200);
    assert_string_equal(member_text(job, "status"), "canceled");
    assert_true(json_is_string(member_get(job, "finished_at")));
    json_decref(job);
    double before = now_seconds();
    cancel(running);
    assert_true(now_seconds() - before < 10 * SLOWNESS);
    cancel(running);
    cancel(queued);
    answer_problem(post_to("job_00000000000000000000000000", "cancel", "{}"), 404, NULL);
}

static void a_canceled_job_leaves_its_last_snapshot(void **state)
{
    (void)state;
    char id[ID_TEXT];
    start_job(&service, dataset, ENDLESS, "", id);
    wait_for_step(&service, id, 50);
    cancel(id);
    json_t *job = wait_for_job(&service, id, "canceled");
    json_t *field =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
    assert_string_equal(member_text(field, "state"), "final");
    assert_true(member_integer(field, "step") >= 1);
    json_decref(field);
    json_decref(job);
}

static void a_diverged_job_fails_and_says_so(void **state)
{
    (void)state;
    json_t *job =
        answer_json(post_job("{\"dataset_id\":\"@\",\"train\":{\"steps\":100000,\"batch_size\":256,"
                             "\"learning_rate\":10,\"optimizer\":\"sgd\"},\"field\":{\"network\":"
                             "{\"output_activation\":\"linear\",\"n_hidden_layers\":4}}}",
                             dataset),
                    202);
    char id[ID_TEXT];
    snprintf(id, sizeof(id), "%s", member_text(job, "id"));
    json_decref(job);
    job = wait_for_job(&service, id, "failed");
    assert_string_equal(member_text(job, "error.class"), "diverged");
    assert_true(strlen(member_text(job, "error.detail")) > 0);
    json_decref(job);
}

static void target_psnr_ends_a_job_without_steps(void **state)
{
    (void)state;
    json_t *job =
        answer_json(post_job("{\"dataset_id\":\"@\",\"train\":{\"steps\":null,\"batch_size\":512,"
                             "\"target_psnr\":12,\"time_limit_seconds\":60}}",
                             dataset),
                    202);
    char id[ID_TEXT];
    snprintf(id, sizeof(id), "%s", member_text(job, "id"));
    json_decref(job);
    job = wait_for_job(&service, id, "succeeded");
    assert_string_equal(member_text(job, "stopped_by"), "target_psnr");
    assert_true(json_is_null(member_get(job, "steps")));
    json_decref(job);
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

static void a_resumed_job_ends_where_an_unbroken_one_does(void **state)
{
    (void)state;
    enum { LONG = SLOWNESS > 1 ? 1000 : 24000 };
    char broken[ID_TEXT], resumed[ID_TEXT], unbroken[ID_TEXT], body[64], hash[2][65];
    start_job(&service, dataset, LONG, "", broken);
    wait_for_step(&service, broken, 1);
    cancel(broken);
    snprintf(body, sizeof(body), "{\"train\":{\"steps\":%d}}", LONG);
    json_t *job = answer_json(post_to(broken, "resume", body), 202);
    snprintf(resumed, sizeof(resumed), "%s", member_text(job, "id"));
    assert_int_equal(member_integer(job, "steps"), LONG);
    json_decref(job);
    start_job(&service, dataset, LONG, "", unbroken);
    get_weights_hash(resumed, hash[0]);
    get_weights_hash(unbroken, hash[1]);
    assert_string_equal(hash[0], hash[1]);
}

static void resume_is_refused_where_it_makes_no_sense(void **state)
{
    (void)state;
    char running[ID_TEXT], queued[ID_TEXT];
    start_job(&service, dataset, ENDLESS, "", running);
    start_job(&service, dataset, ENDLESS, "", queued);
    wait_for_step(&service, running, 10);
    answer_problem(post_to(running, "resume", "{\"train\":{\"steps\":20000000}}"), 409, NULL);
    cancel(queued);
    answer_problem(post_to(queued, "resume", "{\"train\":{\"steps\":100}}"), 409, NULL);
    cancel(running);
    answer_problem(post_to(running, "resume", "{\"train\":{\"steps\":1}}"), 422, "/train/steps");
    answer_problem(post_to(running, "resume", "{\"train\":{}}"), 422, "/train/steps");
    answer_problem(post_to(running, "resume", "{\"train\":{\"steps\":5,\"x\":1}}"), 422,
                   "/train/x");
}

static void bad_bodies_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *body; /* @: the dataset's id */
        long status;
        const char *pointer;
    } cases[] = {
        {"{", 400, NULL},
        {"", 400, NULL},
        {"[]", 422, ""},
        {"{}", 422, "/dataset_id"},
        {"{\"dataset_id\":null}", 422, "/dataset_id"},
        {"{\"dataset_id\":\"ds_00000000000000000000000000\"}", 422, "/dataset_id"},
        {"{\"dataset_id\":\"@\",\"colour\":1}", 422, "/colour"},
        {"{\"dataset_id\":\"@\",\"train\":{\"steps\":0}}", 422, "/train/steps"},
        {"{\"dataset_id\":\"@\",\"train\":{\"steps\":1.5}}", 422, "/train/steps"},
        {"{\"dataset_id\":\"@\",\"preset\":\"paper\",\"train\":{\"steps\":null}}", 422, NULL},
        {"{\"dataset_id\":\"@\",\"train\":{\"learning_rate\":0}}", 422, "/train/learning_rate"},
        {"{\"dataset_id\":\"@\",\"train\":{\"batch_size\":1048577}}", 422, "/train/batch_size"},
        {"{\"dataset_id\":\"@\",\"field\":{\"network\":{\"width\":4096}}}", 422,
         "/field/network/width"},
        {"{\"dataset_id\":\"@\",\"field\":{\"network\":{\"width\":\"4\"}}}", 422,
         "/field/network/width"},
        {"{\"dataset_id\":\"@\",\"field\":{\"encoding\":{\"type\":\"wavelet\"}}}", 422,
         "/field/encoding/type"},
        {"{\"dataset_id\":\"@\",\"task\":\"volume\"}", 422, "/task"},
        {"{\"dataset_id\":\"@\",\"preset\":\"slow\"}", 422, "/preset"},
        {"{\"dataset_id\":\"@\",\"measure\":{\"near\":1}}", 422, "/measure/near"},
        {"{\"dataset_id\":\"@\",\"labels\":{\"a\":1}}", 422, "/labels/a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        answer_problem(post_job(cases[i].body, dataset), cases[i].status, cases[i].pointer);
}

static void a_job_that_is_too_large_for_the_machine_is_refused(void **state)
{
    (void)state;
    struct service small;
    static const char *const settings[] = {"--job-memory", "16MiB", NULL};
    char id[ID_TEXT], body[256];
    service_start(&small, settings);
    upload_picture(&small, 32, 1, id);
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",\"field\":{\"network\":{\"width\":2048,"
             "\"n_hidden_layers\":16}}}",
             id);
    answer_problem(service_post_json(&small, "/v1/jobs", body), 422, NULL);
    service_remove(&small);
}

static void a_job_that_would_train_too_long_is_refused(void **state)
{
    (void)state;
    struct service brief;
    static const char *const settings[] = {"--job-seconds", "60", NULL};
    static const struct {
        const char *train, *pointer;
    } cases[] = {
        {"{\"time_limit_seconds\":61}", "/train/time_limit_seconds"},
        {"{\"steps\":10000000,\"batch_size\":1048576}", "/train/steps"},
    };
    char id[ID_TEXT], body[256];
    service_start(&brief, settings);
    upload_picture(&brief, 32, 1, id);
    wait_for_measured_machine(&brief);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"train\":%s}", id, cases[i].train);
        answer_problem(service_post_json(&brief, "/v1/jobs", body), 422, cases[i].pointer);
    }
    service_remove(&brief);
}

/* The limits may have become smaller, or the steps many more. */
static void a_resumed_job_is_let_in_as_a_new_one_is(void **state)
{
    (void)state;
    struct service again;
    static const char *const brief[] = {"--job-seconds", "1", NULL};
    static const char *const small[] = {"--job-memory", "1MiB", NULL};
    static const char more[] = "{\"train\":{\"steps\":6}}";
    static const char most[] = "{\"train\":{\"steps\":10000000}}";
    char dataset_id[ID_TEXT], id[ID_TEXT], path[96];
    service_start(&again, NULL);
    upload_picture(&again, 32, 1, dataset_id);
    start_job(&again, dataset_id, 5, "", id);
    json_decref(wait_for_job(&again, id, "succeeded"));
    snprintf(path, sizeof(path), "/v1/jobs/%s/resume", id);
    assert_int_equal(service_stop(&again), 0);
    service_restart(&again, brief);
    wait_for_measured_machine(&again);
    answer_problem(service_post_json(&again, path, most), 422, "/train/steps");
    answer_status(service_post_json(&again, path, more), 202);
    assert_int_equal(service_stop(&again), 0);
    service_restart(&again, small);
    answer_problem(service_post_json(&again, path, more), 422, NULL);
    service_remove(&again);
}

static void json_bodies_need_their_type_and_stay_small(void **state)
{
    (void)state;
    static char large[(1 << 20) + 1];
    memset(large, ' ', sizeof(large));
    answer_problem(service_send(&service, &(struct request){.path = "/v1/jobs",
                                                            .content_type = "text/plain",
                                                            .body = "{}",
                                                            .n_body = 2}),
                   415, NULL);
    answer_problem(service_send(&service, &(struct request){.path = "/v1/jobs",
                                                            .content_type = "application/json",
                                                            .body = large,
                                                            .n_body = sizeof(large)}),
                   413, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_dataset_is_needed),
        cmocka_unit_test(preset_paper_is_the_papers_own_and_callers_settings_go_over_it),
        cmocka_unit_test(a_job_runs_to_its_end_and_leaves_a_field),
        cmocka_unit_test(job_answers_304_until_it_changes),
        cmocka_unit_test(metrics_are_series_of_step_value_and_seconds),
        cmocka_unit_test(idempotency_key_makes_one_job_of_two_posts),
        cmocka_unit_test(a_key_is_answered_after_its_dataset_was_deleted),
        cmocka_unit_test(list_filters_by_status_dataset_and_label),
        cmocka_unit_test(list_pages_through_all_jobs_once),
        cmocka_unit_test(cancel_is_idempotent_and_refused_after_another_end),
        cmocka_unit_test(a_canceled_job_leaves_its_last_snapshot),
        cmocka_unit_test(a_diverged_job_fails_and_says_so),
        cmocka_unit_test(target_psnr_ends_a_job_without_steps),
        cmocka_unit_test(a_resumed_job_ends_where_an_unbroken_one_does),
        cmocka_unit_test(resume_is_refused_where_it_makes_no_sense),
        cmocka_unit_test(bad_bodies_are_refused_with_the_place),
        cmocka_unit_test(a_job_that_is_too_large_for_the_machine_is_refused),
        cmocka_unit_test(a_job_that_would_train_too_long_is_refused),
        cmocka_unit_test(a_resumed_job_is_let_in_as_a_new_one_is),
        cmocka_unit_test(json_bodies_need_their_type_and_stay_small),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
