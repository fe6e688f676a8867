/*
 * Jobs: list, read, their metrics, cancel, delete.
 */
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_job.h"
#include "api/handlers/handlers.h"
#include "api/handlers/job_plot.h"
#include "api/handlers/job_view.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "core/base/limits.h"
#include "server/jobs/job_events.h"

enum { LABEL_SIZE = 160, METRIC_KEYS_MAX = 16, METRIC_KEY_SIZE = 24 };

static bool get_job_or_reply(const struct service *service, const struct http_request *request,
                             struct http_response *response, struct job_row *row)
{
    struct error err = {0};
    if (store_job_get(service->store, request->params[0], row, &err) == STATUS_OK)
        return true;
    return reply_error(request, response, &err);
}

static void reply_job(const struct service *service, const struct http_request *request,
                      struct http_response *response, const struct job_row *row)
{
    struct error err = {0};
    json_t *body = NULL;
    if (job_view(service, row, &body, &err) == STATUS_OK)
        reply_json_tagged(request, response, body);
    else
        reply_error(request, response, &err);
}

/* --- list --- */

/* label=key:value, split in place; the value may hold colons. */
static void read_label(const struct http_request *request, char text[LABEL_SIZE],
                       struct job_filter *filter, struct problem_list *problems)
{
    const char *label = http_query(request, "label");
    if (!label)
        return;
    const char *colon = strchr(label, ':');
    if (!colon || colon == label || strlen(label) >= LABEL_SIZE) {
        problem_add(problems, STATUS_INVALID, "/label", "'label' must be key:value, got '%.80s'",
                    label);
        return;
    }
    memcpy(text, label, strlen(label) + 1);
    text[colon - label] = '\0';
    filter->label_key = text;
    filter->label_value = text + (colon - label) + 1;
}

static bool read_filter_or_reply(const struct http_request *request, struct http_response *response,
                                 struct job_filter *filter, char label[LABEL_SIZE],
                                 struct page *page)
{
    static const char *const known[] = {"status", "dataset_id", "sweep_id", "label",
                                        "limit",  "cursor",     "q",        NULL};
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_page(request, page, &problems);
    const char *status = http_query(request, "status");
    filter->by_status = status != NULL;
    if (status && !job_status_parse(status, &filter->status))
        problem_add(&problems, STATUS_INVALID, "/status",
                    "'status' must be queued, running, succeeded, failed or canceled, got '%.40s'",
                    status);
    filter->dataset_id = http_query(request, "dataset_id");
    if (filter->dataset_id && !id_is(ID_DATASET, filter->dataset_id))
        problem_add(&problems, STATUS_INVALID, "/dataset_id",
                    "'dataset_id' must be the id of a dataset, got '%.40s'", filter->dataset_id);
    filter->sweep_id = http_query(request, "sweep_id");
    if (filter->sweep_id && !id_is(ID_SWEEP, filter->sweep_id))
        problem_add(&problems, STATUS_INVALID, "/sweep_id",
                    "'sweep_id' must be the id of a sweep, got '%.40s'", filter->sweep_id);
    read_label(request, label, filter, &problems);
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

void jobs_list(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct job_filter filter = {0};
    struct page page = {0};
    char label[LABEL_SIZE];
    struct error err = {0};
    struct job_list list = {0};
    if (!read_filter_or_reply(request, response, &filter, label, &page))
        return;
    enum status st = store_job_list(service->store, &filter, &page, &list, &err);
    json_t *items = json_array();
    for (size_t i = 0; st == STATUS_OK && i < list.n; i++) {
        json_t *job = NULL;
        st = job_view(service, &list.rows[i], &job, &err);
        if (st == STATUS_OK) {
            reply_add_item(&items, job);
        } else if (st == STATUS_NOT_FOUND) { /* deleted since the list was read */
            error_clear(&err);
            st = STATUS_OK;
        }
    }
    if (st == STATUS_OK) {
        reply_list(request, response, items, list.next_cursor);
    } else {
        json_decref(items);
        reply_error(request, response, &err);
    }
    job_list_deinit(&list);
}

/* --- one job --- */

void jobs_get(void *context, const struct http_request *request, struct http_response *response)
{
    struct job_row row = {0};
    if (!get_job_or_reply(context, request, response, &row))
        return;
    reply_job(context, request, response, &row);
    job_row_deinit(&row);
}

/* keys=psnr,loss: split into at most METRIC_KEYS_MAX names. */
static bool split_keys(const char *text, char storage[][METRIC_KEY_SIZE], const char **keys,
                       size_t *n)
{
    while (*text) {
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= METRIC_KEY_SIZE || *n == METRIC_KEYS_MAX)
            return false;
        memcpy(storage[*n], text, length);
        storage[*n][length] = '\0';
        keys[*n] = storage[*n];
        (*n)++;
        text += length;
        if (*text == ',' && *++text == '\0')
            return false;
    }
    return true;
}

void jobs_metrics(void *context, const struct http_request *request, struct http_response *response)
{
    static const char *const known[] = {"keys", "since_step", "format", "width", "height", NULL};
    const struct service *service = context;
    char storage[METRIC_KEYS_MAX][METRIC_KEY_SIZE];
    const char *keys[METRIC_KEYS_MAX];
    size_t n_keys = 0, n_places = 0;
    uint64_t since = 0;
    struct form_query form = {0};
    struct problem_list problems = {0};
    const char *list = http_query(request, "keys");
    if (!plot_form_or_reply(request, response, FORM_PNG + 1, known, &form))
        return;
    codec_args_integer(request, "since_step", 0, LIMIT_STEPS, &since, &problems);
    if (list && !split_keys(list, storage, keys, &n_keys))
        problem_add(&problems, STATUS_INVALID, "/keys",
                    "'keys' must be at most %d names of metrics, separated by commas",
                    METRIC_KEYS_MAX);
    if (problems.status != STATUS_OK) {
        reply_problems(request, response, &problems);
        return;
    }
    struct job_row row = {0};
    if (!get_job_or_reply(service, request, response, &row))
        return;
    struct error err = {0};
    struct metric_series series = {0};
    int64_t after = http_query(request, "since_step") ? (int64_t)since : -1;
    if (store_job_metrics(service->store, row.id, keys, n_keys, after, &series, &err) != STATUS_OK)
        reply_error(request, response, &err);
    else if (form.form == FORM_JSON)
        reply_json_tagged(request, response, codec_job_series(&series));
    else if (plot_places_or_reply(service, request, response, &form, &n_places))
        job_plot_reply(request, response, &form, &row, &series, n_keys);
    http_response_header(response, "Vary", "Accept");
    evaluation_give_places(service, n_places);
    metric_series_deinit(&series);
    job_row_deinit(&row);
}

/* --- cancel --- */

/* A job that was still queued ends with the call, and its watchers hear it from here. */
static enum status cancel(const struct service *service, const struct job_row *row,
                          struct error *err)
{
    enum { N = 2 };
    struct job_event events[N] = {0};
    const struct job_done done = {.status = JOB_CANCELED};
    bool was_running = false;
    enum status st = job_event_state(&events[0], JOB_CANCELED, row->attempt, err);
    if (st == STATUS_OK)
        st = job_event_done(&events[1], &done, err);
    if (st == STATUS_OK)
        st = store_job_cancel(service->store, row->id, events, N, &was_running, err);
    if (st == STATUS_OK && events[0].seq > 0) {
        field_cache_forget(service->fields, row->field_id); /* of an attempt that was lost */
        events_publish(service->events, row->id, events, N);
    }
    if (st == STATUS_OK && was_running)
        supervisor_cancel(service->supervisor, row->id);
    job_event_deinit(&events[0]);
    job_event_deinit(&events[1]);
    return st;
}

void jobs_cancel(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct job_row before = {0}, after = {0};
    struct error err = {0};
    if (!get_job_or_reply(service, request, response, &before))
        return;
    if (cancel(service, &before, &err) != STATUS_OK) {
        reply_error(request, response, &err);
        goto out;
    }
    if (get_job_or_reply(service, request, response, &after))
        reply_job(service, request, response, &after);
out:
    job_row_deinit(&before);
    job_row_deinit(&after);
}

/* --- delete --- */

void jobs_delete(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    if (store_job_delete(service->store, request->params[0], &err) == STATUS_OK)
        reply_deleted(response);
    else
        reply_error(request, response, &err);
}
