#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "core/nn/kernel.h"
#include "server/calibrator.h"
#include "tests/support/alloc.h"

static void *ask(void *context)
{
    return (void *)(uintptr_t)calibrator_wait(context, 1e6);
}

static void all_who_wait_get_the_same_costs(void **state)
{
    (void)state;
    struct calibrator *c = NULL;
    pthread_t threads[3];
    assert_int_equal(calibrator_start(&c, kernel_find(NULL), 2, NULL), STATUS_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, c), 0);
    const struct costs *costs = calibrator_wait(c, 1e6);
    assert_non_null(costs);
    assert_int_equal(costs->n_threads, 2);
    for (size_t i = 0; i < 3; i++) {
        void *got = NULL;
        pthread_join(threads[i], &got);
        assert_ptr_equal(got, costs);
    }
    calibrator_quiesce(c);
    assert_ptr_equal(calibrator_wait(c, 1e6), costs); /* what is known stays known */
    calibrator_stop(c);
    calibrator_stop(NULL);
}

/* Stopped at once it has either been that quick or knows nothing; nobody waits for ever. */
static void a_stop_lets_those_go_who_wait(void **state)
{
    (void)state;
    struct calibrator *c = NULL;
    pthread_t thread;
    void *got = NULL;
    assert_int_equal(calibrator_start(&c, kernel_find(NULL), 1, NULL), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, ask, c), 0);
    calibrator_quiesce(c);
    pthread_join(thread, &got);
    assert_ptr_equal(got, calibrator_wait(c, 1e6));
    calibrator_stop(c);
}

static void without_memory_it_does_not_start(void **state)
{
    (void)state;
    struct calibrator *c = NULL;
    struct error err = {0};
    alloc_fail(1, ALLOC_FAIL_ONCE);
    assert_int_equal(calibrator_start(&c, kernel_find(NULL), 1, &err), STATUS_NO_MEMORY);
    assert_true(alloc_stop());
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_wait_get_the_same_costs),
        cmocka_unit_test(a_stop_lets_those_go_who_wait),
        cmocka_unit_test(without_memory_it_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
