/*
 * A grid of many small levels, for tests: its spec, and one with random numbers and points.
 */
#ifndef TESTS_SUPPORT_SMALL_GRID_H
#define TESTS_SUPPORT_SMALL_GRID_H

#include <stddef.h>

#include "core/nn/encoding.h"

enum { SMALL_GRID_POINTS = 37 }; /* lanes of 16, and a rest */

/* 20 levels (lanes of 16, and a rest), from 2 to 12 an axis; those of more than 64 entries are
 * hashed in hashgrid. */
struct encoding_spec small_grid_spec(enum encoding_type type, size_t n_inputs, size_t n_features,
                                     enum interpolation interpolation);

/* Ends the program where the spec is refused. */
struct encoding *small_grid_create(const struct encoding_spec *spec);

struct small_grid {
    struct encoding_spec spec;
    struct encoding *e;
    size_t ld, n_params;
    float *params; /* in [-1, 1) */
    float *x;      /* [SMALL_GRID_POINTS, D], inside */
    float *out;    /* [SMALL_GRID_POINTS, ld] */
    float *d_out;  /* likewise, in [-1, 1) */
};

void small_grid_init(struct small_grid *g, const struct encoding_spec *spec);
void small_grid_deinit(struct small_grid *g);

#endif
