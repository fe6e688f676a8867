/*
 * Worker after worker dies, in every way (make worker N=1000): the service goes on, each job ends
 * with its reason, the next begins at once, nothing is left over.  The service is this program,
 * without HTTP; the workers are this program again, with the deeds of tests/server/jobs/deeds.h.
 *
 * N counts crashes of workers.
 */
#include "tests/server/jobs/service_fixture.h"

#include <dirent.h>

#include "core/base/monotonic.h"
#include "core/base/rng.h"
#include "server/log.h"
#include "tests/harness/harness.h"
#include "tests/server/jobs/deeds.h"

static const struct job_kind kinds[] = {{"fit", run_deed, SYSCALLS_OF_A_FIT}};

/* What a deed costs: attempts that end in a crash of the worker, or one that is ended by a limit.
 */
static const struct {
    const char *deed;
    unsigned crashes;
} rows[] = {
    {"crash by segv", 3},
    {"crash by abort", 3},
    {"crash by exit", 3},
    {"crash by kill", 3},
    {"recurse deeply", 3},
    {"fork without end", 3},
    {"crash beside a child", 3},
    {"open a socket", 3},
    {"start a program", 3},
    {"kill the service", 3},
    {"leak descriptors", 3},
    {"break the rules", 3},
    {"show a bad snapshot", 3},
    {"end without result", 3},
    {"crash twice", 2},
    {"run out of memory", 0},
    {"ask for 100 gigabytes", 0},
    {"diverge", 0},
    {"find bad data", 0},
    {"succeed", 0},
    /* slow ones: a second each */
    {"take 100 gigabytes", 0},
    {"spin", 0},
};
enum { READERS = 8 }; /* descriptors of store connections that are opened when they are needed */
enum { N_ROWS = sizeof rows / sizeof *rows, N_SLOW = 2, SLOW_EVERY = 40 };

static size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

/* Children of this process, dead ones that nobody has waited for included. */
static size_t count_children(void)
{
    size_t n = 0;
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    for (const struct dirent *entry; (entry = readdir(processes));) {
        char path[300], text[512];
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = strtol(entry->d_name, NULL, 10) > 0 ? fopen(path, "r") : NULL;
        if (!file)
            continue;
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        const char *after_name = strrchr(text, ')'); /* "PID (NAME) STATE PARENT …" */
        n += after_name && strlen(after_name) > 4 && strtol(after_name + 4, NULL, 10) == getpid();
    }
    closedir(processes);
    return n;
}

struct tally {
    unsigned crashes, jobs;
    unsigned by_class[6]; /* none, crashed, out_of_memory, time_limit, diverged, invalid_data */
    double slowest_start; /* from the end of one attempt to the first word of the next */
};

static const char *const classes[] = {"",           "crashed",  "out_of_memory",
                                      "time_limit", "diverged", "invalid_data"};

static void run_one(struct service *f, size_t row, struct tally *tally)
{
    char spec[64], id[ID_SIZE];
    snprintf(spec, sizeof spec, "{\"do\":\"%s\"}", rows[row].deed);
    insert_job(f, spec, id, NULL);
    const double posted = monotonic_seconds();
    supervisor_wake(f->supervisor);
    struct watch_log *log = watch(f, id, 0);
    watch_wait(log, "\"status\":\"running\",\"attempt\":1");
    const double waited = monotonic_seconds() - posted;
    if (waited > tally->slowest_start)
        tally->slowest_start = waited;
    watch_wait(log, NULL);
    watch_log_free(log);
    struct job_row job = get_job(f, id);
    assert_true(job_status_is_end(job.status));
    assert_true((job.status == JOB_FAILED) == (job.error_class[0] != '\0'));
    assert_true(job.status != JOB_FAILED || (job.error_detail && *job.error_detail));
#ifndef SANITIZED
    if (job.crashes != rows[row].crashes)
        fail_msg("'%s' crashed %u times, not %u: %s", rows[row].deed, job.crashes,
                 rows[row].crashes, job.error_detail ? job.error_detail : "");
#endif
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        tally->by_class[i] += strcmp(job.error_class, classes[i]) == 0;
    tally->crashes += job.crashes;
    tally->jobs++;
    job_row_deinit(&job);
}

static void any_number_of_dead_workers_leaves_the_service_as_it_was(void **state)
{
    struct service *f = *state;
    const unsigned n = harness_count(60);
    struct rng draws = rng_at(harness_seed(), RNG_SAMPLE, 0);
    struct tally tally = {.crashes = 0};
#ifdef SANITIZED /* a gigabyte takes them longer than a second */
    f->config.silence_seconds = 5;
#else
    f->config.silence_seconds = 1;
#endif
    start_supervisor(f, 1, 0.1);
    run_one(f, 0, &tally); /* what is made once is made */
    const size_t descriptors = count_entries("/proc/self/fd"),
                 threads = count_entries("/proc/self/task"), children = count_children();
    while (tally.crashes < n) {
        const bool is_slow = tally.jobs % SLOW_EVERY == 1;
        run_one(f,
                is_slow ? N_ROWS - N_SLOW + rng_below(&draws, N_SLOW)
                        : rng_below(&draws, N_ROWS - N_SLOW),
                &tally);
    }
    run_one(f, N_ROWS - N_SLOW - 1, &tally); /* "succeed" */
    assert_int_equal(count_children(), children);
    assert_int_equal(count_entries("/proc/self/task"), threads);
    assert_true(count_entries("/proc/self/fd") <= descriptors + READERS);
    harness_print("worker: %u crashes of workers in %u jobs; slowest start of a job %.3f s\n",
                  tally.crashes, tally.jobs, tally.slowest_start);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        harness_print("worker:   %-14s %u\n", i ? classes[i] : "succeeded", tally.by_class[i]);
    if (harness_is_long())
        assert_true(tally.slowest_start < 1);
    stop_supervisor(f);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return worker_main(kinds, sizeof kinds / sizeof *kinds);
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_number_of_dead_workers_leaves_the_service_as_it_was,
                                        service_setup, service_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
