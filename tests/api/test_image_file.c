#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/codec/codec_dataset.h"
#include "api/jobs.h"
#include "api/kinds/image_file.h"
#include "api/kinds/kinds.h"
#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/format/jpeg.h"
#include "core/format/npy.h"
#include "core/format/png.h"

enum { MAX_BYTES = 64 << 20 };

/* The picture, and that a check says the same of it. */
static struct image decode(const struct buffer *bytes, struct image_file_facts *facts)
{
    struct image image = {0};
    struct error err = {0};
    if (image_file_decode(bytes->data, bytes->size, &image, &err) != STATUS_OK ||
        image_file_check(bytes->data, bytes->size, facts, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(facts->image.width, image.width);
    assert_int_equal(facts->image.height, image.height);
    assert_int_equal(facts->image.channels, image.channels);
    return image;
}

/* Bytes that are no image whatever is said of them: both ways of reading refuse alike. */
static void refuse(const void *bytes, size_t n)
{
    struct image image = {0};
    struct image_file_facts facts;
    struct error err = {0}, again = {0};
    assert_int_equal(image_file_decode(bytes, n, &image, &err), STATUS_INVALID);
    assert_int_equal(image_file_check(bytes, n, &facts, &again), STATUS_INVALID);
    assert_null(image.samples);
    assert_string_equal(err.where, again.where);
    assert_string_equal(err.message, again.message);
    assert_true(err.message[0] != '\0');
}

static void formats_are_told_by_their_bytes(void **state)
{
    (void)state;
    uint8_t pixels[8 * 8 * 3] = {0};
    struct buffer png, jpeg;
    buffer_init(&png, MAX_BYTES);
    buffer_init(&jpeg, MAX_BYTES);
    assert_int_equal(png_encode(pixels, 8, 8, 3, PNG_FAST, &png, NULL), STATUS_OK);
    assert_int_equal(jpeg_encode(pixels, 8, 8, 3, 90, &jpeg, NULL), STATUS_OK);
    struct image_file_facts facts;
    struct image image = decode(&png, &facts);
    assert_string_equal(facts.media_type, "image/png");
    assert_int_equal(facts.image.bits_per_channel, 8);
    assert_int_equal(image.channels, 3);
    image_deinit(&image);
    image = decode(&jpeg, &facts);
    assert_string_equal(facts.media_type, "image/jpeg");
    assert_int_equal(facts.image.bits_per_channel, 8);
    image_deinit(&image);
    buffer_deinit(&png);
    buffer_deinit(&jpeg);
}

static void npy_needs_its_kind(void **state)
{
    (void)state;
    static const float values[6] = {0, 0.5f, 1, 0, 0, 0};
    static const size_t shape[2] = {2, 3};
    struct buffer npy;
    buffer_init(&npy, MAX_BYTES);
    assert_int_equal(npy_encode_floats(values, shape, 2, &npy, NULL), STATUS_OK);
    struct image_file_facts facts;
    struct image image = decode(&npy, &facts);
    assert_string_equal(facts.media_type, "application/x-npy");
    assert_int_equal(facts.image.bits_per_channel, 32);
    assert_int_equal(image.width, 3);
    assert_int_equal(image.height, 2);
    assert_int_equal(image.channels, 1);
    image_deinit(&image);
    const struct kind *kind = NULL;
    const char *type = NULL;
    struct error err = {0};
    assert_int_equal(kinds_recognise(npy.data, npy.size, "", &kind, &type, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/kind");
    assert_int_equal(kinds_recognise(npy.data, npy.size, "image", &kind, &type, NULL), STATUS_OK);
    assert_ptr_equal(kind, &kinds_image);
    assert_string_equal(type, "application/x-npy");
    buffer_deinit(&npy);
}

static void numbers_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    static const size_t shape[2] = {1, 2};
    const float bad[2][2] = {{0, NAN}, {-INFINITY, 0}};
    for (size_t i = 0; i < 2; i++) {
        struct buffer npy;
        buffer_init(&npy, MAX_BYTES);
        assert_int_equal(npy_encode_floats(bad[i], shape, 2, &npy, NULL), STATUS_OK);
        refuse(npy.data, npy.size);
        buffer_deinit(&npy);
    }
}

static void other_bytes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool is_image_said;
        enum status status; /* of telling the kind */
    } cases[] = {
        {"", 0, false, STATUS_INVALID},           {"hello", 5, false, STATUS_INVALID},
        {"hello", 5, true, STATUS_INVALID},       {"\x89PNG\r\n\x1a\n", 8, false, STATUS_OK},
        {"\xff\xd8\xff", 3, false, STATUS_OK},    {"\x93NUMPY", 6, true, STATUS_OK},
        {"PK\x03\x04", 4, false, STATUS_INVALID}, {"PK\x03\x04", 4, true, STATUS_INVALID},
        {"GIF89a", 6, false, STATUS_INVALID},     {"GIF89a", 6, true, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        const struct kind *kind = NULL;
        const char *type = NULL;
        struct error err = {0};
        assert_int_equal(kinds_recognise(bytes, cases[i].n, cases[i].is_image_said ? "image" : NULL,
                                         &kind, &type, &err),
                         cases[i].status);
        assert_true(cases[i].status == STATUS_OK || err.message[0] != '\0');
        refuse(bytes, cases[i].n);
    }
}

/* A ramp along x, another along y, in two channels: both have the mean 0.5, and so has a preview.
 */
static struct image ramps(size_t width, size_t height)
{
    struct image image = {0};
    assert_int_equal(image_create(&image, SAMPLE_FLOAT, width, height, 2, NULL), STATUS_OK);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            image.values[(y * width + x) * 2] = (float)x / (float)(width - 1);
            image.values[(y * width + x) * 2 + 1] = (float)y / (float)(height - 1);
        }
    return image;
}

static void previews_keep_aspect_and_mean(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, asked, expected_width, expected_height;
    } cases[] = {
        {64, 32, 16, 16, 8},
        {64, 32, 64, 64, 32},
        {64, 32, 1000, 64, 32},
        {100, 7, 33, 33, 2},
        {7, 100, 3, 3, 43},
        {300, 2, 16, 16, 1},
        {1200, 1200, 1024, 1024, 1024},
        {2000, 2200, 1024, 976, 1074},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image image = ramps(cases[i].width, cases[i].height);
        struct image small = {0};
        assert_int_equal(image_file_reduce(&image, cases[i].asked, &small, NULL), STATUS_OK);
        assert_int_equal(small.width, cases[i].expected_width);
        assert_int_equal(small.height, cases[i].expected_height);
        double sum[2] = {0};
        const size_t n = small.width * small.height;
        for (size_t p = 0; p < n; p++)
            for (size_t c = 0; c < 2; c++)
                sum[c] += (double)image_value(&small, p * 2 + c);
        assert_true(fabs(sum[0] / (double)n - 0.5) < 0.005);
        assert_true(fabs(sum[1] / (double)n - 0.5) < 0.005);
        image_deinit(&small);
        image_deinit(&image);
    }
}

static void inspect_answers_what_the_bytes_are(void **state)
{
    (void)state;
    uint8_t pixels[40 * 20] = {0};
    struct buffer png;
    buffer_init(&png, MAX_BYTES);
    assert_int_equal(png_encode(pixels, 40, 20, 1, PNG_FAST, &png, NULL), STATUS_OK);
    char *question = codec_inspect_question("", "image/gif", 0), *answer = NULL;
    assert_int_equal(job_inspect_answer(question, png.data, png.size, &answer, NULL), STATUS_OK);
    struct dataset_row row = {0};
    assert_int_equal(codec_inspect_answer(answer, &row, NULL), STATUS_OK);
    assert_string_equal(row.kind, "image");
    assert_string_equal(row.media_type, "image/png");
    assert_string_equal(row.info_json,
                        "{\"shape\":[20,40,1],\"width\":40,\"height\":20,\"channels\":1,"
                        "\"bits_per_channel\":8,\"warnings\":[]}");
    mem_free(row.info_json);
    mem_free(question);
    mem_free(answer);
    answer = NULL;
    struct buffer preview = {0};
    question = codec_inspect_question("image", "image/png", 16);
    assert_int_equal(job_inspect_answer(question, png.data, png.size, &answer, NULL), STATUS_OK);
    assert_int_equal(codec_inspect_preview(answer, &preview.data, &preview.size, NULL), STATUS_OK);
    struct image_file_facts facts;
    struct image small = decode(&preview, &facts);
    assert_int_equal(small.width, 16);
    assert_int_equal(small.height, 8);
    image_deinit(&small);
    mem_free(preview.data);
    mem_free(question);
    mem_free(answer);
    buffer_deinit(&png);
}

static void inspect_warns_of_values_that_psnr_clips(void **state)
{
    (void)state;
    static const float values[2] = {-1.5f, 0.5f};
    static const size_t shape[2] = {1, 2};
    struct buffer npy;
    char *answer = NULL;
    buffer_init(&npy, MAX_BYTES);
    assert_int_equal(npy_encode_floats(values, shape, 2, &npy, NULL), STATUS_OK);
    assert_int_equal(job_inspect_answer("{\"kind\":\"image\"}", npy.data, npy.size, &answer, NULL),
                     STATUS_OK);
    assert_non_null(strstr(answer, "[-1.5, 0.5]"));
    mem_free(answer);
    buffer_deinit(&npy);
}

static void answers_that_are_not_complete_are_internal_errors(void **state)
{
    (void)state;
    static const char long_kind[] =
        "{\"kind\":\"a kind that is far too long\",\"media_type\":\"x\",\"info\":{}}";
    static const char *const answers[] = {"", "{}", "{\"kind\":\"image\",\"media_type\":\"x\"}",
                                          long_kind};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct dataset_row row = {0};
        uint8_t *png = NULL;
        size_t n;
        assert_int_equal(codec_inspect_answer(answers[i], &row, NULL), STATUS_INTERNAL);
        assert_null(row.info_json);
        assert_int_equal(codec_inspect_preview(answers[i], &png, &n, NULL), STATUS_INTERNAL);
    }
    uint8_t *png = NULL;
    size_t n;
    assert_int_equal(codec_inspect_preview("{\"preview_png_base64\":\"@@@@\"}", &png, &n, NULL),
                     STATUS_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_told_by_their_bytes),
        cmocka_unit_test(npy_needs_its_kind),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(previews_keep_aspect_and_mean),
        cmocka_unit_test(inspect_answers_what_the_bytes_are),
        cmocka_unit_test(inspect_warns_of_values_that_psnr_clips),
        cmocka_unit_test(answers_that_are_not_complete_are_internal_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
