#include "core/field/domain.h"

#include <assert.h>
#include <math.h>

#include "core/base/data.h"

struct domain domain_of_image(size_t width, size_t height)
{
    return (struct domain){
        .n_dims = 2,
        .matrix = {{1.0 / (double)width, 0.0, 0.0}, {0.0, 1.0 / (double)height, 0.0}},
    };
}

/* Gauss and Jordan with the largest pivot of each column: exact where the map only scales. */
enum status domain_of_affine(size_t n_dims, const double source_from_unit[3][4], struct domain *out,
                             struct error *err)
{
    double m[LIMIT_DIMS][LIMIT_DIMS] = {{0}};
    struct domain d = {.n_dims = n_dims};
    for (size_t r = 0; r < n_dims; r++)
        for (size_t c = 0; c < n_dims; c++) {
            m[r][c] = source_from_unit[r][c];
            d.matrix[r][c] = r == c ? 1.0 : 0.0;
        }
    for (size_t k = 0; k < n_dims; k++) {
        size_t pivot = k;
        for (size_t r = k + 1; r < n_dims; r++)
            if (fabs(m[r][k]) > fabs(m[pivot][k]))
                pivot = r;
        if (!(fabs(m[pivot][k]) > 0.0) || !isfinite(1.0 / m[pivot][k]))
            return error_set(err, STATUS_INVALID, "", "the domain's map cannot be inverted");
        for (size_t c = 0; c < n_dims; c++) {
            const double a = m[k][c], b = d.matrix[k][c];
            m[k][c] = m[pivot][c];
            d.matrix[k][c] = d.matrix[pivot][c];
            m[pivot][c] = a;
            d.matrix[pivot][c] = b;
        }
        const double scale = m[k][k];
        for (size_t c = 0; c < n_dims; c++) {
            m[k][c] /= scale;
            d.matrix[k][c] /= scale;
        }
        for (size_t r = 0; r < n_dims; r++) {
            const double factor = m[r][k];
            for (size_t c = 0; c < n_dims && r != k && factor != 0.0; c++) {
                m[r][c] -= factor * m[k][c];
                d.matrix[r][c] -= factor * d.matrix[k][c];
            }
        }
    }
    for (size_t r = 0; r < n_dims; r++)
        for (size_t c = 0; c < n_dims; c++)
            if (source_from_unit[c][3] != 0.0) /* offset last, in the fourth column */
                d.offset[r] -= d.matrix[r][c] * source_from_unit[c][3];
    *out = d;
    return STATUS_OK;
}

struct domain domain_of_volume(size_t width, size_t height, size_t depth, const double affine[3][4])
{
    double source_from_unit[3][4];
    struct domain d = {.n_dims = 3};
    volume_source_from_unit(width, height, depth, affine, source_from_unit);
    const enum status status = domain_of_affine(3, source_from_unit, &d, NULL);
    assert(status == STATUS_OK);
    (void)status;
    return d;
}

void domain_unit_of_place(const struct domain *d, const double *source, float *unit)
{
    for (size_t r = 0; r < d->n_dims; r++) {
        double sum = d->offset[r];
        for (size_t j = 0; j < d->n_dims; j++)
            sum += d->matrix[r][j] * source[j];
        unit[r] = (float)sum;
    }
}

void domain_unit_from_source(const struct domain *d, size_t n, const float *source, float *unit)
{
    const size_t n_dims = d->n_dims;
    for (size_t i = 0; i < n; i++) {
        double point[LIMIT_DIMS] = {0}; /* read before any write: the arrays may be one */
        for (size_t j = 0; j < n_dims; j++)
            point[j] = (double)source[i * n_dims + j];
        domain_unit_of_place(d, point, unit + i * n_dims);
    }
}
