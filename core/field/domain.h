/*
 * Domains: where a field lives.  Encodings and training act on `unit` coordinates, [0,1]^D with
 * sample i of N at (i + 0.5) / N; users speak `source` coordinates (for an image: pixels, x right,
 * y down, centre of the first pixel at 0.5, 0.5).  One affine map joins them:  unit = matrix *
 * source + offset.
 *
 * Coordinates are float32 at the door.  Each is converted by the same arithmetic in double and
 * rounded once, whatever the endpoint or format it came by: the same point always has the same
 * value.
 */
#ifndef CORE_FIELD_DOMAIN_H
#define CORE_FIELD_DOMAIN_H

#include <stddef.h>

#include "core/base/limits.h"
#include "core/base/status.h"

struct domain {
    size_t n_dims;
    double matrix[LIMIT_DIMS][LIMIT_DIMS]; /* unit from source */
    double offset[LIMIT_DIMS];
};

/* Pixels of an image: unit = (x / width, y / height). */
struct domain domain_of_image(size_t width, size_t height);

/* The domain whose unit coordinates lead to source ones by an affine map [matrix | offset], of
 * which the first n_dims rows and columns count: unit = matrix^-1 (source - offset).  INVALID if it
 * cannot be inverted. */
enum status domain_of_affine(size_t n_dims, const double source_from_unit[3][4], struct domain *out,
                             struct error *err) WARN_UNUSED;

/* Voxels of a volume (volume_source_from_unit): the domain_of_affine of its map, bit for bit.
 * affine has an inverse. */
struct domain domain_of_volume(size_t width, size_t height, size_t depth,
                               const double affine[3][4]);

/* Of one place that is known in double: rounded once, however far from the origin a small scene is.
 * source, unit: [D]. */
void domain_unit_of_place(const struct domain *d, const double *source, float *unit);

/* The same of floats.  source, unit: [n, D]; may be the same array. */
void domain_unit_from_source(const struct domain *d, size_t n, const float *source, float *unit);

#endif
