#include "server/http/peers.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "server/http/listener.h"

#define LATE_SECONDS 1.0

enum {
    BODY_BYTES_PER_SECOND = 1024,
    N_PHASES = PEER_LATE + 1,
    CUTS_AT_ONCE = 64, /* so that nobody waits long for a pinned record, or for an HTTP thread that
                          is to close them all */
};

struct peer {
    int socket;
    char address[ADDRESS_SIZE];
    atomic_uint_fast64_t received; /* body bytes of the current request */
    atomic_bool is_cut;            /* CUT or LATE; set before the socket is shut down */

    /* Guarded by the lock of struct peers. */
    struct peer *next, *previous; /* in the list of its phase */
    enum peer_phase phase;
    bool is_pinned; /* its socket is being shut down */
    int how;        /* CUT, LATE: what of it */
    double since;   /* HANDED, NEW: opened; BODY: start of the window; IDLE: first byte seen, or 0;
                       CUT, LATE: last shut down */
    uint64_t bytes; /* BODY: received at the start of the window; IDLE: on the wire when it began */
};

struct list {
    struct peer *first, *last;
    size_t n;
};

struct peers {
    double head_seconds, body_seconds;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t unpinned;
    struct list lists[N_PHASES];
    struct peer **by_socket; /* [n_sockets]: by descriptor, NULL where there is none */
    size_t n_sockets;
};

enum status peers_create(struct peers **out, double head_seconds, double body_seconds,
                         struct error *err)
{
    struct peers *p = mem_alloc(sizeof *p);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    p->head_seconds = head_seconds;
    p->body_seconds = body_seconds;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->unpinned, NULL);
    *out = p;
    return STATUS_OK;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_sockets; i++)
        mem_free(p->by_socket[i]);
    mem_free(p->by_socket);
    pthread_cond_destroy(&p->unpinned);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

/* --- lists: with the lock held --- */

/* previous: NULL to stand first. */
static void insert_after(struct list *l, struct peer *previous, struct peer *peer)
{
    struct peer *next = previous ? previous->next : l->first;
    peer->previous = previous;
    peer->next = next;
    if (previous)
        previous->next = peer;
    else
        l->first = peer;
    if (next)
        next->previous = peer;
    else
        l->last = peer;
    l->n++;
}

static void append(struct list *l, struct peer *peer)
{
    insert_after(l, l->last, peer);
}

static void detach(struct list *l, struct peer *peer)
{
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        l->first = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    else
        l->last = peer->previous;
    l->n--;
}

static void move(struct peers *p, struct peer *peer, enum peer_phase phase)
{
    detach(&p->lists[peer->phase], peer);
    peer->phase = phase;
    append(&p->lists[phase], peer);
}

/* --- records --- */

/* Room in the table for this descriptor. */
static bool extend_table(struct peers *p, size_t socket)
{
    if (socket < p->n_sockets)
        return true;
    size_t n = p->n_sockets ? p->n_sockets : 64;
    while (n <= socket)
        n *= 2;
    struct peer **grown = mem_realloc_array(p->by_socket, n, sizeof(struct peer *));
    if (!grown)
        return false;
    memset(grown + p->n_sockets, 0, (n - p->n_sockets) * sizeof(struct peer *));
    p->by_socket = grown;
    p->n_sockets = n;
    return true;
}

struct peer *peers_open(struct peers *p, int socket, const struct sockaddr_storage *address)
{
    size_t place = (size_t)socket;
    struct peer *peer = mem_alloc(sizeof *peer), *stale = NULL;
    if (!peer)
        return NULL;
    address_text(address, peer->address);
    peer->socket = socket;
    peer->phase = PEER_HANDED;
    peer->since = monotonic_seconds();
    pthread_mutex_lock(&p->lock);
    bool has_place = extend_table(p, place);
    if (has_place) {
        /* The library closes what it has no memory for without a word.  The system has given its
         * descriptor to a new connection now, so the old one is gone. */
        stale = p->by_socket[place];
        if (stale)
            detach(&p->lists[stale->phase], stale);
        p->by_socket[place] = peer;
        append(&p->lists[PEER_HANDED], peer);
    }
    pthread_mutex_unlock(&p->lock);
    mem_free(stale);
    if (has_place)
        return peer;
    mem_free(peer);
    return NULL;
}

struct peer *peers_arrive(struct peers *p, int socket)
{
    pthread_mutex_lock(&p->lock);
    struct peer *peer = (size_t)socket < p->n_sockets ? p->by_socket[socket] : NULL;
    if (peer) {
        /* One of several HTTP threads may be late: they stand in the order they were accepted. */
        struct list *l = &p->lists[PEER_NEW];
        struct peer *previous = l->last;
        while (previous && previous->since > peer->since)
            previous = previous->previous;
        detach(&p->lists[PEER_HANDED], peer);
        peer->phase = PEER_NEW;
        insert_after(l, previous, peer);
    }
    pthread_mutex_unlock(&p->lock);
    return peer;
}

void peers_close(struct peers *p, struct peer *peer)
{
    if (!peer)
        return;
    pthread_mutex_lock(&p->lock);
    while (peer->is_pinned)
        pthread_cond_wait(&p->unpinned, &p->lock);
    detach(&p->lists[peer->phase], peer);
    p->by_socket[peer->socket] = NULL;
    pthread_mutex_unlock(&p->lock);
    mem_free(peer);
}

/* With the lock held. */
static size_t count(const struct peers *p)
{
    size_t n = 0;
    for (size_t i = 0; i < PEER_CUT; i++)
        n += p->lists[i].n;
    return n;
}

size_t peers_count(struct peers *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = count(p);
    pthread_mutex_unlock(&p->lock);
    return n;
}

bool peers_are_unsettled(struct peers *p, size_t max)
{
    pthread_mutex_lock(&p->lock);
    bool makes_room = p->lists[PEER_NEW].n + p->lists[PEER_IDLE].n > 0;
    bool is_unsettled = p->lists[PEER_CUT].n >= PEERS_CLOSING_MAX ||
                        (count(p) >= max && !makes_room && p->lists[PEER_HANDED].n > 0);
    pthread_mutex_unlock(&p->lock);
    return is_unsettled;
}

/* Bytes that this socket has ever received: the library reads them before anyone can count. */
static uint64_t bytes_on_wire(int socket)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t size = sizeof info;
    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received
                                                                        : 0;
}

bool peer_enter(struct peers *p, struct peer *peer, enum peer_phase phase)
{
    uint64_t bytes = phase == PEER_IDLE ? bytes_on_wire(peer->socket) : 0;
    double since = phase == PEER_BODY ? monotonic_seconds() : 0;
    pthread_mutex_lock(&p->lock);
    bool is_cut = atomic_load(&peer->is_cut);
    if (!is_cut) {
        move(p, peer, phase);
        peer->since = since;
        peer->bytes = bytes;
        if (phase == PEER_BODY)
            atomic_store(&peer->received, 0);
    }
    pthread_mutex_unlock(&p->lock);
    return !is_cut;
}

bool peer_received(struct peer *peer, size_t n)
{
    atomic_fetch_add_explicit(&peer->received, n, memory_order_relaxed);
    return !atomic_load(&peer->is_cut);
}

int peer_socket(const struct peer *peer)
{
    return peer->socket;
}

const char *peer_address(const struct peer *peer)
{
    return peer->address;
}

/* --- cutting --- */

/* Those that are to be cut: chosen with the lock held, shut down without it. */
struct cuts {
    size_t n;
    struct peer *peers[CUTS_AT_ONCE];
};

/* With the lock held. */
static void choose(struct peers *p, struct peer *peer, double now, struct cuts *cuts)
{
    bool is_again = peer->phase == PEER_CUT || peer->phase == PEER_LATE;
    if (!is_again) /* a slow body is still to be answered (408): its writing side stays open */
        peer->how = peer->phase == PEER_BODY ? SHUT_RD : SHUT_RDWR;
    atomic_store(&peer->is_cut, true);
    peer->is_pinned = true;
    peer->since = now;
    move(p, peer, is_again ? PEER_LATE : PEER_CUT);
    cuts->peers[cuts->n++] = peer;
}

/* Without the lock. */
static void cut(struct peers *p, const struct cuts *cuts)
{
    if (cuts->n == 0)
        return;
    for (size_t i = 0; i < cuts->n; i++)
        shutdown(cuts->peers[i]->socket, cuts->peers[i]->how);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < cuts->n; i++)
        cuts->peers[i]->is_pinned = false;
    pthread_cond_broadcast(&p->unpinned);
    pthread_mutex_unlock(&p->lock);
}

bool peers_make_room(struct peers *p)
{
    struct cuts cuts = {.n = 0};
    double now = monotonic_seconds();
    pthread_mutex_lock(&p->lock);
    struct peer *peer = p->lists[PEER_NEW].first;
    if (!peer)
        peer = p->lists[PEER_IDLE].first;
    if (peer)
        choose(p, peer, now, &cuts);
    pthread_mutex_unlock(&p->lock);
    cut(p, &cuts);
    return cuts.n > 0;
}

/* Is this peer's time up?  Moves its window on where it is not. */
static bool is_too_slow(const struct peers *p, struct peer *peer, double now)
{
    switch (peer->phase) {
    case PEER_NEW:
        return now - peer->since >= p->head_seconds;
    case PEER_IDLE:
        if (peer->since == 0 && bytes_on_wire(peer->socket) > peer->bytes)
            peer->since = now;
        return peer->since != 0 && now - peer->since >= p->head_seconds;
    case PEER_BODY:
        if (now - peer->since < p->body_seconds)
            return false;
        uint64_t received = atomic_load(&peer->received);
        if ((double)(received - peer->bytes) < BODY_BYTES_PER_SECOND * (now - peer->since))
            return true;
        peer->since = now;
        peer->bytes = received;
        return false;
    case PEER_CUT:
    case PEER_LATE:
        return now - peer->since >= LATE_SECONDS;
    case PEER_HANDED:
    case PEER_BUSY:
        break;
    }
    return false;
}

/* As many as can be cut at once.  With the lock held. */
static void choose_slow(struct peers *p, double now, struct cuts *cuts)
{
    static const enum peer_phase phases[] = {PEER_NEW, PEER_IDLE, PEER_BODY, PEER_CUT, PEER_LATE};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        for (struct peer *peer = p->lists[phases[i]].first, *next; peer; peer = next) {
            next = peer->next;
            if (cuts->n == CUTS_AT_ONCE)
                return;
            if (is_too_slow(p, peer, now))
                choose(p, peer, now, cuts);
            else if (phases[i] != PEER_IDLE && phases[i] != PEER_BODY)
                break; /* the rest came later */
        }
    }
}

bool peers_tick(struct peers *p, double now)
{
    struct cuts cuts = {.n = 0};
    pthread_mutex_lock(&p->lock);
    choose_slow(p, now, &cuts);
    pthread_mutex_unlock(&p->lock);
    cut(p, &cuts);
    return cuts.n == CUTS_AT_ONCE;
}
