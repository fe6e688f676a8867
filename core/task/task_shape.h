/*
 * Task "shape": what is inside of a mesh, or how far its surface is, at points of the unit cube
 * into which core/scene/solid.h moves it.
 *
 *   occupancy   1 inside, 0 outside; with a softness w, 1 / (1 + exp(d / w)) of the signed distance
 *               d: places the surface between points, where 0 and 1 only say on which side they are
 *   sdf         the signed distance, negative inside, in sides of the unit cube, which is what a
 *               side is long in source units (struct field_spec, length)
 *
 * Points are drawn anew in every step (pool 0: as in the paper), or once, in the order of a curve
 * through space, and visited as the pixels of a picture are (core/task/visit.h): labels cost more
 * than the steps of a small field.  A share of them is drawn near the surface (by area, plus
 * N(0, near_sigma^2) along each axis), the others uniformly in the solid's box, or a share of these
 * in all of the cube: what lies in it beside the box is outside, and a field that is never told so
 * may say anything there.
 *
 * Metrics, over 2^18 points each (2^14 while training), of which those of the ground truth are
 * inside by docs/decisions/0015, and those of the field where its value is over 1/2 (sdf: below 0):
 *   iou_uniform     points uniform in the box
 *   iou_boundary    a triangle, each as likely, a point of it, N(0, 0.01^2) along each axis
 *   distance_error  sdf: mean of |value - distance| over the points of iou_boundary
 * iou: points inside by both over points inside by either.
 * Source: Tancik et al. 2020, 3D shape regression, and the notebook of it.
 */
#ifndef CORE_TASK_TASK_SHAPE_H
#define CORE_TASK_TASK_SHAPE_H

#include "core/base/data.h"
#include "core/base/parallel.h"
#include "core/field/task.h"
#include "core/nn/loss.h"

enum shape_target { SHAPE_OCCUPANCY, SHAPE_SDF };

struct task_shape_spec {
    enum shape_target target;
    double softness;     /* of occupancy, in sides of the cube; 0: labels are 0 or 1 */
    double near_surface; /* share of the points, 0..1 */
    double near_sigma;   /* sides of the cube, 0..1 */
    double everywhere;   /* share of the other points, 0..1 */
    size_t pool;         /* points labelled before training, 0..SHAPE_MAX_POOL; 0: none are */
    enum loss loss;
    enum activation output_activation; /* of the field to be trained */
    uint64_t seed;
};

enum {
    SHAPE_MAX_POOL = 1 << 24,
    TASK_SHAPE_N_QUICK = 1 << 15, /* points of a quick evaluation, labelled once, … */
    TASK_SHAPE_N_FULL = 1 << 19,  /* … and of a full one, each time; of both sets */
};

/* How a task is made. */
struct task_shape_making {
    struct team *team;                            /* labels the pool */
    const volatile bool *stop;                    /* may be NULL */
    void (*progress)(void *context, double done); /* 0..1; may be NULL */
    void *context;
};

/* mesh is needed only here.  INVALID for a mesh without triangles or size, one that encloses
 * nothing (occupancy), or a loss that does not fit target and output ("/train/loss"); CANCELED;
 * NO_MEMORY. */
enum status task_shape_create(struct task **out, const struct mesh *mesh,
                              const struct task_shape_spec *spec,
                              const struct task_shape_making *making,
                              struct error *err) WARN_UNUSED;

/* Bytes that the task keeps, and those that come to it and the mesh while it is made; a little
 * high. */
size_t task_shape_bytes(size_t n_triangles, size_t pool);
size_t task_shape_making_bytes(size_t n_vertices, size_t n_triangles, size_t pool);

/* Bytes that a full evaluation takes beside the field's workspaces. */
size_t task_shape_evaluation_bytes(void);

#endif
