/*
 * The two passes over a tile in bfloat16: the products of mlp_tile.c with rounded operands (forward
 * in bf16x2, too: with their rests beside them).
 *
 *   forward    h[0] rounded; rows_l+1 = round(act(rows_l W^T + b))     rows: A of the next product
 *   backward   d_W_l += columns_l d_pairs_l                            columns: h transposed, A
 *              d_rows_l-1, d_pairs_l-1 = round((d_rows_l W_l) act')    pairs of rows: B
 *
 * So each result is rounded once and written in the forms that later products read.  Products work
 * on whole blocks of 32 points: rows past n are zeros in the input and in d_raw, so what they
 * become is finite and adds nothing.  Columns past the last one computed are never written: zeros.
 */
#include <string.h>

#include "core/nn/kernel.h"
#include "core/nn/mlp_layout.h"

static size_t blocks(size_t n)
{
    return (n + KERNEL_BLOCK - 1) / KERNEL_BLOCK * KERNEL_BLOCK;
}

/* Pairs that a product over n columns walks: what lies past n is zero. */
static size_t pairs_of(const struct mlp *m, size_t n)
{
    const size_t step = m->kernel->bf16->k_pairs;
    return ((n + 1) / 2 + step - 1) / step * step;
}

/* Where the outputs of layer l - 1, activations, are rounded to. */
static struct bf16_matrix activations(const struct mlp_tile *t, size_t l)
{
    return (struct bf16_matrix){
        .rows = (uint16_t *)(void *)t->rows[l],
        .row_step = 2 * t->row_words[l],
        .columns = t->columns[l],
        .column_step = MLP_COLUMN,
        .rest = (uint16_t *)(void *)t->rest[l],
    };
}

static struct bf16_matrix gradients(const struct mlp_tile *t, size_t side)
{
    return (struct bf16_matrix){
        .rows = (uint16_t *)(void *)t->d_rows[side],
        .row_step = 2 * t->d_words,
        .pairs = t->d_pairs[side],
        .pair_step = t->d_row,
    };
}

/* --- forward --- */

static void layer_forward(const struct mlp *m, const float *params, const uint32_t *derived,
                          struct mlp_tile *t, size_t n, size_t l)
{
    const struct mlp_layer *layer = &m->layer[l];
    const bool is_hidden = l + 1 < m->n_layers;
    const bool is_rounded = is_hidden && m->spec.activation == ACTIVATION_RELU;
    struct gemm_bf16 g = {
        .m = n,
        .n = mlp_padded(layer->n_outputs),
        .k = pairs_of(m, layer->n_inputs),
        .a = t->rows[l],
        .a_row = t->row_words[l],
        .b = derived + layer->pairs,
        .b_step = MLP_PANEL,
        .b_panel = blocks(layer->n_inputs) / 2 * MLP_PANEL,
        .epilogue = is_rounded ? GEMM_RELU : GEMM_STORE,
        .bias = params + layer->bias,
        .c = t->h[l + 1],
        .c_row = t->row[l + 1],
        .c_panel = MLP_PANEL,
    };
    if (is_rounded)
        g.out = activations(t, l + 1);
    if (t->pass.precision == PRECISION_BF16X2) {
        g.a_rest = t->rest[l];
        g.b_rest = derived + m->n_pairs + layer->pairs;
    }
    m->kernel->bf16->gemm(&g);
    if (!is_hidden || is_rounded)
        return;
    mlp_activate(m, t, n, l);
    const struct bf16_matrix out = activations(t, l + 1);
    m->kernel->bf16->round(n, g.n, t->h[l + 1], t->row[l + 1], &out);
}

void mlp_forward_bf16(const struct mlp *m, const float *params, const uint32_t *derived,
                      struct mlp_tile *t, size_t n)
{
    const size_t whole = blocks(n);
    memset(t->h[0] + n * t->row[0], 0, (whole - n) * t->row[0] * sizeof(float));
    const struct bf16_matrix input = activations(t, 0);
    m->kernel->bf16->round(whole, mlp_padded(m->spec.n_inputs), t->h[0], t->row[0], &input);
    for (size_t l = 0; l < m->n_layers; l++)
        layer_forward(m, params, derived, t, whole, l);
}

/* --- backward --- */

static void weights_backward(const struct mlp *m, const struct mlp_tile *t, size_t n, size_t l,
                             size_t side, float *d_params)
{
    const struct mlp_layer *layer = &m->layer[l];
    const size_t columns = mlp_padded(layer->n_outputs);
    const struct gemm_bf16 g = {
        .m = layer->n_inputs,
        .n = columns,
        .k = n / 2,
        .a = t->columns[l],
        .a_row = MLP_COLUMN,
        .b = t->d_pairs[side],
        .b_step = t->d_row,
        .b_panel = MLP_PANEL,
        .epilogue = GEMM_ACCUMULATE,
        .c = d_params + layer->weight,
        .c_row = MLP_PANEL,
        .c_panel = layer->n_inputs * MLP_PANEL,
    };
    m->kernel->bf16->gemm(&g);
    m->kernel->bf16->add_pairs(n / 2, columns, t->d_pairs[side], t->d_row, d_params + layer->bias);
}

/* d of the inputs of layer l: rounded into the other side, with relu's mask, or in floats. */
static void inputs_backward(const struct mlp *m, const uint32_t *transposed,
                            const struct mlp_tile *t, size_t n, size_t l, size_t side, float *d_h,
                            size_t d_h_row)
{
    const struct mlp_layer *layer = &m->layer[l];
    const struct gemm_bf16 g = {
        .m = n,
        .n = mlp_padded(layer->n_inputs),
        .k = pairs_of(m, layer->n_outputs),
        .a = t->d_rows[side],
        .a_row = t->d_words,
        .b = transposed + layer->transposed_pairs,
        .b_step = MLP_PANEL,
        .b_panel = blocks(layer->n_outputs) / 2 * MLP_PANEL,
        .epilogue = d_h ? GEMM_STORE : GEMM_MASK,
        .mask = (const uint16_t *)(const void *)t->rows[l],
        .mask_row = 2 * t->row_words[l],
        .out = gradients(t, !side),
        .c = d_h,
        .c_row = d_h_row,
        .c_panel = MLP_PANEL,
    };
    m->kernel->bf16->gemm(&g);
}

void mlp_backward_bf16(const struct mlp *m, const uint32_t *derived, struct mlp_tile *t, size_t n,
                       const float *d_raw, float *d_params, float *d_input)
{
    const uint32_t *transposed = derived + m->n_pairs;
    const size_t whole = blocks(n);
    size_t side = 0;
    mlp_set_d_raw(m, t, n, d_raw, t->d_z[0]);
    memset(t->d_z[0] + n * t->d_row, 0, (whole - n) * t->d_row * sizeof(float));
    const struct bf16_matrix d_outputs = gradients(t, side);
    m->kernel->bf16->round(whole, mlp_padded(m->spec.n_outputs), t->d_z[0], t->d_row, &d_outputs);
    for (size_t l = m->n_layers; l-- > 0;) {
        if (d_params)
            weights_backward(m, t, whole, l, side, d_params);
        if (l == 0)
            break;
        const bool is_relu = m->spec.activation == ACTIVATION_RELU;
        inputs_backward(m, transposed, t, whole, l, side, is_relu ? NULL : t->d_z[0], t->d_row);
        side = !side;
        if (is_relu)
            continue;
        mlp_activate_backward(m, t, whole, l, t->d_z[0]);
        const struct bf16_matrix d_z = gradients(t, side);
        m->kernel->bf16->round(whole, mlp_padded(m->spec.width), t->d_z[0], t->d_row, &d_z);
    }
    if (d_input)
        inputs_backward(m, transposed, t, whole, 0, side, d_input, t->row[0]);
}
