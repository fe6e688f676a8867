/*
 * A worker process, seen from the service: start, talk, end.
 *
 * It is this program again (/proc/self/exe worker), leader of a process group of its own, with
 * /dev/null as input and output, the service's stderr, one end of a socketpair on descriptor 3 and
 * nothing else open, default signals, and an environment of few names.  It dies with the thread
 * that started it, so that thread must live as long as the service.
 *
 * One thread uses a struct process.
 */
#ifndef SERVER_JOBS_PROCESS_H
#define SERVER_JOBS_PROCESS_H

#include <stdbool.h>

#include "core/base/status.h"
#include "server/jobs/worker_link.h"

struct process;

/* BUSY or NO_MEMORY when the machine has no room for one more process. */
enum status process_start(struct process **out, struct error *err) WARN_UNUSED;

/* The service's end of the socket, for link_send.  Sending gives up after some seconds. */
int process_socket(const struct process *p);

/* Signal the whole group. */
void process_signal(const struct process *p, int signal);

/* Wait for what comes first.  The wish to be woken goes before messages, messages before the end.
 * wake: an eventfd that is drained here, or -1.  deadline: of monotonic_seconds; HUGE_VAL: none. */
enum process_event {
    PROCESS_MESSAGE, /* *out is the caller's */
    PROCESS_WOKEN,
    PROCESS_LATE,   /* the deadline passed */
    PROCESS_ENDED,  /* nothing more will come */
    PROCESS_BROKEN, /* it broke the rules of the link: *err says how */
};
enum process_event process_wait(struct process *p, int wake, double deadline,
                                struct link_message *out, struct error *err);

/* How it ended. */
struct process_end {
    bool by_signal;
    int code; /* exit status, or signal number */
};

/* Give it some seconds to end by itself, kill what is left of its group, reap it, free. */
void process_finish(struct process *p, double patience, struct process_end *out);

/* "exit status 7", "signal 11 (SEGV)". */
void process_end_text(const struct process_end *end, char *out, size_t size);

#endif
