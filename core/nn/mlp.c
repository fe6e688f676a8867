/*
 * The network as a thing: its shape, its parameter block, how files see it.  Initial weights are in
 * mlp_init.c, the two passes in mlp_tile.c.
 */
#include "core/nn/mlp.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/parallel.h"
#include "core/base/quad.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp_layout.h"

size_t mlp_padded(size_t n)
{
    return (n + MLP_LANES - 1) / MLP_LANES * MLP_LANES;
}

/* n rounded up to whole blocks of bf16. */
static size_t blocks(size_t n)
{
    return (n + KERNEL_BLOCK - 1) / KERNEL_BLOCK * KERNEL_BLOCK;
}

size_t mlp_packed_size(size_t n_rows, size_t n_columns)
{
    return n_rows * ((n_columns + MLP_PANEL - 1) / MLP_PANEL * MLP_PANEL);
}

size_t mlp_packed(size_t n_rows, size_t row, size_t column)
{
    return column / MLP_PANEL * n_rows * MLP_PANEL + row * MLP_PANEL + column % MLP_PANEL;
}

static enum status check(const struct mlp_spec *spec, struct error *err)
{
    const size_t max_inputs = (size_t)2 * LIMIT_FREQUENCIES;
    if (spec->n_inputs < 1 || spec->n_inputs > max_inputs)
        return error_set(err, STATUS_INVALID, "/network", "inputs must be 1..%zu, got %zu",
                         max_inputs, spec->n_inputs);
    if (spec->n_outputs < 1 || spec->n_outputs > MLP_MAX_OUTPUTS)
        return error_set(err, STATUS_INVALID, "/network", "outputs must be 1..%d, got %zu",
                         MLP_MAX_OUTPUTS, spec->n_outputs);
    if (spec->n_hidden_layers > LIMIT_HIDDEN_LAYERS)
        return error_set(err, STATUS_INVALID, "/network/n_hidden_layers",
                         "'n_hidden_layers' must be 0..%d, got %zu", LIMIT_HIDDEN_LAYERS,
                         spec->n_hidden_layers);
    if (spec->width < 1 || spec->width > LIMIT_WIDTH)
        return error_set(err, STATUS_INVALID, "/network/width", "'width' must be 1..%d, got %zu",
                         LIMIT_WIDTH, spec->width);
    if (!activation_is_hidden(spec->activation))
        return error_set(err, STATUS_INVALID, "/network/activation",
                         "'activation' cannot stand between layers");
    if (!activation_is_output(spec->output_activation))
        return error_set(err, STATUS_INVALID, "/network/output_activation",
                         "'output_activation' cannot stand at the output");
    if (spec->activation == ACTIVATION_SIN && !(spec->omega > 0 && spec->omega <= MLP_MAX_OMEGA))
        return error_set(err, STATUS_INVALID, "/network/omega",
                         "'omega' must be greater than 0 and at most %d, got %g", MLP_MAX_OMEGA,
                         spec->omega);
    return STATUS_OK;
}

enum status mlp_create(struct mlp **out, const struct mlp_spec *spec, const struct kernel *kernel,
                       struct error *err)
{
    enum status status = check(spec, err);
    if (status != STATUS_OK)
        return status;
    struct mlp *m = mem_alloc(sizeof *m);
    if (!m)
        return error_status(err, STATUS_NO_MEMORY);
    m->spec = *spec;
    m->kernel = kernel;
    m->n_layers = spec->n_hidden_layers + 1;
    for (size_t l = 0; l < m->n_layers; l++) {
        struct mlp_layer *layer = &m->layer[l];
        layer->n_inputs = l == 0 ? spec->n_inputs : spec->width;
        layer->n_outputs = l + 1 == m->n_layers ? spec->n_outputs : spec->width;
        layer->weight = m->n_params;
        layer->bias = layer->weight + mlp_packed_size(layer->n_inputs, layer->n_outputs);
        m->n_params = layer->bias + mlp_padded(layer->n_outputs);
        layer->pairs = m->n_pairs;
        m->n_pairs += mlp_packed_size(blocks(layer->n_inputs) / 2, layer->n_outputs);
    }
    for (size_t l = m->n_layers; l-- > 0;) { /* layer 0 last: only gradients of the input need it */
        struct mlp_layer *layer = &m->layer[l];
        layer->transposed = m->n_transposed;
        layer->transposed_pairs = m->n_transposed_pairs;
        m->n_transposed_pairs += mlp_packed_size(blocks(layer->n_outputs) / 2, layer->n_inputs);
        m->n_transposed += mlp_packed_size(layer->n_outputs, layer->n_inputs);
        /* rows of panels stay aligned to 64 bytes */
        m->n_transposed = mlp_padded(m->n_transposed);
    }
    *out = m;
    return STATUS_OK;
}

void mlp_free(struct mlp *m)
{
    mem_free(m);
}

const struct mlp_spec *mlp_get_spec(const struct mlp *m)
{
    return &m->spec;
}

size_t mlp_n_layers(const struct mlp *m)
{
    return m->n_layers;
}

size_t mlp_n_params(const struct mlp *m)
{
    return m->n_params;
}

size_t mlp_n_parameters(const struct mlp *m)
{
    size_t n = 0;
    for (size_t l = 0; l < m->n_layers; l++)
        n += (m->layer[l].n_inputs + 1) * m->layer[l].n_outputs;
    return n;
}

void mlp_layer_shape(const struct mlp *m, size_t l, size_t *n_outputs, size_t *n_inputs)
{
    *n_outputs = m->layer[l].n_outputs;
    *n_inputs = m->layer[l].n_inputs;
}

void mlp_export_layer(const struct mlp *m, const float *params, size_t l, float *weight,
                      float *bias)
{
    const struct mlp_layer *layer = &m->layer[l];
    const size_t n_inputs = layer->n_inputs;
    for (size_t j = 0; weight && j < layer->n_outputs; j++)
        for (size_t k = 0; k < n_inputs; k++)
            weight[j * n_inputs + k] = params[layer->weight + mlp_packed(n_inputs, k, j)];
    if (bias)
        memcpy(bias, params + layer->bias, layer->n_outputs * sizeof *bias);
}

void mlp_import_layer(const struct mlp *m, float *params, size_t l, const float *weight,
                      const float *bias)
{
    const struct mlp_layer *layer = &m->layer[l];
    const size_t n_inputs = layer->n_inputs;
    if (weight)
        memset(params + layer->weight, 0, (layer->bias - layer->weight) * sizeof *params);
    for (size_t j = 0; weight && j < layer->n_outputs; j++)
        for (size_t k = 0; k < n_inputs; k++)
            params[layer->weight + mlp_packed(n_inputs, k, j)] = weight[j * n_inputs + k];
    if (bias) {
        memset(params + layer->bias, 0, mlp_padded(layer->n_outputs) * sizeof *params);
        memcpy(params + layer->bias, bias, layer->n_outputs * sizeof *params);
    }
}

const char *precision_name(enum precision p)
{
    static const char *const names[] = {"fp32", "bf16", "auto", "bf16x2"};
    return names[p];
}

/* Layers below this one have no gradient of their inputs in a pass. */
static size_t first_transposed(const struct mlp *m, struct mlp_pass pass)
{
    return !pass.training ? m->n_layers : pass.inputs ? 0 : 1;
}

size_t mlp_n_derived(const struct mlp *m, struct mlp_pass pass)
{
    if (pass.precision == PRECISION_BF16X2)
        return 2 * m->n_pairs;
    const bool is_bf16 = pass.precision == PRECISION_BF16;
    const size_t n_pairs = is_bf16 ? m->n_pairs : 0;
    switch (first_transposed(m, pass)) {
    case 0:
        return n_pairs + (is_bf16 ? m->n_transposed_pairs : m->n_transposed);
    case 1:
        return n_pairs + (is_bf16 ? m->layer[0].transposed_pairs : m->layer[0].transposed);
    default:
        return n_pairs;
    }
}

static quad load(const float *from)
{
    quad q;
    memcpy(&q, from, sizeof q);
    return q;
}

static void store(float *to, quad q)
{
    memcpy(to, &q, sizeof q);
}

/* to(j, k) = from(k, j), 4 x 4, in registers. */
static void transpose_quads(const float *from, float *to)
{
    const quad a = load(from), b = load(from + MLP_PANEL);
    const quad c = load(from + 2UL * MLP_PANEL), d = load(from + 3UL * MLP_PANEL);
    const quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store(to, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
    store(to + MLP_PANEL, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
    store(to + 2UL * MLP_PANEL, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
    store(to + 3UL * MLP_PANEL, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

/* to(j, k) = from(k, j) for n_j rows of 16 of two panels; where k is not below n_k, 0. */
static void transpose_block(size_t n_k, const float *from, size_t n_j, float *to)
{
    if (n_k >= MLP_LANES && n_j == MLP_LANES) {
        for (size_t j = 0; j < MLP_LANES; j += QUAD)
            for (size_t k = 0; k < MLP_LANES; k += QUAD)
                transpose_quads(from + k * MLP_PANEL + j, to + j * MLP_PANEL + k);
        return;
    }
    for (size_t j = 0; j < n_j; j++)
        for (size_t k = 0; k < MLP_LANES; k++)
            to[j * MLP_PANEL + k] = k < n_k ? from[k * MLP_PANEL + j] : 0;
}

static void transpose(const struct mlp *m, struct mlp_pass pass, const float *params,
                      float *transposed, size_t part, size_t n_parts)
{
    for (size_t l = first_transposed(m, pass); l < m->n_layers; l++) {
        const struct mlp_layer *layer = &m->layer[l];
        const size_t n_inputs = layer->n_inputs, n_outputs = layer->n_outputs;
        const float *from = params + layer->weight;
        float *to = transposed + layer->transposed;
        size_t first, count;
        team_share(n_outputs, MLP_LANES, n_parts, part, &first, &count);
        for (size_t j = first; j < first + count; j += MLP_LANES) {
            const size_t left = first + count - j, n_j = left < MLP_LANES ? left : MLP_LANES;
            for (size_t k = 0; k < n_inputs; k += MLP_LANES)
                transpose_block(n_inputs - k, from + mlp_packed(n_inputs, k, j), n_j,
                                to + mlp_packed(n_outputs, j, k));
        }
    }
}

static void pack(const struct mlp *m, struct mlp_pass pass, const float *params, uint32_t *words,
                 size_t part, size_t n_parts)
{
    size_t number = 0; /* of a panel, over all layers */
    for (size_t l = 0; l < m->n_layers; l++) {
        const struct mlp_layer *layer = &m->layer[l];
        const size_t n_inputs = layer->n_inputs, n_outputs = layer->n_outputs;
        const size_t pair_panel = blocks(n_inputs) / 2UL * MLP_PANEL;
        const size_t transposed_panel = blocks(n_outputs) / 2UL * MLP_PANEL;
        uint32_t *transposed = words + m->n_pairs + layer->transposed_pairs;
        uint32_t *rest = words + m->n_pairs + layer->pairs;
        const bool is_transposed = l >= first_transposed(m, pass);
        const bool has_rest = pass.precision == PRECISION_BF16X2;
        for (size_t p = 0; p * MLP_PANEL < n_outputs; p++)
            if (number++ % n_parts == part)
                m->kernel->bf16->pack(
                    n_inputs, params + layer->weight + p * n_inputs * MLP_PANEL,
                    words + layer->pairs + p * pair_panel, has_rest ? rest + p * pair_panel : NULL,
                    is_transposed ? transposed + p * KERNEL_PAIRS * MLP_PANEL : NULL,
                    transposed_panel);
    }
}

void mlp_derive(const struct mlp *m, struct mlp_pass pass, const float *params, void *derived,
                size_t part, size_t n_parts)
{
    if (pass.precision != PRECISION_FP32)
        pack(m, pass, params, derived, part, n_parts);
    else
        transpose(m, pass, params, derived, part, n_parts);
}
