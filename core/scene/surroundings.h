/*
 * What is before and behind the cameras of posed views, whose scene is known
 * (core/format/views_box.h).
 *
 *   distance    of the cameras from the scene's centre, on average, to two digits
 *   an object   in front of nothing: pictures have an alpha channel, or most of their outermost
 *               pixels are exactly black, or exactly white.  All else are photographs of a place.
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

/* v: at least one view, small ones will do, and such as have sizes only say where cameras are; the
 * scene's centre and half of its cube's side. */
struct surroundings surroundings_of(const struct views *v, const double centre[3],
                                    double half_side);

/* The cube as a domain. */
struct domain surroundings_domain(const double centre[3], double half_side);

#endif
