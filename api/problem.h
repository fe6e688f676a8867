/*
 * Problems: errors as the outside sees them, application/problem+json (RFC 9457).
 *
 *   {"type": "/problems/invalid", "title", "status", "detail", "instance", "request_id",
 *    "errors": [{"pointer": "/train/steps", "detail": "…"}]}     errors: where there are places
 *
 * One table maps enum status to HTTP, here and nowhere else.  Words of STATUS_IO, _INTERNAL and
 * _NO_MEMORY go to the log with the request's id, never to the client.  Threads: all functions may
 * be called from any thread; a list belongs to one.
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "server/http/http.h"

/* What is wrong with one request: several places at once.  Starts as {0}.  Codecs add to it and
 * return its status, so a caller does:
 *
 *   struct problem_list problems = {0};
 *   if (codec_…(…, &problems) != STATUS_OK)
 *       return problem_respond_list(request, &problems, response);
 */
enum { PROBLEM_MAX_ITEMS = 16 };

struct problem_list {
    enum status status; /* of the first; STATUS_OK: the list is empty */
    bool is_syntax;     /* the body could not be read at all: 400 */
    size_t n;           /* items kept: at most PROBLEM_MAX_ITEMS, later ones are dropped */
    struct {
        char pointer[96];
        char detail[256];
    } item[PROBLEM_MAX_ITEMS];
};

/* Add one and return its status. */
enum status problem_add(struct problem_list *list, enum status status, const char *pointer,
                        const char *format, ...) PRINTF_LIKE(4, 5);

/* Add what a function of a lower storey said; prefix goes before its place ("/field" + "/network").
 */
enum status problem_add_error(struct problem_list *list, const char *prefix,
                              const struct error *err);

/* "out of memory", of the whole. */
enum status problem_no_memory(struct problem_list *list);

/* Fill in the response.  429 and 503 carry Retry-After.  An error of STATUS_OK is answered as an
 * internal one. */
void problem_respond(const struct http_request *request, const struct error *err,
                     struct http_response *response);
void problem_respond_list(const struct http_request *request, const struct problem_list *list,
                          struct http_response *response);

/* A problem known by its HTTP status alone: 406, 415, 416, …  detail: in words, or NULL. */
void problem_respond_status(const struct http_request *request, unsigned status, const char *detail,
                            struct http_response *response);

/* For server/http: errors that no handler saw. */
extern const struct http_errors problem_errors;

/* The HTTP status of an enum status. */
unsigned problem_http_status(enum status status);

#endif
