/*
 * A service that others can reach: its log, its tokens, and requests that carry one.
 *
 * Everything here asserts (cmocka).
 */
#ifndef TESTS_HTTP_TOKENS_H
#define TESTS_HTTP_TOKENS_H

#include "tests/http/answer.h"
#include "tests/http/service.h"

enum { TOKEN_TEXT = 80, LINE_TEXT = 128 };

/* service_restart with its standard error in folder/log, to which each start adds; the first makes
 * the folder.  On 0.0.0.0 clients go to 127.0.0.1. */
void service_start_logged(struct service *s, const char *const *settings);
/* What stands in its log; the caller's (bytes_free). */
struct bytes service_read_log(const struct service *s);
/* Its --data. */
void service_data(const struct service *s, char out[LINE_TEXT]);

/* What a file holds, nothing if it cannot be read; the caller's (bytes_free). */
struct bytes read_file(const char *path);
/* How often the text stands in the bytes. */
size_t bytes_count(const struct bytes *b, const char *mark);

/* How often the log tells of a first token, and the token of the last time. */
size_t token_find_first(const struct service *s, char token[TOKEN_TEXT]);

/* `farfield token`.  revoke gives its exit status; list what it printed (free). */
void token_create(const struct service *s, const char *name, char token[TOKEN_TEXT]);
int token_revoke(const struct service *s, const char *which);
char *token_list(const struct service *s);

void token_id(const char *token, char id[TOKEN_TEXT]);
/* "Authorization: Bearer …" */
void token_header(const char *token, char out[LINE_TEXT]);

/* The status of a GET with a token; NULL: without one. */
long service_status(const struct service *s, const char *path, const char *token);

#endif
