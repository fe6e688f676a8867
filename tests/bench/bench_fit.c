/*
 * Timings of whole fits: bench_fit [PART ...], parts quality, draws, service, snapshot, memory;
 * none: all.  Prints rows `name value unit`; lines with # are remarks.
 *
 *   quality   the trainer alone with the preset `fast`, in seconds of training (evaluations are not
 *             counted) until all pixels together reach 30, 35 and 40 dB
 *   draws     what it costs to draw a point, for pictures of several sizes, beside a whole step
 *   service   the same fit by the real program and by the core alone (decode, train, evaluate all
 *             pixels), in turns, from the request to the last event
 *   snapshot  from the answer 202 to the first event `snapshot`
 *   memory    the most that the worker of a whole fit takes, for pictures of several sizes
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/base/rng.h"
#include "core/nn/kernel.h"
#include "tests/http/lone_fit.h"
#include "tests/http/timed_fit.h"
#include "tests/support/bench.h"
#include "tests/support/data_files.h"

/* --- quality --- */

/* The preset ends by time, and so does its schedule: the same with the steps that fit into it. */
static uint64_t count_steps(const struct bytes *file, double seconds, struct team *team)
{
    enum { WARM = 100, TIMED = 400 };
    struct lone_fit fit;
    lone_fit_init(&fit, "", lone_fit_decode(file), team);
    for (size_t i = 0; i < WARM; i++)
        trainer_step(fit.trainer);
    const double begin = bench_now();
    for (size_t i = 0; i < TIMED; i++)
        trainer_step(fit.trainer);
    const double step = (bench_now() - begin) / TIMED;
    lone_fit_deinit(&fit);
    return (uint64_t)(seconds / step);
}

static void measure_quality_of(const char *name, const struct bytes *file, struct team *team)
{
    static const double targets[] = {30.0, 35.0, 40.0}, look = 0.05;
    enum { N_TARGETS = 3, PLAN_SECONDS = 5 };
    char members[64], what[64];
    struct lone_fit fit;
    const uint64_t steps = count_steps(file, PLAN_SECONDS, team);
    snprintf(members, sizeof members, ",\"train\":{\"steps\":%llu}", (unsigned long long)steps);
    lone_fit_init(&fit, members, lone_fit_decode(file), team);
    size_t n_reached = 0;
    double seconds = 0.0, next = look;
    for (uint64_t i = 0; i < steps && n_reached < N_TARGETS; i++) {
        const double begin = bench_now();
        trainer_step(fit.trainer);
        seconds += bench_now() - begin;
        if (seconds < next)
            continue;
        next = seconds + look;
        while (n_reached < N_TARGETS &&
               lone_fit_psnr(&fit, EVALUATE_QUICK) > targets[n_reached] - 0.3 &&
               lone_fit_psnr(&fit, EVALUATE_FULL) >= targets[n_reached]) {
            snprintf(what, sizeof what, "fit_%s_to_%.0f_dB", name, targets[n_reached++]);
            bench_row(what, seconds, "s");
        }
    }
    if (n_reached < N_TARGETS)
        printf("# fit_%s: %.2f dB after %.3g s\n", name, lone_fit_psnr(&fit, EVALUATE_FULL),
               seconds);
    lone_fit_deinit(&fit);
}

static void measure_quality(struct team *team)
{
    struct bytes sample = sample_picture_png(512, 1);
    measure_quality_of("sample_512", &sample, team);
    bytes_free(&sample);
    char *path = data_path("images/kodak/kodim23.png");
    if (!path) {
        printf("# no data: kodim23 is left out\n");
        return;
    }
    struct bytes kodim = {0};
    kodim.data = file_read(path, &kodim.n);
    measure_quality_of("kodim23", &kodim, team);
    free(path);
    bytes_free(&kodim);
}

/* --- draws --- */

static struct image noise(size_t width, size_t height)
{
    struct error err = {0};
    struct image image;
    bench_must(image_create(&image, SAMPLE_U8, width, height, 3, &err), &err);
    for (size_t i = 0; i < width * height * 3; i++)
        image.u8[i] = (uint8_t)(i * 2654435761u >> 24);
    return image;
}

struct drawing {
    const struct task *task;
    size_t batch_size, n_drawn;
    uint64_t step;
    float *coords, *targets;
};

enum { DRAWN_AT_ONCE = MLP_TILE };

static void draw_batches(void *context)
{
    struct drawing *d = context;
    for (size_t drawn = 0; drawn < d->n_drawn; d->step++)
        for (size_t first = 0; first < d->batch_size; first += DRAWN_AT_ONCE) {
            struct task_tile tile = {.step = d->step,
                                     .batch_size = d->batch_size,
                                     .first = first,
                                     .n = DRAWN_AT_ONCE,
                                     .coords = d->coords,
                                     .targets = d->targets};
            d->task->class->draw(d->task, &tile);
            drawn += DRAWN_AT_ONCE;
        }
}

static void one_step(void *context)
{
    trainer_step(context);
}

static void measure_draws_of(const char *name, size_t width, size_t height, size_t batch_size,
                             struct team *team)
{
    enum { DRAWN = 1 << 18, RUNS = 9 };
    char members[96], what[96];
    struct lone_fit fit;
    snprintf(members, sizeof members, ",\"train\":{\"steps\":100000,\"batch_size\":%zu}",
             batch_size);
    lone_fit_init(&fit, members, noise(width, height), team);
    struct drawing d = {.task = fit.task, .batch_size = batch_size, .n_drawn = DRAWN};
    d.coords = mem_alloc_floats((size_t)2 * DRAWN_AT_ONCE);
    d.targets = mem_alloc_floats((size_t)3 * DRAWN_AT_ONCE);
    const double point = bench_time(RUNS, draw_batches, &d).median / DRAWN;
    const double step = bench_time(5 * RUNS, one_step, fit.trainer).median;
    snprintf(what, sizeof what, "draw_%s_batch_%zu", name, batch_size);
    bench_row(what, point * 1e9, "ns");
    snprintf(what, sizeof what, "draw_%s_batch_%zu_of_step", name, batch_size);
    bench_row(what, 100 * point * (double)batch_size / (double)team_size(team) / step, "%");
    mem_free(d.coords);
    mem_free(d.targets);
    lone_fit_deinit(&fit);
}

static void measure_draws(struct team *team)
{
    static const struct {
        const char *name;
        size_t width, height;
    } pictures[] = {
        {"512x512", 512, 512}, {"768x512", 768, 512}, {"8_Mi", 4096, 2048}, {"64_Mi", 8192, 8192}};
    static const size_t batches[] = {1024, 4096, 16384};
    for (size_t p = 0; p < 4; p++)
        for (size_t b = 0; b < 3; b++)
            measure_draws_of(pictures[p].name, pictures[p].width, pictures[p].height, batches[b],
                             team);
}

/* --- through the service --- */

static double fit_by_service(const struct service *s, const char *dataset, const char *members)
{
    char job[ID_TEXT];
    const double begin = bench_now();
    timed_fit_post(s, dataset, members, job);
    timed_fit_await(s, job, TIMED_FIT_DONE);
    const double seconds = bench_now() - begin;
    json_decref(wait_for_job(s, job, "succeeded"));
    return seconds;
}

/* *training: the part of it without reading the file and evaluating all pixels. */
static double fit_by_core(const struct bytes *file, const char *members, struct team *team,
                          double *training)
{
    struct lone_fit fit;
    const double begin = bench_now();
    lone_fit_init(&fit, members, lone_fit_decode(file), team);
    const double trained_from = bench_now();
    for (uint64_t i = 0; i < fit.spec.train.steps; i++)
        trainer_step(fit.trainer);
    *training = bench_now() - trained_from;
    lone_fit_psnr(&fit, EVALUATE_FULL);
    const double seconds = bench_now() - begin;
    lone_fit_deinit(&fit);
    return seconds;
}

static void measure_service(struct team *team)
{
    enum { PAIRS = 7, PLAN_SECONDS = 3 };
    double service[PAIRS], core[PAIRS], training[PAIRS], ratio[PAIRS];
    char dataset[ID_TEXT], members[64];
    struct bytes file = sample_picture_png(512, 1);
    struct service s = {0};
    snprintf(members, sizeof members, ",\"train\":{\"steps\":%llu}",
             (unsigned long long)count_steps(&file, PLAN_SECONDS, team));
    timed_fit_serve(&s);
    timed_fit_upload(&s, &file, dataset);
    for (size_t i = 0; i < PAIRS; i++) {
        core[i] = fit_by_core(&file, members, team, &training[i]);
        service[i] = fit_by_service(&s, dataset, members);
        ratio[i] = service[i] / core[i];
    }
    bench_sort(core, PAIRS);
    bench_sort(service, PAIRS);
    bench_sort(training, PAIRS);
    bench_sort(ratio, PAIRS);
    printf("# fit of %s: service %.4g to %.4g s, core %.4g to %.4g s, ratio %.4g to %.4g\n",
           members + 1, service[0], service[PAIRS - 1], core[0], core[PAIRS - 1], ratio[0],
           ratio[PAIRS - 1]);
    bench_row("fit_service", service[PAIRS / 2], "s");
    bench_row("fit_core", core[PAIRS / 2], "s");
    bench_row("fit_core_training", training[PAIRS / 2], "s");
    bench_row("fit_service_by_core", ratio[PAIRS / 2], "ratio");
    service_remove(&s);
    bytes_free(&file);
}

static void measure_snapshot(struct team *team)
{
    enum { RUNS = 15 };
    double seconds[RUNS];
    char dataset[ID_TEXT], job[ID_TEXT], path[96];
    struct bytes file = sample_picture_png(512, 1);
    struct service s = {0};
    (void)team;
    timed_fit_serve(&s);
    timed_fit_upload(&s, &file, dataset);
    for (size_t i = 0; i < RUNS; i++) {
        timed_fit_post(&s, dataset, "", job);
        const double begin = bench_now();
        timed_fit_await(&s, job, TIMED_FIT_SNAPSHOT);
        seconds[i] = bench_now() - begin;
        snprintf(path, sizeof path, "/v1/jobs/%s/cancel", job);
        answer_status(service_send(&s, &(struct request){.method = "POST", .path = path}), 200);
        json_decref(wait_for_job(&s, job, "canceled"));
    }
    bench_sort(seconds, RUNS);
    printf("# first snapshot: %.4g to %.4g ms in %d jobs\n", seconds[0] * 1e3,
           seconds[RUNS - 1] * 1e3, RUNS);
    bench_row("fit_to_first_snapshot", seconds[RUNS / 2] * 1e3, "ms");
    service_remove(&s);
    bytes_free(&file);
}

/* --- memory --- */

/* VmHWM of a process, MiB: the most that it has taken so far. */
static double peak_mib(pid_t pid)
{
    char path[64], line[256];
    double kib = 0.0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    return kib / 1024.0;
}

static void measure_memory_of(const char *name, const struct bytes *file, const char *members)
{
    char dataset[ID_TEXT], job[ID_TEXT], what[64];
    struct service s = {0};
    double peak = 0.0;
    timed_fit_serve(&s);
    timed_fit_upload(&s, file, dataset);
    timed_fit_post(&s, dataset, members, job);
    for (bool ended = false; !ended;) {
        pid_t worker;
        for (size_t i = 0; i < 50; i++) {
            if (service_workers(&s, &worker, 1) == 1) {
                const double now = peak_mib(worker);
                peak = now > peak ? now : peak;
            }
            pause_briefly();
        }
        json_t *state = answer_json(service_get(&s, "/v1/jobs/%s", job), 200);
        const char *status = member_text(state, "status");
        ended = strcmp(status, "queued") != 0 && strcmp(status, "running") != 0;
        if (ended && strcmp(status, "succeeded") != 0)
            printf("# the job over %s is %s\n", name, status);
        json_decref(state);
    }
    snprintf(what, sizeof what, "worker_peak_%s", name);
    bench_row(what, peak, "MiB");
    service_remove(&s);
}

static void measure_memory(struct team *team)
{
    static const char small[] = ",\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":"
                                "32,\"sigma\":10},\"network\":{\"n_hidden_layers\":2,\"width\":32}}"
                                ",\"train\":{\"steps\":2000,\"batch_size\":4096}";
    static const struct {
        const char *name, *shape;
        size_t width, height;
    } large[] = {{"8_Mi", "2048, 4096, 3", 4096, 2048}, {"64_Mi", "8192, 8192, 3", 8192, 8192}};
    (void)team;
    struct bytes file = sample_picture_png(512, 1);
    measure_memory_of("512x512_fast", &file, ",\"train\":{\"time_limit_seconds\":4}");
    measure_memory_of("512x512_paper", &file, ",\"preset\":\"paper\",\"train\":{\"steps\":20}");
    bytes_free(&file);
    for (size_t i = 0; i < 2; i++) {
        struct image image = noise(large[i].width, large[i].height);
        file = make_npy("|u1", large[i].shape, image.samples, image.width * image.height * 3);
        image_deinit(&image);
        measure_memory_of(large[i].name, &file, small);
        bytes_free(&file);
    }
}

int main(int argc, char **argv)
{
    static const struct bench_part parts[] = {{"quality", measure_quality},
                                              {"draws", measure_draws},
                                              {"service", measure_service},
                                              {"snapshot", measure_snapshot},
                                              {"memory", measure_memory}};
    return bench_main(argc, argv, parts, sizeof parts / sizeof *parts);
}
