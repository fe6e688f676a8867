/*
 * Requests that two readers would end at different places, byte by byte against the real program:
 * whatever is smuggled behind one is never answered, and the connection closes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/http/raw.h"

static struct service service;

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

#define SMUGGLED                                                                                   \
    "GET /v1/jobs/SMUGGLED HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
#define LENGTH(text) POST "Content-Length: " text "\r\n\r\nhello"
#define CODING(text) POST "Transfer-Encoding: " text "\r\n\r\n0\r\n\r\n"
#define CHUNKS(text) POST "Transfer-Encoding: chunked\r\n\r\n" text

enum { PATIENCE_SECONDS = 5 };

/* Who refuses: we, in our words, or the library, in its own.  Where it cannot read a
 * Content-Length, it sends the head of its answer twice; where it cannot even find a first line, it
 * hangs up without a word. */
enum refusal { BY_US, BY_LIBRARY, BY_LIBRARY_TWICE, BY_HANGING_UP };

struct attack {
    const char *name;
    unsigned status;
    enum refusal by;
    const char *bytes;
    size_t n;
};
#define BYTES(text) text SMUGGLED, sizeof(text SMUGGLED) - 1

/* The head of the answer and then the same head again, before the body. */
static bool is_head_twice(const struct said *said)
{
    const char *text = said_text(said), *end = strstr(text, "\r\n\r\n");
    size_t n = end ? (size_t)(end - text) + 4 : 0;
    return n > 0 && strncmp(text + n, text, n) == 0;
}

static void assert_refused(const struct attack *a, const void *bytes, size_t n)
{
    static const size_t answers[] = {
        [BY_US] = 1, [BY_LIBRARY] = 1, [BY_LIBRARY_TWICE] = 2, [BY_HANGING_UP] = 0};
    struct said said = raw_ask(&service, bytes, n, PATIENCE_SECONDS);
    if (!said.is_closed)
        fail_msg("%s: the connection stays open: %.300s", a->name, said_text(&said));
    if (said_count(&said, "HTTP/1.1 ") != answers[a->by] || said_status(&said) != a->status)
        fail_msg("%s: %.900s", a->name, said_text(&said));
    if (strstr(said_text(&said), "SMUGGLED"))
        fail_msg("%s: smuggled: %.900s", a->name, said_text(&said));
    if (a->by == BY_LIBRARY_TWICE && !is_head_twice(&said))
        fail_msg("%s: two answers: %.900s", a->name, said_text(&said));
    if (a->by != BY_HANGING_UP)
        assert_string_equal(said_header(&said, "Connection"), "close");
    if (a->by == BY_US)
        assert_said_problem(a->name, &said, a->status);
    said_free(&said);
}

static void assert_all_refused(const struct attack *attacks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_refused(&attacks[i], attacks[i].bytes, attacks[i].n);
    answer_status(service_get(&service, "/healthz"), 200);
}
#define ASSERT_ALL_REFUSED(table) assert_all_refused(table, sizeof(table) / sizeof((table)[0]))

static void a_length_that_is_none_or_not_alone_is_refused(void **state)
{
    (void)state;
    static const struct attack attacks[] = {
        {"two equal", 400, BY_US,
         BYTES(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")},
        {"two different", 400, BY_US,
         BYTES(POST "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello")},
        {"two, in other letters", 400, BY_US,
         BYTES(POST "content-length: 0\r\nCONTENT-LENGTH: 5\r\n\r\nhello")},
        {"a list", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("5, 5"))},
        {"a list that ends early", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("5,"))},
        {"two in one", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("5 5"))},
        {"a sign", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("+5"))},
        {"negative", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("-1"))},
        {"hexadecimal", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("0x5"))},
        {"blanks around", 400, BY_LIBRARY_TWICE, BYTES(LENGTH(" 5 "))},
        {"a tab behind", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("5\t"))},
        {"a vertical tab before", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("\v5"))},
        {"a fraction", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("5.0"))},
        {"an exponent", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("1e3"))},
        {"a parameter", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("5;a=b"))},
        {"in quotes", 400, BY_LIBRARY_TWICE, BYTES(LENGTH("\"5\""))},
        {"empty", 400, BY_LIBRARY_TWICE, BYTES(LENGTH(""))},
        {"beyond 64 bits", 413, BY_LIBRARY_TWICE, BYTES(LENGTH("18446744073709551616"))},
        {"far beyond 64 bits", 413, BY_LIBRARY_TWICE, BYTES(LENGTH("99999999999999999999999"))},
        {"all 64 bits", 400, BY_US, BYTES(LENGTH("18446744073709551615"))},
        {"beyond 63 bits", 400, BY_US, BYTES(LENGTH("9223372036854775808"))},
        {"large, but a length", 413, BY_US, BYTES(LENGTH("999999999999999999"))},
        {"NUL behind", 400, BY_US, BYTES(LENGTH("5\0"))},
        {"NUL and another", 400, BY_US, BYTES(LENGTH("5\0005"))},
        {"folded", 400, BY_US, BYTES(LENGTH("\r\n 5"))},
        {"blank before the colon", 400, BY_US, BYTES(POST "Content-Length : 5\r\n\r\nhello")},
        {"tab before the colon", 400, BY_US, BYTES(POST "Content-Length\t: 5\r\n\r\nhello")},
        {"another line feed", 400, BY_US, BYTES(POST "A: b\nContent-Length: 5\r\n\r\nhello")},
        {"a name that looks like it", 411, BY_US, BYTES(POST "Content_Length: 5\r\n\r\n")},
    };
    ASSERT_ALL_REFUSED(attacks);
}

static void a_coding_that_is_not_chunked_alone_is_refused(void **state)
{
    (void)state;
    static const struct attack attacks[] = {
        {"length, then coding", 400, BY_US,
         BYTES(POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        {"coding, then length", 400, BY_US,
         BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n")},
        {"length of the first chunk", 400, BY_US,
         BYTES(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5c\r\n")},
        {"length and an unknown coding", 400, BY_US,
         BYTES(POST "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nhello")},
        {"length 0 and coding", 400, BY_US,
         BYTES(POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        {"twice chunked", 400, BY_US,
         BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        {"chunked and identity", 400, BY_US,
         BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n\r\n0\r\n\r\n")},
        {"gzip", 501, BY_US, BYTES(CODING("gzip"))},
        {"gzip, chunked", 501, BY_US, BYTES(CODING("gzip, chunked"))},
        {"chunked, chunked", 501, BY_US, BYTES(CODING("chunked, chunked"))},
        {"chunked, identity", 501, BY_US, BYTES(CODING("chunked, identity"))},
        {"identity", 501, BY_US, BYTES(CODING("identity"))},
        {"xchunked", 501, BY_US, BYTES(CODING("xchunked"))},
        {"chunked with a parameter", 501, BY_US, BYTES(CODING("chunked;q=1"))},
        {"chunked in quotes", 501, BY_US, BYTES(CODING("\"chunked\""))},
        {"a list with nothing first", 501, BY_US, BYTES(CODING(", chunked"))},
        {"a list with nothing last", 501, BY_US, BYTES(CODING("chunked,"))},
        {"a blank behind", 501, BY_US, BYTES(CODING("chunked "))},
        {"a tab behind", 501, BY_US, BYTES(CODING("chunked\t"))},
        {"empty", 501, BY_US, BYTES(CODING(""))},
        {"a vertical tab before", 400, BY_US, BYTES(CODING("\vchunked"))},
        {"a vertical tab behind", 400, BY_US, BYTES(CODING("chunked\v"))},
        {"a bare CR behind", 400, BY_US, BYTES(CODING("chunked\r"))},
        {"NUL behind", 400, BY_US, BYTES(CODING("chunked\0"))},
        {"NUL in it", 400, BY_US, BYTES(CODING("chun\0ked"))},
        {"a high bit", 501, BY_US, BYTES(CODING("chunked\xa0"))},
        {"folded", 400, BY_US, BYTES(CODING("\r\n chunked"))},
        {"folded behind", 400, BY_US, BYTES(CODING("chunked\r\n , identity"))},
        {"blank before the colon", 400, BY_US,
         BYTES(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")},
        {"tab before the colon", 400, BY_US,
         BYTES(POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n")},
        {"vertical tab before the colon", 400, BY_US,
         BYTES(POST "Transfer-Encoding\v: chunked\r\n\r\n0\r\n\r\n")},
        {"blank before the name", 400, BY_US,
         BYTES(POST " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        {"NUL before the colon", 400, BY_LIBRARY,
         BYTES(POST "Transfer-Encoding\0: chunked\r\n\r\n0\r\n\r\n")},
        {"behind a bare LF", 400, BY_US,
         BYTES(POST "A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        {"behind a bare CR", 400, BY_US,
         BYTES(POST "A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        {"a name that looks like it", 411, BY_US, BYTES(POST "Transfer_Encoding: chunked\r\n\r\n")},
        {"HTTP/1.0", 400, BY_US,
         BYTES("POST /v1/jobs HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        {"HTTP/1.0 that wants to stay", 400, BY_US,
         BYTES("POST /v1/jobs HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    };
    ASSERT_ALL_REFUSED(attacks);
}

/* The library forgives much in the framing of chunks.  It shall: nothing behind is answered. */
static void nothing_behind_a_chunked_body_is_answered(void **state)
{
    (void)state;
    static const struct attack attacks[] = {
        {"a sound one", 422, BY_US, BYTES(CHUNKS("2\r\n{}\r\n0\r\n\r\n"))},
        {"mixed case", 422, BY_US,
         BYTES(POST "Transfer-Encoding: cHuNkEd\r\n\r\n2\r\n{}\r\n0\r\n\r\n")},
        {"a tab before", 422, BY_US,
         BYTES(POST "Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")},
        {"leading zeros", 422, BY_US, BYTES(CHUNKS("00000000000000000000002\r\n{}\r\n0\r\n\r\n"))},
        {"bare line feeds", 422, BY_US, BYTES(CHUNKS("2\n{}\n0\n\n"))},
        {"an extension with a line feed", 400, BY_LIBRARY,
         BYTES(CHUNKS("2;a\nxx\r\n{}\r\n0\r\n\r\n"))},
        {"an extension with a NUL", 422, BY_US, BYTES(CHUNKS("2;a\0b\r\n{}\r\n0\r\n\r\n"))},
        {"an extension of the last", 422, BY_US, BYTES(CHUNKS("2\r\n{}\r\n0;a=b\r\n\r\n"))},
        {"a trailer with a length", 422, BY_US,
         BYTES(CHUNKS("2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"))},
        {"a trailer with a coding", 422, BY_US,
         BYTES(CHUNKS("2\r\n{}\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n"))},
        {"a trailer without a name", 422, BY_US, BYTES(CHUNKS("2\r\n{}\r\n0\r\n: x\r\n\r\n"))},
        {"a folded trailer", 422, BY_US, BYTES(CHUNKS("2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n"))},
        {"a trailer without a colon", 400, BY_LIBRARY, BYTES(CHUNKS("2\r\n{}\r\n0\r\nA\r\n\r\n"))},
        {"a sign", 400, BY_LIBRARY, BYTES(CHUNKS("+2\r\n{}\r\n0\r\n\r\n"))},
        {"negative", 400, BY_LIBRARY, BYTES(CHUNKS("-2\r\n{}\r\n0\r\n\r\n"))},
        {"0x", 400, BY_LIBRARY, BYTES(CHUNKS("0x2\r\n{}\r\n0\r\n\r\n"))},
        {"a blank before", 400, BY_LIBRARY, BYTES(CHUNKS(" 2\r\n{}\r\n0\r\n\r\n"))},
        {"a blank behind", 400, BY_LIBRARY, BYTES(CHUNKS("2 \r\n{}\r\n0\r\n\r\n"))},
        {"a blank and an extension", 400, BY_LIBRARY, BYTES(CHUNKS("2 ;a\r\n{}\r\n0\r\n\r\n"))},
        {"a NUL behind", 400, BY_LIBRARY, BYTES(CHUNKS("2\0\r\n{}\r\n0\r\n\r\n"))},
        {"no digit", 400, BY_LIBRARY, BYTES(CHUNKS("g\r\n{}\r\n0\r\n\r\n"))},
        {"an empty line", 400, BY_LIBRARY, BYTES(CHUNKS("\r\n{}\r\n0\r\n\r\n"))},
        {"only an extension", 400, BY_LIBRARY, BYTES(CHUNKS(";a\r\n{}\r\n0\r\n\r\n"))},
        {"17 digits", 413, BY_LIBRARY, BYTES(CHUNKS("10000000000000002\r\n{}\r\n0\r\n\r\n"))},
        {"24 digits", 413, BY_LIBRARY,
         BYTES(CHUNKS("fffffffffffffffffffffff2\r\n{}\r\n0\r\n\r\n"))},
        {"no line behind the chunk", 400, BY_LIBRARY, BYTES(CHUNKS("2\r\n{}0\r\n\r\n"))},
        {"bytes behind the chunk", 400, BY_LIBRARY, BYTES(CHUNKS("2\r\n{}xx\r\n0\r\n\r\n"))},
        {"a bare CR", 400, BY_LIBRARY, BYTES(CHUNKS("2\r{}\r\n0\r\n\r\n"))},
    };
    ASSERT_ALL_REFUSED(attacks);
}

/* A size that fits into 64 bits is a large chunk: its bytes are still to come, and are not taken
 * for anything else. */
static void a_chunk_of_all_64_bits_swallows_what_follows(void **state)
{
    (void)state;
    struct said said =
        raw_ask_text(&service, CHUNKS("ffffffffffffffff\r\n{}\r\n0\r\n\r\n") SMUGGLED, 0.5);
    assert_false(said.is_closed);
    assert_string_equal(said_text(&said), "");
    said_free(&said);
}

static void long_extensions_and_trailers_are_no_way_in(void **state)
{
    (void)state;
    enum { LONG = 65536, TOO_LONG = 300000 };
    static const struct {
        struct attack attack;
        const char *before;
        size_t n;
        const char *behind;
    } rows[] = {
        {{"extension of 64 KiB", 422, BY_US, NULL, 0}, CHUNKS("2;"), LONG, "\r\n{}\r\n0\r\n\r\n"},
        {{"trailer of 64 KiB", 422, BY_US, NULL, 0},
         CHUNKS("2\r\n{}\r\n0\r\nA: "),
         LONG,
         "\r\n\r\n"},
        {{"trailer beyond the buffer", 431, BY_LIBRARY, NULL, 0},
         CHUNKS("2\r\n{}\r\n0\r\nA: "),
         TOO_LONG,
         "\r\n\r\n"},
        /* Its buffer is full of framing: the library has no better word for it. */
        {{"extension beyond the buffer", 500, BY_LIBRARY, NULL, 0},
         CHUNKS("2;"),
         TOO_LONG,
         "\r\n{}\r\n0\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes request = {0};
        bytes_append(&request, rows[i].before, strlen(rows[i].before));
        for (size_t k = 0; k < rows[i].n; k += 64)
            bytes_append(&request,
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 64);
        bytes_append(&request, rows[i].behind, strlen(rows[i].behind));
        bytes_append(&request, SMUGGLED, strlen(SMUGGLED));
        assert_refused(&rows[i].attack, request.data, request.n);
        bytes_free(&request);
    }
}

static void lines_that_are_not_sound_are_refused(void **state)
{
    (void)state;
    static const struct attack attacks[] = {
        {"two blanks after the method", 400, BY_US,
         BYTES("GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"two blanks before the version", 400, BY_US,
         BYTES("GET /healthz  HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"a blank behind", 400, BY_LIBRARY, BYTES("GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n")},
        {"a blank before", 0, BY_HANGING_UP, BYTES(" GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"tabs", 0, BY_HANGING_UP, BYTES("GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n")},
        {"a tab in the target", 400, BY_US, BYTES("GET /heal\tthz HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"a blank in the target", 400, BY_US, BYTES("GET /heal thz HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"no version", 400, BY_LIBRARY, BYTES("GET /healthz\r\n\r\n")},
        {"no target", 400, BY_LIBRARY, BYTES("GET HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"no blank at all", 0, BY_HANGING_UP, BYTES("GARBAGE\r\n\r\n")},
        {"a TLS greeting", 0, BY_HANGING_UP, BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")},
        {"HTTP/0.9", 505, BY_LIBRARY, BYTES("GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n")},
        {"HTTP/2.0", 505, BY_LIBRARY, BYTES("GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n")},
        {"the greeting of HTTP/2", 505, BY_LIBRARY, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
        {"HTTP/9.9", 505, BY_LIBRARY, BYTES("GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n")},
        {"lower case", 400, BY_LIBRARY, BYTES("GET /healthz http/1.1\r\nHost: x\r\n\r\n")},
        {"HTTP/1.10", 400, BY_LIBRARY, BYTES("GET /healthz HTTP/1.10\r\nHost: x\r\n\r\n")},
        {"HTTP/1", 400, BY_LIBRARY, BYTES("GET /healthz HTTP/1\r\nHost: x\r\n\r\n")},
        {"HTTP/11", 400, BY_LIBRARY, BYTES("GET /healthz HTTP/11\r\nHost: x\r\n\r\n")},
        {"another protocol", 400, BY_LIBRARY, BYTES("GET /healthz XTTP/1.1\r\nHost: x\r\n\r\n")},
        {"bare line feeds", 400, BY_US, BYTES("GET /healthz HTTP/1.1\nHost: x\n\n")},
        {"one bare line feed", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n\n")},
        {"no colon", 400, BY_LIBRARY, BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nA\r\n\r\n")},
        {"no name", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n")},
        {"a line of NUL", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n\0\r\n\r\n")},
        {"NUL in a value", 400, BY_US,
         BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n")},
        {"NUL in the target", 400, BY_US, BYTES("GET /healthz\0a HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"a folded line", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n y\r\n\r\n")},
        {"no host", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\n\r\n")},
        {"two hosts", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")},
        {"two equal hosts", 400, BY_US,
         BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n")},
        {"two hosts in one", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x, y\r\n\r\n")},
        {"a host with a blank", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x y\r\n\r\n")},
        {"a host with a path", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n")},
        {"a host with a user", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: u@x\r\n\r\n")},
        {"a host with a NUL", 400, BY_US, BYTES("GET /healthz HTTP/1.1\r\nHost: x\0y\r\n\r\n")},
        {"a fragment", 400, BY_US, BYTES("GET #a HTTP/1.1\r\nHost: x\r\n\r\n")},
        {"another scheme", 400, BY_US, BYTES("GET ftp://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n")},
    };
    ASSERT_ALL_REFUSED(attacks);
}

static void sound_requests_behind_one_another_are_answered_once_each_in_order(void **state)
{
    (void)state;
    static const char requests[] =
        "GET /v1/jobs/job_first HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\n\r\n{}"
        "GET http://elsewhere/v1/jobs/job_second HTTP/1.1\r\nHost: x\r\n\r\n"
        "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /v1/jobs/job_third HTTP/1.2\r\nHost: x\r\n\r\n"
        "OPTIONS /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /v1/jobs/job_fourth HTTP/1.1\r\nHost: x\r\nContent-Length: 00002\r\n\r\n{}"
        "GET /v1/jobs/job_last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static const char *const order[] = {
        "HTTP/1.1 404", "job_first",    "HTTP/1.1 422", "HTTP/1.1 404", "job_second",
        "HTTP/1.1 200", "HTTP/1.1 404", "job_third",    "HTTP/1.1 204", "HTTP/1.1 404",
        "job_fourth",   "HTTP/1.1 404", "job_last"};
    struct said said = raw_ask_text(&service, requests, PATIENCE_SECONDS);
    assert_true(said.is_closed);
    assert_int_equal(said_count(&said, "HTTP/1.1 "), 8);
    const char *at = said_text(&said);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        at = strstr(at, order[i]);
        if (!at)
            fail_msg("%s: %s", order[i], said_text(&said));
    }
    said_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_that_is_none_or_not_alone_is_refused),
        cmocka_unit_test(a_coding_that_is_not_chunked_alone_is_refused),
        cmocka_unit_test(nothing_behind_a_chunked_body_is_answered),
        cmocka_unit_test(a_chunk_of_all_64_bits_swallows_what_follows),
        cmocka_unit_test(long_extensions_and_trailers_are_no_way_in),
        cmocka_unit_test(lines_that_are_not_sound_are_refused),
        cmocka_unit_test(sound_requests_behind_one_another_are_answered_once_each_in_order),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
