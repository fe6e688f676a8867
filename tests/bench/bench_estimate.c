/*
 * Estimates of time beside what is then measured: bench_estimate [PART ...], parts calibration,
 * steps; none: all.  Prints rows `name value unit`; lines with # are remarks.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/field/calibration.h"
#include "core/nn/kernel.h"
#include "tests/http/lone_fit.h"
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
        printf("# tables of %.0f: lookup %.2f keep %.2f scatter %.2f line %.2f ns\n",
               c->tables[i].n, c->tables[i].lookup * 1e9, c->tables[i].keep * 1e9,
               c->tables[i].scatter * 1e9, c->tables[i].line * 1e9);
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

static void measure_steps(const struct costs *costs, struct team *team)
{
    double ratios[N_SETTINGS], worst = 1.0;
    char what[96];
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct lone_fit fit;
        lone_fit_init(&fit, settings[i].members, noise(settings[i].side, settings[i].side), team);
        const double estimate = cost_step(costs, &fit.spec.field, &fit.spec.train);
        const double step = measure_step(fit.trainer);
        ratios[i] = estimate / step;
        worst = ratios[i] > worst ? ratios[i] : 1.0 / ratios[i] > worst ? 1.0 / ratios[i] : worst;
        printf("# %-28s estimated %9.4f ms, measured %9.4f ms\n", settings[i].name, estimate * 1e3,
               step * 1e3);
        snprintf(what, sizeof what, "estimate_by_measured_%s", settings[i].name);
        bench_row(what, ratios[i], "ratio");
        fflush(stdout);
        lone_fit_deinit(&fit);
    }
    bench_sort(ratios, N_SETTINGS);
    bench_row("estimate_by_measured_median", ratios[N_SETTINGS / 2], "ratio");
    bench_row("estimate_off_at_most", worst, "ratio");
}

int main(int argc, char **argv)
{
    struct team *team = NULL;
    struct error err = {0};
    (void)argc;
    (void)argv;
    bench_must(team_create(&team, bench_cores(), &err), &err);
    printf("# kernel %s, %zu threads\n", kernel_find(NULL)->name, team_size(team));
    const double begin = bench_now();
    const struct costs costs = calibrated(team);
    print_costs(&costs, bench_now() - begin);
    measure_steps(&costs, team);
    team_free(team);
    return 0;
}
