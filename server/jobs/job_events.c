#include "server/jobs/job_events.h"

#include <math.h>
#include <stdio.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "server/jobs/clean_text.h"

/* A report of MESSAGE_MAX_POINTS points is under 512 KiB. */
enum { MAX_EVENT = 1 << 20 };

/* The text becomes the event's; on failure it is released. */
static enum status finish(struct job_event *out, const char *type, struct buffer *text,
                          enum status status, struct error *err)
{
    size_t size;
    if (status == STATUS_OK)
        status = buffer_append(text, "", 1, err);
    if (status == STATUS_OK) {
        *out = (struct job_event){.data_json = (char *)buffer_take(text, &size)};
        snprintf(out->type, sizeof out->type, "%s", type);
    }
    buffer_deinit(text);
    return status;
}

void job_event_deinit(struct job_event *event)
{
    mem_free(event->data_json);
    *event = (struct job_event){.seq = 0};
}

enum status job_event_state(struct job_event *out, enum job_status state, unsigned attempt,
                            struct error *err)
{
    struct buffer text;
    buffer_init(&text, MAX_EVENT);
    enum status status = buffer_printf(&text, err, "{\"status\":\"%s\",\"attempt\":%u}",
                                       job_status_name(state), attempt);
    return finish(out, "state", &text, status, err);
}

enum status job_event_progress(struct job_event *out, const struct job_report *report,
                               uint64_t steps, struct error *err)
{
    struct buffer text;
    char total[24] = "null", eta[32] = "null";
    if (steps > 0)
        snprintf(total, sizeof total, "%llu", (unsigned long long)steps);
    if (isfinite(report->eta_seconds) && report->eta_seconds >= 0)
        snprintf(eta, sizeof eta, "%.9g", report->eta_seconds);
    buffer_init(&text, MAX_EVENT);
    enum status status = buffer_printf(&text, err,
                                       "{\"step\":%llu,\"steps\":%s,\"progress\":%.9g,"
                                       "\"seconds\":%.9g,\"eta_seconds\":%s,\"phase\":",
                                       (unsigned long long)report->step, total, report->progress,
                                       report->seconds, eta);
    if (status == STATUS_OK)
        status = text_append_json(&text, report->phase, err);
    if (status == STATUS_OK)
        status = buffer_append(&text, "}", 1, err);
    return finish(out, "progress", &text, status, err);
}

enum status job_event_metric(struct job_event *out, const struct metric_point *points, size_t n,
                             struct error *err)
{
    struct buffer text;
    buffer_init(&text, MAX_EVENT);
    enum status status = buffer_printf(&text, err, "{\"points\":[");
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status =
            buffer_printf(&text, err, "%s[\"%s\",%llu,%.9g,%.9g]", i > 0 ? "," : "", points[i].key,
                          (unsigned long long)points[i].step, points[i].value, points[i].seconds);
    if (status == STATUS_OK)
        status = buffer_append(&text, "]}", 2, err);
    return finish(out, "metric", &text, status, err);
}

enum status job_event_snapshot(struct job_event *out, uint64_t step, const char *sha256,
                               struct error *err)
{
    struct buffer text;
    buffer_init(&text, MAX_EVENT);
    enum status status = buffer_printf(&text, err, "{\"step\":%llu,\"sha256\":\"%s\"}",
                                       (unsigned long long)step, sha256);
    return finish(out, "snapshot", &text, status, err);
}

/* ,"name":"text" or ,"name":null */
static enum status member(struct buffer *out, const char *name, const char *text, struct error *err)
{
    enum status status = buffer_printf(out, err, ",\"%s\":", name);
    if (status != STATUS_OK)
        return status;
    return text && *text ? text_append_json(out, text, err) : buffer_append(out, "null", 4, err);
}

enum status job_event_done(struct job_event *out, const struct job_done *done, struct error *err)
{
    struct buffer text;
    buffer_init(&text, MAX_EVENT);
    enum status status =
        buffer_printf(&text, err, "{\"status\":\"%s\"", job_status_name(done->status));
    if (status == STATUS_OK)
        status = member(&text, "stopped_by", done->stopped_by, err);
    if (status == STATUS_OK && (!done->error_class || !*done->error_class)) {
        status = member(&text, "error", NULL, err);
    } else if (status == STATUS_OK) {
        status = buffer_printf(&text, err, ",\"error\":{\"class\":\"%s\"", done->error_class);
        if (status == STATUS_OK)
            status = member(&text, "detail", done->error_detail, err);
        if (status == STATUS_OK)
            status = buffer_append(&text, "}", 1, err);
    }
    if (status == STATUS_OK)
        status = member(&text, "field_id", done->field_id, err);
    if (status == STATUS_OK)
        status = buffer_append(&text, "}", 1, err);
    return finish(out, "done", &text, status, err);
}
