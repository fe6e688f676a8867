/*
 * Datasets: upload, list, read, delete.
 *
 * An upload arrives spooled to a file and hashed.  Bytes that are here already as this kind are
 * answered without decoding; others are decoded whole in a worker process before anything is kept.
 */
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_dataset.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "core/base/mem.h"

/* What decoding may take: 256 MiB of the slowest format need seconds. */
static const double inspect_seconds = 60;

/* What the request says about its bytes.  kind stays "" where the bytes are to tell. */
static bool read_upload_or_reply(const struct http_request *request, struct http_response *response,
                                 struct dataset_row *row)
{
    static const char *const known[] = {"kind", "name", NULL};
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    if (codec_dataset_kind(request, row->kind, &problems) != STATUS_OK ||
        codec_dataset_name(request, request->body_file_name, row->name, &problems) != STATUS_OK ||
        problems.status != STATUS_OK)
        return reply_problems(request, response, &problems);
    if (request->body_size == 0) {
        problem_add(&problems, STATUS_INVALID, "",
                    "the body is empty: it must be the file's bytes");
        return reply_problems(request, response, &problems);
    }
    row->bytes = request->body_size;
    memcpy(row->sha256, request->body_sha256, sizeof(row->sha256));
    return true;
}

/* The dataset that these bytes are already, or a new one. */
static enum status keep_upload(struct service *service, const struct http_request *request,
                               struct dataset_row *row, bool *existed, struct error *err)
{
    struct dataset_row old = {0};
    if (*row->kind &&
        store_dataset_find(service->store, row->kind, row->sha256, &old, NULL) == STATUS_OK) {
        dataset_row_deinit(row);
        *row = old;
        *existed = true;
        return STATUS_OK;
    }

    char *answer = NULL;
    enum status st = STATUS_NO_MEMORY;
    char *question = codec_inspect_question(row->kind, request->body_media_type, 0);
    if (question)
        st = supervisor_inspect(service->supervisor, question, request->body_path, inspect_seconds,
                                &answer, err);
    else
        error_status(err, st);
    if (st == STATUS_OK)
        st = codec_inspect_answer(answer, row, err);
    if (st == STATUS_OK)
        st = store_dataset_insert(service->store, row, request->body_path, existed, err);
    mem_free(question);
    mem_free(answer);
    return st;
}

void datasets_create(void *context, const struct http_request *request,
                     struct http_response *response)
{
    struct dataset_row row = {0};
    if (!read_upload_or_reply(request, response, &row))
        return;
    struct error err = {0};
    bool existed = false;
    if (keep_upload(context, request, &row, &existed, &err) == STATUS_OK)
        reply_stored(request, response, existed ? 200 : 201, codec_dataset(&row), "/v1/datasets",
                     row.id);
    else
        reply_error(request, response, &err);
    dataset_row_deinit(&row);
}

/* kind: "" where it is not asked for. */
static bool read_filter_or_reply(const struct http_request *request, struct http_response *response,
                                 char kind[KIND_SIZE], struct page *page)
{
    static const char *const known[] = {"kind", "limit", "cursor", "q", NULL};
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_page(request, page, &problems);
    if (codec_dataset_kind(request, kind, &problems) == STATUS_OK && problems.status == STATUS_OK)
        return true;
    return reply_problems(request, response, &problems);
}

void datasets_list(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct service *service = context;
    struct page page = {0};
    char kind[KIND_SIZE];
    if (!read_filter_or_reply(request, response, kind, &page))
        return;
    struct error err = {0};
    struct dataset_list list = {0};
    if (store_dataset_list(service->store, *kind ? kind : NULL, &page, &list, &err) != STATUS_OK) {
        reply_error(request, response, &err);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < list.n; i++)
        reply_add_item(&items, codec_dataset(&list.rows[i]));
    reply_list(request, response, items, list.next_cursor);
    dataset_list_deinit(&list);
}

void datasets_get(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    struct dataset_row row = {0};
    if (store_dataset_get(service->store, request->params[0], &row, &err) != STATUS_OK) {
        reply_error(request, response, &err);
        return;
    }
    reply_json_tagged(request, response, codec_dataset(&row));
    dataset_row_deinit(&row);
}

void datasets_delete(void *context, const struct http_request *request,
                     struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    if (store_dataset_delete(service->store, request->params[0], &err) == STATUS_OK)
        reply_deleted(response);
    else
        reply_error(request, response, &err);
}
