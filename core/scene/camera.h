/*
 * Cameras: pinholes with a lens.
 *
 * A camera looks along -z with x to the right and +y up.  Pixel coordinates (u, v) grow to the
 * right and downwards; the centre of the first pixel is at (0.5, 0.5).  A pinhole sees along
 *
 *   d = ((u - cx) / fx, -(v - cy) / fy, -1),   turned by c2w; origin: c2w's last column
 *
 * A lens (OpenCV's radial k1 k2 and tangential p1 p2) moves what a pinhole would see at (x, y), y
 * down, r^2 = x^2 + y^2, to
 *
 *   x' = x (1 + k1 r^2 + k2 r^4) + 2 p1 x y + p2 (r^2 + 2 x^2)
 *   y' = y (1 + k1 r^2 + k2 r^4) + p1 (r^2 + 2 y^2) + 2 p2 x y
 *
 * which is undone by Newton's method.
 * Source: Brown 1966, "Decentering distortion of lenses"; conventions of OpenCV and Blender.
 */
#ifndef CORE_SCENE_CAMERA_H
#define CORE_SCENE_CAMERA_H

#include <stdbool.h>

#include "core/base/data.h"
#include "core/scene/ray.h"

struct camera {
    double c2w[3][4];      /* camera to world */
    double fx, fy, cx, cy; /* pixels */
    double k1, k2, p1, p2;
};

struct camera camera_of_view(const struct view *v);

/* A camera at `eye` that sees `target` in the middle and `up` upwards.  The rest of *c stays as it
 * is.  False where these say no direction: eye on the target, or up along the view. */
bool camera_look_at(struct camera *c, const double eye[3], const double target[3],
                    const double up[3]);

/* A pinhole's focal length in pixels, from the horizontal field of view. */
double camera_focal(double width, double fov_radians);

/* The ray of a pixel coordinate, for any (u, v).  Its direction has length 1 along the axis of the
 * camera (that of d above): t is depth along it.  c2w may scale: then t is in its units. */
struct ray camera_ray(const struct camera *c, double u, double v);

/* Where a lens moves (x, y), and where it moved it from: both normalised coordinates, y down.  What
 * this lens could not have shown (its numbers fold the picture over, as those of wide ones may in a
 * corner) goes to about the edge of what it shows: numbers stay finite. */
void camera_distort(const struct camera *c, double x, double y, double *out_x, double *out_y);
void camera_undistort(const struct camera *c, double x, double y, double *out_x, double *out_y);

#endif
