/*
 * The table of job kinds: what a worker process can run, and how a spec becomes a field.
 *
 *   "fit"      dataset + resolved spec -> snapshots, metrics, weights
 *   "inspect"  uploaded bytes -> what they are, or why not
 *   "foresee"  dataset + resolved spec -> what "fit" would choose and expect (codec_forecast.h)
 *
 * Questions of "inspect": {"kind": "image" or null, "media_type": a hint or null,
 * "preview_width": pixels, optional}.  Its answer: {"kind", "media_type", "info": {shape,
 * warnings, …}} (api/kinds), or where a preview is asked for {"preview_png_base64"}.
 *
 * A weights file's metadata: "format" ("farfield-field-1"), "spec" (task, field and training of
 * the resolved spec, without the numbers of b and a, which are tensors), "summary" (n_inputs,
 * n_outputs, n_parameters, domain), "step".  It names no ids: same data, settings, seed and number
 * of threads, same bytes, in any service.
 */
#ifndef API_JOBS_H
#define API_JOBS_H

#include <stddef.h>

#include "server/fields/field_cache.h"
#include "server/jobs/worker.h"

const struct job_kind *jobs_table(size_t *n);

/* A field_opener: the field of a resolved spec with the weights of a file. */
enum status jobs_open_field(const struct kernel *kernel, const char *spec_json,
                            const uint8_t *weights, size_t n, struct field **out,
                            struct error *err) WARN_UNUSED;

/* The run functions of the table. */
enum status job_fit(struct worker *w, struct error *err);
enum status job_inspect(struct worker *w, struct error *err);
enum status job_foresee(struct worker *w, struct error *err);

/* What "inspect" does, without a process.  *answer: JSON text (mem_free). */
enum status job_inspect_answer(const char *question, const uint8_t *bytes, size_t n, char **answer,
                               struct error *err) WARN_UNUSED;

#endif
