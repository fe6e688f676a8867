#include "core/scene/level_set.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"

enum {
    STEPS = 256,       /* along the cube's side */
    LEAST_STEPS = 512, /* … between the least steps by distance */
    HALVINGS = 10,
    ROUND = 8, /* places of a ray that the field is asked for at once */
    POINTS = EYE_RAYS * ROUND,
    N_AROUND = 6, /* places that tell a normal, no more than a round has */
};
static const double normal_reach = 1.0 / 512; /* to either side */
static const double caution = 0.9; /* of a distance that is gone: learned ones are not exact */

/* A ray on its way, in unit coordinates: t is in sides of the cube. */
struct way {
    struct ray ray;
    double side;    /* source units, of t */
    double t, end;  /* where it is asked for next, and where it leaves */
    double last;    /* the last place outside */
    double hit;     /* the first place inside */
    size_t n_round; /* places of this round */
    bool is_hit, is_over;
};

struct level_set_eye {
    struct eye eye; /* first: a struct eye * is cast back */
    struct level_set_spec spec;
    const struct field *field;
    struct field_workspace *workspace;
    struct way way[EYE_RAYS];
    float coords[POINTS * 3], values[POINTS];
};

double level_set_points(const struct level_set_spec *s)
{
    return (s->is_distance ? 24.0 : 0.6 * STEPS) + HALVINGS + N_AROUND;
}

static void free_eye(struct eye *eye)
{
    struct level_set_eye *e = (struct level_set_eye *)eye;
    field_workspace_free(e->workspace);
    mem_free(e);
}

static void look(struct eye *eye, size_t n, const struct ray *rays, struct sight *out);

static const struct eye_class level_set_class = {.look = look, .free = free_eye};

enum status level_set_eye_create(struct eye **out, const struct level_set_spec *spec,
                                 const struct field *f, struct error *err)
{
    struct level_set_eye *e = mem_alloc(sizeof *e);
    if (!e)
        return error_status(err, STATUS_NO_MEMORY);
    e->eye.class = &level_set_class;
    e->spec = *spec;
    e->field = f;
    const enum status status = field_workspace_create(&e->workspace, f, FIELD_VALUES, err);
    if (status == STATUS_OK)
        *out = &e->eye;
    else
        free_eye(&e->eye);
    return status;
}

/* --- the field --- */

/* How far inside a value is: over 0 it is. */
static double depth_of(const struct level_set_spec *s, float value)
{
    const double over = (double)value - (double)s->level;
    return s->is_inside_below ? -over : over;
}

/* The same, but growing evenly across the surface. */
static double slope_of(const struct level_set_spec *s, float value)
{
    static const double least = 1e-7;
    if (!s->is_sigmoid)
        return depth_of(s, value);
    const double v = fmin(fmax((double)value, least), 1.0 - least);
    return s->is_inside_below ? -log(v / (1.0 - v)) : log(v / (1.0 - v));
}

static void place(const struct way *w, double t, float *coords)
{
    for (int d = 0; d < 3; d++)
        coords[d] = (float)(w->ray.origin[d] + t * w->ray.direction[d]);
}

static void ask(struct level_set_eye *e, size_t n)
{
    e->eye.n_points += n;
    field_query(e->field, e->workspace, n, e->coords, e->values);
}

/* --- along the rays --- */

static void begin(const struct level_set_spec *s, const struct ray *r, struct way *w)
{
    *w = (struct way){.t = 0.0, .end = INFINITY};
    const double length = sqrt(ray_dot(r->direction, r->direction));
    const double scale = s->domain.matrix[0][0];
    for (int d = 0; d < 3; d++) {
        w->ray.origin[d] = s->domain.offset[d] + s->domain.matrix[d][d] * r->origin[d];
        w->ray.direction[d] = r->direction[d] / length;
    }
    w->side = 1.0 / scale;
    if (length > 0.0 && isfinite(length) && ray_clip(&w->ray, s->low, s->high, &w->t, &w->end)) {
        w->last = w->t;
        return;
    }
    *w = (struct way){.ray.origin = {0.5, 0.5, 0.5}, .is_over = true}; /* asks for some place */
}

/* The next places of a ray, behind n points that others have asked for. */
static size_t go_on(struct level_set_eye *e, const struct way *w, size_t n)
{
    const size_t most = e->spec.is_distance ? 1 : ROUND;
    size_t count = 0;
    for (; count < most; count++) {
        const double t = w->t + (double)count / STEPS;
        if (t > w->end)
            break;
        place(w, t, e->coords + 3 * (n + count));
    }
    return count;
}

static void take(const struct level_set_spec *s, struct way *w, const float *values)
{
    for (size_t k = 0; k < w->n_round; k++) {
        const double depth = depth_of(s, values[k]);
        if (depth > 0.0) {
            w->hit = w->t;
            w->is_hit = w->is_over = true;
            return;
        }
        w->last = w->t;
        w->t += s->is_distance ? fmax(-depth * caution, 1.0 / LEAST_STEPS) : 1.0 / STEPS;
    }
    w->is_over = w->t > w->end || w->n_round == 0;
}

/* One round over all rays that go on; whether any did. */
static bool look_further(struct level_set_eye *e, size_t n_rays)
{
    size_t n = 0;
    for (size_t i = 0; i < n_rays; i++) {
        struct way *w = &e->way[i];
        w->n_round = w->is_over ? 0 : go_on(e, w, n);
        n += w->n_round;
    }
    if (n == 0)
        return false;
    ask(e, n);
    n = 0;
    for (size_t i = 0; i < n_rays; i++) {
        struct way *w = &e->way[i];
        if (!w->is_over)
            take(&e->spec, w, e->values + n);
        n += w->n_round;
    }
    return true;
}

/* Rays that hit nothing ask for a place too: it is one of 64. */
static void halve(struct level_set_eye *e, size_t n_rays)
{
    for (int round = 0; round < HALVINGS; round++) {
        for (size_t i = 0; i < n_rays; i++)
            place(&e->way[i], 0.5 * (e->way[i].last + e->way[i].hit), e->coords + 3 * i);
        ask(e, n_rays);
        for (size_t i = 0; i < n_rays; i++) {
            struct way *w = &e->way[i];
            const double middle = 0.5 * (w->last + w->hit);
            *(depth_of(&e->spec, e->values[i]) > 0.0 ? &w->hit : &w->last) = middle;
        }
    }
}

static void find_normals(struct level_set_eye *e, size_t n_rays, struct sight *out)
{
    for (size_t i = 0; i < n_rays; i++)
        for (size_t k = 0; k < N_AROUND; k++) {
            float *coords = e->coords + 3 * (N_AROUND * i + k);
            place(&e->way[i], e->way[i].hit, coords);
            coords[k / 2] += (float)(k % 2 ? normal_reach : -normal_reach);
        }
    ask(e, N_AROUND * n_rays);
    for (size_t i = 0; i < n_rays; i++) {
        const float *values = e->values + N_AROUND * i;
        double normal[3];
        for (size_t d = 0; d < 3; d++)
            normal[d] = slope_of(&e->spec, values[2 * d]) - slope_of(&e->spec, values[2 * d + 1]);
        ray_normalize(normal);
        for (int d = 0; d < 3; d++)
            out[i].normal[d] = e->way[i].is_hit ? (float)normal[d] : 0.0f;
    }
}

static void look(struct eye *eye, size_t n, const struct ray *rays, struct sight *out)
{
    struct level_set_eye *e = (struct level_set_eye *)eye;
    for (size_t i = 0; i < n; i++)
        begin(&e->spec, &rays[i], &e->way[i]);
    while (look_further(e, n)) {
    }
    halve(e, n);
    find_normals(e, n, out);
    for (size_t i = 0; i < n; i++) {
        const struct way *w = &e->way[i];
        out[i].opacity = w->is_hit ? 1.0f : 0.0f;
        out[i].depth = w->is_hit ? (float)(w->hit * w->side) : 0.0f;
        for (int d = 0; d < 3; d++)
            out[i].colour[d] = w->is_hit ? 0.5f * (out[i].normal[d] + 1.0f) : 1.0f;
    }
}
