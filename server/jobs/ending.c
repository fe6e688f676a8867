#include "server/jobs/ending.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/jobs/job_events.h"
#include "server/log.h"

enum { RETRY_MS = 1000, MAX_METRICS = 64 << 10 };

/* The field that an ending publishes.  Its weights are stored once, however often the end is tried:
 * each put would keep them for one more row. */
struct published {
    bool is_made; /* or it is sure that there is none */
    bool is_there;
    struct field_row row; /* summary and metrics are ours */
    uint8_t *weights;     /* a snapshot's, ours */
};

static void published_deinit(struct published *p)
{
    mem_free(p->row.summary_json);
    mem_free(p->row.metrics_json);
    mem_free(p->weights);
    *p = (struct published){.is_made = false};
}

/* The latest metrics of a job as a JSON object. */
static enum status metrics_text(struct store *store, const char *job_id, char **out,
                                struct error *err)
{
    struct metric_series latest = {.n = 0};
    struct buffer text;
    size_t size;
    buffer_init(&text, MAX_METRICS);
    enum status status = store_job_latest_metrics(store, job_id, &latest, err);
    if (status == STATUS_OK)
        status = buffer_append(&text, "{", 1, err);
    for (size_t i = 0; i < latest.n && status == STATUS_OK; i++)
        status = buffer_printf(&text, err, "%s\"%s\":%.9g", i > 0 ? "," : "", latest.points[i].key,
                               latest.points[i].value);
    if (status == STATUS_OK)
        status = buffer_append(&text, "}", 2, err); /* with the NUL */
    if (status == STATUS_OK)
        *out = (char *)buffer_take(&text, &size);
    buffer_deinit(&text);
    metric_series_deinit(&latest);
    return status;
}

/* Store weights and fill in what the store does not know by itself.  metrics_json is taken over. */
static enum status publish(const struct attempt_room *room, const struct ending_result *from,
                           char *metrics_json, struct published *out, struct error *err)
{
    struct field_row *row = &out->row;
    row->step = from->message.step;
    row->metrics_json = metrics_json;
    row->summary_json = mem_strdup(from->message.summary_json);
    if (!row->metrics_json || !row->summary_json)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status =
        store_blob_put(room->store, from->weights, from->n_weights, row->weights_sha256, err);
    out->is_there = status == STATUS_OK;
    return status;
}

/* The last good snapshot lies in the field cache; a job that made none publishes nothing. */
static enum status publish_snapshot(const struct attempt_room *room, const struct job_row *job,
                                    struct published *out, struct error *err)
{
    const struct field_entry *entry = NULL;
    struct ending_result from = {.n_weights = 0};
    char *metrics = NULL;
    enum status status =
        field_cache_weights(room->fields, job->field_id, &out->weights, &from.n_weights, NULL);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : error_status(err, status);
    status = field_cache_get(room->fields, job->field_id, &entry, err);
    if (status != STATUS_OK)
        return status;
    from.weights = out->weights;
    from.message.step = entry->step;
    from.message.summary_json = entry->summary_json;
    status = metrics_text(room->store, job->id, &metrics, err);
    if (status == STATUS_OK)
        status = publish(room, &from, metrics, out, err);
    field_cache_release(room->fields, entry);
    return status;
}

static enum status make_field(const struct attempt_room *room, const struct job_row *job,
                              enum verdict_field which, const struct ending_result *result,
                              struct published *out, struct error *err)
{
    enum status status = STATUS_OK;
    if (out->is_made)
        return STATUS_OK;
    if (which == VERDICT_RESULT)
        status = publish(room, result, mem_strdup(result->message.metrics_json), out, err);
    else if (which == VERDICT_SNAPSHOT)
        status = publish_snapshot(room, job, out, err);
    if (status == STATUS_OK)
        out->is_made = true;
    else
        published_deinit(out);
    return status;
}

/* The last events: state, and done where nothing will follow. */
static enum status make_events(const struct job_row *job, const struct job_end *end,
                               struct job_event events[2], size_t *n, struct error *err)
{
    const struct job_done done = {.status = end->status,
                                  .stopped_by = end->stopped_by,
                                  .error_class = end->error_class,
                                  .error_detail = end->error_detail,
                                  .field_id = end->field ? job->field_id : NULL};
    enum status status = job_event_state(&events[0], end->status, job->attempt, err);
    if (status != STATUS_OK)
        return status;
    *n = 1;
    if (!job_status_is_end(end->status))
        return STATUS_OK;
    status = job_event_done(&events[1], &done, err);
    if (status == STATUS_OK)
        *n = 2;
    return status;
}

/* Where a cancel comes between the verdict and its transaction, the job that was to be queued again
 * ends: then these are its last events. */
static enum status make_cancel_events(const struct job_row *job, struct job_event events[2],
                                      size_t *n, struct error *err)
{
    const struct job_end canceled = {.status = JOB_CANCELED};
    return make_events(job, &canceled, events, n, err);
}

static enum status write_once(const struct attempt_room *room, const struct job_row *job,
                              const struct verdict *verdict, const struct ending_result *result,
                              struct published *field, struct error *err)
{
    struct job_event events[2] = {{.seq = 0}, {.seq = 0}}, cancel[2] = {{.seq = 0}, {.seq = 0}};
    struct job_end end = {.status = verdict->status,
                          .crashed = verdict->crashed,
                          .events = events,
                          .cancel_events = cancel};
    enum status status = make_field(room, job, verdict->field, result, field, err);
    if (status != STATUS_OK)
        goto out;
    if (verdict->field == VERDICT_RESULT)
        snprintf(end.stopped_by, sizeof end.stopped_by, "%s", result->message.stopped_by);
    snprintf(end.error_class, sizeof end.error_class, "%s", verdict->error_class);
    end.error_detail = verdict->status == JOB_FAILED ? verdict->detail : NULL;
    end.field = field->is_there ? &field->row : NULL;
    status = make_events(job, &end, events, &end.n_events, err);
    if (status == STATUS_OK && end.status == JOB_QUEUED)
        status = make_cancel_events(job, cancel, &end.n_cancel_events, err);
    if (status == STATUS_OK)
        status = store_job_finish(room->store, job->id, job->attempt, &end, err);
    if (status != STATUS_OK)
        goto out;
    if (job_status_is_end(end.status))
        field_cache_forget(room->fields, job->field_id); /* the store has the truth now */
    if (end.status == verdict->status)
        events_publish(room->events, job->id, events, end.n_events);
    else
        events_publish(room->events, job->id, cancel, end.n_cancel_events);
out:
    job_event_deinit(&cancel[0]);
    job_event_deinit(&cancel[1]);
    job_event_deinit(&events[0]);
    job_event_deinit(&events[1]);
    return status;
}

/* May the same be written a moment later? */
static bool passes(enum status status)
{
    return status == STATUS_NO_SPACE || status == STATUS_IO || status == STATUS_NO_MEMORY ||
           status == STATUS_BUSY;
}

/* A second, or until woken. */
static void wait_a_moment(const struct attempt_wishes *wishes)
{
    struct pollfd wake = {.fd = wishes->wake, .events = POLLIN};
    uint64_t count;
    if (poll(&wake, 1, RETRY_MS) > 0) {
        const ssize_t n = read(wishes->wake, &count, sizeof count);
        (void)n;
    }
}

static void log_end(const struct job_row *job, const struct verdict *verdict)
{
    log_event(
        verdict->crashed ? LOG_WARN : LOG_INFO, "attempt ended", LOG_TEXT("job", job->id),
        LOG_INT("attempt", job->attempt), LOG_TEXT("status", job_status_name(verdict->status)),
        LOG_TEXT("class", verdict->error_class), LOG_TEXT("detail", verdict->detail), LOG_END);
}

void ending_write(const struct attempt_room *room, struct attempt_wishes *wishes,
                  const struct job_row *job, const struct verdict *verdict,
                  const struct ending_result *result)
{
    struct verdict written = *verdict;
    struct published field = {.is_made = false};
    for (;;) {
        struct error err = {.status = STATUS_OK};
        const enum status status = write_once(room, job, &written, result, &field, &err);
        if (status == STATUS_OK || status == STATUS_CONFLICT) {
            log_end(job, &written);
            break;
        }
        log_event(LOG_ERROR, "end not written", LOG_TEXT("job", job->id),
                  LOG_INT("attempt", job->attempt), LOG_TEXT("detail", err.message), LOG_END);
        if (atomic_load(&wishes->stop))
            break;
        if (!passes(status) && written.field != VERDICT_NO_FIELD) {
            published_deinit(&field);
            written = (struct verdict){.status = JOB_FAILED, .error_class = "lost"};
            snprintf(written.detail, sizeof written.detail, "the field cannot be stored: %s",
                     err.message);
            continue;
        }
        wait_a_moment(wishes);
    }
    published_deinit(&field);
}
