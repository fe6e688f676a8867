/*
 * EXIF orientation: how a stored picture is turned to stand upright.
 * Source: TIFF 6.0 (the block's layout), Exif 2.3 tag 0x0112 (values 1..8).
 */
#ifndef CORE_FORMAT_EXIF_H
#define CORE_FORMAT_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* Stored as it stands: nothing to turn. */
enum { EXIF_UPRIGHT = 1 };

/* The orientation that a TIFF block (from its "II" or "MM" on) tells, 1..8; EXIF_UPRIGHT where the
 * block is broken or silent: a bad remark does not make a good picture bad. */
unsigned exif_orientation(const uint8_t *tiff, size_t n_bytes);

/* Where the stored pixel (x, y) stands in the upright picture: at pixel number
 *   origin + x * step_x + y * step_y   of width * height, row by row. */
struct exif_placement {
    size_t width;
    size_t height;
    ptrdiff_t origin;
    ptrdiff_t step_x;
    ptrdiff_t step_y;
};

/* orientation: 1..8; width, height: of the stored picture, at least 1. */
struct exif_placement exif_place(unsigned orientation, size_t width, size_t height);

#endif
