#include "core/nn/activation.h"

#include <math.h>

static const struct {
    const char *name;
    bool hidden, output;
} activations[] = {
    [ACTIVATION_LINEAR] = {"linear", false, true},   [ACTIVATION_RELU] = {"relu", true, true},
    [ACTIVATION_TANH] = {"tanh", true, false},       [ACTIVATION_SIN] = {"sin", true, false},
    [ACTIVATION_SIGMOID] = {"sigmoid", false, true},
};

const char *activation_name(enum activation a)
{
    return activations[a].name;
}

size_t activation_n_types(void)
{
    return sizeof activations / sizeof activations[0];
}

bool activation_is_hidden(enum activation a)
{
    return a < activation_n_types() && activations[a].hidden;
}

bool activation_is_output(enum activation a)
{
    return a < activation_n_types() && activations[a].output;
}

float activation_output(enum activation a, float raw)
{
    switch (a) {
    case ACTIVATION_SIGMOID:
        return 1 / (1 + expf(-raw)); /* exp may become infinite: 1 / inf is 0 */
    case ACTIVATION_RELU:
        return raw < 0 ? 0 : raw; /* false for NaN, which stays */
    default:
        return raw;
    }
}

float activation_output_slope(enum activation a, float value)
{
    switch (a) {
    case ACTIVATION_SIGMOID:
        return value * (1 - value);
    case ACTIVATION_RELU:
        return value > 0 ? 1 : 0;
    default:
        return 1;
    }
}

float activation_output_curvature(enum activation a, float value)
{
    return a == ACTIVATION_SIGMOID ? value * (1 - value) * (1 - 2 * value) : 0;
}
