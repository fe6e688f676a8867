/*
 * Fields: list, read, delete, and how good they are.
 *
 * A final field is a row of the store.  One in training is its job, with the last snapshot of the
 * field cache.
 */
#include "api/codec/codec_args.h"
#include "api/codec/codec_field.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "api/tasks/tasks.h"

static bool read_filter_or_reply(const struct http_request *request, struct http_response *response,
                                 struct field_filter *filter, struct page *page)
{
    static const char *const known[] = {"dataset_id", "task", "limit", "cursor", "q", NULL};
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_page(request, page, &problems);
    filter->dataset_id = http_query(request, "dataset_id");
    if (filter->dataset_id && !id_is(ID_DATASET, filter->dataset_id))
        problem_add(&problems, STATUS_INVALID, "/dataset_id",
                    "'dataset_id' must be the id of a dataset, got '%.40s'", filter->dataset_id);
    filter->task = http_query(request, "task");
    if (filter->task && !tasks_find(filter->task))
        problem_add(&problems, STATUS_INVALID, "/task", "there is no task '%.40s'", filter->task);
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

void fields_list(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct field_filter filter = {.task = NULL};
    struct page page = {0};
    if (!read_filter_or_reply(request, response, &filter, &page))
        return;
    struct error err = {0};
    struct field_list list = {0};
    if (store_field_list(service->store, &filter, &page, &list, &err) != STATUS_OK) {
        reply_error(request, response, &err);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < list.n; i++)
        reply_add_item(&items, codec_field_final(&list.rows[i]));
    reply_list(request, response, items, list.next_cursor);
    field_list_deinit(&list);
}

/* NULL where there is none (yet, or any more). */
static enum status find_snapshot(const struct service *service, const char *field_id,
                                 const struct field_entry **out, struct error *err)
{
    struct error found = {0};
    enum status st = field_cache_get(service->fields, field_id, out, &found);
    if (st == STATUS_OK || st == STATUS_NOT_FOUND || st == STATUS_CONFLICT)
        return STATUS_OK;
    return error_set(err, st, found.where, "%s", found.message);
}

static enum status find_dataset(const struct service *service, const char *id,
                                struct dataset_row *out, bool *found, struct error *err)
{
    struct error missing = {0};
    enum status st = store_dataset_get(service->store, id, out, &missing);
    *found = st == STATUS_OK;
    if (st == STATUS_OK || st == STATUS_NOT_FOUND)
        return STATUS_OK;
    return error_set(err, st, missing.where, "%s", missing.message);
}

/* A field whose job is queued or running.  Its dataset and its snapshot may be missing. */
static enum status view_training(const struct service *service, const struct job_row *job,
                                 json_t **out, struct error *err)
{
    struct dataset_row dataset = {0};
    struct metric_series latest = {0};
    const struct field_entry *entry = NULL;
    enum status st = find_snapshot(service, job->field_id, &entry, err);
    bool has_dataset = false;
    if (st == STATUS_OK)
        st = find_dataset(service, job->dataset_id, &dataset, &has_dataset, err);
    if (st == STATUS_OK)
        st = store_job_latest_metrics(service->store, job->id, &latest, err);
    if (st == STATUS_OK) {
        *out = codec_field_training(job, has_dataset ? &dataset : NULL, entry, &latest);
        if (!*out)
            st = error_status(err, STATUS_NO_MEMORY);
    }
    if (entry)
        field_cache_release(service->fields, entry);
    metric_series_deinit(&latest);
    dataset_row_deinit(&dataset);
    return st;
}

static enum status view_final(const struct service *service, const char *id, json_t **out,
                              struct error *err)
{
    struct field_row row = {0};
    enum status st = store_field_get(service->store, id, &row, err);
    if (st == STATUS_OK) {
        *out = codec_field_final(&row);
        if (!*out)
            st = error_status(err, STATUS_NO_MEMORY);
    }
    field_row_deinit(&row);
    return st;
}

/* The job is asked first: if it ends in between, its field is in the store by then. */
static enum status view_field(const struct service *service, const char *id, json_t **out,
                              struct error *err)
{
    struct job_row job = {0};
    enum status st = store_field_job(service->store, id, &job, err);
    if (st == STATUS_OK) {
        st = view_training(service, &job, out, err);
    } else if (st == STATUS_NOT_FOUND) {
        error_clear(err);
        st = view_final(service, id, out, err);
    }
    job_row_deinit(&job);
    return st;
}

void fields_get(void *context, const struct http_request *request, struct http_response *response)
{
    struct error err = {0};
    json_t *body = NULL;
    if (view_field(context, request->params[0], &body, &err) == STATUS_OK)
        reply_json_tagged(request, response, body);
    else
        reply_error(request, response, &err);
}

/* True if no job is training this field any more. */
static bool is_final_or_reply(const struct service *service, const struct http_request *request,
                              struct http_response *response)
{
    struct error err = {0};
    struct job_row job = {0};
    enum status st = store_field_job(service->store, request->params[0], &job, &err);
    job_row_deinit(&job);
    if (st == STATUS_NOT_FOUND)
        return true;
    if (st == STATUS_OK)
        error_set(&err, STATUS_CONFLICT, "", "the field is still training");
    return reply_error(request, response, &err);
}

void fields_delete(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    if (!is_final_or_reply(service, request, response))
        return;
    if (store_field_delete(service->store, request->params[0], &err) != STATUS_OK) {
        reply_error(request, response, &err);
        return;
    }
    field_cache_forget(service->fields, request->params[0]);
    reply_deleted(response);
}

void fields_evaluate(void *context, const struct http_request *request,
                     struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    struct field_row row = {0};
    if (!is_final_or_reply(service, request, response))
        return;
    if (store_field_get(service->store, request->params[0], &row, &err) == STATUS_OK)
        reply_json_tagged(request, response, codec_field_evaluation(&row));
    else
        reply_error(request, response, &err);
    field_row_deinit(&row);
}
