#include "core/field/field.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/kernel.h"
#include "tests/support/small_encoding.h"
#include "tests/support/small_fit.h"
#include "tests/support/twin_encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { D = 2, C = 3 };

/* A field with an encoding of every type; smooth, so that it has a gradient everywhere. */
static struct field_spec spec_of(enum encoding_type type)
{
    return (struct field_spec){
        .encoding = small_encoding(type, D),
        .network = {.n_outputs = C,
                    .n_hidden_layers = 2,
                    .width = 20,
                    .activation = ACTIVATION_TANH,
                    .output_activation = ACTIVATION_SIGMOID},
        .domain = domain_of_image(100, 50),
    };
}

static void some_points(size_t n, float *unit)
{
    struct rng r = rng_at(4, RNG_SAMPLE, 0);
    for (size_t i = 0; i < n * D; i++)
        unit[i] = (float)rng_uniform(&r);
}

static struct field_workspace *workspace_of(const struct field *f, enum field_use use)
{
    struct field_workspace *w = NULL;
    assert_int_equal(field_workspace_create(&w, f, use, NULL), STATUS_OK);
    return w;
}

static void field_value_of_a_point_depends_on_the_point_alone(void **state)
{
    (void)state;
    enum { N = 3 * MLP_TILE + 17 };
    static float unit[N * D], together[N * C], shifted[N * C];
    some_points(N, unit);
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t type = 0; type < encoding_n_types(); type++) {
            const struct field_spec spec = spec_of((enum encoding_type)type);
            struct field *f = NULL;
            assert_int_equal(field_create(&f, &spec, kernels[k], NULL), STATUS_OK);
            field_init(f, &spec, 2);
            small_encoding_enlarge_tables(field_encoding(f), field_params(f));
            struct field_workspace *w = workspace_of(f, FIELD_VALUES);
            struct field_workspace *g = workspace_of(f, FIELD_GRADIENTS);
            field_query(f, w, N, unit, together);
            field_derivatives(f, g, N - 5, unit + 5 * D, true,
                              &(struct field_outputs){.values = shifted});
            assert_memory_equal(shifted, together + 5 * C, (N - 5) * C * sizeof(float));
            for (size_t i = 0; i < N; i += 13) {
                float alone[C];
                field_query(f, w, 1, unit + i * D, alone);
                assert_memory_equal(alone, together + i * C, sizeof alone);
            }
            field_workspace_free(w);
            field_workspace_free(g);
            field_free(f);
        }
}

/* In bf16x2 too; and the rounding is of the size that sixteen bits make. */
static void field_value_in_bf16x2_depends_on_the_point_alone_and_is_near(void **state)
{
    (void)state;
    enum { N = 2 * MLP_TILE + 17 };
    static float unit[N * D], exact[N * C], near[N * C];
    some_points(N, unit);
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (int activation = ACTIVATION_RELU; activation <= ACTIVATION_SIN; activation++) {
            struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
            struct field *f = NULL;
            if (!kernels[k]->bf16 || !activation_is_hidden((enum activation)activation))
                continue;
            spec.network.n_hidden_layers = 4;
            spec.network.activation = (enum activation)activation;
            spec.network.omega = 1;
            assert_int_equal(field_create(&f, &spec, kernels[k], NULL), STATUS_OK);
            field_init(f, &spec, 2);
            uint32_t *split = field_split(f);
            struct field_workspace *w = workspace_of(f, FIELD_VALUES), *r = NULL;
            assert_non_null(split);
            assert_int_equal(field_workspace_create_split(&r, f, split, NULL), STATUS_OK);
            field_query(f, w, N, unit, exact);
            field_query(f, r, N, unit, near);
            assert_memory_not_equal(exact, near, sizeof exact);
            for (size_t i = 0; i < N * C; i++)
                assert_true(fabsf(exact[i] - near[i]) < 0x1p-14f);
            for (size_t i = 0; i < N; i += 13) {
                float alone[C];
                field_query(f, r, 1, unit + i * D, alone);
                assert_memory_equal(alone, near + i * C, sizeof alone);
            }
            field_workspace_free(w);
            field_workspace_free(r);
            mem_free(split);
            field_free(f);
        }
}

/* Grows with the values, and is NaN where a value is not a number. */
static void split_error_is_that_of_the_values(void **state)
{
    (void)state;
    struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
    float error = 0, larger = 0;
    struct field *f = NULL;
    spec.network.activation = ACTIVATION_RELU;
    spec.network.output_activation = ACTIVATION_LINEAR;
    assert_int_equal(field_create(&f, &spec, kernel_find("portable"), NULL), STATUS_OK);
    field_init(f, &spec, 2);
    uint32_t *split = field_split(f);
    assert_int_equal(field_split_error(f, split, &error, NULL), STATUS_OK);
    assert_true(error > 0 && error < 0x1p-14f);
    mem_free(split);

    size_t first, count;
    field_trainable_range(f, &first, &count);
    for (size_t i = first; i < first + count; i++)
        field_params(f)[i] *= 64;
    split = field_split(f);
    assert_int_equal(field_split_error(f, split, &larger, NULL), STATUS_OK);
    assert_true(larger > 1000 * error);
    mem_free(split);

    field_params(f)[first] = NAN;
    split = field_split(f);
    assert_int_equal(field_split_error(f, split, &larger, NULL), STATUS_OK);
    assert_true(isnan(larger));
    mem_free(split);
    field_free(f);
}

/* unit: [n, D] moved by h along axis d. */
static void moved(size_t n, const float *unit, size_t d, float h, float *out)
{
    for (size_t i = 0; i < n * D; i++)
        out[i] = unit[i] + (i % D == d ? h : 0);
}

/* Not where differences reach over the edge of a cell of a grid, where curvatures jump, or of the
 * domain, where a grid ends. */
static void points_inside_cells(size_t n, float *unit)
{
    const struct encoding_spec spec = small_encoding(ENCODING_CONCAT, D);
    struct twin_encoding grid;
    struct rng r = rng_at(4, RNG_SAMPLE, 0);
    twin_encoding_init(&grid, &spec);
    for (size_t i = 0; i < n; i++) {
        double margin;
        do {
            double x[D];
            uint64_t cells = 0;
            for (size_t d = 0; d < D; d++)
                x[d] = (double)(unit[i * D + d] = (float)(0.02 + 0.96 * rng_uniform(&r)));
            margin = 1.0;
            twin_encode_cells(&grid, x, &cells, &margin);
        } while (margin < 0.05);
    }
}

static double largest(size_t n, const double *x)
{
    double result = 0;
    for (size_t i = 0; i < n; i++)
        result = fmax(result, fabs(x[i]));
    return result;
}

/* Of the field itself: what single precision allows at this distance is a hundredth of the largest
 * slope, a twentieth of the largest Laplacian. */
static void field_derivatives_match_central_differences(void **state)
{
    (void)state;
    enum { N = MLP_TILE + 9 };
    static const enum activation outputs[] = {ACTIVATION_LINEAR, ACTIVATION_SIGMOID};
    static float unit[N * D], at[N * D], high[N * C], low[N * C], queried[N * C];
    static float values[N * C], gradient[N * C * D], laplacian[N * C];
    static double slopes[N * C * D], bends[N * C];
    const struct field_outputs out = {values, gradient, laplacian};
    points_inside_cells(N, unit);
    for (size_t type = 0; type < encoding_n_types(); type++)
        for (size_t o = 0; o < 2; o++) {
            struct field_spec spec = spec_of((enum encoding_type)type);
            spec.network.output_activation = outputs[o];
            struct field *f = small_field(&spec, 3);
            small_encoding_enlarge_tables(field_encoding(f), field_params(f));
            struct field_workspace *q = workspace_of(f, FIELD_VALUES);
            struct field_workspace *w = workspace_of(f, FIELD_LAPLACIANS);
            field_derivatives(f, w, N, unit, false, &out);
            field_query(f, q, N, unit, queried);
            assert_memory_equal(values, queried, sizeof values);
            memset(bends, 0, sizeof bends);
            for (size_t d = 0; d < D; d++) {
                const float h = 0x1p-10f, wide = 0x1p-7f;
                moved(N, unit, d, h, at);
                field_query(f, q, N, at, high);
                moved(N, unit, d, -h, at);
                field_query(f, q, N, at, low);
                for (size_t i = 0; i < N * C; i++)
                    slopes[i * D + d] = ((double)high[i] - (double)low[i]) / (double)(2 * h);
                moved(N, unit, d, wide, at);
                field_query(f, q, N, at, high);
                moved(N, unit, d, -wide, at);
                field_query(f, q, N, at, low);
                for (size_t i = 0; i < N * C; i++)
                    bends[i] += ((double)high[i] - 2 * (double)values[i] + (double)low[i]) /
                                (double)(wide * wide);
            }
            const double steepest = largest(N * C * D, slopes), most = largest(N * C, bends);
            assert_true(steepest > 0 && most > 0);
            for (size_t i = 0; i < N * C * D; i++)
                assert_true(fabs(slopes[i] - (double)gradient[i]) < 0.01 * steepest);
            for (size_t i = 0; i < N * C; i++)
                assert_true(fabs(bends[i] - (double)laplacian[i]) < 0.05 * most);
            field_workspace_free(q);
            field_workspace_free(w);
            field_free(f);
        }
}

/* In source coordinates, scaled and rotated, a slope is the chain rule's; and what is not asked for
 * changes nothing. */
static void field_derivatives_follow_the_domain(void **state)
{
    (void)state;
    enum { N = 5 };
    struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
    spec.domain = (struct domain){.n_dims = 2, .matrix = {{0.5, 0.25}, {-2.0, 4.0}}};
    struct field *f = small_field(&spec, 3);
    struct field_workspace *w = workspace_of(f, FIELD_LAPLACIANS);
    struct field_workspace *g = workspace_of(f, FIELD_GRADIENTS);
    float unit[N * D], in_unit[N * C * D], in_source[N * C * D], alone[N * C * D];
    float laplacian[N * C], bends[N * C];
    some_points(N, unit);
    field_derivatives(f, w, N, unit, false, &(struct field_outputs){.gradient = in_unit});
    field_derivatives(f, w, N, unit, true,
                      &(struct field_outputs){.gradient = in_source, .laplacian = laplacian});
    field_derivatives(f, g, N, unit, true, &(struct field_outputs){.gradient = alone});
    field_derivatives(f, w, N, unit, true, &(struct field_outputs){.laplacian = bends});
    assert_memory_equal(alone, in_source, sizeof alone);
    assert_memory_equal(bends, laplacian, sizeof bends);
    for (size_t i = 0; i < N * C; i++)
        for (size_t s = 0; s < D; s++) {
            const double expected = (double)in_unit[i * D] * spec.domain.matrix[0][s] +
                                    (double)in_unit[i * D + 1] * spec.domain.matrix[1][s];
            assert_true(fabs((double)in_source[i * D + s] - expected) < 1e-4);
        }
    field_workspace_free(g);
    field_workspace_free(w);
    field_free(f);
}

/* Lengths are multiplied by what one is; other values have no unit. */
static void field_outputs_in_source_are_lengths_where_values_are(void **state)
{
    (void)state;
    enum { N = 2 };
    static const double lengths[] = {0.0, 6.0};
    for (size_t i = 0; i < 2; i++) {
        struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
        spec.length = lengths[i];
        struct field *f = small_field(&spec, 3);
        float values[N * C], gradient[N * C * D];
        for (size_t k = 0; k < N * C * D; k++)
            gradient[k] = values[k / D] = 1.0f + (float)(k / D);
        const struct field_outputs out = {.values = values, .gradient = gradient};
        field_outputs_to_source(f, N, &out);
        const float by = i == 0 ? 1.0f : 6.0f;
        for (size_t k = 0; k < N * C * D; k++) {
            assert_true(values[k / D] == by * (1.0f + (float)(k / D)));
            assert_true(gradient[k] == by * (1.0f + (float)(k / D)));
        }
        field_free(f);
    }
}

/* Pixels that are no squares: along each axis its own scale counts. */
static void field_laplacian_in_source_weighs_each_axis(void **state)
{
    (void)state;
    struct field_spec spec = spec_of(ENCODING_BASIC); /* sin and cos of 2 pi x, 2 pi y */
    spec.network.n_hidden_layers = 0;
    spec.network.output_activation = ACTIVATION_LINEAR;
    struct field *f = small_field(&spec, 9);
    struct field_workspace *w = workspace_of(f, FIELD_LAPLACIANS);
    const float unit[] = {0.25f, 0.5f}; /* sin, sin, cos, cos = 1, 0, 0, -1 */
    float weight[C * 2 * D], bias[C], laplacian[C];
    const double turn = 6.283185307179586477, x = turn / 100, y = turn / 50;
    mlp_export_layer(field_mlp(f), field_params(f) + encoding_n_params(field_encoding(f)), 0,
                     weight, bias);
    field_derivatives(f, w, 1, unit, true, &(struct field_outputs){.laplacian = laplacian});
    for (size_t c = 0; c < C; c++) {
        const float *row = weight + c * 2 * D;
        const double expected = -x * x * (double)row[0] + y * y * (double)row[3];
        assert_true(fabs((double)laplacian[c] - expected) < 1e-7);
    }
    field_workspace_free(w);
    field_free(f);
}

static void field_passes_and_laplacian_follow_encoding_and_network(void **state)
{
    (void)state;
    struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
    struct error err = {0};
    struct field *smooth = small_field(&spec, 1);
    spec.network.activation = ACTIVATION_RELU;
    struct field *kinked = small_field(&spec, 1);
    assert_int_equal(field_check_laplacian(smooth, &err), STATUS_OK);
    assert_int_equal(field_check_laplacian(kinked, &err), STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "relu"));
    assert_int_equal(field_n_passes(smooth, FIELD_VALUES), 1);
    assert_int_equal(field_n_passes(smooth, FIELD_GRADIENTS), 1 + D);
    assert_int_equal(field_n_passes(smooth, FIELD_LAPLACIANS), 2 + D);
    field_free(smooth);
    field_free(kinked);
}

static void field_init_depends_on_the_seed_alone(void **state)
{
    (void)state;
    const struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
    struct field *a = small_field(&spec, 5), *b = small_field(&spec, 5), *c = small_field(&spec, 6);
    const size_t bytes = field_n_params(a) * sizeof(float);
    assert_memory_equal(field_params(a), field_params(b), bytes);
    assert_memory_not_equal(field_params(a), field_params(c), bytes);
    field_free(a);
    field_free(b);
    field_free(c);
}

static void field_counts_parameters_as_people_do(void **state)
{
    (void)state;
    struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
    const size_t network = (6 * 20 + 20) + (20 * 20 + 20) + (20 * 3 + 3);
    for (int trainable = 0; trainable < 2; trainable++) {
        spec.encoding.trainable = trainable;
        struct field *f = small_field(&spec, 1);
        size_t first, count;
        field_trainable_range(f, &first, &count);
        assert_int_equal(field_n_parameters(f), network + (trainable ? 3 * (D + 1) : 0));
        assert_int_equal(first, trainable ? 0 : encoding_n_params(field_encoding(f)));
        assert_int_equal(first + count, field_n_params(f));
        assert_int_equal(field_n_inputs(f), D);
        assert_int_equal(field_n_outputs(f), C);
        assert_int_equal(field_domain(f)->n_dims, D);
        assert_true(field_query_flops(f) == 2.0 * (3 * D + 6 * 20 + 20 * 20 + 20 * 3));
        field_free(f);
    }

    /* of a grid: its tables, which training changes too, before that range */
    spec = spec_of(ENCODING_CONCAT);
    struct field *f = small_field(&spec, 1);
    const size_t n_table = encoding_n_table(field_encoding(f));
    size_t first, count;
    field_trainable_range(f, &first, &count);
    assert_int_equal(n_table, 2 * (16 + 16));
    assert_int_equal(field_n_parameters(f),
                     n_table + 3 * (D + 1) + (12 * 20 + 20) + (20 * 20 + 20) + (20 * 3 + 3));
    assert_int_equal(first, n_table);
    assert_int_equal(first + count, field_n_params(f));
    assert_true(field_query_flops(f) == 2.0 * (4 * 4 + 3 * D + 12 * 20 + 20 * 20 + 20 * 3));
    field_free(f);
}

static void field_create_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct field_spec bad[4];
    for (size_t i = 0; i < 4; i++)
        bad[i] = spec_of(ENCODING_GAUSSIAN);
    bad[0].encoding.n_frequencies = 0;
    bad[1].network.width = 0;
    bad[2].network.n_hidden_layers = 17;
    bad[3].domain.n_dims = 3;
    static const char *const wheres[] = {"/encoding", "/network", "/network", "/encoding"};
    for (size_t i = 0; i < 4; i++) {
        struct field *f = NULL;
        struct error err = {0};
        assert_int_equal(field_create(&f, &bad[i], kernel_find(NULL), &err), STATUS_INVALID);
        assert_memory_equal(err.where, wheres[i], strlen(wheres[i]));
        assert_null(f);
    }
    assert_true(field_query_bytes(&bad[1]) == SIZE_MAX);
    assert_true(field_train_bytes(&bad[1], PRECISION_FP32, OPTIMIZER_ADAM, 64, 2) == SIZE_MAX);
    assert_true(field_save_bytes(&bad[1], OPTIMIZER_ADAM) == SIZE_MAX);
}

static void field_of_no_hidden_layer_is_an_affine_map_of_its_features(void **state)
{
    (void)state;
    struct field_spec spec = spec_of(ENCODING_NONE);
    spec.network.n_hidden_layers = 0;
    spec.network.output_activation = ACTIVATION_LINEAR;
    struct field *f = small_field(&spec, 9);
    struct field_workspace *w = workspace_of(f, FIELD_VALUES);
    const float unit[] = {0.25f, 0.5f};
    float weight[C * D], bias[C], values[C];
    mlp_export_layer(field_mlp(f), field_params(f), 0, weight, bias);
    field_query(f, w, 1, unit, values);
    for (size_t c = 0; c < C; c++) {
        double expected = (double)bias[c] - 0.5 * (double)weight[c * D]; /* gamma = 2 x - 1 */
        assert_true(fabs((double)values[c] - expected) < 1e-6);
    }
    field_workspace_free(w);
    field_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_value_of_a_point_depends_on_the_point_alone),
        cmocka_unit_test(field_value_in_bf16x2_depends_on_the_point_alone_and_is_near),
        cmocka_unit_test(split_error_is_that_of_the_values),
        cmocka_unit_test(field_derivatives_match_central_differences),
        cmocka_unit_test(field_derivatives_follow_the_domain),
        cmocka_unit_test(field_outputs_in_source_are_lengths_where_values_are),
        cmocka_unit_test(field_laplacian_in_source_weighs_each_axis),
        cmocka_unit_test(field_passes_and_laplacian_follow_encoding_and_network),
        cmocka_unit_test(field_init_depends_on_the_seed_alone),
        cmocka_unit_test(field_counts_parameters_as_people_do),
        cmocka_unit_test(field_create_refuses_what_does_not_fit),
        cmocka_unit_test(field_of_no_hidden_layer_is_an_affine_map_of_its_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
