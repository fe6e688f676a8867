/*
 * Kernels: the arithmetic at the bottom of training and queries, one table row per instruction set.
 *
 * One register-tile product serves the forward pass, the input gradient and the weight gradient
 * through strides; the epilogues that follow it are fused.  Every row of the table computes the
 * same function; the portable one is plain C and is the others' twin in the tests.
 *
 * For one row of C the order of additions is fixed (k ascending, one accumulator), so a row's
 * result depends neither on how many rows are computed together nor on which they are.
 */
#ifndef CORE_NN_KERNEL_H
#define CORE_NN_KERNEL_H

#include <stddef.h>

enum gemm_epilogue {
    GEMM_STORE, /* C = A B + bias (bias may be NULL) */
    GEMM_RELU,  /* C = max(A B + bias, 0) */
    GEMM_MASK,  /* C = A B where mask > 0, else 0: backward through relu; mask is [m, ldmask] */
    GEMM_ACCUMULATE, /* C += A B */
};

/*
 * C [m, n] from A [m, k] and a panel B [k, n], n a multiple of 16, n <= MLP_PANEL.
 * A(i, p) = a[i * a_row + p * a_step]: a_row 1, a_step ld reads a transposed matrix.
 * B rows are contiguous, b_step floats apart; C rows are c_row floats apart.
 * b, c, bias and mask rows are aligned to 64 bytes.
 */
struct gemm {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_step;
    const float *b;
    size_t b_step;
    float *c;
    size_t c_row;
    enum gemm_epilogue epilogue;
    const float *bias; /* [n] */
    const float *mask;
    size_t mask_row;
};

struct kernel {
    const char *name; /* "portable", "avx2", "avx512" */

    void (*gemm)(const struct gemm *g);

    /* Rows of a Fourier encoding: for i < n, j < m (m a multiple of 16):
     *   u = sum_d x[i, d] b[d * m + j];  out[i * ld + j] = a[j] sin(2 pi u),
     *   out[i * ld + cos_offset + j] = a[j] cos(2 pi u).  Turns are reduced to [-1/8, 1/8] first;
     * the error of sine and cosine is under 1e-6 for |u| up to 2^20. */
    void (*fourier)(size_t n, size_t n_dims, const float *x, size_t m, const float *b,
                    const float *a, float *out, size_t ld, size_t cos_offset);
};

/* All rows this program was built with and this processor can run, best first; *n >= 1. */
const struct kernel *const *kernel_table(size_t *n);

/* The row of a name ("avx2"), or the best for "auto" and NULL; NULL if this processor cannot run
 * it. */
const struct kernel *kernel_find(const char *name);

#endif
