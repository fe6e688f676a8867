/*
 * Attempts: a job from its claim to its end.  Every write of a worker is fenced: it carries the
 * attempt it belongs to, and nothing happens unless the job is still running with that attempt.
 * There is one writer, so what the fence found holds until the transaction ends.
 */
#include "server/store/store_internal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

/* --- claim --- */

static enum status claim(struct store *s, void *context, struct error *err)
{
    struct job_row *out = context;
    struct statement q = statement_prepare(
        s->databases[DATABASE_MAIN],
        "UPDATE job SET status = 'running', attempt = attempt + 1, phase = '', eta_seconds = -1,"
        " started_ms = CASE started_ms WHEN 0 THEN ?1 ELSE started_ms END"
        " WHERE n = (SELECT n FROM job WHERE status = 'queued' ORDER BY n LIMIT 1)"
        " RETURNING " JOB_COLUMNS);
    statement_bind_int(&q, 1, clock_now_ms());
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        status = job_read(&q, out, err);
    else if (status == STATUS_OK)
        status = error_set(err, STATUS_NOT_FOUND, "", "no job is queued");
    if (status == STATUS_OK)
        status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

enum status store_job_claim(struct store *s, struct job_row *out, struct error *err)
{
    struct job_row row = {0};
    enum status status = store_write(s, DATABASE_MAIN, claim, NULL, &row, err);
    if (status == STATUS_OK)
        *out = row;
    else
        job_row_deinit(&row);
    return status;
}

/* --- the fence --- */

struct fence {
    const char *id;
    unsigned attempt;
    int64_t job; /* its number (0: there is none), and what else was found */
    enum job_status job_status;
    bool cancel_requested;
    char previous_checkpoint[SHA256_TEXT_SIZE];
};

/* Find the job; *is_current: it is running, with this attempt. */
static enum status look(sqlite3 *db, struct fence *f, bool *is_current, struct error *err)
{
    struct statement q = statement_prepare(
        db, "SELECT n, status, attempt, cancel_requested, previous_checkpoint_sha256 FROM job"
            " WHERE id = ?1");
    statement_bind_text(&q, 1, f->id);
    bool row = false;
    char name[16] = "";
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row) {
        f->job = statement_int(&q, 0);
        statement_text(&q, 1, name, sizeof name);
        statement_text(&q, 4, f->previous_checkpoint, sizeof f->previous_checkpoint);
        f->cancel_requested = statement_int(&q, 3) != 0;
        status = statement_status(&q, err);
    }
    if (status == STATUS_OK && row && !job_status_parse(name, &f->job_status))
        status = error_set(err, STATUS_INTERNAL, "", "'%s' is no status of a job", name);
    if (status == STATUS_OK)
        *is_current = row && f->job_status == JOB_RUNNING && statement_int(&q, 2) == f->attempt;
    statement_close(&q);
    return status;
}

/* Also of a job that was deleted: its attempts are over. */
static enum status pass(sqlite3 *db, struct fence *f, struct error *err)
{
    bool is_current = false;
    enum status status = look(db, f, &is_current, err);
    if (status == STATUS_OK && !is_current)
        return error_set(err, STATUS_CONFLICT, "", "attempt %u of the job '%s' is over", f->attempt,
                         f->id);
    return status;
}

/* --- cancel --- */

struct job_cancel {
    struct fence fence;
    const struct job_event *events;
    size_t n;
    uint64_t first_seq;
};

static enum status look_for_cancel(sqlite3 *db, struct fence *f, struct error *err)
{
    bool is_current;
    enum status status = look(db, f, &is_current, err);
    return status == STATUS_OK && f->job == 0 ? not_found(ID_JOB, f->id, err) : status;
}

/* Of a job that has been looked at and has not ended. */
static enum status cancel_live(struct store *s, struct job_cancel *c, struct error *err)
{
    const struct fence *f = &c->fence;
    struct statement q = statement_prepare(
        s->databases[DATABASE_MAIN],
        f->job_status == JOB_RUNNING
            ? "UPDATE job SET cancel_requested = 1 WHERE n = ?1"
            : "UPDATE job SET cancel_requested = 1, status = 'canceled', finished_ms = ?2,"
              " previous_checkpoint_sha256 = NULL WHERE n = ?1");
    statement_bind_int(&q, 1, f->job);
    if (f->job_status == JOB_QUEUED)
        statement_bind_int(&q, 2, clock_now_ms());
    enum status status = statement_run(&q, err);
    statement_close(&q);
    if (status == STATUS_OK && f->job_status == JOB_QUEUED)
        status = job_log_add_events(s, f->job, c->events, c->n, &c->first_seq, err);
    return status;
}

static void cancel_was_kept(struct store *s, const struct job_cancel *c)
{
    if (c->fence.job_status == JOB_QUEUED)
        blob_drop(s, c->fence.previous_checkpoint);
}

static enum status cancel(struct store *s, void *context, struct error *err)
{
    struct job_cancel *c = context;
    const struct fence *f = &c->fence;
    enum status status = look_for_cancel(s->databases[DATABASE_MAIN], &c->fence, err);
    if (status != STATUS_OK || f->job_status == JOB_CANCELED)
        return status;
    if (job_status_is_end(f->job_status))
        return error_set(err, STATUS_CONFLICT, "", "the job '%s' has %s already", f->id,
                         job_status_name(f->job_status));
    return cancel_live(s, c, err);
}

static void cancel_settled(struct store *s, void *context, enum status status)
{
    if (status == STATUS_OK)
        cancel_was_kept(s, context);
}

enum status store_job_cancel(struct store *s, const char *id, struct job_event *events, size_t n,
                             bool *was_running, struct error *err)
{
    struct job_cancel c = {.fence = {.id = id}, .events = events, .n = n};
    enum status status = store_write(s, DATABASE_MAIN, cancel, cancel_settled, &c, err);
    if (status != STATUS_OK)
        return status;
    *was_running = c.fence.job_status == JOB_RUNNING;
    if (c.fence.job_status == JOB_QUEUED)
        job_log_number_events(events, n, c.first_seq);
    return STATUS_OK;
}

struct sweep_cancels {
    struct job_cancel *items;
    size_t n;
};

static enum status cancel_all(struct store *s, void *context, struct error *err)
{
    const struct sweep_cancels *c = context;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < c->n && status == STATUS_OK; i++) {
        struct job_cancel *item = &c->items[i];
        status = look_for_cancel(s->databases[DATABASE_MAIN], &item->fence, err);
        if (status == STATUS_OK && !job_status_is_end(item->fence.job_status))
            status = cancel_live(s, item, err);
    }
    return status;
}

static void cancel_all_settled(struct store *s, void *context, enum status status)
{
    const struct sweep_cancels *c = context;
    for (size_t i = 0; i < c->n && status == STATUS_OK; i++)
        cancel_was_kept(s, &c->items[i]);
}

enum status store_sweep_cancel(struct store *s, struct sweep_cancel *jobs, size_t n,
                               struct error *err)
{
    enum { N_EVENTS = sizeof jobs->events / sizeof *jobs->events };
    struct sweep_cancels c = {.items = mem_alloc_array(n, sizeof *c.items), .n = n};
    if (!c.items && n > 0)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < n; i++)
        c.items[i] = (struct job_cancel){
            .fence = {.id = jobs[i].job_id}, .events = jobs[i].events, .n = N_EVENTS};
    enum status status = store_write(s, DATABASE_MAIN, cancel_all, cancel_all_settled, &c, err);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        jobs[i].was_running = c.items[i].fence.job_status == JOB_RUNNING;
        if (c.items[i].fence.job_status == JOB_QUEUED)
            job_log_number_events(jobs[i].events, N_EVENTS, c.items[i].first_seq);
    }
    mem_free(c.items);
    return status;
}

/* --- report --- */

struct job_report_write {
    struct fence fence;
    const struct job_report *report;
    uint64_t first_seq;
};

static enum status report(struct store *s, void *context, struct error *err)
{
    struct job_report_write *c = context;
    const struct job_report *r = c->report;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    enum status status = pass(db, &c->fence, err);
    if (status != STATUS_OK)
        return status;
    struct statement q = statement_prepare(
        db, "UPDATE job SET phase = ?2, step = ?3, seconds = ?4, eta_seconds = ?5, progress = ?6"
            " WHERE n = ?1");
    statement_bind_int(&q, 1, c->fence.job);
    statement_bind_text(&q, 2, r->phase);
    statement_bind_count(&q, 3, r->step);
    statement_bind_real(&q, 4, r->seconds);
    statement_bind_real(&q, 5, r->eta_seconds);
    statement_bind_real(&q, 6, r->progress);
    status = statement_run(&q, err);
    statement_close(&q);
    if (status == STATUS_OK)
        status = job_log_add_points(s, c->fence.job, r->points, r->n_points, err);
    if (status == STATUS_OK)
        status = job_log_add_events(s, c->fence.job, r->events, r->n_events, &c->first_seq, err);
    return status;
}

enum status store_job_report(struct store *s, const char *id, unsigned attempt,
                             struct job_report *r, struct error *err)
{
    if (!isfinite(r->seconds) || !isfinite(r->eta_seconds) || !isfinite(r->progress))
        return error_set(err, STATUS_INVALID, "",
                         "the report of the job '%s' has a number that "
                         "is not finite",
                         id);
    struct job_report_write c = {.fence = {.id = id, .attempt = attempt}, .report = r};
    enum status status = store_write(s, DATABASE_MAIN, report, NULL, &c, err);
    if (status == STATUS_OK)
        job_log_number_events(r->events, r->n_events, c.first_seq);
    return status;
}

/* --- tuning and forecast --- */

struct job_tune {
    struct fence fence;
    const struct job_tuning *tuning;
    char *spec_json;
};

static enum status tune(struct store *s, void *context, struct error *err)
{
    struct job_tune *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    char path[64];
    bool row = false;
    enum status status = pass(db, &c->fence, err);
    if (status != STATUS_OK)
        return status;
    snprintf(path, sizeof path, "$.field.encoding.%s", c->tuning->member);
    struct statement q = statement_prepare(
        db, "UPDATE job SET spec_json = json_set(spec_json, ?2, ?3), tuning_json = ?4"
            " WHERE n = ?1 AND json_extract(spec_json, ?2) = 'auto' RETURNING spec_json");
    statement_bind_int(&q, 1, c->fence.job);
    statement_bind_text(&q, 2, path);
    statement_bind_real(&q, 3, c->tuning->value);
    statement_bind_text(&q, 4, c->tuning->tuning_json);
    status = statement_step(&q, &row, err);
    if (status == STATUS_OK && !row)
        status =
            error_set(err, STATUS_INVALID, "", "the spec of the job '%s' does not leave '%s' open",
                      c->fence.id, c->tuning->member);
    if (status == STATUS_OK) {
        c->spec_json = statement_text_copy(&q, 0);
        status = statement_status(&q, err);
    }
    if (status == STATUS_OK)
        status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

enum status store_job_tune(struct store *s, const char *id, unsigned attempt,
                           const struct job_tuning *tuning, char **spec_json, struct error *err)
{
    struct job_tune c = {.fence = {.id = id, .attempt = attempt}, .tuning = tuning};
    if (!isfinite(tuning->value))
        return error_set(err, STATUS_INVALID, "", "'%s' of the job '%s' is not finite",
                         tuning->member, id);
    enum status status = store_write(s, DATABASE_MAIN, tune, NULL, &c, err);
    if (status == STATUS_OK)
        *spec_json = c.spec_json;
    else
        mem_free(c.spec_json);
    return status;
}

struct job_forecast {
    struct fence fence;
    const char *forecast_json;
};

static enum status keep_forecast(struct store *s, void *context, struct error *err)
{
    struct job_forecast *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    enum status status = pass(db, &c->fence, err);
    if (status != STATUS_OK)
        return status;
    struct statement q = statement_prepare(db, "UPDATE job SET forecast_json = ?2 WHERE n = ?1");
    statement_bind_int(&q, 1, c->fence.job);
    statement_bind_text(&q, 2, c->forecast_json);
    status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

enum status store_job_forecast(struct store *s, const char *id, unsigned attempt,
                               const char *forecast_json, struct error *err)
{
    struct job_forecast c = {.fence = {.id = id, .attempt = attempt},
                             .forecast_json = forecast_json};
    return store_write(s, DATABASE_MAIN, keep_forecast, NULL, &c, err);
}

/* --- checkpoint --- */

/* The size of a blob that a row is about to name: it must be there. */
static enum status find_stored(struct store *s, const char *sha256, uint64_t *size,
                               struct error *err)
{
    struct error found = {.status = STATUS_OK};
    enum status status = blob_find_size(s->databases[DATABASE_BLOB], sha256, size, &found);
    if (status == STATUS_NOT_FOUND)
        return error_set(err, STATUS_INTERNAL, "", "the blob '%.64s' was not stored", sha256);
    return status == STATUS_OK ? STATUS_OK : error_set(err, status, "", "%s", found.message);
}

struct job_checkpoint {
    struct fence fence;
    const char *sha256;
    uint64_t step;
};

static enum status checkpoint(struct store *s, void *context, struct error *err)
{
    struct job_checkpoint *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    uint64_t size;
    enum status status = pass(db, &c->fence, err);
    if (status == STATUS_OK)
        status = find_stored(s, c->sha256, &size, err);
    if (status != STATUS_OK)
        return status;
    /* The same bytes once more push nothing out. */
    struct statement q = statement_prepare(
        db, "UPDATE job SET checkpoint_sha256 = ?2, checkpoint_step = ?3,"
            " previous_checkpoint_sha256 = CASE WHEN checkpoint_sha256 IS ?2"
            " THEN previous_checkpoint_sha256 ELSE checkpoint_sha256 END WHERE n = ?1");
    statement_bind_int(&q, 1, c->fence.job);
    statement_bind_text(&q, 2, c->sha256);
    statement_bind_count(&q, 3, c->step);
    status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

/* A row has the blob now, or none will: the pin goes, and in the second case the blob. */
static void settle_blob(struct store *s, const char *sha256, bool is_named)
{
    blob_unpin(s, sha256);
    if (!is_named)
        blob_drop(s, sha256);
}

/* A checkpoint that could not be named is not tried again.  (A row that may come back after a crash
 * keeps its blob: the sweep at open will know.) */
static void checkpoint_settled(struct store *s, void *context, enum status status)
{
    const struct job_checkpoint *c = context;
    if (status == STATUS_OK || !s->is_doubtful[DATABASE_MAIN])
        settle_blob(s, c->sha256, status == STATUS_OK);
    if (status == STATUS_OK)
        blob_drop(s, c->fence.previous_checkpoint);
}

enum status store_job_checkpoint(struct store *s, const char *id, unsigned attempt,
                                 const char *sha256, uint64_t step, struct error *err)
{
    struct job_checkpoint c = {
        .fence = {.id = id, .attempt = attempt}, .sha256 = sha256, .step = step};
    return store_write(s, DATABASE_MAIN, checkpoint, checkpoint_settled, &c, err);
}

/* --- finish --- */

struct job_finish {
    struct fence fence;
    struct job_end *end;
    enum job_status job_status; /* what it came to */
    uint64_t first_seq;
};

static enum status publish_field(struct store *s, int64_t job, const struct field_row *field,
                                 struct error *err)
{
    uint64_t bytes = 0;
    enum status status = find_stored(s, field->weights_sha256, &bytes, err);
    if (status != STATUS_OK)
        return status;
    struct statement q = statement_prepare(
        s->databases[DATABASE_MAIN],
        "INSERT INTO field (id, job_id, dataset_id, task, step, bytes, weights_sha256, spec_json,"
        " summary_json, metrics_json, created_ms)"
        " SELECT field_id, id, dataset_id, task, ?2, ?3, ?4, coalesce(?5, spec_json), ?6, ?7, ?8"
        " FROM job WHERE n = ?1");
    statement_bind_int(&q, 1, job);
    statement_bind_count(&q, 2, field->step);
    statement_bind_count(&q, 3, bytes);
    statement_bind_text(&q, 4, field->weights_sha256);
    statement_bind_text(&q, 5, field->spec_json);
    statement_bind_text(&q, 6, field->summary_json);
    statement_bind_text(&q, 7, field->metrics_json);
    statement_bind_int(&q, 8, clock_now_ms());
    status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

static enum status write_requeue(sqlite3 *db, const struct job_finish *c, struct error *err)
{
    struct statement q =
        statement_prepare(db, "UPDATE job SET status = 'queued', phase = '', eta_seconds = -1,"
                              " crashes = crashes + ?2 WHERE n = ?1");
    statement_bind_int(&q, 1, c->fence.job);
    statement_bind_int(&q, 2, c->end->crashed);
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

static enum status write_end(sqlite3 *db, const struct job_finish *c, struct error *err)
{
    struct statement q = statement_prepare(
        db, "UPDATE job SET status = ?2, phase = '', eta_seconds = -1, crashes = crashes + ?3,"
            " progress = CASE ?2 WHEN 'succeeded' THEN 1.0 ELSE progress END, stopped_by = ?4,"
            " error_class = ?5, error_detail = ?6, previous_checkpoint_sha256 = NULL,"
            " finished_ms = ?7 WHERE n = ?1");
    statement_bind_int(&q, 1, c->fence.job);
    statement_bind_text(&q, 2, job_status_name(c->job_status));
    statement_bind_int(&q, 3, c->end->crashed);
    statement_bind_text(&q, 4, c->end->stopped_by);
    statement_bind_text(&q, 5, c->end->error_class);
    statement_bind_text(&q, 6, c->end->error_detail);
    statement_bind_int(&q, 7, clock_now_ms());
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

static enum status finish(struct store *s, void *context, struct error *err)
{
    struct job_finish *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    enum status status = pass(db, &c->fence, err);
    if (status != STATUS_OK)
        return status;
    bool is_late = c->end->status == JOB_QUEUED && c->fence.cancel_requested;
    c->job_status = is_late ? JOB_CANCELED : c->end->status;
    if (c->end->field)
        status = publish_field(s, c->fence.job, c->end->field, err);
    if (status == STATUS_OK)
        status = c->job_status == JOB_QUEUED ? write_requeue(db, c, err) : write_end(db, c, err);
    if (status == STATUS_OK)
        status = job_log_add_events(
            s, c->fence.job, is_late ? c->end->cancel_events : c->end->events,
            is_late ? c->end->n_cancel_events : c->end->n_events, &c->first_seq, err);
    return status;
}

static void finish_settled(struct store *s, void *context, enum status status)
{
    const struct job_finish *c = context;
    /* An end that fails otherwise is tried again, with the same blob. */
    if (c->end->field && (status == STATUS_OK || status == STATUS_CONFLICT))
        settle_blob(s, c->end->field->weights_sha256, status == STATUS_OK);
    if (status == STATUS_OK && c->job_status != JOB_QUEUED)
        blob_drop(s, c->fence.previous_checkpoint);
}

enum status store_job_finish(struct store *s, const char *id, unsigned attempt, struct job_end *end,
                             struct error *err)
{
    assert(end->status != JOB_RUNNING && !(end->status == JOB_QUEUED && end->field));
    struct job_finish c = {.fence = {.id = id, .attempt = attempt}, .end = end};
    enum status status = store_write(s, DATABASE_MAIN, finish, finish_settled, &c, err);
    if (status != STATUS_OK)
        return status;
    if (c.job_status == end->status)
        job_log_number_events(end->events, end->n_events, c.first_seq);
    else
        job_log_number_events(end->cancel_events, end->n_cancel_events, c.first_seq);
    end->status = c.job_status;
    return STATUS_OK;
}
