#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "core/base/buffer.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/jpeg.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"

enum { MAX_BYTES = 1 << 20, W = 48, H = 32 };

/* A smooth ramp: what JPEG keeps well. */
static void make_ramp(uint8_t *pixels, size_t channels)
{
    for (size_t y = 0; y < H; y++)
        for (size_t x = 0; x < W; x++)
            for (size_t c = 0; c < channels; c++)
                pixels[(y * W + x) * channels + c] = (uint8_t)(x * 3 + y * (c + 1));
}

static void make_file(struct buffer *file, size_t channels)
{
    uint8_t pixels[W * H * 3];
    make_ramp(pixels, channels);
    buffer_init(file, MAX_BYTES);
    assert_int_equal(jpeg_encode(pixels, W, H, channels, 95, file, NULL), STATUS_OK);
}

/* By libjpeg itself: components 4 is CMYK; n_scans > 0 makes a progressive file of that many. */
static uint8_t *make_odd(int components, int n_scans, size_t *n)
{
    static jpeg_scan_info scans[64];
    static const uint8_t row[16 * 4];
    struct jpeg_compress_struct j = {0};
    struct jpeg_error_mgr e;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &bytes, &size);
    j.image_width = j.image_height = 16;
    j.input_components = components;
    j.in_color_space = components == 4 ? JCS_CMYK : JCS_GRAYSCALE;
    jpeg_set_defaults(&j);
    if (n_scans > 0) { /* the constant term, then one coefficient in each scan */
        for (int i = 0; i < n_scans; i++)
            scans[i] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = i};
        j.scan_info = scans;
        j.num_scans = n_scans;
    }
    jpeg_start_compress(&j, TRUE);
    while (j.next_scanline < j.image_height) {
        JSAMPROW line = (JSAMPROW)(uintptr_t)row;
        jpeg_write_scanlines(&j, &line, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    *n = size;
    return bytes;
}

/* Where the frame header's height stands (then width, components). */
static size_t find_frame(const struct buffer *file)
{
    for (size_t i = 0; i + 9 < file->size; i++)
        if (file->data[i] == 0xFF && file->data[i + 1] == 0xC0)
            return i + 5;
    fail_msg("no frame header");
    return 0;
}

/* --- */

static void jpeg_round_trips_grey_and_colour(void **state)
{
    (void)state;
    for (size_t channels = 1; channels <= 3; channels += 2) {
        uint8_t pixels[W * H * 3];
        struct buffer file;
        struct image image;
        make_ramp(pixels, channels);
        make_file(&file, channels);
        assert_int_equal(jpeg_decode(file.data, file.size, &image, NULL), STATUS_OK);
        assert_int_equal(image.width, W);
        assert_int_equal(image.height, H);
        assert_int_equal(image.channels, channels);
        double sum = 0;
        for (size_t i = 0; i < W * H * channels; i++) {
            double d = (double)image_value(&image, i) - pixels[i] / 255.0;
            sum += d * d;
        }
        assert_true(sum / (double)(W * H * channels) < 1e-4); /* 40 dB */
        image_deinit(&image);
        buffer_deinit(&file);
    }
}

static void jpeg_refuses_cmyk(void **state)
{
    (void)state;
    size_t n;
    struct image image;
    uint8_t *bytes = make_odd(4, 0, &n);
    assert_int_equal(jpeg_decode(bytes, n, &image, NULL), STATUS_UNSUPPORTED);
    free(bytes);
}

/* 64 scans pass; the same bytes with one scan repeated beyond the limit do not. */
static void jpeg_limits_progressive_scans(void **state)
{
    (void)state;
    size_t n;
    struct image image;
    struct error err = {.status = STATUS_OK};
    uint8_t *bytes = make_odd(1, 64, &n);
    assert_int_equal(jpeg_decode(bytes, n, &image, NULL), STATUS_OK);
    image_deinit(&image);

    size_t last = n - 2; /* EOI */
    size_t scan = last;
    while (bytes[scan] != 0xFF || bytes[scan + 1] != 0xDA)
        scan--;
    const size_t n_scan = last - scan, n_more = LIMIT_JPEG_SCANS;
    uint8_t *many = malloc(n + n_scan * n_more);
    assert_non_null(many);
    memcpy(many, bytes, last);
    for (size_t i = 0; i < n_more; i++)
        memcpy(many + last + i * n_scan, bytes + scan, n_scan);
    memcpy(many + last + n_more * n_scan, bytes + last, 2);
    assert_int_not_equal(jpeg_decode(many, n + n_scan * n_more, &image, &err), STATUS_OK);
    assert_int_equal(err.status, STATUS_TOO_LARGE);
    free(many);
    free(bytes);
}

/* The header alone decides: its picture need not be there. */
static void jpeg_limits_what_progressive_files_keep_in_memory(void **state)
{
    (void)state;
    static const struct {
        uint8_t sampling; /* of the first component */
        uint16_t width, height;
        enum status status;
    } cases[] = {
        {0x11, 8192, 8192, STATUS_TOO_LARGE}, /* 384 MiB */
        {0x22, 8192, 8192, STATUS_INVALID},   /* 192 MiB: cut short only */
        {0x11, 5700, 5700, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint16_t w = cases[i].width, h = cases[i].height;
        uint8_t bytes[32 << 10] = {0xFF, 0xD8, 0xFF, 0xC2, 0, 17, 8, (uint8_t)(h >> 8), (uint8_t)h,
                                   (uint8_t)(w >> 8), (uint8_t)w, 3, 1, cases[i].sampling, 0, 2,
                                   0x11, 0, 3, 0x11, 0,
                                   /* the first scan: the constant term of all three */
                                   0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0};
        struct image_facts facts;
        assert_int_equal(jpeg_check(bytes, sizeof bytes, &facts, NULL), cases[i].status);
    }
}

/* An EXIF segment of a given orientation after SOI, which is all that changes. */
static void put_oriented(struct buffer *out, const struct buffer *file, uint8_t orientation)
{
    uint8_t segment[] = {0xFF, 0xE1, 0, 34, 'E', 'x',         'i', 'f', 0, 0,    'M', 'M',
                         0,    '*',  0, 0,  0,   8,           0,   1,   1, 0x12, 0,   3,
                         0,    0,    0, 1,  0,   orientation, 0,   0,   0, 0,    0,   0};
    buffer_init(out, MAX_BYTES);
    assert_int_equal(buffer_append(out, file->data, 2, NULL), STATUS_OK);
    assert_int_equal(buffer_append(out, segment, sizeof segment, NULL), STATUS_OK);
    assert_int_equal(buffer_append(out, file->data + 2, file->size - 2, NULL), STATUS_OK);
}

static void jpeg_turns_pictures_upright_by_their_exif_orientation(void **state)
{
    (void)state;
    /* Corners of the stored picture: 0 top left, 1 top right, 2 bottom left, 3 bottom right; which
     * of them stands in each corner of the upright one. */
    static const uint8_t corners[9][4] = {{0},          {0, 1, 2, 3}, {1, 0, 3, 2},
                                          {3, 2, 1, 0}, {2, 3, 0, 1}, {0, 2, 1, 3},
                                          {2, 0, 3, 1}, {3, 1, 2, 0}, {1, 3, 0, 2}};
    struct buffer file;
    struct image stored;
    make_file(&file, 3);
    assert_int_equal(jpeg_decode(file.data, file.size, &stored, NULL), STATUS_OK);
    const size_t at[] = {0, W - 1, (H - 1) * W, H * W - 1};
    for (uint8_t orientation = 1; orientation <= 8; orientation++) {
        struct buffer turned;
        struct image image;
        put_oriented(&turned, &file, orientation);
        assert_int_equal(jpeg_decode(turned.data, turned.size, &image, NULL), STATUS_OK);
        const size_t w = image.width, h = image.height;
        assert_int_equal(w, orientation < 5 ? W : H);
        assert_int_equal(h, orientation < 5 ? H : W);
        const size_t upright_at[] = {0, w - 1, (h - 1) * w, h * w - 1};
        for (size_t i = 0; i < 4; i++)
            assert_memory_equal(image.u8 + 3 * upright_at[i],
                                stored.u8 + 3 * at[corners[orientation][i]], 3);
        image_deinit(&image);
        buffer_deinit(&turned);
    }
    image_deinit(&stored);
    buffer_deinit(&file);
}

static void jpeg_rejects_sizes_by_their_header(void **state)
{
    (void)state;
    static const struct {
        uint8_t height[2], width[2];
        enum status status;
    } cases[] = {
        {{0xFF, 0xDC}, {0xFF, 0xDC}, STATUS_TOO_LARGE}, /* 65,500, the most of libjpeg */
        {{0xFF, 0xFF}, {0xFF, 0xFF}, STATUS_TOO_LARGE},
        {{0x20, 0x01}, {0x20, 0x00}, STATUS_TOO_LARGE}, /* 8,193 x 8,192 */
        {{0x20, 0x00}, {0x20, 0x00}, STATUS_INVALID},   /* not in so few bytes */
        {{0x00, 0x00}, {0x00, 0x10}, STATUS_INVALID},
        {{0x00, 0x10}, {0x00, 0x00}, STATUS_INVALID},
    };
    struct buffer file;
    make_file(&file, 3);
    const size_t frame = find_frame(&file);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image image = {0};
        struct image_facts facts;
        memcpy(file.data + frame, cases[i].height, 2);
        memcpy(file.data + frame + 2, cases[i].width, 2);
        assert_int_equal(jpeg_decode(file.data, file.size, &image, NULL), cases[i].status);
        assert_int_equal(jpeg_check(file.data, file.size, &facts, NULL), cases[i].status);
        assert_null(image.samples);
    }
    buffer_deinit(&file);
}

static void jpeg_rejects_a_file_cut_at_any_byte(void **state)
{
    (void)state;
    struct buffer file;
    make_file(&file, 3);
    for (size_t n = 0; n < file.size; n++) {
        struct image image = {0};
        struct error err = {.status = STATUS_OK};
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, file.data, n);
        struct image_facts facts;
        assert_int_equal(jpeg_check(cut, n, &facts, NULL), STATUS_INVALID);
        assert_int_equal(jpeg_decode(cut, n, &image, &err), STATUS_INVALID);
        assert_true(err.message[0] != '\0');
        assert_null(image.samples);
        free(cut);
    }
    buffer_deinit(&file);
}

static void count_survivor(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    size_t *n_decoded = context;
    struct image image = {0};
    struct error err = {.status = STATUS_OK};
    struct image_facts facts = {0};
    enum status status = jpeg_decode(bytes, n, &image, &err);
    if ((status == STATUS_OK) != (image.samples != NULL) || err.status != status ||
        jpeg_check(bytes, n, &facts, NULL) != status || facts.width != image.width ||
        facts.height != image.height || facts.channels != image.channels)
        fail_msg("%s: '%s' without agreeing with its result", name, status_name(status));
    *n_decoded += status == STATUS_OK;
    image_deinit(&image);
}

static void jpeg_survives_damaged_files_of_others(void **state)
{
    (void)state;
    size_t n_decoded = 0;
    char *folder = data_path("bad/jpeg");
    if (!folder)
        skip();
    assert_int_equal(folder_each(folder, count_survivor, &n_decoded), 106);
    assert_true(n_decoded < 106);
    free(folder);
}

static void jpeg_decodes_real_photos(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum status status;
    } files[] = {
        {"images/albert.jpg", STATUS_OK},
        {"bad/made/jpeg_cut.jpg", STATUS_INVALID},
        {"bad/made/jpeg_header_only.jpg", STATUS_INVALID},
        {"bad/made/empty.jpg", STATUS_INVALID},
        {"bad/made/wrong_extension_good_jpeg.png", STATUS_OK},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n;
        struct image image = {0};
        char *path = data_path(files[i].name);
        if (!path)
            skip();
        uint8_t *bytes = file_read(path, &n);
        if (jpeg_decode(bytes, n, &image, NULL) != files[i].status)
            fail_msg("%s did not end as expected", files[i].name);
        image_deinit(&image);
        free(bytes);
        free(path);
    }
}

static void jpeg_encode_refuses_what_it_cannot_write(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, channels;
        int quality;
        enum status status;
    } cases[] = {
        {1, 1, 2, 90, STATUS_UNSUPPORTED},   {1, 1, 4, 90, STATUS_UNSUPPORTED},
        {0, 1, 3, 90, STATUS_INVALID},       {1, 0, 3, 90, STATUS_INVALID},
        {1, 1, 3, 0, STATUS_INVALID},        {1, 1, 3, 101, STATUS_INVALID},
        {65501, 1, 3, 90, STATUS_TOO_LARGE},
    };
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(jpeg_encode((const uint8_t *)"abc", cases[i].width, cases[i].height,
                                     cases[i].channels, cases[i].quality, &file, NULL),
                         cases[i].status);
    assert_int_equal(file.size, 0);
}

static void jpeg_encode_leaves_a_full_buffer_as_it_was(void **state)
{
    (void)state;
    uint8_t pixels[W * H * 3];
    struct buffer file;
    make_ramp(pixels, 3);
    buffer_init(&file, 100);
    assert_int_equal(buffer_append(&file, "keep", 4, NULL), STATUS_OK);
    assert_int_equal(jpeg_encode(pixels, W, H, 3, 90, &file, NULL), STATUS_TOO_LARGE);
    assert_int_equal(file.size, 4);
    buffer_deinit(&file);
}

static enum status encode_once(void *context, struct error *err)
{
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    enum status status = jpeg_encode(context, W, H, 3, 90, &file, err);
    buffer_deinit(&file);
    return status;
}

static enum status decode_once(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct image image = {0};
    enum status status = jpeg_decode(file->data, file->size, &image, err);
    image_deinit(&image);
    return status;
}

static enum status check_once(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct image_facts facts;
    return jpeg_check(file->data, file->size, &facts, err);
}

static void jpeg_survives_every_failing_allocation(void **state)
{
    (void)state;
    uint8_t pixels[W * H * 3];
    struct buffer file;
    make_ramp(pixels, 3);
    assert_true(alloc_fail_each(encode_once, pixels) > 2);
    make_file(&file, 3);
    assert_true(alloc_fail_each(decode_once, &file) > 2);
    assert_true(alloc_fail_each(check_once, &file) > 2);
    buffer_deinit(&file);

    size_t n;
    struct buffer progressive = {0};
    progressive.data = make_odd(1, 10, &n);
    progressive.size = n;
    assert_true(alloc_fail_each(decode_once, &progressive) > 2);
    free(progressive.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_round_trips_grey_and_colour),
        cmocka_unit_test(jpeg_refuses_cmyk),
        cmocka_unit_test(jpeg_limits_progressive_scans),
        cmocka_unit_test(jpeg_limits_what_progressive_files_keep_in_memory),
        cmocka_unit_test(jpeg_turns_pictures_upright_by_their_exif_orientation),
        cmocka_unit_test(jpeg_rejects_sizes_by_their_header),
        cmocka_unit_test(jpeg_rejects_a_file_cut_at_any_byte),
        cmocka_unit_test(jpeg_survives_damaged_files_of_others),
        cmocka_unit_test(jpeg_decodes_real_photos),
        cmocka_unit_test(jpeg_encode_refuses_what_it_cannot_write),
        cmocka_unit_test(jpeg_encode_leaves_a_full_buffer_as_it_was),
        cmocka_unit_test(jpeg_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
