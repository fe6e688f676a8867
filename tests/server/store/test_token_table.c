#include "tests/server/store/store_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "server/store/store_internal.h"
#include "server/store/token_table.h"
#include "tests/server/store/token_fixture.h"
#include "tests/server/store/writer_alloc.h"
#include "tests/support/alloc.h"

static enum status look_for(struct token_table *table, const char *token)
{
    char id[TOKEN_ID_SIZE];
    return token_table_look(table, token, strlen(token), id);
}

static void a_look_says_what_it_knows_and_otherwise_that_it_does_not(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    struct token_table *table = make_table(f);
    char token[TOKEN_SIZE], id[TOKEN_ID_SIZE] = "", wrong[TOKEN_SIZE];
    assert_ok(tokens_create(t, "", token, &f->err));
    assert_int_equal(look_for(table, token), STATUS_BUSY); /* nothing has been read yet */
    assert_int_equal(ask_for(table, token), STATUS_OK);
    assert_int_equal(token_table_look(table, token, strlen(token), id), STATUS_OK);
    assert_memory_equal(id, token + 9, 9 - 1);
    memcpy(wrong, token, sizeof wrong);
    wrong[TOKEN_SIZE - 2] = wrong[TOKEN_SIZE - 2] == '0' ? '1' : '0';
    assert_int_equal(look_for(table, wrong), STATUS_NOT_FOUND); /* another secret */
    memcpy(wrong, token, sizeof wrong);
    wrong[9] = wrong[9] == '0' ? '1' : '0';
    assert_int_equal(look_for(table, wrong), STATUS_NOT_FOUND); /* another id */
    assert_int_equal(look_for(table, "farfield_"), STATUS_NOT_FOUND);
    assert_int_equal(look_for(table, ""), STATUS_NOT_FOUND);
    assert_true(token_table_holds(table, id));
    assert_false(token_table_holds(table, "00000000"));
    token_table_free(table);
    tokens_close(t);
}

static void a_change_by_another_process_is_seen_at_the_next_look(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    struct token_table *table = make_table(f);
    for (int i = 0; i < 50; i++) {
        char token[TOKEN_SIZE], id[TOKEN_ID_SIZE];
        assert_ok(tokens_create(t, "", token, &f->err));
        assert_true(token_parse(token, strlen(token), id));
        assert_int_equal(look_for(table, token), STATUS_BUSY);
        assert_int_equal(ask_for(table, token), STATUS_OK);
        assert_int_equal(look_for(table, token), STATUS_OK);
        assert_false(token_table_is_stale(table));
        assert_ok(tokens_revoke(t, id, &f->err));
        assert_int_equal(look_for(table, token), STATUS_BUSY);
        assert_true(token_table_is_stale(table));
        assert_true(token_table_holds(table, id)); /* as far as it has read */
        assert_ok(token_table_refresh(table, &f->err));
        assert_false(token_table_holds(table, id));
        assert_int_equal(look_for(table, token), STATUS_NOT_FOUND);
        assert_int_equal(ask_for(table, token), STATUS_NOT_FOUND);
    }
    token_table_free(table);
    tokens_close(t);
}

static void nobody_is_let_in_where_the_store_cannot_say(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    struct token_table *table = make_table(f);
    char token[TOKEN_SIZE], path[512];
    assert_ok(tokens_create(t, "", token, &f->err));
    assert_int_equal(ask_for(table, token), STATUS_OK);
    path_in(f, path, "token-epoch", "");
    assert_int_equal(truncate(path, 3), 0); /* neither empty nor an epoch */
    assert_int_equal(look_for(table, token), STATUS_BUSY);
    assert_int_equal(ask_for(table, token), STATUS_IO);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(look_for(table, token), STATUS_BUSY);
    assert_int_equal(ask_for(table, token), STATUS_OK); /* made sure of in the store */
    change(f, "main.db", "ALTER TABLE token RENAME TO elsewhere");
    uint64_t other = 12345;
    write_file(path, &other, sizeof other);
    assert_int_equal(ask_for(table, token), STATUS_INTERNAL);
    assert_int_equal(look_for(table, token), STATUS_BUSY);
    token_table_free(table);
    tokens_close(t);
}

/* A process that dies between its draw of an epoch and its commit has changed nothing, and one that
 * dies right after its commit has been heard: the epoch was another before. */
static void a_revocation_is_whole_wherever_its_process_dies(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    struct token_table *table = make_table(f);
    char token[TOKEN_SIZE], id[TOKEN_ID_SIZE], sql[160];
    assert_ok(tokens_create(t, "", token, &f->err));
    assert_true(token_parse(token, strlen(token), id));
    tokens_close(t);
    assert_int_equal(ask_for(table, token), STATUS_OK);
    char path[512];
    path_in(f, path, "token-epoch", "");
    snprintf(sql, sizeof sql, "DELETE FROM token WHERE id = '%s'", id);
    for (int commits = 0; commits < 2; commits++) {
        pid_t child = fork();
        if (child == 0) {
            char database[512];
            sqlite3 *db;
            uint64_t epoch = 1000 + (uint64_t)commits;
            path_in(f, database, "main.db", "");
            sqlite3_open(database, &db);
            sqlite3_busy_timeout(db, 5000);
            sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
            sqlite3_exec(db, sql, NULL, NULL, NULL);
            int file = open(path, O_WRONLY);
            ssize_t n = pwrite(file, &epoch, sizeof epoch, 0);
            if (commits && n == sizeof epoch)
                sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
            raise(SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(look_for(table, token), STATUS_BUSY);
        assert_int_equal(ask_for(table, token), commits ? STATUS_NOT_FOUND : STATUS_OK);
        assert_int_equal(look_for(table, token), commits ? STATUS_NOT_FOUND : STATUS_OK);
    }
    token_table_free(table);
}

/* --- many at once --- */

struct asker {
    struct token_table *table;
    const char *holds; /* a token that holds all the time */
    atomic_bool stops;
    size_t n_asked;
    pthread_t thread;
};

static void *keep_asking(void *argument)
{
    struct asker *a = argument;
    while (!a->stops) {
        enum status status = look_for(a->table, a->holds);
        if (status == STATUS_BUSY)
            status = ask_for(a->table, a->holds);
        if (status != STATUS_OK)
            return a;
        a->n_asked++;
    }
    return NULL;
}

static void a_token_that_holds_is_let_in_while_others_come_and_go(void **state)
{
    enum { ASKERS = 4, ROUNDS = 60 };
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    struct token_table *table = make_table(f);
    char stays[TOKEN_SIZE];
    struct asker askers[ASKERS];
    assert_ok(tokens_create(t, "stays", stays, &f->err));
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.table = table, .holds = stays};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, keep_asking, &askers[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        char token[TOKEN_SIZE], id[TOKEN_ID_SIZE];
        assert_ok(tokens_create(t, "goes", token, &f->err));
        assert_int_equal(ask_for(table, token), STATUS_OK);
        assert_true(token_parse(token, strlen(token), id));
        assert_ok(tokens_revoke(t, id, &f->err));
        assert_int_equal(ask_for(table, token), STATUS_NOT_FOUND);
    }
    for (int i = 0; i < ASKERS; i++)
        askers[i].stops = true;
    for (int i = 0; i < ASKERS; i++) {
        void *failed;
        assert_int_equal(pthread_join(askers[i].thread, &failed), 0);
        assert_null(failed);
        assert_true(askers[i].n_asked > 0);
    }
    token_table_free(table);
    tokens_close(t);
}

/* --- memory --- */

static enum status make_and_free_table(void *context, struct error *err)
{
    struct fixture *f = context;
    struct token_table *table = NULL;
    enum status status = token_table_create(&table, f->store, err);
    token_table_free(table);
    return status;
}

static void a_table_without_memory_says_so_and_lets_nobody_in(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    char token[TOKEN_SIZE];
    assert_ok(tokens_create(t, "", token, &f->err));
    tokens_close(t);
    assert_true(alloc_fail_each(make_and_free_table, f) > 0);
    bool has_failed = true;
    for (size_t n = 1; has_failed; n++) { /* allocations of the writer's thread */
        struct token_table *table = make_table(f);
        struct error err = {0};
        char id[TOKEN_ID_SIZE];
        writer_alloc_fail(f, n);
        enum status status = token_table_ask(table, token, strlen(token), id, &err);
        has_failed = writer_alloc_stop(f);
        if (status != STATUS_OK)
            assert_string_equal(status_name(status), "no_memory");
        if (status != STATUS_OK)
            assert_int_equal(look_for(table, token), STATUS_BUSY);
        token_table_free(table);
        assert_true(n < 1000);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_look_says_what_it_knows_and_otherwise_that_it_does_not),
        TEST(a_change_by_another_process_is_seen_at_the_next_look),
        TEST(nobody_is_let_in_where_the_store_cannot_say),
        TEST(a_revocation_is_whole_wherever_its_process_dies),
        TEST(a_token_that_holds_is_let_in_while_others_come_and_go),
        TEST(a_table_without_memory_says_so_and_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
