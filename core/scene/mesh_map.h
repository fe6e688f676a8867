/*
 * A mesh moved by an affine map, and the normals of its vertices.
 */
#ifndef CORE_SCENE_MESH_MAP_H
#define CORE_SCENE_MESH_MAP_H

#include "core/base/data.h"

/* Each vertex p becomes [matrix | offset] (p, 1), in double, rounded once.  Where the map mirrors,
 * triangles are turned around: what was outside stays so. */
void mesh_map(struct mesh *m, const double map[3][4]);

/* Unit normals [n_vertices, 3], outwards where triangles are counter-clockwise seen from outside:
 * the mean of those of the triangles around each vertex by their area, so that slivers, whose own
 * say little, do not count.  +z for a vertex without a triangle of any area. */
void mesh_normals(const struct mesh *m, float *normals);

#endif
