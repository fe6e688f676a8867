/* Jobs and sweeps that are deleted: what is gone, what stays, what is refused. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/sweep.h"

static struct service service;
static char dataset[ID_TEXT];

/* One at a time, so that others wait behind an endless one. */
static const char *const settings[] = {"--workers", "1", NULL};

enum { STEPS = 100 / SLOWNESS + 1, ENDLESS = 10000000 };

static int start(void **state)
{
    (void)state;
    service_start(&service, settings);
    upload_picture(&service, 24, 1, dataset);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct answer post_to(const char *folder, const char *id, const char *what, const char *body)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/%s/%s/%s", folder, id, what);
    return service_post_json(&service, path, body);
}

static void cancel(const char *id)
{
    answer_status(post_to("jobs", id, "cancel", "{}"), 200);
    json_decref(wait_for_job(&service, id, "canceled"));
}

static void delete_job(const char *id)
{
    answer_status(service_delete(&service, "/v1/jobs/%s", id), 204);
}

/* Fit to the end: the job's id and its field's. */
static void finish_job(char id[ID_TEXT], char field_id[ID_TEXT])
{
    start_job(&service, dataset, STEPS, "", id);
    json_t *done = wait_for_job(&service, id, "succeeded");
    snprintf(field_id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(done);
}

static bool has_link(const char *field_id, const char *name)
{
    json_t *field = answer_json(service_get(&service, "/v1/fields/%s", field_id), 200);
    const bool has = json_object_get(member_get(field, "links"), name) != NULL;
    assert_memory_equal(member_text(field, "job_id"), "job_", 4);
    assert_memory_equal(member_text(field, "dataset_id"), "ds_", 3);
    json_decref(field);
    return has;
}

static void check_gone(const char *id)
{
    static const char *const parts[] = {"", "/metrics", "/metrics?format=png", "/events"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        answer_problem(service_get(&service, "/v1/jobs/%s%s", id, parts[i]), 404, NULL);
    answer_problem(post_to("jobs", id, "cancel", "{}"), 404, NULL);
    answer_problem(post_to("jobs", id, "resume", "{\"train\":{\"steps\":9999}}"), 404, NULL);
    answer_problem(service_delete(&service, "/v1/jobs/%s", id), 404, NULL);
}

static void a_deleted_job_is_gone_and_its_field_stays(void **state)
{
    (void)state;
    char id[ID_TEXT], field_id[ID_TEXT];
    const size_t n = count_items(&service, "/v1/jobs");
    finish_job(id, field_id);
    assert_true(has_link(field_id, "job") && has_link(field_id, "dataset"));
    delete_job(id);
    for (int round = 0; round < 2; round++) {
        static const char *const parts[] = {"/evaluate", "/image?width=8", "/value?x=1&y=2",
                                            "/weights"};
        check_gone(id);
        assert_int_equal(count_items(&service, "/v1/jobs"), n);
        assert_false(has_link(field_id, "job"));
        assert_true(has_link(field_id, "dataset"));
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
            answer_status(service_get(&service, "/v1/fields/%s%s", field_id, parts[i]), 200);
        answer_status(service_get(&service, "/v1/datasets/%s/preview", dataset), 200);
        assert_int_equal(service_stop(&service), 0);
        service_restart(&service, settings);
    }
    answer_status(service_delete(&service, "/v1/fields/%s", field_id), 204);
}

static void a_job_that_waits_or_runs_must_be_canceled_first(void **state)
{
    (void)state;
    char running[ID_TEXT], queued[ID_TEXT];
    start_job(&service, dataset, ENDLESS, "", running);
    wait_for_step(&service, running, 1);
    start_job(&service, dataset, STEPS, "", queued);
    answer_problem(service_delete(&service, "/v1/jobs/%s", running), 409, NULL);
    answer_problem(service_delete(&service, "/v1/jobs/%s", queued), 409, NULL);
    cancel(queued);
    cancel(running);
    delete_job(queued);
    delete_job(running);
    check_gone(running);
    answer_problem(service_delete(&service, "/v1/jobs/job_x"), 404, NULL);
}

static void one_that_watched_is_told_that_there_is_nothing_more(void **state)
{
    (void)state;
    char id[ID_TEXT], field_id[ID_TEXT], path[96];
    finish_job(id, field_id);
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", id);
    struct bytes text = service_read_stream(&service, path, NULL, "no such mark", 1);
    assert_non_null(strstr((const char *)text.data, "event: done"));
    bytes_free(&text);
    delete_job(id);
    answer_problem(
        service_send(&service, &(struct request){.path = path, .headers = {"Last-Event-ID: 2"}}),
        404, NULL);
}

static void a_resumed_job_goes_on_without_the_one_it_came_from(void **state)
{
    (void)state;
    char parent[ID_TEXT], field_id[ID_TEXT], blocker[ID_TEXT], body[64];
    finish_job(parent, field_id);
    start_job(&service, dataset, ENDLESS, "", blocker);
    wait_for_step(&service, blocker, 1);
    snprintf(body, sizeof(body), "{\"train\":{\"steps\":%d}}", 2 * STEPS);
    json_t *child = answer_json(post_to("jobs", parent, "resume", body), 202);
    delete_job(parent);
    cancel(blocker);
    json_t *done = wait_for_job(&service, member_text(child, "id"), "succeeded");
    assert_int_equal(member_integer(done, "step"), 2 * STEPS);
    json_decref(done);
    json_decref(child);
}

static void its_key_is_free_again(void **state)
{
    (void)state;
    char body[256], first[ID_TEXT];
    snprintf(body, sizeof(body), "{\"dataset_id\":\"%s\",\"train\":{\"steps\":1}}", dataset);
    const struct request request = {.path = "/v1/jobs",
                                    .content_type = "application/json",
                                    .body = body,
                                    .n_body = strlen(body),
                                    .headers = {"Idempotency-Key: to be deleted"}};
    json_t *job = answer_json(service_send(&service, &request), 202);
    snprintf(first, sizeof(first), "%s", member_text(job, "id"));
    json_decref(job);
    json_decref(wait_for_job(&service, first, "succeeded"));
    delete_job(first);
    job = answer_json(service_send(&service, &request), 202);
    assert_string_not_equal(member_text(job, "id"), first);
    json_decref(job);
}

/* --- sweeps --- */

static void a_sweep_goes_whole_or_not_at_all(void **state)
{
    (void)state;
    char body[2048], id[ID_TEXT], member[ID_TEXT], field_id[ID_TEXT], path[96];
    const size_t n_jobs = count_items(&service, "/v1/jobs");
    snprintf(body, sizeof(body),
             "{\"dataset_ids\":[\"%s\"],\"base\":{%s},\"grid\":{\"/train/seed\":[1,2,3]}}", dataset,
             sweep_base);
    start_sweep(&service, body, id);
    json_decref(wait_for_sweep(&service, id, "succeeded"));
    json_t *list = answer_json(service_get(&service, "/v1/jobs?sweep_id=%s", id), 200);
    const json_t *first = json_array_get(member_get(list, "items"), 0);
    snprintf(member, sizeof(member), "%s", member_text(first, "id"));
    snprintf(field_id, sizeof(field_id), "%s", member_text(first, "field_id"));
    json_decref(list);
    answer_problem(service_delete(&service, "/v1/jobs/%s", member), 409, NULL);
    answer_status(service_delete(&service, "/v1/sweeps/%s", id), 204);

    static const char *const parts[] = {"", "?format=csv", "?format=png"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        answer_problem(service_get(&service, "/v1/sweeps/%s%s", id, parts[i]), 404, NULL);
    answer_problem(post_to("sweeps", id, "cancel", "{}"), 404, NULL);
    answer_problem(service_delete(&service, "/v1/sweeps/%s", id), 404, NULL);
    check_gone(member);
    snprintf(path, sizeof(path), "/v1/jobs?sweep_id=%s", id);
    list = answer_json(service_get(&service, "%s", path), 200);
    assert_int_equal(json_array_size(member_get(list, "items")), 0);
    json_decref(list);
    assert_int_equal(count_items(&service, "/v1/jobs"), n_jobs);
    assert_false(has_link(field_id, "job"));
    answer_status(service_get(&service, "/v1/fields/%s/image?width=8", field_id), 200);
}

static void a_sweep_that_runs_must_be_canceled_first(void **state)
{
    (void)state;
    char body[2048], blocker[ID_TEXT], id[ID_TEXT];
    start_job(&service, dataset, ENDLESS, "", blocker);
    wait_for_step(&service, blocker, 1);
    snprintf(body, sizeof(body),
             "{\"dataset_ids\":[\"%s\"],\"base\":{%s},\"grid\":{\"/train/seed\":[1,2,3]}}", dataset,
             sweep_base);
    start_sweep(&service, body, id);
    answer_problem(service_delete(&service, "/v1/sweeps/%s", id), 409, NULL);
    answer_status(post_to("sweeps", id, "cancel", "{}"), 200);
    json_decref(wait_for_sweep(&service, id, "canceled"));
    answer_status(service_delete(&service, "/v1/sweeps/%s", id), 204);
    cancel(blocker);
}

/* --- at the same time --- */

struct reader {
    pthread_t thread;
    atomic_bool stops;
    size_t n;
    long unexpected; /* the first status that was not 200; 0: none */
};

static void *read_lists(void *context)
{
    struct reader *r = context;
    while (!atomic_load(&r->stops)) {
        struct answer a = service_get(&service, r->n % 2 ? "/v1/sweeps" : "/v1/jobs?limit=200");
        if (a.status != 200 && r->unexpected == 0)
            r->unexpected = a.status;
        answer_free(&a);
        r->n++;
    }
    return NULL;
}

static void lists_are_answered_while_what_they_list_goes(void **state)
{
    (void)state;
    enum { N = 40 };
    char blocker[ID_TEXT], ids[N][ID_TEXT];
    struct reader reader = {.n = 0};
    start_job(&service, dataset, ENDLESS, "", blocker);
    wait_for_step(&service, blocker, 1);
    for (int i = 0; i < N; i++) {
        start_job(&service, dataset, STEPS, "", ids[i]);
        cancel(ids[i]);
    }
    assert_int_equal(pthread_create(&reader.thread, NULL, read_lists, &reader), 0);
    for (int i = 0; i < N; i++)
        delete_job(ids[i]);
    atomic_store(&reader.stops, true);
    assert_int_equal(pthread_join(reader.thread, NULL), 0);
    assert_int_equal(reader.unexpected, 0);
    cancel(blocker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deleted_job_is_gone_and_its_field_stays),
        cmocka_unit_test(a_job_that_waits_or_runs_must_be_canceled_first),
        cmocka_unit_test(one_that_watched_is_told_that_there_is_nothing_more),
        cmocka_unit_test(a_resumed_job_goes_on_without_the_one_it_came_from),
        cmocka_unit_test(its_key_is_free_again),
        cmocka_unit_test(a_sweep_goes_whole_or_not_at_all),
        cmocka_unit_test(a_sweep_that_runs_must_be_canceled_first),
        cmocka_unit_test(lists_are_answered_while_what_they_list_goes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
