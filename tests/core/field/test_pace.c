/*
 * Pace, fed with times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/field/pace.h"

/* n steps that take `team` or `alone` seconds, whichever way they go; how many went alone. */
static size_t go(struct pace *p, size_t n, double team, double alone)
{
    size_t n_alone = 0;
    for (size_t i = 0; i < n; i++) {
        const bool is_alone = pace_is_alone(p);
        n_alone += is_alone;
        pace_note(p, is_alone ? alone : team);
    }
    return n_alone;
}

static void it_starts_on_the_team_and_goes_alone_where_that_is_faster(void **state)
{
    (void)state;
    struct pace p = {0};
    assert_false(pace_is_alone(&p));
    assert_int_equal(go(&p, 2 * PACE_TRIES, 1e-3, 5e-4), PACE_TRIES);
    assert_int_equal(go(&p, 1000, 1e-3, 5e-4), 1000);
}

static void it_stays_on_the_team_where_that_is_faster_or_nearly(void **state)
{
    (void)state;
    struct pace p = {0};
    assert_int_equal(go(&p, 900, 5e-4, 1e-3), PACE_TRIES);
    p = (struct pace){0};
    assert_int_equal(go(&p, 900, 5e-4, 4.9e-4), PACE_TRIES);
}

static void it_changes_its_mind_when_the_machine_does(void **state)
{
    (void)state;
    struct pace p = {0};
    go(&p, 3000, 1e-3, 5e-4);
    assert_true(pace_is_alone(&p) || p.phase == PACE_OTHER);
    go(&p, 2200, 3e-4, 5e-4);
    assert_int_equal(go(&p, 900, 3e-4, 5e-4) <= PACE_TRIES, 1);
}

static void long_steps_are_never_tried_alone(void **state)
{
    (void)state;
    struct pace p = {0};
    assert_int_equal(go(&p, 5000, 0.1, 0.2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_on_the_team_and_goes_alone_where_that_is_faster),
        cmocka_unit_test(it_stays_on_the_team_where_that_is_faster_or_nearly),
        cmocka_unit_test(it_changes_its_mind_when_the_machine_does),
        cmocka_unit_test(long_steps_are_never_tried_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
