/*
 * Sweeps: jobs that were made together.  What became of a sweep is read from its jobs.
 */
#include "server/store/store_internal.h"

#include <assert.h>
#include <string.h>

#include "core/base/mem.h"

void sweep_row_deinit(struct sweep_row *row)
{
    mem_free(row->request_json);
    *row = (struct sweep_row){0};
}

void sweep_jobs_deinit(struct sweep_jobs *jobs)
{
    mem_free(jobs->jobs);
    mem_free(jobs->values);
    *jobs = (struct sweep_jobs){0};
}

void sweep_list_deinit(struct sweep_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        sweep_row_deinit(&list->rows[i]);
    mem_free(list->rows);
    *list = (struct sweep_list){0};
}

/* --- insert --- */

struct sweep_insert {
    const struct sweep_row *row;
    const struct job_row *jobs;
    size_t n;
    const struct idempotency *key;
    uint64_t max_queued;
    const struct job_event *event;
    char id[ID_SIZE];
    bool existed;
};

static enum status insert_row(sqlite3 *db, const struct sweep_row *row, char id[ID_SIZE],
                              struct error *err)
{
    id_make(ID_SWEEP, id);
    struct statement q = statement_prepare(
        db, "INSERT INTO sweep (id, name, request_json, created_ms) VALUES (?1, ?2, ?3, ?4)");
    statement_bind_text(&q, 1, id);
    statement_bind_text(&q, 2, row->name);
    statement_bind_text(&q, 3, row->request_json);
    statement_bind_int(&q, 4, clock_now_ms());
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

/* The texts of a row are only read: the copy borrows them. */
static enum status insert_job(struct store *s, const struct sweep_insert *c, size_t i,
                              struct job_added *out, struct error *err)
{
    struct job_row row = c->jobs[i];
    memcpy(row.sweep_id, c->id, sizeof row.sweep_id);
    return job_add(s, &row, c->event, out, err);
}

static enum status insert(struct store *s, void *context, struct error *err)
{
    struct sweep_insert *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    const bool has_key = c->key && c->key->key;
    char first_job[ID_SIZE];
    int64_t first = 0;
    enum status status = idempotency_expire(db, err);
    if (status == STATUS_OK && has_key)
        status = idempotency_find(db, c->key, first_job, c->id, &c->existed, err);
    if (status != STATUS_OK || c->existed)
        return status;
    status = job_check_queue(db, c->n, c->max_queued, err);
    if (status == STATUS_OK)
        status = insert_row(db, c->row, c->id, err);
    for (size_t i = 0; i < c->n && status == STATUS_OK; i++) {
        struct job_added added;
        status = insert_job(s, c, i, &added, err);
        if (status == STATUS_OK && i == 0)
            first = added.n;
    }
    if (status == STATUS_OK && has_key)
        status = idempotency_remember(db, c->key, first, err);
    return status;
}

enum status store_sweep_insert(struct store *s, struct sweep_row *row, const struct job_row *jobs,
                               size_t n, const struct idempotency *key, uint64_t max_queued,
                               const struct job_event *event, bool *existed, struct error *err)
{
    assert(n >= 1 && row->request_json);
    struct sweep_insert c = {
        .row = row, .jobs = jobs, .n = n, .key = key, .max_queued = max_queued, .event = event};
    enum status status = store_write(s, DATABASE_MAIN, insert, NULL, &c, err);
    if (status != STATUS_OK)
        return status;
    memcpy(row->id, c.id, sizeof row->id);
    *existed = c.existed;
    return STATUS_OK;
}

enum status store_sweep_find_first(struct store *s, const struct idempotency *key, char id[ID_SIZE],
                                   bool *existed, struct error *err)
{
    struct reader *r;
    char first_job[ID_SIZE];
    *existed = false;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    status = idempotency_find(r->databases[DATABASE_MAIN], key, first_job, id, existed, err);
    reader_give(s, r);
    return status;
}

/* --- read --- */

/* Columns: n, id, name, request_json, created_ms. */
static enum status read_row(struct statement *q, struct sweep_row *out, struct error *err)
{
    struct sweep_row row = {0};
    statement_text(q, 1, row.id, sizeof row.id);
    statement_text(q, 2, row.name, sizeof row.name);
    row.request_json = statement_text_copy(q, 3);
    row.created_ms = statement_int(q, 4);
    enum status status = statement_status(q, err);
    if (status == STATUS_OK)
        *out = row;
    else
        sweep_row_deinit(&row);
    return status;
}

static enum status find_row(sqlite3 *db, const char *id, struct sweep_row *out, struct error *err)
{
    struct statement q = statement_prepare(
        db, "SELECT n, id, name, request_json, created_ms FROM sweep WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    bool found = false;
    enum status status = statement_step(&q, &found, err);
    if (status == STATUS_OK)
        status = found ? read_row(&q, out, err) : not_found(ID_SWEEP, id, err);
    statement_close(&q);
    return status;
}

/* Columns: id, field_id, status, attempt. */
static enum status add_job(struct statement *q, const char *id, struct sweep_jobs *jobs,
                           struct error *err)
{
    char name[16];
    struct sweep_job *grown = array_grown(jobs->jobs, jobs->n, sizeof *grown);
    if (!grown)
        return error_status(err, STATUS_NO_MEMORY);
    jobs->jobs = grown;
    struct sweep_job *job = &jobs->jobs[jobs->n++];
    *job = (struct sweep_job){.attempt = (unsigned)statement_int(q, 3), .first = jobs->n_values};
    memcpy(job->id, id, sizeof job->id);
    statement_text(q, 1, job->field_id, sizeof job->field_id);
    statement_text(q, 2, name, sizeof name);
    if (!job_status_parse(name, &job->status))
        return error_set(err, STATUS_INTERNAL, "", "'%s' is no status of a job", name);
    return STATUS_OK;
}

static enum status add_value(struct sweep_jobs *jobs, const struct sweep_value *value,
                             struct error *err)
{
    assert(jobs->n > 0 && jobs->jobs);
    struct sweep_value *grown = array_grown(jobs->values, jobs->n_values, sizeof *grown);
    if (!grown)
        return error_status(err, STATUS_NO_MEMORY);
    jobs->values = grown;
    jobs->values[jobs->n_values++] = *value;
    jobs->jobs[jobs->n - 1].n++;
    return STATUS_OK;
}

/* A job once more for each of its metrics: columns 4 and 5, NULL where it has none. */
static enum status read_job(struct statement *q, struct sweep_jobs *jobs, struct error *err)
{
    char id[ID_SIZE];
    struct sweep_value value = {.value = statement_real(q, 5)};
    enum status status = STATUS_OK;
    statement_text(q, 0, id, sizeof id);
    statement_text(q, 4, value.key, sizeof value.key);
    if (jobs->n == 0 || strcmp(jobs->jobs[jobs->n - 1].id, id) != 0)
        status = add_job(q, id, jobs, err);
    if (status == STATUS_OK && value.key[0])
        status = add_value(jobs, &value, err);
    return status == STATUS_OK ? statement_status(q, err) : status;
}

/* One statement, so that all of it is of one moment.  CROSS JOIN keeps SQLite from walking through
 * all metrics there are. */
static enum status read_jobs(sqlite3 *db, const char *id, struct sweep_jobs *jobs,
                             struct error *err)
{
    struct statement q = statement_prepare(
        db, "SELECT j.id, j.field_id, j.status, j.attempt, v.name, v.value FROM job j"
            " LEFT JOIN (SELECT m.job, k.name, m.value FROM job s CROSS JOIN metric_key k"
            "  CROSS JOIN metric m WHERE s.sweep_id = ?1 AND s.status = 'succeeded'"
            "  AND m.job = s.n AND m.key = k.n"
            "  AND m.step = (SELECT max(step) FROM metric WHERE job = s.n AND key = k.n)) v"
            " ON v.job = j.n WHERE j.sweep_id = ?1 ORDER BY j.n, v.name");
    statement_bind_text(&q, 1, id);
    bool row = false;
    enum status status;
    while ((status = statement_step(&q, &row, err)) == STATUS_OK && row) {
        status = read_job(&q, jobs, err);
        if (status != STATUS_OK)
            break;
    }
    statement_close(&q);
    return status;
}

enum status store_sweep_get(struct store *s, const char *id, struct sweep_row *out,
                            struct sweep_jobs *jobs, struct error *err)
{
    struct reader *r;
    struct sweep_row row = {0};
    struct sweep_jobs found = {0};
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    sqlite3 *db = r->databases[DATABASE_MAIN];
    status = find_row(db, id, &row, err);
    if (status == STATUS_OK)
        status = read_jobs(db, id, &found, err);
    if (status == STATUS_OK && found.n == 0) /* it was deleted in between */
        status = not_found(ID_SWEEP, id, err);
    reader_give(s, r);
    if (status != STATUS_OK) {
        sweep_row_deinit(&row);
        sweep_jobs_deinit(&found);
        return status;
    }
    for (size_t i = 0; i < found.n; i++) {
        row.n_jobs[found.jobs[i].status]++;
        row.n_started += found.jobs[i].attempt > 0;
    }
    *out = row;
    *jobs = found;
    return STATUS_OK;
}

/* A page ends with so many bytes of requests: as JSON in memory they are some thirty times as
 * many. */
enum { PAGE_BYTES = 2 << 20 };

static enum status read_list(struct statement *q, struct page_walk *walk, struct sweep_list *list,
                             struct error *err)
{
    enum { FIRST_COUNT = 5 };
    size_t bytes = 0;
    bool has_row = false;
    enum status status;
    while ((status = page_step(walk, q, list->next_cursor, &has_row, err)) == STATUS_OK &&
           has_row) {
        struct sweep_row *row = &list->rows[list->n];
        status = read_row(q, row, err);
        if (status != STATUS_OK)
            break;
        list->n++;
        bytes += strlen(row->request_json);
        if (bytes >= PAGE_BYTES)
            walk->limit = list->n;
        for (int i = 0; i <= JOB_CANCELED; i++)
            row->n_jobs[i] = statement_count(q, FIRST_COUNT + i);
        row->n_started = statement_count(q, FIRST_COUNT + JOB_CANCELED + 1);
    }
    return status;
}

/* By its own name, and by those of its datasets. */
#define SEARCH PAGE_SEARCH("sweep", PAGE_IN_NAME("name") " OR " IN_A_DATASET)
#define IN_A_DATASET                                                                               \
    "EXISTS (SELECT 1 FROM job i WHERE i.sweep_id = sweep.id AND " PAGE_IN_DATASET(                \
        "i.dataset_id") ")"

enum status store_sweep_list(struct store *s, const struct page *page, struct sweep_list *out,
                             struct error *err)
{
    struct reader *r;
    struct page_walk walk;
    enum status status = page_begin(page, 's', &walk, err);
    if (status == STATUS_OK)
        status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    struct sweep_list list = {.rows = mem_alloc_array(page->limit, sizeof *list.rows)};
    /* The counts in the order of enum job_status. */
    struct statement q = statement_prepare(
        r->databases[DATABASE_MAIN],
        "SELECT s.n, s.id, s.name, s.request_json, s.created_ms, sum(j.status = 'queued'),"
        " sum(j.status = 'running'), sum(j.status = 'succeeded'), sum(j.status = 'failed'),"
        " sum(j.status = 'canceled'), sum(j.attempt > 0)"
        " FROM (SELECT * FROM sweep WHERE n < ?1 AND " SEARCH " ORDER BY n DESC LIMIT ?2) s"
        " JOIN job j ON j.sweep_id = s.id GROUP BY s.n ORDER BY s.n DESC");
    page_bind(&walk, &q);
    status = list.rows ? read_list(&q, &walk, &list, err) : error_status(err, STATUS_NO_MEMORY);
    statement_close(&q);
    reader_give(s, r);
    if (status == STATUS_OK)
        *out = list;
    else
        sweep_list_deinit(&list);
    return status;
}
