/*
 * Adam in plain C, compiled once for each instruction set: the compiler finds the vectors itself.
 * For kernel*.c only.
 */
#ifndef CORE_NN_KERNEL_ADAM_H
#define CORE_NN_KERNEL_ADAM_H

#include <float.h>
#include <math.h>

#include "core/nn/kernel.h"

/* Where units of a network have died their moments decay for ever.  Subnormal numbers would make
 * that slow on many processors, so what falls below the normal range is 0. */
static inline float without_subnormals(float x)
{
    return fabsf(x) < FLT_MIN ? 0 : x;
}

static void adam_rows(const struct adam *adam, size_t n, float *restrict weights, float *restrict m,
                      float *restrict v, const float *restrict gradient)
{
    const struct adam a = *adam;
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i];
        m[i] = without_subnormals(a.beta1 * m[i] + a.rest1 * g);
        v[i] = without_subnormals(a.beta2 * v[i] + a.rest2 * g * g);
        weights[i] -= a.rate * m[i] / (sqrtf(v[i] * a.correction2) + a.epsilon);
    }
}

static void adam_touched(const struct adam *adam, size_t n_lines, float *restrict weights,
                         float *restrict m, float *restrict v, float *restrict gradient,
                         uint8_t *restrict touched)
{
    enum { LINE = GRID_LINE };
    const struct adam a = *adam;
    for (size_t line = 0; line < n_lines; line++) {
        if (!touched[line])
            continue;
        touched[line] = 0;
        for (size_t i = line * LINE; i < (line + 1) * LINE; i++) {
            const float g = gradient[i];
            const float new_m = without_subnormals(a.beta1 * m[i] + a.rest1 * g);
            const float new_v = without_subnormals(a.beta2 * v[i] + a.rest2 * g * g);
            const float step = a.rate * new_m / (sqrtf(new_v * a.correction2) + a.epsilon);
            m[i] = g != 0.0f ? new_m : m[i];
            v[i] = g != 0.0f ? new_v : v[i];
            weights[i] = g != 0.0f ? weights[i] - step : weights[i];
            gradient[i] = 0.0f;
        }
    }
}

#endif
