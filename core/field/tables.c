#include "core/field/tables.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"

enum { MAX_MOMENTS = 2 };

struct tables {
    struct field *field;
    size_t batch_size, n_levels;
    float *coords;                /* [batch_size, D] */
    float *kept;                  /* of each level [batch_size, n_columns] */
    struct encoding_level *level; /* [n_levels] */
    size_t *first_kept;           /* [n_levels]: of a level, in kept */
    float *gradient;              /* [encoding_n_table] */
    uint8_t *touched;             /* [encoding_n_table / GRID_LINE] */
    atomic_size_t n_taken;        /* levels that members have begun in this step */
};

enum status tables_create(struct tables **out, struct field *field, size_t batch_size,
                          struct error *err)
{
    const struct encoding *encoding = field_encoding(field);
    const size_t n_levels = encoding_n_levels(encoding), n_table = encoding_n_table(encoding);
    *out = NULL;
    if (n_levels == 0)
        return STATUS_OK;
    struct tables *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    *t = (struct tables){.field = field, .batch_size = batch_size, .n_levels = n_levels};
    atomic_init(&t->n_taken, 0);
    t->level = mem_alloc_array(n_levels, sizeof *t->level);
    t->first_kept = mem_alloc_array(n_levels, sizeof *t->first_kept);
    size_t n_kept = 0;
    for (size_t l = 0; t->level && t->first_kept && l < n_levels; l++) {
        t->level[l] = encoding_level(encoding, l);
        t->first_kept[l] = n_kept;
        n_kept += batch_size * t->level[l].n_columns;
    }
    t->coords = mem_alloc_floats(batch_size * encoding_n_inputs(encoding));
    t->kept = mem_alloc_floats(n_kept);
    t->gradient = mem_alloc_floats(n_table);
    t->touched = mem_alloc_array(n_table / GRID_LINE, 1);
    if (!t->level || !t->first_kept || !t->coords || !t->kept || !t->gradient || !t->touched) {
        tables_free(t);
        return error_status(err, STATUS_NO_MEMORY);
    }
    *out = t;
    return STATUS_OK;
}

void tables_free(struct tables *t)
{
    if (!t)
        return;
    mem_free(t->coords);
    mem_free(t->kept);
    mem_free(t->level);
    mem_free(t->first_kept);
    mem_free(t->gradient);
    mem_free(t->touched);
    mem_free(t);
}

void tables_begin(struct tables *t)
{
    atomic_store(&t->n_taken, 0);
}

/* Columns of n rows, one after the other; the usual counts as the compiler likes them. */
static void keep_columns(size_t n, const float *from, size_t ld, size_t n_columns, float *to)
{
    switch (n_columns) {
    case 2:
        for (size_t i = 0; i < n; i++)
            memcpy(to + 2 * i, from + i * ld, 2 * sizeof *to);
        break;
    case 4:
        for (size_t i = 0; i < n; i++)
            memcpy(to + 4 * i, from + i * ld, 4 * sizeof *to);
        break;
    default:
        for (size_t i = 0; i < n; i++)
            memcpy(to + n_columns * i, from + i * ld, n_columns * sizeof *to);
        break;
    }
}

void tables_keep(struct tables *t, size_t first, size_t n, const float *coords,
                 const float *d_input, size_t ld)
{
    const size_t n_inputs = field_n_inputs(t->field);
    memcpy(t->coords + first * n_inputs, coords, n * n_inputs * sizeof *coords);
    for (size_t l = 0; l < t->n_levels; l++) {
        const struct encoding_level *level = &t->level[l];
        keep_columns(n, d_input + level->column, ld, level->n_columns,
                     t->kept + t->first_kept[l] + first * level->n_columns);
    }
}

void tables_update(struct tables *t, const struct optimizer_spec *optimizer, uint64_t number,
                   double rate, float *const *moments)
{
    const struct kernel *kernel = field_kernel(t->field);
    const size_t n_moments = optimizer_n_moments(optimizer->type);
    float *params = field_params(t->field);
    size_t n_taken;
    /* the last levels are the largest: they come first, so that members end together */
    while ((n_taken = atomic_fetch_add(&t->n_taken, 1)) < t->n_levels) {
        const size_t l = t->n_levels - 1 - n_taken, first = t->level[l].first;
        float *gradient = t->gradient + first, *own[MAX_MOMENTS] = {NULL};
        uint8_t *touched = t->touched + first / GRID_LINE;
        for (size_t i = 0; i < n_moments; i++)
            own[i] = moments[i] + first;
        encoding_scatter(field_encoding(t->field), kernel, l, t->batch_size, t->coords,
                         t->kept + t->first_kept[l], gradient, touched);
        optimizer_update_touched(optimizer, kernel, number, rate, t->level[l].count, params + first,
                                 own, gradient, touched);
    }
}
