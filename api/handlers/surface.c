/*
 * Lattice, steps of regula falsi and normals are three ways to ask for points; what comes back goes
 * through surface_values of the task's row.  Planes are asked for as many at once as the pool likes
 * to be given, so memory is that of a slab and of the mesh.
 */
#include "api/handlers/surface.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/scene/marching_cubes.h"
#include "core/scene/mesh_map.h"
#include "core/scene/ray.h"

enum {
    SLAB_POINTS = 1 << 18, /* as two parts of an evaluation: whoever is gone is soon missed */
    N_STEPS = 3,           /* of regula falsi: on steep fields each gains one or two digits */
};

/* Points being asked for: of a slab of the lattice, or the mesh's vertices. */
struct asking {
    const struct surface_spec *s;
    size_t first;                          /* sample of the lattice that the slab begins with */
    const struct marching_cubes *vertices; /* NULL: the lattice */
    float *values;                         /* [n] of the request */
};

static void lattice_points(const struct asking *a, size_t first, size_t n, float *unit)
{
    const size_t *side = a->s->n;
    for (size_t i = 0; i < n; i++) {
        const size_t sample = a->first + first + i, row = sample / side[0], plane = row / side[1];
        unit[3 * i] = (float)((double)(sample - row * side[0]) / (double)(side[0] - 1));
        unit[3 * i + 1] = (float)((double)(row - plane * side[1]) / (double)(side[1] - 1));
        unit[3 * i + 2] = (float)((double)plane / (double)(side[2] - 1));
    }
}

/* Walls stand out of the lattice by a hair: what they ask for is inside. */
static void points(const void *context, size_t first, size_t n, float *unit)
{
    const struct asking *a = context;
    const double *low = a->s->low, *high = a->s->high;
    if (a->vertices)
        marching_cubes_points(a->vertices, first, n, unit);
    else
        lattice_points(a, first, n, unit);
    for (size_t i = 0; i < 3 * n; i++) {
        const double along = fmin(fmax((double)unit[i], 0.0), 1.0);
        unit[i] = (float)(low[i % 3] + along * (high[i % 3] - low[i % 3]));
    }
}

/* From the lattice, whose sides are 1, to source coordinates. */
static void map_to_source(const struct surface_spec *s, double map[3][4])
{
    for (size_t r = 0; r < 3; r++) {
        map[r][3] = s->source_from_unit[r][3];
        for (size_t c = 0; c < 3; c++) {
            map[r][c] = s->source_from_unit[r][c] * (s->high[c] - s->low[c]);
            map[r][3] += s->source_from_unit[r][c] * s->low[c];
        }
    }
}

static void take_values(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    enum { TOGETHER = 256 };
    const struct asking *a = context;
    const struct surface_spec *s = a->s;
    const size_t n_outputs = field_n_outputs(s->entry->field);
    float unit[3 * TOGETHER];
    for (size_t i = 0; i < n; i += TOGETHER) {
        const size_t count = n - i < TOGETHER ? n - i : TOGETHER;
        float *values = a->values + first + i;
        const float *outputs = out->values + i * n_outputs;
        if (s->surface.values) {
            points(a, first + i, count, unit);
            s->surface.values(s->spec, s->entry->field, count, unit, outputs, values);
            continue;
        }
        for (size_t k = 0; k < count; k++)
            values[k] = outputs[k * n_outputs];
    }
}

static struct evaluation evaluation_of(struct asking *a, size_t n_points)
{
    return (struct evaluation){
        .entry = a->s->entry,
        .frame = FRAME_UNIT,
        .use = FIELD_VALUES,
        .n_points = n_points,
        .points = points,
        .take = take_values,
        .context = a,
    };
}

static enum status march(const struct surface_spec *s, const struct service *service,
                         const struct http_request *request, struct marching_cubes *mc,
                         float range[2], struct error *err)
{
    const size_t plane = s->n[0] * s->n[1];
    const size_t per_slab = plane < SLAB_POINTS ? SLAB_POINTS / plane : 1;
    float *values = mem_alloc_array(per_slab * plane, sizeof *values);
    enum status status = STATUS_OK;
    if (!values)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t z = 0; z < s->n[2] && status == STATUS_OK; z += per_slab) {
        const size_t n_planes = s->n[2] - z < per_slab ? s->n[2] - z : per_slab;
        struct asking a = {.s = s, .first = z * plane, .values = values};
        const struct evaluation e = evaluation_of(&a, n_planes * plane);
        if (http_peer_is_gone(request))
            status = error_set(err, STATUS_CANCELED, "", "the client is gone");
        else
            status = evaluation_run(&e, service, request, err);
        for (size_t i = 0; i < n_planes * plane && status == STATUS_OK; i++) {
            range[0] = fminf(range[0], values[i]);
            range[1] = fmaxf(range[1], values[i]);
        }
        for (size_t k = 0; k < n_planes && status == STATUS_OK; k++)
            status = marching_cubes_plane(mc, values + k * plane, err);
    }
    mem_free(values);
    return status;
}

static enum status refine(const struct surface_spec *s, const struct service *service,
                          const struct http_request *request, struct marching_cubes *mc,
                          struct error *err)
{
    const size_t n = marching_cubes_n_vertices(mc);
    float *values = mem_alloc_array(n, sizeof *values);
    enum status status = STATUS_OK;
    if (!values)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t step = 0; step < N_STEPS && status == STATUS_OK; step++) {
        struct asking a = {.s = s, .vertices = mc, .values = values};
        const struct evaluation e = evaluation_of(&a, n);
        status = evaluation_run(&e, service, request, err);
        if (status == STATUS_OK)
            marching_cubes_refine(mc, 0, n, values);
    }
    mem_free(values);
    return status;
}

enum status surface_make(const struct surface_spec *s, const struct service *service,
                         const struct http_request *request, struct mesh *mesh, float **normals,
                         struct error *err)
{
    const struct marching_cubes_spec spec = {
        .n = {s->n[0], s->n[1], s->n[2]},
        .level = s->surface.level,
        .is_inside_below = s->surface.is_inside_below,
        .is_closed = true,
    };
    struct asking all = {.s = s};
    struct evaluation cost = evaluation_of(&all, s->n[0] * s->n[1] * s->n[2]);
    struct marching_cubes *mc = NULL;
    struct mesh m = {0};
    float range[2] = {INFINITY, -INFINITY};
    bool has_place;
    enum status status = evaluation_begin(&cost, service, &has_place, err);
    if (status == STATUS_OK)
        status = marching_cubes_create(&mc, &spec, err);
    if (status == STATUS_OK)
        status = march(s, service, request, mc, range, err);
    if (status == STATUS_OK && marching_cubes_n_triangles(mc) == 0)
        status = error_set(err, STATUS_INVALID, "/level",
                           "the field has no surface at level %g: on the lattice its values are "
                           "in [%g, %g]",
                           (double)s->surface.level, (double)range[0], (double)range[1]);
    if (status == STATUS_OK) { /* of noise there are more vertices than samples */
        cost.n_points += N_STEPS * marching_cubes_n_vertices(mc);
        status = evaluation_check(&cost, service, err);
    }
    if (status == STATUS_OK)
        status = refine(s, service, request, mc, err);
    evaluation_end(service, has_place);
    if (status == STATUS_OK)
        status = marching_cubes_take(mc, &m, err);
    marching_cubes_free(mc);
    if (status != STATUS_OK)
        return status;
    *normals = mem_alloc_array(m.n_vertices, 3 * sizeof **normals);
    if (!*normals) {
        mesh_deinit(&m);
        return error_status(err, STATUS_NO_MEMORY);
    }
    double map[3][4];
    map_to_source(s, map);
    mesh_map(&m, map);
    mesh_normals(&m, *normals);
    *mesh = m;
    return STATUS_OK;
}
