/*
 * Rays: origin + t direction.  Where t is a length, the direction is a unit vector.
 */
#ifndef CORE_SCENE_RAY_H
#define CORE_SCENE_RAY_H

#include <stdbool.h>

struct ray {
    double origin[3];
    double direction[3];
};

/* The part of the ray inside the box [low, high]^3: t in [*near, *far], which come in as the part
 * that is of interest.  False where there is none; *near and *far are then undefined. */
bool ray_clip(const struct ray *r, const double low[3], const double high[3], double *near,
              double *far);

double ray_dot(const double a[3], const double b[3]);
void ray_cross(const double a[3], const double b[3], double out[3]);

/* Make a vector one of length 1; returns the length it had.  A vector of 0 stays. */
double ray_normalize(double v[3]);

#endif
