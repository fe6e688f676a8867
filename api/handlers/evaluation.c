#include "api/handlers/evaluation.h"

#include <math.h>

#include "api/estimate.h"
#include "api/problem.h"

/* Points that are handed to the compute pool at once: between two parts it is seen whether anybody
 * still waits for the answer. */
enum { PART_POINTS = 1 << 17 };

struct part {
    const struct evaluation *e;
    const uint32_t *split; /* weights of a draft, or NULL */
    size_t first;
};

static void unit_points(void *context, size_t first, size_t n, float *unit)
{
    const struct part *part = context;
    const struct evaluation *e = part->e;
    e->points(e->context, part->first + first, n, unit);
    if (e->frame == FRAME_SOURCE)
        domain_unit_from_source(field_domain(e->entry->field), n, unit, unit);
}

static void take_outputs(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    const struct part *part = context;
    if (part->e->frame == FRAME_SOURCE)
        field_outputs_to_source(part->e->entry->field, n, out);
    part->e->take(part->e->context, part->first + first, n, out);
}

static enum status run_part(struct part *part, const struct service *service, size_t n,
                            struct error *err)
{
    const struct evaluation *e = part->e;
    const struct compute_request request = {
        .field = e->entry->field,
        .seats = e->entry->seats,
        .split = part->split,
        .use = e->use,
        .in_source = e->derivative_frame == FRAME_SOURCE,
        .n_points = n,
        .points = unit_points,
        .take = take_outputs,
        .context = part,
    };
    return compute_run(service->compute, &request, err);
}

/* Operations a second of the slowest machine: what is within the limit there need not wait until
 * this one is calibrated. */
static const double slowest_rate = 1e8;

static bool is_within(const struct evaluation *e, double seconds)
{
    const struct field *f = e->entry->field;
    return field_query_flops(f) * (double)field_n_passes(f, e->use) * (double)e->n_points <
           slowest_rate * seconds;
}

enum status evaluation_check(const struct evaluation *e, const struct service *service,
                             struct error *err)
{
    if (is_within(e, (double)service->config->request_seconds))
        return STATUS_OK;
    struct costs costs;
    return estimate_check_request(e->entry->field, e->n_points, e->use, service->config,
                                  calibrator_wait(service->calibrator, ESTIMATE_PATIENCE, &costs),
                                  compute_n_threads(service->compute), err);
}

/* Requests of more than this take places; a quarter of the handlers is left for all others, which
 * beside so many long ones take many times as long as alone. */
static const double long_seconds = 0.25;

static size_t most_places(const struct config *config)
{
    const size_t n = config->handlers, rest = (n + 3) / 4;
    return n > rest ? n - rest : 1;
}

enum status evaluation_begin(const struct evaluation *e, const struct service *service,
                             bool *has_place, struct error *err)
{
    struct costs costs;
    *has_place = false;
    const enum status status = evaluation_check(e, service, err);
    if (status != STATUS_OK || is_within(e, long_seconds) ||
        estimate_request(e->entry->field, e->n_points, e->use,
                         calibrator_wait(service->calibrator, 0, &costs),
                         compute_n_threads(service->compute)) < long_seconds)
        return status;
    return evaluation_take_place(service, has_place, err);
}

static enum status take(const struct service *service, size_t n, struct error *err)
{
    return compute_take_places(service->compute, n, most_places(service->config))
               ? STATUS_OK
               : error_set(err, STATUS_BUSY, "",
                           "requests that take long are under way: try again when one of them has "
                           "ended");
}

enum status evaluation_take_place(const struct service *service, bool *has_place, struct error *err)
{
    const enum status status = take(service, 1, err);
    *has_place = status == STATUS_OK;
    return status;
}

void evaluation_end(const struct service *service, bool has_place)
{
    if (has_place)
        compute_give_places(service->compute, 1);
}

/* --- work outside of the pool --- */

/* Multiply-adds that a slow core does in a second (matrices, in double), and what takes a fast one
 * some hundredths. */
static const double multiply_adds_per_second = 1e10, long_multiply_adds = 2e8;
static const double bytes_of_place = 128 << 20;

enum status evaluation_take_places(const struct service *service,
                                   const struct evaluation_cost *cost, size_t *n_places,
                                   struct error *err)
{
    const double most = multiply_adds_per_second * (double)service->config->request_seconds;
    const size_t n_all = most_places(service->config);
    size_t n = (size_t)ceil(cost->bytes / bytes_of_place);
    *n_places = 0;
    if (cost->multiply_adds > most)
        return error_set(err, STATUS_INVALID, cost->where,
                         "it would take %.2g multiply-adds, the limit is %.2g", cost->multiply_adds,
                         most);
    if (cost->multiply_adds < long_multiply_adds && cost->bytes < bytes_of_place / 2)
        return STATUS_OK;
    n = n < n_all ? n : n_all; /* the largest runs alone */
    n = n > 0 ? n : 1;
    const enum status status = take(service, n, err);
    *n_places = status == STATUS_OK ? n : 0;
    return status;
}

void evaluation_give_places(const struct service *service, size_t n_places)
{
    if (n_places > 0)
        compute_give_places(service->compute, n_places);
}

static bool is_unwanted(const void *context)
{
    const struct evaluation_watch *watch = context;
    return http_peer_is_gone(watch->request) || compute_is_stopping(watch->service->compute);
}

struct stop evaluation_stop(const struct evaluation_watch *watch)
{
    return (struct stop){is_unwanted, watch};
}

/* --- evaluation --- */

enum status evaluation_check_numbers(const struct evaluation *e, double numbers_of_point,
                                     double most, struct error *err)
{
    const double n = (double)e->n_points * numbers_of_point;
    return n <= most ? STATUS_OK
                     : error_set(err, STATUS_INVALID, "",
                                 "the answer would hold %.0f numbers, the limit is %.0f: ask for "
                                 "fewer points",
                                 n, most);
}

enum status evaluation_run(const struct evaluation *e, const struct service *service,
                           const struct http_request *request, struct error *err)
{
    struct part part = {.e = e};
    enum status st = STATUS_OK;
    if (e->for_bytes && e->n_points >= DRAFT_LEAST_POINTS)
        st = draft_get(e->entry->draft, &part.split, err);
    for (; st == STATUS_OK && part.first < e->n_points; part.first += PART_POINTS) {
        size_t left = e->n_points - part.first;
        if (e->n_points > PART_POINTS && http_peer_is_gone(request))
            st = error_set(err, STATUS_CANCELED, "", "the client is gone");
        else
            st = run_part(&part, service, left < PART_POINTS ? left : PART_POINTS, err);
    }
    return st;
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
