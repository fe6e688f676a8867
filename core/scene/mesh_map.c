#include "core/scene/mesh_map.h"

#include <math.h>
#include <string.h>

#include "core/scene/ray.h"

static double determinant(const double map[3][4])
{
    double cross[3];
    ray_cross(map[0], map[1], cross);
    return ray_dot(cross, map[2]);
}

void mesh_map(struct mesh *m, const double map[3][4])
{
    for (size_t i = 0; i < m->n_vertices; i++) {
        float *v = m->vertices + 3 * i;
        const double p[3] = {(double)v[0], (double)v[1], (double)v[2]};
        for (size_t r = 0; r < 3; r++)
            v[r] = (float)(ray_dot(map[r], p) + map[r][3]);
    }
    if (determinant(map) >= 0.0)
        return;
    for (size_t i = 0; i < m->n_triangles; i++) {
        uint32_t *t = m->triangles + 3 * i;
        const uint32_t second = t[1];
        t[1] = t[2];
        t[2] = second;
    }
}

/* The longest side of the box of all triangles; 1 for a point. */
static double size_of(const struct mesh *m)
{
    double size = 0.0;
    for (size_t d = 0; d < 3; d++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < 3 * m->n_triangles; i++) {
            const double v = (double)m->vertices[3 * (size_t)m->triangles[i] + d];
            low = fmin(low, v);
            high = fmax(high, v);
        }
        size = fmax(size, high - low);
    }
    return size > 0.0 ? size : 1.0;
}

void mesh_normals(const struct mesh *m, float *normals)
{
    const double scale = 1.0 / size_of(m); /* sums are floats: areas of any mesh are about 1 */
    memset(normals, 0, m->n_vertices * 3 * sizeof *normals);
    for (size_t i = 0; i < m->n_triangles; i++) {
        const uint32_t *t = m->triangles + 3 * i;
        double a[3], b[3], n[3];
        for (size_t d = 0; d < 3; d++) {
            const double p = (double)m->vertices[3 * (size_t)t[0] + d];
            a[d] = ((double)m->vertices[3 * (size_t)t[1] + d] - p) * scale;
            b[d] = ((double)m->vertices[3 * (size_t)t[2] + d] - p) * scale;
        }
        ray_cross(a, b, n); /* twice the area long */
        for (size_t k = 0; k < 9; k++)
            normals[3 * (size_t)t[k / 3] + k % 3] += (float)n[k % 3];
    }
    for (size_t i = 0; i < m->n_vertices; i++) {
        double n[3];
        for (size_t d = 0; d < 3; d++)
            n[d] = (double)normals[3 * i + d];
        if (!(ray_normalize(n) > 0.0))
            n[2] = 1.0;
        for (size_t d = 0; d < 3; d++)
            normals[3 * i + d] = (float)n[d];
    }
}
