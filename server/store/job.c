#include "server/store/store_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

static const char *const status_names[] = {
    [JOB_QUEUED] = "queued", [JOB_RUNNING] = "running",   [JOB_SUCCEEDED] = "succeeded",
    [JOB_FAILED] = "failed", [JOB_CANCELED] = "canceled",
};

const char *job_status_name(enum job_status status)
{
    return status_names[status];
}

bool job_status_parse(const char *text, enum job_status *out)
{
    for (size_t i = 0; i < sizeof status_names / sizeof *status_names; i++)
        if (strcmp(text, status_names[i]) == 0) {
            *out = (enum job_status)i;
            return true;
        }
    return false;
}

bool job_status_is_end(enum job_status status)
{
    return status != JOB_QUEUED && status != JOB_RUNNING;
}

void job_row_deinit(struct job_row *row)
{
    mem_free(row->error_detail);
    mem_free(row->request_json);
    mem_free(row->spec_json);
    mem_free(row->labels_json);
    mem_free(row->tuning_json);
    mem_free(row->forecast_json);
    *row = (struct job_row){0};
}

void job_list_deinit(struct job_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        job_row_deinit(&list->rows[i]);
    mem_free(list->rows);
    *list = (struct job_list){0};
}

/* In the order of JOB_COLUMNS; column 0 is n. */
enum status job_read(struct statement *q, struct job_row *out, struct error *err)
{
    struct job_row row = {0};
    char status_text[16];
    int c = 1;
    statement_text(q, c++, row.id, sizeof row.id);
    statement_text(q, c++, row.task, sizeof row.task);
    statement_text(q, c++, status_text, sizeof status_text);
    statement_text(q, c++, row.phase, sizeof row.phase);
    row.step = statement_count(q, c++);
    row.steps = statement_count(q, c++);
    row.seconds = statement_real(q, c++);
    row.eta_seconds = statement_real(q, c++);
    row.progress = statement_real(q, c++);
    row.attempt = (unsigned)statement_int(q, c++);
    row.crashes = (unsigned)statement_int(q, c++);
    row.cancel_requested = statement_int(q, c++) != 0;
    statement_text(q, c++, row.dataset_id, sizeof row.dataset_id);
    statement_text(q, c++, row.field_id, sizeof row.field_id);
    statement_text(q, c++, row.parent_id, sizeof row.parent_id);
    statement_text(q, c++, row.stopped_by, sizeof row.stopped_by);
    statement_text(q, c++, row.error_class, sizeof row.error_class);
    row.error_detail = statement_text_copy(q, c++);
    row.request_json = statement_text_copy(q, c++);
    row.spec_json = statement_text_copy(q, c++);
    row.labels_json = statement_text_copy(q, c++);
    statement_text(q, c++, row.checkpoint_sha256, sizeof row.checkpoint_sha256);
    row.checkpoint_step = statement_count(q, c++);
    row.created_ms = statement_int(q, c++);
    row.started_ms = statement_int(q, c++);
    row.finished_ms = statement_int(q, c++);
    statement_text(q, c++, row.sweep_id, sizeof row.sweep_id);
    row.tuning_json = statement_text_copy(q, c++);
    row.forecast_json = statement_text_copy(q, c++);
    enum status status = statement_status(q, err);
    if (status == STATUS_OK && !job_status_parse(status_text, &row.status))
        status = error_set(err, STATUS_INTERNAL, "", "'%s' is no status of a job", status_text);
    if (status == STATUS_OK)
        *out = row;
    else
        job_row_deinit(&row);
    return status;
}

enum status job_find_number(sqlite3 *db, const char *id, int64_t *out, struct error *err)
{
    struct statement q = statement_prepare(db, "SELECT n FROM job WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        *out = statement_int(&q, 0);
    else if (status == STATUS_OK)
        status = not_found(ID_JOB, id, err);
    statement_close(&q);
    return status;
}

/* One job by a query that ends in "= ?1". */
static enum status find(sqlite3 *db, const char *sql, const char *key, struct job_row *out,
                        bool *found, struct error *err)
{
    struct statement q = statement_prepare(db, sql);
    statement_bind_text(&q, 1, key);
    enum status status = statement_step(&q, found, err);
    if (status == STATUS_OK && *found)
        status = job_read(&q, out, err);
    statement_close(&q);
    return status;
}

static const char by_id[] = "SELECT " JOB_COLUMNS " FROM job WHERE id = ?1";

/* --- insert --- */

struct job_insert {
    const struct job_row *row;
    const struct idempotency *key;
    uint64_t max_queued;
    const struct job_event *event; /* or NULL */
    struct job_added added;
    struct job_row out;
    bool existed;
};

static enum status find_first(sqlite3 *db, const struct idempotency *key, struct job_row *out,
                              bool *existed, struct error *err)
{
    char id[ID_SIZE], sweep_id[ID_SIZE];
    enum status status = idempotency_find(db, key, id, sweep_id, existed, err);
    /* a reader may find it deleted by now: then there was none */
    return status == STATUS_OK && *existed ? find(db, by_id, id, out, existed, err) : status;
}

enum status store_job_find_first(struct store *s, const struct idempotency *key,
                                 struct job_row *out, bool *existed, struct error *err)
{
    struct reader *r;
    *existed = false;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    status = find_first(r->databases[DATABASE_MAIN], key, out, existed, err);
    reader_give(s, r);
    return status;
}

static enum status check_dataset(sqlite3 *db, const char *id, struct error *err)
{
    struct statement q = statement_prepare(db, "SELECT 1 FROM dataset WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    statement_close(&q);
    if (status != STATUS_OK || row)
        return status;
    if (!id_is(ID_DATASET, id))
        return error_set(err, STATUS_NOT_FOUND, "/dataset_id", "there is no dataset with this id");
    return error_set(err, STATUS_NOT_FOUND, "/dataset_id", "there is no dataset '%s'", id);
}

enum status job_check_queue(sqlite3 *db, size_t n, uint64_t max_queued, struct error *err)
{
    int64_t queued = 0;
    enum status status =
        database_integer(db, "SELECT count(*) FROM job WHERE status = 'queued'", &queued, err);
    if (status == STATUS_OK && (uint64_t)queued + n > max_queued)
        return error_set(err, STATUS_BUSY, "",
                         "%lld jobs wait already, with %zu more they would pass the limit of %llu",
                         (long long)queued, n, (unsigned long long)max_queued);
    return status;
}

/* A job is resumed when it has ended and has something to resume from. */
static enum status check_parent(sqlite3 *db, const char *id, struct error *err)
{
    struct job_row parent = {0};
    bool found = false;
    enum status status = find(db, by_id, id, &parent, &found, err);
    if (status != STATUS_OK)
        return status;
    if (!found)
        status = not_found(ID_JOB, id, err);
    else if (!job_status_is_end(parent.status))
        status = error_set(err, STATUS_CONFLICT, "", "the job '%s' has not ended", id);
    else if (parent.checkpoint_sha256[0] == '\0')
        status = error_set(err, STATUS_CONFLICT, "", "the job '%s' has no checkpoint", id);
    job_row_deinit(&parent);
    return status;
}

static enum status insert_row(sqlite3 *db, const struct job_row *row, char id[ID_SIZE],
                              struct error *err)
{
    char field_id[ID_SIZE];
    id_make(ID_JOB, id);
    id_make(ID_FIELD, field_id);
    struct statement q = statement_prepare(
        db, "INSERT INTO job (id, field_id, task, steps, dataset_id, parent_id, request_json,"
            " spec_json, labels_json, created_ms, sweep_id, tuning_json, checkpoint_sha256,"
            " checkpoint_step)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
            " (SELECT checkpoint_sha256 FROM job WHERE id = ?6),"
            " coalesce((SELECT checkpoint_step FROM job WHERE id = ?6), 0))");
    statement_bind_text(&q, 1, id);
    statement_bind_text(&q, 2, field_id);
    statement_bind_text(&q, 3, row->task);
    statement_bind_count(&q, 4, row->steps);
    statement_bind_text(&q, 5, row->dataset_id);
    statement_bind_text(&q, 6, row->parent_id);
    statement_bind_text(&q, 7, row->request_json);
    statement_bind_text(&q, 8, row->spec_json);
    statement_bind_text(&q, 9, row->labels_json);
    statement_bind_int(&q, 10, clock_now_ms());
    statement_bind_text(&q, 11, row->sweep_id[0] ? row->sweep_id : NULL);
    statement_bind_text(&q, 12, row->tuning_json);
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

static enum status insert_labels(sqlite3 *db, int64_t job, const char *labels_json,
                                 struct error *err)
{
    struct statement q =
        statement_prepare(db, "INSERT INTO job_label (job, key, value)"
                              " SELECT ?1, key, value FROM json_each(?2) WHERE type = 'text'");
    statement_bind_int(&q, 1, job);
    statement_bind_text(&q, 2, labels_json);
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

enum status job_add(struct store *s, const struct job_row *row, const struct job_event *event,
                    struct job_added *out, struct error *err)
{
    sqlite3 *db = s->databases[DATABASE_MAIN];
    enum status status = check_dataset(db, row->dataset_id, err);
    if (status == STATUS_OK && row->parent_id[0] != '\0')
        status = check_parent(db, row->parent_id, err);
    if (status == STATUS_OK)
        status = insert_row(db, row, out->id, err);
    if (status != STATUS_OK)
        return status;
    out->n = sqlite3_last_insert_rowid(db);
    status = insert_labels(db, out->n, row->labels_json, err);
    if (status == STATUS_OK && event)
        status = job_log_add_events(s, out->n, event, 1, &out->first_seq, err);
    return status;
}

static enum status insert(struct store *s, void *context, struct error *err)
{
    struct job_insert *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    bool has_key = c->key && c->key->key;
    enum status status = idempotency_expire(db, err);
    if (status == STATUS_OK && has_key)
        status = find_first(db, c->key, &c->out, &c->existed, err);
    if (status != STATUS_OK || c->existed)
        return status;
    status = job_check_queue(db, 1, c->max_queued, err);
    if (status == STATUS_OK)
        status = job_add(s, c->row, c->event, &c->added, err);
    if (status == STATUS_OK && has_key)
        status = idempotency_remember(db, c->key, c->added.n, err);
    bool found;
    if (status == STATUS_OK)
        status = find(db, by_id, c->added.id, &c->out, &found, err);
    return status;
}

enum status store_job_insert(struct store *s, struct job_row *row, const struct idempotency *key,
                             uint64_t max_queued, struct job_event *event, bool *existed,
                             struct error *err)
{
    assert(row->request_json && row->spec_json && row->labels_json);
    struct job_insert c = {.row = row, .key = key, .max_queued = max_queued, .event = event};
    enum status status = store_write(s, DATABASE_MAIN, insert, NULL, &c, err);
    if (status != STATUS_OK) {
        job_row_deinit(&c.out);
        return status;
    }
    job_row_deinit(row);
    *row = c.out;
    *existed = c.existed;
    if (event && !c.existed)
        job_log_number_events(event, 1, c.added.first_seq);
    return STATUS_OK;
}

/* --- read --- */

enum status store_job_get(struct store *s, const char *id, struct job_row *out, struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    bool found = false;
    status = find(r->databases[DATABASE_MAIN], by_id, id, out, &found, err);
    reader_give(s, r);
    return status == STATUS_OK && !found ? not_found(ID_JOB, id, err) : status;
}

enum status store_field_job(struct store *s, const char *id, struct job_row *out, struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    bool found = false;
    status = find(r->databases[DATABASE_MAIN],
                  "SELECT " JOB_COLUMNS " FROM job"
                  " WHERE status IN ('queued', 'running') AND field_id = ?1",
                  id, out, &found, err);
    reader_give(s, r);
    return status == STATUS_OK && !found ? not_found(ID_FIELD, id, err) : status;
}

static struct statement prepare_list(sqlite3 *db, const struct job_filter *f,
                                     const struct page_walk *walk)
{
    /* Put together from these constants only; what the caller wrote is bound. */
    char sql[1024];
    int n = snprintf(
        sql, sizeof sql,
        "SELECT " JOB_COLUMNS " FROM job WHERE n < ?1%s%s%s%s%s"
        " ORDER BY n DESC LIMIT ?2",
        walk->search ? " AND " PAGE_SEARCH("job", PAGE_IN_DATASET("dataset_id")) : "",
        f->by_status ? " AND status = ?4" : "", f->dataset_id ? " AND dataset_id = ?5" : "",
        f->label_key ? " AND n IN (SELECT job FROM job_label WHERE key = ?6 AND value = ?7)" : "",
        f->sweep_id ? " AND sweep_id = ?8" : "");
    assert(n > 0 && (size_t)n < sizeof sql);
    struct statement q = statement_prepare(db, sql);
    page_bind(walk, &q);
    if (f->by_status)
        statement_bind_text(&q, 4, job_status_name(f->status));
    if (f->dataset_id)
        statement_bind_text(&q, 5, f->dataset_id);
    if (f->label_key) {
        statement_bind_text(&q, 6, f->label_key);
        statement_bind_text(&q, 7, f->label_value);
    }
    if (f->sweep_id)
        statement_bind_text(&q, 8, f->sweep_id);
    return q;
}

static enum status read_list(struct statement *q, struct page_walk *walk, struct job_list *list,
                             struct error *err)
{
    bool row = false;
    enum status status;
    while ((status = page_step(walk, q, list->next_cursor, &row, err)) == STATUS_OK && row) {
        status = job_read(q, &list->rows[list->n], err);
        if (status != STATUS_OK)
            break;
        list->n++;
    }
    return status;
}

enum status store_job_list(struct store *s, const struct job_filter *filter,
                           const struct page *page, struct job_list *out, struct error *err)
{
    static const struct job_filter everything;
    struct reader *r;
    struct page_walk walk;
    enum status status = page_begin(page, 'j', &walk, err);
    if (status == STATUS_OK)
        status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    struct job_list list = {.rows = mem_alloc_array(page->limit, sizeof *list.rows)};
    struct statement q =
        prepare_list(r->databases[DATABASE_MAIN], filter ? filter : &everything, &walk);
    status = list.rows ? read_list(&q, &walk, &list, err) : error_status(err, STATUS_NO_MEMORY);
    statement_close(&q);
    reader_give(s, r);
    if (status == STATUS_OK)
        *out = list;
    else
        job_list_deinit(&list);
    return status;
}

static enum status read_position(sqlite3 *db, const char *id, uint64_t *out, struct error *err)
{
    struct statement q = statement_prepare(
        db, "SELECT CASE WHEN j.status = 'queued' THEN"
            " (SELECT count(*) FROM job q WHERE q.status = 'queued' AND q.n <= j.n) ELSE 0 END"
            " FROM job j WHERE j.id = ?1");
    statement_bind_text(&q, 1, id);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        *out = statement_count(&q, 0);
    else if (status == STATUS_OK)
        status = not_found(ID_JOB, id, err);
    statement_close(&q);
    return status;
}

enum status store_job_queue_position(struct store *s, const char *id, uint64_t *out,
                                     struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    status = read_position(r->databases[DATABASE_MAIN], id, out, err);
    reader_give(s, r);
    return status;
}

static enum status read_counts(sqlite3 *db, uint64_t counts[JOB_CANCELED + 1], struct error *err)
{
    struct statement q = statement_prepare(db, "SELECT status, count(*) FROM job GROUP BY status");
    bool row = false;
    enum status status;
    while ((status = statement_step(&q, &row, err)) == STATUS_OK && row) {
        char name[16];
        enum job_status job_status;
        statement_text(&q, 0, name, sizeof name);
        if (job_status_parse(name, &job_status))
            counts[job_status] = statement_count(&q, 1);
    }
    statement_close(&q);
    return status;
}

enum status store_job_count(struct store *s, uint64_t counts[JOB_CANCELED + 1], struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    uint64_t read[JOB_CANCELED + 1] = {0};
    status = read_counts(r->databases[DATABASE_MAIN], read, err);
    reader_give(s, r);
    if (status == STATUS_OK)
        memcpy(counts, read, sizeof read);
    return status;
}
