#include "tests/server/jobs/service_fixture.h"

#include "server/jobs/job_events.h"

/* Store and publish an event of this type; its number. */
static uint64_t append(struct service *f, const char *job_id, const char *type)
{
    static char data[] = "{\"a\":1}";
    struct job_event event = {.data_json = data};
    snprintf(event.type, sizeof event.type, "%s", type);
    assert_ok(events_append(f->events, job_id, &event, 1, &f->err));
    return event.seq;
}

static void a_watcher_is_told_what_was_then_what_happens(void **state)
{
    struct service *f = *state;
    char job[ID_SIZE], other[ID_SIZE];
    insert_job(f, "{}", job, NULL);
    insert_job(f, "{}", other, NULL);
    append(f, job, "state");
    append(f, other, "state");
    struct watch_log *log = watch(f, job, 0);
    assert_string_equal(log->text, "id: 1\nevent: state\ndata: {\"a\":1}\n\n");
    append(f, other, "progress");
    append(f, job, "metric");
    assert_string_equal(log->text, "id: 1\nevent: state\ndata: {\"a\":1}\n\n"
                                   "id: 2\nevent: metric\ndata: {\"a\":1}\n\n");
    assert_false(log->closed);
    append(f, job, "done");
    assert_non_null(strstr(log->text, "id: 3\nevent: done\n"));
    assert_true(log->closed);
    assert_int_equal(log->n_released, 1);
    watch_log_free(log);
}

static void a_watcher_goes_on_after_the_number_it_names(void **state)
{
    struct service *f = *state;
    char job[ID_SIZE];
    insert_job(f, "{}", job, NULL);
    append(f, job, "state");
    append(f, job, "progress");
    struct watch_log *middle = watch(f, job, 1), *last = watch(f, job, 2);
    assert_string_equal(middle->text, "id: 2\nevent: progress\ndata: {\"a\":1}\n\n");
    assert_string_equal(last->text, "");
    append(f, job, "metric");
    append(f, job, "done");
    assert_non_null(strstr(middle->text, "id: 3\n"));
    assert_memory_equal(last->text, "id: 3\n", 6);
    assert_true(middle->closed && last->closed);
    watch_log_free(middle);
    watch_log_free(last);
}

static void a_long_past_is_told_in_full(void **state)
{
    struct service *f = *state;
    enum { N = 700 }; /* more than one fetch */
    static char data[] = "{}";
    struct job_event events[N];
    char job[ID_SIZE];
    insert_job(f, "{}", job, NULL);
    for (size_t i = 0; i < N; i++)
        events[i] = (struct job_event){.type = "metric", .data_json = data};
    assert_ok(events_append(f->events, job, events, N, &f->err));
    struct watch_log *log = watch(f, job, 0);
    const char *at = log->text;
    for (unsigned i = 1; i <= N; i++) {
        char line[64];
        const size_t n =
            (size_t)snprintf(line, sizeof line, "id: %u\nevent: metric\ndata: {}\n\n", i);
        assert_memory_equal(at, line, n);
        at += n;
    }
    assert_int_equal(*at, '\0');
    append(f, job, "done");
    assert_true(log->closed);
    watch_log_free(log);
}

static void a_watcher_of_an_ended_job_is_closed_when_all_is_told(void **state)
{
    struct service *f = *state;
    char job[ID_SIZE];
    bool was_running;
    insert_job(f, "{}", job, NULL);
    assert_ok(store_job_cancel(f->store, job, NULL, 0, &was_running, &f->err));
    append(f, job, "done");
    struct watch_log *from_start = watch(f, job, 0), *after = watch(f, job, 1);
    assert_memory_equal(from_start->text, "id: 1\nevent: done\n", 18);
    assert_string_equal(after->text, "");
    assert_true(from_start->closed && after->closed);
    assert_true(from_start->n_released == 1 && after->n_released == 1);
    watch_log_free(from_start);
    watch_log_free(after);
}

static void a_number_that_never_was_is_closed_by_the_end(void **state)
{
    struct service *f = *state;
    char job[ID_SIZE];
    insert_job(f, "{}", job, NULL);
    append(f, job, "state");
    struct watch_log *log = watch(f, job, 1000000);
    append(f, job, "done");
    assert_string_equal(log->text, "");
    assert_true(log->closed);
    watch_log_free(log);
}

static void events_published_in_the_wrong_order_come_in_the_right_one(void **state)
{
    struct service *f = *state;
    static char data[] = "{}";
    struct job_event first = {.type = "state", .data_json = data};
    struct job_event second = {.type = "metric", .data_json = data};
    char job[ID_SIZE];
    insert_job(f, "{}", job, NULL);
    struct watch_log *log = watch(f, job, 0);
    assert_ok(store_job_append_events(f->store, job, &first, 1, &f->err));
    assert_ok(store_job_append_events(f->store, job, &second, 1, &f->err));
    events_publish(f->events, job, &second, 1);
    events_publish(f->events, job, &first, 1);
    assert_string_equal(log->text, "id: 1\nevent: state\ndata: {}\n\n"
                                   "id: 2\nevent: metric\ndata: {}\n\n");
    append(f, job, "done");
    assert_true(log->closed);
    watch_log_free(log);
}

static void a_watcher_that_is_gone_is_let_go(void **state)
{
    struct service *f = *state;
    char job[ID_SIZE];
    insert_job(f, "{}", job, NULL);
    struct watch_log *live = watch(f, job, 0);
    live->max = 1; /* from now on it takes nothing */
    append(f, job, "state");
    assert_true(live->closed);
    assert_int_equal(live->n_released, 1);
    struct watch_log *late = watch_log_create();
    const struct event_watcher watcher = watcher_of(late);
    late->max = 1;
    assert_ok(events_watch(f->events, job, 0, &watcher, &f->err));
    assert_int_equal(late->n_released, 1);
    append(f, job, "metric");
    assert_string_equal(live->text, "");
    assert_string_equal(late->text, "");
    watch_log_free(live);
    watch_log_free(late);
}

static void a_job_that_is_not_there_is_not_watched(void **state)
{
    struct service *f = *state;
    struct watch_log *log = watch_log_create();
    const struct event_watcher watcher = watcher_of(log);
    char job[ID_SIZE];
    id_make(ID_JOB, job);
    assert_status(events_watch(f->events, job, 0, &watcher, &f->err), STATUS_NOT_FOUND);
    assert_int_equal(log->n_released, 1);
    assert_false(log->closed);
    watch_log_free(log);
}

static void the_end_of_the_hub_closes_all_watchers(void **state)
{
    struct service *f = *state;
    char job[ID_SIZE];
    insert_job(f, "{}", job, NULL);
    struct watch_log *one = watch(f, job, 0), *two = watch(f, job, 0);
    events_free(f->events);
    f->events = NULL;
    assert_true(one->closed && two->closed);
    assert_true(one->n_released == 1 && two->n_released == 1);
    watch_log_free(one);
    watch_log_free(two);
}

/* --- many at once --- */

enum { N_WRITERS = 2, N_WATCHERS = 6, N_ROUNDS = 60, N_BATCH = 3 };

struct crowd {
    struct service *f;
    char job[ID_SIZE];
    pthread_barrier_t start;
};

static void *write_many(void *argument)
{
    struct crowd *c = argument;
    static char data[] = "{}";
    pthread_barrier_wait(&c->start);
    for (size_t i = 0; i < N_ROUNDS; i++) {
        struct job_event events[N_BATCH];
        for (size_t k = 0; k < N_BATCH; k++)
            events[k] = (struct job_event){.type = "metric", .data_json = data};
        if (events_append(c->f->events, c->job, events, N_BATCH, NULL) != STATUS_OK)
            return NULL;
    }
    return argument;
}

/* Watch from the start, be told for a while, watch again from a number in the middle. */
static void *watch_many(void *argument)
{
    struct crowd *c = argument;
    struct watch_log *log = watch_log_create();
    const struct event_watcher watcher = watcher_of(log);
    pthread_barrier_wait(&c->start);
    if (events_watch(c->f->events, c->job, 0, &watcher, NULL) != STATUS_OK)
        return NULL;
    return log;
}

static void many_writers_and_watchers_lose_and_repeat_nothing(void **state)
{
    struct service *f = *state;
    struct crowd crowd = {.f = f};
    pthread_t writers[N_WRITERS], watchers[N_WATCHERS];
    void *result;
    insert_job(f, "{}", crowd.job, NULL);
    pthread_barrier_init(&crowd.start, NULL, N_WRITERS + N_WATCHERS);
    for (size_t i = 0; i < N_WRITERS; i++)
        pthread_create(&writers[i], NULL, write_many, &crowd);
    for (size_t i = 0; i < N_WATCHERS; i++)
        pthread_create(&watchers[i], NULL, watch_many, &crowd);
    for (size_t i = 0; i < N_WRITERS; i++) {
        pthread_join(writers[i], &result);
        assert_non_null(result);
    }
    append(f, crowd.job, "done");
    for (size_t i = 0; i < N_WATCHERS; i++) {
        pthread_join(watchers[i], &result);
        struct watch_log *log = result;
        assert_non_null(log);
        watch_wait(log, NULL);
        const char *at = log->text;
        for (unsigned long seq = 1; seq <= N_WRITERS * N_ROUNDS * N_BATCH + 1; seq++) {
            assert_memory_equal(at, "id: ", 4);
            assert_int_equal(strtoul(at + 4, NULL, 10), seq);
            at = strstr(at, "\n\n") + 2;
        }
        assert_int_equal(*at, '\0');
        watch_log_free(log);
    }
    pthread_barrier_destroy(&crowd.start);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_watcher_is_told_what_was_then_what_happens),
        TEST(a_watcher_goes_on_after_the_number_it_names),
        TEST(a_long_past_is_told_in_full),
        TEST(a_watcher_of_an_ended_job_is_closed_when_all_is_told),
        TEST(a_number_that_never_was_is_closed_by_the_end),
        TEST(events_published_in_the_wrong_order_come_in_the_right_one),
        TEST(a_watcher_that_is_gone_is_let_go),
        TEST(a_job_that_is_not_there_is_not_watched),
        TEST(the_end_of_the_hub_closes_all_watchers),
        TEST(many_writers_and_watchers_lose_and_repeat_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
