#include "core/field/ntk.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

static const double pi = 3.14159265358979323846;

enum { BLOCK = 256 }; /* points whose features are kept at once */

static enum status check_sigma(double sigma, const char *where, const char *name, bool may_be_zero,
                               struct error *err)
{
    if (sigma <= NTK_MAX_SIGMA && (sigma > 0 || (sigma == 0 && may_be_zero)))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, where, "'%s' must be %s and at most %g, got %g", name,
                     may_be_zero ? "at least 0" : "greater than 0", NTK_MAX_SIGMA, sigma);
}

enum status ntk_check(const struct ntk_network *network, const struct encoding *e,
                      struct error *err)
{
    if (network->n_hidden_layers > LIMIT_HIDDEN_LAYERS)
        return error_set(err, STATUS_INVALID, "/network/n_hidden_layers",
                         "'n_hidden_layers' must be 0..%d, got %zu", LIMIT_HIDDEN_LAYERS,
                         network->n_hidden_layers);
    if (network->width < 1 || network->width > LIMIT_NTK_WIDTH)
        return error_set(err, STATUS_INVALID, "/network/width", "'width' must be 1..%d, got %zu",
                         LIMIT_NTK_WIDTH, network->width);
    enum status status = check_sigma(network->sigma_w, "/network/sigma_w", "sigma_w", false, err);
    if (status == STATUS_OK)
        status = check_sigma(network->sigma_b, "/network/sigma_b", "sigma_b", true, err);
    if (status != STATUS_OK)
        return status;
    if (!encoding_has_exact(e))
        return error_set(err, STATUS_UNSUPPORTED, "/encoding",
                         "a grid's features are learned: its kernel changes while it trains");
    return STATUS_OK;
}

/* --- the recursion --- */

struct products {
    double xx, yy, xy;
};

static void affine(const struct ntk_network *network, size_t n_inputs, struct products *q,
                   double *kernel)
{
    const double w = network->sigma_w * network->sigma_w;
    const double b = network->has_bias ? network->sigma_b * network->sigma_b : 0;
    if (network->parametrization == NTK_STANDARD)
        *kernel = (double)n_inputs * q->xy + network->has_bias + w * *kernel;
    *q = (struct products){w * q->xx + b, w * q->yy + b, w * q->xy + b};
    if (network->parametrization == NTK_NTK)
        *kernel = q->xy + w * *kernel;
}

/* The angle by its half: acos loses half of the digits where points are near to one another. */
static void relu(struct products *q, double *kernel)
{
    const double p = sqrt(q->xx * q->yy);
    const double less = fmax(p - q->xy, 0), more = fmax(p + q->xy, 0);
    const double theta = p > 0 ? 2 * atan2(sqrt(less), sqrt(more)) : q->xx == q->yy ? 0 : pi / 2;
    const double k0 = (pi - theta) / (2 * pi);
    *q = (struct products){q->xx / 2, q->yy / 2, sqrt(less * more) / (2 * pi) + k0 * q->xy};
    *kernel *= k0;
}

double ntk_of_products(const struct ntk_network *network, size_t n_features, double xx, double yy,
                       double xy)
{
    const double f = (double)n_features;
    struct products q = {xx / f, yy / f, xy / f};
    double kernel = 0;
    affine(network, n_features, &q, &kernel);
    for (size_t layer = 0; layer < network->n_hidden_layers; layer++) {
        relu(&q, &kernel);
        affine(network, network->width, &q, &kernel);
    }
    return kernel;
}

/* How product and kernel move with xy. */
struct slopes {
    double xy, kernel;
};

static void affine_slopes(const struct ntk_network *network, size_t n_inputs, struct slopes *s)
{
    const double w = network->sigma_w * network->sigma_w;
    s->kernel = w * s->kernel +
                (network->parametrization == NTK_STANDARD ? (double)n_inputs * s->xy : w * s->xy);
    s->xy *= w;
}

/* Before relu: q and kernel are what goes into it.  k0's own slope is one over the root of
 * P^2 - q^2. */
static void relu_slopes(const struct products *q, double kernel, struct slopes *s)
{
    const double p2 = q->xx * q->yy, root = sqrt(fmax(p2 - q->xy * q->xy, 1e-12 * p2));
    const double k0 = (pi - atan2(root, q->xy)) / (2 * pi);
    s->kernel = s->kernel * k0 + (root > 0 ? kernel * s->xy / (2 * pi * root) : 0);
    s->xy *= k0;
}

double ntk_slope_of_products(const struct ntk_network *network, size_t n_features, double xx,
                             double yy, double xy, double *slope)
{
    const double f = (double)n_features;
    struct products q = {xx / f, yy / f, xy / f};
    struct slopes slopes = {.xy = 1 / f};
    double kernel = 0;
    affine_slopes(network, n_features, &slopes);
    affine(network, n_features, &q, &kernel);
    for (size_t layer = 0; layer < network->n_hidden_layers; layer++) {
        relu_slopes(&q, kernel, &slopes);
        relu(&q, &kernel);
        affine_slopes(network, network->width, &slopes);
        affine(network, network->width, &q, &kernel);
    }
    *slope = slopes.kernel;
    return kernel;
}

/* --- points --- */

static double square_of_row(size_t n, const double *row)
{
    return cblas_ddot((int)n, row, 1, row, 1);
}

/* Features of n points and each one's product with itself. */
static void features_of(const struct encoding *e, const float *params, size_t n, const double *x,
                        double *features, double *squares)
{
    const size_t f = encoding_n_features(e);
    encoding_exact(e, params, n, x, features, f);
    for (size_t i = 0; i < n; i++)
        squares[i] = square_of_row(f, features + i * f);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

double ntk_between_bytes(const struct encoding *e)
{
    return (double)(encoding_n_features(e) + 1) * 2 * BLOCK * sizeof(double);
}

/* The kernel of the points whose features are there, from their products in `out`. */
static void fill_block(const struct ntk_network *network, size_t f, size_t n, const double *xx,
                       size_t m, const double *yy, double *out, size_t ld)
{
    for (size_t r = 0; r < n; r++)
        for (size_t c = 0; c < m; c++)
            out[r * ld + c] = ntk_of_products(network, f, xx[r], yy[c], out[r * ld + c]);
}

enum status ntk_between(const struct ntk_network *network, const struct encoding *e,
                        const float *params, size_t n, const double *x, size_t m, const double *y,
                        double *out, const struct stop *stop, struct error *err)
{
    const size_t f = encoding_n_features(e), d = encoding_n_inputs(e);
    const size_t n_rows = least(n, BLOCK), n_columns = least(m, BLOCK);
    double *memory = mem_alloc_array((f + 1) * (n_rows + n_columns), sizeof *memory);
    if (!memory)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = STATUS_OK;
    double *of_x = memory, *of_y = of_x + f * n_rows;
    double *xx = of_y + f * n_columns, *yy = xx + n_rows;
    for (size_t j = 0; status == STATUS_OK && j < m; j += BLOCK) {
        const size_t columns = least(m - j, BLOCK);
        features_of(e, params, columns, y + j * d, of_y, yy);
        for (size_t i = 0; status == STATUS_OK && i < n; i += BLOCK) {
            const size_t rows = least(n - i, BLOCK);
            double *block = out + i * m + j;
            features_of(e, params, rows, x + i * d, of_x, xx);
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)f, 1,
                        of_x, (int)f, of_y, (int)f, 0, block, (int)m);
            fill_block(network, f, rows, xx, columns, yy, block, m);
            status = stop_check(stop, err);
        }
    }
    mem_free(memory);
    return status;
}

/* --- grids --- */

static double offset(size_t o, size_t n, bool is_wrapped)
{
    const double at = (double)o / (double)n;
    return is_wrapped && 2 * o > n ? at - 1 : at;
}

/* Row by row of the grid: its points with one. */
static enum status rows_with(const struct ntk_network *network, const struct encoding *e,
                             const float *params, size_t n_dims, size_t n, bool is_wrapped,
                             const double *at, double *out, struct error *err)
{
    const size_t d = encoding_n_inputs(e), n_rows = n_dims == 2 ? n : 1;
    double *x = mem_alloc_array(n * d, sizeof *x);
    if (!x)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = STATUS_OK;
    for (size_t row = 0; row < n_rows && status == STATUS_OK; row++) {
        for (size_t i = 0; i < n; i++) {
            x[i * d] = offset(i, n, is_wrapped);
            if (n_dims == 2)
                x[i * d + 1] = offset(row, n, is_wrapped);
        }
        status = ntk_between(network, e, params, n, x, 1, at, out + row * n, NULL, err);
    }
    mem_free(x);
    return status;
}

/* A stationary kernel of (x, y) and the origin is that of (x, 0) and (0, -y): features of 2 n
 * points instead of n^2. */
static enum status plane(const struct ntk_network *network, const struct encoding *e,
                         const float *params, size_t n, bool is_wrapped, double *out,
                         struct error *err)
{
    const size_t d = encoding_n_inputs(e);
    double *rows = mem_alloc_array(2 * n * d, sizeof *rows);
    if (!rows)
        return error_status(err, STATUS_NO_MEMORY);
    double *columns = rows + n * d;
    for (size_t i = 0; i < n; i++) {
        columns[i * d] = offset(i, n, is_wrapped);
        rows[i * d + 1] = -offset(i, n, is_wrapped);
    }
    enum status status = ntk_between(network, e, params, n, rows, n, columns, out, NULL, err);
    mem_free(rows);
    return status;
}

static const double origin[LIMIT_DIMS] = {0};

enum status ntk_row(const struct ntk_network *network, const struct encoding *e,
                    const float *params, size_t n_dims, size_t n, bool is_wrapped, double *out,
                    struct error *err)
{
    return n_dims == 2 && encoding_is_stationary(e)
               ? plane(network, e, params, n, is_wrapped, out, err)
               : rows_with(network, e, params, n_dims, n, is_wrapped, origin, out, err);
}

enum status ntk_row_at(const struct ntk_network *network, const struct encoding *e,
                       const float *params, size_t n_dims, size_t n, const double *at, double *out,
                       struct error *err)
{
    return rows_with(network, e, params, n_dims, n, false, at, out, err);
}

/* out[k] = sum over o of in[o] table[k o mod n]. */
static void sums(size_t n, const double *table, const double *in, double *out)
{
    for (size_t k = 0; k < n; k++) {
        double sum = 0;
        for (size_t o = 0, turn = 0; o < n; o++) {
            sum += in[o] * table[turn];
            turn += k;
            turn -= turn >= n ? n : 0;
        }
        out[k] = sum;
    }
}

/* out [n, n] = factor times the sums of a plane along both axes, added to what is there.  scratch:
 * [2, n, n]. */
static void add_plane(size_t n, const double *table, double factor, const double *plane,
                      double *scratch, double *out)
{
    const int m = (int)n;
    double *half = scratch, *matrix = scratch + n * n; /* [k, o], symmetric */
    for (size_t k = 0; k < n; k++)
        for (size_t o = 0; o < n; o++)
            matrix[k * n + o] = table[k * o % n];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, m, m, 1, plane, m, matrix, m, 0, half,
                m);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, m, m, factor, matrix, m, half, m, 1,
                out, m);
}

/* The real part: cos(a + b) = cos a cos b - sin a sin b. */
enum status ntk_spectrum(size_t n_dims, size_t n, const double *row, double *out, struct error *err)
{
    const size_t n_plane = n_dims == 2 ? n * n : 0;
    double *memory = mem_alloc_array(2 * n + 2 * n_plane, sizeof *memory);
    if (!memory)
        return error_status(err, STATUS_NO_MEMORY);
    double *cosine = memory, *sine = cosine + n, *scratch = sine + n;
    for (size_t i = 0; i < n; i++) {
        cosine[i] = cos(2 * pi * (double)i / (double)n);
        sine[i] = sin(2 * pi * (double)i / (double)n);
    }
    if (n_dims == 2) {
        memset(out, 0, n_plane * sizeof *out);
        add_plane(n, cosine, 1, row, scratch, out);
        add_plane(n, sine, -1, row, scratch, out);
    } else
        sums(n, cosine, row, out);
    mem_free(memory);
    return STATUS_OK;
}
