/* Task "ct": a picture from its projections. */
#include <stddef.h>

#include "api/tasks/reconstruction_row.h"
#include "core/task/probes.h"
#include "core/task/task_ct.h"

#define AT(member) .offset = offsetof(struct spec_measure, ct.member)

static const char *const interpolation_names[] = {"nearest", "linear", NULL};

static const struct member measure_rows[] = {
    {"n_angles", MEMBER_INTEGER, 1, LIMIT_ANGLES, AT(n_angles), .fallback = "20"},
    {"interpolation", MEMBER_NAME, AT(interpolation), .names = interpolation_names,
     .fallback = "\"nearest\""},
    {"normalize", MEMBER_NAME, AT(normalize), .names = reconstruction_normalize_names,
     .fallback = "\"max\""},
};

/* Projections that were measured have angles of their own. */
static bool fill_in(json_t *measure, const struct spec_facts *facts)
{
    return facts->kind != DATA_SINOGRAM ||
           json_object_set_new(measure, "n_angles", json_integer((json_int_t)facts->n_items)) == 0;
}

static enum status create(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err)
{
    (void)team;
    (void)stop;
    const struct task_ct_spec s = {
        .n_angles = spec->measure.ct.n_angles,
        .interpolation = spec->measure.ct.interpolation,
        .normalize = spec->measure.ct.normalize,
        .seed = spec->train.seed,
    };
    enum status status = task_ct_create(out, data, &s, err);
    if (status == STATUS_OK)
        data_deinit(data);
    return status;
}

static struct task_bytes bytes(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads)
{
    return (struct task_bytes){
        .task = task_ct_bytes(facts->width, facts->height, spec->measure.ct.n_angles, n_threads) +
                reconstruction_step_bytes(facts),
        .evaluating = reconstruction_evaluation_bytes(facts->width * facts->height),
    };
}

/* There and back along every line, a read and a write of every pixel on it. */
static double measurement_seconds(const struct spec *spec, const struct spec_facts *facts,
                                  const struct costs *costs)
{
    const enum probe probe = spec->measure.ct.interpolation == PROJECTION_NEAREST
                                 ? PROBE_PROJECT_NEAREST
                                 : PROBE_PROJECT_LINEAR;
    return costs->probe[probe] * (double)spec->measure.ct.n_angles * spec_facts_n_samples(facts);
}

static double step_seconds(const struct spec *spec, const struct spec_facts *facts,
                           const struct costs *costs)
{
    return reconstruction_step_seconds(measurement_seconds(spec, facts, costs), spec, facts, costs);
}

static double evaluation_seconds(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs)
{
    return reconstruction_evaluation_seconds(measurement_seconds(spec, facts, costs), spec, facts,
                                             costs);
}

/* A phantom of 256 x 256. */
static const struct spec_facts example = {
    .kind = DATA_IMAGE,
    .n_dims = 2,
    .width = 256,
    .height = 256,
    .depth = 1,
    .channels = 1,
    .units = "pixels",
    .source_from_unit = {{256, 0, 0, 0}, {0, 256, 0, 0}},
    .value_high = 1.0,
    .data_bytes = 256UL * 256,
};

const struct task_row tasks_ct = {
    .type = TASK_CT,
    .name = "ct",
    .kinds = 1u << DATA_IMAGE | 1u << DATA_SINOGRAM,
    .holdouts = 1u << HOLDOUT_NONE,
    .example = &example,
    .is_surveyed = true,
    .measure = {measure_rows, sizeof measure_rows / sizeof *measure_rows},
    .fill_in = fill_in,
    .n_outputs = reconstruction_n_outputs,
    .n_points = reconstruction_n_points,
    .step_seconds = step_seconds,
    .evaluation_seconds = evaluation_seconds,
    .check = reconstruction_check,
    .create = create,
    .bytes = bytes,
};
