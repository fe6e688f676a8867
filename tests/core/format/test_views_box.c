#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/transforms.h"
#include "core/format/views_box.h"

enum { N = 24 };

static const double middle[3] = {1, -2, 3};

/* A ring of cameras around the middle, at distance 3 … 4, each looking along `look` times the way
 * to it. */
static void ring(struct view cameras[N], double look)
{
    for (size_t i = 0; i < N; i++) {
        const double a = 2 * 3.14159265358979323846 * (double)i / N;
        const double d = i == 0 ? 4.0 : 3.0;
        cameras[i] = (struct view){.fx = 10, .fy = 20, .image = {.width = 10, .height = 30}};
        const double back[3] = {look * cos(a), look * sin(a), 0};
        const double place[3] = {d * cos(a), d * sin(a), 0};
        for (int k = 0; k < 3; k++) {
            cameras[i].c2w[k][2] = back[k];
            cameras[i].c2w[k][3] = middle[k] + place[k];
        }
        cameras[i].c2w[0][0] = -back[1];
        cameras[i].c2w[1][0] = back[0];
        cameras[i].c2w[2][1] = 1;
    }
}

static void cameras_that_look_inwards_say_where_the_scene_is(void **state)
{
    (void)state;
    struct view cameras[N];
    double scratch[N];
    ring(cameras, 1);
    struct views_box box = views_box_find(N, cameras, true, scratch);
    for (int d = 0; d < 3; d++)
        assert_true(fabs(box.centre[d] - middle[d]) < 1e-9);
    assert_true(fabs(box.half - 3.0 * 0.75) < 1e-9); /* of 30 pixels at 20 a unit, half */
    box = views_box_find(N, cameras, false, scratch);
    assert_true(fabs(box.half - 4.0) < 1e-9);
    assert_true(fabs(box.centre[2] - 3.0) < 1e-9);
}

static void cameras_that_do_not_are_boxed_themselves(void **state)
{
    (void)state;
    struct view cameras[N];
    double scratch[N];
    ring(cameras, -1); /* outwards */
    const struct views_box box = views_box_find(N, cameras, true, scratch);
    assert_true(fabs(box.centre[2] - 3.0) < 1e-9 && fabs(box.centre[0] - 1.0) < 0.1);
    assert_true(box.half > 4 * 3.9 && box.half < 4 * 4.1);
    ring(cameras, 1);
    for (size_t i = 1; i < N; i++) /* all one way */
        for (int d = 0; d < 3; d++)
            for (int c = 0; c < 3; c++)
                cameras[i].c2w[d][c] = cameras[0].c2w[d][c];
    assert_true(fabs(views_box_find(N, cameras, true, scratch).half - box.half) < 1e-9);
    const struct views_box one = views_box_find(1, cameras, false, scratch);
    assert_true(one.half == 1.0 && one.centre[0] == cameras[0].c2w[0][3]);
}

/* Whose axes meet where they stand, but for the last digits: no distance to go by. */
static void a_panorama_is_boxed_around_its_camera(void **state)
{
    (void)state;
    struct view cameras[N];
    double scratch[N];
    ring(cameras, 1);
    for (size_t i = 0; i < N; i++)
        for (int d = 0; d < 3; d++) {
            const double jitter = i % 3 == (size_t)d ? 1e-15 : 0.0;
            cameras[i].c2w[d][3] = middle[d] * 0.37 + jitter * cameras[i].c2w[d][2];
        }
    for (int is_object = 0; is_object < 2; is_object++) {
        const struct views_box box = views_box_find(N, cameras, is_object, scratch);
        assert_true(fabs(box.half - 1.0) < 1e-9);
        for (int d = 0; d < 3; d++)
            assert_true(fabs(box.centre[d] - middle[d] * 0.37) < 1e-9);
    }
}

static void a_file_of_instant_ngp_says_it_itself(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        double half, centre; /* 0: none; along x */
    } cases[] = {
        {"\"aabb_scale\": 4", 2 / 0.33, 0},
        {"\"aabb_scale\": 1, \"scale\": 0.5, \"offset\": [0.75, 0.5, 0.5]", 1, -0.5},
        {"\"scale\": 0.5", 0, 0},
        {"\"aabb_scale\": 0", 0, 0},
        {"\"aabb_scale\": 1, \"scale\": -1", 0, 0},
        {"\"aabb_scale\": 1, \"offset\": [1e300, 0, 0]", 0, 0},
        {"\"aabb_scale\": 1e-300", 0, 0},
        {"\"aabb_scale\": 1e-3, \"offset\": [1e8, 0, 0]", 0, 0}, /* no side, at that place */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        struct transforms t;
        struct views_box box = {0};
        snprintf(text, sizeof text,
                 "{%s, \"frames\": [{\"file_path\": \"a\", \"transform_matrix\": "
                 "[[1,0,0,0],[0,1,0,0],[0,0,1,4]]}]}",
                 cases[i].member);
        assert_int_equal(
            transforms_parse((const uint8_t *)text, strlen(text), "transforms.json", &t, NULL),
            STATUS_OK);
        assert_int_equal(transforms_box(&t, &box), cases[i].half > 0);
        assert_true(fabs(box.half - cases[i].half) < 1e-12);
        assert_true(fabs(box.centre[0] - cases[i].centre) < 1e-12 && fabs(box.centre[1]) < 1e-12);
        transforms_deinit(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cameras_that_look_inwards_say_where_the_scene_is),
        cmocka_unit_test(cameras_that_do_not_are_boxed_themselves),
        cmocka_unit_test(a_panorama_is_boxed_around_its_camera),
        cmocka_unit_test(a_file_of_instant_ngp_says_it_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
