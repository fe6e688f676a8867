#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_json.h"
#include "core/base/mem.h"

enum { DEPTH = 32 };

static enum status parse(const char *text, size_t n, struct problem_list *problems)
{
    json_t *value = NULL;
    enum status status = codec_json_parse_object((const uint8_t *)text, n, DEPTH, &value, problems);
    assert_int_equal(status == STATUS_OK, value != NULL);
    json_decref(value);
    return status;
}

static void bodies_are_refused_with_the_right_class(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_syntax;
    } cases[] = {
        {"", true},
        {" ", true},
        {"{", true},
        {"{}x", true},
        {"{\"a\":01}", true},
        {"{\"a\":NaN}", true},
        {"{\"a\":Infinity}", true},
        {"{'a':1}", true},
        {"{9999E9999:1}", true},
        {"{\"a\":1,}", true},
        {"{\"a\":\"\xff\"}", true},
        {"{\"a\":\"\xed\xa0\x80\"}", true},
        {"[]", false},
        {"5", false},
        {"null", false},
        {"\"text\"", false},
        {"{\"a\":1,\"a\":1}", false},
        {"{\"a\":1e999}", false},
        {"{\"a\":99999999999999999999}", false},
        {"{\"a\":\"\\u0000\"}", false},
        {"{\"\\u0000\":1}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problem_list problems = {0};
        assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &problems), STATUS_INVALID);
        if (problems.is_syntax != cases[i].is_syntax)
            fail_msg("%s: %s", cases[i].text, problems.item[0].detail);
    }
}

static void the_value_where_reading_stops_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pointer;
    } cases[] = {
        {"{\"train\":{\"steps\":5,\"learning_rate\":NaN}}", "/train/learning_rate"},
        {"{\"train\":{\"learning_rate\":-Infinity,\"steps\":5}}", "/train/learning_rate"},
        {"{\"train\":{\"learning_rate\":1e400,\"steps\":5}}", "/train/learning_rate"},
        {"{\"train\":{\"learning_rate\":1e400}}", "/train/learning_rate"},
        {"{\"train\":{\"steps\":9223372036854775808}}", "/train/steps"},
        {"{\"train\":{\"steps\":-9223372036854775809}}", "/train/steps"},
        {"{\"train\":{\"steps\":01}}", "/train/steps"},
        {"{\"b\":[[1,2],[3,NaN]],\"c\":1}", "/b/1/1"},
        {"{\"b\":[[1,2],[3,4}", "/b/1"},
        {"{\"b\":[[1,2],[3", "/b/1/0"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "/a"},
        {"{\"a\":{\"b/c\":\"\\u0000\"}}", "/a/b~1c"},
        {"{\"a\":1 \"b\":2}", "/a"},
        {"{\"a\":1}}", ""},
        {"{\"a\":1,}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problem_list problems = {0};
        assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &problems), STATUS_INVALID);
        if (strcmp(problems.item[0].pointer, cases[i].pointer) != 0)
            fail_msg("%s: '%s', %s", cases[i].text, problems.item[0].pointer,
                     problems.item[0].detail);
    }
}

static void a_zero_byte_is_refused_before_parsing(void **state)
{
    (void)state;
    struct problem_list problems = {0};
    static const char text[] = "{\"a\":1}\0{}";
    assert_int_equal(parse(text, sizeof text - 1, &problems), STATUS_INVALID);
    assert_true(problems.is_syntax);
}

static void nesting_is_refused_past_its_limit_exactly(void **state)
{
    (void)state;
    for (size_t depth = DEPTH; depth <= DEPTH + 1; depth++) {
        struct problem_list problems = {0};
        char open[64] = {0}, close[64] = {0}, text[160];
        memset(open, '[', depth - 1);
        memset(close, ']', depth - 1);
        snprintf(text, sizeof text, "{\"a\":%s%s}", open, close);
        assert_int_equal(parse(text, strlen(text), &problems),
                         depth == DEPTH ? STATUS_OK : STATUS_INVALID);
    }
    struct problem_list problems = {0};
    static const char brackets_in_text[] =
        "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"}";
    assert_int_equal(parse(brackets_in_text, strlen(brackets_in_text), &problems), STATUS_OK);
}

static void a_megabyte_of_brackets_is_refused(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    char *text = malloc(N);
    assert_non_null(text);
    memset(text, '[', N);
    struct problem_list problems = {0};
    assert_int_equal(parse(text, N, &problems), STATUS_INVALID);
    assert_true(problems.is_syntax); /* they are not closed */
    problems = (struct problem_list){0};
    memset(text + N / 2, ']', N / 2);
    assert_int_equal(parse(text, N, &problems), STATUS_INVALID);
    assert_false(problems.is_syntax);
    free(text);
}

static void reals_are_written_as_they_were_meant(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "[0.1]"},
                 {0.9, "[0.9]"},
                 {10.0, "[10.0]"},
                 {1e-8, "[1e-8]"},
                 {1.0 / 3.0, "[0.33333333333333331]"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = NULL;
        json_t *value = json_pack("[f]", cases[i].value);
        assert_int_equal(codec_json_text(value, &text, NULL), STATUS_OK);
        json_t *back = json_loads(text, 0, NULL);
        assert_true(json_real_value(json_array_get(back, 0)) == cases[i].value);
        assert_string_equal(text, cases[i].text);
        mem_free(text);
        json_decref(back);
        json_decref(value);
    }
}

static void a_value_that_could_not_be_made_is_out_of_memory(void **state)
{
    (void)state;
    char *text = NULL;
    struct error err = {0};
    assert_int_equal(codec_json_text(NULL, &text, &err), STATUS_NO_MEMORY);
    assert_null(text);
}

static void pointers_escape_names(void **state)
{
    (void)state;
    char pointer[POINTER_SIZE];
    codec_json_pointer(pointer, "/labels", "a/b~c");
    assert_string_equal(pointer, "/labels/a~1b~0c");
    char name[300];
    memset(name, '/', sizeof name);
    name[sizeof name - 1] = '\0';
    codec_json_pointer(pointer, "", name);
    assert_true(strlen(pointer) < POINTER_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_refused_with_the_right_class),
        cmocka_unit_test(the_value_where_reading_stops_is_named),
        cmocka_unit_test(a_zero_byte_is_refused_before_parsing),
        cmocka_unit_test(nesting_is_refused_past_its_limit_exactly),
        cmocka_unit_test(a_megabyte_of_brackets_is_refused),
        cmocka_unit_test(reals_are_written_as_they_were_meant),
        cmocka_unit_test(a_value_that_could_not_be_made_is_out_of_memory),
        cmocka_unit_test(pointers_escape_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
