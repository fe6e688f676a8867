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

enum { MLP_MAX_LAYERS = LIMIT_HIDDEN_LAYERS + 1 };

struct mlp_layer {
    size_t n_inputs, n_outputs; /* K, M */
    size_t weight;              /* floats from the block's start to the panels of W */
    size_t bias;                /* … to b */
    size_t transposed;          /* … in the other block, to the panels of W transposed */
};

struct mlp {
    struct mlp_spec spec;
    const struct kernel *kernel;
    size_t n_layers;
    size_t n_params, n_transposed;
    struct mlp_layer layer[MLP_MAX_LAYERS];
};

/* n rounded up to MLP_LANES: the columns that are computed. */
size_t mlp_padded(size_t n);

/* Floats of a packed matrix. */
size_t mlp_packed_size(size_t n_rows, size_t n_columns);

/* Place of element (row, column) in a packed matrix. */
size_t mlp_packed(size_t n_rows, size_t row, size_t column);

#endif
