#include "api/handlers/embedded.h"

#include <stdio.h>

#include "api/handlers/reply.h"

/* False: answered as an error. */
static bool take_file(const struct http_request *request, struct http_response *response,
                      unsigned status, const struct embedded *file)
{
    size_t n = (size_t)(file->end - file->start);
    struct error err = {0};
    struct buffer body;
    buffer_init(&body, n);
    bool ok = buffer_append(&body, file->start, n, &err) == STATUS_OK;
    if (ok)
        http_response_take(response, status, file->media_type, &body);
    else
        reply_error(request, response, &err);
    buffer_deinit(&body);
    return ok;
}

void embedded_reply(const struct http_request *request, struct http_response *response,
                    const struct embedded *file)
{
    size_t n = (size_t)(file->end - file->start);
    char hash[SHA256_TEXT_SIZE], etag[ETAG_SIZE];
    sha256_text(file->start, n, hash);
    snprintf(etag, sizeof(etag), "\"%s\"", hash);
    if (!reply_not_modified(request, response, etag, CACHE_REVALIDATE, n) &&
        take_file(request, response, 200, file))
        reply_tag(response, etag, CACHE_REVALIDATE);
}

void embedded_reply_once(const struct http_request *request, struct http_response *response,
                         unsigned status, const struct embedded *file)
{
    if (take_file(request, response, status, file))
        http_response_header(response, "Cache-Control", "no-store");
}
