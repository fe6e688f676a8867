/*
 * A cell has corners 0…7 (bit 0: x, 1: y, 2: z) and 12 edges, four along each axis.  `inside` of a
 * corner is a value above 0 once the level is taken off and the sign made ours.  On each face,
 * walked counter-clockwise seen from outside the cell, an edge is left (from inside to outside) or
 * entered. A line on the face goes from an edge that is left to one that is entered; since the two
 * faces of an edge walk it in opposite directions, each crossing begins one line and ends another:
 * the lines form loops.
 *
 * Crossings are vertices of the mesh, kept once for each edge of the lattice: planes of indices for
 * the edges along x and y of the two planes at hand, and for those along z between them.
 */
#include "core/scene/marching_cubes.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

enum { N_EDGES = 12, N_FACES = 6, NO_EDGE = 0xFF, FIRST_CAPACITY = 1024, MIDDLE = 3 };
#define NO_VERTEX UINT32_MAX

/* How near a vertex may come to a sample, in cells: so that no two are in one place. */
static const float margin = 1e-3f;

/* Edge 4 * axis + k: its lower corner, and the other is 1 << axis above. */
static const uint8_t edge_corner[N_EDGES] = {0, 2, 4, 6, 0, 1, 4, 5, 0, 1, 2, 3};

/* Corners of each face, counter-clockwise seen from outside: x = 0, 1; y = 0, 1; z = 0, 1. */
static const uint8_t face_corner[N_FACES][4] = {
    {0, 4, 6, 2}, {1, 3, 7, 5}, {0, 1, 5, 4}, {2, 6, 7, 3}, {0, 2, 3, 1}, {4, 5, 7, 6},
};

/* A crossing on an edge of the lattice, or the middle of a loop. */
struct vertex {
    uint16_t sample[3]; /* the lower end of the edge; of a middle, the lowest corner of its cell */
    uint8_t axis;       /* of the edge; MIDDLE */
    int8_t last_side;   /* of regula falsi: which end moved last, -1 the lower, 1 the upper */
    union {
        struct {
            float t;               /* from the lower end, in cells */
            float low, high;       /* where the level is known to lie between */
            float at_low, at_high; /* signed values there (Illinois: perhaps halved) */
        };
        float offset[3]; /* of a middle */
    };
};

struct marching_cubes {
    struct marching_cubes_spec spec;
    /* With is_closed a layer of samples lies around those of the caller, just outside the border,
     * where the field is at the level: 1 and n + 2 of them, else 0 and n. */
    size_t n_layers, n[3];
    size_t n_planes; /* so far, with those of the layer */
    float *below;    /* [ny, nx]: signed values of the plane before */
    float *above;
    /* Vertices on edges along x and y of the two planes, and along z between them: [ny, nx] each.
     */
    uint32_t *x_below, *y_below, *x_above, *y_above, *z_between;

    struct vertex *vertex;
    size_t n_vertices, vertex_capacity;
    uint32_t *triangles; /* [n_triangles, 3] */
    size_t n_triangles, triangle_capacity;
};

/* --- life cycle --- */

enum status marching_cubes_create(struct marching_cubes **out,
                                  const struct marching_cubes_spec *spec, struct error *err)
{
    for (size_t d = 0; d < 3; d++)
        if (spec->n[d] < 2 || spec->n[d] > LIMIT_LATTICE_SIDE)
            return error_set(err, STATUS_INVALID, "", "a lattice has 2..%d samples a side, got %zu",
                             LIMIT_LATTICE_SIDE, spec->n[d]);
    struct marching_cubes *mc = mem_alloc(sizeof *mc);
    if (!mc)
        return error_status(err, STATUS_NO_MEMORY);
    mc->spec = *spec;
    mc->n_layers = spec->is_closed ? 1 : 0;
    for (size_t d = 0; d < 3; d++)
        mc->n[d] = spec->n[d] + 2 * mc->n_layers;
    const size_t n = mc->n[0] * mc->n[1];
    mc->below = mem_alloc_array(n, sizeof *mc->below);
    mc->above = mem_alloc_array(n, sizeof *mc->above);
    uint32_t **planes[] = {&mc->x_below, &mc->y_below, &mc->x_above, &mc->y_above, &mc->z_between};
    bool is_whole = mc->below && mc->above;
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++) {
        *planes[i] = mem_alloc_array(n, sizeof **planes[i]);
        is_whole = is_whole && *planes[i];
    }
    if (!is_whole) {
        marching_cubes_free(mc);
        return error_status(err, STATUS_NO_MEMORY);
    }
    *out = mc;
    return STATUS_OK;
}

void marching_cubes_free(struct marching_cubes *mc)
{
    if (!mc)
        return;
    mem_free(mc->below);
    mem_free(mc->above);
    mem_free(mc->x_below);
    mem_free(mc->y_below);
    mem_free(mc->x_above);
    mem_free(mc->y_above);
    mem_free(mc->z_between);
    mem_free(mc->vertex);
    mem_free(mc->triangles);
    mem_free(mc);
}

size_t marching_cubes_n_vertices(const struct marching_cubes *mc)
{
    return mc->n_vertices;
}

size_t marching_cubes_n_triangles(const struct marching_cubes *mc)
{
    return mc->n_triangles;
}

/* Room for one more of n things. */
static enum status grow(void **array, size_t *capacity, size_t n, size_t size, size_t limit,
                        const char *what, struct error *err)
{
    if (n < *capacity)
        return STATUS_OK;
    if (n >= limit)
        return error_set(err, STATUS_TOO_LARGE, "", "the surface has more than %zu %s", limit,
                         what);
    size_t more = *capacity ? 2 * *capacity : FIRST_CAPACITY;
    more = more < limit ? more : limit;
    void *p = mem_realloc_array(*array, more, size);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    *array = p;
    *capacity = more;
    return STATUS_OK;
}

static enum status append_vertex(struct marching_cubes *mc, const struct vertex *v,
                                 struct error *err)
{
    void *array = mc->vertex;
    enum status status = grow(&array, &mc->vertex_capacity, mc->n_vertices, sizeof *v,
                              LIMIT_VERTICES, "vertices", err);
    mc->vertex = array;
    if (status == STATUS_OK)
        mc->vertex[mc->n_vertices++] = *v;
    return status;
}

static enum status append_triangle(struct marching_cubes *mc, uint32_t a, uint32_t b, uint32_t c,
                                   struct error *err)
{
    void *array = mc->triangles;
    enum status status = grow(&array, &mc->triangle_capacity, mc->n_triangles,
                              3 * sizeof *mc->triangles, LIMIT_TRIANGLES, "triangles", err);
    mc->triangles = array;
    if (status != STATUS_OK)
        return status;
    uint32_t *t = mc->triangles + 3 * mc->n_triangles++;
    t[0] = a;
    t[1] = b;
    t[2] = c;
    return STATUS_OK;
}

/* --- crossings --- */

static bool is_inside(float value)
{
    return value > 0.0f;
}

static float clip_margin(float t)
{
    return fminf(fmaxf(t, margin), 1.0f - margin);
}

/* The crossing between sample (x, y, z) and the next along the axis, if there is one. */
static enum status cross(struct marching_cubes *mc, size_t x, size_t y, size_t z, uint8_t axis,
                         float low, float high, uint32_t *out, struct error *err)
{
    *out = NO_VERTEX;
    if (is_inside(low) == is_inside(high))
        return STATUS_OK;
    const struct vertex v = {
        .sample = {(uint16_t)x, (uint16_t)y, (uint16_t)z},
        .axis = axis,
        .t = clip_margin((float)((double)low / ((double)low - (double)high))),
        .low = 0.0f,
        .high = 1.0f,
        .at_low = low,
        .at_high = high,
    };
    enum status status = append_vertex(mc, &v, err);
    if (status == STATUS_OK)
        *out = (uint32_t)(mc->n_vertices - 1);
    return status;
}

/* Crossings of plane z, `above`, and with the plane before it. */
static enum status cross_plane(struct marching_cubes *mc, size_t z, struct error *err)
{
    const size_t nx = mc->n[0], ny = mc->n[1];
    const float *v = mc->above;
    enum status status = STATUS_OK;
    for (size_t y = 0; y < ny; y++)
        for (size_t x = 0; x < nx && status == STATUS_OK; x++) {
            const size_t i = y * nx + x;
            if (x + 1 < nx)
                status = cross(mc, x, y, z, 0, v[i], v[i + 1], &mc->x_above[i], err);
            if (y + 1 < ny && status == STATUS_OK)
                status = cross(mc, x, y, z, 1, v[i], v[i + nx], &mc->y_above[i], err);
            if (z > 0 && status == STATUS_OK)
                status = cross(mc, x, y, z - 1, 2, mc->below[i], v[i], &mc->z_between[i], err);
        }
    return status;
}

/* --- one cell --- */

struct cell {
    size_t x, y, z;
    float value[8];
    uint32_t vertex[N_EDGES];
};

static uint8_t edge_between(uint8_t a, uint8_t b)
{
    const uint8_t low = a < b ? a : b, axis = (uint8_t)((a ^ b) >> 1);
    for (uint8_t k = 0; k < 4; k++)
        if (edge_corner[4 * axis + k] == low)
            return (uint8_t)(4 * axis + k);
    return NO_EDGE;
}

/* Is the inside of a face joined across it, where two opposite corners a, c are inside and two, b
 * and d, outside?  The bilinear saddle decides.  Products of floats are exact in double, and do not
 * depend on the order of corners: both cells of the face find the same. */
static bool is_joined(const float *value, const uint8_t *corner, size_t first)
{
    const double a = (double)value[corner[first]], b = (double)value[corner[(first + 1) % 4]];
    const double c = (double)value[corner[(first + 2) % 4]];
    const double d = (double)value[corner[(first + 3) % 4]];
    return a * c > b * d;
}

/* The lines on a face: next[edge that is left] = edge that is entered. */
static void trace_face(const struct cell *c, const uint8_t *corner, uint8_t *next)
{
    uint8_t edge[4], n_left = 0, left = 0, entered = 0;
    for (uint8_t i = 0; i < 4; i++) {
        const bool from = is_inside(c->value[corner[i]]);
        const bool to = is_inside(c->value[corner[(i + 1) % 4]]);
        edge[i] = edge_between(corner[i], corner[(i + 1) % 4]);
        if (from && !to) {
            left = i;
            n_left++;
        } else if (!from && to) {
            entered = i;
        }
    }
    if (n_left == 1)
        next[edge[left]] = edge[entered];
    if (n_left < 2)
        return;
    /* Corners `left` and `left` + 2 are inside.  Joined: each line goes round a corner outside. */
    const uint8_t turn = is_joined(c->value, corner, left) ? 1 : 3;
    for (uint8_t i = left; i < left + 4; i = (uint8_t)(i + 2))
        next[edge[i % 4]] = edge[(i + turn) % 4];
}

/* --- a loop becomes triangles: it has the inside on its right, seen from outside, so they turn the
 * other way --- */

/* Do two edges of the cell lie in one face?  Then a line between their crossings lies in it. */
static bool share_face(uint8_t e, uint8_t f)
{
    const uint8_t both[2] = {edge_corner[e], (uint8_t)(edge_corner[e] | 1 << e / 4)};
    const uint8_t others[2] = {edge_corner[f], (uint8_t)(edge_corner[f] | 1 << f / 4)};
    const uint8_t all_set = both[0] & both[1] & others[0] & others[1];
    const uint8_t any_set = both[0] | both[1] | others[0] | others[1];
    return all_set != 0 || any_set != 7;
}

/* Where sample i of an axis lies, in cells from the first of the caller's. */
static double sample_at(const struct marching_cubes *mc, size_t d, size_t i)
{
    if (mc->n_layers == 0)
        return (double)i;
    return i == 0              ? -(double)margin
           : i == mc->n[d] - 1 ? (double)(i - 2) + (double)margin
                               : (double)(i - 1);
}

/* Where a vertex is, in cells. */
static void place_of(const struct marching_cubes *mc, const struct vertex *v, double *p)
{
    for (size_t d = 0; d < 3; d++) {
        p[d] = sample_at(mc, d, v->sample[d]);
        if (v->axis == MIDDLE)
            p[d] += (double)v->offset[d];
        else if (v->axis == d)
            p[d] += (double)v->t * (sample_at(mc, d, v->sample[d] + 1U) - p[d]);
    }
}

/* What an inner edge costs: its length squared, and more than all others where it may not be. */
static double cost_of(const struct marching_cubes *mc, const struct cell *c, uint8_t e, uint8_t f)
{
    double p[3], q[3], sum = 0.0;
    if (share_face(e, f))
        return INFINITY;
    place_of(mc, &mc->vertex[c->vertex[e]], p);
    place_of(mc, &mc->vertex[c->vertex[f]], q);
    for (size_t d = 0; d < 3; d++)
        sum += (p[d] - q[d]) * (p[d] - q[d]);
    return sum;
}

/* The best way to fill the polygon of loop[i … j], for all i < j: what it costs, and which k makes
 * the triangle (i, k, j). */
struct filling {
    double cost[N_EDGES][N_EDGES];
    uint8_t split[N_EDGES][N_EDGES];
};

static void find_filling(const struct marching_cubes *mc, const struct cell *c, const uint8_t *loop,
                         size_t n, struct filling *f)
{
    for (size_t i = 0; i + 1 < n; i++)
        f->cost[i][i + 1] = 0.0;
    for (size_t span = 2; span < n; span++)
        for (size_t i = 0; i + span < n; i++) {
            const size_t j = i + span;
            const bool is_inner = span + 1 < n;
            f->cost[i][j] = INFINITY;
            f->split[i][j] = (uint8_t)(i + 1);
            for (size_t k = i + 1; k < j; k++)
                if (f->cost[i][k] + f->cost[k][j] < f->cost[i][j]) {
                    f->cost[i][j] = f->cost[i][k] + f->cost[k][j];
                    f->split[i][j] = (uint8_t)k;
                }
            if (is_inner)
                f->cost[i][j] += cost_of(mc, c, loop[i], loop[j]);
        }
}

static enum status fill(struct marching_cubes *mc, const struct cell *c, const uint8_t *loop,
                        const struct filling *f, size_t i, size_t j, struct error *err)
{
    if (j < i + 2)
        return STATUS_OK;
    const size_t k = f->split[i][j];
    enum status status =
        append_triangle(mc, c->vertex[loop[i]], c->vertex[loop[j]], c->vertex[loop[k]], err);
    if (status == STATUS_OK)
        status = fill(mc, c, loop, f, i, k, err);
    if (status == STATUS_OK)
        status = fill(mc, c, loop, f, k, j, err);
    return status;
}

/* A loop that no inner edges but such in a face could fill: around a vertex in its middle. */
static enum status fill_around(struct marching_cubes *mc, const struct cell *c, const uint8_t *loop,
                               size_t n, struct error *err)
{
    struct vertex v = {.sample = {(uint16_t)c->x, (uint16_t)c->y, (uint16_t)c->z}, .axis = MIDDLE};
    double sum[3] = {0.0}, p[3];
    for (size_t i = 0; i < n; i++) {
        place_of(mc, &mc->vertex[c->vertex[loop[i]]], p);
        for (size_t d = 0; d < 3; d++)
            sum[d] += p[d] - sample_at(mc, d, v.sample[d]);
    }
    for (size_t d = 0; d < 3; d++)
        v.offset[d] = (float)(sum[d] / (double)n);
    enum status status = append_vertex(mc, &v, err);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = append_triangle(mc, c->vertex[loop[(i + 1) % n]], c->vertex[loop[i]],
                                 (uint32_t)(mc->n_vertices - 1), err);
    return status;
}

static enum status fill_loop(struct marching_cubes *mc, const struct cell *c, const uint8_t *loop,
                             size_t n, struct error *err)
{
    struct filling f;
    find_filling(mc, c, loop, n, &f);
    return isfinite(f.cost[0][n - 1]) ? fill(mc, c, loop, &f, 0, n - 1, err)
                                      : fill_around(mc, c, loop, n, err);
}

static enum status fill_cell(struct marching_cubes *mc, const struct cell *c, struct error *err)
{
    uint8_t next[N_EDGES];
    memset(next, NO_EDGE, sizeof next);
    for (size_t i = 0; i < N_FACES; i++)
        trace_face(c, face_corner[i], next);
    enum status status = STATUS_OK;
    for (uint8_t e = 0; e < N_EDGES && status == STATUS_OK; e++) {
        uint8_t loop[N_EDGES];
        size_t n = 0;
        for (uint8_t at = e; next[at] != NO_EDGE;) {
            const uint8_t to = next[at];
            loop[n++] = at;
            next[at] = NO_EDGE; /* walked */
            at = to;
        }
        if (n > 0)
            status = fill_loop(mc, c, loop, n, err);
    }
    return status;
}

/* The cells between the two planes. */
static enum status fill_cells(struct marching_cubes *mc, size_t z, struct error *err)
{
    const size_t nx = mc->n[0], ny = mc->n[1];
    enum status status = STATUS_OK;
    for (size_t y = 0; y + 1 < ny; y++)
        for (size_t x = 0; x + 1 < nx && status == STATUS_OK; x++) {
            const size_t i = y * nx + x;
            const size_t at[4] = {i, i + 1, i + nx, i + nx + 1};
            struct cell c = {.x = x, .y = y, .z = z};
            unsigned n_inside = 0;
            for (size_t k = 0; k < 4; k++) {
                c.value[k] = mc->below[at[k]];
                c.value[4 + k] = mc->above[at[k]];
                n_inside += is_inside(c.value[k]) + is_inside(c.value[4 + k]);
            }
            if (n_inside == 0 || n_inside == 8)
                continue;
            const uint32_t vertex[N_EDGES] = {
                mc->x_below[i],       mc->x_below[i + nx],   mc->x_above[i],
                mc->x_above[i + nx],  mc->y_below[i],        mc->y_below[i + 1],
                mc->y_above[i],       mc->y_above[i + 1],    mc->z_between[i],
                mc->z_between[i + 1], mc->z_between[i + nx], mc->z_between[i + nx + 1],
            };
            memcpy(c.vertex, vertex, sizeof vertex);
            status = fill_cell(mc, &c, err);
        }
    return status;
}

/* --- planes --- */

static void swap_planes(struct marching_cubes *mc)
{
    float *values = mc->below;
    uint32_t *x = mc->x_below, *y = mc->y_below;
    mc->below = mc->above;
    mc->x_below = mc->x_above;
    mc->y_below = mc->y_above;
    mc->above = values;
    mc->x_above = x;
    mc->y_above = y;
}

/* The plane `above` is there. */
static enum status end_plane(struct marching_cubes *mc, struct error *err)
{
    const size_t z = mc->n_planes++;
    enum status status = cross_plane(mc, z, err);
    if (status == STATUS_OK && z > 0)
        status = fill_cells(mc, z - 1, err);
    return status;
}

/* A plane of the layer. */
static enum status add_layer(struct marching_cubes *mc, struct error *err)
{
    swap_planes(mc);
    memset(mc->above, 0, mc->n[0] * mc->n[1] * sizeof *mc->above);
    return end_plane(mc, err);
}

enum status marching_cubes_plane(struct marching_cubes *mc, const float *values, struct error *err)
{
    const struct marching_cubes_spec *s = &mc->spec;
    const size_t nx = s->n[0], ny = s->n[1], layers = mc->n_layers;
    enum status status = STATUS_OK;
    if (mc->n_planes == mc->n[2])
        return error_set(err, STATUS_CONFLICT, "", "the lattice has %zu planes", s->n[2]);
    if (layers > 0 && mc->n_planes == 0)
        status = add_layer(mc, err);
    if (status != STATUS_OK)
        return status;
    swap_planes(mc);
    memset(mc->above, 0, mc->n[0] * mc->n[1] * sizeof *mc->above);
    for (size_t i = 0; i < nx * ny; i++) {
        const float value = s->is_inside_below ? s->level - values[i] : values[i] - s->level;
        if (!isfinite(value))
            return error_set(err, STATUS_INVALID, "", "the field is not finite everywhere");
        mc->above[(i / nx + layers) * mc->n[0] + i % nx + layers] = value;
    }
    status = end_plane(mc, err);
    if (status == STATUS_OK && layers > 0 && mc->n_planes == mc->n[2] - 1)
        status = add_layer(mc, err);
    return status;
}

/* --- vertices --- */

void marching_cubes_points(const struct marching_cubes *mc, size_t first, size_t n, float *coords)
{
    for (size_t i = 0; i < n; i++) {
        double p[3];
        place_of(mc, &mc->vertex[first + i], p);
        for (size_t d = 0; d < 3; d++)
            coords[3 * i + d] = (float)(p[d] / (double)(mc->spec.n[d] - 1));
    }
}

/* The end of the bracket on the side of the value moves to t; the other's value is halved if it was
 * this end's turn before, so that neither stays for ever. */
static void refine_one(struct vertex *v, float value)
{
    const bool is_low = is_inside(value) == is_inside(v->at_low);
    const int8_t side = is_low ? -1 : 1;
    if (is_low) {
        v->low = v->t;
        v->at_low = value;
        v->at_high *= v->last_side == side ? 0.5f : 1.0f;
    } else {
        v->high = v->t;
        v->at_high = value;
        v->at_low *= v->last_side == side ? 0.5f : 1.0f;
    }
    v->last_side = side;
    const double low = (double)v->low, high = (double)v->high;
    const double a = (double)v->at_low, b = (double)v->at_high;
    if (a != b)
        v->t = clip_margin((float)(low + (high - low) * (a / (a - b))));
}

void marching_cubes_refine(struct marching_cubes *mc, size_t first, size_t n, const float *values)
{
    for (size_t i = 0; i < n; i++) {
        struct vertex *v = &mc->vertex[first + i];
        const float value =
            mc->spec.is_inside_below ? mc->spec.level - values[i] : values[i] - mc->spec.level;
        /* An end of 0 is the level itself, also that of a wall. */
        if (v->axis != MIDDLE && v->at_low != 0.0f && v->at_high != 0.0f && isfinite(value))
            refine_one(v, value);
    }
}

enum status marching_cubes_take(struct marching_cubes *mc, struct mesh *out, struct error *err)
{
    float *vertices = mem_alloc_array(mc->n_vertices ? mc->n_vertices : 1, 3 * sizeof *vertices);
    if (!vertices)
        return error_status(err, STATUS_NO_MEMORY);
    marching_cubes_points(mc, 0, mc->n_vertices, vertices);
    *out = (struct mesh){mc->n_vertices, mc->n_triangles, vertices, mc->triangles};
    mem_free(mc->vertex);
    mc->vertex = NULL;
    mc->triangles = NULL;
    mc->n_vertices = mc->vertex_capacity = mc->n_triangles = mc->triangle_capacity = 0;
    return STATUS_OK;
}
