#include "api/codec/codec_spec.h"

#include <math.h>
#include <string.h>

#include "api/codec/codec_spec_encoding.h"
#include "api/codec/codec_spec_tables.h"
#include "api/codec/codec_spec_variant.h"
#include "api/kinds/kinds.h"
#include "api/tasks/tasks.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/nn/kernel.h"

void spec_deinit(struct spec *s)
{
    for (size_t i = 0; i < sizeof s->numbers / sizeof *s->numbers; i++)
        mem_free(s->numbers[i]);
    mem_free(s->parts);
    *s = (struct spec){0};
}

struct spec_facts spec_facts_of_image(size_t width, size_t height, size_t channels)
{
    return (struct spec_facts){
        .kind = DATA_IMAGE,
        .n_dims = 2,
        .width = width,
        .height = height,
        .depth = 1,
        .channels = channels,
        .units = "pixels",
        .source_from_unit = {{(double)width, 0, 0, 0}, {0, (double)height, 0, 0}},
        .value_high = 1.0,
    };
}

double spec_facts_n_samples(const struct spec_facts *facts)
{
    return (double)facts->width * (double)facts->height * (double)facts->depth;
}

enum status codec_spec_facts(const struct dataset_row *dataset, struct spec_facts *out,
                             struct error *err)
{
    return kinds_facts(dataset->kind, dataset->media_type, dataset->bytes, dataset->info_json, out,
                       err);
}

/* --- resolved spec -> core --- */

static enum status read_measure(json_t *measure, const struct task_row *row, struct spec *s,
                                struct problem_list *problems)
{
    return measure ? spec_members_read(measure, "/measure", &row->measure, &s->measure, problems)
                   : STATUS_OK; /* written before there were any */
}

static enum status read_parts(json_t *spec, const struct task_row *row,
                              const struct spec_facts *facts, struct spec *s,
                              struct problem_list *problems)
{
    const json_t *field = json_object_get(spec, "field");
    json_t *train = json_object_get(spec, "train");
    int type = 0;
    s->task = row->type;
    s->field.encoding.n_inputs = facts->n_dims;

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
    if (status == STATUS_OK)
        status = read_measure(json_object_get(spec, "measure"), row, s, problems);
    return status;
}

enum status codec_spec_read_json(json_t *spec, const struct spec_facts *facts, struct spec *out,
                                 struct problem_list *problems)
{
    struct spec s = {0};
    struct error err = {0};
    const char *task = json_string_value(json_object_get(spec, "task"));
    const struct task_row *row = task ? tasks_find(task) : NULL;
    if (!row)
        return problem_add(problems, STATUS_INVALID, "/task", "'task' is not known here");
    enum status status = read_parts(spec, row, facts, &s, problems);
    memcpy(s.source_from_unit, facts->source_from_unit, sizeof s.source_from_unit);
    for (size_t d = 0; d < LIMIT_DIMS; d++) {
        s.low[d] = facts->blank[d][0];
        s.high[d] = 1.0 - facts->blank[d][1];
    }
    if (status == STATUS_OK && row->place)
        row->place(&s, facts);
    if (status == STATUS_OK &&
        domain_of_affine(facts->n_dims, s.source_from_unit, &s.field.domain, &err) != STATUS_OK)
        status = problem_add_error(problems, "", &err);
    s.field.network.n_outputs = row->n_outputs ? row->n_outputs(&s, facts) : facts->channels;
    if (status == STATUS_OK)
        *out = s;
    else
        spec_deinit(&s);
    return status;
}

enum status codec_spec_read(const char *spec_json, const struct spec_facts *facts, struct spec *out,
                            struct error *err)
{
    struct problem_list problems = {0};
    json_t *spec = NULL;
    enum status status = codec_json_own(spec_json, &spec, NULL);
    if (status == STATUS_NO_MEMORY)
        return error_status(err, status);
    if (status != STATUS_OK)
        return error_set(err, STATUS_INVALID, "", "the spec is not a JSON object");
    status = codec_spec_read_json(spec, facts, out, &problems);
    json_decref(spec);
    if (status != STATUS_OK)
        return error_set(err, status, problems.item[0].pointer, "%s", problems.item[0].detail);
    return STATUS_OK;
}

/* --- what a field says about itself --- */

static const char *const axis_names[LIMIT_DIMS] = {"x", "y", "z"};

/* Sizes outermost first: [(D,) H, W]. */
static json_t *shape_of(const struct spec_facts *facts)
{
    const size_t size[LIMIT_DIMS] = {facts->width, facts->height, facts->depth};
    json_t *shape = json_array();
    bool ok = shape != NULL;
    for (size_t d = facts->n_dims; ok && d-- > 0;)
        ok = json_array_append_new(shape, json_integer((json_int_t)size[d])) == 0;
    if (ok)
        return shape;
    json_decref(shape);
    return NULL;
}

/* The smallest box along the source's axes around the unit cube. */
static void box_of(size_t n_dims, const double source_from_unit[3][4], double low[LIMIT_DIMS],
                   double high[LIMIT_DIMS])
{
    for (size_t r = 0; r < n_dims; r++) {
        low[r] = high[r] = source_from_unit[r][3];
        for (size_t c = 0; c < n_dims; c++) {
            const double step = source_from_unit[r][c];
            *(step < 0.0 ? &low[r] : &high[r]) += step;
        }
    }
}

static json_t *reals(const double *numbers, size_t n)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = json_array_append_new(array, json_real(numbers[i])) == 0;
    if (ok)
        return array;
    json_decref(array);
    return NULL;
}

/* [[begin, end], …] of the axes; NULL where the whole cube is learned from. */
static json_t *blank_json(const struct spec_facts *facts)
{
    double most = 0.0;
    for (size_t d = 0; d < facts->n_dims; d++)
        most = fmax(most, fmax(facts->blank[d][0], facts->blank[d][1]));
    json_t *blank = most > 0.0 ? json_array() : NULL;
    for (size_t d = 0; blank && d < facts->n_dims; d++)
        if (json_array_append_new(blank, reals(facts->blank[d], 2)) != 0) {
            json_decref(blank);
            return NULL;
        }
    return blank;
}

static json_t *domain_json(const struct spec *spec, const struct spec_facts *facts)
{
    const size_t n_dims = facts->n_dims;
    double box[2 * LIMIT_DIMS] = {0}, high[LIMIT_DIMS] = {0}, offset[LIMIT_DIMS] = {0};
    json_t *axes = json_array(), *matrix = json_array();
    bool ok = axes && matrix;
    box_of(n_dims, spec->source_from_unit, box, high);
    for (size_t d = 0; d < LIMIT_DIMS && d < n_dims; d++) {
        box[n_dims + d] = high[d];
        offset[d] = spec->source_from_unit[d][3];
        ok = ok && json_array_append_new(axes, json_string(axis_names[d])) == 0 &&
             json_array_append_new(matrix, reals(spec->source_from_unit[d], n_dims)) == 0;
    }
    if (!ok) {
        json_decref(axes);
        json_decref(matrix);
        return NULL;
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:{s:o, s:o}, s:o*}", "axes", axes, "units",
                     facts->units, "shape", shape_of(facts), "bbox", reals(box, 2 * n_dims),
                     "source_from_unit", "matrix", matrix, "offset", reals(offset, n_dims), "blank",
                     blank_json(facts));
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
    return json_pack("{s:I, s:I, s:I, s:o, s:{s:f, s:f}}", "n_inputs",
                     (json_int_t)spec->field.encoding.n_inputs, "n_outputs",
                     (json_int_t)spec->field.network.n_outputs, "n_parameters",
                     (json_int_t)n_parameters, "domain", domain_json(spec, facts), "values", "low",
                     facts->value_low, "high", facts->value_high);
}

/* --- and back --- */

static size_t size_member(const json_t *value, size_t max)
{
    json_int_t n = json_integer_value(value);
    return n >= 1 && (size_t)n <= max ? (size_t)n : 0;
}

static bool read_map(const json_t *map, struct spec_facts *facts)
{
    const json_t *matrix = json_object_get(map, "matrix"), *offset = json_object_get(map, "offset");
    for (size_t r = 0; r < facts->n_dims; r++) {
        for (size_t c = 0; c < facts->n_dims; c++) {
            const json_t *number = json_array_get(json_array_get(matrix, r), c);
            if (!json_is_number(number))
                return false;
            facts->source_from_unit[r][c] = json_number_value(number);
        }
        if (!json_is_number(json_array_get(offset, r)))
            return false;
        facts->source_from_unit[r][3] = json_number_value(json_array_get(offset, r));
    }
    return true;
}

static bool read_summary(const json_t *summary, struct spec_facts *facts)
{
    const json_t *domain = json_object_get(summary, "domain");
    const json_t *shape = json_object_get(domain, "shape");
    const json_t *values = json_object_get(summary, "values");
    size_t *const size[LIMIT_DIMS] = {&facts->width, &facts->height, &facts->depth};
    const size_t n_dims = json_array_size(shape);
    if (n_dims < 1 || n_dims > LIMIT_DIMS)
        return false;
    facts->n_dims = n_dims;
    facts->width = facts->height = facts->depth = 1;
    for (size_t d = 0; d < n_dims; d++) {
        *size[d] = size_member(json_array_get(shape, n_dims - 1 - d), LIMIT_IMAGE_SIDE);
        if (*size[d] == 0)
            return false;
    }
    const json_t *blank = json_object_get(domain, "blank");
    for (size_t d = 0; d < n_dims && blank; d++)
        for (size_t end = 0; end < 2; end++)
            facts->blank[d][end] = json_number_value(json_array_get(json_array_get(blank, d), end));
    facts->channels = size_member(json_object_get(summary, "n_outputs"), MLP_MAX_OUTPUTS);
    facts->value_low = json_number_value(json_object_get(values, "low"));
    facts->value_high = values ? json_number_value(json_object_get(values, "high")) : 1.0;
    return facts->channels > 0 && read_map(json_object_get(domain, "source_from_unit"), facts);
}

enum status codec_spec_summary_facts(const char *summary_json, struct spec_facts *out,
                                     struct error *err)
{
    json_t *summary = NULL;
    struct spec_facts facts = {0};
    enum status status = codec_json_own(summary_json, &summary, NULL);
    if (status == STATUS_NO_MEMORY)
        return error_status(err, status);
    const bool ok = read_summary(summary, &facts);
    json_decref(summary);
    if (!ok)
        return error_set(err, STATUS_INVALID, "", "the summary does not tell the field's domain");
    *out = facts;
    return STATUS_OK;
}
