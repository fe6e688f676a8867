/*
 * Sweeps: list, read as JSON, CSV or a plot, cancel, delete.
 */

#include "api/codec/codec_sweep.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/handlers/sweep_plot.h"
#include "api/service.h"
#include "core/base/mem.h"
#include "server/jobs/job_events.h"

/* A line for each of at most 1,000 cells, whose settings are bounded by sweep_submit.c. */
enum { CSV_MAX = 256 << 20 };

void sweeps_list(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct page page = {0};
    struct error err = {0};
    struct sweep_list list = {0};
    if (!reply_read_page(request, response, &page))
        return;
    enum status st = store_sweep_list(service->store, &page, &list, &err);
    json_t *items = json_array();
    for (size_t i = 0; st == STATUS_OK && i < list.n; i++) {
        json_t *sweep = NULL;
        st = codec_sweep(&list.rows[i], NULL, &sweep, &err);
        if (st == STATUS_OK)
            reply_add_item(&items, sweep);
    }
    if (st == STATUS_OK) {
        reply_list(request, response, items, list.next_cursor);
    } else {
        json_decref(items);
        reply_error(request, response, &err);
    }
    sweep_list_deinit(&list);
}

/* --- one sweep --- */

static bool get_sweep_or_reply(const struct service *service, const struct http_request *request,
                               struct http_response *response, struct sweep_row *row,
                               struct sweep_jobs *jobs)
{
    struct error err = {0};
    if (store_sweep_get(service->store, request->params[0], row, jobs, &err) == STATUS_OK)
        return true;
    return reply_error(request, response, &err);
}

static void reply_sweep(const struct http_request *request, struct http_response *response,
                        const struct sweep_row *row, const struct sweep_jobs *jobs)
{
    struct error err = {0};
    json_t *body = NULL;
    if (codec_sweep(row, jobs, &body, &err) == STATUS_OK)
        reply_json_tagged(request, response, body);
    else
        reply_error(request, response, &err);
}

static void reply_csv(const struct http_request *request, struct http_response *response,
                      const struct sweep_row *row, const struct sweep_jobs *jobs)
{
    struct error err = {0};
    struct buffer text;
    buffer_init(&text, CSV_MAX);
    if (codec_sweep_csv(row, jobs, &text, &err) == STATUS_OK)
        reply_text_tagged(request, response, "text/csv", &text);
    else
        reply_error(request, response, &err);
    buffer_deinit(&text);
}

void sweeps_get(void *context, const struct http_request *request, struct http_response *response)
{
    static const char *const known[] = {"format", "width", "height", NULL};
    struct form_query form = {.width = 800, .height = 520};
    struct sweep_row row = {0};
    struct sweep_jobs jobs = {0};
    size_t n_places = 0;
    if (!plot_form_or_reply(request, response, N_FORMS, known, &form) ||
        !get_sweep_or_reply(context, request, response, &row, &jobs))
        return;
    if (form.form == FORM_JSON)
        reply_sweep(request, response, &row, &jobs);
    else if (form.form == FORM_CSV)
        reply_csv(request, response, &row, &jobs);
    else if (plot_places_or_reply(context, request, response, &form, &n_places))
        sweep_plot_reply(request, response, &form, &row, &jobs);
    http_response_header(response, "Vary", "Accept");
    evaluation_give_places(context, n_places);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
}

/* --- cancel --- */

/* What is told of the jobs that have not ended, should they still be queued. */
static enum status draft_cancels(const struct sweep_jobs *jobs, struct sweep_cancel *cancels,
                                 size_t *n, struct error *err)
{
    const struct job_done done = {.status = JOB_CANCELED};
    enum status st = STATUS_OK;
    for (size_t i = 0; i < jobs->n && st == STATUS_OK; i++) {
        const struct sweep_job *job = &jobs->jobs[i];
        if (job_status_is_end(job->status))
            continue;
        struct sweep_cancel *c = &cancels[(*n)++];
        c->job_id = job->id;
        st = job_event_state(&c->events[0], JOB_CANCELED, job->attempt, err);
        if (st == STATUS_OK)
            st = job_event_done(&c->events[1], &done, err);
    }
    return st;
}

/* Jobs that were still queued end with the call, and their watchers hear it from here. */
static void tell(const struct service *service, const struct sweep_jobs *jobs,
                 const struct sweep_cancel *cancels)
{
    for (size_t i = 0; i < jobs->n; i++) {
        const struct sweep_job *job = &jobs->jobs[i];
        if (job_status_is_end(job->status))
            continue;
        if (cancels->events[0].seq > 0) {
            field_cache_forget(service->fields, job->field_id); /* of an attempt that was lost */
            events_publish(service->events, job->id, cancels->events, 2);
        }
        if (cancels->was_running)
            supervisor_cancel(service->supervisor, job->id);
        cancels++;
    }
}

static enum status cancel(const struct service *service, const struct sweep_row *row,
                          const struct sweep_jobs *jobs, struct error *err)
{
    size_t n = 0;
    const enum job_status status = codec_sweep_status(row);
    if (status == JOB_CANCELED)
        return STATUS_OK;
    if (job_status_is_end(status))
        return error_set(err, STATUS_CONFLICT, "", "the sweep '%s' has %s already", row->id,
                         job_status_name(status));
    struct sweep_cancel *cancels = mem_alloc_array(jobs->n, sizeof(*cancels));
    if (!cancels)
        return error_status(err, STATUS_NO_MEMORY);
    enum status st = draft_cancels(jobs, cancels, &n, err);
    if (st == STATUS_OK)
        st = store_sweep_cancel(service->store, cancels, n, err);
    if (st == STATUS_OK)
        tell(service, jobs, cancels);
    for (size_t i = 0; i < n; i++) {
        job_event_deinit(&cancels[i].events[0]);
        job_event_deinit(&cancels[i].events[1]);
    }
    mem_free(cancels);
    return st;
}

void sweeps_cancel(void *context, const struct http_request *request,
                   struct http_response *response)
{
    struct sweep_row row = {0};
    struct sweep_jobs jobs = {0};
    struct error err = {0};
    if (!get_sweep_or_reply(context, request, response, &row, &jobs))
        return;
    enum status st = cancel(context, &row, &jobs, &err);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
    if (st != STATUS_OK)
        reply_error(request, response, &err);
    else if (get_sweep_or_reply(context, request, response, &row, &jobs))
        reply_sweep(request, response, &row, &jobs);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
}

/* --- delete --- */

void sweeps_delete(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    if (store_sweep_delete(service->store, request->params[0], &err) == STATUS_OK)
        reply_deleted(response);
    else
        reply_error(request, response, &err);
}
