#include "tests/server/store/store_fixture.h"

static void a_job_is_kept_as_it_was_asked_for(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE];
    bool existed = true;
    make_dataset(f, "picture", dataset);
    struct job_row row = new_job(dataset, "{\"series\":\"kodak\"}"), read;
    assert_ok(store_job_insert(f->store, &row, NULL, 10, NULL, &existed, &f->err));
    assert_false(existed);
    assert_true(id_is(ID_JOB, row.id));
    assert_true(id_is(ID_FIELD, row.field_id));
    reopen(f);
    assert_ok(store_job_get(f->store, row.id, &read, &f->err));
    assert_string_equal(read.id, row.id);
    assert_string_equal(read.field_id, row.field_id);
    assert_string_equal(read.task, "image");
    assert_int_equal(read.status, JOB_QUEUED);
    assert_string_equal(read.phase, "");
    assert_int_equal(read.step, 0);
    assert_int_equal(read.steps, 100);
    assert_true(read.seconds == 0 && read.eta_seconds < 0 && read.progress == 0);
    assert_int_equal(read.attempt, 0);
    assert_int_equal(read.crashes, 0);
    assert_false(read.cancel_requested);
    assert_string_equal(read.dataset_id, dataset);
    assert_string_equal(read.parent_id, "");
    assert_string_equal(read.stopped_by, "");
    assert_string_equal(read.error_class, "");
    assert_null(read.error_detail);
    assert_string_equal(read.request_json, "{\"request\":1}");
    assert_string_equal(read.spec_json, "{\"spec\":1}");
    assert_string_equal(read.labels_json, "{\"series\":\"kodak\"}");
    assert_string_equal(read.checkpoint_sha256, "");
    assert_int_equal(read.checkpoint_step, 0);
    assert_int_equal(read.created_ms, row.created_ms);
    assert_in_range(read.created_ms, 1, clock_now_ms());
    assert_int_equal(read.started_ms, 0);
    assert_int_equal(read.finished_ms, 0);
    job_row_deinit(&read);
    assert_ok(store_field_job(f->store, row.field_id, &read, &f->err));
    assert_string_equal(read.id, row.id);
    job_row_deinit(&read);
    job_row_deinit(&row);
}

static void a_job_needs_its_dataset(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = {"ds_01hzy3v7k2m4n6p8qrstvwxyz0", "", "x' OR 'a'='a"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct job_row row = new_job(ids[i], "{}");
        bool existed;
        assert_status(store_job_insert(f->store, &row, NULL, 10, NULL, &existed, &f->err),
                      STATUS_NOT_FOUND);
        assert_string_equal(f->err.where, "/dataset_id");
        assert_string_equal(row.id, "");
        assert_non_null(row.spec_json); /* untouched */
        job_row_deinit(&row);
    }
}

static void a_full_queue_is_busy(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    bool existed;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    make_job(f, dataset, id);
    struct job_row row = new_job(dataset, "{}");
    assert_status(store_job_insert(f->store, &row, NULL, 2, NULL, &existed, &f->err), STATUS_BUSY);
    error_clear(&f->err);
    claim_job(f, id); /* running ones do not wait */
    assert_ok(store_job_insert(f->store, &row, NULL, 2, NULL, &existed, &f->err));
    job_row_deinit(&row);
}

/* Insert with a key: the status, and the id of the job. */
static enum status insert_with_key(struct fixture *f, const char *dataset, const char *key,
                                   const char *request, char id[ID_SIZE], bool *existed)
{
    char sha256[SHA256_TEXT_SIZE];
    sha256_text(request, strlen(request), sha256);
    struct idempotency idempotency = {.key = key, .request_sha256 = sha256};
    struct job_row row = new_job(dataset, "{}");
    enum status status = store_job_insert(f->store, &row, &idempotency, 3, NULL, existed, &f->err);
    memcpy(id, row.id, ID_SIZE);
    job_row_deinit(&row);
    return status;
}

static void a_repeated_request_is_the_same_job(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], first[ID_SIZE], id[ID_SIZE];
    bool existed;
    make_dataset(f, "picture", dataset);
    assert_ok(insert_with_key(f, dataset, "key", "request", first, &existed));
    assert_false(existed);
    assert_ok(insert_with_key(f, dataset, "key", "request", id, &existed));
    assert_true(existed);
    assert_string_equal(id, first);
    reopen(f);
    assert_ok(insert_with_key(f, dataset, "key", "request", id, &existed));
    assert_true(existed);
    assert_string_equal(id, first);

    assert_status(insert_with_key(f, dataset, "key", "another", id, &existed), STATUS_INVALID);
    assert_string_equal(f->err.where, "Idempotency-Key");
    error_clear(&f->err);
    assert_ok(insert_with_key(f, dataset, "other key", "request", id, &existed));
    assert_false(existed);
    assert_string_not_equal(id, first);

    /* The answer stays the same when the queue is full and when the dataset has gone. */
    assert_ok(insert_with_key(f, dataset, NULL, "request", id, &existed));
    assert_status(insert_with_key(f, dataset, "third key", "request", id, &existed), STATUS_BUSY);
    error_clear(&f->err);
    assert_ok(insert_with_key(f, dataset, "key", "request", id, &existed));
    assert_string_equal(id, first);
    struct job_list list;
    struct page page = {.limit = 10};
    assert_ok(store_job_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 3);
    for (size_t i = 0; i < list.n; i++) {
        bool was_running;
        assert_ok(store_job_cancel(f->store, list.rows[i].id, NULL, 0, &was_running, &f->err));
    }
    job_list_deinit(&list);
    assert_ok(store_dataset_delete(f->store, dataset, &f->err));
    assert_ok(insert_with_key(f, dataset, "key", "request", id, &existed));
    assert_string_equal(id, first);
}

static void a_refused_request_leaves_its_key_free(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    bool existed;
    assert_status(
        insert_with_key(f, "ds_01hzy3v7k2m4n6p8qrstvwxyz0", "key", "request", id, &existed),
        STATUS_NOT_FOUND);
    error_clear(&f->err);
    make_dataset(f, "picture", dataset);
    assert_ok(insert_with_key(f, dataset, "key", "another", id, &existed));
    assert_false(existed);
}

/* Is there a job of this key, asked without inserting one? */
static bool has_first(struct fixture *f, const char *key, const char *request)
{
    struct job_row row = {0};
    char sha256[SHA256_TEXT_SIZE];
    bool existed = true;
    sha256_text(request, strlen(request), sha256);
    const struct idempotency idempotency = {.key = key, .request_sha256 = sha256};
    assert_ok(store_job_find_first(f->store, &idempotency, &row, &existed, &f->err));
    assert_int_equal(existed, row.id[0] != '\0');
    job_row_deinit(&row);
    return existed;
}

static void keys_expire_after_a_day(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], first[ID_SIZE], id[ID_SIZE];
    bool existed;
    make_dataset(f, "picture", dataset);
    assert_false(has_first(f, "key", "request"));
    assert_ok(insert_with_key(f, dataset, "key", "request", first, &existed));
    change(f, "main.db", "UPDATE idempotency SET created_ms = created_ms - 86390000");
    assert_true(has_first(f, "key", "request"));
    assert_ok(insert_with_key(f, dataset, "key", "request", id, &existed));
    assert_true(existed);
    change(f, "main.db", "UPDATE idempotency SET created_ms = created_ms - 20000");
    assert_false(has_first(f, "key", "request"));
    assert_ok(insert_with_key(f, dataset, "key", "another", id, &existed));
    assert_false(existed);
    assert_string_not_equal(id, first);
    change(f, "main.db", "UPDATE idempotency SET created_ms = 0");
    reopen(f);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM idempotency"), 0);
}

static void lists_filter_by_status_dataset_and_label(void **state)
{
    struct fixture *f = *state;
    char datasets[2][ID_SIZE], ids[4][ID_SIZE], claimed[ID_SIZE];
    static const char *const labels[] = {
        "{\"series\":\"kodak\",\"n\":\"1\"}",
        "{\"series\":\"other\"}",
        "{\"series\":\"kodak\"}",
        "{\"it's \\\"q\\\" %\":\"\\u00e9 '; DROP TABLE job; --\"}",
    };
    make_dataset(f, "picture 0", datasets[0]);
    make_dataset(f, "picture 1", datasets[1]);
    for (int i = 0; i < 4; i++) {
        struct job_row row = new_job(datasets[i % 2], labels[i]);
        bool existed;
        assert_ok(store_job_insert(f->store, &row, NULL, 10, NULL, &existed, &f->err));
        memcpy(ids[i], row.id, ID_SIZE);
        job_row_deinit(&row);
    }
    claim_job(f, claimed); /* job 0 */
    const struct {
        struct job_filter filter;
        const char *expected; /* numbers of jobs, newest first */
    } rows[] = {
        {{0}, "3210"},
        {{.by_status = true, .status = JOB_QUEUED}, "321"},
        {{.by_status = true, .status = JOB_RUNNING}, "0"},
        {{.by_status = true, .status = JOB_FAILED}, ""},
        {{.dataset_id = datasets[0]}, "20"},
        {{.dataset_id = datasets[1]}, "31"},
        {{.dataset_id = "nonsense"}, ""},
        {{.label_key = "series", .label_value = "kodak"}, "20"},
        {{.label_key = "n", .label_value = "1"}, "0"},
        {{.label_key = "series", .label_value = "1"}, ""},
        {{.label_key = "it's \"q\" %", .label_value = "\xc3\xa9 '; DROP TABLE job; --"}, "3"},
        {{.by_status = true,
          .status = JOB_QUEUED,
          .dataset_id = datasets[0],
          .label_key = "series",
          .label_value = "kodak"},
         "2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* In one page, and one by one. */
        for (size_t limit = 1; limit <= 10; limit += 9) {
            struct page page = {.limit = limit};
            char found[8] = "";
            do {
                struct job_list list;
                assert_ok(store_job_list(f->store, &rows[i].filter, &page, &list, &f->err));
                for (size_t k = 0; k < list.n; k++)
                    for (int id = 0; id < 4; id++)
                        if (strcmp(list.rows[k].id, ids[id]) == 0)
                            found[strlen(found)] = (char)('0' + id);
                memcpy(page.cursor, list.next_cursor, CURSOR_SIZE);
                job_list_deinit(&list);
            } while (page.cursor[0]);
            assert_string_equal(found, rows[i].expected);
        }
    }
    struct page page = {.limit = 10, .cursor = "d0000000000000001"};
    struct job_list list;
    assert_status(store_job_list(f->store, NULL, &page, &list, &f->err), STATUS_INVALID);
    assert_string_equal(f->err.where, "/cursor");
}

static void lists_are_searched_by_the_datasets_name(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], gone[ID_SIZE], ids[2][ID_SIZE];
    bool was_running;
    make_dataset(f, "picture 0", gone);
    make_job(f, gone, ids[0]);
    assert_ok(store_job_cancel(f->store, ids[0], NULL, 0, &was_running, &f->err));
    assert_ok(store_dataset_delete(f->store, gone, &f->err));
    make_dataset(f, "picture 1", dataset);
    make_job(f, dataset, ids[1]);
    const struct {
        const char *search;
        struct job_filter filter;
        const char *expected;
    } rows[] = {
        {"A PIC", {0}, "1"}, /* both were "a picture" */
        {"a_pic", {0}, ""},
        {"job_", {0}, "10"},
        {ids[0], {0}, "0"},
        {ids[0], {.by_status = true, .status = JOB_QUEUED}, ""},
        {"picture", {.dataset_id = dataset, .by_status = true, .status = JOB_QUEUED}, "1"},
        {"picture", {.label_key = "a", .label_value = "b"}, ""},
        {"picture", {.sweep_id = "swp_01hzy3v7k2m4n6p8qrstvwxyz0"}, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct page page = {.limit = 10, .search = rows[i].search};
        struct job_list list;
        char found[8] = "";
        assert_ok(store_job_list(f->store, &rows[i].filter, &page, &list, &f->err));
        for (size_t k = 0; k < list.n; k++)
            found[k] = strcmp(list.rows[k].id, ids[0]) == 0 ? '0' : '1';
        assert_string_equal(found, rows[i].expected);
        job_list_deinit(&list);
    }
}

static void pages_are_stable_while_jobs_come(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], ids[20][ID_SIZE], id[ID_SIZE];
    make_dataset(f, "picture", dataset);
    for (int i = 0; i < 20; i++)
        make_job(f, dataset, ids[i]);
    struct page page = {.limit = 3};
    int expected = 19;
    do {
        struct job_list list;
        assert_ok(store_job_list(f->store, NULL, &page, &list, &f->err));
        for (size_t k = 0; k < list.n; k++)
            assert_string_equal(list.rows[k].id, ids[expected--]);
        memcpy(page.cursor, list.next_cursor, CURSOR_SIZE);
        job_list_deinit(&list);
        make_job(f, dataset, id);
    } while (page.cursor[0]);
    assert_int_equal(expected, -1);
}

static void the_queue_knows_positions_and_counts(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], ids[4][ID_SIZE], claimed[ID_SIZE];
    bool was_running;
    uint64_t position, counts[JOB_CANCELED + 1];
    make_dataset(f, "picture", dataset);
    for (int i = 0; i < 4; i++) {
        make_job(f, dataset, ids[i]);
        assert_ok(store_job_queue_position(f->store, ids[i], &position, &f->err));
        assert_int_equal(position, i + 1);
    }
    claim_job(f, claimed);
    assert_ok(store_job_cancel(f->store, ids[2], NULL, 0, &was_running, &f->err));
    static const uint64_t expected[] = {0, 1, 0, 2};
    for (int i = 0; i < 4; i++) {
        assert_ok(store_job_queue_position(f->store, ids[i], &position, &f->err));
        assert_int_equal(position, expected[i]);
    }
    assert_ok(store_job_count(f->store, counts, &f->err));
    assert_int_equal(counts[JOB_QUEUED], 2);
    assert_int_equal(counts[JOB_RUNNING], 1);
    assert_int_equal(counts[JOB_SUCCEEDED], 0);
    assert_int_equal(counts[JOB_FAILED], 0);
    assert_int_equal(counts[JOB_CANCELED], 1);
    assert_status(store_job_queue_position(f->store, "job_x", &position, &f->err),
                  STATUS_NOT_FOUND);
}

static void what_is_not_there_is_not_found(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = {"job_01hzy3v7k2m4n6p8qrstvwxyz0", "", "' OR 1=1 --"};
    struct job_event event = {.type = "state", .data_json = (char *)"{}"};
    struct job_report report = {0};
    struct job_end end = {.status = JOB_FAILED};
    struct metric_series series;
    struct event_list events;
    struct job_row row;
    bool was_running;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct store *s = f->store;
        assert_status(store_job_get(s, ids[i], &row, &f->err), STATUS_NOT_FOUND);
        assert_status(store_field_job(s, ids[i], &row, &f->err), STATUS_NOT_FOUND);
        assert_status(store_job_cancel(s, ids[i], NULL, 0, &was_running, &f->err),
                      STATUS_NOT_FOUND);
        assert_status(store_job_report(s, ids[i], 1, &report, &f->err), STATUS_CONFLICT);
        assert_status(store_job_finish(s, ids[i], 1, &end, &f->err), STATUS_CONFLICT);
        assert_status(store_job_append_events(s, ids[i], &event, 1, &f->err), STATUS_NOT_FOUND);
        assert_status(store_job_events(s, ids[i], 0, 10, &events, &f->err), STATUS_NOT_FOUND);
        assert_status(store_job_metrics(s, ids[i], NULL, 0, -1, &series, &f->err),
                      STATUS_NOT_FOUND);
        assert_status(store_job_latest_metrics(s, ids[i], &series, &f->err), STATUS_NOT_FOUND);
    }
    assert_status(store_job_claim(f->store, &row, &f->err), STATUS_NOT_FOUND);
}

static void statuses_have_names(void **state)
{
    (void)state;
    static const struct {
        enum job_status status;
        const char *name;
        bool is_end;
    } rows[] = {
        {JOB_QUEUED, "queued", false},      {JOB_RUNNING, "running", false},
        {JOB_SUCCEEDED, "succeeded", true}, {JOB_FAILED, "failed", true},
        {JOB_CANCELED, "canceled", true},
    };
    enum job_status status = JOB_FAILED;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(job_status_name(rows[i].status), rows[i].name);
        assert_true(job_status_parse(rows[i].name, &status));
        assert_int_equal(status, rows[i].status);
        assert_int_equal(job_status_is_end(rows[i].status), rows[i].is_end);
    }
    assert_false(job_status_parse("done", &status));
    assert_false(job_status_parse("", &status));
    assert_false(job_status_parse("Queued", &status));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_is_kept_as_it_was_asked_for),
        TEST(a_job_needs_its_dataset),
        TEST(a_full_queue_is_busy),
        TEST(a_repeated_request_is_the_same_job),
        TEST(a_refused_request_leaves_its_key_free),
        TEST(keys_expire_after_a_day),
        TEST(lists_filter_by_status_dataset_and_label),
        TEST(lists_are_searched_by_the_datasets_name),
        TEST(pages_are_stable_while_jobs_come),
        TEST(the_queue_knows_positions_and_counts),
        TEST(what_is_not_there_is_not_found),
        cmocka_unit_test(statuses_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
