#include "server/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static enum status read_counts(sqlite3 *db, struct store_usage *out, struct error *err)
{
    struct statement q =
        statement_prepare(db, "SELECT (SELECT count(*) FROM dataset), (SELECT count(*) FROM sweep),"
                              " (SELECT count(*) FROM field), (SELECT coalesce(sum(bytes), 0)"
                              "  FROM (SELECT DISTINCT sha256, bytes FROM dataset))");
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row) {
        out->n_datasets = statement_count(&q, 0);
        out->n_sweeps = statement_count(&q, 1);
        out->n_fields = statement_count(&q, 2);
        out->dataset_bytes = statement_count(&q, 3);
    }
    statement_close(&q);
    return status;
}

/* The databases with their logs; what is not there takes no room. */
static enum status measure_databases(const struct store *s, struct store_usage *out,
                                     struct error *err)
{
    static const char *const names[] = {"main.db", "main.db-wal", "blob.db", "blob.db-wal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat facts;
        if (fstatat(s->folder_file, names[i], &facts, AT_SYMLINK_NOFOLLOW) == 0)
            out->database_bytes += (uint64_t)facts.st_size;
        else if (errno != ENOENT)
            return file_error(errno, "look at", names[i], err);
    }
    return STATUS_OK;
}

static enum status measure_room(const struct store *s, struct store_usage *out, struct error *err)
{
    struct statvfs facts;
    if (fstatvfs(s->folder_file, &facts) != 0)
        return file_error(errno, "look at", "the data folder", err);
    out->free_bytes = (uint64_t)facts.f_bavail * facts.f_frsize;
    return STATUS_OK;
}

enum status store_measure(struct store *s, struct store_usage *out, struct error *err)
{
    struct reader *r;
    struct store_usage usage = {.n_datasets = 0};
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    status = read_counts(r->databases[DATABASE_MAIN], &usage, err);
    reader_give(s, r);
    if (status == STATUS_OK)
        status = measure_databases(s, &usage, err);
    if (status == STATUS_OK)
        status = measure_room(s, &usage, err);
    if (status == STATUS_OK)
        *out = usage;
    return status;
}
