/*
 * Estimates of time beside what is then measured: bench_estimate [PART ...]; none: all.  Prints
 * rows `name value unit`, ratios being estimate by what was measured; lines with # are remarks.
 *
 *   steps     one step of many settings, of the core alone
 *   queries   values and derivatives of the same fields, by the pool that answers requests
 *   presets   steps that fits of the presets do in their time, by the real program, beside those of
 *             GET /v1/presets; and what a job takes beyond its training
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/field/calibration.h"
#include "core/nn/encoding.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "server/fields/compute.h"
#include "tests/http/lone_fit.h"
#include "tests/http/timed_fit.h"
#include "tests/support/bench.h"

static struct image noise(size_t width, size_t height)
{
    struct error err = {0};
    struct image image;
    bench_must(image_create(&image, SAMPLE_U8, width, height, 3, &err), &err);
    for (size_t i = 0; i < width * height * 3; i++)
        image.u8[i] = (uint8_t)(i * 2654435761u >> 24);
    return image;
}

static struct costs calibrated(struct team *team)
{
    struct error err = {0};
    struct costs costs;
    struct task *task = NULL;
    struct image image = noise(512, 512);
    const struct task_image_spec spec = {
        .holdout = HOLDOUT_NONE, .loss = LOSS_MSE, .output_activation = ACTIVATION_LINEAR};
    bench_must(task_image_create(&task, &image, &spec, &err), &err);
    const struct calibration wish = {.kernel = kernel_find(NULL),
                                     .task = task,
                                     .team = team,
                                     .longest_seconds = 1e9,
                                     .most_lost = 1.0};
    bench_must(calibrate(&costs, &wish, &err), &err);
    task_free(task);
    image_deinit(&image);
    return costs;
}

static void print_costs(const struct costs *c, double seconds)
{
    static const char *const passes[] = {"fp32", "bf16", "values", "derivatives"};
    printf("# calibration took %.0f ms, of its work %.2f %% were lost\n", seconds * 1e3,
           100.0 * c->lost);
    for (size_t p = 0; p < COST_N_PASSES; p++) {
        const struct cost_network *n = &c->network[p];
        printf("# %-11s ends", passes[p]);
        for (size_t i = 0; i < COST_WIDTHS; i++)
            printf(" %.0f", n->ends[i] * 1e9);
        printf(" hidden");
        for (size_t i = 0; i < COST_WIDTHS; i++)
            printf(" %.0f", n->hidden[i] * 1e9);
        printf(" input");
        for (size_t i = 0; i < COST_WIDTHS; i++)
            printf(" %.2f", n->input[i] * 1e9);
        printf(" ns; tanh %.2f sin %.2f derive %.2f ns\n", n->tanh * 1e9, n->sin * 1e9,
               n->derive * 1e9);
    }
    for (size_t i = 0; i < COST_TABLES; i++)
        printf(
            "# tables of %.0f: lookup %.2f keep %.2f scatter %.2f ns, line %.2f (%.3f of all) %.2f "
            "(%.3f)\n",
            c->tables[i].n, c->tables[i].lookup * 1e9, c->tables[i].keep * 1e9,
            c->tables[i].scatter * 1e9, c->tables[i].line[0] * 1e9, c->tables[i].density[0],
            c->tables[i].line[1] * 1e9, c->tables[i].density[1]);
    printf(
        "# sines %.2f backward %.2f jet %.2f, table jet %.2f, draw %.1f, update %.2f, fetch %.2f, "
        "average %.2f, meet %.0f ns; a feature %.2f %.2f %.2f, lanes %.1f\n",
        c->sines * 1e9, c->sines_backward * 1e9, c->sines_jet * 1e9, c->table_jet * 1e9,
        c->draw * 1e9, c->update * 1e9, c->fetch * 1e9, c->average * 1e9, c->meet * 1e9,
        c->feature.lookup * 1e9, c->feature.keep * 1e9, c->feature.scatter * 1e9, c->lanes * 1e9);
}

#define FIELD(encoding, layers, width)                                                             \
    ",\"field\":{\"encoding\":" encoding ",\"network\":{\"n_hidden_layers\":" layers               \
    ",\"width\":" width "}}"
#define GAUSSIAN(m) "{\"type\":\"gaussian\",\"n_frequencies\":" m ",\"sigma\":10}"
#define HASHGRID(levels, features, size, finest)                                                   \
    "{\"type\":\"hashgrid\",\"n_levels\":" levels ",\"n_features_per_level\":" features            \
    ",\"log2_hashmap_size\":" size ",\"base_resolution\":16,\"finest_resolution\":" finest "}"
#define DENSEGRID(levels, finest)                                                                  \
    "{\"type\":\"densegrid\",\"n_levels\":" levels                                                 \
    ",\"n_features_per_level\":2,\"base_resolution\":16,\"finest_resolution\":" finest "}"
#define TRAIN(batch, precision)                                                                    \
    ",\"train\":{\"steps\":100000,\"batch_size\":" batch ",\"precision\":\"" precision "\"}"
#define PRESET(name) ",\"preset\":\"" name "\""
#define PAPER ",\"preset\":\"paper\""

static const struct {
    const char *name, *members;
    size_t side;
} settings[] = {
    {"fast", PRESET("fast"), 512},
    {"fast_64", PRESET("fast"), 64},
    {"fast_2048", PRESET("fast"), 2048},
    {"compact", PRESET("compact"), 512},
    {"compact_2048", PRESET("compact"), 2048},
    {"paper", PAPER, 512},
    {"gauss128_w64_1k_fp32", FIELD(GAUSSIAN("128"), "3", "64") PAPER TRAIN("1024", "fp32"), 512},
    {"gauss128_w64_16k_fp32", FIELD(GAUSSIAN("128"), "3", "64") PAPER TRAIN("16384", "fp32"), 512},
    {"gauss128_w128_16k_fp32", FIELD(GAUSSIAN("128"), "3", "128") PAPER TRAIN("16384", "fp32"),
     512},
    {"gauss128_w256_1k_fp32", FIELD(GAUSSIAN("128"), "3", "256") PAPER TRAIN("1024", "fp32"), 512},
    {"gauss512_w64_1k_fp32", FIELD(GAUSSIAN("512"), "3", "64") PAPER TRAIN("1024", "fp32"), 512},
    {"gauss512_w128_16k_fp32", FIELD(GAUSSIAN("512"), "3", "128") PAPER TRAIN("16384", "fp32"),
     512},
    {"gauss512_w256_16k_fp32", FIELD(GAUSSIAN("512"), "3", "256") PAPER TRAIN("16384", "fp32"),
     512},
    {"gauss128_w64_1k_bf16", FIELD(GAUSSIAN("128"), "3", "64") PAPER TRAIN("1024", "bf16"), 512},
    {"gauss128_w128_16k_bf16", FIELD(GAUSSIAN("128"), "3", "128") PAPER TRAIN("16384", "bf16"),
     512},
    {"gauss512_w128_1k_bf16", FIELD(GAUSSIAN("512"), "3", "128") PAPER TRAIN("1024", "bf16"), 512},
    {"gauss512_w256_16k_bf16", FIELD(GAUSSIAN("512"), "3", "256") PAPER TRAIN("16384", "bf16"),
     512},
    {"gauss128_w512_1k_fp32", FIELD(GAUSSIAN("128"), "3", "512") PAPER TRAIN("1024", "fp32"), 512},
    {"gauss128_w64_100_fp32", FIELD(GAUSSIAN("128"), "3", "64") PAPER TRAIN("100", "fp32"), 64},
    {"hash14_w64_1k_fp32",
     FIELD(HASHGRID("16", "2", "14", "512"), "2", "64") PAPER TRAIN("1024", "fp32"), 512},
    {"hash14_w64_16k_bf16",
     FIELD(HASHGRID("16", "2", "14", "512"), "2", "64") PAPER TRAIN("16384", "bf16"), 512},
    {"hash18_w64_16k_fp32",
     FIELD(HASHGRID("16", "2", "18", "512"), "2", "64") PAPER TRAIN("16384", "fp32"), 512},
    {"hash18_w128_1k_bf16",
     FIELD(HASHGRID("16", "2", "18", "512"), "2", "128") PAPER TRAIN("1024", "bf16"), 512},
    {"hash20_w64_16k_fp32_2048",
     FIELD(HASHGRID("16", "2", "20", "2048"), "2", "64") PAPER TRAIN("16384", "fp32"), 2048},
    {"hash20_w32_1k_fp32_2048",
     FIELD(HASHGRID("16", "2", "20", "2048"), "1", "32") PAPER TRAIN("1024", "fp32"), 2048},
    {"hash16_f8_w64_16k_fp32",
     FIELD(HASHGRID("4", "8", "16", "512"), "2", "64") PAPER TRAIN("16384", "fp32"), 512},
    {"hash16_f1_w16_4k_fp32",
     FIELD(HASHGRID("16", "1", "16", "512"), "1", "16") PAPER TRAIN("4096", "fp32"), 512},
    {"dense_w64_16k_fp32", FIELD(DENSEGRID("8", "256"), "2", "64") PAPER TRAIN("16384", "fp32"),
     512},
    {"dense_w64_1k_fp32_64", FIELD(DENSEGRID("8", "64"), "2", "64") PAPER TRAIN("1024", "fp32"),
     64},
    {"concat_w64_8k_fp32",
     FIELD("{\"type\":\"concat\",\"parts\":[" HASHGRID("12", "2", "16",
                                                       "512") "," GAUSSIAN("64") "]}",
           "2", "64") PAPER TRAIN("8192", "fp32"),
     512},
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* --- steps --- */

/* Seconds of a step, behind the first ones: the median of means over a twentieth of a second. */
static double measure_step(struct trainer *trainer)
{
    enum { WINDOWS = 9 };
    static const double warm = 0.1, window = 0.05;
    double seconds[WINDOWS], begin = bench_now();
    do
        trainer_step(trainer);
    while (bench_now() - begin < warm);
    for (size_t i = 0; i < WINDOWS; i++) {
        size_t n = 0;
        begin = bench_now();
        do {
            trainer_step(trainer);
            n++;
        } while (bench_now() - begin < window);
        seconds[i] = (bench_now() - begin) / (double)n;
    }
    bench_sort(seconds, WINDOWS);
    return seconds[WINDOWS / 2];
}

static void print_summary(const char *what, size_t n, double *ratios)
{
    char name[96];
    bench_sort(ratios, n);
    const double low = ratios[0], high = ratios[n - 1];
    snprintf(name, sizeof name, "%s_median", what);
    bench_row(name, ratios[n / 2], "ratio");
    snprintf(name, sizeof name, "%s_off_at_most", what);
    bench_row(name, high > 1.0 / low ? high : 1.0 / low, "ratio");
}

static void measure_steps(const struct costs *costs, struct team *team)
{
    double ratios[N_SETTINGS];
    char what[96];
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct lone_fit fit;
        lone_fit_init(&fit, settings[i].members, noise(settings[i].side, settings[i].side), team);
        const double estimate = cost_step(costs, &fit.spec.field, &fit.spec.train);
        const double step = measure_step(fit.trainer);
        ratios[i] = estimate / step;
        printf("# %-28s estimated %9.4f ms, measured %9.4f ms\n", settings[i].name, estimate * 1e3,
               step * 1e3);
        snprintf(what, sizeof what, "step_%s", settings[i].name);
        bench_row(what, ratios[i], "ratio");
        fflush(stdout);
        lone_fit_deinit(&fit);
    }
    print_summary("step", N_SETTINGS, ratios);
}

/* --- queries --- */

/* What takes the estimate so long is asked for. */
static const double query_seconds = 0.03;

struct query {
    struct compute *compute;
    struct compute_request request;
};

/* Points all over the domain, one after the other at random places. */
static void scatter_points(void *context, size_t first, size_t n, float *unit)
{
    const size_t *n_dims = context;
    for (size_t i = 0; i < n * *n_dims; i++)
        unit[i] = (float)((uint32_t)(first * *n_dims + i) * 2654435761u >> 8) * 0x1p-24f;
}

static void take_nothing(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    (void)context, (void)first, (void)n, (void)out;
}

static void ask(void *context)
{
    const struct query *q = context;
    struct error err = {0};
    bench_must(compute_run(q->compute, &q->request, &err), &err);
}

static double measure_query(const struct costs *costs, struct compute *compute,
                            const struct field *field, enum field_use use, const char *what)
{
    enum { RUNS = 3 };
    static const char *const uses[] = {"values", "gradients", "laplacians"};
    const double threads = (double)compute_n_threads(compute);
    const double point = cost_point(costs, field, use) / threads;
    size_t n_dims = encoding_n_inputs(field_encoding(field));
    struct query q = {.compute = compute,
                      .request = {.field = field,
                                  .use = use,
                                  .n_points = 1 + (size_t)(query_seconds / point),
                                  .points = scatter_points,
                                  .take = take_nothing,
                                  .context = &n_dims}};
    const double seconds = bench_time(RUNS, ask, &q).median;
    const double estimate = point * (double)q.request.n_points;
    char name[128];
    printf("# %-28s %-10s estimated %7.1f ns a point, measured %7.1f ns\n", what, uses[use],
           point * 1e9, seconds / (double)q.request.n_points * 1e9);
    snprintf(name, sizeof name, "query_%s_%s", uses[use], what);
    bench_row(name, estimate / seconds, "ratio");
    fflush(stdout);
    return estimate / seconds;
}

static void measure_queries(const struct costs *costs, struct team *team)
{
    enum { USES = 3 };
    double ratios[N_SETTINGS * USES];
    size_t n = 0;
    struct compute *compute = NULL;
    struct error err = {0};
    bench_must(compute_start(&compute, team_size(team), &err), &err);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct lone_fit fit;
        lone_fit_init(&fit, settings[i].members, noise(settings[i].side, settings[i].side), team);
        for (enum field_use use = FIELD_VALUES; use <= FIELD_LAPLACIANS; use++)
            if (use != FIELD_LAPLACIANS || field_check_laplacian(fit.field, NULL) == STATUS_OK)
                ratios[n++] = measure_query(costs, compute, fit.field, use, settings[i].name);
        lone_fit_deinit(&fit);
    }
    compute_stop(compute);
    print_summary("query", n, ratios);
}

/* --- presets --- */

/* Of `paper`, which has no limit of time. */
static const double other_limit = 5.0;

static void measure_preset(const struct service *s, const char *dataset, const json_t *preset)
{
    char members[128], job[ID_TEXT], what[96];
    const char *name = member_text(preset, "name");
    const json_t *own = member_get(preset, "parameters.train.time_limit_seconds");
    const double limit = json_is_number(own) ? json_number_value(own) : other_limit;
    const double rate =
        member_number(preset, "estimate.steps") / member_number(preset, "estimate.seconds");
    snprintf(members, sizeof members, ",\"preset\":\"%s\",\"train\":{\"time_limit_seconds\":%g}",
             name, limit);
    const double begin = bench_now();
    timed_fit_post(s, dataset, members, job);
    timed_fit_await(s, job, TIMED_FIT_DONE);
    const double seconds = bench_now() - begin;
    json_t *done = wait_for_job(s, job, "succeeded");
    const double steps = member_number(done, "step");
    printf("# %s: in %g s %.0f steps were expected and %.0f done; the job took %.2f s more\n", name,
           limit, rate * limit, steps, seconds - limit);
    /* of times, as the others: more steps than were expected are less time for each */
    snprintf(what, sizeof what, "preset_%s", name);
    bench_row(what, steps / (rate * limit), "ratio");
    snprintf(what, sizeof what, "preset_%s_beyond_training", name);
    bench_row(what, seconds - limit, "s");
    json_decref(done);
}

static void measure_presets(void)
{
    struct service s;
    char dataset[ID_TEXT];
    struct bytes picture = sample_picture_png(512, 1); /* as the estimates are for */
    timed_fit_serve(&s);
    timed_fit_upload(&s, &picture, dataset);
    json_t *presets = answer_json(service_get(&s, "/v1/presets"), 200);
    const json_t *items = member_get(presets, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        measure_preset(&s, dataset, json_array_get(items, i));
    json_decref(presets);
    service_remove(&s);
    bytes_free(&picture);
}

static bool has_part(int argc, char **argv, const char *part)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], part) == 0)
            return true;
    return argc == 1;
}

int main(int argc, char **argv)
{
    struct team *team = NULL;
    struct error err = {0};
    bench_must(team_create(&team, bench_cores(), &err), &err);
    printf("# kernel %s, %zu threads\n", kernel_find(NULL)->name, team_size(team));
    const double begin = bench_now();
    const struct costs costs = calibrated(team);
    print_costs(&costs, bench_now() - begin);
    if (has_part(argc, argv, "steps"))
        measure_steps(&costs, team);
    if (has_part(argc, argv, "queries"))
        measure_queries(&costs, team);
    team_free(team);
    if (has_part(argc, argv, "presets"))
        measure_presets();
    return 0;
}
