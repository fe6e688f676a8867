/*
 * The stepper: the arithmetic of one training step, without clock, schedule or reports.
 *
 *   every member: its parts of the batch, tile by tile: draw, encode, forward, loss, backward into
 *                 the part's gradient block                                           | barrier
 *   every member: the batch's loss, summed in tile order; its share of the parameters updated from
 *                 all gradient blocks in order of the parts, and levels of grids
 *                 (core/field/tables.h)                                               | barrier
 *   every member: its share of what passes need of the parameters in another form
 *
 * Where a measurement spans all points (task.h), a step is a batch of all of them, and two passes
 * stand for the first line:
 *
 *   every member: its parts, tile by tile: draw, encode, forward; values are kept        | barrier
 *   every member: the measurement                                                        | barrier
 *   every member: its parts again, forward and backward from d_values
 *
 * Activations are not kept from one pass to the other: to write and read them takes as long as to
 * go forward again for a wide network in floats, and three times as long for a narrow one.
 *
 * A batch has as many parts as the team has members, and at least two, whoever computes them: one
 * thread and two give the same bytes, and a team may leave a small step to one of its threads where
 * that is faster (pace.h).  Moments are shaped like the field's parameters, gradients like
 * those behind the grids' tables.
 * Between steps all gradients are zero.  A step allocates nothing.
 */
#ifndef CORE_FIELD_STEPPER_H
#define CORE_FIELD_STEPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/parallel.h"
#include "core/field/field.h"
#include "core/field/task.h"
#include "core/nn/optimizer.h"

struct stepper;

/* field, task and team are borrowed until stepper_free.  batch_size: points, a multiple of the
 * task's group; all its samples for a task that measures.  UNSUPPORTED if task and field do not fit
 * each other, NO_MEMORY. */
enum status stepper_create(struct stepper **out, const struct optimizer_spec *optimizer,
                           enum precision precision, size_t batch_size, struct field *field,
                           const struct task *task, struct team *team,
                           struct error *err) WARN_UNUSED;
void stepper_free(struct stepper *s);

enum step_outcome {
    STEP_DONE,
    STEP_ABANDONED,  /* *stop was raised: parameters and moments are as before the step */
    STEP_NOT_FINITE, /* so is the loss, and parameters and moments are as before the step */
};

/* Step number `step`, from 0.  *loss: of the batch, before the update; not written if abandoned.
 * stop may be NULL. */
enum step_outcome stepper_step(struct stepper *s, uint64_t step, double rate,
                               const volatile bool *stop, double *loss);

/* The optimizer's memory, optimizer_n_moments blocks. */
float *const *stepper_moments(const struct stepper *s);

/* To be called when the field's parameters were changed by someone else. */
void stepper_parameters_changed(struct stepper *s);

#endif
