/*
 * The table of tasks: what a field can learn from a dataset, and through which measurement.
 *
 * A task is one file in core/task, one file tasks_*.c and one row here, and its presets
 * (api/presets.c).  The settings of its measurement (`measure` of a job's body) are members of
 * struct spec_measure; its row names them with their ranges and defaults.
 */
#ifndef API_TASKS_TASKS_H
#define API_TASKS_TASKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/codec/codec_spec.h"
#include "api/codec/codec_spec_tables.h"
#include "api/problem.h"
#include "core/base/data.h"
#include "core/base/parallel.h"
#include "core/field/cost.h"
#include "core/field/task.h"
#include "core/scene/eye.h"

/* Bytes of memory that come to those of the field, its optimizer and the data, a little high. */
struct task_bytes {
    uint64_t task;       /* as long as it trains */
    uint64_t loading;    /* while it is made, beside the data and without the field */
    uint64_t evaluating; /* a full evaluation, beside the field's workspaces */
    uint64_t unread;     /* of the data, which settings make smaller while it is read */
};

/* The surface of a field: where what it measures passes a level. */
struct task_surface {
    float level; /* where the client does not say; in source units where it has a unit */
    bool is_inside_below;
    /* What is measured, values [n], at unit coordinates [n, 3] where the field gives outputs [n,
     * n_outputs].  NULL: the first output. */
    void (*values)(const struct spec *spec, const struct field *f, size_t n, const float *unit,
                   const float *outputs, float *values);
};

struct task_row {
    enum task_type type;
    const char *name;  /* "image" */
    unsigned kinds;    /* datasets it learns from: 1u << enum data_kind, or of several */
    unsigned holdouts; /* 1u << enum holdout, of several */
    const struct spec_facts *example; /* what estimates of presets are made for */

    struct member_table measure; /* into struct spec_measure */

    /* Its data can be surveyed: settings may be left to them (core/field/tune.h). */
    bool is_surveyed;

    /* Before a preset's settings {field, train, measure} are resolved: change what would not go
     * with the measurement that is asked for (the caller's `measure`, may be NULL or anything), or
     * with the data.  False when out of memory.  NULL: all go with all. */
    bool (*suit)(json_t *settings, const json_t *asked, const struct spec_facts *facts);

    /* What the data are with the measurement that is asked for (`measure` of a body, may be NULL
     * or anything): sizes are chosen by these facts.  NULL: what they were. */
    void (*reduce)(const json_t *asked, struct spec_facts *facts);

    /* In resolved settings of `measure`: what was "auto" or null and follows from the data.  False
     * when out of memory.  NULL: nothing does. */
    bool (*fill_in)(json_t *measure, const struct spec_facts *facts);

    /* What the measurement makes of the field beyond its settings: its mask, what its values stand
     * for and, over a dataset (facts->kind), where it lies: source_from_unit, which is the facts'.
     * NULL: nothing. */
    void (*place)(struct spec *spec, const struct spec_facts *facts);

    /* Numbers that the field gives at a point.  NULL: the channels of the data. */
    size_t (*n_outputs)(const struct spec *spec, const struct spec_facts *facts);

    /* Points of a step whatever the batch size, which is then of no account.  NULL: it is as large
     * as the batch. */
    size_t (*n_points)(const struct spec_facts *facts);

    /* Points that a batch has whole groups of: it is rounded up.  NULL: 1. */
    size_t (*group_size)(const struct spec *spec);

    /* Seconds of one thread: of a step's draws and measurement, beyond what points of a picture
     * take (cost_step); of the first *n_steps steps together, beyond what so many later ones take;
     * before the first step, beyond reading the file; and of the last evaluation.  The batch of the
     * spec has whole groups.  NULL: none. */
    double (*step_seconds)(const struct spec *spec, const struct spec_facts *facts,
                           const struct costs *costs);
    double (*first_seconds)(const struct spec *spec, const struct costs *costs, double *n_steps);
    double (*making_seconds)(const struct spec *spec, const struct spec_facts *facts,
                             const struct costs *costs);
    double (*evaluation_seconds)(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs);

    /* What only the data can say about a spec: problems at their places.  NULL: nothing. */
    enum status (*check)(const struct spec *spec, const struct spec_facts *facts,
                         struct problem_list *problems);

    /* data is borrowed until task_free; what the task does not need of it may be released.  *stop:
     * CANCELED when it is raised. */
    enum status (*create)(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err);

    /* What one thread looks at the field with, along rays of cameras (core/scene/eye.h), and about
     * how many points of the field a ray asks for.  NULL: there is nothing to be seen. */
    enum status (*open_eye)(struct eye **out, const struct spec *spec, const struct field *f,
                            bool has_normals, struct error *err);
    double (*points_of_ray)(const struct spec *spec);

    /* Fields of three dimensions: what their surface is.  out comes as what NULL stands for: the
     * first output, inside over one half. */
    void (*surface)(const struct spec *spec, struct task_surface *out);

    struct task_bytes (*bytes)(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads);
};

/* The rows in order; NULL past the last.  The first whose kinds include a dataset's is the task
 * that follows from it. */
const struct task_row *tasks_at(size_t i);
const struct task_row *tasks_of(enum task_type type);
const struct task_row *tasks_find(const char *name);       /* NULL if there is none */
const struct task_row *tasks_default(enum data_kind kind); /* NULL if there is none */

/* --- the rows --- */
extern const struct task_row tasks_image, tasks_volume, tasks_shape, tasks_views, tasks_ct,
    tasks_mri, tasks_signal;

#endif
