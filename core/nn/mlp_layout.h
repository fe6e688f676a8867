/*
 * Where the numbers of a network lie.  For mlp*.c only.
 *
 * A matrix of K rows is packed as panels of 32 columns, the last one filled up with zeros: panel p
 * is [K, 32], row-major, and starts K * 32 * p floats after the first.  W is packed with K inputs
 * as rows and M outputs as columns; W transposed with M rows and K columns.
 */
#ifndef CORE_NN_MLP_LAYOUT_H
#define CORE_NN_MLP_LAYOUT_H

#include "core/base/limits.h"
#include "core/nn/mlp.h"

enum {
    MLP_MAX_LAYERS = LIMIT_HIDDEN_LAYERS + 1,
    MLP_COLUMN = MLP_TILE / 2 + MLP_LANES, /* words of a column of pairs: no power of two */
};

struct mlp_layer {
    size_t n_inputs, n_outputs; /* K, M */
    size_t weight;              /* floats from the block's start to the panels of W */
    size_t bias;                /* … to b */
    /* Derived, in words from the start of their block: */
    size_t transposed;       /* fp32: the panels of W transposed */
    size_t pairs;            /* bf16: W as an operand B, [K / 2, 32] a panel, K filled up to 32 */
    size_t transposed_pairs; /* bf16: W transposed, [M / 2, 32] a panel, M filled up to 32 */
};

struct mlp {
    struct mlp_spec spec;
    const struct kernel *kernel;
    size_t n_layers;
    size_t n_params, n_transposed;
    size_t n_pairs;            /* words; behind them lie the rests of bf16x2, or */
    size_t n_transposed_pairs; /* what the backward pass needs */
    struct mlp_layer layer[MLP_MAX_LAYERS];
};

/*
 * A tile.  In fp32 h[l] is what layer l reads and h[n_layers] the raw outputs.  In bf16 the rows of
 * h[0] are rounded into rows[0], products lead from rows to rows, and h[1] … are one scratch for
 * activations that are computed in floats.
 */
struct mlp_tile {
    struct mlp_pass pass;
    void *block;                      /* all that follows is within it */
    size_t row[MLP_MAX_LAYERS + 1];   /* floats from a row of h[l] to the next */
    float *h[MLP_MAX_LAYERS + 1];     /* [MLP_TILE, row[l]]; h[0] the input, h[n_layers] raw */
    float *slope[MLP_MAX_LAYERS + 1]; /* sin, training: act' of layer l's Z, beside h[l + 1] */
    float *d_z[2];                    /* training: [MLP_TILE, d_row], taken in turns */
    size_t d_row;

    /* bf16 */
    size_t row_words[MLP_MAX_LAYERS];  /* words from a row of rows[l] to the next */
    uint32_t *rows[MLP_MAX_LAYERS];    /* [MLP_TILE, row_words[l]] pairs of columns of h[l] */
    uint32_t *rest[MLP_MAX_LAYERS];    /* bf16x2: the rests of rows[l], likewise */
    uint32_t *columns[MLP_MAX_LAYERS]; /* training: [K filled up to 32, MLP_COLUMN], transposed */
    uint32_t *d_rows[2];               /* training: [MLP_TILE, d_words] pairs of columns of d_z */
    uint32_t *d_pairs[2];              /* training: [MLP_TILE / 2, d_row] pairs of rows of it */
    size_t d_words;
};

/* The passes in bf16 (mlp_tile_bf16.c): from h[0] to h[n_layers], and from d_raw back. */
void mlp_forward_bf16(const struct mlp *m, const float *params, const uint32_t *derived,
                      struct mlp_tile *t, size_t n);
void mlp_backward_bf16(const struct mlp *m, const uint32_t *derived, struct mlp_tile *t, size_t n,
                       const float *d_raw, float *d_params, float *d_input);

/* act of a hidden layer other than relu on n rows of h[l + 1]; and d_z *= act' of layer l - 1's Z,
 * for n rows. */
void mlp_activate(const struct mlp *m, struct mlp_tile *t, size_t n, size_t l);
void mlp_activate_backward(const struct mlp *m, const struct mlp_tile *t, size_t n, size_t l,
                           float *d_z);

/* d_raw [n, C] into the first rows of d_z, filled up with zeros. */
void mlp_set_d_raw(const struct mlp *m, const struct mlp_tile *t, size_t n, const float *d_raw,
                   float *d_z);

/* n rounded up to MLP_LANES: the columns that are computed. */
size_t mlp_padded(size_t n);

/* Floats of a packed matrix. */
size_t mlp_packed_size(size_t n_rows, size_t n_columns);

/* Place of element (row, column) in a packed matrix. */
size_t mlp_packed(size_t n_rows, size_t row, size_t column);

#endif
