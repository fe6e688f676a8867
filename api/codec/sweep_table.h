/*
 * What became of a sweep: its jobs by cells, and of each cell and metric mean and deviation.  Sums
 * run through jobs in their order, so that the same values make the same table whatever happened on
 * the way.
 */
#ifndef API_CODEC_SWEEP_TABLE_H
#define API_CODEC_SWEEP_TABLE_H

#include "api/codec/codec_sweep.h"

enum { SWEEP_KEY_SIZE = sizeof((struct sweep_value *)0)->key };

struct sweep_statistic {
    size_t n;
    double sum, squares; /* squares: of the differences from the mean */
};

struct sweep_cell {
    size_t n_jobs, n; /* n: that have succeeded */
};

struct sweep_table {
    json_t *request; /* the sweep borrows from it */
    struct sweep sweep;
    const struct sweep_jobs *jobs; /* borrowed */
    size_t n_keys;
    char (*keys)[SWEEP_KEY_SIZE]; /* by name */
    struct sweep_cell *cells;
    struct sweep_statistic *statistics; /* [n_cells, n_keys] */
};

/* jobs NULL: the request alone.  sweep_table_deinit whatever comes of it.  NO_MEMORY, INTERNAL. */
enum status sweep_table_make(struct sweep_table *t, const struct sweep_row *row,
                             const struct sweep_jobs *jobs, struct error *err) WARN_UNUSED;
void sweep_table_deinit(struct sweep_table *t);

/* Of a cell and a key: NULL unless all of its jobs that have succeeded have it. */
const struct sweep_statistic *sweep_table_find(const struct sweep_table *t, size_t cell,
                                               size_t key);
double sweep_statistic_mean(const struct sweep_statistic *s);
double sweep_statistic_deviation(const struct sweep_statistic *s);

/* The best cell among those whose jobs have all succeeded, by the main metric: *key, borrowed.
 * Where there is none, n_cells and NULL. */
size_t sweep_table_best(const struct sweep_table *t, const char **key);

/* The main metric as a number of keys: of the best cell, or else the first that any cell has;
 * n_keys where there is none. */
size_t sweep_table_main_key(const struct sweep_table *t);

/* The value of an axis in a cell, borrowed; NULL for the seed. */
json_t *sweep_table_value(const struct sweep_table *t, size_t cell, size_t axis);

#endif
