/* Lists that are searched and filtered: what q finds, page by page, and what it may not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/sweep.h"

static struct service service;

/* Pictures, and what they are called; "%" and "_" as they stand in a path. */
static const struct {
    const char *name, *query;
} pictures[] = {{"Kodim 23.png", "Kodim%2023.png"},
                {"kodim_07 100%", "kodim_07%20100%25"},
                {"caf\xc3\xa9", "caf%C3%A9"}};
enum { N = sizeof(pictures) / sizeof(pictures[0]) };
static char datasets[N][ID_TEXT], jobs[N][ID_TEXT], fields[N][ID_TEXT], sweep[ID_TEXT];

static int start(void **state)
{
    (void)state;
    char body[1024];
    service_start(&service, NULL);
    for (unsigned i = 0; i < N; i++) {
        char query[128];
        struct bytes png = sample_picture_png(16, i);
        snprintf(query, sizeof(query), "?name=%s", pictures[i].query);
        json_t *dataset = answer_json(post_dataset(&service, query, png.data, png.n), 201);
        assert_string_equal(member_text(dataset, "name"), pictures[i].name);
        snprintf(datasets[i], ID_TEXT, "%s", member_text(dataset, "id"));
        json_decref(dataset);
        bytes_free(&png);
        start_job(&service, datasets[i], 1, "", jobs[i]);
        json_t *done = wait_for_job(&service, jobs[i], "succeeded");
        snprintf(fields[i], ID_TEXT, "%s", member_text(done, "field_id"));
        json_decref(done);
    }
    snprintf(body, sizeof(body),
             "{\"dataset_ids\":[\"%s\"],\"base\":{%s},\"grid\":{\"/train/seed\":[1]},"
             "\"name\":\"seeds of one\"}",
             datasets[0], sweep_base);
    start_sweep(&service, body, sweep);
    json_decref(wait_for_sweep(&service, sweep, "succeeded"));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static size_t count(const char *list, const char *arguments)
{
    json_t *page = answer_json(service_get(&service, "/v1/%s?%s", list, arguments), 200);
    const size_t n = json_array_size(member_get(page, "items"));
    json_decref(page);
    return n;
}

static void q_finds_a_part_of_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        size_t datasets, jobs, fields, sweeps; /* the sweep has a job and a field, of picture 0 */
    } rows[] = {
        {"q=kodim", 2, 3, 3, 1},      {"q=KODIM%2023", 1, 2, 2, 1}, {"q=%25", 1, 1, 1, 0},
        {"q=_", 1, 1, 1, 0},          {"q=m_07+100", 1, 1, 1, 0},   {"q=f%C3%A9", 1, 1, 1, 0},
        {"q=seeds%20OF", 0, 0, 0, 1}, {"q='--", 0, 0, 0, 0},        {"q=nothing", 0, 0, 0, 0},
        {"limit=200", 3, 4, 4, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(count("datasets", rows[i].arguments), rows[i].datasets);
        assert_int_equal(count("jobs", rows[i].arguments), rows[i].jobs);
        assert_int_equal(count("fields", rows[i].arguments), rows[i].fields);
        assert_int_equal(count("sweeps", rows[i].arguments), rows[i].sweeps);
    }
}

static void q_finds_the_beginning_of_the_id(void **state)
{
    (void)state;
    const struct {
        const char *list, *id;
        size_t all;
    } rows[] = {{"datasets", datasets[1], 3},
                {"jobs", jobs[1], 4},
                {"fields", fields[1], 4},
                {"sweeps", sweep, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char arguments[64];
        snprintf(arguments, sizeof(arguments), "q=%s", rows[i].id);
        assert_int_equal(count(rows[i].list, arguments), 1);
        snprintf(arguments, sizeof(arguments), "q=%s", rows[i].id + 1);
        assert_int_equal(count(rows[i].list, arguments), 0);
        snprintf(arguments, sizeof(arguments), "q=%.3s", rows[i].id);
        assert_int_equal(count(rows[i].list, arguments), rows[i].all);
    }
}

static void pages_go_on_with_what_is_searched(void **state)
{
    (void)state;
    char link[256], path[256];
    struct answer a = service_get(&service, "/v1/datasets?q=%s&limit=1", "kODIM");
    snprintf(link, sizeof(link), "%s", answer_header(&a, "Link"));
    json_t *page = answer_json(a, 200);
    assert_string_equal(member_text(json_array_get(member_get(page, "items"), 0), "id"),
                        datasets[1]);
    json_decref(page);
    assert_non_null(strstr(link, "q=kODIM"));
    assert_int_equal(sscanf(link, "<%200[^>]>; rel=\"next\"", path), 1);
    page = answer_json(service_get(&service, "%s", path), 200);
    assert_string_equal(member_text(json_array_get(member_get(page, "items"), 0), "id"),
                        datasets[0]);
    assert_true(json_is_null(member_get(page, "next_cursor")));
    json_decref(page);
}

static void filters_go_together(void **state)
{
    (void)state;
    char arguments[128];
    assert_int_equal(count("datasets", "kind=image"), 3);
    assert_int_equal(count("datasets", "kind=volume"), 0);
    assert_int_equal(count("datasets", "kind=image&q=caf"), 1);
    assert_int_equal(count("fields", "task=image"), 4);
    assert_int_equal(count("fields", "task=ct"), 0);
    snprintf(arguments, sizeof(arguments), "dataset_id=%s&task=image", datasets[0]);
    assert_int_equal(count("fields", arguments), 2);
    snprintf(arguments, sizeof(arguments), "dataset_id=%s&q=caf", datasets[0]);
    assert_int_equal(count("fields", arguments), 0);
    snprintf(arguments, sizeof(arguments), "status=succeeded&q=kodim&sweep_id=%s", sweep);
    assert_int_equal(count("jobs", arguments), 1);
}

static void what_q_may_not_be_is_refused(void **state)
{
    (void)state;
    static const char *const lists[] = {"datasets", "jobs", "fields", "sweeps"};
    char longest[130], longer[130];
    snprintf(longest, sizeof(longest), "%0128d", 0);
    snprintf(longer, sizeof(longer), "%0129d", 0);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct {
            const char *arguments, *pointer;
        } rows[] = {{"q=", "/q"}, {"q=a&q=b", "/q"}, {"Q=a", "/Q"}};
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
            answer_problem(service_get(&service, "/v1/%s?%s", lists[i], rows[k].arguments), 422,
                           rows[k].pointer);
        answer_problem(service_get(&service, "/v1/%s?q=%s", lists[i], longer), 422, "/q");
        answer_status(service_get(&service, "/v1/%s?q=%s", lists[i], longest), 200);
        answer_problem(service_get(&service, "/v1/%s?q=%s", lists[i], "a%C2%85"), 422, "/q");
        answer_problem(service_get(&service, "/v1/%s?q=%s", lists[i], "%ff"), 400, NULL);
    }
    answer_problem(service_get(&service, "/v1/datasets?kind=song"), 422, "/kind");
    answer_problem(service_get(&service, "/v1/fields?task=sing"), 422, "/task");
    answer_problem(service_get(&service, "/v1/fields?dataset_id=x"), 422, "/dataset_id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(q_finds_a_part_of_the_name),
        cmocka_unit_test(q_finds_the_beginning_of_the_id),
        cmocka_unit_test(pages_go_on_with_what_is_searched),
        cmocka_unit_test(filters_go_together),
        cmocka_unit_test(what_q_may_not_be_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
