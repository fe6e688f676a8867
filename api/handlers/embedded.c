#include "api/handlers/embedded.h"

#include <stdio.h>

#include "api/handlers/reply.h"

void embedded_reply(const struct http_request *request, struct http_response *response,
                    const struct embedded *file)
{
    size_t n = (size_t)(file->end - file->start);
    char hash[SHA256_TEXT_SIZE], etag[ETAG_SIZE];
    sha256_text(file->start, n, hash);
    snprintf(etag, sizeof(etag), "\"%s\"", hash);
    if (reply_not_modified(request, response, etag, CACHE_REVALIDATE, n))
        return;

    struct error err = {0};
    struct buffer body;
    buffer_init(&body, n);
    if (buffer_append(&body, file->start, n, &err) == STATUS_OK) {
        http_response_take(response, 200, file->media_type, &body);
        reply_tag(response, etag, CACHE_REVALIDATE);
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
}
