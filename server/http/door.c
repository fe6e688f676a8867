#include "server/http/door.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"

enum {
    LINGER_PLACES = 64, /* more at once are closed at once */
    LINGER_SECONDS = 2,
    LINGER_BYTES = 8 << 20,
    ACCEPTS_A_ROUND = 64, /* so that a flood of connections does not keep the clock from us */
};

/* Between two tries to accept, when the process is out of descriptors or has enough to close; and
 * between two ticks of many. */
#define PAUSE_SECONDS 0.005

struct lingerer {
    int socket;
    double until;
    size_t bytes_left;
};

struct door {
    struct door_spec spec;
    int wake; /* eventfd: something below has changed */
    bool is_open;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t closed;
    bool closes, is_closed, ends;
    size_t n_lingering;
    struct lingerer lingering[LINGER_PLACES];
};

static void wake_up(struct door *d)
{
    uint64_t one = 1;
    ssize_t written = write(d->wake, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
}

/* --- lingering --- */

/* Drop what has come; false when this one is done. */
static bool drain(struct lingerer *l, double now)
{
    char bytes[16384];
    while (l->bytes_left > 0 && now < l->until) {
        ssize_t n = recv(l->socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n <= 0)
            return false;
        l->bytes_left -= (size_t)n < l->bytes_left ? (size_t)n : l->bytes_left;
    }
    return false;
}

static void drain_all(struct door *d, double now)
{
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->n_lingering;) {
        if (drain(&d->lingering[i], now)) {
            i++;
        } else {
            close(d->lingering[i].socket);
            d->lingering[i] = d->lingering[--d->n_lingering];
        }
    }
    pthread_mutex_unlock(&d->lock);
}

void door_linger(struct door *d, int socket)
{
    pthread_mutex_lock(&d->lock);
    bool has_place = d->n_lingering < LINGER_PLACES && !d->ends;
    if (has_place)
        d->lingering[d->n_lingering++] = (struct lingerer){
            .socket = socket,
            .until = monotonic_seconds() + LINGER_SECONDS,
            .bytes_left = LINGER_BYTES,
        };
    pthread_mutex_unlock(&d->lock);
    if (has_place)
        wake_up(d);
    else
        close(socket);
}

/* --- the thread --- */

/* Accept what waits; false when that is better tried again a moment later than at once. */
static bool accept_all(struct door *d)
{
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        if (!d->spec.may_accept(d->spec.context))
            return false;
        int s = accept4(d->spec.listening_socket, (struct sockaddr *)&address, &size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (s >= 0) {
            d->spec.accepted(d->spec.context, s, &address, size);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            d->spec.exhausted(d->spec.context);
            return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return true;
        }
    }
    return true;
}

/* Fill the array of what to wait for: wake, listening socket, lingerers.  False at the end. */
static bool prepare(struct door *d, bool may_accept, struct pollfd *fds, nfds_t *n)
{
    pthread_mutex_lock(&d->lock);
    if (d->closes && !d->is_closed) {
        close(d->spec.listening_socket);
        d->is_closed = true;
        pthread_cond_broadcast(&d->closed);
    }
    fds[0] = (struct pollfd){.fd = d->wake, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = d->is_closed || !may_accept ? -1 : d->spec.listening_socket,
                             .events = POLLIN};
    for (size_t i = 0; i < d->n_lingering; i++)
        fds[2 + i] = (struct pollfd){.fd = d->lingering[i].socket, .events = POLLIN};
    *n = 2 + d->n_lingering;
    bool goes_on = !d->ends;
    pthread_mutex_unlock(&d->lock);
    return goes_on;
}

static void *watch(void *argument)
{
    struct door *d = argument;
    struct pollfd fds[2 + LINGER_PLACES];
    nfds_t n;
    double now = monotonic_seconds(), next = now + d->spec.tick_seconds, accepts_from = now;
    while (prepare(d, now >= accepts_from, fds, &n)) {
        double wait = (now < accepts_from ? fmin(next, accepts_from) : next) - now;
        int ready = poll(fds, n, wait > 0 ? (int)(wait * 1000) + 1 : 0);
        now = monotonic_seconds();
        if (ready > 0 && fds[0].revents) {
            uint64_t count;
            ssize_t got = read(d->wake, &count, sizeof count);
            (void)got; /* only resets the counter */
        }
        if (ready > 0 && fds[1].revents && !accept_all(d))
            accepts_from = now + PAUSE_SECONDS;
        if (n > 2)
            drain_all(d, now);
        if (now >= next) {
            bool has_more = d->spec.tick(d->spec.context, now);
            next = now + (has_more ? PAUSE_SECONDS : d->spec.tick_seconds);
        }
    }
    return NULL;
}

enum status door_create(struct door **out, const struct door_spec *spec, struct error *err)
{
    struct door *d = mem_alloc(sizeof *d);
    if (!d)
        return error_status(err, STATUS_NO_MEMORY);
    d->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->wake < 0) {
        mem_free(d);
        return error_set(err, STATUS_INTERNAL, "", "cannot make an event descriptor");
    }
    d->spec = *spec;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->closed, NULL);
    *out = d;
    return STATUS_OK;
}

enum status door_open(struct door *d, struct error *err)
{
    d->is_open = pthread_create(&d->thread, NULL, watch, d) == 0;
    return d->is_open ? STATUS_OK
                      : error_set(err, STATUS_INTERNAL, "", "cannot start the thread that accepts");
}

void door_close(struct door *d)
{
    pthread_mutex_lock(&d->lock);
    d->closes = true;
    wake_up(d);
    while (!d->is_closed)
        pthread_cond_wait(&d->closed, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

void door_free(struct door *d)
{
    if (!d)
        return;
    if (d->is_open) {
        door_close(d);
        pthread_mutex_lock(&d->lock);
        d->ends = true;
        pthread_mutex_unlock(&d->lock);
        wake_up(d);
        pthread_join(d->thread, NULL);
    } else {
        close(d->spec.listening_socket);
    }
    for (size_t i = 0; i < d->n_lingering; i++)
        close(d->lingering[i].socket);
    close(d->wake);
    pthread_cond_destroy(&d->closed);
    pthread_mutex_destroy(&d->lock);
    mem_free(d);
}
