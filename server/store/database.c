#include "server/store/store_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/mem.h"

/* Another process (`farfield token`) holds the write lock for milliseconds. */
enum { BUSY_TIMEOUT_MS = 5000 };

/* migrations/: embedded by the Makefile. */
extern const char _binary_migrations_0001_initial_sql_start[];
extern const char _binary_migrations_0001_initial_sql_end[];
extern const char _binary_migrations_0002_token_sql_start[];
extern const char _binary_migrations_0002_token_sql_end[];
extern const char _binary_migrations_0003_sweep_sql_start[];
extern const char _binary_migrations_0003_sweep_sql_end[];
extern const char _binary_migrations_0004_tuning_sql_start[];
extern const char _binary_migrations_0004_tuning_sql_end[];
extern const char _binary_migrations_0005_deletion_sql_start[];
extern const char _binary_migrations_0005_deletion_sql_end[];
extern const char _binary_migrations_blob_0001_initial_sql_start[];
extern const char _binary_migrations_blob_0001_initial_sql_end[];

/* Migration i brings a database from version i to i + 1. */
enum { MAX_MIGRATIONS = 5 };

static const struct {
    const char *file;
    const char *before_first_table; /* page_size cannot change once the file is in WAL mode */
    const char *check;              /* says "ok" */
    int n_migrations;
    struct {
        const char *start, *end;
    } migrations[MAX_MIGRATIONS];
} databases[] = {
    [DATABASE_MAIN] =
        {
            "main.db",
            "PRAGMA page_size = 4096",
            "PRAGMA quick_check(1)",
            5,
            {{_binary_migrations_0001_initial_sql_start, _binary_migrations_0001_initial_sql_end},
             {_binary_migrations_0002_token_sql_start, _binary_migrations_0002_token_sql_end},
             {_binary_migrations_0003_sweep_sql_start, _binary_migrations_0003_sweep_sql_end},
             {_binary_migrations_0004_tuning_sql_start, _binary_migrations_0004_tuning_sql_end},
             {_binary_migrations_0005_deletion_sql_start,
              _binary_migrations_0005_deletion_sql_end}},
        },
    [DATABASE_BLOB] =
        {
            "blob.db",
            "PRAGMA page_size = 16384",
            /* The directory alone: chunks may be many GB, and each blob's hash is checked when it
             * is used. */
            "PRAGMA quick_check('blob')",
            1,
            {{_binary_migrations_blob_0001_initial_sql_start,
              _binary_migrations_blob_0001_initial_sql_end}},
        },
};

enum status database_run(sqlite3 *db, const char *sql, struct error *err)
{
    return database_error(db, sqlite3_exec(db, sql, NULL, NULL, NULL), err);
}

enum status database_integer(sqlite3 *db, const char *sql, int64_t *out, struct error *err)
{
    struct statement q = statement_prepare(db, sql);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        *out = statement_int(&q, 0);
    else if (status == STATUS_OK)
        status = error_set(err, STATUS_INTERNAL, "", "'%s' gives no row", sql);
    statement_close(&q);
    return status;
}

/* Does this statement answer with this one text? */
static enum status expect_text(sqlite3 *db, enum database which, const char *sql,
                               const char *expected, enum status otherwise, struct error *err)
{
    struct statement q = statement_prepare(db, sql);
    bool row = false;
    char text[128] = "";
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row) {
        statement_text(&q, 0, text, sizeof text);
        status = statement_status(&q, err);
    }
    statement_close(&q);
    if (status == STATUS_OK && strcmp(text, expected) != 0)
        return error_set(err, otherwise, "", "database '%s': '%s' answers '%s'",
                         databases[which].file, sql, text);
    return status;
}

static enum status connect_to(sqlite3 **out, const char *folder, enum database which, int flags,
                              struct error *err)
{
    char path[4200];
    int n = snprintf(path, sizeof path, "%s/%s", folder, databases[which].file);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_set(err, STATUS_INVALID, "", "the data folder's name is too long");
    sqlite3 *db = NULL;
    int code =
        sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (!db)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = database_error(db, code, err);
    if (status != STATUS_OK)
        goto out;
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* temp_store: the service's root may be read-only, so sorting must not want a file. */
    status = database_run(db,
                          "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
                          "PRAGMA temp_store = MEMORY",
                          err);
out:
    if (status != STATUS_OK)
        sqlite3_close(db);
    else
        *out = db;
    return status;
}

/* In a folder that is new to two processes, both may be at this: SQLite then says BUSY at once, its
 * timeout notwithstanding. */
static enum status enter_wal(sqlite3 *db, enum database which, struct error *err)
{
    enum { PAUSE_MS = 10 };
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    for (int waited = 0;; waited += PAUSE_MS) {
        struct error now = {.status = STATUS_OK};
        enum status status =
            expect_text(db, which, "PRAGMA journal_mode = WAL", "wal", STATUS_UNSUPPORTED, &now);
        if (status == STATUS_OK)
            return status;
        if (status != STATUS_BUSY || waited >= BUSY_TIMEOUT_MS)
            return error_set(err, status, "", "%s", now.message);
        nanosleep(&pause, NULL);
    }
}

/* Another process may have done it since the version was read: only the write lock tells. */
static enum status run_migration(sqlite3 *db, enum database which, int i, struct error *err)
{
    const char *start = databases[which].migrations[i].start;
    size_t n = (size_t)(databases[which].migrations[i].end - start);
    char *sql = mem_alloc(n + 1);
    if (!sql)
        return error_status(err, STATUS_NO_MEMORY);
    memcpy(sql, start, n);
    char version[64];
    snprintf(version, sizeof version, "PRAGMA user_version = %d; COMMIT", i + 1);
    int64_t found = i;
    enum status status = database_run(db, "BEGIN IMMEDIATE", err);
    if (status == STATUS_OK)
        status = database_integer(db, "PRAGMA user_version", &found, err);
    if (status == STATUS_OK && found == i) {
        status = database_run(db, sql, err);
        if (status == STATUS_OK)
            status = database_run(db, version, err);
    }
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* the first error is the one to tell */
    mem_free(sql);
    return status;
}

/* Leave the log (empty) and its index beside the database when it is closed: their room is taken,
 * so that a disk that fills up meanwhile does not keep the next start from reading. */
static enum status keep_log(sqlite3 *db, struct error *err)
{
    int keep = 1;
    return database_error(db, sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep),
                          err);
}

enum status database_open_writer(sqlite3 **out, const char *folder, enum database which,
                                 struct error *err)
{
    sqlite3 *db = NULL;
    int64_t version = 0;
    enum status status =
        connect_to(&db, folder, which, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (status == STATUS_OK)
        status = database_integer(db, "PRAGMA user_version", &version, err);
    if (status == STATUS_OK && version > databases[which].n_migrations)
        status =
            error_set(err, STATUS_UNSUPPORTED, "",
                      "'%s' has version %lld, made by a newer farfield; this one knows %d",
                      databases[which].file, (long long)version, databases[which].n_migrations);
    if (status == STATUS_OK && version == 0)
        status = database_run(db, databases[which].before_first_table, err);
    if (status == STATUS_OK)
        status = enter_wal(db, which, err);
    if (status == STATUS_OK)
        status = database_run(db, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864",
                              err);
    if (status == STATUS_OK)
        status = keep_log(db, err);
    for (int i = (int)version; status == STATUS_OK && i < databases[which].n_migrations; i++)
        status = run_migration(db, which, i, err);
    if (status == STATUS_OK)
        *out = db;
    else
        sqlite3_close(db);
    return status;
}

enum status database_check(sqlite3 *db, enum database which, struct error *err)
{
    return expect_text(db, which, databases[which].check, "ok", STATUS_IO, err);
}

enum status database_open_reader(sqlite3 **out, const char *folder, enum database which,
                                 struct error *err)
{
    return connect_to(out, folder, which, SQLITE_OPEN_READONLY, err);
}

void database_close(sqlite3 *db)
{
    sqlite3_close(db);
}
