/*
 * A worker, seen from inside its process: `farfield worker`, started by the supervisor with one end
 * of a socketpair on descriptor 3.  It runs one job of one kind and exits.
 *
 * The process has no database and no network, and few system calls.  SIGTERM sets the stop flag;
 * the death of the service kills it (PR_SET_PDEATHSIG).  Exit status 0 after LINK_RESULT or
 * LINK_ERROR; anything else is a crash.
 *
 * What a run function returns decides the end: OK after worker_result; CANCELED when it ended
 * because of the stop flag (after a snapshot and a checkpoint, where it makes any); DIVERGED;
 * INVALID, TOO_LARGE or UNSUPPORTED when the data are to blame; NO_MEMORY.  All else is a crash.
 * The functions below are called by the thread that runs it.  They do not fail: when the service is
 * out of reach or memory is short, the stop flag rises and the worker ends with that error.
 */
#ifndef SERVER_JOBS_WORKER_H
#define SERVER_JOBS_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "server/jobs/syscall_filter.h"

enum { WORKER_SOCKET = 3 }; /* the descriptor */

struct worker;

/* What a worker can be asked to do.  The table is made by api/ and handed in by main. */
struct job_kind {
    const char *name; /* "fit", "inspect" */
    enum status (*run)(struct worker *w, struct error *err);
    enum syscall_filter calls; /* that it is left with while it runs */
};

/* main of the worker process: receive the job, find its kind, run it, report; returns the exit
 * status. */
int worker_main(const struct job_kind *kinds, size_t n_kinds);

/* --- for a kind's run function --- */

const char *
worker_spec(const struct worker *w); /* JSON text: the job's resolved spec, or the question */
size_t worker_threads(const struct worker *w);
const char *worker_isa(const struct worker *w);

/* What the dataset's row says of it: "image", "image/png", an object. */
const char *worker_dataset_kind(const struct worker *w);
const char *worker_media_type(const struct worker *w);
const char *worker_info(const struct worker *w);

/* The dataset's bytes, mapped until they are released. */
const uint8_t *worker_dataset(const struct worker *w, size_t *n);
void worker_release_dataset(struct worker *w);

/* The checkpoint to go on from; NULL: none. */
const uint8_t *worker_checkpoint(const struct worker *w, size_t *n);

/* True once the job is to stop. */
const volatile bool *worker_stop(const struct worker *w);

/* "loading", "tuning", "training", "evaluating" or "saving"; told at once. */
void worker_phase(struct worker *w, const char *phase);

/* What the field is: {n_inputs, n_outputs, n_parameters, domain}.  Once, before the first snapshot.
 */
void worker_summary(struct worker *w, const char *summary_json);

/* A setting of the encoding that the spec leaves to the data, "sigma" or "scale", has been chosen
 * to be `value`; an object says how.  A later attempt finds the value in its spec.  Before the
 * first snapshot. */
void worker_tuning(struct worker *w, const char *member, double value, const char *tuning_json);

/* What is expected of the fit: an object. */
void worker_forecast(struct worker *w, const char *forecast_json);

/* Collect a point of a metric; sent with the next report.  key: a-z, 0-9 and _, at most 23.  Values
 * that are not finite are no points: they are left out. */
void worker_metric(struct worker *w, const char *key, uint64_t step, double value, double seconds);

/* Send progress and collected points, at most every 200 ms unless `now`.  progress: 0..1;
 * eta_seconds: negative if unknown. */
void worker_report(struct worker *w, uint64_t step, double seconds, double progress,
                   double eta_seconds, bool now);

/* The field as it is: weights file bytes (borrowed).  The last one becomes the field of a job that
 * is canceled or diverges. */
void worker_snapshot(struct worker *w, uint64_t step, const uint8_t *weights, size_t n);

/* What a later attempt goes on from (borrowed). */
void worker_save_checkpoint(struct worker *w, uint64_t step, const uint8_t *bytes, size_t n);

/* The result: JSON objects; weights may be NULL.  Call once, last.  The answer of a question
 * ("inspect") is summary_json, with stopped_by "", metrics_json "{}" and no weights. */
void worker_result(struct worker *w, const char *stopped_by, uint64_t step,
                   const char *summary_json, const char *metrics_json, const uint8_t *weights,
                   size_t n);

#endif
