/*
 * Sweeps: one body that stands for many jobs, and the table of what became of them.
 *
 *   {"dataset_ids": ["ds_…"], "base": {job settings}, "grid": {"/field/encoding/sigma": [1, 10],
 *    "/train/seed": [0, 1]}, "name": "…"}
 *
 * An axis is a member of the grid: a JSON pointer into a job's body and the values it takes.  Jobs
 * are numbered through all combinations, the last axis fastest, datasets innermost.  A job's body
 * is the base with its values put in, pointers of few levels first, objects made on the way.  A
 * cell of the table is one combination of all axes but "/train/seed": what is left, seeds and
 * datasets, are its jobs.
 */
#ifndef API_CODEC_SWEEP_H
#define API_CODEC_SWEEP_H

#include <jansson.h>
#include <stddef.h>

#include "api/codec/codec_json.h"
#include "api/problem.h"
#include "server/store/store.h"

enum {
    SWEEP_MAX_JOBS = 1000,
    SWEEP_MAX_AXES = 16,
    SWEEP_MAX_POINTER = 64, /* bytes: twice what the longest setting needs */
};

struct sweep_axis {
    const char *pointer;
    const json_t *values; /* array */
    size_t n_values;
    size_t level; /* how many names the pointer has */
    bool is_seed; /* "/train/seed": repeats a cell instead of making one */
};

/* A sweep's body that has been checked, as far as it can be without its datasets: it borrows from
 * the JSON it was read from. */
struct sweep {
    const char *name;          /* "" where it has none */
    const json_t *dataset_ids; /* array of ids, none twice */
    const json_t *base;        /* an object without dataset_id; NULL: {} */
    size_t n_axes, n_datasets, n_cells, n_jobs;
    struct sweep_axis axes[SWEEP_MAX_AXES];
    size_t by_level[SWEEP_MAX_AXES]; /* numbers of the axes in the order they are applied */
};

/* Problems at "/dataset_ids/3", "/base", "/grid/~1train~1seed"; more than SWEEP_MAX_JOBS jobs at
 * "/grid", with both figures. */
enum status codec_sweep_read(const json_t *body, struct sweep *out,
                             struct problem_list *problems) WARN_UNUSED;

/* Where job i stands. */
size_t codec_sweep_dataset_of(const struct sweep *sweep, size_t i);
size_t codec_sweep_cell_of(const struct sweep *sweep, size_t i);

/* The body of job i, the caller's (json_decref).  A value that there is no object for is a problem
 * at its axis. */
enum status codec_sweep_job(const struct sweep *sweep, size_t i, json_t **out,
                            struct problem_list *problems) WARN_UNUSED;

/* Where in the sweep's body a place of job i's body comes from: "/field/encoding/sigma" is
 * "/grid/~1field~1encoding~1sigma/2", or "/base/field/encoding/sigma" if no axis sets it. */
void codec_sweep_place(const struct sweep *sweep, size_t i, const char *place,
                       char out[POINTER_SIZE]);

/* --- what became of it --- */

/* A sweep of the store as JSON: {id, name, status, n_jobs, jobs, dataset_ids, axes, created_at},
 * and with its jobs also {base, cells, metric, best}.  Of a cell's jobs that have succeeded: n, and
 * for each metric that all of them have the mean and the population's standard deviation.  metric
 * is the main one (test_mse, test_psnr, mse, psnr or iou_boundary: the first there is), best the
 * cell with the best mean of it among those whose jobs have all succeeded; both null until there is
 * one.  jobs may be NULL.  NO_MEMORY, INTERNAL. */
enum status codec_sweep(const struct sweep_row *row, const struct sweep_jobs *jobs, json_t **out,
                        struct error *err) WARN_UNUSED;

/* The table as CSV (RFC 4180): a line for each cell, with its number, its settings (texts as they
 * are, all else as JSON), how many jobs it has, n, and mean and std of each metric. */
enum status codec_sweep_csv(const struct sweep_row *row, const struct sweep_jobs *jobs,
                            struct buffer *out, struct error *err) WARN_UNUSED;

/* queued: no job was begun; running: some are left; else canceled if a job was, failed if one did,
 * else succeeded. */
enum job_status codec_sweep_status(const struct sweep_row *row);

#endif
