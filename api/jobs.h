/*
 * The table of job kinds: what a worker process can run, and how a spec becomes a field.
 *
 *   "fit"      dataset + resolved spec -> snapshots, metrics, weights
 *   "inspect"  uploaded bytes -> what they are ({kind, media_type, info}), or why not
 *
 * Questions of "inspect": {"kind": "image" or null, "media_type": a hint or null,
 * "preview_width": pixels, optional}.  Its answer: {"kind", "media_type", "info": {…},
 * "preview_png_base64": where asked}.
 */
#ifndef API_JOBS_H
#define API_JOBS_H

#include <stddef.h>

#include "server/fields/field_cache.h"
#include "server/jobs/worker.h"

const struct job_kind *jobs_table(size_t *n);

/* A field_opener: the field of a resolved spec with the weights of a file. */
enum status jobs_open_field(const char *spec_json, const uint8_t *weights, size_t n,
                            struct field **out, struct error *err) WARN_UNUSED;

/* The run functions of the table. */
enum status job_fit(struct worker *w, struct error *err);
enum status job_inspect(struct worker *w, struct error *err);

#endif
