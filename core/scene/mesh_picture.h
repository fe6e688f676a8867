/*
 * A small picture of a mesh: clay on white, seen from the front, a little from the right and from
 * above (+y up, +z towards the eye), parallel rays, lit from where the eye is.
 *
 * Triangles are drawn into a buffer of depths at twice the size, whose pixels are averaged.  Both
 * sides are lit alike, so that it shows open and inside-out meshes too.
 */
#ifndef CORE_SCENE_MESH_PICTURE_H
#define CORE_SCENE_MESH_PICTURE_H

#include "core/base/data.h"

/* RGB, eight bits, side x side.  The mesh has a triangle at least; side >= 1.  The caller owns *out
 * (image_deinit).  NO_MEMORY. */
enum status mesh_picture(const struct mesh *m, size_t side, struct image *out,
                         struct error *err) WARN_UNUSED;

#endif
