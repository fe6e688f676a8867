/* Answers as plots: of the theory, of sweeps, of what a job measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/png.h"
#include "core/plot/palette.h"
#include "tests/http/sweep.h"

enum { BODY = 1024 };

static struct service service;
static char sweep_id[ID_TEXT], job_id[ID_TEXT];

/* A sweep of two by two cells, and one of its jobs. */
static void make_sweep(void)
{
    char body[BODY], picture[ID_TEXT];
    upload_picture(&service, 16, 1, picture);
    snprintf(body, sizeof body,
             "{\"dataset_ids\":[\"%s\"],\"name\":\"two by two\",\"base\":{%s},\"grid\":{"
             "\"/field/encoding/sigma\":[1,30],\"/field/network/width\":[8,16]}}",
             picture, sweep_base);
    start_sweep(&service, body, sweep_id);
    json_t *sweep = wait_for_sweep(&service, sweep_id, "succeeded");
    json_t *ids = json_object_get(json_array_get(member_get(sweep, "cells"), 0), "job_ids");
    snprintf(job_id, sizeof job_id, "%s", json_string_value(json_array_get(ids, 0)));
    json_decref(sweep);
}

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    make_sweep();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static const char line[] = "{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":8,\"sigma\":2}}";
static const char plane[] =
    "{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":8,\"sigma\":2},\"n\":16,\"dims\":2}";
static const char bare[] = "{\"encoding\":{\"type\":\"none\"},\"n\":16}";
static const char points[] =
    "{\"encoding\":{\"type\":\"basic\"},\"points\":[[0],[0.2],[0.4],[0.6]]}";
static const char regression[] =
    "{\"encoding\":{\"type\":\"basic\"},\"train\":{\"x\":[0,0.25,0.5],\"y\":[0,1,0.5]},"
    "\"test\":{\"x\":[0.4,0.1,0.2,0.3]},\"times\":[0,0.1,\"infinity\"]}";

static struct answer post(const char *path, const char *body, const char *accept)
{
    const struct request r = {.path = path,
                              .content_type = "application/json",
                              .body = body,
                              .n_body = strlen(body),
                              .headers = {accept}};
    return service_send(&service, &r);
}

static struct answer get(const char *path, const char *header)
{
    const struct request r = {.path = path, .headers = {header}};
    return service_send(&service, &r);
}

/* A PNG of this size; how many of its pixels have a colour. */
static size_t count_colored(struct answer a, size_t width, size_t height, struct color color)
{
    struct image image;
    size_t n = 0;
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "image/png");
    assert_int_equal(png_decode(a.body.data, a.body.n, &image, NULL, NULL), STATUS_OK);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    for (size_t i = 0; i < width * height; i++) {
        const uint8_t *p = image.u8 + 3 * i;
        n += abs(p[0] - color.r) < 12 && abs(p[1] - color.g) < 12 && abs(p[2] - color.b) < 12;
    }
    image_deinit(&image);
    answer_free(&a);
    return n;
}

/* --- theory --- */

static void kernels_are_drawn(void **state)
{
    (void)state;
    const char *const accept = "Accept: image/png";
    /* Two curves; a kernel whose least values are dark and a spectrum around its middle. */
    assert_true(count_colored(post("/v1/ntk", line, accept), 1200, 520, palette_kind(0)) > 800);
    assert_true(count_colored(post("/v1/ntk", bare, accept), 1200, 520, palette_kind(0)) > 500);
    assert_true(count_colored(post("/v1/ntk?width=900&height=400", plane, accept), 900, 400,
                              palette_order(0)) > 500);
    assert_true(count_colored(post("/v1/ntk?format=png&width=600&height=300", points, NULL), 600,
                              300, palette_order(1)) > 500); /* the diagonal */
    assert_true(count_colored(post("/v1/ntk?format=png&width=4096&height=160", line, NULL), 4096,
                              160, palette_kind(0)) > 500);
}

static void regressions_are_drawn_with_their_points(void **state)
{
    (void)state;
    const char *const path = "/v1/ntk/regression?format=png&width=1000&height=500";
    assert_true(count_colored(post(path, regression, NULL), 1000, 500, palette_order(0)) > 300);
    assert_true(count_colored(post(path, regression, NULL), 1000, 500, palette_order(0.9)) > 30);
    /* Three points, of 3.4 units in radius. */
    assert_true(count_colored(post(path, regression, NULL), 1000, 500, (struct color){0, 0, 0}) >
                3 * 15);
    answer_problem(post(path,
                        "{\"encoding\":{\"type\":\"basic\"},\"train\":{\"x\":[[0,1],[1,0]],\"y\":[1"
                        ",2]},\"times\":[1]}",
                        NULL),
                   422, "/train/x");
}

static void amplitudes_are_drawn_with_their_loss(void **state)
{
    (void)state;
    const char *const path = "/v1/ntk/amplitudes?format=png&width=2000&height=1000";
    const char *const body = "{\"b\":[1,2,3,4],\"n\":32,\"alpha\":1.5,\"steps\":50}";
    /* Four markers and the curve; the loss of nothing, dashed. */
    assert_true(count_colored(post(path, body, NULL), 2000, 1000, palette_kind(0)) > 150);
    assert_true(count_colored(post(path, body, NULL), 2000, 1000, palette_kind(1)) > 60);
}

static void plots_come_to_those_who_ask_for_them(void **state)
{
    (void)state;
    static const struct {
        const char *query, *accept, *type;
    } cases[] = {
        {"", NULL, "application/json"},
        {"", "Accept: */*", "application/json"},
        {"", "Accept: application/json, image/png", "application/json"},
        {"", "Accept: application/json;q=0.5, image/png", "image/png"},
        {"", "Accept: image/*", "image/png"},
        {"", "Accept: image/png;q=0, */*;q=0.1", "application/json"},
        {"?format=png", "Accept: application/json", "image/png"},
        {"?format=json", "Accept: image/png", "application/json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64];
        snprintf(path, sizeof path, "/v1/ntk%s", cases[i].query);
        struct answer a = post(path, line, cases[i].accept);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Content-Type"), cases[i].type);
        answer_free(&a);
    }
    answer_problem(post("/v1/ntk", line, "Accept: text/csv"), 406, NULL);
}

static void bad_arguments_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *query, *pointer;
    } cases[] = {
        {"format=png&width=159", "/width"},
        {"format=png&height=4097", "/height"},
        {"format=png&width=1e3", "/width"},
        {"format=png&width=-5", "/width"},
        {"width=500", "/width"},
        {"format=json&height=500", "/height"},
        {"format=gif", "/format"},
        {"format=png&color=red", "/color"},
        {"format=png&width=200&width=300", "/width"},
    };
    char path[160];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "/v1/ntk?%s", cases[i].query);
        answer_problem(post(path, line, NULL), 422, cases[i].pointer);
        snprintf(path, sizeof path, "/v1/sweeps/%s?%s", sweep_id, cases[i].query);
        answer_problem(get(path, NULL), 422, cases[i].pointer);
        snprintf(path, sizeof path, "/v1/jobs/%s/metrics?%s", job_id, cases[i].query);
        answer_problem(get(path, NULL), 422, cases[i].pointer);
    }
    answer_problem(post("/v1/ntk?format=csv", line, NULL), 422, "/format");
    answer_problem(get("/v1/sweeps/swp_00000000000000000000000000?format=png", NULL), 404, NULL);
}

/* --- sweeps and jobs --- */

static void sweeps_are_drawn(void **state)
{
    (void)state;
    char path[160];
    snprintf(path, sizeof path, "/v1/sweeps/%s", sweep_id);
    /* A curve for each of two widths. */
    struct answer a = get(path, "Accept: image/png");
    assert_string_equal(answer_header(&a, "Vary"), "Accept");
    assert_true(count_colored(a, 800, 520, palette_order(0)) > 300);
    assert_true(count_colored(get(path, "Accept: image/png"), 800, 520, palette_order(0.9)) > 300);
}

static void metrics_are_drawn(void **state)
{
    (void)state;
    char path[160];
    snprintf(path, sizeof path, "/v1/jobs/%s/metrics?format=png&keys=loss,test_psnr", job_id);
    assert_true(count_colored(get(path, NULL), 1200, 480, palette_kind(0)) > 100);
    snprintf(path, sizeof path, "/v1/jobs/%s/metrics?format=png&keys=nothing&width=300&height=200",
             job_id);
    assert_int_equal(count_colored(get(path, NULL), 300, 200, palette_kind(0)), 0);
}

static void plots_that_are_known_are_not_sent_again(void **state)
{
    (void)state;
    char paths[2][160], header[200];
    snprintf(paths[0], sizeof paths[0], "/v1/sweeps/%s?format=png", sweep_id);
    snprintf(paths[1], sizeof paths[1], "/v1/jobs/%s/metrics?format=png", job_id);
    for (size_t i = 0; i < 2; i++) {
        struct answer a = get(paths[i], NULL), again;
        assert_int_equal(a.status, 200);
        assert_int_equal(answer_header(&a, "ETag")[0], '"');
        snprintf(header, sizeof header, "If-None-Match: %s", answer_header(&a, "ETag"));
        again = get(paths[i], NULL);
        assert_int_equal(again.body.n, a.body.n);
        assert_memory_equal(again.body.data, a.body.data, a.body.n);
        answer_free(&again);
        answer_status(get(paths[i], header), 304);
        strncat(paths[i], "&width=500", sizeof paths[i] - strlen(paths[i]) - 1);
        answer_status(get(paths[i], header), 200);
        answer_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_drawn),
        cmocka_unit_test(regressions_are_drawn_with_their_points),
        cmocka_unit_test(amplitudes_are_drawn_with_their_loss),
        cmocka_unit_test(plots_come_to_those_who_ask_for_them),
        cmocka_unit_test(bad_arguments_name_the_place),
        cmocka_unit_test(sweeps_are_drawn),
        cmocka_unit_test(metrics_are_drawn),
        cmocka_unit_test(plots_that_are_known_are_not_sent_again),
    };
    return cmocka_run_group_tests_name("plots", tests, start, stop);
}
