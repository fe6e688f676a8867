/* Task "signal": values of a function of one coordinate. */
#include <stddef.h>

#include "api/tasks/tasks.h"
#include "core/base/limits.h"
#include "core/task/task_signal.h"

static const struct member measure_rows[] = {
    {"bins", MEMBER_LIST, 0, LIMIT_SIGNAL_SAMPLES, .count = TASK_SIGNAL_BINS,
     .offset = offsetof(struct spec_measure, signal.bins), .fallback = "[]"},
};

/* Samples that are trained on where they are evenly spaced. */
static size_t n_trained(const struct spec *spec, const struct spec_facts *facts)
{
    const size_t stride = spec->holdout == HOLDOUT_STRIDE       ? (size_t)spec->holdout_stride
                          : spec->holdout == HOLDOUT_ODD_PIXELS ? 2
                                                                : 1;
    return (facts->width + stride - 1) / stride;
}

static enum status check_bins(const struct spec *spec, const struct spec_facts *facts,
                              struct problem_list *problems)
{
    const size_t n = n_trained(spec, facts);
    if (spec->measure.signal.bins.n > 0 && spec->holdout == HOLDOUT_FRACTION)
        return problem_add(problems, STATUS_INVALID, "/measure/bins",
                           "'bins' need evenly spaced samples: 'holdout' may not be 'fraction'");
    for (size_t i = 0; i < spec->measure.signal.bins.n; i++)
        if (spec->measure.signal.bins.item[i] >= n)
            return problem_add(problems, STATUS_INVALID, "/measure/bins",
                               "'bins' must be below %zu, the samples that are trained on", n);
    return STATUS_OK;
}

static enum status check(const struct spec *spec, const struct spec_facts *facts,
                         struct problem_list *problems)
{
    if (spec->holdout != HOLDOUT_NONE && facts->width < 2)
        return problem_add(problems, STATUS_INVALID, "/train/holdout",
                           "a signal of one sample has nothing to hold out");
    return check_bins(spec, facts, problems);
}

static enum status create(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err)
{
    (void)team;
    (void)stop;
    struct task_signal_spec s = {
        .holdout = spec->holdout,
        .holdout_fraction = spec->holdout_fraction,
        .holdout_stride = (size_t)spec->holdout_stride,
        .loss = spec->loss,
        .output_activation = spec->field.network.output_activation,
        .n_bins = (size_t)spec->measure.signal.bins.n,
        .seed = spec->train.seed,
    };
    for (size_t i = 0; i < s.n_bins; i++)
        s.bins[i] = (size_t)spec->measure.signal.bins.item[i];
    return task_signal_create(out, &data->signal, &s, err);
}

static struct task_bytes bytes(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads)
{
    (void)spec;
    (void)n_threads;
    return (struct task_bytes){
        .task = task_signal_bytes(facts->width, facts->channels),
        .evaluating = task_signal_evaluation_bytes(facts->width, facts->channels),
    };
}

static double evaluation_seconds(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs)
{
    return spec_facts_n_samples(facts) * cost_value(costs, &spec->field);
}

/* The paper's noise. */
static const struct spec_facts example = {
    .kind = DATA_SIGNAL,
    .n_dims = 1,
    .width = 1024,
    .height = 1,
    .depth = 1,
    .channels = 1,
    .units = "periods",
    .source_from_unit = {{1, 0, 0, 0}},
    .value_high = 1.0,
    .data_bytes = 1024 * sizeof(float),
};

const struct task_row tasks_signal = {
    .type = TASK_SIGNAL,
    .name = "signal",
    .kinds = 1u << DATA_SIGNAL,
    .holdouts = 1u << HOLDOUT_NONE | 1u << HOLDOUT_ODD_PIXELS | 1u << HOLDOUT_FRACTION |
                1u << HOLDOUT_STRIDE,
    .example = &example,
    .is_surveyed = true,
    .measure = {measure_rows, sizeof measure_rows / sizeof *measure_rows},
    .check = check,
    .evaluation_seconds = evaluation_seconds,
    .create = create,
    .bytes = bytes,
};
