#include "tests/http/service.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    PATH_SIZE = 512,
    MAX_ARGUMENTS = 32,
    START_SECONDS = 60,
    STOP_SECONDS = 15,
    MAX_RUNNING = 4
};

double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void pause_briefly(void)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
}

static const char farfield[] = "farfield";

/* build/KIND/NAME, seen from build/KIND/tests/http/test_x. */
static void find_program(const char *name, char out[PATH_SIZE])
{
    char self[PATH_SIZE / 2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = '\0';
    for (int up = 0; up < 3; up++)
        *strrchr(self, '/') = '\0';
    snprintf(out, PATH_SIZE, "%s/%s", self, name);
}

static size_t append_words(char *argv[MAX_ARGUMENTS], size_t n, const char *const *words)
{
    for (size_t i = 0; words && words[i]; i++) {
        assert_true(n + 1 < MAX_ARGUMENTS);
        argv[n++] = (char *)(uintptr_t)words[i];
    }
    argv[n] = NULL;
    return n;
}

/* Start the program with its stdout on a pipe; returns the reading end.  prefix: of another program
 * that runs it, or NULL; log: a file for its stderr, or NULL. */
static int spawn_program(const char *name, const char *const *prefix, const char *log,
                         const char *const *arguments, pid_t *pid)
{
    char program[PATH_SIZE], *argv[MAX_ARGUMENTS];
    int ends[2];
    posix_spawn_file_actions_t actions;
    find_program(name, program);
    size_t n = append_words(argv, 0, prefix);
    n = append_words(argv, n, (const char *[]){program, NULL});
    append_words(argv, n, arguments);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (log)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log,
                                         O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_int_equal(posix_spawnp(pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    return ends[0];
}

/* Read up to the first line's end (or all of it), for so long. */
static size_t read_output(int fd, char *out, size_t size, bool one_line, double seconds)
{
    size_t n = 0;
    double end = now_seconds() + seconds;
    while (n + 1 < size && !(one_line && n > 0 && out[n - 1] == '\n')) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        double left = end - now_seconds();
        assert_true(left > 0);
        if (poll(&ready, 1, (int)(left * 1000)) <= 0)
            continue;
        ssize_t got = read(fd, out + n, one_line ? 1 : size - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    out[n] = '\0';
    return n;
}

int program_run(const char *const *arguments, char **output)
{
    enum { OUTPUT_MAX = 1 << 20 };
    pid_t pid;
    int status = 0;
    char *text = malloc(OUTPUT_MAX);
    assert_non_null(text);
    int fd = spawn_program(farfield, NULL, NULL, arguments, &pid);
    read_output(fd, text, OUTPUT_MAX, false, 60 * SLOWNESS);
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (output)
        *output = text;
    else
        free(text);
    return WEXITSTATUS(status);
}

/* A test that fails in the middle leaves its service behind: it goes with the test program. */
static pid_t running[MAX_RUNNING];

static void kill_running(void)
{
    for (size_t i = 0; i < MAX_RUNNING; i++) {
        if (running[i] > 0)
            kill(running[i], SIGKILL);
    }
}

static void note_running(pid_t pid)
{
    if (running[0] == 0)
        atexit(kill_running);
    for (size_t i = 0; i < MAX_RUNNING; i++) {
        if (running[i] <= 0) {
            running[i] = pid;
            return;
        }
    }
    fail_msg("more than %d services", MAX_RUNNING);
}

static void note_ended(pid_t pid)
{
    for (size_t i = 0; i < MAX_RUNNING; i++) {
        if (running[i] == pid)
            running[i] = -1;
    }
}

bool service_try_restart(struct service *s, const char *const *settings)
{
    char data[128], log[128], line[256];
    const char *arguments[MAX_ARGUMENTS] = {"serve", "--listen",    "127.0.0.1:0", "--data",
                                            data,    "--log-level", "warn",        "--threads",
                                            "1",     NULL};
    size_t n = 9;
    snprintf(data, sizeof(data), "%s/data", s->folder);
    for (size_t i = 0; settings && settings[i]; i++) {
        assert_true(n + 2 < MAX_ARGUMENTS);
        arguments[n++] = settings[i];
    }
    snprintf(log, sizeof(log), "%s/%s", s->folder, s->log ? s->log : "");
    int fd = spawn_program(s->program ? s->program : farfield, s->prefix, s->log ? log : NULL,
                           arguments, &s->pid);
    note_running(s->pid);
    size_t n_read = read_output(fd, line, sizeof(line), true, START_SECONDS * SLOWNESS);
    close(fd);
    if (n_read == 0)
        return false;
    static const char prefix[] = "farfield listening on ";
    assert_memory_equal(line, prefix, sizeof(prefix) - 1);
    line[strcspn(line, "\n")] = '\0';
    snprintf(s->url, sizeof(s->url), "%.63s", line + sizeof(prefix) - 1);
    return true;
}

void service_restart(struct service *s, const char *const *settings)
{
    assert_true(service_try_restart(s, settings));
}

static void start_in_new_folder(struct service *s, const char *const *settings)
{
    const char *root = getenv("TMPDIR");
    snprintf(s->folder, sizeof(s->folder), "%.40s/farfield-XXXXXX", root ? root : "/tmp");
    assert_non_null(mkdtemp(s->folder));
    service_restart(s, settings);
}

void service_start(struct service *s, const char *const *settings)
{
    service_start_under(s, NULL, NULL, settings);
}

void service_start_under(struct service *s, const char *const *prefix, const char *log,
                         const char *const *settings)
{
    s->program = farfield;
    s->prefix = prefix;
    s->log = log;
    start_in_new_folder(s, settings);
}

void service_start_program(struct service *s, const char *program, const char *const *settings)
{
    s->program = program;
    s->prefix = NULL;
    s->log = NULL;
    start_in_new_folder(s, settings);
}

/* True if the process has ended within so many seconds.  The kernel counts the children that it
 * waited for, too. */
static bool wait_for_end(pid_t pid, int *status, double seconds, long *peak_kib)
{
    struct rusage usage = {0};
    double end = now_seconds() + seconds;
    while (wait4(pid, status, WNOHANG, &usage) == 0) {
        if (now_seconds() > end)
            return false;
        pause_briefly();
    }
    *peak_kib = usage.ru_maxrss;
    return true;
}

int service_stop(struct service *s)
{
    assert_int_equal(kill(s->pid, SIGTERM), 0);
    return service_wait(s);
}

int service_wait(struct service *s)
{
    int status = 0;
    bool ended = wait_for_end(s->pid, &status, STOP_SECONDS, &s->peak_kib);
    if (!ended) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &status, 0);
    }
    note_ended(s->pid);
    s->pid = 0;
    assert_true(ended);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

size_t service_workers(const struct service *s, pid_t *out, size_t max)
{
    size_t n = 0;
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    for (struct dirent *entry; (entry = readdir(processes)) && n < max;) {
        char path[300], text[256];
        long pid = strtol(entry->d_name, NULL, 10), parent = 0;
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        FILE *file = pid > 0 ? fopen(path, "r") : NULL;
        if (!file)
            continue;
        size_t length = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        text[length] = '\0';
        const char *after_name = strrchr(text, ')'); /* "PID (NAME) STATE PARENT …" */
        if (after_name && strlen(after_name) > 4)
            parent = strtol(after_name + 4, NULL, 10);
        if (parent == s->pid && after_name[2] != 'Z')
            out[n++] = (pid_t)pid;
    }
    closedir(processes);
    return n;
}

void service_kill(struct service *s)
{
    enum { MAX_WORKERS = 16 };
    pid_t workers[MAX_WORKERS];
    size_t n = service_workers(s, workers, MAX_WORKERS);
    int status = 0;
    assert_int_equal(kill(s->pid, SIGKILL), 0);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    note_ended(s->pid);
    s->pid = 0;
    for (size_t i = 0; i < n; i++) {
        double end = now_seconds() + 5;
        while (kill(workers[i], 0) == 0 && now_seconds() < end)
            pause_briefly();
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void service_remove(struct service *s)
{
    if (s->pid > 0)
        assert_int_equal(service_stop(s), 0);
    if (s->folder[0])
        nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    s->folder[0] = '\0';
}
