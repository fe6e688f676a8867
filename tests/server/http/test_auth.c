/* Who may come in: what strangers are told, when a token is looked at, and who looks. */
#include <stdatomic.h>

#include "tests/server/http/web.h"

/* Somebody who knows tokens: "good" is the only one that holds. */
struct keeper {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool is_stale;    /* only ask can tell */
    bool stays_stale; /* … and asking once does not help the next */
    bool is_broken;
    bool is_slow; /* ask waits for `may_answer` */
    bool may_answer;
    bool holds_no_more;
    int n_looks, n_asks, n_waiting, n_refreshes;
};

static enum status know(const struct keeper *k, const char *token, size_t n, char *who)
{
    if (n != 4 || memcmp(token, "good", 4) != 0 || k->holds_no_more)
        return STATUS_NOT_FOUND;
    snprintf(who, HTTP_WHO_SIZE, "goodie");
    return STATUS_OK;
}

static enum status look(void *context, const char *token, size_t n, char *who)
{
    struct keeper *k = context;
    pthread_mutex_lock(&k->lock);
    k->n_looks++;
    enum status status = k->is_stale ? STATUS_BUSY : know(k, token, n, who);
    pthread_mutex_unlock(&k->lock);
    return status;
}

static enum status ask(void *context, const char *token, size_t n, char *who, struct error *err)
{
    struct keeper *k = context;
    pthread_mutex_lock(&k->lock);
    k->n_asks++;
    k->n_waiting++;
    while (k->is_slow && !k->may_answer)
        pthread_cond_wait(&k->changed, &k->lock);
    k->n_waiting--;
    k->is_stale = k->stays_stale;
    enum status status = k->is_broken ? error_set(err, STATUS_IO, "", "secret words of the disk")
                                      : know(k, token, n, who);
    pthread_mutex_unlock(&k->lock);
    return status;
}

static bool holds(void *context, const char *who)
{
    struct keeper *k = context;
    pthread_mutex_lock(&k->lock);
    bool does = strcmp(who, "goodie") == 0 && !(k->holds_no_more && !k->is_stale);
    pthread_mutex_unlock(&k->lock);
    return does;
}

static bool is_stale(void *context)
{
    struct keeper *k = context;
    pthread_mutex_lock(&k->lock);
    bool is = k->is_stale;
    pthread_mutex_unlock(&k->lock);
    return is;
}

static enum status refresh(void *context, struct error *err)
{
    struct keeper *k = context;
    pthread_mutex_lock(&k->lock);
    k->n_refreshes++;
    bool broken = k->is_broken;
    k->is_stale = broken || k->stays_stale;
    pthread_mutex_unlock(&k->lock);
    return broken ? error_set(err, STATUS_IO, "", "broken") : STATUS_OK;
}

/* Wait until so many are waiting in ask. */
static void wait_for(struct keeper *k, int n)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&k->lock);
        int now = k->n_waiting;
        pthread_mutex_unlock(&k->lock);
        if (now == n)
            return;
        usleep(5000);
    }
    fail_msg("waited in vain");
}

static void let_answer(struct keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->may_answer = true;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

/* A server that others than this machine can reach, so that it asks. */
static struct web *start(struct keeper *k, struct web_wishes wishes)
{
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->changed, NULL);
    wishes.host = wishes.host ? wishes.host : "0.0.0.0";
    wishes.auth = (struct http_auth){k, look, ask, holds, is_stale, refresh};
    return web_start(&wishes);
}

#define GOOD "Authorization: Bearer good\r\n"

static void a_token_lets_in_and_says_who_it_is(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = false};
    struct web *w = start(&k, (struct web_wishes){0});
    static const char *const lines[] = {GOOD, "AUTHORIZATION: bearer   good \r\n"};
    for (int i = 0; i < 2; i++) {
        struct web_answer a = web_get(w, "/who", lines[i]);
        assert_answer(a, 200, "goodie");
        assert_null(web_header(&a, "WWW-Authenticate"));
        web_forget(&a);
    }
    assert_true(http_server_has_auth(w->server));
    web_stop(w);
}

static void a_request_without_one_is_refused_by_challenge(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned status;
        const char *challenge;
    } rows[] = {
        {"", 401, "Bearer realm=\"farfield\""},
        {"Authorization: Basic Z29vZDo=\r\n", 401, "Bearer realm=\"farfield\""},
        {"Authorization: Bearer\r\n", 401, "Bearer realm=\"farfield\""},
        {"Authorization: good\r\n", 401, "Bearer realm=\"farfield\""},
        {"Cookie: token=good\r\n", 401, "Bearer realm=\"farfield\""},
        {"Authorization: Bearer bad\r\n", 401,
         "Bearer realm=\"farfield\", error=\"invalid_token\""},
        {GOOD GOOD, 400, NULL},
        {GOOD "Authorization: Bearer bad\r\n", 400, NULL},
    };
    struct keeper k = {.is_stale = false};
    struct web *w = start(&k, (struct web_wishes){0});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web_answer a = web_get(w, "/who?token=good", rows[i].line);
        assert_int_equal(a.status, rows[i].status);
        assert_string_equal(web_header(&a, "Content-Type"), "application/problem+json");
        if (rows[i].challenge)
            assert_string_equal(web_header(&a, "WWW-Authenticate"), rows[i].challenge);
        web_forget(&a);
    }
    assert_int_equal(w->n_handled, 0);
    web_stop(w);
}

static void strangers_learn_neither_paths_nor_methods(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "GET /hello",    "GET /nowhere",   "DELETE /hello", "OPTIONS /hello",
        "OPTIONS *",     "PATCH /hello",   "HEAD /hello",   "POST /open",
        "OPTIONS /open", "GET /open/more", "GET /items/1",  "PUT /nowhere",
    };
    struct keeper k = {.is_stale = false};
    struct web *w = start(&k, (struct web_wishes){0});
    char request[128];
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: x\r\n\r\n", lines[i]);
        struct web_answer a = web_ask(w, request);
        if (a.status != 401)
            fail_msg("%s: %u", lines[i], a.status);
        assert_null(web_header(&a, "Allow"));
        web_forget(&a);
    }
    struct web_answer open = web_get(w, "/open", "");
    assert_answer(open, 200, "hello ");
    web_forget(&open);
    open = web_get(w, "/open", "Authorization: Bearer bad\r\n"); /* nobody looks */
    assert_answer(open, 200, "hello ");
    web_forget(&open);
    assert_int_equal(w->n_handled, 2);
    web_stop(w);
}

static void a_stranger_is_refused_before_the_body(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
        "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
        "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n", /* no 413 */
        "POST /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
        "GET /welcome HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
    };
    struct keeper k = {.is_stale = false};
    struct web *w = start(&k, (struct web_wishes){0});
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        int s = web_connect(w);
        web_send(s, heads[i]);
        struct web_answer a = web_read_answer(s, false); /* the first: no 100 comes before it */
        assert_int_equal(a.status, 401);
        assert_string_equal(web_header(&a, "Connection"), "close");
        assert_true(web_is_at_end(s));
        assert_int_equal(web_files(w), 0);
        web_forget(&a);
        close(s);
    }
    assert_int_equal(w->n_handled, 0);
    web_stop(w);
}

static void a_refusal_without_a_body_keeps_the_connection(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = false};
    struct web *w = start(&k, (struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 401);
    web_forget(&a);
    web_send(s, "GET /hello HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n");
    a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    web_send(s, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"); /* it is asked each time */
    a = web_read_answer(s, false);
    assert_int_equal(a.status, 401);
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void a_route_may_refuse_in_its_own_words(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = false};
    struct web *w = start(&k, (struct web_wishes){0});
    struct web_answer a = web_get(w, "/welcome", "");
    assert_answer(a, 401, "a stranger");
    assert_string_equal(web_header(&a, "WWW-Authenticate"), "Bearer realm=\"farfield\"");
    web_forget(&a);
    a = web_get(w, "/welcome", "Authorization: Bearer bad\r\n");
    assert_answer(a, 401, "a stranger");
    web_forget(&a);
    a = web_get(w, "/welcome", GOOD);
    assert_answer(a, 200, "goodie");
    web_forget(&a);
    a = web_ask(w, "POST /welcome HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(a.status, 401);
    assert_null(web_header(&a, "Allow"));
    web_forget(&a);
    web_stop(w);
}

static void loopback_asks_nobody(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = true};
    struct web *w = start(&k, (struct web_wishes){.host = "127.0.0.1"});
    struct web_answer a = web_get(w, "/who", "");
    assert_answer(a, 200, "");
    web_forget(&a);
    a = web_get(w, "/who", GOOD GOOD "Authorization: x\r\n");
    assert_answer(a, 200, "");
    web_forget(&a);
    assert_false(http_server_has_auth(w->server));
    web_stop(w);
    assert_int_equal(k.n_looks + k.n_asks + k.n_refreshes, 0);
}

/* --- asking on the pool --- */

static void what_memory_does_not_know_is_asked(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /who HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n",
        "POST /json HTTP/1.1\r\nHost: x\r\n" GOOD
        "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
        "POST /json HTTP/1.1\r\nHost: x\r\n" GOOD
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
    };
    struct keeper k = {.is_stale = true, .stays_stale = true};
    struct web *w = start(&k, (struct web_wishes){0});
    int s = web_connect(w);
    char body[2][64];
    for (int round = 0; round < 3; round++) /* on one connection, until a chunked body ends it */
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
            if (round > 0 && i == 0) {
                close(s);
                s = web_connect(w);
            }
            web_send(s, requests[i]);
            struct web_answer a = web_read_answer(s, false);
            assert_int_equal(a.status, 200);
            if (i == 0)
                assert_string_equal((const char *)a.body, "goodie");
            else
                snprintf(body[i - 1], sizeof body[0], "%s", (const char *)a.body);
            web_forget(&a);
        }
    assert_memory_equal(body[0], "7 ", 2);
    assert_string_equal(body[0], body[1]);
    assert_true(k.n_asks >= 9);
    struct web_answer a = web_get(w, "/who", "Authorization: Bearer bad\r\n");
    assert_int_equal(a.status, 401);
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void a_body_is_called_for_only_when_the_answer_is_there(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = true, .is_slow = true};
    struct web *w = start(&k, (struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, "POST /file HTTP/1.1\r\nHost: x\r\n" GOOD
                "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    wait_for(&k, 1);
    struct pollfd ready = {.fd = s, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 50), 0);
    let_answer(&k);
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 100);
    web_send(s, "abc");
    a = web_read_answer(s, false);
    assert_int_equal(a.status, 201);
    assert_memory_equal(a.body, "0 3 3 ", 6);
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void others_are_served_while_one_waits_to_be_known(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = true, .is_slow = true};
    struct web *w = start(&k, (struct web_wishes){.n_handlers = 2});
    int s = web_connect(w);
    web_send(s, "GET /who HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n");
    wait_for(&k, 1);
    for (int i = 0; i < 20; i++) {
        struct web_answer a = web_get(w, "/open", "");
        assert_answer(a, 200, "hello ");
        web_forget(&a);
    }
    let_answer(&k);
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "goodie");
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void where_nobody_can_say_nobody_comes_in(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = true, .is_broken = true, .stays_stale = true};
    struct web *w = start(&k, (struct web_wishes){0});
    static const char *const paths[] = {"/who", "/welcome", "/nowhere"};
    for (int i = 0; i < 3; i++) {
        struct web_answer a = web_get(w, paths[i], GOOD);
        assert_int_equal(a.status, 503);
        assert_non_null(web_header(&a, "Retry-After"));
        assert_null(strstr((const char *)a.body, "disk"));
        web_forget(&a);
    }
    struct web_answer open = web_get(w, "/open", GOOD);
    assert_int_equal(open.status, 200);
    web_forget(&open);
    assert_int_equal(w->n_handled, 1);
    web_stop(w);
}

static void a_full_queue_of_questions_is_answered_503(void **state)
{
    (void)state;
    enum { MORE = 3 };
    struct keeper k = {.is_stale = true, .is_slow = true, .stays_stale = true};
    struct web *w = start(&k, (struct web_wishes){.n_handlers = 1, .handler_queue = 1});
    int first = web_connect(w), more[MORE], n_refused = 0, n_served = 0;
    web_send(first, "GET /who HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n");
    wait_for(&k, 1);
    for (int i = 0; i < MORE; i++) {
        more[i] = web_connect(w);
        web_send(more[i], "GET /who HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n");
    }
    for (int looked = 0; looked < 1 + MORE;) { /* all are at the door before it opens */
        pthread_mutex_lock(&k.lock);
        looked = k.n_looks;
        pthread_mutex_unlock(&k.lock);
    }
    let_answer(&k);
    for (int i = 0; i < MORE; i++) {
        struct web_answer a = web_read_answer(more[i], false);
        n_refused += a.status == 503;
        n_served += a.status == 200;
        web_forget(&a);
        close(more[i]);
    }
    struct web_answer a = web_read_answer(first, false);
    assert_true(a.status == 200 || a.status == 503); /* its handler may find the queue full */
    web_forget(&a);
    assert_int_equal(n_refused + n_served, MORE);
    assert_true(n_refused >= 1);
    close(first);
    web_stop(w);
}

static void a_peer_may_vanish_while_it_is_asked_after(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = true, .is_slow = true};
    struct web *w = start(&k, (struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, "POST /file HTTP/1.1\r\nHost: x\r\n" GOOD "Content-Length: 1000\r\n\r\nabc");
    wait_for(&k, 1);
    struct linger now = {.l_onoff = 1};
    setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* a reset */
    close(s);
    let_answer(&k);
    wait_for(&k, 0);
    struct web_answer a = web_get(w, "/who", GOOD);
    assert_answer(a, 200, "goodie");
    web_forget(&a);
    web_stop(w);
}

static void a_long_question_is_not_cut_by_the_clock(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = true, .is_slow = true};
    struct web *w = start(&k, (struct web_wishes){.head_seconds = 0.1, .body_seconds = 0.1});
    int s = web_connect(w);
    web_send(s, "POST /none HTTP/1.1\r\nHost: x\r\n" GOOD "Content-Length: 2\r\n\r\n");
    wait_for(&k, 1);
    usleep(400000); /* longer than a body may be silent */
    let_answer(&k);
    web_send(s, "ab");
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 200);
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void *let_answer_soon(void *keeper)
{
    usleep(100000);
    let_answer(keeper);
    return NULL;
}

static void a_stop_waits_for_questions(void **state)
{
    (void)state;
    enum { N = 8 };
    struct keeper k = {.is_stale = true, .is_slow = true, .stays_stale = true};
    struct web *w = start(&k, (struct web_wishes){.n_handlers = 2});
    int sockets[N];
    for (int i = 0; i < N; i++) {
        sockets[i] = web_connect(w);
        web_send(sockets[i], "GET /who HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n");
    }
    wait_for(&k, 2);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_answer_soon, &k), 0);
    web_stop(w);
    pthread_join(thread, NULL);
    for (int i = 0; i < N; i++)
        close(sockets[i]);
}

/* --- streams --- */

static void a_stream_ends_when_its_token_holds_no_more(void **state)
{
    (void)state;
    struct keeper k = {.is_stale = false};
    struct web *w = start(&k, (struct web_wishes){.ping_seconds = 0.1});
    int s = web_connect(w);
    char line[64];
    web_send(s, "GET /stream HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n");
    struct http_stream *stream = web_take_stream(w);
    assert_true(http_stream_write(stream, "one", 3));
    struct web_answer a = web_read_answer(s, true);
    assert_int_equal(a.status, 200);
    for (int pings = 0; pings < 2;) { /* while it holds the stream goes on */
        assert_true(web_read_line(s, line, sizeof line));
        pings += strncmp(line, ": ping", 6) == 0;
    }
    pthread_mutex_lock(&k.lock);
    k.holds_no_more = k.is_stale = true; /* somebody else has changed it */
    pthread_mutex_unlock(&k.lock);
    while (web_read_line(s, line, sizeof line) && strcmp(line, "0\r\n") != 0)
        ;
    assert_string_equal(line, "0\r\n"); /* a whole response: the client may ask again */
    assert_false(http_stream_write(stream, "two", 3));
    assert_true(k.n_refreshes >= 1);
    web_read_line(s, line, sizeof line);
    web_send(s, "GET /who HTTP/1.1\r\nHost: x\r\n" GOOD "\r\n");
    a = web_read_answer(s, false);
    assert_int_equal(a.status, 401);
    web_forget(&a);
    http_stream_release(stream);
    close(s);
    web_stop(w);
}

/* --- many at once --- */

struct hammer {
    struct web *w;
    atomic_int n_bad;
    atomic_bool stops;
};

static void *hammer(void *argument)
{
    struct hammer *h = argument;
    for (unsigned i = 0; !h->stops; i++) {
        bool is_good = i % 3 != 0;
        struct web_answer a = web_get(h->w, "/who", is_good ? GOOD : "Authorization: Bearer b\r\n");
        h->n_bad += a.status != (is_good ? 200U : 401U);
        web_forget(&a);
    }
    return NULL;
}

static void answers_stay_right_while_tokens_change(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    struct keeper k = {.is_stale = true};
    struct hammer h = {.w = start(&k, (struct web_wishes){0})};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &h), 0);
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&k.lock);
        k.is_stale = true;
        pthread_mutex_unlock(&k.lock);
        struct web_answer a = web_get(h.w, "/who", GOOD);
        assert_answer(a, 200, "goodie");
        web_forget(&a);
    }
    h.stops = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(h.n_bad, 0);
    assert_true(k.n_asks > 0);
    web_stop(h.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_lets_in_and_says_who_it_is),
        cmocka_unit_test(a_request_without_one_is_refused_by_challenge),
        cmocka_unit_test(strangers_learn_neither_paths_nor_methods),
        cmocka_unit_test(a_stranger_is_refused_before_the_body),
        cmocka_unit_test(a_refusal_without_a_body_keeps_the_connection),
        cmocka_unit_test(a_route_may_refuse_in_its_own_words),
        cmocka_unit_test(loopback_asks_nobody),
        cmocka_unit_test(what_memory_does_not_know_is_asked),
        cmocka_unit_test(a_body_is_called_for_only_when_the_answer_is_there),
        cmocka_unit_test(others_are_served_while_one_waits_to_be_known),
        cmocka_unit_test(where_nobody_can_say_nobody_comes_in),
        cmocka_unit_test(a_full_queue_of_questions_is_answered_503),
        cmocka_unit_test(a_peer_may_vanish_while_it_is_asked_after),
        cmocka_unit_test(a_long_question_is_not_cut_by_the_clock),
        cmocka_unit_test(a_stop_waits_for_questions),
        cmocka_unit_test(a_stream_ends_when_its_token_holds_no_more),
        cmocka_unit_test(answers_stay_right_while_tokens_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
