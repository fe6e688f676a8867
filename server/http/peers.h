/*
 * The peers: one record for each open connection, and what each may take its time for.
 *
 *   accepted ─► HANDED ─► NEW ──complete head─► BODY ─► BUSY ──response done─► IDLE
 *                          │                     │        ▲                    │  │
 *                          │ 10 s,               │        └────────head────────┘  │ first byte
 *                          │ or no room          │ < 1 KiB/s                      │ + 10 s,
 *                          ▼                     ▼                                ▼ or no room
 *                         CUT                   CUT                              CUT
 *
 * HANDED is on its way from the door to an HTTP thread, NEW and IDLE wait for a request head, BODY
 * for the rest of a request body, BUSY for us.  Who dawdles is cut: its socket is shut down, which
 * its HTTP thread then finds.  (The library's own timeout counts from the last byte, so a byte now
 * and then would hold a connection for ever.)
 *
 * Where there is no room for one more connection, the one that has waited longest without a
 * complete head is cut for it: of the NEW, and where there are none, of the IDLE.  An honest client
 * sends its head at once, so however many connections are held open by slow heads, the newcomer
 * gets in and the slow ones go.
 *
 * A connection that is cut counts no more, but holds its descriptor until its HTTP thread closes
 * it.  The thread may miss that: the library takes a short read for the last one before the next
 * event, though the end stands behind it.  Who is still there a second later is LATE, and shut down
 * again each second: a new event.
 *
 * Threads: any.  A record lives from peers_open to peers_close, and its socket at least as long.
 * Each phase has its list, in the order they entered it.  Sockets are shut down without the lock:
 * a record is pinned meanwhile, and peers_close waits for it.
 */
#ifndef SERVER_HTTP_PEERS_H
#define SERVER_HTTP_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/status.h"

/* So many may be cut and not closed yet before the next connection waits. */
enum { PEERS_CLOSING_MAX = 256 };

enum peer_phase {
    PEER_HANDED,
    PEER_NEW,
    PEER_IDLE,
    PEER_BODY,
    PEER_BUSY,
    PEER_CUT,
    PEER_LATE,
};

struct peer;
struct peers;

enum status peers_create(struct peers **out, double head_seconds, double body_seconds,
                         struct error *err) WARN_UNUSED;
/* Releases the records, too, of connections that were handed over and never arrived. */
void peers_free(struct peers *p);

/* A connection has been accepted: HANDED.  NULL when out of memory. */
struct peer *peers_open(struct peers *p, int socket, const struct sockaddr_storage *address);

/* It has arrived at its HTTP thread: NEW.  NULL if it is not known. */
struct peer *peers_arrive(struct peers *p, int socket);

/* NULL is fine. */
void peers_close(struct peers *p, struct peer *peer);

/* Connections that are open and not cut. */
size_t peers_count(struct peers *p);

/* Should the next connection wait a moment?  Where many have just been cut and not closed yet, or
 * where all `max` places are taken and those that could make room are still on their way. */
bool peers_are_unsettled(struct peers *p, size_t max);

/* Cut one that waits for a head.  False if none does. */
bool peers_make_room(struct peers *p);

/* Enter PEER_BODY, PEER_BUSY or PEER_IDLE.  False, and no change, if the peer has been cut. */
bool peer_enter(struct peers *p, struct peer *peer, enum peer_phase phase);

/* n more bytes of the body came.  False if the peer has been cut. */
bool peer_received(struct peer *peer, size_t n);

int peer_socket(const struct peer *peer);
const char *peer_address(const struct peer *peer);

/* Cut those whose time is up.  Called from time to time by one thread.  True if there may be more
 * of them than are cut at once. */
bool peers_tick(struct peers *p, double now);

#endif
