#include "server/http/reply.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/http/piecewise.h"
#include "server/http/range.h"
#include "server/log.h"

#define SECURITY_POLICY                                                                            \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "        \
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "                   \
    "frame-ancestors 'none'"

enum { BLOCK_BYTES = 64 * 1024, RAW_MAX_BYTES = 64 * 1024 };

void reply_discard(struct http_response *r)
{
    switch (r->body_type) {
    case BODY_NONE:
        break;
    case BODY_BYTES:
        mem_free(r->bytes);
        break;
    case BODY_DESCRIPTOR:
        close(r->descriptor);
        break;
    case BODY_READER:
        if (r->reader_free)
            r->reader_free(r->reader_context);
        break;
    case BODY_STREAM:
        http_stream_close(r->stream);
        http_stream_release(r->stream);
        break;
    }
    *r = (struct http_response){.status = 0};
}

static const char *header_of(const struct http_response *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

/* --- headers --- */

/* Where headers go; false if one cannot be sent. */
typedef bool (*header_sink)(void *context, const char *name, const char *value);

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A header that the handler may have set itself. */
static bool add_unless_set(const struct http_response *r, const char *name, const char *value,
                           header_sink add, void *context)
{
    return header_of(r, name) || add(context, name, value);
}

static bool add_headers(const struct http_request *q, const struct http_response *r, bool closes,
                        header_sink add, void *context)
{
    bool ok =
        add(context, "X-Request-Id", q->id) && add(context, "X-Content-Type-Options", "nosniff");
    if (ok && r->content_type[0])
        ok = add(context, "Content-Type", r->content_type);
    for (size_t i = 0; ok && i < r->n_headers; i++)
        ok = add(context, r->headers[i].name, r->headers[i].value);
    if (ok && has_prefix(r->content_type, "text/html"))
        ok = add(context, "Content-Security-Policy", SECURITY_POLICY) &&
             add(context, "Referrer-Policy", "no-referrer");
    if (ok && has_prefix(r->content_type, "text/event-stream"))
        ok = add_unless_set(r, "Cache-Control", "no-store", add, context) &&
             add_unless_set(r, "X-Accel-Buffering", "no", add, context);
    if (ok && r->accept_ranges)
        ok = add(context, "Accept-Ranges", "bytes");
    if (ok && r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        ok = add_unless_set(r, "Retry-After", "5", add, context);
    if (ok && r->status == MHD_HTTP_UNAUTHORIZED)
        ok = add_unless_set(r, "WWW-Authenticate", "Bearer realm=\"farfield\"", add, context);
    if (ok && closes)
        ok = add(context, "Connection", "close");
    return ok;
}

static bool add_to_response(void *context, const char *name, const char *value)
{
    return MHD_add_response_header(context, name, value) == MHD_YES;
}

/* --- ranges --- */

static uint64_t size_of(const struct http_response *r)
{
    return r->body_type == BODY_BYTES ? r->n_bytes : r->size;
}

/* If-Range: a range is only meant while the representation is still this one (strong comparison;
 * there are no dates). */
static bool if_range_holds(const struct http_request *q, const struct http_response *r)
{
    const char *condition = http_header(q, "If-Range"), *etag = header_of(r, "ETag");
    return !condition || (etag && etag[0] == '"' && strcmp(condition, etag) == 0);
}

/* The span of the body to send; may turn r into a 206 or a 416. */
static struct range apply_range(const struct http_request *q, struct http_response *r,
                                const struct http_errors *errors)
{
    uint64_t size = size_of(r);
    struct range whole = {RANGE_WHOLE, 0, size};
    bool has_span = r->body_type == BODY_BYTES || r->body_type == BODY_DESCRIPTOR ||
                    r->body_type == BODY_READER;
    bool is_get = q->method == HTTP_GET && !q->head_only;
    r->accept_ranges = r->accept_ranges && has_span && r->status == MHD_HTTP_OK;
    if (!r->accept_ranges || !is_get || !if_range_holds(q, r))
        return whole;
    struct range range = range_parse(http_header(q, "Range"), size);
    if (range.kind == RANGE_PART) {
        r->status = MHD_HTTP_PARTIAL_CONTENT;
        http_response_header(
            r, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)range.first,
            (unsigned long long)(range.first + range.count - 1), (unsigned long long)size);
        return range;
    }
    if (range.kind == RANGE_WHOLE)
        return whole;
    char detail[96];
    snprintf(detail, sizeof detail, "the range lies outside the %llu bytes",
             (unsigned long long)size);
    reply_discard(r);
    errors->respond(q, MHD_HTTP_RANGE_NOT_SATISFIABLE, detail, r);
    http_response_header(r, "Content-Range", "bytes */%llu", (unsigned long long)size);
    return (struct range){RANGE_WHOLE, 0, size_of(r)};
}

/* --- the library's response --- */

/* A body that is never asked for: of a HEAD, of a 304. */
static ssize_t read_nothing(void *context, uint64_t position, char *out, size_t n)
{
    (void)context, (void)position, (void)out, (void)n;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* A response that tells a size but has no body to send.  Without a size the connection has to
 * close: the library would frame the missing body as chunked, and its last chunk would stand before
 * the next response. */
static struct MHD_Response *create_bodiless(uint64_t size)
{
    struct MHD_Response *m = MHD_create_response_from_callback(size, 1, read_nothing, NULL, NULL);
    if (m && size == MHD_SIZE_UNKNOWN)
        MHD_set_response_options(m, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return m;
}

static struct MHD_Response *create_bytes(struct http_response *r, const struct range *span,
                                         uint64_t *sent)
{
    struct MHD_Response *m = MHD_create_response_from_buffer_with_free_callback_cls(
        (size_t)span->count, r->bytes ? r->bytes + span->first : NULL, mem_free, r->bytes);
    if (m) {
        r->body_type = BODY_NONE;
        *sent = span->count;
    }
    return m;
}

static struct MHD_Response *create_descriptor(struct http_response *r, const struct range *span,
                                              uint64_t *sent)
{
    struct MHD_Response *m =
        MHD_create_response_from_fd_at_offset64(span->count, r->descriptor, span->first);
    if (m) {
        r->body_type = BODY_NONE;
        *sent = span->count;
    }
    return m;
}

static struct MHD_Response *create_piecewise(struct http_response *r, const struct range *span,
                                             const struct reply_way *way, struct error *err)
{
    struct piecewise *p;
    if (piecewise_create(&p, r, span->first, span->count, err) != STATUS_OK)
        return NULL;
    piecewise_attach(p, way->pool, way->connection, way->socket, way->sent);
    struct MHD_Response *m = MHD_create_response_from_callback(span->count, BLOCK_BYTES,
                                                               piecewise_read, p, piecewise_free);
    if (!m)
        piecewise_free(p);
    return m;
}

static struct MHD_Response *create_stream(struct http_response *r, const struct reply_way *way)
{
    struct http_stream *s = r->stream;
    r->body_type = BODY_NONE;
    struct stream_place place = {
        .connection = way->connection, .socket = way->socket, .who = way->who, .sent = way->sent};
    stream_attach(s, way->streams, &place);
    struct MHD_Response *m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                               stream_read, s, stream_detach);
    if (!m)
        stream_detach(s);
    return m;
}

/* Only the body; r keeps what could not be handed over. */
static struct MHD_Response *create_body(const struct http_request *q, struct http_response *r,
                                        const struct range *span, const struct reply_way *way,
                                        struct error *err)
{
    if (r->status == MHD_HTTP_NOT_MODIFIED)
        return create_bodiless(size_of(r) ? size_of(r) : MHD_SIZE_UNKNOWN);
    if (q->head_only && (r->body_type == BODY_DESCRIPTOR || r->body_type == BODY_READER))
        return create_bodiless(span->count);
    if (q->head_only && r->body_type == BODY_STREAM)
        return create_bodiless(MHD_SIZE_UNKNOWN);
    switch (r->body_type) {
    case BODY_BYTES:
        return create_bytes(r, span, way->sent);
    case BODY_DESCRIPTOR:
        return create_descriptor(r, span, way->sent);
    case BODY_READER:
        return create_piecewise(r, span, way, err);
    case BODY_STREAM:
        return create_stream(r, way);
    case BODY_NONE:
        break;
    }
    return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
}

/* The library refuses a header for its bytes or for want of memory, and does not say for which. */
static bool has_bad_header(const struct http_response *r)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (r->headers[i].value[0] == '\0' || strpbrk(r->headers[i].value, "\t\r\n"))
            return true;
    return strpbrk(r->content_type, "\t\r\n") != NULL;
}

static struct MHD_Response *try_create(const struct http_request *q, struct http_response *r,
                                       const struct reply_way *way, struct error *err)
{
    struct range span = apply_range(q, r, way->errors);
    struct MHD_Response *m = create_body(q, r, &span, way, err);
    if (m && !add_headers(q, r, way->closes, add_to_response, m)) {
        MHD_destroy_response(m);
        m = NULL;
        if (has_bad_header(r))
            error_set(err, STATUS_INTERNAL, "", "a response header cannot be sent");
    }
    if (!m)
        error_status(err, STATUS_NO_MEMORY); /* unless there is an error already */
    if (q->head_only)
        *way->sent = 0;
    unsigned status = r->status;
    reply_discard(r); /* what has not been handed over */
    r->status = status;
    return m;
}

struct MHD_Response *reply_create(const struct http_request *q, struct http_response *r,
                                  const struct reply_way *way)
{
    struct error err = {.status = STATUS_OK};
    struct MHD_Response *m = NULL;
    bool is_done = r->is_done;
    if (r->status >= 200 && r->status < 600)
        m = try_create(q, r, way, &err);
    else
        error_set(&err, STATUS_INTERNAL, "", "the handler gave no status");
    if (m)
        return m;
    log_event(LOG_ERROR, "response failed", LOG_TEXT("request", q->id), LOG_TEXT("path", q->path),
              LOG_TEXT("detail", err.message), LOG_END);
    reply_discard(r);
    if (is_done)
        return NULL;
    way->errors->respond(q,
                         err.status == STATUS_NO_MEMORY ? MHD_HTTP_SERVICE_UNAVAILABLE
                                                        : MHD_HTTP_INTERNAL_SERVER_ERROR,
                         "the response could not be made", r);
    return try_create(q, r, way, &err);
}

/* --- bytes on the wire --- */

static bool add_to_buffer(void *context, const char *name, const char *value)
{
    return !strpbrk(value, "\r\n") &&
           buffer_printf(context, NULL, "%s: %s\r\n", name, value) == STATUS_OK;
}

static bool write_head(struct buffer *b, const struct http_request *q,
                       const struct http_response *r)
{
    char date[64];
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return buffer_printf(b, NULL, "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Length: %zu\r\n",
                         r->status, MHD_get_reason_phrase_for(r->status), date,
                         r->body_type == BODY_BYTES ? r->n_bytes : 0) == STATUS_OK &&
           add_headers(q, r, true, add_to_buffer, b) &&
           buffer_append(b, "\r\n", 2, NULL) == STATUS_OK;
}

uint64_t reply_write(const struct http_request *q, struct http_response *r, int socket)
{
    struct buffer b;
    uint64_t sent = 0;
    buffer_init(&b, RAW_MAX_BYTES);
    bool ok = write_head(&b, q, r);
    if (ok && r->body_type == BODY_BYTES)
        ok = buffer_append(&b, r->bytes, r->n_bytes, NULL) == STATUS_OK;
    if (ok && send(socket, b.data, b.size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.size)
        sent = r->body_type == BODY_BYTES ? r->n_bytes : 0;
    buffer_deinit(&b);
    unsigned status = r->status;
    reply_discard(r);
    r->status = status;
    return sent;
}
