/*
 * A worker process, seen from the service: start, talk, end.
 *
 * It is this program again (/proc/self/exe worker), leader of a process group of its own, with
 * /dev/null as input and output, a pipe as stderr, one end of a socketpair on descriptor 3 and
 * nothing else open, default signals, and an environment of few names.  It dies with the thread
 * that started it, so that thread must live as long as the service.
 *
 * Its limits are set by the service before it is told what to do: address space (so that an
 * allocation too large fails inside it), descriptors, size of files; and its resident memory is
 * looked at while it is waited for.  Builds with a sanitizer set no limits, since its runtime
 * reserves terabytes; there the look alone holds.
 *
 * What it writes to stderr (a failed assertion, say) is one event of the service's log, at its end:
 * a worker cannot write to that log itself.
 *
 * One thread uses a struct process.
 */
#ifndef SERVER_JOBS_PROCESS_H
#define SERVER_JOBS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/status.h"
#include "server/jobs/worker_link.h"

struct process;

struct process_limits {
    uint64_t memory_bytes; /* resident; address space has a reserve beside it */
    size_t threads;        /* each needs address space for its stack and heap */
};

/* BUSY or NO_MEMORY when the machine has no room for one more process. */
enum status process_start(struct process **out, const struct process_limits *limits,
                          struct error *err) WARN_UNUSED;

/* The service's end of the socket, for link_send.  Sending gives up after some seconds. */
int process_socket(const struct process *p);

/* Signal the whole group. */
void process_signal(struct process *p, int signal);

/* Wait for what comes first.  The wish to be woken goes before messages, messages before the end.
 * wake: an eventfd that is drained here, or -1.  deadline: of monotonic_seconds; HUGE_VAL: none. */
enum process_event {
    PROCESS_MESSAGE, /* *out is the caller's */
    PROCESS_WOKEN,
    PROCESS_LATE,   /* the deadline passed */
    PROCESS_LARGE,  /* its resident memory is over the limit */
    PROCESS_ENDED,  /* nothing more will come */
    PROCESS_BROKEN, /* it broke the rules of the link: *err says how */
};
enum process_event process_wait(struct process *p, int wake, double deadline,
                                struct link_message *out, struct error *err);

/* How it ended. */
struct process_end {
    bool by_signal;
    int code;        /* exit status, or signal number */
    bool for_memory; /* by the kernel, since the machine (or its control group) had no more */
};

/* Give it some seconds to end by itself, kill what is left of its group, reap it, free. */
void process_finish(struct process *p, double patience, struct process_end *out);

/* Memory of any process that it has in use; 0 where that cannot be read. */
uint64_t process_resident_bytes(pid_t pid);

/* "exit status 7", "signal 11 (SEGV)". */
void process_end_text(const struct process_end *end, char *out, size_t size);

#endif
