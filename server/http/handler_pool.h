/*
 * The handler pool: threads that run what must not run on an HTTP thread (handlers, readers of
 * bodies).  The queue is bounded: places are reserved before the work is handed over, so that a
 * full queue is known while it can still be said.
 */
#ifndef SERVER_HTTP_HANDLER_POOL_H
#define SERVER_HTTP_HANDLER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

/* A piece of work, embedded in what it works on; whoever submits it keeps it until run is called,
 * and run may release it. */
struct handler_task {
    void (*run)(struct handler_task *task);
    struct handler_task *next;
};

struct handler_pool;

enum status handler_pool_start(struct handler_pool **out, size_t n_threads, size_t max_waiting,
                               struct error *err) WARN_UNUSED;

/* A place in the queue for one task: false when max_waiting wait already, or once the pool stops.
 */
bool handler_pool_reserve(struct handler_pool *p) WARN_UNUSED;

/* Use the reserved place.  Cannot fail. */
void handler_pool_submit(struct handler_pool *p, struct handler_task *task);

/* Submit what belongs to a response that has begun: past the bound, since there are never more of
 * these than connections.  False once the pool stops. */
bool handler_pool_continue(struct handler_pool *p, struct handler_task *task) WARN_UNUSED;

/* Run what waits (reservations that are still to be used included) and end the threads.  From then
 * on nothing is taken any more. */
void handler_pool_stop(struct handler_pool *p);

/* Release a pool that has been stopped.  NULL is fine. */
void handler_pool_free(struct handler_pool *p);

#endif
