/*
 * Steps of a task whose measurement spans all points: a toy one, every number of which depends on
 * every point.
 *
 *   y_m = sum over points i and channels c of A[m, i, c] value[i, c];   loss = 1/2 mean (y - p)^2
 *
 * The gradient that a step leaves is compared with differences of the loss of the twin.
 */
#include "core/field/stepper.h"

#include <math.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"
#include "tests/support/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RATE = 64, N_POINTS = 700, N_MEASURED = 24, N_OUTPUTS = 2, N_PARAMS = 1 << 14 };

struct toy {
    struct task task;
    float measured[N_MEASURED];
    volatile bool *stop; /* raised in the measurement; or NULL */
    bool is_broken;      /* measures infinity */
};

static float weight_of(size_t m, size_t i, size_t c)
{
    return sinf((float)(1 + m) * 0.37f * (float)(i % 61 + 1) + (float)c) / 50.0f;
}

/* What values of 0.5 + 0.4 cos (3 i) would measure. */
static float measured(size_t m)
{
    float y = 0.0f;
    for (size_t i = 0; i < N_POINTS; i++)
        for (size_t c = 0; c < N_OUTPUTS; c++)
            y += weight_of(m, i, c) * (0.5f + 0.4f * cosf(3.0f * (float)i));
    return y;
}

static void draw(const struct task *task, struct task_tile *tile)
{
    (void)task;
    for (size_t i = 0; i < tile->n; i++) {
        const size_t point = tile->first + i;
        tile->coords[2 * i] = ((float)(point % 28) + 0.5f) / 28.0f;
        tile->coords[2 * i + 1] = ((float)(point / 28) + 0.5f) / 25.0f;
    }
}

/* Residuals, a share of them for each member; then their gradients, a share of the points. */
static void measure(const struct task *task, const struct task_measurement *m)
{
    const struct toy *toy = (const struct toy *)task;
    for (size_t part = m->member; part < m->n_parts; part += m->n_members) {
        size_t first, count;
        team_share(N_MEASURED, 1, m->n_parts, part, &first, &count);
        m->loss[part] = toy->is_broken ? INFINITY : 0.0;
        for (size_t k = first; k < first + count; k++) {
            float y = -toy->measured[k];
            for (size_t i = 0; i < N_POINTS * N_OUTPUTS; i++)
                y += weight_of(k, i / N_OUTPUTS, i % N_OUTPUTS) * m->values[i];
            m->scratch[k] = y / (float)N_MEASURED;
            m->loss[part] += 0.5 * (double)y * (double)y / N_MEASURED;
        }
    }
    task_meet(m);
    size_t first, count;
    team_share(N_POINTS * N_OUTPUTS, 1, m->n_members, m->member, &first, &count);
    for (size_t i = first; i < first + count; i++) {
        m->d_values[i] = 0.0f;
        for (size_t k = 0; k < N_MEASURED; k++)
            m->d_values[i] += weight_of(k, i / N_OUTPUTS, i % N_OUTPUTS) * m->scratch[k];
    }
    if (toy->stop && m->member == 0)
        __atomic_store_n(toy->stop, true, __ATOMIC_RELAXED);
}

static size_t n_scratch(const struct task *task, size_t n_parts)
{
    (void)task;
    (void)n_parts;
    return N_MEASURED;
}

static const struct task_class toy_class = {
    .name = "toy", .draw = draw, .measure = measure, .n_scratch = n_scratch};

static struct toy toy_task(void)
{
    struct toy toy = {.task = {.class = &toy_class,
                               .n_inputs = 2,
                               .n_outputs = N_OUTPUTS,
                               .group_size = 1,
                               .n_samples = N_POINTS}};
    for (size_t k = 0; k < N_MEASURED; k++)
        toy.measured[k] = measured(k);
    return toy;
}

/* A field, its spec on a grid or on frequencies, and what steps it. */
struct fixture {
    struct toy toy;
    struct field_spec spec;
    struct field *field;
    struct team *team;
    struct stepper *stepper;
};

static void fixture_init(struct fixture *f, bool is_grid, enum optimizer_type optimizer,
                         enum precision precision, size_t n_threads)
{
    const struct image image = {.width = 28, .height = 25, .channels = N_OUTPUTS};
    const struct optimizer_spec spec = {optimizer, 0.9, 0.99, 1e-15};
    *f = (struct fixture){.toy = toy_task()};
    f->spec = is_grid ? small_grid_field_spec(&image) : small_field_spec(&image);
    f->spec.network.activation = ACTIVATION_TANH; /* no kinks, where differences see two slopes */
    f->field = small_field(&f->spec, 5);
    if (is_grid) /* so that the grid has something to say */
        for (size_t i = 0; i < encoding_n_table(field_encoding(f->field)); i++)
            field_params(f->field)[i] *= 1000.0f;
    assert_int_equal(team_create(&f->team, n_threads, NULL), STATUS_OK);
    assert_int_equal(stepper_create(&f->stepper, &spec, precision, N_POINTS, f->field, &f->toy.task,
                                    f->team, NULL),
                     STATUS_OK);
}

static void fixture_deinit(struct fixture *f)
{
    stepper_free(f->stepper);
    team_free(f->team);
    field_free(f->field);
}

static enum step_outcome step(struct fixture *f, uint64_t number, double rate, double *loss)
{
    return stepper_step(f->stepper, number, rate, NULL, loss);
}

/* --- the gradient --- */

/* Parameters as the twin has them: the encoding's tensors, then the layers. */
static void to_twin(const struct fixture *f, double *out)
{
    const struct encoding *encoding = field_encoding(f->field);
    const struct mlp *mlp = field_mlp(f->field);
    const float *params = field_params_const(f->field);
    static float numbers[N_PARAMS], bias[64];
    for (size_t i = 0; i < encoding_n_tensors(encoding); i++) {
        const struct encoding_tensor tensor = encoding_tensor(encoding, i);
        const size_t n = tensor.n_rows * (tensor.n_columns ? tensor.n_columns : 1);
        encoding_export(encoding, params, i, numbers);
        for (size_t k = 0; k < n; k++)
            *out++ = (double)numbers[k];
    }
    for (size_t l = 0; l < mlp_n_layers(mlp); l++) {
        size_t n_outputs, n_inputs;
        mlp_layer_shape(mlp, l, &n_outputs, &n_inputs);
        mlp_export_layer(mlp, params + encoding_n_params(encoding), l, numbers, bias);
        for (size_t k = 0; k < n_outputs * n_inputs; k++)
            *out++ = (double)numbers[k];
        for (size_t k = 0; k < n_outputs; k++)
            *out++ = (double)bias[k];
    }
}

static double twin_measured_loss(const struct twin *t, const float *p)
{
    static double x[2 * N_POINTS], values[N_POINTS * N_OUTPUTS];
    static float coords[2 * N_POINTS];
    struct task_tile tile = {.n = N_POINTS, .coords = coords};
    draw(NULL, &tile);
    for (size_t i = 0; i < 2 * (size_t)N_POINTS; i++)
        x[i] = (double)coords[i];
    twin_forward(t, N_POINTS, x, NULL, NULL, values);
    double loss = 0.0;
    for (size_t k = 0; k < N_MEASURED; k++) {
        double y = -(double)p[k];
        for (size_t i = 0; i < N_POINTS * N_OUTPUTS; i++)
            y += (double)weight_of(k, i / N_OUTPUTS, i % N_OUTPUTS) * values[i];
        loss += 0.5 * y * y / N_MEASURED;
    }
    return loss;
}

/* By the rule of five points. */
static double difference(struct twin *t, const float *p, size_t i)
{
    const double step = 1e-4, kept = t->params[i];
    const double at[] = {-2, -1, 1, 2}, factor[] = {1, -8, 8, -1};
    double sum = 0.0;
    for (size_t k = 0; k < 4; k++) {
        t->params[i] = kept + at[k] * step;
        sum += factor[k] * twin_measured_loss(t, p);
    }
    t->params[i] = kept;
    return sum / (12.0 * step);
}

static void assert_gradient(bool is_grid)
{
    static double before[N_PARAMS], after[N_PARAMS];
    struct fixture f;
    struct twin twin;
    double loss;
    fixture_init(&f, is_grid, OPTIMIZER_SGD, PRECISION_FP32, 2);
    twin_init(&twin, &f.spec.encoding, &f.spec.network);
    assert_true(twin.n_params <= N_PARAMS);
    to_twin(&f, before);
    memcpy(twin.params, before, twin.n_params * sizeof *before);
    assert_int_equal(step(&f, 0, RATE, &loss), STEP_DONE); /* weights less RATE gradients */
    to_twin(&f, after);
    assert_true(fabs(loss / twin_measured_loss(&twin, f.toy.measured) - 1.0) < 1e-5);
    double largest = 0.0, worst = 0.0;
    for (size_t i = is_grid ? 0 : twin.encoding.n_params; i < twin.n_params; i += 7) {
        const double expected = difference(&twin, f.toy.measured, i);
        largest = fmax(largest, fabs(expected));
        worst = fmax(worst, fabs((before[i] - after[i]) / RATE - expected));
    }
    assert_true(largest > 1e-4);
    assert_true(worst < 1e-3 * largest);
    twin_deinit(&twin);
    fixture_deinit(&f);
}

static void gradient_of_frequencies_is_that_of_differences(void **state)
{
    (void)state;
    assert_gradient(false);
}

static void gradient_of_a_grid_is_that_of_differences(void **state)
{
    (void)state;
    assert_gradient(true);
}

/* --- the same bytes --- */

static void assert_same(const struct fixture *a, const struct fixture *b)
{
    assert_memory_equal(field_params(a->field), field_params(b->field),
                        field_n_params(a->field) * sizeof(float));
}

static void each_kind(void (*check)(bool is_grid, enum precision precision))
{
    const bool has_bf16 = kernel_has_bf16(kernel_find(NULL));
    for (int is_grid = 0; is_grid < 2; is_grid++)
        for (int bf16 = 0; bf16 < 1 + has_bf16; bf16++)
            check(is_grid, bf16 ? PRECISION_BF16 : PRECISION_FP32);
}

static void check_threads(bool is_grid, enum precision precision)
{
    struct fixture one, two;
    double loss[2];
    fixture_init(&one, is_grid, OPTIMIZER_ADAM, precision, 1);
    fixture_init(&two, is_grid, OPTIMIZER_ADAM, precision, 2);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(step(&one, i, 1e-2, &loss[0]), STEP_DONE);
        assert_int_equal(step(&two, i, 1e-2, &loss[1]), STEP_DONE);
        assert_memory_equal(&loss[0], &loss[1], sizeof loss[0]);
    }
    assert_same(&one, &two);
    fixture_deinit(&one);
    fixture_deinit(&two);
}

static void one_thread_and_two_give_the_same_bytes(void **state)
{
    (void)state;
    each_kind(check_threads);
}

static struct trainer *new_trainer(struct fixture *f)
{
    struct trainer *t = NULL;
    struct train_spec spec = small_train_spec();
    spec.batch_size = 10; /* of no account: a step is all points */
    spec.ema_decay = 0.95;
    assert_int_equal(trainer_create(&t, &spec, f->field, &f->toy.task, f->team, NULL), STATUS_OK);
    return t;
}

static void check_resume(bool is_grid, enum precision precision)
{
    struct fixture whole, cut;
    struct buffer saved;
    (void)precision;
    fixture_init(&whole, is_grid, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    fixture_init(&cut, is_grid, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    struct trainer *a = new_trainer(&whole), *b = new_trainer(&cut);
    buffer_init(&saved, 1 << 24);
    for (int i = 0; i < 50; i++)
        trainer_step(a);
    for (int i = 0; i < 20; i++)
        trainer_step(b);
    assert_int_equal(trainer_save(b, "{}", &saved, NULL), STATUS_OK);
    trainer_free(b);
    memset(field_params(cut.field), 0, field_n_params(cut.field) * sizeof(float));
    b = new_trainer(&cut);
    assert_int_equal(trainer_load(b, saved.data, saved.size, NULL), STATUS_OK);
    for (int i = 0; i < 30; i++)
        trainer_step(b);
    assert_same(&whole, &cut);
    trainer_free(a);
    trainer_free(b);
    buffer_deinit(&saved);
    fixture_deinit(&whole);
    fixture_deinit(&cut);
}

static void a_resumed_fit_is_the_unbroken_one(void **state)
{
    (void)state;
    each_kind(check_resume);
}

/* --- ends --- */

static void a_fit_comes_to_what_was_measured(void **state)
{
    (void)state;
    struct fixture f;
    double first, last;
    fixture_init(&f, true, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    assert_int_equal(step(&f, 0, 1e-2, &first), STEP_DONE);
    for (uint64_t i = 1; i < 200; i++)
        assert_int_equal(step(&f, i, 1e-2, &last), STEP_DONE);
    assert_true(last < 0.01 * first);
    fixture_deinit(&f);
}

static void a_loss_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    struct fixture f, untouched;
    double loss;
    fixture_init(&f, true, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    fixture_init(&untouched, true, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    f.toy.is_broken = true;
    assert_int_equal(step(&f, 0, 1e-2, &loss), STEP_NOT_FINITE);
    assert_true(isinf(loss));
    assert_same(&f, &untouched);
    f.toy.is_broken = false; /* and the next step is as if there had been none */
    assert_int_equal(step(&f, 0, 1e-2, &loss), STEP_DONE);
    assert_int_equal(step(&untouched, 0, 1e-2, &loss), STEP_DONE);
    assert_same(&f, &untouched);
    fixture_deinit(&f);
    fixture_deinit(&untouched);
}

/* The flag is raised before the first pass; in the measurement, so that the second one meets it. */
static void a_step_is_abandoned_in_both_passes(void **state)
{
    (void)state;
    struct fixture f, untouched;
    volatile bool stop = true;
    double loss;
    fixture_init(&f, true, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    fixture_init(&untouched, true, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    assert_int_equal(stepper_step(f.stepper, 0, 1e-2, &stop, &loss), STEP_ABANDONED);
    stop = false;
    f.toy.stop = &stop;
    assert_int_equal(stepper_step(f.stepper, 0, 1e-2, &stop, &loss), STEP_ABANDONED);
    assert_true(stop);
    f.toy.stop = NULL;
    assert_same(&f, &untouched);
    assert_int_equal(step(&f, 0, 1e-2, &loss), STEP_DONE);
    assert_int_equal(step(&untouched, 0, 1e-2, &loss), STEP_DONE);
    assert_same(&f, &untouched);
    fixture_deinit(&f);
    fixture_deinit(&untouched);
}

static void a_step_of_some_points_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct stepper *s = NULL;
    struct error err = {0};
    const struct optimizer_spec adam = {OPTIMIZER_ADAM, 0.9, 0.99, 1e-15};
    fixture_init(&f, false, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    assert_int_equal(
        stepper_create(&s, &adam, PRECISION_FP32, N_POINTS - 1, f.field, &f.toy.task, f.team, &err),
        STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "needs all of its 700 points"));
    assert_null(s);
    fixture_deinit(&f);
}

static enum status create_and_free(void *context, struct error *err)
{
    struct fixture *f = context;
    struct stepper *s = NULL;
    const struct optimizer_spec adam = {OPTIMIZER_ADAM, 0.9, 0.99, 1e-15};
    enum status status =
        stepper_create(&s, &adam, PRECISION_FP32, N_POINTS, f->field, &f->toy.task, f->team, err);
    stepper_free(s);
    return status;
}

static void a_stepper_survives_each_failed_allocation(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, true, OPTIMIZER_ADAM, PRECISION_FP32, 2);
    assert_true(alloc_fail_each(create_and_free, &f) > 20);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_of_frequencies_is_that_of_differences),
        cmocka_unit_test(gradient_of_a_grid_is_that_of_differences),
        cmocka_unit_test(one_thread_and_two_give_the_same_bytes),
        cmocka_unit_test(a_resumed_fit_is_the_unbroken_one),
        cmocka_unit_test(a_fit_comes_to_what_was_measured),
        cmocka_unit_test(a_loss_that_is_not_finite_changes_nothing),
        cmocka_unit_test(a_step_is_abandoned_in_both_passes),
        cmocka_unit_test(a_step_of_some_points_is_refused),
        cmocka_unit_test(a_stepper_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
