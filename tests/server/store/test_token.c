#include "tests/server/store/store_fixture.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "server/store/store_internal.h"
#include "server/store/token_table.h"
#include "tests/server/store/token_fixture.h"
#include "tests/support/alloc.h"

/* --- text --- */

static void a_token_is_its_prefix_an_id_and_a_secret(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    char token[TOKEN_SIZE], id[TOKEN_ID_SIZE];
    assert_ok(tokens_create(t, "laptop", token, &f->err));
    assert_int_equal(strlen(token), TOKEN_SIZE - 1);
    assert_memory_equal(token, "farfield_", 9);
    assert_int_equal(strspn(token + 9, "0123456789abcdefghjkmnpqrstvwxyz"), 60);
    assert_true(token_parse(token, strlen(token), id));
    assert_memory_equal(id, token + 9, 8);
    assert_true(token_id_is(id));
    tokens_close(t);
}

static void what_is_no_token_is_not_read_as_one(void **state)
{
    (void)state;
    static const char sound[] =
        "farfield_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjkmnpqrstv";
    char id[TOKEN_ID_SIZE], text[128];
    assert_true(token_parse(sound, strlen(sound), id));
    assert_string_equal(id, "01234567");
    assert_false(token_parse(sound, strlen(sound) - 1, id));
    assert_false(token_parse("", 0, id));
    snprintf(text, sizeof text, "%s0", sound);
    assert_false(token_parse(text, strlen(text), id));
    for (size_t i = 0; i < strlen(sound); i++) {
        static const char wrong[] = {'!', 'u', 'I', '\0', (char)0xc3};
        for (size_t k = 0; k < sizeof wrong; k++) {
            memcpy(text, sound, sizeof sound);
            text[i] = wrong[k];
            assert_false(token_parse(text, strlen(sound), id));
        }
    }
    assert_false(token_id_is(""));
    assert_false(token_id_is("0123456"));
    assert_false(token_id_is("012345678"));
    assert_false(token_id_is("0123456u"));
    assert_false(token_id_is("0123456'"));
}

static void names_are_short_and_printable(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    char token[TOKEN_SIZE], name[140];
    memset(name, 'n', sizeof name);
    name[129] = '\0';
    assert_status(tokens_create(t, name, token, &f->err), STATUS_INVALID);
    assert_status(tokens_create(t, "a\nb", token, &f->err), STATUS_INVALID);
    assert_status(tokens_create(t, "a\xff", token, &f->err), STATUS_INVALID);
    assert_status(tokens_create(t, "a\xe2\x80\xae", token, &f->err), STATUS_INVALID);
    error_clear(&f->err);
    name[128] = '\0';
    assert_ok(tokens_create(t, name, token, &f->err));
    assert_ok(tokens_create(t,
                            "gr\xc3\xbc\xc3\x9f"
                            "e 'x'",
                            token, &f->err));
    tokens_close(t);
}

/* --- what is kept --- */

static void a_list_tells_of_each_token_but_the_token(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    char tokens[3][TOKEN_SIZE], id[TOKEN_ID_SIZE], path[512], text[4096] = "";
    static const char *const names[] = {"first", "", "third"};
    for (int i = 0; i < 3; i++)
        assert_ok(tokens_create(t, names[i], tokens[i], &f->err));
    struct token_list list;
    assert_ok(tokens_list(t, &list, &f->err));
    assert_int_equal(list.n, 3);
    for (size_t i = 0; i < 3; i++) {
        char sha256[SHA256_TEXT_SIZE];
        sha256_text(tokens[i], strlen(tokens[i]), sha256);
        assert_true(token_parse(tokens[i], strlen(tokens[i]), id));
        assert_string_equal(list.rows[i].id, id);
        assert_string_equal(list.rows[i].name, names[i]);
        assert_string_equal(list.rows[i].sha256, sha256);
        assert_true(list.rows[i].created_ms > 0);
    }
    token_list_deinit(&list);
    /* Neither the database nor its log has a secret in it. */
    for (int k = 0; k < 2; k++) {
        path_in(f, path, k ? "main.db-wal" : "main.db", "");
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t kept = 0, got;
        bool has_id = false;
        while ((got = fread(text + kept, 1, sizeof text - kept, file)) > 0) {
            got += kept;
            assert_null(memmem(text, got, tokens[1] + 17, 52));
            has_id = has_id || memmem(text, got, tokens[1] + 9, 8);
            kept = got < 64 ? got : 64;
            memmove(text, text + got - kept, kept);
        }
        if (k) /* the test looks where the row is */
            assert_true(has_id);
        fclose(file);
    }
    tokens_close(t);
}

static void a_revoked_token_is_gone_and_cannot_be_revoked_again(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    char a[TOKEN_SIZE], b[TOKEN_SIZE], id[TOKEN_ID_SIZE];
    assert_ok(tokens_create(t, "a", a, &f->err));
    assert_ok(tokens_create(t, "b", b, &f->err));
    assert_true(token_parse(a, strlen(a), id));
    assert_ok(tokens_revoke(t, id, &f->err));
    assert_status(tokens_revoke(t, id, &f->err), STATUS_NOT_FOUND);
    error_clear(&f->err);
    struct token_list list;
    assert_ok(tokens_list(t, &list, &f->err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.rows[0].name, "b");
    token_list_deinit(&list);
    tokens_close(t);
}

static void there_are_only_so_many_tokens(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = open_tokens(f);
    char token[TOKEN_SIZE];
    change(f, "main.db",
           "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 999)"
           " INSERT INTO token (id, name, sha256, created_ms)"
           " SELECT printf('%08d', i), '', printf('%064d', i), i FROM c");
    assert_ok(tokens_create(t, "", token, &f->err));
    assert_status(tokens_create(t, "", token, &f->err), STATUS_CONFLICT);
    error_clear(&f->err);
    struct token_table *table = make_table(f);
    assert_int_equal(ask_for(table, token), STATUS_OK); /* the last one is not cut off */
    token_table_free(table);
    assert_ok(tokens_revoke(t, "00000007", &f->err));
    assert_ok(tokens_create(t, "", token, &f->err));
    tokens_close(t);
}

static void the_first_token_is_made_once(void **state)
{
    struct fixture *f = *state;
    char first[TOKEN_SIZE], second[TOKEN_SIZE] = "x";
    assert_ok(store_token_create_first(f->store, first, &f->err));
    assert_int_equal(strlen(first), TOKEN_SIZE - 1);
    assert_ok(store_token_create_first(f->store, second, &f->err));
    assert_string_equal(second, "");
    reopen(f);
    assert_ok(store_token_create_first(f->store, second, &f->err));
    assert_string_equal(second, "");
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM token"), 1);
    struct token_table *table = make_table(f);
    assert_int_equal(ask_for(table, first), STATUS_OK);
    token_table_free(table);
}

/* --- many at once --- */

/* One of the processes below, this program again: waits until its input ends, then opens the folder
 * as a server does ("serve"), or makes a token in it ("create"). */
static int open_folder_when_told(const char *how, const char *folder)
{
    struct tokens *t = NULL;
    struct store *s = NULL;
    struct error err = {0};
    char token[TOKEN_SIZE], byte;
    enum status status = read(STDIN_FILENO, &byte, 1) == 0 ? STATUS_OK : STATUS_IO;
    if (status == STATUS_OK && strcmp(how, "serve") == 0) {
        status = store_open(&s, folder, &err);
        if (status == STATUS_OK)
            store_close(s);
    } else if (status == STATUS_OK) {
        status = tokens_open(&t, folder, TOKENS_CREATE, &err);
        if (status == STATUS_OK)
            status = tokens_create(t, "one", token, &err);
        tokens_close(t);
    }
    if (status != STATUS_OK)
        fprintf(stderr, "%s\n", err.message);
    return status == STATUS_OK ? 0 : 1;
}

static pid_t start_opener(char *how, char *folder, int gate)
{
    char path[] = "/proc/self/exe", *arguments[] = {path, how, folder, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, gate, STDIN_FILENO);
    assert_int_equal(posix_spawn(&pid, path, &files, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

/* In a folder that is new to all of them: processes that make tokens, and a server that starts. */
static void a_new_folder_may_be_opened_by_many_at_once(void **state)
{
    enum { FOLDERS = 12, PROCESSES = 5 };
    struct fixture *f = *state;
    for (int round = 0; round < FOLDERS; round++) {
        char name[32], folder[512], serve[] = "serve", create[] = "create";
        pid_t children[PROCESSES];
        int gate[2];
        snprintf(name, sizeof name, "new-%d", round);
        path_in(f, folder, name, "");
        assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
        for (int i = 0; i < PROCESSES; i++) /* all start when the gate is closed */
            children[i] = start_opener(i == 0 ? serve : create, folder, gate[0]);
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < PROCESSES; i++) {
            int status;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_int_equal(status, 0);
        }
        struct tokens *t = NULL;
        struct token_list list;
        assert_ok(tokens_open(&t, folder, TOKENS_EXISTING, &f->err));
        assert_ok(tokens_list(t, &list, &f->err));
        assert_int_equal(list.n, PROCESSES - 1);
        token_list_deinit(&list);
        tokens_close(t);
    }
}

/* --- folders --- */

static void a_folder_that_is_not_there_is_only_made_for_a_token(void **state)
{
    struct fixture *f = *state;
    struct tokens *t = NULL;
    char path[512], token[TOKEN_SIZE];
    path_in(f, path, "fresh", "");
    assert_status(tokens_open(&t, path, TOKENS_EXISTING, &f->err), STATUS_NOT_FOUND);
    assert_false(exists_in(f, "fresh", ""));
    assert_int_equal(mkdir(path, 0700), 0); /* empty: no farfield was here */
    assert_status(tokens_open(&t, path, TOKENS_EXISTING, &f->err), STATUS_NOT_FOUND);
    assert_null(t);
    error_clear(&f->err);
    assert_int_equal(rmdir(path), 0);
    assert_ok(tokens_open(&t, path, TOKENS_CREATE, &f->err));
    assert_ok(tokens_create(t, "", token, &f->err));
    tokens_close(t);
    /* A server finds it there, and that it needs no first one. */
    struct store *s = NULL;
    char first[TOKEN_SIZE];
    assert_ok(store_open(&s, path, &f->err));
    assert_ok(store_token_create_first(s, first, &f->err));
    assert_string_equal(first, "");
    store_close(s);
    path_in(f, path, "no", "where");
    assert_status(tokens_open(&t, path, TOKENS_CREATE, &f->err), STATUS_IO);
}

/* Back to it: what came later goes. */
#define FIRST_VERSION                                                                              \
    "DROP INDEX job_label_by_job; DROP INDEX idempotency_by_job;"                                  \
    "DROP TABLE token; DROP INDEX job_by_sweep; ALTER TABLE job DROP COLUMN sweep_id;"             \
    "DROP TABLE sweep; ALTER TABLE job DROP COLUMN tuning_json;"                                   \
    "ALTER TABLE job DROP COLUMN forecast_json; PRAGMA user_version = 1"

static void a_database_of_the_first_version_gets_its_table(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], token[TOKEN_SIZE];
    make_dataset(f, "picture", dataset);
    change(f, "main.db", FIRST_VERSION);
    reopen(f);
    assert_int_equal(ask(f, "main.db", "PRAGMA user_version"), 5);
    assert_ok(store_token_create_first(f->store, token, &f->err));
    assert_int_equal(ask(f, "main.db", "SELECT count(*) FROM dataset"), 1);
    change(f, "main.db", FIRST_VERSION);
    struct tokens *t = open_tokens(f); /* and by the other way in */
    assert_ok(tokens_create(t, "", token, &f->err));
    tokens_close(t);
}

/* --- memory --- */

static enum status open_and_use(void *context, struct error *err)
{
    struct fixture *f = context;
    struct tokens *t = NULL;
    struct token_list list = {0};
    char token[TOKEN_SIZE], id[TOKEN_ID_SIZE];
    enum status status = tokens_open(&t, f->folder, TOKENS_CREATE, err);
    if (status == STATUS_OK)
        status = tokens_create(t, "one", token, err);
    if (status == STATUS_OK)
        status = tokens_list(t, &list, err);
    if (status == STATUS_OK && token_parse(token, strlen(token), id))
        status = tokens_revoke(t, id, err);
    token_list_deinit(&list);
    tokens_close(t);
    return status;
}

static void tokens_survive_any_failed_allocation(void **state)
{
    struct fixture *f = *state;
    assert_true(alloc_fail_each(open_and_use, f) > 10);
    struct tokens *t = open_tokens(f);
    tokens_close(t);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(int argc, char **argv)
{
    if (argc == 3)
        return open_folder_when_told(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_its_prefix_an_id_and_a_secret),
        cmocka_unit_test(what_is_no_token_is_not_read_as_one),
        TEST(names_are_short_and_printable),
        TEST(a_list_tells_of_each_token_but_the_token),
        TEST(a_revoked_token_is_gone_and_cannot_be_revoked_again),
        TEST(there_are_only_so_many_tokens),
        TEST(the_first_token_is_made_once),
        TEST(a_new_folder_may_be_opened_by_many_at_once),
        TEST(a_folder_that_is_not_there_is_only_made_for_a_token),
        TEST(a_database_of_the_first_version_gets_its_table),
        TEST(tokens_survive_any_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
