#include "server/store/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

/* The file's name without its folder: paths of this machine stay out of messages. */
static const char *database_name(sqlite3 *db)
{
    const char *path = sqlite3_db_filename(db, NULL);
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : "?";
}

static bool is_out_of_space(int number)
{
    return number == ENOSPC || number == EDQUOT;
}

static enum status status_of(sqlite3 *db, int code)
{
    switch (code & 0xff) { /* the primary code */
    case SQLITE_OK:
        return STATUS_OK;
    case SQLITE_FULL:
        return STATUS_NO_SPACE;
    case SQLITE_NOMEM:
        return STATUS_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STATUS_BUSY;
    case SQLITE_TOOBIG:
        return STATUS_TOO_LARGE;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (code == SQLITE_IOERR_NOMEM)
            return STATUS_NO_MEMORY;
        if (code == SQLITE_IOERR_SHMSIZE) /* the log's index cannot grow; errno is not kept */
            return STATUS_NO_SPACE;
        return is_out_of_space(sqlite3_system_errno(db)) ? STATUS_NO_SPACE : STATUS_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return STATUS_IO;
    default:
        return STATUS_INTERNAL;
    }
}

enum status database_error(sqlite3 *db, int code, struct error *err)
{
    enum status status = status_of(db, code);
    if (status == STATUS_OK)
        return STATUS_OK;
    bool is_latest = sqlite3_extended_errcode(db) == code;
    return error_set(err, status, "", "database '%s': %s (code %d)", database_name(db),
                     is_latest ? sqlite3_errmsg(db) : sqlite3_errstr(code), code);
}

enum status file_error(int number, const char *doing, const char *name, struct error *err)
{
    enum status status = is_out_of_space(number) ? STATUS_NO_SPACE
                         : number == ENOMEM      ? STATUS_NO_MEMORY
                                                 : STATUS_IO;
    return error_set(err, status, "", "cannot %s '%s': %s", doing, name, strerror(number));
}

struct statement statement_prepare(sqlite3 *db, const char *sql)
{
    struct statement q = {.db = db};
    q.code = sqlite3_prepare_v2(db, sql, -1, &q.handle, NULL);
    return q;
}

void statement_bind_text(struct statement *q, int parameter, const char *text)
{
    if (q->code == SQLITE_OK)
        q->code = sqlite3_bind_text(q->handle, parameter, text, -1, SQLITE_STATIC);
}

void statement_bind_int(struct statement *q, int parameter, int64_t value)
{
    if (q->code == SQLITE_OK)
        q->code = sqlite3_bind_int64(q->handle, parameter, value);
}

void statement_bind_count(struct statement *q, int parameter, uint64_t value)
{
    if (value > INT64_MAX && q->code == SQLITE_OK)
        q->code = SQLITE_TOOBIG;
    statement_bind_int(q, parameter, (int64_t)value);
}

void statement_bind_real(struct statement *q, int parameter, double value)
{
    if (q->code == SQLITE_OK)
        q->code = sqlite3_bind_double(q->handle, parameter, value);
}

void statement_bind_bytes(struct statement *q, int parameter, const void *bytes, size_t n)
{
    if (q->code == SQLITE_OK)
        q->code = sqlite3_bind_blob64(q->handle, parameter, bytes, n, SQLITE_STATIC);
}

enum status statement_step(struct statement *q, bool *row, struct error *err)
{
    if (q->code == SQLITE_OK) {
        int code = sqlite3_step(q->handle);
        if (code == SQLITE_ROW || code == SQLITE_DONE) {
            *row = code == SQLITE_ROW;
            return STATUS_OK;
        }
        q->code = code;
    }
    return statement_status(q, err);
}

enum status statement_run(struct statement *q, struct error *err)
{
    bool row = true;
    while (row) {
        enum status status = statement_step(q, &row, err);
        if (status != STATUS_OK)
            return status;
    }
    sqlite3_reset(q->handle); /* repeats the code of the step, which was fine */
    return STATUS_OK;
}

void statement_retry(struct statement *q)
{
    sqlite3_reset(q->handle); /* repeats the code of the step, which has been told */
    q->code = SQLITE_OK;
}

int64_t statement_int(const struct statement *q, int column)
{
    return sqlite3_column_int64(q->handle, column);
}

uint64_t statement_count(const struct statement *q, int column)
{
    return (uint64_t)sqlite3_column_int64(q->handle, column);
}

double statement_real(const struct statement *q, int column)
{
    return sqlite3_column_double(q->handle, column);
}

/* NULL for NULL; also where SQLite has no memory to end the text with its NUL, which then sticks.
 */
static const char *column_text(struct statement *q, int column)
{
    if (sqlite3_column_type(q->handle, column) == SQLITE_NULL)
        return NULL;
    const unsigned char *text = sqlite3_column_text(q->handle, column);
    if (!text && q->code == SQLITE_OK)
        q->code = SQLITE_NOMEM;
    return (const char *)text;
}

void statement_text(struct statement *q, int column, char *out, size_t size)
{
    const char *text = column_text(q, column);
    snprintf(out, size, "%s", text ? text : "");
}

char *statement_text_copy(struct statement *q, int column)
{
    const char *text = column_text(q, column);
    char *copy = text ? mem_strdup(text) : NULL;
    if (text && !copy && q->code == SQLITE_OK)
        q->code = SQLITE_NOMEM;
    return copy;
}

enum status statement_status(const struct statement *q, struct error *err)
{
    return database_error(q->db, q->code, err);
}

void statement_close(struct statement *q)
{
    sqlite3_finalize(q->handle);
    q->handle = NULL;
}
