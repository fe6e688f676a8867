/*
 * Requests that make jobs: what one is known by when it comes again (its Idempotency-Key, which
 * stands for method, path and body), and what follows when its rows have been committed.
 */
#ifndef API_HANDLERS_SUBMISSION_H
#define API_HANDLERS_SUBMISSION_H

#include <stdbool.h>

#include "api/service.h"
#include "server/http/http.h"
#include "server/store/store.h"

struct submission {
    struct idempotency key; /* .key NULL: none was sent; request_sha256 points into the next */
    char hash[SHA256_TEXT_SIZE];
};

/* *out stays where it is as long as its key is used. */
bool submission_read_or_reply(const struct http_request *request, struct http_response *response,
                              struct submission *out);

/* After the insert, with what it said: wake who runs jobs, unless they are an earlier request's.
 * False, with the answer, if it failed; what is not found then was there before: CONFLICT. */
bool submission_settle_or_reply(const struct service *service, const struct http_request *request,
                                struct http_response *response, enum status inserted, bool existed,
                                struct error *err);

#endif
