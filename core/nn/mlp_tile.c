/*
 * A tile of points, and the two passes over it in fp32 (bf16: mlp_tile_bf16.c).
 *
 *   forward    H_l+1 = act(H_l W_l^T + b_l)     [n, K] x [K, M]: W packed as the product wants it
 *   backward   d_W_l += H_l^T d_Z_l             [K, n] x [n, M]: H read through strides
 *              d_Z_l-1 = (d_Z_l W_l) act'       [n, M] x [M, K]: the transposed block
 *
 * Padding: columns of Z past M are 0, because the weights there are, and so are those of d_Z; hence
 * so are the gradients of the padding.  Rows past n are never read.
 */
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp_layout.h"

/* Rows are 16 floats longer than they need be: a length that is a power of two would make the rows
 * of a tile compete for the same places of the cache. */
static size_t row_length(size_t n_columns)
{
    return mlp_padded(n_columns) + MLP_LANES;
}

/* Of bfloat16, two columns in a word: whole blocks, and 16 words for the same reason. */
static size_t words_of_row(size_t n_columns)
{
    return (n_columns + KERNEL_BLOCK - 1) / KERNEL_BLOCK * KERNEL_PAIRS + MLP_LANES;
}

/* The next floats of a block; with no block yet, only counted. */
static float *take(float *block, size_t *n_taken, size_t n_floats)
{
    float *taken = block ? block + *n_taken : NULL;
    *n_taken += n_floats;
    return taken;
}

static uint32_t *take_words(float *block, size_t *n_taken, size_t n_words)
{
    return (uint32_t *)(void *)take(block, n_taken, n_words);
}

/* Give out a block to what fp32 needs; returns its floats. */
static size_t lay_out_fp32(struct mlp_tile *t, const struct mlp *m, float *block)
{
    const size_t n_hidden = m->spec.n_hidden_layers, hidden = t->row[1];
    /* Without a backward pass, two buffers in turns hold the outputs of all hidden layers. */
    const size_t n_buffers = t->pass.training || n_hidden < 2 ? n_hidden : 2;
    size_t n = 0;
    for (size_t l = 1; l <= n_hidden; l++)
        t->h[l] = l <= n_buffers ? take(block, &n, MLP_TILE * hidden) : t->h[l - 2];
    for (size_t i = 0; i < 2 && t->pass.training; i++)
        t->d_z[i] = take(block, &n, MLP_TILE * t->d_row);
    return n;
}

/* Activations that no backward pass will read: of the input, and two that layers 1 … read and write
 * in turns. */
static size_t lay_out_in_turns(uint32_t **rows, const struct mlp_tile *t, size_t n_hidden,
                               float *block)
{
    size_t n = 0;
    for (size_t l = 0; l <= n_hidden; l++)
        rows[l] = l < 3 ? take_words(block, &n, MLP_TILE * t->row_words[l]) : rows[l - 2];
    return n;
}

static size_t lay_out_bf16(struct mlp_tile *t, const struct mlp *m, float *block)
{
    const size_t n_hidden = m->spec.n_hidden_layers;
    size_t n = 0;
    float *scratch =
        take(block, &n,
             m->spec.activation == ACTIVATION_RELU || n_hidden == 0 ? 0 : MLP_TILE * t->row[1]);
    for (size_t l = 1; l <= n_hidden; l++)
        t->h[l] = scratch;
    if (!t->pass.training) {
        n += lay_out_in_turns(t->rows, t, n_hidden, block ? block + n : NULL);
        if (t->pass.precision == PRECISION_BF16X2)
            n += lay_out_in_turns(t->rest, t, n_hidden, block ? block + n : NULL);
        return n;
    }
    for (size_t l = 0; l <= n_hidden; l++) {
        t->rows[l] = take_words(block, &n, MLP_TILE * t->row_words[l]);
        t->columns[l] = take_words(block, &n, (t->row_words[l] - MLP_LANES) * 2 * MLP_COLUMN);
    }
    t->d_z[0] = take(block, &n, MLP_TILE * t->d_row);
    for (size_t i = 0; i < 2; i++) {
        t->d_rows[i] = take_words(block, &n, MLP_TILE * t->d_words);
        t->d_pairs[i] = take_words(block, &n, MLP_TILE / 2 * t->d_row);
    }
    return n;
}

/* Everything that has a place; block NULL: only counted. */
static size_t lay_out(struct mlp_tile *t, const struct mlp *m, float *block)
{
    const size_t n_hidden = m->spec.n_hidden_layers;
    const size_t n_slopes = t->pass.training && m->spec.activation == ACTIVATION_SIN ? n_hidden : 0;
    size_t n = 0;
    t->h[0] = take(block, &n, MLP_TILE * t->row[0]);
    for (size_t l = 0; l < n_slopes; l++)
        t->slope[l] = take(block, &n, MLP_TILE * t->row[1]);
    float *behind = block ? block + n : NULL;
    n += t->pass.precision == PRECISION_FP32 ? lay_out_fp32(t, m, behind)
                                             : lay_out_bf16(t, m, behind);
    t->h[m->n_layers] = take(block, &n, MLP_TILE * t->row[m->n_layers]);
    return n;
}

static struct mlp_tile shape_of(const struct mlp *m, struct mlp_pass pass)
{
    const size_t n_hidden = m->spec.n_hidden_layers;
    const size_t hidden = row_length(m->spec.width), raw = row_length(m->spec.n_outputs);
    struct mlp_tile t = {.pass = pass, .row[0] = row_length(m->spec.n_inputs)};
    for (size_t l = 1; l <= n_hidden; l++)
        t.row[l] = hidden;
    t.row[m->n_layers] = raw;
    t.d_row = n_hidden > 0 && hidden > raw ? hidden : raw;
    for (size_t l = 0; l <= n_hidden; l++)
        t.row_words[l] = words_of_row(l == 0 ? m->spec.n_inputs : m->spec.width);
    t.d_words = words_of_row(t.d_row);
    return t;
}

size_t mlp_tile_words(const struct mlp *m, struct mlp_pass pass)
{
    struct mlp_tile t = shape_of(m, pass);
    return lay_out(&t, m, NULL);
}

enum status mlp_tile_create(struct mlp_tile **out, const struct mlp *m, struct mlp_pass pass,
                            struct error *err)
{
    struct mlp_tile *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    *t = shape_of(m, pass);
    t->block = mem_alloc_floats(lay_out(t, m, NULL));
    if (!t->block) {
        mlp_tile_free(t);
        return error_status(err, STATUS_NO_MEMORY);
    }
    lay_out(t, m, t->block);
    *out = t;
    return STATUS_OK;
}

void mlp_tile_free(struct mlp_tile *t)
{
    if (!t)
        return;
    mem_free(t->block);
    mem_free(t);
}

float *mlp_tile_input(struct mlp_tile *t, size_t *ld)
{
    *ld = t->row[0];
    return t->h[0];
}

/* --- forward --- */

static void layer_forward(const struct mlp *m, const float *params, struct mlp_tile *t, size_t n,
                          size_t l)
{
    const struct mlp_layer *layer = &m->layer[l];
    const size_t columns = mlp_padded(layer->n_outputs);
    const bool is_hidden = l + 1 < m->n_layers;
    const struct gemm g = {
        .m = n,
        .n = columns,
        .k = layer->n_inputs,
        .a = t->h[l],
        .a_row = t->row[l],
        .a_step = 1,
        .b = params + layer->weight,
        .b_step = MLP_PANEL,
        .b_panel = layer->n_inputs * MLP_PANEL,
        .c = t->h[l + 1],
        .c_row = t->row[l + 1],
        .c_panel = MLP_PANEL,
        .epilogue = is_hidden && m->spec.activation == ACTIVATION_RELU ? GEMM_RELU : GEMM_STORE,
        .bias = params + layer->bias,
    };
    m->kernel->gemm(&g);
    if (is_hidden && m->spec.activation != ACTIVATION_RELU)
        mlp_activate(m, t, n, l);
}

void mlp_activate(const struct mlp *m, struct mlp_tile *t, size_t n, size_t l)
{
    const size_t columns = mlp_padded(m->spec.width);
    for (size_t i = 0; i < n; i++) {
        float *row = t->h[l + 1] + i * t->row[l + 1];
        if (m->spec.activation == ACTIVATION_TANH)
            m->kernel->tanh(columns, row);
        else
            m->kernel->sine(columns, m->spec.omega, row,
                            t->slope[l] ? t->slope[l] + i * t->row[l + 1] : NULL);
    }
}

void mlp_forward(const struct mlp *m, const float *params, const void *derived, struct mlp_tile *t,
                 size_t n, float *raw, float *values)
{
    if (t->pass.precision != PRECISION_FP32)
        mlp_forward_bf16(m, params, derived, t, n);
    else
        for (size_t l = 0; l < m->n_layers; l++)
            layer_forward(m, params, t, n, l);
    const size_t n_outputs = m->spec.n_outputs;
    for (size_t i = 0; i < n; i++) {
        const float *row = t->h[m->n_layers] + i * t->row[m->n_layers];
        for (size_t c = 0; c < n_outputs; c++)
            values[i * n_outputs + c] = activation_output(m->spec.output_activation, row[c]);
        if (raw)
            memcpy(raw + i * n_outputs, row, n_outputs * sizeof(float));
    }
}

/* --- backward --- */

static void weights_backward(const struct mlp *m, const struct mlp_tile *t, size_t n, size_t l,
                             const float *d_z, float *d_params)
{
    const struct mlp_layer *layer = &m->layer[l];
    const size_t columns = mlp_padded(layer->n_outputs);
    const struct gemm g = {
        .m = layer->n_inputs,
        .n = columns,
        .k = n,
        .a = t->h[l],
        .a_row = 1,
        .a_step = t->row[l],
        .b = d_z,
        .b_step = t->d_row,
        .b_panel = MLP_PANEL,
        .c = d_params + layer->weight,
        .c_row = MLP_PANEL,
        .c_panel = layer->n_inputs * MLP_PANEL,
        .epilogue = GEMM_ACCUMULATE,
    };
    m->kernel->gemm(&g);
    m->kernel->add_columns(n, columns, d_z, t->d_row, d_params + layer->bias);
}

/* d_h [n, d_h_row] = d_z W, and 0 where mask (NULL: none), like h[l], is not above 0. */
static void inputs_backward(const struct mlp *m, const float *transposed, const struct mlp_tile *t,
                            size_t n, size_t l, const float *d_z, const float *mask, float *d_h,
                            size_t d_h_row)
{
    const struct mlp_layer *layer = &m->layer[l];
    const struct gemm g = {
        .m = n,
        .n = mlp_padded(layer->n_inputs),
        .k = layer->n_outputs,
        .a = d_z,
        .a_row = t->d_row,
        .a_step = 1,
        .b = transposed + layer->transposed,
        .b_step = MLP_PANEL,
        .b_panel = layer->n_outputs * MLP_PANEL,
        .c = d_h,
        .c_row = d_h_row,
        .c_panel = MLP_PANEL,
        .epilogue = mask ? GEMM_MASK : GEMM_STORE,
        .mask = mask,
        .mask_row = t->row[l],
    };
    m->kernel->gemm(&g);
}

/* d_z *= 1 - h^2, h a float or the first half of one */
static void tanh_backward(size_t columns, const float *h, float *d_z)
{
    for (size_t j = 0; j < columns; j++)
        d_z[j] *= 1 - h[j] * h[j];
}

static void tanh_backward_bf16(size_t columns, const uint32_t *h, float *d_z)
{
    for (size_t j = 0; j < columns; j++) {
        const uint32_t word = j % 2 ? h[j / 2] & 0xffff0000 : h[j / 2] << 16;
        float value;
        memcpy(&value, &word, sizeof value);
        d_z[j] *= 1 - value * value;
    }
}

/* d_z *= slope */
static void sine_backward(size_t columns, const float *slope, float *d_z)
{
    for (size_t j = 0; j < columns; j++)
        d_z[j] *= slope[j];
}

void mlp_activate_backward(const struct mlp *m, const struct mlp_tile *t, size_t n, size_t l,
                           float *d_z)
{
    const size_t columns = mlp_padded(m->spec.width), row = t->row[l];
    for (size_t i = 0; i < n; i++) {
        float *d_row = d_z + i * t->d_row;
        if (m->spec.activation == ACTIVATION_SIN)
            sine_backward(columns, t->slope[l - 1] + i * row, d_row);
        else if (t->pass.precision == PRECISION_BF16)
            tanh_backward_bf16(columns, t->rows[l] + i * t->row_words[l], d_row);
        else
            tanh_backward(columns, t->h[l] + i * row, d_row);
    }
}

void mlp_set_d_raw(const struct mlp *m, const struct mlp_tile *t, size_t n, const float *d_raw,
                   float *d_z)
{
    const size_t n_outputs = m->spec.n_outputs;
    for (size_t i = 0; i < n; i++) {
        float *row = d_z + i * t->d_row;
        memcpy(row, d_raw + i * n_outputs, n_outputs * sizeof(float));
        memset(row + n_outputs, 0, (mlp_padded(n_outputs) - n_outputs) * sizeof(float));
    }
}

/* From d_z of layer l to that of layer l - 1. */
static void hidden_backward(const struct mlp *m, const float *transposed, const struct mlp_tile *t,
                            size_t n, size_t l, const float *d_z, float *d_below)
{
    const bool is_relu = m->spec.activation == ACTIVATION_RELU;
    inputs_backward(m, transposed, t, n, l, d_z, is_relu ? t->h[l] : NULL, d_below, t->d_row);
    if (!is_relu)
        mlp_activate_backward(m, t, n, l, d_below);
}

static void backward_fp32(const struct mlp *m, const float *transposed, struct mlp_tile *t,
                          size_t n, const float *d_raw, float *d_params, float *d_input)
{
    float *d_z = t->d_z[0], *d_below = t->d_z[1];
    mlp_set_d_raw(m, t, n, d_raw, d_z);
    for (size_t l = m->n_layers; l-- > 0;) {
        if (d_params)
            weights_backward(m, t, n, l, d_z, d_params);
        if (l == 0)
            break;
        hidden_backward(m, transposed, t, n, l, d_z, d_below);
        float *done = d_z;
        d_z = d_below;
        d_below = done;
    }
    if (d_input)
        inputs_backward(m, transposed, t, n, 0, d_z, NULL, d_input, t->row[0]);
}

void mlp_backward(const struct mlp *m, const void *derived, struct mlp_tile *t, size_t n,
                  const float *d_raw, float *d_params, float *d_input)
{
    if (t->pass.precision == PRECISION_BF16)
        mlp_backward_bf16(m, derived, t, n, d_raw, d_params, d_input);
    else
        backward_fp32(m, derived, t, n, d_raw, d_params, d_input);
}

void mlp_output_backward(enum activation output, size_t n, const float *values,
                         const float *d_values, float *d_raw)
{
    for (size_t i = 0; i < n; i++)
        d_raw[i] = d_values[i] * activation_output_slope(output, values[i]);
}
