/*
 * The server's side of http_stream: how a stream feeds a connection, and the set of all streams
 * that do, for pings and for the end.
 *
 * Lock order: set, stream, then the library's own lock (suspend and resume take it).  With the
 * set's lock held auth is asked who still holds a token: a look into memory, under a leaf of its
 * own.
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

/* Ping those that have been silent; close those of bearers whose token holds no more (auth NULL:
 * nobody needs one). */
void stream_set_tick(struct stream_set *set, double now, const struct http_auth *auth);

/* Close all, and every one that is attached from now on. */
void stream_set_close(struct stream_set *set);

/* What a stream feeds. */
struct stream_place {
    struct MHD_Connection *connection;
    int socket;
    const char *who; /* copied */
    uint64_t *sent;  /* counts what went out, on the connection's thread */
};
void stream_attach(struct http_stream *s, struct stream_set *set, const struct stream_place *place);

/* The content reader and the free callback of its response, with the stream as closure.  The
 * latter detaches it and gives back the response's reference. */
ssize_t stream_read(void *stream, uint64_t position, char *out, size_t n);
void stream_detach(void *stream);

#endif
