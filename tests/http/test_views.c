/* Photographs with their cameras: uploaded, fitted by both presets, seen by cameras of one's own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/npy.h"
#include "core/format/png.h"
#include "tests/http/fit.h"
#include "tests/support/data_files.h"

static struct service service;
static char dataset[ID_TEXT], field[ID_TEXT], picture_field[ID_TEXT];

enum { SIDE = 32, STEPS = 120 / SLOWNESS };

#define SMALL_NETWORK "\"network\":{\"n_hidden_layers\":1,\"width\":32}"

static void upload_views(void)
{
    char path[128];
    size_t n;
    snprintf(path, sizeof path, "%s/views.zip", service.folder);
    const char *const arguments[] = {"sample", "views", "--size", "32", "--out", path, NULL};
    assert_int_equal(program_run(arguments, NULL), 0);
    uint8_t *bytes = file_read(path, &n);
    json_t *answer =
        answer_json(service_send(&service, &(struct request){.path = "/v1/datasets?kind=views",
                                                             .content_type = "application/zip",
                                                             .body = bytes,
                                                             .n_body = n}),
                    201);
    snprintf(dataset, sizeof dataset, "%s", member_text(answer, "id"));
    json_decref(answer);
    free(bytes);
}

static struct answer post_job(const char *members)
{
    char body[1024];
    snprintf(body, sizeof body, "{\"dataset_id\":\"%s\"%s}", dataset, members);
    return service_post_json(&service, "/v1/jobs", body);
}

/* The job when it has succeeded; the caller's. */
static json_t *fit(const char *members)
{
    json_t *job = answer_json(post_job(members), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    json_decref(job);
    return done;
}

static int start(void **state)
{
    char members[512];
    (void)state;
    service_start(&service, NULL);
    make_field(&service, 16, 5, picture_field);
    upload_views();
    snprintf(members, sizeof members,
             ",\"field\":{\"encoding\":{\"log2_hashmap_size\":12,\"finest_resolution\":64}"
             "," SMALL_NETWORK "},\"train\":{\"steps\":%d,\"batch_size\":4096}",
             STEPS);
    json_t *done = fit(members);
    snprintf(field, sizeof field, "%s", member_text(done, "field_id"));
    json_decref(done);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static void what_the_data_say_is_filled_in(void **state)
{
    (void)state;
    json_t *data = answer_json(service_get(&service, "/v1/datasets/%s", dataset), 200);
    assert_true(member_number(data, "info.surroundings.distance") == 4.0);
    assert_string_equal(member_text(data, "info.surroundings.backdrop"), "alpha");
    json_decref(data);
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", field), 200);
    assert_string_equal(member_text(f, "task"), "views");
    assert_int_equal(member_integer(f, "n_outputs"), 1 + 3 * 9);
    assert_true(member_number(f, "spec.measure.near") == 2.0);
    assert_true(member_number(f, "spec.measure.far") == 6.0);
    assert_int_equal(member_integer(f, "spec.measure.n_samples"), 384);
    assert_string_equal(member_text(f, "spec.measure.background"), "random");
    assert_string_equal(member_text(f, "spec.train.holdout"), "views");
    /* the cube that a picture shows at the distance */
    const json_t *box = member_get(f, "domain.bbox");
    const double half = json_number_value(json_array_get(box, 3));
    assert_true(half > 1.0 && half < 2.0);
    json_decref(f);
}

static void held_out_views_are_measured(void **state)
{
    (void)state;
    json_t *e = answer_json(service_get(&service, "/v1/fields/%s/evaluate", field), 200);
    /* a black picture is at 9 dB or so */
    assert_true(member_number(e, "metrics.psnr") > (SLOWNESS > 1 ? 8 : 15));
    assert_true(member_number(e, "metrics.test_psnr") > (SLOWNESS > 1 ? 8 : 15));
    json_decref(e);
}

/* --- renders --- */

#define CAMERA                                                                                     \
    "\"camera\":{\"look_at\":{\"eye\":[2.8,2.4,1.6],\"target\":[0,0,0]},\"fov_degrees\":45}"

static struct answer render(const char *id, const char *members, const char *header)
{
    char path[128], body[512];
    snprintf(path, sizeof path, "/v1/fields/%s/render", id);
    snprintf(body, sizeof body, "{%s}", members);
    return service_send(&service, &(struct request){.path = path,
                                                    .content_type = "application/json",
                                                    .body = body,
                                                    .n_body = strlen(body),
                                                    .headers = {header}});
}

/* An array of an NPZ, for mem_free. */
static float *read_array(const struct answer *a, const char *name, size_t n)
{
    struct npz *z = NULL;
    struct npy_array array;
    uint8_t *storage = NULL;
    float *values = mem_alloc_floats(n);
    assert_int_equal(npz_open(&z, a->body.data, a->body.n, NULL), STATUS_OK);
    assert_int_equal(npz_read(z, name, &storage, &array, NULL), STATUS_OK);
    assert_int_equal(array.n_elements, n);
    assert_int_equal(npy_to_floats(&array, values, NULL), STATUS_OK);
    mem_free(storage);
    npz_close(z);
    return values;
}

static struct image read_png(const struct answer *a)
{
    struct image image = {0};
    assert_string_equal(answer_header(a, "Content-Type"), "image/png");
    assert_int_equal(png_decode(a->body.data, a->body.n, &image, NULL, NULL), STATUS_OK);
    return image;
}

enum { WIDTH = 48, HEIGHT = 36, PIXELS = WIDTH * HEIGHT };

static void all_outputs_come_as_arrays(void **state)
{
    (void)state;
    struct answer a = render(field,
                             CAMERA ",\"width\":48,\"height\":36,\"outputs\":[\"color\",\"depth\","
                                    "\"normal\",\"opacity\"]",
                             NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/x-npz");
    float *color = read_array(&a, "color", 3UL * PIXELS), *depth = read_array(&a, "depth", PIXELS);
    float *normal = read_array(&a, "normal", 3UL * PIXELS);
    float *opacity = read_array(&a, "opacity", PIXELS);
    size_t n_seen = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        assert_true(opacity[i] >= 0 && opacity[i] <= 1);
        for (size_t c = 0; c < 3; c++)
            assert_true(color[3 * i + c] >= 0 && color[3 * i + c] <= opacity[i] + 1e-5f);
        if (depth[i] == 0)
            continue;
        n_seen++;
        /* the cube is 4 away and as wide as 2 */
        assert_true(depth[i] > 1 && depth[i] < 7);
        const float *n = normal + 3 * i;
        const float length = n[0] * n[0] + n[1] * n[1] + n[2] * n[2];
        assert_true(length == 0 || fabsf(length - 1) < 1e-4f);
    }
    assert_true(n_seen > PIXELS / 20);
    mem_free(color);
    mem_free(depth);
    mem_free(normal);
    mem_free(opacity);
    answer_free(&a);
}

static void a_picture_shows_the_arrays(void **state)
{
    static const char *const outputs[] = {"color", "opacity", "normal"};
    (void)state;
    for (size_t o = 0; o < sizeof outputs / sizeof *outputs; o++) {
        char members[512];
        const size_t channels = o == 1 ? 1 : 3;
        snprintf(members, sizeof members, CAMERA ",\"width\":48,\"height\":36,\"outputs\":[\"%s\"]",
                 outputs[o]);
        struct answer png = render(field, members, NULL);
        assert_int_equal(png.status, 200);
        struct image image = read_png(&png);
        assert_true(image.width == WIDTH && image.height == HEIGHT && image.channels == channels);
        const size_t n = strlen(members);
        snprintf(members + n, sizeof members - n, ",\"format\":\"npz\"");
        struct answer npz = render(field, members, NULL);
        float *values = read_array(&npz, outputs[o], channels * PIXELS);
        for (size_t i = 0; i < channels * PIXELS; i++) {
            const float shown = o == 2 ? 0.5f * (values[i] + 1) : values[i];
            assert_true(fabsf(image_value(&image, i) - shown) <= 0.51f / 255);
        }
        mem_free(values);
        image_deinit(&image);
        answer_free(&npz);
        answer_free(&png);
    }
}

static void a_depth_is_shown_from_near_to_far(void **state)
{
    float low = 2, high = -1;
    (void)state;
    struct answer a =
        render(field, CAMERA ",\"width\":48,\"height\":36,\"outputs\":[\"depth\"]", NULL);
    struct image image = read_png(&a);
    for (size_t i = 0; i < PIXELS; i++) {
        const float level = image_value(&image, i);
        high = fmaxf(high, level);
        low = level > 0 ? fminf(low, level) : low;
    }
    assert_true(high == 1 && fabsf(low - 32.0f / 255) < 1e-6f);
    image_deinit(&image);
    answer_free(&a);
}

static void a_render_has_a_tag_of_its_own(void **state)
{
    char header[128];
    (void)state;
    struct answer a = render(field, CAMERA ",\"width\":8,\"height\":8", NULL);
    struct answer b = render(field, CAMERA ",\"width\":8,\"height\":9", NULL);
    assert_int_equal(a.status, 200);
    snprintf(header, sizeof header, "If-None-Match: %s", answer_header(&a, "ETag"));
    assert_string_not_equal(answer_header(&b, "ETag"), header + strlen("If-None-Match: "));
    answer_status(render(field, CAMERA ",\"width\":8,\"height\":8", header), 304);
    answer_status(render(field, CAMERA ",\"width\":8,\"height\":9", header), 200);
    answer_free(&a);
    answer_free(&b);
}

static void renders_that_cannot_be_are_refused(void **state)
{
    (void)state;
    answer_problem(render(field, "\"width\":8,\"height\":8", NULL), 422, "/camera");
    answer_problem(render(field, CAMERA ",\"width\":8", NULL), 422, "/height");
    answer_problem(render(field, CAMERA ",\"width\":5000,\"height\":5000", NULL), 422, "/width");
    answer_problem(render(picture_field, CAMERA ",\"width\":8,\"height\":8", NULL), 422, NULL);
    answer_problem(
        render("fld_00000000000000000000000000", CAMERA ",\"width\":8,\"height\":8", NULL), 404,
        NULL);
}

/* --- jobs --- */

static void the_papers_way_is_fitted_too(void **state)
{
    (void)state;
    json_t *done =
        fit(",\"preset\":\"paper\",\"field\":{\"encoding\":{\"n_frequencies\":16,"
            "\"sigma\":2}," SMALL_NETWORK "},\"train\":{\"steps\":10,\"batch_size\":512},"
            "\"measure\":{\"n_samples\":32}");
    assert_true(member_number(done, "metrics.test_psnr") > 5);
    assert_true(json_is_false(member_get(done, "spec.measure.occupancy_grid")));
    json_t *f =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(done, "field_id")), 200);
    assert_int_equal(member_integer(f, "n_outputs"), 4);
    /* a cube of 2 pi around the scene: cycles per side are radians per unit */
    const json_t *box = member_get(f, "domain.bbox");
    assert_true(fabs(json_number_value(json_array_get(box, 3)) -
                     json_number_value(json_array_get(box, 0)) - 2 * M_PI) < 1e-9);
    struct answer a =
        render(member_text(done, "field_id"),
               CAMERA ",\"width\":8,\"height\":8,\"outputs\":[\"depth\",\"color\"]", NULL);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    json_decref(f);
    json_decref(done);
}

static void settings_that_do_not_go_are_refused(void **state)
{
    static const struct {
        const char *members, *pointer;
    } cases[] = {
        {",\"measure\":{\"occupancy_grid\":false,\"n_samples\":129}", "/measure/n_samples"},
        {",\"measure\":{\"near\":7}", "/measure/near"},
        {",\"measure\":{\"background\":\"grey\"}", "/measure/background"},
        {",\"measure\":{\"n_angles\":7}", "/measure/n_angles"},
        {",\"train\":{\"holdout\":\"odd_pixels\"}", "/train/holdout"},
        {",\"train\":{\"loss\":\"bce\"}", "/train/loss"},
        {",\"field\":{\"network\":{\"output_activation\":\"sigmoid\"}}",
         "/field/network/output_activation"},
        {",\"task\":\"image\"", "/task"},
        {",\"preset\":\"compact\"", "/preset"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        answer_problem(post_job(cases[i].members), 422, cases[i].pointer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_data_say_is_filled_in),
        cmocka_unit_test(held_out_views_are_measured),
        cmocka_unit_test(all_outputs_come_as_arrays),
        cmocka_unit_test(a_picture_shows_the_arrays),
        cmocka_unit_test(a_depth_is_shown_from_near_to_far),
        cmocka_unit_test(a_render_has_a_tag_of_its_own),
        cmocka_unit_test(renders_that_cannot_be_are_refused),
        cmocka_unit_test(the_papers_way_is_fitted_too),
        cmocka_unit_test(settings_that_do_not_go_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
