/*
 * The rows of the encoding table.  For encoding*.c only.
 */
#ifndef CORE_NN_ENCODING_ROWS_H
#define CORE_NN_ENCODING_ROWS_H

#include "core/nn/encoding.h"

struct encoding {
    const struct encoding_row *row;
    size_t n_inputs;
    size_t n_features;
    size_t n_frequencies; /* m; 0 if the type has none */
    bool normalize, rotate, trainable;
    double input_range[2];
};

/* One type.  Functions are as those of encoding.h; init is NULL where there are no parameters. */
struct encoding_row {
    const char *name;

    /* Check the members of the spec that this type uses; set n_frequencies and n_features. */
    enum status (*prepare)(struct encoding *e, const struct encoding_spec *spec, struct error *err);
    void (*init)(const struct encoding *e, const struct encoding_spec *spec, uint64_t seed,
                 float *params);
    void (*forward)(const struct encoding *e, const struct kernel *kernel, const float *params,
                    size_t n, const float *x, float *out, size_t ld);
    void (*backward)(const struct encoding *e, const float *params, size_t n, const float *x,
                     const float *out, const float *d_out, size_t ld, float *d_params, float *d_x);

    /* NULL: the Laplacian exists for all settings. */
    enum status (*check_laplacian)(const struct encoding *e, struct error *err);

    /* The planes of out after the first, which forward has written already; those of first
     * derivatives for all settings. */
    void (*jet)(const struct encoding *e, const float *params, size_t n, const float *x,
                const struct encoding_axes *axes, bool has_laplacian, float *out, size_t ld);
};

extern const struct encoding_row encoding_basic, encoding_positional, encoding_octave,
    encoding_gaussian, encoding_explicit;

/* m padded to ENCODING_LANES: the length of a row of b, and of a. */
size_t encoding_padded(size_t n_frequencies);

#endif
