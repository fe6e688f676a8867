#include "tests/support/peak.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/base/monotonic.h"

enum { RUNS = 5, ROUNDS = 4000000, ACCUMULATORS = 12, TILE_ROUNDS = ROUNDS / 64 };

/* Operations a call makes. */
typedef double (*loop)(void);

/* Keeps a result from being optimised away. */
static volatile float sink;

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static double floats_avx512(void)
{
    const __m512 x = _mm512_set1_ps(1.0000001f), y = _mm512_set1_ps(1e-9f);
    __m512 sum[ACCUMULATORS];
    for (size_t j = 0; j < ACCUMULATORS; j++)
        sum[j] = _mm512_set1_ps((float)j);
    for (size_t i = 0; i < ROUNDS; i++)
#pragma GCC unroll 12
        for (size_t j = 0; j < ACCUMULATORS; j++)
            sum[j] = _mm512_fmadd_ps(sum[j], x, y);
    float total = 0.0f;
    for (size_t j = 0; j < ACCUMULATORS; j++)
        total += _mm512_reduce_add_ps(sum[j]);
    sink = total;
    return 2.0 * 16 * ACCUMULATORS * ROUNDS;
}

__attribute__((target("avx2,fma"))) static double floats_avx2(void)
{
    const __m256 x = _mm256_set1_ps(1.0000001f), y = _mm256_set1_ps(1e-9f);
    __m256 sum[ACCUMULATORS];
    for (size_t j = 0; j < ACCUMULATORS; j++)
        sum[j] = _mm256_set1_ps((float)j);
    for (size_t i = 0; i < ROUNDS; i++)
#pragma GCC unroll 12
        for (size_t j = 0; j < ACCUMULATORS; j++)
            sum[j] = _mm256_fmadd_ps(sum[j], x, y);
    float lanes[8], total = 0.0f;
    for (size_t j = 0; j < ACCUMULATORS; j++) {
        _mm256_storeu_ps(lanes, sum[j]);
        total += lanes[0] + lanes[7];
    }
    sink = total;
    return 2.0 * 8 * ACCUMULATORS * ROUNDS;
}

__attribute__((target("avx512f,avx512bf16"))) static double bf16_avx512(void)
{
    const __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    const __m512bh y = (__m512bh)_mm512_set1_epi32(0x2f802f80);
    __m512 sum[ACCUMULATORS];
    for (size_t j = 0; j < ACCUMULATORS; j++)
        sum[j] = _mm512_set1_ps((float)j);
    for (size_t i = 0; i < ROUNDS; i++)
#pragma GCC unroll 12
        for (size_t j = 0; j < ACCUMULATORS; j++)
            sum[j] = _mm512_dpbf16_ps(sum[j], x, y);
    float total = 0.0f;
    for (size_t j = 0; j < ACCUMULATORS; j++)
        total += _mm512_reduce_add_ps(sum[j]);
    sink = total;
    return 2.0 * 32 * ACCUMULATORS * ROUNDS;
}

/* --- with operands from the first-level cache --- */

enum { FED_ROWS = 6, FED_STEPS = 64, FED_COLUMNS = 64, FED_ROUNDS = ROUNDS / FED_STEPS / 2 };

/* Rows of A and of B, in words: floats, or pairs of bfloat16. */
struct operands {
    uint32_t a[FED_ROWS][FED_STEPS] __attribute__((aligned(64)));
    uint32_t b[FED_STEPS][FED_COLUMNS] __attribute__((aligned(64)));
};

/* Numbers of both signs around 1, all bits in use: as floats and as pairs of bfloat16. */
static void operands_fill(struct operands *o)
{
    uint32_t *word = &o->a[0][0], state = 1;
    for (size_t i = 0; i < sizeof *o / sizeof *word; i++) {
        state = state * 1664525 + 1013904223;
        word[i] = 0x3f003f00 | (state & 0x80ff80ff);
    }
}

/* 6 x 4 registers of sums; a step of k is a word of A and of B, `operations` for each lane. */
#define FED_AVX512(name, isa, operand, multiply_add, operations)                                   \
    __attribute__((target(isa))) static double name(void)                                          \
    {                                                                                              \
        struct operands o;                                                                         \
        operands_fill(&o);                                                                         \
        __m512 sum[FED_ROWS][4] = {0};                                                             \
        for (size_t r = 0; r < FED_ROUNDS; r++)                                                    \
            for (size_t p = 0; p < FED_STEPS; p++) {                                               \
                operand b[4];                                                                      \
                _Pragma("GCC unroll 4") for (size_t j = 0; j < 4; j++) b[j] =                      \
                    (operand)_mm512_loadu_si512(&o.b[p][16 * j]);                                  \
                _Pragma("GCC unroll 6") for (size_t i = 0; i < FED_ROWS; i++)                      \
                {                                                                                  \
                    const operand a = (operand)_mm512_set1_epi32((int)o.a[i][p]);                  \
                    _Pragma("GCC unroll 4") for (size_t j = 0; j < 4; j++) sum[i][j] =             \
                        multiply_add(sum[i][j], a, b[j]);                                          \
                }                                                                                  \
            }                                                                                      \
        float total = 0.0f;                                                                        \
        for (size_t i = 0; i < FED_ROWS; i++)                                                      \
            for (size_t j = 0; j < 4; j++)                                                         \
                total += _mm512_reduce_add_ps(sum[i][j]);                                          \
        sink = total;                                                                              \
        return (operations)*16.0 * 4 * FED_ROWS * FED_STEPS * FED_ROUNDS;                          \
    }

#define ADD_PRODUCT(sum, a, b) _mm512_fmadd_ps(a, b, sum)
FED_AVX512(floats_avx512_fed, "avx512f", __m512, ADD_PRODUCT, 2)
FED_AVX512(bf16_avx512_fed, "avx512f,avx512bf16", __m512bh, _mm512_dpbf16_ps, 4)

__attribute__((target("avx2,fma"))) static double floats_avx2_fed(void)
{
    struct operands o;
    operands_fill(&o);
    __m256 sum[FED_ROWS][2] = {0};
    for (size_t r = 0; r < FED_ROUNDS * 2; r++)
        for (size_t p = 0; p < FED_STEPS; p++) {
            const __m256 b0 = _mm256_loadu_ps((const float *)(const void *)&o.b[p][0]);
            const __m256 b1 = _mm256_loadu_ps((const float *)(const void *)&o.b[p][8]);
#pragma GCC unroll 6
            for (size_t i = 0; i < FED_ROWS; i++) {
                const __m256 a = (__m256)_mm256_set1_epi32((int)o.a[i][p]);
                sum[i][0] = _mm256_fmadd_ps(a, b0, sum[i][0]);
                sum[i][1] = _mm256_fmadd_ps(a, b1, sum[i][1]);
            }
        }
    float lanes[8], total = 0.0f;
    for (size_t i = 0; i < FED_ROWS; i++) {
        _mm256_storeu_ps(lanes, _mm256_add_ps(sum[i][0], sum[i][1]));
        total += lanes[0] + lanes[7];
    }
    sink = total;
    return 2.0 * 8 * 2 * FED_ROWS * FED_STEPS * FED_ROUNDS * 2;
}

struct tile_config {
    uint8_t palette, start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t n_rows[16];
};

static const struct tile_config whole_tiles = {.palette = 1,
                                               .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                               .n_rows = {16, 16, 16, 16, 16, 16, 16, 16}};

__attribute__((target("amx-tile,amx-bf16"))) static double bf16_amx(void)
{
    static const uint32_t ones[16 * 16] = {0x3f803f80};
    __asm__ volatile("ldtilecfg %0" : : "m"(whole_tiles));
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, ones, 64);
    _tile_loadd(5, ones, 64);
    _tile_loadd(6, ones, 64);
    _tile_loadd(7, ones, 64);
    for (size_t i = 0; i < TILE_ROUNDS * 4; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 2.0 * 16 * 16 * 32 * 4 * 4 * TILE_ROUNDS;
}

__attribute__((target("amx-tile,amx-bf16"))) static double bf16_amx_fed(void)
{
    struct operands o;
    operands_fill(&o);
    __asm__ volatile("ldtilecfg %0" : : "m"(whole_tiles));
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t i = 0; i < TILE_ROUNDS * 4; i++) { /* two blocks of 16 x 16 words of B for A, too */
        const size_t step = i % 2 * 16;
        _tile_loadd(4, &o.b[step][0], sizeof o.b[0]);
        _tile_loadd(6, &o.b[step][32], sizeof o.b[0]);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, &o.b[step][48], sizeof o.b[0]);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, &o.b[step][16], sizeof o.b[0]);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 2.0 * 16 * 16 * 32 * 4 * 4 * TILE_ROUNDS;
}

static loop floats_loop_fed(const char *name)
{
    if (strcmp(name, "avx2") == 0)
        return floats_avx2_fed;
    return strcmp(name, "portable") == 0 ? NULL : floats_avx512_fed;
}

static loop bf16_loop_fed(const char *name)
{
    if (strcmp(name, "amx") == 0)
        return bf16_amx_fed;
    return strcmp(name, "avx512_bf16") == 0 ? bf16_avx512_fed : NULL;
}

static loop floats_loop(const char *name)
{
    if (strcmp(name, "avx2") == 0)
        return floats_avx2;
    return strcmp(name, "portable") == 0 ? NULL : floats_avx512;
}

static loop bf16_loop(const char *name)
{
    if (strcmp(name, "amx") == 0)
        return bf16_amx;
    return strcmp(name, "avx512_bf16") == 0 ? bf16_avx512 : NULL;
}

#else

static loop floats_loop(const char *name)
{
    (void)name;
    return NULL;
}

static loop bf16_loop(const char *name)
{
    (void)name;
    return NULL;
}

static loop floats_loop_fed(const char *name)
{
    (void)name;
    return NULL;
}

static loop bf16_loop_fed(const char *name)
{
    (void)name;
    return NULL;
}

#endif

struct run {
    loop loop;
    double operations; /* of member 0 */
};

static void run_member(void *context, size_t member)
{
    struct run *r = context;
    const double operations = r->loop();
    if (member == 0)
        r->operations = operations;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double peak(loop operations, struct team *team)
{
    struct run r = {operations, 0.0};
    double rates[RUNS];
    if (!operations)
        return 0.0;
    for (size_t i = 0; i < RUNS; i++) {
        const double begin = monotonic_seconds();
        team_run(team, run_member, &r);
        rates[i] = r.operations * (double)team_size(team) * 1e-9 / (monotonic_seconds() - begin);
    }
    qsort(rates, RUNS, sizeof *rates, compare);
    return rates[RUNS / 2];
}

double peak_floats(const struct kernel *kernel, struct team *team)
{
    return peak(floats_loop(kernel->name), team);
}

double peak_bf16(const struct kernel *kernel, struct team *team)
{
    return peak(bf16_loop(kernel->name), team);
}

double peak_floats_fed(const struct kernel *kernel, struct team *team)
{
    return peak(floats_loop_fed(kernel->name), team);
}

double peak_bf16_fed(const struct kernel *kernel, struct team *team)
{
    return peak(bf16_loop_fed(kernel->name), team);
}

/* --- hand-off --- */

enum { TURNS = 100000 };

static void *answer(void *context)
{
    atomic_int *word = context;
    for (int i = 0; i < TURNS; i++) {
        while (atomic_load_explicit(word, memory_order_acquire) != 1)
            ;
        atomic_store_explicit(word, 0, memory_order_release);
    }
    return NULL;
}

double peak_handoff(void)
{
    cpu_set_t cores;
    pthread_t thread;
    atomic_int word = 0;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) < 2 ||
        pthread_create(&thread, NULL, answer, &word) != 0)
        return 0.0;
    const double begin = monotonic_seconds();
    for (int i = 0; i < TURNS; i++) {
        atomic_store_explicit(&word, 1, memory_order_release);
        while (atomic_load_explicit(&word, memory_order_acquire) != 0)
            ;
    }
    const double seconds = monotonic_seconds() - begin;
    pthread_join(thread, NULL);
    return seconds / (2.0 * TURNS) * 1e9;
}
