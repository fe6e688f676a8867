/*
 * Task "volume": the value of a field at a voxel's centre is the voxel's number, as a value in [0,
 * 1] (core/base/data.h).
 *
 * As task_image.h in three dimensions: training samples are visited along a path through the volume
 * (core/task/visit.h), each batch spread over it evenly; coordinates are computed as a query for
 * the voxel's centre computes them, from millimetres where the file has an affine.  Whatever the
 * sizes of voxels and sides, the domain is the unit cube: frequencies are cycles per side.
 *
 * Metrics: psnr over the training samples, test_psnr over the held-out ones; at full effort, where
 * voxels are held out, also what interpolation of the training samples makes of them
 * (baseline_volume.h): baseline_nearest_psnr, baseline_trilinear_psnr, and the better of the two,
 * baseline_psnr.  While training, what is left in each octave of frequencies of the slice in the
 * middle, z = D / 2 (residual_bands.h).  Metrics do not depend on the number of threads.  Memory of
 * an evaluation is that of some thousand voxels, whatever the size of the volume.
 */
#ifndef CORE_TASK_TASK_VOLUME_H
#define CORE_TASK_TASK_VOLUME_H

#include "core/base/data.h"
#include "core/field/task.h"
#include "core/nn/loss.h"

struct task_volume_spec {
    enum holdout holdout;    /* none, odd_pixels, fraction */
    double holdout_fraction; /* of HOLDOUT_FRACTION, (0, 1) */
    enum loss loss;
    enum activation output_activation; /* of the field to be trained */
    uint64_t seed;
};

/* volume is borrowed until the task is freed.  INVALID if a holdout leaves no sample on either side
 * ("/train/holdout"), or for bce without a sigmoid ("/train/loss"). */
enum status task_volume_create(struct task **out, const struct volume *volume,
                               const struct task_volume_spec *spec, struct error *err) WARN_UNUSED;

/* Bytes that the task keeps beside the volume, a little high. */
size_t task_volume_bytes(size_t width, size_t height, size_t depth, size_t channels,
                         enum holdout holdout);

/* Bytes that a full evaluation takes beside the field's workspaces, a little high. */
size_t task_volume_evaluation_bytes(size_t channels);

#endif
