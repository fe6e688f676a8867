/*
 * Values and derivatives at points: JSON, NPY and raw float32, and one point in the address.
 */
#include <assert.h>
#include <float.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_query.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/npy.h"

/* Bodies and answers, in one order. */
enum query_format { QUERY_JSON, QUERY_NPY, QUERY_RAW };
static const char *const media_types[] = {
    "application/json",
    "application/x-npy",
    "application/octet-stream",
    NULL,
};

/* JSON text of a float is at most this long with its comma and brackets. */
enum { JSON_FLOAT_BYTES = 24, ANSWER_OVERHEAD = 4096 };

static bool body_format_or_reply(const struct http_request *request, struct http_response *response,
                                 enum query_format *out)
{
    for (size_t i = 0; media_types[i]; i++) {
        if (strcasecmp(request->body_media_type, media_types[i]) == 0) {
            *out = (enum query_format)i;
            return true;
        }
    }
    problem_respond_status(request, 415,
                           "the body must be application/json, application/x-npy or "
                           "application/octet-stream",
                           response);
    return false;
}

/* An array file holds one array: several outputs are JSON. */
static bool answer_format_or_reply(const struct http_request *request,
                                   struct http_response *response, enum query_format body,
                                   unsigned outputs, enum query_format *out)
{
    bool is_single =
        outputs == OUTPUT_VALUE || outputs == OUTPUT_GRADIENT || outputs == OUTPUT_LAPLACIAN;
    const char *offers[4] = {media_types[QUERY_JSON]};
    enum query_format format[3] = {QUERY_JSON};
    size_t n = 1, chosen = 0;
    if (is_single) {
        format[0] = body;
        for (size_t i = 0; media_types[i]; i++) {
            if ((enum query_format)i != body)
                format[n++] = (enum query_format)i;
        }
        for (size_t i = 0; i < n; i++)
            offers[i] = media_types[format[i]];
    }
    if (codec_accept(http_header(request, "Accept"), offers, &chosen)) {
        *out = format[chosen];
        return true;
    }
    problem_respond_status(request, 406,
                           is_single ? "the answer can be application/json, application/x-npy or "
                                       "application/octet-stream"
                                     : "several outputs can only be application/json",
                           response);
    return false;
}

static enum status read_query(const struct service *service, const struct http_request *request,
                              enum query_format format, size_t n_dims, struct query *out,
                              struct problem_list *problems)
{
    static const char *const known[] = {"frame", "outputs", NULL};
    static const char *const none[] = {NULL};
    const struct config *config = service->config;
    if (codec_args_known(request, format == QUERY_JSON ? none : known, problems) != STATUS_OK)
        return problems->status;
    switch (format) {
    case QUERY_NPY:
        return codec_query_npy(request, n_dims, config->query_points_binary, out, problems);
    case QUERY_RAW:
        return codec_query_raw(request, n_dims, config->query_points_binary, out, problems);
    case QUERY_JSON:
        break;
    }
    return codec_query_json(request->body, request->body_size, config->json_depth, n_dims,
                            config->query_points_json, out, problems);
}

/* Not every field has a Laplacian. */
static bool has_outputs_or_reply(const struct http_request *request, struct http_response *response,
                                 const struct field *f, const struct query *query,
                                 enum query_format body)
{
    struct problem_list problems = {0};
    struct error err = {0};
    char place[32] = "/outputs";
    if (!(query->outputs & OUTPUT_LAPLACIAN) || field_check_laplacian(f, &err) == STATUS_OK)
        return true;
    if (body == QUERY_JSON)
        snprintf(place, sizeof place, "/outputs/%zu", query->laplacian_at);
    problem_add_error(&problems, place, &err);
    return reply_problems(request, response, &problems);
}

/* The points of a query and what becomes of them: arrays of floats, each whole, wherever they are
 * to lie; NULL: not asked for. */
struct asked {
    const float *coords; /* [N, D] */
    size_t n_points, n_dims, n_outputs;
    uint8_t *values;    /* [N, C] */
    uint8_t *gradient;  /* [N, C, D] */
    uint8_t *laplacian; /* [N, C] */
};

static void asked_points(const void *context, size_t first, size_t n, float *coords)
{
    const struct asked *a = context;
    memcpy(coords, a->coords + first * a->n_dims, n * a->n_dims * sizeof(float));
}

static void take_rows(uint8_t *array, size_t first, size_t n, const float *from, size_t n_columns)
{
    const size_t row = n_columns * sizeof(float);
    if (array)
        memcpy(array + first * row, from, n * row);
}

static void take_arrays(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    const struct asked *a = context;
    take_rows(a->values, first, n, out->values, a->n_outputs);
    take_rows(a->gradient, first, n, out->gradient, a->n_outputs * a->n_dims);
    take_rows(a->laplacian, first, n, out->laplacian, a->n_outputs);
}

/* The body is one array, as a file or as it is. */
static enum status evaluate_array(struct asked *a, const struct evaluation *e,
                                  const struct service *service, const struct http_request *request,
                                  unsigned output, enum query_format format, struct buffer *body,
                                  struct error *err)
{
    const bool is_gradient = output == OUTPUT_GRADIENT;
    const size_t shape[3] = {a->n_points, a->n_outputs, a->n_dims};
    const size_t n = shape[0] * shape[1] * (is_gradient ? shape[2] : 1);
    uint8_t **array = is_gradient                  ? &a->gradient
                      : output == OUTPUT_LAPLACIAN ? &a->laplacian
                                                   : &a->values;
    enum status st = STATUS_OK;
    if (format == QUERY_NPY)
        st = npy_encode_header(shape, is_gradient ? 3 : 2, body, err);
    if (st == STATUS_OK)
        st = buffer_extend(body, n * sizeof(float), array, err);
    return st == STATUS_OK ? evaluation_run(e, service, request, err) : st;
}

static enum status evaluate_json(struct asked *a, const struct evaluation *e,
                                 const struct service *service, const struct http_request *request,
                                 unsigned outputs, struct buffer *body, struct error *err)
{
    const size_t n_values = a->n_points * a->n_outputs;
    const bool has_values = outputs & OUTPUT_VALUE, has_gradient = outputs & OUTPUT_GRADIENT;
    const bool has_laplacian = outputs & OUTPUT_LAPLACIAN;
    const struct field_outputs out = {
        .values = has_values ? mem_alloc_floats(n_values) : NULL,
        .gradient = has_gradient ? mem_alloc_floats(n_values * a->n_dims) : NULL,
        .laplacian = has_laplacian ? mem_alloc_floats(n_values) : NULL,
    };
    enum status st = STATUS_OK;
    if ((has_values && !out.values) || (has_gradient && !out.gradient) ||
        (has_laplacian && !out.laplacian))
        st = error_status(err, STATUS_NO_MEMORY);
    a->values = (uint8_t *)out.values;
    a->gradient = (uint8_t *)out.gradient;
    a->laplacian = (uint8_t *)out.laplacian;
    if (st == STATUS_OK)
        st = evaluation_run(e, service, request, err);
    if (st == STATUS_OK)
        st = codec_query_answer(a->n_points, a->n_outputs, a->n_dims, &out, body, err);
    mem_free(out.values);
    mem_free(out.gradient);
    mem_free(out.laplacian);
    return st;
}

static size_t numbers_of_output(unsigned outputs, size_t n_dims)
{
    return (outputs & OUTPUT_VALUE ? 1 : 0) + (outputs & OUTPUT_GRADIENT ? n_dims : 0) +
           (outputs & OUTPUT_LAPLACIAN ? 1 : 0);
}

static void answer_query(const struct service *service, const struct http_request *request,
                         struct http_response *response, const struct field_entry *entry,
                         const struct query *query, enum query_format format)
{
    struct asked asked = {.coords = query->coords,
                          .n_points = query->n_points,
                          .n_dims = field_n_inputs(entry->field),
                          .n_outputs = field_n_outputs(entry->field)};
    const struct evaluation e = {
        .entry = entry,
        .frame = query->frame,
        .use = query->outputs & OUTPUT_LAPLACIAN  ? FIELD_LAPLACIANS
               : query->outputs & OUTPUT_GRADIENT ? FIELD_GRADIENTS
                                                  : FIELD_VALUES,
        .derivative_frame = query->frame,
        .n_points = query->n_points,
        .points = asked_points,
        .take = take_arrays,
        .context = &asked,
    };
    struct error err = {0};
    struct buffer body;
    buffer_init(&body, ANSWER_OVERHEAD + asked.n_points * JSON_FLOAT_BYTES *
                                             (asked.n_outputs * (asked.n_dims + 2) + 1));
    bool has_place = false;
    enum status st = evaluation_check_numbers(
        &e, (double)(asked.n_outputs * numbers_of_output(query->outputs, asked.n_dims)),
        format == QUERY_JSON ? LIMIT_ANSWER_DECIMALS : LIMIT_ANSWER_NUMBERS, &err);
    if (st == STATUS_OK)
        st = evaluation_begin(&e, service, &has_place, &err);
    if (st == STATUS_OK)
        st =
            format == QUERY_JSON
                ? evaluate_json(&asked, &e, service, request, query->outputs, &body, &err)
                : evaluate_array(&asked, &e, service, request, query->outputs, format, &body, &err);
    evaluation_end(service, has_place);
    if (st == STATUS_OK) {
        http_response_take(response, 200, media_types[format], &body);
        http_response_header(response, "Cache-Control", "no-store");
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
}

static void run_query(const struct service *service, const struct http_request *request,
                      struct http_response *response, const struct field_entry *entry,
                      enum query_format body)
{
    struct query query = {0};
    struct problem_list problems = {0};
    enum query_format answer = QUERY_JSON;
    if (read_query(service, request, body, field_n_inputs(entry->field), &query, &problems) !=
        STATUS_OK) {
        reply_problems(request, response, &problems);
        return;
    }
    if (has_outputs_or_reply(request, response, entry->field, &query, body) &&
        answer_format_or_reply(request, response, body, query.outputs, &answer))
        answer_query(service, request, response, entry, &query, answer);
    query_deinit(&query);
}

void fields_query(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    const struct field_entry *entry = NULL;
    enum query_format body = QUERY_JSON;
    if (!body_format_or_reply(request, response, &body) ||
        !evaluation_field_or_reply(service, request, response, &entry))
        return;
    run_query(service, request, response, entry, body);
    field_cache_release(service->fields, entry);
}

/* --- one point --- */

static const char *const axis_names[LIMIT_DIMS] = {"x", "y", "z"};

/* x, y(, z) as the field has them, all needed, and frame. */
static bool read_point_or_reply(const struct http_request *request, struct http_response *response,
                                size_t n_dims, float *coords, enum query_frame *frame)
{
    const char *known[LIMIT_DIMS + 2] = {"frame"};
    struct problem_list problems = {0};
    size_t chosen = FRAME_SOURCE;
    assert(n_dims <= LIMIT_DIMS);
    for (size_t d = 0; d < n_dims; d++)
        known[1 + d] = axis_names[d];
    codec_args_known(request, known, &problems);
    codec_args_name(request, "frame", query_frames, &chosen, &problems);
    for (size_t d = 0; d < n_dims; d++) {
        double value = 0;
        codec_args_number(request, axis_names[d], -FLT_MAX, FLT_MAX, &value, &problems);
        if (!http_query(request, axis_names[d])) {
            char pointer[4];
            snprintf(pointer, sizeof(pointer), "/%s", axis_names[d]);
            problem_add(&problems, STATUS_INVALID, pointer, "'%s' is missing", axis_names[d]);
        }
        coords[d] = (float)value;
    }
    *frame = (enum query_frame)chosen;
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

/* {"value": [v, …]} */
static void reply_value(const struct http_request *request, struct http_response *response,
                        const float *values, size_t n_outputs)
{
    struct error err = {0};
    struct buffer body;
    buffer_init(&body, ANSWER_OVERHEAD);
    enum status st = buffer_printf(&body, &err, "{\"value\":[");
    for (size_t c = 0; st == STATUS_OK && c < n_outputs; c++) {
        char text[FLOAT_TEXT_SIZE];
        codec_float_text(values[c], text);
        st = buffer_printf(&body, &err, "%s%s", c ? "," : "", text);
    }
    if (st == STATUS_OK)
        st = buffer_printf(&body, &err, "]}");
    if (st == STATUS_OK) {
        http_response_take(response, 200, media_types[QUERY_JSON], &body);
        http_response_header(response, "Cache-Control", "no-cache");
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
}

void fields_value(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    const struct field_entry *entry = NULL;
    float coords[LIMIT_DIMS], values[MLP_MAX_OUTPUTS];
    if (!evaluation_field_or_reply(service, request, response, &entry))
        return;
    struct asked asked = {.coords = coords,
                          .n_points = 1,
                          .n_dims = field_n_inputs(entry->field),
                          .n_outputs = field_n_outputs(entry->field),
                          .values = (uint8_t *)values};
    struct evaluation e = {
        .entry = entry,
        .n_points = 1,
        .points = asked_points,
        .take = take_arrays,
        .context = &asked,
    };
    struct error err = {0};
    if (read_point_or_reply(request, response, asked.n_dims, coords, &e.frame)) {
        enum status st = evaluation_check(&e, service, &err);
        if (st == STATUS_OK)
            st = evaluation_run(&e, service, request, &err);
        if (st == STATUS_OK)
            reply_value(request, response, values, asked.n_outputs);
        else
            reply_error(request, response, &err);
    }
    field_cache_release(service->fields, entry);
}
