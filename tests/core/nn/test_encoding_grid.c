/* Grids: settings, shapes, formulas and their derivatives.  What kernels promise of lookups and
 * additions is in test_kernel_grid.c, gradients are in test_gradient.c. */
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
#include "core/nn/grid.h"
#include "core/nn/kernel.h"
#include "tests/support/alloc.h"
#include "tests/support/small_grid.h"
#include "tests/support/twin_encoding.h"

/* --- shapes --- */

static void levels_are_dense_until_they_would_be_larger_than_the_hash_table(void **state)
{
    (void)state;
    /* s = 15, 31, 63, 127: r = 17, 33, 65, 129; a line holds 8 pairs */
    static const size_t hashed[] = {296, 1024, 1024, 1024}, dense[] = {296, 1096, 4232, 16648};
    for (int type = ENCODING_HASHGRID; type <= ENCODING_DENSEGRID; type++) {
        const size_t *n_entries = type == ENCODING_HASHGRID ? hashed : dense;
        const struct encoding_spec spec = {.type = (enum encoding_type)type,
                                           .n_inputs = 2,
                                           .n_levels = 4,
                                           .n_features_per_level = 2,
                                           .log2_hashmap_size = 10,
                                           .base_resolution = 16,
                                           .per_level_scale = 2};
        struct encoding *e = small_grid_create(&spec);
        size_t first = 0;
        assert_int_equal(encoding_n_levels(e), 4);
        for (size_t l = 0; l < 4; l++) {
            const struct encoding_level level = encoding_level(e, l);
            assert_int_equal(level.first, first);
            assert_int_equal(level.count, 2 * n_entries[l]);
            assert_int_equal(level.column, 2 * l);
            assert_int_equal(level.n_columns, 2);
            first += level.count;
        }
        assert_int_equal(encoding_n_features(e), 8);
        assert_int_equal(encoding_n_params(e), first);
        assert_int_equal(encoding_n_table(e), first);
        assert_int_equal(encoding_n_fixed(e), 0);
        assert_int_equal(encoding_n_parameters(e), first);
        assert_int_equal(encoding_n_frequencies(e), 0);
        assert_true(encoding_multiply_adds(e) == 8 * 4);
        assert_true(encoding_is_trainable(e) && encoding_is_bounded(e));
        encoding_free(e);
    }
}

static void levels_are_whole_lines_one_after_the_other(void **state)
{
    (void)state;
    for (int type = ENCODING_HASHGRID; type <= ENCODING_DENSEGRID; type++)
        for (size_t n_inputs = 1; n_inputs <= LIMIT_DIMS; n_inputs++)
            for (size_t n_features = 1; n_features <= GRID_MAX_FEATURES; n_features *= 2) {
                const struct encoding_spec spec = small_grid_spec(
                    (enum encoding_type)type, n_inputs, n_features, INTERPOLATION_LINEAR);
                struct encoding *e = small_grid_create(&spec);
                size_t first = 0, column = 0;
                for (size_t l = 0; l < encoding_n_levels(e); l++) {
                    const struct encoding_level level = encoding_level(e, l);
                    assert_int_equal(level.count % GRID_LINE, 0);
                    assert_int_equal(level.first, first);
                    assert_int_equal(level.column, column);
                    assert_true(type == ENCODING_DENSEGRID || level.count <= 64 * n_features);
                    first += level.count;
                    column += level.n_columns;
                }
                assert_int_equal(first, encoding_n_params(e));
                assert_int_equal(column, encoding_n_features(e));
                encoding_free(e);
            }
}

static void finest_resolution_is_that_of_the_last_level(void **state)
{
    (void)state;
    struct encoding_spec spec = small_grid_spec(ENCODING_DENSEGRID, 1, 1, INTERPOLATION_LINEAR);
    spec.n_levels = 3;
    spec.base_resolution = 100;
    spec.finest_resolution = 10000;
    static const size_t sides[] = {101, 1001, 10001}; /* s = 99, 999, 9999 */
    for (int by_scale = 0; by_scale < 2; by_scale++) {
        spec.per_level_scale = by_scale ? 10 : 0;
        struct encoding *e = small_grid_create(&spec);
        for (size_t l = 0; l < 3; l++)
            assert_int_equal(encoding_level(e, l).count, (sides[l] + 15) / 16 * 16);
        encoding_free(e);
    }
    spec.n_levels = 1;
    struct encoding *e = small_grid_create(&spec);
    assert_int_equal(encoding_n_params(e), 112);
    encoding_free(e);
}

static void tables_begin_small_and_different(void **state)
{
    (void)state;
    const struct encoding_spec spec =
        small_grid_spec(ENCODING_DENSEGRID, 3, 8, INTERPOLATION_LINEAR);
    struct encoding *e = small_grid_create(&spec);
    const size_t n = encoding_n_params(e);
    float *params = mem_alloc_floats(n), *same = mem_alloc_floats(n);
    double sum = 0, squares = 0;
    encoding_init(e, &spec, 4, params);
    encoding_init(e, &spec, 4, same);
    assert_memory_equal(params, same, n * sizeof *params);
    encoding_init(e, &spec, 5, same);
    assert_memory_not_equal(params, same, n * sizeof *params);
    for (size_t i = 0; i < n; i++) {
        const double u = (double)params[i] / 1e-4;
        assert_true(fabs(u) <= 1 + 1e-6);
        sum += u;
        squares += u * u;
    }
    /* five standard deviations of each estimate, for U(-1, 1) */
    assert_true(fabs(sum / (double)n) < 5 * sqrt(1.0 / 3 / (double)n));
    assert_true(fabs(squares / (double)n - 1.0 / 3) < 5 * sqrt(4.0 / 45 / (double)n));
    for (size_t l = 1; l < encoding_n_levels(e); l++)
        assert_memory_not_equal(params, params + encoding_level(e, l).first, 64 * sizeof *params);
    mem_free(same);
    mem_free(params);
    encoding_free(e);
}

static void export_and_import_are_inverse(void **state)
{
    (void)state;
    struct small_grid f;
    const struct encoding_spec spec =
        small_grid_spec(ENCODING_HASHGRID, 2, 4, INTERPOLATION_LINEAR);
    small_grid_init(&f, &spec);
    float *copy = mem_alloc_floats(f.n_params), *numbers = mem_alloc_floats(f.n_params);
    assert_int_equal(encoding_n_tensors(f.e), 20);
    for (size_t i = encoding_n_tensors(f.e); i-- > 0;) {
        const struct encoding_tensor t = encoding_tensor(f.e, i);
        const struct encoding_level level = encoding_level(f.e, i);
        assert_int_equal(t.n_columns, 4);
        assert_int_equal(t.n_rows * t.n_columns, level.count);
        encoding_export(f.e, f.params, i, numbers);
        assert_memory_equal(numbers, f.params + level.first, level.count * sizeof *numbers);
        encoding_import(f.e, copy, i, numbers);
    }
    assert_string_equal(encoding_tensor(f.e, 0).name, "levels.0");
    assert_string_equal(encoding_tensor(f.e, 19).name, "levels.19");
    assert_memory_equal(copy, f.params, f.n_params * sizeof *copy);
    mem_free(numbers);
    mem_free(copy);
    small_grid_deinit(&f);
}

/* --- formulas --- */

/* The first feature at one point, of every kernel. */
static void check_value(const struct encoding *e, const float *params, const float *x,
                        float expected, float tolerance)
{
    float out[48];
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++) {
        encoding_forward(e, kernels[k], params, 1, x, out, 48);
        assert_float_equal(out[0], expected, tolerance);
    }
}

static void features_are_weighted_by_the_place_in_the_cell(void **state)
{
    (void)state;
    /* s = 1: a point lies at x + 1/2, between three vertices */
    static const struct {
        float x, linear, smooth;
    } rows[] = {
        {0, 15, 15}, {0.25f, 17.5f, 18.4375f}, {0.5f, 20, 20}, {0.75f, 45, 35.625f}, {1, 70, 70},
    };
    for (size_t n_features = 1; n_features <= 8; n_features *= 2) {
        struct encoding_spec spec = {.type = ENCODING_DENSEGRID,
                                     .n_inputs = 1,
                                     .n_levels = 1,
                                     .n_features_per_level = n_features,
                                     .base_resolution = 2,
                                     .finest_resolution = 2};
        float params[32] = {0};
        params[0] = 10, params[n_features] = 20, params[2 * n_features] = 120;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            spec.interpolation = INTERPOLATION_LINEAR;
            struct encoding *e = small_grid_create(&spec);
            check_value(e, params, &rows[i].x, rows[i].linear, 1e-5f);
            encoding_free(e);
            spec.interpolation = INTERPOLATION_SMOOTHSTEP;
            e = small_grid_create(&spec);
            check_value(e, params, &rows[i].x, rows[i].smooth, 1e-5f);
            encoding_free(e);
        }
    }
}

static void a_dense_level_counts_along_x_then_y_then_z(void **state)
{
    (void)state;
    /* every entry its own number, three to an axis: 1/2 + x + 3 (1/2 + y) + 9 (1/2 + z) */
    for (size_t n_inputs = 2; n_inputs <= 3; n_inputs++) {
        const struct encoding_spec spec = {.type = ENCODING_DENSEGRID,
                                           .n_inputs = n_inputs,
                                           .n_levels = 1,
                                           .n_features_per_level = 2,
                                           .base_resolution = 2,
                                           .finest_resolution = 2};
        static const float x[] = {0.25f, 0.75f, 0.375f};
        struct encoding *e = small_grid_create(&spec);
        float params[2 * 32];
        for (size_t i = 0; i < 64; i++)
            params[i] = (float)(i / 2);
        check_value(e, params, x, n_inputs == 2 ? 0.75f + 3.75f : 0.75f + 3.75f + 7.875f, 1e-5f);
        encoding_free(e);
    }
}

/* A vertex v of a level with s a power of 2 lies exactly at (v - 1/2) / s. */
static void vertex(size_t n_inputs, const unsigned *v, float scale, float *x)
{
    for (size_t d = 0; d < n_inputs; d++)
        x[d] = ((float)v[d] - 0.5f) / scale;
}

static void a_hashed_level_mixes_the_coordinates_with_primes(void **state)
{
    (void)state;
    static const struct {
        size_t n_inputs;
        unsigned vertex[3];
        float entry;
    } rows[] = {
        {2, {3, 5, 0}, 118}, {2, {64, 1, 0}, 497}, {2, {40, 63, 0}, 679},
        {3, {3, 5, 7}, 357}, {3, {10, 2, 9}, 341}, {3, {1, 10, 10}, 313},
    };
    static float params[2 * 1024];
    for (size_t i = 0; i < 2048; i++)
        params[i] = (float)(i / 2);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const bool is_flat = rows[i].n_inputs == 2;
        const struct encoding_spec spec = {.type = ENCODING_HASHGRID,
                                           .n_inputs = rows[i].n_inputs,
                                           .n_levels = 1,
                                           .n_features_per_level = 2,
                                           .log2_hashmap_size = is_flat ? 10 : 9,
                                           .base_resolution = is_flat ? 65 : 17,
                                           .per_level_scale = 1};
        struct encoding *e = small_grid_create(&spec);
        float x[3];
        vertex(rows[i].n_inputs, rows[i].vertex, is_flat ? 64 : 16, x);
        check_value(e, params, x, rows[i].entry, 0);
        encoding_free(e);
    }
}

static void vertices_of_one_entry_share_it(void **state)
{
    (void)state;
    /* in a table of 16 the entry is (x ^ y) mod 16: 0 along the diagonal */
    const struct encoding_spec spec = {.type = ENCODING_HASHGRID,
                                       .n_inputs = 2,
                                       .n_levels = 1,
                                       .n_features_per_level = 1,
                                       .log2_hashmap_size = 4,
                                       .base_resolution = 9,
                                       .per_level_scale = 1};
    struct encoding *e = small_grid_create(&spec);
    float params[16] = {7}, gradient[16] = {0}, x[2];
    uint8_t touched[1] = {0};
    const float d_feature = 0.5f;
    for (unsigned k = 1; k <= 8; k++) {
        vertex(2, (const unsigned[]){k, k}, 8, x);
        check_value(e, params, x, 7, 0);
        encoding_scatter(e, kernel_find(NULL), 0, 1, x, &d_feature, gradient, touched);
        assert_true(gradient[0] == 0.5f * (float)k);
    }
    encoding_free(e);
}

/* --- derivatives along axes --- */

static const struct encoding_axes some_axes = {{{0.5, -1, 0.25}, {1, 0.5, -0.5}, {0.25, 0, -1}}};

/* First and second derivatives of the features along axis s, by five-point rules. */
static void differences(const struct twin_encoding *t, const double *params, const double *x,
                        size_t s, double *first, double *second)
{
    static const double first_weight[] = {1, -8, 0, 8, -1}, second_weight[] = {-1, 16, -30, 16, -1};
    static const double step = 1e-3;
    double features[TWIN_MAX_LEVELS * GRID_MAX_FEATURES];
    memset(first, 0, t->n_features * sizeof *first);
    memset(second, 0, t->n_features * sizeof *second);
    for (size_t k = 0; k < 5; k++) {
        double at[LIMIT_DIMS];
        for (size_t d = 0; d < t->n_inputs; d++)
            at[d] = x[d] + ((double)k - 2) * step * some_axes.d_x[d][s];
        twin_encode(t, params, at, features);
        for (size_t f = 0; f < t->n_features; f++) {
            first[f] += first_weight[k] * features[f] / (12 * step);
            second[f] += second_weight[k] * features[f] / (12 * step * step);
        }
    }
}

static void assert_near(size_t n, const float *values, const double *expected, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        assert_true(fabs((double)values[i] - expected[i]) < tolerance);
}

static void check_jet(const struct encoding_spec *spec, const struct kernel *kernel)
{
    struct small_grid f;
    struct twin_encoding twin;
    small_grid_init(&f, spec);
    twin_encoding_init(&twin, spec);
    const bool is_smooth = spec->interpolation == INTERPOLATION_SMOOTHSTEP;
    const size_t n_inputs = spec->n_inputs, n_features = encoding_n_features(f.e);
    const size_t plane = SMALL_GRID_POINTS * f.ld;
    float *jet = mem_alloc_floats(5 * plane);
    double *params = mem_alloc_array(f.n_params, sizeof *params);
    double first[32], second[32];
    assert_int_equal(twin.n_params, f.n_params);
    for (size_t i = 0; i < f.n_params; i++)
        params[i] = (double)f.params[i];
    encoding_forward(f.e, kernel, f.params, SMALL_GRID_POINTS, f.x, f.out, f.ld);
    encoding_jet(f.e, kernel, f.params, SMALL_GRID_POINTS, f.x, &some_axes, is_smooth, jet, f.ld);
    assert_memory_equal(jet, f.out, plane * sizeof *jet);
    size_t n_checked = 0;
    for (size_t i = 0; i < SMALL_GRID_POINTS; i++) {
        double x[LIMIT_DIMS], laplacian[32] = {0}, margin = 1;
        uint64_t cells = 0;
        for (size_t d = 0; d < n_inputs; d++)
            x[d] = (double)f.x[i * n_inputs + d];
        twin_encode_cells(&twin, x, &cells, &margin);
        if (margin < 0.03) /* steps reach 0.02 far in the finest cells */
            continue;
        n_checked++;
        for (size_t s = 0; s < n_inputs; s++) {
            const float *row = jet + (1 + s) * plane + i * f.ld;
            differences(&twin, params, x, s, first, second);
            assert_near(n_features, row, first, 2e-4); /* slopes are about 20 */
            for (size_t k = 0; k < n_features; k++)
                laplacian[k] += second[k];
            for (size_t k = n_features; k < f.ld; k++)
                assert_true(row[k] == 0);
        }
        if (is_smooth)
            assert_near(n_features, jet + (1 + n_inputs) * plane + i * f.ld, laplacian,
                        2e-2); /* about 1000 */
    }
    assert_true(n_checked > 5);
    mem_free(params);
    mem_free(jet);
    small_grid_deinit(&f);
}

static void jet_matches_differences_of_the_formula(void **state)
{
    (void)state;
    for (int type = ENCODING_HASHGRID; type <= ENCODING_DENSEGRID; type++)
        for (size_t n_inputs = 1; n_inputs <= LIMIT_DIMS; n_inputs++)
            for (size_t n_features = 1; n_features <= GRID_MAX_FEATURES; n_features *= 2)
                for (int i = INTERPOLATION_LINEAR; i <= INTERPOLATION_SMOOTHSTEP; i++) {
                    struct encoding_spec spec = small_grid_spec((enum encoding_type)type, n_inputs,
                                                                n_features, (enum interpolation)i);
                    spec.n_levels = 2;
                    check_jet(&spec, kernel_find(NULL));
                }
}

static void a_linear_grid_has_no_laplacian(void **state)
{
    (void)state;
    struct encoding_spec spec = small_grid_spec(ENCODING_HASHGRID, 2, 2, INTERPOLATION_LINEAR);
    struct error err = {0};
    struct encoding *e = small_grid_create(&spec);
    assert_int_equal(encoding_check_laplacian(e, &err), STATUS_UNSUPPORTED);
    assert_string_equal(err.where, "");
    assert_non_null(strstr(err.message, "'linear'"));
    encoding_free(e);
    spec.interpolation = INTERPOLATION_SMOOTHSTEP;
    e = small_grid_create(&spec);
    assert_int_equal(encoding_check_laplacian(e, NULL), STATUS_OK);
    encoding_free(e);
}

/* --- refusals --- */

static void refuses_what_is_out_of_range(void **state)
{
    (void)state;
    struct {
        struct encoding_spec spec;
        const char *where;
    } rows[24];
    size_t n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        rows[i].spec = small_grid_spec(ENCODING_HASHGRID, 2, 2, INTERPOLATION_LINEAR);
    rows[n].spec.n_levels = 0, rows[n++].where = "/encoding/n_levels";
    rows[n].spec.n_levels = 33, rows[n++].where = "/encoding/n_levels";
    rows[n].spec.n_features_per_level = 0, rows[n++].where = "/encoding/n_features_per_level";
    rows[n].spec.n_features_per_level = 3, rows[n++].where = "/encoding/n_features_per_level";
    rows[n].spec.n_features_per_level = 16, rows[n++].where = "/encoding/n_features_per_level";
    rows[n].spec.log2_hashmap_size = 3, rows[n++].where = "/encoding/log2_hashmap_size";
    rows[n].spec.log2_hashmap_size = 25, rows[n++].where = "/encoding/log2_hashmap_size";
    rows[n].spec.base_resolution = 1, rows[n++].where = "/encoding/base_resolution";
    rows[n].spec.base_resolution = 65537, rows[n++].where = "/encoding/base_resolution";
    rows[n].spec.finest_resolution = 1.5, rows[n++].where = "/encoding/finest_resolution";
    rows[n].spec.finest_resolution = 65537, rows[n++].where = "/encoding/finest_resolution";
    rows[n].spec.finest_resolution = NAN, rows[n++].where = "/encoding/finest_resolution";
    rows[n].spec.finest_resolution = INFINITY, rows[n++].where = "/encoding/finest_resolution";
    rows[n].spec.per_level_scale = 0.99, rows[n++].where = "/encoding/per_level_scale";
    rows[n].spec.per_level_scale = -2, rows[n++].where = "/encoding/per_level_scale";
    rows[n].spec.per_level_scale = 1.8, rows[n++].where = "/encoding/per_level_scale";
    rows[n].spec.per_level_scale = NAN, rows[n++].where = "/encoding/per_level_scale";
    rows[n].spec.per_level_scale = INFINITY, rows[n++].where = "/encoding/per_level_scale";
    rows[n].spec.n_inputs = 0, rows[n++].where = "/encoding";
    rows[n].spec.n_inputs = 4, rows[n++].where = "/encoding";
    /* tables of more numbers than there may be: dense, of whole levels, one level */
    rows[n].spec.type = ENCODING_DENSEGRID, rows[n].spec.finest_resolution = 12000;
    rows[n++].where = "/encoding";
    rows[n].spec.type = ENCODING_DENSEGRID, rows[n].spec.n_inputs = 3;
    rows[n].spec.finest_resolution = 65536, rows[n++].where = "/encoding";
    rows[n].spec.log2_hashmap_size = 24, rows[n].spec.base_resolution = 65000;
    rows[n].spec.per_level_scale = 1, rows[n++].where = "/encoding";
    rows[n].spec.log2_hashmap_size = 24, rows[n].spec.n_levels = 1;
    rows[n].spec.n_features_per_level = 8, rows[n].spec.base_resolution = 65000;
    rows[n].spec.per_level_scale = 1, rows[n++].where = "/encoding";
    assert_int_equal(n, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        struct encoding *e = NULL;
        struct error err = {0};
        assert_int_equal(encoding_create(&e, &rows[i].spec, &err), STATUS_INVALID);
        assert_string_equal(err.where, rows[i].where);
        assert_true(strlen(err.message) > 0);
        assert_null(e);
    }
}

/* The largest of everything: no number overflows. */
static void takes_the_largest_settings(void **state)
{
    (void)state;
    struct encoding_spec spec = {.type = ENCODING_HASHGRID,
                                 .n_inputs = 3,
                                 .n_levels = 3,
                                 .n_features_per_level = 1,
                                 .log2_hashmap_size = 24,
                                 .base_resolution = 65536,
                                 .finest_resolution = 65536};
    struct encoding *e = small_grid_create(&spec);
    assert_int_equal(encoding_n_params(e), (size_t)3 << 24);
    assert_int_equal(encoding_level(e, 2).first, (size_t)2 << 24);
    encoding_free(e);
    spec.n_levels = 32;
    spec.log2_hashmap_size = 10;
    e = small_grid_create(&spec);
    assert_int_equal(encoding_n_params(e), 32 << 10);
    encoding_free(e);
    spec.type = ENCODING_DENSEGRID; /* which has no hash table */
    spec.n_inputs = 1;
    spec.log2_hashmap_size = 0;
    e = small_grid_create(&spec);
    assert_int_equal(encoding_level(e, 31).count, (65535 + 2 + 15) / 16 * 16);
    encoding_free(e);
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
    struct encoding_spec spec = small_grid_spec(ENCODING_HASHGRID, 2, 2, INTERPOLATION_LINEAR);
    assert_true(alloc_fail_each(create_and_free, &spec) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_dense_until_they_would_be_larger_than_the_hash_table),
        cmocka_unit_test(levels_are_whole_lines_one_after_the_other),
        cmocka_unit_test(finest_resolution_is_that_of_the_last_level),
        cmocka_unit_test(tables_begin_small_and_different),
        cmocka_unit_test(export_and_import_are_inverse),
        cmocka_unit_test(features_are_weighted_by_the_place_in_the_cell),
        cmocka_unit_test(a_dense_level_counts_along_x_then_y_then_z),
        cmocka_unit_test(a_hashed_level_mixes_the_coordinates_with_primes),
        cmocka_unit_test(vertices_of_one_entry_share_it),
        cmocka_unit_test(jet_matches_differences_of_the_formula),
        cmocka_unit_test(a_linear_grid_has_no_laplacian),
        cmocka_unit_test(refuses_what_is_out_of_range),
        cmocka_unit_test(takes_the_largest_settings),
        cmocka_unit_test(create_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
