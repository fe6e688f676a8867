#include "api/estimate.h"

#include <math.h>

#include "core/nn/mlp.h"

/* A step is the forward pass, the gradient of the inputs and that of the weights: three products of
 * the same size where a query has one. */
static const double train_factor = 3.0;

/* The program itself, its libraries and stacks. */
static const double process_bytes = 48.0 * 1024 * 1024;

/* Copies of the image's floats: the dataset, the values predicted for the last evaluation, what the
 * task keeps beside it. */
static const double data_copies = 4.0;

enum status estimate_job(struct estimate *out, const struct spec *spec,
                         const struct spec_facts *facts, size_t n_threads,
                         const struct compute *compute, struct error *err)
{
    const struct train_spec *train = &spec->train;
    const double query_flops = field_query_flops(&spec->field);
    const size_t field_bytes = field_train_bytes(&spec->field, n_threads);
    if (query_flops == 0.0 || field_bytes == SIZE_MAX) /* a resolved spec is one that core takes */
        return error_status(err, STATUS_NO_MEMORY);
    const double flops = query_flops * train_factor * (double)train->batch_size;
    const double step_seconds = compute ? compute_estimate_seconds(compute, flops) : 0.0;
    const double floats = (double)facts->width * (double)facts->height * (double)facts->channels;
    struct estimate e = {.seconds = step_seconds * (double)train->steps, .steps = train->steps};
    if (train->time_limit_seconds > 0.0 &&
        (train->steps == 0 || e.seconds > train->time_limit_seconds)) {
        e.seconds = train->time_limit_seconds;
        if (step_seconds > 0.0)
            e.steps = (uint64_t)(e.seconds / step_seconds);
    }
    const double bytes = (double)field_bytes + floats * sizeof(float) * data_copies + process_bytes;
    e.memory_bytes = bytes < 9e18 ? (uint64_t)bytes : UINT64_MAX;
    *out = e;
    return STATUS_OK;
}

enum status estimate_check_job(const struct spec *spec, const struct spec_facts *facts,
                               const struct config *config, struct error *err)
{
    struct estimate e = {.steps = 0};
    enum status status = estimate_job(&e, spec, facts, config->threads, NULL, err);
    if (status != STATUS_OK)
        return status;
    if (e.memory_bytes > config->job_memory_bytes)
        return error_set(err, STATUS_INVALID, "",
                         "the job would need about %llu MiB of memory, the limit is %llu MiB",
                         (unsigned long long)(e.memory_bytes >> 20),
                         (unsigned long long)(config->job_memory_bytes >> 20));
    return STATUS_OK;
}

/* Floating-point operations of one point forward, as field_query_flops counts them for a spec. */
static double point_flops(const struct field *field)
{
    const struct mlp *mlp = field_mlp(field);
    const struct encoding *encoding = field_encoding(field);
    double multiply_adds = (double)encoding_n_frequencies(encoding) * (double)field_n_inputs(field);
    for (size_t l = 0; l < mlp_n_layers(mlp); l++) {
        size_t n_out, n_in;
        mlp_layer_shape(mlp, l, &n_out, &n_in);
        multiply_adds += (double)n_out * (double)n_in;
    }
    return 2.0 * multiply_adds;
}

enum status estimate_check_request(const struct field *field, size_t n_points, bool has_gradient,
                                   const struct config *config, const struct compute *compute,
                                   struct error *err)
{
    /* A gradient is one more pass back for each output. */
    const double passes = has_gradient ? 1.0 + (double)field_n_outputs(field) : 1.0;
    const double flops = point_flops(field) * passes * (double)n_points;
    const double seconds = compute_estimate_seconds(compute, flops);
    if (seconds > (double)config->request_seconds)
        return error_set(err, STATUS_INVALID, "",
                         "the request would take about %.0f s of this machine, the limit is %llu s",
                         ceil(seconds), (unsigned long long)config->request_seconds);
    return STATUS_OK;
}
