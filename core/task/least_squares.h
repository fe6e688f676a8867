/*
 * The value at the origin of a polynomial that is fitted to scattered samples by weighted least
 * squares (moving least squares: Lancaster and Salkauskas 1981), by Cholesky's factor of the normal
 * equations A x = b:
 *
 *   A = sum over samples of weight * terms terms^T     [n, n] row-major; the lower half is read
 *   b = sum over samples of weight * terms * value     [n]
 *
 * The first term is the constant one, so the value at the origin is x[0] = z^T b with A z = (1, 0,
 * …): z is found once and serves every channel.  Terms are in order of degree: the first m of them
 * are a polynomial too, and their factor is the upper left part of the whole one.
 */
#ifndef CORE_TASK_LEAST_SQUARES_H
#define CORE_TASK_LEAST_SQUARES_H

#include <stddef.h>

/* A = L L^T in place.  Returns how many terms, from the first on, the samples determine; what lies
 * beyond them is undefined. */
size_t least_squares_factor(size_t n, double *a);

/* z [m] of the first m terms, m at most what least_squares_factor returned. */
void least_squares_solve(size_t n, const double *l, size_t m, double *z);

#endif
