/*
 * What a worker process may not do, tried by worker processes: this program again, with the deeds
 * of deeds.h.  Builds with a sanitizer set no limits and filter no calls; what they expect instead
 * stands beside it.
 */
#include "tests/server/jobs/service_fixture.h"

#include <sys/resource.h>

#include "tests/server/jobs/deeds.h"

static const struct job_kind kinds[] = {{"fit", run_deed, SYSCALLS_OF_A_FIT},
                                        {"inspect", run_deed, SYSCALLS_OF_A_DECODER}};

#ifdef SANITIZED
#define RELEASE_ELSE(release, sanitized) sanitized
#else
#define RELEASE_ELSE(release, sanitized) release
#endif
#define KILLED_FOR_A_CALL "the worker ended with signal 31 (SYS)"

static void post(struct service *f, const char *deed, char id[ID_SIZE])
{
    char spec[64];
    snprintf(spec, sizeof spec, "{\"do\":\"%s\"}", deed);
    insert_job(f, spec, id, NULL);
    supervisor_wake(f->supervisor);
}

static void every_attempt_at_more_ends_the_worker_and_nothing_else(void **state)
{
    struct service *f = *state;
    static const struct {
        const char *deed, *error_class, *detail;
        unsigned attempts;
    } rows[] = {
        {"recurse deeply", "crashed", "the worker ended with signal 11 (SEGV)", 3},
        {"crash beside a child", "crashed",
         RELEASE_ELSE(KILLED_FOR_A_CALL, "the worker ended with exit status 7"), 3},
        {"fork without end", "crashed",
         RELEASE_ELSE(KILLED_FOR_A_CALL, "the worker ended with exit status 7"), 3},
        {"open a socket", "crashed",
         RELEASE_ELSE(KILLED_FOR_A_CALL, "the worker ended with exit status 8"), 3},
        {"start a program", "crashed",
         RELEASE_ELSE(KILLED_FOR_A_CALL, "the worker ended with exit status 0"), 3},
        {"kill the service", "crashed",
         RELEASE_ELSE(KILLED_FOR_A_CALL, "the worker ended with exit status 7"), 3},
        {"leak descriptors", "crashed", "cannot create a memory file: Too many open files", 3},
        {"ask for 100 gigabytes", RELEASE_ELSE("out_of_memory", "crashed"),
         RELEASE_ELSE("out of memory", ""), RELEASE_ELSE(1, 3)},
        {"take 100 gigabytes", "out_of_memory", " MiB of memory, the limit of a job", 1},
    };
    char id[ID_SIZE];
    start_supervisor(f, 1, 0.1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        post(f, rows[i].deed, id);
        wait_for_end(f, id);
        struct job_row job = get_job(f, id);
        if (job.status != JOB_FAILED || strcmp(job.error_class, rows[i].error_class) != 0 ||
            !strstr(job.error_detail, rows[i].detail) || job.attempt != rows[i].attempts)
            fail_msg("'%s' ended %s, class '%s', attempt %u: %s", rows[i].deed,
                     job_status_name(job.status), job.error_class, job.attempt,
                     job.error_detail ? job.error_detail : "");
        job_row_deinit(&job);
    }
    post(f, "succeed", id);
    wait_for_end(f, id);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    job_row_deinit(&job);
    stop_supervisor(f);
}

static void a_worker_that_hangs_is_ended(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE];
    f->config.silence_seconds = 1;
    start_supervisor(f, 1, 0.1);
    post(f, "spin", id);
    wait_for_end(f, id);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.error_class, "time_limit");
    assert_string_equal(job.error_detail,
                        "the worker has been silent for too long, the limit is 1 s");
    assert_int_equal(job.attempt, 1);
    job_row_deinit(&job);
    stop_supervisor(f);
}

/* A decoder makes neither threads nor memory files; the answer is what it is for a crash. */
static void a_decoder_has_fewer_calls_than_a_fit(void **state)
{
    struct service *f = *state;
    char path[512], *answer = NULL;
    path_in(f->base, path, "tmp", "upload");
    write_file(path, "content", 7);
    start_supervisor(f, 1, 60);
    assert_status(supervisor_inspect(f->supervisor, "{\"do\":\"leak descriptors\"}", path, 60,
                                     &answer, &f->err),
                  RELEASE_ELSE(STATUS_INVALID, STATUS_IO));
    if (!strstr(f->err.message, RELEASE_ELSE("signal 31 (SYS)", "Too many open files")))
        fail_msg("%s", f->err.message);
    error_clear(&f->err);
    assert_status(supervisor_inspect(f->supervisor, "{\"do\":\"take 100 gigabytes\"}", path, 60,
                                     &answer, &f->err),
                  STATUS_INVALID);
    assert_string_equal(f->err.message, "decoding the file takes too much memory");
    assert_null(answer);
    stop_supervisor(f);
}

static void a_job_that_trains_too_long_leaves_its_last_snapshot(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], field_id[ID_SIZE];
    struct field_row field;
    f->config.job_seconds = 1;
    start_supervisor(f, 1, 60);
    insert_job(f, "{\"do\":\"run until stopped\"}", id, field_id);
    supervisor_wake(f->supervisor);
    wait_for_end(f, id);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.error_class, "time_limit");
    assert_string_equal(job.error_detail, "the worker has trained for too long, the limit is 1 s");
    assert_int_equal(job.attempt, 1);
    job_row_deinit(&job);
    assert_ok(store_field_get(f->store, field_id, &field, &f->err));
    assert_int_equal(field.step, 7);
    field_row_deinit(&field);
    stop_supervisor(f);
}

/* The line "NAME:\tvalue" of /proc/PID/status. */
static void read_status(pid_t pid, const char *name, char out[64])
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    out[0] = '\0';
    while (fgets(line, sizeof line, file)) {
        const size_t n = strlen(name);
        if (strncmp(line, name, n) == 0 && line[n] == ':')
            snprintf(out, 64, "%.*s", (int)strcspn(line + n + 2, "\n"), line + n + 2);
    }
    fclose(file);
}

/* The soft limit of a line of /proc/PID/limits. */
static void expect_limit(pid_t pid, const char *name, uint64_t most)
{
    char path[64], line[256];
    uint64_t found = UINT64_MAX;
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            found = strtoull(line + strlen(name), NULL, 10);
    fclose(file);
    if (found > most)
        fail_msg("'%s' is %llu", name, (unsigned long long)found);
}

static void a_worker_process_has_no_rights(void **state)
{
    struct service *f = *state;
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"NoNewPrivs", "1"},
        {"Seccomp", RELEASE_ELSE("2", "0")},
        {"CapInh", "0000000000000000"},
        {"CapPrm", "0000000000000000"},
        {"CapEff", "0000000000000000"},
        {"CapAmb", "0000000000000000"},
    };
    char id[ID_SIZE], text[64];
    struct metric_series metrics;
    setenv("FARFIELD_SECRET", "1", 1);
    start_supervisor(f, 1, 60);
    post(f, "be looked at", id);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "event: snapshot");
    assert_ok(
        store_job_metrics(f->store, id, (const char *const[]){"pid"}, 1, -1, &metrics, &f->err));
    const pid_t pid = (pid_t)metrics.points[0].value;
    metric_series_deinit(&metrics);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_status(pid, rows[i].name, text);
        if (strcmp(text, rows[i].value) != 0)
            fail_msg("'%s' is '%s'", rows[i].name, text);
    }
    const int niceness = getpriority(PRIO_PROCESS, 0) + 10;
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), niceness < 19 ? niceness : 19);
    expect_limit(pid, "Max core file size", 0);
    expect_limit(pid, "Max open files", RELEASE_ELSE(64, UINT64_MAX));
    expect_limit(pid, "Max locked memory", RELEASE_ELSE(0, UINT64_MAX));
    expect_limit(pid, "Max address space",
                 RELEASE_ELSE(FIXTURE_MEMORY + ((uint64_t)3 << 30), UINT64_MAX));
    bool was_running;
    assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
    supervisor_cancel(f->supervisor, id);
    watch_wait(log, NULL);
    watch_log_free(log);
    stop_supervisor(f);
}

#ifndef SANITIZED
static void files_cannot_be_opened_by_name(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE];
    start_supervisor(f, 1, 60);
    post(f, "open a file", id);
    wait_for_end(f, id);
    struct job_row job = get_job(f, id);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    job_row_deinit(&job);
    stop_supervisor(f);
}

/* 240 kB of lines that look like the log's own become one event for each attempt. */
static void a_worker_cannot_forge_the_log(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], path[512], line[8192];
    size_t n_written = 0;
    path_in(f->base, path, "tmp", "log");
    fflush(stderr);
    const int own = dup(2), log = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(own >= 0 && log >= 0 && dup2(log, 2) == 2);
    start_supervisor(f, 1, 60);
    post(f, "write to the log", id);
    wait_for_end(f, id);
    stop_supervisor(f);
    dup2(own, 2);
    close(own);
    FILE *lines = fdopen(log, "r");
    rewind(lines);
    while (fgets(line, sizeof line, lines)) {
        assert_memory_equal(line, "{\"time\":", 8);
        n_written += strstr(line, "\"event\":\"worker wrote\"") != NULL;
    }
    fclose(lines);
    assert_int_equal(n_written, 3);
}
#endif

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) {
        look_around_at_start();
        return worker_main(kinds, sizeof kinds / sizeof *kinds);
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_attempt_at_more_ends_the_worker_and_nothing_else),
        TEST(a_worker_that_hangs_is_ended),
        TEST(a_decoder_has_fewer_calls_than_a_fit),
        TEST(a_job_that_trains_too_long_leaves_its_last_snapshot),
        TEST(a_worker_process_has_no_rights),
#ifndef SANITIZED
        TEST(files_cannot_be_opened_by_name),
        TEST(a_worker_cannot_forge_the_log),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
