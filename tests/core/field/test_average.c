/* The average of a fit's weights: what it is, that training does not see it, and that it does not
 * depend on interruptions. */
#include "core/field/average.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/field/trainer.h"
#include "core/task/task_image.h"
#include "tests/support/compare.h"
#include "tests/support/small_fit.h"

static const double decay = 0.97;

struct fit {
    struct image image;
    struct field *field;
    struct task *task;
    struct team *team;
    struct trainer *trainer;
};

static enum status fit_try(struct fit *fit, uint64_t steps, double ema_decay, size_t n_threads,
                           uint64_t early_stop)
{
    const struct task_image_spec task = {.holdout = HOLDOUT_FRACTION,
                                         .holdout_fraction = 0.3,
                                         .loss = LOSS_MSE,
                                         .output_activation = ACTIVATION_SIGMOID,
                                         .seed = 1};
    struct train_spec train = small_train_spec();
    train.steps = steps;
    train.ema_decay = ema_decay;
    train.early_stop = early_stop;
    *fit = (struct fit){.image = small_picture(32, 25, 1)};
    const struct field_spec spec = small_field_spec(&fit->image);
    fit->field = small_field(&spec, 1);
    assert_int_equal(task_image_create(&fit->task, &fit->image, &task, NULL), STATUS_OK);
    assert_int_equal(team_create(&fit->team, n_threads, NULL), STATUS_OK);
    return trainer_create(&fit->trainer, &train, fit->field, fit->task, fit->team, NULL);
}

static void fit_init(struct fit *fit, uint64_t steps, double ema_decay, size_t n_threads)
{
    assert_int_equal(fit_try(fit, steps, ema_decay, n_threads, 0), STATUS_OK);
}

static void fit_deinit(struct fit *fit)
{
    trainer_free(fit->trainer);
    team_free(fit->team);
    task_free(fit->task);
    field_free(fit->field);
    image_deinit(&fit->image);
}

static void run(struct fit *fit)
{
    static const struct trainer_intervals never = {1e9, 1e9, 1e9, 0.02};
    static const struct trainer_sink sink = {.context = NULL};
    enum trainer_stop stopped_by;
    assert_int_equal(trainer_run(fit->trainer, &never, &sink, NULL, &stopped_by, NULL), STATUS_OK);
}

static struct buffer saved(const struct fit *fit)
{
    struct buffer bytes;
    buffer_init(&bytes, 4 << 20);
    assert_int_equal(trainer_save(fit->trainer, "a spec", &bytes, NULL), STATUS_OK);
    return bytes;
}

/* The parameters after `steps` steps, for mem_free; from the formula where there is an average. */
static double *expected_after(uint64_t steps, bool is_average, size_t *n)
{
    struct fit fit;
    fit_init(&fit, steps, 0.0, 1);
    const float *params = field_params_const(fit.field);
    *n = field_n_params(fit.field);
    double *average = mem_alloc_array(*n, sizeof *average);
    assert_non_null(average);
    double count = 0;
    for (uint64_t step = 1; step <= steps; step++) {
        trainer_step(fit.trainer);
        if (is_average && (step < 64 || step % 16 != 0))
            continue;
        count++;
        const double weight = is_average ? fmax(1 - pow(decay, 16), 1 / count) : 1.0;
        for (size_t i = 0; i < *n; i++)
            average[i] += weight * ((double)params[i] - average[i]);
    }
    fit_deinit(&fit);
    return average;
}

static void a_fit_shows_the_average_of_its_last_steps(void **state)
{
    (void)state;
    static const struct {
        uint64_t steps;
        bool is_average;
    } cases[] = {{1, false}, {63, false}, {64, true}, {79, true}, {96, true}, {300, true}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t n;
        double *expected = expected_after(cases[c].steps, cases[c].is_average, &n);
        for (size_t n_threads = 1; n_threads <= 3; n_threads += 2) {
            struct fit fit;
            fit_init(&fit, cases[c].steps, decay, n_threads);
            run(&fit);
            const double error = compare_relative(n, field_params_const(fit.field), expected);
            assert_true(n_threads > 1 || error < 1e-6);
            assert_true(error < 1e-3); /* three threads add in another order */
            fit_deinit(&fit);
        }
        mem_free(expected);
    }
}

/* What a checkpoint says of training is the same with an average and without. */
static void training_does_not_see_the_average(void **state)
{
    (void)state;
    struct fit with, without;
    fit_init(&with, 200, decay, 2);
    fit_init(&without, 200, 0.0, 2);
    run(&with);
    run(&without);
    const size_t bytes = field_n_params(with.field) * sizeof(float);
    assert_memory_not_equal(field_params(with.field), field_params(without.field), bytes);
    struct buffer kept = saved(&with);
    struct fit other;
    fit_init(&other, 200, 0.0, 2);
    assert_int_equal(trainer_load(other.trainer, kept.data, kept.size, NULL), STATUS_OK);
    assert_memory_equal(field_params(other.field), field_params(without.field), bytes);
    buffer_deinit(&kept);
    fit_deinit(&other);
    fit_deinit(&with);
    fit_deinit(&without);
}

/* Saved in the middle, or at its end where the average is shown: it goes on as if it had not. */
static void a_resumed_fit_has_the_same_average(void **state)
{
    (void)state;
    struct fit whole;
    fit_init(&whole, 250, decay, 2);
    run(&whole);
    const size_t bytes = field_n_params(whole.field) * sizeof(float);
    static const uint64_t cuts[] = {20, 64, 100, 249};
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++)
        for (int is_ended = 0; is_ended < 2; is_ended++) {
            struct fit first, second;
            fit_init(&first, cuts[c], decay, 2);
            fit_init(&second, 250, decay, 2);
            if (is_ended)
                run(&first);
            for (uint64_t step = 0; !is_ended && step < cuts[c]; step++)
                trainer_step(first.trainer);
            struct buffer kept = saved(&first);
            assert_int_equal(trainer_load(second.trainer, kept.data, kept.size, NULL), STATUS_OK);
            run(&second);
            assert_memory_equal(field_params(second.field), field_params(whole.field), bytes);
            buffer_deinit(&kept);
            fit_deinit(&first);
            fit_deinit(&second);
        }
    fit_deinit(&whole);
}

/* A step after the end goes on from the parameters, not from their average. */
static void steps_go_on_from_the_parameters(void **state)
{
    (void)state;
    struct fit fit, plain;
    fit_init(&fit, 128, decay, 1);
    fit_init(&plain, 128, 0.0, 1);
    run(&fit);
    run(&plain);
    assert_true(trainer_step(fit.trainer) == trainer_step(plain.trainer));
    assert_memory_equal(field_params(fit.field), field_params(plain.field),
                        field_n_params(fit.field) * sizeof(float));
    fit_deinit(&fit);
    fit_deinit(&plain);
}

static double test_psnr_of(const struct fit *fit)
{
    struct task_metrics metrics = {0};
    const struct task_evaluation quick = {.effort = EVALUATE_QUICK};
    assert_int_equal(
        fit->task->class->evaluate(fit->task, fit->field, fit->team, &quick, &metrics, NULL),
        STATUS_OK);
    return *task_metrics_find(&metrics, "test_psnr");
}

static void keep_best(void *context, const char *key, uint64_t step, double value, double seconds)
{
    (void)step;
    (void)seconds;
    double *best = context;
    if (strcmp(key, "test_psnr") == 0)
        *best = fmax(*best, value);
}

/* The best that early stopping finds is the best of what was shown. */
static void early_stopping_keeps_the_best_average(void **state)
{
    (void)state;
    static const struct trainer_intervals always = {0.0, 1e9, 1e9, 0.02};
    double best = 0;
    const struct trainer_sink sink = {.context = &best, .metric = keep_best};
    enum trainer_stop stopped_by;
    struct fit fit;
    assert_int_equal(fit_try(&fit, 400, decay, 2, 50), STATUS_OK);
    assert_int_equal(trainer_run(fit.trainer, &always, &sink, NULL, &stopped_by, NULL), STATUS_OK);
    assert_true(best > 0 && test_psnr_of(&fit) >= best);
    fit_deinit(&fit);
}

static void decays_of_one_and_more_are_refused(void **state)
{
    (void)state;
    static const double bad[] = {1.0, -0.1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fit fit;
        assert_int_equal(fit_try(&fit, 10, bad[i], 1, 0), STATUS_INVALID);
        fit_deinit(&fit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_shows_the_average_of_its_last_steps),
        cmocka_unit_test(training_does_not_see_the_average),
        cmocka_unit_test(a_resumed_fit_has_the_same_average),
        cmocka_unit_test(steps_go_on_from_the_parameters),
        cmocka_unit_test(early_stopping_keeps_the_best_average),
        cmocka_unit_test(decays_of_one_and_more_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
