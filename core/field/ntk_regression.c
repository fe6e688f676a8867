#include "core/field/ntk_regression.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/eigen.h"

struct ntk_regression {
    size_t n, n_channels;
    double *eigenvalues; /* [n], falling */
    double *vectors;     /* [n, n], row i: the eigenvector of eigenvalue i */
    double *components;  /* r [n, C] */
};

static bool is_finite(size_t n, const double *numbers)
{
    bool is = true;
    for (size_t i = 0; i < n; i++)
        is = is && isfinite(numbers[i]);
    return is;
}

/* From LAPACK's rising order to ours, without what is but rounding.  vectors may be NULL. */
static void turn_over(size_t n, double *eigenvalues, double *vectors)
{
    for (size_t i = 0; i < n / 2; i++) {
        const size_t j = n - 1 - i;
        const double w = eigenvalues[i];
        eigenvalues[i] = eigenvalues[j];
        eigenvalues[j] = w;
        if (vectors)
            cblas_dswap((int)n, vectors + i * n, 1, vectors + j * n, 1);
    }
    const double rounding = (double)n * DBL_EPSILON * eigenvalues[0];
    for (size_t i = 0; i < n; i++)
        eigenvalues[i] = eigenvalues[i] > rounding ? eigenvalues[i] : 0;
}

static double *copy_of(size_t n, const double *numbers)
{
    double *copy = mem_alloc_array(n, sizeof *copy);
    if (copy)
        memcpy(copy, numbers, n * sizeof *copy);
    return copy;
}

double ntk_eigenvalues_bytes(size_t n)
{
    return (double)(n * n) * sizeof(double) + eigen_bytes(n, false);
}

enum status ntk_eigenvalues(size_t n, const double *kernel, double *out, const struct stop *stop,
                            struct error *err)
{
    if (!is_finite(n * n, kernel))
        return error_set(err, STATUS_INVALID, "", "the kernel is not finite");
    double *copy = copy_of(n * n, kernel);
    if (!copy)
        return error_status(err, STATUS_NO_MEMORY);
    const enum status status = eigen_solve(n, copy, out, NULL, stop, err);
    if (status == STATUS_OK)
        turn_over(n, out, NULL);
    mem_free(copy);
    return status;
}

enum status ntk_regression_create(struct ntk_regression **out, size_t n, const double *kernel,
                                  size_t n_channels, const double *residual,
                                  const struct stop *stop, struct error *err)
{
    if (!is_finite(n * n, kernel) || !is_finite(n * n_channels, residual))
        return error_set(err, STATUS_INVALID, "", "the kernel or the targets are not finite");
    struct ntk_regression *r = mem_alloc(sizeof *r);
    if (!r)
        return error_status(err, STATUS_NO_MEMORY);
    *r = (struct ntk_regression){.n = n, .n_channels = n_channels};
    r->eigenvalues = mem_alloc_array(n, sizeof *r->eigenvalues);
    r->vectors = mem_alloc_array(n * n, sizeof *r->vectors);
    r->components = mem_alloc_array(n * n_channels, sizeof *r->components);
    if (!r->eigenvalues || !r->vectors || !r->components) {
        ntk_regression_free(r);
        return error_status(err, STATUS_NO_MEMORY);
    }
    double *copy = copy_of(n * n, kernel);
    enum status status = copy ? eigen_solve(n, copy, r->eigenvalues, r->vectors, stop, err)
                              : error_status(err, STATUS_NO_MEMORY);
    mem_free(copy);
    if (status != STATUS_OK) {
        ntk_regression_free(r);
        return status;
    }
    turn_over(n, r->eigenvalues, r->vectors);
    const int rows = (int)n, columns = (int)n_channels;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, columns, rows, 1, r->vectors, rows,
                residual, columns, 0, r->components, columns);
    *out = r;
    return STATUS_OK;
}

double ntk_regression_bytes(size_t n)
{
    return (double)(2 * n * n) * sizeof(double) + eigen_bytes(n, true);
}

void ntk_regression_free(struct ntk_regression *r)
{
    if (!r)
        return;
    mem_free(r->eigenvalues);
    mem_free(r->vectors);
    mem_free(r->components);
    mem_free(r);
}

const double *ntk_regression_eigenvalues(const struct ntk_regression *r)
{
    return r->eigenvalues;
}

/* What is left of a component after t: one without an eigenvalue learns nothing. */
static double kept(double eigenvalue, double t)
{
    return eigenvalue > 0 ? exp(-eigenvalue * t) : 1;
}

/* (1 - exp(-lambda t)) / lambda. */
static double gain(double eigenvalue, double t)
{
    return eigenvalue > 0 ? -expm1(-eigenvalue * t) / eigenvalue : 0;
}

/* out [n, C] = diag(factor(lambda, t)) r. */
static void scale_components(const struct ntk_regression *r, double (*factor)(double, double),
                             double t, double *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const double by = factor(r->eigenvalues[i], t);
        for (size_t c = 0; c < r->n_channels; c++)
            out[i * r->n_channels + c] = by * r->components[i * r->n_channels + c];
    }
}

void ntk_regression_components(const struct ntk_regression *r, double t, double *out)
{
    scale_components(r, kept, t, out);
}

enum status ntk_regression_predict(const struct ntk_regression *r, double t, size_t m,
                                   const double *kernel, double *out, struct error *err)
{
    const int n = (int)r->n, n_channels = (int)r->n_channels;
    double *scaled = mem_alloc_array(2 * r->n * r->n_channels, sizeof *scaled);
    if (!scaled)
        return error_status(err, STATUS_NO_MEMORY);
    double *weights = scaled + r->n * r->n_channels; /* of the training points' kernels */
    scale_components(r, gain, t, scaled);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n_channels, n, 1, r->vectors, n, scaled,
                n_channels, 0, weights, n_channels);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, n_channels, n, 1, kernel, n,
                weights, n_channels, 0, out, n_channels);
    mem_free(scaled);
    return is_finite(m * r->n_channels, out)
               ? STATUS_OK
               : error_set(err, STATUS_INVALID, "/network",
                           "the kernel is so near to 0 that what it predicts is not finite");
}
