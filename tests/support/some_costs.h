/*
 * Costs of a machine that does not exist, in round numbers, for tests of what is made of them.
 */
#ifndef TESTS_SUPPORT_SOME_COSTS_H
#define TESTS_SUPPORT_SOME_COSTS_H

#include "core/field/cost.h"

/* Networks of fp32, in nanoseconds a point: ends 10 w / 16, hidden layers 4 (w / 16)^2, a feature
 * more w / 16; bf16 takes a quarter of that, values and planes of derivatives a half.  tanh 1, sin
 * 2 a number.  Tables of 2^16, 2^18, 2^20 and 2^22 numbers: lookup 2, 3, 4, 5, keep 1, scatter 4,
 * 6, 8, 10 a point and level, 20 a line. */
struct costs some_costs(size_t n_threads);

#endif
