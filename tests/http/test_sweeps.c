/* Sweeps: from a grid to its table, what is refused, cancel, keys, restarts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/sweep.h"

static struct service service;
static char pictures[2][ID_TEXT];

/* Room in the queue for one sweep of 16 jobs, not for 21 jobs. */
static const char *const settings[] = {"--queued-jobs", "20", "--workers", "2", NULL};

enum { BODY = 4096, GRID = 2048 };

static int start(void **state)
{
    (void)state;
    service_start(&service, settings);
    upload_picture(&service, 16, 1, pictures[0]);
    upload_picture(&service, 20, 2, pictures[1]);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* A body over n of the pictures, with the small base. */
static void write_body(char out[BODY], size_t n, const char *grid, const char *more)
{
    snprintf(out, BODY, "{\"dataset_ids\":[\"%s\"%s%s%s],\"base\":{%s},\"grid\":%s%s}", pictures[0],
             n > 1 ? ",\"" : "", n > 1 ? pictures[1] : "", n > 1 ? "\"" : "", sweep_base, grid,
             more);
}

static const char grid_of_16[] = "{\"/field/encoding/sigma\":[1,8],\"/train/learning_rate\":[0.002,"
                                 "0.02],\"/train/seed\":[0,1]}";

static size_t count(const char *path)
{
    return count_items(&service, path);
}

static size_t count_jobs_of(const char *id)
{
    json_t *list = answer_json(service_get(&service, "/v1/jobs?limit=200&sweep_id=%s", id), 200);
    const size_t n = json_array_size(member_get(list, "items"));
    json_decref(list);
    return n;
}

/* --- the table --- */

static double value_in(const json_t *cell, const char *key, const char *what)
{
    const json_t *metric = json_object_get(member_get(cell, "metrics"), key);
    assert_non_null(metric);
    return json_number_value(json_object_get(metric, what));
}

/* Both shown with nine digits. */
static void expect_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-7 * fmax(1.0, fabs(b))))
        fail_msg("%.12g is not %.12g", a, b);
}

/* A cell's settings are those of its jobs, its numbers those of their metrics. */
static void check_cell(const json_t *cell, const char *sweep_id)
{
    static const char *const keys[] = {"loss", "psnr", "test_psnr", "ssim", "baseline_psnr"};
    enum { N_KEYS = sizeof keys / sizeof *keys, N = 4 };
    double values[N_KEYS][N];
    const json_t *ids = member_get(cell, "job_ids"), *setting = member_get(cell, "setting");
    assert_int_equal(json_array_size(ids), N);
    assert_int_equal(member_integer(cell, "n"), N);
    for (size_t i = 0; i < N; i++) {
        json_t *job = answer_json(
            service_get(&service, "/v1/jobs/%s", json_string_value(json_array_get(ids, i))), 200);
        assert_string_equal(member_text(job, "status"), "succeeded");
        assert_string_equal(member_text(job, "sweep_id"), sweep_id);
        assert_string_equal(member_text(job, "dataset_id"), pictures[i % 2]);
        assert_int_equal(member_integer(job, "spec.train.seed"), i / 2);
        assert_int_equal(member_integer(job, "spec.train.steps"), 12);
        assert_true(member_number(job, "spec.field.encoding.sigma") ==
                    json_number_value(json_object_get(setting, "/field/encoding/sigma")));
        assert_true(member_number(job, "spec.train.learning_rate") ==
                    json_number_value(json_object_get(setting, "/train/learning_rate")));
        for (size_t k = 0; k < N_KEYS; k++)
            values[k][i] = json_number_value(json_object_get(member_get(job, "metrics"), keys[k]));
        json_decref(job);
    }
    for (size_t k = 0; k < N_KEYS; k++) {
        double mean = 0, squares = 0;
        for (size_t i = 0; i < N; i++)
            mean += values[k][i] / N;
        for (size_t i = 0; i < N; i++)
            squares += (values[k][i] - mean) * (values[k][i] - mean);
        expect_near(value_in(cell, keys[k], "mean"), mean);
        expect_near(value_in(cell, keys[k], "std"), sqrt(squares / N));
    }
}

static void check_best(const json_t *sweep)
{
    const json_t *cells = member_get(sweep, "cells");
    const size_t best = (size_t)member_integer(sweep, "best");
    assert_string_equal(member_text(sweep, "metric"), "test_psnr");
    assert_true(best < json_array_size(cells));
    for (size_t i = 0; i < json_array_size(cells); i++)
        assert_true(value_in(json_array_get(cells, i), "test_psnr", "mean") <=
                    value_in(json_array_get(cells, best), "test_psnr", "mean"));
}

/* The column of a name in a line of unquoted fields. */
static double csv_value(const char *head, const char *line, const char *name)
{
    const size_t n = strlen(name);
    for (;;) {
        if (strncmp(head, name, n) == 0 && (head[n] == ',' || head[n] == '\r'))
            return strtod(line, NULL);
        head = strchr(head, ',');
        line = strchr(line, ',');
        if (!head || !line)
            fail_msg("there is no column '%s'", name);
        head++;
        line++;
    }
}

static void check_csv(const json_t *sweep, const char *id)
{
    char path[96];
    snprintf(path, sizeof path, "/v1/sweeps/%s", id);
    struct answer a =
        service_send(&service, &(struct request){.path = path, .headers = {"Accept: text/csv"}});
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "text/csv");
    assert_memory_equal(answer_header(&a, "ETag"), "W/\"", 3);
    const char *head = (const char *)a.body.data, *line = head;
    const json_t *cells = member_get(sweep, "cells");
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *cell = json_array_get(cells, i), *setting = member_get(cell, "setting");
        line = strstr(line, "\r\n");
        assert_non_null(line);
        line += 2;
        assert_true(csv_value(head, line, "cell") == (double)i);
        assert_true(csv_value(head, line, "/train/learning_rate") ==
                    json_number_value(json_object_get(setting, "/train/learning_rate")));
        assert_true(csv_value(head, line, "n_jobs") == 4);
        assert_true(csv_value(head, line, "n") == 4);
        expect_near(csv_value(head, line, "test_psnr_mean"), value_in(cell, "test_psnr", "mean"));
        expect_near(csv_value(head, line, "loss_std"), value_in(cell, "loss", "std"));
    }
    assert_string_equal(strstr(line, "\r\n"), "\r\n"); /* that was the last */
    answer_free(&a);
}

static void a_grid_becomes_jobs_and_they_a_table(void **state)
{
    (void)state;
    char body[BODY], id[ID_TEXT];
    write_body(body, 2, grid_of_16, ",\"name\":\"two by two\"");
    json_t *sweep = answer_json(service_post_json(&service, "/v1/sweeps", body), 202);
    snprintf(id, sizeof id, "%s", member_text(sweep, "id"));
    assert_string_equal(member_text(sweep, "name"), "two by two");
    assert_int_equal(member_integer(sweep, "n_jobs"), 16);
    assert_int_equal(json_array_size(member_get(sweep, "cells")), 4);
    assert_int_equal(json_array_size(member_get(sweep, "axes")), 3);
    assert_true(json_is_null(member_get(sweep, "best")));
    json_decref(sweep);
    assert_int_equal(count_jobs_of(id), 16);
    answer_problem(service_delete(&service, "/v1/datasets/%s", pictures[1]), 409, NULL);

    sweep = wait_for_sweep(&service, id, "succeeded");
    assert_int_equal(member_integer(sweep, "jobs.succeeded"), 16);
    const json_t *cells = member_get(sweep, "cells");
    assert_int_equal(json_array_size(cells), 4);
    for (size_t i = 0; i < 4; i++)
        check_cell(json_array_get(cells, i), id);
    check_best(sweep);
    check_csv(sweep, id);
    char path[96];
    snprintf(path, sizeof path, "/v1/sweeps/%s/cancel", id);
    answer_problem(service_post_json(&service, path, "{}"), 409, NULL);

    /* the same after a restart */
    assert_int_equal(service_stop(&service), 0);
    service_restart(&service, settings);
    json_t *again = answer_json(service_get(&service, "/v1/sweeps/%s", id), 200);
    assert_true(json_equal(again, sweep));
    json_decref(again);
    json_decref(sweep);
}

static void a_sweep_answers_304_until_it_changes_and_406(void **state)
{
    (void)state;
    char body[BODY], id[ID_TEXT], path[96], header[160];
    write_body(body, 1, "{\"/train/seed\":[5]}", "");
    start_sweep(&service, body, id);
    json_decref(wait_for_sweep(&service, id, "succeeded"));
    snprintf(path, sizeof path, "/v1/sweeps/%s", id);
    struct answer a = service_get(&service, "%s", path);
    assert_string_equal(answer_header(&a, "Vary"), "Accept");
    snprintf(header, sizeof header, "If-None-Match: %s", answer_header(&a, "ETag"));
    answer_free(&a);
    answer_status(service_send(&service, &(struct request){.path = path, .headers = {header}}),
                  304);
    answer_problem(
        service_send(&service, &(struct request){.path = path, .headers = {"Accept: image/jpeg"}}),
        406, NULL);
    answer_problem(service_get(&service, "/v1/sweeps/swp_01hzy3v7k2m4n6p8qrstvwxyz0"), 404, NULL);
    answer_problem(service_get(&service, "/v1/jobs?sweep_id=%s", pictures[0]), 422, "/sweep_id");
}

static void a_job_that_comes_alone_is_of_no_sweep(void **state)
{
    (void)state;
    char id[ID_TEXT];
    start_job(&service, pictures[0], 1, "", id);
    json_t *job = wait_for_job(&service, id, "succeeded");
    assert_true(json_is_null(member_get(job, "sweep_id")));
    json_decref(job);
}

/* --- what is refused --- */

static void bad_bodies_are_refused_with_their_place_and_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *grid, *more, *place;
    } rows[] = {
        {"{\"/field/encoding/sigma\":[1,2,-3]}", "", "/grid/~1field~1encoding~1sigma/2"},
        {"{\"/field/encoding\":[{\"type\":\"none\"}],\"/field/encoding/sigma\":[1]}", "",
         "/grid/~1field~1encoding~1sigma/0"},
        {"{\"/field/network/width\":[8,4096],\"/train/seed\":[0,1]}", "",
         "/grid/~1field~1network~1width/1"},
        {"{\"/field/colour\":[1]}", "", "/grid/~1field~1colour/0"},
        {"{\"/preset\":[\"fast\",\"auto\"]}", "", "/grid/~1preset/1"},
        {"{\"/train/holdout\":[\"none\",\"every\"]}", "", "/grid/~1train~1holdout/1"},
        {"{\"/train/steps/x\":[1]}", "", "/grid/~1train~1steps~1x"},
        {"{\"/train/steps\":[]}", "", "/grid/~1train~1steps"},
        {"[]", "", "/grid"},
        {"{}", ",\"more\":1", "/more"},
        {"{}", ",\"name\":\"\"", "/name"},
    };
    char body[BODY];
    const size_t n_sweeps = count("/v1/sweeps"), n_jobs = count("/v1/jobs");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_body(body, 2, rows[i].grid, rows[i].more);
        answer_problem(service_post_json(&service, "/v1/sweeps", body), 422, rows[i].place);
    }
    snprintf(body, sizeof body,
             "{\"dataset_ids\":[\"%s\"],\"base\":{\"train\":{\"steps\":0}},"
             "\"grid\":{\"/train/seed\":[1]}}",
             pictures[0]);
    answer_problem(service_post_json(&service, "/v1/sweeps", body), 422, "/base/train/steps");
    snprintf(body, sizeof body,
             "{\"dataset_ids\":[\"%s\",\"ds_01hzy3v7k2m4n6p8qrstvwxyz0\"],\"base\":{%s}}",
             pictures[0], sweep_base);
    answer_problem(service_post_json(&service, "/v1/sweeps", body), 422, "/dataset_ids/1");
    answer_problem(service_post_json(&service, "/v1/sweeps", "{"), 400, NULL);
    assert_int_equal(count("/v1/sweeps"), n_sweeps);
    assert_int_equal(count("/v1/jobs"), n_jobs);
}

/* {"/train/seed": [0, …, n - 1]} */
static void write_seeds(char *out, size_t size, size_t n)
{
    size_t used = (size_t)snprintf(out, size, "{\"/train/seed\":[0");
    for (size_t i = 1; i < n; i++)
        used += (size_t)snprintf(out + used, size - used, ",%zu", i);
    snprintf(out + used, size - used, "]}");
}

static void a_thousand_jobs_are_the_limit_and_the_queue_has_its_own(void **state)
{
    (void)state;
    static char grid[GRID], body[BODY];
    const size_t n_sweeps = count("/v1/sweeps"), n_jobs = count("/v1/jobs");
    write_seeds(grid, sizeof grid, 501);
    snprintf(body, sizeof body, "{\"dataset_ids\":[\"%s\",\"%s\"],\"base\":{%s},\"grid\":%s}",
             pictures[0], pictures[1], sweep_base, grid);
    struct answer a = service_post_json(&service, "/v1/sweeps", body);
    assert_non_null(strstr((const char *)a.body.data, "1002"));
    assert_non_null(strstr((const char *)a.body.data, "1000"));
    answer_problem(a, 422, "/grid");
    write_seeds(grid, sizeof grid, 21);
    write_body(body, 1, grid, "");
    answer_problem(service_post_json(&service, "/v1/sweeps", body), 429, NULL);
    assert_int_equal(count("/v1/sweeps"), n_sweeps);
    assert_int_equal(count("/v1/jobs"), n_jobs);
}

/* A body of 128 KiB for each of 800 jobs would be 100 MiB of rows. */
static void jobs_whose_settings_are_too_long_together_are_refused(void **state)
{
    (void)state;
    enum { N_ROWS = 8192, ROW = sizeof "[1.00001,2.0000]," - 1 };
    static char grid[2 * BODY], body[N_ROWS * ROW + 4 * BODY];
    const size_t n_jobs = count("/v1/jobs");
    write_seeds(grid, sizeof grid, 800);
    size_t n = (size_t)snprintf(body, sizeof body,
                                "{\"dataset_ids\":[\"%s\"],\"grid\":%.*s,\"/field/encoding\":[{"
                                "\"type\":\"explicit\",\"b\":[",
                                pictures[0], (int)strlen(grid) - 1, grid);
    for (size_t i = 0; i < N_ROWS; i++)
        n += (size_t)snprintf(body + n, sizeof body - n, "[1.00001,2.0000]%s",
                              i + 1 < N_ROWS ? "," : "");
    snprintf(body + n, sizeof body - n, "]}]}}");
    answer_problem(service_post_json(&service, "/v1/sweeps", body), 413, "");
    assert_int_equal(count("/v1/jobs"), n_jobs);
}

static void idempotency_key_makes_one_sweep_of_two_posts(void **state)
{
    (void)state;
    char body[BODY], first[ID_TEXT];
    write_body(body, 1, "{\"/train/seed\":[7,8]}", "");
    struct request request = {.path = "/v1/sweeps",
                              .content_type = "application/json",
                              .body = body,
                              .n_body = strlen(body),
                              .headers = {"Idempotency-Key: one-sweep"}};
    struct answer a = service_send(&service, &request);
    char location[128];
    snprintf(location, sizeof location, "%s", answer_header(&a, "Location"));
    json_t *sweep = answer_json(a, 202);
    snprintf(first, sizeof first, "%s", member_text(sweep, "id"));
    assert_non_null(strstr(location, first));
    json_decref(sweep);
    const size_t n_jobs = count("/v1/jobs");
    service_kill(&service); /* what was answered was kept */
    service_restart(&service, settings);
    sweep = answer_json(service_send(&service, &request), 202);
    assert_string_equal(member_text(sweep, "id"), first);
    json_decref(sweep);
    assert_int_equal(count("/v1/jobs"), n_jobs);
    write_body(body, 1, "{\"/train/seed\":[7,9]}", "");
    answer_problem(service_send(&service, &request), 422, NULL);
    request.path = "/v1/jobs"; /* the key is taken there, too */
    snprintf(body, sizeof body, "{\"dataset_id\":\"%s\"}", pictures[0]);
    request.n_body = strlen(body);
    answer_problem(service_send(&service, &request), 422, NULL);
    sweep = wait_for_sweep(&service, first, "succeeded");
    assert_int_equal(member_integer(json_array_get(member_get(sweep, "cells"), 0), "n"), 2);
    json_decref(sweep);
}

/* --- cancel --- */

static void a_sweep_is_canceled_as_a_whole(void **state)
{
    (void)state;
    char body[BODY], id[ID_TEXT], path[96], events[96];
    snprintf(body, sizeof body,
             "{\"dataset_ids\":[\"%s\",\"%s\"],\"base\":{%s},\"grid\":{"
             "\"/train/steps\":[10000000],\"/train/seed\":[0,1,2,3]}}",
             pictures[0], pictures[1], sweep_base);
    start_sweep(&service, body, id);
    json_t *list = answer_json(service_get(&service, "/v1/jobs?sweep_id=%s", id), 200);
    const json_t *jobs = member_get(list, "items");
    assert_int_equal(json_array_size(jobs), 8);
    wait_for_step(&service, member_text(json_array_get(jobs, 7), "id"), 10); /* the oldest */

    snprintf(path, sizeof path, "/v1/sweeps/%s/cancel", id);
    json_t *sweep = answer_json(service_post_json(&service, path, "{}"), 200);
    assert_int_equal(member_integer(sweep, "jobs.queued"), 0);
    json_decref(sweep);
    sweep = wait_for_sweep(&service, id, "canceled");
    assert_int_equal(member_integer(sweep, "jobs.canceled"), 8);
    assert_true(json_is_null(member_get(sweep, "best")));
    json_decref(sweep);
    sweep = answer_json(service_post_json(&service, path, "{}"), 200); /* once more */
    assert_string_equal(member_text(sweep, "status"), "canceled");
    json_decref(sweep);
    for (size_t i = 0; i < 8; i++) {
        snprintf(events, sizeof events, "/v1/jobs/%s/events",
                 member_text(json_array_get(jobs, i), "id"));
        struct bytes log = service_read_stream(&service, events, NULL, "event: done", 1);
        assert_non_null(strstr((const char *)log.data, "\"status\":\"canceled\""));
        bytes_free(&log);
    }
    json_decref(list);
    answer_problem(
        service_post_json(&service, "/v1/sweeps/swp_01hzy3v7k2m4n6p8qrstvwxyz0/cancel", "{}"), 404,
        NULL);
}

static void sweeps_are_listed_newest_first_page_by_page(void **state)
{
    (void)state;
    char body[BODY], id[2][ID_TEXT];
    for (size_t i = 0; i < 2; i++) {
        write_body(body, 1, "{\"/train/seed\":[0]}", "");
        start_sweep(&service, body, id[i]);
    }
    json_decref(wait_for_sweep(&service, id[1], "succeeded"));
    json_t *page = answer_json(service_get(&service, "/v1/sweeps?limit=1"), 200);
    const json_t *newest = json_array_get(member_get(page, "items"), 0);
    assert_int_equal(json_array_size(member_get(page, "items")), 1);
    assert_string_equal(member_text(newest, "id"), id[1]);
    assert_string_equal(member_text(newest, "status"), "succeeded");
    assert_null(json_object_get(newest, "cells"));
    json_t *next = answer_json(
        service_get(&service, "/v1/sweeps?limit=1&cursor=%s", member_text(page, "next_cursor")),
        200);
    assert_string_equal(member_text(json_array_get(member_get(next, "items"), 0), "id"), id[0]);
    json_decref(next);
    json_decref(page);
    answer_problem(service_get(&service, "/v1/sweeps?status=queued"), 422, "/status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid_becomes_jobs_and_they_a_table),
        cmocka_unit_test(a_sweep_answers_304_until_it_changes_and_406),
        cmocka_unit_test(a_job_that_comes_alone_is_of_no_sweep),
        cmocka_unit_test(bad_bodies_are_refused_with_their_place_and_leave_nothing),
        cmocka_unit_test(a_thousand_jobs_are_the_limit_and_the_queue_has_its_own),
        cmocka_unit_test(jobs_whose_settings_are_too_long_together_are_refused),
        cmocka_unit_test(idempotency_key_makes_one_sweep_of_two_posts),
        cmocka_unit_test(a_sweep_is_canceled_as_a_whole),
        cmocka_unit_test(sweeps_are_listed_newest_first_page_by_page),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
