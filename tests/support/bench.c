#include "tests/support/bench.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/monotonic.h"
#include "core/nn/kernel.h"

void bench_must(enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

void bench_row(const char *name, double value, const char *unit)
{
    printf("%s %.4g %s\n", name, value, unit);
    fflush(stdout);
}

double bench_now(void)
{
    return monotonic_seconds();
}

size_t bench_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 1;
    const int n = CPU_COUNT(&cores);
    return n > 0 ? (size_t)n : 1;
}

bool bench_is_asked(const char *part, int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], part) == 0)
            return true;
    return argc < 2;
}

int bench_main(int argc, char *const *argv, const struct bench_part *parts, size_t n)
{
    struct team *team = NULL;
    struct error err = {0};
    bench_must(team_create(&team, bench_cores(), &err), &err);
    printf("# kernel %s, %zu threads\n", kernel_find(NULL)->name, team_size(team));
    for (size_t i = 0; i < n; i++)
        if (bench_is_asked(parts[i].name, argc, argv))
            parts[i].measure(team);
    team_free(team);
    return 0;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_sort(double *numbers, size_t n)
{
    qsort(numbers, n, sizeof *numbers, compare);
}

struct bench_times bench_time(size_t n_runs, void (*function)(void *), void *context)
{
    double seconds[BENCH_MOST_RUNS];
    assert(n_runs > 0 && n_runs <= BENCH_MOST_RUNS);
    function(context);
    for (size_t i = 0; i < n_runs; i++) {
        const double begin = bench_now();
        function(context);
        seconds[i] = bench_now() - begin;
    }
    bench_sort(seconds, n_runs);
    return (struct bench_times){seconds[0], seconds[n_runs / 2], seconds[n_runs - 1]};
}
