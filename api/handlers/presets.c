#include "api/presets.h"

#include "api/estimate.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"

void presets_get(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct costs costs;
    reply_json(request, response, 200,
               presets_list(calibrator_wait(service->calibrator, ESTIMATE_PATIENCE, &costs),
                            service->config, &service->arithmetic));
}
