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

/* A processor of which it is said that products of sums pay. */
static void split_pays_where_products_bound_a_bounded_input(void **state)
{
    (void)state;
    struct image image = small_picture(8, 8, 3);
    struct kernel_bf16 bf16 = *kernel_find("portable")->bf16;
    struct kernel kernel = *kernel_find("portable");
    kernel.bf16 = &bf16;
    static const struct {
        bool sums_pay;
        size_t n_hidden_layers, width;
        enum encoding_type encoding;
        double length;
        bool expected;
    } cases[] = {
        {true, 1, 64, ENCODING_GAUSSIAN, 0, true},    {true, 3, 256, ENCODING_BASIC, 0, true},
        {false, 3, 256, ENCODING_GAUSSIAN, 0, false}, {true, 3, 32, ENCODING_GAUSSIAN, 0, false},
        {true, 0, 256, ENCODING_GAUSSIAN, 0, false},  {true, 3, 256, ENCODING_NONE, 0, false},
        {true, 1, 64, ENCODING_GAUSSIAN, 6, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct field_spec spec = small_field_spec(&image);
        struct field *f = NULL;
        spec.encoding.type = cases[i].encoding;
        spec.length = cases[i].length;
        spec.encoding.input_range[1] = 1;
        spec.network.n_hidden_layers = cases[i].n_hidden_layers;
        spec.network.width = cases[i].width;
        bf16.sums_pay = cases[i].sums_pay;
        assert_int_equal(field_create(&f, &spec, &kernel, NULL), STATUS_OK);
        assert_int_equal(precision_split_pays(f), cases[i].expected);
        field_free(f);
    }
    image_deinit(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precision_is_settled_by_processor_and_mapping),
        cmocka_unit_test(split_pays_where_products_bound_a_bounded_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
