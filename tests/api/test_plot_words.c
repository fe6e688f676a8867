/* Settings in few words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/handlers/plot_words.h"

enum { SIZE = 96 };

static void objects_are_told_member_by_member(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"{}", ""},
        {"{\"type\":\"basic\"}", "basic"},
        {"{\"sigma\":10.0,\"type\":\"gaussian\",\"normalize\":true}",
         "gaussian, sigma 10, normalize yes"},
        {"{\"input_range\":[-0.5,0.5],\"type\":\"none\"}", "none, input_range [-0.5, 0.5]"},
        {"{\"type\":\"explicit\",\"a\":[1,2,3,4,5],\"b\":[[1]]}", "explicit, a of 5, b of 1"},
        {"{\"n\":null,\"more\":{\"a\":1}}", "n none, more {…}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[SIZE], few[8];
        json_t *object = json_loads(cases[i].json, 0, NULL);
        plot_words_object(object, words, sizeof words);
        assert_string_equal(words, cases[i].words);
        plot_words_object(object, few, sizeof few);
        assert_true(strlen(few) < sizeof few && strncmp(few, words, strlen(few)) == 0);
        json_decref(object);
    }
}

static void values_are_told_by_what_sets_them_apart(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words[3];
    } cases[] = {
        {"[1, 2.5, 1e-7]", {"1", "2.5", "1e-07"}},
        {"[\"relu\", true, null]", {"relu", "yes", "none"}},
        {"[{\"type\":\"none\"}, {\"type\":\"basic\"}, {\"type\":\"gaussian\",\"sigma\":1}]",
         {"none", "basic", "gaussian"}},
        {"[{\"type\":\"none\"}, {\"type\":\"gaussian\",\"n\":8,\"sigma\":1}, "
         "{\"type\":\"gaussian\",\"n\":8,\"sigma\":2}]",
         {"none", "gaussian, sigma 1", "gaussian, sigma 2"}},
        {"[{\"width\":8}, {\"width\":16}, {}]", {"width 8", "width 16", "{}"}},
        {"[[1,2], [3,4], [1,2,3,4,5]]", {"[1, 2]", "[3, 4]", "of 5"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *values = json_loads(cases[i].json, 0, NULL);
        for (size_t k = 0; k < 3; k++) {
            char words[SIZE];
            plot_words_value(values, k, words, sizeof words);
            assert_string_equal(words, cases[i].words[k]);
        }
        json_decref(values);
    }
}

static void axes_and_metrics_have_names(void **state)
{
    (void)state;
    char words[SIZE];
    assert_string_equal(plot_words_pointer("/field/encoding/sigma"), "sigma");
    assert_string_equal(plot_words_pointer("/task"), "task");
    plot_words_metric("test_psnr", words, sizeof words);
    assert_string_equal(words, "test PSNR (dB)");
    plot_words_metric("distance_error", words, sizeof words);
    assert_string_equal(words, "distance_error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_told_member_by_member),
        cmocka_unit_test(values_are_told_by_what_sets_them_apart),
        cmocka_unit_test(axes_and_metrics_have_names),
    };
    return cmocka_run_group_tests_name("plot words", tests, NULL, NULL);
}
