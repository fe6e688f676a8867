/*
 * Baselines of volumes: what plain interpolation of the training voxels makes of the held-out ones
 * (as baseline.h for pictures).
 *
 * Samples on the lattice of even voxels (odd_pixels), test voxels in the middle of eight:
 *
 *   nearest     the one with the lowest indices of the eight, which are equally near
 *   trilinear   their mean; beyond the border the outermost sample of the lattice goes on
 *
 * Samples scattered over the voxels (fraction), the others are test voxels:
 *
 *   nearest     the nearest sample; of equally near ones that with the lowest indices
 *   trilinear   the value at the voxel of the linear polynomial that is fitted to the samples
 *               around it by least squares, each weighed by 1 / distance^4
 *
 *   The samples are those of the smallest cube around the voxel that holds BASELINE_VOLUME_SAMPLES
 *   or more, within BASELINE_VOLUME_REACH voxels; where they lie in a plane, their weighted mean;
 *   where there is none, 0.5.  Distances are in voxels.  Of more than BASELINE_VOLUME_VOXELS test
 *   voxels so many are measured, drawn evenly: enough for a hundredth of a decibel or two.
 */
#ifndef CORE_TASK_BASELINE_VOLUME_H
#define CORE_TASK_BASELINE_VOLUME_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"
#include "core/base/parallel.h"

enum { BASELINE_NEAREST_VOXEL, BASELINE_TRILINEAR, N_VOLUME_BASELINES };

enum {
    BASELINE_VOLUME_SAMPLES = 12,
    BASELINE_VOLUME_REACH = 8,
    BASELINE_VOLUME_VOXELS = 1 << 17,
};

/* The test voxels to be measured: voxel(context, i) is the number (x fastest) of the one at i, 0 …
 * n - 1. */
struct baseline_voxels {
    size_t n;
    size_t (*voxel)(const void *context, size_t i);
    const void *context;
};

/* Mean over these voxels and channels of (clip(prediction) - value)^2, the same for every number of
 * threads.  held: a bit for each voxel, the lowest bit of a byte first: is it a test voxel?  NULL
 * for odd_pixels.  CANCELED when *stop (may be NULL) becomes true, NO_MEMORY. */
enum status baseline_volume_measure(const struct volume *volume, const uint8_t *held,
                                    const struct baseline_voxels *voxels, struct team *team,
                                    const volatile bool *stop,
                                    double squared_error[N_VOLUME_BASELINES],
                                    struct error *err) WARN_UNUSED;

#endif
