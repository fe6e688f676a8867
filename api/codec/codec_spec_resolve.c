/*
 * How a body becomes a spec.  The preset's settings are JSON of the same form as the body's; the
 * caller's members go over them one by one, object by object.  Objects with a type (encoding,
 * optimizer, schedule) keep the preset's members only while the type stays the preset's.  All parts
 * are looked at before answering, so that a client hears everything at once.
 */
#include <string.h>

#include "api/codec/codec_spec.h"
#include "api/codec/codec_spec_encoding.h"
#include "api/codec/codec_spec_tables.h"
#include "api/codec/codec_spec_variant.h"
#include "api/presets.h"
#include "api/tasks/tasks.h"
#include "core/base/limits.h"
#include "core/nn/kernel.h"
#include "server/utf8.h"

/* --- names at the top --- */

/* Of the rows of api/tasks. */
static const char *const task_names[] = {"image", "volume", "signal", "shape",
                                         "ct",    "mri",    "views",  NULL};
static const char *const later_presets[] = {"auto", NULL};
static const char *const preset_names[] = {"fast", "compact", "paper", NULL};

static const struct member body_rows[] = {
    {.name = "dataset_id", .type = MEMBER_CUSTOM},
    {"task", MEMBER_NAME, .names = task_names},
    {"preset", MEMBER_NAME, .names = preset_names, .later = later_presets},
    {.name = "field", .type = MEMBER_CUSTOM},
    {.name = "train", .type = MEMBER_CUSTOM},
    {.name = "measure", .type = MEMBER_CUSTOM},
    {.name = "labels", .type = MEMBER_CUSTOM},
};
static const struct member field_rows[] = {
    {.name = "encoding", .type = MEMBER_CUSTOM},
    {.name = "network", .type = MEMBER_CUSTOM},
};

enum status codec_spec_dataset_id(const json_t *body, char out[ID_SIZE],
                                  struct problem_list *problems)
{
    const json_t *value = json_object_get(body, "dataset_id");
    if (!value)
        return problem_add(problems, STATUS_INVALID, "/dataset_id", "'dataset_id' is needed");
    const char *text = json_string_value(value);
    if (!text || !id_is(ID_DATASET, text))
        return problem_add(problems, STATUS_INVALID, "/dataset_id",
                           "'dataset_id' must be the id of a dataset");
    snprintf(out, ID_SIZE, "%s", text);
    return STATUS_OK;
}

/* --- the parts of a body --- */

static json_t *resolve_field(json_t *caller, const json_t *preset, const struct spec_facts *facts,
                             struct problem_list *problems)
{
    json_t *base = json_object_get(preset, "field");
    json_t *network = NULL;
    if (caller && codec_json_members(caller, "/field", field_rows, 2, NULL, problems) != STATUS_OK)
        return NULL;
    json_t *encoding = spec_encoding_resolve(json_object_get(caller, "encoding"),
                                             json_object_get(base, "encoding"), "/field/encoding",
                                             facts, problems);
    enum status status = codec_json_resolve(
        json_object_get(caller, "network"), json_object_get(base, "network"), "/field/network",
        spec_network_table.rows, spec_network_table.n, &network, problems);
    if (encoding && status == STATUS_OK)
        return json_pack("{s:o, s:o}", "encoding", encoding, "network", network);
    json_decref(encoding);
    json_decref(network);
    return NULL;
}

/* A number of steps asked for is meant: the preset's limit of time goes. */
static bool clear_time_limit(const json_t *caller, json_t *base)
{
    return !json_is_integer(json_object_get(caller, "steps")) ||
           json_object_get(caller, "time_limit_seconds") ||
           json_object_set_new(base, "time_limit_seconds", json_null()) == 0;
}

static enum status check_end(const json_t *train, struct problem_list *problems)
{
    if (json_is_null(json_object_get(train, "steps")) &&
        json_is_null(json_object_get(train, "time_limit_seconds")) &&
        json_is_null(json_object_get(train, "target_psnr")))
        return problem_add(problems, STATUS_INVALID, "/train/steps",
                           "'steps' null needs 'time_limit_seconds' or 'target_psnr'");
    return STATUS_OK;
}

static enum status check_early_stop(const json_t *train, struct problem_list *problems)
{
    const char *holdout = json_string_value(json_object_get(train, "holdout"));
    if (!json_is_null(json_object_get(train, "early_stop")) && strcmp(holdout, "none") == 0)
        return problem_add(problems, STATUS_INVALID, "/train/early_stop",
                           "'early_stop' needs pixels that are held out, 'holdout' is \"none\"");
    return STATUS_OK;
}

/* Larger pictures take larger batches: the tables of their grids are larger, and a step that
 * touches more of each cache line costs little more. */
static json_int_t batch_size_for(const struct spec_facts *facts, const struct task_row *row)
{
    if (row->n_points) {
        const size_t n = row->n_points(facts);
        return (json_int_t)(n < LIMIT_BATCH ? n : LIMIT_BATCH);
    }
    enum { LEAST = 8192, MOST = 32768, PIXELS = 128 /* for a place of the batch */ };
    const double n_pixels = spec_facts_n_samples(facts);
    json_int_t size = LEAST;
    while (size < MOST && (double)(2 * size) * PIXELS <= n_pixels)
        size *= 2;
    return size;
}

static bool fill_in_train(json_t *train, const struct spec_facts *facts, const struct task_row *row)
{
    return !json_is_string(json_object_get(train, "batch_size")) ||
           json_object_set_new(train, "batch_size", json_integer(batch_size_for(facts, row))) == 0;
}

static json_t *resolve_train(json_t *caller, const json_t *preset, const struct spec_facts *facts,
                             const struct task_row *row, struct problem_list *problems)
{
    json_t *train = NULL;
    if (caller && !json_is_object(caller)) {
        problem_add(problems, STATUS_INVALID, "/train", "'train' must be an object");
        return NULL;
    }
    json_t *base = codec_json_copy(json_object_get(preset, "train"));
    json_t *mine = caller ? codec_json_copy(caller) : json_object();
    if (!base || !mine || !clear_time_limit(mine, base)) {
        problem_no_memory(problems);
        goto out;
    }
    json_t *optimizer =
        spec_variant_resolve(json_object_get(mine, "optimizer"), json_object_get(base, "optimizer"),
                             "/train/optimizer", &spec_optimizers, NULL, NULL, problems);
    json_t *schedule =
        spec_variant_resolve(json_object_get(mine, "schedule"), json_object_get(base, "schedule"),
                             "/train/schedule", &spec_schedules, NULL, NULL, problems);
    /* Where a part failed there is a problem already: the rest is only looked at. */
    bool ok = json_object_set_new(mine, "optimizer", optimizer ? optimizer : json_null()) == 0;
    ok &= json_object_set_new(mine, "schedule", schedule ? schedule : json_null()) == 0;
    if (!ok)
        problem_no_memory(problems);
    if (codec_json_resolve(mine, base, "/train", spec_train_table.rows, spec_train_table.n, &train,
                           problems) != STATUS_OK)
        goto out;
    ok = fill_in_train(train, facts, row);
    if (!ok)
        problem_no_memory(problems);
    if (!ok || check_end(train, problems) != STATUS_OK ||
        check_early_stop(train, problems) != STATUS_OK) {
        json_decref(train);
        train = NULL;
    }
out:
    json_decref(mine);
    json_decref(base);
    return train;
}

static bool is_label_text(const char *text, size_t n)
{
    return n >= 1 && n <= SPEC_MAX_LABEL_BYTES && utf8_is_printable(text);
}

static json_t *resolve_labels(json_t *caller, struct problem_list *problems)
{
    const char *key;
    json_t *value;
    if (!caller)
        return json_object();
    if (!json_is_object(caller) || json_object_size(caller) > SPEC_MAX_LABELS) {
        problem_add(problems, STATUS_INVALID, "/labels",
                    "'labels' must be an object of at most %d texts", SPEC_MAX_LABELS);
        return NULL;
    }
    bool ok = true;
    json_object_foreach (caller, key, value) {
        char place[POINTER_SIZE];
        codec_json_pointer(place, "/labels", key);
        if (is_label_text(key, strlen(key)) && !strchr(key, ':') && json_is_string(value) &&
            is_label_text(json_string_value(value), json_string_length(value)))
            continue;
        problem_add(problems, STATUS_INVALID, place,
                    "a label's name and text must be 1..%d printable bytes, the name without ':'",
                    SPEC_MAX_LABEL_BYTES);
        ok = false;
    }
    return ok ? json_incref(caller) : NULL;
}

/* --- what only core and the data can say --- */

static enum status check_holdout(const struct spec *s, const struct task_row *row,
                                 struct problem_list *problems)
{
    if (row->holdouts & 1u << s->holdout)
        return STATUS_OK;
    char names[96] = "";
    for (size_t i = 0, n = 0; spec_holdout_names[i]; i++)
        if (row->holdouts & 1u << i)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "",
                                  spec_holdout_names[i]);
    return problem_add(problems, STATUS_INVALID, "/train/holdout",
                       "'holdout' of task '%s' must be one of %s", row->name, names);
}

static enum status check_with_data(const struct spec *s, const struct task_row *row,
                                   const struct spec_facts *facts, struct problem_list *problems)
{
    struct error err = {0};
    struct encoding *encoding = NULL;
    struct mlp *mlp = NULL;
    struct mlp_spec network = s->field.network;
    if (encoding_create(&encoding, &s->field.encoding, &err) == STATUS_OK) {
        network.n_inputs = encoding_n_features(encoding);
        if (mlp_create(&mlp, &network, kernel_find(NULL), &err) == STATUS_OK)
            mlp_free(mlp);
        encoding_free(encoding);
    }
    if (err.status != STATUS_OK)
        return problem_add_error(problems, "/field", &err);
    if (s->loss == LOSS_BCE && network.output_activation != ACTIVATION_SIGMOID)
        return problem_add(problems, STATUS_INVALID, "/train/loss",
                           "loss \"bce\" needs output_activation \"sigmoid\"");
    enum status status = check_holdout(s, row, problems);
    return status == STATUS_OK && row->check ? row->check(s, facts, problems) : status;
}

/* Training samples along the shortest side, but for a random part that is held out. */
static size_t shortest_side(const struct spec *s, const struct spec_facts *facts)
{
    const size_t sides[LIMIT_DIMS] = {facts->width, facts->height, facts->depth};
    size_t shortest = sides[0], stride = 1;
    for (size_t d = 1; d < facts->n_dims; d++)
        shortest = sides[d] < shortest ? sides[d] : shortest;
    if (s->holdout == HOLDOUT_ODD_PIXELS)
        stride = 2;
    else if (s->holdout == HOLDOUT_STRIDE)
        stride = (size_t)s->holdout_stride;
    return (shortest + stride - 1) / stride;
}

/* A setting that is left to the data. */
static enum status check_tuned(const struct spec *s, const struct task_row *row,
                               const struct spec_facts *facts, struct problem_list *problems)
{
    const char *name = tune_member_name(s->tuned);
    struct error err = {0};
    char place[POINTER_SIZE];
    if (s->tuned == TUNE_NOTHING)
        return STATUS_OK;
    codec_json_pointer(place, "/field/encoding", name);
    if (!row->is_surveyed)
        return problem_add(problems, STATUS_UNSUPPORTED, place,
                           "'%s' \"auto\" is not supported for task '%s': give a number", name,
                           row->name);
    if (shortest_side(s, facts) < SURVEY_LEAST_SIDE)
        return problem_add(problems, STATUS_UNSUPPORTED, place,
                           "'%s' \"auto\" needs at least %d training samples along each axis, here "
                           "are %zu: give a number",
                           name, SURVEY_LEAST_SIDE, shortest_side(s, facts));
    return tune_check(&s->field.encoding, s->tuned, &err) == STATUS_OK
               ? STATUS_OK
               : problem_add_error(problems, "/field", &err);
}

/* --- all of it --- */

static json_t *resolve_measure(json_t *caller, const json_t *base, const struct task_row *row,
                               const struct spec_facts *facts, struct problem_list *problems)
{
    json_t *measure = NULL;
    if (codec_json_resolve(caller, base, "/measure", row->measure.rows, row->measure.n, &measure,
                           problems) != STATUS_OK)
        return NULL;
    if (!row->fill_in || row->fill_in(measure, facts))
        return measure;
    problem_no_memory(problems);
    json_decref(measure);
    return NULL;
}

/* {task, preset, field, train, measure} */
static json_t *resolve_parts(const json_t *body, const struct preset *preset,
                             const struct task_row *row, const struct spec_facts *facts,
                             struct problem_list *problems)
{
    json_t *settings = codec_json_object(preset->settings);
    if (!settings || (row->suit && !row->suit(settings, json_object_get(body, "measure"), facts))) {
        json_decref(settings);
        problem_no_memory(problems);
        return NULL;
    }
    json_t *field = resolve_field(json_object_get(body, "field"), settings, facts, problems);
    json_t *train = resolve_train(json_object_get(body, "train"), settings, facts, row, problems);
    json_t *measure = resolve_measure(json_object_get(body, "measure"),
                                      json_object_get(settings, "measure"), row, facts, problems);
    json_decref(settings);
    if (field && train && measure)
        return json_pack("{s:s, s:s, s:o, s:o, s:o}", "task", row->name, "preset", preset->name,
                         "field", field, "train", train, "measure", measure);
    json_decref(field);
    json_decref(train);
    json_decref(measure);
    return NULL;
}

json_t *codec_spec_of_preset(const struct preset *preset, const struct spec_facts *facts)
{
    struct problem_list problems = {0};
    return resolve_parts(NULL, preset, tasks_of(preset->task), facts, &problems);
}

/* The task of a body over a dataset.  Where there is a problem with it, the one that follows from
 * the dataset, so that the rest can be looked at; NULL where nothing does. */
static const struct task_row *find_task(const json_t *body, const struct dataset_row *dataset,
                                        const struct spec_facts *facts,
                                        struct problem_list *problems)
{
    const char *name = json_string_value(json_object_get(body, "task"));
    const struct task_row *by_kind = tasks_default(facts->kind);
    const struct task_row *row = name ? tasks_find(name) : by_kind;
    if (row && !(row->kinds & 1u << facts->kind))
        problem_add(problems, STATUS_INVALID, "/task",
                    "task '%s' does not learn from a dataset of kind '%s'", row->name,
                    dataset->kind);
    else if (row)
        return row;
    if (!by_kind && problems->status == STATUS_OK)
        problem_add(problems, STATUS_UNSUPPORTED, "/dataset_id",
                    "there is no task for a dataset of kind '%s'", dataset->kind);
    return by_kind;
}

/* … and its preset; likewise. */
static const struct preset *find_preset(const json_t *body, const struct task_row *row,
                                        struct problem_list *problems)
{
    const char *name = json_string_value(json_object_get(body, "preset"));
    const struct preset *preset = presets_find(name ? name : presets_default(), row->type);
    bool is_known = false;
    for (size_t i = 0; name && preset_names[i]; i++)
        is_known = is_known || strcmp(preset_names[i], name) == 0;
    if (preset)
        return preset;
    if (is_known)
        problem_add(problems, STATUS_INVALID, "/preset", "there is no preset '%s' for task '%s'",
                    name, row->name);
    return presets_find(presets_default(), row->type);
}

enum status codec_spec_resolve(const json_t *body, const struct dataset_row *dataset,
                               uint64_t job_bytes, json_t **spec, json_t **labels, struct spec *out,
                               struct problem_list *problems)
{
    struct error err = {0};
    struct spec_facts facts = {0};
    struct spec s = {0};
    json_t *resolved = NULL, *texts = NULL;
    if (codec_spec_facts(dataset, &facts, &err) != STATUS_OK)
        return problem_add_error(problems, "", &err);
    facts.limit_bytes = job_bytes;
    codec_json_members((json_t *)body, "", body_rows, sizeof body_rows / sizeof *body_rows, NULL,
                       problems);
    const struct task_row *row = find_task(body, dataset, &facts, problems);
    if (!row)
        return problems->status;
    const struct preset *preset = find_preset(body, row, problems);
    if (row->reduce)
        row->reduce(json_object_get(body, "measure"), &facts);
    resolved = resolve_parts(body, preset, row, &facts, problems);
    if (resolved && json_object_set_new(resolved, "dataset_id", json_string(dataset->id)) != 0)
        problem_no_memory(problems);
    texts = resolve_labels(json_object_get(body, "labels"), problems);
    if (problems->status == STATUS_OK && (!resolved || !texts))
        problem_no_memory(problems);
    if (problems->status == STATUS_OK &&
        codec_spec_read_json(resolved, &facts, &s, problems) == STATUS_OK) {
        check_with_data(&s, row, &facts, problems);
        check_tuned(&s, row, &facts, problems);
    }
    if (problems->status == STATUS_OK) {
        *spec = resolved;
        *labels = texts;
        resolved = texts = NULL;
        if (out) {
            *out = s;
            s = (struct spec){0};
        }
    }
    spec_deinit(&s);
    json_decref(resolved);
    json_decref(texts);
    return problems->status;
}

enum status codec_spec_settle(json_t *spec_json, struct spec *spec,
                              const struct arithmetic *arithmetic, struct error *err)
{
    struct train_spec *train = &spec->train;
    train->precision = precision_settle(train->precision, &spec->field, arithmetic);
    if (json_object_set_new(json_object_get(spec_json, "train"), "precision",
                            json_string(precision_name(train->precision))) != 0)
        return error_status(err, STATUS_NO_MEMORY);
    return precision_check(train->precision, arithmetic->kernel, err);
}

/* --- resume --- */

enum status codec_spec_resume(const json_t *body, const struct job_row *parent, json_t **spec,
                              uint64_t *steps, struct problem_list *problems)
{
    static const struct member body_row[] = {{.name = "train", .type = MEMBER_CUSTOM}};
    static const struct member train_row[] = {
        {.name = "steps", .type = MEMBER_INTEGER, .min = 1, .max = LIMIT_STEPS}};
    static const char *const reached[] = {"target_psnr", "early_stop"};
    json_t *train = json_object_get(body, "train");
    uint64_t n = 0;
    codec_json_members((json_t *)body, "", body_row, 1, NULL, problems);
    if (train)
        codec_json_members(train, "/train", train_row, 1, &n, problems);
    if (problems->status != STATUS_OK)
        return problems->status;
    if (n == 0)
        return problem_add(problems, STATUS_INVALID, "/train/steps", "'steps' is needed");
    if (n <= parent->checkpoint_step)
        return problem_add(problems, STATUS_INVALID, "/train/steps",
                           "'steps' must be more than the %llu of the checkpoint, got %llu",
                           (unsigned long long)parent->checkpoint_step, (unsigned long long)n);
    json_t *resolved = codec_json_object(parent->spec_json);
    json_t *settings = json_object_get(resolved, "train");
    bool ok = settings &&
              json_object_set_new(settings, "steps", json_integer((json_int_t)n)) == 0 &&
              json_object_set_new(settings, "time_limit_seconds", json_null()) == 0;
    /* A target that has been reached, or nothing better found, would end the new job at once. */
    for (size_t i = 0; ok && i < sizeof reached / sizeof *reached; i++)
        if (strcmp(parent->stopped_by, reached[i]) == 0)
            ok = json_object_set_new(settings, reached[i], json_null()) == 0;
    if (!ok) {
        json_decref(resolved);
        return problem_no_memory(problems);
    }
    *spec = resolved;
    *steps = n;
    return STATUS_OK;
}
