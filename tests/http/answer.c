#include "tests/http/answer.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

void answer_free(struct answer *a)
{
    free(a->headers);
    bytes_free(&a->body);
    a->headers = NULL;
}

void bytes_append(struct bytes *b, const void *data, size_t n)
{
    uint8_t *grown = realloc(b->data, b->n + n + 1);
    assert_non_null(grown);
    memcpy(grown + b->n, data, n);
    b->data = grown;
    b->n += n;
    b->data[b->n] = '\0';
}

static size_t take_bytes(char *data, size_t size, size_t n, void *context)
{
    bytes_append(context, data, size * n);
    return size * n;
}

static struct curl_slist *list_headers(const struct request *request)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char type[128];
    snprintf(type, sizeof(type), "Content-Type: %s", request->content_type);
    list = curl_slist_append(list, request->content_type ? type : "Content-Type:");
    for (size_t i = 0; i < sizeof(request->headers) / sizeof(request->headers[0]); i++) {
        if (request->headers[i])
            list = curl_slist_append(list, request->headers[i]);
    }
    return list;
}

/* What has come of an answer, and where to hang up. */
struct taking {
    struct bytes body;
    const char *until;
};

/* Taking less than was given makes libcurl hang up. */
static size_t take_body(char *data, size_t size, size_t n, void *context)
{
    struct taking *taking = context;
    bytes_append(&taking->body, data, size * n);
    bool is_enough = taking->until && strstr((const char *)taking->body.data, taking->until);
    return is_enough ? 0 : size * n;
}

static CURLcode perform(const struct service *s, const struct request *request, double seconds,
                        struct answer *answer)
{
    struct taking taking = {.until = request->until};
    struct bytes headers = {0};
    char url[2048];
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    snprintf(url, sizeof(url), "%s%s", s->url, request->path);
    struct curl_slist *list = list_headers(request);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(seconds * 1000));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taking);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &headers);
    if (request->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->n_body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    if (request->method && strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (request->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    answer->headers = (char *)headers.data;
    answer->body = taking.body;
    return code;
}

struct answer service_send(const struct service *s, const struct request *request)
{
    struct answer answer = {0};
    CURLcode code = perform(s, request, 60 * SLOWNESS, &answer);
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && request->until))
        fail_msg("%s%s: %s", s->url, request->path, curl_easy_strerror(code));
    return answer;
}

enum sent service_try(const struct service *s, const struct request *request, double seconds,
                      struct answer *answer)
{
    *answer = (struct answer){0};
    CURLcode code = perform(s, request, seconds, answer);
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && request->until))
        return SENT_ANSWERED;
    return code == CURLE_OPERATION_TIMEDOUT ? SENT_LATE : SENT_CUT;
}

struct answer service_get(const struct service *s, const char *path, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(text, sizeof(text), path, arguments);
    va_end(arguments);
    return service_send(s, &(struct request){.path = text});
}

struct answer service_delete(const struct service *s, const char *path, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(text, sizeof(text), path, arguments);
    va_end(arguments);
    return service_send(s, &(struct request){.method = "DELETE", .path = text});
}

struct answer service_post_json(const struct service *s, const char *path, const char *json)
{
    return service_send(s, &(struct request){.path = path,
                                             .content_type = "application/json",
                                             .body = json,
                                             .n_body = strlen(json)});
}

/* --- streams --- */

struct listener {
    struct bytes text;
    const char *mark;
    size_t times;
};

/* Taking less than was given makes libcurl hang up. */
static size_t listen_on(char *data, size_t size, size_t n, void *context)
{
    struct listener *listener = context;
    size_t found = 0, length = strlen(listener->mark);
    bytes_append(&listener->text, data, size * n);
    for (const char *at = (const char *)listener->text.data; (at = strstr(at, listener->mark));) {
        at += length;
        found++;
    }
    return found < listener->times ? size * n : 0;
}

struct bytes service_read_stream(const struct service *s, const char *path, const char *header,
                                 const char *mark, size_t times)
{
    struct listener listener = {.mark = mark, .times = times};
    char url[256];
    long status = 0;
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    snprintf(url, sizeof(url), "%s%s", s->url, path);
    struct curl_slist *list = header ? curl_slist_append(NULL, header) : NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L * SLOWNESS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, listen_on);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &listener);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK && code != CURLE_WRITE_ERROR)
        fail_msg("%s: %s", url, curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 200);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return listener.text;
}

/* --- answers --- */

const char *answer_header(const struct answer *a, const char *name)
{
    static char value[1024];
    size_t length = strlen(name);
    value[0] = '\0';
    for (const char *line = a->headers; line && *line; line = strchr(line, '\n') + 1) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *start = line + length + 1;
            start += strspn(start, " ");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(start, "\r\n"), start);
        }
    }
    return value;
}

/* A wrong status is told with what the service said. */
static void check_status(const struct answer *a, long status)
{
    if (a->status != status)
        fail_msg("status %ld, expected %ld: %.400s", a->status, status,
                 a->body.data ? (const char *)a->body.data : "");
}

void answer_status(struct answer a, long status)
{
    check_status(&a, status);
    answer_free(&a);
}

json_t *answer_json(struct answer a, long status)
{
    check_status(&a, status);
    assert_memory_equal(answer_header(&a, "Content-Type"), "application/", 12);
    json_t *json = json_loadb((const char *)a.body.data, a.body.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    answer_free(&a);
    return json;
}

void answer_problem(struct answer a, long status, const char *pointer)
{
    check_status(&a, status);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/problem+json");
    json_t *problem = answer_json(a, status);
    assert_int_equal(member_integer(problem, "status"), status);
    static const char *const texts[] = {"type", "title", "detail", "instance", "request_id"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        member_text(problem, texts[i]);
    assert_true(strlen(member_text(problem, "detail")) > 0);
    if (pointer) {
        const json_t *first = json_array_get(member_get(problem, "errors"), 0);
        assert_string_equal(member_text(first, "pointer"), pointer);
        assert_true(strlen(member_text(first, "detail")) > 0);
    }
    json_decref(problem);
}

/* --- JSON --- */

const json_t *member_get(const json_t *object, const char *path)
{
    char name[64];
    const json_t *value = object;
    for (const char *part = path; *part;) {
        size_t length = strcspn(part, ".");
        snprintf(name, sizeof(name), "%.*s", (int)length, part);
        value = json_object_get(value, name);
        if (!value)
            fail_msg("'%s' is missing", path);
        part += length + (part[length] == '.');
    }
    return value;
}

const char *member_text(const json_t *object, const char *path)
{
    const json_t *value = member_get(object, path);
    if (!json_is_string(value))
        fail_msg("'%s' is not a string", path);
    return json_string_value(value);
}

double member_number(const json_t *object, const char *path)
{
    const json_t *value = member_get(object, path);
    if (!json_is_number(value))
        fail_msg("'%s' is not a number", path);
    return json_number_value(value);
}

int64_t member_integer(const json_t *object, const char *path)
{
    const json_t *value = member_get(object, path);
    if (!json_is_integer(value))
        fail_msg("'%s' is not an integer", path);
    return json_integer_value(value);
}
