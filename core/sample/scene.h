/*
 * A small scene of solid shapes on a round floor, seen by sphere tracing: what the sample `views`
 * is photographs of.
 *
 * Each shape has a signed distance of its own (negative inside), two colours and a pattern of
 * them; the scene's distance is the least.  Light is Lambert's: ambient, and a sun.
 * Sources: Hart 1996, "Sphere tracing"; Quilez, distance functions.
 */
#ifndef CORE_SAMPLE_SCENE_H
#define CORE_SAMPLE_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/scene/ray.h"

enum scene_shape_kind { SCENE_SPHERE, SCENE_BOX, SCENE_TORUS, SCENE_CYLINDER, SCENE_N_KINDS };

struct scene_shape {
    enum scene_shape_kind kind;
    double centre[3];
    double cosine, sine; /* of its turn about z */
    double size[3];      /* sphere: radius; box: half sides; torus: both radii; cylinder: radius,
                            half height */
    double color[2][3];
    double pattern; /* sides of its checks */
};

enum { SCENE_SHAPES = 8 };

/* All of it lies in the ball of radius SCENE_RADIUS about the origin, z up. */
#define SCENE_RADIUS 1.5

struct scene {
    struct scene_shape shape[SCENE_SHAPES]; /* the first is the floor */
};

/* The scene of a seed. */
struct scene scene_make(uint64_t seed);

/* The least distance of a point to any shape; *shape: whose it is (may be NULL). */
double scene_distance(const struct scene *s, const double at[3], size_t *shape);

/* What a ray of unit direction sees: the colour of the first surface, in [0, 1].  False where it
 * sees none. */
bool scene_trace(const struct scene *s, const struct ray *r, double color[3]);

#endif
