/*
 * Parallel-beam projections of a picture, their adjoint, and filtered back-projection.
 *
 *   p(theta, c) = 1/H  sum over rows r of f(x', y'),    x = c - W/2,  y = r - H/2
 *   x' = x cos theta - y sin theta,   y' = x sin theta + y cos theta
 *
 * f is read at column x' + W/2, row y' + H/2 of the picture: at the nearest pixel (the authors'
 * way) or between the four around it; outside the picture it is 0.  So the picture turns about
 * pixel (W/2, H/2), and column c of every projection is c - W/2 from the axis.  Lengths are pixels,
 * angles radians.
 *
 * Source: Tancik et al. 2020, CT task (the projector of the authors' notebook).  Filtered
 * back-projection: Kak and Slaney 1988, chapter 3 (the band-limited ramp, equation 61).
 *
 * Letters: W, H columns and rows of the picture, A angles.  Projections are [A, W].
 * The work is cut into items (projection_n_items), each some columns at one angle: any number of
 * threads may take items of their own, and an item's numbers do not depend on the others.
 */
#ifndef CORE_SCENE_PROJECTION_H
#define CORE_SCENE_PROJECTION_H

#include <stddef.h>

#include "core/base/parallel.h"
#include "core/base/status.h"

enum projection_interpolation { PROJECTION_NEAREST, PROJECTION_LINEAR };

/* "nearest", "linear" */
const char *projection_interpolation_name(enum projection_interpolation i);

struct projection {
    size_t width, height, n_angles;
    enum projection_interpolation interpolation;
    const double *angles; /* [n_angles], borrowed */
};

/* Angles k pi / n, k = 0 … n-1. */
void projection_spread_angles(size_t n, double *angles);

/* Items, all angles together; those of one angle follow each other. */
size_t projection_n_items(const struct projection *p);

/* The numbers of [A, W] that items first … first + count - 1 are: they follow each other, too. */
void projection_range(const struct projection *p, size_t first, size_t count, size_t *first_number,
                      size_t *n_numbers);

/* Project: the items' numbers of sinogram [A, W] are written.  picture: [H, W]. */
void projection_forward(const struct projection *p, size_t first, size_t count,
                        const float *picture, float *sinogram);

/* The adjoint: what the items' numbers of sinogram give is added to picture [H, W]. */
void projection_adjoint(const struct projection *p, size_t first, size_t count,
                        const float *sinogram, float *picture);

/* Filtered back-projection of a whole sinogram, for angles that are spread evenly over half a turn
 * (or whole turns): picture [H, W], overwritten.  The ramp filter's convolution is direct, A W^2;
 * projections are read between columns.  NO_MEMORY. */
enum status projection_filtered_back(const struct projection *p, const float *sinogram,
                                     struct team *team, float *picture,
                                     struct error *err) WARN_UNUSED;

#endif
