/*
 * What bfloat16 costs in quality: bench_precision [SEEDS [NETWORK]].  Whole fits of a crop of 128 x
 * 128 pixels, each once in fp32 and once in bf16 from the same weights over the same batches, of so
 * many steps that the best reach 25, 30, 35, 40 and 60 dB: a fit ends with its learning rate, so
 * each length is a fit of its own.  Rows are means over the seeds (3, unless it is said): PSNR over
 * all pixels in fp32, and what bf16 adds to it; a remark has the least and the most that it added.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "tests/http/fit.h"
#include "tests/http/lone_fit.h"
#include "tests/support/bench.h"
#include "tests/support/data_files.h"

enum { SIDE = 128, MOST_SEEDS = 16 };

struct network {
    const char *name, *field;
};

#define GAUSSIAN(n, sigma)                                                                         \
    "{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":" n ",\"sigma\":" sigma "},"           \
    "\"network\":"

static const struct network networks[] = {
    {"gaussian_10_3x256", GAUSSIAN("256", "10") "{\"n_hidden_layers\":3,\"width\":256}}"},
    {"gaussian_30_3x256", GAUSSIAN("256", "30") "{\"n_hidden_layers\":3,\"width\":256}}"},
    {"gaussian_20_3x128", GAUSSIAN("512", "20") "{\"n_hidden_layers\":3,\"width\":128}}"},
    {"gaussian_10_6x64", GAUSSIAN("256", "10") "{\"n_hidden_layers\":6,\"width\":64}}"},
    {"gaussian_10_tanh", GAUSSIAN("256", "10") "{\"n_hidden_layers\":3,\"width\":256,"
                                               "\"activation\":\"tanh\"}}"},
    {"positional_7_3x256",
     "{\"encoding\":{\"type\":\"positional\",\"n_frequencies\":128,\"scale\":7},"
     "\"network\":{\"n_hidden_layers\":3,\"width\":256}}"},
    {"octave_8_3x256", "{\"encoding\":{\"type\":\"octave\",\"n_octaves\":8},"
                       "\"network\":{\"n_hidden_layers\":3,\"width\":256}}"},
};

static const unsigned lengths[] = {80, 160, 320, 640, 1280, 5120};
enum { N_LENGTHS = sizeof lengths / sizeof *lengths };

/* The middle of a picture. */
static struct image crop(const struct image *whole)
{
    struct error err = {0};
    struct image out;
    const size_t pixel = whole->channels, top = (whole->height - SIDE) / 2;
    const size_t left = (whole->width - SIDE) / 2;
    bench_must(image_create(&out, SAMPLE_U8, SIDE, SIDE, pixel, &err), &err);
    for (size_t y = 0; y < SIDE; y++)
        memcpy(out.u8 + y * SIDE * pixel, whole->u8 + ((top + y) * whole->width + left) * pixel,
               SIDE * pixel);
    return out;
}

static double fit(const struct network *n, const char *precision, unsigned steps, size_t seed,
                  const struct image *whole, struct team *team)
{
    char members[512];
    struct lone_fit fit;
    snprintf(members, sizeof members,
             ",\"field\":%s,\"train\":{\"steps\":%u,\"batch_size\":1024,\"learning_rate\":0.002,"
             "\"time_limit_seconds\":null,\"precision\":\"%s\",\"seed\":%zu}",
             n->field, steps, precision, seed);
    lone_fit_init(&fit, members, crop(whole), team);
    for (unsigned i = 0; i < steps; i++)
        trainer_step(fit.trainer);
    const double psnr = lone_fit_psnr(&fit, EVALUATE_FULL);
    lone_fit_deinit(&fit);
    return psnr;
}

static void measure(const struct network *n, unsigned steps, size_t n_seeds,
                    const struct image *whole, struct team *team)
{
    double fp32 = 0.0, added[MOST_SEEDS], sum = 0.0;
    char what[96];
    for (size_t seed = 0; seed < n_seeds; seed++) {
        const double exact = fit(n, "fp32", steps, seed, whole, team);
        added[seed] = fit(n, "bf16", steps, seed, whole, team) - exact;
        fp32 += exact / (double)n_seeds;
        sum += added[seed];
    }
    bench_sort(added, n_seeds);
    printf("# %s, %u steps: %+.3f to %+.3f dB\n", n->name, steps, added[0], added[n_seeds - 1]);
    snprintf(what, sizeof what, "precision_%s_%u_fp32", n->name, steps);
    bench_row(what, fp32, "dB");
    snprintf(what, sizeof what, "precision_%s_%u_bf16_adds", n->name, steps);
    bench_row(what, sum / (double)n_seeds, "dB");
    fflush(stdout);
}

static struct image picture(void)
{
    char *path = data_path("paper2d/natural/test/00.png");
    struct bytes file = {0};
    if (path)
        file.data = file_read(path, &file.n);
    else
        file = sample_picture_png(512, 1);
    printf("# the middle of %s\n", path ? "natural 00" : "a sample: there is no data");
    struct image image = lone_fit_decode(&file);
    bytes_free(&file);
    free(path);
    return image;
}

int main(int argc, char **argv)
{
    const size_t asked = argc > 1 ? strtoul(argv[1], NULL, 10) : 3;
    const size_t n_seeds = asked < 1 ? 1 : asked > MOST_SEEDS ? MOST_SEEDS : asked;
    struct team *team = NULL;
    struct error err = {0};
    if (!kernel_has_bf16(kernel_find(NULL))) {
        printf("# this processor does not multiply bfloat16\n");
        return 0;
    }
    bench_must(team_create(&team, bench_cores(), &err), &err);
    struct image whole = picture();
    printf("# kernel %s, %zu seeds\n", kernel_find(NULL)->name, n_seeds);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        for (size_t l = 0; l < N_LENGTHS && (argc < 3 || !strcmp(argv[2], networks[i].name)); l++)
            measure(&networks[i], lengths[l], n_seeds, &whole, team);
    image_deinit(&whole);
    team_free(team);
    return 0;
}
