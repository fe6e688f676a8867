/*
 * A persistent team of threads that run one function together.
 *
 * The caller is member 0; members 1 … n-1 are threads that wait between runs (spinning for some
 * microseconds, then asleep).  Work is divided by member number alone, never by who comes first, so
 * results that are reduced in member order are the same every time.
 * Threads: a team is used by one caller at a time; team_barrier is called by every member of a run.
 */
#ifndef CORE_BASE_PARALLEL_H
#define CORE_BASE_PARALLEL_H

#include <stddef.h>

#include "core/base/status.h"

struct team;

/* member: 0 … n_members-1.  Must not call team_run of the same team. */
typedef void (*team_function)(void *context, size_t member);

/* n_members >= 1.  NO_MEMORY, or INTERNAL when no thread can be started; then nothing is left
 * behind. */
enum status team_create(struct team **out, size_t n_members, struct error *err) WARN_UNUSED;

/* Ends the threads; no run may be under way.  NULL is fine. */
void team_free(struct team *t);

size_t team_size(const struct team *t);

/* Run f(context, member) on every member and return when all have returned.  Subnormal numbers are
 * zero in it (core/base/float_mode.h). */
void team_run(struct team *t, team_function f, void *context);

/* Inside a run: wait until every member is here. */
void team_barrier(struct team *t);

/* The part of 0 … n-1 that belongs to a member: [*first, *first + *count), contiguous, sizes differ
 * by at most one unit of `granule`.  The parts of all members cover 0 … n-1 once. */
void team_share(size_t n, size_t granule, size_t n_members, size_t member, size_t *first,
                size_t *count);

#endif
