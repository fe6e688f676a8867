/*
 * What gradient descent on an infinitely wide network does, in closed form.
 *
 * Of n training points with targets y [n, C] and a network that starts at f0, with the loss half
 * the sum of squares and t = learning rate x steps:
 *
 *   K = Q diag(lambda) Q^T                                       kernel of the training points
 *   r = Q^T (y - f0)                                             residual by eigencomponents
 *   r(t) = exp(-lambda t) r                                      of the training points
 *   f(t) = f0* + K* Q diag((1 - exp(-lambda t)) / lambda) r      of others; K*: [m, n]
 *
 * t = infinity is kernel regression, K^-1 (y - f0).  An eigenvalue that is nothing but rounding
 * (lambda <= n epsilon lambda_0) is taken for 0, and its component learns nothing.
 * Source: Jacot et al. 2018; Lee et al. 2019; Tancik et al. 2020, section 3 and appendix.
 *
 * K is any symmetric kernel without negative eigenvalues: core/field/ntk.h, or an empirical one.
 * Everything is in double.  Letters: n training points, m others, C values.
 */
#ifndef CORE_FIELD_NTK_REGRESSION_H
#define CORE_FIELD_NTK_REGRESSION_H

#include <stddef.h>

#include "core/base/stop.h"

/* All of a symmetric kernel [n, n], falling, without eigenvectors.  out: [n].  Errors as below. */
enum status ntk_eigenvalues(size_t n, const double *kernel, double *out, const struct stop *stop,
                            struct error *err) WARN_UNUSED;
double ntk_eigenvalues_bytes(size_t n); /* that it takes, about */

struct ntk_regression;

/* kernel: [n, n], both halves; residual: y - f0 [n, C].  Both are copied.  NO_MEMORY; CANCELED;
 * INVALID where the kernel's numbers are not finite; INTERNAL if LAPACK finds no eigenvalues. */
enum status ntk_regression_create(struct ntk_regression **out, size_t n, const double *kernel,
                                  size_t n_channels, const double *residual,
                                  const struct stop *stop, struct error *err) WARN_UNUSED;
void ntk_regression_free(struct ntk_regression *r); /* NULL is fine */
double ntk_regression_bytes(size_t n);              /* that creation takes, about */

/* lambda [n], falling.  Borrowed. */
const double *ntk_regression_eigenvalues(const struct ntk_regression *r);

/* out[i, c] = r(t), i in the order of the eigenvalues: [n, C]. */
void ntk_regression_components(const struct ntk_regression *r, double t, double *out);

/* f(t) - f0* at other points.  kernel: K* [m, n]; out: [m, C].  NO_MEMORY; INVALID ("/network")
 * where that is not finite: a kernel may be too small for what is divided by it. */
enum status ntk_regression_predict(const struct ntk_regression *r, double t, size_t m,
                                   const double *kernel, double *out,
                                   struct error *err) WARN_UNUSED;

#endif
