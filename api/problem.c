#include "api/problem.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/log.h"

enum { PROBLEM_MAX_BYTES = 64 << 10 };

/* One kind of problem.  Words that are ours alone (paths, SQL, addresses) stay in the log. */
struct kind {
    unsigned http;
    unsigned retry_after; /* seconds; 0: no such header */
    const char *type;     /* below /problems/ */
    const char *title;
    bool is_hidden;
};

/* enum status -> HTTP. */
static const struct kind by_status[] = {
    [STATUS_OK] = {500, 0, "internal", "Internal error", true},
    [STATUS_INVALID] = {422, 0, "invalid", "The request is not valid", false},
    [STATUS_NOT_FOUND] = {404, 0, "not_found", "Not found", false},
    [STATUS_CONFLICT] = {409, 0, "conflict", "The state does not allow this", false},
    [STATUS_TOO_LARGE] = {413, 0, "too_large", "Over a limit", false},
    [STATUS_UNSUPPORTED] = {422, 0, "unsupported", "Not supported", false},
    [STATUS_CANCELED] = {503, 1, "unavailable", "The service is stopping", false},
    [STATUS_DIVERGED] = {500, 0, "internal", "Internal error", true},
    [STATUS_BUSY] = {429, 5, "busy", "The service is busy", false},
    [STATUS_NO_MEMORY] = {503, 5, "unavailable", "Out of memory", true},
    [STATUS_NO_SPACE] = {507, 0, "no_space", "No space is left", false},
    [STATUS_IO] = {500, 0, "internal", "Internal error", true},
    [STATUS_INTERNAL] = {500, 0, "internal", "Internal error", true},
};

/* Problems that only HTTP knows. */
static const struct kind by_http[] = {
    {400, 0, "syntax", "The request cannot be read", false},
    {401, 0, "unauthorized", "A token is needed", false},
    {403, 0, "forbidden", "Not allowed", false},
    {404, 0, "not_found", "Not found", false},
    {405, 0, "method_not_allowed", "The method is not allowed here", false},
    {406, 0, "not_acceptable", "None of the accepted types can be given", false},
    {408, 0, "timeout", "The request came too slowly", false},
    {409, 0, "conflict", "The state does not allow this", false},
    {411, 0, "length_required", "The length of the body is needed", false},
    {413, 0, "too_large", "Over a limit", false},
    {414, 0, "target_too_long", "The request line is too long", false},
    {415, 0, "media_type", "The type of the body is not understood", false},
    {416, 0, "range", "The range cannot be satisfied", false},
    {417, 0, "expectation", "The expectation cannot be met", false},
    {422, 0, "invalid", "The request is not valid", false},
    {429, 5, "busy", "The service is busy", false},
    {431, 0, "head_too_large", "The request head is too large", false},
    {500, 0, "internal", "Internal error", true},
    {501, 0, "not_implemented", "Not implemented", false},
    {503, 5, "unavailable", "The service is not available", false},
    {507, 0, "no_space", "No space is left", false},
};

static const struct kind *kind_of_http(unsigned http)
{
    for (size_t i = 0; i < sizeof by_http / sizeof *by_http; i++)
        if (by_http[i].http == http)
            return &by_http[i];
    return &by_status[STATUS_INTERNAL];
}

unsigned problem_http_status(enum status status)
{
    return by_status[status].http;
}

/* --- lists --- */

enum status problem_add(struct problem_list *list, enum status status, const char *pointer,
                        const char *format, ...)
{
    if (list->status == STATUS_OK)
        list->status = status;
    if (list->n == PROBLEM_MAX_ITEMS)
        return status;
    size_t i = list->n++;
    snprintf(list->item[i].pointer, sizeof list->item[i].pointer, "%s", pointer);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(list->item[i].detail, sizeof list->item[i].detail, format, arguments);
    va_end(arguments);
    return status;
}

enum status problem_add_error(struct problem_list *list, const char *prefix,
                              const struct error *err)
{
    char pointer[sizeof list->item[0].pointer];
    snprintf(pointer, sizeof pointer, "%s%.60s", prefix, err->where);
    return problem_add(list, err->status, pointer, "%s", err->message);
}

enum status problem_no_memory(struct problem_list *list)
{
    return problem_add(list, STATUS_NO_MEMORY, "", "out of memory");
}

/* --- responses --- */

/* Text that may hold a client's bytes, cut anywhere: a torn last character is dropped, other bytes
 * that are not UTF-8 become '?'. */
static json_t *text_value(const char *text)
{
    char copy[512];
    size_t n = strnlen(text, sizeof copy - 1);
    memcpy(copy, text, n);
    for (size_t cut = 0; cut < 4 && cut <= n; cut++) {
        json_t *value = json_stringn(copy, n - cut);
        if (value)
            return value;
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)copy[i] >= 0x80)
            copy[i] = '?';
    return json_stringn(copy, n);
}

static json_t *list_value(const struct problem_list *list)
{
    json_t *errors = json_array();
    for (size_t i = 0; errors && i < list->n; i++) {
        json_t *item = json_pack("{s:o, s:o}", "pointer", text_value(list->item[i].pointer),
                                 "detail", text_value(list->item[i].detail));
        if (json_array_append_new(errors, item) != 0) {
            json_decref(errors);
            return NULL;
        }
    }
    return errors;
}

/* errors: taken, or NULL. */
static void respond(const struct http_request *request, const struct kind *kind, unsigned http,
                    const char *detail, json_t *errors, struct http_response *response)
{
    struct buffer body;
    buffer_init(&body, PROBLEM_MAX_BYTES);
    char type[64];
    snprintf(type, sizeof type, "/problems/%s", kind->type);
    json_t *problem =
        json_pack("{s:s, s:s, s:i, s:o, s:o, s:s}", "type", type, "title", kind->title, "status",
                  (int)http, "detail", text_value(detail), "instance",
                  text_value(request->path ? request->path : ""), "request_id", request->id);
    if (problem && errors && json_object_set(problem, "errors", errors) != 0) {
        json_decref(problem);
        problem = NULL;
    }
    json_decref(errors);
    response->status = http;
    if (kind->retry_after > 0)
        http_response_header(response, "Retry-After", "%u", kind->retry_after);
    char *text = problem ? json_dumps(problem, JSON_COMPACT) : NULL;
    json_decref(problem);
    if (!text)
        return; /* out of memory: the status must say it */
    if (buffer_append(&body, text, strlen(text), NULL) == STATUS_OK)
        http_response_take(response, http, "application/problem+json", &body);
    buffer_deinit(&body);
    free(text);
}

static void log_hidden(const struct http_request *request, const struct kind *kind,
                       const char *name, const char *message)
{
    if (kind->is_hidden)
        log_event(LOG_ERROR, "request failed", LOG_TEXT("request", request->id),
                  LOG_TEXT("status", name), LOG_TEXT("detail", message), LOG_END);
}

void problem_respond(const struct http_request *request, const struct error *err,
                     struct http_response *response)
{
    const struct kind *kind = &by_status[err->status];
    log_hidden(request, kind, status_name(err->status), err->message);
    json_t *errors = NULL;
    if (err->where[0] && !kind->is_hidden) {
        struct problem_list list = {0};
        problem_add_error(&list, "", err);
        errors = list_value(&list);
    }
    respond(request, kind, kind->http, kind->is_hidden ? kind->title : err->message, errors,
            response);
}

void problem_respond_list(const struct http_request *request, const struct problem_list *list,
                          struct http_response *response)
{
    const struct kind *kind =
        list->is_syntax ? kind_of_http(400) : &by_status[list->n ? list->status : STATUS_INTERNAL];
    const char *detail = list->n ? list->item[0].detail : "an empty list of problems";
    log_hidden(request, kind, status_name(list->status), detail);
    char several[300];
    if (list->n > 1) {
        snprintf(several, sizeof several, "%s (and %zu more)", detail, list->n - 1);
        detail = several;
    }
    /* A body that cannot be read may have no place to tell. */
    bool has_places = !kind->is_hidden && (!list->is_syntax || list->item[0].pointer[0]);
    respond(request, kind, kind->http, kind->is_hidden ? kind->title : detail,
            has_places ? list_value(list) : NULL, response);
}

void problem_respond_status(const struct http_request *request, unsigned status, const char *detail,
                            struct http_response *response)
{
    const struct kind *kind = kind_of_http(status);
    respond(request, kind, status, detail && !kind->is_hidden ? detail : kind->title, NULL,
            response);
}

const struct http_errors problem_errors = {.respond = problem_respond_status};
