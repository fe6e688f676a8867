#include "api/codec/codec_spec.h"

#include <string.h>

#include "api/codec/codec_spec_encoding.h"
#include "api/codec/codec_spec_tables.h"
#include "api/codec/codec_spec_variant.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/nn/kernel.h"

const char *spec_task_name(enum task_type task)
{
    static const char *const names[] = {[TASK_IMAGE] = "image"};
    return names[task];
}

void spec_deinit(struct spec *s)
{
    for (size_t i = 0; i < sizeof s->numbers / sizeof *s->numbers; i++)
        mem_free(s->numbers[i]);
    mem_free(s->parts);
    *s = (struct spec){0};
}

void spec_set_facts(struct spec *s, const struct spec_facts *facts)
{
    s->field.domain = domain_of_image(facts->width, facts->height);
    s->field.network.n_outputs = facts->channels;
}

struct task_image_spec spec_task_image(const struct spec *s)
{
    return (struct task_image_spec){
        .holdout = s->holdout,
        .holdout_fraction = s->holdout_fraction,
        .loss = s->loss,
        .output_activation = s->field.network.output_activation,
        .seed = s->train.seed,
    };
}

/* --- resolved spec -> core --- */

static enum status read_parts(json_t *spec, struct spec *s, struct problem_list *problems)
{
    const json_t *field = json_object_get(spec, "field");
    json_t *train = json_object_get(spec, "train");
    int type = 0;
    const char *task = json_string_value(json_object_get(spec, "task"));
    if (!task || strcmp(task, spec_task_name(TASK_IMAGE)) != 0)
        return problem_add(problems, STATUS_INVALID, "/task", "'task' is not known here");
    s->task = TASK_IMAGE;
    s->field.encoding.n_inputs = 2;

    enum status status = spec_encoding_read(json_object_get(field, "encoding"), s, problems);
    if (status != STATUS_OK)
        return status;
    status = spec_members_read(json_object_get(field, "network"), "/field/network",
                               &spec_network_table, &s->field.network, problems);
    if (status != STATUS_OK)
        return status;
    status = spec_members_read(train, "/train", &spec_train_table, s, problems);
    if (status != STATUS_OK)
        return status;
    status = spec_variant_read(json_object_get(train, "optimizer"), "/train/optimizer",
                               &spec_optimizers, &type, &s->train.optimizer, problems);
    s->train.optimizer.type = (enum optimizer_type)type;
    if (status != STATUS_OK)
        return status;
    status = spec_variant_read(json_object_get(train, "schedule"), "/train/schedule",
                               &spec_schedules, &type, &s->train.schedule, problems);
    s->train.schedule.type = (enum schedule_type)type;
    return status;
}

enum status codec_spec_read_json(json_t *spec, struct spec *out, struct problem_list *problems)
{
    struct spec s = {0};
    enum status status = read_parts(spec, &s, problems);
    if (status == STATUS_OK)
        *out = s;
    else
        spec_deinit(&s);
    return status;
}

enum status codec_spec_read(const char *spec_json, struct spec *out, struct error *err)
{
    struct problem_list problems = {0};
    json_t *spec = NULL;
    enum status status = codec_json_own(spec_json, &spec, NULL);
    if (status == STATUS_NO_MEMORY)
        return error_status(err, status);
    if (status != STATUS_OK)
        return error_set(err, STATUS_INVALID, "", "the spec is not a JSON object");
    status = codec_spec_read_json(spec, out, &problems);
    json_decref(spec);
    if (status != STATUS_OK)
        return error_set(err, status, problems.item[0].pointer, "%s", problems.item[0].detail);
    return STATUS_OK;
}

/* --- what a field says about itself --- */

static json_t *image_domain(const struct spec_facts *facts)
{
    const double width = (double)facts->width, height = (double)facts->height;
    return json_pack("{s:[s,s], s:s, s:[I,I], s:[f,f,f,f], s:{s:[[f,f],[f,f]], s:[f,f]}}", "axes",
                     "x", "y", "units", "pixels", "shape", (json_int_t)facts->height,
                     (json_int_t)facts->width, "bbox", 0.0, 0.0, width, height, "source_from_unit",
                     "matrix", width, 0.0, 0.0, height, "offset", 0.0, 0.0);
}

/* Numbers that are learned; 0 when out of memory.  No parameters are allocated for it. */
static size_t count_parameters(const struct spec *spec)
{
    struct encoding *encoding = NULL;
    struct mlp *mlp = NULL;
    struct mlp_spec network = spec->field.network;
    size_t n = 0;
    if (encoding_create(&encoding, &spec->field.encoding, NULL) != STATUS_OK)
        goto out;
    network.n_inputs = encoding_n_features(encoding);
    if (mlp_create(&mlp, &network, kernel_find(NULL), NULL) != STATUS_OK)
        goto out;
    n = mlp_n_parameters(mlp) + encoding_n_parameters(encoding);
out:
    mlp_free(mlp);
    encoding_free(encoding);
    return n;
}

json_t *codec_spec_summary(const struct spec *spec, const struct spec_facts *facts)
{
    const size_t n_parameters = count_parameters(spec);
    if (n_parameters == 0)
        return NULL;
    return json_pack("{s:I, s:I, s:I, s:o}", "n_inputs", (json_int_t)spec->field.encoding.n_inputs,
                     "n_outputs", (json_int_t)facts->channels, "n_parameters",
                     (json_int_t)n_parameters, "domain", image_domain(facts));
}

static size_t size_member(const json_t *value, size_t max)
{
    json_int_t n = json_integer_value(value);
    return n >= 1 && (size_t)n <= max ? (size_t)n : 0;
}

enum status codec_spec_summary_facts(const char *summary_json, struct spec_facts *out,
                                     struct error *err)
{
    json_t *summary = NULL;
    enum status status = codec_json_own(summary_json, &summary, NULL);
    if (status == STATUS_NO_MEMORY)
        return error_status(err, status);
    const json_t *shape = json_object_get(json_object_get(summary, "domain"), "shape");
    struct spec_facts facts = {
        .width = size_member(json_array_get(shape, 1), LIMIT_IMAGE_SIDE),
        .height = size_member(json_array_get(shape, 0), LIMIT_IMAGE_SIDE),
        .channels = size_member(json_object_get(summary, "n_outputs"), LIMIT_CHANNELS),
    };
    json_decref(summary);
    if (facts.width == 0 || facts.height == 0 || facts.channels == 0)
        return error_set(err, STATUS_INVALID, "", "the summary does not tell the field's domain");
    *out = facts;
    return STATUS_OK;
}
