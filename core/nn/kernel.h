/*
 * Kernels: the arithmetic at the bottom of training and queries, one table row per instruction set.
 *
 * One register-tile product serves the forward pass, the input gradient and the weight gradient
 * through strides; the epilogues that follow it are fused.  Every row of the table computes the
 * same functions; the portable one is plain C and is the others' twin in the tests.
 *
 * For one row of C the order of additions is fixed (k ascending, one accumulator that starts at
 * zero), so a row's result depends neither on how many rows are computed together nor on which they
 * are.  NaN goes through every function: a diverged fit is seen in its loss.
 *
 * bfloat16: the first 16 bits of a float, rounded to nearest even.  Products of bfloat16 take two
 * steps of k at once, a pair in one 32-bit word (the even step in the low half), and add in float.
 * Their values depend on the instruction set: in which order a pair is added, what becomes of
 * subnormal numbers.  For one row of C they depend on that row alone, as above.
 *
 * Two bfloat16 hold a float to 16 bits: the rounded number and its rest, what rounding left,
 * rounded itself.  A product of such sums is three of the former: A B + rest(A) B + A rest(B),
 * within 2^-16 of sum |a| |b| (Henry, Tang and Heinecke 2019, "Leveraging the bfloat16 artificial
 * intelligence datatype for higher-precision computations").
 *
 * Kernels are pure and keep no state: any number of threads may use them.  They cannot fail.
 */
#ifndef CORE_NN_KERNEL_H
#define CORE_NN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/nn/grid.h"

enum gemm_epilogue {
    GEMM_STORE, /* C = A B + bias (bias may be NULL) */
    GEMM_RELU,  /* C = max(A B + bias, 0) (bias may be NULL) */
    GEMM_MASK,  /* C = A B where mask > 0, else 0: backward through relu; mask is [m, mask_row] */
    GEMM_ACCUMULATE, /* C += A B */
};

/* Columns come in lanes of 16 (one AVX-512 register, two of AVX2) and matrices of weights in panels
 * of 32 columns, two registers of a tile. */
enum { KERNEL_LANES = 16, KERNEL_PANEL = 32 };

/*
 * C [m, n] from A [m, k] and B [k, n]; n is a multiple of 16, m and k are any.
 * A(i, p) = a[i * a_row + p * a_step]: a_row 1, a_step ld reads a transposed matrix.
 * B and C are walked in panels: B(p, j) = b[j / 32 * b_panel + p * b_step + j % 32], C likewise
 * with c_row and c_panel.  A panel of 32 is an ordinary row-major matrix.  C overlaps neither A nor
 * B. Rows of b, c, bias and mask are best aligned to 64 bytes; nothing breaks if they are not.
 */
struct gemm {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_step;
    const float *b;
    size_t b_step, b_panel;
    float *c;
    size_t c_row, c_panel;
    enum gemm_epilogue epilogue;
    const float *bias; /* [n] */
    const float *mask;
    size_t mask_row;
};

/* Rows and columns of a product of bfloat16 come in blocks of 32: of k, 16 pairs. */
enum { KERNEL_BLOCK = 32, KERNEL_PAIRS = 16 };

/* Where a matrix [m, n] of floats goes in bfloat16, in up to four forms (a form that is NULL is
 * not made).  m is even for pairs and columns. */
struct bf16_matrix {
    uint16_t *rows; /* element (i, j) at i * row_step + j */
    size_t row_step;
    uint32_t *pairs; /* rows 2p and 2p + 1 of column j at p * pair_step + j */
    size_t pair_step;
    uint32_t *columns; /* the same pair at j * column_step + p: the matrix transposed */
    size_t column_step;
    uint16_t *rest; /* the rests, as rows; then pairs and columns are NULL */
};

/*
 * C [m, n] from A [m, 2k] and B [2k, n]: n is a multiple of 16, k of the kernel's k_pairs.
 * A is row-major: pair p of row i at a[i * a_row + p].  B(p, j) = b[j / 32 * b_panel + p * b_step +
 * j % 32].  a is readable for whole blocks of rows, m rounded up to 32; what is there changes
 * nothing.
 *   GEMM_STORE, GEMM_ACCUMULATE   into c, in floats, as struct gemm says
 *   GEMM_RELU, GEMM_MASK          into out, rounded; m is a multiple of KERNEL_BLOCK; no rests of a
 *                                 masked matrix
 */
struct gemm_bf16 {
    size_t m, n, k; /* k: pairs */
    const uint32_t *a;
    size_t a_row;
    const uint32_t *b;
    size_t b_step, b_panel;
    const uint32_t *a_rest, *b_rest; /* laid out like a and b; NULL: of no sums */
    enum gemm_epilogue epilogue;
    const float *bias; /* [n], or NULL */
    float *c;
    size_t c_row, c_panel;
    const uint16_t *mask; /* [m, mask_row] */
    size_t mask_row;
    struct bf16_matrix out;
};

struct kernel_bf16 {
    size_t k_pairs; /* 1 … KERNEL_PAIRS */
    bool sums_pay;  /* a product of sums takes less time than one of floats */
    void (*gemm)(const struct gemm_bf16 *g);

    /* Floats [m, n] (z_row apart) rounded into out; m is a multiple of KERNEL_BLOCK, n of 16. */
    void (*round)(size_t m, size_t n, const float *z, size_t z_row, const struct bf16_matrix *out);

    /* One panel w [m, 32] of weights as operands B.  pairs [m / 2 rounded up to KERNEL_PAIRS, 32]:
     * for products with W, zeros past m.  rest: the rests, likewise.  transposed, for products with
     * W transposed: the pair q of columns of row k at transposed[k / 32 * panel + q * 32 + k % 32];
     * k is rounded up to 16, zeros past m.  rest, transposed NULL: not made. */
    void (*pack)(size_t m, const float *w, uint32_t *pairs, uint32_t *rest, uint32_t *transposed,
                 size_t panel);

    /* sum[j] += both halves of column j of pairs [k, pair_step], n_columns as in add_columns. */
    void (*add_pairs)(size_t k, size_t n_columns, const uint32_t *pairs, size_t pair_step,
                      float *sum);
};

/* A step of Adam (core/nn/optimizer.h) as a loop needs it. */
struct adam {
    float beta1, beta2, rest1, rest2; /* rest = 1 - beta */
    float rate;                       /* of m: the rate and the correction of m's bias */
    float correction2;                /* of v's bias */
    float epsilon;
};

/* Grids (core/nn/grid.h), table [entries, F] from the first level's first entry on. */
struct kernel_grid {
    /* out[i * ld + l * F + f]: the features of n points [n, D], level by level. */
    void (*forward)(const struct grid *grid, const float *table, size_t n, const float *x,
                    float *out, size_t ld);

    /* The gradient of one level's entries, added to: d_features [n, F] of that level at n points.
     * gradient and touched begin with the level; touched: one byte for each GRID_LINE floats,
     * set to 1 where something was added.  Points are added in order. */
    void (*scatter)(const struct grid *grid, size_t level, size_t n, const float *x,
                    const float *d_features, float *gradient, uint8_t *touched);
};

struct kernel {
    const char *name; /* "portable", "avx2", "avx512", "avx512_bf16", "amx" */

    void (*gemm)(const struct gemm *g);

    /* Rows that a tile of gemm has: others cost nearly as much as the next multiple. */
    size_t gemm_rows;

    /* sum[j] += the column j of z [n, z_row], for n_columns (a multiple of 16): one sum over the
     * rows in order, then added. */
    void (*add_columns)(size_t n, size_t n_columns, const float *z, size_t z_row, float *sum);

    /* m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w -= rate m / (sqrt(v correction2) +
     * epsilon) for n numbers that do not overlap.  Moments below the normal range become 0. */
    void (*adam)(const struct adam *adam, size_t n, float *weights, float *m, float *v,
                 const float *gradient);

    /* The same for the lines of 16 numbers that are touched, and there for the numbers whose
     * gradient is not 0: others, and their moments, stay as they are.  gradient and touched are 0
     * afterwards. */
    void (*adam_touched)(const struct adam *adam, size_t n_lines, float *weights, float *m,
                         float *v, float *gradient, uint8_t *touched);

    const struct kernel_grid *grid;

    /* Products of bfloat16; NULL where there are none. */
    const struct kernel_bf16 *bf16;

    /* Rows of a Fourier encoding: for i < n, j < m (m a multiple of 16), n_dims 1 … 3:
     *   u = sum_d x[i, d] b[d * m + j];  out[i * ld + j] = a[j] sin(2 pi u),
     *   out[i * ld + cos_offset + j] = a[j] cos(2 pi u).
     * The products are reduced to a part of a turn before any rounding can hurt: sine and cosine
     * are within 1e-6 of those of the exact u for |u| up to 2^20.
     * cos_offset lies in m - 15 … m: the last sines may reach into the cosines' place and are then
     * overwritten by them, so that padding of b and a (both 0) between the two takes no room.
     * ld >= cos_offset + m. */
    void (*fourier)(size_t n, size_t n_dims, const float *x, size_t m, const float *b,
                    const float *a, float *out, size_t ld, size_t cos_offset);

    /* h[i] = sin(omega h[i]) for i < n, n a multiple of 16; slope[i] = omega cos(omega h[i]) unless
     * slope is NULL.  Sine and cosine are within 1e-6. */
    void (*sine)(size_t n, double omega, float *h, float *slope);

    /* h[i] = tanh(h[i]) for i < n, n a multiple of 16; within 1e-6, and in [-1, 1]. */
    void (*tanh)(size_t n, float *h);
};

/* All rows this program was built with and this processor can run, best first; *n >= 1. */
const struct kernel *const *kernel_table(size_t *n);

/* Whether the processor itself multiplies bfloat16 in this row; how many times as fast as floats,
 * by a measurement of about a millisecond (0 where it does not). */
bool kernel_has_bf16(const struct kernel *k);
double kernel_bf16_gain(const struct kernel *k);

/* The row of a name ("avx2"), or the best for "auto" and NULL; NULL if this processor cannot run
 * it. */
const struct kernel *kernel_find(const char *name);

#endif
