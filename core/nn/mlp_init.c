/*
 * Initial weights.  Every layer draws from a place of its own, (seed, RNG_WEIGHTS, layer), first W
 * in the order of files, [M, K] row-major, then b: how weights are packed changes nothing.
 */
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/nn/mlp_layout.h"

static double uniform(struct rng *rng, double end)
{
    return end * (2 * rng_uniform(rng) - 1);
}

/* Normal of standard deviation 1 before it is cut at two of them. */
static double truncated_normal(struct rng *rng)
{
    double z;
    do
        z = rng_normal(rng);
    while (fabs(z) > 2);
    return z;
}

/* Glorot normal, truncated, biases N(0, 0.01^2): the defaults of the library of the paper's code.
 */
static void init_glorot(const struct mlp_layer *layer, struct rng *rng, float *params)
{
    const double sd_of_truncated = 0.87962566103423978; /* of a unit normal cut at +-2 */
    const double fans = (double)(layer->n_inputs + layer->n_outputs);
    const double scale = sqrt(2 / fans) / sd_of_truncated, bias_sd = 0.01;
    for (size_t j = 0; j < layer->n_outputs; j++)
        for (size_t k = 0; k < layer->n_inputs; k++)
            params[layer->weight + mlp_packed(layer->n_inputs, k, j)] =
                (float)(scale * truncated_normal(rng));
    for (size_t j = 0; j < layer->n_outputs; j++)
        params[layer->bias + j] = (float)(bias_sd * rng_normal(rng));
}

/* SIREN, Sitzmann et al. 2020, section 3.2: the first layer U(-1/K, 1/K), later ones, the output
 * included, U(-c, c) with c = sqrt(6 / K) / omega; biases as the authors' framework draws them. */
static void init_siren(const struct mlp_layer *layer, bool is_first, double omega, struct rng *rng,
                       float *params)
{
    const double n_inputs = (double)layer->n_inputs;
    const double end = is_first ? 1 / n_inputs : sqrt(6 / n_inputs) / omega;
    for (size_t j = 0; j < layer->n_outputs; j++)
        for (size_t k = 0; k < layer->n_inputs; k++)
            params[layer->weight + mlp_packed(layer->n_inputs, k, j)] = (float)uniform(rng, end);
    for (size_t j = 0; j < layer->n_outputs; j++)
        params[layer->bias + j] = (float)uniform(rng, 1 / sqrt(n_inputs));
}

/* Biases are 0 already. */
static void init_fan_in(const struct mlp_layer *layer, struct rng *rng, float *params)
{
    const double sd = 1 / sqrt((double)layer->n_inputs);
    for (size_t j = 0; j < layer->n_outputs; j++)
        for (size_t k = 0; k < layer->n_inputs; k++)
            params[layer->weight + mlp_packed(layer->n_inputs, k, j)] =
                (float)(sd * rng_normal(rng));
}

void mlp_init(const struct mlp *m, uint64_t seed, float *params)
{
    memset(params, 0, m->n_params * sizeof(float));
    for (size_t l = 0; l < m->n_layers; l++) {
        struct rng rng = rng_at(seed, RNG_WEIGHTS, l);
        if (m->spec.init == MLP_INIT_FAN_IN)
            init_fan_in(&m->layer[l], &rng, params);
        else if (m->spec.activation == ACTIVATION_SIN)
            init_siren(&m->layer[l], l == 0, m->spec.omega, &rng, params);
        else
            init_glorot(&m->layer[l], &rng, params);
    }
}
