/*
 * Answers that can also be drawn: which form of it a client wants, and how large.
 *
 * ?format= says it by name, else the Accept header does; JSON where nothing is said.  width and
 * height, in pixels, go with PNG alone.
 */
#ifndef API_HANDLERS_PLOT_REPLY_H
#define API_HANDLERS_PLOT_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "api/handlers/evaluation.h"
#include "core/plot/plot.h"
#include "server/http/http.h"

enum answer_form { FORM_JSON, FORM_PNG, FORM_CSV, N_FORMS };

struct form_query {
    enum answer_form form;
    size_t width, height; /* the caller's defaults before, what is wanted after */
};

/* n_forms of the forms are offered, from FORM_JSON on.  known: the arguments of this path (ended by
 * NULL), "format", "width" and "height" among them.  False: answered (406, 422). */
bool plot_form_or_reply(const struct http_request *request, struct http_response *response,
                        size_t n_forms, const char *const *known, struct form_query *out);

/* Add what drawing it takes: nothing for other forms. */
void plot_add_cost(const struct form_query *form, struct evaluation_cost *cost);

/* Places for a plot alone; given back by evaluation_give_places.  False: answered (429). */
bool plot_places_or_reply(const struct service *service, const struct http_request *request,
                          struct http_response *response, const struct form_query *form,
                          size_t *n_places);

/* Draw it and answer 200 with a PNG.  The answer to a GET has a strong entity tag of its bytes: 304
 * where the caller has them. */
void plot_reply(const struct http_request *request, struct http_response *response,
                const struct plot *p);

#endif
