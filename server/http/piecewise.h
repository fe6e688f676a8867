/*
 * A response body that a reader produces piece by piece.  The reader may block (it reads the
 * store), so it runs on the handler pool: the connection sleeps while a piece is made.
 *
 *   EMPTY ──stream wants a byte──► FILLING (suspended) ──► READY ──all taken──► EMPTY
 *                                                     └──► FAILED: the connection is cut
 */
#ifndef SERVER_HTTP_PIECEWISE_H
#define SERVER_HTTP_PIECEWISE_H

#include <microhttpd.h>

#include "server/http/handler_pool.h"
#include "server/http/http.h"

struct piecewise;

/* Bytes first … first + count - 1 of what r reads; takes r's reader over, also on failure.  Makes
 * the first piece at once: call it on a thread of the pool.  IO if the reader fails, NO_MEMORY. */
enum status piecewise_create(struct piecewise **out, struct http_response *r, uint64_t first,
                             uint64_t count, struct error *err) WARN_UNUSED;

/* Where it goes: *sent counts what went out (on the connection's thread). */
void piecewise_attach(struct piecewise *p, struct handler_pool *pool,
                      struct MHD_Connection *connection, int socket, uint64_t *sent);

/* The content reader and the free callback of its response, with the piecewise as closure. */
ssize_t piecewise_read(void *piecewise, uint64_t position, char *out, size_t n);
void piecewise_free(void *piecewise);

#endif
