/*
 * Fields as JSON: {id, state, step, job_id, dataset_id, task, n_inputs, n_outputs, n_parameters,
 * bytes, domain, spec, metrics, links, sha256}.
 */
#ifndef API_CODEC_FIELD_H
#define API_CODEC_FIELD_H

#include <jansson.h>

#include "server/fields/field_cache.h"
#include "server/store/store.h"

/* A final field.  NULL when out of memory; the caller's (json_decref). */
json_t *codec_field_final(const struct field_row *row);

/* A field whose job is queued or running.  facts of the data (dataset may be NULL, if it is not at
 * hand), entry: the last snapshot or NULL; latest: metrics or NULL. */
json_t *codec_field_training(const struct job_row *job, const struct dataset_row *dataset,
                             const struct field_entry *entry, const struct metric_series *latest);

/* GET …/evaluate: {"field_id", "dataset_id", "step", "metrics": {…}} */
json_t *codec_field_evaluation(const struct field_row *row);

#endif
