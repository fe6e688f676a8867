#include "core/field/field.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/stepper.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp_jet.h"

struct field {
    struct encoding *encoding;
    struct mlp *mlp;
    const struct kernel *kernel;
    struct domain domain;
    float length;      /* of a value of 1; 0: values are no lengths */
    size_t n_inputs;   /* D */
    size_t n_outputs;  /* C */
    size_t n_encoding; /* floats of the encoding's part of params */
    size_t n_params;
    float *params;
    size_t n_mask;
    uint8_t *mask; /* NULL: none */
};

struct field_workspace {
    struct mlp_pass pass;
    struct mlp_tile *tile;
    const uint32_t *split; /* weights of a pass in bf16; borrowed */
    /* FIELD_GRADIENTS and FIELD_LAPLACIANS instead of tile: */
    enum field_use use;
    struct mlp_jet *jet;
    float *values;    /* [MLP_JET_TILE, C] */
    float *gradient;  /* [MLP_JET_TILE, C, D] */
    float *laplacian; /* [MLP_JET_TILE, C] */
};

enum status field_create(struct field **out, const struct field_spec *spec,
                         const struct kernel *kernel, struct error *err)
{
    struct mlp_spec network = spec->network;
    struct field *f = mem_alloc(sizeof *f);
    if (!f)
        return error_status(err, STATUS_NO_MEMORY);
    f->kernel = kernel;
    f->domain = spec->domain;
    f->length = (float)spec->length;
    enum status status = encoding_create(&f->encoding, &spec->encoding, err);
    if (status != STATUS_OK)
        goto out;
    network.n_inputs = encoding_n_features(f->encoding);
    status = mlp_create(&f->mlp, &network, kernel, err);
    if (status != STATUS_OK)
        goto out;
    f->n_inputs = encoding_n_inputs(f->encoding);
    f->n_outputs = network.n_outputs;
    if (spec->domain.n_dims != f->n_inputs) {
        status = error_set(err, STATUS_INVALID, "/encoding",
                           "the encoding takes %zu inputs, the domain has %zu", f->n_inputs,
                           spec->domain.n_dims);
        goto out;
    }
    f->n_encoding = encoding_n_params(f->encoding);
    f->n_params = f->n_encoding + mlp_n_params(f->mlp);
    f->params = mem_alloc_floats(f->n_params);
    f->n_mask = spec->n_mask;
    if (f->n_mask > 0)
        f->mask = mem_alloc_array(f->n_mask, 1);
    if (f->mask)
        memset(f->mask, 0xff, f->n_mask);
    if (!f->params || (f->n_mask > 0 && !f->mask)) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    *out = f;
    f = NULL;
out:
    field_free(f);
    return status;
}

void field_free(struct field *f)
{
    if (!f)
        return;
    encoding_free(f->encoding);
    mlp_free(f->mlp);
    mem_free(f->params);
    mem_free(f->mask);
    mem_free(f);
}

void field_init(struct field *f, const struct field_spec *spec, uint64_t seed)
{
    encoding_init(f->encoding, &spec->encoding, seed, f->params);
    mlp_init(f->mlp, seed, f->params + f->n_encoding);
}

size_t field_n_inputs(const struct field *f)
{
    return f->n_inputs;
}

size_t field_n_outputs(const struct field *f)
{
    return f->n_outputs;
}

const struct domain *field_domain(const struct field *f)
{
    return &f->domain;
}

const struct encoding *field_encoding(const struct field *f)
{
    return f->encoding;
}

const struct mlp *field_mlp(const struct field *f)
{
    return f->mlp;
}

const struct kernel *field_kernel(const struct field *f)
{
    return f->kernel;
}

float field_length(const struct field *f)
{
    return f->length;
}

size_t field_n_parameters(const struct field *f)
{
    return mlp_n_parameters(f->mlp) + encoding_n_parameters(f->encoding);
}

size_t field_n_params(const struct field *f)
{
    return f->n_params;
}

float *field_params(struct field *f)
{
    return f->params;
}

const float *field_params_const(const struct field *f)
{
    return f->params;
}

size_t field_n_mask(const struct field *f)
{
    return f->n_mask;
}

uint8_t *field_mask(struct field *f)
{
    return f->mask;
}

const uint8_t *field_mask_const(const struct field *f)
{
    return f->mask;
}

void field_swap_params(struct field *f, float *block)
{
    for (size_t i = 0; i < f->n_params; i++) {
        const float value = f->params[i];
        f->params[i] = block[i];
        block[i] = value;
    }
}

void field_trainable_range(const struct field *f, size_t *first, size_t *count)
{
    *first = encoding_n_table(f->encoding) + encoding_n_fixed(f->encoding);
    *count = f->n_params - *first;
}

/* --- estimates --- */

/* What a spec comes to.  Encoding and network without their numbers are small: they are made and
 * freed to ask them. */
struct outline {
    size_t n_params, n_table, n_inputs, n_outputs, n_features;
    size_t n_table_features;                  /* columns of the levels */
    bool is_trained;                          /* the encoding */
    size_t n_derived, tile_train, tile_query; /* words of 4 bytes */
};

static bool outline_of(const struct field_spec *spec, enum precision precision, struct outline *out)
{
    struct mlp_pass training = {.training = true, .precision = precision};
    struct mlp_spec network = spec->network;
    struct encoding *encoding = NULL;
    struct mlp *mlp = NULL;
    bool ok = false;
    if (encoding_create(&encoding, &spec->encoding, NULL) != STATUS_OK)
        goto out;
    network.n_inputs = encoding_n_features(encoding);
    training.inputs = encoding_is_trainable(encoding);
    size_t n_table_features = 0;
    for (size_t l = 0; l < encoding_n_levels(encoding); l++)
        n_table_features += encoding_level(encoding, l).n_columns;
    if (mlp_create(&mlp, &network, kernel_find(NULL), NULL) != STATUS_OK)
        goto out;
    *out = (struct outline){
        .n_params = encoding_n_params(encoding) + mlp_n_params(mlp),
        .n_table = encoding_n_table(encoding),
        .n_table_features = n_table_features,
        .is_trained = training.inputs,
        .n_inputs = encoding_n_inputs(encoding),
        .n_outputs = network.n_outputs,
        .n_features = network.n_inputs,
        .n_derived = mlp_n_derived(mlp, training),
        .tile_train = mlp_tile_words(mlp, training),
        .tile_query = mlp_tile_words(mlp, (struct mlp_pass){.training = false}),
    };
    ok = true;
out:
    encoding_free(encoding);
    mlp_free(mlp);
    return ok;
}

/* Structures, stacks that are touched, rounding of allocations. */
static const size_t overhead_bytes = (size_t)64 << 10;

size_t field_query_bytes(const struct field_spec *spec)
{
    struct outline o;
    if (!outline_of(spec, PRECISION_FP32, &o))
        return SIZE_MAX;
    return (o.n_params + o.tile_query) * sizeof(float) + overhead_bytes;
}

size_t field_train_bytes(const struct field_spec *spec, enum precision precision,
                         enum optimizer_type optimizer, size_t batch_size, size_t n_threads)
{
    struct outline o;
    if (!outline_of(spec, precision, &o))
        return SIZE_MAX;
    /* weights and moments, the gradients of the batch's parts, and of the tables */
    const size_t n_parts = n_threads < 2 ? 2 : n_threads;
    const size_t blocks = o.n_params * (1 + optimizer_n_moments(optimizer)) +
                          (o.n_params - o.n_table) * n_parts + o.n_table / 64 * 65;
    const size_t kept = o.n_table ? batch_size * (o.n_inputs + o.n_table_features) : 0;
    const size_t points = MLP_TILE * (o.n_inputs + 4 * o.n_outputs +
                                      (o.is_trained ? o.n_features + 2UL * MLP_LANES : 0));
    const size_t tiles = o.tile_train + points + o.tile_query /* of an evaluation */;
    return (blocks + kept + o.n_derived + tiles * n_threads) * sizeof(float) +
           overhead_bytes * (n_threads + 1);
}

size_t field_save_bytes(const struct field_spec *spec, enum optimizer_type optimizer)
{
    struct outline o;
    if (!outline_of(spec, PRECISION_FP32, &o))
        return SIZE_MAX;
    /* the checkpoint as tensors and as a file, the weights' file */
    const size_t blocks = 2 * (1 + optimizer_n_moments(optimizer)) + 1;
    return o.n_params * blocks * sizeof(float) + overhead_bytes;
}

size_t field_block_bytes(const struct field_spec *spec)
{
    struct outline o;
    return outline_of(spec, PRECISION_FP32, &o) ? o.n_params * sizeof(float) : SIZE_MAX;
}

double field_query_flops(const struct field *f)
{
    double multiply_adds = encoding_multiply_adds(f->encoding);
    for (size_t l = 0; l < mlp_n_layers(f->mlp); l++) {
        size_t n_out, n_in;
        mlp_layer_shape(f->mlp, l, &n_out, &n_in);
        multiply_adds += (double)n_out * (double)n_in;
    }
    return 2.0 * multiply_adds;
}

/* --- queries --- */

static enum status make_jet(struct field_workspace *w, const struct field *f, struct error *err)
{
    const size_t n_values = MLP_JET_TILE * f->n_outputs;
    const bool has_laplacian = w->use == FIELD_LAPLACIANS;
    w->values = mem_alloc_floats(n_values);
    w->gradient = mem_alloc_floats(n_values * f->n_inputs);
    w->laplacian = has_laplacian ? mem_alloc_floats(n_values) : NULL;
    if (!w->values || !w->gradient || (has_laplacian && !w->laplacian))
        return error_status(err, STATUS_NO_MEMORY);
    return mlp_jet_create(&w->jet, f->mlp, f->n_inputs, has_laplacian, err);
}

enum status field_workspace_create(struct field_workspace **out, const struct field *f,
                                   enum field_use use, struct error *err)
{
    struct field_workspace *w = mem_alloc(sizeof *w);
    if (!w)
        return error_status(err, STATUS_NO_MEMORY);
    w->use = use;
    enum status status =
        use == FIELD_VALUES ? mlp_tile_create(&w->tile, f->mlp, w->pass, err) : make_jet(w, f, err);
    if (status == STATUS_OK)
        *out = w;
    else
        field_workspace_free(w);
    return status;
}

static const struct mlp_pass split_pass = {.precision = PRECISION_BF16X2};

size_t field_n_split(const struct field *f)
{
    return mlp_n_derived(f->mlp, split_pass);
}

uint32_t *field_split(const struct field *f)
{
    void *split = mem_alloc_floats(field_n_split(f));
    if (split)
        mlp_derive(f->mlp, split_pass, f->params + f->n_encoding, split, 0, 1);
    return split;
}

enum status field_workspace_create_split(struct field_workspace **out, const struct field *f,
                                         const uint32_t *split, struct error *err)
{
    struct field_workspace *w = mem_alloc(sizeof *w);
    if (!w)
        return error_status(err, STATUS_NO_MEMORY);
    w->pass = split_pass;
    w->split = split;
    enum status status = mlp_tile_create(&w->tile, f->mlp, w->pass, err);
    if (status == STATUS_OK)
        *out = w;
    else
        field_workspace_free(w);
    return status;
}

void field_workspace_free(struct field_workspace *w)
{
    if (!w)
        return;
    mlp_tile_free(w->tile);
    mlp_jet_free(w->jet);
    mem_free(w->values);
    mem_free(w->gradient);
    mem_free(w->laplacian);
    mem_free(w);
}

/* One tile forward: n <= MLP_TILE points. */
static void query_tile(const struct field *f, struct field_workspace *w, size_t n,
                       const float *unit, float *values)
{
    size_t ld;
    float *input = mlp_tile_input(w->tile, &ld);
    encoding_forward(f->encoding, f->kernel, f->params, n, unit, input, ld);
    mlp_forward(f->mlp, f->params + f->n_encoding, w->split, w->tile, n, NULL, values);
}

void field_query(const struct field *f, struct field_workspace *w, size_t n, const float *unit,
                 float *values)
{
    for (size_t first = 0; first < n; first += MLP_TILE) {
        size_t count = n - first < MLP_TILE ? n - first : MLP_TILE;
        query_tile(f, w, count, unit + first * f->n_inputs, values + first * f->n_outputs);
    }
}

enum status field_split_error(const struct field *f, const uint32_t *split, float *out,
                              struct error *err)
{
    enum { N_POINTS = 1024 };
    struct field_workspace *exact = NULL, *rough = NULL;
    const size_t n_coords = N_POINTS * f->n_inputs, n_values = N_POINTS * f->n_outputs;
    float *unit = mem_alloc_floats(n_coords + 2 * n_values);
    if (!unit)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = field_workspace_create(&exact, f, FIELD_VALUES, err);
    if (status == STATUS_OK)
        status = field_workspace_create_split(&rough, f, split, err);
    if (!exact || !rough)
        goto out;
    float *a = unit + n_coords, *b = a + n_values;
    struct rng rng = rng_at(0, RNG_PROBE, 0);
    for (size_t i = 0; i < n_coords; i++)
        unit[i] = (float)rng_uniform(&rng);
    field_query(f, exact, N_POINTS, unit, a);
    field_query(f, rough, N_POINTS, unit, b);
    *out = 0;
    for (size_t i = 0; i < n_values && !isnan(*out); i++) {
        const float error = fabsf(a[i] - b[i]);
        *out = error <= *out ? *out : error; /* NaN is not */
    }
out:
    field_workspace_free(exact);
    field_workspace_free(rough);
    mem_free(unit);
    return status;
}

/* --- derivatives --- */

size_t field_n_passes(const struct field *f, enum field_use use)
{
    switch (use) {
    case FIELD_GRADIENTS:
        return 1 + f->n_inputs;
    case FIELD_LAPLACIANS:
        return 2 + f->n_inputs;
    default:
        return 1;
    }
}

enum status field_check_laplacian(const struct field *f, struct error *err)
{
    enum status status = encoding_check_laplacian(f->encoding, err);
    return status == STATUS_OK ? mlp_check_laplacian(f->mlp, err) : status;
}

static struct encoding_axes axes_of(const struct field *f, bool in_source)
{
    struct encoding_axes axes;
    for (size_t r = 0; r < LIMIT_DIMS; r++)
        for (size_t s = 0; s < LIMIT_DIMS; s++)
            axes.d_x[r][s] = in_source ? f->domain.matrix[r][s] : r == s ? 1.0 : 0.0;
    return axes;
}

/* The numbers of rows first, first + 1, … of what was asked for. */
static void copy_rows(float *to, size_t first, const float *from, size_t n_rows, size_t n_columns)
{
    if (to)
        memcpy(to + first * n_columns, from, n_rows * n_columns * sizeof *to);
}

void field_derivatives(const struct field *f, struct field_workspace *w, size_t n,
                       const float *unit, bool in_source, const struct field_outputs *out)
{
    const struct encoding_axes axes = axes_of(f, in_source);
    const size_t n_outputs = f->n_outputs;
    size_t ld;
    float *input = mlp_jet_input(w->jet, &ld);
    for (size_t first = 0; first < n; first += MLP_JET_TILE) {
        const size_t count = n - first < MLP_JET_TILE ? n - first : MLP_JET_TILE;
        encoding_jet(f->encoding, f->kernel, f->params, count, unit + first * f->n_inputs, &axes,
                     w->use == FIELD_LAPLACIANS, input, ld);
        mlp_jet_forward(f->mlp, f->params + f->n_encoding, w->jet, count, w->values, w->gradient,
                        w->laplacian);
        copy_rows(out->values, first, w->values, count, n_outputs);
        copy_rows(out->gradient, first, w->gradient, count, n_outputs * f->n_inputs);
        copy_rows(out->laplacian, first, w->laplacian, count, n_outputs);
    }
}

static void scale_rows(const struct field *f, size_t n, float *rows)
{
    for (size_t i = 0; rows && i < n; i++)
        rows[i] *= f->length;
}

void field_outputs_to_source(const struct field *f, size_t n, const struct field_outputs *out)
{
    if (f->length == 0.0f)
        return;
    scale_rows(f, n * f->n_outputs, out->values);
    scale_rows(f, n * f->n_outputs * f->n_inputs, out->gradient);
    scale_rows(f, n * f->n_outputs, out->laplacian);
}
