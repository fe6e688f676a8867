/*
 * What a job measured while it ran, as a plot over its steps.
 */
#ifndef API_HANDLERS_JOB_PLOT_H
#define API_HANDLERS_JOB_PLOT_H

#include "api/handlers/plot_reply.h"
#include "server/store/store.h"

/* A panel each for what falls (loss, mse, residuals: logarithmic), for decibels, for shares of one
 * (ssim, iou), for what is left in each octave of frequencies (both axes logarithmic), as far as
 * there is any.  What other metrics there are comes last; if the caller has
 * named none (n_keys 0) those are left out that say nothing over steps.  form's width and height
 * may be 0: what suits so many panels. */
void job_plot_reply(const struct http_request *request, struct http_response *response,
                    const struct form_query *form, const struct job_row *row,
                    const struct metric_series *series, size_t n_keys);

#endif
