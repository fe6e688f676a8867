#include "core/field/domain.h"

struct domain domain_of_image(size_t width, size_t height)
{
    return (struct domain){
        .n_dims = 2,
        .matrix = {{1.0 / (double)width, 0.0, 0.0}, {0.0, 1.0 / (double)height, 0.0}},
    };
}

void domain_unit_from_source(const struct domain *d, size_t n, const float *source, float *unit)
{
    const size_t n_dims = d->n_dims;
    for (size_t i = 0; i < n; i++) {
        double point[LIMIT_DIMS] = {0}; /* read before any write: the arrays may be one */
        for (size_t j = 0; j < n_dims; j++)
            point[j] = (double)source[i * n_dims + j];
        for (size_t r = 0; r < n_dims; r++) {
            double sum = d->offset[r];
            for (size_t j = 0; j < n_dims; j++)
                sum += d->matrix[r][j] * point[j];
            unit[i * n_dims + r] = (float)sum;
        }
    }
}
