/* The closed form against gradient descent itself, step by step, on a model that is linear in its
 * weights: its kernel is exact. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/ntk_regression.h"
#include "tests/support/alloc.h"

enum { N = 14, M = 9, C = 2, F = 20 };

/* f = phi w; N points to learn, M others; the targets less the start. */
struct linear {
    double phi[N + M][F], kernel[N * N], others[M * N], residual[N * C];
};

static void make(struct linear *l, size_t n_features)
{
    struct rng rng = rng_at(3, RNG_ENCODING, 0);
    memset(l, 0, sizeof *l);
    for (size_t i = 0; i < N + M; i++)
        for (size_t j = 0; j < n_features; j++)
            l->phi[i][j] = rng_normal(&rng);
    for (size_t i = 0; i < N * C; i++)
        l->residual[i] = rng_normal(&rng);
    for (size_t i = 0; i < N + M; i++)
        for (size_t k = 0; k < N; k++) {
            double sum = 0;
            for (size_t j = 0; j < F; j++)
                sum += l->phi[i][j] * l->phi[k][j];
            (i < N ? l->kernel + i * N : l->others + (i - N) * N)[k] = sum;
        }
}

static struct ntk_regression *solved(const struct linear *l)
{
    struct ntk_regression *r = NULL;
    struct error err = {0};
    if (ntk_regression_create(&r, N, l->kernel, C, l->residual, NULL, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return r;
}

/* Steps so small that descent is the flow. */
static void test_descent_goes_this_way(void **state)
{
    (void)state;
    static struct linear l;
    make(&l, F);
    struct ntk_regression *r = solved(&l);
    const double eta = 2e-6;
    const size_t n_steps = 20000;
    double w[F][C] = {{0}};
    for (size_t s = 0; s < n_steps; s++) {
        double d_w[F][C] = {{0}};
        for (size_t i = 0; i < N; i++)
            for (size_t c = 0; c < C; c++) {
                double left = l.residual[i * C + c];
                for (size_t j = 0; j < F; j++)
                    left -= l.phi[i][j] * w[j][c];
                for (size_t j = 0; j < F; j++)
                    d_w[j][c] += left * l.phi[i][j];
            }
        for (size_t j = 0; j < F; j++)
            for (size_t c = 0; c < C; c++)
                w[j][c] += eta * d_w[j][c];
    }
    double predicted[M * C], trained[N * C], components[N * C], left = 0, parts = 0;
    const double t = eta * (double)n_steps;
    assert_int_equal(ntk_regression_predict(r, t, M, l.others, predicted, NULL), STATUS_OK);
    assert_int_equal(ntk_regression_predict(r, t, N, l.kernel, trained, NULL), STATUS_OK);
    ntk_regression_components(r, t, components);
    for (size_t i = 0; i < N + M; i++)
        for (size_t c = 0; c < C; c++) {
            double f = 0;
            for (size_t j = 0; j < F; j++)
                f += l.phi[i][j] * w[j][c];
            const double theory = i < N ? trained[i * C + c] : predicted[(i - N) * C + c];
            if (fabs(theory - f) > 2e-4)
                fail_msg("point %zu: theory %g, descent %g", i, theory, f);
            if (i < N)
                left += pow(l.residual[i * C + c] - f, 2);
        }
    for (size_t i = 0; i < N * C; i++)
        parts += components[i] * components[i];
    assert_true(fabs(left - parts) < 1e-3 * left);
    ntk_regression_free(r);
}

static void test_after_all_time_it_interpolates(void **state)
{
    (void)state;
    static struct linear l;
    make(&l, F);
    struct ntk_regression *r = solved(&l);
    double trained[N * C], nothing[M * C];
    assert_int_equal(ntk_regression_predict(r, INFINITY, N, l.kernel, trained, NULL), STATUS_OK);
    for (size_t i = 0; i < N * C; i++)
        assert_true(fabs(trained[i] - l.residual[i]) < 1e-8);
    assert_int_equal(ntk_regression_predict(r, 0, M, l.others, nothing, NULL), STATUS_OK);
    for (size_t i = 0; i < M * C; i++)
        assert_true(nothing[i] == 0);
    const double *lambda = ntk_regression_eigenvalues(r);
    for (size_t i = 1; i < N; i++)
        assert_true(lambda[i] <= lambda[i - 1]);
    ntk_regression_free(r);
}

/* Ten features cannot tell fourteen points apart: the rest of the residual stays. */
static void test_what_has_no_eigenvalue_is_not_learned(void **state)
{
    (void)state;
    static struct linear l;
    make(&l, 10);
    struct ntk_regression *r = solved(&l);
    const double *lambda = ntk_regression_eigenvalues(r);
    assert_true(lambda[9] > 0);
    for (size_t i = 10; i < N; i++)
        assert_true(lambda[i] == 0);
    double first[N * C], last[N * C];
    ntk_regression_components(r, 0, first);
    ntk_regression_components(r, INFINITY, last);
    for (size_t i = 0; i < N * C; i++)
        assert_true(last[i] == (i < 10 * C ? 0 : first[i]));
    ntk_regression_free(r);
}

static void test_numbers_must_be_finite(void **state)
{
    (void)state;
    static struct linear l;
    make(&l, F);
    l.kernel[5] = NAN;
    struct ntk_regression *r = NULL;
    assert_int_equal(ntk_regression_create(&r, N, l.kernel, C, l.residual, NULL, NULL),
                     STATUS_INVALID);
    assert_null(r);
}

/* A kernel of nearly nothing: what is divided by it is not a number. */
static void test_what_is_not_finite_is_told(void **state)
{
    (void)state;
    const double kernel = 1e-310, residual = 1e6;
    struct ntk_regression *r = NULL;
    struct error err = {0};
    double out = 0;
    assert_int_equal(ntk_regression_create(&r, 1, &kernel, 1, &residual, NULL, NULL), STATUS_OK);
    assert_int_equal(ntk_regression_predict(r, 1, 1, &kernel, &out, NULL), STATUS_OK);
    assert_int_equal(ntk_regression_predict(r, INFINITY, 1, &kernel, &out, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/network");
    ntk_regression_free(r);
}

static enum status attempt(void *context, struct error *err)
{
    const struct linear *l = context;
    struct ntk_regression *r = NULL;
    double out[M * C];
    enum status status = ntk_regression_create(&r, N, l->kernel, C, l->residual, NULL, err);
    if (status == STATUS_OK)
        status = ntk_regression_predict(r, 1, M, l->others, out, err);
    ntk_regression_free(r);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static struct linear l;
    make(&l, F);
    assert_true(alloc_fail_each(attempt, &l) > 5);
}

/* --- threads --- */

enum { LARGE = 160, THREADS = 4, TIMES = 5 };

struct large {
    double kernel[LARGE * LARGE], zeros[LARGE], eigenvalues[LARGE];
    enum status status;
};

static void *solve_large(void *context)
{
    struct large *l = context;
    for (size_t i = 0; i < TIMES && l->status == STATUS_OK; i++) {
        struct ntk_regression *r = NULL;
        l->status = ntk_regression_create(&r, LARGE, l->kernel, 1, l->zeros, NULL, NULL);
        if (l->status == STATUS_OK)
            memcpy(l->eigenvalues, ntk_regression_eigenvalues(r), sizeof l->eigenvalues);
        ntk_regression_free(r);
    }
    return NULL;
}

/* Large enough for BLAS's blocks; each thread has a kernel of its own, and gets what it gets alone.
 */
static void test_threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    static struct large together[THREADS], alone;
    pthread_t threads[THREADS];
    for (size_t t = 0; t < THREADS; t++)
        for (size_t i = 0; i < LARGE; i++)
            for (size_t j = 0; j < LARGE; j++)
                together[t].kernel[i * LARGE + j] =
                    exp(-pow(((double)i - (double)j) / (double)(2 + t), 2));
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, solve_large, &together[t]), 0);
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    for (size_t t = 0; t < THREADS; t++) {
        memcpy(alone.kernel, together[t].kernel, sizeof alone.kernel);
        solve_large(&alone);
        assert_int_equal(together[t].status, STATUS_OK);
        assert_int_equal(alone.status, STATUS_OK);
        for (size_t i = 0; i < LARGE; i++)
            assert_true(fabs(together[t].eigenvalues[i] - alone.eigenvalues[i]) <=
                        1e-12 * alone.eigenvalues[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descent_goes_this_way),
        cmocka_unit_test(test_after_all_time_it_interpolates),
        cmocka_unit_test(test_what_has_no_eigenvalue_is_not_learned),
        cmocka_unit_test(test_numbers_must_be_finite),
        cmocka_unit_test(test_what_is_not_finite_is_told),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_threads_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
