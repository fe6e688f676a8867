/*
 * Deeds: what the workers of tests do.  A job's spec names one: {"do":"succeed"}.
 */
#ifndef TESTS_SERVER_JOBS_DEEDS_H
#define TESTS_SERVER_JOBS_DEEDS_H

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/jobs/worker.h"
#include "server/jobs/worker_link.h"

static inline void send_snapshot(struct worker *w, uint64_t step, const char *weights)
{
    worker_snapshot(w, step, (const uint8_t *)weights, strlen(weights));
}

static inline void send_result(struct worker *w, uint64_t step)
{
    worker_result(w, "steps", step, "{\"n_inputs\":2}", "{\"psnr\":31.5}",
                  (const uint8_t *)"final weights", 13);
}

static inline enum status succeed(struct worker *w, struct error *err)
{
    size_t n;
    if (memcmp(worker_dataset(w, &n), "the bytes of a dataset", 22) != 0 || n != 22)
        return error_set(err, STATUS_INVALID, "", "the dataset is not what was uploaded");
    if (worker_checkpoint(w, &n) || worker_threads(w) != 1 || strcmp(worker_isa(w), "auto") != 0)
        return error_set(err, STATUS_INVALID, "", "the job is not what was sent");
    worker_phase(w, "training");
    worker_summary(w, "{\"n_inputs\":2}");
    worker_metric(w, "loss", 10, 0.5, 0.1);
    worker_metric(w, "loss", 20, NAN, 0.2); /* no point */
    worker_report(w, 10, 0.1, 0.1, 0.9, true);
    send_snapshot(w, 50, "half-way weights");
    worker_phase(w, "saving");
    worker_metric(w, "psnr", 100, 31.5, 1.0);
    send_result(w, 100);
    return STATUS_OK;
}

static inline enum status report_much(struct worker *w, struct error *err)
{
    (void)err;
    worker_summary(w, "{}");
    for (uint64_t step = 1; step <= 100; step++) {
        for (uint64_t i = 0; i < 50; i++)
            worker_metric(w, "loss", step * 100 + i, 1.0 / (double)step, (double)step);
        worker_report(w, step, (double)step, (double)step / 100, 1, step % 20 == 0);
    }
    send_result(w, 100);
    return STATUS_OK;
}

static inline enum status crash_by_segv(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn it into an exit */
    raise(SIGSEGV);
    return STATUS_OK;
}

static inline enum status crash_by_abort(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static inline enum status crash_by_exit(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    _exit(7);
}

static inline enum status crash_by_kill(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    kill(getpid(), SIGKILL);
    return STATUS_OK;
}

/* Leaves a child that holds the socket and outlives nothing but the group. */
static inline enum status crash_beside_a_child(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    if (fork() == 0)
        for (;;)
            pause();
    _exit(7);
}

static inline enum status break_the_rules(struct worker *w, struct error *err)
{
    (void)err;
    static const char noise[64] = "this is not a frame";
    const ssize_t n = write(WORKER_SOCKET, noise, sizeof noise);
    while (n > 0 && !*worker_stop(w))
        pause();
    return STATUS_OK;
}

static inline enum status show_a_bad_snapshot(struct worker *w, struct error *err)
{
    (void)err;
    worker_summary(w, "{}");
    send_snapshot(w, 1, "bad weights");
    while (!*worker_stop(w))
        pause();
    return STATUS_OK;
}

static inline enum status end_without_result(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    return STATUS_OK;
}

/* Crashes twice, each time a checkpoint further, and then succeeds. */
static inline enum status crash_twice(struct worker *w, struct error *err)
{
    size_t n;
    const uint8_t *checkpoint = worker_checkpoint(w, &n);
    (void)err;
    worker_summary(w, "{}");
    if (checkpoint && n == 2) {
        send_result(w, 100);
        return STATUS_OK;
    }
    worker_save_checkpoint(w, checkpoint ? 20 : 10, (const uint8_t *)"xx", checkpoint ? 2 : 1);
    _exit(7);
}

/* Trains until it is stopped; what a stopped fit does. */
static inline enum status run_until_stopped(struct worker *w, struct error *err)
{
    size_t n;
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    if (worker_checkpoint(w, &n)) {
        worker_summary(w, "{}");
        send_result(w, 100);
        return STATUS_OK;
    }
    worker_phase(w, "training");
    worker_summary(w, "{\"n_inputs\":2}");
    worker_metric(w, "psnr", 5, 20.25, 0.1);
    worker_report(w, 5, 0.1, 0.5, -1, true);
    send_snapshot(w, 5, "early weights");
    sigprocmask(SIG_BLOCK, &term, &before);
    while (!*worker_stop(w))
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    send_snapshot(w, 7, "last weights");
    worker_save_checkpoint(w, 7, (const uint8_t *)"checkpoint", 10);
    return error_status(err, STATUS_CANCELED);
}

/* As when whoever runs the service stops the whole group of processes at once. */
static inline enum status be_stopped_from_outside(struct worker *w, struct error *err)
{
    kill(getpid(), SIGTERM);
    return run_until_stopped(w, err);
}

static inline enum status say_too_much(struct worker *w, struct error *err)
{
    (void)err;
    for (uint64_t step = 0; step < 40000; step++)
        worker_metric(w, "loss", step, 0, 0);
    return STATUS_OK;
}

static inline enum status stop_without_snapshot(struct worker *w, struct error *err)
{
    worker_phase(w, "training");
    while (!*worker_stop(w))
        usleep(1000);
    return error_status(err, STATUS_CANCELED);
}

static inline enum status hear_nothing(struct worker *w, struct error *err)
{
    (void)err;
    signal(SIGTERM, SIG_IGN);
    worker_summary(w, "{}");
    send_snapshot(w, 3, "weights of the deaf");
    while (getppid() != 0)
        pause();
    return STATUS_OK;
}

static inline enum status diverge(struct worker *w, struct error *err)
{
    worker_summary(w, "{\"n_inputs\":2}");
    worker_metric(w, "psnr", 40, 12.5, 0.1);
    send_snapshot(w, 40, "good weights");
    return error_set(err, STATUS_DIVERGED, "", "the loss at step 41 is not finite");
}

static inline enum status find_bad_data(struct worker *w, struct error *err)
{
    worker_summary(w, "{}");
    send_snapshot(w, 1, "weights");
    return error_set(err, STATUS_INVALID, "/dataset", "the chunk '\xff\n' is broken");
}

static inline enum status run_out_of_memory(struct worker *w, struct error *err)
{
    (void)w;
    return error_status(err, STATUS_NO_MEMORY);
}

/* --- what a decoder that has been taken over might try --- */

static inline enum status spin(struct worker *w, struct error *err)
{
    volatile bool goes_on = true;
    (void)w, (void)err;
    while (goes_on)
        ;
    return STATUS_OK;
}

/* The compiler must not make a loop of it. */
static inline unsigned recurse(unsigned depth)
{
    volatile char page[4096];
    page[depth % sizeof page] = (char)depth;
    if (depth == UINT32_MAX)
        return 0;
    return recurse(depth + 1) + (unsigned)page[(depth + 1) % sizeof page];
}

static inline enum status recurse_deeply(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    signal(SIGSEGV, SIG_DFL);
    return recurse(0) == 0 ? STATUS_OK : STATUS_INTERNAL;
}

/* As our own code does: asks for it, and says that it was not given. */
static inline enum status ask_for_100_gigabytes(struct worker *w, struct error *err)
{
    (void)w;
    void *p = malloc((size_t)100 << 30);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    free(p);
    return STATUS_OK;
}

/* Page by page, deaf to refusals. */
static inline enum status take_100_gigabytes(struct worker *w, struct error *err)
{
    enum { BLOCK = 16 << 20, BLOCKS = 6400 };
    (void)w, (void)err;
    for (size_t i = 0; i < BLOCKS; i++) {
        char *p = malloc(BLOCK);
        if (p)
            memset(p, 1, BLOCK);
        else
            usleep(1000);
    }
    return STATUS_OK;
}

static inline enum status fork_without_end(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    for (unsigned n = 0; n < 64; n++) /* where nothing forbids it: two children of 64 */
        if (fork() < 0 || n > 5)
            _exit(7);
    return STATUS_OK;
}

static inline enum status leak_descriptors(struct worker *w, struct error *err)
{
    int fd;
    (void)w;
    for (unsigned n = 0; n < 100000; n++)
        if (link_memory_create("x", 1, &fd, err) != STATUS_OK)
            return err->status;
    return STATUS_OK;
}

static inline enum status open_a_socket(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    _exit(socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 8 : 7);
}

static inline enum status start_a_program(struct worker *w, struct error *err)
{
    char path[] = "/bin/true", *arguments[] = {path, NULL}, *environment[] = {NULL};
    (void)w, (void)err;
    execve(path, arguments, environment);
    _exit(7);
}

static inline enum status kill_the_service(struct worker *w, struct error *err)
{
    (void)w, (void)err;
    kill(getppid(), 0);
    _exit(7);
}

/* A file by its name: refused, not fatal. */
static inline enum status open_a_file(struct worker *w, struct error *err)
{
    const int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != EACCES)
        return error_set(err, STATUS_INVALID, "", "a file could be opened");
    worker_summary(w, "{}");
    send_result(w, 1);
    return STATUS_OK;
}

/* More than a pipe takes, and lines that look like the service's own. */
static inline enum status write_to_the_log(struct worker *w, struct error *err)
{
    static const char line[] = "{\"event\":\"forged\"}\n";
    (void)w, (void)err;
    for (unsigned n = 0; n < 10000; n++) {
        const ssize_t k = write(2, line, sizeof line - 1);
        (void)k;
    }
    _exit(7);
}

/* --- what the process is, seen from inside --- */

static const char *wrong_at_start = "nobody looked"; /* "": nothing */

/* Is the process what process.h says?  Before it gives up looking around. */
static inline void look_around_at_start(void)
{
    struct stat null, in;
    const char *threads = getenv("OPENBLAS_NUM_THREADS");
    wrong_at_start = "";
    if (getpgrp() != getpid())
        wrong_at_start = "it leads no group";
    if (!threads || strcmp(threads, "1") != 0 || getenv("FARFIELD_SECRET") || getenv("HOME"))
        wrong_at_start = "its environment is another";
    if (stat("/dev/null", &null) != 0 || fstat(0, &in) != 0 || in.st_rdev != null.st_rdev)
        wrong_at_start = "its input is not /dev/null";
    for (int fd = WORKER_SOCKET + 1; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            wrong_at_start = "a descriptor is open";
}

/* Tells its process id as a metric, and lets itself be looked at. */
static inline enum status be_looked_at(struct worker *w, struct error *err)
{
    if (*wrong_at_start)
        return error_set(err, STATUS_INVALID, "", "%s", wrong_at_start);
    worker_metric(w, "pid", 1, (double)getpid(), 0.1);
    return run_until_stopped(w, err);
}

static const struct {
    const char *spec;
    enum status (*run)(struct worker *w, struct error *err);
} deeds[] = {
    {"{\"do\":\"succeed\"}", succeed},
    {"{\"do\":\"report much\"}", report_much},
    {"{\"do\":\"crash by segv\"}", crash_by_segv},
    {"{\"do\":\"crash by abort\"}", crash_by_abort},
    {"{\"do\":\"crash by exit\"}", crash_by_exit},
    {"{\"do\":\"crash by kill\"}", crash_by_kill},
    {"{\"do\":\"crash beside a child\"}", crash_beside_a_child},
    {"{\"do\":\"break the rules\"}", break_the_rules},
    {"{\"do\":\"show a bad snapshot\"}", show_a_bad_snapshot},
    {"{\"do\":\"end without result\"}", end_without_result},
    {"{\"do\":\"crash twice\"}", crash_twice},
    {"{\"do\":\"run until stopped\"}", run_until_stopped},
    {"{\"do\":\"be stopped from outside\"}", be_stopped_from_outside},
    {"{\"do\":\"say too much\"}", say_too_much},
    {"{\"do\":\"stop without snapshot\"}", stop_without_snapshot},
    {"{\"do\":\"hear nothing\"}", hear_nothing},
    {"{\"do\":\"diverge\"}", diverge},
    {"{\"do\":\"find bad data\"}", find_bad_data},
    {"{\"do\":\"run out of memory\"}", run_out_of_memory},
    {"{\"do\":\"be looked at\"}", be_looked_at},
    {"{\"do\":\"spin\"}", spin},
    {"{\"do\":\"recurse deeply\"}", recurse_deeply},
    {"{\"do\":\"ask for 100 gigabytes\"}", ask_for_100_gigabytes},
    {"{\"do\":\"take 100 gigabytes\"}", take_100_gigabytes},
    {"{\"do\":\"fork without end\"}", fork_without_end},
    {"{\"do\":\"leak descriptors\"}", leak_descriptors},
    {"{\"do\":\"open a socket\"}", open_a_socket},
    {"{\"do\":\"start a program\"}", start_a_program},
    {"{\"do\":\"kill the service\"}", kill_the_service},
    {"{\"do\":\"open a file\"}", open_a_file},
    {"{\"do\":\"write to the log\"}", write_to_the_log},
};

static inline enum status run_deed(struct worker *w, struct error *err)
{
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
        if (strcmp(worker_spec(w), deeds[i].spec) == 0)
            return deeds[i].run(w, err);
    return error_set(err, STATUS_INVALID, "", "there is no deed '%s'", worker_spec(w));
}

#endif
