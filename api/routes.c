#include "api/routes.h"

#include "api/handlers/handlers.h"

static const struct http_route routes[] = {
    {HTTP_POST, "/v1/datasets", datasets_create, ROUTE_FILE_BODY, 0},
    {HTTP_GET, "/v1/datasets", datasets_list, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/datasets/{id}", datasets_get, ROUTE_NO_BODY, 0},
    {HTTP_DELETE, "/v1/datasets/{id}", datasets_delete, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/datasets/{id}/content", datasets_content, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/datasets/{id}/preview", datasets_preview, ROUTE_NO_BODY, 0},

    {HTTP_POST, "/v1/jobs", jobs_create, ROUTE_JSON_BODY, 0},
    {HTTP_GET, "/v1/jobs", jobs_list, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/jobs/{id}", jobs_get, ROUTE_NO_BODY, 0},
    {HTTP_DELETE, "/v1/jobs/{id}", jobs_delete, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/jobs/{id}/metrics", jobs_metrics, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/jobs/{id}/events", jobs_events, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/v1/jobs/{id}/cancel", jobs_cancel, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/v1/jobs/{id}/resume", jobs_resume, ROUTE_JSON_BODY, 0},
    {HTTP_POST, "/v1/estimates", estimates_make, ROUTE_JSON_BODY, 0},
    {HTTP_POST, "/v1/sweeps", sweeps_create, ROUTE_JSON_BODY, 0},
    {HTTP_GET, "/v1/sweeps", sweeps_list, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/sweeps/{id}", sweeps_get, ROUTE_NO_BODY, 0},
    {HTTP_DELETE, "/v1/sweeps/{id}", sweeps_delete, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/v1/sweeps/{id}/cancel", sweeps_cancel, ROUTE_NO_BODY, 0},

    {HTTP_GET, "/v1/presets", presets_get, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/service", service_get, ROUTE_NO_BODY, 0},

    {HTTP_GET, "/v1/fields", fields_list, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}", fields_get, ROUTE_NO_BODY, 0},
    {HTTP_DELETE, "/v1/fields/{id}", fields_delete, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/v1/fields/{id}/query", fields_query, ROUTE_BINARY_BODY, 0},
    {HTTP_POST, "/v1/fields/{id}/ntk", fields_ntk, ROUTE_JSON_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}/value", fields_value, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}/image", fields_image, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/v1/fields/{id}/render", fields_render, ROUTE_JSON_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}/slice", fields_slice, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}/volume", fields_volume, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}/mesh", fields_mesh, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}/evaluate", fields_evaluate, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/fields/{id}/weights", fields_weights, ROUTE_NO_BODY, 0},

    {HTTP_GET, "/xyz/{id}/{z}/{x}/{y}.png", tiles_xyz, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/dzi/{id}.dzi", tiles_dzi, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/dzi/{id}_files/{level}/{tile}.png", tiles_dzi_tile, ROUTE_NO_BODY, 0},

    {HTTP_POST, "/v1/ntk", theory_kernel, ROUTE_JSON_BODY, 0},
    {HTTP_POST, "/v1/ntk/regression", theory_regression, ROUTE_JSON_BODY, 0},
    {HTTP_POST, "/v1/ntk/amplitudes", theory_amplitudes, ROUTE_JSON_BODY, 0},

    {HTTP_GET, "/healthz", health_alive, ROUTE_NO_BODY, ROUTE_INLINE | ROUTE_OPEN},
    {HTTP_GET, "/readyz", health_ready, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/metrics", health_metrics, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/openapi.json", openapi_get, ROUTE_NO_BODY, ROUTE_INLINE},
    {HTTP_GET, "/", dashboard_index, ROUTE_NO_BODY, ROUTE_INLINE | ROUTE_REFUSES},
    {HTTP_GET, "/favicon.ico", dashboard_icon, ROUTE_NO_BODY, ROUTE_INLINE},
    {HTTP_GET, "/assets/{name}", dashboard_asset, ROUTE_NO_BODY, ROUTE_INLINE | ROUTE_OPEN},
    {HTTP_GET, "/assets/{folder}/{name}", dashboard_asset_in_folder, ROUTE_NO_BODY,
     ROUTE_INLINE | ROUTE_OPEN},
};

const struct http_route *routes_table(size_t *n)
{
    *n = sizeof(routes) / sizeof(routes[0]);
    return routes;
}
