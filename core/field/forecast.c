#include "core/field/forecast.h"

#include <math.h>

/* Found over fits of the search images (docs/tuning.md). */
struct constants {
    double slowing, floor_error, offset, slope, per_gain;
};
static const struct constants of_training = {0.2, 1e-4, 3.2, 0.72, 2.0};
static const struct constants of_test = {0.0, 1e-3, -0.7, 1.0, 1.25};
static const double usual_steps = 2000.0; /* of those fits */

/* The most that a measurement changes, dB: a fit on a plateau says nothing of what is beyond. */
static const double most_revision = 2.0;

static const double first_step = 10.0, growth = 1.6;

static double psnr_of(double error)
{
    return -10.0 * log10(error);
}

static double slowed(const struct constants *c, double time, double step)
{
    return time * pow(step / usual_steps, -c->slowing);
}

/* start: of the field before training, below which none is expected. */
static double expected(const struct constants *c, double error, double gain, double start)
{
    return fmax(start, c->offset + c->slope * psnr_of(error + c->floor_error) + c->per_gain * gain);
}

enum status forecast_check(const struct survey *s, const struct field_spec *field,
                           const struct train_spec *train, enum loss loss, struct error *err)
{
    if (!tune_has_kernel(&field->encoding))
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "none is known for encoding '%s': its kernel changes, or its spectrum is "
                         "not known",
                         encoding_type_name(field->encoding.type));
    if (s && (s->kind != SURVEY_SAMPLES || s->n_dims != 2))
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
    const double start = psnr_of(tune_predict(s, &k, 0.0).training), gain = survey_gain(s);
    double step = first_step;
    while (f.n < FORECAST_POINTS) {
        const double at = f.n + 1 == FORECAST_POINTS ? last : fmin(round(step), last);
        const double time = tune_time(&k, train, at);
        const struct tune_errors seen = tune_predict(s, &k, slowed(&of_training, time, at));
        const struct tune_errors left =
            tune_predict(s, &k, tune_between(slowed(&of_test, time, at)));
        f.step[f.n] = (uint64_t)at;
        f.psnr[f.n] = expected(&of_training, seen.training, gain, start);
        f.test_psnr[f.n] = expected(&of_test, left.other, gain, start);
        f.n++;
        if (at >= last)
            break;
        step *= growth;
    }
    tune_kernel_deinit(&k);
    *out = f;
    return STATUS_OK;
}

double forecast_at(const struct forecast *f, const double values[FORECAST_POINTS], double step)
{
    size_t i = 1;
    if (step <= (double)f->step[0])
        return values[0];
    while (i < f->n && (double)f->step[i] < step)
        i++;
    if (i == f->n)
        return values[f->n - 1];
    const double before = (double)f->step[i - 1], after = (double)f->step[i];
    const double part = log(step / before) / log(after / before);
    return values[i - 1] + part * (values[i] - values[i - 1]);
}

static double revision(double difference)
{
    return fmin(fmax(difference, -most_revision), most_revision);
}

void forecast_revise(struct forecast *out, const struct forecast *f,
                     const struct forecast_measured *measured)
{
    const double at = (double)measured->step;
    const double off = revision(measured->psnr - forecast_at(f, f->psnr, at));
    const double test_off = revision(measured->test_psnr - forecast_at(f, f->test_psnr, at));
    *out = (struct forecast){.n = 1,
                             .has_test = f->has_test,
                             .step = {measured->step},
                             .psnr = {measured->psnr},
                             .test_psnr = {measured->test_psnr}};
    for (size_t i = 0; i < f->n && out->n < FORECAST_POINTS; i++) {
        if (f->step[i] <= measured->step)
            continue;
        out->step[out->n] = f->step[i];
        out->psnr[out->n] = f->psnr[i] + off;
        out->test_psnr[out->n] = f->test_psnr[i] + test_off;
        out->n++;
    }
}
