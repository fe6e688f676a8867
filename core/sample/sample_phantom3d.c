#include "core/sample/sample.h"

#include <math.h>

#include "core/base/rng.h"
#include "core/format/nifti.h"

enum { N_ELLIPSOIDS = 10, MIN_SIDE = 16, MAX_SIDE = 512, DEFAULT_SIDE = 96 };

/* The head is inside of [-1, 1]^3: 200 mm. */
static const double half_side = 100.0;

struct ellipsoid {
    double grey;
    double a, b, c;    /* half axes */
    double x0, y0, z0; /* centre */
    double angle;      /* about z, radians */
};

static const double degree = 3.14159265358979323846 / 180;

/* Schabel's three-dimensional one of Toft's modified Shepp-Logan head (his Euler angles about other
 * axes than z left out: 10 degrees of two ventricles). */
static const struct ellipsoid head[N_ELLIPSOIDS] = {
    {1.0, 0.69, 0.92, 0.81, 0, 0, 0, 0},
    {-0.8, 0.6624, 0.874, 0.78, 0, -0.0184, 0, 0},
    {-0.2, 0.11, 0.31, 0.22, 0.22, 0, 0, -18 * degree},
    {-0.2, 0.16, 0.41, 0.28, -0.22, 0, 0, 18 * degree},
    {0.1, 0.21, 0.25, 0.41, 0, 0.35, -0.15, 0},
    {0.1, 0.046, 0.046, 0.05, 0, 0.1, 0.25, 0},
    {0.1, 0.046, 0.046, 0.05, 0, -0.1, 0.25, 0},
    {0.1, 0.046, 0.023, 0.05, -0.08, -0.605, 0, 0},
    {0.1, 0.023, 0.023, 0.02, 0, -0.606, 0, 0},
    {0.1, 0.023, 0.046, 0.02, 0.06, -0.605, 0, 0},
};

static double perturbed(double value, struct rng *r)
{
    return value + rng_normal(r) / 20;
}

static void perturb(uint64_t seed, struct ellipsoid ellipsoid[N_ELLIPSOIDS])
{
    for (size_t i = 0; i < N_ELLIPSOIDS; i++) {
        struct rng r = rng_at(seed, RNG_SAMPLE, i);
        const struct ellipsoid *e = &head[i];
        ellipsoid[i] = (struct ellipsoid){.grey = perturbed(e->grey, &r)};
        ellipsoid[i].a = perturbed(e->a, &r);
        ellipsoid[i].b = perturbed(e->b, &r);
        ellipsoid[i].c = perturbed(e->c, &r);
        ellipsoid[i].x0 = perturbed(e->x0, &r);
        ellipsoid[i].y0 = perturbed(e->y0, &r);
        ellipsoid[i].z0 = perturbed(e->z0, &r);
        ellipsoid[i].angle = perturbed(e->angle, &r);
    }
}

/* Add an ellipsoid to a row of voxels, x = -1 … 1. */
static void add_row(const struct ellipsoid *e, double y, double z, size_t side, double *row)
{
    const double c = cos(e->angle), s = sin(e->angle), w = (z - e->z0) / e->c;
    const double step = 2.0 / (double)(side - 1);
    if (w * w > 1)
        return;
    for (size_t i = 0; i < side; i++) {
        const double x = -1 + step * (double)i;
        const double u = ((x - e->x0) * c + (y - e->y0) * s) / e->a;
        const double v = ((x - e->x0) * s - (y - e->y0) * c) / e->b;
        row[i] += u * u + v * v + w * w <= 1 ? e->grey : 0;
    }
}

enum status sample_phantom3d_volume(const struct sample_spec *spec, struct volume *out,
                                    struct error *err)
{
    const size_t side = spec->size ? spec->size : DEFAULT_SIDE;
    struct ellipsoid ellipsoid[N_ELLIPSOIDS];
    struct volume v = {0};
    if (side < MIN_SIDE || side > MAX_SIDE)
        return error_set(err, STATUS_INVALID, "/size", "'size' must be %d..%d, got %zu", MIN_SIDE,
                         MAX_SIDE, side);
    enum status status = volume_create(&v, SAMPLE_FLOAT, side, side, side, 1, err);
    if (status != STATUS_OK)
        return status;
    perturb(spec->seed, ellipsoid);
    const double step = 2.0 / (double)(side - 1); /* the grid holds both -1 and 1 */
    for (size_t line = 0; line < side * side; line++) {
        const size_t layer = line / side;
        const double z = -1 + step * (double)layer;
        const double y = -1 + step * (double)(line - layer * side);
        double row[MAX_SIDE] = {0};
        for (size_t i = 0; i < N_ELLIPSOIDS; i++)
            add_row(&ellipsoid[i], y, z, side, row);
        for (size_t i = 0; i < side; i++)
            v.values[line * side + i] = (float)fmin(fmax(row[i], 0), 1);
    }
    for (size_t r = 0; r < 3; r++) {
        v.affine[r][r] = half_side * step;
        v.affine[r][3] = -half_side;
    }
    v.has_affine = true;
    *out = v;
    return STATUS_OK;
}

enum status sample_phantom3d(const struct sample_spec *spec, struct buffer *out, struct error *err)
{
    struct volume v = {0};
    enum status status = sample_phantom3d_volume(spec, &v, err);
    if (status != STATUS_OK)
        return status;
    const struct nifti_shape shape = {v.width, v.height, v.depth, 1, v.affine};
    status = nifti_encode(&shape, v.values, v.low, v.high, NULL, out, err);
    volume_deinit(&v);
    return status;
}
