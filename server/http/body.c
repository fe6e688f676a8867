#include "server/http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { FORM_BUFFER = 64 * 1024 };

void media_type_of(const char *content_type, char out[64])
{
    size_t n = content_type ? strcspn(content_type, "; \t") : 0;
    out[0] = '\0';
    if (n >= 64)
        return;
    for (size_t i = 0; i < n; i++) {
        char c = content_type[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    out[n] = '\0';
}

static unsigned refuse_size(const struct body *b, struct error *err)
{
    error_set(err, STATUS_TOO_LARGE, "", "the body is larger than the limit of %llu bytes",
              (unsigned long long)b->limit);
    return MHD_HTTP_CONTENT_TOO_LARGE;
}

unsigned body_begin_dropped(struct body *b, uint64_t limit)
{
    *b = (struct body){.kind = BODY_DROPPED, .limit = limit, .file = -1};
    return 0;
}

unsigned body_begin_memory(struct body *b, uint64_t limit)
{
    *b = (struct body){.kind = BODY_MEMORY, .limit = limit, .file = -1};
    buffer_init(&b->memory, limit < SIZE_MAX ? (size_t)limit : SIZE_MAX);
    return 0;
}

/* --- files --- */

static unsigned fail_file(const char *what, struct error *err)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT;
    bool is_busy = errno == EMFILE || errno == ENFILE;
    error_set(err,
              is_full   ? STATUS_NO_SPACE
              : is_busy ? STATUS_BUSY
                        : STATUS_IO,
              "", "cannot %s the upload: %s", what, strerrordesc_np(errno));
    return is_full   ? MHD_HTTP_INSUFFICIENT_STORAGE
           : is_busy ? MHD_HTTP_SERVICE_UNAVAILABLE
                     : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

unsigned body_begin_file(struct body *b, uint64_t limit, const char *folder, const char *name,
                         struct error *err)
{
    *b = (struct body){.kind = BODY_FILE, .limit = limit, .file = -1};
    int n = snprintf(b->path, sizeof b->path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof b->path) {
        b->path[0] = '\0';
        errno = ENAMETOOLONG;
        return fail_file("store", err);
    }
    b->file = open(b->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (b->file < 0) {
        b->path[0] = '\0';
        return fail_file("store", err);
    }
    crypto_hash_sha256_init(&b->hash);
    return 0;
}

static unsigned write_file(struct body *b, const char *bytes, size_t n, struct error *err)
{
    if (n > b->limit - b->content_size)
        return refuse_size(b, err);
    b->content_size += n;
    crypto_hash_sha256_update(&b->hash, (const unsigned char *)bytes, n);
    while (n > 0) {
        ssize_t written = write(b->file, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_file("store", err);
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

/* --- forms --- */

static enum MHD_Result fail_part(struct body *b, unsigned status, const char *words)
{
    b->status = status;
    error_set(&b->error, STATUS_INVALID, "", "%s", words);
    return MHD_NO;
}

static enum MHD_Result take_part(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *file_name, const char *content_type,
                                 const char *transfer_encoding, const char *bytes, uint64_t offset,
                                 size_t n)
{
    (void)kind;
    struct body *b = context;
    if (offset == 0) {
        if (!name || strcmp(name, "file") != 0)
            return fail_part(b, 422, "the form must have one part, named 'file'");
        if (b->in_part)
            return fail_part(b, 422, "the form has more than one part");
        if (transfer_encoding && strcasecmp(transfer_encoding, "binary") != 0 &&
            strcasecmp(transfer_encoding, "8bit") != 0)
            return fail_part(b, 422, "the part 'file' must not have a transfer encoding");
        b->in_part = true;
        media_type_of(content_type, b->media_type);
        snprintf(b->file_name, sizeof b->file_name, "%s", file_name ? file_name : "");
    }
    b->status = write_file(b, bytes, n, &b->error);
    return b->status == 0 ? MHD_YES : MHD_NO;
}

/* The library's reader of forms keeps it to itself when memory was short: it then takes a part to
 * have no name or no type, or a boundary to be missing.  Only errno tells. */
static bool was_short_of_memory(void)
{
    return errno == ENOMEM;
}

static unsigned refuse_for_memory(struct error *err)
{
    error_status(err, STATUS_NO_MEMORY);
    return MHD_HTTP_SERVICE_UNAVAILABLE;
}

unsigned body_begin_form(struct body *b, struct MHD_Connection *connection, struct error *err)
{
    b->kind = BODY_FORM;
    errno = 0;
    b->form = MHD_create_post_processor(connection, FORM_BUFFER, take_part, b);
    if (b->form)
        return 0;
    if (was_short_of_memory())
        return refuse_for_memory(err);
    error_set(err, STATUS_INVALID, "", "the Content-Type of the form has no usable boundary");
    return MHD_HTTP_BAD_REQUEST;
}

static unsigned take_form(struct body *b, const char *bytes, size_t n, struct error *err)
{
    if (b->received > b->limit + BODY_FORM_MARGIN)
        return refuse_size(b, err);
    errno = 0;
    enum MHD_Result result = MHD_post_process(b->form, bytes, n);
    if (was_short_of_memory())
        return refuse_for_memory(err);
    if (b->status != 0) {
        error_set(err, b->error.status, "", "%s", b->error.message);
        return b->status;
    }
    if (result == MHD_YES)
        return 0;
    error_set(err, STATUS_INVALID, "", "the form is malformed");
    return MHD_HTTP_BAD_REQUEST;
}

static unsigned end_form(struct body *b, struct error *err)
{
    enum MHD_Result result = MHD_destroy_post_processor(b->form);
    b->form = NULL;
    if (result == MHD_YES && b->in_part)
        return 0;
    error_set(err, STATUS_INVALID, "",
              b->in_part ? "the form ends before its last boundary" : "the form has no parts");
    return MHD_HTTP_BAD_REQUEST;
}

/* --- all kinds --- */

unsigned body_take(struct body *b, const char *bytes, size_t n, struct error *err)
{
    b->received += n;
    switch (b->kind) {
    case BODY_DROPPED:
        return b->received > b->limit ? refuse_size(b, err) : 0;
    case BODY_MEMORY:
        if (b->received > b->limit)
            return refuse_size(b, err);
        b->content_size += n;
        return buffer_append(&b->memory, bytes, n, err) == STATUS_OK ? 0 : 503;
    case BODY_FILE:
        return write_file(b, bytes, n, err);
    case BODY_FORM:
        return take_form(b, bytes, n, err);
    }
    return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static unsigned end_file(struct body *b, struct http_request *r, struct error *err)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&b->hash, digest);
    sodium_bin2hex(r->body_sha256, sizeof r->body_sha256, digest, sizeof digest);
    int closed = close(b->file);
    b->file = -1;
    if (closed != 0)
        return fail_file("store", err);
    r->body_path = b->path;
    return 0;
}

unsigned body_end(struct body *b, struct http_request *r, struct error *err)
{
    unsigned status = 0;
    if (b->kind == BODY_FORM) {
        status = end_form(b, err);
        snprintf(r->body_file_name, sizeof r->body_file_name, "%s", b->file_name);
        snprintf(r->body_media_type, sizeof r->body_media_type, "%s", b->media_type);
    }
    if (status == 0 && b->file >= 0)
        status = end_file(b, r, err);
    r->body = b->memory.data;
    r->body_size = (size_t)b->content_size;
    return status;
}

void body_deinit(struct body *b)
{
    if (b->form)
        MHD_destroy_post_processor(b->form);
    if (b->file >= 0 && b->path[0])
        close(b->file);
    if (b->path[0])
        unlink(b->path);
    buffer_deinit(&b->memory);
    *b = (struct body){.file = -1};
}
