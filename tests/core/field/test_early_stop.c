/* Fits that stop when held-out pixels come out no better: what is published, and that it does not
 * depend on interruptions. */
#include "core/field/early_stop.h"

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

enum { MAX_EVALUATIONS = 500, PATIENCE = 4, PERIOD = 40 };

/* Everything a fit is made of, and what its trainer told. */
struct fit {
    struct image image;
    struct field_spec spec;
    struct field *field;
    struct task *task;
    struct team *team;
    struct trainer *trainer;

    double test_psnr[MAX_EVALUATIONS];
    uint64_t step[MAX_EVALUATIONS];
    size_t n;
    uint64_t save_at; /* save a checkpoint after this step, and stop; 0: do not */
    struct buffer saved;
    volatile bool stop;
};

static void on_metric(void *context, const char *key, uint64_t step, double value, double seconds)
{
    struct fit *fit = context;
    (void)seconds;
    if (strcmp(key, "test_psnr") != 0)
        return;
    assert_true(fit->n < MAX_EVALUATIONS);
    fit->test_psnr[fit->n] = value;
    fit->step[fit->n++] = step;
}

static void save(struct fit *fit)
{
    buffer_deinit(&fit->saved);
    buffer_init(&fit->saved, 4 << 20);
    assert_int_equal(trainer_save(fit->trainer, "a spec", &fit->saved, NULL), STATUS_OK);
}

static void on_checkpoint(void *context, uint64_t step)
{
    struct fit *fit = context;
    if (step != fit->save_at)
        return;
    save(fit);
    __atomic_store_n(&fit->stop, true, __ATOMIC_RELAXED);
}

/* Frequencies far above what the pixels can tell: a fit gets worse between them before long. */
static struct train_spec train_spec_of(uint64_t steps, uint64_t patience)
{
    struct train_spec train = small_train_spec();
    train.steps = steps;
    train.early_stop = patience;
    train.learning_rate = 3e-3;
    return train;
}

static void fit_init(struct fit *fit, double sigma, size_t n_threads, uint64_t steps,
                     uint64_t patience)
{
    const struct task_image_spec task = {.holdout = HOLDOUT_FRACTION,
                                         .holdout_fraction = 0.3,
                                         .loss = LOSS_MSE,
                                         .output_activation = ACTIVATION_SIGMOID,
                                         .seed = 1};
    const struct train_spec train = train_spec_of(steps, patience);
    *fit = (struct fit){.image = small_picture(32, 25, 1)};
    fit->spec = small_field_spec(&fit->image);
    fit->spec.encoding.sigma = sigma;
    fit->spec.encoding.n_frequencies = 48;
    fit->field = small_field(&fit->spec, 1);
    assert_int_equal(task_image_create(&fit->task, &fit->image, &task, NULL), STATUS_OK);
    assert_int_equal(team_create(&fit->team, n_threads, NULL), STATUS_OK);
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
    buffer_deinit(&fit->saved);
}

static enum status run(struct fit *fit, enum trainer_stop *stopped_by)
{
    /* Losses and checkpoints at every step, and so what is evaluated for early stopping, but no
     * other evaluations. */
    static const struct trainer_intervals always = {0.0, 1e9, 0.0, 0.02};
    const struct trainer_sink sink = {fit, on_metric, NULL, NULL, on_checkpoint};
    return trainer_run(fit->trainer, &always, &sink, &fit->stop, stopped_by, NULL);
}

static double test_psnr_of(const struct fit *fit)
{
    struct task_metrics metrics = {0};
    assert_int_equal(fit->task->class->evaluate(fit->task, fit->field, fit->team,
                                                &(struct task_evaluation){.effort = EVALUATE_QUICK},
                                                &metrics, NULL),
                     STATUS_OK);
    return *task_metrics_find(&metrics, "test_psnr");
}

/* The evaluation that told the most. */
static size_t best_of(const struct fit *fit)
{
    size_t best = 0;
    for (size_t i = 1; i < fit->n; i++)
        if (fit->test_psnr[i] > fit->test_psnr[best])
            best = i;
    return best;
}

static void a_fit_that_gets_worse_stops_and_its_field_is_the_best(void **state)
{
    (void)state;
    struct fit fit;
    enum trainer_stop stopped_by = STOPPED_BY_STEPS;
    fit_init(&fit, 20.0, 2, 100000, PATIENCE);
    assert_int_equal(run(&fit, &stopped_by), STATUS_OK);
    assert_int_equal(stopped_by, STOPPED_BY_EARLY_STOP);
    assert_string_equal(trainer_stop_name(stopped_by), "early_stop");
    const size_t best = best_of(&fit);
    for (size_t i = 0; i < fit.n; i++)
        assert_int_equal(fit.step[i], (i + 1) * PERIOD);
    assert_int_equal(fit.n, best + 1 + PATIENCE);
    assert_true(best > 0);
    assert_int_equal(trainer_get_step(fit.trainer), fit.n * PERIOD);
    assert_int_equal(trainer_get_field_step(fit.trainer), fit.step[best]);
    assert_true(test_psnr_of(&fit) == fit.test_psnr[best]);

    assert_int_equal(run(&fit, &stopped_by), STATUS_OK); /* once more: nothing left to do */
    assert_int_equal(stopped_by, STOPPED_BY_EARLY_STOP);
    assert_int_equal(trainer_get_step(fit.trainer), fit.step[best] + PATIENCE * PERIOD);
    assert_true(test_psnr_of(&fit) == fit.test_psnr[best]);
    fit_deinit(&fit);
}

/* All pixels of a smooth picture from slow frequencies: the last step is the best, due or not. */
static void a_fit_that_gets_better_ends_by_steps_with_the_last(void **state)
{
    (void)state;
    static const uint64_t steps[] = {PERIOD - 1, 3 * PERIOD, 3 * PERIOD + 7};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct fit fit;
        enum trainer_stop stopped_by = STOPPED_BY_TIME_LIMIT;
        fit_init(&fit, 1.0, 2, steps[i], PATIENCE);
        assert_int_equal(run(&fit, &stopped_by), STATUS_OK);
        assert_int_equal(stopped_by, STOPPED_BY_STEPS);
        assert_int_equal(trainer_get_field_step(fit.trainer), steps[i]);
        for (size_t e = 0; e < fit.n; e++)
            assert_true(test_psnr_of(&fit) > fit.test_psnr[e]);
        fit_deinit(&fit);
    }
}

static void a_fit_that_ends_by_steps_has_the_best_field_too(void **state)
{
    (void)state;
    for (uint64_t extra = 0; extra < 2; extra++) {
        struct fit fit;
        enum trainer_stop stopped_by;
        fit_init(&fit, 20.0, 2, 40 * PERIOD + extra, 1000);
        assert_int_equal(run(&fit, &stopped_by), STATUS_OK);
        assert_int_equal(stopped_by, STOPPED_BY_STEPS);
        const size_t best = best_of(&fit);
        assert_true(best + PATIENCE < fit.n);
        assert_int_equal(trainer_get_field_step(fit.trainer), fit.step[best]);
        assert_true(test_psnr_of(&fit) == fit.test_psnr[best]);
        fit_deinit(&fit);
    }
}

/* Of two fits that have ended: the same steps, the same field, the same last parameters. */
static void assert_same_end(struct fit *a, struct fit *b)
{
    const size_t n_bytes = field_n_params(a->field) * sizeof(float);
    assert_int_equal(trainer_get_step(a->trainer), trainer_get_step(b->trainer));
    assert_int_equal(trainer_get_field_step(a->trainer), trainer_get_field_step(b->trainer));
    assert_memory_equal(field_params(a->field), field_params(b->field), n_bytes);
    assert_true(trainer_step(a->trainer) == trainer_step(b->trainer));
    assert_memory_equal(field_params(a->field), field_params(b->field), n_bytes);
}

static void a_resumed_fit_stops_where_an_unbroken_one_does(void **state)
{
    (void)state;
    enum trainer_stop stopped_by;
    struct fit unbroken;
    fit_init(&unbroken, 20.0, 1, 100000, PATIENCE);
    assert_int_equal(run(&unbroken, &stopped_by), STATUS_OK);
    const uint64_t best = unbroken.step[best_of(&unbroken)];
    const uint64_t at[] = {
        1, PERIOD, PERIOD + 1, best, best + 1, best + PERIOD, best + PATIENCE * PERIOD - 1};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct fit whole, first, second;
        fit_init(&whole, 20.0, 1, 100000, PATIENCE);
        fit_init(&first, 20.0, 2, 100000, PATIENCE);
        fit_init(&second, 20.0, 1 + i % 2, 100000, PATIENCE);
        assert_int_equal(run(&whole, &stopped_by), STATUS_OK);
        first.save_at = at[i];
        assert_int_equal(run(&first, &stopped_by), STATUS_CANCELED);
        assert_int_equal(trainer_load(second.trainer, first.saved.data, first.saved.size, NULL),
                         STATUS_OK);
        assert_int_equal(trainer_get_step(second.trainer), at[i]);
        assert_int_equal(run(&second, &stopped_by), STATUS_OK);
        assert_int_equal(stopped_by, STOPPED_BY_EARLY_STOP);
        assert_same_end(&whole, &second);
        fit_deinit(&whole);
        fit_deinit(&first);
        fit_deinit(&second);
    }
    fit_deinit(&unbroken);
}

/* A fit that has ended, by steps or early, is saved as it was before the best took its place. */
static void an_ended_fit_goes_on_as_if_more_steps_had_been_asked_for(void **state)
{
    (void)state;
    static const uint64_t ends[] = {7, 3 * PERIOD, 30 * PERIOD, 30 * PERIOD + 3};
    enum { STEPS = 36 * PERIOD };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        enum trainer_stop stopped_by;
        struct fit whole, first, second;
        fit_init(&whole, 20.0, 2, STEPS, 1000);
        fit_init(&first, 20.0, 2, ends[i], 1000);
        fit_init(&second, 20.0, 2, STEPS, 1000);
        assert_int_equal(run(&whole, &stopped_by), STATUS_OK);
        assert_int_equal(run(&first, &stopped_by), STATUS_OK);
        save(&first);
        assert_int_equal(trainer_load(second.trainer, first.saved.data, first.saved.size, NULL),
                         STATUS_OK);
        assert_int_equal(trainer_get_field_step(second.trainer), ends[i]);
        assert_int_equal(run(&second, &stopped_by), STATUS_OK);
        assert_int_equal(stopped_by, STOPPED_BY_STEPS);
        assert_same_end(&whole, &second);
        fit_deinit(&whole);
        fit_deinit(&first);
        fit_deinit(&second);
    }
}

/* --- stopping between a step and its evaluation --- */

struct interrupting_task {
    struct task task; /* first */
    const struct task *inner;
    size_t n_left; /* evaluations until the one that is stopped */
    volatile bool *stop;
};

static void interrupting_draw(const struct task *task, struct task_tile *tile)
{
    const struct interrupting_task *t = (const struct interrupting_task *)task;
    t->inner->class->draw(t->inner, tile);
}

static double interrupting_loss(const struct task *task, const struct task_tile *tile)
{
    const struct interrupting_task *t = (const struct interrupting_task *)task;
    return t->inner->class->loss(t->inner, tile);
}

static enum status interrupting_evaluate(const struct task *task, const struct field *f,
                                         struct team *team, const struct task_evaluation *how,
                                         struct task_metrics *out, struct error *err)
{
    /* A task is const while it trains; this one has to count. */
    struct interrupting_task *t = (struct interrupting_task *)(uintptr_t)task;
    if (t->n_left-- == 0)
        __atomic_store_n(t->stop, true, __ATOMIC_RELAXED);
    return t->inner->class->evaluate(t->inner, f, team, how, out, err);
}

static const struct task_class interrupting_class = {
    .name = "interrupting",
    .draw = interrupting_draw,
    .loss = interrupting_loss,
    .evaluate = interrupting_evaluate,
};

static void an_evaluation_that_was_stopped_is_made_good(void **state)
{
    (void)state;
    enum trainer_stop stopped_by;
    struct fit unbroken;
    fit_init(&unbroken, 20.0, 2, 100000, PATIENCE);
    assert_int_equal(run(&unbroken, &stopped_by), STATUS_OK);
    const size_t best = best_of(&unbroken), last = unbroken.n - 1;
    const size_t at[] = {0, best, last};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct fit whole, first, second;
        fit_init(&whole, 20.0, 2, 100000, PATIENCE);
        fit_init(&first, 20.0, 2, 100000, PATIENCE);
        fit_init(&second, 20.0, 2, 100000, PATIENCE);
        assert_int_equal(run(&whole, &stopped_by), STATUS_OK);
        struct interrupting_task task = {
            .task = *first.task, .inner = first.task, .n_left = at[i], .stop = &first.stop};
        const struct train_spec train = train_spec_of(100000, PATIENCE);
        task.task.class = &interrupting_class;
        trainer_free(first.trainer);
        assert_int_equal(
            trainer_create(&first.trainer, &train, first.field, &task.task, first.team, NULL),
            STATUS_OK);
        assert_int_equal(run(&first, &stopped_by), STATUS_CANCELED);
        assert_int_equal(trainer_get_step(first.trainer), (at[i] + 1) * PERIOD);
        save(&first);
        assert_int_equal(trainer_load(second.trainer, first.saved.data, first.saved.size, NULL),
                         STATUS_OK);
        assert_int_equal(run(&second, &stopped_by), STATUS_OK);
        assert_int_equal(stopped_by, STOPPED_BY_EARLY_STOP);
        assert_same_end(&whole, &second);
        fit_deinit(&whole);
        fit_deinit(&first);
        fit_deinit(&second);
    }
    fit_deinit(&unbroken);
}

/* --- the rest --- */

static void looking_does_not_change_what_is_trained(void **state)
{
    (void)state;
    enum trainer_stop stopped_by;
    struct fit with, without;
    fit_init(&with, 20.0, 2, 20 * PERIOD, 1000);
    fit_init(&without, 20.0, 2, 20 * PERIOD, 0);
    assert_int_equal(run(&with, &stopped_by), STATUS_OK);
    assert_int_equal(run(&without, &stopped_by), STATUS_OK);
    assert_int_equal(trainer_get_field_step(without.trainer), 20 * PERIOD);
    save(&with);
    struct fit last;
    fit_init(&last, 20.0, 2, 20 * PERIOD, 0); /* takes no notice of the best */
    assert_int_equal(trainer_load(last.trainer, with.saved.data, with.saved.size, NULL), STATUS_OK);
    assert_memory_equal(field_params(last.field), field_params(without.field),
                        field_n_params(last.field) * sizeof(float));
    assert_true(trainer_step(last.trainer) == trainer_step(without.trainer));
    fit_deinit(&with);
    fit_deinit(&without);
    fit_deinit(&last);
}

static void evaluations_take_a_part_of_the_points_trained(void **state)
{
    (void)state;
    static const struct {
        size_t n_evaluated, batch_size, period;
    } rows[] = {{100, 1000, 10},    {32768, 65536, 10}, {32768, 16384, 20},
                {32768, 1024, 320}, {799, 200, 40},     {801, 200, 41}};
    const struct image image = {.width = 4, .height = 4, .channels = 1};
    const struct field_spec spec = small_field_spec(&image);
    struct field *f = small_field(&spec, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct early_stop e;
        assert_int_equal(early_stop_init(&e, 3, rows[i].n_evaluated, rows[i].batch_size, f, NULL),
                         STATUS_OK);
        assert_int_equal(e.period, rows[i].period);
        assert_false(early_stop_is_due(&e, 0));
        assert_false(early_stop_is_due(&e, e.period - 1));
        assert_true(early_stop_is_due(&e, e.period));
        early_stop_deinit(&e);
    }
    field_free(f);
}

static void a_fit_without_held_out_samples_cannot_stop_early(void **state)
{
    (void)state;
    struct fit fit;
    fit_init(&fit, 1.0, 1, 10, 0);
    const struct task_image_spec task = {.loss = LOSS_MSE, .output_activation = ACTIVATION_SIGMOID};
    const struct train_spec train = train_spec_of(10, 1);
    struct task *all = NULL;
    struct trainer *t = NULL;
    struct error err = {0};
    assert_int_equal(task_image_create(&all, &fit.image, &task, NULL), STATUS_OK);
    assert_int_equal(trainer_create(&t, &train, fit.field, all, fit.team, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/train/early_stop");
    assert_null(t);
    task_free(all);
    fit_deinit(&fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_that_gets_worse_stops_and_its_field_is_the_best),
        cmocka_unit_test(a_fit_that_gets_better_ends_by_steps_with_the_last),
        cmocka_unit_test(a_fit_that_ends_by_steps_has_the_best_field_too),
        cmocka_unit_test(a_resumed_fit_stops_where_an_unbroken_one_does),
        cmocka_unit_test(an_ended_fit_goes_on_as_if_more_steps_had_been_asked_for),
        cmocka_unit_test(an_evaluation_that_was_stopped_is_made_good),
        cmocka_unit_test(looking_does_not_change_what_is_trained),
        cmocka_unit_test(evaluations_take_a_part_of_the_points_trained),
        cmocka_unit_test(a_fit_without_held_out_samples_cannot_stop_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
