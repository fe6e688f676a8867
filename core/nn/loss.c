#include "core/nn/loss.h"

#include <math.h>

/* What a target of 0 counts as. */
static const double mape_offset = 0.01;

static const char *const names[] = {[LOSS_MSE] = "mse", [LOSS_BCE] = "bce", [LOSS_MAPE] = "mape"};

const char *loss_name(enum loss loss)
{
    return names[loss];
}

size_t loss_n_types(void)
{
    return sizeof names / sizeof names[0];
}

enum status loss_check(enum loss loss, enum activation output, struct error *err)
{
    if (loss == LOSS_BCE && output != ACTIVATION_LINEAR && output != ACTIVATION_SIGMOID)
        return error_set(err, STATUS_UNSUPPORTED, "/train/loss",
                         "loss 'bce' needs a 'linear' or 'sigmoid' output, got '%s'",
                         activation_name(output));
    return STATUS_OK;
}

static double mse(enum activation output, size_t n, const float *values, const float *targets,
                  double scale, float *d_raw)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double residual = (double)values[i] - (double)targets[i];
        sum += 0.5 * residual * residual;
        d_raw[i] = (float)(residual * scale) * activation_output_slope(output, values[i]);
    }
    return sum * scale;
}

/* softplus(raw) = max(raw, 0) + log(1 + exp(-|raw|)) cannot overflow; its slope is the sigmoid. */
static double bce(size_t n, const float *raw, const float *targets, double scale, float *d_raw)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double z = (double)raw[i], target = (double)targets[i];
        const double e = exp(-fabs(z));
        const double sigmoid = z >= 0 ? 1 / (1 + e) : e / (1 + e);
        sum += (z > 0 ? z : 0) + log1p(e) - target * z;
        d_raw[i] = (float)((sigmoid - target) * scale);
    }
    return sum * scale;
}

/* The slope at 0 is 0; NaN goes through. */
static double mape(enum activation output, size_t n, const float *values, const float *targets,
                   double scale, float *d_raw)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double residual = (double)values[i] - (double)targets[i];
        const double weight = scale / (fabs((double)targets[i]) + mape_offset);
        sum += fabs(residual) * weight;
        const double sign = residual > 0 ? 1 : residual < 0 ? -1 : residual;
        d_raw[i] = (float)(sign * weight) * activation_output_slope(output, values[i]);
    }
    return sum;
}

double loss_evaluate(enum loss loss, enum activation output, size_t n, const float *raw,
                     const float *values, const float *targets, double scale, float *d_raw)
{
    if (loss == LOSS_BCE)
        return bce(n, raw, targets, scale, d_raw);
    if (loss == LOSS_MAPE)
        return mape(output, n, values, targets, scale, d_raw);
    return mse(output, n, values, targets, scale, d_raw);
}
