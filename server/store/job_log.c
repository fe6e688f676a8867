/*
 * The log of a job: numbered events and points of metrics.  A point that is reported again for its
 * step (after a resume) takes the old one's place.
 */
#include "server/store/store_internal.h"

#include <math.h>

#include "core/base/mem.h"

/* --- write --- */

enum status job_log_add_events(struct store *s, int64_t job, const struct job_event *events,
                               size_t n, uint64_t *first_seq, struct error *err)
{
    if (n == 0)
        return STATUS_OK;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    struct statement last =
        statement_prepare(db, "SELECT coalesce(max(seq), 0) FROM job_event WHERE job = ?1");
    struct statement add = statement_prepare(
        db, "INSERT INTO job_event (job, seq, type, data_json) VALUES (?1, ?2, ?3, ?4)");
    statement_bind_int(&last, 1, job);
    statement_bind_int(&add, 1, job);
    bool row = false;
    enum status status = statement_step(&last, &row, err);
    uint64_t seq = status == STATUS_OK && row ? statement_count(&last, 0) : 0;
    *first_seq = seq + 1;
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        statement_bind_count(&add, 2, ++seq);
        statement_bind_text(&add, 3, events[i].type);
        statement_bind_text(&add, 4, events[i].data_json);
        status = statement_run(&add, err);
    }
    statement_close(&add);
    statement_close(&last);
    return status;
}

void job_log_number_events(struct job_event *events, size_t n, uint64_t first_seq)
{
    for (size_t i = 0; i < n; i++)
        events[i].seq = first_seq + i;
}

static enum status add_point(struct statement *name, struct statement *add,
                             const struct metric_point *point, struct error *err)
{
    if (!isfinite(point->value) || !isfinite(point->seconds))
        return error_set(err, STATUS_INVALID, "", "the metric '%.23s' is not finite", point->key);
    statement_bind_text(name, 1, point->key);
    enum status status = statement_run(name, err);
    if (status != STATUS_OK)
        return status;
    statement_bind_text(add, 2, point->key);
    statement_bind_count(add, 3, point->step);
    statement_bind_real(add, 4, point->value);
    statement_bind_real(add, 5, point->seconds);
    return statement_run(add, err);
}

enum status job_log_add_points(struct store *s, int64_t job, const struct metric_point *points,
                               size_t n, struct error *err)
{
    if (n == 0)
        return STATUS_OK;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    struct statement name = statement_prepare(
        db, "INSERT INTO metric_key (name) VALUES (?1) ON CONFLICT (name) DO NOTHING");
    struct statement add =
        statement_prepare(db, "INSERT INTO metric (job, key, step, value, seconds)"
                              " VALUES (?1, (SELECT n FROM metric_key WHERE name = ?2), ?3, ?4, ?5)"
                              " ON CONFLICT (job, key, step) DO UPDATE"
                              " SET value = excluded.value, seconds = excluded.seconds");
    statement_bind_int(&add, 1, job);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = add_point(&name, &add, &points[i], err);
    statement_close(&add);
    statement_close(&name);
    return status;
}

struct append_events {
    const char *id;
    const struct job_event *events;
    size_t n;
    uint64_t first_seq;
};

static enum status append_events(struct store *s, void *context, struct error *err)
{
    struct append_events *c = context;
    int64_t job = 0;
    enum status status = job_find_number(s->databases[DATABASE_MAIN], c->id, &job, err);
    if (status == STATUS_OK)
        status = job_log_add_events(s, job, c->events, c->n, &c->first_seq, err);
    return status;
}

enum status store_job_append_events(struct store *s, const char *id, struct job_event *events,
                                    size_t n, struct error *err)
{
    struct append_events c = {.id = id, .events = events, .n = n};
    enum status status = store_write(s, DATABASE_MAIN, append_events, NULL, &c, err);
    if (status == STATUS_OK)
        job_log_number_events(events, n, c.first_seq);
    return status;
}

/* --- read events --- */

void event_list_deinit(struct event_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        mem_free(list->events[i].data_json);
    mem_free(list->events);
    *list = (struct event_list){0};
}

void *array_grown(void *elements, size_t n, size_t size)
{
    if (n & (n - 1))
        return elements;
    return mem_realloc_array(elements, n ? 2 * n : 1, size);
}

static enum status read_event(struct statement *q, struct event_list *list, struct error *err)
{
    struct job_event *events = array_grown(list->events, list->n, sizeof *events);
    if (!events)
        return error_status(err, STATUS_NO_MEMORY);
    list->events = events;
    struct job_event *event = &list->events[list->n];
    event->seq = statement_count(q, 0);
    statement_text(q, 1, event->type, sizeof event->type);
    event->data_json = statement_text_copy(q, 2);
    enum status status = statement_status(q, err);
    if (status == STATUS_OK)
        list->n++;
    return status;
}

static enum status read_events(sqlite3 *db, int64_t job, uint64_t after, size_t limit,
                               struct event_list *list, struct error *err)
{
    if (after > INT64_MAX)
        return STATUS_OK; /* nothing comes after that */
    struct statement q =
        statement_prepare(db, "SELECT seq, type, data_json FROM job_event"
                              " WHERE job = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
    statement_bind_int(&q, 1, job);
    statement_bind_count(&q, 2, after);
    statement_bind_int(&q, 3, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    bool row = false;
    enum status status;
    while ((status = statement_step(&q, &row, err)) == STATUS_OK && row) {
        status = read_event(&q, list, err);
        if (status != STATUS_OK)
            break;
    }
    statement_close(&q);
    return status;
}

enum status store_job_events(struct store *s, const char *id, uint64_t after, size_t limit,
                             struct event_list *out, struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    struct event_list list = {0};
    int64_t job = 0;
    status = job_find_number(r->databases[DATABASE_MAIN], id, &job, err);
    if (status == STATUS_OK)
        status = read_events(r->databases[DATABASE_MAIN], job, after, limit, &list, err);
    reader_give(s, r);
    if (status == STATUS_OK)
        *out = list;
    else
        event_list_deinit(&list);
    return status;
}

/* --- read metrics --- */

void metric_series_deinit(struct metric_series *m)
{
    mem_free(m->points);
    *m = (struct metric_series){0};
}

/* Columns: name, step, value, seconds. */
static enum status read_points(struct statement *q, struct metric_series *m, struct error *err)
{
    bool row = false;
    enum status status;
    while ((status = statement_step(q, &row, err)) == STATUS_OK && row) {
        struct metric_point *points = array_grown(m->points, m->n, sizeof *points);
        if (!points)
            return error_status(err, STATUS_NO_MEMORY);
        m->points = points;
        struct metric_point *point = &m->points[m->n++];
        statement_text(q, 0, point->key, sizeof point->key);
        point->step = statement_count(q, 1);
        point->value = statement_real(q, 2);
        point->seconds = statement_real(q, 3);
    }
    return status;
}

/* key NULL: all. */
static enum status read_key(sqlite3 *db, int64_t job, const char *key, int64_t since_step,
                            struct metric_series *m, struct error *err)
{
    struct statement q =
        statement_prepare(db, key ? "SELECT k.name, m.step, m.value, m.seconds FROM metric_key k"
                                    " JOIN metric m ON m.job = ?1 AND m.key = k.n AND m.step > ?2"
                                    " WHERE k.name = ?3 ORDER BY m.step"
                                  : "SELECT k.name, m.step, m.value, m.seconds FROM metric_key k"
                                    " JOIN metric m ON m.job = ?1 AND m.key = k.n AND m.step > ?2"
                                    " ORDER BY k.name, m.step");
    statement_bind_int(&q, 1, job);
    statement_bind_int(&q, 2, since_step < 0 ? -1 : since_step);
    if (key)
        statement_bind_text(&q, 3, key);
    enum status status = read_points(&q, m, err);
    statement_close(&q);
    return status;
}

enum status store_job_metrics(struct store *s, const char *id, const char *const *keys,
                              size_t n_keys, int64_t since_step, struct metric_series *out,
                              struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    sqlite3 *db = r->databases[DATABASE_MAIN];
    struct metric_series m = {0};
    int64_t job = 0;
    status = job_find_number(db, id, &job, err);
    if (status == STATUS_OK && n_keys == 0)
        status = read_key(db, job, NULL, since_step, &m, err);
    for (size_t i = 0; i < n_keys && status == STATUS_OK; i++)
        status = read_key(db, job, keys[i], since_step, &m, err);
    reader_give(s, r);
    if (status == STATUS_OK)
        *out = m;
    else
        metric_series_deinit(&m);
    return status;
}

static enum status read_latest(sqlite3 *db, int64_t job, struct metric_series *m, struct error *err)
{
    struct statement q = statement_prepare(
        db, "SELECT k.name, m.step, m.value, m.seconds FROM metric_key k"
            " JOIN metric m ON m.job = ?1 AND m.key = k.n"
            " AND m.step = (SELECT max(step) FROM metric WHERE job = ?1 AND key = k.n)"
            " ORDER BY k.name");
    statement_bind_int(&q, 1, job);
    enum status status = read_points(&q, m, err);
    statement_close(&q);
    return status;
}

enum status store_job_latest_metrics(struct store *s, const char *id, struct metric_series *out,
                                     struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    struct metric_series m = {0};
    int64_t job = 0;
    status = job_find_number(r->databases[DATABASE_MAIN], id, &job, err);
    if (status == STATUS_OK)
        status = read_latest(r->databases[DATABASE_MAIN], job, &m, err);
    reader_give(s, r);
    if (status == STATUS_OK)
        *out = m;
    else
        metric_series_deinit(&m);
    return status;
}
