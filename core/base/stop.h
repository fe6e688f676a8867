/*
 * Long work asks between its parts whether it is to go on.  The question may be asked on any
 * thread that does a part of it, and costs a system call at most.  NULL: it always goes on.
 */
#ifndef CORE_BASE_STOP_H
#define CORE_BASE_STOP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

struct stop {
    bool (*is_asked)(const void *context); /* true: nobody waits for the result any more */
    const void *context;
};

/* CANCELED if it is to end here. */
static inline enum status stop_check(const struct stop *stop, struct error *err)
{
    return stop && stop->is_asked(stop->context) ? error_status(err, STATUS_CANCELED) : STATUS_OK;
}

#endif
