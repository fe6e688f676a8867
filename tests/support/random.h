/*
 * Numbers by chance, the same for a seed.
 */
#ifndef TESTS_SUPPORT_RANDOM_H
#define TESTS_SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* n floats in [-1, 1), for mem_free. */
float *random_floats(size_t n, uint64_t seed);

#endif
