/*
 * Floats in [0,1] -> 8-bit samples.
 */
#ifndef CORE_FORMAT_PIXELS_H
#define CORE_FORMAT_PIXELS_H

#include <stddef.h>
#include <stdint.h>

/* out[i] = values[i] clipped to [0,1], times 255, to the nearest.  NaN becomes 0. */
void pixels_quantize(const float *values, size_t n, uint8_t *out);

#endif
