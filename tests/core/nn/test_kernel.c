/*
 * Products of floats in every row of the kernel table against the portable one, and that one
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_ends_with_portable),
        cmocka_unit_test(portable_gemm_matches_double),
        cmocka_unit_test(gemm_matches_portable_and_writes_nothing_else),
        cmocka_unit_test(a_row_of_gemm_does_not_depend_on_the_others),
        cmocka_unit_test(a_column_of_gemm_does_not_depend_on_the_others),
        cmocka_unit_test(add_columns_adds_the_sum_of_rows),
        cmocka_unit_test(nan_goes_through_every_epilogue),
    };
    return cmocka_run_group_tests(tests, find_kernels, NULL);
}
