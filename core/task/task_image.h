/*
 * Task "image": the value of a field at a pixel's centre is the pixel's colour.
 *
 * Training samples are visited along a path through the picture (core/task/visit.h): each batch is
 * spread over it evenly, an epoch visits all, a batch as large as the data is the full batch.
 * Coordinates: pixel i of N at (i + 0.5) / N, computed as a query for the pixel's centre computes
 * them.  (The paper's i / N differs by a constant shift.)
 *
 * Metrics: psnr over the training samples, test_psnr over the held-out ones; at full effort also
 * ssim, over the whole image, and where pixels are held out, what interpolation of the training
 * samples makes of them (baseline.h): baseline_nearest_psnr, baseline_bilinear_psnr,
 * baseline_bicubic_psnr, and the best of these, baseline_psnr.  Without a holdout there is none:
 * interpolation of all pixels gives them back as they are.  While training, what is left in each
 * octave of frequencies (residual_bands.h).  Metrics do not depend on the number of
 * threads.  Memory of an evaluation is that of some rows.
 */
#ifndef CORE_TASK_TASK_IMAGE_H
#define CORE_TASK_TASK_IMAGE_H

#include "core/base/data.h"
#include "core/field/task.h"
#include "core/nn/loss.h"

struct task_image_spec {
    enum holdout holdout;    /* none, odd_pixels, fraction */
    double holdout_fraction; /* of HOLDOUT_FRACTION, (0, 1) */
    enum loss loss;
    enum activation output_activation; /* of the field to be trained */
    uint64_t seed;
};

/* image is borrowed until the task is freed.  INVALID if a holdout leaves no sample on either side
 * ("/train/holdout"), or for bce ("/train/loss") where the output is not a sigmoid or a value of
 * the image not in [0, 1]. */
enum status task_image_create(struct task **out, const struct image *image,
                              const struct task_image_spec *spec, struct error *err) WARN_UNUSED;

/* Bytes that the task keeps beside the image, a little high. */
size_t task_image_bytes(size_t width, size_t height, size_t channels, enum holdout holdout);

/* Bytes that a full evaluation takes beside the field's workspaces, a little high. */
size_t task_image_evaluation_bytes(size_t width, size_t height, size_t channels, size_t n_threads);

#endif
