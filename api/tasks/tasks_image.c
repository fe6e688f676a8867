/* Task "image": values at pixels. */
#include "api/tasks/tasks.h"
#include "core/task/task_image.h"

static enum status check(const struct spec *spec, const struct spec_facts *facts,
                         struct problem_list *problems)
{
    if (spec->holdout == HOLDOUT_ODD_PIXELS && (facts->width < 2 || facts->height < 2))
        return problem_add(problems, STATUS_INVALID, "/train/holdout",
                           "a picture of %zu x %zu has no odd pixels to hold out", facts->width,
                           facts->height);
    if (spec->holdout == HOLDOUT_FRACTION && facts->width * facts->height < 2)
        return problem_add(problems, STATUS_INVALID, "/train/holdout",
                           "a picture of one pixel has nothing to hold out");
    return STATUS_OK;
}

static enum status create(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err)
{
    (void)team;
    (void)stop;
    const struct task_image_spec s = {
        .holdout = spec->holdout,
        .holdout_fraction = spec->holdout_fraction,
        .loss = spec->loss,
        .output_activation = spec->field.network.output_activation,
        .seed = spec->train.seed,
    };
    return task_image_create(out, &data->image, &s, err);
}

static struct task_bytes bytes(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads)
{
    return (struct task_bytes){
        .task = task_image_bytes(facts->width, facts->height, facts->channels, spec->holdout),
        .evaluating =
            task_image_evaluation_bytes(facts->width, facts->height, facts->channels, n_threads),
    };
}

static double evaluation_seconds(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs)
{
    return spec_facts_n_samples(facts) * cost_value(costs, &spec->field);
}

/* A photograph of 512 x 512. */
static const struct spec_facts example = {
    .kind = DATA_IMAGE,
    .n_dims = 2,
    .width = 512,
    .height = 512,
    .depth = 1,
    .channels = 3,
    .units = "pixels",
    .source_from_unit = {{512, 0, 0, 0}, {0, 512, 0, 0}},
    .value_high = 1.0,
    .data_bytes = 512UL * 512 * 3,
};

const struct task_row tasks_image = {
    .type = TASK_IMAGE,
    .name = "image",
    .kinds = 1u << DATA_IMAGE,
    .holdouts = 1u << HOLDOUT_NONE | 1u << HOLDOUT_ODD_PIXELS | 1u << HOLDOUT_FRACTION,
    .example = &example,
    .is_surveyed = true,
    .check = check,
    .evaluation_seconds = evaluation_seconds,
    .create = create,
    .bytes = bytes,
};
