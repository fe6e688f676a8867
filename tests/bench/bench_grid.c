/*
 * Timings of fields on grids: bench_grid [PART ...], parts train, point, queries; none: all. Prints
 * rows `name value unit`; lines with # are remarks.
 *
 * The field that docs/performance.md compares with others: a hash grid of 16 levels of 2 features,
 * from 16 to 256 vertices an axis, tables of at most 2^17 entries, then 2 x 64 relu, over a picture
 * of 512 x 512 of the project's own.
 *
 *   train    points trained a second (draw, look up, forward, backward, scatter, Adam), by one
 *            thread and by all, in batches of 4,096 and 16,384; by all in batches of 16,384 with
 *            other instructions, too
 *   point    what each part of a step takes for a point, on one thread
 *   queries  points answered a second, in fp32 and as pictures are drawn (bf16x2)
 *
 * Each figure is the median of five runs, after one that warms up.  Beside those of train and
 * queries stand multiply-adds in registers, measured just before, and before all what a word takes
 * from core to core (tests/support/peak.h).
 */
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/precision.h"
#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "core/sample/sample.h"
#include "core/task/task_image.h"
#include "tests/support/bench.h"
#include "tests/support/peak.h"
#include "tests/support/small_fit.h"

enum { IMAGE_SIDE = 512, RUNS = 5, BATCH = 16384 };

/* Points of one timed run: some tenths of a second. */
enum { POINTS_ALL = 1 << 19, POINTS_PORTABLE = 1 << 16 };

struct fit {
    struct image image;
    struct field *field;
    struct task *task;
    struct trainer *trainer;
    size_t steps; /* of one run */
};

static struct field_spec spec_of(const struct image *image)
{
    struct field_spec spec = small_grid_field_spec(image);
    spec.encoding.n_levels = 16;
    spec.encoding.log2_hashmap_size = 17;
    spec.encoding.base_resolution = 16;
    spec.encoding.finest_resolution = 256;
    spec.network.width = 64;
    spec.network.output_activation = ACTIVATION_LINEAR;
    return spec;
}

static struct train_spec train_of(size_t batch_size, enum precision precision)
{
    struct train_spec train = small_train_spec();
    train.batch_size = batch_size;
    train.precision = precision;
    train.optimizer = (struct optimizer_spec){OPTIMIZER_ADAM, 0.9, 0.99, 1e-15};
    return train;
}

static void fit_init(struct fit *fit, size_t batch_size, const struct kernel *kernel,
                     enum precision precision, struct team *team)
{
    struct error err = {0};
    const struct sample_spec picture = {.seed = 1, .size = IMAGE_SIDE};
    bench_must(sample_picture(&picture, &fit->image, &err), &err);
    const struct field_spec spec = spec_of(&fit->image);
    const struct task_image_spec task = {.output_activation = ACTIVATION_LINEAR, .seed = 1};
    const struct train_spec train = train_of(batch_size, precision);
    bench_must(field_create(&fit->field, &spec, kernel, &err), &err);
    field_init(fit->field, &spec, 1);
    bench_must(task_image_create(&fit->task, &fit->image, &task, &err), &err);
    bench_must(trainer_create(&fit->trainer, &train, fit->field, fit->task, team, &err), &err);
    fit->steps =
        (strcmp(kernel->name, "portable") == 0 ? POINTS_PORTABLE : POINTS_ALL) / batch_size;
}

static void fit_deinit(struct fit *fit)
{
    trainer_free(fit->trainer);
    task_free(fit->task);
    field_free(fit->field);
    image_deinit(&fit->image);
}

static double peak_of(const struct kernel *kernel, enum precision precision, struct team *team)
{
    return precision == PRECISION_FP32 ? peak_floats(kernel, team) : peak_bf16(kernel, team);
}

/* --- train --- */

static void train(void *context)
{
    const struct fit *fit = context;
    for (size_t i = 0; i < fit->steps; i++)
        trainer_step(fit->trainer);
}

static void measure_training(size_t batch_size, const struct kernel *kernel,
                             enum precision precision, struct team *team)
{
    struct fit fit;
    char what[96];
    const bool is_best = kernel == kernel_find(NULL);
    const double peak = peak_of(kernel, precision, team);
    fit_init(&fit, batch_size, kernel, precision, team);
    const struct bench_times t = bench_time(RUNS, train, &fit);
    const double points = (double)(fit.steps * batch_size) * 1e-6;
    snprintf(what, sizeof what, "grid_train_%zu_%s%s%s_%zu_threads", batch_size,
             is_best ? "" : kernel->name, is_best ? "" : "_", precision_name(precision),
             team_size(team));
    printf("# %s: %.3g to %.3g Mpoints/s, %zu parameters, peak %.4g GF/s\n", what, points / t.most,
           points / t.least, field_n_parameters(fit.field), peak);
    bench_row(what, points / t.median, "Mpoints/s");
    fit_deinit(&fit);
}

/* All by the best instructions; what others would give, in one row each. */
static void measure_train(struct team *alone, struct team *team)
{
    static const size_t batches[] = {4096, BATCH};
    static const char *const others[] = {"avx2", "portable"};
    const struct kernel *best = kernel_find(NULL);
    struct team *const teams[] = {alone, team};
    for (size_t b = 0; b < 2; b++)
        for (int p = PRECISION_FP32; p <= PRECISION_BF16; p++)
            for (size_t t = alone == team; t < 2; t++)
                if (p == PRECISION_FP32 || kernel_has_bf16(best))
                    measure_training(batches[b], best, (enum precision)p, teams[t]);
    for (size_t i = 0; i < 2; i++) {
        const struct kernel *kernel = kernel_find(others[i]);
        if (kernel && kernel != best)
            measure_training(BATCH, kernel, PRECISION_FP32, team);
    }
}

/* --- point --- */

/* One step's work, taken apart. */
struct parts {
    const struct fit *fit;
    const struct mlp *mlp;
    const struct encoding *encoding;
    const float *params, *network; /* the field's, and the network's part of them */
    size_t ld;                     /* of features */
    float *coords, *targets;       /* [BATCH, 2], [BATCH, 3] */
    float *input, *d_input;        /* [BATCH, ld] */
    float *level_d;                /* [BATCH, n_columns]: of one level */
    float *raw, *values, *d_raw;   /* [MLP_TILE, 3] */
    float *d_params;               /* of the network */
    float *gradient;               /* of the tables */
    uint8_t *touched;
    float *moments[2];

    struct mlp_pass pass; /* of the network that is timed */
    struct mlp_tile *tile;
    void *derived;
    uint64_t step;
};

static void draw(void *context)
{
    struct parts *p = context;
    for (size_t first = 0; first < BATCH; first += MLP_TILE) {
        struct task_tile tile = {.step = p->step,
                                 .batch_size = BATCH,
                                 .first = first,
                                 .n = MLP_TILE,
                                 .coords = p->coords + 2 * first,
                                 .targets = p->targets + 3 * first};
        p->fit->task->class->draw(p->fit->task, &tile);
    }
    p->step++;
}

static void look_up(void *context)
{
    const struct parts *p = context;
    for (size_t first = 0; first < BATCH; first += MLP_TILE)
        encoding_forward(p->encoding, field_kernel(p->fit->field), p->params, MLP_TILE,
                         p->coords + 2 * first, p->input + first * p->ld, p->ld);
}

static void pass_network(void *context)
{
    const struct parts *p = context;
    size_t ld;
    float *input = mlp_tile_input(p->tile, &ld);
    for (size_t first = 0; first < BATCH; first += MLP_TILE) {
        memcpy(input, p->input + first * ld, MLP_TILE * ld * sizeof *input);
        mlp_forward(p->mlp, p->network, p->derived, p->tile, MLP_TILE, p->raw, p->values);
        mlp_backward(p->mlp, p->derived, p->tile, MLP_TILE, p->d_raw, p->d_params,
                     p->d_input + first * ld);
    }
}

/* The network in one precision; its d_input is what the tables get. */
static double time_network(struct parts *p, enum precision precision)
{
    struct error err = {0};
    p->pass = (struct mlp_pass){.training = true, .inputs = true, .precision = precision};
    p->derived = mem_alloc_floats(mlp_n_derived(p->mlp, p->pass));
    mlp_derive(p->mlp, p->pass, p->network, p->derived, 0, 1);
    bench_must(mlp_tile_create(&p->tile, p->mlp, p->pass, &err), &err);
    const double seconds = bench_time(RUNS, pass_network, p).median;
    mlp_tile_free(p->tile);
    mem_free(p->derived);
    return seconds;
}

/* Both, since an update takes away what was scattered. */
static void time_tables(struct parts *p, double *scatter, double *adam)
{
    const struct optimizer_spec optimizer = train_of(BATCH, PRECISION_FP32).optimizer;
    const struct kernel *kernel = field_kernel(p->fit->field);
    double seconds[2][RUNS + 1] = {{0.0}};
    for (size_t r = 0; r <= RUNS; r++)
        for (size_t l = 0; l < encoding_n_levels(p->encoding); l++) {
            const struct encoding_level level = encoding_level(p->encoding, l);
            float *gradient = p->gradient + level.first, *moments[2];
            uint8_t *touched = p->touched + level.first / GRID_LINE;
            for (size_t m = 0; m < 2; m++)
                moments[m] = p->moments[m] + level.first;
            for (size_t i = 0; i < BATCH; i++)
                memcpy(p->level_d + i * level.n_columns, p->d_input + i * p->ld + level.column,
                       level.n_columns * sizeof(float));
            const double begin = bench_now();
            encoding_scatter(p->encoding, kernel, l, BATCH, p->coords, p->level_d, gradient,
                             touched);
            const double between = bench_now();
            optimizer_update_touched(&optimizer, kernel, r + 1, 1e-2, level.count,
                                     field_params(p->fit->field) + level.first, moments, gradient,
                                     touched);
            seconds[0][r] += between - begin;
            seconds[1][r] += bench_now() - between;
        }
    bench_sort(seconds[0] + 1, RUNS);
    bench_sort(seconds[1] + 1, RUNS);
    *scatter = seconds[0][1 + RUNS / 2];
    *adam = seconds[1][1 + RUNS / 2];
}

static void parts_init(struct parts *p, const struct fit *fit)
{
    const struct field *f = fit->field;
    *p = (struct parts){.fit = fit, .mlp = field_mlp(f), .encoding = field_encoding(f)};
    const size_t n_table = encoding_n_table(p->encoding),
                 n_encoding = encoding_n_params(p->encoding);
    struct error err = {0};
    struct mlp_tile *tile;
    bench_must(mlp_tile_create(&tile, p->mlp, p->pass, &err), &err);
    mlp_tile_input(tile, &p->ld);
    mlp_tile_free(tile);
    p->params = field_params_const(f);
    p->network = p->params + n_encoding;
    p->coords = mem_alloc_floats((size_t)BATCH * 2);
    p->targets = mem_alloc_floats((size_t)BATCH * 3);
    p->input = mem_alloc_floats(BATCH * p->ld);
    p->d_input = mem_alloc_floats(BATCH * p->ld);
    p->level_d = mem_alloc_floats((size_t)BATCH * GRID_MAX_FEATURES);
    p->raw = mem_alloc_floats((size_t)MLP_TILE * 3);
    p->values = mem_alloc_floats((size_t)MLP_TILE * 3);
    p->d_raw = mem_alloc_floats((size_t)MLP_TILE * 3);
    p->d_params = mem_alloc_floats(field_n_params(f) - n_encoding);
    p->gradient = mem_alloc_floats(n_table);
    p->touched = mem_alloc_array(n_table / GRID_LINE, 1);
    for (size_t m = 0; m < 2; m++)
        p->moments[m] = mem_alloc_floats(n_table);
    for (size_t i = 0; i < (size_t)MLP_TILE * 3; i++)
        p->d_raw[i] = 1e-6f * (float)(i % 7) - 3e-6f;
}

static void parts_deinit(struct parts *p)
{
    float *const all[] = {p->coords,   p->targets,  p->input,      p->d_input,
                          p->level_d,  p->raw,      p->values,     p->d_raw,
                          p->d_params, p->gradient, p->moments[0], p->moments[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mem_free(all[i]);
    mem_free(p->touched);
}

static void point_row(const char *what, double seconds)
{
    char name[64];
    snprintf(name, sizeof name, "grid_point_%s_1_thread", what);
    bench_row(name, seconds / BATCH * 1e9, "ns");
}

static void measure_point(struct team *alone, struct team *team)
{
    struct fit fit;
    struct parts p;
    double scatter, adam;
    const struct kernel *kernel = kernel_find(NULL);
    (void)team;
    fit_init(&fit, BATCH, kernel, PRECISION_FP32, alone);
    train(&fit); /* a gradient like those that come */
    parts_init(&p, &fit);
    point_row("draw", bench_time(RUNS, draw, &p).median);
    point_row("encode", bench_time(RUNS, look_up, &p).median);
    if (kernel_has_bf16(kernel))
        point_row("network_bf16", time_network(&p, PRECISION_BF16));
    point_row("network_fp32", time_network(&p, PRECISION_FP32));
    time_tables(&p, &scatter, &adam);
    point_row("scatter", scatter);
    point_row("adam", adam);
    parts_deinit(&p);
    fit_deinit(&fit);
}

/* --- queries --- */

enum { QUERY_ROUNDS = 4, N_PIXELS = IMAGE_SIDE * IMAGE_SIDE };

struct queries {
    const struct field *field;
    struct team *team;
    struct field_workspace **workspaces; /* of bf16x2, one for each member */
    float *unit, *values;                /* [N_PIXELS, 2], [N_PIXELS, 3] */
};

static void query_all(void *context)
{
    const struct queries *q = context;
    struct error err = {0};
    for (size_t i = 0; i < QUERY_ROUNDS; i++)
        bench_must(task_query(q->field, q->team, N_PIXELS, q->unit, q->values, NULL, &err), &err);
}

static void query_share(void *context, size_t member)
{
    const struct queries *q = context;
    size_t first, count;
    team_share(N_PIXELS, MLP_TILE, team_size(q->team), member, &first, &count);
    for (size_t i = 0; i < QUERY_ROUNDS; i++)
        field_query(q->field, q->workspaces[member], count, q->unit + 2 * first,
                    q->values + 3 * first);
}

static void query_split(void *context)
{
    const struct queries *q = context;
    team_run(q->team, query_share, context);
}

static void report_queries(const struct queries *q, enum precision precision,
                           void (*function)(void *), struct queries *context)
{
    char what[96];
    const double peak = peak_of(field_kernel(q->field), precision, q->team);
    const struct bench_times t = bench_time(RUNS, function, context);
    const double points = (double)QUERY_ROUNDS * N_PIXELS * 1e-6;
    snprintf(what, sizeof what, "grid_query_%s_%zu_threads", precision_name(precision),
             team_size(q->team));
    printf("# %s: %.3g to %.3g Mpoints/s, peak %.4g GF/s\n", what, points / t.most,
           points / t.least, peak);
    bench_row(what, points / t.median, "Mpoints/s");
}

static void measure_queries_by(const struct fit *fit, struct team *team)
{
    struct error err = {0};
    struct queries q = {.field = fit->field, .team = team};
    q.unit = mem_alloc_floats((size_t)N_PIXELS * 2);
    q.values = mem_alloc_floats((size_t)N_PIXELS * 3);
    for (size_t i = 0; i < N_PIXELS; i++) { /* the pixels of a picture, row by row */
        q.unit[2 * i] = ((float)(i % IMAGE_SIDE) + 0.5f) / IMAGE_SIDE;
        q.unit[2 * i + 1] = ((float)(i / IMAGE_SIDE) + 0.5f) / IMAGE_SIDE;
    }
    report_queries(&q, PRECISION_FP32, query_all, &q);
    if (precision_split_pays(q.field)) {
        uint32_t *split = field_split(q.field);
        q.workspaces = mem_alloc_array(team_size(team), sizeof(struct field_workspace *));
        for (size_t i = 0; i < team_size(team); i++)
            bench_must(field_workspace_create_split(&q.workspaces[i], q.field, split, &err), &err);
        report_queries(&q, PRECISION_BF16X2, query_split, &q);
        for (size_t i = 0; i < team_size(team); i++)
            field_workspace_free(q.workspaces[i]);
        mem_free(q.workspaces);
        mem_free(split);
    }
    mem_free(q.unit);
    mem_free(q.values);
}

static void measure_queries(struct team *alone, struct team *team)
{
    struct fit fit;
    fit_init(&fit, BATCH, kernel_find(NULL), PRECISION_FP32, team);
    train(&fit);
    measure_queries_by(&fit, alone);
    if (team != alone)
        measure_queries_by(&fit, team);
    fit_deinit(&fit);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*measure)(struct team *alone, struct team *team);
    } parts[] = {{"train", measure_train}, {"point", measure_point}, {"queries", measure_queries}};
    struct team *alone = NULL, *team = NULL;
    struct error err = {0};
    bench_must(team_create(&alone, 1, &err), &err);
    bench_must(team_create(&team, bench_cores(), &err), &err);
    printf("# kernel %s, %zu threads\n", kernel_find(NULL)->name, team_size(team));
    bench_row("grid_handoff_between_cores", peak_handoff(), "ns");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (bench_is_asked(parts[i].name, argc, argv))
            parts[i].measure(alone, team_size(team) > 1 ? team : alone);
    team_free(team);
    team_free(alone);
    return 0;
}
