#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"
#include "core/nn/optimizer.h"

enum { N = 1100, N_STEPS = 200 }; /* N: more than two blocks, and a rest */

static const struct optimizer_spec adam = {OPTIMIZER_ADAM, 0.9, 0.999, 1e-8};
static const struct optimizer_spec sgd = {.type = OPTIMIZER_SGD};

/* The gradient of parameter i at a step, as one of several threads sees it. */
static float gradient_of(size_t i, uint64_t step, size_t thread)
{
    struct rng rng = rng_at(step, RNG_SAMPLE, i * 8 + thread);
    return (float)((rng_uniform(&rng) - 0.4) * pow(10, -(double)(i % 6)));
}

static void names_and_moments_follow_the_table(void **state)
{
    (void)state;
    assert_int_equal(optimizer_n_types(), 2);
    assert_string_equal(optimizer_name(OPTIMIZER_ADAM), "adam");
    assert_string_equal(optimizer_name(OPTIMIZER_SGD), "sgd");
    assert_int_equal(optimizer_n_moments(OPTIMIZER_ADAM), 2);
    assert_int_equal(optimizer_n_moments(OPTIMIZER_SGD), 0);
}

/* Kingma and Ba, algorithm 1, line by line, in double. */
static void check_adam(const struct kernel *kernel)
{
    static float weights[N], m[N], v[N], gradient[N];
    static double w_exact[N], m_exact[N], v_exact[N];
    float *moments[] = {m, v}, *gradients[] = {gradient};
    const double rate = 0.01;
    memset(weights, 0, sizeof weights);
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    memset(w_exact, 0, sizeof w_exact);
    memset(m_exact, 0, sizeof m_exact);
    memset(v_exact, 0, sizeof v_exact);
    for (uint64_t t = 1; t <= N_STEPS; t++) {
        for (size_t i = 0; i < N; i++) {
            gradient[i] = gradient_of(i, t, 0);
            const double g = (double)gradient[i];
            m_exact[i] = 0.9 * m_exact[i] + (1 - 0.9) * g;
            v_exact[i] = 0.999 * v_exact[i] + (1 - 0.999) * g * g;
            const double m_hat = m_exact[i] / (1 - pow(0.9, (double)t));
            const double v_hat = v_exact[i] / (1 - pow(0.999, (double)t));
            w_exact[i] -= rate * m_hat / (sqrt(v_hat) + 1e-8);
        }
        optimizer_update(&adam, kernel, t, rate, N, weights, moments, gradients, 1);
    }
    for (size_t i = 0; i < N; i++) {
        assert_true(fabs((double)weights[i] - w_exact[i]) < 1e-5 * rate * N_STEPS);
        assert_true(gradient[i] == 0);
    }
}

static void adam_matches_the_paper_in_double(void **state)
{
    (void)state;
    size_t n;
    const struct kernel *const *kernels = kernel_table(&n);
    for (size_t k = 0; k < n; k++)
        check_adam(kernels[k]);
}

static void sgd_goes_down_the_gradient(void **state)
{
    (void)state;
    float weights[] = {1, 2, 3}, gradient[] = {0.5f, -1, 0}, *gradients[] = {gradient};
    optimizer_update(&sgd, kernel_find(NULL), 1, 0.5, 3, weights, NULL, gradients, 1);
    assert_true(weights[0] == 0.75f && weights[1] == 2.5f && weights[2] == 3);
    assert_true(gradient[0] == 0 && gradient[1] == 0 && gradient[2] == 0);
}

/* Several threads' gradients are one sum, in their order: bytes equal to those of the sum. */
static void gradients_are_summed_in_order_and_zeroed(void **state)
{
    (void)state;
    const struct optimizer_spec *specs[] = {&adam, &sgd};
    for (size_t s = 0; s < 2; s++) {
        static float weights[N], m[N], v[N], thread[3][N], expected[N], m_sum[N], v_sum[N], sum[N];
        memset(weights, 0, sizeof weights);
        memset(expected, 0, sizeof expected);
        memset(m, 0, sizeof m), memset(v, 0, sizeof v);
        memset(m_sum, 0, sizeof m_sum), memset(v_sum, 0, sizeof v_sum);
        float *moments[] = {m, v}, *gradients[] = {thread[0], thread[1], thread[2]};
        float *moments_sum[] = {m_sum, v_sum}, *one[] = {sum};
        for (uint64_t t = 1; t <= 5; t++) {
            for (size_t i = 0; i < N; i++) {
                for (size_t k = 0; k < 3; k++)
                    thread[k][i] = gradient_of(i, t, k);
                sum[i] = (thread[0][i] + thread[1][i]) + thread[2][i];
            }
            optimizer_update(specs[s], kernel_find(NULL), t, 0.01, N, weights, moments, gradients,
                             3);
            optimizer_update(specs[s], kernel_find(NULL), t, 0.01, N, expected, moments_sum, one,
                             1);
        }
        assert_memory_equal(weights, expected, sizeof weights);
        for (size_t i = 0; i < N; i++)
            assert_true(thread[0][i] == 0 && thread[1][i] == 0 && thread[2][i] == 0);
    }
}

static void slices_change_nothing(void **state)
{
    (void)state;
    static const size_t cuts[] = {0, 1, 16, 530, 1099, N};
    static float whole[2][N], m[2][N], v[2][N], gradient[2][N];
    for (uint64_t t = 1; t <= 5; t++) {
        for (size_t i = 0; i < N; i++)
            gradient[0][i] = gradient[1][i] = gradient_of(i, t, 0);
        float *moments[] = {m[0], v[0]}, *gradients[] = {gradient[0]};
        optimizer_update(&adam, kernel_find(NULL), t, 0.01, N, whole[0], moments, gradients, 1);
        for (size_t c = 0; c + 1 < sizeof cuts / sizeof cuts[0]; c++) {
            const size_t at = cuts[c];
            float *m_slices[] = {m[1] + at, v[1] + at}, *g_slices[] = {gradient[1] + at};
            optimizer_update(&adam, kernel_find(NULL), t, 0.01, cuts[c + 1] - at, whole[1] + at,
                             m_slices, g_slices, 1);
        }
    }
    assert_memory_equal(whole[0], whole[1], sizeof whole[0]);
}

static void a_parameter_without_gradient_stays_and_dead_moments_become_zero(void **state)
{
    (void)state;
    float weights[] = {0, 5, 1}, m[3] = {0}, v[3] = {0}, gradient[3] = {0, 0, 1e-3f};
    float *moments[] = {m, v}, *gradients[] = {gradient};
    for (uint64_t t = 1; t <= 3000; t++)
        optimizer_update(&adam, kernel_find(NULL), t, 0.01, 3, weights, moments, gradients, 1);
    assert_true(weights[0] == 0 && weights[1] == 5);
    assert_true(isfinite(weights[2]) && weights[2] != 1);
    assert_true(m[2] == 0); /* after 0.9^3000, without stopping among the subnormals */
    assert_true(v[2] == 0 || v[2] >= FLT_MIN);
}

static void nan_stays_nan(void **state)
{
    (void)state;
    float weights[] = {1, 1}, m[2] = {0}, v[2] = {0}, gradient[2] = {NAN, 1};
    float *moments[] = {m, v}, *gradients[] = {gradient};
    optimizer_update(&adam, kernel_find(NULL), 1, 0.01, 2, weights, moments, gradients, 1);
    assert_true(isnan(weights[0]) && !isnan(weights[1]));
}

/* --- tables --- */

enum { N_LINES = 21, N_TABLE = N_LINES * GRID_LINE };

/* Numbers with their moments. */
struct block {
    float weights[N_TABLE], m[N_TABLE], v[N_TABLE];
};

/* What one step touches: some lines, and of these some numbers. */
static void draw_touched(uint64_t step, float *gradient, uint8_t *touched)
{
    for (size_t line = 0; line < N_LINES; line++) {
        touched[line] = line != 0 && (line + step) % 3 != 0;
        for (size_t i = line * GRID_LINE; i < (line + 1) * GRID_LINE; i++)
            gradient[i] = touched[line] && (i + step) % 5 != 0 ? gradient_of(i, step, 0) : 0;
    }
}

/* The plain update, of the numbers alone that have a gradient. */
static void expect_update(const struct optimizer_spec *spec, const struct kernel *kernel,
                          uint64_t step, const float *gradient, struct block *b)
{
    struct block all = *b;
    float copy[N_TABLE], *moments[] = {all.m, all.v}, *gradients[] = {copy};
    memcpy(copy, gradient, sizeof copy);
    optimizer_update(spec, kernel, step, 0.01, N_TABLE, all.weights, moments, gradients, 1);
    for (size_t i = 0; i < N_TABLE; i++)
        if (gradient[i] != 0) {
            b->weights[i] = all.weights[i];
            b->m[i] = all.m[i];
            b->v[i] = all.v[i];
        }
}

static void a_table_is_updated_where_it_has_a_gradient_and_nowhere_else(void **state)
{
    (void)state;
    const struct optimizer_spec *specs[] = {&adam, &sgd};
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t s = 0; s < 2; s++) {
            static struct block table, expected;
            static float gradient[N_TABLE];
            uint8_t touched[N_LINES];
            memset(&table, 0, sizeof table);
            for (size_t i = 0; i < N_TABLE; i++)
                table.weights[i] = (float)i / 100;
            expected = table;
            float *moments[] = {table.m, table.v};
            for (uint64_t t = 1; t <= 9; t++) {
                draw_touched(t, gradient, touched);
                expect_update(specs[s], kernels[k], t, gradient, &expected);
                optimizer_update_touched(specs[s], kernels[k], t, 0.01, N_TABLE, table.weights,
                                         moments, gradient, touched);
                assert_memory_equal(&table, &expected, sizeof table);
                for (size_t i = 0; i < N_TABLE; i++)
                    assert_true(gradient[i] == 0);
                for (size_t line = 0; line < N_LINES; line++)
                    assert_int_equal(touched[line], 0);
            }
            for (size_t i = 0; i < GRID_LINE; i++) /* the line that nothing ever touched */
                assert_true(table.weights[i] == (float)i / 100 && table.m[i] == 0);
            assert_true(table.weights[GRID_LINE] != (float)GRID_LINE / 100);
        }
}

static void nan_stays_nan_in_a_table(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++) {
        float weights[GRID_LINE] = {1, 1}, m[GRID_LINE] = {0}, v[GRID_LINE] = {0};
        float gradient[GRID_LINE] = {NAN, 1}, *moments[] = {m, v};
        uint8_t touched = 1;
        optimizer_update_touched(&adam, kernels[k], 1, 0.01, GRID_LINE, weights, moments, gradient,
                                 &touched);
        assert_true(isnan(weights[0]) && !isnan(weights[1]) && weights[1] != 1 && weights[2] == 0);
        assert_true(gradient[0] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_moments_follow_the_table),
        cmocka_unit_test(adam_matches_the_paper_in_double),
        cmocka_unit_test(sgd_goes_down_the_gradient),
        cmocka_unit_test(gradients_are_summed_in_order_and_zeroed),
        cmocka_unit_test(slices_change_nothing),
        cmocka_unit_test(a_parameter_without_gradient_stays_and_dead_moments_become_zero),
        cmocka_unit_test(nan_stays_nan),
        cmocka_unit_test(a_table_is_updated_where_it_has_a_gradient_and_nowhere_else),
        cmocka_unit_test(nan_stays_nan_in_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
