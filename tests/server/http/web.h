/*
 * A server in this process with small handlers, and a client that speaks to it byte by byte: what
 * the tests of this folder share.
 */
#ifndef TESTS_SERVER_HTTP_WEB_H
#define TESTS_SERVER_HTTP_WEB_H

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "server/http/http.h"
#include "server/log.h"

/* --- what handlers and tests share --- */

enum { WEB_ETAGGED = 1000 };

struct web {
    struct http_server *server;
    struct config config;
    char folder[64];
    uint16_t port;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    int n_in_handler; /* of /gate */
    bool gate_is_open;
    int n_handled;              /* calls of any handler below */
    struct http_stream *stream; /* the last one that /stream made; one reference */
    int n_reader_calls, n_readers_freed;
};

static inline void web_count(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    w->n_handled++;
    pthread_mutex_unlock(&w->lock);
}

static inline void web_text(struct http_response *r, unsigned status, const char *type,
                            const char *format, ...) PRINTF_LIKE(4, 5);
static inline void web_text(struct http_response *r, unsigned status, const char *type,
                            const char *format, ...)
{
    struct buffer b;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_init(&b, sizeof text);
    assert_int_equal(buffer_append(&b, text, (size_t)n, NULL), STATUS_OK);
    http_response_take(r, status, type, &b);
}

static inline void web_respond_error(const struct http_request *q, unsigned status,
                                     const char *detail, struct http_response *r)
{
    web_text(r, status, "application/problem+json",
             "{\"status\":%u,\"detail\":\"%s\",\"instance\":\"%s\",\"request_id\":\"%s\"}", status,
             detail, q->path, q->id);
}

/* Byte i of what readers, files and byte bodies serve. */
static inline uint8_t web_byte(uint64_t i)
{
    return (uint8_t)(i * 131 + (i >> 8) * 17 + 7);
}

/* --- handlers --- */

static inline void web_hello(void *context, const struct http_request *q, struct http_response *r)
{
    web_count(context);
    web_text(r, 200, "text/plain", "hello %s", http_query(q, "name") ? http_query(q, "name") : "");
}

static inline void web_page(void *context, const struct http_request *q, struct http_response *r)
{
    (void)q;
    web_count(context);
    web_text(r, 200, "text/html; charset=utf-8", "<!doctype html>");
}

static inline void web_item(void *context, const struct http_request *q, struct http_response *r)
{
    web_count(context);
    web_text(r, 200, "text/plain", "%s|%s|%s|%s", q->params[0], q->params[1] ? q->params[1] : "",
             q->params[2] ? q->params[2] : "", q->params[3] ? q->params[3] : "");
}

static inline void web_echo(void *context, const struct http_request *q, struct http_response *r)
{
    web_count(context);
    uint32_t sum = 0;
    for (size_t i = 0; i < q->body_size && q->body; i++)
        sum = sum * 31 + q->body[i];
    web_text(r, 200, "text/plain", "%zu %u %s", q->body_size, sum, q->body_media_type);
}

static inline void web_file(void *context, const struct http_request *q, struct http_response *r)
{
    struct web *w = context;
    web_count(w);
    struct stat facts = {.st_size = -1};
    int found = stat(q->body_path, &facts);
    if (http_query(q, "keep")) {
        char name[128];
        snprintf(name, sizeof name, "%s/kept", w->folder);
        if (rename(q->body_path, name) != 0)
            found = -1;
    }
    web_text(r, 201, "text/plain", "%d %zu %lld %s %s %s", found, q->body_size,
             (long long)facts.st_size, q->body_sha256, q->body_file_name, q->body_media_type);
}

static inline void web_bytes(void *context, const struct http_request *q, struct http_response *r)
{
    web_count(context);
    if (http_etag_matches(q, "\"v1\"")) {
        r->status = 304;
        r->size = http_query(q, "unsized") ? 0 : WEB_ETAGGED;
        http_response_header(r, "ETag", "\"v1\"");
        return;
    }
    struct buffer b;
    uint8_t *place;
    buffer_init(&b, WEB_ETAGGED);
    assert_int_equal(buffer_extend(&b, WEB_ETAGGED, &place, NULL), STATUS_OK);
    for (size_t i = 0; i < WEB_ETAGGED; i++)
        place[i] = web_byte(i);
    http_response_take(r, 200, "application/octet-stream", &b);
    r->accept_ranges = true;
    http_response_header(r, "ETag", "\"v1\"");
}

static inline void web_descriptor(void *context, const struct http_request *q,
                                  struct http_response *r)
{
    (void)q;
    web_count(context);
    FILE *f = tmpfile();
    for (size_t i = 0; i < WEB_ETAGGED; i++)
        fputc(web_byte(i), f);
    fflush(f);
    r->status = 200;
    r->body_type = BODY_DESCRIPTOR;
    r->descriptor = dup(fileno(f));
    r->size = WEB_ETAGGED;
    r->accept_ranges = true;
    fclose(f);
}

struct web_reader {
    struct web *web;
    uint64_t fails_at;
};

static inline int64_t web_read(void *context, uint64_t offset, size_t n, uint8_t *out)
{
    struct web_reader *reader = context;
    pthread_mutex_lock(&reader->web->lock);
    reader->web->n_reader_calls++;
    pthread_mutex_unlock(&reader->web->lock);
    if (offset + n > reader->fails_at)
        return -1;
    for (size_t i = 0; i < n; i++)
        out[i] = web_byte(offset + i);
    return (int64_t)n;
}

static inline void web_reader_free(void *context)
{
    struct web_reader *reader = context;
    pthread_mutex_lock(&reader->web->lock);
    reader->web->n_readers_freed++;
    pthread_mutex_unlock(&reader->web->lock);
    mem_free(reader);
}

/* /reader/{size}?fails_at=N */
static inline void web_read_out(void *context, const struct http_request *q,
                                struct http_response *r)
{
    web_count(context);
    struct web_reader *reader = mem_alloc(sizeof *reader);
    assert_non_null(reader);
    const char *fails_at = http_query(q, "fails_at");
    *reader = (struct web_reader){context, fails_at ? strtoull(fails_at, NULL, 10) : UINT64_MAX};
    r->status = 200;
    snprintf(r->content_type, sizeof r->content_type, "application/octet-stream");
    r->body_type = BODY_READER;
    r->reader = web_read;
    r->reader_context = reader;
    r->reader_free = web_reader_free;
    r->size = strtoull(q->params[0], NULL, 10);
    r->accept_ranges = true;
}

/* /stream?max=N: the stream is then the test's to write to. */
static inline void web_stream(void *context, const struct http_request *q, struct http_response *r)
{
    struct web *w = context;
    const char *max = http_query(q, "max");
    struct http_stream *s;
    web_count(w);
    assert_int_equal(http_stream_create(&s, max ? strtoull(max, NULL, 10) : 65536, NULL),
                     STATUS_OK);
    http_stream_retain(s);
    r->status = 200;
    snprintf(r->content_type, sizeof r->content_type, "text/event-stream");
    r->body_type = BODY_STREAM;
    r->stream = s;
    pthread_mutex_lock(&w->lock);
    assert_null(w->stream);
    w->stream = s;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Waits until the test opens the gate. */
static inline void web_gate(void *context, const struct http_request *q, struct http_response *r)
{
    struct web *w = context;
    pthread_mutex_lock(&w->lock);
    w->n_handled++;
    w->n_in_handler++;
    pthread_cond_broadcast(&w->changed);
    while (!w->gate_is_open)
        pthread_cond_wait(&w->changed, &w->lock);
    w->n_in_handler--;
    pthread_mutex_unlock(&w->lock);
    web_text(r, 200, "text/plain", "%s", http_peer_is_gone(q) ? "gone" : "here");
}

static inline void web_nothing(void *context, const struct http_request *q, struct http_response *r)
{
    (void)q, (void)r;
    web_count(context);
}

static inline void web_split_header(void *context, const struct http_request *q,
                                    struct http_response *r)
{
    (void)q;
    web_count(context);
    web_text(r, 200, "text/plain", "x");
    http_response_header(r, "X-Name", "a\r\nSet-Cookie: b");
}

static inline void web_who(void *context, const struct http_request *q, struct http_response *r)
{
    web_count(context);
    web_text(r, q->is_stranger ? 401 : 200, "text/html", "%s",
             q->is_stranger ? "a stranger" : q->who);
}

static const struct http_route web_routes[] = {
    {HTTP_GET, "/open", web_hello, ROUTE_NO_BODY, ROUTE_OPEN},
    {HTTP_GET, "/who", web_who, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/welcome", web_who, ROUTE_NO_BODY, ROUTE_REFUSES},
    {HTTP_GET, "/", web_hello, ROUTE_NO_BODY, ROUTE_INLINE},
    {HTTP_GET, "/hello", web_hello, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/page", web_page, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/items/{id}", web_item, ROUTE_NO_BODY, 0},
    {HTTP_DELETE, "/items/{id}", web_item, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/tiles/{id}/{z}/{x}/{y}.png", web_item, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/json", web_echo, ROUTE_JSON_BODY, 0},
    {HTTP_POST, "/binary", web_echo, ROUTE_BINARY_BODY, 0},
    {HTTP_POST, "/none", web_echo, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/file", web_file, ROUTE_FILE_BODY, 0},
    {HTTP_GET, "/bytes", web_bytes, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/descriptor", web_descriptor, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/reader/{size}", web_read_out, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/stream", web_stream, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/gate", web_gate, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/hold", web_gate, ROUTE_NO_BODY, ROUTE_INLINE}, /* holds an HTTP thread */
    {HTTP_GET, "/nothing", web_nothing, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/split-header", web_split_header, ROUTE_NO_BODY, 0},
};

static const struct http_errors web_errors = {.respond = web_respond_error};

/* --- the server --- */

/* What a test may want otherwise; zeros are fine. */
struct web_wishes {
    size_t n_handlers, handler_queue, connections;
    uint64_t upload_bytes, json_bytes, query_points_binary;
    double ping_seconds, head_seconds, body_seconds;
    const char *host;
    struct http_auth auth;
};

static inline struct web *web_start(const struct web_wishes *wishes)
{
    struct web *w = mem_alloc(sizeof *w);
    struct error err = {.status = STATUS_OK};
    assert_non_null(w);
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR + 1);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    const char *base = getenv("TMPDIR");
    snprintf(w->folder, sizeof w->folder, "%.32s/farfield-web-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(config_read(&w->config, 0, NULL, &err), STATUS_OK);
    snprintf(w->config.listen_host, sizeof w->config.listen_host, "%s",
             wishes->host ? wishes->host : "127.0.0.1");
    w->config.listen_port = 0;
    if (wishes->upload_bytes)
        w->config.upload_bytes = wishes->upload_bytes;
    if (wishes->json_bytes)
        w->config.json_bytes = wishes->json_bytes;
    if (wishes->query_points_binary)
        w->config.query_points_binary = wishes->query_points_binary;
    if (wishes->connections)
        w->config.connections = wishes->connections;
    if (wishes->handler_queue)
        w->config.handler_queue = wishes->handler_queue;
    struct http_server_spec spec = {
        .config = &w->config,
        .routes = web_routes,
        .n_routes = sizeof web_routes / sizeof web_routes[0],
        .errors = &web_errors,
        .auth = wishes->auth,
        .context = w,
        .temporary_folder = w->folder,
        .n_handlers = wishes->n_handlers ? wishes->n_handlers : 4,
        .ping_seconds = wishes->ping_seconds,
        .head_seconds = wishes->head_seconds,
        .body_seconds = wishes->body_seconds,
    };
    if (http_server_start(&w->server, &spec, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    w->port = http_server_port(w->server);
    return w;
}

static inline void web_open_gate(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    w->gate_is_open = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static inline int web_files(const struct web *w)
{
    int n = 0;
    DIR *d = opendir(w->folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Stop, check that no upload stays behind, release. */
static inline void web_stop(struct web *w)
{
    web_open_gate(w);
    http_server_stop(w->server, 5);
    if (w->stream)
        http_stream_release(w->stream);
    assert_int_equal(web_files(w), 0);
    assert_int_equal(rmdir(w->folder), 0);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

/* Wait until *value (guarded by the lock) is n. */
static inline void web_wait(struct web *w, const int *value, int n)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&w->lock);
        int now = *value;
        pthread_mutex_unlock(&w->lock);
        if (now == n)
            return;
        usleep(5000);
    }
    fail_msg("waited in vain");
}

static inline struct http_stream *web_take_stream(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->stream)
        pthread_cond_wait(&w->changed, &w->lock);
    struct http_stream *s = w->stream;
    w->stream = NULL;
    pthread_mutex_unlock(&w->lock);
    return s;
}

/* --- the client --- */

static inline int web_connect(const struct web *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(s, (struct sockaddr *)&address, sizeof address), 0);
    return s;
}

/* False if the server has closed. */
static inline bool web_send_bytes(int s, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        ssize_t sent = send(s, (const char *)bytes + i, n - i, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        i += (size_t)sent;
    }
    return true;
}

static inline bool web_send(int s, const char *text)
{
    return web_send_bytes(s, text, strlen(text));
}

struct web_answer {
    unsigned status; /* 0: the connection ended without an answer */
    char head[8192];
    uint8_t *body; /* NUL follows */
    size_t n_body;
    bool is_cut;      /* the body ended before its time */
    char value[1024]; /* of web_header */
};

static inline bool web_read_byte(int s, char *out)
{
    return recv(s, out, 1, 0) == 1;
}

static inline bool web_read_line(int s, char *out, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && web_read_byte(s, out + n))
        if (out[n++] == '\n') {
            out[n] = '\0';
            return true;
        }
    out[n] = '\0';
    return false;
}

static inline bool web_read_body(int s, struct web_answer *a, size_t n)
{
    a->body = realloc(a->body, a->n_body + n + 1);
    while (n > 0) {
        ssize_t got = recv(s, a->body + a->n_body, n, 0);
        if (got <= 0)
            break;
        a->n_body += (size_t)got;
        n -= (size_t)got;
    }
    a->body[a->n_body] = '\0';
    return n == 0;
}

static inline void web_forget(struct web_answer *a)
{
    free(a->body);
    a->body = NULL;
    a->n_body = 0;
}

/* The value of a header of the answer, NULL if absent; valid until the next call. */
static inline const char *web_header(struct web_answer *a, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = strchr(a->head, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
        if (strncasecmp(line + 1, name, n) == 0 && line[1 + n] == ':') {
            const char *start = line + 1 + n + 1 + strspn(line + 1 + n + 1, " ");
            snprintf(a->value, sizeof a->value, "%.*s", (int)strcspn(start, "\r\n"), start);
            return a->value;
        }
    return NULL;
}

/* Read one answer; is_head: none of its body comes. */
static inline struct web_answer web_read_answer(int s, bool is_head)
{
    struct web_answer a = {.status = 0};
    size_t n = 0;
    while (web_read_line(s, a.head + n, sizeof a.head - n)) {
        n += strlen(a.head + n);
        if (n >= 4 && memcmp(a.head + n - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    if (strncmp(a.head, "HTTP/1.1 ", 9) != 0)
        return a;
    a.status = (unsigned)strtoul(a.head + 9, NULL, 10);
    if (is_head || a.status == 204 || a.status == 304 || a.status < 200)
        return a;
    char line[64];
    const char *coding = web_header(&a, "Transfer-Encoding");
    if (coding) {
        size_t size = 1;
        while (size > 0 && web_read_line(s, line, sizeof line)) {
            size = strtoul(line, NULL, 16);
            if (!web_read_body(s, &a, size))
                break;
            if (!web_read_line(s, line, sizeof line))
                break;
        }
        a.is_cut = size != 0;
        return a;
    }
    const char *length = web_header(&a, "Content-Length");
    a.is_cut = length && !web_read_body(s, &a, strtoul(length, NULL, 10));
    return a;
}

static inline bool web_is_at_end(int s)
{
    char byte;
    return recv(s, &byte, 1, 0) <= 0;
}

/* One request on a connection of its own. */
static inline struct web_answer web_ask(const struct web *w, const char *request)
{
    int s = web_connect(w);
    web_send(s, request);
    struct web_answer a = web_read_answer(s, strncmp(request, "HEAD ", 5) == 0);
    close(s);
    return a;
}

/* "GET path" with more header lines, each ended by CR LF. */
static inline struct web_answer web_get(const struct web *w, const char *path, const char *headers)
{
    char request[2048];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, headers);
    return web_ask(w, request);
}

#define assert_answer(a, expected_status, expected_body)                                           \
    do {                                                                                           \
        assert_int_equal((a).status, expected_status);                                             \
        assert_string_equal((a).body ? (const char *)(a).body : "", expected_body);                \
    } while (0)

#endif
