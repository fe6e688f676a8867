/*
 * Jobs as JSON, with every member of the contract, null where unknown, and their metrics.
 */
#ifndef API_CODEC_JOB_H
#define API_CODEC_JOB_H

#include <jansson.h>
#include <stdint.h>

#include "server/store/store.h"

/* latest: of each key (may be NULL).  queue_position: 0 while not queued.  NULL when out of memory;
 * the caller's (json_decref). */
json_t *codec_job(const struct job_row *row, const struct metric_series *latest,
                  uint64_t queue_position);

/* {"psnr": 31.2, …}: the latest of each key. */
json_t *codec_job_latest(const struct metric_series *latest);

/* {"series": {"psnr": [[step, value, seconds], …]}} */
json_t *codec_job_series(const struct metric_series *series);

#endif
