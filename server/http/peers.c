#include "server/http/peers.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"

enum { BODY_BYTES_PER_SECOND = 1024 };

struct peer {
    int socket;
    char address[ADDRESS_SIZE];
    atomic_uint_fast64_t received; /* body bytes of the current request */

    /* Guarded by the lock of struct peers. */
    struct peer *next, *previous;
    enum peer_phase phase;
    double since;   /* NEW: opened; BODY: start of the window; IDLE: first byte seen, or 0 */
    uint64_t bytes; /* BODY: received at the start of the window; IDLE: on the wire when it began */
};

struct peers {
    pthread_mutex_t lock;
    double head_seconds, body_seconds;
    size_t n;
    struct peer *first;
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
    *out = p;
    return STATUS_OK;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

struct peer *peers_open(struct peers *p, int socket)
{
    struct peer *peer = mem_alloc(sizeof *peer);
    if (!peer)
        return NULL;
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    if (getpeername(socket, (struct sockaddr *)&address, &size) != 0)
        address.ss_family = AF_UNSPEC; /* gone already: the address stays unknown */
    address_text(&address, peer->address);
    peer->socket = socket;
    peer->since = monotonic_seconds();
    pthread_mutex_lock(&p->lock);
    peer->next = p->first;
    if (p->first)
        p->first->previous = peer;
    p->first = peer;
    p->n++;
    pthread_mutex_unlock(&p->lock);
    return peer;
}

void peers_close(struct peers *p, struct peer *peer)
{
    if (!peer)
        return;
    pthread_mutex_lock(&p->lock);
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        p->first = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    p->n--;
    pthread_mutex_unlock(&p->lock);
    mem_free(peer);
}

size_t peers_count(struct peers *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = p->n;
    pthread_mutex_unlock(&p->lock);
    return n;
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
    bool is_cut = peer->phase == PEER_CUT;
    if (!is_cut) {
        peer->phase = phase;
        peer->since = since;
        peer->bytes = bytes;
        if (phase == PEER_BODY)
            atomic_store(&peer->received, 0);
    }
    pthread_mutex_unlock(&p->lock);
    return !is_cut;
}

void peer_received(struct peer *peer, size_t n)
{
    atomic_fetch_add_explicit(&peer->received, n, memory_order_relaxed);
}

int peer_socket(const struct peer *peer)
{
    return peer->socket;
}

const char *peer_address(const struct peer *peer)
{
    return peer->address;
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
    case PEER_BUSY:
    case PEER_CUT:
        return false;
    }
    return false;
}

void peers_tick(struct peers *p, double now)
{
    pthread_mutex_lock(&p->lock);
    for (struct peer *peer = p->first; peer; peer = peer->next) {
        if (!is_too_slow(p, peer, now))
            continue;
        /* A slow body is still to be answered (408), so its writing side stays open. */
        shutdown(peer->socket, peer->phase == PEER_BODY ? SHUT_RD : SHUT_RDWR);
        peer->phase = PEER_CUT;
    }
    pthread_mutex_unlock(&p->lock);
}
