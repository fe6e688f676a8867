/*
 * What handlers of three-dimensional fields share.
 */
#ifndef API_HANDLERS_SPACE_H
#define API_HANDLERS_SPACE_H

#include <stdbool.h>

#include "api/codec/codec_query.h"
#include "api/codec/codec_spec.h"
#include "server/http/http.h"

/* Answers 422 (unsupported) for a field of fewer dimensions than three. */
bool space_or_reply(const struct http_request *request, struct http_response *response,
                    const struct spec_facts *data);

/* The point at these unit coordinates, in the frame that is asked for: float32, rounded once. */
void space_put_point(enum query_frame frame, const double source_from_unit[3][4],
                     const double unit[3], float coords[3]);

#endif
