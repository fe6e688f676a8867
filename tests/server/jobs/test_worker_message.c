#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "server/jobs/worker_message.h"

static struct buffer fresh(void)
{
    struct buffer b;
    buffer_init(&b, LINK_MAX_FRAME);
    return b;
}

/* The message that these bytes would be; it borrows them. */
static struct link_message received(enum link_type type, const struct buffer *b)
{
    return (struct link_message){
        .type = type, .payload = b->data, .size = b->size, .descriptors = {0, -1}};
}

/* Decode as its type says and release what came out. */
static enum status decode(const struct link_message *m)
{
    struct message_job job;
    struct message_report report;
    struct message_result result;
    struct message_tuning tuning;
    struct error error;
    const char *text;
    uint64_t step;
    enum status status = STATUS_INTERNAL;
    switch (m->type) {
    case LINK_JOB:
        return message_job_decode(m, &job, NULL);
    case LINK_PHASE:
        return message_phase_decode(m, &text, NULL);
    case LINK_SUMMARY:
        return message_summary_decode(m, &text, NULL);
    case LINK_REPORT:
        status = message_report_decode(m, &report, NULL);
        if (status == STATUS_OK)
            mem_free(report.points);
        return status;
    case LINK_SNAPSHOT:
    case LINK_CHECKPOINT:
        return message_step_decode(m, &step, NULL);
    case LINK_RESULT:
        return message_result_decode(m, &result, NULL);
    case LINK_ERROR:
        return message_error_decode(m, &error, NULL);
    case LINK_TUNING:
        return message_tuning_decode(m, &tuning, NULL);
    case LINK_FORECAST:
        return message_forecast_decode(m, &text, NULL);
    }
    return status;
}

/* A right message of each type. */
static struct buffer example(enum link_type type)
{
    static const struct message_job job = {.kind = "fit",
                                           .spec = "{\"a\":1}",
                                           .isa = "avx2",
                                           .dataset_kind = "image",
                                           .media_type = "image/png",
                                           .info_json = "{\"b\":2}",
                                           .threads = 3};
    static struct metric_point points[] = {
        {.key = "loss", .step = 7, .value = -0.25, .seconds = 1.5},
        {.key = "test_psnr", .step = UINT64_MAX, .value = DBL_MAX, .seconds = 0}};
    static const struct message_report report = {.step = 7,
                                                 .seconds = 1.5,
                                                 .progress = 0.5,
                                                 .eta_seconds = -1,
                                                 .points = points,
                                                 .n_points = 2};
    static const struct message_result result = {
        .stopped_by = "steps", .summary_json = "{}", .metrics_json = "{\n \"é\": 1}", .step = 9};
    static const struct message_tuning tuning = {
        .member = "sigma", .value = 5.7, .tuning_json = "{\"sigma\":{}}"};
    static const struct error error = {
        .status = STATUS_INVALID, .where = "/a", .message = "'a' must be b"};
    struct buffer b = fresh();
    enum status status = STATUS_OK;
    switch (type) {
    case LINK_JOB:
        status = message_job_encode(&job, &b, NULL);
        break;
    case LINK_PHASE:
        status = message_text_encode("training", &b, NULL);
        break;
    case LINK_SUMMARY:
        status = message_text_encode("{\"n_inputs\":2}", &b, NULL);
        break;
    case LINK_REPORT:
        status = message_report_encode(&report, &b, NULL);
        break;
    case LINK_SNAPSHOT:
    case LINK_CHECKPOINT:
        status = message_step_encode(12, &b, NULL);
        break;
    case LINK_RESULT:
        status = message_result_encode(&result, &b, NULL);
        break;
    case LINK_ERROR:
        status = message_error_encode(&error, &b, NULL);
        break;
    case LINK_TUNING:
        status = message_tuning_encode(&tuning, &b, NULL);
        break;
    case LINK_FORECAST:
        status = message_text_encode("{\"method\":null}", &b, NULL);
        break;
    }
    assert_int_equal(status, STATUS_OK);
    return b;
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    struct buffer b = example(LINK_JOB);
    struct link_message m = received(LINK_JOB, &b);
    struct message_job job;
    assert_int_equal(message_job_decode(&m, &job, NULL), STATUS_OK);
    assert_string_equal(job.kind, "fit");
    assert_string_equal(job.spec, "{\"a\":1}");
    assert_string_equal(job.isa, "avx2");
    assert_string_equal(job.dataset_kind, "image");
    assert_string_equal(job.media_type, "image/png");
    assert_string_equal(job.info_json, "{\"b\":2}");
    assert_int_equal(job.threads, 3);
    buffer_deinit(&b);

    b = example(LINK_REPORT);
    m = received(LINK_REPORT, &b);
    struct message_report report;
    assert_int_equal(message_report_decode(&m, &report, NULL), STATUS_OK);
    assert_int_equal(report.step, 7);
    assert_true(report.seconds == 1.5 && report.progress == 0.5 && report.eta_seconds == -1);
    assert_int_equal(report.n_points, 2);
    assert_string_equal(report.points[1].key, "test_psnr");
    assert_true(report.points[1].step == UINT64_MAX && report.points[1].value == DBL_MAX);
    assert_true(report.points[0].value == -0.25 && report.points[0].seconds == 1.5);
    mem_free(report.points);
    buffer_deinit(&b);

    b = example(LINK_TUNING);
    m = received(LINK_TUNING, &b);
    struct message_tuning tuning;
    assert_int_equal(message_tuning_decode(&m, &tuning, NULL), STATUS_OK);
    assert_string_equal(tuning.member, "sigma");
    assert_true(tuning.value == 5.7);
    assert_string_equal(tuning.tuning_json, "{\"sigma\":{}}");
    buffer_deinit(&b);

    b = example(LINK_RESULT);
    m = received(LINK_RESULT, &b);
    struct message_result result;
    assert_int_equal(message_result_decode(&m, &result, NULL), STATUS_OK);
    assert_string_equal(result.stopped_by, "steps");
    assert_string_equal(result.summary_json, "{}");
    assert_string_equal(result.metrics_json, "{\n \"é\": 1}");
    assert_int_equal(result.step, 9);
    buffer_deinit(&b);

    b = example(LINK_ERROR);
    m = received(LINK_ERROR, &b);
    struct error error;
    assert_int_equal(message_error_decode(&m, &error, NULL), STATUS_OK);
    assert_int_equal(error.status, STATUS_INVALID);
    assert_string_equal(error.where, "/a");
    assert_string_equal(error.message, "'a' must be b");
    buffer_deinit(&b);
}

static void a_message_cut_or_lengthened_anywhere_is_refused(void **state)
{
    (void)state;
    for (enum link_type type = LINK_JOB; type <= LINK_ERROR; type++) {
        struct buffer b = example(type);
        struct link_message m = received(type, &b);
        assert_int_equal(decode(&m), STATUS_OK);
        for (m.size = 0; m.size < b.size; m.size++)
            assert_int_equal(decode(&m), STATUS_INVALID);
        assert_int_equal(buffer_append(&b, "", 1, NULL), STATUS_OK);
        m = received(type, &b);
        assert_int_equal(decode(&m), STATUS_INVALID);
        buffer_deinit(&b);
    }
}

static void changed_bytes_are_refused_or_harmless(void **state)
{
    (void)state;
    struct rng rng = rng_at(2, RNG_SAMPLE, 0);
    for (enum link_type type = LINK_JOB; type <= LINK_ERROR; type++)
        for (size_t round = 0; round < 3000; round++) {
            struct buffer b = example(type);
            for (uint64_t n = rng_below(&rng, 4) + 1; n > 0; n--)
                b.data[rng_below(&rng, b.size)] = (uint8_t)rng_u32(&rng);
            const struct link_message m = received(type, &b);
            const enum status status = decode(&m);
            assert_true(status == STATUS_OK || status == STATUS_INVALID);
            buffer_deinit(&b);
        }
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    static struct metric_point good = {.key = "loss", .value = 1};
    static struct metric_point bad[] = {
        {.key = "loss", .value = NAN},  {.key = "loss", .value = INFINITY},
        {.key = "loss", .seconds = -1}, {.key = "loss", .seconds = NAN},
        {.key = "Loss", .value = 1},    {.key = "", .value = 1},
        {.key = "a\"b", .value = 1},
    };
    const struct message_report reports[] = {
        {.seconds = NAN},     {.seconds = -1},     {.seconds = INFINITY},
        {.progress = 1.5},    {.progress = -0.1},  {.progress = NAN},
        {.eta_seconds = NAN}, {.eta_seconds = -2}, {.eta_seconds = INFINITY}};
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        struct buffer b = fresh();
        assert_int_equal(message_report_encode(&reports[i], &b, NULL), STATUS_OK);
        const struct link_message m = received(LINK_REPORT, &b);
        assert_int_equal(decode(&m), STATUS_INVALID);
        buffer_deinit(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct metric_point points[] = {good, bad[i], good};
        const struct message_report report = {.points = points, .n_points = 3};
        struct buffer b = fresh();
        assert_int_equal(message_report_encode(&report, &b, NULL), STATUS_OK);
        const struct link_message m = received(LINK_REPORT, &b);
        assert_int_equal(decode(&m), STATUS_INVALID);
        buffer_deinit(&b);
    }
}

static void more_points_than_a_report_may_hold_are_refused(void **state)
{
    (void)state;
    for (size_t n = MESSAGE_MAX_POINTS; n <= MESSAGE_MAX_POINTS + 1; n++) {
        struct message_report report = {.n_points = n};
        report.points = mem_alloc_array(n, sizeof *report.points);
        for (size_t i = 0; i < n; i++)
            snprintf(report.points[i].key, sizeof report.points[i].key, "loss");
        struct buffer b = fresh();
        assert_int_equal(message_report_encode(&report, &b, NULL), STATUS_OK);
        const struct link_message m = received(LINK_REPORT, &b);
        assert_int_equal(decode(&m), n == MESSAGE_MAX_POINTS ? STATUS_OK : STATUS_INVALID);
        buffer_deinit(&b);
        mem_free(report.points);
    }
}

static void texts_of_another_form_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum link_type type;
        const char *text;
        size_t size; /* with its NUL, or without one */
        enum status expected;
    } rows[] = {
        {LINK_PHASE, "training", 9, STATUS_OK},
        {LINK_PHASE, "training", 8, STATUS_INVALID}, /* no NUL */
        {LINK_PHASE, "train", 6, STATUS_INVALID},    /* no phase */
        {LINK_PHASE, "load\0ing", 9, STATUS_INVALID},
        {LINK_PHASE, "", 0, STATUS_INVALID},
        {LINK_SUMMARY, "{}", 3, STATUS_OK},
        {LINK_SUMMARY, "{\"a\":\n1}", 9, STATUS_OK},
        {LINK_SUMMARY, "", 1, STATUS_INVALID},
        {LINK_SUMMARY, "{", 2, STATUS_INVALID},
        {LINK_SUMMARY, "[]", 3, STATUS_INVALID},
        {LINK_SUMMARY, "{\xff}", 4, STATUS_INVALID},
        {LINK_SUMMARY, "{\xed\xa0\x80}", 6, STATUS_INVALID}, /* a surrogate */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer b = fresh();
        const uint32_t size = (uint32_t)rows[i].size;
        assert_int_equal(buffer_append(&b, &size, sizeof size, NULL), STATUS_OK);
        assert_int_equal(buffer_append(&b, rows[i].text, rows[i].size, NULL), STATUS_OK);
        const struct link_message m = received(rows[i].type, &b);
        assert_int_equal(decode(&m), rows[i].expected);
        buffer_deinit(&b);
    }
}

static void a_step_needs_its_descriptor(void **state)
{
    (void)state;
    struct buffer b = example(LINK_SNAPSHOT);
    struct link_message m = received(LINK_SNAPSHOT, &b);
    assert_int_equal(decode(&m), STATUS_OK);
    m.descriptors[0] = -1;
    assert_int_equal(decode(&m), STATUS_INVALID);
    buffer_deinit(&b);
}

static void words_of_an_error_are_cleaned_and_cut(void **state)
{
    (void)state;
    static const struct {
        const char *said, *expected;
    } rows[] = {
        {"plain 'words'", "plain 'words'"},
        {"caf\xc3\xa9 \xf0\x9f\x8c\x8d", "caf\xc3\xa9 \xf0\x9f\x8c\x8d"},
        {"a\nb\tc\x1b[31m\x7f", "a?b?c?[31m?"},
        {"cut \xc3", "cut ?"},
        {"\xff\xfe|\xc0\x80|\xed\xa0\x80|\xc2\x85", "??|??|???|??"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error said = {.status = STATUS_INVALID}, heard;
        struct buffer b = fresh();
        snprintf(said.message, sizeof said.message, "%s", rows[i].said);
        assert_int_equal(message_error_encode(&said, &b, NULL), STATUS_OK);
        const struct link_message m = received(LINK_ERROR, &b);
        assert_int_equal(message_error_decode(&m, &heard, NULL), STATUS_OK);
        assert_string_equal(heard.message, rows[i].expected);
        buffer_deinit(&b);
    }
}

static void an_error_that_is_none_is_refused(void **state)
{
    (void)state;
    static const uint32_t codes[] = {STATUS_OK, STATUS_INTERNAL + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct buffer b = example(LINK_ERROR);
        memcpy(b.data, &codes[i], sizeof codes[i]);
        const struct link_message m = received(LINK_ERROR, &b);
        assert_int_equal(decode(&m), STATUS_INVALID);
        buffer_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(a_message_cut_or_lengthened_anywhere_is_refused),
        cmocka_unit_test(changed_bytes_are_refused_or_harmless),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(more_points_than_a_report_may_hold_are_refused),
        cmocka_unit_test(texts_of_another_form_are_refused),
        cmocka_unit_test(a_step_needs_its_descriptor),
        cmocka_unit_test(words_of_an_error_are_cleaned_and_cut),
        cmocka_unit_test(an_error_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
