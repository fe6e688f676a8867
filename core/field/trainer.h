/*
 * The trainer: fits a field to a task, the same bytes every time.  stepper.h has the arithmetic of
 * a step, checkpoint.h what is kept; here are the schedule, the ends, and when to tell what.
 *
 * Same spec, seed, data and number of threads: same bytes.  A trainer that was saved and loaded
 * goes on as if it had never stopped.  The loss is looked at every step: NaN or infinity ends it
 * DIVERGED.  core never logs and never reads the clock for what it computes: time decides when to
 * report and when to end, and it is the progress of the schedules `cosine` and `hold` where no
 * number of steps is given (without steps and time limit they stay at progress 0).
 */
#ifndef CORE_FIELD_TRAINER_H
#define CORE_FIELD_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/parallel.h"
#include "core/field/field.h"
#include "core/field/task.h"
#include "core/nn/optimizer.h"
#include "core/nn/schedule.h"

/* Whichever end comes first counts.  At least one of steps, time_limit_seconds and target_psnr is
 * set. */
struct train_spec {
    uint64_t steps;           /* 0: no end by steps */
    size_t batch_size;        /* points; whole groups are drawn: rounded up to group_size, and of a
                               * task that measures all its samples */
    enum precision precision; /* settled (precision.h): not auto */
    double learning_rate;
    struct optimizer_spec optimizer;
    struct schedule_spec schedule;
    uint64_t seed;
    double time_limit_seconds; /* of training, over all attempts; 0: none */
    double target_psnr;        /* of test_psnr where the task has one, looked at whenever the field
                                * is evaluated; 0: none */
    double ema_decay;          /* of the average that is shown, see average.h; 0: none is */
    uint64_t early_stop;       /* evaluations without a better test_psnr, see early_stop.h; 0: no
                                * end by them, and the last parameters are the result */
};

enum trainer_stop {
    STOPPED_BY_STEPS,
    STOPPED_BY_TIME_LIMIT,
    STOPPED_BY_TARGET_PSNR,
    STOPPED_BY_EARLY_STOP
};

/* "steps", "time_limit", "target_psnr", "early_stop": the contract's stopped_by. */
const char *trainer_stop_name(enum trainer_stop stop);

/* What the trainer tells while it runs, on the thread that called trainer_run, between steps.
 * step: steps done.  A callback may be NULL. */
struct trainer_sink {
    void *context;
    /* One number of a series.  seconds: of training since the first step, over all attempts. */
    void (*metric)(void *context, const char *key, uint64_t step, double value, double seconds);
    void (*progress)(void *context, uint64_t step, double seconds);
    /* The field as it is now, worth showing: its parameters and last metrics are finite. */
    void (*snapshot)(void *context, const struct field *f, uint64_t step);
    /* Now is a good time for trainer_save: the parameters are finite. */
    void (*checkpoint)(void *context, uint64_t step);
};

/* What is left in each octave is told by steps, see band_steps.h, and at the end.
 * Seconds between what else is told.  The first snapshots come early.  Snapshots and evaluations
 * are stretched so that they cost no more than their share of the time.  With early_stop
 * evaluations come when they have to; their metrics are told with the loss. */
struct trainer_intervals {
    double loss_seconds;       /* metric "loss" and progress; 0.25 */
    double snapshot_seconds;   /* snapshots, and quick evaluations with their metrics; 2 */
    double checkpoint_seconds; /* 30 */
    double share;              /* of the time, for snapshots and quick evaluations together; 0.02 */
};

struct trainer;

/* field, task and team are borrowed until trainer_free; the field's parameters are as the caller
 * left them (field_init for a new fit).  INVALID with a place below "/train", UNSUPPORTED if task
 * and field do not fit each other or the kernel has no such precision. */
enum status trainer_create(struct trainer **out, const struct train_spec *spec, struct field *field,
                           const struct task *task, struct team *team,
                           struct error *err) WARN_UNUSED;
void trainer_free(struct trainer *t);

/* Train until an end.  *stop (may be NULL) is read at every tile: when it becomes true, the step
 * under way is abandoned and CANCELED returned, the state as after the step before.  DIVERGED when
 * loss or parameters are not finite; the error names step and loss.  *stopped_by is set on OK.
 * The last evaluation over all samples is the caller's.
 *
 * With ema_decay the field is then the average of its parameters, as snapshots and evaluations are,
 * also when it was canceled.
 * With early_stop the field is then the best that was seen, whichever end training came to: of the
 * steps at which evaluations were due, and the last.  When it was canceled it is the last.  Steps
 * go on from the last parameters, and so does a trainer that loads what is saved now. */
enum status trainer_run(struct trainer *t, const struct trainer_intervals *intervals,
                        const struct trainer_sink *sink, const volatile bool *stop,
                        enum trainer_stop *stopped_by, struct error *err) WARN_UNUSED;

/* One step, for tests and measurements: returns the loss of its batch, before the update.  Seconds
 * do not pass. */
double trainer_step(struct trainer *t);

uint64_t trainer_get_step(const struct trainer *t);       /* steps done */
uint64_t trainer_get_field_step(const struct trainer *t); /* … as the field shows them */
double trainer_get_seconds(const struct trainer *t);      /* of training, over all attempts */

/* Append a checkpoint (safetensors): weights, moments, step, seconds, the best so far.  `spec` is
 * kept in it as text, so that a checkpoint says what it belongs to. */
enum status trainer_save(const struct trainer *t, const char *spec, struct buffer *out,
                         struct error *err) WARN_UNUSED;

/* Go on from a checkpoint of the same field and optimizer.  INVALID if it does not fit. */
enum status trainer_load(struct trainer *t, const uint8_t *bytes, size_t n_bytes,
                         struct error *err) WARN_UNUSED;

#endif
