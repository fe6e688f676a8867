/*
 * Bytes on a socket, as no client library would send them, and all that comes back.
 *
 * Everything here asserts (cmocka).
 */
#ifndef TESTS_HTTP_RAW_H
#define TESTS_HTTP_RAW_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/http/answer.h"
#include "tests/http/service.h"

/* A connection; reads and writes of it fail after a minute. */
int raw_connect(const struct service *s);

/* False if the service has closed. */
bool raw_send(int socket, const void *bytes, size_t n);
bool raw_send_text(int socket, const char *text);

/* What the service said, up to its end or as long as one waited. */
struct said {
    struct bytes bytes; /* a NUL follows; may be empty, and then data is NULL */
    bool is_closed;
};
struct said raw_read(int socket, double seconds);

/* The same on a connection of its own, which is closed then. */
struct said raw_ask(const struct service *s, const void *bytes, size_t n, double seconds);
struct said raw_ask_text(const struct service *s, const char *text, double seconds);
void said_free(struct said *said);

const char *said_text(const struct said *said);

/* How often does a word stand in it?  Responses are counted by "HTTP/1.1 ". */
size_t said_count(const struct said *said, const char *word);

/* Status of the first response, 0 if there is none. */
unsigned said_status(const struct said *said);

/* A header of the first response, "" if there is none; valid until the next call. */
const char *said_header(const struct said *said, const char *name);

/* The body of the only response; it is a problem of the service's own with all its members and
 * nothing of its insides. */
void assert_said_problem(const char *name, const struct said *said, unsigned status);

#endif
