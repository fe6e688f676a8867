/*
 * Evaluate a field at the points of a request: the one way from coordinates to values, whatever
 * endpoint or format they came by.
 *
 * A point is float32 in the frame that was asked for.  It becomes unit coordinates by the domain's
 * one conversion (core/field/domain.h), so the same point has the same bits everywhere.  Values
 * that are lengths (signed distances) are in the units of that frame, too.
 */
#ifndef API_HANDLERS_EVALUATION_H
#define API_HANDLERS_EVALUATION_H

#include <stdbool.h>
#include <stddef.h>

#include "api/codec/codec_query.h"
#include "api/service.h"
#include "core/base/stop.h"

/* Write coordinates [n, D], in the request's frame, of points first … first + n - 1.  Called on any
 * thread, for disjoint ranges. */
typedef void (*evaluation_points)(const void *context, size_t first, size_t n, float *coords);

/* Take what `use` gives at these points; gone afterwards.  Called likewise. */
typedef void (*evaluation_take)(void *context, size_t first, size_t n,
                                const struct field_outputs *out);

struct evaluation {
    const struct field_entry *entry;
    enum query_frame frame; /* of the points */
    enum field_use use;
    enum query_frame derivative_frame; /* what derivatives are with respect to */
    bool for_bytes; /* values become eight bits, and may be a little off (server/fields/draft.h) */
    size_t n_points;
    evaluation_points points;
    evaluation_take take;
    void *context; /* of both */
};

/* INVALID, with both figures, if it would take longer than a request may: asked before there is
 * room made for its results. */
enum status evaluation_check(const struct evaluation *e, const struct service *service,
                             struct error *err) WARN_UNUSED;

/* The same, and then a place among the requests that take long, for which some handlers are left
 * over: BUSY where there is none.  evaluation_end whatever comes of it; once for each request. */
enum status evaluation_begin(const struct evaluation *e, const struct service *service,
                             bool *has_place, struct error *err) WARN_UNUSED;
/* The place alone, for what is known to take long. */
enum status evaluation_take_place(const struct service *service, bool *has_place,
                                  struct error *err) WARN_UNUSED;
void evaluation_end(const struct service *service, bool has_place);

/* Work outside of the compute pool whose cost is known before, as that of matrices in double. */
struct evaluation_cost {
    double multiply_adds, bytes; /* that it does and holds, about */
    const char *where;           /* the member that asks for so much */
};

/* Places for it: none where it is done in some tenths of a second and holds little, else one, and
 * one for each 128 MiB: they are given back when nothing of it is held any more, the answer's
 * values included.  BUSY; INVALID, with both figures, if it would take longer than a request may.
 */
enum status evaluation_take_places(const struct service *service,
                                   const struct evaluation_cost *cost, size_t *n_places,
                                   struct error *err) WARN_UNUSED;
void evaluation_give_places(const struct service *service, size_t n_places);

/* It is to stop when the request's client is gone or the service stops.  watch is borrowed. */
struct evaluation_watch {
    const struct service *service;
    const struct http_request *request;
};
struct stop evaluation_stop(const struct evaluation_watch *watch);

/* INVALID, with both figures, if the answer would hold more numbers than `most` (limits.h): fields
 * of posed views give up to tens of them at a point. */
enum status evaluation_check_numbers(const struct evaluation *e, double numbers_of_point,
                                     double most, struct error *err) WARN_UNUSED;

/* NO_MEMORY; CANCELED when the request's client is gone or the service stops: some points may have
 * been taken then. */
enum status evaluation_run(const struct evaluation *e, const struct service *service,
                           const struct http_request *request, struct error *err) WARN_UNUSED;

/* Borrow the field of a request's {id} until field_cache_release, or answer 404, or 409 before its
 * first snapshot. */
bool evaluation_field_or_reply(const struct service *service, const struct http_request *request,
                               struct http_response *response, const struct field_entry **out);

#endif
