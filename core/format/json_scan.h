/*
 * A strict cursor over JSON, for the headers of files and the poses of views: nothing is kept as a
 * tree.  Source: RFC 8259.  Why not a library: docs/decisions/0003-safetensors-header-parser.md,
 * 0017-transforms-json.md.
 *
 * Life cycle: json_scan_start, then json_scan_* in the order of the text; after a failure the
 * cursor is of no more use.
 */
#ifndef CORE_FORMAT_JSON_SCAN_H
#define CORE_FORMAT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buffer.h"

struct json_scan {
    const char *at;
    const char *end;
    const char *what; /* begins every message: "the header is broken" */
    struct error *err;
};

/* text, what and err are borrowed. */
struct json_scan json_scan_start(const char *text, size_t n_bytes, const char *what,
                                 struct error *err);

/* INVALID with a message about what is wrong at the cursor. */
enum status json_scan_broken(const struct json_scan *s, const char *why);

/* Step over blanks and one of { } [ ] , : if that is what comes next. */
bool json_scan_take(struct json_scan *s, char mark) WARN_UNUSED;

/* The same where nothing else may stand.  INVALID. */
enum status json_scan_expect(struct json_scan *s, char mark) WARN_UNUSED;

/* Step through an object or array whose opening bracket was taken, up to close ('}' or ']'): *more
 * says whether another member or element comes next, its comma taken.  *is_first: true before the
 * first call.  INVALID. */
enum status json_scan_more(struct json_scan *s, char close, bool *is_first, bool *more) WARN_UNUSED;

/* A string, its escapes resolved, in UTF-8; *out is the caller's (mem_free).  U+0000 cannot be held
 * and is INVALID, as are wrong UTF-8 and lone surrogates.  NO_MEMORY. */
enum status json_scan_string(struct json_scan *s, char **out) WARN_UNUSED;

/* A whole number, not negative, without fraction or exponent, that fits in size_t. */
enum status json_scan_size(struct json_scan *s, size_t *out) WARN_UNUSED;

/* A number of JSON's grammar, finite as a double, of at most 511 characters. */
enum status json_scan_number(struct json_scan *s, double *out) WARN_UNUSED;

/* true or false. */
enum status json_scan_flag(struct json_scan *s, bool *out) WARN_UNUSED;

/* Step over a value of any kind, which must be right in itself.  INVALID, also where it is nested
 * deeper than LIMIT_JSON_DEPTH; NO_MEMORY. */
enum status json_scan_skip(struct json_scan *s) WARN_UNUSED;

/* Nothing but blanks is left.  INVALID. */
enum status json_scan_end(struct json_scan *s) WARN_UNUSED;

/* Append text as a JSON string with its quotes.  INVALID if it is not UTF-8. */
enum status json_append_string(const char *text, struct buffer *out, struct error *err) WARN_UNUSED;

#endif
