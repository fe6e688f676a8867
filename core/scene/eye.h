/*
 * Eyes: what one thread looks along rays with, whatever is seen: a radiance field, a surface.
 * Implementations embed struct eye as their first member.
 */
#ifndef CORE_SCENE_EYE_H
#define CORE_SCENE_EYE_H

#include <stddef.h>
#include <stdint.h>

#include "core/scene/ray.h"

struct sight {
    float colour[3]; /* with the background */
    float opacity;   /* 0..1 */
    float depth;     /* along the ray, source units, where it is seen on average; 0: nothing is */
    float normal[3]; /* unit, source axes, outwards; 0 where nothing is seen, or it has none */
};

enum { EYE_RAYS = 64 }; /* that are looked along at once, at most */

struct eye;
struct eye_class {
    /* Look along n <= EYE_RAYS rays of cameras (camera_ray).  What is seen depends on the ray
     * alone. */
    void (*look)(struct eye *e, size_t n, const struct ray *rays, struct sight *out);
    void (*free)(struct eye *e);
};
struct eye {
    const struct eye_class *class;
    uint64_t n_points; /* of the field, that it has asked for so far: what it costs */
};

static inline void eye_look(struct eye *e, size_t n, const struct ray *rays, struct sight *out)
{
    e->class->look(e, n, rays, out);
}

static inline void eye_free(struct eye *e) /* NULL is fine */
{
    if (e)
        e->class->free(e);
}

#endif
