/*
 * Timings of training and inference.  Prints rows `name value unit`; lines with # are remarks.
 *
 * Each figure is the median of several runs on all cores.  A loop of nothing but fused
 * multiply-adds runs before and after: on a shared machine it says how much of the processor was
 * ours, and what the figures can be compared with.  GF/s count the arithmetic of the layers (two
 * for each multiply-add; no input gradient for the first), not encoding, loss or update.
 */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "tests/support/small_fit.h"

enum { MOST_RUNS = 15, IMAGE_SIDE = 512 };

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void must(enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench_step: %s\n", err->message);
    exit(1);
}

static void row(const char *name, double value, const char *unit)
{
    printf("%s %.4g %s\n", name, value, unit);
    fflush(stdout);
}

/* Median seconds of n_runs calls, after one that warms up. */
static double median_seconds(size_t n_runs, void (*function)(void *), void *context)
{
    double seconds[MOST_RUNS];
    function(context);
    for (size_t i = 0; i < n_runs; i++) {
        double begin = seconds_now();
        function(context);
        seconds[i] = seconds_now() - begin;
    }
    qsort(seconds, n_runs, sizeof *seconds, compare);
    return seconds[n_runs / 2];
}

/* --- what the processor can do --- */

enum { PROBE_ROUNDS = 8000000, ACCUMULATORS = 12 };

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static float fma_loop_avx512(void)
{
    const __m512 x = _mm512_set1_ps(1.0000001f), y = _mm512_set1_ps(1e-9f);
    __m512 sum[ACCUMULATORS];
    for (size_t j = 0; j < ACCUMULATORS; j++)
        sum[j] = _mm512_set1_ps((float)j);
    for (size_t i = 0; i < PROBE_ROUNDS; i++)
#pragma GCC unroll 12
        for (size_t j = 0; j < ACCUMULATORS; j++)
            sum[j] = _mm512_fmadd_ps(sum[j], x, y);
    float total = 0.0f;
    for (size_t j = 0; j < ACCUMULATORS; j++)
        total += _mm512_reduce_add_ps(sum[j]);
    return total;
}

__attribute__((target("avx2,fma"))) static float fma_loop_avx2(void)
{
    const __m256 x = _mm256_set1_ps(1.0000001f), y = _mm256_set1_ps(1e-9f);
    __m256 sum[ACCUMULATORS];
    for (size_t j = 0; j < ACCUMULATORS; j++)
        sum[j] = _mm256_set1_ps((float)j);
    for (size_t i = 0; i < PROBE_ROUNDS; i++)
#pragma GCC unroll 12
        for (size_t j = 0; j < ACCUMULATORS; j++)
            sum[j] = _mm256_fmadd_ps(sum[j], x, y);
    float lanes[8], total = 0.0f;
    for (size_t j = 0; j < ACCUMULATORS; j++) {
        _mm256_storeu_ps(lanes, sum[j]);
        total += lanes[0] + lanes[7];
    }
    return total;
}
#endif

/* Multiply-adds a call makes; 0 where there is no loop for this processor. */
static double fma_loop(float *result)
{
    *result = 0.0f;
#if defined(__x86_64__)
    if (strcmp(kernel_find(NULL)->name, "avx512") == 0) {
        *result = fma_loop_avx512();
        return 16.0 * ACCUMULATORS * PROBE_ROUNDS;
    }
    if (strcmp(kernel_find(NULL)->name, "avx2") == 0) {
        *result = fma_loop_avx2();
        return 8.0 * ACCUMULATORS * PROBE_ROUNDS;
    }
#endif
    return 0.0;
}

struct probe {
    struct team *team;
    double multiply_adds;
};

static void probe_member(void *context, size_t member)
{
    struct probe *p = context;
    float result;
    double n = fma_loop(&result);
    volatile float sink = result;
    (void)sink;
    if (member == 0)
        p->multiply_adds = n;
}

static void probe_team(void *context)
{
    struct probe *p = context;
    team_run(p->team, probe_member, p);
}

/* GF/s of all members together. */
static double measure_peak(struct team *team)
{
    struct probe p = {team, 0.0};
    double seconds = median_seconds(7, probe_team, &p);
    return 2.0 * p.multiply_adds * (double)team_size(team) / seconds * 1e-9;
}

enum { BARRIERS = 20000 };

static void barrier_member(void *context, size_t member)
{
    (void)member;
    for (size_t i = 0; i < BARRIERS; i++)
        team_barrier(context);
}

static void barrier_team(void *context)
{
    team_run(context, barrier_member, context);
}

/* --- training --- */

struct network {
    const char *name;
    size_t n_frequencies, n_hidden_layers, width;
};

struct fit {
    struct image image;
    struct field *field;
    struct task *task;
    struct trainer *trainer;
};

static struct field_spec spec_of(const struct network *n, const struct image *image)
{
    struct field_spec spec = small_field_spec(image);
    spec.encoding.n_frequencies = n->n_frequencies;
    spec.encoding.sigma = 10.0;
    spec.network.n_hidden_layers = n->n_hidden_layers;
    spec.network.width = n->width;
    return spec;
}

static void fit_init(struct fit *fit, const struct network *n, size_t batch_size, struct team *team)
{
    struct error err = {0};
    fit->image = small_picture(IMAGE_SIDE, IMAGE_SIDE, 3);
    const struct field_spec spec = spec_of(n, &fit->image);
    const struct task_image_spec task = {.output_activation = ACTIVATION_SIGMOID, .seed = 1};
    struct train_spec train = small_train_spec();
    train.batch_size = batch_size;
    train.learning_rate = 1e-3;
    fit->field = small_field(&spec, 1);
    must(task_image_create(&fit->task, &fit->image, &task, &err), &err);
    must(trainer_create(&fit->trainer, &train, fit->field, fit->task, team, &err), &err);
}

static void fit_deinit(struct fit *fit)
{
    trainer_free(fit->trainer);
    task_free(fit->task);
    field_free(fit->field);
    image_deinit(&fit->image);
}

static void one_step(void *context)
{
    trainer_step(context);
}

/* Forward, weight gradients, and input gradients of all layers but the first. */
static double training_flops(const struct field *f)
{
    double all = 0.0, first = 0.0;
    for (size_t l = 0; l < mlp_n_layers(field_mlp(f)); l++) {
        size_t n_outputs, n_inputs;
        mlp_layer_shape(field_mlp(f), l, &n_outputs, &n_inputs);
        all += (double)n_outputs * (double)n_inputs;
        if (l == 0)
            first = all;
    }
    return 2.0 * (3.0 * all - first);
}

/* Returns GF/s. */
static double measure_step(const struct network *n, size_t batch_size, size_t n_runs,
                           struct team *team)
{
    struct fit fit;
    char name[64];
    fit_init(&fit, n, batch_size, team);
    double seconds = median_seconds(n_runs, one_step, fit.trainer);
    double rate = training_flops(fit.field) * (double)batch_size / seconds * 1e-9;
    snprintf(name, sizeof name, "step_%s_%zu", n->name, batch_size);
    row(name, seconds * 1e3, "ms");
    snprintf(name, sizeof name, "step_%s_%zu_rate", n->name, batch_size);
    row(name, rate, "GF/s");
    fit_deinit(&fit);
    return rate;
}

/* --- queries --- */

struct inference {
    const struct field *field;
    struct team *team;
    size_t n;
    float *unit, *values;
};

static void query_all(void *context)
{
    const struct inference *q = context;
    struct error err = {0};
    must(task_query(q->field, q->team, q->n, q->unit, q->values, NULL, &err), &err);
}

static void measure_inference(const struct network *n, struct team *team)
{
    struct image image = small_picture(IMAGE_SIDE, IMAGE_SIDE, 3);
    const struct field_spec spec = spec_of(n, &image);
    struct field *f = small_field(&spec, 1);
    struct inference q = {.field = f, .team = team, .n = 65536};
    char name[64];
    q.unit = mem_alloc_floats(q.n * 2);
    q.values = mem_alloc_floats(q.n * 3);
    for (size_t i = 0; i < q.n * 2; i++)
        q.unit[i] = (float)(i % 1021) / 1021.0f;
    double seconds = median_seconds(5, query_all, &q);
    snprintf(name, sizeof name, "query_%s", n->name);
    row(name, (double)q.n / seconds * 1e-6, "Mpoints/s");
    snprintf(name, sizeof name, "query_%s_rate", n->name);
    row(name, field_query_flops(&spec) * (double)q.n / seconds * 1e-9, "GF/s");
    mem_free(q.unit);
    mem_free(q.values);
    field_free(f);
    image_deinit(&image);
}

struct encoding_run {
    const struct field *field;
    float *unit, *out;
    size_t ld;
};

enum { ENCODED_TILES = 200 };

static void encode_tiles(void *context)
{
    const struct encoding_run *r = context;
    for (size_t i = 0; i < ENCODED_TILES; i++)
        encoding_forward(field_encoding(r->field), field_kernel(r->field),
                         field_params_const(r->field), MLP_TILE, r->unit, r->out, r->ld);
}

static void measure_encoding(const struct network *n)
{
    struct image image = small_picture(8, 8, 3);
    const struct field_spec spec = spec_of(n, &image);
    struct field *f = small_field(&spec, 1);
    struct encoding_run r = {.field = f, .ld = 2 * n->n_frequencies + 2 * MLP_LANES};
    r.unit = mem_alloc_floats(MLP_TILE * 2);
    r.out = mem_alloc_floats(MLP_TILE * r.ld);
    for (size_t i = 0; i < MLP_TILE * 2; i++)
        r.unit[i] = (float)i / (MLP_TILE * 2);
    double seconds = median_seconds(9, encode_tiles, &r);
    row("encoding_point_1_thread", seconds / (ENCODED_TILES * MLP_TILE) * 1e9, "ns");
    mem_free(r.unit);
    mem_free(r.out);
    field_free(f);
    image_deinit(&image);
}

enum { DRAWS = 1000000 };

static void draw_samples(void *context)
{
    uint64_t *sum = context;
    for (uint64_t i = 0; i < DRAWS; i++)
        *sum += rng_permute(1, RNG_BATCH, 3, IMAGE_SIDE * IMAGE_SIDE, i % 65536);
}

/* All cores this process may use. */
static size_t n_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 1;
    int n = CPU_COUNT(&cores);
    return n > 0 ? (size_t)n : 1;
}

int main(void)
{
    static const struct network paper = {"paper_3x256", 256, 3, 256};
    static const struct network deeper = {"ff_4x256", 256, 4, 256};
    static const struct network small = {"small_2x64", 64, 2, 64};
    static const struct {
        size_t batch_size, n_runs;
    } sizes[] = {{4096, 15}, {16384, 9}, {65536, 5}};
    struct team *team = NULL;
    struct error err = {0};
    must(team_create(&team, n_cores(), &err), &err);
    printf("# kernel %s, %zu threads\n", kernel_find(NULL)->name, team_size(team));

    const double before = measure_peak(team);
    row("fma_peak_before", before, "GF/s");
    double rate = 0.0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        measure_step(&paper, sizes[i].batch_size, sizes[i].n_runs, team);
        rate = measure_step(&deeper, sizes[i].batch_size, sizes[i].n_runs, team);
    }
    const double after = measure_peak(team);
    row("fma_peak_after", after, "GF/s");
    if (before + after > 0.0)
        row("step_ff_4x256_65536_of_peak", 100.0 * rate / (0.5 * (before + after)), "%");
    measure_step(&small, 16384, 15, team);
    measure_inference(&paper, team);
    measure_inference(&deeper, team);
    measure_inference(&small, team);
    measure_encoding(&paper);
    uint64_t sum = 0;
    row("draw_sample_1_thread", median_seconds(5, draw_samples, &sum) / DRAWS * 1e9, "ns");
    row("barrier", median_seconds(5, barrier_team, team) / BARRIERS * 1e9, "ns");
    team_free(team);
    return sum == 0; /* keeps the draws */
}
