#include "api/codec/codec_forecast.h"

#include <math.h>

#include "api/codec/codec_json.h"

static json_t *series_of(const struct timed_forecast *t, const double values[FORECAST_POINTS],
                         double most_seconds)
{
    const struct forecast *f = t->forecast;
    const double most_steps = most_seconds > 0.0 ? most_seconds / t->seconds_per_step : INFINITY;
    json_t *series = json_array();
    bool ok = series != NULL;
    for (size_t i = 0; ok && i < f->n; i++) {
        const double step = fmin((double)f->step[i], most_steps);
        ok = json_array_append_new(
                 series, json_pack("[o, o]", codec_json_measured(step * t->seconds_per_step),
                                   codec_json_measured(forecast_at(f, values, step)))) == 0;
        if (step == most_steps)
            break;
    }
    if (ok)
        return series;
    json_decref(series);
    return NULL;
}

static json_t *all_series(const struct timed_forecast *t, double most_seconds)
{
    json_t *all = json_pack("{s:o}", "psnr", series_of(t, t->forecast->psnr, most_seconds));
    if (all && t->forecast->has_test &&
        json_object_set_new(all, "test_psnr", series_of(t, t->forecast->test_psnr, most_seconds)) !=
            0) {
        json_decref(all);
        all = NULL;
    }
    return all;
}

/* A forecast with its reason; takes `later`. */
static json_t *forecast_value(const struct timed_forecast *first, json_t *later,
                              double most_seconds, const char *reason)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:s}", "method", "ntk", "series",
                     all_series(first, most_seconds), "seconds_per_step",
                     codec_json_measured(first->seconds_per_step), "revised", later, "reason",
                     reason);
}

json_t *codec_forecast(const struct timed_forecast *first, const struct timed_forecast *revised,
                       double most_seconds)
{
    json_t *later = json_null();
    if (revised)
        later = json_pack("{s:o, s:o}", "series", all_series(revised, most_seconds),
                          "seconds_per_step", codec_json_measured(revised->seconds_per_step));
    return forecast_value(
        first, later, most_seconds,
        "decay of the data's spectrum by the tangent kernel's before training; seconds by the pace "
        "of the first steps; revised by a measurement after a tenth of the fit");
}

json_t *codec_early_forecast(const struct timed_forecast *first, double most_seconds)
{
    if (first->seconds_per_step <= 0.0)
        return codec_no_forecast("how long its steps take is not known before the first of them");
    return forecast_value(first, json_null(), most_seconds,
                          "decay of the data's spectrum by the tangent kernel's before training; "
                          "seconds by the estimate of this machine");
}

json_t *codec_no_forecast(const char *reason)
{
    return json_pack("{s:n, s:n, s:n, s:n, s:s}", "method", "series", "seconds_per_step", "revised",
                     "reason", reason);
}

/* --- "foresee" --- */

char *codec_foresee_question(const json_t *spec, double seconds_per_step)
{
    char *text = NULL;
    json_t *question = json_pack("{s:O, s:f}", "spec", spec, "seconds_per_step", seconds_per_step);
    if (codec_json_text(question, &text, NULL) != STATUS_OK)
        text = NULL;
    json_decref(question);
    return text;
}

enum status codec_foresee_read(const char *question, char **spec_json, double *seconds_per_step,
                               struct error *err)
{
    json_t *value = NULL;
    enum status status = codec_json_own(question, &value, err);
    if (status != STATUS_OK)
        return status;
    const json_t *spec = json_object_get(value, "spec");
    *seconds_per_step = json_number_value(json_object_get(value, "seconds_per_step"));
    status = json_is_object(spec)
                 ? codec_json_text(spec, spec_json, err)
                 : error_set(err, STATUS_INTERNAL, "", "the question of 'foresee' has no spec");
    json_decref(value);
    return status;
}

enum status codec_foresee_answer(const char *answer, json_t **forecast, json_t **tuning,
                                 struct error *err)
{
    json_t *value = NULL;
    enum status status = codec_json_own(answer, &value, err);
    if (status != STATUS_OK)
        return status;
    json_t *expected = json_object_get(value, "forecast"),
           *chosen = json_object_get(value, "tuning");
    if (json_is_object(expected) && (json_is_object(chosen) || json_is_null(chosen))) {
        *forecast = json_incref(expected);
        *tuning = json_incref(chosen);
    } else {
        status = error_set(err, STATUS_INTERNAL, "", "the answer of 'foresee' is not complete");
    }
    json_decref(value);
    return status;
}
