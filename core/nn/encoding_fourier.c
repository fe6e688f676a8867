/*
 * Fourier features: one formula, five ways to choose the frequencies.
 *
 *   gamma(x) = [ a_j sin(2 pi u_j) ]_j ++ [ a_j cos(2 pi u_j) ]_j,   u_j = b_j.x
 *
 * With S_j and C_j the stored outputs (a_j included) and g their gradients:
 *
 *   d u_j  = 2 pi (g_S C_j - g_C S_j)         d b_j = d u_j x,   d x = sum_j d u_j b_j
 *   d a_j  = g_S sin + g_C cos
 *
 * Along an axis t of x = axes t:  d S_j = q_j C_j,  d C_j = -q_j S_j,  q_j = 2 pi b_j.(column of
 * axes) (both minus q_j^2 times themselves once more)
 */
#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/rng.h"
#include "core/nn/encoding_rows.h"
#include "core/nn/kernel.h"

enum { LANES = ENCODING_LANES };

static const float two_pi = 6.28318531f;

/* --- checks --- */

static enum status prepare(struct encoding *e, const struct encoding_spec *spec,
                           size_t n_frequencies, struct error *err)
{
    if (n_frequencies > LIMIT_FREQUENCIES)
        return error_set(err, STATUS_INVALID, "/encoding",
                         "frequencies must be at most %d, got %zu", LIMIT_FREQUENCIES,
                         n_frequencies);
    if (spec->rotate && e->n_inputs == 1)
        return error_set(err, STATUS_INVALID, "/encoding/rotate", "a rotation needs 2 or 3 inputs");
    e->normalize = spec->normalize;
    e->rotate = spec->rotate;
    e->trainable = spec->trainable;
    e->n_frequencies = n_frequencies;
    e->n_features = 2 * n_frequencies;
    e->n_params = (e->n_inputs + 1) * encoding_padded(n_frequencies);
    e->n_fixed = spec->trainable ? 0 : e->n_params;
    return STATUS_OK;
}

static enum status check_n_frequencies(size_t n, size_t least, struct error *err)
{
    if (n < least || n > LIMIT_FREQUENCIES)
        return error_set(err, STATUS_INVALID, "/encoding/n_frequencies",
                         "'n_frequencies' must be %zu..%d, got %zu", least, LIMIT_FREQUENCIES, n);
    return STATUS_OK;
}

static enum status basic_prepare(struct encoding *e, const struct encoding_spec *spec,
                                 struct error *err)
{
    return prepare(e, spec, spec->n_inputs, err);
}

static enum status positional_prepare(struct encoding *e, const struct encoding_spec *spec,
                                      struct error *err)
{
    enum status status = check_n_frequencies(spec->n_frequencies, 2, err);
    if (status != STATUS_OK)
        return status;
    if (!(spec->scale >= 0 && spec->scale <= ENCODING_MAX_OCTAVES))
        return error_set(err, STATUS_INVALID, "/encoding/scale", "'scale' must be 0..%d, got %g",
                         ENCODING_MAX_OCTAVES, spec->scale);
    return prepare(e, spec, spec->n_frequencies * spec->n_inputs, err);
}

static enum status octave_prepare(struct encoding *e, const struct encoding_spec *spec,
                                  struct error *err)
{
    if (spec->n_octaves < 1 || spec->n_octaves > ENCODING_MAX_OCTAVES)
        return error_set(err, STATUS_INVALID, "/encoding/n_octaves",
                         "'n_octaves' must be 1..%d, got %zu", ENCODING_MAX_OCTAVES,
                         spec->n_octaves);
    return prepare(e, spec, spec->n_octaves * spec->n_inputs, err);
}

static enum status gaussian_prepare(struct encoding *e, const struct encoding_spec *spec,
                                    struct error *err)
{
    enum status status = check_n_frequencies(spec->n_frequencies, 1, err);
    if (status != STATUS_OK)
        return status;
    if (!(spec->sigma > 0 && spec->sigma <= ENCODING_MAX_SIGMA))
        return error_set(err, STATUS_INVALID, "/encoding/sigma",
                         "'sigma' must be greater than 0 and at most %d, got %g",
                         ENCODING_MAX_SIGMA, spec->sigma);
    return prepare(e, spec, spec->n_frequencies, err);
}

static enum status explicit_prepare(struct encoding *e, const struct encoding_spec *spec,
                                    struct error *err)
{
    const double max_b = 1 << ENCODING_MAX_OCTAVES, max_a = 1e6;
    enum status status = check_n_frequencies(spec->n_frequencies, 1, err);
    if (status != STATUS_OK)
        return status;
    if (!spec->b)
        return error_set(err, STATUS_INVALID, "/encoding/b", "'b' is missing");
    if (!spec->a)
        return error_set(err, STATUS_INVALID, "/encoding/a", "'a' is missing");
    for (size_t i = 0; i < spec->n_frequencies * spec->n_inputs; i++)
        if (!(fabs(spec->b[i]) <= max_b))
            return error_set(err, STATUS_INVALID, "/encoding/b",
                             "'b' must be numbers of at most %g in size, got %g", max_b,
                             spec->b[i]);
    double sum = 0;
    for (size_t j = 0; j < spec->n_frequencies; j++) {
        if (!(fabs(spec->a[j]) <= max_a))
            return error_set(err, STATUS_INVALID, "/encoding/a",
                             "'a' must be numbers of at most %g in size, got %g", max_a,
                             spec->a[j]);
        sum += spec->a[j] * spec->a[j];
    }
    if (spec->normalize && sum == 0)
        return error_set(err, STATUS_INVALID, "/encoding/a",
                         "'a' cannot be normalized: all its numbers are 0");
    return prepare(e, spec, spec->n_frequencies, err);
}

/* --- frequencies and amplitudes --- */

/* The vector of `frequency` cycles along an axis. */
static void along_axis(size_t n_inputs, size_t axis, double frequency, double *b)
{
    for (size_t d = 0; d < n_inputs; d++)
        b[d] = d == axis ? frequency : 0;
}

static void basic_frequency(const struct encoding_spec *spec, size_t j, double *b)
{
    along_axis(spec->n_inputs, j, 1, b);
}

static void positional_frequency(const struct encoding_spec *spec, size_t j, double *b)
{
    const size_t n = spec->n_frequencies, i = j % n;
    along_axis(spec->n_inputs, j / n, exp2(spec->scale * (double)i / (double)(n - 1)) - 1, b);
}

static void octave_frequency(const struct encoding_spec *spec, size_t j, double *b)
{
    along_axis(spec->n_inputs, j / spec->n_octaves, exp2((double)(j % spec->n_octaves)), b);
}

static void explicit_frequency(const struct encoding_spec *spec, size_t j, double *b)
{
    memcpy(b, spec->b + j * spec->n_inputs, spec->n_inputs * sizeof(double));
}

/* By 45 degrees in 2-D; in 3-D about z, then about x. */
static void rotate(size_t n_inputs, double *b)
{
    const double s = sqrt(0.5);
    const double x = s * (b[0] - b[1]), y = s * (b[0] + b[1]);
    b[0] = x;
    b[1] = y;
    if (n_inputs == 3) {
        const double z = b[2];
        b[1] = s * (y - z);
        b[2] = s * (y + z);
    }
}

static void store_frequency(const struct encoding *e, float *params, size_t j, double *b)
{
    if (e->rotate)
        rotate(e->n_inputs, b);
    for (size_t d = 0; d < e->n_inputs; d++)
        params[d * encoding_padded(e->n_frequencies) + j] = (float)b[d];
}

/* a: [m], or NULL for ones. */
static void store_amplitudes(const struct encoding *e, float *params, const double *a)
{
    float *out = params + e->n_inputs * encoding_padded(e->n_frequencies);
    double sum = 0;
    for (size_t j = 0; j < e->n_frequencies; j++)
        sum += a ? a[j] * a[j] : 1;
    const double scale = e->normalize ? 1 / sqrt(sum) : 1;
    for (size_t j = 0; j < e->n_frequencies; j++)
        out[j] = (float)((a ? a[j] : 1) * scale);
}

static void init(const struct encoding *e, const struct encoding_spec *spec, float *params,
                 void (*frequency)(const struct encoding_spec *spec, size_t j, double *b),
                 const double *a)
{
    double b[LIMIT_DIMS] = {0};
    for (size_t j = 0; j < e->n_frequencies; j++) {
        frequency(spec, j, b);
        store_frequency(e, params, j, b);
    }
    store_amplitudes(e, params, a);
}

static void basic_init(const struct encoding *e, const struct encoding_spec *spec,
                       struct encoding_draw draw, float *params)
{
    (void)draw;
    init(e, spec, params, basic_frequency, NULL);
}

static void positional_init(const struct encoding *e, const struct encoding_spec *spec,
                            struct encoding_draw draw, float *params)
{
    (void)draw;
    init(e, spec, params, positional_frequency, NULL);
}

static void octave_init(const struct encoding *e, const struct encoding_spec *spec,
                        struct encoding_draw draw, float *params)
{
    (void)draw;
    init(e, spec, params, octave_frequency, NULL);
}

static void explicit_init(const struct encoding *e, const struct encoding_spec *spec,
                          struct encoding_draw draw, float *params)
{
    (void)draw;
    init(e, spec, params, explicit_frequency, spec->a);
}

/* Unit normals in the order of b [m, D], times sigma: one seed gives one matrix at every sigma. */
static void gaussian_init(const struct encoding *e, const struct encoding_spec *spec,
                          struct encoding_draw draw, float *params)
{
    struct rng rng = rng_at(draw.seed, RNG_ENCODING, draw.place);
    double b[LIMIT_DIMS] = {0};
    for (size_t j = 0; j < e->n_frequencies; j++) {
        for (size_t d = 0; d < e->n_inputs; d++)
            b[d] = spec->sigma * rng_normal(&rng);
        store_frequency(e, params, j, b);
    }
    store_amplitudes(e, params, NULL);
}

/* --- the two passes --- */

static void forward(const struct encoding *e, const struct kernel *kernel, const float *params,
                    size_t n, const float *x, float *out, size_t ld)
{
    const size_t padded = encoding_padded(e->n_frequencies);
    kernel->fourier(n, e->n_inputs, x, padded, params, params + e->n_inputs * padded, out, ld,
                    e->n_frequencies);
}

/* d u of 16 frequencies from `first` at one point; lanes past m are 0. */
static void d_turns(const struct encoding *e, size_t first, const float *out, const float *d_out,
                    float *d_u)
{
    const float *s = out + first, *c = s + e->n_frequencies;
    const float *d_s = d_out + first, *d_c = d_s + e->n_frequencies;
    if (first + LANES <= e->n_frequencies) {
        for (size_t j = 0; j < LANES; j++)
            d_u[j] = two_pi * (d_s[j] * c[j] - d_c[j] * s[j]);
        return;
    }
    const size_t count = e->n_frequencies - first;
    for (size_t j = 0; j < LANES; j++)
        d_u[j] = j < count ? two_pi * (d_s[j] * c[j] - d_c[j] * s[j]) : 0;
}

static float sum_of_products(const float *a, const float *b)
{
    float sum[4] = {0};
    for (size_t j = 0; j < LANES; j += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += a[j + k] * b[j + k];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void add_d_x(const struct encoding *e, const float *params, size_t first, const float *d_u,
                    float *d_x)
{
    for (size_t d = 0; d < e->n_inputs; d++)
        d_x[d] += sum_of_products(d_u, params + d * encoding_padded(e->n_frequencies) + first);
}

/* sum over points of g_S sin + g_C cos.  The stored outputs divided by a tell sine and cosine; they
 * are computed afresh where a is so small that the outputs have lost them. */
static float d_amplitude(const struct encoding *e, const float *params, size_t j, size_t n,
                         const float *x, const float *out, const float *d_out, size_t ld)
{
    const float too_small = 1e-12f;
    const size_t m = e->n_frequencies, padded = encoding_padded(m);
    const float a = params[e->n_inputs * padded + j];
    float sum = 0;
    if (fabsf(a) > too_small) {
        for (size_t i = 0; i < n; i++)
            sum +=
                d_out[i * ld + j] * out[i * ld + j] + d_out[i * ld + m + j] * out[i * ld + m + j];
        return sum / a;
    }
    for (size_t i = 0; i < n; i++) {
        double u = 0;
        for (size_t d = 0; d < e->n_inputs; d++)
            u += (double)x[i * e->n_inputs + d] * (double)params[d * padded + j];
        const double phase = 6.283185307179586477 * (u - rint(u));
        sum += d_out[i * ld + j] * (float)sin(phase) + d_out[i * ld + m + j] * (float)cos(phase);
    }
    return sum;
}

static void backward(const struct encoding *e, const float *params, size_t n, const float *x,
                     const float *out, const float *d_out, size_t ld, float *d_dense, float *d_x)
{
    const size_t n_inputs = e->n_inputs, m = e->n_frequencies, padded = encoding_padded(m);
    if (d_x)
        memset(d_x, 0, n * n_inputs * sizeof(float));
    for (size_t first = 0; first < padded; first += LANES) {
        float d_b[LIMIT_DIMS][LANES] = {{0}};
        for (size_t i = 0; i < n; i++) {
            float d_u[LANES];
            d_turns(e, first, out + i * ld, d_out + i * ld, d_u);
            if (d_x)
                add_d_x(e, params, first, d_u, d_x + i * n_inputs);
            if (d_dense)
                for (size_t d = 0; d < n_inputs; d++)
                    for (size_t j = 0; j < LANES; j++)
                        d_b[d][j] += d_u[j] * x[i * n_inputs + d];
        }
        if (d_dense)
            for (size_t d = 0; d < n_inputs; d++)
                for (size_t j = 0; j < LANES; j++)
                    d_dense[d * padded + first + j] += d_b[d][j];
    }
    if (d_dense)
        for (size_t j = 0; j < m; j++)
            d_dense[n_inputs * padded + j] += d_amplitude(e, params, j, n, x, out, d_out, ld);
}

/* --- counts and tensors --- */

static size_t n_parameters(const struct encoding *e)
{
    return e->trainable ? (e->n_inputs + 1) * e->n_frequencies : 0;
}

static double multiply_adds(const struct encoding *e)
{
    return (double)(e->n_inputs * e->n_frequencies);
}

static size_t n_tensors(const struct encoding *e)
{
    (void)e;
    return 2;
}

static struct encoding_tensor tensor(const struct encoding *e, size_t i)
{
    if (i == 0)
        return (struct encoding_tensor){"b", e->n_frequencies, e->n_inputs};
    return (struct encoding_tensor){"a", e->n_frequencies, 0};
}

static void export(const struct encoding *e, const float *params, size_t i, float *out)
{
    const size_t m = e->n_frequencies, padded = encoding_padded(m), n_inputs = e->n_inputs;
    if (i == 1)
        memcpy(out, params + n_inputs * padded, m * sizeof *out);
    else
        for (size_t j = 0; j < m; j++)
            for (size_t d = 0; d < n_inputs; d++)
                out[j * n_inputs + d] = params[d * padded + j];
}

static void import(const struct encoding *e, float *params, size_t i, const float *in)
{
    const size_t m = e->n_frequencies, padded = encoding_padded(m), n_inputs = e->n_inputs;
    if (i == 1) {
        memset(params + n_inputs * padded, 0, padded * sizeof *params);
        memcpy(params + n_inputs * padded, in, m * sizeof *params);
        return;
    }
    memset(params, 0, n_inputs * padded * sizeof *params);
    for (size_t j = 0; j < m; j++)
        for (size_t d = 0; d < n_inputs; d++)
            params[d * padded + j] = in[j * n_inputs + d];
}

/* --- derivatives along axes --- */

/* Of 16 frequencies or fewer from `first`: q[s][j] = d (2 pi u_j) / d t_s, and sum[j] = sum over s
 * of its square. */
static void phase_slopes(const struct encoding *e, const float *params,
                         const struct encoding_axes *axes, size_t first, size_t count,
                         float q[LIMIT_DIMS][LANES], float *sum)
{
    const size_t padded = encoding_padded(e->n_frequencies);
    for (size_t j = 0; j < count; j++) {
        double squares = 0;
        for (size_t s = 0; s < e->n_inputs; s++) {
            double slope = 0;
            for (size_t r = 0; r < e->n_inputs; r++)
                slope += (double)params[r * padded + first + j] * axes->d_x[r][s];
            slope *= 6.283185307179586477;
            squares += slope * slope;
            q[s][j] = (float)slope;
        }
        sum[j] = (float)squares;
    }
}

/* d S = q C, d C = -q S; the sum of second derivatives of either is -sum q^2 times itself. */
static void jet(const struct encoding *e, const float *params, size_t n, const float *x,
                const struct encoding_axes *axes, bool has_laplacian, float *out, size_t ld)
{
    (void)x;
    const size_t n_inputs = e->n_inputs, m = e->n_frequencies, plane = n * ld;
    for (size_t first = 0; first < m; first += LANES) {
        const size_t count = m - first < LANES ? m - first : LANES;
        float q[LIMIT_DIMS][LANES] = {{0}}, sum[LANES] = {0};
        phase_slopes(e, params, axes, first, count, q, sum);
        for (size_t i = 0; i < n; i++) {
            const float *sine = out + i * ld + first, *cosine = sine + m;
            float *to = out + i * ld + first;
            for (size_t s = 0; s < n_inputs; s++) {
                to += plane;
                for (size_t j = 0; j < count; j++) {
                    to[j] = q[s][j] * cosine[j];
                    to[m + j] = -q[s][j] * sine[j];
                }
            }
            to += plane;
            for (size_t j = 0; has_laplacian && j < count; j++) {
                to[j] = -sum[j] * sine[j];
                to[m + j] = -sum[j] * cosine[j];
            }
        }
    }
}

/* --- in double --- */

static void exact(const struct encoding *e, const float *params, size_t n, const double *x,
                  double *out, size_t ld)
{
    const size_t n_inputs = e->n_inputs, m = e->n_frequencies, padded = encoding_padded(m);
    const float *a = params + n_inputs * padded;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double u = 0;
            for (size_t d = 0; d < n_inputs; d++)
                u += (double)params[d * padded + j] * x[i * n_inputs + d];
            const double phase = 6.283185307179586477 * (u - rint(u));
            out[i * ld + j] = (double)a[j] * sin(phase);
            out[i * ld + m + j] = (double)a[j] * cos(phase);
        }
}

/* --- rows --- */

#define FOURIER_ROW(type)                                                                          \
    const struct encoding_row encoding_##type = {                                                  \
        .name = #type,                                                                             \
        .prepare = type##_prepare,                                                                 \
        .init = type##_init,                                                                       \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
        .jet = jet,                                                                                \
        .exact = exact,                                                                            \
        .n_parameters = n_parameters,                                                              \
        .multiply_adds = multiply_adds,                                                            \
        .n_tensors = n_tensors,                                                                    \
        .tensor = tensor,                                                                          \
        .export = export,                                                                          \
        .import = import,                                                                          \
    }

FOURIER_ROW(basic);
FOURIER_ROW(positional);
FOURIER_ROW(octave);
FOURIER_ROW(gaussian);
FOURIER_ROW(explicit);
