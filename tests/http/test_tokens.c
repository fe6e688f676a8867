/* Tokens, from outside: the program where others can reach it, and `farfield token` beside it. */
#include <curl/curl.h>
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/routes.h"
#include "tests/http/fit.h"
#include "tests/http/tokens.h"

static struct service service; /* where others can reach it */
static char first[TOKEN_TEXT];

static const char *const reachable[] = {"--listen", "0.0.0.0:0", "--log-level", "error", NULL};

static int start(void **state)
{
    (void)state;
    service_start_logged(&service, reachable);
    return token_find_first(&service, first) == 1 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* --- every route --- */

/* "/v1/jobs/{id}" -> "/v1/jobs/none" */
static void fill_pattern(const char *pattern, char out[LINE_TEXT])
{
    size_t n = 0;
    for (const char *p = pattern; *p; p++) {
        if (*p != '{') {
            out[n++] = *p;
            continue;
        }
        n += (size_t)snprintf(out + n, LINE_TEXT - n, "none");
        p = strchr(p, '}');
    }
    out[n] = '\0';
}

static struct answer ask_route(const struct http_route *route, const char *method,
                               const char *authorization)
{
    char path[LINE_TEXT];
    fill_pattern(route->pattern, path);
    bool has_body = route->body != ROUTE_NO_BODY;
    return service_send(&service,
                        &(struct request){.method = method,
                                          .path = path,
                                          .content_type = has_body ? "application/json" : NULL,
                                          .body = has_body ? "{}" : NULL,
                                          .n_body = has_body ? 2 : 0,
                                          .headers = {"Accept: application/json", authorization}});
}

static void every_route_asks_for_a_token_unless_it_is_open(void **state)
{
    (void)state;
    static const char *const methods[] = {
        [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"};
    char revoked[TOKEN_TEXT], headers[4][LINE_TEXT], right[LINE_TEXT];
    token_create(&service, "to be revoked", revoked);
    assert_int_equal(service_status(&service, "/v1/jobs", revoked), 200);
    assert_int_equal(token_revoke(&service, revoked), 0);
    headers[0][0] = '\0';
    snprintf(headers[1], LINE_TEXT, "Authorization: Bearer farfield_, %.60s", first);
    token_header("farfield_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjkmnpqrstv",
                 headers[2]);
    token_header(revoked, headers[3]);
    token_header(first, right);

    size_t n_routes = 0, n_refusals = 0, n_open = 0;
    const struct http_route *routes = routes_table(&n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        const struct http_route *route = &routes[i];
        bool is_open = route->flags & ROUTE_OPEN;
        n_open += is_open;
        for (size_t k = 0; k < 4; k++) {
            struct answer a =
                ask_route(route, methods[route->method], headers[k][0] ? headers[k] : NULL);
            if ((a.status == 401) == is_open)
                fail_msg("%s %s with '%s': %ld", methods[route->method], route->pattern, headers[k],
                         a.status);
            if (is_open) {
                answer_free(&a);
                continue;
            }
            assert_memory_equal(answer_header(&a, "WWW-Authenticate"), "Bearer", 6);
            answer_problem(a, 401, NULL);
            n_refusals++;
        }
        if (route->method == HTTP_GET && !is_open)
            answer_status(ask_route(route, "HEAD", NULL), 401);
        if (!is_open)
            answer_status(ask_route(route, "OPTIONS", NULL), 401);
        struct answer a = ask_route(route, methods[route->method], right);
        if (a.status == 401 || a.status >= 500)
            fail_msg("%s %s with a token: %ld", methods[route->method], route->pattern, a.status);
        answer_free(&a);
    }
    assert_int_equal(n_refusals, 4 * (n_routes - n_open));
    assert_true(n_open == 3 && n_routes > 20);
    answer_status(service_get(&service, "/healthz"), 200);
    answer_status(service_get(&service, "/assets/app.js"), 200);
    answer_problem(service_get(&service, "/v1/nothing"), 401, NULL);
    answer_problem(service_get(&service, "/v1/jobs?token=%s", first), 401, NULL);
}

static void a_browser_gets_the_page_that_asks_for_a_token(void **state)
{
    (void)state;
    char header[LINE_TEXT];
    token_header(first, header);
    struct answer a = service_send(
        &service, &(struct request){.path = "/", .headers = {"Accept: text/html,*/*;q=0.8"}});
    struct answer in = service_send(
        &service, &(struct request){.path = "/", .headers = {header, "If-None-Match: x"}});
    assert_int_equal(a.status, 401);
    assert_memory_equal(answer_header(&a, "Content-Type"), "text/html", 9);
    assert_memory_equal(answer_header(&a, "WWW-Authenticate"), "Bearer", 6);
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    const char *policy = answer_header(&a, "Content-Security-Policy");
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_int_equal(in.status, 200);
    assert_int_equal(a.body.n, in.body.n);
    assert_memory_equal(a.body.data, in.body.data, a.body.n);
    assert_null(strstr((const char *)a.body.data, "farfield_")); /* no secrets */
    /* All that the page needs to ask is open. */
    const char *at = (const char *)a.body.data;
    size_t n = 0;
    while ((at = strstr(at, "=\"/")) != NULL) {
        char path[LINE_TEXT];
        at += 2;
        snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, "\""), at);
        if (strncmp(path, "/assets/", 8) == 0) {
            answer_status(service_get(&service, "%s", path), 200);
            n++;
        }
    }
    assert_true(n >= 3);
    assert_null(strstr((const char *)a.body.data, "/favicon.ico"));
    answer_free(&a);
    answer_free(&in);
    char etag[LINE_TEXT];
    in = service_send(&service, &(struct request){.path = "/", .headers = {header}});
    snprintf(etag, sizeof(etag), "If-None-Match: %.100s", answer_header(&in, "ETag"));
    answer_free(&in);
    answer_status(service_send(&service, &(struct request){.path = "/", .headers = {etag}}), 401);
}

static void whoever_takes_anything_gets_a_problem(void **state)
{
    (void)state;
    static const char *const accepts[] = {"Accept: */*", "Accept: image/png",
                                          "Accept:", "Accept: application/json",
                                          "Accept: text/html;q=0"};
    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++)
        answer_problem(
            service_send(&service, &(struct request){.path = "/", .headers = {accepts[i]}}), 401,
            NULL);
}

static void several_authorization_headers_are_refused(void **state)
{
    (void)state;
    char header[LINE_TEXT];
    token_header(first, header);
    answer_problem(
        service_send(&service, &(struct request){.path = "/v1/jobs", .headers = {header, header}}),
        400, NULL);
}

/* --- coming and going --- */

/* On one connection that stays open, as browsers and libraries do it. */
static long ask_again(CURL *curl, const char *token)
{
    char url[LINE_TEXT], header[LINE_TEXT];
    long status = 0;
    token_header(token, header);
    snprintf(url, sizeof(url), "%s/v1/presets", service.url);
    struct curl_slist *list = curl_slist_append(NULL, header);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L * SLOWNESS);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(list);
    return status;
}

static void a_token_holds_at_once_and_no_longer_than_it_may(void **state)
{
    (void)state;
    const int rounds = SLOWNESS > 1 ? 12 : 50;
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    for (int i = 0; i < rounds; i++) {
        char token[TOKEN_TEXT], id[TOKEN_TEXT];
        token_create(&service, "comes and goes", token);
        token_id(token, id);
        assert_int_equal(service_status(&service, "/v1/jobs", token), 200);
        assert_int_equal(ask_again(curl, token), 200);
        assert_int_equal(token_revoke(&service, i % 2 ? id : token), 0);
        assert_int_equal(
            i % 3 ? service_status(&service, "/v1/jobs", token) : ask_again(curl, token), 401);
        assert_int_equal(ask_again(curl, token), 401);
        if (i == 0)
            assert_int_equal(token_revoke(&service, id), 1); /* it is gone */
    }
    curl_easy_cleanup(curl);
    assert_int_equal(service_status(&service, "/v1/jobs", first), 200);
}

static void a_list_names_tokens_and_does_not_show_them(void **state)
{
    (void)state;
    char token[TOKEN_TEXT], id[TOKEN_TEXT], mark[LINE_TEXT];
    token_create(&service, "gr\xc3\xbcn, of the laptop", token);
    token_id(token, id);
    char *text = token_list(&service);
    assert_null(strstr(text, token));
    assert_null(strstr(text, token + 17)); /* nor the secret alone */
    snprintf(mark, sizeof(mark), "%s  20", id);
    assert_non_null(strstr(text, mark));
    assert_non_null(strstr(text, "Z  gr\xc3\xbcn, of the laptop\n"));
    assert_non_null(strstr(text, "Z  first\n"));
    free(text);
    assert_int_equal(token_revoke(&service, token), 0);
    text = token_list(&service);
    assert_null(strstr(text, id));
    free(text);
    assert_int_equal(token_revoke(&service, "00000000"), 1);
    assert_int_equal(token_revoke(&service, "no-id"), 1);
    assert_int_equal(token_revoke(&service, ""), 2);
    char data[LINE_TEXT];
    service_data(&service, data);
    const char *const arguments[] = {"token", "create", "--data", data, "--name", "a\nb", NULL};
    assert_int_equal(program_run(arguments, NULL), 2);
}

/* Fifty clients, while tokens come and go.  phase says what holds when a request begins. */
enum phase { HOLDS, BEING_REVOKED, REVOKED, DONE };

struct client {
    pthread_t thread;
    _Atomic(enum phase) *phase;
    const char *token;
    bool stays; /* its token is not the one that is revoked */
    char wrong[LINE_TEXT];
    size_t n_requests, n_refused;
};

static void *keep_asking(void *argument)
{
    struct client *c = argument;
    CURL *curl = curl_easy_init();
    for (enum phase before; (before = atomic_load(c->phase)) != DONE;) {
        long status = ask_again(curl, c->token);
        enum phase after = atomic_load(c->phase);
        bool must_be_in = c->stays || after == HOLDS, must_be_out = !c->stays && before == REVOKED;
        if ((status != 200 && status != 401) || (must_be_in && status != 200) ||
            (must_be_out && status != 401))
            snprintf(c->wrong, sizeof(c->wrong), "%ld between phases %d and %d", status,
                     (int)before, (int)after);
        c->n_requests++;
        c->n_refused += status == 401;
    }
    curl_easy_cleanup(curl);
    return NULL;
}

static void fifty_clients_are_answered_rightly_while_tokens_are_revoked(void **state)
{
    (void)state;
    enum { CLIENTS = 50, OTHERS = 5 };
    static struct client clients[CLIENTS];
    char goes[TOKEN_TEXT], other[TOKEN_TEXT];
    _Atomic(enum phase) phase = HOLDS;
    token_create(&service, "goes", goes);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] =
            (struct client){.phase = &phase, .token = i % 2 ? goes : first, .stays = i % 2 == 0};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, keep_asking, &clients[i]), 0);
    }
    for (int i = 0; i < OTHERS; i++) { /* changes that concern none of them */
        token_create(&service, "other", other);
        assert_int_equal(token_revoke(&service, other), 0);
    }
    atomic_store(&phase, BEING_REVOKED);
    assert_int_equal(token_revoke(&service, goes), 0);
    atomic_store(&phase, REVOKED);
    for (int i = 0; i < OTHERS; i++) {
        token_create(&service, "other", other);
        assert_int_equal(service_status(&service, "/v1/jobs", other), 200);
        assert_int_equal(token_revoke(&service, other), 0);
    }
    atomic_store(&phase, DONE);
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        if (clients[i].wrong[0])
            fail_msg("client %zu: %s", i, clients[i].wrong);
        assert_true(clients[i].n_requests > 0);
        assert_true(clients[i].stays == (clients[i].n_refused == 0));
    }
}

static void an_event_stream_ends_soon_after_its_token_is_revoked(void **state)
{
    (void)state;
    char token[TOKEN_TEXT], header[LINE_TEXT], admin[LINE_TEXT], path[LINE_TEXT], body[256];
    token_header(first, admin);
    struct bytes png = sample_picture_png(32, 1);
    json_t *dataset = answer_json(service_send(&service, &(struct request){.path = "/v1/datasets",
                                                                           .body = png.data,
                                                                           .n_body = png.n,
                                                                           .headers = {admin}}),
                                  201);
    bytes_free(&png);
    snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"train\":{\"steps\":10000000}}",
             member_text(dataset, "id"));
    json_decref(dataset);
    json_t *job =
        answer_json(service_send(&service, &(struct request){.path = "/v1/jobs",
                                                             .content_type = "application/json",
                                                             .body = body,
                                                             .n_body = strlen(body),
                                                             .headers = {admin}}),
                    202);
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", member_text(job, "id"));
    token_create(&service, "watches", token);
    token_header(token, header);
    struct bytes text = service_read_stream(&service, path, header, "event: ", 2);
    assert_true(text.n > 0); /* it works as long as it may */
    bytes_free(&text);

    pid_t child = fork(); /* the stream is read while somebody else revokes its token */
    if (child == 0) {
        pause_briefly();
        _exit(token_revoke(&service, token));
    }
    double begun = now_seconds();
    text = service_read_stream(&service, path, header, "event: done", 1);
    assert_true(now_seconds() - begun < 10 * SLOWNESS); /* the job goes on for hours */
    assert_null(strstr((const char *)text.data, "event: done"));
    bytes_free(&text);
    assert_int_equal(service_status(&service, path, token), 401);
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", member_text(job, "id"));
    answer_status(
        service_send(&service,
                     &(struct request){.method = "POST", .path = path, .headers = {admin}}),
        200);
    json_decref(job);
    int exit_status = -1;
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    assert_int_equal(exit_status, 0);
}

/* --- starting --- */

static void the_first_start_makes_one_token_and_the_next_none(void **state)
{
    (void)state;
    struct service other = {.pid = 0};
    char token[TOKEN_TEXT];
    service_start_logged(&other, reachable); /* at level error: it is shown all the same */
    assert_int_equal(token_find_first(&other, token), 1);
    struct bytes log = service_read_log(&other);
    assert_int_equal(bytes_count(&log, token), 2); /* itself, and in the dashboard's address */
    bytes_free(&log);
    assert_int_equal(service_status(&other, "/v1/jobs", token), 200);
    assert_int_equal(service_status(&other, "/v1/jobs", NULL), 401);
    assert_int_equal(service_stop(&other), 0);

    service_start_logged(&other, reachable);
    log = service_read_log(&other);
    assert_int_equal(bytes_count(&log, "first token made"), 1); /* of the start before */
    bytes_free(&log);
    assert_int_equal(service_status(&other, "/v1/jobs", token), 200);
    assert_int_equal(token_revoke(&other, token), 0);
    assert_int_equal(service_status(&other, "/v1/jobs", token), 401);
    assert_int_equal(service_stop(&other), 0);

    service_start_logged(&other, reachable); /* nobody could come in: there is a new one */
    assert_int_equal(service_status(&other, "/v1/jobs", token), 401);
    log = service_read_log(&other);
    assert_int_equal(bytes_count(&log, "first token made"), 2);
    bytes_free(&log);
    assert_int_equal(service_stop(&other), 0);

    const char *const local[] = {"--log-level", "info", NULL};
    service_start_logged(&other, local); /* on loopback nobody is asked */
    assert_int_equal(service_status(&other, "/v1/jobs", NULL), 200);
    assert_int_equal(service_status(&other, "/v1/jobs", "whatever"), 200);
    service_remove(&other);
}

static void a_token_made_before_the_first_start_is_enough(void **state)
{
    (void)state;
    struct service other = {.pid = 0};
    char token[TOKEN_TEXT];
    const char *root = getenv("TMPDIR");
    snprintf(other.folder, sizeof(other.folder), "%.40s/farfield-XXXXXX", root ? root : "/tmp");
    assert_non_null(mkdtemp(other.folder));
    token_create(&other, "mine", token);
    service_start_logged(&other, reachable);
    assert_int_equal(service_status(&other, "/v1/jobs", token), 200);
    struct bytes log = service_read_log(&other);
    assert_int_equal(bytes_count(&log, "first token made"), 0);
    bytes_free(&log);
    service_remove(&other);
}

static void no_auth_asks_nobody_and_warns(void **state)
{
    (void)state;
    static const char *const settings[] = {"--listen", "0.0.0.0:0", "--no-auth", NULL};
    static const char *const by_environment[] = {"--listen", "0.0.0.0:0", NULL};
    for (int i = 0; i < 2; i++) {
        struct service other = {.pid = 0};
        if (i)
            setenv("FARFIELD_NO_AUTH", "1", 1);
        service_start_logged(&other, i ? by_environment : settings);
        unsetenv("FARFIELD_NO_AUTH");
        assert_int_equal(service_status(&other, "/v1/jobs", NULL), 200);
        struct bytes log = service_read_log(&other);
        assert_int_equal(bytes_count(&log, "first token made"), 0);
        assert_int_equal(bytes_count(&log, "asks for no token"), 1);
        bytes_free(&log);
        service_remove(&other);
    }
}

/* --- secrets --- */

static size_t search_folder(const char *path, char tokens[][TOKEN_TEXT], size_t n_tokens)
{
    size_t n_files = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%.200s/%.255s", path, entry->d_name);
        if (entry->d_type == DT_DIR) {
            n_files += search_folder(name, tokens, n_tokens);
            continue;
        }
        struct bytes b = read_file(name);
        for (size_t i = 0; i < n_tokens; i++) {
            if (bytes_count(&b, tokens[i] + 17) > 0) /* the secret, without its id */
                fail_msg("'%s' has a token in it", name);
        }
        bytes_free(&b);
        n_files++;
    }
    closedir(folder);
    return n_files;
}

static void tokens_are_kept_nowhere(void **state)
{
    (void)state;
    struct service other = {.pid = 0};
    static const char *const settings[] = {"--listen", "0.0.0.0:0", "--log-level", "debug", NULL};
    char tokens[4][TOKEN_TEXT], data[LINE_TEXT], path[64];
    service_start_logged(&other, settings);
    assert_int_equal(token_find_first(&other, tokens[0]), 1);
    for (int i = 1; i < 4; i++)
        token_create(&other, "one", tokens[i]);
    assert_int_equal(token_revoke(&other, tokens[3]), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(service_status(&other, "/v1/jobs", tokens[i]), i < 3 ? 200 : 401);
        assert_int_equal(service_status(&other, "/v1/nothing", tokens[i]), i < 3 ? 404 : 401);
    }
    service_data(&other, data);
    assert_true(search_folder(data, tokens, 4) >= 4); /* databases, their logs, lock, epoch */
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)other.pid);
    struct bytes words = read_file(path);
    assert_true(words.n > 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(bytes_count(&words, tokens[i]), 0);
    bytes_free(&words);
    assert_int_equal(service_stop(&other), 0);
    search_folder(data, tokens, 4); /* and once the logs have gone into the databases */
    struct bytes log = service_read_log(&other);
    for (int i = 0; i < 4; i++)
        assert_int_equal(bytes_count(&log, tokens[i] + 17), i == 0 ? 2 : 0);
    char id[TOKEN_TEXT], mark[LINE_TEXT];
    token_id(tokens[1], id);
    snprintf(mark, sizeof(mark), "\"token\":\"%s\"", id);
    assert_int_equal(bytes_count(&log, mark), 2); /* who it was: by its id */
    bytes_free(&log);
    service_remove(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_asks_for_a_token_unless_it_is_open),
        cmocka_unit_test(a_browser_gets_the_page_that_asks_for_a_token),
        cmocka_unit_test(whoever_takes_anything_gets_a_problem),
        cmocka_unit_test(several_authorization_headers_are_refused),
        cmocka_unit_test(a_token_holds_at_once_and_no_longer_than_it_may),
        cmocka_unit_test(a_list_names_tokens_and_does_not_show_them),
        cmocka_unit_test(fifty_clients_are_answered_rightly_while_tokens_are_revoked),
        cmocka_unit_test(an_event_stream_ends_soon_after_its_token_is_revoked),
        cmocka_unit_test(the_first_start_makes_one_token_and_the_next_none),
        cmocka_unit_test(a_token_made_before_the_first_start_is_enough),
        cmocka_unit_test(no_auth_asks_nobody_and_warns),
        cmocka_unit_test(tokens_are_kept_nowhere),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
