/* Task "volume": values at voxels. */
#include "api/tasks/tasks.h"
#include "core/task/task_volume.h"

static enum status check(const struct spec *spec, const struct spec_facts *facts,
                         struct problem_list *problems)
{
    if (spec->holdout == HOLDOUT_ODD_PIXELS &&
        (facts->width < 2 || facts->height < 2 || facts->depth < 2))
        return problem_add(problems, STATUS_INVALID, "/train/holdout",
                           "a volume of %zu x %zu x %zu has no odd voxels to hold out",
                           facts->width, facts->height, facts->depth);
    if (spec->holdout == HOLDOUT_FRACTION && spec_facts_n_samples(facts) < 2.0)
        return problem_add(problems, STATUS_INVALID, "/train/holdout",
                           "a volume of one voxel has nothing to hold out");
    return STATUS_OK;
}

static enum status create(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err)
{
    (void)team;
    (void)stop;
    const struct task_volume_spec s = {
        .holdout = spec->holdout,
        .holdout_fraction = spec->holdout_fraction,
        .loss = spec->loss,
        .output_activation = spec->field.network.output_activation,
        .seed = spec->train.seed,
    };
    return task_volume_create(out, &data->volume, &s, err);
}

static struct task_bytes bytes(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads)
{
    (void)n_threads;
    return (struct task_bytes){
        .task = task_volume_bytes(facts->width, facts->height, facts->depth, facts->channels,
                                  spec->holdout),
        .evaluating = task_volume_evaluation_bytes(facts->channels),
    };
}

static double evaluation_seconds(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs)
{
    return spec_facts_n_samples(facts) * cost_value(costs, &spec->field);
}

/* A T1 head at 1 mm, as the templates of brain imaging are. */
enum { EXAMPLE_WIDTH = 181, EXAMPLE_HEIGHT = 217, EXAMPLE_DEPTH = 181 };
static const struct spec_facts example = {
    .kind = DATA_VOLUME,
    .n_dims = 3,
    .width = EXAMPLE_WIDTH,
    .height = EXAMPLE_HEIGHT,
    .depth = EXAMPLE_DEPTH,
    .channels = 1,
    .units = "mm",
    .source_from_unit = {{EXAMPLE_WIDTH, 0, 0, 0},
                         {0, EXAMPLE_HEIGHT, 0, 0},
                         {0, 0, EXAMPLE_DEPTH, 0}},
    .value_high = 255.0,
    .data_bytes = (uint64_t)EXAMPLE_WIDTH * EXAMPLE_HEIGHT * EXAMPLE_DEPTH,
};

const struct task_row tasks_volume = {
    .type = TASK_VOLUME,
    .name = "volume",
    .kinds = 1u << DATA_VOLUME,
    .holdouts = 1u << HOLDOUT_NONE | 1u << HOLDOUT_ODD_PIXELS | 1u << HOLDOUT_FRACTION,
    .example = &example,
    .is_surveyed = true,
    .check = check,
    .evaluation_seconds = evaluation_seconds,
    .create = create,
    .bytes = bytes,
};
