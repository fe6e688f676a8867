/*
 * Edges and triangles are laid out in rows, one for each vertex: that of their lowest.  A row is
 * short, so it is sorted, and equal neighbours in it are the same edge.  (A table of hashed edges
 * would take three times the memory.)
 */
#include "core/scene/mesh_facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

/* Row v of a table: entries [start[v], start[v + 1]). */
struct rows {
    uint32_t *start; /* [n_vertices + 1] */
    uint64_t *entry;
};

static void rows_deinit(struct rows *rows)
{
    mem_free(rows->start);
    mem_free(rows->entry);
}

/* The edges of a triangle without repeated corners, or the triangle itself, as (row, entry). */
struct item {
    uint32_t row;
    uint64_t entry;
};
typedef size_t (*item_function)(const uint32_t *t, struct item item[3]);

static bool is_collapsed(const uint32_t *t)
{
    return t[0] == t[1] || t[1] == t[2] || t[2] == t[0];
}

/* An edge's entry: the higher vertex, and 1 if the triangle goes from it to the lower. */
static size_t edges_of(const uint32_t *t, struct item item[3])
{
    for (size_t i = 0; i < 3; i++) {
        const uint32_t a = t[i], b = t[(i + 1) % 3];
        item[i] =
            a < b ? (struct item){a, (uint64_t)b << 1} : (struct item){b, (uint64_t)a << 1 | 1};
    }
    return 3;
}

static size_t corners_of(const uint32_t *t, struct item item[3])
{
    const uint32_t a = t[0], b = t[1], c = t[2];
    const uint32_t low = a < b ? (a < c ? a : c) : (b < c ? b : c);
    const uint32_t high = a > b ? (a > c ? a : c) : (b > c ? b : c);
    item[0] = (struct item){low, (uint64_t)high << 32 | (a ^ b ^ c ^ low ^ high)};
    return 1;
}

static int compare_entries(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_row(uint64_t *entry, size_t n)
{
    enum { SHORT = 32 };
    if (n > SHORT) {
        qsort(entry, n, sizeof *entry, compare_entries);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const uint64_t e = entry[i];
        size_t k = i;
        for (; k > 0 && entry[k - 1] > e; k--)
            entry[k] = entry[k - 1];
        entry[k] = e;
    }
}

/* Count the entries of each row, turn the counts into starts, then lay them down.  False when out
 * of memory. */
static bool rows_make(struct rows *rows, const struct mesh *m, item_function items,
                      size_t per_triangle)
{
    const size_t n = m->n_vertices;
    struct item item[3];
    *rows = (struct rows){mem_alloc_array(n + 2, sizeof *rows->start),
                          mem_alloc_array(m->n_triangles * per_triangle, sizeof *rows->entry)};
    if (!rows->start || !rows->entry) {
        rows_deinit(rows);
        return false;
    }
    uint32_t *start = rows->start;
    for (size_t i = 0; i < m->n_triangles; i++) {
        const uint32_t *t = m->triangles + 3 * i;
        const size_t k = is_collapsed(t) ? 0 : items(t, item);
        for (size_t j = 0; j < k; j++)
            start[(size_t)item[j].row + 2]++;
    }
    for (size_t v = 2; v < n + 2; v++)
        start[v] += start[v - 1];
    /* start[v + 1] is where row v begins, and moves to where it ends: then start[v] begins it. */
    for (size_t i = 0; i < m->n_triangles; i++) {
        const uint32_t *t = m->triangles + 3 * i;
        const size_t k = is_collapsed(t) ? 0 : items(t, item);
        for (size_t j = 0; j < k; j++)
            rows->entry[start[(size_t)item[j].row + 1]++] = item[j].entry;
    }
    for (size_t v = 0; v < n; v++)
        sort_row(rows->entry + start[v], start[v + 1] - start[v]);
    return true;
}

static void count_edges(const struct rows *rows, size_t n_vertices, struct mesh_facts *f)
{
    for (size_t v = 0; v < n_vertices; v++)
        for (size_t i = rows->start[v]; i < rows->start[v + 1];) {
            const uint64_t *e = rows->entry + i;
            size_t n = 1;
            while (i + n < rows->start[v + 1] && e[n] >> 1 == e[0] >> 1)
                n++;
            f->n_edges++;
            f->n_border_edges += n == 1;
            f->n_nonmanifold_edges += n > 2;
            f->n_misoriented_edges += n == 2 && e[0] == e[1];
            i += n;
        }
}

static void count_duplicates(const struct rows *rows, size_t n_vertices, struct mesh_facts *f)
{
    for (size_t v = 0; v < n_vertices; v++)
        for (size_t i = rows->start[v]; i + 1 < rows->start[v + 1]; i++)
            f->n_duplicate_triangles += rows->entry[i] == rows->entry[i + 1];
}

/* --- parts --- */

static uint32_t find_root(uint32_t *parent, uint32_t v)
{
    while (parent[v] != v) {
        parent[v] = parent[parent[v]];
        v = parent[v];
    }
    return v;
}

/* Used vertices and parts, by union and find. */
static enum status count_parts(const struct mesh *m, struct mesh_facts *f, struct error *err)
{
    uint32_t *parent = mem_alloc_array(m->n_vertices, sizeof *parent);
    if (!parent)
        return error_status(err, STATUS_NO_MEMORY);
    memset(parent, 0xFF, m->n_vertices * sizeof *parent);
    f->n_unused_vertices = m->n_vertices;
    for (size_t i = 0; i < 3 * m->n_triangles; i++) {
        const uint32_t v = m->triangles[i];
        if (parent[v] == UINT32_MAX) {
            parent[v] = v;
            f->n_unused_vertices--;
            f->n_components++;
        }
    }
    for (size_t i = 0; i < 3 * m->n_triangles; i += 3)
        for (size_t k = 1; k < 3; k++) {
            const uint32_t a = find_root(parent, m->triangles[i]);
            const uint32_t b = find_root(parent, m->triangles[i + k]);
            f->n_components -= a != b;
            parent[a > b ? a : b] = a > b ? b : a;
        }
    mem_free(parent);
    return STATUS_OK;
}

/* --- places --- */

static void measure(const struct mesh *m, struct mesh_facts *f)
{
    for (size_t d = 0; d < 3; d++) {
        f->low[d] = INFINITY;
        f->high[d] = -INFINITY;
    }
    for (size_t i = 0; i < 3 * m->n_triangles; i++)
        for (size_t d = 0; d < 3; d++) {
            const float v = m->vertices[3 * (size_t)m->triangles[i] + d];
            f->low[d] = v < f->low[d] ? v : f->low[d];
            f->high[d] = v > f->high[d] ? v : f->high[d];
        }
    for (size_t i = 0; i < m->n_triangles; i++) {
        const uint32_t *t = m->triangles + 3 * i;
        double p[3], a[3], b[3];
        for (size_t d = 0; d < 3; d++) { /* from the box's corner: less is lost where it is far */
            const double origin = (double)m->vertices[3 * (size_t)t[0] + d];
            p[d] = origin - (double)f->low[d];
            a[d] = (double)m->vertices[3 * (size_t)t[1] + d] - origin;
            b[d] = (double)m->vertices[3 * (size_t)t[2] + d] - origin;
        }
        const double n[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                             a[0] * b[1] - a[1] * b[0]};
        const double length = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
        /* Compared, not by length: that may vanish where the triangle is only small. */
        f->n_degenerate_triangles +=
            a[1] * b[2] == a[2] * b[1] && a[2] * b[0] == a[0] * b[2] && a[0] * b[1] == a[1] * b[0];
        f->area += length / 2;
        f->volume += (p[0] * n[0] + p[1] * n[1] + p[2] * n[2]) / 6;
    }
}

enum status mesh_facts_find(const struct mesh *m, struct mesh_facts *out, struct error *err)
{
    struct mesh_facts f = {.n_vertices = m->n_vertices, .n_triangles = m->n_triangles};
    struct rows rows;
    size_t n_collapsed = 0;
    if (!rows_make(&rows, m, edges_of, 3))
        return error_status(err, STATUS_NO_MEMORY);
    count_edges(&rows, m->n_vertices, &f);
    rows_deinit(&rows);
    if (!rows_make(&rows, m, corners_of, 1))
        return error_status(err, STATUS_NO_MEMORY);
    count_duplicates(&rows, m->n_vertices, &f);
    rows_deinit(&rows);
    enum status status = count_parts(m, &f, err);
    if (status != STATUS_OK)
        return status;
    measure(m, &f);
    for (size_t i = 0; i < m->n_triangles; i++)
        n_collapsed += is_collapsed(m->triangles + 3 * i);
    f.is_watertight = f.n_edges > 0 && f.n_border_edges == 0 && f.n_nonmanifold_edges == 0;
    f.euler = (int64_t)(f.n_vertices - f.n_unused_vertices) - (int64_t)f.n_edges +
              (int64_t)(m->n_triangles - n_collapsed);
    *out = f;
    return STATUS_OK;
}
