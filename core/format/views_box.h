/*
 * Where the scene of posed views is, by its cameras alone: a cube for a field to live in.
 *
 * Files do not say it, but instant-ngp's, whose aabb_scale is taken at its word.  Else the middle
 * is the point nearest to all optical axes, and half a side is
 *
 *   of an object on nothing   what half a picture shows at the middle's distance, by the median
 *                             camera: an object is photographed whole
 *   of a place                the distance of the farthest camera: all cameras stand inside
 *
 * Where axes have no such point in front of the cameras (all parallel, or looking outwards, or all
 * from one place), the cube is around the cameras: four times as wide as they stand apart, at
 * least 2.
 */
#ifndef CORE_FORMAT_VIEWS_BOX_H
#define CORE_FORMAT_VIEWS_BOX_H

#include <stdbool.h>

#include "core/base/data.h"

struct views_box {
    double centre[3];
    double half; /* of a side, > 0 */
};

/* Has it a side, at that place, which is more than the last digits of it?  1e-9 at least, as 1e9 is
 * the most of a camera's coordinates. */
bool views_box_has_side(const struct views_box *box);

/* Of n >= 1 cameras; of their images only the sizes are looked at.  scratch: [n]. */
struct views_box views_box_find(size_t n, const struct view *cameras, bool is_object,
                                double *scratch);

#endif
