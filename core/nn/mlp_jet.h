/*
 * Jets: the outputs of a network with their derivatives along axes, carried forward through the
 * layers (forward mode; for the Laplacian one sum in place of all second derivatives).
 *
 *   z = W h + b      d_s z = W d_s h            lap z = W lap h
 *   h = act(z)       d_s h = act'(z) d_s z      lap h = act'(z) lap z + act''(z) sum_s (d_s z)^2
 *
 * Source: Griewank and Walther 2008, "Evaluating derivatives", chapters 3 and 13.
 * Letters as in mlp.h; D axes; P planes: 1 + D, with the Laplacian 2 + D.  What a jet costs is P
 * passes forward, whatever the number of outputs.  A jet belongs to one thread.
 */
#ifndef CORE_NN_MLP_JET_H
#define CORE_NN_MLP_JET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/nn/mlp.h"

/* Points of a jet: its planes have together about as many rows as a tile. */
enum { MLP_JET_TILE = MLP_TILE / 4 };

/* UNSUPPORTED, with the reason and no place, where a relu takes part: its second derivative is 0 on
 * either side, and nothing is left of how the values bend. */
enum status mlp_check_laplacian(const struct mlp *m, struct error *err) WARN_UNUSED;

/* has_laplacian: mlp_check_laplacian is OK. */
struct mlp_jet;
enum status mlp_jet_create(struct mlp_jet **out, const struct mlp *m, size_t n_axes,
                           bool has_laplacian, struct error *err) WARN_UNUSED;
void mlp_jet_free(struct mlp_jet *j);

/* Where encoding_jet writes the planes of up to MLP_JET_TILE points. */
float *mlp_jet_input(struct mlp_jet *j, size_t *ld);

/* n <= MLP_JET_TILE points in the jet's input, [P, n, ld].  values [n, C]: those of mlp_forward in
 * fp32, bit for bit; gradient [n, C, D]; laplacian [n, C], NULL without it.  All overwritten.  A
 * point's numbers depend on that point alone. */
void mlp_jet_forward(const struct mlp *m, const float *params, struct mlp_jet *j, size_t n,
                     float *values, float *gradient, float *laplacian);

#endif
