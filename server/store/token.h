/*
 * Tokens: who may use the service where others can reach it.
 *
 *   farfield_ + id (8) + secret (52)        lower-case base32, at least 256 random bits of secret
 *
 * The store keeps a token's id, name and SHA-256, never the token: it is shown once, by whoever had
 * it made.  The id is no secret; commands and the log name a token by it.
 *
 * Two processes write here: the server (its first token) and `farfield token`, which works beside a
 * running server, and on a folder that no server has opened yet.  How the server learns of it: the
 * file DIR/token-epoch holds 8 random bytes, drawn anew by whoever changes tokens, inside the
 * transaction and before its commit.  They change only while the write lock of main.db is held, so
 * what store_token_load reads under that lock is what was committed as of the epoch it gives.  Who
 * finds the same epoch in the file later knows that nothing has been committed since; after a
 * commit (and if the process that made it died right then, too) the epoch is another.
 */
#ifndef SERVER_STORE_TOKEN_H
#define SERVER_STORE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/store.h"

enum {
    TOKEN_ID_SIZE = 8 + 1,
    TOKEN_SIZE = 9 + 8 + 52 + 1, /* of the whole text, with its NUL */
    TOKENS_MAX = 1000,           /* the server holds them all in memory */
};

/* Has text[0 … n) the form of a token?  Then its id. */
bool token_parse(const char *text, size_t n, char id[TOKEN_ID_SIZE]);
/* Has this text the form of a token's id? */
bool token_id_is(const char *text);

struct token_row {
    char id[TOKEN_ID_SIZE];
    char name[NAME_SIZE];          /* "" where none was given */
    char sha256[SHA256_TEXT_SIZE]; /* of the whole token */
    int64_t created_ms;
};
struct token_list {
    size_t n;
    struct token_row *rows; /* oldest first */
};
void token_list_deinit(struct token_list *list);

/* --- in the server: any thread but those of the HTTP pool, unless it says so --- */

/* Make a token if there is none: its text, or "" where there is one already. */
enum status store_token_create_first(struct store *s, char token[TOKEN_SIZE],
                                     struct error *err) WARN_UNUSED;

/* All tokens, and the epoch they belong to.  It takes the write lock, so it waits for changes that
 * are under way (BUSY after five seconds). */
enum status store_token_load(struct store *s, struct token_list *out, uint64_t *epoch,
                             struct error *err) WARN_UNUSED;

/* The epoch now: one read of 8 bytes, fit for an HTTP thread.  False if it cannot be read. */
bool store_token_epoch(const struct store *s, uint64_t *out);

/* --- in a process of its own: one thread --- */

struct tokens;

/* The tokens of a data folder.  Does not take the folder's lock.  TOKENS_CREATE makes what is not
 * there; TOKENS_EXISTING wants a folder that has been used (NOT_FOUND). */
enum tokens_mode { TOKENS_CREATE, TOKENS_EXISTING };
enum status tokens_open(struct tokens **out, const char *folder, enum tokens_mode mode,
                        struct error *err) WARN_UNUSED;
void tokens_close(struct tokens *t); /* NULL is fine */

/* name: at most 128 printable bytes of UTF-8, "" for none (INVALID else).  CONFLICT if there are
 * TOKENS_MAX. */
enum status tokens_create(struct tokens *t, const char *name, char token[TOKEN_SIZE],
                          struct error *err) WARN_UNUSED;
enum status tokens_list(struct tokens *t, struct token_list *out, struct error *err) WARN_UNUSED;
/* When this returns OK, no request that comes in later is let in with it.  NOT_FOUND. */
enum status tokens_revoke(struct tokens *t, const char *id, struct error *err) WARN_UNUSED;

#endif
