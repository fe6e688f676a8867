/*
 * A field's weights as a safetensors file: read piece by piece from the store, or the last snapshot
 * of a field in training.
 */
#include <stdio.h>
#include <string.h>

#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "core/base/mem.h"

static const char media_type[] = "application/octet-stream";

struct blob_source {
    struct store *store;
    char sha256[SHA256_TEXT_SIZE];
    uint64_t size;
};

static int64_t read_blob(void *context, uint64_t offset, size_t n, uint8_t *out)
{
    const struct blob_source *source = context;
    if (offset >= source->size)
        return 0;
    uint64_t left = source->size - offset;
    size_t count = left < n ? (size_t)left : n;
    enum status st = store_blob_read(source->store, source->sha256, offset, count, out, NULL);
    return st == STATUS_OK ? (int64_t)count : -(int64_t)st;
}

static void set_file(struct http_response *response, const char *field_id, const char *etag,
                     enum reply_cache cache)
{
    char name[ID_SIZE + 16];
    response->status = 200;
    snprintf(response->content_type, sizeof(response->content_type), "%s", media_type);
    response->accept_ranges = true;
    snprintf(name, sizeof(name), "%s.safetensors", field_id);
    reply_tag(response, etag, cache);
    reply_attachment(response, name, name);
}

static void reply_final(const struct service *service, const struct http_request *request,
                        struct http_response *response, const struct field_row *row)
{
    char etag[ETAG_SIZE];
    snprintf(etag, sizeof(etag), "\"%s\"", row->weights_sha256);
    if (reply_not_modified(request, response, etag, CACHE_IMMUTABLE, row->bytes))
        return;
    struct error err = {0};
    struct blob_source *source = mem_alloc(sizeof(*source));
    if (!source) {
        error_status(&err, STATUS_NO_MEMORY);
        reply_error(request, response, &err);
        return;
    }
    source->store = service->store;
    source->size = row->bytes;
    memcpy(source->sha256, row->weights_sha256, sizeof(source->sha256));
    response->body_type = BODY_READER;
    response->reader = read_blob;
    response->reader_context = source;
    response->reader_free = mem_free;
    response->size = row->bytes;
    set_file(response, row->id, etag, CACHE_IMMUTABLE);
}

/* The tag is of the bytes that are sent: the next snapshot may come at any moment. */
static void reply_snapshot(const struct service *service, const struct http_request *request,
                           struct http_response *response, const char *field_id)
{
    struct error err = {0};
    uint8_t *bytes = NULL;
    size_t n = 0;
    char hash[SHA256_TEXT_SIZE], etag[ETAG_SIZE];
    const struct field_entry *entry = NULL;
    enum status st = field_cache_get(service->fields, field_id, &entry, &err);
    if (st == STATUS_OK) {
        st = field_cache_weights(service->fields, field_id, &bytes, &n, &err);
        field_cache_release(service->fields, entry);
    }
    if (st != STATUS_OK) {
        reply_error(request, response, &err);
        return;
    }
    sha256_text(bytes, n, hash);
    snprintf(etag, sizeof(etag), "\"%s\"", hash);
    if (reply_not_modified(request, response, etag, CACHE_REVALIDATE, n)) {
        mem_free(bytes);
        return;
    }
    response->body_type = BODY_BYTES;
    response->bytes = bytes;
    response->n_bytes = n;
    set_file(response, field_id, etag, CACHE_REVALIDATE);
}

void fields_weights(void *context, const struct http_request *request,
                    struct http_response *response)
{
    const struct service *service = context;
    struct error err = {0};
    struct field_row row = {0};
    enum status st = store_field_get(service->store, request->params[0], &row, &err);
    if (st == STATUS_OK)
        reply_final(service, request, response, &row);
    else if (st == STATUS_NOT_FOUND)
        reply_snapshot(service, request, response, request->params[0]);
    else
        reply_error(request, response, &err);
    field_row_deinit(&row);
}
