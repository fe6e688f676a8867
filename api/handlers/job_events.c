/*
 * A job's events as Server-Sent Events: what the store has, then what happens, over one stream.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"

/* What may wait for a slow reader.  It must hold the backlog of a long job: five events a second of
 * 200 bytes are 3.6 MB an hour. */
enum { PENDING_MAX = 64 << 20 };

/* Ids stay exact in every JSON reader: 2^53 - 1. */
static const uint64_t max_id = 9007199254740991;

/* How long a client waits before it comes back, milliseconds. */
static const char retry_hint[] = "retry: 2000\n\n";

static bool write_event(void *context, const void *text, size_t n)
{
    return http_stream_write(context, text, n);
}

static void close_events(void *context)
{
    http_stream_close(context);
}

static void release_events(void *context)
{
    http_stream_release(context);
}

/* Last-Event-ID: 0 if there is none. */
static bool read_last_id_or_reply(const struct http_request *request,
                                  struct http_response *response, uint64_t *out)
{
    const char *text = http_header(request, "Last-Event-ID");
    if (!text || *text == '\0')
        return true;
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && value <= max_id) {
        *out = value;
        return true;
    }
    struct error err = {0};
    error_set(&err, STATUS_INVALID, "", "'Last-Event-ID' must be the id of an event, got '%.40s'",
              text);
    return reply_error(request, response, &err);
}

/* Nothing will ever follow: 204 keeps an EventSource from coming back for ever. */
static enum status is_over(const struct service *service, const struct job_row *row, uint64_t after,
                           bool *out, struct error *err)
{
    struct event_list rest = {0};
    *out = false;
    if (!job_status_is_end(row->status) || after == 0)
        return STATUS_OK;
    enum status st = store_job_events(service->store, row->id, after, 1, &rest, err);
    *out = st == STATUS_OK && rest.n == 0;
    event_list_deinit(&rest);
    return st;
}

/* Start the stream; the response takes one reference, the watcher the other. */
static enum status open_stream(const struct service *service, const char *job_id, uint64_t after,
                               struct http_response *response, struct error *err)
{
    struct http_stream *stream = NULL;
    enum status st = http_stream_create(&stream, PENDING_MAX, err);
    if (st != STATUS_OK)
        return st;
    if (!http_stream_write(stream, retry_hint, sizeof(retry_hint) - 1)) {
        http_stream_release(stream);
        return error_status(err, STATUS_NO_MEMORY);
    }
    http_stream_retain(stream);
    const struct event_watcher watcher = {
        .context = stream,
        .write = write_event,
        .close = close_events,
        .release = release_events,
    };
    st = events_watch(service->events, job_id, after, &watcher, err);
    if (st != STATUS_OK) {
        http_stream_release(stream);
        return st;
    }
    response->body_type = BODY_STREAM;
    response->stream = stream;
    return STATUS_OK;
}

void jobs_events(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct job_row row = {0};
    struct error err = {0};
    uint64_t after = 0;
    bool over = false;
    if (!read_last_id_or_reply(request, response, &after))
        return;
    enum status st = store_job_get(service->store, request->params[0], &row, &err);
    if (st == STATUS_OK)
        st = is_over(service, &row, after, &over, &err);
    if (st == STATUS_OK && !over && !request->head_only)
        st = open_stream(service, row.id, after, response, &err);
    if (st == STATUS_OK && !over)
        snprintf(response->content_type, sizeof(response->content_type), "text/event-stream");
    if (st == STATUS_OK)
        response->status = over ? 204 : 200;
    else
        reply_error(request, response, &err);
    job_row_deinit(&row);
}
