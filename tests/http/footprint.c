#include "tests/http/footprint.h"

#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MAX_WORKERS = 16, SAMPLE_NANOSECONDS = 2000000 };

/* A line of /proc/PID/status, in KiB; 0 if the process is gone. */
static size_t status_kib(pid_t pid, const char *name)
{
    char path[64], line[256];
    size_t kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoul(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

size_t service_resident_kib(const struct service *s)
{
    return status_kib(s->pid, "VmRSS:");
}

size_t service_settled_kib(const struct service *s, size_t enough, double seconds)
{
    const double end = now_seconds() + seconds;
    size_t least = service_resident_kib(s);
    while (least > enough && now_seconds() < end) {
        pause_briefly();
        const size_t now = service_resident_kib(s);
        least = now < least ? now : least;
    }
    return least;
}

size_t service_descriptors(const struct service *s)
{
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)s->pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

static size_t n_found; /* nftw has no context */

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path;
    (void)st;
    (void)ftw;
    n_found += type == FTW_F;
    return 0;
}

size_t service_files(const struct service *s, const char *folder)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/data/%s", s->folder, folder);
    n_found = 0;
    nftw(path, count_file, 16, FTW_PHYS);
    return n_found;
}

/* --- watching --- */

struct footprint {
    const struct service *service;
    pthread_t thread;
    atomic_bool stop;
    size_t peak_kib, worker_kib;
};

/* A worker's peak, not its size of the moment: it may be over before the next look. */
static void *watch(void *argument)
{
    static const struct timespec pause = {.tv_nsec = SAMPLE_NANOSECONDS};
    struct footprint *f = argument;
    while (!atomic_load(&f->stop)) {
        pid_t workers[MAX_WORKERS];
        const size_t n = service_workers(f->service, workers, MAX_WORKERS);
        size_t kib = service_resident_kib(f->service);
        for (size_t i = 0; i < n; i++) {
            const size_t worker = status_kib(workers[i], "VmHWM:");
            f->worker_kib = worker > f->worker_kib ? worker : f->worker_kib;
            kib += worker;
        }
        if (kib > f->peak_kib)
            f->peak_kib = kib;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

struct footprint *footprint_start(const struct service *s)
{
    struct footprint *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->service = s;
    atomic_init(&f->stop, false);
    assert_int_equal(pthread_create(&f->thread, NULL, watch, f), 0);
    return f;
}

size_t footprint_stop(struct footprint *f, size_t *worker_kib)
{
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    const size_t peak = f->peak_kib;
    if (worker_kib)
        *worker_kib = f->worker_kib;
    free(f);
    return peak;
}
