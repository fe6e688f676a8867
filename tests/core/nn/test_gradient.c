/*
 * Gradients of every encoding x activation x output x loss, taken from the tables, so that a new
 * row is tested the day it is registered: the twin's against differences of its own loss, then the
 * engine's, on every kernel this processor runs, against the twin's.  And the derivatives of
 * the values along axes, against differences of the twin's values.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/encoding.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"
#include "core/nn/loss.h"
#include "core/nn/mlp.h"
#include "core/nn/mlp_jet.h"
#include "tests/support/compare.h"
#include "tests/support/small_encoding.h"
#include "tests/support/twin.h"

static const struct mlp_pass training = {.training = true, .inputs = true};

enum { N_POINTS = 3, N_OUTPUTS = 2, MAX_PARAMS = 2048 };

static const double explicit_b[] = {0.5, -1, 0.25, 2, 0.75, -0.5, 1.5, 1, -2};
static const double explicit_a[] = {1, 0, 0.5}; /* one amplitude that has yet to be learned */

/* One field, its data, and the same field as the twin sees it. */
struct fixture {
    struct encoding *encoding;
    struct mlp *mlp;
    size_t n_encoding;
    float *params;
    struct twin twin;
    float x[N_POINTS * LIMIT_DIMS], targets[N_POINTS * N_OUTPUTS];
    double x_twin[N_POINTS * LIMIT_DIMS], targets_twin[N_POINTS * N_OUTPUTS];
};

static void to_doubles(size_t n, const float *from, double *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (double)from[i];
}

/* Where tensor i of the twin's encoding ends. */
static size_t tensor_end(const struct twin *t, size_t i)
{
    return i + 1 < t->encoding.n_tensors ? t->encoding.tensor[i + 1] : t->encoding.n_params;
}

/* A block in the engine's layout, as one in the twin's. */
static void to_twin(const struct fixture *f, const float *block, double *out)
{
    const struct twin *t = &f->twin;
    float w[MAX_PARAMS], b[MAX_PARAMS];
    assert_int_equal(encoding_n_tensors(f->encoding), t->encoding.n_tensors);
    for (size_t i = 0; i < t->encoding.n_tensors; i++) {
        const struct encoding_tensor tensor = encoding_tensor(f->encoding, i);
        const size_t n = tensor.n_rows * (tensor.n_columns ? tensor.n_columns : 1);
        assert_int_equal(n, tensor_end(t, i) - t->encoding.tensor[i]);
        encoding_export(f->encoding, block, i, w);
        to_doubles(n, w, out + t->encoding.tensor[i]);
    }
    for (size_t l = 0; l < t->n_layers; l++) {
        const struct twin_layer *layer = &t->layer[l];
        mlp_export_layer(f->mlp, block + f->n_encoding, l, w, b);
        to_doubles(layer->n_outputs * layer->n_inputs, w, out + layer->weight);
        to_doubles(layer->n_outputs, b, out + layer->bias);
    }
}

static void draw_data(struct fixture *f, uint64_t seed)
{
    const size_t n_inputs = f->twin.encoding.n_inputs;
    struct rng rng = rng_at(seed, RNG_SAMPLE, 0);
    for (size_t i = 0; i < N_POINTS * n_inputs; i++)
        f->x[i] = (float)rng_uniform(&rng);
    for (size_t i = 0; i < N_POINTS * N_OUTPUTS; i++)
        f->targets[i] = (float)rng_uniform(&rng);
    to_doubles(N_POINTS * n_inputs, f->x, f->x_twin);
    to_doubles(N_POINTS * N_OUTPUTS, f->targets, f->targets_twin);
}

static double largest(size_t n, const double *x)
{
    double result = 0;
    for (size_t i = 0; i < n; i++)
        result = fmax(result, fabs(x[i]));
    return result;
}

/* No relu is near its kink, no point near the edge of a cell and no value near its target, where
 * differences would see two slopes, and not all of them are off. */
static bool is_worth_testing(const struct fixture *f)
{
    double d_params[MAX_PARAMS], d_x[N_POINTS * LIMIT_DIMS];
    if (twin_margin(&f->twin, N_POINTS, f->x_twin, f->targets_twin) < 0.01)
        return false;
    twin_backward(&f->twin, LOSS_MSE, N_POINTS, f->x_twin, f->targets_twin, d_params, d_x);
    return largest(f->twin.n_params, d_params) > 0.01 &&
           largest(N_POINTS * f->twin.encoding.n_inputs, d_x) > 0.001;
}

static void fixture_init(struct fixture *f, const struct encoding_spec *encoding,
                         const struct mlp_spec *network, const struct kernel *kernel, uint64_t seed)
{
    struct mlp_spec spec = *network;
    memset(f, 0, sizeof *f);
    assert_int_equal(encoding_create(&f->encoding, encoding, NULL), STATUS_OK);
    spec.n_inputs = encoding_n_features(f->encoding);
    assert_int_equal(mlp_create(&f->mlp, &spec, kernel, NULL), STATUS_OK);
    f->n_encoding = encoding_n_params(f->encoding);
    f->params = mem_alloc_floats(f->n_encoding + mlp_n_params(f->mlp));
    assert_non_null(f->params);
    twin_init(&f->twin, encoding, &spec);
    assert_true(f->twin.n_params <= MAX_PARAMS);
    do {
        encoding_init(f->encoding, encoding, seed, f->params);
        small_encoding_enlarge_tables(f->encoding, f->params);
        mlp_init(f->mlp, seed, f->params + f->n_encoding);
        to_twin(f, f->params, f->twin.params);
        draw_data(f, seed++);
    } while (!is_worth_testing(f));
}

static void fixture_deinit(struct fixture *f)
{
    twin_deinit(&f->twin);
    mem_free(f->params);
    mlp_free(f->mlp);
    encoding_free(f->encoding);
}

/* Each tensor of a gradient against another: relative to the tensor's largest number, or to 1/1000
 * of the whole gradient's where a tensor has (almost) none. */
static double worst_tensor(const struct twin *t, const double *values, const double *expected)
{
    size_t start[TWIN_MAX_TENSORS + 2 * (LIMIT_HIDDEN_LAYERS + 1) + 1], n = 0;
    while (n < t->encoding.n_tensors) {
        start[n] = t->encoding.tensor[n];
        n++;
    }
    for (size_t l = 0; l < t->n_layers; l++) {
        start[n++] = t->layer[l].weight;
        start[n++] = t->layer[l].bias;
    }
    start[n] = t->n_params;

    const double floor = largest(t->n_params, expected) / 1000;
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t count = start[i + 1] - start[i];
        const double *e = expected + start[i];
        const double scale = fmax(largest(count, e), floor);
        worst = fmax(worst, compare_absolute(count, values + start[i], e) / scale);
    }
    return worst;
}

static void check_twin(struct fixture *f, enum loss loss)
{
    struct twin *t = &f->twin;
    const size_t n_x = N_POINTS * t->encoding.n_inputs;
    double d_params[MAX_PARAMS], d_x[N_POINTS * LIMIT_DIMS];
    double slopes[MAX_PARAMS], slopes_x[N_POINTS * LIMIT_DIMS];
    bool same_side = true;
    twin_backward(t, loss, N_POINTS, f->x_twin, f->targets_twin, d_params, d_x);
    for (size_t i = 0; i < t->n_params; i++)
        slopes[i] = twin_difference(t, loss, N_POINTS, f->x_twin, f->targets_twin, &t->params[i],
                                    1e-4, &same_side);
    for (size_t i = 0; i < n_x; i++)
        slopes_x[i] = twin_difference(t, loss, N_POINTS, f->x_twin, f->targets_twin, &f->x_twin[i],
                                      1e-4, &same_side);
    assert_true(same_side);
    assert_true(worst_tensor(t, d_params, slopes) < 1e-6);
    assert_true(compare_absolute(n_x, d_x, slopes_x) <
                1e-6 * fmax(largest(n_x, slopes_x), largest(t->n_params, slopes) / 1000));
}

/* The part of the tables, level by level. */
static void scatter(const struct fixture *f, const struct kernel *kernel, const float *d_input,
                    size_t ld, float *d_params)
{
    float d_features[N_POINTS * GRID_MAX_FEATURES];
    uint8_t touched[MAX_PARAMS / GRID_LINE];
    for (size_t l = 0; l < encoding_n_levels(f->encoding); l++) {
        const struct encoding_level level = encoding_level(f->encoding, l);
        for (size_t i = 0; i < N_POINTS; i++)
            memcpy(d_features + i * level.n_columns, d_input + i * ld + level.column,
                   level.n_columns * sizeof *d_features);
        encoding_scatter(f->encoding, kernel, l, N_POINTS, f->x, d_features, d_params + level.first,
                         touched);
    }
}

/* The engine's gradients of the loss: d_params in its own layout, d_x [n, D]. */
static double engine_gradient(const struct fixture *f, const struct kernel *kernel, enum loss loss,
                              float *d_params, float *d_x)
{
    struct mlp_tile *tile = NULL;
    size_t ld;
    float raw[N_POINTS * N_OUTPUTS], values[N_POINTS * N_OUTPUTS], d_raw[N_POINTS * N_OUTPUTS];
    const float *network = f->params + f->n_encoding;
    assert_int_equal(mlp_tile_create(&tile, f->mlp, training, NULL), STATUS_OK);
    float *input = mlp_tile_input(tile, &ld);
    float *d_input = mem_alloc_floats(MLP_TILE * ld);
    float *transposed = mem_alloc_floats(mlp_n_derived(f->mlp, training));
    assert_true(d_input && transposed);

    mlp_derive(f->mlp, training, network, transposed, 0, 1);
    encoding_forward(f->encoding, kernel, f->params, N_POINTS, f->x, input, ld);
    mlp_forward(f->mlp, network, NULL, tile, N_POINTS, raw, values);
    const double result =
        loss_evaluate(loss, mlp_get_spec(f->mlp)->output_activation, N_POINTS * N_OUTPUTS, raw,
                      values, f->targets, 1.0 / (N_POINTS * N_OUTPUTS), d_raw);
    mlp_backward(f->mlp, transposed, tile, N_POINTS, d_raw, d_params + f->n_encoding, d_input);
    encoding_backward(f->encoding, f->params, N_POINTS, f->x, input, d_input, ld,
                      d_params + encoding_n_table(f->encoding), d_x);
    scatter(f, kernel, d_input, ld, d_params);

    mem_free(transposed);
    mem_free(d_input);
    mlp_tile_free(tile);
    return result;
}

static void check_engine(struct fixture *f, const struct kernel *kernel, enum loss loss)
{
    const struct twin *t = &f->twin;
    const size_t n_x = N_POINTS * t->encoding.n_inputs;
    double expected[MAX_PARAMS], expected_x[N_POINTS * LIMIT_DIMS], got[MAX_PARAMS];
    float d_x[N_POINTS * LIMIT_DIMS];
    float *d_params = mem_alloc_floats(f->n_encoding + mlp_n_params(f->mlp));
    assert_non_null(d_params);
    const double result = engine_gradient(f, kernel, loss, d_params, d_x);
    const double loss_twin = twin_loss(t, loss, N_POINTS, f->x_twin, f->targets_twin);
    assert_true(compare_relative_double(1, &result, &loss_twin) < 1e-5);
    twin_backward(t, loss, N_POINTS, f->x_twin, f->targets_twin, expected, expected_x);
    to_twin(f, d_params, got);
    assert_true(worst_tensor(t, got, expected) < 1e-4);
    assert_true(compare_relative(n_x, d_x, expected_x) < 1e-4);
    mem_free(d_params);
}

typedef void (*check_function)(const struct encoding_spec *encoding, const struct mlp_spec *network,
                               enum loss loss, uint64_t seed);

/* Every hidden activation, output and loss that go together. */
static void each_network(const struct encoding_spec *encoding, uint64_t seed, check_function check)
{
    struct mlp_spec network = {
        .n_outputs = N_OUTPUTS, .n_hidden_layers = 2, .width = 4, .omega = 10};
    for (size_t a = 0; a < activation_n_types(); a++)
        for (size_t o = 0; o < activation_n_types(); o++)
            for (size_t loss = 0; loss < loss_n_types(); loss++) {
                if (!activation_is_hidden((enum activation)a) ||
                    !activation_is_output((enum activation)o) ||
                    loss_check((enum loss)loss, (enum activation)o, NULL) != STATUS_OK)
                    continue;
                network.activation = (enum activation)a;
                network.output_activation = (enum activation)o;
                check(encoding, &network, (enum loss)loss, seed);
            }
}

/* Every type but concat and number of inputs, with and without what can be switched on. */
static void each_plain_field(check_function check)
{
    for (size_t type = 0; type < ENCODING_HASHGRID; type++)
        for (size_t n_inputs = 1; n_inputs <= LIMIT_DIMS; n_inputs++)
            for (unsigned flags = 0; flags < 8; flags++) {
                struct encoding_spec encoding = {.type = (enum encoding_type)type,
                                                 .n_inputs = n_inputs,
                                                 .n_frequencies = 3,
                                                 .n_octaves = 2,
                                                 .sigma = 0.5,
                                                 .scale = 1.5,
                                                 .input_range = {-1, 1},
                                                 .normalize = flags & 1,
                                                 .rotate = flags & 2,
                                                 .trainable = flags & 4,
                                                 .b = explicit_b,
                                                 .a = explicit_a};
                if ((encoding.rotate && n_inputs == 1) || (type == ENCODING_NONE && flags != 0))
                    continue;
                each_network(&encoding, 100 * type + 10 * n_inputs + flags, check);
            }
}

/* The first level of a hashgrid is dense, the last ones hashed (in 1-D all are dense). */
static struct encoding_spec grid_of(enum encoding_type type, size_t n_inputs, size_t n_features,
                                    enum interpolation interpolation)
{
    return (struct encoding_spec){.type = type,
                                  .n_inputs = n_inputs,
                                  .n_levels = n_features == 1 ? 3 : 2,
                                  .n_features_per_level = n_features,
                                  .log2_hashmap_size = 5,
                                  .base_resolution = 2,
                                  .finest_resolution = n_inputs == 3 ? 4.2 : 6.3,
                                  .interpolation = interpolation};
}

static void each_grid(check_function check)
{
    for (int type = ENCODING_HASHGRID; type <= ENCODING_DENSEGRID; type++)
        for (size_t n_inputs = 1; n_inputs <= LIMIT_DIMS; n_inputs++)
            for (size_t n_features = 1; n_features <= GRID_MAX_FEATURES; n_features *= 2)
                for (int i = INTERPOLATION_LINEAR; i <= INTERPOLATION_SMOOTHSTEP; i++) {
                    const struct encoding_spec encoding = grid_of(
                        (enum encoding_type)type, n_inputs, n_features, (enum interpolation)i);
                    each_network(&encoding, 2000 * (size_t)type + 10 * n_inputs + n_features,
                                 check);
                }
}

/* Parts of which nothing is fixed, in an order that is not that of their parameters. */
static void each_concat(check_function check)
{
    for (size_t n_inputs = 1; n_inputs <= LIMIT_DIMS; n_inputs++) {
        const struct encoding_spec parts[] = {
            {.type = ENCODING_GAUSSIAN,
             .n_inputs = n_inputs,
             .n_frequencies = 3,
             .sigma = 0.5,
             .trainable = true},
            grid_of(ENCODING_HASHGRID, n_inputs, 4, INTERPOLATION_SMOOTHSTEP),
            {.type = ENCODING_NONE, .n_inputs = n_inputs, .input_range = {-1, 1}},
            grid_of(ENCODING_DENSEGRID, n_inputs, 1, INTERPOLATION_LINEAR),
        };
        const struct encoding_spec encoding = {
            .type = ENCODING_CONCAT, .n_inputs = n_inputs, .n_parts = 4, .parts = parts};
        each_network(&encoding, 10000 + n_inputs, check);
    }
}

static void each_field(check_function check)
{
    each_plain_field(check);
    each_grid(check);
    each_concat(check);
}

static void check_one_twin(const struct encoding_spec *encoding, const struct mlp_spec *network,
                           enum loss loss, uint64_t seed)
{
    if (encoding->trainable) /* the twin learns b and a in any case */
        return;
    struct fixture f;
    fixture_init(&f, encoding, network, kernel_find("portable"), seed);
    check_twin(&f, loss);
    fixture_deinit(&f);
}

static void check_one_engine(const struct encoding_spec *encoding, const struct mlp_spec *network,
                             enum loss loss, uint64_t seed)
{
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++) {
        struct fixture f;
        fixture_init(&f, encoding, network, kernels[k], seed);
        assert_int_equal(encoding_is_trainable(f.encoding),
                         encoding->type >= ENCODING_HASHGRID ||
                             (encoding->trainable && encoding->type != ENCODING_NONE));
        check_engine(&f, kernels[k], loss);
        fixture_deinit(&f);
    }
}

/* --- derivatives of the values along axes --- */

static const struct encoding_axes axes = {{{0.5, -1, 0.25}, {1, 0.5, -0.5}, {0.25, 0, -1}}};

/* gradient [n, C, D] and laplacian [n, C] along the axes, by five-point rules. */
static void differences(const struct fixture *f, double *gradient, double *laplacian)
{
    static const double first[] = {1, -8, 0, 8, -1}, second[] = {-1, 16, -30, 16, -1};
    static const double step = 1e-4;
    const size_t n_inputs = f->twin.encoding.n_inputs;
    double at[N_POINTS * LIMIT_DIMS], values[N_POINTS * N_OUTPUTS];
    memset(gradient, 0, N_POINTS * N_OUTPUTS * n_inputs * sizeof *gradient);
    memset(laplacian, 0, N_POINTS * N_OUTPUTS * sizeof *laplacian);
    for (size_t s = 0; s < n_inputs; s++)
        for (size_t k = 0; k < 5; k++) {
            for (size_t i = 0; i < N_POINTS * n_inputs; i++)
                at[i] = f->x_twin[i] + ((double)k - 2) * step * axes.d_x[i % n_inputs][s];
            twin_forward(&f->twin, N_POINTS, at, NULL, NULL, values);
            for (size_t i = 0; i < N_POINTS * N_OUTPUTS; i++) {
                gradient[i * n_inputs + s] += first[k] * values[i] / (12 * step);
                laplacian[i] += second[k] * values[i] / (12 * step * step);
            }
        }
}

/* What one jet of n points from point `first` on gives. */
struct jet {
    float values[N_POINTS * N_OUTPUTS], gradient[N_POINTS * N_OUTPUTS * LIMIT_DIMS];
    float laplacian[N_POINTS * N_OUTPUTS];
};

static void evaluate_jet(const struct fixture *f, const struct kernel *kernel, bool has_laplacian,
                         size_t first, size_t n, struct jet *out)
{
    const size_t n_inputs = f->twin.encoding.n_inputs;
    struct mlp_jet *jet = NULL;
    size_t ld;
    assert_int_equal(mlp_jet_create(&jet, f->mlp, n_inputs, has_laplacian, NULL), STATUS_OK);
    float *input = mlp_jet_input(jet, &ld);
    memset(out, 0, sizeof *out);
    encoding_jet(f->encoding, kernel, f->params, n, f->x + first * n_inputs, &axes, has_laplacian,
                 input, ld);
    mlp_jet_forward(f->mlp, f->params + f->n_encoding, jet, n, out->values, out->gradient,
                    has_laplacian ? out->laplacian : NULL);
    mlp_jet_free(jet);
}

static void check_jet(const struct fixture *f, const struct kernel *kernel)
{
    const size_t n_inputs = f->twin.encoding.n_inputs, n_values = N_POINTS * N_OUTPUTS;
    const bool has_laplacian = encoding_check_laplacian(f->encoding, NULL) == STATUS_OK &&
                               mlp_check_laplacian(f->mlp, NULL) == STATUS_OK;
    double gradient[N_POINTS * N_OUTPUTS * LIMIT_DIMS], laplacian[N_POINTS * N_OUTPUTS];
    double values[N_POINTS * N_OUTPUTS];
    struct jet all, without, alone;
    differences(f, gradient, laplacian);
    twin_forward(&f->twin, N_POINTS, f->x_twin, NULL, NULL, values);
    evaluate_jet(f, kernel, false, 0, N_POINTS, &without);
    evaluate_jet(f, kernel, has_laplacian, 0, N_POINTS, &all);
    assert_true(compare_relative(n_values, all.values, values) < 1e-5);
    assert_true(compare_relative(n_values * n_inputs, all.gradient, gradient) < 1e-4);
    if (has_laplacian && largest(n_values, laplacian) > 1e-4) /* an affine map has none */
        assert_true(compare_relative(n_values, all.laplacian, laplacian) < 1e-4);
    assert_memory_equal(all.values, without.values, sizeof all.values);
    assert_memory_equal(all.gradient, without.gradient, sizeof all.gradient);
    evaluate_jet(f, kernel, has_laplacian, N_POINTS - 1, 1, &alone);
    const size_t last = (N_POINTS - 1) * N_OUTPUTS, n_bytes = N_OUTPUTS * sizeof(float);
    assert_memory_equal(alone.values, all.values + last, n_bytes);
    assert_memory_equal(alone.gradient, all.gradient + last * n_inputs, n_bytes * n_inputs);
    assert_memory_equal(alone.laplacian, all.laplacian + last, n_bytes);
}

static void check_one_jet(const struct encoding_spec *encoding, const struct mlp_spec *network,
                          enum loss loss, uint64_t seed)
{
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels && loss == LOSS_MSE && !encoding->trainable; k++) {
        struct fixture f;
        fixture_init(&f, encoding, network, kernels[k], seed);
        check_jet(&f, kernels[k]);
        fixture_deinit(&f);
    }
}

static void derivatives_of_the_engine_match_differences_of_the_twin(void **state)
{
    (void)state;
    each_field(check_one_jet);
}

/* The last layer alone is smooth whatever stands between layers that are not there. */
static void laplacian_is_refused_where_relu_takes_part(void **state)
{
    (void)state;
    static const struct {
        enum activation activation, output;
        size_t n_hidden;
        const char *reason; /* NULL: there is one */
    } rows[] = {
        {ACTIVATION_TANH, ACTIVATION_LINEAR, 2, NULL},
        {ACTIVATION_SIN, ACTIVATION_SIGMOID, 1, NULL},
        {ACTIVATION_RELU, ACTIVATION_SIGMOID, 0, NULL},
        {ACTIVATION_RELU, ACTIVATION_SIGMOID, 1, "a network of relu"},
        {ACTIVATION_TANH, ACTIVATION_RELU, 2, "the output passes through relu"},
        {ACTIVATION_RELU, ACTIVATION_RELU, 0, "the output passes through relu"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct mlp_spec spec = {.n_inputs = 4,
                                      .n_outputs = 1,
                                      .n_hidden_layers = rows[i].n_hidden,
                                      .width = 8,
                                      .activation = rows[i].activation,
                                      .output_activation = rows[i].output,
                                      .omega = 30};
        struct mlp *m = NULL;
        struct error err = {0};
        assert_int_equal(mlp_create(&m, &spec, kernel_find("portable"), NULL), STATUS_OK);
        const enum status status = mlp_check_laplacian(m, &err);
        assert_int_equal(status, rows[i].reason ? STATUS_UNSUPPORTED : STATUS_OK);
        assert_string_equal(err.where, "");
        if (rows[i].reason)
            assert_memory_equal(err.message, rows[i].reason, strlen(rows[i].reason));
        mlp_free(m);
    }
}

static void gradients_of_the_twin_match_differences(void **state)
{
    (void)state;
    each_field(check_one_twin);
}

static void gradients_of_the_engine_match_the_twin(void **state)
{
    (void)state;
    each_field(check_one_engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_the_twin_match_differences),
        cmocka_unit_test(gradients_of_the_engine_match_the_twin),
        cmocka_unit_test(derivatives_of_the_engine_match_differences_of_the_twin),
        cmocka_unit_test(laplacian_is_refused_where_relu_takes_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
