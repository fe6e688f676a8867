#include "api/handlers/embedded.h"
#include "api/handlers/handlers.h"

extern const char _binary_api_openapi_json_start[], _binary_api_openapi_json_end[];

void openapi_get(void *context, const struct http_request *request, struct http_response *response)
{
    (void)context;
    const struct embedded file = {
        .name = "openapi.json",
        .media_type = "application/json",
        .start = _binary_api_openapi_json_start,
        .end = _binary_api_openapi_json_end,
    };
    embedded_reply(request, response, &file);
}
