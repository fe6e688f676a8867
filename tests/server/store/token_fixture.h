/*
 * Tokens of a folder with an open store: as another process would open them, and as the service
 * looks them up.
 */
#ifndef TESTS_SERVER_STORE_TOKEN_FIXTURE_H
#define TESTS_SERVER_STORE_TOKEN_FIXTURE_H

#include "tests/server/store/store_fixture.h"

#include "server/store/token_table.h"

static inline struct tokens *open_tokens(struct fixture *f)
{
    struct tokens *t = NULL;
    assert_ok(tokens_open(&t, f->folder, TOKENS_EXISTING, &f->err));
    return t;
}

static inline struct token_table *make_table(struct fixture *f)
{
    struct token_table *table = NULL;
    assert_ok(token_table_create(&table, f->store, &f->err));
    return table;
}

static inline enum status ask_for(struct token_table *table, const char *token)
{
    char id[TOKEN_ID_SIZE];
    struct error err = {0};
    return token_table_ask(table, token, strlen(token), id, &err);
}

#endif
