/*
 * Kernels for AVX2 with FMA.  What they compute is said in kernel_avx512.c, where the same steps
 * stand for registers of twice the width.
 *
 * The product keeps a tile of 6 rows x 16 columns of C in 12 of the 16 registers.
 */
#include "core/nn/kernel_adam.h"
#include "core/nn/kernel_rows.h"

#ifdef __x86_64__

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2, AHEAD = 16 };

/* A strip of C: some rows of 16 columns. */
struct strip {
    const float *a, *b, *bias, *mask;
    float *c;
};

/* The epilogue: a sum becomes the lanes of C from a row and a column of the strip. */
INLINE void store(const struct gemm *g, const struct strip *s, size_t row, size_t column,
                  __m256 sum)
{
    const __m256 zero = _mm256_setzero_ps();
    float *c = s->c + row * g->c_row + column;
    switch (g->epilogue) {
    case GEMM_STORE:
    case GEMM_RELU:
        if (s->bias)
            sum = _mm256_add_ps(sum, _mm256_loadu_ps(s->bias + column));
        if (g->epilogue == GEMM_RELU) /* the second operand wins where it is NaN */
            sum = _mm256_max_ps(zero, sum);
        break;
    case GEMM_MASK:
        sum =
            _mm256_and_ps(sum, _mm256_cmp_ps(_mm256_loadu_ps(s->mask + row * g->mask_row + column),
                                             zero, _CMP_GT_OQ));
        break;
    case GEMM_ACCUMULATE:
        sum = _mm256_add_ps(_mm256_loadu_ps(c), sum);
        break;
    }
    _mm256_storeu_ps(c, sum);
}

/* All rows of a strip.  Inlined with constant rows, so that `sum` lives in registers. */
INLINE void tile(const size_t rows, const struct gemm *g, const struct strip *s)
{
    __m256 sum[TILE_ROWS][TILE_VECTORS];
    UNROLL(6)
    for (size_t i = 0; i < rows; i++)
        sum[i][0] = sum[i][1] = _mm256_setzero_ps();
    UNROLL(6)
    for (size_t i = 0; i < rows; i++) /* the lines come while the sums are made */
        __builtin_prefetch(s->c + i * g->c_row, 1);

    const size_t a_row = g->a_row, a_step = g->a_step, b_step = g->b_step;
    const float *a = s->a, *b = s->b;
    UNROLL(2)
    for (size_t p = g->k; p > 0; p--) {
        const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + LANES);
        UNROLL(6)
        for (size_t i = 0; i < rows; i++) {
            const __m256 a_ip = _mm256_broadcast_ss(a + i * a_row);
            sum[i][0] = _mm256_fmadd_ps(a_ip, b0, sum[i][0]);
            sum[i][1] = _mm256_fmadd_ps(a_ip, b1, sum[i][1]);
        }
        _mm_prefetch((const char *)(a + AHEAD * a_step), _MM_HINT_T0);
        a += a_step;
        b += b_step;
    }

    UNROLL(6)
    for (size_t i = 0; i < rows; i++) {
        store(g, s, i, 0, sum[i][0]);
        store(g, s, i, LANES, sum[i][1]);
    }
}

#define TILE_OF(n)                                                                                 \
    case n:                                                                                        \
        tile(n, g, s);                                                                             \
        break

static void tile_of_rows(size_t rows, const struct gemm *g, const struct strip *s)
{
    switch (rows) {
        TILE_OF(1);
        TILE_OF(2);
        TILE_OF(3);
        TILE_OF(4);
        TILE_OF(5);
        TILE_OF(6);
    }
}

static void gemm(const struct gemm *g)
{
    /* Strips of equal height, or nearly: a low one at the end would be a slow one. */
    const size_t n_strips = (g->m + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t column = 0; column < g->n; column += KERNEL_LANES) {
        const size_t panel = column / KERNEL_PANEL, within = column % KERNEL_PANEL;
        size_t row = 0;
        for (size_t i = 0; i < n_strips; i++) {
            const size_t rows = (g->m - row + n_strips - i - 1) / (n_strips - i);
            const struct strip s = {
                .a = g->a + row * g->a_row,
                .b = g->b + panel * g->b_panel + within,
                .bias = g->bias ? g->bias + column : NULL,
                .mask = g->epilogue == GEMM_MASK ? g->mask + row * g->mask_row + column : NULL,
                .c = g->c + panel * g->c_panel + row * g->c_row + within,
            };
            tile_of_rows(rows, g, &s);
            row += rows;
        }
    }
}

static void add_columns(size_t n, size_t n_columns, const float *z, size_t z_row, float *sum)
{
    for (size_t j = 0; j < n_columns; j += LANES) {
        __m256 lanes = _mm256_setzero_ps();
        for (size_t i = 0; i < n; i++)
            lanes = _mm256_add_ps(lanes, _mm256_loadu_ps(z + i * z_row + j));
        _mm256_storeu_ps(sum + j, _mm256_add_ps(_mm256_loadu_ps(sum + j), lanes));
    }
}

INLINE __m256 nearest(__m256 v)
{
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE void turns_of_product(__m256 x, __m256 b, __m256 *turn, __m256 *rest)
{
    const __m256 p = _mm256_mul_ps(x, b);
    *rest = _mm256_fmsub_ps(x, b, p);
    *turn = _mm256_sub_ps(p, nearest(p));
}

INLINE void sine_cosine(__m256 turn, __m256 rest, __m256 *sine, __m256 *cosine)
{
    const __m256 quarter = nearest(_mm256_mul_ps(_mm256_add_ps(turn, rest), _mm256_set1_ps(4)));
    const __m256 r = _mm256_add_ps(_mm256_fmadd_ps(quarter, _mm256_set1_ps(-0.25f), turn), rest);
    const __m256 z = _mm256_mul_ps(r, r);

    __m256 s = _mm256_fmadd_ps(z, _mm256_set1_ps(SINE_3), _mm256_set1_ps(SINE_2));
    s = _mm256_fmadd_ps(s, z, _mm256_set1_ps(SINE_1));
    s = _mm256_fmadd_ps(s, z, _mm256_set1_ps(SINE_0));
    s = _mm256_mul_ps(s, r);
    __m256 c = _mm256_fmadd_ps(z, _mm256_set1_ps(COSINE_4), _mm256_set1_ps(COSINE_3));
    c = _mm256_fmadd_ps(c, z, _mm256_set1_ps(COSINE_2));
    c = _mm256_fmadd_ps(c, z, _mm256_set1_ps(COSINE_1));
    c = _mm256_fmadd_ps(c, z, _mm256_set1_ps(1));

    const __m256i q = _mm256_cvtps_epi32(quarter), two = _mm256_set1_epi32(2);
    const __m256 odd = _mm256_castsi256_ps(_mm256_slli_epi32(q, 31));
    const __m256i sine_sign = _mm256_slli_epi32(_mm256_and_si256(q, two), 30);
    const __m256i cosine_sign =
        _mm256_slli_epi32(_mm256_and_si256(_mm256_add_epi32(q, _mm256_set1_epi32(1)), two), 30);
    *sine = _mm256_xor_ps(_mm256_blendv_ps(s, c, odd), _mm256_castsi256_ps(sine_sign));
    *cosine = _mm256_xor_ps(_mm256_blendv_ps(c, s, odd), _mm256_castsi256_ps(cosine_sign));
}

static void fourier(size_t n, size_t n_dims, const float *x, size_t m, const float *b,
                    const float *a, float *out, size_t ld, size_t cos_offset)
{
    for (size_t i = 0; i < n; i++, x += n_dims, out += ld)
        /* From the end, and both halves of 16 lanes of sines before their cosines: cosines
         * overwrite the sines' padding. */
        for (size_t j = m; j > 0;) {
            j -= KERNEL_LANES;
            __m256 sine[TILE_VECTORS], cosine[TILE_VECTORS];
            for (size_t v = 0; v < TILE_VECTORS; v++) {
                const float *b_v = b + j + LANES * v;
                __m256 turn, rest;
                turns_of_product(_mm256_set1_ps(x[0]), _mm256_loadu_ps(b_v), &turn, &rest);
                for (size_t d = 1; d < n_dims; d++) {
                    __m256 turn_d, rest_d;
                    turns_of_product(_mm256_set1_ps(x[d]), _mm256_loadu_ps(b_v + d * m), &turn_d,
                                     &rest_d);
                    turn = _mm256_add_ps(turn, turn_d);
                    rest = _mm256_add_ps(rest, rest_d);
                }
                sine_cosine(turn, rest, &sine[v], &cosine[v]);
                const __m256 amplitude = _mm256_loadu_ps(a + j + LANES * v);
                sine[v] = _mm256_mul_ps(amplitude, sine[v]);
                cosine[v] = _mm256_mul_ps(amplitude, cosine[v]);
            }
            for (size_t v = 0; v < TILE_VECTORS; v++)
                _mm256_storeu_ps(out + j + LANES * v, sine[v]);
            for (size_t v = 0; v < TILE_VECTORS; v++)
                _mm256_storeu_ps(out + cos_offset + j + LANES * v, cosine[v]);
        }
}

static void sine_rows(size_t n, double omega, float *h, float *slope)
{
    /* Turns per unit of h, as a float and what it leaves. */
    const float head = (float)(omega / TWO_PI), tail = (float)(omega / TWO_PI - (double)head);
    const __m256 scale = _mm256_set1_ps((float)omega);
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 z = _mm256_loadu_ps(h + i);
        __m256 turn, rest, sine, cosine;
        turns_of_product(z, _mm256_set1_ps(head), &turn, &rest);
        rest = _mm256_fmadd_ps(z, _mm256_set1_ps(tail), rest);
        sine_cosine(turn, rest, &sine, &cosine);
        _mm256_storeu_ps(h + i, sine);
        if (slope)
            _mm256_storeu_ps(slope + i, _mm256_mul_ps(scale, cosine));
    }
}

static void tanh_rows(size_t n, float *h)
{
    const __m256 end = _mm256_set1_ps(TANH_END), one = _mm256_set1_ps(1);
    const __m256 minus_end = _mm256_set1_ps(-TANH_END), minus_one = _mm256_set1_ps(-1);
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 x = _mm256_min_ps(end, _mm256_max_ps(minus_end, _mm256_loadu_ps(h + i)));
        const __m256 y = _mm256_mul_ps(x, x);
        __m256 p = _mm256_fmadd_ps(y, _mm256_set1_ps(TANH_P4), _mm256_set1_ps(TANH_P3));
        p = _mm256_fmadd_ps(p, y, _mm256_set1_ps(TANH_P2));
        p = _mm256_fmadd_ps(p, y, _mm256_set1_ps(TANH_P1));
        p = _mm256_fmadd_ps(p, y, _mm256_set1_ps(TANH_P0));
        __m256 q = _mm256_fmadd_ps(y, _mm256_set1_ps(TANH_Q4), _mm256_set1_ps(TANH_Q3));
        q = _mm256_fmadd_ps(q, y, _mm256_set1_ps(TANH_Q2));
        q = _mm256_fmadd_ps(q, y, _mm256_set1_ps(TANH_Q1));
        q = _mm256_fmadd_ps(q, y, _mm256_set1_ps(TANH_Q0));
        const __m256 t = _mm256_div_ps(_mm256_mul_ps(x, p), q);
        _mm256_storeu_ps(h + i, _mm256_min_ps(one, _mm256_max_ps(minus_one, t)));
    }
}

const struct kernel kernel_avx2 = {
    .name = "avx2",
    .gemm = gemm,
    .gemm_rows = TILE_ROWS,
    .add_columns = add_columns,
    .adam = adam_rows,
    .adam_touched = adam_touched,
    .grid = &grid_avx2,
    .fourier = fourier,
    .sine = sine_rows,
    .tanh = tanh_rows,
};

#endif
