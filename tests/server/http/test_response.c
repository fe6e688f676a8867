/* Responses on the wire: headers, HEAD, 304, ranges, bodies that a reader makes. */
#include "tests/server/http/web.h"

static void assert_pattern(const struct web_answer *a, uint64_t first, size_t count)
{
    assert_int_equal(a->n_body, count);
    for (size_t i = 0; i < count; i++)
        if (a->body[i] != web_byte(first + i))
            fail_msg("byte %zu differs", i);
}

static void every_response_has_its_headers(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct web_answer a = web_get(w, "/page", "");
    assert_answer(a, 200, "<!doctype html>");
    assert_string_equal(web_header(&a, "Content-Security-Policy"),
                        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
                        "blob: data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
                        "form-action 'none'; frame-ancestors 'none'");
    assert_string_equal(web_header(&a, "Referrer-Policy"), "no-referrer");
    assert_string_equal(web_header(&a, "X-Content-Type-Options"), "nosniff");
    web_forget(&a);
    a = web_get(w, "/no-such-thing", "");
    assert_int_equal(a.status, 404);
    assert_string_equal(web_header(&a, "X-Content-Type-Options"), "nosniff");
    assert_memory_equal(web_header(&a, "X-Request-Id"), "req_", 4);
    assert_non_null(strstr((char *)a.body, "\"instance\":\"/no-such-thing\""));
    web_forget(&a);
    web_stop(w);
}

static void head_is_a_get_without_its_body(void **state)
{
    (void)state;
    static const char *const paths[] = {"/hello", "/bytes", "/descriptor", "/reader/5000000"};
    static const char *const lengths[] = {"6", "1000", "1000", "5000000"};
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    for (size_t i = 0; i < 4; i++) {
        char request[128];
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n",
                 paths[i]);
        web_send(s, request);
        struct web_answer a = web_read_answer(s, true);
        assert_int_equal(a.status, 200);
        assert_string_equal(web_header(&a, "Content-Length"), lengths[i]);
    }
    web_send(s, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"); /* nothing stands in between */
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    close(s);
    web_wait(w, &w->n_readers_freed, 1);
    assert_int_equal(w->n_reader_calls, 0);
    a = web_ask(w, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_null(web_header(&a, "Content-Length"));
    struct http_stream *stream = web_take_stream(w);
    assert_true(http_stream_is_closed(stream));
    http_stream_release(stream);
    a = web_ask(w, "HEAD /no HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(a.status, 404);
    web_stop(w);
}

static void not_modified_tells_the_true_size_or_none(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, "GET /bytes HTTP/1.1\r\nHost: x\r\nIf-None-Match: W/\"v1\"\r\n\r\n"
                "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 304);
    assert_string_equal(web_header(&a, "Content-Length"), "1000");
    assert_string_equal(web_header(&a, "ETag"), "\"v1\"");
    a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    web_send(s, "GET /bytes?unsized HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"v0\", \"v1\"\r\n\r\n");
    a = web_read_answer(s, false);
    assert_int_equal(a.status, 304);
    assert_null(web_header(&a, "Content-Length"));
    assert_null(web_header(&a, "Transfer-Encoding"));
    assert_string_equal(web_header(&a, "Connection"), "close");
    assert_true(web_is_at_end(s));
    close(s);
    web_stop(w);
}

static void ranges_are_served_from_every_kind_of_body(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        unsigned status;
        uint64_t first;
        size_t count;
        const char *content_range;
    } rows[] = {
        {"", 200, 0, 1000, NULL},
        {"Range: bytes=0-0\r\n", 206, 0, 1, "bytes 0-0/1000"},
        {"Range: bytes=10-19\r\n", 206, 10, 10, "bytes 10-19/1000"},
        {"Range: bytes=990-\r\n", 206, 990, 10, "bytes 990-999/1000"},
        {"Range: bytes=-5\r\n", 206, 995, 5, "bytes 995-999/1000"},
        {"Range: bytes=0-5000\r\n", 206, 0, 1000, "bytes 0-999/1000"},
        {"Range: bytes=1000-\r\n", 416, 0, 0, "bytes */1000"},
        {"Range: bytes=1-2,5-6\r\n", 200, 0, 1000, NULL},
        {"Range: lines=1-2\r\n", 200, 0, 1000, NULL},
    };
    static const char *const paths[] = {"/bytes", "/descriptor", "/reader/1000"};
    struct web *w = web_start(&(struct web_wishes){0});
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct web_answer a = web_get(w, paths[k], rows[i].headers);
            assert_int_equal(a.status, rows[i].status);
            if (a.status != 416) {
                assert_pattern(&a, rows[i].first, rows[i].count);
                assert_string_equal(web_header(&a, "Accept-Ranges"), "bytes");
            }
            if (rows[i].content_range)
                assert_string_equal(web_header(&a, "Content-Range"), rows[i].content_range);
            else
                assert_null(web_header(&a, "Content-Range"));
            web_forget(&a);
        }
    web_stop(w);
}

static void if_range_needs_the_same_strong_tag(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        unsigned status;
    } rows[] = {
        {"Range: bytes=0-1\r\nIf-Range: \"v1\"\r\n", 206},
        {"Range: bytes=0-1\r\nIf-Range: \"v0\"\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range: W/\"v1\"\r\n", 200},
        {"Range: bytes=0-1\r\nIf-Range: Wed, 21 Oct 2015 07:28:00 GMT\r\n", 200},
        {"Range: bytes=2000-\r\nIf-Range: \"v0\"\r\n", 200},
        {"If-Range: \"v1\"\r\n", 200},
    };
    struct web *w = web_start(&(struct web_wishes){0});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web_answer a = web_get(w, "/bytes", rows[i].headers);
        assert_int_equal(a.status, rows[i].status);
        web_forget(&a);
    }
    struct web_answer a = web_get(w, "/descriptor", rows[0].headers); /* it has no tag */
    assert_int_equal(a.status, 200);
    web_forget(&a);
    web_stop(w);
}

static void a_reader_makes_several_mebibytes(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.n_handlers = 2});
    int s = web_connect(w);
    for (int i = 0; i < 3; i++) {
        web_send(s, "GET /reader/5000001 HTTP/1.1\r\nHost: x\r\n\r\n");
        if (i == 1)
            usleep(100000); /* let the socket's buffers fill: the pieces must wait */
        struct web_answer a = web_read_answer(s, false);
        assert_int_equal(a.status, 200);
        assert_false(a.is_cut);
        assert_pattern(&a, 0, 5000001);
        web_forget(&a);
    }
    web_send(s, "GET /reader/5000001 HTTP/1.1\r\nHost: x\r\nRange: bytes=300000-3000000\r\n\r\n");
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 206);
    assert_pattern(&a, 300000, 2700001);
    web_forget(&a);
    web_send(s, "GET /reader/0 HTTP/1.1\r\nHost: x\r\n\r\n");
    a = web_read_answer(s, false);
    assert_answer(a, 200, "");
    web_forget(&a);
    close(s);
    web_wait(w, &w->n_readers_freed, 5);
    web_stop(w);
}

static void a_reader_that_fails_is_a_500_or_a_cut_body(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct web_answer a = web_get(w, "/reader/1000?fails_at=10", "");
    assert_int_equal(a.status, 500);
    web_forget(&a);
    a = web_get(w, "/reader/2000000?fails_at=1000000", "");
    assert_int_equal(a.status, 200);
    assert_true(a.is_cut);
    assert_true(a.n_body < 1000000);
    web_forget(&a);
    web_wait(w, &w->n_readers_freed, 2);
    web_stop(w);
}

static void peers_that_vanish_while_they_are_read_to_leave_nothing(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.n_handlers = 2});
    for (int i = 0; i < 20; i++) {
        int s = web_connect(w);
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        web_send(s, "GET /reader/50000000 HTTP/1.1\r\nHost: x\r\n\r\n");
        web_wait(w, &w->n_handled, i + 1); /* the request has come: what follows is our vanishing */
        if (i % 2) {
            char byte;
            assert_true(web_read_byte(s, &byte));
        }
        setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(s);
    }
    web_wait(w, &w->n_readers_freed, 20);
    struct web_answer a = web_get(w, "/hello", "");
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    web_stop(w);
}

static void what_a_handler_forgets_or_forges_is_a_500(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct web_answer a = web_get(w, "/nothing", "");
    assert_int_equal(a.status, 500);
    web_forget(&a);
    a = web_get(w, "/split-header", "");
    assert_int_equal(a.status, 500);
    assert_null(web_header(&a, "Set-Cookie"));
    web_forget(&a);
    web_stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_response_has_its_headers),
        cmocka_unit_test(head_is_a_get_without_its_body),
        cmocka_unit_test(not_modified_tells_the_true_size_or_none),
        cmocka_unit_test(ranges_are_served_from_every_kind_of_body),
        cmocka_unit_test(if_range_needs_the_same_strong_tag),
        cmocka_unit_test(a_reader_makes_several_mebibytes),
        cmocka_unit_test(a_reader_that_fails_is_a_500_or_a_cut_body),
        cmocka_unit_test(peers_that_vanish_while_they_are_read_to_leave_nothing),
        cmocka_unit_test(what_a_handler_forgets_or_forges_is_a_500),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
