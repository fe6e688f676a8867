#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "core/base/run_delay.h"

struct rival {
    atomic_bool has_run;
    double delay;
};

static void *run_once(void *context)
{
    struct rival *r = context;
    r->delay = thread_run_delay();
    atomic_store(&r->has_run, true);
    return NULL;
}

/* It cannot run before the one that waits for it, on the same processor, is interrupted. */
static void a_thread_that_had_to_wait_knows_it(void **state)
{
    (void)state;
    cpu_set_t all, one;
    pthread_t thread;
    struct rival rival = {.delay = 0.0};
    if (access("/proc/thread-self/schedstat", R_OK) != 0)
        skip();
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0); /* the new one inherits it */
    /* Where others take this processor at the wrong moment it does not wait: then another one. */
    for (size_t i = 0; i < 1000 && !(rival.delay > 0.0); i++) {
        atomic_store(&rival.has_run, false);
        assert_int_equal(pthread_create(&thread, NULL, run_once, &rival), 0);
        while (!atomic_load(&rival.has_run)) {
        }
        pthread_join(thread, NULL);
    }
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_true(rival.delay > 0.0);
    const double mine = thread_run_delay();
    assert_true(mine >= 0.0 && thread_run_delay() >= mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_had_to_wait_knows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
