#include "core/base/parallel.h"

#include <stdatomic.h>

#include "core/base/limits.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST_MEMBERS = 5, ROUNDS = 200 };

/* Every member adds into a place of its own; after the barrier it reads all the others'. */
struct relay {
    struct team *team;
    size_t n_members;
    unsigned long value[MOST_MEMBERS], sum[MOST_MEMBERS];
    atomic_size_t n_calls;
};

static void run_relay(void *context, size_t member)
{
    struct relay *r = context;
    atomic_fetch_add(&r->n_calls, 1);
    for (unsigned long round = 0; round < ROUNDS; round++) {
        r->value[member] += member + round;
        team_barrier(r->team);
        unsigned long sum = 0;
        for (size_t i = 0; i < r->n_members; i++)
            sum += r->value[i];
        r->sum[member] = sum;
        team_barrier(r->team);
    }
}

static void team_barrier_separates_writes_from_reads(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST_MEMBERS; n++) {
        struct relay r = {.n_members = n};
        assert_int_equal(team_create(&r.team, n, NULL), STATUS_OK);
        assert_int_equal(team_size(r.team), n);
        enum { RUNS = 3 };
        for (size_t i = 0; i < RUNS; i++)
            team_run(r.team, run_relay, &r);
        unsigned long expected = 0;
        for (size_t m = 0; m < n; m++)
            for (unsigned long round = 0; round < ROUNDS; round++)
                expected += RUNS * (m + round);
        for (size_t m = 0; m < n; m++)
            assert_int_equal(r.sum[m], expected);
        assert_int_equal(atomic_load(&r.n_calls), RUNS * n);
        team_free(r.team);
    }
}

static void count_member(void *context, size_t member)
{
    unsigned long *count = context;
    count[member]++;
}

static void team_run_calls_every_member_once(void **state)
{
    (void)state;
    struct team *team = NULL;
    assert_int_equal(team_create(&team, MOST_MEMBERS, NULL), STATUS_OK);
    unsigned long count[MOST_MEMBERS] = {0};
    for (size_t i = 0; i < 1000; i++)
        team_run(team, count_member, count);
    for (size_t i = 0; i < MOST_MEMBERS; i++)
        assert_int_equal(count[i], 1000);
    team_free(team);
}

/* Half of the least normal number. */
static float subnormal(void)
{
    volatile float least = FLT_MIN;
    return least * 0.5f;
}

static void halve(void *context, size_t member)
{
    ((float *)context)[member] = subnormal();
}

static void a_run_takes_subnormal_numbers_for_zero(void **state)
{
    (void)state;
    struct team *t = NULL;
    float halves[3] = {1, 1, 1};
    assert_int_equal(team_create(&t, 3, NULL), STATUS_OK);
    team_run(t, halve, halves);
#if defined(__x86_64__) || defined(__aarch64__)
    for (size_t i = 0; i < 3; i++)
        assert_true(halves[i] == 0.0f);
#endif
    /* and leaves the caller as it was */
    assert_true(subnormal() > 0.0f);
    team_free(t);
}

static void team_create_refuses_impossible_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, LIMIT_THREADS + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct team *team = NULL;
        struct error err = {0};
        assert_int_equal(team_create(&team, sizes[i], &err), STATUS_INVALID);
        assert_string_equal(err.where, "/threads");
        assert_null(team);
    }
    team_free(NULL);
}

static void team_share_covers_everything_once_and_evenly(void **state)
{
    (void)state;
    static const struct {
        size_t n, granule, n_members;
    } table[] = {{0, 1, 3},      {1, 1, 1},       {1, 1, 4},   {10, 1, 3},
                 {10, 4, 3},     {100, 16, 7},    {96, 96, 2}, {97, 96, 2},
                 {1000, 1, 256}, {330753, 16, 2}, {5, 16, 8}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t next = 0, most = 0, least = SIZE_MAX;
        for (size_t m = 0; m < table[i].n_members; m++) {
            size_t first, count;
            team_share(table[i].n, table[i].granule, table[i].n_members, m, &first, &count);
            assert_int_equal(first, next);
            if (count > 0)
                assert_int_equal(first % table[i].granule, 0);
            next = first + count;
            const size_t units = (count + table[i].granule - 1) / table[i].granule;
            most = units > most ? units : most;
            least = units < least ? units : least;
        }
        assert_int_equal(next, table[i].n);
        assert_true(most - least <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(team_barrier_separates_writes_from_reads),
        cmocka_unit_test(team_run_calls_every_member_once),
        cmocka_unit_test(a_run_takes_subnormal_numbers_for_zero),
        cmocka_unit_test(team_create_refuses_impossible_sizes),
        cmocka_unit_test(team_share_covers_everything_once_and_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
