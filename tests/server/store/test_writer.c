#include "tests/server/store/store_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "server/store/store_internal.h"

enum { N_THREADS = 8 };

/* --- many threads --- */

enum { N_JOBS = 200 };

/* Threads of a test write what they got here and assert nothing; the test looks at it afterwards.
 */
struct crew {
    struct fixture *f;
    char dataset[ID_SIZE];
    atomic_size_t n;
    char ids[N_JOBS][ID_SIZE];
    atomic_size_t n_failed;
};

static void run_crew(struct crew *crew, size_t n_threads, void *(*work)(void *))
{
    pthread_t threads[64];
    for (size_t i = 0; i < n_threads; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, crew), 0);
    for (size_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crew->n_failed, 0);
}

static void *insert_jobs(void *argument)
{
    struct crew *crew = argument;
    for (int i = 0; i < N_JOBS / N_THREADS; i++) {
        struct job_row row = new_job(crew->dataset, "{}");
        bool existed;
        if (store_job_insert(crew->f->store, &row, NULL, 1000, NULL, &existed, NULL) != STATUS_OK)
            crew->n_failed++;
        memcpy(crew->ids[crew->n++], row.id, ID_SIZE);
        job_row_deinit(&row);
    }
    return NULL;
}

static void *claim_jobs(void *argument)
{
    struct crew *crew = argument;
    struct job_row row;
    enum status status;
    while ((status = store_job_claim(crew->f->store, &row, NULL)) == STATUS_OK) {
        size_t i = crew->n++;
        if (i < N_JOBS)
            memcpy(crew->ids[i], row.id, ID_SIZE);
        if (row.attempt != 1 || row.status != JOB_RUNNING)
            crew->n_failed++;
        job_row_deinit(&row);
    }
    if (status != STATUS_NOT_FOUND)
        crew->n_failed++;
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void assert_all_differ(struct crew *crew)
{
    assert_int_equal(crew->n, N_JOBS);
    qsort(crew->ids, N_JOBS, ID_SIZE, compare);
    for (int i = 1; i < N_JOBS; i++)
        assert_string_not_equal(crew->ids[i - 1], crew->ids[i]);
}

static void eight_threads_claim_each_job_once(void **state)
{
    struct fixture *f = *state;
    static struct crew inserted, claimed;
    inserted = (struct crew){.f = f};
    claimed = (struct crew){.f = f};
    make_dataset(f, "picture", inserted.dataset);
    run_crew(&inserted, N_THREADS, insert_jobs);
    assert_all_differ(&inserted);

    /* The list goes by commit, and ids ascend with it. */
    struct page page = {.limit = 200};
    struct job_list list;
    assert_ok(store_job_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, N_JOBS);
    for (size_t i = 0; i < N_JOBS; i++)
        assert_string_equal(list.rows[i].id, inserted.ids[N_JOBS - 1 - i]);
    job_list_deinit(&list);

    run_crew(&claimed, N_THREADS, claim_jobs);
    assert_all_differ(&claimed);
    assert_memory_equal(claimed.ids, inserted.ids, sizeof inserted.ids);
}

static void *read_jobs(void *argument)
{
    struct crew *crew = argument;
    for (int i = 0; i < 20; i++) {
        struct page page = {.limit = 10};
        struct job_list list;
        if (store_job_list(crew->f->store, NULL, &page, &list, NULL) != STATUS_OK) {
            crew->n_failed++;
            continue;
        }
        for (size_t k = 0; k < list.n; k++) {
            struct job_row row;
            if (store_job_get(crew->f->store, list.rows[k].id, &row, NULL) == STATUS_OK)
                job_row_deinit(&row);
            else
                crew->n_failed++;
        }
        job_list_deinit(&list);
    }
    return NULL;
}

static void *insert_and_read(void *argument)
{
    static atomic_size_t number;
    return number++ % 4 ? read_jobs(argument) : insert_jobs(argument);
}

static void more_readers_than_the_pool_wait_their_turn(void **state)
{
    struct fixture *f = *state;
    static struct crew crew;
    crew = (struct crew){.f = f};
    make_dataset(f, "picture", crew.dataset);
    run_crew(&crew, 4 * N_THREADS, insert_and_read); /* 8 of them insert */
    assert_all_differ(&crew);
    assert_true(f->store->n_readers <= MAX_READERS);
    assert_int_equal(f->store->n_readers_out, 0);
}

/* --- a batch that is put together on purpose --- */

struct note {
    struct fixture *f;
    const char *sql;
    enum status result; /* what it says after its SQL */
    enum status status;
    struct error error;
    pthread_t thread;
};

static enum status run_note(struct store *s, void *context, struct error *err)
{
    struct note *note = context;
    enum status status = database_run(s->databases[DATABASE_MAIN], note->sql, err);
    if (status == STATUS_OK && note->result != STATUS_OK)
        status = error_set(err, note->result, "", "as asked");
    return status;
}

static void *post_note(void *argument)
{
    struct note *note = argument;
    note->status = store_write(note->f->store, DATABASE_MAIN, run_note, NULL, note, &note->error);
    return NULL;
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered, open;
};

static enum status wait_at_gate(struct store *s, void *context, struct error *err)
{
    struct gate *gate = context;
    (void)s, (void)err;
    pthread_mutex_lock(&gate->lock);
    gate->entered = true;
    pthread_cond_signal(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return STATUS_OK;
}

static struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *post_gate(void *argument)
{
    struct fixture *f = argument;
    enum status status = store_write(f->store, DATABASE_MAIN, wait_at_gate, NULL, &gate, NULL);
    return status == STATUS_OK ? NULL : f;
}

static const void *last_posted(struct store *s)
{
    pthread_mutex_lock(&s->queue_lock);
    const void *last = s->queue_last;
    pthread_mutex_unlock(&s->queue_lock);
    return last;
}

/* Hold the writer inside one transaction while these gather in order, so they share the next. */
static void run_as_batch(struct fixture *f, struct note *notes, size_t n)
{
    pthread_t first;
    void *failed = NULL;
    gate.entered = gate.open = false;
    assert_int_equal(pthread_create(&first, NULL, post_gate, f), 0);
    pthread_mutex_lock(&gate.lock);
    while (!gate.entered)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    for (size_t i = 0; i < n; i++) {
        const void *before = last_posted(f->store);
        notes[i].f = f;
        assert_int_equal(pthread_create(&notes[i].thread, NULL, post_note, &notes[i]), 0);
        while (last_posted(f->store) == before)
            sched_yield();
    }
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_signal(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
    for (size_t i = 0; i < n; i++)
        pthread_join(notes[i].thread, NULL);
    pthread_join(first, &failed);
    assert_null(failed);
}

static void a_closure_that_fails_leaves_its_neighbours_alone(void **state)
{
    struct fixture *f = *state;
    struct note notes[] = {
        {.sql = "INSERT INTO metric_key (name) VALUES ('one')"},
        {.sql = "INSERT INTO metric_key (name) VALUES ('two')", .result = STATUS_CONFLICT},
        {.sql = "INSERT INTO metric_key (name) VALUES ('three')"},
        {.sql = "INSERT INTO metric_key (name) VALUES ('four'), ('one')"}, /* breaks UNIQUE */
        {.sql = "INSERT INTO metric_key (name) VALUES ('five')"},
    };
    run_as_batch(f, notes, 5);
    static const enum status expected[] = {STATUS_OK, STATUS_CONFLICT, STATUS_OK, STATUS_INTERNAL,
                                           STATUS_OK};
    for (int i = 0; i < 5; i++)
        assert_string_equal(status_name(notes[i].status), status_name(expected[i]));
    assert_string_equal(notes[1].error.message, "as asked");
    reopen(f);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM metric_key"), 3);
    assert_int_equal(ask(f, "main.db",
                         "SELECT count(*) FROM metric_key WHERE name IN"
                         " ('one', 'three', 'five')"),
                     3);
}

static void a_lost_transaction_is_told_to_all_it_held(void **state)
{
    struct fixture *f = *state;
    struct note notes[] = {
        {.sql = "INSERT INTO metric_key (name) VALUES ('one')"},
        {.sql = "INSERT INTO metric_key (name) VALUES ('two')", .result = STATUS_CONFLICT},
        /* As SQLite does by itself when the disk is full or fails. */
        {.sql = "INSERT INTO metric_key (name) VALUES ('three'); ROLLBACK", .result = STATUS_IO},
        {.sql = "INSERT INTO metric_key (name) VALUES ('four')"},
    };
    run_as_batch(f, notes, 4);
    static const enum status expected[] = {STATUS_IO, STATUS_CONFLICT, STATUS_IO, STATUS_OK};
    for (int i = 0; i < 4; i++)
        assert_string_equal(status_name(notes[i].status), status_name(expected[i]));
    assert_string_equal(notes[0].error.message, "as asked");
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM metric_key"), 1);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM metric_key WHERE name = 'four'"), 1);
}

/* --- a full disk --- */

/* Let the databases grow no further, or freely again. */
static enum status limit_growth(struct store *s, void *context, struct error *err)
{
    const bool *full = context;
    enum status status = STATUS_OK;
    for (int i = 0; i < N_DATABASES && status == STATUS_OK; i++)
        status = database_run(
            s->databases[i],
            *full ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 1073741823", err);
    return status;
}

static void a_full_disk_is_an_answer(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], sha256[SHA256_TEXT_SIZE];
    bool full = true, existed;
    static uint8_t bytes[100000];
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    for (int round = 0; round < 3; round++) {
        full = true;
        assert_ok(store_write(f->store, DATABASE_MAIN, limit_growth, NULL, &full, &f->err));
        struct job_row row = new_job(dataset, "{}");
        mem_free(row.spec_json);
        row.spec_json = mem_alloc(sizeof bytes + 1);
        memset(row.spec_json, 'x', sizeof bytes);
        assert_status(store_job_insert(f->store, &row, NULL, 100, NULL, &existed, &f->err),
                      STATUS_NO_SPACE);
        bytes[0] = (uint8_t)round;
        assert_status(store_blob_put(f->store, bytes, sizeof bytes, sha256, &f->err),
                      STATUS_NO_SPACE);
        error_clear(&f->err);
        /* Reading goes on, and so does everything once there is space. */
        struct job_row read;
        assert_ok(store_job_get(f->store, id, &read, &f->err));
        job_row_deinit(&read);
        full = false;
        assert_ok(store_write(f->store, DATABASE_MAIN, limit_growth, NULL, &full, &f->err));
        assert_ok(store_job_insert(f->store, &row, NULL, 100, NULL, &existed, &f->err));
        assert_ok(store_blob_put(f->store, bytes, sizeof bytes, sha256, &f->err));
        job_row_deinit(&row);
    }
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job"), 4);
    assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob"), 3);
}

/* As a start on a full disk leaves it: jobs not set right, and nothing can be written; or again. */
static enum status let_write(struct store *s, void *context, struct error *err)
{
    const bool *may = context;
    s->is_recovered = s->is_recovered && *may;
    return database_run(s->databases[DATABASE_MAIN],
                        *may ? "PRAGMA query_only = OFF" : "PRAGMA query_only = ON", err);
}

static void jobs_are_set_right_by_the_first_write_that_can(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    struct job_row row = {0};
    bool may = false;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    assert_ok(store_job_claim(f->store, &row, &f->err));
    job_row_deinit(&row);
    assert_ok(store_write(f->store, DATABASE_BLOB, let_write, NULL, &may, &f->err));
    assert_status(store_job_claim(f->store, &row, &f->err), STATUS_IO);
    error_clear(&f->err);
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM job WHERE status = 'running'"), 1);
    may = true;
    assert_ok(store_write(f->store, DATABASE_BLOB, let_write, NULL, &may, &f->err));
    assert_ok(store_job_claim(f->store, &row, &f->err)); /* it was back in the queue before */
    assert_string_equal(row.id, id);
    assert_int_equal(row.attempt, 2);
    job_row_deinit(&row);
    assert_int_equal(ask(f, "main.db",
                         "SELECT count(*) FROM job_event WHERE type = 'state'"
                         " AND data_json = '{\"status\":\"queued\",\"attempt\":1}'"),
                     1);
    /* Once: a job that runs now is left alone. */
    assert_status(store_job_claim(f->store, &row, &f->err), STATUS_NOT_FOUND);
    error_clear(&f->err);
}

/* Nobody tries again to name it. */
static void a_checkpoint_that_cannot_be_named_goes(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE], sha256[SHA256_TEXT_SIZE];
    bool may = false;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    claim_job(f, id);
    put_text(f, "checkpoint", sha256);
    assert_ok(store_write(f->store, DATABASE_BLOB, let_write, NULL, &may, &f->err));
    assert_status(store_job_checkpoint(f->store, id, 1, sha256, 5, &f->err), STATUS_IO);
    error_clear(&f->err);
    assert_false(has_blob(f, sha256));
}

/* --- a crash --- */

enum { N_CRASHES = 8 };

/* In a process of its own: insert jobs and put blobs for ever, telling each id and hash through the
 * pipe once the store has said OK. */
static void work_until_killed(const char *folder, const char *dataset, int pipe_end, int round)
{
    struct store *s;
    if (store_open(&s, folder, NULL) != STATUS_OK)
        _exit(1);
    for (int i = 0;; i++) {
        struct job_row row = new_job(dataset, "{}");
        char line[ID_SIZE + SHA256_TEXT_SIZE] = "", text[32];
        bool existed;
        snprintf(text, sizeof text, "checkpoint %d %d", round, i);
        if (store_job_insert(s, &row, NULL, 100000, NULL, &existed, NULL) != STATUS_OK ||
            store_job_claim(s, &row, NULL) != STATUS_OK ||
            store_blob_put(s, (const uint8_t *)text, strlen(text), line + ID_SIZE, NULL) !=
                STATUS_OK ||
            store_job_checkpoint(s, row.id, row.attempt, line + ID_SIZE, 1, NULL) != STATUS_OK)
            _exit(2);
        memcpy(line, row.id, ID_SIZE);
        if (write(pipe_end, line, sizeof line) != sizeof line)
            _exit(3);
        struct job_end end = {.status = JOB_SUCCEEDED};
        if (store_job_finish(s, row.id, row.attempt, &end, NULL) != STATUS_OK)
            _exit(4);
        job_row_deinit(&row);
    }
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct fixture *f = *state;
    static char lines[8192][ID_SIZE + SHA256_TEXT_SIZE];
    size_t n = 0;
    char dataset[ID_SIZE];
    make_dataset(f, "picture", dataset);
    for (int round = 0; round < N_CRASHES; round++) {
        store_close(f->store);
        f->store = NULL;
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            work_until_killed(f->folder, dataset, ends[1], round);
        }
        close(ends[1]);
        for (int i = 0; i < 3 * round + 1; i++) /* killed at another place each time */
            assert_int_equal(read(ends[0], lines[n++], sizeof lines[0]), sizeof lines[0]);
        assert_int_equal(kill(child, SIGKILL), 0);
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        while (read(ends[0], lines[n], sizeof lines[0]) == sizeof lines[0])
            n++;
        close(ends[0]);

        assert_ok(store_open(&f->store, f->folder, &f->err));
        for (size_t i = 0; i < n; i++) {
            struct job_row row;
            uint8_t *bytes;
            size_t size;
            assert_ok(store_job_get(f->store, lines[i], &row, &f->err));
            assert_int_not_equal(row.status, JOB_RUNNING);
            assert_string_equal(row.checkpoint_sha256, lines[i] + ID_SIZE);
            job_row_deinit(&row);
            assert_ok(store_blob_get(f->store, lines[i] + ID_SIZE, &bytes, &size, &f->err));
            mem_free(bytes);
        }
        assert_int_equal(ask(f, "main.db",
                             "SELECT count(*) FROM pragma_integrity_check"
                             " WHERE integrity_check = 'ok'"),
                         1);
        assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM pragma_foreign_key_check"), 0);
        struct job_row row;
        while (store_job_claim(f->store, &row, NULL) == STATUS_OK) { /* for the next round */
            struct job_end end = {.status = JOB_FAILED};
            assert_ok(store_job_finish(f->store, row.id, row.attempt, &end, &f->err));
            job_row_deinit(&row);
        }
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(eight_threads_claim_each_job_once),
        TEST(more_readers_than_the_pool_wait_their_turn),
        TEST(a_closure_that_fails_leaves_its_neighbours_alone),
        TEST(a_lost_transaction_is_told_to_all_it_held),
        TEST(a_full_disk_is_an_answer),
        TEST(jobs_are_set_right_by_the_first_write_that_can),
        TEST(a_checkpoint_that_cannot_be_named_goes),
        TEST(what_was_acknowledged_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
