#include "core/format/views_box.h"

#include <math.h>
#include <stdlib.h>

/* The axes of a scene that is walked around make this 2/9 or so; of cameras that all look one way
 * it is 0. */
static const double least_determinant = 1e-4;

/* Sum of (I - d d^T) and of (I - d d^T) o over the axes o + t d, d of length 1. */
struct axes {
    double a[3][3];
    double b[3];
};

static double forward(const struct view *v, int row)
{
    return -v->c2w[row][2];
}

static void add_axis(const struct view *v, struct axes *s)
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            const double e = (i == k ? 1.0 : 0.0) - forward(v, i) * forward(v, k);
            s->a[i][k] += e;
            s->b[i] += e * v->c2w[k][3];
        }
}

static double determinant(const double m[3][3])
{
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
           m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

/* a x = b by Cramer's rule. */
static bool solve(const struct axes *s, double n, double x[3])
{
    const double d = determinant(s->a);
    if (!(d > least_determinant * n * n * n))
        return false;
    for (int column = 0; column < 3; column++) {
        struct axes with = *s;
        for (int row = 0; row < 3; row++)
            with.a[row][column] = s->b[row];
        x[column] = determinant(with.a) / d;
    }
    return true;
}

static double distance(const struct view *v, const double to[3])
{
    return sqrt((v->c2w[0][3] - to[0]) * (v->c2w[0][3] - to[0]) +
                (v->c2w[1][3] - to[1]) * (v->c2w[1][3] - to[1]) +
                (v->c2w[2][3] - to[2]) * (v->c2w[2][3] - to[2]));
}

/* Do more cameras look towards a point than away from it? */
static bool is_in_front(size_t n, const struct view *cameras, const double at[3])
{
    size_t n_towards = 0;
    for (size_t i = 0; i < n; i++) {
        double along = 0.0;
        for (int d = 0; d < 3; d++)
            along += forward(&cameras[i], d) * (at[d] - cameras[i].c2w[d][3]);
        n_towards += along > 0.0;
    }
    return 2 * n_towards > n;
}

bool views_box_has_side(const struct views_box *box)
{
    static const double least = 1e-9;
    double farthest = 1.0;
    for (int d = 0; d < 3; d++)
        farthest = fmax(farthest, fabs(box->centre[d]));
    return box->half >= least * farthest;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct views_box around_cameras(size_t n, const struct view *cameras)
{
    struct views_box box = {.half = 1.0};
    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < 3; d++)
            box.centre[d] += cameras[i].c2w[d][3] / (double)n;
    for (size_t i = 0; i < n; i++)
        box.half = fmax(box.half, 4.0 * distance(&cameras[i], box.centre));
    return box;
}

struct views_box views_box_find(size_t n, const struct view *cameras, bool is_object,
                                double *scratch)
{
    struct axes axes = {0};
    struct views_box box = {0};
    for (size_t i = 0; i < n; i++)
        add_axis(&cameras[i], &axes);
    if (!solve(&axes, (double)n, box.centre) || !is_in_front(n, cameras, box.centre))
        return around_cameras(n, cameras);
    for (size_t i = 0; i < n; i++) {
        const struct view *v = &cameras[i];
        const double slope = fmax((double)v->image.width / v->fx, (double)v->image.height / v->fy);
        scratch[i] = distance(v, box.centre) * (is_object ? 0.5 * slope : 1.0);
    }
    qsort(scratch, n, sizeof *scratch, compare);
    box.half = is_object ? scratch[n / 2] : scratch[n - 1];
    return views_box_has_side(&box) ? box : around_cameras(n, cameras);
}
