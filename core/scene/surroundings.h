/*
 * What cameras tell of the space they look into: where it is, how large, and what is behind it.
 *
 *   centre      the point nearest to all cameras' axes (least squares)
 *   distance    of the cameras from it, on average, to two digits
 *   an object   in front of nothing: pictures have an alpha channel, or most of their outermost
 *               pixels are exactly black, or exactly white.  All else are photographs of a place.
 *   half_side   of the cube around the centre that matters.  Object: half of what a camera sees
 *               at the distance, along the longer side of its picture.  Place: the largest distance
 *               of a camera, so that as much lies behind the centre as in front of it.
 *   near, far   along rays.  Object: half and one and a half times the distance (2 and 6 for the
 *               synthetic scenes of NeRF, whose cameras are 4.03 away).  Place: a twentieth and
 *               three times.
 */
#ifndef CORE_SCENE_SURROUNDINGS_H
#define CORE_SCENE_SURROUNDINGS_H

#include <stdbool.h>

#include "core/base/data.h"
#include "core/field/domain.h"

enum backdrop {
    BACKDROP_ALPHA, /* the pictures say where something is */
    BACKDROP_BLACK,
    BACKDROP_WHITE,
    BACKDROP_SCENERY /* of a place */
};

/* "alpha", "black", "white", "scenery"; NULL past the last. */
const char *backdrop_name(enum backdrop b);

struct surroundings {
    double centre[3];
    double distance;
    double half_side;
    double near, far;
    enum backdrop backdrop;
};

/* v has at least one view.  Any cameras: where axes meet nowhere, the centre is a unit in front of
 * their middle. */
struct surroundings surroundings_of(const struct views *v);

/* The cube as a domain. */
struct domain surroundings_domain(const double centre[3], double half_side);

#endif
