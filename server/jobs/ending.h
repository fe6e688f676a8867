/*
 * The ending of an attempt: a verdict becomes rows of the store, events and a published field.
 *
 * Weights first (committed, nobody points at them), then one transaction that ends the attempt and
 * publishes the field: a crash of the service in between leaves a blob to sweep and a job to
 * recover, never half an end.
 */
#ifndef SERVER_JOBS_ENDING_H
#define SERVER_JOBS_ENDING_H

#include "server/jobs/attempt.h"
#include "server/jobs/verdict.h"
#include "server/jobs/worker_message.h"

/* What a worker sent last, for VERDICT_RESULT. */
struct ending_result {
    struct message_result message;
    const uint8_t *weights;
    size_t n_weights;
};

/* Write the end.  While the store cannot (no space, a failing disk) it is tried again every second,
 * until the service stops: the job is then recovered at the next start.  A verdict that cannot be
 * written for another reason becomes a failure.  result: NULL unless there is one. */
void ending_write(const struct attempt_room *room, struct attempt_wishes *wishes,
                  const struct job_row *job, const struct verdict *verdict,
                  const struct ending_result *result);

#endif
