/*
 * What became of a sweep: its jobs by cells.  Sums run through jobs in their order, so that the
 * same values make the same table whatever happened on the way.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/codec_sweep.h"
#include "core/base/mem.h"

enum { KEY_SIZE = sizeof((struct sweep_value *)0)->key };

/* The main metric of a sweep is the first of these there is; only signals have a mean squared
 * error. */
static const struct {
    const char *key;
    bool is_least_best;
} main_metrics[] = {
    {"test_mse", true}, {"test_psnr", false},    {"mse", true},
    {"psnr", false},    {"iou_boundary", false},
};

struct statistic {
    size_t n;
    double sum, squares; /* squares: of the differences from the mean */
};

struct cell {
    size_t n_jobs, n; /* n: that have succeeded */
};

struct table {
    json_t *request; /* the sweep borrows from it */
    struct sweep sweep;
    const struct sweep_jobs *jobs;
    size_t n_keys;
    char (*keys)[KEY_SIZE]; /* by name */
    struct cell *cells;
    struct statistic *statistics; /* [n_cells, n_keys] */
};

static void table_deinit(struct table *t)
{
    mem_free(t->keys);
    mem_free(t->cells);
    mem_free(t->statistics);
    json_decref(t->request);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t find_key(const struct table *t, const char *key)
{
    const char(*found)[KEY_SIZE] = bsearch(key, t->keys, t->n_keys, KEY_SIZE, compare_keys);
    return found ? (size_t)(found - (const char(*)[KEY_SIZE])t->keys) : t->n_keys;
}

/* Every name once. */
static bool collect_keys(struct table *t)
{
    const size_t n = t->jobs->n_values;
    t->keys = mem_alloc_array(n + 1, KEY_SIZE);
    if (!t->keys)
        return false;
    for (size_t i = 0; i < n; i++)
        memcpy(t->keys[i], t->jobs->values[i].key, KEY_SIZE);
    qsort(t->keys, n, KEY_SIZE, compare_keys);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(t->keys[i], t->keys[t->n_keys - 1]) != 0)
            memmove(t->keys[t->n_keys++], t->keys[i], KEY_SIZE);
    return true;
}

static void add_jobs(struct table *t)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < t->jobs->n; i++) {
            const struct sweep_job *job = &t->jobs->jobs[i];
            const size_t cell = codec_sweep_cell_of(&t->sweep, i);
            struct statistic *row = t->statistics + cell * t->n_keys;
            t->cells[cell].n_jobs += pass == 0;
            t->cells[cell].n += pass == 0 && job->status == JOB_SUCCEEDED;
            for (size_t k = 0; k < job->n; k++) {
                const struct sweep_value *value = &t->jobs->values[job->first + k];
                struct statistic *s = &row[find_key(t, value->key)];
                if (pass == 0) {
                    s->n++;
                    s->sum += value->value;
                } else {
                    const double off = value->value - s->sum / (double)s->n;
                    s->squares += off * off;
                }
            }
        }
}

/* The request of a row was checked before it was stored. */
static enum status read_request(struct table *t, const struct sweep_row *row, struct error *err)
{
    struct problem_list problems = {0};
    enum status status = codec_json_own(row->request_json, &t->request, err);
    if (status != STATUS_OK)
        return status;
    if (codec_sweep_read(t->request, &t->sweep, &problems) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_INTERNAL, "", "the sweep's request: %s", problems.item[0].detail);
}

/* jobs NULL: the request alone.  To be released in any case. */
static enum status table_make(struct table *t, const struct sweep_row *row,
                              const struct sweep_jobs *jobs, struct error *err)
{
    *t = (struct table){.jobs = jobs};
    enum status status = read_request(t, row, err);
    if (status != STATUS_OK || !jobs)
        return status;
    if (jobs->n != t->sweep.n_jobs)
        return error_set(err, STATUS_INTERNAL, "", "the sweep has %zu jobs instead of %zu", jobs->n,
                         t->sweep.n_jobs);
    t->cells = mem_alloc_array(t->sweep.n_cells, sizeof *t->cells);
    if (!t->cells || !collect_keys(t))
        return error_status(err, STATUS_NO_MEMORY);
    t->statistics = mem_alloc_array(t->sweep.n_cells * (t->n_keys + 1), sizeof *t->statistics);
    if (!t->statistics)
        return error_status(err, STATUS_NO_MEMORY);
    add_jobs(t);
    return STATUS_OK;
}

/* Of a cell and a key: NULL unless all of its jobs that have succeeded have it. */
static const struct statistic *find_statistic(const struct table *t, size_t cell, size_t key)
{
    const struct statistic *s = &t->statistics[cell * t->n_keys + key];
    return s->n > 0 && s->n == t->cells[cell].n ? s : NULL;
}

static double mean_of(const struct statistic *s)
{
    return s->sum / (double)s->n;
}

static double deviation_of(const struct statistic *s)
{
    return sqrt(s->squares / (double)s->n);
}

/* The best cell by a metric among those that are complete; n_cells: there is none. */
static size_t find_best(const struct table *t, size_t key, bool is_least_best)
{
    size_t best = t->sweep.n_cells;
    double best_mean = 0.0;
    for (size_t cell = 0; cell < t->sweep.n_cells; cell++) {
        const struct statistic *s =
            t->cells[cell].n == t->cells[cell].n_jobs ? find_statistic(t, cell, key) : NULL;
        if (!s)
            continue;
        const double mean = mean_of(s);
        if (best == t->sweep.n_cells || (is_least_best ? mean < best_mean : mean > best_mean)) {
            best = cell;
            best_mean = mean;
        }
    }
    return best;
}

/* *key: of the main metric; NULL where no cell is complete. */
static size_t find_main(const struct table *t, const char **key)
{
    *key = NULL;
    for (size_t i = 0; i < sizeof main_metrics / sizeof *main_metrics; i++) {
        const size_t k = find_key(t, main_metrics[i].key);
        const size_t best =
            k < t->n_keys ? find_best(t, k, main_metrics[i].is_least_best) : t->sweep.n_cells;
        if (best < t->sweep.n_cells) {
            *key = main_metrics[i].key;
            return best;
        }
    }
    return t->sweep.n_cells;
}

/* The value of an axis in a cell; NULL for the seed. */
static json_t *value_in(const struct sweep *sweep, size_t cell, size_t axis)
{
    if (sweep->axes[axis].is_seed)
        return NULL;
    for (size_t later = sweep->n_axes; later-- > axis + 1;)
        if (!sweep->axes[later].is_seed)
            cell /= sweep->axes[later].n_values;
    return json_array_get(sweep->axes[axis].values, cell % sweep->axes[axis].n_values);
}

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

static json_t *setting_json(const struct sweep *sweep, size_t cell)
{
    json_t *setting = json_object();
    for (size_t i = 0; setting && i < sweep->n_axes; i++) {
        json_t *value = value_in(sweep, cell, i);
        if (value && json_object_set(setting, sweep->axes[i].pointer, value) != 0)
            return released(setting);
    }
    return setting;
}

static json_t *metrics_json(const struct table *t, size_t cell)
{
    json_t *metrics = json_object();
    for (size_t key = 0; metrics && key < t->n_keys; key++) {
        const struct statistic *s = find_statistic(t, cell, key);
        if (s &&
            json_object_set_new(metrics, t->keys[key],
                                json_pack("{s:o, s:o}", "mean", codec_json_measured(mean_of(s)),
                                          "std", codec_json_measured(deviation_of(s)))) != 0)
            return released(metrics);
    }
    return metrics;
}

static json_t *cells_json(const struct table *t)
{
    json_t *cells = json_array();
    for (size_t cell = 0; cells && cell < t->sweep.n_cells; cell++)
        if (!append_new(cells,
                        json_pack("{s:o, s:I, s:o, s:[]}", "setting", setting_json(&t->sweep, cell),
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

static bool add_table(const struct table *t, json_t *out)
{
    const char *key;
    const size_t best = find_main(t, &key);
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
    struct table t;
    char created[TIME_TEXT_SIZE];
    enum status status = table_make(&t, row, jobs, err);
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
    table_deinit(&t);
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

static enum status append_setting(struct buffer *out, const json_t *value, struct error *err)
{
    if (json_is_string(value))
        return append_text(out, json_string_value(value), err);
    char *text = NULL;
    enum status status = codec_json_text(value, &text, err);
    if (status == STATUS_OK)
        status = append_text(out, text, err);
    mem_free(text);
    return status;
}

static enum status append_head(const struct table *t, struct buffer *out, struct error *err)
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

static enum status append_cell(const struct table *t, size_t cell, struct buffer *out,
                               struct error *err)
{
    enum status status = buffer_printf(out, err, "%zu", cell);
    for (size_t i = 0; i < t->sweep.n_axes && status == STATUS_OK; i++) {
        const json_t *value = value_in(&t->sweep, cell, i);
        if (!value)
            continue;
        status = buffer_append(out, ",", 1, err);
        if (status == STATUS_OK)
            status = append_setting(out, value, err);
    }
    if (status == STATUS_OK)
        status = buffer_printf(out, err, ",%zu,%zu", t->cells[cell].n_jobs, t->cells[cell].n);
    for (size_t key = 0; key < t->n_keys && status == STATUS_OK; key++) {
        const struct statistic *s = find_statistic(t, cell, key);
        status = s ? buffer_printf(out, err, ",%.9g,%.9g", mean_of(s), deviation_of(s))
                   : buffer_printf(out, err, ",,");
    }
    return status == STATUS_OK ? buffer_printf(out, err, "\r\n") : status;
}

enum status codec_sweep_csv(const struct sweep_row *row, const struct sweep_jobs *jobs,
                            struct buffer *out, struct error *err)
{
    struct table t;
    enum status status = table_make(&t, row, jobs, err);
    if (status == STATUS_OK)
        status = append_head(&t, out, err);
    for (size_t cell = 0; status == STATUS_OK && cell < t.sweep.n_cells; cell++)
        status = append_cell(&t, cell, out, err);
    table_deinit(&t);
    return status;
}
