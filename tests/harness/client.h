/*
 * A client that outlives its service: requests that may break off at any byte.  Unlike
 * tests/http/answer.h nothing here asserts, so that any thread may use it; one client is one
 * thread's, and keeps its connection.
 */
#ifndef TESTS_HARNESS_CLIENT_H
#define TESTS_HARNESS_CLIENT_H

#include <stdbool.h>

#include "tests/http/answer.h"

struct client;

struct client *client_create(void);
void client_free(struct client *c);

/* How a body leaves. */
enum sending { SEND_WHOLE, SEND_CHUNKED };

/* Send, and take the answer if a whole one comes (answer_free); false if none does. */
bool client_send(struct client *c, const struct service *s, const struct request *request,
                 enum sending how, struct answer *out);

/* The usual ones; path by printf. */
bool client_get(struct client *c, const struct service *s, struct answer *out, const char *path,
                ...) __attribute__((format(printf, 4, 5)));
bool client_post(struct client *c, const struct service *s, struct answer *out, const char *json,
                 const char *path, ...) __attribute__((format(printf, 5, 6)));
bool client_delete(struct client *c, const struct service *s, struct answer *out, const char *path,
                   ...) __attribute__((format(printf, 4, 5)));

/* Listen to a stream for so long; how many bytes came. */
size_t client_listen(struct client *c, const struct service *s, double seconds, const char *path,
                     ...) __attribute__((format(printf, 4, 5)));

/* The body as JSON, NULL if it is none; and a member as text, "" where it is none. */
json_t *client_json(const struct answer *a);
const char *json_text(const json_t *object, const char *name);

#endif
