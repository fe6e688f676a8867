/*
 * Numbers of a transforms.json -> the camera of a view.
 */
#include <math.h>

#include "core/base/limits.h"
#include "core/format/transforms.h"

/* Single precision, which the numbers of most files went through, holds seven digits; a thousandth
 * of a radian is a pixel in a thousand. */
static const double max_skew = 1e-3;

/* Beyond this a camera is lost in single precision. */
static const double max_distance = 1e9;

/* A picture whose sides were scaled differently by more than this was cut, not resized. */
static const double max_stretch = 0.05;

static const double pi = 3.14159265358979323846;

/* --- poses --- */

static double determinant(const double m[4][4])
{
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
           m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

/* The largest entry of transpose(R) R / scale^2 - I. */
static double skew(const double m[4][4], double scale)
{
    double most = 0.0;
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++) {
            double dot = 0.0;
            for (size_t r = 0; r < 3; r++)
                dot += m[r][a] / scale * (m[r][b] / scale);
            most = fmax(most, fabs(dot - (a == b ? 1.0 : 0.0)));
        }
    return most;
}

static enum status no_pose(const char *why, struct error *err)
{
    return error_set(err, STATUS_INVALID, "", "the matrix is no pose: %s", why);
}

enum status pose_check(const double matrix[4][4], size_t n_rows, double c2w[3][4], double *scale,
                       struct error *err)
{
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < 4; c++)
            if (!(fabs(matrix[r][c]) <= max_distance))
                return no_pose("a number is not finite, or beyond 1e9", err);
    if (n_rows == 4 && (fabs(matrix[3][0]) > max_skew || fabs(matrix[3][1]) > max_skew ||
                        fabs(matrix[3][2]) > max_skew || fabs(matrix[3][3] - 1.0) > max_skew))
        return no_pose("its last row is not 0 0 0 1", err);
    const double volume = determinant(matrix);
    const double s = cbrt(volume);
    if (volume < 0.0 && skew(matrix, -s) <= max_skew)
        return no_pose("it mirrors", err);
    if (!(s > 1e-6) || !(skew(matrix, s) <= max_skew))
        return no_pose("its upper left is no rotation, nor one with a scale", err);
    const bool has_scale = fabs(s - 1.0) > max_skew;
    for (size_t r = 0; r < 3; r++) {
        for (size_t c = 0; c < 3; c++)
            c2w[r][c] = has_scale ? matrix[r][c] / s : matrix[r][c];
        c2w[r][3] = matrix[r][3];
    }
    *scale = has_scale ? s : 1.0;
    return STATUS_OK;
}

/* --- intrinsics --- */

/* The first that is said. */
static double first_of(double a, double b)
{
    return isnan(a) ? b : a;
}

/* Focal length in pixels of a side of this many, by the angle that it spans; NaN stays NaN. */
static double focal_of_angle(double side, double angle)
{
    return 0.5 * side / tan(0.5 * angle);
}

/* By length or angle, a frame's own before the file's. */
static double focal(double own_length, double own_angle, double length, double angle, double side)
{
    return first_of(first_of(own_length, focal_of_angle(side, own_angle)),
                    first_of(length, focal_of_angle(side, angle)));
}

static bool is_side(double v)
{
    return v >= 1.0 && v <= (double)LIMIT_IMAGE_SIDE;
}

static bool is_angle(double v)
{
    return isnan(v) || (v > 0.0 && v < pi);
}

static enum status check_said(const struct intrinsics *k, struct error *err)
{
    if (!is_angle(k->camera_angle_x) || !is_angle(k->camera_angle_y))
        return error_set(err, STATUS_INVALID, "",
                         "'camera_angle_x' and _y must be within 0 and pi");
    if ((!isnan(k->w) && !is_side(k->w)) || (!isnan(k->h) && !is_side(k->h)))
        return error_set(err, STATUS_INVALID, "", "'w' and 'h' must be 1..%d", LIMIT_IMAGE_SIDE);
    if (first_of(k->k3, 0.0) != 0.0 || first_of(k->k4, 0.0) != 0.0)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "'k3' and 'k4' are not supported, but for 0: undistort the pictures");
    return STATUS_OK;
}

static enum status check_camera(const struct view *v, struct error *err)
{
    static const double max_pixels = 1e9, max_coefficient = 1e3, least = LIMIT_LEAST_FOCAL;
    if (isnan(v->fx))
        return error_set(err, STATUS_INVALID, "",
                         "no focal length: neither 'fl_x' nor 'camera_angle_x' is there");
    if (!(v->fx >= least && v->fx <= LIMIT_FOCAL && v->fy >= least && v->fy <= LIMIT_FOCAL))
        return error_set(err, STATUS_INVALID, "", "the focal lengths %g and %g are out of range",
                         v->fx, v->fy);
    if (!(fabs(v->cx) <= max_pixels && fabs(v->cy) <= max_pixels))
        return error_set(err, STATUS_INVALID, "", "'cx' %g or 'cy' %g is out of range", v->cx,
                         v->cy);
    if (!(fabs(v->k1) <= max_coefficient && fabs(v->k2) <= max_coefficient &&
          fabs(v->p1) <= max_coefficient && fabs(v->p2) <= max_coefficient))
        return error_set(err, STATUS_INVALID, "", "one of k1 k2 p1 p2 is out of range");
    return STATUS_OK;
}

/* All of *v but the pose, in pixels of the size that the file says, else of the picture's. */
static enum status intrinsics(const struct intrinsics *all, const struct intrinsics *own,
                              double width, double height, struct view *v, bool *is_resized,
                              struct error *err)
{
    enum status status = check_said(all, err);
    if (status == STATUS_OK)
        status = check_said(own, err);
    if (status != STATUS_OK)
        return status;
    const double w = first_of(first_of(own->w, all->w), width);
    const double h = first_of(first_of(own->h, all->h), height);
    const double fx = focal(own->fl_x, own->camera_angle_x, all->fl_x, all->camera_angle_x, w);
    const double fy = focal(own->fl_y, own->camera_angle_y, all->fl_y, all->camera_angle_y, h);
    const double sx = width / w, sy = height / h;
    if (fabs(sx / sy - 1.0) > max_stretch)
        return error_set(err, STATUS_INVALID, "",
                         "the picture has %g x %g pixels, the file says %g x %g", width, height, w,
                         h);
    v->fx = first_of(fx, fy) * sx;
    v->fy = first_of(fy, fx) * sy;
    v->cx = first_of(first_of(own->cx, all->cx), 0.5 * w) * sx;
    v->cy = first_of(first_of(own->cy, all->cy), 0.5 * h) * sy;
    v->k1 = first_of(first_of(own->k1, all->k1), 0.0);
    v->k2 = first_of(first_of(own->k2, all->k2), 0.0);
    v->p1 = first_of(first_of(own->p1, all->p1), 0.0);
    v->p2 = first_of(first_of(own->p2, all->p2), 0.0);
    *is_resized = w != width || h != height;
    return check_camera(v, err);
}

enum status transforms_camera(const struct transforms *t, size_t i, size_t width, size_t height,
                              struct view *out, bool *is_resized, double *scale, struct error *err)
{
    const struct frame *f = &t->frames[i];
    struct error inner = {.status = STATUS_OK};
    struct view v = {.split = f->split};
    enum status status =
        intrinsics(&t->all, &f->own, (double)width, (double)height, &v, is_resized, &inner);
    if (status == STATUS_OK)
        status = pose_check(f->matrix, f->n_rows, v.c2w, scale, &inner);
    if (status != STATUS_OK)
        return error_set(err, status, "", "frame %zu, '%.48s': %s", i, f->file_path, inner.message);
    *out = v;
    return STATUS_OK;
}

bool transforms_box(const struct transforms *t, struct views_box *out)
{
    static const double ngp_scale = 0.33, ngp_offset = 0.5; /* where the file has none */
    const double scale = first_of(t->scale, ngp_scale);
    const double half = 0.5 * t->aabb_scale / scale;
    struct views_box box = {.half = half};
    if (!(scale > 0.0 && half <= max_distance))
        return false;
    for (size_t d = 0; d < 3; d++) {
        box.centre[d] = (0.5 - first_of(t->offset[d], ngp_offset)) / scale;
        if (!(fabs(box.centre[d]) <= max_distance))
            return false;
    }
    if (!views_box_has_side(&box))
        return false;
    *out = box;
    return true;
}
