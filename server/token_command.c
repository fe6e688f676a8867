#include "server/token_command.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "server/store/token.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What was asked for. */
struct question {
    char *folder;      /* NULL: not said */
    const char *name;  /* "" where none was given */
    const char *which; /* "": none was named */
};

static int usage(FILE *out)
{
    fputs(
        "usage: farfield token create [--data DIR] [--name NAME]   print a new token\n"
        "       farfield token list   [--data DIR]                 id, time and name of each\n"
        "       farfield token revoke [--data DIR] ID              end one, by its id or itself\n",
        out);
    return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int fail(int status, const struct error *err)
{
    fprintf(stderr, "farfield: %s\n", err->message);
    return status;
}

/* A token that has been printed must have arrived: nobody can ask for it again. */
static enum status flush(struct error *err)
{
    return fflush(stdout) == 0 && !ferror(stdout)
               ? STATUS_OK
               : error_set(err, STATUS_IO, "", "cannot write to standard output");
}

static enum status create(struct tokens *tokens, const struct question *q, struct error *err)
{
    char token[TOKEN_SIZE];
    enum status status = tokens_create(tokens, q->name, token, err);
    if (status != STATUS_OK)
        return status;
    puts(token);
    status = flush(err);
    sodium_memzero(token, sizeof token);
    return status;
}

static enum status list(struct tokens *tokens, const struct question *q, struct error *err)
{
    struct token_list rows;
    enum status status = tokens_list(tokens, &rows, err);
    (void)q;
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < rows.n; i++) {
        char created[TIME_TEXT_SIZE];
        clock_format(rows.rows[i].created_ms, created);
        printf("%s  %s%s%s\n", rows.rows[i].id, created, rows.rows[i].name[0] ? "  " : "",
               rows.rows[i].name);
    }
    token_list_deinit(&rows);
    return flush(err);
}

static enum status revoke(struct tokens *tokens, const struct question *q, struct error *err)
{
    char id[TOKEN_ID_SIZE];
    if (!token_parse(q->which, strlen(q->which), id)) {
        if (!token_id_is(q->which)) /* perhaps a secret with a slip: it is not repeated */
            return error_set(err, STATUS_NOT_FOUND, "", "that is neither a token nor its id");
        snprintf(id, sizeof id, "%s", q->which);
    }
    return tokens_revoke(tokens, id, err);
}

static const struct verb {
    const char *name;
    enum status (*run)(struct tokens *tokens, const struct question *q, struct error *err);
    enum tokens_mode mode;
    bool has_name, has_which;
} verbs[] = {
    {"create", create, TOKENS_CREATE, true, false},
    {"list", list, TOKENS_EXISTING, false, false},
    {"revoke", revoke, TOKENS_EXISTING, false, true},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* Is word *i "--data=DIR", or "--data" with DIR as the next?  Then *i moves to its last word. */
static bool read_option(const char *option, int argc, char **argv, int *i, char **value)
{
    size_t n = strlen(option);
    char *word = argv[*i];
    if (strncmp(word, option, n) != 0)
        return false;
    if (word[n] == '=') {
        *value = word + n + 1;
        return true;
    }
    if (word[n] != '\0' || *i + 1 >= argc)
        return false;
    *value = argv[++*i];
    return true;
}

static bool read_words(const struct verb *verb, int argc, char **argv, struct question *q)
{
    for (int i = 0; i < argc; i++) {
        char *value = NULL;
        if (read_option("--data", argc, argv, &i, &value))
            q->folder = value;
        else if (verb->has_name && read_option("--name", argc, argv, &i, &value))
            q->name = value;
        else if (verb->has_which && !q->which[0] && argv[i][0] != '-')
            q->which = argv[i];
        else
            return false;
    }
    return !verb->has_which || q->which[0];
}

int token_command(int argc, char **argv)
{
    struct error err = {.status = STATUS_OK};
    struct question q = {.name = "", .which = ""};
    if (argc > 0 && (strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "--help") == 0))
        return usage(stdout);
    const struct verb *verb = argc > 0 ? find_verb(argv[0]) : NULL;
    if (!verb || !read_words(verb, argc - 1, argv + 1, &q))
        return usage(stderr);
    struct config config;
    char option[] = "--data";
    char *words[] = {option, q.folder};
    if (config_read(&config, q.folder ? 2 : 0, words, &err) != STATUS_OK)
        return fail(EXIT_USAGE, &err);

    struct tokens *tokens = NULL;
    enum status status = tokens_open(&tokens, config.data, verb->mode, &err);
    if (status == STATUS_OK)
        status = verb->run(tokens, &q, &err);
    tokens_close(tokens);
    if (status != STATUS_OK)
        return fail(status == STATUS_INVALID ? EXIT_USAGE : EXIT_FAILED, &err);
    return EXIT_SUCCESS;
}
