#include "tests/http/tokens.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the service and its log --- */

/* The service's standard error goes to folder/log, which outlives restarts. */
void service_start_logged(struct service *s, const char *const *settings)
{
    if (s->folder[0]) {
        s->log = "log";
        service_restart(s, settings);
    } else {
        service_start_under(s, NULL, "log", settings);
    }
    char *any = strstr(s->url, "//0.0.0.0:"); /* where a client goes instead */
    if (any) {
        char port[16];
        snprintf(port, sizeof(port), "%.15s", any + strlen("//0.0.0.0:"));
        snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%s", port);
    }
}

struct bytes read_file(const char *path)
{
    struct bytes b = {0};
    char block[65536];
    FILE *file = fopen(path, "rb");
    bytes_append(&b, "", 0);
    for (size_t n; file && (n = fread(block, 1, sizeof(block), file)) > 0;)
        bytes_append(&b, block, n);
    if (file)
        fclose(file);
    return b;
}

struct bytes service_read_log(const struct service *s)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/log", s->folder);
    return read_file(path);
}

size_t bytes_count(const struct bytes *b, const char *mark)
{
    size_t n = 0, length = strlen(mark);
    for (const uint8_t *at = b->data;
         (at = memmem(at, b->n - (size_t)(at - b->data), mark, length)); at += length)
        n++;
    return n;
}

/* How often the log tells of a first token, and the token of the last time. */
size_t token_find_first(const struct service *s, char token[TOKEN_TEXT])
{
    static const char event[] = "\"event\":\"first token made; it is shown this once\"";
    struct bytes log = service_read_log(s);
    size_t n = bytes_count(&log, event);
    token[0] = '\0';
    for (char *line = strtok((char *)log.data, "\n"); line; line = strtok(NULL, "\n")) {
        if (!strstr(line, event))
            continue;
        json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        char dashboard[256];
        assert_non_null(json);
        snprintf(token, TOKEN_TEXT, "%s", member_text(json, "token"));
        snprintf(dashboard, sizeof(dashboard), "%s/#token=%s", s->url, token);
        assert_string_equal(member_text(json, "dashboard"), dashboard);
        json_decref(json);
    }
    bytes_free(&log);
    return n;
}

/* --- farfield token --- */

void service_data(const struct service *s, char out[LINE_TEXT])
{
    snprintf(out, LINE_TEXT, "%s/data", s->folder);
}

void token_create(const struct service *s, const char *name, char token[TOKEN_TEXT])
{
    char data[LINE_TEXT], *output = NULL;
    service_data(s, data);
    const char *const arguments[] = {"token",  "create", "--data",          data,
                                     "--name", name,     (const char *)NULL};
    assert_int_equal(program_run(arguments, &output), 0);
    assert_int_equal(strlen(output), 70); /* one line, and nothing else */
    assert_int_equal(output[69], '\n');
    snprintf(token, TOKEN_TEXT, "%.69s", output);
    free(output);
}

int token_revoke(const struct service *s, const char *which)
{
    char data[LINE_TEXT];
    service_data(s, data);
    const char *const arguments[] = {"token", "revoke", which, "--data", data, NULL};
    return program_run(arguments, NULL);
}

char *token_list(const struct service *s)
{
    char data[LINE_TEXT], *output = NULL;
    service_data(s, data);
    const char *const arguments[] = {"token", "list", "--data", data, NULL};
    assert_int_equal(program_run(arguments, &output), 0);
    return output;
}

void token_id(const char *token, char id[TOKEN_TEXT])
{
    snprintf(id, TOKEN_TEXT, "%.8s", token + strlen("farfield_"));
}

/* --- requests --- */

void token_header(const char *token, char out[LINE_TEXT])
{
    snprintf(out, LINE_TEXT, "Authorization: Bearer %s", token);
}

long service_status(const struct service *s, const char *path, const char *token)
{
    char header[LINE_TEXT];
    token_header(token, header);
    struct answer a =
        service_send(s, &(struct request){.path = path, .headers = {token ? header : NULL}});
    long status = a.status;
    answer_free(&a);
    return status;
}
