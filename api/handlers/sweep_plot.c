#include "api/handlers/sweep_plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/sweep_table.h"
#include "api/handlers/plot_words.h"
#include "api/handlers/reply.h"
#include "core/base/mem.h"

enum { WORDS_SIZE = 96, TITLE_SIZE = 256, NOTE_SIZE = 256, NO_AXIS = SWEEP_MAX_AXES };

/* What a sweep's plot is made of.  Sizes: X values of the axis it is drawn along, L curves. */
struct chart {
    struct sweep_table table;
    size_t axis;                     /* drawn along; NO_AXIS: the sweep has one cell */
    size_t n_x, n_lines, key;        /* key: of the metric; n_keys: no cell has any */
    size_t *order;                   /* [X]: the values from left to right */
    double *x, *y, *spread;          /* [X], [L, X], [L, X] */
    char (*categories)[WORDS_SIZE];  /* [X] */
    const char **category_names;     /* [X] */
    char (*names)[WORDS_SIZE];       /* [L] */
    struct plot_series *series;      /* [L] */
    size_t n_left_out, n_incomplete; /* cells */
    char title[TITLE_SIZE], note[NOTE_SIZE], metric[WORDS_SIZE];
};

static void chart_deinit(struct chart *c)
{
    sweep_table_deinit(&c->table);
    mem_free(c->order);
    mem_free(c->x);
    mem_free(c->y);
    mem_free(c->spread);
    mem_free(c->categories);
    mem_free(c->category_names);
    mem_free(c->names);
    mem_free(c->series);
}

/* --- axes --- */

static bool is_of_numbers(const struct sweep_axis *axis)
{
    for (size_t i = 0; i < axis->n_values; i++)
        if (!json_is_number(json_array_get(axis->values, i)))
            return false;
    return true;
}

/* The first axis of several numbers, else the first of several values, else the first. */
static size_t find_axis(const struct sweep *sweep)
{
    size_t first = NO_AXIS, several = NO_AXIS;
    for (size_t i = sweep->n_axes; i-- > 0;) {
        const struct sweep_axis *axis = &sweep->axes[i];
        if (axis->is_seed)
            continue;
        first = i;
        several = axis->n_values > 1 ? i : several;
    }
    for (size_t i = 0; i < sweep->n_axes; i++)
        if (!sweep->axes[i].is_seed && sweep->axes[i].n_values > 1 &&
            is_of_numbers(&sweep->axes[i]))
            return i;
    return several != NO_AXIS ? several : first;
}

static const struct sweep_axis *axis_of(const struct chart *c)
{
    return c->axis == NO_AXIS ? NULL : &c->table.sweep.axes[c->axis];
}

static bool has_numbers(const struct chart *c)
{
    return axis_of(c) && is_of_numbers(axis_of(c));
}

/* Values of the axis from left to right: numbers rise, all else stays. */
static void sort_values(struct chart *c)
{
    for (size_t i = 0; i < c->n_x; i++)
        c->order[i] = i;
    for (size_t i = 1; i < c->n_x && has_numbers(c); i++)
        for (size_t k = i; k > 0; k--) {
            const json_t *values = axis_of(c)->values;
            const size_t before = c->order[k - 1], after = c->order[k];
            if (json_number_value(json_array_get(values, before)) <=
                json_number_value(json_array_get(values, after)))
                break;
            c->order[k - 1] = after;
            c->order[k] = before;
        }
}

static void fill_axis(struct chart *c)
{
    sort_values(c);
    for (size_t i = 0; i < c->n_x; i++) {
        const struct sweep_axis *axis = axis_of(c);
        c->x[i] = has_numbers(c) ? json_number_value(json_array_get(axis->values, c->order[i]))
                                 : (double)i;
        if (axis)
            plot_words_value(axis->values, c->order[i], c->categories[i], WORDS_SIZE);
        c->category_names[i] = c->categories[i];
    }
}

/* --- cells --- */

/* Where a cell is: *x among the values of the axis as they were given; the line is returned. */
static size_t place_cell(const struct chart *c, size_t cell, size_t *x)
{
    const struct sweep *sweep = &c->table.sweep;
    size_t line = 0, size = 1;
    *x = 0;
    for (size_t i = sweep->n_axes; i-- > 0;) {
        if (sweep->axes[i].is_seed)
            continue;
        const size_t n = sweep->axes[i].n_values, value = cell % n;
        cell /= n;
        if (i == c->axis) {
            *x = value;
        } else {
            line += value * size;
            size *= n;
        }
    }
    return line;
}

/* The other axes: "gaussian, width 64", or the value alone where there is one of them. */
static void name_line(struct chart *c, size_t line, size_t cell)
{
    const struct sweep *sweep = &c->table.sweep;
    size_t used = 0, n_axes = 0;
    char *name = c->names[line];
    if (c->n_lines < 2)
        return;
    for (size_t i = 0; i < sweep->n_axes; i++)
        n_axes += !sweep->axes[i].is_seed && i != c->axis;
    for (size_t i = 0; i < sweep->n_axes; i++) {
        const struct sweep_axis *axis = &sweep->axes[i];
        char value[WORDS_SIZE];
        if (axis->is_seed || i == c->axis || (axis->n_values == 1 && n_axes > 1))
            continue;
        const json_t *own = sweep_table_value(&c->table, cell, i);
        const bool has_name = n_axes > 1 && !json_is_object(own); /* objects name themselves */
        size_t k = 0;
        while (k < axis->n_values && json_array_get(axis->values, k) != own)
            k++;
        plot_words_value(axis->values, k, value, sizeof value);
        used += (size_t)snprintf(name + used, WORDS_SIZE - used, "%s%s%s%s", used > 0 ? ", " : "",
                                 has_name ? plot_words_pointer(axis->pointer) : "",
                                 has_name ? " " : "", value);
        used = used < WORDS_SIZE ? used : WORDS_SIZE - 1;
    }
}

static void fill_cells(struct chart *c)
{
    const struct sweep_table *t = &c->table;
    for (size_t i = 0; i < c->n_lines * c->n_x; i++)
        c->y[i] = c->spread[i] = NAN;
    for (size_t cell = 0; cell < t->sweep.n_cells; cell++) {
        size_t value, x = 0;
        const size_t line = place_cell(c, cell, &value);
        const struct sweep_statistic *s =
            c->key < t->n_keys ? sweep_table_find(t, cell, c->key) : NULL;
        while (c->order[x] != value)
            x++;
        if (!c->names[line][0])
            name_line(c, line, cell);
        c->n_left_out += !s;
        if (!s)
            continue;
        c->n_incomplete += t->cells[cell].n < t->cells[cell].n_jobs;
        c->y[line * c->n_x + x] = sweep_statistic_mean(s);
        c->spread[line * c->n_x + x] = sweep_statistic_deviation(s);
    }
    for (size_t line = 0; line < c->n_lines; line++)
        c->series[line] = (struct plot_series){
            .name = c->names[line][0] ? c->names[line] : NULL,
            .n = c->n_x,
            .x = c->x,
            .y = c->y + line * c->n_x,
            .spread = c->spread + line * c->n_x,
            .style = has_numbers(c) ? PLOT_LINE_AND_MARKERS : PLOT_MARKERS,
        };
}

static enum status chart_make(struct chart *c, const struct sweep_row *row,
                              const struct sweep_jobs *jobs, struct error *err)
{
    enum status status = sweep_table_make(&c->table, row, jobs, err);
    if (status != STATUS_OK)
        return status;
    c->axis = find_axis(&c->table.sweep);
    c->n_x = axis_of(c) ? axis_of(c)->n_values : 1;
    c->n_lines = c->table.sweep.n_cells / c->n_x;
    c->key = sweep_table_main_key(&c->table);
    const size_t n = c->n_lines * c->n_x;
    c->order = mem_alloc_array(c->n_x, sizeof *c->order);
    c->x = mem_alloc_array(c->n_x, sizeof *c->x);
    c->y = mem_alloc_array(n, sizeof *c->y);
    c->spread = mem_alloc_array(n, sizeof *c->spread);
    c->categories = mem_alloc_array(c->n_x, sizeof *c->categories);
    c->category_names = mem_alloc_array(c->n_x, sizeof *c->category_names);
    c->names = mem_alloc_array(c->n_lines, sizeof *c->names);
    c->series = mem_alloc_array(c->n_lines, sizeof *c->series);
    if (!c->order || !c->x || !c->y || !c->spread || !c->categories || !c->category_names ||
        !c->names || !c->series)
        return error_status(err, STATUS_NO_MEMORY);
    fill_axis(c);
    fill_cells(c);
    return STATUS_OK;
}

/* --- the plot --- */

/* Positive, and more than a decade from the least to the largest; NAN are passed over. */
static enum scale_kind scale_for(const double *values, size_t n)
{
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    return low > 0 && high > 10 * low ? SCALE_LOG : SCALE_LINEAR;
}

/* The one other axis with several values; NULL: there is none, or there are more. */
static const struct sweep_axis *only_other(const struct chart *c)
{
    const struct sweep_axis *only = NULL;
    for (size_t i = 0; i < c->table.sweep.n_axes; i++) {
        const struct sweep_axis *axis = &c->table.sweep.axes[i];
        if (axis->is_seed || i == c->axis || axis->n_values < 2)
            continue;
        if (only)
            return NULL;
        only = axis;
    }
    return only;
}

static void write_words(struct chart *c, const struct sweep_row *row)
{
    const size_t n = c->table.sweep.n_cells;
    if (c->key < c->table.n_keys)
        plot_words_metric(c->table.keys[c->key], c->metric, sizeof c->metric);
    else
        snprintf(c->metric, sizeof c->metric, "no results yet");
    snprintf(c->title, sizeof c->title, "%s", row->name[0] ? row->name : row->id);
    if (c->n_left_out > 0)
        snprintf(c->note, sizeof c->note, "%zu of %zu cells %s no result and %s left out. ",
                 c->n_left_out, n, c->n_left_out == 1 ? "has" : "have",
                 c->n_left_out == 1 ? "is" : "are");
    const size_t used = strlen(c->note);
    if (c->n_incomplete > 0)
        snprintf(c->note + used, sizeof c->note - used,
                 "Of %zu cell%s only some jobs have succeeded.", c->n_incomplete,
                 c->n_incomplete == 1 ? "" : "s");
}

static void draw(const struct http_request *request, struct http_response *response,
                 const struct form_query *form, const struct chart *c)
{
    const struct sweep_axis *axis = axis_of(c), *other = only_other(c);
    const size_t per_cell = c->table.sweep.n_jobs / c->table.sweep.n_cells;
    char settings[TITLE_SIZE];
    snprintf(settings, sizeof settings, "%s over %zu dataset%s%s; ", c->metric,
             c->table.sweep.n_datasets, c->table.sweep.n_datasets == 1 ? "" : "s",
             per_cell > c->table.sweep.n_datasets ? " and several seeds" : "");
    const size_t used = strlen(settings);
    if (per_cell > 1)
        snprintf(settings + used, sizeof settings - used, "mean and standard deviation of %zu jobs",
                 per_cell);
    else
        snprintf(settings + used, sizeof settings - used, "one job for each point");
    const struct plot_panel panel = {
        .x = {.label = axis ? plot_words_pointer(axis->pointer) : NULL,
              .scale = has_numbers(c) ? scale_for(c->x, c->n_x) : SCALE_CATEGORIES,
              .categories = c->category_names,
              .n_categories = c->n_x,
              .marks = c->x,
              .n_marks = has_numbers(c) ? c->n_x : 0},
        .y = {.label = c->metric, .scale = scale_for(c->y, c->n_lines * c->n_x)},
        .n_series = c->n_lines,
        .series = c->series,
        .is_ordered = other && is_of_numbers(other),
        .legend_title = other ? plot_words_pointer(other->pointer) : NULL,
    };
    const struct plot p = {.width = form->width,
                           .height = form->height,
                           .title = c->title,
                           .settings = settings,
                           .note = c->note,
                           .n_panels = 1,
                           .panels = &panel};
    plot_reply(request, response, &p);
}

void sweep_plot_reply(const struct http_request *request, struct http_response *response,
                      const struct form_query *form, const struct sweep_row *row,
                      const struct sweep_jobs *jobs)
{
    struct chart c = {0};
    struct error err = {0};
    if (chart_make(&c, row, jobs, &err) == STATUS_OK) {
        write_words(&c, row);
        draw(request, response, form, &c);
    } else {
        reply_error(request, response, &err);
    }
    chart_deinit(&c);
}
