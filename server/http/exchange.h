/*
 * An exchange: one request and its response, from the first line to the last byte.
 *
 *   HEAD ──sound, routed──► BODY ──complete──► WAITING ──handler done──► ANSWERED ──► QUEUED
 *     │                      │  │                                           ▲           ▲
 *     │ refused, no body     │  └──inline handler, full pool────────────────│───────────┤
 *     ├──────────────────────│──────────────────────────────────────────────┘           │
 *     │ refused, with a body │ over a limit, no space, malformed form                   │
 *     └──► QUEUED            └──► REFUSED: written on completion                        │
 *                                                            final callback ────────────┘
 *
 * Whether a token holds is mostly known in memory.  Where it is not, HEAD becomes ASKING,
 * suspended, while a thread of the handler pool finds out, then ASKED: the library calls back as it
 * did at first, and the request goes on where it was.
 *
 * HEAD, ASKED, BODY, ANSWERED and QUEUED belong to the connection's HTTP thread; ASKING and
 * WAITING, in which the connection is suspended, to a thread of the handler pool.  A suspended
 * connection cannot end, so a peer that goes away meanwhile is only found afterwards.
 *
 * The library takes a response in its first callback (then it closes the connection afterwards) and
 * in the final one (then it goes on with the next request), not while a body arrives.  A refusal in
 * the middle of a body is therefore written to the socket by ourselves, when the library reports
 * the end of the exchange and before it closes the socket.
 */
#ifndef SERVER_HTTP_EXCHANGE_H
#define SERVER_HTTP_EXCHANGE_H

#include <microhttpd.h>

/* The library's callbacks; the closure is the struct http_server. */
void *exchange_on_target(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_on_request(void *server, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *bytes, size_t *n_bytes, void **exchange);
void exchange_on_completed(void *server, struct MHD_Connection *connection, void **exchange,
                           enum MHD_RequestTerminationCode reason);

#endif
