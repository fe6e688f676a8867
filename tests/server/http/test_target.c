/* Targets and routes, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "server/http/range.h"
#include "server/http/router.h"
#include "server/http/target.h"
#include "server/utf8.h"

/* "a|b|c" of the segments, then "?n=v&n=v" of the query. */
static void spell(const struct target *t, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < t->n_segments && i < TARGET_MAX_SEGMENTS; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "|" : "", t->segments[i]);
    for (size_t i = 0; i < t->n_query; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s=%s", i ? "&" : "?", t->query[i].name,
                              t->query[i].value);
}

static void targets_are_split_then_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *path, *spelled;
    } rows[] = {
        {"/", "/", ""},
        {"/a", "/a", "a"},
        {"/a/", "/a/", "a|"},
        {"//a", "//a", "|a"},
        {"/a/b/c", "/a/b/c", "a|b|c"},
        {"/a%20b/%C3%A9", "/a b/\xC3\xA9", "a b|\xC3\xA9"},
        {"/a+b", "/a+b", "a+b"},
        {"/%3F%23%25", "/?#%", "?#%"},
        {"/.a/..b/...", "/.a/..b/...", ".a|..b|..."},
        {"/?x", "/", "?x="},
        {"/?x=1&y=2", "/", "?x=1&y=2"},
        {"/?x=1&x=2", "/", "?x=1&x=2"},
        {"/?&&x=1&", "/", "?x=1"},
        {"/?a+b=c+d%2B", "/", "?a b=c d+"},
        {"/?x=a=b", "/", "?x=a=b"},
        {"/?=v", "/", "?=v"},
        {"/?x=%2F..%2F", "/", "?x=/../"},
        {"/?x=a?b", "/", "?x=a?b"},
        {"/?", "/", ""},
        {"http://h/a?x", "/a", "a?x="},
        {"http://h", "/", ""},
        {"https://u@h:1?x", "/", "?x="},
        {"*", "*", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct target t;
        struct error err = {.status = STATUS_OK};
        char spelled[256];
        if (target_parse(&t, rows[i].raw, strlen(rows[i].raw), &err) != STATUS_OK)
            fail_msg("'%s': %s", rows[i].raw, err.message);
        spell(&t, spelled, sizeof spelled);
        assert_string_equal(spelled, rows[i].spelled);
        assert_string_equal(t.path, rows[i].path);
        target_deinit(&t);
    }
}

static void bad_targets_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",          "a",          "a/b",           "%2F",       "/%",      "/%4",
        "/%4g",      "/%g4",       "/a%2Fb",        "/a%2fb",    "/%00",    "/?x=%00",
        "/.",        "/..",        "/a/../b",       "/a/%2e%2e", "/%2E",    "/a b",
        "/a\tb",     "/a#b",       "/\x7f",         "/\xC3\xA9", "/%FF",    "/%C3",
        "/%C0%AF",   "/%ED%A0%80", "/%F4%90%80%80", "/?x=%FF",   "/%0d%0a", "/%1b",
        "/%7F",      "ftp://h/",   "h:80",          "**",        "/?x=%",   "http://",
        "http:///a", "https://?a",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct target t = {.storage = NULL};
        struct error err = {.status = STATUS_OK};
        if (target_parse(&t, rows[i], strlen(rows[i]), &err) != STATUS_INVALID)
            fail_msg("'%s' was accepted", rows[i]);
        assert_true(err.message[0] != '\0');
        assert_null(t.storage);
    }
}

static void any_bytes_make_a_target_or_an_error(void **state)
{
    (void)state;
    static const char alphabet[] = "/?&=%+.2eFf0#*:http";
    struct rng r = rng_at(1, RNG_SAMPLE, 0);
    for (int i = 0; i < 20000; i++) {
        char raw[64];
        size_t n = (size_t)rng_below(&r, sizeof raw);
        for (size_t k = 0; k < n; k++)
            raw[k] = rng_below(&r, 8) ? alphabet[rng_below(&r, sizeof alphabet - 1)]
                                      : (char)rng_below(&r, 256);
        if (n > 0 && rng_below(&r, 2))
            raw[0] = '/';
        struct target t;
        if (target_parse(&t, raw, n, NULL) == STATUS_OK)
            target_deinit(&t);
    }
}

static void deep_paths_and_many_arguments_are_bounded(void **state)
{
    (void)state;
    char raw[2048] = "";
    for (int i = 0; i < 40; i++)
        strcat(raw, "/a");
    struct target t;
    assert_int_equal(target_parse(&t, raw, strlen(raw), NULL), STATUS_OK);
    assert_int_equal(t.n_segments, TARGET_MAX_SEGMENTS + 1);
    target_deinit(&t);
    strcpy(raw, "/?");
    for (int i = 0; i < HTTP_MAX_QUERY; i++)
        strcat(raw, "&a");
    assert_int_equal(target_parse(&t, raw, strlen(raw), NULL), STATUS_OK);
    assert_int_equal(t.n_query, HTTP_MAX_QUERY);
    target_deinit(&t);
    strcat(raw, "&a");
    assert_int_equal(target_parse(&t, raw, strlen(raw), NULL), STATUS_INVALID);
}

/* --- routes --- */

static void handle(void *context, const struct http_request *q, struct http_response *r)
{
    (void)context, (void)q, (void)r;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", handle, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/v1/jobs", handle, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/v1/jobs", handle, ROUTE_JSON_BODY, 0},
    {HTTP_GET, "/v1/jobs/{id}", handle, ROUTE_NO_BODY, 0},
    {HTTP_POST, "/v1/jobs/{id}/cancel", handle, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/xyz/{id}/{z}/{x}/{y}.png", handle, ROUTE_NO_BODY, 0},
    {HTTP_GET, "/dzi/{id}.dzi", handle, ROUTE_NO_BODY, 0},
};

static void routes_are_found_by_path_and_method(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *raw;
        int route; /* -1: none */
        const char *allow, *params;
    } rows[] = {
        {HTTP_GET, "/", 0, "GET, HEAD, OPTIONS", ""},
        {HTTP_HEAD, "/", 0, "GET, HEAD, OPTIONS", ""},
        {HTTP_POST, "/", -1, "GET, HEAD, OPTIONS", ""},
        {HTTP_GET, "/v1/jobs", 1, "GET, HEAD, POST, OPTIONS", ""},
        {HTTP_POST, "/v1/jobs", 2, "GET, HEAD, POST, OPTIONS", ""},
        {HTTP_DELETE, "/v1/jobs", -1, "GET, HEAD, POST, OPTIONS", ""},
        {HTTP_OPTIONS, "/v1/jobs", -1, "GET, HEAD, POST, OPTIONS", ""},
        {HTTP_GET, "/v1/jobs/", -1, "", ""},
        {HTTP_GET, "/v1//jobs", -1, "", ""},
        {HTTP_GET, "/v1/jobs/x", 3, "GET, HEAD, OPTIONS", "x;"},
        {HTTP_GET, "/v1/jobs/cancel", 3, "GET, HEAD, OPTIONS", "cancel;"},
        {HTTP_HEAD, "/v1/jobs/x/cancel", -1, "POST, OPTIONS", ""},
        {HTTP_POST, "/v1/jobs/%7Bid%7D/cancel", 4, "POST, OPTIONS", "{id};"},
        {HTTP_GET, "/xyz/f/1/2/3.png", 5, "GET, HEAD, OPTIONS", "f;1;2;3;"},
        {HTTP_GET, "/xyz/f/1/2/3.jpg", -1, "", ""},
        {HTTP_GET, "/xyz/f/1/2/.png", -1, "", ""},
        {HTTP_GET, "/dzi/a.dzi.dzi", 6, "GET, HEAD, OPTIONS", "a.dzi;"},
        {HTTP_GET, "/V1/jobs", -1, "", ""},
        {HTTP_GET, "/v1", -1, "", ""},
        {HTTP_GET, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", -1, "", ""},
    };
    struct http_router *router;
    size_t n = sizeof routes / sizeof routes[0];
    assert_int_equal(http_router_create(&router, routes, n, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct target t;
        char allow[HTTP_ALLOW_SIZE], params[128] = "";
        assert_int_equal(target_parse(&t, rows[i].raw, strlen(rows[i].raw), NULL), STATUS_OK);
        struct route_match m = http_router_find(router, rows[i].method, &t);
        assert_ptr_equal(m.route, rows[i].route < 0 ? NULL : &routes[rows[i].route]);
        http_allow_text(m.allowed, allow);
        assert_string_equal(allow, rows[i].allow);
        for (size_t k = 0; k < HTTP_MAX_PARAMS && m.params[k]; k++) {
            strcat(params, m.params[k]);
            strcat(params, ";");
        }
        assert_string_equal(params, rows[i].params);
        target_deinit(&t);
    }
    http_router_free(router);
}

static void malformed_routes_are_refused(void **state)
{
    (void)state;
    static const struct http_route bad[][2] = {
        {{HTTP_GET, "/a", handle, ROUTE_NO_BODY, 0}, {HTTP_GET, "/a", handle, ROUTE_NO_BODY, 0}},
        {{HTTP_GET, "/a", handle, ROUTE_NO_BODY, 0}, {HTTP_GET, "b", handle, ROUTE_NO_BODY, 0}},
        {{HTTP_GET, "/a", handle, ROUTE_NO_BODY, 0}, {HTTP_GET, "", handle, ROUTE_NO_BODY, 0}},
        {{HTTP_GET, "/a", handle, ROUTE_NO_BODY, 0}, {HTTP_GET, "/{b", handle, ROUTE_NO_BODY, 0}},
        {{HTTP_GET, "/a", handle, ROUTE_NO_BODY, 0}, {HTTP_GET, "/b", NULL, ROUTE_NO_BODY, 0}},
        {{HTTP_GET, "/a", handle, ROUTE_NO_BODY, 0},
         {HTTP_GET, "/{a}/{b}/{c}/{d}/{e}", handle, ROUTE_NO_BODY, 0}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_router *router = NULL;
        assert_int_equal(http_router_create(&router, bad[i], 2, NULL), STATUS_INVALID);
        assert_null(router);
    }
    http_router_free(NULL);
}

static void methods_have_names(void **state)
{
    (void)state;
    assert_int_equal(http_method_of("GET"), HTTP_GET);
    assert_int_equal(http_method_of("OPTIONS"), HTTP_OPTIONS);
    assert_int_equal(http_method_of("PATCH"), HTTP_METHOD_UNSERVED);
    assert_int_equal(http_method_of("TRACE"), HTTP_METHOD_UNSERVED);
    assert_int_equal(http_method_of("get"), HTTP_METHOD_UNKNOWN);
    assert_int_equal(http_method_of(""), HTTP_METHOD_UNKNOWN);
    assert_string_equal(http_method_name(HTTP_DELETE), "DELETE");
}

/* --- ranges, entity tags, UTF-8 --- */

static void ranges_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        enum range_kind kind;
        uint64_t first, count;
    } rows[] = {
        {NULL, 10, RANGE_WHOLE, 0, 10},
        {"bytes=0-0", 10, RANGE_PART, 0, 1},
        {"bytes=0-9", 10, RANGE_PART, 0, 10},
        {"bytes=0-10", 10, RANGE_PART, 0, 10},
        {"bytes=9-", 10, RANGE_PART, 9, 1},
        {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-20", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 10, RANGE_PART, 9, 1},
        {"bytes=-10", 10, RANGE_PART, 0, 10},
        {"bytes=-11", 10, RANGE_PART, 0, 10},
        {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"BYTES=2-3", 10, RANGE_PART, 2, 2},
        {"bytes= 2-3 ", 10, RANGE_PART, 2, 2},
        {"bytes=0-18446744073709551615", 10, RANGE_PART, 0, 10},
        {"bytes=0-99999999999999999999999", 10, RANGE_PART, 0, 10},
        {"bytes=99999999999999999999999-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-99999999999999999999999", 10, RANGE_PART, 0, 10},
        {"bytes=3-2", 10, RANGE_WHOLE, 0, 10},
        {"bytes=", 10, RANGE_WHOLE, 0, 10},
        {"bytes=-", 10, RANGE_WHOLE, 0, 10},
        {"bytes=a-b", 10, RANGE_WHOLE, 0, 10},
        {"bytes=1", 10, RANGE_WHOLE, 0, 10},
        {"bytes=1-2,4-5", 10, RANGE_WHOLE, 0, 10},
        {"bytes=+1-2", 10, RANGE_WHOLE, 0, 10},
        {"items=0-1", 10, RANGE_WHOLE, 0, 10},
        {"", 10, RANGE_WHOLE, 0, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct range r = range_parse(rows[i].header, rows[i].size);
        if (r.kind != rows[i].kind || r.first != rows[i].first || r.count != rows[i].count)
            fail_msg("'%s': kind %d, %llu+%llu", rows[i].header ? rows[i].header : "", (int)r.kind,
                     (unsigned long long)r.first, (unsigned long long)r.count);
    }
}

static void entity_tags_are_compared_weakly(void **state)
{
    (void)state;
    static const struct {
        const char *header, *etag;
        bool matches;
    } rows[] = {
        {"\"a\"", "\"a\"", true},
        {"W/\"a\"", "\"a\"", true},
        {"\"a\"", "W/\"a\"", true},
        {"W/\"a\"", "W/\"a\"", true},
        {"\"b\"", "\"a\"", false},
        {"\"b\", \"a\"", "\"a\"", true},
        {"\"b\",W/\"a\" ", "\"a\"", true},
        {"\"a,b\"", "\"a\"", false},
        {"\"x, \\\", \"a\"", "\"a\"", true},
        {"*", "\"a\"", true},
        {" * ", "\"a\"", true},
        {"a", "\"a\"", false},
        {"\"a", "\"a\"", false},
        {"\"A\"", "\"a\"", false},
        {"\"ab\"", "\"a\"", false},
        {"\"\"", "\"\"", true},
        {"", "\"a\"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_pair headers[] = {{"Accept", "*"}, {"if-none-match", rows[i].header}};
        struct http_request q = {.n_headers = 2, .headers = headers};
        if (http_etag_matches(&q, rows[i].etag) != rows[i].matches)
            fail_msg("'%s' against '%s'", rows[i].header, rows[i].etag);
    }
    struct http_pair twice[] = {{"If-None-Match", "\"b\""}, {"If-None-Match", "\"a\""}};
    struct http_request q = {.n_headers = 2, .headers = twice};
    assert_true(http_etag_matches(&q, "\"a\""));
    q.n_headers = 0;
    assert_false(http_etag_matches(&q, "\"a\""));
}

static void utf8_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_valid;
    } rows[] = {
        {"", true},
        {"a", true},
        {"\xC3\xA9", true},
        {"\xE2\x82\xAC", true},
        {"\xF0\x9F\x98\x80", true},
        {"\xF4\x8F\xBF\xBF", true},
        {"\x80", false},
        {"\xC0\x80", false},
        {"\xC1\xBF", false},
        {"\xE0\x9F\xBF", false},
        {"\xED\xA0\x80", false},
        {"\xF0\x8F\xBF\xBF", false},
        {"\xF4\x90\x80\x80", false},
        {"\xF8\x88\x80\x80\x80", false},
        {"\xFF", false},
        {"\xC3", false},
        {"\xE2\x82", false},
        {"\xF0\x9F\x98", false},
        {"\xC3\x41", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (utf8_is_valid(rows[i].text, strlen(rows[i].text)) != rows[i].is_valid)
            fail_msg("row %zu", i);
    uint32_t code = 0;
    assert_int_equal(utf8_decode("\xF0\x9F\x98\x80", 4, &code), 4);
    assert_int_equal(code, 0x1F600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_split_then_decoded),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(any_bytes_make_a_target_or_an_error),
        cmocka_unit_test(deep_paths_and_many_arguments_are_bounded),
        cmocka_unit_test(routes_are_found_by_path_and_method),
        cmocka_unit_test(malformed_routes_are_refused),
        cmocka_unit_test(methods_have_names),
        cmocka_unit_test(ranges_are_read),
        cmocka_unit_test(entity_tags_are_compared_weakly),
        cmocka_unit_test(utf8_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
