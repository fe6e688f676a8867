/* concat: what it makes of its parts is what they make alone, side by side.  Gradients against a
 * naive twin are in test_gradient.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/nn/encoding.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"
#include "tests/support/alloc.h"
#include "tests/support/random.h"
#include "tests/support/small_encoding.h"

enum { N_PARTS = 4, N_POINTS = 70, D = 2 }; /* points: more than one chunk */

/* Sines that pass a lane by one, raw coordinates, a grid, sines that are trained: the order of the
 * parameters is another one. */
static const struct encoding_spec parts[N_PARTS] = {
    {.type = ENCODING_GAUSSIAN, .n_inputs = D, .n_frequencies = 17, .sigma = 3},
    {.type = ENCODING_NONE, .n_inputs = D, .input_range = {-1, 2}},
    {.type = ENCODING_HASHGRID,
     .n_inputs = D,
     .n_levels = 3,
     .n_features_per_level = 2,
     .log2_hashmap_size = 5,
     .base_resolution = 3,
     .finest_resolution = 9,
     .interpolation = INTERPOLATION_SMOOTHSTEP},
    {.type = ENCODING_GAUSSIAN, .n_inputs = D, .n_frequencies = 5, .sigma = 3, .trainable = true},
};
static const struct encoding_spec all = {
    .type = ENCODING_CONCAT, .n_inputs = D, .n_parts = N_PARTS, .parts = parts};
static const size_t columns[N_PARTS + 1] = {0, 34, 36, 42, 52};
static const size_t first_tensor[N_PARTS + 1] = {0, 2, 2, 5, 7};
enum { LD = 80 };

/* The concat, its parts alone with the same numbers, and points. */
struct fixture {
    struct encoding *whole, *part[N_PARTS];
    float *params, *part_params[N_PARTS];
    float *x, *d_out;
};

static void copy_tensor(const struct fixture *f, size_t p, size_t i)
{
    const struct encoding_tensor t = encoding_tensor(f->part[p], i);
    float *numbers = mem_alloc_floats(t.n_rows * (t.n_columns ? t.n_columns : 1));
    encoding_export(f->whole, f->params, first_tensor[p] + i, numbers);
    encoding_import(f->part[p], f->part_params[p], i, numbers);
    mem_free(numbers);
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_int_equal(encoding_create(&f.whole, &all, NULL), STATUS_OK);
    f.params = mem_alloc_floats(encoding_n_params(f.whole));
    encoding_init(f.whole, &all, 1, f.params);
    small_encoding_enlarge_tables(f.whole, f.params);
    f.x = random_floats((size_t)N_POINTS * D, 2);
    f.d_out = random_floats((size_t)N_POINTS * LD, 3);
    for (size_t i = 0; i < (size_t)N_POINTS * D; i++)
        f.x[i] = 0.5f + 0.5f * f.x[i];
    for (size_t p = 0; p < N_PARTS; p++) {
        assert_int_equal(encoding_create(&f.part[p], &parts[p], NULL), STATUS_OK);
        f.part_params[p] = mem_alloc_floats(encoding_n_params(f.part[p]));
        for (size_t i = 0; i < encoding_n_tensors(f.part[p]); i++)
            copy_tensor(&f, p, i);
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t p = 0; p < N_PARTS; p++) {
        encoding_free(f->part[p]);
        mem_free(f->part_params[p]);
    }
    encoding_free(f->whole);
    mem_free(f->params);
    mem_free(f->x);
    mem_free(f->d_out);
    return 0;
}

static void counts_are_those_of_the_parts_together(void **state)
{
    const struct fixture *f = *state;
    const size_t n_table = (3 * 3 + 7) + 2 * 32, n_fixed = 3 * 32, n_trained = 3 * 16;
    assert_int_equal(encoding_n_inputs(f->whole), D);
    assert_int_equal(encoding_n_features(f->whole), columns[N_PARTS]);
    assert_int_equal(encoding_n_frequencies(f->whole), 0);
    assert_int_equal(encoding_n_table(f->whole), encoding_n_table(f->part[2]));
    assert_int_equal(encoding_n_table(f->whole), 2 * n_table);
    assert_int_equal(encoding_n_fixed(f->whole), n_fixed);
    assert_int_equal(encoding_n_params(f->whole), 2 * n_table + n_fixed + n_trained);
    assert_int_equal(encoding_n_parameters(f->whole), 2 * n_table + 3 * 5);
    assert_true(encoding_multiply_adds(f->whole) == 2 * 17 + 6 * 4 + 2 * 5);
    assert_true(encoding_is_trainable(f->whole));
    assert_false(encoding_is_bounded(f->whole)); /* raw coordinates are not */
    assert_int_equal(encoding_n_levels(f->whole), 3);
    for (size_t l = 0; l < 3; l++) {
        const struct encoding_level level = encoding_level(f->whole, l);
        const struct encoding_level own = encoding_level(f->part[2], l);
        assert_int_equal(level.first, own.first); /* tables come first */
        assert_int_equal(level.count, own.count);
        assert_int_equal(level.column, columns[2] + own.column);
        assert_int_equal(level.n_columns, own.n_columns);
    }
    static const char *const names[] = {"parts.0.b",        "parts.0.a",        "parts.2.levels.0",
                                        "parts.2.levels.1", "parts.2.levels.2", "parts.3.b",
                                        "parts.3.a"};
    assert_int_equal(encoding_n_tensors(f->whole), first_tensor[N_PARTS]);
    for (size_t i = 0; i < first_tensor[N_PARTS]; i++)
        assert_string_equal(encoding_tensor(f->whole, i).name, names[i]);
}

static void bounded_and_fixed_where_all_parts_are(void **state)
{
    (void)state;
    const struct encoding_spec fixed[] = {parts[0], parts[0]};
    const struct encoding_spec spec = {
        .type = ENCODING_CONCAT, .n_inputs = D, .n_parts = 2, .parts = fixed};
    struct encoding *e = NULL;
    assert_int_equal(encoding_create(&e, &spec, NULL), STATUS_OK);
    assert_true(encoding_is_bounded(e));
    assert_false(encoding_is_trainable(e));
    /* alike, but not the same numbers: each draws from a place of its own */
    float params[2 * 3 * 32], same[2 * 3 * 32];
    assert_int_equal(encoding_n_params(e), sizeof params / sizeof *params);
    encoding_init(e, &spec, 4, params);
    encoding_init(e, &spec, 4, same);
    assert_memory_equal(params, same, sizeof params);
    assert_memory_not_equal(params, params + 3 * 32, 17 * sizeof *params);
    encoding_free(e);
}

static void export_and_import_are_inverse(void **state)
{
    const struct fixture *f = *state;
    const size_t n = encoding_n_params(f->whole);
    float *copy = mem_alloc_floats(n), *numbers = mem_alloc_floats(n);
    memset(copy, 0xff, n * sizeof *copy);
    for (size_t i = 0; i < encoding_n_tensors(f->whole); i++) {
        encoding_export(f->whole, f->params, i, numbers);
        encoding_import(f->whole, copy, i, numbers);
    }
    assert_memory_equal(copy, f->params, n * sizeof *copy);
    mem_free(numbers);
    mem_free(copy);
}

/* Planes [n_planes, N_POINTS, LD] against those of the parts, column by column, and zeros behind.
 */
static void assert_side_by_side(const struct fixture *f, size_t n_planes, const float *whole,
                                float *const *part)
{
    for (size_t row = 0; row < n_planes * N_POINTS; row++) {
        for (size_t p = 0; p < N_PARTS; p++)
            assert_memory_equal(whole + row * LD + columns[p], part[p] + row * LD,
                                encoding_n_features(f->part[p]) * sizeof *whole);
        for (size_t k = columns[N_PARTS]; k < LD; k++)
            assert_true(whole[row * LD + k] == 0);
    }
}

static void features_and_derivatives_are_those_of_the_parts(void **state)
{
    const struct fixture *f = *state;
    static const struct encoding_axes axes = {{{0.5, -1, 0}, {1, 0.5, 0}}};
    const size_t plane = (size_t)N_POINTS * LD;
    float *whole = mem_alloc_floats(4 * plane), *part[N_PARTS];
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t p = 0; p < N_PARTS; p++)
        part[p] = mem_alloc_floats(4 * plane);
    assert_int_equal(encoding_check_laplacian(f->whole, NULL), STATUS_OK);
    for (size_t k = 0; k < n_kernels; k++)
        for (int has_laplacian = 0; has_laplacian < 2; has_laplacian++) {
            memset(whole, 0xff, 4 * plane * sizeof *whole);
            encoding_forward(f->whole, kernels[k], f->params, N_POINTS, f->x, whole, LD);
            for (size_t p = 0; p < N_PARTS; p++)
                encoding_forward(f->part[p], kernels[k], f->part_params[p], N_POINTS, f->x, part[p],
                                 LD);
            assert_side_by_side(f, 1, whole, part);
            memset(whole, 0xff, 4 * plane * sizeof *whole);
            encoding_jet(f->whole, kernels[k], f->params, N_POINTS, f->x, &axes, has_laplacian,
                         whole, LD);
            for (size_t p = 0; p < N_PARTS; p++)
                encoding_jet(f->part[p], kernels[k], f->part_params[p], N_POINTS, f->x, &axes,
                             has_laplacian, part[p], LD);
            assert_side_by_side(f, 3 + (size_t)has_laplacian, whole, part);
        }
    for (size_t p = 0; p < N_PARTS; p++)
        mem_free(part[p]);
    mem_free(whole);
}

/* The Laplacian plane is the last of the caller's memory: nothing is written behind it. */
static void derivatives_stay_in_their_planes(void **state)
{
    const struct fixture *f = *state;
    static const struct encoding_axes axes = {{{1, 0, 0}, {0, 1, 0}}};
    const size_t n = 4 * (size_t)N_POINTS * LD;
    float *out = mem_alloc_floats(n + LD);
    for (size_t i = 0; i < n + LD; i++)
        out[i] = 7;
    encoding_jet(f->whole, kernel_find(NULL), f->params, N_POINTS, f->x, &axes, true, out, LD);
    for (size_t i = n; i < n + LD; i++)
        assert_true(out[i] == 7);
    mem_free(out);
}

static void gradients_are_those_of_the_parts(void **state)
{
    const struct fixture *f = *state;
    const size_t n_dense = encoding_n_params(f->whole) - encoding_n_table(f->whole);
    const size_t n_fixed = encoding_n_fixed(f->whole);
    float *out = mem_alloc_floats((size_t)N_POINTS * LD);
    float *part_out = mem_alloc_floats((size_t)N_POINTS * LD);
    float *part_d_out = mem_alloc_floats((size_t)N_POINTS * LD);
    float d_dense[3 * 32 + 3 * 16] = {0}, d_part[3 * 32] = {0};
    float d_x[N_POINTS * D], d_x_part[N_POINTS * D], d_x_sum[N_POINTS * D] = {0};
    assert_int_equal(n_dense, sizeof d_dense / sizeof *d_dense);
    encoding_forward(f->whole, kernel_find(NULL), f->params, N_POINTS, f->x, out, LD);
    encoding_backward(f->whole, f->params, N_POINTS, f->x, out, f->d_out, LD, d_dense, d_x);
    for (size_t p = 0; p < N_PARTS; p++) {
        for (size_t i = 0; i < N_POINTS; i++)
            memcpy(part_d_out + i * LD, f->d_out + i * LD + columns[p],
                   (LD - columns[p]) * sizeof *out);
        encoding_forward(f->part[p], kernel_find(NULL), f->part_params[p], N_POINTS, f->x, part_out,
                         LD);
        encoding_backward(f->part[p], f->part_params[p], N_POINTS, f->x, part_out, part_d_out, LD,
                          p == 3 ? d_part : NULL, d_x_part);
        for (size_t i = 0; i < (size_t)N_POINTS * D; i++)
            d_x_sum[i] += d_x_part[i];
    }
    assert_memory_equal(d_x, d_x_sum, sizeof d_x);
    for (size_t i = 0; i < n_fixed; i++) /* nobody learns them */
        assert_true(d_dense[i] == 0);
    for (size_t i = 0; i < 3 * 16; i++) /* sums of chunks */
        assert_float_equal(d_dense[n_fixed + i], d_part[i], 1e-2f);
    encoding_backward(f->whole, f->params, N_POINTS, f->x, out, f->d_out, LD, NULL, d_x_part);
    assert_memory_equal(d_x, d_x_part, sizeof d_x);
    mem_free(part_d_out);
    mem_free(part_out);
    mem_free(out);
}

static void scatter_goes_to_the_part_that_has_the_level(void **state)
{
    const struct fixture *f = *state;
    float whole[64], part[64];
    uint8_t touched[4], touched_part[4];
    for (size_t l = 0; l < 3; l++) {
        memset(whole, 0, sizeof whole), memset(part, 0, sizeof part);
        memset(touched, 0, sizeof touched), memset(touched_part, 0, sizeof touched_part);
        assert_true(encoding_level(f->whole, l).count <= 64);
        encoding_scatter(f->whole, kernel_find(NULL), l, N_POINTS, f->x, f->d_out, whole, touched);
        encoding_scatter(f->part[2], kernel_find(NULL), l, N_POINTS, f->x, f->d_out, part,
                         touched_part);
        assert_memory_equal(whole, part, sizeof whole);
        assert_memory_equal(touched, touched_part, sizeof touched);
        assert_int_equal(touched[0], 1);
    }
}

static void no_laplacian_where_a_part_has_none(void **state)
{
    (void)state;
    struct encoding_spec linear[] = {parts[0], parts[2]};
    const struct encoding_spec spec = {
        .type = ENCODING_CONCAT, .n_inputs = D, .n_parts = 2, .parts = linear};
    struct encoding *e = NULL;
    struct error err = {0};
    linear[1].interpolation = INTERPOLATION_LINEAR;
    assert_int_equal(encoding_create(&e, &spec, NULL), STATUS_OK);
    assert_int_equal(encoding_check_laplacian(e, &err), STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'linear'"));
    encoding_free(e);
}

static void refuses_parts_that_do_not_go_together(void **state)
{
    (void)state;
    struct encoding_spec bad[5] = {parts[0], parts[1], parts[2], parts[3], parts[0]};
    struct {
        size_t n_parts;
        enum encoding_type type;
        size_t n_inputs, n_frequencies;
        const char *says;
    } rows[] = {
        {0, ENCODING_GAUSSIAN, D, 5, "2..4"},        {1, ENCODING_GAUSSIAN, D, 5, "2..4"},
        {5, ENCODING_GAUSSIAN, D, 5, "2..4"},        {2, ENCODING_CONCAT, D, 5, "part 1"},
        {2, ENCODING_GAUSSIAN, D + 1, 5, "part 1"},  {2, ENCODING_GAUSSIAN, D, 0, "n_frequencies"},
        {2, (enum encoding_type)99, D, 0, "part 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct encoding_spec spec = all;
        struct encoding *e = NULL;
        struct error err = {0};
        bad[1] = (struct encoding_spec){.type = rows[i].type,
                                        .n_inputs = rows[i].n_inputs,
                                        .n_frequencies = rows[i].n_frequencies,
                                        .sigma = 1,
                                        .n_parts = 2,
                                        .parts = parts};
        spec.n_parts = rows[i].n_parts;
        spec.parts = bad;
        assert_int_equal(encoding_create(&e, &spec, &err), STATUS_INVALID);
        assert_string_equal(err.where, "/encoding/parts");
        assert_non_null(strstr(err.message, rows[i].says));
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

/* Each of them within the limit, but not both. */
static void refuses_tables_that_are_too_large_together(void **state)
{
    (void)state;
    const struct encoding_spec grid = {.type = ENCODING_DENSEGRID,
                                       .n_inputs = D,
                                       .n_levels = 1,
                                       .n_features_per_level = 8,
                                       .base_resolution = 2240,
                                       .finest_resolution = 2240};
    const struct encoding_spec both[] = {grid, grid};
    const struct encoding_spec spec = {
        .type = ENCODING_CONCAT, .n_inputs = D, .n_parts = 2, .parts = both};
    struct encoding *e = NULL;
    struct error err = {0};
    assert_int_equal(encoding_create(&e, &grid, NULL), STATUS_OK);
    assert_true(encoding_n_table(e) < LIMIT_GRID_PARAMETERS &&
                2 * encoding_n_table(e) > LIMIT_GRID_PARAMETERS);
    encoding_free(e);
    e = NULL;
    assert_int_equal(encoding_create(&e, &spec, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/encoding/parts");
    assert_null(e);
}

static void create_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct encoding_spec spec = all;
    assert_int_equal(alloc_fail_each(create_and_free, &spec), 1 + N_PARTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_the_parts_together),
        cmocka_unit_test(bounded_and_fixed_where_all_parts_are),
        cmocka_unit_test(export_and_import_are_inverse),
        cmocka_unit_test(features_and_derivatives_are_those_of_the_parts),
        cmocka_unit_test(derivatives_stay_in_their_planes),
        cmocka_unit_test(gradients_are_those_of_the_parts),
        cmocka_unit_test(scatter_goes_to_the_part_that_has_the_level),
        cmocka_unit_test(no_laplacian_where_a_part_has_none),
        cmocka_unit_test(refuses_parts_that_do_not_go_together),
        cmocka_unit_test(refuses_tables_that_are_too_large_together),
        cmocka_unit_test(create_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
