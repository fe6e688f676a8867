#include "server/jobs/verdict.h"

#include <stdio.h>

/* The limit that was passed, else the worker's own words where it had any, else what was seen of
 * it. */
static void say_why(struct verdict *v, const struct attempt_story *story)
{
    char end[64];
    const bool passed_limit = story->late || story->large;
    if (story->error.status != STATUS_OK && !passed_limit) {
        snprintf(v->detail, sizeof v->detail, "%s", story->error.message);
    } else if (story->trouble.status != STATUS_OK) {
        snprintf(v->detail, sizeof v->detail, "%s", story->trouble.message);
    } else {
        process_end_text(&story->end, end, sizeof end);
        snprintf(v->detail, sizeof v->detail, "the worker ended with %s%s", end,
                 story->end.for_memory ? ": the machine had no more memory" : "");
    }
}

static struct verdict failed(const struct attempt_story *story, const char *error_class,
                             enum verdict_field field)
{
    struct verdict v = {.status = JOB_FAILED, .error_class = error_class, .field = field};
    say_why(&v, story);
    return v;
}

static struct verdict again(const struct attempt_story *story, bool crashed)
{
    if (crashed && story->crashes_before + 1 >= VERDICT_CRASHES) {
        struct verdict v = failed(story, "crashed", VERDICT_NO_FIELD);
        v.crashed = true;
        return v;
    }
    struct verdict v = {.status = JOB_QUEUED, .crashed = crashed, .error_class = ""};
    if (crashed)
        say_why(&v, story);
    return v;
}

struct verdict verdict_of(const struct attempt_story *story)
{
    if (story->has_result)
        return (struct verdict){
            .status = JOB_SUCCEEDED, .error_class = "", .field = VERDICT_RESULT};
    if (story->cancel)
        return (struct verdict){
            .status = JOB_CANCELED, .error_class = "", .field = VERDICT_SNAPSHOT};
    if (story->lost)
        return failed(story, "lost", VERDICT_NO_FIELD);
    if (story->late)
        return failed(story, "time_limit", VERDICT_SNAPSHOT);
    if (story->large || story->end.for_memory)
        return failed(story, "out_of_memory", VERDICT_NO_FIELD);
    switch (story->error.status) {
    case STATUS_INVALID:
    case STATUS_TOO_LARGE:
    case STATUS_UNSUPPORTED:
        return failed(story, "invalid_data", VERDICT_NO_FIELD);
    case STATUS_DIVERGED:
        return failed(story, "diverged", VERDICT_SNAPSHOT);
    case STATUS_NO_MEMORY:
        return failed(story, "out_of_memory", VERDICT_NO_FIELD);
    default:
        break;
    }
    if (story->stop || story->postponed)
        return again(story, false);
    if (story->error.status == STATUS_CANCELED)
        return again(story, !story->checkpointed);
    return again(story, true);
}
