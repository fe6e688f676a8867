/* Everything of field and task that allocates, with each allocation failing in turn: NO_MEMORY,
 * nothing leaked (the address sanitizer watches), nothing changed. */
#include <string.h>

#include "core/base/mem.h"
#include "core/field/metrics.h"
#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "tests/support/alloc.h"
#include "tests/support/small_encoding.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fit {
    struct image image;
    struct field_spec spec;
    struct task_image_spec task_spec;
    struct field *field;
    struct task *task;
    struct team *team;
    struct trainer *trainer;
    struct buffer saved_field, checkpoint;
};

static int set_up(void **state, enum encoding_type type, enum holdout holdout)
{
    static struct fit fit;
    fit = (struct fit){.image = small_picture(32, 96, 3),
                       .task_spec = {.holdout = holdout,
                                     .holdout_fraction = 0.25,
                                     .output_activation = ACTIVATION_SIGMOID}};
    fit.spec = small_field_spec(&fit.image);
    fit.spec.encoding = small_encoding(type, 2);
    fit.spec.encoding.trainable = true;
    fit.spec.network.activation = ACTIVATION_TANH; /* has a Laplacian */
    fit.field = small_field(&fit.spec, 1);
    struct train_spec train = small_train_spec();
    train.early_stop = holdout == HOLDOUT_NONE ? 0 : 3;
    buffer_init(&fit.saved_field, 1 << 20);
    buffer_init(&fit.checkpoint, 1 << 20);
    *state = &fit;
    return task_image_create(&fit.task, &fit.image, &fit.task_spec, NULL) != STATUS_OK ||
           team_create(&fit.team, 2, NULL) != STATUS_OK ||
           trainer_create(&fit.trainer, &train, fit.field, fit.task, fit.team, NULL) != STATUS_OK ||
           field_save(fit.field, NULL, 0, &fit.saved_field, NULL) != STATUS_OK ||
           trainer_save(fit.trainer, "", &fit.checkpoint, NULL) != STATUS_OK;
}

static int set_up_frequencies(void **state)
{
    return set_up(state, ENCODING_GAUSSIAN, HOLDOUT_ODD_PIXELS);
}

/* With sets that are drawn. */
static int set_up_grid(void **state)
{
    return set_up(state, ENCODING_HASHGRID, HOLDOUT_FRACTION);
}

static int set_up_concat(void **state)
{
    return set_up(state, ENCODING_CONCAT, HOLDOUT_NONE);
}

static int tear_down(void **state)
{
    struct fit *fit = *state;
    buffer_deinit(&fit->saved_field);
    buffer_deinit(&fit->checkpoint);
    trainer_free(fit->trainer);
    team_free(fit->team);
    task_free(fit->task);
    field_free(fit->field);
    image_deinit(&fit->image);
    return 0;
}

static enum status make_field(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct field *f = NULL;
    enum status status = field_create(&f, &fit->spec, kernel_find(NULL), err);
    assert_int_equal(f != NULL, status == STATUS_OK);
    field_free(f);
    return status;
}

static enum status make_workspace(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct field_workspace *w = NULL;
    enum status status = field_workspace_create(&w, fit->field, FIELD_LAPLACIANS, err);
    assert_int_equal(w != NULL, status == STATUS_OK);
    field_workspace_free(w);
    return status;
}

static enum status make_split_workspace(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct field_workspace *w = NULL;
    uint32_t *weights = field_split(fit->field);
    enum status status = weights ? field_workspace_create_split(&w, fit->field, weights, err)
                                 : error_status(err, STATUS_NO_MEMORY);
    assert_int_equal(w != NULL, status == STATUS_OK);
    field_workspace_free(w);
    mem_free(weights);
    return status;
}

static enum status measure_split(void *context, struct error *err)
{
    const struct fit *fit = context;
    float error;
    uint32_t *weights = field_split(fit->field);
    enum status status = weights ? field_split_error(fit->field, weights, &error, err)
                                 : error_status(err, STATUS_NO_MEMORY);
    mem_free(weights);
    return status;
}

static enum status save_field(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct buffer bytes;
    buffer_init(&bytes, 1 << 20);
    enum status status = field_save(fit->field, NULL, 0, &bytes, err);
    buffer_deinit(&bytes);
    return status;
}

static enum status load_field(void *context, struct error *err)
{
    const struct fit *fit = context;
    return field_load(fit->field, fit->saved_field.data, fit->saved_field.size, err);
}

static enum status make_task(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct task *t = NULL;
    enum status status = task_image_create(&t, &fit->image, &fit->task_spec, err);
    assert_int_equal(t != NULL, status == STATUS_OK);
    task_free(t);
    return status;
}

static enum status make_trainer(void *context, struct error *err)
{
    const struct fit *fit = context;
    const struct train_spec train = small_train_spec();
    struct trainer *t = NULL;
    enum status status = trainer_create(&t, &train, fit->field, fit->task, fit->team, err);
    assert_int_equal(t != NULL, status == STATUS_OK);
    trainer_free(t);
    return status;
}

static enum status save_trainer(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct buffer bytes;
    buffer_init(&bytes, 1 << 20);
    enum status status = trainer_save(fit->trainer, "a spec", &bytes, err);
    buffer_deinit(&bytes);
    return status;
}

static enum status load_trainer(void *context, struct error *err)
{
    const struct fit *fit = context;
    return trainer_load(fit->trainer, fit->checkpoint.data, fit->checkpoint.size, err);
}

static enum status evaluate_quickly(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct task_metrics m = {0};
    return fit->task->class->evaluate(fit->task, fit->field, fit->team,
                                      &(struct task_evaluation){.effort = EVALUATE_QUICK}, &m, err);
}

static enum status evaluate_fully(void *context, struct error *err)
{
    const struct fit *fit = context;
    struct task_metrics m = {0};
    return fit->task->class->evaluate(fit->task, fit->field, fit->team,
                                      &(struct task_evaluation){.effort = EVALUATE_FULL}, &m, err);
}

static enum status measure_ssim(void *context, struct error *err)
{
    const struct fit *fit = context;
    double ssim;
    return metrics_ssim(&fit->image, &fit->image, &ssim, err);
}

static void running_out_of_memory_is_survived(void **state)
{
    struct fit *fit = *state;
    static const struct {
        alloc_attempt attempt;
        size_t least; /* allocations that it makes */
    } table[] = {
        {make_field, 4},       {make_workspace, 6}, {make_split_workspace, 4},
        {measure_split, 8},    {save_field, 10},    {load_field, 8},
        {make_task, 1},        {make_trainer, 20},  {save_trainer, 25},
        {load_trainer, 20},    {measure_ssim, 1},   {evaluate_fully, 6},
        {evaluate_quickly, 6},
    };
    const size_t n_bytes = field_n_params(fit->field) * sizeof(float);
    float *before = mem_alloc(n_bytes);
    assert_non_null(before);
    memcpy(before, field_params(fit->field), n_bytes);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_true(alloc_fail_each(table[i].attempt, fit) >= table[i].least);
        assert_memory_equal(before, field_params(fit->field), n_bytes);
    }
    mem_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"of frequencies", running_out_of_memory_is_survived, set_up_frequencies, tear_down, NULL},
        {"of a grid", running_out_of_memory_is_survived, set_up_grid, tear_down, NULL},
        {"of both", running_out_of_memory_is_survived, set_up_concat, tear_down, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
