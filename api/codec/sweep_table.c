#include "api/codec/sweep_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

/* The main metric of a sweep is the first of these there is; only signals have a mean squared
 * error. */
static const struct {
    const char *key;
    bool is_least_best;
} main_metrics[] = {
    {"test_mse", true}, {"test_psnr", false},    {"mse", true},
    {"psnr", false},    {"iou_boundary", false},
};

void sweep_table_deinit(struct sweep_table *t)
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

static size_t find_key(const struct sweep_table *t, const char *key)
{
    const char(*found)[SWEEP_KEY_SIZE] =
        bsearch(key, t->keys, t->n_keys, SWEEP_KEY_SIZE, compare_keys);
    return found ? (size_t)(found - (const char(*)[SWEEP_KEY_SIZE])t->keys) : t->n_keys;
}

/* Every name once. */
static bool collect_keys(struct sweep_table *t)
{
    const size_t n = t->jobs->n_values;
    t->keys = mem_alloc_array(n + 1, SWEEP_KEY_SIZE);
    if (!t->keys)
        return false;
    for (size_t i = 0; i < n; i++)
        memcpy(t->keys[i], t->jobs->values[i].key, SWEEP_KEY_SIZE);
    qsort(t->keys, n, SWEEP_KEY_SIZE, compare_keys);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(t->keys[i], t->keys[t->n_keys - 1]) != 0)
            memmove(t->keys[t->n_keys++], t->keys[i], SWEEP_KEY_SIZE);
    return true;
}

static void add_jobs(struct sweep_table *t)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < t->jobs->n; i++) {
            const struct sweep_job *job = &t->jobs->jobs[i];
            const size_t cell = codec_sweep_cell_of(&t->sweep, i);
            struct sweep_statistic *row = t->statistics + cell * t->n_keys;
            t->cells[cell].n_jobs += pass == 0;
            t->cells[cell].n += pass == 0 && job->status == JOB_SUCCEEDED;
            for (size_t k = 0; k < job->n; k++) {
                const struct sweep_value *value = &t->jobs->values[job->first + k];
                struct sweep_statistic *s = &row[find_key(t, value->key)];
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
static enum status read_request(struct sweep_table *t, const struct sweep_row *row,
                                struct error *err)
{
    struct problem_list problems = {0};
    enum status status = codec_json_own(row->request_json, &t->request, err);
    if (status != STATUS_OK)
        return status;
    if (codec_sweep_read(t->request, &t->sweep, &problems) == STATUS_OK)
        return STATUS_OK;
    if (problems.status == STATUS_NO_MEMORY)
        return error_status(err, STATUS_NO_MEMORY);
    return error_set(err, STATUS_INTERNAL, "", "the sweep's request: %s", problems.item[0].detail);
}

enum status sweep_table_make(struct sweep_table *t, const struct sweep_row *row,
                             const struct sweep_jobs *jobs, struct error *err)
{
    *t = (struct sweep_table){.jobs = jobs};
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

const struct sweep_statistic *sweep_table_find(const struct sweep_table *t, size_t cell, size_t key)
{
    const struct sweep_statistic *s = &t->statistics[cell * t->n_keys + key];
    return s->n > 0 && s->n == t->cells[cell].n ? s : NULL;
}

double sweep_statistic_mean(const struct sweep_statistic *s)
{
    return s->sum / (double)s->n;
}

double sweep_statistic_deviation(const struct sweep_statistic *s)
{
    return sqrt(s->squares / (double)s->n);
}

/* The best cell by a metric among those that are complete; n_cells: there is none. */
static size_t find_best(const struct sweep_table *t, size_t key, bool is_least_best)
{
    size_t best = t->sweep.n_cells;
    double best_mean = 0.0;
    for (size_t cell = 0; cell < t->sweep.n_cells; cell++) {
        const struct sweep_statistic *s =
            t->cells[cell].n == t->cells[cell].n_jobs ? sweep_table_find(t, cell, key) : NULL;
        if (!s)
            continue;
        const double mean = sweep_statistic_mean(s);
        if (best == t->sweep.n_cells || (is_least_best ? mean < best_mean : mean > best_mean)) {
            best = cell;
            best_mean = mean;
        }
    }
    return best;
}

size_t sweep_table_best(const struct sweep_table *t, const char **key)
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

/* Does any cell have it? */
static bool has_key(const struct sweep_table *t, size_t key)
{
    bool has = false;
    for (size_t cell = 0; key < t->n_keys && cell < t->sweep.n_cells; cell++)
        has = has || sweep_table_find(t, cell, key);
    return has;
}

size_t sweep_table_main_key(const struct sweep_table *t)
{
    const char *name;
    if (sweep_table_best(t, &name) < t->sweep.n_cells)
        return find_key(t, name);
    for (size_t i = 0; i < sizeof main_metrics / sizeof *main_metrics; i++) {
        const size_t key = find_key(t, main_metrics[i].key);
        if (has_key(t, key))
            return key;
    }
    return t->n_keys;
}

json_t *sweep_table_value(const struct sweep_table *t, size_t cell, size_t axis)
{
    const struct sweep *sweep = &t->sweep;
    if (sweep->axes[axis].is_seed)
        return NULL;
    for (size_t later = sweep->n_axes; later-- > axis + 1;)
        if (!sweep->axes[later].is_seed)
            cell /= sweep->axes[later].n_values;
    return json_array_get(sweep->axes[axis].values, cell % sweep->axes[axis].n_values);
}
