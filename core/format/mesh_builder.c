#include "core/format/mesh_builder.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

enum { FIRST_CAPACITY = 256 };

void mesh_builder_init(struct mesh_builder *b)
{
    *b = (struct mesh_builder){0};
}

void mesh_builder_deinit(struct mesh_builder *b)
{
    mesh_deinit(&b->mesh);
    *b = (struct mesh_builder){0};
}

static enum status too_many(const char *what, size_t limit, struct error *err)
{
    return error_set(err, STATUS_TOO_LARGE, "", "the mesh has more than %zu %s", limit, what);
}

enum status mesh_builder_reserve(struct mesh_builder *b, size_t n_vertices, size_t n_triangles,
                                 struct error *err)
{
    if (n_vertices > LIMIT_VERTICES)
        return too_many("vertices", LIMIT_VERTICES, err);
    if (n_triangles > LIMIT_TRIANGLES)
        return too_many("triangles", LIMIT_TRIANGLES, err);
    if (n_vertices > b->vertex_capacity) {
        float *p = mem_realloc_array(b->mesh.vertices, n_vertices, 3 * sizeof *p);
        if (!p)
            return error_status(err, STATUS_NO_MEMORY);
        b->mesh.vertices = p;
        b->vertex_capacity = n_vertices;
    }
    if (n_triangles > b->triangle_capacity) {
        uint32_t *p = mem_realloc_array(b->mesh.triangles, n_triangles, 3 * sizeof *p);
        if (!p)
            return error_status(err, STATUS_NO_MEMORY);
        b->mesh.triangles = p;
        b->triangle_capacity = n_triangles;
    }
    return STATUS_OK;
}

/* What to grow to so that one more fits: twice as much, but not past the limit without need. */
static size_t grown(size_t capacity, size_t limit)
{
    const size_t twice = capacity < FIRST_CAPACITY ? FIRST_CAPACITY : 2 * capacity;
    return twice < limit || capacity >= limit ? twice : limit;
}

enum status mesh_builder_vertex(struct mesh_builder *b, const double *xyz, struct mesh_place place,
                                struct error *err)
{
    struct mesh *m = &b->mesh;
    if (m->n_vertices == b->vertex_capacity) {
        enum status status = mesh_builder_reserve(b, grown(m->n_vertices, LIMIT_VERTICES), 0, err);
        if (status != STATUS_OK)
            return status;
    }
    float *v = m->vertices + 3 * m->n_vertices;
    for (size_t i = 0; i < 3; i++) {
        v[i] = (float)xyz[i];
        if (!isfinite(v[i]))
            return error_set(err, STATUS_INVALID, "", "%s %zu: '%c' is not a finite number",
                             place.what, place.number, "xyz"[i]);
    }
    m->n_vertices++;
    return STATUS_OK;
}

static enum status append_triangle(struct mesh_builder *b, uint32_t p, uint32_t q, uint32_t r,
                                   struct error *err)
{
    struct mesh *m = &b->mesh;
    if (m->n_triangles == b->triangle_capacity) {
        enum status status =
            mesh_builder_reserve(b, 0, grown(m->n_triangles, LIMIT_TRIANGLES), err);
        if (status != STATUS_OK)
            return status;
    }
    uint32_t *t = m->triangles + 3 * m->n_triangles;
    t[0] = p;
    t[1] = q;
    t[2] = r;
    m->n_triangles++;
    return STATUS_OK;
}

enum status mesh_builder_corner(struct mesh_builder *b, int64_t vertex, size_t n_vertices,
                                struct mesh_place place, struct error *err)
{
    if (vertex < 0 || (uint64_t)vertex >= n_vertices)
        return error_set(err, STATUS_INVALID, "", "%s %zu: a corner is not one of the %zu vertices",
                         place.what, place.number, n_vertices);
    const uint32_t v = (uint32_t)vertex;
    enum status status = STATUS_OK;
    if (b->n_corners == 0)
        b->first = v;
    else if (b->n_corners >= 2)
        status = append_triangle(b, b->first, b->last, v, err);
    b->last = v;
    b->n_corners++;
    return status;
}

enum status mesh_builder_end_polygon(struct mesh_builder *b, struct mesh_place place,
                                     struct error *err)
{
    const size_t n = b->n_corners;
    b->n_corners = 0;
    return n >= 3 ? STATUS_OK
                  : error_set(err, STATUS_INVALID, "",
                              "%s %zu: a face has three corners or more, this one has %zu",
                              place.what, place.number, n);
}

static bool has_area(const struct mesh *m, const uint32_t *t)
{
    double a[3], b[3];
    for (size_t i = 0; i < 3; i++) {
        const double origin = (double)m->vertices[3 * (size_t)t[0] + i];
        a[i] = (double)m->vertices[3 * (size_t)t[1] + i] - origin;
        b[i] = (double)m->vertices[3 * (size_t)t[2] + i] - origin;
    }
    return a[1] * b[2] != a[2] * b[1] || a[2] * b[0] != a[0] * b[2] || a[0] * b[1] != a[1] * b[0];
}

enum status mesh_builder_finish(struct mesh_builder *b, struct mesh *out, struct error *err)
{
    const struct mesh *m = &b->mesh;
    if (m->n_triangles == 0)
        return error_set(err, STATUS_INVALID, "", "the mesh has no faces");
    size_t i = 0;
    while (i < m->n_triangles && !has_area(m, m->triangles + 3 * i))
        i++;
    if (i == m->n_triangles)
        return error_set(err, STATUS_INVALID, "", "no face of the mesh has an area");
    *out = *m;
    *b = (struct mesh_builder){0};
    return STATUS_OK;
}
