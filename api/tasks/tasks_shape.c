/* Task "shape": what is inside of a mesh, or how far its surface is. */
#include <math.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/tasks/tasks.h"
#include "core/scene/level_set.h"
#include "core/task/probes.h"
#include "core/task/task_shape.h"

/* Indexed by enum shape_target. */
static const char *const target_names[] = {"occupancy", "sdf", NULL};

#define AT(member) .offset = offsetof(struct spec_measure, shape.member)
static const struct member rows[] = {
    {"target", MEMBER_NAME, AT(target), .names = target_names},
    {"softness", MEMBER_NUMBER, 0.0, 0.1, AT(softness), .with = "target", .with_value = "occupancy",
     .fallback = "0.0"},
    {"near_surface", MEMBER_NUMBER, 0.0, 1.0, AT(near_surface)},
    {"near_sigma", MEMBER_NUMBER, 0.0, 1.0, AT(near_sigma)},
    {"everywhere", MEMBER_NUMBER, 0.0, 1.0, AT(everywhere), .fallback = "0.0"},
    {"pool", MEMBER_INTEGER, 0, SHAPE_MAX_POOL, AT(pool)},
};
#undef AT

/* Where points lie for distances.  Within a thousandth of the surface, where occupancies have most
 * of theirs, distances are next to 0 and weigh most by `mape`: a smooth field is then 0 everywhere
 * (docs/method.md). */
static const double sdf_near_surface = 0.5, sdf_near_sigma = 0.01;

static bool spread(json_t *measure)
{
    return json_number_value(json_object_get(measure, "near_sigma")) >= sdf_near_sigma ||
           (json_object_set_new(measure, "near_sigma", json_real(sdf_near_sigma)) == 0 &&
            json_object_set_new(measure, "near_surface", json_real(sdf_near_surface)) == 0);
}

/* Presets are written for occupancies. */
static bool suit(json_t *settings, const json_t *asked, const struct spec_facts *facts)
{
    (void)facts;
    const char *target = json_string_value(json_object_get(asked, "target"));
    if (!target || strcmp(target, target_names[SHAPE_SDF]) != 0)
        return true;
    json_t *network = json_object_get(json_object_get(settings, "field"), "network");
    json_t *train = json_object_get(settings, "train");
    return json_object_set_new(network, "output_activation", json_string("linear")) == 0 &&
           json_object_set_new(train, "loss", json_string("mape")) == 0 &&
           spread(json_object_get(settings, "measure"));
}

static enum status check(const struct spec *spec, const struct spec_facts *facts,
                         struct problem_list *problems)
{
    (void)facts;
    const bool is_sdf = spec->measure.shape.target == SHAPE_SDF;
    if (spec->train.target_psnr > 0.0)
        return problem_add(problems, STATUS_INVALID, "/train/target_psnr",
                           "a shape has no 'psnr' to reach: give 'steps' or 'time_limit_seconds'");
    if (is_sdf && spec->field.network.output_activation != ACTIVATION_LINEAR)
        return problem_add(problems, STATUS_INVALID, "/field/network/output_activation",
                           "target \"sdf\" needs output_activation \"linear\": distances are "
                           "negative inside");
    if (is_sdf && spec->loss == LOSS_BCE)
        return problem_add(problems, STATUS_INVALID, "/train/loss",
                           "loss \"bce\" is for target \"occupancy\"");
    return STATUS_OK;
}

/* A distance is learned in sides of the cube. */
static void place(struct spec *spec, const struct spec_facts *facts)
{
    (void)facts;
    if (spec->measure.shape.target == SHAPE_SDF)
        spec->field.length = spec->source_from_unit[0][0];
}

static size_t n_outputs(const struct spec *spec, const struct spec_facts *facts)
{
    (void)spec;
    (void)facts;
    return 1;
}

static enum status create(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err)
{
    const struct task_shape_spec s = {
        .target = (enum shape_target)spec->measure.shape.target,
        .softness = spec->measure.shape.softness,
        .near_surface = spec->measure.shape.near_surface,
        .near_sigma = spec->measure.shape.near_sigma,
        .everywhere = spec->measure.shape.everywhere,
        .pool = (size_t)spec->measure.shape.pool,
        .loss = spec->loss,
        .output_activation = spec->field.network.output_activation,
        .seed = spec->train.seed,
    };
    const struct task_shape_making making = {.team = team, .stop = stop};
    const enum status status = task_shape_create(out, &data->mesh, &s, &making, err);
    if (status == STATUS_OK) /* the task has a copy of its own */
        mesh_deinit(&data->mesh);
    return status;
}

static struct level_set_spec level_set_of(const struct spec *spec)
{
    const bool is_sdf = spec->measure.shape.target == SHAPE_SDF;
    struct level_set_spec s = {
        .level = is_sdf ? 0.0f : 0.5f,
        .is_inside_below = is_sdf,
        .is_distance = is_sdf,
        .is_sigmoid = spec->field.network.output_activation == ACTIVATION_SIGMOID,
        .domain = spec->field.domain,
    };
    memcpy(s.low, spec->low, sizeof s.low);
    memcpy(s.high, spec->high, sizeof s.high);
    return s;
}

static enum status open_eye(struct eye **out, const struct spec *spec, const struct field *f,
                            bool has_normals, struct error *err)
{
    (void)has_normals; /* its colours are those of the normals */
    const struct level_set_spec s = level_set_of(spec);
    return level_set_eye_create(out, &s, f, err);
}

static double points_of_ray(const struct spec *spec)
{
    const struct level_set_spec s = level_set_of(spec);
    return level_set_points(&s);
}

/* Outside of the box nothing was learned: it is empty, and as far away as the box is. */
static void surface_values(const struct spec *spec, const struct field *f, size_t n,
                           const float *unit, const float *outputs, float *values)
{
    const bool is_sdf = spec->measure.shape.target == SHAPE_SDF;
    for (size_t i = 0; i < n; i++) {
        double beyond = 0.0;
        for (size_t d = 0; d < 3; d++) {
            const double u = (double)unit[3 * i + d];
            beyond = fmax(beyond, fmax(spec->low[d] - u, u - spec->high[d]));
        }
        values[i] = outputs[i];
        if (beyond > 0.0)
            values[i] = is_sdf ? fmaxf(outputs[i], (float)beyond) : 0.0f;
    }
    field_outputs_to_source(f, n, &(struct field_outputs){.values = values});
}

/* An occupancy passes one half, a distance 0. */
static void surface(const struct spec *spec, struct task_surface *out)
{
    out->is_inside_below = spec->measure.shape.target == SHAPE_SDF;
    out->level = out->is_inside_below ? 0.0f : 0.5f;
    out->values = surface_values;
}

static struct task_bytes bytes(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads)
{
    (void)n_threads;
    const size_t pool = (size_t)spec->measure.shape.pool;
    const size_t n_vertices = (size_t)(facts->data_bytes / 12) - facts->n_items; /* 3 of 4 bytes */
    return (struct task_bytes){
        .task = task_shape_bytes(facts->n_items, pool),
        .loading = task_shape_making_bytes(n_vertices, facts->n_items, pool),
        .evaluating = task_shape_evaluation_bytes(),
    };
}

/* --- time --- */

/* The signed distance, or only its sign: trees grow by the logarithm of their triangles. */
static double label_seconds(enum probe probe, const struct spec_facts *facts,
                            const struct costs *costs)
{
    return costs->probe[probe] * log2((double)facts->n_items + 2.0) / log2(PROBE_TRIANGLES);
}

static double target_seconds(const struct spec *spec, const struct spec_facts *facts,
                             const struct costs *costs)
{
    const bool is_sign =
        spec->measure.shape.target == SHAPE_OCCUPANCY && spec->measure.shape.softness == 0.0;
    return label_seconds(is_sign ? PROBE_IS_INSIDE : PROBE_DISTANCE, facts, costs);
}

/* Without a pool every point of a step is labelled. */
static double step_seconds(const struct spec *spec, const struct spec_facts *facts,
                           const struct costs *costs)
{
    const double n = spec->measure.shape.pool > 0 ? 0.0 : (double)spec->train.batch_size;
    return n * (target_seconds(spec, facts, costs) - costs->draw);
}

static double making_seconds(const struct spec *spec, const struct spec_facts *facts,
                             const struct costs *costs)
{
    return (double)spec->measure.shape.pool * target_seconds(spec, facts, costs) +
           (double)TASK_SHAPE_N_QUICK * label_seconds(PROBE_IS_INSIDE, facts, costs);
}

/* Close to the surface a sign takes about as long as a distance. */
static double evaluation_seconds(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs)
{
    const double uniform = label_seconds(PROBE_IS_INSIDE, facts, costs);
    const double boundary = label_seconds(PROBE_DISTANCE, facts, costs);
    return TASK_SHAPE_N_FULL * (cost_value(costs, &spec->field) + 0.5 * (uniform + boundary));
}

/* 100,000 triangles (a scanned statue that was made simpler). */
static const struct spec_facts example = {
    .kind = DATA_SHAPE,
    .n_dims = 3,
    .width = 128,
    .height = 128,
    .depth = 128,
    .channels = 1,
    .units = "units",
    .source_from_unit = {{2, 0, 0, -1}, {0, 2, 0, -1}, {0, 0, 2, -1}},
    .value_high = 1.0,
    .n_items = 100000,
    .data_bytes = 150000UL * 12,
};

const struct task_row tasks_shape = {
    .type = TASK_SHAPE,
    .name = "shape",
    .kinds = 1u << DATA_SHAPE,
    .holdouts = 1u << HOLDOUT_NONE,
    .example = &example,
    .measure = {rows, sizeof rows / sizeof *rows},
    .suit = suit,
    .place = place,
    .n_outputs = n_outputs,
    .step_seconds = step_seconds,
    .making_seconds = making_seconds,
    .evaluation_seconds = evaluation_seconds,
    .check = check,
    .create = create,
    .open_eye = open_eye,
    .points_of_ray = points_of_ray,
    .surface = surface,
    .bytes = bytes,
};
