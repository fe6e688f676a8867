#include "core/field/precision.h"

#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void precision_is_settled_by_processor_and_mapping(void **state)
{
    (void)state;
    struct image image = small_picture(8, 8, 3);
    struct field_spec spec = small_field_spec(&image);
    struct error err = {0};
    const struct arithmetic fast = {kernel_find(NULL), 4.0}, slow = {kernel_find(NULL), 0.5};
    assert_int_equal(precision_settle(PRECISION_AUTO, &spec, &fast), PRECISION_BF16);
    assert_int_equal(precision_settle(PRECISION_AUTO, &spec, &slow), PRECISION_FP32);
    assert_int_equal(precision_settle(PRECISION_FP32, &spec, &fast), PRECISION_FP32);
    assert_int_equal(precision_settle(PRECISION_BF16, &spec, &slow), PRECISION_BF16);
    spec.encoding.type = ENCODING_NONE;
    assert_int_equal(precision_settle(PRECISION_AUTO, &spec, &fast), PRECISION_FP32);
    assert_int_equal(precision_check(PRECISION_FP32, kernel_find("portable"), &err), STATUS_OK);
    assert_int_equal(precision_check(PRECISION_BF16, kernel_find("portable"), &err),
                     STATUS_UNSUPPORTED);
    assert_string_equal(err.where, "/train/precision");
    image_deinit(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precision_is_settled_by_processor_and_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
