/*
 * A worker, seen from inside its process: `farfield worker`, started by the supervisor with one end
 * of a socketpair on descriptor 3.  It runs one job of one kind and exits.
 *
 * The process has no database and no network.  SIGTERM sets the stop flag; the death of the service
 * kills it (PR_SET_PDEATHSIG).  Exit status 0 after LINK_RESULT or LINK_ERROR; anything else is a
 * crash.
 */
#ifndef SERVER_JOBS_WORKER_H
#define SERVER_JOBS_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

struct worker;

/* What a worker can be asked to do.  The table is made by api/ and handed in by main. */
struct job_kind {
    const char *name; /* "fit", "inspect" */
    enum status (*run)(struct worker *w, struct error *err);
};

/* main of the worker process: receive the job, find its kind, run it, report; returns the exit
 * status. */
int worker_main(const struct job_kind *kinds, size_t n_kinds);

/* --- for a kind's run function --- */

const char *
worker_spec(const struct worker *w); /* JSON text: the job's resolved spec, or the question */
size_t worker_threads(const struct worker *w);
const char *worker_isa(const struct worker *w);

/* The dataset's bytes, mapped. */
const uint8_t *worker_dataset(const struct worker *w, size_t *n);

/* The checkpoint to go on from; NULL: none. */
const uint8_t *worker_checkpoint(const struct worker *w, size_t *n);

/* True once the job is to stop. */
const volatile bool *worker_stop(const struct worker *w);

/* "loading", "training", "evaluating", "saving". */
void worker_phase(struct worker *w, const char *phase);

/* Collect a point of a metric; sent with the next report. */
void worker_metric(struct worker *w, const char *key, uint64_t step, double value, double seconds);

/* Send progress and collected points, at most every 200 ms unless `now`. */
void worker_report(struct worker *w, uint64_t step, double seconds, double progress,
                   double eta_seconds, bool now);

/* The field as it is: weights file bytes (borrowed).  Also kept as the last good snapshot. */
void worker_snapshot(struct worker *w, uint64_t step, const uint8_t *weights, size_t n);

void worker_save_checkpoint(struct worker *w, uint64_t step, const uint8_t *bytes, size_t n);

/* The result: JSON objects; weights may be NULL (inspect).  Call once, last. */
void worker_result(struct worker *w, const char *stopped_by, uint64_t step,
                   const char *summary_json, const char *metrics_json, const uint8_t *weights,
                   size_t n);

#endif
