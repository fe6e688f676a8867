/*
 * What rows look like as JSON: exactly the contract's members, always all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_dataset.h"
#include "api/codec/codec_field.h"
#include "api/codec/codec_job.h"
#include "api/codec/codec_json.h"
#include "core/base/mem.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void expect_members(const json_t *value, const char *const *names, size_t n)
{
    assert_non_null(value);
    for (size_t i = 0; i < n; i++)
        if (!json_object_get(value, names[i]))
            fail_msg("'%s' is missing", names[i]);
    assert_int_equal(json_object_size(value), n);
}

static const char *text_at(const json_t *value, const char *name)
{
    return json_string_value(json_object_get(value, name));
}

static bool is_null_at(const json_t *value, const char *name)
{
    return json_is_null(json_object_get(value, name));
}

static const char *const job_members[] = {
    "id",         "task",        "status",         "phase",   "progress",   "step",
    "steps",      "eta_seconds", "queue_position", "attempt", "dataset_id", "field_id",
    "metrics",    "stopped_by",  "error",          "spec",    "labels",     "created_at",
    "started_at", "finished_at", "sweep_id",       "tuning",  "forecast",
};

static char spec_text[] = "{\"task\":\"image\"}", labels_text[] = "{\"series\":\"kodak\"}";
static char detail_text[] = "the loss is not finite after step 12";

static struct job_row job(enum job_status status)
{
    return (struct job_row){
        .id = "job_01jd6v7m8rkq2w5x9c4t3b1nfe",
        .task = "image",
        .status = status,
        .eta_seconds = -1.0,
        .dataset_id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe",
        .field_id = "fld_01jd6v7m8rkq2w5x9c4t3b1nfe",
        .spec_json = spec_text,
        .labels_json = labels_text,
        .created_ms = 1,
    };
}

static void a_queued_job_has_every_member(void **state)
{
    (void)state;
    struct job_row row = job(JOB_QUEUED);
    json_t *value = codec_job(&row, NULL, 3);
    expect_members(value, job_members, COUNT(job_members));
    static const char *const nulls[] = {"phase", "steps",      "eta_seconds", "stopped_by",
                                        "error", "started_at", "finished_at"};
    for (size_t i = 0; i < COUNT(nulls); i++)
        assert_true(is_null_at(value, nulls[i]));
    assert_int_equal(json_integer_value(json_object_get(value, "queue_position")), 3);
    assert_string_equal(text_at(value, "status"), "queued");
    assert_string_equal(text_at(value, "created_at"), "1970-01-01T00:00:00.001Z");
    assert_string_equal(text_at(json_object_get(value, "labels"), "series"), "kodak");
    assert_int_equal(json_object_size(json_object_get(value, "metrics")), 0);
    json_decref(value);
}

static void a_running_job_shows_where_it_is(void **state)
{
    (void)state;
    struct metric_point points[] = {{"loss", 120, 0.1, 1.5}, {"psnr", 100, 1.0 / 3.0, 1.2}};
    const struct metric_series latest = {COUNT(points), points};
    struct job_row row = job(JOB_RUNNING);
    snprintf(row.phase, sizeof row.phase, "training");
    row.step = 120;
    row.steps = 2000;
    row.progress = 0.06;
    row.eta_seconds = 12.5;
    row.attempt = 1;
    row.started_ms = 2;
    json_t *value = codec_job(&row, &latest, 0);
    expect_members(value, job_members, COUNT(job_members));
    assert_string_equal(text_at(value, "phase"), "training");
    assert_int_equal(json_integer_value(json_object_get(value, "steps")), 2000);
    assert_true(json_real_value(json_object_get(value, "eta_seconds")) == 12.5);
    assert_true(is_null_at(value, "queue_position"));
    char *text = NULL;
    assert_int_equal(codec_json_text(json_object_get(value, "metrics"), &text, NULL), STATUS_OK);
    assert_string_equal(text, "{\"loss\":0.1,\"psnr\":0.333333333}");
    mem_free(text);
    json_decref(value);
}

static void a_failed_job_says_why(void **state)
{
    (void)state;
    struct job_row row = job(JOB_FAILED);
    snprintf(row.error_class, sizeof row.error_class, "diverged");
    snprintf(row.phase, sizeof row.phase, "training");
    row.error_detail = detail_text;
    row.eta_seconds = 4.0;
    row.finished_ms = 5;
    json_t *value = codec_job(&row, NULL, 0);
    expect_members(value, job_members, COUNT(job_members));
    const json_t *error = json_object_get(value, "error");
    static const char *const error_members[] = {"class", "detail"};
    expect_members(error, error_members, COUNT(error_members));
    assert_string_equal(text_at(error, "class"), "diverged");
    assert_true(is_null_at(value, "phase"));
    assert_true(is_null_at(value, "eta_seconds"));
    json_decref(value);
}

static void a_succeeded_job_is_done(void **state)
{
    (void)state;
    struct job_row row = job(JOB_SUCCEEDED);
    snprintf(row.stopped_by, sizeof row.stopped_by, "time_limit");
    row.progress = 0.93;
    json_t *value = codec_job(&row, NULL, 0);
    assert_true(json_number_value(json_object_get(value, "progress")) == 1.0);
    assert_string_equal(text_at(value, "stopped_by"), "time_limit");
    json_decref(value);
}

static void series_are_grouped_by_key(void **state)
{
    (void)state;
    struct metric_point points[] = {
        {"loss", 1, 0.5, 0.1}, {"loss", 2, 0.25, 0.2}, {"psnr", 2, 20.0, 0.2}};
    const struct metric_series series = {COUNT(points), points};
    char *text = NULL;
    json_t *value = codec_job_series(&series);
    assert_int_equal(codec_json_text(value, &text, NULL), STATUS_OK);
    assert_string_equal(
        text, "{\"series\":{\"loss\":[[1,0.5,0.1],[2,0.25,0.2]],\"psnr\":[[2,20.0,0.2]]}}");
    mem_free(text);
    json_decref(value);
}

static void a_dataset_has_every_member(void **state)
{
    (void)state;
    static const char *const members[] = {"id",    "kind",   "name",       "media_type",
                                          "bytes", "sha256", "created_at", "info"};
    char info[] = "{\"shape\":[1,2,3],\"channels\":3}";
    struct dataset_row row = {.id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe",
                              .kind = "image",
                              .name = "caf\xc3\xa9",
                              .media_type = "image/png",
                              .bytes = 17,
                              .info_json = info};
    json_t *value = codec_dataset(&row);
    expect_members(value, members, COUNT(members));
    assert_string_equal(text_at(value, "name"), "caf\xc3\xa9");
    json_t *list = codec_list(json_pack("[o]", value), "");
    assert_true(is_null_at(list, "next_cursor"));
    json_decref(list);
    list = codec_list(json_array(), "abc");
    assert_string_equal(text_at(list, "next_cursor"), "abc");
    json_decref(list);
}

static const char *const field_members[] = {
    "id",           "state", "step",   "job_id", "dataset_id", "task",  "n_inputs", "n_outputs",
    "n_parameters", "bytes", "domain", "spec",   "metrics",    "links", "sha256",
};

static void a_final_field_has_every_member(void **state)
{
    (void)state;
    char summary[] = "{\"n_inputs\":2,\"n_outputs\":3,\"n_parameters\":51,\"domain\":{}}";
    char metrics[] = "{\"psnr\":31.5}";
    struct field_row row = {.id = "fld_01jd6v7m8rkq2w5x9c4t3b1nfe",
                            .job_id = "job_01jd6v7m8rkq2w5x9c4t3b1nfe",
                            .dataset_id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe",
                            .task = "image",
                            .step = 2000,
                            .bytes = 1234,
                            .weights_sha256 = "00",
                            .spec_json = spec_text,
                            .summary_json = summary,
                            .metrics_json = metrics};
    json_t *value = codec_field_final(&row);
    expect_members(value, field_members, COUNT(field_members));
    assert_string_equal(text_at(value, "state"), "final");
    assert_int_equal(json_integer_value(json_object_get(value, "n_parameters")), 51);
    assert_string_equal(text_at(json_object_get(value, "links"), "weights"),
                        "/v1/fields/fld_01jd6v7m8rkq2w5x9c4t3b1nfe/weights");
    json_decref(value);
    static const char *const evaluation_members[] = {"field_id", "dataset_id", "step", "metrics"};
    value = codec_field_evaluation(&row);
    expect_members(value, evaluation_members, COUNT(evaluation_members));
    json_decref(value);
}

static void a_field_in_training_has_every_member(void **state)
{
    (void)state;
    char spec[] =
        "{\"task\":\"image\",\"field\":{\"encoding\":{\"type\":\"none\"},\"network\":"
        "{\"n_hidden_layers\":1,\"width\":8,\"activation\":\"relu\",\"output_activation\":"
        "\"sigmoid\"}},\"train\":{\"steps\":5,\"batch_size\":10,\"learning_rate\":0.1,"
        "\"optimizer\":\"adam\",\"schedule\":\"constant\",\"loss\":\"mse\",\"precision\":\"fp32\","
        "\"seed\":0,\"holdout\":\"none\",\"target_psnr\":null,\"time_limit_seconds\":null}}";
    char info[] = "{\"shape\":[48,64,3]}";
    const struct dataset_row dataset = {.kind = "image", .info_json = info};
    struct job_row row = job(JOB_RUNNING);
    row.spec_json = spec;
    json_t *value = codec_field_training(&row, &dataset, NULL, NULL);
    expect_members(value, field_members, COUNT(field_members));
    assert_string_equal(text_at(value, "state"), "training");
    assert_int_equal(json_integer_value(json_object_get(value, "n_parameters")), 51);
    assert_true(is_null_at(value, "sha256") && is_null_at(value, "bytes"));
    json_decref(value);

    const struct field_entry entry = {.step = 7, .bytes = 99, .weights_sha256 = "00"};
    value = codec_field_training(&row, NULL, &entry, NULL);
    expect_members(value, field_members, COUNT(field_members));
    assert_int_equal(json_integer_value(json_object_get(value, "step")), 7);
    assert_int_equal(json_integer_value(json_object_get(value, "bytes")), 99);
    assert_true(is_null_at(value, "sha256") && is_null_at(value, "domain"));
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_job_has_every_member),
        cmocka_unit_test(a_running_job_shows_where_it_is),
        cmocka_unit_test(a_failed_job_says_why),
        cmocka_unit_test(a_succeeded_job_is_done),
        cmocka_unit_test(series_are_grouped_by_key),
        cmocka_unit_test(a_dataset_has_every_member),
        cmocka_unit_test(a_final_field_has_every_member),
        cmocka_unit_test(a_field_in_training_has_every_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
