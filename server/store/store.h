/*
 * The store: everything that must survive.  All SQL of the project stands behind this header and,
 * for tokens, token.h.
 *
 *   DIR/main.db   queue, metadata, metrics, events          (SQLite, WAL, synchronous=FULL)
 *   DIR/blob.db   weights and checkpoints in 1 MiB chunks   (the same)
 *   DIR/blobs/    uploaded datasets, named by SHA-256
 *   DIR/tmp/      uploads under way, emptied at start
 *   DIR/lock      held while the store is open: a second server refuses to start
 *   DIR/token-epoch   8 bytes that are others whenever tokens have changed (token.h)
 *
 * Promises: a function that returns OK has made its change durable.  A dataset row never names a
 * missing file; a file or blob without a row is garbage and is swept.  Job states move as
 * server/jobs/supervisor.h draws.
 *
 * Threads: every function may be called from any thread.  Writes are posted to the one thread that
 * owns the read-write connections and the caller waits for its transaction; reads use a pool of
 * read-only connections.  Never call from a thread of the HTTP pool.
 *
 * Rows are plain structs; text members that can be long are heap strings owned by the row and
 * released by the row's deinit.  A row given out by a function that failed is untouched.
 */
#ifndef SERVER_STORE_STORE_H
#define SERVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/status.h"
#include "server/store/id.h"

struct store;

/* Create or open, take the lock (CONFLICT if another server holds it), migrate (UNSUPPORTED if the
 * database is newer than this program), check, recover: jobs that were running become queued again
 * (restarts never count against a job) or canceled if that was asked for, and their logs say so;
 * DIR/tmp is emptied, orphan files and blobs are swept.  A disk without room for these writes is
 * opened all the same: what is there can be read, and the jobs are set right before the first write
 * that finds room (until then they still look as they were left). */
enum status store_open(struct store **out, const char *folder, struct error *err) WARN_UNUSED;
/* No call may be under way.  NULL is fine. */
void store_close(struct store *s);

/* Folder for uploads under way (same file system as the blobs). */
const char *store_temporary_folder(const struct store *s);

/* A cheap read, for /readyz. */
enum status store_check(struct store *s, struct error *err) WARN_UNUSED;

/* How much is in it, for a page that shows it. */
struct store_usage {
    uint64_t n_datasets, n_sweeps, n_fields;
    uint64_t dataset_bytes;  /* of DIR/blobs */
    uint64_t database_bytes; /* of both, with their logs */
    uint64_t free_bytes;     /* of the file system, for this user */
};
enum status store_measure(struct store *s, struct store_usage *out, struct error *err) WARN_UNUSED;

/* --- lists --- */

/* Newest first: in the order of their commits, whatever the clock does.  cursor: "" for the first
 * page, else next_cursor of the page before; INVALID at "/cursor" if it is not one of this list.
 * Stable under inserts and deletions: it names the last row seen.  limit is the caller's to check.
 *
 * search: only rows whose id begins so, or in whose name this is; as it stands, but for the case of
 * the letters a to z.  The name of a dataset is its own, that of a job or field its dataset's, and
 * a sweep has its own and those of its datasets. */
enum { CURSOR_SIZE = 64 };
struct page {
    size_t limit; /* 1..200 */
    char cursor[CURSOR_SIZE];
    const char *search; /* or NULL */
};

/* --- datasets --- */

enum { KIND_SIZE = 16, NAME_SIZE = 132, MEDIA_TYPE_SIZE = 64, SHA256_TEXT_SIZE = 65 };

struct dataset_row {
    char id[ID_SIZE];
    char kind[KIND_SIZE]; /* "image" */
    char name[NAME_SIZE];
    char media_type[MEDIA_TYPE_SIZE];
    uint64_t bytes;
    char sha256[SHA256_TEXT_SIZE];
    char *info_json; /* object */
    int64_t created_ms;
};
void dataset_row_deinit(struct dataset_row *row);

struct dataset_list {
    size_t n;
    struct dataset_row *rows;
    char next_cursor[CURSOR_SIZE]; /* "" on the last page */
};
void dataset_list_deinit(struct dataset_list *list);

/* Make an uploaded file a dataset.  path: in the temporary folder, complete; it is fsynced, renamed
 * to blobs/<sha256>, the folder fsynced, the row committed, in this order.  row: id and created_ms
 * are filled in.  If a dataset of this kind with these bytes exists: *row becomes that one,
 * *existed = true, and path is removed.  NO_SPACE, IO.  On failure path is removed too. */
enum status store_dataset_insert(struct store *s, struct dataset_row *row, const char *path,
                                 bool *existed, struct error *err) WARN_UNUSED;
enum status store_dataset_get(struct store *s, const char *id, struct dataset_row *out,
                              struct error *err) WARN_UNUSED;
/* By content: NOT_FOUND if these bytes are not there as this kind. */
enum status store_dataset_find(struct store *s, const char *kind, const char *sha256,
                               struct dataset_row *out, struct error *err) WARN_UNUSED;
/* kind: only these, or NULL. */
enum status store_dataset_list(struct store *s, const char *kind, const struct page *page,
                               struct dataset_list *out, struct error *err) WARN_UNUSED;
/* CONFLICT while a queued or running job needs it.  The file goes when no dataset has its bytes. */
enum status store_dataset_delete(struct store *s, const char *id, struct error *err) WARN_UNUSED;
/* An open read-only descriptor of the original bytes; the caller closes it. */
enum status store_dataset_open(struct store *s, const char *sha256, int *fd,
                               struct error *err) WARN_UNUSED;

/* --- jobs --- */

enum job_status { JOB_QUEUED, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELED };
const char *job_status_name(enum job_status status); /* "queued", … */
bool job_status_parse(const char *text, enum job_status *out);
bool job_status_is_end(enum job_status status);

struct job_row {
    char id[ID_SIZE];
    char task[KIND_SIZE]; /* "image" */
    enum job_status status;
    char phase[16]; /* "", "loading", "tuning", "training", "evaluating", "saving" */
    uint64_t step;
    uint64_t steps;     /* 0: no number of steps was asked for */
    double seconds;     /* of training, over all attempts */
    double eta_seconds; /* negative: unknown */
    double progress;    /* 0..1 */
    unsigned attempt;   /* 0 before the first */
    unsigned crashes;   /* of its workers: the third ends it */
    bool cancel_requested;
    char dataset_id[ID_SIZE];
    char field_id[ID_SIZE];  /* from the first moment */
    char parent_id[ID_SIZE]; /* of a resumed job: whose checkpoint it starts from; or "" */
    char stopped_by[16];     /* "" unless succeeded */
    char error_class[16];    /* "" unless failed */
    char *error_detail;      /* NULL unless failed */
    char *request_json;      /* what the caller wrote */
    char *spec_json;         /* everything resolved */
    char *labels_json;       /* object of strings */
    char *tuning_json;   /* of a setting that was left to the data, how it was chosen; or NULL */
    char *forecast_json; /* what is expected of the fit; or NULL */
    char checkpoint_sha256[SHA256_TEXT_SIZE]; /* the last one, or "" */
    uint64_t checkpoint_step;
    int64_t created_ms, started_ms, finished_ms; /* 0: not yet */
    char sweep_id[ID_SIZE];                      /* the sweep it is part of, or "" */
};
void job_row_deinit(struct job_row *row);

struct job_filter {
    bool by_status;
    enum job_status status;
    const char *dataset_id;              /* or NULL */
    const char *sweep_id;                /* or NULL */
    const char *label_key, *label_value; /* or NULL */
};
struct job_list {
    size_t n;
    struct job_row *rows;
    char next_cursor[CURSOR_SIZE];
};
void job_list_deinit(struct job_list *list);

/* Idempotency-Key: the answer of the first request is kept for 24 h. */
struct idempotency {
    const char *key;            /* NULL: none was sent */
    const char *request_sha256; /* of method, path and body */
};

struct job_event { /* one line of the SSE log */
    uint64_t seq;  /* given by the store: 1, 2, … within the job */
    char type[12]; /* "state", "progress", "metric", "snapshot", "done" */
    char *data_json;
};

/* Insert a queued job and its idempotency record in one transaction.  row: task, dataset_id,
 * parent_id, the three JSON texts (none NULL) and steps are read; the rest is filled in, and the
 * texts become new copies, and so does tuning_json, which may be NULL.  With a parent_id that job's
 * last checkpoint is copied in: CONFLICT if it has none or has not ended, NOT_FOUND if there is no
 * such job.  NOT_FOUND at "/dataset_id" if the dataset is gone; BUSY if max_queued jobs wait.  key
 * may be NULL.  With a known key: same request_sha256 -> OK, *row is the job of the first request,
 * *existed = true; another -> INVALID at "Idempotency-Key".  event (may be NULL) becomes the first
 * of the job's log. */
enum status store_job_insert(struct store *s, struct job_row *row, const struct idempotency *key,
                             uint64_t max_queued, struct job_event *event, bool *existed,
                             struct error *err) WARN_UNUSED;
/* The job that the first request with this key made, without making one: a request may be answered
 * so although it could not be accepted any more. */
enum status store_job_find_first(struct store *s, const struct idempotency *key,
                                 struct job_row *out, bool *existed, struct error *err) WARN_UNUSED;
enum status store_job_get(struct store *s, const char *id, struct job_row *out,
                          struct error *err) WARN_UNUSED;
enum status store_job_list(struct store *s, const struct job_filter *filter,
                           const struct page *page, struct job_list *out,
                           struct error *err) WARN_UNUSED;
/* Oldest first: 1 for the next to run; 0 if it is not queued. */
enum status store_job_queue_position(struct store *s, const char *id, uint64_t *out,
                                     struct error *err) WARN_UNUSED;
/* Jobs of each status, for /metrics. */
enum status store_job_count(struct store *s, uint64_t counts[JOB_CANCELED + 1],
                            struct error *err) WARN_UNUSED;

/* Claim the oldest queued job: running, attempt + 1, started_ms set on the first.  NOT_FOUND if
 * there is none. */
enum status store_job_claim(struct store *s, struct job_row *out, struct error *err) WARN_UNUSED;

/* queued -> canceled at once, and events join the job's log (their seq is 0 if this call was not
 * the one that ended it); running -> the flag is set (*was_running = true); canceled: nothing to
 * do; another end state: CONFLICT. */
enum status store_job_cancel(struct store *s, const char *id, struct job_event *events, size_t n,
                             bool *was_running, struct error *err) WARN_UNUSED;

/* What a running worker reports; fenced by (id, attempt): CONFLICT if the job is not running with
 * this attempt any more. */
struct metric_point {
    char key[24];
    uint64_t step;
    double value;
    double seconds;
};
struct job_report {
    char phase[16];
    uint64_t step;
    double seconds, eta_seconds, progress;
    const struct metric_point *points;
    size_t n_points;
    struct job_event *events; /* seq is filled in */
    size_t n_events;
};
/* A point reported again for its step takes the old one's place.  INVALID for a number that is not
 * finite. */
enum status store_job_report(struct store *s, const char *id, unsigned attempt,
                             struct job_report *report, struct error *err) WARN_UNUSED;

/* A setting of the encoding that the spec leaves to the data ("auto") was chosen to be `value`: it
 * stands in the spec from now on, and how that came about in tuning_json.  *spec_json (mem_free) is
 * the spec as it is now.  INVALID where the spec does not leave it open.  Fenced like a report. */
struct job_tuning {
    const char *member; /* "sigma", "scale" */
    double value;       /* finite */
    const char *tuning_json;
};
enum status store_job_tune(struct store *s, const char *id, unsigned attempt,
                           const struct job_tuning *tuning, char **spec_json,
                           struct error *err) WARN_UNUSED;

/* Keep what is expected of the fit; the last that is told stands.  Fenced like a report. */
enum status store_job_forecast(struct store *s, const char *id, unsigned attempt,
                               const char *forecast_json, struct error *err) WARN_UNUSED;

/* Number and keep events that belong to no attempt: not fenced. */
enum status store_job_append_events(struct store *s, const char *id, struct job_event *events,
                                    size_t n, struct error *err) WARN_UNUSED;

/* Remember a checkpoint that store_blob_put has stored (INTERNAL else).  The last two of a job are
 * kept, the last one of an ended job.  On failure the blob goes, if nothing else has it. */
enum status store_job_checkpoint(struct store *s, const char *id, unsigned attempt,
                                 const char *sha256, uint64_t step, struct error *err) WARN_UNUSED;

/* The end of an attempt, in one transaction with the field it publishes and the last events:
 *   succeeded           field published
 *   canceled            the last good snapshot published, if there is one
 *   failed              the same
 *   queued (again)      the attempt was lost; `crashed` counts it against the job
 * If a job that is to be queued again was asked to stop meanwhile, it is canceled: end->status says
 * so afterwards.  Of the field are read: step, weights_sha256 (a stored blob, INTERNAL else),
 * spec_json (NULL: the job's), summary_json, metrics_json; the rest follows from the job.  Fenced
 * like a report. */
struct field_row;
struct job_end {
    enum job_status status;
    bool crashed;
    char stopped_by[16];
    char error_class[16];
    const char *error_detail;
    const struct field_row *field; /* NULL: publish none */
    struct job_event *events;
    size_t n_events;
    struct job_event *cancel_events; /* in their place if it is canceled instead of queued */
    size_t n_cancel_events;
};
enum status store_job_finish(struct store *s, const char *id, unsigned attempt, struct job_end *end,
                             struct error *err) WARN_UNUSED;

/* Delete a job that has ended, with its log, its checkpoints (where no resumed job has them) and
 * the Idempotency-Key of its request; its field and its dataset stay.  CONFLICT while it is queued
 * or running, and of a job that is part of a sweep. */
enum status store_job_delete(struct store *s, const char *id, struct error *err) WARN_UNUSED;

/* Metrics.  keys: n_keys names in the order wanted; 0: all, by name.  since_step: points after this
 * step (negative: all). */
struct metric_series {
    size_t n;
    struct metric_point *points; /* key by key, by step */
};
enum status store_job_metrics(struct store *s, const char *id, const char *const *keys,
                              size_t n_keys, int64_t since_step, struct metric_series *out,
                              struct error *err) WARN_UNUSED;
/* The latest point of each key. */
enum status store_job_latest_metrics(struct store *s, const char *id, struct metric_series *out,
                                     struct error *err) WARN_UNUSED;
void metric_series_deinit(struct metric_series *m);

/* Events after a sequence number, oldest first, at most limit. */
struct event_list {
    size_t n;
    struct job_event *events;
};
enum status store_job_events(struct store *s, const char *id, uint64_t after, size_t limit,
                             struct event_list *out, struct error *err) WARN_UNUSED;
void event_list_deinit(struct event_list *list);

/* --- sweeps --- */

struct sweep_row {
    char id[ID_SIZE];
    char name[NAME_SIZE]; /* or "" */
    char *request_json;   /* what the caller wrote */
    int64_t created_ms;
    uint64_t n_jobs[JOB_CANCELED + 1]; /* of each status */
    uint64_t n_started;                /* that a worker has begun, whatever became of them */
};
void sweep_row_deinit(struct sweep_row *row);

/* The jobs of a sweep as its table needs them, in the order they were inserted. */
struct sweep_job {
    char id[ID_SIZE];
    char field_id[ID_SIZE];
    enum job_status status;
    unsigned attempt;
    size_t first, n; /* its metrics: values[first] … values[first + n - 1] */
};
struct sweep_value {
    char key[24];
    double value;
};
struct sweep_jobs {
    size_t n, n_values;
    struct sweep_job *jobs;
    struct sweep_value *values; /* the latest of each key, by name, of jobs that have succeeded */
};
void sweep_jobs_deinit(struct sweep_jobs *jobs);

struct sweep_list {
    size_t n;
    struct sweep_row *rows;
    char next_cursor[CURSOR_SIZE];
};
void sweep_list_deinit(struct sweep_list *list);

/* Insert a sweep with its jobs and its idempotency record in one transaction.  row: name and
 * request_json are read, id is filled in.  jobs: n >= 1 rows as store_job_insert reads them, left
 * as they are; event (may be NULL) becomes the first of each one's log.  Fails as store_job_insert
 * does, and then nothing was inserted; BUSY if max_queued would be passed.  With a known key
 * row->id is the id of the first request's sweep and *existed = true. */
enum status store_sweep_insert(struct store *s, struct sweep_row *row, const struct job_row *jobs,
                               size_t n, const struct idempotency *key, uint64_t max_queued,
                               const struct job_event *event, bool *existed,
                               struct error *err) WARN_UNUSED;
/* The id of the sweep that the first request with this key made, without making one. */
enum status store_sweep_find_first(struct store *s, const struct idempotency *key, char id[ID_SIZE],
                                   bool *existed, struct error *err) WARN_UNUSED;
/* A sweep and its jobs, as they were at one moment. */
enum status store_sweep_get(struct store *s, const char *id, struct sweep_row *out,
                            struct sweep_jobs *jobs, struct error *err) WARN_UNUSED;
/* A page also ends, before its limit, where its requests are some megabytes together. */
enum status store_sweep_list(struct store *s, const struct page *page, struct sweep_list *out,
                             struct error *err) WARN_UNUSED;

/* Cancel jobs in one transaction: each as store_job_cancel does, but ended ones are passed over. */
struct sweep_cancel {
    const char *job_id;
    struct job_event events[2];
    bool was_running; /* filled in */
};
enum status store_sweep_cancel(struct store *s, struct sweep_cancel *jobs, size_t n,
                               struct error *err) WARN_UNUSED;

/* Delete a sweep and all its jobs, each as store_job_delete does, in one transaction.  CONFLICT
 * while one of them is queued or running. */
enum status store_sweep_delete(struct store *s, const char *id, struct error *err) WARN_UNUSED;

/* --- fields --- */

struct field_row {
    char id[ID_SIZE];
    char job_id[ID_SIZE];
    char dataset_id[ID_SIZE];
    char task[KIND_SIZE];
    uint64_t step;
    uint64_t bytes; /* of the weights file */
    char weights_sha256[SHA256_TEXT_SIZE];
    char *spec_json;    /* the job's resolved spec */
    char *summary_json; /* n_inputs, n_outputs, n_parameters, domain */
    char *metrics_json; /* evaluated on everything */
    int64_t created_ms;
    bool has_job, has_dataset; /* is there still what it came from? */
};
void field_row_deinit(struct field_row *row);

struct field_filter {
    const char *dataset_id; /* or NULL */
    const char *task;       /* or NULL */
};
struct field_list {
    size_t n;
    struct field_row *rows;
    char next_cursor[CURSOR_SIZE];
};
void field_list_deinit(struct field_list *list);

enum status store_field_get(struct store *s, const char *id, struct field_row *out,
                            struct error *err) WARN_UNUSED;
/* The job that is training a field with this id, queued or running: NOT_FOUND else. */
enum status store_field_job(struct store *s, const char *id, struct job_row *out,
                            struct error *err) WARN_UNUSED;
enum status store_field_list(struct store *s, const struct field_filter *filter,
                             const struct page *page, struct field_list *out,
                             struct error *err) WARN_UNUSED;
/* Its blob goes too if nothing else has it. */
enum status store_field_delete(struct store *s, const char *id, struct error *err) WARN_UNUSED;

/* --- blobs --- */

/* Store bytes under their SHA-256 (written to sha256_out); stored once however often it is put.  It
 * stays until what names it (a checkpoint, a field) is gone, or, if nothing ever does, until the
 * next open. */
enum status store_blob_put(struct store *s, const uint8_t *bytes, size_t n, char *sha256_out,
                           struct error *err) WARN_UNUSED;
enum status store_blob_size(struct store *s, const char *sha256, uint64_t *out,
                            struct error *err) WARN_UNUSED;
/* Read [offset, offset + n) into out; INVALID past the end. */
enum status store_blob_read(struct store *s, const char *sha256, uint64_t offset, size_t n,
                            uint8_t *out, struct error *err) WARN_UNUSED;
/* Read all of it and check its hash (INTERNAL if it does not match); the caller frees *out with
 * mem_free. */
enum status store_blob_get(struct store *s, const char *sha256, uint8_t **out, size_t *n,
                           struct error *err) WARN_UNUSED;

/* SHA-256 of bytes as 64 hexadecimal digits. */
void sha256_text(const void *bytes, size_t n, char out[SHA256_TEXT_SIZE]);

#endif
