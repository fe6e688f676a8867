/*
 * Calibration: what the parts of steps and queries take on this machine (core/field/cost.h),
 * measured by doing a little of each with all threads of a team at once.
 *
 * All but tables is done in three rounds.  In a round the fastest of some runs counts, since what
 * else the machine does only makes them slower; of the rounds the middle one, for each number
 * alone.  It takes some tenths of a second of good kernels, and up to 60 MiB: tables that no cache
 * holds are among what is measured.
 */
#ifndef CORE_FIELD_CALIBRATION_H
#define CORE_FIELD_CALIBRATION_H

#include <stdbool.h>

#include "core/base/parallel.h"
#include "core/field/cost.h"
#include "core/field/task.h"

struct kernel;

/* task: of two inputs and COST_OUTPUTS outputs, whose points are drawn.  CANCELED soon after *stop
 * (may be NULL) becomes true, INTERNAL when it takes longer than longest_seconds, NO_MEMORY. */
enum status calibrate(struct costs *out, const struct kernel *kernel, const struct task *task,
                      struct team *team, double longest_seconds, const volatile bool *stop,
                      struct error *err) WARN_UNUSED;

#endif
