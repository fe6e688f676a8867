#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "core/base/buffer.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/png.h"
#include "tests/support/alloc.h"

enum { MAX_BYTES = 1 << 20 };

/* --- PNG files put together by hand --- */

static void put(struct buffer *b, const void *bytes, size_t n)
{
    assert_int_equal(buffer_append(b, bytes, n, NULL), STATUS_OK);
}

static void put_u32(struct buffer *b, size_t v)
{
    uint8_t bytes[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put(b, bytes, sizeof bytes);
}

static void put_chunk(struct buffer *b, const char *type, const void *bytes, size_t n)
{
    put_u32(b, n);
    size_t start = b->size;
    put(b, type, 4);
    put(b, bytes, n);
    put_u32(b, crc32(0, b->data + start, (uInt)(b->size - start)));
}

struct header {
    size_t width, height;
    uint8_t depth, color, interlace;
};

static void put_start(struct buffer *b, const struct header *h)
{
    uint8_t size[8] = {(uint8_t)(h->width >> 24),  (uint8_t)(h->width >> 16),
                       (uint8_t)(h->width >> 8),   (uint8_t)h->width,
                       (uint8_t)(h->height >> 24), (uint8_t)(h->height >> 16),
                       (uint8_t)(h->height >> 8),  (uint8_t)h->height};
    uint8_t ihdr[13] = {0};
    memcpy(ihdr, size, sizeof size);
    ihdr[8] = h->depth;
    ihdr[9] = h->color;
    ihdr[12] = h->interlace;
    buffer_init(b, MAX_BYTES);
    put(b, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(b, "IHDR", ihdr, sizeof ihdr);
}

/* rows: as filtered, each with its filter byte. */
static void put_end(struct buffer *b, const void *rows, size_t n)
{
    uint8_t packed[4096];
    uLongf n_packed = sizeof packed;
    assert_int_equal(compress(packed, &n_packed, rows, n), Z_OK);
    put_chunk(b, "IDAT", packed, n_packed);
    put_chunk(b, "IEND", "", 0);
}

static void make_ramp(uint8_t *pixels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)(i * 7 + i / 11);
}

/* --- */

static void png_round_trips_every_channel_count_and_effort(void **state)
{
    (void)state;
    enum { W = 37, H = 23 };
    uint8_t pixels[W * H * 4];
    make_ramp(pixels, sizeof pixels);
    for (size_t channels = 1; channels <= 4; channels++)
        for (int effort = PNG_FAST; effort <= PNG_SMALL; effort++) {
            struct buffer file;
            struct image image;
            unsigned bits = 0;
            buffer_init(&file, MAX_BYTES);
            assert_int_equal(
                png_encode(pixels, W, H, channels, (enum png_effort)effort, &file, NULL),
                STATUS_OK);
            assert_int_equal(png_decode(file.data, file.size, &image, &bits, NULL), STATUS_OK);
            assert_int_equal(image.width, W);
            assert_int_equal(image.height, H);
            assert_int_equal(image.channels, channels);
            assert_int_equal(bits, 8);
            for (size_t i = 0; i < W * H * channels; i++)
                assert_true(image_value(&image, i) == (float)pixels[i] / 255.0f);
            image_deinit(&image);
            buffer_deinit(&file);
        }
}

/* A white page of 256 x 256: below a hundredth of its pixels, at either effort. */
static void png_of_a_flat_picture_is_small(void **state)
{
    (void)state;
    enum { SIDE = 256, N = SIDE * SIDE * 3 };
    static uint8_t pixels[N];
    memset(pixels, 255, sizeof pixels);
    for (int effort = PNG_FAST; effort <= PNG_SMALL; effort++) {
        struct buffer file;
        buffer_init(&file, MAX_BYTES);
        assert_int_equal(png_encode(pixels, SIDE, SIDE, 3, (enum png_effort)effort, &file, NULL),
                         STATUS_OK);
        assert_in_range(file.size, 1, N / 100);
        buffer_deinit(&file);
    }
}

static void png_keeps_16_bits_at_full_precision(void **state)
{
    (void)state;
    struct buffer file;
    struct image image;
    unsigned bits;
    static const uint8_t rows[] = {0, 0x00, 0x00, 0x00, 0x01, 0x12, 0x34, 0xff, 0xff};
    put_start(&file, &(struct header){4, 1, 16, 0, 0});
    put_end(&file, rows, sizeof rows);
    assert_int_equal(png_decode(file.data, file.size, &image, &bits, NULL), STATUS_OK);
    assert_int_equal(bits, 16);
    assert_int_equal(image.channels, 1);
    assert_true(image_value(&image, 0) == 0.0f);
    assert_true(image_value(&image, 1) == 1.0f / 65535.0f);
    assert_true(image_value(&image, 2) == 4660.0f / 65535.0f);
    assert_true(image_value(&image, 3) == 1.0f);
    image_deinit(&image);
    buffer_deinit(&file);
}

static void png_scales_low_depths_to_their_range(void **state)
{
    (void)state;
    static const struct {
        uint8_t depth, row[2];
        float first, second;
    } cases[] = {
        {1, {0, 0x40}, 0.0f, 1.0f},
        {2, {0, 0x60}, 1.0f / 3, 2.0f / 3},
        {4, {0, 0x3c}, 3.0f / 15, 12.0f / 15},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        struct image image;
        put_start(&file, &(struct header){2, 1, cases[i].depth, 0, 0});
        put_end(&file, cases[i].row, 2);
        assert_int_equal(png_decode(file.data, file.size, &image, NULL, NULL), STATUS_OK);
        assert_true(image_value(&image, 0) == cases[i].first);
        assert_true(image_value(&image, 1) == cases[i].second);
        image_deinit(&image);
        buffer_deinit(&file);
    }
}

static void png_expands_palette_and_gives_alpha_only_where_there_is_transparency(void **state)
{
    (void)state;
    static const uint8_t palette[] = {255, 0, 0, 0, 255, 0};
    static const uint8_t rows[] = {0, 0, 1};
    for (size_t with_alpha = 0; with_alpha <= 1; with_alpha++) {
        struct buffer file;
        struct image image;
        put_start(&file, &(struct header){2, 1, 8, 3, 0});
        put_chunk(&file, "PLTE", palette, sizeof palette);
        if (with_alpha)
            put_chunk(&file, "tRNS", "\x33", 1);
        put_end(&file, rows, sizeof rows);
        assert_int_equal(png_decode(file.data, file.size, &image, NULL, NULL), STATUS_OK);
        assert_int_equal(image.channels, 3 + with_alpha);
        float second[4];
        image_read(&image, image.channels, image.channels, second);
        assert_true(image_value(&image, 0) == 1.0f && image_value(&image, 1) == 0.0f);
        assert_true(second[0] == 0.0f && second[1] == 1.0f);
        if (with_alpha)
            assert_true(image_value(&image, 3) == 51.0f / 255.0f && second[3] == 1.0f);
        image_deinit(&image);
        buffer_deinit(&file);
    }
}

static void png_rejects_size_beyond_limit(void **state)
{
    (void)state;
    static const struct {
        size_t width, height;
        enum status status;
    } cases[] = {
        {LIMIT_IMAGE_SIDE + 1, 1, STATUS_TOO_LARGE},
        {1, LIMIT_IMAGE_SIDE + 1, STATUS_TOO_LARGE},
        {8193, 8192, STATUS_TOO_LARGE},
        {65535, 65535, STATUS_TOO_LARGE},
        {0x7fffffff, 0x7fffffff, STATUS_TOO_LARGE},
        {0x80000000, 1, STATUS_INVALID},
        {0xffffffff, 0xffffffff, STATUS_INVALID},
        {0, 5, STATUS_INVALID},
        {5, 0, STATUS_INVALID},
        {8192, 8192, STATUS_INVALID}, /* within the limit, but not in these few bytes */
    };
    static const uint8_t rows[] = {0, 0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        struct image image = {0};
        struct error err = {.status = STATUS_OK};
        put_start(&file, &(struct header){cases[i].width, cases[i].height, 8, 6, 0});
        put_end(&file, rows, sizeof rows);
        assert_int_equal(png_decode(file.data, file.size, &image, NULL, &err), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_true(err.message[0] != '\0');
        assert_null(image.samples);
        buffer_deinit(&file);
    }
}

static void make_small(struct buffer *file)
{
    uint8_t pixels[9 * 8 * 3];
    make_ramp(pixels, sizeof pixels);
    buffer_init(file, MAX_BYTES);
    assert_int_equal(png_encode(pixels, 9, 8, 3, PNG_SMALL, file, NULL), STATUS_OK);
}

static void png_rejects_a_file_cut_at_any_byte(void **state)
{
    (void)state;
    struct buffer file;
    make_small(&file);
    for (size_t n = 0; n < file.size; n++) {
        struct image image = {0};
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, file.data, n);
        struct image_facts facts;
        assert_int_equal(png_decode(cut, n, &image, NULL, NULL), STATUS_INVALID);
        assert_int_equal(png_check(cut, n, &facts, NULL), STATUS_INVALID);
        assert_null(image.samples);
        free(cut);
    }
    buffer_deinit(&file);
}

static void png_rejects_a_change_of_any_byte(void **state)
{
    (void)state;
    struct buffer file;
    make_small(&file);
    for (size_t i = 0; i < file.size; i++) {
        struct image image = {0};
        file.data[i] ^= 0x10;
        enum status status = png_decode(file.data, file.size, &image, NULL, NULL);
        struct image_facts facts;
        assert_true(status == STATUS_INVALID || status == STATUS_TOO_LARGE);
        assert_int_equal(png_check(file.data, file.size, &facts, NULL), status);
        assert_null(image.samples);
        file.data[i] ^= 0x10;
    }
    buffer_deinit(&file);
}

static void png_rejects_what_is_broken(void **state)
{
    (void)state;
    static const uint8_t rows[] = {0, 1, 2, 3, 0, 4, 5, 6}, bad_filter[] = {9, 1, 2, 3, 0, 4, 5, 6};
    static const struct {
        const char *fault;
        struct header header;
        const uint8_t *rows;
        size_t n_rows;
    } cases[] = {
        {"depth 3", {3, 2, 3, 0, 0}, rows, 8},
        {"colour type 1", {3, 2, 8, 1, 0}, rows, 8},
        {"RGB of 4 bits", {1, 2, 4, 2, 0}, rows, 8},
        {"interlace 2", {3, 2, 8, 0, 2}, rows, 8},
        {"palette missing", {3, 2, 8, 3, 0}, rows, 8},
        {"a row missing", {3, 2, 8, 0, 0}, rows, 4},
        {"unknown filter", {3, 2, 8, 0, 0}, bad_filter, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        struct image image = {0};
        put_start(&file, &cases[i].header);
        put_end(&file, cases[i].rows, cases[i].n_rows);
        if (png_decode(file.data, file.size, &image, NULL, NULL) != STATUS_INVALID)
            fail_msg("%s was not refused", cases[i].fault);
        assert_null(image.samples);
        buffer_deinit(&file);
    }
}

static void png_ignores_remarks_and_bytes_after_the_end(void **state)
{
    (void)state;
    static const uint8_t rows[] = {0, 1, 2, 3};
    struct buffer file;
    struct image image;
    put_start(&file, &(struct header){3, 1, 8, 0, 0});
    put_chunk(&file, "gAMA", "\0\0\x27\x10", 4);
    put_chunk(&file, "tEXt", "Title", 5);
    put_end(&file, rows, sizeof rows);
    put(&file, "anything", 8);
    assert_int_equal(png_decode(file.data, file.size, &image, NULL, NULL), STATUS_OK);
    assert_true(image_value(&image, 2) == 3.0f / 255.0f);
    image_deinit(&image);
    buffer_deinit(&file);
}

static void png_turns_as_its_exif_block_says(void **state)
{
    (void)state;
    static const uint8_t turn_right[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0,
                                         3,   0,   0, 0,   1, 0, 6, 0, 0, 0, 0,    0,    0};
    static const uint8_t rows[] = {0, 1, 2, 3, 0, 4, 5, 6};
    static const uint8_t expected[] = {4, 1, 5, 2, 6, 3};
    struct buffer file;
    struct image image;
    put_start(&file, &(struct header){3, 2, 8, 0, 0});
    put_chunk(&file, "eXIf", turn_right, sizeof turn_right);
    put_end(&file, rows, sizeof rows);
    assert_int_equal(png_decode(file.data, file.size, &image, NULL, NULL), STATUS_OK);
    assert_int_equal(image.width, 2);
    assert_int_equal(image.height, 3);
    for (size_t i = 0; i < 6; i++)
        assert_true(image_value(&image, i) == (float)expected[i] / 255.0f);
    image_deinit(&image);
    buffer_deinit(&file);
}

/* Found by fuzzing: libpng allocates the length that an eXIf chunk claims. */
static void png_refuses_a_remark_that_claims_more_than_the_file(void **state)
{
    (void)state;
    static const uint8_t claim[] = {0x20, 0x02, 0x03, 0xd2, 'e', 'X', 'I', 'f', 'M', 0};
    struct buffer file;
    struct image image = {0};
    put_start(&file, &(struct header){3, 2, 8, 0, 0});
    put(&file, claim, sizeof claim);
    assert_int_equal(png_decode(file.data, file.size, &image, NULL, NULL), STATUS_INVALID);
    assert_null(image.samples);
    buffer_deinit(&file);
}

/* A remark before the pixels whose checksum is wrong. */
static void a_wrong_checksum_counts_where_values_depend_on_it(void **state)
{
    (void)state;
    static const uint8_t rows[] = {0, 1, 2, 3};
    static const uint8_t turn_over[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3,
                                        0,   1,   0,   0, 0, 3, 0, 0, 0, 0, 0,    0,    0};
    uint8_t packed[64] = "Comment\0", torn[64];
    uLongf n_packed = sizeof packed - 9;
    assert_int_equal(compress(packed + 9, &n_packed, rows, sizeof rows), Z_OK);
    n_packed += 9;
    memcpy(torn, packed, sizeof torn);
    torn[n_packed - 1] ^= 1;
    const struct {
        const char *type;
        const void *body;
        size_t n;
        enum status status;
    } cases[] = {
        {"tEXt", "Title", 5, STATUS_OK},
        {"cLLI", "12345678", 8, STATUS_OK},
        {"zTXt", packed, n_packed, STATUS_OK},
        {"iCCP", packed, n_packed, STATUS_OK},
        {"zTXt", torn, n_packed, STATUS_INVALID},
        {"iCCP", torn, n_packed, STATUS_INVALID},
        {"iCCP", packed, n_packed - 4, STATUS_INVALID},
        {"iCCP", packed, 8, STATUS_INVALID},
        {"iCCP", "", 0, STATUS_INVALID},
        {"tRNS", "\0\1", 2, STATUS_INVALID},
        {"eXIf", turn_over, sizeof turn_over, STATUS_INVALID},
        {"tEST", "", 0, STATUS_OK},      /* nobody knows it */
        {"TEST", "", 0, STATUS_INVALID}, /* nor this one, which calls itself critical */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        struct image image = {0};
        struct image_facts facts;
        put_start(&file, &(struct header){3, 1, 8, 0, 0});
        put_chunk(&file, cases[i].type, cases[i].body, cases[i].n);
        file.data[file.size - 1] ^= 1; /* its CRC */
        put_end(&file, rows, sizeof rows);
        if (png_decode(file.data, file.size, &image, NULL, NULL) != cases[i].status)
            fail_msg("%s (%zu) did not end as expected", cases[i].type, i);
        assert_int_equal(png_check(file.data, file.size, &facts, NULL), cases[i].status);
        image_deinit(&image);
        buffer_deinit(&file);
    }
}

/* Rows that inflate to far more than the header asks for: libpng would inflate all of it. */
static void png_refuses_data_that_goes_on_after_the_last_row(void **state)
{
    (void)state;
    enum { MORE = 128 << 20 };
    static const uint8_t zeros[1 << 16];
    struct buffer packed, file;
    struct image image = {0};
    struct image_facts facts;
    uint8_t block[1 << 16];
    z_stream z = {0};
    buffer_init(&packed, MAX_BYTES);
    assert_int_equal(deflateInit(&z, 9), Z_OK);
    for (size_t n = 0; n < MORE; n += sizeof zeros) {
        z.next_in = (Bytef *)(uintptr_t)zeros;
        z.avail_in = sizeof zeros;
        z.next_out = block;
        z.avail_out = sizeof block;
        assert_int_equal(deflate(&z, n + sizeof zeros < MORE ? Z_NO_FLUSH : Z_FINISH),
                         n + sizeof zeros < MORE ? Z_OK : Z_STREAM_END);
        put(&packed, block, sizeof block - z.avail_out);
    }
    deflateEnd(&z);
    assert_true(packed.size > 3 << 15);
    for (uint8_t interlace = 0; interlace <= 1; interlace++) {
        put_start(&file, &(struct header){3, 2, 8, 0, interlace});
        put_chunk(&file, "IDAT", packed.data, packed.size);
        put_chunk(&file, "IEND", "", 0);
        assert_int_equal(png_decode(file.data, file.size, &image, NULL, NULL), STATUS_INVALID);
        assert_int_equal(png_check(file.data, file.size, &facts, NULL), STATUS_INVALID);
        assert_null(image.samples);
        buffer_deinit(&file);
    }
    buffer_deinit(&packed);
}

static void png_check_finds_the_facts_of_the_upright_picture(void **state)
{
    (void)state;
    static const uint8_t turn_right[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0,
                                         3,   0,   0, 0,   1, 0, 6, 0, 0, 0, 0,    0,    0};
    static const uint8_t rows[2 * (1 + 3 * 2 * 2)];
    struct buffer file;
    struct image_facts facts;
    put_start(&file, &(struct header){3, 2, 16, 4, 0});
    put_chunk(&file, "eXIf", turn_right, sizeof turn_right);
    put_end(&file, rows, sizeof rows);
    assert_int_equal(png_check(file.data, file.size, &facts, NULL), STATUS_OK);
    assert_int_equal(facts.width, 2);
    assert_int_equal(facts.height, 3);
    assert_int_equal(facts.channels, 2);
    assert_int_equal(facts.bits_per_channel, 16);
    assert_true(facts.low == 0.0f && facts.high == 1.0f);
    buffer_deinit(&file);
}

static void png_encode_refuses_shapes_that_no_png_has(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, channels;
        enum status status;
    } cases[] = {
        {0, 1, 1, STATUS_INVALID},
        {1, 0, 1, STATUS_INVALID},
        {1, 1, 0, STATUS_INVALID},
        {1, 1, 5, STATUS_INVALID},
        {LIMIT_IMAGE_SIDE + 1, 1, 1, STATUS_TOO_LARGE},
    };
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(png_encode((const uint8_t *)"", cases[i].width, cases[i].height,
                                    cases[i].channels, PNG_FAST, &file, NULL),
                         cases[i].status);
    assert_int_equal(file.size, 0);
}

static void png_encode_leaves_a_full_buffer_as_it_was(void **state)
{
    (void)state;
    uint8_t pixels[64 * 64];
    struct buffer file;
    struct error err = {.status = STATUS_OK};
    make_ramp(pixels, sizeof pixels);
    buffer_init(&file, 60);
    put(&file, "keep", 4);
    assert_int_equal(png_encode(pixels, 64, 64, 1, PNG_FAST, &file, &err), STATUS_TOO_LARGE);
    assert_int_equal(err.status, STATUS_TOO_LARGE);
    assert_int_equal(file.size, 4);
    assert_memory_equal(file.data, "keep", 4);
    buffer_deinit(&file);
}

static enum status encode_once(void *context, struct error *err)
{
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    enum status status = png_encode(context, 16, 16, 3, PNG_SMALL, &file, err);
    assert_true(status == STATUS_OK || file.size == 0);
    buffer_deinit(&file);
    return status;
}

static enum status decode_once(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct image image = {0};
    enum status status = png_decode(file->data, file->size, &image, NULL, err);
    assert_true(status == STATUS_OK || image.samples == NULL);
    image_deinit(&image);
    return status;
}

static enum status check_once(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct image_facts facts;
    return png_check(file->data, file->size, &facts, err);
}

static void png_survives_every_failing_allocation(void **state)
{
    (void)state;
    static const uint8_t turn_over[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3,
                                        0,   1,   0,   0, 0, 3, 0, 0, 0, 0, 0,    0,    0};
    static const uint8_t rows[] = {0, 1, 2, 3};
    uint8_t pixels[16 * 16 * 3];
    struct buffer file;
    make_ramp(pixels, sizeof pixels);
    assert_true(alloc_fail_each(encode_once, pixels) > 4);
    put_start(&file, &(struct header){3, 1, 8, 0, 0});
    put_chunk(&file, "eXIf", turn_over, sizeof turn_over);
    put_end(&file, rows, sizeof rows);
    assert_true(alloc_fail_each(decode_once, &file) > 4);
    assert_true(alloc_fail_each(check_once, &file) > 4);
    buffer_deinit(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_round_trips_every_channel_count_and_effort),
        cmocka_unit_test(png_of_a_flat_picture_is_small),
        cmocka_unit_test(png_keeps_16_bits_at_full_precision),
        cmocka_unit_test(png_scales_low_depths_to_their_range),
        cmocka_unit_test(png_expands_palette_and_gives_alpha_only_where_there_is_transparency),
        cmocka_unit_test(png_rejects_size_beyond_limit),
        cmocka_unit_test(png_rejects_a_file_cut_at_any_byte),
        cmocka_unit_test(png_rejects_a_change_of_any_byte),
        cmocka_unit_test(png_rejects_what_is_broken),
        cmocka_unit_test(png_ignores_remarks_and_bytes_after_the_end),
        cmocka_unit_test(png_turns_as_its_exif_block_says),
        cmocka_unit_test(png_refuses_a_remark_that_claims_more_than_the_file),
        cmocka_unit_test(a_wrong_checksum_counts_where_values_depend_on_it),
        cmocka_unit_test(png_refuses_data_that_goes_on_after_the_last_row),
        cmocka_unit_test(png_check_finds_the_facts_of_the_upright_picture),
        cmocka_unit_test(png_encode_refuses_shapes_that_no_png_has),
        cmocka_unit_test(png_encode_leaves_a_full_buffer_as_it_was),
        cmocka_unit_test(png_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
