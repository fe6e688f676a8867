/*
 * Requests by libcurl, and what came back.
 *
 * Everything here asserts (cmocka).  What stands in an answer belongs to the answer until
 * answer_free; functions that take an answer by value free it.
 */
#ifndef TESTS_HTTP_ANSWER_H
#define TESTS_HTTP_ANSWER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/http/service.h"

struct bytes {
    uint8_t *data;
    size_t n;
};

struct request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *path;
    const char *content_type; /* NULL: none */
    const void *body;         /* NULL: none */
    size_t n_body;
    const char *headers[4]; /* "Accept: image/png"; unused ones NULL */
    const char *until;      /* hang up once the answer's body has this text; NULL: at its end */
};

struct answer {
    long status;
    char *headers; /* as they came, lines ended by CRLF */
    struct bytes body;
};
void answer_free(struct answer *a);
void bytes_free(struct bytes *b);

/* Append; a NUL that is not counted follows, so that text can be read as it is. */
void bytes_append(struct bytes *b, const void *data, size_t n);

struct answer service_send(const struct service *s, const struct request *request);

/* The same to a service that may not answer.  CUT: the connection ended before the whole answer;
 * what came of it is in the answer, status 0 if nothing did. */
enum sent { SENT_ANSWERED, SENT_CUT, SENT_LATE };
enum sent service_try(const struct service *s, const struct request *request, double seconds,
                      struct answer *answer);

/* The same, with the words of the path by printf. */
struct answer service_get(const struct service *s, const char *path, ...)
    __attribute__((format(printf, 2, 3)));
struct answer service_post_json(const struct service *s, const char *path, const char *json);
struct answer service_delete(const struct service *s, const char *path, ...)
    __attribute__((format(printf, 2, 3)));

/* Read a stream until its text holds `mark` so many times, then hang up; or to its end, if that
 * comes first.  header: "Last-Event-ID: 5", or NULL.  The caller's (bytes_free). */
struct bytes service_read_stream(const struct service *s, const char *path, const char *header,
                                 const char *mark, size_t times);

/* The value of a header ("" if there is none); valid until the next call. */
const char *answer_header(const struct answer *a, const char *name);

/* Check the status and that the body is JSON of the right type; frees the answer.  The caller's. */
json_t *answer_json(struct answer a, long status);

/* Check that it is a problem of this status with all members of the contract; pointer: of its first
 * error, NULL if it does not matter.  Frees the answer. */
void answer_problem(struct answer a, long status, const char *pointer);

/* Check the status alone; frees the answer. */
void answer_status(struct answer a, long status);

/* --- JSON --- */

/* Members by a dotted path, "spec.train.steps"; they must be there and of the type. */
const char *member_text(const json_t *object, const char *path);
double member_number(const json_t *object, const char *path);
int64_t member_integer(const json_t *object, const char *path);
const json_t *member_get(const json_t *object, const char *path);

#endif
