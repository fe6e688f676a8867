/*
 * Kernels in plain C, for processors without a row of their own, and the twin that the other rows
 * are tested against.  The compiler makes of them what the processor's vectors allow.
 */
#include <math.h>

#include "core/nn/kernel_adam.h"
#include "core/nn/kernel_rows.h"

#define INLINE static inline __attribute__((always_inline))

/* One row of 16 sums: what both gcc and clang keep in registers. */
static void row_of_tile(const struct gemm *g, size_t i, size_t column)
{
    const size_t panel = column / KERNEL_PANEL, within = column % KERNEL_PANEL;
    float sum[KERNEL_LANES] = {0};
    const float *a = g->a + i * g->a_row, *b = g->b + panel * g->b_panel + within;
    for (size_t p = 0; p < g->k; p++) {
        const float a_ip = a[p * g->a_step];
        for (size_t j = 0; j < KERNEL_LANES; j++)
            sum[j] += a_ip * b[p * g->b_step + j];
    }

    float *c = g->c + panel * g->c_panel + i * g->c_row + within;
    for (size_t j = 0; j < KERNEL_LANES; j++) {
        float v = sum[j];
        switch (g->epilogue) {
        case GEMM_STORE:
        case GEMM_RELU:
            if (g->bias)
                v += g->bias[column + j];
            if (g->epilogue == GEMM_RELU && v < 0) /* false for NaN, which stays */
                v = 0;
            break;
        case GEMM_MASK:
            if (!(g->mask[i * g->mask_row + column + j] > 0))
                v = 0;
            break;
        case GEMM_ACCUMULATE:
            v += c[j];
            break;
        }
        c[j] = v;
    }
}

static void gemm(const struct gemm *g)
{
    for (size_t column = 0; column < g->n; column += KERNEL_LANES)
        for (size_t i = 0; i < g->m; i++)
            row_of_tile(g, i, column);
}

static void add_columns(size_t n, size_t n_columns, const float *z, size_t z_row, float *sum)
{
    for (size_t first = 0; first < n_columns; first += KERNEL_LANES) {
        float lanes[KERNEL_LANES] = {0};
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < KERNEL_LANES; j++)
                lanes[j] += z[i * z_row + first + j];
        for (size_t j = 0; j < KERNEL_LANES; j++)
            sum[first + j] += lanes[j];
    }
}

/* The part of a turn that is left of u, within [-1/2, 1/2].  Products of two floats are exact in
 * double. */
INLINE double part_of_turn(double u)
{
    return u - rint(u);
}

/* turn in [-1/2, 1/2], so that quarter is -2 … 2. */
INLINE void sine_cosine(double turn, float *sine, float *cosine)
{
    const double quarter = rint(4 * turn);
    const float r = (float)(turn - 0.25 * quarter), z = r * r;
    const float s = r * (SINE_0 + z * (SINE_1 + z * (SINE_2 + z * SINE_3)));
    const float c = 1 + z * (COSINE_1 + z * (COSINE_2 + z * (COSINE_3 + z * COSINE_4)));
    if (quarter == 1) {
        *sine = c;
        *cosine = -s;
    } else if (quarter == -1) {
        *sine = -c;
        *cosine = s;
    } else {
        const float sign = quarter == 0 ? 1 : -1;
        *sine = sign * s;
        *cosine = sign * c;
    }
}

static void fourier(size_t n, size_t n_dims, const float *x, size_t m, const float *b,
                    const float *a, float *out, size_t ld, size_t cos_offset)
{
    for (size_t i = 0; i < n; i++, x += n_dims, out += ld)
        for (size_t j = m; j-- > 0;) { /* from the end: cosines overwrite the sines' padding */
            double turn = 0;
            for (size_t d = 0; d < n_dims; d++)
                turn += part_of_turn((double)x[d] * (double)b[d * m + j]);
            float sine, cosine;
            sine_cosine(part_of_turn(turn), &sine, &cosine);
            out[j] = a[j] * sine;
            out[cos_offset + j] = a[j] * cosine;
        }
}

static void sine_rows(size_t n, double omega, float *h, float *slope)
{
    for (size_t i = 0; i < n; i++) {
        float sine, cosine;
        sine_cosine(part_of_turn((double)h[i] * (omega / TWO_PI)), &sine, &cosine);
        h[i] = sine;
        if (slope)
            slope[i] = (float)omega * cosine;
    }
}

static void tanh_rows(size_t n, float *h)
{
    for (size_t i = 0; i < n; i++) {
        const float x = h[i] > TANH_END ? TANH_END : h[i] < -TANH_END ? -TANH_END : h[i];
        const float y = x * x;
        const float p = TANH_P0 + y * (TANH_P1 + y * (TANH_P2 + y * (TANH_P3 + y * TANH_P4)));
        const float q = TANH_Q0 + y * (TANH_Q1 + y * (TANH_Q2 + y * (TANH_Q3 + y * TANH_Q4)));
        const float t = x * p / q;
        h[i] = t > 1 ? 1 : t < -1 ? -1 : t;
    }
}

const struct kernel kernel_portable = {
    .name = "portable",
    .gemm = gemm,
    .gemm_rows = 1,
    .add_columns = add_columns,
    .adam = adam_rows,
    .adam_touched = adam_touched,
    .grid = &grid_portable,
    .bf16 = &bf16_portable,
    .fourier = fourier,
    .sine = sine_rows,
    .tanh = tanh_rows,
};
