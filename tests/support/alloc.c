#include "tests/support/alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#ifdef SANITIZED
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);

/* The thread sanitizer's runtime allocates before it can follow calls. */
#ifdef __clang__
#define UNWATCHED __attribute__((disable_sanitizer_instrumentation))
#else
#define UNWATCHED __attribute__((no_sanitize_thread))
#endif

/* Allocations left until one fails; 0: none will. */
static _Thread_local size_t countdown;
static _Thread_local enum alloc_failure failure;
static _Thread_local bool has_failed;

UNWATCHED static bool fails_now(void)
{
    if (countdown == 0)
        return false;
    if (countdown > 1) {
        countdown--;
        return false;
    }
    if (failure == ALLOC_FAIL_ONCE)
        countdown = 0;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

UNWATCHED void *malloc(size_t size)
{
    return fails_now() ? NULL : REAL(malloc)(size);
}

UNWATCHED void *calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : REAL(calloc)(n, size);
}

UNWATCHED void *realloc(void *p, size_t size)
{
    return fails_now() ? NULL : REAL(realloc)(p, size);
}

UNWATCHED void *aligned_alloc(size_t alignment, size_t size)
{
    return fails_now() ? NULL : REAL(memalign)(alignment, size);
}

void alloc_fail(size_t n, enum alloc_failure how)
{
    has_failed = false;
    failure = how;
    countdown = n;
}

bool alloc_stop(void)
{
    countdown = 0;
    return has_failed;
}

/* Whether an allocation was left to fail. */
static bool try_with_failure(alloc_attempt attempt, void *context, size_t n, enum alloc_failure how)
{
    struct error err = {.status = STATUS_OK};
    alloc_fail(n, how);
    enum status status = attempt(context, &err);
    bool failed = alloc_stop();
    bool may_be_fine = !failed || how == ALLOC_FAIL_ONCE;
    if (status != err.status ||
        !((failed && status == STATUS_NO_MEMORY) || (may_be_fine && status == STATUS_OK)))
        fail_msg("allocation %zu %s, the answer was '%s': %s", n, failed ? "failed" : "came",
                 status_name(status), err.message);
    return failed;
}

size_t alloc_fail_each(alloc_attempt attempt, void *context)
{
    for (size_t n = 1;; n++) {
        bool failed = try_with_failure(attempt, context, n, ALLOC_FAIL_ONCE);
        failed |= try_with_failure(attempt, context, n, ALLOC_FAIL_ON);
        if (!failed)
            return n - 1;
    }
}
