/*
 * The end of what has ended: a job with its log, a sweep with all its jobs.
 *
 * Labels, events, metrics and the key of the request go with the job's row by the schema.  The
 * checkpoints that it named go after the commit, where no other row names them: a job that was
 * resumed from it has a name of its own for the same blob.
 */
#include "server/store/store_internal.h"

struct deletion {
    const char *id;
    struct blob_list checkpoints; /* of the rows that are gone */
};

static enum status refuse_unless_ended(const char *id, const char *status_text, struct error *err)
{
    enum job_status job_status;
    if (!job_status_parse(status_text, &job_status))
        return error_set(err, STATUS_INTERNAL, "", "'%s' is no status of a job", status_text);
    if (job_status_is_end(job_status))
        return STATUS_OK;
    return error_set(err, STATUS_CONFLICT, "", "the job '%s' is %s: cancel it first", id,
                     status_text);
}

static enum status check_job(sqlite3 *db, const char *id, struct error *err)
{
    struct statement q = statement_prepare(db, "SELECT status, sweep_id FROM job WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    bool row = false;
    char status_text[16] = "", sweep_id[ID_SIZE] = "";
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row) {
        statement_text(&q, 0, status_text, sizeof status_text);
        statement_text(&q, 1, sweep_id, sizeof sweep_id);
        status = statement_status(&q, err);
    }
    statement_close(&q);
    if (status != STATUS_OK)
        return status;
    if (!row)
        return not_found(ID_JOB, id, err);
    if (sweep_id[0])
        return error_set(err, STATUS_CONFLICT, "",
                         "the job '%s' is part of the sweep '%s', which can only be deleted whole",
                         id, sweep_id);
    return refuse_unless_ended(id, status_text, err);
}

/* sql: "DELETE FROM job WHERE … = ?1" with both of its checkpoints returned. */
static enum status delete_jobs(sqlite3 *db, const char *sql, struct deletion *c, struct error *err)
{
    struct statement q = statement_prepare(db, sql);
    statement_bind_text(&q, 1, c->id);
    bool row = false;
    enum status status;
    while ((status = statement_step(&q, &row, err)) == STATUS_OK && row) {
        for (int column = 0; column < 2 && status == STATUS_OK; column++) {
            char sha256[SHA256_TEXT_SIZE];
            statement_text(&q, column, sha256, sizeof sha256);
            status = blob_list_add(&c->checkpoints, sha256, err);
        }
        if (status == STATUS_OK)
            status = statement_status(&q, err);
        if (status != STATUS_OK)
            break;
    }
    statement_close(&q);
    return status;
}

#define RETURNING_CHECKPOINTS " RETURNING checkpoint_sha256, previous_checkpoint_sha256"

static enum status delete_job(struct store *s, void *context, struct error *err)
{
    struct deletion *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    enum status status = check_job(db, c->id, err);
    if (status == STATUS_OK)
        status = delete_jobs(db, "DELETE FROM job WHERE id = ?1" RETURNING_CHECKPOINTS, c, err);
    return status;
}

/* NOT_FOUND; CONFLICT while one of its jobs has not ended. */
static enum status check_sweep(sqlite3 *db, const char *id, struct error *err)
{
    struct statement q =
        statement_prepare(db, "SELECT (SELECT count(*) FROM job WHERE sweep_id = ?1"
                              " AND status IN ('queued', 'running')) FROM sweep WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    bool row = false;
    uint64_t n = 0;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        n = statement_count(&q, 0);
    statement_close(&q);
    if (status == STATUS_OK && !row)
        return not_found(ID_SWEEP, id, err);
    if (status == STATUS_OK && n > 0)
        return error_set(err, STATUS_CONFLICT, "",
                         "the sweep '%s' has %llu jobs that have not ended: cancel it first", id,
                         (unsigned long long)n);
    return status;
}

static enum status delete_sweep(struct store *s, void *context, struct error *err)
{
    struct deletion *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    enum status status = check_sweep(db, c->id, err);
    if (status == STATUS_OK)
        status =
            delete_jobs(db, "DELETE FROM job WHERE sweep_id = ?1" RETURNING_CHECKPOINTS, c, err);
    if (status != STATUS_OK)
        return status;
    struct statement q = statement_prepare(db, "DELETE FROM sweep WHERE id = ?1");
    statement_bind_text(&q, 1, c->id);
    status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

/* --- checkpoints --- */

/* Some of the list at a time, so that others can write in between: a thousand of a megabyte each
 * take seconds. */
struct drop {
    const struct blob_list *list;
    size_t first, n;
};

static enum status write_nothing(struct store *s, void *context, struct error *err)
{
    (void)s, (void)context, (void)err;
    return STATUS_OK;
}

static void drop_some(struct store *s, void *context, enum status status)
{
    const struct drop *d = context;
    (void)status;
    blob_drop_all(s, d->list->hashes + d->first, d->n);
}

/* What cannot be dropped is swept at the next open. */
static void drop_checkpoints(struct store *s, const struct blob_list *list)
{
    enum { AT_ONCE = 16 };
    struct drop d = {.list = list};
    for (; d.first < list->n; d.first += d.n) {
        d.n = list->n - d.first < AT_ONCE ? list->n - d.first : AT_ONCE;
        enum status status = store_write(s, DATABASE_MAIN, write_nothing, drop_some, &d, NULL);
        (void)status;
    }
}

static enum status run(struct store *s, const char *id, write_function what, struct error *err)
{
    struct deletion c = {.id = id};
    enum status status = store_write(s, DATABASE_MAIN, what, NULL, &c, err);
    if (status == STATUS_OK)
        drop_checkpoints(s, &c.checkpoints);
    blob_list_deinit(&c.checkpoints);
    return status;
}

enum status store_job_delete(struct store *s, const char *id, struct error *err)
{
    return run(s, id, delete_job, err);
}

enum status store_sweep_delete(struct store *s, const char *id, struct error *err)
{
    return run(s, id, delete_sweep, err);
}
