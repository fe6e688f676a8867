#include "core/field/task.h"

#include <assert.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/mlp.h"

void task_free(struct task *t)
{
    if (t)
        t->class->free(t);
}

void task_meet(const struct task_measurement *m)
{
    if (m->team)
        team_barrier(m->team);
}

void task_metrics_add(struct task_metrics *m, const char *key, double value)
{
    assert(m->n < TASK_MAX_METRICS);
    m->metric[m->n++] = (struct task_metric){key, value};
}

const double *task_metrics_find(const struct task_metrics *m, const char *key)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->metric[i].key, key) == 0)
            return &m->metric[i].value;
    return NULL;
}

bool task_stopped(const volatile bool *stop)
{
    return stop && __atomic_load_n(stop, __ATOMIC_RELAXED);
}

/* Points between two looks at the stop flag: some milliseconds of the largest network. */
enum { POINTS_PER_LOOK = 4 * MLP_TILE };

struct query_seat {
    struct field_workspace *workspace;
};

struct query {
    const struct field *field;
    struct query_seat *seat; /* [n_members] */
    size_t n_members, n;
    const float *unit;
    float *values;
    const volatile bool *stop;
};

static void query_member(void *context, size_t member)
{
    const struct query *q = context;
    const size_t n_inputs = field_n_inputs(q->field), n_outputs = field_n_outputs(q->field);
    size_t first, count;
    team_share(q->n, MLP_TILE, q->n_members, member, &first, &count);
    const size_t end = first + count;
    while (first < end && !task_stopped(q->stop)) {
        size_t n = end - first < POINTS_PER_LOOK ? end - first : POINTS_PER_LOOK;
        field_query(q->field, q->seat[member].workspace, n, q->unit + first * n_inputs,
                    q->values + first * n_outputs);
        first += n;
    }
}

enum status task_query(const struct field *f, struct team *team, size_t n, const float *unit,
                       float *values, const volatile bool *stop, struct error *err)
{
    struct query q = {.field = f, .n = n, .unit = unit, .values = values, .stop = stop};
    q.n_members = team_size(team);
    q.seat = mem_alloc_array(q.n_members, sizeof *q.seat);
    if (!q.seat)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < q.n_members && status == STATUS_OK; i++)
        status = field_workspace_create(&q.seat[i].workspace, f, FIELD_VALUES, err);
    if (status == STATUS_OK) {
        team_run(team, query_member, &q);
        if (task_stopped(stop))
            status = error_status(err, STATUS_CANCELED);
    }
    for (size_t i = 0; i < q.n_members; i++)
        field_workspace_free(q.seat[i].workspace);
    mem_free(q.seat);
    return status;
}
