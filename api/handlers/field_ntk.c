/*
 * POST /v1/fields/{id}/ntk: the kernel that a field has, trained or not.
 */
#include <stdio.h>

#include "api/codec/codec_theory.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/handlers/theory_plot.h"
#include "core/base/mem.h"
#include "core/field/field_ntk.h"
#include "core/field/ntk_regression.h"

/* Layer by layer: ten seconds or two. */
#define MAX_MULTIPLY_ADDS 5e10

struct field_kernel {
    const struct field_entry *entry;
    struct theory_field question;
    double *kernel, *spectrum; /* [n, n], [n] */
};

static enum status check_work(const struct field *f, const struct theory_field *q,
                              struct error *err)
{
    const double work = field_ntk_multiply_adds(f, q->n, q->n_outputs);
    if (work <= MAX_MULTIPLY_ADDS)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "/points",
                     "%zu points of this field take %.2g multiply-adds, the limit is %.2g", q->n,
                     work, MAX_MULTIPLY_ADDS);
}

static void find_unit(const struct field *f, const struct theory_field *q, float *unit)
{
    const size_t n = q->n * field_n_inputs(f);
    for (size_t i = 0; i < n; i++)
        unit[i] = (float)q->points[i];
    if (q->frame == FRAME_SOURCE)
        domain_unit_from_source(field_domain(f), q->n, unit, unit);
}

static struct evaluation_cost cost_of(const struct field *f, const struct theory_field *q)
{
    const double bytes_of_number = 64; /* of an answer: as JSON's value, and its digits */
    const double n = (double)q->n;
    return (struct evaluation_cost){
        .multiply_adds = field_ntk_multiply_adds(f, q->n, q->n_outputs) + n * n * n,
        .bytes = field_ntk_bytes(f, q->n) + ntk_eigenvalues_bytes(q->n) + bytes_of_number * n * n,
        .where = "/points"};
}

static enum status find_kernel(struct field_kernel *k, const struct stop *stop, struct error *err)
{
    const struct field *f = k->entry->field;
    const struct theory_field *q = &k->question;
    float *unit = mem_alloc_floats(q->n * field_n_inputs(f));
    k->kernel = mem_alloc_array(q->n * q->n, sizeof *k->kernel);
    k->spectrum = mem_alloc_array(q->n, sizeof *k->spectrum);
    if (!unit || !k->kernel || !k->spectrum) {
        mem_free(unit);
        return error_status(err, STATUS_NO_MEMORY);
    }
    find_unit(f, q, unit);
    enum status status =
        field_ntk(f, q->n, unit, q->first_output, q->n_outputs, k->kernel, stop, err);
    for (size_t i = 0; status == STATUS_OK && q->is_mean && i < q->n * q->n; i++)
        k->kernel[i] /= (double)q->n_outputs;
    if (status == STATUS_OK)
        status = ntk_eigenvalues(q->n, k->kernel, k->spectrum, stop, err);
    mem_free(unit);
    return status;
}

static void reply_kernel(const struct http_request *request, struct http_response *response,
                         const struct form_query *form, const struct field_kernel *k)
{
    const struct theory_field *q = &k->question;
    char title[160], settings[120];
    if (form->form == FORM_JSON) {
        json_t *answer = codec_theory_matrix(q->n, k->kernel, k->spectrum);
        json_object_set_new(answer, "n", json_integer((json_int_t)q->n));
        reply_json(request, response, 200, answer);
        return;
    }
    snprintf(title, sizeof title, "Empirical neural tangent kernel of %s", request->params[0]);
    snprintf(settings, sizeof settings,
             q->is_mean ? "%zu points; mean of all outputs" : "%zu points; output %zu", q->n,
             q->first_output);
    const struct plot words = {
        .title = title, .settings = settings, .width = form->width, .height = form->height};
    theory_plot_matrix(request, response, &words, q->n, k->kernel, k->spectrum);
}

static void answer(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct form_query *form,
                   struct field_kernel *k)
{
    const struct evaluation_watch watch = {service, request};
    const struct stop stop = evaluation_stop(&watch);
    struct evaluation_cost cost = cost_of(k->entry->field, &k->question);
    struct error err = {0};
    size_t n_places = 0;
    plot_add_cost(form, &cost);
    enum status status = check_work(k->entry->field, &k->question, &err);
    if (status == STATUS_OK)
        status = evaluation_take_places(service, &cost, &n_places, &err);
    if (status == STATUS_OK)
        status = find_kernel(k, &stop, &err);
    if (status == STATUS_OK)
        reply_kernel(request, response, form, k);
    else
        reply_error(request, response, &err);
    mem_free(k->kernel);
    mem_free(k->spectrum);
    evaluation_give_places(service, n_places);
}

void fields_ntk(void *context, const struct http_request *request, struct http_response *response)
{
    static const char *const known[] = {"format", "width", "height", NULL};
    const struct service *service = context;
    struct form_query form = {.width = 1200, .height = 520};
    struct field_kernel k = {0};
    struct problem_list problems = {0};
    json_t *body = NULL;
    if (!plot_form_or_reply(request, response, FORM_PNG + 1, known, &form) ||
        !reply_parse_object(request, response, service->config->json_depth, &body))
        return;
    if (evaluation_field_or_reply(service, request, response, &k.entry)) {
        const struct field *f = k.entry->field;
        if (codec_theory_field(body, field_n_inputs(f), field_n_outputs(f), &k.question,
                               &problems) == STATUS_OK)
            answer(service, request, response, &form, &k);
        else
            reply_problems(request, response, &problems);
        mem_free(k.question.points);
        field_cache_release(service->fields, k.entry);
    }
    json_decref(body);
}
