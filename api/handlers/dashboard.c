/*
 * The dashboard: files of api/dashboard, embedded in the program; for programs, links as JSON.
 * The files are the same for everybody, so they need no token; what they show comes with one.
 */
#include <jansson.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/handlers/dashboard_files.h"
#include "api/handlers/embedded.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"

/* folder: "" for the files beside the page.  NULL: there is no such file. */
static const struct embedded *find_file(const char *folder, const char *name)
{
    const size_t n = strlen(folder);
    for (size_t i = 0; i < n_dashboard_files; i++) {
        const char *path = dashboard_files[i].name;
        if (strncmp(path, folder, n) == 0 && (n == 0 || path[n] == '/') &&
            strcmp(path + n + (n > 0), name) == 0)
            return &dashboard_files[i];
    }
    return NULL;
}

static const struct embedded *find_page(void)
{
    return find_file("", "index.html");
}

static json_t *links(void)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "name",
                     "farfield", "version", FARFIELD_VERSION, "links", "openapi", "/openapi.json",
                     "datasets", "/v1/datasets", "jobs", "/v1/jobs", "fields", "/v1/fields",
                     "presets", "/v1/presets", "service", "/v1/service", "health", "/healthz",
                     "ready", "/readyz", "metrics", "/metrics");
}

/* A browser, which names HTML among what it wants, shows the page all the same: it has no secrets,
 * and it asks for a token.  Whoever takes anything gets the problem. */
static void refuse(const struct http_request *request, struct http_response *response)
{
    static const char *const offers[] = {"application/problem+json", "text/html", NULL};
    size_t chosen = 0;
    if (codec_accept(http_header(request, "Accept"), offers, &chosen) && chosen == 1)
        embedded_reply_once(request, response, 401, find_page());
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
        embedded_reply(request, response, find_page());
    else
        reply_json(request, response, 200, links());
    http_response_header(response, "Vary", "Accept");
}

static void reply_file(const struct http_request *request, struct http_response *response,
                       const struct embedded *file)
{
    if (file)
        embedded_reply(request, response, file);
    else
        problem_respond_status(request, 404, "there is no such file", response);
}

void dashboard_asset(void *context, const struct http_request *request,
                     struct http_response *response)
{
    (void)context;
    reply_file(request, response, find_file("", request->params[0]));
}

void dashboard_asset_in_folder(void *context, const struct http_request *request,
                               struct http_response *response)
{
    (void)context;
    reply_file(request, response, find_file(request->params[0], request->params[1]));
}

void dashboard_icon(void *context, const struct http_request *request,
                    struct http_response *response)
{
    (void)context;
    reply_file(request, response, find_file("", "favicon.svg"));
}
