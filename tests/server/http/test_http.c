/* The server as a whole: connections, methods, overload, deadlines, its end. */
#include "tests/server/http/web.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define GATE "GET /gate HTTP/1.1\r\nHost: x\r\n\r\n"

static void a_connection_serves_many_requests(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    for (int i = 0; i < 200; i++) {
        char request[128], expected[32];
        snprintf(request, sizeof request, "GET /items/%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
        snprintf(expected, sizeof expected, "%d|||", i);
        assert_true(web_send(s, request));
        struct web_answer a = web_read_answer(s, false);
        assert_answer(a, 200, expected);
        assert_null(web_header(&a, "Connection"));
        web_forget(&a);
    }
    close(s);
    web_stop(w);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, "GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n"
                "POST /binary HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
                "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                "HEAD /items/2 HTTP/1.1\r\nHost: x\r\n\r\n"
                "OPTIONS /items/2 HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    static const unsigned expected[] = {200, 200, 404, 200, 204, 200};
    for (size_t i = 0; i < 6; i++) {
        struct web_answer a = web_read_answer(s, i == 3);
        assert_int_equal(a.status, expected[i]);
        web_forget(&a);
    }
    assert_true(web_is_at_end(s));
    close(s);
    web_stop(w);
}

static void methods_are_allowed_or_named(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned status;
        const char *allow;
    } rows[] = {
        {"OPTIONS /items/x", 204, "GET, HEAD, DELETE, OPTIONS"},
        {"OPTIONS /json", 204, "POST, OPTIONS"},
        {"OPTIONS *", 204, "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
        {"OPTIONS /nowhere", 404, NULL},
        {"GET *", 404, NULL},
        {"GET /json", 405, "POST, OPTIONS"},
        {"HEAD /json", 405, "POST, OPTIONS"},
        {"PUT /items/x", 405, "GET, HEAD, DELETE, OPTIONS"},
        {"PATCH /items/x", 405, "GET, HEAD, DELETE, OPTIONS"},
        {"TRACE /items/x", 405, "GET, HEAD, DELETE, OPTIONS"},
        {"PATCH /nowhere", 404, NULL},
        {"DELETE /items/x", 200, NULL},
        {"GET /tiles/f/3/2/1.png", 200, NULL},
        {"GET /tiles/f/3/2/1.jpg", 404, NULL},
        {"GET /items/", 404, NULL},
        {"GET /Hello", 404, NULL},
    };
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w); /* none of these costs the connection */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char request[128];
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: x\r\n\r\n", rows[i].line);
        assert_true(web_send(s, request));
        struct web_answer a = web_read_answer(s, strncmp(rows[i].line, "HEAD", 4) == 0);
        if (a.status != rows[i].status)
            fail_msg("%s: %u", rows[i].line, a.status);
        if (rows[i].allow)
            assert_string_equal(web_header(&a, "Allow"), rows[i].allow);
        else
            assert_null(web_header(&a, "Allow"));
        web_forget(&a);
    }
    close(s);
    web_stop(w);
}

static void http_1_0_is_served(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    web_send(s, "GET /hello HTTP/1.0\r\n\r\n");
    a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    assert_true(web_is_at_end(s));
    close(s);
    web_stop(w);
}

static void a_full_queue_is_answered_503(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.n_handlers = 2, .handler_queue = 3});
    int busy[5];
    for (int i = 0; i < 5; i++) {
        busy[i] = web_connect(w);
        web_send(busy[i], GATE);
        if (i < 2)
            web_wait(w, &w->n_in_handler, i + 1);
    }
    int s = web_connect(w), n_refused = 0;
    for (int i = 0; i < 2000 && n_refused == 0; i++) {    /* until the three have queued */
        web_send(s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* inline: always served */
        struct web_answer a = web_read_answer(s, false);
        assert_int_equal(a.status, 200);
        web_forget(&a);
        struct http_counters c;
        http_server_counters(w->server, &c);
        if (c.requests < (uint64_t)i + 1 + 5)
            continue;
        web_send(s, HELLO);
        a = web_read_answer(s, false);
        assert_int_equal(a.status, 503);
        assert_non_null(web_header(&a, "Retry-After"));
        n_refused++;
        web_forget(&a);
    }
    assert_int_equal(n_refused, 1);
    web_open_gate(w);
    for (int i = 0; i < 5; i++) {
        struct web_answer a = web_read_answer(busy[i], false);
        assert_answer(a, 200, "here");
        web_forget(&a);
        close(busy[i]);
    }
    web_send(s, HELLO);
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void a_peer_may_vanish_while_its_handler_runs(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.n_handlers = 8});
    for (int i = 0; i < 8; i++) {
        int s = web_connect(w);
        struct linger reset = {.l_onoff = i % 2, .l_linger = 0};
        web_send(s, GATE);
        web_wait(w, &w->n_in_handler, i + 1);
        setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(s);
    }
    web_open_gate(w);
    web_wait(w, &w->n_in_handler, 0);
    struct web_answer a = web_get(w, "/hello", "");
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    web_stop(w);
}

static void a_handler_can_tell_that_its_peer_is_gone(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, GATE);
    web_wait(w, &w->n_in_handler, 1);
    shutdown(s, SHUT_WR); /* what a client that closes looks like, but we still listen */
    web_open_gate(w);
    struct web_answer a = web_read_answer(s, false);
    if (a.status) /* the library may notice first, and close */
        assert_answer(a, 200, "gone");
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void a_head_that_does_not_come_closes_the_connection(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.head_seconds = 0.2});
    int silent = web_connect(w), begun = web_connect(w), dripping = web_connect(w);
    web_send(begun, "GET /hello HT");
    web_send(dripping, "GET /hello HTTP/1.1\r\nHost: x\r\n");
    bool is_open = true;
    for (int i = 0; i < 400 && is_open; i++) { /* a byte now and then does not help */
        is_open = web_send(dripping, "A");
        usleep(25000);
    }
    assert_false(is_open);
    assert_true(web_is_at_end(silent));
    assert_true(web_is_at_end(begun));
    close(silent);
    close(begun);
    close(dripping);
    int idle = web_connect(w);
    web_send(idle, HELLO);
    struct web_answer a = web_read_answer(idle, false);
    assert_int_equal(a.status, 200);
    web_forget(&a);
    usleep(500000); /* idle after a response is something else: 60 s */
    web_send(idle, HELLO);
    a = web_read_answer(idle, false);
    assert_int_equal(a.status, 200);
    web_forget(&a);
    web_send(idle, "GET /hel"); /* but not once the next head has begun */
    assert_true(web_is_at_end(idle));
    close(idle);
    web_stop(w);
}

static void a_long_handler_is_not_cut_by_the_clock(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.head_seconds = 0.1, .body_seconds = 0.1});
    int s = web_connect(w);
    web_send(s, GATE);
    web_wait(w, &w->n_in_handler, 1);
    usleep(400000);
    web_open_gate(w);
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "here");
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void a_quiet_server_refuses_and_finishes(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int open = web_connect(w), busy = web_connect(w);
    web_send(open, HELLO);
    struct web_answer a = web_read_answer(open, false);
    assert_int_equal(a.status, 200);
    web_forget(&a);
    web_send(busy, GATE);
    web_wait(w, &w->n_in_handler, 1);
    http_server_quiesce(w->server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(late);
    web_send(open, HELLO);
    a = web_read_answer(open, false);
    assert_int_equal(a.status, 503);
    assert_string_equal(web_header(&a, "Connection"), "close");
    web_forget(&a);
    web_open_gate(w);
    a = web_read_answer(busy, false);
    assert_answer(a, 200, "here");
    assert_string_equal(web_header(&a, "Connection"), "close");
    web_forget(&a);
    close(open);
    close(busy);
    web_stop(w);
}

static void *open_gate_soon(void *web)
{
    usleep(300000);
    web_open_gate(web);
    return NULL;
}

static void a_stop_answers_what_runs_and_what_waits(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.n_handlers = 1});
    int running = web_connect(w), waiting = web_connect(w), halfway = web_connect(w);
    web_send(running, GATE);
    web_wait(w, &w->n_in_handler, 1);
    web_send(waiting, HELLO);
    web_send(halfway, "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    struct http_counters c = {.requests = 0};
    for (int i = 0; i < 2000 && (c.requests < 3 || c.bytes_received < 3); i++) {
        http_server_counters(w->server, &c);
        usleep(1000);
    }
    pthread_t opener;
    pthread_create(&opener, NULL, open_gate_soon, w);
    http_server_stop(w->server, 0.05); /* the gate opens long after */
    pthread_join(opener, NULL);
    struct web_answer a = web_read_answer(running, false);
    assert_answer(a, 200, "here");
    web_forget(&a);
    a = web_read_answer(waiting, false);
    assert_int_equal(a.status, 503);
    web_forget(&a);
    assert_true(web_is_at_end(halfway));
    close(running);
    close(waiting);
    close(halfway);
    w->server = NULL;
    web_stop(w);
}

static void a_stop_does_not_wait_for_idle_or_silent_connections(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct web *w = web_start(&(struct web_wishes){0});
        int s[6];
        for (int i = 0; i < 6; i++) {
            s[i] = web_connect(w);
            if (i % 2) {
                web_send(s[i],
                         i == 3 ? "GET /reader/100000000 HTTP/1.1\r\nHost: x\r\n\r\n" : HELLO);
                struct web_answer a = web_read_answer(s[i], true);
                assert_int_equal(a.status, 200);
            }
        }
        if (round % 2)
            http_server_stop(w->server, 0);
        else
            http_server_stop(w->server, 0.2); /* the reader's response is under way */
        w->server = NULL;
        for (int i = 0; i < 6; i++)
            close(s[i]);
        web_stop(w);
    }
}

static void a_server_under_load_can_stop(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct web *w = web_start(&(struct web_wishes){.n_handlers = 3});
        enum { N = 24 };
        int s[N];
        for (int i = 0; i < N; i++) {
            static const char *const requests[] = {
                HELLO, "GET /reader/3000000 HTTP/1.1\r\nHost: x\r\n\r\n",
                "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
                "GET /bytes HTTP/1.1\r\nHost: x\r\n\r\n"};
            s[i] = web_connect(w);
            web_send(s[i], requests[i % 4]);
        }
        http_server_stop(w->server, round * 0.1);
        w->server = NULL;
        for (int i = 0; i < N; i++)
            close(s[i]);
        web_stop(w);
    }
}

struct client {
    struct web *web;
    int n_good;
};

static void *hammer(void *argument)
{
    struct client *c = argument;
    int s = web_connect(c->web);
    for (int i = 0; i < 50; i++) {
        static const char *const requests[] = {
            HELLO, "GET /reader/300000 HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            "GET /bytes HTTP/1.1\r\nHost: x\r\n\r\n", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"};
        static const unsigned expected[] = {200, 200, 201, 200, 404};
        web_send(s, requests[i % 5]);
        struct web_answer a = web_read_answer(s, false);
        c->n_good += a.status == expected[i % 5] && !a.is_cut;
        free(a.body);
    }
    close(s);
    return NULL;
}

static void many_clients_at_once_are_all_served(void **state)
{
    (void)state;
    enum { N = 12 };
    struct web *w = web_start(&(struct web_wishes){.n_handlers = 3});
    pthread_t threads[N];
    struct client clients[N];
    for (int i = 0; i < N; i++) {
        clients[i] = (struct client){.web = w};
        pthread_create(&threads[i], NULL, hammer, &clients[i]);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].n_good, 50);
    }
    web_stop(w);
}

static void counters_count(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, HELLO);
    struct web_answer a = web_read_answer(s, false);
    web_forget(&a);
    web_send(s, "POST /binary HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde");
    a = web_read_answer(s, false);
    web_forget(&a);
    web_send(s, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    a = web_read_answer(s, false);
    web_forget(&a);
    struct http_counters c = {.requests = 0};
    for (int i = 0; i < 2000 && c.responses_by_class[4] < 1;
         i++) { /* counted just after it is sent */
        http_server_counters(w->server, &c);
        usleep(1000);
    }
    assert_int_equal(c.requests, 3);
    assert_int_equal(c.responses_by_class[2], 2);
    assert_int_equal(c.responses_by_class[4], 1);
    assert_int_equal(c.connections_open, 1);
    assert_int_equal(c.bytes_received, 5);
    assert_true(c.bytes_sent > 6);
    close(s);
    web_stop(w);
}

static void every_request_is_logged_in_one_line(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    FILE *log = tmpfile();
    int real = dup(STDERR_FILENO);
    assert_non_null(log);
    dup2(fileno(log), STDERR_FILENO);
    log_set_level(LOG_INFO);
    struct web_answer a = web_get(w, "/items/a%22b?secret=1", "");
    assert_int_equal(a.status, 200);
    web_forget(&a);
    a = web_ask(w, "HEAD /nowhere%e2%80%ae HTTP/1.1\r\nHost: x\r\n\r\n");
    a = web_ask(w, "GET /bad%00 HTTP/1.1\r\nHost: x\r\n\r\n");
    web_forget(&a);
    web_stop(w); /* every exchange has ended */
    log_set_level(LOG_ERROR + 1);
    dup2(real, STDERR_FILENO);
    close(real);
    char text[4096], id[64];
    rewind(log);
    text[fread(text, 1, sizeof text - 1, log)] = '\0';
    fclose(log);
    static const char *const lines[] = {
        "\"event\":\"request\",\"id\":\"req_",
        "\"method\":\"GET\",\"path\":\"/items/a\\\"b\",\"status\":200,\"bytes\":6,\"seconds\":",
        "\"peer\":\"127.0.0.1\"}\n",
        "\"method\":\"HEAD\",\"path\":\"/nowhere\\u202e\",\"status\":404,\"bytes\":0,",
        "\"method\":\"GET\",\"path\":\"\",\"status\":400,",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (!strstr(text, lines[i]))
            fail_msg("'%s' is not in: %s", lines[i], text);
    size_t n_lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        n_lines++;
    assert_int_equal(n_lines, 3);
    assert_null(strstr(text, "secret"));
    assert_int_equal(sscanf(strstr(text, "req_"), "%40[a-z0-9_]", id), 1);
    assert_int_equal(strlen(id), 30);
}

static void an_address_that_is_taken_or_wrong_is_an_error(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct config config = w->config;
    struct http_server_spec spec = {.config = &config,
                                    .routes = web_routes,
                                    .n_routes = 1,
                                    .errors = &web_errors,
                                    .temporary_folder = w->folder};
    struct http_server *server = NULL;
    struct error err = {.status = STATUS_OK};
    config.listen_port = w->port;
    assert_int_equal(http_server_start(&server, &spec, &err), STATUS_IO);
    assert_non_null(strstr(err.message, "127.0.0.1"));
    assert_null(server);
    error_clear(&err);
    config.listen_port = 0;
    snprintf(config.listen_host, sizeof config.listen_host, "256.256.256.256");
    assert_int_equal(http_server_start(&server, &spec, &err), STATUS_IO);
    static const struct http_route bad[] = {{HTTP_GET, "bad", web_hello, ROUTE_NO_BODY, 0}};
    spec.routes = bad;
    error_clear(&err);
    assert_int_equal(http_server_start(&server, &spec, &err), STATUS_INVALID);
    web_stop(w);
}

static void ipv6_is_served(void **state)
{
    (void)state;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_ipv6 = probe >= 0 && bind(probe, (struct sockaddr *)&address, sizeof address) == 0;
    if (probe >= 0)
        close(probe);
    if (!has_ipv6)
        skip();
    struct web *w = web_start(&(struct web_wishes){.host = "::1"});
    int s = socket(AF_INET6, SOCK_STREAM, 0);
    address.sin6_port = htons(w->port);
    assert_int_equal(connect(s, (struct sockaddr *)&address, sizeof address), 0);
    web_send(s, HELLO);
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    close(s);
    web_stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_many_requests),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(methods_are_allowed_or_named),
        cmocka_unit_test(http_1_0_is_served),
        cmocka_unit_test(a_full_queue_is_answered_503),
        cmocka_unit_test(a_peer_may_vanish_while_its_handler_runs),
        cmocka_unit_test(a_handler_can_tell_that_its_peer_is_gone),
        cmocka_unit_test(a_head_that_does_not_come_closes_the_connection),
        cmocka_unit_test(a_long_handler_is_not_cut_by_the_clock),
        cmocka_unit_test(a_quiet_server_refuses_and_finishes),
        cmocka_unit_test(a_stop_answers_what_runs_and_what_waits),
        cmocka_unit_test(a_stop_does_not_wait_for_idle_or_silent_connections),
        cmocka_unit_test(a_server_under_load_can_stop),
        cmocka_unit_test(many_clients_at_once_are_all_served),
        cmocka_unit_test(counters_count),
        cmocka_unit_test(every_request_is_logged_in_one_line),
        cmocka_unit_test(an_address_that_is_taken_or_wrong_is_an_error),
        cmocka_unit_test(ipv6_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
