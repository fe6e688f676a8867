#include "tests/harness/tracer.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_THREADS = 16, LINE = 1024 };

/* Generous: the machine may be busy. */
static const double patience = 20;

void tracer_init(struct tracer *t, const struct victim *v, const char *call, const char *fault,
                 unsigned k)
{
    *t = (struct tracer){.pid = 0};
    snprintf(t->log, sizeof t->log, "%s/strace", v->service.folder);
    snprintf(t->trace, sizeof t->trace, "trace=%s", call);
    snprintf(t->inject, sizeof t->inject, "inject=%s:%s:when=%u", call, fault, k);
    const char *const words[] = {"strace", "-qq", "-y",     "-e", "signal=none", "-o",
                                 t->log,   "-e",  t->trace, "-e", t->inject,     NULL};
    memcpy(t->before, words, sizeof words);
}

const char *const *tracer_before(struct tracer *t)
{
    return t->before;
}

/* --- attach --- */

/* A file of /proc, its first bytes; "" if it is not there. */
static void read_small(char *out, size_t size, int pid, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = file >= 0 ? read(file, out, size - 1) : -1;
    if (file >= 0)
        close(file);
    out[n > 0 ? n : 0] = '\0';
}

static size_t find_threads(pid_t pid, const char *name, pid_t *out, size_t max)
{
    char path[64], comm[32];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    assert_non_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks)) && n < max;) {
        long tid = strtol(entry->d_name, NULL, 10);
        if (tid <= 0)
            continue;
        read_small(comm, sizeof comm, (int)tid, "comm");
        comm[strcspn(comm, "\n")] = '\0';
        if (strcmp(comm, name) == 0)
            out[n++] = (pid_t)tid;
    }
    closedir(tasks);
    return n;
}

static bool is_traced(pid_t tid)
{
    char status[1024];
    read_small(status, sizeof status, (int)tid, "status");
    const char *tracer = strstr(status, "TracerPid:");
    return tracer && strtol(tracer + 10, NULL, 10) > 0;
}

/* A thread names itself, some time after it was made. */
static void wait_for_threads(pid_t pid, const char *name, size_t n, pid_t out[MAX_THREADS])
{
    double end = now_seconds() + patience;
    while (find_threads(pid, name, out, MAX_THREADS) != n) {
        if (now_seconds() > end)
            fail_msg("the service has not %zu threads '%s'", n, name);
        pause_briefly();
    }
}

void tracer_attach(struct tracer *t, const struct victim *v, const char *thread, size_t n)
{
    pid_t threads[MAX_THREADS];
    char numbers[MAX_THREADS][16];
    const char *argv[16 + 2 * MAX_THREADS];
    size_t used = 0;
    wait_for_threads(v->service.pid, thread, n, threads);
    while (t->before[used]) {
        argv[used] = t->before[used];
        used++;
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", (int)threads[i]);
        argv[used++] = "-p";
        argv[used++] = numbers[i];
    }
    argv[used] = NULL;
    assert_int_equal(
        posix_spawnp(&t->pid, "strace", NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    double end = now_seconds() + patience;
    for (size_t i = 0; i < n; i++)
        while (!is_traced(threads[i])) {
            assert_int_equal(waitpid(t->pid, NULL, WNOHANG), 0);
            assert_true(now_seconds() < end);
            pause_briefly();
        }
}

void tracer_end(struct tracer *t)
{
    double end = now_seconds() + patience;
    if (t->pid == 0)
        return;
    while (waitpid(t->pid, NULL, WNOHANG) == 0) {
        assert_true(now_seconds() < end);
        pause_briefly();
    }
    t->pid = 0;
}

/* --- the log --- */

enum strike tracer_strike(const struct tracer *t)
{
    char line[LINE];
    enum strike strike = STRIKE_NONE;
    FILE *log = fopen(t->log, "r");
    assert_non_null(log);
    while (fgets(line, sizeof line, log))
        if (strstr(line, "(INJECTED)")) {
            bool is_pipe = strstr(line, "<anon_inode:") || strstr(line, "<pipe:") ||
                           strstr(line, "<socket:") || strstr(line, "<UNIX");
            strike = is_pipe ? STRIKE_PIPE : STRIKE_FILE;
        }
    fclose(log);
    return strike;
}
