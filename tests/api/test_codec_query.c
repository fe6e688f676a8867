#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/codec/codec_query.h"
#include "core/base/rng.h"
#include "core/field/field.h"
#include "core/format/npy.h"

enum { DEPTH = 32, MAX_POINTS = 1000 };

static enum status read(const char *text, struct query *q, struct problem_list *problems)
{
    return codec_query_json((const uint8_t *)text, strlen(text), DEPTH, 2, MAX_POINTS, q, problems);
}

static void json_queries_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        enum query_frame frame;
        unsigned outputs;
    } cases[] = {
        {"{\"coords\":[[0.5,0.25]]}", 1, FRAME_SOURCE, OUTPUT_VALUE},
        {" { \"coords\" : [ [ 0.5 , 0.25 ] , [1,2] ] } ", 2, FRAME_SOURCE, OUTPUT_VALUE},
        {"{\"frame\":\"unit\",\"coords\":[[0.5,0.25]]}", 1, FRAME_UNIT, OUTPUT_VALUE},
        {"{\"coords\":[[5e-1,2.5E-1]],\"outputs\":[\"gradient\"]}", 1, FRAME_SOURCE,
         OUTPUT_GRADIENT},
        {"{\"outputs\":[\"gradient\",\"value\"],\"coords\":[[0.5,0.25]],\"frame\":\"source\"}", 1,
         FRAME_SOURCE, OUTPUT_VALUE | OUTPUT_GRADIENT},
        {"{\"coords\":[[0.5,0.25]],\"outputs\":[\"value\",\"laplacian\"]}", 1, FRAME_SOURCE,
         OUTPUT_VALUE | OUTPUT_LAPLACIAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct query q;
        struct problem_list problems = {0};
        if (read(cases[i].text, &q, &problems) != STATUS_OK)
            fail_msg("%s: %s", cases[i].text, problems.item[0].detail);
        assert_int_equal(q.n_points, cases[i].n);
        assert_int_equal(q.frame, cases[i].frame);
        assert_int_equal(q.outputs, cases[i].outputs);
        assert_int_equal(q.laplacian_at, q.outputs & OUTPUT_LAPLACIAN ? 1 : 0);
        assert_true(q.coords[0] == 0.5f && q.coords[1] == 0.25f);
        query_deinit(&q);
    }
}

static void bad_queries_are_refused_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *pointer; /* NULL: broken syntax */
        enum status status;
    } cases[] = {
        {"{}", "/coords", STATUS_INVALID},
        {"{\"coords\":[]}", "/coords", STATUS_INVALID},
        {"{\"coords\":5}", "/coords", STATUS_INVALID},
        {"{\"coords\":null}", "/coords", STATUS_INVALID},
        {"{\"coords\":[1,2]}", "/coords/0", STATUS_INVALID},
        {"{\"coords\":[[1,2],[1]]}", "/coords/1", STATUS_INVALID},
        {"{\"coords\":[[1,2],[1,2,3]]}", "/coords/1", STATUS_INVALID},
        {"{\"coords\":[[1,2],[]]}", "/coords/1", STATUS_INVALID},
        {"{\"coords\":[[1,\"2\"]]}", "/coords/0/1", STATUS_INVALID},
        {"{\"coords\":[[1,null]]}", "/coords/0/1", STATUS_INVALID},
        {"{\"coords\":[[1,[2]]]}", "/coords/0/1", STATUS_INVALID},
        {"{\"coords\":[[1,1e39]]}", "/coords/0/1", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"frame\":\"world\"}", "/frame", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"frame\":null}", "/frame", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"outputs\":[]}", "/outputs", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"outputs\":\"value\"}", "/outputs", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"outputs\":[\"values\"]}", "/outputs/0", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"outputs\":[\"value\",\"hessian\"]}", "/outputs/1", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"more\":1}", "/more", STATUS_INVALID},
        {"{\"coords\":[[1,2]],\"coords\":[[1,2]]}", "/coords", STATUS_INVALID},
        {"[[1,2]]", "", STATUS_INVALID},
        {"", NULL, STATUS_INVALID},
        {"{\"coords\":[[1,2]]", NULL, STATUS_INVALID},
        {"{\"coords\":[[1,2]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[1,2],]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[1 2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[01,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[1.,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[.5,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[+1,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[1e,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[NaN,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[Infinity,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[0x1,2]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[1,2]]}]", NULL, STATUS_INVALID},
        {"{\"coords\":[[1,2]]]}", NULL, STATUS_INVALID},
        {"{\"coords\":[[1,2]]e2}", NULL, STATUS_INVALID},
        {"{\"coords\":[[1,2]].5}", NULL, STATUS_INVALID},
        {"{\"coords\" [[1,2]]}", NULL, STATUS_INVALID},
        {"{\"a\\", NULL, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct query q = {0};
        struct problem_list problems = {0};
        assert_int_equal(read(cases[i].text, &q, &problems), cases[i].status);
        assert_null(q.coords);
        if (problems.is_syntax != (cases[i].pointer == NULL) ||
            (cases[i].pointer && strcmp(problems.item[0].pointer, cases[i].pointer) != 0))
            fail_msg("%s: %d %s %s", cases[i].text, problems.is_syntax, problems.item[0].pointer,
                     problems.item[0].detail);
    }
}

static void points_are_counted_to_their_limit(void **state)
{
    (void)state;
    for (size_t n = MAX_POINTS; n <= MAX_POINTS + 1; n++) {
        struct buffer text;
        buffer_init(&text, 1 << 20);
        assert_int_equal(buffer_printf(&text, NULL, "{\"coords\":["), STATUS_OK);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buffer_printf(&text, NULL, "%s[%zu,0.5]", i ? "," : "", i), STATUS_OK);
        assert_int_equal(buffer_printf(&text, NULL, "]}"), STATUS_OK);
        struct query q = {0};
        struct problem_list problems = {0};
        assert_int_equal(
            codec_query_json(text.data, text.size, DEPTH, 2, MAX_POINTS, &q, &problems),
            n == MAX_POINTS ? STATUS_OK : STATUS_TOO_LARGE);
        if (n == MAX_POINTS)
            assert_true(q.coords[2 * n - 2] == (float)(n - 1));
        query_deinit(&q);
        buffer_deinit(&text);
    }
}

/* Numbers become float32 by rounding their double once, as NumPy and every JSON reader do. */
static void numbers_are_rounded_through_double(void **state)
{
    (void)state;
    struct rng rng = rng_at(5, RNG_SAMPLE, 0);
    for (int i = 0; i < 2000; i++) {
        double x = (rng_uniform(&rng) - 0.5) * pow(10.0, (double)rng_below(&rng, 20) - 10.0);
        char text[96];
        snprintf(text, sizeof text, "{\"coords\":[[%.17g,-0.0]]}", x);
        struct query q;
        struct problem_list problems = {0};
        assert_int_equal(read(text, &q, &problems), STATUS_OK);
        assert_true(q.coords[0] == (float)x);
        assert_true(signbit(q.coords[1]));
        query_deinit(&q);
    }
}

static void float_text_reads_back_as_the_same_bits(void **state)
{
    (void)state;
    struct rng rng = rng_at(6, RNG_SAMPLE, 0);
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = i < 2 ? (uint32_t)i << 31 : rng_u32(&rng);
        float value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[FLOAT_TEXT_SIZE];
        assert_true(codec_float_text(value, text) < FLOAT_TEXT_SIZE);
        back = (float)strtod(text, NULL);
        assert_memory_equal(&back, &value, sizeof value);
    }
}

static void answers_are_json_of_the_same_numbers(void **state)
{
    (void)state;
    float values[] = {0.1f, -0.0f, 1.0f, 1e-20f, 3.0f, 0.33333334f};
    float gradient[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    float laplacian[] = {1, -2, 3, -4, 5, -6};
    const struct field_outputs outputs = {values, gradient, laplacian};
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_int_equal(codec_query_answer(2, 3, 2, &outputs, &out, NULL), STATUS_OK);
    json_t *answer = json_loadb((const char *)out.data, out.size, 0, NULL);
    assert_non_null(answer);
    const json_t *value = json_object_get(answer, "value");
    for (size_t i = 0; i < 6; i++) {
        float back = (float)json_number_value(json_array_get(json_array_get(value, i / 3), i % 3));
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    const json_t *rows = json_array_get(json_object_get(answer, "gradient"), 1);
    assert_true(json_number_value(json_array_get(json_array_get(rows, 2), 1)) == 12.0);
    rows = json_array_get(json_object_get(answer, "laplacian"), 1);
    assert_true(json_number_value(json_array_get(rows, 2)) == -6.0);
    json_decref(answer);
    buffer_deinit(&out);
}

/* Each alone, in its place, is what it is among others. */
static void answers_hold_what_was_asked_for(void **state)
{
    (void)state;
    float number[] = {0.5f, 2.0f};
    static const struct {
        bool value, gradient, laplacian;
        const char *text;
    } cases[] = {
        {true, false, false, "{\"value\":[[0.5]]}"},
        {false, true, false, "{\"gradient\":[[[0.5,2]]]}"},
        {false, false, true, "{\"laplacian\":[[0.5]]}"},
        {false, true, true, "{\"gradient\":[[[0.5,2]]],\"laplacian\":[[0.5]]}"},
        {true, false, true, "{\"value\":[[0.5]],\"laplacian\":[[0.5]]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct field_outputs outputs = {cases[i].value ? number : NULL,
                                              cases[i].gradient ? number : NULL,
                                              cases[i].laplacian ? number : NULL};
        struct buffer out;
        buffer_init(&out, 1 << 10);
        assert_int_equal(codec_query_answer(1, 1, 2, &outputs, &out, NULL), STATUS_OK);
        assert_int_equal(out.size, strlen(cases[i].text));
        assert_memory_equal(out.data, cases[i].text, out.size);
        buffer_deinit(&out);
    }
}

static void values_that_json_cannot_hold_are_refused(void **state)
{
    (void)state;
    float values[] = {NAN};
    const struct field_outputs outputs = {.values = values};
    struct buffer out;
    buffer_init(&out, 1 << 20);
    struct error err = {0};
    assert_int_equal(codec_query_answer(1, 1, 2, &outputs, &out, &err), STATUS_INVALID);
    buffer_deinit(&out);
}

static struct http_request body_of(const void *bytes, size_t n)
{
    return (struct http_request){.path = "/", .body = bytes, .body_size = n};
}

static void raw_points_are_taken_as_they_are(void **state)
{
    (void)state;
    static const float points[] = {0.5f, 1.5f, 2.5f, -3.5f};
    struct http_request r = body_of(points, sizeof points);
    struct query q;
    struct problem_list problems = {0};
    r.n_query = 2;
    r.query[0] = (struct http_pair){"frame", "unit"};
    r.query[1] = (struct http_pair){"outputs", "gradient"};
    assert_int_equal(codec_query_raw(&r, 2, 2, &q, &problems), STATUS_OK);
    assert_int_equal(q.n_points, 2);
    assert_int_equal(q.frame, FRAME_UNIT);
    assert_int_equal(q.outputs, OUTPUT_GRADIENT);
    assert_memory_equal(q.coords, points, sizeof points);
    query_deinit(&q);

    assert_int_equal(codec_query_raw(&r, 2, 1, &q, &problems), STATUS_TOO_LARGE);
    r.n_query = 0;
    r.body_size = 12;
    problems = (struct problem_list){0};
    assert_int_equal(codec_query_raw(&r, 2, 2, &q, &problems), STATUS_INVALID);
    r.body_size = 0;
    assert_int_equal(codec_query_raw(&r, 2, 2, &q, &problems), STATUS_INVALID);
    static const float bad[] = {0.0f, INFINITY};
    r = body_of(bad, sizeof bad);
    problems = (struct problem_list){0};
    assert_int_equal(codec_query_raw(&r, 2, 2, &q, &problems), STATUS_INVALID);
    assert_string_equal(problems.item[0].pointer, "/coords/0/1");
}

static void npy_points_are_arrays_of_the_fields_dimension(void **state)
{
    (void)state;
    static const float points[] = {0.5f, 1.5f, 2.5f, -3.5f, 1.0f, 2.0f};
    static const struct {
        size_t shape[3], n_dims;
        enum status status;
    } cases[] = {
        {{3, 2}, 2, STATUS_OK},         {{2, 3}, 2, STATUS_INVALID}, {{6}, 1, STATUS_INVALID},
        {{3, 2, 1}, 3, STATUS_INVALID}, {{0, 2}, 2, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        buffer_init(&file, 1 << 20);
        assert_int_equal(npy_encode_floats(points, cases[i].shape, cases[i].n_dims, &file, NULL),
                         STATUS_OK);
        struct http_request r = body_of(file.data, file.size);
        struct query q = {0};
        struct problem_list problems = {0};
        assert_int_equal(codec_query_npy(&r, 2, 3, &q, &problems), cases[i].status);
        if (cases[i].status == STATUS_OK) {
            assert_memory_equal(q.coords, points, sizeof points);
            query_deinit(&q);
            assert_int_equal(codec_query_npy(&r, 2, 2, &q, &problems), STATUS_TOO_LARGE);
        }
        buffer_deinit(&file);
    }
    struct http_request r = body_of("rubbish", 7);
    struct query q = {0};
    struct problem_list problems = {0};
    assert_int_equal(codec_query_npy(&r, 2, 3, &q, &problems), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_queries_are_read),
        cmocka_unit_test(bad_queries_are_refused_at_their_place),
        cmocka_unit_test(points_are_counted_to_their_limit),
        cmocka_unit_test(numbers_are_rounded_through_double),
        cmocka_unit_test(float_text_reads_back_as_the_same_bits),
        cmocka_unit_test(answers_are_json_of_the_same_numbers),
        cmocka_unit_test(answers_hold_what_was_asked_for),
        cmocka_unit_test(values_that_json_cannot_hold_are_refused),
        cmocka_unit_test(raw_points_are_taken_as_they_are),
        cmocka_unit_test(npy_points_are_arrays_of_the_fields_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
