/*
 * A store in a folder of its own, and the rows that most tests start from.
 */
#ifndef TESTS_SERVER_STORE_STORE_FIXTURE_H
#define TESTS_SERVER_STORE_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/store/store.h"

struct fixture {
    char folder[256];
    struct store *store;
    struct error err;
};

/* Succeeds, or fails with the error's words. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        enum status status_ = (call);                                                              \
        if (status_ != STATUS_OK)                                                                  \
            fail_msg("%s: %s: %s", #call, status_name(status_), f->err.message);                   \
    } while (0)

/* Fails with this status, and says why. */
#define assert_status(call, expected)                                                              \
    do {                                                                                           \
        error_clear(&f->err);                                                                      \
        assert_string_equal(status_name(call), status_name(expected));                             \
        assert_string_not_equal(f->err.message, "");                                               \
        assert_string_equal(status_name(f->err.status), status_name(expected));                    \
    } while (0)

static inline int remove_entry(const char *path, const struct stat *facts, int type,
                               struct FTW *place)
{
    (void)facts, (void)type, (void)place;
    return remove(path);
}

static inline void remove_folder(const char *path)
{
    nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    const char *temporary = getenv("TMPDIR");
    snprintf(f->folder, sizeof f->folder, "%s/farfield-store-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(f->folder) || store_open(&f->store, f->folder, &f->err) != STATUS_OK) {
        print_error("%s\n", f->err.message);
        return -1;
    }
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    remove_folder(f->folder);
    mem_free(f);
    return 0;
}

static inline void reopen(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
    assert_ok(store_open(&f->store, f->folder, &f->err));
}

static inline void path_in(const struct fixture *f, char out[512], const char *a, const char *b)
{
    snprintf(out, 512, "%s/%s%s%s", f->folder, a, *b ? "/" : "", b);
}

static inline bool exists_in(const struct fixture *f, const char *a, const char *b)
{
    char path[512];
    path_in(f, path, a, b);
    return access(path, F_OK) == 0;
}

static inline void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Statements from outside, as another process would run them; the store may be open. */
static inline void change(const struct fixture *f, const char *database, const char *sql)
{
    char path[512];
    sqlite3 *db;
    path_in(f, path, database, "");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

/* The one integer that a query gives, seen from outside. */
static inline int64_t ask(const struct fixture *f, const char *database, const char *sql)
{
    char path[512];
    sqlite3 *db;
    sqlite3_stmt *q;
    path_in(f, path, database, "");
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return answer;
}

/* Upload `content` as a dataset of a kind; what store_dataset_insert says. */
static inline enum status upload(struct fixture *f, const char *kind, const char *content,
                                 struct dataset_row *row, bool *existed)
{
    char path[512];
    path_in(f, path, "tmp", "upload");
    write_file(path, content, strlen(content));
    *row = (struct dataset_row){.bytes = strlen(content), .info_json = mem_strdup("{\"a\":1}")};
    snprintf(row->kind, sizeof row->kind, "%s", kind);
    snprintf(row->name, sizeof row->name, "a picture");
    snprintf(row->media_type, sizeof row->media_type, "image/png");
    sha256_text(content, strlen(content), row->sha256);
    return store_dataset_insert(f->store, row, path, existed, &f->err);
}

/* The id of a fresh dataset. */
static inline void make_dataset(struct fixture *f, const char *content, char id[ID_SIZE])
{
    struct dataset_row row;
    bool existed;
    assert_ok(upload(f, "image", content, &row, &existed));
    assert_false(existed);
    memcpy(id, row.id, ID_SIZE);
    dataset_row_deinit(&row);
}

static inline struct job_row new_job(const char *dataset_id, const char *labels)
{
    struct job_row row = {.task = "image",
                          .steps = 100,
                          .request_json = mem_strdup("{\"request\":1}"),
                          .spec_json = mem_strdup("{\"spec\":1}"),
                          .labels_json = mem_strdup(labels)};
    snprintf(row.dataset_id, sizeof row.dataset_id, "%s", dataset_id);
    return row;
}

/* The id of a fresh queued job. */
static inline void make_job(struct fixture *f, const char *dataset_id, char id[ID_SIZE])
{
    struct job_row row = new_job(dataset_id, "{}");
    bool existed;
    assert_ok(store_job_insert(f->store, &row, NULL, 1000, NULL, &existed, &f->err));
    assert_false(existed);
    memcpy(id, row.id, ID_SIZE);
    job_row_deinit(&row);
}

/* Claim a job; its id and attempt. */
static inline unsigned claim_job(struct fixture *f, char id[ID_SIZE])
{
    struct job_row row;
    assert_ok(store_job_claim(f->store, &row, &f->err));
    memcpy(id, row.id, ID_SIZE);
    unsigned attempt = row.attempt;
    job_row_deinit(&row);
    return attempt;
}

static inline void put_text(struct fixture *f, const char *text, char sha256[SHA256_TEXT_SIZE])
{
    assert_ok(store_blob_put(f->store, (const uint8_t *)text, strlen(text), sha256, &f->err));
}

static inline bool has_blob(struct fixture *f, const char *sha256)
{
    uint64_t size;
    return store_blob_size(f->store, sha256, &size, NULL) == STATUS_OK;
}

/* A field to publish; the texts are borrowed, so it is not for field_row_deinit. */
static inline struct field_row new_field(const char *weights_sha256)
{
    static char summary[] = "{\"n_inputs\":2}", metrics[] = "{\"psnr\":30.5}";
    struct field_row field = {.step = 100, .summary_json = summary, .metrics_json = metrics};
    memcpy(field.weights_sha256, weights_sha256, SHA256_TEXT_SIZE);
    return field;
}

#endif
