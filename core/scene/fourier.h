/*
 * The orthonormal discrete Fourier transform of a lattice, in place, by as many threads as there
 * are.
 *
 *   F(k) = 1/sqrt(N) sum over x of f(x) exp(-2 pi i k.x),    x = (index along each axis) / n
 *
 * with the zero frequency first; the inverse has +.  It is unitary: the inverse is the adjoint.
 * Lines are transformed by kissfft.  A line of a length with a prime factor above 5 goes the way of
 * Bluestein 1970, as a convolution of a length that has none: kissfft's own way takes the prime's
 * square, and asks for memory while it works.
 *
 * Letters: W, H, D samples along x, y, z.  Samples are [D, H, W] of (re, im).
 * A fourier is immutable once created: any number of threads may use it.
 */
#ifndef CORE_SCENE_FOURIER_H
#define CORE_SCENE_FOURIER_H

#include <stddef.h>

#include "core/base/parallel.h"
#include "core/base/status.h"

struct fourier;

enum fourier_direction { FOURIER_FORWARD, FOURIER_INVERSE, FOURIER_N_DIRECTIONS };
enum { FOURIER_AXES = 3 };

/* width, height, depth: at least 1; 1 for an axis that there is not.  NO_MEMORY. */
enum status fourier_create(struct fourier **out, size_t width, size_t height, size_t depth,
                           struct error *err) WARN_UNUSED;
void fourier_free(struct fourier *f); /* NULL is fine */

/* Transform along one axis (0 x, 1 y, 2 z): member `member` of n_members does its share of the
 * lines.  All members are to be done before the next axis is begun; in which order axes come does
 * not matter.  line: scratch of the member's own, [fourier_line_floats].  The numbers do not depend
 * on n_members. */
size_t fourier_line_floats(const struct fourier *f);
void fourier_axis(const struct fourier *f, enum fourier_direction direction, size_t axis,
                  size_t member, size_t n_members, float *samples, float *line);

/* All axes, by a team.  NO_MEMORY. */
enum status fourier_transform(const struct fourier *f, enum fourier_direction direction,
                              struct team *team, float *samples, struct error *err) WARN_UNUSED;

/* Bytes of a plan and a thread's scratch for the longest side, a little high. */
size_t fourier_bytes(size_t longest_side);

#endif
