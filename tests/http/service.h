/*
 * The program under test: `farfield serve` as a user starts it, on a free port over a folder of its
 * own.
 *
 * Everything here asserts (cmocka): a function that returns has done what it says.
 */
#ifndef TESTS_HTTP_SERVICE_H
#define TESTS_HTTP_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Sanitized programs are slower by about this factor: sizes are divided, waits multiplied. */
#ifdef SANITIZED
enum { SLOWNESS = 8 };
#else
enum { SLOWNESS = 1 };
#endif

struct service {
    const char *program; /* in the build's folder; NULL: "farfield" */
    pid_t pid;
    long peak_kib;   /* once it has been stopped: the most that it, or one of its workers, took */
    char folder[64]; /* --data is folder/data; folder itself is for the test's files */
    char url[64];    /* "http://127.0.0.1:PORT" */

    /* Of service_start_under. */
    const char *const *prefix;
    const char *log;
};

/* A folder of its own below the temporary one, and the service in it.  settings: further arguments
 * of serve, ended by NULL; NULL for none. */
void service_start(struct service *s, const char *const *settings);

/* The same, run by another program (prefix: its words, ended by NULL, as `prlimit --nofile=100`;
 * NULL for none) that becomes the service, with stderr at the end of a file of the folder (NULL:
 * this program's stderr).  Both hold for restarts, too, and are borrowed as long. */
void service_start_under(struct service *s, const char *const *prefix, const char *log,
                         const char *const *settings);

/* The same with another build of the program: its path in the build's folder. */
void service_start_program(struct service *s, const char *program, const char *const *settings);

/* The service again over the same folder, after service_stop or service_kill. */
void service_restart(struct service *s, const char *const *settings);

/* service_restart, but false if the program ended (or is about to) instead of serving: service_wait
 * tells how. */
bool service_try_restart(struct service *s, const char *const *settings);

/* SIGTERM, and wait.  Returns the exit status; fails if it takes more than 15 s or dies of a
 * signal. */
int service_stop(struct service *s);

/* The same without the SIGTERM: it has been told, or ends by itself. */
int service_wait(struct service *s);

/* SIGKILL, and wait until it and its workers are gone. */
void service_kill(struct service *s);

/* Stop it if it runs (its exit status must be 0: sanitizers speak by it), remove its folder. */
void service_remove(struct service *s);

/* Run the program to its end with these arguments (ended by NULL): its exit status.  output: what
 * it wrote to stdout, mem of its own (free); may be NULL. */
int program_run(const char *const *arguments, char **output);

/* Process ids of the workers the service runs now; at most max, the count is returned. */
size_t service_workers(const struct service *s, pid_t *out, size_t max);

double now_seconds(void);

/* A moment between two looks at something that is awaited. */
void pause_briefly(void);

#endif
