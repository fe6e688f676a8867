#include "server/jobs/attempt.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "server/jobs/ending.h"
#include "server/jobs/job_events.h"
#include "server/jobs/process.h"
#include "server/jobs/verdict.h"
#include "server/jobs/worker_message.h"
#include "server/log.h"

/* A worker that has said its last word ends by itself, or is ended. */
static const double exit_seconds = 5;

/* What a worker may say, in messages and metric points together: far more than training has to
 * tell, far less than would fill a disk. */
static const double says_at_once = 20000, says_per_second = 500;

struct attempt {
    const struct attempt_room *room;
    struct attempt_wishes *wishes;
    const struct job_row *job;
    struct dataset_row dataset;
    struct process *process;
    double deadline;      /* when the worker is killed; HUGE_VAL: it is not */
    double time_up;       /* when it has used its time */
    double silent_until;  /* when it has been silent for too long */
    double started, said; /* when, and how much since then */
    bool told_to_stop;
    bool superseded;           /* the store says that this attempt is not the job's any more */
    bool over;                 /* the worker has said its last word */
    struct job_report figures; /* the latest; no points, no events */
    char *summary_json;        /* NULL: not told yet */
    char *spec_json;           /* NULL: the job's; else with what its data had to say */
    struct link_message last;  /* LINK_RESULT: the texts of result lie in it */
    struct ending_result result;
    struct attempt_story story;
};

void attempt_wake_up(const struct attempt_wishes *wishes)
{
    const uint64_t one = 1;
    const ssize_t n = write(wishes->wake, &one, sizeof one);
    (void)n; /* a full counter wakes as well */
}

/* --- what the worker says --- */

/* Write figures, points and events under the fence, then publish the events.  What cannot be
 * written now is logged and lost: the next report comes soon. */
static void report(struct attempt *a, const struct metric_point *points, size_t n_points,
                   struct job_event *events, size_t n_events)
{
    struct error err = {.status = STATUS_OK};
    struct job_report r = a->figures;
    r.points = points;
    r.n_points = n_points;
    r.events = events;
    r.n_events = n_events;
    enum status status = store_job_report(a->room->store, a->job->id, a->job->attempt, &r, &err);
    if (status == STATUS_OK) {
        events_publish(a->room->events, a->job->id, events, n_events);
        return;
    }
    a->superseded = a->superseded || status == STATUS_CONFLICT;
    log_event(LOG_WARN, "report lost", LOG_TEXT("job", a->job->id), LOG_TEXT("detail", err.message),
              LOG_END);
}

static enum status on_phase(struct attempt *a, const struct link_message *m, struct error *err)
{
    struct job_event event = {.seq = 0};
    const char *phase;
    enum status status = message_phase_decode(m, &phase, err);
    if (status != STATUS_OK)
        return status;
    snprintf(a->figures.phase, sizeof a->figures.phase, "%s", phase);
    status = job_event_progress(&event, &a->figures, a->job->steps, err);
    if (status == STATUS_OK)
        report(a, NULL, 0, &event, 1);
    job_event_deinit(&event);
    return status;
}

static enum status on_summary(struct attempt *a, const struct link_message *m, struct error *err)
{
    const char *text;
    enum status status = message_summary_decode(m, &text, err);
    if (status != STATUS_OK)
        return status;
    char *copy = mem_strdup(text);
    if (!copy)
        return error_status(err, STATUS_NO_MEMORY);
    mem_free(a->summary_json);
    a->summary_json = copy;
    return STATUS_OK;
}

static enum status on_report(struct attempt *a, const struct link_message *m, struct error *err)
{
    struct job_event events[2] = {{.seq = 0}, {.seq = 0}};
    struct message_report r = {.n_points = 0};
    enum status status = message_report_decode(m, &r, err);
    if (status != STATUS_OK)
        return status;
    a->said += (double)r.n_points;
    a->figures.step = r.step;
    a->figures.seconds = r.seconds;
    a->figures.progress = r.progress;
    a->figures.eta_seconds = r.eta_seconds;
    status = job_event_progress(&events[0], &a->figures, a->job->steps, err);
    if (status == STATUS_OK && r.n_points > 0)
        status = job_event_metric(&events[1], r.points, r.n_points, err);
    if (status == STATUS_OK)
        report(a, r.points, r.n_points, events, r.n_points > 0 ? 2 : 1);
    job_event_deinit(&events[0]);
    job_event_deinit(&events[1]);
    mem_free(r.points);
    return status;
}

/* A choice that cannot be kept must not be trained with: the attempt is put off. */
static enum status on_tuning(struct attempt *a, const struct link_message *m, struct error *err)
{
    struct error store_err = {.status = STATUS_OK};
    struct message_tuning tuning;
    enum status status = message_tuning_decode(m, &tuning, err);
    if (status != STATUS_OK)
        return status;
    const struct job_tuning chosen = {tuning.member, tuning.value, tuning.tuning_json};
    char *spec_json = NULL;
    status = store_job_tune(a->room->store, a->job->id, a->job->attempt, &chosen, &spec_json,
                            &store_err);
    if (status == STATUS_OK) {
        mem_free(a->spec_json);
        a->spec_json = spec_json;
        return STATUS_OK;
    }
    a->superseded = a->superseded || status == STATUS_CONFLICT;
    a->story.postponed = status != STATUS_CONFLICT && status != STATUS_INVALID;
    return error_set(err, status, "", "%s", store_err.message);
}

/* One that cannot be kept is missed by nobody. */
static enum status on_forecast(struct attempt *a, const struct link_message *m, struct error *err)
{
    struct error store_err = {.status = STATUS_OK};
    const char *text;
    enum status status = message_forecast_decode(m, &text, err);
    if (status != STATUS_OK)
        return status;
    status = store_job_forecast(a->room->store, a->job->id, a->job->attempt, text, &store_err);
    a->superseded = a->superseded || status == STATUS_CONFLICT;
    if (status != STATUS_OK)
        log_event(LOG_WARN, "forecast lost", LOG_TEXT("job", a->job->id),
                  LOG_TEXT("detail", store_err.message), LOG_END);
    return STATUS_OK;
}

/* The opener decides whether the bytes are a field. */
static enum status publish_weights(struct attempt *a, uint64_t step, const char *summary_json,
                                   const uint8_t *weights, size_t n, char sha256[SHA256_TEXT_SIZE],
                                   struct error *err)
{
    const struct field_snapshot snapshot = {.spec_json =
                                                a->spec_json ? a->spec_json : a->job->spec_json,
                                            .summary_json = summary_json,
                                            .step = step,
                                            .weights = weights,
                                            .n_weights = n};
    return field_cache_publish(a->room->fields, a->job->field_id, &snapshot, sha256, err);
}

static enum status on_snapshot(struct attempt *a, const struct link_message *m, struct error *err)
{
    struct job_event event = {.seq = 0};
    const uint8_t *weights = NULL;
    char sha256[SHA256_TEXT_SIZE];
    uint64_t step;
    size_t n = 0;
    if (!a->summary_json)
        return error_set(err, STATUS_INVALID, "", "a snapshot came before the summary");
    enum status status = message_step_decode(m, &step, err);
    if (status == STATUS_OK)
        status = link_map(m->descriptors[0], LINK_SEALED, LINK_MAX_MEMORY, &weights, &n, err);
    if (status == STATUS_OK)
        status = publish_weights(a, step, a->summary_json, weights, n, sha256, err);
    if (status == STATUS_OK)
        status = job_event_snapshot(&event, step, sha256, err);
    if (status == STATUS_OK)
        report(a, NULL, 0, &event, 1);
    job_event_deinit(&event);
    link_unmap(weights, n);
    return status;
}

/* A checkpoint that cannot be stored costs the time since the one before, no more. */
static enum status on_checkpoint(struct attempt *a, const struct link_message *m, struct error *err)
{
    struct error store_err = {.status = STATUS_OK};
    const uint8_t *bytes = NULL;
    char sha256[SHA256_TEXT_SIZE];
    uint64_t step;
    size_t n = 0;
    enum status status = message_step_decode(m, &step, err);
    if (status == STATUS_OK)
        status = link_map(m->descriptors[0], LINK_SEALED, LINK_MAX_MEMORY, &bytes, &n, err);
    if (status != STATUS_OK)
        return status;
    enum status stored = store_blob_put(a->room->store, bytes, n, sha256, &store_err);
    if (stored == STATUS_OK)
        stored = store_job_checkpoint(a->room->store, a->job->id, a->job->attempt, sha256, step,
                                      &store_err);
    link_unmap(bytes, n);
    if (stored == STATUS_OK) {
        a->story.checkpointed = true;
        return STATUS_OK;
    }
    a->superseded = a->superseded || stored == STATUS_CONFLICT;
    log_event(LOG_WARN, "checkpoint lost", LOG_TEXT("job", a->job->id),
              LOG_TEXT("detail", store_err.message), LOG_END);
    return STATUS_OK;
}

/* The message is kept: its texts and weights are written at the end. */
static enum status on_result(struct attempt *a, struct link_message *m, struct error *err)
{
    struct ending_result *r = &a->result;
    char sha256[SHA256_TEXT_SIZE];
    enum status status = message_result_decode(m, &r->message, err);
    if (status == STATUS_OK && m->descriptors[0] < 0)
        status = error_set(err, STATUS_INVALID, "", "a result came without weights");
    if (status == STATUS_OK)
        status = link_map(m->descriptors[0], LINK_SEALED, LINK_MAX_MEMORY, &r->weights,
                          &r->n_weights, err);
    if (status == STATUS_OK)
        status = publish_weights(a, r->message.step, r->message.summary_json, r->weights,
                                 r->n_weights, sha256, err);
    if (status != STATUS_OK)
        return status;
    a->last = *m;
    *m = (struct link_message){.descriptors = {-1, -1}};
    a->story.has_result = true;
    a->over = true;
    return STATUS_OK;
}

static enum status on_error(struct attempt *a, const struct link_message *m, struct error *err)
{
    enum status status = message_error_decode(m, &a->story.error, err);
    a->over = status == STATUS_OK;
    return status;
}

static enum status on_message(struct attempt *a, struct link_message *m, struct error *err)
{
    a->said++;
    if (a->said > says_at_once + says_per_second * (monotonic_seconds() - a->started))
        return error_set(err, STATUS_INVALID, "", "the worker says too much");
    switch (m->type) {
    case LINK_PHASE:
        return on_phase(a, m, err);
    case LINK_SUMMARY:
        return on_summary(a, m, err);
    case LINK_REPORT:
        return on_report(a, m, err);
    case LINK_SNAPSHOT:
        return on_snapshot(a, m, err);
    case LINK_CHECKPOINT:
        return on_checkpoint(a, m, err);
    case LINK_TUNING:
        return on_tuning(a, m, err);
    case LINK_FORECAST:
        return on_forecast(a, m, err);
    case LINK_RESULT:
        return on_result(a, m, err);
    case LINK_ERROR:
        return on_error(a, m, err);
    case LINK_JOB:
        break;
    }
    return error_set(err, STATUS_INVALID, "", "a worker does not send jobs");
}

/* --- the conversation --- */

static void read_wishes(struct attempt *a)
{
    a->story.cancel = atomic_load(&a->wishes->cancel);
    a->story.stop = atomic_load(&a->wishes->stop);
}

static void tell_to_stop(struct attempt *a)
{
    a->told_to_stop = true;
    process_signal(a->process, SIGTERM);
    a->deadline = fmin(a->deadline, monotonic_seconds() + a->room->grace);
}

static double silence_seconds(const struct attempt *a)
{
    return (double)a->room->config->silence_seconds;
}

/* Pass a wish on to the worker, once. */
static void pass_wishes_on(struct attempt *a)
{
    read_wishes(a);
    if (a->told_to_stop || !(a->story.cancel || a->story.stop))
        return;
    tell_to_stop(a);
}

static void kill_worker(struct attempt *a)
{
    process_signal(a->process, SIGKILL);
    a->deadline = HUGE_VAL;
}

/* A limit of time has passed: let it leave a snapshot and a checkpoint, if it still can. */
static void end_late(struct attempt *a, const char *what, uint64_t seconds)
{
    a->story.late = true;
    a->time_up = a->silent_until = HUGE_VAL;
    error_set(&a->story.trouble, STATUS_CANCELED, "", "the worker %s, the limit is %llu s", what,
              (unsigned long long)seconds);
    tell_to_stop(a);
}

static void end_large(struct attempt *a)
{
    a->story.large = true;
    error_set(&a->story.trouble, STATUS_NO_MEMORY, "",
              "the worker took more than %llu MiB of memory, the limit of a job",
              (unsigned long long)(a->room->config->job_memory_bytes >> 20));
    kill_worker(a);
}

/* The deadline, or a limit of time. */
static void on_late(struct attempt *a)
{
    const struct config *config = a->room->config;
    const double now = monotonic_seconds();
    if (now >= a->deadline)
        kill_worker(a);
    else if (now >= a->time_up)
        end_late(a, "has trained for too long", config->job_seconds);
    else if (now >= a->silent_until)
        end_late(a, "has been silent for too long", config->silence_seconds);
}

/* Take a message; false: the worker is to go.  When memory is short what is only news is lost, as
 * in report(); without the rest the attempt is put off, which is not the worker's fault. */
static bool take_message(struct attempt *a, struct link_message *m)
{
    struct error err = {.status = STATUS_OK};
    const bool is_news =
        m->type == LINK_PHASE || m->type == LINK_REPORT || m->type == LINK_SNAPSHOT;
    if (a->over || on_message(a, m, &err) == STATUS_OK)
        return true;
    if (err.status == STATUS_NO_MEMORY && is_news) {
        log_event(LOG_WARN, "report lost", LOG_TEXT("job", a->job->id),
                  LOG_TEXT("detail", err.message), LOG_END);
        return true;
    }
    a->story.postponed = a->story.postponed || err.status == STATUS_NO_MEMORY;
    error_set(&a->story.trouble, err.status, "", "%s", err.message);
    return false;
}

/* Until the worker's socket ends. */
static void converse(struct attempt *a)
{
    for (;;) {
        struct link_message m = {.descriptors = {-1, -1}};
        struct error err = {.status = STATUS_OK};
        pass_wishes_on(a);
        const double until = fmin(a->deadline, fmin(a->time_up, a->silent_until));
        switch (process_wait(a->process, a->wishes->wake, until, &m, &err)) {
        case PROCESS_MESSAGE:
            break;
        case PROCESS_WOKEN:
            continue;
        case PROCESS_LATE:
            on_late(a);
            continue;
        case PROCESS_LARGE:
            end_large(a);
            return;
        case PROCESS_BROKEN:
            a->story.postponed = err.status == STATUS_NO_MEMORY;
            error_set(&a->story.trouble, err.status, "", "%s", err.message);
            kill_worker(a);
            return;
        case PROCESS_ENDED:
            return;
        }
        a->silent_until = a->story.late ? HUGE_VAL : monotonic_seconds() + silence_seconds(a);
        const bool taken = take_message(a, &m);
        link_message_deinit(&m);
        if (!taken || a->superseded) {
            kill_worker(a);
            return;
        }
        if (a->over)
            a->deadline = fmin(a->deadline, monotonic_seconds() + exit_seconds);
    }
}

/* --- before it --- */

static enum status open_dataset(struct attempt *a, int *fd, struct error *err)
{
    struct dataset_row *dataset = &a->dataset;
    enum status status = store_dataset_get(a->room->store, a->job->dataset_id, dataset, err);
    if (status == STATUS_OK)
        status = store_dataset_open(a->room->store, dataset->sha256, fd, err);
    a->story.lost = status == STATUS_NOT_FOUND;
    return status;
}

static enum status open_checkpoint(struct attempt *a, int *fd, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    if (a->job->checkpoint_sha256[0] == '\0')
        return STATUS_OK;
    enum status status = store_blob_get(a->room->store, a->job->checkpoint_sha256, &bytes, &n, err);
    a->story.lost = status == STATUS_NOT_FOUND || status == STATUS_INTERNAL;
    if (status == STATUS_OK)
        status = link_memory_create(bytes, n, fd, err);
    mem_free(bytes);
    return status;
}

/* descriptors: dataset and checkpoint (-1: none). */
static enum status send_job(struct attempt *a, const int descriptors[2], struct error *err)
{
    const struct message_job job = {.kind = "fit",
                                    .spec = a->job->spec_json,
                                    .isa = a->room->config->isa,
                                    .dataset_kind = a->dataset.kind,
                                    .media_type = a->dataset.media_type,
                                    .info_json = a->dataset.info_json,
                                    .threads = (uint32_t)a->room->config->threads};
    struct buffer payload;
    buffer_init(&payload, LINK_MAX_FRAME);
    enum status status = message_job_encode(&job, &payload, err);
    if (status == STATUS_OK)
        status = link_send(process_socket(a->process), LINK_JOB, payload.data, payload.size,
                           descriptors, descriptors[1] < 0 ? 1 : 2, err);
    buffer_deinit(&payload);
    return status;
}

static void announce(struct attempt *a)
{
    struct job_event event = {.seq = 0};
    log_event(LOG_INFO, "attempt started", LOG_TEXT("job", a->job->id),
              LOG_INT("attempt", a->job->attempt), LOG_END);
    snprintf(a->figures.phase, sizeof a->figures.phase, "loading");
    if (job_event_state(&event, JOB_RUNNING, a->job->attempt, NULL) == STATUS_OK)
        report(a, NULL, 0, &event, 1);
    job_event_deinit(&event);
}

/* Start the worker and give it the job.  Whatever fails is in the story. */
static enum status start(struct attempt *a)
{
    struct error *err = &a->story.trouble;
    int descriptors[2] = {-1, -1};
    const struct process_limits limits = {.memory_bytes = a->room->config->job_memory_bytes,
                                          .threads = a->room->config->threads};
    enum status status = open_dataset(a, &descriptors[0], err);
    if (status == STATUS_OK)
        status = open_checkpoint(a, &descriptors[1], err);
    if (status == STATUS_OK)
        status = process_start(&a->process, &limits, err);
    a->story.postponed = status == STATUS_BUSY || status == STATUS_NO_MEMORY;
    if (status == STATUS_OK && send_job(a, descriptors, err) != STATUS_OK) {
        a->story.postponed = err->status == STATUS_NO_MEMORY;
        error_clear(err); /* else it has died, and its end says more */
        kill_worker(a);
    }
    for (size_t i = 0; i < 2; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    return status;
}

static void run_worker(struct attempt *a)
{
    announce(a);
    if (a->superseded || start(a) != STATUS_OK)
        return;
    a->started = monotonic_seconds();
    a->time_up = a->started + fmax((double)a->room->config->job_seconds - a->job->seconds, 0);
    a->silent_until = a->started + silence_seconds(a);
    converse(a);
    process_finish(a->process, a->over ? exit_seconds : 1, &a->story.end);
    read_wishes(a); /* of whoever asked while it ended by itself */
}

static void attempt_deinit(struct attempt *a)
{
    link_unmap(a->result.weights, a->result.n_weights);
    link_message_deinit(&a->last);
    dataset_row_deinit(&a->dataset);
    mem_free(a->summary_json);
    mem_free(a->spec_json);
}

enum attempt_outcome attempt_run(const struct attempt_room *room, struct attempt_wishes *wishes,
                                 const struct job_row *job)
{
    struct attempt a = {.room = room,
                        .wishes = wishes,
                        .job = job,
                        .deadline = HUGE_VAL,
                        .figures = {.step = job->step,
                                    .seconds = job->seconds,
                                    .progress = job->progress,
                                    .eta_seconds = -1},
                        .last = {.descriptors = {-1, -1}},
                        .story = {.crashes_before = job->crashes}};
    read_wishes(&a);
    if (!a.story.cancel && !a.story.stop)
        run_worker(&a);
    enum attempt_outcome outcome = ATTEMPT_OVER;
    if (!a.superseded) {
        const struct verdict verdict = verdict_of(&a.story);
        ending_write(room, wishes, job, &verdict, a.story.has_result ? &a.result : NULL);
        outcome = verdict.crashed     ? ATTEMPT_CRASHED
                  : a.story.postponed ? ATTEMPT_POSTPONED
                                      : ATTEMPT_OVER;
    }
    attempt_deinit(&a);
    return outcome;
}
