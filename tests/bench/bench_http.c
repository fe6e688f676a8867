/*
 * Timings of queries and renders through HTTP: bench_http [NETWORK [PART]], parts small, renders,
 * zoom, many, theory (which has no network: it comes with the first); none: all.  Prints rows `name
 * value unit`; lines with # are remarks.
 *
 * The real program is started on a folder of its own, and fits a few steps of each network (what
 * its values are does not matter), and two seconds of the preset `fast`, a grid, to a picture of
 * 512 x 512: natural test picture 00, or where the data are absent, the project's own.  Each figure
 * is the median of requests one after another on a connection that is kept, but for the crowd: 64
 * connections that ask at the same time.  The core's own rate is that of task_query on all cores,
 * in turns with the requests of the same points.
 */
#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/field/task.h"
#include "core/nn/kernel.h"
#include "tests/harness/client.h"
#include "tests/http/lone_fit.h"
#include "tests/http/timed_fit.h"
#include "tests/support/bench.h"
#include "tests/support/data_files.h"
#include "tests/support/peak.h"

enum { CROWD = 64, MANY_POINTS = 1 << 20, MOST_TIMES = 1024 };

struct network {
    const char *name;
    const char *members; /* of the job, and of its twin in this process */
    size_t side;         /* of the picture */
    const char *tile;    /* x0,y0,x1,y1 of what is drawn in 256 x 256 */
};

#define GAUSSIAN(n_hidden_layers)                                                                  \
    ",\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":10},"         \
    "\"network\":{\"n_hidden_layers\":" n_hidden_layers                                            \
    ",\"width\":256}},\"train\":{\"steps\":50,\"batch_size\":4096}"

static const struct network networks[] = {
    {"paper_3x256", GAUSSIAN("3"), 256, "64,64,128,128"},
    {"ff_4x256", GAUSSIAN("4"), 256, "64,64,128,128"},
    {"fast_grid", ",\"preset\":\"fast\",\"train\":{\"time_limit_seconds\":2}", 512,
     "128,128,384,384"},
};

struct bench {
    const struct network *network;
    struct service service;
    struct client *client;
    struct team *team;
    struct bytes picture; /* the file */
    char field[ID_TEXT];
};

/* --- the field --- */

static struct bytes open_picture(size_t side)
{
    char *path = side == 512 ? data_path("paper2d/natural/test/00.png") : NULL;
    if (!path)
        return sample_picture_png(side, 1);
    struct bytes file = {0};
    file.data = file_read(path, &file.n);
    free(path);
    return file;
}

static void fit(struct bench *b)
{
    char dataset[ID_TEXT], job[ID_TEXT];
    timed_fit_upload(&b->service, &b->picture, dataset);
    timed_fit_post(&b->service, dataset, b->network->members, job);
    json_t *done = wait_for_job(&b->service, job, "succeeded");
    snprintf(b->field, sizeof b->field, "%s", member_text(done, "field_id"));
    json_decref(done);
}

/* --- one after another --- */

static void report_to(const struct bench *b, const char *what, double *seconds, size_t n,
                      size_t percent)
{
    char name[96];
    bench_sort(seconds, n);
    printf("# %s_%s: %.4g to %.4g ms in %zu requests\n", b->network->name, what, seconds[0] * 1e3,
           seconds[n - 1] * 1e3, n);
    snprintf(name, sizeof name, "http_%s_%s_p50", b->network->name, what);
    bench_row(name, seconds[n / 2] * 1e3, "ms");
    snprintf(name, sizeof name, "http_%s_%s_p%zu", b->network->name, what, percent);
    bench_row(name, seconds[n * percent / 100] * 1e3, "ms");
}

static void report(const struct bench *b, const char *what, double *seconds, size_t n)
{
    report_to(b, what, seconds, n, 90);
}

static double ask(const struct bench *b, const struct request *request)
{
    struct answer a;
    const double begin = bench_now();
    const bool is_answered = client_send(b->client, &b->service, request, SEND_WHOLE, &a);
    const double seconds = bench_now() - begin;
    if (!is_answered || a.status != 200)
        fail_msg("%s: no answer", request->path);
    answer_free(&a);
    return seconds;
}

static void measure_requests(const struct bench *b, const char *what, size_t n,
                             const struct request *request)
{
    double seconds[MOST_TIMES];
    ask(b, request); /* warms up */
    for (size_t i = 0; i < n; i++)
        seconds[i] = ask(b, request);
    report(b, what, seconds, n);
}

static void measure_get(const struct bench *b, const char *what, size_t n, const char *arguments)
{
    char path[256];
    snprintf(path, sizeof path, "/v1/fields/%s/%s", b->field, arguments);
    measure_requests(b, what, n, &(struct request){.path = path});
}

/* --- a crowd --- */

static size_t drop(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    (void)context;
    return size * n;
}

/* All ask at once; times: of each, to its whole answer. */
static void run_round(CURLM *multi, CURL *const *curl, double *times)
{
    int n_running = 0;
    for (size_t i = 0; i < CROWD; i++)
        curl_multi_add_handle(multi, curl[i]);
    do {
        curl_multi_perform(multi, &n_running);
        if (n_running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    } while (n_running);
    for (size_t i = 0; i < CROWD; i++) {
        long status = 0;
        curl_easy_getinfo(curl[i], CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl[i], CURLINFO_TOTAL_TIME, &times[i]);
        assert_int_equal(status, 200);
        curl_multi_remove_handle(multi, curl[i]);
    }
}

static void measure_crowd(const struct bench *b, const char *what, const char *path)
{
    enum { ROUNDS = 15 };
    double times[(ROUNDS + 1) * CROWD], rounds[ROUNDS + 1];
    char url[256], name[96];
    CURL *curl[CROWD];
    CURLM *multi = curl_multi_init();
    snprintf(url, sizeof url, "%s%s", b->service.url, path);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CROWD);
    for (size_t i = 0; i < CROWD; i++) {
        curl[i] = curl_easy_init();
        curl_easy_setopt(curl[i], CURLOPT_URL, url);
        curl_easy_setopt(curl[i], CURLOPT_WRITEFUNCTION, drop);
    }
    for (size_t r = 0; r <= ROUNDS; r++) { /* the first one connects */
        const double begin = bench_now();
        run_round(multi, curl, times + r * CROWD);
        rounds[r] = bench_now() - begin;
    }
    for (size_t i = 0; i < CROWD; i++)
        curl_easy_cleanup(curl[i]);
    curl_multi_cleanup(multi);
    report(b, what, times + CROWD, (size_t)ROUNDS * CROWD);
    bench_sort(rounds + 1, ROUNDS);
    snprintf(name, sizeof name, "http_%s_%s_rate", b->network->name, what);
    bench_row(name, CROWD / rounds[1 + ROUNDS / 2], "requests/s");
}

static void measure_small(const struct bench *b)
{
    static const char point[] = "{\"coords\":[[100.25,30.5]]}";
    char path[256];
    measure_requests(b, "healthz", 500, &(struct request){.path = "/healthz"});
    measure_get(b, "value", 500, "value?x=100.25&y=30.5");
    snprintf(path, sizeof path, "/v1/fields/%s/query", b->field);
    measure_requests(b, "query_1", 500,
                     &(struct request){.path = path,
                                       .content_type = "application/json",
                                       .body = point,
                                       .n_body = sizeof point - 1});
    measure_crowd(b, "healthz_64_at_once", "/healthz");
    snprintf(path, sizeof path, "/v1/fields/%s/value?x=100.25&y=30.5", b->field);
    measure_crowd(b, "value_64_at_once", path);
}

static void measure_renders(const struct bench *b)
{
    enum { TILES = 31 };
    char tile[128];
    snprintf(tile, sizeof tile, "image?width=256&height=256&bbox=%s", b->network->tile);
    measure_get(b, "tile_256_png", TILES, tile);
    snprintf(tile, sizeof tile, "image?width=256&height=256&bbox=%s&format=npy", b->network->tile);
    measure_get(b, "tile_256_npy", TILES, tile);
    measure_get(b, "picture_768x512_png", 7, "image?width=768&height=512");
}

/* Columns, or rows, of a window of so many tiles about a place, within the picture's. */
static size_t first_of(double place, size_t n_tiles, size_t n_window)
{
    const double first = place * (double)n_tiles - 0.5 * (double)n_window;
    if (first < 0 || n_tiles <= n_window)
        return 0;
    return (size_t)first + n_window > n_tiles ? n_tiles - n_window : (size_t)first;
}

/* A window of 4 x 3 tiles, from the whole picture down to a thousandth of a pixel: each tile once,
 * but for the first, which warms up. */
static void measure_zoom(const struct bench *b)
{
    enum { ZOOMS = 12, COLUMNS = 4, ROWS = 3 };
    double seconds[ZOOMS * COLUMNS * ROWS];
    size_t n = 0;
    for (size_t z = 0; z < ZOOMS; z++) {
        const size_t n_tiles = (size_t)1 << z, x = first_of(0.45, n_tiles, COLUMNS);
        const size_t y = first_of(0.37, n_tiles, ROWS);
        for (size_t i = 0; i < COLUMNS * ROWS; i++) {
            char path[96];
            const size_t column = x + i % COLUMNS, row = y + i / COLUMNS;
            if (column >= n_tiles || row >= n_tiles)
                continue;
            snprintf(path, sizeof path, "/xyz/%s/%zu/%zu/%zu.png", b->field, z, column, row);
            const struct request request = {.path = path};
            if (n == 0)
                ask(b, &request);
            seconds[n++] = ask(b, &request);
        }
    }
    report_to(b, "zoom", seconds, n, 95);
}

/* --- many points, beside the core --- */

static double ask_core(const struct bench *b, const struct field *f, const float *unit,
                       float *values)
{
    struct error err = {0};
    const double begin = bench_now();
    bench_must(task_query(f, b->team, MANY_POINTS, unit, values, NULL, &err), &err);
    return bench_now() - begin;
}

static void measure_many(const struct bench *b)
{
    enum { RUNS = 7 };
    char path[256], name[96];
    double seconds[RUNS], core[RUNS], ratio[RUNS];
    struct lone_fit twin; /* one of the same shape */
    lone_fit_init(&twin, b->network->members, lone_fit_decode(&b->picture), b->team);
    float *unit = mem_alloc_floats((size_t)2 * MANY_POINTS);
    float *values = mem_alloc_floats((size_t)3 * MANY_POINTS);
    for (size_t i = 0; i < (size_t)2 * MANY_POINTS; i++)
        unit[i] = (float)(i * 7919 % 10007) / 10007.0f;
    snprintf(path, sizeof path, "/v1/fields/%s/query?frame=unit", b->field);
    const struct request request = {.path = path,
                                    .content_type = "application/octet-stream",
                                    .body = unit,
                                    .n_body = (size_t)2 * MANY_POINTS * sizeof *unit};
    for (size_t i = 0; i < RUNS; i++) {
        core[i] = ask_core(b, twin.field, unit, values);
        seconds[i] = ask(b, &request);
        ratio[i] = core[i] / seconds[i];
    }
    report(b, "raw_1M", seconds, RUNS);
    bench_sort(core, RUNS);
    bench_sort(ratio, RUNS);
    snprintf(name, sizeof name, "http_%s_raw_1M_rate", b->network->name);
    bench_row(name, MANY_POINTS / seconds[RUNS / 2] * 1e-6, "Mpoints/s");
    snprintf(name, sizeof name, "core_%s_1M_rate", b->network->name);
    bench_row(name, MANY_POINTS / core[RUNS / 2] * 1e-6, "Mpoints/s");
    snprintf(name, sizeof name, "http_%s_raw_1M_of_core", b->network->name);
    bench_row(name, 100 * ratio[RUNS / 2], "%");
    mem_free(unit);
    mem_free(values);
    lone_fit_deinit(&twin);
}

/* Kernels in closed form, on one core: 256 features are 128 frequencies, "256" are 512. */
static void measure_theory(const struct bench *b)
{
    static const struct {
        const char *name, *path, *body;
    } questions[] = {
        {"ntk_1024_256_features", "/v1/ntk",
         "{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":128},\"n\":1024,"
         "\"network\":{\"n_hidden_layers\":4,\"width\":256}}"},
        {"ntk_1024_512_features", "/v1/ntk",
         "{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256},\"n\":1024,"
         "\"network\":{\"n_hidden_layers\":4,\"width\":256}}"},
        {"ntk_plane_128", "/v1/ntk",
         "{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256},\"n\":128,"
         "\"dims\":2}"},
        {"ntk_amplitudes", "/v1/ntk/amplitudes",
         "{\"b\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}"},
    };
    for (size_t i = 0; b->network == networks && i < sizeof questions / sizeof *questions; i++)
        measure_requests(b, questions[i].name, 25,
                         &(struct request){.path = questions[i].path,
                                           .content_type = "application/json",
                                           .body = questions[i].body,
                                           .n_body = strlen(questions[i].body)});
}

static void measure(const struct network *n, const char *only_part, struct team *team)
{
    static const struct {
        const char *name;
        void (*measure)(const struct bench *b);
    } parts[] = {{"small", measure_small},
                 {"renders", measure_renders},
                 {"zoom", measure_zoom},
                 {"many", measure_many},
                 {"theory", measure_theory}};
    struct bench b = {.network = n, .client = client_create(), .team = team};
    b.picture = open_picture(n->side);
    service_start_under(&b.service, NULL, "log", NULL);
    fit(&b);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!only_part || strcmp(only_part, parts[i].name) == 0)
            parts[i].measure(&b);
    client_free(b.client);
    bytes_free(&b.picture);
    service_remove(&b.service);
}

int main(int argc, char **argv)
{
    const char *only_network = argc > 1 ? argv[1] : NULL, *only_part = argc > 2 ? argv[2] : NULL;
    struct team *team = NULL;
    struct error err = {0};
    const struct kernel *kernel = kernel_find(NULL);
    bench_must(team_create(&team, bench_cores(), &err), &err);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        if (only_network && strcmp(only_network, networks[i].name) != 0)
            continue;
        printf("# kernel %s, %zu threads, peak %.4g GF/s (floats), %.4g (bf16)\n", kernel->name,
               team_size(team), peak_floats(kernel, team), peak_bf16(kernel, team));
        measure(&networks[i], only_part, team);
    }
    team_free(team);
    return 0;
}
