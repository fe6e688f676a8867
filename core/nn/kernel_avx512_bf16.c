/*
 * Products of bfloat16 by AVX-512 (VDPBF16PS).  Such a product does the work of two multiply-adds;
 * processors with two units for multiply-adds but one for it gain nothing (kernel_bf16_gain
 * measures that).
 */
#include "core/nn/kernel_bf16.h"

#ifdef __x86_64__

enum { TILE_ROWS = 11, TILE_VECTORS = 2 };

/* What is multiplied: the operands, or these and their rests. */
struct product {
    size_t n;
    const uint32_t *a[3], *b[3];
};

/* `rows` rows (from row `first` of a block) and 16 * vectors columns.  Inlined with constants, so
 * that `sum` lives in registers. */
INLINE void tile(const size_t rows, const size_t vectors, const struct gemm_bf16 *g,
                 const struct product *product, size_t first, struct block *out)
{
    __m512 sum[TILE_ROWS][TILE_VECTORS];
    UNROLL(11)
    for (size_t i = 0; i < rows; i++) {
        UNROLL(2)
        for (size_t j = 0; j < vectors; j++)
            sum[i][j] = _mm512_setzero_ps();
    }
    for (size_t part = 0; part < product->n; part++) {
        const uint32_t *a = product->a[part] + first * g->a_row, *b = product->b[part];
        UNROLL(2)
        for (size_t p = g->k; p > 0; p--) {
            __m512i b_row[TILE_VECTORS];
            UNROLL(2)
            for (size_t j = 0; j < vectors; j++)
                b_row[j] = _mm512_loadu_si512(b + LANES * j);
            UNROLL(11)
            for (size_t i = 0; i < rows; i++) {
                const __m512bh a_ip = (__m512bh)_mm512_set1_epi32((int)a[i * g->a_row]);
                UNROLL(2)
                for (size_t j = 0; j < vectors; j++)
                    sum[i][j] = _mm512_dpbf16_ps(sum[i][j], a_ip, (__m512bh)b_row[j]);
            }
            a++;
            b += g->b_step;
        }
    }
    UNROLL(11)
    for (size_t i = 0; i < rows; i++) {
        UNROLL(2)
        for (size_t j = 0; j < vectors; j++)
            _mm512_store_ps(&out->sum[first + i][LANES * j], sum[i][j]);
    }
}

INLINE void rows_of_block(const size_t vectors, const struct gemm_bf16 *g,
                          const struct product *product, struct block *out)
{
    tile(TILE_ROWS, vectors, g, product, 0, out);
    tile(TILE_ROWS, vectors, g, product, TILE_ROWS, out);
    tile(BLOCK - 2 * TILE_ROWS, vectors, g, product, (size_t)2 * TILE_ROWS, out);
}

static void multiply(const struct gemm_bf16 *g, size_t row, size_t panel, size_t columns,
                     struct block *out)
{
    const size_t a_at = row * g->a_row, b_at = panel * g->b_panel;
    struct product product = {.n = 1, .a = {g->a + a_at}, .b = {g->b + b_at}};
    if (g->a_rest)
        product = (struct product){
            .n = 3,
            .a = {g->a_rest + a_at, g->a + a_at, g->a + a_at},
            .b = {g->b + b_at, g->b_rest + b_at, g->b + b_at},
        };
    if (columns == BLOCK)
        rows_of_block(2, g, &product, out);
    else
        rows_of_block(1, g, &product, out);
}

static void gemm_bf16(const struct gemm_bf16 *g)
{
    each_block(g, multiply);
}

const struct kernel_bf16 bf16_avx512 = {
    .k_pairs = 1,
    .gemm = gemm_bf16,
    .round = round_bf16,
    .pack = pack_bf16,
    .add_pairs = add_pairs,
};

#endif
