/*
 * The bytes of a dataset: as they were sent, and as a small picture.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_dataset.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "core/base/mem.h"

enum {
    PREVIEW_MIN = 16,
    PREVIEW_DEFAULT = 256,
    PREVIEW_MAX = 1024,
    PREVIEW_VERSION = 2, /* of the filter and the encoder: part of the entity tag */
};

/* As for an upload: the bytes are decoded in a worker, never here. */
static const double preview_seconds = 60;

static bool get_dataset_or_reply(const struct service *service, const struct http_request *request,
                                 struct http_response *response, struct dataset_row *row)
{
    struct error err = {0};
    if (store_dataset_get(service->store, request->params[0], row, &err) == STATUS_OK)
        return true;
    return reply_error(request, response, &err);
}

/* A file name that any system takes: the id, and an ending that says what it is. */
enum { FILE_NAME = ID_SIZE + 8 };
static void make_file_name(const struct dataset_row *row, char out[FILE_NAME])
{
    static const char *const endings[][2] = {
        {"image/png", ".png"},           {"image/jpeg", ".jpg"},
        {"application/x-npy", ".npy"},   {"application/x-npz", ".npz"},
        {"application/zip", ".zip"},     {"application/x-nifti", ".nii"},
        {"application/gzip", ".nii.gz"}, {"application/x-nrrd", ".nrrd"},
        {"model/obj", ".obj"},           {"model/stl", ".stl"},
        {"application/ply", ".ply"},     {"model/vnd.off", ".off"}};
    const char *ending = "";
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (strcmp(row->media_type, endings[i][0]) == 0)
            ending = endings[i][1];
    }
    snprintf(out, FILE_NAME, "%s%s", row->id, ending);
}

void datasets_content(void *context, const struct http_request *request,
                      struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    struct dataset_row row = {0};
    char etag[ETAG_SIZE], file_name[FILE_NAME];
    int file = -1;
    if (!get_dataset_or_reply(service, request, response, &row))
        return;
    snprintf(etag, sizeof(etag), "\"%s\"", row.sha256);
    if (reply_not_modified(request, response, etag, CACHE_IMMUTABLE, row.bytes))
        goto out;
    if (store_dataset_open(service->store, row.sha256, &file, &err) != STATUS_OK) {
        reply_error(request, response, &err);
        goto out;
    }
    response->status = 200;
    snprintf(response->content_type, sizeof(response->content_type), "%s", row.media_type);
    response->body_type = BODY_DESCRIPTOR;
    response->descriptor = file;
    response->size = row.bytes;
    response->accept_ranges = true;
    reply_tag(response, etag, CACHE_IMMUTABLE);
    make_file_name(&row, file_name);
    reply_attachment(response, row.name, file_name);
out:
    dataset_row_deinit(&row);
}

/* Ask a worker for a picture of the dataset's file. */
static enum status make_preview(const struct service *service, const struct dataset_row *row,
                                size_t width, uint8_t **png, size_t *n, struct error *err)
{
    char path[64];
    char *answer = NULL;
    int file = -1;
    enum status st = STATUS_NO_MEMORY;
    char *question = codec_inspect_question(row->kind, row->media_type, width);
    if (!question) {
        error_status(err, st);
        goto out;
    }
    st = store_dataset_open(service->store, row->sha256, &file, err);
    if (st != STATUS_OK)
        goto out;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    st = supervisor_inspect(service->supervisor, question, path, preview_seconds, &answer, err);
    if (st == STATUS_OK)
        st = codec_inspect_preview(answer, png, n, err);
out:
    if (file >= 0)
        close(file);
    mem_free(question);
    mem_free(answer);
    return st;
}

static void reply_preview(const struct service *service, const struct http_request *request,
                          struct http_response *response, const struct dataset_row *row,
                          uint64_t width)
{
    char etag[ETAG_SIZE], parameters[32];
    snprintf(parameters, sizeof(parameters), "preview %u", (unsigned)width);
    reply_make_etag(etag, row->sha256, PREVIEW_VERSION, parameters);
    if (reply_not_modified(request, response, etag, CACHE_IMMUTABLE, 0))
        return;

    struct error err = {0};
    uint8_t *png = NULL;
    size_t n = 0;
    if (make_preview(service, row, (size_t)width, &png, &n, &err) != STATUS_OK) {
        reply_error(request, response, &err);
        return;
    }
    response->status = 200;
    snprintf(response->content_type, sizeof(response->content_type), "image/png");
    response->body_type = BODY_BYTES;
    response->bytes = png;
    response->n_bytes = n;
    reply_tag(response, etag, CACHE_IMMUTABLE);
}

void datasets_preview(void *context, const struct http_request *request,
                      struct http_response *response)
{
    static const char *const known[] = {"width", NULL};
    struct problem_list problems = {0};
    struct dataset_row row = {0};
    uint64_t width = PREVIEW_DEFAULT;
    codec_args_known(request, known, &problems);
    codec_args_integer(request, "width", PREVIEW_MIN, PREVIEW_MAX, &width, &problems);
    if (problems.status != STATUS_OK) {
        reply_problems(request, response, &problems);
        return;
    }
    if (!get_dataset_or_reply(context, request, response, &row))
        return;
    reply_preview(context, request, response, &row, width);
    dataset_row_deinit(&row);
}
