/*
 * Files that are part of the program (the Makefile's %.bin.o rule makes the symbols of their
 * bytes).
 */
#ifndef API_HANDLERS_EMBEDDED_H
#define API_HANDLERS_EMBEDDED_H

#include "server/http/http.h"

struct embedded {
    const char *name;
    const char *media_type;
    const char *start, *end;
};

/* Answer with the file: strong entity tag, no-cache, 304 where the caller has it.  Does not block.
 */
void embedded_reply(const struct http_request *request, struct http_response *response,
                    const struct embedded *file);

/* The file as the body of a refusal: no entity tag, not to be kept. */
void embedded_reply_once(const struct http_request *request, struct http_response *response,
                         unsigned status, const struct embedded *file);

#endif
