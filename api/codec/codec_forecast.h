/*
 * What a job says of its forecast (core/field/forecast.h):
 *
 *   {"method": "ntk", "series": {"psnr": [[seconds, value], …], "test_psnr": […]},
 *    "seconds_per_step": 0.0042, "revised": {"series": …, "seconds_per_step": …}, "reason": "…"}
 *
 * or, where there is none, all of them null but the reason.  "revised" is null until the fit was
 * measured.
 */
#ifndef API_CODEC_FORECAST_H
#define API_CODEC_FORECAST_H

#include <jansson.h>

#include "core/field/forecast.h"

/* A forecast, and what its steps take. */
struct timed_forecast {
    const struct forecast *forecast;
    double seconds_per_step;
};

/* revised: NULL for none.  Points up to so many seconds, the last of them there (0: all points).
 * A new reference, NULL when out of memory; so is the other. */
json_t *codec_forecast(const struct timed_forecast *first, const struct timed_forecast *revised,
                       double most_seconds);
json_t *codec_no_forecast(const char *reason);

#endif
