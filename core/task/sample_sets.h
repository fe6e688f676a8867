/*
 * What tasks have in common that see the samples of a lattice directly (image, volume, signal): two
 * sets of them, one to train on and one that is held out, each with its PSNR, and the loss of
 * values.
 */
#ifndef CORE_TASK_SAMPLE_SETS_H
#define CORE_TASK_SAMPLE_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/field/task.h"
#include "core/nn/loss.h"

enum sample_set { SET_TRAIN, SET_TEST, N_SETS };

/* "psnr", "test_psnr". */
const char *sample_set_psnr_key(enum sample_set set);

/* Samples, of a set of n, that a quick evaluation looks at. */
size_t sample_set_quick_size(size_t n);

/* How many of n samples a fraction holds out: at least one, all but one at most (of one: none).
 * INVALID at
 * "/train/holdout_fraction" for a fraction that is not in (0, 1). */
enum status sample_set_hold(size_t n, double fraction, size_t *n_test,
                            struct error *err) WARN_UNUSED;

/* Bytes of what a task keeps of a fraction, a little high: a bit for each of n samples, whether it
 * is held out, and the numbers of those that are not. */
size_t sample_sets_bytes(size_t n, enum holdout holdout);

/* Those bits, the lowest of a byte first. */
static inline bool sample_is_held(const uint8_t *held, size_t sample)
{
    return held[sample / 8] >> sample % 8 & 1;
}

static inline void sample_hold(uint8_t *held, size_t sample)
{
    held[sample / 8] |= (uint8_t)(1u << sample % 8);
}

/* Cross-entropy asks for probabilities on both sides: as values of the field, hence of a sigmoid,
 * and as the n numbers that are its targets (0 where all are known to be some).  INVALID or
 * UNSUPPORTED at "/train/loss". */
enum status sample_check_loss(enum loss loss, enum activation output, size_t n,
                              const float *targets, struct error *err) WARN_UNUSED;

/* For a task's class: the loss of a tile whose targets are values. */
double sample_loss(const struct task *task, const struct task_tile *tile, enum loss loss,
                   enum activation output);

#endif
