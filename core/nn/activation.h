/*
 * Activations: relu, tanh, sin between layers; linear, sigmoid, relu at the output.
 *
 *   relu(z) = max(z, 0)      tanh(z)      sin(omega z), omega = SIREN's w0 (Sitzmann et al. 2020)
 *   linear(z) = z            sigmoid(z) = 1 / (1 + exp(-z))
 *
 * Values are computed one by one: what a value becomes does not depend on its neighbours.  NaN
 * stays NaN.  Between layers the kernels do the work (core/nn/kernel.h); here are the output's
 * functions.
 */
#ifndef CORE_NN_ACTIVATION_H
#define CORE_NN_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

enum activation {
    ACTIVATION_LINEAR,
    ACTIVATION_RELU,
    ACTIVATION_TANH,
    ACTIVATION_SIN,
    ACTIVATION_SIGMOID
};

/* "relu", …; never NULL. */
const char *activation_name(enum activation a);

/* How many there are; each may stand between layers, at the output, or at both. */
size_t activation_n_types(void);
bool activation_is_hidden(enum activation a);
bool activation_is_output(enum activation a);

/* The value of an output activation.  sigmoid saturates at 0 and 1 without NaN. */
float activation_output(enum activation a, float raw);

/* Its derivative, from the value.  relu: 0 at 0. */
float activation_output_slope(enum activation a, float value);

/* Its second derivative, from the value. */
float activation_output_curvature(enum activation a, float value);

#endif
