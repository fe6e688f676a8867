#include "core/base/buffer.h"

#include <string.h>

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void buffer_keeps_what_is_appended_in_order(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b, 1 << 20);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(buffer_append(&b, &i, sizeof i, NULL), STATUS_OK);
    assert_int_equal(b.size, 40000);
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t x;
        memcpy(&x, b.data + i * sizeof x, sizeof x);
        assert_int_equal(x, i);
    }
    buffer_deinit(&b);
    assert_null(b.data);
    assert_int_equal(b.size, 0);
    assert_int_equal(b.max, 1 << 20);
}

static void buffer_refuses_past_its_maximum_and_stays_as_it_was(void **state)
{
    (void)state;
    struct buffer b;
    struct error err = {0};
    uint8_t *place = NULL;
    buffer_init(&b, 10);
    assert_int_equal(buffer_append(&b, "12345678", 8, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&b, "abc", 3, &err), STATUS_TOO_LARGE);
    assert_true(strlen(err.message) > 0);
    assert_int_equal(buffer_extend(&b, SIZE_MAX, &place, NULL), STATUS_TOO_LARGE);
    assert_null(place);
    assert_int_equal(b.size, 8);
    assert_memory_equal(b.data, "12345678", 8);
    assert_int_equal(buffer_append(&b, "ab", 2, NULL), STATUS_OK);
    assert_int_equal(b.size, 10);
    assert_int_equal(buffer_append(&b, "", 0, NULL), STATUS_OK);
    buffer_deinit(&b);
}

static void buffer_printf_appends_text_of_any_length(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b, 1 << 16);
    assert_int_equal(buffer_printf(&b, NULL, "%s %d", "x", 7), STATUS_OK);
    assert_int_equal(buffer_printf(&b, NULL, "%2000d", 1), STATUS_OK);
    assert_int_equal(b.size, 2003);
    assert_memory_equal(b.data, "x 7 ", 4);
    assert_int_equal(b.data[2002], '1');
    buffer_deinit(&b);
}

static void buffer_take_hands_the_bytes_over(void **state)
{
    (void)state;
    struct buffer b;
    size_t size;
    buffer_init(&b, 100);
    assert_int_equal(buffer_append(&b, "hello", 5, NULL), STATUS_OK);
    uint8_t *bytes = buffer_take(&b, &size);
    assert_int_equal(size, 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_null(b.data);
    assert_int_equal(b.size, 0);
    assert_int_equal(buffer_append(&b, "again", 5, NULL), STATUS_OK);
    mem_free(bytes);
    buffer_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_keeps_what_is_appended_in_order),
        cmocka_unit_test(buffer_refuses_past_its_maximum_and_stays_as_it_was),
        cmocka_unit_test(buffer_printf_appends_text_of_any_length),
        cmocka_unit_test(buffer_take_hands_the_bytes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
