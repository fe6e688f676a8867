/*
 * Timings of training and inference: bench_step [PART ...], parts peaks, steps, widths, queries,
 * rest; none: all.  Prints rows `name value unit`; lines with # are remarks.
 *
 * Each figure is the median of several runs on all cores.  Beside it stands the peak of the
 * instructions it uses (tests/support/peak.h), measured just before and after, and what part of
 * that it is.  GF/s count the arithmetic of the layers (two for each multiply-add; no input
 * gradient for the first), not encoding, loss or update.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/precision.h"
#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "tests/support/bench.h"
#include "tests/support/peak.h"
#include "tests/support/small_fit.h"

enum { IMAGE_SIDE = 512 };

static double median_seconds(size_t n_runs, void (*function)(void *), void *context)
{
    return bench_time(n_runs, function, context).median;
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

static void fit_init(struct fit *fit, const struct network *n, size_t batch_size,
                     const struct kernel *kernel, enum precision precision, struct team *team)
{
    struct error err = {0};
    fit->image = small_picture(IMAGE_SIDE, IMAGE_SIDE, 3);
    const struct field_spec spec = spec_of(n, &fit->image);
    const struct task_image_spec task = {.output_activation = ACTIVATION_SIGMOID, .seed = 1};
    struct train_spec train = small_train_spec();
    train.batch_size = batch_size;
    train.learning_rate = 1e-3;
    train.precision = precision;
    bench_must(field_create(&fit->field, &spec, kernel, &err), &err);
    field_init(fit->field, &spec, 1);
    bench_must(task_image_create(&fit->task, &fit->image, &task, &err), &err);
    bench_must(trainer_create(&fit->trainer, &train, fit->field, fit->task, team, &err), &err);
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

static void measure_peaks(struct team *team)
{
    size_t n_kernels;
    char name[64];
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t k = 0; k < n_kernels; k++) {
        const struct {
            const char *what;
            double rate;
        } rows[] = {{"fp32", peak_floats(kernels[k], team)},
                    {"fp32_fed", peak_floats_fed(kernels[k], team)},
                    {"bf16", peak_bf16(kernels[k], team)},
                    {"bf16_fed", peak_bf16_fed(kernels[k], team)}};
        for (size_t i = 0; i < 4; i++) {
            snprintf(name, sizeof name, "peak_%s_%s", kernels[k]->name, rows[i].what);
            if (rows[i].rate > 0.0)
                bench_row(name, rows[i].rate, "GF/s");
        }
    }
}

static double peak_of(const struct kernel *kernel, enum precision precision, struct team *team)
{
    return precision == PRECISION_BF16 ? peak_bf16(kernel, team) : peak_floats(kernel, team);
}

static void measure_step(const struct network *n, size_t batch_size, size_t n_runs,
                         const struct kernel *kernel, enum precision precision, struct team *team)
{
    struct fit fit;
    char name[96], what[64];
    const double before = peak_of(kernel, precision, team);
    fit_init(&fit, n, batch_size, kernel, precision, team);
    struct bench_times t = bench_time(n_runs, one_step, fit.trainer);
    const double peak = 0.5 * (before + peak_of(kernel, precision, team));
    const double rate = training_flops(fit.field) * (double)batch_size / t.median * 1e-9;
    snprintf(what, sizeof what, "step_%s_%zu_%s_%s", n->name, batch_size, kernel->name,
             precision_name(precision));
    printf("# %s: %.3g to %.3g ms in %zu runs, peak %.4g GF/s\n", what, t.least * 1e3, t.most * 1e3,
           n_runs, peak);
    bench_row(what, t.median * 1e3, "ms");
    snprintf(name, sizeof name, "%s_rate", what);
    bench_row(name, rate, "GF/s");
    snprintf(name, sizeof name, "%s_of_peak", what);
    if (peak > 0.0)
        bench_row(name, 100.0 * rate / peak, "%");
    fit_deinit(&fit);
}

/* What each row of the table multiplies with, once: rows that share their floats are one. */
static bool is_worth_measuring(const struct kernel *kernel, enum precision precision)
{
    if (precision == PRECISION_BF16)
        return kernel_has_bf16(kernel);
    return strcmp(kernel->name, "avx512") == 0 || strcmp(kernel->name, "avx2") == 0;
}

static void measure_steps(struct team *team)
{
    static const struct network networks[] = {{"paper_3x256", 256, 3, 256},
                                              {"ff_4x256", 256, 4, 256}};
    static const struct {
        size_t batch_size, n_runs;
    } sizes[] = {{4096, 15}, {16384, 9}, {65536, 7}};
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    for (size_t n = 0; n < 2; n++)
        for (size_t k = 0; k < n_kernels; k++)
            for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++)
                for (size_t i = 0; i < 3 && is_worth_measuring(kernels[k], (enum precision)p); i++)
                    measure_step(&networks[n], sizes[i].batch_size, sizes[i].n_runs, kernels[k],
                                 (enum precision)p, team);
}

/* Every width and depth on the best kernel. */
static void measure_widths(struct team *team)
{
    static const size_t widths[] = {16, 32, 64, 128, 192, 256, 512}, depths[] = {1, 2, 4, 8};
    const struct kernel *kernel = kernel_find(NULL);
    for (size_t w = 0; w < 7; w++)
        for (size_t d = 0; d < 4; d++)
            for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++) {
                char name[32];
                snprintf(name, sizeof name, "%zux%zu", depths[d], widths[w]);
                const struct network n = {name, 128, depths[d], widths[w]};
                if (p == PRECISION_FP32 || kernel_has_bf16(kernel))
                    measure_step(&n, 16384, 7, kernel, (enum precision)p, team);
            }
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
    bench_must(task_query(q->field, q->team, q->n, q->unit, q->values, NULL, &err), &err);
}

/* In bf16x2, as the service draws for eight bits: each member its share of the tiles. */
struct drawing {
    struct inference *points;
    struct field_workspace **workspaces; /* one for each member */
};

static void draw_share(void *context, size_t member)
{
    const struct drawing *d = context;
    const struct inference *q = d->points;
    size_t first, count;
    team_share(q->n, MLP_TILE, team_size(q->team), member, &first, &count);
    field_query(q->field, d->workspaces[member], count, q->unit + 2 * first, q->values + 3 * first);
}

static void draw_all(void *context)
{
    const struct drawing *d = context;
    team_run(d->points->team, draw_share, context);
}

static double seconds_of_drawing(struct inference *q)
{
    struct error err = {0};
    const size_t n_members = team_size(q->team);
    uint32_t *split = field_split(q->field);
    struct drawing d = {q, mem_alloc_array(n_members, sizeof *d.workspaces)};
    for (size_t i = 0; i < n_members; i++)
        bench_must(field_workspace_create_split(&d.workspaces[i], q->field, split, &err), &err);
    const double seconds = median_seconds(9, draw_all, &d);
    for (size_t i = 0; i < n_members; i++)
        field_workspace_free(d.workspaces[i]);
    mem_free(d.workspaces);
    mem_free(split);
    return seconds;
}

static void report_inference(const char *name, double flops, double seconds, size_t n)
{
    char row[64];
    bench_row(name, (double)n / seconds * 1e-6, "Mpoints/s");
    snprintf(row, sizeof row, "%s_rate", name);
    bench_row(row, flops * (double)n / seconds * 1e-9, "GF/s");
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
    const double flops = field_query_flops(f);
    snprintf(name, sizeof name, "query_%s", n->name);
    report_inference(name, flops, median_seconds(9, query_all, &q), q.n);
    if (precision_split_pays(f)) {
        snprintf(name, sizeof name, "query_%s_bf16x2", n->name);
        report_inference(name, flops, seconds_of_drawing(&q), q.n);
    }
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
    bench_row("encoding_point_1_thread", seconds / (ENCODED_TILES * MLP_TILE) * 1e9, "ns");
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

static void measure_queries(struct team *team)
{
    static const struct network networks[] = {
        {"paper_3x256", 256, 3, 256}, {"ff_4x256", 256, 4, 256}, {"small_2x64", 64, 2, 64}};
    for (size_t i = 0; i < 3; i++)
        measure_inference(&networks[i], team);
}

static void measure_rest(struct team *team)
{
    static const struct network paper = {"paper_3x256", 256, 3, 256};
    uint64_t sum = 0;
    measure_encoding(&paper);
    bench_row("draw_sample_1_thread", median_seconds(5, draw_samples, &sum) / DRAWS * 1e9, "ns");
    bench_row("barrier", median_seconds(5, barrier_team, team) / BARRIERS * 1e9, "ns");
    bench_row("handoff_between_cores", peak_handoff(), "ns");
}

int main(int argc, char **argv)
{
    static const struct bench_part parts[] = {{"peaks", measure_peaks},
                                              {"steps", measure_steps},
                                              {"widths", measure_widths},
                                              {"queries", measure_queries},
                                              {"rest", measure_rest}};
    return bench_main(argc, argv, parts, sizeof parts / sizeof *parts);
}
