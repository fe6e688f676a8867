/*
 * Design.  The file comes before the row: fsync the upload, rename it to blobs/<sha256>, fsync the
 * folder, commit the row; and it goes after the row.  Renames and removals all happen on the writer
 * thread, so none can slip between another's file and row.  What a crash leaves is a file without a
 * row, swept at open.
 */
#include "server/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"

#define DATASET_COLUMNS "n, id, kind, name, media_type, bytes, sha256, info_json, created_ms"

void dataset_row_deinit(struct dataset_row *row)
{
    mem_free(row->info_json);
    *row = (struct dataset_row){0};
}

void dataset_list_deinit(struct dataset_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        dataset_row_deinit(&list->rows[i]);
    mem_free(list->rows);
    *list = (struct dataset_list){0};
}

static enum status read_row(struct statement *q, struct dataset_row *out, struct error *err)
{
    struct dataset_row row = {0};
    statement_text(q, 1, row.id, sizeof row.id);
    statement_text(q, 2, row.kind, sizeof row.kind);
    statement_text(q, 3, row.name, sizeof row.name);
    statement_text(q, 4, row.media_type, sizeof row.media_type);
    row.bytes = statement_count(q, 5);
    statement_text(q, 6, row.sha256, sizeof row.sha256);
    row.info_json = statement_text_copy(q, 7);
    row.created_ms = statement_int(q, 8);
    enum status status = statement_status(q, err);
    if (status == STATUS_OK)
        *out = row;
    else
        dataset_row_deinit(&row);
    return status;
}

/* Both give *found = false and leave *out alone where there is none. */
static enum status find_by_id(sqlite3 *db, const char *id, struct dataset_row *out, bool *found,
                              struct error *err)
{
    struct statement q =
        statement_prepare(db, "SELECT " DATASET_COLUMNS " FROM dataset WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    enum status status = statement_step(&q, found, err);
    if (status == STATUS_OK && *found)
        status = read_row(&q, out, err);
    statement_close(&q);
    return status;
}

static enum status find_by_content(sqlite3 *db, const char *kind, const char *sha256,
                                   struct dataset_row *out, bool *found, struct error *err)
{
    struct statement q = statement_prepare(db, "SELECT " DATASET_COLUMNS
                                               " FROM dataset WHERE sha256 = ?1 AND kind = ?2");
    statement_bind_text(&q, 1, sha256);
    statement_bind_text(&q, 2, kind);
    enum status status = statement_step(&q, found, err);
    if (status == STATUS_OK && *found)
        status = read_row(&q, out, err);
    statement_close(&q);
    return status;
}

enum status dataset_is_named(struct store *s, const char *sha256, bool *out, struct error *err)
{
    struct statement q = statement_prepare(s->databases[DATABASE_MAIN],
                                           "SELECT 1 FROM dataset WHERE sha256 = ?1 LIMIT 1");
    statement_bind_text(&q, 1, sha256);
    enum status status = statement_step(&q, out, err);
    statement_close(&q);
    return status;
}

static void drop_file(struct store *s, const char *sha256)
{
    bool named = true;
    if (dataset_is_named(s, sha256, &named, NULL) == STATUS_OK && !named)
        unlinkat(s->blobs_file, sha256, 0); /* what stays is swept at the next open */
}

/* --- insert --- */

struct dataset_insert {
    const struct dataset_row *row;
    const char *path;
    struct dataset_row out;
    bool existed;
    bool moved;
};

/* Make the upload's bytes durable and check that they are as many as the row says. */
static enum status sync_upload(const char *path, uint64_t bytes, struct error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return file_error(errno, "open", "upload", err);
    enum status status = STATUS_OK;
    struct stat facts;
    if (fsync(file) != 0)
        status = file_error(errno, "sync", "upload", err);
    else if (fstat(file, &facts) != 0)
        status = file_error(errno, "look at", "upload", err);
    else if (!S_ISREG(facts.st_mode) || (uint64_t)facts.st_size != bytes)
        status = error_set(err, STATUS_INTERNAL, "", "the upload is not the %llu bytes it was",
                           (unsigned long long)bytes);
    close(file);
    return status;
}

static enum status place_file(struct store *s, struct dataset_insert *c, struct error *err)
{
    struct stat facts;
    bool is_there = fstatat(s->blobs_file, c->row->sha256, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(facts.st_mode) && (uint64_t)facts.st_size == c->row->bytes;
    if (!is_there) {
        if (renameat(AT_FDCWD, c->path, s->blobs_file, c->row->sha256) != 0)
            return file_error(errno, "move", "upload", err);
        c->moved = true;
    }
    return fsync(s->blobs_file) == 0 ? STATUS_OK : file_error(errno, "sync", "blobs", err);
}

static enum status insert_row(sqlite3 *db, const struct dataset_row *row, struct error *err)
{
    char id[ID_SIZE];
    id_make(ID_DATASET, id);
    struct statement q = statement_prepare(
        db, "INSERT INTO dataset (id, kind, name, media_type, bytes, sha256, info_json, created_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    statement_bind_text(&q, 1, id);
    statement_bind_text(&q, 2, row->kind);
    statement_bind_text(&q, 3, row->name);
    statement_bind_text(&q, 4, row->media_type);
    statement_bind_count(&q, 5, row->bytes);
    statement_bind_text(&q, 6, row->sha256);
    statement_bind_text(&q, 7, row->info_json);
    statement_bind_int(&q, 8, clock_now_ms());
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

static enum status insert(struct store *s, void *context, struct error *err)
{
    struct dataset_insert *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    const struct dataset_row *row = c->row;
    enum status status = find_by_content(db, row->kind, row->sha256, &c->out, &c->existed, err);
    if (status != STATUS_OK || c->existed)
        return status;
    status = place_file(s, c, err);
    if (status == STATUS_OK)
        status = insert_row(db, row, err);
    bool found;
    if (status == STATUS_OK)
        status = find_by_content(db, row->kind, row->sha256, &c->out, &found, err);
    return status;
}

static void insert_settled(struct store *s, void *context, enum status status)
{
    const struct dataset_insert *c = context;
    /* A commit that failed may still be found done after a crash: then the row needs its file. */
    if (status != STATUS_OK && c->moved && !s->is_doubtful[DATABASE_MAIN])
        drop_file(s, c->row->sha256);
}

enum status store_dataset_insert(struct store *s, struct dataset_row *row, const char *path,
                                 bool *existed, struct error *err)
{
    struct dataset_insert c = {.row = row, .path = path};
    enum status status = sha256_is(row->sha256)
                             ? sync_upload(path, row->bytes, err)
                             : error_set(err, STATUS_INTERNAL, "", "the upload has no hash");
    if (status == STATUS_OK)
        status = store_write(s, DATABASE_MAIN, insert, insert_settled, &c, err);
    if (!c.moved)
        unlink(path); /* what stays in the temporary folder is removed at the next open */
    if (status != STATUS_OK) {
        dataset_row_deinit(&c.out);
        return status;
    }
    dataset_row_deinit(row);
    *row = c.out;
    *existed = c.existed;
    return STATUS_OK;
}

/* --- read --- */

enum status store_dataset_get(struct store *s, const char *id, struct dataset_row *out,
                              struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    bool found = false;
    status = find_by_id(r->databases[DATABASE_MAIN], id, out, &found, err);
    reader_give(s, r);
    return status == STATUS_OK && !found ? not_found(ID_DATASET, id, err) : status;
}

enum status store_dataset_find(struct store *s, const char *kind, const char *sha256,
                               struct dataset_row *out, struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    bool found = false;
    status = find_by_content(r->databases[DATABASE_MAIN], kind, sha256, out, &found, err);
    reader_give(s, r);
    if (status == STATUS_OK && !found)
        return error_set(err, STATUS_NOT_FOUND, "", "there is no dataset with these bytes");
    return status;
}

static enum status read_list(sqlite3 *db, const char *kind, struct page_walk *walk,
                             struct dataset_list *list, struct error *err)
{
    struct statement q = statement_prepare(
        db, "SELECT " DATASET_COLUMNS " FROM dataset WHERE n < ?1 AND (?4 IS NULL OR kind = ?4)"
            " AND " PAGE_SEARCH("dataset", PAGE_IN_NAME("name")) " ORDER BY n DESC LIMIT ?2");
    page_bind(walk, &q);
    statement_bind_text(&q, 4, kind);
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

enum status store_dataset_list(struct store *s, const char *kind, const struct page *page,
                               struct dataset_list *out, struct error *err)
{
    struct reader *r;
    struct page_walk walk;
    enum status status = page_begin(page, 'd', &walk, err);
    if (status == STATUS_OK)
        status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    struct dataset_list list = {.rows = mem_alloc_array(page->limit, sizeof *list.rows)};
    status = list.rows ? read_list(r->databases[DATABASE_MAIN], kind, &walk, &list, err)
                       : error_status(err, STATUS_NO_MEMORY);
    reader_give(s, r);
    if (status == STATUS_OK)
        *out = list;
    else
        dataset_list_deinit(&list);
    return status;
}

enum status store_dataset_open(struct store *s, const char *sha256, int *fd, struct error *err)
{
    int file = -1;
    if (sha256_is(sha256))
        file = openat(s->blobs_file, sha256, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    else
        errno = ENOENT;
    if (file < 0 && errno == ENOENT)
        return error_set(err, STATUS_NOT_FOUND, "", "the dataset's bytes are gone");
    if (file < 0)
        return file_error(errno, "open", sha256, err);
    *fd = file;
    return STATUS_OK;
}

/* --- delete --- */

struct dataset_delete {
    const char *id;
    struct dataset_row row;
};

static enum status refuse_if_needed(sqlite3 *db, const char *id, struct error *err)
{
    struct statement q =
        statement_prepare(db, "SELECT id FROM job WHERE dataset_id = ?1"
                              " AND status IN ('queued', 'running') ORDER BY n LIMIT 1");
    statement_bind_text(&q, 1, id);
    bool row = false;
    char job[ID_SIZE] = "";
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row) {
        statement_text(&q, 0, job, sizeof job);
        status = statement_status(&q, err);
    }
    statement_close(&q);
    if (status == STATUS_OK && row)
        return error_set(err, STATUS_CONFLICT, "", "the dataset '%s' is needed by the job '%s'", id,
                         job);
    return status;
}

static enum status delete_row(struct store *s, void *context, struct error *err)
{
    struct dataset_delete *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    bool found = false;
    enum status status = find_by_id(db, c->id, &c->row, &found, err);
    if (status == STATUS_OK && !found)
        status = not_found(ID_DATASET, c->id, err);
    if (status == STATUS_OK)
        status = refuse_if_needed(db, c->id, err);
    if (status != STATUS_OK)
        return status;
    struct statement q = statement_prepare(db, "DELETE FROM dataset WHERE id = ?1");
    statement_bind_text(&q, 1, c->id);
    status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

static void delete_settled(struct store *s, void *context, enum status status)
{
    const struct dataset_delete *c = context;
    if (status == STATUS_OK)
        drop_file(s, c->row.sha256);
}

enum status store_dataset_delete(struct store *s, const char *id, struct error *err)
{
    struct dataset_delete c = {.id = id};
    enum status status = store_write(s, DATABASE_MAIN, delete_row, delete_settled, &c, err);
    dataset_row_deinit(&c.row);
    return status;
}
