/*
 * Credentials: what a request's Authorization header says (RFC 9110 section 11.6.2, RFC 6750
 * section 2.1).  A token comes in this header and nowhere else: not in the target, where logs and
 * histories keep it, and not in a cookie, which a browser would send on behalf of other pages.
 */
#ifndef SERVER_HTTP_CREDENTIALS_H
#define SERVER_HTTP_CREDENTIALS_H

#include <stddef.h>

#include "server/http/http.h"

enum credentials {
    CREDENTIALS_NONE,    /* there is no such header */
    CREDENTIALS_SEVERAL, /* more than one: two readers might pick different ones */
    CREDENTIALS_OTHER,   /* not "Bearer", in any case of its letters, and one token68 */
    CREDENTIALS_BEARER,
};

/* token: inside the header, n_token bytes; only of BEARER. */
enum credentials credentials_read(const struct http_pair *headers, size_t n, const char **token,
                                  size_t *n_token);

#endif
