#include "api/codec/codec_field.h"

#include "api/codec/codec_job.h"
#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"

static json_t *link_to(const char *field_id, const char *tail)
{
    return json_sprintf("/v1/fields/%s%s", field_id, tail);
}

static bool add_tiles(json_t *links, const char *field_id)
{
    return json_object_set_new(links, "xyz", json_sprintf("/xyz/%s/{z}/{x}/{y}.png", field_id)) ==
               0 &&
           json_object_set_new(links, "dzi", json_sprintf("/dzi/%s.dzi", field_id)) == 0;
}

/* What a field of so many coordinates can be shown as. */
static bool add_pictures(json_t *links, const char *field_id, json_int_t n_dims)
{
    if (n_dims != 3)
        return json_object_set_new(links, "image", link_to(field_id, "/image")) == 0 &&
               (n_dims != 2 || add_tiles(links, field_id));
    return json_object_set_new(links, "slice", link_to(field_id, "/slice")) == 0 &&
           json_object_set_new(links, "volume", link_to(field_id, "/volume")) == 0 &&
           json_object_set_new(links, "mesh", link_to(field_id, "/mesh")) == 0 &&
           json_object_set_new(links, "render", link_to(field_id, "/render")) == 0;
}

/* What training and final fields have in common.  Takes spec and metrics. */
struct parts {
    const char *id, *state, *job_id, *dataset_id, *task, *sha256;
    bool has_job, has_dataset;
    json_int_t step;
    json_t *bytes, *spec, *metrics;
    const json_t *summary;
};

/* What it came from, where that is still there. */
static bool add_origin(json_t *links, const char *name, const char *folder, const char *id,
                       bool is_there)
{
    return !is_there || json_object_set_new(links, name, json_sprintf("%s/%s", folder, id)) == 0;
}

static json_t *links_of(const struct parts *p)
{
    const json_int_t n_dims = json_integer_value(json_object_get(p->summary, "n_inputs"));
    json_t *links =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "self", link_to(p->id, ""), "query",
                  link_to(p->id, "/query"), "value", link_to(p->id, "/value"), "evaluate",
                  link_to(p->id, "/evaluate"), "weights", link_to(p->id, "/weights"));
    if (links && add_origin(links, "job", "/v1/jobs", p->job_id, p->has_job) &&
        add_origin(links, "dataset", "/v1/datasets", p->dataset_id, p->has_dataset) &&
        add_pictures(links, p->id, n_dims))
        return links;
    json_decref(links);
    return NULL;
}

/* A member of the summary: a new reference, null where there is no summary. */
static json_t *summary_member(const json_t *summary, const char *name)
{
    json_t *value = json_object_get(summary, name);
    return value ? json_incref(value) : json_null();
}

static json_t *field_of(const struct parts *p)
{
    return json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", p->id,
        "state", p->state, "step", p->step, "job_id", p->job_id, "dataset_id", p->dataset_id,
        "task", p->task, "n_inputs", summary_member(p->summary, "n_inputs"), "n_outputs",
        summary_member(p->summary, "n_outputs"), "n_parameters",
        summary_member(p->summary, "n_parameters"), "bytes", p->bytes, "domain",
        summary_member(p->summary, "domain"), "spec", p->spec, "metrics", p->metrics, "links",
        links_of(p), "sha256", p->sha256 ? json_string(p->sha256) : json_null());
}

json_t *codec_field_final(const struct field_row *row)
{
    json_t *summary = codec_json_object(row->summary_json);
    if (!summary)
        return NULL;
    struct parts parts = {
        .id = row->id,
        .state = "final",
        .job_id = row->job_id,
        .dataset_id = row->dataset_id,
        .task = row->task,
        .sha256 = row->weights_sha256,
        .step = (json_int_t)row->step,
        .has_job = row->has_job,
        .has_dataset = row->has_dataset,
        .bytes = json_integer((json_int_t)row->bytes),
        .spec = codec_json_object(row->spec_json),
        .metrics = codec_json_object(row->metrics_json),
        .summary = summary,
    };
    json_t *field = field_of(&parts);
    json_decref(summary);
    return field;
}

/* *out: NULL where nothing is known yet.  Fails for want of memory. */
static bool make_summary(const struct job_row *job, const struct dataset_row *dataset, json_t **out)
{
    struct spec spec;
    struct spec_facts facts;
    *out = NULL;
    if (!dataset)
        return true;
    enum status status = codec_spec_facts(dataset, &facts, NULL);
    if (status == STATUS_OK)
        status = codec_spec_read(job->spec_json, &facts, &spec, NULL);
    if (status != STATUS_OK)
        return status != STATUS_NO_MEMORY;
    *out = codec_spec_summary(&spec, &facts);
    spec_deinit(&spec);
    return *out != NULL;
}

json_t *codec_field_training(const struct job_row *job, const struct dataset_row *dataset,
                             const struct field_entry *entry, const struct metric_series *latest)
{
    json_t *summary;
    if (!make_summary(job, dataset, &summary))
        return NULL;
    struct parts parts = {
        .id = job->field_id,
        .state = "training",
        .job_id = job->id,
        .dataset_id = job->dataset_id,
        .task = job->task,
        .step = entry ? (json_int_t)entry->step : 0,
        .has_job = true,
        .has_dataset = dataset != NULL,
        .bytes = entry ? json_integer((json_int_t)entry->bytes) : json_null(),
        .spec = codec_json_object(job->spec_json),
        .metrics = codec_job_latest(latest),
        .summary = summary,
    };
    json_t *field = field_of(&parts);
    json_decref(summary);
    return field;
}

json_t *codec_field_evaluation(const struct field_row *row)
{
    return json_pack("{s:s, s:s, s:I, s:o}", "field_id", row->id, "dataset_id", row->dataset_id,
                     "step", (json_int_t)row->step, "metrics",
                     codec_json_object(row->metrics_json));
}
