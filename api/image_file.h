/*
 * Image files: which format some bytes are, and what they hold.
 *
 * The bytes tell, by their first few; a Content-Type is only a hint.  NPY does not say what its
 * numbers are, so it is an image only where that is said.
 */
#ifndef API_IMAGE_FILE_H
#define API_IMAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"
#include "core/base/status.h"

struct image_file {
    const char *media_type; /* static text */
    unsigned bits_per_channel;
    struct image image;
};

/* Decode the whole file.  is_image_said: kind=image was given.  INVALID for broken or unknown
 * bytes and numbers that are not finite, UNSUPPORTED for formats of other kinds, TOO_LARGE past
 * limits.h.  The caller owns out->image (image_deinit). */
enum status image_file_decode(const uint8_t *bytes, size_t n, bool is_image_said,
                              struct image_file *out, struct error *err) WARN_UNUSED;

/* A picture no wider than `width`, aspect kept, each pixel the mean of those it covers, as PNG.
 * Never larger than the image.  out is appended to. */
struct buffer;
enum status image_file_preview(const struct image *image, size_t width, struct buffer *out,
                               struct error *err) WARN_UNUSED;

#endif
