#include "api/estimate.h"

#include <math.h>

#include "api/tasks/tasks.h"
#include "core/nn/mlp.h"

/* The program itself, its libraries and stacks: 6 to 8 MiB are seen. */
static const double process_bytes = 10.0 * 1024 * 1024;

/* What is seen comes within 1 % of the sum of what is asked for: leave some room. */
static const double memory_margin = 1.06;

/* On an idle machine most estimates are right within a factor of 1.5 (docs/decisions/0013).  A job
 * is refused for its steps only where the estimate is over the limit by more than this factor; what
 * gets through and takes too long ends at the limit. */
static const double time_margin = 2.0;

/* Of a fit's time, the part that is not steps: snapshots and evaluations (trainer.h). */
static const double share = 0.02;

/* Seconds of a byte of data as it is read: packed pictures give a hundred megabytes a second. */
static const double read_byte = 1e-8;

/* Points of a step: whole groups, as the trainer takes them. */
static size_t n_points_of(const struct spec *spec, const struct spec_facts *facts)
{
    const struct task_row *row = tasks_of(spec->task);
    const size_t group = row->group_size ? row->group_size(spec) : 1;
    return row->n_points ? row->n_points(facts)
                         : (spec->train.batch_size + group - 1) / group * group;
}

/* A worker holds the dataset's data throughout.  Beside it stands what reading the file takes,
 * or the field it trains and either what a checkpoint is made in, or what the last evaluation
 * takes. SIZE_MAX for want of memory. */
static size_t job_bytes(const struct spec *spec, const struct spec_facts *facts, size_t n_threads)
{
    const enum optimizer_type optimizer = spec->train.optimizer.type;
    const size_t training = field_train_bytes(&spec->field, spec->train.precision, optimizer,
                                              n_points_of(spec, facts), n_threads);
    const size_t saving = field_save_bytes(&spec->field, optimizer);
    /* The average of the parameters, and the best so far; a checkpoint has them as tensors and in
     * its file. */
    const size_t block = field_block_bytes(&spec->field);
    const double more = (spec->train.early_stop > 0 ? (double)block : 0.0) +
                        (spec->train.ema_decay > 0.0 ? (double)block : 0.0);
    if (training == SIZE_MAX || saving == SIZE_MAX || block == SIZE_MAX)
        return SIZE_MAX;
    const struct task_bytes task = tasks_of(spec->task)->bytes(spec, facts, n_threads);
    const double fitting = (double)task.task + (double)training + more +
                           fmax((double)task.evaluating, (double)saving + 2.0 * more);
    const bool looks_ahead =
        spec->tuned != TUNE_NOTHING ||
        (tasks_of(spec->task)->is_surveyed && tune_has_kernel(&spec->field.encoding));
    const double tuning = looks_ahead ? (double)tune_bytes(facts->n_dims) : 0.0;
    const double loading =
        fmax((double)facts->decoding_bytes, (double)task.task + fmax((double)task.loading, tuning));
    const double fixed = process_bytes + (double)facts->data_bytes - (double)task.unread;
    const double bytes = memory_margin * (fixed + fmax(loading, fitting));
    return bytes < 9e18 ? (size_t)bytes : SIZE_MAX - 1;
}

/* How long training takes: evenly in its first steps, evenly in all others. */
struct course {
    double step;           /* seconds from a step to the next; 0 as cost_step has it */
    double first, n_first; /* that so many first steps take beyond that, together */
};

static struct course course_of(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads, const struct costs *costs)
{
    const struct task_row *row = tasks_of(spec->task);
    const double time_of_steps = (1.0 - share) * (double)n_threads;
    struct course c = {.n_first = 1.0};
    struct spec whole = *spec; /* its numbers are borrowed */
    whole.train.batch_size = n_points_of(spec, facts);
    const double seconds = cost_step(costs, &whole.field, &whole.train);
    const double measuring = row->step_seconds ? row->step_seconds(&whole, facts, costs) : 0.0;
    if (seconds > 0.0)
        c.step = seconds / (1.0 - share) + measuring / time_of_steps;
    if (row->first_seconds)
        c.first = row->first_seconds(&whole, costs, &c.n_first) / time_of_steps;
    return c;
}

static double seconds_of(const struct course *c, double steps)
{
    return steps * c->step + fmin(steps / c->n_first, 1.0) * c->first;
}

static double steps_in(const struct course *c, double seconds)
{
    const double first = seconds_of(c, c->n_first);
    return seconds < first ? seconds / first * c->n_first : (seconds - c->first) / c->step;
}

/* Seconds of a job beside its training. */
static double rest_of(const struct spec *spec, const struct spec_facts *facts, size_t n_threads,
                      const struct costs *costs)
{
    const struct task_row *row = tasks_of(spec->task);
    double seconds = 0.0;
    if (row->making_seconds)
        seconds += row->making_seconds(spec, facts, costs);
    if (row->evaluation_seconds)
        seconds += row->evaluation_seconds(spec, facts, costs);
    return read_byte * (double)facts->data_bytes + seconds / (double)n_threads;
}

enum status estimate_job(struct estimate *out, const struct spec *spec,
                         const struct spec_facts *facts, size_t n_threads,
                         const struct costs *costs, struct error *err)
{
    const struct train_spec *train = &spec->train;
    const size_t bytes = job_bytes(spec, facts, n_threads);
    struct course course = {.n_first = 1.0};
    if (costs)
        course = course_of(spec, facts, n_threads, costs);
    /* a resolved spec is one that core takes */
    if (bytes == SIZE_MAX || (costs && course.step == 0.0))
        return error_status(err, STATUS_NO_MEMORY);
    struct estimate e = {.training_seconds = seconds_of(&course, (double)train->steps),
                         .memory_bytes = bytes,
                         .steps = train->steps};
    if (train->time_limit_seconds > 0.0 &&
        (train->steps == 0 || e.training_seconds > train->time_limit_seconds)) {
        e.training_seconds = train->time_limit_seconds;
        if (costs)
            e.steps = (uint64_t)steps_in(&course, e.training_seconds);
    }
    e.seconds = e.training_seconds + (costs ? rest_of(spec, facts, n_threads, costs) : 0.0);
    *out = e;
    return STATUS_OK;
}

enum status estimate_check_job(const struct spec *spec, const struct spec_facts *facts,
                               const struct config *config, const struct costs *costs,
                               struct estimate *out, struct error *err)
{
    struct estimate e = {.steps = 0};
    const double limit = (double)config->job_seconds;
    enum status status = estimate_job(&e, spec, facts, config->threads, costs, err);
    if (status != STATUS_OK)
        return status;
    if (e.memory_bytes > config->job_memory_bytes)
        return error_set(err, STATUS_INVALID, "",
                         "the job would need about %llu MiB of memory, the limit is %llu MiB",
                         (unsigned long long)(e.memory_bytes >> 20),
                         (unsigned long long)(config->job_memory_bytes >> 20));
    if (spec->train.time_limit_seconds > limit)
        return error_set(err, STATUS_INVALID, "/train/time_limit_seconds",
                         "'time_limit_seconds' is %.16g, the limit of a job here is %.0f s",
                         spec->train.time_limit_seconds, limit);
    if (e.training_seconds > time_margin * limit)
        return error_set(err, STATUS_INVALID, "/train/steps",
                         "the job would train for about %.3g s on this machine, the limit is "
                         "%.0f s",
                         e.training_seconds, limit);
    *out = e;
    return STATUS_OK;
}

double estimate_request(const struct field *field, size_t n_points, enum field_use use,
                        const struct costs *costs, size_t n_threads)
{
    const double point = costs ? cost_point(costs, field, use) : 0.0;
    return point * (double)n_points / (double)n_threads;
}

enum status estimate_check_request(const struct field *field, size_t n_points, enum field_use use,
                                   const struct config *config, const struct costs *costs,
                                   size_t n_threads, struct error *err)
{
    const double seconds = estimate_request(field, n_points, use, costs, n_threads);
    if (seconds > (double)config->request_seconds)
        return error_set(err, STATUS_INVALID, "",
                         "the request would take about %.0f s of this machine, the limit is %llu s",
                         ceil(seconds), (unsigned long long)config->request_seconds);
    return STATUS_OK;
}
