/*
 * Which route serves a method and a path?  Patterns are split once, at creation.
 */
#ifndef SERVER_HTTP_ROUTER_H
#define SERVER_HTTP_ROUTER_H

#include "server/http/http.h"
#include "server/http/target.h"

struct route_match {
    const struct http_route *route; /* NULL: no route of this path has the method */
    unsigned allowed;               /* bits 1 << enum http_method; 0: no route has this path */
    const char *params[HTTP_MAX_PARAMS];
};

/* HEAD is served by the GET route, OPTIONS is allowed wherever anything is.  A parameter with a
 * literal end ("{y}.png") is cut off its segment in place, so a target is matched once. */
struct route_match http_router_find(const struct http_router *r, enum http_method method,
                                    struct target *t);

/* "GET, HEAD, OPTIONS" from the bits; at most HTTP_ALLOW_SIZE bytes with the NUL. */
enum { HTTP_ALLOW_SIZE = 64 };
void http_allow_text(unsigned allowed, char out[HTTP_ALLOW_SIZE]);

/* The method of a name: HTTP_GET, …; or one that is known but served nowhere, or unknown. */
enum { HTTP_METHOD_UNSERVED = 100, HTTP_METHOD_UNKNOWN = 101 };
unsigned http_method_of(const char *name);
const char *http_method_name(enum http_method method);

#endif
