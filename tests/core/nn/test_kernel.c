/*
 * Every row of the kernel table against the portable one, and that one against double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/kernel.h"
#include "tests/support/compare.h"

static const double two_pi = 6.283185307179586477;

static const struct kernel *const *kernels;
static size_t n_kernels;

static int find_kernels(void **state)
{
    (void)state;
    kernels = kernel_table(&n_kernels);
    return 0;
}

static float *random_floats(size_t n, uint64_t seed)
{
    float *x = mem_alloc_floats(n);
    assert_non_null(x);
    struct rng rng = rng_at(seed, RNG_SAMPLE, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(2 * rng_uniform(&rng) - 1);
    return x;
}

static void table_ends_with_portable(void **state)
{
    (void)state;
    assert_true(n_kernels >= 1);
    assert_string_equal(kernels[n_kernels - 1]->name, "portable");
    for (size_t i = 0; i < n_kernels; i++)
        assert_ptr_equal(kernel_find(kernels[i]->name), kernels[i]);
    assert_ptr_equal(kernel_find(NULL), kernels[0]);
    assert_ptr_equal(kernel_find("auto"), kernels[0]);
    assert_null(kernel_find("avx1024"));
    assert_null(kernel_find(""));
}

/* --- gemm --- */

enum { MAX_M = 31, MAX_N = 80, MAX_K = 513, LD = 544, C_ROW = 96, PANELS = 96 };

static const size_t depths[] = {0, 1, 2, 7, 64, 513};

struct operands {
    float *a;    /* [MAX_M, LD] or, through strides, [MAX_K, LD] */
    float *b;    /* [MAX_K, PANELS] */
    float *c;    /* [MAX_M, C_ROW] */
    float *bias; /* [MAX_N] */
    float *mask; /* [MAX_M, C_ROW]: about half above 0, some exactly 0 */
};

static void operands_init(struct operands *o)
{
    o->a = random_floats(MAX_K * LD, 1);
    o->b = random_floats(MAX_K * PANELS, 2);
    o->c = random_floats(MAX_M * C_ROW, 3);
    o->bias = random_floats(MAX_N, 4);
    o->mask = random_floats(MAX_M * C_ROW, 5);
    for (size_t i = 0; i < MAX_M * C_ROW; i += 7)
        o->mask[i] = 0;
}

static void operands_deinit(struct operands *o)
{
    mem_free(o->a);
    mem_free(o->b);
    mem_free(o->c);
    mem_free(o->bias);
    mem_free(o->mask);
}

enum variant { STORE, STORE_BIAS, RELU, RELU_BIAS, MASK, ACCUMULATE, N_VARIANTS };

static struct gemm product(const struct operands *o, size_t m, size_t n, size_t k, bool transposed,
                           enum variant variant, float *c)
{
    static const enum gemm_epilogue epilogues[] = {
        [STORE] = GEMM_STORE,    [STORE_BIAS] = GEMM_STORE, [RELU] = GEMM_RELU,
        [RELU_BIAS] = GEMM_RELU, [MASK] = GEMM_MASK,        [ACCUMULATE] = GEMM_ACCUMULATE};
    return (struct gemm){
        .m = m,
        .n = n,
        .k = k,
        .a = o->a,
        .a_row = transposed ? 1 : LD,
        .a_step = transposed ? LD : 1,
        .b = o->b,
        .b_step = transposed ? PANELS : KERNEL_PANEL, /* row-major, or packed */
        .b_panel = transposed ? KERNEL_PANEL : k * KERNEL_PANEL,
        .c = c,
        .c_row = transposed ? KERNEL_PANEL : C_ROW,
        .c_panel = transposed ? MAX_M * KERNEL_PANEL : KERNEL_PANEL,
        .epilogue = epilogues[variant],
        .bias = variant == STORE_BIAS || variant == RELU_BIAS ? o->bias : NULL,
        .mask = variant == MASK ? o->mask : NULL,
        .mask_row = C_ROW,
    };
}

static double exact_element(const struct gemm *g, enum variant variant, size_t i, size_t j,
                            double before)
{
    double sum = 0;
    for (size_t p = 0; p < g->k; p++)
        sum += (double)g->a[i * g->a_row + p * g->a_step] *
               (double)g->b[j / KERNEL_PANEL * g->b_panel + p * g->b_step + j % KERNEL_PANEL];
    sum += g->bias ? (double)g->bias[j] : 0;
    if (variant == RELU || variant == RELU_BIAS)
        return sum > 0 ? sum : 0;
    if (variant == MASK)
        return g->mask[i * g->mask_row + j] > 0 ? sum : 0;
    return variant == ACCUMULATE ? before + sum : sum;
}

static size_t place_in_c(const struct gemm *g, size_t i, size_t j)
{
    return j / KERNEL_PANEL * g->c_panel + i * g->c_row + j % KERNEL_PANEL;
}

/* Every product the table of sizes allows; check gets it with c holding o->c's numbers. */
typedef void (*product_check)(const struct operands *o, struct gemm g, enum variant variant);

static void each_product(product_check check)
{
    struct operands o;
    operands_init(&o);
    float *c = mem_alloc_floats(MAX_M * C_ROW);
    assert_non_null(c);
    for (size_t m = 1; m <= MAX_M; m++)
        for (size_t n = 16; n <= MAX_N; n += 16)
            for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++)
                for (int transposed = 0; transposed < 2; transposed++)
                    for (int variant = 0; variant < N_VARIANTS; variant++) {
                        memcpy(c, o.c, MAX_M * C_ROW * sizeof *c);
                        check(&o,
                              product(&o, m, n, depths[d], transposed, (enum variant)variant, c),
                              (enum variant)variant);
                    }
    mem_free(c);
    operands_deinit(&o);
}

static void check_portable(const struct operands *o, struct gemm g, enum variant variant)
{
    double expected[MAX_M * C_ROW];
    for (size_t i = 0; i < MAX_M * C_ROW; i++)
        expected[i] = (double)o->c[i];
    for (size_t i = 0; i < g.m; i++)
        for (size_t j = 0; j < g.n; j++)
            expected[place_in_c(&g, i, j)] =
                exact_element(&g, variant, i, j, (double)o->c[place_in_c(&g, i, j)]);
    kernel_find("portable")->gemm(&g);
    assert_true(compare_relative(MAX_M * C_ROW, g.c, expected) < 1e-5);
}

static void check_others(const struct operands *o, struct gemm g, enum variant variant)
{
    (void)variant;
    float expected[MAX_M * C_ROW];
    kernel_find("portable")->gemm(&g);
    memcpy(expected, g.c, sizeof expected);
    for (size_t k = 0; k + 1 < n_kernels; k++) {
        memcpy(g.c, o->c, sizeof expected);
        kernels[k]->gemm(&g);
        assert_true(compare_relative_float(MAX_M * C_ROW, g.c, expected) < 1e-5);
    }
}

static void portable_gemm_matches_double(void **state)
{
    (void)state;
    each_product(check_portable);
}

static void gemm_matches_portable_and_writes_nothing_else(void **state)
{
    (void)state;
    each_product(check_others);
}

/* Each row alone, as the only row of a product, against the same row among others. */
static void check_rows(const struct operands *o, struct gemm g, enum variant variant)
{
    (void)variant;
    for (size_t k = 0; k < n_kernels; k++) {
        float together[MAX_M * C_ROW];
        memcpy(g.c, o->c, sizeof together);
        kernels[k]->gemm(&g);
        memcpy(together, g.c, sizeof together);
        memcpy(g.c, o->c, sizeof together);
        for (size_t i = 0; i < g.m; i++) {
            struct gemm one = g;
            one.m = 1;
            one.a += i * g.a_row;
            one.c += i * g.c_row;
            one.mask = g.mask ? g.mask + i * g.mask_row : NULL;
            kernels[k]->gemm(&one);
        }
        assert_memory_equal(g.c, together, sizeof together);
    }
}

static void a_row_of_gemm_does_not_depend_on_the_others(void **state)
{
    (void)state;
    each_product(check_rows);
}

/* The first columns alone and among others. */
static void a_column_of_gemm_does_not_depend_on_the_others(void **state)
{
    (void)state;
    struct operands o;
    operands_init(&o);
    float all[MAX_M * C_ROW], some[MAX_M * C_ROW];
    for (size_t k = 0; k < n_kernels; k++) {
        struct gemm g = product(&o, MAX_M, MAX_N, 256, false, STORE, all);
        kernels[k]->gemm(&g);
        for (size_t n = 16; n < MAX_N; n += 16) {
            g.n = n;
            g.c = some;
            kernels[k]->gemm(&g);
            for (size_t i = 0; i < MAX_M; i++)
                assert_memory_equal(some + i * C_ROW, all + i * C_ROW, n * sizeof(float));
        }
    }
    operands_deinit(&o);
}

static void add_columns_adds_the_sum_of_rows(void **state)
{
    (void)state;
    struct operands o;
    operands_init(&o);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t n = 0; n <= MAX_M; n++) {
            float sum[MAX_N];
            double expected[MAX_N];
            for (size_t j = 0; j < MAX_N; j++) {
                sum[j] = o.bias[j];
                expected[j] = (double)o.bias[j];
                for (size_t i = 0; i < n; i++)
                    expected[j] += j < 48 ? (double)o.c[i * C_ROW + j] : 0;
            }
            kernels[k]->add_columns(n, 48, o.c, C_ROW, sum);
            assert_true(compare_relative(MAX_N, sum, expected) < 1e-6);
        }
    operands_deinit(&o);
}

static void nan_goes_through_every_epilogue(void **state)
{
    (void)state;
    struct operands o;
    operands_init(&o);
    for (size_t i = 0; i < MAX_M * C_ROW; i++)
        o.mask[i] = 1;
    o.a[3] = NAN; /* row 0, whatever the product */
    for (size_t k = 0; k < n_kernels; k++)
        for (int variant = 0; variant < N_VARIANTS; variant++) {
            float c[MAX_M * C_ROW] = {0};
            struct gemm g = product(&o, 7, 64, 64, false, (enum variant)variant, c);
            kernels[k]->gemm(&g);
            for (size_t j = 0; j < 64; j++)
                assert_true(isnan(c[j]) && !isnan(c[C_ROW + j]));
        }
    operands_deinit(&o);
}

/* --- bfloat16 --- */

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
        .out = {r->rows, B_OUT, r->pairs, B_OUT, r->columns, B_M / 2},
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
        const struct bf16_matrix out = {rows, 16, pairs, 16, columns, 16};
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
            kernels[k]->bf16->pack(m, w, pairs, transposed, PANEL);
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

static void bf16_is_where_the_processor_has_it(void **state)
{
    (void)state;
    assert_false(kernel_has_bf16(kernel_find("portable")));
    assert_true(kernel_bf16_gain(kernel_find("portable")) == 0);
    for (size_t k = 0; k + 1 < n_kernels; k++)
        assert_int_equal(kernel_has_bf16(kernels[k]), kernels[k]->bf16 != NULL);
}

/* --- fourier --- */

enum { MAX_FREQUENCIES = 64, FOURIER_ROW = 160, FOURIER_POINTS = 200 };

/* Points within |x| <= range, frequencies normal of deviation sigma; padding of b and a is 0. */
struct waves {
    size_t n_dims, m, padded;
    float x[FOURIER_POINTS * 3], b[3 * MAX_FREQUENCIES], a[MAX_FREQUENCIES];
};

static void waves_init(struct waves *w, size_t n_dims, size_t m, double range, double sigma)
{
    struct rng rng = rng_at(m, RNG_SAMPLE, n_dims);
    *w = (struct waves){.n_dims = n_dims, .m = m, .padded = (m + 15) / 16 * 16};
    for (size_t i = 0; i < FOURIER_POINTS * n_dims; i++)
        w->x[i] = (float)(range * (2 * rng_uniform(&rng) - 1));
    for (size_t j = 0; j < m; j++) {
        for (size_t d = 0; d < n_dims; d++)
            w->b[d * w->padded + j] = (float)(sigma * rng_normal(&rng));
        w->a[j] = (float)(0.5 + rng_uniform(&rng));
    }
}

static void waves_run(const struct waves *w, const struct kernel *kernel, size_t n, const float *x,
                      float *out)
{
    for (size_t i = 0; i < n * FOURIER_ROW; i++)
        out[i] = NAN;
    kernel->fourier(n, w->n_dims, x, w->padded, w->b, w->a, out, FOURIER_ROW, w->m);
}

/* The largest error of sine and cosine, of those with |u| <= 2^20. */
static double waves_error(const struct waves *w, const float *out)
{
    double worst = 0;
    for (size_t i = 0; i < FOURIER_POINTS; i++)
        for (size_t j = 0; j < w->m; j++) {
            double u = 0;
            for (size_t d = 0; d < w->n_dims; d++)
                u += (double)w->x[i * w->n_dims + d] * (double)w->b[d * w->padded + j];
            if (fabs(u) > 0x1p20)
                continue;
            const double phase = two_pi * (u - rint(u)), a = (double)w->a[j];
            const float *row = out + i * FOURIER_ROW;
            worst = fmax(worst, fabs((double)row[j] / a - sin(phase)));
            worst = fmax(worst, fabs((double)row[w->m + j] / a - cos(phase)));
        }
    return worst;
}

static const struct {
    double range, sigma;
} scales[] = {{1, 0.1}, {1, 1}, {1, 10}, {1, 100}, {1, 1000}, {1, 3e5}, {1000, 1000}};

/* All but 16 and 64 have padding that the cosines must overwrite. */
static const size_t frequencies[] = {1, 2, 15, 16, 17, 31, 33, 64};

static void fourier_is_exact_to_1e_6_up_to_a_million_turns(void **state)
{
    (void)state;
    float *out = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t n_dims = 1; n_dims <= 3; n_dims++)
            for (size_t f = 0; f < sizeof frequencies / sizeof frequencies[0]; f++)
                for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
                    struct waves w;
                    waves_init(&w, n_dims, frequencies[f], scales[s].range, scales[s].sigma);
                    waves_run(&w, kernels[k], FOURIER_POINTS, w.x, out);
                    assert_true(waves_error(&w, out) < 1e-6);
                }
    mem_free(out);
}

static void fourier_matches_portable(void **state)
{
    (void)state;
    float *expected = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    float *out = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    struct waves w;
    waves_init(&w, 2, 64, 1, 1000);
    waves_run(&w, kernel_find("portable"), FOURIER_POINTS, w.x, expected);
    for (size_t k = 0; k + 1 < n_kernels; k++) {
        waves_run(&w, kernels[k], FOURIER_POINTS, w.x, out);
        for (size_t i = 0; i < FOURIER_POINTS; i++)
            assert_true(compare_relative_float(2 * w.m, out + i * FOURIER_ROW,
                                               expected + i * FOURIER_ROW) < 1e-5);
    }
    mem_free(out);
    mem_free(expected);
}

static void fourier_pads_with_zeros_and_goes_no_further(void **state)
{
    (void)state;
    float out[FOURIER_ROW];
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t m = 1; m <= MAX_FREQUENCIES; m++) {
            struct waves w;
            waves_init(&w, 2, m, 1, 10);
            waves_run(&w, kernels[k], 1, w.x, out);
            for (size_t j = 0; j < FOURIER_ROW; j++)
                if (j < 2 * m)
                    assert_true(out[j] != 0);
                else if (j < m + w.padded)
                    assert_true(out[j] == 0);
                else
                    assert_true(isnan(out[j]));
        }
}

static void a_point_of_fourier_does_not_depend_on_the_others(void **state)
{
    (void)state;
    float *together = mem_alloc_floats(FOURIER_POINTS * FOURIER_ROW);
    float alone[FOURIER_ROW];
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t n_dims = 1; n_dims <= 3; n_dims++) {
            struct waves w;
            waves_init(&w, n_dims, 33, 1, 10);
            waves_run(&w, kernels[k], FOURIER_POINTS, w.x, together);
            for (size_t i = 0; i < FOURIER_POINTS; i++) {
                waves_run(&w, kernels[k], 1, w.x + i * n_dims, alone);
                assert_memory_equal(alone, together + i * FOURIER_ROW, 2 * w.m * sizeof(float));
            }
        }
    mem_free(together);
}

/* --- activations --- */

enum { N_Z = 4096 };

static float *many_z(void)
{
    float *z = mem_alloc_floats(N_Z);
    assert_non_null(z);
    for (size_t i = 0; i < N_Z; i++)
        z[i] = (float)(((double)i - N_Z / 2.0) * (i % 2 ? 12.0 / N_Z : 0.3 / N_Z));
    return z;
}

static void sine_and_its_slope_are_exact_to_1e_6(void **state)
{
    (void)state;
    static const double omegas[] = {1, 30, 3000};
    float *z = many_z(), *h = mem_alloc_floats(N_Z), *slope = mem_alloc_floats(N_Z);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t o = 0; o < 3; o++) {
            memcpy(h, z, N_Z * sizeof *h);
            kernels[k]->sine(N_Z, omegas[o], h, slope);
            for (size_t i = 0; i < N_Z; i++) {
                const double phase = omegas[o] * (double)z[i];
                assert_true(fabs((double)h[i] - sin(phase)) < 1e-6);
                assert_true(fabs((double)slope[i] / omegas[o] - cos(phase)) < 1e-6);
            }
            float *without_slope = many_z();
            kernels[k]->sine(N_Z, omegas[o], without_slope, NULL);
            assert_memory_equal(without_slope, h, N_Z * sizeof *h);
            mem_free(without_slope);
        }
    mem_free(slope);
    mem_free(h);
    mem_free(z);
}

static void tanh_is_exact_to_1e_6_and_stays_within_1(void **state)
{
    (void)state;
    float *z = many_z(), *h = mem_alloc_floats(N_Z);
    z[0] = 1e30f, z[1] = -1e30f, z[2] = INFINITY, z[3] = -INFINITY, z[4] = 0;
    for (size_t k = 0; k < n_kernels; k++) {
        memcpy(h, z, N_Z * sizeof *h);
        kernels[k]->tanh(N_Z, h);
        for (size_t i = 0; i < N_Z; i++) {
            const double exact = tanh((double)z[i]);
            assert_true(fabs((double)h[i] - exact) <= 1e-6 * fabs(exact));
            assert_true(fabsf(h[i]) <= 1);
        }
    }
    mem_free(h);
    mem_free(z);
}

static void activations_keep_zero_and_nan_and_look_at_one_number_alone(void **state)
{
    (void)state;
    float *z = many_z();
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t lane = 0; lane < 16; lane++) {
            float h[16] = {0}, slope[16], same[32];
            h[lane] = NAN;
            kernels[k]->tanh(16, h);
            for (size_t i = 0; i < 16; i++)
                assert_true(i == lane ? isnan(h[i]) : h[i] == 0);
            kernels[k]->sine(16, 30, h, slope);
            for (size_t i = 0; i < 16; i++)
                assert_true(i == lane ? isnan(h[i]) : h[i] == 0);

            for (size_t i = 0; i < 32; i++)
                same[i] = i % 16 == lane ? z[100] : z[i];
            same[16 + (lane + 5) % 16] = z[100]; /* another lane, other neighbours */
            float sines[32];
            memcpy(sines, same, sizeof same);
            kernels[k]->tanh(32, same);
            kernels[k]->sine(32, 30, sines, NULL);
            assert_memory_equal(&same[lane], &same[16 + (lane + 5) % 16], sizeof(float));
            assert_memory_equal(&sines[lane], &sines[16 + (lane + 5) % 16], sizeof(float));
        }
    mem_free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_ends_with_portable),
        cmocka_unit_test(portable_gemm_matches_double),
        cmocka_unit_test(gemm_matches_portable_and_writes_nothing_else),
        cmocka_unit_test(a_row_of_gemm_does_not_depend_on_the_others),
        cmocka_unit_test(a_column_of_gemm_does_not_depend_on_the_others),
        cmocka_unit_test(add_columns_adds_the_sum_of_rows),
        cmocka_unit_test(bf16_products_match_double_and_portable),
        cmocka_unit_test(a_row_of_a_bf16_product_does_not_depend_on_the_others),
        cmocka_unit_test(rounding_to_bf16_is_to_nearest_even_in_every_form),
        cmocka_unit_test(weights_are_packed_alike_and_columns_of_pairs_summed),
        cmocka_unit_test(bf16_is_where_the_processor_has_it),
        cmocka_unit_test(nan_goes_through_every_epilogue),
        cmocka_unit_test(fourier_is_exact_to_1e_6_up_to_a_million_turns),
        cmocka_unit_test(fourier_matches_portable),
        cmocka_unit_test(fourier_pads_with_zeros_and_goes_no_further),
        cmocka_unit_test(a_point_of_fourier_does_not_depend_on_the_others),
        cmocka_unit_test(sine_and_its_slope_are_exact_to_1e_6),
        cmocka_unit_test(tanh_is_exact_to_1e_6_and_stays_within_1),
        cmocka_unit_test(activations_keep_zero_and_nan_and_look_at_one_number_alone),
    };
    return cmocka_run_group_tests(tests, find_kernels, NULL);
}
