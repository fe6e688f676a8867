/*
 * Jobs in real worker processes: this program again, with the deeds of deeds.h instead of the job
 * kinds of api/.
 */
#include "tests/server/jobs/service_fixture.h"

#include <stdatomic.h>

#include "server/store/store_internal.h"
#include "tests/server/jobs/deeds.h"

static const struct job_kind kinds[] = {{"fit", run_deed, SYSCALLS_OF_A_FIT}};

static void post(struct service *f, const char *deed, char id[ID_SIZE], char field_id[ID_SIZE])
{
    char spec[64];
    snprintf(spec, sizeof spec, "{\"do\":\"%s\"}", deed);
    insert_job(f, spec, id, field_id);
    if (f->supervisor)
        supervisor_wake(f->supervisor);
}

static void cancel(struct service *f, const char *id, bool expect_running)
{
    bool was_running;
    assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
    assert_int_equal(was_running, expect_running);
    if (was_running)
        supervisor_cancel(f->supervisor, id);
}

/* The texts stand in the log in this order. */
static void expect_in_order(const struct watch_log *log, const char *const *texts, size_t n)
{
    const char *at = log->text;
    for (size_t i = 0; i < n; i++) {
        const char *found = strstr(at, texts[i]);
        if (!found)
            fail_msg("'%s' is not where it should be in:\n%s", texts[i], log->text);
        at = found + strlen(texts[i]);
    }
}

static void expect_field(struct service *f, const char *field_id, uint64_t step,
                         const char *weights, const char *metrics)
{
    struct field_row row;
    uint8_t *bytes;
    size_t n;
    assert_ok(store_field_get(f->store, field_id, &row, &f->err));
    assert_int_equal(row.step, step);
    assert_string_equal(row.metrics_json, metrics);
    assert_ok(store_blob_get(f->store, row.weights_sha256, &bytes, &n, &f->err));
    assert_int_equal(n, strlen(weights));
    assert_memory_equal(bytes, weights, n);
    mem_free(bytes);
    field_row_deinit(&row);
    assert_int_equal(field_cache_weights(f->fields, field_id, &bytes, &n, NULL), STATUS_NOT_FOUND);
}

static void expect_no_field(struct service *f, const char *field_id)
{
    struct field_row row;
    uint8_t *bytes;
    size_t n;
    assert_int_equal(store_field_get(f->store, field_id, &row, NULL), STATUS_NOT_FOUND);
    assert_int_equal(field_cache_weights(f->fields, field_id, &bytes, &n, NULL), STATUS_NOT_FOUND);
}

static void expect_counters(struct service *f, uint64_t running, uint64_t crashed)
{
    uint64_t got_running, got_crashed;
    supervisor_counters(f->supervisor, &got_running, &got_crashed);
    assert_int_equal(got_running, running);
    assert_int_equal(got_crashed, crashed);
}

static void a_job_runs_and_becomes_a_field(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE];
    static const char *const expected[] = {
        "id: 1\nevent: state\ndata: {\"status\":\"running\",\"attempt\":1}\n\n",
        "event: progress\ndata: {\"step\":0,\"steps\":100,",
        "\"phase\":\"training\"}\n\n",
        "event: progress\ndata: {\"step\":10,\"steps\":100,\"progress\":0.1,\"seconds\":0.1,"
        "\"eta_seconds\":0.9,\"phase\":\"training\"}\n\n",
        "event: metric\ndata: {\"points\":[[\"loss\",10,0.5,0.1]]}\n\n",
        "event: snapshot\ndata: {\"step\":50,\"sha256\":\"",
        "\"phase\":\"saving\"}\n\n",
        "event: metric\ndata: {\"points\":[[\"psnr\",100,31.5,1]]}\n\n",
        "event: state\ndata: {\"status\":\"succeeded\",\"attempt\":1}\n\n",
        "event: done\ndata: {\"status\":\"succeeded\",\"stopped_by\":\"steps\",\"error\":null,"
        "\"field_id\":\"fld_",
    };
    start_supervisor(f, 1, 60);
    post(f, "succeed", id, field_id);
    struct watch_log *log = watch_to_end(f, id);
    expect_in_order(log, expected, sizeof expected / sizeof *expected);
    watch_log_free(log);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    assert_int_equal(job.attempt, 1);
    assert_string_equal(job.stopped_by, "steps");
    job_row_deinit(&job);
    expect_field(f, field_id, 100, "final weights", "{\"psnr\":31.5}");
    struct metric_series metrics;
    assert_ok(store_job_metrics(f->store, id, NULL, 0, -1, &metrics, &f->err));
    assert_int_equal(metrics.n, 2);
    metric_series_deinit(&metrics);
    stop_supervisor(f);
}

static void no_point_of_many_reports_is_lost(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "report much", id, NULL);
    wait_for_end(f, id);
    struct metric_series metrics;
    assert_ok(store_job_metrics(f->store, id, NULL, 0, -1, &metrics, &f->err));
    assert_int_equal(metrics.n, 100 * 50);
    metric_series_deinit(&metrics);
    stop_supervisor(f);
}

static void a_poison_job_is_tried_three_times_and_the_queue_goes_on(void **state)
{
    struct service *f = *state;
    static const struct {
        const char *deed, *detail;
    } rows[] = {
        {"crash by segv", "the worker ended with signal 11 (SEGV)"},
        {"crash by abort", "the worker ended with signal 6 (ABRT)"},
        {"crash by exit", "the worker ended with exit status 7"},
        {"crash by kill", "the worker ended with signal 9 (KILL)"},
        {"break the rules", "a message has the unknown type 1936287860"},
        {"show a bad snapshot", "the weights are bad"},
        {"say too much", "the worker says too much"},
        {"end without result", "the job 'fit' ended without a result"},
    };
    enum { N = sizeof rows / sizeof *rows };
    char ids[N][ID_SIZE], fields[N][ID_SIZE], last[ID_SIZE];
    start_supervisor(f, 1, 60);
    for (size_t i = 0; i < N; i++)
        post(f, rows[i].deed, ids[i], fields[i]);
    post(f, "succeed", last, NULL);
    wait_for_end(f, last);
    for (size_t i = 0; i < N; i++) {
        struct job_row job = get_job(f, ids[i]);
        assert_int_equal(job.status, JOB_FAILED);
        assert_string_equal(job.error_class, "crashed");
        assert_string_equal(job.error_detail, rows[i].detail);
        assert_int_equal(job.attempt, 3);
        assert_int_equal(job.crashes, 3);
        job_row_deinit(&job);
        expect_no_field(f, fields[i]);
    }
    struct job_row job = get_job(f, last);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    job_row_deinit(&job);
    supervisor_quiesce(f->supervisor);
    expect_counters(f, 0, 3U * N);
}

static void a_crashed_job_goes_on_from_its_checkpoint(void **state)
{
    struct service *f = *state;
    static const char *const expected[] = {
        "{\"status\":\"running\",\"attempt\":1}", "{\"status\":\"queued\",\"attempt\":1}",
        "{\"status\":\"running\",\"attempt\":2}", "{\"status\":\"queued\",\"attempt\":2}",
        "{\"status\":\"running\",\"attempt\":3}", "{\"status\":\"succeeded\",\"attempt\":3}",
    };
    char id[ID_SIZE], field_id[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "crash twice", id, field_id);
    struct watch_log *log = watch_to_end(f, id);
    expect_in_order(log, expected, sizeof expected / sizeof *expected);
    watch_log_free(log);
    expect_field(f, field_id, 100, "final weights", "{\"psnr\":31.5}");
    stop_supervisor(f);
}

static void a_canceled_job_leaves_its_last_snapshot(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "run until stopped", id, field_id);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "event: snapshot");
    const struct field_entry *entry;
    assert_ok(field_cache_get(f->fields, field_id, &entry, &f->err));
    assert_int_equal(entry->state, FIELD_TRAINING);
    assert_int_equal(entry->step, 5);
    field_cache_release(f->fields, entry);
    cancel(f, id, true);
    watch_wait(log, "event: done\ndata: {\"status\":\"canceled\"");
    watch_wait(log, NULL);
    watch_log_free(log);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_CANCELED);
    assert_int_equal(job.checkpoint_step, 7); /* for a resume */
    job_row_deinit(&job);
    expect_field(f, field_id, 7, "last weights", "{\"psnr\":20.25}");
    cancel(f, id, false); /* once more is fine */
    stop_supervisor(f);
}

/* Transactions that main.db was asked for. */
static atomic_uint n_begun;

static int count_begun(unsigned what, void *context, void *statement, void *text)
{
    (void)what, (void)context, (void)statement;
    if (strcmp(text, "BEGIN IMMEDIATE") == 0)
        n_begun++;
    return 0;
}

/* main.db takes no writes, or takes them again. */
static enum status let_write(struct store *s, void *context, struct error *err)
{
    const bool *may = context;
    sqlite3_trace_v2(s->databases[DATABASE_MAIN], SQLITE_TRACE_STMT, count_begun, NULL);
    return database_run(s->databases[DATABASE_MAIN],
                        *may ? "PRAGMA query_only = OFF" : "PRAGMA query_only = ON", err);
}

static void a_result_waits_for_the_store_and_leaves_nothing_behind(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE];
    const struct timespec moment = {.tv_nsec = 1000000};
    bool was_running, may = false;
    struct field_row row;
    start_supervisor(f, 1, 60);
    post(f, "run until stopped", id, field_id);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "event: snapshot");
    assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
    assert_ok(store_write(f->store, DATABASE_BLOB, let_write, NULL, &may, &f->err));
    /* A few are the worker's last reports, the others tries of the end: a wish makes it try at
     * once, not after a second. */
    while (n_begun < 20) {
        supervisor_cancel(f->supervisor, id);
        nanosleep(&moment, NULL);
    }
    may = true;
    assert_ok(store_write(f->store, DATABASE_BLOB, let_write, NULL, &may, &f->err));
    watch_wait(log, NULL);
    watch_log_free(log);
    assert_ok(store_field_get(f->store, field_id, &row, &f->err));
    assert_true(has_blob(f->base, row.weights_sha256));
    assert_ok(store_field_delete(f->store, field_id, &f->err));
    assert_false(has_blob(f->base, row.weights_sha256));
    field_row_deinit(&row);
    stop_supervisor(f);
}

static void a_job_canceled_before_its_first_snapshot_leaves_no_field(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "stop without snapshot", id, field_id);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "\"phase\":\"training\"");
    cancel(f, id, true);
    watch_wait(log, "{\"status\":\"canceled\",\"stopped_by\":null,\"error\":null,"
                    "\"field_id\":null}");
    watch_wait(log, NULL);
    watch_log_free(log);
    expect_no_field(f, field_id);
    stop_supervisor(f);
}

static void a_worker_that_does_not_stop_is_killed(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE];
    start_supervisor(f, 1, 0.05);
    post(f, "hear nothing", id, field_id);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "event: snapshot");
    cancel(f, id, true);
    watch_wait(log, NULL);
    watch_log_free(log);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_CANCELED);
    assert_int_equal(job.crashes, 0);
    job_row_deinit(&job);
    expect_field(f, field_id, 3, "weights of the deaf", "{}");
    stop_supervisor(f);
}

static void a_diverged_job_fails_and_leaves_its_last_snapshot(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "diverge", id, field_id);
    wait_for_end(f, id);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.error_class, "diverged");
    assert_string_equal(job.error_detail, "the loss at step 41 is not finite");
    assert_int_equal(job.attempt, 1);
    job_row_deinit(&job);
    expect_field(f, field_id, 40, "good weights", "{\"psnr\":12.5}");
    stop_supervisor(f);
}

static void data_to_blame_fail_at_once_without_a_field(void **state)
{
    struct service *f = *state;
    static const struct {
        const char *deed, *error_class, *detail;
    } rows[] = {
        {"find bad data", "invalid_data", "the chunk '?\?' is broken"},
        {"run out of memory", "out_of_memory", "out of memory"},
        {"no such deed", "invalid_data", "there is no deed '{\"do\":\"no such deed\"}'"},
    };
    start_supervisor(f, 1, 60);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[ID_SIZE], field_id[ID_SIZE];
        post(f, rows[i].deed, id, field_id);
        wait_for_end(f, id);
        struct job_row job = get_job(f, id);
        assert_int_equal(job.status, JOB_FAILED);
        assert_string_equal(job.error_class, rows[i].error_class);
        assert_string_equal(job.error_detail, rows[i].detail);
        assert_int_equal(job.attempt, 1);
        job_row_deinit(&job);
        expect_no_field(f, field_id);
    }
    stop_supervisor(f);
}

static void jobs_run_two_at_a_time_in_their_order(void **state)
{
    struct service *f = *state;
    enum { N = 6, WORKERS = 2 };
    char ids[N][ID_SIZE];
    struct watch_log *logs[N];
    for (size_t i = 0; i < N; i++) {
        post(f, "run until stopped", ids[i], NULL);
        logs[i] = watch(f, ids[i], 0);
    }
    start_supervisor(f, WORKERS, 60);
    for (size_t i = 0; i < N; i++) {
        watch_wait(logs[i], "event: snapshot");
        if (i + 1 < WORKERS)
            continue;
        /* i and the one before run, the others wait in their order */
        expect_counters(f, WORKERS, 0);
        for (size_t k = i + 1; k < N; k++) {
            uint64_t position;
            assert_ok(store_job_queue_position(f->store, ids[k], &position, &f->err));
            assert_int_equal(position, k - i);
        }
        cancel(f, ids[i + 1 - WORKERS], true);
        watch_wait(logs[i + 1 - WORKERS], NULL);
    }
    cancel(f, ids[N - 1], true);
    watch_wait(logs[N - 1], NULL);
    for (size_t i = 0; i < N; i++)
        watch_log_free(logs[i]);
    stop_supervisor(f);
}

static void a_canceled_queued_job_never_runs(void **state)
{
    struct service *f = *state;
    char first[ID_SIZE], second[ID_SIZE];
    post(f, "crash by exit", first, NULL);
    post(f, "succeed", second, NULL);
    cancel(f, first, false);
    start_supervisor(f, 1, 60);
    wait_for_end(f, second);
    struct job_row job = get_job(f, first);
    assert_int_equal(job.status, JOB_CANCELED);
    assert_int_equal(job.attempt, 0);
    job_row_deinit(&job);
    job = get_job(f, second);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    job_row_deinit(&job);
    stop_supervisor(f);
}

static void a_stop_of_the_service_costs_a_job_nothing(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE], waiting[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "run until stopped", id, field_id);
    post(f, "succeed", waiting, NULL);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "event: snapshot");
    stop_supervisor(f);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_QUEUED);
    assert_int_equal(job.crashes, 0);
    assert_int_equal(job.checkpoint_step, 7);
    job_row_deinit(&job);
    job = get_job(f, waiting);
    assert_int_equal(job.status, JOB_QUEUED);
    job_row_deinit(&job);
    assert_non_null(strstr(log->text, "{\"status\":\"queued\",\"attempt\":1}"));

    start_supervisor(f, 1, 60);
    watch_wait(log, NULL); /* it went on from the checkpoint */
    watch_log_free(log);
    wait_for_end(f, waiting);
    job = get_job(f, id);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    assert_int_equal(job.attempt, 2);
    job_row_deinit(&job);
    expect_field(f, field_id, 100, "final weights", "{\"psnr\":31.5}");
    stop_supervisor(f);
}

static void a_worker_stopped_from_outside_goes_on_from_where_it_was(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "be stopped from outside", id, NULL);
    wait_for_end(f, id);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    assert_int_equal(job.attempt, 2);
    assert_int_equal(job.crashes, 0);
    job_row_deinit(&job);
    stop_supervisor(f);
}

static void a_stop_kills_a_worker_that_does_not_hear_and_counts_nothing(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE];
    start_supervisor(f, 1, 0.05);
    post(f, "hear nothing", id, NULL);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "event: snapshot");
    stop_supervisor(f);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_QUEUED);
    assert_int_equal(job.crashes, 0);
    job_row_deinit(&job);
    events_free(f->events); /* lets the watcher go */
    f->events = NULL;
    watch_log_free(log);
}

/* Jobs are posted, canceled and waited for by several threads while others run. */
struct client {
    struct service *f;
    unsigned number;
    bool ok;
};

static void *be_a_client(void *argument)
{
    struct client *c = argument;
    struct service own = *c->f, *f = &own; /* with an error of its own */
    for (unsigned i = 0; i < 4; i++) {
        char id[ID_SIZE];
        bool was_running = false;
        struct job_row job;
        post(f, (i + c->number) % 2 ? "stop without snapshot" : "succeed", id, NULL);
        if ((i + c->number) % 2) {
            if (store_job_cancel(f->store, id, NULL, 0, &was_running, NULL) != STATUS_OK)
                return NULL;
            if (was_running)
                supervisor_cancel(f->supervisor, id);
        }
        wait_for_end(f, id);
        if (store_job_get(f->store, id, &job, NULL) != STATUS_OK)
            return NULL;
        const bool right = job.status == ((i + c->number) % 2 ? JOB_CANCELED : JOB_SUCCEEDED);
        job_row_deinit(&job);
        if (!right)
            return NULL;
    }
    c->ok = true;
    return NULL;
}

static void many_clients_get_what_they_asked_for(void **state)
{
    struct service *f = *state;
    enum { N = 4 };
    struct client clients[N];
    pthread_t threads[N];
    start_supervisor(f, 2, 60);
    for (unsigned i = 0; i < N; i++) {
        clients[i] = (struct client){.f = f, .number = i};
        pthread_create(&threads[i], NULL, be_a_client, &clients[i]);
    }
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_true(clients[i].ok);
    }
    stop_supervisor(f);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return worker_main(kinds, sizeof kinds / sizeof *kinds);
#define TEST(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_job_runs_and_becomes_a_field),
        TEST(no_point_of_many_reports_is_lost),
        TEST(a_poison_job_is_tried_three_times_and_the_queue_goes_on),
        TEST(a_crashed_job_goes_on_from_its_checkpoint),
        TEST(a_canceled_job_leaves_its_last_snapshot),
        TEST(a_result_waits_for_the_store_and_leaves_nothing_behind),
        TEST(a_job_canceled_before_its_first_snapshot_leaves_no_field),
        TEST(a_worker_that_does_not_stop_is_killed),
        TEST(a_diverged_job_fails_and_leaves_its_last_snapshot),
        TEST(data_to_blame_fail_at_once_without_a_field),
        TEST(jobs_run_two_at_a_time_in_their_order),
        TEST(a_canceled_queued_job_never_runs),
        TEST(a_stop_of_the_service_costs_a_job_nothing),
        TEST(a_worker_stopped_from_outside_goes_on_from_where_it_was),
        TEST(a_stop_kills_a_worker_that_does_not_hear_and_counts_nothing),
        TEST(many_clients_get_what_they_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
