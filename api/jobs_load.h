/*
 * How run functions begin: the worker's dataset is read as a resolved spec wants it, and a task is
 * made over it.
 */
#ifndef API_JOBS_LOAD_H
#define API_JOBS_LOAD_H

#include "api/codec/codec_spec.h"
#include "core/base/data.h"
#include "core/base/parallel.h"
#include "core/field/task.h"
#include "server/jobs/worker.h"

/* The caller's in any case: spec_deinit, data_deinit.  The dataset's bytes are released. */
enum status jobs_load_dataset(struct worker *w, const char *spec_json, struct spec *spec,
                              struct spec_facts *facts, struct data *data,
                              struct error *err) WARN_UNUSED;

/* Likewise: task_free, then team_free.  spec and data are borrowed. */
enum status jobs_make_task(struct worker *w, const struct spec *spec, struct data *data,
                           struct team **team, struct task **task, struct error *err) WARN_UNUSED;

#endif
