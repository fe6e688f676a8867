#include "core/scene/solid.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/scene/bvh.h"

/* Of a side of the unit cube, around the vertices (the paper's notebook). */
static const double box_margin = 1e-3;

struct solid {
    struct bvh *bvh;
    struct solid_place place;
    double *area; /* [n_triangles]: of the triangles up to and including this one */
};

/* --- place --- */

static double unit_of(const struct solid_place *p, int axis, double source)
{
    return 0.5 + (source - p->centre[axis]) * (0.5 / p->reach);
}

/* A bit for each vertex that a triangle has. */
static uint8_t *mark_used(const struct mesh *m)
{
    uint8_t *used = mem_alloc_array(m->n_vertices / 8 + 1, 1);
    for (size_t i = 0; used && i < 3 * m->n_triangles; i++)
        used[m->triangles[i] / 8] |= (uint8_t)(1u << m->triangles[i] % 8);
    return used;
}

enum status solid_find(struct solid_place *out, const struct mesh *mesh, struct error *err)
{
    struct solid_place p = {.low = {DBL_MAX, DBL_MAX, DBL_MAX},
                            .high = {-DBL_MAX, -DBL_MAX, -DBL_MAX}};
    double sum[3] = {0.0};
    size_t n = 0;
    if (mesh->n_triangles == 0)
        return error_set(err, STATUS_INVALID, "", "a mesh without triangles has no surface");
    uint8_t *used = mark_used(mesh);
    if (!used)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < mesh->n_vertices; i++) {
        if (!(used[i / 8] >> i % 8 & 1))
            continue;
        n++;
        for (size_t a = 0; a < 3; a++) {
            const double v = (double)mesh->vertices[3 * i + a];
            sum[a] += v;
            p.low[a] = v < p.low[a] ? v : p.low[a];
            p.high[a] = v > p.high[a] ? v : p.high[a];
        }
    }
    mem_free(used);
    for (int a = 0; a < 3; a++) {
        p.centre[a] = sum[a] / (double)n;
        p.reach = fmax(p.reach, fmax(p.centre[a] - p.low[a], p.high[a] - p.centre[a]));
    }
    /* Less than floats can tell from the place itself is no size either. */
    double farthest = 0.0;
    for (int a = 0; a < 3; a++)
        farthest = fmax(farthest, fabs(p.centre[a]));
    if (!(p.reach > 0.0) || p.reach < (double)FLT_EPSILON * farthest || p.reach < (double)FLT_MIN)
        return error_set(err, STATUS_INVALID, "",
                         "all vertices of the mesh are in one place: it has no size");
    if (farthest + (1.0 + 4.0 * box_margin) * p.reach > (double)FLT_MAX)
        return error_set(err, STATUS_INVALID, "",
                         "the mesh lies too far from 0: a cube of half a side %g around %g, %g, %g "
                         "has corners that single precision does not reach",
                         p.reach, p.centre[0], p.centre[1], p.centre[2]);
    *out = p;
    return STATUS_OK;
}

struct domain solid_domain(const struct solid_place *p)
{
    struct domain d = {.n_dims = 3};
    for (size_t a = 0; a < 3; a++) {
        d.matrix[a][a] = 0.5 / p->reach;
        d.offset[a] = 0.5 - p->centre[a] * d.matrix[a][a];
    }
    return d;
}

void solid_box(const struct solid_place *p, double low[3], double high[3])
{
    for (int a = 0; a < 3; a++) {
        low[a] = unit_of(p, a, p->low[a]) - box_margin;
        high[a] = unit_of(p, a, p->high[a]) + box_margin;
    }
}

/* --- life --- */

size_t solid_bytes(size_t n_triangles)
{
    return bvh_bytes(n_triangles) + n_triangles * sizeof(double);
}

size_t solid_build_bytes(size_t n_vertices, size_t n_triangles)
{
    return bvh_build_bytes(n_triangles) + n_vertices * 3 * sizeof(float);
}

static enum status build_tree(struct solid *s, const struct mesh *mesh, struct error *err)
{
    struct mesh moved = *mesh;
    moved.vertices = mem_alloc_array(mesh->n_vertices, 3 * sizeof *moved.vertices);
    if (!moved.vertices)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < 3 * mesh->n_vertices; i++)
        moved.vertices[i] = (float)unit_of(&s->place, (int)(i % 3), (double)mesh->vertices[i]);
    const enum status status = bvh_create(&s->bvh, &moved, err);
    mem_free(moved.vertices);
    return status;
}

static enum status sum_areas(struct solid *s, struct error *err)
{
    const size_t n = bvh_n_triangles(s->bvh);
    double sum = 0.0;
    s->area = mem_alloc_array(n, sizeof *s->area);
    if (!s->area)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < n; i++) {
        float v[3][3];
        double square = 0.0;
        bvh_triangle(s->bvh, i, v);
        for (int a = 0; a < 3; a++) {
            const int p = (a + 1) % 3, q = (a + 2) % 3;
            const double part = (double)(v[1][p] - v[0][p]) * (double)(v[2][q] - v[0][q]) -
                                (double)(v[1][q] - v[0][q]) * (double)(v[2][p] - v[0][p]);
            square += part * part;
        }
        sum += 0.5 * sqrt(square);
        s->area[i] = sum;
    }
    return STATUS_OK;
}

enum status solid_create(struct solid **out, const struct mesh *mesh, struct error *err)
{
    struct solid *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = solid_find(&s->place, mesh, err);
    if (status == STATUS_OK)
        status = build_tree(s, mesh, err);
    if (status == STATUS_OK)
        status = sum_areas(s, err);
    if (status != STATUS_OK) {
        solid_free(s);
        return status;
    }
    *out = s;
    return STATUS_OK;
}

void solid_free(struct solid *s)
{
    if (!s)
        return;
    bvh_free(s->bvh);
    mem_free(s->area);
    mem_free(s);
}

/* --- questions --- */

const struct solid_place *solid_place(const struct solid *s)
{
    return &s->place;
}

const struct bvh *solid_bvh(const struct solid *s)
{
    return s->bvh;
}

bool solid_is_inside(const struct solid *s, const float point[3])
{
    return bvh_is_inside(s->bvh, point);
}

float solid_distance(const struct solid *s, const float point[3])
{
    struct bvh_nearest nearest = {.distance = 0.0f};
    bool found = bvh_nearest(s->bvh, point, INFINITY, &nearest);
    (void)found; /* a solid has a triangle, and nothing is beyond an infinite reach */
    return bvh_is_inside(s->bvh, point) ? -nearest.distance : nearest.distance;
}

/* --- draws --- */

void solid_draw_in_box(const struct solid *s, struct rng *rng, float point[3])
{
    double low[3], high[3];
    solid_box(&s->place, low, high);
    for (int a = 0; a < 3; a++)
        point[a] = (float)(low[a] + (high[a] - low[a]) * rng_uniform(rng));
}

/* The first triangle whose sum of areas is over a share of the whole. */
static size_t triangle_at(const struct solid *s, double share)
{
    size_t low = 0, high = bvh_n_triangles(s->bvh) - 1;
    const double wanted = share * s->area[high];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->area[middle] > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void solid_draw_near(const struct solid *s, enum solid_draw how, double sigma, struct rng *rng,
                     float point[3])
{
    float v[3][3];
    const size_t triangle = how == SOLID_BY_AREA ? triangle_at(s, rng_uniform(rng))
                                                 : rng_below(rng, bvh_n_triangles(s->bvh));
    double p = rng_uniform(rng), q = rng_uniform(rng);
    if (p + q > 1.0) { /* the other half of the parallelogram */
        p = 1.0 - p;
        q = 1.0 - q;
    }
    bvh_triangle(s->bvh, triangle, v);
    for (int a = 0; a < 3; a++)
        point[a] = (float)((double)v[0][a] + p * (double)(v[1][a] - v[0][a]) +
                           q * (double)(v[2][a] - v[0][a]) + sigma * rng_normal(rng));
}
