#include "core/task/baseline_volume.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/field/metrics.h"
#include "core/field/task.h"
#include "core/task/least_squares.h"
#include "core/task/sample_sets.h"

enum {
    N_TERMS = 4, /* 1, x, y, z */
    PART = 1024, /* voxels that one thread measures at once */
};

struct sums {
    double squared_error[N_VOLUME_BASELINES];
};

struct measurement {
    const struct volume *volume;
    const uint8_t *held;
    const struct baseline_voxels *voxels;
    const volatile bool *stop;
    size_t n_members, n_parts;
    struct sums *part; /* [n_parts] */
};

struct place {
    ptrdiff_t x, y, z;
};

static size_t voxel_at(const struct volume *v, struct place p)
{
    return ((size_t)p.z * v->height + (size_t)p.y) * v->width + (size_t)p.x;
}

static void read_voxel(const struct volume *v, size_t voxel, float *values)
{
    volume_read(v, voxel * v->channels, v->channels, values);
}

/* --- a lattice of even voxels --- */

static void predict_lattice(const struct volume *v, struct place p,
                            float prediction[N_VOLUME_BASELINES][LIMIT_CHANNELS])
{
    float sum[LIMIT_CHANNELS] = {0}, corner[LIMIT_CHANNELS];
    for (int i = 0; i < 8; i++) {
        struct place c = {p.x - 1 + (i & 1) * (ptrdiff_t)2, p.y - 1 + (i & 2),
                          p.z - 1 + (i & 4) / 2};
        c.x -= c.x >= (ptrdiff_t)v->width ? 2 : 0;
        c.y -= c.y >= (ptrdiff_t)v->height ? 2 : 0;
        c.z -= c.z >= (ptrdiff_t)v->depth ? 2 : 0;
        read_voxel(v, voxel_at(v, c), corner);
        for (size_t k = 0; k < v->channels; k++) {
            sum[k] += corner[k];
            if (i == 0)
                prediction[BASELINE_NEAREST_VOXEL][k] = corner[k];
        }
    }
    for (size_t k = 0; k < v->channels; k++)
        prediction[BASELINE_TRILINEAR][k] = sum[k] / 8.0f;
}

/* --- scattered samples --- */

/* The part of a cube of side 2 r + 1 around a voxel that lies in the volume. */
struct cube {
    struct place centre, first, end;
};

static ptrdiff_t clamp(ptrdiff_t i, size_t n)
{
    return i < 0 ? 0 : i < (ptrdiff_t)n ? i : (ptrdiff_t)n;
}

static struct cube cube_around(const struct volume *v, struct place p, ptrdiff_t r)
{
    return (struct cube){
        .centre = p,
        .first = {clamp(p.x - r, v->width), clamp(p.y - r, v->height), clamp(p.z - r, v->depth)},
        .end = {clamp(p.x + r + 1, v->width), clamp(p.y + r + 1, v->height),
                clamp(p.z + r + 1, v->depth)},
    };
}

/* The next training sample of a cube, from *at on, which goes one behind it; false: no more. */
static bool next_sample(const struct measurement *m, const struct cube *c, struct place *at,
                        struct place *sample)
{
    while (at->z < c->end.z) {
        const struct place here = *at;
        if (++at->x == c->end.x) {
            at->x = c->first.x;
            if (++at->y == c->end.y) {
                at->y = c->first.y;
                at->z++;
            }
        }
        const size_t voxel = voxel_at(m->volume, here);
        if (!sample_is_held(m->held, voxel)) {
            *sample = here;
            return true;
        }
    }
    return false;
}

static size_t count_samples(const struct measurement *m, const struct cube *c)
{
    struct place at = c->first, sample;
    size_t n = 0;
    while (next_sample(m, c, &at, &sample))
        n++;
    return n;
}

static double squared_distance(struct place a, struct place b)
{
    const double x = (double)(a.x - b.x), y = (double)(a.y - b.y), z = (double)(a.z - b.z);
    return x * x + y * y + z * z;
}

/* The first of the nearest ones in a cube; returns their squared distance, infinity for none. */
static double nearest_in(const struct measurement *m, const struct cube *c, struct place *nearest)
{
    struct place at = c->first, sample;
    double best = INFINITY;
    while (next_sample(m, c, &at, &sample)) {
        const double d2 = squared_distance(sample, c->centre);
        if (d2 < best) {
            best = d2;
            *nearest = sample;
        }
    }
    return best;
}

/* The corners of a cube are farther away than what lies beyond its sides. */
static bool find_nearest(const struct measurement *m, struct place p, ptrdiff_t r,
                         struct place *nearest)
{
    const struct cube c = cube_around(m->volume, p, r);
    const double d2 = nearest_in(m, &c, nearest);
    if (d2 == INFINITY)
        return false;
    const ptrdiff_t distance = (ptrdiff_t)sqrt(d2);
    if (distance > r && r < BASELINE_VOLUME_REACH) {
        const struct cube wider = cube_around(
            m->volume, p, distance < BASELINE_VOLUME_REACH ? distance : BASELINE_VOLUME_REACH);
        nearest_in(m, &wider, nearest);
    }
    return true;
}

/* The fitted polynomial's value at the centre of a cube that holds a sample. */
static void fit_cube(const struct measurement *m, const struct cube *c, float *out)
{
    const size_t channels = m->volume->channels;
    double a[N_TERMS][N_TERMS] = {{0.0}}, b[LIMIT_CHANNELS][N_TERMS] = {{0.0}};
    struct place at = c->first, sample;
    while (next_sample(m, c, &at, &sample)) {
        float value[LIMIT_CHANNELS];
        const double term[N_TERMS] = {1.0, (double)(sample.x - c->centre.x),
                                      (double)(sample.y - c->centre.y),
                                      (double)(sample.z - c->centre.z)};
        const double d2 = squared_distance(sample, c->centre);
        read_voxel(m->volume, voxel_at(m->volume, sample), value);
        for (size_t i = 0; i < N_TERMS; i++) {
            const double weighted = term[i] / (d2 * d2);
            for (size_t j = 0; j <= i; j++)
                a[i][j] += weighted * term[j];
            for (size_t k = 0; k < channels; k++)
                b[k][i] += weighted * (double)value[k];
        }
    }
    const double weight = a[0][0];
    double z[N_TERMS] = {1.0 / weight};
    if (least_squares_factor(N_TERMS, a[0]) == N_TERMS)
        least_squares_solve(N_TERMS, a[0], N_TERMS, z);
    for (size_t k = 0; k < channels; k++) {
        double value = 0.0;
        for (size_t i = 0; i < N_TERMS; i++)
            value += z[i] * b[k][i];
        out[k] = (float)value;
    }
}

static void predict_scattered(const struct measurement *m, struct place p,
                              float prediction[N_VOLUME_BASELINES][LIMIT_CHANNELS])
{
    ptrdiff_t r = 1;
    struct place nearest = p;
    struct cube c = cube_around(m->volume, p, r);
    while (r < BASELINE_VOLUME_REACH && count_samples(m, &c) < BASELINE_VOLUME_SAMPLES)
        c = cube_around(m->volume, p, ++r);
    if (!find_nearest(m, p, r, &nearest)) {
        for (int b = 0; b < N_VOLUME_BASELINES; b++)
            for (size_t k = 0; k < LIMIT_CHANNELS; k++)
                prediction[b][k] = 0.5f;
        return;
    }
    read_voxel(m->volume, voxel_at(m->volume, nearest), prediction[BASELINE_NEAREST_VOXEL]);
    fit_cube(m, &c, prediction[BASELINE_TRILINEAR]);
}

/* --- both --- */

static void measure_voxel(const struct measurement *m, size_t voxel, struct sums *s)
{
    const struct volume *v = m->volume;
    const size_t row = voxel / v->width;
    const struct place p = {(ptrdiff_t)(voxel % v->width), (ptrdiff_t)(row % v->height),
                            (ptrdiff_t)(row / v->height)};
    float prediction[N_VOLUME_BASELINES][LIMIT_CHANNELS], target[LIMIT_CHANNELS];
    if (m->held)
        predict_scattered(m, p, prediction);
    else
        predict_lattice(v, p, prediction);
    read_voxel(v, voxel, target);
    for (int b = 0; b < N_VOLUME_BASELINES; b++)
        s->squared_error[b] += metrics_squared_error(v->channels, prediction[b], target);
}

static void measure_member(void *context, size_t member)
{
    const struct measurement *m = context;
    for (size_t part = member; part < m->n_parts; part += m->n_members)
        for (size_t i = part * PART; i < m->voxels->n && i < (part + 1) * PART; i++) {
            if (task_stopped(m->stop))
                return;
            measure_voxel(m, m->voxels->voxel(m->voxels->context, i), &m->part[part]);
        }
}

enum status baseline_volume_measure(const struct volume *volume, const uint8_t *held,
                                    const struct baseline_voxels *voxels, struct team *team,
                                    const volatile bool *stop,
                                    double squared_error[N_VOLUME_BASELINES], struct error *err)
{
    struct measurement m = {
        .volume = volume,
        .held = held,
        .voxels = voxels,
        .stop = stop,
        .n_members = team_size(team),
        .n_parts = (voxels->n + PART - 1) / PART,
    };
    m.part = mem_alloc_array(m.n_parts, sizeof *m.part);
    if (!m.part)
        return error_status(err, STATUS_NO_MEMORY);
    team_run(team, measure_member, &m);
    const bool is_stopped = task_stopped(stop);
    struct sums all = {0};
    for (size_t i = 0; i < m.n_parts; i++)
        for (int b = 0; b < N_VOLUME_BASELINES; b++)
            all.squared_error[b] += m.part[i].squared_error[b];
    mem_free(m.part);
    if (is_stopped)
        return error_status(err, STATUS_CANCELED);
    for (int b = 0; b < N_VOLUME_BASELINES; b++)
        squared_error[b] = all.squared_error[b] / (double)(voxels->n * volume->channels);
    return STATUS_OK;
}
