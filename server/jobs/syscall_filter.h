/*
 * The system calls that a worker is left with (seccomp-bpf).
 *
 * A worker decodes what strangers sent.  Should a decoder be taken over, the code that then runs
 * can compute, talk to the service over the one socket it was born with, and nothing else: no files
 * by name, no new sockets, no processes, no programs, no signals to others, no memory that is both
 * written and executed.  A call that is not on the list ends the process with SIGSYS; opening a
 * file by name is answered EACCES, since libraries try it without need.
 *
 * The list is what the C library, OpenBLAS and our own code use after the job has come; the tests
 * run every job kind under it.
 */
#ifndef SERVER_JOBS_SYSCALL_FILTER_H
#define SERVER_JOBS_SYSCALL_FILTER_H

#include "core/base/status.h"

enum syscall_filter {
    SYSCALLS_OF_A_DECODER, /* one thread, no memory files */
    SYSCALLS_OF_A_FIT,     /* threads, and memory files for snapshots and checkpoints */
};

/* For this process, all its threads, and for good.  Needs no privilege once NO_NEW_PRIVS is set.
 * NO_MEMORY; INTERNAL if the kernel refuses.  Builds with a sanitizer install nothing: its runtime
 * needs calls of its own. */
enum status syscall_filter_install(enum syscall_filter which, struct error *err) WARN_UNUSED;

#endif
