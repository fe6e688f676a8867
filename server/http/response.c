#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "server/http/guard.h"
#include "server/http/http.h"

const char *http_header(const struct http_request *r, const char *name)
{
    return head_find(r->headers, r->n_headers, name);
}

const char *http_query(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_query; i++)
        if (strcmp(r->query[i].name, name) == 0)
            return r->query[i].value;
    return NULL;
}

bool http_peer_is_gone(const struct http_request *r)
{
    char byte;
    return r->socket >= 0 && recv(r->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void http_response_header(struct http_response *r, const char *name, const char *format, ...)
{
    enum { MAX = sizeof r->headers / sizeof r->headers[0] };
    assert(r->n_headers < MAX && strlen(name) < sizeof r->headers[0].name);
    snprintf(r->headers[r->n_headers].name, sizeof r->headers[0].name, "%s", name);
    va_list arguments;
    va_start(arguments, format);
    int n =
        vsnprintf(r->headers[r->n_headers].value, sizeof r->headers[0].value, format, arguments);
    va_end(arguments);
    assert(n >= 0 && (size_t)n < sizeof r->headers[0].value);
    r->n_headers++;
}

void http_response_take(struct http_response *r, unsigned status, const char *content_type,
                        struct buffer *b)
{
    assert(strlen(content_type) < sizeof r->content_type);
    r->status = status;
    snprintf(r->content_type, sizeof r->content_type, "%s", content_type);
    r->body_type = BODY_BYTES;
    r->bytes = buffer_take(b, &r->n_bytes);
}

/* The quoted part of an entity tag. */
static const char *opaque(const char *tag)
{
    return strncmp(tag, "W/", 2) == 0 ? tag + 2 : tag;
}

/* Does a list of entity tags ("a", W/"b"; or * alone) hold this quoted one? */
static bool list_has(const char *list, const char *quoted)
{
    size_t n = strlen(quoted);
    list += strspn(list, " \t");
    if (*list == '*')
        return list[1 + strspn(list + 1, " \t")] == '\0';
    for (;;) {
        list += strspn(list, ", \t");
        list = opaque(list);
        const char *end = *list == '"' ? strchr(list + 1, '"') : NULL;
        if (!end)
            return false; /* the end, or not a list of tags */
        end++;
        if ((size_t)(end - list) == n && memcmp(list, quoted, n) == 0)
            return true;
        list = end;
    }
}

bool http_etag_matches(const struct http_request *r, const char *etag)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, "If-None-Match") == 0 &&
            list_has(r->headers[i].value, opaque(etag)))
            return true;
    return false;
}
