/*
 * The picture of one view: PNG or JPEG -> 3 or 4 channels, made smaller.
 */
#ifndef CORE_FORMAT_VIEW_PICTURE_H
#define CORE_FORMAT_VIEW_PICTURE_H

#include <stdint.h>

#include "core/base/data.h"

/* Look at a whole file and keep nothing, as png_check and jpeg_check do; channels are those of the
 * view.  EXIF turns nothing: the programs that find cameras do not look at it.  UNSUPPORTED for
 * other formats. */
enum status view_picture_check(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                               struct error *err) WARN_UNUSED;

/* Decode at full size; grey becomes RGB, its alpha stays. */
enum status view_picture_decode(const uint8_t *bytes, size_t n_bytes, struct image *out,
                                struct error *err) WARN_UNUSED;

/* Make the image of a view smaller by a whole factor: each pixel becomes the mean of factor x
 * factor, whole numbers to the nearest; what is left over at the right and the bottom is cut off,
 * so that pixel (u, v) is where (factor u, factor v) was.  Colours are weighted by their alpha: a
 * colour that cannot be seen does not colour an edge.  factor 1: nothing.  INVALID if a side is
 * shorter than the factor; NO_MEMORY; *image is then as it was. */
enum status view_picture_shrink(struct image *image, size_t factor, struct error *err) WARN_UNUSED;

#endif
