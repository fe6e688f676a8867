#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp.h"
#include "core/nn/optimizer.h"
#include "tests/support/alloc.h"
#include "tests/support/compare.h"
#include "tests/support/twin.h"

static const struct mlp_pass training = {.training = true, .inputs = true};

static struct mlp_spec spec_of(size_t n_inputs, size_t width, size_t n_hidden, size_t n_outputs,
                               enum activation activation)
{
    return (struct mlp_spec){.n_inputs = n_inputs,
                             .n_outputs = n_outputs,
                             .n_hidden_layers = n_hidden,
                             .width = width,
                             .activation = activation,
                             .output_activation = ACTIVATION_SIGMOID,
                             .omega = 5};
}

/* A network, its numbers, a tile, and what goes in and out of it. */
struct fixture {
    struct mlp *mlp;
    struct mlp_tile *tile;
    struct mlp_pass pass;
    size_t n_inputs, n_outputs, n_params, ld;
    float *params, *d_params, *derived, *d_input, *input;
    float *x; /* [MLP_TILE, K] */
    float *raw, *values, *d_raw;
};

static float *floats(size_t n)
{
    float *p = mem_alloc_floats(n);
    assert_non_null(p);
    return p;
}

static void fixture_init_for(struct fixture *f, const struct mlp_spec *spec,
                             const struct kernel *kernel, enum precision precision)
{
    f->pass = (struct mlp_pass){.training = true, .inputs = true, .precision = precision};
    assert_int_equal(mlp_create(&f->mlp, spec, kernel, NULL), STATUS_OK);
    assert_int_equal(mlp_tile_create(&f->tile, f->mlp, f->pass, NULL), STATUS_OK);
    f->n_inputs = spec->n_inputs;
    f->n_outputs = spec->n_outputs;
    f->n_params = mlp_n_params(f->mlp);
    f->input = mlp_tile_input(f->tile, &f->ld);
    f->params = floats(f->n_params);
    f->d_params = floats(f->n_params);
    f->derived = floats(mlp_n_derived(f->mlp, f->pass));
    f->d_input = floats(MLP_TILE * f->ld);
    f->x = floats(MLP_TILE * f->n_inputs);
    f->raw = floats(MLP_TILE * f->n_outputs);
    f->values = floats(MLP_TILE * f->n_outputs);
    f->d_raw = floats(MLP_TILE * f->n_outputs);
    mlp_init(f->mlp, 11, f->params);
    mlp_derive(f->mlp, f->pass, f->params, f->derived, 0, 1);
    struct rng rng = rng_at(12, RNG_SAMPLE, 0);
    for (size_t i = 0; i < MLP_TILE * f->n_inputs; i++)
        f->x[i] = (float)(2 * rng_uniform(&rng) - 1);
    for (size_t i = 0; i < MLP_TILE * f->n_outputs; i++)
        f->d_raw[i] = (float)(2 * rng_uniform(&rng) - 1);
}

static void fixture_init(struct fixture *f, const struct mlp_spec *spec,
                         const struct kernel *kernel)
{
    fixture_init_for(f, spec, kernel, PRECISION_FP32);
}

static void fixture_deinit(struct fixture *f)
{
    float *owned[] = {f->params, f->d_params, f->derived, f->d_input,
                      f->x,      f->raw,      f->values,  f->d_raw};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        mem_free(owned[i]);
    mlp_tile_free(f->tile);
    mlp_free(f->mlp);
}

/* Points first … first + n - 1 of x go in, their outputs to raw and values. */
static void forward(struct fixture *f, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memcpy(f->input + i * f->ld, f->x + (first + i) * f->n_inputs,
               f->n_inputs * sizeof *f->input);
    mlp_forward(f->mlp, f->params, f->derived, f->tile, n, f->raw, f->values);
}

/* What of a block in the engine's layout is not reached through its layers: the padding. */
static void assert_padding_is_zero(const struct mlp *m, const float *block)
{
    float *clean = floats(mlp_n_params(m));
    for (size_t l = 0; l < mlp_n_layers(m); l++) {
        size_t n_outputs, n_inputs;
        mlp_layer_shape(m, l, &n_outputs, &n_inputs);
        float *weight = floats(n_outputs * n_inputs), *bias = floats(n_outputs);
        mlp_export_layer(m, block, l, weight, bias);
        mlp_import_layer(m, clean, l, weight, bias);
        mem_free(weight);
        mem_free(bias);
    }
    for (size_t i = 0; i < mlp_n_params(m); i++)
        assert_true(block[i] == clean[i]); /* -0 is as good */
    mem_free(clean);
}

/* --- against the twin --- */

static const struct {
    size_t n_inputs, width, n_hidden, n_outputs;
} shapes[] = {
    {1, 1, 0, 1},      {1, 1, 1, 1},   {2, 3, 1, 64},   {3, 16, 2, 3},
    {5, 17, 3, 4},     {32, 64, 2, 3}, {33, 80, 2, 16}, {7, 112, 1, 2},
    {130, 129, 2, 17}, {40, 9, 16, 3}, {2, 2048, 1, 1},
};

static const enum activation hidden[] = {ACTIVATION_RELU, ACTIVATION_TANH, ACTIVATION_SIN};

static const size_t tile_sizes[] = {1, 5, 6, 50, MLP_TILE};

static struct twin twin_of(const struct fixture *f)
{
    struct twin t;
    const struct encoding_spec none = {
        .type = ENCODING_NONE, .n_inputs = f->n_inputs, .input_range = {0, 1}};
    twin_init(&t, &none, mlp_get_spec(f->mlp));
    for (size_t l = 0; l < t.n_layers; l++) {
        const struct twin_layer *layer = &t.layer[l];
        const size_t n = layer->n_inputs * layer->n_outputs;
        float *weight = floats(n), *bias = floats(layer->n_outputs);
        mlp_export_layer(f->mlp, f->params, l, weight, bias);
        for (size_t i = 0; i < n; i++)
            t.params[layer->weight + i] = (double)weight[i];
        for (size_t i = 0; i < layer->n_outputs; i++)
            t.params[layer->bias + i] = (double)bias[i];
        mem_free(weight);
        mem_free(bias);
    }
    return t;
}

static double *doubles(size_t n, const float *from)
{
    double *p = calloc(n, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; from && i < n; i++)
        p[i] = (double)from[i];
    return p;
}

static void check_against_twin(const struct mlp_spec *spec, const struct kernel *kernel, size_t n,
                               enum precision precision)
{
    const double of_values = precision == PRECISION_BF16 ? 0.03 : 1e-5;
    struct fixture f;
    fixture_init_for(&f, spec, kernel, precision);
    struct twin t = twin_of(&f);
    const size_t count = n * f.n_outputs;
    double *x = doubles(n * f.n_inputs, f.x), *raw = doubles(count, NULL);
    double *values = doubles(count, NULL), *targets = doubles(count, NULL);
    double *d_params = doubles(t.n_params, NULL), *d_x = doubles(n * f.n_inputs, NULL);

    forward(&f, 0, n);
    twin_forward(&t, n, x, NULL, raw, values);
    assert_true(compare_relative(count, f.raw, raw) < of_values);
    assert_true(compare_relative(count, f.values, values) < of_values);

    /* The twin's loss whose gradient with respect to raw is raw - target over the count. */
    t.network.output_activation = ACTIVATION_LINEAR;
    for (size_t i = 0; i < count; i++) {
        targets[i] = raw[i] - (double)f.d_raw[i];
        f.d_raw[i] /= (float)count;
    }
    twin_backward(&t, LOSS_MSE, n, x, targets, d_params, d_x);
    mlp_backward(f.mlp, f.derived, f.tile, n, f.d_raw, f.d_params, f.d_input);
    assert_padding_is_zero(f.mlp, f.d_params);
    /* A relu within rounding of its kink may fall on either side: few of many numbers. */
    /* A relu near its kink may be on here and off there. */
    const bool is_relu = spec->activation == ACTIVATION_RELU;
    const double tolerance = precision == PRECISION_BF16 ? (is_relu ? 0.6 : 0.02)
                             : is_relu                   ? 1e-3
                                                         : 2e-5;
    for (size_t l = 0; l < t.n_layers; l++) {
        const struct twin_layer *layer = &t.layer[l];
        float *weight = floats(layer->n_inputs * layer->n_outputs);
        float *bias = floats(layer->n_outputs);
        mlp_export_layer(f.mlp, f.d_params, l, weight, bias);
        assert_true(compare_relative(layer->n_inputs * layer->n_outputs, weight,
                                     d_params + layer->weight) < tolerance);
        assert_true(compare_relative(layer->n_outputs, bias, d_params + layer->bias) < tolerance);
        mem_free(weight);
        mem_free(bias);
    }
    for (size_t i = 0; i < n && !(is_relu && precision == PRECISION_BF16); i++)
        assert_true(compare_relative(f.n_inputs, f.d_input + i * f.ld, d_x + i * f.n_inputs) <
                    (precision == PRECISION_BF16 ? 0.2 : 2 * tolerance)); /* one point alone */

    free(d_x);
    free(d_params);
    free(targets);
    free(values);
    free(raw);
    free(x);
    twin_deinit(&t);
    fixture_deinit(&f);
}

static void both_passes_match_the_twin_in_every_shape(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            const size_t n = tile_sizes[s % (sizeof tile_sizes / sizeof tile_sizes[0])];
            struct mlp_spec spec = spec_of(shapes[s].n_inputs, shapes[s].width, shapes[s].n_hidden,
                                           shapes[s].n_outputs, hidden[(s + k) % 3]);
            check_against_twin(&spec, kernels[k], n, PRECISION_FP32);
        }
}

/* Rounding to eight bits is seen in every number, more in each layer, but in none as an error. */
static void both_passes_in_bf16_stay_near_the_twin(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0] && kernels[k]->bf16; s++) {
            const size_t n = tile_sizes[s % (sizeof tile_sizes / sizeof tile_sizes[0])];
            if (shapes[s].n_hidden > 3)
                continue; /* sixteen layers of nine units: chaos */
            struct mlp_spec spec = spec_of(shapes[s].n_inputs, shapes[s].width, shapes[s].n_hidden,
                                           shapes[s].n_outputs, hidden[(s + k) % 3]);
            spec.omega = 1;
            check_against_twin(&spec, kernels[k], n, PRECISION_BF16);
        }
}

/* --- a point is a point --- */

static void a_point_has_the_same_value_alone_and_at_every_place(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t a = 0; a < 3; a++) {
            struct fixture f;
            struct mlp_spec spec = spec_of(34, 70, 2, 3, hidden[a]);
            fixture_init(&f, &spec, kernels[k]);
            float expected[3], together[MLP_TILE * 3];
            forward(&f, 0, MLP_TILE);
            memcpy(together, f.values, sizeof together);
            for (size_t i = 0; i < MLP_TILE; i++) {
                forward(&f, i, 1);
                assert_memory_equal(f.values, together + 3 * i, sizeof expected);
            }
            /* one point at every place of tiles of every size, among others */
            forward(&f, 0, 1);
            memcpy(expected, f.values, sizeof expected);
            for (size_t n = 1; n <= 13; n++)
                for (size_t at = 0; at < n; at++) {
                    float kept[34];
                    memcpy(kept, f.x + at * 34, sizeof kept);
                    memcpy(f.x + at * 34, f.x, sizeof kept);
                    forward(&f, 0, n);
                    assert_memory_equal(f.values + 3 * at, expected, sizeof expected);
                    memcpy(f.x + at * 34, kept, sizeof kept);
                }
            fixture_deinit(&f);
        }
}

static void an_inference_tile_gives_the_same_bytes_as_a_training_tile(void **state)
{
    (void)state;
    for (size_t a = 0; a < 3; a++)
        for (size_t n_hidden = 0; n_hidden <= 5; n_hidden++) {
            struct fixture f;
            struct mlp_spec spec = spec_of(20, 40, n_hidden, 3, hidden[a]);
            fixture_init(&f, &spec, kernel_find(NULL));
            float expected[30 * 3];
            forward(&f, 0, 30);
            memcpy(expected, f.values, sizeof expected);
            mlp_tile_free(f.tile);
            assert_int_equal(
                mlp_tile_create(&f.tile, f.mlp, (struct mlp_pass){.training = false}, NULL),
                STATUS_OK);
            f.input = mlp_tile_input(f.tile, &f.ld);
            forward(&f, 0, 30);
            assert_memory_equal(f.values, expected, sizeof expected);
            fixture_deinit(&f);
        }
}

/* What lies in the rows of a tile past n must not reach a gradient. */
static void rows_past_n_do_not_matter(void **state)
{
    (void)state;
    struct fixture f;
    struct mlp_spec spec = spec_of(20, 40, 2, 3, ACTIVATION_RELU);
    fixture_init(&f, &spec, kernel_find(NULL));
    float *expected = floats(f.n_params);
    forward(&f, 0, 7);
    mlp_backward(f.mlp, f.derived, f.tile, 7, f.d_raw, expected, NULL);
    for (size_t i = 0; i < MLP_TILE * f.ld; i++)
        f.input[i] = NAN;
    forward(&f, 0, MLP_TILE);
    for (size_t i = 7 * 20; i < MLP_TILE * 20; i++)
        f.x[i] = NAN;
    forward(&f, 0, MLP_TILE);
    forward(&f, 0, 7);
    mlp_backward(f.mlp, f.derived, f.tile, 7, f.d_raw, f.d_params, NULL);
    assert_memory_equal(f.d_params, expected, f.n_params * sizeof *expected);
    mem_free(expected);
    fixture_deinit(&f);
}

/* The same three promises for bf16: a point is a point, an inference tile gives the same bytes,
 * rows past n do not matter. */
static void bf16_tiles_keep_the_promises_of_tiles(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t a = 0; a < 3 && kernels[k]->bf16; a++)
            for (size_t n_hidden = 0; n_hidden <= 4; n_hidden++) {
                struct fixture f;
                struct mlp_spec spec = spec_of(34, 70, n_hidden, 3, hidden[a]);
                fixture_init_for(&f, &spec, kernels[k], PRECISION_BF16);
                float expected[50 * 3];
                float *gradient = floats(f.n_params);
                forward(&f, 0, 50);
                memcpy(expected, f.values, sizeof expected);
                for (size_t i = 0; i < 50; i++) {
                    forward(&f, i, 1);
                    assert_memory_equal(f.values, expected + 3 * i, 3 * sizeof(float));
                }
                forward(&f, 0, 7);
                mlp_backward(f.mlp, f.derived, f.tile, 7, f.d_raw, gradient, NULL);
                for (size_t i = 7 * 34; i < MLP_TILE * 34; i++)
                    f.x[i] = NAN;
                forward(&f, 0, MLP_TILE);
                forward(&f, 0, 7);
                mlp_backward(f.mlp, f.derived, f.tile, 7, f.d_raw, f.d_params, NULL);
                assert_memory_equal(f.d_params, gradient, f.n_params * sizeof *gradient);
                assert_padding_is_zero(f.mlp, f.d_params);

                mlp_tile_free(f.tile);
                f.pass.training = false;
                assert_int_equal(mlp_tile_create(&f.tile, f.mlp, f.pass, NULL), STATUS_OK);
                f.input = mlp_tile_input(f.tile, &f.ld);
                forward(&f, 0, 7);
                assert_memory_equal(f.values, expected, 7 * 3 * sizeof(float));
                mem_free(gradient);
                fixture_deinit(&f);
            }
}

static void a_tile_learns_the_same_with_and_without_d_input(void **state)
{
    (void)state;
    struct fixture f;
    struct mlp_spec spec = spec_of(20, 40, 1, 3, ACTIVATION_TANH);
    fixture_init(&f, &spec, kernel_find(NULL));
    float *expected = floats(f.n_params), *d_input = floats(MLP_TILE * f.ld);
    forward(&f, 0, 9);
    mlp_backward(f.mlp, f.derived, f.tile, 9, f.d_raw, expected, f.d_input);
    mlp_backward(f.mlp, f.derived, f.tile, 9, f.d_raw, f.d_params, NULL);
    assert_memory_equal(f.d_params, expected, f.n_params * sizeof *expected);
    mlp_backward(f.mlp, f.derived, f.tile, 9, f.d_raw, NULL, d_input);
    for (size_t i = 0; i < 9; i++)
        assert_memory_equal(d_input + i * f.ld, f.d_input + i * f.ld, 20 * sizeof *d_input);
    mem_free(d_input);
    mem_free(expected);
    fixture_deinit(&f);
}

/* --- parameters --- */

static void padding_stays_zero_through_training(void **state)
{
    (void)state;
    const struct optimizer_spec adam = {OPTIMIZER_ADAM, 0.9, 0.999, 1e-8};
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t a = 0; a < 3; a++) {
            struct fixture f;
            struct mlp_spec spec = spec_of(10, 21, 2, 3, hidden[a]);
            fixture_init(&f, &spec, kernels[k]);
            float *moments[] = {floats(f.n_params), floats(f.n_params)};
            float *before = floats(f.n_params);
            memcpy(before, f.params, f.n_params * sizeof *before);
            for (uint64_t step = 1; step <= 10; step++) {
                forward(&f, 0, 50);
                for (size_t i = 0; i < 50 * f.n_outputs; i++)
                    f.d_raw[i] = f.raw[i] - 1;
                mlp_backward(f.mlp, f.derived, f.tile, 50, f.d_raw, f.d_params, NULL);
                optimizer_update(&adam, kernel_find(NULL), step, 0.01, f.n_params, f.params,
                                 moments, &f.d_params, 1);
                mlp_derive(f.mlp, training, f.params, f.derived, 0, 1);
            }
            assert_true(memcmp(before, f.params, f.n_params * sizeof *before) != 0);
            assert_padding_is_zero(f.mlp, f.params);
            mem_free(before);
            mem_free(moments[0]);
            mem_free(moments[1]);
            fixture_deinit(&f);
        }
}

static void export_and_import_are_inverse(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct mlp *m = NULL;
        struct mlp_spec spec = spec_of(shapes[s].n_inputs, shapes[s].width, shapes[s].n_hidden,
                                       shapes[s].n_outputs, ACTIVATION_RELU);
        assert_int_equal(mlp_create(&m, &spec, kernel_find(NULL), NULL), STATUS_OK);
        assert_int_equal(mlp_n_layers(m), shapes[s].n_hidden + 1);
        const size_t n = mlp_n_params(m);
        float *params = floats(n), *copy = floats(n);
        mlp_init(m, 3, params);
        memset(copy, 0xff, n * sizeof *copy);
        size_t n_parameters = 0;
        for (size_t l = 0; l < mlp_n_layers(m); l++) {
            size_t n_outputs, n_inputs;
            mlp_layer_shape(m, l, &n_outputs, &n_inputs);
            float *weight = floats(n_outputs * n_inputs), *bias = floats(n_outputs);
            for (size_t j = 0; j < n_outputs; j++) { /* row-major [M, K], as files see it */
                bias[j] = -(float)j;
                for (size_t i = 0; i < n_inputs; i++)
                    weight[j * n_inputs + i] = (float)(j * n_inputs + i + 1);
            }
            mlp_import_layer(m, params, l, weight, bias);
            memset(weight, 0, n_outputs * n_inputs * sizeof *weight);
            memset(bias, 0, n_outputs * sizeof *bias);
            mlp_export_layer(m, params, l, weight, bias);
            for (size_t i = 0; i < n_outputs * n_inputs; i++)
                assert_true(weight[i] == (float)(i + 1));
            for (size_t j = 0; j < n_outputs; j++)
                assert_true(bias[j] == -(float)j);
            mlp_import_layer(m, copy, l, weight, bias);
            n_parameters += n_outputs * (n_inputs + 1);
            mem_free(weight);
            mem_free(bias);
        }
        assert_int_equal(mlp_n_parameters(m), n_parameters);
        assert_memory_equal(copy, params, n * sizeof *copy);
        mem_free(copy);
        mem_free(params);
        mlp_free(m);
    }
}

static void transposing_in_parts_gives_the_whole(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (size_t n_parts = 2; n_parts <= 5; n_parts++) {
            struct fixture f;
            struct mlp_spec spec = spec_of(shapes[s].n_inputs, shapes[s].width, shapes[s].n_hidden,
                                           shapes[s].n_outputs, ACTIVATION_RELU);
            fixture_init(&f, &spec, kernel_find(NULL));
            const size_t n = mlp_n_derived(f.mlp, training);
            float *parts = floats(n);
            for (size_t part = n_parts; part-- > 0;)
                mlp_derive(f.mlp, training, f.params, parts, part, n_parts);
            assert_memory_equal(parts, f.derived, n * sizeof *parts);
            mem_free(parts);
            fixture_deinit(&f);
        }
}

/* --- output and refusals --- */

static void output_backward_is_the_slope_of_the_output(void **state)
{
    (void)state;
    const float raw[] = {-2, -0.5f, 0.25f, 3}, d_values[] = {1, -2, 3, 0.5f};
    for (size_t a = 0; a < activation_n_types(); a++) {
        const enum activation output = (enum activation)a;
        if (!activation_is_output(output))
            continue;
        float values[4], d_raw[4];
        for (size_t i = 0; i < 4; i++)
            values[i] = activation_output(output, raw[i]);
        mlp_output_backward(output, 4, values, d_values, d_raw);
        for (size_t i = 0; i < 4; i++) {
            const float h = 1e-2f;
            const float slope =
                (activation_output(output, raw[i] + h) - activation_output(output, raw[i] - h)) /
                (2 * h);
            assert_true(fabsf(d_raw[i] - slope * d_values[i]) < 1e-4f);
        }
        mlp_output_backward(output, 4, values, values, values); /* in place */
    }
}

static void refuses_what_is_out_of_range(void **state)
{
    (void)state;
    const struct mlp_spec fine = spec_of(2, 8, 2, 3, ACTIVATION_SIN);
    struct mlp_spec specs[12];
    static const char *const where[] = {
        "/network",
        "/network",
        "/network",
        "/network",
        "/network/n_hidden_layers",
        "/network/width",
        "/network/width",
        "/network/activation",
        "/network/output_activation",
        "/network/omega",
        "/network/omega",
        "/network/omega",
    };
    for (size_t i = 0; i < 12; i++)
        specs[i] = fine;
    specs[0].n_inputs = 0;
    specs[1].n_inputs = 100000;
    specs[2].n_outputs = 0;
    specs[3].n_outputs = 65;
    specs[4].n_hidden_layers = 17;
    specs[5].width = 0;
    specs[6].width = 2049;
    specs[7].activation = ACTIVATION_SIGMOID;
    specs[8].output_activation = ACTIVATION_TANH;
    specs[9].omega = 0;
    specs[10].omega = NAN;
    specs[11].omega = INFINITY;
    for (size_t i = 0; i < 12; i++) {
        struct mlp *m = NULL;
        struct error err = {0};
        assert_int_equal(mlp_create(&m, &specs[i], kernel_find(NULL), &err), STATUS_INVALID);
        assert_string_equal(err.where, where[i]);
        assert_null(m);
    }
}

static enum status create_and_free(void *context, struct error *err)
{
    struct mlp *m = NULL;
    struct mlp_tile *t = NULL;
    enum status status = mlp_create(&m, context, kernel_find(NULL), err);
    if (status == STATUS_OK)
        status = mlp_tile_create(&t, m, training, err);
    mlp_tile_free(t);
    mlp_free(m);
    return status;
}

static void create_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct mlp_spec spec = spec_of(2, 8, 2, 3, ACTIVATION_SIN);
    assert_true(alloc_fail_each(create_and_free, &spec) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_passes_match_the_twin_in_every_shape),
        cmocka_unit_test(both_passes_in_bf16_stay_near_the_twin),
        cmocka_unit_test(bf16_tiles_keep_the_promises_of_tiles),
        cmocka_unit_test(a_point_has_the_same_value_alone_and_at_every_place),
        cmocka_unit_test(an_inference_tile_gives_the_same_bytes_as_a_training_tile),
        cmocka_unit_test(rows_past_n_do_not_matter),
        cmocka_unit_test(a_tile_learns_the_same_with_and_without_d_input),
        cmocka_unit_test(padding_stays_zero_through_training),
        cmocka_unit_test(export_and_import_are_inverse),
        cmocka_unit_test(transposing_in_parts_gives_the_whole),
        cmocka_unit_test(output_backward_is_the_slope_of_the_output),
        cmocka_unit_test(refuses_what_is_out_of_range),
        cmocka_unit_test(create_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
