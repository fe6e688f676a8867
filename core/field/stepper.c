#include "core/field/stepper.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/field/pace.h"
#include "core/field/tables.h"
#include "core/nn/kernel.h"

enum {
    MAX_MOMENTS = 2,
    MIN_PARTS = 2,     /* so that one thread and two add in the same order */
    TILE_OVERHEAD = 4, /* cost of a tile beyond its rows, in rows: weights and gradients pass by */
    UPDATE_GRANULE = 16, /* floats: one cache line belongs to one member */
};

/* What one member works with. */
struct worker {
    struct mlp_tile *tile;
    float *coords;  /* [MLP_TILE, D] */
    float *targets; /* [MLP_TILE, n_targets] */
    float *raw;     /* [MLP_TILE, C] */
    float *values;  /* [MLP_TILE, C] */
    float *d_raw;   /* [MLP_TILE, C] */
    float *d_input; /* [MLP_TILE, ld]; NULL unless the encoding is trained */
};

struct stepper {
    struct field *field;
    const struct task *task;
    struct team *team;
    struct optimizer_spec optimizer;
    size_t n_members, n_parts;
    size_t batch_size, tile_size, n_tiles; /* points, points, tiles */
    struct pace pace;

    struct worker *worker; /* [n_members] */
    float **gradient;      /* [n_parts], of the parameters behind the tables */
    struct tables *tables; /* NULL: the field has no grids */
    struct mlp_pass pass;
    void *derived; /* what passes need of the parameters in another form */
    float *moment[MAX_MOMENTS];
    size_t n_losses;
    double *loss_part; /* [n_losses]: of tiles, or of a measurement's parts */

    /* Of a task that measures, else NULL. */
    float *values, *d_values; /* [batch_size, C] */
    float *scratch;           /* of the measurement */

    /* The step under way: written by member 0 before the run, but for `abandoned`, which any member
     * raises while tiles go by and all read after the next barrier. */
    uint64_t step;
    double rate;
    size_t n_active; /* members that work: all of the team, or one */
    const volatile bool *stop;
    atomic_bool abandoned;
    double loss; /* written by member 0 */
};

/* Parameters behind the tables. */
static size_t n_dense(const struct stepper *s)
{
    return field_n_params(s->field) - encoding_n_table(field_encoding(s->field));
}

/* Points of a tile: whole groups, chosen so that parts have equal work and rows of the kernels
 * are full.  A function of its arguments alone, since it decides the order of additions. */
static size_t choose_tile_size(size_t batch_size, size_t group_size, size_t n_parts,
                               size_t kernel_rows)
{
    size_t best = group_size, best_cost = SIZE_MAX;
    for (size_t size = group_size; size <= MLP_TILE; size += group_size) {
        size_t n_tiles = (batch_size + size - 1) / size;
        size_t most_tiles = (n_tiles + n_parts - 1) / n_parts;
        size_t rows = (size + kernel_rows - 1) / kernel_rows * kernel_rows;
        size_t cost = most_tiles * (rows + TILE_OVERHEAD);
        if (cost <= best_cost) {
            best = size;
            best_cost = cost;
        }
    }
    return best;
}

static enum status worker_init(struct worker *w, const struct field *f, const struct task *task,
                               struct mlp_pass pass, struct error *err)
{
    const size_t n_outputs = field_n_outputs(f);
    enum status status = mlp_tile_create(&w->tile, field_mlp(f), pass, err);
    if (status != STATUS_OK)
        return status;
    size_t ld;
    mlp_tile_input(w->tile, &ld);
    w->coords = mem_alloc_floats(MLP_TILE * field_n_inputs(f));
    w->targets = mem_alloc_floats(MLP_TILE * task->n_targets);
    w->raw = mem_alloc_floats(MLP_TILE * n_outputs);
    w->values = mem_alloc_floats(MLP_TILE * n_outputs);
    w->d_raw = mem_alloc_floats(MLP_TILE * n_outputs);
    w->d_input = pass.inputs ? mem_alloc_floats(MLP_TILE * ld) : NULL;
    if (!w->coords || !w->targets || !w->raw || !w->values || !w->d_raw ||
        (pass.inputs && !w->d_input))
        return error_status(err, STATUS_NO_MEMORY);
    return STATUS_OK;
}

static void worker_deinit(struct worker *w)
{
    mlp_tile_free(w->tile);
    mem_free(w->coords);
    mem_free(w->targets);
    mem_free(w->raw);
    mem_free(w->values);
    mem_free(w->d_raw);
    mem_free(w->d_input);
}

static enum status check_fit(const struct field *f, const struct task *task, size_t batch_size,
                             struct error *err)
{
    if (task->n_inputs != field_n_inputs(f) || task->n_outputs != field_n_outputs(f))
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "the task '%s' needs a field of %zu inputs and %zu outputs, got %zu and "
                         "%zu",
                         task->class->name, task->n_inputs, task->n_outputs, field_n_inputs(f),
                         field_n_outputs(f));
    if (task->class->measure && batch_size != task->n_samples)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "a measurement of the task '%s' needs all of its %zu points, got %zu",
                         task->class->name, task->n_samples, batch_size);
    if (task->group_size == 0 || task->group_size > MLP_TILE)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "a measurement of %zu points does not fit into a tile of %d",
                         task->group_size, MLP_TILE);
    return STATUS_OK;
}

/* What a task that measures needs beside the rest. */
static enum status prepare_measurement(struct stepper *s, struct error *err)
{
    const size_t n_values = s->batch_size * field_n_outputs(s->field);
    s->values = mem_alloc_floats(n_values);
    s->d_values = mem_alloc_floats(n_values);
    s->scratch = mem_alloc_floats(s->task->class->n_scratch(s->task, s->n_parts));
    if (!s->values || !s->d_values || !s->scratch)
        return error_status(err, STATUS_NO_MEMORY);
    return STATUS_OK;
}

enum status stepper_create(struct stepper **out, const struct optimizer_spec *optimizer,
                           enum precision precision, size_t batch_size, struct field *field,
                           const struct task *task, struct team *team, struct error *err)
{
    enum status status = check_fit(field, task, batch_size, err);
    if (status != STATUS_OK)
        return status;
    struct stepper *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    s->field = field;
    s->task = task;
    s->team = team;
    s->optimizer = *optimizer;
    s->pass = (struct mlp_pass){.training = true,
                                .inputs = encoding_is_trainable(field_encoding(field)),
                                .precision = precision};
    s->n_members = team_size(team);
    s->n_parts = s->n_members < MIN_PARTS ? MIN_PARTS : s->n_members;
    s->batch_size = batch_size;
    s->tile_size = choose_tile_size(batch_size, task->group_size, s->n_parts,
                                    precision == PRECISION_BF16 ? KERNEL_BLOCK
                                                                : field_kernel(field)->gemm_rows);
    s->n_tiles = (batch_size + s->tile_size - 1) / s->tile_size;
    atomic_init(&s->abandoned, false);

    bool complete = true;
    for (size_t i = 0; i < optimizer_n_moments(optimizer->type); i++) {
        s->moment[i] = mem_alloc_floats(field_n_params(field));
        complete = complete && s->moment[i];
    }
    s->derived = mem_alloc_floats(mlp_n_derived(field_mlp(field), s->pass));
    s->n_losses = task->class->measure ? s->n_parts : s->n_tiles;
    s->loss_part = mem_alloc_array(s->n_losses, sizeof *s->loss_part);
    s->worker = mem_alloc_array(s->n_members, sizeof *s->worker);
    s->gradient = mem_alloc_array(s->n_parts, sizeof *s->gradient);
    for (size_t i = 0; i < s->n_parts && s->gradient; i++) {
        s->gradient[i] = mem_alloc_floats(n_dense(s));
        complete = complete && s->gradient[i];
    }
    if (!complete || !s->gradient || !s->derived || !s->loss_part || !s->worker) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < s->n_members; i++) {
        status = worker_init(&s->worker[i], field, task, s->pass, err);
        if (status != STATUS_OK)
            goto out;
    }
    status = tables_create(&s->tables, field, batch_size, err);
    if (status == STATUS_OK && task->class->measure)
        status = prepare_measurement(s, err);
    if (status != STATUS_OK)
        goto out;
    stepper_parameters_changed(s);
    *out = s;
    s = NULL;
out:
    stepper_free(s);
    return status;
}

void stepper_free(struct stepper *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->worker && i < s->n_members; i++)
        worker_deinit(&s->worker[i]);
    mem_free(s->worker);
    for (size_t i = 0; s->gradient && i < s->n_parts; i++)
        mem_free(s->gradient[i]);
    mem_free(s->gradient);
    mem_free(s->derived);
    for (size_t i = 0; i < MAX_MOMENTS; i++)
        mem_free(s->moment[i]);
    mem_free(s->loss_part);
    mem_free(s->values);
    mem_free(s->d_values);
    mem_free(s->scratch);
    tables_free(s->tables);
    mem_free(s);
}

float *const *stepper_moments(const struct stepper *s)
{
    return s->moment;
}

/* Where the network's part begins, of the field's parameters and of a gradient. */
static size_t network_offset(const struct stepper *s)
{
    return encoding_n_params(field_encoding(s->field));
}

static float *network_gradient(const struct stepper *s, float *gradient)
{
    return gradient + network_offset(s) - encoding_n_table(field_encoding(s->field));
}

void stepper_parameters_changed(struct stepper *s)
{
    mlp_derive(field_mlp(s->field), s->pass, field_params_const(s->field) + network_offset(s),
               s->derived, 0, 1);
}

static struct task_tile tile_of(const struct stepper *s, struct worker *w, size_t number)
{
    const size_t first = number * s->tile_size, n_left = s->batch_size - first;
    return (struct task_tile){
        .step = s->step,
        .batch_size = s->batch_size,
        .first = first,
        .n = n_left < s->tile_size ? n_left : s->tile_size,
        .coords = w->coords,
        .targets = w->targets,
        .raw = w->raw,
        .values = w->values,
        .d_raw = w->d_raw,
    };
}

/* From the tile's points to values and raw, with activations in mlp_tile. */
static void go_forward(const struct stepper *s, const struct task_tile *tile,
                       struct mlp_tile *mlp_tile, float *raw, float *values)
{
    const float *params = field_params_const(s->field);
    size_t ld;
    float *input = mlp_tile_input(mlp_tile, &ld);
    encoding_forward(field_encoding(s->field), field_kernel(s->field), params, tile->n,
                     tile->coords, input, ld);
    mlp_forward(field_mlp(s->field), params + network_offset(s), s->derived, mlp_tile, tile->n, raw,
                values);
}

/* From d_raw into a gradient block. */
static void go_backward(const struct stepper *s, const struct task_tile *tile,
                        struct mlp_tile *mlp_tile, float *d_input, float *gradient)
{
    size_t ld;
    const float *input = mlp_tile_input(mlp_tile, &ld);
    mlp_backward(field_mlp(s->field), s->derived, mlp_tile, tile->n, tile->d_raw,
                 network_gradient(s, gradient), d_input);
    if (d_input)
        encoding_backward(field_encoding(s->field), field_params_const(s->field), tile->n,
                          tile->coords, input, d_input, ld, gradient, NULL);
    if (s->tables)
        tables_keep(s->tables, tile->first, tile->n, tile->coords, d_input, ld);
}

/* One tile forward and backward into a gradient block; its part of the loss is noted. */
static void learn_tile(const struct stepper *s, struct worker *w, size_t number, float *gradient)
{
    struct task_tile tile = tile_of(s, w, number);
    s->task->class->draw(s->task, &tile);
    go_forward(s, &tile, w->tile, w->raw, w->values);
    s->loss_part[number] = s->task->class->loss(s->task, &tile);
    go_backward(s, &tile, w->tile, w->d_input, gradient);
}

/* The two passes around a measurement. */
static void see_tile(const struct stepper *s, struct worker *w, size_t number, float *gradient)
{
    (void)gradient;
    struct task_tile tile = tile_of(s, w, number);
    s->task->class->draw(s->task, &tile);
    go_forward(s, &tile, w->tile, NULL, s->values + tile.first * field_n_outputs(s->field));
}

static void go_back_over_tile(const struct stepper *s, struct worker *w, size_t number,
                              float *gradient)
{
    struct task_tile tile = tile_of(s, w, number);
    const size_t n_outputs = field_n_outputs(s->field), first = tile.first * n_outputs;
    s->task->class->draw(s->task, &tile);
    go_forward(s, &tile, w->tile, NULL, w->values);
    mlp_output_backward(mlp_get_spec(field_mlp(s->field))->output_activation, tile.n * n_outputs,
                        s->values + first, s->d_values + first, w->d_raw);
    go_backward(s, &tile, w->tile, w->d_input, gradient);
}

typedef void (*tile_function)(const struct stepper *s, struct worker *w, size_t number,
                              float *gradient);

static void run_tiles(struct stepper *s, size_t member, tile_function run_tile)
{
    for (size_t part = member; part < s->n_parts; part += s->n_active) {
        size_t first, count;
        team_share(s->n_tiles, 1, s->n_parts, part, &first, &count);
        for (size_t i = first; i < first + count; i++) {
            if (task_stopped(s->stop))
                atomic_store(&s->abandoned, true);
            if (atomic_load_explicit(&s->abandoned, memory_order_relaxed))
                return;
            run_tile(s, &s->worker[member], i, s->gradient[part]);
        }
    }
}

/* The member's share of the update, which zeroes the gradients it has read. */
static void update(struct stepper *s, size_t member)
{
    float *moments[MAX_MOMENTS], *gradients[LIMIT_THREADS + MIN_PARTS];
    size_t begin, n_trained, first, count;
    field_trainable_range(s->field, &begin, &n_trained);
    team_share(n_trained, UPDATE_GRANULE, s->n_active, member, &first, &count);
    first += begin;
    for (size_t i = 0; i < optimizer_n_moments(s->optimizer.type); i++)
        moments[i] = s->moment[i] + first;
    for (size_t i = 0; i < s->n_parts; i++)
        gradients[i] = s->gradient[i] + first - encoding_n_table(field_encoding(s->field));
    optimizer_update(&s->optimizer, field_kernel(s->field), s->step + 1, s->rate, count,
                     field_params(s->field) + first, moments, gradients, s->n_parts);
    if (s->tables)
        tables_update(s->tables, &s->optimizer, s->step + 1, s->rate, s->moment);
}

static void meet(struct stepper *s)
{
    if (s->n_active > 1)
        team_barrier(s->team);
}

/* Every member that asks between the same two barriers gets the same number. */
static double sum_losses(const struct stepper *s)
{
    double loss = 0.0;
    for (size_t i = 0; i < s->n_losses; i++)
        loss += s->loss_part[i];
    return loss;
}

/* Forward over all tiles and the measurement: whether its gradient is there and is to go back. */
static bool measure(struct stepper *s, size_t member)
{
    run_tiles(s, member, see_tile);
    meet(s);
    if (atomic_load(&s->abandoned))
        return false;
    const struct task_measurement measurement = {
        .team = s->n_active > 1 ? s->team : NULL,
        .member = member,
        .n_members = s->n_active,
        .n_parts = s->n_parts,
        .stop = s->stop,
        .values = s->values,
        .d_values = s->d_values,
        .scratch = s->scratch,
        .loss = s->loss_part,
    };
    s->task->class->measure(s->task, &measurement);
    meet(s);
    return isfinite(sum_losses(s));
}

static void step_member(void *context, size_t member)
{
    struct stepper *s = context;
    if (!s->task->class->measure)
        run_tiles(s, member, learn_tile);
    else if (measure(s, member))
        run_tiles(s, member, go_back_over_tile);
    meet(s);

    /* Every member comes to the same decision from the same numbers. */
    const bool abandoned = atomic_load(&s->abandoned);
    const double loss = abandoned ? 0.0 : sum_losses(s);
    if (member == 0)
        s->loss = loss;
    if (abandoned || !isfinite(loss)) {
        for (size_t part = member; part < s->n_parts; part += s->n_active)
            memset(s->gradient[part], 0, n_dense(s) * sizeof(float));
        return;
    }
    update(s, member);
    meet(s);
    mlp_derive(field_mlp(s->field), s->pass, field_params_const(s->field) + network_offset(s),
               s->derived, member, s->n_active);
}

enum step_outcome stepper_step(struct stepper *s, uint64_t step, double rate,
                               const volatile bool *stop, double *loss)
{
    s->step = step;
    s->rate = rate;
    s->stop = stop;
    s->n_active = s->n_members > 1 && pace_is_alone(&s->pace) ? 1 : s->n_members;
    atomic_store(&s->abandoned, false);
    if (s->tables)
        tables_begin(s->tables);
    if (s->task->class->update)
        s->task->class->update(s->task, step, s->field, s->team);
    const double begin = monotonic_seconds();
    if (s->n_active > 1)
        team_run(s->team, step_member, s);
    else
        step_member(s, 0);
    pace_note(&s->pace, monotonic_seconds() - begin);
    if (atomic_load(&s->abandoned))
        return STEP_ABANDONED;
    *loss = s->loss;
    return isfinite(s->loss) ? STEP_DONE : STEP_NOT_FINITE;
}
