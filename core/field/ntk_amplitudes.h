/*
 * Amplitudes of a Fourier mapping by the theory: which a lets a wide network foretell the samples
 * it has not seen.
 *
 * A family of signals on the periodic grid i / n of the unit interval; every stride-th sample
 * trains, the others validate.  With frequencies b of whole numbers and normalized features the
 * kernel is stationary, and everything is diagonal in frequencies k = 0 … n-1:
 *
 *   u_o  = sum_j a_j^2 cos(2 pi b_j o / n) / sum_j a_j^2            products of features
 *   H_k  = sum_o K(u_o) cos(2 pi k o / n)                           kernel, transformed
 *   l_k  = sum_r H_(k + r n/stride) / stride                        of the training points
 *   F_k  = H_k (1 - exp(-t l_k)) / l_k  S_k                         what is predicted at time t
 *
 * S_k: mean of the signal's Y over the frequencies that look alike on the training points, and so
 * are l_k's.  The network starts at 0.  The loss is the mean square of y - f over signals and
 * validation samples; of the signals it takes second moments alone, so their number costs nothing
 * after creation.  Source: Tancik et al. 2020, section 5 and figure 5; paper's notebooks.
 *
 * Everything is in double.  Letters: n samples, m frequencies.
 */
#ifndef CORE_FIELD_NTK_AMPLITUDES_H
#define CORE_FIELD_NTK_AMPLITUDES_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/field/ntk.h"

/* A family and the frequencies that are tried on it, with memory to work in: one thread at a
 * time. */
struct ntk_amplitudes;

/* n: a multiple of stride, which is at least 2.  signals: [n_signals, n]; b: [m].  Nothing is
 * borrowed.  NO_MEMORY; CANCELED. */
enum status ntk_amplitudes_create(struct ntk_amplitudes **out, size_t n, size_t stride,
                                  size_t n_signals, const double *signals, size_t m,
                                  const uint32_t *b, const struct stop *stop,
                                  struct error *err) WARN_UNUSED;
void ntk_amplitudes_free(struct ntk_amplitudes *f); /* NULL is fine */

/* The loss of a [m], not all 0, at t = learning rate x steps; d_a (if not NULL): [m], its gradient.
 * network: ntk_check'd. */
double ntk_amplitudes_loss(struct ntk_amplitudes *f, const struct ntk_network *network, double t,
                           const double *a, double *d_a);

/* What a function that is 0 everywhere would have. */
double ntk_amplitudes_loss_of_zero(const struct ntk_amplitudes *f);

/* steps of Adam (0.9, 0.999, 1e-8) on a.  losses: [steps + 1], before each of them and after the
 * last.  DIVERGED where a loss is not finite; CANCELED. */
enum status ntk_amplitudes_descend(struct ntk_amplitudes *f, const struct ntk_network *network,
                                   double t, size_t steps, double rate, double *a, double *losses,
                                   const struct stop *stop, struct error *err) WARN_UNUSED;

#endif
