/*
 * Measures of quality.
 *
 *   PSNR = -10 log10(mean squared error), peak 1, the output clipped to [0,1], over all samples
 *          and channels
 *   SSIM = Wang et al. 2004: 11 x 11 Gaussian window (sigma 1.5), K1 0.01, K2 0.03, peak 1, mean
 *          over the positions where the window fits and over channels
 */
#ifndef CORE_FIELD_METRICS_H
#define CORE_FIELD_METRICS_H

#include <stddef.h>

#include "core/base/data.h"

/* Sum over n numbers of (clip(value) - target)^2, in double and in order. */
double metrics_squared_error(size_t n, const float *values, const float *targets);

/* From a sum of n squared errors; an error of 0 gives METRICS_MAX_PSNR (JSON has no infinity). */
#define METRICS_MAX_PSNR 200.0
double metrics_psnr(double squared_error, size_t n);

enum { METRICS_SSIM_BYTES = 512 << 10 };

/* SSIM of two images of one shape, values clipped to [0,1]; sides under 11 use the largest odd
 * window that fits.  *out in [-1, 1].  NO_MEMORY; it takes METRICS_SSIM_BYTES, whatever the size.
 */
enum status metrics_ssim(const struct image *a, const struct image *b, double *out,
                         struct error *err) WARN_UNUSED;

#endif
