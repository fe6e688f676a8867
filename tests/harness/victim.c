#include "tests/harness/victim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/folder.h"
#include "tests/harness/harness.h"

enum { PATH_SIZE = 512, MAX_ARGUMENTS = 48, MAX_ORPHANS = 64, START_SECONDS = 20 };

/* A test that fails in the middle, or is interrupted, takes its victim with it. */
static pid_t latest[2]; /* what was started, and the service if that is another */

static void kill_latest(void)
{
    for (size_t i = 0; i < 2; i++)
        if (latest[i] > 0)
            kill(latest[i], SIGKILL);
}

static void on_interrupt(int signal)
{
    kill_latest();
    _exit(128 + signal);
}

void victim_init(struct victim *v, const char *root)
{
    static bool is_registered;
    const char *temporary = getenv("TMPDIR");
    *v = (struct victim){.output = -1};
    snprintf(v->service.folder, sizeof v->service.folder, "%.40s/farfield-XXXXXX",
             root        ? root
             : temporary ? temporary
                         : "/tmp");
    assert_non_null(mkdtemp(v->service.folder));
    snprintf(v->log, sizeof v->log, "%s/log", v->service.folder);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    if (!is_registered) {
        atexit(kill_latest);
        signal(SIGTERM, on_interrupt);
        signal(SIGINT, on_interrupt);
    }
    is_registered = true;
}

/* --- start --- */

/* build/KIND/farfield, seen from build/KIND/tests/harness/test_x. */
static void find_program(char out[PATH_SIZE])
{
    char self[PATH_SIZE / 2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    for (int up = 0; up < 3; up++)
        *strrchr(self, '/') = '\0';
    snprintf(out, PATH_SIZE, "%s/farfield", self);
}

static size_t add_arguments(char **argv, size_t n, const char *const *more)
{
    for (size_t i = 0; more && more[i]; i++) {
        assert_true(n + 1 < MAX_ARGUMENTS);
        argv[n++] = (char *)(uintptr_t)more[i];
    }
    argv[n] = NULL;
    return n;
}

void victim_launch(struct victim *v, const char *const *before, const char *const *settings)
{
    char program[PATH_SIZE], data[128];
    char *argv[MAX_ARGUMENTS];
    int ends[2];
    posix_spawn_file_actions_t files;
    find_program(program);
    snprintf(data, sizeof data, "%s/data", v->service.folder);
    const char *const own[] = {program, "serve", "--listen",  "127.0.0.1:0", "--data",
                               data,    NULL,    "--threads", "1",           NULL};
    size_t n = add_arguments(argv, 0, before);
    n = add_arguments(argv, n, own);
    n = add_arguments(argv, n, own + 7);
    add_arguments(argv, n, settings);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, v->log, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    v->started = now_seconds();
    assert_int_equal(posix_spawnp(&v->child, argv[0], &files, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    v->output = ends[0];
    v->service.pid = before ? 0 : v->child;
    latest[0] = v->child;
    latest[1] = 0;
}

/* Read a line; false: the output ended before. */
static bool read_line(struct victim *v, char *out, size_t size)
{
    size_t n = 0;
    double end = v->started + START_SECONDS * SLOWNESS;
    while (n + 1 < size && !(n > 0 && out[n - 1] == '\n')) {
        struct pollfd ready = {.fd = v->output, .events = POLLIN};
        double left = end - now_seconds();
        if (left <= 0)
            victim_show_log(v);
        assert_true(left > 0);
        if (poll(&ready, 1, (int)(left * 1000) + 1) <= 0)
            continue;
        if (read(v->output, out + n, 1) != 1)
            return false;
        n++;
    }
    out[n] = '\0';
    return true;
}

double victim_wait(struct victim *v)
{
    static const char prefix[] = "farfield listening on ";
    char line[256];
    if (!read_line(v, line, sizeof line))
        return -1;
    double seconds = now_seconds() - v->started;
    assert_memory_equal(line, prefix, sizeof prefix - 1);
    line[strcspn(line, "\n")] = '\0';
    snprintf(v->service.url, sizeof v->service.url, "%.63s", line + sizeof prefix - 1);
    if (v->service.pid == 0) { /* the only child of the program that started it */
        const struct service starter = {.pid = v->child};
        if (service_workers(&starter, &v->service.pid, 1) != 1)
            return -1;
        latest[1] = v->service.pid;
    }
    return seconds;
}

double victim_start(struct victim *v, const char *const *settings)
{
    victim_launch(v, NULL, settings);
    double seconds = victim_wait(v);
    if (seconds < 0)
        victim_show_log(v);
    assert_true(seconds >= 0);
    return seconds;
}

/* --- end --- */

/* Orphans of the service have become our children: none of them stays. */
static void end_orphans(void)
{
    const struct service self = {.pid = getpid()};
    pid_t orphans[MAX_ORPHANS];
    size_t n;
    while ((n = service_workers(&self, orphans, MAX_ORPHANS)) > 0)
        for (size_t i = 0; i < n; i++) {
            kill(orphans[i], SIGKILL);
            waitpid(orphans[i], NULL, 0);
        }
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void forget(struct victim *v)
{
    end_orphans();
    close(v->output);
    v->output = -1;
    v->child = v->service.pid = latest[0] = latest[1] = 0;
}

void victim_kill(struct victim *v)
{
    pid_t workers[MAX_ORPHANS];
    size_t n = v->service.pid ? service_workers(&v->service, workers, MAX_ORPHANS) : 0;
    if (v->service.pid)
        kill(v->service.pid, SIGKILL); /* first: it must not see its workers die */
    for (size_t i = 0; i < n; i++)
        kill(workers[i], SIGKILL);
    if (v->child != v->service.pid)
        kill(v->child, SIGKILL);
    assert_int_equal(waitpid(v->child, NULL, 0), v->child);
    forget(v);
}

int victim_reap(struct victim *v, double seconds)
{
    int status = 0;
    double end = now_seconds() + seconds;
    while (waitpid(v->child, &status, WNOHANG) == 0) {
        if (now_seconds() > end) {
            victim_show_log(v);
            victim_kill(v);
            fail_msg("the service did not end within %.0f s", seconds);
        }
        pause_briefly();
    }
    forget(v);
    return status;
}

void victim_stop(struct victim *v)
{
    assert_int_equal(kill(v->service.pid, SIGTERM), 0);
    int status = victim_reap(v, 15 * SLOWNESS);
    if (status != 0)
        victim_show_log(v);
    assert_int_equal(status, 0);
}

void victim_show_log(const struct victim *v)
{
    enum { TAIL = 3000 };
    char text[TAIL + 1];
    FILE *log = fopen(v->log, "r");
    if (!log)
        return;
    if (fseek(log, -TAIL, SEEK_END) != 0)
        rewind(log);
    size_t n = fread(text, 1, TAIL, log);
    fclose(log);
    harness_print("--- the service's log ends:\n%.*s---\n", (int)n, text);
}

void victim_deinit(struct victim *v)
{
    if (v->child > 0)
        victim_kill(v);
    if (v->service.folder[0])
        folder_remove(v->service.folder);
    v->service.folder[0] = '\0';
}
