/*
 * A job's row from its body: what every job that is let in has been through, alone or in a sweep.
 */
#ifndef API_HANDLERS_JOB_ROW_H
#define API_HANDLERS_JOB_ROW_H

#include <jansson.h>

#include "api/problem.h"
#include "api/service.h"
#include "core/field/cost.h"
#include "server/store/store.h"

/* Resolve a body against preset and dataset, and check that it is small enough for this machine
 * (costs: NULL where it was not measured).  row: task, dataset_id, steps and the texts are filled
 * in, the caller's also on failure (job_row_deinit).  What is wrong with the body is in problems;
 * where that is empty, err says what else failed, its place within the body too. */
enum status job_row_fill(const struct service *service, const json_t *body,
                         const struct dataset_row *dataset, const struct costs *costs,
                         struct job_row *row, struct problem_list *problems,
                         struct error *err) WARN_UNUSED;

#endif
