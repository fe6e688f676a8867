/*
 * An attempt: one worker process running one claimed job, from start to the end in the store.
 *
 *   open dataset and checkpoint ─► start the process ─► send the job
 *     ─► phases, reports, snapshots, checkpoints, until a result, an error or its death
 *     ─► verdict ─► weights into the store ─► one transaction that ends the attempt
 *
 * Everything written is fenced by (id, attempt): an attempt that the store says is superseded kills
 * its worker and writes nothing more.
 */
#ifndef SERVER_JOBS_ATTEMPT_H
#define SERVER_JOBS_ATTEMPT_H

#include <stdatomic.h>

#include "server/config.h"
#include "server/fields/field_cache.h"
#include "server/jobs/events.h"
#include "server/store/store.h"

/* What an attempt works with; borrowed. */
struct attempt_room {
    const struct config *config;
    struct store *store;
    struct field_cache *fields;
    struct events *events;
    double grace; /* seconds a worker may take to stop when told to */
};

/* What others want of an attempt under way.  Set a wish, then wake_up: from any thread. */
struct attempt_wishes {
    int wake; /* eventfd */
    atomic_bool cancel;
    atomic_bool stop; /* of the service */
};
void attempt_wake_up(const struct attempt_wishes *wishes);

enum attempt_outcome {
    ATTEMPT_OVER,
    ATTEMPT_CRASHED,   /* over, and its worker crashed */
    ATTEMPT_POSTPONED, /* no process could be started: take no job for a while */
};

/* Run a claimed job.  Called by a thread that lives as long as the service. */
enum attempt_outcome attempt_run(const struct attempt_room *room, struct attempt_wishes *wishes,
                                 const struct job_row *job);

#endif
