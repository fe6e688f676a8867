/*
 * Occupancy: where in the unit cube there may be something, so that rays skip the rest.
 *
 * 128^3 cells; cell (x, y, z) is bit number x + 128 (y + 128 z), the lowest bit of a byte first.
 * Blocks of 4^3 cells know how far the next block with something is (in the largest of the three
 * directions), so that a ray leaves empty space in few jumps.
 *
 * Rays look at places t_k = first + k step.  What is between two of them does not count: a step
 * should not be much longer than a cell.
 * Source: Mueller, Evans, Schied and Keller 2022, "Instant neural graphics primitives", appendix E;
 * the distances: Cohen and Sheffer 1994, "Proximity clouds".
 */
#ifndef CORE_SCENE_OCCUPANCY_H
#define CORE_SCENE_OCCUPANCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum {
    OCCUPANCY_SIDE = 128,
    OCCUPANCY_CELLS = OCCUPANCY_SIDE * OCCUPANCY_SIDE * OCCUPANCY_SIDE,
    OCCUPANCY_BYTES = OCCUPANCY_CELLS / 8,
    OCCUPANCY_BLOCK = 4, /* cells along a side of a block */
    OCCUPANCY_BLOCKS = OCCUPANCY_SIDE / OCCUPANCY_BLOCK,
};

struct occupancy {
    uint8_t mask[OCCUPANCY_BYTES];
    /* [z, y, x]: blocks to the next one with something; 0: this one has */
    uint8_t reach[OCCUPANCY_BLOCKS * OCCUPANCY_BLOCKS * OCCUPANCY_BLOCKS];
};

/* Of a mask [OCCUPANCY_BYTES] (copied), NULL for everything; mem_free.  NO_MEMORY. */
enum status occupancy_create(struct occupancy **out, const uint8_t *mask,
                             struct error *err) WARN_UNUSED;

/* Is there something in the cell of a point of the unit cube?  What is beyond counts to its border.
 */
bool occupancy_has(const uint8_t *mask, const float unit[3]);

/* After the mask was changed. */
void occupancy_measure(struct occupancy *o);

/* A ray's walk in unit coordinates: places first + k step, k = next … end - 1. */
struct walk {
    float origin[3], direction[3];
    float first, step;
    uint32_t next, end;
};

/* The next places, at most n of them, that lie in cells with something: t [n], coords [n, 3].
 * Returns how many, fewer than n at the end of the ray, and goes on after the last. */
size_t occupancy_walk(const struct occupancy *o, struct walk *w, size_t n, float *t, float *coords);

#endif
