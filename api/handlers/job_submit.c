/*
 * New jobs: from a body and a preset, and from the checkpoint of an ended one.
 *
 * The 202 is a promise: the job and its Idempotency-Key are committed before it is sent.
 */
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "api/estimate.h"
#include "api/handlers/handlers.h"
#include "api/handlers/job_plan.h"
#include "api/handlers/job_view.h"
#include "api/handlers/reply.h"
#include "api/handlers/submission.h"
#include "api/service.h"
#include "core/base/mem.h"
#include "server/jobs/job_events.h"

static void reply_accepted(const struct service *service, const struct http_request *request,
                           struct http_response *response, const struct job_row *row)
{
    struct error err = {0};
    json_t *body = NULL;
    if (job_view(service, row, &body, &err) != STATUS_OK)
        body = NULL;
    reply_stored(request, response, 202, body, "/v1/jobs", row->id);
}

/* True for a request that was not accepted before.  One that was has its answer, whatever has
 * become of its dataset or of the limits since. */
static bool is_first_or_reply(const struct service *service, const struct http_request *request,
                              struct http_response *response, struct submission *out)
{
    struct job_row row = {0};
    struct error err = {0};
    bool existed = false;
    if (!submission_read_or_reply(request, response, out))
        return false;
    if (!out->key.key)
        return true;
    if (store_job_find_first(service->store, &out->key, &row, &existed, &err) != STATUS_OK)
        return reply_error(request, response, &err);
    if (existed)
        reply_accepted(service, request, response, &row);
    job_row_deinit(&row);
    return !existed;
}

/* Commit the job, tell who must know, answer 202. */
static void submit(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct submission *submission,
                   struct job_row *row)
{
    struct error err = {0};
    struct job_event queued = {0};
    bool existed = false;
    enum status st = job_event_state(&queued, JOB_QUEUED, 0, &err);
    if (st == STATUS_OK)
        st = store_job_insert(service->store, row, &submission->key, service->config->queued_jobs,
                              &queued, &existed, &err);
    job_event_deinit(&queued); /* nobody can watch a job that has no id yet */
    if (submission_settle_or_reply(service, request, response, st, existed, &err))
        reply_accepted(service, request, response, row);
}

/* --- create --- */

static bool fill_row_or_reply(const struct http_request *request, struct http_response *response,
                              const struct job_plan *plan, const json_t *body, struct job_row *row)
{
    struct error err = {0};
    return job_plan_row(plan, body, row, &err) == STATUS_OK || reply_error(request, response, &err);
}

void jobs_create(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    json_t *body = NULL;
    struct job_plan plan = {.labels = NULL};
    struct job_row row = {0};
    struct submission submission = {0};
    if (is_first_or_reply(service, request, response, &submission) &&
        reply_parse_object(request, response, service->config->json_depth, &body) &&
        job_plan_or_reply(service, request, response, body, &plan) &&
        fill_row_or_reply(request, response, &plan, body, &row))
        submit(service, request, response, &submission, &row);
    json_decref(body);
    job_plan_deinit(&plan);
    job_row_deinit(&row);
}

/* --- resume --- */

static bool get_parent_or_reply(const struct service *service, const struct http_request *request,
                                struct http_response *response, struct job_row *parent)
{
    struct error err = {0};
    enum status st = store_job_get(service->store, request->params[0], parent, &err);
    if (st == STATUS_OK && !job_status_is_end(parent->status))
        st = error_set(&err, STATUS_CONFLICT, "", "the job is %s: only an ended one can be resumed",
                       job_status_name(parent->status));
    else if (st == STATUS_OK && parent->checkpoint_sha256[0] == '\0')
        st = error_set(&err, STATUS_CONFLICT, "", "the job has no checkpoint to go on from");
    return st == STATUS_OK || reply_error(request, response, &err);
}

/* A resumed job is let in as a new one is: with more steps, and maybe with other limits than when
 * its parent was. */
static enum status check_resumed(const struct service *service, json_t *spec_json,
                                 const struct job_row *parent, struct error *err)
{
    struct dataset_row dataset = {0};
    struct spec_facts facts = {0};
    struct spec spec = {0};
    struct costs costs;
    struct estimate estimate;
    struct problem_list problems = {0};
    enum status st = store_dataset_get(service->store, parent->dataset_id, &dataset, err);
    if (st == STATUS_NOT_FOUND)
        err->status = st = STATUS_CONFLICT; /* the job itself was found before */
    if (st == STATUS_OK)
        st = codec_spec_facts(&dataset, &facts, err);
    if (st == STATUS_OK) {
        st = codec_spec_read_json(spec_json, &facts, &spec, &problems);
        if (st != STATUS_OK)
            st = error_set(err, st == STATUS_NO_MEMORY ? st : STATUS_INTERNAL, "",
                           "the job's spec: %s", problems.item[0].detail);
    }
    if (st == STATUS_OK)
        st = codec_spec_settle(spec_json, &spec, &service->arithmetic, err);
    if (st == STATUS_OK)
        st = estimate_check_job(&spec, &facts, service->config,
                                calibrator_wait(service->calibrator, ESTIMATE_PATIENCE, &costs),
                                &estimate, err);
    spec_deinit(&spec);
    dataset_row_deinit(&dataset);
    return st;
}

static bool fill_resumed_or_reply(const struct service *service, const struct http_request *request,
                                  struct http_response *response, const json_t *body,
                                  const struct job_row *parent, struct job_row *row)
{
    json_t *spec = NULL;
    struct error err = {0};
    struct problem_list problems = {0};
    if (codec_spec_resume(body, parent, &spec, &row->steps, &problems) != STATUS_OK)
        return reply_problems(request, response, &problems);
    enum status st = check_resumed(service, spec, parent, &err);
    if (st == STATUS_OK)
        st = codec_json_text(body, &row->request_json, &err);
    if (st == STATUS_OK)
        st = codec_json_text(spec, &row->spec_json, &err);
    json_decref(spec);
    row->labels_json = mem_strdup(parent->labels_json);
    row->tuning_json = parent->tuning_json ? mem_strdup(parent->tuning_json) : NULL;
    if (st == STATUS_OK && (!row->labels_json || (parent->tuning_json && !row->tuning_json)))
        st = error_status(&err, STATUS_NO_MEMORY);
    memcpy(row->task, parent->task, sizeof(row->task));
    memcpy(row->dataset_id, parent->dataset_id, sizeof(row->dataset_id));
    memcpy(row->parent_id, parent->id, sizeof(row->parent_id));
    return st == STATUS_OK || reply_error(request, response, &err);
}

void jobs_resume(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    json_t *body = NULL;
    struct job_row parent = {0}, row = {0};
    struct submission submission = {0};
    if (is_first_or_reply(service, request, response, &submission) &&
        get_parent_or_reply(service, request, response, &parent) &&
        reply_parse_object(request, response, service->config->json_depth, &body) &&
        fill_resumed_or_reply(service, request, response, body, &parent, &row))
        submit(service, request, response, &submission, &row);
    json_decref(body);
    job_row_deinit(&parent);
    job_row_deinit(&row);
}
