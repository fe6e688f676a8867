/*
 * The calibrator: measures once, on threads of its own, what steps and queries take on this machine
 * (core/field/calibration.h), while the service already answers.
 *
 * Threads: any number may wait for it.
 */
#ifndef SERVER_CALIBRATOR_H
#define SERVER_CALIBRATOR_H

#include <stddef.h>

#include "core/base/status.h"
#include "core/field/cost.h"

struct calibrator;
struct kernel;

/* n_threads: of one training process.  NO_MEMORY, INTERNAL when no thread can be started. */
enum status calibrator_start(struct calibrator **out, const struct kernel *kernel, size_t n_threads,
                             struct error *err) WARN_UNUSED;

/* What was measured, once it is: waits for it, but no longer than that (to the next
 * second).  NULL where it could not be, takes longer, or the calibrator is stopping: then nothing
 * is known about times (yet).  Borrowed until calibrator_stop. */
const struct costs *calibrator_wait(struct calibrator *c, double patience_seconds);

/* Give up what is being measured; nobody waits any more when this returns. */
void calibrator_quiesce(struct calibrator *c);

/* calibrator_quiesce, then free: nobody asks any more.  NULL is fine. */
void calibrator_stop(struct calibrator *c);

#endif
