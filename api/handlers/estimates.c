/*
 * What a job would be, and cost, were it posted: nothing is kept.
 */
#include <math.h>

#include "api/codec/codec_spec.h"
#include "api/handlers/handlers.h"
#include "api/handlers/job_plan.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "api/tasks/tasks.h"

/* To a tenth, as presets tell them; null where only the data or the first steps will tell. */
static json_t *seconds_or_null(double seconds)
{
    return seconds > 0.0 ? json_real(fmax(round(seconds * 10.0) / 10.0, 0.1)) : json_null();
}

static json_t *estimate_value(const struct estimate *e)
{
    json_t *steps = e->steps > 0 ? json_integer((json_int_t)e->steps) : json_null();
    const bool ends = e->training_seconds > 0.0; /* by a limit or a pace that is known */
    return json_pack("{s:o, s:o, s:o, s:I}", "seconds", seconds_or_null(ends ? e->seconds : 0.0),
                     "training_seconds", seconds_or_null(e->training_seconds), "steps", steps,
                     "memory_bytes", (json_int_t)e->memory_bytes);
}

/* A member of what a field will say about itself: a new reference, NULL when out of memory. */
static json_t *member_of(const json_t *summary, const char *name)
{
    return json_incref(json_object_get(summary, name));
}

/* n_queued: jobs that would be before it. */
static json_t *plan_value(const struct job_plan *plan, uint64_t n_queued)
{
    json_t *summary = codec_spec_summary(&plan->spec, &plan->facts);
    json_t *value = json_pack(
        "{s:s, s:O, s:O, s:o, s:o, s:o, s:o, s:o, s:I}", "task", tasks_of(plan->spec.task)->name,
        "spec", plan->spec_json, "labels", plan->labels, "n_inputs", member_of(summary, "n_inputs"),
        "n_outputs", member_of(summary, "n_outputs"), "n_parameters",
        member_of(summary, "n_parameters"), "domain", member_of(summary, "domain"), "estimate",
        estimate_value(&plan->estimate), "queue_position", (json_int_t)n_queued + 1);
    json_decref(summary);
    return value;
}

void estimates_make(void *context, const struct http_request *request,
                    struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    struct job_plan plan = {.labels = NULL};
    uint64_t counts[JOB_CANCELED + 1] = {0};
    json_t *body = NULL;
    if (reply_parse_object(request, response, service->config->json_depth, &body) &&
        job_plan_or_reply(service, request, response, body, &plan)) {
        if (store_job_count(service->store, counts, &err) == STATUS_OK)
            reply_json(request, response, 200, plan_value(&plan, counts[JOB_QUEUED]));
        else
            reply_error(request, response, &err);
    }
    json_decref(body);
    job_plan_deinit(&plan);
}
