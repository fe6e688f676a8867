/*
 * The server's side of http_stream: how a stream feeds a connection, and the set of all streams
 * that do, for pings and for the end.
 *
 * Lock order: set, stream, then the library's own lock (suspend and resume take it).
 */
#ifndef SERVER_HTTP_STREAM_H
#define SERVER_HTTP_STREAM_H

#include <microhttpd.h>

#include "server/http/http.h"

struct stream_set;

enum status stream_set_create(struct stream_set **out, double ping_seconds,
                              struct error *err) WARN_UNUSED;
/* No stream may be attached. */
void stream_set_free(struct stream_set *set);

/* Ping those that have been silent. */
void stream_set_tick(struct stream_set *set, double now);

/* Close all, and every one that is attached from now on. */
void stream_set_close(struct stream_set *set);

/* Make it feed a connection; *sent counts what went out (on the connection's thread). */
void stream_attach(struct http_stream *s, struct stream_set *set, struct MHD_Connection *connection,
                   int socket, uint64_t *sent);

/* The content reader and the free callback of its response, with the stream as closure.  The
 * latter detaches it and gives back the response's reference. */
ssize_t stream_read(void *stream, uint64_t position, char *out, size_t n);
void stream_detach(void *stream);

#endif
