/*
 * Status codes and errors, the same for every storey of the house.
 *
 * A function that can fail returns enum status and takes struct error * as its last argument.
 * Results come through out parameters, which stay untouched on failure.  The first error wins:
 * whoever passes an error on leaves it as it is.  err may be NULL where the caller does not want
 * the words.
 */
#ifndef CORE_BASE_STATUS_H
#define CORE_BASE_STATUS_H

#include <stdarg.h>

/* One row: enumerator, name on the wire (problem `type`, logs), default text.
 * The order is that of the enumerators; api/problem.c alone maps them to HTTP. */
#define STATUS_MAP(X)                                                                              \
    X(STATUS_OK, "ok", "success")                                                                  \
    X(STATUS_INVALID, "invalid", "the input is not valid")                                         \
    X(STATUS_NOT_FOUND, "not_found", "there is no such thing")                                     \
    X(STATUS_CONFLICT, "conflict", "the thing is in a state that does not allow this")             \
    X(STATUS_TOO_LARGE, "too_large", "the input is over a limit")                                  \
    X(STATUS_UNSUPPORTED, "unsupported", "this is not supported")                                  \
    X(STATUS_CANCELED, "canceled", "the work was canceled")                                        \
    X(STATUS_DIVERGED, "diverged", "the training diverged")                                        \
    X(STATUS_BUSY, "busy", "the service is busy")                                                  \
    X(STATUS_NO_MEMORY, "no_memory", "out of memory")                                              \
    X(STATUS_NO_SPACE, "no_space", "no space is left on the data folder's disk")                   \
    X(STATUS_IO, "io", "input or output failed")                                                   \
    X(STATUS_INTERNAL, "internal", "internal error")

enum status {
#define STATUS_ENUMERATOR(code, name, text) code,
    STATUS_MAP(STATUS_ENUMERATOR)
#undef STATUS_ENUMERATOR
};

/* where: a JSON pointer into the caller's input ("/field/encoding/sigma"), or "" where there is
 * none. message: lower case, what failed first, the subject in quotes, no full stop. */
struct error {
    enum status status;
    char where[96];
    char message[256];
};

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* "invalid", "not_found", …: never NULL. */
const char *status_name(enum status status);

/* The default text of a status: never NULL. */
const char *status_text(enum status status);

/* Fill *err (if it is not NULL and holds no error yet) and return status, so that one line both
 * describes and returns:  return error_set(err, STATUS_INVALID, "/width", "'width' must be …, got
 * %zu", w); */
enum status error_set(struct error *err, enum status status, const char *where, const char *format,
                      ...) PRINTF_LIKE(4, 5);

/* error_set with the default text and no place. */
enum status error_status(struct error *err, enum status status);

/* Make *err hold no error. */
void error_clear(struct error *err);

#endif
