/* Posed views as datasets: what their info says, their preview, what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sample/sample.h"
#include "tests/http/fit.h"
#include "tests/support/data_files.h"
#include "tests/support/small_scene.h"

static struct service service;

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct answer upload(const char *query, const void *body, size_t n)
{
    return post_dataset(&service, query, body, n);
}

static struct buffer sample(void)
{
    struct buffer zip;
    const struct sample_spec spec = {.seed = 2, .size = 32};
    buffer_init(&zip, 16 << 20);
    assert_int_equal(sample_views(&spec, &zip, NULL), STATUS_OK);
    return zip;
}

static double number_at(const json_t *d, const char *member, size_t i)
{
    return json_number_value(json_array_get(member_get(d, member), i));
}

static void a_scene_says_what_views_it_has_and_shows_some(void **state)
{
    (void)state;
    struct buffer zip = sample();
    json_t *d = answer_json(upload("?name=scene.zip", zip.data, zip.size), 201);
    assert_string_equal(member_text(d, "kind"), "views");
    assert_string_equal(member_text(d, "media_type"), "application/zip");
    assert_int_equal(member_integer(d, "info.n_views"), 72);
    assert_int_equal(member_integer(d, "info.splits.train"), 60);
    assert_int_equal(member_integer(d, "info.splits.validation"), 0);
    assert_int_equal(member_integer(d, "info.splits.test"), 12);
    static const double shape[] = {72, 32, 32, 4};
    for (size_t i = 0; i < 4; i++)
        assert_true(number_at(d, "info.shape", i) == shape[i]);
    assert_int_equal(member_integer(d, "info.n_pixels"), 72 * 32 * 32);
    assert_int_equal(member_integer(d, "info.decoded_bytes"), 72 * 32 * 32 * 4);
    assert_true(json_is_false(member_get(d, "info.has_distortion")));
    assert_int_equal(json_array_size(member_get(d, "info.warnings")), 0);
    for (size_t i = 0; i < 3; i++) {
        const double low = number_at(d, "info.bbox", i), high = number_at(d, "info.bbox", i + 3);
        assert_true(low < -1.2 && low > -1.6 && high > 1.2 && high < 1.6);
        assert_true(number_at(d, "info.cameras_bbox", i + 3) > 3);
    }

    /* 4 x 4 views of 10 pixels each */
    struct answer a =
        service_get(&service, "/v1/datasets/%s/preview?width=40", member_text(d, "id"));
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body.data, "\x89PNG", 4);
    assert_int_equal(a.body.data[19], 40);
    assert_int_equal(a.body.data[23], 40);
    answer_free(&a);
    a = service_get(&service, "/v1/datasets/%s/content", member_text(d, "id"));
    assert_int_equal(a.body.n, zip.size);
    assert_memory_equal(a.body.data, zip.data, zip.size);
    assert_non_null(strstr(answer_header(&a, "Content-Disposition"), "scene.zip"));
    answer_free(&a);
    json_decref(d);
    buffer_deinit(&zip);
}

/* Tall pictures beside wide ones, grey, of one channel more: each in its cell. */
static void a_sheet_holds_views_of_any_shape(void **state)
{
    (void)state;
    struct small_scene s;
    small_scene_init(&s);
    small_scene_text(
        &s, "transforms.json",
        "{\"fl_x\": 9, \"frames\": ["
        "{\"file_path\": \"a\", \"transform_matrix\": [[1,0,0,0],[0,1,0,0],[0,0,1,4]]},"
        "{\"file_path\": \"b\", \"transform_matrix\": [[1,0,0,0],[0,1,0,0],[0,0,1,4]]},"
        "{\"file_path\": \"lost\", \"transform_matrix\": "
        "[[1,0,0,0],[0,1,0,0],[0,0,1,4]]},"
        "{\"file_path\": \"c\", \"transform_matrix\": "
        "[[1,0,0,0],[0,1,0,0],[0,0,1,4]]}]}");
    small_scene_picture(&s, "a.png", 1, 900, 1);
    small_scene_picture(&s, "b.jpg", 900, 3, 3);
    small_scene_picture(&s, "c.png", 20, 30, 4);
    struct buffer zip = small_scene_zip(&s);
    json_t *d = answer_json(upload("?kind=views", zip.data, zip.size), 201);
    assert_int_equal(member_integer(d, "info.n_views"), 3);
    assert_true(number_at(d, "info.widths", 0) == 1 && number_at(d, "info.widths", 1) == 900);
    const json_t *warnings = member_get(d, "info.warnings");
    assert_int_equal(json_array_size(warnings), 1);
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "'lost'"));
    struct answer a =
        service_get(&service, "/v1/datasets/%s/preview?width=64", member_text(d, "id"));
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.data[19], 64);
    assert_int_equal(a.body.data[18] << 8 | a.body.data[23], 0); /* 2 x 128: 256 = 0x0100 */
    assert_int_equal(a.body.data[22], 1);
    answer_free(&a);
    json_decref(d);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

#define FRAME(path)                                                                                \
    "{\"fl_x\": 9, \"frames\": [{\"file_path\": \"" path "\", \"transform_matrix\": "              \
    "[[1,0,0,0],[0,1,0,0],[0,0,1,4]]}]}"

static void archives_that_are_no_scene_are_refused_with_words_and_nothing_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *query, *file, *text, *words;
    } cases[] = {
        {"", "transforms.json", FRAME("gone"), "none of the 1 pictures"},
        {"", "transforms.json", FRAME("../../etc/passwd"), "leads out of the archive"},
        {"", "a/transforms_test.json", FRAME("a"), "no view to train on"},
        {"", "transforms.json", "{\"frames\": [", "'transforms.json' is broken"},
        {"", "transforms.json", "{\"camera_model\": \"OPENCV_FISHEYE\"}", "OPENCV_FISHEYE"},
        {"?kind=views", "poses.json", FRAME("a"), "no 'transforms.json'"},
        {"", "poses.json", FRAME("a"), "give ?kind="},
        {"?kind=views", "images.npy", "not an array", "NPY header"},
        {"?kind=image", "transforms.json", FRAME("a"), "no image"},
    };
    const size_t n = count_items(&service, "/v1/datasets");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct small_scene s;
        small_scene_init(&s);
        small_scene_text(&s, cases[i].file, cases[i].text);
        small_scene_picture(&s, "a/a.png", 4, 3, 3);
        struct buffer zip = small_scene_zip(&s);
        json_t *problem = answer_json(upload(cases[i].query, zip.data, zip.size), 422);
        const char *detail = member_text(problem, "detail");
        if (!strstr(detail, cases[i].words))
            fail_msg("case %zu: %s", i, detail);
        json_decref(problem);
        buffer_deinit(&zip);
        small_scene_deinit(&s);
    }
    json_t *problem = answer_json(upload("?kind=views", "PK, but no more", 15), 422);
    assert_non_null(strstr(member_text(problem, "detail"), "the archive is broken"));
    json_decref(problem);
    problem = answer_json(upload("?kind=views", "hello", 5), 422);
    assert_non_null(strstr(member_text(problem, "detail"), "the bytes are no views"));
    json_decref(problem);
    assert_int_equal(count_items(&service, "/v1/datasets"), n);
}

/* Eight pictures of SIDE x SIDE from around. */
static struct buffer large_pictures(size_t side)
{
    struct small_scene s;
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    small_scene_init(&s);
    fprintf(f, "{\"camera_angle_x\": 0.8, \"frames\": [");
    for (int i = 0; i < 8; i++) {
        const double a = 0.7854 * i, x = sin(a), z = cos(a);
        char name[16];
        snprintf(name, sizeof(name), "%d.png", i);
        small_scene_picture(&s, name, side, side, 3);
        fprintf(f,
                "%s{\"file_path\": \"%d\", \"transform_matrix\": [[%.9f, 0, %.9f, %.9f], "
                "[0, 1, 0, 0], [%.9f, 0, %.9f, %.9f]]}",
                i ? "," : "", i, z, x, 4 * x, -x, z, 4 * z);
    }
    fprintf(f, "]}");
    fclose(f);
    small_scene_text(&s, "transforms.json", text);
    free(text);
    struct buffer zip = small_scene_zip(&s);
    small_scene_deinit(&s);
    return zip;
}

/* Pictures are read at an eighth of their size: places along a ray are then fewer. */
static void a_job_may_ask_for_smaller_pictures(void **state)
{
    (void)state;
    char id[ID_TEXT], job[ID_TEXT];
    struct buffer zip = large_pictures(640);
    json_t *d = answer_json(upload("", zip.data, zip.size), 201);
    snprintf(id, sizeof(id), "%s", member_text(d, "id"));
    start_job(&service, id, 5, ",\"measure\":{\"downscale\":8}", job);
    json_t *done = wait_for_job(&service, job, "succeeded");
    assert_int_equal(member_integer(done, "spec.measure.downscale"), 8);
    assert_int_equal(member_integer(done, "spec.measure.n_samples"), 384); /* of 640 pixels: 831 */
    assert_true(member_number(done, "metrics.test_psnr") > 3);
    json_decref(done);
    static const char *const bad[] = {"0", "17", "1.5", "\"2\""};
    for (size_t i = 0; i < 4; i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"measure\":{\"downscale\":%s}}", id,
                 bad[i]);
        answer_problem(service_send(&service, &(struct request){.path = "/v1/jobs",
                                                                .content_type = "application/json",
                                                                .body = body,
                                                                .n_body = strlen(body)}),
                       422, "/measure/downscale");
    }
    json_decref(d);
    buffer_deinit(&zip);
}

/* --- files of others --- */

static void real_scenes_are_taken(void **state)
{
    (void)state;
    char *fox = data_path("views/fox"), *images = data_path("views/fox/images"),
         *lego = data_path("views/lego"), *train = data_path("views/lego/train"),
         *test = data_path("views/lego/test"), *npz = data_path("views/lego_100x100.npz");
    if (!fox || !images || !lego || !train || !test || !npz)
        skip();
    struct small_scene s;
    small_scene_init(&s);
    small_scene_folder(&s, fox, "fox/", ".json");
    small_scene_folder(&s, fox, "fox/", ".txt");
    small_scene_folder(&s, images, "fox/images/", ".jpg");
    struct buffer zip = small_scene_zip(&s);
    json_t *d = answer_json(upload("", zip.data, zip.size), 201);
    assert_int_equal(member_integer(d, "info.n_views"), 50);
    assert_true(json_is_true(member_get(d, "info.has_distortion")));
    assert_int_equal(json_array_size(member_get(d, "info.warnings")), 1);
    struct answer a =
        service_get(&service, "/v1/datasets/%s/preview?width=320", member_text(d, "id"));
    assert_int_equal(a.status, 200);
    answer_free(&a);
    json_decref(d);
    buffer_deinit(&zip);
    small_scene_deinit(&s);

    small_scene_init(&s);
    small_scene_folder(&s, lego, "", ".json");
    small_scene_folder(&s, train, "train/", ".png");
    small_scene_folder(&s, test, "test/", ".png");
    zip = small_scene_zip(&s);
    d = answer_json(upload("", zip.data, zip.size), 201);
    assert_int_equal(member_integer(d, "info.splits.train"), 100);
    assert_int_equal(member_integer(d, "info.splits.test"), 25);
    json_decref(d);
    buffer_deinit(&zip);
    small_scene_deinit(&s);

    size_t n;
    uint8_t *bytes = file_read(npz, &n);
    answer_problem(upload("", bytes, n), 422, "/kind");
    d = answer_json(upload("?kind=views", bytes, n), 201);
    assert_string_equal(member_text(d, "media_type"), "application/x-npz");
    assert_int_equal(member_integer(d, "info.splits.test"), 6);
    json_decref(d);
    free(bytes);
    free(fox);
    free(images);
    free(lego);
    free(train);
    free(test);
    free(npz);
}

static void must_be_refused(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct answer a = upload("?kind=views", bytes, n);
    if (a.status < 400 || a.status >= 500)
        fail_msg("%s: %ld", name, a.status);
    answer_free(&a);
    ++*(size_t *)context;
}

static void every_bad_archive_is_refused(void **state)
{
    (void)state;
    static const char *const folders[] = {"bad/zip", "bad/made", "bad/npy"};
    const size_t n_before = count_items(&service, "/v1/datasets");
    size_t n = 0;
    for (size_t i = 0; i < 3; i++) {
        char *path = data_path(folders[i]);
        if (!path)
            skip();
        folder_each(path, must_be_refused, &n);
        free(path);
    }
    assert_int_equal(n, 98 + 62 + 5);
    assert_int_equal(count_items(&service, "/v1/datasets"), n_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scene_says_what_views_it_has_and_shows_some),
        cmocka_unit_test(a_sheet_holds_views_of_any_shape),
        cmocka_unit_test(archives_that_are_no_scene_are_refused_with_words_and_nothing_is_kept),
        cmocka_unit_test(a_job_may_ask_for_smaller_pictures),
        cmocka_unit_test(real_scenes_are_taken),
        cmocka_unit_test(every_bad_archive_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
