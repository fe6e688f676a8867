#include "core/scene/radiance.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"

enum {
    ROUND = 8, /* places of a ray that the field is asked for at once */
    POINTS = EYE_RAYS * ROUND,
    N_AROUND = 6, /* places that tell a normal, no more than a round has */
};
static const float least_transmittance = 1e-4f; /* Mueller et al. 2022 */
static const float least_seen = 0.1f;           /* opacity that has a depth */

double radiance_step(const struct radiance_spec *s)
{
    return sqrt(3.0) / (double)s->n_samples / s->domain.matrix[0][0];
}

static void to_unit(const struct domain *d, const double v[3], bool is_place, float out[3])
{
    for (int r = 0; r < 3; r++) {
        double sum = is_place ? d->offset[r] : 0.0;
        for (int c = 0; c < 3; c++)
            sum += d->matrix[r][c] * v[c];
        out[r] = (float)sum;
    }
}

/* The cube in source coordinates. */
static void find_cube(const struct domain *d, double low[3], double high[3])
{
    for (int r = 0; r < 3; r++) {
        low[r] = -d->offset[r] / d->matrix[r][r];
        high[r] = (1.0 - d->offset[r]) / d->matrix[r][r];
    }
}

bool radiance_start(const struct radiance_spec *s, const struct ray *r, double jitter,
                    double stride, struct walk *w)
{
    double low[3], high[3], near = s->near, far = s->far;
    find_cube(&s->domain, low, high);
    if (!ray_clip(r, low, high, &near, &far))
        return false;
    const double step = stride * radiance_step(s);
    to_unit(&s->domain, r->origin, true, w->origin);
    to_unit(&s->domain, r->direction, false, w->direction);
    w->first = (float)(near + jitter * step);
    w->step = (float)step;
    w->next = 0;
    const double n = ceil((far - near) / step - jitter);
    w->end = n > 0.0 ? (uint32_t)n : 0;
    return w->end > 0;
}

/* A ray on its way. */
struct way {
    struct walk walk;
    float basis[VOLUME_MAX_BASIS];
    struct volume_sum sum;
    size_t n_round; /* places of this round */
    bool is_over;
};

struct radiance_eye {
    struct eye eye; /* first: a struct eye * is cast back */
    struct radiance_spec copy;
    const struct radiance_spec *spec; /* the copy */
    const struct field *field;
    const struct occupancy *occupancy;
    struct occupancy *own; /* of the field's mask; NULL: occupancy is borrowed */
    struct field_workspace *workspace;
    bool has_normals;
    struct way way[EYE_RAYS];
    float coords[POINTS * 3], t[POINTS], dt[POINTS];
    float *values; /* [POINTS, C] */
};

size_t radiance_eye_bytes(size_t n_outputs)
{
    return sizeof(struct radiance_eye) + POINTS * n_outputs * sizeof(float);
}

static void free_eye(struct eye *eye)
{
    struct radiance_eye *e = (struct radiance_eye *)eye;
    field_workspace_free(e->workspace);
    mem_free(e->own);
    mem_free(e->values);
    mem_free(e);
}

static void look(struct eye *eye, size_t n, const struct ray *rays, struct sight *out);

static const struct eye_class radiance_class = {.look = look, .free = free_eye};

enum status radiance_eye_create(struct eye **out, const struct radiance_spec *spec,
                                const struct field *f, const struct occupancy *occupancy,
                                bool has_normals, struct error *err)
{
    struct radiance_eye *e = mem_alloc(sizeof *e);
    if (!e)
        return error_status(err, STATUS_NO_MEMORY);
    e->eye.class = &radiance_class;
    e->copy = *spec;
    e->spec = &e->copy;
    e->field = f;
    e->has_normals = has_normals;
    e->values = mem_alloc_floats(POINTS * field_n_outputs(f));
    enum status status = e->values ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    if (status == STATUS_OK && spec->is_walked && !occupancy) {
        status = occupancy_create(&e->own, field_mask_const(f), err);
        occupancy = e->own;
    }
    e->occupancy = occupancy;
    if (status == STATUS_OK)
        status = field_workspace_create(&e->workspace, f, FIELD_VALUES, err);
    if (status == STATUS_OK)
        *out = &e->eye;
    else
        free_eye(&e->eye);
    return status;
}

/* Even places: first, first + step …; what they stand for ends at the next. */
static void start_evenly(const struct radiance_spec *s, const struct ray *r, struct walk *w)
{
    to_unit(&s->domain, r->origin, true, w->origin);
    to_unit(&s->domain, r->direction, false, w->direction);
    w->first = (float)s->near;
    w->step = (float)((s->far - s->near) / (double)(s->n_samples - 1));
    w->next = 0;
    w->end = (uint32_t)s->n_samples;
}

static size_t go_evenly(const struct radiance_spec *s, struct walk *w, size_t n, float *t,
                        float *dt, float *coords)
{
    size_t count = 0;
    for (; count < n && w->next < w->end; count++, w->next++) {
        t[count] = w->first + (float)w->next * w->step;
        dt[count] = w->next + 1 < w->end ? w->step / (float)s->unit : RADIANCE_ENDLESS;
        for (size_t d = 0; d < 3; d++)
            coords[3 * count + d] = w->origin[d] + t[count] * w->direction[d];
    }
    return count;
}

static void begin(struct radiance_eye *e, const struct ray *r, struct way *way)
{
    struct ray straight = *r;
    *way = (struct way){.sum = {.transmittance = 1.0f}};
    const double length = ray_normalize(straight.direction);
    if (!(length > 0.0 && isfinite(length))) {
        way->is_over = true; /* it has no direction: nothing is seen */
        return;
    }
    volume_basis(e->spec->shading.degree, straight.direction, way->basis);
    if (e->spec->is_walked)
        way->is_over = !radiance_start(e->spec, &straight, 0.5, 1.0, &way->walk);
    else
        start_evenly(e->spec, r, &way->walk);
}

/* The next places of a ray, behind n points that others have asked for. */
static size_t go_on(struct radiance_eye *e, struct way *s, size_t n)
{
    float *t = e->t + n, *dt = e->dt + n, *coords = e->coords + 3 * n;
    if (!e->spec->is_walked)
        return go_evenly(e->spec, &s->walk, ROUND, t, dt, coords);
    const size_t count = occupancy_walk(e->occupancy, &s->walk, ROUND, t, coords);
    for (size_t i = 0; i < count; i++)
        dt[i] = s->walk.step / (float)e->spec->unit;
    return count;
}

static void ask(struct radiance_eye *e, size_t n)
{
    e->eye.n_points += n;
    field_query(e->field, e->workspace, n, e->coords, e->values);
}

/* One round over all rays that go on; whether any did. */
static bool look_further(struct radiance_eye *e, size_t n_rays)
{
    const size_t n_outputs = field_n_outputs(e->field);
    size_t n = 0;
    for (size_t i = 0; i < n_rays; i++) {
        struct way *s = &e->way[i];
        s->n_round = s->is_over ? 0 : go_on(e, s, n);
        n += s->n_round;
    }
    if (n == 0)
        return false;
    ask(e, n);
    n = 0;
    for (size_t i = 0; i < n_rays; i++) {
        struct way *s = &e->way[i];
        volume_forward(&e->spec->shading, s->basis, s->n_round, e->values + n * n_outputs,
                       e->dt + n, e->t + n, &s->sum, NULL);
        n += s->n_round;
        s->is_over = s->is_over || s->n_round < ROUND || s->sum.transmittance < least_transmittance;
    }
    return true;
}

/* Half of the way over which a normal is told: about a cell of the occupancy.  Learned fields are
 * rough, and their slope at a point says little of the surface. */
static double normal_reach(const struct radiance_spec *s)
{
    return s->is_walked ? 1.0 / OCCUPANCY_SIDE / s->domain.matrix[0][0]
                        : (s->far - s->near) / 200.0;
}

/* Normals at the depths that were found: how the opacity of a step of that reach changes along each
 * axis. */
static void find_normals(struct radiance_eye *e, size_t n_rays, const struct ray *rays,
                         struct sight *out)
{
    const size_t n_outputs = field_n_outputs(e->field);
    const double reach = normal_reach(e->spec);
    const float width = (float)(reach / e->spec->unit);
    for (size_t i = 0; i < n_rays; i++) {
        struct ray r = rays[i];
        ray_normalize(r.direction);
        for (size_t k = 0; k < N_AROUND; k++) {
            double place[3];
            for (size_t d = 0; d < 3; d++)
                place[d] = r.origin[d] + (double)out[i].depth * r.direction[d];
            place[k / 2] += k % 2 ? reach : -reach;
            to_unit(&e->spec->domain, place, true, e->coords + 3 * (N_AROUND * i + k));
        }
    }
    ask(e, N_AROUND * n_rays);
    for (size_t i = 0; i < n_rays; i++) {
        double normal[3];
        for (size_t d = 0; d < 3; d++) {
            const float *raw = e->values + (N_AROUND * i + 2 * d) * n_outputs;
            const float before = volume_density(e->spec->shading.density, raw[0]);
            const float behind = volume_density(e->spec->shading.density, raw[n_outputs]);
            normal[d] = (double)(expf(-behind * width) - expf(-before * width));
        }
        ray_normalize(normal);
        for (int d = 0; d < 3; d++)
            out[i].normal[d] = out[i].depth > 0.0f ? (float)normal[d] : 0.0f;
    }
}

static void look(struct eye *eye, size_t n, const struct ray *rays, struct sight *out)
{
    struct radiance_eye *e = (struct radiance_eye *)eye;
    for (size_t i = 0; i < n; i++)
        begin(e, &rays[i], &e->way[i]);
    while (look_further(e, n)) {
    }
    for (size_t i = 0; i < n; i++) {
        const struct volume_sum *sum = &e->way[i].sum;
        const double length =
            e->spec->is_walked ? 1.0 : sqrt(ray_dot(rays[i].direction, rays[i].direction));
        out[i] = (struct sight){.opacity = 1.0f - sum->transmittance};
        for (int c = 0; c < 3; c++)
            out[i].colour[c] = sum->colour[c] + sum->transmittance * e->spec->background[c];
        if (out[i].opacity > least_seen)
            out[i].depth = (float)((double)(sum->depth / out[i].opacity) * length);
    }
    if (e->has_normals)
        find_normals(e, n, rays, out);
}
