/*
 * The empirical neural tangent kernel of a field: how far a step of gradient descent at one point
 * moves the value at another.
 *
 *   K_ij = sum over c, theta of  d v_c(x_i) / d theta  d v_c(x_j) / d theta
 *
 * over the outputs c that are asked for, values as the field gives them (after the output
 * activation), and over every number theta that training changes: weights, biases, tables of grids,
 * b and a that are trainable.  No gradient is ever written down: with h_l what layer l reads and
 * d_l = d v_c / d z_l, a layer adds (d_l(i).d_l(j)) (h_l(i).h_l(j) + 1); tables add what the cells'
 * corners of both points have in common.  Of a wide network as it is initialized it is near
 * core/field/ntk.h (whose parametrisation "standard" is ours); training changes it.
 * Source: Jacot et al. 2018; Lee et al. 2019.
 *
 * In double, but for features and tables, which are floats.
 */
#ifndef CORE_FIELD_FIELD_NTK_H
#define CORE_FIELD_FIELD_NTK_H

#include "core/base/stop.h"
#include "core/field/field.h"

/* unit: [n, D]; outputs first … first + n_outputs - 1; out: [n, n].  NO_MEMORY; CANCELED. */
enum status field_ntk(const struct field *f, size_t n, const float *unit, size_t first,
                      size_t n_outputs, double *out, const struct stop *stop,
                      struct error *err) WARN_UNUSED;

/* Multiply-adds of that, about, and the bytes that it takes. */
double field_ntk_multiply_adds(const struct field *f, size_t n, size_t n_outputs);
double field_ntk_bytes(const struct field *f, size_t n);

#endif
