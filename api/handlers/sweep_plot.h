/*
 * A sweep as a plot: the main metric against one axis, a curve for each combination of the others.
 */
#ifndef API_HANDLERS_SWEEP_PLOT_H
#define API_HANDLERS_SWEEP_PLOT_H

#include "api/handlers/plot_reply.h"
#include "server/store/store.h"

/* The first axis of numbers is drawn along, or else the first; logarithmic where its values are
 * positive and span more than a decade.  Means of the jobs of a cell that have succeeded, bars of
 * one standard deviation; cells without any are gaps, and are told below. */
void sweep_plot_reply(const struct http_request *request, struct http_response *response,
                      const struct form_query *form, const struct sweep_row *row,
                      const struct sweep_jobs *jobs);

#endif
