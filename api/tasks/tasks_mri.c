/* Task "mri": a picture or a volume from some of its frequencies. */
#include <math.h>
#include <stddef.h>

#include "api/tasks/reconstruction_row.h"
#include "core/scene/kspace.h"
#include "core/task/probes.h"
#include "core/task/task_mri.h"

#define AT(member) .offset = offsetof(struct spec_measure, mri.member)

static const struct member measure_rows[] = {
    {"mask_sigma", MEMBER_NUMBER, 0.0, 10000.0, .is_min_open = true, .is_nullable = true,
     AT(mask_sigma), .fallback = "null"},
    {"n_draws", MEMBER_INTEGER, 1, 1e9, AT(n_draws), .may_be_auto = true, .fallback = "\"auto\""},
    {"normalize", MEMBER_NAME, AT(normalize), .names = reconstruction_normalize_names,
     .fallback = "\"max\""},
};

/* Frequencies that were measured are as many as they are. */
static bool fill_in(json_t *measure, const struct spec_facts *facts)
{
    const struct kspace_mask_spec mask = {
        .width = facts->width, .height = facts->height, .depth = facts->depth};
    const bool is_measured = facts->kind == DATA_KSPACE;
    const uint64_t n = is_measured ? facts->n_items : kspace_n_draws(&mask);
    const bool is_open = json_is_string(json_object_get(measure, "n_draws"));
    return (!is_open && !is_measured) ||
           json_object_set_new(measure, "n_draws", json_integer((json_int_t)n)) == 0;
}

static enum status create(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err)
{
    (void)team;
    (void)stop;
    const struct task_mri_spec s = {
        .mask_sigma = spec->measure.mri.mask_sigma,
        .n_draws = spec->measure.mri.n_draws,
        .normalize = spec->measure.mri.normalize,
        .seed = spec->train.seed,
    };
    enum status status = task_mri_create(out, data, &s, err);
    if (status == STATUS_OK)
        data_deinit(data);
    return status;
}

static struct task_bytes bytes(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads)
{
    (void)spec;
    const size_t n = reconstruction_n_points(facts);
    return (struct task_bytes){
        .task = task_mri_bytes(facts->width, facts->height, facts->depth, n_threads) +
                reconstruction_step_bytes(facts),
        .evaluating = reconstruction_evaluation_bytes(n) + 3 * n * sizeof(float),
    };
}

/* Two transforms, as of sizes without large factors. */
static double measurement_seconds(const struct spec_facts *facts, const struct costs *costs)
{
    const double n = spec_facts_n_samples(facts);
    return costs->probe[PROBE_TRANSFORM] * n * log2(n + 2.0);
}

static double step_seconds(const struct spec *spec, const struct spec_facts *facts,
                           const struct costs *costs)
{
    return reconstruction_step_seconds(measurement_seconds(facts, costs), spec, facts, costs);
}

static double evaluation_seconds(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs)
{
    return reconstruction_evaluation_seconds(measurement_seconds(facts, costs), spec, facts, costs);
}

/* A head of 96^3. */
static const struct spec_facts example = {
    .kind = DATA_VOLUME,
    .n_dims = 3,
    .width = 96,
    .height = 96,
    .depth = 96,
    .channels = 1,
    .units = "voxels",
    .source_from_unit = {{96, 0, 0, -0.5}, {0, 96, 0, -0.5}, {0, 0, 96, -0.5}},
    .value_high = 1.0,
    .data_bytes = 96UL * 96 * 96,
};

const struct task_row tasks_mri = {
    .type = TASK_MRI,
    .name = "mri",
    .kinds = 1u << DATA_VOLUME | 1u << DATA_IMAGE | 1u << DATA_KSPACE,
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
