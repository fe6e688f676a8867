/*
 * strace at one thread of the service: at the K-th call of one system call by that thread, the
 * service is killed or the call fails.
 *
 * strace counts for each thread on its own, so following all threads would always strike whichever
 * is first, and the later threads' early calls never.  Therefore one thread is traced at a time:
 * the main thread from exec on, another by attaching once the service is up.  Workers are never
 * traced.
 *
 * Everything here asserts (cmocka).
 */
#ifndef TESTS_HARNESS_TRACER_H
#define TESTS_HARNESS_TRACER_H

#include <stdbool.h>

#include "tests/harness/victim.h"

struct tracer {
    pid_t pid; /* 0: none is attached */
    char log[96];
    char inject[96];
    char trace[64];
    const char *before[16];
};

/* What strace is to do.  call: "pwrite64", or several, "rename,renameat"; fault: "signal=KILL" or
 * "error=EIO". */
void tracer_init(struct tracer *t, const struct victim *v, const char *call, const char *fault,
                 unsigned k);

/* The words to launch the service with, so that its main thread is traced from its first call on.
 */
const char *const *tracer_before(struct tracer *t);

/* Attach to the n threads of this name. */
void tracer_attach(struct tracer *t, const struct victim *v, const char *thread, size_t n);

/* It ends with its thread: wait for that, or let go. */
void tracer_end(struct tracer *t);

/* What the log says of the call that was struck. */
enum strike {
    STRIKE_NONE,
    STRIKE_FILE, /* a file: below the data folder, or one that is named */
    STRIKE_PIPE, /* an eventfd, a pipe, a socket, where no such error can come from */
};
enum strike tracer_strike(const struct tracer *t);

#endif
