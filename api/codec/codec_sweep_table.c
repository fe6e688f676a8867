/*
 * The table of a sweep as JSON and as CSV.
 */
#include <stdio.h>
#include <string.h>

#include "api/codec/codec_sweep.h"
#include "api/codec/sweep_table.h"
#include "core/base/mem.h"

/* --- JSON --- */

enum job_status codec_sweep_status(const struct sweep_row *row)
{
    const uint64_t *n = row->n_jobs;
    if (n[JOB_QUEUED] + n[JOB_RUNNING] > 0) {
        const uint64_t ended = n[JOB_SUCCEEDED] + n[JOB_FAILED] + n[JOB_CANCELED];
        return row->n_started + ended > 0 ? JOB_RUNNING : JOB_QUEUED;
    }
    return n[JOB_CANCELED] ? JOB_CANCELED : n[JOB_FAILED] ? JOB_FAILED : JOB_SUCCEEDED;
}

/* Jansson's builders take NULL for "out of memory, answer NULL": so do these. */
static bool append_new(json_t *array, json_t *item)
{
    return json_array_append_new(array, item) == 0;
}

static json_t *released(json_t *value)
{
    json_decref(value);
    return NULL;
}

static json_t *axes_json(const struct sweep *sweep)
{
    json_t *axes = json_array();
    for (size_t i = 0; axes && i < sweep->n_axes; i++)
        if (!append_new(axes, json_pack("{s:s, s:O}", "pointer", sweep->axes[i].pointer, "values",
                                        sweep->axes[i].values)))
            return released(axes);
    return axes;
}

static json_t *setting_json(const struct sweep_table *t, size_t cell)
{
    json_t *setting = json_object();
    for (size_t i = 0; setting && i < t->sweep.n_axes; i++) {
        json_t *value = sweep_table_value(t, cell, i);
        if (value && json_object_set(setting, t->sweep.axes[i].pointer, value) != 0)
            return released(setting);
    }
    return setting;
}

static json_t *metrics_json(const struct sweep_table *t, size_t cell)
{
    json_t *metrics = json_object();
    for (size_t key = 0; metrics && key < t->n_keys; key++) {
        const struct sweep_statistic *s = sweep_table_find(t, cell, key);
        if (s && json_object_set_new(
                     metrics, t->keys[key],
                     json_pack("{s:o, s:o}", "mean", codec_json_measured(sweep_statistic_mean(s)),
                               "std", codec_json_measured(sweep_statistic_deviation(s)))) != 0)
            return released(metrics);
    }
    return metrics;
}

static json_t *cells_json(const struct sweep_table *t)
{
    json_t *cells = json_array();
    for (size_t cell = 0; cells && cell < t->sweep.n_cells; cell++)
        if (!append_new(cells, json_pack("{s:o, s:I, s:o, s:[]}", "setting", setting_json(t, cell),
                                         "n", (json_int_t)t->cells[cell].n, "metrics",
                                         metrics_json(t, cell), "job_ids")))
            return released(cells);
    for (size_t i = 0; cells && i < t->jobs->n; i++) {
        const json_t *cell = json_array_get(cells, codec_sweep_cell_of(&t->sweep, i));
        if (!append_new(json_object_get(cell, "job_ids"), json_string(t->jobs->jobs[i].id)))
            return released(cells);
    }
    return cells;
}

static json_t *counts_json(const struct sweep_row *row)
{
    json_t *counts = json_object();
    for (int i = 0; counts && i <= JOB_CANCELED; i++)
        if (json_object_set_new(counts, job_status_name((enum job_status)i),
                                json_integer((json_int_t)row->n_jobs[i])) != 0)
            return released(counts);
    return counts;
}

static bool add_table(const struct sweep_table *t, json_t *out)
{
    const char *key;
    const size_t best = sweep_table_best(t, &key);
    const bool has_best = best < t->sweep.n_cells;
    json_t *base = t->sweep.base ? json_incref((json_t *)t->sweep.base) : json_object();
    bool ok = json_object_set_new(out, "base", base) == 0;
    ok &= json_object_set_new(out, "cells", cells_json(t)) == 0;
    ok &= json_object_set_new(out, "metric", has_best ? json_string(key) : json_null()) == 0;
    ok &= json_object_set_new(out, "best",
                              has_best ? json_integer((json_int_t)best) : json_null()) == 0;
    return ok;
}

enum status codec_sweep(const struct sweep_row *row, const struct sweep_jobs *jobs, json_t **out,
                        struct error *err)
{
    struct sweep_table t;
    char created[TIME_TEXT_SIZE];
    enum status status = sweep_table_make(&t, row, jobs, err);
    if (status != STATUS_OK)
        goto out;
    clock_format(row->created_ms, created);
    json_t *value =
        json_pack("{s:s, s:s, s:s, s:I, s:o, s:O, s:o, s:s}", "id", row->id, "name", row->name,
                  "status", job_status_name(codec_sweep_status(row)), "n_jobs",
                  (json_int_t)t.sweep.n_jobs, "jobs", counts_json(row), "dataset_ids",
                  t.sweep.dataset_ids, "axes", axes_json(&t.sweep), "created_at", created);
    if (value && (!jobs || add_table(&t, value))) {
        *out = value;
    } else {
        json_decref(value);
        status = error_status(err, STATUS_NO_MEMORY);
    }
out:
    sweep_table_deinit(&t);
    return status;
}

/* --- CSV --- */

/* Quoted where it must be. */
static enum status append_text(struct buffer *out, const char *text, struct error *err)
{
    if (!text[strcspn(text, ",\"\r\n")])
        return buffer_append(out, text, strlen(text), err);
    enum status status = buffer_append(out, "\"", 1, err);
    for (; *text && status == STATUS_OK; text++) {
        if (*text == '"')
            status = buffer_append(out, text, 1, err);
        if (status == STATUS_OK)
            status = buffer_append(out, text, 1, err);
    }
    return status == STATUS_OK ? buffer_append(out, "\"", 1, err) : status;
}

/* A text that a spreadsheet would take for a formula, and compute, begins with an apostrophe, which
 * it takes for the sign of a text. */
static enum status append_string(struct buffer *out, const char *string, struct error *err)
{
    if (!string[0] || !strchr("=+-@\t\r", string[0]))
        return append_text(out, string, err);
    struct buffer text;
    buffer_init(&text, strlen(string) + 2);
    enum status status = buffer_append(&text, "'", 1, err);
    if (status == STATUS_OK)
        status = buffer_append(&text, string, strlen(string) + 1, err);
    if (status == STATUS_OK)
        status = append_text(out, (const char *)text.data, err);
    buffer_deinit(&text);
    return status;
}

static enum status append_setting(struct buffer *out, const json_t *value, struct error *err)
{
    if (json_is_string(value))
        return append_string(out, json_string_value(value), err);
    char *text = NULL;
    enum status status = codec_json_text(value, &text, err);
    if (status == STATUS_OK)
        status = append_text(out, text, err);
    mem_free(text);
    return status;
}

static enum status append_head(const struct sweep_table *t, struct buffer *out, struct error *err)
{
    enum status status = buffer_printf(out, err, "cell");
    for (size_t i = 0; i < t->sweep.n_axes && status == STATUS_OK; i++) {
        if (t->sweep.axes[i].is_seed)
            continue;
        status = buffer_append(out, ",", 1, err);
        if (status == STATUS_OK)
            status = append_text(out, t->sweep.axes[i].pointer, err);
    }
    if (status == STATUS_OK)
        status = buffer_printf(out, err, ",n_jobs,n");
    for (size_t key = 0; key < t->n_keys && status == STATUS_OK; key++)
        status = buffer_printf(out, err, ",%s_mean,%s_std", t->keys[key], t->keys[key]);
    return status == STATUS_OK ? buffer_printf(out, err, "\r\n") : status;
}

static enum status append_cell(const struct sweep_table *t, size_t cell, struct buffer *out,
                               struct error *err)
{
    enum status status = buffer_printf(out, err, "%zu", cell);
    for (size_t i = 0; i < t->sweep.n_axes && status == STATUS_OK; i++) {
        const json_t *value = sweep_table_value(t, cell, i);
        if (!value)
            continue;
        status = buffer_append(out, ",", 1, err);
        if (status == STATUS_OK)
            status = append_setting(out, value, err);
    }
    if (status == STATUS_OK)
        status = buffer_printf(out, err, ",%zu,%zu", t->cells[cell].n_jobs, t->cells[cell].n);
    for (size_t key = 0; key < t->n_keys && status == STATUS_OK; key++) {
        const struct sweep_statistic *s = sweep_table_find(t, cell, key);
        status = s ? buffer_printf(out, err, ",%.9g,%.9g", sweep_statistic_mean(s),
                                   sweep_statistic_deviation(s))
                   : buffer_printf(out, err, ",,");
    }
    return status == STATUS_OK ? buffer_printf(out, err, "\r\n") : status;
}

enum status codec_sweep_csv(const struct sweep_row *row, const struct sweep_jobs *jobs,
                            struct buffer *out, struct error *err)
{
    struct sweep_table t;
    enum status status = sweep_table_make(&t, row, jobs, err);
    if (status == STATUS_OK)
        status = append_head(&t, out, err);
    for (size_t cell = 0; status == STATUS_OK && cell < t.sweep.n_cells; cell++)
        status = append_cell(&t, cell, out, err);
    sweep_table_deinit(&t);
    return status;
}
