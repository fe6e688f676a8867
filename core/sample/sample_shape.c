/*
 * A ring with arms: the surface of a distance field, by marching cubes.  A ring's tube, and chains
 * of capsules that begin on it, run into each other smoothly (the polynomial minimum of Quilez), so
 * it is one closed surface of one piece; rings of arms that touch again give it more holes.
 */
#include "core/sample/sample.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/scene/marching_cubes.h"
#include "core/scene/mesh_map.h"

enum { N_ARMS = 5, N_LINKS = 3, DEFAULT_SIZE = 128, MIN_SIZE = 16, MAX_SIZE = 512, N_STEPS = 2 };

struct capsule {
    double from[3], to[3], radius;
};

/* In the unit cube. */
struct figure {
    double ring_radius, tube_radius;
    struct capsule link[N_ARMS * N_LINKS];
};

static const double pi = 3.14159265358979323846;

static double between(struct rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

static double clip(double v, double low, double high)
{
    return fmin(fmax(v, low), high);
}

static struct figure draw_figure(uint64_t seed)
{
    struct rng r = rng_at(seed, RNG_SAMPLE, 0);
    struct figure f = {.ring_radius = between(&r, 0.22, 0.3),
                       .tube_radius = between(&r, 0.05, 0.09)};
    for (size_t arm = 0; arm < N_ARMS; arm++) {
        const double angle = 2 * pi * ((double)arm + between(&r, -0.3, 0.3)) / N_ARMS;
        double at[3] = {0.5 + f.ring_radius * cos(angle), 0.5, 0.5 + f.ring_radius * sin(angle)};
        for (size_t i = 0; i < N_LINKS; i++) {
            struct capsule *c = &f.link[arm * N_LINKS + i];
            c->radius = between(&r, 0.035, 0.08);
            for (size_t d = 0; d < 3; d++) {
                c->from[d] = at[d];
                at[d] = clip(at[d] + between(&r, -0.22, 0.22), 0.14, 0.86);
                c->to[d] = at[d];
            }
        }
    }
    return f;
}

static double distance_to_capsule(const struct capsule *c, const double p[3])
{
    double along = 0, length = 0, sum = 0;
    for (size_t d = 0; d < 3; d++) {
        along += (p[d] - c->from[d]) * (c->to[d] - c->from[d]);
        length += (c->to[d] - c->from[d]) * (c->to[d] - c->from[d]);
    }
    const double t = length > 0 ? clip(along / length, 0, 1) : 0;
    for (size_t d = 0; d < 3; d++) {
        const double gap = p[d] - c->from[d] - t * (c->to[d] - c->from[d]);
        sum += gap * gap;
    }
    return sqrt(sum) - c->radius;
}

static double smooth_min(double a, double b)
{
    const double width = 0.04;
    const double h = fmax(width - fabs(a - b), 0) / width;
    return fmin(a, b) - h * h * width / 4;
}

static float distance_to(const struct figure *f, const double p[3])
{
    const double x = p[0] - 0.5, y = p[1] - 0.5, z = p[2] - 0.5;
    const double ring = sqrt(x * x + z * z) - f->ring_radius;
    double sum = sqrt(ring * ring + y * y) - f->tube_radius;
    for (size_t i = 0; i < sizeof f->link / sizeof f->link[0]; i++)
        sum = smooth_min(sum, distance_to_capsule(&f->link[i], p));
    return (float)sum;
}

/* A row of samples.  The distance changes by at most the way that one goes: samples nearer to a far
 * one than its surface is are far too, on the same side, and need not be asked for.  Those of a
 * cell that the surface passes are within two steps of it. */
static void fill_row(const struct figure *f, size_t side, size_t y, size_t z, float *row)
{
    const double step = 1.0 / (double)(side - 1);
    for (size_t x = 0; x < side;) {
        const double p[3] = {step * (double)x, step * (double)y, step * (double)z};
        const float value = distance_to(f, p);
        const double far = floor(fabs((double)value) / step) - 2;
        const size_t n = far > 1 ? (size_t)far : 1;
        for (const size_t end = x + n < side ? x + n : side; x < end; x++)
            row[x] = value;
    }
}

static enum status march(const struct figure *f, size_t side, struct marching_cubes *mc,
                         struct error *err)
{
    enum status status = STATUS_OK;
    float *plane = mem_alloc_array(side * side, sizeof *plane);
    if (!plane)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t z = 0; z < side && status == STATUS_OK; z++) {
        for (size_t y = 0; y < side; y++)
            fill_row(f, side, y, z, plane + y * side);
        status = marching_cubes_plane(mc, plane, err);
    }
    mem_free(plane);
    return status;
}

static void refine(const struct figure *f, struct marching_cubes *mc)
{
    const size_t n = marching_cubes_n_vertices(mc);
    for (size_t i = 0; i < n * N_STEPS; i++) {
        float at[3];
        marching_cubes_points(mc, i % n, 1, at);
        const double p[3] = {(double)at[0], (double)at[1], (double)at[2]};
        const float value = distance_to(f, p);
        marching_cubes_refine(mc, i % n, 1, &value);
    }
}

enum status sample_shape(const struct sample_spec *spec, struct mesh *out, struct error *err)
{
    static const double to_source[3][4] = {{2, 0, 0, -1}, {0, 2, 0, -1}, {0, 0, 2, -1}};
    const size_t side = spec->size ? spec->size : DEFAULT_SIZE;
    if (side < MIN_SIZE || side > MAX_SIZE)
        return error_set(err, STATUS_INVALID, "/size", "'size' must be %d..%d, got %zu", MIN_SIZE,
                         MAX_SIZE, side);
    const struct marching_cubes_spec lattice = {
        .n = {side, side, side}, .is_inside_below = true, .is_closed = true};
    const struct figure figure = draw_figure(spec->seed);
    struct marching_cubes *mc = NULL;
    struct mesh m = {0};
    enum status status = marching_cubes_create(&mc, &lattice, err);
    if (status == STATUS_OK)
        status = march(&figure, side, mc, err);
    if (status == STATUS_OK) {
        refine(&figure, mc);
        status = marching_cubes_take(mc, &m, err);
    }
    marching_cubes_free(mc);
    if (status != STATUS_OK)
        return status;
    mesh_map(&m, to_source);
    *out = m;
    return STATUS_OK;
}
