#include "api/jobs_outlook.h"

#include <math.h>
#include <string.h>

#include "api/codec/codec_forecast.h"
#include "api/codec/codec_json.h"
#include "core/base/mem.h"

/* A measurement says more than the start does after so many seconds, and after a part of the
 * fit, but of a long one. */
static const double least_wait = 3.0, revised_part = 0.1, most_wait = 60.0;

/* Takes the object over.  One that cannot be told is missed by nobody. */
static void tell(const struct outlook *o, json_t *forecast)
{
    char *text = NULL;
    if (codec_json_text(forecast, &text, NULL) == STATUS_OK)
        worker_forecast(o->worker, text);
    mem_free(text);
    json_decref(forecast);
}

void outlook_none(struct outlook *o, const char *reason)
{
    tell(o, codec_no_forecast(reason));
}

void outlook_open(struct outlook *o, const struct look_ahead *ahead, double most_seconds)
{
    o->forecast = ahead->forecast;
    o->most_seconds = most_seconds;
    if (ahead->forecast.n == 0)
        outlook_none(o, ahead->no_forecast);
}

void outlook_progress(struct outlook *o, uint64_t step, double seconds)
{
    if (o->forecast.n == 0 || o->seconds_per_step > 0.0 || step == 0 || seconds <= 0.0)
        return;
    o->seconds_per_step = seconds / (double)step;
    const struct timed_forecast first = {&o->forecast, o->seconds_per_step};
    tell(o, codec_forecast(&first, NULL, o->most_seconds));
}

/* When a measurement is late enough. */
static double revised_after(const struct outlook *o)
{
    const struct forecast *f = &o->forecast;
    double end = (double)f->step[f->n - 1] * o->seconds_per_step;
    if (o->most_seconds > 0.0)
        end = fmin(end, o->most_seconds);
    return fmin(fmax(least_wait, revised_part * end), most_wait);
}

void outlook_metric(struct outlook *o, const char *key, uint64_t step, double value, double seconds)
{
    struct forecast_measured *m = &o->measured;
    if (o->forecast.n == 0 || o->seconds_per_step <= 0.0 || seconds < revised_after(o))
        return;
    if (m->step != step)
        *m = (struct forecast_measured){.step = step, .psnr = NAN, .test_psnr = NAN};
    if (strcmp(key, "psnr") == 0)
        m->psnr = value;
    else if (strcmp(key, "test_psnr") == 0)
        m->test_psnr = value;
    if (!isfinite(m->psnr) || (o->forecast.has_test && !isfinite(m->test_psnr)))
        return;
    struct forecast revised;
    forecast_revise(&revised, &o->forecast, m);
    const struct timed_forecast first = {&o->forecast, o->seconds_per_step};
    const struct timed_forecast second = {&revised, seconds / (double)step};
    tell(o, codec_forecast(&first, &second, o->most_seconds));
    o->forecast.n = 0;
}
