#include "tests/harness/client.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_LENGTH = 512, PIECE = 700 };

struct client {
    CURL *curl;
};

struct client *client_create(void)
{
    struct client *c = malloc(sizeof *c);
    if (!c)
        abort();
    c->curl = curl_easy_init();
    if (!c->curl)
        abort();
    return c;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    free(c);
}

/* --- bodies --- */

static size_t take(char *data, size_t size, size_t n, void *context)
{
    struct bytes *b = context;
    uint8_t *grown = realloc(b->data, b->n + size * n + 1);
    if (!grown)
        return 0;
    memcpy(grown + b->n, data, size * n);
    b->data = grown;
    b->n += size * n;
    b->data[b->n] = '\0';
    return size * n;
}

struct source {
    const uint8_t *data;
    size_t left;
};

/* In small pieces, so that the service sees several. */
static size_t give(char *out, size_t size, size_t n, void *context)
{
    struct source *s = context;
    size_t part = size * n < PIECE ? size * n : PIECE;
    if (part > s->left)
        part = s->left;
    memcpy(out, s->data, part);
    s->data += part;
    s->left -= part;
    return part;
}

static struct curl_slist *headers_of(const struct request *r, enum sending how)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char type[128];
    snprintf(type, sizeof type, "Content-Type: %s", r->content_type ? r->content_type : "");
    list = curl_slist_append(list, r->content_type ? type : "Content-Type:");
    if (how == SEND_CHUNKED)
        list = curl_slist_append(list, "Transfer-Encoding: chunked");
    for (size_t i = 0; i < sizeof r->headers / sizeof *r->headers; i++)
        if (r->headers[i])
            list = curl_slist_append(list, r->headers[i]);
    return list;
}

/* --- requests --- */

static void prepare(CURL *curl, const char *url, struct bytes *body, struct bytes *headers)
{
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L * SLOWNESS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, headers);
}

bool client_send(struct client *c, const struct service *s, const struct request *r,
                 enum sending how, struct answer *out)
{
    struct bytes body = {0}, headers = {0};
    struct source source = {.data = r->body, .left = r->n_body};
    char url[PATH_MAX_LENGTH + 64];
    snprintf(url, sizeof url, "%s%s", s->url, r->path);
    prepare(c->curl, url, &body, &headers);
    if (r->body) {
        curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
        if (how == SEND_WHOLE) {
            curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->n_body);
            curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, r->body);
        } else {
            curl_easy_setopt(c->curl, CURLOPT_READFUNCTION, give);
            curl_easy_setopt(c->curl, CURLOPT_READDATA, &source);
        }
    }
    if (r->method)
        curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, r->method);
    struct curl_slist *list = headers_of(r, how);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, list);
    bool came = curl_easy_perform(c->curl) == CURLE_OK;
    curl_slist_free_all(list);
    if (!came) {
        bytes_free(&body);
        bytes_free(&headers);
        return false;
    }
    *out = (struct answer){.headers = (char *)headers.data, .body = body};
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &out->status);
    return true;
}

bool client_get(struct client *c, const struct service *s, struct answer *out, const char *path,
                ...)
{
    char text[PATH_MAX_LENGTH];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(text, sizeof text, path, arguments);
    va_end(arguments);
    return client_send(c, s, &(struct request){.path = text}, SEND_WHOLE, out);
}

bool client_post(struct client *c, const struct service *s, struct answer *out, const char *json,
                 const char *path, ...)
{
    char text[PATH_MAX_LENGTH];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(text, sizeof text, path, arguments);
    va_end(arguments);
    return client_send(
        c, s,
        &(struct request){
            .path = text, .content_type = "application/json", .body = json, .n_body = strlen(json)},
        SEND_WHOLE, out);
}

bool client_delete(struct client *c, const struct service *s, struct answer *out, const char *path,
                   ...)
{
    char text[PATH_MAX_LENGTH];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(text, sizeof text, path, arguments);
    va_end(arguments);
    return client_send(c, s, &(struct request){.method = "DELETE", .path = text}, SEND_WHOLE, out);
}

size_t client_listen(struct client *c, const struct service *s, double seconds, const char *path,
                     ...)
{
    struct bytes body = {0}, headers = {0};
    char text[PATH_MAX_LENGTH], url[PATH_MAX_LENGTH + 64];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(text, sizeof text, path, arguments);
    va_end(arguments);
    snprintf(url, sizeof url, "%s%s", s->url, text);
    prepare(c->curl, url, &body, &headers);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)(seconds * 1000) + 1);
    curl_easy_perform(c->curl);
    size_t n = body.n;
    bytes_free(&body);
    bytes_free(&headers);
    return n;
}

/* --- JSON --- */

json_t *client_json(const struct answer *a)
{
    return a->body.data ? json_loadb((const char *)a->body.data, a->body.n, 0, NULL) : NULL;
}

const char *json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}
