/*
 * Calibration: what the parts of steps and queries take on this machine (core/field/cost.h),
 * measured by doing a little of each with all threads of a team at once.
 *
 * All but tables and probes is done in three rounds.  In a round the fastest of some runs counts,
 * since what else the machine does only makes them slower; of the rounds the middle one, for each
 * number alone.  It takes some tenths of a second of good kernels, and up to 60 MiB beside its
 * probes: tables that no cache holds are among what is measured.
 *
 * Whether other work of the machine came in between is seen by how long the members waited for a
 * processor (core/base/run_delay.h).  Others that share caches, memory or a core's two threads, but
 * not the processor, are not seen so, nor what a virtual machine's host does.
 */
#ifndef CORE_FIELD_CALIBRATION_H
#define CORE_FIELD_CALIBRATION_H

#include <stdbool.h>

#include "core/base/parallel.h"
#include "core/field/cost.h"
#include "core/field/task.h"

struct kernel;

/* Another task's own work: its draws and their loss, or its measurement. */
struct calibration_probe {
    const struct task *task;
    double units; /* of a measurement, or of a point that is drawn */
};

struct calibration {
    const struct kernel *kernel;
    const struct task *task; /* two inputs, COST_OUTPUTS outputs; its points are drawn */
    const struct calibration_probe *probes; /* [n_probes] */
    size_t n_probes;                        /* at most COST_PROBES; costs of the others are 0 */
    struct team *team;
    double longest_seconds;
    double most_lost;                   /* share of the time (struct costs); 1: take what comes */
    bool (*is_unwanted)(void *context); /* may be NULL; asked between parts */
    void *context;
};

/* CANCELED soon after it is unwanted, or when it is seen to lose more than that; INTERNAL when it
 * takes longer than longest_seconds; NO_MEMORY. */
enum status calibrate(struct costs *out, const struct calibration *wish,
                      struct error *err) WARN_UNUSED;

#endif
