#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/jpeg.h"
#include "core/format/png.h"
#include "core/format/view_picture.h"
#include "tests/support/alloc.h"
#include "tests/support/small_scene.h"

static void pictures_become_three_channels_or_four(void **state)
{
    (void)state;
    static const size_t expected[] = {0, 3, 4, 3, 4};
    for (size_t channels = 1; channels <= 4; channels++) {
        struct small_scene s;
        struct image image;
        struct image_facts facts;
        small_scene_init(&s);
        small_scene_picture(&s, "a.png", 5, 4, channels);
        const struct buffer *f = &s.files[0];
        assert_int_equal(view_picture_decode(f->data, f->size, &image, NULL), STATUS_OK);
        assert_int_equal(view_picture_check(f->data, f->size, &facts, NULL), STATUS_OK);
        assert_int_equal(image.channels, expected[channels]);
        assert_int_equal(facts.channels, expected[channels]);
        assert_true(facts.width == 5 && facts.height == 4);
        for (size_t i = 0; i < 20; i++)
            for (size_t c = 0; c < image.channels; c++) {
                const size_t of_file = channels >= 3 ? c : c == 3 ? 1 : 0;
                assert_int_equal(image.u8[i * image.channels + c],
                                 small_scene_value(i % 5, i / 5, of_file));
            }
        image_deinit(&image);
        small_scene_deinit(&s);
    }
}

static void pictures_of_other_formats_are_unsupported(void **state)
{
    (void)state;
    struct image image;
    struct image_facts facts;
    const uint8_t *gif = (const uint8_t *)"GIF89a";
    assert_int_equal(view_picture_decode(gif, 6, &image, NULL), STATUS_UNSUPPORTED);
    assert_int_equal(view_picture_check(gif, 0, &facts, NULL), STATUS_UNSUPPORTED);
}

/* A JPEG that says it lies on its side: the bytes of SOI, an EXIF segment, the rest. */
static struct buffer lying_jpeg(const struct buffer *upright)
{
    static const uint8_t exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,    'M', 'M',
                                   0,    42,   0, 0,  0,   8,   0,   1,   1, 0x12, 0,   3,
                                   0,    0,    0, 1,  0,   6,   0,   0,   0, 0,    0,   0};
    struct buffer b;
    buffer_init(&b, 1 << 20);
    assert_int_equal(buffer_append(&b, upright->data, 2, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&b, exif, sizeof exif, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&b, upright->data + 2, upright->size - 2, NULL), STATUS_OK);
    return b;
}

static void pictures_of_views_are_not_turned_by_exif(void **state)
{
    (void)state;
    struct small_scene s;
    struct image image;
    struct image_facts facts;
    small_scene_init(&s);
    small_scene_picture(&s, "a.jpg", 8, 6, 3);
    struct buffer lying = lying_jpeg(&s.files[0]);
    assert_int_equal(jpeg_check(lying.data, lying.size, &facts, NULL), STATUS_OK);
    assert_true(facts.width == 6 && facts.height == 8); /* as an image, it would be */
    assert_int_equal(view_picture_check(lying.data, lying.size, &facts, NULL), STATUS_OK);
    assert_true(facts.width == 8 && facts.height == 6);
    assert_int_equal(view_picture_decode(lying.data, lying.size, &image, NULL), STATUS_OK);
    assert_true(image.width == 8 && image.height == 6);
    image_deinit(&image);
    buffer_deinit(&lying);
    small_scene_deinit(&s);
}

static void shrinking_means_over_whole_boxes_and_cuts_the_rest(void **state)
{
    (void)state;
    struct image image;
    assert_int_equal(image_create(&image, SAMPLE_U8, 7, 5, 3, NULL), STATUS_OK);
    for (size_t i = 0; i < 7 * 5; i++)
        for (size_t c = 0; c < 3; c++)
            image.u8[i * 3 + c] = (uint8_t)(i % 7 * 10 + i / 7 + c * 3);
    assert_int_equal(view_picture_shrink(&image, 2, NULL), STATUS_OK);
    assert_true(image.width == 3 && image.height == 2);
    for (size_t y = 0; y < 2; y++)
        for (size_t x = 0; x < 3; x++)
            for (size_t c = 0; c < 3;
                 c++) /* the mean of a plane: its value in the middle, x.5 up */
                assert_int_equal(image.u8[(y * 3 + x) * 3 + c],
                                 lround((double)(20 * x + 2 * y + 3 * c) + 5.5));
    assert_int_equal(view_picture_shrink(&image, 3, NULL), STATUS_INVALID);
    assert_int_equal(view_picture_shrink(&image, 0, NULL), STATUS_INVALID);
    assert_int_equal(image.width, 3);
    image_deinit(&image);
}

static void shrinking_weights_colours_by_their_alpha(void **state)
{
    (void)state;
    struct image image;
    assert_int_equal(image_create(&image, SAMPLE_FLOAT, 4, 2, 4, NULL), STATUS_OK);
    static const float pixels[8][4] = {
        {1, 0, 0, 1},    {0, 1, 0, 0}, {9, 9, 9, 0}, {9, 9, 9, 0},
        {1, 0, 0, 0.5f}, {0, 0, 1, 1}, {9, 9, 9, 0}, {9, 9, 9, 0},
    };
    memcpy(image.values, pixels, sizeof pixels);
    assert_int_equal(view_picture_shrink(&image, 2, NULL), STATUS_OK);
    static const float expected[8] = {0.6f, 0, 0.4f, 0.625f, 0, 0, 0, 0};
    for (size_t i = 0; i < 8; i++)
        assert_true(fabsf(image.values[i] - expected[i]) < 1e-6f);
    image_deinit(&image);
}

/* Bytes have a way of their own: what floats come to, rounded. */
static void shrinking_bytes_is_shrinking_floats_rounded(void **state)
{
    (void)state;
    for (size_t channels = 3; channels <= 4; channels++) {
        struct image bytes, floats;
        assert_int_equal(image_create(&bytes, SAMPLE_U8, 21, 14, channels, NULL), STATUS_OK);
        assert_int_equal(image_create(&floats, SAMPLE_FLOAT, 21, 14, channels, NULL), STATUS_OK);
        uint32_t r = 1;
        for (size_t i = 0; i < 21 * 14 * channels; i++) {
            r = r * 1664525 + 1013904223;
            bytes.u8[i] = (uint8_t)(r >> 24 & 127 ? r >> 24 : 0);
            floats.values[i] = (float)bytes.u8[i];
        }
        assert_int_equal(view_picture_shrink(&bytes, 3, NULL), STATUS_OK);
        assert_int_equal(view_picture_shrink(&floats, 3, NULL), STATUS_OK);
        for (size_t i = 0; i < 7 * 4 * channels; i++)
            assert_true(fabsf((float)bytes.u8[i] - floats.values[i]) <= 0.5001f);
        image_deinit(&bytes);
        image_deinit(&floats);
    }
}

static void shrinking_keeps_sixteen_bits(void **state)
{
    (void)state;
    struct image image;
    assert_int_equal(image_create(&image, SAMPLE_U16, 2, 2, 3, NULL), STATUS_OK);
    for (size_t i = 0; i < 12; i++)
        image.u16[i] = (uint16_t)(i / 3 < 2 ? 60000 : 60001);
    assert_int_equal(view_picture_shrink(&image, 2, NULL), STATUS_OK);
    assert_int_equal(image.u16[0], 60001); /* 60000.5, halves away from zero */
    image_deinit(&image);
}

static enum status decode_once(void *context, struct error *err)
{
    const struct buffer *f = context;
    struct image image = {0};
    enum status status = view_picture_decode(f->data, f->size, &image, err);
    if (status == STATUS_OK)
        status = view_picture_shrink(&image, 2, err);
    image_deinit(&image);
    return status;
}

static void pictures_survive_every_failing_allocation(void **state)
{
    (void)state;
    struct small_scene s;
    small_scene_init(&s);
    small_scene_picture(&s, "a.png", 5, 4, 2);
    assert_true(alloc_fail_each(decode_once, &s.files[0]) > 5);
    small_scene_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_become_three_channels_or_four),
        cmocka_unit_test(pictures_of_other_formats_are_unsupported),
        cmocka_unit_test(pictures_of_views_are_not_turned_by_exif),
        cmocka_unit_test(shrinking_means_over_whole_boxes_and_cuts_the_rest),
        cmocka_unit_test(shrinking_weights_colours_by_their_alpha),
        cmocka_unit_test(shrinking_bytes_is_shrinking_floats_rounded),
        cmocka_unit_test(shrinking_keeps_sixteen_bits),
        cmocka_unit_test(pictures_survive_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
