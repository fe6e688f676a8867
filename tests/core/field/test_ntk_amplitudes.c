/* The loss foretold by spectra against the same by eigenvectors, point by point; its gradient
 * against differences; the descent. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/ntk_amplitudes.h"
#include "core/field/ntk_regression.h"
#include "tests/support/alloc.h"

enum { N = 24, STRIDE = 3, N_TRAIN = N / STRIDE, M = 5, N_SIGNALS = 4 };

static const uint32_t frequencies[M] = {1, 2, 3, 7, 30};
static const double amplitudes[M] = {1, 0.7, -0.4, 0.2, 0.05};
static const struct ntk_network networks[] = {
    {.n_hidden_layers = 3, .width = 64, .sigma_w = 1, .has_bias = true},
    {.n_hidden_layers = 1, .parametrization = NTK_NTK, .width = 1, .sigma_w = 1.4},
    {.n_hidden_layers = 6,
     .parametrization = NTK_NTK,
     .width = 1,
     .sigma_w = 1.2,
     .sigma_b = 0.3,
     .has_bias = true},
    {.n_hidden_layers = 0, .width = 8, .sigma_w = 1},
};
enum { N_NETWORKS = sizeof networks / sizeof *networks };

static double signals[N_SIGNALS * N];

static void assert_near(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("%.12g is not %.12g", got, want);
}

static int draw(void **state)
{
    (void)state;
    struct rng rng = rng_at(5, RNG_SAMPLE, 0);
    for (size_t i = 0; i < N_SIGNALS * N; i++)
        signals[i] = rng_normal(&rng);
    return 0;
}

static struct ntk_amplitudes *family(void)
{
    struct ntk_amplitudes *f = NULL;
    assert_int_equal(
        ntk_amplitudes_create(&f, N, STRIDE, N_SIGNALS, signals, M, frequencies, NULL, NULL),
        STATUS_OK);
    return f;
}

static double times_of(const struct ntk_network *network)
{
    return network->parametrization == NTK_NTK ? 0.5 : 0.02;
}

/* --- by eigenvectors --- */

static double kernel_of(const struct ntk_network *network, size_t i, size_t j)
{
    double sum = 0, all = 0;
    for (size_t k = 0; k < M; k++) {
        const double a2 = amplitudes[k] * amplitudes[k];
        const double turns = frequencies[k] * ((double)i - (double)j) / N;
        all += a2;
        sum += a2 * cos(2 * 3.14159265358979323846 * turns);
    }
    return ntk_of_products(network, 2 * M, 1, 1, sum / all);
}

static bool trains(size_t i)
{
    return i % STRIDE == 0;
}

/* Sum of squares over one signal's validation samples. */
static double validation_error(const struct ntk_network *network, double t, const double *signal)
{
    double train[N_TRAIN * N_TRAIN], others[N * N_TRAIN], y[N_TRAIN], f[N], sum = 0;
    struct ntk_regression *r = NULL;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N_TRAIN; j++)
            others[i * N_TRAIN + j] = kernel_of(network, i, j * STRIDE);
    for (size_t i = 0; i < N_TRAIN; i++) {
        y[i] = signal[i * STRIDE];
        memcpy(train + i * N_TRAIN, others + i * STRIDE * N_TRAIN, sizeof y);
    }
    assert_int_equal(ntk_regression_create(&r, N_TRAIN, train, 1, y, NULL, NULL), STATUS_OK);
    assert_int_equal(ntk_regression_predict(r, t, N, others, f, NULL), STATUS_OK);
    ntk_regression_free(r);
    for (size_t i = 0; i < N; i++)
        sum += trains(i) ? 0 : (signal[i] - f[i]) * (signal[i] - f[i]);
    return sum;
}

static void the_loss_is_that_of_regression(void **state)
{
    (void)state;
    struct ntk_amplitudes *f = family();
    for (size_t i = 0; i < N_NETWORKS; i++) {
        const double t = times_of(&networks[i]);
        double want = 0;
        for (size_t s = 0; s < N_SIGNALS; s++)
            want += validation_error(&networks[i], t, signals + s * N);
        want /= N_SIGNALS * (N - N_TRAIN);
        assert_near(ntk_amplitudes_loss(f, &networks[i], t, amplitudes, NULL), want, 1e-9 * want);
    }
    ntk_amplitudes_free(f);
}

static void at_time_0_nothing_is_foretold(void **state)
{
    (void)state;
    double sum = 0;
    for (size_t i = 0; i < N_SIGNALS * N; i++)
        sum += trains(i % N) ? 0 : signals[i] * signals[i];
    sum /= N_SIGNALS * (N - N_TRAIN);
    struct ntk_amplitudes *f = family();
    assert_near(ntk_amplitudes_loss_of_zero(f), sum, 1e-12);
    assert_near(ntk_amplitudes_loss(f, &networks[0], 0, amplitudes, NULL), sum, 1e-12);
    ntk_amplitudes_free(f);
}

/* --- gradients --- */

static void the_gradient_is_that_of_differences(void **state)
{
    (void)state;
    struct ntk_amplitudes *f = family();
    for (size_t i = 0; i < N_NETWORKS; i++) {
        const double t = times_of(&networks[i]), h = 1e-5;
        double d_a[M], a[M];
        ntk_amplitudes_loss(f, &networks[i], t, amplitudes, d_a);
        for (size_t j = 0; j < M; j++) {
            memcpy(a, amplitudes, sizeof a);
            a[j] = amplitudes[j] + h;
            const double above = ntk_amplitudes_loss(f, &networks[i], t, a, NULL);
            a[j] = amplitudes[j] - h;
            const double below = ntk_amplitudes_loss(f, &networks[i], t, a, NULL);
            const double want = (above - below) / (2 * h);
            if (!(fabs(d_a[j] - want) <= 1e-7 * fabs(want) + 1e-10))
                fail_msg("network %zu, a_%zu: %.10g, by differences %.10g", i, j, d_a[j], want);
        }
    }
    ntk_amplitudes_free(f);
}

static void the_kernels_slope_is_that_of_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_NETWORKS; i++)
        for (int place = -9; place <= 9; place += 3) {
            double slope;
            const double u = place / 10.0;
            const double h = 1e-6, value = ntk_of_products(&networks[i], 4, 1, 2, u);
            assert_near(ntk_slope_of_products(&networks[i], 4, 1, 2, u, &slope), value, 0);
            const double want = (ntk_of_products(&networks[i], 4, 1, 2, u + h) -
                                 ntk_of_products(&networks[i], 4, 1, 2, u - h)) /
                                (2 * h);
            assert_near(slope, want, 1e-6 * fabs(want));
        }
}

/* --- the descent --- */

static void a_family_of_one_frequency_finds_it(void **state)
{
    (void)state;
    enum { STEPS = 300 };
    double waves[2 * N], a[M] = {1, 0.05, 0.05, 0.05, 0.05}, losses[STEPS + 1];
    for (size_t i = 0; i < N; i++) {
        waves[i] = sin(2 * 3.14159265358979323846 * 3 * (double)i / N);
        waves[N + i] = cos(2 * 3.14159265358979323846 * 3 * (double)i / N);
    }
    struct ntk_amplitudes *f = NULL;
    assert_int_equal(ntk_amplitudes_create(&f, N, STRIDE, 2, waves, M, frequencies, NULL, NULL),
                     STATUS_OK);
    assert_int_equal(ntk_amplitudes_descend(f, &networks[0], 5, STEPS, 0.01, a, losses, NULL, NULL),
                     STATUS_OK);
    assert_true(losses[STEPS] < 0.1 * losses[0]);
    for (size_t j = 0; j < M; j++)
        assert_true(j == 2 || fabs(a[2]) > 3 * fabs(a[j]));
    assert_near(losses[STEPS], ntk_amplitudes_loss(f, &networks[0], 5, a, NULL), 0);
    ntk_amplitudes_free(f);
}

static void a_loss_that_is_no_number_is_told(void **state)
{
    (void)state;
    double a[M] = {0}, losses[2];
    struct error err = {0};
    struct ntk_amplitudes *f = family();
    assert_int_equal(ntk_amplitudes_descend(f, &networks[0], 1, 1, 0.01, a, losses, NULL, &err),
                     STATUS_DIVERGED);
    ntk_amplitudes_free(f);
}

static enum status attempt(void *context, struct error *err)
{
    (void)context;
    struct ntk_amplitudes *f = NULL;
    const enum status status =
        ntk_amplitudes_create(&f, N, STRIDE, N_SIGNALS, signals, M, frequencies, NULL, err);
    ntk_amplitudes_free(f);
    return status;
}

static void memory_that_is_refused_is_told(void **state)
{
    (void)state;
    assert_true(alloc_fail_each(attempt, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_that_of_regression),
        cmocka_unit_test(at_time_0_nothing_is_foretold),
        cmocka_unit_test(the_gradient_is_that_of_differences),
        cmocka_unit_test(the_kernels_slope_is_that_of_differences),
        cmocka_unit_test(a_family_of_one_frequency_finds_it),
        cmocka_unit_test(a_loss_that_is_no_number_is_told),
        cmocka_unit_test(memory_that_is_refused_is_told),
    };
    return cmocka_run_group_tests(tests, draw, NULL);
}
