/* How steps train grids: what they touch, that the bytes are the same for one thread and two, and
 * that a broken step leaves nothing behind.  Resumes and stops are in test_checkpoint.c. */
#include "core/field/tables.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/stepper.h"
#include "core/field/trainer.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "tests/support/small_encoding.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BATCH = 500 }; /* the last tile of a part is not whole */
static const double rate = 1e-2;
static const struct optimizer_spec adam = {OPTIMIZER_ADAM, 0.9, 0.999, 1e-8};

/* A task that passes everything on, and whose loss is not a number at a certain point. */
struct breaking_task {
    struct task task; /* first */
    const struct task *inner;
    uint64_t at_step;
    size_t at_point;
};

static void breaking_draw(const struct task *task, struct task_tile *tile)
{
    const struct breaking_task *t = (const struct breaking_task *)task;
    t->inner->class->draw(t->inner, tile);
}

static double breaking_loss(const struct task *task, const struct task_tile *tile)
{
    const struct breaking_task *t = (const struct breaking_task *)task;
    const double loss = t->inner->class->loss(t->inner, tile);
    if (tile->step != t->at_step || t->at_point < tile->first ||
        t->at_point >= tile->first + tile->n)
        return loss;
    tile->d_raw[0] = NAN;
    return NAN;
}

static const struct task_class breaking_class = {
    .name = "breaking",
    .draw = breaking_draw,
    .loss = breaking_loss,
};

/* Everything a fit is made of. */
struct fit {
    struct image image;
    struct field *field;
    struct task *inner;
    struct breaking_task task;
    struct team *team;
    struct stepper *stepper;
};

static void fit_init_on(struct fit *fit, struct field *field, struct image image,
                        const struct optimizer_spec *optimizer, enum precision precision,
                        size_t batch_size, size_t n_threads)
{
    const struct task_image_spec task = {.output_activation = ACTIVATION_SIGMOID, .seed = 1};
    *fit = (struct fit){.image = image, .field = field};
    assert_int_equal(task_image_create(&fit->inner, &fit->image, &task, NULL), STATUS_OK);
    fit->task = (struct breaking_task){*fit->inner, fit->inner, UINT64_MAX, 0};
    fit->task.task.class = &breaking_class;
    assert_int_equal(team_create(&fit->team, n_threads, NULL), STATUS_OK);
    assert_int_equal(stepper_create(&fit->stepper, optimizer, precision, batch_size, fit->field,
                                    &fit->task.task, fit->team, NULL),
                     STATUS_OK);
}

/* A grid, or grid and trained frequencies and coordinates together. */
static struct field_spec spec_of(const struct image *image, enum encoding_type type)
{
    struct field_spec spec = small_grid_field_spec(image);
    if (type == ENCODING_CONCAT)
        spec.encoding = small_encoding(type, 2);
    return spec;
}

static void fit_init(struct fit *fit, enum encoding_type type, enum precision precision,
                     size_t n_threads)
{
    struct image image = small_picture(32, 32, 3);
    const struct field_spec spec = spec_of(&image, type);
    fit_init_on(fit, small_field(&spec, 1), image, &adam, precision, BATCH, n_threads);
}

static void fit_deinit(struct fit *fit)
{
    stepper_free(fit->stepper);
    team_free(fit->team);
    task_free(fit->inner);
    field_free(fit->field);
    image_deinit(&fit->image);
}

static double take_step(struct fit *fit, uint64_t step)
{
    double loss = 0;
    assert_int_equal(stepper_step(fit->stepper, step, rate, NULL, &loss), STEP_DONE);
    return loss;
}

static void assert_same_state(const struct fit *a, const struct fit *b)
{
    const size_t n_bytes = field_n_params(a->field) * sizeof(float);
    assert_memory_equal(field_params(a->field), field_params(b->field), n_bytes);
    for (size_t i = 0; i < 2; i++)
        assert_memory_equal(stepper_moments(a->stepper)[i], stepper_moments(b->stepper)[i],
                            n_bytes);
}

static size_t n_precisions(void)
{
    return kernel_has_bf16(kernel_find(NULL)) ? 2 : 1;
}

static const enum encoding_type types[] = {ENCODING_HASHGRID, ENCODING_CONCAT};

static void one_thread_and_two_give_the_same_bytes(void **state)
{
    (void)state;
    static const size_t n_threads[] = {1, 2, 2};
    for (size_t p = 0; p < n_precisions(); p++)
        for (size_t t = 0; t < 2; t++) {
            struct fit fits[3];
            for (size_t i = 0; i < 3; i++) {
                fit_init(&fits[i], types[t], (enum precision)p, n_threads[i]);
                for (uint64_t step = 0; step < 40; step++)
                    take_step(&fits[i], step);
                assert_same_state(&fits[0], &fits[i]);
            }
            for (size_t i = 0; i < 3; i++)
                fit_deinit(&fits[i]);
        }
}

/* Three threads sum the network's gradients in other parts: rounding alone is another one. */
static void three_threads_give_nearly_the_same(void **state)
{
    (void)state;
    struct fit two, three, again;
    fit_init(&two, ENCODING_HASHGRID, PRECISION_FP32, 2);
    fit_init(&three, ENCODING_HASHGRID, PRECISION_FP32, 3);
    fit_init(&again, ENCODING_HASHGRID, PRECISION_FP32, 3);
    for (uint64_t step = 0; step < 5; step++) {
        const double a = take_step(&two, step), b = take_step(&three, step);
        assert_true(fabs(a - b) < 1e-4 * a);
        take_step(&again, step);
    }
    assert_same_state(&three, &again);
    fit_deinit(&two);
    fit_deinit(&three);
    fit_deinit(&again);
}

/* A batch of one picture's four pixels: what none of them touches stays as it was, its moments
 * too; in the tables what they touch has been updated. */
static void a_step_changes_what_it_touches_alone(void **state)
{
    (void)state;
    for (int optimizer = OPTIMIZER_ADAM; optimizer <= OPTIMIZER_SGD; optimizer++) {
        struct optimizer_spec spec = adam;
        struct image image = small_picture(2, 2, 3);
        struct field_spec field = small_grid_field_spec(&image);
        struct fit fit;
        spec.type = (enum optimizer_type)optimizer;
        field.encoding.log2_hashmap_size = 12; /* the levels are dense */
        fit_init_on(&fit, small_field(&field, 1), image, &spec, PRECISION_FP32, 4, 2);
        const size_t n_table = encoding_n_table(field_encoding(fit.field));
        float *before = mem_alloc_floats(n_table);
        memcpy(before, field_params(fit.field), n_table * sizeof *before);
        for (uint64_t step = 0; step < 10; step++)
            take_step(&fit, step);
        size_t n_changed = 0;
        for (size_t i = 0; i < n_table; i++) {
            const bool is_changed = before[i] != field_params(fit.field)[i];
            n_changed += is_changed;
            for (size_t k = 0; k < optimizer_n_moments(spec.type) && !is_changed; k++)
                assert_true(stepper_moments(fit.stepper)[k][i] == 0);
        }
        /* four points, four corners, two features, four levels; cells of coarse levels are shared
         */
        assert_in_range(n_changed, 64, 4 * 4 * 2 * 4);
        mem_free(before);
        fit_deinit(&fit);
    }
}

static void every_kernel_trains_alike(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    double expected[8];
    for (size_t k = n_kernels; k-- > 0;) { /* the portable one is the last */
        struct image image = small_picture(32, 32, 3);
        const struct field_spec spec = spec_of(&image, ENCODING_CONCAT);
        struct field *f = NULL;
        struct fit fit;
        assert_int_equal(field_create(&f, &spec, kernels[k], NULL), STATUS_OK);
        field_init(f, &spec, 1);
        fit_init_on(&fit, f, image, &adam, PRECISION_FP32, BATCH, 2);
        for (uint64_t step = 0; step < 8; step++) {
            const double loss = take_step(&fit, step);
            if (k + 1 == n_kernels)
                expected[step] = loss;
            assert_true(fabs(loss - expected[step]) < 1e-3 * expected[step]);
        }
        assert_true(expected[7] < expected[0]);
        fit_deinit(&fit);
    }
}

/* A loss that is not a number, in the first tile or the last: the state is as before the step, and
 * the next one finds no gradient that this one has left. */
static void a_broken_step_leaves_nothing_behind(void **state)
{
    (void)state;
    static const size_t at_points[] = {0, BATCH - 1};
    for (size_t t = 0; t < 2; t++)
        for (size_t n_threads = 1; n_threads <= 3; n_threads++)
            for (size_t p = 0; p < 2; p++) {
                struct fit broken, whole;
                double loss = 0;
                fit_init(&broken, types[t], PRECISION_FP32, n_threads);
                fit_init(&whole, types[t], PRECISION_FP32, n_threads);
                broken.task.at_step = 3;
                broken.task.at_point = at_points[p];
                for (uint64_t step = 0; step < 3; step++) {
                    take_step(&broken, step);
                    take_step(&whole, step);
                }
                assert_int_equal(stepper_step(broken.stepper, 3, rate, NULL, &loss),
                                 STEP_NOT_FINITE);
                assert_true(isnan(loss));
                assert_same_state(&broken, &whole);
                for (uint64_t step = 4; step < 7; step++) {
                    take_step(&broken, step);
                    take_step(&whole, step);
                }
                assert_same_state(&broken, &whole);
                fit_deinit(&broken);
                fit_deinit(&whole);
            }
}

static void a_stopped_step_leaves_nothing_behind(void **state)
{
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        struct fit stopped, whole;
        const volatile bool stop = true;
        double loss = 7;
        fit_init(&stopped, types[t], PRECISION_FP32, 2);
        fit_init(&whole, types[t], PRECISION_FP32, 2);
        take_step(&stopped, 0);
        take_step(&whole, 0);
        assert_int_equal(stepper_step(stopped.stepper, 1, rate, &stop, &loss), STEP_ABANDONED);
        assert_true(loss == 7);
        assert_same_state(&stopped, &whole);
        take_step(&stopped, 1);
        take_step(&whole, 1);
        assert_same_state(&stopped, &whole);
        fit_deinit(&stopped);
        fit_deinit(&whole);
    }
}

static double psnr_of_fit(enum precision precision, size_t n_steps)
{
    struct image image = small_picture(32, 32, 3);
    struct field_spec spec = small_grid_field_spec(&image);
    struct fit fit;
    struct task_metrics metrics = {0};
    spec.network.width = 32;
    spec.encoding.log2_hashmap_size = 10;
    fit_init_on(&fit, small_field(&spec, 1), image, &adam, precision, 1024, 2);
    for (uint64_t step = 0; step < n_steps; step++)
        take_step(&fit, step);
    assert_int_equal(fit.inner->class->evaluate(fit.inner, fit.field, fit.team,
                                                &(struct task_evaluation){.effort = EVALUATE_QUICK},
                                                &metrics, NULL),
                     STATUS_OK);
    fit_deinit(&fit);
    return *task_metrics_find(&metrics, "psnr");
}

static void a_grid_learns_a_small_picture_in_either_precision(void **state)
{
    (void)state;
    const double fp32 = psnr_of_fit(PRECISION_FP32, 300);
    assert_true(fp32 > 38.0);
    if (n_precisions() < 2)
        return; /* such a processor answers "unsupported": test_precision.c */
    const double bf16 = psnr_of_fit(PRECISION_BF16, 300);
    assert_true(bf16 > fp32 - 3.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_and_two_give_the_same_bytes),
        cmocka_unit_test(three_threads_give_nearly_the_same),
        cmocka_unit_test(a_step_changes_what_it_touches_alone),
        cmocka_unit_test(every_kernel_trains_alike),
        cmocka_unit_test(a_broken_step_leaves_nothing_behind),
        cmocka_unit_test(a_stopped_step_leaves_nothing_behind),
        cmocka_unit_test(a_grid_learns_a_small_picture_in_either_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
