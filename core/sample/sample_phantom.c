#include "core/sample/sample.h"

#include <math.h>

#include "core/base/rng.h"

enum { N_ELLIPSES = 10 };

struct ellipse {
    double grey;
    double a, b;   /* half axes */
    double x0, y0; /* centre, in [-1,1] */
    double angle;  /* radians */
};

static const double degree = 3.14159265358979323846 / 180;

/* Toft's modified Shepp-Logan head. */
static const struct ellipse head[N_ELLIPSES] = {
    {1.0, 0.69, 0.92, 0, 0, 0},
    {-0.8, 0.6624, 0.874, 0, -0.0184, 0},
    {-0.2, 0.11, 0.31, 0.22, 0, -18 * degree},
    {-0.2, 0.16, 0.41, -0.22, 0, 18 * degree},
    {0.1, 0.21, 0.25, 0, 0.35, 0},
    {0.1, 0.046, 0.046, 0, 0.1, 0},
    {0.1, 0.046, 0.046, 0, -0.1, 0},
    {0.1, 0.046, 0.023, -0.08, -0.605, 0},
    {0.1, 0.023, 0.023, 0, -0.605, 0},
    {0.1, 0.023, 0.046, 0.06, -0.605, 0},
};

static double perturbed(double value, struct rng *r)
{
    return value + rng_normal(r) / 20;
}

/* What ellipse e adds at (x, y). */
static double grey_at(const struct ellipse *e, double x, double y)
{
    double c = cos(e->angle), s = sin(e->angle);
    double u = (x - e->x0) * c + (y - e->y0) * s;
    double v = (x - e->x0) * s - (y - e->y0) * c;
    return u * u / (e->a * e->a) + v * v / (e->b * e->b) <= 1 ? e->grey : 0;
}

enum status sample_phantom(const struct sample_spec *spec, struct image *out, struct error *err)
{
    size_t side;
    struct image image;
    enum status status = sample_side(spec, &side, err);
    if (status == STATUS_OK)
        status = image_create(&image, SAMPLE_FLOAT, side, side, 1, err);
    if (status != STATUS_OK)
        return status;

    struct ellipse ellipse[N_ELLIPSES];
    for (size_t i = 0; i < N_ELLIPSES; i++) {
        struct rng r = rng_at(spec->seed, RNG_SAMPLE, i);
        const struct ellipse *e = &head[i];
        ellipse[i].grey = perturbed(e->grey, &r);
        ellipse[i].a = perturbed(e->a, &r);
        ellipse[i].b = perturbed(e->b, &r);
        ellipse[i].x0 = perturbed(e->x0, &r);
        ellipse[i].y0 = perturbed(e->y0, &r);
        ellipse[i].angle = perturbed(e->angle, &r);
    }
    const double step = 2.0 / (double)(side - 1); /* the grid holds both -1 and 1 */
    for (size_t row = 0; row < side; row++)
        for (size_t column = 0; column < side; column++) {
            double x = -1 + step * (double)column, y = -1 + step * (double)row;
            double sum = 0;
            for (size_t i = 0; i < N_ELLIPSES; i++)
                sum += grey_at(&ellipse[i], x, y);
            image.values[row * side + column] = (float)fmin(fmax(sum, 0), 1);
        }
    *out = image;
    return STATUS_OK;
}
