/*
 * Optimizers: one update of a slice of the parameter block from the gradients of all threads.
 *
 *   adam  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;
 *         w -= rate * (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon)       Kingma and Ba 2015
 *   sgd   w -= rate * g
 *
 * The same pass sums the threads' gradients in thread order (so that a result does not depend on
 * who finished first) and zeroes them for the next step.  Every parameter is updated alone: how the
 * block is cut into slices does not change a bit.  A parameter whose gradient was always 0 stays
 * exactly as it is: padding stays 0.
 */
#ifndef CORE_NN_OPTIMIZER_H
#define CORE_NN_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

struct kernel;

enum optimizer_type { OPTIMIZER_ADAM, OPTIMIZER_SGD };

struct optimizer_spec {
    enum optimizer_type type;
    double beta1, beta2, epsilon; /* adam; betas in [0, 1), epsilon at least 1e-30 */
};

const char *optimizer_name(enum optimizer_type type);
size_t optimizer_n_types(void);

/* Blocks of moments it keeps beside the weights: 2 for adam (m, v), 0 for sgd. */
size_t optimizer_n_moments(enum optimizer_type type);

/* Update weights[0 … n-1].  t: number of this update, from 1.  moments: optimizer_n_moments
 * pointers to slices like weights' (NULL if there are none).  gradients: n_gradients pointers to
 * slices, summed in order, then zeroed.  No two slices overlap. */
void optimizer_update(const struct optimizer_spec *spec, const struct kernel *kernel, uint64_t t,
                      double rate, size_t n, float *weights, float *const *moments,
                      float *const *gradients, size_t n_gradients);

/* The same for a table of which a step touches little: n numbers in lines of GRID_LINE, of which
 * only those that are touched and have a gradient other than 0 are updated; the moments of others
 * do not age.  gradient and touched are then zeroed. */
void optimizer_update_touched(const struct optimizer_spec *spec, const struct kernel *kernel,
                              uint64_t t, double rate, size_t n, float *weights,
                              float *const *moments, float *gradient, uint8_t *touched);

#endif
