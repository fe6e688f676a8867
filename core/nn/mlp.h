/*
 * The network: n_hidden_layers affine layers with an activation, one affine layer without, and the
 * output activation.   h_0 = input;  h_l = act(W_l h_{l-1} + b_l);  raw = W_L h_{L-1} + b_L;  value
 * = out(raw).
 *
 * Letters: N points, K inputs and M outputs of a layer, C outputs of the network, T points of a
 * tile.
 *
 * Parameters are one block of floats.  Each layer is [W panels][b]: W is packed for the kernels, in
 * panels of PANEL output columns, panel p = [K, PANEL], row-major, filled up with zeros that stay
 * zero (their gradients are zero).  The optimizer runs over the
 * block as it lies; only files see W as [M, K].
 *
 * Work is done in tiles of up to MLP_TILE points: a tile goes through all layers forward, then all
 * layers backward, while its activations are in the cache of one core.  An mlp is immutable and
 * shared; an mlp_tile belongs to one thread.
 */
#ifndef CORE_NN_MLP_H
#define CORE_NN_MLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/nn/activation.h"

enum {
    MLP_MAX_OUTPUTS = 64,
    MLP_MAX_OMEGA = 100000,
    MLP_TILE =
        224, /* points: whole tiles of the kernels; activations stay in the cache of a core */
    MLP_PANEL = 32, /* columns of a panel, as kernels want it */
    MLP_LANES = 16, /* padding of column counts */
};

struct mlp_spec {
    size_t n_inputs;                   /* features of the encoding */
    size_t n_outputs;                  /* C, 1..64 */
    size_t n_hidden_layers;            /* 0..16; 0 is one affine map */
    size_t width;                      /* 1..2048 */
    enum activation activation;        /* relu, tanh, sin */
    enum activation output_activation; /* linear, sigmoid, relu */
    double omega;                      /* of sin; ignored by the others */
};

struct kernel;
struct mlp;

/* INVALID with a place below "/network". */
enum status mlp_create(struct mlp **out, const struct mlp_spec *spec, const struct kernel *kernel,
                       struct error *err) WARN_UNUSED;
void mlp_free(struct mlp *m);

const struct mlp_spec *mlp_get_spec(const struct mlp *m);
size_t mlp_n_layers(const struct mlp *m); /* affine layers: n_hidden_layers + 1 */
size_t mlp_n_params(const struct mlp *m); /* floats of the block, padding included */

/* Numbers that mean something, as people count them. */
size_t mlp_n_parameters(const struct mlp *m);

/* Initial weights from (seed, RNG_WEIGHTS, layer), whatever the packing.  relu and tanh: Glorot
 * normal, truncated at two standard deviations and rescaled to sd sqrt(2 / (K + M)), biases
 * N(0, 0.01^2) (paper-era library defaults).  sin: SIREN's uniform laws, in the output layer too.
 */
void mlp_init(const struct mlp *m, uint64_t seed, float *params);

/* Layer l as files see it: weight [M, K] row-major, bias [M].  Sizes by mlp_layer_shape. */
void mlp_layer_shape(const struct mlp *m, size_t l, size_t *n_outputs, size_t *n_inputs);
void mlp_export_layer(const struct mlp *m, const float *params, size_t l, float *weight,
                      float *bias);
void mlp_import_layer(const struct mlp *m, float *params, size_t l, const float *weight,
                      const float *bias);

/* The backward pass multiplies by W transposed, kept in a second block (aligned to 64 bytes) that
 * is rebuilt after each update.  mlp_transpose rebuilds part `part` of `n_parts` (disjoint parts
 * may run in parallel). */
size_t mlp_n_transposed(const struct mlp *m);
void mlp_transpose(const struct mlp *m, const float *params, float *transposed, size_t part,
                   size_t n_parts);

/* Activations of one tile.  training: also room for the backward pass. */
struct mlp_tile;
enum status mlp_tile_create(struct mlp_tile **out, const struct mlp *m, bool training,
                            struct error *err) WARN_UNUSED;
void mlp_tile_free(struct mlp_tile *t);

/* Where the encoding writes: [MLP_TILE, *ld]. */
float *mlp_tile_input(struct mlp_tile *t, size_t *ld);

/* Forward.  n <= MLP_TILE points in the tile's input; raw and values: [n, C] row-major, overwritten
 * (raw may be NULL).  A row depends on its own input row alone. */
void mlp_forward(const struct mlp *m, const float *params, struct mlp_tile *t, size_t n, float *raw,
                 float *values);

/* Backward, after mlp_forward with the same n, on a tile made for training.  d_raw: [n, C],
 * gradient with respect to raw.  d_params (may be NULL): the block's shape, added to; padding gets
 * zeros. d_input (may be NULL): [n, ld] with the input's ld, columns 0 … K-1 overwritten, padding
 * columns undefined.  transposed: as mlp_transpose left it. */
void mlp_backward(const struct mlp *m, const float *transposed, struct mlp_tile *t, size_t n,
                  const float *d_raw, float *d_params, float *d_input);

/* d_raw from d_values: [n] numbers, elementwise through the output activation.  May work in place.
 */
void mlp_output_backward(enum activation output, size_t n, const float *values,
                         const float *d_values, float *d_raw);

#endif
