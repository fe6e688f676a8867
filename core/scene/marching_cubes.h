/*
 * Marching cubes: the surface where a field passes a level, as an indexed mesh.
 * Source: Lorensen and Cline 1987; the decision on ambiguous faces: Nielson and Hamann 1991.
 *
 * The field is given on a lattice, plane after plane, so that two planes of it are held at a time.
 * Sample i of n lies at i / (n - 1) of its axis: the lattice spans the unit cube, borders included.
 *
 * There is no table of cases.  In each cell that the surface passes, every face of the cell joins
 * its crossings by one rule (the asymptotic decider), which reads the four values of the face and
 * nothing else; so the two cells of a face agree, and the lines on the faces of a cell close to
 * loops.  Each loop is filled with triangles none of whose inner edges lies in a face of the cell.
 * From this follows, for any values: every edge of the mesh has two triangles, or one at the border
 * of the lattice; with is_closed there is no border.  Triangles are counter-clockwise seen from
 * outside.
 *
 * Life cycle: marching_cubes_create, marching_cubes_plane nz times; then, as often as wanted, for
 * all vertices marching_cubes_points and marching_cubes_refine; then marching_cubes_take; free.
 * One thread at a time, but for points and refine of vertices apart from each other.
 */
#ifndef CORE_SCENE_MARCHING_CUBES_H
#define CORE_SCENE_MARCHING_CUBES_H

#include <stdbool.h>

#include "core/base/data.h"

struct marching_cubes_spec {
    size_t n[3]; /* samples along x, y, z: 2..LIMIT_LATTICE_SIDE each */
    float level;
    bool is_inside_below; /* of the level (an sdf), else above it (occupancy, density) */
    /* What reaches the border of the lattice is closed with a wall there, which stands out by less
     * than a thousandth of a cell. */
    bool is_closed;
};

struct marching_cubes;

/* INVALID, NO_MEMORY. */
enum status marching_cubes_create(struct marching_cubes **out,
                                  const struct marching_cubes_spec *spec,
                                  struct error *err) WARN_UNUSED;
void marching_cubes_free(struct marching_cubes *mc); /* NULL is fine */

/* The values of the next plane in z: [ny, nx].  One that is not finite is INVALID; TOO_LARGE past
 * LIMIT_VERTICES and LIMIT_TRIANGLES; NO_MEMORY. */
enum status marching_cubes_plane(struct marching_cubes *mc, const float *values,
                                 struct error *err) WARN_UNUSED;

size_t marching_cubes_n_vertices(const struct marching_cubes *mc);
size_t marching_cubes_n_triangles(const struct marching_cubes *mc);

/* Where vertices first … first + n - 1 are, in the unit cube: coords [n, 3]. */
void marching_cubes_points(const struct marching_cubes *mc, size_t first, size_t n, float *coords);

/* Move them to where the level is rather, each on its own edge of the lattice: a step of regula
 * falsi (Illinois), from the field's values [n] at those points.  Each step wants the values at the
 * points of the last.  Walls and the middles of loops stay. */
void marching_cubes_refine(struct marching_cubes *mc, size_t first, size_t n, const float *values);

/* The mesh, in the unit cube; it has no triangles where the field does not pass the level.  What
 * was made is no longer held.  NO_MEMORY. */
enum status marching_cubes_take(struct marching_cubes *mc, struct mesh *out,
                                struct error *err) WARN_UNUSED;

#endif
