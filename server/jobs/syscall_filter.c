#include "server/jobs/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A rule: allow the call, where its argument `argument` has, under `mask`, this value. */
struct rule {
    int call;
    bool is_conditional;
    unsigned argument;
    uint64_t mask, value;
};

#define ALLOW(name)                                                                                \
    {                                                                                              \
        .call = SCMP_SYS(name)                                                                     \
    }
#define ALLOW_IF(name, n, m, v)                                                                    \
    {                                                                                              \
        .call = SCMP_SYS(name), .is_conditional = true, .argument = (n), .mask = (m), .value = (v) \
    }

static const struct rule for_all[] = {
    /* memory, never both written and executed */
    ALLOW(brk),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(madvise),
    ALLOW_IF(mmap, 2, PROT_EXEC, 0),
    ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
    /* descriptors that are open already: the socket, the dataset, memory files */
    ALLOW(read),
    ALLOW(readv),
    ALLOW(write),
    ALLOW(writev),
    ALLOW(recvmsg),
    ALLOW(sendmsg),
    ALLOW(poll),
    ALLOW(ppoll),
    ALLOW(lseek),
    ALLOW(close),
    ALLOW(fstat),
    ALLOW_IF(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH), /* fstat of glibc */
    /* time */
    ALLOW(clock_gettime),
    ALLOW(clock_getres),
    ALLOW(gettimeofday),
    ALLOW(nanosleep),
    ALLOW(clock_nanosleep),
    ALLOW(restart_syscall),
    /* threads and signals of its own */
    ALLOW(futex),
    ALLOW(set_robust_list),
    ALLOW(rseq),
    ALLOW(sched_yield),
    ALLOW(sched_getaffinity),
    ALLOW(getpid),
    ALLOW(getppid),
    ALLOW(gettid),
    ALLOW(rt_sigaction),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigsuspend),
    ALLOW(rt_sigreturn),
    ALLOW(sigaltstack),
    ALLOW(pause),
    ALLOW(exit),
    ALLOW(exit_group),
    /* what the C library asks now and then */
    ALLOW(getrandom),
    ALLOW(sysinfo),
    ALLOW(uname),
};

static const struct rule for_fits[] = {
    ALLOW_IF(clone, 0, CLONE_THREAD, CLONE_THREAD),
    ALLOW(memfd_create),
    ALLOW(ftruncate),
    ALLOW_IF(fcntl, 1, 0xffffffff, F_ADD_SEALS),
};

/* Answered with an error instead of death: libraries ask for these and do without. */
static const struct {
    int call, error;
} refused[] = {
    {SCMP_SYS(open), EACCES},
    {SCMP_SYS(openat), EACCES},
    {SCMP_SYS(access), EACCES},
    {SCMP_SYS(readlink), EACCES},
    {SCMP_SYS(clone3), ENOSYS}, /* its flags lie out of sight */
    {SCMP_SYS(sched_setaffinity), EPERM},
    {SCMP_SYS(mbind), EPERM}, /* OpenBLAS, of its buffers */
};

static int add(scmp_filter_ctx filter, const struct rule *rules, size_t n)
{
    int e = 0;
    for (size_t i = 0; i < n && e == 0; i++) {
        const struct rule *r = &rules[i];
        const struct scmp_arg_cmp condition = {r->argument, SCMP_CMP_MASKED_EQ, r->mask, r->value};
        e = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, r->call, r->is_conditional ? 1 : 0,
                                   &condition);
    }
    return e;
}

/* Signals to itself: abort() and raise(). */
static int add_signals(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp own = {0, SCMP_CMP_EQ, (uint64_t)getpid(), 0};
    int e = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own);
    return e == 0 ? seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, &own) : e;
}

static int build(scmp_filter_ctx filter, enum syscall_filter which)
{
    int e = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* every thread there is */
    if (e == 0)
        e = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary search */
    if (e == 0)
        e = add(filter, for_all, sizeof for_all / sizeof *for_all);
    if (e == 0)
        e = add_signals(filter);
    if (e == 0 && which == SYSCALLS_OF_A_FIT)
        e = add(filter, for_fits, sizeof for_fits / sizeof *for_fits);
    for (size_t i = 0; i < sizeof refused / sizeof *refused && e == 0; i++)
        e = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refused[i].error), refused[i].call,
                             0);
    return e;
}

#ifdef SANITIZED
static int load(scmp_filter_ctx filter)
{
    (void)filter; /* built all the same, so that its mistakes show */
    return 0;
}
#else
static int load(scmp_filter_ctx filter)
{
    return seccomp_load(filter);
}
#endif

enum status syscall_filter_install(enum syscall_filter which, struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return error_status(err, STATUS_NO_MEMORY);
    int e = build(filter, which);
    if (e == 0)
        e = load(filter);
    seccomp_release(filter);
    if (e == -ENOMEM)
        return error_status(err, STATUS_NO_MEMORY);
    return e == 0 ? STATUS_OK
                  : error_set(err, STATUS_INTERNAL, "", "cannot filter the worker's calls: %s",
                              strerror(-e));
}
