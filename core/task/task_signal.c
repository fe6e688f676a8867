#include "core/task/task_signal.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/metrics.h"
#include "core/task/residual_bands.h"
#include "core/task/sample_sets.h"
#include "core/task/survey_lattice.h"
#include "core/task/visit.h"

static const double two_pi = 6.283185307179586477;

struct task_signal {
    struct task task; /* first: a struct task * is cast back */
    const struct signal *signal;
    struct task_signal_spec spec;
    uint32_t *order; /* [N]: the training samples in their order, then the others in theirs */
    struct residual_bands *bands;
};

static const struct task_signal *of(const struct task *t)
{
    return (const struct task_signal *)t;
}

/* --- sets --- */

/* Which samples are trained on: held [N] comes as zeros. */
static enum status hold(const struct task_signal_spec *spec, size_t n, uint8_t *held,
                        struct error *err)
{
    size_t n_test = 0, stride = 1;
    enum status status = STATUS_OK;
    switch (spec->holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
        break;
    case HOLDOUT_ODD_PIXELS:
        stride = 2;
        break;
    case HOLDOUT_STRIDE:
        stride = spec->holdout_stride;
        break;
    case HOLDOUT_FRACTION:
        status = sample_set_hold(n, spec->holdout_fraction, &n_test, err);
        for (size_t i = 0; status == STATUS_OK && i < n_test; i++)
            held[rng_permute(spec->seed, RNG_HOLDOUT, 0, n, i)] = 1;
        break;
    }
    for (size_t i = 0; i < n; i++)
        held[i] |= i % stride != 0;
    return status;
}

static enum status divide(struct task_signal *t, struct error *err)
{
    const size_t n = t->signal->n_samples;
    uint8_t *held = mem_alloc_array(n, sizeof *held);
    t->order = mem_alloc_array(n, sizeof *t->order);
    if (!held || !t->order) {
        mem_free(held);
        return error_status(err, STATUS_NO_MEMORY);
    }
    enum status status = hold(&t->spec, n, held, err);
    size_t n_listed = 0;
    for (int set = 0; set < N_SETS; set++) {
        for (size_t i = 0; i < n; i++)
            if ((int)held[i] == set)
                t->order[n_listed++] = (uint32_t)i;
        if (set == SET_TRAIN)
            t->task.n_samples = n_listed;
    }
    t->task.n_held_out = n - t->task.n_samples;
    if (status == STATUS_OK && t->spec.holdout != HOLDOUT_NONE && t->task.n_held_out == 0)
        status = error_set(err, STATUS_INVALID, "/train/holdout",
                           "a signal of %zu samples leaves nothing to hold out", n);
    mem_free(held);
    return status;
}

static void write_sample(const struct task_signal *t, uint32_t i, float *coord, float *target)
{
    const struct signal *s = t->signal;
    *coord = (float)((double)i / (double)s->n_samples);
    for (size_t c = 0; c < s->channels; c++)
        target[c] = s->values[i * s->channels + c];
}

/* --- training --- */

static void draw(const struct task *task, struct task_tile *tile)
{
    const struct task_signal *t = of(task);
    uint32_t places[MLP_TILE];
    visit_places(task->n_samples, t->spec.seed, tile->step, tile->batch_size, tile->first, tile->n,
                 places);
    for (size_t i = 0; i < tile->n; i++)
        write_sample(t, t->order[places[i]], tile->coords + i, tile->targets + task->n_targets * i);
}

static double loss(const struct task *task, const struct task_tile *tile)
{
    const struct task_signal *t = of(task);
    return sample_loss(task, tile, t->spec.loss, t->spec.output_activation);
}

/* --- evaluation --- */

static void add_errors(const struct task_signal *t, enum sample_set set, const float *values,
                       const float *targets, struct task_metrics *out)
{
    static const char *const keys[N_SETS] = {"mse", "test_mse"};
    const size_t channels = t->signal->channels;
    const size_t first = set == SET_TRAIN ? 0 : t->task.n_samples * channels;
    const size_t n = (set == SET_TRAIN ? t->task.n_samples : t->task.n_held_out) * channels;
    if (n == 0)
        return;
    double sum = 0;
    for (size_t i = first; i < first + n; i++) {
        const double error = (double)values[i] - (double)targets[i];
        sum += error * error;
    }
    task_metrics_add(out, keys[set], sum / (double)n);
    task_metrics_add(out, sample_set_psnr_key(set), metrics_psnr(sum, n));
}

static double residual_at(const struct task_signal *t, size_t bin, const float *values,
                          const float *targets)
{
    const size_t n = t->task.n_samples, channels = t->signal->channels;
    double re = 0, im = 0;
    for (size_t i = 0; i < n; i++) {
        const double error = (double)values[i * channels] - (double)targets[i * channels];
        const double turn = two_pi * (double)(bin * i % n) / (double)n;
        re += error * cos(turn);
        im -= error * sin(turn);
    }
    return hypot(re, im) / (double)n;
}

static enum status evaluate(const struct task *task, const struct field *f, struct team *team,
                            const struct task_evaluation *how, struct task_metrics *out,
                            struct error *err)
{
    static const char *const keys[TASK_SIGNAL_BINS] = {"residual_0", "residual_1", "residual_2",
                                                       "residual_3", "residual_4", "residual_5",
                                                       "residual_6", "residual_7"};
    const struct task_signal *t = of(task);
    const size_t n = t->signal->n_samples, channels = t->signal->channels;
    float *memory = mem_alloc_floats((1 + 2 * channels) * n);
    if (!memory)
        return error_status(err, STATUS_NO_MEMORY);
    float *coords = memory, *values = coords + n, *targets = values + n * channels;
    for (size_t i = 0; i < n; i++)
        write_sample(t, t->order[i], coords + i, targets + i * channels);
    enum status status = task_query(f, team, n, coords, values, how->stop, err);
    if (status == STATUS_OK) {
        add_errors(t, SET_TRAIN, values, targets, out);
        add_errors(t, SET_TEST, values, targets, out);
        for (size_t i = 0; i < t->spec.n_bins; i++)
            task_metrics_add(out, keys[i], residual_at(t, t->spec.bins[i], values, targets));
    }
    mem_free(memory);
    return status;
}

size_t task_signal_bytes(size_t n_samples, size_t channels)
{
    return n_samples * (sizeof(uint32_t) + sizeof(uint8_t)) +
           residual_bands_bytes(n_samples, 1, 1, channels);
}

size_t task_signal_evaluation_bytes(size_t n_samples, size_t channels)
{
    return n_samples * (1 + 2 * channels) * sizeof(float);
}

/* --- what is left, and survey --- */

static void read_place(const void *context, size_t x, size_t y, float *unit, float *value)
{
    (void)y; /* a line */
    write_sample(context, (uint32_t)x, unit, value);
}

static enum status open_bands(struct task_signal *t, struct error *err)
{
    const struct signal *s = t->signal;
    const struct sample_plane line = {s->n_samples, 1, 1, s->channels, t, read_place};
    return residual_bands_create(&t->bands, &line, &t->task.n_band_points, err);
}

static enum status measure_bands(const struct task *task, const struct field *f, struct team *team,
                                 const volatile bool *stop, struct task_metrics *out,
                                 struct error *err)
{
    return residual_bands_measure(of(task)->bands, f, team, stop, out, err);
}

/* Training samples in their order. */
static void read_sample(const void *context, size_t i, float *values)
{
    const struct task_signal *t = context;
    float coord;
    write_sample(t, t->order[i], &coord, values);
}

/* Those of a fraction count as evenly spaced. */
static enum status survey(const struct task *task, struct survey *out, struct error *err)
{
    const struct task_signal *t = of(task);
    const struct lattice_samples samples = {
        .n_dims = 1,
        .size = {task->n_samples, 1, 1},
        .channels = t->signal->channels,
        .stride = 1,
        .read = read_sample,
        .context = t,
    };
    return survey_lattice(out, &samples, err);
}

/* --- life --- */

static void free_signal_task(struct task *task)
{
    struct task_signal *t = (struct task_signal *)task;
    mem_free(t->order);
    residual_bands_free(t->bands);
    mem_free(t);
}

static const struct task_class signal_class = {
    .name = "signal",
    .draw = draw,
    .loss = loss,
    .evaluate = evaluate,
    .measure_bands = measure_bands,
    .survey = survey,
    .free = free_signal_task,
};

static enum status check_bins(const struct task_signal *t, struct error *err)
{
    if (t->spec.n_bins > 0 && t->spec.holdout == HOLDOUT_FRACTION)
        return error_set(err, STATUS_INVALID, "/measure/bins",
                         "'bins' need evenly spaced training samples: 'holdout' may not be "
                         "'fraction'");
    for (size_t i = 0; i < t->spec.n_bins; i++)
        if (t->spec.bins[i] >= t->task.n_samples)
            return error_set(err, STATUS_INVALID, "/measure/bins",
                             "'bins' must be below the %zu training samples, got %zu",
                             t->task.n_samples, t->spec.bins[i]);
    return STATUS_OK;
}

enum status task_signal_create(struct task **out, const struct signal *signal,
                               const struct task_signal_spec *spec, struct error *err)
{
    enum status status =
        sample_check_loss(spec->loss, spec->output_activation, signal->n_samples * signal->channels,
                          signal->values, err);
    if (status != STATUS_OK)
        return status;
    struct task_signal *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    *t = (struct task_signal){
        .task = {.class = &signal_class,
                 .n_inputs = 1,
                 .n_outputs = signal->channels,
                 .group_size = 1,
                 .n_targets = signal->channels,
                 .n_evaluated = signal->n_samples},
        .signal = signal,
        .spec = *spec,
    };
    status = divide(t, err);
    if (status == STATUS_OK)
        status = check_bins(t, err);
    if (status == STATUS_OK)
        status = open_bands(t, err);
    if (status != STATUS_OK) {
        free_signal_task(&t->task);
        return status;
    }
    *out = &t->task;
    return STATUS_OK;
}
