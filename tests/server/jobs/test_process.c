/*
 * One worker process: this program again, as "worker", and as "parent" that starts one itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/monotonic.h"
#include "core/base/buffer.h"
#include "server/jobs/process.h"
#include "server/jobs/worker.h"
#include "server/jobs/worker_message.h"

/* --- the worker --- */

/* Tells its process id, or that of a child, and goes on as its spec says. */
static enum status run(struct worker *w, struct error *err)
{
    const char *spec = worker_spec(w);
    pid_t told = getpid();
    char text[32];
    (void)err;
    if (strstr(spec, "child") && (told = fork()) == 0)
        for (;;)
            pause();
    snprintf(text, sizeof text, "{%d}", (int)told);
    worker_summary(w, text);
    if (strstr(spec, "end"))
        _exit(0);
    signal(SIGTERM, SIG_IGN);
    pause();
    return STATUS_OK;
}

static const struct job_kind kinds[] = {{"fit", run, SYSCALLS_OF_A_FIT}};

/* --- the service's side --- */

static struct process *start(const char *spec)
{
    const struct message_job job = {.kind = "fit",
                                    .spec = spec,
                                    .isa = "auto",
                                    .dataset_kind = "image",
                                    .media_type = "image/png",
                                    .info_json = "{}",
                                    .threads = 1};
    struct process *p = NULL;
    struct buffer payload;
    buffer_init(&payload, LINK_MAX_FRAME);
    const struct process_limits limits = {.memory_bytes = (uint64_t)1 << 30, .threads = 1};
    if (process_start(&p, &limits, NULL) != STATUS_OK ||
        message_job_encode(&job, &payload, NULL) != STATUS_OK ||
        link_send(process_socket(p), LINK_JOB, payload.data, payload.size, NULL, 0, NULL) !=
            STATUS_OK)
        abort();
    buffer_deinit(&payload);
    return p;
}

/* The process id that it tells. */
static pid_t hear(struct process *p)
{
    struct link_message m;
    const char *text;
    if (process_wait(p, -1, HUGE_VAL, &m, NULL) != PROCESS_MESSAGE ||
        message_summary_decode(&m, &text, NULL) != STATUS_OK)
        abort();
    const pid_t pid = (pid_t)strtol(text + 1, NULL, 10);
    link_message_deinit(&m);
    return pid;
}

/* A process that starts a worker, says on its output which, and waits for its own end. */
static int be_a_parent(void)
{
    printf("%d\n", (int)hear(start("stay")));
    fflush(stdout);
    pause(); /* until it is killed */
    return 1;
}

/* Wait until a process, whoever's, has ended. */
static void wait_for_death(int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 60000), 1);
    close(pidfd);
}

/* --- tests --- */

static void a_worker_dies_with_its_service(void **state)
{
    (void)state;
    char path[] = "/proc/self/exe", mode[] = "parent", *arguments[] = {path, mode, NULL}, line[32];
    posix_spawn_file_actions_t files;
    int out[2];
    pid_t parent;
    assert_int_equal(pipe(out), 0);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    assert_int_equal(posix_spawn(&parent, path, &files, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    close(out[1]);
    FILE *said = fdopen(out[0], "r");
    assert_non_null(fgets(line, sizeof line, said));
    fclose(said);
    const int worker = pidfd_open((pid_t)strtol(line, NULL, 10), 0);
    assert_true(worker >= 0);
    kill(parent, SIGKILL);
    wait_for_death(worker);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
}

static void a_wish_goes_before_messages_and_a_deadline_before_both_is_kept(void **state)
{
    (void)state;
    struct process_end end;
    struct link_message m;
    const uint64_t one = 1;
    const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct process *p = start("stay");
    struct pollfd readable = {.fd = process_socket(p), .events = POLLIN};
    assert_int_equal(poll(&readable, 1, 60000), 1);
    assert_int_equal(write(wake, &one, sizeof one), sizeof one);
    assert_int_equal(process_wait(p, wake, HUGE_VAL, &m, NULL), PROCESS_WOKEN);
    assert_int_equal(process_wait(p, wake, 0, &m, NULL), PROCESS_LATE);
    assert_int_equal(process_wait(p, wake, HUGE_VAL, &m, NULL), PROCESS_MESSAGE);
    link_message_deinit(&m);
    assert_int_equal(process_wait(p, wake, monotonic_seconds() + 0.01, &m, NULL), PROCESS_LATE);
    process_signal(p, SIGKILL);
    assert_int_equal(process_wait(p, wake, HUGE_VAL, &m, NULL), PROCESS_ENDED);
    process_finish(p, 60, &end);
    assert_true(end.by_signal && end.code == SIGKILL);
    close(wake);
}

static void a_process_that_lingers_is_killed(void **state)
{
    (void)state;
    struct process_end end;
    struct process *p = start("stay");
    hear(p);
    process_finish(p, 0.01, &end);
    assert_true(end.by_signal && end.code == SIGKILL);
}

#ifdef SANITIZED /* elsewhere a worker cannot leave anything behind */
static void what_a_worker_leaves_behind_ends_with_it(void **state)
{
    (void)state;
    struct process_end end;
    struct link_message m;
    struct process *p = start("child, end");
    const int child = pidfd_open(hear(p), 0);
    assert_true(child >= 0);
    assert_int_equal(process_wait(p, -1, HUGE_VAL, &m, NULL), PROCESS_ENDED); /* whoever holds it */
    process_finish(p, 60, &end);
    assert_true(!end.by_signal && end.code == 0);
    wait_for_death(child);
}
#else
static void a_worker_has_no_children(void **state)
{
    (void)state;
    struct process_end end;
    struct link_message m;
    struct process *p = start("child, end");
    assert_int_equal(process_wait(p, -1, HUGE_VAL, &m, NULL), PROCESS_ENDED);
    process_finish(p, 60, &end);
    assert_true(end.by_signal && end.code == SIGSYS);
}
#endif

static void a_worker_started_by_hand_ends_with_an_error(void **state)
{
    (void)state;
    char path[] = "/proc/self/exe", mode[] = "worker", *arguments[] = {path, mode, NULL};
    posix_spawn_file_actions_t files;
    int status;
    pid_t pid;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addclosefrom_np(&files, WORKER_SOCKET);
    assert_int_equal(posix_spawn(&pid, path, &files, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void ends_are_told_in_words(void **state)
{
    (void)state;
    static const struct {
        struct process_end end;
        const char *text;
    } rows[] = {
        {{.code = 0}, "exit status 0"},
        {{.by_signal = true, .code = SIGSEGV}, "signal 11 (SEGV)"},
        {{.by_signal = true, .code = 99}, "signal 99 (unknown)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        process_end_text(&rows[i].end, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return worker_main(kinds, sizeof kinds / sizeof *kinds);
    if (argc > 1 && strcmp(argv[1], "parent") == 0)
        return be_a_parent();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_dies_with_its_service),
        cmocka_unit_test(a_wish_goes_before_messages_and_a_deadline_before_both_is_kept),
        cmocka_unit_test(a_process_that_lingers_is_killed),
#ifdef SANITIZED
        cmocka_unit_test(what_a_worker_leaves_behind_ends_with_it),
#else
        cmocka_unit_test(a_worker_has_no_children),
#endif
        cmocka_unit_test(a_worker_started_by_hand_ends_with_an_error),
        cmocka_unit_test(ends_are_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
