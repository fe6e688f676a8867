/*
 * New sweeps: every job is resolved and checked as one that comes alone, then all are committed
 * together.  The first job that is not right answers for all, with its place in the sweep's body.
 */
#include <stdio.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_sweep.h"
#include "api/estimate.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/handlers.h"
#include "api/handlers/job_plan.h"
#include "api/handlers/reply.h"
#include "api/handlers/submission.h"
#include "api/service.h"
#include "core/base/mem.h"
#include "server/jobs/job_events.h"

/* What the rows of a sweep may hold, and what its table may say of its settings: a thousand of
 * usual size are 4 MB, but an encoding's own frequencies can make each as long as a body may be. */
enum { ROWS_MAX_BYTES = 64 << 20 };

/* All that is made of a request before it is committed. */
struct draft {
    json_t *body;
    struct sweep sweep; /* borrows from body */
    struct dataset_row *datasets;
    struct sweep_row row;
    struct job_row *jobs;
    size_t n_bytes; /* of the jobs' texts */
};

static void draft_deinit(struct draft *d)
{
    for (size_t i = 0; d->datasets && i < d->sweep.n_datasets; i++)
        dataset_row_deinit(&d->datasets[i]);
    for (size_t i = 0; d->jobs && i < d->sweep.n_jobs; i++)
        job_row_deinit(&d->jobs[i]);
    mem_free(d->datasets);
    mem_free(d->jobs);
    sweep_row_deinit(&d->row);
    json_decref(d->body);
}

/* What is in the store: the answer of the first request and of those that repeat it. */
static void reply_accepted(const struct service *service, const struct http_request *request,
                           struct http_response *response, const char *id)
{
    struct error err = {0};
    struct sweep_row row = {0};
    struct sweep_jobs jobs = {0};
    json_t *body = NULL;
    if (store_sweep_get(service->store, id, &row, &jobs, &err) != STATUS_OK ||
        codec_sweep(&row, &jobs, &body, &err) != STATUS_OK)
        body = NULL;
    reply_stored(request, response, 202, body, "/v1/sweeps", id);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
}

/* True for a request that was not accepted before. */
static bool is_first_or_reply(const struct service *service, const struct http_request *request,
                              struct http_response *response, struct submission *out)
{
    char id[ID_SIZE];
    struct error err = {0};
    bool existed = false;
    if (!submission_read_or_reply(request, response, out))
        return false;
    if (!out->key.key)
        return true;
    if (store_sweep_find_first(service->store, &out->key, id, &existed, &err) != STATUS_OK)
        return reply_error(request, response, &err);
    if (existed)
        reply_accepted(service, request, response, id);
    return !existed;
}

static enum status add_too_large(struct problem_list *problems)
{
    return problem_add(problems, STATUS_TOO_LARGE, "",
                       "the settings of the sweep's jobs take more than %d bytes together",
                       ROWS_MAX_BYTES);
}

static bool read_body_or_reply(const struct service *service, const struct http_request *request,
                               struct http_response *response, struct draft *d)
{
    struct problem_list problems = {0};
    struct error err = {0};
    if (!reply_parse_object(request, response, service->config->json_depth, &d->body))
        return false;
    if (codec_sweep_read(d->body, &d->sweep, &problems) != STATUS_OK)
        return reply_problems(request, response, &problems);
    if (request->body_size > ROWS_MAX_BYTES / d->sweep.n_jobs) {
        add_too_large(&problems);
        return reply_problems(request, response, &problems);
    }
    snprintf(d->row.name, sizeof(d->row.name), "%s", d->sweep.name);
    d->datasets = mem_alloc_array(d->sweep.n_datasets, sizeof(*d->datasets));
    d->jobs = mem_alloc_array(d->sweep.n_jobs, sizeof(*d->jobs));
    enum status st = d->datasets && d->jobs ? codec_json_text(d->body, &d->row.request_json, &err)
                                            : error_status(&err, STATUS_NO_MEMORY);
    return st == STATUS_OK || reply_error(request, response, &err);
}

static bool get_datasets_or_reply(const struct service *service, const struct http_request *request,
                                  struct http_response *response, struct draft *d)
{
    struct problem_list problems = {0};
    for (size_t i = 0; i < d->sweep.n_datasets; i++) {
        char place[POINTER_SIZE];
        struct error err = {0};
        const char *id = json_string_value(json_array_get(d->sweep.dataset_ids, i));
        enum status st = store_dataset_get(service->store, id, &d->datasets[i], &err);
        snprintf(place, sizeof(place), "/dataset_ids/%zu", i);
        if (st == STATUS_NOT_FOUND)
            problem_add(&problems, STATUS_INVALID, place, "there is no dataset '%s'", id);
        else if (st != STATUS_OK)
            return reply_error(request, response, &err);
    }
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

/* Job i's row.  Places in problems are those of its own body, but for what codec_sweep_job says. */
static enum status fill_job(const struct service *service, const struct costs *costs,
                            struct draft *d, size_t i, struct problem_list *own,
                            struct problem_list *problems, struct error *err)
{
    json_t *body = NULL;
    struct job_row *row = &d->jobs[i];
    const struct dataset_row *dataset = &d->datasets[codec_sweep_dataset_of(&d->sweep, i)];
    if (codec_sweep_job(&d->sweep, i, &body, problems) != STATUS_OK)
        return problems->status;
    struct job_plan plan = {.labels = NULL};
    enum status st = job_plan_make(service, body, dataset, costs, &plan, own, err);
    if (st == STATUS_OK)
        st = job_plan_row(&plan, body, row, err);
    job_plan_deinit(&plan);
    json_decref(body);
    if (st != STATUS_OK)
        return st;
    d->n_bytes += strlen(row->request_json) + strlen(row->spec_json) + strlen(row->labels_json);
    return d->n_bytes > ROWS_MAX_BYTES ? add_too_large(problems) : STATUS_OK;
}

/* What is wrong with job i, where the sweep's body has it. */
static bool reply_bad_job(const struct http_request *request, struct http_response *response,
                          const struct sweep *sweep, size_t i, const struct problem_list *own,
                          const struct error *err)
{
    char place[POINTER_SIZE];
    struct problem_list problems = {.is_syntax = own->is_syntax};
    for (size_t k = 0; k < own->n; k++) {
        codec_sweep_place(sweep, i, own->item[k].pointer, place);
        problem_add(&problems, own->status, place, "%s", own->item[k].detail);
    }
    if (own->n == 0) {
        codec_sweep_place(sweep, i, err->where, place);
        problem_add(&problems, err->status, place, "%s", err->message);
    }
    return reply_problems(request, response, &problems);
}

/* Rows are as long to make as the body is long, for each job anew. */
static bool take_places_or_reply(const struct service *service, const struct http_request *request,
                                 struct http_response *response, const struct draft *d,
                                 size_t *n_places)
{
    const double work_of_byte = 2500; /* 250 ns, as multiply-adds */
    struct error err = {0};
    const struct evaluation_cost cost = {
        .multiply_adds = work_of_byte * (double)request->body_size * (double)d->sweep.n_jobs,
        .where = "/grid"};
    return evaluation_take_places(service, &cost, n_places, &err) == STATUS_OK ||
           reply_error(request, response, &err);
}

static bool fill_jobs_or_reply(const struct service *service, const struct http_request *request,
                               struct http_response *response, struct draft *d)
{
    struct costs costs;
    const struct evaluation_watch watch = {service, request};
    const struct stop stop = evaluation_stop(&watch);
    const struct costs *known = calibrator_wait(service->calibrator, ESTIMATE_PATIENCE, &costs);
    for (size_t i = 0; i < d->sweep.n_jobs; i++) {
        struct problem_list own = {0}, problems = {0};
        struct error err = {0};
        if (stop_check(&stop, &err) != STATUS_OK)
            return reply_error(request, response, &err);
        if (fill_job(service, known, d, i, &own, &problems, &err) == STATUS_OK)
            continue;
        return problems.n > 0 ? reply_problems(request, response, &problems)
                              : reply_bad_job(request, response, &d->sweep, i, &own, &err);
    }
    return true;
}

/* Commit all of it, tell who must know, answer 202. */
static void submit(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct submission *submission,
                   struct draft *d)
{
    struct error err = {0};
    struct job_event queued = {0};
    bool existed = false;
    enum status st = job_event_state(&queued, JOB_QUEUED, 0, &err);
    if (st == STATUS_OK)
        st = store_sweep_insert(service->store, &d->row, d->jobs, d->sweep.n_jobs, &submission->key,
                                service->config->queued_jobs, &queued, &existed, &err);
    job_event_deinit(&queued);
    if (st == STATUS_NOT_FOUND) /* one of its datasets: a sweep's body has no "/dataset_id" */
        snprintf(err.where, sizeof(err.where), "/dataset_ids");
    if (submission_settle_or_reply(service, request, response, st, existed, &err))
        reply_accepted(service, request, response, d->row.id);
}

void sweeps_create(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct service *service = context;
    struct draft d = {0};
    struct submission submission = {0};
    size_t n_places = 0;
    if (is_first_or_reply(service, request, response, &submission) &&
        read_body_or_reply(service, request, response, &d) &&
        get_datasets_or_reply(service, request, response, &d) &&
        take_places_or_reply(service, request, response, &d, &n_places) &&
        fill_jobs_or_reply(service, request, response, &d))
        submit(service, request, response, &submission, &d);
    draft_deinit(&d);
    evaluation_give_places(service, n_places);
}
