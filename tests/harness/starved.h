/*
 * A service that runs out of memory on purpose: `farfield-oom` (tests/oom), whose allocations fail
 * when told to, and what its log says.
 *
 * Everything here asserts (cmocka).
 */
#ifndef TESTS_HARNESS_STARVED_H
#define TESTS_HARNESS_STARVED_H

#include "tests/http/service.h"
#include "tests/oom/failing_alloc.h"

struct starved {
    struct service service;
    struct failing_alloc *control; /* shared with the service */
    struct failing_alloc *workers; /* shared with its workers */
};

/* A new folder, and the service in it. */
void starved_start(struct starved *s, const char *const *settings);

/* The service again over the same folder, after starved_stop; from its first allocation after
 * main's constructors on they may fail.  False if it ended instead: service_wait tells how. */
bool starved_try_restart(struct starved *s, const char *const *settings, enum failing how,
                         long nth);

/* From now on the n-th allocation (1: the next) fails, or all from it on. */
void starved_arm(struct starved *s, enum failing how, long nth);

/* No more failures; how many there were. */
long starved_disarm(struct starved *s);

/* The same for its workers: from the first allocation of the next one on, all workers together,
 * with what they did before their main aside. */
void starved_arm_workers(struct starved *s, enum failing how, long nth);
long starved_disarm_workers(struct starved *s);
long starved_seen_by_workers(const struct starved *s);

/* How many allocations were asked for since it was armed last. */
long starved_seen(const struct starved *s);

/* How many blocks it has allocated now. */
long starved_live(const struct starved *s);

/* The process that was started is still there. */
void starved_check_alive(struct starved *s);

/* Nobody's upload lies in the temporary folder, nor will in a moment. */
void starved_check_tidy(const struct starved *s);

/* Fail the test, with these words and the end of the service's log. */
void starved_fail(const struct starved *s, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Stop it (SIGTERM): it must end well (sanitizers speak by its exit status). */
void starved_stop(struct starved *s);

/* Remove what is left of it. */
void starved_remove(struct starved *s);

#endif
