#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/encoding.h"
#include "core/nn/kernel.h"
#include "tests/support/alloc.h"
#include "tests/support/compare.h"

static const double two_pi = 6.283185307179586477;

enum {
    MAX_M = 512,
    N_POINTS = 40,
    N_SINE_TYPES = ENCODING_EXPLICIT + 1, /* none and the Fourier family: the first of the table */
};

static const double some_b[] = {1, 2, -3, 0.5, 4, 0, -1, 1.5, 2.5};
static const double some_a[] = {1, 0.5, 2};

static struct encoding_spec spec_of(enum encoding_type type, size_t n_inputs)
{
    return (struct encoding_spec){.type = type,
                                  .n_inputs = n_inputs,
                                  .n_frequencies = type == ENCODING_EXPLICIT ? 3 : 5,
                                  .n_octaves = 6,
                                  .sigma = 10,
                                  .scale = 4,
                                  .input_range = {-1, 3},
                                  .b = some_b,
                                  .a = some_a};
}

static struct encoding *created(const struct encoding_spec *spec)
{
    struct encoding *e = NULL;
    struct error err = {0};
    if (encoding_create(&e, spec, &err) != STATUS_OK)
        fail_msg("%s: %s", err.where, err.message);
    return e;
}

/* Initial b [m, D] and a [m] as the outside sees them; returns m. */
static size_t initial(const struct encoding_spec *spec, uint64_t seed, float *b, float *a)
{
    struct encoding *e = created(spec);
    float *params = mem_alloc_floats(encoding_n_params(e));
    assert_non_null(params);
    encoding_init(e, spec, seed, params);
    encoding_export(e, params, 0, b);
    encoding_export(e, params, 1, a);
    const size_t m = encoding_n_frequencies(e);
    mem_free(params);
    encoding_free(e);
    return m;
}

static void names_follow_the_enumeration(void **state)
{
    (void)state;
    static const char *const names[] = {"none",     "basic",    "positional", "octave", "gaussian",
                                        "explicit", "hashgrid", "densegrid",  "concat"};
    assert_int_equal(encoding_n_types(), ENCODING_CONCAT + 1);
    for (size_t i = 0; i < encoding_n_types(); i++)
        assert_string_equal(encoding_type_name((enum encoding_type)i), names[i]);
}

static void shapes_follow_the_type(void **state)
{
    (void)state;
    for (size_t n_inputs = 1; n_inputs <= 3; n_inputs++) {
        const size_t expected[] = {0, n_inputs, 5 * n_inputs, 6 * n_inputs, 5, 3};
        for (size_t type = 0; type < N_SINE_TYPES; type++) {
            struct encoding_spec spec = spec_of((enum encoding_type)type, n_inputs);
            struct encoding *e = created(&spec);
            const size_t m = expected[type];
            assert_int_equal(encoding_n_inputs(e), n_inputs);
            assert_int_equal(encoding_n_frequencies(e), m);
            assert_int_equal(encoding_n_features(e), m ? 2 * m : n_inputs);
            assert_int_equal(encoding_n_params(e), (n_inputs + 1) * ((m + 15) / 16 * 16));
            assert_int_equal(encoding_n_table(e), 0);
            assert_int_equal(encoding_n_fixed(e), encoding_n_params(e));
            assert_int_equal(encoding_n_levels(e), 0);
            assert_int_equal(encoding_n_tensors(e), m ? 2 : 0);
            assert_int_equal(encoding_n_parameters(e), 0);
            assert_false(encoding_is_trainable(e));
            assert_int_equal(encoding_is_bounded(e), m > 0);
            assert_true(encoding_multiply_adds(e) == (double)(m * n_inputs));
            encoding_free(e);
        }
    }
}

static void basic_is_the_unit_axes(void **state)
{
    (void)state;
    float b[9], a[3];
    struct encoding_spec spec = spec_of(ENCODING_BASIC, 3);
    assert_int_equal(initial(&spec, 0, b, a), 3);
    for (size_t i = 0; i < 9; i++)
        assert_float_equal(b[i], (i % 4 == 0 ? 1 : 0), 0);
    for (size_t j = 0; j < 3; j++)
        assert_float_equal(a[j], 1, 0);
}

static void positional_runs_from_0_to_2_to_the_scale_less_1(void **state)
{
    (void)state;
    float b[10 * 2], a[10];
    struct encoding_spec spec = spec_of(ENCODING_POSITIONAL, 2);
    assert_int_equal(initial(&spec, 0, b, a), 10);
    for (size_t i = 0; i < 5; i++) { /* scale 4 over 5: 2^i - 1, first along x, then along y */
        const float frequency = (float)((1 << i) - 1);
        assert_float_equal(b[2 * i], frequency, 1e-5);
        assert_float_equal(b[2 * i + 1], 0, 0);
        assert_float_equal(b[2 * (5 + i)], 0, 0);
        assert_float_equal(b[2 * (5 + i) + 1], frequency, 1e-5);
    }
}

static void octave_doubles(void **state)
{
    (void)state;
    float b[6], a[6];
    struct encoding_spec spec = spec_of(ENCODING_OCTAVE, 1);
    assert_int_equal(initial(&spec, 0, b, a), 6);
    for (size_t j = 0; j < 6; j++)
        assert_float_equal(b[j], (float)(1 << j), 0);
}

static void explicit_is_what_the_caller_gave(void **state)
{
    (void)state;
    float b[9], a[3];
    struct encoding_spec spec = spec_of(ENCODING_EXPLICIT, 3);
    assert_int_equal(initial(&spec, 0, b, a), 3);
    for (size_t i = 0; i < 9; i++)
        assert_float_equal(b[i], (float)some_b[i], 0);
    for (size_t j = 0; j < 3; j++)
        assert_float_equal(a[j], (float)some_a[j], 0);
}

static void gaussian_is_normal_and_scales_with_sigma(void **state)
{
    (void)state;
    static float b[4096 * 3], same[4096 * 3], wider[4096 * 3], a[4096];
    struct encoding_spec spec = spec_of(ENCODING_GAUSSIAN, 3);
    spec.n_frequencies = 4096;
    const size_t n = 3 * initial(&spec, 7, b, a);
    initial(&spec, 7, same, a);
    assert_memory_equal(b, same, sizeof b);
    initial(&spec, 8, same, a);
    assert_true(memcmp(b, same, sizeof b) != 0);
    spec.sigma = 20;
    initial(&spec, 7, wider, a);

    double sum = 0, squares = 0, fourth = 0;
    for (size_t i = 0; i < n; i++) {
        const double z = (double)b[i] / 10;
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        assert_float_equal(wider[i], 2 * b[i], 1e-5);
    }
    /* five standard deviations of each estimate */
    assert_true(fabs(sum / (double)n) < 5 * sqrt(1.0 / (double)n));
    assert_true(fabs(squares / (double)n - 1) < 5 * sqrt(2.0 / (double)n));
    assert_true(fabs(fourth / (double)n - 3) < 5 * sqrt(96.0 / (double)n));
}

static void normalize_makes_features_of_length_1(void **state)
{
    (void)state;
    for (size_t type = ENCODING_BASIC; type < N_SINE_TYPES; type++) {
        float b[MAX_M * 2], a[MAX_M];
        struct encoding_spec spec = spec_of((enum encoding_type)type, 2);
        spec.normalize = true;
        const size_t m = initial(&spec, 0, b, a);
        double sum = 0;
        for (size_t j = 0; j < m; j++)
            sum += (double)a[j] * (double)a[j];
        assert_true(fabs(sum - 1) < 1e-6);
    }
}

static void rotate_turns_the_axes_by_45_degrees(void **state)
{
    (void)state;
    const float h = (float)sqrt(0.5);
    float b[9], a[3];
    struct encoding_spec spec = spec_of(ENCODING_BASIC, 2);
    spec.rotate = true;
    initial(&spec, 0, b, a);
    const float in_2d[] = {h, h, -h, h};
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(b[i], in_2d[i], 1e-6);

    /* x about z is (h, h, 0), then about x (h, 1/2, 1/2); and so on */
    spec.n_inputs = 3;
    initial(&spec, 0, b, a);
    const float in_3d[] = {h, 0.5f, 0.5f, -h, 0.5f, 0.5f, 0, -h, h};
    for (size_t i = 0; i < 9; i++)
        assert_float_equal(b[i], in_3d[i], 1e-6);
}

/* --- passes --- */

/* The formula, in double, from the stored b and a. */
static void exact_features(const struct encoding *e, const struct encoding_spec *spec,
                           const float *params, const double *x, double *out)
{
    const size_t n_inputs = spec->n_inputs, m = encoding_n_frequencies(e);
    float b[MAX_M * 3], a[MAX_M];
    if (m > 0) {
        encoding_export(e, params, 0, b);
        encoding_export(e, params, 1, a);
    }
    for (size_t d = 0; m == 0 && d < n_inputs; d++)
        out[d] = spec->input_range[0] + (spec->input_range[1] - spec->input_range[0]) * x[d];
    for (size_t j = 0; j < m; j++) {
        double u = 0;
        for (size_t d = 0; d < n_inputs; d++)
            u += (double)b[j * n_inputs + d] * x[d];
        out[j] = (double)a[j] * sin(two_pi * u);
        out[m + j] = (double)a[j] * cos(two_pi * u);
    }
}

static void check_forward(const struct encoding_spec *spec, const struct kernel *kernel)
{
    struct encoding *e = created(spec);
    float *params = mem_alloc_floats(encoding_n_params(e));
    const size_t n_features = encoding_n_features(e), ld = (n_features + 15) / 16 * 16 + 16;
    float *out = mem_alloc_floats(N_POINTS * ld), *alone = mem_alloc_floats(ld);
    float x[N_POINTS * 3 + 2] = {0};
    double expected[2 * MAX_M];
    struct rng rng = rng_at(3, RNG_SAMPLE, 0);
    for (size_t i = 0; i < N_POINTS * spec->n_inputs; i++)
        x[i] = (float)(1.5 * rng_uniform(&rng) - 0.25); /* queries may leave the domain */
    memset(out, 0xff, N_POINTS * ld * sizeof *out);
    encoding_init(e, spec, 1, params);
    encoding_forward(e, kernel, params, N_POINTS, x, out, ld);
    for (size_t i = 0; i < N_POINTS; i++) {
        const float *row = out + i * ld;
        const float *point = x + i * spec->n_inputs;
        const double exact_point[] = {(double)point[0], (double)point[1], (double)point[2]};
        exact_features(e, spec, params, exact_point, expected);
        assert_true(compare_relative(n_features, row, expected) < 2e-6);
        for (size_t k = n_features; k < ld; k++)
            assert_true(row[k] == 0);
        encoding_forward(e, kernel, params, 1, x + i * spec->n_inputs, alone, ld);
        assert_memory_equal(alone, row, ld * sizeof *row);
    }
    mem_free(alone);
    mem_free(out);
    mem_free(params);
    encoding_free(e);
}

static void forward_matches_the_formula_point_by_point(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t type = 0; type < N_SINE_TYPES; type++)
            for (size_t n_inputs = 1; n_inputs <= 3; n_inputs++) {
                struct encoding_spec spec = spec_of((enum encoding_type)type, n_inputs);
                check_forward(&spec, kernels[k]);
                spec.normalize = true;
                spec.rotate = n_inputs > 1;
                check_forward(&spec, kernels[k]);
            }
    /* the paper's own, and a wide one */
    struct encoding_spec paper = spec_of(ENCODING_POSITIONAL, 3);
    paper.n_frequencies = 85;
    paper.scale = 6;
    check_forward(&paper, kernels[0]);
    struct encoding_spec wide = spec_of(ENCODING_GAUSSIAN, 2);
    wide.n_frequencies = 256;
    wide.sigma = 1000;
    check_forward(&wide, kernels[0]);
}

/* First and second derivatives of all features along axis s at a point, by five-point rules.  The
 * step is a small part of the shortest wave. */
static void differences(const struct encoding *e, const struct encoding_spec *spec,
                        const float *params, const double *x, const struct encoding_axes *axes,
                        size_t s, double *first, double *second)
{
    static const double first_weight[] = {1, -8, 0, 8, -1}, second_weight[] = {-1, 16, -30, 16, -1};
    static const double step = 1e-4;
    const size_t n_features = encoding_n_features(e);
    double features[2 * MAX_M];
    memset(first, 0, n_features * sizeof *first);
    memset(second, 0, n_features * sizeof *second);
    for (size_t k = 0; k < 5; k++) {
        double at[3] = {0};
        for (size_t d = 0; d < spec->n_inputs; d++)
            at[d] = x[d] + ((double)k - 2) * step * axes->d_x[d][s];
        exact_features(e, spec, params, at, features);
        for (size_t f = 0; f < n_features; f++) {
            first[f] += first_weight[k] * features[f] / (12 * step);
            second[f] += second_weight[k] * features[f] / (12 * step * step);
        }
    }
}

static void check_jet(const struct encoding_spec *spec, const struct kernel *kernel)
{
    static const struct encoding_axes axes = {{{0.5, -1, 0.25}, {1, 0.5, -0.5}, {0.25, 0, -1}}};
    struct encoding *e = created(spec);
    const size_t n_inputs = spec->n_inputs, n_features = encoding_n_features(e);
    const size_t ld = (n_features + 15) / 16 * 16 + 16, plane = N_POINTS * ld;
    float *params = mem_alloc_floats(encoding_n_params(e)), *values = mem_alloc_floats(plane);
    float *jet = mem_alloc_floats(5 * plane), *gradient = mem_alloc_floats(5 * plane);
    float x[N_POINTS * 3];
    double first[2 * MAX_M], second[2 * MAX_M], laplacian[2 * MAX_M];
    struct rng rng = rng_at(4, RNG_SAMPLE, 0);
    for (size_t i = 0; i < N_POINTS * n_inputs; i++)
        x[i] = (float)rng_uniform(&rng);
    memset(jet, 0xff, 5 * plane * sizeof *jet);
    memset(gradient, 0xff, 5 * plane * sizeof *gradient);
    encoding_init(e, spec, 1, params);
    assert_int_equal(encoding_check_laplacian(e, NULL), STATUS_OK);
    encoding_forward(e, kernel, params, N_POINTS, x, values, ld);
    encoding_jet(e, kernel, params, N_POINTS, x, &axes, true, jet, ld);
    encoding_jet(e, kernel, params, N_POINTS, x, &axes, false, gradient, ld);
    assert_memory_equal(jet, values, plane * sizeof *jet);
    assert_memory_equal(jet, gradient, (1 + n_inputs) * plane * sizeof *jet);
    for (size_t i = 0; i < N_POINTS; i++) {
        double at[3] = {0};
        memset(laplacian, 0, sizeof laplacian);
        for (size_t d = 0; d < n_inputs; d++)
            at[d] = (double)x[i * n_inputs + d];
        for (size_t s = 0; s < n_inputs; s++) {
            const float *row = jet + (1 + s) * plane + i * ld;
            differences(e, spec, params, at, &axes, s, first, second);
            assert_true(compare_relative(n_features, row, first) < 1e-5);
            for (size_t f = 0; f < n_features; f++)
                laplacian[f] += second[f];
            for (size_t f = n_features; f < ld; f++)
                assert_true(row[f] == 0);
        }
        const float *row = jet + (1 + n_inputs) * plane + i * ld;
        for (size_t f = 0; f < ld; f++) /* of none: 0, but for the noise of differences */
            if (spec->type == ENCODING_NONE || f >= n_features)
                assert_true(row[f] == 0);
        if (spec->type != ENCODING_NONE)
            assert_true(compare_relative(n_features, row, laplacian) < 1e-5);
    }
    mem_free(gradient);
    mem_free(jet);
    mem_free(values);
    mem_free(params);
    encoding_free(e);
}

static void jet_matches_differences_of_the_formula(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t type = 0; type < N_SINE_TYPES; type++)
            for (size_t n_inputs = 1; n_inputs <= 3; n_inputs++) {
                struct encoding_spec spec = spec_of((enum encoding_type)type, n_inputs);
                check_jet(&spec, kernels[k]);
                spec.n_frequencies = spec.type == ENCODING_EXPLICIT ? 3 : 19; /* more than a lane */
                spec.normalize = true;
                spec.rotate = n_inputs > 1;
                check_jet(&spec, kernels[k]);
            }
}

static void export_and_import_are_inverse(void **state)
{
    (void)state;
    for (size_t type = ENCODING_BASIC; type < N_SINE_TYPES; type++) {
        struct encoding_spec spec = spec_of((enum encoding_type)type, 2);
        struct encoding *e = created(&spec);
        const size_t n = encoding_n_params(e);
        float *params = mem_alloc_floats(n), *copy = mem_alloc_floats(n);
        float b[MAX_M * 2], a[MAX_M];
        encoding_init(e, &spec, 5, params);
        memset(copy, 0xff, n * sizeof *copy);
        encoding_export(e, params, 0, b);
        encoding_export(e, params, 1, a);
        encoding_import(e, copy, 1, a);
        encoding_import(e, copy, 0, b);
        assert_memory_equal(copy, params, n * sizeof *copy);
        mem_free(copy);
        mem_free(params);
        encoding_free(e);
    }
}

static void backward_adds_to_gradients_and_leaves_padding_alone(void **state)
{
    (void)state;
    struct encoding_spec spec = spec_of(ENCODING_GAUSSIAN, 2);
    struct encoding *e = created(&spec);
    const size_t ld = 32, n = encoding_n_params(e);
    float params[48], out[2 * 32], d_out[2 * 32], once[48] = {0}, twice[48] = {0};
    const float x[] = {0.1f, 0.7f, 0.4f, 0.2f};
    assert_int_equal(n, 48);
    encoding_init(e, &spec, 1, params);
    encoding_forward(e, kernel_find(NULL), params, 2, x, out, ld);
    for (size_t i = 0; i < 64; i++)
        d_out[i] = (float)(i % 7) - 3; /* also where there are no features */
    encoding_backward(e, params, 2, x, out, d_out, ld, once, NULL);
    encoding_backward(e, params, 2, x, out, d_out, ld, twice, NULL);
    encoding_backward(e, params, 2, x, out, d_out, ld, twice, NULL);
    for (size_t i = 0; i < n; i++) {
        assert_float_equal(twice[i], 2 * once[i], 0);
        if (i % 16 >= 5)
            assert_true(once[i] == 0);
    }
    encoding_free(e);
}

/* --- refusals --- */

static void refuses_what_is_out_of_range(void **state)
{
    (void)state;
    static const double with_nan[] = {1, NAN, 1}, zeros[] = {0, 0, 0}, huge[] = {0, 2e6, 0};
    const struct {
        struct encoding_spec spec;
        const char *where;
    } rows[] = {
        {{.type = (enum encoding_type)99, .n_inputs = 2}, "/encoding/type"},
        {{.type = ENCODING_BASIC, .n_inputs = 0}, "/encoding"},
        {{.type = ENCODING_BASIC, .n_inputs = 4}, "/encoding"},
        {{.type = ENCODING_BASIC, .n_inputs = 1, .rotate = true}, "/encoding/rotate"},
        {{.type = ENCODING_NONE, .n_inputs = 1, .input_range = {1, 1}}, "/encoding/input_range"},
        {{.type = ENCODING_NONE, .n_inputs = 1, .input_range = {0, INFINITY}},
         "/encoding/input_range"},
        {{.type = ENCODING_NONE, .n_inputs = 1, .input_range = {NAN, 1}}, "/encoding/input_range"},
        {{.type = ENCODING_POSITIONAL, .n_inputs = 1, .n_frequencies = 1, .scale = 1},
         "/encoding/n_frequencies"},
        {{.type = ENCODING_POSITIONAL, .n_inputs = 1, .n_frequencies = 4, .scale = -1},
         "/encoding/scale"},
        {{.type = ENCODING_POSITIONAL, .n_inputs = 1, .n_frequencies = 4, .scale = NAN},
         "/encoding/scale"},
        {{.type = ENCODING_POSITIONAL, .n_inputs = 1, .n_frequencies = 4, .scale = 21},
         "/encoding/scale"},
        {{.type = ENCODING_POSITIONAL, .n_inputs = 3, .n_frequencies = 4096, .scale = 2},
         "/encoding"},
        {{.type = ENCODING_OCTAVE, .n_inputs = 1, .n_octaves = 0}, "/encoding/n_octaves"},
        {{.type = ENCODING_OCTAVE, .n_inputs = 1, .n_octaves = 21}, "/encoding/n_octaves"},
        {{.type = ENCODING_GAUSSIAN, .n_inputs = 1, .n_frequencies = 0, .sigma = 1},
         "/encoding/n_frequencies"},
        {{.type = ENCODING_GAUSSIAN, .n_inputs = 1, .n_frequencies = 4097, .sigma = 1},
         "/encoding/n_frequencies"},
        {{.type = ENCODING_GAUSSIAN, .n_inputs = 1, .n_frequencies = 4, .sigma = 0},
         "/encoding/sigma"},
        {{.type = ENCODING_GAUSSIAN, .n_inputs = 1, .n_frequencies = 4, .sigma = INFINITY},
         "/encoding/sigma"},
        {{.type = ENCODING_EXPLICIT, .n_inputs = 1, .n_frequencies = 3, .a = some_a},
         "/encoding/b"},
        {{.type = ENCODING_EXPLICIT, .n_inputs = 1, .n_frequencies = 3, .b = some_b},
         "/encoding/a"},
        {{.type = ENCODING_EXPLICIT, .n_inputs = 1, .n_frequencies = 3, .b = with_nan, .a = some_a},
         "/encoding/b"},
        {{.type = ENCODING_EXPLICIT, .n_inputs = 1, .n_frequencies = 3, .b = huge, .a = some_a},
         "/encoding/b"},
        {{.type = ENCODING_EXPLICIT, .n_inputs = 1, .n_frequencies = 3, .b = some_b, .a = with_nan},
         "/encoding/a"},
        {{.type = ENCODING_EXPLICIT,
          .n_inputs = 1,
          .n_frequencies = 3,
          .b = some_b,
          .a = zeros,
          .normalize = true},
         "/encoding/a"},
        {{.type = ENCODING_EXPLICIT, .n_inputs = 1, .b = some_b, .a = some_a},
         "/encoding/n_frequencies"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct encoding *e = NULL;
        struct error err = {0};
        assert_int_equal(encoding_create(&e, &rows[i].spec, &err), STATUS_INVALID);
        assert_string_equal(err.where, rows[i].where);
        assert_null(e);
    }
}

static enum status create_and_free(void *context, struct error *err)
{
    struct encoding *e = NULL;
    enum status status = encoding_create(&e, context, err);
    encoding_free(e);
    return status;
}

static void create_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct encoding_spec spec = spec_of(ENCODING_GAUSSIAN, 2);
    assert_true(alloc_fail_each(create_and_free, &spec) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_enumeration),
        cmocka_unit_test(shapes_follow_the_type),
        cmocka_unit_test(basic_is_the_unit_axes),
        cmocka_unit_test(positional_runs_from_0_to_2_to_the_scale_less_1),
        cmocka_unit_test(octave_doubles),
        cmocka_unit_test(explicit_is_what_the_caller_gave),
        cmocka_unit_test(gaussian_is_normal_and_scales_with_sigma),
        cmocka_unit_test(normalize_makes_features_of_length_1),
        cmocka_unit_test(rotate_turns_the_axes_by_45_degrees),
        cmocka_unit_test(forward_matches_the_formula_point_by_point),
        cmocka_unit_test(jet_matches_differences_of_the_formula),
        cmocka_unit_test(export_and_import_are_inverse),
        cmocka_unit_test(backward_adds_to_gradients_and_leaves_padding_alone),
        cmocka_unit_test(refuses_what_is_out_of_range),
        cmocka_unit_test(create_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
