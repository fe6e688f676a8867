/* Who makes room when all connections are taken, and who is told that there is none. */
#include "tests/server/http/web.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define GATE "GET /gate HTTP/1.1\r\nHost: x\r\n\r\n"
#define HALF "GET /hello HTTP/1.1\r\nHost:"

enum { LIMIT = 8 };

/* Wait until so many connections are open. */
static void wait_for_connections(struct web *w, uint64_t n)
{
    struct http_counters c = {.connections_open = 0};
    for (int i = 0; i < 2000; i++) {
        http_server_counters(w->server, &c);
        if (c.connections_open == n)
            return;
        usleep(5000);
    }
    fail_msg("%d connections, not %d", (int)c.connections_open, (int)n);
}

/* Served, and idle again. */
static void assert_served(struct web *w, int s)
{
    struct http_counters before, c = {.requests = 0};
    http_server_counters(w->server, &before);
    assert_true(web_send(s, HELLO));
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    for (int i = 0; i < 2000; i++) {
        http_server_counters(w->server, &c);
        if (c.responses_by_class[2] > before.responses_by_class[2])
            return;
        usleep(1000);
    }
    fail_msg("it does not become idle");
}

/* A client that asks at once is served, whoever else is there. */
static void assert_newcomer_is_served(struct web *w)
{
    int s = web_connect(w);
    assert_served(w, s);
    close(s);
}

static void assert_is_open(int s)
{
    char byte;
    assert_int_equal(recv(s, &byte, 1, MSG_DONTWAIT), -1);
    assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
}

static void close_all(const int *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(s[i]);
}

/* One after the other, so that their order is known. */
static void open_halves(struct web *w, int *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct http_counters c;
        http_server_counters(w->server, &c);
        s[i] = web_connect(w);
        assert_true(web_send(s[i], HALF));
        wait_for_connections(w, c.connections_open + 1);
    }
}

static void one_too_many_is_told_so_where_all_are_busy(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.connections = LIMIT, .n_handlers = LIMIT});
    int s[LIMIT];
    for (int i = 0; i < LIMIT - 1; i++) {
        s[i] = web_connect(w);
        web_send(s[i], GATE);
        web_wait(w, &w->n_in_handler, i + 1);
    }
    s[LIMIT - 1] = web_connect(w); /* a body under way is as good as a handler that runs */
    web_send(s[LIMIT - 1], "POST /binary HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    struct http_counters c = {.bytes_received = 0};
    for (int i = 0; i < 2000 && c.bytes_received < 2; i++) {
        http_server_counters(w->server, &c);
        usleep(1000);
    }
    int extra = web_connect(w);
    struct web_answer a = web_read_answer(extra, false);
    assert_int_equal(a.status, 503);
    assert_non_null(web_header(&a, "Retry-After"));
    assert_true(web_is_at_end(extra));
    web_forget(&a);
    close(extra);
    web_send(s[LIMIT - 1], "cd");
    a = web_read_answer(s[LIMIT - 1], false);
    assert_int_equal(a.status, 200);
    web_forget(&a);
    web_open_gate(w);
    for (int i = 0; i < LIMIT - 1; i++) {
        a = web_read_answer(s[i], false);
        assert_answer(a, 200, "here");
        web_forget(&a);
    }
    close_all(s, LIMIT);
    web_stop(w);
}

static void the_slowest_head_makes_room(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.connections = LIMIT});
    int idle = web_connect(w), s[LIMIT - 1];
    assert_served(w, idle);
    open_halves(w, s, LIMIT - 1);
    assert_newcomer_is_served(w);
    assert_true(web_is_at_end(s[0]));
    for (int i = 1; i < LIMIT - 1; i++)
        assert_is_open(s[i]);
    web_send(s[1], " x\r\n\r\n"); /* it was not too late for the others */
    struct web_answer a = web_read_answer(s[1], false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    assert_served(w, idle);
    close(idle);
    close_all(s, LIMIT - 1);
    web_stop(w);
}

static void the_longest_idle_makes_room_where_no_head_is_awaited(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.connections = LIMIT});
    int s[LIMIT];
    for (int i = 0; i < LIMIT; i++) {
        s[i] = web_connect(w);
        assert_served(w, s[i]);
    }
    assert_served(w, s[0]); /* so that the second has been idle for longest */
    assert_newcomer_is_served(w);
    assert_true(web_is_at_end(s[1]));
    assert_is_open(s[0]);
    for (int i = 2; i < LIMIT; i++)
        assert_is_open(s[i]);
    close_all(s, LIMIT);
    web_stop(w);
}

static void a_flood_of_slow_heads_locks_nobody_out(void **state)
{
    (void)state;
    enum { FLOOD = 400, EACH = 20 };
    struct web *w = web_start(&(struct web_wishes){.connections = LIMIT});
    static int s[FLOOD];
    for (int i = 0; i < FLOOD; i++) {
        s[i] = web_connect(w);
        web_send(s[i], HALF);
        if (i % EACH == 0)
            assert_newcomer_is_served(w);
    }
    assert_newcomer_is_served(w);
    close_all(s, FLOOD);
    wait_for_connections(w, 0);
    web_stop(w);
}

static void connections_that_were_cut_are_forgotten(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.connections = 512, .head_seconds = 0.2});
    static int s[300]; /* more than are cut at once */
    for (int i = 0; i < 300; i++) {
        s[i] = web_connect(w);
        web_send(s[i], HALF);
    }
    for (int i = 0; i < 300; i++)
        assert_true(web_is_at_end(s[i]));
    wait_for_connections(w, 0);
    assert_newcomer_is_served(w);
    close_all(s, 300);
    web_stop(w);
}

/* The end of a slow body can come together with one more byte, while its HTTP thread is busy: the
 * library reads the byte and sees no end.  It is cut all the same, also where the byte belongs to
 * the framing and we do not see it. */
static void a_cut_is_not_lost_behind_a_byte(void **state)
{
    enum { N = 16 };
    static const char *const requests[] = {
        "POST /binary HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
        "POST /binary HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a"};
    int s[N], shift[N];
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.body_seconds = 0.3});
    for (int i = 0; i < N; i++) {
        s[i] = web_connect(w);
        shift[i] = dup(s[i]); /* so that not all go to the same thread */
        web_send(s[i], requests[i / 2 % 2]);
    }
    struct http_counters c = {.requests = 0};
    for (int i = 0; i < 2000 && c.requests < N; i++) {
        http_server_counters(w->server, &c);
        usleep(1000);
    }
    int holder = web_connect(w);
    web_send(holder, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    web_wait(w, &w->n_in_handler, 1);
    for (int i = 0; i < N; i++)
        web_send(s[i], "a");
    wait_for_connections(w, 1); /* all are cut but the holder */
    web_open_gate(w);
    for (int i = 0; i < N; i++) {
        struct timeval patience = {.tv_sec = 5};
        setsockopt(s[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        struct web_answer a = web_read_answer(s[i], false);
        assert_int_equal(a.status, 408);
        web_forget(&a);
        close(shift[i]);
    }
    close_all(s, N);
    close(holder);
    web_stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_too_many_is_told_so_where_all_are_busy),
        cmocka_unit_test(the_slowest_head_makes_room),
        cmocka_unit_test(the_longest_idle_makes_room_where_no_head_is_awaited),
        cmocka_unit_test(a_flood_of_slow_heads_locks_nobody_out),
        cmocka_unit_test(connections_that_were_cut_are_forgotten),
        cmocka_unit_test(a_cut_is_not_lost_behind_a_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
