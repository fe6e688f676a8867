/*
 * Numbers drawn from a seed, moments spent, and what was measured in order.
 */
#ifndef TESTS_HARNESS_DICE_H
#define TESTS_HARNESS_DICE_H

#include <stddef.h>
#include <stdint.h>

/* A generator of its own for each thread: splitmix64 (Steele, Lea, Flood 2014). */
struct dice {
    uint64_t state;
};
uint64_t dice_roll(struct dice *d);
/* 0 … n - 1, n > 0. */
size_t dice_below(struct dice *d, size_t n);
/* [0, 1) */
double dice_uniform(struct dice *d);

/* Sleep, without a look at anything: the moment itself is what is drawn. */
void sleep_seconds(double seconds);

/* Sort and read off: p in [0, 1].  0 of an empty array. */
double quantile(double *values, size_t n, double p);

#endif
