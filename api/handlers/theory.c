/*
 * The theory of wide networks: kernels on grids, and what gradient descent makes of points.
 */
#include <math.h>
#include <string.h>

#include "api/codec/codec_theory.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/handlers/theory_plot.h"
#include "api/service.h"
#include "core/base/mem.h"
#include "core/field/ntk_regression.h"

/* Both answers can be drawn, two panels beside each other. */
static bool read_form_or_reply(const struct http_request *request, struct http_response *response,
                               struct form_query *form)
{
    static const char *const known[] = {"format", "width", "height", NULL};
    *form = (struct form_query){.width = 1200, .height = 520};
    return plot_form_or_reply(request, response, FORM_PNG + 1, known, form);
}

/* --- what it costs --- */

static const double bytes_of_number = 64; /* of an answer: as JSON's value, and its digits */

/* The kernel of `n_pairs` pairs of points: its products and angles. */
static double work_of_pairs(const struct theory *t, double n_pairs)
{
    const double of_relu = 64; /* of a layer: atan2 and roots */
    return n_pairs * ((double)encoding_n_features(t->encoding) +
                      of_relu * (double)(t->network.n_hidden_layers + 1));
}

static struct evaluation_cost cost_of_kernel(const struct theory_kernel *k)
{
    const struct theory *t = &k->theory;
    const size_t n_points = !k->points && k->n_dims == 2 ? k->n * k->n : k->n;
    const double n = (double)k->n, m = (double)n_points;
    struct evaluation_cost cost = {.where = k->points ? "/points" : "/n"};
    if (!k->points && encoding_is_stationary(t->encoding)) {
        cost.multiply_adds =
            work_of_pairs(t, 2 * m) + (k->n_dims == 2 ? 4 * n * n * n : n * n); /* its transform */
        cost.bytes = bytes_of_number * 2 * m;
    } else {
        cost.multiply_adds = work_of_pairs(t, m * m) + m * m * m;
        cost.bytes = sizeof(double) * m * m + ntk_eigenvalues_bytes(n_points) +
                     (k->points ? bytes_of_number * m * m : 0);
    }
    cost.bytes += ntk_between_bytes(t->encoding);
    return cost;
}

static struct evaluation_cost cost_of_regression(const struct theory_regression *q)
{
    const double n = (double)q->n_train, m = (double)q->n_test;
    const double n_values = (double)(q->n_channels * q->n_times);
    return (struct evaluation_cost){
        .multiply_adds =
            work_of_pairs(&q->theory, n * (n + m)) + 4 * n * n * n + 2 * n * (n + m) * n_values,
        .bytes = sizeof(double) * n * (n + m) + ntk_regression_bytes(q->n_train) +
                 ntk_between_bytes(q->theory.encoding) + bytes_of_number * (2 * n + m) * n_values,
        .where = "/train/x"};
}

/* --- kernels --- */

struct kernel_answer {
    const struct stop *stop;
    size_t n;                  /* points: those given, n, or n^2 */
    double *kernel, *spectrum; /* [n], but of points the kernel is [n, n]; [n] */
};

/* Of the grid's points, where the kernel is not stationary: falling. */
static enum status find_eigenvalues(const struct theory_kernel *k, struct kernel_answer *a,
                                    struct error *err)
{
    const struct theory *t = &k->theory;
    const size_t d = k->n_dims;
    double *x = mem_alloc_array(a->n * d, sizeof *x);
    double *gram = mem_alloc_array(a->n * a->n, sizeof *gram);
    enum status status = x && gram ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; x && i < a->n; i++) {
        const size_t row = i / k->n;
        x[i * d] = (double)(i - row * k->n) / (double)k->n;
        if (d == 2)
            x[i * d + 1] = (double)row / (double)k->n;
    }
    if (status == STATUS_OK)
        status =
            ntk_between(&t->network, t->encoding, t->params, a->n, x, a->n, x, gram, a->stop, err);
    if (status == STATUS_OK)
        status = ntk_eigenvalues(a->n, gram, a->spectrum, a->stop, err);
    mem_free(x);
    mem_free(gram);
    return status;
}

/* The kernel is left wrapped where its transform was taken: that of the grid's period. */
static enum status find_spectrum(const struct theory_kernel *k, struct kernel_answer *a,
                                 struct error *err)
{
    const struct theory *t = &k->theory;
    if (!encoding_is_stationary(t->encoding))
        return find_eigenvalues(k, a, err);
    double *wrapped = mem_alloc_array(a->n, sizeof *wrapped);
    enum status status = wrapped ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        status = ntk_row(&t->network, t->encoding, t->params, k->n_dims, k->n, true, wrapped, err);
    if (status == STATUS_OK)
        status = ntk_spectrum(k->n_dims, k->n, wrapped, a->spectrum, err);
    mem_free(wrapped);
    return status;
}

static json_t *kernel_json(const struct theory_kernel *k, const struct kernel_answer *a)
{
    return k->points || k->n_dims == 2 ? codec_theory_rows(a->kernel, k->n, k->n)
                                       : codec_theory_numbers(a->kernel, k->n);
}

static json_t *spectrum_json(const struct theory_kernel *k, const struct kernel_answer *a)
{
    return !k->points && k->n_dims == 2 && encoding_is_stationary(k->theory.encoding)
               ? codec_theory_rows(a->spectrum, k->n, k->n)
               : codec_theory_numbers(a->spectrum, a->n);
}

static json_t *answer_json(const struct theory_kernel *k, const struct kernel_answer *a)
{
    return json_pack("{s:o, s:o, s:o, s:b, s:I, s:I, s:O, s:O}", "kernel", kernel_json(k, a),
                     "spectrum", spectrum_json(k, a), "condition",
                     codec_theory_condition(a->n, a->spectrum), "is_stationary",
                     (int)encoding_is_stationary(k->theory.encoding), "n", (json_int_t)k->n, "dims",
                     (json_int_t)k->n_dims, "encoding", k->theory.encoding_json, "network",
                     k->theory.network_json);
}

/* a: to be released in any case. */
static enum status find_grid_kernel(const struct theory_kernel *k, struct kernel_answer *a,
                                    struct error *err)
{
    const struct theory *t = &k->theory;
    a->n = k->n_dims == 2 ? k->n * k->n : k->n;
    a->kernel = mem_alloc_array(a->n, sizeof *a->kernel);
    a->spectrum = mem_alloc_array(a->n, sizeof *a->spectrum);
    if (!a->kernel || !a->spectrum)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = k->has_at ? ntk_row_at(&t->network, t->encoding, t->params, k->n_dims,
                                                k->n, k->at, a->kernel, err)
                                   : ntk_row(&t->network, t->encoding, t->params, k->n_dims, k->n,
                                             false, a->kernel, err);
    return status == STATUS_OK ? find_spectrum(k, a, err) : status;
}

static enum status find_matrix(const struct theory_kernel *k, struct kernel_answer *a,
                               struct error *err)
{
    const struct theory *t = &k->theory;
    a->n = k->n;
    a->kernel = mem_alloc_array(a->n * a->n, sizeof *a->kernel);
    a->spectrum = mem_alloc_array(a->n, sizeof *a->spectrum);
    if (!a->kernel || !a->spectrum)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = ntk_between(&t->network, t->encoding, t->params, k->n, k->points, k->n,
                                     k->points, a->kernel, a->stop, err);
    return status == STATUS_OK ? ntk_eigenvalues(a->n, a->kernel, a->spectrum, a->stop, err)
                               : status;
}

static enum status find_kernel(const struct theory_kernel *k, struct kernel_answer *a,
                               struct error *err)
{
    return k->points ? find_matrix(k, a, err) : find_grid_kernel(k, a, err);
}

void theory_kernel(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct service *service = context;
    const struct evaluation_watch watch = {service, request};
    const struct stop stop = evaluation_stop(&watch);
    struct theory_kernel k = {0};
    struct kernel_answer a = {.stop = &stop};
    struct form_query form;
    struct problem_list problems = {0};
    struct error err = {0};
    json_t *body = NULL;
    size_t n_places = 0;
    if (!read_form_or_reply(request, response, &form) ||
        !reply_parse_object(request, response, service->config->json_depth, &body))
        return;
    if (codec_theory_kernel(body, &k, &problems) != STATUS_OK) {
        reply_problems(request, response, &problems);
    } else {
        struct evaluation_cost cost = cost_of_kernel(&k);
        plot_add_cost(&form, &cost);
        if (evaluation_take_places(service, &cost, &n_places, &err) != STATUS_OK ||
            find_kernel(&k, &a, &err) != STATUS_OK)
            reply_error(request, response, &err);
        else if (form.form == FORM_PNG)
            theory_plot_kernel(request, response, &form, &k, a.kernel, a.spectrum);
        else
            reply_json(request, response, 200, answer_json(&k, &a));
    }
    mem_free(a.kernel);
    mem_free(a.spectrum);
    evaluation_give_places(service, n_places);
    theory_kernel_deinit(&k);
    json_decref(body);
}

/* --- regression --- */

/* What the answer is made of. */
struct solution {
    const struct theory_regression *question;
    const struct stop *stop;
    struct ntk_regression *regression;
    double *train_kernel, *test_kernel; /* [n_train, n_train], [n_test, n_train] */
    double *values;                     /* [the larger of n_train and n_test, C] */
};

static enum status solve(struct solution *s, struct error *err)
{
    const struct theory_regression *q = s->question;
    const struct theory *t = &q->theory;
    const size_t n = q->n_train, m = q->n_test, larger = n > m ? n : m;
    s->train_kernel = mem_alloc_array(n * n, sizeof *s->train_kernel);
    s->test_kernel = mem_alloc_array(m * n + 1, sizeof *s->test_kernel);
    s->values = mem_alloc_array(larger * q->n_channels, sizeof *s->values);
    if (!s->train_kernel || !s->test_kernel || !s->values)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = ntk_between(&t->network, t->encoding, t->params, n, q->train_x, n,
                                     q->train_x, s->train_kernel, s->stop, err);
    if (status == STATUS_OK && m > 0)
        status = ntk_between(&t->network, t->encoding, t->params, m, q->test_x, n, q->train_x,
                             s->test_kernel, s->stop, err);
    for (size_t i = 0; i < n * q->n_channels; i++)
        s->values[i] = q->train_y[i] - q->train_start[i];
    if (status == STATUS_OK)
        status = ntk_regression_create(&s->regression, n, s->train_kernel, q->n_channels, s->values,
                                       s->stop, err);
    return status;
}

/* f(t) of one set, into values: the start and what was learned. */
static enum status predict(const struct solution *s, double t, size_t m, const double *kernel,
                           const double *start, struct error *err)
{
    enum status status = stop_check(s->stop, err);
    if (status == STATUS_OK)
        status = ntk_regression_predict(s->regression, t, m, kernel, s->values, err);
    for (size_t i = 0; status == STATUS_OK && i < m * s->question->n_channels; i++)
        s->values[i] += start[i];
    return status;
}

/* The same as JSON.  NULL and an error, or NULL alone when out of memory. */
static json_t *prediction_json(const struct solution *s, double t, size_t m, const double *kernel,
                               const double *start, struct error *err)
{
    return predict(s, t, m, kernel, start, err) == STATUS_OK
               ? codec_theory_rows(s->values, m, s->question->n_channels)
               : NULL;
}

static json_t *answer_at(const struct solution *s, double t, struct error *err)
{
    const struct theory_regression *q = s->question;
    json_t *train = prediction_json(s, t, q->n_train, s->train_kernel, q->train_start, err);
    json_t *test = prediction_json(s, t, q->n_test, s->test_kernel, q->test_start, err);
    ntk_regression_components(s->regression, t, s->values);
    return json_pack("{s:o, s:o, s:o, s:o}", "time",
                     isinf(t) ? json_string("infinity") : json_real(t), "train", train, "test",
                     test, "residual", codec_theory_rows(s->values, q->n_train, q->n_channels));
}

static json_t *answer_regression(const struct solution *s, struct error *err)
{
    const struct theory_regression *q = s->question;
    json_t *predictions = json_array();
    for (size_t i = 0; predictions && i < q->n_times; i++)
        if (json_array_append_new(predictions, answer_at(s, q->times[i], err)) != 0) {
            json_decref(predictions);
            predictions = NULL;
        }
    return json_pack("{s:o, s:o, s:O, s:O}", "predictions", predictions, "eigenvalues",
                     codec_theory_numbers(ntk_regression_eigenvalues(s->regression), q->n_train),
                     "encoding", q->theory.encoding_json, "network", q->theory.network_json);
}

/* Curves go through the test points where there are any. */
static enum status find_curves(const struct solution *s, struct theory_curves *c, struct error *err)
{
    const struct theory_regression *q = s->question;
    const bool has_test = q->n_test > 0;
    const double *kernel = has_test ? s->test_kernel : s->train_kernel;
    const double *start = has_test ? q->test_start : q->train_start;
    c->n = has_test ? q->n_test : q->n_train;
    c->x = has_test ? q->test_x : q->train_x;
    const size_t n = c->n * q->n_channels, n_residual = q->n_train * q->n_channels;
    c->predictions = mem_alloc_array(q->n_times * n, sizeof *c->predictions);
    c->residual = mem_alloc_array(q->n_times * n_residual, sizeof *c->residual);
    if (!c->predictions || !c->residual)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < q->n_times; i++) {
        const enum status status = predict(s, q->times[i], c->n, kernel, start, err);
        if (status != STATUS_OK)
            return status;
        memcpy(c->predictions + i * n, s->values, n * sizeof *s->values);
        ntk_regression_components(s->regression, q->times[i], c->residual + i * n_residual);
    }
    return STATUS_OK;
}

static void reply_plot(const struct http_request *request, struct http_response *response,
                       const struct form_query *form, const struct solution *s)
{
    struct theory_curves curves = {0};
    struct error err = {0};
    if (find_curves(s, &curves, &err) == STATUS_OK)
        theory_plot_regression(request, response, form, s->question, &curves);
    else
        reply_error(request, response, &err);
    mem_free(curves.predictions);
    mem_free(curves.residual);
}

static void reply_predictions(const struct http_request *request, struct http_response *response,
                              const struct solution *s)
{
    struct error err = {0};
    json_t *answer = answer_regression(s, &err);
    if (err.status == STATUS_OK) {
        reply_json(request, response, 200, answer);
    } else {
        json_decref(answer);
        reply_error(request, response, &err);
    }
}

/* Before it is solved: false if that is not of use. */
static bool can_answer_or_reply(const struct http_request *request, struct http_response *response,
                                const struct form_query *form, const struct theory_regression *q)
{
    return form->form != FORM_PNG || theory_plot_can_or_reply(request, response, q);
}

void theory_regression(void *context, const struct http_request *request,
                       struct http_response *response)
{
    const struct service *service = context;
    const struct evaluation_watch watch = {service, request};
    const struct stop stop = evaluation_stop(&watch);
    struct theory_regression question = {0};
    struct solution s = {.question = &question, .stop = &stop};
    struct form_query form;
    struct problem_list problems = {0};
    struct error err = {0};
    json_t *body = NULL;
    size_t n_places = 0;
    if (!read_form_or_reply(request, response, &form) ||
        !reply_parse_object(request, response, service->config->json_depth, &body))
        return;
    if (codec_theory_regression(body, &question, &problems) != STATUS_OK) {
        reply_problems(request, response, &problems);
    } else if (can_answer_or_reply(request, response, &form, &question)) {
        struct evaluation_cost cost = cost_of_regression(&question);
        plot_add_cost(&form, &cost);
        if (evaluation_take_places(service, &cost, &n_places, &err) != STATUS_OK ||
            solve(&s, &err) != STATUS_OK)
            reply_error(request, response, &err);
        else if (form.form == FORM_PNG)
            reply_plot(request, response, &form, &s);
        else
            reply_predictions(request, response, &s);
    }
    ntk_regression_free(s.regression);
    mem_free(s.train_kernel);
    mem_free(s.test_kernel);
    mem_free(s.values);
    evaluation_give_places(service, n_places);
    theory_regression_deinit(&question);
    json_decref(body);
}
