#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/nn/activation.h"

static void names_follow_the_enumeration(void **state)
{
    (void)state;
    assert_int_equal(activation_n_types(), 5);
    assert_string_equal(activation_name(ACTIVATION_LINEAR), "linear");
    assert_string_equal(activation_name(ACTIVATION_RELU), "relu");
    assert_string_equal(activation_name(ACTIVATION_TANH), "tanh");
    assert_string_equal(activation_name(ACTIVATION_SIN), "sin");
    assert_string_equal(activation_name(ACTIVATION_SIGMOID), "sigmoid");
}

static void each_activation_has_its_places(void **state)
{
    (void)state;
    static const struct {
        enum activation activation;
        bool hidden, output;
    } rows[] = {{ACTIVATION_LINEAR, false, true},  {ACTIVATION_RELU, true, true},
                {ACTIVATION_TANH, true, false},    {ACTIVATION_SIN, true, false},
                {ACTIVATION_SIGMOID, false, true}, {(enum activation)5, false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(activation_is_hidden(rows[i].activation), rows[i].hidden);
        assert_int_equal(activation_is_output(rows[i].activation), rows[i].output);
    }
}

static void output_activations_saturate_without_nan(void **state)
{
    (void)state;
    static const float raw[] = {-INFINITY, -1e30f, -100, -88, 0, 88, 100, 1e30f, INFINITY};
    for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
        const float value = activation_output(ACTIVATION_SIGMOID, raw[i]);
        const double exact = 1 / (1 + exp(-(double)raw[i]));
        assert_true(fabs((double)value - exact) < 1e-7);
        assert_true(isfinite(activation_output_slope(ACTIVATION_SIGMOID, value)));
        assert_true(activation_output(ACTIVATION_RELU, raw[i]) == (raw[i] > 0 ? raw[i] : 0));
        assert_true(activation_output(ACTIVATION_LINEAR, raw[i]) == raw[i]);
    }
    for (size_t a = 0; a < activation_n_types(); a++)
        if (activation_is_output((enum activation)a))
            assert_true(isnan(activation_output((enum activation)a, NAN)));
}

/* Against differences of the values, in double. */
static void slopes_and_curvatures_match_differences(void **state)
{
    (void)state;
    static const double raw[] = {-6, -1.5, -0.25, 0.125, 1, 5}, step = 1e-4;
    for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
        const double below = 1 / (1 + exp(step - raw[i])), above = 1 / (1 + exp(-step - raw[i]));
        const double exact = 1 / (1 + exp(-raw[i]));
        const float value = activation_output(ACTIVATION_SIGMOID, (float)raw[i]);
        const float slope = activation_output_slope(ACTIVATION_SIGMOID, value);
        const float curvature = activation_output_curvature(ACTIVATION_SIGMOID, value);
        assert_true(fabs((double)slope - (above - below) / (2 * step)) < 1e-6);
        assert_true(fabs((double)curvature - (above - 2 * exact + below) / (step * step)) < 1e-6);
        assert_true(activation_output_curvature(ACTIVATION_LINEAR, (float)raw[i]) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_enumeration),
        cmocka_unit_test(each_activation_has_its_places),
        cmocka_unit_test(output_activations_saturate_without_nan),
        cmocka_unit_test(slopes_and_curvatures_match_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
