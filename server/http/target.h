/*
 * A request target, from its raw bytes: "/v1/fields/fld_x/value?x=0.5&y=0.5" becomes segments and
 * query arguments.  Splitting comes before decoding, so an encoded slash cannot make a segment.
 */
#ifndef SERVER_HTTP_TARGET_H
#define SERVER_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "server/http/http.h"

enum { TARGET_MAX_SEGMENTS = 16 };

/* Segments, names and values are strings inside one allocation that the target owns. */
struct target {
    char *storage;
    const char *path;  /* decoded, "/v1/fields/fld_x/value"; "*" for the asterisk form */
    bool is_asterisk;  /* "OPTIONS *" */
    size_t n_segments; /* TARGET_MAX_SEGMENTS + 1 where there are more: no route is that deep */
    char *segments[TARGET_MAX_SEGMENTS];
    size_t n_query;
    struct http_pair query[HTTP_MAX_QUERY];
};

/*
 * Parse n bytes.  An absolute form ("http://host/path") loses its scheme and authority.  INVALID
 * for other forms, bad percent-encoding, bytes that do not belong in a target, "." and ".."
 * segments, an encoded slash, control characters in the path, NUL anywhere, what decodes to bad
 * UTF-8, and more than HTTP_MAX_QUERY arguments.
 */
enum status target_parse(struct target *out, const char *raw, size_t n,
                         struct error *err) WARN_UNUSED;

/* Release what it owns; a target of zeros is fine. */
void target_deinit(struct target *t);

#endif
