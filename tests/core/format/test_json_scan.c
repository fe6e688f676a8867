#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/json_scan.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"

static struct json_scan start(const char *text)
{
    return json_scan_start(text, strlen(text), "the text is broken", NULL);
}

/* One value, and nothing else. */
static enum status skip_all(const char *text, size_t n, struct error *err)
{
    struct json_scan s = json_scan_start(text, n, "the text is broken", err);
    enum status status = json_scan_skip(&s);
    return status == STATUS_OK ? json_scan_end(&s) : status;
}

static void json_scan_reads_numbers_of_the_grammar_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0},
        {"-0.5", -0.5},
        {" 12", 12},
        {"1e3", 1000},
        {"1.5E-2", 0.015},
        {"1E+2", 100},
        {"1080.0", 1080},
        {"5e-324", 5e-324},
        {"1e-999", 0},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"-4.656612873077393e-10", -4.656612873077393e-10},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct json_scan s = start(good[i].text);
        double v = -1;
        assert_int_equal(json_scan_number(&s, &v), STATUS_OK);
        assert_true(v == good[i].value);
        assert_int_equal(json_scan_end(&s), STATUS_OK);
    }
    static const char *const bad[] = {"",      "-",     "+1",   ".5",  "1.",       "01",
                                      "1e",    "1e+",   "--1",  "NaN", "Infinity", "0x1",
                                      "1e999", "\"1\"", "1.e1", "-a",  "null"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_scan s = start(bad[i]);
        double v = -1;
        enum status status = json_scan_number(&s, &v);
        if (status == STATUS_OK && json_scan_end(&s) == STATUS_OK)
            fail_msg("'%s' was taken for %g", bad[i], v);
    }
}

static void json_scan_refuses_a_number_of_many_digits(void **state)
{
    (void)state;
    char text[600];
    double v;
    memset(text, '1', sizeof text);
    memcpy(text, "0.", 2);
    struct json_scan s = json_scan_start(text, 511, "the text is broken", NULL);
    assert_int_equal(json_scan_number(&s, &v), STATUS_OK);
    s = json_scan_start(text, 512, "the text is broken", NULL);
    assert_int_equal(json_scan_number(&s, &v), STATUS_INVALID);
}

static void json_scan_steps_through_an_array_and_reads_flags(void **state)
{
    (void)state;
    struct json_scan s = start(" [ true ,false, true]");
    bool is_first = true, more = false, flag = false;
    size_t n = 0, n_true = 0;
    assert_true(json_scan_take(&s, '['));
    while (json_scan_more(&s, ']', &is_first, &more) == STATUS_OK && more) {
        assert_int_equal(json_scan_flag(&s, &flag), STATUS_OK);
        n++;
        n_true += flag;
    }
    assert_int_equal(n, 3);
    assert_int_equal(n_true, 2);
    assert_int_equal(json_scan_end(&s), STATUS_OK);
    s = start("null");
    assert_int_equal(json_scan_flag(&s, &flag), STATUS_INVALID);
    s = start("1 2]");
    is_first = false;
    assert_int_equal(json_scan_more(&s, ']', &is_first, &more), STATUS_INVALID);
}

static void json_scan_skips_a_value_nested_to_the_limit_and_no_deeper(void **state)
{
    (void)state;
    char text[2 * LIMIT_JSON_DEPTH + 2];
    for (size_t depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct error err = {.status = STATUS_OK};
        assert_int_equal(skip_all(text, 2 * depth, &err),
                         depth == LIMIT_JSON_DEPTH ? STATUS_OK : STATUS_INVALID);
        assert_int_equal(err.message[0] != '\0', depth > LIMIT_JSON_DEPTH);
    }
}

/* U+0000 cannot be held in a C string: json_scan_string says so. */
static bool holds_nul(const char *name)
{
    return strcmp(name, "y_string_null_escape.json") == 0 ||
           strcmp(name, "y_object_escaped_null_in_key.json") == 0;
}

static void must_end_as_named(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct error err = {.status = STATUS_OK};
    enum status status = skip_all((const char *)bytes, n, &err);
    assert_int_equal(status, err.status);
    const bool is_good = name[0] == 'y' && !holds_nul(name);
    if (is_good != (status == STATUS_OK) && name[0] != 'i')
        fail_msg("%s: '%s' (%s)", name, status_name(status), err.message);
    ++*(size_t *)context;
}

static void json_scan_ends_as_named_on_a_suite_of_texts(void **state)
{
    (void)state;
    char *texts = data_path("bad/json/test_parsing");
    size_t n = 0;
    if (!texts)
        skip();
    folder_each(texts, must_end_as_named, &n);
    assert_true(n > 300);
    free(texts);
}

static enum status skip_once(void *context, struct error *err)
{
    const char *text = context;
    return skip_all(text, strlen(text), err);
}

static void json_scan_survives_every_failing_allocation(void **state)
{
    (void)state;
    char text[] = "{\"a\": [1, \"b\", {\"c\": null}], \"d\": \"\\u00e9\"}";
    assert_true(alloc_fail_each(skip_once, text) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_scan_reads_numbers_of_the_grammar_alone),
        cmocka_unit_test(json_scan_refuses_a_number_of_many_digits),
        cmocka_unit_test(json_scan_steps_through_an_array_and_reads_flags),
        cmocka_unit_test(json_scan_skips_a_value_nested_to_the_limit_and_no_deeper),
        cmocka_unit_test(json_scan_ends_as_named_on_a_suite_of_texts),
        cmocka_unit_test(json_scan_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
