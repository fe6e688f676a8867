/* Eigenvalues and vectors by what defines them, of all sizes around a panel's; and the end on
 * demand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/eigen.h"
#include "tests/support/alloc.h"

enum { MOST = 321 };

static double matrix[MOST * MOST], work[MOST * MOST], vectors[MOST * MOST];
static double values[MOST], alone[MOST];

static void make(size_t n, double scale)
{
    struct rng rng = rng_at(7, RNG_ENCODING, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            matrix[i * n + j] = matrix[j * n + i] = scale * rng_normal(&rng);
}

static void solve(size_t n)
{
    struct error err = {0};
    memcpy(work, matrix, n * n * sizeof *work);
    if (eigen_solve(n, work, values, vectors, NULL, &err) != STATUS_OK)
        fail_msg("%zu: %s", n, err.message);
    memcpy(work, matrix, n * n * sizeof *work);
    assert_int_equal(eigen_solve(n, work, alone, NULL, NULL, NULL), STATUS_OK);
}

/* The largest difference of A v and lambda v, and of v v^T and one. */
static void expect_solved(size_t n, double scale)
{
    const double near = 1e-13 * (double)n;
    for (size_t i = 0; i < n; i++) {
        const double *v = vectors + i * n;
        assert_true(i == 0 || values[i] >= values[i - 1]);
        assert_true(fabs(values[i] - alone[i]) <= near * scale);
        for (size_t row = 0; row < n; row++) {
            double sum = 0, product = 0;
            for (size_t k = 0; k < n; k++) {
                sum += matrix[row * n + k] / scale * v[k];
                product += vectors[row * n + k] * v[k];
            }
            assert_true(fabs(sum - values[i] / scale * v[row]) <= near);
            assert_true(fabs(product - (row == i)) <= near);
        }
    }
}

static void test_vectors_are_those_of_the_values(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 31, 32, 33, 34, 63, 64, 65, 97, 256, 257, MOST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make(sizes[i], 1);
        solve(sizes[i]);
        expect_solved(sizes[i], 1);
    }
}

/* Products of such numbers are not finite, or nothing. */
static void test_numbers_of_any_size(void **state)
{
    (void)state;
    static const double scales[] = {1e-300, 1e-200, 1e200, 1e300};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        make(70, scales[i]);
        solve(70);
        expect_solved(70, scales[i]);
    }
    memset(matrix, 0, sizeof matrix);
    solve(70);
    for (size_t i = 0; i < 70; i++)
        assert_true(values[i] == 0 && alone[i] == 0);
}

static bool is_asked(const void *context)
{
    size_t *left = *(size_t *const *)context;
    return (*left)-- == 0;
}

/* It ends at whatever question says so, and asks often enough. */
static void test_it_ends_when_it_is_told(void **state)
{
    (void)state;
    enum { PANELS = 10, BLOCKS = 2 };
    size_t left = 0, *context = &left, n_asked = 0;
    const struct stop stop = {is_asked, &context};
    enum status status = STATUS_CANCELED;
    make(MOST, 1);
    for (; status == STATUS_CANCELED; n_asked++) {
        memcpy(work, matrix, sizeof work);
        left = n_asked;
        status = eigen_solve(MOST, work, values, vectors, &stop, NULL);
    }
    assert_int_equal(status, STATUS_OK);
    assert_true(n_asked > PANELS + BLOCKS);
}

static enum status attempt(void *context, struct error *err)
{
    (void)context;
    memcpy(work, matrix, sizeof work);
    return eigen_solve(40, work, values, vectors, NULL, err);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    make(40, 1);
    assert_true(alloc_fail_each(attempt, NULL) > 3);
    assert_true(eigen_bytes(1000, true) > 8e6 && eigen_bytes(1000, false) < 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_are_those_of_the_values),
        cmocka_unit_test(test_numbers_of_any_size),
        cmocka_unit_test(test_it_ends_when_it_is_told),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
