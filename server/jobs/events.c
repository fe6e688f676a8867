/*
 * Design.  Events of a job are numbered 1, 2, … without holes, so a watcher knows by the number
 * alone whether it has seen an event (skip), is next in turn (write) or would miss some.  In the
 * last case, and when it is new, it is marked as catching up: one thread then fetches from the
 * store, without the lock, until nothing newer has been published meanwhile.  Others leave a
 * watcher that is catching up in place and only tell it the newest number.
 */
#include "server/jobs/events.h"

#include <pthread.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "server/log.h"

enum { FETCH = 256, MAX_TEXT = 2 << 20 };

struct watcher {
    struct event_watcher out;
    char job_id[ID_SIZE];
    uint64_t last;    /* seq of what it was told last */
    uint64_t newest;  /* published while it was catching up */
    bool catching_up; /* a thread is fetching for it: only that one may remove it */
    struct watcher *next;
    struct watcher *next_behind; /* on the list of one call of publish */
};

struct events {
    struct store *store;
    pthread_mutex_t lock;     /* guards the list and all watchers */
    struct watcher *watchers; /* any order */
};

enum status events_create(struct events **out, struct store *store, struct error *err)
{
    struct events *e = mem_alloc(sizeof *e);
    if (!e)
        return error_status(err, STATUS_NO_MEMORY);
    e->store = store;
    pthread_mutex_init(&e->lock, NULL);
    *out = e;
    return STATUS_OK;
}

/* Called with the lock held. */
static void unlink_watcher(struct events *e, struct watcher *w)
{
    struct watcher **place = &e->watchers;
    while (*place != w)
        place = &(*place)->next;
    *place = w->next;
}

static void release(struct watcher *w)
{
    w->out.release(w->out.context);
    mem_free(w);
}

static void remove_watcher(struct events *e, struct watcher *w)
{
    unlink_watcher(e, w);
    w->out.close(w->out.context);
    release(w);
}

void events_free(struct events *e)
{
    if (!e)
        return;
    while (e->watchers)
        remove_watcher(e, e->watchers);
    pthread_mutex_destroy(&e->lock);
    mem_free(e);
}

/* Tell a watcher one event.  false: it will be told nothing more. */
static bool tell(struct watcher *w, const struct job_event *event)
{
    struct buffer text;
    buffer_init(&text, MAX_TEXT);
    bool ok =
        buffer_printf(&text, NULL, "id: %llu\nevent: %s\ndata: %s\n\n",
                      (unsigned long long)event->seq, event->type, event->data_json) == STATUS_OK &&
        w->out.write(w->out.context, text.data, text.size);
    buffer_deinit(&text);
    w->last = event->seq;
    return ok && strcmp(event->type, "done") != 0;
}

/* Fetch until it is up to date, or gone.  ended: the job was at its end before this began.  On
 * failure the watcher is unlinked and the caller's. */
static enum status catch_up(struct events *e, struct watcher *w, bool ended, struct error *err)
{
    for (bool behind = true; behind;) {
        struct event_list list = {.n = 0};
        enum status status = store_job_events(e->store, w->job_id, w->last, FETCH, &list, err);
        bool open = true;
        pthread_mutex_lock(&e->lock);
        for (size_t i = 0; i < list.n && open; i++)
            open = tell(w, &list.events[i]);
        behind = open && list.n > 0 && (list.n == FETCH || w->newest > w->last);
        if (status != STATUS_OK) {
            unlink_watcher(e, w);
            behind = false;
        } else if (!behind) {
            w->catching_up = false;
            if (!open || ended)
                remove_watcher(e, w);
        }
        pthread_mutex_unlock(&e->lock);
        event_list_deinit(&list);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Hand events to a watcher that is up to date.  false: it would miss some.  Called with the lock
 * held; may remove the watcher.  One that asked for more than there ever was is closed by "done".
 */
static bool pass_on(struct events *e, struct watcher *w, const struct job_event *events, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bool seen = events[i].seq <= w->last;
        if (!seen && events[i].seq > w->last + 1) {
            w->newest = events[n - 1].seq;
            return false;
        }
        if (seen ? strcmp(events[i].type, "done") == 0 : !tell(w, &events[i])) {
            remove_watcher(e, w);
            return true;
        }
    }
    return true;
}

void events_publish(struct events *e, const char *job_id, const struct job_event *events, size_t n)
{
    struct watcher *behind = NULL, *next;
    if (n == 0)
        return;
    pthread_mutex_lock(&e->lock);
    for (struct watcher *w = e->watchers; w; w = next) {
        next = w->next;
        if (strcmp(w->job_id, job_id) != 0)
            continue;
        if (w->catching_up) {
            if (w->newest < events[n - 1].seq)
                w->newest = events[n - 1].seq;
        } else if (!pass_on(e, w, events, n)) {
            w->catching_up = true;
            w->next_behind = behind;
            behind = w;
        }
    }
    pthread_mutex_unlock(&e->lock);
    for (struct watcher *w = behind; w; w = next) {
        struct error err = {.status = STATUS_OK};
        next = w->next_behind;
        if (catch_up(e, w, false, &err) == STATUS_OK)
            continue;
        log_event(LOG_WARN, "watcher dropped", LOG_TEXT("job", job_id),
                  LOG_TEXT("detail", err.message), LOG_END);
        w->out.close(w->out.context); /* it comes back with its last number */
        release(w);
    }
}

enum status events_append(struct events *e, const char *job_id, struct job_event *events, size_t n,
                          struct error *err)
{
    enum status status = store_job_append_events(e->store, job_id, events, n, err);
    if (status == STATUS_OK)
        events_publish(e, job_id, events, n);
    return status;
}

enum status events_watch(struct events *e, const char *job_id, uint64_t after,
                         const struct event_watcher *watcher, struct error *err)
{
    struct job_row job = {.attempt = 0};
    struct watcher *w = NULL;
    enum status status = store_job_get(e->store, job_id, &job, err);
    if (status != STATUS_OK)
        goto out;
    const bool ended = job_status_is_end(job.status);
    job_row_deinit(&job);
    w = mem_alloc(sizeof *w);
    if (!w) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    *w = (struct watcher){.out = *watcher, .last = after, .catching_up = true};
    memcpy(w->job_id, job_id, strlen(job_id) + 1); /* the store knows it: it is an id */
    pthread_mutex_lock(&e->lock);
    w->next = e->watchers;
    e->watchers = w;
    pthread_mutex_unlock(&e->lock);
    status = catch_up(e, w, ended, err);
out:
    if (status != STATUS_OK) {
        watcher->release(watcher->context);
        mem_free(w);
    }
    return status;
}
