#include "core/base/data.h"

#include "core/base/limits.h"

#include <math.h>
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

static void affine_maps_have_inverses_or_none(void **state)
{
    (void)state;
    static const double some[][3][4] = {
        {{-2, 0.1, 0, 90}, {0.2, 1.5, -0.3, -126}, {0, 0.4, 4, -72}},
        {{0, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}},
        {{1e-6, 0, 0, 1e6}, {0, 1e-6, 0, 0}, {0, 0, 1e-6, 0}},
    };
    static const double none[][3][4] = {
        {{1, 2, 0, 0}, {2, 4, 0, 0}, {0, 0, 1, 0}},
        {{0, 0, 0, 5}, {0, 0, 0, 6}, {0, 0, 0, 7}},
        {{1, 0, 0, INFINITY}, {0, 1, 0, 0}, {0, 0, 1, 0}},
        {{NAN, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}},
        {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1e-13, 0}},
        {{1e38, 0, 0, 0}, {0, 1e38, 0, 0}, {0, 0, 1e38, 0}},
        {{1e-38, 0, 0, 0}, {0, 1e-38, 0, 0}, {0, 0, 1e-38, 0}},
        {{1, 0, 0, 3e38}, {0, 1, 0, 0}, {0, 0, 1, 0}},
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        assert_true(affine_is_invertible(some[i]));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(affine_is_invertible(none[i]));
}

/* The centre of the first voxel, and of the last, are where the map says. */
static void unit_coordinates_lead_to_voxels(void **state)
{
    (void)state;
    static const double affine[3][4] = {{-2, 0.1, 0, 90}, {0.2, 1.5, -0.3, -126}, {0, 0.4, 4, -72}};
    static const double size[3] = {181, 217, 60};
    double map[3][4];
    volume_source_from_unit(181, 217, 60, affine, map);
    for (int end = 0; end < 2; end++)
        for (size_t r = 0; r < 3; r++) {
            double at = map[r][3], expected = affine[r][3];
            for (size_t c = 0; c < 3; c++) {
                const double index = end ? size[c] - 1 : 0;
                at += map[r][c] * (index + 0.5) / size[c];
                expected += affine[r][c] * index;
            }
            assert_true(fabs(at - expected) < 1e-12 * 1000);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_create_gives_zeroed_values),
        cmocka_unit_test(image_values_are_samples_over_their_range),
        cmocka_unit_test(image_create_refuses_bad_shapes),
        cmocka_unit_test(affine_maps_have_inverses_or_none),
        cmocka_unit_test(unit_coordinates_lead_to_voxels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
