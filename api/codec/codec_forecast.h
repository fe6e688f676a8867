/*
 * What a job says of its forecast (core/field/forecast.h):
 *
 *   {"method": "ntk", "series": {"psnr": [[seconds, value], …], "test_psnr": […]},
 *    "seconds_per_step": 0.0042, "reason": "…"}
 *
 * or, where there is none, {"method": null, "series": null, "seconds_per_step": null, "reason"}.
 */
#ifndef API_CODEC_FORECAST_H
#define API_CODEC_FORECAST_H

#include <jansson.h>

#include "core/field/forecast.h"

/* Points up to so many seconds (0: all).  A new reference, NULL when out of memory; so is the
 * other. */
json_t *codec_forecast(const struct forecast *f, double seconds_per_step, double most_seconds);
json_t *codec_no_forecast(const char *reason);

#endif
