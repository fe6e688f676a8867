/*
 * What is left to learn, octave by octave: the spectral bias of a fit as numbers.
 *
 *   residual_band_b = power_b(f - y) / power_b(y),   b = 0 … 5, low frequencies first
 *
 * y: the data at the samples of a window in the middle of a plane of them, at their own resolution;
 * f: the field there, as a query answers it (fp32, not clipped: clipping makes frequencies of its
 * own); power_b: of an octave of frequencies (core/scene/spectrum.h).  0: all is learned, 1: as of
 * a field that is the same everywhere; above 1: the field has there what the data have not.
 * Held-out samples are in the window like others.  A band is left out where the data have nothing
 * in it that is more than rounding, as all are of a picture of one colour, and the low ones of a
 * window that is no longer than their waves.
 *
 * A network learns low frequencies first (Rahaman et al. 2019, "On the spectral bias of neural
 * networks"); which ones a Fourier mapping makes it learn soon is its sigma's choice (Tancik et al.
 * 2020, section 5).
 */
#ifndef CORE_TASK_RESIDUAL_BANDS_H
#define CORE_TASK_RESIDUAL_BANDS_H

#include <stddef.h>

#include "core/field/task.h"

/* A plane of samples, W x H, or a line of them (H is 1): what a task has, or a part of it. */
struct sample_plane {
    size_t width, height;
    size_t n_inputs, n_outputs; /* D of fields, C */
    const void *context;
    /* Sample (x, y): its unit coordinates [D] and the value that is known there [C]. */
    void (*read)(const void *context, size_t x, size_t y, float *unit, float *value);
};

struct residual_bands;

/* The data are read now.  *n_points: that fields will be asked for; 0 where there is no band to
 * tell of.  NO_MEMORY. */
enum status residual_bands_create(struct residual_bands **out, const struct sample_plane *plane,
                                  size_t *n_points, struct error *err) WARN_UNUSED;
void residual_bands_free(struct residual_bands *b); /* NULL is fine */

/* Append the metrics of the bands that are told and finite.  CANCELED, NO_MEMORY. */
enum status residual_bands_measure(const struct residual_bands *b, const struct field *f,
                                   struct team *team, const volatile bool *stop,
                                   struct task_metrics *out, struct error *err) WARN_UNUSED;

/* Bytes that one keeps, a little high.  A measurement works in less than a full evaluation does. */
size_t residual_bands_bytes(size_t width, size_t height, size_t n_inputs, size_t n_outputs);

#endif
