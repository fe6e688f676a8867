#include "tests/server/store/store_fixture.h"

#include "server/store/store_internal.h"
#include "tests/server/store/writer_alloc.h"
#include "tests/support/alloc.h"

/* --- failures on the caller's thread --- */

static enum status open_and_close(void *context, struct error *err)
{
    const struct fixture *f = context;
    struct store *s;
    enum status status = store_open(&s, f->folder, err);
    if (status == STATUS_OK)
        store_close(s);
    /* quick_check tells of pages that it had no memory for in the text of its answer. */
    if (status == STATUS_IO && strstr(err->message, "error code=7"))
        status = err->status = STATUS_NO_MEMORY;
    return status;
}

static void open_survives_any_failed_allocation(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    store_close(f->store);
    f->store = NULL;
    assert_true(alloc_fail_each(open_and_close, f) > 10);
    assert_ok(store_open(&f->store, f->folder, &f->err));
    struct job_row row;
    assert_ok(store_job_get(f->store, id, &row, &f->err));
    job_row_deinit(&row);
}

static enum status read_everything(void *context, struct error *err)
{
    const struct fixture *f = context;
    struct page page = {.limit = 5};
    struct job_list jobs = {0};
    struct dataset_list datasets = {0};
    struct field_list fields = {0};
    struct metric_series series = {0};
    struct event_list events = {0};
    uint8_t *bytes = NULL;
    size_t n;
    enum status status = store_job_list(f->store, NULL, &page, &jobs, err);
    if (status == STATUS_OK)
        status = store_dataset_list(f->store, NULL, &page, &datasets, err);
    if (status == STATUS_OK)
        status = store_field_list(f->store, NULL, &page, &fields, err);
    if (status == STATUS_OK)
        status = store_job_metrics(f->store, jobs.rows[0].id, NULL, 0, -1, &series, err);
    if (status == STATUS_OK)
        status = store_job_events(f->store, jobs.rows[0].id, 0, 10, &events, err);
    if (status == STATUS_OK)
        status = store_blob_get(f->store, fields.rows[0].weights_sha256, &bytes, &n, err);
    mem_free(bytes);
    event_list_deinit(&events);
    metric_series_deinit(&series);
    field_list_deinit(&fields);
    dataset_list_deinit(&datasets);
    job_list_deinit(&jobs);
    return status;
}

static void reads_survive_any_failed_allocation(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], weights[SHA256_TEXT_SIZE];
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    claim_job(f, id);
    struct metric_point points[] = {{"loss", 1, 0.5, 1}, {"loss", 2, 0.25, 2}, {"psnr", 2, 9, 2}};
    struct job_event events[] = {{.type = "state", .data_json = (char *)"{}"},
                                 {.type = "done", .data_json = (char *)"{}"}};
    struct job_report report = {.phase = "training", .points = points, .n_points = 3};
    assert_ok(store_job_report(f->store, id, 1, &report, &f->err));
    put_text(f, "weights", weights);
    struct field_row field = new_field(weights);
    struct job_end end = {
        .status = JOB_SUCCEEDED, .field = &field, .events = events, .n_events = 2};
    assert_ok(store_job_finish(f->store, id, 1, &end, &f->err));
    assert_true(alloc_fail_each(read_everything, f) > 10);
    assert_int_equal(f->store->n_readers_out, 0);
}

/* --- failures on the writer thread --- */

/* A job's whole life; how far it came. */
struct life {
    char dataset[ID_SIZE];
    size_t n_inserted, n_finished;
};

static enum status live(struct fixture *f, struct life *life, struct error *err)
{
    char weights[SHA256_TEXT_SIZE];
    bool existed;
    struct job_row claimed = {0}, row = new_job(life->dataset, "{\"a\":\"b\"}");
    struct metric_point point = {"loss", 1, 0.5, 1};
    struct job_event event = {.type = "state", .data_json = (char *)"{}"};
    struct job_report report = {
        .phase = "training", .points = &point, .n_points = 1, .events = &event, .n_events = 1};
    enum status status = store_job_insert(f->store, &row, NULL, 1000, NULL, &existed, err);
    life->n_inserted += status == STATUS_OK;
    if (status == STATUS_OK)
        status = store_job_claim(f->store, &claimed, err);
    if (status == STATUS_OK)
        status = store_job_report(f->store, claimed.id, claimed.attempt, &report, err);
    if (status == STATUS_OK)
        status = store_blob_put(f->store, (const uint8_t *)claimed.id, ID_SIZE, weights, err);
    if (status == STATUS_OK)
        status = store_job_checkpoint(f->store, claimed.id, claimed.attempt, weights, 1, err);
    struct field_row field = new_field(status == STATUS_OK ? weights : (char[SHA256_TEXT_SIZE]){0});
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    if (status == STATUS_OK)
        status = store_job_finish(f->store, claimed.id, claimed.attempt, &end, err);
    life->n_finished += status == STATUS_OK;
    job_row_deinit(&claimed);
    job_row_deinit(&row);
    return status;
}

static void writes_survive_any_failed_allocation(void **state)
{
    struct fixture *f = *state;
    struct life life = {0};
    bool has_failed = true;
    make_dataset(f, "picture", life.dataset);
    /* Nearby allocations have the same fate: after the first ones a sample will do. */
    for (size_t n = 1; has_failed; n += n < 50 ? 1 : 1 + n / 25) {
        struct error err = {0};
        writer_alloc_fail(f, n);
        enum status status = live(f, &life, &err);
        has_failed = writer_alloc_stop(f);
        if (status != STATUS_OK && (status != STATUS_NO_MEMORY || !has_failed))
            fail_msg("allocation %zu failed: %s: %s", n, status_name(status), err.message);
        /* Out of the way of the next round. */
        struct job_row row;
        while (store_job_claim(f->store, &row, NULL) == STATUS_OK)
            job_row_deinit(&row);
    }
    reopen(f);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job"), life.n_inserted);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM field"), life.n_finished);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_survives_any_failed_allocation),
        TEST(reads_survive_any_failed_allocation),
        TEST(writes_survive_any_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
