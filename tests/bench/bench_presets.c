/*
 * What the presets make of pictures: bench_presets [RUNS [PART ...]].  Prints rows `name value
 * unit`; lines with # are remarks.  Everything goes through HTTP, by the real program on a folder
 * of its own: seconds are from the answer 202 to the event `done`, when the PSNR over all pixels is
 * known.  Figures are medians of RUNS (1, unless it is said), each with a seed of its own; PSNR of
 * a set of pictures is the mean over them in each run.
 *
 *   presets            `fast` and `compact` as they are: dB, seconds, parameters, bytes of weights,
 *                      as a table for docs
 *   paper              the same of `paper`, which trains on a quarter of the pixels: some ten
 *                      minutes for each picture
 *   natural_fast_2 …   what is reached within so many seconds from the 202, of which reading,
 *                      starting and evaluating take what they took in a first, short fit:
 *                      natural_fast_2, _fast_5, _compact_5, _compact_15 over the natural test
 *                      pictures 00 to 03; kodak_fast_5, _10 over ten of Kodak's; albert_fast_60,
 *                      with the most memory that service and worker took.  Beginnings will do:
 *                      natural
 *
 * Without PART: presets and natural.  Where the data are absent, the project's own picture is
 * fitted in the place of natural, and kodak and albert are left out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/nn/kernel.h"
#include "tests/http/footprint.h"
#include "tests/http/timed_fit.h"
#include "tests/support/bench.h"
#include "tests/support/data_files.h"
#include "tests/support/peak.h"

enum { MOST_RUNS = 15, MOST_PICTURES = 10 };

/* --- pictures --- */

struct picture {
    char name[32];
    struct bytes file; /* data NULL: not there */
};

/* path "": the project's own. */
static struct picture picture_open(const char *name, const char *path)
{
    struct picture p = {.name = ""};
    snprintf(p.name, sizeof p.name, "%s", name);
    if (!*path) {
        p.file = sample_picture_png(512, 1);
        return p;
    }
    char *at = data_path(path);
    if (at)
        p.file.data = file_read(at, &p.file.n);
    else
        printf("# no data: %s is left out\n", name);
    free(at);
    return p;
}

/* --- one fit --- */

struct result {
    double psnr, test_psnr; /* test_psnr 0: all pixels are trained on */
    double seconds, done;   /* from the 202 to the PSNR, and to the end */
    double peak_mib;        /* 0: not watched */
    double n_parameters, n_bytes;
};

static double number_or(const json_t *object, const char *name, double otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* seconds 0: as long as the preset says. */
static struct result fit(const struct service *s, const char *dataset, const char *preset,
                         double seconds, size_t seed, bool is_watched)
{
    char members[256], limit[48] = "", job[ID_TEXT];
    struct result r = {0};
    if (seconds > 0.0)
        snprintf(limit, sizeof limit, ",\"time_limit_seconds\":%.3f", seconds);
    snprintf(members, sizeof members, ",\"preset\":\"%s\",\"train\":{\"seed\":%zu%s}", preset, seed,
             limit);
    struct footprint *footprint = is_watched ? footprint_start(s) : NULL;
    timed_fit_post(s, dataset, members, job);
    const double begin = bench_now();
    timed_fit_await(s, job, TIMED_FIT_PSNR);
    r.seconds = bench_now() - begin;
    timed_fit_await(s, job, TIMED_FIT_DONE);
    r.done = bench_now() - begin;
    if (footprint)
        r.peak_mib = (double)footprint_stop(footprint, NULL) / 1024.0;
    json_t *done = wait_for_job(s, job, "succeeded");
    json_t *field =
        answer_json(service_get(s, "/v1/fields/%s", member_text(done, "field_id")), 200);
    r.psnr = member_number(field, "metrics.psnr");
    r.test_psnr = number_or(member_get(field, "metrics"), "test_psnr", 0.0);
    r.n_parameters = member_number(field, "n_parameters");
    r.n_bytes = member_number(field, "bytes");
    json_decref(field);
    json_decref(done);
    return r;
}

static double median(double *numbers, size_t n)
{
    bench_sort(numbers, n);
    return numbers[n / 2];
}

static void row(const char *what, const char *suffix, double value, const char *unit)
{
    char name[224];
    snprintf(name, sizeof name, "%s%s", what, suffix);
    bench_row(name, value, unit);
}

/* --- presets as they are --- */

static void measure_preset(const struct service *s, const char *preset, const struct picture *p,
                           size_t n_runs)
{
    double psnr[MOST_RUNS], test_psnr[MOST_RUNS], seconds[MOST_RUNS];
    char dataset[ID_TEXT], what[192], held_out[32] = "";
    struct result r = {0};
    timed_fit_upload(s, &p->file, dataset);
    for (size_t i = 0; i < n_runs; i++) {
        r = fit(s, dataset, preset, 0.0, i, false);
        psnr[i] = r.psnr;
        test_psnr[i] = r.test_psnr;
        seconds[i] = r.seconds;
    }
    snprintf(what, sizeof what, "preset_%s_%s", preset, p->name);
    row(what, "", median(psnr, n_runs), "dB");
    if (median(test_psnr, n_runs) > 0.0) {
        row(what, "_held_out", median(test_psnr, n_runs), "dB");
        snprintf(held_out, sizeof held_out, " (held out: %.2f)", median(test_psnr, n_runs));
    }
    row(what, "_seconds", median(seconds, n_runs), "s");
    row(what, "_parameters", r.n_parameters, "numbers");
    row(what, "_weights", r.n_bytes, "bytes");
    printf("# | `%s` | %s | %.2f%s | %.1f | %.0f | %.0f |\n", preset, p->name, median(psnr, n_runs),
           held_out, median(seconds, n_runs), r.n_parameters, r.n_bytes);
}

static void measure_presets(const struct service *s, const char *const *presets, size_t n_presets,
                            size_t n_runs)
{
    struct picture pictures[] = {picture_open("sample_512", ""),
                                 picture_open("natural_00", "paper2d/natural/test/00.png"),
                                 picture_open("kodim23", "images/kodak/kodim23.png")};
    printf("# | preset | picture | dB | seconds | parameters | bytes |\n"
           "# |---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n_presets; i++)
        for (size_t p = 0; p < 3; p++)
            if (pictures[p].file.data)
                measure_preset(s, presets[i], &pictures[p], n_runs);
    for (size_t p = 0; p < 3; p++)
        bytes_free(&pictures[p].file);
}

/* --- within so many seconds --- */

struct work {
    const char *set, *preset;
    double seconds;
    bool is_watched; /* for memory */
};

static const struct work works[] = {
    {"natural", "fast", 2, false},    {"natural", "fast", 5, false},
    {"natural", "compact", 5, false}, {"natural", "compact", 15, false},
    {"kodak", "fast", 5, false},      {"kodak", "fast", 10, false},
    {"albert", "fast", 60, true},
};

/* The pictures that are there; at most MOST_PICTURES. */
static size_t open_set(const char *set, struct picture *out)
{
    static const int kodak[] = {1, 3, 4, 5, 7, 8, 15, 19, 20, 23};
    char path[96], name[32];
    size_t n = 0;
    for (int i = 0; strcmp(set, "natural") == 0 && i < 4; i++) {
        snprintf(name, sizeof name, "natural_0%d", i);
        snprintf(path, sizeof path, "paper2d/natural/test/0%d.png", i);
        out[n] = picture_open(name, path);
        n += out[n].file.data != NULL;
    }
    if (strcmp(set, "natural") == 0 && n == 0)
        out[n++] = picture_open("sample_512", "");
    for (size_t i = 0; strcmp(set, "kodak") == 0 && i < sizeof kodak / sizeof *kodak; i++) {
        snprintf(name, sizeof name, "kodim%02d", kodak[i]);
        snprintf(path, sizeof path, "images/kodak/kodim%02d.png", kodak[i]);
        out[n] = picture_open(name, path);
        n += out[n].file.data != NULL;
    }
    if (strcmp(set, "albert") == 0) {
        out[n] = picture_open("albert", "images/albert.jpg");
        n += out[n].file.data != NULL;
    }
    return n;
}

/* What a fit takes beside its training, and a little more. */
static double measure_rest(const struct service *s, const char *dataset, const char *preset)
{
    static const double training = 0.25, spare = 0.03, factor = 1.1;
    const double all = fit(s, dataset, preset, training, 0, false).seconds;
    return spare + factor * (all > training ? all - training : 0.0);
}

static void measure_work(const struct service *s, const struct work *w, size_t n_runs)
{
    struct picture pictures[MOST_PICTURES];
    char datasets[MOST_PICTURES][ID_TEXT], what[64];
    double rest[MOST_PICTURES];
    double psnr[MOST_RUNS], seconds[MOST_RUNS], done[MOST_RUNS], mib[MOST_RUNS];
    const size_t n = open_set(w->set, pictures);
    if (n == 0)
        return;
    snprintf(what, sizeof what, "%s_%s_%.0f_s", n == 1 ? pictures[0].name : w->set, w->preset,
             w->seconds);
    for (size_t p = 0; p < n; p++) {
        timed_fit_upload(s, &pictures[p].file, datasets[p]);
        rest[p] = measure_rest(s, datasets[p], w->preset);
    }
    for (size_t i = 0; i < n_runs; i++) {
        double total = 0.0, most_parameters = 0.0;
        seconds[i] = done[i] = mib[i] = 0.0;
        printf("# %s, run %zu:", what, i + 1);
        for (size_t p = 0; p < n; p++) {
            const struct result r =
                fit(s, datasets[p], w->preset, w->seconds - rest[p], i, w->is_watched);
            total += r.psnr;
            seconds[i] = fmax(seconds[i], r.seconds);
            done[i] = fmax(done[i], r.done);
            mib[i] = fmax(mib[i], r.peak_mib);
            most_parameters = fmax(most_parameters, r.n_parameters);
            printf(" %.2f", r.psnr);
            fflush(stdout);
        }
        psnr[i] = total / (double)n;
        printf(" dB, mean %.2f; the longest %.2f s, done in %.2f s, at most %.0f parameters\n",
               psnr[i], seconds[i], done[i], most_parameters);
    }
    row(what, "", median(psnr, n_runs), "dB");
    row(what, "_longest", median(seconds, n_runs), "s");
    row(what, "_longest_done", median(done, n_runs), "s");
    if (w->is_watched)
        row(what, "_memory", median(mib, n_runs), "MiB");
    for (size_t p = 0; p < n; p++)
        bytes_free(&pictures[p].file);
}

/* --- */

/* Whether one of the parts asked for is the beginning of this one. */
static bool is_asked(const char *part, int n_asked, char **asked, bool otherwise)
{
    for (int i = 0; i < n_asked; i++)
        if (strncmp(part, asked[i], strlen(asked[i])) == 0)
            return true;
    return n_asked == 0 && otherwise;
}

int main(int argc, char **argv)
{
    static const char *const own[] = {"fast", "compact"}, *const paper[] = {"paper"};
    const size_t runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    const size_t n_runs = runs < 1 ? 1 : runs > MOST_RUNS ? MOST_RUNS : runs;
    const int n_asked = argc > 2 ? argc - 2 : 0;
    char **asked = argv + 2, part[64];
    const struct kernel *kernel = kernel_find(NULL);
    struct service s = {0};
    struct team *team = NULL;
    struct error err = {0};
    bench_must(team_create(&team, bench_cores(), &err), &err);
    printf("# kernel %s, %zu threads, medians of %zu; peak %.4g GF/s (floats), %.4g (bf16), from "
           "core to core %.3g ns\n",
           kernel->name, team_size(team), n_runs, peak_floats(kernel, team),
           peak_bf16(kernel, team), peak_handoff());
    team_free(team);
    timed_fit_serve(&s);
    if (is_asked("presets", n_asked, asked, true))
        measure_presets(&s, own, 2, n_runs);
    if (is_asked("paper", n_asked, asked, false))
        measure_presets(&s, paper, 1, n_runs);
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        snprintf(part, sizeof part, "%s_%s_%.0f", works[i].set, works[i].preset, works[i].seconds);
        if (is_asked(part, n_asked, asked, strcmp(works[i].set, "natural") == 0))
            measure_work(&s, &works[i], n_runs);
    }
    service_remove(&s);
    return 0;
}
