/* What a sweep's body stands for, where its faults are, and the table of what became of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_sweep.h"
#include "core/base/mem.h"
#include "tests/api/spec_bodies.h"
#include "tests/support/alloc.h"

#define ID_1 "ds_01jd6v7m8rkq2w5x9c4t3b1nfe"
#define ID_2 "ds_01jd6v7m8rkq2w5x9c4t3b1nff"
#define ONE "\"dataset_ids\":[\"" ID_1 "\"]"
#define TWO "\"dataset_ids\":[\"" ID_1 "\",\"" ID_2 "\"]"

/* A body that must be good; *body is what it borrows from. */
static struct sweep read_sweep(const char *text, json_t **body)
{
    struct problem_list problems = {0};
    struct sweep sweep;
    *body = body_of(text);
    if (codec_sweep_read(*body, &sweep, &problems) != STATUS_OK)
        fail_msg("%s: %s %s", text, problems.item[0].pointer, problems.item[0].detail);
    return sweep;
}

/* The body of one of its jobs is this. */
static void expect_job(const struct sweep *sweep, size_t i, const char *text)
{
    struct problem_list problems = {0};
    json_t *job = NULL, *expected = body_of(text);
    assert_int_equal(codec_sweep_job(sweep, i, &job, &problems), STATUS_OK);
    if (!json_equal(job, expected))
        fail_msg("job %zu is %s", i, json_dumps(job, JSON_COMPACT));
    json_decref(job);
    json_decref(expected);
}

static void jobs_run_through_the_grid_last_axis_first_and_datasets_innermost(void **state)
{
    (void)state;
    json_t *body;
    const struct sweep sweep = read_sweep(
        "{" TWO ",\"base\":{\"train\":{\"steps\":7}},\"grid\":{\"/train/seed\":[4,5],"
        "\"/preset\":[\"fast\",\"paper\"],\"/field/network/width\":[8,16,32]},\"name\":\"x\"}",
        &body);
    assert_int_equal(sweep.n_jobs, 24);
    assert_int_equal(sweep.n_cells, 6);
    assert_string_equal(sweep.name, "x");
    expect_job(&sweep, 0,
               "{\"dataset_id\":\"" ID_1 "\",\"preset\":\"fast\",\"train\":{\"steps\":7,"
               "\"seed\":4},\"field\":{\"network\":{\"width\":8}}}");
    expect_job(&sweep, 1,
               "{\"dataset_id\":\"" ID_2 "\",\"preset\":\"fast\",\"train\":{\"steps\":7,"
               "\"seed\":4},\"field\":{\"network\":{\"width\":8}}}");
    expect_job(&sweep, 2,
               "{\"dataset_id\":\"" ID_1 "\",\"preset\":\"fast\",\"train\":{\"steps\":7,"
               "\"seed\":4},\"field\":{\"network\":{\"width\":16}}}");
    expect_job(&sweep, 23,
               "{\"dataset_id\":\"" ID_2 "\",\"preset\":\"paper\",\"train\":{\"steps\":7,"
               "\"seed\":5},\"field\":{\"network\":{\"width\":32}}}");
    size_t n[6] = {0};
    for (size_t i = 0; i < sweep.n_jobs; i++) {
        assert_int_equal(codec_sweep_dataset_of(&sweep, i), i % 2);
        n[codec_sweep_cell_of(&sweep, i)]++;
    }
    for (size_t cell = 0; cell < 6; cell++)
        assert_int_equal(n[cell], 4);
    assert_int_equal(codec_sweep_cell_of(&sweep, 1), 0);
    assert_int_equal(codec_sweep_cell_of(&sweep, 2), 1);
    assert_int_equal(codec_sweep_cell_of(&sweep, 6), 3);
    assert_int_equal(codec_sweep_cell_of(&sweep, 12), 0); /* the other seed */
    /* the base is as it was */
    assert_int_equal(json_object_size(sweep.base), 1);
    assert_int_equal(json_object_size(json_object_get(sweep.base, "train")), 1);
    json_decref(body);
}

static void objects_are_set_before_their_members(void **state)
{
    (void)state;
    json_t *body;
    const struct sweep sweep = read_sweep(
        "{" ONE ",\"grid\":{\"/field/encoding/sigma\":[1,2],"
        "\"/field/encoding\":[{\"type\":\"gaussian\",\"sigma\":9},{\"type\":\"gaussian\"}]}}",
        &body);
    expect_job(&sweep, 0,
               "{\"dataset_id\":\"" ID_1 "\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
               "\"sigma\":1}}}");
    expect_job(&sweep, 3,
               "{\"dataset_id\":\"" ID_1 "\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
               "\"sigma\":2}}}");
    json_decref(body);
}

static void pointers_reach_into_arrays_and_names_are_unescaped(void **state)
{
    (void)state;
    json_t *body;
    const struct sweep sweep =
        read_sweep("{" ONE ",\"base\":{\"parts\":[{\"a\":1},{\"a\":2}],\"labels\":{\"k\":\"v\"}},"
                   "\"grid\":{\"/parts/1/a\":[3],\"/labels/x~1y~0z\":[\"w\"]}}",
                   &body);
    expect_job(&sweep, 0,
               "{\"dataset_id\":\"" ID_1 "\",\"parts\":[{\"a\":1},{\"a\":3}],"
               "\"labels\":{\"k\":\"v\",\"x/y~z\":\"w\"}}");
    json_decref(body);
}

static void a_sweep_without_a_grid_is_one_cell(void **state)
{
    (void)state;
    json_t *body;
    const struct sweep sweep = read_sweep("{" TWO "}", &body);
    assert_int_equal(sweep.n_jobs, 2);
    assert_int_equal(sweep.n_cells, 1);
    expect_job(&sweep, 1, "{\"dataset_id\":\"" ID_2 "\"}");
    json_decref(body);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *body, *place;
    } rows[] = {
        {"{}", "/dataset_ids"},
        {"{\"dataset_ids\":[]}", "/dataset_ids"},
        {"{\"dataset_ids\":\"" ID_1 "\"}", "/dataset_ids"},
        {"{\"dataset_ids\":[\"" ID_1 "\",\"job_x\"]}", "/dataset_ids/1"},
        {"{\"dataset_ids\":[\"" ID_1 "\",\"" ID_2 "\",\"" ID_1 "\"]}", "/dataset_ids/2"},
        {"{" ONE ",\"base\":[]}", "/base"},
        {"{" ONE ",\"base\":null}", "/base"},
        {"{" ONE ",\"base\":{\"dataset_id\":\"" ID_1 "\"}}", "/base/dataset_id"},
        {"{" ONE ",\"grid\":[]}", "/grid"},
        {"{" ONE ",\"grid\":null}", "/grid"},
        {"{" ONE ",\"grid\":{\"\":[1]}}", "/grid/"},
        {"{" ONE ",\"grid\":{\"train\":[1]}}", "/grid/train"},
        {"{" ONE ",\"grid\":{\"/a~2\":[1]}}", "/grid/~1a~02"},
        {"{" ONE ",\"grid\":{\"/a~\":[1]}}", "/grid/~1a~0"},
        {"{" ONE ",\"grid\":{\"/dataset_id\":[\"" ID_2 "\"]}}", "/grid/~1dataset_id"},
        {"{" ONE ",\"grid\":{\"/train/seed\":[]}}", "/grid/~1train~1seed"},
        {"{" ONE ",\"grid\":{\"/train/seed\":1}}", "/grid/~1train~1seed"},
        {"{" ONE ",\"grid\":{\"/train/seed\":[1,2,1]}}", "/grid/~1train~1seed/2"},
        {"{" ONE ",\"grid\":{\"/train\":[{\"a\":1,\"b\":2},{\"a\":1},{\"b\":2,\"a\":1}]}}",
         "/grid/~1train/2"},
        {"{" ONE ",\"grid\":{\"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":"
         "[1]}}",
         "/grid/~1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"{" ONE ",\"name\":\"\"}", "/name"},
        {"{" ONE ",\"name\":7}", "/name"},
        {"{" ONE ",\"name\":\"a\\nb\"}", "/name"},
        {"{" ONE ",\"seeds\":[1]}", "/seeds"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct problem_list problems = {0};
        struct sweep sweep;
        json_t *body = body_of(rows[i].body);
        assert_int_equal(codec_sweep_read(body, &sweep, &problems), STATUS_INVALID);
        assert_string_equal(problems.item[0].pointer, rows[i].place);
        json_decref(body);
    }
}

/* {"dataset_ids": [1], "grid": {"/train/steps": [1, …, n], "/train/seed": [1, …, m]}} */
static json_t *body_of_size(size_t n, size_t m)
{
    json_t *steps = json_array(), *seeds = json_array();
    for (size_t i = 1; i <= n; i++)
        json_array_append_new(steps, json_integer((json_int_t)i));
    for (size_t i = 1; i <= m; i++)
        json_array_append_new(seeds, json_integer((json_int_t)i));
    return json_pack("{s:[s], s:{s:o, s:o}}", "dataset_ids", ID_1, "grid", "/train/steps", steps,
                     "/train/seed", seeds);
}

static void a_thousand_jobs_are_the_limit(void **state)
{
    (void)state;
    struct problem_list problems = {0};
    struct sweep sweep;
    json_t *body = body_of_size(40, 25);
    assert_int_equal(codec_sweep_read(body, &sweep, &problems), STATUS_OK);
    assert_int_equal(sweep.n_jobs, 1000);
    json_decref(body);
    body = body_of_size(91, 11);
    assert_int_equal(codec_sweep_read(body, &sweep, &problems), STATUS_INVALID);
    assert_string_equal(problems.item[0].pointer, "/grid");
    assert_non_null(strstr(problems.item[0].detail, "1001"));
    assert_non_null(strstr(problems.item[0].detail, "1000"));
    json_decref(body);
}

static void a_value_without_an_object_to_put_it_in_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{" ONE
        ",\"base\":{\"train\":{\"optimizer\":\"adam\"}},\"grid\":{\"/train/optimizer/beta1\""
        ":[0.5]}}",
        "{" ONE ",\"base\":{\"train\":{\"optimizer\":[]}},\"grid\":{\"/train/optimizer/beta1\""
        ":[0.5]}}",
        "{" ONE ",\"base\":{\"train\":null},\"grid\":{\"/train/optimizer/beta1\":[0.5]}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct problem_list problems = {0};
        json_t *body, *job = NULL;
        const struct sweep sweep = read_sweep(bodies[i], &body);
        assert_int_equal(codec_sweep_job(&sweep, 0, &job, &problems), STATUS_INVALID);
        assert_null(job);
        assert_string_equal(problems.item[0].pointer, "/grid/~1train~1optimizer~1beta1");
        json_decref(body);
    }
}

static void places_of_a_job_are_found_in_the_sweep(void **state)
{
    (void)state;
    json_t *body;
    const struct sweep sweep = read_sweep(
        "{" TWO ",\"grid\":{\"/field/encoding\":[{\"type\":\"none\"},{\"type\":\"gaussian\"}],"
        "\"/field/encoding/sigma\":[1,2,3],\"/train/seed\":[0]}}",
        &body);
    static const struct {
        size_t job;
        const char *place, *expected;
    } rows[] = {
        {2, "/field/encoding/sigma", "/grid/~1field~1encoding~1sigma/1"},
        {5, "/field/encoding/sigma/x", "/grid/~1field~1encoding~1sigma/2/x"},
        {0, "/field/encoding/type", "/grid/~1field~1encoding/0/type"},
        {6, "/field/encoding", "/grid/~1field~1encoding/1"},
        {0, "/field/encoding_", "/base/field/encoding_"},
        {0, "/field", "/base/field"},           /* two axes are below it */
        {0, "/train", "/grid/~1train~1seed/0"}, /* one is */
        {0, "/train/steps", "/base/train/steps"},
        {3, "/dataset_id", "/dataset_ids/1"},
        {0, "", "/base"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char place[POINTER_SIZE];
        codec_sweep_place(&sweep, rows[i].job, rows[i].place, place);
        assert_string_equal(place, rows[i].expected);
    }
    json_decref(body);
}

/* --- the table --- */

/* Two widths, two seeds, two datasets: eight jobs, four a cell. */
static char request[] = "{" TWO ",\"base\":{\"preset\":\"paper\"},\"grid\":{\"/train/seed\":[0,1],"
                        "\"/field/network\":[{\"width\":8},{\"width\":16}]}}";
enum { N_JOBS = 8 };

struct outcome {
    enum job_status status;
    double psnr, loss; /* of those that succeeded; 0: no such metric */
};

static struct sweep_row row_of(char *text, const struct outcome *outcomes)
{
    struct sweep_row row = {.id = "swp_1", .name = "n", .request_json = text, .created_ms = 1};
    for (size_t i = 0; i < N_JOBS; i++) {
        row.n_jobs[outcomes[i].status]++;
        row.n_started += outcomes[i].status != JOB_QUEUED;
    }
    return row;
}

static struct sweep_jobs jobs_of(const struct outcome *outcomes, const char *main_key)
{
    struct sweep_jobs jobs = {.n = N_JOBS,
                              .jobs = mem_alloc_array(N_JOBS, sizeof *jobs.jobs),
                              .values = mem_alloc_array(2 * N_JOBS, sizeof *jobs.values)};
    for (size_t i = 0; i < N_JOBS; i++) {
        struct sweep_job *job = &jobs.jobs[i];
        *job = (struct sweep_job){.status = outcomes[i].status, .first = jobs.n_values};
        snprintf(job->id, sizeof job->id, "job_%zu", i);
        if (outcomes[i].loss != 0.0) {
            jobs.values[jobs.n_values] = (struct sweep_value){"loss", outcomes[i].loss};
            jobs.n_values++;
        }
        if (outcomes[i].psnr != 0.0) {
            struct sweep_value *value = &jobs.values[jobs.n_values++];
            *value = (struct sweep_value){.value = outcomes[i].psnr};
            snprintf(value->key, sizeof value->key, "%s", main_key);
        }
        job->n = jobs.n_values - job->first;
    }
    return jobs;
}

/* Jobs are numbered seed, width, dataset. */
static const struct outcome all_well[N_JOBS] = {
    {JOB_SUCCEEDED, 20, 1}, {JOB_SUCCEEDED, 22, 2}, {JOB_SUCCEEDED, 30, 3}, {JOB_SUCCEEDED, 31, 4},
    {JOB_SUCCEEDED, 24, 5}, {JOB_SUCCEEDED, 26, 6}, {JOB_SUCCEEDED, 32, 7}, {JOB_SUCCEEDED, 33, 8},
};

static json_t *table_of(const struct outcome *outcomes, const char *main_key)
{
    struct error err = {0};
    const struct sweep_row row = row_of(request, outcomes);
    struct sweep_jobs jobs = jobs_of(outcomes, main_key);
    json_t *table = NULL;
    assert_int_equal(codec_sweep(&row, &jobs, &table, &err), STATUS_OK);
    sweep_jobs_deinit(&jobs);
    return table;
}

static double number_at(const json_t *cell, const char *key, const char *what)
{
    const json_t *metric = json_object_get(json_object_get(cell, "metrics"), key);
    return json_number_value(json_object_get(metric, what));
}

static void a_cell_has_mean_and_population_std_over_seeds_and_datasets(void **state)
{
    (void)state;
    json_t *table = table_of(all_well, "psnr");
    const json_t *cells = json_object_get(table, "cells");
    assert_int_equal(json_array_size(cells), 2);
    const json_t *first = json_array_get(cells, 0), *second = json_array_get(cells, 1);
    assert_int_equal(json_integer_value(json_object_get(first, "n")), 4);
    assert_true(number_at(first, "psnr", "mean") == 23);
    assert_true(fabs(number_at(first, "psnr", "std") - sqrt(5)) < 1e-8); /* 20 22 24 26 */
    assert_true(number_at(first, "loss", "mean") == 3.5);
    assert_true(number_at(second, "psnr", "mean") == 31.5);
    assert_true(fabs(number_at(second, "psnr", "std") - sqrt(1.25)) < 1e-8);
    json_t *setting = body_of("{\"/field/network\":{\"width\":16}}");
    assert_true(json_equal(json_object_get(second, "setting"), setting));
    json_decref(setting);
    json_t *ids = json_pack("[s,s,s,s]", "job_2", "job_3", "job_6", "job_7");
    assert_true(json_equal(json_object_get(second, "job_ids"), ids));
    json_decref(ids);
    expect(table, "/metric", "\"psnr\"");
    expect(table, "/best", "1");
    expect(table, "/status", "\"succeeded\"");
    expect(table, "/n_jobs", "8");
    expect(table, "/jobs/succeeded", "8");
    expect(table, "/base", "{\"preset\":\"paper\"}");
    json_decref(table);
    table = table_of(all_well, "test_mse"); /* of these the least is the best */
    expect(table, "/metric", "\"test_mse\"");
    expect(table, "/best", "0");
    json_decref(table);
}

static void only_cells_that_all_went_well_can_be_best(void **state)
{
    (void)state;
    struct outcome outcomes[N_JOBS];
    memcpy(outcomes, all_well, sizeof outcomes);
    outcomes[7] = (struct outcome){JOB_FAILED, 0, 0};
    json_t *table = table_of(outcomes, "psnr");
    const json_t *second = json_array_get(json_object_get(table, "cells"), 1);
    assert_int_equal(json_integer_value(json_object_get(second, "n")), 3);
    assert_true(number_at(second, "psnr", "mean") == 31);
    expect(table, "/status", "\"failed\"");
    expect(table, "/best", "0");
    json_decref(table);
    outcomes[0] = (struct outcome){JOB_RUNNING, 0, 0};
    table = table_of(outcomes, "psnr");
    expect(table, "/status", "\"running\"");
    expect(table, "/best", "null");
    expect(table, "/metric", "null");
    json_decref(table);
}

static void a_metric_that_not_all_have_is_left_out(void **state)
{
    (void)state;
    struct outcome outcomes[N_JOBS];
    memcpy(outcomes, all_well, sizeof outcomes);
    outcomes[3].psnr = 0;
    json_t *table = table_of(outcomes, "psnr");
    const json_t *cells = json_object_get(table, "cells");
    assert_null(json_object_get(json_object_get(json_array_get(cells, 1), "metrics"), "psnr"));
    assert_true(number_at(json_array_get(cells, 0), "psnr", "mean") == 23);
    assert_true(number_at(json_array_get(cells, 1), "loss", "mean") == 5.5);
    expect(table, "/best", "0");
    json_decref(table);
}

static void the_status_follows_from_the_jobs(void **state)
{
    (void)state;
    static const struct {
        uint64_t n[JOB_CANCELED + 1], n_started;
        enum job_status status;
    } rows[] = {
        {{5, 0, 0, 0, 0}, 0, JOB_QUEUED},   {{5, 0, 0, 0, 0}, 1, JOB_RUNNING}, /* after a restart */
        {{4, 1, 0, 0, 0}, 1, JOB_RUNNING},  {{1, 0, 3, 1, 0}, 4, JOB_RUNNING},
        {{0, 1, 3, 1, 0}, 5, JOB_RUNNING},  {{0, 0, 5, 0, 0}, 5, JOB_SUCCEEDED},
        {{0, 0, 4, 1, 0}, 5, JOB_FAILED},   {{0, 0, 3, 0, 2}, 3, JOB_CANCELED},
        {{0, 0, 2, 1, 2}, 3, JOB_CANCELED}, {{4, 0, 0, 0, 1}, 0, JOB_RUNNING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sweep_row row = {.n_started = rows[i].n_started};
        memcpy(row.n_jobs, rows[i].n, sizeof row.n_jobs);
        assert_int_equal(codec_sweep_status(&row), rows[i].status);
    }
}

static void the_table_as_csv(void **state)
{
    (void)state;
    struct error err = {0};
    struct outcome outcomes[N_JOBS];
    memcpy(outcomes, all_well, sizeof outcomes);
    outcomes[2] = outcomes[3] = outcomes[6] = (struct outcome){JOB_CANCELED, 0, 0};
    outcomes[7].psnr = 0;
    const struct sweep_row row = row_of(request, outcomes);
    struct sweep_jobs jobs = jobs_of(outcomes, "psnr");
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(codec_sweep_csv(&row, &jobs, &text, &err), STATUS_OK);
    assert_int_equal(buffer_append(&text, "", 1, &err), STATUS_OK);
    assert_string_equal((const char *)text.data,
                        "cell,/field/network,n_jobs,n,loss_mean,loss_std,psnr_mean,psnr_std\r\n"
                        "0,\"{\"\"width\"\":8}\",4,4,3.5,2.06155281,23,2.23606798\r\n"
                        "1,\"{\"\"width\"\":16}\",4,1,8,0,,\r\n");
    buffer_deinit(&text);
    sweep_jobs_deinit(&jobs);
}

/* What a spreadsheet would compute is marked as a text. */
static void texts_are_no_formulas_in_csv(void **state)
{
    (void)state;
    static char labels[] =
        "{" TWO ",\"grid\":{\"/labels/=x\":[\"=1+1\",\"@a,\\\"b\",\"a=1\",\"-1\"]}}";
    struct error err = {0};
    const struct sweep_row row = row_of(labels, all_well);
    struct sweep_jobs jobs = jobs_of(all_well, "psnr");
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(codec_sweep_csv(&row, &jobs, &text, &err), STATUS_OK);
    assert_int_equal(buffer_append(&text, "", 1, &err), STATUS_OK);
    assert_non_null(strstr((const char *)text.data, "cell,/labels/=x,n_jobs"));
    assert_non_null(strstr((const char *)text.data, "\r\n0,'=1+1,2,2,"));
    assert_non_null(strstr((const char *)text.data, "\r\n1,\"'@a,\"\"b\",2,2,"));
    assert_non_null(strstr((const char *)text.data, "\r\n2,a=1,2,2,"));
    assert_non_null(strstr((const char *)text.data, "\r\n3,'-1,2,2,"));
    buffer_deinit(&text);
    sweep_jobs_deinit(&jobs);
}

static void a_sweep_in_a_list_has_no_table(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *sweep = NULL;
    const struct sweep_row row = row_of(request, all_well);
    assert_int_equal(codec_sweep(&row, NULL, &sweep, &err), STATUS_OK);
    expect(sweep, "/n_jobs", "8");
    assert_null(json_object_get(sweep, "cells"));
    assert_null(json_object_get(sweep, "base"));
    json_decref(sweep);
}

/* --- memory --- */

static enum status make_everything(void *context, struct error *err)
{
    struct problem_list problems = {0};
    struct sweep sweep;
    const struct sweep_row row = row_of(request, all_well);
    const struct sweep_jobs *jobs = context;
    json_t *body = NULL, *job = NULL, *table = NULL;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    enum status status = codec_json_own(request, &body, err);
    if (status == STATUS_OK)
        status = codec_sweep_read(body, &sweep, &problems);
    if (status == STATUS_OK)
        status = codec_sweep_job(&sweep, 5, &job, &problems);
    if (status == STATUS_OK)
        status = codec_sweep(&row, jobs, &table, err);
    if (status == STATUS_OK)
        status = codec_sweep_csv(&row, jobs, &text, err);
    if (problems.n > 0)
        error_set(err, status, "", "%s", problems.item[0].detail);
    if (status == STATUS_OK) {
        assert_int_equal(json_object_size(job), 4);
        assert_int_equal(json_object_size(table), 12);
        const json_t *cells = json_object_get(table, "cells");
        assert_int_equal(json_array_size(json_object_get(json_array_get(cells, 1), "job_ids")), 4);
    }
    buffer_deinit(&text);
    json_decref(body);
    json_decref(job);
    json_decref(table);
    return status;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    struct sweep_jobs jobs = jobs_of(all_well, "psnr");
    assert_true(alloc_fail_each(make_everything, &jobs) > 50);
    sweep_jobs_deinit(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_through_the_grid_last_axis_first_and_datasets_innermost),
        cmocka_unit_test(objects_are_set_before_their_members),
        cmocka_unit_test(pointers_reach_into_arrays_and_names_are_unescaped),
        cmocka_unit_test(a_sweep_without_a_grid_is_one_cell),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(a_thousand_jobs_are_the_limit),
        cmocka_unit_test(a_value_without_an_object_to_put_it_in_is_refused),
        cmocka_unit_test(places_of_a_job_are_found_in_the_sweep),
        cmocka_unit_test(a_cell_has_mean_and_population_std_over_seeds_and_datasets),
        cmocka_unit_test(only_cells_that_all_went_well_can_be_best),
        cmocka_unit_test(a_metric_that_not_all_have_is_left_out),
        cmocka_unit_test(the_status_follows_from_the_jobs),
        cmocka_unit_test(the_table_as_csv),
        cmocka_unit_test(texts_are_no_formulas_in_csv),
        cmocka_unit_test(a_sweep_in_a_list_has_no_table),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
