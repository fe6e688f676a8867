#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/problem.h"
#include "core/base/mem.h"
#include "server/log.h"

static struct http_request request_of(const char *path)
{
    struct http_request request = {.path = path};
    snprintf(request.id, sizeof request.id, "req_0123456789abcdefghjkmnpqrs");
    return request;
}

/* The problem as JSON; takes the response's bytes. */
static json_t *body_of(struct http_response *response)
{
    assert_string_equal(response->content_type, "application/problem+json");
    assert_int_equal(response->body_type, BODY_BYTES);
    json_t *body = json_loadb((const char *)response->bytes, response->n_bytes, 0, NULL);
    assert_non_null(body);
    mem_free(response->bytes);
    return body;
}

static const char *text_at(const json_t *body, const char *member)
{
    return json_string_value(json_object_get(body, member));
}

static const char *header_of(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->n_headers; i++)
        if (strcmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}

static void every_status_has_its_http_status_and_type(void **state)
{
    (void)state;
    static const struct {
        enum status status;
        unsigned http;
        const char *type;
        bool is_retried, is_hidden;
    } cases[] = {
        {STATUS_INVALID, 422, "/problems/invalid", false, false},
        {STATUS_NOT_FOUND, 404, "/problems/not_found", false, false},
        {STATUS_CONFLICT, 409, "/problems/conflict", false, false},
        {STATUS_TOO_LARGE, 413, "/problems/too_large", false, false},
        {STATUS_UNSUPPORTED, 422, "/problems/unsupported", false, false},
        {STATUS_CANCELED, 503, "/problems/unavailable", true, false},
        {STATUS_BUSY, 429, "/problems/busy", true, false},
        {STATUS_NO_MEMORY, 503, "/problems/unavailable", true, true},
        {STATUS_NO_SPACE, 507, "/problems/no_space", false, false},
        {STATUS_IO, 500, "/problems/internal", false, true},
        {STATUS_INTERNAL, 500, "/problems/internal", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request request = request_of("/v1/jobs");
        struct http_response response = {0};
        struct error err = {0};
        error_set(&err, cases[i].status, "", "the word 'secret'");
        problem_respond(&request, &err, &response);
        assert_int_equal(response.status, cases[i].http);
        assert_int_equal(problem_http_status(cases[i].status), cases[i].http);
        assert_int_equal(header_of(&response, "Retry-After") != NULL, cases[i].is_retried);
        json_t *body = body_of(&response);
        assert_string_equal(text_at(body, "type"), cases[i].type);
        assert_int_equal(json_integer_value(json_object_get(body, "status")), cases[i].http);
        assert_string_equal(text_at(body, "instance"), "/v1/jobs");
        assert_string_equal(text_at(body, "request_id"), request.id);
        assert_true(strlen(text_at(body, "title")) > 0);
        assert_int_equal(strstr(text_at(body, "detail"), "secret") == NULL, cases[i].is_hidden);
        assert_null(json_object_get(body, "errors"));
        json_decref(body);
    }
}

static void an_error_with_a_place_has_a_pointer(void **state)
{
    (void)state;
    struct http_request request = request_of("/v1/jobs");
    struct http_response response = {0};
    struct error err = {0};
    error_set(&err, STATUS_INVALID, "/cursor", "'cursor' is not ours");
    problem_respond(&request, &err, &response);
    json_t *body = body_of(&response);
    const json_t *first = json_array_get(json_object_get(body, "errors"), 0);
    assert_string_equal(text_at(first, "pointer"), "/cursor");
    assert_string_equal(text_at(first, "detail"), "'cursor' is not ours");
    json_decref(body);
}

static void a_list_tells_all_places_at_once(void **state)
{
    (void)state;
    struct http_request request = request_of("/v1/jobs");
    struct http_response response = {0};
    struct problem_list list = {0};
    problem_add(&list, STATUS_UNSUPPORTED, "/train/precision", "no");
    for (int i = 0; i < 2 * PROBLEM_MAX_ITEMS; i++)
        problem_add(&list, STATUS_INVALID, "/train/steps", "number %d", i);
    assert_int_equal(list.status, STATUS_UNSUPPORTED);
    problem_respond_list(&request, &list, &response);
    assert_int_equal(response.status, 422);
    json_t *body = body_of(&response);
    assert_string_equal(text_at(body, "type"), "/problems/unsupported");
    assert_int_equal(json_array_size(json_object_get(body, "errors")), PROBLEM_MAX_ITEMS);
    json_decref(body);
}

static void broken_syntax_is_400(void **state)
{
    (void)state;
    struct http_request request = request_of("/v1/jobs");
    struct http_response response = {0};
    struct problem_list list = {.is_syntax = true};
    problem_add(&list, STATUS_INVALID, "", "line 1");
    problem_respond_list(&request, &list, &response);
    assert_int_equal(response.status, 400);
    json_t *body = body_of(&response);
    assert_null(json_object_get(body, "errors"));
    json_decref(body);
}

static void broken_syntax_names_its_place_where_there_is_one(void **state)
{
    (void)state;
    struct http_request request = request_of("/v1/jobs");
    struct http_response response = {0};
    struct problem_list list = {.is_syntax = true};
    problem_add(&list, STATUS_INVALID, "/train/seed", "line 1");
    problem_respond_list(&request, &list, &response);
    assert_int_equal(response.status, 400);
    json_t *body = body_of(&response);
    const json_t *first = json_array_get(json_object_get(body, "errors"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "pointer")), "/train/seed");
    json_decref(body);
}

/* Words are cut to their place, and clients send any bytes: the answer is JSON all the same. */
static void words_that_are_not_utf8_are_repaired(void **state)
{
    (void)state;
    static const char *const words[] = {"torn \xc3", "torn \xf0\x9f\x98", "bad \xff byte",
                                        "whole \xc3\xa9"};
    static const char *const expected[] = {"torn ", "torn ", "bad ? byte", "whole \xc3\xa9"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct http_request request = request_of(words[i]);
        struct http_response response = {0};
        struct error err = {0};
        error_set(&err, STATUS_INVALID, words[i], "%s", words[i]);
        problem_respond(&request, &err, &response);
        json_t *body = body_of(&response);
        assert_string_equal(text_at(body, "detail"), expected[i]);
        json_decref(body);
    }
}

static void http_alone_knows_its_problems(void **state)
{
    (void)state;
    static const unsigned statuses[] = {400, 401, 403, 404, 405, 406, 408, 409, 411, 413, 414,
                                        415, 416, 417, 422, 429, 431, 500, 501, 503, 507};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct http_request request = request_of("/");
        struct http_response response = {0};
        problem_errors.respond(&request, statuses[i], NULL, &response);
        assert_int_equal(response.status, statuses[i]);
        json_t *body = body_of(&response);
        assert_int_equal(json_integer_value(json_object_get(body, "status")), statuses[i]);
        assert_int_equal(strncmp(text_at(body, "type"), "/problems/", 10), 0);
        json_decref(body);
    }
}

int main(void)
{
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_http_status_and_type),
        cmocka_unit_test(an_error_with_a_place_has_a_pointer),
        cmocka_unit_test(a_list_tells_all_places_at_once),
        cmocka_unit_test(broken_syntax_is_400),
        cmocka_unit_test(broken_syntax_names_its_place_where_there_is_one),
        cmocka_unit_test(words_that_are_not_utf8_are_repaired),
        cmocka_unit_test(http_alone_knows_its_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
