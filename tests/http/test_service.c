/* The program itself: its commands, its start and stop, and the paths that say how it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* --- commands --- */

static void commands_say_what_is_wrong_by_their_status(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[6];
        int status;
    } cases[] = {
        {{"version"}, 0},
        {{"help"}, 0},
        {{"--help"}, 0},
        {{"serve", "--help"}, 0},
        {{"sample", "--help"}, 0},
        {{"help", "settings"}, 0},
        {{NULL}, 2},
        {{"dance"}, 2},
        {{"help", "dancing"}, 2},
        {{"serve", "--workers", "0"}, 2},
        {{"serve", "--colour", "red"}, 2},
        {{"serve", "--listen", "nowhere"}, 2},
        {{"sample"}, 2},
        {{"sample", "sound", "--out", "/dev/null"}, 2},
        {{"sample", "picture"}, 2},
        {{"sample", "picture", "--size", "x"}, 2},
        {{"sample", "picture", "--out", "/nowhere/at/all"}, 1},
        {{"token"}, 2},
        {{"token", "--help"}, 0},
        {{"token", "steal"}, 2},
        {{"token", "list", "--data", "/nowhere/at/all"}, 1},
        {{"token", "list", "--data"}, 2},
        {{"token", "list", "--name", "x"}, 2},
        {{"token", "create", "--colour", "red"}, 2},
        {{"token", "create", "--data", "/nowhere/at/all"}, 1},
        {{"token", "revoke"}, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(program_run(cases[i].arguments, NULL), cases[i].status);
}

static void help_names_every_setting(void **state)
{
    (void)state;
    static const char *const arguments[] = {"help", "settings", NULL};
    char *text = NULL;
    assert_int_equal(program_run(arguments, &text), 0);
    assert_non_null(strstr(text, "listen"));
    assert_non_null(strstr(text, "FARFIELD_WORKERS"));
    free(text);
}

static void a_second_service_on_the_folder_is_refused(void **state)
{
    (void)state;
    char data[128];
    snprintf(data, sizeof(data), "%s/data", service.folder);
    const char *const arguments[] = {"serve", "--listen", "127.0.0.1:0", "--data", data, NULL};
    assert_int_equal(program_run(arguments, NULL), 1);
    answer_status(service_get(&service, "/readyz"), 200);
}

static void a_port_that_is_taken_is_refused(void **state)
{
    (void)state;
    char data[128];
    snprintf(data, sizeof(data), "%s/other", service.folder);
    const char *const arguments[] = {"serve",  "--listen", service.url + strlen("http://"),
                                     "--data", data,       NULL};
    assert_int_equal(program_run(arguments, NULL), 1);
}

static void samples_are_the_same_for_the_same_seed(void **state)
{
    (void)state;
    struct bytes a = sample_picture_png(32, 5), b = sample_picture_png(32, 5),
                 c = sample_picture_png(32, 6);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.data, b.data, a.n);
    assert_true(a.n != c.n || memcmp(a.data, c.data, a.n) != 0);
    bytes_free(&a);
    bytes_free(&b);
    bytes_free(&c);
}

/* --- how it is --- */

static void it_is_alive_and_ready(void **state)
{
    (void)state;
    json_t *alive = answer_json(service_get(&service, "/healthz"), 200);
    assert_string_equal(member_text(alive, "status"), "ok");
    json_decref(alive);
    json_t *ready = answer_json(service_get(&service, "/readyz"), 200);
    assert_string_equal(member_text(ready, "status"), "ready");
    json_decref(ready);
}

static void metrics_are_text_for_prometheus(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "farfield_build_info{version=\"",
        "farfield_uptime_seconds ",
        "farfield_http_requests_total ",
        "farfield_http_responses_total{class=\"2xx\"} ",
        "farfield_http_connections ",
        "farfield_jobs{status=\"queued\"} 0\n",
        "farfield_jobs{status=\"succeeded\"} 0",
        "farfield_workers_running 0\n",
        "farfield_worker_crashes_total ",
        "farfield_field_cache_bytes ",
    };
    struct answer a = service_get(&service, "/metrics");
    assert_int_equal(a.status, 200);
    assert_memory_equal(answer_header(&a, "Content-Type"), "text/plain; version=0.0.4", 25);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!strstr((const char *)a.body.data, lines[i]))
            fail_msg("'%s' is missing", lines[i]);
    }
    answer_free(&a);
}

static void openapi_is_served_and_cached(void **state)
{
    (void)state;
    char header[160];
    struct answer a = service_get(&service, "/openapi.json");
    snprintf(header, sizeof(header), "If-None-Match: %s", answer_header(&a, "ETag"));
    json_t *openapi = answer_json(a, 200);
    assert_memory_equal(member_text(openapi, "openapi"), "3.1", 3);
    json_decref(openapi);
    answer_status(
        service_send(&service, &(struct request){.path = "/openapi.json", .headers = {header}}),
        304);
}

static void presets_tell_their_parameters_and_cost(void **state)
{
    (void)state;
    json_t *presets = answer_json(service_get(&service, "/v1/presets"), 200);
    const json_t *items = member_get(presets, "items");
    assert_true(json_array_size(items) >= 2);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *preset = json_array_get(items, i);
        member_text(preset, "name");
        member_get(preset, "parameters");
        member_get(preset, "estimate");
    }
    json_decref(presets);
}

/* The answer has the members of its schema, and no others. */
static void check_members(const json_t *value, const json_t *schema)
{
    const char *name;
    json_t *member;
    json_t *properties = json_object_get(schema, "properties");
    assert_int_equal(json_object_size(value), json_object_size(properties));
    assert_int_equal(json_array_size(json_object_get(schema, "required")),
                     json_object_size(properties));
    json_object_foreach (properties, name, member) {
        const json_t *got = member_get(value, name);
        if (json_object_get(member, "properties"))
            check_members(got, member);
        else if (json_object_get(member, "minimum"))
            assert_true(json_number_value(got) >= 0);
    }
}

static void the_service_tells_what_it_does_and_holds(void **state)
{
    (void)state;
    static const char *const settings[] = {"--workers",      "1",    "--threads", "1",
                                           "--upload-bytes", "1MiB", NULL};
    struct service own;
    char dataset[ID_TEXT], running[ID_TEXT], queued[ID_TEXT];
    service_start(&own, settings);
    json_t *openapi = answer_json(service_get(&own, "/openapi.json"), 200);
    struct answer a = service_get(&own, "/v1/service");
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    json_t *before = answer_json(a, 200);
    check_members(before, member_get(openapi, "components.schemas.Service"));
    assert_int_equal(member_integer(before, "data.datasets"), 0);
    assert_int_equal(member_integer(before, "limits.upload_bytes"), 1 << 20);
    assert_int_equal(member_integer(before, "limits.image_pixels"), 64 << 20);
    assert_int_equal(member_integer(before, "workers.busy"), 0);

    upload_picture(&own, 24, 1, dataset);
    start_job(&own, dataset, 10000000, "", running);
    wait_for_step(&own, running, 1);
    start_job(&own, dataset, 10, "", queued);
    json_t *now = answer_json(service_get(&own, "/v1/service"), 200);
    assert_int_equal(member_integer(now, "workers.n"), 1);
    assert_int_equal(member_integer(now, "workers.busy"), 1);
    assert_int_equal(member_integer(now, "workers.threads"), 1);
    assert_int_equal(member_integer(now, "jobs.running"), 1);
    assert_int_equal(member_integer(now, "jobs.queued"), 1);
    assert_int_equal(member_integer(now, "data.datasets"), 1);
    assert_true(member_integer(now, "data.dataset_bytes") > 0);
    assert_true(member_integer(now, "data.database_bytes") > 0);
    assert_true(member_integer(now, "data.free_bytes") > 0);
    assert_true(member_integer(now, "memory.resident_bytes") > 1 << 20);
    assert_true(member_integer(now, "machine.cores") >= 1);
    assert_true(member_number(now, "uptime_seconds") >= member_number(before, "uptime_seconds"));
    assert_string_equal(member_text(now, "started_at"), member_text(before, "started_at"));
    json_decref(now);
    json_decref(before);
    json_decref(openapi);
    service_remove(&own);
}

static void the_dashboard_is_html_or_links(void **state)
{
    (void)state;
    struct answer html = service_get(&service, "/");
    assert_memory_equal(answer_header(&html, "Content-Type"), "text/html", 9);
    const char *policy = answer_header(&html, "Content-Security-Policy");
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_string_equal(answer_header(&html, "Referrer-Policy"), "no-referrer");
    answer_status(html, 200);

    json_t *links = answer_json(
        service_send(&service,
                     &(struct request){.path = "/", .headers = {"Accept: application/json"}}),
        200);
    assert_string_equal(member_text(links, "links.jobs"), "/v1/jobs");
    json_decref(links);
    answer_status(service_get(&service, "/favicon.ico"), 200);
    struct answer script = service_get(&service, "/assets/app.js");
    assert_memory_equal(answer_header(&script, "Content-Type"), "text/javascript", 15);
    answer_status(script, 200);
    answer_problem(service_get(&service, "/assets/nothing.js"), 404, NULL);
}

static void what_does_not_exist_is_a_problem(void **state)
{
    (void)state;
    answer_problem(service_get(&service, "/v1/nothing"), 404, NULL);
    answer_problem(service_get(&service, "/v1/models"), 404, NULL);
    struct answer a =
        service_send(&service, &(struct request){.method = "DELETE", .path = "/v1/presets"});
    assert_non_null(strstr(answer_header(&a, "Allow"), "GET"));
    answer_problem(a, 405, NULL);
    answer_problem(service_send(&service, &(struct request){.method = "BREW", .path = "/healthz"}),
                   501, NULL);
}

/* --- stop --- */

static void sigterm_ends_it_with_0_while_a_job_runs_and_a_stream_is_open(void **state)
{
    (void)state;
    struct service other;
    char dataset[ID_TEXT], job[ID_TEXT], path[128], url[256];
    service_start(&other, NULL);
    upload_picture(&other, 32, 1, dataset);
    start_job(&other, dataset, 10000000, "", job);
    wait_for_step(&other, job, 10);
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", job);
    snprintf(url, sizeof(url), "%s%s", other.url, path);
    struct bytes text = service_read_stream(&other, path, NULL, "event: ", 2);
    bytes_free(&text);
    assert_int_equal(service_stop(&other), 0);

    service_restart(&other, NULL);
    json_t *j = wait_for_job(&other, job, "running");
    assert_int_equal(member_integer(j, "attempt"), 2);
    json_decref(j);
    assert_int_equal(service_stop(&other), 0);
    service_remove(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_say_what_is_wrong_by_their_status),
        cmocka_unit_test(help_names_every_setting),
        cmocka_unit_test(a_second_service_on_the_folder_is_refused),
        cmocka_unit_test(a_port_that_is_taken_is_refused),
        cmocka_unit_test(samples_are_the_same_for_the_same_seed),
        cmocka_unit_test(it_is_alive_and_ready),
        cmocka_unit_test(metrics_are_text_for_prometheus),
        cmocka_unit_test(openapi_is_served_and_cached),
        cmocka_unit_test(presets_tell_their_parameters_and_cost),
        cmocka_unit_test(the_service_tells_what_it_does_and_holds),
        cmocka_unit_test(the_dashboard_is_html_or_links),
        cmocka_unit_test(what_does_not_exist_is_a_problem),
        cmocka_unit_test(sigterm_ends_it_with_0_while_a_job_runs_and_a_stream_is_open),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
