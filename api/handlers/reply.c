#include "api/handlers/reply.h"

#include <stdio.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_dataset.h"
#include "api/codec/codec_json.h"
#include "server/log.h"

enum {
    JSON_MAX = 256 << 20, /* answers are bounded by what they list; this bounds mistakes */
    HEADER_MAX = 500,     /* struct http_response's values hold 512 */
};

bool reply_error(const struct http_request *request, struct http_response *response,
                 const struct error *err)
{
    problem_respond(request, err, response);
    return false;
}

bool reply_problems(const struct http_request *request, struct http_response *response,
                    const struct problem_list *problems)
{
    problem_respond_list(request, problems, response);
    return false;
}

bool reply_parse_object(const struct http_request *request, struct http_response *response,
                        size_t max_depth, json_t **out)
{
    struct problem_list problems = {0};
    if (codec_json_parse_object(request->body, request->body_size, max_depth, out, &problems) ==
        STATUS_OK)
        return true;
    return reply_problems(request, response, &problems);
}

void reply_json(const struct http_request *request, struct http_response *response, unsigned status,
                json_t *body)
{
    struct error err = {0};
    struct buffer text;
    buffer_init(&text, JSON_MAX);
    if (codec_json_append(body, &text, &err) == STATUS_OK)
        http_response_take(response, status, "application/json", &text);
    else
        problem_respond(request, &err, response);
    buffer_deinit(&text);
    json_decref(body);
}

void reply_stored(const struct http_request *request, struct http_response *response,
                  unsigned status, json_t *body, const char *folder, const char *id)
{
    struct error err = {0};
    struct buffer text;
    buffer_init(&text, JSON_MAX);
    response->is_done = true;
    if (codec_json_append(body, &text, &err) == STATUS_OK) {
        http_response_take(response, status, "application/json", &text);
        http_response_header(response, "Location", "%s/%s", folder, id);
    } else {
        log_event(LOG_ERROR, "answer lost", LOG_TEXT("request", request->id),
                  LOG_TEXT("stored", id), LOG_TEXT("detail", err.message), LOG_END);
    }
    buffer_deinit(&text);
    json_decref(body);
}

void reply_deleted(struct http_response *response)
{
    response->status = 204;
    response->is_done = true;
}

void reply_text_tagged(const struct http_request *request, struct http_response *response,
                       const char *media_type, struct buffer *text)
{
    char hash[SHA256_TEXT_SIZE], etag[ETAG_SIZE];
    sha256_text(text->data, text->size, hash);
    snprintf(etag, sizeof(etag), "W/\"%.32s\"", hash);
    if (reply_not_modified(request, response, etag, CACHE_REVALIDATE, text->size))
        return;
    http_response_take(response, 200, media_type, text);
    reply_tag(response, etag, CACHE_REVALIDATE);
}

void reply_json_tagged(const struct http_request *request, struct http_response *response,
                       json_t *body)
{
    struct error err = {0};
    struct buffer text;
    buffer_init(&text, JSON_MAX);
    if (codec_json_append(body, &text, &err) == STATUS_OK)
        reply_text_tagged(request, response, "application/json", &text);
    else
        problem_respond(request, &err, response);
    buffer_deinit(&text);
    json_decref(body);
}

/* --- lists --- */

/* Percent-encode all but unreserved characters (RFC 3986).  False if it does not fit. */
static bool append_encoded(char *out, size_t size, size_t *used, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (*used + 4 > size)
            return false;
        unsigned char c = (unsigned char)*text;
        if (strchr(unreserved, c)) {
            out[(*used)++] = (char)c;
        } else {
            out[(*used)++] = '%';
            out[(*used)++] = hex[c >> 4];
            out[(*used)++] = hex[c & 15];
        }
    }
    out[*used] = '\0';
    return true;
}

static bool append_argument(char *out, size_t size, size_t *used, const char *name,
                            const char *value)
{
    if (*used + 2 > size)
        return false;
    out[*used] = *used == 0 ? '?' : '&';
    (*used)++;
    if (!append_encoded(out, size, used, name) || *used + 2 > size)
        return false;
    out[(*used)++] = '=';
    return append_encoded(out, size, used, value);
}

/* The same request with another cursor.  A filter so long that the header cannot hold it goes
 * without the link: next_cursor in the body says the same. */
static void add_next_link(const struct http_request *request, struct http_response *response,
                          const char *next_cursor)
{
    char arguments[HEADER_MAX - 128];
    size_t used = 0;
    for (size_t i = 0; i < request->n_query; i++) {
        const struct http_pair *pair = &request->query[i];
        if (strcmp(pair->name, "cursor") != 0 &&
            !append_argument(arguments, sizeof(arguments), &used, pair->name, pair->value))
            return;
    }
    if (append_argument(arguments, sizeof(arguments), &used, "cursor", next_cursor))
        http_response_header(response, "Link", "<%s%s>; rel=\"next\"", request->path, arguments);
}

void reply_add_item(json_t **items, json_t *item)
{
    if (json_array_append_new(*items, item) == 0)
        return;
    json_decref(*items);
    *items = NULL;
}

bool reply_read_page(const struct http_request *request, struct http_response *response,
                     struct page *out)
{
    static const char *const known[] = {"limit", "cursor", "q", NULL};
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_page(request, out, &problems);
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

void reply_list(const struct http_request *request, struct http_response *response, json_t *items,
                const char *next_cursor)
{
    reply_json(request, response, 200, codec_list(items, next_cursor));
    if (response->status == 200 && *next_cursor)
        add_next_link(request, response, next_cursor);
}

/* --- entity tags --- */

void reply_tag(struct http_response *response, const char *etag, enum reply_cache cache)
{
    http_response_header(response, "ETag", "%s", etag);
    http_response_header(response, "Cache-Control", "%s",
                         cache == CACHE_IMMUTABLE ? "private, max-age=31536000, immutable"
                                                  : "no-cache");
}

bool reply_not_modified(const struct http_request *request, struct http_response *response,
                        const char *etag, enum reply_cache cache, uint64_t size)
{
    if (!http_etag_matches(request, etag))
        return false;
    response->status = 304;
    response->body_type = BODY_NONE;
    response->size = size;
    reply_tag(response, etag, cache);
    return true;
}

void reply_make_etag(char out[ETAG_SIZE], const char *content_sha256, unsigned version,
                     const char *parameters)
{
    char text[1024], hash[SHA256_TEXT_SIZE];
    int n = snprintf(text, sizeof(text), "%u %s %s", version, content_sha256, parameters);
    sha256_text(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, hash);
    snprintf(out, ETAG_SIZE, "\"%s\"", hash);
}

/* --- files --- */

void reply_attachment(struct http_response *response, const char *name, const char *fallback)
{
    bool is_plain = *name != '\0';
    for (const char *c = name; *c; c++)
        is_plain = is_plain && *c >= ' ' && *c <= '~' && !strchr("\"\\/%", *c);

    char encoded[HEADER_MAX - 64];
    size_t used = 0;
    if (is_plain)
        http_response_header(response, "Content-Disposition", "attachment; filename=\"%s\"", name);
    else if (*name && append_encoded(encoded, sizeof(encoded), &used, name))
        http_response_header(response, "Content-Disposition",
                             "attachment; filename=\"%s\"; filename*=UTF-8''%s", fallback, encoded);
    else
        http_response_header(response, "Content-Disposition", "attachment; filename=\"%s\"",
                             fallback);
}
