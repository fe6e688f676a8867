#include "server/store/token.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/store/store_internal.h"
#include "server/utf8.h"

enum { ID_DIGITS = TOKEN_ID_SIZE - 1, MAX_NAME_BYTES = 128 };

static const char prefix[] = "farfield_";
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* 5 bits a digit */

void token_list_deinit(struct token_list *list)
{
    mem_free(list->rows);
    *list = (struct token_list){.n = 0};
}

/* --- text --- */

static bool are_digits(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\0' || !strchr(alphabet, text[i]))
            return false;
    return true;
}

bool token_parse(const char *text, size_t n, char id[TOKEN_ID_SIZE])
{
    const size_t start = sizeof prefix - 1;
    if (n != TOKEN_SIZE - 1 || memcmp(text, prefix, start) != 0 ||
        !are_digits(text + start, n - start))
        return false;
    memcpy(id, text + start, ID_DIGITS);
    id[ID_DIGITS] = '\0';
    return true;
}

bool token_id_is(const char *text)
{
    return strlen(text) == ID_DIGITS && are_digits(text, ID_DIGITS);
}

/* A new token, and the row that stands for it. */
static enum status make(const char *name, char token[TOKEN_SIZE], struct token_row *row,
                        struct error *err)
{
    unsigned char random[TOKEN_SIZE - sizeof prefix];
    if (strlen(name) > MAX_NAME_BYTES || !utf8_is_printable(name))
        return error_set(err, STATUS_INVALID, "",
                         "a token's name must be at most %d printable bytes of UTF-8",
                         MAX_NAME_BYTES);
    if (sodium_init() < 0)
        return error_set(err, STATUS_INTERNAL, "", "cannot initialise libsodium");
    randombytes_buf(random, sizeof random);
    char *digit = token + snprintf(token, TOKEN_SIZE, "%s", prefix);
    for (size_t i = 0; i < sizeof random; i++)
        *digit++ = alphabet[random[i] & 31];
    *digit = '\0';
    sodium_memzero(random, sizeof random);
    token_parse(token, TOKEN_SIZE - 1, row->id);
    snprintf(row->name, sizeof row->name, "%s", name);
    sha256_text(token, TOKEN_SIZE - 1, row->sha256);
    row->created_ms = clock_now_ms();
    return STATUS_OK;
}

/* --- the epoch --- */

enum status token_epoch_open(int folder, int *out, struct error *err)
{
    int file = openat(folder, "token-epoch", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return file_error(errno, "open", "token-epoch", err);
    *out = file;
    return STATUS_OK;
}

/* An empty file is epoch 0: nothing has changed yet. */
static bool read_epoch(int file, uint64_t *out)
{
    uint64_t epoch = 0;
    ssize_t n = pread(file, &epoch, sizeof epoch, 0);
    if (n != 0 && n != sizeof epoch)
        return false;
    *out = epoch;
    return true;
}

/* Only in a transaction that holds the write lock, before it commits.  Random, not counted: so an
 * epoch does not come back, whatever happened to the file. */
static enum status draw_epoch(int file, struct error *err)
{
    uint64_t epoch;
    randombytes_buf(&epoch, sizeof epoch);
    ssize_t n = pwrite(file, &epoch, sizeof epoch, 0);
    return n == sizeof epoch ? STATUS_OK
                             : file_error(n < 0 ? errno : EIO, "write", "token-epoch", err);
}

/* --- rows: in a transaction that holds the write lock --- */

static enum status insert(sqlite3 *db, int epoch_file, const struct token_row *row,
                          struct error *err)
{
    int64_t n = 0;
    enum status status = database_integer(db, "SELECT count(*) FROM token", &n, err);
    if (status == STATUS_OK && n >= TOKENS_MAX)
        status = error_set(err, STATUS_CONFLICT, "", "there are %d tokens already", TOKENS_MAX);
    if (status != STATUS_OK)
        return status;
    struct statement q = statement_prepare(
        db, "INSERT INTO token (id, name, sha256, created_ms) VALUES (?1, ?2, ?3, ?4)");
    statement_bind_text(&q, 1, row->id);
    statement_bind_text(&q, 2, row->name);
    statement_bind_text(&q, 3, row->sha256);
    statement_bind_int(&q, 4, row->created_ms);
    status = statement_run(&q, err);
    statement_close(&q);
    return status == STATUS_OK ? draw_epoch(epoch_file, err) : status;
}

static enum status take_away(sqlite3 *db, int epoch_file, const char *id, struct error *err)
{
    struct statement q = statement_prepare(db, "DELETE FROM token WHERE id = ?1");
    statement_bind_text(&q, 1, id);
    enum status status = statement_run(&q, err);
    statement_close(&q);
    if (status == STATUS_OK && sqlite3_changes(db) == 0)
        return error_set(err, STATUS_NOT_FOUND, "", "there is no token '%s'", id);
    return status == STATUS_OK ? draw_epoch(epoch_file, err) : status;
}

static enum status read_list(sqlite3 *db, struct token_list *out, struct error *err)
{
    struct token_list list = {.rows = mem_alloc_array(TOKENS_MAX, sizeof *list.rows)};
    if (!list.rows)
        return error_status(err, STATUS_NO_MEMORY);
    struct statement q =
        statement_prepare(db, "SELECT id, name, sha256, created_ms FROM token ORDER BY n LIMIT ?1");
    statement_bind_int(&q, 1, TOKENS_MAX);
    bool row = false;
    enum status status;
    while ((status = statement_step(&q, &row, err)) == STATUS_OK && row) {
        struct token_row *r = &list.rows[list.n++];
        statement_text(&q, 0, r->id, sizeof r->id);
        statement_text(&q, 1, r->name, sizeof r->name);
        statement_text(&q, 2, r->sha256, sizeof r->sha256);
        r->created_ms = statement_int(&q, 3);
    }
    statement_close(&q);
    if (status == STATUS_OK)
        *out = list;
    else
        token_list_deinit(&list);
    return status;
}

/* --- in the server --- */

struct first {
    struct token_row row;
    bool is_needed;
};

static enum status insert_first(struct store *s, void *context, struct error *err)
{
    struct first *c = context;
    sqlite3 *db = s->databases[DATABASE_MAIN];
    int64_t n = 0;
    enum status status = database_integer(db, "SELECT count(*) FROM token", &n, err);
    c->is_needed = n == 0;
    if (status == STATUS_OK && c->is_needed)
        status = insert(db, s->epoch_file, &c->row, err);
    return status;
}

enum status store_token_create_first(struct store *s, char token[TOKEN_SIZE], struct error *err)
{
    struct first c = {.is_needed = false};
    char text[TOKEN_SIZE];
    enum status status = make("first", text, &c.row, err);
    if (status == STATUS_OK)
        status = store_write(s, DATABASE_MAIN, insert_first, NULL, &c, err);
    if (status == STATUS_OK)
        snprintf(token, TOKEN_SIZE, "%s", c.is_needed ? text : "");
    sodium_memzero(text, sizeof text);
    return status;
}

struct load {
    struct token_list list;
    uint64_t epoch;
};

static enum status load(struct store *s, void *context, struct error *err)
{
    struct load *c = context;
    if (!read_epoch(s->epoch_file, &c->epoch))
        return error_set(err, STATUS_IO, "", "cannot read 'token-epoch'");
    return read_list(s->databases[DATABASE_MAIN], &c->list, err);
}

enum status store_token_load(struct store *s, struct token_list *out, uint64_t *epoch,
                             struct error *err)
{
    struct load c = {.epoch = 0};
    enum status status = store_write(s, DATABASE_MAIN, load, NULL, &c, err);
    if (status == STATUS_OK) {
        *out = c.list;
        *epoch = c.epoch;
    } else {
        token_list_deinit(&c.list); /* read, but in a transaction that failed as a whole */
    }
    return status;
}

bool store_token_epoch(const struct store *s, uint64_t *out)
{
    return read_epoch(s->epoch_file, out);
}

/* --- in a process of its own --- */

struct tokens {
    sqlite3 *db;
    int folder, epoch_file;
};

void tokens_close(struct tokens *t)
{
    if (!t)
        return;
    database_close(t->db);
    if (t->epoch_file >= 0)
        close(t->epoch_file);
    if (t->folder >= 0)
        close(t->folder);
    mem_free(t);
}

static enum status want_existing(const char *folder, struct error *err)
{
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_used = file >= 0 && faccessat(file, "main.db", F_OK, 0) == 0;
    if (file >= 0)
        close(file);
    return is_used
               ? STATUS_OK
               : error_set(err, STATUS_NOT_FOUND, "", "'%s' is no data folder of farfield", folder);
}

enum status tokens_open(struct tokens **out, const char *folder, enum tokens_mode mode,
                        struct error *err)
{
    struct tokens *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    t->folder = t->epoch_file = -1;
    enum status status = mode == TOKENS_EXISTING ? want_existing(folder, err) : STATUS_OK;
    if (status == STATUS_OK)
        status = folder_open(AT_FDCWD, folder, &t->folder, err);
    if (status == STATUS_OK)
        status = token_epoch_open(t->folder, &t->epoch_file, err);
    if (status == STATUS_OK)
        status = database_open_writer(&t->db, folder, DATABASE_MAIN, err);
    /* What was made here stays there when a token in it is promised. */
    if (status == STATUS_OK)
        status = folder_sync(t->folder, folder, err);
    if (status == STATUS_OK)
        status = folder_sync_parent(t->folder, err);
    if (status == STATUS_OK)
        *out = t;
    else
        tokens_close(t);
    return status;
}

/* End what database_run(db, "BEGIN IMMEDIATE") began. */
static enum status end(sqlite3 *db, enum status status, struct error *err)
{
    if (status == STATUS_OK)
        status = database_run(db, "COMMIT", err);
    if (status != STATUS_OK && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* the first error is the one to tell */
    return status;
}

enum status tokens_create(struct tokens *t, const char *name, char token[TOKEN_SIZE],
                          struct error *err)
{
    struct token_row row = {.id = ""};
    char text[TOKEN_SIZE];
    enum status status = make(name, text, &row, err);
    if (status == STATUS_OK)
        status = database_run(t->db, "BEGIN IMMEDIATE", err);
    if (status == STATUS_OK)
        status = end(t->db, insert(t->db, t->epoch_file, &row, err), err);
    if (status == STATUS_OK)
        memcpy(token, text, sizeof text);
    sodium_memzero(text, sizeof text);
    return status;
}

enum status tokens_list(struct tokens *t, struct token_list *out, struct error *err)
{
    return read_list(t->db, out, err);
}

enum status tokens_revoke(struct tokens *t, const char *id, struct error *err)
{
    if (sodium_init() < 0)
        return error_set(err, STATUS_INTERNAL, "", "cannot initialise libsodium");
    enum status status = database_run(t->db, "BEGIN IMMEDIATE", err);
    return status == STATUS_OK ? end(t->db, take_away(t->db, t->epoch_file, id, err), err) : status;
}
