/*
 * Image files: which format some bytes are, and what they hold.
 *
 * The bytes tell, by their first few; a Content-Type is only a hint.  NPY does not say what its
 * numbers are, so it is an image only where that is said.
 */
#ifndef API_KINDS_IMAGE_FILE_H
#define API_KINDS_IMAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"
#include "core/base/status.h"

/* The media type (static text) of the bytes if they are an image's, else NULL. */
const char *image_file_type(const uint8_t *bytes, size_t n, bool is_image_said);

struct image_file_facts {
    const char *media_type; /* static text */
    struct image_facts image;
};

/* Read the whole file and keep nothing of it: what an upload needs.  Memory does not grow with the
 * picture, but for progressive JPEGs (core/format/jpeg.h).  INVALID for broken or unknown bytes and
 * numbers that are not finite, TOO_LARGE past limits.h. */
enum status image_file_check(const uint8_t *bytes, size_t n, struct image_file_facts *out,
                             struct error *err) WARN_UNUSED;

/* The picture itself; the same errors.  The caller owns *out (image_deinit). */
enum status image_file_decode(const uint8_t *bytes, size_t n, struct image *out,
                              struct error *err) WARN_UNUSED;

/* A picture no wider than `width`, aspect kept, each pixel the mean of those it covers, eight bits.
 * Never larger than the image.  The caller owns *out (image_deinit). */
enum status image_file_reduce(const struct image *image, size_t width, struct image *out,
                              struct error *err) WARN_UNUSED;

#endif
