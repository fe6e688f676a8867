/*
 * Four floats that are computed with together: +, -, *, / and comparisons act on each lane, [i] is
 * one of them.  (Vector types of gcc and clang, on any processor.)  A comparison gives a quad_mask,
 * whose lanes are -1 where it holds and 0 where not.
 */
#ifndef CORE_BASE_QUAD_H
#define CORE_BASE_QUAD_H

#include <math.h>
#include <stdint.h>

enum { QUAD = 4 };
typedef float quad __attribute__((vector_size(QUAD * sizeof(float))));
typedef int32_t quad_mask __attribute__((vector_size(QUAD * sizeof(int32_t))));

static inline quad quad_of(float x)
{
    return (quad){x, x, x, x};
}

/* a where the mask holds, else b. */
static inline quad quad_select(quad_mask mask, quad a, quad b)
{
    return (quad)((mask & (quad_mask)a) | (~mask & (quad_mask)b));
}

/* The second one where either is not a number. */
static inline quad quad_least(quad a, quad b)
{
    return quad_select(a < b, a, b);
}

static inline quad quad_greatest(quad a, quad b)
{
    return quad_select(a > b, a, b);
}

static inline quad quad_absolute(quad a)
{
    return (quad)((quad_mask)a & INT32_MAX);
}

static inline quad quad_sqrt(quad a)
{
    return (quad){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])};
}

static inline float quad_sum(quad a)
{
    return (a[0] + a[1]) + (a[2] + a[3]);
}

#endif
