/*
 * Products of bfloat16 in every row of the kernel table against the portable ones, and those
 * against double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

static const struct kernel *const *kernels;
static size_t n_kernels;

static int find_kernels(void **state)
{
    (void)state;
    kernels = kernel_table(&n_kernels);
    return 0;
}

enum { B_M = 96, B_N = 80, B_PAIRS = 64, B_ROW = B_PAIRS + 16, B_OUT = 96 };

static uint32_t *random_pairs(size_t n, uint64_t seed)
{
    float *x = random_floats(2 * n, seed);
    uint32_t *pairs = mem_alloc_array(n, sizeof *pairs);
    assert_non_null(pairs);
    for (size_t i = 0; i < n; i++) {
        uint32_t low, high;
        memcpy(&low, &x[2 * i], sizeof low);
        memcpy(&high, &x[2 * i + 1], sizeof high);
        pairs[i] = low >> 16 | (high & 0xffff0000);
    }
    mem_free(x);
    return pairs;
}

static double half_of(uint32_t word, size_t step)
{
    const uint32_t bits = step % 2 ? word & 0xffff0000 : word << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* All that a product may write. */
struct results {
    float c[B_M * B_OUT];
    uint16_t rows[B_M * B_OUT];
    uint32_t pairs[B_M / 2 * B_OUT], columns[B_OUT * B_M / 2];
};

static struct gemm_bf16 bf16_product(const uint32_t *a, const uint32_t *b, const float *bias,
                                     const uint16_t *mask, size_t m, size_t n, size_t k,
                                     enum gemm_epilogue epilogue, struct results *r)
{
    return (struct gemm_bf16){
        .m = m,
        .n = n,
        .k = k,
        .a = a,
        .a_row = B_ROW,
        .b = b,
        .b_step = KERNEL_PANEL,
        .b_panel = k * KERNEL_PANEL,
        .epilogue = epilogue,
        .bias = bias,
        .c = r->c,
        .c_row = B_OUT,
        .c_panel = KERNEL_PANEL,
        .mask = mask,
        .mask_row = B_OUT,
        .out = {r->rows, B_OUT, r->pairs, B_OUT, r->columns, B_M / 2, NULL},
    };
}

static void fill_results(struct results *r, const float *c)
{
    memset(r, 0x5a, sizeof *r);
    memcpy(r->c, c, sizeof r->c);
}

/* Rounded results may differ by a unit in the last place where sums differ in theirs. */
static bool is_near(uint16_t a, uint16_t b)
{
    const double x = half_of(a, 0), y = half_of(b, 0);
    return fabs(x - y) <= 0.01 * fmax(fabs(x), fabs(y)) + 1e-5;
}

static void assert_results_near(const struct results *r, const struct results *expected)
{
    assert_true(compare_relative_float(B_M * B_OUT, r->c, expected->c) < 1e-5);
    for (size_t i = 0; i < B_M * B_OUT; i++)
        assert_true(is_near(r->rows[i], expected->rows[i]));
    for (size_t i = 0; i < B_M / 2 * B_OUT; i++) {
        assert_true(is_near((uint16_t)r->pairs[i], (uint16_t)expected->pairs[i]));
        assert_true(is_near((uint16_t)(r->pairs[i] >> 16), (uint16_t)(expected->pairs[i] >> 16)));
        assert_true(is_near((uint16_t)r->columns[i], (uint16_t)expected->columns[i]));
        assert_true(
            is_near((uint16_t)(r->columns[i] >> 16), (uint16_t)(expected->columns[i] >> 16)));
    }
}

static void bf16_products_match_double_and_portable(void **state)
{
    (void)state;
    static const enum gemm_epilogue epilogues[] = {GEMM_STORE, GEMM_RELU, GEMM_MASK,
                                                   GEMM_ACCUMULATE};
    uint32_t *a = random_pairs(B_M * B_ROW, 1), *b = random_pairs(B_PAIRS * B_OUT, 2);
    uint32_t *mask = random_pairs(B_M * B_OUT / 2, 3);
    float *bias = random_floats(B_OUT, 4), *c = random_floats(B_M * B_OUT, 5);
    struct results *expected = mem_alloc(sizeof *expected), *r = mem_alloc(sizeof *r);
    mask[3] = mask[7] = 0;
    for (size_t e = 0; e < 4; e++)
        for (size_t m = 32; m <= B_M; m += e == 0 || e == 3 ? 7 : 32)
            for (size_t n = 16; n <= B_N; n += 16)
                for (size_t k = 1; k <= B_PAIRS; k += k == 1 ? 15 : 16) {
                    const float *b_or_null = e < 2 ? bias : NULL;
                    struct gemm_bf16 g =
                        bf16_product(a, b, b_or_null, (const uint16_t *)(const void *)mask, m, n, k,
                                     epilogues[e], expected);
                    fill_results(expected, c);
                    kernel_find("portable")->bf16->gemm(&g);
                    for (size_t i = 0; i < m && e == 0; i++)
                        for (size_t j = 0; j < n; j++) {
                            double sum = (double)bias[j];
                            for (size_t p = 0; p < 2 * k; p++)
                                sum += half_of(a[i * B_ROW + p / 2], p) *
                                       half_of(b[j / 32 * g.b_panel + p / 2 * 32 + j % 32], p);
                            assert_true(fabs((double)expected->c[i * B_OUT + j] - sum) < 1e-4);
                        }
                    for (size_t i = 0; i + 1 < n_kernels; i++) {
                        if (!kernels[i]->bf16 || k % kernels[i]->bf16->k_pairs != 0)
                            continue;
                        g = bf16_product(a, b, b_or_null, (const uint16_t *)(const void *)mask, m,
                                         n, k, epilogues[e], r);
                        fill_results(r, c);
                        kernels[i]->bf16->gemm(&g);
                        assert_results_near(r, expected);
                    }
                }
    mem_free(r);
    mem_free(expected);
    mem_free(c);
    mem_free(bias);
    mem_free(mask);
    mem_free(b);
    mem_free(a);
}

static void a_row_of_a_bf16_product_does_not_depend_on_the_others(void **state)
{
    (void)state;
    uint32_t *a = random_pairs(B_M * B_ROW, 1), *b = random_pairs(B_PAIRS * B_OUT, 2);
    float *bias = random_floats(B_OUT, 4);
    struct results *all = mem_alloc(sizeof *all), *one = mem_alloc(sizeof *one);
    for (size_t i = 0; i < n_kernels; i++) {
        if (!kernels[i]->bf16)
            continue;
        struct gemm_bf16 g = bf16_product(a, b, bias, NULL, 64, B_N, B_PAIRS, GEMM_STORE, all);
        kernels[i]->bf16->gemm(&g);
        for (size_t row = 0; row < 64; row++) {
            g.m = 1;
            g.a = a + row * B_ROW; /* the rows behind it are others at each place */
            g.c = one->c;
            kernels[i]->bf16->gemm(&g);
            assert_memory_equal(one->c, all->c + row * B_OUT, B_N * sizeof(float));
        }
    }
    mem_free(one);
    mem_free(all);
    mem_free(bias);
    mem_free(b);
    mem_free(a);
}

static void rounding_to_bf16_is_to_nearest_even_in_every_form(void **state)
{
    (void)state;
    static const struct {
        uint32_t from;
        uint16_t to;
    } cases[] = {{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82},
                 {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80}, {0xbf818000, 0xbf82},
                 {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
                 {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x007fffff, 0x0000}};
    enum { N_CASES = sizeof cases / sizeof cases[0] };
    float z[32 * 16] = {0};
    for (size_t i = 0; i < N_CASES; i++)
        memcpy(&z[i * 16 + i], &cases[i].from, sizeof(float));
    z[31 * 16 + 15] = NAN;
    for (size_t k = 0; k < n_kernels; k++) {
        if (!kernels[k]->bf16)
            continue;
        uint16_t rows[32 * 16];
        uint32_t pairs[16 * 16], columns[16 * 16];
        const struct bf16_matrix out = {rows, 16, pairs, 16, columns, 16, NULL};
        kernels[k]->bf16->round(32, 16, z, 16, &out);
        for (size_t i = 0; i < N_CASES; i++)
            assert_int_equal(rows[i * 16 + i], cases[i].to);
        assert_true(isnan(half_of(rows[31 * 16 + 15], 0)));
        for (size_t i = 0; i < 32; i++)
            for (size_t j = 0; j < 16; j++) {
                const uint32_t pair = pairs[i / 2 * 16 + j];
                assert_int_equal(rows[i * 16 + j], i % 2 ? pair >> 16 : pair & 0xffff);
                assert_int_equal(pair, columns[j * 16 + i / 2]);
            }
    }
}

static void weights_are_packed_alike_and_columns_of_pairs_summed(void **state)
{
    (void)state;
    enum { MAX_ROWS = 75, PAIR_ROWS = 48, PANEL = 16 * 32 };
    float *w = random_floats(MAX_ROWS * 32, 1);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t m = 1; m <= MAX_ROWS && kernels[k]->bf16; m++) {
            uint32_t pairs[PAIR_ROWS * 32], transposed[3 * PANEL];
            memset(pairs, 0x5a, sizeof pairs);
            memset(transposed, 0x5a, sizeof transposed);
            kernels[k]->bf16->pack(m, w, pairs, NULL, transposed, PANEL);
            for (size_t row = 0; row < (m + 31) / 32 * 32; row++)
                for (size_t j = 0; j < 32; j++) {
                    const double value = row < m ? (double)w[row * 32 + j] : 0;
                    assert_true(fabs(half_of(pairs[row / 2 * 32 + j], row) - value) <= 0.004);
                    if (row < (m + 15) / 16 * 16)
                        assert_true(
                            fabs(half_of(transposed[row / 32 * PANEL + j / 2 * 32 + row % 32], j) -
                                 value) <= 0.004);
                }
            float sum[32];
            double expected[32];
            for (size_t j = 0; j < 32; j++) {
                sum[j] = 1;
                expected[j] = 1;
                for (size_t row = 0; row < m; row++)
                    expected[j] += half_of(pairs[row / 2 * 32 + j], row);
            }
            kernels[k]->bf16->add_pairs((m + 1) / 2, 32, pairs, 32, sum);
            assert_true(compare_relative(32, sum, expected) < 1e-5);
        }
    mem_free(w);
}

/* --- sums of two --- */

/* Operands of products of sums: A [S_M, 2 S_PAIRS] as rows, B [2 S_PAIRS, S_N] as panels. */
enum { S_M = 64, S_N = 48, S_PAIRS = 48, S_K = 2 * S_PAIRS };
struct sums {
    uint32_t a[S_M * S_PAIRS], a_rest[S_M * S_PAIRS];
    uint32_t b[2 * S_PAIRS * 32], b_rest[2 * S_PAIRS * 32];
    uint16_t rows[S_M * S_N], rest[S_M * S_N];
    float c[S_M * S_N];
};

static void split_operands(const struct kernel *k, const float *a, const float *b, struct sums *s)
{
    const struct bf16_matrix out = {
        .rows = (uint16_t *)(void *)s->a, .row_step = S_K, .rest = (uint16_t *)(void *)s->a_rest};
    k->bf16->round(S_M, S_K, a, S_K, &out);
    for (size_t p = 0; p < 2; p++)
        k->bf16->pack(S_K, b + p * S_K * 32, s->b + p * S_PAIRS * 32, s->b_rest + p * S_PAIRS * 32,
                      NULL, 0);
}

static void a_float_and_its_sum_of_two_differ_by_its_last_bits(void **state)
{
    (void)state;
    float *a = random_floats(S_M * S_K, 1), *b = random_floats((size_t)2 * S_K * 32, 2);
    struct sums *s = mem_alloc(sizeof *s);
    for (size_t k = 0; k < n_kernels; k++) {
        if (!kernels[k]->bf16)
            continue;
        split_operands(kernels[k], a, b, s);
        for (size_t i = 0; i < S_M * S_K; i++) {
            const double sum = half_of(s->a[i / 2], i) + half_of(s->a_rest[i / 2], i);
            assert_true(fabs(sum - (double)a[i]) <= 0x1p-17 * fabs((double)a[i]));
        }
        for (size_t row = 0; row < S_K; row++)
            for (size_t j = 0; j < 64; j++) {
                const size_t at = (j / 32 * S_PAIRS + row / 2) * 32 + j % 32;
                const double value = (double)b[(j / 32 * S_K + row) * 32 + j % 32];
                const double sum = half_of(s->b[at], row) + half_of(s->b_rest[at], row);
                assert_true(fabs(sum - value) <= 0x1p-17 * fabs(value));
            }
    }
    mem_free(s);
    mem_free(b);
    mem_free(a);
}

/* Of floats, by way of sums: within 2^-16 of the sum of the terms' sizes, and what floats lose. */
static void products_of_sums_are_near_those_of_the_floats(void **state)
{
    (void)state;
    float *a = random_floats(S_M * S_K, 1), *b = random_floats((size_t)2 * S_K * 32, 2);
    float *bias = random_floats(S_N, 3);
    struct sums *s = mem_alloc(sizeof *s);
    for (size_t k = 0; k < n_kernels; k++) {
        if (!kernels[k]->bf16)
            continue;
        split_operands(kernels[k], a, b, s);
        struct gemm_bf16 g = {
            .m = S_M,
            .n = S_N,
            .k = S_PAIRS,
            .a = s->a,
            .a_row = S_PAIRS,
            .b = s->b,
            .b_step = 32,
            .b_panel = S_PAIRS * 32,
            .a_rest = s->a_rest,
            .b_rest = s->b_rest,
            .epilogue = GEMM_STORE,
            .bias = bias,
            .c = s->c,
            .c_row = S_N,
            .c_panel = 32,
        };
        kernels[k]->bf16->gemm(&g);
        g.epilogue = GEMM_RELU;
        g.out = (struct bf16_matrix){.rows = s->rows, .row_step = S_N, .rest = s->rest};
        kernels[k]->bf16->gemm(&g);
        for (size_t i = 0; i < S_M; i++)
            for (size_t j = 0; j < S_N; j++) {
                double sum = (double)bias[j], size = fabs(sum);
                for (size_t p = 0; p < S_K; p++) {
                    const double term =
                        (double)a[i * S_K + p] * (double)b[(j / 32 * S_K + p) * 32 + j % 32];
                    sum += term;
                    size += fabs(term);
                }
                const double bound = (0x1p-16 + S_K * 0x1p-24) * size,
                             c = (double)s->c[i * S_N + j];
                assert_true(fabs(c - sum) <= bound);
                const double relu =
                    half_of(s->rows[i * S_N + j], 0) + half_of(s->rest[i * S_N + j], 0);
                assert_true(fabs(relu - fmax(c, 0)) <= 0x1p-17 * fabs(c));
            }
    }
    mem_free(s);
    mem_free(bias);
    mem_free(b);
    mem_free(a);
}

static void bf16_is_where_the_processor_has_it(void **state)
{
    (void)state;
    assert_false(kernel_has_bf16(kernel_find("portable")));
    assert_true(kernel_bf16_gain(kernel_find("portable")) == 0);
    for (size_t k = 0; k + 1 < n_kernels; k++)
        assert_int_equal(kernel_has_bf16(kernels[k]), kernels[k]->bf16 != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_products_match_double_and_portable),
        cmocka_unit_test(a_row_of_a_bf16_product_does_not_depend_on_the_others),
        cmocka_unit_test(rounding_to_bf16_is_to_nearest_even_in_every_form),
        cmocka_unit_test(weights_are_packed_alike_and_columns_of_pairs_summed),
        cmocka_unit_test(a_float_and_its_sum_of_two_differ_by_its_last_bits),
        cmocka_unit_test(products_of_sums_are_near_those_of_the_floats),
        cmocka_unit_test(bf16_is_where_the_processor_has_it),
    };
    return cmocka_run_group_tests(tests, find_kernels, NULL);
}
