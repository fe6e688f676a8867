#include "core/base/data.h"

#include "core/base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void image_create_gives_zeroed_values(void **state)
{
    (void)state;
    struct image image;
    for (int type = SAMPLE_FLOAT; type <= SAMPLE_U16; type++) {
        assert_int_equal(image_create(&image, (enum sample_type)type, 5, 3, 4, NULL), STATUS_OK);
        assert_int_equal(image.width, 5);
        assert_int_equal(image.height, 3);
        assert_int_equal(image.channels, 4);
        assert_int_equal(image.type, type);
        for (size_t i = 0; i < 60; i++)
            assert_true(image_value(&image, i) == 0.0f);
        image_deinit(&image);
        assert_null(image.samples);
        image_deinit(&image);
    }
}

static void image_values_are_samples_over_their_range(void **state)
{
    (void)state;
    uint8_t bytes[] = {0, 1, 51, 255};
    uint16_t words[] = {0, 1, 4660, 65535};
    float floats[] = {-1.5f, 0.0f, 0.25f, 7.0f}, values[2];
    const struct image u8 = {
        .width = 4, .height = 1, .channels = 1, .type = SAMPLE_U8, .u8 = bytes};
    const struct image u16 = {
        .width = 4, .height = 1, .channels = 1, .type = SAMPLE_U16, .u16 = words};
    const struct image real = {.width = 4, .height = 1, .channels = 1, .values = floats};
    for (size_t i = 0; i < 4; i++) {
        assert_true(image_value(&u8, i) == (float)bytes[i] / 255.0f);
        assert_true(image_value(&u16, i) == (float)words[i] / 65535.0f);
        assert_true(image_value(&real, i) == floats[i]);
    }
    image_read(&u16, 2, 2, values);
    assert_true(values[0] == 4660.0f / 65535.0f && values[1] == 1.0f);
}

static void image_create_refuses_bad_shapes(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, channels;
        enum status expected;
    } table[] = {
        {0, 1, 1, STATUS_INVALID},
        {1, 0, 1, STATUS_INVALID},
        {1, 1, 0, STATUS_INVALID},
        {1, 1, LIMIT_CHANNELS + 1, STATUS_INVALID},
        {(size_t)LIMIT_IMAGE_SIDE + 1, 1, 1, STATUS_TOO_LARGE},
        {1, (size_t)LIMIT_IMAGE_SIDE + 1, 1, STATUS_TOO_LARGE},
        {LIMIT_IMAGE_SIDE, 65, 1, STATUS_TOO_LARGE},
        {SIZE_MAX, SIZE_MAX, 1, STATUS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct image image = {.width = 77};
        struct error err = {0};
        assert_int_equal(image_create(&image, SAMPLE_FLOAT, table[i].width, table[i].height,
                                      table[i].channels, &err),
                         table[i].expected);
        assert_int_equal(err.status, table[i].expected);
        assert_int_equal(image.width, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_create_gives_zeroed_values),
        cmocka_unit_test(image_values_are_samples_over_their_range),
        cmocka_unit_test(image_create_refuses_bad_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
