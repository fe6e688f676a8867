/*
 * Eigenvalues and eigenvectors of symmetric matrices, by LAPACK's way in our own steps:
 *
 *   A = Q T Q^T       T tridiagonal: panel by panel (dsytrd's loop over dlatrd)
 *   T = Z L Z^T       divide and conquer (dstedc); eigenvalues alone by QR (dsterf)
 *   A = (Q Z) L (Q Z)^T            Q Z some columns at a time (dormtr)
 *
 * dsyevd does the same in one call, which of some thousands of rows takes a minute and cannot be
 * stopped.  Here the question is asked before each step; the longest of them, dstedc, is the
 * cheapest of the three where many eigenvalues are nearly alike, as those of kernels are.
 * Source: Anderson et al., LAPACK Users' Guide, 1999.
 */
#ifndef CORE_FIELD_EIGEN_H
#define CORE_FIELD_EIGEN_H

#include <stddef.h>

#include "core/base/stop.h"

/* matrix: [n, n], n > 0, finite, of which one half is read; overwritten.  values: [n], rising.
 * vectors: [n, n], row i the eigenvector of value i; NULL: values alone.  NO_MEMORY; CANCELED;
 * INTERNAL if LAPACK finds none. */
enum status eigen_solve(size_t n, double *matrix, double *values, double *vectors,
                        const struct stop *stop, struct error *err) WARN_UNUSED;

/* Bytes that eigen_solve takes of its own, about. */
double eigen_bytes(size_t n, bool has_vectors);

#endif
