/*
 * What the files of the store share; nothing outside server/store includes this.
 *
 *   statement.c  one SQL statement: bind, step, read columns; SQLite's codes as enum status
 *   transaction.c  beginning and ending one
 *   database.c   a connection with its pragmas; migrations
 *   writer.c     the writer thread: posted closures, one transaction for those that wait together
 *   reader.c     the pool of read-only connections
 *   store.c      folder, lock, open, close
 *   page.c       the pages of lists, and their cursors
 *   recover.c    what is set right at open, or with the first write
 *   dataset.c job.c job_attempt.c job_log.c sweep.c field.c blob.c token.c   the nouns
 *   deletion.c   the end of jobs and sweeps
 *   usage.c      how much is there
 *   idempotency.c  the keys of requests
 *
 * Who touches what: the read-write connections, the pins and the files of blobs/ belong to the
 * writer thread (before it starts, to store_open; after it ended, to store_close).  Queue and pool
 * each have their own mutex; neither is held during I/O, and nobody holds both.
 */
#ifndef SERVER_STORE_STORE_INTERNAL_H
#define SERVER_STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "server/store/store.h"

enum database { DATABASE_MAIN, DATABASE_BLOB, N_DATABASES };

/* --- statement.c --- */

/* Errors stick: after the first one, binding and reading do nothing and the next step (or
 * statement_status) tells it.  Bound texts and bytes are borrowed until the statement is closed. */
struct statement {
    sqlite3 *db;
    sqlite3_stmt *handle;
    int code; /* SQLITE_OK, or the first error */
};

struct statement statement_prepare(sqlite3 *db, const char *sql);
/* Parameters count from 1, columns from 0.  text NULL binds NULL. */
void statement_bind_text(struct statement *q, int parameter, const char *text);
void statement_bind_int(struct statement *q, int parameter, int64_t value);
void statement_bind_count(struct statement *q, int parameter, uint64_t value);
void statement_bind_real(struct statement *q, int parameter, double value);
void statement_bind_bytes(struct statement *q, int parameter, const void *bytes, size_t n);
/* *row: there is one to read; false when the statement is through. */
enum status statement_step(struct statement *q, bool *row, struct error *err) WARN_UNUSED;
/* Step to the end and make ready for new parameters. */
enum status statement_run(struct statement *q, struct error *err) WARN_UNUSED;
/* Make ready for new parameters after a failed step: the error no longer sticks. */
void statement_retry(struct statement *q);
int64_t statement_int(const struct statement *q, int column);
uint64_t statement_count(const struct statement *q, int column);
double statement_real(const struct statement *q, int column);
/* NULL reads as "", and so does a text that there is no memory for, which then sticks. */
void statement_text(struct statement *q, int column, char *out, size_t size);
/* A heap copy, NULL for NULL; also NULL when out of memory, which then sticks. */
char *statement_text_copy(struct statement *q, int column);
/* The error that stuck. */
enum status statement_status(const struct statement *q, struct error *err) WARN_UNUSED;
void statement_close(struct statement *q);

/* A code of SQLite as an error: FULL is NO_SPACE, NOMEM is NO_MEMORY, BUSY is BUSY, … */
enum status database_error(sqlite3 *db, int code, struct error *err);
/* The same for errno: ENOSPC and EDQUOT are NO_SPACE. */
enum status file_error(int number, const char *doing, const char *name, struct error *err);

/* --- transaction.c --- */

/*
 * The statements that begin and end a transaction of a read-write connection, and the savepoint of
 * one write in it.  They are prepared once, because to undo must not need the memory whose lack may
 * be why: a transaction that could not be rolled back would stand in the way of all that follow.
 */
enum transaction_step {
    TRANSACTION_BEGIN,
    TRANSACTION_COMMIT,
    TRANSACTION_ROLLBACK,
    TRANSACTION_SAVE, /* set the savepoint, */
    TRANSACTION_KEEP, /* remove it, */
    TRANSACTION_UNDO, /* go back to it (it stays) */
    N_TRANSACTION_STEPS,
};
struct transaction {
    struct statement steps[N_TRANSACTION_STEPS];
    int code; /* SQLite's, of the step that failed last */
};

/* Zeros are fine for transaction_close, also after a failure. */
enum status transaction_prepare(struct transaction *t, sqlite3 *db, struct error *err) WARN_UNUSED;
enum status transaction_do(struct transaction *t, enum transaction_step step, struct error *err);
/* Before the connection is closed. */
void transaction_close(struct transaction *t);

/* --- database.c --- */

/* Run constant statements without parameters or results. */
enum status database_run(sqlite3 *db, const char *sql, struct error *err) WARN_UNUSED;
/* The one integer of a query without parameters. */
enum status database_integer(sqlite3 *db, const char *sql, int64_t *out,
                             struct error *err) WARN_UNUSED;
/* A read-write connection: created where absent, migrated.  Another process may be at the same. */
enum status database_open_writer(sqlite3 **out, const char *folder, enum database which,
                                 struct error *err) WARN_UNUSED;
/* Is the file sound?  It reads all of main.db. */
enum status database_check(sqlite3 *db, enum database which, struct error *err) WARN_UNUSED;
enum status database_open_reader(sqlite3 **out, const char *folder, enum database which,
                                 struct error *err) WARN_UNUSED;
void database_close(sqlite3 *db);

/* --- writer.c --- */

/* Runs on the writer thread inside a transaction of the database it was posted for.  Failing undoes
 * what it changed.  It writes results into its own context only: whether they hold is known when
 * store_write returns. */
typedef enum status (*write_function)(struct store *s, void *context, struct error *err);
/* Runs on the writer thread once the outcome is durable (or failed), outside any transaction. */
typedef void (*settle_function)(struct store *s, void *context, enum status status);

/* Post a closure and wait for its transaction.  settle may be NULL. */
enum status store_write(struct store *s, enum database database, write_function run,
                        settle_function settle, void *context, struct error *err) WARN_UNUSED;

enum status writer_start(struct store *s, struct error *err) WARN_UNUSED;
/* Everything posted is answered first. */
void writer_stop(struct store *s);

/* --- reader.c --- */

enum { MAX_READERS = 16 };

struct reader {
    sqlite3 *databases[N_DATABASES];
    struct reader *next;
};

/* Borrow a connection pair, waiting while all MAX_READERS are out. */
enum status reader_take(struct store *s, struct reader **out, struct error *err) WARN_UNUSED;
void reader_give(struct store *s, struct reader *r);
/* All must have been given back. */
void readers_close(struct store *s);

/* --- store.c --- */

struct write;
struct pin;

struct store {
    char *folder;
    char *temporary_folder;
    int lock_file;
    int folder_file;
    int blobs_file;                  /* DIR/blobs, for *at() and fsync */
    int epoch_file;                  /* DIR/token-epoch: token.h */
    sqlite3 *databases[N_DATABASES]; /* read-write: the writer thread's */
    struct transaction transactions[N_DATABASES];
    struct pin *pins;              /* blobs put but not named by a row yet: the writer thread's */
    bool is_doubtful[N_DATABASES]; /* its log may hold a commit that failed: the writer thread's */
    bool is_recovered; /* false: recover_rows comes before the next write; the writer thread's */

    pthread_t writer;
    pthread_mutex_t queue_lock; /* guards the three below, and `answered` of each write */
    pthread_cond_t queue_changed;
    struct write *queue_first, *queue_last;
    bool stops;

    pthread_mutex_t pool_lock; /* guards the three below */
    pthread_cond_t pool_changed;
    struct reader *pool; /* idle ones */
    size_t n_readers;    /* open ones, idle or out */
    size_t n_readers_out;
};

/* Make a folder inside `parent` (a descriptor or AT_FDCWD) if it is not there, and open it. */
enum status folder_open(int parent, const char *name, int *out, struct error *err) WARN_UNUSED;
enum status folder_sync(int file, const char *name, struct error *err) WARN_UNUSED;
enum status folder_sync_parent(int folder, struct error *err) WARN_UNUSED;

/* "there is no job 'job_…'" */
enum status not_found(enum id_kind kind, const char *id, struct error *err);

bool sha256_is(const char *text);

/* --- page.c --- */

/*
 * A walk through the rows of one page of a list, by a statement whose column 0 is the row's number
 * n:
 *
 *   SELECT n, … WHERE n < ?1 AND PAGE_SEARCH(…) ORDER BY n DESC LIMIT ?2
 */
struct page_walk {
    char list; /* whose cursors: 'd', 'j', 'f', 's' */
    const char *search;
    size_t limit;
    int64_t before; /* the cursor's number: rows with n < before */
    size_t n;       /* rows so far */
    int64_t last;   /* the number of the last of them */
};

/* INVALID at "/cursor" if the page's is none of this list. */
enum status page_begin(const struct page *page, char list, struct page_walk *out,
                       struct error *err) WARN_UNUSED;
/* What the page's search, ?3, finds in `table`: every row where there is none. */
#define PAGE_SEARCH(table, in_name)                                                                \
    "(?3 IS NULL OR substr(" table ".id, 1, length(?3)) = lower(?3) OR " in_name ")"
#define PAGE_IN_NAME(name) "instr(lower(" name "), lower(?3)) > 0"
#define PAGE_IN_DATASET(id) id " IN (SELECT d.id FROM dataset d WHERE " PAGE_IN_NAME("d.name") ")"
/* Bind ?1, ?2 and, where there is a search, ?3. */
void page_bind(const struct page_walk *walk, struct statement *q);
/* *row: there is one more of this page to read.  Where the list goes on after the page, its end
 * writes the cursor of the next one; elsewhere next_cursor stays. */
enum status page_step(struct page_walk *walk, struct statement *q, char next_cursor[CURSOR_SIZE],
                      bool *row, struct error *err) WARN_UNUSED;

/* --- token.c --- */

enum status token_epoch_open(int folder, int *out, struct error *err) WARN_UNUSED;

/* --- recover.c --- */

/* Before the writer thread starts.  Sets is_recovered. */
enum status store_recover(struct store *s, struct error *err) WARN_UNUSED;
/* The part of it that changes main.db, inside a transaction: for the writer, where the disk was too
 * full for it at open. */
enum status recover_rows(sqlite3 *db, struct error *err) WARN_UNUSED;

/* --- idempotency.c --- */

/* Records older than 24 h count no more: their end. */
enum status idempotency_expire(sqlite3 *db, struct error *err) WARN_UNUSED;

/* What the first request with this key made: *existed says whether there was one, sweep_id is "" if
 * it made a job alone.  INVALID at "Idempotency-Key" if it was another request. */
enum status idempotency_find(sqlite3 *db, const struct idempotency *key, char job_id[ID_SIZE],
                             char sweep_id[ID_SIZE], bool *existed, struct error *err) WARN_UNUSED;
enum status idempotency_remember(sqlite3 *db, const struct idempotency *key, int64_t job,
                                 struct error *err) WARN_UNUSED;

/* --- dataset.c, blob.c, job.c, job_log.c: on the writer thread --- */

enum status dataset_is_named(struct store *s, const char *sha256, bool *out,
                             struct error *err) WARN_UNUSED;

/* Size of a blob in blob.db; NOT_FOUND. */
enum status blob_find_size(sqlite3 *db, const char *sha256, uint64_t *out,
                           struct error *err) WARN_UNUSED;
enum status blob_is_named(struct store *s, const char *sha256, bool *out,
                          struct error *err) WARN_UNUSED;
enum status blob_delete(sqlite3 *db, const char *sha256, struct error *err) WARN_UNUSED;
/* Delete a blob if no row names it and it is not pinned; "" is none.  What fails here is garbage,
 * swept at the next open.  Not inside a transaction. */
void blob_drop(struct store *s, const char *sha256);
/* The same for many, in one transaction of blob.db: a commit costs more than a blob.  Not inside
 * another. */
void blob_drop_all(struct store *s, const char (*hashes)[SHA256_TEXT_SIZE], size_t n);
/* A row names it now, or never will: take back one pin of store_blob_put. */
void blob_unpin(struct store *s, const char *sha256);
void pins_free(struct store *s);

struct blob_list {
    size_t n;
    char (*hashes)[SHA256_TEXT_SIZE];
};
/* "" is passed over.  NO_MEMORY. */
enum status blob_list_add(struct blob_list *list, const char *sha256,
                          struct error *err) WARN_UNUSED;
void blob_list_deinit(struct blob_list *list);

#define JOB_COLUMNS                                                                                \
    "n, id, task, status, phase, step, steps, seconds, eta_seconds, progress, attempt, crashes, "  \
    "cancel_requested, dataset_id, field_id, parent_id, stopped_by, error_class, error_detail, "   \
    "request_json, spec_json, labels_json, checkpoint_sha256, checkpoint_step, created_ms, "       \
    "started_ms, finished_ms, sweep_id, tuning_json, forecast_json"
enum status job_read(struct statement *q, struct job_row *out, struct error *err) WARN_UNUSED;
/* BUSY if n more jobs do not fit into the queue. */
enum status job_check_queue(sqlite3 *db, size_t n, uint64_t max_queued,
                            struct error *err) WARN_UNUSED;
/* Insert a queued job, its labels and the first event of its log (may be NULL): store_job_insert
 * without key and queue, with row->sweep_id ("" is none), inside the caller's transaction. */
struct job_added {
    char id[ID_SIZE];
    int64_t n;
    uint64_t first_seq;
};
enum status job_add(struct store *s, const struct job_row *row, const struct job_event *event,
                    struct job_added *out, struct error *err) WARN_UNUSED;
/* The number of a job; NOT_FOUND. */
enum status job_find_number(sqlite3 *db, const char *id, int64_t *out,
                            struct error *err) WARN_UNUSED;

/* Number events and keep them; *first_seq: of events[0]. */
enum status job_log_add_events(struct store *s, int64_t job, const struct job_event *events,
                               size_t n, uint64_t *first_seq, struct error *err) WARN_UNUSED;
enum status job_log_add_points(struct store *s, int64_t job, const struct metric_point *points,
                               size_t n, struct error *err) WARN_UNUSED;
/* The array with room for one more than its n elements, which may have moved: it is full when n is
 * a power of two, and doubles then.  NULL when out of memory; the old one is still there. */
void *array_grown(void *elements, size_t n, size_t size);
/* After the commit: tell the caller the numbers. */
void job_log_number_events(struct job_event *events, size_t n, uint64_t first_seq);

#endif
