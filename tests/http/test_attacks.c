/*
 * What may stand in a request and means harm or nothing: paths, methods, expectations, ranges,
 * conditions, types, bodies over the limit.  Byte by byte against the real program; framing has a
 * file of its own, test_smuggling.c, and so have forged headers and logs, test_forgery.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/routes.h"
#include "tests/http/fit.h"
#include "tests/http/raw.h"

static struct service service;
static char dataset[ID_TEXT], job[ID_TEXT], field[ID_TEXT];
static char sweep[ID_TEXT];
static char solid[ID_TEXT]; /* a field of three dimensions */
static size_t content_bytes;

enum { PATIENCE_SECONDS = 10, UPLOAD_LIMIT = 100000, LINGER_BYTES = 8 << 20 };

/* "Connection: close" shows by the end of the connection that the answer is complete. */
#define CLOSING "Host: x\r\nConnection: close\r\n"

static int start(void **state)
{
    static const char *const settings[] = {"--upload-bytes", "100000", NULL};
    (void)state;
    service_start(&service, settings);
    upload_picture(&service, 32, 1, dataset);
    struct answer a = service_get(&service, "/v1/datasets/%s/content", dataset);
    content_bytes = a.body.n;
    answer_status(a, 200);
    start_job(&service, dataset, 3, "", job);
    json_t *done = wait_for_job(&service, job, "succeeded");
    snprintf(field, sizeof(field), "%s", member_text(done, "field_id"));
    json_decref(done);
    make_solid(&service, solid);
    char body[256];
    snprintf(body, sizeof(body),
             "{\"dataset_ids\":[\"%s\"],\"base\":{\"train\":{\"steps\":1}},"
             "\"grid\":{\"/train/seed\":[1]}}",
             dataset);
    json_t *made = answer_json(service_post_json(&service, "/v1/sweeps", body), 202);
    snprintf(sweep, sizeof(sweep), "%s", member_text(made, "id"));
    json_decref(made);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* One complete request on a connection of its own, up to the end of the connection. */
static struct said ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct said ask(const char *format, ...)
{
    static char request[65536];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(request, sizeof(request), format, arguments);
    va_end(arguments);
    assert_true(n > 0 && (size_t)n < sizeof(request));
    struct said said = raw_ask(&service, request, (size_t)n, PATIENCE_SECONDS);
    if (!said.is_closed || said_count(&said, "HTTP/1.1 ") != 1)
        fail_msg("%.60s: %.600s", request, said_text(&said));
    return said;
}

/* --- targets --- */

static void targets_lead_to_what_they_say_or_nowhere(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        unsigned status;
    } rows[] = {
        {"/%00", 400},
        {"/v1/jobs%00", 400},
        {"/v1%2Fjobs", 400},
        {"/v1/datasets/..%2f..%2f..%2fetc%2fpasswd", 400},
        {"/v1/datasets/..%5c..%5cetc", 404}, /* a backslash is no separator */
        {"/v1/%2e%2e/healthz", 400},
        {"/v1/%2E./healthz", 400},
        {"/v1/../healthz", 400},
        {"/v1/./jobs", 400},
        {"/..", 400},
        {"/assets/../../server/main.c", 400},
        {"/assets/%2e%2e%2fmain.db", 400},
        {"/assets/%252e%252e%252fmain.db", 404}, /* decoded once */
        {"/assets/main.db", 404},
        {"//healthz", 404},
        {"//evil.example/healthz", 404},
        {"/healthz/", 404},
        {"/healthz//", 404},
        {"/healthz;a=b", 404},
        {"/healthz%20", 404},
        {"/HEALTHZ", 404},
        {"/v1//jobs", 404},
        {"/v1/jobs/%ff", 400},
        {"/v1/jobs/%c0%af", 400},       /* an overlong slash */
        {"/v1/jobs/%c0%ae%c0%ae", 400}, /* overlong dots */
        {"/v1/jobs/%e0%80%af", 400},
        {"/v1/jobs/%f0%80%80%af", 400},
        {"/v1/jobs/%ed%a0%80", 400},    /* half of a pair */
        {"/v1/jobs/%f4%90%80%80", 400}, /* beyond Unicode */
        {"/v1/jobs/%e2%80", 400},       /* torn */
        {"/v1/jobs/\xff", 400},
        {"/v1/jobs/\xc3\xa9", 400}, /* not encoded */
        {"/v1/jobs/%", 400},
        {"/v1/jobs/%2", 400},
        {"/v1/jobs/%zz", 400},
        {"/v1/jobs/%u0041", 400},
        {"/v1/jobs/%0d%0aSet-Cookie:%20a=b", 400},
        {"/v1/jobs/%1b%5b2J", 400},
        {"/v1/jobs/%7f", 400},
        {"/v1/jobs/'%20OR%201=1--", 404},
        {"/v1/jobs/job_%25", 404},
        {"/v1/jobs?limit=5%00", 400},
        {"/v1/jobs?limit=%", 400},
        {"/v1/jobs?limit=%ff", 400},
        {"/v1/jobs?limit=0", 422},
        {"/v1/jobs?limit=99999999999999999999", 422},
        {"/v1/jobs?limit=5&limit=6", 422},
        {"/v1/jobs?limit[]=5", 422},
        {"/v1/jobs?cursor=../../etc", 422},
        {"/v1/jobs?label=a'b", 422},
        {"/v1/jobs?=1", 422},
        {"http://elsewhere/nowhere", 404},
        {"http:///healthz", 400},
        {"*", 404},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct said said = ask("GET %s HTTP/1.1\r\n" CLOSING "\r\n", rows[i].target);
        assert_said_problem(rows[i].target, &said, rows[i].status);
        said_free(&said);
    }
}

static void repeat(struct bytes *b, const char *text, size_t n)
{
    size_t length = strlen(text);
    char *all = malloc(n * length);
    assert_non_null(all);
    for (size_t i = 0; i < n; i++)
        memcpy(all + i * length, text, length);
    bytes_append(b, all, n * length);
    free(all);
}

static void long_lines_heads_and_lists_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before, *part;
        size_t n;
        const char *behind;
        unsigned status;
    } rows[] = {
        {"8 KiB of path", "GET /", "a", 8192, " HTTP/1.1\r\n" CLOSING "\r\n", 414},
        {"8 KiB of query", "GET /healthz?a=", "b", 8192, " HTTP/1.1\r\n" CLOSING "\r\n", 414},
        {"16 KiB of head", "GET /healthz HTTP/1.1\r\n" CLOSING "A: ", "b", 16384, "\r\n\r\n", 431},
        {"16 KiB of cookies", "GET /healthz HTTP/1.1\r\n" CLOSING, "Cookie: aaaa=bbbb; c=d\r\n",
         1000, "\r\n", 431},
        {"101 headers", "GET /healthz HTTP/1.1\r\n" CLOSING, "A: b\r\n", 99, "\r\n", 431},
        {"65 arguments", "GET /v1/jobs?", "a=b&", 65, " HTTP/1.1\r\n" CLOSING "\r\n", 400},
        {"4,000 segments", "GET ", "/a", 4000, " HTTP/1.1\r\n" CLOSING "\r\n", 404},
        {"a long method", "", "A", 8000, " /healthz HTTP/1.1\r\n" CLOSING "\r\n", 501},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes request = {0};
        bytes_append(&request, rows[i].before, strlen(rows[i].before));
        repeat(&request, rows[i].part, rows[i].n);
        bytes_append(&request, rows[i].behind, strlen(rows[i].behind));
        struct said said = raw_ask(&service, request.data, request.n, PATIENCE_SECONDS);
        assert_true(said.is_closed);
        assert_said_problem(rows[i].name, &said, rows[i].status);
        said_free(&said);
        bytes_free(&request);
    }
}

/* Beyond what the library's buffer holds it answers by itself. */
static void endless_lines_and_heads_are_refused_by_the_library(void **state)
{
    (void)state;
    enum { ENDLESS = 600000 };
    static const char *const starts[] = {"GET /", "GET /healthz HTTP/1.1\r\nHost: x\r\nA: "};
    static const unsigned statuses[] = {414, 431};
    for (size_t i = 0; i < 2; i++) {
        struct bytes request = {0};
        bytes_append(&request, starts[i], strlen(starts[i]));
        repeat(&request, "a", ENDLESS);
        struct said said = raw_ask(&service, request.data, request.n, PATIENCE_SECONDS);
        assert_true(said.is_closed);
        /* It hangs up on what still comes, so a reset may overtake its answer. */
        assert_true(said_status(&said) == statuses[i] || said_status(&said) == 0);
        said_free(&said);
        bytes_free(&request);
    }
}

/* --- methods --- */

static void methods_are_known_allowed_or_neither(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned status;
        const char *allow;
    } rows[] = {
        {"BREW /v1/jobs", 501, ""},
        {"get /v1/jobs", 501, ""},
        {"PROPFIND /v1/jobs", 501, ""},
        {"CONNECT evil.example:80", 501, ""},
        {"CONNECT /v1/jobs", 501, ""},
        {"GET\x01 /v1/jobs", 400, ""},
        {"TRACE /v1/jobs", 405, "GET, HEAD, POST, OPTIONS"},
        {"PATCH /v1/jobs", 405, "GET, HEAD, POST, OPTIONS"},
        {"DELETE /v1/jobs", 405, "GET, HEAD, POST, OPTIONS"},
        {"PUT /healthz", 405, "GET, HEAD, OPTIONS"},
        {"POST /", 405, "GET, HEAD, OPTIONS"},
        {"GET /v1/jobs/job_x/cancel", 405, "POST, OPTIONS"},
        {"TRACE /v1/nowhere", 404, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct said said =
            ask("%s HTTP/1.1\r\n" CLOSING "Cookie: a=very-secret\r\n\r\n", rows[i].line);
        assert_said_problem(rows[i].line, &said, rows[i].status);
        assert_string_equal(said_header(&said, "Allow"), rows[i].allow);
        assert_null(strstr(said_text(&said), "very-secret")); /* nothing is mirrored */
        said_free(&said);
    }
}

/* A route's pattern with what is there for its braces: an id, or the first of tiles. */
static void make_path(const char *pattern, char *out, size_t size)
{
    const bool is_solid =
        strstr(pattern, "/slice") || strstr(pattern, "/mesh") || strstr(pattern, "/volume");
    const bool is_tile = strstr(pattern, "/xyz/") || strstr(pattern, "/dzi/");
    const char *id = strstr(pattern, "/jobs/")                ? job
                     : strstr(pattern, "/sweeps/")            ? sweep
                     : is_solid                               ? solid
                     : is_tile || strstr(pattern, "/fields/") ? field
                     : strstr(pattern, "/assets/")            ? "app.js"
                                                              : dataset;
    if (strstr(pattern, "/assets/{folder}")) {
        snprintf(out, size, "/assets/style/base.css");
        return;
    }
    size_t n = 0;
    for (const char *at = pattern; *at && n + 1 < size; at++) {
        if (*at != '{') {
            out[n++] = *at;
            continue;
        }
        n += (size_t)snprintf(out + n, size - n, "%s",
                              strncmp(at, "{tile}", 6) == 0 ? "0_0"
                              : strchr("zxyl", at[1])       ? "0"
                                                            : id);
        at = strchr(at, '}');
    }
    snprintf(out + n, size - n, "%s",
             strstr(pattern, "/value")  ? "?x=1&y=1"
             : strstr(pattern, "/mesh") ? "?resolution=8&level=0.5"
                                        : "");
}

static void every_route_has_its_head_and_its_options(void **state)
{
    (void)state;
    size_t n = 0;
    const struct http_route *routes = routes_table(&n);
    for (size_t i = 0; i < n; i++) {
        static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
        char path[256];
        make_path(routes[i].pattern, path, sizeof(path));
        struct said options = ask("OPTIONS %s HTTP/1.1\r\n" CLOSING "\r\n", path);
        if (said_status(&options) != 204 ||
            !strstr(said_header(&options, "Allow"), names[routes[i].method]))
            fail_msg("OPTIONS %s: %s", path, said_text(&options));
        assert_string_equal(said_header(&options, "Access-Control-Allow-Origin"), "");
        said_free(&options);
        struct said head = ask("HEAD %s HTTP/1.1\r\n" CLOSING "\r\n", path);
        if (!strstr(said_text(&head), "\r\n\r\n") || strstr(said_text(&head), "\r\n\r\n")[4])
            fail_msg("HEAD %s has a body: %s", path, said_text(&head));
        if (routes[i].method == HTTP_GET) {
            struct said get = ask("GET %s HTTP/1.1\r\n" CLOSING "\r\n", path);
            if (said_status(&get) != 200 || said_status(&head) != 200)
                fail_msg("%s: %u and %u", path, said_status(&get), said_status(&head));
            char type[128];
            snprintf(type, sizeof(type), "%.127s", said_header(&get, "Content-Type"));
            assert_string_equal(said_header(&head, "Content-Type"), type);
            assert_string_equal(said_header(&head, "X-Content-Type-Options"), "nosniff");
            said_free(&get);
        }
        said_free(&head);
    }
}

/* --- expectations and bodies --- */

#define UPLOAD "POST /v1/datasets?kind=image HTTP/1.1\r\n" CLOSING

static void a_body_that_will_be_refused_is_not_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head;
        unsigned status;
    } rows[] = {
        {"too large", UPLOAD "Content-Length: 100001\r\n", 413},
        {"with a coding", UPLOAD "Content-Encoding: gzip\r\nContent-Length: 5\r\n", 415},
        {"with two codings", UPLOAD "Content-Encoding: gzip, br\r\nContent-Length: 5\r\n", 415},
        {"without a length", UPLOAD, 411},
        {"to nowhere", "POST /v1/nowhere HTTP/1.1\r\n" CLOSING "Content-Length: 5\r\n", 404},
        {"by a wrong method", "PUT /v1/datasets HTTP/1.1\r\n" CLOSING "Content-Length: 5\r\n", 405},
        {"no JSON",
         "POST /v1/jobs HTTP/1.1\r\n" CLOSING "Content-Type: image/png\r\nContent-Length: 5\r\n",
         415},
        {"too much JSON",
         "POST /v1/jobs HTTP/1.1\r\n" CLOSING
         "Content-Type: application/json\r\nContent-Length: 1048577\r\n",
         413},
        {"from another site", UPLOAD "Sec-Fetch-Site: cross-site\r\nContent-Length: 5\r\n", 403},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct said said = ask("%sExpect: 100-continue\r\n\r\n", rows[i].head);
        assert_said_problem(rows[i].name, &said, rows[i].status);
        said_free(&said);
    }
    static const char *const unknown[] = {"a-miracle", "200-ok", "100-continue, a-miracle", ""};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct said said = ask(UPLOAD "Expect: %s\r\nContent-Length: 5\r\n\r\n", unknown[i]);
        assert_said_problem(unknown[i], &said, 417);
        said_free(&said);
    }
}

/* Send an upload of n bytes, in chunks or by length: no picture, so 422 is the best it can get. */
static unsigned upload_status(size_t n, bool is_chunked)
{
    char head[256], size[32];
    static char bytes[UPLOAD_LIMIT + 1];
    int socket = raw_connect(&service);
    snprintf(head, sizeof(head),
             is_chunked ? UPLOAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n"
                        : UPLOAD "Content-Length: %zu\r\n\r\n",
             n);
    snprintf(size, sizeof(size), is_chunked ? "\r\n0\r\n\r\n" : "%s", "");
    raw_send_text(socket, head);
    raw_send(socket, bytes, n);
    raw_send_text(socket, size);
    struct said said = raw_read(socket, PATIENCE_SECONDS);
    unsigned status = said_status(&said);
    assert_int_equal(said_count(&said, "HTTP/1.1 "), 1);
    assert_said_problem("upload", &said, status);
    said_free(&said);
    close(socket);
    return status;
}

static void the_limit_of_an_upload_is_exact(void **state)
{
    (void)state;
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        assert_int_equal(upload_status(UPLOAD_LIMIT - 1, is_chunked), 422);
        assert_int_equal(upload_status(UPLOAD_LIMIT, is_chunked), 422);
        assert_int_equal(upload_status(UPLOAD_LIMIT + 1, is_chunked), 413);
    }
}

/* Who goes on sending after the refusal is heard for a while, so that it gets to know of it. */
static void little_is_read_beyond_the_limit(void **state)
{
    enum { ALL = 64 << 20, KERNEL = 16 << 20 /* buffers of both ends */, BLOCK = 1 << 16 };
    static char bytes[BLOCK];
    size_t sent = 0;
    (void)state;
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        int socket = raw_connect(&service);
        raw_send_text(socket, is_chunked ? UPLOAD "Transfer-Encoding: chunked\r\n\r\n4000000\r\n"
                                         : UPLOAD "Content-Length: 67108864\r\n\r\n");
        for (sent = 0; sent < ALL && raw_send(socket, bytes, BLOCK); sent += BLOCK)
            ;
        assert_true(sent <= UPLOAD_LIMIT + LINGER_BYTES + KERNEL);
        struct said said = raw_read(socket, PATIENCE_SECONDS);
        assert_true(said.is_closed);
        assert_true(said_status(&said) == 413 || said_status(&said) == 0);
        said_free(&said);
        close(socket);
    }
}

/* --- ranges, conditions, types --- */

static void ranges_are_one_part_or_nothing(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20 };
    static const struct {
        const char *range;
        unsigned status;
        size_t length; /* of the part; 0: all of it, or none */
    } rows[] = {
        {"bytes=0-0", 206, 1},
        {"bytes=-5", 206, 5},
        {"bytes=0-99999999999999999999", 206, 0},
        {"bytes=-99999999999999999999", 206, 0},
        {"BYTES=0-0", 206, 1},
        {"bytes=-0", 416, 0},
        {"bytes=1048576-", 416, 0},
        {"bytes=18446744073709551615-", 416, 0},
        {"bytes=99999999999999999999-", 416, 0},
        {"bytes=5-2", 200, 0},
        {"bytes=0-0,2-3", 200, 0},
        {"bytes=0-0,-1", 200, 0},
        {"bytes=0-,0-,0-,0-,0-,0-,0-,0-", 200, 0},
        {"bytes=", 200, 0},
        {"bytes=-", 200, 0},
        {"bytes=0-0,", 200, 0},
        {"bytes=+0-1", 200, 0},
        {"bytes=0x0-1", 200, 0},
        {"bytes=-1-2", 200, 0},
        {"bytes=0 -1", 200, 0},
        {"lines=0-0", 200, 0},
        {"\xff", 200, 0},
    };
    assert_true(content_bytes > 5 && content_bytes < LARGE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct said said =
            ask("GET /v1/datasets/%s/content HTTP/1.1\r\n" CLOSING "Range: %s\r\n\r\n", dataset,
                rows[i].range);
        size_t length = strtoul(said_header(&said, "Content-Length"), NULL, 10);
        if (said_status(&said) != rows[i].status)
            fail_msg("%s: %u", rows[i].range, said_status(&said));
        if (rows[i].status == 416)
            assert_said_problem(rows[i].range, &said, 416);
        else
            assert_int_equal(length, rows[i].length ? rows[i].length : content_bytes);
        bool has_range = said_header(&said, "Content-Range")[0] != '\0';
        assert_int_equal(has_range, rows[i].status != 200);
        said_free(&said);
    }
}

static void conditions_that_are_none_are_not_met(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        unsigned status;
    } rows[] = {
        {"If-None-Match: *", 304},
        {"If-None-Match: \"", 200},
        {"If-None-Match: W/", 200},
        {"If-None-Match: W/\"", 200},
        {"If-None-Match: ,,,,", 200},
        {"If-None-Match: \"a\", \"b", 200},
        {"If-None-Match: \"a\" \"b\"", 200},
        {"If-None-Match: **", 200},
        {"If-None-Match: \xff\xfe", 200},
        {"If-None-Match: ", 200},
        {"If-Modified-Since: tomorrow", 200},
        {"Range: bytes=0-0\r\nIf-Range: \"x\"", 200},
        {"Range: bytes=0-0\r\nIf-Range: W/\"x\"", 200},
        {"Range: bytes=0-0\r\nIf-Range: \"", 200},
        {"Range: bytes=0-0\r\nIf-Range: *", 200},
        {"Range: bytes=0-0\r\nIf-Range: Thu, 01 Jan 1970 00:00:00 GMT", 200},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct said said = ask("GET /v1/datasets/%s/content HTTP/1.1\r\n" CLOSING "%s\r\n\r\n",
                               dataset, rows[i].headers);
        if (said_status(&said) != rows[i].status)
            fail_msg("%s: %u", rows[i].headers, said_status(&said));
        said_free(&said);
    }
}

static void types_that_are_none_are_not_given(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        unsigned status; /* of GET /, which can be HTML or JSON */
    } rows[] = {
        {"", 200},           {"*/*", 200},
        {"text/*", 200},     {"image/png, application/json;q=0.1", 200},
        {",,,,,,,,,,", 200}, {"image/png", 406},
        {"*/*;q=0", 406},    {"text/html;q=0", 406},
        {"///", 406},        {";q=", 406},
        {"*/json", 406},     {"text/html;q=nan", 406},
        {"\xff\xfe", 406},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct said said = ask("GET / HTTP/1.1\r\n" CLOSING "Accept: %s\r\n\r\n", rows[i].accept);
        if (rows[i].status == 406)
            assert_said_problem(rows[i].accept, &said, 406);
        else if (said_status(&said) != rows[i].status)
            fail_msg("%s: %u", rows[i].accept, said_status(&said));
        said_free(&said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_lead_to_what_they_say_or_nowhere),
        cmocka_unit_test(long_lines_heads_and_lists_are_refused),
        cmocka_unit_test(endless_lines_and_heads_are_refused_by_the_library),
        cmocka_unit_test(methods_are_known_allowed_or_neither),
        cmocka_unit_test(every_route_has_its_head_and_its_options),
        cmocka_unit_test(a_body_that_will_be_refused_is_not_asked_for),
        cmocka_unit_test(the_limit_of_an_upload_is_exact),
        cmocka_unit_test(little_is_read_beyond_the_limit),
        cmocka_unit_test(ranges_are_one_part_or_nothing),
        cmocka_unit_test(conditions_that_are_none_are_not_met),
        cmocka_unit_test(types_that_are_none_are_not_given),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
