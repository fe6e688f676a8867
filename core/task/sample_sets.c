#include "core/task/sample_sets.h"

#include <math.h>

enum { QUICK_SAMPLES = 16384 }; /* of each set, while training (contract) */

const char *sample_set_psnr_key(enum sample_set set)
{
    return set == SET_TRAIN ? "psnr" : "test_psnr";
}

size_t sample_set_quick_size(size_t n)
{
    return n < QUICK_SAMPLES ? n : QUICK_SAMPLES;
}

enum status sample_set_hold(size_t n, double fraction, size_t *n_test, struct error *err)
{
    if (!(fraction > 0.0 && fraction < 1.0))
        return error_set(err, STATUS_INVALID, "/train/holdout_fraction",
                         "'holdout_fraction' must be between 0 and 1, got %g", fraction);
    *n_test = (size_t)llround(fraction * (double)n);
    if (*n_test == 0)
        *n_test = 1;
    if (*n_test >= n)
        *n_test = n - 1;
    return STATUS_OK;
}

size_t sample_sets_bytes(size_t n, enum holdout holdout)
{
    return holdout == HOLDOUT_FRACTION ? n / 8 + n * sizeof(uint32_t) : 0;
}

enum status sample_check_loss(enum loss loss, enum activation output, size_t n,
                              const float *targets, struct error *err)
{
    if (loss != LOSS_BCE)
        return loss_check(loss, output, err);
    if (output != ACTIVATION_SIGMOID)
        return error_set(err, STATUS_INVALID, "/train/loss",
                         "'loss' can be 'bce' with the output activation 'sigmoid' only, got '%s'",
                         activation_name(output));
    for (size_t i = 0; i < n; i++)
        if (!(targets[i] >= 0.0f && targets[i] <= 1.0f))
            return error_set(err, STATUS_INVALID, "/train/loss",
                             "'loss' can be 'bce' for values in 0..1 only, the data have %g",
                             (double)targets[i]);
    return STATUS_OK;
}

double sample_loss(const struct task *task, const struct task_tile *tile, enum loss loss,
                   enum activation output)
{
    const size_t channels = task->n_outputs;
    return loss_evaluate(loss, output, tile->n * channels, tile->raw, tile->values, tile->targets,
                         1.0 / ((double)tile->batch_size * (double)channels), tile->d_raw);
}
