/*
 * From a handler's response to what goes on the wire: ranges, the headers that every response has,
 * and the library's response object; or, where the library will not send one, the bytes themselves.
 */
#ifndef SERVER_HTTP_REPLY_H
#define SERVER_HTTP_REPLY_H

#include <microhttpd.h>

#include "server/http/handler_pool.h"
#include "server/http/http.h"
#include "server/http/stream.h"

/* Where a reply goes. */
struct reply_way {
    struct MHD_Connection *connection;
    int socket;
    struct handler_pool *pool;
    struct stream_set *streams;
    const struct http_errors *errors;
    uint64_t *sent;  /* counts body bytes, on the connection's thread */
    const char *who; /* of the request */
    bool closes;     /* no further request on this connection */
};

/*
 * Make the library's response; r->status is then what to queue it with.  Everything r owns is taken
 * over or released.  Where r cannot be sent (no status, a header with a line break, a reader that
 * fails) the reply is a 500, where memory is short a 503.  NULL where there is not even memory for
 * that, or what was asked for is done: the connection then ends.  It may call r's reader, so it
 * belongs on a thread of the pool where r has one.
 */
struct MHD_Response *reply_create(const struct http_request *q, struct http_response *r,
                                  const struct reply_way *way);

/* Write r (of bytes, or without a body) to a socket that has not been answered, as the last thing
 * on its connection; release what r owns.  Does not wait: what the socket does not take at once is
 * lost.  The number of bytes of the body. */
uint64_t reply_write(const struct http_request *q, struct http_response *r, int socket);

/* Release what a response owns; it is then empty. */
void reply_discard(struct http_response *r);

#endif
