/*
 * Presets: named recipes as data.  What a job's body leaves out comes from here (contract §3).
 *
 *   fast    best result in a short time (the default)
 *   compact a field of at most 300,000 parameters
 *   paper   the paper's own settings for the task
 */
#ifndef API_PRESETS_H
#define API_PRESETS_H

#include <jansson.h>
#include <stddef.h>

#include "api/codec/codec_spec.h"
#include "core/field/cost.h"
#include "server/config.h"

struct preset {
    const char *name;
    enum task_type task;
    const char *description;
    const char *settings; /* JSON object: field, train, and measure where the task has one; of
                           * field and train every member has a value */
};

const struct preset *presets_table(size_t *n);

/* NULL if there is none.  Each task has the default one. */
const struct preset *presets_find(const char *name, enum task_type task);
const char *presets_default(void);

/* The answer of GET /v1/presets: {"items": [{name, task, description, parameters, estimate}]}.
 * estimate: for the task's example on this machine, whose costs may be unknown (NULL).
 * NULL when out of memory. */
json_t *presets_list(const struct costs *costs, const struct config *config,
                     const struct arithmetic *arithmetic);

#endif
