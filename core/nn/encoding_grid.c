/*
 * Grid encodings: hashgrid and densegrid.  The formulas are in core/nn/grid.h, looking up and
 * adding up in the kernels; here are the settings, the table's shape, and derivatives by the
 * coordinates.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/nn/encoding_rows.h"
#include "core/nn/kernel.h"

static const uint32_t primes[LIMIT_DIMS] = {1, 2654435761u, 805459861u};

/* --- settings --- */

static enum status check_counts(const struct encoding_spec *spec, struct error *err)
{
    if (spec->n_levels < 1 || spec->n_levels > GRID_MAX_LEVELS)
        return error_set(err, STATUS_INVALID, "/encoding/n_levels",
                         "'n_levels' must be 1..%d, got %zu", GRID_MAX_LEVELS, spec->n_levels);
    const size_t n_features = spec->n_features_per_level;
    if (n_features != 1 && n_features != 2 && n_features != 4 && n_features != 8)
        return error_set(err, STATUS_INVALID, "/encoding/n_features_per_level",
                         "'n_features_per_level' must be 1, 2, 4 or 8, got %zu", n_features);
    if (spec->base_resolution < 2 || spec->base_resolution > ENCODING_MAX_RESOLUTION)
        return error_set(err, STATUS_INVALID, "/encoding/base_resolution",
                         "'base_resolution' must be 2..%d, got %zu", ENCODING_MAX_RESOLUTION,
                         spec->base_resolution);
    for (size_t d = 0; d < spec->n_inputs; d++)
        if (!(spec->aspect[d] >= 0.0 && spec->aspect[d] <= 1.0))
            return error_set(err, STATUS_INVALID, "/encoding/aspect",
                             "'aspect' must be numbers over 0 and up to 1, got %g",
                             spec->aspect[d]);
    return STATUS_OK;
}

/* b, the factor from one level's resolution to the next. */
static enum status find_growth(const struct encoding_spec *spec, double *out, struct error *err)
{
    const double base = (double)spec->base_resolution, n_steps = (double)spec->n_levels - 1;
    if (spec->per_level_scale != 0.0) {
        const double finest = base * pow(spec->per_level_scale, n_steps);
        if (!(spec->per_level_scale >= 1.0 && finest <= ENCODING_MAX_RESOLUTION))
            return error_set(err, STATUS_INVALID, "/encoding/per_level_scale",
                             "'per_level_scale' must be at least 1 and lead to a finest resolution "
                             "of at most %d, got %g, which leads to %g",
                             ENCODING_MAX_RESOLUTION, spec->per_level_scale, finest);
        *out = spec->per_level_scale;
        return STATUS_OK;
    }
    if (!(spec->finest_resolution >= base && spec->finest_resolution <= ENCODING_MAX_RESOLUTION))
        return error_set(err, STATUS_INVALID, "/encoding/finest_resolution",
                         "'finest_resolution' must be from 'base_resolution' (%g) to %d, got %g",
                         base, ENCODING_MAX_RESOLUTION, spec->finest_resolution);
    *out = n_steps > 0 ? exp((log(spec->finest_resolution) - log(base)) / n_steps) : 1.0;
    return STATUS_OK;
}

/* s_l of an axis. */
static double scale_of(double resolution, double aspect)
{
    return aspect == 0.0 ? resolution - 1 : fmax(aspect * resolution, 2) - 1;
}

/* One level; max_entries 0: no limit of its own.  False if it is larger than any table may be. */
static bool add_level(struct grid *g, size_t level, const double scale[LIMIT_DIMS],
                      size_t max_entries, size_t *n_entries)
{
    double side[LIMIT_DIMS] = {1, 1, 1}, n_vertices = 1;
    for (size_t d = 0; d < LIMIT_DIMS && d < g->n_dims; d++) {
        /* the last cell is found by the roundings of the kernels */
        const float last = (float)scale[d] + 0.5f;
        side[d] = floor((double)last) + 2;
        n_vertices *= side[d];
    }
    const bool is_hashed = max_entries > 0 && n_vertices > (double)max_entries;
    const double n_wanted = is_hashed ? (double)max_entries : n_vertices;
    const size_t per_line = GRID_LINE / g->n_features;
    if ((double)*n_entries + n_wanted + (double)per_line >
        (double)LIMIT_GRID_PARAMETERS / (double)g->n_features)
        return false;
    uint32_t factor = 1;
    for (size_t d = 0; d < LIMIT_DIMS; d++) { /* those beyond D are not used */
        g->factor[d][level] = is_hashed ? primes[d] : factor;
        g->scale[d][level] = (float)scale[d];
        factor *= (uint32_t)side[d];
    }
    g->mask[level] = is_hashed ? (uint32_t)max_entries - 1 : 0;
    g->first[level] = (uint32_t)*n_entries;
    g->n_entries[level] = ((size_t)n_wanted + per_line - 1) / per_line * per_line;
    *n_entries += g->n_entries[level];
    return true;
}

static enum status prepare(struct encoding *e, const struct encoding_spec *spec, size_t max_entries,
                           struct error *err)
{
    double growth = 1.0;
    enum status status = check_counts(spec, err);
    if (status == STATUS_OK)
        status = find_growth(spec, &growth, err);
    if (status != STATUS_OK)
        return status;
    struct grid *g = &e->grid;
    *g = (struct grid){.n_dims = e->n_inputs,
                       .n_features = spec->n_features_per_level,
                       .n_levels = spec->n_levels,
                       .is_smooth = spec->interpolation == INTERPOLATION_SMOOTHSTEP};
    size_t n_entries = 0;
    for (size_t l = 0; l < g->n_levels; l++) {
        const double resolution = (double)spec->base_resolution * pow(growth, (double)l);
        double scale[LIMIT_DIMS];
        for (size_t d = 0; d < LIMIT_DIMS; d++)
            scale[d] = scale_of(resolution, spec->aspect[d]);
        if (!add_level(g, l, scale, max_entries, &n_entries))
            return error_set(err, STATUS_INVALID, "/encoding",
                             "the tables would have more than %d numbers", LIMIT_GRID_PARAMETERS);
    }
    e->n_features = g->n_levels * g->n_features;
    e->n_params = e->n_table = n_entries * g->n_features;
    return STATUS_OK;
}

static enum status densegrid_prepare(struct encoding *e, const struct encoding_spec *spec,
                                     struct error *err)
{
    return prepare(e, spec, 0, err);
}

static enum status hashgrid_prepare(struct encoding *e, const struct encoding_spec *spec,
                                    struct error *err)
{
    if (spec->log2_hashmap_size < 4 || spec->log2_hashmap_size > ENCODING_MAX_HASHMAP)
        return error_set(err, STATUS_INVALID, "/encoding/log2_hashmap_size",
                         "'log2_hashmap_size' must be 4..%d, got %zu", ENCODING_MAX_HASHMAP,
                         spec->log2_hashmap_size);
    return prepare(e, spec, (size_t)1 << spec->log2_hashmap_size, err);
}

/* --- the tables --- */

static size_t n_levels(const struct encoding *e)
{
    return e->grid.n_levels;
}

static struct encoding_level level_of(const struct encoding *e, size_t level)
{
    const struct grid *g = &e->grid;
    return (struct encoding_level){.first = g->first[level] * g->n_features,
                                   .count = g->n_entries[level] * g->n_features,
                                   .column = level * g->n_features,
                                   .n_columns = g->n_features};
}

/* Small numbers, so that the network sees nothing before something is learned, and different ones,
 * so that entries do not stay alike.  Every level draws from a place of its own. */
static void init(const struct encoding *e, const struct encoding_spec *spec,
                 struct encoding_draw draw, float *params)
{
    const double end = 1e-4;
    (void)spec;
    for (size_t l = 0; l < e->grid.n_levels; l++) {
        const struct encoding_level level = level_of(e, l);
        struct rng rng = rng_at(draw.seed, RNG_ENCODING, draw.place + l);
        for (size_t i = 0; i < level.count; i++)
            params[level.first + i] = (float)(end * (2 * rng_uniform(&rng) - 1));
    }
}

static size_t n_parameters(const struct encoding *e)
{
    return e->n_params;
}

static double multiply_adds(const struct encoding *e)
{
    return (double)(e->n_features << e->n_inputs);
}

static size_t n_tensors(const struct encoding *e)
{
    return e->grid.n_levels;
}

static struct encoding_tensor tensor(const struct encoding *e, size_t i)
{
    struct encoding_tensor t = {.n_rows = e->grid.n_entries[i], .n_columns = e->grid.n_features};
    snprintf(t.name, sizeof t.name, "levels.%zu", i);
    return t;
}

static void export(const struct encoding *e, const float *params, size_t i, float *out)
{
    const struct encoding_level level = level_of(e, i);
    memcpy(out, params + level.first, level.count * sizeof *out);
}

static void import(const struct encoding *e, float *params, size_t i, const float *in)
{
    const struct encoding_level level = level_of(e, i);
    memcpy(params + level.first, in, level.count * sizeof *params);
}

/* --- the two passes --- */

static void forward(const struct encoding *e, const struct kernel *kernel, const float *params,
                    size_t n, const float *x, float *out, size_t ld)
{
    kernel->grid->forward(&e->grid, params, n, x, out, ld);
}

static void scatter(const struct encoding *e, const struct kernel *kernel, size_t level, size_t n,
                    const float *x, const float *d_features, float *gradient, uint8_t *touched)
{
    kernel->grid->scatter(&e->grid, level, n, x, d_features, gradient, touched);
}

/* A coordinate in its cell: the corners' weights, and their first and second derivatives by it. */
struct place {
    uint32_t cell;
    double weight[2], slope[2], curvature[2];
};

static struct place place_of(const struct grid *g, size_t level, size_t axis, float x)
{
    /* the roundings of the kernels, so that it is the same cell */
    const float scale = g->scale[axis][level], inside = x > 0.0f ? x < 1.0f ? x : 1.0f : 0.0f;
    float p = inside * scale;
    p += 0.5f;
    struct place place = {.cell = (uint32_t)p};
    const double t = (double)(p - (float)place.cell), s = (double)scale;
    const bool is_inside = x >= 0.0f && x <= 1.0f;
    const double upper = g->is_smooth ? t * t * (3 - 2 * t) : t;
    const double slope = !is_inside ? 0 : g->is_smooth ? 6 * t * (1 - t) * s : s;
    const double curvature = is_inside && g->is_smooth ? (6 - 12 * t) * s * s : 0;
    for (int i = 0; i < 2; i++) {
        place.weight[i] = i ? upper : 1 - upper;
        place.slope[i] = i ? slope : -slope;
        place.curvature[i] = i ? curvature : -curvature;
    }
    return place;
}

static const float *entry_of(const struct grid *g, size_t level, const float *table,
                             const struct place *place, size_t corner)
{
    uint32_t sum = 0, mixed = 0;
    for (size_t d = 0; d < g->n_dims; d++) {
        const uint32_t term = (place[d].cell + (uint32_t)(corner >> d & 1)) * g->factor[d][level];
        sum += term;
        mixed ^= term;
    }
    const uint32_t entry = g->mask[level] ? mixed & g->mask[level] : sum;
    return table + ((size_t)g->first[level] + entry) * g->n_features;
}

/* d weight / d x_d of a corner. */
static double weight_slope(const struct place *place, size_t n_dims, size_t corner, size_t axis)
{
    double product = 1;
    for (size_t d = 0; d < n_dims; d++)
        product *= d == axis ? place[d].slope[corner >> d & 1] : place[d].weight[corner >> d & 1];
    return product;
}

static void find_places(const struct grid *g, size_t level, const float *x, struct place *place)
{
    for (size_t d = 0; d < g->n_dims; d++)
        place[d] = place_of(g, level, d, x[d]);
}

static void backward(const struct encoding *e, const float *params, size_t n, const float *x,
                     const float *out, const float *d_out, size_t ld, float *d_dense, float *d_x)
{
    const struct grid *g = &e->grid;
    const size_t n_dims = g->n_dims, n_features = g->n_features;
    (void)out;
    (void)d_dense;
    for (size_t i = 0; d_x && i < n; i++) {
        double sum[LIMIT_DIMS] = {0};
        for (size_t l = 0; l < g->n_levels; l++) {
            const float *d = d_out + i * ld + l * n_features;
            struct place place[LIMIT_DIMS];
            find_places(g, l, x + i * n_dims, place);
            for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
                const float *entry = entry_of(g, l, params, place, c);
                double product = 0;
                for (size_t f = 0; f < n_features; f++)
                    product += (double)d[f] * (double)entry[f];
                for (size_t a = 0; a < n_dims; a++)
                    sum[a] += product * weight_slope(place, n_dims, c, a);
            }
        }
        for (size_t a = 0; a < n_dims; a++)
            d_x[i * n_dims + a] = (float)sum[a];
    }
}

/* --- derivatives along axes --- */

static enum status check_laplacian(const struct encoding *e, struct error *err)
{
    if (e->grid.is_smooth)
        return STATUS_OK;
    return error_set(err, STATUS_UNSUPPORTED, "",
                     "a grid with 'linear' interpolation is made of pieces without curvature: its "
                     "second derivatives are 0, or do not exist (with 'smoothstep' they do)");
}

/* The first and second derivatives of a corner's weight by the coordinates. */
struct weight_jet {
    double slope[LIMIT_DIMS], curvature[LIMIT_DIMS][LIMIT_DIMS];
};

static struct weight_jet weight_jet(const struct place *place, size_t n_dims, size_t corner)
{
    struct weight_jet jet;
    for (size_t a = 0; a < n_dims; a++) {
        jet.slope[a] = weight_slope(place, n_dims, corner, a);
        for (size_t b = 0; b < n_dims; b++) {
            double product = 1;
            for (size_t d = 0; d < n_dims; d++) {
                const size_t side = corner >> d & 1;
                product *= d == a && d == b   ? place[d].curvature[side]
                           : d == a || d == b ? place[d].slope[side]
                                              : place[d].weight[side];
            }
            jet.curvature[a][b] = product;
        }
    }
    return jet;
}

/* Along the axes t of x: d w / d t_s = sum_r slope_r d_x[r][s], and the sum over s of d^2 w / d
 * t_s^2. */
static void turn(const struct weight_jet *w, const struct encoding_axes *axes, size_t n_dims,
                 double *slope, double *sum)
{
    *sum = 0;
    for (size_t s = 0; s < n_dims; s++) {
        slope[s] = 0;
        for (size_t r = 0; r < n_dims; r++) {
            slope[s] += w->slope[r] * axes->d_x[r][s];
            for (size_t q = 0; q < n_dims; q++)
                *sum += w->curvature[r][q] * axes->d_x[r][s] * axes->d_x[q][s];
        }
    }
}

/* One level at one point: sums [1 + D, F] over its corners. */
static void jet_of_level(const struct encoding *e, const float *params, size_t level,
                         const float *x, const struct encoding_axes *axes,
                         double sum[LIMIT_DIMS + 1][GRID_MAX_FEATURES])
{
    const struct grid *g = &e->grid;
    const size_t n_dims = g->n_dims;
    struct place place[LIMIT_DIMS];
    find_places(g, level, x, place);
    for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
        const struct weight_jet w = weight_jet(place, n_dims, c);
        const float *entry = entry_of(g, level, params, place, c);
        double derivative[LIMIT_DIMS + 1];
        turn(&w, axes, n_dims, derivative, &derivative[n_dims]);
        for (size_t s = 0; s <= n_dims; s++)
            for (size_t f = 0; f < g->n_features; f++)
                sum[s][f] += derivative[s] * (double)entry[f];
    }
}

static void jet(const struct encoding *e, const float *params, size_t n, const float *x,
                const struct encoding_axes *axes, bool has_laplacian, float *out, size_t ld)
{
    const struct grid *g = &e->grid;
    const size_t n_planes = g->n_dims + has_laplacian;
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < g->n_levels; l++) {
            double sum[LIMIT_DIMS + 1][GRID_MAX_FEATURES] = {{0}};
            jet_of_level(e, params, l, x + i * g->n_dims, axes, sum);
            for (size_t s = 0; s < n_planes; s++)
                for (size_t f = 0; f < g->n_features; f++)
                    out[((1 + s) * n + i) * ld + l * g->n_features + f] = (float)sum[s][f];
        }
}

/* --- rows --- */

#define GRID_ROW(type)                                                                             \
    const struct encoding_row encoding_##type = {                                                  \
        .name = #type,                                                                             \
        .prepare = type##_prepare,                                                                 \
        .init = init,                                                                              \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
        .check_laplacian = check_laplacian,                                                        \
        .jet = jet,                                                                                \
        .n_parameters = n_parameters,                                                              \
        .multiply_adds = multiply_adds,                                                            \
        .n_tensors = n_tensors,                                                                    \
        .tensor = tensor,                                                                          \
        .export = export,                                                                          \
        .import = import,                                                                          \
        .n_levels = n_levels,                                                                      \
        .level = level_of,                                                                         \
        .scatter = scatter,                                                                        \
    }

GRID_ROW(hashgrid);
GRID_ROW(densegrid);
