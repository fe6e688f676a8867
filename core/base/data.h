/*
 * Plain data: what decoders make and tasks learn from.  Structs here have public members and no
 * rules but those written beside them.
 */
#ifndef CORE_BASE_DATA_H
#define CORE_BASE_DATA_H

#include <stddef.h>

#include "core/base/status.h"

/* values: [height, width, channels], row 0 on top, owned by the image.
 * Integer files are divided by their range (255, 65535), float files are as they were; all finite.
 */
struct image {
    size_t width;
    size_t height;
    size_t channels; /* 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA; alpha is straight, a channel like
                        others */
    float *values;
};

/* What a check of a file finds out about its picture without keeping it. */
struct image_facts {
    size_t width; /* upright, as of struct image */
    size_t height;
    size_t channels;
    unsigned bits_per_channel; /* of the file's numbers */
    float low, high;           /* no value lies outside; [0, 1] for integer files */
};

/* Can an image have this size?  INVALID for a side of 0, no channel or more than LIMIT_CHANNELS,
 * TOO_LARGE past LIMIT_IMAGE_*. */
enum status image_check_size(size_t width, size_t height, size_t channels,
                             struct error *err) WARN_UNUSED;

/* A zeroed image.  Errors of image_check_size, NO_MEMORY. */
enum status image_create(struct image *out, size_t width, size_t height, size_t channels,
                         struct error *err) WARN_UNUSED;

/* Release the values; the image is then empty.  An image of zeros is fine. */
void image_deinit(struct image *image);

#endif
