/*
 * Estimates of time beside what is then measured: bench_estimate [PART ...]; none: all.  Prints
 * rows `name value unit`, ratios being estimate by what was measured; lines with # are remarks.
 *
 *   steps     one step of many settings, of the core alone
 *   queries   values and derivatives of the same fields, by the pool that answers requests
 *   presets   fits of the presets by the real program, 8 s of training at most: steps (the ratio of
 *             the bare name), _whole: seconds from the 202 to the end, _memory: of the worker.
 *             Data are as large as those that GET /v1/presets gives an estimate for; of views, 72
 *             for 100.  presets_image, presets_volume, …: of one task
 *   memory    the same of a volume of 256^3 and of the 50 photographs of the fox, whole and a
 *             quarter of their size: 3 s; and the peak of service and worker together
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_spec.h"
#include "api/estimate.h"
#include "core/field/calibration.h"
#include "core/field/precision.h"
#include "core/nn/encoding.h"
#include "core/nn/kernel.h"
#include "core/sample/sample.h"
#include "core/task/probes.h"
#include "core/task/task_image.h"
#include "server/fields/compute.h"
#include "tests/http/footprint.h"
#include "tests/http/lone_fit.h"
#include "tests/http/timed_fit.h"
#include "tests/support/bench.h"
#include "tests/support/data_files.h"
#include "tests/support/small_scene.h"

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
    struct probes *probes = NULL;
    struct image image = noise(512, 512);
    const struct task_image_spec spec = {
        .holdout = HOLDOUT_NONE, .loss = LOSS_MSE, .output_activation = ACTIVATION_LINEAR};
    bench_must(task_image_create(&task, &image, &spec, &err), &err);
    bench_must(probes_create(&probes, kernel_find(NULL), team, &err), &err);
    const struct calibration wish = {.kernel = kernel_find(NULL),
                                     .task = task,
                                     .probes = probes_get(probes),
                                     .n_probes = N_PROBES,
                                     .team = team,
                                     .longest_seconds = 1e9,
                                     .most_lost = 1.0};
    bench_must(calibrate(&costs, &wish, &err), &err);
    probes_free(probes);
    task_free(task);
    image_deinit(&image);
    return costs;
}

static void print_costs(const struct costs *c, double seconds)
{
    static const char *const probes[N_PROBES] = {"nearest", "linear",    "transform", "walked",
                                                 "even",    "is inside", "distance"};
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
    printf("#");
    for (size_t i = 0; i < N_PROBES; i++)
        printf(" %s %.2f", probes[i], c->probe[i] * 1e9);
    printf(" ns\n");
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

/* Of a fit, or the preset's own limit where that is shorter. */
static const double longest_fit = 8.0;
/* What is expected beside it; where there is more the job is canceled behind its last step. */
static const double longest_rest = 60.0;

/* What a preset is asked to learn from: as large as its estimates are for. */
struct subject {
    const char *task, *sample; /* of core/sample; NULL: voxels of the size below */
    size_t size;
};

static const struct subject subjects[] = {
    {"image", "picture", 512}, {"volume", NULL, 0},    {"shape", "shape", 150},
    {"views", "views", 400},   {"ct", "phantom", 256}, {"mri", "phantom3d", 96},
};
enum { N_SUBJECTS = sizeof subjects / sizeof *subjects };

static struct bytes head(void)
{
    const size_t n = (size_t)181 * 217 * 181;
    const struct image image = noise(181, 217 * 181 / 3 + 1);
    struct bytes file = make_npy("|u1", "181, 217, 181", image.u8, n);
    free(image.u8);
    return file;
}

/* A dataset by what makes it; its JSON, the caller's. */
static json_t *upload(const struct service *s, const char *task, const void *file, size_t n)
{
    static const char *const kinds[] = {"?kind=shape", "?kind=views", "?kind=volume",
                                        "?kind=image"};
    const size_t kind = strcmp(task, "shape") == 0                                ? 0
                        : strcmp(task, "views") == 0                              ? 1
                        : strcmp(task, "volume") == 0 || strcmp(task, "mri") == 0 ? 2
                                                                                  : 3;
    struct answer a = post_dataset(s, kinds[kind], file, n);
    return answer_json(a, a.status == 200 ? 200 : 201);
}

static json_t *upload_subject(const struct service *s, const struct subject *subject)
{
    const struct sample_spec spec = {.seed = 1, .size = subject->size};
    struct error err = {0};
    struct buffer file;
    if (!subject->sample) {
        struct bytes voxels = head();
        json_t *made = upload(s, subject->task, voxels.data, voxels.n);
        bytes_free(&voxels);
        return made;
    }
    buffer_init(&file, (size_t)1 << 30);
    bench_must(sample_find(subject->sample)->make(&spec, &file, &err), &err);
    json_t *made = upload(s, subject->task, file.data, file.size);
    buffer_deinit(&file);
    return made;
}

/* What the service expects of a job, by these costs. */
static struct estimate expect(const json_t *dataset, const char *members, const struct costs *costs)
{
    char body[512];
    struct problem_list problems = {0};
    struct spec_facts facts = {0};
    struct spec spec = {0};
    struct estimate e = {0};
    struct error err = {0};
    json_t *resolved = NULL, *labels = NULL;
    char *info = json_dumps(member_get(dataset, "info"), 0);
    struct dataset_row row = {.bytes = (uint64_t)member_integer(dataset, "bytes"),
                              .info_json = info};
    snprintf(row.id, sizeof row.id, "%s", member_text(dataset, "id"));
    snprintf(row.kind, sizeof row.kind, "%s", member_text(dataset, "kind"));
    snprintf(row.media_type, sizeof row.media_type, "%s", member_text(dataset, "media_type"));
    snprintf(body, sizeof body, "{\"dataset_id\":\"%s\"%s}", row.id, members);
    json_t *asked = json_loads(body, 0, NULL);
    const enum status status =
        codec_spec_resolve(asked, &row, 0, &resolved, &labels, &spec, &problems);
    if (problems.n > 0)
        error_set(&err, status, problems.item[0].pointer, "%s", problems.item[0].detail);
    bench_must(status, &err);
    bench_must(codec_spec_facts(&row, &facts, &err), &err);
    const struct arithmetic arithmetic = arithmetic_of(NULL);
    spec.train.precision = precision_settle(spec.train.precision, &spec.field, &arithmetic);
    bench_must(estimate_job(&e, &spec, &facts, costs->n_threads, costs, &err), &err);
    spec_deinit(&spec);
    json_decref(asked);
    json_decref(resolved);
    json_decref(labels);
    free(info);
    return e;
}

static void ratio_row(const char *what, const char *of, double estimate, double measured)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", what, of);
    bench_row(name, estimate / measured, "ratio");
}

/* One fit of at most so many seconds beside its estimate; the peak of service and worker in MiB.
 * members, train: of the body and of its `train`, each after a comma, or "". */
static double measure_fit(const struct service *s, const json_t *dataset, const char *what,
                          const char *members, const char *train, double limit,
                          const struct costs *costs)
{
    const double mib = 1024.0;
    enum { FEW_STEPS = 20, MANY_STEPS = 1000000 };
    char job[ID_TEXT], all[384], many[384], path[96];
    size_t worker = 0;
    snprintf(all, sizeof all, "%s,\"train\":{\"steps\":null,\"time_limit_seconds\":%g%s}", members,
             limit, train);
    const struct estimate e = expect(dataset, all, costs);
    snprintf(many, sizeof many, "%s,\"train\":{\"steps\":%d,\"time_limit_seconds\":null%s}",
             members, MANY_STEPS, train);
    double expected = (double)e.steps;
    if (e.steps < FEW_STEPS) /* a part of a step, too; what first ones take more is nothing then */
        expected = limit * MANY_STEPS / expect(dataset, many, costs).training_seconds;
    struct footprint *footprint = footprint_start(s);
    timed_fit_post(s, member_text(dataset, "id"), all, job);
    const double begin = bench_now();
    const bool is_long = e.seconds - e.training_seconds > longest_rest;
    timed_fit_await(s, job, is_long ? TIMED_FIT_EVALUATING : TIMED_FIT_DONE);
    const double seconds = bench_now() - begin;
    if (is_long) {
        snprintf(path, sizeof path, "/v1/jobs/%s/cancel", job);
        answer_status(service_post_json(s, path, "{}"), 200);
    }
    const double peak = (double)footprint_stop(footprint, &worker) / mib;
    json_t *done = wait_for_job(s, job, is_long ? "canceled" : "succeeded");
    const double steps = member_number(done, "step");
    printf("# %s: in %g s %.1f steps were expected and %.0f done; beside them %.2f s and %.2f s; "
           "memory %.0f and %.0f MiB, %.0f with the service\n",
           what, limit, expected, steps, e.seconds - e.training_seconds, seconds - limit,
           (double)e.memory_bytes / mib / mib, (double)worker / mib, peak);
    /* of times, as the others: more steps than were expected are less time for each */
    ratio_row(what, "", steps, expected);
    if (!is_long) {
        ratio_row(what, "_whole", e.seconds, seconds);
        ratio_row(what, "_memory", (double)e.memory_bytes / mib, (double)worker);
    }
    fflush(stdout);
    json_decref(done);
    return peak;
}

static bool is_of(const json_t *preset, const char *task)
{
    return strcmp(member_text(preset, "task"), task) == 0;
}

/* The presets of a task. */
static void measure_task(const struct service *s, const struct subject *subject,
                         const json_t *presets, const struct costs *costs)
{
    size_t i;
    json_t *preset, *dataset = upload_subject(s, subject);
    json_array_foreach (presets, i, preset) {
        char members[128], what[64];
        if (!is_of(preset, subject->task))
            continue;
        const json_t *own = member_get(preset, "parameters.train.time_limit_seconds");
        const double limit = json_is_number(own) ? json_number_value(own) : longest_fit;
        snprintf(members, sizeof members, ",\"task\":\"%s\",\"preset\":\"%s\"", subject->task,
                 member_text(preset, "name"));
        snprintf(what, sizeof what, "preset_%s_%s", subject->task, member_text(preset, "name"));
        measure_fit(s, dataset, what, members, "", limit < longest_fit ? limit : longest_fit,
                    costs);
    }
    json_decref(dataset);
}

/* --- memory --- */

static void measure_large(const struct service *s, const json_t *dataset, const char *what,
                          const char *members, const char *train, const struct costs *costs)
{
    static const double limit = 3.0;
    char name[64];
    const double peak = measure_fit(s, dataset, what, members, train, limit, costs);
    snprintf(name, sizeof name, "%s_with_service", what);
    bench_row(name, peak, "MiB");
}

static void measure_memory(const struct service *s, const struct costs *costs)
{
    /* Held-out views would all be looked at in the end, and in 3 s nothing is found to be empty:
     * minutes, and no byte more. */
    static const char none[] = ",\"holdout\":\"none\"";
    const struct subject volume = {"volume", "phantom3d", 256};
    json_t *dataset = upload_subject(s, &volume);
    measure_large(s, dataset, "memory_volume_256", "", "", costs);
    json_decref(dataset);

    char *folder = data_path("views/fox"), *images = data_path("views/fox/images");
    if (folder && images) {
        struct small_scene scene;
        small_scene_init(&scene);
        small_scene_folder(&scene, folder, "", "transforms.json");
        small_scene_folder(&scene, images, "images/", ".jpg");
        struct buffer zip = small_scene_zip(&scene);
        dataset = upload(s, "views", zip.data, zip.size);
        measure_large(s, dataset, "memory_fox", ",\"measure\":{\"n_samples\":64}", none, costs);
        measure_large(s, dataset, "memory_fox_quarter",
                      ",\"measure\":{\"downscale\":4,\"n_samples\":64}", none, costs);
        json_decref(dataset);
        buffer_deinit(&zip);
        small_scene_deinit(&scene);
    } else {
        printf("# no data: the fox is left out\n");
    }
    free(folder);
    free(images);
}

/* Fits by the real program; is any asked for? */
static void measure_fits(int argc, char **argv, const struct costs *costs)
{
    struct service s;
    const bool is_asked_memory = bench_is_asked("memory", argc, argv);
    bool is_asked[N_SUBJECTS], is_any = is_asked_memory;
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        char part[32];
        snprintf(part, sizeof part, "presets_%s", subjects[i].task);
        is_asked[i] = bench_is_asked("presets", argc, argv) || bench_is_asked(part, argc, argv);
        is_any = is_any || is_asked[i];
    }
    if (!is_any)
        return;
    timed_fit_serve(&s);
    json_t *presets = answer_json(service_get(&s, "/v1/presets"), 200);
    for (size_t i = 0; i < N_SUBJECTS; i++)
        if (is_asked[i])
            measure_task(&s, &subjects[i], member_get(presets, "items"), costs);
    if (is_asked_memory)
        measure_memory(&s, costs);
    json_decref(presets);
    service_remove(&s);
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
    if (bench_is_asked("steps", argc, argv))
        measure_steps(&costs, team);
    if (bench_is_asked("queries", argc, argv))
        measure_queries(&costs, team);
    team_free(team);
    measure_fits(argc, argv, &costs);
    return 0;
}
