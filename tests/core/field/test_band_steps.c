/* When a trainer asks what is left in each octave, what that costs, and that it changes nothing. */
#include "core/field/band_steps.h"

#include <math.h>
#include <string.h>

#include "core/field/trainer.h"
#include "core/task/task_image.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 200 };

static void cheap_ones_come_by_doubling_and_then_by_quarters(void **state)
{
    (void)state;
    static const uint64_t expected[] = {1,   4,   8,   16,  32,  64,   128,  256,  320,
                                        400, 500, 625, 782, 978, 1223, 1529, 1912, 2390};
    struct band_steps s = band_steps_from(0, 16384, 65536);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++, band_steps_advance(&s))
        assert_int_equal(s.next, expected[i]);
}

static void dear_ones_wait_until_they_are_paid_for(void **state)
{
    (void)state;
    static const uint64_t expected[] = {1, 80, 320, 640, 1280, 2560, 5120, 10240, 20480, 25600};
    struct band_steps s = band_steps_from(0, 16384, 1024);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++, band_steps_advance(&s))
        assert_int_equal(s.next, expected[i]);
}

/* After the first never more than a fifth of the steps' work, and in long fits half a percent. */
static void all_together_are_a_small_part_of_the_work(void **state)
{
    (void)state;
    static const size_t points[] = {1, 1000, 16384}, batches[] = {1, 64, 4096, 1 << 20};
    for (size_t p = 0; p < 3; p++)
        for (size_t b = 0; b < 4; b++) {
            const double work = 0.5 * (double)points[p] / (double)batches[b];
            struct band_steps s = band_steps_from(0, points[p], batches[b]);
            size_t n = 1;
            assert_int_equal(s.next, 1);
            for (uint64_t last = 1; last < 10000000; last = s.next, n++) {
                band_steps_advance(&s);
                assert_true(s.next > last);
                assert_true((double)(n + 1) * work <= 0.2 * (double)s.next);
            }
            assert_true(n < MOST);
            assert_true(work > 100.0 || (double)n * work < 0.005 * 1e7);
        }
}

static void from_a_step_on_they_are_the_same(void **state)
{
    (void)state;
    struct band_steps all = band_steps_from(0, 16384, 4096);
    for (uint64_t step = 0; step < 5000; step++) {
        const struct band_steps s = band_steps_from(step, 16384, 4096);
        if (all.next < step)
            band_steps_advance(&all);
        assert_int_equal(s.next, all.next);
        assert_int_equal(s.n, all.n);
    }
    assert_int_equal(band_steps_from(0, 0, 4096).next, UINT64_MAX);
}

/* --- a trainer --- */

struct fit {
    struct image image;
    struct field_spec spec;
    struct field *field;
    struct task *task;
    struct team *team;
    struct trainer *trainer;

    size_t n; /* told of the highest band */
    uint64_t step[MOST];
    double value[MOST];
    uint64_t stop_at;
    volatile bool stop;
};

static void on_metric(void *context, const char *key, uint64_t step, double value, double seconds)
{
    struct fit *fit = context;
    (void)seconds;
    if (strcmp(key, "residual_band_5") != 0)
        return;
    assert_true(fit->n < MOST && isfinite(value));
    fit->step[fit->n] = step;
    fit->value[fit->n++] = value;
}

/* It comes at every step with intervals of 0. */
static void on_checkpoint(void *context, uint64_t step)
{
    struct fit *fit = context;
    if (step == fit->stop_at)
        __atomic_store_n(&fit->stop, true, __ATOMIC_RELAXED);
}

static void fit_init(struct fit *fit, struct train_spec train)
{
    const struct task_image_spec task = {.output_activation = ACTIVATION_SIGMOID, .seed = 1};
    *fit = (struct fit){.image = small_picture(32, 25, 3)};
    fit->spec = small_field_spec(&fit->image);
    fit->field = small_field(&fit->spec, 1);
    assert_int_equal(task_image_create(&fit->task, &fit->image, &task, NULL), STATUS_OK);
    assert_int_equal(fit->task->n_band_points, 32 * 25);
    assert_int_equal(team_create(&fit->team, 2, NULL), STATUS_OK);
    assert_int_equal(trainer_create(&fit->trainer, &train, fit->field, fit->task, fit->team, NULL),
                     STATUS_OK);
}

static void fit_deinit(struct fit *fit)
{
    trainer_free(fit->trainer);
    team_free(fit->team);
    task_free(fit->task);
    field_free(fit->field);
    image_deinit(&fit->image);
}

static enum status run(struct fit *fit)
{
    static const struct trainer_intervals always = {0.0, 1e9, 0.0, 0.02};
    const struct trainer_sink sink = {fit, on_metric, NULL, NULL, on_checkpoint};
    enum trainer_stop stopped_by;
    return trainer_run(fit->trainer, &always, &sink, &fit->stop, &stopped_by, NULL);
}

/* With the average of the parameters, too: it is what is measured. */
static void a_trainer_tells_them_at_these_steps_and_at_the_end(void **state)
{
    (void)state;
    for (int is_averaged = 0; is_averaged < 2; is_averaged++) {
        struct train_spec train = small_train_spec();
        struct fit fit, silent;
        train.ema_decay = is_averaged ? 0.9 : 0.0;
        fit_init(&fit, train);
        fit_init(&silent, train);
        assert_int_equal(run(&fit), STATUS_OK);
        struct band_steps s = band_steps_from(0, 32 * 25, train.batch_size);
        size_t n = 0;
        for (; s.next < train.steps; band_steps_advance(&s))
            assert_int_equal(fit.step[n++], s.next);
        assert_int_equal(fit.step[n++], train.steps);
        assert_int_equal(fit.n, n);
        struct task_metrics metrics = {0};
        assert_int_equal(
            fit.task->class->measure_bands(fit.task, fit.field, fit.team, NULL, &metrics, NULL),
            STATUS_OK);
        assert_true(*task_metrics_find(&metrics, "residual_band_5") == fit.value[n - 1]);
        assert_null(task_metrics_find(&metrics, "residual_band_0")); /* waves of 64 pixels */

        while (trainer_get_step(silent.trainer) < train.steps)
            trainer_step(silent.trainer);
        if (!is_averaged)
            assert_memory_equal(field_params(fit.field), field_params(silent.field),
                                field_n_params(fit.field) * sizeof(float));
        fit_deinit(&fit);
        fit_deinit(&silent);
    }
}

/* Stopped at a step of theirs, before it or after it: the series and the bytes are those of an
 * unbroken fit. */
static void a_fit_that_was_stopped_tells_the_same(void **state)
{
    (void)state;
    struct fit unbroken;
    fit_init(&unbroken, small_train_spec());
    assert_int_equal(run(&unbroken), STATUS_OK);
    for (uint64_t at = unbroken.step[2] - 1; at <= unbroken.step[2] + 1; at++) {
        struct fit first, second;
        struct buffer saved;
        buffer_init(&saved, 4 << 20);
        fit_init(&first, small_train_spec());
        fit_init(&second, small_train_spec());
        first.stop_at = at;
        assert_int_equal(run(&first), STATUS_CANCELED);
        assert_int_equal(trainer_save(first.trainer, "a spec", &saved, NULL), STATUS_OK);
        assert_int_equal(trainer_load(second.trainer, saved.data, saved.size, NULL), STATUS_OK);
        assert_int_equal(run(&second), STATUS_OK);
        assert_true(first.n + second.n <= unbroken.n + 1); /* one may be told twice */
        for (size_t i = 0; i < unbroken.n; i++) {
            const struct fit *f = i < first.n ? &first : &second;
            const size_t k = i < first.n ? i : i + second.n - unbroken.n;
            assert_int_equal(f->step[k], unbroken.step[i]);
            assert_true(f->value[k] == unbroken.value[i]);
        }
        assert_memory_equal(field_params(second.field), field_params(unbroken.field),
                            field_n_params(second.field) * sizeof(float));
        buffer_deinit(&saved);
        fit_deinit(&first);
        fit_deinit(&second);
    }
    fit_deinit(&unbroken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cheap_ones_come_by_doubling_and_then_by_quarters),
        cmocka_unit_test(dear_ones_wait_until_they_are_paid_for),
        cmocka_unit_test(all_together_are_a_small_part_of_the_work),
        cmocka_unit_test(from_a_step_on_they_are_the_same),
        cmocka_unit_test(a_trainer_tells_them_at_these_steps_and_at_the_end),
        cmocka_unit_test(a_fit_that_was_stopped_tells_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
