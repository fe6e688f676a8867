/* Limits are settings, and exact: the last that is allowed, and one more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static char field[ID_TEXT];

enum { UPLOAD = 6000, POINTS_JSON = 10, POINTS_BINARY = 20, SIDE = 32 };

/* The smallest image of a network this large that no machine renders within a second. */
static const char large_image[] = "width=4096&height=4096";

static int start(void **state)
{
    static const char *const settings[] = {"--upload-bytes",
                                           "6000",
                                           "--query-points-json",
                                           "10",
                                           "--query-points-binary",
                                           "20",
                                           "--request-seconds",
                                           "1",
                                           NULL};
    char dataset[ID_TEXT], body[512];
    (void)state;
    service_start(&service, settings);
    upload_picture(&service, SIDE, 1, dataset);
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",\"field\":{\"network\":{\"width\":512,\"n_hidden_layers\":4}},"
             "\"train\":{\"steps\":1,\"batch_size\":16}}",
             dataset);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    snprintf(field, sizeof(field), "%s", member_text(done, "field_id"));
    json_decref(job);
    json_decref(done);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct answer query(const char *type, const void *body, size_t n)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/fields/%s/query", field);
    return service_send(
        &service, &(struct request){.path = path, .content_type = type, .body = body, .n_body = n});
}

static struct answer query_json(size_t n_points)
{
    char body[1024] = "{\"coords\":[";
    for (size_t i = 0; i < n_points; i++)
        snprintf(body + strlen(body), sizeof(body) - strlen(body), "%s[1,2]", i ? "," : "");
    snprintf(body + strlen(body), sizeof(body) - strlen(body), "]}");
    return query("application/json", body, strlen(body));
}

static void an_upload_may_have_so_many_bytes(void **state)
{
    (void)state;
    static char bytes[UPLOAD + 1];
    struct request request = {.path = "/v1/datasets?kind=image", .body = bytes, .n_body = UPLOAD};
    answer_problem(service_send(&service, &request), 422, NULL); /* no picture, but not too large */
    request.n_body = UPLOAD + 1;
    json_t *problem = answer_json(service_send(&service, &request), 413);
    assert_non_null(strstr(member_text(problem, "detail"), "6000"));
    json_decref(problem);
    request.headers[0] = "Transfer-Encoding: chunked";
    answer_problem(service_send(&service, &request), 413, NULL);
}

static void a_query_may_have_so_many_points(void **state)
{
    (void)state;
    static const float coords[2 * (POINTS_BINARY + 1)];
    static const char raw[] = "application/octet-stream", array[] = "application/x-npy";
    answer_status(query_json(POINTS_JSON), 200);
    answer_problem(query_json(POINTS_JSON + 1), 413, NULL);
    answer_status(query(raw, coords, sizeof(coords) - 2 * sizeof(float)), 200);
    answer_problem(query(raw, coords, sizeof(coords)), 413, NULL);
    struct bytes fits = make_npy("<f4", "20, 2", coords, sizeof(coords) - 2 * sizeof(float));
    struct bytes more = make_npy("<f4", "21, 2", coords, sizeof(coords));
    answer_status(query(array, fits.data, fits.n), 200);
    answer_problem(query(array, more.data, more.n), 413, NULL);
    bytes_free(&fits);
    bytes_free(&more);
}

static void work_beyond_the_time_of_a_request_is_refused_with_the_estimate(void **state)
{
    (void)state;
    wait_for_measured_machine(&service);
    struct answer a = service_get(&service, "/v1/fields/%s/image?%s", field, large_image);
    json_t *problem = answer_json(a, 422);
    assert_non_null(strstr(member_text(problem, "detail"), "the limit is 1 s"));
    json_decref(problem);
    answer_status(service_get(&service, "/v1/fields/%s/image?width=4", field), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_may_have_so_many_bytes),
        cmocka_unit_test(a_query_may_have_so_many_points),
        cmocka_unit_test(work_beyond_the_time_of_a_request_is_refused_with_the_estimate),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
