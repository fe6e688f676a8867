/*
 * An encoding of each type that is small enough for a test.
 */
#ifndef TESTS_SUPPORT_SMALL_ENCODING_H
#define TESTS_SUPPORT_SMALL_ENCODING_H

#include "core/nn/encoding.h"

/* Valid for every type and 1 to 3 inputs: Fourier ones of 3 frequencies an axis or in all; grids of
 * 2 levels, smoothstep, the finer one hashed in hashgrid; a concat of a hashgrid, 3 trained
 * frequencies and the coordinates.  What it points to is constant. */
struct encoding_spec small_encoding(enum encoding_type type, size_t n_inputs);

/* Make initial tables, which are almost 0, large enough to be seen: U(-1, 1). */
void small_encoding_enlarge_tables(const struct encoding *e, float *params);

#endif
