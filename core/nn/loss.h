/*
 * Losses, with their gradient with respect to the network's raw outputs.
 *
 *   mse   1/2 mean over samples and channels of (value - target)^2      (paper's code has the 1/2)
 *   bce   mean of softplus(raw) - target * raw: cross-entropy on the logit, for linear (logit) or
 *         sigmoid outputs; a relu output has no logit and is refused by loss_check
 *   mape  mean of |value - target| / (|target| + 0.01): small targets count as large ones do
 *         (Mueller et al. 2022, for signed distances)
 */
#ifndef CORE_NN_LOSS_H
#define CORE_NN_LOSS_H

#include <stddef.h>

#include "core/base/status.h"
#include "core/nn/activation.h"

enum loss { LOSS_MSE, LOSS_BCE, LOSS_MAPE };

const char *loss_name(enum loss loss);
size_t loss_n_types(void);

/* UNSUPPORTED at "/train/loss" for a pair that has no meaning (bce on relu). */
enum status loss_check(enum loss loss, enum activation output, struct error *err) WARN_UNUSED;

/* n numbers (samples x channels of a tile).  Returns the sum of the terms times `scale`, in double;
 * d_raw: [n], overwritten with the gradient of that sum.  scale: 1 / (numbers of the whole batch).
 * The pair was accepted by loss_check. */
double loss_evaluate(enum loss loss, enum activation output, size_t n, const float *raw,
                     const float *values, const float *targets, double scale, float *d_raw);

#endif
