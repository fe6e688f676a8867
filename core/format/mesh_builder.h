/*
 * A mesh under construction, for the decoders of core/format/mesh.h: arrays that grow, and the
 * checks that all formats share.
 *
 * Life cycle: mesh_builder_init, then vertices and polygons in any order, then mesh_builder_finish
 * (which empties it) or mesh_builder_deinit.  Corners are held against the number of vertices as
 * they come where it is known, else at the end.
 */
#ifndef CORE_FORMAT_MESH_BUILDER_H
#define CORE_FORMAT_MESH_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/data.h"

struct mesh_builder {
    struct mesh mesh;
    size_t vertex_capacity, triangle_capacity;
    /* Of the polygon that is being read. */
    size_t n_corners;
    uint32_t first, last;
};

/* Where in the file: {"line", 12}, {"face", 3}. */
struct mesh_place {
    const char *what;
    size_t number;
};

/* Empty. */
void mesh_builder_init(struct mesh_builder *b);
void mesh_builder_deinit(struct mesh_builder *b);

/* Make room for a number of vertices and of triangles that the file is long enough for.  TOO_LARGE
 * past the limits. */
enum status mesh_builder_reserve(struct mesh_builder *b, size_t n_vertices, size_t n_triangles,
                                 struct error *err) WARN_UNUSED;

/* INVALID unless finite, also as float. */
enum status mesh_builder_vertex(struct mesh_builder *b, const double *xyz, struct mesh_place place,
                                struct error *err) WARN_UNUSED;

/* The next corner of the polygon: a vertex, counted from 0, of n_vertices.  The polygon becomes
 * triangles as it grows. */
enum status mesh_builder_corner(struct mesh_builder *b, int64_t vertex, size_t n_vertices,
                                struct mesh_place place, struct error *err) WARN_UNUSED;

/* INVALID with less than three corners. */
enum status mesh_builder_end_polygon(struct mesh_builder *b, struct mesh_place place,
                                     struct error *err) WARN_UNUSED;

/* INVALID where there is no triangle, or none with area. */
enum status mesh_builder_finish(struct mesh_builder *b, struct mesh *out,
                                struct error *err) WARN_UNUSED;

#endif
