#include "api/codec/codec_forecast.h"

#include "api/codec/codec_json.h"

static json_t *series_of(const struct forecast *f, const double *values, double seconds_per_step,
                         double most_seconds)
{
    json_t *series = json_array();
    bool ok = series != NULL;
    for (size_t i = 0; ok && i < f->n; i++) {
        const double seconds = (double)f->step[i] * seconds_per_step;
        if (most_seconds > 0.0 && seconds > most_seconds)
            break;
        ok = json_array_append_new(series, json_pack("[o, o]", codec_json_measured(seconds),
                                                     codec_json_measured(values[i]))) == 0;
    }
    if (ok)
        return series;
    json_decref(series);
    return NULL;
}

json_t *codec_forecast(const struct forecast *f, double seconds_per_step, double most_seconds)
{
    json_t *series =
        json_pack("{s:o}", "psnr", series_of(f, f->psnr, seconds_per_step, most_seconds));
    if (series && f->has_test &&
        json_object_set_new(series, "test_psnr",
                            series_of(f, f->test_psnr, seconds_per_step, most_seconds)) != 0) {
        json_decref(series);
        series = NULL;
    }
    return json_pack(
        "{s:s, s:o, s:o, s:s}", "method", "ntk", "series", series, "seconds_per_step",
        codec_json_measured(seconds_per_step), "reason",
        "decay of the data's spectrum by the tangent kernel's before training; seconds "
        "by the pace of the first steps");
}

json_t *codec_no_forecast(const char *reason)
{
    return json_pack("{s:n, s:n, s:n, s:s}", "method", "series", "seconds_per_step", "reason",
                     reason);
}
