/* What every kernel promises of grids: lookups and additions, in the table and in order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/encoding.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"
#include "tests/support/small_grid.h"

/* Every type, number of inputs and of features, interpolation and kernel. */
static void each_grid(void (*check)(struct small_grid *f, const struct kernel *kernel))
{
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (int type = ENCODING_HASHGRID; type <= ENCODING_DENSEGRID; type++)
        for (size_t n_inputs = 1; n_inputs <= LIMIT_DIMS; n_inputs++)
            for (size_t n_features = 1; n_features <= GRID_MAX_FEATURES; n_features *= 2)
                for (int i = INTERPOLATION_LINEAR; i <= INTERPOLATION_SMOOTHSTEP; i++) {
                    const struct encoding_spec spec = small_grid_spec(
                        (enum encoding_type)type, n_inputs, n_features, (enum interpolation)i);
                    struct small_grid f;
                    small_grid_init(&f, &spec);
                    for (size_t k = 0; k < n_kernels; k++)
                        check(&f, kernels[k]);
                    small_grid_deinit(&f);
                }
}

/* --- the ends of the domain --- */

/* A coordinate outside counts as the nearest inside; NaN as 0. */
static void check_outside(struct small_grid *f, const struct kernel *kernel)
{
    static const struct {
        float x, counts_as;
    } rows[] = {
        {-0.0f, 0}, {-1e-30f, 0}, {-0.5f, 0}, {-7, 0},         {-3e38f, 0}, {-INFINITY, 0},
        {NAN, 0},   {1.5f, 1},    {3e9f, 1},  {1.0000001f, 1}, {3e38f, 1},  {INFINITY, 1},
    };
    const size_t n_inputs = f->spec.n_inputs;
    float *inside = mem_alloc_floats(f->ld);
    float d_x[LIMIT_DIMS];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t d = 0; d < n_inputs; d++) {
            float x[LIMIT_DIMS] = {0.3f, 0.7f, 0.6f};
            x[d] = rows[i].counts_as;
            encoding_forward(f->e, kernel, f->params, 1, x, inside, f->ld);
            x[d] = rows[i].x;
            encoding_forward(f->e, kernel, f->params, 1, x, f->out, f->ld);
            assert_memory_equal(f->out, inside, f->ld * sizeof *inside);
            encoding_backward(f->e, f->params, 1, x, f->out, f->d_out, f->ld, NULL, d_x);
            for (size_t k = 0; k < n_inputs; k++)
                assert_int_equal(d_x[k] == 0, k == d && rows[i].x != 0);
            for (size_t l = 0; l < encoding_n_levels(f->e); l++) {
                const struct encoding_level level = encoding_level(f->e, l);
                float *gradient = mem_alloc_floats(level.count);
                uint8_t *touched = mem_alloc(level.count / GRID_LINE);
                encoding_scatter(f->e, kernel, l, 1, x, f->d_out, gradient, touched);
                mem_free(touched);
                mem_free(gradient); /* the sanitizer has watched its ends */
            }
        }
    mem_free(inside);
}

static void coordinates_outside_count_as_the_nearest_inside(void **state)
{
    (void)state;
    each_grid(check_outside);
}

/* Where s + 1/2 is a whole number but for less than a float can tell, the kernels' cell is one
 * further than the exact one: its vertices must be in the table too. */
static void the_last_cell_is_in_the_table_whatever_the_rounding(void **state)
{
    (void)state;
    static const double finest[] = {12.5,       12.4999999, 101.499999,
                                    1001.49999, 2001.49999, 4097.4999};
    for (size_t n_inputs = 1; n_inputs <= 2; n_inputs++)
        for (size_t i = 0; i < sizeof finest / sizeof *finest; i++) {
            struct encoding_spec spec =
                small_grid_spec(ENCODING_DENSEGRID, n_inputs, 2, INTERPOLATION_LINEAR);
            spec.n_levels = 2;
            spec.finest_resolution = finest[i];
            struct encoding *e = small_grid_create(&spec);
            static const float corner[] = {1, 1};
            const size_t n = encoding_n_params(e), n_beyond = 20000;
            float *params = mem_alloc_floats(n + n_beyond);
            float out[48];
            size_t n_kernels;
            const struct kernel *const *kernels = kernel_table(&n_kernels);
            for (size_t j = 0; j < n + n_beyond; j++)
                params[j] = j < n ? 1 : NAN;
            for (size_t k = 0; k < n_kernels; k++) {
                encoding_forward(e, kernels[k], params, 1, corner, out, 48);
                for (size_t j = 0; j < 4; j++)
                    assert_true(out[j] == 1);
            }
            mem_free(params);
            encoding_free(e);
        }
}

/* --- what kernels promise --- */

static void check_rows(struct small_grid *f, const struct kernel *kernel)
{
    float *alone = mem_alloc_floats(f->ld);
    memset(f->out, 0xff, SMALL_GRID_POINTS * f->ld * sizeof *f->out);
    encoding_forward(f->e, kernel, f->params, SMALL_GRID_POINTS, f->x, f->out, f->ld);
    for (size_t i = 0; i < SMALL_GRID_POINTS; i++) {
        encoding_forward(f->e, kernel, f->params, 1, f->x + i * f->spec.n_inputs, alone, f->ld);
        assert_memory_equal(alone, f->out + i * f->ld, f->ld * sizeof *alone);
        for (size_t k = encoding_n_features(f->e); k < f->ld; k++)
            assert_true(alone[k] == 0);
    }
    mem_free(alone);
}

static void a_row_depends_on_its_own_point_alone(void **state)
{
    (void)state;
    each_grid(check_rows);
}

/* Two blocks of a level's gradient with its marks. */
struct scattered {
    struct encoding_level level;
    float *gradient, *d_features;
    uint8_t *touched;
};

static void scattered_init(struct scattered *s, const struct small_grid *f, size_t level)
{
    s->level = encoding_level(f->e, level);
    s->gradient = mem_alloc_floats(s->level.count);
    s->touched = mem_alloc(s->level.count / GRID_LINE);
    s->d_features = random_floats(SMALL_GRID_POINTS * s->level.n_columns, 10 + level);
    assert_true(s->gradient && s->touched);
}

static void scattered_deinit(struct scattered *s)
{
    mem_free(s->d_features);
    mem_free(s->touched);
    mem_free(s->gradient);
}

static void check_scatter_in_order(struct small_grid *f, const struct kernel *kernel)
{
    static const size_t cuts[] = {0, 21, 22, SMALL_GRID_POINTS};
    for (size_t l = 0; l < encoding_n_levels(f->e); l++) {
        struct scattered whole, parts;
        scattered_init(&whole, f, l);
        scattered_init(&parts, f, l);
        const size_t n_columns = whole.level.n_columns;
        encoding_scatter(f->e, kernel, l, SMALL_GRID_POINTS, f->x, whole.d_features, whole.gradient,
                         whole.touched);
        for (size_t c = 0; c + 1 < sizeof cuts / sizeof *cuts; c++)
            encoding_scatter(f->e, kernel, l, cuts[c + 1] - cuts[c],
                             f->x + cuts[c] * f->spec.n_inputs,
                             parts.d_features + cuts[c] * n_columns, parts.gradient, parts.touched);
        assert_memory_equal(whole.gradient, parts.gradient,
                            whole.level.count * sizeof *whole.gradient);
        assert_memory_equal(whole.touched, parts.touched, whole.level.count / GRID_LINE);
        scattered_deinit(&whole);
        scattered_deinit(&parts);
    }
}

static void scatter_adds_points_in_order(void **state)
{
    (void)state;
    each_grid(check_scatter_in_order);
}

/* Marks where something was added and nowhere else, and leaves other marks alone. */
static void check_touched(struct small_grid *f, const struct kernel *kernel)
{
    size_t n_touched = 0, n_lines = 0;
    for (size_t l = 0; l < encoding_n_levels(f->e); l++) {
        struct scattered s;
        scattered_init(&s, f, l);
        encoding_scatter(f->e, kernel, l, 3, f->x, s.d_features, s.gradient, s.touched);
        for (size_t line = 0; line < s.level.count / GRID_LINE; line++) {
            bool has_gradient = false;
            for (size_t i = 0; i < GRID_LINE; i++)
                has_gradient = has_gradient || s.gradient[line * GRID_LINE + i] != 0;
            assert_int_equal(s.touched[line], has_gradient);
            n_touched += has_gradient;
            n_lines++;
        }
        memset(s.touched, 1, s.level.count / GRID_LINE);
        encoding_scatter(f->e, kernel, l, 1, f->x, s.d_features, s.gradient, s.touched);
        for (size_t line = 0; line < s.level.count / GRID_LINE; line++)
            assert_int_equal(s.touched[line], 1);
        scattered_deinit(&s);
    }
    assert_true(n_touched > 0);
    assert_true(f->spec.n_inputs < 3 || f->spec.type == ENCODING_HASHGRID || n_touched < n_lines);
}

static void scatter_marks_the_lines_that_it_adds_to(void **state)
{
    (void)state;
    each_grid(check_touched);
}

static void check_against_portable(struct small_grid *f, const struct kernel *kernel)
{
    const struct kernel *portable = kernel_find("portable");
    float *expected = mem_alloc_floats(SMALL_GRID_POINTS * f->ld);
    encoding_forward(f->e, kernel, f->params, SMALL_GRID_POINTS, f->x, f->out, f->ld);
    encoding_forward(f->e, portable, f->params, SMALL_GRID_POINTS, f->x, expected, f->ld);
    assert_true(compare_relative_float(SMALL_GRID_POINTS * f->ld, f->out, expected) < 1e-6);
    mem_free(expected);
    for (size_t l = 0; l < encoding_n_levels(f->e); l++) {
        struct scattered a, b;
        scattered_init(&a, f, l);
        scattered_init(&b, f, l);
        encoding_scatter(f->e, kernel, l, SMALL_GRID_POINTS, f->x, a.d_features, a.gradient,
                         a.touched);
        encoding_scatter(f->e, portable, l, SMALL_GRID_POINTS, f->x, b.d_features, b.gradient,
                         b.touched);
        assert_true(compare_relative_float(a.level.count, a.gradient, b.gradient) < 1e-5);
        assert_memory_equal(a.touched, b.touched, a.level.count / GRID_LINE);
        scattered_deinit(&a);
        scattered_deinit(&b);
    }
}

static void kernels_agree_with_the_portable_one(void **state)
{
    (void)state;
    each_grid(check_against_portable);
}

/* --- edges of cells --- */

/* Features and d_x of a point, with the fixture's gradient of the first row. */
static void at_point(struct small_grid *f, const float *x, float *out, float *d_x)
{
    encoding_forward(f->e, kernel_find(NULL), f->params, 1, x, out, f->ld);
    encoding_backward(f->e, f->params, 1, x, out, f->d_out, f->ld, NULL, d_x);
}

/* Both sides of each edge along x, as near as floats are. */
static void values_are_continuous_and_slopes_of_smoothstep_too(void **state)
{
    (void)state;
    for (int i = INTERPOLATION_LINEAR; i <= INTERPOLATION_SMOOTHSTEP; i++)
        for (size_t n_inputs = 1; n_inputs <= LIMIT_DIMS; n_inputs++) {
            struct encoding_spec spec =
                small_grid_spec(ENCODING_HASHGRID, n_inputs, 2, (enum interpolation)i);
            struct small_grid f;
            float largest_jump = 0;
            spec.n_levels = 1;
            spec.base_resolution = 9; /* s = 8 */
            spec.per_level_scale = 1;
            small_grid_init(&f, &spec);
            float above[48], below[48], d_above[3], d_below[3];
            for (unsigned edge = 1; edge <= 8; edge++) {
                float x[3] = {((float)edge - 0.5f) / 8, 0.3f, 0.6f};
                at_point(&f, x, above, d_above);
                x[0] = nextafterf(nextafterf(x[0], 0), 0);
                at_point(&f, x, below, d_below);
                for (size_t k = 0; k < 2; k++)
                    assert_float_equal(above[k], below[k], 1e-5f);
                for (size_t d = 1; d < n_inputs; d++)
                    assert_float_equal(d_above[d], d_below[d], 1e-3f);
                largest_jump = fmaxf(largest_jump, fabsf(d_above[0] - d_below[0]));
            }
            if (i == INTERPOLATION_SMOOTHSTEP)
                assert_true(largest_jump < 1e-3f);
            else
                assert_true(largest_jump > 1);
            small_grid_deinit(&f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coordinates_outside_count_as_the_nearest_inside),
        cmocka_unit_test(the_last_cell_is_in_the_table_whatever_the_rounding),
        cmocka_unit_test(a_row_depends_on_its_own_point_alone),
        cmocka_unit_test(scatter_adds_points_in_order),
        cmocka_unit_test(scatter_marks_the_lines_that_it_adds_to),
        cmocka_unit_test(kernels_agree_with_the_portable_one),
        cmocka_unit_test(values_are_continuous_and_slopes_of_smoothstep_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
