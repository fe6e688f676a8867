/*
 * Comparing arrays of numbers.
 */
#ifndef TESTS_SUPPORT_COMPARE_H
#define TESTS_SUPPORT_COMPARE_H

#include <stddef.h>

/* The largest |value - expected| over the largest |expected|: relative to the array's scale, so
 * that numbers near zero are not asked for more digits than their neighbours have.  0 where both
 * are zero; infinity where a value is not finite or only expected is all zero. */
double compare_relative(size_t n, const float *values, const double *expected);
double compare_relative_double(size_t n, const double *values, const double *expected);
double compare_relative_float(size_t n, const float *values, const float *expected);

/* The largest |value - expected|; infinity where a value is not finite. */
double compare_absolute(size_t n, const double *values, const double *expected);

#endif
