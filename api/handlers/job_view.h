/*
 * A job as JSON, with what the store knows besides its row: the latest metrics and its place in the
 * queue.
 */
#ifndef API_HANDLERS_JOB_VIEW_H
#define API_HANDLERS_JOB_VIEW_H

#include <jansson.h>

#include "api/service.h"
#include "core/base/status.h"
#include "server/store/store.h"

/* *out is the caller's (json_decref). */
enum status job_view(const struct service *service, const struct job_row *row, json_t **out,
                     struct error *err) WARN_UNUSED;

#endif
