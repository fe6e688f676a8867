/*
 * Plain data: what decoders make and tasks learn from.  Structs here have public members and no
 * rules but those written beside them.
 */
#ifndef CORE_BASE_DATA_H
#define CORE_BASE_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* How a picture keeps its numbers: as its file has them, so that a large one stays small. */
enum sample_type { SAMPLE_FLOAT, SAMPLE_U8, SAMPLE_U16 };

/* Samples: [height, width, channels], row 0 on top, owned by the image; all finite. */
struct image {
    size_t width;
    size_t height;
    size_t channels; /* 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA; alpha is straight, a channel like
                        others */
    enum sample_type type;
    union {
        void *samples;
        float *values; /* a float file's, as they were */
        uint8_t *u8;   /* value: u8 / 255 */
        uint16_t *u16; /* value: u16 / 65535 */
    };
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
enum status image_create(struct image *out, enum sample_type type, size_t width, size_t height,
                         size_t channels, struct error *err) WARN_UNUSED;

/* Release the samples; the image is then empty.  An image of zeros is fine. */
void image_deinit(struct image *image);

/* Bytes of one sample. */
size_t image_sample_size(enum sample_type type);

/* The values of samples first … first + n - 1. */
void image_read(const struct image *image, size_t first, size_t n, float *values);

/* The value of sample i. */
float image_value(const struct image *image, size_t i);

#endif
