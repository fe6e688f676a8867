/*
 * Radiance fields: fields whose values are a density and a colour (volume_render.h), looked at
 * along rays.
 *
 * Where a ray is looked at:
 *
 *   even      n_samples depths from near to far, both included, along the camera's axis, each
 *             standing for the way to the next and the last for all that is behind it (NeRF's
 *             simplest form; Tancik et al. 2020).  Lengths are those depths.
 *   walked    places sqrt(3) / n_samples of the cube's side apart, inside the cube, not before near
 *             and not after far, where the occupancy (occupancy.h) has something.  Lengths are
 *             those along the ray.
 *
 * A density is per `unit` of length.
 */
#ifndef CORE_SCENE_RADIANCE_H
#define CORE_SCENE_RADIANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/field/field.h"
#include "core/scene/eye.h"
#include "core/scene/occupancy.h"
#include "core/scene/volume_render.h"

struct radiance_spec {
    struct volume_shading shading;
    bool is_walked;
    size_t n_samples;     /* even: at least 2 */
    double near, far;     /* source units */
    double unit;          /* source units, of a density */
    float background[3];  /* behind everything */
    struct domain domain; /* walked: a cube in the source frame */
};

/* The width of the last even sample: what is behind it never ends. */
#define RADIANCE_ENDLESS 1e10f

/* Of a walk, in source units: from one place to the next. */
double radiance_step(const struct radiance_spec *s);

/* Begin a walk along a ray whose direction has length 1: its first place is `jitter` (0..1) of a
 * step after the beginning, its steps are `stride` times as long.  t is in source units.  False:
 * the ray misses the cube. */
bool radiance_start(const struct radiance_spec *s, const struct ray *r, double jitter,
                    double stride, struct walk *w);

/* --- looking --- */

/* An eye for a radiance field.  Rays end where less than 1e-4 of what is behind would be seen.
 * Normals point towards lower density and cost six more points for each ray.  field is borrowed,
 * and so is the occupancy of walked rays; NULL: that of the field's mask, as it is now.
 * NO_MEMORY. */
enum status radiance_eye_create(struct eye **out, const struct radiance_spec *spec,
                                const struct field *f, const struct occupancy *occupancy,
                                bool has_normals, struct error *err) WARN_UNUSED;

/* Bytes of one without normals, but for its workspace. */
size_t radiance_eye_bytes(size_t n_outputs);

#endif
