#include "server/jobs/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "server/jobs/worker.h"

/* A worker that does not take its job for so long is of no use. */
enum { SEND_SECONDS = 10 };

struct process {
    pid_t pid;
    int pidfd;  /* readable once the process has ended */
    int socket; /* the service's end */
    struct link_reader reader;
};

/* --- start --- */

enum { MAX_ENVIRONMENT = 32 };

/* Append what a worker may know of the service's environment: where libraries lie and how
 * sanitizers behave. */
static void choose_environment(char *chosen[MAX_ENVIRONMENT], size_t n)
{
    static const char *const passed[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
                                         "LSAN_OPTIONS=",    "TSAN_OPTIONS=", "TMPDIR="};
    for (char **e = environ; e && *e && n + 1 < MAX_ENVIRONMENT; e++)
        for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
            if (strncmp(*e, passed[i], strlen(passed[i])) == 0)
                chosen[n++] = *e;
    chosen[n] = NULL;
}

/* All of it after the fork happens inside posix_spawn, which knows what is safe there. */
static int spawn(pid_t *pid, int socket)
{
    char path[] = "/proc/self/exe", name[] = "farfield", subcommand[] = "worker";
    char threads[] = "OPENBLAS_NUM_THREADS=1"; /* threads of a product are the trainer's to make */
    char *arguments[] = {name, subcommand, NULL}, *environment[MAX_ENVIRONMENT] = {threads};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    choose_environment(environment, 1);
    sigemptyset(&none);
    sigfillset(&all);
    int e = posix_spawn_file_actions_init(&files);
    if (e != 0)
        return e;
    e = posix_spawnattr_init(&attributes);
    if (e != 0)
        goto out_files;
    if ((e = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
        (e = posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0)) == 0 &&
        (e = posix_spawn_file_actions_adddup2(&files, socket, WORKER_SOCKET)) == 0 &&
        (e = posix_spawn_file_actions_addclosefrom_np(&files, WORKER_SOCKET + 1)) == 0 &&
        (e = posix_spawnattr_setpgroup(&attributes, 0)) == 0 &&
        (e = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (e = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
        (e = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETSIGDEF)) == 0)
        e = posix_spawn(pid, path, &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
out_files:
    posix_spawn_file_actions_destroy(&files);
    return e;
}

static enum status start_error(struct error *err, int e)
{
    enum status status = e == EAGAIN || e == EMFILE || e == ENFILE ? STATUS_BUSY
                         : e == ENOMEM                             ? STATUS_NO_MEMORY
                                                                   : STATUS_INTERNAL;
    return error_set(err, status, "", "cannot start a worker process: %s", strerror(e));
}

enum status process_start(struct process **out, struct error *err)
{
    const struct timeval patience = {.tv_sec = SEND_SECONDS};
    int ends[2];
    struct process *p = mem_alloc(sizeof *p);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        mem_free(p);
        return start_error(err, errno);
    }
    *p = (struct process){.socket = ends[0], .pidfd = -1};
    link_reader_init(&p->reader);
    setsockopt(p->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    int e = spawn(&p->pid, ends[1]);
    close(ends[1]);
    if (e == 0 && (p->pidfd = pidfd_open(p->pid, 0)) < 0) {
        e = errno;
        kill(-p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    if (e != 0) {
        close(p->socket);
        mem_free(p);
        return start_error(err, e);
    }
    *out = p;
    return STATUS_OK;
}

int process_socket(const struct process *p)
{
    return p->socket;
}

void process_signal(const struct process *p, int signal)
{
    kill(-p->pid, signal); /* not reaped before process_finish, so the number is still its own */
}

/* --- talk --- */

static int poll_milliseconds(double deadline)
{
    const double left = deadline - monotonic_seconds();
    if (left <= 0)
        return 0;
    return left > 3600 ? 3600 * 1000 : (int)ceil(left * 1000);
}

static enum process_event read_message(struct process *p, struct link_message *out,
                                       enum status *status, struct error *err)
{
    *status = link_read(&p->reader, p->socket, LINK_POLL, out, err);
    if (*status == STATUS_OK)
        return PROCESS_MESSAGE;
    return *status == STATUS_NOT_FOUND ? PROCESS_ENDED : PROCESS_BROKEN;
}

enum process_event process_wait(struct process *p, int wake, double deadline,
                                struct link_message *out, struct error *err)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = p->socket, .events = POLLIN},
            {.fd = p->pidfd, .events = POLLIN},
            {.fd = wake, .events = POLLIN}, /* poll passes over -1 */
        };
        const int n = poll(fds, sizeof fds / sizeof *fds, poll_milliseconds(deadline));
        if (n < 0 && errno != EINTR) {
            error_set(err, STATUS_INTERNAL, "", "cannot wait for a worker: %s", strerror(errno));
            return PROCESS_BROKEN;
        }
        if (n > 0 && fds[2].revents) {
            uint64_t count;
            const ssize_t k = read(wake, &count, sizeof count);
            (void)k; /* another look at the wishes does no harm */
            return PROCESS_WOKEN;
        }
        if (monotonic_seconds() >= deadline)
            return PROCESS_LATE;
        if (n > 0 && fds[0].revents) {
            enum status status;
            const enum process_event event = read_message(p, out, &status, err);
            if (status != STATUS_BUSY)
                return event;
            if (!fds[1].revents)
                continue; /* half a message */
        }
        if (n > 0 && fds[1].revents)
            return PROCESS_ENDED; /* whatever else may still hold the socket */
    }
}

/* --- end --- */

void process_finish(struct process *p, double patience, struct process_end *out)
{
    struct pollfd ended = {.fd = p->pidfd, .events = POLLIN};
    const double deadline = monotonic_seconds() + patience;
    int status = 0;
    while (poll(&ended, 1, poll_milliseconds(deadline)) < 0 && errno == EINTR)
        ;
    kill(-p->pid, SIGKILL); /* itself if it lingers, and whatever it has left behind */
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *out = (struct process_end){.by_signal = WIFSIGNALED(status)};
    out->code = out->by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
    close(p->pidfd);
    close(p->socket);
    link_reader_deinit(&p->reader);
    mem_free(p);
}

void process_end_text(const struct process_end *end, char *out, size_t size)
{
    const char *name = end->by_signal ? sigabbrev_np(end->code) : NULL;
    if (end->by_signal)
        snprintf(out, size, "signal %d (%s)", end->code, name ? name : "unknown");
    else
        snprintf(out, size, "exit status %d", end->code);
}
