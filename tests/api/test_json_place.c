#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/json_place.h"
#include "core/base/rng.h"

/* The place at the bar, which is not part of the text. */
static void place_at_bar(const char *marked, char out[POINTER_SIZE])
{
    const size_t offset = strcspn(marked, "|"), n = strlen(marked) - (marked[offset] == '|');
    char *text = malloc(n ? n : 1); /* exact: a sanitizer sees a read past the end */
    assert_non_null(text);
    memcpy(text, marked, offset);
    memcpy(text + offset, marked + offset + (marked[offset] == '|'), n - offset);
    json_place((const uint8_t *)text, n, offset, out);
    free(text);
}

static void places_are_named_as_a_reader_would(void **state)
{
    (void)state;
    static const struct {
        const char *marked, *pointer;
    } cases[] = {
        {"|", ""},
        {"{}", ""},
        {"|{\"a\":1}", ""},
        {"{|\"a\":1}", ""},
        {"{\"a|\":1}", ""},
        {"{\"a\"|:1}", "/a"},
        {"{\"a\":|1}", "/a"},
        {"{\"a\":1|}", "/a"},
        {"{\"a\":1|,\"b\":2}", "/a"},
        {"{\"a\":1,|\"b\":2}", ""},
        {"{\"a\":1,\"b\":2|}", "/b"},
        {"{\"a\":1,\"b\":2}|", ""},
        {"[|", "/0"},
        {"[0,|1]", "/1"},
        {"[0,1,2|]", "/2"},
        {"[[1,2],[3,|4]]", "/1/1"},
        {"[{\"a\":[]},{\"b\":{\"c\":|", "/1/b/c"},
        {"{\"a\":{\"b\":1},\"c\":|", "/c"},
        {"{\"a\":\"x,y}]\"|", "/a"},
        {"{\"a\":\"x\\\",\\\"b\\\":|", "/a"},
        {"{\"a\":\"text|", "/a"},
        {"{\"a/b\":{\"~\":|", "/a~1b/~0"},
        {"{\"\\u0061\\n\":|", "/a\n"},
        {"{\"\":|", "/"},
        {"{\"\\x\":{\"b\":|", ""}, /* a name that is none */
        {"}}]]{\"a\":|", "/a"},
        {"{\"a\":\"b\":\"c\":|", "/a"},
        {"{5:|", ""},
        {"{\"a\\", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char pointer[POINTER_SIZE];
        place_at_bar(cases[i].marked, pointer);
        if (strcmp(pointer, cases[i].pointer) != 0)
            fail_msg("%s: '%s', not '%s'", cases[i].marked, pointer, cases[i].pointer);
    }
}

static void places_too_deep_or_too_long_are_those_around_them(void **state)
{
    (void)state;
    enum { DEEP = 100000, LONG = 500000 };
    char pointer[POINTER_SIZE];
    char *text = malloc(DEEP);
    assert_non_null(text);
    memset(text, '[', DEEP);
    json_place((const uint8_t *)text, DEEP, DEEP, pointer);
    assert_true(strlen(pointer) < POINTER_SIZE && strlen(pointer) > POINTER_SIZE - 8);
    assert_memory_equal(pointer, "/0/0/0", 6);
    memset(text + DEEP / 2, ']', DEEP / 2); /* and back again */
    json_place((const uint8_t *)text, DEEP, DEEP, pointer);
    assert_string_equal(pointer, "");
    free(text);

    text = malloc(LONG);
    assert_non_null(text);
    memset(text, 'x', LONG);
    memcpy(text, "{\"a\":{\"", 7);
    memcpy(text + LONG - 2, "\":", 2);
    json_place((const uint8_t *)text, LONG, LONG, pointer);
    assert_string_equal(pointer, "/a");
    free(text);
}

static void a_value_may_stand_anywhere_but_where_a_name_must(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool may_be_value;
    } cases[] = {{"", true},        {"[", true},          {"{", false},  {"{\"a\"", true},
                 {"{\"a\":", true}, {"{\"a\":1,", false}, {"[1,", true}, {"{\"a\":[", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char pointer[POINTER_SIZE];
        const size_t n = strlen(cases[i].text);
        assert_int_equal(json_place((const uint8_t *)cases[i].text, n, n, pointer),
                         cases[i].may_be_value);
    }
}

static void an_offset_beyond_the_text_is_its_end(void **state)
{
    (void)state;
    char pointer[POINTER_SIZE];
    json_place((const uint8_t *)"[1,2", 4, SIZE_MAX, pointer);
    assert_string_equal(pointer, "/1");
    json_place((const uint8_t *)"", 0, 0, pointer);
    assert_string_equal(pointer, "");
}

/* Bytes at random, mostly those that mean something. */
static void any_bytes_have_a_place(void **state)
{
    (void)state;
    enum { N = 64, ROUNDS = 20000 };
    static const char meaningful[] = "{}[]\"\\,:ab0u1 ";
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct rng random = rng_at(1, RNG_SAMPLE, round);
        uint8_t text[N];
        char pointer[POINTER_SIZE];
        for (size_t i = 0; i < N; i++)
            text[i] = rng_below(&random, 16) > 0
                          ? (uint8_t)meaningful[rng_below(&random, sizeof meaningful - 1)]
                          : (uint8_t)rng_u32(&random);
        json_place(text, N, rng_below(&random, N + 1), pointer);
        assert_true(strnlen(pointer, POINTER_SIZE) < POINTER_SIZE);
        assert_true(pointer[0] == '\0' || pointer[0] == '/');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_named_as_a_reader_would),
        cmocka_unit_test(places_too_deep_or_too_long_are_those_around_them),
        cmocka_unit_test(a_value_may_stand_anywhere_but_where_a_name_must),
        cmocka_unit_test(an_offset_beyond_the_text_is_its_end),
        cmocka_unit_test(any_bytes_have_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
