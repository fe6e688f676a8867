/* Questions of theory that take long: how many there may be at once, and what ends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "tests/http/fit.h"
#include "tests/http/raw.h"

static struct service service;

/* Three places: of four handlers one is left to short questions. */
static const char *const four_handlers[] = {"--handlers", "4", "--shutdown-seconds", "1", NULL};

static int start(void **state)
{
    (void)state;
    service_start(&service, four_handlers);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static void add(struct buffer *body, const char *text)
{
    assert_int_equal(buffer_append(body, text, strlen(text), NULL), STATUS_OK);
}

/* A regression of n points. */
static struct buffer make_question(const char *encoding, size_t n)
{
    struct buffer body;
    buffer_init(&body, 1 << 20);
    add(&body, "{\"encoding\":");
    add(&body, encoding);
    add(&body, ",\"times\":[1],\"train\":{\"x\":[");
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buffer_printf(&body, NULL, "%s%zu", i ? "," : "", i), STATUS_OK);
    add(&body, "],\"y\":[");
    for (size_t i = 0; i < n; i++)
        add(&body, i ? ",0" : "0");
    assert_int_equal(buffer_append(&body, "]}}", 4, NULL), STATUS_OK); /* with its NUL */
    return body;
}

static const char mapping[] = "{\"type\":\"gaussian\",\"n_frequencies\":16,\"sigma\":3}";
enum { MOST = 4096, SOME = 400 }; /* a minute of a core; some tenths of a second */

/* Ask the longest question there is and leave it at that: the connection. */
static int begin_longest(void)
{
    char head[200];
    struct buffer body = make_question(mapping, MOST);
    const int socket = raw_connect(&service);
    snprintf(head, sizeof head,
             "POST /v1/ntk/regression HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             body.size - 1);
    assert_true(raw_send_text(socket, head));
    assert_true(raw_send(socket, body.data, body.size - 1));
    buffer_deinit(&body);
    return socket;
}

/* A question of some tenths of a second: was it answered, or was there no place for it? */
static bool is_answered(void)
{
    struct buffer body = make_question(mapping, SOME);
    struct answer a = service_post_json(&service, "/v1/ntk/regression", (const char *)body.data);
    const bool is = a.status == 200;
    assert_true(is || a.status == 429);
    answer_free(&a);
    buffer_deinit(&body);
    return is;
}

/* The longest question, at work: begun again where it came while another had a place. */
static int hold_longest(void)
{
    enum { TRIES = 10 };
    for (;;) {
        const int socket = begin_longest();
        for (int i = 0; i < TRIES; i++) {
            if (!is_answered())
                return socket;
            pause_briefly();
        }
        close(socket);
    }
}

/* It takes so much memory that nothing long goes beside it; and it ends with its client, or with
 * the service, which a single call of LAPACK would keep for a minute. */
static void the_longest_is_alone_and_can_be_ended(void **state)
{
    (void)state;
    int socket = hold_longest();
    answer_status(
        service_post_json(&service, "/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"n\":8}"), 200);
    close(socket);
    while (!is_answered())
        pause_briefly();
    socket = hold_longest();
    assert_int_equal(service_stop(&service), 0);
    close(socket);
    service_restart(&service, four_handlers);
}

/* One of three places for each; no more than three are drawn at once, and all are given back. */
static void large_plots_take_places(void **state)
{
    (void)state;
    static const char body[] = "{\"encoding\":{\"type\":\"basic\"},\"n\":8}";
    static const char large[] = "/v1/ntk?format=png&width=4096&height=4096",
                      small[] = "/v1/ntk?format=png";
    const int socket = hold_longest();
    answer_problem(service_post_json(&service, large, body), 429, NULL);
    answer_status(service_post_json(&service, small, body), 200);
    close(socket);
    while (!is_answered())
        pause_briefly();
    for (int i = 0; i < 4; i++)
        answer_status(service_post_json(&service, large, body), 200);
    assert_true(is_answered());
}

/* Its jobs are made while it is answered: some hundreds take as long as a picture. */
static void large_sweeps_take_places(void **state)
{
    (void)state;
    enum { JOBS = 500 };
    char dataset[ID_TEXT];
    struct buffer body;
    upload_picture(&service, 16, 1, dataset);
    buffer_init(&body, 1 << 20);
    assert_int_equal(buffer_printf(&body, NULL,
                                   "{\"dataset_ids\":[\"%s\"],\"grid\":{\"/train/seed\":[0",
                                   dataset),
                     STATUS_OK);
    for (size_t i = 1; i < JOBS; i++)
        assert_int_equal(buffer_printf(&body, NULL, ",%zu", i), STATUS_OK);
    assert_int_equal(buffer_append(&body, "]}}", 4, NULL), STATUS_OK); /* with its NUL */
    const int socket = hold_longest();
    answer_problem(service_post_json(&service, "/v1/sweeps", (const char *)body.data), 429, NULL);
    close(socket);
    buffer_deinit(&body);
}

/* As many features as there may be, at as many points. */
static void what_takes_minutes_is_refused(void **state)
{
    (void)state;
#define PART "{\"type\":\"gaussian\",\"n_frequencies\":4096,\"sigma\":3}"
    struct buffer body = make_question(
        "{\"type\":\"concat\",\"parts\":[" PART "," PART "," PART "," PART "]}", MOST);
    answer_problem(service_post_json(&service, "/v1/ntk/regression", (const char *)body.data), 422,
                   "/train/x");
    buffer_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_is_alone_and_can_be_ended),
        cmocka_unit_test(large_plots_take_places),
        cmocka_unit_test(large_sweeps_take_places),
        cmocka_unit_test(what_takes_minutes_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
