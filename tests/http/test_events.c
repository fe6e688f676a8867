/* Events: the log of a job as Server-Sent Events, without gap or repetition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static char dataset[ID_TEXT];

enum { STEPS = 8000 / (SLOWNESS * SLOWNESS), ENDLESS = 10000000 };

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    upload_picture(&service, 32, 1, dataset);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* One complete event, and where the next begins; NULL if none is left. */
struct event {
    long id;
    char type[16];
    char *data;
};

static const char *next_event(const char *text, struct event *out)
{
    const char *at = strstr(text, "id: ");
    const char *end = at ? strstr(at, "\n\n") : NULL;
    const char *type = at ? strstr(at, "\nevent: ") : NULL,
               *data = at ? strstr(at, "\ndata: ") : NULL;
    if (!end)
        return NULL;
    assert_true(type && data && type < end && data < end);
    out->id = strtol(at + 4, NULL, 10);
    snprintf(out->type, sizeof(out->type), "%.*s", (int)(data - type - 8), type + 8);
    out->data = strndup(data + 7, (size_t)(end - data - 7));
    return end + 2;
}

/* Check that ids go on from `after` by ones; returns the last.  type: of the last event (16). */
static long check_ids(const struct bytes *text, long after, char *type)
{
    struct event e;
    for (const char *at = (const char *)text->data; at && (at = next_event(at, &e));) {
        assert_int_equal(e.id, after + 1);
        after = e.id;
        snprintf(type, 16, "%s", e.type);
        free(e.data);
    }
    return after;
}

static struct bytes read_events(const char *id, long after, const char *mark, size_t times)
{
    char path[128], header[64];
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", id);
    snprintf(header, sizeof(header), "Last-Event-ID: %ld", after);
    return service_read_stream(&service, path, after ? header : NULL, mark, times);
}

static void cancel(const char *id)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", id);
    answer_status(service_post_json(&service, path, "{}"), 200);
}

static void events_count_up_from_one_and_end_with_done(void **state)
{
    (void)state;
    char id[ID_TEXT], type[16] = "";
    start_job(&service, dataset, ENDLESS, "", id);
    struct bytes begun = read_events(id, 0, "event: snapshot\n", 1);
    bytes_free(&begun);
    cancel(id);
    struct bytes text = read_events(id, 0, "no such mark", 1);
    assert_true(check_ids(&text, 0, type) > 3);
    assert_string_equal(type, "done");
    static const char *const types[] = {"state", "progress", "metric", "snapshot", "done"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char line[32];
        snprintf(line, sizeof(line), "event: %s\n", types[i]);
        assert_non_null(strstr((const char *)text.data, line));
    }
    bytes_free(&text);
}

static void data_of_every_event_is_json_of_its_form(void **state)
{
    (void)state;
    char id[ID_TEXT];
    start_job(&service, dataset, STEPS, "", id);
    struct bytes text = read_events(id, 0, "no such mark", 1);
    struct event e;
    for (const char *at = (const char *)text.data; (at = next_event(at, &e));) {
        json_t *data = json_loads(e.data, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(data);
        if (strcmp(e.type, "state") == 0)
            member_text(data, "status");
        else if (strcmp(e.type, "progress") == 0)
            assert_true(member_number(data, "progress") <= 1 && member_integer(data, "step") >= 0);
        else if (strcmp(e.type, "metric") == 0)
            assert_int_equal(json_array_size(json_array_get(member_get(data, "points"), 0)), 4);
        else if (strcmp(e.type, "snapshot") == 0)
            assert_int_equal(strlen(member_text(data, "sha256")), 64);
        else
            assert_string_equal(member_text(data, "status"), "succeeded");
        json_decref(data);
        free(e.data);
    }
    bytes_free(&text);
}

static void last_event_id_goes_on_without_gap(void **state)
{
    (void)state;
    char id[ID_TEXT], type[16] = "";
    start_job(&service, dataset, STEPS, "", id);
    long last = 0;
    for (size_t visit = 0; visit < 100 && strcmp(type, "done") != 0; visit++) {
        struct bytes text = read_events(id, last, "\n\n", 4);
        last = check_ids(&text, last, type);
        bytes_free(&text);
    }
    assert_string_equal(type, "done");
}

static void events_of_an_ended_job_are_told_and_then_there_are_none(void **state)
{
    (void)state;
    char id[ID_TEXT], type[16] = "", path[128], header[64];
    start_job(&service, dataset, 5, "", id);
    json_decref(wait_for_job(&service, id, "succeeded"));
    struct bytes text = read_events(id, 0, "no such mark", 1);
    long last = check_ids(&text, 0, type);
    assert_string_equal(type, "done");
    bytes_free(&text);
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", id);
    snprintf(header, sizeof(header), "Last-Event-ID: %ld", last);
    answer_status(service_send(&service, &(struct request){.path = path, .headers = {header}}),
                  204);
}

static void a_job_canceled_while_queued_says_so(void **state)
{
    (void)state;
    char running[ID_TEXT], queued[ID_TEXT], type[16] = "";
    start_job(&service, dataset, ENDLESS, "", running);
    start_job(&service, dataset, ENDLESS, "", queued);
    wait_for_step(&service, running, 1);
    cancel(queued);
    struct bytes text = read_events(queued, 0, "no such mark", 1);
    check_ids(&text, 0, type);
    assert_string_equal(type, "done");
    assert_non_null(strstr((const char *)text.data, "\"status\":\"queued\""));
    assert_non_null(strstr((const char *)text.data, "\"status\":\"canceled\""));
    bytes_free(&text);
    cancel(running);
    json_decref(wait_for_job(&service, running, "canceled"));
}

static void bad_requests_for_events_are_problems(void **state)
{
    (void)state;
    char id[ID_TEXT], path[128];
    start_job(&service, dataset, 1, "", id);
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", id);
    answer_problem(
        service_send(&service,
                     &(struct request){.path = path, .headers = {"Last-Event-ID: yesterday"}}),
        422, NULL);
    answer_problem(service_get(&service, "/v1/jobs/job_00000000000000000000000000/events"), 404,
                   NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_count_up_from_one_and_end_with_done),
        cmocka_unit_test(data_of_every_event_is_json_of_its_form),
        cmocka_unit_test(last_event_id_goes_on_without_gap),
        cmocka_unit_test(events_of_an_ended_job_are_told_and_then_there_are_none),
        cmocka_unit_test(a_job_canceled_while_queued_says_so),
        cmocka_unit_test(bad_requests_for_events_are_problems),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
