#include "core/task/least_squares.h"

#include <math.h>

/* What is left of a pivot that is a sum of others, of its part: far above rounding, far below what
 * samples at whole pixels can give. */
static const double least_pivot = 1e-9;

size_t least_squares_factor(size_t n, double *a)
{
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * n;
        const double whole = row[i];
        for (size_t j = 0; j <= i; j++) {
            for (size_t k = 0; k < j; k++)
                row[j] -= row[k] * a[j * n + k];
            if (j < i)
                row[j] /= a[j * n + j];
        }
        if (!(row[i] > least_pivot * whole))
            return i;
        row[i] = sqrt(row[i]);
    }
    return n;
}

void least_squares_solve(size_t n, const double *l, size_t m, double *z)
{
    for (size_t i = 0; i < m; i++) { /* L y = (1, 0, …) */
        z[i] = i == 0;
        for (size_t k = 0; k < i; k++)
            z[i] -= l[i * n + k] * z[k];
        z[i] /= l[i * n + i];
    }
    for (size_t i = m; i-- > 0;) { /* L^T z = y */
        for (size_t k = i + 1; k < m; k++)
            z[i] -= l[k * n + i] * z[k];
        z[i] /= l[i * n + i];
    }
}
