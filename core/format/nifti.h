/*
 * NIfTI-1, one file (.nii), packed by gzip or not (.nii.gz): bytes <-> volume.
 * Source: nifti1.h of the NIfTI Data Format Working Group, 2004.
 *
 *   header of 348 bytes, in either byte order; from vox_offset on the numbers, x fastest, then y, z
 *   and the fourth dimension, which is channels here; number * scl_slope + scl_inter is what the
 *   file means (a slope of 0: the number itself)
 *
 * Where voxels lie, in millimetres: the sform, else the qform, else the sizes of the voxels with
 * the first one's centre at 0 (method 1 of the source), else nothing.
 *
 * Read: dim 1 to 3 and either 4 or 5 (the other 1), at most 4 channels; numbers of 8 to 64 bits.
 * Header extensions are skipped.  Refused (UNSUPPORTED, with the reason): NIfTI-2, pairs of .hdr
 * and .img, Analyze, complex, RGB and 128-bit numbers, more volumes than four.
 */
#ifndef CORE_FORMAT_NIFTI_H
#define CORE_FORMAT_NIFTI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/data.h"

/* Do the bytes begin as a header of NIfTI-1, NIfTI-2 or Analyze does, in either byte order? */
bool nifti_begins(const uint8_t *bytes, size_t n_bytes);

/* Decode a whole file: gzip is told by its first bytes.  The header is held against limits.h and
 * the data against the header before anything is allocated; memory is that of *out.  INVALID,
 * UNSUPPORTED, TOO_LARGE, NO_MEMORY.  The caller owns *out. */
enum status nifti_decode(const uint8_t *bytes, size_t n_bytes, struct volume *out,
                         struct error *err) WARN_UNUSED;

/* Read a whole file as nifti_decode does, with the same errors, and keep nothing. */
enum status nifti_check(const uint8_t *bytes, size_t n_bytes, struct volume_facts *out,
                        struct error *err) WARN_UNUSED;

/* A volume of float32 numbers to be written: sizes of at most 32,767 (INVALID), 1 to 4 channels. */
struct nifti_shape {
    size_t width, height, depth, channels;
    const double (*affine)[4]; /* [3][4]: millimetres from voxel indices; NULL: says nothing */
};

/* Append a .nii.gz: header and numbers.  values: [depth, height, width, channels]; number = low +
 * value * (high - low).  Same arguments, same bytes.  *stop (may be NULL): CANCELED when it becomes
 * true.  *out is as it was on failure; memory beside it is some hundred KiB. */
enum status nifti_encode(const struct nifti_shape *shape, const float *values, double low,
                         double high, const volatile bool *stop, struct buffer *out,
                         struct error *err) WARN_UNUSED;

#endif
