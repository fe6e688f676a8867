/*
 * Allocations of the real program that fail on purpose.
 *
 * `farfield-oom` is the program with malloc, calloc, realloc, free and their kin of its own, which
 * stand before libc's (or the sanitizer's): allocations inside every library and inside libc count
 * too.  What fails is said in a file that the program maps at its start and a test maps as well.
 * The file's path stands in the environment; a program that finds none there allocates as any
 * other.  A worker gets a chosen environment: it looks into the service's for a file of its own.
 *
 * Those that libseccomp makes never fail: it does not survive it.  (A worker that dies of that is
 * one that crashed: its job is tried again, its upload refused.)
 *
 * Threads: all of the program's count together; so do workers.
 */
#ifndef TESTS_OOM_FAILING_ALLOC_H
#define TESTS_OOM_FAILING_ALLOC_H

#include <stdatomic.h>

/* The variables that have the paths. */
#define FAILING_ALLOC_FILE "FARFIELD_FAILING_ALLOC"
#define FAILING_ALLOC_WORKERS "FARFIELD_FAILING_ALLOC_WORKERS"

/* None, the n-th alone, or the n-th and all after it. */
enum failing { FAIL_NONE, FAIL_ONCE, FAIL_ON };

struct failing_alloc {
    atomic_int how;     /* enum failing; written last */
    atomic_long nth;    /* 1: the next */
    atomic_long n_seen; /* since how is not FAIL_NONE */
    atomic_long n_failed;
    atomic_long n_live; /* blocks that are allocated now */
};

#endif
