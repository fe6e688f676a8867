/*
 * Task "ct": a picture, known by its projections (core/scene/projection.h).
 *
 *   loss = 1/2 mean over angles and columns of (A f - p)^2
 *
 * The projections are those of a given picture (simulated, as in the paper) or measured ones; then
 * the picture is as high as projections are wide.  The classic inverse is filtered back-projection
 * with the ramp filter.  Source: Tancik et al. 2020, 2-D CT (paper's code has the 1/2).
 */
#ifndef CORE_TASK_TASK_CT_H
#define CORE_TASK_TASK_CT_H

#include "core/scene/projection.h"
#include "core/task/reconstruction.h"

struct task_ct_spec {
    size_t n_angles; /* at k pi / n; not used where projections are measured */
    enum projection_interpolation interpolation;
    enum normalize normalize;
    uint64_t seed;
};

enum { TASK_CT_MAX_ANGLES = 4096 };

/* data: an image or a sinogram; it is not needed afterwards.  INVALID at "/measure/n_angles",
 * "/measure/normalize"; NO_MEMORY. */
enum status task_ct_create(struct task **out, const struct data *data,
                           const struct task_ct_spec *spec, struct error *err) WARN_UNUSED;

/* Bytes of the task, its scratch in training and a full evaluation's, a little high. */
size_t task_ct_bytes(size_t width, size_t height, size_t n_angles, size_t n_threads);

#endif
