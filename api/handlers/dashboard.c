/*
 * The dashboard: files of api/dashboard, embedded in the program; for programs, links as JSON.
 * The files are the same for everybody, so they need no token; what they show comes with one.
 */
#include <jansson.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/handlers/embedded.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"

#define EMBEDDED(symbol)                                                                           \
    extern const char _binary_api_dashboard_##symbol##_start[],                                    \
        _binary_api_dashboard_##symbol##_end[]
EMBEDDED(index_html);
EMBEDDED(api_js);
EMBEDDED(app_js);
EMBEDDED(chart_js);
EMBEDDED(session_js);
EMBEDDED(viewer_js);
EMBEDDED(style_css);
EMBEDDED(favicon_svg);

#define ASSET(file, type, symbol)                                                                  \
    {                                                                                              \
        file, type, _binary_api_dashboard_##symbol##_start, _binary_api_dashboard_##symbol##_end   \
    }
static const char script[] = "text/javascript; charset=utf-8";
static const struct embedded assets[] = {
    ASSET("api.js", script, api_js),
    ASSET("app.js", script, app_js),
    ASSET("chart.js", script, chart_js),
    ASSET("session.js", script, session_js),
    ASSET("viewer.js", script, viewer_js),
    ASSET("style.css", "text/css; charset=utf-8", style_css),
    ASSET("favicon.svg", "image/svg+xml", favicon_svg),
};
static const struct embedded page = ASSET("index.html", "text/html; charset=utf-8", index_html);

static json_t *links(void)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "name", "farfield",
                     "version", FARFIELD_VERSION, "links", "openapi", "/openapi.json", "datasets",
                     "/v1/datasets", "jobs", "/v1/jobs", "fields", "/v1/fields", "presets",
                     "/v1/presets", "health", "/healthz", "ready", "/readyz", "metrics",
                     "/metrics");
}

/* A browser, which names HTML among what it wants, shows the page all the same: it has no secrets,
 * and it asks for a token.  Whoever takes anything gets the problem. */
static void refuse(const struct http_request *request, struct http_response *response)
{
    static const char *const offers[] = {"application/problem+json", "text/html", NULL};
    size_t chosen = 0;
    if (codec_accept(http_header(request, "Accept"), offers, &chosen) && chosen == 1)
        embedded_reply_once(request, response, 401, &page);
    else
        problem_respond_status(request, 401, "a token is needed: 'Authorization: Bearer TOKEN'",
                               response);
    http_response_header(response, "Vary", "Accept");
}

void dashboard_index(void *context, const struct http_request *request,
                     struct http_response *response)
{
    static const char *const offers[] = {"text/html", "application/json", NULL};
    size_t chosen = 0;
    (void)context;
    if (request->is_stranger) {
        refuse(request, response);
        return;
    }
    if (!codec_accept(http_header(request, "Accept"), offers, &chosen)) {
        problem_respond_status(request, 406, "the answer can be text/html or application/json",
                               response);
        return;
    }
    if (chosen == 0)
        embedded_reply(request, response, &page);
    else
        reply_json(request, response, 200, links());
    http_response_header(response, "Vary", "Accept");
}

static void reply_asset(const struct http_request *request, struct http_response *response,
                        const char *name)
{
    for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++) {
        if (strcmp(name, assets[i].name) == 0) {
            embedded_reply(request, response, &assets[i]);
            return;
        }
    }
    problem_respond_status(request, 404, "there is no such file", response);
}

void dashboard_asset(void *context, const struct http_request *request,
                     struct http_response *response)
{
    (void)context;
    reply_asset(request, response, request->params[0]);
}

void dashboard_icon(void *context, const struct http_request *request,
                    struct http_response *response)
{
    (void)context;
    reply_asset(request, response, "favicon.svg");
}
