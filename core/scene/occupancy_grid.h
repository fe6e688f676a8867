/*
 * The occupancy grid of a fit: how dense each cell was seen to be, and hence where rays look.
 *
 *   value <- max(0.95 value, density * length)   at a point of the cell drawn anew each time
 *   a cell has something when value > min(0.01, the mean of all values)
 *
 * where length is that between two places of a ray.  Every 16th step some cells are looked at: a
 * part of all of them, along a fixed order that comes by every cell, and as many of those that have
 * something, evenly spread.  A cell that was never looked at counts as having something.
 *
 * Departure from the source: there all cells are looked at in the first 256 steps, then a quarter
 * of each sort.  On a processor that would cost as much as the training.
 * Source: Mueller, Evans, Schied and Keller 2022, "Instant neural graphics primitives", appendix E.
 */
#ifndef CORE_SCENE_OCCUPANCY_GRID_H
#define CORE_SCENE_OCCUPANCY_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/parallel.h"
#include "core/base/status.h"
#include "core/field/field.h"
#include "core/scene/occupancy.h"
#include "core/scene/volume_render.h"

enum {
    OCCUPANCY_PERIOD = 16,               /* steps */
    OCCUPANCY_FIRST_UPDATES = 8,         /* come by every cell, … */
    OCCUPANCY_FIRST_LOOKED_AT = 1 << 18, /* … so many in each; later ones at most by … */
    OCCUPANCY_CELLS_LOOKED_AT = 1 << 17,
};

struct occupancy_grid;

/* For fields of n_outputs values, the first of them the density's.  NO_MEMORY. */
enum status occupancy_grid_create(struct occupancy_grid **out, size_t n_outputs,
                                  struct error *err) WARN_UNUSED;
void occupancy_grid_free(struct occupancy_grid *g); /* NULL is fine */

/* Where rays look now. */
const struct occupancy *occupancy_grid_get(const struct occupancy_grid *g);

/* What a checkpoint keeps: floats [*n] that may be written, and then occupancy_grid_restore. */
float *occupancy_grid_state(struct occupancy_grid *g, size_t *n);
void occupancy_grid_restore(struct occupancy_grid *g);

/* Before step `step`: look at cells, if it is time.  True where the grid was changed.  Called again
 * for a step that was abandoned it changes nothing.  Without memory for a query the grid stays as
 * it is. */
struct occupancy_look {
    uint64_t seed, step;
    enum density_activation density;
    float length; /* of a step of a ray, in the unit whose inverse is the density's */
};
bool occupancy_grid_update(struct occupancy_grid *g, const struct occupancy_look *look,
                           const struct field *f, struct team *team);

/* Bytes of memory. */
size_t occupancy_grid_bytes(size_t n_outputs);

#endif
