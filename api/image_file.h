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

struct image_file_facts {
    const char *media_type; /* static text */
    struct image_facts image;
};

/* Read the whole file and keep nothing of it: what an upload needs.  Memory does not grow with the
 * picture, but for progressive JPEGs (core/format/jpeg.h).  is_image_said: kind=image was given.
 * INVALID for broken or unknown bytes and numbers that are not finite, UNSUPPORTED for formats of
 * other kinds, TOO_LARGE past limits.h. */
enum status image_file_check(const uint8_t *bytes, size_t n, bool is_image_said,
                             struct image_file_facts *out, struct error *err) WARN_UNUSED;

/* The picture itself; the same errors.  The caller owns *out (image_deinit). */
enum status image_file_decode(const uint8_t *bytes, size_t n, bool is_image_said, struct image *out,
                              struct error *err) WARN_UNUSED;

/* A picture no wider than `width`, aspect kept, each pixel the mean of those it covers, as PNG.
 * Never larger than the image.  out is appended to. */
struct buffer;
enum status image_file_preview(const struct image *image, size_t width, struct buffer *out,
                               struct error *err) WARN_UNUSED;

#endif
