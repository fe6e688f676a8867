/*
 * Grids of learned features: what a grid encoding and the kernels know of its geometry.
 *
 * Level l has its vertices 1 / s_l apart, s_l = N_min b^l - 1, and F features at each; where axes
 * have an aspect a (data with fewer samples along them), s_l = max(a N_min b^l, 2) - 1.  A point
 * lies at p = s_l x + 1/2 (the half keeps the levels' vertices from lying on each other), in the
 * cell floor(p); its features are those of the cell's 2^D corners, weighted by the part of the cell
 * that is left, t = p - floor(p), linear or smoothstep (t^2 (3 - 2 t), whose slope is continuous).
 *
 *   dense    every vertex that a point of [0, 1]^D can touch has an entry:
 *            r_l = floor(s_l + 1/2) + 2 along each axis, entry = x + r_l(x) (y + r_l(y) z)
 *   hashed   where that would be more than T entries: entry = (x ^ y 2654435761 ^ z 805459861)
 *            mod T, in 32 bits without sign; vertices that share an entry sort it out by learning
 *
 * Coordinates outside [0, 1] count as the nearest inside, NaN as 0: whatever is asked, an entry of
 * the table answers.
 * Source: Mueller, Evans, Schied and Keller 2022, "Instant neural graphics primitives with a
 * multiresolution hash encoding"; r_l counts the vertices that its code leaves to the next row.
 */
#ifndef CORE_NN_GRID_H
#define CORE_NN_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"

enum {
    GRID_LANES = 16,      /* levels that kernels look up together */
    GRID_MAX_LEVELS = 32, /* whole lanes */
    GRID_MAX_FEATURES = 8,
    GRID_LINE = 16, /* floats of the table that are touched, or not, together: a cache line */
};

/* Levels past n_levels are all 0: their entry is the first one. */
struct grid {
    size_t n_dims;     /* D */
    size_t n_features; /* F of a level: 1, 2, 4 or 8 */
    size_t n_levels;   /* L */
    bool is_smooth;
    float scale[LIMIT_DIMS][GRID_MAX_LEVELS];     /* s_l of each axis */
    uint32_t factor[LIMIT_DIMS][GRID_MAX_LEVELS]; /* 1, r_l(x), r_l(x) r_l(y), or the primes */
    uint32_t mask[GRID_MAX_LEVELS];               /* T - 1; 0: dense */
    uint32_t first[GRID_MAX_LEVELS];              /* of its entries */
    size_t n_entries[GRID_MAX_LEVELS];            /* rounded up to whole lines */
};

#endif
