/* The task of photographs: what it draws, what it learns, and that it is the same every time. */
#include "core/task/task_views.h"

#include <math.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "core/scene/surroundings.h"
#include "core/task/view_rays.h"
#include "tests/support/alloc.h"
#include "tests/support/random.h"
#include "tests/support/small_views.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N_VIEWS = 25, SIDE = 20 };

struct fit {
    struct views views;
    struct task_views_spec spec;
    struct field_spec field_spec;
    struct train_spec train;
    struct team *team;
    struct task *task;
    struct field *field;
    struct trainer *trainer;
};

static void begin(struct fit *fit, bool is_walked, size_t n_threads)
{
    const size_t degree = is_walked ? 1 : 0;
    *fit = (struct fit){.views = small_views(N_VIEWS, SIDE, is_walked)};
    static const double origin[3] = {0};
    const double half = is_walked ? 1.45 : M_PI;
    const struct domain domain = surroundings_domain(origin, half);
    fit->spec = (struct task_views_spec){
        .radiance = {.shading = {is_walked ? DENSITY_EXP : DENSITY_RELU, degree},
                     .is_walked = is_walked,
                     .n_samples = is_walked ? 100 : 32,
                     .near = 2,
                     .far = 6,
                     .unit = is_walked ? 2 * half : 1.0,
                     .domain = domain},
        .background = is_walked ? BACKGROUND_RANDOM : BACKGROUND_BLACK,
        .has_holdout = true,
        .seed = 5,
    };
    fit->field_spec = (struct field_spec){
        .encoding = {.type = is_walked ? ENCODING_HASHGRID : ENCODING_OCTAVE,
                     .n_inputs = 3,
                     .n_octaves = 3,
                     .n_levels = 5,
                     .n_features_per_level = 2,
                     .log2_hashmap_size = 12,
                     .base_resolution = 4,
                     .finest_resolution = 40},
        .network = {.n_outputs = volume_n_outputs(degree),
                    .n_hidden_layers = 1,
                    .width = 32,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR},
        .domain = domain,
        .n_mask = is_walked ? OCCUPANCY_BYTES : 0,
    };
    fit->train = (struct train_spec){.steps = 1000,
                                     .batch_size = is_walked ? 2000 : 64 * 32,
                                     .learning_rate = 0.01,
                                     .optimizer = {OPTIMIZER_ADAM, 0.9, 0.99, 1e-15}};
    assert_int_equal(team_create(&fit->team, n_threads, NULL), STATUS_OK);
    assert_int_equal(field_create(&fit->field, &fit->field_spec, kernel_find(NULL), NULL),
                     STATUS_OK);
    field_init(fit->field, &fit->field_spec, 1);
    assert_int_equal(task_views_create(&fit->task, &fit->views, &fit->spec, NULL), STATUS_OK);
    assert_int_equal(
        trainer_create(&fit->trainer, &fit->train, fit->field, fit->task, fit->team, NULL),
        STATUS_OK);
}

static void end(struct fit *fit)
{
    trainer_free(fit->trainer);
    task_free(fit->task);
    field_free(fit->field);
    team_free(fit->team);
    views_deinit(&fit->views);
}

static struct task_metrics evaluate(const struct fit *fit, enum task_effort effort)
{
    struct task_metrics metrics = {0};
    const struct task_evaluation how = {.effort = effort};
    assert_int_equal(
        fit->task->class->evaluate(fit->task, fit->field, fit->team, &how, &metrics, NULL),
        STATUS_OK);
    return metrics;
}

/* Black everywhere is about 8 dB. */
static void learns(bool is_walked, size_t n_steps, double psnr)
{
    struct fit fit;
    begin(&fit, is_walked, 2);
    for (size_t i = 0; i < n_steps; i++)
        trainer_step(fit.trainer);
    const struct task_metrics full = evaluate(&fit, EVALUATE_FULL);
    assert_int_equal(full.n, 2);
    assert_true(*task_metrics_find(&full, "psnr") > psnr);
    assert_true(*task_metrics_find(&full, "test_psnr") > psnr - 3);
    /* fewer pixels than a quick evaluation looks at: the same */
    const struct task_metrics quick = evaluate(&fit, EVALUATE_QUICK);
    assert_true(*task_metrics_find(&quick, "psnr") == *task_metrics_find(&full, "psnr"));
    end(&fit);
}

static void even_rays_learn_a_ball(void **state)
{
    (void)state;
    learns(false, 300, 17);
}

static void walked_rays_learn_a_ball(void **state)
{
    (void)state;
    learns(true, 300, 19);
}

static void empty_space_is_found_out(void **state)
{
    struct fit fit;
    size_t n = 0;
    (void)state;
    begin(&fit, true, 2);
    for (size_t i = 0; i < 200; i++)
        trainer_step(fit.trainer);
    for (size_t i = 0; i < OCCUPANCY_BYTES; i++)
        n += (size_t)__builtin_popcount(field_mask(fit.field)[i]);
    /* the ball fills a sixth of the cube */
    assert_true(n > OCCUPANCY_CELLS / 100 && n < OCCUPANCY_CELLS / 2);
    end(&fit);
}

static void assert_same_parameters(const struct fit *a, const struct fit *b)
{
    assert_memory_equal(field_params_const(a->field), field_params_const(b->field),
                        field_n_params(a->field) * sizeof(float));
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    for (int is_walked = 0; is_walked < 2; is_walked++) {
        struct fit one, two;
        begin(&one, is_walked, 1);
        begin(&two, is_walked, 2);
        for (size_t i = 0; i < 20; i++) {
            const double loss = trainer_step(one.trainer);
            assert_true(loss == trainer_step(two.trainer));
            assert_true(loss > 0);
        }
        assert_same_parameters(&one, &two);
        const struct task_metrics a = evaluate(&one, EVALUATE_FULL);
        const struct task_metrics b = evaluate(&two, EVALUATE_FULL);
        assert_true(a.metric[1].value == b.metric[1].value);
        end(&one);
        end(&two);
    }
}

static void a_resumed_fit_is_an_unbroken_one(void **state)
{
    struct fit whole, first, second;
    struct buffer checkpoint;
    (void)state;
    begin(&whole, true, 2);
    begin(&first, true, 2);
    begin(&second, true, 2);
    buffer_init(&checkpoint, 1 << 26);
    for (size_t i = 0; i < 70; i++)
        trainer_step(whole.trainer);
    for (size_t i = 0; i < 37; i++)
        trainer_step(first.trainer);
    assert_int_equal(trainer_save(first.trainer, "", &checkpoint, NULL), STATUS_OK);
    assert_int_equal(trainer_load(second.trainer, checkpoint.data, checkpoint.size, NULL),
                     STATUS_OK);
    assert_memory_equal(field_mask(first.field), field_mask(second.field), OCCUPANCY_BYTES);
    for (size_t i = 37; i < 70; i++)
        trainer_step(second.trainer);
    assert_same_parameters(&whole, &second);
    assert_memory_equal(field_mask(whole.field), field_mask(second.field), OCCUPANCY_BYTES);

    /* a fit of another kind does not take it */
    struct fit other;
    begin(&other, false, 1);
    assert_int_equal(trainer_load(other.trainer, checkpoint.data, checkpoint.size, NULL),
                     STATUS_INVALID);
    end(&other);
    buffer_deinit(&checkpoint);
    end(&whole);
    end(&first);
    end(&second);
}

/* d_raw of a tile against differences of its loss. */
static void gradients_match_finite_differences(void **state)
{
    (void)state;
    for (int is_walked = 0; is_walked < 2; is_walked++) {
        struct fit fit;
        begin(&fit, is_walked, 1);
        const size_t n_outputs = fit.task->n_outputs, n = is_walked ? 128 : 64;
        float *targets = mem_alloc_floats(n * fit.task->n_targets);
        float *raw = random_floats(n * n_outputs, 9), *d_raw = mem_alloc_floats(n * n_outputs);
        float *other = mem_alloc_floats(n * n_outputs), *coords = mem_alloc_floats(3 * n);
        struct task_tile tile = {.step = 3,
                                 .batch_size = 2 * n,
                                 .first = n,
                                 .n = n,
                                 .coords = coords,
                                 .targets = targets,
                                 .raw = raw,
                                 .d_raw = d_raw};
        fit.task->class->draw(fit.task, &tile);
        const double loss = fit.task->class->loss(fit.task, &tile);
        assert_true(loss > 0);
        tile.d_raw = other;
        for (size_t i = 0; i < n * n_outputs; i++) {
            const float step = 1e-2f, before = raw[i];
            if (i % n_outputs == 0 && fabsf(before) < 2 * step)
                continue; /* the corner of the relu */
            raw[i] = before + step;
            double slope = fit.task->class->loss(fit.task, &tile);
            raw[i] = before - step;
            slope = (slope - fit.task->class->loss(fit.task, &tile)) / (2.0 * (double)step);
            raw[i] = before;
            assert_true(fabs((double)d_raw[i] - slope) < 2e-5 + 0.01 * fabs(slope));
        }
        for (size_t i = 0; i < 3 * n; i++)
            assert_true(coords[i] >= 0.0f && coords[i] <= 1.0f);
        mem_free(targets);
        mem_free(raw);
        mem_free(d_raw);
        mem_free(other);
        mem_free(coords);
        end(&fit);
    }
}

/* --- measures --- */

/* Nothing but the background. */
static void clear(struct image *image)
{
    memset(image->u8, 0, image->width * image->height * image->channels);
}

/* A field of zeros shows a view of nothing as it is, without an error: the other views count, too.
 */
static void a_view_of_nothing_does_not_outweigh_the_others(void **state)
{
    (void)state;
    struct fit fit;
    begin(&fit, false, 1);
    memset(field_params(fit.field), 0, field_n_params(fit.field) * sizeof(float));
    const struct task_metrics before = evaluate(&fit, EVALUATE_FULL);
    clear(&fit.views.view[8].image); /* one of four that are held out */
    const struct task_metrics after = evaluate(&fit, EVALUATE_FULL);
    const double gain =
        *task_metrics_find(&after, "test_psnr") - *task_metrics_find(&before, "test_psnr");
    assert_true(gain > 10 && gain < 60.0 / 4);
    end(&fit);
}

/* 94 of the 400 pixels of each view are looked at, of which none may show a thing of nine. */
static void small_things_are_measured_as_they_are_while_training(void **state)
{
    enum { MANY = 200 };
    (void)state;
    struct fit fit;
    begin(&fit, false, 1);
    struct views many = small_views(MANY, SIDE, false);
    for (size_t i = 0; i < MANY; i++) {
        clear(&many.view[i].image);
        for (size_t k = 0; k < 9; k++)
            memset(many.view[i].image.u8 + 3 * ((8 + k / 3) * SIDE + 8 + k % 3), 255, 3);
    }
    struct task *own = fit.task;
    assert_int_equal(task_views_create(&fit.task, &many, &fit.spec, NULL), STATUS_OK);
    memset(field_params(fit.field), 0, field_n_params(fit.field) * sizeof(float));
    const struct task_metrics full = evaluate(&fit, EVALUATE_FULL);
    const struct task_metrics quick = evaluate(&fit, EVALUATE_QUICK);
    assert_true(fabs(*task_metrics_find(&full, "psnr") + 10 * log10(9.0 / 400.0)) < 1e-6);
    assert_true(fabs(*task_metrics_find(&quick, "psnr") - *task_metrics_find(&full, "psnr")) < 0.5);
    task_free(fit.task);
    fit.task = own;
    views_deinit(&many);
    end(&fit);
}

/* --- draws --- */

/* The same scene a thousand kilometres from the origin of its coordinates, in metres. */
static void scenes_may_be_far_from_the_origin(void **state)
{
    (void)state;
    enum { N = 64 };
    static const double away[3] = {1e6, -1e6, 1e6};
    struct fit fit;
    float coords[2][3 * N];
    begin(&fit, false, 1);
    float *targets = mem_alloc_floats(N * fit.task->n_targets);
    for (size_t i = 0; i < 2; i++) {
        struct task_tile tile = {.batch_size = N, .n = N, .coords = coords[i], .targets = targets};
        struct task *task = NULL;
        struct task_views_spec spec = fit.spec;
        spec.radiance.domain = surroundings_domain(i ? away : (const double[3]){0}, M_PI);
        for (size_t v = 0; i && v < N_VIEWS; v++)
            for (size_t d = 0; d < 3; d++)
                fit.views.view[v].c2w[d][3] += away[d];
        assert_int_equal(task_views_create(&task, &fit.views, &spec, NULL), STATUS_OK);
        task->class->draw(task, &tile);
        task_free(task);
    }
    for (size_t i = 0; i < 3 * N; i++)
        assert_true(fabsf(coords[0][i] - coords[1][i]) < 1e-5f);
    mem_free(targets);
    end(&fit);
}

/* Is a place well within a cell with something? */
static bool is_surely_in_something(const uint8_t *mask, const float at[3])
{
    for (int d = 0; d < 3; d++) {
        const double in_cell = (double)at[d] * OCCUPANCY_SIDE;
        const double off = fabs(in_cell - floor(in_cell) - 0.5);
        if (!(at[d] > 0.0f && at[d] < 1.0f && off < 0.49))
            return false;
    }
    return occupancy_has(mask, at);
}

/* Rays through a scatter of cells, of more places than a tile has: they take longer steps, and look
 * to their very end. */
static void no_end_of_a_long_ray_is_lost(void **state)
{
    (void)state;
    enum { N_TILES = 200 };
    struct fit fit;
    struct task *task = NULL;
    begin(&fit, true, 1);
    fit.spec.radiance.n_samples = 1024;
    assert_int_equal(task_views_create(&task, &fit.views, &fit.spec, NULL), STATUS_OK);
    for (size_t i = 0; i < OCCUPANCY_CELLS; i++)
        task->state[i] = (float)((uint32_t)i * 2654435761u >> 16 & 1);
    task->class->restored(task, fit.field);
    float *targets = mem_alloc_floats(MLP_TILE * task->n_targets), coords[3 * MLP_TILE];
    size_t n_long = 0;
    for (size_t i = 0; i < N_TILES; i++) {
        struct task_tile tile = {.batch_size = (size_t)N_TILES * MLP_TILE,
                                 .first = i * MLP_TILE,
                                 .n = MLP_TILE,
                                 .coords = coords,
                                 .targets = targets};
        task->class->draw(task, &tile);
        /* of a place its way along the ray, in source units, and its width, in sides; of a ray
         * how many places it has, and last its direction */
        const size_t count = (size_t)targets[2];
        const float *last = coords + 3 * (count - 1), *way = targets + task->n_targets - 3;
        const double t = (double)targets[task->n_targets * (count - 1)];
        const float step = targets[1];
        n_long += (double)step * fit.spec.radiance.unit > 1.5 * radiance_step(&fit.spec.radiance);
        const double n_left = (fit.spec.radiance.far - t) / ((double)step * fit.spec.radiance.unit);
        for (int k = 1; k < (int)n_left; k++) {
            const float at[3] = {last[0] + (float)k * step * way[0],
                                 last[1] + (float)k * step * way[1],
                                 last[2] + (float)k * step * way[2]};
            assert_false(is_surely_in_something(field_mask(fit.field), at));
        }
    }
    assert_true(n_long > N_TILES / 2);
    mem_free(targets);
    task_free(task);
    end(&fit);
}

static void views_are_divided(void **state)
{
    enum { N = 9 };
    struct views v = small_views(N, 2, false);
    struct view_set sets[N_VIEW_SETS];
    size_t pixel;
    (void)state;
    assert_int_equal(view_sets_divide(&v, true, sets, NULL), STATUS_OK);
    assert_int_equal(sets[VIEWS_HELD_OUT].n_views, 2); /* 0 and 8 */
    assert_int_equal(sets[VIEWS_HELD_OUT].view[1], 8);
    assert_int_equal(view_set_n_rays(&sets[VIEWS_TRAINED]), 7 * 4);
    assert_int_equal(view_set_find(&sets[VIEWS_TRAINED], 4 * 4 + 3, &pixel), 4);
    assert_int_equal(pixel, 3);
    assert_int_equal(sets[VIEWS_TRAINED].view[4], 5);
    view_sets_deinit(sets);
    v.view[1].split = VIEW_VALIDATION;
    assert_int_equal(view_sets_divide(&v, true, sets, NULL), STATUS_OK);
    assert_int_equal(sets[VIEWS_HELD_OUT].view[0], 1);
    view_sets_deinit(sets);
    v.view[3].split = VIEW_TEST; /* then nobody needs the validation views */
    assert_int_equal(view_sets_divide(&v, true, sets, NULL), STATUS_OK);
    assert_int_equal(sets[VIEWS_HELD_OUT].view[0], 3);
    assert_int_equal(sets[VIEWS_TRAINED].n_views, N - 2);
    view_sets_deinit(sets);
    assert_int_equal(view_sets_divide(&v, false, sets, NULL), STATUS_OK);
    assert_int_equal(sets[VIEWS_TRAINED].n_views, N);
    assert_int_equal(sets[VIEWS_HELD_OUT].n_views, 0);
    view_sets_deinit(sets);
    v.n_views = 1;
    struct error err = {0};
    v.view[0].split = VIEW_TRAIN;
    assert_int_equal(view_sets_divide(&v, true, sets, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/train/holdout");
    v.n_views = N;
    views_deinit(&v);
}

static void settings_that_do_not_go_are_named(void **state)
{
    struct fit fit;
    struct task *task = NULL;
    (void)state;
    begin(&fit, false, 1);
    struct task_views_spec spec = fit.spec;
    struct error err = {0};
    spec.radiance.n_samples = 129;
    assert_int_equal(task_views_create(&task, &fit.views, &spec, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/measure/n_samples");
    spec = fit.spec;
    spec.radiance.near = 7;
    err = (struct error){0};
    assert_int_equal(task_views_create(&task, &fit.views, &spec, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/measure/near");
    end(&fit);
}

/* --- no memory --- */

static enum status make_task(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct task *task = NULL;
    enum status status = task_views_create(&task, &fit->views, &fit->spec, err);
    assert_int_equal(task != NULL, status == STATUS_OK);
    task_free(task);
    return status;
}

static enum status measure_task(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct task_metrics metrics = {0};
    const struct task_evaluation how = {.effort = EVALUATE_QUICK};
    return fit->task->class->evaluate(fit->task, fit->field, fit->team, &how, &metrics, err);
}

static enum status keep_fit(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct buffer bytes;
    buffer_init(&bytes, 1 << 26);
    enum status status = trainer_save(fit->trainer, "", &bytes, err);
    if (status == STATUS_OK)
        status = trainer_load(fit->trainer, bytes.data, bytes.size, err);
    buffer_deinit(&bytes);
    return status;
}

static enum status keep_field(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct field *f = NULL;
    struct buffer bytes;
    buffer_init(&bytes, 1 << 26);
    enum status status = field_create(&f, &fit->field_spec, kernel_find(NULL), err);
    if (status == STATUS_OK)
        status = field_save(fit->field, NULL, 0, &bytes, err);
    if (status == STATUS_OK)
        status = field_load(f, bytes.data, bytes.size, err);
    buffer_deinit(&bytes);
    field_free(f);
    return status;
}

static void running_out_of_memory_is_told(void **state)
{
    (void)state;
    struct fit fit;
    begin(&fit, true, 1);
    trainer_step(fit.trainer);
    assert_true(alloc_fail_each(make_task, &fit) > 4);
    assert_true(alloc_fail_each(measure_task, &fit) > 4);
    assert_true(alloc_fail_each(keep_fit, &fit) > 4);
    assert_true(alloc_fail_each(keep_field, &fit) > 4);
    end(&fit);
}

/* The mask goes with the weights, and a file without it is not of such a field. */
static void a_field_keeps_its_mask(void **state)
{
    (void)state;
    struct fit fit;
    struct field *other = NULL;
    struct buffer with, without;
    begin(&fit, true, 1);
    buffer_init(&with, 1 << 24);
    buffer_init(&without, 1 << 24);
    for (size_t i = 0; i < OCCUPANCY_BYTES; i++)
        field_mask(fit.field)[i] = (uint8_t)(i * 7);
    assert_int_equal(field_save(fit.field, NULL, 0, &with, NULL), STATUS_OK);
    assert_int_equal(field_create(&other, &fit.field_spec, kernel_find(NULL), NULL), STATUS_OK);
    assert_int_equal(field_mask_const(other)[5], 0xff); /* until someone knows better */
    assert_int_equal(field_load(other, with.data, with.size, NULL), STATUS_OK);
    assert_memory_equal(field_mask(other), field_mask(fit.field), OCCUPANCY_BYTES);
    struct field_spec bare = fit.field_spec;
    struct field *plain = NULL;
    bare.n_mask = 0;
    assert_int_equal(field_create(&plain, &bare, kernel_find(NULL), NULL), STATUS_OK);
    assert_null(field_mask(plain));
    assert_int_equal(field_load(plain, with.data, with.size, NULL), STATUS_OK);
    assert_int_equal(field_save(plain, NULL, 0, &without, NULL), STATUS_OK);
    assert_int_equal(field_load(other, without.data, without.size, NULL), STATUS_INVALID);
    field_free(plain);
    field_free(other);
    buffer_deinit(&with);
    buffer_deinit(&without);
    end(&fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(even_rays_learn_a_ball),
        cmocka_unit_test(walked_rays_learn_a_ball),
        cmocka_unit_test(empty_space_is_found_out),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(a_resumed_fit_is_an_unbroken_one),
        cmocka_unit_test(gradients_match_finite_differences),
        cmocka_unit_test(a_view_of_nothing_does_not_outweigh_the_others),
        cmocka_unit_test(small_things_are_measured_as_they_are_while_training),
        cmocka_unit_test(scenes_may_be_far_from_the_origin),
        cmocka_unit_test(no_end_of_a_long_ray_is_lost),
        cmocka_unit_test(views_are_divided),
        cmocka_unit_test(settings_that_do_not_go_are_named),
        cmocka_unit_test(running_out_of_memory_is_told),
        cmocka_unit_test(a_field_keeps_its_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
