/*
 * The verdict: what becomes of a job when an attempt is over.  A pure function of what happened.
 *
 *   what happened                                 status     counts  field of
 *   a result                                      succeeded          the result
 *   a cancel was asked for, and no result         canceled           the last snapshot
 *   error INVALID, TOO_LARGE, UNSUPPORTED         failed invalid_data
 *   error DIVERGED                                failed diverged    the last snapshot
 *   error NO_MEMORY, more memory than its limit,
 *     killed by the kernel for memory             failed out_of_memory
 *   longer than its limit, or silent for too long failed time_limit    the last snapshot
 *   what it needs is gone                         failed lost
 *   the service stops, or could start no worker   queued     no
 *   error CANCELED, nobody asked                  queued     unless a checkpoint was stored
 *   any other error, a broken link, a death       queued     yes; the third: failed crashed
 */
#ifndef SERVER_JOBS_VERDICT_H
#define SERVER_JOBS_VERDICT_H

#include <stdbool.h>

#include "core/base/status.h"
#include "server/jobs/process.h"
#include "server/store/store.h"

/* A job is failed by this crash of a worker. */
enum { VERDICT_CRASHES = 3 };

struct attempt_story {
    bool cancel, stop; /* were asked for */
    bool has_result;
    bool checkpointed;       /* in this attempt */
    bool postponed;          /* no worker could be started now, or heard for want of memory */
    bool lost;               /* trouble says what is gone */
    bool late, large;        /* a limit of the service was passed: trouble says which */
    struct error error;      /* what the worker said; OK: nothing */
    struct error trouble;    /* what the service met with; OK: nothing */
    struct process_end end;  /* how the worker ended, if nothing was said */
    unsigned crashes_before; /* of this job's workers */
};

enum verdict_field { VERDICT_NO_FIELD, VERDICT_RESULT, VERDICT_SNAPSHOT };

struct verdict {
    enum job_status status;
    bool crashed;            /* counts against the job */
    const char *error_class; /* "" unless failed */
    char detail[320];        /* why; "" where nothing is to be said */
    enum verdict_field field;
};

struct verdict verdict_of(const struct attempt_story *story);

#endif
