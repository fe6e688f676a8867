/* Requests that must not be believed: each is refused, the connection closed, and what was smuggled
 * behind it never answered. */
#include "tests/server/http/web.h"

#define SMUGGLED "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

/* Everything the server says until it closes. */
static size_t read_all(int s, char *out, size_t size)
{
    size_t n = 0;
    for (ssize_t got; n + 1 < size && (got = recv(s, out + n, size - 1 - n, 0)) > 0;)
        n += (size_t)got;
    out[n] = '\0';
    return n;
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

struct refusal {
    const char *name;
    unsigned status;
    const char *request;
    size_t size; /* 0: strlen; else the request holds NUL bytes */
};
#define BYTES(text) text, sizeof(text) - 1

static const struct refusal refusals[] = {
    {"both framings", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
     "6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
     0},
    {"both framings, other order", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "3\r\n\r\n2\r\n{}\r\n0\r\n\r\n" SMUGGLED,
     0},
    {"two lengths", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n" SMUGGLED,
     0},
    {"two equal lengths", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" SMUGGLED,
     0},
    {"two codings", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
     "identity\r\n\r\n0\r\n\r\n" SMUGGLED,
     0},
    {"gzip coding", 501,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n" SMUGGLED, 0},
    {"gzip, chunked", 501,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" SMUGGLED, 0},
    {"chunked, chunked", 501,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" SMUGGLED, 0},
    {"xchunked", 501,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SMUGGLED, 0},
    {"chunked and a blank", 501,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n" SMUGGLED, 0},
    {"empty coding", 501,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n" SMUGGLED, 0},
    {"coding in HTTP/1.0", 400,
     "POST /json HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED, 0},
    {"coding with a NUL", 400,
     BYTES("POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
           "chunked\0\r\n\r\n0\r\n\r\n" SMUGGLED)},
    {"folded coding", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
     0},
    {"folded line", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n" SMUGGLED, 0},
    {"folded first line", 400, "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n" SMUGGLED, 0},
    {"blank before the colon", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length : 33\r\n\r\n" SMUGGLED, 0},
    {"tab before the colon", 400,
     "POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" SMUGGLED, 0},
    {"empty header name", 400, "GET /hello HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n" SMUGGLED, 0},
    {"control in a name", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nA\x01: y\r\n\r\n" SMUGGLED, 0},
    {"control in a value", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nA: \x1b[2J\r\n\r\n" SMUGGLED, 0},
    {"bare CR in a value", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n" SMUGGLED, 0},
    {"NUL in a value", 400, BYTES("GET /hello HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n" SMUGGLED)},
    {"NUL in the target", 400, BYTES("GET /hello\0/x HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED)},
    {"NUL in the query", 400, BYTES("GET /hello?a=b\0c HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED)},
    {"bare LF", 400, "GET /hello HTTP/1.1\nHost: x\n\n" SMUGGLED, 0},
    {"one bare LF", 400, "GET /hello HTTP/1.1\r\nHost: x\nA: b\r\n\r\n" SMUGGLED, 0},
    {"bare LF at the end", 400, "GET /hello HTTP/1.1\r\nHost: x\r\n\n" SMUGGLED, 0},
    {"no host", 400, "GET /hello HTTP/1.1\r\nA: b\r\n\r\n" SMUGGLED, 0},
    {"no header at all", 400, "GET /hello HTTP/1.1\r\n\r\n" SMUGGLED, 0},
    {"two hosts", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"a host that is none", 400, "GET /hello HTTP/1.1\r\nHost: x/y\r\n\r\n" SMUGGLED, 0},
    {"NUL in the target, HTTP/1.0", 400, BYTES("GET /hello\0/x HTTP/1.0\r\n\r\n" SMUGGLED)},
    {"two blanks", 400, "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"blank in the target", 400, "GET /hello x HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"tab after the method", 400, "GET\t/hello /hello HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"unknown method", 501, "BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"lower-case method", 501, "get /hello HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"connect", 501, "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"expectation", 417, "GET /hello HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n" SMUGGLED, 0},
    {"encoded slash", 400, "GET /items/a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"encoded NUL", 400, "GET /hello%00 HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
    {"dots", 400, "GET /items/../hello HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED, 0},
};

static void unsound_requests_are_refused_and_nothing_behind_them_is_answered(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        char said[16384], first[16];
        int s = web_connect(w);
        web_send_bytes(s, r->request, r->size ? r->size : strlen(r->request));
        read_all(s, said, sizeof said);
        close(s);
        snprintf(first, sizeof first, "HTTP/1.1 %u ", r->status);
        if (strncmp(said, first, strlen(first)) != 0 || count(said, "HTTP/1.1 ") != 1)
            fail_msg("%s: %s", r->name, said);
        assert_non_null(strstr(said, "Connection: close"));
        assert_non_null(strstr(said, "application/problem+json"));
        assert_non_null(strstr(said, "X-Request-Id: req_"));
    }
    assert_int_equal(w->n_handled, 0);
    web_stop(w);
}

/* Refused by the library itself, in its own words; still nothing behind them is answered. */
static void what_the_library_refuses_has_no_second_answer(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" SMUGGLED,
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello" SMUGGLED,
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello" SMUGGLED,
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n" SMUGGLED,
        "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n" SMUGGLED,
        "GET /hello HTTP/1.1 \r\nHost: x\r\n\r\n" SMUGGLED,
        "GET /hello\r\n\r\n" SMUGGLED,
        "GET /hello HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n" SMUGGLED,
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n" SMUGGLED,
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n" SMUGGLED,
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhelloxx0\r\n\r\n" SMUGGLED,
    };
    struct web *w = web_start(&(struct web_wishes){0});
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        char said[16384];
        int s = web_connect(w);
        web_send(s, requests[i]);
        read_all(s, said, sizeof said);
        close(s);
        if (count(said, "HTTP/1.1 200") != 0 || strncmp(said, "HTTP/1.1 ", 9) != 0)
            fail_msg("%s: %s", requests[i], said);
    }
    assert_int_equal(w->n_handled, 0);
    web_stop(w);
}

static void sound_variants_are_accepted(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost:x\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: \t x \r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: [::1]:8080\r\nCookie: a=b; c=d\r\nX:\r\nY: \r\n\r\n",
        "\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n",
        "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET http://other:80/hello HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET HTTPS://other/hello?name= HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%68ello?a=b%26c&&d&e= HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\nX-Latin: caf\xe9\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        "GET http://other HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://other?x=y HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /hello?name= HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ChunKed\r\n\r\n0\r\n\r\n",
    };
    struct web *w = web_start(&(struct web_wishes){0});
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct web_answer a = web_ask(w, requests[i]);
        if (a.status != 200 || strcmp((char *)a.body, "hello ") != 0)
            fail_msg("%s: %s", requests[i], a.head);
        web_forget(&a);
    }
    web_stop(w);
}

/* A request whose first line or head has exactly n bytes. */
static unsigned status_of_sized(const struct web *w, size_t line, size_t head)
{
    char *request = malloc(70000), *p = request;
    p += sprintf(p, "GET /hello?");
    while ((size_t)(p - request) < line - strlen(" HTTP/1.1"))
        *p++ = 'a';
    p += sprintf(p, " HTTP/1.1\r\nHost: x\r\n");
    if (head > 0) {
        p += sprintf(p, "X-Long: ");
        while ((size_t)(p - request) < head - 4)
            *p++ = 'b';
        p += sprintf(p, "\r\n");
    }
    sprintf(p, "\r\n");
    struct web_answer a = web_ask(w, request);
    unsigned status = a.status;
    web_forget(&a);
    free(request);
    return status;
}

static void request_lines_and_heads_are_limited_exactly(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    assert_int_equal(status_of_sized(w, 8192, 0), 200);
    assert_int_equal(status_of_sized(w, 8193, 0), 414);
    assert_int_equal(status_of_sized(w, 60000, 0), 414);
    assert_int_equal(status_of_sized(w, 100, 16384), 200);
    assert_int_equal(status_of_sized(w, 100, 16385), 431);
    assert_int_equal(status_of_sized(w, 100, 60000), 431);
    web_stop(w);
}

static void headers_and_arguments_are_limited_in_number(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    for (int extra = 0; extra < 2; extra++) {
        char request[8192], *p = request;
        p += sprintf(p, "GET /hello HTTP/1.1\r\nHost: x\r\n");
        for (int i = 0; i < 99 + extra; i++)
            p += sprintf(p, "A%d: b\r\n", i);
        sprintf(p, "\r\n");
        struct web_answer a = web_ask(w, request);
        assert_int_equal(a.status, extra ? 431 : 200);
        web_forget(&a);

        p = request;
        p += sprintf(p, "GET /hello?");
        for (int i = 0; i < 64 + extra; i++)
            p += sprintf(p, "a%d=b&", i);
        sprintf(p, " HTTP/1.1\r\nHost: x\r\n\r\n");
        a = web_ask(w, request);
        assert_int_equal(a.status, extra ? 400 : 200);
        web_forget(&a);
    }
    web_stop(w);
}

static void a_head_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char request[] =
        "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\n{  \r\n1\r\n}\r\n0\r\n\r\n";
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w), one = 1;
    setsockopt(s, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
    for (size_t i = 0; i < sizeof request - 1; i++)
        assert_true(web_send_bytes(s, request + i, 1));
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body, "4 ", 2);
    web_forget(&a);
    close(s);
    web_stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsound_requests_are_refused_and_nothing_behind_them_is_answered),
        cmocka_unit_test(what_the_library_refuses_has_no_second_answer),
        cmocka_unit_test(sound_variants_are_accepted),
        cmocka_unit_test(request_lines_and_heads_are_limited_exactly),
        cmocka_unit_test(headers_and_arguments_are_limited_in_number),
        cmocka_unit_test(a_head_may_come_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
