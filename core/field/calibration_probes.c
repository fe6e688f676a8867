/*
 * Tasks: what it takes to draw a point and to know its loss, or to measure all points there are.
 */
#include "core/base/mem.h"
#include "core/field/calibration_parts.h"
#include "core/nn/mlp.h"

/* --- drawing --- */

struct drawing {
    const struct task *task;
    float *numbers; /* of each member */
    size_t n_member;
};

enum { DRAWN_TILES = 8 };

static void draw_tiles(void *context, size_t member)
{
    const struct drawing *d = context;
    float *at = d->numbers + member * d->n_member;
    struct task_tile tile = {.batch_size = (size_t)64 * MLP_TILE, .n = MLP_TILE};
    tile.coords = at;
    tile.targets = at += MLP_TILE * d->task->n_inputs;
    tile.raw = at += MLP_TILE * d->task->n_targets;
    tile.values = at += MLP_TILE * d->task->n_outputs;
    tile.d_raw = at + MLP_TILE * d->task->n_outputs;
    for (size_t i = 0; i < DRAWN_TILES; i++) {
        tile.first = i * MLP_TILE;
        d->task->class->draw(d->task, &tile);
        d->task->class->loss(d->task, &tile);
    }
}

/* Seconds of one thread for a point. */
static enum status time_draws(double *out, const struct measuring *m, const struct task *t,
                              struct error *err)
{
    struct drawing d = {.task = t};
    d.n_member = MLP_TILE * (t->n_inputs + t->n_targets + 3 * t->n_outputs);
    d.numbers = mem_alloc_floats(d.n_member * team_size(m->team));
    if (!d.numbers)
        return error_status(err, STATUS_NO_MEMORY);
    *out = calibration_time(m, draw_tiles, &d) / (DRAWN_TILES * MLP_TILE);
    mem_free(d.numbers);
    return STATUS_OK;
}

enum status calibrate_draws(struct costs *out, const struct measuring *m, struct error *err)
{
    return time_draws(&out->draw, m, m->task, err);
}

/* --- measuring --- */

struct seeing {
    const struct task *task;
    struct task_measurement measurement;
};

static void see_all(void *context, size_t member)
{
    const struct seeing *s = context;
    struct task_measurement m = s->measurement;
    m.member = member;
    s->task->class->measure(s->task, &m);
}

/* Seconds of one thread for all points. */
static enum status time_measurement(double *out, const struct measuring *m, const struct task *t,
                                    struct error *err)
{
    const size_t n_members = team_size(m->team), n = t->n_samples * t->n_outputs;
    const size_t n_scratch = t->class->n_scratch(t, n_members);
    float *values = mem_alloc_floats(2 * n), *scratch = mem_alloc_floats(n_scratch);
    double *loss = mem_alloc_array(n_members, sizeof *loss);
    enum status status = STATUS_OK;
    if (values && scratch && loss) {
        struct seeing s = {.task = t,
                           .measurement = {.team = m->team,
                                           .n_members = n_members,
                                           .n_parts = n_members,
                                           .values = values,
                                           .d_values = values + n,
                                           .scratch = scratch,
                                           .loss = loss}};
        calibration_fill(n, values, 1.0f);
        *out = (double)n_members * calibration_time(m, see_all, &s);
    } else {
        status = error_status(err, STATUS_NO_MEMORY);
    }
    mem_free(values);
    mem_free(scratch);
    mem_free(loss);
    return status;
}

enum status calibrate_probes(struct costs *out, const struct measuring *m, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < m->wish->n_probes && status == STATUS_OK; i++) {
        const struct calibration_probe *probe = &m->wish->probes[i];
        double seconds = 0.0;
        status = calibration_go_on(m, err);
        if (status == STATUS_OK)
            status = probe->task->class->measure ? time_measurement(&seconds, m, probe->task, err)
                                                 : time_draws(&seconds, m, probe->task, err);
        out->probe[i] = seconds / probe->units;
    }
    return status;
}
