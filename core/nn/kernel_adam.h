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

#endif
