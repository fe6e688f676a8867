#include "server/jobs/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "server/jobs/clean_text.h"
#include "server/jobs/worker.h"
#include "server/log.h"

/* A worker that does not take its job for so long is of no use. */
enum { SEND_SECONDS = 10 };

static const double look_seconds = 0.25; /* between two looks at its memory */

struct process {
    pid_t pid;
    int pidfd;  /* readable once the process has ended */
    int socket; /* the service's end */
    int words;  /* what it writes to stderr; -1: the service's own */
    uint64_t memory_bytes;
    double next_look;
    bool is_killed;     /* by us */
    uint64_t oom_kills; /* of the machine, when it began */
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
static int spawn(pid_t *pid, int socket, int words)
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
        (words < 0 || (e = posix_spawn_file_actions_adddup2(&files, words, 2)) == 0) &&
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

#ifdef SANITIZED
/* Its report must come out whole, and its runtime takes terabytes of address space. */
static int open_words(int ends[2])
{
    ends[0] = ends[1] = -1;
    return 0;
}

static int limit(pid_t pid, const struct process_limits *limits)
{
    (void)pid, (void)limits;
    return 0;
}
#else
/* Of a worker's descriptors: its socket, the dataset, a memory file or two. */
enum { MAX_DESCRIPTORS = 64 };

/* Beside its memory: program, libraries, OpenBLAS's buffers, mapped datasets and checkpoints; and
 * for each thread a stack and an arena of the allocator.  Address space only, so generous. */
static const uint64_t reserve_bytes = 2ULL << 30, reserve_of_a_thread = 160ULL << 20;

/* Nobody reads before its end: what a pipe does not hold is lost, and no writer ever waits. */
static int open_words(int ends[2])
{
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : errno;
}

static int limit(pid_t pid, const struct process_limits *limits)
{
    const uint64_t space =
        limits->memory_bytes + reserve_bytes + reserve_of_a_thread * limits->threads;
    const struct {
        enum __rlimit_resource resource;
        rlim_t most;
    } rows[] = {
        {RLIMIT_AS, space},
        {RLIMIT_FSIZE, LINK_MAX_MEMORY}, /* of a memory file */
        {RLIMIT_NOFILE, MAX_DESCRIPTORS},
        {RLIMIT_MEMLOCK, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rlimit both;
        if (prlimit(pid, rows[i].resource, NULL, &both) != 0)
            return errno;
        if (both.rlim_max > rows[i].most) /* a limit of the service's own may be lower */
            both.rlim_max = rows[i].most;
        both.rlim_cur = both.rlim_max;
        if (prlimit(pid, rows[i].resource, &both, NULL) != 0)
            return errno;
    }
    return 0;
}
#endif

/* The line "NAME number" of a file of /proc; 0 where there is none. */
static uint64_t read_counter(const char *path, const char *name)
{
    char text[8192], *line;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 10) : 0;
}

static uint64_t count_oom_kills(void)
{
    return read_counter("/proc/vmstat", "\noom_kill ");
}

uint64_t process_resident_bytes(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return read_counter(path, "\nVmRSS:") << 10;
}

static void close_both(const int ends[2])
{
    for (size_t i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

/* Start the process behind the two pairs; an errno. */
static int start(struct process *p, int socket, int words, const struct process_limits *limits)
{
    int e = spawn(&p->pid, socket, words);
    if (e != 0)
        return e;
    if ((p->pidfd = pidfd_open(p->pid, 0)) < 0)
        e = errno;
    if (e == 0)
        e = limit(p->pid, limits);
    if (e == 0)
        return 0;
    kill(-p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    if (p->pidfd >= 0)
        close(p->pidfd);
    return e;
}

enum status process_start(struct process **out, const struct process_limits *limits,
                          struct error *err)
{
    const struct timeval patience = {.tv_sec = SEND_SECONDS};
    int ends[2] = {-1, -1}, words[2] = {-1, -1};
    struct process *p = mem_alloc(sizeof *p);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    int e = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
    if (e == 0)
        e = open_words(words);
    if (e == 0) {
        *p = (struct process){.socket = ends[0],
                              .pidfd = -1,
                              .words = words[0],
                              .memory_bytes = limits->memory_bytes,
                              .next_look = monotonic_seconds() + look_seconds,
                              .oom_kills = count_oom_kills()};
        link_reader_init(&p->reader);
        setsockopt(p->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        e = start(p, ends[1], words[1], limits);
    }
    if (e != 0) {
        close_both(ends);
        close_both(words);
        mem_free(p);
        return start_error(err, e);
    }
    close(ends[1]);
    if (words[1] >= 0)
        close(words[1]);
    *out = p;
    return STATUS_OK;
}

int process_socket(const struct process *p)
{
    return p->socket;
}

void process_signal(struct process *p, int signal)
{
    p->is_killed = p->is_killed || signal == SIGKILL;
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

/* Is it time to look at its memory, and is it too much? */
static bool is_large(struct process *p, double now)
{
    if (now < p->next_look)
        return false;
    p->next_look = now + look_seconds;
    return process_resident_bytes(p->pid) > p->memory_bytes;
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
        const int n =
            poll(fds, sizeof fds / sizeof *fds, poll_milliseconds(fmin(deadline, p->next_look)));
        const double now = monotonic_seconds();
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
        if (now >= deadline)
            return PROCESS_LATE;
        if (is_large(p, now))
            return PROCESS_LARGE;
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

/* Log the first of what it wrote to stderr. */
static void tell_words(const struct process *p)
{
    char text[2048];
    const ssize_t n = p->words >= 0 ? read(p->words, text, sizeof text - 1) : -1;
    if (n <= 0)
        return;
    text[n] = '\0';
    text_clean(text);
    log_event(LOG_WARN, "worker wrote", LOG_INT("pid", p->pid), LOG_TEXT("text", text), LOG_END);
}

/* Died of a SIGKILL that was not ours, while the kernel counted one more that it killed for want of
 * memory.  (A person's kill -9 is not counted there.) */
static bool died_for_memory(const struct process *p, const struct process_end *end)
{
    return end->by_signal && end->code == SIGKILL && !p->is_killed &&
           count_oom_kills() > p->oom_kills;
}

void process_finish(struct process *p, double patience, struct process_end *out)
{
    struct pollfd ended = {.fd = p->pidfd, .events = POLLIN};
    const double deadline = monotonic_seconds() + patience;
    int status = 0;
    int n;
    while ((n = poll(&ended, 1, poll_milliseconds(deadline))) < 0 && errno == EINTR)
        ;
    p->is_killed = p->is_killed || n == 0;
    kill(-p->pid, SIGKILL); /* itself if it lingers, and whatever it has left behind */
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *out = (struct process_end){.by_signal = WIFSIGNALED(status)};
    out->code = out->by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
    out->for_memory = died_for_memory(p, out);
    tell_words(p);
    if (p->words >= 0)
        close(p->words);
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
