#include "api/handlers/evaluation.h"

#include <string.h>

#include "api/estimate.h"
#include "api/problem.h"
#include "core/base/mem.h"

/* Points that are handed to the compute pool at once: between two parts it is seen whether anybody
 * still waits for the answer. */
enum { PART_POINTS = 1 << 17 };

struct part {
    const struct evaluation *e;
    size_t first;
};

static void unit_points(void *context, size_t first, size_t n, float *unit)
{
    const struct part *part = context;
    const struct evaluation *e = part->e;
    e->points(e->context, part->first + first, n, unit);
    if (e->frame == FRAME_SOURCE)
        domain_unit_from_source(field_domain(e->field), n, unit, unit);
}

static enum status allocate(struct evaluation *e, struct error *err)
{
    size_t n_values = 0, n_gradient = 0;
    size_t n_outputs = field_n_outputs(e->field);
    if (!mem_mul(&n_values, e->n_points, n_outputs) ||
        !mem_mul(&n_gradient, n_values, field_n_inputs(e->field)))
        return error_status(err, STATUS_NO_MEMORY);
    if (e->outputs & OUTPUT_VALUE)
        e->values = mem_alloc_floats(n_values);
    if (e->outputs & OUTPUT_GRADIENT)
        e->gradient = mem_alloc_floats(n_gradient);
    if ((e->outputs & OUTPUT_VALUE && !e->values) || (e->outputs & OUTPUT_GRADIENT && !e->gradient))
        return error_status(err, STATUS_NO_MEMORY);
    return STATUS_OK;
}

static enum status run_part(const struct evaluation *e, const struct service *service, size_t first,
                            size_t n, struct error *err)
{
    size_t n_outputs = field_n_outputs(e->field), n_inputs = field_n_inputs(e->field);
    struct part part = {.e = e, .first = first};
    const struct compute_request request = {
        .field = e->field,
        .n_points = n,
        .points = unit_points,
        .context = &part,
        .values = e->values ? e->values + first * n_outputs : NULL,
        .gradient = e->gradient ? e->gradient + first * n_outputs * n_inputs : NULL,
    };
    return compute_run(service->compute, &request, err);
}

enum status evaluation_run(struct evaluation *e, const struct service *service,
                           const struct http_request *request, struct error *err)
{
    enum status st = estimate_check_request(e->field, e->n_points, e->outputs & OUTPUT_GRADIENT,
                                            service->config, service->compute, err);
    if (st == STATUS_OK)
        st = allocate(e, err);
    for (size_t first = 0; st == STATUS_OK && first < e->n_points; first += PART_POINTS) {
        size_t left = e->n_points - first;
        if (first > 0 && http_peer_is_gone(request))
            st = error_set(err, STATUS_CANCELED, "", "the client is gone");
        else
            st = run_part(e, service, first, left < PART_POINTS ? left : PART_POINTS, err);
    }
    if (st == STATUS_OK && e->gradient && e->frame == FRAME_SOURCE)
        domain_gradient_to_source(field_domain(e->field), e->n_points, field_n_outputs(e->field),
                                  e->gradient);
    return st;
}

void evaluation_deinit(struct evaluation *e)
{
    mem_free(e->values);
    mem_free(e->gradient);
    e->values = NULL;
    e->gradient = NULL;
}

void evaluation_list_points(const void *context, size_t first, size_t n, float *coords)
{
    const struct evaluation_list *list = context;
    memcpy(coords, list->coords + first * list->n_dims, n * list->n_dims * sizeof(float));
}

bool evaluation_field_or_reply(const struct service *service, const struct http_request *request,
                               struct http_response *response, const struct field_entry **out)
{
    struct error err = {0};
    if (field_cache_get(service->fields, request->params[0], out, &err) == STATUS_OK)
        return true;
    problem_respond(request, &err, response);
    return false;
}
