#include "api/handlers/submission.h"

#include <string.h>

#include "api/handlers/reply.h"
#include "core/base/buffer.h"

enum { IDEMPOTENCY_KEY_MAX = 255, REQUEST_TEXT_MAX = 512 };

bool submission_read_or_reply(const struct http_request *request, struct http_response *response,
                              struct submission *out)
{
    struct error err = {0};
    struct buffer text;
    out->key.key = http_header(request, "Idempotency-Key");
    if (!out->key.key)
        return true;
    size_t length = strlen(out->key.key);
    if (length == 0 || length > IDEMPOTENCY_KEY_MAX) {
        error_set(&err, STATUS_INVALID, "", "'Idempotency-Key' must have 1 to %d characters",
                  IDEMPOTENCY_KEY_MAX);
        return reply_error(request, response, &err);
    }
    buffer_init(&text, request->body_size + REQUEST_TEXT_MAX);
    enum status st = buffer_printf(&text, &err, "POST %s\n", request->path);
    if (st == STATUS_OK)
        st = buffer_append(&text, request->body, request->body_size, &err);
    if (st == STATUS_OK)
        sha256_text(text.data, text.size, out->hash);
    buffer_deinit(&text);
    out->key.request_sha256 = out->hash;
    return st == STATUS_OK || reply_error(request, response, &err);
}

bool submission_settle_or_reply(const struct service *service, const struct http_request *request,
                                struct http_response *response, enum status inserted, bool existed,
                                struct error *err)
{
    if (inserted == STATUS_NOT_FOUND)
        err->status = STATUS_CONFLICT;
    if (inserted != STATUS_OK)
        return reply_error(request, response, err);
    if (!existed)
        supervisor_wake(service->supervisor);
    return true;
}
