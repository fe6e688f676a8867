/*
 * The pipe is a linear buffer: bytes are appended at its end and taken from its start; the start
 * moves back to 0 whenever it runs empty.
 *
 *   sleeps   the connection is suspended in stream_read, because the pipe was empty.  Whoever then
 *            writes, closes or drops wakes it, exactly once: a connection that is not suspended
 *            must not be resumed.
 */
#include "server/http/stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/mem.h"
#include "server/http/connection_cut.h"
#include "core/base/monotonic.h"

struct http_stream {
    atomic_size_t references;
    size_t max_pending;

    pthread_mutex_t lock; /* guards what follows, but for the links */
    uint8_t *bytes;
    size_t first, n, capacity; /* pending: bytes[first … first + n) */
    atomic_bool is_closed;     /* nothing more is written; this and the next are also read alone */
    atomic_bool is_gone;       /* nobody reads any more */
    bool sleeps;
    struct MHD_Connection *connection; /* NULL until attached and once detached */
    int socket;
    uint64_t *sent;
    char who[HTTP_WHO_SIZE]; /* whose it is; "": nobody had to say */
    double last_written;

    struct stream_set *set; /* links guarded by the lock of the set */
    struct http_stream *next, *previous;
};

struct stream_set {
    pthread_mutex_t lock;
    double ping_seconds;
    bool is_closed;
    struct http_stream *first;
};

enum status http_stream_create(struct http_stream **out, size_t max_pending, struct error *err)
{
    struct http_stream *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    atomic_init(&s->references, 1);
    s->max_pending = max_pending;
    s->last_written = monotonic_seconds();
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return STATUS_OK;
}

void http_stream_retain(struct http_stream *s)
{
    atomic_fetch_add(&s->references, 1);
}

void http_stream_release(struct http_stream *s)
{
    if (!s || atomic_fetch_sub(&s->references, 1) != 1)
        return;
    pthread_mutex_destroy(&s->lock);
    mem_free(s->bytes);
    mem_free(s);
}

/* --- writing --- */

static void wake_up(struct http_stream *s)
{
    if (s->sleeps) {
        s->sleeps = false;
        MHD_resume_connection(s->connection);
    }
}

/* The peer does not take what is written: let it go.  A connection that waits for room in its
 * socket is not suspended, so shutting the socket down is what ends it. */
static void drop(struct http_stream *s)
{
    s->is_gone = true;
    s->n = 0;
    if (s->connection)
        shutdown(s->socket, SHUT_RDWR);
    wake_up(s);
}

static bool append(struct http_stream *s, const void *bytes, size_t n)
{
    if (n > s->max_pending - s->n)
        return false;
    if (s->first + s->n + n > s->capacity && s->first > 0) {
        memmove(s->bytes, s->bytes + s->first, s->n);
        s->first = 0;
    }
    if (s->n + n > s->capacity) {
        size_t capacity = s->capacity ? s->capacity : 1024;
        while (capacity < s->n + n)
            capacity = capacity > s->max_pending / 2 ? s->max_pending : capacity * 2;
        uint8_t *grown = mem_realloc_array(s->bytes, capacity, 1);
        if (!grown)
            return false;
        s->bytes = grown;
        s->capacity = capacity;
    }
    memcpy(s->bytes + s->first + s->n, bytes, n);
    s->n += n;
    s->last_written = monotonic_seconds();
    return true;
}

bool http_stream_write(struct http_stream *s, const void *bytes, size_t n)
{
    pthread_mutex_lock(&s->lock);
    bool is_open = !s->is_closed && !s->is_gone;
    if (is_open && n > 0) {
        is_open = append(s, bytes, n);
        if (is_open)
            wake_up(s);
        else
            drop(s);
    }
    pthread_mutex_unlock(&s->lock);
    return is_open;
}

void http_stream_close(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_closed = true;
    wake_up(s);
    pthread_mutex_unlock(&s->lock);
}

bool http_stream_is_closed(const struct http_stream *s)
{
    return s->is_closed || s->is_gone;
}

/* --- feeding a connection --- */

ssize_t stream_read(void *stream, uint64_t position, char *out, size_t n)
{
    (void)position;
    struct http_stream *s = stream;
    ssize_t result;
    pthread_mutex_lock(&s->lock);
    if (s->is_gone) {
        result = connection_cut(s->socket, out);
    } else if (s->n > 0) {
        n = n < s->n ? n : s->n;
        memcpy(out, s->bytes + s->first, n);
        s->n -= n;
        s->first = s->n ? s->first + n : 0;
        *s->sent += n;
        result = (ssize_t)n;
    } else if (s->is_closed) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        s->sleeps = true;
        MHD_suspend_connection(s->connection);
        result = 0; /* allowed only together with suspend: else the library asks again at once */
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

void stream_attach(struct http_stream *s, struct stream_set *set, const struct stream_place *place)
{
    pthread_mutex_lock(&set->lock);
    s->set = set;
    s->next = set->first;
    if (set->first)
        set->first->previous = s;
    set->first = s;
    pthread_mutex_lock(&s->lock);
    s->connection = place->connection;
    s->socket = place->socket;
    s->sent = place->sent;
    snprintf(s->who, sizeof s->who, "%s", place->who);
    s->is_closed = s->is_closed || set->is_closed;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_unlock(&set->lock);
}

void stream_detach(void *stream)
{
    struct http_stream *s = stream;
    struct stream_set *set = s->set;
    pthread_mutex_lock(&set->lock);
    if (s->previous)
        s->previous->next = s->next;
    else
        set->first = s->next;
    if (s->next)
        s->next->previous = s->previous;
    pthread_mutex_unlock(&set->lock);
    pthread_mutex_lock(&s->lock);
    s->connection = NULL;
    s->is_gone = true;
    pthread_mutex_unlock(&s->lock);
    http_stream_release(s);
}

/* --- the set --- */

enum status stream_set_create(struct stream_set **out, double ping_seconds, struct error *err)
{
    struct stream_set *set = mem_alloc(sizeof *set);
    if (!set)
        return error_status(err, STATUS_NO_MEMORY);
    set->ping_seconds = ping_seconds;
    pthread_mutex_init(&set->lock, NULL);
    *out = set;
    return STATUS_OK;
}

void stream_set_free(struct stream_set *set)
{
    if (!set)
        return;
    pthread_mutex_destroy(&set->lock);
    mem_free(set);
}

void stream_set_tick(struct stream_set *set, double now, const struct http_auth *auth)
{
    static const char ping[] = ": ping\n\n";
    pthread_mutex_lock(&set->lock);
    for (struct http_stream *s = set->first; s; s = s->next) {
        if (auth && s->who[0] && !auth->holds(auth->context, s->who))
            http_stream_close(s);
        pthread_mutex_lock(&s->lock);
        if (s->sleeps && now - s->last_written >= set->ping_seconds) {
            if (append(s, ping, sizeof ping - 1))
                wake_up(s);
            else
                drop(s);
        }
        pthread_mutex_unlock(&s->lock);
    }
    pthread_mutex_unlock(&set->lock);
}

void stream_set_close(struct stream_set *set)
{
    pthread_mutex_lock(&set->lock);
    set->is_closed = true;
    for (struct http_stream *s = set->first; s; s = s->next)
        http_stream_close(s);
    pthread_mutex_unlock(&set->lock);
}
