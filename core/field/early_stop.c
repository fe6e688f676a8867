#include "core/field/early_stop.h"

#include <string.h>

#include "core/base/mem.h"

enum {
    MIN_PERIOD = 10,    /* of small data: an evaluation costs more than its points */
    STEPS_TO_LOOK = 10, /* points that are trained for one that is looked at */
};

enum status early_stop_init(struct early_stop *e, uint64_t patience, size_t n_evaluated,
                            size_t batch_size, const struct field *f, struct error *err)
{
    const size_t period = (n_evaluated * STEPS_TO_LOOK + batch_size - 1) / batch_size;
    *e = (struct early_stop){.patience = patience,
                             .period = period < MIN_PERIOD ? MIN_PERIOD : period};
    if (patience == 0)
        return STATUS_OK;
    e->block = mem_alloc_floats(field_n_params(f));
    return e->block ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

void early_stop_deinit(struct early_stop *e)
{
    mem_free(e->block);
}

bool early_stop_is_due(const struct early_stop *e, uint64_t step)
{
    return e->patience > 0 && step > 0 && step % e->period == 0;
}

void early_stop_note(struct early_stop *e, const struct field *f, uint64_t step, double psnr)
{
    if (e->best_step > 0 && psnr <= e->best_psnr)
        return;
    e->best_step = step;
    e->best_psnr = psnr;
    memcpy(e->block, field_params_const(f), field_n_params(f) * sizeof *e->block);
}

bool early_stop_is_over(const struct early_stop *e, uint64_t step)
{
    return e->best_step > 0 && (step - e->best_step) / e->period >= e->patience;
}

static void swap(struct early_stop *e, struct field *f)
{
    field_swap_params(f, e->block);
    e->is_shown = !e->is_shown;
}

void early_stop_show(struct early_stop *e, struct field *f)
{
    if (e->best_step > 0 && !e->is_shown)
        swap(e, f);
}

bool early_stop_hide(struct early_stop *e, struct field *f)
{
    if (!e->is_shown)
        return false;
    swap(e, f);
    return true;
}
