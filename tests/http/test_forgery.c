/*
 * What a client writes and somebody else reads: headers of answers, lines of the log, a browser's
 * rights, a key that stands for one job.  Nobody can write there what is not theirs to say.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/http/fit.h"
#include "tests/http/raw.h"

static struct service service;
static char dataset[ID_TEXT];

enum { PATIENCE_SECONDS = 10, LOG_LINE_BYTES = 4096 };

static int start(void **state)
{
    static const char *const settings[] = {"--log-level", "debug", NULL};
    (void)state;
    service_start_under(&service, NULL, "log", settings);
    upload_picture(&service, 16, 1, dataset);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* --- names --- */

/* A part of a form with this file name, or a name in the query. */
static struct said upload(const char *query, const char *disposition, const struct bytes *file)
{
    char head[1024], part[512];
    struct bytes request = {0};
    snprintf(part, sizeof(part),
             "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"%s\r\n"
             "Content-Type: image/png\r\n\r\n",
             disposition);
    snprintf(head, sizeof(head),
             "POST /v1/datasets?kind=image%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
             "Content-Type: multipart/form-data; boundary=BOUNDARY\r\nContent-Length: %zu\r\n\r\n",
             query, strlen(part) + file->n + strlen("\r\n--BOUNDARY--\r\n"));
    bytes_append(&request, head, strlen(head));
    bytes_append(&request, part, strlen(part));
    bytes_append(&request, file->data, file->n);
    bytes_append(&request, "\r\n--BOUNDARY--\r\n", strlen("\r\n--BOUNDARY--\r\n"));
    struct said said = raw_ask(&service, request.data, request.n, PATIENCE_SECONDS);
    bytes_free(&request);
    return said;
}

/* The answer's head: no header that we did not send, no control character, one line each. */
static void assert_head_is_sound(const char *name, const struct said *said)
{
    const char *text = said_text(said), *end = strstr(text, "\r\n\r\n");
    assert_non_null(end);
    for (const char *at = text; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        bool is_line_end =
            (c == '\r' && at[1] == '\n') || (c == '\n' && at > text && at[-1] == '\r');
        if ((c < 0x20 || c >= 0x7f) && !is_line_end)
            fail_msg("%s: byte %02x in %.400s", name, c, text);
    }
    if (said_header(said, "Set-Cookie")[0] || said_header(said, "X-Forged")[0])
        fail_msg("%s: %.400s", name, text);
}

static void names_do_not_become_headers(void **state)
{
    (void)state;
    static const char *const names[] = {
        "%0d%0aSet-Cookie:%20a=b",
        "a%0aX-Forged:%20b",
        "a%0dX-Forged:%20b",
        "%22%3b%20filename=%22evil.exe",
        "%22%0d%0a%0d%0a%3Cscript%3E",
        "%1b%5b2J",
        "%e2%80%ae%e2%80%8f",
        "%c2%85a",
        "%5c%22",
        "..%2f..%2fetc%2fpasswd",
        "%c3%a9%f0%9f%98%80",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "%25250d%25250a",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct bytes png = sample_picture_png(16, 100 + (unsigned)i);
        char query[256], path[256];
        snprintf(query, sizeof(query), "&name=%s", names[i]);
        struct said said = upload(query, "", &png);
        assert_head_is_sound(names[i], &said);
        bool is_taken = said_status(&said) == 201;
        if (!is_taken)
            assert_said_problem(names[i], &said, 422);
        snprintf(path, sizeof(path), "%s", said_header(&said, "Location"));
        said_free(&said);
        if (is_taken) {
            char request[512];
            snprintf(request, sizeof(request),
                     "GET %s/content HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
            said = raw_ask_text(&service, request, PATIENCE_SECONDS);
            assert_int_equal(said_status(&said), 200);
            assert_head_is_sound(names[i], &said);
            const char *disposition = said_header(&said, "Content-Disposition");
            assert_memory_equal(disposition, "attachment", 10);
            assert_null(strstr(disposition, "; filename=\"evil"));
            assert_null(strstr(disposition, "../"));
            said_free(&said);
        }
        bytes_free(&png);
    }
}

static void file_names_do_not_become_headers(void **state)
{
    (void)state;
    static const struct {
        const char *disposition;
        unsigned status;
    } rows[] = {
        {"; filename=\"a\\\"; X-Forged: b\"", 201},
        {"; filename=\"../../../../etc/passwd\"", 201},
        {"; filename=\"C:\\\\a.png\"", 201},
        {"; filename=\"\x1b[2J\"", 422},
        {"; filename=\"\xe2\x80\xae gnp.exe\"", 422},
        {"; filename=\"\xff\xfe\"", 422},
        {"; filename*=UTF-8''%0d%0aX-Forged:%20b", 201},
        {"; filename=", 201},
        {"; filename=\"a", 201},
        {"; filename=\"a\r\n X-Forged: b\"", 201},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes png = sample_picture_png(16, 200 + (unsigned)i);
        const char *name = rows[i].disposition;
        struct said said = upload("", name, &png);
        assert_head_is_sound(name, &said);
        if (rows[i].status != 201)
            assert_said_problem(name, &said, rows[i].status);
        else if (said_status(&said) != 201)
            fail_msg("%s: %.400s", name, said_text(&said));
        said_free(&said);
        bytes_free(&png);
    }
}

/* --- other sites --- */

static void a_page_of_another_site_can_do_nothing(void **state)
{
    (void)state;
    static const char body[] = "{\"dataset_id\":\"ds_\"}";
    static const struct {
        const char *line, *headers;
        unsigned status;
    } rows[] = {
        {"POST /v1/jobs", "Content-Type: text/plain\r\n", 415},
        {"POST /v1/jobs", "Content-Type: application/x-www-form-urlencoded\r\n", 415},
        {"POST /v1/jobs", "Content-Type: multipart/form-data; boundary=a\r\n", 415},
        {"POST /v1/jobs", "", 415},
        {"POST /v1/jobs", "Content-Type: text/plain; application/json\r\n", 415},
        {"POST /v1/jobs", "Sec-Fetch-Site: cross-site\r\nContent-Type: text/plain\r\n", 403},
        {"POST /v1/jobs", "Sec-Fetch-Site: cross-site\r\nContent-Type: application/json\r\n", 403},
        {"POST /v1/datasets?kind=image", "Sec-Fetch-Site: Cross-Site\r\n", 403},
        {"POST /v1/jobs/job_x/cancel", "Sec-Fetch-Site: cross-site\r\n", 403},
        {"DELETE /v1/datasets/ds_x", "Sec-Fetch-Site: cross-site\r\n", 403},
        {"DELETE /v1/datasets/ds_x", "Sec-Fetch-Site: same-origin\r\n", 404},
        {"OPTIONS /v1/jobs", "Access-Control-Request-Method: POST\r\n", 204},
        {"GET /v1/jobs", "", 200},
        {"GET /v1/jobs", "Sec-Fetch-Site: cross-site\r\n", 200}, /* a link that is followed */
        {"GET /openapi.json", "", 200},
        {"GET /", "Accept: text/html\r\n", 200},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const char *const origins[] = {"http://evil.example", "null", "http://localhost"};
        for (size_t k = 0; k < sizeof(origins) / sizeof(origins[0]); k++) {
            char request[1024];
            snprintf(request, sizeof(request),
                     "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: %s\r\n%s"
                     "Content-Length: %zu\r\n\r\n%s",
                     rows[i].line, origins[k], rows[i].headers, strlen(body), body);
            struct said said = raw_ask_text(&service, request, PATIENCE_SECONDS);
            if (said_status(&said) != rows[i].status)
                fail_msg("%s %s: %.400s", rows[i].line, rows[i].headers, said_text(&said));
            const char *end = strstr(said_text(&said), "\r\n\r\n");
            const char *allows = strstr(said_text(&said), "Access-Control-");
            if (allows && allows < end)
                fail_msg("%s: %.400s", rows[i].line, said_text(&said));
            assert_string_equal(said_header(&said, "Set-Cookie"), "");
            said_free(&said);
        }
    }
    json_t *jobs = answer_json(service_get(&service, "/v1/jobs"), 200);
    assert_int_equal(json_array_size(member_get(jobs, "items")), 0);
    json_decref(jobs);
}

/* --- one key, one job --- */

static void many_posts_at_once_with_one_key_are_one_job(void **state)
{
    enum { POSTS = 50 };
    int sockets[POSTS];
    char body[512], request[1024], long_job[ID_TEXT], *first = NULL;
    (void)state;
    start_job(&service, dataset, 10000000, "", long_job); /* so that the one stays queued */
    wait_for_step(&service, long_job, 1);
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",\"train\":{\"steps\":1,\"batch_size\":16},"
             "\"labels\":{\"key\":\"one\"}}",
             dataset);
    snprintf(request, sizeof(request),
             "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: one\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    for (size_t i = 0; i < POSTS; i++) {
        sockets[i] = raw_connect(&service);
        assert_true(raw_send(sockets[i], request, strlen(request) - 1));
    }
    for (size_t i = 0; i < POSTS; i++) /* the last byte of all, as close together as can be */
        assert_true(raw_send(sockets[i], request + strlen(request) - 1, 1));
    for (size_t i = 0; i < POSTS; i++) {
        struct said said = raw_read(sockets[i], PATIENCE_SECONDS);
        if (said_status(&said) != 202)
            fail_msg("%.600s", said_text(&said));
        const char *answer = strstr(said_text(&said), "\r\n\r\n") + 4;
        if (!first)
            first = strdup(answer);
        assert_string_equal(answer, first);
        said_free(&said);
        close(sockets[i]);
    }
    free(first);
    json_t *jobs = answer_json(service_get(&service, "/v1/jobs?label=key:one"), 200);
    assert_int_equal(json_array_size(member_get(jobs, "items")), 1);
    json_decref(jobs);
    snprintf(request, sizeof(request), "/v1/jobs/%s/cancel", long_job);
    answer_status(service_send(&service, &(struct request){.method = "POST", .path = request}),
                  200);
}

/* --- the log --- */

/* One line: one JSON object of printable ASCII with a time, a level and an event of ours. */
static void assert_line_is_sound(const char *line, size_t n)
{
    if (n > LOG_LINE_BYTES)
        fail_msg("%zu bytes: %.100s", n, line);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < 0x20 || (unsigned char)line[i] >= 0x7f)
            fail_msg("byte %02x: %.300s", (unsigned char)line[i], line);
    }
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object))
        fail_msg("no object: %.300s", line);
    member_text(object, "time");
    member_text(object, "level");
    assert_string_not_equal(member_text(object, "event"), "forged");
    json_decref(object);
}

static struct bytes read_log(void)
{
    char path[128], part[65536];
    struct bytes log = {0};
    snprintf(path, sizeof(path), "%s/log", service.folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (ssize_t n; (n = read(fd, part, sizeof(part))) > 0;)
        bytes_append(&log, part, (size_t)n);
    close(fd);
    return log;
}

static void lines_of_the_log_cannot_be_forged(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "%0a%7b%22event%22:%22forged%22%7d",
        "%0d%0a",
        "%1b%5b31m",
        "%e2%80%ae%e2%81%a6",
        "%22,%22event%22:%22forged%22",
        "%5c",
        "%5cn",
        "%5cu0000",
        "%ef%bb%bf",
        "%f0%9f%98%80",
        "%3Cscript%3E",
        "a%c2%9bb",
    };
    char *request = malloc(32768);
    size_t n_requests = 0;
    assert_non_null(request);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        static const char *const forms[][2] = {
            {"GET /v1/jobs/", " HTTP/1.1\r\n"},
            {"GET /v1/jobs?label=", " HTTP/1.1\r\n"},
            {"POST /v1/datasets?kind=image&name=", " HTTP/1.1\r\nContent-Length: 1\r\n"}};
        for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
            int n = snprintf(request, 1024, "%s%s%s", forms[k][0], texts[i], forms[k][1]);
            snprintf(request + n, 1024,
                     "Host: x\r\nConnection: close\r\nUser-Agent: %s\r\nReferer: \"%s\r\n"
                     "X-Request-Id: %s\r\nX-Forwarded-For: \",\"event\":\"forged\r\n\r\nx",
                     "\xe2\x80\xae{\"event\":\"forged\"}", texts[i], "\",\"event\":\"forged");
            struct said said = raw_ask_text(&service, request, PATIENCE_SECONDS);
            if (said_status(&said) < 200 || said_status(&said) >= 500)
                fail_msg("%s: %.300s", texts[i], said_text(&said));
            assert_memory_equal(said_header(&said, "X-Request-Id"), "req_", 4);
            said_free(&said);
            n_requests++;
        }
    }
    /* A path of 8,000 bytes that each need six in the log. */
    size_t n = (size_t)sprintf(request, "GET /v1/jobs/");
    for (size_t i = 0; i < 1300; i++)
        n += (size_t)sprintf(request + n, "%%c3%%a9");
    sprintf(request + n, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: %05000d\r\n\r\n",
            0);
    struct said said = raw_ask_text(&service, request, PATIENCE_SECONDS);
    assert_said_problem("a long path", &said, 404);
    said_free(&said);
    n_requests++;
    free(request);

    assert_int_equal(service_stop(&service), 0); /* so that all is written */
    struct bytes log = read_log();
    size_t n_told = 0;
    for (const char *line = (const char *)log.data; *line;) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_line_is_sound(line, (size_t)(end - line));
        const char *event = strstr(line, "\"event\":\"request\"");
        n_told += event && event < end;
        line = end + 1;
    }
    assert_true(n_told >= n_requests);
    bytes_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_of_another_site_can_do_nothing),
        cmocka_unit_test(names_do_not_become_headers),
        cmocka_unit_test(file_names_do_not_become_headers),
        cmocka_unit_test(many_posts_at_once_with_one_key_are_one_job),
        cmocka_unit_test(lines_of_the_log_cannot_be_forged), /* last: it stops the service */
    };
    return cmocka_run_group_tests(tests, start, stop);
}
