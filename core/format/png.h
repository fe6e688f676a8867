/*
 * PNG <-> pixels, by libpng.  Values are those stored: no gamma, no colour profile is applied.
 * All functions may be called from any thread.
 */
#ifndef CORE_FORMAT_PNG_H
#define CORE_FORMAT_PNG_H

#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/data.h"

/* Decode a whole file of any colour type, depth and interlace.  Palettes and tRNS are expanded,
 * depths 1, 2, 4 scaled to their range; an image without transparency gets no alpha channel.  An
 * EXIF orientation is applied.  What other remarks say, and bytes after the end, is ignored,
 * and so are checksums of remarks that are whole otherwise.  The header is held against limits.h,
 * and against the file's length, before anything is allocated; memory is that of *out and two rows
 * (twice *out where EXIF turns it). *bits_per_channel: 8 or 16 (may be NULL). INVALID for a broken
 * file (wrong checksum, cut short, much more data than rows, …), TOO_LARGE, NO_MEMORY.  The caller
 * owns *out. */
enum status png_decode(const uint8_t *bytes, size_t n_bytes, struct image *out,
                       unsigned *bits_per_channel, struct error *err) WARN_UNUSED;

/* Read a whole file as png_decode does, with the same errors, and keep nothing: memory is that of
 * three rows, interlaced or not. */
enum status png_check(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                      struct error *err) WARN_UNUSED;

/* The same without turning by EXIF: for photographs whose cameras were found by programs that do
 * not turn them either. */
enum status png_decode_stored(const uint8_t *bytes, size_t n_bytes, struct image *out,
                              struct error *err) WARN_UNUSED;
enum status png_check_stored(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                             struct error *err) WARN_UNUSED;

/* Compression effort of png_encode.  FAST, for rendered answers, which are made once and thrown
 * away: repeats of a byte alone are looked for, behind the average of two neighbours. */
enum png_effort { PNG_FAST, PNG_SMALL };

/* Append 8-bit pixels [height, width, channels], channels 1..4 as in struct image.  INVALID,
 * TOO_LARGE (side, or the buffer's maximum), NO_MEMORY; *out is then as it was. */
enum status png_encode(const uint8_t *pixels, size_t width, size_t height, size_t channels,
                       enum png_effort effort, struct buffer *out, struct error *err) WARN_UNUSED;

#endif
