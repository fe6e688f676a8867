/*
 * The server's life: making its parts, taking connections, and the order of its end.
 *
 * Threads: the door (accepts, looks at the clock), the library's HTTP threads (read, guard, route,
 * write), the handler pool (handlers, readers of bodies).
 * Locks: each part has its own and none calls out of itself while it holds one, but streams, which
 * suspend and resume under theirs (stream.h has the order).
 */
#include "server/http/http.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <sodium.h>
#include <stddef.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/http/exchange.h"
#include "server/http/listener.h"
#include "core/base/monotonic.h"
#include "server/http/reply.h"
#include "server/http/server.h"
#include "server/log.h"

enum {
    HTTP_THREADS_MAX = 8,
    CONNECTION_POOL_BYTES =
        256 * 1024, /* read buffer of a connection: fewer, larger body callbacks */
    /* For all but connections that are open: those that are being closed, workers, bodies on their
       way to or from a file; and what a handler opens of the store. */
    DESCRIPTORS = 512,
    DESCRIPTORS_A_HANDLER = 8,
};

/* For the 503 of requests that no handler has begun to reach their sockets. */
#define LAST_WORDS_SECONDS 0.5

static const double ping_seconds = 15, head_seconds = 10, body_seconds = 10;

/* --- connections --- */

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        peers_close(s->peers, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *socket_context = info ? peers_arrive(s->peers, info->connect_fd) : NULL;
    if (info && !*socket_context) /* without a record nobody would count it or watch its time */
        shutdown(info->connect_fd, SHUT_RDWR);
}

/* One too many, and nobody to make room for it: say so, instead of letting it wait. */
static void refuse_connection(struct http_server *s, int socket)
{
    struct http_request request = {.path = "", .socket = socket};
    struct http_response response = {.status = 0};
    id_make(ID_REQUEST, request.id);
    s->spec.errors->respond(&request, MHD_HTTP_SERVICE_UNAVAILABLE, "too many connections",
                            &response);
    reply_write(&request, &response, socket);
    shutdown(socket, SHUT_WR);
    door_linger(s->door, socket);
}

static bool may_accept(void *context)
{
    struct http_server *s = context;
    return !peers_are_unsettled(s->peers, s->max_connections);
}

static void on_exhausted(void *context)
{
    struct http_server *s = context;
    peers_make_room(s->peers);
}

static void on_accepted(void *context, int socket, const struct sockaddr_storage *address,
                        socklen_t size)
{
    struct http_server *s = context;
    if (peers_count(s->peers) >= s->max_connections && !peers_make_room(s->peers)) {
        refuse_connection(s, socket);
        return;
    }
    struct peer *peer = peers_open(s->peers, socket, address);
    if (!peer)
        close(socket);
    else if (!MHD_add_connection(s->daemon, socket, (const struct sockaddr *)address, size))
        peers_close(s->peers, peer); /* the library has closed the socket */
}

static void run_refresh(struct handler_task *task)
{
    struct http_server *s =
        (struct http_server *)((char *)task - offsetof(struct http_server, refresh));
    struct error err = {.status = STATUS_OK};
    if (s->spec.auth.refresh(s->spec.auth.context, &err) != STATUS_OK)
        log_event(LOG_ERROR, "tokens cannot be read", LOG_TEXT("detail", err.message), LOG_END);
    atomic_store(&s->is_refreshing, false);
}

/* So that streams of those whose tokens hold no more can end, though nobody asks meanwhile. */
static void refresh_auth(struct http_server *s)
{
    if (!http_server_has_auth(s) || !s->spec.auth.is_stale(s->spec.auth.context) ||
        atomic_exchange(&s->is_refreshing, true))
        return;
    s->refresh.run = run_refresh;
    if (handler_pool_reserve(s->pool))
        handler_pool_submit(s->pool, &s->refresh);
    else
        atomic_store(&s->is_refreshing, false);
}

/* After a crowd has gone, give its memory back: the allocator keeps what lies between pieces that
 * stay.  Only the door's thread comes here. */
static void release_memory(struct http_server *s)
{
    enum { CROWD = 256 };
    size_t n = peers_count(s->peers);
    if (n > s->most_connections)
        s->most_connections = n;
    if (s->most_connections < CROWD || n >= s->most_connections / 2)
        return;
    s->most_connections = n;
    malloc_trim(0);
}

static bool on_tick(void *context, double now)
{
    struct http_server *s = context;
    bool has_more = peers_tick(s->peers, now);
    refresh_auth(s);
    stream_set_tick(s->streams, now, http_server_has_auth(s) ? &s->spec.auth : NULL);
    release_memory(s);
    return has_more;
}

/* --- start --- */

/* As many as the setting says, or as the process has descriptors for; the rest of them are kept for
 * what serves the connections. */
static size_t max_connections(const struct config *c, size_t n_handlers)
{
    struct rlimit limit;
    rlim_t others = DESCRIPTORS + DESCRIPTORS_A_HANDLER * (rlim_t)n_handlers;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return c->connections;
    rlim_t half = limit.rlim_cur / 2;
    rlim_t n = limit.rlim_cur - (others < half ? others : half);
    if (n >= c->connections)
        return c->connections;
    log_event(LOG_WARN, "fewer connections than set: the limit of descriptors is too low",
              LOG_INT("connections", n), LOG_INT("set", c->connections),
              LOG_INT("descriptors", limit.rlim_cur), LOG_END);
    return n > 0 ? n : 1;
}

static unsigned http_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 2 ? 1U : cores > HTTP_THREADS_MAX ? HTTP_THREADS_MAX : (unsigned)cores;
}

static enum status start_library(struct http_server *s, struct error *err)
{
    const struct config *c = s->spec.config;
    unsigned threads = http_threads();
    /* The library divides its limit among its threads before it knows who gets which connection;
     * ours is exact, so each of its threads may have them all. */
    unsigned connections = (unsigned)(s->max_connections + DESCRIPTORS) * threads;
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem single[] = {{MHD_OPTION_END, 0, NULL}};
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
            MHD_USE_NO_LISTEN_SOCKET,
        0, NULL, NULL, exchange_on_request, s, MHD_OPTION_URI_LOG_CALLBACK, exchange_on_target, s,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_POOL_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)c->keep_alive_seconds, MHD_OPTION_ARRAY, threads > 1 ? pool : single,
        MHD_OPTION_END);
    return s->daemon ? STATUS_OK
                     : error_set(err, STATUS_INTERNAL, "", "cannot start the HTTP threads");
}

/* The shortest of the server's times decides how often it looks at the clock. */
static double tick_seconds(const struct http_server_spec *spec)
{
    double shortest = fmin(spec->ping_seconds, fmin(spec->head_seconds, spec->body_seconds));
    return fmin(1, shortest / 5);
}

static enum status start_parts(struct http_server *s, struct error *err)
{
    const struct http_server_spec *spec = &s->spec;
    struct listener listener = {.socket = -1};
    enum status st = http_router_create(&s->router, spec->routes, spec->n_routes, err);
    if (st == STATUS_OK)
        st = peers_create(&s->peers, spec->head_seconds, spec->body_seconds, err);
    if (st == STATUS_OK)
        st = stream_set_create(&s->streams, spec->ping_seconds, err);
    if (st == STATUS_OK)
        st = handler_pool_start(&s->pool, spec->n_handlers, spec->config->handler_queue, err);
    if (st == STATUS_OK)
        st = listener_open(&listener, spec->config->listen_host, spec->config->listen_port, err);
    if (st != STATUS_OK)
        return st;
    s->port = listener.port;
    s->is_loopback = listener.is_loopback;
    struct door_spec door = {.listening_socket = listener.socket,
                             .tick_seconds = tick_seconds(spec),
                             .context = s,
                             .may_accept = may_accept,
                             .exhausted = on_exhausted,
                             .accepted = on_accepted,
                             .tick = on_tick};
    st = door_create(&s->door, &door, err);
    if (st != STATUS_OK) {
        close(listener.socket);
        return st;
    }
    st = start_library(s, err);
    return st == STATUS_OK ? door_open(s->door, err) : st;
}

/* What may be half made.  The order: no new work, end the pool, then the library (nothing must be
 * suspended any more), then the door (the library's last connections may linger there). */
static void free_server(struct http_server *s)
{
    if (s->pool)
        handler_pool_stop(s->pool);
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    door_free(s->door);
    handler_pool_free(s->pool);
    stream_set_free(s->streams);
    peers_free(s->peers);
    http_router_free(s->router);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

enum status http_server_start(struct http_server **out, const struct http_server_spec *spec,
                              struct error *err)
{
    if (sodium_init() < 0)
        return error_set(err, STATUS_INTERNAL, "", "cannot initialise libsodium");
    struct http_server *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    s->spec = *spec;
    s->spec.n_handlers = spec->n_handlers ? spec->n_handlers : spec->config->handlers;
    s->spec.ping_seconds = spec->ping_seconds > 0 ? spec->ping_seconds : ping_seconds;
    s->spec.head_seconds = spec->head_seconds > 0 ? spec->head_seconds : head_seconds;
    s->spec.body_seconds = spec->body_seconds > 0 ? spec->body_seconds : body_seconds;
    s->max_connections = max_connections(spec->config, s->spec.n_handlers);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum status st = start_parts(s, err);
    if (st != STATUS_OK) {
        free_server(s);
        return st;
    }
    *out = s;
    return STATUS_OK;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

bool http_server_is_loopback(const struct http_server *s)
{
    return s->is_loopback;
}

bool http_server_has_auth(const struct http_server *s)
{
    return s->spec.auth.look && !s->is_loopback;
}

/* --- end --- */

void http_server_quiesce(struct http_server *s)
{
    atomic_store(&s->is_quiescing, true);
    door_close(s->door);
}

static void wait_for_requests(struct http_server *s, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9);
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_mutex_lock(&s->lock);
    while (s->n_active > 0)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&s->lock);
}

void http_server_drain(struct http_server *s, double seconds)
{
    http_server_quiesce(s);
    stream_set_close(s->streams);
    wait_for_requests(s, seconds);
}

void http_server_stop(struct http_server *s, double seconds)
{
    if (!s)
        return;
    http_server_drain(s, seconds);
    atomic_store(&s->is_stopping, true);
    handler_pool_stop(s->pool);
    wait_for_requests(s, LAST_WORDS_SECONDS);
    free_server(s);
}

void http_server_counters(const struct http_server *s, struct http_counters *out)
{
    *out = (struct http_counters){
        .requests = atomic_load(&s->requests),
        .connections_open = peers_count(s->peers),
        .bytes_received = atomic_load(&s->bytes_received),
        .bytes_sent = atomic_load(&s->bytes_sent),
    };
    for (size_t i = 0; i < 6; i++)
        out->responses_by_class[i] = atomic_load(&s->responses_by_class[i]);
}
