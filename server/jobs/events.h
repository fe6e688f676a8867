/*
 * Events: the live log of each job, for Server-Sent Events.
 *
 * The store numbers and keeps events; this hub hands them on to those who watch.  A watcher asks
 * for everything after a number: it first gets what the store has, then what happens, without gap
 * or repetition.  SSE text: "id: N\nevent: TYPE\ndata: JSON\n\n".  After "done" the watcher is
 * closed; so is one that comes when the job has ended and nothing is left to tell.
 *
 * Lock order: hub, then whatever a watcher's write takes; a watcher never calls back into the hub.
 * The store is never asked under the lock.
 */
#ifndef SERVER_JOBS_EVENTS_H
#define SERVER_JOBS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "server/store/store.h"

struct events;

/* Where a watcher's text goes (an http_stream, in the service).  None of these may block. */
struct event_watcher {
    void *context;
    bool (*write)(void *context, const void *text, size_t n); /* false: it is gone, forget it */
    void (*close)(void *context);                             /* nothing more will come */
    void (*release)(void *context);                           /* called once, last */
};

enum status events_create(struct events **out, struct store *store, struct error *err) WARN_UNUSED;
/* Closes and releases all watchers.  Nobody else may be inside the hub any more. */
void events_free(struct events *e);

/* Tell the watchers of a job what the store has just numbered.  Two writers of one job may come in
 * either order: a watcher fetches from the store what it would miss. */
void events_publish(struct events *e, const char *job_id, const struct job_event *events, size_t n);

/* Store events of the service itself (created, queued, canceled), unfenced, and publish them.  seq
 * is filled in. */
enum status events_append(struct events *e, const char *job_id, struct job_event *events, size_t n,
                          struct error *err) WARN_UNUSED;

/* Write everything after `after` to the watcher, then go on as things happen.  Takes the watcher
 * over, also on failure (it is then released, not closed).  NOT_FOUND: no such job. */
enum status events_watch(struct events *e, const char *job_id, uint64_t after,
                         const struct event_watcher *watcher, struct error *err) WARN_UNUSED;

#endif
