#include "core/field/forecast.h"

#include <math.h>

/* By least squares over fits of the search images; errors of test_psnr there: 1.7 dB on the mean.
 */
static const double test_offset = -0.65, test_left = 1.08, test_gap = 0.22;

static const double first_step = 10.0, growth = 1.6;

static double psnr_of(double error)
{
    return -10.0 * log10(fmax(error, 1e-20));
}

enum status forecast_check(const struct survey *s, const struct field_spec *field,
                           const struct train_spec *train, enum loss loss, struct error *err)
{
    const enum encoding_type type = field->encoding.type;
    if (type != ENCODING_GAUSSIAN && (type != ENCODING_POSITIONAL || field->encoding.rotate))
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "none is known for encoding '%s': its kernel changes, or its spectrum is "
                         "not known",
                         encoding_type_name(type));
    if (s->kind != SURVEY_SAMPLES || s->n_dims != 2)
        return error_set(err, STATUS_UNSUPPORTED, "", "none is known but for pictures");
    if (train->optimizer.type != OPTIMIZER_ADAM || loss != LOSS_MSE ||
        field->network.activation != ACTIVATION_RELU ||
        field->network.output_activation != ACTIVATION_SIGMOID || field->encoding.trainable)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "none is known but for adam, mse, relu, sigmoid and fixed frequencies");
    return STATUS_OK;
}

enum status forecast_make(struct forecast *out, const struct survey *s,
                          const struct field_spec *field, const struct train_spec *train,
                          bool has_test, struct error *err)
{
    struct forecast f = {.has_test = has_test};
    struct tune_kernel k;
    enum status status = tune_kernel_init(&k, s, field, err);
    if (status != STATUS_OK)
        return status;
    const double last = train->steps > 0 ? (double)train->steps : (double)LIMIT_STEPS;
    for (double step = first_step; f.n < FORECAST_POINTS; step *= growth) {
        const double at = f.n + 1 == FORECAST_POINTS ? last : fmin(round(step), last);
        const double time = tune_time(&k, train, at);
        const struct tune_errors late = tune_predict(s, &k, tune_between(time));
        const double left = psnr_of(late.other), seen = psnr_of(late.training);
        f.step[f.n] = (uint64_t)at;
        f.psnr[f.n] = psnr_of(tune_predict(s, &k, time).training);
        f.test_psnr[f.n] = test_offset + test_left * left + test_gap * (seen - left);
        f.n++;
        if (at >= last)
            break;
    }
    tune_kernel_deinit(&k);
    *out = f;
    return STATUS_OK;
}
