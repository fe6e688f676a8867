/*
 * The peers: one record for each open connection, and what each may take its time for.
 *
 *        opened ──► NEW ──complete head──► BODY ──► BUSY ──response done──► IDLE
 *                    │ 10 s                 │ < 1 KiB/s         ▲            │ first byte + 10 s
 *                    ▼                      ▼                   └──head──────┤
 *                   CUT ◄──────────────────CUT                              CUT
 *
 * NEW and IDLE wait for a request head, BODY for the rest of a request body, BUSY for us.  Who
 * dawdles is cut: the reading side of its socket is shut down, which its HTTP thread then finds.
 * (The library's own timeout counts from the last byte, so a byte now and then would hold a
 * connection for ever.)
 *
 * Threads: any.  A record lives from peers_open to peers_close, and its socket at least as long.
 */
#ifndef SERVER_HTTP_PEERS_H
#define SERVER_HTTP_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "server/http/listener.h"

enum peer_phase { PEER_NEW, PEER_IDLE, PEER_BODY, PEER_BUSY, PEER_CUT };

struct peer;
struct peers;

enum status peers_create(struct peers **out, double head_seconds, double body_seconds,
                         struct error *err) WARN_UNUSED;
/* All records must be closed. */
void peers_free(struct peers *p);

/* NULL when out of memory. */
struct peer *peers_open(struct peers *p, int socket);
/* NULL is fine. */
void peers_close(struct peers *p, struct peer *peer);
size_t peers_count(struct peers *p);

/* Enter PEER_BODY, PEER_BUSY or PEER_IDLE.  False, and no change, if the peer has been cut. */
bool peer_enter(struct peers *p, struct peer *peer, enum peer_phase phase);

/* n more bytes of the body came. */
void peer_received(struct peer *peer, size_t n);

int peer_socket(const struct peer *peer);
const char *peer_address(const struct peer *peer);

/* Look at every deadline.  Called from time to time by one thread. */
void peers_tick(struct peers *p, double now);

#endif
