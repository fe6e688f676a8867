/* What a render may be asked to be. */
#include "api/codec/codec_render.h"

#include <math.h>
#include <string.h>

#include "core/scene/ray.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LOOK "\"look_at\":{\"eye\":[3,0,0],\"target\":[0,0,0]}"
#define SIZE "\"width\":40,\"height\":20"

static enum status read(const char *text, struct render *out, struct problem_list *problems)
{
    json_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    enum status status = codec_render_read(body, 1000000, out, problems);
    json_decref(body);
    return status;
}

static void a_camera_is_looked_through(void **state)
{
    struct render r;
    struct problem_list problems = {0};
    (void)state;
    assert_int_equal(read("{\"camera\":{" LOOK ",\"fov_degrees\":90}," SIZE "}", &r, &problems),
                     STATUS_OK);
    assert_true(fabs(r.camera.fx - 20) < 1e-9 && r.camera.fx == r.camera.fy);
    assert_true(r.camera.cx == 20 && r.camera.cy == 10);
    assert_int_equal(r.outputs, 1u << RENDER_COLOR);
    assert_int_equal(r.format, RENDER_PNG);
    const struct ray ray = camera_ray(&r.camera, 20, 0); /* above the middle: upwards */
    assert_true(ray.origin[0] == 3 && fabs(ray.direction[0] + 1) < 1e-12);
    assert_true(fabs(ray.direction[2] - 0.5) < 1e-12);
}

static void a_matrix_is_taken_as_it_stands(void **state)
{
    struct render r;
    struct problem_list problems = {0};
    (void)state;
    assert_int_equal(read("{\"camera\":{\"c2w\":[[1,0,0,5],[0,0,-1,6],[0,1,0,7],[0,0,0,1]],"
                          "\"focal\":12.5}," SIZE ",\"outputs\":[\"depth\",\"color\"]}",
                          &r, &problems),
                     STATUS_OK);
    assert_true(r.camera.fx == 12.5 && r.camera.c2w[1][2] == -1 && r.camera.c2w[2][3] == 7);
    assert_int_equal(r.outputs, 1u << RENDER_COLOR | 1u << RENDER_DEPTH);
    assert_int_equal(r.format, RENDER_NPZ); /* several */
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *pointer;
    } cases[] = {
        {"{" SIZE "}", "/camera"},
        {"{\"camera\":{" LOOK ",\"focal\":9},\"width\":4}", "/height"},
        {"{\"camera\":{" LOOK ",\"focal\":9},\"width\":4000,\"height\":300}", "/width"},
        {"{\"camera\":{" LOOK ",\"focal\":9},\"width\":0,\"height\":3}", "/width"},
        {"{\"camera\":{" LOOK "}," SIZE "}", "/camera"},
        {"{\"camera\":{" LOOK ",\"focal\":9,\"fov_degrees\":40}," SIZE "}", "/camera"},
        {"{\"camera\":{" LOOK ",\"fov_degrees\":180}," SIZE "}", "/camera/fov_degrees"},
        {"{\"camera\":{" LOOK ",\"fov_degrees\":179.99999999}," SIZE "}", "/camera/fov_degrees"},
        {"{\"camera\":{" LOOK ",\"fov_degrees\":1e-300}," SIZE "}", "/camera/fov_degrees"},
        {"{\"camera\":{" LOOK ",\"focal\":0}," SIZE "}", "/camera/focal"},
        {"{\"camera\":{" LOOK ",\"focal\":1e-320}," SIZE "}", "/camera/focal"},
        {"{\"camera\":{\"look_at\":{\"eye\":[1e-160,0,0],\"target\":[0,0,0]},\"focal\":9}," SIZE
         "}",
         "/camera/look_at"},
        {"{\"camera\":{\"focal\":9}," SIZE "}", "/camera"},
        {"{\"camera\":{" LOOK ",\"c2w\":[],\"focal\":9}," SIZE "}", "/camera"},
        {"{\"camera\":{\"c2w\":[[1,0,0,0],[0,1,0,0]],\"focal\":9}," SIZE "}", "/camera/c2w"},
        {"{\"camera\":{\"c2w\":[[1,0,0,0],[0,1,0,0],[0,0,-1,0]],\"focal\":9}," SIZE "}",
         "/camera/c2w"},
        {"{\"camera\":{\"c2w\":[[2,0,0,0],[0,2,0,0],[0,0,2,0]],\"focal\":9}," SIZE "}",
         "/camera/c2w"},
        {"{\"camera\":{\"c2w\":[[1,0,0,0],[0,1,0,\"x\"],[0,0,1,0]],\"focal\":9}," SIZE "}",
         "/camera/c2w/1/3"},
        {"{\"camera\":{\"c2w\":[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,1,1]],\"focal\":9}," SIZE "}",
         "/camera/c2w/3/2"},
        {"{\"camera\":{\"look_at\":{\"eye\":[1,2,3]},\"focal\":9}," SIZE "}", "/camera/look_at"},
        {"{\"camera\":{\"look_at\":{\"eye\":[1,2,3],\"target\":[1,2,3]},\"focal\":9}," SIZE "}",
         "/camera/look_at"},
        {"{\"camera\":{\"look_at\":{\"eye\":[1,2,3],\"target\":[1,2,9]},\"focal\":9}," SIZE "}",
         "/camera/look_at"},
        {"{\"camera\":{\"look_at\":{\"eye\":[1,2],\"target\":[1,2,9]},\"focal\":9}," SIZE "}",
         "/camera/look_at/eye"},
        {"{\"camera\":{" LOOK ",\"focal\":9}," SIZE ",\"outputs\":[]}", "/outputs"},
        {"{\"camera\":{" LOOK ",\"focal\":9}," SIZE ",\"outputs\":\"depth\"}", "/outputs"},
        {"{\"camera\":{" LOOK ",\"focal\":9}," SIZE ",\"outputs\":[\"color\",\"light\"]}",
         "/outputs/1"},
        {"{\"camera\":{" LOOK ",\"focal\":9}," SIZE
         ",\"outputs\":[\"color\",\"depth\"],\"format\":\"png\"}",
         "/format"},
        {"{\"camera\":{" LOOK ",\"focal\":9}," SIZE ",\"format\":\"gif\"}", "/format"},
        {"{\"camera\":{" LOOK ",\"focal\":9,\"roll\":1}," SIZE "}", "/camera/roll"},
        {"{\"camera\":{" LOOK ",\"focal\":9}," SIZE ",\"depth\":1}", "/depth"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct render r;
        struct problem_list problems = {0};
        if (read(cases[i].text, &r, &problems) != STATUS_INVALID ||
            strcmp(problems.item[0].pointer, cases[i].pointer) != 0)
            fail_msg("%s: at '%s': %s", cases[i].text, problems.item[0].pointer,
                     problems.item[0].detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_camera_is_looked_through),
        cmocka_unit_test(a_matrix_is_taken_as_it_stands),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
