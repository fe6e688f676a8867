/*
 * Task "mri": a picture or a volume, known by some of its Fourier transform.
 *
 *   loss = 1/2 mean over all N frequencies of M |F f - y|^2      F orthonormal
 * (core/scene/fourier.h)
 *
 * y is that of a given lattice behind a random mask (simulated, core/scene/kspace.h) or was
 * measured.  The field is real.  The classic inverse is |F^-1 y|, with 0 where nothing was
 * measured. Source: Tancik et al. 2020, 3-D MRI.  The authors' transform is not normalised: their
 * loss is N times this one, which Adam does not see.
 */
#ifndef CORE_TASK_TASK_MRI_H
#define CORE_TASK_TASK_MRI_H

#include "core/task/reconstruction.h"

struct task_mri_spec {
    double mask_sigma; /* bins; 0: sqrt(2 n) along an axis of n.  Of a simulated measurement, … */
    uint64_t n_draws;  /* … as this: 0 is 200,000 for each 96^3 samples */
    enum normalize normalize;
    uint64_t seed;
};

#define TASK_MRI_MAX_DRAWS ((uint64_t)1000000000)

/* data: an image, a volume of one channel or a kspace; it is not needed afterwards.  INVALID below
 * "/measure"; UNSUPPORTED; NO_MEMORY. */
enum status task_mri_create(struct task **out, const struct data *data,
                            const struct task_mri_spec *spec, struct error *err) WARN_UNUSED;

/* Bytes of the task, its scratch in training and a full evaluation's, a little high. */
size_t task_mri_bytes(size_t width, size_t height, size_t depth, size_t n_threads);

#endif
