/*
 * Looking ahead: what the data and the settings of a fit say of it before it trains
 * (core/field/tune.h, core/field/forecast.h).  A fit does it in its worker before the first step; a
 * question about a job that was not posted does the same in a short-lived one.
 *
 *   look_ahead_check    do the data have to be read for it?
 *   look_ahead_make     choose what the settings leave to the data, then forecast the fit
 */
#ifndef API_LOOK_AHEAD_H
#define API_LOOK_AHEAD_H

#include "api/codec/codec_spec.h"
#include "core/field/forecast.h"
#include "core/field/task.h"
#include "core/field/tune.h"

struct look_ahead {
    struct tune_choice chosen; /* n is 0: nothing was left to the data */
    double choice_seconds;     /* that the survey and the choice took */
    struct forecast forecast;  /* n is 0: there is none, for this reason: */
    char no_forecast[sizeof(((struct error *)NULL)->message)];
};

/* OK: yes.  UNSUPPORTED, with the reason and no place: nothing is left to them, and of these
 * settings there is no forecast whatever the data are. */
enum status look_ahead_check(const struct spec *spec, struct error *err) WARN_UNUSED;

/* Of a spec that passes look_ahead_check and a task made of it.  What is chosen is put into the
 * spec.  UNSUPPORTED where data cannot be chosen by; CANCELED when *stop is raised; NO_MEMORY. */
enum status look_ahead_make(struct look_ahead *out, struct spec *spec, const struct task *task,
                            const volatile bool *stop, struct error *err) WARN_UNUSED;

#endif
