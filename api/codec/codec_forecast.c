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

json_t *codec_forecast(const struct timed_forecast *first, const struct timed_forecast *revised,
                       double most_seconds)
{
    json_t *later = json_null();
    if (revised)
        later = json_pack("{s:o, s:o}", "series", all_series(revised, most_seconds),
                          "seconds_per_step", codec_json_measured(revised->seconds_per_step));
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:s}", "method", "ntk", "series", all_series(first, most_seconds),
        "seconds_per_step", codec_json_measured(first->seconds_per_step), "revised", later,
        "reason",
        "decay of the data's spectrum by the tangent kernel's before training; seconds by the pace "
        "of the first steps; revised by a measurement after a tenth of the fit");
}

json_t *codec_no_forecast(const char *reason)
{
    return json_pack("{s:n, s:n, s:n, s:n, s:s}", "method", "series", "seconds_per_step", "revised",
                     "reason", reason);
}
