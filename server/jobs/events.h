/*
 * Events: the live log of each job, for Server-Sent Events.
 *
 * The store numbers and keeps events; this hub hands them on to those who watch.  A watcher asks
 * for everything after a number: it first gets what the store has, then what happens, without gap
 * or repetition.  SSE text: "id: N\nevent: TYPE\ndata: JSON\n\n".  After "done" the watcher is
 * closed.
 *
 * Lock order: hub, then whatever a watcher's write takes; a watcher never calls back into the hub.
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
/* Closes and releases all watchers. */
void events_free(struct events *e);

/* Tell the watchers of a job what the store has just numbered.  Called by the writer of the events,
 * in order. */
void events_publish(struct events *e, const char *job_id, const struct job_event *events, size_t n);

/* Write everything after `after` to the watcher, then go on as things happen.  Takes the watcher
 * over, also on failure. */
enum status events_watch(struct events *e, const char *job_id, uint64_t after,
                         const struct event_watcher *watcher, struct error *err) WARN_UNUSED;

#endif
