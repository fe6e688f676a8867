/*
 * HTTP: from the socket to one complete request, and from one response back.
 *
 * libmicrohttpd calls its access handler several times for a request; this storey absorbs that.  A
 * route's handler sees one complete request (its body in memory, or spooled to a file while being
 * hashed) and fills in one response.
 *
 *   socket ─► first callback: framing guards, raw target, route, token, limits ─► body ─► suspend
 *         ─► a thread of the handler pool runs the handler (it may read the store, wait, compute)
 *         ─► resume ─► the queued response is sent
 *
 * Threads of the HTTP pool never run handlers (but for ROUTE_INLINE ones, which must not block),
 * never touch the store and never evaluate a network.
 *
 * Routing works on the raw request target: split at '/', then each segment is decoded; a NUL, an
 * encoded slash, "." and ".." segments and bad UTF-8 are refused with 400.
 */
#ifndef SERVER_HTTP_HTTP_H
#define SERVER_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/status.h"
#include "server/config.h"
#include "server/store/id.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS };

/* --- request --- */

enum { HTTP_MAX_PARAMS = 4, HTTP_MAX_QUERY = 64, HTTP_WHO_SIZE = 16 };

struct http_pair {
    const char *name;
    const char *value; /* decoded; "" for "?flag" */
};

struct http_request {
    char id[ID_SIZE];        /* req_…: sent as X-Request-Id, in problems and in the log */
    enum http_method method; /* HEAD arrives as GET with head_only */
    bool head_only;
    const char *path;                    /* as decoded, for `instance` */
    const char *params[HTTP_MAX_PARAMS]; /* values of the route's {…}, in order */
    size_t n_query;
    struct http_pair query[HTTP_MAX_QUERY];

    /* Who asks: the name that struct http_auth gave, "" where nobody had to say. */
    char who[HTTP_WHO_SIZE];
    bool is_stranger; /* a token is needed and none that holds came: only with ROUTE_REFUSES */

    size_t n_headers;
    const struct http_pair *headers; /* in the order they came; http_header looks names up */

    size_t body_size;         /* of the body, in memory or in the file */
    char body_media_type[64]; /* Content-Type of the body or of the multipart part: lower case,
                                 without parameters, or "" */

    /* ROUTE_JSON_BODY, ROUTE_BINARY_BODY: body may be NULL when body_size is 0. */
    const uint8_t *body;

    /* ROUTE_FILE_BODY: complete and closed; owned by the request and removed after the handler,
     * unless the handler has renamed or removed it. */
    const char *body_path;
    char body_sha256[65];
    char body_file_name[132]; /* of a multipart part, or ""; as the client gave it */

    int socket; /* for http_peer_is_gone only */
};

/* A request header by name (the first, if repeated), NULL if absent.  Valid during the handler. */
const char *http_header(const struct http_request *r, const char *name);

/* Has the client closed its end?  One system call, for long handlers to give up by. */
bool http_peer_is_gone(const struct http_request *r);

/* A query argument by name, NULL if absent (the first, if repeated). */
const char *http_query(const struct http_request *r, const char *name);

/* --- response --- */

/* A body that is produced piece by piece: read up to n bytes at offset into out; returns the count,
 * 0 at the end, minus its enum status on failure.  Called on a thread of the handler pool, so it
 * may read the store. */
typedef int64_t (*http_reader)(void *context, uint64_t offset, size_t n, uint8_t *out);

struct http_stream; /* an open-ended response (SSE), below */

struct http_response {
    unsigned status; /* 0 means 500 */
    bool is_done;    /* What was asked for is done for good.  Where there is no memory for this
                        response the connection ends without any: an error would deny what was
                        done, and 503 would even ask to have it done once more. */
    char content_type[64];
    size_t n_headers;
    struct {
        char name[32];
        char value[512];
    } headers[16];

    /* Exactly one kind of body (or none). */
    enum { BODY_NONE, BODY_BYTES, BODY_DESCRIPTOR, BODY_READER, BODY_STREAM } body_type;
    uint8_t *bytes; /* BODY_BYTES: taken over, freed by mem_free */
    size_t n_bytes;
    int descriptor;     /* BODY_DESCRIPTOR: taken over, closed */
    http_reader reader; /* BODY_READER */
    void *reader_context;
    void (*reader_free)(void *context);
    uint64_t size;              /* BODY_DESCRIPTOR, BODY_READER: of the whole representation.
                                   Of a 304: what a 200 would have had; 0: not known, and the
                                   connection closes, since only that frames a 304 without it. */
    struct http_stream *stream; /* BODY_STREAM: one reference is taken over */
    bool accept_ranges; /* of a 200: answer Range, If-Range (by the ETag header) and 416 from
                           BODY_BYTES, _DESCRIPTOR, _READER */
};

/* Add a header; too many or too long is a programmer's mistake (asserted), and so is what this
 * storey adds itself: Content-Type, Content-Length, Accept-Ranges, Content-Range, X-Request-Id, and
 * for HTML the Content-Security-Policy. */
void http_response_header(struct http_response *r, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Hand over a body of bytes with its type.  Takes what b holds. */
void http_response_take(struct http_response *r, unsigned status, const char *content_type,
                        struct buffer *b);

/* Does the request's If-None-Match list this entity tag (a quoted string, strong or W/)?  Weak
 * comparison. */
bool http_etag_matches(const struct http_request *r, const char *etag);

/* --- streams --- */

/*
 * A bounded byte pipe from any thread to one connection, for text/event-stream.  The connection
 * sleeps (suspended) while the pipe is empty; a comment ping goes out every 15 s, which also finds
 * dead peers. Reference counted: the response holds one, whoever writes holds one.
 */
enum status http_stream_create(struct http_stream **out, size_t max_pending,
                               struct error *err) WARN_UNUSED;
/* Append; false if the peer is gone or too slow (more than max_pending bytes wait): the writer lets
 * go then. */
bool http_stream_write(struct http_stream *s, const void *bytes, size_t n);
/* No more will come: the response ends when the pipe is empty. */
void http_stream_close(struct http_stream *s);
bool http_stream_is_closed(const struct http_stream *s); /* by either side */
void http_stream_retain(struct http_stream *s);
void http_stream_release(struct http_stream *s);

/* --- routes --- */

typedef void (*http_handler)(void *context, const struct http_request *request,
                             struct http_response *response);

enum route_body { ROUTE_NO_BODY, ROUTE_JSON_BODY, ROUTE_BINARY_BODY, ROUTE_FILE_BODY };
enum route_flags {
    ROUTE_INLINE = 1, /* run on the HTTP thread: must not block */
    ROUTE_OPEN = 2,   /* needs no token */
    /* Needs one, but refuses by itself: its handler is called for strangers too, and answers 401.
     */
    ROUTE_REFUSES = 4,
};

struct http_route {
    enum http_method method;
    const char *pattern; /* "/v1/jobs/{id}/metrics"; segments in braces match anything */
    http_handler handler;
    enum route_body body;
    unsigned flags;
};

/* Which route serves a method and a path (already split)?  For the server and its tests. */
struct http_router;
enum status http_router_create(struct http_router **out, const struct http_route *routes, size_t n,
                               struct error *err) WARN_UNUSED;
void http_router_free(struct http_router *r);

/* --- server --- */

/* What the server cannot say by itself: problem+json for errors that no handler saw (404, 405, 413,
 * …) and headers that go on every response.  Made by api/problem.c.  Must not block. */
struct http_errors {
    void (*respond)(const struct http_request *request, unsigned status, const char *detail,
                    struct http_response *response);
};

/*
 * Who may come in.  A request must bring "Authorization: Bearer TOKEN" unless its route is
 * ROUTE_OPEN, or only this machine can reach the server; it is asked for before anything is said
 * about the path or the method, and before any of the body is read.  Where it cannot be said
 * whether a token holds, the answer is 503: nobody is let in by default.
 *
 *   look      OK (who: by what name to call its bearer), NOT_FOUND, or BUSY: only ask can tell.
 *             Must not block.
 *   ask       the same, on a thread of the handler pool; it may wait.  OK, NOT_FOUND, or an error.
 *   holds     is `who` still to be let in, as far as is known?  Must not block.  Streams of those
 *             who are not end.
 *   is_stale  is more to be known by refresh?  Must not block.
 *   refresh   on a thread of the handler pool.
 */
struct http_auth {
    void *context;
    enum status (*look)(void *context, const char *token, size_t n, char *who);
    enum status (*ask)(void *context, const char *token, size_t n, char *who, struct error *err);
    bool (*holds)(void *context, const char *who);
    bool (*is_stale)(void *context);
    enum status (*refresh)(void *context, struct error *err);
};

struct http_server;

/* config, routes, errors and the folder are borrowed as long as the server lives; context is handed
 * to handlers.  Of the last three, tests shorten what the contract fixes; 0 means the contract's
 * value. */
struct http_server_spec {
    const struct config *config;
    const struct http_route *routes;
    size_t n_routes;
    const struct http_errors *errors;
    struct http_auth auth; /* all NULL: everybody may come in */
    void *context;
    const char *temporary_folder; /* for ROUTE_FILE_BODY */
    size_t n_handlers;            /* threads of the handler pool; 0: the setting `handlers` */
    double ping_seconds;          /* silence after which a stream sends a comment: 15 */
    double head_seconds;          /* time for a complete request head: 10 */
    double body_seconds;          /* window in which a body must bring 1 KiB a second: 10 */
};

/* Bind, start the pools, serve.  IO if the address cannot be had, INVALID for a malformed route. */
enum status http_server_start(struct http_server **out, const struct http_server_spec *spec,
                              struct error *err) WARN_UNUSED;
uint16_t http_server_port(const struct http_server *s);

/* Can only this machine reach it? */
bool http_server_is_loopback(const struct http_server *s);
/* Does it ask for tokens? */
bool http_server_has_auth(const struct http_server *s);

/* Close the listening socket; new requests on open connections get 503 + Connection: close. */
void http_server_quiesce(struct http_server *s);

/* Quiesce, end streams, wait up to `seconds` for requests under way. */
void http_server_drain(struct http_server *s, double seconds);

/* http_server_drain, then answer 503 to those that no
 * handler has begun, wait for the handlers that run (nothing can end them), stop, free.  NULL is
 * fine. */
void http_server_stop(struct http_server *s, double seconds);

/* Counters for /metrics. */
struct http_counters {
    uint64_t requests, responses_by_class[6], connections_open, bytes_received, bytes_sent;
};
void http_server_counters(const struct http_server *s, struct http_counters *out);

#endif
