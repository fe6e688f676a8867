/*
 * Meshes that are small enough for a test.  The caller releases them; making one ends the program
 * when out of memory.
 */
#ifndef TESTS_SUPPORT_SMALL_MESH_H
#define TESTS_SUPPORT_SMALL_MESH_H

#include "core/base/data.h"

/* An octahedron with each triangle cut in four `cuts` times, pushed onto a sphere: closed, 8 * 4 ^
 * cuts triangles, counter-clockwise seen from outside. */
struct mesh small_sphere(const float centre[3], float radius, unsigned cuts);

/* Triangles thrown into the unit cube, of about this size. */
struct mesh small_soup(size_t n_triangles, float size, uint64_t seed);

/* Both, one after the other; they are released. */
struct mesh small_mesh_join(struct mesh a, struct mesh b);

/* The same triangles without every n-th one. */
void small_mesh_pierce(struct mesh *m, size_t n);

/* Each triangle the other way round. */
void small_mesh_turn(struct mesh *m);

#endif
