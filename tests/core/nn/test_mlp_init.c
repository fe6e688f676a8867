#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp.h"

static float *floats(size_t n)
{
    float *p = mem_alloc_floats(n);
    assert_non_null(p);
    return p;
}

/* A network with its initial weights. */
static struct mlp *created(const struct mlp_spec *spec, uint64_t seed, float **params)
{
    struct mlp *m = NULL;
    assert_int_equal(mlp_create(&m, spec, kernel_find(NULL), NULL), STATUS_OK);
    *params = floats(mlp_n_params(m));
    mlp_init(m, seed, *params);
    return m;
}

struct statistics {
    double mean, sd, largest;
};

static struct statistics statistics_of(size_t n, const float *x)
{
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        largest = fmax(largest, fabs((double)x[i]));
    }
    return (struct statistics){sum / (double)n, sqrt(squares / (double)n), largest};
}

static void check_layer(const struct mlp *m, const float *params, size_t l, double weight_sd,
                        double weight_end, double bias_sd, double bias_end)
{
    size_t n_outputs, n_inputs;
    mlp_layer_shape(m, l, &n_outputs, &n_inputs);
    const size_t n = n_outputs * n_inputs;
    float *weight = floats(n), *bias = floats(n_outputs);
    mlp_export_layer(m, params, l, weight, bias);
    const struct statistics w = statistics_of(n, weight), b = statistics_of(n_outputs, bias);
    /* within five standard deviations of each estimate; the variance of a square is below 2 sd^4 */
    assert_true(fabs(w.mean) < 5 * weight_sd / sqrt((double)n));
    assert_true(fabs(w.sd / weight_sd - 1) < 5 * sqrt(0.5 / (double)n));
    assert_true(w.largest <= weight_end * (1 + 1e-6) && w.largest > 0.95 * weight_end);
    assert_true(fabs(b.mean) < 5 * bias_sd / sqrt((double)n_outputs));
    assert_true(fabs(b.sd / bias_sd - 1) < 5 * sqrt(0.5 / (double)n_outputs));
    assert_true(b.largest <= bias_end * (1 + 1e-6));
    mem_free(weight);
    mem_free(bias);
}

static const struct mlp_spec glorot = {.n_inputs = 512,
                                       .n_outputs = 64,
                                       .n_hidden_layers = 2,
                                       .width = 256,
                                       .activation = ACTIVATION_RELU};

static void weights_are_glorot_normal_cut_at_two_deviations(void **state)
{
    (void)state;
    float *params;
    struct mlp *m = created(&glorot, 11, &params);
    const size_t fans[] = {512 + 256, 256 + 256, 256 + 64};
    for (size_t l = 0; l < 3; l++) {
        const double sd = sqrt(2.0 / (double)fans[l]);
        check_layer(m, params, l, sd, 2 * sd / 0.87962566, 0.01, INFINITY);
    }
    mem_free(params);
    mlp_free(m);
}

static void weights_of_sin_follow_siren_up_to_the_output(void **state)
{
    (void)state;
    float *params;
    const struct mlp_spec siren = {.n_inputs = 64,
                                   .n_outputs = 64,
                                   .n_hidden_layers = 2,
                                   .width = 256,
                                   .activation = ACTIVATION_SIN,
                                   .omega = 30};
    struct mlp *m = created(&siren, 11, &params);
    for (size_t l = 0; l < 3; l++) {
        const double n_inputs = l == 0 ? 64 : 256;
        const double end = l == 0 ? 1 / n_inputs : sqrt(6 / n_inputs) / 30;
        const double bias_end = 1 / sqrt(n_inputs);
        check_layer(m, params, l, end / sqrt(3), end, bias_end / sqrt(3), bias_end);
    }
    mem_free(params);
    mlp_free(m);
}

static void weights_depend_on_the_seed_alone(void **state)
{
    (void)state;
    float *params, *again;
    struct mlp *m = created(&glorot, 11, &params);
    const size_t bytes = mlp_n_params(m) * sizeof *params;
    again = floats(mlp_n_params(m));
    mlp_init(m, 11, again);
    assert_memory_equal(again, params, bytes);
    mlp_init(m, 12, again);
    assert_true(memcmp(again, params, bytes) != 0);
    mem_free(again);
    mem_free(params);
    mlp_free(m);
}

/* N(0, 1/K) and nothing, whatever the activation. */
static void test_fan_in(void **state)
{
    (void)state;
    for (enum activation a = ACTIVATION_RELU; a <= ACTIVATION_SIN; a++) {
        float *params, weight[60 * 40], bias[60];
        struct mlp *m = created(&(struct mlp_spec){.n_inputs = 40,
                                                   .n_outputs = 3,
                                                   .n_hidden_layers = 2,
                                                   .width = 60,
                                                   .activation = a,
                                                   .output_activation = ACTIVATION_LINEAR,
                                                   .omega = 30,
                                                   .init = MLP_INIT_FAN_IN},
                                3, &params);
        mlp_export_layer(m, params, 0, weight, bias);
        const struct statistics w = statistics_of(60 * 40, weight);
        assert_true(fabs(w.sd * sqrt(40) - 1) < 5 * sqrt(0.5 / 2400));
        assert_true(w.largest * sqrt(40) > 2.8); /* it is not cut */
        assert_true(statistics_of(60, bias).largest == 0);
        mlp_free(m);
        mem_free(params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_glorot_normal_cut_at_two_deviations),
        cmocka_unit_test(weights_of_sin_follow_siren_up_to_the_output),
        cmocka_unit_test(weights_depend_on_the_seed_alone),
        cmocka_unit_test(test_fan_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
