/*
 * The survey (core/field/survey.h) of a task that sees a lattice through its Fourier transform: mri
 * as it is, ct by the central slice theorem.
 *
 * Cell k is frequency +-k of the lattice, cycles per side, up to a limit; beyond it there is little
 * in any data, and less that a network learns.  The zero frequency is left out.
 */
#ifndef CORE_TASK_SURVEY_SPECTRUM_H
#define CORE_TASK_SURVEY_SPECTRUM_H

#include <stdint.h>

#include "core/field/survey.h"
#include "core/scene/projection.h"

/* samples: [D, H, W] of (re, im), orthonormal, zero frequency first; mask [D, H, W].  size: W, H,
 * D.  UNSUPPORTED below 4 samples along an axis; NO_MEMORY.  *out is fit for survey_deinit in any
 * case; so it is below. */
enum status survey_frequencies(struct survey *out, size_t n_dims, const size_t *size,
                               const float *samples, const uint8_t *mask,
                               struct error *err) WARN_UNUSED;

/* The projections of a picture at angle theta have the frequencies of the picture along theta
 * (Bracewell 1956): at frequency r a share of A W / (pi r H) of all, at most 1, and each is learned
 * at the pace of so many of the A projections as see it.  The power there is taken for that at all
 * angles.  sinogram: [A, W]. */
enum status survey_projections(struct survey *out, const struct projection *p,
                               const float *sinogram, struct error *err) WARN_UNUSED;

#endif
