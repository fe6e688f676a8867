#include "tests/oom/failing_alloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/jobs/syscall_filter.h"

#ifdef SANITIZED
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);
void REAL(free)(void *p);

/* The sanitizers' runtimes allocate before they can look at anything. */
#ifdef __clang__
#define UNWATCHED __attribute__((disable_sanitizer_instrumentation))
#else
#define UNWATCHED __attribute__((no_sanitize("address,undefined,thread")))
#endif

static struct failing_alloc alone; /* until there is a file, or where there is none */
static struct failing_alloc *control = &alone;

/* What the program that started this one had in its environment; NULL: nothing.  Nothing here
 * allocates. */
static const char *parent_variable(const char *name)
{
    static char text[1 << 16];
    char path[32];
    const size_t n_name = strlen(name);
    snprintf(path, sizeof path, "/proc/%d/environ", (int)getppid());
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(text + at) + 1)
        if (strncmp(text + at, name, n_name) == 0 && text[at + (ssize_t)n_name] == '=')
            return text + at + n_name + 1;
    return NULL;
}

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv(FAILING_ALLOC_FILE);
    if (!path)
        path = parent_variable(FAILING_ALLOC_WORKERS);
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    struct failing_alloc *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared == MAP_FAILED)
        _exit(1); /* a test that counts nothing must not pass */
    atomic_store(&shared->n_live, atomic_load(&alone.n_live));
    control = shared;
}

static atomic_bool is_exempt;

/* The linker puts it before the other (Makefile). */
enum status __real_syscall_filter_install(enum syscall_filter which, struct error *err);
enum status __wrap_syscall_filter_install(enum syscall_filter which, struct error *err);

enum status __wrap_syscall_filter_install(enum syscall_filter which, struct error *err)
{
    atomic_store(&is_exempt, true);
    enum status status = __real_syscall_filter_install(which, err);
    atomic_store(&is_exempt, false);
    return status;
}

#ifdef SANITIZED
/* The sanitizers' runtimes ask where a thread's stack lies when it starts, and end the program
 * where that has no memory: what is tested is the program, not them. */
static _Thread_local bool is_asking_for_stack;
static int (*real_getattr)(pthread_t thread, pthread_attr_t *attr);

__attribute__((constructor)) static void find_getattr(void)
{
    void *found = dlsym(RTLD_NEXT, "pthread_getattr_np");
    memcpy(&real_getattr, &found, sizeof found);
}

UNWATCHED int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    if (!real_getattr)
        find_getattr();
    is_asking_for_stack = true;
    const int result = real_getattr(thread, attr);
    is_asking_for_stack = false;
    return result;
}
#else
static const bool is_asking_for_stack = false;
#endif

UNWATCHED static bool fails_now(void)
{
    int how = atomic_load(&control->how);
    if (how == FAIL_NONE || is_asking_for_stack || atomic_load(&is_exempt))
        return false;
    long nth = atomic_load(&control->nth), seen = atomic_fetch_add(&control->n_seen, 1) + 1;
    if (how == FAIL_ONCE ? seen != nth : seen < nth)
        return false;
    atomic_fetch_add(&control->n_failed, 1);
    errno = ENOMEM;
    return true;
}

UNWATCHED static void *counted(void *p)
{
    if (p)
        atomic_fetch_add(&control->n_live, 1);
    return p;
}

UNWATCHED void *malloc(size_t size)
{
    return fails_now() ? NULL : counted(REAL(malloc)(size));
}

UNWATCHED void *calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : counted(REAL(calloc)(n, size));
}

UNWATCHED void *realloc(void *p, size_t size)
{
    if (size > 0 && fails_now())
        return NULL;
    void *grown = REAL(realloc)(p, size);
    if (!p)
        counted(grown);
    else if (size == 0 && !grown)
        atomic_fetch_sub(&control->n_live, 1);
    return grown;
}

UNWATCHED void *memalign(size_t alignment, size_t size)
{
    return fails_now() ? NULL : counted(REAL(memalign)(alignment, size));
}

UNWATCHED void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

UNWATCHED int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = memalign(alignment, size);
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

UNWATCHED void free(void *p)
{
    if (p)
        atomic_fetch_sub(&control->n_live, 1);
    REAL(free)(p);
}
