/* The end of jobs and sweeps: what goes with them, what stays, and when they may not go. */
#include "tests/server/store/store_fixture.h"

#include "core/base/mem.h"
#include "server/store/store_internal.h"
#include "tests/server/store/writer_alloc.h"
#include "tests/support/alloc.h"

enum { N = 3 }; /* jobs of a sweep */

static int64_t rows_of(struct fixture *f, const char *table)
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return ask(f, "main.db", sql);
}

static void check_references(struct fixture *f)
{
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

/* Claim the next job, and end it with all that a job can have: a log, metrics, a checkpoint and a
 * field, whose bytes are its id. */
static void finish_next(struct fixture *f, char id[ID_SIZE], char checkpoint[SHA256_TEXT_SIZE])
{
    char weights[SHA256_TEXT_SIZE], text[64];
    const unsigned attempt = claim_job(f, id);
    const struct metric_point points[] = {{"psnr", 1, 20, 1}, {"loss", 1, 0.5, 1}};
    struct job_event event = {.type = "progress", .data_json = (char *)"{}"};
    struct job_report report = {
        .phase = "training", .points = points, .n_points = 2, .events = &event, .n_events = 1};
    assert_ok(store_job_report(f->store, id, attempt, &report, &f->err));
    snprintf(text, sizeof text, "before %s", id);
    put_text(f, text, checkpoint);
    assert_ok(store_job_checkpoint(f->store, id, attempt, checkpoint, 40, &f->err));
    snprintf(text, sizeof text, "checkpoint %s", id);
    put_text(f, text, checkpoint);
    assert_ok(store_job_checkpoint(f->store, id, attempt, checkpoint, 50, &f->err));
    put_text(f, id, weights);
    struct field_row field = new_field(weights);
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    assert_ok(store_job_finish(f->store, id, attempt, &end, &f->err));
}

static void post(struct fixture *f, const char *dataset, const char *key, char id[ID_SIZE],
                 bool *existed)
{
    char sha256[SHA256_TEXT_SIZE];
    struct job_event queued = {.type = "state", .data_json = (char *)"{}"};
    struct job_row row = new_job(dataset, "{\"a\":\"b\"}");
    sha256_text("request", 7, sha256);
    const struct idempotency idempotency = {.key = key, .request_sha256 = sha256};
    assert_ok(store_job_insert(f->store, &row, &idempotency, 10, &queued, existed, &f->err));
    memcpy(id, row.id, ID_SIZE);
    job_row_deinit(&row);
}

static void make_sweep(struct fixture *f, const char *dataset, char id[ID_SIZE])
{
    char request[] = "{\"grid\":{}}";
    struct sweep_row sweep = {.name = "one", .request_json = request};
    struct job_row rows[N];
    bool existed;
    for (size_t i = 0; i < N; i++)
        rows[i] = new_job(dataset, "{\"of\":\"sweep\"}");
    assert_ok(store_sweep_insert(f->store, &sweep, rows, N, NULL, 1000, NULL, &existed, &f->err));
    for (size_t i = 0; i < N; i++)
        job_row_deinit(&rows[i]);
    memcpy(id, sweep.id, ID_SIZE);
}

/* --- jobs --- */

static void a_job_goes_with_all_that_hangs_on_it(void **state)
{
    struct fixture *f = *state;
    static const char *const tables[] = {"job", "job_label", "job_event", "metric", "idempotency"};
    char dataset[ID_SIZE], id[ID_SIZE], checkpoint[SHA256_TEXT_SIZE];
    struct job_row job = {0};
    bool existed;
    make_dataset(f, "picture", dataset);
    post(f, dataset, "key", id, &existed);
    finish_next(f, id, checkpoint);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        assert_true(rows_of(f, tables[i]) > 0);
    assert_true(has_blob(f, checkpoint));
    assert_ok(store_job_delete(f->store, id, &f->err));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
            assert_int_equal(rows_of(f, tables[i]), 0);
        assert_false(has_blob(f, checkpoint));
        assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob"), 1); /* the field's */
        assert_status(store_job_get(f->store, id, &job, &f->err), STATUS_NOT_FOUND);
        assert_status(store_job_delete(f->store, id, &f->err), STATUS_NOT_FOUND);
        error_clear(&f->err);
        reopen(f);
    }
}

/* Of the one field, whose dataset is gone. */
static void check_filters(struct fixture *f, const char *dataset, const char *field_id)
{
    const struct {
        struct field_filter filter;
        const char *search;
        size_t n;
    } rows[] = {
        {{.dataset_id = dataset}, NULL, 1},
        {{.dataset_id = "ds_01hzy3v7k2m4n6p8qrstvwxyz0"}, NULL, 0},
        {{.task = "image", .dataset_id = dataset}, field_id, 1},
        {{.task = "volume"}, NULL, 0},
        {{.task = NULL}, "fld_0", 1},
        {{.task = NULL}, "a picture", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct page page = {.limit = 5, .search = rows[i].search};
        struct field_list list;
        assert_ok(store_field_list(f->store, &rows[i].filter, &page, &list, &f->err));
        assert_int_equal(list.n, rows[i].n);
        field_list_deinit(&list);
    }
}

static void its_field_and_its_dataset_stay(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], checkpoint[SHA256_TEXT_SIZE], field_id[ID_SIZE];
    struct job_row job;
    struct field_row field;
    struct dataset_row row;
    const struct page page = {.limit = 5};
    struct field_list list;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    finish_next(f, id, checkpoint);
    assert_ok(store_job_get(f->store, id, &job, &f->err));
    memcpy(field_id, job.field_id, ID_SIZE);
    job_row_deinit(&job);
    assert_ok(store_field_get(f->store, field_id, &field, &f->err));
    assert_true(field.has_job && field.has_dataset);
    field_row_deinit(&field);

    assert_ok(store_job_delete(f->store, id, &f->err));
    assert_ok(store_dataset_get(f->store, dataset, &row, &f->err));
    dataset_row_deinit(&row);
    assert_ok(store_field_get(f->store, field_id, &field, &f->err));
    assert_string_equal(field.job_id, id); /* it still says where it came from */
    assert_true(!field.has_job && field.has_dataset);
    assert_true(has_blob(f, field.weights_sha256));
    field_row_deinit(&field);

    assert_ok(store_dataset_delete(f->store, dataset, &f->err));
    assert_ok(store_field_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 1);
    assert_true(!list.rows[0].has_job && !list.rows[0].has_dataset);
    field_list_deinit(&list);
    check_filters(f, dataset, field_id);
    assert_ok(store_field_delete(f->store, field_id, &f->err));
    assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob"), 0);
}

static void a_job_that_has_not_ended_stays(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], claimed[ID_SIZE];
    static const char *const unknown[] = {"",
                                          "job_",
                                          "job_01hzy3v7k2m4n6p8qrstvwxyz0",
                                          "swp_01hzy3v7k2m4n6p8qrstvwxyz0",
                                          "' OR 1=1 --",
                                          "%"};
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    assert_status(store_job_delete(f->store, id, &f->err), STATUS_CONFLICT);
    assert_non_null(strstr(f->err.message, "is queued: cancel it first"));
    claim_job(f, claimed);
    assert_status(store_job_delete(f->store, id, &f->err), STATUS_CONFLICT);
    assert_non_null(strstr(f->err.message, "is running: cancel it first"));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_status(store_job_delete(f->store, unknown[i], &f->err), STATUS_NOT_FOUND);
        assert_status(store_sweep_delete(f->store, unknown[i], &f->err), STATUS_NOT_FOUND);
    }
    assert_int_equal(rows_of(f, "job"), 1);
}

static void a_job_that_was_resumed_leaves_its_checkpoint_to_the_other(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], parent[ID_SIZE], child[ID_SIZE], checkpoint[SHA256_TEXT_SIZE];
    bool existed, was_running;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, parent);
    finish_next(f, parent, checkpoint);
    struct job_row row = new_job(dataset, "{}");
    snprintf(row.parent_id, sizeof row.parent_id, "%s", parent);
    assert_ok(store_job_insert(f->store, &row, NULL, 10, NULL, &existed, &f->err));
    memcpy(child, row.id, ID_SIZE);
    job_row_deinit(&row);

    assert_ok(store_job_delete(f->store, parent, &f->err));
    assert_true(has_blob(f, checkpoint));
    assert_ok(store_job_get(f->store, child, &row, &f->err));
    assert_string_equal(row.parent_id, parent);
    assert_string_equal(row.checkpoint_sha256, checkpoint);
    job_row_deinit(&row);
    assert_ok(store_job_cancel(f->store, child, NULL, 0, &was_running, &f->err));
    assert_ok(store_job_delete(f->store, child, &f->err));
    assert_false(has_blob(f, checkpoint));
}

static void its_key_makes_a_new_job(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[2][ID_SIZE], sha256[SHA256_TEXT_SIZE];
    struct job_row row = {0};
    bool existed, was_running;
    make_dataset(f, "picture", dataset);
    post(f, dataset, "key", id[0], &existed);
    assert_ok(store_job_cancel(f->store, id[0], NULL, 0, &was_running, &f->err));
    assert_ok(store_job_delete(f->store, id[0], &f->err));
    sha256_text("request", 7, sha256);
    const struct idempotency key = {.key = "key", .request_sha256 = sha256};
    assert_ok(store_job_find_first(f->store, &key, &row, &existed, &f->err));
    assert_false(existed);
    post(f, dataset, "key", id[1], &existed);
    assert_false(existed);
    assert_string_not_equal(id[0], id[1]);
}

/* A worker that was given up, whose job others have ended and deleted. */
static void what_a_worker_still_has_to_say_of_it_is_over(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], checkpoint[SHA256_TEXT_SIZE];
    struct job_report report = {.phase = "training"};
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    finish_next(f, id, checkpoint);
    assert_ok(store_job_delete(f->store, id, &f->err));
    put_text(f, "late", checkpoint);
    struct field_row field = new_field(checkpoint);
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    assert_status(store_job_report(f->store, id, 1, &report, &f->err), STATUS_CONFLICT);
    assert_status(store_job_finish(f->store, id, 1, &end, &f->err), STATUS_CONFLICT);
    assert_false(has_blob(f, checkpoint));
    assert_int_equal(rows_of(f, "field"), 1);
}

static void lists_go_on_after_a_row_that_is_gone(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], ids[4][ID_SIZE];
    struct page page = {.limit = 2};
    struct job_list list;
    bool was_running;
    make_dataset(f, "picture", dataset);
    for (int i = 0; i < 4; i++)
        make_job(f, dataset, ids[i]);
    assert_ok(store_job_list(f->store, NULL, &page, &list, &f->err));
    memcpy(page.cursor, list.next_cursor, sizeof page.cursor);
    job_list_deinit(&list);
    for (int i = 2; i < 4; i++) { /* the page that was seen, with the row its cursor names */
        assert_ok(store_job_cancel(f->store, ids[i], NULL, 0, &was_running, &f->err));
        assert_ok(store_job_delete(f->store, ids[i], &f->err));
    }
    make_job(f, dataset, ids[3]); /* a new one does not take its number */
    assert_ok(store_job_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 2);
    assert_string_equal(list.rows[0].id, ids[1]);
    assert_string_equal(list.rows[1].id, ids[0]);
    job_list_deinit(&list);
}

/* --- sweeps --- */

static void a_sweep_goes_with_all_its_jobs_and_no_others(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[2][ID_SIZE], job[ID_SIZE], checkpoint[SHA256_TEXT_SIZE];
    struct sweep_row row;
    struct sweep_jobs jobs;
    make_dataset(f, "picture", dataset);
    make_sweep(f, dataset, id[0]);
    make_sweep(f, dataset, id[1]);
    for (int i = 0; i < N; i++) {
        assert_status(store_sweep_delete(f->store, id[0], &f->err), STATUS_CONFLICT);
        assert_non_null(strstr(f->err.message, "cancel it first"));
        error_clear(&f->err);
        finish_next(f, job, checkpoint);
        assert_status(store_job_delete(f->store, job, &f->err), STATUS_CONFLICT);
        assert_non_null(strstr(f->err.message, id[0]));
        error_clear(&f->err);
    }
    assert_int_equal(rows_of(f, "job"), 2 * N);
    assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob"), 2 * N);

    assert_ok(store_sweep_delete(f->store, id[0], &f->err));
    for (int round = 0; round < 2; round++) {
        assert_status(store_sweep_get(f->store, id[0], &row, &jobs, &f->err), STATUS_NOT_FOUND);
        assert_status(store_job_get(f->store, job, &(struct job_row){0}, &f->err),
                      STATUS_NOT_FOUND);
        assert_int_equal(rows_of(f, "sweep"), 1);
        assert_int_equal(rows_of(f, "job"), N);
        assert_int_equal(rows_of(f, "job_label"), N);
        assert_int_equal(rows_of(f, "metric"), 0);
        assert_int_equal(rows_of(f, "field"), N);
        assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob"), N);
        check_references(f);
        error_clear(&f->err);
        reopen(f);
    }
    assert_ok(store_sweep_get(f->store, id[1], &row, &jobs, &f->err));
    assert_int_equal(jobs.n, N);
    sweep_jobs_deinit(&jobs);
    sweep_row_deinit(&row);
}

/* On the writer's thread, in the middle of it. */
static void an_allocation_that_fails_deletes_nothing(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], job[ID_SIZE], checkpoint[SHA256_TEXT_SIZE];
    size_t n_failed = 0;
    bool is_gone = false;
    make_dataset(f, "picture", dataset);
    make_sweep(f, dataset, id);
    for (int i = 0; i < N; i++)
        finish_next(f, job, checkpoint);
    for (size_t n = 1; !is_gone; n++) {
        writer_alloc_fail(f, n);
        const enum status status = store_sweep_delete(f->store, id, &f->err);
        const bool has_failed = writer_alloc_stop(f);
        if (status != STATUS_OK && (status != STATUS_NO_MEMORY || !has_failed))
            fail_msg("allocation %zu failed: %s: %s", n, status_name(status), f->err.message);
        is_gone = status == STATUS_OK;
        n_failed += !is_gone;
        error_clear(&f->err);
        assert_int_equal(rows_of(f, "sweep"), !is_gone);
        assert_int_equal(rows_of(f, "job"), is_gone ? 0 : N);
        assert_int_equal(rows_of(f, "metric"), is_gone ? 0 : 2 * N);
        assert_true(is_gone || has_blob(f, checkpoint));
        check_references(f);
    }
    assert_true(n_failed > 5);
    reopen(f); /* what was left behind for want of memory goes now */
    assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob"), N);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_goes_with_all_that_hangs_on_it),
        TEST(its_field_and_its_dataset_stay),
        TEST(a_job_that_has_not_ended_stays),
        TEST(a_job_that_was_resumed_leaves_its_checkpoint_to_the_other),
        TEST(its_key_makes_a_new_job),
        TEST(what_a_worker_still_has_to_say_of_it_is_over),
        TEST(lists_go_on_after_a_row_that_is_gone),
        TEST(a_sweep_goes_with_all_its_jobs_and_no_others),
        TEST(an_allocation_that_fails_deletes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
