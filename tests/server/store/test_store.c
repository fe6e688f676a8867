#include "tests/server/store/store_fixture.h"

static void a_second_open_is_refused_until_the_first_closes(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    assert_status(store_open(&second, f->folder, &f->err), STATUS_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(f->err.message, f->folder));
    error_clear(&f->err);
    reopen(f);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
    struct fixture *f = *state;
    char path[512];
    struct store *second = NULL;
    path_in(f, path, "no", "where");
    assert_status(store_open(&second, path, &f->err), STATUS_IO);
    path_in(f, path, "lock", ""); /* a file */
    assert_status(store_open(&second, path, &f->err), STATUS_IO);
    assert_null(second);
}

static void databases_are_set_up_as_promised(void **state)
{
    struct fixture *f = *state;
    assert_ok(store_check(f->store, &f->err));
    assert_int_equal(ask(f, "main.db", "PRAGMA user_version"), 5);
    assert_int_equal(ask(f, "blob.db", "PRAGMA user_version"), 1);
    assert_int_equal(ask(f, "blob.db", "PRAGMA page_size"), 16384);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "blob.db" : "main.db";
        assert_int_equal(
            ask(f, name, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
        assert_int_equal(ask(f, name,
                             "SELECT count(*) FROM pragma_table_list WHERE schema = 'main'"
                             " AND name NOT LIKE 'sqlite_%' AND NOT strict"),
                         0);
        assert_int_equal(ask(f, name, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    }
    char temporary[512];
    path_in(f, temporary, "tmp", "");
    assert_string_equal(store_temporary_folder(f->store), temporary);
}

static void what_is_kept_is_measured(void **state)
{
    struct fixture *f = *state;
    struct store_usage usage;
    struct dataset_row row;
    char id[ID_SIZE];
    bool existed;
    assert_ok(store_measure(f->store, &usage, &f->err));
    assert_int_equal(usage.n_datasets + usage.n_sweeps + usage.n_fields + usage.dataset_bytes, 0);
    assert_true(usage.database_bytes > 0 && usage.free_bytes > 0);
    make_dataset(f, "0123456789", id);
    assert_ok(upload(f, "volume", "0123456789", &row, &existed)); /* the same file once more */
    dataset_row_deinit(&row);
    make_dataset(f, "01234", id);
    assert_ok(store_measure(f->store, &usage, &f->err));
    assert_int_equal(usage.n_datasets, 3);
    assert_int_equal(usage.dataset_bytes, 15);
}

static void a_newer_database_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"main.db", "blob.db"};
    store_close(f->store);
    f->store = NULL;
    for (int i = 0; i < 2; i++) {
        change(f, names[i], "PRAGMA user_version = 99");
        assert_status(store_open(&f->store, f->folder, &f->err), STATUS_UNSUPPORTED);
        assert_non_null(strstr(f->err.message, "newer"));
        assert_int_equal(ask(f, names[i], "PRAGMA user_version"), 99);
        change(f, names[i], i ? "PRAGMA user_version = 1" : "PRAGMA user_version = 5");
    }
    error_clear(&f->err);
    assert_ok(store_open(&f->store, f->folder, &f->err));
}

static void a_damaged_database_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[512], dataset[ID_SIZE];
    make_dataset(f, "picture", dataset);
    store_close(f->store);
    f->store = NULL;
    path_in(f, path, "main.db", "");
    int file = open(path, O_RDWR | O_CLOEXEC);
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    assert_int_equal(pwrite(file, noise, sizeof noise, 4096), sizeof noise);
    close(file);
    struct store *second = NULL;
    assert_status(store_open(&second, f->folder, &f->err), STATUS_IO);
    write_file(path, "this is no database, and long enough to be looked at", 52);
    assert_status(store_open(&second, f->folder, &f->err), STATUS_IO);
    assert_null(second);
}

static void running_jobs_are_queued_again_at_open(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], claimed[ID_SIZE];
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    assert_int_equal(claim_job(f, claimed), 1);
    struct job_event event = {.type = "state", .data_json = (char *)"{}"};
    struct job_report report = {.phase = "training",
                                .step = 7,
                                .seconds = 1.5,
                                .eta_seconds = 3,
                                .progress = 0.5,
                                .events = &event,
                                .n_events = 1};
    assert_ok(store_job_report(f->store, id, 1, &report, &f->err));
    reopen(f);

    struct job_row row;
    assert_ok(store_job_get(f->store, id, &row, &f->err));
    assert_int_equal(row.status, JOB_QUEUED);
    assert_int_equal(row.attempt, 1);
    assert_int_equal(row.crashes, 0);
    assert_string_equal(row.phase, "");
    assert_int_equal(row.step, 7);
    assert_true(row.eta_seconds < 0);
    assert_true(row.started_ms > 0);
    int64_t started_ms = row.started_ms;
    job_row_deinit(&row);

    struct event_list events;
    assert_ok(store_job_events(f->store, id, 1, 100, &events, &f->err));
    assert_int_equal(events.n, 1);
    assert_int_equal(events.events[0].seq, 2);
    assert_string_equal(events.events[0].type, "state");
    assert_string_equal(events.events[0].data_json, "{\"status\":\"queued\",\"attempt\":1}");
    event_list_deinit(&events);

    assert_int_equal(claim_job(f, claimed), 2);
    assert_string_equal(claimed, id);
    assert_ok(store_job_get(f->store, id, &row, &f->err));
    assert_int_equal(row.started_ms, started_ms);
    job_row_deinit(&row);
    /* The attempt before the restart may not write any more. */
    assert_status(store_job_report(f->store, id, 1, &report, &f->err), STATUS_CONFLICT);
}

static void running_jobs_that_were_to_stop_are_canceled_at_open(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    bool was_running;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    claim_job(f, id);
    assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
    assert_true(was_running);
    reopen(f);
    struct job_row row;
    assert_ok(store_job_get(f->store, id, &row, &f->err));
    assert_int_equal(row.status, JOB_CANCELED);
    assert_true(row.finished_ms > 0);
    job_row_deinit(&row);
    struct event_list events;
    assert_ok(store_job_events(f->store, id, 0, 100, &events, &f->err));
    assert_int_equal(events.n, 2);
    assert_string_equal(events.events[0].type, "state");
    assert_string_equal(events.events[1].type, "done");
    assert_non_null(strstr(events.events[1].data_json, "\"status\":\"canceled\""));
    event_list_deinit(&events);
    reopen(f); /* and it happens once */
    assert_ok(store_job_events(f->store, id, 0, 100, &events, &f->err));
    assert_int_equal(events.n, 2);
    event_list_deinit(&events);
}

static void orphans_are_swept_at_open(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], path[512];
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    claim_job(f, id);
    char kept[SHA256_TEXT_SIZE], orphan[SHA256_TEXT_SIZE], named[SHA256_TEXT_SIZE],
        unnamed[SHA256_TEXT_SIZE];
    put_text(f, "checkpoint", kept);
    put_text(f, "nobody's", orphan);
    assert_ok(store_job_checkpoint(f->store, id, 1, kept, 10, &f->err));

    sha256_text("picture", 7, named);
    sha256_text("other", 5, unnamed);
    path_in(f, path, "blobs", unnamed);
    write_file(path, "other", 5);
    path_in(f, path, "blobs", "README");
    write_file(path, "not ours", 8);
    path_in(f, path, "tmp", "half an upload");
    write_file(path, "half", 4);
    assert_true(has_blob(f, orphan));

    reopen(f);
    assert_true(has_blob(f, kept));
    assert_false(has_blob(f, orphan));
    assert_true(exists_in(f, "blobs", named));
    assert_false(exists_in(f, "blobs", unnamed));
    assert_true(exists_in(f, "blobs", "README"));
    assert_false(exists_in(f, "tmp", "half an upload"));
    assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob_chunk"), 1);
}

/* Their room is taken, should the disk be full at the next start. */
static void logs_stay_empty_beside_closed_databases(void **state)
{
    static const char *const names[] = {"main.db", "blob.db"};
    struct fixture *f = *state;
    char dataset[ID_SIZE], path[600];
    struct stat facts;
    make_dataset(f, "picture", dataset);
    store_close(f->store);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s-wal", f->folder, names[i]);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_size, 0);
        snprintf(path, sizeof path, "%s/%s-shm", f->folder, names[i]);
        assert_int_equal(stat(path, &facts), 0);
        assert_true(facts.st_size > 0);
    }
    assert_ok(store_open(&f->store, f->folder, &f->err));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_open_is_refused_until_the_first_closes),
        TEST(a_folder_that_cannot_be_made_is_an_error),
        TEST(databases_are_set_up_as_promised),
        TEST(what_is_kept_is_measured),
        TEST(a_newer_database_is_refused_and_left_alone),
        TEST(a_damaged_database_is_refused),
        TEST(running_jobs_are_queued_again_at_open),
        TEST(running_jobs_that_were_to_stop_are_canceled_at_open),
        TEST(orphans_are_swept_at_open),
        TEST(logs_stay_empty_beside_closed_databases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
