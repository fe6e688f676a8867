/*
 * A mesh as a solid: where it is, what is inside, how far its surface is, and points drawn around
 * it.  Everything is in unit coordinates, into which the mesh is moved and scaled, the same along
 * every axis.
 *
 *   unit = 1/2 + (source - centre) / (2 reach)
 *
 * centre: the mean of the vertices; reach: the largest of |source - centre| along any axis.  So the
 * mesh lies within [0,1]^3 and touches a face of it.  Its box is that of its vertices, 1e-3 wider
 * on each side.  Vertices without a triangle do not count. Source: Tancik et al. 2020, the notebook
 * of the 3D shape task. A solid is immutable once created: any number of threads may use it.
 */
#ifndef CORE_SCENE_SOLID_H
#define CORE_SCENE_SOLID_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/data.h"
#include "core/base/rng.h"
#include "core/field/domain.h"

/* Where a mesh is, in its own coordinates. */
struct solid_place {
    double centre[3];
    double reach;           /* over 0 */
    double low[3], high[3]; /* of the vertices */
};

/* INVALID for a mesh without triangles, whose vertices all are in one place, or whose cube would
 * have corners that are no floats. */
enum status solid_find(struct solid_place *out, const struct mesh *mesh,
                       struct error *err) WARN_UNUSED;

/* The map from source to unit coordinates. */
struct domain solid_domain(const struct solid_place *p);

/* The box, in unit coordinates. */
void solid_box(const struct solid_place *p, double low[3], double high[3]);

struct solid;

/* The solid keeps what it needs of the mesh: the mesh may go.  Errors of solid_find, NO_MEMORY. */
enum status solid_create(struct solid **out, const struct mesh *mesh,
                         struct error *err) WARN_UNUSED;
void solid_free(struct solid *s); /* NULL is fine */

/* Bytes of a solid, and what comes to that while it is made; a little high. */
size_t solid_bytes(size_t n_triangles);
size_t solid_build_bytes(size_t n_vertices, size_t n_triangles);

const struct solid_place *solid_place(const struct solid *s);
const struct bvh *solid_bvh(const struct solid *s); /* of the mesh in unit coordinates */

/* bvh_is_inside of a point. */
bool solid_is_inside(const struct solid *s, const float point[3]);

/* The signed distance to the surface, negative inside. */
float solid_distance(const struct solid *s, const float point[3]);

/* A point drawn uniformly from the box. */
void solid_draw_in_box(const struct solid *s, struct rng *rng, float point[3]);

/* A point of the surface, drawn by area, or from a triangle of which each is as likely; plus
 * N(0, sigma^2) along each axis. */
enum solid_draw { SOLID_BY_AREA, SOLID_BY_TRIANGLE };
void solid_draw_near(const struct solid *s, enum solid_draw how, double sigma, struct rng *rng,
                     float point[3]);

#endif
