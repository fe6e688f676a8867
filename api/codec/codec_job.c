#include "api/codec/codec_job.h"

#include "api/codec/codec_json.h"

static json_t *text_or_null(const char *text)
{
    return text && text[0] ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t ms)
{
    char text[TIME_TEXT_SIZE];
    if (ms == 0)
        return json_null();
    clock_format(ms, text);
    return json_string(text);
}

/* What a worker had to say: null where it is not what it should be.  NULL when out of memory. */
static json_t *note(const char *text)
{
    json_t *value = NULL;
    const enum status status = text ? codec_json_own(text, &value, NULL) : STATUS_INTERNAL;
    return status == STATUS_OK || status == STATUS_NO_MEMORY ? value : json_null();
}

static json_t *error_of(const struct job_row *row)
{
    if (!row->error_class[0])
        return json_null();
    return json_pack("{s:s, s:s}", "class", row->error_class, "detail",
                     row->error_detail ? row->error_detail : "");
}

json_t *codec_job_latest(const struct metric_series *latest)
{
    json_t *metrics = json_object();
    for (size_t i = 0; metrics && latest && i < latest->n; i++)
        if (json_object_set_new(metrics, latest->points[i].key,
                                codec_json_measured(latest->points[i].value)) != 0) {
            json_decref(metrics);
            return NULL;
        }
    return metrics;
}

json_t *codec_job(const struct job_row *row, const struct metric_series *latest,
                  uint64_t queue_position)
{
    const bool is_queued = row->status == JOB_QUEUED;
    const bool has_eta = row->status == JOB_RUNNING && row->eta_seconds >= 0.0;
    json_t *steps = row->steps > 0 ? json_integer((json_int_t)row->steps) : json_null();
    json_t *eta = has_eta ? codec_json_measured(row->eta_seconds) : json_null();
    json_t *position =
        is_queued && queue_position > 0 ? json_integer((json_int_t)queue_position) : json_null();
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:o, s:o, s:o}",
        "id", row->id, "task", row->task, "status", job_status_name(row->status), "phase",
        row->status == JOB_RUNNING ? text_or_null(row->phase) : json_null(), "progress",
        codec_json_measured(row->status == JOB_SUCCEEDED ? 1.0 : row->progress), "step",
        (json_int_t)row->step, "steps", steps, "eta_seconds", eta, "queue_position", position,
        "attempt", (json_int_t)row->attempt, "dataset_id", row->dataset_id, "field_id",
        row->field_id, "sweep_id", text_or_null(row->sweep_id), "metrics", codec_job_latest(latest),
        "stopped_by", text_or_null(row->stopped_by), "error", error_of(row), "spec",
        codec_json_object(row->spec_json), "tuning", note(row->tuning_json), "forecast",
        note(row->forecast_json), "labels", codec_json_object(row->labels_json), "created_at",
        time_or_null(row->created_ms), "started_at", time_or_null(row->started_ms), "finished_at",
        time_or_null(row->finished_ms));
}

json_t *codec_job_series(const struct metric_series *series)
{
    json_t *all = json_object();
    for (size_t i = 0; all && i < series->n; i++) {
        const struct metric_point *p = &series->points[i];
        json_t *line = json_object_get(all, p->key);
        if (!line) {
            line = json_array();
            if (json_object_set_new(all, p->key, line) != 0)
                goto failed;
        }
        json_t *point = json_pack("[I, o, o]", (json_int_t)p->step, codec_json_measured(p->value),
                                  codec_json_measured(p->seconds));
        if (json_array_append_new(line, point) != 0)
            goto failed;
    }
    return json_pack("{s:o}", "series", all);
failed:
    json_decref(all);
    return NULL;
}
