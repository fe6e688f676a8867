/*
 * How much of a picture lies in each octave of frequencies.
 *
 *   band 0         frequencies in (0, 1/64] cycles per sample
 *   band b = 1..4  (2^(b-7), 2^(b-6)]
 *   band 5         above 1/4: up to 1/2 along an axis, sqrt(1/2) along a diagonal
 *
 *   power(b) = sum over k in b of |F(k)|^2 / sum of w^2,   F the unitary transform of w (f - m)
 *
 * |k| is the length of (k_x / W, k_y / H).  The transform takes a picture for one tile of an
 * endless floor: the jump from its right border to the left one of the next has all frequencies,
 * and of a photograph it would fill the high bands.  So a Hann window w is laid over it, along each
 * axis
 *
 *   w(i) = sin^2(pi (i + 1/2) / N)
 *
 * which is 0 at the borders with its slope: what leaks from a wave falls with the sixth power of
 * the distance in frequency, where the octaves of photographs fall with the second.  The price is a
 * wave that is spread over its neighbours, k - 1 … k + 1 of N.  m is the mean under the window, so
 * that nothing is left at frequency 0.  Powers sum to the variance under the window; they are means
 * over channels.
 *
 * Letters: W, H samples along x, y; C channels; F(k) at frequency k.
 * A spectrum is immutable once created: any number of threads may use it.
 */
#ifndef CORE_SCENE_SPECTRUM_H
#define CORE_SCENE_SPECTRUM_H

#include <stddef.h>

#include "core/base/parallel.h"
#include "core/base/status.h"

enum { SPECTRUM_BANDS = 6 };

struct spectrum;

/* width, height: at least 1.  NO_MEMORY. */
enum status spectrum_create(struct spectrum **out, size_t width, size_t height,
                            struct error *err) WARN_UNUSED;
void spectrum_free(struct spectrum *s); /* NULL is fine */

/* samples: [H, W, C].  Not finite where a sample is not.  It does not depend on the number of
 * threads.  NO_MEMORY. */
enum status spectrum_measure(const struct spectrum *s, struct team *team, size_t channels,
                             const float *samples, double power[SPECTRUM_BANDS],
                             struct error *err) WARN_UNUSED;

/* Bytes that one keeps, a little high. */
size_t spectrum_bytes(size_t width, size_t height);

#endif
