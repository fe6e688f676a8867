/*
 * The two passes over a tile of points.
 *
 *   forward    H_l+1 = act(H_l W_l^T + b_l)          [n, K] x [K, M], W packed as the product wants
 * it backward   d_W_l += H_l^T d_Z_l                  [K, n] x [n, M]: H read through strides
 *              d_Z_l-1 = (d_Z_l W_l) act'            [n, M] x [M, K]: the transposed block
 *
 * Padding: columns of Z past M are 0, because the weights there are, and so are those of d_Z; hence
 * so are the gradients of the padding.  Rows past n are never read.
 */
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp_layout.h"

struct mlp_tile {
    float *block;                     /* all that follows is within it */
    size_t row[MLP_MAX_LAYERS + 1];   /* floats from a row of h[l] to the next */
    float *h[MLP_MAX_LAYERS + 1];     /* [MLP_TILE, row[l]]; h[0] the input, h[n_layers] raw */
    float *slope[MLP_MAX_LAYERS + 1]; /* sin, training: act' of layer l's Z, beside h[l + 1] */
    float *d_z[2];                    /* training: [MLP_TILE, d_row], taken in turns */
    size_t d_row;
};

/* Rows are 16 floats longer than they need be: a length that is a power of two would make the rows
 * of a tile compete for the same places of the cache. */
static size_t row_length(size_t n_columns)
{
    return mlp_padded(n_columns) + MLP_LANES;
}

static float *take(float **rest, size_t row)
{
    float *taken = *rest;
    *rest += MLP_TILE * row;
    return taken;
}

enum status mlp_tile_create(struct mlp_tile **out, const struct mlp *m, bool training,
                            struct error *err)
{
    const size_t n_hidden = m->spec.n_hidden_layers;
    const size_t input = row_length(m->spec.n_inputs), hidden = row_length(m->spec.width);
    const size_t raw = row_length(m->spec.n_outputs);
    const size_t d_row = n_hidden > 0 && hidden > raw ? hidden : raw;
    const size_t n_slopes = training && m->spec.activation == ACTIVATION_SIN ? n_hidden : 0;
    /* Without a backward pass, two buffers in turns hold the outputs of all hidden layers. */
    const size_t n_buffers = training || n_hidden < 2 ? n_hidden : 2;

    struct mlp_tile *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    t->block = mem_alloc_floats(
        MLP_TILE * (input + (n_buffers + n_slopes) * hidden + raw + (training ? 2 * d_row : 0)));
    if (!t->block) {
        mlp_tile_free(t);
        return error_status(err, STATUS_NO_MEMORY);
    }
    float *rest = t->block;
    t->row[0] = input;
    t->h[0] = take(&rest, input);
    for (size_t l = 1; l <= n_hidden; l++) {
        t->row[l] = hidden;
        t->h[l] = l <= n_buffers ? take(&rest, hidden) : t->h[l - 2];
    }
    t->row[m->n_layers] = raw;
    t->h[m->n_layers] = take(&rest, raw);
    for (size_t l = 0; l < n_slopes; l++)
        t->slope[l] = take(&rest, hidden);
    if (training) {
        t->d_row = d_row;
        t->d_z[0] = take(&rest, d_row);
        t->d_z[1] = take(&rest, d_row);
    }
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
    if (!is_hidden)
        return;
    for (size_t i = 0; i < n; i++) {
        float *row = t->h[l + 1] + i * t->row[l + 1];
        if (m->spec.activation == ACTIVATION_TANH)
            m->kernel->tanh(columns, row);
        else if (m->spec.activation == ACTIVATION_SIN)
            m->kernel->sine(columns, m->spec.omega, row,
                            t->slope[l] ? t->slope[l] + i * t->row[l + 1] : NULL);
    }
}

void mlp_forward(const struct mlp *m, const float *params, struct mlp_tile *t, size_t n, float *raw,
                 float *values)
{
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

/* d_z *= 1 - h^2 */
static void tanh_backward(size_t columns, const float *h, float *d_z)
{
    for (size_t first = 0; first < columns; first += MLP_LANES)
        for (size_t j = first; j < first + MLP_LANES; j++)
            d_z[j] *= 1 - h[j] * h[j];
}

/* d_z *= slope */
static void sine_backward(size_t columns, const float *slope, float *d_z)
{
    for (size_t first = 0; first < columns; first += MLP_LANES)
        for (size_t j = first; j < first + MLP_LANES; j++)
            d_z[j] *= slope[j];
}

/* From d_z of layer l to that of layer l - 1. */
static void hidden_backward(const struct mlp *m, const float *transposed, const struct mlp_tile *t,
                            size_t n, size_t l, const float *d_z, float *d_below)
{
    const bool is_relu = m->spec.activation == ACTIVATION_RELU;
    const size_t columns = mlp_padded(m->spec.width), row = t->row[l];
    inputs_backward(m, transposed, t, n, l, d_z, is_relu ? t->h[l] : NULL, d_below, t->d_row);
    for (size_t i = 0; i < n; i++) {
        if (m->spec.activation == ACTIVATION_TANH)
            tanh_backward(columns, t->h[l] + i * row, d_below + i * t->d_row);
        else if (m->spec.activation == ACTIVATION_SIN)
            sine_backward(columns, t->slope[l - 1] + i * row, d_below + i * t->d_row);
    }
}

void mlp_backward(const struct mlp *m, const float *transposed, struct mlp_tile *t, size_t n,
                  const float *d_raw, float *d_params, float *d_input)
{
    const size_t n_outputs = m->spec.n_outputs;
    float *d_z = t->d_z[0], *d_below = t->d_z[1];
    for (size_t i = 0; i < n; i++) {
        float *row = d_z + i * t->d_row;
        memcpy(row, d_raw + i * n_outputs, n_outputs * sizeof(float));
        memset(row + n_outputs, 0, (mlp_padded(n_outputs) - n_outputs) * sizeof(float));
    }
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

void mlp_output_backward(enum activation output, size_t n, const float *values,
                         const float *d_values, float *d_raw)
{
    for (size_t i = 0; i < n; i++)
        d_raw[i] = d_values[i] * activation_output_slope(output, values[i]);
}
