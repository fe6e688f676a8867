/*
 * What a job says of its forecast (core/field/forecast.h):
 *
 *   {"method": "ntk", "series": {"psnr": [[seconds, value], …], "test_psnr": […]},
 *    "seconds_per_step": 0.0042, "revised": {"series": …, "seconds_per_step": …}, "reason": "…"}
 *
 * or, where there is none, all of them null but the reason.  "revised" is null until the fit was
 * measured.  Of a job that was not posted (POST /v1/estimates) a worker of the kind "foresee" tells
 * it; the question: {"spec": {…}, "seconds_per_step": 0.0042 or 0 where it is not known}, the
 * answer: {"forecast": {…}, "tuning": {…} or null}.
 */
#ifndef API_CODEC_FORECAST_H
#define API_CODEC_FORECAST_H

#include <jansson.h>

#include "core/base/status.h"
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

/* The same before the job is posted, by what its steps are estimated to take (0: not known). */
json_t *codec_early_forecast(const struct timed_forecast *first, double most_seconds);

/* The question of "foresee": text (mem_free), NULL when out of memory; and what is in it,
 * *spec_json for mem_free. */
char *codec_foresee_question(const json_t *spec, double seconds_per_step);
enum status codec_foresee_read(const char *question, char **spec_json, double *seconds_per_step,
                               struct error *err) WARN_UNUSED;

/* Its answer: forecast and tuning, new references.  INTERNAL where it is none. */
enum status codec_foresee_answer(const char *answer, json_t **forecast, json_t **tuning,
                                 struct error *err) WARN_UNUSED;

#endif
