#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/format/transforms.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"
#include "tests/support/small_scene.h"

#define POSE "\"transform_matrix\": [[1,0,0,0],[0,1,0,0],[0,0,1,4],[0,0,0,1]]"
#define FRAME "{\"file_path\": \"a\", " POSE "}"

static enum status parse(const char *text, struct transforms *out, struct error *err)
{
    return transforms_parse((const uint8_t *)text, strlen(text), "transforms.json", out, err);
}

/* The camera of the only frame of a text, for a picture of 8 x 6. */
static enum status camera(const char *text, struct view *v, bool *is_resized, double *scale,
                          struct error *err)
{
    struct transforms t = {0};
    enum status status = parse(text, &t, err);
    if (status == STATUS_OK)
        status = transforms_camera(&t, 0, 8, 6, v, is_resized, scale, err);
    transforms_deinit(&t);
    return status;
}

static void transforms_give_the_cameras_that_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double fx, fy, cx, cy, k1, p2;
        bool is_resized;
    } cases[] = {
        /* Blender: one angle */
        {"{\"camera_angle_x\": 1.5707963267948966, \"frames\": [" FRAME "]}", 4, 4, 4, 3, 0, 0,
         false},
        /* the file's numbers may follow the frames */
        {"{\"frames\": [" FRAME "], \"fl_x\": 10, \"fl_y\": 11, \"cx\": 3.5, \"cy\": 2.5, \"w\": "
         "8.0, \"h\": 6, \"k1\": 0.1, \"k2\": 0, \"p1\": 0, \"p2\": -0.2, \"aabb_scale\": 4}",
         10, 11, 3.5, 2.5, 0.1, -0.2, false},
        /* lengths stand before angles, two angles before one */
        {"{\"fl_x\": 10, \"camera_angle_x\": 1, \"frames\": [" FRAME "]}", 10, 10, 4, 3, 0, 0,
         false},
        {"{\"camera_angle_x\": 1.5707963267948966, \"camera_angle_y\": 1.5707963267948966, "
         "\"frames\": [" FRAME "]}",
         4, 3, 4, 3, 0, 0, false},
        {"{\"fl_y\": 12, \"frames\": [" FRAME "]}", 12, 12, 4, 3, 0, 0, false},
        /* a frame's own numbers stand before the file's */
        {"{\"fl_x\": 10, \"cx\": 1, \"k1\": 3, \"frames\": [{\"file_path\": \"a\", \"cx\": 2, "
         "\"camera_angle_x\": 1.5707963267948966, \"k1\": 0.5, " POSE "}]}",
         4, 4, 2, 3, 0.5, 0, false},
        /* nerfstudio */
        {"{\"camera_model\": \"OPENCV\", \"fl_x\": 10, \"fl_y\": 10, \"applied_transform\": "
         "[[1,0,0,0],[0,0,1,0],[0,-1,0,0]], \"ply_file_path\": \"p.ply\", \"k3\": 0, \"k4\": 0.0, "
         "\"frames\": [{\"colmap_im_id\": 1, \"depth_file_path\": null, \"file_path\": \"a\", " POSE
         "}]}",
         10, 10, 4, 3, 0, 0, false},
        /* a picture of half the size that the file says: scaled, each axis by its own */
        {"{\"w\": 16, \"h\": 12, \"fl_x\": 10, \"fl_y\": 12, \"cx\": 9, \"cy\": 5, \"frames\": "
         "[" FRAME "]}",
         5, 6, 4.5, 2.5, 0, 0, true},
        {"{\"w\": 16, \"h\": 12, \"camera_angle_x\": 1.5707963267948966, \"frames\": [" FRAME "]}",
         4, 4, 4, 3, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct view v = {0};
        struct error err = {.status = STATUS_OK};
        bool is_resized = false;
        double scale = 0;
        if (camera(cases[i].text, &v, &is_resized, &scale, &err) != STATUS_OK)
            fail_msg("case %zu: %s", i, err.message);
        assert_true(fabs(v.fx - cases[i].fx) < 1e-12 && fabs(v.fy - cases[i].fy) < 1e-12);
        assert_true(v.cx == cases[i].cx && v.cy == cases[i].cy);
        assert_true(v.k1 == cases[i].k1 && v.p2 == cases[i].p2 && v.k2 == 0 && v.p1 == 0);
        assert_true(is_resized == cases[i].is_resized && scale == 1.0);
        assert_true(v.c2w[2][3] == 4 && v.c2w[0][0] == 1 && v.c2w[0][1] == 0);
    }
}

static void transforms_refuse_what_they_cannot_mean(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *word; /* in the message */
    } cases[] = {
        {"", STATUS_INVALID, "broken"},
        {"[]", STATUS_INVALID, "broken"},
        {"{}", STATUS_INVALID, "frames"},
        {"{\"frames\": []}", STATUS_INVALID, "frames"},
        {"{\"frames\": {}}", STATUS_INVALID, "broken"},
        {"{\"fl_x\": 1, \"frames\": [" FRAME "]} {}", STATUS_INVALID, "broken"},
        {"{\"fl_x\": 1, \"frames\": [" FRAME "],}", STATUS_INVALID, "broken"},
        {"{\"fl_x\": NaN, \"frames\": [" FRAME "]}", STATUS_INVALID, "broken"},
        {"{\"fl_x\": null, \"frames\": [" FRAME "]}", STATUS_INVALID, "broken"},
        {"{\"fl_x\": \"1\", \"frames\": [" FRAME "]}", STATUS_INVALID, "broken"},
        {"{\"fl_x\": 1, \"fl_x\": 2, \"frames\": [" FRAME "]}", STATUS_INVALID, "twice"},
        {"{\"fl_x\": 1, \"frames\": [" FRAME "], \"frames\": []}", STATUS_INVALID, "twice"},
        {"{\"fl_x\": 1, \"frames\": [{\"file_path\": \"a\"}]}", STATUS_INVALID, "transform_matrix"},
        {"{\"fl_x\": 1, \"frames\": [{" POSE "}]}", STATUS_INVALID, "file_path"},
        {"{\"fl_x\": 1, \"frames\": [{" POSE ", " POSE "}]}", STATUS_INVALID, "twice"},
        {"{\"fl_x\": 1, \"frames\": [{\"file_path\": \"a\", \"transform_matrix\": "
         "[[1,0,0],[0,1,0]]}]}",
         STATUS_INVALID, "3 x 4"},
        {"{\"fl_x\": 1, \"frames\": [{\"file_path\": \"a\", \"transform_matrix\": "
         "[[1,0,0,0],[0,1,0,0]]}]}",
         STATUS_INVALID, "3 x 4"},
        {"{\"fl_x\": 1, \"frames\": [{\"file_path\": \"a\", \"transform_matrix\": "
         "[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1],[0,0,0,1]]}]}",
         STATUS_INVALID, "3 x 4"},
        {"{\"fl_x\": 1, \"frames\": [{\"file_path\": \"a\", \"transform_matrix\": "
         "[[1,0,0,0,0],[0,1,0,0],[0,0,1,0]]}]}",
         STATUS_INVALID, "3 x 4"},
        {"{\"frames\": [" FRAME "]}", STATUS_INVALID, "no focal length"},
        {"{\"fl_x\": 0, \"frames\": [" FRAME "]}", STATUS_INVALID, "out of range"},
        {"{\"fl_x\": 1e-300, \"frames\": [" FRAME "]}", STATUS_INVALID, "out of range"},
        {"{\"fl_x\": -5, \"frames\": [" FRAME "]}", STATUS_INVALID, "out of range"},
        {"{\"camera_angle_x\": 3.2, \"frames\": [" FRAME "]}", STATUS_INVALID, "camera_angle_x"},
        {"{\"camera_angle_x\": 0, \"frames\": [" FRAME "]}", STATUS_INVALID, "camera_angle_x"},
        {"{\"fl_x\": 1, \"cx\": 1e300, \"frames\": [" FRAME "]}", STATUS_INVALID, "cx"},
        {"{\"fl_x\": 1, \"k1\": 1e9, \"frames\": [" FRAME "]}", STATUS_INVALID, "k1"},
        {"{\"fl_x\": 1, \"w\": 0, \"frames\": [" FRAME "]}", STATUS_INVALID, "'w'"},
        {"{\"fl_x\": 1, \"w\": 6, \"h\": 8, \"frames\": [" FRAME "]}", STATUS_INVALID,
         "8 x 6 pixels"},
        {"{\"fl_x\": 1, \"k3\": 0.1, \"frames\": [" FRAME "]}", STATUS_UNSUPPORTED, "k3"},
        {"{\"camera_model\": \"OPENCV_FISHEYE\", \"fl_x\": 1, \"frames\": [" FRAME "]}",
         STATUS_UNSUPPORTED, "OPENCV_FISHEYE"},
        {"{\"camera_model\": \"EQUIRECTANGULAR\", \"frames\": [" FRAME "]}", STATUS_UNSUPPORTED,
         "EQUIRECTANGULAR"},
        {"{\"is_fisheye\": true, \"fl_x\": 1, \"frames\": [" FRAME "]}", STATUS_UNSUPPORTED,
         "fisheye"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct view v;
        struct error err = {.status = STATUS_OK};
        bool is_resized;
        double scale;
        enum status status = camera(cases[i].text, &v, &is_resized, &scale, &err);
        if (status != cases[i].status || err.status != status ||
            !strstr(err.message, cases[i].word))
            fail_msg("case %zu: '%s', %s", i, status_name(status), err.message);
    }
}

static void transforms_take_splits_masks_and_shutters_from_the_file(void **state)
{
    (void)state;
    struct transforms t;
    struct error err = {.status = STATUS_OK};
    assert_int_equal(
        parse("{\"test_filenames\": [\"c\", \"no such\"], \"fl_x\": 1, \"val_filenames\": [\"b\"], "
              "\"rolling_shutter\": [0, 0, 0, 1], \"frames\": [" FRAME
              ", {\"file_path\": \"b\", \"mask_path\": \"m\", " POSE "}, {" POSE
              ", \"file_path\": \"\\u0063\"}]}",
              &t, &err),
        STATUS_OK);
    assert_int_equal(t.n_frames, 3);
    assert_int_equal(t.frames[0].split, VIEW_TRAIN);
    assert_int_equal(t.frames[1].split, VIEW_VALIDATION);
    assert_int_equal(t.frames[2].split, VIEW_TEST);
    assert_int_equal(t.n_masks, 1);
    assert_true(t.has_rolling_shutter);
    transforms_deinit(&t);
}

static void a_pose_is_a_rotation_and_a_place(void **state)
{
    (void)state;
    static const struct {
        double m[4][4];
        size_t n_rows;
        double scale; /* 0: no pose */
        const char *word;
    } cases[] = {
        {{{1, 0, 0, 5}, {0, 1, 0, 6}, {0, 0, 1, 7}, {0, 0, 0, 1}}, 4, 1, NULL},
        {{{0, -1, 0, 5}, {1, 0, 0, 6}, {0, 0, 1, 7}}, 3, 1, NULL},
        {{{1.0004, 0, 0, 5}, {0, 0.9996, 0, 6}, {0, 0.0004, 1, 7}}, 3, 1, NULL},
        {{{0, -2, 0, 5}, {2, 0, 0, 6}, {0, 0, 2, 7}}, 3, 2, NULL},
        {{{0.01, 0, 0, 5}, {0, 0.01, 0, 6}, {0, 0, 0.01, 7}}, 3, 0.01, NULL},
        {{{1, 0, 0, 5}, {0, 1, 0, 6}, {0, 0, -1, 7}}, 3, 0, "mirrors"},
        {{{0}}, 3, 0, "no rotation"},
        {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 2, 0}}, 3, 0, "no rotation"},
        {{{1, 0.01, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}, 3, 0, "no rotation"},
        {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 1, 1}}, 4, 0, "last row"},
        {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 0}}, 4, 0, "last row"},
        {{{1, 0, 0, 1e10}, {0, 1, 0, 0}, {0, 0, 1, 0}}, 3, 0, "1e9"},
        {{{NAN, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}, 3, 0, "finite"},
        {{{1, 0, 0, INFINITY}, {0, 1, 0, 0}, {0, 0, 1, 0}}, 3, 0, "finite"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double c2w[3][4], scale = 0;
        struct error err = {.status = STATUS_OK};
        enum status status = pose_check(cases[i].m, cases[i].n_rows, c2w, &scale, &err);
        if (!cases[i].word) {
            assert_int_equal(status, STATUS_OK);
            assert_true(fabs(scale - cases[i].scale) < 1e-12);
            for (size_t r = 0; r < 3; r++) {
                assert_true(c2w[r][3] == cases[i].m[r][3]);
                for (size_t c = 0; c < 3; c++)
                    assert_true(fabs(c2w[r][c] * scale - cases[i].m[r][c]) < 1e-12);
            }
        } else if (status != STATUS_INVALID || !strstr(err.message, cases[i].word)) {
            fail_msg("case %zu: '%s'", i, err.message);
        }
    }
}

static void transforms_hold_as_many_frames_as_the_limit(void **state)
{
    (void)state;
    char *text = malloc((LIMIT_VIEWS + 2) * sizeof(FRAME ","));
    for (size_t n = LIMIT_VIEWS; n <= LIMIT_VIEWS + 1; n++) {
        struct transforms t = {0};
        static const char begin[] = "{\"frames\": [", end[] = "]}";
        char *at = text + sizeof begin - 1;
        memcpy(text, begin, sizeof begin - 1);
        for (size_t i = 0; i < n; i++) {
            memcpy(at, FRAME ",", sizeof(FRAME ",") - 1);
            at += sizeof(FRAME ",") - 1;
        }
        memcpy(at - 1, end, sizeof end);
        assert_int_equal(parse(text, &t, NULL), n == LIMIT_VIEWS ? STATUS_OK : STATUS_TOO_LARGE);
        assert_int_equal(t.n_frames, n == LIMIT_VIEWS ? n : 0);
        transforms_deinit(&t);
    }
    free(text);
}

static void transforms_of_real_scenes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t n_frames;
    } files[] = {
        {"views/fox/transforms.json", 67},
        {"views/fox/transforms_50.json", 50},
        {"views/lego/transforms_train.json", 100},
        {"views/lego/transforms_test.json", 25},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = data_path(files[i].path);
        size_t n;
        struct transforms t;
        if (!path)
            skip();
        uint8_t *bytes = file_read(path, &n);
        assert_int_equal(transforms_parse(bytes, n, "transforms.json", &t, NULL), STATUS_OK);
        assert_int_equal(t.n_frames, files[i].n_frames);
        for (size_t k = 0; k < t.n_frames; k++) {
            struct view v;
            bool is_resized;
            double scale;
            assert_int_equal(transforms_camera(&t, k, 1080, 1920, &v, &is_resized, &scale, NULL),
                             STATUS_OK);
            assert_true(!is_resized && scale == 1.0);
        }
        transforms_deinit(&t);
        free(bytes);
        free(path);
    }
}

static enum status parse_once(void *context, struct error *err)
{
    struct transforms t;
    enum status status = parse(context, &t, err);
    if (status == STATUS_OK)
        transforms_deinit(&t);
    return status;
}

static void transforms_survive_every_failing_allocation(void **state)
{
    (void)state;
    char text[] = "{\"camera_model\": \"PINHOLE\", \"fl_x\": 1, \"test_filenames\": [\"a\"], "
                  "\"frames\": [" FRAME "," FRAME "]}";
    assert_true(alloc_fail_each(parse_once, text) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_give_the_cameras_that_they_say),
        cmocka_unit_test(transforms_refuse_what_they_cannot_mean),
        cmocka_unit_test(transforms_take_splits_masks_and_shutters_from_the_file),
        cmocka_unit_test(a_pose_is_a_rotation_and_a_place),
        cmocka_unit_test(transforms_hold_as_many_frames_as_the_limit),
        cmocka_unit_test(transforms_of_real_scenes_are_read),
        cmocka_unit_test(transforms_survive_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
