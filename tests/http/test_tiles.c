/* Tiles of pictures: XYZ and Deep Zoom, against what /image says of the same places. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/npy.h"
#include "core/format/png.h"
#include "tests/http/fit.h"

/* No power of two, so that most levels end within a pixel.  Deep Zoom's level 9 has its pixels. */
enum { WIDTH = 300, HEIGHT = 200, OWN_LEVEL = 9, DEEPEST = OWN_LEVEL + 4 };

static struct service service;
static char dataset[ID_TEXT], field[ID_TEXT], grey[ID_TEXT], solid[ID_TEXT];

/* A field that changes from pixel to pixel: what it was fitted to does not matter. */
static void fit(size_t width, size_t height, size_t channels, char id[ID_TEXT])
{
    char shape[48], body[512], job[ID_TEXT];
    const size_t n = width * height * channels;
    uint8_t *samples = malloc(n);
    assert_non_null(samples);
    for (size_t i = 0; i < n; i++)
        samples[i] = (uint8_t)(i * 2654435761u >> 13);
    snprintf(shape, sizeof shape, "%zu, %zu, %zu", height, width, channels);
    struct bytes npy = make_npy("|u1", shape, samples, n);
    json_t *made = answer_json(post_dataset(&service, "?kind=image", npy.data, npy.n), 201);
    snprintf(dataset, sizeof dataset, "%s", member_text(made, "id"));
    json_decref(made);
    bytes_free(&npy);
    free(samples);
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
             "\"n_frequencies\":32,\"sigma\":60},\"network\":{\"n_hidden_layers\":1,\"width\":32,"
             "\"output_activation\":\"linear\"}},"
             "\"train\":{\"steps\":20,\"batch_size\":1024}}",
             dataset);
    json_t *posted = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    snprintf(job, sizeof job, "%s", member_text(posted, "id"));
    json_decref(posted);
    json_t *done = wait_for_job(&service, job, "succeeded");
    snprintf(id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(done);
}

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    make_solid(&service, solid);
    fit(21, 34, 1, grey);
    fit(WIDTH, HEIGHT, 3, field);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* --- pictures --- */

static struct image open_png(struct answer a)
{
    struct image image;
    if (a.status != 200)
        fail_msg("%ld: %s", a.status, (const char *)a.body.data);
    assert_string_equal(answer_header(&a, "Content-Type"), "image/png");
    assert_int_equal(png_decode(a.body.data, a.body.n, &image, NULL, NULL), STATUS_OK);
    answer_free(&a);
    return image;
}

static struct image get_level_tile(unsigned level, size_t column, size_t row)
{
    return open_png(
        service_get(&service, "/dzi/%s_files/%u/%zu_%zu.png", field, level, column, row));
}

/* Numbers of a region, [height, width, channels]: mem_free. */
static float *get_numbers(const char *id, const double bbox[4], size_t width, size_t height,
                          size_t channels)
{
    struct npy_array array;
    const size_t n = width * height * channels;
    float *values = mem_alloc_floats(n);
    struct answer a =
        service_get(&service,
                    "/v1/fields/%s/image?format=npy&width=%zu&height=%zu&bbox=%.17g,%.17g,%.17g,"
                    "%.17g",
                    id, width, height, bbox[0], bbox[1], bbox[2], bbox[3]);
    assert_non_null(values);
    assert_int_equal(a.status, 200);
    assert_int_equal(npy_parse(a.body.data, a.body.n, &array, NULL), STATUS_OK);
    assert_int_equal(array.n_elements, n);
    assert_int_equal(npy_to_floats(&array, values, NULL), STATUS_OK);
    answer_free(&a);
    return values;
}

/* Is a level of 255 that of a mean?  Pictures may be off by an eighth of one before they are
 * rounded. */
static void expect_level(unsigned level, double mean)
{
    const double exact = 255 * fmin(fmax(mean, 0.0), 1.0);
    if (fabs((double)level - exact) > 0.65)
        fail_msg("level %u for %g", level, exact);
}

/* Pixels [0, width) x [0, height) of a tile are means of s x s samples each: those of a picture of
 * the box that is so many times as large. */
static void expect_means(const struct image *tile, const char *id, const double bbox[4],
                         size_t width, size_t height, size_t s, size_t channels)
{
    float *samples = get_numbers(id, bbox, width * s, height * s, channels);
    for (size_t i = 0; i < width * height * channels; i++) {
        const size_t c = i % channels, x = i / channels % width, y = i / channels / width;
        double sum = 0.0;
        for (size_t k = 0; k < s * s; k++)
            sum += (double)samples[((y * s + k / s) * width * s + x * s + k % s) * channels + c];
        expect_level(tile->u8[(y * tile->width + x) * tile->channels + c], sum / (double)(s * s));
    }
    mem_free(samples);
}

static void expect_image(struct answer tile, const char *id, const double bbox[4], size_t width,
                         size_t height, const char *more)
{
    struct answer image = service_get(
        &service, "/v1/fields/%s/image?width=%zu&height=%zu&bbox=%.17g,%.17g,%.17g,%.17g%s", id,
        width, height, bbox[0], bbox[1], bbox[2], bbox[3], more);
    assert_int_equal(tile.status, 200);
    assert_int_equal(image.status, 200);
    assert_int_equal(tile.body.n, image.body.n);
    assert_memory_equal(tile.body.data, image.body.data, image.body.n);
    answer_free(&tile);
    answer_free(&image);
}

/* --- magnified --- */

static void magnified_tiles_are_images_byte_for_byte(void **state)
{
    (void)state;
    static const struct {
        int z;
        size_t x, y;
    } tiles[] = {{1, 0, 0}, {2, 3, 1}, {5, 17, 20}, {13, 5000, 3333}, {24, 9876543, 7654321}};
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        const double side = ldexp(WIDTH, -tiles[i].z); /* of a tile */
        const double x = (double)tiles[i].x * side, y = (double)tiles[i].y * side;
        const double bbox[] = {x, y, x + side, y + side};
        expect_image(service_get(&service, "/xyz/%s/%d/%zu/%zu.png", field, tiles[i].z, tiles[i].x,
                                 tiles[i].y),
                     field, bbox, 256, 256, "");
    }
    for (int level = OWN_LEVEL; level <= 32; level += 2) {
        const double step = ldexp(1, OWN_LEVEL - level); /* source pixels in one of the tile */
        const double bbox[] = {0, 0, 257 * step, fmin(257 * step, HEIGHT)};
        expect_image(service_get(&service, "/dzi/%s_files/%d/0_0.png", field, level), field, bbox,
                     257, (size_t)(bbox[3] / step), "");
        if (level < DEEPEST)
            continue;
        const double inner[] = {511 * step, 255 * step, 769 * step, 513 * step};
        expect_image(service_get(&service, "/dzi/%s_files/%d/2_1.png", field, level), field, inner,
                     258, 258, "");
    }
}

/* What a client carries along from the descriptor's address does no harm. */
static void derivatives_come_as_tiles_too(void **state)
{
    (void)state;
    const double bbox[] = {0, 0, 150, 150};
    expect_image(service_get(&service,
                             "/xyz/%s/1/0/0.png?channel=gradient_norm&range=0,9&v=snapshot-7",
                             field),
                 field, bbox, 256, 256, "&channel=gradient_norm&range=0,9");
    const double corner[] = {0, 0, 257.0 / 16, 257.0 / 16};
    expect_image(
        service_get(&service, "/dzi/%s_files/13/0_0.png?channel=gradient_norm&scale=64&v=2", field),
        field, corner, 257, 257, "&channel=gradient_norm");
    answer_problem(service_get(&service, "/xyz/%s/0/0/0.png?channel=laplacian", field), 422,
                   "/channel"); /* relu has none */
}

/* --- minified --- */

static void minified_tiles_are_averaged(void **state)
{
    (void)state;
    /* 300 / 256 source pixels in a pixel: two samples a side.  Row 170 reaches over the end. */
    const double step = WIDTH / 256.0, whole[] = {0, 0, WIDTH, 170 * step};
    struct image tile = open_png(service_get(&service, "/xyz/%s/0/0/0.png", field));
    assert_true(tile.width == 256 && tile.height == 256 && tile.channels == 4);
    expect_means(&tile, field, whole, 256, 170, 2, 3);
    image_deinit(&tile);
    for (unsigned level = 0; level < OWN_LEVEL; level++) {
        const size_t s = (size_t)1 << (OWN_LEVEL - level);
        const size_t width = WIDTH / s < 257 ? WIDTH / s : 257, height = HEIGHT / s;
        const double bbox[] = {0, 0, (double)(width * s), (double)(height * s)};
        tile = get_level_tile(level, 0, 0);
        if (width * height > 0)
            expect_means(&tile, field, bbox, width, height, s, 3);
        image_deinit(&tile);
    }
}

/* The same places, looked at once and many times: a field as uneven as this one tells them apart.
 */
static void an_average_is_not_a_sample(void **state)
{
    (void)state;
    const double bbox[] = {0, 0, WIDTH, HEIGHT};
    float *centres = get_numbers(field, bbox, 75, 50, 3);
    double of_samples = 0, of_means = 0, mean = 0;
    struct image tile = get_level_tile(OWN_LEVEL - 2, 0, 0);
    const size_t n = 75 * 50 * 3;
    assert_true(tile.width == 75 && tile.height == 50 && tile.channels == 3);
    for (size_t i = 0; i < n; i++)
        mean += (double)centres[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        of_samples += pow((double)centres[i] - mean, 2);
        of_means += pow(tile.u8[i] / 255.0 - mean, 2);
    }
    assert_true(of_means < 0.5 * of_samples);
    mem_free(centres);
    image_deinit(&tile);
}

/* Level 6 has 37.5 x 25 pixels: its last column is half as wide as the others. */
static void pixels_at_the_end_are_cut_there(void **state)
{
    (void)state;
    struct image tile = get_level_tile(OWN_LEVEL - 3, 0, 0), pixel = {0};
    assert_true(tile.width == 38 && tile.height == 25);
    for (size_t y = 0; y < 25; y++) {
        const double bbox[] = {296, (double)y * 8, WIDTH, (double)y * 8 + 8};
        pixel = tile;
        pixel.u8 = tile.u8 + (y * 38 + 37) * 3;
        expect_means(&pixel, field, bbox, 1, 1, 8, 3);
    }
    image_deinit(&tile);
    /* and the one pixel of level 0 is of the picture alone */
    const double whole[] = {0, 0, WIDTH, HEIGHT};
    tile = get_level_tile(0, 0, 0);
    assert_true(tile.width == 1 && tile.height == 1 && tile.channels == 3);
    expect_means(&tile, field, whole, 1, 1, 512, 3);
    image_deinit(&tile);
}

/* More than five by five of the data are in a pixel, four by four are looked at: those are a Mi of
 * a tile. */
static void samples_of_a_tile_are_limited(void **state)
{
    (void)state;
    enum { LARGE = 1300 };
    char large[ID_TEXT];
    const double step = LARGE / 256.0, bbox[] = {0, 0, 16 * step, 4 * step};
    fit(LARGE, LARGE, 1, large);
    struct image tile = open_png(service_get(&service, "/xyz/%s/0/0/0.png", large));
    assert_true(tile.channels == 1);
    expect_means(&tile, large, bbox, 16, 4, 4, 1);
    image_deinit(&tile);
}

/* --- pyramids --- */

static void what_lies_beside_the_picture_is_transparent(void **state)
{
    (void)state;
    const struct {
        const char *id;
        size_t channels, width, height; /* that are there */
        const char *tile;
    } cases[] = {{field, 4, 256, 171, "0/0/0"},
                 {field, 4, 256, 86, "1/1/1"},
                 {grey, 2, 159, 256, "0/0/0"},
                 {grey, 2, 61, 256, "1/1/1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image tile =
            open_png(service_get(&service, "/xyz/%s/%s.png", cases[i].id, cases[i].tile));
        const size_t c = cases[i].channels;
        assert_true(tile.width == 256 && tile.height == 256 && tile.channels == c);
        for (size_t k = 0; k < 256 * 256; k++) {
            const bool is_there = k % 256 < cases[i].width && k / 256 < cases[i].height;
            assert_int_equal(tile.u8[k * c + c - 1], is_there ? 255 : 0);
            for (size_t n = 0; n < c - 1 && !is_there; n++)
                assert_int_equal(tile.u8[k * c + n], 0);
        }
        image_deinit(&tile);
    }
}

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* As a client derives it from the descriptor: each level half of the next, rounded up. */
static void all_levels_of_a_descriptor_are_there_down_to_one_pixel(void **state)
{
    (void)state;
    size_t width = WIDTH * 16, height = HEIGHT * 16;
    for (unsigned level = DEEPEST + 1; level-- > 0;) {
        const size_t n_columns = divide_up(width, 256), n_rows = divide_up(height, 256);
        for (size_t i = 0; i < n_columns * n_rows; i++) {
            const size_t x = i % n_columns, y = i / n_columns;
            if (level > OWN_LEVEL + 1 && x > 0 && x + 1 < n_columns && y > 0 && y + 1 < n_rows)
                continue; /* the inner ones of deep levels are many */
            const size_t left = x > 0 ? x * 256 - 1 : 0, top = y > 0 ? y * 256 - 1 : 0;
            const size_t right = x * 256 + 257, bottom = y * 256 + 257;
            struct image tile = get_level_tile(level, x, y);
            assert_int_equal(tile.width, (right < width ? right : width) - left);
            assert_int_equal(tile.height, (bottom < height ? bottom : height) - top);
            assert_int_equal(tile.channels, 3);
            image_deinit(&tile);
        }
        answer_problem(service_get(&service, "/dzi/%s_files/%u/%zu_0.png", field, level, n_columns),
                       404, "/column");
        answer_problem(service_get(&service, "/dzi/%s_files/%u/0_%zu.png", field, level, n_rows),
                       404, "/row");
        width = divide_up(width, 2);
        height = divide_up(height, 2);
    }
    assert_true(width == 1 && height == 1);
}

static void a_descriptor_says_how_far_it_goes(void **state)
{
    (void)state;
    static const struct {
        const char *query, *size;
    } cases[] = {
        {"", "<Size Width=\"4800\" Height=\"3200\"/>"},
        {"?scale=1", "<Size Width=\"300\" Height=\"200\"/>"},
        {"?scale=4096&v=1&channel=gradient_norm", "<Size Width=\"1228800\" Height=\"819200\"/>"}};
    for (size_t i = 0; i < 3; i++) {
        struct answer a = service_get(&service, "/dzi/%s.dzi%s", field, cases[i].query);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Content-Type"), "application/xml");
        const char *text = (const char *)a.body.data;
        assert_non_null(strstr(text, "xmlns=\"http://schemas.microsoft.com/deepzoom/2008\""));
        assert_non_null(strstr(text, "Format=\"png\" Overlap=\"1\" TileSize=\"256\""));
        assert_non_null(strstr(text, cases[i].size));
        answer_free(&a);
    }
    static const char *const bad[] = {"0", "3", "8192", "1.5", "-2", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        answer_problem(service_get(&service, "/dzi/%s.dzi?scale=%s", field, bad[i]), 422, "/scale");
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", field), 200);
    char path[96];
    snprintf(path, sizeof path, "/dzi/%s.dzi", field);
    assert_string_equal(member_text(f, "links.dzi"), path);
    snprintf(path, sizeof path, "/xyz/%s/{z}/{x}/{y}.png", field);
    assert_string_equal(member_text(f, "links.xyz"), path);
    json_decref(f);
}

/* --- what is not there --- */

static void tiles_that_are_not_there_are_not_found(void **state)
{
    (void)state;
    static const struct {
        const char *place, *pointer;
    } xyz[] = {{"25/0/0", "/z"},  {"-1/0/0", "/z"},        {"a/0/0", "/z"},
               {"1e1/0/0", "/z"}, {"+1/0/0", "/z"},        {"99999999999999999999/0/0", "/z"},
               {"0/1/0", "/x"},   {"0/0/1", "/y"},         {"3/8/0", "/x"},
               {"3/0/6", "/y"},   {"3/-1/0", "/x"},        {"3/0/0x1", "/y"},
               {"3/0.5/0", "/x"}, {"24/16777216/0", "/x"}, {"24/0/18446744073709551616", "/y"}},
      dzi[] = {{"33/0_0", "/level"},
               {"x/0_0", "/level"},
               {"-1/0_0", "/level"},
               {"9/0", "/tile"},
               {"9/00", "/tile"},
               {"9/1_0_0", "/row"},
               {"9/_0", "/column"},
               {"9/0_", "/row"},
               {"9/2_0", "/column"},
               {"9/0_1", "/row"},
               {"9/99999999999999999999999999999999999_0", "/tile"},
               {"32/16777216_0", "/column"}};
    for (size_t i = 0; i < sizeof xyz / sizeof *xyz; i++)
        answer_problem(service_get(&service, "/xyz/%s/%s.png", field, xyz[i].place), 404,
                       xyz[i].pointer);
    for (size_t i = 0; i < sizeof dzi / sizeof *dzi; i++)
        answer_problem(service_get(&service, "/dzi/%s_files/%s.png", field, dzi[i].place), 404,
                       dzi[i].pointer);
    json_t *problem = answer_json(service_get(&service, "/xyz/%s/25/0/0.png", field), 404);
    assert_non_null(strstr(member_text(problem, "detail"), "0..24"));
    json_decref(problem);
}

/* All three ways to ask, of a field. */
static void ask_all(const char *id, long status, const char *pointer, const char *query)
{
    answer_problem(service_get(&service, "/xyz/%s/0/0/0.png%s", id, query), status, pointer);
    answer_problem(service_get(&service, "/dzi/%s.dzi%s", id, query), status, pointer);
    answer_problem(service_get(&service, "/dzi/%s_files/0/0_0.png%s", id, query), status, pointer);
}

static void what_cannot_be_tiled_is_refused(void **state)
{
    (void)state;
    ask_all("fld_00000000000000000000000000", 404, NULL, "");
    ask_all("x", 404, NULL, "");
    ask_all(dataset, 404, NULL, "");
    ask_all(solid, 422, NULL, "");
    ask_all(field, 422, "/width", "?width=5");
    ask_all(field, 422, "/channel", "?channel=red");
    ask_all(field, 422, "/range", "?range=0,1");
    ask_all(field, 422, "/range", "?channel=gradient_norm&range=1,0");
    answer_problem(service_get(&service, "/xyz/%s/0/0/0.png?scale=2", field), 422, "/scale");
    answer_problem(service_get(&service, "/dzi/%s_files/0/0_0.png?scale=3", field), 422, "/scale");
    answer_problem(service_get(&service, "/xyz/%s/0/0/0.jpg", field), 404, NULL);
    answer_problem(service_get(&service, "/dzi/%s", field), 404, NULL);
}

/* --- entity tags --- */

static void expect_cached(const char *path, const char *cache)
{
    char tag[128], header[160];
    struct answer a = service_get(&service, "%s", path);
    snprintf(tag, sizeof tag, "%s", answer_header(&a, "ETag"));
    assert_int_equal(tag[0], '"');
    assert_string_equal(answer_header(&a, "Cache-Control"), cache);
    answer_status(a, 200);
    snprintf(header, sizeof header, "If-None-Match: %s", tag);
    a = service_send(&service, &(struct request){.path = path, .headers = {header}});
    assert_int_equal(a.body.n, 0);
    assert_string_equal(answer_header(&a, "ETag"), tag);
    answer_status(a, 304);
    a = service_send(&service,
                     &(struct request){.path = path, .headers = {"If-None-Match: \"x\""}});
    assert_string_equal(answer_header(&a, "ETag"), tag);
    answer_status(a, 200);
    a = service_send(&service, &(struct request){.path = path, .method = "HEAD"});
    assert_int_equal(a.body.n, 0);
    assert_string_equal(answer_header(&a, "ETag"), tag);
    answer_status(a, 200);
}

static void tiles_are_kept_by_their_tags(void **state)
{
    (void)state;
    static const char immutable[] = "private, max-age=31536000, immutable";
    char path[160], tags[4][128] = {""};
    static const char *const tiles[] = {"xyz/%s/0/0/0.png", "xyz/%s/3/1/1.png", "xyz/%s/3/1/2.png",
                                        "dzi/%s_files/12/1_1.png"};
    for (size_t i = 0; i < 4; i++) {
        const char *id = strchr(tiles[i], '%');
        snprintf(path, sizeof path, "/%.*s%s%s", (int)(id - tiles[i]), tiles[i], field, id + 2);
        expect_cached(path, immutable);
        struct answer a = service_get(&service, "%s", path);
        snprintf(tags[i], sizeof tags[i], "%s", answer_header(&a, "ETag"));
        answer_free(&a);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(tags[i], tags[k]);
    }
    snprintf(path, sizeof path, "/dzi/%s.dzi", field);
    expect_cached(path, "no-cache");
}

/* A picture is tiled from the first snapshot on, and not before. */
static void a_field_in_training_is_tiled_from_its_last_snapshot(void **state)
{
    (void)state;
    char first[ID_TEXT], second[ID_TEXT], id[ID_TEXT], waits[ID_TEXT], path[96];
    start_job(&service, dataset, 10000000, "", first);
    start_job(&service, dataset, 10, "", second); /* the only worker is busy */
    json_t *job = answer_json(service_get(&service, "/v1/jobs/%s", second), 200);
    snprintf(waits, sizeof waits, "%s", member_text(job, "field_id"));
    json_decref(job);
    ask_all(waits, 409, NULL, "");
    job = answer_json(service_get(&service, "/v1/jobs/%s", first), 200);
    snprintf(id, sizeof id, "%s", member_text(job, "field_id"));
    json_decref(job);
    wait_for_step(&service, first, 1);
    const double end = now_seconds() + 30 * SLOWNESS;
    struct answer a = service_get(&service, "/xyz/%s/0/0/0.png", id);
    for (; a.status == 409 && now_seconds() < end; pause_briefly()) {
        answer_free(&a);
        a = service_get(&service, "/xyz/%s/0/0/0.png", id);
    }
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-cache");
    answer_status(a, 200);
    snprintf(path, sizeof path, "/dzi/%s_files/10/1_0.png?v=3", id);
    answer_status(service_get(&service, "%s", path), 200);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/v1/jobs/%s/cancel", i ? first : second);
        answer_status(service_post_json(&service, path, "{}"), 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(magnified_tiles_are_images_byte_for_byte),
        cmocka_unit_test(derivatives_come_as_tiles_too),
        cmocka_unit_test(minified_tiles_are_averaged),
        cmocka_unit_test(an_average_is_not_a_sample),
        cmocka_unit_test(pixels_at_the_end_are_cut_there),
        cmocka_unit_test(samples_of_a_tile_are_limited),
        cmocka_unit_test(what_lies_beside_the_picture_is_transparent),
        cmocka_unit_test(all_levels_of_a_descriptor_are_there_down_to_one_pixel),
        cmocka_unit_test(a_descriptor_says_how_far_it_goes),
        cmocka_unit_test(tiles_that_are_not_there_are_not_found),
        cmocka_unit_test(what_cannot_be_tiled_is_refused),
        cmocka_unit_test(tiles_are_kept_by_their_tags),
        cmocka_unit_test(a_field_in_training_is_tiled_from_its_last_snapshot),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
