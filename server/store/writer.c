/*
 * Design.  Callers append a closure to a queue and sleep; one thread takes what waits for the same
 * database, up to MAX_BATCH, runs each closure in its own savepoint of one transaction, commits
 * once, and answers them all.  While it commits, others gather: the slower the disk, the more share
 * an fsync.  A closure that fails undoes its savepoint and leaves the others alone; only when the
 * whole transaction is lost (disk full, I/O error) do those before it in the batch share its error.
 *
 * A commit whose fsync failed is undone for everybody here, but its pages may lie in the log,
 * whole: recovery after a crash would find it done.  So an empty transaction is written over them
 * before anybody is answered.  Where that fails too, is_doubtful says so until the next commit.
 *
 * A disk that is full at open may leave no room to set jobs right (recover.c).  Then that is part
 * of the first transaction that succeeds.
 */
#include "server/store/store_internal.h"

enum { MAX_BATCH = 64 };

struct write {
    enum database database;
    write_function run;
    settle_function settle;
    void *context;
    enum status status;
    struct error error;
    bool answered;
    pthread_cond_t answer;
    struct write *next;
};

static void run_one(struct store *s, sqlite3 *db, struct transaction *t, struct write *w)
{
    w->status = transaction_do(t, TRANSACTION_SAVE, &w->error);
    if (w->status == STATUS_OK)
        w->status = w->run(s, w->context, &w->error);
    if (w->status == STATUS_OK)
        w->status = transaction_do(t, TRANSACTION_KEEP, &w->error);
    if (w->status == STATUS_OK || sqlite3_get_autocommit(db))
        return;
    if (transaction_do(t, TRANSACTION_UNDO, NULL) != STATUS_OK ||
        transaction_do(t, TRANSACTION_KEEP, NULL) != STATUS_OK)
        transaction_do(t, TRANSACTION_ROLLBACK, NULL); /* then the whole transaction is lost */
}

/* After a failed commit.  A write that found no room has left no whole transaction. */
static bool bury(sqlite3 *db, int code)
{
    if (code == SQLITE_FULL ||
        database_run(db, "BEGIN IMMEDIATE; PRAGMA application_id = 0; COMMIT", NULL) == STATUS_OK)
        return true;
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

/* Give the outcome of a lost transaction to those whose part in it had succeeded. */
static void lose(struct write **batch, size_t n, enum status status, const struct error *error)
{
    for (size_t i = 0; i < n; i++)
        if (batch[i]->status == STATUS_OK) {
            batch[i]->status = status;
            batch[i]->error = *error;
        }
}

/* Run a batch in one transaction; returns how many of it have their outcome.  The others did not
 * run: one before them lost the transaction. */
static size_t run_transaction(struct store *s, struct write **batch, size_t n)
{
    enum database which = batch[0]->database;
    sqlite3 *db = s->databases[which];
    struct transaction *t = &s->transactions[which];
    bool recovers = which == DATABASE_MAIN && !s->is_recovered;
    struct error error = {0};
    size_t n_run = 0;
    enum status status = transaction_do(t, TRANSACTION_BEGIN, &error);
    if (status == STATUS_OK && recovers)
        status = recover_rows(db, &error);
    if (status != STATUS_OK)
        n_run = n;
    while (status == STATUS_OK && n_run < n) {
        struct write *w = batch[n_run++];
        run_one(s, db, t, w);
        if (sqlite3_get_autocommit(db)) {
            status = w->status;
            error = w->error;
        }
    }
    bool commits = status == STATUS_OK;
    if (commits)
        status = transaction_do(t, TRANSACTION_COMMIT, &error);
    if (status == STATUS_OK) {
        s->is_recovered = s->is_recovered || recovers;
        s->is_doubtful[which] = false;
        return n_run;
    }
    int code = t->code;
    if (!sqlite3_get_autocommit(db))
        transaction_do(t, TRANSACTION_ROLLBACK, NULL);
    if (commits)
        s->is_doubtful[which] = !bury(db, code);
    lose(batch, n_run, status, &error);
    return n_run;
}

/* Wait for work; 0 when the store closes and nothing is left. */
static size_t take_batch(struct store *s, struct write **batch)
{
    size_t n = 0;
    pthread_mutex_lock(&s->queue_lock);
    while (!s->queue_first && !s->stops)
        pthread_cond_wait(&s->queue_changed, &s->queue_lock);
    while (n < MAX_BATCH && s->queue_first &&
           (n == 0 || s->queue_first->database == batch[0]->database)) {
        batch[n++] = s->queue_first;
        s->queue_first = s->queue_first->next;
    }
    if (!s->queue_first)
        s->queue_last = NULL;
    pthread_mutex_unlock(&s->queue_lock);
    return n;
}

static void *writer_main(void *argument)
{
    struct store *s = argument;
    struct write *batch[MAX_BATCH];
    size_t n;
    pthread_setname_np(pthread_self(), "store-writer");
    while ((n = take_batch(s, batch)) > 0) {
        for (size_t done = 0; done < n;) {
            size_t n_run = run_transaction(s, batch + done, n - done);
            for (size_t i = done; i < done + n_run; i++)
                if (batch[i]->settle)
                    batch[i]->settle(s, batch[i]->context, batch[i]->status);
            pthread_mutex_lock(&s->queue_lock);
            for (size_t i = done; i < done + n_run; i++) {
                batch[i]->answered = true;
                pthread_cond_signal(&batch[i]->answer); /* the write is gone after the unlock */
            }
            pthread_mutex_unlock(&s->queue_lock);
            done += n_run;
        }
    }
    return NULL;
}

enum status store_write(struct store *s, enum database database, write_function run,
                        settle_function settle, void *context, struct error *err)
{
    struct write w = {.database = database, .run = run, .settle = settle, .context = context};
    pthread_cond_init(&w.answer, NULL);
    pthread_mutex_lock(&s->queue_lock);
    if (s->queue_last)
        s->queue_last->next = &w;
    else
        s->queue_first = &w;
    s->queue_last = &w;
    pthread_cond_signal(&s->queue_changed);
    while (!w.answered)
        pthread_cond_wait(&w.answer, &s->queue_lock);
    pthread_mutex_unlock(&s->queue_lock);
    pthread_cond_destroy(&w.answer);
    if (w.status != STATUS_OK && err && err->status == STATUS_OK)
        *err = w.error;
    return w.status;
}

enum status writer_start(struct store *s, struct error *err)
{
    pthread_mutex_init(&s->queue_lock, NULL);
    pthread_cond_init(&s->queue_changed, NULL);
    if (pthread_create(&s->writer, NULL, writer_main, s) == 0)
        return STATUS_OK;
    pthread_cond_destroy(&s->queue_changed);
    pthread_mutex_destroy(&s->queue_lock);
    return error_set(err, STATUS_INTERNAL, "", "cannot start the store's writer thread");
}

void writer_stop(struct store *s)
{
    pthread_mutex_lock(&s->queue_lock);
    s->stops = true;
    pthread_cond_signal(&s->queue_changed);
    pthread_mutex_unlock(&s->queue_lock);
    pthread_join(s->writer, NULL);
    pthread_cond_destroy(&s->queue_changed);
    pthread_mutex_destroy(&s->queue_lock);
}
