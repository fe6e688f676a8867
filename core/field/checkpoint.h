/*
 * Checkpoints: a fit in the middle of its training, as safetensors.
 *
 *   the field's own tensors (so a checkpoint can be opened as a field), the same names below
 *   "adam.m." and "adam.v.", "train.step" I64 [1], "train.seconds" F64 [1], and as metadata the
 *   optimizer's name and the caller's text `spec`.
 *
 * Batches and schedules are functions of the step and the seed: there is no other state.
 */
#ifndef CORE_FIELD_CHECKPOINT_H
#define CORE_FIELD_CHECKPOINT_H

#include <stdint.h>

#include "core/base/buffer.h"
#include "core/field/field.h"
#include "core/nn/optimizer.h"

struct checkpoint {
    uint64_t step;  /* steps done */
    double seconds; /* of training */
};

/* Append a checkpoint.  moments: optimizer_n_moments blocks shaped like the field's parameters. */
enum status checkpoint_encode(const struct checkpoint *c, const struct field *f,
                              enum optimizer_type optimizer, float *const *moments,
                              const char *spec, struct buffer *out, struct error *err) WARN_UNUSED;

/* Read one back into the field, the moments and *c.  INVALID if it is of another field or
 * optimizer, or damaged: everything is then as it was. */
enum status checkpoint_decode(struct checkpoint *c, struct field *f, enum optimizer_type optimizer,
                              float *const *moments, const uint8_t *bytes, size_t n_bytes,
                              struct error *err) WARN_UNUSED;

#endif
