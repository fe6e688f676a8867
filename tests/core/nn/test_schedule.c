#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/nn/schedule.h"

static void factors_are_those_of_the_formulas(void **state)
{
    (void)state;
    const struct schedule_spec constant = {.type = SCHEDULE_CONSTANT};
    const struct schedule_spec paper = {
        .type = SCHEDULE_EXPONENTIAL, .decay_rate = 0.1, .decay_steps = 5000};
    const struct schedule_spec cosine = {.type = SCHEDULE_COSINE, .floor = 0.2};
    const struct schedule_spec warm = {.type = SCHEDULE_CONSTANT, .warmup_steps = 4};
    const struct schedule_spec warm_cosine = {.type = SCHEDULE_COSINE, .warmup_steps = 10};
    const struct schedule_spec hold = {.type = SCHEDULE_HOLD, .hold = 0.8, .floor = 0.2};
    const struct schedule_spec no_hold = {.type = SCHEDULE_HOLD, .floor = 0.2};
    const struct schedule_spec warm_hold = {.type = SCHEDULE_HOLD, .hold = 0.5, .warmup_steps = 10};
    const struct {
        const struct schedule_spec *spec;
        uint64_t step;
        double progress, factor;
    } rows[] = {
        {&constant, 0, 0, 1},
        {&constant, 1000000, 1, 1},
        {&paper, 0, 0, 1},
        {&paper, 5000, 0, 0.1},
        {&paper, 2500, 0, sqrt(0.1)},
        {&paper, 10000, 0, 0.01},
        {&cosine, 0, 0, 1},
        {&cosine, 7, 0.5, 0.6},
        {&cosine, 9, 1, 0.2},
        {&cosine, 9, 1.5, 0.2},
        {&cosine, 9, 1.0 / 3, 0.8},
        {&warm, 0, 0, 0.25},
        {&warm, 2, 0, 0.75},
        {&warm, 3, 0, 1},
        {&warm, 4, 0, 1},
        {&warm_cosine, 4, 0.5, 0.25},
        {&warm_cosine, 10, 0.5, 0.5},
        {&hold, 0, 0, 1},
        {&hold, 7, 0.5, 1},
        {&hold, 8, 0.8, 1},
        {&hold, 9, 0.9, 0.6},
        {&hold, 9, 0.8 + 0.2 / 3, 0.8},
        {&hold, 10, 1, 0.2},
        {&hold, 11, 1.5, 0.2},
        {&no_hold, 9, 1.0 / 3, 0.8},
        {&no_hold, 9, 0.5, 0.6},
        {&warm_hold, 4, 0.25, 0.5},
        {&warm_hold, 4, 0.75, 0.25},
        {&warm_hold, 20, 0.75, 0.5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(fabs(schedule_factor(rows[i].spec, rows[i].step, rows[i].progress) -
                         rows[i].factor) < 1e-12);
}

static void names_follow_the_enumeration(void **state)
{
    (void)state;
    assert_int_equal(schedule_n_types(), 4);
    assert_string_equal(schedule_name(SCHEDULE_CONSTANT), "constant");
    assert_string_equal(schedule_name(SCHEDULE_EXPONENTIAL), "exponential");
    assert_string_equal(schedule_name(SCHEDULE_COSINE), "cosine");
    assert_string_equal(schedule_name(SCHEDULE_HOLD), "hold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_are_those_of_the_formulas),
        cmocka_unit_test(names_follow_the_enumeration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
