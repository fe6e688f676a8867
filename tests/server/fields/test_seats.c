#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "core/base/mem.h"
#include "server/fields/seats.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"

enum { D = 2, C = 3 };

static struct field *make_field(void)
{
    struct image picture = small_picture(16, 16, C);
    const struct field_spec spec = small_field_spec(&picture);
    image_deinit(&picture);
    return small_field(&spec, 5);
}

static struct seats *make_seats(const struct field *f)
{
    struct seats *s = NULL;
    assert_int_equal(seats_create(&s, f, NULL), STATUS_OK);
    return s;
}

static void points_of(size_t number, size_t n, float *unit)
{
    for (size_t i = 0; i < n * D; i++)
        unit[i] = (float)((number * 977 + i * 7919) % 10007) / 10007.0f;
}

/* What the field itself says, alone. */
static void expect_values(const struct field *f, size_t n, const float *unit, const float *values)
{
    float expected[SEATS_POINTS * C];
    struct field_workspace *w = NULL;
    assert_int_equal(field_workspace_create(&w, f, FIELD_VALUES, NULL), STATUS_OK);
    field_query(f, w, n, unit, expected);
    assert_memory_equal(values, expected, n * C * sizeof(float));
    field_workspace_free(w);
}

static void a_lone_query_is_answered_at_once(void **state)
{
    (void)state;
    struct field *f = make_field();
    struct seats *s = make_seats(f);
    for (size_t n = 1; n <= SEATS_POINTS; n += 7) {
        float unit[SEATS_POINTS * D], values[SEATS_POINTS * C];
        points_of(n, n, unit);
        assert_int_equal(seats_query(s, n, unit, values, NULL), STATUS_OK);
        expect_values(f, n, unit, values);
    }
    seats_free(s);
    field_free(f);
}

enum { N_THREADS = 12, N_QUERIES = 300 };

struct guest {
    struct seats *seats;
    const struct field *field;
    size_t number, n_wrong;
};

/* Queries of all sizes one after another; each must get its own values. */
static void *ask_again_and_again(void *argument)
{
    struct guest *g = argument;
    struct field_workspace *w = NULL;
    if (field_workspace_create(&w, g->field, FIELD_VALUES, NULL) != STATUS_OK) {
        g->n_wrong = N_QUERIES;
        return NULL;
    }
    for (size_t i = 0; i < N_QUERIES; i++) {
        float unit[SEATS_POINTS * D], values[SEATS_POINTS * C], expected[SEATS_POINTS * C];
        const size_t n = 1 + (g->number * 31 + i * 17) % SEATS_POINTS;
        points_of(g->number * N_QUERIES + i, n, unit);
        field_query(g->field, w, n, unit, expected);
        if (seats_query(g->seats, n, unit, values, NULL) != STATUS_OK) {
            g->n_wrong++;
            continue;
        }
        for (size_t v = 0; v < n * C; v++)
            if (values[v] != expected[v]) {
                g->n_wrong++;
                break;
            }
    }
    field_workspace_free(w);
    return NULL;
}

static void a_crowd_gets_the_values_that_each_would_get_alone(void **state)
{
    (void)state;
    struct field *f = make_field();
    struct seats *s = make_seats(f);
    struct guest guests[N_THREADS];
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        guests[i] = (struct guest){.seats = s, .field = f, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_again_and_again, &guests[i]), 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(guests[i].n_wrong, 0);
    }
    seats_free(s);
    field_free(f);
}

/* Without memory a query fails, and the seats stay in order for the next. */
static enum status ask_once(const struct field *f, struct error *err)
{
    struct seats *s = NULL;
    float unit[D] = {0.25f, 0.75f}, values[C];
    enum status status = seats_create(&s, f, err);
    if (status != STATUS_OK)
        return status;
    status = seats_query(s, 1, unit, values, err);
    alloc_stop();
    assert_int_equal(seats_query(s, 1, unit, values, NULL), STATUS_OK);
    seats_free(s);
    return status;
}

static void without_memory_a_query_fails_and_the_next_does_not(void **state)
{
    (void)state;
    struct field *f = make_field();
    for (size_t n = 1;; n++) {
        struct error err = {0};
        alloc_fail(n, ALLOC_FAIL_ONCE);
        const enum status status = ask_once(f, &err);
        alloc_stop();
        if (status == STATUS_OK)
            break;
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_true(n < 100);
    }
    field_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_query_is_answered_at_once),
        cmocka_unit_test(a_crowd_gets_the_values_that_each_would_get_alone),
        cmocka_unit_test(without_memory_a_query_fails_and_the_next_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
