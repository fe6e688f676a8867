/*
 * What rows with bfloat16 share, for processors with AVX-512 and its bfloat16 conversions:
 * rounding, transposing, packing, and the walk over blocks of C.  For kernel_avx512_bf16.c and
 * kernel_amx.c only, which differ in how a block is multiplied.
 */
#ifndef CORE_NN_KERNEL_BF16_H
#define CORE_NN_KERNEL_BF16_H

#include "core/nn/kernel_rows.h"

#ifdef __x86_64__

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = KERNEL_LANES, BLOCK = KERNEL_BLOCK };

/* A block of C on its way: floats, row-major. */
struct block {
    float sum[BLOCK][BLOCK] __attribute__((aligned(64)));
};

/* Multiply rows `row` … and columns of panel `panel` of g into *out, `columns` of them (16 or 32).
 */
typedef void (*block_product)(const struct gemm_bf16 *g, size_t row, size_t panel, size_t columns,
                              struct block *out);

INLINE __m512i words(__m256bh low, __m256bh high)
{
    return _mm512_or_si512(_mm512_cvtepu16_epi32((__m256i)low),
                           _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)high), 16));
}

/* Transpose 16 x 16 words in registers. */
INLINE void transpose(__m512i r[LANES])
{
    __m512i t[LANES];
    UNROLL(4)
    for (size_t i = 0; i < 4; i++) { /* within groups of four rows: 4 x 4 words in each lane */
        const __m512i a = _mm512_unpacklo_epi32(r[4 * i], r[4 * i + 1]);
        const __m512i b = _mm512_unpackhi_epi32(r[4 * i], r[4 * i + 1]);
        const __m512i c = _mm512_unpacklo_epi32(r[4 * i + 2], r[4 * i + 3]);
        const __m512i d = _mm512_unpackhi_epi32(r[4 * i + 2], r[4 * i + 3]);
        t[4 * i] = _mm512_unpacklo_epi64(a, c);
        t[4 * i + 1] = _mm512_unpackhi_epi64(a, c);
        t[4 * i + 2] = _mm512_unpacklo_epi64(b, d);
        t[4 * i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    UNROLL(4)
    for (size_t i = 0; i < 4; i++) { /* column 4l + i is lane l of t[i], t[4 + i], … */
        const __m512i a = _mm512_shuffle_i32x4(t[i], t[4 + i], 0x88);
        const __m512i b = _mm512_shuffle_i32x4(t[i], t[4 + i], 0xdd);
        const __m512i c = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0x88);
        const __m512i d = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0xdd);
        r[i] = _mm512_shuffle_i32x4(a, c, 0x88);
        r[8 + i] = _mm512_shuffle_i32x4(a, c, 0xdd);
        r[4 + i] = _mm512_shuffle_i32x4(b, d, 0x88);
        r[12 + i] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
}

/* 32 rows and 16 columns of floats (z_row apart) become bfloat16 at (row, column) of out.  How each
 * register of floats is changed first: */
struct finish {
    enum gemm_epilogue epilogue; /* GEMM_STORE: not at all */
    const float *bias;           /* of these columns, or NULL */
    const uint16_t *mask;        /* of this block */
    size_t mask_row;
};

INLINE __m512 finished(const enum gemm_epilogue epilogue, const struct finish *f, size_t i,
                       __m512 z, __m512 bias)
{
    if (epilogue == GEMM_RELU) /* the second operand wins where it is NaN */
        z = _mm512_max_ps(_mm512_setzero_ps(), _mm512_add_ps(z, bias));
    if (epilogue == GEMM_MASK)
        z = _mm512_maskz_mov_ps(
            _mm256_cmpgt_epi16_mask(
                _mm256_loadu_si256((const __m256i *)(f->mask + i * f->mask_row)),
                _mm256_setzero_si256()),
            z);
    return z;
}

/* What rounding z left. */
INLINE __m512 rest_of(__m512 z)
{
    const __m512i rounded = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(z));
    return _mm512_sub_ps(z, (__m512)_mm512_slli_epi32(rounded, 16));
}

/* The same rows and columns as rows and rests alone. */
INLINE void split_half_block(const enum gemm_epilogue epilogue, const struct finish *f,
                             const float *z, size_t z_row, const struct bf16_matrix *out,
                             size_t row, size_t column)
{
    const __m512 bias = f->bias ? _mm512_loadu_ps(f->bias) : _mm512_setzero_ps();
    UNROLL(4)
    for (size_t i = 0; i < BLOCK; i++) {
        const __m512 v = finished(epilogue, f, i, _mm512_loadu_ps(z + i * z_row), bias);
        const size_t at = (row + i) * out->row_step + column;
        _mm256_storeu_si256((__m256i *)(out->rows + at), (__m256i)_mm512_cvtneps_pbh(v));
        _mm256_storeu_si256((__m256i *)(out->rest + at), (__m256i)_mm512_cvtneps_pbh(rest_of(v)));
    }
}

INLINE void round_half_block(const enum gemm_epilogue epilogue, const struct finish *f,
                             const float *z, size_t z_row, const struct bf16_matrix *out,
                             size_t row, size_t column)
{
    const __m512 bias = f->bias ? _mm512_loadu_ps(f->bias) : _mm512_setzero_ps();
    __m512i pair[LANES];
    UNROLL(16)
    for (size_t p = 0; p < LANES; p++) {
        const float *even = z + 2 * p * z_row;
        const __m256bh low =
            _mm512_cvtneps_pbh(finished(epilogue, f, 2 * p, _mm512_loadu_ps(even), bias));
        const __m256bh high = _mm512_cvtneps_pbh(
            finished(epilogue, f, 2 * p + 1, _mm512_loadu_ps(even + z_row), bias));
        if (out->rows) {
            uint16_t *to = out->rows + (row + 2 * p) * out->row_step + column;
            _mm256_storeu_si256((__m256i *)to, (__m256i)low);
            _mm256_storeu_si256((__m256i *)(to + out->row_step), (__m256i)high);
        }
        pair[p] = words(low, high);
    }
    if (out->pairs) {
        UNROLL(16)
        for (size_t p = 0; p < LANES; p++)
            _mm512_storeu_si512(out->pairs + (row / 2 + p) * out->pair_step + column, pair[p]);
    }
    if (out->columns) {
        transpose(pair);
        UNROLL(16)
        for (size_t j = 0; j < LANES; j++)
            _mm512_storeu_si512(out->columns + (column + j) * out->column_step + row / 2, pair[j]);
    }
}

static void round_bf16(size_t m, size_t n, const float *z, size_t z_row,
                       const struct bf16_matrix *out)
{
    const struct finish f = {.epilogue = GEMM_STORE};
    for (size_t row = 0; row < m; row += BLOCK)
        for (size_t column = 0; column < n; column += LANES)
            if (out->rest)
                split_half_block(GEMM_STORE, &f, z + row * z_row + column, z_row, out, row, column);
            else
                round_half_block(GEMM_STORE, &f, z + row * z_row + column, z_row, out, row, column);
}

/* --- the walk over C --- */

/* The first `rows` rows of a block into c, or added to it. */
INLINE void store_floats(const struct gemm_bf16 *g, const struct block *b, size_t rows,
                         size_t columns, const float *bias, float *c)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j += LANES) {
            __m512 z = _mm512_load_ps(&b->sum[i][j]);
            float *to = c + i * g->c_row + j;
            if (g->epilogue == GEMM_ACCUMULATE)
                z = _mm512_add_ps(_mm512_loadu_ps(to), z);
            else if (bias)
                z = _mm512_add_ps(z, _mm512_loadu_ps(bias + j));
            _mm512_storeu_ps(to, z);
        }
}

INLINE void store_rounded(const struct gemm_bf16 *g, const struct block *b, size_t row,
                          size_t column, size_t columns)
{
    for (size_t j = 0; j < columns; j += LANES) {
        const struct finish f = {
            .epilogue = g->epilogue,
            .bias = g->bias ? g->bias + column + j : NULL,
            .mask = g->epilogue != GEMM_RELU ? g->mask + row * g->mask_row + column + j : NULL,
            .mask_row = g->mask_row,
        };
        if (g->out.rest)
            split_half_block(GEMM_RELU, &f, &b->sum[0][j], BLOCK, &g->out, row, column + j);
        else if (g->epilogue == GEMM_RELU)
            round_half_block(GEMM_RELU, &f, &b->sum[0][j], BLOCK, &g->out, row, column + j);
        else
            round_half_block(GEMM_MASK, &f, &b->sum[0][j], BLOCK, &g->out, row, column + j);
    }
}

INLINE void each_block(const struct gemm_bf16 *g, const block_product multiply)
{
    struct block b;
    for (size_t column = 0; column < g->n; column += BLOCK) {
        const size_t panel = column / BLOCK;
        const size_t columns = g->n - column < BLOCK ? g->n - column : BLOCK;
        for (size_t row = 0; row < g->m; row += BLOCK) {
            const size_t rows = g->m - row < BLOCK ? g->m - row : BLOCK;
            multiply(g, row, panel, columns, &b);
            if (g->epilogue == GEMM_STORE || g->epilogue == GEMM_ACCUMULATE)
                store_floats(g, &b, rows, columns, g->bias ? g->bias + column : NULL,
                             g->c + panel * g->c_panel + row * g->c_row);
            else
                store_rounded(g, &b, row, column, columns);
        }
    }
}

/* --- weights, sums --- */

INLINE __m512 row_or_zero(size_t row, size_t m, const float *w)
{
    return row < m ? _mm512_loadu_ps(w + row * KERNEL_PANEL) : _mm512_setzero_ps();
}

static void pack_bf16(size_t m, const float *w, uint32_t *pairs, uint32_t *rest,
                      uint32_t *transposed, size_t panel)
{
    for (size_t row = 0; row < m; row += BLOCK)
        for (size_t p = 0; p < KERNEL_PAIRS; p++) {
            const size_t to = (row / 2 + p) * KERNEL_PANEL, even = row + 2 * p;
            for (size_t j = 0; j < KERNEL_PANEL; j += LANES) {
                const __m512 low = row_or_zero(even, m, w + j);
                const __m512 high = row_or_zero(even + 1, m, w + j);
                _mm512_storeu_si512(pairs + to + j,
                                    words(_mm512_cvtneps_pbh(low), _mm512_cvtneps_pbh(high)));
                if (rest)
                    _mm512_storeu_si512(rest + to + j, words(_mm512_cvtneps_pbh(rest_of(low)),
                                                             _mm512_cvtneps_pbh(rest_of(high))));
            }
        }
    for (size_t row = 0; transposed && row < m; row += LANES) {
        __m512i word[LANES];
        for (size_t i = 0; i < LANES; i++)
            word[i] = (__m512i)_mm512_cvtne2ps_pbh(row_or_zero(row + i, m, w + LANES),
                                                   row_or_zero(row + i, m, w));
        transpose(word);
        uint32_t *to = transposed + row / KERNEL_PANEL * panel + row % KERNEL_PANEL;
        for (size_t q = 0; q < LANES; q++)
            _mm512_storeu_si512(to + q * KERNEL_PANEL, word[q]);
    }
}

static void add_pairs(size_t k, size_t n_columns, const uint32_t *pairs, size_t pair_step,
                      float *sum)
{
    const __m512i high = _mm512_set1_epi32((int)0xffff0000);
    for (size_t j = 0; j < n_columns; j += LANES) {
        __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
        for (size_t p = 0; p < k; p++) {
            const __m512i pair = _mm512_loadu_si512(pairs + p * pair_step + j);
            even = _mm512_add_ps(even, (__m512)_mm512_slli_epi32(pair, 16));
            odd = _mm512_add_ps(odd, (__m512)_mm512_and_si512(pair, high));
        }
        _mm512_storeu_ps(sum + j,
                         _mm512_add_ps(_mm512_loadu_ps(sum + j), _mm512_add_ps(even, odd)));
    }
}

#endif

#endif
