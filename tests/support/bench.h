/*
 * What timing programs share: the clock, medians, and how rows are printed (tests/bench/run.sh
 * reads them).
 */
#ifndef TESTS_SUPPORT_BENCH_H
#define TESTS_SUPPORT_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/parallel.h"
#include "core/base/status.h"

/* End the program with the error's words unless it is OK. */
void bench_must(enum status status, const struct error *err);

/* Print `name value unit`. */
void bench_row(const char *name, double value, const char *unit);

/* Seconds on a clock that only goes forward. */
double bench_now(void);

/* Cores this process may use, at least 1. */
size_t bench_cores(void);

/* Of main's arguments, the names of parts: is this one among them, or are there none? */
bool bench_is_asked(const char *part, int argc, char *const *argv);

/* A whole program: those of its parts that are asked for, by a team of all cores. */
struct bench_part {
    const char *name;
    void (*measure)(struct team *team);
};
int bench_main(int argc, char *const *argv, const struct bench_part *parts, size_t n);

/* Of some runs: seconds. */
struct bench_times {
    double least, median, most;
};

enum { BENCH_MOST_RUNS = 64 };

/* n_runs (at most BENCH_MOST_RUNS) calls of function(context), after one that warms up. */
struct bench_times bench_time(size_t n_runs, void (*function)(void *), void *context);

/* Sort n numbers, ascending. */
void bench_sort(double *numbers, size_t n);

#endif
