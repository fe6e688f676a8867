/* What a request costs where its size does not tell: rays through fog, surfaces of noise, fields
 * that give many numbers at a point.  Each is told from its size to be well within the limit. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/specimen.h"
#include "tests/http/raw.h"

static struct service service;
static char fog[ID_TEXT], noise[ID_TEXT];

#ifdef SANITIZED
#define NETWORK "\"network\":{\"n_hidden_layers\":3,\"width\":32}"
#else
#define NETWORK "\"network\":{\"n_hidden_layers\":3,\"width\":256}"
#endif

/* A field that has learned nothing. */
static void fit(enum specimen kind, const char *members, char field_id[ID_TEXT])
{
    char id[ID_TEXT], body[512];
    struct dice dice = {.state = 3};
    specimen_upload(&service, kind, &dice, id);
    snprintf(body, sizeof body, "{\"dataset_id\":\"%s\",%s,\"train\":{\"steps\":1}}", id, members);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    snprintf(field_id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(job);
    json_decref(done);
}

static int start(void **state)
{
    (void)state;
    service_start(&service, (const char *const[]){"--request-seconds", "1", NULL});
    wait_for_measured_machine(&service);
    fit(SPECIMEN_VIEWS,
        "\"field\":{" NETWORK "},\"measure\":{\"n_samples\":4096,\"occupancy_grid\":true}", fog);
    fit(SPECIMEN_VOLUME,
        "\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":64,\"sigma\":500}"
        "," NETWORK "}",
        noise);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct answer render(size_t width, size_t height)
{
    char path[96], body[256];
    snprintf(path, sizeof path, "/v1/fields/%s/render", fog);
    snprintf(body, sizeof body,
             "{\"width\":%zu,\"height\":%zu,\"camera\":{\"look_at\":{\"eye\":[3,2.5,2],"
             "\"target\":[0,0,0]},\"fov_degrees\":20}}",
             width, height);
    return service_post_json(&service, path, body);
}

/* The seconds that a refusal names. */
static double refused_seconds(struct answer a)
{
    static const char words[] = "the request would take about ";
    json_t *problem = answer_json(a, 422);
    const char *detail = member_text(problem, "detail");
    if (strncmp(detail, words, sizeof words - 1) != 0)
        fail_msg("%s", detail);
    const double seconds = strtod(detail + sizeof words - 1, NULL);
    json_decref(problem);
    return seconds;
}

static void rays_through_fog_are_tried_before_they_are_promised(void **state)
{
    (void)state;
    const double whole = refused_seconds(render(4096, 4096));
    size_t side = 4096;
    while (side > 4 && whole * (double)(side * side) / (4096.0 * 4096.0) > 0.2)
        side /= 2;
    assert_true(refused_seconds(render(side, side)) > 1.0);
    answer_status(render(2, 2), 200);
}

/* The middle of its values, as a refusal tells them. */
static double middle_level(void)
{
    json_t *problem = answer_json(
        service_get(&service, "/v1/fields/%s/mesh?resolution=24&level=1e30", noise), 422);
    const char *range = strrchr(member_text(problem, "detail"), '[');
    double low, high;
    assert_non_null(range);
    assert_int_equal(sscanf(range, "[%lf, %lf]", &low, &high), 2);
    json_decref(problem);
    return 0.5 * (low + high);
}

static struct answer mesh(size_t resolution, double level)
{
    return service_get(&service, "/v1/fields/%s/mesh?resolution=%zu&level=%.9g", noise, resolution,
                       level);
}

static void vertices_of_noise_count(void **state)
{
    (void)state;
    const double level = middle_level();
    const double whole =
        refused_seconds(service_get(&service, "/v1/fields/%s/slice?width=4096&height=4096", noise));
    size_t side = 256;
    while (side > 8 && whole * (double)(side * side * side) / (4096.0 * 4096.0) > 0.6)
        side -= 4;
    assert_true(refused_seconds(mesh(side, level)) > 1.0);
    answer_status(mesh(8, level), 200);
}

static void answers_of_too_many_numbers_are_refused(void **state)
{
    (void)state;
    static const char *const asked[] = {"slice?format=npy&width=4096&height=4096",
                                        "volume?format=npy&shape=256,256,256"};
    for (size_t i = 0; i < 2; i++) {
        json_t *problem =
            answer_json(service_get(&service, "/v1/fields/%s/%s", fog, asked[i]), 422);
        assert_non_null(strstr(member_text(problem, "detail"), "numbers, the limit is 134217728"));
        json_decref(problem);
    }
    enum { N = 2 << 20 };
    char path[96];
    float *points = calloc(N, 3 * sizeof *points);
    assert_non_null(points);
    snprintf(path, sizeof path, "/v1/fields/%s/query?outputs=gradient", fog);
    json_t *problem = answer_json(
        service_send(&service, &(struct request){.path = path,
                                                 .content_type = "application/octet-stream",
                                                 .body = points,
                                                 .n_body = N * 3 * sizeof *points}),
        422);
    assert_non_null(strstr(member_text(problem, "detail"), "numbers, the limit is 134217728"));
    json_decref(problem);
    free(points);
}

/* Two that take long, where one may, and whoever asks for a value is answered meanwhile. */
static void long_requests_leave_handlers_to_short_ones(void **state)
{
    (void)state;
    char text[160];
    const char *const settings[] = {"--handlers", "2", "--request-seconds", "3600", NULL};
    assert_int_equal(service_stop(&service), 0);
    service_restart(&service, settings);
    wait_for_measured_machine(&service);
    snprintf(text, sizeof text,
             "GET /v1/fields/%s/slice?width=4096&height=4096 HTTP/1.1\r\nHost: x\r\n\r\n", noise);
    struct pollfd two[2];
    for (size_t i = 0; i < 2; i++) {
        two[i] = (struct pollfd){.fd = raw_connect(&service), .events = POLLIN};
        assert_true(raw_send_text(two[i].fd, text));
    }
    assert_int_equal(poll(two, 2, 60000 * SLOWNESS), 1);
    struct said said = raw_read(two[two[0].revents ? 0 : 1].fd, 1);
    assert_int_equal(said_status(&said), 429);
    assert_true(strtol(said_header(&said, "Retry-After"), NULL, 10) > 0);
    said_free(&said);
    answer_status(service_get(&service, "/v1/fields/%s/value?x=0&y=0&z=0", noise), 200);
    answer_status(service_get(&service, "/v1/jobs"), 200);
    for (size_t i = 0; i < 2; i++)
        close(two[i].fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rays_through_fog_are_tried_before_they_are_promised),
        cmocka_unit_test(vertices_of_noise_count),
        cmocka_unit_test(answers_of_too_many_numbers_are_refused),
        cmocka_unit_test(long_requests_leave_handlers_to_short_ones),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
