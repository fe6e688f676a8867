/*
 * Estimates: what a job or a request will cost on this machine, before it is begun.
 */
#ifndef API_ESTIMATE_H
#define API_ESTIMATE_H

#include <stddef.h>
#include <stdint.h>

#include "api/codec/codec_spec.h"
#include "core/field/cost.h"
#include "core/field/field.h"
#include "server/config.h"

/* Seconds that a request waits, just after the start, for the machine to be measured.  Without,
 * nothing is refused for the time it would take. */
enum { ESTIMATE_PATIENCE = 3 };

struct estimate {
    double seconds;          /* from the job's start to its end: reading, making what is learned
                              * from (labels), training, the last evaluation */
    double training_seconds; /* of them; the time limit where that comes first */
    uint64_t memory_bytes;   /* of the worker: field, optimizer, threads, data */
    uint64_t steps;          /* that fit into it */
};

/* spec: resolved and settled, with its facts.  costs: of this machine, of n_threads; NULL where
 * they are not known: both seconds are then those of the time limit or 0, and below nothing is
 * refused for its time.  NO_MEMORY. */
enum status estimate_job(struct estimate *out, const struct spec *spec,
                         const struct spec_facts *facts, size_t n_threads,
                         const struct costs *costs, struct error *err) WARN_UNUSED;

/* The estimate of a job that is to be let in.  INVALID, with both figures, for one that would pass
 * config->job_memory_bytes, whose limit of time is over config->job_seconds
 * ("/train/time_limit_seconds"), or whose steps would take over twice that on this machine
 * ("/train/steps").  NO_MEMORY. */
enum status estimate_check_job(const struct spec *spec, const struct spec_facts *facts,
                               const struct config *config, const struct costs *costs,
                               struct estimate *out, struct error *err) WARN_UNUSED;

/* Seconds of a query or render on n_threads; 0 where costs are NULL. */
double estimate_request(const struct field *field, size_t n_points, enum field_use use,
                        const struct costs *costs, size_t n_threads);

/* INVALID, with both figures, for a query or render that would pass config->request_seconds
 * on n_threads. */
enum status estimate_check_request(const struct field *field, size_t n_points, enum field_use use,
                                   const struct config *config, const struct costs *costs,
                                   size_t n_threads, struct error *err) WARN_UNUSED;

#endif
