#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "server/fields/draft.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"

/* The portable row, of which it is said that products of sums pay, or not. */
static struct kernel_bf16 bf16;
static struct kernel kernel;

static struct field *make_field(bool sums_pay)
{
    struct image picture = small_picture(16, 16, 3);
    struct field_spec spec = small_field_spec(&picture);
    struct field *f = NULL;
    kernel = *kernel_find("portable");
    bf16 = *kernel.bf16;
    bf16.sums_pay = sums_pay;
    kernel.bf16 = &bf16;
    spec.network.width = 64;
    spec.network.output_activation = ACTIVATION_LINEAR;
    assert_int_equal(field_create(&f, &spec, &kernel, NULL), STATUS_OK);
    field_init(f, &spec, 5);
    image_deinit(&picture);
    return f;
}

/* What a draft of f gives: weights, which stay the same, or none. */
static bool has_weights(const struct field *f)
{
    struct draft *d = NULL;
    const uint32_t *first = NULL, *second = NULL;
    assert_int_equal(draft_create(&d, f, NULL), STATUS_OK);
    assert_int_equal(draft_get(d, &first, NULL), STATUS_OK);
    assert_int_equal(draft_get(d, &second, NULL), STATUS_OK);
    assert_ptr_equal(first, second);
    if (first) {
        uint32_t *expected = field_split(f);
        assert_memory_equal(first, expected, field_n_split(f) * sizeof *first);
        mem_free(expected);
    }
    draft_free(d);
    return first != NULL;
}

static void a_draft_is_the_field_in_sums_of_two(void **state)
{
    (void)state;
    struct field *f = make_field(true);
    assert_true(has_weights(f));
    assert_in_range(draft_bytes(f), field_n_split(f) * 4, field_n_split(f) * 4 + 1024);
    field_free(f);
}

static void there_is_none_where_it_would_not_pay(void **state)
{
    (void)state;
    struct field *f = make_field(false);
    assert_false(has_weights(f));
    assert_in_range(draft_bytes(f), 1, 1024);
    field_free(f);
}

/* Layers that cancel what those before have blown up need more bits than sixteen. */
static void there_is_none_of_a_field_that_needs_more_bits(void **state)
{
    (void)state;
    struct field *f = make_field(true);
    float *params = field_params(f);
    size_t first, count;
    field_trainable_range(f, &first, &count);
    for (size_t i = first; i < first + count; i++)
        params[i] *= 32;
    assert_false(has_weights(f));
    params[first] = NAN;
    assert_false(has_weights(f));
    field_free(f);
}

struct asking {
    struct draft *draft;
    const uint32_t *split;
};

static void *ask(void *context)
{
    struct asking *a = context;
    return draft_get(a->draft, &a->split, NULL) == STATUS_OK ? a : NULL;
}

static void all_who_ask_at_once_get_the_same(void **state)
{
    (void)state;
    enum { N = 4 };
    struct asking asking[N] = {{NULL, NULL}};
    pthread_t threads[N];
    struct field *f = make_field(true);
    struct draft *d = NULL;
    assert_int_equal(draft_create(&d, f, NULL), STATUS_OK);
    for (size_t i = 0; i < N; i++) {
        asking[i].draft = d;
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &asking[i]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        void *answered = NULL;
        pthread_join(threads[i], &answered);
        assert_non_null(answered);
    }
    for (size_t i = 0; i < N; i++) {
        assert_non_null(asking[i].split);
        assert_ptr_equal(asking[i].split, asking[0].split);
    }
    draft_free(d);
    field_free(f);
}

/* Out of memory once, it is made the next time. */
static enum status make_draft(void *context, struct error *err)
{
    struct draft *d = NULL;
    const uint32_t *split = NULL;
    enum status status = draft_create(&d, context, err);
    if (status == STATUS_OK) {
        status = draft_get(d, &split, err);
        assert_int_equal(split != NULL, status == STATUS_OK);
        alloc_stop();
        assert_int_equal(draft_get(d, &split, NULL), STATUS_OK);
        assert_non_null(split);
    }
    draft_free(d);
    return status;
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    struct field *f = make_field(true);
    for (size_t n = 1; n <= 6; n++) {
        struct error err = {0};
        alloc_fail(n, ALLOC_FAIL_ONCE);
        assert_int_equal(make_draft(f, &err), STATUS_NO_MEMORY);
        alloc_stop();
    }
    field_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_is_the_field_in_sums_of_two),
        cmocka_unit_test(there_is_none_where_it_would_not_pay),
        cmocka_unit_test(there_is_none_of_a_field_that_needs_more_bits),
        cmocka_unit_test(all_who_ask_at_once_get_the_same),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
