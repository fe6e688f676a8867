/*
 * Checkpoints: a fit in the middle of its training, as safetensors.
 *
 *   the field's own tensors (so a checkpoint can be opened as a field), the same names below
 *   "adam.m." and "adam.v.", "train.step" I64 [1], "train.seconds" F64 [1], and as metadata the
 *   optimizer's name and the caller's text `spec`; of a fit that shows the average of its weights
 *   that, below "average."; of a fit that stops early also the best
 *   parameters so far below "best.", "best.train.step" I64 [1] and "best.psnr" F64 [1].
 *
 *   What a task has learned on the way (task.h) is "task.state" F32 [n].
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
    uint64_t step;      /* steps done */
    double seconds;     /* of training */
    uint64_t best_step; /* 0: no best parameters are kept */
    double best_psnr;
};

/* The blocks of a fit, shaped like its field's parameters. */
struct checkpoint_blocks {
    const struct field *field; /* the shape */
    float *params;
    float *const *moments; /* optimizer_n_moments blocks */
    float *average;        /* NULL: of no interest */
    float *best;           /* likewise */
    float *state; /* [n_state], of the task; not shaped like the others; NULL: it has none */
    size_t n_state;
};

/* Append a checkpoint. */
enum status checkpoint_encode(const struct checkpoint *c, const struct checkpoint_blocks *blocks,
                              enum optimizer_type optimizer, const char *spec, struct buffer *out,
                              struct error *err) WARN_UNUSED;

/* Read one back into the blocks and *c; a file without best parameters has best_step 0, and leaves
 * the block as it is; one without the average gives the parameters in its place.  INVALID if it is
 * of another field or optimizer, or damaged: everything is then as it was. */
enum status checkpoint_decode(struct checkpoint *c, const struct checkpoint_blocks *blocks,
                              enum optimizer_type optimizer, const uint8_t *bytes, size_t n_bytes,
                              struct error *err) WARN_UNUSED;

#endif
