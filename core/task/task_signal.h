/*
 * Task "signal": the value of a field at i / N is sample i of N of a one-dimensional signal.
 *
 * The paper's grid, without its half a sample: the domain is [0, 1) and unit coordinates are the
 * signal's own.  A batch of N samples is all of them, in the order of core/task/visit.h.
 *
 * Holdouts: none; odd_pixels (train on even samples, test on odd ones); stride (train on every
 * c-th, test on the others); fraction.
 *
 * Metrics: mse and psnr over the training samples, test_mse and test_psnr over the held-out ones,
 * all of them each time.  residual_0 …: of the frequencies that the caller names (`bins`), the
 * magnitude of the training samples' residual,
 *
 *   | sum over i of (f(x_i) - y_i) exp(-2 pi i k i / n) | / n        i = 0 … n-1, channel 0
 *
 * where training samples are evenly spaced (all holdouts but fraction).
 * Source: Tancik et al. 2020, figures 3 to 5 and appendix.
 */
#ifndef CORE_TASK_TASK_SIGNAL_H
#define CORE_TASK_TASK_SIGNAL_H

#include "core/base/data.h"
#include "core/field/task.h"
#include "core/nn/loss.h"

enum { TASK_SIGNAL_BINS = 8 };

struct task_signal_spec {
    enum holdout holdout;    /* none, odd_pixels, stride, fraction */
    size_t holdout_stride;   /* of HOLDOUT_STRIDE: c, at least 2 */
    double holdout_fraction; /* of HOLDOUT_FRACTION, (0, 1) */
    enum loss loss;
    enum activation output_activation; /* of the field to be trained */
    size_t n_bins;                     /* at most TASK_SIGNAL_BINS; each below n */
    size_t bins[TASK_SIGNAL_BINS];
    uint64_t seed;
};

/* signal is borrowed until the task is freed.  INVALID if a holdout leaves no sample on either side
 * ("/train/holdout"), for bins that the training samples do not have ("/measure/bins"), or for bce
 * ("/train/loss") where the output is not a sigmoid or a value of the signal not in [0, 1]. */
enum status task_signal_create(struct task **out, const struct signal *signal,
                               const struct task_signal_spec *spec, struct error *err) WARN_UNUSED;

/* Bytes that the task keeps beside the signal, and that an evaluation takes, a little high. */
size_t task_signal_bytes(size_t n_samples, size_t channels);
size_t task_signal_evaluation_bytes(size_t n_samples, size_t channels);

#endif
