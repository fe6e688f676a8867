#include "core/field/survey.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>

#include "core/base/mem.h"

static const double pi = 3.14159265358979323846;

size_t survey_patch(size_t n_dims)
{
    static const size_t most[LIMIT_DIMS + 1] = {0, 1024, 256, 40};
    return most[n_dims];
}

/* Cells along an axis. */
static size_t n_along(const struct survey *s, size_t axis)
{
    return axis < s->n_dims ? s->n[axis] + 1 : 1;
}

static double *make_cosines(size_t n)
{
    double *c = mem_alloc_array(n * n, sizeof *c);
    for (size_t k = 0; c && k < n; k++)
        for (size_t i = 0; i < n; i++)
            c[k * n + i] = sqrt((k == 0 ? 1.0 : 2.0) / (double)n) *
                           cos(pi * (double)k * ((double)i + 0.5) / (double)n);
    return c;
}

enum status survey_init(struct survey *s, enum survey_kind kind, size_t n_dims, const size_t *n,
                        const double *spacing, struct error *err)
{
    *s = (struct survey){.kind = kind, .n_dims = n_dims, .n_cells = 1};
    bool ok = true;
    for (size_t d = 0; d < LIMIT_DIMS; d++) {
        s->n[d] = d < n_dims ? n[d] : 1;
        s->spacing[d] = d < n_dims ? spacing[d] : 1.0;
        s->n_cells *= n_along(s, d);
        if (kind == SURVEY_SAMPLES && d < n_dims)
            ok = (s->cosines[d] = make_cosines(n[d])) != NULL && ok;
    }
    s->power = mem_alloc_array(s->n_cells, sizeof *s->power);
    s->seen = mem_alloc_array(s->n_cells, sizeof *s->seen);
    s->hidden = mem_alloc_array(s->n_cells, sizeof *s->hidden);
    s->pace = mem_alloc_array(s->n_cells, sizeof *s->pace);
    if (!ok || !s->power || !s->seen || !s->hidden || !s->pace)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < s->n_cells; i++)
        s->pace[i] = 1.0;
    return STATUS_OK;
}

void survey_deinit(struct survey *s)
{
    mem_free(s->power);
    mem_free(s->seen);
    mem_free(s->hidden);
    mem_free(s->pace);
    for (size_t d = 0; d < LIMIT_DIMS; d++)
        mem_free(s->cosines[d]);
    *s = (struct survey){.n_cells = 0};
}

size_t survey_cell(const struct survey *s, const size_t *k)
{
    size_t cell = 0;
    for (size_t d = s->n_dims; d-- > 0;)
        cell = cell * n_along(s, d) + k[d];
    return cell;
}

double survey_multiplicity(const struct survey *s, const size_t *k)
{
    double m = 1.0;
    for (size_t d = 0; d < s->n_dims; d++)
        m *= k[d] == 0 || k[d] == s->n[d] ? 1.0 : 2.0;
    return m;
}

void survey_transform(const size_t size[LIMIT_DIMS], size_t axis, const double *matrix,
                      const double *in, double *out)
{
    const int n = (int)size[axis];
    const size_t inner = axis == 0 ? 1 : axis == 1 ? size[0] : size[0] * size[1];
    const size_t block = inner * size[axis];
    assert(block > 0);
    const size_t outer = size[0] * size[1] * size[2] / block;
    if (axis == 0) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)outer, n, n, 1.0, in, n, matrix,
                    n, 0.0, out, n);
        return;
    }
    for (size_t i = 0; i < outer; i++) {
        const size_t at = i * inner * size[axis];
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, (int)inner, n, 1.0, matrix, n,
                    in + at, (int)inner, 0.0, out + at, (int)inner);
    }
}

/* The mean of the corners of a cube of 2 o spacings about a sample. */
static double corners(const struct survey *s, const double *middle, size_t o)
{
    const size_t row = s->n[0], plane = s->n[0] * s->n[1], n_corners = (size_t)1 << s->n_dims;
    const size_t lowest = o * (1 + (s->n_dims > 1 ? row : 0) + (s->n_dims > 2 ? plane : 0));
    double sum = 0.0;
    for (size_t i = 0; i < n_corners; i++)
        sum += (middle - lowest)[2 * o * ((i & 1) + (i >> 1 & 1) * row + (i >> 2 & 1) * plane)];
    return sum / (double)n_corners;
}

/* The mean square by which such a mean misses the middle, over those that lie inside. */
static double missed(const struct survey *s, const double *values, size_t o)
{
    size_t margin[LIMIT_DIMS], n = 0;
    double sum = 0.0;
    for (size_t d = 0; d < LIMIT_DIMS; d++)
        margin[d] = d < s->n_dims ? o : 0;
    for (size_t z = margin[2]; z + margin[2] < s->n[2]; z++)
        for (size_t y = margin[1]; y + margin[1] < s->n[1]; y++)
            for (size_t x = margin[0]; x + margin[0] < s->n[0]; x++, n++) {
                const double *middle = values + (z * s->n[1] + y) * s->n[0] + x;
                sum += pow(corners(s, middle, o) - *middle, 2.0);
            }
    return n > 0 ? sum / (double)n : 0.0;
}

double survey_gain(const struct survey *s)
{
    if (s->missed[0] <= 0.0 || s->missed[1] <= 0.0)
        return 0.0;
    return fmin(fmax(10.0 * log10(s->missed[1] / s->missed[0]), 0.0), 12.0);
}

enum status survey_add(struct survey *s, double *values, struct error *err)
{
    const size_t n = s->n[0] * s->n[1] * s->n[2];
    double *other = mem_alloc_array(n, sizeof *other), *at = values, *next = other;
    double mean = 0.0;
    if (!other)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < n; i++)
        mean += values[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        values[i] -= mean;
    for (size_t o = 1; o <= 2; o++)
        s->missed[o - 1] += missed(s, values, o);
    for (size_t d = 0; d < s->n_dims; d++) {
        survey_transform(s->n, d, s->cosines[d], at, next);
        double *const swap = at;
        at = next;
        next = swap;
    }
    for (size_t z = 0; z < s->n[2]; z++)
        for (size_t y = 0; y < s->n[1]; y++)
            for (size_t x = 0; x < s->n[0]; x++) {
                const size_t cell = survey_cell(s, (const size_t[]){x, y, z});
                const double value = at[(z * s->n[1] + y) * s->n[0] + x];
                s->power[cell] += value * value;
                s->seen[cell] += 1.0;
            }
    mem_free(other);
    return STATUS_OK;
}
