/*
 * What a scanner sees of a lattice: some of its discrete Fourier transform.
 *
 *   y = M F f     F: core/scene/fourier.h, orthonormal;  M: 1 where measured, else 0
 *
 * Adjoint: f = Re F^-1 M y for a real lattice.  Here are the masks; F is applied in place.
 *
 * Source: Tancik et al. 2020, MRI task (the mask of the authors' notebook): points drawn from a
 * normal law about the centre of the spectrum, marked where they fall.
 */
#ifndef CORE_SCENE_KSPACE_H
#define CORE_SCENE_KSPACE_H

#include <stddef.h>
#include <stdint.h>

/* A random mask of a lattice [D, H, W], depth 1 for a picture. */
struct kspace_mask_spec {
    size_t width, height, depth;
    double sigma;     /* standard deviation of the draws, bins; 0: sqrt(2 n) along an axis of n */
    uint64_t n_draws; /* 0: 200,000 for each 96^3 samples, at least 1 */
    uint64_t seed;
};

/* What stands for 0 in a spec. */
uint64_t kspace_n_draws(const struct kspace_mask_spec *spec);
double kspace_sigma(const struct kspace_mask_spec *spec, size_t axis_length);

/* Draw it: mask [D, H, W], zero frequency first, overwritten with 0 and 1.  Each coordinate is
 * N(n / 2, sigma^2), rounded down; draws that fall outside are dropped.  The zero frequency is
 * always marked: draws alone would miss it in two fifths of all masks of 32^3, and then nobody
 * knows how bright the whole is.  Returns how many samples are marked. */
size_t kspace_draw_mask(const struct kspace_mask_spec *spec, uint8_t *mask);

#endif
