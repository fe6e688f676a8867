#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/nn/loss.h"

static void names_follow_the_enumeration(void **state)
{
    (void)state;
    assert_int_equal(loss_n_types(), 3);
    assert_string_equal(loss_name(LOSS_MSE), "mse");
    assert_string_equal(loss_name(LOSS_BCE), "bce");
    assert_string_equal(loss_name(LOSS_MAPE), "mape");
}

static void bce_on_relu_is_refused_and_all_else_accepted(void **state)
{
    (void)state;
    static const enum activation outputs[] = {ACTIVATION_LINEAR, ACTIVATION_SIGMOID,
                                              ACTIVATION_RELU};
    for (size_t o = 0; o < 3; o++) {
        struct error err = {0};
        assert_int_equal(loss_check(LOSS_MSE, outputs[o], &err), STATUS_OK);
        assert_int_equal(loss_check(LOSS_MAPE, outputs[o], &err), STATUS_OK);
        const bool is_refused = outputs[o] == ACTIVATION_RELU;
        assert_int_equal(loss_check(LOSS_BCE, outputs[o], &err),
                         is_refused ? STATUS_UNSUPPORTED : STATUS_OK);
        assert_string_equal(err.where, is_refused ? "/train/loss" : "");
    }
}

/* Values from the formulas by hand: sigmoid(ln 3) = 3/4, softplus(ln 3) = ln 4. */
static void losses_and_gradients_are_those_of_the_formulas(void **state)
{
    (void)state;
    const float ln3 = (float)log(3), raw[] = {ln3, -ln3}, targets[] = {1, 0.5f};
    const float sigmoids[] = {0.75f, 0.25f};
    float d[2];

    double loss = loss_evaluate(LOSS_MSE, ACTIVATION_LINEAR, 2, raw, raw, targets, 0.5, d);
    const double r0 = log(3) - 1, r1 = -log(3) - 0.5;
    assert_true(fabs(loss - 0.25 * (r0 * r0 + r1 * r1)) < 1e-7);
    assert_true(fabs((double)d[0] - 0.5 * r0) < 1e-7 && fabs((double)d[1] - 0.5 * r1) < 1e-7);

    loss = loss_evaluate(LOSS_MSE, ACTIVATION_SIGMOID, 2, raw, sigmoids, targets, 0.5, d);
    assert_true(fabs(loss - 0.25 * (0.25 * 0.25 + 0.25 * 0.25)) < 1e-7);
    assert_true(fabs((double)d[0] + 0.5 * 0.25 * 0.75 * 0.25) < 1e-7);
    assert_true(fabs((double)d[1] + 0.5 * 0.25 * 0.25 * 0.75) < 1e-7);

    const float relus[] = {ln3, 0};
    loss_evaluate(LOSS_MSE, ACTIVATION_RELU, 2, raw, relus, targets, 0.5, d);
    assert_true(fabs((double)d[0] - 0.5 * r0) < 1e-7 && d[1] == 0);

    loss = loss_evaluate(LOSS_BCE, ACTIVATION_SIGMOID, 2, raw, sigmoids, targets, 0.5, d);
    const double terms = (log(4) - log(3)) + (log(4.0 / 3) + 0.5 * log(3));
    assert_true(fabs(loss - 0.5 * terms) < 1e-7);
    assert_true(fabs((double)d[0] + 0.5 * 0.25) < 1e-7 && fabs((double)d[1] + 0.5 * 0.25) < 1e-7);

    loss = loss_evaluate(LOSS_MAPE, ACTIVATION_SIGMOID, 2, raw, sigmoids, targets, 0.5, d);
    assert_true(fabs(loss - 0.5 * (0.25 / 1.01 + 0.25 / 0.51)) < 1e-7);
    assert_true(fabs((double)d[0] + 0.5 * 0.1875 / 1.01) < 1e-7);
    assert_true(fabs((double)d[1] + 0.5 * 0.1875 / 0.51) < 1e-7);
    const float negative = -0.25f, zero = 0.0f;
    loss = loss_evaluate(LOSS_MAPE, ACTIVATION_LINEAR, 1, &zero, &zero, &negative, 1, d);
    assert_true(fabs(loss - 0.25 / 0.26) < 1e-6 && fabs((double)d[0] - 1 / 0.26) < 1e-6);
    loss = loss_evaluate(LOSS_MAPE, ACTIVATION_LINEAR, 1, &zero, &zero, &zero, 1, d);
    assert_true(loss == 0 && d[0] == 0);
}

static void bce_is_finite_for_any_logit(void **state)
{
    (void)state;
    const float raw[] = {-1e30f, -1000, -50, 0, 50, 1000, 1e30f};
    const float ones[] = {1, 1, 1, 1, 1, 1, 1}, zeros[7] = {0};
    for (size_t i = 0; i < 7; i++) {
        float d;
        double loss = loss_evaluate(LOSS_BCE, ACTIVATION_LINEAR, 1, raw + i, raw + i, ones, 1, &d);
        assert_true(isfinite(loss) && loss >= 0 && d <= 0 && d >= -1);
        loss = loss_evaluate(LOSS_BCE, ACTIVATION_LINEAR, 1, raw + i, raw + i, zeros, 1, &d);
        assert_true(isfinite(loss) && loss >= 0 && d >= 0 && d <= 1);
    }
}

/* A million tiny terms after a large one: lost in float, kept in double. */
static void sums_keep_small_terms(void **state)
{
    (void)state;
    enum { COUNT = 1000001 };
    float *values = calloc(COUNT, sizeof *values), *targets = calloc(COUNT, sizeof *targets);
    float *d = calloc(COUNT, sizeof *d);
    assert_true(values && targets && d);
    values[0] = 1000;
    for (size_t i = 1; i < COUNT; i++)
        values[i] = 1e-3f;
    const double loss =
        loss_evaluate(LOSS_MSE, ACTIVATION_LINEAR, COUNT, values, values, targets, 1, d);
    assert_true(fabs(loss - (500000 + 0.5)) < 1e-4);
    free(values);
    free(targets);
    free(d);
}

static void nan_is_told(void **state)
{
    (void)state;
    for (size_t loss = 0; loss < loss_n_types(); loss++) {
        const float raw = NAN, target = 0.5f;
        float d;
        assert_true(isnan(
            loss_evaluate((enum loss)loss, ACTIVATION_LINEAR, 1, &raw, &raw, &target, 1, &d)));
        assert_true(isnan(d));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_enumeration),
        cmocka_unit_test(bce_on_relu_is_refused_and_all_else_accepted),
        cmocka_unit_test(losses_and_gradients_are_those_of_the_formulas),
        cmocka_unit_test(bce_is_finite_for_any_logit),
        cmocka_unit_test(sums_keep_small_terms),
        cmocka_unit_test(nan_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
