/* Rays of pixels, lenses, boxes. */
#include "core/scene/camera.h"

#include <math.h>

#include "core/scene/ray.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_close(double value, double expected, double tolerance)
{
    assert_true(fabs(value - expected) <= tolerance);
}

/* The lens of the fox photographs, and stronger ones. */
static const struct camera lenses[] = {
    {.fx = 1375.52,
     .fy = 1374.49,
     .cx = 554.558,
     .cy = 965.268,
     .k1 = 0.0578421,
     .k2 = -0.0805099,
     .p1 = -0.000980296,
     .p2 = 0.00015575},
    {.fx = 500,
     .fy = 480,
     .cx = 320,
     .cy = 240,
     .k1 = -0.25,
     .k2 = 0.05,
     .p1 = 0.002,
     .p2 = -0.003},
    {.fx = 500, .fy = 500, .cx = 320, .cy = 240, .k1 = 0.2},
};

static void a_pinhole_sees_along_its_formula(void **state)
{
    /* a quarter turn about z, moved: the camera's x is the world's y */
    const struct camera c = {.c2w = {{0, -1, 0, 1}, {1, 0, 0, 2}, {0, 0, 1, 3}},
                             .fx = 100,
                             .fy = 50,
                             .cx = 40,
                             .cy = 30};
    (void)state;
    const struct ray r = camera_ray(&c, 60, 35);
    assert_close(r.origin[0], 1, 0);
    assert_close(r.origin[1], 2, 0);
    assert_close(r.origin[2], 3, 0);
    assert_close(r.direction[0], 0.1, 1e-15); /* -(35 - 30) / 50 downwards: turned to +x */
    assert_close(r.direction[1], 0.2, 1e-15);
    assert_close(r.direction[2], -1, 1e-15);
}

static void a_lens_is_undone(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof lenses / sizeof *lenses; k++)
        for (int i = -6; i <= 6; i++)
            for (int j = -8; j <= 8; j++) {
                const double x = 0.06 * i, y = 0.08 * j;
                double seen_x, seen_y, back_x, back_y;
                camera_distort(&lenses[k], x, y, &seen_x, &seen_y);
                camera_undistort(&lenses[k], seen_x, seen_y, &back_x, &back_y);
                assert_close(back_x, x, 1e-10);
                assert_close(back_y, y, 1e-10);
                const struct camera straight = {.c2w = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}},
                                                .fx = lenses[k].fx,
                                                .fy = lenses[k].fy,
                                                .cx = lenses[k].cx,
                                                .cy = lenses[k].cy,
                                                .k1 = lenses[k].k1,
                                                .k2 = lenses[k].k2,
                                                .p1 = lenses[k].p1,
                                                .p2 = lenses[k].p2};
                const struct ray r = camera_ray(&straight, straight.cx + straight.fx * seen_x,
                                                straight.cy + straight.fy * seen_y);
                assert_close(r.direction[0], x, 1e-10);
                assert_close(r.direction[1], -y, 1e-10);
            }
}

/* Lenses that fold over at a radius: up to there they are undone, and beyond no ray turns round. */
static void beyond_its_fold_a_lens_shows_its_edge(void **state)
{
    static const struct {
        double k1, k2, fold; /* 1 + 3 k1 r^2 + 5 k2 r^4 = 0 */
    } folding[] = {
        {-0.4, 0, 0.9128709291752769}, {-0.05, -0.2, 0.9632281951887512}, {-1, 0, 0.57735026919}};
    (void)state;
    for (size_t k = 0; k < sizeof folding / sizeof *folding; k++) {
        const struct camera c = {.k1 = folding[k].k1, .k2 = folding[k].k2};
        const double r2 = folding[k].fold * folding[k].fold;
        const double most = folding[k].fold * (1 + r2 * (c.k1 + r2 * c.k2));
        double before = 0;
        for (int i = 1; i <= 60; i++) {
            const double seen = 0.05 * i;
            double x, y, back_x, back_y;
            camera_undistort(&c, 0.6 * seen, -0.8 * seen, &x, &y);
            const double r = 0.6 * x - 0.8 * y;
            assert_close(0.8 * x + 0.6 * y, 0, 1e-9);
            assert_true(r < folding[k].fold + 1e-6 && r > before - 0.05);
            camera_distort(&c, x, y, &back_x, &back_y);
            if (seen < 0.999 * most)
                assert_close(hypot(back_x - 0.6 * seen, back_y + 0.8 * seen), 0, 1e-12);
            else
                assert_true(r > 0.9 * folding[k].fold);
            before = r;
        }
    }
}

/* The worst lenses that files may have, far outside of what they show. */
static void numbers_of_a_lens_stay_finite(void **state)
{
    static const double ends[] = {-1e3, -0.5, 0, 1e3}, places[] = {-1e12, -3, 0.1, 1e7, 1e12};
    (void)state;
    for (size_t k = 0; k < 4 * 4 * 4 * 4; k++) {
        const struct camera c = {
            .k1 = ends[k % 4], .k2 = ends[k / 4 % 4], .p1 = ends[k / 16 % 4], .p2 = ends[k / 64]};
        for (size_t i = 0; i < 25; i++) {
            double x, y;
            camera_undistort(&c, places[i % 5], places[i / 5], &x, &y);
            assert_true(isfinite(x * x + y * y));
        }
    }
}

static void a_camera_looks_at_its_target(void **state)
{
    static const double eye[3] = {4, -3, 2}, target[3] = {1, 1, 1}, up[3] = {0, 0, 5};
    struct camera c = {.fx = 100, .fy = 100, .cx = 50, .cy = 50};
    (void)state;
    assert_true(camera_look_at(&c, eye, target, up));
    const struct ray middle = camera_ray(&c, 50, 50), above = camera_ray(&c, 50, 10);
    const double distance = sqrt(9 + 16 + 1);
    for (int d = 0; d < 3; d++)
        assert_close(middle.origin[d] + distance * middle.direction[d], target[d], 1e-12);
    assert_true(above.direction[2] > middle.direction[2]);
    const struct ray right = camera_ray(&c, 90, 50);
    double normal[3];
    ray_cross(middle.direction, right.direction, normal);
    assert_true(normal[2] < 0); /* seen from above, right of the view is clockwise */
}

static void a_view_without_direction_is_refused(void **state)
{
    static const double here[3] = {1, 2, 3}, there[3] = {1, 2, 7}, up[3] = {0, 0, 1};
    struct camera c = {0};
    (void)state;
    assert_false(camera_look_at(&c, here, here, up));
    assert_false(camera_look_at(&c, here, there, up));
    assert_false(camera_look_at(&c, here, there, (const double[3]){0, 0, 0}));
}

static void the_field_of_view_gives_the_focal_length(void **state)
{
    (void)state;
    assert_close(camera_focal(800, 0.6911112070083618), 1111.1110311937682, 1e-6);
}

static void a_ray_is_clipped_to_a_box(void **state)
{
    static const double low[3] = {-1, -1, -1}, high[3] = {1, 1, 1};
    const struct ray through = {{-3, 0.5, 0}, {1, 0, 0}}, beside = {{-3, 1.5, 0}, {1, 0, 0}};
    const struct ray inside = {{0, 0, 0}, {0, 0, -2}}, away = {{3, 0, 0}, {1, 0.1, 0}};
    double near = 0, far = 100;
    (void)state;
    assert_true(ray_clip(&through, low, high, &near, &far));
    assert_close(near, 2, 1e-12);
    assert_close(far, 4, 1e-12);
    near = 0, far = 100;
    assert_false(ray_clip(&beside, low, high, &near, &far));
    near = 0.1, far = 100;
    assert_true(ray_clip(&inside, low, high, &near, &far));
    assert_close(near, 0.1, 1e-12);
    assert_close(far, 0.5, 1e-12);
    near = 0, far = 100;
    assert_false(ray_clip(&away, low, high, &near, &far));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pinhole_sees_along_its_formula),
        cmocka_unit_test(a_lens_is_undone),
        cmocka_unit_test(beyond_its_fold_a_lens_shows_its_edge),
        cmocka_unit_test(numbers_of_a_lens_stay_finite),
        cmocka_unit_test(a_camera_looks_at_its_target),
        cmocka_unit_test(a_view_without_direction_is_refused),
        cmocka_unit_test(the_field_of_view_gives_the_focal_length),
        cmocka_unit_test(a_ray_is_clipped_to_a_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
