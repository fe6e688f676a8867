/*
 * What is known about a field without opening it: its content's hash, its data's size.
 *
 * Reading rows only, so that a conditional request is answered before weights are loaded or
 * anything is computed.
 */
#ifndef API_HANDLERS_FIELD_FACTS_H
#define API_HANDLERS_FIELD_FACTS_H

#include <stdbool.h>

#include "api/codec/codec_spec.h"
#include "api/service.h"

struct field_facts {
    enum field_state state;
    char weights_sha256[SHA256_TEXT_SIZE]; /* of the weights, also of a snapshot */
    struct spec_facts data;                /* width, height, channels of what it was trained on */
};

/* Of a request's {id}; answers 404, or 409 for a field without a snapshot. */
bool field_facts_or_reply(const struct service *service, const struct http_request *request,
                          struct http_response *response, struct field_facts *out);

#endif
