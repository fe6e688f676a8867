/*
 * The rows of the kernel table, and the numbers they share.  For kernel*.c only.
 */
#ifndef CORE_NN_KERNEL_ROWS_H
#define CORE_NN_KERNEL_ROWS_H

#include "core/nn/kernel.h"

extern const struct kernel kernel_portable;
extern const struct kernel_bf16 bf16_portable;
extern const struct kernel_grid grid_portable;
#ifdef __x86_64__
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_avx512, kernel_avx512_bf16, kernel_amx;
extern const struct kernel_bf16 bf16_avx512, bf16_amx;
extern const struct kernel_grid grid_avx2, grid_avx512;

/* Ask the system for the tiles' registers, once for the process; false if it has none to give. */
bool amx_enable(void);
#endif

/* sin(2 pi r) = r (S0 + S1 r^2 + S2 r^4 + S3 r^6) and cos(2 pi r) = 1 + C1 r^2 + … + C4 r^8 for
 * |r| <= 1/8: interpolation at the Chebyshev nodes of r^2.  In float within 9e-8 and 8e-8. */
#define SINE_0 6.28318529f
#define SINE_1 -41.3416626f
#define SINE_2 81.5925429f
#define SINE_3 -75.4016127f
#define COSINE_1 -19.7392088f
#define COSINE_2 64.9393691f
#define COSINE_3 -85.4488201f
#define COSINE_4 59.424106f

/* tanh(x) = x P(x^2) / Q(x^2) for |x| <= TANH_END, where tanh is 1 to the last bit of a float:
 * minimax in the relative error, which is 2.1e-8 before and 4e-7 after rounding. */
#define TANH_END 9.01f
#define TANH_P0 9.999999790e-1f
#define TANH_P1 1.337972131e-1f
#define TANH_P2 3.494038458e-3f
#define TANH_P3 2.058354133e-5f
#define TANH_P4 1.331914750e-8f
#define TANH_Q0 1.0f
#define TANH_Q1 4.671303656e-1f
#define TANH_Q2 2.587108830e-2f
#define TANH_Q3 3.283099038e-4f
#define TANH_Q4 7.762051991e-7f

/* Loops over register tiles must vanish before registers are given out.  gcc does that when told,
 * clang when left alone. */
#ifdef __clang__
#define UNROLL(n)
#else
#define UNROLL_PRAGMA(text) _Pragma(#text)
#define UNROLL(n) UNROLL_PRAGMA(GCC unroll n)
#endif

#define TWO_PI 6.283185307179586477

#endif
