/* Looking along rays of a field whose density and colour are the same everywhere. */
#include "core/scene/radiance.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "core/scene/surroundings.h"
#include "tests/support/small_views.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double centre[3] = {1, 2, 3}, half_side = 2;

/* density = slope . unit + offset, colour 0.5. */
static struct field *affine_field(const float slope[3], float offset)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_NONE, .n_inputs = 3, .input_range = {0, 1}},
        .network = {.n_outputs = 4,
                    .width = 1,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR},
        .domain = surroundings_domain(centre, half_side),
    };
    const float weight[4 * 3] = {slope[0], slope[1], slope[2]}, bias[4] = {offset};
    struct field *f = NULL;
    assert_int_equal(field_create(&f, &spec, kernel_find(NULL), NULL), STATUS_OK);
    mlp_import_layer(field_mlp(f), field_params(f) + encoding_n_params(field_encoding(f)), 0,
                     weight, bias);
    return f;
}

static struct sight look(const struct radiance_spec *s, const struct field *f, const struct ray *r,
                         bool has_normals)
{
    struct occupancy *o = NULL;
    struct eye *eye = NULL;
    struct sight pixel;
    assert_int_equal(occupancy_create(&o, NULL, NULL), STATUS_OK);
    assert_int_equal(radiance_eye_create(&eye, s, f, o, has_normals, NULL), STATUS_OK);
    eye_look(eye, 1, r, &pixel);
    eye_free(eye);
    mem_free(o);
    return pixel;
}

/* 1 - exp(-density length) of the way through the cube, which is 4 long along an axis and longer
 * across. */
static void a_walk_through_constant_density_follows_the_law(void **state)
{
    static const struct ray rays[] = {
        {{1, 2, 10}, {0, 0, -1}}, {{1, 2, 10}, {0, 0, -3}}, {{-5, 2, 3}, {1, 0.1, 0.2}}};
    const double lengths[] = {4, 4, 4 * sqrt(1 + 0.01 + 0.04)};
    struct field *f = affine_field((const float[3]){0, 0, 0}, 0.2f);
    const struct radiance_spec s = {.is_walked = true,
                                    .n_samples = 700,
                                    .near = 0.1,
                                    .far = 100,
                                    .unit = 1,
                                    .background = {0, 1, 0},
                                    .domain = *field_domain(f)};
    (void)state;
    for (size_t i = 0; i < sizeof rays / sizeof *rays; i++) {
        const struct sight p = look(&s, f, &rays[i], false);
        const double seen = exp(-0.2 * lengths[i]), step = radiance_step(&s);
        assert_true(fabs((double)p.opacity - (1 - seen)) < 0.2 * step);
        assert_true(fabs((double)p.colour[0] - 0.5 * (1 - seen)) < 0.1 * step);
        assert_true(fabs((double)p.colour[1] - 0.5 * (1 - seen) - seen) < 0.2 * step);
    }
    field_free(f);
}

static void even_samples_follow_the_law_and_end_in_the_last(void **state)
{
    struct field *f = affine_field((const float[3]){0, 0, 0}, 0.2f);
    const struct radiance_spec s = {
        .n_samples = 128, .near = 2, .far = 6, .unit = 1, .domain = *field_domain(f)};
    const struct ray r = {{1, 2, 10}, {0.3, 0, -1}};
    (void)state;
    const struct sight p = look(&s, f, &r, false);
    assert_float_equal(p.opacity, 1.0f, 1e-6f); /* the last has no end */
    /* the mean depth of an exponential that is cut at 4 and collected there, along the ray */
    const double mean = 2 + (1 - exp(-0.8)) / 0.2;
    assert_true(fabs((double)p.depth - mean * sqrt(1.09)) < 0.03);
    field_free(f);
}

static void a_ray_beside_the_cube_sees_the_background(void **state)
{
    struct field *f = affine_field((const float[3]){0, 0, 0}, 5);
    const struct radiance_spec s = {.is_walked = true,
                                    .n_samples = 100,
                                    .far = 100,
                                    .unit = 1,
                                    .background = {0.25f, 0.5f, 0.75f},
                                    .domain = *field_domain(f)};
    static const struct ray rays[] = {
        {{9, 2, 10}, {0, 0, -1}},
        {{1, 2, 3}, {0, 0, 0}}, /* inside, without a direction */
        {{1, 2, 3}, {NAN, 0, INFINITY}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rays / sizeof *rays; i++) {
        const struct sight p = look(&s, f, &rays[i], true);
        assert_float_equal(p.colour[0], 0.25f, 0);
        assert_float_equal(p.colour[2], 0.75f, 0);
        assert_float_equal(p.opacity, 0, 0);
        assert_float_equal(p.depth, 0, 0);
        assert_float_equal(p.normal[1], 0, 0);
    }
    field_free(f);
}

/* Something dense from x > 2.2 on (unit 0.8): its wall is seen there, and looks along -x. */
static void a_wall_has_a_depth_and_a_normal(void **state)
{
    struct field *f = affine_field((const float[3]){1e6f, 0, 0}, -8e5f);
    const struct radiance_spec s = {
        .is_walked = true, .n_samples = 1000, .far = 100, .unit = 1, .domain = *field_domain(f)};
    const struct ray r = {{-4, 1, 3}, {2, 0.4, 0}};
    (void)state;
    const struct sight p = look(&s, f, &r, true);
    assert_true(fabs((double)p.depth - 6.2 * sqrt(1.04)) < 2 * radiance_step(&s));
    assert_float_equal(p.normal[0], -1, 1e-3f);
    assert_float_equal(p.normal[1], 0, 1e-3f);
    field_free(f);
}

/* What cameras around a ball tell. */
static void surroundings_of_an_object_and_of_a_place(void **state)
{
    static const double origin[3] = {0};
    struct views v = small_views(9, 20, true), black = small_views(9, 20, false);
    (void)state;
    const struct surroundings s = surroundings_of(&v, origin, 1.4);
    assert_true(fabs(s.distance - 4) < 1e-9);
    assert_true(s.half_side == 1.4);
    assert_true(fabs(s.near - 2) < 1e-9 && fabs(s.far - 6) < 1e-9);
    assert_int_equal(s.backdrop, BACKDROP_ALPHA);
    assert_int_equal(surroundings_of(&black, origin, 1.4).backdrop, BACKDROP_BLACK);
    for (int shade = 77; shade <= 255; shade += 178) {
        for (size_t i = 0; i < 9; i++)
            memset(black.view[i].image.u8, shade, 1200);
        const struct surroundings other = surroundings_of(&black, origin, 1.4);
        assert_int_equal(other.backdrop, shade == 255 ? BACKDROP_WHITE : BACKDROP_SCENERY);
        assert_true(fabs(other.near - (shade == 255 ? 2 : 0.2)) < 1e-9);
    }
    views_deinit(&v);
    views_deinit(&black);
}

static void a_distance_has_two_digits(void **state)
{
    struct views v = small_views(9, 4, true);
    (void)state;
    const struct surroundings s = surroundings_of(&v, (const double[3]){0, 0, 500}, 1);
    assert_true(fabs(s.distance - 500) < 1e-9);
    views_deinit(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_through_constant_density_follows_the_law),
        cmocka_unit_test(even_samples_follow_the_law_and_end_in_the_last),
        cmocka_unit_test(a_ray_beside_the_cube_sees_the_background),
        cmocka_unit_test(a_wall_has_a_depth_and_a_normal),
        cmocka_unit_test(surroundings_of_an_object_and_of_a_place),
        cmocka_unit_test(a_distance_has_two_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
