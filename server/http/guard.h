/*
 * The guard: what is refused before anything else looks at a request.
 *
 * libmicrohttpd 0.9.75 is lenient where leniency is request smuggling: it takes Content-Length
 * beside Transfer-Encoding, several of either, several Hosts, folded lines, bare line feeds and NUL
 * bytes.  Two readers of such a head may disagree about where the request ends, so it is refused
 * and the connection closed.  So is what a browser says it sends for a page of another site, but
 * for requests that change nothing.
 */
#ifndef SERVER_HTTP_GUARD_H
#define SERVER_HTTP_GUARD_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/http/http.h"

enum { GUARD_MAX_HEADERS = 100 };

/* A request head as the library hands it over in its first callback.  The strings live in the
 * library's buffer until the request is complete. */
struct head {
    struct MHD_Connection *connection;
    const char *method, *version;
    const char
        *target; /* where the target began; its text has since been rewritten by the library */
    size_t target_size; /* up to its first NUL */

    /* Filled in by guard_check. */
    size_t size; /* of the whole head, in bytes */
    size_t n_headers;
    struct http_pair headers[GUARD_MAX_HEADERS];
    bool has_body;           /* a length that is not 0, or chunked */
    bool has_length;         /* framed at all: a length, 0 included, or chunked */
    bool is_chunked;         /* then content_length is not known */
    uint64_t content_length; /* else */
};

/* 0 if the head is sound, and the facts are filled in; else the HTTP status to answer before the
 * connection is closed, with a reason of at most n bytes. */
unsigned guard_check(struct head *h, const struct config *config, char *reason, size_t n);

/* Compare with ASCII letters equal in either case; header names are to be compared so. */
const char *head_find(const struct http_pair *headers, size_t n, const char *name);

#endif
