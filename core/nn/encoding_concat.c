/*
 * concat: the features of several encodings, one after the other.
 *
 * The parameters of the parts lie in the order that encoding.h promises: tables, fixed numbers,
 * trained ones.  A part that is not a concat has numbers of one kind only, so it lies whole.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/encoding_rows.h"

enum { CHUNK = 64 }; /* points whose d_x is held beside the sum */

enum kind { KIND_TABLE, KIND_FIXED, KIND_TRAINED, N_KINDS };

static enum kind kind_of(const struct encoding *e)
{
    return e->n_table ? KIND_TABLE : e->n_fixed ? KIND_FIXED : KIND_TRAINED;
}

static void lay_out(struct encoding *e)
{
    for (int kind = 0; kind < N_KINDS; kind++)
        for (size_t i = 0; i < e->n_parts; i++) {
            const struct encoding *part = e->part[i];
            if (kind_of(part) != (enum kind)kind)
                continue;
            e->first[i] = e->n_params;
            e->n_params += part->n_params;
            e->n_table += part->n_table;
            e->n_fixed += part->n_fixed;
        }
    for (size_t i = 0; i < e->n_parts; i++) {
        e->column[i] = e->n_features;
        e->n_features += e->part[i]->n_features;
    }
}

static enum status prepare(struct encoding *e, const struct encoding_spec *spec, struct error *err)
{
    if (spec->n_parts < 2 || spec->n_parts > ENCODING_MAX_PARTS)
        return error_set(err, STATUS_INVALID, "/encoding/parts",
                         "'parts' must be 2..%d encodings, got %zu", ENCODING_MAX_PARTS,
                         spec->n_parts);
    for (size_t i = 0; i < spec->n_parts; i++) {
        const struct encoding_spec *part = &spec->parts[i];
        if (part->type == ENCODING_CONCAT || part->n_inputs != spec->n_inputs)
            return error_set(err, STATUS_INVALID, "/encoding/parts",
                             "part %zu must be an encoding of the same coordinates, no 'concat'",
                             i);
        struct error why = {0};
        enum status status = encoding_create(&e->part[i], part, &why);
        if (status == STATUS_INVALID)
            return error_set(err, status, "/encoding/parts", "part %zu: %s", i, why.message);
        if (status != STATUS_OK)
            return error_status(err, status);
        e->n_parts = i + 1;
    }
    lay_out(e);
    if (e->n_table > LIMIT_GRID_PARAMETERS)
        return error_set(err, STATUS_INVALID, "/encoding/parts",
                         "the tables of all parts would have %zu numbers, the most is %d",
                         e->n_table, LIMIT_GRID_PARAMETERS);
    return STATUS_OK;
}

static void init(const struct encoding *e, const struct encoding_spec *spec,
                 struct encoding_draw draw, float *params)
{
    for (size_t i = 0; i < e->n_parts; i++) {
        const struct encoding_draw own = {draw.seed, draw.place + ((uint64_t)i << 32)};
        encoding_init_at(e->part[i], &spec->parts[i], own, params + e->first[i]);
    }
}

/* A part may write past its columns (core/nn/kernel.h, fourier): the next one overwrites that. */
static void forward(const struct encoding *e, const struct kernel *kernel, const float *params,
                    size_t n, const float *x, float *out, size_t ld)
{
    for (size_t i = 0; i < e->n_parts; i++)
        e->part[i]->row->forward(e->part[i], kernel, params + e->first[i], n, x, out + e->column[i],
                                 ld);
}

static void backward(const struct encoding *e, const float *params, size_t n, const float *x,
                     const float *out, const float *d_out, size_t ld, float *d_dense, float *d_x)
{
    const size_t n_inputs = e->n_inputs;
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t count = n - at < CHUNK ? n - at : (size_t)CHUNK;
        float sum[CHUNK * LIMIT_DIMS] = {0}, own[CHUNK * LIMIT_DIMS];
        for (size_t i = 0; i < e->n_parts; i++) {
            const struct encoding *part = e->part[i];
            const size_t offset = at * ld + e->column[i];
            const bool is_trained = d_dense && kind_of(part) == KIND_TRAINED;
            part->row->backward(
                part, params + e->first[i], count, x + at * n_inputs, out + offset, d_out + offset,
                ld, is_trained ? d_dense + e->first[i] - e->n_table : NULL, d_x ? own : NULL);
            for (size_t j = 0; d_x && j < count * n_inputs; j++)
                sum[j] += own[j];
        }
        if (d_x)
            memcpy(d_x + at * n_inputs, sum, count * n_inputs * sizeof *d_x);
    }
}

static void exact(const struct encoding *e, const float *params, size_t n, const double *x,
                  double *out, size_t ld)
{
    for (size_t i = 0; i < e->n_parts; i++)
        encoding_exact(e->part[i], params + e->first[i], n, x, out + e->column[i], ld);
}

static enum status check_laplacian(const struct encoding *e, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < e->n_parts && status == STATUS_OK; i++)
        status = encoding_check_laplacian(e->part[i], err);
    return status;
}

static void jet(const struct encoding *e, const float *params, size_t n, const float *x,
                const struct encoding_axes *axes, bool has_laplacian, float *out, size_t ld)
{
    for (size_t i = 0; i < e->n_parts; i++)
        e->part[i]->row->jet(e->part[i], params + e->first[i], n, x, axes, has_laplacian,
                             out + e->column[i], ld);
}

static size_t n_parameters(const struct encoding *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_parts; i++)
        n += encoding_n_parameters(e->part[i]);
    return n;
}

static double multiply_adds(const struct encoding *e)
{
    double n = 0;
    for (size_t i = 0; i < e->n_parts; i++)
        n += encoding_multiply_adds(e->part[i]);
    return n;
}

/* --- tensors and levels: those of the parts, one after the other --- */

/* The part that has number *i, which becomes its own; count: of a part. */
static size_t find_part(const struct encoding *e, size_t (*count)(const struct encoding *part),
                        size_t *i)
{
    size_t p = 0;
    while (*i >= count(e->part[p]))
        *i -= count(e->part[p++]);
    return p;
}

static size_t n_tensors(const struct encoding *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_parts; i++)
        n += encoding_n_tensors(e->part[i]);
    return n;
}

static struct encoding_tensor tensor(const struct encoding *e, size_t i)
{
    const size_t p = find_part(e, encoding_n_tensors, &i);
    const struct encoding_tensor own = encoding_tensor(e->part[p], i);
    struct encoding_tensor t = {.n_rows = own.n_rows, .n_columns = own.n_columns};
    snprintf(t.name, sizeof t.name, "parts.%zu.%.16s", p, own.name);
    return t;
}

static void export(const struct encoding *e, const float *params, size_t i, float *out)
{
    const size_t p = find_part(e, encoding_n_tensors, &i);
    encoding_export(e->part[p], params + e->first[p], i, out);
}

static void import(const struct encoding *e, float *params, size_t i, const float *in)
{
    const size_t p = find_part(e, encoding_n_tensors, &i);
    encoding_import(e->part[p], params + e->first[p], i, in);
}

static size_t n_levels(const struct encoding *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_parts; i++)
        n += encoding_n_levels(e->part[i]);
    return n;
}

static struct encoding_level level_of(const struct encoding *e, size_t level)
{
    const size_t p = find_part(e, encoding_n_levels, &level);
    struct encoding_level own = encoding_level(e->part[p], level);
    own.first += e->first[p];
    own.column += e->column[p];
    return own;
}

static void scatter(const struct encoding *e, const struct kernel *kernel, size_t level, size_t n,
                    const float *x, const float *d_features, float *gradient, uint8_t *touched)
{
    const size_t p = find_part(e, encoding_n_levels, &level);
    encoding_scatter(e->part[p], kernel, level, n, x, d_features, gradient, touched);
}

const struct encoding_row encoding_concat = {
    .name = "concat",
    .prepare = prepare,
    .init = init,
    .forward = forward,
    .backward = backward,
    .check_laplacian = check_laplacian,
    .jet = jet,
    .exact = exact,
    .n_parameters = n_parameters,
    .multiply_adds = multiply_adds,
    .n_tensors = n_tensors,
    .tensor = tensor,
    .export = export,
    .import = import,
    .n_levels = n_levels,
    .level = level_of,
    .scatter = scatter,
};
