/*
 * Activations: relu, tanh, sin between layers; linear, sigmoid, relu at the output.
 *
 *   relu(z) = max(z, 0)      tanh(z)      sin(omega z), omega = SIREN's w0 (Sitzmann et al. 2020)
 *   linear(z) = z            sigmoid(z) = 1 / (1 + exp(-z))
 *
 * Values are computed one by one: what a value becomes does not depend on its neighbours.
 */
#ifndef CORE_NN_ACTIVATION_H
#define CORE_NN_ACTIVATION_H

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

#endif
