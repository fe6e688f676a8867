#include "api/tasks/reconstruction_row.h"

#include "core/base/limits.h"

const char *const reconstruction_normalize_names[] = {"max", "none", NULL};

size_t reconstruction_n_outputs(const struct spec *spec, const struct spec_facts *facts)
{
    (void)spec;
    (void)facts;
    return 1;
}

size_t reconstruction_n_points(const struct spec_facts *facts)
{
    return facts->width * facts->height * facts->depth;
}

enum status reconstruction_check(const struct spec *spec, const struct spec_facts *facts,
                                 struct problem_list *problems)
{
    const size_t n = reconstruction_n_points(facts);
    if (facts->kind == DATA_VOLUME && facts->channels != 1)
        return problem_add(problems, STATUS_UNSUPPORTED, "/task",
                           "the task needs a volume of one channel, this one has %zu",
                           facts->channels);
    if (n > LIMIT_RECONSTRUCTION)
        return problem_add(problems, STATUS_TOO_LARGE, "/dataset_id",
                           "every step would evaluate all %zu samples, the limit is %d", n,
                           LIMIT_RECONSTRUCTION);
    if (spec->loss != LOSS_MSE)
        return problem_add(problems, STATUS_INVALID, "/train/loss",
                           "'loss' of a measurement can be 'mse' only");
    if (spec->train.batch_size != (n < LIMIT_BATCH ? n : LIMIT_BATCH))
        return problem_add(problems, STATUS_INVALID, "/train/batch_size",
                           "every step takes all %zu samples: 'batch_size' must be \"auto\"", n);
    if (spec->train.target_psnr > 0.0 &&
        (facts->kind == DATA_SINOGRAM || facts->kind == DATA_KSPACE))
        return problem_add(problems, STATUS_INVALID, "/train/target_psnr",
                           "of a measurement the picture is not known: there is no PSNR to reach");
    return STATUS_OK;
}

/* Every sample goes forward a second time (core/field/stepper.h). */
double reconstruction_step_seconds(double measurement, const struct spec *spec,
                                   const struct spec_facts *facts, const struct costs *costs)
{
    return spec_facts_n_samples(facts) * cost_value(costs, &spec->field) + measurement;
}

/* The field's samples, what is left of both residuals, and the classic inverse, which is about as
 * long as a measurement. */
double reconstruction_evaluation_seconds(double measurement, const struct spec *spec,
                                         const struct spec_facts *facts, const struct costs *costs)
{
    return spec_facts_n_samples(facts) * cost_value(costs, &spec->field) + 3.0 * measurement;
}

uint64_t reconstruction_step_bytes(const struct spec_facts *facts)
{
    return 2 * (uint64_t)reconstruction_n_points(facts) * sizeof(float);
}
