/* Places along axes and the numbers beside them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/plot/scale.h"

/* The texts of all ticks that have one, with spaces between. */
static const char *texts_of(const struct ticks *t, char out[512])
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < t->n; i++)
        if (t->at[i].text[0])
            n += (size_t)snprintf(out + n, 512 - n, "%s%s", n > 0 ? " " : "", t->at[i].text);
    return out;
}

static void ticks_are_round_numbers(void **state)
{
    (void)state;
    static const struct {
        struct scale scale;
        size_t most;
        const char *texts;
        int exponent;
    } cases[] = {
        {{SCALE_LINEAR, 0, 1}, 6, "0.0 0.2 0.4 0.6 0.8 1.0", 0},
        {{SCALE_LINEAR, 0, 1}, 3, "0.0 0.5 1.0", 0},
        {{SCALE_LINEAR, -12, 31}, 5, "−10 0 10 20 30", 0},
        {{SCALE_LINEAR, 20.05, 20.35}, 4, "20.1 20.2 20.3", 0},
        {{SCALE_LINEAR, 0, 250000}, 6, "0 50 100 150 200 250", 3},
        {{SCALE_LINEAR, 0, 4e-7}, 4, "0 100 200 300 400", -9},
        {{SCALE_LINEAR, -1e300, 1e300}, 5, "−1.0 −0.5 0.0 0.5 1.0", 300},
        {{SCALE_LOG, 0.1, 100}, 12, "0.1 0.2 0.5 1 2 5 10 20 50 100", 0},
        {{SCALE_LOG, 0.1, 100}, 6, "0.1 1 10 100", 0},
        {{SCALE_LOG, 0.5, 2000}, 5, "1 10 100 1000", 0},
        {{SCALE_LOG, 1e-6, 1}, 8, "10⁻⁶ 10⁻⁵ 10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰", 0},
        {{SCALE_LOG, 1e-12, 1}, 5, "10⁻¹² 10⁻⁹ 10⁻⁶ 10⁻³ 10⁰", 0},
        {{SCALE_LOG, 1e-4, 2e-2}, 12, "10⁻⁴ 2×10⁻⁴ 5×10⁻⁴ 10⁻³ 2×10⁻³ 5×10⁻³ 10⁻² 2×10⁻²", 0},
        {{SCALE_LOG, 3, 6}, 4, "3 4 5 6", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ticks t;
        char texts[512];
        ticks_make(&t, &cases[i].scale, cases[i].most);
        assert_string_equal(texts_of(&t, texts), cases[i].texts);
        assert_int_equal(t.exponent, cases[i].exponent);
        for (size_t k = 0; k < t.n; k++) {
            const double place = scale_place(&cases[i].scale, t.at[k].value);
            assert_true(place >= -1e-8 && place <= 1 + 1e-8);
        }
    }
}

static void numbers_are_written_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},         {1, "1"},           {-2.5, "−2.5"},         {0.001, "0.001"},
        {1000, "1000"},   {12345, "12345"},   {1e6, "10⁶"},           {2e-6, "2×10⁻⁶"},
        {-1e-9, "−10⁻⁹"}, {2.5e7, "2.5×10⁷"}, {0.333333333, "0.333"}, {1.7e308, "1.7×10³⁰⁸"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TICK_TEXT];
        tick_text(text, cases[i].value, 3);
        assert_string_equal(text, cases[i].text);
    }
    char power[TICK_TEXT];
    tick_power(power, -12);
    assert_string_equal(power, "×10⁻¹²");
}

static void places_run_from_end_to_end(void **state)
{
    (void)state;
    const struct scale linear = {SCALE_LINEAR, -1, 3}, log = {SCALE_LOG, 0.01, 100};
    assert_true(scale_place(&linear, -1) == 0 && scale_place(&linear, 3) == 1);
    assert_true(fabs(scale_place(&linear, 0) - 0.25) < 1e-12);
    assert_true(fabs(scale_place(&log, 1) - 0.5) < 1e-12);
    assert_true(fabs(scale_value(&log, 0.75) - 10) < 1e-9);
    assert_true(fabs(scale_value(&linear, 0.25)) < 1e-12);
    assert_true(isnan(scale_place(&log, 0)) && isnan(scale_place(&log, -1)));
    assert_true(isnan(scale_place(&linear, NAN)) && isnan(scale_place(&linear, INFINITY)));
}

static void scales_have_room_whatever_the_values_are(void **state)
{
    (void)state;
    static const double values[][4] = {
        {0, 0, 0, 0},          {5, 5, 5, 5},
        {NAN, NAN, NAN, NAN},  {-1, -2, 0, -3},
        {1e-320, 1e308, 1, 2}, {-1.7e308, 1.7e308, 0, 1},
        {1, 1 + 1e-15, 1, 1},  {INFINITY, -INFINITY, 3, 3},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int kind = SCALE_LINEAR; kind <= SCALE_LOG; kind++) {
            const struct scale s = scale_over((enum scale_kind)kind, values[i], 4, 0.05);
            struct ticks t;
            assert_true(isfinite(s.low) && isfinite(s.high) && s.low < s.high);
            assert_true(kind == SCALE_LINEAR || s.low > 0);
            assert_true(kind == SCALE_LINEAR || s.high / s.low < 1e19);
            ticks_make(&t, &s, 8);
            assert_true(t.n >= 1 && t.n < TICKS_MAX);
        }
}

static void marks_stand_where_they_are_wanted(void **state)
{
    (void)state;
    const double marks[] = {0.5, 1, 3, 64};
    const struct scale s = {SCALE_LOG, 0.9, 100};
    struct ticks t;
    char texts[512];
    ticks_at(&t, &s, marks, 4);
    assert_string_equal(texts_of(&t, texts), "1 3 64");
    const double rates[] = {1e-5, 1e-3, 2e-3, 10};
    const struct scale wide = {SCALE_LOG, 1e-5, 10};
    ticks_at(&t, &wide, rates, 4);
    assert_string_equal(texts_of(&t, texts), "10⁻⁵ 10⁻³ 2×10⁻³ 10¹");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_numbers),
        cmocka_unit_test(numbers_are_written_as_people_write_them),
        cmocka_unit_test(places_run_from_end_to_end),
        cmocka_unit_test(scales_have_room_whatever_the_values_are),
        cmocka_unit_test(marks_stand_where_they_are_wanted),
    };
    return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
