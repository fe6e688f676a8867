#include "core/scene/camera.h"

#include <math.h>
#include <string.h>

/* Newton's steps: lenses are mild, three are enough for doubles.  The most are for places that no
 * lens shows. */
enum { MAX_STEPS = 60 };
static const double step_end = 1e-14;

struct camera camera_of_view(const struct view *v)
{
    struct camera c = {.fx = v->fx,
                       .fy = v->fy,
                       .cx = v->cx,
                       .cy = v->cy,
                       .k1 = v->k1,
                       .k2 = v->k2,
                       .p1 = v->p1,
                       .p2 = v->p2};
    memcpy(c.c2w, v->c2w, sizeof c.c2w);
    return c;
}

bool camera_look_at(struct camera *c, const double eye[3], const double target[3],
                    const double up[3])
{
    static const double least = 1e-100; /* squares of less lose their digits */
    double back[3], right[3], above[3];
    for (int d = 0; d < 3; d++)
        back[d] = eye[d] - target[d];
    if (!(ray_normalize(back) > least))
        return false;
    ray_cross(up, back, right);
    const double parallel = 1e-9 * sqrt(ray_dot(up, up));
    if (!(ray_normalize(right) > fmax(parallel, least)))
        return false;
    ray_cross(back, right, above);
    for (int d = 0; d < 3; d++) {
        c->c2w[d][0] = right[d];
        c->c2w[d][1] = above[d];
        c->c2w[d][2] = back[d];
        c->c2w[d][3] = eye[d];
    }
    return true;
}

double camera_focal(double width, double fov_radians)
{
    return 0.5 * width / tan(0.5 * fov_radians);
}

void camera_distort(const struct camera *c, double x, double y, double *out_x, double *out_y)
{
    const double r2 = x * x + y * y;
    const double radial = 1.0 + r2 * (c->k1 + r2 * c->k2);
    *out_x = x * radial + 2.0 * c->p1 * x * y + c->p2 * (r2 + 2.0 * x * x);
    *out_y = y * radial + c->p1 * (r2 + 2.0 * y * y) + 2.0 * c->p2 * x * y;
}

void camera_undistort(const struct camera *c, double x, double y, double *out_x, double *out_y)
{
    static const double far = 1e30, least = 1e-12;
    double a = x, b = y;
    double good_a = 0.0, good_b = 0.0; /* where the lens is one to one, as around its middle */
    for (int i = 0; i < MAX_STEPS; i++) {
        double seen_x, seen_y;
        camera_distort(c, a, b, &seen_x, &seen_y);
        const double r2 = a * a + b * b;
        const double radial = 1.0 + r2 * (c->k1 + r2 * c->k2);
        const double slope = 2.0 * c->k1 + 4.0 * c->k2 * r2; /* of radial by r^2, doubled */
        const double xx = radial + slope * a * a + 2.0 * c->p1 * b + 6.0 * c->p2 * a;
        const double xy = slope * a * b + 2.0 * c->p1 * a + 2.0 * c->p2 * b;
        const double yy = radial + slope * b * b + 6.0 * c->p1 * b + 2.0 * c->p2 * a;
        const double determinant = xx * yy - xy * xy;
        const double error_x = seen_x - x, error_y = seen_y - y;
        if (!(determinant > least && xx + yy > 0.0)) { /* past the edge of what the lens shows */
            a = 0.5 * (a + good_a);
            b = 0.5 * (b + good_b);
            continue;
        }
        good_a = a;
        good_b = b;
        const double step_x = (yy * error_x - xy * error_y) / determinant;
        const double step_y = (xx * error_y - xy * error_x) / determinant;
        a -= step_x;
        b -= step_y;
        if (fabs(step_x) + fabs(step_y) < step_end) {
            good_a = a;
            good_b = b;
            break;
        }
    }
    const bool is_found = fabs(good_a) < far && fabs(good_b) < far;
    *out_x = is_found ? good_a : x;
    *out_y = is_found ? good_b : y;
}

struct ray camera_ray(const struct camera *c, double u, double v)
{
    double x = (u - c->cx) / c->fx, y = (v - c->cy) / c->fy;
    if (c->k1 != 0.0 || c->k2 != 0.0 || c->p1 != 0.0 || c->p2 != 0.0)
        camera_undistort(c, x, y, &x, &y);
    struct ray r;
    for (int d = 0; d < 3; d++) {
        r.direction[d] = c->c2w[d][0] * x - c->c2w[d][1] * y - c->c2w[d][2];
        r.origin[d] = c->c2w[d][3];
    }
    return r;
}
