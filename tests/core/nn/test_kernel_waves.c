/*
 * Fourier encodings and activations in every row of the kernel table against the portable one and
 * against double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/kernel.h"
#include "tests/support/compare.h"

static const double two_pi = 6.283185307179586477;

static const struct kernel *const *kernels;
static size_t n_kernels;

static int find_kernels(void **state)
{
    (void)state;
    kernels = kernel_table(&n_kernels);
    return 0;
}

/* --- fourier --- */

enum { MAX_FREQUENCIES = 64, FOURIER_ROW = 160, FOURIER_POINTS = 200 };

/* Points within |x| <= range, frequencies normal of deviation sigma; padding of b and a is 0. */
struct waves {
    size_t n_dims, m, padded;
    float x[FOURIER_POINTS * 3], b[3 * MAX_FREQUENCIES], a[MAX_FREQUENCIES];
};

static void waves_init(struct waves *w, size_t n_dims, size_t m, double range, double sigma)
{
    struct rng rng = rng_at(m, RNG_SAMPLE, n_dims);
    *w = (struct waves){.n_dims = n_dims, .m = m, .padded = (m + 15) / 16 * 16};
    for (size_t i = 0; i < FOURIER_POINTS * n_dims; i++)
        w->x[i] = (float)(range * (2 * rng_uniform(&rng) - 1));
    for (size_t j = 0; j < m; j++) {
        for (size_t d = 0; d < n_dims; d++)
            w->b[d * w->padded + j] = (float)(sigma * rng_normal(&rng));
        w->a[j] = (float)(0.5 + rng_uniform(&rng));
    }
}

static void waves_run(const struct waves *w, const struct kernel *kernel, size_t n, const float *x,
                      float *out)
{
    for (size_t i = 0; i < n * FOURIER_ROW; i++)
        out[i] = NAN;
    kernel->fourier(n, w->n_dims, x, w->padded, w->b, w->a, out, FOURIER_ROW, w->m);
}

/* The largest error of sine and cosine, of those with |u| <= 2^20. */
static double waves_error(const struct waves *w, const float *out)
{
    double worst = 0;
    for (size_t i = 0; i < FOURIER_POINTS; i++)
        for (size_t j = 0; j < w->m; j++) {
            double u = 0;
            for (size_t d = 0; d < w->n_dims; d++)
                u += (double)w->x[i * w->n_dims + d] * (double)w->b[d * w->padded + j];
            if (fabs(u) > 0x1p20)
                continue;
            const double phase = two_pi * (u - rint(u)), a = (double)w->a[j];
            const float *row = out + i * FOURIER_ROW;
            worst = fmax(worst, fabs((double)row[j] / a - sin(phase)));
            worst = fmax(worst, fabs((double)row[w->m + j] / a - cos(phase)));
        }
    return worst;
}

static const struct {
    double range, sigma;
} scales[] = {{1, 0.1}, {1, 1}, {1, 10}, {1, 100}, {1, 1000}, {1, 3e5}, {1000, 1000}};

/* All but 16 and 64 have padding that the cosines must overwrite. */
static const size_t frequencies[] = {1, 2, 15, 16, 17, 31, 33, 64};

static void fourier_is_exact_to_1e_6_up_to_a_million_turns(void **state)
{
    (void)state;
    float *out = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t n_dims = 1; n_dims <= 3; n_dims++)
            for (size_t f = 0; f < sizeof frequencies / sizeof frequencies[0]; f++)
                for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
                    struct waves w;
                    waves_init(&w, n_dims, frequencies[f], scales[s].range, scales[s].sigma);
                    waves_run(&w, kernels[k], FOURIER_POINTS, w.x, out);
                    assert_true(waves_error(&w, out) < 1e-6);
                }
    mem_free(out);
}

static void fourier_matches_portable(void **state)
{
    (void)state;
    float *expected = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    float *out = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    struct waves w;
    waves_init(&w, 2, 64, 1, 1000);
    waves_run(&w, kernel_find("portable"), FOURIER_POINTS, w.x, expected);
    for (size_t k = 0; k + 1 < n_kernels; k++) {
        waves_run(&w, kernels[k], FOURIER_POINTS, w.x, out);
        for (size_t i = 0; i < FOURIER_POINTS; i++)
            assert_true(compare_relative_float(2 * w.m, out + i * FOURIER_ROW,
                                               expected + i * FOURIER_ROW) < 1e-5);
    }
    mem_free(out);
    mem_free(expected);
}

static void fourier_pads_with_zeros_and_goes_no_further(void **state)
{
    (void)state;
    float out[FOURIER_ROW];
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t m = 1; m <= MAX_FREQUENCIES; m++) {
            struct waves w;
            waves_init(&w, 2, m, 1, 10);
            waves_run(&w, kernels[k], 1, w.x, out);
            for (size_t j = 0; j < FOURIER_ROW; j++)
                if (j < 2 * m)
                    assert_true(out[j] != 0);
                else if (j < m + w.padded)
                    assert_true(out[j] == 0);
                else
                    assert_true(isnan(out[j]));
        }
}

static void a_point_of_fourier_does_not_depend_on_the_others(void **state)
{
    (void)state;
    float *together = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    float alone[FOURIER_ROW];
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t n_dims = 1; n_dims <= 3; n_dims++) {
            struct waves w;
            waves_init(&w, n_dims, 33, 1, 10);
            waves_run(&w, kernels[k], FOURIER_POINTS, w.x, together);
            for (size_t i = 0; i < FOURIER_POINTS; i++) {
                waves_run(&w, kernels[k], 1, w.x + i * n_dims, alone);
                assert_memory_equal(alone, together + i * FOURIER_ROW, 2 * w.m * sizeof(float));
            }
        }
    mem_free(together);
}

/* --- activations --- */

enum { N_Z = 4096 };

static float *many_z(void)
{
    float *z = mem_alloc_floats(N_Z);
    assert_non_null(z);
    for (size_t i = 0; i < N_Z; i++)
        z[i] = (float)(((double)i - N_Z / 2.0) * (i % 2 ? 12.0 / N_Z : 0.3 / N_Z));
    return z;
}

static void sine_and_its_slope_are_exact_to_1e_6(void **state)
{
    (void)state;
    static const double omegas[] = {1, 30, 3000};
    float *z = many_z(), *h = mem_alloc_floats(N_Z), *slope = mem_alloc_floats(N_Z);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t o = 0; o < 3; o++) {
            memcpy(h, z, N_Z * sizeof *h);
            kernels[k]->sine(N_Z, omegas[o], h, slope);
            for (size_t i = 0; i < N_Z; i++) {
                const double phase = omegas[o] * (double)z[i];
                assert_true(fabs((double)h[i] - sin(phase)) < 1e-6);
                assert_true(fabs((double)slope[i] / omegas[o] - cos(phase)) < 1e-6);
            }
            float *without_slope = many_z();
            kernels[k]->sine(N_Z, omegas[o], without_slope, NULL);
            assert_memory_equal(without_slope, h, N_Z * sizeof *h);
            mem_free(without_slope);
        }
    mem_free(slope);
    mem_free(h);
    mem_free(z);
}

static void tanh_is_exact_to_1e_6_and_stays_within_1(void **state)
{
    (void)state;
    float *z = many_z(), *h = mem_alloc_floats(N_Z);
    z[0] = 1e30f, z[1] = -1e30f, z[2] = INFINITY, z[3] = -INFINITY, z[4] = 0;
    for (size_t k = 0; k < n_kernels; k++) {
        memcpy(h, z, N_Z * sizeof *h);
        kernels[k]->tanh(N_Z, h);
        for (size_t i = 0; i < N_Z; i++) {
            const double exact = tanh((double)z[i]);
            assert_true(fabs((double)h[i] - exact) <= 1e-6 * fabs(exact));
            assert_true(fabsf(h[i]) <= 1);
        }
    }
    mem_free(h);
    mem_free(z);
}

static void activations_keep_zero_and_nan_and_look_at_one_number_alone(void **state)
{
    (void)state;
    float *z = many_z();
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t lane = 0; lane < 16; lane++) {
            float h[16] = {0}, slope[16], same[32];
            h[lane] = NAN;
            kernels[k]->tanh(16, h);
            for (size_t i = 0; i < 16; i++)
                assert_true(i == lane ? isnan(h[i]) : h[i] == 0);
            kernels[k]->sine(16, 30, h, slope);
            for (size_t i = 0; i < 16; i++)
                assert_true(i == lane ? isnan(h[i]) : h[i] == 0);

            for (size_t i = 0; i < 32; i++)
                same[i] = i % 16 == lane ? z[100] : z[i];
            same[16 + (lane + 5) % 16] = z[100]; /* another lane, other neighbours */
            float sines[32];
            memcpy(sines, same, sizeof same);
            kernels[k]->tanh(32, same);
            kernels[k]->sine(32, 30, sines, NULL);
            assert_memory_equal(&same[lane], &same[16 + (lane + 5) % 16], sizeof(float));
            assert_memory_equal(&sines[lane], &sines[16 + (lane + 5) % 16], sizeof(float));
        }
    mem_free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fourier_is_exact_to_1e_6_up_to_a_million_turns),
        cmocka_unit_test(fourier_matches_portable),
        cmocka_unit_test(fourier_pads_with_zeros_and_goes_no_further),
        cmocka_unit_test(a_point_of_fourier_does_not_depend_on_the_others),
        cmocka_unit_test(sine_and_its_slope_are_exact_to_1e_6),
        cmocka_unit_test(tanh_is_exact_to_1e_6_and_stays_within_1),
        cmocka_unit_test(activations_keep_zero_and_nan_and_look_at_one_number_alone),
    };
    return cmocka_run_group_tests(tests, find_kernels, NULL);
}
