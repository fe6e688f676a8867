/*
 * Meshes: OBJ, PLY, STL and OFF -> triangles; triangles -> PLY and GLB.
 *
 * A decoder takes the whole file in memory.  What a header counts is held against the length of the
 * file, and against LIMIT_VERTICES and LIMIT_TRIANGLES, before memory is taken.  Polygons become
 * fans of triangles around their first corner (right for convex ones).  Of a file only the places
 * of vertices and the corners of faces are kept: no normals, colours, texture coordinates, names.
 * Faces of less than three corners, corners that name no vertex, coordinates that are not finite
 * or not so as float, and files without a face are INVALID; the message names the line or the
 * element.  Triangles of no area are kept: scene/mesh_facts.h counts them.
 *
 * All functions: the caller owns *out (mesh_deinit); INVALID, UNSUPPORTED, TOO_LARGE, NO_MEMORY;
 * any thread.
 */
#ifndef CORE_FORMAT_MESH_H
#define CORE_FORMAT_MESH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/data.h"

enum mesh_format { MESH_OBJ, MESH_PLY, MESH_STL, MESH_OFF, MESH_N_FORMATS };

/* What the bytes are.  PLY and OFF begin with their name, STL with `solid` or it has the length
 * that its count asks for.  OBJ has no mark of its own: it is text whose first statements are those
 * of OBJ.  False: none of them. */
bool mesh_recognize(const uint8_t *bytes, size_t n_bytes, enum mesh_format *out);

/* "model/obj", "model/stl"; PLY and OFF have no registered one: "application/ply", "model/vnd.off".
 */
const char *mesh_media_type(enum mesh_format format);

/* Decode whatever mesh_recognize finds; INVALID where it finds nothing. */
enum status mesh_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                        struct error *err) WARN_UNUSED;

/* Wavefront OBJ: `v` and `f`; corners `v`, `v/vt`, `v//vn`, `v/vt/vn`, of vertices before it,
 * counted from 1 or, negative, from the last so far; a backslash at the end of a line goes on with
 * the next.  Free-form curves and surfaces are UNSUPPORTED, other statements are passed over. */
enum status mesh_obj_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err) WARN_UNUSED;

/* PLY 1.0, text or binary of either byte order: elements in any order, of any properties, lists
 * counted by and made of any integer type.  Needs `vertex` with x, y, z and `face` with a list
 * vertex_indices or vertex_index; triangle strips are UNSUPPORTED.  Nothing may follow the last
 * element but blanks.  Source: Turk 1994. */
enum status mesh_ply_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err) WARN_UNUSED;

/* STL, text (one solid or more) or binary.  Its triangles have corners of their own: corners of
 * the very same coordinates become one vertex, in the order in which they come. */
bool mesh_stl_is_binary(const uint8_t *bytes, size_t n_bytes); /* as long as it counts */
enum status mesh_stl_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err) WARN_UNUSED;

/* Object File Format, text: OFF, and with normals, colours, texture coordinates after each vertex
 * NOFF, COFF, STOFF (and CNOFF …).  Four dimensions, n dimensions and binary are UNSUPPORTED.
 * Source: Geomview's manual. */
enum status mesh_off_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err) WARN_UNUSED;

/* Append a PLY, binary and little endian.  normals: [n_vertices, 3], or NULL for none. */
enum status mesh_ply_encode(const struct mesh *m, const float *normals, struct buffer *out,
                            struct error *err) WARN_UNUSED;

/* Append a GLB, binary glTF 2.0: one mesh of one primitive, its material seen from both sides.
 * glTF has no units and no axes but y up: coordinates are written as they are.  Source: Khronos,
 * glTF 2.0 specification. */
enum status mesh_glb_encode(const struct mesh *m, const float *normals, struct buffer *out,
                            struct error *err) WARN_UNUSED;

#endif
