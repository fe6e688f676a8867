#include "core/field/eigen.h"

#include <cblas.h>
#include <math.h>

#include "core/base/mem.h"

/* LAPACK, by Fortran's calling convention: matrices lie column by column, lengths of texts follow.
 */
void dlatrd_(const char *half, const int *n, const int *n_panel, double *a, const int *ld,
             double *e, double *tau, double *w, const int *ld_w, size_t half_length);
void dsytd2_(const char *half, const int *n, double *a, const int *ld, double *d, double *e,
             double *tau, int *info, size_t half_length);
void dsterf_(const int *n, double *d, double *e, int *info);
void dstedc_(const char *vectors, const int *n, double *d, double *e, double *z, const int *ld,
             double *work, const int *n_work, int *int_work, const int *n_int_work, int *info,
             size_t vectors_length);
void dormtr_(const char *side, const char *half, const char *turned, const int *n_rows,
             const int *n_columns, const double *a, const int *ld, const double *tau, double *c,
             const int *ld_c, double *work, const int *n_work, int *info, size_t side_length,
             size_t half_length, size_t turned_length);

enum { PANEL = 32, COLUMNS = 256 };

struct solver {
    int n;
    double *a;     /* the matrix, then the reflectors that Q is made of */
    double *d, *e; /* [n] the diagonal of T, then the eigenvalues; [n] what stands beside it */
    double *tau;   /* [n] of the reflectors */
    double *work;  /* [n_work] */
    int n_work;
    int *int_work; /* [n_int_work] */
    int n_int_work;
};

static size_t work_size(size_t n, bool has_vectors)
{
    const size_t panel = PANEL * n;
    const size_t conquer = 1 + 4 * n + n * n;
    return has_vectors && conquer > panel ? conquer : panel;
}

double eigen_bytes(size_t n, bool has_vectors)
{
    return (double)(work_size(n, has_vectors) + 2 * n) * sizeof(double);
}

static enum status failed(const char *step, int info, struct error *err)
{
    return error_set(err, STATUS_INTERNAL, "", "no eigenvalues were found (LAPACK %s: %d)", step,
                     info);
}

/* --- to tridiagonal form --- */

/* Columns at … at + PANEL - 1, and what they do to those behind them. */
static void reduce_panel(struct solver *s, int at)
{
    const int rest = s->n - at, behind = rest - PANEL, panel = PANEL, n = s->n;
    double *corner = s->a + (size_t)at * (size_t)n + at;
    double *next = corner + (size_t)PANEL * (size_t)n + PANEL;
    dlatrd_("L", &rest, &panel, corner, &n, s->e + at, s->tau + at, s->work, &rest, 1);
    cblas_dsyr2k(CblasColMajor, CblasLower, CblasNoTrans, behind, PANEL, -1, corner + PANEL, n,
                 s->work + PANEL, rest, 1, next, n);
    for (int j = 0; j < PANEL; j++) {
        double *diagonal = corner + (size_t)j * (size_t)n + j;
        s->d[at + j] = diagonal[0];
        diagonal[1] = s->e[at + j];
    }
}

static enum status reduce(struct solver *s, const struct stop *stop, struct error *err)
{
    enum status status = STATUS_OK;
    int at = 0, info = 0;
    for (; s->n - at > PANEL; at += PANEL) {
        status = stop_check(stop, err);
        if (status != STATUS_OK)
            return status;
        reduce_panel(s, at);
    }
    const int rest = s->n - at;
    dsytd2_("L", &rest, s->a + (size_t)at * (size_t)s->n + at, &s->n, s->d + at, s->e + at,
            s->tau + at, &info, 1);
    return info == 0 ? STATUS_OK : failed("dsytd2", info, err);
}

/* --- and from there --- */

static enum status find_values(struct solver *s, struct error *err)
{
    int info = 0;
    dsterf_(&s->n, s->d, s->e, &info);
    return info == 0 ? STATUS_OK : failed("dsterf", info, err);
}

static enum status find_vectors(struct solver *s, double *vectors, const struct stop *stop,
                                struct error *err)
{
    int info = 0;
    enum status status = stop_check(stop, err);
    if (status != STATUS_OK)
        return status;
    dstedc_("I", &s->n, s->d, s->e, vectors, &s->n, s->work, &s->n_work, s->int_work,
            &s->n_int_work, &info, 1);
    if (info != 0)
        return failed("dstedc", info, err);
    for (int at = 0; at < s->n && info == 0; at += COLUMNS) {
        const int columns = s->n - at < COLUMNS ? s->n - at : COLUMNS;
        status = stop_check(stop, err);
        if (status != STATUS_OK)
            return status;
        dormtr_("L", "L", "N", &s->n, &columns, s->a, &s->n, s->tau,
                vectors + (size_t)at * (size_t)s->n, &s->n, s->work, &s->n_work, &info, 1, 1, 1);
    }
    return info == 0 ? STATUS_OK : failed("dormtr", info, err);
}

/* --- the whole --- */

/* The power of two that brings the largest number near 1, as products of very large or small ones
 * are not numbers any more; 0 where there is no need. */
static int find_exponent(size_t n, const double *numbers)
{
    enum { FAR = 400 };
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(numbers[i]));
    const int exponent = most > 0 ? ilogb(most) : 0;
    return exponent > FAR || exponent < -FAR ? exponent : 0;
}

static void scale(size_t n, double *numbers, int exponent)
{
    for (size_t i = 0; exponent != 0 && i < n; i++)
        numbers[i] = scalbn(numbers[i], exponent);
}

static void deinit(struct solver *s)
{
    mem_free(s->e);
    mem_free(s->tau);
    mem_free(s->work);
    mem_free(s->int_work);
}

static enum status init(struct solver *s, size_t n, double *matrix, double *values,
                        bool has_vectors, struct error *err)
{
    const size_t n_work = work_size(n, has_vectors), n_int_work = has_vectors ? 3 + 5 * n : 1;
    *s = (struct solver){.n = (int)n,
                         .a = matrix,
                         .d = values,
                         .n_work = (int)n_work,
                         .n_int_work = (int)n_int_work};
    s->e = mem_alloc_array(n, sizeof *s->e);
    s->tau = mem_alloc_array(n, sizeof *s->tau);
    s->work = mem_alloc_array(n_work, sizeof *s->work);
    s->int_work = mem_alloc_array(n_int_work, sizeof *s->int_work);
    if (s->e && s->tau && s->work && s->int_work)
        return STATUS_OK;
    deinit(s);
    return error_status(err, STATUS_NO_MEMORY);
}

enum status eigen_solve(size_t n, double *matrix, double *values, double *vectors,
                        const struct stop *stop, struct error *err)
{
    struct solver s;
    enum status status = init(&s, n, matrix, values, vectors != NULL, err);
    if (status != STATUS_OK)
        return status;
    const int exponent = find_exponent(n * n, matrix);
    scale(n * n, matrix, -exponent);
    status = reduce(&s, stop, err);
    if (status == STATUS_OK)
        status = vectors ? find_vectors(&s, vectors, stop, err) : find_values(&s, err);
    if (status == STATUS_OK)
        scale(n, values, exponent);
    deinit(&s);
    return status;
}
