/*
 * The encodings of the twin (tests/support/twin.h): one, or the parts of a concat, in double, by
 * naive loops written from the formulas of core/nn/encoding.h and core/nn/grid.h.
 *
 * Parameters are one block of doubles, tensor by tensor as files see them: b [m, D] and a [m] of a
 * Fourier encoding, [entries, F] of each level of a grid, part by part.
 */
#ifndef TESTS_SUPPORT_TWIN_ENCODING_H
#define TESTS_SUPPORT_TWIN_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/nn/encoding.h"

enum { TWIN_MAX_LEVELS = 4, TWIN_MAX_TENSORS = ENCODING_MAX_PARTS * TWIN_MAX_LEVELS };

struct twin_level {
    double scale[LIMIT_DIMS]; /* s_l */
    size_t side[LIMIT_DIMS];  /* r_l */
    size_t n_entries;         /* with those that fill its last line */
    bool is_hashed;
    size_t first; /* place in the block */
};

/* One encoding that is not a concat. */
struct twin_part {
    struct encoding_spec spec;
    size_t n_frequencies; /* m, of the Fourier family */
    size_t b, a;          /* places in the block */
    size_t n_levels;      /* of grids */
    struct twin_level level[TWIN_MAX_LEVELS];
    size_t column, n_features;
};

struct twin_encoding {
    size_t n_inputs, n_features, n_params;
    size_t n_parts;
    struct twin_part part[ENCODING_MAX_PARTS];
    size_t n_tensors;
    size_t tensor[TWIN_MAX_TENSORS]; /* where each begins */
};

void twin_encoding_init(struct twin_encoding *e, const struct encoding_spec *spec);

/* One point, x [D]: features [F]. */
void twin_encode(const struct twin_encoding *e, const double *params, const double *x,
                 double *features);

/* From d_features [F]: d_params [n_params] is added to, d_x [D] overwritten. */
void twin_encode_backward(const struct twin_encoding *e, const double *params, const double *x,
                          const double *d_features, double *d_params, double *d_x);

/* Which cell of each level the point is in, folded into *sides; *margin becomes the distance to the
 * nearest edge of a cell (in cells) if that is less. */
void twin_encode_cells(const struct twin_encoding *e, const double *x, uint64_t *sides,
                       double *margin);

#endif
