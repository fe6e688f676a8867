/*
 * What a worker process does to itself before it reads a byte that others wrote: lower priority,
 * first to go when memory is short, tied to the life of the service, no capabilities, nothing to
 * gain by exec, no core dumps, no tracing.  Limits are set from outside (process.h); its system
 * calls are taken away once it knows what it is to do (syscall_filter.h).
 */
#ifndef SERVER_JOBS_CONFINE_H
#define SERVER_JOBS_CONFINE_H

#include "core/base/status.h"

/* socket: the worker's end; who made it is the service.  CONFLICT if the service has ended already;
 * INTERNAL if the kernel refuses. */
enum status process_confine(int socket, struct error *err) WARN_UNUSED;

#endif
