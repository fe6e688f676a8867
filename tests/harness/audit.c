#include "tests/harness/audit.h"

#include <dirent.h>
#include <setjmp.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/harness/folder.h"
#include "tests/support/data_files.h"

enum { PATH_SIZE = 400 };

static sqlite3 *open_database(const char *data, const char *name)
{
    char path[PATH_SIZE];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/%s", data, name);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    return q;
}

static bool step(sqlite3_stmt *q)
{
    int code = sqlite3_step(q);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        fail_msg("%s", sqlite3_errmsg(sqlite3_db_handle(q)));
    return code == SQLITE_ROW;
}

static const char *text(sqlite3_stmt *q, int column)
{
    const char *value = (const char *)sqlite3_column_text(q, column);
    return value ? value : "";
}

static int64_t count(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = prepare(db, sql);
    assert_true(step(q));
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

/* A query that must find nothing: its rows are what is wrong. */
static void expect_none(sqlite3 *db, const char *fault, const char *sql)
{
    sqlite3_stmt *q = prepare(db, sql);
    bool found = false;
    while (step(q)) {
        print_error("%s:", fault);
        for (int i = 0; i < sqlite3_column_count(q); i++)
            print_error(" %s", text(q, i));
        print_error("\n");
        found = true;
    }
    sqlite3_finalize(q);
    assert_false(found);
}

static void check_integrity(sqlite3 *db)
{
    sqlite3_stmt *q = prepare(db, "PRAGMA integrity_check");
    assert_true(step(q));
    assert_string_equal(text(q, 0), "ok");
    sqlite3_finalize(q);
    expect_none(db, "foreign_key_check", "PRAGMA foreign_key_check");
}

/* --- main.db alone --- */

static const struct {
    const char *fault, *sql;
} rules[] = {
    {"a job still runs", "SELECT id FROM job WHERE status = 'running'"},
    {"an ended job has not one 'done' as the last of its log",
     "SELECT j.id, j.status, count(e.seq), max(e.seq) FROM job j"
     " LEFT JOIN job_event e ON e.job = j.n AND e.type = 'done'"
     " WHERE j.status NOT IN ('queued', 'running') GROUP BY j.n"
     " HAVING count(e.seq) <> 1"
     " OR max(e.seq) <> (SELECT max(seq) FROM job_event l WHERE l.job = j.n)"},
    {"a job that has not ended has a 'done'",
     "SELECT j.id, j.status FROM job j JOIN job_event e ON e.job = j.n"
     " WHERE e.type = 'done' AND j.status IN ('queued', 'running')"},
    {"'done' tells another end than the job's",
     "SELECT j.id, j.status, e.data_json FROM job j JOIN job_event e ON e.job = j.n"
     " WHERE e.type = 'done' AND json_extract(e.data_json, '$.status') <> j.status"},
    {"the last state in the log is not the job's",
     "SELECT j.id, j.status, e.data_json FROM job j JOIN job_event e ON e.job = j.n"
     " WHERE e.seq = (SELECT max(seq) FROM job_event l WHERE l.job = j.n AND l.type = 'state')"
     " AND json_extract(e.data_json, '$.status') <> j.status"},
    {"a log has holes",
     "SELECT job, count(*), max(seq) FROM job_event GROUP BY job HAVING count(*) <> max(seq)"},
    {"a log does not begin with 'queued'",
     "SELECT j.id, e.type, e.data_json FROM job j LEFT JOIN job_event e"
     " ON e.job = j.n AND e.seq = 1"
     " WHERE e.type IS NOT 'state' OR json_extract(e.data_json, '$.status') <> 'queued'"},
    {"an end is followed by another state",
     "SELECT j.id, a.data_json, b.data_json FROM job j"
     " JOIN job_event a ON a.job = j.n AND a.type = 'state'"
     " JOIN job_event b ON b.job = j.n AND b.type = 'state' AND b.seq > a.seq"
     " WHERE json_extract(a.data_json, '$.status') NOT IN ('queued', 'running')"},
    {"a job has several fields",
     "SELECT job_id, count(*) FROM field GROUP BY job_id HAVING count(*) > 1"},
    {"a field is not its job's", /* which may have been deleted */
     "SELECT f.id, f.job_id FROM field f JOIN job j ON j.id = f.job_id OR j.field_id = f.id"
     " WHERE j.field_id <> f.id OR j.id <> f.job_id OR j.status IN ('queued', 'running')"},
    {"a sweep has no jobs, or jobs have no sweep",
     "SELECT s.id, j.id FROM sweep s FULL JOIN job j ON j.sweep_id = s.id"
     " WHERE (s.id IS NULL AND j.sweep_id IS NOT NULL) OR j.id IS NULL"},
    {"a key has several jobs", /* a resumed job has its parent's labels */
     "SELECT l.value, count(*) FROM job_label l JOIN job j ON j.n = l.job"
     " WHERE l.key = 'key' AND j.parent_id = '' GROUP BY l.value HAVING count(*) > 1"},
    {"an ended job has no time of its end, or keeps two checkpoints",
     "SELECT id FROM job WHERE status NOT IN ('queued', 'running')"
     " AND (finished_ms = 0 OR previous_checkpoint_sha256 IS NOT NULL)"},
};

static const char failures[] =
    "SELECT id, error_class, error_detail FROM job WHERE status = 'failed'";
static const char crashes[] = "SELECT id, status, crashes FROM job WHERE crashes > 0";

/* --- datasets --- */

static void check_file(const char *folder, const char *sha256, int64_t bytes)
{
    char path[PATH_SIZE + 80], hash[SHA256_TEXT_SIZE];
    struct stat facts;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, sha256);
    if (stat(path, &facts) != 0)
        fail_msg("a dataset's row names the file '%s', which is not there", sha256);
    assert_int_equal(facts.st_size, bytes);
    uint8_t *content = file_read(path, &n);
    sha256_text(content, n, hash);
    free(content);
    assert_string_equal(hash, sha256);
}

static void check_datasets(sqlite3 *db, const char *data)
{
    char folder[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/blobs", data);
    sqlite3_stmt *q = prepare(db, "SELECT sha256, bytes FROM dataset");
    while (step(q))
        check_file(folder, text(q, 0), sqlite3_column_int64(q, 1));
    sqlite3_finalize(q);
    assert_int_equal(folder_count(folder, "", NULL),
                     count(db, "SELECT count(DISTINCT sha256) FROM dataset"));
    snprintf(folder, sizeof folder, "%s/tmp", data);
    assert_int_equal(folder_count(folder, "", NULL), 0);
}

/* --- blobs --- */

static void check_chunks(sqlite3 *blobs, int64_t blob, const char *sha256, int64_t bytes)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hash[SHA256_TEXT_SIZE];
    crypto_hash_sha256_state state;
    sqlite3_stmt *q = prepare(blobs, "SELECT data FROM blob_chunk WHERE blob = ?1 ORDER BY i");
    sqlite3_bind_int64(q, 1, blob);
    crypto_hash_sha256_init(&state);
    for (int64_t left = bytes; step(q); left -= sqlite3_column_bytes(q, 0)) {
        assert_true(sqlite3_column_bytes(q, 0) <= left);
        crypto_hash_sha256_update(&state, sqlite3_column_blob(q, 0),
                                  (unsigned long long)sqlite3_column_bytes(q, 0));
    }
    sqlite3_finalize(q);
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(hash, sizeof hash, digest, sizeof digest);
    assert_string_equal(hash, sha256);
}

static void check_blobs(sqlite3 *db, const char *data)
{
    char attach[PATH_SIZE + 40];
    snprintf(attach, sizeof attach, "ATTACH '%s/blob.db' AS b", data);
    assert_int_equal(sqlite3_exec(db, attach, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TEMP VIEW name AS SELECT weights_sha256 AS sha256 FROM field"
                     " UNION SELECT checkpoint_sha256 FROM job WHERE checkpoint_sha256 NOT NULL"
                     " UNION SELECT previous_checkpoint_sha256 FROM job"
                     "  WHERE previous_checkpoint_sha256 NOT NULL",
                     NULL, NULL, NULL),
        SQLITE_OK);
    expect_none(db, "a blob that no row names",
                "SELECT sha256 FROM b.blob EXCEPT SELECT sha256 FROM name");
    expect_none(db, "a name without its blob",
                "SELECT sha256 FROM name EXCEPT SELECT sha256 FROM b.blob");
    expect_none(db, "a field of another size than its blob",
                "SELECT f.id FROM field f JOIN b.blob ON sha256 = weights_sha256"
                " WHERE blob.bytes <> f.bytes");
    sqlite3_stmt *q = prepare(db, "SELECT n, sha256, bytes FROM b.blob");
    while (step(q))
        check_chunks(db, sqlite3_column_int64(q, 0), text(q, 1), sqlite3_column_int64(q, 2));
    sqlite3_finalize(q);
}

/* --- all of it --- */

void audit_folder(const char *data, enum audit_jobs jobs, struct audit_figures *out)
{
    struct store *store = NULL;
    struct error err = {.status = STATUS_OK};
    if (store_open(&store, data, &err) != STATUS_OK)
        fail_msg("the data folder cannot be opened: %s", err.message);
    store_close(store);

    sqlite3 *db = open_database(data, "main.db"), *blobs = open_database(data, "blob.db");
    check_integrity(db);
    check_integrity(blobs);
    sqlite3_close(blobs);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        expect_none(db, rules[i].fault, rules[i].sql);
    expect_none(db, "a job failed", failures);
    if (jobs == AUDIT_NO_CRASHES)
        expect_none(db, "a worker is said to have crashed", crashes);
    check_datasets(db, data);
    check_blobs(db, data);
    *out = (struct audit_figures){
        .n_datasets = count(db, "SELECT count(*) FROM dataset"),
        .n_jobs = count(db, "SELECT count(*) FROM job"),
        .n_fields = count(db, "SELECT count(*) FROM field"),
        .n_blobs = count(db, "SELECT count(*) FROM b.blob"),
        .n_events = count(db, "SELECT count(*) FROM job_event"),
    };
    folder_count(data, "main.db", &out->database_bytes);
    folder_count(data, "blob.db", &out->database_bytes);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void audit_copy(const char *data, enum audit_jobs jobs, struct audit_figures *out)
{
    char copy[PATH_SIZE];
    snprintf(copy, sizeof copy, "%s-copy", data);
    folder_remove(copy);
    folder_copy(data, copy);
    audit_folder(copy, jobs, out);
    folder_remove(copy);
}
