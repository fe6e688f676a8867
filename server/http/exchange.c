#include "server/http/exchange.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/http/body.h"
#include "server/http/credentials.h"
#include "server/http/guard.h"
#include "core/base/monotonic.h"
#include "server/http/reply.h"
#include "server/http/router.h"
#include "server/http/server.h"
#include "server/http/target.h"
#include "server/log.h"

enum exchange_state {
    EXCHANGE_HEAD,
    EXCHANGE_ASKING,
    EXCHANGE_ASKED,
    EXCHANGE_BODY,
    EXCHANGE_WAITING,
    EXCHANGE_ANSWERED,
    EXCHANGE_QUEUED,
    EXCHANGE_REFUSED,
};

struct exchange {
    struct handler_task task; /* first: run() gets it */
    struct http_server *server;
    struct MHD_Connection *connection;
    struct peer *peer;
    enum exchange_state state;
    bool is_active; /* counted in n_active */
    bool lingers;   /* answered before all was heard */
    double started;
    char *raw_target; /* as it came */
    char method[16];
    struct head head;
    struct target target;
    unsigned known_method; /* of http_method_of */
    struct route_match match;
    const char *token; /* in the head, n_token bytes; NULL: none came */
    size_t n_token;
    enum status admission;          /* of ASKED */
    const struct http_route *route; /* once let in */
    struct body body;
    struct http_request request;
    struct http_response response;
    struct MHD_Response *reply; /* of ANSWERED */
    unsigned status;            /* of the reply */
    uint64_t sent;
};

static const char too_slow[] = "the body came too slowly";

void *exchange_on_target(void *server, const char *target, struct MHD_Connection *connection)
{
    struct exchange *x = mem_alloc(sizeof *x);
    char *raw = mem_strdup(target ? target : "");
    if (!x || !raw) {
        mem_free(x);
        mem_free(raw);
        return NULL;
    }
    x->server = server;
    x->connection = connection;
    x->started = monotonic_seconds();
    x->raw_target = raw;
    x->head.target = target;
    x->head.target_size = strlen(raw);
    x->request.path = "";
    x->request.socket = -1;
    id_make(ID_REQUEST, x->request.id);
    return x;
}

/* --- replies --- */

/* Have the reply made; the state is then ANSWERED. */
static void make_reply(struct exchange *x)
{
    struct http_server *s = x->server;
    struct reply_way way = {
        .connection = x->connection,
        .socket = x->request.socket,
        .pool = s->pool,
        .streams = s->streams,
        .errors = s->spec.errors,
        .sent = &x->sent,
        .who = x->request.who,
        /* The library reads chunks leniently: what follows them may not be what it takes it for. */
        .closes = x->head.is_chunked || atomic_load(&s->is_quiescing),
    };
    x->reply = reply_create(&x->request, &x->response, &way);
    x->status = x->response.status;
    x->state = EXCHANGE_ANSWERED;
}

static void respond_error(struct exchange *x, unsigned status, const char *detail)
{
    reply_discard(&x->response);
    x->server->spec.errors->respond(&x->request, status, detail, &x->response);
}

/* Give the reply to the library.  In its first callback and in its final one. */
static enum MHD_Result queue_reply(struct exchange *x)
{
    if (!x->reply || !peer_enter(x->server->peers, x->peer, PEER_BUSY))
        return MHD_NO;
    x->state = EXCHANGE_QUEUED;
    enum MHD_Result result = MHD_queue_response(x->connection, x->status, x->reply);
    MHD_destroy_response(x->reply); /* the connection has its own reference */
    x->reply = NULL;
    return result;
}

/* Answer at once, in the first callback: the connection closes afterwards. */
static enum MHD_Result queue_early(struct exchange *x)
{
    x->lingers = true;
    make_reply(x);
    return queue_reply(x);
}

static enum MHD_Result refuse_head(struct exchange *x, unsigned status, const char *detail)
{
    respond_error(x, status, detail);
    return queue_early(x);
}

/* The request is sound, but not to be served: without a body, the connection can go on. */
static enum MHD_Result answer_routing(struct exchange *x)
{
    if (x->head.has_body)
        return queue_early(x);
    make_reply(x);
    return MHD_YES;
}

static enum MHD_Result refuse_routing(struct exchange *x, unsigned status, const char *detail)
{
    respond_error(x, status, detail);
    return answer_routing(x);
}

/* In the middle of a body: the library ends the exchange, and exchange_on_completed answers. */
static enum MHD_Result refuse_body(struct exchange *x, unsigned status, const char *detail)
{
    respond_error(x, status, detail);
    x->state = EXCHANGE_REFUSED;
    x->lingers = true;
    return MHD_NO;
}

/* --- the head --- */

static uint64_t body_limit(const struct exchange *x)
{
    enum { QUERY_POINT_BYTES = 12 /* three float32 */, QUERY_MARGIN = 4096 /* an NPY header */ };
    const struct config *c = x->server->spec.config;
    switch (x->route->body) {
    case ROUTE_FILE_BODY:
        return c->upload_bytes;
    case ROUTE_BINARY_BODY:
        return c->query_points_binary * QUERY_POINT_BYTES + QUERY_MARGIN;
    case ROUTE_JSON_BODY:
    case ROUTE_NO_BODY:
        break;
    }
    return c->json_bytes;
}

static bool is_json(const char *media_type)
{
    size_t n = strlen(media_type);
    return strcmp(media_type, "application/json") == 0 ||
           (n > 5 && strcmp(media_type + n - 5, "+json") == 0);
}

static bool is_form(const struct exchange *x)
{
    return x->route->body == ROUTE_FILE_BODY &&
           strcmp(x->request.body_media_type, "multipart/form-data") == 0;
}

/* May this body come?  0, or the status to refuse it with. */
static unsigned check_body(const struct exchange *x, char *reason, size_t n)
{
    const struct http_request *r = &x->request;
    const char *coding = http_header(r, "Content-Encoding");
    if (x->route->body != ROUTE_NO_BODY && !x->head.has_length) {
        snprintf(reason, n, "the request needs a body");
        return MHD_HTTP_LENGTH_REQUIRED;
    }
    if (coding && strcasecmp(coding, "identity") != 0) {
        snprintf(reason, n, "the body must not have a content coding");
        return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    if (x->route->body == ROUTE_JSON_BODY && x->head.has_body && !is_json(r->body_media_type)) {
        snprintf(reason, n, "the body must be application/json");
        return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    uint64_t limit = body_limit(x);
    if (x->head.content_length > limit + (is_form(x) ? BODY_FORM_MARGIN : 0)) {
        snprintf(reason, n, "the body has %llu bytes; the limit is %llu",
                 (unsigned long long)x->head.content_length, (unsigned long long)limit);
        return MHD_HTTP_CONTENT_TOO_LARGE;
    }
    return 0;
}

static unsigned begin_body(struct exchange *x, struct error *err)
{
    char name[ID_SIZE + 8];
    uint64_t limit = body_limit(x);
    switch (x->route->body) {
    case ROUTE_NO_BODY:
        return body_begin_dropped(&x->body, limit);
    case ROUTE_JSON_BODY:
    case ROUTE_BINARY_BODY:
        return body_begin_memory(&x->body, limit);
    case ROUTE_FILE_BODY:
        break;
    }
    snprintf(name, sizeof name, "upload-%s", x->request.id);
    unsigned status = body_begin_file(&x->body, limit, x->server->spec.temporary_folder, name, err);
    if (status == 0 && is_form(x))
        status = body_begin_form(&x->body, x->connection, err);
    return status;
}

/* What the target and the method lead to, for those who may know. */
static void find_route(struct exchange *x)
{
    bool is_served = x->known_method != HTTP_METHOD_UNSERVED;
    if (x->target.is_asterisk)
        return;
    x->match =
        http_router_find(x->server->router,
                         is_served ? (enum http_method)x->known_method : HTTP_OPTIONS, &x->target);
    if (!is_served)
        x->match.route = NULL;
}

static enum MHD_Result answer_options(struct exchange *x, unsigned allowed)
{
    char allow[HTTP_ALLOW_SIZE];
    http_allow_text(allowed, allow);
    x->response.status = MHD_HTTP_NO_CONTENT;
    http_response_header(&x->response, "Allow", "%s", allow);
    return answer_routing(x);
}

/* It may come in.  The request is then ready for its body, or answered. */
static enum MHD_Result route(struct exchange *x)
{
    struct http_request *r = &x->request;
    const struct route_match *m = &x->match;
    unsigned all = (1U << (HTTP_OPTIONS + 1)) - 1;
    if (x->target.is_asterisk && x->known_method == HTTP_OPTIONS)
        return answer_options(x, all);
    if (!m->allowed)
        return refuse_routing(x, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
    if (!m->route && x->known_method == HTTP_OPTIONS)
        return answer_options(x, m->allowed);
    if (!m->route) {
        char allow[HTTP_ALLOW_SIZE];
        http_allow_text(m->allowed, allow);
        respond_error(x, MHD_HTTP_METHOD_NOT_ALLOWED, "the method is not allowed on this path");
        http_response_header(&x->response, "Allow", "%s", allow);
        return answer_routing(x);
    }
    x->route = m->route;
    r->head_only = x->known_method == HTTP_HEAD;
    r->method = m->route->method;
    memcpy(r->params, m->params, sizeof r->params);

    char reason[160];
    struct error err = {.status = STATUS_OK};
    unsigned status = check_body(x, reason, sizeof reason);
    if (status == MHD_HTTP_LENGTH_REQUIRED) /* the body may come all the same, unframed */
        return refuse_head(x, status, reason);
    if (status != 0)
        return refuse_routing(x, status, reason);
    status = begin_body(x, &err);
    if (status != 0)
        return refuse_routing(x, status, err.message);
    x->state = EXCHANGE_BODY;
    return MHD_YES;
}

/* --- who it is --- */

/* Without a body, the route may refuse in its own words. */
static enum MHD_Result refuse_stranger(struct exchange *x, const char *detail)
{
    if (x->match.route && x->match.route->flags & ROUTE_REFUSES && !x->head.has_body) {
        x->request.is_stranger = true;
        return route(x);
    }
    respond_error(x, MHD_HTTP_UNAUTHORIZED, detail);
    if (x->token)
        http_response_header(&x->response, "WWW-Authenticate",
                             "Bearer realm=\"farfield\", error=\"invalid_token\"");
    return answer_routing(x);
}

static enum MHD_Result decide(struct exchange *x, enum status admission)
{
    if (admission == STATUS_OK)
        return route(x);
    if (admission == STATUS_NOT_FOUND)
        return refuse_stranger(x, "the token does not hold");
    return refuse_routing(x, MHD_HTTP_SERVICE_UNAVAILABLE, "tokens cannot be checked");
}

/* On a thread of the handler pool. */
static void run_ask(struct handler_task *task)
{
    struct exchange *x = (struct exchange *)task;
    const struct http_auth *auth = &x->server->spec.auth;
    struct error err = {.status = STATUS_OK};
    x->admission = auth->ask(auth->context, x->token, x->n_token, x->request.who, &err);
    if (x->admission != STATUS_OK && x->admission != STATUS_NOT_FOUND)
        log_event(LOG_ERROR, "tokens cannot be read", LOG_TEXT("request", x->request.id),
                  LOG_TEXT("detail", err.message), LOG_END);
    x->state = EXCHANGE_ASKED;
    MHD_resume_connection(x->connection); /* from here on x is the HTTP thread's */
}

/* It cannot be said here whether the token holds.  Suspended in its first callback, the library
 * makes that callback again when it is resumed. */
static enum MHD_Result ask(struct exchange *x)
{
    struct http_server *s = x->server;
    if (!peer_enter(s->peers, x->peer, PEER_BUSY))
        return MHD_NO;
    if (!handler_pool_reserve(s->pool))
        return refuse_routing(x, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests wait");
    x->state = EXCHANGE_ASKING;
    x->task.run = run_ask;
    MHD_suspend_connection(x->connection);
    handler_pool_submit(s->pool, &x->task);
    return MHD_YES;
}

static enum MHD_Result go_on(struct exchange *x)
{
    x->state = EXCHANGE_HEAD;
    return peer_enter(x->server->peers, x->peer, PEER_BODY) ? decide(x, x->admission) : MHD_NO;
}

/* Before anything is said about the path or the method, and before any of the body is read. */
static enum MHD_Result admit(struct exchange *x)
{
    const struct http_auth *auth = &x->server->spec.auth;
    const struct head *h = &x->head;
    bool is_open = x->match.route && x->match.route->flags & ROUTE_OPEN;
    if (is_open || !http_server_has_auth(x->server))
        return route(x);
    switch (credentials_read(h->headers, h->n_headers, &x->token, &x->n_token)) {
    case CREDENTIALS_NONE:
        return refuse_stranger(x, "a token is needed: 'Authorization: Bearer TOKEN'");
    case CREDENTIALS_OTHER:
        return refuse_stranger(x, "the Authorization header must be 'Bearer' and a token");
    case CREDENTIALS_SEVERAL:
        return refuse_head(x, 400, "there is more than one Authorization header");
    case CREDENTIALS_BEARER:
        break;
    }
    enum status status = auth->look(auth->context, x->token, x->n_token, x->request.who);
    return status == STATUS_BUSY ? ask(x) : decide(x, status);
}

static void count_active(struct exchange *x)
{
    struct http_server *s = x->server;
    pthread_mutex_lock(&s->lock);
    s->n_active++;
    pthread_mutex_unlock(&s->lock);
    x->is_active = true;
    atomic_fetch_add(&s->requests, 1);
}

/* The library's first callback: the head is complete. */
static enum MHD_Result begin(struct exchange *x, const char *method, const char *version)
{
    struct http_server *s = x->server;
    struct http_request *r = &x->request;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    x->peer = info ? info->socket_context : NULL;
    if (!x->peer || !peer_enter(s->peers, x->peer, PEER_BODY))
        return MHD_NO;
    count_active(x);
    snprintf(x->method, sizeof x->method, "%s", method);
    r->socket = peer_socket(x->peer);
    r->head_only = strcmp(method, "HEAD") == 0;

    char reason[160];
    struct error err = {.status = STATUS_OK};
    struct head *h = &x->head;
    h->connection = x->connection;
    h->method = method;
    h->version = version;
    unsigned status = guard_check(h, s->spec.config, reason, sizeof reason);
    r->headers = h->headers;
    r->n_headers = h->n_headers;
    if (status != 0)
        return refuse_head(x, status, reason);
    media_type_of(http_header(r, "Content-Type"), r->body_media_type);
    x->known_method = http_method_of(method);
    if (x->known_method == HTTP_METHOD_UNKNOWN)
        return refuse_head(x, MHD_HTTP_NOT_IMPLEMENTED, "the method is not known");
    if (target_parse(&x->target, x->raw_target, h->target_size, &err) != STATUS_OK)
        return refuse_head(x, err.status == STATUS_INVALID ? 400 : 503, err.message);
    r->path = x->target.path;
    r->n_query = x->target.n_query;
    memcpy(r->query, x->target.query, sizeof r->query);
    if (atomic_load(&s->is_quiescing))
        return refuse_head(x, MHD_HTTP_SERVICE_UNAVAILABLE, "the service is stopping");
    find_route(x);
    return admit(x);
}

/* --- the body and the handler --- */

static enum MHD_Result take(struct exchange *x, const char *bytes, size_t n)
{
    struct error err = {.status = STATUS_OK};
    bool is_cut = !peer_received(x->peer, n);
    atomic_fetch_add_explicit(&x->server->bytes_received, n, memory_order_relaxed);
    if (is_cut)
        return refuse_body(x, MHD_HTTP_REQUEST_TIMEOUT, too_slow);
    unsigned status = body_take(&x->body, bytes, n, &err);
    return status == 0 ? MHD_YES : refuse_body(x, status, err.message);
}

static void call_handler(struct exchange *x)
{
    if (atomic_load(&x->server->is_stopping))
        respond_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, "the service is stopping");
    else
        x->route->handler(x->server->spec.context, &x->request, &x->response);
    body_deinit(&x->body);
    x->request.body = NULL;
    x->request.body_path = NULL;
    make_reply(x);
}

/* On a thread of the handler pool. */
static void run(struct handler_task *task)
{
    struct exchange *x = (struct exchange *)task;
    call_handler(x);
    MHD_resume_connection(x->connection); /* from here on x is the HTTP thread's */
}

/* The body is complete: on to the handler. */
static enum MHD_Result dispatch(struct exchange *x)
{
    struct http_server *s = x->server;
    struct error err = {.status = STATUS_OK};
    if (!peer_enter(s->peers, x->peer, PEER_BUSY))
        return MHD_NO;
    unsigned status = body_end(&x->body, &x->request, &err);
    if (status != 0) {
        respond_error(x, status, err.message);
        make_reply(x);
        return queue_reply(x);
    }
    if (x->route->flags & ROUTE_INLINE) {
        call_handler(x);
        return queue_reply(x);
    }
    if (!handler_pool_reserve(s->pool)) {
        respond_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests wait");
        make_reply(x);
        return queue_reply(x);
    }
    x->state = EXCHANGE_WAITING;
    x->task.run = run;
    MHD_suspend_connection(x->connection);
    handler_pool_submit(s->pool, &x->task);
    return MHD_YES;
}

enum MHD_Result exchange_on_request(void *server, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *bytes, size_t *n_bytes, void **exchange)
{
    (void)server, (void)connection, (void)url; /* the library has decoded url: x has the raw one */
    struct exchange *x = *exchange;
    if (!x)
        return MHD_NO; /* there was no memory for it */
    switch (x->state) {
    case EXCHANGE_HEAD:
        return begin(x, method, version);
    case EXCHANGE_ASKED:
        return go_on(x);
    case EXCHANGE_BODY:
        if (*n_bytes == 0)
            return dispatch(x);
        size_t n = *n_bytes;
        *n_bytes = 0;
        return take(x, bytes, n);
    case EXCHANGE_ANSWERED:
        return queue_reply(x);
    case EXCHANGE_ASKING:
    case EXCHANGE_WAITING:
    case EXCHANGE_QUEUED:
    case EXCHANGE_REFUSED:
        break;
    }
    return MHD_NO;
}

/* --- the end --- */

static void log_request(const struct exchange *x)
{
    if (x->state ==
        EXCHANGE_HEAD) /* refused by the library, or gone before the head was complete */
        log_event(LOG_DEBUG, "request broken off", LOG_TEXT("id", x->request.id), LOG_END);
    else
        log_event(LOG_INFO, "request", LOG_TEXT("id", x->request.id), LOG_TEXT("method", x->method),
                  LOG_TEXT("path", x->request.path), LOG_INT("status", x->status),
                  LOG_INT("bytes", x->sent), LOG_REAL("seconds", monotonic_seconds() - x->started),
                  LOG_TEXT("peer", peer_address(x->peer)),
                  x->request.who[0] ? LOG_TEXT("token", x->request.who) : LOG_END, LOG_END);
}

/* Answer what was cut in the middle of its body, by us or by the clock. */
static void answer_cut(struct exchange *x)
{
    if (x->state == EXCHANGE_BODY) {
        x->lingers = true;
        respond_error(x, MHD_HTTP_REQUEST_TIMEOUT, too_slow);
    }
    unsigned status = x->response.status;
    x->sent = reply_write(&x->request, &x->response, x->request.socket);
    x->status = status;
}

static void linger(const struct exchange *x)
{
    int copy = fcntl(x->request.socket, F_DUPFD_CLOEXEC, 3);
    if (copy >= 0)
        door_linger(x->server->door, copy);
}

static void end_active(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    if (--s->n_active == 0)
        pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void exchange_on_completed(void *server, struct MHD_Connection *connection, void **exchange,
                           enum MHD_RequestTerminationCode reason)
{
    (void)connection, (void)reason;
    struct http_server *s = server;
    struct exchange *x = *exchange;
    if (!x)
        return;
    *exchange = NULL;
    bool goes_on = x->peer && peer_enter(s->peers, x->peer, PEER_IDLE);
    if (x->state == EXCHANGE_REFUSED || (x->state == EXCHANGE_BODY && x->peer && !goes_on))
        answer_cut(x);
    if (x->lingers)
        linger(x);
    log_request(x);
    bool is_active = x->is_active;
    if (x->status >= 100 && x->status < 600)
        atomic_fetch_add(&s->responses_by_class[x->status / 100], 1);
    atomic_fetch_add(&s->bytes_sent, x->sent);
    if (x->reply)
        MHD_destroy_response(x->reply);
    reply_discard(&x->response);
    body_deinit(&x->body);
    target_deinit(&x->target);
    mem_free(x->raw_target);
    mem_free(x);
    if (is_active)
        end_active(s); /* last: http_server_stop waits for it */
}
