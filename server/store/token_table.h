/*
 * The tokens in memory: who is let in, as the HTTP threads ask it.
 *
 *   look ── epoch is the table's ──► OK, NOT_FOUND
 *    └───── epoch is another     ──► BUSY: ask, on a thread that may wait
 *
 * Revoked at once, although another process writes the store: each look compares the epoch in the
 * data folder (token.h) with that of the table.  A look that begins after `farfield token revoke`
 * has ended sees another epoch, whatever else happened, and the answer is then made from what the
 * store says.  Where the store cannot be read nobody is let in.
 *
 * A presented token is hashed, its row found by its id, and the hashes compared in constant time;
 * an id that is not there is compared with a hash that nothing has.
 *
 * The signatures are those of server/http's struct http_auth.
 */
#ifndef SERVER_STORE_TOKEN_TABLE_H
#define SERVER_STORE_TOKEN_TABLE_H

#include "server/store/token.h"

struct token_table;

/* Borrows the store; reads it for the first time when it is asked. */
enum status token_table_create(struct token_table **out, struct store *s,
                               struct error *err) WARN_UNUSED;
/* Nobody may be asking.  NULL is fine. */
void token_table_free(struct token_table *t);

/* Is text[0 … n) a token that holds?  OK, and its id; NOT_FOUND; BUSY if that cannot be said
 * without waiting.  Any thread: one read of 8 bytes, and a lock held for a search. */
enum status token_table_look(void *table, const char *text, size_t n,
                             char id[TOKEN_ID_SIZE]) WARN_UNUSED;

/* The same, and it waits for the store; further errors are the store's.  Not on a thread of the
 * HTTP pool. */
enum status token_table_ask(void *table, const char *text, size_t n, char id[TOKEN_ID_SIZE],
                            struct error *err) WARN_UNUSED;

/* Did the token of this id hold when the tokens were read last?  Any thread. */
bool token_table_holds(void *table, const char *id);

/* Have tokens changed since they were read last?  Any thread: one read of 8 bytes. */
bool token_table_is_stale(void *table);

/* Read the tokens anew if they have changed.  Not on a thread of the HTTP pool. */
enum status token_table_refresh(void *table, struct error *err) WARN_UNUSED;

#endif
