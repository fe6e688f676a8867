#include "core/field/forecast.h"

#include <math.h>

/* By least squares over fits of the search images (docs/tuning.md). */
struct constants {
    double shape, pace, slowing, floor_error, offset, slope;
    double fade; /* of what a measurement differs by */
};
static const struct constants of_training = {0.3, 2.5, 0.2, 0.0, -12.24, 1.48, 0.2};
static const struct constants of_test = {1.0, 1.5, 0.0, 1e-3, -11.36, 1.64, 0.2};
static const double usual_steps = 2000.0; /* of those fits */

static const double first_step = 10.0, growth = 1.6;

static double psnr_of(double error)
{
    return -10.0 * log10(fmax(error, 1e-20));
}

/* tune_predict, by eigenvalues that are spread about their mean. */
static struct tune_errors predict_spread(const struct survey *s, const struct tune_kernel *k,
                                         double shape, double time)
{
    double seen = 0.0, left = 0.0, n_seen = 0.0;
    for (size_t i = 0; i < s->n_cells; i++) {
        const double e = exp(-shape * log1p(time * k->lambda[i] / shape));
        seen += e * e * (s->power[i] + s->seen[i] * k->variance * k->nu[i]);
        left += s->seen[i] * e;
        n_seen += s->seen[i];
    }
    const double training = seen / n_seen;
    return (struct tune_errors){training, training / pow(fmax(left / n_seen, 1e-9), 2.0)};
}

static double time_of(const struct constants *c, double time, double step)
{
    return c->pace * time * pow(step / usual_steps, -c->slowing);
}

/* start: of the field before training, below which none is expected. */
static double expected(const struct constants *c, double error, double start)
{
    return fmax(start, c->offset + c->slope * psnr_of(error + c->floor_error));
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
    const double start = psnr_of(tune_predict(s, &k, 0.0).training);
    double step = first_step;
    while (f.n < FORECAST_POINTS) {
        const double at = f.n + 1 == FORECAST_POINTS ? last : fmin(round(step), last);
        const double time = tune_time(&k, train, at);
        const struct constants *a = &of_training, *b = &of_test;
        const struct tune_errors seen = predict_spread(s, &k, a->shape, time_of(a, time, at));
        const struct tune_errors left = predict_spread(s, &k, b->shape, time_of(b, time, at));
        f.step[f.n] = (uint64_t)at;
        f.psnr[f.n] = expected(a, seen.training, start);
        f.test_psnr[f.n] = expected(b, left.other, start);
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

void forecast_revise(struct forecast *out, const struct forecast *f,
                     const struct forecast_measured *measured)
{
    const double at = (double)measured->step;
    const double off = measured->psnr - forecast_at(f, f->psnr, at);
    const double test_off = measured->test_psnr - forecast_at(f, f->test_psnr, at);
    *out = (struct forecast){.n = 1,
                             .has_test = f->has_test,
                             .step = {measured->step},
                             .psnr = {measured->psnr},
                             .test_psnr = {measured->test_psnr}};
    for (size_t i = 0; i < f->n && out->n < FORECAST_POINTS; i++) {
        const double later = (double)f->step[i] / at;
        if (f->step[i] <= measured->step)
            continue;
        out->step[out->n] = f->step[i];
        out->psnr[out->n] = f->psnr[i] + off * pow(later, -of_training.fade);
        out->test_psnr[out->n] = f->test_psnr[i] + test_off * pow(later, -of_test.fade);
        out->n++;
    }
}
