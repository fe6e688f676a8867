/*
 * Baselines: what plain interpolation of a picture's training samples makes of its held-out pixels.
 * A field that is no better than these has learned the samples, not the picture.
 *
 * Samples on the lattice of even rows and columns (odd_pixels), test pixels in the middle of four:
 *
 *   nearest    the upper left of the four, which are equally near
 *   bilinear   their mean
 *   bicubic    Catmull-Rom (Keys 1981, a = -0.5), along y then x: (-1, 9, 9, -1) / 16
 *
 *   Beyond the border the outermost sample of the lattice goes on.
 *
 * Samples scattered over the pixels (fraction), the others are test pixels:
 *
 *   nearest    the nearest sample; of equally near ones the upper, then the left
 *   bilinear   the value at the pixel of the plane that is fitted to the samples around it by least
 *              squares, each weighed by 1 / distance^4
 *   bicubic    the same with a polynomial of degree 2
 *
 *   The samples are those of the smallest square around the pixel that holds BASELINE_SAMPLES or
 *   more, within BASELINE_REACH pixels.  Where they do not determine the polynomial (all in one
 *   row), its degree is lower.  Where there is none, 0.5 stands for all three.
 *   (Moving least squares: Lancaster and Salkauskas 1981.  They give back exactly what the two give
 *   back on a lattice: planes, and polynomials of degree 2.  On photographs they are up to 0.5 dB
 *   better than a triangulation, linear or of Clough and Tocher, and at most 0.3 dB worse.)
 */
#ifndef CORE_TASK_BASELINE_H
#define CORE_TASK_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"
#include "core/base/parallel.h"

enum baseline { BASELINE_NEAREST, BASELINE_BILINEAR, BASELINE_BICUBIC, N_BASELINES };

enum { BASELINE_SAMPLES = 12, BASELINE_REACH = 31 };

/* Sums over the test pixels and channels of (clip(prediction) - value)^2, the same for every number
 * of threads.  held: a bit for each pixel, row-major, the lowest bit of a byte first: is it a test
 * pixel?  NULL for odd_pixels.  CANCELED when *stop (may be NULL) becomes true, NO_MEMORY. */
enum status baseline_measure(const struct image *image, const uint8_t *held, struct team *team,
                             const volatile bool *stop, double squared_error[N_BASELINES],
                             struct error *err) WARN_UNUSED;

/* Bytes that it takes. */
size_t baseline_bytes(size_t height);

#endif
