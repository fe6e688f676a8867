/* What a trainer promises about bytes: the same from the same, a resumed fit like an unbroken one,
 * a step that was stopped like one that never began. */
#include "core/field/trainer.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/task/task_image.h"
#include "tests/support/small_encoding.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
#ifdef SANITIZED
    STEPS = 60,
#else
    STEPS = 500,
#endif
    MOST_THREADS = 3,
};

/* Everything a fit is made of.  The task can be replaced before fit_train. */
struct fit {
    struct image image;
    struct field_spec spec;
    struct field *field;
    struct task *task;
    struct team *team;
    struct trainer *trainer;
};

struct fit_settings {
    size_t n_threads;
    enum optimizer_type optimizer;
    enum encoding_type encoding;
    bool trainable;
    enum schedule_type schedule;
    enum activation activation;
};

static struct train_spec train_spec_of(const struct fit_settings *s)
{
    struct train_spec train = small_train_spec();
    train.steps = STEPS;
    train.optimizer.type = s->optimizer;
    train.learning_rate = s->optimizer == OPTIMIZER_SGD ? 0.5 : 3e-3;
    train.schedule = (struct schedule_spec){.type = s->schedule,
                                            .decay_rate = 0.1,
                                            .decay_steps = STEPS,
                                            .floor = 0.1,
                                            .warmup_steps = 5};
    return train;
}

static void fit_init(struct fit *fit, const struct fit_settings *s, uint64_t seed)
{
    *fit = (struct fit){.image = small_picture(24, 20, 3)};
    fit->spec = s->encoding == ENCODING_HASHGRID ? small_grid_field_spec(&fit->image)
                                                 : small_field_spec(&fit->image);
    if (s->encoding == ENCODING_CONCAT)
        fit->spec.encoding = small_encoding(ENCODING_CONCAT, 2);
    fit->spec.encoding.trainable = s->trainable;
    fit->spec.network.activation = s->activation;
    fit->spec.network.omega = 10.0;
    fit->field = small_field(&fit->spec, seed);
    const struct task_image_spec task = {.holdout = HOLDOUT_ODD_PIXELS,
                                         .loss = LOSS_MSE,
                                         .output_activation = ACTIVATION_SIGMOID,
                                         .seed = 1};
    const struct train_spec train = train_spec_of(s);
    assert_int_equal(task_image_create(&fit->task, &fit->image, &task, NULL), STATUS_OK);
    assert_int_equal(team_create(&fit->team, s->n_threads, NULL), STATUS_OK);
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

static void fit_steps(struct fit *fit, size_t n)
{
    for (size_t i = 0; i < n; i++)
        trainer_step(fit->trainer);
}

/* All that the trainer knows: weights, moments, step. */
static struct buffer saved(const struct fit *fit)
{
    struct buffer bytes;
    buffer_init(&bytes, 1 << 20);
    assert_int_equal(trainer_save(fit->trainer, "a spec", &bytes, NULL), STATUS_OK);
    return bytes;
}

static void assert_same_state(const struct fit *a, const struct fit *b)
{
    struct buffer in_a = saved(a), in_b = saved(b);
    assert_int_equal(in_a.size, in_b.size);
    assert_memory_equal(in_a.data, in_b.data, in_a.size);
    buffer_deinit(&in_a);
    buffer_deinit(&in_b);
    assert_memory_equal(field_params(a->field), field_params(b->field),
                        field_n_params(a->field) * sizeof(float));
}

static const struct fit_settings settings[] = {
    {1, OPTIMIZER_ADAM, ENCODING_GAUSSIAN, false, SCHEDULE_CONSTANT, ACTIVATION_RELU},
    {2, OPTIMIZER_ADAM, ENCODING_GAUSSIAN, false, SCHEDULE_COSINE, ACTIVATION_RELU},
    {MOST_THREADS, OPTIMIZER_ADAM, ENCODING_GAUSSIAN, true, SCHEDULE_EXPONENTIAL, ACTIVATION_TANH},
    {1, OPTIMIZER_ADAM, ENCODING_GAUSSIAN, true, SCHEDULE_COSINE, ACTIVATION_SIN},
    {1, OPTIMIZER_SGD, ENCODING_GAUSSIAN, false, SCHEDULE_CONSTANT, ACTIVATION_RELU},
    {2, OPTIMIZER_SGD, ENCODING_GAUSSIAN, true, SCHEDULE_EXPONENTIAL, ACTIVATION_RELU},
    {1, OPTIMIZER_ADAM, ENCODING_HASHGRID, false, SCHEDULE_CONSTANT, ACTIVATION_RELU},
    {MOST_THREADS, OPTIMIZER_ADAM, ENCODING_HASHGRID, false, SCHEDULE_COSINE, ACTIVATION_RELU},
    {2, OPTIMIZER_ADAM, ENCODING_CONCAT, false, SCHEDULE_COSINE, ACTIVATION_RELU},
    {2, OPTIMIZER_SGD, ENCODING_CONCAT, false, SCHEDULE_CONSTANT, ACTIVATION_TANH},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static void training_twice_gives_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct fit a, b;
        fit_init(&a, &settings[i], 1);
        fit_init(&b, &settings[i], 1);
        for (size_t step = 0; step < STEPS / 4; step++)
            assert_true(trainer_step(a.trainer) == trainer_step(b.trainer));
        assert_same_state(&a, &b);
        fit_deinit(&a);
        fit_deinit(&b);
    }
}

static void training_depends_on_the_seed(void **state)
{
    (void)state;
    struct fit a, b;
    fit_init(&a, &settings[0], 1);
    fit_init(&b, &settings[0], 2);
    fit_steps(&a, 3);
    fit_steps(&b, 3);
    assert_memory_not_equal(field_params(a.field), field_params(b.field),
                            field_n_params(a.field) * sizeof(float));
    fit_deinit(&a);
    fit_deinit(&b);
}

static void training_resumed_from_a_checkpoint_gives_the_bytes_of_an_unbroken_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct fit unbroken, first, second;
        fit_init(&unbroken, &settings[i], 1);
        fit_init(&first, &settings[i], 1);
        fit_init(&second, &settings[i], 77); /* its weights must not matter */
        fit_steps(&unbroken, STEPS);
        fit_steps(&first, STEPS / 2);
        fit_steps(&second, 2);
        struct buffer bytes = saved(&first);
        assert_int_equal(trainer_load(second.trainer, bytes.data, bytes.size, NULL), STATUS_OK);
        assert_int_equal(trainer_get_step(second.trainer), STEPS / 2);
        fit_steps(&second, STEPS - STEPS / 2);
        assert_same_state(&unbroken, &second);
        buffer_deinit(&bytes);
        fit_deinit(&unbroken);
        fit_deinit(&first);
        fit_deinit(&second);
    }
}

static void training_lowers_the_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct fit fit;
        fit_init(&fit, &settings[i], 1);
        double first = trainer_step(fit.trainer), last = 0.0;
        fit_steps(&fit, STEPS - 11);
        for (size_t step = 0; step < 10; step++)
            last += trainer_step(fit.trainer) / 10.0;
        assert_true(last < 0.8 * first);
        fit_deinit(&fit);
    }
}

/* --- stopping in the middle of a step --- */

/* A task that passes everything on, and raises a flag when it draws a certain tile. */
struct interrupting_task {
    struct task task; /* first */
    const struct task *inner;
    uint64_t at_step;
    size_t at_point;
    volatile bool stop;
};

static void interrupting_draw(const struct task *task, struct task_tile *tile)
{
    /* A task is const while it trains; this one has to raise its flag. */
    struct interrupting_task *t = (struct interrupting_task *)(uintptr_t)task;
    if (tile->step == t->at_step && tile->first <= t->at_point &&
        t->at_point < tile->first + tile->n)
        __atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
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
    const struct interrupting_task *t = (const struct interrupting_task *)task;
    return t->inner->class->evaluate(t->inner, f, team, how, out, err);
}

static const struct task_class interrupting_class = {
    .name = "interrupting",
    .draw = interrupting_draw,
    .loss = interrupting_loss,
    .evaluate = interrupting_evaluate,
};

static void stop_in_the_middle_of_a_step_leaves_the_state_as_before_it(void **state)
{
    (void)state;
    enum { AT_STEP = 7, AFTER = 5 };
    static const size_t at_points[] = {0, 60, 119};
    const struct trainer_intervals never = {1e9, 1e9, 1e9, 0.02};
    const struct trainer_sink silent = {0};
    for (size_t i = 0; i < N_SETTINGS; i++)
        for (size_t p = 0; p < sizeof at_points / sizeof *at_points; p++) {
            struct fit unbroken, stopped;
            fit_init(&unbroken, &settings[i], 1);
            fit_init(&stopped, &settings[i], 1);
            struct interrupting_task task = {.task = *stopped.task,
                                             .inner = stopped.task,
                                             .at_step = AT_STEP,
                                             .at_point = at_points[p]};
            task.task.class = &interrupting_class;
            struct train_spec train = train_spec_of(&settings[i]);
            trainer_free(stopped.trainer);
            assert_int_equal(trainer_create(&stopped.trainer, &train, stopped.field, &task.task,
                                            stopped.team, NULL),
                             STATUS_OK);
            enum trainer_stop stopped_by;
            struct error err = {0};
            enum status status =
                trainer_run(stopped.trainer, &never, &silent, &task.stop, &stopped_by, &err);
            assert_int_equal(status, STATUS_CANCELED);
            assert_int_equal(err.status, STATUS_CANCELED);
            /* A flag that rises in a member's last tile may only be seen at the next step. */
            const uint64_t step = trainer_get_step(stopped.trainer);
            assert_in_range(step, AT_STEP, AT_STEP + 1);
            fit_steps(&unbroken, step);
            assert_memory_equal(field_params(unbroken.field), field_params(stopped.field),
                                field_n_params(unbroken.field) * sizeof(float));
            fit_steps(&unbroken, AFTER);
            fit_steps(&stopped, AFTER);
            assert_memory_equal(field_params(unbroken.field), field_params(stopped.field),
                                field_n_params(unbroken.field) * sizeof(float));
            fit_deinit(&unbroken);
            fit_deinit(&stopped);
        }
}

/* --- checkpoints --- */

static void checkpoint_refuses_another_optimizer_field_or_damage(void **state)
{
    (void)state;
    struct fit adam, sgd;
    fit_init(&adam, &settings[0], 1);
    fit_init(&sgd, &settings[4], 2);
    fit_steps(&adam, 3);
    struct buffer bytes = saved(&adam);
    struct buffer before = saved(&sgd);
    struct error err = {0};
    assert_int_equal(trainer_load(sgd.trainer, bytes.data, bytes.size, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "adam"));
    error_clear(&err);
    assert_int_equal(trainer_load(adam.trainer, before.data, before.size, &err), STATUS_INVALID);
    for (size_t n = 0; n < bytes.size; n += bytes.size / 50)
        assert_int_equal(trainer_load(sgd.trainer, bytes.data, n, NULL), STATUS_INVALID);

    struct fit wider = {.image = small_picture(24, 20, 3)};
    wider.spec = small_field_spec(&wider.image);
    wider.spec.network.width = 25;
    wider.field = small_field(&wider.spec, 1);
    const struct train_spec train = train_spec_of(&settings[0]);
    assert_int_equal(
        trainer_create(&wider.trainer, &train, wider.field, adam.task, adam.team, NULL), STATUS_OK);
    assert_int_equal(trainer_load(wider.trainer, bytes.data, bytes.size, NULL), STATUS_INVALID);

    struct buffer after = saved(&sgd);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    buffer_deinit(&bytes);
    buffer_deinit(&before);
    buffer_deinit(&after);
    fit_deinit(&wider);
    fit_deinit(&adam);
    fit_deinit(&sgd);
}

static void checkpoint_can_be_opened_as_a_field(void **state)
{
    (void)state;
    struct fit fit;
    fit_init(&fit, &settings[2], 1);
    fit_steps(&fit, 5);
    struct buffer bytes = saved(&fit);
    struct field *f = small_field(&fit.spec, 9);
    assert_int_equal(field_load(f, bytes.data, bytes.size, NULL), STATUS_OK);
    assert_memory_equal(field_params(f), field_params(fit.field),
                        field_n_params(f) * sizeof(float));
    field_free(f);
    buffer_deinit(&bytes);
    fit_deinit(&fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_twice_gives_the_same_bytes),
        cmocka_unit_test(training_depends_on_the_seed),
        cmocka_unit_test(training_resumed_from_a_checkpoint_gives_the_bytes_of_an_unbroken_one),
        cmocka_unit_test(training_lowers_the_loss),
        cmocka_unit_test(stop_in_the_middle_of_a_step_leaves_the_state_as_before_it),
        cmocka_unit_test(checkpoint_refuses_another_optimizer_field_or_damage),
        cmocka_unit_test(checkpoint_can_be_opened_as_a_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
