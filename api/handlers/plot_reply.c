#include "api/handlers/plot_reply.h"

#include <stdio.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/handlers/reply.h"

enum { PLOT_VERSION = 1 };

static const char *const form_names[] = {"json", "png", "csv"};
static const char *const form_types[] = {"application/json", "image/png", "text/csv"};

static bool accept_or_reply(const struct http_request *request, struct http_response *response,
                            size_t n_forms, size_t *form)
{
    const char *offers[N_FORMS + 1] = {NULL};
    char words[128] = "the answer can be ";
    for (size_t i = 0; i < n_forms && i < N_FORMS; i++) {
        const size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", i == 0 ? "" : " or ", form_types[i]);
        offers[i] = form_types[i];
    }
    if (codec_accept(http_header(request, "Accept"), offers, form))
        return true;
    problem_respond_status(request, 406, words, response);
    return false;
}

bool plot_form_or_reply(const struct http_request *request, struct http_response *response,
                        size_t n_forms, const char *const *known, struct form_query *out)
{
    struct problem_list problems = {0};
    const char *names[N_FORMS + 1] = {NULL};
    uint64_t width = out->width, height = out->height;
    size_t form = FORM_JSON;
    memcpy(names, form_names, n_forms * sizeof *names);
    codec_args_known(request, known, &problems);
    codec_args_name(request, "format", names, &form, &problems);
    codec_args_integer(request, "width", PLOT_MIN_SIDE, PLOT_MAX_SIDE, &width, &problems);
    codec_args_integer(request, "height", PLOT_MIN_SIDE, PLOT_MAX_SIDE, &height, &problems);
    if (problems.status != STATUS_OK)
        return reply_problems(request, response, &problems);
    if (!http_query(request, "format") && !accept_or_reply(request, response, n_forms, &form))
        return false;
    if (form != FORM_PNG && (http_query(request, "width") || http_query(request, "height"))) {
        problem_add(&problems, STATUS_INVALID, http_query(request, "width") ? "/width" : "/height",
                    "'width' and 'height' are of plots: ask for format=png");
        return reply_problems(request, response, &problems);
    }
    *out = (struct form_query){(enum answer_form)form, (size_t)width, (size_t)height};
    return true;
}

void plot_add_cost(const struct form_query *form, struct evaluation_cost *cost)
{
    const double work_of_pixel = 100, bytes_of_pixel = 5; /* the largest takes a second */
    const double pixels = (double)form->width * (double)form->height;
    cost->multiply_adds += form->form == FORM_PNG ? work_of_pixel * pixels : 0;
    cost->bytes += form->form == FORM_PNG ? bytes_of_pixel * pixels : 0;
}

bool plot_places_or_reply(const struct service *service, const struct http_request *request,
                          struct http_response *response, const struct form_query *form,
                          size_t *n_places)
{
    struct evaluation_cost cost = {.where = "/width"};
    struct error err = {0};
    plot_add_cost(form, &cost);
    if (evaluation_take_places(service, &cost, n_places, &err) == STATUS_OK)
        return true;
    return reply_error(request, response, &err);
}

void plot_reply(const struct http_request *request, struct http_response *response,
                const struct plot *p)
{
    char hash[SHA256_TEXT_SIZE], etag[ETAG_SIZE];
    struct error err = {0};
    struct buffer png;
    buffer_init(&png, PLOT_MAX_BYTES);
    if (plot_png(p, &png, &err) != STATUS_OK) {
        reply_error(request, response, &err);
    } else if (request->method != HTTP_GET) {
        http_response_take(response, 200, "image/png", &png);
    } else {
        sha256_text(png.data, png.size, hash);
        reply_make_etag(etag, hash, PLOT_VERSION, "plot");
        if (!reply_not_modified(request, response, etag, CACHE_REVALIDATE, png.size)) {
            http_response_take(response, 200, "image/png", &png);
            reply_tag(response, etag, CACHE_REVALIDATE);
        }
    }
    buffer_deinit(&png);
}
