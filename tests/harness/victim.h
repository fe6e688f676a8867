/*
 * A service that is going to die: started without waiting for it, alone or by another program (a
 * tracer), and killed together with its workers at any moment.
 *
 * Everything here asserts (cmocka).  A test program has one victim at a time: orphans of its
 * service become the test's own children, so that none is left behind.
 */
#ifndef TESTS_HARNESS_VICTIM_H
#define TESTS_HARNESS_VICTIM_H

#include <stdbool.h>
#include <sys/types.h>

#include "tests/http/service.h"

struct victim {
    struct service service; /* pid: of the service itself; url: from victim_wait on */
    pid_t child;            /* the service, or the program that started it; 0: none runs */
    int output;             /* its stdout */
    double started;         /* now_seconds() at the start */
    char log[96];           /* where its stderr goes: FOLDER/log */
};

/* A folder of its own below `root` (NULL: the temporary one); nothing runs yet.  The service's data
 * are in FOLDER/data. */
void victim_init(struct victim *v, const char *root);

/* Start.  before: the program that starts it and its arguments, NULL for none; settings: further
 * arguments of serve, or NULL.  Both end with NULL. */
void victim_launch(struct victim *v, const char *const *before, const char *const *settings);

/* Wait until it says that it is ready: the seconds since the start, or a negative number if it
 * ended instead (victim_reap tells how). */
double victim_wait(struct victim *v);

/* The two together, where it must become ready. */
double victim_start(struct victim *v, const char *const *settings);

/* SIGKILL to it and all its workers at once; none is left. */
void victim_kill(struct victim *v);

/* It ends, or has ended, by itself: wait for it, end what is left of it.  The status is waitpid's.
 */
int victim_reap(struct victim *v, double seconds);

/* SIGTERM, and wait: it must exit with 0. */
void victim_stop(struct victim *v);

/* Print the last lines of its log. */
void victim_show_log(const struct victim *v);

/* Kill it if it runs, remove its folder. */
void victim_deinit(struct victim *v);

#endif
