/*
 * What a request that makes jobs is known by when it comes again: its Idempotency-Key, which stands
 * for method, path and body.
 */
#ifndef API_HANDLERS_SUBMISSION_H
#define API_HANDLERS_SUBMISSION_H

#include <stdbool.h>

#include "server/http/http.h"
#include "server/store/store.h"

struct submission {
    struct idempotency key; /* .key NULL: none was sent; request_sha256 points into the next */
    char hash[SHA256_TEXT_SIZE];
};

/* *out stays where it is as long as its key is used. */
bool submission_read_or_reply(const struct http_request *request, struct http_response *response,
                              struct submission *out);

#endif
