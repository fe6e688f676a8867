/*
 * What is set right at open.  A job that was running lost its worker with the service: it goes back
 * to the queue (or is canceled, if that was asked for), which counts neither as an attempt nor as a
 * crash.  Then everything that no row names is swept: uploads under way, files, blobs.
 */
#include "server/store/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/log.h"

/* Watchers that come back after the restart find in the log what happened to their job.  The same
 * members as server/jobs/job_events.h writes. */
static const char log_of_recovery[] =
    "INSERT INTO job_event (job, seq, type, data_json)"
    " SELECT j.n, 1 + (SELECT coalesce(max(e.seq), 0) FROM job_event e WHERE e.job = j.n), 'state',"
    "  json_object('status', CASE WHEN j.cancel_requested THEN 'canceled' ELSE 'queued' END,"
    "              'attempt', j.attempt)"
    " FROM job j WHERE j.status = 'running';"
    "INSERT INTO job_event (job, seq, type, data_json)"
    " SELECT j.n, 1 + (SELECT max(e.seq) FROM job_event e WHERE e.job = j.n), 'done',"
    "  json_object('status', 'canceled', 'stopped_by', NULL, 'error', NULL, 'field_id', NULL)"
    " FROM job j WHERE j.status = 'running' AND j.cancel_requested";

static enum status recover_jobs(sqlite3 *db, int64_t now_ms, struct error *err)
{
    struct statement cancel = {0};
    enum status status = database_run(db, log_of_recovery, err);
    if (status == STATUS_OK) {
        cancel = statement_prepare(
            db, "UPDATE job SET status = 'canceled', phase = '', eta_seconds = -1,"
                " previous_checkpoint_sha256 = NULL, finished_ms = ?1"
                " WHERE status = 'running' AND cancel_requested");
        statement_bind_int(&cancel, 1, now_ms);
        status = statement_run(&cancel, err);
    }
    if (status == STATUS_OK)
        status = database_run(db,
                              "UPDATE job SET status = 'queued', phase = '', eta_seconds = -1"
                              " WHERE status = 'running'",
                              err);
    statement_close(&cancel);
    return status;
}

enum status recover_rows(sqlite3 *db, struct error *err)
{
    enum status status = recover_jobs(db, clock_now_ms(), err);
    return status == STATUS_OK ? idempotency_expire(db, err) : status;
}

static enum status recover_now(sqlite3 *db, struct error *err)
{
    enum status status = database_run(db, "BEGIN IMMEDIATE", err);
    if (status != STATUS_OK)
        return status;
    status = recover_rows(db, err);
    if (status == STATUS_OK)
        status = database_run(db, "COMMIT", err);
    if (status != STATUS_OK && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* A full disk is no reason not to serve what is there: the rows are then set right by the first
 * write that finds room, before anything else is written. */
static enum status recover_or_postpone(struct store *s, struct error *err)
{
    struct error found = {.status = STATUS_OK};
    enum status status = recover_now(s->databases[DATABASE_MAIN], &found);
    s->is_recovered = status == STATUS_OK;
    if (status == STATUS_OK)
        return STATUS_OK;
    if (status != STATUS_NO_SPACE)
        return error_set(err, status, found.where, "%s", found.message);
    log_event(LOG_WARN, "recovery waits for space", LOG_TEXT("detail", found.message), LOG_END);
    return STATUS_OK;
}

static bool is_folder(int file, const char *name)
{
    struct stat facts;
    return fstatat(file, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(facts.st_mode);
}

/* Is this entry of DIR/tmp or DIR/blobs a folder, of nobody's making that we know, or named by a
 * row? */
static enum status must_stay(struct store *s, int file, const char *name, bool all, bool *out,
                             struct error *err)
{
    *out = is_folder(file, name) || (!all && !sha256_is(name));
    if (all || *out)
        return STATUS_OK;
    return dataset_is_named(s, name, out, err);
}

/* Remove files from DIR/<name>: all of them, or only those that no row names. */
static enum status sweep_folder(struct store *s, const char *name, bool all, struct error *err)
{
    int file = openat(s->folder_file, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = file >= 0 ? fdopendir(file) : NULL;
    if (!folder) {
        int number = errno;
        if (file >= 0)
            close(file);
        return file_error(number, "open", name, err);
    }
    enum status status = STATUS_OK;
    const struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(folder))) {
        bool stays = true;
        status = must_stay(s, file, entry->d_name, all, &stays, err);
        if (status == STATUS_OK && !stays && unlinkat(file, entry->d_name, 0) != 0)
            status = file_error(errno, "remove", entry->d_name, err);
    }
    closedir(folder);
    return status;
}

static enum status find_orphan_blobs(struct store *s, struct blob_list *orphans, struct error *err)
{
    struct statement q =
        statement_prepare(s->databases[DATABASE_BLOB], "SELECT sha256 FROM blob ORDER BY n");
    bool row = false;
    enum status status;
    while ((status = statement_step(&q, &row, err)) == STATUS_OK && row) {
        char sha256[SHA256_TEXT_SIZE];
        bool named = false;
        statement_text(&q, 0, sha256, sizeof sha256);
        status = blob_is_named(s, sha256, &named, err);
        if (status == STATUS_OK && !named)
            status = blob_list_add(orphans, sha256, err);
        if (status != STATUS_OK)
            break;
    }
    statement_close(&q);
    return status;
}

static enum status sweep_blobs(struct store *s, struct error *err)
{
    struct blob_list orphans = {0};
    struct error found = {.status = STATUS_OK};
    enum status status = find_orphan_blobs(s, &orphans, &found);
    for (size_t i = 0; i < orphans.n && status == STATUS_OK; i++)
        status = blob_delete(s->databases[DATABASE_BLOB], orphans.hashes[i], &found);
    blob_list_deinit(&orphans);
    /* On a full disk the garbage waits for the next open. */
    if (status == STATUS_OK || status == STATUS_NO_SPACE)
        return STATUS_OK;
    return error_set(err, status, found.where, "%s", found.message);
}

enum status store_recover(struct store *s, struct error *err)
{
    enum status status = recover_or_postpone(s, err);
    if (status == STATUS_OK)
        status = sweep_folder(s, "tmp", true, err);
    if (status == STATUS_OK)
        status = sweep_folder(s, "blobs", false, err);
    if (status == STATUS_OK)
        status = sweep_blobs(s, err);
    return status;
}
