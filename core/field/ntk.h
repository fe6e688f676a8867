/*
 * The neural tangent kernel of an infinitely wide ReLU network on the features of an encoding.
 *
 * With q = gamma(x).gamma(y) / F (and q_x, q_y for x and y with themselves) and T = 0, for each of
 * the L = n_hidden_layers + 1 affine layers
 *
 *   NTK parametrisation        q <- sigma_w^2 q + sigma_b^2          T <- q + sigma_w^2 T
 *   standard parametrisation   T <- w q + 1 + sigma_w^2 T,  then     q <- sigma_w^2 q + sigma_b^2
 *
 * where w is the number of inputs of the layer (F, then width) and the 1 is the bias's own; and
 * between two layers ReLU, with P = sqrt(q_x q_y) and theta = acos(q / P):
 *
 *   k0 = (pi - theta) / 2 pi,   q <- sqrt(P^2 - q^2) / 2 pi + q k0,   T <- T k0
 *   q_x <- q_x / 2,   q_y <- q_y / 2
 *
 * Without a bias sigma_b = 0 and the 1 is dropped.  In the NTK parametrisation weights are
 * sigma_w W / sqrt(inputs) with W ~ N(0, 1); in the standard one they are W ~ N(0, sigma_w^2 /
 * inputs) themselves, and the kernel grows with the width.  sigma_w = sqrt(2) keeps q of one size.
 * Source: Jacot et al. 2018; Lee et al. 2019 (both parametrisations); Sohl-Dickstein et al. 2020
 * (the standard one's 1); Tancik et al. 2020, section 3 and the authors' notebooks.
 *
 * The encoding's b and a are held fixed, as they are.  Everything is in double; functions may be
 * called from any thread.  Letters: n and m points, D inputs, F features.
 */
#ifndef CORE_FIELD_NTK_H
#define CORE_FIELD_NTK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/stop.h"
#include "core/nn/encoding.h"

enum ntk_parametrization { NTK_STANDARD, NTK_NTK };

struct ntk_network {
    size_t n_hidden_layers; /* 0..LIMIT_HIDDEN_LAYERS */
    size_t width;           /* of hidden layers, 1..LIMIT_NTK_WIDTH; the standard one's alone */
    enum ntk_parametrization parametrization;
    double sigma_w, sigma_b; /* (0, NTK_MAX_SIGMA], [0, NTK_MAX_SIGMA] */
    bool has_bias;
};

#define NTK_MAX_SIGMA 100.0

/* INVALID with a place below "/network"; UNSUPPORTED at "/encoding" for one that has no exact
 * features. */
enum status ntk_check(const struct ntk_network *network, const struct encoding *e,
                      struct error *err) WARN_UNUSED;

/* The kernel of two points by the products of their features: xy = gamma(x).gamma(y), xx, yy. */
double ntk_of_products(const struct ntk_network *network, size_t n_features, double xx, double yy,
                       double xy);

/* The same, and its derivative by xy: where xy^2 = xx yy it would be infinite, and is that of a
 * place next to it. */
double ntk_slope_of_products(const struct ntk_network *network, size_t n_features, double xx,
                             double yy, double xy, double *slope);

/* out[i, j] = kernel of x_i and y_j.  x: [n, D], y: [m, D], out: [n, m].  NO_MEMORY; CANCELED. */
enum status ntk_between(const struct ntk_network *network, const struct encoding *e,
                        const float *params, size_t n, const double *x, size_t m, const double *y,
                        double *out, const struct stop *stop, struct error *err) WARN_UNUSED;
double ntk_between_bytes(const struct encoding *e); /* that it takes, at most */

/* --- on a grid of n points a side --- */

/* The kernel at offsets from the origin, o / n for o = 0 … n-1 along the first n_dims axes, other
 * coordinates 0: n_dims 1, out [n]; 2, out [n, n] with axis 0 along rows.  n_dims is at most D.
 * is_wrapped: offsets past half a side are o / n - 1, as of a periodic grid; the same kernel if it
 * is stationary and its frequencies are whole numbers.  NO_MEMORY. */
enum status ntk_row(const struct ntk_network *network, const struct encoding *e,
                    const float *params, size_t n_dims, size_t n, bool is_wrapped, double *out,
                    struct error *err) WARN_UNUSED;

/* The kernel of the grid's points o / n with one point, at [D]; out: as of ntk_row.  NO_MEMORY. */
enum status ntk_row_at(const struct ntk_network *network, const struct encoding *e,
                       const float *params, size_t n_dims, size_t n, const double *at, double *out,
                       struct error *err) WARN_UNUSED;

/* The discrete Fourier transform of a stationary kernel's wrapped row, frequency k at k: the
 * eigenvalues of the kernel of the periodic grid.  Its real part, since the kernel is even.  row,
 * out: as of ntk_row; may not overlap.  Plain sums in double, n^2 of a row and 4 n^3 of a plane: a
 * transform of floats has lost the small ones.  NO_MEMORY. */
enum status ntk_spectrum(size_t n_dims, size_t n, const double *row, double *out,
                         struct error *err) WARN_UNUSED;

#endif
