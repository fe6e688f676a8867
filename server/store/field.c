#include "server/store/store_internal.h"

#include "core/base/mem.h"

/* Rows are inserted by store_job_finish, in the transaction that ends the job. */
#define FIELD_COLUMNS                                                                              \
    "n, id, job_id, dataset_id, task, step, bytes, weights_sha256, spec_json, summary_json, "      \
    "metrics_json, created_ms, EXISTS (SELECT 1 FROM job WHERE id = field.job_id), "               \
    "EXISTS (SELECT 1 FROM dataset WHERE id = field.dataset_id)"

void field_row_deinit(struct field_row *row)
{
    mem_free(row->spec_json);
    mem_free(row->summary_json);
    mem_free(row->metrics_json);
    *row = (struct field_row){0};
}

void field_list_deinit(struct field_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        field_row_deinit(&list->rows[i]);
    mem_free(list->rows);
    *list = (struct field_list){0};
}

static enum status read_row(struct statement *q, struct field_row *out, struct error *err)
{
    struct field_row row = {0};
    statement_text(q, 1, row.id, sizeof row.id);
    statement_text(q, 2, row.job_id, sizeof row.job_id);
    statement_text(q, 3, row.dataset_id, sizeof row.dataset_id);
    statement_text(q, 4, row.task, sizeof row.task);
    row.step = statement_count(q, 5);
    row.bytes = statement_count(q, 6);
    statement_text(q, 7, row.weights_sha256, sizeof row.weights_sha256);
    row.spec_json = statement_text_copy(q, 8);
    row.summary_json = statement_text_copy(q, 9);
    row.metrics_json = statement_text_copy(q, 10);
    row.created_ms = statement_int(q, 11);
    row.has_job = statement_int(q, 12) != 0;
    row.has_dataset = statement_int(q, 13) != 0;
    enum status status = statement_status(q, err);
    if (status == STATUS_OK)
        *out = row;
    else
        field_row_deinit(&row);
    return status;
}

static enum status find(sqlite3 *db, const char *id, struct field_row *out, struct error *err)
{
    struct statement q = statement_prepare(db, "SELECT " FIELD_COLUMNS " FROM field WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        status = read_row(&q, out, err);
    else if (status == STATUS_OK)
        status = not_found(ID_FIELD, id, err);
    statement_close(&q);
    return status;
}

enum status store_field_get(struct store *s, const char *id, struct field_row *out,
                            struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    status = find(r->databases[DATABASE_MAIN], id, out, err);
    reader_give(s, r);
    return status;
}

static enum status read_list(sqlite3 *db, const struct field_filter *f, struct page_walk *walk,
                             struct field_list *list, struct error *err)
{
    struct statement q = statement_prepare(
        db,
        "SELECT " FIELD_COLUMNS " FROM field WHERE n < ?1"
        " AND (?4 IS NULL OR dataset_id = ?4) AND (?5 IS NULL OR task = ?5)"
        " AND " PAGE_SEARCH("field", PAGE_IN_DATASET("dataset_id")) " ORDER BY n DESC LIMIT ?2");
    page_bind(walk, &q);
    statement_bind_text(&q, 4, f ? f->dataset_id : NULL);
    statement_bind_text(&q, 5, f ? f->task : NULL);
    bool row = false;
    enum status status;
    while ((status = page_step(walk, &q, list->next_cursor, &row, err)) == STATUS_OK && row) {
        status = read_row(&q, &list->rows[list->n], err);
        if (status != STATUS_OK)
            break;
        list->n++;
    }
    statement_close(&q);
    return status;
}

enum status store_field_list(struct store *s, const struct field_filter *filter,
                             const struct page *page, struct field_list *out, struct error *err)
{
    struct reader *r;
    struct page_walk walk;
    enum status status = page_begin(page, 'f', &walk, err);
    if (status == STATUS_OK)
        status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    struct field_list list = {.rows = mem_alloc_array(page->limit, sizeof *list.rows)};
    status = list.rows ? read_list(r->databases[DATABASE_MAIN], filter, &walk, &list, err)
                       : error_status(err, STATUS_NO_MEMORY);
    reader_give(s, r);
    if (status == STATUS_OK)
        *out = list;
    else
        field_list_deinit(&list);
    return status;
}

struct field_delete {
    const char *id;
    char weights_sha256[SHA256_TEXT_SIZE];
};

static enum status delete_row(struct store *s, void *context, struct error *err)
{
    struct field_delete *c = context;
    struct statement q = statement_prepare(
        s->databases[DATABASE_MAIN], "DELETE FROM field WHERE id = ?1 RETURNING weights_sha256");
    statement_bind_text(&q, 1, c->id);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        statement_text(&q, 0, c->weights_sha256, sizeof c->weights_sha256);
    else if (status == STATUS_OK)
        status = not_found(ID_FIELD, c->id, err);
    if (status == STATUS_OK)
        status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

static void delete_settled(struct store *s, void *context, enum status status)
{
    const struct field_delete *c = context;
    if (status == STATUS_OK)
        blob_drop(s, c->weights_sha256);
}

enum status store_field_delete(struct store *s, const char *id, struct error *err)
{
    struct field_delete c = {.id = id};
    return store_write(s, DATABASE_MAIN, delete_row, delete_settled, &c, err);
}
