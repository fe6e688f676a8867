/*
 * What a fit tells of its own future (core/field/forecast.h): once with its first steps, from the
 * data alone, and again when it was measured after a tenth of it (3 to 60 seconds).
 *
 *   outlook_open         before training: keeps a forecast, or tells why there is none
 *   outlook_progress     the first time with the pace of the first steps: tells it
 *   outlook_metric       a measurement; of the first one that is late enough: tells it again, with
 *                        what is expected from there ("revised")
 */
#ifndef API_JOBS_OUTLOOK_H
#define API_JOBS_OUTLOOK_H

#include "api/look_ahead.h"
#include "server/jobs/worker.h"

/* All 0 but the worker, at the start. */
struct outlook {
    struct worker *worker;    /* borrowed */
    struct forecast forecast; /* n is 0: there is none, or all has been told */
    double most_seconds;      /* the fit's time limit; 0: none */
    double seconds_per_step;  /* as it was told; 0: not yet */
    struct forecast_measured measured;
};

/* Tell that there is none. */
void outlook_none(struct outlook *o, const char *reason);

/* most_seconds: the fit's time limit; 0: none. */
void outlook_open(struct outlook *o, const struct look_ahead *ahead, double most_seconds);

/* seconds: of training. */
void outlook_progress(struct outlook *o, uint64_t step, double seconds);
void outlook_metric(struct outlook *o, const char *key, uint64_t step, double value,
                    double seconds);

#endif
