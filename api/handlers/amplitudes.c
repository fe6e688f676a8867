/*
 * POST /v1/ntk/amplitudes: amplitudes by descent on the predicted loss.
 */
#include "api/codec/codec_amplitudes.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/handlers/theory_plot.h"
#include "api/service.h"
#include "core/base/mem.h"
#include "core/field/ntk_amplitudes.h"

/* losses: [steps + 1]. */
static enum status descend(struct amplitudes_question *q, double *losses, double *loss_of_zero,
                           const struct stop *stop, struct error *err)
{
    struct ntk_amplitudes *family = NULL;
    enum status status = ntk_amplitudes_create(&family, (size_t)q->n, (size_t)q->stride,
                                               q->n_signals, q->signals, q->m, q->b, stop, err);
    if (status != STATUS_OK)
        return status;
    *loss_of_zero = ntk_amplitudes_loss_of_zero(family);
    status = ntk_amplitudes_descend(family, &q->network, q->time, (size_t)q->steps, q->rate, q->a,
                                    losses, stop, err);
    ntk_amplitudes_free(family);
    if (status == STATUS_DIVERGED)
        return error_set(err, STATUS_INVALID, "/learning_rate",
                         "the descent does not stay finite with this rate");
    return status;
}

void theory_amplitudes(void *context, const struct http_request *request,
                       struct http_response *response)
{
    static const char *const known[] = {"format", "width", "height", NULL};
    const struct service *service = context;
    const struct evaluation_watch watch = {service, request};
    const struct stop stop = evaluation_stop(&watch);
    struct form_query form = {.width = 1200, .height = 520};
    struct amplitudes_question q = {0};
    struct problem_list problems = {0};
    struct error err = {0};
    double loss_of_zero = 0;
    json_t *body = NULL;
    if (!plot_form_or_reply(request, response, FORM_PNG + 1, known, &form) ||
        !reply_parse_object(request, response, service->config->json_depth, &body))
        return;
    if (codec_amplitudes(body, &q, &problems) != STATUS_OK) {
        reply_problems(request, response, &problems);
        json_decref(body);
        return;
    }
    size_t n_places = 0;
    struct evaluation_cost cost = {.multiply_adds = q.work, .where = "/n"};
    plot_add_cost(&form, &cost);
    double *losses = mem_alloc_array((size_t)q.steps + 1, sizeof *losses);
    enum status status = losses ? STATUS_OK : error_status(&err, STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        status = evaluation_take_places(service, &cost, &n_places, &err);
    if (status == STATUS_OK)
        status = descend(&q, losses, &loss_of_zero, &stop, &err);
    if (status != STATUS_OK)
        reply_error(request, response, &err);
    else if (form.form == FORM_PNG)
        theory_plot_amplitudes(request, response, &form, &q, loss_of_zero, losses);
    else
        reply_json(request, response, 200, codec_amplitudes_answer(&q, loss_of_zero, losses));
    mem_free(losses);
    evaluation_give_places(service, n_places);
    amplitudes_deinit(&q);
    json_decref(body);
}
