/*
 * Ours in `make bench-peers`: farfield_peer PRECISION, fp32 or bf16.  Does what it reads, line by
 * line, with all cores; answers each line with one line (tests/bench/peers/run.py asks, the other
 * peers there answer the same).
 *
 *   decode FILE OUT       a PNG or NPY picture as floats [height, width, channels] into OUT; FILE
 *                         "-": a picture of 512 x 512 made for tests -> WIDTH HEIGHT CHANNELS
 *   picture FILE WIDTH HEIGHT CHANNELS     what decode wrote is the picture from here on -> ok
 *   train FIELD BATCH RATE STEPS      a new fit: mse, Adam, the rate a cosine down to 0 over STEPS,
 *                         constant if 0 -> ok
 *   query FIELD POINTS    a field, and so many points to ask it (bf16: in bf16x2, as the service
 *                         draws pictures; fields answer in no less) -> ok
 *   run N                 N steps, or N times all points -> SECONDS LOSS THREADS CPU_SECONDS, loss
 *                         of the last batch, 0 of queries
 *   psnr quick|full       of the fit, over a subsample or all pixels, in floats -> PSNR
 *   probe                 -> GF/s of multiply-adds in registers, in floats and in bfloat16, and
 *                         nanoseconds from core to core (tests/support/peak.h)
 *
 * FIELD, with LAYERS hidden layers of relu:
 *   gaussian FREQUENCIES SIGMA LAYERS WIDTH         Gaussian features, sigmoid
 *   hashgrid LEVELS FEATURES LOG2_SIZE BASE FINEST LAYERS WIDTH      a grid, linear; Adam with
 *                         betas 0.9 and 0.99, epsilon 1e-15
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/trainer.h"
#include "core/format/npy.h"
#include "core/format/png.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "tests/support/bench.h"
#include "tests/support/data_files.h"
#include "tests/support/peak.h"
#include "tests/support/small_fit.h"

struct peer {
    enum precision precision;
    struct team *team;
    struct image picture;
    struct field *field;
    struct task *task;                  /* of training, with the trainer */
    struct trainer *trainer;            /* NULL: queries */
    struct field_workspace **workspace; /* of queries, [team_size]; NULL: training */
    uint32_t *split;
    size_t n_points;
    float *unit, *values;
};

static void must(enum status status, const struct error *err)
{
    bench_must(status, err);
}

static void clear(struct peer *p)
{
    trainer_free(p->trainer);
    task_free(p->task);
    for (size_t i = 0; p->workspace && i < team_size(p->team); i++)
        field_workspace_free(p->workspace[i]);
    mem_free(p->workspace);
    mem_free(p->split);
    mem_free(p->unit);
    mem_free(p->values);
    field_free(p->field);
    *p = (struct peer){.precision = p->precision, .team = p->team, .picture = p->picture};
}

/* --- pictures --- */

static struct image decode(const char *path)
{
    struct image image;
    struct error err = {0};
    if (strcmp(path, "-") == 0)
        return small_picture(512, 512, 3);
    size_t n;
    uint8_t *bytes = file_read(path, &n);
    const size_t length = strlen(path);
    const bool is_npy = length > 4 && strcmp(path + length - 4, ".npy") == 0;
    must(is_npy ? npy_decode_image(bytes, n, &image, &err)
                : png_decode(bytes, n, &image, NULL, &err),
         &err);
    free(bytes);
    return image;
}

static void decode_into(const char *path, const char *out)
{
    struct image image = decode(path);
    const size_t n = image.width * image.height * image.channels;
    float *values = mem_alloc_floats(n);
    image_read(&image, 0, n, values);
    file_write(out, values, n * sizeof *values);
    printf("%zu %zu %zu\n", image.width, image.height, image.channels);
    mem_free(values);
    image_deinit(&image);
}

static void set_picture(struct peer *p, const char *path, size_t width, size_t height,
                        size_t channels)
{
    struct error err = {0};
    size_t n;
    clear(p);
    image_deinit(&p->picture);
    must(image_create(&p->picture, SAMPLE_FLOAT, width, height, channels, &err), &err);
    uint8_t *bytes = file_read(path, &n);
    assert_int_equal(n, width * height * channels * sizeof(float));
    memcpy(p->picture.values, bytes, n);
    free(bytes);
}

/* --- work --- */

static bool is_grid(const struct field_spec *spec)
{
    return spec->encoding.type == ENCODING_HASHGRID;
}

/* Read FIELD; returns what follows it, NULL if it is none. */
static const char *read_field(const struct peer *p, const char *line, struct field_spec *out)
{
    int n = 0;
    struct field_spec spec = small_field_spec(&p->picture);
    struct encoding_spec *e = &spec.encoding;
    if (sscanf(line, " gaussian %zu %lf %zu %zu%n", &e->n_frequencies, &e->sigma,
               &spec.network.n_hidden_layers, &spec.network.width, &n) != 4) {
        spec = small_grid_field_spec(&p->picture);
        spec.network.output_activation = ACTIVATION_LINEAR;
        if (sscanf(line, " hashgrid %zu %zu %zu %zu %lf %zu %zu%n", &e->n_levels,
                   &e->n_features_per_level, &e->log2_hashmap_size, &e->base_resolution,
                   &e->finest_resolution, &spec.network.n_hidden_layers, &spec.network.width,
                   &n) != 7)
            return NULL;
    }
    *out = spec;
    return line + n;
}

static void set_training(struct peer *p, const struct field_spec *spec, size_t batch_size,
                         double rate, uint64_t steps)
{
    struct error err = {0};
    const struct task_image_spec task = {.output_activation = spec->network.output_activation,
                                         .seed = 1};
    struct train_spec train = small_train_spec();
    train.batch_size = batch_size;
    train.learning_rate = rate;
    train.precision = p->precision;
    if (is_grid(spec))
        train.optimizer = (struct optimizer_spec){OPTIMIZER_ADAM, 0.9, 0.99, 1e-15};
    if (steps > 0) {
        train.steps = steps;
        train.schedule.type = SCHEDULE_COSINE;
    }
    clear(p);
    p->field = small_field(spec, 1);
    must(task_image_create(&p->task, &p->picture, &task, &err), &err);
    must(trainer_create(&p->trainer, &train, p->field, p->task, p->team, &err), &err);
}

static void set_queries(struct peer *p, const struct field_spec *spec, size_t n_points)
{
    struct error err = {0};
    struct rng rng = rng_at(1, RNG_SAMPLE, 0);
    clear(p);
    p->field = small_field(spec, 1);
    p->n_points = n_points;
    p->unit = mem_alloc_floats(n_points * 2);
    p->values = mem_alloc_floats(n_points * field_n_outputs(p->field));
    for (size_t i = 0; i < n_points * 2; i++)
        p->unit[i] = (float)rng_uniform(&rng);
    p->workspace = mem_alloc_array(team_size(p->team), sizeof *p->workspace);
    if (p->precision == PRECISION_BF16)
        p->split = field_split(p->field);
    for (size_t i = 0; i < team_size(p->team); i++)
        must(p->split ? field_workspace_create_split(&p->workspace[i], p->field, p->split, &err)
                      : field_workspace_create(&p->workspace[i], p->field, FIELD_VALUES, &err),
             &err);
}

static void query_member(void *context, size_t member)
{
    const struct peer *p = context;
    size_t first, count;
    team_share(p->n_points, MLP_TILE, team_size(p->team), member, &first, &count);
    field_query(p->field, p->workspace[member], count, p->unit + first * 2,
                p->values + first * field_n_outputs(p->field));
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run(struct peer *p, size_t n)
{
    double loss = 0.0;
    const double cpu = cpu_seconds(), begin = bench_now();
    for (size_t i = 0; i < n; i++) {
        if (p->trainer)
            loss = trainer_step(p->trainer);
        else
            team_run(p->team, query_member, p);
    }
    printf("%.9g %.9g %zu %.9g\n", bench_now() - begin, loss, team_size(p->team),
           cpu_seconds() - cpu);
}

static void psnr(const struct peer *p, enum task_effort effort)
{
    struct error err = {0};
    struct task_metrics m = {0};
    const struct task_evaluation how = {.effort = effort};
    must(p->task->class->evaluate(p->task, p->field, p->team, &how, &m, &err), &err);
    printf("%.9g\n", *task_metrics_find(&m, "psnr"));
}

static void probe(const struct peer *p)
{
    const struct kernel *kernel = kernel_find(NULL);
    printf("%.6g %.6g %.6g\n", peak_floats(kernel, p->team), peak_bf16(kernel, p->team),
           peak_handoff());
}

/* false: not understood. */
static bool answer(struct peer *p, const char *line)
{
    char path[1024], out[1024];
    struct field_spec spec;
    size_t a, b, c;
    double rate;
    unsigned long long steps;
    const bool is_train = strncmp(line, "train ", 6) == 0,
               is_query = strncmp(line, "query ", 6) == 0;
    const char *rest = is_train || is_query ? read_field(p, line + 6, &spec) : NULL;
    if (sscanf(line, "decode %1023s %1023s", path, out) == 2) {
        decode_into(path, out);
    } else if (sscanf(line, "picture %1023s %zu %zu %zu", path, &a, &b, &c) == 4) {
        set_picture(p, path, a, b, c);
        puts("ok");
    } else if (is_train && rest && sscanf(rest, "%zu %lf %llu", &a, &rate, &steps) == 3) {
        set_training(p, &spec, a, rate, steps);
        puts("ok");
    } else if (is_query && rest && sscanf(rest, "%zu", &a) == 1) {
        set_queries(p, &spec, a);
        puts("ok");
    } else if (sscanf(line, "run %zu", &a) == 1 && p->field) {
        run(p, a);
    } else if (strcmp(line, "psnr quick\n") == 0 && p->trainer) {
        psnr(p, EVALUATE_QUICK);
    } else if (strcmp(line, "psnr full\n") == 0 && p->trainer) {
        psnr(p, EVALUATE_FULL);
    } else if (strcmp(line, "probe\n") == 0) {
        probe(p);
    } else {
        return false;
    }
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    char line[4096];
    struct peer p = {0};
    struct error err = {0};
    p.precision = argc == 2 && strcmp(argv[1], "bf16") == 0 ? PRECISION_BF16 : PRECISION_FP32;
    if (p.precision == PRECISION_BF16 && !kernel_has_bf16(kernel_find(NULL))) {
        fprintf(stderr, "farfield_peer: this processor has no bfloat16\n");
        return 1;
    }
    must(team_create(&p.team, bench_cores(), &err), &err);
    p.picture = small_picture(512, 512, 3);
    printf("farfield, kernel %s\n", kernel_find(NULL)->name);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        if (!answer(&p, line)) {
            fprintf(stderr, "farfield_peer: cannot do: %s", line);
            return 1;
        }
    clear(&p);
    image_deinit(&p.picture);
    team_free(p.team);
    return 0;
}
