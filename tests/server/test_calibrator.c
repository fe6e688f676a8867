#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "core/nn/kernel.h"
#include "server/calibrator.h"
#include "tests/support/alloc.h"

/* Seconds that no test waits for. */
static const double ever = 1e6;

/* --- as it is --- */

/* NULL: it knows nothing. */
static void *ask(void *context)
{
    struct costs costs;
    const struct costs *known = calibrator_wait(context, ever, &costs);
    return known && known->n_threads == 2 ? context : NULL;
}

/* No second measurement comes in between. */
static struct calibrator_spec real_spec(size_t n_threads)
{
    return (struct calibrator_spec){
        .kernel = kernel_find(NULL), .n_threads = n_threads, .pause_seconds = ever};
}

static void all_who_wait_are_told_what_was_measured(void **state)
{
    (void)state;
    const struct calibrator_spec spec = real_spec(2);
    struct calibrator *c = NULL;
    struct costs costs, later;
    pthread_t threads[3];
    assert_int_equal(calibrator_start(&c, &spec, NULL), STATUS_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, c), 0);
    assert_ptr_equal(calibrator_wait(c, ever, &costs), &costs);
    assert_int_equal(costs.n_threads, 2);
    assert_true(costs.meet > 0.0 && costs.lost >= 0.0);
    for (size_t i = 0; i < 3; i++) {
        void *got = NULL;
        pthread_join(threads[i], &got);
        assert_non_null(got);
    }
    calibrator_quiesce(c);
    assert_ptr_equal(calibrator_wait(c, ever, &later), &later); /* what is known stays known */
    assert_memory_equal(&later, &costs, sizeof costs);
    calibrator_stop(c);
    calibrator_stop(NULL);
}

/* Stopped at once it has either been that quick or knows nothing; nobody waits for ever. */
static void a_stop_lets_those_go_who_wait(void **state)
{
    (void)state;
    const struct calibrator_spec spec = real_spec(2);
    struct calibrator *c = NULL;
    struct costs costs;
    pthread_t thread;
    void *got = NULL;
    assert_int_equal(calibrator_start(&c, &spec, NULL), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, ask, c), 0);
    calibrator_quiesce(c);
    pthread_join(thread, &got);
    assert_true((got != NULL) == (calibrator_wait(c, ever, &costs) != NULL));
    calibrator_stop(c);
}

static void without_memory_it_does_not_start(void **state)
{
    (void)state;
    const struct calibrator_spec spec = real_spec(1);
    struct calibrator *c = NULL;
    struct error err = {0};
    alloc_fail(1, ALLOC_FAIL_ONCE);
    assert_int_equal(calibrator_start(&c, &spec, &err), STATUS_NO_MEMORY);
    assert_true(alloc_stop());
    assert_null(c);
}

/* --- with measurements as they are told --- */

enum { MOST = 8 };

/* What comes of the measurements, one after the other.  Each begins when it is asked for and the
 * test lets it. */
struct script {
    struct {
        enum status status;
        double lost;
    } measurement[MOST];
    size_t n;
    struct calibrator *calibrator;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_begun, n_allowed; /* measurements */
    size_t n_busy;             /* times that the service will not be idle */
    size_t n_asked;            /* … and whether it is, was asked */
};

static enum status measure(void *context, struct costs *out, struct error *err)
{
    struct script *s = context;
    pthread_mutex_lock(&s->lock);
    const size_t i = s->n_begun++;
    pthread_cond_broadcast(&s->changed);
    while (s->n_allowed <= i)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    if (i >= s->n)
        return error_status(err, STATUS_CANCELED);
    if (s->measurement[i].status != STATUS_OK)
        return error_status(err, s->measurement[i].status);
    *out = (struct costs){.n_threads = i, .lost = s->measurement[i].lost};
    return STATUS_OK;
}

static bool is_idle(void *context)
{
    struct script *s = context;
    pthread_mutex_lock(&s->lock);
    const bool idle = s->n_busy == 0;
    s->n_asked++;
    if (!idle)
        s->n_busy--;
    pthread_mutex_unlock(&s->lock);
    return idle;
}

static void script_start(struct script *s)
{
    const struct calibrator_spec spec = {
        .n_threads = 1, .context = s, .is_idle = is_idle, .measure = measure};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    assert_int_equal(calibrator_start(&s->calibrator, &spec, NULL), STATUS_OK);
}

/* Let the measurements before number i come to their end, and that one begin. */
static void script_go_on_to(struct script *s, size_t i)
{
    pthread_mutex_lock(&s->lock);
    s->n_allowed = i;
    pthread_cond_broadcast(&s->changed);
    while (s->n_begun <= i)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* Let the last one come to its end. */
static void script_end(struct script *s)
{
    pthread_mutex_lock(&s->lock);
    s->n_allowed = SIZE_MAX;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    calibrator_quiesce(s->calibrator);
}

static void script_stop(struct script *s)
{
    calibrator_stop(s->calibrator);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

/* Number of the measurement that counts, or -1. */
static int known(const struct script *s)
{
    struct costs costs;
    return calibrator_wait(s->calibrator, ever, &costs) ? (int)costs.n_threads : -1;
}

static void what_was_disturbed_is_measured_again_and_the_least_disturbed_counts(void **state)
{
    (void)state;
    struct script s = {.measurement = {{STATUS_OK, 0.5},
                                       {STATUS_OK, 0.6},
                                       {STATUS_NO_MEMORY, 0.0},
                                       {STATUS_OK, 0.3},
                                       {STATUS_CANCELED, 0.0},
                                       {STATUS_OK, 0.4},
                                       {STATUS_OK, 0.01}},
                       .n = 7};
    static const int counts[] = {0, 0, 0, 3, 3, 3};
    script_start(&s);
    for (size_t i = 1; i < s.n; i++) {
        script_go_on_to(&s, i);
        assert_int_equal(known(&s), counts[i - 1]);
    }
    script_end(&s);
    assert_int_equal(known(&s), 6);
    assert_int_equal(s.n_begun, 7);
    assert_int_equal(s.n_asked, 6); /* not before the first, nor after the last */
    script_stop(&s);
}

static void the_first_that_was_left_in_peace_is_the_last(void **state)
{
    (void)state;
    struct script s = {.measurement = {{STATUS_OK, 0.01}}, .n = 1, .n_allowed = 1};
    script_start(&s);
    assert_int_equal(known(&s), 0);
    script_end(&s);
    assert_int_equal(s.n_begun, 1);
    assert_int_equal(s.n_asked, 0);
    script_stop(&s);
}

static void nothing_is_known_until_a_measurement_succeeds(void **state)
{
    (void)state;
    struct script s = {
        .measurement = {{STATUS_INTERNAL, 0.0}, {STATUS_INTERNAL, 0.0}, {STATUS_OK, 0.9}}, .n = 4};
    script_start(&s);
    script_go_on_to(&s, 1);
    assert_int_equal(known(&s), -1); /* and nobody waits */
    script_go_on_to(&s, 2);
    assert_int_equal(known(&s), -1);
    script_go_on_to(&s, 3);
    assert_int_equal(known(&s), 2);
    script_end(&s);
    script_stop(&s);
}

static void while_jobs_are_there_it_waits(void **state)
{
    (void)state;
    struct script s = {.measurement = {{STATUS_OK, 0.5}, {STATUS_OK, 0.0}}, .n = 2, .n_busy = 5};
    script_start(&s);
    script_go_on_to(&s, 1);
    pthread_mutex_lock(&s.lock);
    assert_int_equal(s.n_asked, 6);
    assert_int_equal(s.n_begun, 2);
    pthread_mutex_unlock(&s.lock);
    script_end(&s);
    assert_int_equal(known(&s), 1);
    script_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_wait_are_told_what_was_measured),
        cmocka_unit_test(a_stop_lets_those_go_who_wait),
        cmocka_unit_test(without_memory_it_does_not_start),
        cmocka_unit_test(what_was_disturbed_is_measured_again_and_the_least_disturbed_counts),
        cmocka_unit_test(the_first_that_was_left_in_peace_is_the_last),
        cmocka_unit_test(nothing_is_known_until_a_measurement_succeeds),
        cmocka_unit_test(while_jobs_are_there_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
