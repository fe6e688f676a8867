/*
 * The network: n_hidden_layers affine layers with an activation, one affine layer without, and the
 * output activation:
 *
 *   h_0 = input;  h_l = act(W_l h_{l-1} + b_l);  raw = W_L h_{L-1} + b_L;  value = out(raw)
 *
 * Letters: N points, K inputs and M outputs of a layer, C outputs of the network, T points of a
 * tile.
 *
 * Parameters are one block of floats.  Each layer is [W panels][b]: W is packed for the kernels, in
 * panels of PANEL output columns, panel p = [K, PANEL], row-major, filled up with zeros that stay
 * zero (their gradients are zero).  The optimizer runs over the block as it lies; only files see W
 * as [M, K].
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
    MLP_TILE = 128, /* points: four blocks of bf16; activations stay in the cache of a core */
    MLP_PANEL = 32, /* columns of a panel, as kernels want it */
    MLP_LANES = 16, /* padding of column counts */
};

/* How weights begin.  MLP_INIT_DEFAULT, relu and tanh: Glorot normal, truncated at two standard
 * deviations and rescaled to sd sqrt(2 / (K + M)), biases N(0, 0.01^2) (paper-era library
 * defaults); sin: SIREN's uniform laws, in the output layer too.  MLP_INIT_FAN_IN: N(0, 1/K),
 * biases 0, as the paper's experiments of one dimension and the theory of wide networks have them.
 */
enum mlp_init { MLP_INIT_DEFAULT, MLP_INIT_FAN_IN };

struct mlp_spec {
    size_t n_inputs;                   /* features of the encoding */
    size_t n_outputs;                  /* C, 1..64 */
    size_t n_hidden_layers;            /* 0..16; 0 is one affine map */
    size_t width;                      /* 1..2048 */
    enum activation activation;        /* relu, tanh, sin */
    enum activation output_activation; /* linear, sigmoid, relu */
    double omega;                      /* of sin; ignored by the others */
    enum mlp_init init;
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

/* Initial weights (enum mlp_init) from (seed, RNG_WEIGHTS, layer), whatever the packing. */
void mlp_init(const struct mlp *m, uint64_t seed, float *params);

/* Layer l as files see it: weight [M, K] row-major, bias [M]; either may be NULL.  Sizes by
 * mlp_layer_shape. */
void mlp_layer_shape(const struct mlp *m, size_t l, size_t *n_outputs, size_t *n_inputs);
void mlp_export_layer(const struct mlp *m, const float *params, size_t l, float *weight,
                      float *bias);
void mlp_import_layer(const struct mlp *m, float *params, size_t l, const float *weight,
                      const float *bias);

/* What passes are for, and in which numbers.  bf16: weights, activations and their gradients are
 * rounded to bfloat16 (core/nn/kernel.h) where they are multiplied; sums, parameters, their
 * gradients, the input and the outputs are floats.  bf16x2: likewise, but each operand is the sum
 * of two bfloat16, 16 bits instead of 8.  Only for kernels with bf16. */
enum precision {
    PRECISION_FP32,
    PRECISION_BF16,
    PRECISION_AUTO,  /* for trainers only */
    PRECISION_BF16X2 /* for passes forward only */
};

struct mlp_pass {
    bool training; /* also backward */
    bool inputs;   /* as far as the gradient of the input */
    enum precision precision;
};

/* "fp32", "bf16", "bf16x2" */
const char *precision_name(enum precision p);

/* What passes need of the parameters in another form (transposed, rounded): a second block, aligned
 * to 64 bytes, of so many words of 4 bytes (0: forward in fp32), rebuilt after each update.
 * mlp_derive rebuilds part `part` of `n_parts` (disjoint parts may run in parallel). */
size_t mlp_n_derived(const struct mlp *m, struct mlp_pass pass);
void mlp_derive(const struct mlp *m, struct mlp_pass pass, const float *params, void *derived,
                size_t part, size_t n_parts);

/* Activations of one tile. */
struct mlp_tile;
enum status mlp_tile_create(struct mlp_tile **out, const struct mlp *m, struct mlp_pass pass,
                            struct error *err) WARN_UNUSED;
void mlp_tile_free(struct mlp_tile *t);

/* Words of 4 bytes that a tile takes, but for some hundred bytes. */
size_t mlp_tile_words(const struct mlp *m, struct mlp_pass pass);

/* Where the encoding writes: [MLP_TILE, *ld]. */
float *mlp_tile_input(struct mlp_tile *t, size_t *ld);

/* Forward.  n <= MLP_TILE points in the tile's input; raw and values: [n, C] row-major, overwritten
 * (raw may be NULL).  derived: as mlp_derive left it for the tile's pass, or for one that does
 * more. A row depends on its own input row alone. */
void mlp_forward(const struct mlp *m, const float *params, const void *derived, struct mlp_tile *t,
                 size_t n, float *raw, float *values);

/* Backward, after mlp_forward with the same n, on a tile made for training.  d_raw: [n, C],
 * gradient with respect to raw.  d_params (may be NULL): the block's shape, added to; padding gets
 * zeros. d_input (NULL unless the pass goes to inputs): [n, ld] with the input's ld, columns 0 …
 * K-1 overwritten, padding columns undefined. */
void mlp_backward(const struct mlp *m, const void *derived, struct mlp_tile *t, size_t n,
                  const float *d_raw, float *d_params, float *d_input);

/* d_raw from d_values: [n] numbers, elementwise through the output activation.  May work in place.
 */
void mlp_output_backward(enum activation output, size_t n, const float *values,
                         const float *d_values, float *d_raw);

#endif
