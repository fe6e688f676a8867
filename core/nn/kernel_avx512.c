/*
 * Kernels for AVX-512 (F, BW, DQ, VL).
 *
 * The product keeps a tile of 14 rows x 32 columns of C in 28 registers and walks down k: two loads
 * of B and 14 broadcasts of A feed 28 multiply-adds.  That is more than the latency of 4 cycles
 * times the two units need, few loads for each of them, and little of B from the second-level
 * cache.  A is read in place, so the same tile serves transposed operands.
 */
#include "core/nn/kernel_adam.h"
#include "core/nn/kernel_rows.h"

#ifdef __x86_64__

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = KERNEL_LANES, TILE_ROWS = 14, TILE_VECTORS = 2, AHEAD = 16 };

/* A strip of C: some rows of one panel, or of half of one. */
struct strip {
    const float *a, *b, *bias, *mask;
    float *c;
};

/* The epilogue of one register.  offset: from the strip's first number to its lanes. */
INLINE __m512 finish(const enum gemm_epilogue epilogue, const struct gemm *g, const struct strip *s,
                     size_t row, size_t column, __m512 sum)
{
    const __m512 zero = _mm512_setzero_ps();
    switch (epilogue) {
    case GEMM_STORE:
        return s->bias ? _mm512_add_ps(sum, _mm512_loadu_ps(s->bias + column)) : sum;
    case GEMM_RELU: /* the second operand wins where it is NaN */
        return _mm512_max_ps(zero,
                             s->bias ? _mm512_add_ps(sum, _mm512_loadu_ps(s->bias + column)) : sum);
    case GEMM_MASK:
        return _mm512_maskz_mov_ps(
            _mm512_cmp_ps_mask(_mm512_loadu_ps(s->mask + row * g->mask_row + column), zero,
                               _CMP_GT_OQ),
            sum);
    case GEMM_ACCUMULATE:
        return _mm512_add_ps(_mm512_loadu_ps(s->c + row * g->c_row + column), sum);
    }
    return sum;
}

INLINE void store(const enum gemm_epilogue epilogue, const size_t rows, const size_t vectors,
                  const struct gemm *g, const struct strip *s, __m512 sum[][TILE_VECTORS])
{
    UNROLL(14)
    for (size_t i = 0; i < rows; i++) {
        UNROLL(2)
        for (size_t j = 0; j < vectors; j++)
            _mm512_storeu_ps(s->c + i * g->c_row + LANES * j,
                             finish(epilogue, g, s, i, LANES * j, sum[i][j]));
    }
}

/* All rows and 16 * vectors columns of a strip.  Inlined with constant rows and vectors, so that
 * `sum` lives in registers. */
INLINE void tile(const size_t rows, const size_t vectors, const struct gemm *g,
                 const struct strip *s)
{
    __m512 sum[TILE_ROWS][TILE_VECTORS];
    UNROLL(14)
    for (size_t i = 0; i < rows; i++) {
        UNROLL(2)
        for (size_t j = 0; j < vectors; j++)
            sum[i][j] = _mm512_setzero_ps();
    }

    UNROLL(14)
    for (size_t i = 0; i < rows; i++) { /* the lines come while the sums are made */
        UNROLL(2)
        for (size_t j = 0; j < vectors; j++)
            __builtin_prefetch(s->c + i * g->c_row + LANES * j, 1);
    }
    const size_t a_row = g->a_row, a_step = g->a_step, b_step = g->b_step;
    const float *a = s->a, *b = s->b;
    UNROLL(2)
    for (size_t p = g->k; p > 0; p--) {
        __m512 b_row[TILE_VECTORS];
        UNROLL(2)
        for (size_t j = 0; j < vectors; j++)
            b_row[j] = _mm512_loadu_ps(b + LANES * j);
        UNROLL(14)
        for (size_t i = 0; i < rows; i++) {
            const __m512 a_ip = _mm512_set1_ps(a[i * a_row]);
            UNROLL(2)
            for (size_t j = 0; j < vectors; j++)
                sum[i][j] = _mm512_fmadd_ps(a_ip, b_row[j], sum[i][j]);
        }
        _mm_prefetch((const char *)(a + AHEAD * a_step), _MM_HINT_T0);
        a += a_step;
        b += b_step;
    }

    switch (g->epilogue) {
    case GEMM_STORE:
        store(GEMM_STORE, rows, vectors, g, s, sum);
        break;
    case GEMM_RELU:
        store(GEMM_RELU, rows, vectors, g, s, sum);
        break;
    case GEMM_MASK:
        store(GEMM_MASK, rows, vectors, g, s, sum);
        break;
    case GEMM_ACCUMULATE:
        store(GEMM_ACCUMULATE, rows, vectors, g, s, sum);
        break;
    }
}

#define TILE_OF(n)                                                                                 \
    case n:                                                                                        \
        tile(n, vectors, g, s);                                                                    \
        break

INLINE void tile_of_rows(size_t rows, const size_t vectors, const struct gemm *g,
                         const struct strip *s)
{
    switch (rows) {
        TILE_OF(1);
        TILE_OF(2);
        TILE_OF(3);
        TILE_OF(4);
        TILE_OF(5);
        TILE_OF(6);
        TILE_OF(7);
        TILE_OF(8);
        TILE_OF(9);
        TILE_OF(10);
        TILE_OF(11);
        TILE_OF(12);
        TILE_OF(13);
        TILE_OF(14);
    }
}

static void gemm(const struct gemm *g)
{
    /* Strips of equal height, or nearly: a low one at the end would be a slow one. */
    const size_t n_strips = (g->m + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t column = 0; column < g->n; column += KERNEL_PANEL) {
        const size_t panel = column / KERNEL_PANEL;
        size_t row = 0;
        for (size_t i = 0; i < n_strips; i++) {
            const size_t rows = (g->m - row + n_strips - i - 1) / (n_strips - i);
            const struct strip s = {
                .a = g->a + row * g->a_row,
                .b = g->b + panel * g->b_panel,
                .bias = g->bias ? g->bias + column : NULL,
                .mask = g->epilogue == GEMM_MASK ? g->mask + row * g->mask_row + column : NULL,
                .c = g->c + panel * g->c_panel + row * g->c_row,
            };
            if (g->n - column >= KERNEL_PANEL)
                tile_of_rows(rows, 2, g, &s);
            else
                tile_of_rows(rows, 1, g, &s);
            row += rows;
        }
    }
}

static void add_columns(size_t n, size_t n_columns, const float *z, size_t z_row, float *sum)
{
    for (size_t j = 0; j < n_columns; j += LANES) {
        __m512 lanes = _mm512_setzero_ps();
        for (size_t i = 0; i < n; i++)
            lanes = _mm512_add_ps(lanes, _mm512_loadu_ps(z + i * z_row + j));
        _mm512_storeu_ps(sum + j, _mm512_add_ps(_mm512_loadu_ps(sum + j), lanes));
    }
}

/* The product x b in turns, mod 1, as two parts: *turn in [-1/2, 1/2] and *rest, what rounding the
 * product lost. */
INLINE void turns_of_product(__m512 x, __m512 b, __m512 *turn, __m512 *rest)
{
    const __m512 p = _mm512_mul_ps(x, b);
    *rest = _mm512_fmsub_ps(x, b, p);
    *turn = _mm512_sub_ps(p, _mm512_roundscale_ps(p, _MM_FROUND_TO_NEAREST_INT));
}

/* Sine and cosine of turn + rest turns, |turn| <= 3/2, rest small. */
INLINE void sine_cosine(__m512 turn, __m512 rest, __m512 *sine, __m512 *cosine)
{
    /* quarter / 4 is taken from turn, which is exact, before rest is added to what is left. */
    const __m512 quarter = _mm512_roundscale_ps(
        _mm512_mul_ps(_mm512_add_ps(turn, rest), _mm512_set1_ps(4)), _MM_FROUND_TO_NEAREST_INT);
    const __m512 r = _mm512_add_ps(_mm512_fmadd_ps(quarter, _mm512_set1_ps(-0.25f), turn), rest);
    const __m512 z = _mm512_mul_ps(r, r);

    __m512 s = _mm512_fmadd_ps(z, _mm512_set1_ps(SINE_3), _mm512_set1_ps(SINE_2));
    s = _mm512_fmadd_ps(s, z, _mm512_set1_ps(SINE_1));
    s = _mm512_fmadd_ps(s, z, _mm512_set1_ps(SINE_0));
    s = _mm512_mul_ps(s, r);
    __m512 c = _mm512_fmadd_ps(z, _mm512_set1_ps(COSINE_4), _mm512_set1_ps(COSINE_3));
    c = _mm512_fmadd_ps(c, z, _mm512_set1_ps(COSINE_2));
    c = _mm512_fmadd_ps(c, z, _mm512_set1_ps(COSINE_1));
    c = _mm512_fmadd_ps(c, z, _mm512_set1_ps(1));

    /* Quarter turns: odd ones swap the two, bit 1 of quarter (+ 1 for the cosine) is the sign. */
    const __m512i q = _mm512_cvtps_epi32(quarter), two = _mm512_set1_epi32(2);
    const __mmask16 odd = _mm512_test_epi32_mask(q, _mm512_set1_epi32(1));
    const __m512i sine_sign = _mm512_slli_epi32(_mm512_and_si512(q, two), 30);
    const __m512i cosine_sign =
        _mm512_slli_epi32(_mm512_and_si512(_mm512_add_epi32(q, _mm512_set1_epi32(1)), two), 30);
    *sine = _mm512_xor_ps(_mm512_mask_blend_ps(odd, s, c), _mm512_castsi512_ps(sine_sign));
    *cosine = _mm512_xor_ps(_mm512_mask_blend_ps(odd, c, s), _mm512_castsi512_ps(cosine_sign));
}

INLINE void fourier_rows(const size_t n_dims, size_t n, const float *x, size_t m, const float *b,
                         const float *a, float *out, size_t ld, size_t cos_offset)
{
    for (size_t i = 0; i < n; i++, x += n_dims, out += ld)
        for (size_t j = m; j > 0;) { /* from the end: cosines overwrite the sines' padding */
            j -= LANES;
            __m512 turn, rest;
            turns_of_product(_mm512_set1_ps(x[0]), _mm512_loadu_ps(b + j), &turn, &rest);
            for (size_t d = 1; d < n_dims; d++) {
                __m512 turn_d, rest_d;
                turns_of_product(_mm512_set1_ps(x[d]), _mm512_loadu_ps(b + d * m + j), &turn_d,
                                 &rest_d);
                turn = _mm512_add_ps(turn, turn_d);
                rest = _mm512_add_ps(rest, rest_d);
            }
            __m512 sine, cosine;
            sine_cosine(turn, rest, &sine, &cosine);
            const __m512 amplitude = _mm512_loadu_ps(a + j);
            _mm512_storeu_ps(out + j, _mm512_mul_ps(amplitude, sine));
            _mm512_storeu_ps(out + cos_offset + j, _mm512_mul_ps(amplitude, cosine));
        }
}

static void fourier(size_t n, size_t n_dims, const float *x, size_t m, const float *b,
                    const float *a, float *out, size_t ld, size_t cos_offset)
{
    switch (n_dims) {
    case 3:
        fourier_rows(3, n, x, m, b, a, out, ld, cos_offset);
        break;
    case 2:
        fourier_rows(2, n, x, m, b, a, out, ld, cos_offset);
        break;
    default:
        fourier_rows(1, n, x, m, b, a, out, ld, cos_offset);
        break;
    }
}

static void sine_rows(size_t n, double omega, float *h, float *slope)
{
    /* Turns per unit of h, as a float and what it leaves. */
    const float head = (float)(omega / TWO_PI), tail = (float)(omega / TWO_PI - (double)head);
    const __m512 scale = _mm512_set1_ps((float)omega);
    for (size_t i = 0; i < n; i += LANES) {
        const __m512 z = _mm512_loadu_ps(h + i);
        __m512 turn, rest, sine, cosine;
        turns_of_product(z, _mm512_set1_ps(head), &turn, &rest);
        rest = _mm512_fmadd_ps(z, _mm512_set1_ps(tail), rest);
        sine_cosine(turn, rest, &sine, &cosine);
        _mm512_storeu_ps(h + i, sine);
        if (slope)
            _mm512_storeu_ps(slope + i, _mm512_mul_ps(scale, cosine));
    }
}

static void tanh_rows(size_t n, float *h)
{
    const __m512 end = _mm512_set1_ps(TANH_END), one = _mm512_set1_ps(1);
    const __m512 minus_end = _mm512_set1_ps(-TANH_END), minus_one = _mm512_set1_ps(-1);
    for (size_t i = 0; i < n; i += LANES) {
        const __m512 x = _mm512_min_ps(end, _mm512_max_ps(minus_end, _mm512_loadu_ps(h + i)));
        const __m512 y = _mm512_mul_ps(x, x);
        __m512 p = _mm512_fmadd_ps(y, _mm512_set1_ps(TANH_P4), _mm512_set1_ps(TANH_P3));
        p = _mm512_fmadd_ps(p, y, _mm512_set1_ps(TANH_P2));
        p = _mm512_fmadd_ps(p, y, _mm512_set1_ps(TANH_P1));
        p = _mm512_fmadd_ps(p, y, _mm512_set1_ps(TANH_P0));
        __m512 q = _mm512_fmadd_ps(y, _mm512_set1_ps(TANH_Q4), _mm512_set1_ps(TANH_Q3));
        q = _mm512_fmadd_ps(q, y, _mm512_set1_ps(TANH_Q2));
        q = _mm512_fmadd_ps(q, y, _mm512_set1_ps(TANH_Q1));
        q = _mm512_fmadd_ps(q, y, _mm512_set1_ps(TANH_Q0));
        const __m512 t = _mm512_div_ps(_mm512_mul_ps(x, p), q);
        _mm512_storeu_ps(h + i, _mm512_min_ps(one, _mm512_max_ps(minus_one, t)));
    }
}

#define FLOAT_ROW                                                                                  \
    .gemm = gemm, .gemm_rows = TILE_ROWS, .add_columns = add_columns, .adam = adam_rows,           \
    .adam_touched = adam_touched, .grid = &grid_avx512, .fourier = fourier, .sine = sine_rows,     \
    .tanh = tanh_rows

const struct kernel kernel_avx512 = {.name = "avx512", FLOAT_ROW};
const struct kernel kernel_avx512_bf16 = {.name = "avx512_bf16", FLOAT_ROW, .bf16 = &bf16_avx512};
const struct kernel kernel_amx = {.name = "amx", FLOAT_ROW, .bf16 = &bf16_amx};

#endif
