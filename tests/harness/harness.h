/*
 * How often and from which seed on a harness runs: a short sample in `make test`, as asked for by
 * `make HARNESS N=… SEED=…`, which come as $HARNESS_N and $HARNESS_SEED.
 */
#ifndef TESTS_HARNESS_HARNESS_H
#define TESTS_HARNESS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

/* N, or `sample` where none was asked for. */
unsigned harness_count(unsigned sample);

/* Was N asked for?  Figures of time are asserted only then. */
bool harness_is_long(void);

/* Does `make HARNESS` run it, with N or without? */
bool harness_is_asked(void);

/* SEED, or 1. */
uint64_t harness_seed(void);

/* A line on stderr, whole. */
void harness_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
