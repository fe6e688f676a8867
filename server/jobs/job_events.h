/*
 * The events of a job as JSON: one function for each type of the SSE log (contract §3).
 *
 *   state     {"status":"running","attempt":1}
 *   progress  {"step":120,"steps":2000,"progress":0.06,"seconds":1.5,"eta_seconds":23.4,
 *              "phase":"training"}                     steps and eta_seconds are null if unknown
 *   metric    {"points":[["loss",120,0.0123,1.5], …]}  key, step, value, seconds
 *   snapshot  {"step":120,"sha256":"…"}
 *   done      {"status":"succeeded","stopped_by":"steps","error":null,"field_id":"fld_…"}
 *
 * Each writes *out (seq 0) with a text of its own: job_event_deinit.  Only NO_MEMORY can happen.
 */
#ifndef SERVER_JOBS_JOB_EVENTS_H
#define SERVER_JOBS_JOB_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "server/store/store.h"

enum status job_event_state(struct job_event *out, enum job_status status, unsigned attempt,
                            struct error *err) WARN_UNUSED;

/* Read from the report: step, seconds, progress, eta_seconds, phase. */
enum status job_event_progress(struct job_event *out, const struct job_report *report,
                               uint64_t steps, struct error *err) WARN_UNUSED;
enum status job_event_metric(struct job_event *out, const struct metric_point *points, size_t n,
                             struct error *err) WARN_UNUSED;
enum status job_event_snapshot(struct job_event *out, uint64_t step, const char *sha256,
                               struct error *err) WARN_UNUSED;

/* Texts may be "" or NULL, which become null; error_class "" or NULL: no error. */
struct job_done {
    enum job_status status;
    const char *stopped_by, *error_class, *error_detail, *field_id;
};
enum status job_event_done(struct job_event *out, const struct job_done *done,
                           struct error *err) WARN_UNUSED;

void job_event_deinit(struct job_event *event);

#endif
