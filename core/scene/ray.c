#include "core/scene/ray.h"

#include <math.h>

bool ray_clip(const struct ray *r, const double low[3], const double high[3], double *near,
              double *far)
{
    for (int d = 0; d < 3; d++) {
        if (r->direction[d] == 0.0) {
            if (r->origin[d] < low[d] || r->origin[d] > high[d])
                return false;
            continue;
        }
        const double to_low = (low[d] - r->origin[d]) / r->direction[d];
        const double to_high = (high[d] - r->origin[d]) / r->direction[d];
        *near = fmax(*near, fmin(to_low, to_high));
        *far = fmin(*far, fmax(to_low, to_high));
    }
    return *near < *far;
}

double ray_dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

void ray_cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

double ray_normalize(double v[3])
{
    const double length = sqrt(ray_dot(v, v));
    for (int d = 0; d < 3 && length > 0.0; d++)
        v[d] /= length;
    return length;
}
