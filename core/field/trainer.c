#include "core/field/trainer.h"

#include <math.h>
#include <time.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/field/average.h"
#include "core/field/band_steps.h"
#include "core/field/checkpoint.h"
#include "core/field/early_stop.h"
#include "core/field/precision.h"
#include "core/field/stepper.h"

/* The first snapshot comes as soon as there may be something to see, the next ones when there is
 * clearly more: after so many times the seconds that there are, until they come regularly. */
static const double first_snapshot_seconds = 0.05, snapshot_growth = 3.0;
/* Of Adam: still a normal float. */
static const double min_epsilon = 1e-30;
/* Parts of what snapshots and evaluations may cost together. */
static const double evaluation_part = 0.75, snapshot_part = 0.25;
/* Of what a step takes for a point, the part that a query takes: a third to two thirds. */
static const double query_part = 0.5;

struct trainer {
    struct train_spec spec;
    struct field *field;
    const struct task *task;
    struct team *team;
    struct stepper *stepper;
    struct average average;
    struct early_stop early_stop;
    uint64_t step;  /* steps done */
    double seconds; /* of training, as of the last look at the clock */
};

const char *trainer_stop_name(enum trainer_stop stop)
{
    static const char *const names[] = {
        [STOPPED_BY_STEPS] = "steps",
        [STOPPED_BY_TIME_LIMIT] = "time_limit",
        [STOPPED_BY_TARGET_PSNR] = "target_psnr",
        [STOPPED_BY_EARLY_STOP] = "early_stop",
    };
    return names[stop];
}

static enum status check_spec(const struct train_spec *spec, struct error *err)
{
    if (spec->steps == 0 && !(spec->time_limit_seconds > 0.0) && !(spec->target_psnr > 0.0))
        return error_set(err, STATUS_INVALID, "/train/steps",
                         "one of 'steps', 'time_limit_seconds', 'target_psnr' must be set");
    if (spec->batch_size == 0 || spec->batch_size > LIMIT_BATCH)
        return error_set(err, STATUS_INVALID, "/train/batch_size",
                         "'batch_size' must be 1..%d, got %zu", LIMIT_BATCH, spec->batch_size);
    if (!isfinite(spec->learning_rate) || spec->learning_rate <= 0.0)
        return error_set(err, STATUS_INVALID, "/train/learning_rate",
                         "'learning_rate' must be positive, got %g", spec->learning_rate);
    if (spec->precision == PRECISION_AUTO)
        return error_set(err, STATUS_INVALID, "/train/precision", "'precision' is not settled");
    if (!(spec->ema_decay >= 0.0 && spec->ema_decay < 1.0))
        return error_set(err, STATUS_INVALID, "/train/ema_decay",
                         "'ema_decay' must be in [0, 1), got %g", spec->ema_decay);
    const struct optimizer_spec *o = &spec->optimizer;
    if (o->type == OPTIMIZER_ADAM && !(o->beta1 >= 0.0 && o->beta1 < 1.0 && o->beta2 >= 0.0 &&
                                       o->beta2 < 1.0 && o->epsilon >= min_epsilon))
        return error_set(err, STATUS_INVALID, "/train/optimizer",
                         "adam needs betas in [0, 1) and an epsilon of at least %g, got %g, %g, %g",
                         min_epsilon, o->beta1, o->beta2, o->epsilon);
    return STATUS_OK;
}

enum status trainer_create(struct trainer **out, const struct train_spec *spec, struct field *field,
                           const struct task *task, struct team *team, struct error *err)
{
    enum status status = check_spec(spec, err);
    if (status == STATUS_OK && spec->early_stop > 0 && task->n_held_out == 0)
        status = error_set(err, STATUS_INVALID, "/train/early_stop",
                           "'early_stop' needs samples that are held out");
    if (status == STATUS_OK)
        status = precision_check(spec->precision, field_kernel(field), err);
    if (status != STATUS_OK)
        return status;
    struct trainer *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    *t = (struct trainer){.spec = *spec, .field = field, .task = task, .team = team};
    const size_t group = task->group_size ? task->group_size : 1;
    const size_t batch_size =
        task->class->measure ? task->n_samples : (spec->batch_size + group - 1) / group * group;
    t->spec.batch_size = batch_size;
    status = stepper_create(&t->stepper, &spec->optimizer, spec->precision, batch_size, field, task,
                            team, err);
    if (status == STATUS_OK)
        status = average_init(&t->average, spec->ema_decay, field, err);
    if (status == STATUS_OK)
        status = early_stop_init(&t->early_stop, spec->early_stop, task->n_evaluated, batch_size,
                                 field, err);
    if (status == STATUS_OK) {
        *out = t;
        t = NULL;
    }
    trainer_free(t);
    return status;
}

void trainer_free(struct trainer *t)
{
    if (!t)
        return;
    stepper_free(t->stepper);
    average_deinit(&t->average);
    early_stop_deinit(&t->early_stop);
    mem_free(t);
}

uint64_t trainer_get_step(const struct trainer *t)
{
    return t->step;
}

uint64_t trainer_get_field_step(const struct trainer *t)
{
    return t->early_stop.is_shown ? t->early_stop.best_step : t->step;
}

double trainer_get_seconds(const struct trainer *t)
{
    return t->seconds;
}

/* So that the field is what the last step made of it. */
static void hide(struct trainer *t)
{
    average_hide(&t->average, t->field);
    if (early_stop_hide(&t->early_stop, t->field))
        stepper_parameters_changed(t->stepper);
}

/* Where the parameters, their average and the best are: one of them in the field, which was
 * changed for another. */
static struct checkpoint_blocks blocks_of(const struct trainer *t)
{
    const struct average *a = &t->average;
    const struct early_stop *e = &t->early_stop;
    float *shown = field_params(t->field);
    return (struct checkpoint_blocks){
        .field = t->field,
        .params = e->is_shown   ? e->block
                  : a->is_shown ? a->block
                                : shown,
        .moments = stepper_moments(t->stepper),
        .average = a->is_shown ? shown : a->block,
        .best = e->is_shown ? shown : e->block,
        .state = t->task->state,
        .n_state = t->task->n_state,
    };
}

enum status trainer_save(const struct trainer *t, const char *spec, struct buffer *out,
                         struct error *err)
{
    const struct checkpoint c = {t->step, t->seconds, t->early_stop.best_step,
                                 t->early_stop.best_psnr};
    const struct checkpoint_blocks blocks = blocks_of(t);
    return checkpoint_encode(&c, &blocks, t->spec.optimizer.type, spec, out, err);
}

enum status trainer_load(struct trainer *t, const uint8_t *bytes, size_t n_bytes, struct error *err)
{
    struct checkpoint c;
    const struct checkpoint_blocks blocks = blocks_of(t);
    enum status status =
        checkpoint_decode(&c, &blocks, t->spec.optimizer.type, bytes, n_bytes, err);
    if (status != STATUS_OK)
        return status;
    t->step = c.step;
    t->seconds = c.seconds;
    t->early_stop.best_step = c.best_step;
    t->early_stop.best_psnr = c.best_psnr;
    hide(t);
    stepper_parameters_changed(t->stepper);
    if (t->task->class->restored)
        t->task->class->restored(t->task, t->field);
    return STATUS_OK;
}

/* --- steps --- */

static double learning_rate(const struct trainer *t)
{
    double progress = 0.0;
    if (t->spec.steps > 0)
        progress = (double)t->step / (double)t->spec.steps;
    else if (t->spec.time_limit_seconds > 0.0)
        progress = t->seconds / t->spec.time_limit_seconds;
    if (progress > 1.0)
        progress = 1.0;
    return t->spec.learning_rate * schedule_factor(&t->spec.schedule, t->step, progress);
}

static enum step_outcome advance(struct trainer *t, const volatile bool *stop, double *loss)
{
    enum step_outcome outcome = stepper_step(t->stepper, t->step, learning_rate(t), stop, loss);
    if (outcome == STEP_DONE) {
        t->step++;
        average_note(&t->average, t->field, t->step, t->team);
    }
    return outcome;
}

double trainer_step(struct trainer *t)
{
    double loss = 0.0;
    hide(t);
    advance(t, NULL, &loss);
    return loss;
}

/* --- a run --- */

/* Times are seconds of training. */
struct run {
    struct trainer *trainer;
    const struct trainer_intervals *intervals;
    const struct trainer_sink *sink;
    const volatile bool *stop;
    double clock_start; /* what the clock showed at second 0 of the training */
    double begin;       /* when the run began … */
    uint64_t begin_step;
    double loss; /* of the last step */
    bool sound;  /* the metrics of the last evaluation were finite */
    bool has_evaluated;
    uint64_t evaluated_step; /* of the last evaluation */
    /* When they are due. */
    double next_loss, next_snapshot, next_evaluation, next_checkpoint;
    struct band_steps bands;
};

static void look_at_clock(struct run *r)
{
    r->trainer->seconds = monotonic_seconds() - r->clock_start;
}

static void report_metric(const struct run *r, const char *key, double value)
{
    const struct trainer *t = r->trainer;
    if (r->sink->metric)
        r->sink->metric(r->sink->context, key, t->step, value, t->seconds);
}

static void report_loss(struct run *r)
{
    const struct trainer *t = r->trainer;
    report_metric(r, "loss", r->loss);
    if (r->sink->progress)
        r->sink->progress(r->sink->context, t->step, t->seconds);
    r->next_loss = t->seconds + r->intervals->loss_seconds;
}

static enum status diverged(const struct run *r, const char *what, struct error *err)
{
    return error_set(err, STATUS_DIVERGED, "", "%s not finite after step %llu, its loss was %g",
                     what, (unsigned long long)r->trainer->step, r->loss);
}

/* A relu can hide a broken weight from the loss. */
static enum status check_parameters(const struct run *r, struct error *err)
{
    const struct field *f = r->trainer->field;
    const float *params = field_params_const(f);
    for (size_t i = 0; i < field_n_params(f); i++)
        if (!isfinite(params[i]))
            return diverged(r, "the parameters are", err);
    return STATUS_OK;
}

static enum status give_snapshot(struct run *r, struct error *err)
{
    struct trainer *t = r->trainer;
    enum status status = check_parameters(r, err);
    if (status != STATUS_OK)
        return status;
    const double begin = t->seconds;
    average_show(&t->average, t->field, t->step);
    if (r->sink->snapshot && r->sound)
        r->sink->snapshot(r->sink->context, t->field, t->step);
    average_hide(&t->average, t->field);
    look_at_clock(r);
    const double cost = t->seconds - begin;
    const double wanted = fmin(r->intervals->snapshot_seconds, snapshot_growth * begin);
    r->next_snapshot = begin + fmax(wanted, cost / (snapshot_part * r->intervals->share));
    return STATUS_OK;
}

/* A snapshot is cheap, its metrics are not: they come as often as they may cost, the first ones,
 * too.  What those will cost is told by the steps so far. */
static bool is_evaluation_due(const struct run *r)
{
    const struct trainer *t = r->trainer;
    if (t->spec.early_stop > 0)
        return early_stop_is_due(&t->early_stop, t->step);
    if (t->seconds < r->next_evaluation)
        return false;
    if (r->has_evaluated)
        return true;
    const double spent = t->seconds - r->begin;
    const double n_points = (double)(t->step - r->begin_step) * (double)t->spec.batch_size;
    const double cost = query_part * (double)t->task->n_evaluated * spent / n_points;
    return cost <= spent * evaluation_part * r->intervals->share;
}

/* Seconds from one evaluation that is told to the next. */
static double evaluation_seconds(const struct run *r, double cost)
{
    const struct trainer_intervals *i = r->intervals;
    if (r->trainer->spec.early_stop > 0)
        return i->loss_seconds;
    return fmax(i->snapshot_seconds, cost / (evaluation_part * i->share));
}

/* Evaluate and report.  *psnr: test_psnr where the task has one; NaN if a metric is not finite. */
static enum status evaluate(struct run *r, double *psnr, struct error *err)
{
    struct trainer *t = r->trainer;
    struct task_metrics metrics = {0};
    const double begin = t->seconds;
    const bool is_told = begin >= r->next_evaluation;
    const struct task_evaluation quick = {.effort = EVALUATE_QUICK, .stop = r->stop};
    enum status status =
        t->task->class->evaluate(t->task, t->field, t->team, &quick, &metrics, err);
    if (status != STATUS_OK)
        return status;
    r->sound = true;
    for (size_t i = 0; i < metrics.n; i++)
        r->sound = r->sound && isfinite(metrics.metric[i].value);
    for (size_t i = 0; i < metrics.n && r->sound && is_told; i++)
        report_metric(r, metrics.metric[i].key, metrics.metric[i].value);
    const double *found = task_metrics_find(&metrics, "test_psnr");
    if (!found)
        found = task_metrics_find(&metrics, "psnr");
    *psnr = r->sound && found ? *found : NAN;

    look_at_clock(r);
    r->has_evaluated = true;
    r->evaluated_step = t->step;
    if (is_told)
        r->next_evaluation = begin + evaluation_seconds(r, t->seconds - begin);
    return STATUS_OK;
}

/* Evaluate, and see whether that ends the run. */
static enum status look(struct run *r, bool *over, enum trainer_stop *stopped_by, struct error *err)
{
    struct trainer *t = r->trainer;
    double psnr = NAN;
    average_show(&t->average, t->field, t->step);
    enum status status = evaluate(r, &psnr, err);
    if (status == STATUS_OK && t->spec.early_stop > 0 && isfinite(psnr))
        early_stop_note(&t->early_stop, t->field, t->step, psnr);
    average_hide(&t->average, t->field);
    if (status != STATUS_OK)
        return status;
    if (t->spec.target_psnr > 0.0 && psnr >= t->spec.target_psnr) {
        *over = true;
        *stopped_by = STOPPED_BY_TARGET_PSNR;
    } else if (t->spec.early_stop > 0 && early_stop_is_over(&t->early_stop, t->step)) {
        *over = true;
        *stopped_by = STOPPED_BY_EARLY_STOP;
    }
    return STATUS_OK;
}

static size_t n_band_points(const struct task *t)
{
    return t->class->measure_bands ? t->n_band_points : 0;
}

/* What is left in each octave, of the field as it is shown. */
static enum status tell_bands(struct run *r, struct error *err)
{
    const struct trainer *t = r->trainer;
    struct task_metrics metrics = {0};
    if (n_band_points(t->task) == 0)
        return STATUS_OK;
    enum status status =
        t->task->class->measure_bands(t->task, t->field, t->team, r->stop, &metrics, err);
    for (size_t i = 0; i < metrics.n && status == STATUS_OK; i++)
        report_metric(r, metrics.metric[i].key, metrics.metric[i].value);
    look_at_clock(r);
    return status;
}

static enum status look_at_bands(struct run *r, struct error *err)
{
    struct trainer *t = r->trainer;
    average_show(&t->average, t->field, t->step);
    enum status status = tell_bands(r, err);
    average_hide(&t->average, t->field);
    if (status == STATUS_OK)
        band_steps_advance(&r->bands);
    return status;
}

/* At the end of early stopping: the field, which is the average if there is one, is to be the best
 * that was seen.  What the last parameters are worth is not
 * noted where no evaluation is due: a fit of more steps would not have looked at them. */
static enum status show_best(struct run *r, struct error *err)
{
    struct trainer *t = r->trainer;
    const struct early_stop *e = &t->early_stop;
    double psnr = NAN;
    if (e->best_step == 0 || e->best_step == t->step)
        return STATUS_OK;
    if (r->evaluated_step != t->step) {
        r->next_evaluation = INFINITY; /* what is told of the last step is the result's */
        enum status status = evaluate(r, &psnr, err);
        if (status != STATUS_OK || psnr > e->best_psnr)
            return status;
    }
    average_hide(&t->average, t->field);
    early_stop_show(&t->early_stop, t->field);
    return STATUS_OK;
}

static enum status give_checkpoint(struct run *r, struct error *err)
{
    struct trainer *t = r->trainer;
    enum status status = check_parameters(r, err);
    if (status != STATUS_OK)
        return status;
    if (r->sink->checkpoint)
        r->sink->checkpoint(r->sink->context, t->step);
    look_at_clock(r);
    r->next_checkpoint = t->seconds + r->intervals->checkpoint_seconds;
    return STATUS_OK;
}

/* Whether steps or time are over. */
static bool is_over(const struct trainer *t, enum trainer_stop *stopped_by)
{
    if (t->spec.steps > 0 && t->step >= t->spec.steps) {
        *stopped_by = STOPPED_BY_STEPS;
        return true;
    }
    if (t->spec.time_limit_seconds > 0.0 && t->seconds >= t->spec.time_limit_seconds) {
        *stopped_by = STOPPED_BY_TIME_LIMIT;
        return true;
    }
    return false;
}

/* A step and what is due after it.  *over: the run has come to an end of its own. */
static enum status run_step(struct run *r, bool *over, enum trainer_stop *stopped_by,
                            struct error *err)
{
    struct trainer *t = r->trainer;
    enum status status = STATUS_OK;
    switch (advance(t, r->stop, &r->loss)) {
    case STEP_DONE:
        break;
    case STEP_ABANDONED:
        return error_status(err, STATUS_CANCELED);
    case STEP_NOT_FINITE:
        return error_set(err, STATUS_DIVERGED, "", "the loss of step %llu is not finite: %g",
                         (unsigned long long)t->step + 1, r->loss);
    }
    look_at_clock(r);
    *over = is_over(t, stopped_by);
    if (!*over && is_evaluation_due(r))
        status = look(r, over, stopped_by, err);
    if (status == STATUS_OK && (*over || t->seconds >= r->next_loss))
        report_loss(r); /* with the pace of the steps so far, which a forecast is made with */
    if (status == STATUS_OK && !*over && t->step == r->bands.next)
        status = look_at_bands(r, err);
    if (status == STATUS_OK && !*over && t->seconds >= r->next_snapshot)
        status = give_snapshot(r, err);
    if (status == STATUS_OK && !*over && t->seconds >= r->next_checkpoint)
        status = give_checkpoint(r, err);
    return status;
}

enum status trainer_run(struct trainer *t, const struct trainer_intervals *intervals,
                        const struct trainer_sink *sink, const volatile bool *stop,
                        enum trainer_stop *stopped_by, struct error *err)
{
    struct run r = {
        .trainer = t,
        .intervals = intervals,
        .sink = sink,
        .stop = stop,
        .clock_start = monotonic_seconds() - t->seconds,
        .begin = t->seconds,
        .begin_step = t->step,
        .sound = true,
        .next_loss = t->seconds,
        .next_snapshot = t->seconds + fmin(first_snapshot_seconds, intervals->snapshot_seconds),
        .next_evaluation = t->seconds + fmin(first_snapshot_seconds, intervals->snapshot_seconds),
        .next_checkpoint = t->seconds + intervals->checkpoint_seconds,
        .bands = band_steps_from(t->step, n_band_points(t->task), t->spec.batch_size),
    };
    enum trainer_stop end = STOPPED_BY_STEPS;
    enum status status = STATUS_OK;
    if (t->spec.early_stop > 0)
        r.next_evaluation = t->seconds; /* when one is told: the first is */
    hide(t);
    bool over = is_over(t, &end);
    /* A fit may have been stopped between a step and what is due after it, or ended there. */
    if (!over && early_stop_is_due(&t->early_stop, t->step) && t->early_stop.best_step != t->step)
        status = look(&r, &over, &end, err);
    if (status == STATUS_OK && !over && t->step == r.bands.next)
        status = look_at_bands(&r, err);
    while (!over && status == STATUS_OK)
        status = run_step(&r, &over, &end, err);
    if (status == STATUS_OK)
        status = check_parameters(&r, err);
    if (status == STATUS_OK || status == STATUS_CANCELED)
        average_show(&t->average, t->field, t->step);
    if (status == STATUS_OK && t->spec.early_stop > 0)
        status = show_best(&r, err);
    if (status == STATUS_OK && !task_stopped(stop)) /* one that comes so late finds it over */
        status = tell_bands(&r, err);
    if (status == STATUS_OK)
        *stopped_by = end;
    return status;
}
