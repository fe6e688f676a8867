#include "core/nn/kernel.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "core/base/monotonic.h"
#include "core/nn/kernel_rows.h"

/* Best first, so that what a processor can run is always the end of the table, but for the rows of
 * bfloat16. */
static const struct kernel *const rows[] = {
#ifdef __x86_64__
    &kernel_amx,      &kernel_avx512_bf16, &kernel_avx512, &kernel_avx2,
#endif
    &kernel_portable,
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* The rows that run here, found once. */
static const struct kernel *runnable[N_ROWS];
static size_t n_runnable;
static pthread_once_t found = PTHREAD_ONCE_INIT;

#ifdef __x86_64__
/* Leaf 7 of cpuid: bfloat16 products of AVX-512 and of AMX, which __builtin_cpu_supports does not
 * know everywhere. */
static bool has_avx512_bf16(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5));
}

static bool has_amx_bf16(void)
{
    enum { AMX_BF16 = 1u << 22, AMX_TILE = 1u << 24 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AMX_BF16) && (d & AMX_TILE) &&
           amx_enable();
}

static bool can_run(const struct kernel *k)
{
    if (k == &kernel_portable)
        return true;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return false;
    if (k == &kernel_avx2)
        return true;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return false;
    return k == &kernel_avx512 ||
           (has_avx512_bf16() && (k == &kernel_avx512_bf16 || has_amx_bf16()));
}
#else
static bool can_run(const struct kernel *k)
{
    return k == &kernel_portable;
}
#endif

static void find_runnable(void)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (can_run(rows[i]))
            runnable[n_runnable++] = rows[i];
}

const struct kernel *const *kernel_table(size_t *n)
{
    pthread_once(&found, find_runnable);
    *n = n_runnable;
    return runnable;
}

const struct kernel *kernel_find(const char *name)
{
    size_t n;
    const struct kernel *const *table = kernel_table(&n);
    if (!name || strcmp(name, "auto") == 0)
        return table[0];
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

bool kernel_has_bf16(const struct kernel *k)
{
    return k->bf16 && k != &kernel_portable;
}

/* --- what bfloat16 gains --- */

/* A product like those of training, small enough for the first caches. */
enum { ROWS = 64, DEPTH = 128, COLUMNS = 64, TRIES = 9 };

struct operands {
    float a[ROWS * DEPTH], b[DEPTH * COLUMNS], c[ROWS * COLUMNS];
};

static double seconds_of_floats(const struct kernel *k, struct operands *o)
{
    const struct gemm g = {
        .m = ROWS,
        .n = COLUMNS,
        .k = DEPTH,
        .a = o->a,
        .a_row = DEPTH,
        .a_step = 1,
        .b = o->b,
        .b_step = KERNEL_PANEL,
        .b_panel = (size_t)DEPTH * KERNEL_PANEL,
        .c = o->c,
        .c_row = COLUMNS,
        .c_panel = KERNEL_PANEL,
        .epilogue = GEMM_STORE,
    };
    const double begin = monotonic_seconds();
    k->gemm(&g);
    return monotonic_seconds() - begin;
}

static double seconds_of_bf16(const struct kernel *k, struct operands *o)
{
    const struct gemm_bf16 g = {
        .m = ROWS,
        .n = COLUMNS,
        .k = DEPTH / 2,
        .a = (const uint32_t *)(const void *)o->a, /* zeros in either format */
        .a_row = DEPTH / 2,
        .b = (const uint32_t *)(const void *)o->b,
        .b_step = KERNEL_PANEL,
        .b_panel = (size_t)DEPTH / 2 * KERNEL_PANEL,
        .epilogue = GEMM_STORE,
        .c = o->c,
        .c_row = COLUMNS,
        .c_panel = KERNEL_PANEL,
    };
    const double begin = monotonic_seconds();
    k->bf16->gemm(&g);
    return monotonic_seconds() - begin;
}

double kernel_bf16_gain(const struct kernel *k)
{
    if (!kernel_has_bf16(k))
        return 0;
    struct operands o = {{0}, {0}, {0}};
    double floats = HUGE_VAL, bf16 = HUGE_VAL;
    for (size_t i = 0; i < TRIES; i++) {
        floats = fmin(floats, seconds_of_floats(k, &o));
        bf16 = fmin(bf16, seconds_of_bf16(k, &o));
    }
    return floats / bf16;
}
