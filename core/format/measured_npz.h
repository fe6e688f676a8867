/*
 * Measurements as NPZ archives of NumPy arrays.
 *
 *   sinogram   "sinogram" [A, W] real, "angles" [A] radians
 *   kspace     "kspace" [H, W] or [D, H, W] complex (or real), the zero frequency first, of an
 *              orthonormal transform; "mask" of the same shape: 1 (True) where it was measured,
 *              0 elsewhere, where kspace does not matter
 *
 * Other members are left alone.  All numbers must be finite; at least one must have been measured.
 */
#ifndef CORE_FORMAT_MEASURED_NPZ_H
#define CORE_FORMAT_MEASURED_NPZ_H

#include <stdint.h>

#include "core/base/data.h"

/* The caller owns *out.  INVALID for archives and arrays that are not as above, UNSUPPORTED,
 * TOO_LARGE past LIMIT_ANGLES and LIMIT_MEASURED. */
enum status sinogram_decode_npz(const uint8_t *bytes, size_t n_bytes, struct sinogram *out,
                                struct error *err) WARN_UNUSED;
enum status kspace_decode_npz(const uint8_t *bytes, size_t n_bytes, struct kspace *out,
                              struct error *err) WARN_UNUSED;

#endif
