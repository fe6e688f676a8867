/*
 * The supervisor: runs queued jobs in worker processes, `workers` at a time, oldest first.
 *
 *             cancel                    cancel: flag, SIGTERM, SIGKILL after 8 s
 *   queued ───────────► canceled ◄───────────────────────────── running
 *     │  ▲                                                       │ │ │
 *     │  └── worker died or service restarted: from checkpoint ──┘ │ └─► failed
 *     └─────────────── store_job_claim ──────────────► running     └───► succeeded
 *
 * One thread for each slot, alive as long as the service: it claims a job, starts a process
 * (posix_spawn, lower priority, own process group), reads its messages, writes them to the store
 * under the fence of (id, attempt), publishes snapshots to the field cache and events to their
 * watchers, and writes the end. A worker's death is known from the kernel (end of the socket,
 * pidfd), never from a timeout; a worker that is too large, trains too long or is silent for too
 * long is ended (settings job-memory, job-seconds, silence-seconds).  A crash of the worker is
 * tried again twice, from the last checkpoint; a stop of the service never counts.  While the store
 * cannot take an end (no space), the slot tries again.
 *
 * Lock order: the supervisor's lock is a leaf; no store, hub or cache function is called under it.
 */
#ifndef SERVER_JOBS_SUPERVISOR_H
#define SERVER_JOBS_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "server/config.h"
#include "server/fields/field_cache.h"
#include "server/jobs/events.h"
#include "server/jobs/inspector.h"
#include "server/store/store.h"

struct supervisor;

enum status supervisor_start(struct supervisor **out, const struct config *config,
                             struct store *store, struct field_cache *fields, struct events *events,
                             struct error *err) WARN_UNUSED;

/* There may be work: called after a job was inserted. */
void supervisor_wake(struct supervisor *s);

/* Tell the worker of a running job to stop (after store_job_cancel said it was running). */
void supervisor_cancel(struct supervisor *s, const char *job_id);

/* How long a worker that was told to stop may take before it is killed.  8 s from the start: a
 * cancel is promised to end in under 10. */
void supervisor_set_grace(struct supervisor *s, double seconds);

/* Stop taking jobs, let running workers checkpoint and go back to the queue, wait.  Afterwards all
 * functions may still be called: supervisor_ask answers CANCELED, the others do nothing. */
void supervisor_quiesce(struct supervisor *s);

/* supervisor_quiesce, then free: nobody calls anything any more. */
void supervisor_stop(struct supervisor *s);

/* Workers that run a job now; workers of jobs and questions that crashed since the start. */
void supervisor_counters(struct supervisor *s, uint64_t *running, uint64_t *crashed);

/* Ask a short-lived worker one question about a file.  *answer: JSON text (mem_free).  Errors of
 * the worker come back as they were (INVALID with its words); a worker that crashes or takes too
 * long or too much is INVALID: the file is to blame.  CANCELED while the service stops, and when
 * the answer is not wanted any more.  Callable from any thread that may wait; some run at once,
 * others wait (inspector.h). */
enum status supervisor_ask(struct supervisor *s, const struct inquiry *inquiry, char **answer,
                           struct error *err) WARN_UNUSED;

/* What is this file? */
enum status supervisor_inspect(struct supervisor *s, const char *spec_json, const char *path,
                               double seconds, char **answer, struct error *err) WARN_UNUSED;

#endif
