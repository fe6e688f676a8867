/*
 * Evaluate a field at the points of a request: the one way from coordinates to values, whatever
 * endpoint or format they came by.
 *
 * A point is float32 in the frame that was asked for.  It becomes unit coordinates by the domain's
 * one conversion (core/field/domain.h), so the same point has the same bits everywhere.
 */
#ifndef API_HANDLERS_EVALUATION_H
#define API_HANDLERS_EVALUATION_H

#include <stdbool.h>
#include <stddef.h>

#include "api/codec/codec_query.h"
#include "api/service.h"
#include "core/base/status.h"

/* Write coordinates [n, D], in the request's frame, of points first … first + n - 1.  Called on any
 * thread, for disjoint ranges. */
typedef void (*evaluation_points)(const void *context, size_t first, size_t n, float *coords);

struct evaluation {
    const struct field *field;
    enum query_frame frame;
    unsigned outputs; /* of enum query_output */
    size_t n_points;
    evaluation_points points;
    const void *context;

    /* Results, owned; NULL where not asked for.  The gradient is with respect to the frame. */
    float *values;   /* [n_points, C] */
    float *gradient; /* [n_points, C, D] */
};

/* INVALID, with both figures, if it would take longer than a request may; NO_MEMORY; CANCELED when
 * the request's client is gone or the service stops. */
enum status evaluation_run(struct evaluation *e, const struct service *service,
                           const struct http_request *request, struct error *err) WARN_UNUSED;
void evaluation_deinit(struct evaluation *e);

/* Points of a list of coordinates [n_points, D]. */
struct evaluation_list {
    const float *coords;
    size_t n_dims;
};
void evaluation_list_points(const void *context, size_t first, size_t n, float *coords);

/* Borrow the field of a request's {id} until field_cache_release, or answer 404, or 409 before its
 * first snapshot. */
bool evaluation_field_or_reply(const struct service *service, const struct http_request *request,
                               struct http_response *response, const struct field_entry **out);

#endif
