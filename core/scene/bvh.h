/*
 * A tree of boxes over the triangles of a mesh, for questions about places: which point of the
 * surface is nearest, and how often the surface winds around a point.
 *
 * The tree has four children a node and leaves of four triangles, each stored side by side, so that
 * four boxes or triangles are looked at by the same instructions.  Splits are chosen by the surface
 * area heuristic (MacDonald and Booth 1990; bins: Wald 2007) and rounded to whole leaves.
 *
 * Any set of triangles will do: open, degenerate, meeting themselves.  Coordinates are floats, so
 * questions are answered to about 1e-7 of the mesh's distance from the origin: whoever asks near a
 * mesh that is far away moves it first.
 * A tree is immutable once created: any number of threads may ask it.
 */
#ifndef CORE_SCENE_BVH_H
#define CORE_SCENE_BVH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"

struct bvh;

/* The tree keeps its own copy of the triangles: the mesh may go.  INVALID for a mesh without
 * triangles, NO_MEMORY. */
enum status bvh_create(struct bvh **out, const struct mesh *mesh, struct error *err) WARN_UNUSED;
void bvh_free(struct bvh *b); /* NULL is fine */

/* Bytes of a tree, and what is needed beside it and the mesh while it is built; a little high. */
size_t bvh_bytes(size_t n_triangles);
size_t bvh_build_bytes(size_t n_triangles);

/* The triangles in the tree's own order, which is a function of the mesh; neighbours are near each
 * other. */
size_t bvh_n_triangles(const struct bvh *b);
void bvh_triangle(const struct bvh *b, size_t i, float corners[3][3]);

/* --- distance --- */

struct bvh_nearest {
    float distance;
    float point[3];  /* of the surface */
    size_t triangle; /* in the tree's order */
};

/* The nearest point of the surface within `reach` of a point; false if there is none. */
bool bvh_nearest(const struct bvh *b, const float point[3], float reach, struct bvh_nearest *out);

/* --- inside and outside --- */

/* The generalised winding number: the solid angle of the surface seen from the point, with sign,
 * over 4 pi (Jacobson, Kavan and Sorkine-Hornung 2013).  1 inside a closed surface whose triangles
 * run counter-clockwise seen from outside, 0 outside; between them near the holes of an open one.
 * Triangles farther than twice their cluster's radius count by a Taylor expansion of first order
 * (Barill, Dickson, Schmidt, Levin and Jacobson 2018). */
float bvh_winding(const struct bvh *b, const float point[3]);

/* Whether |winding| is over one half (docs/decisions/0015). */
bool bvh_is_inside(const struct bvh *b, const float point[3]);

#endif
