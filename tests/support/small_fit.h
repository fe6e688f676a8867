/*
 * A fit that is small enough for a test: a picture with a gradient, an edge and waves, and a narrow
 * network on Gaussian features, or a grid, over it.
 */
#ifndef TESTS_SUPPORT_SMALL_FIT_H
#define TESTS_SUPPORT_SMALL_FIT_H

#include "core/base/data.h"
#include "core/field/field.h"
#include "core/field/trainer.h"

/* A picture of any size; the caller frees it.  Ends the program when out of memory. */
struct image small_picture(size_t width, size_t height, size_t channels);

/* 2 -> 16 frequencies -> 2 x 24 relu -> channels, sigmoid. */
struct field_spec small_field_spec(const struct image *image);

/* The same on a hashgrid: 4 levels of 2 features, from 4 to 32 an axis, tables of 256 entries. */
struct field_spec small_grid_field_spec(const struct image *image);

/* Adam, 1e-2, constant, batches of 200, seed 1, 100 steps. */
struct train_spec small_train_spec(void);

/* A field of the spec, on the best kernel, with initial weights.  Ends the program on failure. */
struct field *small_field(const struct field_spec *spec, uint64_t seed);

#endif
