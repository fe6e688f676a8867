/*
 * Surveys: what a task knows of its data before it trains, as a power spectrum.
 *
 * Along each axis the lattice of samples is mirrored at its ends: n samples become a period of 2 n,
 * whose frequencies 0 … n (half cycles over the n samples) are the survey's cells; a kernel that
 * depends on distances alone is diagonal there, and so are the predictions of core/field/tune.h.
 *
 *   SURVEY_SAMPLES    values were seen at the samples of a lattice: cell k has the squares of the
 *                     orthonormal cosine transform (DCT-II), summed over patches and channels
 *   SURVEY_SPECTRUM   a Fourier transform of the lattice was seen in part (ct, mri): cell k has the
 *                     squares that were seen of the frequencies +-k, how many of them were and how
 *                     many were not, and how much faster or slower than samples they are learned
 *
 * Of samples there is also how much is gained by having them closer: the mean of the corners of a
 * cube of 2 o spacings misses the sample in its middle by so much, for o = 1 and 2.
 *
 * Of held-out samples nothing is in it.  Letters: D dimensions, n samples of a patch along an axis.
 */
#ifndef CORE_FIELD_SURVEY_H
#define CORE_FIELD_SURVEY_H

#include <stddef.h>

#include "core/base/limits.h"
#include "core/base/status.h"

enum survey_kind { SURVEY_SAMPLES, SURVEY_SPECTRUM };

enum { SURVEY_LEAST_SIDE = 4 }; /* samples along an axis: of fewer there is none */

struct survey {
    enum survey_kind kind;
    size_t n_dims;
    size_t n[LIMIT_DIMS];        /* 1 past n_dims */
    double spacing[LIMIT_DIMS];  /* unit coordinates from a sample to the next */
    size_t n_cells;              /* of all axes: product of n + 1, x fastest; n is 1: one cell */
    double *power;               /* [n_cells] */
    double *seen, *hidden;       /* [n_cells] */
    double *pace;                /* [n_cells]; 1 of samples */
    double *cosines[LIMIT_DIMS]; /* of SURVEY_SAMPLES: [n, n] DCT-II of each axis */
    double missed[2]; /* likewise: mean squares by which middles are missed, summed over patches */
};

/* The most samples of a patch along an axis of so many dimensions. */
size_t survey_patch(size_t n_dims);

/* An empty one.  n: at least 2 along each axis.  NO_MEMORY; it is then fit for survey_deinit. */
enum status survey_init(struct survey *s, enum survey_kind kind, size_t n_dims, const size_t *n,
                        const double *spacing, struct error *err) WARN_UNUSED;
void survey_deinit(struct survey *s);

/* Add a patch of samples of one channel: values [n_z, n_y, n_x], overwritten.  Its mean is left
 * out: any network learns that first.  NO_MEMORY. */
enum status survey_add(struct survey *s, double *values, struct error *err) WARN_UNUSED;

/* What halving the spacing gains in interpolation, dB: 0 of noise, 12 of what is smooth. */
double survey_gain(const struct survey *s);

/* A cell's number, and how many of the frequencies +-k along each axis it stands for, of a lattice
 * of 2 n samples a side. */
size_t survey_cell(const struct survey *s, const size_t *k);
double survey_multiplicity(const struct survey *s, const size_t *k);

/* Multiply a block [z, y, x] of `size` along axis `axis` by a matrix [size, size]: out = matrix *
 * block along it.  in, out: may not overlap. */
void survey_transform(const size_t size[LIMIT_DIMS], size_t axis, const double *matrix,
                      const double *in, double *out);

#endif
