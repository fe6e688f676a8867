/*
 * Tables: a step's way through a grid (core/field/tables.c), its parts timed one by one.
 */
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/field/calibration_parts.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp_jet.h"

enum {
    D = 2,
    LEVELS = 16, /* whole lanes … */
    FEW_LEVELS = 4,
    BATCH = 4096,
    SMALL_BATCH = 512,
    STEPS = 5,
    JET_POINTS = MLP_TILE, /* of each member: they take long */
    MANY_FEATURES = 8,
    LD = LEVELS * MANY_FEATURES + KERNEL_PANEL, /* of features */
};

struct size {
    size_t log2_hashmap_size;
    double finest_resolution;
    size_t n_features, n_levels;
};

/* Tables of what a small cache holds, up to what none does; one of many features, and
 * one of few levels. */
static const struct size sizes[COST_TABLES] = {{10, 512, COST_TABLE_FEATURES, LEVELS},
                                               {14, 512, COST_TABLE_FEATURES, LEVELS},
                                               {18, 512, COST_TABLE_FEATURES, LEVELS},
                                               {18, 2048, COST_TABLE_FEATURES, LEVELS}};
static const struct size many_features = {12, 512, MANY_FEATURES, LEVELS};
static const struct size few_levels = {14, 512, COST_TABLE_FEATURES, FEW_LEVELS};

/* What members time between their meetings. */
enum part { PART_LOOKUP, PART_KEEP, PART_SCATTER, PART_LINES, PART_JET, N_PARTS };

struct walk {
    const struct measuring *m;
    struct encoding *encoding;
    size_t n_members, n_table, n_scratch, n_features, n_levels;
    size_t batch_size;         /* BATCH or SMALL_BATCH */
    uint64_t step, first_step; /* of this size of batches */
    float *numbers;   /* [n_table] each: the table, two moments, the gradient; then the rest */
    uint8_t *touched; /* [n_table / GRID_LINE] */
    float *coords;    /* [BATCH, D] */
    float *kept;      /* of each level [BATCH, n_features] */
    float *scratch;   /* of each member: features of a jet's tile in all planes; targets */
    size_t n_lines[LEVELS]; /* touched in this step */
    double begin;           /* of a lap, by member 0, and its seconds; of a line */
    double took[N_PARTS][STEPS], line[STEPS], density[STEPS];
};

static void begin_lap(struct walk *w, size_t member)
{
    team_barrier(w->m->team);
    if (member == 0)
        w->begin = monotonic_seconds();
}

static void end_lap(struct walk *w, size_t member, enum part part)
{
    team_barrier(w->m->team);
    if (member > 0)
        return;
    const double seconds = monotonic_seconds() - w->begin;
    const size_t i = w->step - w->first_step;
    w->took[part][i] = seconds;
    if (part != PART_LINES)
        return;
    size_t n_lines = 0;
    for (size_t l = 0; l < w->n_levels; l++)
        n_lines += w->n_lines[l];
    w->line[i] = seconds / (double)n_lines;
    w->density[i] = (double)(n_lines * GRID_LINE) / (double)w->n_table;
}

static void draw(const struct walk *w, size_t first, float *scratch)
{
    struct task_tile tile = {.step = w->step,
                             .batch_size = w->batch_size,
                             .first = first,
                             .n = MLP_TILE,
                             .coords = w->coords + first * D,
                             .targets = scratch};
    w->m->task->class->draw(w->m->task, &tile);
}

static void keep(const struct walk *w, size_t first, const float *features)
{
    for (size_t l = 0; l < w->n_levels; l++)
        for (size_t i = 0; i < MLP_TILE; i++)
            memcpy(w->kept + (l * BATCH + first + i) * w->n_features,
                   features + i * LD + l * w->n_features, w->n_features * sizeof(float));
}

static void jet(const struct walk *w, size_t first, float *features)
{
    static const struct encoding_axes axes = {.d_x = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    for (size_t i = 0; i < JET_POINTS; i += MLP_JET_TILE)
        encoding_jet(w->encoding, w->m->kernel, w->numbers, MLP_JET_TILE,
                     w->coords + (first + i) * D, &axes, false, features, LD);
}

static void scatter(const struct walk *w, size_t l)
{
    const struct encoding_level level = encoding_level(w->encoding, l);
    encoding_scatter(w->encoding, w->m->kernel, l, w->batch_size, w->coords,
                     w->kept + l * BATCH * w->n_features, w->numbers + 3 * w->n_table + level.first,
                     w->touched + level.first / GRID_LINE);
}

static void count_lines(struct walk *w, size_t l)
{
    const struct encoding_level level = encoding_level(w->encoding, l);
    const uint8_t *touched = w->touched + level.first / GRID_LINE;
    w->n_lines[l] = 0;
    for (size_t i = 0; i < level.count / GRID_LINE; i++)
        w->n_lines[l] += touched[i];
}

static void update(const struct walk *w, size_t l)
{
    const struct optimizer_spec adam = {OPTIMIZER_ADAM, 0.9, 0.99, 1e-15};
    const struct encoding_level level = encoding_level(w->encoding, l);
    float *at = w->numbers + level.first;
    float *moments[] = {at + w->n_table, at + 2 * w->n_table};
    optimizer_update_touched(&adam, w->m->kernel, 1, 1e-3, level.count, at, moments,
                             at + 3 * w->n_table, w->touched + level.first / GRID_LINE);
}

/* Whether a level is the member's in this step.  Half of the levels change hands from one to the
 * next, since it is whoever is free that takes them. */
static bool is_mine(const struct walk *w, size_t member, size_t l)
{
    return (l + l / w->n_members * w->step) % w->n_members == member;
}

static void walk_member(void *context, size_t member)
{
    struct walk *w = context;
    float *scratch = w->scratch + member * w->n_scratch;
    size_t first, count;
    team_share(w->batch_size, MLP_TILE, w->n_members, member, &first, &count);
    const size_t end = first + count;
    for (size_t i = first; i < end; i += MLP_TILE)
        draw(w, i, scratch);
    begin_lap(w, member);
    for (size_t i = first; i < end; i += MLP_TILE)
        encoding_forward(w->encoding, w->m->kernel, w->numbers, MLP_TILE, w->coords + i * D,
                         scratch, LD);
    end_lap(w, member, PART_LOOKUP);
    begin_lap(w, member);
    for (size_t i = first; i < end; i += MLP_TILE)
        keep(w, i, scratch);
    end_lap(w, member, PART_KEEP);
    begin_lap(w, member);
    for (size_t l = 0; l < w->n_levels; l++)
        if (is_mine(w, member, l))
            scatter(w, l);
    end_lap(w, member, PART_SCATTER);
    for (size_t l = 0; l < w->n_levels; l++)
        if (is_mine(w, member, l))
            count_lines(w, l);
    begin_lap(w, member);
    for (size_t l = 0; l < w->n_levels; l++)
        if (is_mine(w, member, l))
            update(w, l);
    end_lap(w, member, PART_LINES);
    if (w->batch_size < BATCH)
        return;
    begin_lap(w, member);
    jet(w, first, scratch);
    end_lap(w, member, PART_JET);
}

static enum status walk_init(struct walk *w, const struct measuring *m, const struct size *size,
                             struct error *err)
{
    const struct encoding_spec spec = {.type = ENCODING_HASHGRID,
                                       .n_inputs = D,
                                       .n_levels = size->n_levels,
                                       .n_features_per_level = size->n_features,
                                       .log2_hashmap_size = size->log2_hashmap_size,
                                       .base_resolution = 16,
                                       .finest_resolution = size->finest_resolution};
    *w = (struct walk){.m = m,
                       .n_members = team_size(m->team),
                       .n_features = size->n_features,
                       .n_levels = size->n_levels};
    enum status status = encoding_create(&w->encoding, &spec, err);
    if (status != STATUS_OK)
        return status;
    const size_t n_kept = (size_t)BATCH * (D + size->n_levels * size->n_features);
    w->n_table = encoding_n_params(w->encoding);
    w->n_scratch = (size_t)MLP_TILE * (LD + m->task->n_targets);
    w->numbers = mem_alloc_floats(4 * w->n_table + n_kept + w->n_members * w->n_scratch);
    w->touched = mem_alloc_array(w->n_table / GRID_LINE, 1);
    if (!w->numbers || !w->touched)
        return error_status(err, STATUS_NO_MEMORY);
    w->coords = w->numbers + 4 * w->n_table;
    w->kept = w->coords + (size_t)BATCH * D;
    w->scratch = w->numbers + 4 * w->n_table + n_kept;
    /* pages that were never written are all the same one; gradients are to begin at 0 */
    for (size_t k = 0; k < 4 * w->n_table; k++)
        w->numbers[k] = k < 3 * w->n_table ? 1e-4f : 0.0f;
    return STATUS_OK;
}

static void walk_deinit(struct walk *w)
{
    mem_free(w->numbers);
    mem_free(w->touched);
    encoding_free(w->encoding);
}

static void walk_steps(struct walk *w, size_t batch_size)
{
    w->batch_size = batch_size;
    for (w->first_step = w->step; w->step < w->first_step + STEPS; w->step++)
        team_run(w->m->team, walk_member, w);
}

static double part_seconds(struct walk *w, enum part part)
{
    return calibration_low(STEPS, w->took[part]);
}

static void put_lines(struct cost_tables *out, size_t i, struct walk *w)
{
    out->density[i] = calibration_low(STEPS, w->density);
    out->line[i] = calibration_low(STEPS, w->line) * (double)w->n_members;
}

static enum status walk(struct cost_tables *out, double *a_jet, const struct measuring *m,
                        const struct size *size, struct error *err)
{
    struct walk w;
    enum status status = walk_init(&w, m, size, err);
    if (status == STATUS_OK) {
        walk_steps(&w, BATCH);
        /* of one thread */
        const double a_point = (double)w.n_members / ((double)BATCH * (double)w.n_levels);
        *out = (struct cost_tables){.n = (double)w.n_table,
                                    .lookup = part_seconds(&w, PART_LOOKUP) * a_point,
                                    .keep = part_seconds(&w, PART_KEEP) * a_point,
                                    .scatter = part_seconds(&w, PART_SCATTER) * a_point};
        const double jet_point =
            part_seconds(&w, PART_JET) / ((double)JET_POINTS * (double)w.n_levels);
        *a_jet = fmax(0.0, jet_point - out->lookup) / (1 + D);
        put_lines(out, 1, &w);
        walk_steps(&w, SMALL_BATCH);
        put_lines(out, 0, &w);
    }
    walk_deinit(&w);
    return status;
}

enum status calibrate_tables(struct costs *out, const struct measuring *m, struct error *err)
{
    const double more = MANY_FEATURES - COST_TABLE_FEATURES;
    const double n_empty = GRID_LANES - FEW_LEVELS;
    struct cost_tables many, low;
    double a_jet;
    enum status status = walk(&many, &a_jet, m, &many_features, err);
    if (status == STATUS_OK)
        status = walk(&low, &a_jet, m, &few_levels, err);
    for (size_t i = 0; i < COST_TABLES && status == STATUS_OK; i++) {
        status = calibration_go_on(m, err);
        if (status == STATUS_OK)
            status = walk(&out->tables[i], &out->table_jet, m, &sizes[i], err);
    }
    if (status != STATUS_OK)
        return status;
    const struct cost_tables *few = &out->tables[1]; /* of about as many numbers */
    out->lanes = fmax(0.0, (low.lookup - few->lookup) * FEW_LEVELS / n_empty * GRID_LANES);
    out->feature = (struct cost_features){.lookup = (many.lookup - few->lookup) / more,
                                          .keep = (many.keep - few->keep) / more,
                                          .scatter = (many.scatter - few->scatter) / more};
    return STATUS_OK;
}
