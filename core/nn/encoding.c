/*
 * The table of encodings, what all of them share, and "none", which is too small for a file.
 */
#include "core/nn/encoding.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/nn/encoding_rows.h"

static enum status none_prepare(struct encoding *e, const struct encoding_spec *spec,
                                struct error *err)
{
    const double lo = spec->input_range[0], hi = spec->input_range[1];
    if (!isfinite(lo) || !isfinite(hi) || lo >= hi)
        return error_set(err, STATUS_INVALID, "/encoding/input_range",
                         "'input_range' must be two numbers, the lower first, got %g and %g", lo,
                         hi);
    e->input_range[0] = lo;
    e->input_range[1] = hi;
    e->n_features = e->n_inputs;
    return STATUS_OK;
}

static void none_forward(const struct encoding *e, const struct kernel *kernel, const float *params,
                         size_t n, const float *x, float *out, size_t ld)
{
    (void)kernel;
    (void)params;
    const double lo = e->input_range[0], hi = e->input_range[1];
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < e->n_inputs; d++)
            out[i * ld + d] = (float)(lo + (hi - lo) * (double)x[i * e->n_inputs + d]);
}

static void none_backward(const struct encoding *e, const float *params, size_t n, const float *x,
                          const float *out, const float *d_out, size_t ld, float *d_dense,
                          float *d_x)
{
    (void)params;
    (void)x;
    (void)out;
    (void)d_dense;
    if (!d_x)
        return;
    const double slope = e->input_range[1] - e->input_range[0];
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < e->n_inputs; d++)
            d_x[i * e->n_inputs + d] = (float)(slope * (double)d_out[i * ld + d]);
}

static void none_jet(const struct encoding *e, const float *params, size_t n, const float *x,
                     const struct encoding_axes *axes, bool has_laplacian, float *out, size_t ld)
{
    (void)params;
    (void)x;
    const size_t n_inputs = e->n_inputs;
    const double slope = e->input_range[1] - e->input_range[0];
    for (size_t s = 0; s < n_inputs; s++)
        for (size_t i = 0; i < n; i++)
            for (size_t d = 0; d < n_inputs; d++)
                out[((1 + s) * n + i) * ld + d] = (float)(slope * axes->d_x[d][s]);
    for (size_t i = 0; has_laplacian && i < n;
         i++) /* its own columns: of concat others stand beside */
        memset(out + ((1 + n_inputs) * n + i) * ld, 0, n_inputs * sizeof *out);
}

static void none_exact(const struct encoding *e, const float *params, size_t n, const double *x,
                       double *out, size_t ld)
{
    (void)params;
    const double lo = e->input_range[0], hi = e->input_range[1];
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < e->n_inputs; d++)
            out[i * ld + d] = lo + (hi - lo) * x[i * e->n_inputs + d];
}

static const struct encoding_row encoding_none = {
    .name = "none",
    .prepare = none_prepare,
    .forward = none_forward,
    .backward = none_backward,
    .jet = none_jet,
    .exact = none_exact,
};

static const struct encoding_row *const rows[] = {
    [ENCODING_NONE] = &encoding_none,
    [ENCODING_BASIC] = &encoding_basic,
    [ENCODING_POSITIONAL] = &encoding_positional,
    [ENCODING_OCTAVE] = &encoding_octave,
    [ENCODING_GAUSSIAN] = &encoding_gaussian,
    [ENCODING_EXPLICIT] = &encoding_explicit,
    [ENCODING_HASHGRID] = &encoding_hashgrid,
    [ENCODING_DENSEGRID] = &encoding_densegrid,
    [ENCODING_CONCAT] = &encoding_concat,
};

size_t encoding_padded(size_t n_frequencies)
{
    return (n_frequencies + ENCODING_LANES - 1) / ENCODING_LANES * ENCODING_LANES;
}

const char *encoding_type_name(enum encoding_type type)
{
    return rows[type]->name;
}

size_t encoding_n_types(void)
{
    return sizeof rows / sizeof rows[0];
}

enum status encoding_create(struct encoding **out, const struct encoding_spec *spec,
                            struct error *err)
{
    if ((size_t)spec->type >= encoding_n_types())
        return error_set(err, STATUS_INVALID, "/encoding/type", "'type' is not a known encoding");
    if (spec->n_inputs < 1 || spec->n_inputs > LIMIT_DIMS)
        return error_set(err, STATUS_INVALID, "/encoding", "inputs must be 1..%d, got %zu",
                         LIMIT_DIMS, spec->n_inputs);
    struct encoding *e = mem_alloc(sizeof *e);
    if (!e)
        return error_status(err, STATUS_NO_MEMORY);
    *e = (struct encoding){
        .row = rows[spec->type],
        .n_inputs = spec->n_inputs,
    };
    enum status status = e->row->prepare(e, spec, err);
    if (status != STATUS_OK) {
        encoding_free(e);
        return status;
    }
    *out = e;
    return STATUS_OK;
}

void encoding_free(struct encoding *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_parts; i++)
        encoding_free(e->part[i]);
    mem_free(e);
}

size_t encoding_n_inputs(const struct encoding *e)
{
    return e->n_inputs;
}

size_t encoding_n_features(const struct encoding *e)
{
    return e->n_features;
}

size_t encoding_n_frequencies(const struct encoding *e)
{
    return e->n_frequencies;
}

size_t encoding_n_params(const struct encoding *e)
{
    return e->n_params;
}

size_t encoding_n_table(const struct encoding *e)
{
    return e->n_table;
}

size_t encoding_n_fixed(const struct encoding *e)
{
    return e->n_fixed;
}

bool encoding_is_trainable(const struct encoding *e)
{
    return e->n_params > e->n_fixed;
}

bool encoding_is_bounded(const struct encoding *e)
{
    bool is_bounded = e->row != &encoding_none;
    for (size_t i = 0; i < e->n_parts; i++)
        is_bounded = is_bounded && encoding_is_bounded(e->part[i]);
    return is_bounded;
}

size_t encoding_n_parameters(const struct encoding *e)
{
    return e->row->n_parameters ? e->row->n_parameters(e) : 0;
}

double encoding_multiply_adds(const struct encoding *e)
{
    return e->row->multiply_adds ? e->row->multiply_adds(e) : 0.0;
}

void encoding_init_at(const struct encoding *e, const struct encoding_spec *spec,
                      struct encoding_draw draw, float *params)
{
    memset(params, 0, e->n_params * sizeof(float));
    if (e->row->init)
        e->row->init(e, spec, draw, params);
}

void encoding_init(const struct encoding *e, const struct encoding_spec *spec, uint64_t seed,
                   float *params)
{
    encoding_init_at(e, spec, (struct encoding_draw){seed, 0}, params);
}

/* --- tensors --- */

size_t encoding_n_tensors(const struct encoding *e)
{
    return e->row->n_tensors ? e->row->n_tensors(e) : 0;
}

struct encoding_tensor encoding_tensor(const struct encoding *e, size_t i)
{
    return e->row->tensor(e, i);
}

void encoding_export(const struct encoding *e, const float *params, size_t i, float *out)
{
    e->row->export(e, params, i, out);
}

void encoding_import(const struct encoding *e, float *params, size_t i, const float *in)
{
    e->row->import(e, params, i, in);
}

/* --- passes --- */

static void clear_padding(const struct encoding *e, size_t n_rows, float *out, size_t ld)
{
    for (size_t i = 0; i < n_rows; i++)
        memset(out + i * ld + e->n_features, 0, (ld - e->n_features) * sizeof(float));
}

void encoding_forward(const struct encoding *e, const struct kernel *kernel, const float *params,
                      size_t n, const float *x, float *out, size_t ld)
{
    e->row->forward(e, kernel, params, n, x, out, ld);
    clear_padding(e, n, out, ld);
}

void encoding_backward(const struct encoding *e, const float *params, size_t n, const float *x,
                       const float *out, const float *d_out, size_t ld, float *d_dense, float *d_x)
{
    e->row->backward(e, params, n, x, out, d_out, ld, d_dense, d_x);
}

size_t encoding_n_levels(const struct encoding *e)
{
    return e->row->n_levels ? e->row->n_levels(e) : 0;
}

struct encoding_level encoding_level(const struct encoding *e, size_t level)
{
    return e->row->level(e, level);
}

void encoding_scatter(const struct encoding *e, const struct kernel *kernel, size_t level, size_t n,
                      const float *x, const float *d_features, float *gradient, uint8_t *touched)
{
    e->row->scatter(e, kernel, level, n, x, d_features, gradient, touched);
}

bool encoding_has_exact(const struct encoding *e)
{
    bool has = e->row->exact;
    for (size_t i = 0; i < e->n_parts; i++)
        has = has && encoding_has_exact(e->part[i]);
    return has;
}

bool encoding_is_stationary(const struct encoding *e)
{
    bool is_stationary = e->n_frequencies > 0 || e->n_parts > 0;
    for (size_t i = 0; i < e->n_parts; i++)
        is_stationary = is_stationary && encoding_is_stationary(e->part[i]);
    return is_stationary;
}

void encoding_exact(const struct encoding *e, const float *params, size_t n, const double *x,
                    double *out, size_t ld)
{
    e->row->exact(e, params, n, x, out, ld);
}

enum status encoding_check_laplacian(const struct encoding *e, struct error *err)
{
    return e->row->check_laplacian ? e->row->check_laplacian(e, err) : STATUS_OK;
}

void encoding_jet(const struct encoding *e, const struct kernel *kernel, const float *params,
                  size_t n, const float *x, const struct encoding_axes *axes, bool has_laplacian,
                  float *out, size_t ld)
{
    e->row->forward(e, kernel, params, n, x, out, ld);
    e->row->jet(e, params, n, x, axes, has_laplacian, out, ld);
    clear_padding(e, (1 + e->n_inputs + has_laplacian) * n, out, ld);
}
