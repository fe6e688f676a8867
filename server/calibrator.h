/*
 * The calibrator: measures, on threads of its own, what steps and queries take on this machine
 * (core/field/calibration.h), while the service already answers.
 *
 * The first measurement is made at once, whatever else goes on, since jobs wait for it.  Where
 * other work took more than a little of its time it is made again, while no job is queued or
 * running, until one was left in peace; of those so far the one that lost least counts.  Each pause
 * is twice as long as the one before, so that a machine which is never idle is not kept busy by
 * being measured, and a measurement ends as soon as it has lost more than the one that counts, or a
 * job comes.
 *
 * Threads: any number may wait for it and ask.
 */
#ifndef SERVER_CALIBRATOR_H
#define SERVER_CALIBRATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/field/cost.h"

struct calibrator;
struct kernel;

struct calibrator_spec {
    const struct kernel *kernel;
    size_t n_threads;     /* of one training process */
    double pause_seconds; /* before the second measurement, and while the service is not idle */
    /* Both are called on the calibrator's thread, with this context. */
    void *context;
    /* Whether nothing is to be kept from its work; NULL: always. */
    bool (*is_idle)(void *context);
    /* For tests; NULL: calibrate. */
    enum status (*measure)(void *context, struct costs *out, struct error *err);
};

/* NO_MEMORY, INTERNAL when no thread can be started. */
enum status calibrator_start(struct calibrator **out, const struct calibrator_spec *spec,
                             struct error *err) WARN_UNUSED;

/* What is known: waits for the end of the first measurement, but no longer than that (to the next
 * second).  *into is filled in and returned; NULL where nothing could be measured, it takes longer,
 * or the calibrator stopped before: then nothing is known about times (yet). */
const struct costs *calibrator_wait(struct calibrator *c, double patience_seconds,
                                    struct costs *into);

/* Give up what is being measured; nobody waits any more when this returns.  What is known stays
 * known. */
void calibrator_quiesce(struct calibrator *c);

/* calibrator_quiesce, then free: nobody asks any more.  NULL is fine. */
void calibrator_stop(struct calibrator *c);

#endif
