/*
 * What a job's body comes to, before there is a job: everything resolved, its cost estimated, and
 * small enough for this machine.  Whatever is let in has been through here: jobs that come alone,
 * those of a sweep, and what only asks for an estimate.
 */
#ifndef API_HANDLERS_JOB_PLAN_H
#define API_HANDLERS_JOB_PLAN_H

#include <jansson.h>
#include <stdbool.h>

#include "api/codec/codec_spec.h"
#include "api/estimate.h"
#include "api/problem.h"
#include "api/service.h"
#include "core/field/cost.h"
#include "server/http/http.h"
#include "server/store/store.h"

struct job_plan {
    struct spec_facts facts; /* of the dataset */
    struct spec spec;        /* resolved and settled */
    json_t *spec_json;       /* the same as a job shows it */
    json_t *labels;
    struct estimate estimate;
};
void job_plan_deinit(struct job_plan *plan);

/* Resolve a body against preset and dataset, and check that it is small enough for this machine
 * (costs: NULL where it was not measured).  The plan is the caller's also on failure.  What is
 * wrong with the body is in problems; where that is empty, err says what else failed, its place
 * within the body too. */
enum status job_plan_make(const struct service *service, const json_t *body,
                          const struct dataset_row *dataset, const struct costs *costs,
                          struct job_plan *out, struct problem_list *problems,
                          struct error *err) WARN_UNUSED;

/* The same for a request of one job, whose body names the dataset. */
bool job_plan_or_reply(const struct service *service, const struct http_request *request,
                       struct http_response *response, const json_t *body, struct job_plan *out);

/* The row of a job to insert: task, dataset_id, steps and the texts are filled in, the caller's
 * also on failure (job_row_deinit).  NO_MEMORY. */
enum status job_plan_row(const struct job_plan *plan, const json_t *body, struct job_row *row,
                         struct error *err) WARN_UNUSED;

#endif
