/*
 * Voxels: the numbers of a volume's file, read one after another into a volume.  What nifti, nrrd
 * and npy share: they say where and how the numbers lie.
 *
 * A file is read twice: for the range of its numbers, and to keep them.  A check is the first alone
 * and keeps nothing.
 */
#ifndef CORE_FORMAT_VOXELS_H
#define CORE_FORMAT_VOXELS_H

#include "core/base/data.h"
#include "core/format/number.h"

enum voxel_axis { VOXELS_X, VOXELS_Y, VOXELS_Z, VOXELS_CHANNEL, VOXELS_N_AXES };

struct voxels {
    const uint8_t *bytes; /* borrowed */
    size_t n_bytes;
    bool is_gzip;
    size_t offset; /* of the first number, behind unpacking */
    enum number_type type;
    bool big_endian;
    enum voxel_axis order[VOXELS_N_AXES]; /* the file's, the one that changes fastest first */
    double slope, intercept; /* number * slope + intercept is what the file means; slope not 0 */
};

/* Look at every number.  facts: with size, affine and warnings of the header; type, range, bits and
 * VOLUME_CONSTANT are added.  INVALID for too few numbers, for much behind them, for numbers that
 * are not finite or too far apart, for broken gzip; errors of volume_check_size; NO_MEMORY. */
enum status voxels_check(const struct voxels *v, struct volume_facts *facts,
                         struct error *err) WARN_UNUSED;

/* The volume of these facts, as given to voxels_check; the same errors.  The caller owns *out. */
enum status voxels_decode(const struct voxels *v, const struct volume_facts *facts,
                          struct volume *out, struct error *err) WARN_UNUSED;

#endif
