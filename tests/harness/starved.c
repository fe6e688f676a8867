#include "tests/harness/starved.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char program[] = "tests/oom/farfield-oom";

/* --- the log --- */

/* What a program started between these two says goes to a file, not among the test's own lines. */
static int begin_log(const char *path)
{
    int ours = dup(STDERR_FILENO);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(ours >= 0 && file >= 0);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    close(file);
    return ours;
}

static void end_log(int ours)
{
    assert_int_equal(dup2(ours, STDERR_FILENO), STDERR_FILENO);
    close(ours);
}

static void log_path(const struct starved *s, char out[128])
{
    snprintf(out, 128, "%s.log", s->service.folder);
}

static void print_log(const struct starved *s)
{
    enum { TAIL = 6000 };
    char path[128], text[TAIL + 1];
    log_path(s, path);
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    if (fseek(file, -TAIL, SEEK_END) != 0)
        rewind(file);
    size_t n = fread(text, 1, TAIL, file);
    fclose(file);
    text[n] = '\0';
    print_error("the end of its log:\n%s\n", text);
}

void starved_fail(const struct starved *s, const char *format, ...)
{
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    print_log(s);
    fail_msg("%s", words);
    abort(); /* fail_msg does not come back */
}

/* --- life --- */

static struct failing_alloc *make_control(const char *variable)
{
    char path[] = "/tmp/farfield-oom-XXXXXX";
    struct failing_alloc *control;
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, sizeof *control), 0);
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_true(control != MAP_FAILED);
    close(file);
    assert_int_equal(setenv(variable, path, 1), 0);
    return control;
}

static void remove_control(const char *variable, struct failing_alloc *control)
{
    const char *path = getenv(variable);
    if (path)
        unlink(path);
    unsetenv(variable);
    munmap(control, sizeof *control);
}

void starved_start(struct starved *s, const char *const *settings)
{
    char path[128], final[128];
    s->control = make_control(FAILING_ALLOC_FILE);
    s->workers = make_control(FAILING_ALLOC_WORKERS);
    snprintf(path, sizeof(path), "/tmp/farfield-oom-log-%d", (int)getpid());
    int ours = begin_log(path);
    service_start_program(&s->service, program, settings);
    end_log(ours);
    log_path(s, final);
    assert_int_equal(rename(path, final), 0);
}

bool starved_try_restart(struct starved *s, const char *const *settings, enum failing how, long nth)
{
    char path[128];
    log_path(s, path);
    int ours = begin_log(path);
    starved_arm(s, how, nth);
    bool is_up = service_try_restart(&s->service, settings);
    end_log(ours);
    return is_up;
}

static void arm(struct failing_alloc *control, enum failing how, long nth)
{
    atomic_store(&control->how, FAIL_NONE);
    atomic_store(&control->nth, nth);
    atomic_store(&control->n_seen, 0);
    atomic_store(&control->n_failed, 0);
    atomic_store(&control->how, how);
}

static long disarm(struct failing_alloc *control)
{
    atomic_store(&control->how, FAIL_NONE);
    return atomic_load(&control->n_failed);
}

void starved_arm(struct starved *s, enum failing how, long nth)
{
    arm(s->control, how, nth);
}

long starved_disarm(struct starved *s)
{
    return disarm(s->control);
}

void starved_arm_workers(struct starved *s, enum failing how, long nth)
{
    arm(s->workers, how, nth);
}

long starved_disarm_workers(struct starved *s)
{
    return disarm(s->workers);
}

long starved_seen_by_workers(const struct starved *s)
{
    return atomic_load(&s->workers->n_seen);
}

long starved_seen(const struct starved *s)
{
    return atomic_load(&s->control->n_seen);
}

long starved_live(const struct starved *s)
{
    return atomic_load(&s->control->n_live);
}

void starved_check_alive(struct starved *s)
{
    int status = 0;
    pid_t ended = waitpid(s->service.pid, &status, WNOHANG);
    if (ended == 0)
        return;
    s->service.pid = 0;
    if (WIFSIGNALED(status))
        starved_fail(s, "the service died of signal %d", WTERMSIG(status));
    starved_fail(s, "the service ended with exit status %d", WEXITSTATUS(status));
}

static int count_temporary(const struct starved *s)
{
    char path[128];
    int n = 0;
    snprintf(path, sizeof(path), "%s/data/tmp", s->service.folder);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

void starved_check_tidy(const struct starved *s)
{
    double end = now_seconds() + 5 * SLOWNESS;
    while (count_temporary(s) > 0) {
        if (now_seconds() > end)
            starved_fail(s, "%d uploads lie in the temporary folder", count_temporary(s));
        pause_briefly();
    }
}

void starved_stop(struct starved *s)
{
    int status = service_stop(&s->service);
    if (status != 0)
        starved_fail(s, "the service ended with exit status %d", status);
}

void starved_remove(struct starved *s)
{
    char path[128];
    log_path(s, path);
    if (s->service.pid > 0)
        service_kill(&s->service);
    service_remove(&s->service);
    unlink(path);
    remove_control(FAILING_ALLOC_FILE, s->control);
    remove_control(FAILING_ALLOC_WORKERS, s->workers);
}
