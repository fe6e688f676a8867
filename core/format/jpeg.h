/*
 * JPEG <-> pixels, by libjpeg-turbo.  The EXIF orientation is applied; CMYK and YCCK are refused.
 * All functions may be called from any thread.
 */
#ifndef CORE_FORMAT_JPEG_H
#define CORE_FORMAT_JPEG_H

#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/data.h"

/* Decode baseline or progressive, grey or colour.  INVALID for a broken file (warnings that mean
 * damaged data count as broken, those about remarks in the file do not), UNSUPPORTED for CMYK and
 * 12 bits, TOO_LARGE past limits.h (pixels, scans, and what several scans cost), NO_MEMORY.  The
 * caller owns *out. */
enum status jpeg_decode(const uint8_t *bytes, size_t n_bytes, struct image *out,
                        struct error *err) WARN_UNUSED;

/* Read a whole file as jpeg_decode does, with the same errors, and keep nothing: memory is a few
 * rows, and for a file of several scans at most LIMIT_JPEG_COEFFICIENTS more. */
enum status jpeg_check(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                       struct error *err) WARN_UNUSED;

/* The same without turning by EXIF: for photographs whose cameras were found by programs that do
 * not turn them either. */
enum status jpeg_decode_stored(const uint8_t *bytes, size_t n_bytes, struct image *out,
                               struct error *err) WARN_UNUSED;
enum status jpeg_check_stored(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                              struct error *err) WARN_UNUSED;

/* Append 8-bit grey (channels 1) or RGB (3) pixels; quality 1..100.  Other channel counts are
 * UNSUPPORTED; INVALID, TOO_LARGE (side, or the buffer's maximum), NO_MEMORY.  *out is then as it
 * was. */
enum status jpeg_encode(const uint8_t *pixels, size_t width, size_t height, size_t channels,
                        int quality, struct buffer *out, struct error *err) WARN_UNUSED;

#endif
