#include "core/base/mem.h"

#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void mem_mul_and_add_refuse_to_wrap(void **state)
{
    (void)state;
    static const struct {
        size_t a, b;
        bool product_fits, sum_fits;
    } table[] = {
        {0, SIZE_MAX, true, true},          {1, SIZE_MAX, true, false},
        {2, SIZE_MAX / 2, true, true},      {2, SIZE_MAX / 2 + 1, false, true},
        {SIZE_MAX, SIZE_MAX, false, false}, {(size_t)1 << 32, (size_t)1 << 32, false, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t out = 42;
        assert_int_equal(mem_mul(&out, table[i].a, table[i].b), table[i].product_fits);
        assert_true(out == (table[i].product_fits ? table[i].a * table[i].b : 42));
        out = 42;
        assert_int_equal(mem_add(&out, table[i].a, table[i].b), table[i].sum_fits);
        assert_true(out == (table[i].sum_fits ? table[i].a + table[i].b : 42));
    }
}

static void mem_gives_zeroed_and_aligned_memory(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n += 7) {
        float *floats = mem_alloc_floats(n);
        unsigned char *bytes = mem_alloc_array(n, 3);
        assert_non_null(floats);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)floats % MEM_ALIGNMENT, 0);
        for (size_t i = 0; i < n; i++)
            assert_true(floats[i] == 0.0f && bytes[3 * i] == 0 && bytes[3 * i + 2] == 0);
        mem_free(floats);
        mem_free(bytes);
    }
    mem_free(NULL);
}

/* The address sanitizer ends a program that asks for too much, unless told to refuse. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void mem_refuses_sizes_that_wrap(void **state)
{
    (void)state;
    const volatile size_t half = SIZE_MAX / 2 + 1; /* volatile: the compiler must not warn of it */
    assert_null(mem_alloc_array(half, 2));
    assert_null(mem_alloc_floats(half / 2));
    assert_null(mem_alloc_floats(SIZE_MAX / sizeof(float)));
    void *p = mem_alloc(16);
    assert_non_null(p);
    assert_null(mem_realloc_array(p, half, 2));
    mem_free(p);
}

static void mem_realloc_and_strdup_keep_the_content(void **state)
{
    (void)state;
    char *text = mem_strdup("a text");
    assert_string_equal(text, "a text");
    char *longer = mem_realloc_array(text, 1000, 1);
    assert_string_equal(longer, "a text");
    mem_free(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mem_mul_and_add_refuse_to_wrap),
        cmocka_unit_test(mem_gives_zeroed_and_aligned_memory),
        cmocka_unit_test(mem_refuses_sizes_that_wrap),
        cmocka_unit_test(mem_realloc_and_strdup_keep_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
