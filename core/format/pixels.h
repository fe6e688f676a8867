/*
 * Integer samples <-> floats in [0,1].
 *
 * Widening works in place: a decoder writes integer rows to the front of the memory that will hold
 * the floats, so that a picture never needs more than its floats.
 */
#ifndef CORE_FORMAT_PIXELS_H
#define CORE_FORMAT_PIXELS_H

#include <stddef.h>
#include <stdint.h>

/* Room for n floats starts with n bytes; afterwards values[i] = byte i / 255. */
void pixels_widen_u8(float *values, size_t n);

/* The same with n big-endian 16-bit numbers (the order of PNG) and 65535. */
void pixels_widen_u16(float *values, size_t n);

/* out[i] = values[i] clipped to [0,1], times 255, to the nearest.  NaN becomes 0. */
void pixels_quantize(const float *values, size_t n, uint8_t *out);

#endif
