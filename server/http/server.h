/*
 * The parts of a running server, as its own files see them: http.c makes and ends them, exchange.c
 * uses them.
 */
#ifndef SERVER_HTTP_SERVER_H
#define SERVER_HTTP_SERVER_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "server/http/door.h"
#include "server/http/handler_pool.h"
#include "server/http/http.h"
#include "server/http/peers.h"
#include "server/http/stream.h"

struct http_server {
    struct http_server_spec spec;
    uint16_t port;
    bool is_loopback;
    size_t max_connections; /* the setting, or less where there are too few descriptors */

    struct http_router *router;
    struct handler_pool *pool;
    struct stream_set *streams;
    struct peers *peers;
    struct door *door;

    struct handler_task refresh; /* of auth, while is_refreshing */
    atomic_bool is_refreshing;
    struct MHD_Daemon *daemon;

    size_t most_connections; /* at once, since memory was last given back; the door's */

    atomic_bool is_quiescing; /* new requests get 503 */
    atomic_bool is_stopping;  /* requests that no handler has begun get 503 */

    pthread_mutex_t lock; /* guards n_active */
    pthread_cond_t changed;
    size_t n_active; /* exchanges between a complete head and their end */

    atomic_uint_fast64_t requests, bytes_received, bytes_sent;
    atomic_uint_fast64_t responses_by_class[6];
};

#endif
