/*
 * The rows of the encoding table.  For encoding*.c only.
 */
#ifndef CORE_NN_ENCODING_ROWS_H
#define CORE_NN_ENCODING_ROWS_H

#include "core/nn/encoding.h"
#include "core/nn/grid.h"

struct encoding {
    const struct encoding_row *row;
    size_t n_inputs;
    size_t n_features;
    size_t n_frequencies; /* m; 0 if the type has none */
    bool normalize, rotate, trainable;
    double input_range[2];
    size_t n_params, n_table, n_fixed; /* floats */
    struct grid grid;                  /* of grids */

    size_t n_parts; /* concat */
    struct encoding *part[ENCODING_MAX_PARTS];
    size_t column[ENCODING_MAX_PARTS]; /* of a part's features */
    size_t first[ENCODING_MAX_PARTS];  /* of a part's parameters */
};

/* Where an encoding draws its initial numbers: (seed, RNG_ENCODING, place …). */
struct encoding_draw {
    uint64_t seed, place;
};

/* One type.  Functions are as those of encoding.h; NULL where there is nothing to do. */
struct encoding_row {
    const char *name;

    /* Check the members of the spec that this type uses; set what the struct has of them, the
     * counts of features and parameters among them. */
    enum status (*prepare)(struct encoding *e, const struct encoding_spec *spec, struct error *err);
    void (*init)(const struct encoding *e, const struct encoding_spec *spec,
                 struct encoding_draw draw, float *params);
    void (*forward)(const struct encoding *e, const struct kernel *kernel, const float *params,
                    size_t n, const float *x, float *out, size_t ld);
    void (*backward)(const struct encoding *e, const float *params, size_t n, const float *x,
                     const float *out, const float *d_out, size_t ld, float *d_dense, float *d_x);

    /* NULL: the Laplacian exists for all settings. */
    enum status (*check_laplacian)(const struct encoding *e, struct error *err);

    /* The planes of out after the first, which forward has written already; those of first
     * derivatives for all settings. */
    void (*jet)(const struct encoding *e, const float *params, size_t n, const float *x,
                const struct encoding_axes *axes, bool has_laplacian, float *out, size_t ld);

    /* encoding_exact; NULL where there is none. */
    void (*exact)(const struct encoding *e, const float *params, size_t n, const double *x,
                  double *out, size_t ld);

    size_t (*n_parameters)(const struct encoding *e);
    double (*multiply_adds)(const struct encoding *e);
    size_t (*n_tensors)(const struct encoding *e);
    struct encoding_tensor (*tensor)(const struct encoding *e, size_t i);
    void (*export)(const struct encoding *e, const float *params, size_t i, float *out);
    void (*import)(const struct encoding *e, float *params, size_t i, const float *in);

    size_t (*n_levels)(const struct encoding *e);
    struct encoding_level (*level)(const struct encoding *e, size_t level);
    void (*scatter)(const struct encoding *e, const struct kernel *kernel, size_t level, size_t n,
                    const float *x, const float *d_features, float *gradient, uint8_t *touched);
};

extern const struct encoding_row encoding_basic, encoding_positional, encoding_octave,
    encoding_gaussian, encoding_explicit, encoding_hashgrid, encoding_densegrid, encoding_concat;

/* Create one that its parent owns; place: see struct encoding_draw. */
void encoding_init_at(const struct encoding *e, const struct encoding_spec *spec,
                      struct encoding_draw draw, float *params);

/* m padded to ENCODING_LANES: the length of a row of b, and of a. */
size_t encoding_padded(size_t n_frequencies);

#endif
