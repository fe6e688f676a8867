/*
 * Products of bfloat16 in plain C: the twin that the processors' own are tested against.  It is
 * slow: no fit is trained by it.
 */
#include <string.h>

#include "core/nn/kernel_rows.h"

static float float_of(uint16_t bits)
{
    const uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* To nearest, ties to even; NaN stays NaN.  Subnormal numbers become 0, as processors have it. */
static uint16_t bits_of(float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    const uint32_t exponent = word & 0x7f800000;
    if (exponent == 0)
        return (uint16_t)((word & 0x80000000) >> 16);
    if (exponent == 0x7f800000)
        return (uint16_t)((word >> 16) | ((word & 0x007fffff) ? 0x40 : 0));
    return (uint16_t)((word + 0x7fff + ((word >> 16) & 1)) >> 16);
}

static uint16_t half(uint32_t pair, size_t step)
{
    return (uint16_t)(step % 2 ? pair >> 16 : pair & 0xffff);
}

static void set_half(uint32_t *pair, size_t step, uint16_t bits)
{
    *pair = step % 2 ? (*pair & 0x0000ffff) | (uint32_t)bits << 16 : (*pair & 0xffff0000) | bits;
}

/* Element (i, j) of a matrix in all its forms. */
static void put(const struct bf16_matrix *out, size_t i, size_t j, float value)
{
    const uint16_t bits = bits_of(value);
    if (out->rows)
        out->rows[i * out->row_step + j] = bits;
    if (out->pairs)
        set_half(&out->pairs[i / 2 * out->pair_step + j], i, bits);
    if (out->columns)
        set_half(&out->columns[j * out->column_step + i / 2], i, bits);
    if (out->rest)
        out->rest[i * out->row_step + j] = bits_of(value - float_of(bits));
}

static float dot(const struct gemm_bf16 *g, const uint32_t *a, const uint32_t *b)
{
    float sum = 0;
    for (size_t p = 0; p < g->k; p++)
        for (size_t step = 0; step < 2; step++)
            sum += float_of(half(a[p], step)) * float_of(half(b[p * g->b_step], step));
    return sum;
}

static float product(const struct gemm_bf16 *g, size_t i, size_t j)
{
    const size_t a_at = i * g->a_row;
    const size_t b_at = j / KERNEL_PANEL * g->b_panel + j % KERNEL_PANEL;
    const float sum = dot(g, g->a + a_at, g->b + b_at);
    if (!g->a_rest)
        return sum;
    return sum + dot(g, g->a_rest + a_at, g->b + b_at) + dot(g, g->a + a_at, g->b_rest + b_at);
}

static float *float_at(const struct gemm_bf16 *g, size_t i, size_t j)
{
    return g->c + j / KERNEL_PANEL * g->c_panel + i * g->c_row + j % KERNEL_PANEL;
}

static void gemm(const struct gemm_bf16 *g)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            float v = product(g, i, j);
            switch (g->epilogue) {
            case GEMM_STORE:
                *float_at(g, i, j) = g->bias ? v + g->bias[j] : v;
                break;
            case GEMM_ACCUMULATE:
                *float_at(g, i, j) += v;
                break;
            case GEMM_RELU:
                v += g->bias ? g->bias[j] : 0;
                put(&g->out, i, j, v < 0 ? 0 : v); /* false for NaN, which stays */
                break;
            case GEMM_MASK:
                put(&g->out, i, j, float_of(g->mask[i * g->mask_row + j]) > 0 ? v : 0);
                break;
            }
        }
}

static void round_rows(size_t m, size_t n, const float *z, size_t z_row,
                       const struct bf16_matrix *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            put(out, i, j, z[i * z_row + j]);
}

static void pack(size_t m, const float *w, uint32_t *pairs, uint32_t *rest, uint32_t *transposed,
                 size_t panel)
{
    const size_t n_pairs = (m + KERNEL_BLOCK - 1) / KERNEL_BLOCK * KERNEL_PAIRS;
    const size_t n_rows = (m + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
    for (size_t k = 0; k < 2 * n_pairs; k++)
        for (size_t j = 0; j < KERNEL_PANEL; j++) {
            const float value = k < m ? w[k * KERNEL_PANEL + j] : 0;
            const uint16_t bits = bits_of(value);
            set_half(&pairs[k / 2 * KERNEL_PANEL + j], k, bits);
            if (rest)
                set_half(&rest[k / 2 * KERNEL_PANEL + j], k, bits_of(value - float_of(bits)));
            if (transposed && k < n_rows)
                set_half(
                    &transposed[k / KERNEL_PANEL * panel + j / 2 * KERNEL_PANEL + k % KERNEL_PANEL],
                    j, bits);
        }
}

static void add_pairs(size_t k, size_t n_columns, const uint32_t *pairs, size_t pair_step,
                      float *sum)
{
    for (size_t j = 0; j < n_columns; j++) {
        float all = 0;
        for (size_t p = 0; p < k; p++)
            for (size_t step = 0; step < 2; step++)
                all += float_of(half(pairs[p * pair_step + j], step));
        sum[j] += all;
    }
}

const struct kernel_bf16 bf16_portable = {
    .k_pairs = 1,
    .gemm = gemm,
    .round = round_rows,
    .pack = pack,
    .add_pairs = add_pairs,
};
