#include "tests/support/twin_encoding.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* --- shapes --- */

static bool is_grid(const struct encoding_spec *spec)
{
    return spec->type == ENCODING_HASHGRID || spec->type == ENCODING_DENSEGRID;
}

static size_t count_frequencies(const struct encoding_spec *spec)
{
    switch (spec->type) {
    case ENCODING_BASIC:
        return spec->n_inputs;
    case ENCODING_POSITIONAL:
        return spec->n_inputs * spec->n_frequencies;
    case ENCODING_OCTAVE:
        return spec->n_inputs * spec->n_octaves;
    case ENCODING_GAUSSIAN:
    case ENCODING_EXPLICIT:
        return spec->n_frequencies;
    default:
        return 0;
    }
}

static void add_tensor(struct twin_encoding *e, size_t count, size_t *first)
{
    assert(e->n_tensors < TWIN_MAX_TENSORS);
    *first = e->tensor[e->n_tensors++] = e->n_params;
    e->n_params += count;
}

static void add_levels(struct twin_encoding *e, struct twin_part *p)
{
    const struct encoding_spec *spec = &p->spec;
    const size_t n_features = spec->n_features_per_level, per_line = 16 / n_features;
    const double n_steps = spec->n_levels > 1 ? (double)spec->n_levels - 1 : 1;
    const double growth =
        spec->per_level_scale > 0
            ? spec->per_level_scale
            : pow(spec->finest_resolution / (double)spec->base_resolution, 1 / n_steps);
    assert(spec->n_levels <= TWIN_MAX_LEVELS);
    p->n_levels = spec->n_levels;
    for (size_t l = 0; l < p->n_levels; l++) {
        struct twin_level *level = &p->level[l];
        level->n_entries = 1;
        for (size_t d = 0; d < spec->n_inputs; d++) {
            const double resolution = (double)spec->base_resolution * pow(growth, (double)l);
            const double part = spec->aspect[d] > 0 ? spec->aspect[d] : 1;
            level->scale[d] = fmax(resolution * part, 2) - 1;
            level->side[d] = (size_t)floor(level->scale[d] + 0.5) + 2;
            level->n_entries *= level->side[d];
        }
        const size_t most = (size_t)1 << spec->log2_hashmap_size;
        level->is_hashed = spec->type == ENCODING_HASHGRID && level->n_entries > most;
        if (level->is_hashed)
            level->n_entries = most;
        while (level->n_entries % per_line != 0)
            level->n_entries++;
        add_tensor(e, level->n_entries * n_features, &level->first);
    }
}

static void add_part(struct twin_encoding *e, const struct encoding_spec *spec)
{
    struct twin_part *p = &e->part[e->n_parts++];
    *p = (struct twin_part){.spec = *spec, .column = e->n_features};
    if (is_grid(spec)) {
        add_levels(e, p);
        p->n_features = spec->n_levels * spec->n_features_per_level;
    } else {
        p->n_frequencies = count_frequencies(spec);
        p->n_features = p->n_frequencies ? 2 * p->n_frequencies : spec->n_inputs;
        if (p->n_frequencies > 0) {
            add_tensor(e, p->n_frequencies * spec->n_inputs, &p->b);
            add_tensor(e, p->n_frequencies, &p->a);
        }
    }
    e->n_features += p->n_features;
}

void twin_encoding_init(struct twin_encoding *e, const struct encoding_spec *spec)
{
    *e = (struct twin_encoding){.n_inputs = spec->n_inputs};
    if (spec->type != ENCODING_CONCAT)
        add_part(e, spec);
    else
        for (size_t i = 0; i < spec->n_parts; i++)
            add_part(e, &spec->parts[i]);
}

/* --- Fourier family, and none --- */

/* 2 pi b_j.x */
static double phase(const struct twin_part *p, const double *params, size_t j, const double *x)
{
    double u = 0;
    for (size_t d = 0; d < p->spec.n_inputs; d++)
        u += params[p->b + j * p->spec.n_inputs + d] * x[d];
    return 2 * pi * u;
}

static void fourier(const struct twin_part *p, const double *params, const double *x, double *out)
{
    for (size_t j = 0; j < p->n_frequencies; j++) {
        out[j] = params[p->a + j] * sin(phase(p, params, j, x));
        out[p->n_frequencies + j] = params[p->a + j] * cos(phase(p, params, j, x));
    }
}

static void fourier_backward(const struct twin_part *p, const double *params, const double *x,
                             const double *d_out, double *d_params, double *d_x)
{
    const size_t n_inputs = p->spec.n_inputs;
    for (size_t j = 0; j < p->n_frequencies; j++) {
        const double angle = phase(p, params, j, x), a = params[p->a + j];
        const double d_sine = d_out[j], d_cosine = d_out[p->n_frequencies + j];
        const double d_angle = a * (d_sine * cos(angle) - d_cosine * sin(angle));
        for (size_t d = 0; d < n_inputs; d++) {
            d_params[p->b + j * n_inputs + d] += 2 * pi * d_angle * x[d];
            d_x[d] += 2 * pi * d_angle * params[p->b + j * n_inputs + d];
        }
        d_params[p->a + j] += d_sine * sin(angle) + d_cosine * cos(angle);
    }
}

/* --- grids --- */

/* Where a coordinate is on a level: its cell, and how far into it. */
static double cell_of(double scale, double x, double *cell)
{
    const double place = scale * fmin(fmax(x, 0), 1) + 0.5;
    *cell = floor(place);
    return place - *cell;
}

static double upper_weight(const struct twin_part *p, double t)
{
    return p->spec.interpolation == INTERPOLATION_SMOOTHSTEP ? 3 * t * t - 2 * t * t * t : t;
}

static double upper_slope(const struct twin_part *p, double t)
{
    return p->spec.interpolation == INTERPOLATION_SMOOTHSTEP ? 6 * t - 6 * t * t : 1;
}

/* A corner of a point's cell: its entry, weight and the weight's slopes. */
struct corner {
    size_t entry;
    double weight, slope[LIMIT_DIMS];
};

static struct corner corner_of(const struct twin_part *p, const struct twin_level *level,
                               const double *x, unsigned which)
{
    static const uint64_t prime[] = {1, 2654435761, 805459861};
    struct corner c = {.weight = 1};
    uint64_t hash = 0, number = 0;
    for (size_t d = p->spec.n_inputs; d-- > 0;) {
        const bool is_upper = which & 1u << d;
        double cell;
        const double t = cell_of(level->scale[d], x[d], &cell);
        const uint64_t vertex = (uint64_t)cell + is_upper;
        const double weight = is_upper ? upper_weight(p, t) : 1 - upper_weight(p, t);
        const double slope = (is_upper ? 1 : -1) * upper_slope(p, t) * level->scale[d];
        for (size_t k = d + 1; k < p->spec.n_inputs; k++)
            c.slope[k] *= weight;
        c.slope[d] = c.weight * slope;
        c.weight *= weight;
        hash ^= vertex * prime[d] & UINT32_MAX;
        number = number * level->side[d] + vertex;
    }
    c.entry = (size_t)(level->is_hashed ? hash % level->n_entries : number);
    return c;
}

static void grid(const struct twin_part *p, const double *params, const double *x, double *out)
{
    const size_t n_features = p->spec.n_features_per_level;
    memset(out, 0, p->n_features * sizeof *out);
    for (size_t l = 0; l < p->n_levels; l++)
        for (unsigned which = 0; which < 1u << p->spec.n_inputs; which++) {
            const struct corner c = corner_of(p, &p->level[l], x, which);
            for (size_t f = 0; f < n_features; f++)
                out[l * n_features + f] +=
                    c.weight * params[p->level[l].first + c.entry * n_features + f];
        }
}

static void grid_backward(const struct twin_part *p, const double *params, const double *x,
                          const double *d_out, double *d_params, double *d_x)
{
    const size_t n_features = p->spec.n_features_per_level;
    for (size_t l = 0; l < p->n_levels; l++)
        for (unsigned which = 0; which < 1u << p->spec.n_inputs; which++) {
            const struct corner c = corner_of(p, &p->level[l], x, which);
            for (size_t f = 0; f < n_features; f++) {
                const size_t at = p->level[l].first + c.entry * n_features + f;
                d_params[at] += c.weight * d_out[l * n_features + f];
                for (size_t d = 0; d < p->spec.n_inputs; d++)
                    d_x[d] += c.slope[d] * params[at] * d_out[l * n_features + f];
            }
        }
}

void twin_encode_cells(const struct twin_encoding *e, const double *x, uint64_t *sides,
                       double *margin)
{
    for (size_t i = 0; i < e->n_parts; i++)
        for (size_t l = 0; l < e->part[i].n_levels; l++)
            for (size_t d = 0; d < e->n_inputs; d++) {
                double cell;
                const double t = cell_of(e->part[i].level[l].scale[d], x[d], &cell);
                *sides = (*sides ^ (uint64_t)cell) * 1099511628211u;
                *margin = fmin(*margin, fmin(t, 1 - t));
            }
}

/* --- all parts --- */

void twin_encode(const struct twin_encoding *e, const double *params, const double *x,
                 double *features)
{
    for (size_t i = 0; i < e->n_parts; i++) {
        const struct twin_part *p = &e->part[i];
        const double lo = p->spec.input_range[0], hi = p->spec.input_range[1];
        if (p->n_levels > 0)
            grid(p, params, x, features + p->column);
        else if (p->n_frequencies > 0)
            fourier(p, params, x, features + p->column);
        else
            for (size_t d = 0; d < e->n_inputs; d++)
                features[p->column + d] = lo + (hi - lo) * x[d];
    }
}

void twin_encode_backward(const struct twin_encoding *e, const double *params, const double *x,
                          const double *d_features, double *d_params, double *d_x)
{
    memset(d_x, 0, e->n_inputs * sizeof *d_x);
    for (size_t i = 0; i < e->n_parts; i++) {
        const struct twin_part *p = &e->part[i];
        const double *d = d_features + p->column;
        if (p->n_levels > 0)
            grid_backward(p, params, x, d, d_params, d_x);
        else if (p->n_frequencies > 0)
            fourier_backward(p, params, x, d, d_params, d_x);
        else
            for (size_t k = 0; k < e->n_inputs; k++)
                d_x[k] += (p->spec.input_range[1] - p->spec.input_range[0]) * d[k];
    }
}
