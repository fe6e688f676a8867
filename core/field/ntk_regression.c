#include "core/field/ntk_regression.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"

struct ntk_regression {
    size_t n, n_channels;
    double *eigenvalues; /* [n], falling */
    double *vectors;     /* [n, n], row i: the eigenvector of eigenvalue i */
    double *components;  /* r [n, C] */
};

/* LAPACK, by Fortran's calling convention: all eigenvalues, rising, and eigenvectors of a symmetric
 * matrix, by divide and conquer.  a: [n, n], overwritten by the vectors, one after the other. */
void dsyevd_(const char *job, const char *half, const int *n, double *a, const int *ld, double *w,
             double *work, const int *n_work, int *int_work, const int *n_int_work, int *info,
             size_t job_length, size_t half_length);

/* job: "V" for vectors too, "N" for values alone. */
static enum status solve(const char *job, int n, double *a, double *w, struct error *err)
{
    const int ask = -1;
    double n_work = 0;
    int n_int_work = 0, info = 0;
    dsyevd_(job, "L", &n, a, &n, w, &n_work, &ask, &n_int_work, &ask, &info, 1, 1);
    const int size = (int)n_work;
    double *work = mem_alloc_array((size_t)size, sizeof *work);
    int *int_work = mem_alloc_array((size_t)n_int_work, sizeof *int_work);
    enum status status = work && int_work ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    if (status == STATUS_OK) {
        dsyevd_(job, "L", &n, a, &n, w, work, &size, int_work, &n_int_work, &info, 1, 1);
        if (info != 0)
            status = error_set(err, STATUS_INTERNAL, "",
                               "no eigenvalues were found (LAPACK dsyevd: %d)", info);
    }
    mem_free(work);
    mem_free(int_work);
    return status;
}

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

enum status ntk_eigenvalues(size_t n, const double *kernel, double *out, struct error *err)
{
    if (!is_finite(n * n, kernel))
        return error_set(err, STATUS_INVALID, "", "the kernel is not finite");
    double *copy = mem_alloc_array(n * n, sizeof *copy);
    if (!copy)
        return error_status(err, STATUS_NO_MEMORY);
    memcpy(copy, kernel, n * n * sizeof *copy);
    const enum status status = solve("N", (int)n, copy, out, err);
    if (status == STATUS_OK)
        turn_over(n, out, NULL);
    mem_free(copy);
    return status;
}

enum status ntk_regression_create(struct ntk_regression **out, size_t n, const double *kernel,
                                  size_t n_channels, const double *residual, struct error *err)
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
    memcpy(r->vectors, kernel, n * n * sizeof *kernel);
    enum status status = solve("V", (int)n, r->vectors, r->eigenvalues, err);
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
    return STATUS_OK;
}
