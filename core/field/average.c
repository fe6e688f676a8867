#include "core/field/average.h"

#include <math.h>

#include "core/base/mem.h"

enum { GRANULE = 1024 }; /* floats: fewer are not worth another member */

enum status average_init(struct average *a, double decay, const struct field *f, struct error *err)
{
    *a = (struct average){.decay = decay};
    if (decay == 0.0)
        return STATUS_OK;
    a->block = mem_alloc_floats(field_n_params(f));
    return a->block ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

void average_deinit(struct average *a)
{
    mem_free(a->block);
}

/* A pass over both blocks. */
struct pass {
    float *block;
    const float *params;
    size_t n, n_members;
    float weight;
};

static void move_member(void *context, size_t member)
{
    const struct pass *p = context;
    size_t first, count;
    team_share(p->n, GRANULE, p->n_members, member, &first, &count);
    for (size_t i = first; i < first + count; i++)
        p->block[i] += p->weight * (p->params[i] - p->block[i]);
}

void average_note(struct average *a, const struct field *f, uint64_t step, struct team *team)
{
    if (a->decay == 0.0 || step < AVERAGE_START || step % AVERAGE_PERIOD != 0)
        return;
    const uint64_t n = (step - AVERAGE_START) / AVERAGE_PERIOD + 1;
    struct pass p = {.block = a->block,
                     .params = field_params_const(f),
                     .n = field_n_params(f),
                     .n_members = team_size(team),
                     .weight = (float)fmax(1.0 - pow(a->decay, AVERAGE_PERIOD), 1.0 / (double)n)};
    team_run(team, move_member, &p);
}

static void swap(struct average *a, struct field *f)
{
    field_swap_params(f, a->block);
    a->is_shown = !a->is_shown;
}

void average_show(struct average *a, struct field *f, uint64_t step)
{
    if (a->block && !a->is_shown && step >= AVERAGE_START)
        swap(a, f);
}

void average_hide(struct average *a, struct field *f)
{
    if (a->is_shown)
        swap(a, f);
}
