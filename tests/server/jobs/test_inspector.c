/*
 * Questions about files, answered by real worker processes: this program again.
 */
#include "tests/server/jobs/service_fixture.h"

#include <signal.h>
#include <stdatomic.h>

#include "server/jobs/worker.h"

/* What the worker does is the question; {"say":…} is answered with the file's text. */
static enum status inspect(struct worker *w, struct error *err)
{
    const char *spec = worker_spec(w);
    size_t n;
    const uint8_t *bytes = worker_dataset(w, &n);
    char answer[256];
    if (strstr(spec, "refuse"))
        return error_set(err, STATUS_UNSUPPORTED, "/kind", "a \"%.*s\" is not supported", (int)n,
                         (const char *)bytes);
    if (strstr(spec, "crash"))
        raise(SIGKILL);
    while (strstr(spec, "hang"))
        pause();
    if (strstr(spec, "chatter"))
        for (uint64_t i = 0; i < 100; i++)
            worker_report(w, i, 0, 0, -1, true);
    snprintf(answer, sizeof answer, "{\"file\":\"%.*s\"}", (int)n, (const char *)bytes);
    worker_result(w, "", 0, answer, "{}", NULL, 0);
    return STATUS_OK;
}

/* The words that come with the question. */
static enum status foresee(struct worker *w, struct error *err)
{
    char answer[256];
    if (!strstr(worker_spec(w), "say"))
        return inspect(w, err);
    snprintf(answer, sizeof answer, "{\"words\":\"%s, %s\",\"info\":%s}", worker_dataset_kind(w),
             worker_media_type(w), worker_info(w));
    worker_result(w, "", 0, answer, "{}", NULL, 0);
    return STATUS_OK;
}

static const struct job_kind kinds[] = {{"inspect", inspect, SYSCALLS_OF_A_DECODER},
                                        {"foresee", foresee, SYSCALLS_OF_A_DECODER}};

static char path[512]; /* of the file that is asked about */

static int setup(void **state)
{
    if (service_setup(state) != 0)
        return -1;
    struct service *f = *state;
    path_in(f->base, path, "tmp", "upload");
    write_file(path, "content", 7);
    f->config.workers = 1;
    return supervisor_start(&f->supervisor, &f->config, f->store, f->fields, f->events, &f->err) ==
                   STATUS_OK
               ? 0
               : -1;
}

static void expect_crashes(struct service *f, uint64_t expected)
{
    uint64_t running, crashed;
    supervisor_counters(f->supervisor, &running, &crashed);
    assert_int_equal(crashed, expected);
}

static void a_question_is_answered(void **state)
{
    struct service *f = *state;
    static const char *const questions[] = {"{\"say\":1}", "{\"chatter\":1}"};
    for (size_t i = 0; i < 2; i++) {
        char *answer = NULL;
        assert_ok(supervisor_inspect(f->supervisor, questions[i], path, 60, &answer, &f->err));
        assert_string_equal(answer, "{\"file\":\"content\"}");
        mem_free(answer);
    }
    expect_crashes(f, 0);
}

static void the_words_of_the_worker_come_back(void **state)
{
    struct service *f = *state;
    char *answer = NULL;
    assert_status(supervisor_inspect(f->supervisor, "{\"refuse\":1}", path, 60, &answer, &f->err),
                  STATUS_UNSUPPORTED);
    assert_string_equal(f->err.where, "/kind");
    assert_string_equal(f->err.message, "a \"content\" is not supported");
    assert_null(answer);
    expect_crashes(f, 0);
}

static void a_worker_that_crashes_blames_the_file(void **state)
{
    struct service *f = *state;
    char *answer = NULL;
    assert_status(supervisor_inspect(f->supervisor, "{\"crash\":1}", path, 60, &answer, &f->err),
                  STATUS_INVALID);
    assert_string_equal(f->err.message,
                        "the file cannot be decoded: its decoder ended with signal 9 (KILL)");
    expect_crashes(f, 1);
}

static void a_worker_that_takes_too_long_blames_the_file(void **state)
{
    struct service *f = *state;
    char *answer = NULL;
    assert_status(supervisor_inspect(f->supervisor, "{\"hang\":1}", path, 0.05, &answer, &f->err),
                  STATUS_INVALID);
    assert_non_null(strstr(f->err.message, "takes longer than"));
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    struct service *f = *state;
    char *answer = NULL;
    assert_status(supervisor_inspect(f->supervisor, "{}", "/no/such/file", 60, &answer, &f->err),
                  STATUS_IO);
}

static void the_other_kind_is_told_of_the_dataset(void **state)
{
    struct service *f = *state;
    struct inquiry q = {.kind = INQUIRY_FORESEE,
                        .spec_json = "{\"say\":1}",
                        .path = path,
                        .dataset_kind = "image",
                        .media_type = "image/png",
                        .info_json = "{\"shape\":[1]}",
                        .seconds = 60};
    char *answer = NULL;
    assert_ok(supervisor_ask(f->supervisor, &q, &answer, &f->err));
    assert_string_equal(answer, "{\"words\":\"image, image/png\",\"info\":{\"shape\":[1]}}");
    mem_free(answer);
    q.spec_json = "{\"crash\":1}";
    assert_status(supervisor_ask(f->supervisor, &q, &answer, &f->err), STATUS_INVALID);
    assert_string_equal(
        f->err.message,
        "nothing can be foreseen of these data: its decoder ended with signal 9 (KILL)");
    q.spec_json = "{\"hang\":1}";
    q.seconds = 0.05;
    error_clear(&f->err);
    assert_status(supervisor_ask(f->supervisor, &q, &answer, &f->err), STATUS_INVALID);
    assert_non_null(strstr(f->err.message, "a forecast from the data takes longer than"));
}

/* --- many at once, and the stop --- */

struct asker {
    struct service *f;
    const char *question;
    enum inquiry_kind kind;
    const struct stop *stop;
    enum status status;
    char *answer;
};

static void *ask_one(void *argument)
{
    struct asker *a = argument;
    const struct inquiry q = {
        .kind = a->kind, .spec_json = a->question, .path = path, .seconds = 60, .stop = a->stop};
    a->status = supervisor_ask(a->f->supervisor, &q, &a->answer, NULL);
    return NULL;
}

static bool is_raised(const void *flag)
{
    return atomic_load((const atomic_bool *)flag);
}

/* However many hang there: a file is inspected meanwhile.  All of them, those under way and those
 * that wait, end when nobody waits for them any more. */
static void forecasts_leave_room_and_end_when_they_are_not_wanted(void **state)
{
    struct service *f = *state;
    enum { N = 6 };
    atomic_bool is_unwanted = false;
    const struct stop stop = {is_raised, &is_unwanted};
    struct asker askers[N];
    pthread_t threads[N];
    char *answer = NULL;
    for (size_t i = 0; i < N; i++) {
        askers[i] = (struct asker){
            .f = f, .question = "{\"hang\":1}", .kind = INQUIRY_FORESEE, .stop = &stop};
        pthread_create(&threads[i], NULL, ask_one, &askers[i]);
    }
    for (size_t i = 0; i < INSPECTOR_THREADS; i++) {
        assert_ok(supervisor_inspect(f->supervisor, "{}", path, 60, &answer, &f->err));
        mem_free(answer);
    }
    atomic_store(&is_unwanted, true);
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].status, STATUS_CANCELED);
        assert_null(askers[i].answer);
    }
    expect_crashes(f, 0);
}

static void more_askers_than_threads_are_all_answered(void **state)
{
    enum { N = 10 };
    struct asker askers[N];
    pthread_t threads[N];
    for (size_t i = 0; i < N; i++) {
        askers[i] = (struct asker){.f = *state, .question = i % 3 ? "{}" : "{\"refuse\":1}"};
        pthread_create(&threads[i], NULL, ask_one, &askers[i]);
    }
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].status, i % 3 ? STATUS_OK : STATUS_UNSUPPORTED);
        assert_true((askers[i].answer != NULL) == (i % 3 != 0));
        mem_free(askers[i].answer);
    }
}

static void the_stop_cancels_all_questions(void **state)
{
    struct service *f = *state;
    enum { N = 6 }; /* some under way, some waiting, or not even asked yet */
    struct asker askers[N];
    pthread_t threads[N];
    for (size_t i = 0; i < N; i++) {
        askers[i] = (struct asker){.f = f, .question = "{\"hang\":1}"};
        pthread_create(&threads[i], NULL, ask_one, &askers[i]);
    }
    supervisor_quiesce(f->supervisor);
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].status, STATUS_CANCELED);
    }
    supervisor_wake(f->supervisor); /* may still be called, and do nothing */
    supervisor_cancel(f->supervisor, "job_x");
    char *answer;
    assert_status(supervisor_inspect(f->supervisor, "{}", path, 60, &answer, &f->err),
                  STATUS_CANCELED);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return worker_main(kinds, sizeof kinds / sizeof *kinds);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, service_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_question_is_answered),
        TEST(the_words_of_the_worker_come_back),
        TEST(a_worker_that_crashes_blames_the_file),
        TEST(a_worker_that_takes_too_long_blames_the_file),
        TEST(a_file_that_is_not_there_is_an_error),
        TEST(the_other_kind_is_told_of_the_dataset),
        TEST(forecasts_leave_room_and_end_when_they_are_not_wanted),
        TEST(more_askers_than_threads_are_all_answered),
        TEST(the_stop_cancels_all_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
