#include "api/handlers/theory_plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers/plot_words.h"
#include "api/handlers/reply.h"
#include "core/base/mem.h"

enum { TITLE_SIZE = 200, SETTINGS_SIZE = 400, TIME_SIZE = 32 };

/* The line below a title: both objects as they were filled in. */
static void write_settings(const struct theory *t, char out[SETTINGS_SIZE])
{
    char encoding[200], network[160];
    plot_words_object(t->encoding_json, encoding, sizeof encoding);
    plot_words_object(t->network_json, network, sizeof network);
    snprintf(out, SETTINGS_SIZE, "Encoding: %s. Network: %s.", encoding, network);
}

static void no_memory(const struct http_request *request, struct http_response *response)
{
    struct error err = {0};
    error_status(&err, STATUS_NO_MEMORY);
    reply_error(request, response, &err);
}

/* --- kernels --- */

/* A kernel, and beside it its spectrum. */
static void reply_pair(const struct http_request *request, struct http_response *response,
                       const struct plot *words, const struct plot_panel panels[2])
{
    struct plot p = *words;
    p.n_panels = 2;
    p.panels = panels;
    plot_reply(request, response, &p);
}

/* 1 … n, the numbers of components; NULL when out of memory. */
static double *number_components(size_t n)
{
    double *numbers = mem_alloc_array(n, sizeof *numbers);
    for (size_t i = 0; numbers && i < n; i++)
        numbers[i] = (double)(i + 1);
    return numbers;
}

/* Eigenvalues, falling, as a panel that borrows `falling`. */
static struct plot_panel eigenvalue_panel(size_t n, const double *numbers, const double *spectrum,
                                          struct plot_series *falling)
{
    *falling =
        (struct plot_series){.n = n, .x = numbers, .y = spectrum, .style = PLOT_LINE_AND_MARKERS};
    return (struct plot_panel){.title = "Eigenvalues",
                               .x = {.label = "component", .is_whole = true},
                               .y = {.label = "eigenvalue", .scale = SCALE_LOG},
                               .n_series = 1,
                               .series = falling};
}

static void plot_line_kernel(const struct http_request *request, struct http_response *response,
                             const struct plot *words, const struct theory_kernel *k,
                             const double *kernel, const double *spectrum)
{
    const bool is_stationary = encoding_is_stationary(k->theory.encoding);
    /* The spectrum of a real row is even: half of it says all. */
    const size_t n_shown = is_stationary ? k->n / 2 + 1 : k->n;
    double *offsets = mem_alloc_array(k->n, sizeof *offsets);
    double *numbers = number_components(n_shown);
    for (size_t i = 0; offsets && i < k->n; i++)
        offsets[i] = (double)i / (double)k->n;
    for (size_t i = 0; numbers && is_stationary && i < n_shown; i++)
        numbers[i] = (double)i; /* frequencies */
    const struct plot_series row = {
        .n = k->n, .x = offsets, .y = kernel, .style = PLOT_LINE_AND_MARKERS};
    struct plot_series eigenvalues;
    struct plot_panel panels[] = {
        {.title = "Kernel",
         .x = {.label = k->has_at ? "x (sides of the domain)" : "offset (sides of the domain)"},
         .y = {.label = "kernel"},
         .n_series = 1,
         .series = &row},
        eigenvalue_panel(n_shown, numbers, spectrum, &eigenvalues),
    };
    if (is_stationary) {
        panels[1].title = "Spectrum";
        panels[1].x.label = "frequency (cycles per side)";
    }
    if (offsets && numbers)
        reply_pair(request, response, words, panels);
    else
        no_memory(request, response);
    mem_free(offsets);
    mem_free(numbers);
}

/* Frequency 0 goes to the middle, as n / 2. */
static void centre(size_t n, const double *spectrum, double *out)
{
    for (size_t row = 0; row < n; row++)
        for (size_t column = 0; column < n; column++)
            out[(row + n / 2) % n * n + (column + n / 2) % n] = spectrum[row * n + column];
}

static void plot_plane_kernel(const struct http_request *request, struct http_response *response,
                              const struct plot *words, const struct theory_kernel *k,
                              const double *kernel, const double *spectrum)
{
    const bool is_stationary = encoding_is_stationary(k->theory.encoding);
    const size_t n = k->n;
    const double half_step = 0.5 / (double)n, least = -floor(0.5 * (double)n) - 0.5;
    /* the spectrum or its numbers */
    double *middle =
        is_stationary ? mem_alloc_array(n * n, sizeof *middle) : number_components(n * n);
    if (!middle) {
        no_memory(request, response);
        return;
    }
    if (is_stationary)
        centre(n, spectrum, middle);
    const struct plot_image image = {
        n, n, kernel, -half_step, 1 - half_step, -half_step, 1 - half_step, "kernel", SCALE_LINEAR};
    const struct plot_image frequencies = {
        n, n, middle, least, least + (double)n, least, least + (double)n, "eigenvalue", SCALE_LOG};
    struct plot_series falling;
    const struct plot_panel offsets = {.title = "Kernel",
                                       .x = {.label = k->has_at
                                                          ? "x (sides of the domain)"
                                                          : "offset along x (sides of the domain)"},
                                       .y = {.label = k->has_at ? "y" : "offset along y"},
                                       .image = &image};
    const struct plot_panel spectra = {
        .title = "Spectrum",
        .x = {.label = "frequency along x (cycles per side)", .is_whole = true},
        .y = {.label = "frequency along y", .is_whole = true},
        .image = &frequencies};
    const struct plot_panel panels[] = {
        offsets,
        is_stationary ? spectra : eigenvalue_panel(n * n, middle, spectrum, &falling),
    };
    reply_pair(request, response, words, panels);
    mem_free(middle);
}

void theory_plot_matrix(const struct http_request *request, struct http_response *response,
                        const struct plot *words, size_t n, const double *kernel,
                        const double *spectrum)
{
    const double end = (double)n - 0.5;
    double *numbers = number_components(n);
    if (!numbers) {
        no_memory(request, response);
        return;
    }
    const struct plot_image image = {n, n, kernel, -0.5, end, -0.5, end, "kernel", SCALE_LINEAR};
    struct plot_series falling;
    const struct plot_panel panels[] = {
        {.title = "Kernel",
         .x = {.label = "number of a point, from 0", .is_whole = true},
         .y = {.label = "number of the other", .is_whole = true},
         .image = &image},
        eigenvalue_panel(n, numbers, spectrum, &falling),
    };
    reply_pair(request, response, words, panels);
    mem_free(numbers);
}

void theory_plot_kernel(const struct http_request *request, struct http_response *response,
                        const struct form_query *form, const struct theory_kernel *k,
                        const double *kernel, const double *spectrum)
{
    char title[TITLE_SIZE], settings[SETTINGS_SIZE];
    struct plot p = {.width = form->width, .height = form->height};
    const char *type = json_string_value(json_object_get(k->theory.encoding_json, "type"));
    snprintf(title, sizeof title, "Neural tangent kernel, encoding %s, n = %zu", type ? type : "",
             k->n);
    const size_t used = strlen(title);
    if (k->has_at && k->n_dims == 2)
        snprintf(title + used, sizeof title - used, ", with the point (%.4g, %.4g)", k->at[0],
                 k->at[1]);
    else if (k->has_at)
        snprintf(title + used, sizeof title - used, ", with the point %.4g", k->at[0]);
    write_settings(&k->theory, settings);
    p.title = title;
    p.settings = settings;
    if (k->points)
        theory_plot_matrix(request, response, &p, k->n, kernel, spectrum);
    else if (k->n_dims == 2)
        plot_plane_kernel(request, response, &p, k, kernel, spectrum);
    else
        plot_line_kernel(request, response, &p, k, kernel, spectrum);
}

/* --- regression --- */

bool theory_plot_can_or_reply(const struct http_request *request, struct http_response *response,
                              const struct theory_regression *q)
{
    struct problem_list problems = {0};
    if (q->n_dims == 1)
        return true;
    problem_add(&problems, STATUS_UNSUPPORTED, "/train/x",
                "a plot shows predictions along one coordinate, these points have %zu: ask for "
                "application/json",
                q->n_dims);
    return reply_problems(request, response, &problems);
}

struct place {
    double x;
    size_t i;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    return p->x < q->x ? -1 : p->x > q->x ? 1 : p->i < q->i ? -1 : 1;
}

/* What the panels of a regression are made of.  Sizes: T times, n points of curves, m training
 * points, C channels. */
struct sheet {
    struct place *order;                   /* [n] */
    double *x, *components, *y, *residual; /* [n], [m], [T, C, n], [T, m] */
    double *train_y;                       /* [C, m] */
    char (*names)[TIME_SIZE];              /* [T] */
    struct plot_series *curves, *decays;   /* [T C + C], [T] */
};

static void sheet_deinit(struct sheet *s)
{
    mem_free(s->order);
    mem_free(s->x);
    mem_free(s->components);
    mem_free(s->y);
    mem_free(s->residual);
    mem_free(s->train_y);
    mem_free(s->names);
    mem_free(s->curves);
    mem_free(s->decays);
}

static bool sheet_alloc(struct sheet *s, const struct theory_regression *q, size_t n)
{
    const size_t n_times = q->n_times, n_channels = q->n_channels, m = q->n_train;
    s->order = mem_alloc_array(n, sizeof *s->order);
    s->x = mem_alloc_array(n, sizeof *s->x);
    s->components = mem_alloc_array(m, sizeof *s->components);
    s->y = mem_alloc_array(n_times * n_channels * n, sizeof *s->y);
    s->residual = mem_alloc_array(n_times * m, sizeof *s->residual);
    s->train_y = mem_alloc_array(n_channels * m, sizeof *s->train_y);
    s->names = mem_alloc_array(n_times, sizeof *s->names);
    s->curves = mem_alloc_array((n_times + 1) * n_channels, sizeof *s->curves);
    s->decays = mem_alloc_array(n_times, sizeof *s->decays);
    return s->order && s->x && s->components && s->y && s->residual && s->train_y && s->names &&
           s->curves && s->decays;
}

/* Curves go from left to right, channel by channel; residuals are sizes over all channels. */
static void sheet_fill(struct sheet *s, const struct theory_regression *q,
                       const struct theory_curves *c)
{
    const size_t n_channels = q->n_channels, m = q->n_train;
    for (size_t i = 0; i < c->n; i++)
        s->order[i] = (struct place){c->x[i], i};
    qsort(s->order, c->n, sizeof *s->order, compare_places);
    for (size_t i = 0; i < c->n; i++)
        s->x[i] = s->order[i].x;
    for (size_t i = 0; i < m; i++)
        s->components[i] = (double)(i + 1);
    for (size_t t = 0; t < q->n_times; t++) {
        for (size_t channel = 0; channel < n_channels; channel++)
            for (size_t i = 0; i < c->n; i++)
                s->y[(t * n_channels + channel) * c->n + i] =
                    c->predictions[(t * c->n + s->order[i].i) * n_channels + channel];
        for (size_t i = 0; i < m; i++) {
            double sum = 0;
            for (size_t channel = 0; channel < n_channels; channel++)
                sum = hypot(sum, c->residual[(t * m + i) * n_channels + channel]);
            s->residual[t * m + i] = sum;
        }
        snprintf(s->names[t], TIME_SIZE, "%.6g", q->times[t]);
        if (isinf(q->times[t]))
            snprintf(s->names[t], TIME_SIZE, "\xE2\x88\x9E");
    }
    for (size_t channel = 0; channel < n_channels; channel++)
        for (size_t i = 0; i < m; i++)
            s->train_y[channel * m + i] = q->train_y[i * n_channels + channel];
}

static size_t sheet_series(struct sheet *s, const struct theory_regression *q, size_t n)
{
    const size_t n_channels = q->n_channels, m = q->n_train;
    size_t used = 0;
    for (size_t t = 0; t < q->n_times; t++) {
        for (size_t channel = 0; channel < n_channels; channel++)
            s->curves[used++] =
                (struct plot_series){.n = n, .x = s->x, .y = s->y + (t * n_channels + channel) * n};
        s->decays[t] = (struct plot_series){
            .name = s->names[t], .n = m, .x = s->components, .y = s->residual + t * m};
    }
    for (size_t channel = 0; channel < n_channels; channel++)
        s->curves[used++] = (struct plot_series){.n = m,
                                                 .x = q->train_x,
                                                 .y = s->train_y + channel * m,
                                                 .style = PLOT_MARKERS,
                                                 .is_reference = true};
    return used;
}

/* Times rise in most questions, and then colours do. */
void theory_plot_regression(const struct http_request *request, struct http_response *response,
                            const struct form_query *form, const struct theory_regression *q,
                            const struct theory_curves *curves)
{
    char title[TITLE_SIZE], settings[SETTINGS_SIZE];
    struct sheet s = {0};
    if (!sheet_alloc(&s, q, curves->n)) {
        sheet_deinit(&s);
        no_memory(request, response);
        return;
    }
    sheet_fill(&s, q, curves);
    const size_t n_series = sheet_series(&s, q, curves->n);
    const struct plot_panel panels[] = {
        {.title = "Predictions, and the training points",
         .x = {.label = "x"},
         .y = {.label = "f(x)"},
         .n_series = n_series,
         .series = s.curves,
         .is_ordered = true},
        {.title = "Residual by eigencomponent",
         .x = {.label = "component, by falling eigenvalue", .is_whole = true},
         .y = {.label = "size of the residual", .scale = SCALE_LOG},
         .n_series = q->n_times,
         .series = s.decays,
         .is_ordered = true,
         .legend_title = "time \xCE\xB7t"},
    };
    const char *type = json_string_value(json_object_get(q->theory.encoding_json, "type"));
    snprintf(title, sizeof title, "Kernel regression, encoding %s, %zu training points",
             type ? type : "", q->n_train);
    write_settings(&q->theory, settings);
    const struct plot p = {.width = form->width,
                           .height = form->height,
                           .title = title,
                           .settings = settings,
                           .n_panels = 2,
                           .panels = panels};
    plot_reply(request, response, &p);
    sheet_deinit(&s);
}

/* --- amplitudes --- */

/* Kernels know an amplitude by its square: signs are left out. */
void theory_plot_amplitudes(const struct http_request *request, struct http_response *response,
                            const struct form_query *form, const struct amplitudes_question *q,
                            double loss_of_zero, const double *losses)
{
    const size_t n = (size_t)q->steps + 1;
    const double zero[] = {loss_of_zero, loss_of_zero}, ends[] = {0, (double)q->steps};
    double *b = mem_alloc_array(q->m, sizeof *b), *sizes = mem_alloc_array(q->m, sizeof *sizes);
    double *steps = mem_alloc_array(n, sizeof *steps);
    for (size_t j = 0; b && sizes && j < q->m; j++) {
        b[j] = (double)q->b[j];
        sizes[j] = fabs(q->a[j]);
    }
    for (size_t i = 0; steps && i < n; i++)
        steps[i] = (double)i;
    const struct plot_series found = {.n = q->m, .x = b, .y = sizes, .style = PLOT_MARKERS};
    const struct plot_series descent[] = {
        {.name = "loss", .n = n, .x = steps, .y = losses},
        {.name = "of f = 0", .n = 2, .x = ends, .y = zero, .style = PLOT_DASHES}};
    const struct plot_panel panels[] = {
        {.title = "Amplitudes",
         .x = {.label = "frequency (cycles per side)", .is_whole = true},
         .y = {.label = "|a|"},
         .n_series = 1,
         .series = &found},
        {.title = "Predicted loss on samples that do not train",
         .x = {.label = "step", .is_whole = true},
         .y = {.label = "mean squared error", .scale = SCALE_LOG},
         .n_series = 2,
         .series = descent},
    };
    char title[TITLE_SIZE], network[160], settings[SETTINGS_SIZE];
    plot_words_object(q->network_json, network, sizeof network);
    snprintf(title, sizeof title, "Amplitudes of %zu frequencies, found by the predicted loss",
             q->m);
    snprintf(settings, sizeof settings,
             "%zu signals of %zu samples, every %zu. trains; time %.6g. Network: %s.", q->n_signals,
             (size_t)q->n, (size_t)q->stride, q->time, network);
    const struct plot p = {.width = form->width,
                           .height = form->height,
                           .title = title,
                           .settings = settings,
                           .n_panels = 2,
                           .panels = panels};
    if (b && sizes && steps)
        plot_reply(request, response, &p);
    else
        no_memory(request, response);
    mem_free(b);
    mem_free(sizes);
    mem_free(steps);
}
