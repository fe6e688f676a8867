/*
 * Grids (core/nn/grid.h) in plain C, compiled once for each instruction set: loops over levels, and
 * over points of a level, become vectors.  For kernel*.c only.
 *
 * A point's cell is found by the same roundings forward and backward.
 */
#ifndef CORE_NN_KERNEL_GRID_H
#define CORE_NN_KERNEL_GRID_H

#include "core/nn/kernel.h"

#define GRID_INLINE static inline __attribute__((always_inline))

enum { MAX_CORNERS = 1 << LIMIT_DIMS };

/* Entries and weights of the corners of cells, corner by corner: corner c is the upper one along
 * axis d where bit d of c is set.  In lanes of levels or of points. */
struct grid_corners {
    uint32_t entry[MAX_CORNERS][GRID_LANES];
    float weight[MAX_CORNERS][GRID_LANES];
};

struct grid_axis {
    uint32_t cell[GRID_LANES];
    float weight[GRID_LANES]; /* of the upper corner */
};

GRID_INLINE void grid_place(struct grid_axis *a, size_t lane, float x, float scale, bool is_smooth)
{
    const float inside = x > 0.0f ? x < 1.0f ? x : 1.0f : 0.0f; /* NaN: 0 */
    float p = inside * scale; /* alone, so that no compiler makes one rounding of two: places are */
    p += 0.5f;                /* the same in every instruction set, and backward */
    const int32_t cell = (int32_t)p;
    const float t = p - (float)cell;
    a->cell[lane] = (uint32_t)cell;
    a->weight[lane] = is_smooth ? t * t * (3.0f - 2.0f * t) : t;
}

/* A term of an entry's number. */
GRID_INLINE uint32_t grid_term(const struct grid_axis *a, size_t lane, size_t corner, size_t axis,
                               uint32_t factor)
{
    return (a->cell[lane] + (uint32_t)(corner >> axis & 1)) * factor;
}

GRID_INLINE float grid_weight(const struct grid_axis *a, size_t lane, size_t corner, size_t axis)
{
    return corner >> axis & 1 ? a->weight[lane] : 1.0f - a->weight[lane];
}

/* One corner of one lane. */
GRID_INLINE void grid_corner(struct grid_corners *out, const struct grid_axis *axis, size_t lane,
                             size_t corner, size_t n_dims, const uint32_t *factor, uint32_t mask,
                             uint32_t first)
{
    uint32_t sum = 0, mixed = 0;
    float weight = 1.0f;
    for (size_t d = 0; d < n_dims; d++) {
        const uint32_t term = grid_term(&axis[d], lane, corner, d, factor[d]);
        sum += term;
        mixed ^= term;
        weight *= grid_weight(&axis[d], lane, corner, d);
    }
    out->entry[corner][lane] = (mask ? mixed & mask : sum) + first;
    out->weight[corner][lane] = weight;
}

/* The corners of one point at 16 levels. */
GRID_INLINE void grid_corners_of_levels(struct grid_corners *out, const struct grid *g,
                                        size_t level, const float *x, size_t n_dims, bool is_smooth)
{
    struct grid_axis axis[LIMIT_DIMS];
    for (size_t d = 0; d < n_dims; d++)
        for (size_t k = 0; k < GRID_LANES; k++)
            grid_place(&axis[d], k, x[d], g->scale[d][level + k], is_smooth);
    for (size_t c = 0; c < (size_t)1 << n_dims; c++)
        for (size_t k = 0; k < GRID_LANES; k++) {
            uint32_t factor[LIMIT_DIMS];
            for (size_t d = 0; d < n_dims; d++)
                factor[d] = g->factor[d][level + k];
            grid_corner(out, axis, k, c, n_dims, factor, g->mask[level + k], g->first[level + k]);
        }
}

/* The corners of 16 points at one level, entries counted from the level's first. */
GRID_INLINE void grid_corners_of_points(struct grid_corners *out, const struct grid *g,
                                        size_t level, const float *x, size_t n_dims, bool is_smooth)
{
    struct grid_axis axis[LIMIT_DIMS];
    uint32_t factor[LIMIT_DIMS];
    for (size_t d = 0; d < n_dims; d++)
        factor[d] = g->factor[d][level];
    for (size_t d = 0; d < n_dims; d++)
        for (size_t k = 0; k < GRID_LANES; k++)
            grid_place(&axis[d], k, x[k * n_dims + d], g->scale[d][level], is_smooth);
    for (size_t c = 0; c < (size_t)1 << n_dims; c++)
        for (size_t k = 0; k < GRID_LANES; k++)
            grid_corner(out, axis, k, c, n_dims, factor, g->mask[level], 0);
}

/* The features of one lane: the weighted sum of its corners' entries. */
GRID_INLINE void grid_sum(const struct grid_corners *corners, size_t lane, const float *table,
                          size_t n_dims, size_t n_features, float *out)
{
    float sum[GRID_MAX_FEATURES] = {0};
    for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
        const float *entry = table + (size_t)corners->entry[c][lane] * n_features;
        const float weight = corners->weight[c][lane];
        for (size_t f = 0; f < n_features; f++)
            sum[f] += weight * entry[f];
    }
    for (size_t f = 0; f < n_features; f++)
        out[f] = sum[f];
}

GRID_INLINE void grid_forward_as(const struct grid *g, const float *table, size_t n, const float *x,
                                 float *out, size_t ld, size_t n_dims, size_t n_features,
                                 bool is_smooth)
{
    for (size_t i = 0; i < n; i++)
        for (size_t level = 0; level < g->n_levels; level += GRID_LANES) {
            struct grid_corners corners;
            const size_t n_left = g->n_levels - level;
            float *row = out + i * ld + level * n_features;
            grid_corners_of_levels(&corners, g, level, x + i * n_dims, n_dims, is_smooth);
            for (size_t k = 0; k < (n_left < GRID_LANES ? n_left : (size_t)GRID_LANES); k++)
                grid_sum(&corners, k, table, n_dims, n_features, row + k * n_features);
        }
}

/* Add one point's gradient to its corners' entries. */
GRID_INLINE void grid_add(const struct grid_corners *corners, size_t lane, const float *d_features,
                          float *gradient, uint8_t *touched, size_t n_dims, size_t n_features)
{
    for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
        const size_t at = (size_t)corners->entry[c][lane] * n_features;
        const float weight = corners->weight[c][lane];
        for (size_t f = 0; f < n_features; f++)
            gradient[at + f] += weight * d_features[f];
        touched[at / GRID_LINE] = 1;
    }
}

GRID_INLINE void grid_scatter_as(const struct grid *g, size_t level, size_t n, const float *x,
                                 const float *d_features, float *gradient, uint8_t *touched,
                                 size_t n_dims, size_t n_features, bool is_smooth)
{
    for (size_t i = 0; i < n; i += GRID_LANES) {
        struct grid_corners corners;
        const size_t count = n - i < GRID_LANES ? n - i : (size_t)GRID_LANES;
        float last[GRID_LANES * LIMIT_DIMS] = {0};
        const float *points = x + i * n_dims;
        if (count < GRID_LANES) {
            for (size_t j = 0; j < count * n_dims; j++)
                last[j] = points[j];
            points = last;
        }
        grid_corners_of_points(&corners, g, level, points, n_dims, is_smooth);
        for (size_t k = 0; k < count; k++)
            grid_add(&corners, k, d_features + (i + k) * n_features, gradient, touched, n_dims,
                     n_features);
    }
}

/* Call function with dimensions, features and smoothness that the compiler knows. */
#define GRID_BY_FEATURES(function, n_dims, is_smooth, ...)                                         \
    switch (g->n_features) {                                                                       \
    case 1:                                                                                        \
        function(__VA_ARGS__, n_dims, 1, is_smooth);                                               \
        break;                                                                                     \
    case 2:                                                                                        \
        function(__VA_ARGS__, n_dims, 2, is_smooth);                                               \
        break;                                                                                     \
    case 4:                                                                                        \
        function(__VA_ARGS__, n_dims, 4, is_smooth);                                               \
        break;                                                                                     \
    default:                                                                                       \
        function(__VA_ARGS__, n_dims, 8, is_smooth);                                               \
        break;                                                                                     \
    }
#define GRID_BY_SMOOTHNESS(function, n_dims, ...)                                                  \
    if (g->is_smooth)                                                                              \
        GRID_BY_FEATURES(function, n_dims, true, __VA_ARGS__)                                      \
    else                                                                                           \
        GRID_BY_FEATURES(function, n_dims, false, __VA_ARGS__)
#define GRID_DISPATCH(function, ...)                                                               \
    switch (g->n_dims) {                                                                           \
    case 1:                                                                                        \
        GRID_BY_SMOOTHNESS(function, 1, __VA_ARGS__)                                               \
        break;                                                                                     \
    case 2:                                                                                        \
        GRID_BY_SMOOTHNESS(function, 2, __VA_ARGS__)                                               \
        break;                                                                                     \
    default:                                                                                       \
        GRID_BY_SMOOTHNESS(function, 3, __VA_ARGS__)                                               \
        break;                                                                                     \
    }

static void grid_forward(const struct grid *g, const float *table, size_t n, const float *x,
                         float *out, size_t ld)
{
    GRID_DISPATCH(grid_forward_as, g, table, n, x, out, ld)
}

static void grid_scatter(const struct grid *g, size_t level, size_t n, const float *x,
                         const float *d_features, float *gradient, uint8_t *touched)
{
    GRID_DISPATCH(grid_scatter_as, g, level, n, x, d_features, gradient, touched)
}

#endif
