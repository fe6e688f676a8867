/*
 * What happens when memory is short: each allocation in turn is made to fail.  Nothing crashes,
 * nothing leaks (the sanitizers look), and an answer is either the right one or none.
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
#include "api/codec/codec_query.h"
#include "api/codec/codec_spec.h"
#include "core/base/mem.h"
#include "tests/support/alloc.h"

#define DS "\"dataset_id\":\"ds_01jd6v7m8rkq2w5x9c4t3b1nfe\""

static char info[] = "{\"shape\":[48,64,3]}";
static const struct dataset_row picture = {
    .id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe", .kind = "image", .info_json = info};

/* Something that makes a text (mem_free), or fails. */
typedef enum status (*attempt)(void *context, char **out);

static enum status text_of(json_t *value, char **out)
{
    enum status status = codec_json_text(value, out, NULL);
    json_decref(value);
    return status;
}

static void fail_each(attempt make, void *context)
{
    char *expected = NULL;
    assert_int_equal(make(context, &expected), STATUS_OK);
    for (size_t n = 1;; n++) {
        bool failed = false;
        for (int how = ALLOC_FAIL_ONCE; how <= ALLOC_FAIL_ON; how++) {
            char *text = NULL;
            alloc_fail(n, (enum alloc_failure)how);
            enum status status = make(context, &text);
            const bool came = alloc_stop();
            failed |= came;
            assert_int_equal(status == STATUS_OK, text != NULL);
            if (!text)
                assert_int_equal(status, STATUS_NO_MEMORY);
            if (text)
                assert_string_equal(text, expected);
            if (came && how == ALLOC_FAIL_ON)
                assert_int_not_equal(status, STATUS_OK);
            mem_free(text);
        }
        if (!failed)
            break;
        assert_true(n < 10000);
    }
    mem_free(expected);
}

static enum status attempt_parse(void *context, char **out)
{
    const char *text = context;
    struct problem_list problems = {0};
    json_t *body = NULL;
    if (codec_json_parse_object((const uint8_t *)text, strlen(text), 32, &body, &problems) !=
        STATUS_OK)
        return problems.status;
    return text_of(body, out);
}

static enum status attempt_resolve(void *context, char **out)
{
    struct problem_list problems = {0};
    json_t *spec = NULL, *labels = NULL;
    struct spec s;
    if (codec_spec_resolve(context, &picture, 0, &spec, &labels, &s, &problems) != STATUS_OK)
        return problems.status;
    spec_deinit(&s);
    json_t *both = json_pack("[o, o]", spec, labels);
    return text_of(both, out);
}

static enum status attempt_query(void *context, char **out)
{
    const char *text = context;
    struct problem_list problems = {0};
    struct query q;
    if (codec_query_json((const uint8_t *)text, strlen(text), 32, 2, 1000, &q, &problems) !=
        STATUS_OK)
        return problems.status;
    json_t *read = json_pack("[i, i, f]", q.frame, q.outputs, (double)q.coords[3]);
    query_deinit(&q);
    return text_of(read, out);
}

static enum status attempt_job(void *context, char **out)
{
    struct metric_point points[] = {{"loss", 1, 0.5, 0.1}, {"psnr", 2, 20.0, 0.2}};
    const struct metric_series series = {2, points};
    return text_of(json_pack("[o, o]", codec_job(context, &series, 1), codec_job_series(&series)),
                   out);
}

static enum status attempt_field(void *context, char **out)
{
    return text_of(codec_field_final(context), out);
}

static enum status attempt_dataset(void *context, char **out)
{
    return text_of(codec_list(json_pack("[o]", codec_dataset(context)), "next"), out);
}

static void bodies_are_read_or_memory_is_short(void **state)
{
    (void)state;
    char body[] = "{\"a\":[1,2.5,\"text\"],\"b\":{\"c\":null,\"d\":true}}";
    fail_each(attempt_parse, body);
    /* Words longer than the buffer that jansson begins with, of every kind. */
    char words[] = "{\"a name of many characters\":[\"and a text of even more, \\u00e4 \\n\","
                   "123456789012345,-1234567890123456,0.1234567890123456789,12345678901234e5]}";
    fail_each(attempt_parse, words);
    char query[] = "{\"coords\":[[1,2],[3,4]],\"frame\":\"unit\",\"outputs\":[\"gradient\"]}";
    fail_each(attempt_query, query);
}

static void specs_are_resolved_or_memory_is_short(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{" DS "}",
        "{" DS
        ",\"preset\":\"paper\",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,2]]},"
        "\"network\":{\"activation\":\"sin\"}},\"train\":{\"steps\":5,\"optimizer\":{\"beta1\":0.5}"
        ","
        "\"schedule\":\"exponential\",\"holdout\":\"fraction\"},\"labels\":{\"a\":\"b\"}}",
    };
    for (size_t i = 0; i < 2; i++) {
        json_t *body = json_loads(bodies[i], 0, NULL);
        assert_non_null(body);
        fail_each(attempt_resolve, body);
        json_decref(body);
    }
}

static void things_are_shown_whole_or_not_at_all(void **state)
{
    (void)state;
    char labels[] = "{\"a\":\"b\"}";
    char tuning[] = "{\"sigma\":{\"chosen\":8}}", forecast[] = "{\"method\":null}";
    struct job_row job = {.id = "job_01jd6v7m8rkq2w5x9c4t3b1nfe",
                          .labels_json = labels,
                          .tuning_json = tuning,
                          .forecast_json = forecast,
                          .created_ms = 5};
    struct field_row field = {.id = "fld_01jd6v7m8rkq2w5x9c4t3b1nfe", .metrics_json = labels};
    struct dataset_row dataset = picture;
    fail_each(attempt_job, &job);
    fail_each(attempt_field, &field);
    fail_each(attempt_dataset, &dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read_or_memory_is_short),
        cmocka_unit_test(specs_are_resolved_or_memory_is_short),
        cmocka_unit_test(things_are_shown_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
