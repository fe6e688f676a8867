/*
 * Design.  A blob is put first and named by a row of main.db afterwards, in another database and
 * another transaction.  In between nothing names it, and another job may just be dropping the same
 * bytes.  So a put leaves a pin, and a blob goes only when neither a row nor a pin has it.  All of
 * this happens on the writer thread, one thing after another; a crash forgets the pins, and the
 * sweep at open removes what no row names.
 */
#include "server/store/store_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

/* Small enough to stream a Range, far below SQLite's limit of 1e9 bytes a row. */
enum { CHUNK_BYTES = 1 << 20 };

struct pin {
    char sha256[SHA256_TEXT_SIZE];
    struct pin *next;
};

void sha256_text(const void *bytes, size_t n, char out[SHA256_TEXT_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, bytes, n);
    sodium_bin2hex(out, SHA256_TEXT_SIZE, hash, sizeof hash);
}

bool sha256_is(const char *text)
{
    return strlen(text) == SHA256_TEXT_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == SHA256_TEXT_SIZE - 1;
}

static enum status no_such_blob(const char *sha256, struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "", "there is no blob '%.64s'",
                     sha256_is(sha256) ? sha256 : "?");
}

/* --- pins --- */

void blob_unpin(struct store *s, const char *sha256)
{
    for (struct pin **at = &s->pins; *at; at = &(*at)->next)
        if (strcmp((*at)->sha256, sha256) == 0) {
            struct pin *pin = *at;
            *at = pin->next;
            mem_free(pin);
            return;
        }
}

static bool is_pinned(const struct store *s, const char *sha256)
{
    for (const struct pin *pin = s->pins; pin; pin = pin->next)
        if (strcmp(pin->sha256, sha256) == 0)
            return true;
    return false;
}

void pins_free(struct store *s)
{
    while (s->pins) {
        struct pin *pin = s->pins;
        s->pins = pin->next;
        mem_free(pin);
    }
}

/* --- put --- */

struct blob_put {
    const uint8_t *bytes;
    size_t n;
    struct pin *pin; /* handed over to the store when the put is durable */
};

enum status blob_find_size(sqlite3 *db, const char *sha256, uint64_t *out, struct error *err)
{
    struct statement q = statement_prepare(db, "SELECT bytes FROM blob WHERE sha256 = ?1");
    statement_bind_text(&q, 1, sha256);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && row)
        *out = statement_count(&q, 0);
    else if (status == STATUS_OK)
        status = no_such_blob(sha256, err);
    statement_close(&q);
    return status;
}

static enum status insert_chunks(sqlite3 *db, int64_t blob, const uint8_t *bytes, size_t n,
                                 struct error *err)
{
    struct statement q =
        statement_prepare(db, "INSERT INTO blob_chunk (blob, i, data) VALUES (?1, ?2, ?3)");
    statement_bind_int(&q, 1, blob);
    enum status status = STATUS_OK;
    for (size_t i = 0, start = 0; start < n && status == STATUS_OK; i++, start += CHUNK_BYTES) {
        statement_bind_count(&q, 2, i);
        statement_bind_bytes(&q, 3, bytes + start,
                             n - start < CHUNK_BYTES ? n - start : CHUNK_BYTES);
        status = statement_run(&q, err);
    }
    statement_close(&q);
    return status;
}

static enum status put(struct store *s, void *context, struct error *err)
{
    const struct blob_put *c = context;
    sqlite3 *db = s->databases[DATABASE_BLOB];
    struct statement q = statement_prepare(db, "INSERT INTO blob (sha256, bytes) VALUES (?1, ?2)"
                                               " ON CONFLICT (sha256) DO NOTHING");
    statement_bind_text(&q, 1, c->pin->sha256);
    statement_bind_count(&q, 2, c->n);
    enum status status = statement_run(&q, err);
    statement_close(&q);
    if (status == STATUS_OK && sqlite3_changes(db) == 0)
        return STATUS_OK; /* these bytes are there */
    if (status == STATUS_OK)
        status = insert_chunks(db, sqlite3_last_insert_rowid(db), c->bytes, c->n, err);
    return status;
}

static void put_settled(struct store *s, void *context, enum status status)
{
    struct blob_put *c = context;
    if (status != STATUS_OK)
        return;
    c->pin->next = s->pins;
    s->pins = c->pin;
    c->pin = NULL;
}

enum status store_blob_put(struct store *s, const uint8_t *bytes, size_t n, char *sha256_out,
                           struct error *err)
{
    struct blob_put c = {.bytes = bytes, .n = n, .pin = mem_alloc(sizeof *c.pin)};
    if (!c.pin)
        return error_status(err, STATUS_NO_MEMORY);
    char sha256[SHA256_TEXT_SIZE];
    sha256_text(bytes, n, sha256);
    memcpy(c.pin->sha256, sha256, sizeof sha256);
    enum status status = store_write(s, DATABASE_BLOB, put, put_settled, &c, err);
    if (status == STATUS_OK)
        memcpy(sha256_out, sha256, sizeof sha256);
    mem_free(c.pin);
    return status;
}

/* --- delete --- */

enum status blob_is_named(struct store *s, const char *sha256, bool *out, struct error *err)
{
    struct statement q =
        statement_prepare(s->databases[DATABASE_MAIN],
                          "SELECT EXISTS (SELECT 1 FROM field WHERE weights_sha256 = ?1)"
                          " OR EXISTS (SELECT 1 FROM job WHERE checkpoint_sha256 = ?1)"
                          " OR EXISTS (SELECT 1 FROM job WHERE previous_checkpoint_sha256 = ?1)");
    statement_bind_text(&q, 1, sha256);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK)
        *out = row && statement_int(&q, 0) != 0;
    statement_close(&q);
    return status;
}

enum status blob_delete(sqlite3 *db, const char *sha256, struct error *err)
{
    struct statement q = statement_prepare(db, "DELETE FROM blob WHERE sha256 = ?1");
    statement_bind_text(&q, 1, sha256);
    enum status status = statement_run(&q, err);
    statement_close(&q);
    return status;
}

void blob_drop(struct store *s, const char *sha256)
{
    bool named = true;
    if (sha256[0] == '\0' || is_pinned(s, sha256) ||
        blob_is_named(s, sha256, &named, NULL) != STATUS_OK || named)
        return;
    enum status status = blob_delete(s->databases[DATABASE_BLOB], sha256, NULL);
    (void)status; /* what stays is swept at the next open */
}

enum status blob_list_add(struct blob_list *list, const char *sha256, struct error *err)
{
    if (sha256[0] == '\0')
        return STATUS_OK;
    char(*grown)[SHA256_TEXT_SIZE] = array_grown(list->hashes, list->n, sizeof *grown);
    if (!grown)
        return error_status(err, STATUS_NO_MEMORY);
    list->hashes = grown;
    snprintf(list->hashes[list->n++], SHA256_TEXT_SIZE, "%s", sha256);
    return STATUS_OK;
}

void blob_list_deinit(struct blob_list *list)
{
    mem_free(list->hashes);
    *list = (struct blob_list){.n = 0};
}

void blob_drop_all(struct store *s, const char (*hashes)[SHA256_TEXT_SIZE], size_t n)
{
    struct transaction *t = &s->transactions[DATABASE_BLOB];
    if (transaction_do(t, TRANSACTION_BEGIN, NULL) != STATUS_OK)
        return;
    for (size_t i = 0; i < n; i++)
        blob_drop(s, hashes[i]);
    if (transaction_do(t, TRANSACTION_COMMIT, NULL) != STATUS_OK &&
        !sqlite3_get_autocommit(s->databases[DATABASE_BLOB]))
        transaction_do(t, TRANSACTION_ROLLBACK, NULL);
}

/* --- read --- */

enum status store_blob_size(struct store *s, const char *sha256, uint64_t *out, struct error *err)
{
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    status = blob_find_size(r->databases[DATABASE_BLOB], sha256, out, err);
    reader_give(s, r);
    return status;
}

struct range {
    const char *sha256;
    uint64_t offset;
    size_t n;
    uint8_t *out;
    size_t n_copied;
};

static enum status damaged(const struct range *range, struct error *err)
{
    return error_set(err, STATUS_INTERNAL, "", "the blob '%s' is damaged", range->sha256);
}

/* Copy what the chunk at hand has of the range.  columns: blob.bytes, chunk.i, chunk.data */
static enum status copy_chunk(const struct statement *q, struct range *range, struct error *err)
{
    uint64_t bytes = statement_count(q, 0);
    uint64_t start = statement_count(q, 1) * CHUNK_BYTES;
    uint64_t size = bytes - start < CHUNK_BYTES ? bytes - start : CHUNK_BYTES;
    const uint8_t *data = sqlite3_column_blob(q->handle, 2);
    if (!data && sqlite3_errcode(q->db) == SQLITE_NOMEM)
        return error_status(err, STATUS_NO_MEMORY);
    if (start >= bytes || !data || (uint64_t)sqlite3_column_bytes(q->handle, 2) != size)
        return damaged(range, err);
    uint64_t from = range->offset + range->n_copied;
    if (from < start || from >= start + size) /* a chunk is missing */
        return damaged(range, err);
    size_t n = (size_t)(start + size - from);
    if (n > range->n - range->n_copied)
        n = range->n - range->n_copied;
    memcpy(range->out + range->n_copied, data + (from - start), n);
    range->n_copied += n;
    return STATUS_OK;
}

/* One statement, so that the answer is whole even if the blob is being deleted. */
static enum status read_range(sqlite3 *db, struct range *range, struct error *err)
{
    struct statement q =
        statement_prepare(db, "SELECT b.bytes, c.i, c.data FROM blob b"
                              " LEFT JOIN blob_chunk c ON c.blob = b.n AND c.i BETWEEN ?2 AND ?3"
                              " WHERE b.sha256 = ?1 ORDER BY c.i");
    uint64_t first = range->offset / CHUNK_BYTES;
    uint64_t end = range->n ? (range->offset + range->n - 1) / CHUNK_BYTES + 1 : first;
    statement_bind_text(&q, 1, range->sha256);
    statement_bind_count(&q, 2, first);
    statement_bind_int(&q, 3, (int64_t)end - 1);
    bool row = false;
    enum status status = statement_step(&q, &row, err);
    if (status == STATUS_OK && !row)
        status = no_such_blob(range->sha256, err);
    if (status == STATUS_OK && range->offset + range->n > statement_count(&q, 0))
        status =
            error_set(err, STATUS_INVALID, "", "the range ends after the blob '%s'", range->sha256);
    while (status == STATUS_OK && row && sqlite3_column_type(q.handle, 1) != SQLITE_NULL) {
        status = copy_chunk(&q, range, err);
        if (status == STATUS_OK)
            status = statement_step(&q, &row, err);
    }
    if (status == STATUS_OK && range->n_copied != range->n)
        status = damaged(range, err);
    statement_close(&q);
    return status;
}

enum status store_blob_read(struct store *s, const char *sha256, uint64_t offset, size_t n,
                            uint8_t *out, struct error *err)
{
    if (offset > INT64_MAX || n > INT64_MAX - offset)
        return error_set(err, STATUS_INVALID, "", "the range ends after the blob");
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    struct range range = {.sha256 = sha256, .offset = offset, .n = n, .out = out};
    status = read_range(r->databases[DATABASE_BLOB], &range, err);
    reader_give(s, r);
    return status;
}

enum status store_blob_get(struct store *s, const char *sha256, uint8_t **out, size_t *n,
                           struct error *err)
{
    uint64_t size = 0;
    uint8_t *bytes = NULL;
    enum status status = store_blob_size(s, sha256, &size, err);
    if (status != STATUS_OK)
        return status;
    bytes = mem_alloc((size_t)size);
    if (!bytes)
        return error_status(err, STATUS_NO_MEMORY);
    status = store_blob_read(s, sha256, 0, (size_t)size, bytes, err);
    if (status != STATUS_OK)
        goto out;
    char hash[SHA256_TEXT_SIZE];
    sha256_text(bytes, (size_t)size, hash);
    if (strcmp(hash, sha256) != 0) {
        status = error_set(err, STATUS_INTERNAL, "", "the blob '%s' has other content", sha256);
        goto out;
    }
    *out = bytes;
    *n = (size_t)size;
    bytes = NULL;
out:
    mem_free(bytes);
    return status;
}
