/*
 * Level sets: fields of one value whose surface is where they pass a level, looked at along rays.
 *
 *   steps        a 1/256 of the cube's side apart until one is inside (as in the paper's figures)
 *   distances    where values are signed distances: as far as nothing can be, a 1/512 at least
 *
 * then the interval is halved ten times.  Normals are the slope of the field there, over
 * differences of 1/256; of a sigmoid's values that of what went into it, which does not saturate.
 * Source: Tancik et al. 2020, the notebook of figure 16; sphere tracing: Hart 1996.
 */
#ifndef CORE_SCENE_LEVEL_SET_H
#define CORE_SCENE_LEVEL_SET_H

#include <stdbool.h>

#include "core/field/field.h"
#include "core/scene/eye.h"

struct level_set_spec {
    float level;
    bool is_inside_below;   /* of the level, else above it */
    bool is_distance;       /* values are signed distances in sides of the cube */
    bool is_sigmoid;        /* values are in 0..1 and steep */
    struct domain domain;   /* a cube in the source frame */
    double low[3], high[3]; /* the part of the unit cube that is looked at */
};

/* Points of the field that a ray asks for, about. */
double level_set_points(const struct level_set_spec *s);

/* An eye for a field's surface.  Its colours are those of the normals, (n + 1) / 2, before white;
 * its opacity is 0 or 1.  field is borrowed.  NO_MEMORY. */
enum status level_set_eye_create(struct eye **out, const struct level_set_spec *spec,
                                 const struct field *f, struct error *err) WARN_UNUSED;

#endif
