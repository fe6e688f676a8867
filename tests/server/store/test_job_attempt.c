#include "tests/server/store/store_fixture.h"

/* A dataset, a job, its first claim. */
static void start(struct fixture *f, char id[ID_SIZE])
{
    char dataset[ID_SIZE], claimed[ID_SIZE];
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    assert_int_equal(claim_job(f, claimed), 1);
    assert_string_equal(claimed, id);
}

static void get(struct fixture *f, const char *id, struct job_row *row)
{
    assert_ok(store_job_get(f->store, id, row, &f->err));
}

static void the_oldest_is_claimed_first(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], ids[5][ID_SIZE], claimed[ID_SIZE];
    struct job_row row;
    make_dataset(f, "picture", dataset);
    for (int i = 0; i < 5; i++)
        make_job(f, dataset, ids[i]);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(claim_job(f, claimed), 1);
        assert_string_equal(claimed, ids[i]);
    }
    assert_status(store_job_claim(f->store, &row, &f->err), STATUS_NOT_FOUND);
    error_clear(&f->err);
    /* One that comes back keeps its place before those that came later. */
    char later[ID_SIZE];
    make_job(f, dataset, later);
    struct job_end again = {.status = JOB_QUEUED};
    assert_ok(store_job_finish(f->store, ids[3], 1, &again, &f->err));
    assert_int_equal(claim_job(f, claimed), 2);
    assert_string_equal(claimed, ids[3]);
    assert_int_equal(claim_job(f, claimed), 1);
    assert_string_equal(claimed, later);
}

static void a_claim_is_durable(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    struct job_row row;
    start(f, id);
    get(f, id, &row);
    assert_int_equal(row.status, JOB_RUNNING);
    assert_int_equal(row.attempt, 1);
    assert_in_range(row.started_ms, row.created_ms, clock_now_ms());
    job_row_deinit(&row);
}

static void a_report_shows_in_the_job(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    struct job_row row;
    start(f, id);
    struct job_report report = {
        .phase = "training", .step = 40, .seconds = 2.5, .eta_seconds = 3.75, .progress = 0.4};
    assert_ok(store_job_report(f->store, id, 1, &report, &f->err));
    get(f, id, &row);
    assert_string_equal(row.phase, "training");
    assert_int_equal(row.step, 40);
    assert_true(row.seconds == 2.5 && row.eta_seconds == 3.75 && row.progress == 0.4);
    job_row_deinit(&row);
}

static void an_attempt_that_is_over_may_write_nothing(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE], claimed[ID_SIZE], blob[SHA256_TEXT_SIZE], weights[SHA256_TEXT_SIZE];
    start(f, id);
    struct metric_point point = {.key = "loss", .step = 1, .value = 1};
    struct job_event event = {.type = "state", .data_json = (char *)"{}"};
    struct job_report report = {
        .phase = "x", .step = 9, .points = &point, .n_points = 1, .events = &event, .n_events = 1};
    struct job_end again = {.status = JOB_QUEUED, .crashed = true};
    assert_ok(store_job_finish(f->store, id, 1, &again, &f->err));
    static const unsigned over[] = {0, 1, 3};
    for (int round = 0; round < 2; round++) { /* queued, then running with attempt 2 */
        for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
            put_text(f, "checkpoint", blob);
            put_text(f, "weights", weights);
            struct field_row field = new_field(weights);
            struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
            assert_status(store_job_report(f->store, id, over[i], &report, &f->err),
                          STATUS_CONFLICT);
            assert_status(store_job_checkpoint(f->store, id, over[i], blob, 5, &f->err),
                          STATUS_CONFLICT);
            assert_status(store_job_finish(f->store, id, over[i], &end, &f->err), STATUS_CONFLICT);
            /* What it had stored for that goes with it. */
            assert_false(has_blob(f, blob));
            assert_false(has_blob(f, weights));
        }
        error_clear(&f->err);
        if (round == 0)
            assert_int_equal(claim_job(f, claimed), 2);
    }
    struct job_row row;
    get(f, id, &row);
    assert_int_equal(row.status, JOB_RUNNING);
    assert_int_equal(row.attempt, 2);
    assert_int_equal(row.step, 0);
    assert_string_equal(row.checkpoint_sha256, "");
    job_row_deinit(&row);
    struct metric_series series;
    assert_ok(store_job_metrics(f->store, id, NULL, 0, -1, &series, &f->err));
    assert_int_equal(series.n, 0);
    metric_series_deinit(&series);
    assert_ok(store_job_report(f->store, id, 2, &report, &f->err));
}

/* A setting that is left to the data is chosen once, by the attempt that runs. */
static void a_choice_stands_in_the_spec(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE], dataset_id[ID_SIZE];
    char *spec = NULL;
    bool existed;
    struct job_tuning tuning = {"sigma", 5.7, "{\"sigma\":{\"chosen\":5.7}}"};
    make_dataset(f, "left open", dataset_id);
    struct job_row row = new_job(dataset_id, "{}");
    mem_free(row.spec_json);
    row.spec_json = mem_strdup("{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"sigma\":\"auto\","
                               "\"n_frequencies\":8}},\"train\":{\"learning_rate\":0.001}}");
    assert_ok(store_job_insert(f->store, &row, NULL, 100, NULL, &existed, &f->err));
    assert_null(row.tuning_json);
    job_row_deinit(&row);
    assert_int_equal(claim_job(f, id), 1);
    assert_status(store_job_tune(f->store, id, 2, &tuning, &spec, &f->err), STATUS_CONFLICT);
    assert_ok(store_job_tune(f->store, id, 1, &tuning, &spec, &f->err));
    assert_string_equal(spec, "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"sigma\":5.7,"
                              "\"n_frequencies\":8}},\"train\":{\"learning_rate\":0.001}}");
    tuning.value = 8.0;
    char *other = NULL;
    assert_status(store_job_tune(f->store, id, 1, &tuning, &other, &f->err), STATUS_INVALID);
    assert_null(other);
    assert_ok(store_job_forecast(f->store, id, 1, "{\"a\":1}", &f->err));
    assert_ok(store_job_forecast(f->store, id, 1, "{\"a\":2}", &f->err));
    assert_status(store_job_forecast(f->store, id, 2, "{}", &f->err), STATUS_CONFLICT);
    reopen(f);
    assert_ok(store_job_get(f->store, id, &row, &f->err));
    assert_string_equal(row.spec_json, spec);
    assert_string_equal(row.tuning_json, "{\"sigma\":{\"chosen\":5.7}}");
    assert_string_equal(row.forecast_json, "{\"a\":2}");
    job_row_deinit(&row);
    mem_free(spec);
}

static void the_last_two_checkpoints_are_kept(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE], blobs[4][SHA256_TEXT_SIZE];
    struct job_row row;
    start(f, id);
    for (int i = 0; i < 4; i++) {
        char text[32];
        snprintf(text, sizeof text, "checkpoint %d", i);
        put_text(f, text, blobs[i]);
        assert_ok(store_job_checkpoint(f->store, id, 1, blobs[i], 10u * (unsigned)i, &f->err));
        for (int k = 0; k <= i; k++)
            assert_int_equal(has_blob(f, blobs[k]), k >= i - 1);
    }
    /* The same once more pushes nothing out. */
    put_text(f, "checkpoint 3", blobs[3]);
    assert_ok(store_job_checkpoint(f->store, id, 1, blobs[3], 31, &f->err));
    assert_true(has_blob(f, blobs[2]));
    reopen(f);
    assert_true(has_blob(f, blobs[2]));
    assert_true(has_blob(f, blobs[3]));
    get(f, id, &row);
    assert_string_equal(row.checkpoint_sha256, blobs[3]);
    assert_int_equal(row.checkpoint_step, 31);
    job_row_deinit(&row);
    /* Of an ended job the last one. */
    assert_int_equal(claim_job(f, id), 2);
    struct job_end end = {.status = JOB_FAILED, .error_class = "diverged", .error_detail = "nan"};
    assert_ok(store_job_finish(f->store, id, 2, &end, &f->err));
    assert_false(has_blob(f, blobs[2]));
    assert_true(has_blob(f, blobs[3]));
    reopen(f);
    assert_true(has_blob(f, blobs[3]));
}

static void a_checkpoint_must_have_been_stored(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE], sha256[SHA256_TEXT_SIZE];
    start(f, id);
    sha256_text("nowhere", 7, sha256);
    assert_status(store_job_checkpoint(f->store, id, 1, sha256, 5, &f->err), STATUS_INTERNAL);
    struct field_row field = new_field(sha256);
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    assert_status(store_job_finish(f->store, id, 1, &end, &f->err), STATUS_INTERNAL);
    struct job_row row;
    get(f, id, &row);
    assert_int_equal(row.status, JOB_RUNNING);
    job_row_deinit(&row);
}

static void success_publishes_the_field_with_the_end(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE], weights[SHA256_TEXT_SIZE];
    struct job_row job;
    start(f, id);
    get(f, id, &job);
    put_text(f, "weights", weights);
    struct field_row read, field = new_field(weights);
    struct job_event events[] = {{.type = "state", .data_json = (char *)"{\"a\":1}"},
                                 {.type = "done", .data_json = (char *)"{\"b\":2}"}};
    struct job_end end = {.status = JOB_SUCCEEDED,
                          .stopped_by = "steps",
                          .field = &field,
                          .events = events,
                          .n_events = 2};
    assert_status(store_field_get(f->store, job.field_id, &read, &f->err), STATUS_NOT_FOUND);
    error_clear(&f->err);
    assert_ok(store_job_finish(f->store, id, 1, &end, &f->err));
    assert_int_equal(events[1].seq, 2);
    reopen(f);

    assert_ok(store_field_get(f->store, job.field_id, &read, &f->err));
    assert_string_equal(read.id, job.field_id);
    assert_string_equal(read.job_id, id);
    assert_string_equal(read.dataset_id, job.dataset_id);
    assert_string_equal(read.task, "image");
    assert_int_equal(read.step, 100);
    assert_int_equal(read.bytes, 7);
    assert_string_equal(read.weights_sha256, weights);
    assert_string_equal(read.spec_json, job.spec_json);
    assert_string_equal(read.summary_json, field.summary_json);
    assert_string_equal(read.metrics_json, field.metrics_json);
    assert_in_range(read.created_ms, job.created_ms, clock_now_ms());
    field_row_deinit(&read);
    job_row_deinit(&job);

    get(f, id, &job);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    assert_string_equal(job.stopped_by, "steps");
    assert_string_equal(job.phase, "");
    assert_true(job.progress == 1);
    assert_in_range(job.finished_ms, job.started_ms, clock_now_ms());
    struct job_row none;
    assert_status(store_field_job(f->store, job.field_id, &none, &f->err), STATUS_NOT_FOUND);
    job_row_deinit(&job);
    error_clear(&f->err);
    /* The end is the end. */
    assert_status(store_job_finish(f->store, id, 1, &end, &f->err), STATUS_CONFLICT);
}

static void a_failure_keeps_its_words(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    struct job_row row;
    start(f, id);
    struct job_end end = {.status = JOB_FAILED,
                          .crashed = true,
                          .error_class = "crashed",
                          .error_detail = "the worker died of SIGSEGV"};
    assert_ok(store_job_finish(f->store, id, 1, &end, &f->err));
    get(f, id, &row);
    assert_int_equal(row.status, JOB_FAILED);
    assert_int_equal(row.crashes, 1);
    assert_string_equal(row.error_class, "crashed");
    assert_string_equal(row.error_detail, "the worker died of SIGSEGV");
    assert_true(row.finished_ms > 0);
    job_row_deinit(&row);
}

static void only_crashes_count_as_crashes(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    struct job_row row;
    start(f, id);
    struct job_end end = {.status = JOB_QUEUED};
    assert_ok(store_job_finish(f->store, id, 1, &end, &f->err));
    assert_int_equal(claim_job(f, id), 2);
    end.crashed = true;
    assert_ok(store_job_finish(f->store, id, 2, &end, &f->err));
    get(f, id, &row);
    assert_int_equal(row.status, JOB_QUEUED);
    assert_int_equal(row.attempt, 2);
    assert_int_equal(row.crashes, 1);
    assert_int_equal(row.finished_ms, 0);
    job_row_deinit(&row);
}

static void cancel_follows_the_state(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], claimed[ID_SIZE];
    struct job_row row;
    bool was_running = true;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    for (int i = 0; i < 2; i++) { /* queued, then canceled already */
        assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
        assert_false(was_running);
        get(f, id, &row);
        assert_int_equal(row.status, JOB_CANCELED);
        assert_true(row.finished_ms > 0);
        job_row_deinit(&row);
    }
    assert_status(store_job_claim(f->store, &row, &f->err), STATUS_NOT_FOUND);
    error_clear(&f->err);

    make_job(f, dataset, id);
    claim_job(f, claimed);
    for (int i = 0; i < 2; i++) {
        assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
        assert_true(was_running);
        get(f, id, &row);
        assert_int_equal(row.status, JOB_RUNNING);
        assert_true(row.cancel_requested);
        job_row_deinit(&row);
    }
    /* Success may come first. */
    struct job_end end = {.status = JOB_SUCCEEDED, .stopped_by = "steps"};
    assert_ok(store_job_finish(f->store, id, 1, &end, &f->err));
    assert_status(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err), STATUS_CONFLICT);
    assert_non_null(strstr(f->err.message, "succeeded"));
}

static void a_job_to_be_canceled_does_not_go_back_to_the_queue(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    bool was_running;
    struct job_row row;
    start(f, id);
    assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
    struct job_event again = {.type = "state", .data_json = (char *)"{\"a\":1}"};
    struct job_event last[] = {{.type = "state", .data_json = (char *)"{\"b\":2}"},
                               {.type = "done", .data_json = (char *)"{\"c\":3}"}};
    struct job_end end = {.status = JOB_QUEUED,
                          .crashed = true,
                          .events = &again,
                          .n_events = 1,
                          .cancel_events = last,
                          .n_cancel_events = 2};
    assert_ok(store_job_finish(f->store, id, 1, &end, &f->err));
    assert_int_equal(end.status, JOB_CANCELED);
    /* The log says so in the same transaction: no crash leaves an end without it. */
    assert_int_equal(again.seq, 0);
    assert_int_equal(last[1].seq, 2);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job_event"), 2);
    assert_int_equal(ask(f, "main.db", "SELECT seq FROM job_event WHERE type = 'done'"), 2);
    get(f, id, &row);
    assert_int_equal(row.status, JOB_CANCELED);
    assert_true(row.finished_ms > 0);
    job_row_deinit(&row);
    assert_status(store_job_claim(f->store, &row, &f->err), STATUS_NOT_FOUND);
}

/* Resume `parent`: the status, and the new row. */
static enum status resume(struct fixture *f, const char *dataset, const char *parent,
                          struct job_row *row)
{
    bool existed;
    *row = new_job(dataset, "{}");
    snprintf(row->parent_id, sizeof row->parent_id, "%s", parent);
    return store_job_insert(f->store, row, NULL, 10, NULL, &existed, &f->err);
}

static void a_resumed_job_starts_from_its_parents_checkpoint(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], parent[ID_SIZE], claimed[ID_SIZE], first[SHA256_TEXT_SIZE],
        second[SHA256_TEXT_SIZE];
    struct job_row row;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, parent);
    claim_job(f, claimed);
    assert_status(resume(f, dataset, parent, &row), STATUS_CONFLICT); /* not ended */
    job_row_deinit(&row);
    error_clear(&f->err);
    put_text(f, "first", first);
    assert_ok(store_job_checkpoint(f->store, parent, 1, first, 50, &f->err));
    struct job_end end = {.status = JOB_CANCELED};
    assert_ok(store_job_finish(f->store, parent, 1, &end, &f->err));

    assert_ok(resume(f, dataset, parent, &row));
    assert_string_equal(row.parent_id, parent);
    assert_string_equal(row.checkpoint_sha256, first);
    assert_int_equal(row.checkpoint_step, 50);
    job_row_deinit(&row);
    /* The child goes on to checkpoints of its own; its parent keeps the shared one. */
    claim_job(f, claimed);
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "second %d", i);
        put_text(f, text, second);
        assert_ok(store_job_checkpoint(f->store, claimed, 1, second, 60, &f->err));
    }
    assert_true(has_blob(f, first));
    get(f, parent, &row);
    assert_string_equal(row.checkpoint_sha256, first);
    job_row_deinit(&row);

    char without[ID_SIZE];
    bool was_running;
    make_job(f, dataset, without);
    assert_ok(store_job_cancel(f->store, without, NULL, 0, &was_running, &f->err));
    assert_status(resume(f, dataset, without, &row), STATUS_CONFLICT);
    job_row_deinit(&row);
    assert_status(resume(f, dataset, "job_01hzy3v7k2m4n6p8qrstvwxyz0", &row), STATUS_NOT_FOUND);
    job_row_deinit(&row);
}

static void fields_are_listed_and_deleted_with_their_weights(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], ids[4][ID_SIZE], fields[4][ID_SIZE], blobs[4][SHA256_TEXT_SIZE];
    static const char *const weights[] = {"a", "b", "b", "c"}; /* two fields share theirs */
    make_dataset(f, "picture", dataset);
    for (int i = 0; i < 4; i++) {
        struct job_row row;
        make_job(f, dataset, ids[i]);
        claim_job(f, ids[i]);
        get(f, ids[i], &row);
        memcpy(fields[i], row.field_id, ID_SIZE);
        job_row_deinit(&row);
        put_text(f, weights[i], blobs[i]);
        struct field_row field = new_field(blobs[i]);
        struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
        assert_ok(store_job_finish(f->store, ids[i], 1, &end, &f->err));
    }
    struct page page = {.limit = 3};
    struct field_list list;
    assert_ok(store_field_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(list.rows[i].id, fields[3 - i]);
    memcpy(page.cursor, list.next_cursor, CURSOR_SIZE);
    field_list_deinit(&list);
    assert_ok(store_field_delete(f->store, fields[1], &f->err));
    assert_true(has_blob(f, blobs[1])); /* field 2 has it too */
    assert_ok(store_field_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.rows[0].id, fields[0]);
    assert_string_equal(list.next_cursor, "");
    field_list_deinit(&list);

    assert_ok(store_field_delete(f->store, fields[2], &f->err));
    assert_false(has_blob(f, blobs[2]));
    assert_true(has_blob(f, blobs[0]));
    assert_status(store_field_delete(f->store, fields[2], &f->err), STATUS_NOT_FOUND);
    struct field_row read;
    assert_status(store_field_get(f->store, fields[2], &read, &f->err), STATUS_NOT_FOUND);
    error_clear(&f->err);
    reopen(f);
    struct job_row row;
    get(f, ids[2], &row); /* the job still says which it was */
    assert_string_equal(row.field_id, fields[2]);
    job_row_deinit(&row);
    snprintf(page.cursor, sizeof page.cursor, "j0000000000000001");
    assert_status(store_field_list(f->store, NULL, &page, &list, &f->err), STATUS_INVALID);
}

static void a_blob_that_waits_for_its_name_stays(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], ids[2][ID_SIZE], weights[SHA256_TEXT_SIZE], field_id[ID_SIZE];
    struct job_row row;
    make_dataset(f, "picture", dataset);
    for (int i = 0; i < 2; i++)
        make_job(f, dataset, ids[i]);
    for (int i = 0; i < 2; i++)
        claim_job(f, ids[i]);
    /* Two jobs come to the same bytes; the first one's field goes before the second is there. */
    put_text(f, "same", weights);
    put_text(f, "same", weights);
    struct field_row field = new_field(weights);
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    assert_ok(store_job_finish(f->store, ids[0], 1, &end, &f->err));
    get(f, ids[0], &row);
    memcpy(field_id, row.field_id, ID_SIZE);
    job_row_deinit(&row);
    assert_ok(store_field_delete(f->store, field_id, &f->err));
    assert_ok(store_job_finish(f->store, ids[1], 1, &end, &f->err));
    assert_true(has_blob(f, weights));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_oldest_is_claimed_first),
        TEST(a_claim_is_durable),
        TEST(a_report_shows_in_the_job),
        TEST(an_attempt_that_is_over_may_write_nothing),
        TEST(a_choice_stands_in_the_spec),
        TEST(the_last_two_checkpoints_are_kept),
        TEST(a_checkpoint_must_have_been_stored),
        TEST(success_publishes_the_field_with_the_end),
        TEST(a_failure_keeps_its_words),
        TEST(only_crashes_count_as_crashes),
        TEST(cancel_follows_the_state),
        TEST(a_job_to_be_canceled_does_not_go_back_to_the_queue),
        TEST(a_resumed_job_starts_from_its_parents_checkpoint),
        TEST(fields_are_listed_and_deleted_with_their_weights),
        TEST(a_blob_that_waits_for_its_name_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
