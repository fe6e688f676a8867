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
                          const float *out, const float *d_out, size_t ld, float *d_params,
                          float *d_x)
{
    (void)params;
    (void)x;
    (void)out;
    (void)d_params;
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
    if (has_laplacian)
        memset(out + (1 + n_inputs) * n * ld, 0, n * ld * sizeof *out);
}

static const struct encoding_row encoding_none = {
    .name = "none",
    .prepare = none_prepare,
    .forward = none_forward,
    .backward = none_backward,
    .jet = none_jet,
};

static const struct encoding_row *const rows[] = {
    [ENCODING_NONE] = &encoding_none,
    [ENCODING_BASIC] = &encoding_basic,
    [ENCODING_POSITIONAL] = &encoding_positional,
    [ENCODING_OCTAVE] = &encoding_octave,
    [ENCODING_GAUSSIAN] = &encoding_gaussian,
    [ENCODING_EXPLICIT] = &encoding_explicit,
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
        .normalize = spec->normalize,
        .rotate = spec->rotate,
        .trainable = spec->trainable,
        .input_range = {spec->input_range[0], spec->input_range[1]},
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

bool encoding_is_trainable(const struct encoding *e)
{
    return e->trainable && e->n_frequencies > 0;
}

size_t encoding_n_params(const struct encoding *e)
{
    return (e->n_inputs + 1) * encoding_padded(e->n_frequencies);
}

void encoding_init(const struct encoding *e, const struct encoding_spec *spec, uint64_t seed,
                   float *params)
{
    if (!e->row->init)
        return;
    memset(params, 0, encoding_n_params(e) * sizeof(float));
    e->row->init(e, spec, seed, params);
}

void encoding_export(const struct encoding *e, const float *params, float *b, float *a)
{
    const size_t padded = encoding_padded(e->n_frequencies);
    for (size_t j = 0; j < e->n_frequencies; j++) {
        for (size_t d = 0; d < e->n_inputs; d++)
            b[j * e->n_inputs + d] = params[d * padded + j];
        a[j] = params[e->n_inputs * padded + j];
    }
}

void encoding_import(const struct encoding *e, float *params, const float *b, const float *a)
{
    const size_t padded = encoding_padded(e->n_frequencies);
    memset(params, 0, encoding_n_params(e) * sizeof(float));
    for (size_t j = 0; j < e->n_frequencies; j++) {
        for (size_t d = 0; d < e->n_inputs; d++)
            params[d * padded + j] = b[j * e->n_inputs + d];
        params[e->n_inputs * padded + j] = a[j];
    }
}

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
                       const float *out, const float *d_out, size_t ld, float *d_params, float *d_x)
{
    e->row->backward(e, params, n, x, out, d_out, ld, d_params, d_x);
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
