/*
 * Idempotency-Key: what a key has made already.  A sweep's key stands at its first job.
 */
#include "server/store/store_internal.h"

#include <string.h>

enum { KEPT_MS = 24 * 60 * 60 * 1000 };

static int64_t oldest_ms(void)
{
    return clock_now_ms() - KEPT_MS;
}

enum status idempotency_expire(sqlite3 *db, struct error *err)
{
    struct statement q = statement_prepare(db, "DELETE FROM idempotency WHERE created_ms < ?1");
    statement_bind_int(&q, 1, oldest_ms());
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

enum status idempotency_find(sqlite3 *db, const struct idempotency *key, char job_id[ID_SIZE],
                             char sweep_id[ID_SIZE], bool *existed, struct error *err)
{
    struct statement q = statement_prepare(
        db, "SELECT i.request_sha256, j.id, j.sweep_id FROM idempotency i JOIN job j ON j.n = i.job"
            " WHERE i.key = ?1 AND i.created_ms >= ?2");
    statement_bind_text(&q, 1, key->key);
    statement_bind_int(&q, 2, oldest_ms());
    char request[SHA256_TEXT_SIZE] = "";
    enum status status = statement_step(&q, existed, err);
    if (status == STATUS_OK && *existed) {
        statement_text(&q, 0, request, sizeof request);
        statement_text(&q, 1, job_id, ID_SIZE);
        statement_text(&q, 2, sweep_id, ID_SIZE);
        status = statement_status(&q, err);
    }
    statement_close(&q);
    if (status == STATUS_OK && *existed && strcmp(request, key->request_sha256) != 0)
        return error_set(err, STATUS_INVALID, "Idempotency-Key",
                         "this 'Idempotency-Key' was sent before with another request");
    return status;
}

enum status idempotency_remember(sqlite3 *db, const struct idempotency *key, int64_t job,
                                 struct error *err)
{
    struct statement q =
        statement_prepare(db, "INSERT INTO idempotency (key, request_sha256, job, created_ms)"
                              " VALUES (?1, ?2, ?3, ?4)");
    statement_bind_text(&q, 1, key->key);
    statement_bind_text(&q, 2, key->request_sha256);
    statement_bind_int(&q, 3, job);
    statement_bind_int(&q, 4, clock_now_ms());
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}
