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
 * Grids are learned features at the vertices of lattices (core/nn/grid.h has the formulas):
 *
 *   densegrid    L levels, each with an entry for every vertex
 *   hashgrid     likewise, but no level has more than T entries
 *
 * and concat is the features of two to four others, one after the other.
 *
 * Source: Tancik et al. 2020, section 4 and the authors' notebooks (where "positional" has the
 * "- 1").  Vectors along the axes come axis by axis: j = axis * n + i.  normalize divides every a_j
 * by ||a||; rotate turns every b_j by 45 degrees (about z, then about x in 3-D) so that no
 * frequency lies along an axis; trainable makes b and a parameters of the field.
 *
 * Letters: N points, D inputs, F features (of a grid: of one level), m frequencies, L levels.
 * An encoding is immutable once created: any number of threads may use it.  Its numbers live in the
 * field's parameter block, since they are stored with the weights and may be trained.  They come in
 * this order:
 *
 *   tables    of grids: many, and a step changes few of them        encoding_n_table floats
 *   fixed     b and a that are not trained                          encoding_n_fixed floats
 *   trained   b and a that are                                      the rest
 *
 * The gradient of tables is added to level by level (encoding_scatter), so that no two threads meet
 * in an entry; that of the rest ("dense") by encoding_backward.
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
    ENCODING_HASHGRID,
    ENCODING_DENSEGRID,
    ENCODING_CONCAT,
};

enum interpolation { INTERPOLATION_LINEAR, INTERPOLATION_SMOOTHSTEP };

enum {
    ENCODING_MAX_OCTAVES = 20, /* also of scale: up to 2^20 cycles sines are within 1e-6 */
    ENCODING_MAX_SIGMA = 100000,
    ENCODING_MAX_HASHMAP = 24,       /* log2 of T */
    ENCODING_MAX_RESOLUTION = 65536, /* places in a cell are told to 1/128 there */
    ENCODING_MAX_PARTS = 4,
};

/* Members a type does not use are ignored.  b, a and parts are borrowed during encoding_create and
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

    size_t n_levels;             /* grids: 1..32 */
    size_t n_features_per_level; /* 1, 2, 4 or 8 */
    size_t log2_hashmap_size;    /* hashgrid: log2 of T, 4..24 */
    size_t base_resolution;      /* N_min, at least 2 */
    double finest_resolution;    /* N_max, of the last level; ignored if … */
    double per_level_scale;      /* … this is not 0: b, at least 1 */
    double aspect[LIMIT_DIMS];   /* what part of them each axis has, in (0, 1]; 0 stands for 1 */
    enum interpolation interpolation; /* grids */

    size_t n_parts;                    /* concat: 2..4, none of them a concat */
    const struct encoding_spec *parts; /* of the same n_inputs */
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
size_t encoding_n_features(const struct encoding *e);    /* F, of all levels and parts */
size_t encoding_n_frequencies(const struct encoding *e); /* m; 0 for none, grids and concat */
bool encoding_is_trainable(const struct encoding *e);    /* some of its numbers are learned */

/* Whether features stay within bounds that do not depend on the point: all but none. */
bool encoding_is_bounded(const struct encoding *e);

/* Numbers that are learned, as people count them; multiply-adds of one point forward. */
size_t encoding_n_parameters(const struct encoding *e);
double encoding_multiply_adds(const struct encoding *e);

/* Floats of its parameters.  Fourier: b stored [D, m] (one row per axis, each padded to
 * ENCODING_LANES), then a [m] padded.  Grids: a table [entries, F] for each level, padded to
 * GRID_LINE. */
enum { ENCODING_LANES = 16 };
size_t encoding_n_params(const struct encoding *e);
size_t encoding_n_table(const struct encoding *e); /* the first of them */
size_t encoding_n_fixed(const struct encoding *e); /* the next */

/* Write the initial numbers; gaussian and grids (U(-1e-4, 1e-4)) draw from (seed, RNG_ENCODING).
 * params: [encoding_n_params]. */
void encoding_init(const struct encoding *e, const struct encoding_spec *spec, uint64_t seed,
                   float *params);

/* The parameters as the outside sees them, tensor by tensor: Fourier types have "b" [m, D] and "a"
 * [m] (the amplitudes after normalisation), grids "levels.0" [entries, F] …, concat those of its
 * parts, "parts.0.b" …  */
struct encoding_tensor {
    char name[32];
    size_t n_rows, n_columns; /* n_columns 0: of one dimension */
};
size_t encoding_n_tensors(const struct encoding *e);
struct encoding_tensor encoding_tensor(const struct encoding *e, size_t i);
void encoding_export(const struct encoding *e, const float *params, size_t i, float *out);
void encoding_import(const struct encoding *e, float *params, size_t i, const float *in);

struct kernel;

/* Encode.  x: [n, D] unit coordinates; out: [n, ld], columns 0 … F-1 written, F … ld-1 set to zero;
 * ld is at least F rounded up to 16, and 16 more.  A row depends on its own coordinates alone.
 * Cannot fail. */
void encoding_forward(const struct encoding *e, const struct kernel *kernel, const float *params,
                      size_t n, const float *x, float *out, size_t ld);

/* Backward.  out: what encoding_forward wrote; d_out: [n, ld] gradient with respect to it.
 * d_dense (if not NULL): [encoding_n_params - encoding_n_table], added to; padding gets zeros.
 * d_x (if not NULL): [n, D], overwritten; a row depends on its own point alone.  Along the edges of
 * a grid's cells it is that of the cell above; outside [0, 1] it is 0. */
void encoding_backward(const struct encoding *e, const float *params, size_t n, const float *x,
                       const float *out, const float *d_out, size_t ld, float *d_dense, float *d_x);

/* --- in double precision, for theory --- */

/* Features of one field are so few that a kernel's smallest eigenvalues need them in double.
 * Whether encoding_exact serves: all but grids, whose features are learned. */
bool encoding_has_exact(const struct encoding *e);

/* Whether gamma(x).gamma(y) depends on x - y alone: Fourier features, and concat of nothing else.
 */
bool encoding_is_stationary(const struct encoding *e);

/* What encoding_forward computes, in double.  x: [n, D]; out: [n, ld], columns 0 … F-1 written.  Of
 * an encoding that encoding_has_exact.  Cannot fail. */
void encoding_exact(const struct encoding *e, const float *params, size_t n, const double *x,
                    double *out, size_t ld);

/* --- tables --- */

/* Levels of all grids. */
size_t encoding_n_levels(const struct encoding *e);

struct encoding_level {
    size_t first, count;      /* floats of the parameters; whole lines of GRID_LINE */
    size_t column, n_columns; /* of the features */
};
struct encoding_level encoding_level(const struct encoding *e, size_t level);

/* The gradient of a level's table, added to: gradient [count], touched [count / GRID_LINE].
 * d_features: [n, n_columns], that of the level's columns alone.  Points are added in order. */
void encoding_scatter(const struct encoding *e, const struct kernel *kernel, size_t level, size_t n,
                      const float *x, const float *d_features, float *gradient, uint8_t *touched);

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
