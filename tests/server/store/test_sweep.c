#include "tests/server/store/store_fixture.h"

#include "core/base/mem.h"
#include "server/store/store_internal.h"
#include "tests/server/store/writer_alloc.h"
#include "tests/support/alloc.h"

enum { N = 6 };

/* N rows over a dataset, as a handler would have made them. */
static void make_rows(const char *dataset_id, struct job_row rows[N])
{
    for (size_t i = 0; i < N; i++)
        rows[i] = new_job(dataset_id, i % 2 ? "{\"odd\":\"1\"}" : "{}");
}

static void free_rows(struct job_row rows[N])
{
    for (size_t i = 0; i < N; i++)
        job_row_deinit(&rows[i]);
}

/* Insert a sweep of N jobs: the status, and its id ("" where there is none). */
static enum status insert_request(struct fixture *f, char *request, const char *dataset_id,
                                  const char *key, uint64_t max_queued, char id[ID_SIZE],
                                  bool *existed)
{
    char sha256[SHA256_TEXT_SIZE];
    struct job_row rows[N];
    struct sweep_row sweep = {.name = "one", .request_json = request};
    const struct job_event event = {.type = "state", .data_json = (char *)"{}"};
    sha256_text("request", 7, sha256);
    const struct idempotency idempotency = {.key = key, .request_sha256 = sha256};
    make_rows(dataset_id, rows);
    enum status status = store_sweep_insert(f->store, &sweep, rows, N, &idempotency, max_queued,
                                            &event, existed, &f->err);
    memcpy(id, sweep.id, ID_SIZE);
    free_rows(rows);
    return status;
}

static enum status insert(struct fixture *f, const char *dataset_id, const char *key,
                          uint64_t max_queued, char id[ID_SIZE], bool *existed)
{
    char request[] = "{\"grid\":{}}";
    return insert_request(f, request, dataset_id, key, max_queued, id, existed);
}

static void make_sweep(struct fixture *f, const char *dataset_id, char id[ID_SIZE])
{
    bool existed;
    assert_ok(insert(f, dataset_id, NULL, 1000, id, &existed));
    assert_false(existed);
    assert_true(id_is(ID_SWEEP, id));
}

/* What must hold between the tables whatever happened: sweeps are whole. */
static void check_whole(struct fixture *f, int64_t n_sweeps)
{
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM sweep"), n_sweeps);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job WHERE sweep_id IS NOT NULL"),
                     n_sweeps * N);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job_event"), n_sweeps * N);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job_label"), n_sweeps * N / 2);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

/* The next queued job ends well, with these values of psnr at steps 1 and 2. */
static void finish_next(struct fixture *f, double before, double psnr, char id[ID_SIZE])
{
    char weights[SHA256_TEXT_SIZE];
    unsigned attempt = claim_job(f, id);
    const struct metric_point points[] = {
        {"psnr", 1, before, 1}, {"loss", 1, 0.5, 1}, {"psnr", 2, psnr, 2}};
    struct job_report report = {.phase = "training", .points = points, .n_points = 3};
    assert_ok(store_job_report(f->store, id, attempt, &report, &f->err));
    put_text(f, id, weights);
    struct field_row field = new_field(weights);
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    assert_ok(store_job_finish(f->store, id, attempt, &end, &f->err));
}

static void a_sweep_and_its_jobs_survive_a_restart(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], alone[ID_SIZE], id[ID_SIZE];
    struct sweep_row row;
    struct sweep_jobs jobs;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, alone);
    make_sweep(f, dataset, id);
    reopen(f);
    assert_ok(store_sweep_get(f->store, id, &row, &jobs, &f->err));
    assert_string_equal(row.id, id);
    assert_string_equal(row.name, "one");
    assert_string_equal(row.request_json, "{\"grid\":{}}");
    assert_in_range(row.created_ms, 1, clock_now_ms());
    assert_int_equal(row.n_jobs[JOB_QUEUED], N);
    assert_int_equal(row.n_started, 0);
    assert_int_equal(jobs.n, N);
    assert_int_equal(jobs.n_values, 0);
    for (size_t i = 0; i < N; i++) {
        struct job_row job;
        assert_ok(store_job_get(f->store, jobs.jobs[i].id, &job, &f->err));
        assert_string_equal(job.sweep_id, id);
        assert_string_equal(job.field_id, jobs.jobs[i].field_id);
        assert_string_equal(job.labels_json, i % 2 ? "{\"odd\":\"1\"}" : "{}");
        job_row_deinit(&job);
    }
    struct job_row job;
    assert_ok(store_job_get(f->store, alone, &job, &f->err));
    assert_string_equal(job.sweep_id, "");
    job_row_deinit(&job);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
    assert_status(store_sweep_get(f->store, "swp_01hzy3v7k2m4n6p8qrstvwxyz0", &row, &jobs, &f->err),
                  STATUS_NOT_FOUND);
}

static void its_jobs_are_listed_by_it(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], alone[ID_SIZE], id[2][ID_SIZE];
    struct job_list list;
    struct page page = {.limit = 4};
    make_dataset(f, "picture", dataset);
    make_sweep(f, dataset, id[0]);
    make_job(f, dataset, alone);
    make_sweep(f, dataset, id[1]);
    const struct job_filter filter = {.sweep_id = id[0]};
    assert_ok(store_job_list(f->store, &filter, &page, &list, &f->err));
    assert_int_equal(list.n, 4);
    memcpy(page.cursor, list.next_cursor, sizeof page.cursor);
    job_list_deinit(&list);
    assert_ok(store_job_list(f->store, &filter, &page, &list, &f->err));
    assert_int_equal(list.n, N - 4);
    assert_string_equal(list.next_cursor, "");
    job_list_deinit(&list);
}

static void the_latest_of_each_metric_comes_with_the_jobs_that_succeeded(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], done[3][ID_SIZE];
    struct sweep_row row;
    struct sweep_jobs jobs;
    make_dataset(f, "picture", dataset);
    make_sweep(f, dataset, id);
    finish_next(f, 9, 20, done[0]);
    finish_next(f, 30, 10, done[1]); /* the latest, not the best */
    unsigned attempt = claim_job(f, done[2]);
    const struct metric_point point = {"psnr", 1, 5, 1};
    struct job_report report = {.phase = "training", .points = &point, .n_points = 1};
    assert_ok(store_job_report(f->store, done[2], attempt, &report, &f->err));

    assert_ok(store_sweep_get(f->store, id, &row, &jobs, &f->err));
    assert_int_equal(row.n_jobs[JOB_SUCCEEDED], 2);
    assert_int_equal(row.n_jobs[JOB_RUNNING], 1);
    assert_int_equal(row.n_jobs[JOB_QUEUED], N - 3);
    assert_int_equal(row.n_started, 3);
    assert_int_equal(jobs.n, N);
    assert_int_equal(jobs.n_values, 4);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(jobs.jobs[i].n, i < 2 ? 2 : 0);
    for (size_t i = 0; i < 2; i++) {
        const struct sweep_value *values = &jobs.values[jobs.jobs[i].first];
        assert_string_equal(jobs.jobs[i].id, done[i]);
        assert_string_equal(values[0].key, "loss");
        assert_true(values[0].value == 0.5);
        assert_string_equal(values[1].key, "psnr");
        assert_true(values[1].value == (i == 0 ? 20 : 10));
    }
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
}

static void sweeps_are_listed_newest_first_with_their_counts(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[3][ID_SIZE], job[ID_SIZE];
    struct sweep_list list;
    struct page page = {.limit = 2};
    make_dataset(f, "picture", dataset);
    for (size_t i = 0; i < 3; i++)
        make_sweep(f, dataset, id[i]);
    claim_job(f, job);
    assert_ok(store_sweep_list(f->store, &page, &list, &f->err));
    assert_int_equal(list.n, 2);
    assert_string_equal(list.rows[0].id, id[2]);
    assert_string_equal(list.rows[1].id, id[1]);
    assert_int_equal(list.rows[1].n_jobs[JOB_QUEUED], N);
    assert_int_equal(list.rows[1].n_started, 0);
    memcpy(page.cursor, list.next_cursor, sizeof page.cursor);
    sweep_list_deinit(&list);
    assert_ok(store_sweep_list(f->store, &page, &list, &f->err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.rows[0].id, id[0]);
    assert_string_equal(list.rows[0].name, "one");
    assert_int_equal(list.rows[0].n_jobs[JOB_QUEUED], N - 1);
    assert_int_equal(list.rows[0].n_jobs[JOB_RUNNING], 1);
    assert_int_equal(list.rows[0].n_started, 1);
    assert_string_equal(list.next_cursor, "");
    sweep_list_deinit(&list);
}

/* A page of the longest requests would be gigabytes as JSON. */
static void sweeps_are_searched_by_their_name_and_their_datasets(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    make_dataset(f, "picture", dataset); /* "a picture" */
    make_sweep(f, dataset, id);          /* "one" */
    const struct {
        const char *search;
        size_t n;
    } rows[] = {{NULL, 1}, {"ON", 1}, {"Pict", 1}, {id, 1}, {"swp_", 1}, {"two", 0}, {"%", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct page page = {.limit = 10, .search = rows[i].search};
        struct sweep_list list;
        assert_ok(store_sweep_list(f->store, &page, &list, &f->err));
        assert_int_equal(list.n, rows[i].n);
        if (list.n > 0)
            assert_int_equal(list.rows[0].n_jobs[JOB_QUEUED], N);
        sweep_list_deinit(&list);
    }
}

static void a_page_ends_where_its_requests_are_long(void **state)
{
    enum { LONG = 900000, PAGE = 3 }; /* two of them are less than 2 MiB */
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    bool existed;
    char *request = mem_alloc(LONG + 1);
    struct sweep_list list;
    struct page page = {.limit = 200};
    assert_non_null(request);
    memset(request, ' ', LONG);
    memcpy(request, "{}", 2);
    request[LONG] = '\0';
    make_dataset(f, "picture", dataset);
    for (size_t i = 0; i < PAGE + 1; i++)
        assert_ok(insert_request(f, request, dataset, NULL, 1000, id, &existed));
    mem_free(request);
    assert_ok(store_sweep_list(f->store, &page, &list, &f->err));
    assert_int_equal(list.n, PAGE);
    memcpy(page.cursor, list.next_cursor, sizeof page.cursor);
    sweep_list_deinit(&list);
    assert_ok(store_sweep_list(f->store, &page, &list, &f->err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.next_cursor, "");
    sweep_list_deinit(&list);
}

static void a_repeated_request_is_the_same_sweep(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], first[ID_SIZE], id[ID_SIZE], sha256[SHA256_TEXT_SIZE];
    bool existed;
    make_dataset(f, "picture", dataset);
    assert_ok(insert(f, dataset, "key", 1000, first, &existed));
    assert_false(existed);
    reopen(f);
    assert_ok(insert(f, dataset, "key", 0, id, &existed)); /* although the queue is full */
    assert_true(existed);
    assert_string_equal(id, first);
    sha256_text("request", 7, sha256);
    struct idempotency key = {.key = "key", .request_sha256 = sha256};
    assert_ok(store_sweep_find_first(f->store, &key, id, &existed, &f->err));
    assert_true(existed);
    assert_string_equal(id, first);
    key.key = "another";
    assert_ok(store_sweep_find_first(f->store, &key, id, &existed, &f->err));
    assert_false(existed);
    /* The key of a sweep is no job's. */
    sha256_text("job", 3, sha256);
    key.key = "key";
    struct job_row row = new_job(dataset, "{}");
    assert_status(store_job_insert(f->store, &row, &key, 1000, NULL, &existed, &f->err),
                  STATUS_INVALID);
    assert_string_equal(f->err.where, "Idempotency-Key");
    job_row_deinit(&row);
    check_whole(f, 1);
}

/* --- all or nothing --- */

static void a_sweep_that_the_queue_has_no_room_for_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    bool existed;
    make_dataset(f, "picture", dataset);
    assert_status(insert(f, dataset, "key", N - 1, id, &existed), STATUS_BUSY);
    check_whole(f, 0);
    error_clear(&f->err);
    assert_ok(insert(f, dataset, "key", N, id, &existed)); /* the key is free */
    assert_false(existed);
    check_whole(f, 1);
}

static void a_job_that_cannot_be_inserted_takes_all_others_with_it(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], request[] = "{}";
    bool existed;
    struct job_row rows[N];
    struct sweep_row sweep = {.request_json = request};
    const struct job_event event = {.type = "state", .data_json = (char *)"{}"};
    make_dataset(f, "picture", dataset);
    for (size_t bad = 0; bad < N; bad++) {
        make_rows(dataset, rows);
        snprintf(rows[bad].dataset_id, ID_SIZE, "ds_01hzy3v7k2m4n6p8qrstvwxyz0");
        assert_status(
            store_sweep_insert(f->store, &sweep, rows, N, NULL, 1000, &event, &existed, &f->err),
            STATUS_NOT_FOUND);
        assert_string_equal(sweep.id, "");
        free_rows(rows);
        check_whole(f, 0);
    }
}

/* On the writer's thread, in the middle of the insert. */
static void an_allocation_that_fails_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    bool has_failed = true;
    size_t n_sweeps = 0, n_failed = 0;
    make_dataset(f, "picture", dataset);
    for (size_t n = 1; has_failed; n += n < 30 ? 1 : 1 + n / 10) {
        bool existed;
        writer_alloc_fail(f, n);
        enum status status = insert(f, dataset, NULL, 1 << 20, id, &existed);
        has_failed = writer_alloc_stop(f);
        if (status != STATUS_OK && (status != STATUS_NO_MEMORY || !has_failed))
            fail_msg("allocation %zu failed: %s: %s", n, status_name(status), f->err.message);
        n_sweeps += status == STATUS_OK;
        n_failed += status != STATUS_OK;
        error_clear(&f->err);
        check_whole(f, (int64_t)n_sweeps);
    }
    assert_true(n_failed > 10);
    reopen(f);
    check_whole(f, (int64_t)n_sweeps);
}

static enum status read_everything(void *context, struct error *err)
{
    const struct fixture *f = context;
    const struct page page = {.limit = 5};
    struct sweep_list list = {0};
    struct sweep_row row = {0};
    struct sweep_jobs jobs = {0};
    enum status status = store_sweep_list(f->store, &page, &list, err);
    if (status == STATUS_OK)
        status = store_sweep_get(f->store, list.rows[0].id, &row, &jobs, err);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
    sweep_list_deinit(&list);
    return status;
}

static void reads_survive_any_failed_allocation(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    make_dataset(f, "picture", dataset);
    make_sweep(f, dataset, id);
    finish_next(f, 9, 20, id);
    assert_true(alloc_fail_each(read_everything, f) > 10);
    assert_int_equal(f->store->n_readers_out, 0);
}

/* --- cancel --- */

static void a_cancel_ends_what_waits_and_asks_what_runs(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], job[ID_SIZE];
    struct sweep_row row;
    struct sweep_jobs jobs;
    struct sweep_cancel cancels[N] = {0};
    make_dataset(f, "picture", dataset);
    make_sweep(f, dataset, id);
    finish_next(f, 9, 20, job);
    claim_job(f, job);
    assert_ok(store_sweep_get(f->store, id, &row, &jobs, &f->err));
    for (size_t i = 0; i < N; i++)
        cancels[i] = (struct sweep_cancel){.job_id = jobs.jobs[i].id,
                                           .events = {{.type = "state", .data_json = (char *)"{}"},
                                                      {.type = "done", .data_json = (char *)"{}"}}};
    assert_ok(store_sweep_cancel(f->store, cancels, N, &f->err));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(cancels[i].was_running, i == 1);
        assert_int_equal(cancels[i].events[0].seq, i < 2 ? 0 : 2); /* the first one was inserted */
        assert_int_equal(cancels[i].events[1].seq, i < 2 ? 0 : 3);
    }
    /* Again: the one that runs still does. */
    assert_ok(store_sweep_cancel(f->store, cancels, N, &f->err));
    assert_true(cancels[1].was_running);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
    assert_ok(store_sweep_get(f->store, id, &row, &jobs, &f->err));
    assert_int_equal(row.n_jobs[JOB_SUCCEEDED], 1);
    assert_int_equal(row.n_jobs[JOB_RUNNING], 1);
    assert_int_equal(row.n_jobs[JOB_CANCELED], N - 2);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
    /* What was asked to stop is canceled by a restart. */
    reopen(f);
    assert_ok(store_sweep_get(f->store, id, &row, &jobs, &f->err));
    assert_int_equal(row.n_jobs[JOB_CANCELED], N - 1);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
}

static void a_cancel_that_fails_cancels_nothing(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    struct sweep_row row;
    struct sweep_jobs jobs;
    make_dataset(f, "picture", dataset);
    make_sweep(f, dataset, id);
    assert_ok(store_sweep_get(f->store, id, &row, &jobs, &f->err));
    struct sweep_cancel cancels[] = {
        {.job_id = jobs.jobs[0].id,
         .events = {{.type = "state", .data_json = (char *)"{}"},
                    {.type = "done", .data_json = (char *)"{}"}}},
        {.job_id = "job_01hzy3v7k2m4n6p8qrstvwxyz0"},
    };
    assert_status(store_sweep_cancel(f->store, cancels, 2, &f->err), STATUS_NOT_FOUND);
    assert_int_equal(cancels[0].events[0].seq, 0);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job WHERE status = 'queued'"), N);
    check_whole(f, 1);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sweep_and_its_jobs_survive_a_restart),
        TEST(its_jobs_are_listed_by_it),
        TEST(the_latest_of_each_metric_comes_with_the_jobs_that_succeeded),
        TEST(sweeps_are_listed_newest_first_with_their_counts),
        TEST(sweeps_are_searched_by_their_name_and_their_datasets),
        TEST(a_page_ends_where_its_requests_are_long),
        TEST(a_repeated_request_is_the_same_sweep),
        TEST(a_sweep_that_the_queue_has_no_room_for_leaves_nothing),
        TEST(a_job_that_cannot_be_inserted_takes_all_others_with_it),
        TEST(an_allocation_that_fails_leaves_nothing),
        TEST(reads_survive_any_failed_allocation),
        TEST(a_cancel_ends_what_waits_and_asks_what_runs),
        TEST(a_cancel_that_fails_cancels_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
