#include "tests/support/small_mesh.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"

static struct mesh make(size_t n_vertices, size_t n_triangles)
{
    struct mesh m = {.n_vertices = n_vertices, .n_triangles = n_triangles};
    m.vertices = mem_alloc_array(3 * n_vertices, sizeof *m.vertices);
    m.triangles = mem_alloc_array(3 * n_triangles, sizeof *m.triangles);
    if (!m.vertices || !m.triangles)
        exit(1);
    return m;
}

/* Both ways of an edge have the same middle, bit for bit, so that no vertex need be found again:
 * every triangle of the sphere has corners of its own. */
static struct mesh cut_in_four(struct mesh m)
{
    struct mesh out = make(12 * m.n_triangles, 4 * m.n_triangles);
    for (size_t i = 0; i < m.n_triangles; i++) {
        float v[6][3]; /* corners, then the middles of the sides across from them */
        for (size_t c = 0; c < 3; c++)
            memcpy(v[c], m.vertices + 3 * (size_t)m.triangles[3 * i + c], sizeof v[c]);
        for (size_t c = 0; c < 3; c++)
            for (size_t a = 0; a < 3; a++)
                v[3 + c][a] = 0.5f * (v[(c + 1) % 3][a] + v[(c + 2) % 3][a]);
        static const size_t part[4][3] = {{0, 5, 4}, {5, 1, 3}, {4, 3, 2}, {3, 4, 5}};
        for (size_t k = 0; k < 12; k++) {
            memcpy(out.vertices + 3 * (12 * i + k), v[part[k / 3][k % 3]], sizeof v[0]);
            out.triangles[12 * i + k] = (uint32_t)(12 * i + k);
        }
    }
    mesh_deinit(&m);
    return out;
}

struct mesh small_sphere(const float centre[3], float radius, unsigned cuts)
{
    static const float corner[6][3] = {{1, 0, 0},  {-1, 0, 0}, {0, 1, 0},
                                       {0, -1, 0}, {0, 0, 1},  {0, 0, -1}};
    static const uint32_t side[8][3] = {{0, 2, 4}, {2, 1, 4}, {1, 3, 4}, {3, 0, 4},
                                        {2, 0, 5}, {1, 2, 5}, {3, 1, 5}, {0, 3, 5}};
    struct mesh m = make(6, 8);
    memcpy(m.vertices, corner, sizeof corner);
    memcpy(m.triangles, side, sizeof side);
    for (unsigned i = 0; i < cuts; i++)
        m = cut_in_four(m);
    for (size_t i = 0; i < m.n_vertices; i++) {
        float *v = m.vertices + 3 * i;
        const float scale = radius / sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        for (size_t a = 0; a < 3; a++)
            v[a] = centre[a] + scale * v[a];
    }
    return m;
}

struct mesh small_soup(size_t n_triangles, float size, uint64_t seed)
{
    struct mesh m = make(3 * n_triangles, n_triangles);
    struct rng rng = rng_at(seed, RNG_SAMPLE, 0);
    for (size_t i = 0; i < n_triangles; i++)
        for (size_t a = 0; a < 3; a++) {
            const float middle = (float)rng_uniform(&rng);
            for (size_t c = 0; c < 3; c++)
                m.vertices[9 * i + 3 * c + a] = middle + size * ((float)rng_uniform(&rng) - 0.5f);
        }
    for (size_t i = 0; i < 3 * n_triangles; i++)
        m.triangles[i] = (uint32_t)i;
    return m;
}

struct mesh small_mesh_join(struct mesh a, struct mesh b)
{
    struct mesh m = make(a.n_vertices + b.n_vertices, a.n_triangles + b.n_triangles);
    memcpy(m.vertices, a.vertices, 3 * a.n_vertices * sizeof *m.vertices);
    memcpy(m.vertices + 3 * a.n_vertices, b.vertices, 3 * b.n_vertices * sizeof *m.vertices);
    memcpy(m.triangles, a.triangles, 3 * a.n_triangles * sizeof *m.triangles);
    for (size_t i = 0; i < 3 * b.n_triangles; i++)
        m.triangles[3 * a.n_triangles + i] = b.triangles[i] + (uint32_t)a.n_vertices;
    mesh_deinit(&a);
    mesh_deinit(&b);
    return m;
}

void small_mesh_pierce(struct mesh *m, size_t n)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < m->n_triangles; i++)
        if (i % n)
            memmove(m->triangles + 3 * n_kept++, m->triangles + 3 * i, 3 * sizeof *m->triangles);
    m->n_triangles = n_kept;
}

void small_mesh_turn(struct mesh *m)
{
    for (size_t i = 0; i < m->n_triangles; i++) {
        const uint32_t second = m->triangles[3 * i + 1];
        m->triangles[3 * i + 1] = m->triangles[3 * i + 2];
        m->triangles[3 * i + 2] = second;
    }
}
