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
    assert_int_equal(image_create(&image, 5, 3, 4, NULL), STATUS_OK);
    assert_int_equal(image.width, 5);
    assert_int_equal(image.height, 3);
    assert_int_equal(image.channels, 4);
    for (size_t i = 0; i < 60; i++)
        assert_true(image.values[i] == 0.0f);
    image_deinit(&image);
    assert_null(image.values);
    image_deinit(&image);
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
        assert_int_equal(
            image_create(&image, table[i].width, table[i].height, table[i].channels, &err),
            table[i].expected);
        assert_int_equal(err.status, table[i].expected);
        assert_int_equal(image.width, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_create_gives_zeroed_values),
        cmocka_unit_test(image_create_refuses_bad_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
