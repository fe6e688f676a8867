/*
 * Encodings: maps of the input coordinates.
 *
 * The Fourier family is one formula with different frequencies b_j (cycles per domain side) and
 * amplitudes a_j:
 *
 *   gamma(x) = [ a_j sin(2 pi b_j.x) ]_j ++ [ a_j cos(2 pi b_j.x) ]_j        j = 0 … m-1
 *
 *   none         gamma(x) = lo + (hi - lo) x                                (input_range; no sines)
 *   basic        the unit axes, m = D
 *   positional   2^(scale i/(n-1)) - 1 along each axis, i = 0 … n-1, m = n D
 *   octave       2^j along each axis, j = 0 … n-1, m = n D
 *   gaussian     b_ji ~ N(0, sigma^2), drawn once from the seed, m = n
 *   explicit     the caller's b [m, D] and a [m]
 *
 * Source: Tancik et al. 2020, section 4 and the authors' notebooks (where "positional" has the
 * "- 1").  Vectors along the axes come axis by axis: j = axis * n + i.  normalize divides every a_j
 * by ||a||; rotate turns every b_j by 45 degrees (about z, then about x in 3-D) so that no
 * frequency lies along an axis; trainable makes b and a parameters of the field.
 *
 * Letters: N points, D inputs, F features, m frequencies.
 * An encoding is immutable once created: any number of threads may use it.  Its numbers (b, a) live
 * in the field's parameter block, since they are stored with the weights and may be trained.
 */
#ifndef CORE_NN_ENCODING_H
#define CORE_NN_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/base/status.h"

enum encoding_type {
    ENCODING_NONE,
    ENCODING_BASIC,
    ENCODING_POSITIONAL,
    ENCODING_OCTAVE,
    ENCODING_GAUSSIAN,
    ENCODING_EXPLICIT,
};

enum {
    ENCODING_MAX_OCTAVES = 20, /* also of scale: up to 2^20 cycles sines are within 1e-6 */
    ENCODING_MAX_SIGMA = 100000,
};

/* Members a type does not use are ignored.  b and a are borrowed during encoding_create and
 * encoding_init only. */
struct encoding_spec {
    enum encoding_type type;
    size_t n_inputs;       /* D, 1..3 */
    size_t n_frequencies;  /* positional: per axis, at least 2; gaussian: rows; explicit: m */
    size_t n_octaves;      /* octave */
    double sigma;          /* gaussian: standard deviation of b, cycles per domain side */
    double scale;          /* positional */
    double input_range[2]; /* none: lo < hi */
    bool normalize;
    bool rotate;
    bool trainable;
    const double *b; /* explicit: [m, D] */
    const double *a; /* explicit: [m] */
};

struct encoding;

/* INVALID with a place below "/encoding" for what is out of range. */
enum status encoding_create(struct encoding **out, const struct encoding_spec *spec,
                            struct error *err) WARN_UNUSED;
void encoding_free(struct encoding *e);

/* "none", "basic", …: names of the table, in the order of enum encoding_type. */
const char *encoding_type_name(enum encoding_type type);
size_t encoding_n_types(void);

size_t encoding_n_inputs(const struct encoding *e);      /* D */
size_t encoding_n_features(const struct encoding *e);    /* F */
size_t encoding_n_frequencies(const struct encoding *e); /* m; 0 for none */
bool encoding_is_trainable(const struct encoding *e);

/* Floats of its parameters: b stored [D, m] (one row per axis, each padded to ENCODING_LANES), then
 * a [m] padded; 0 for none. */
enum { ENCODING_LANES = 16 };
size_t encoding_n_params(const struct encoding *e);

/* Write the initial b and a; gaussian draws from (seed, RNG_ENCODING).  params:
 * [encoding_n_params]. */
void encoding_init(const struct encoding *e, const struct encoding_spec *spec, uint64_t seed,
                   float *params);

/* The parameters as the outside sees them: b [m, D], a [m] row-major, both written by export and
 * read by import.  a holds the amplitudes after normalisation. */
void encoding_export(const struct encoding *e, const float *params, float *b, float *a);
void encoding_import(const struct encoding *e, float *params, const float *b, const float *a);

struct kernel;

/* Encode.  x: [n, D] unit coordinates; out: [n, ld], columns 0 … F-1 written, F … ld-1 set to zero;
 * ld is at least F rounded up to 16, and 16 more.  A row depends on its own coordinates alone.
 * Cannot fail. */
void encoding_forward(const struct encoding *e, const struct kernel *kernel, const float *params,
                      size_t n, const float *x, float *out, size_t ld);

/* Backward.  out: what encoding_forward wrote; d_out: [n, ld] gradient with respect to it.
 * d_params (if not NULL): [encoding_n_params], added to; padding gets zeros.
 * d_x (if not NULL): [n, D], overwritten; a row depends on its own point alone. */
void encoding_backward(const struct encoding *e, const float *params, size_t n, const float *x,
                       const float *out, const float *d_out, size_t ld, float *d_params,
                       float *d_x);

/* --- derivatives with respect to the coordinates --- */

/* Axes along which derivatives are asked for: x is an affine map of t, d_x[r][s] = d x_r / d t_s
 * for r, s < D.  The unit matrix gives derivatives along x itself. */
struct encoding_axes {
    double d_x[LIMIT_DIMS][LIMIT_DIMS];
};

/* UNSUPPORTED, with the reason and no place, where the features have no second derivative that
 * tells anything. */
enum status encoding_check_laplacian(const struct encoding *e, struct error *err) WARN_UNUSED;

/* Features and their derivatives.  out: [1 + D, n, ld], with has_laplacian
 * (encoding_check_laplacian is OK) [2 + D, n, ld], n * ld floats from a plane to the next: plane 0
 * what encoding_forward writes, bit for bit plane 1 + s  d gamma / d t_s plane 1 + D  sum over s of
 * d^2 gamma / d t_s^2 Each as encoding_forward's out: columns F … ld-1 set to zero, a row depends
 * on its own point alone.  Cannot fail. */
void encoding_jet(const struct encoding *e, const struct kernel *kernel, const float *params,
                  size_t n, const float *x, const struct encoding_axes *axes, bool has_laplacian,
                  float *out, size_t ld);

#endif
