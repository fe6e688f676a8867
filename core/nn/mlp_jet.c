/*
 * The planes of a jet are one matrix [P n, ld]: the rows of values, then those of each axis, then
 * those of the Laplacian.  A layer multiplies the first n rows with the bias, all others at once
 * without; with relu it is a product for each axis, masked by the values' signs.
 */
#include "core/nn/mlp_jet.h"

#include <assert.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp_layout.h"

struct mlp_jet {
    size_t n_axes;
    bool has_laplacian;
    size_t row[MLP_MAX_LAYERS + 1]; /* floats from a row of h[l] to the next */
    float *h[MLP_MAX_LAYERS + 1];   /* [P * MLP_JET_TILE, row[l]]; h[0] the input, the last raw */
    float *slope, *curvature;       /* act' and act'' of one row of z */
    float *block;                   /* all of them */
};

enum status mlp_check_laplacian(const struct mlp *m, struct error *err)
{
    if (m->spec.n_hidden_layers > 0 && m->spec.activation == ACTIVATION_RELU)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "a network of relu is flat between its kinks: its Laplacian would not "
                         "tell how the values bend (that of tanh or sin does)");
    if (m->spec.output_activation == ACTIVATION_RELU)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "the output passes through relu, which has no second derivative at its "
                         "kink: there is no Laplacian (linear and sigmoid outputs have one)");
    return STATUS_OK;
}

/* Rows of a jet's matrix for n points. */
static size_t rows_of(const struct mlp_jet *j, size_t n)
{
    return (1 + j->n_axes + j->has_laplacian) * n;
}

/* Give out the block; NULL: only count its floats. */
static size_t lay_out(struct mlp_jet *j, const struct mlp *m, float *block)
{
    const size_t rows = rows_of(j, MLP_JET_TILE), n_layers = m->n_layers;
    size_t n = 0;
    for (size_t l = 0; l <= n_layers; l++) {
        if (l > 2 && l < n_layers) { /* hidden layers read and write two buffers in turns */
            j->h[l] = j->h[l - 2];
            continue;
        }
        j->h[l] = block ? block + n : NULL;
        n += rows * j->row[l];
    }
    j->slope = block ? block + n : NULL;
    j->curvature = block ? block + n + mlp_padded(m->spec.width) : NULL;
    return n + 2 * mlp_padded(m->spec.width);
}

enum status mlp_jet_create(struct mlp_jet **out, const struct mlp *m, size_t n_axes,
                           bool has_laplacian, struct error *err)
{
    assert(!has_laplacian || mlp_check_laplacian(m, NULL) == STATUS_OK);
    struct mlp_jet *j = mem_alloc(sizeof *j);
    if (!j)
        return error_status(err, STATUS_NO_MEMORY);
    j->n_axes = n_axes;
    j->has_laplacian = has_laplacian;
    for (size_t l = 0; l <= m->n_layers; l++) {
        const size_t n_columns = l == 0 ? m->spec.n_inputs : m->layer[l - 1].n_outputs;
        j->row[l] = mlp_padded(n_columns) + MLP_LANES; /* no power of two, as in a tile */
    }
    j->block = mem_alloc_floats(lay_out(j, m, NULL));
    if (!j->block) {
        mlp_jet_free(j);
        return error_status(err, STATUS_NO_MEMORY);
    }
    lay_out(j, m, j->block);
    *out = j;
    return STATUS_OK;
}

void mlp_jet_free(struct mlp_jet *j)
{
    if (!j)
        return;
    mem_free(j->block);
    mem_free(j);
}

float *mlp_jet_input(struct mlp_jet *j, size_t *ld)
{
    *ld = j->row[0];
    return j->h[0];
}

/* Rows first … first + n - 1 of h[l] through the affine map of layer l. */
static void multiply(const struct mlp *m, const float *params, const struct mlp_jet *j, size_t l,
                     size_t first, size_t n, enum gemm_epilogue epilogue, const float *bias,
                     const float *mask)
{
    const struct mlp_layer *layer = &m->layer[l];
    const struct gemm g = {
        .m = n,
        .n = mlp_padded(layer->n_outputs),
        .k = layer->n_inputs,
        .a = j->h[l] + first * j->row[l],
        .a_row = j->row[l],
        .a_step = 1,
        .b = params + layer->weight,
        .b_step = MLP_PANEL,
        .b_panel = layer->n_inputs * MLP_PANEL,
        .c = j->h[l + 1] + first * j->row[l + 1],
        .c_row = j->row[l + 1],
        .c_panel = MLP_PANEL,
        .epilogue = epilogue,
        .bias = bias,
        .mask = mask,
        .mask_row = j->row[l + 1],
    };
    m->kernel->gemm(&g);
}

static void relu_layer(const struct mlp *m, const float *params, const struct mlp_jet *j, size_t n,
                       size_t l)
{
    multiply(m, params, j, l, 0, n, GEMM_RELU, params + m->layer[l].bias, NULL);
    for (size_t s = 0; s < j->n_axes; s++)
        multiply(m, params, j, l, (1 + s) * n, n, GEMM_MASK, NULL, j->h[l + 1]);
}

/* z of one point becomes h = act(z); act' and act'' are left in slope and curvature. */
static void activate(const struct mlp *m, const struct mlp_jet *j, float *z)
{
    const size_t columns = mlp_padded(m->spec.width);
    if (m->spec.activation == ACTIVATION_TANH) {
        m->kernel->tanh(columns, z);
        for (size_t k = 0; k < columns; k++) {
            j->slope[k] = 1 - z[k] * z[k];
            j->curvature[k] = -2 * z[k] * j->slope[k];
        }
        return;
    }
    const float square = (float)(m->spec.omega * m->spec.omega);
    m->kernel->sine(columns, m->spec.omega, z, j->slope);
    for (size_t k = 0; k < columns; k++)
        j->curvature[k] = -square * z[k];
}

/* The derivatives of z of one point become those of h.  d_z: the row of the first axis; plane:
 * floats from one axis to the next. */
static void chain(const struct mlp_jet *j, size_t columns, float *d_z, size_t plane)
{
    const float *slope = j->slope, *curvature = j->curvature;
    if (j->has_laplacian) {
        float *laplacian = d_z + j->n_axes * plane;
        for (size_t k = 0; k < columns; k++)
            laplacian[k] *= slope[k];
        for (size_t s = 0; s < j->n_axes; s++) {
            const float *along = d_z + s * plane;
            for (size_t k = 0; k < columns; k++)
                laplacian[k] += curvature[k] * (along[k] * along[k]);
        }
    }
    for (size_t s = 0; s < j->n_axes; s++) {
        float *along = d_z + s * plane;
        for (size_t k = 0; k < columns; k++)
            along[k] *= slope[k];
    }
}

static void smooth_layer(const struct mlp *m, const float *params, const struct mlp_jet *j,
                         size_t n, size_t l)
{
    const size_t row = j->row[l + 1], plane = n * row;
    multiply(m, params, j, l, 0, n, GEMM_STORE, params + m->layer[l].bias, NULL);
    multiply(m, params, j, l, n, rows_of(j, n) - n, GEMM_STORE, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        float *z = j->h[l + 1] + i * row;
        activate(m, j, z);
        chain(j, mlp_padded(m->spec.width), z + plane, plane);
    }
}

void mlp_jet_forward(const struct mlp *m, const float *params, struct mlp_jet *j, size_t n,
                     float *values, float *gradient, float *laplacian)
{
    const size_t last = m->n_layers - 1, n_outputs = m->spec.n_outputs, n_axes = j->n_axes;
    for (size_t l = 0; l < last; l++)
        if (m->spec.activation == ACTIVATION_RELU)
            relu_layer(m, params, j, n, l);
        else
            smooth_layer(m, params, j, n, l);
    multiply(m, params, j, last, 0, n, GEMM_STORE, params + m->layer[last].bias, NULL);
    multiply(m, params, j, last, n, rows_of(j, n) - n, GEMM_STORE, NULL, NULL);

    const enum activation output = m->spec.output_activation;
    const size_t row = j->row[last + 1], plane = n * row;
    for (size_t i = 0; i < n * n_outputs; i++) {
        const float *raw = j->h[last + 1] + i / n_outputs * row + i % n_outputs;
        const float value = activation_output(output, raw[0]);
        const float slope = activation_output_slope(output, value);
        float squares = 0;
        for (size_t s = 0; s < n_axes; s++) {
            const float along = raw[(1 + s) * plane];
            squares += along * along;
            gradient[i * n_axes + s] = slope * along;
        }
        values[i] = value;
        if (laplacian)
            laplacian[i] = slope * raw[(1 + n_axes) * plane] +
                           activation_output_curvature(output, value) * squares;
    }
}
