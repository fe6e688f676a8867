/*
 * A task: the one seam between data and training.
 *
 * A task knows which points to evaluate, and what the loss of their values is.  Where values are
 * seen directly (image, volume, shape) the measurement is the identity; where they are seen through
 * a measurement A (a sum along lines, a Fourier transform, volume rendering), loss() applies A,
 * compares, and gives d_values = A^T (residual).
 *
 *                 draw                      loss
 *   (step, range) ----> coords [n, D] --net--> raw, values [n, C] ----> loss sum, d_raw [n, C]
 *
 * group_size: points that one measurement needs together: 1 pixel, S samples of a ray.  The trainer
 * hands loss() whole groups, in tiles that one thread carries through both passes.
 *
 * Where a measurement needs all points there are (ct, mri), every step is a step of all of them and
 * measure() stands in for loss(), once between the two passes:
 *
 *                 draw                      measure
 *   (step, range) ----> coords [n, D] --net--> values [N, C] ----> loss, d_values [N, C]
 *
 * Draws are a function of (seed, step, index) alone, so that tiles may be drawn in any order, on
 * any thread, and again after a resume.  A task is immutable while it trains: shared by all
 * threads.  What it learns on the way about where to look (views: which space is empty) is its
 * state: update() changes it between steps, and checkpoints keep it.
 * Implementations embed struct task as their first member and live in core/task.
 */
#ifndef CORE_FIELD_TASK_H
#define CORE_FIELD_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/parallel.h"
#include "core/base/status.h"
#include "core/field/field.h"
#include "core/field/survey.h"

struct task;

/* What is kept from training.  Which of them a task knows is written beside it. */
enum holdout {
    HOLDOUT_NONE,
    HOLDOUT_ODD_PIXELS, /* train on samples that are even along every axis, test on those that are
                           odd along every one; the rest unused */
    HOLDOUT_FRACTION,   /* a random part of the samples is the test set */
    HOLDOUT_VIEWS,      /* views: the file's own test split, else every 8th */
    HOLDOUT_STRIDE,     /* signals: train on every c-th sample, test on the others */
};

/* A tile of one step: points first … first + n - 1 of the batch. */
struct task_tile {
    uint64_t step;
    size_t batch_size; /* points of the whole step */
    size_t first, n;
    float *coords;       /* [n, D]: written by draw */
    float *targets;      /* [n, task->n_targets]: written by draw, read by loss */
    const float *raw;    /* [n, C]: before the output activation */
    const float *values; /* [n, C] */
    float *d_raw;        /* [n, C]: written by loss */
};

/* All points of one step, before class->measure.  Every member of the team that works on the step
 * calls it at once, with the same struct but for `member`, and they may meet in it. */
struct task_measurement {
    struct team *team; /* NULL: one member works alone */
    size_t member, n_members;
    size_t n_parts; /* sums are made in so many parts, whoever makes them: see stepper.h */
    const volatile bool *stop; /* as in task_evaluation: once it is true the numbers do not matter,
                                * but for the losses being finite */
    const float *values;       /* [n_samples, C] */
    float *d_values;           /* [n_samples, C]: to be written */
    float *scratch;            /* [class->n_scratch], as the last step left it */
    double *loss;              /* [n_parts]: to be written; the loss is their sum in order */
};

/* Inside class->measure: wait until every member is here. */
void task_meet(const struct task_measurement *m);

/* A metric by name: "psnr", "test_psnr", "ssim", … */
struct task_metric {
    const char *key; /* static text */
    double value;
};
enum { TASK_MAX_METRICS = 16 };

struct task_metrics {
    size_t n;
    struct task_metric metric[TASK_MAX_METRICS];
};

/* EVALUATE_QUICK: a fixed subsample (at least 16,384 samples, or all), while training.
 * EVALUATE_FULL: everything, at the end. */
enum task_effort { EVALUATE_QUICK, EVALUATE_FULL };

struct task_evaluation {
    enum task_effort effort;
    const volatile bool *stop; /* the evaluation ends when it becomes true; may be NULL */

    /* Told now and then by the caller's thread while a full evaluation goes on: which part of it is
     * done, 0..1.  May be NULL. */
    void (*progress)(void *context, double done);
    void *context;
};

struct task_class {
    const char *name; /* "image" */
    void (*draw)(const struct task *t, struct task_tile *tile);

    /* Writes d_raw, the gradient of the batch's loss; returns this tile's part of the loss. */
    double (*loss)(const struct task *t, const struct task_tile *tile);

    /* Instead of loss (then NULL; and these two are NULL where it is not): the loss of all
     * n_samples points, and its gradient.  Numbers that are left may depend on n_parts, not on the
     * members.  n_scratch: floats that it works in. */
    void (*measure)(const struct task *t, const struct task_measurement *m);
    size_t (*n_scratch)(const struct task *t, size_t n_parts);

    /* Before step `step`, by one thread, with the team free: may change the task's state and the
     * field's mask.  The same again for a step that was abandoned changes nothing more.  NULL: the
     * task has no state. */
    void (*update)(const struct task *t, uint64_t step, struct field *f, struct team *team);

    /* The state was read from a checkpoint.  NULL likewise. */
    void (*restored)(const struct task *t, struct field *f);

    /* Appends the task's metrics.  The team computes; CANCELED when *stop becomes true. */
    enum status (*evaluate)(const struct task *t, const struct field *f, struct team *team,
                            const struct task_evaluation *how, struct task_metrics *out,
                            struct error *err);

    /* Appends what is left of the data in each octave of frequencies, as evaluate appends.  NULL:
     * it is not known. */
    enum status (*measure_bands)(const struct task *t, const struct field *f, struct team *team,
                                 const volatile bool *stop, struct task_metrics *out,
                                 struct error *err);

    /* What is known of the data before training: *out is fit for survey_deinit in any case.
     * UNSUPPORTED where they cannot be surveyed, NO_MEMORY.  NULL: no data of this task can. */
    enum status (*survey)(const struct task *t, struct survey *out, struct error *err);
    void (*free)(struct task *t);
};

struct task {
    const struct task_class *class;
    size_t n_inputs;   /* D of the fields it can train */
    size_t n_outputs;  /* C */
    size_t group_size; /* points */
    size_t n_targets;  /* floats of each point that draw writes and loss reads */
    size_t n_samples;  /* training samples there are: what an epoch is, and a step that measures */
    size_t
        n_held_out; /* samples kept from training: where there are any, evaluate gives test_psnr */
    size_t n_evaluated; /* points that a quick evaluation asks the field for */
    float *state;       /* [n_state]: finite numbers, owned by the implementation; NULL: none */
    size_t n_state;
    size_t n_band_points; /* points that measure_bands asks the field for; 0: nothing to tell */
};

void task_free(struct task *t); /* NULL is fine */

/* Add a metric; extra ones past TASK_MAX_METRICS are a programmer's mistake. */
void task_metrics_add(struct task_metrics *m, const char *key, double value);

/* NULL if there is none. */
const double *task_metrics_find(const struct task_metrics *m, const char *key);

/* Whether a flag is raised that a signal handler or another thread may raise; NULL never is.  Who
 * raises it on another thread uses an atomic store. */
bool task_stopped(const volatile bool *stop);

/* Evaluate a field on many points with the whole team: values [n, C] at unit coordinates [n, D].
 * CANCELED when *stop (may be NULL) becomes true, NO_MEMORY. */
enum status task_query(const struct field *f, struct team *team, size_t n, const float *unit,
                       float *values, const volatile bool *stop, struct error *err) WARN_UNUSED;

#endif
