#include "core/task/task_mri.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/scene/fourier.h"
#include "core/scene/kspace.h"
#include "core/task/survey_spectrum.h"

enum { GRANULE = 1024 }; /* samples that one member goes over */

struct task_mri {
    struct reconstruction base; /* first */
    struct fourier *fourier;
    float *samples; /* [N, 2]: y, 0 where it is not measured */
    uint8_t *mask;  /* [N] */
};

static const struct task_mri *of(const struct task *t)
{
    return (const struct task_mri *)t;
}

static void free_mri_task(struct task *task)
{
    struct task_mri *t = (struct task_mri *)task;
    reconstruction_deinit(&t->base);
    fourier_free(t->fourier);
    mem_free(t->samples);
    mem_free(t->mask);
    mem_free(t);
}

/* --- measurement --- */

/* The spectrum, in place, and a line of each member; there are no more members than parts. */
static size_t n_scratch(const struct task *task, size_t n_parts)
{
    return 2 * task->n_samples + n_parts * fourier_line_floats(of(task)->fourier);
}

static void transform(const struct task_mri *t, const struct task_measurement *m,
                      enum fourier_direction direction)
{
    float *line =
        m->scratch + 2 * t->base.task.n_samples + m->member * fourier_line_floats(t->fourier);
    for (size_t axis = 0; axis < FOURIER_AXES; axis++) {
        task_meet(m);
        fourier_axis(t->fourier, direction, axis, m->member, m->n_members, m->scratch, line);
    }
    task_meet(m);
}

/* The residuals of a part's frequencies, over N, and their loss. */
static void subtract_part(const struct task_mri *t, const struct task_measurement *m, size_t part)
{
    const size_t n = t->base.task.n_samples;
    float *spectrum = m->scratch;
    size_t first, count;
    double sum = 0.0;
    team_share(n, GRANULE, m->n_parts, part, &first, &count);
    for (size_t i = first; i < first + count; i++)
        for (size_t k = 2 * i; k < 2 * i + 2; k++) {
            const double difference =
                t->mask[i] ? (double)spectrum[k] - (double)t->samples[k] : 0.0;
            sum += difference * difference;
            spectrum[k] = (float)(difference / (double)n);
        }
    m->loss[part] = 0.5 * sum / (double)n;
}

static void measure(const struct task *task, const struct task_measurement *m)
{
    const struct task_mri *t = of(task);
    size_t first, count;
    team_share(task->n_samples, GRANULE, m->n_members, m->member, &first, &count);
    for (size_t i = first; i < first + count; i++) {
        m->scratch[2 * i] = m->values[i];
        m->scratch[2 * i + 1] = 0.0f;
    }
    transform(t, m, FOURIER_FORWARD);
    for (size_t part = m->member; part < m->n_parts; part += m->n_members)
        subtract_part(t, m, part);
    transform(t, m, FOURIER_INVERSE);
    for (size_t i = first; i < first + count; i++)
        m->d_values[i] = m->scratch[2 * i];
}

static enum status invert(const struct reconstruction *r, struct team *team, float *out,
                          struct error *err)
{
    const struct task_mri *t = of(&r->task);
    const size_t n = r->task.n_samples;
    float *lattice = mem_alloc_floats(2 * n);
    if (!lattice)
        return error_status(err, STATUS_NO_MEMORY);
    memcpy(lattice, t->samples, 2 * n * sizeof *lattice);
    enum status status = fourier_transform(t->fourier, FOURIER_INVERSE, team, lattice, err);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        out[i] = hypotf(lattice[2 * i], lattice[2 * i + 1]);
    mem_free(lattice);
    return status;
}

static enum status survey(const struct task *task, struct survey *out, struct error *err)
{
    const struct task_mri *t = of(task);
    const size_t size[LIMIT_DIMS] = {t->base.width, t->base.height, t->base.depth};
    return survey_frequencies(out, task->n_inputs, size, t->samples, t->mask, err);
}

static const struct reconstruction_class mri_class = {
    .task = {.name = "mri",
             .draw = reconstruction_draw,
             .measure = measure,
             .n_scratch = n_scratch,
             .evaluate = reconstruction_evaluate,
             .measure_bands = reconstruction_measure_bands,
             .survey = survey,
             .free = free_mri_task},
    .invert = invert,
};

/* --- life --- */

static enum status check(const struct data *data, const struct task_mri_spec *spec,
                         struct error *err)
{
    if (data->kind != DATA_IMAGE && data->kind != DATA_VOLUME && data->kind != DATA_KSPACE)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "the task 'mri' needs a volume, an image or a kspace");
    if (!(spec->mask_sigma >= 0.0 && isfinite(spec->mask_sigma)))
        return error_set(err, STATUS_INVALID, "/measure/mask_sigma",
                         "'mask_sigma' must be positive, got %g", spec->mask_sigma);
    if (spec->n_draws > TASK_MRI_MAX_DRAWS)
        return error_set(err, STATUS_INVALID, "/measure/n_draws",
                         "'n_draws' must be at most %llu, got %llu",
                         (unsigned long long)TASK_MRI_MAX_DRAWS, (unsigned long long)spec->n_draws);
    return STATUS_OK;
}

/* Transform the lattice that is given, and mask it. */
static enum status simulate(struct task_mri *t, const struct data *data,
                            const struct task_mri_spec *spec, struct error *err)
{
    const size_t n = t->base.task.n_samples;
    struct team *team = NULL;
    enum status status = reconstruction_take_truth(&t->base, data, spec->normalize, err);
    if (status != STATUS_OK)
        return status;
    const struct kspace_mask_spec mask = {.width = t->base.width,
                                          .height = t->base.height,
                                          .depth = t->base.depth,
                                          .sigma = spec->mask_sigma,
                                          .n_draws = spec->n_draws,
                                          .seed = spec->seed};
    if (kspace_draw_mask(&mask, t->mask) < 2)
        return error_set(err, STATUS_INVALID, "/measure/n_draws",
                         "nothing but the zero frequency would be measured: every draw of the mask "
                         "falls on it or outside");
    for (size_t i = 0; i < n; i++)
        t->samples[2 * i] = t->base.truth[i];
    status = team_create(&team, 1, err);
    if (status == STATUS_OK)
        status = fourier_transform(t->fourier, FOURIER_FORWARD, team, t->samples, err);
    team_free(team);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        if (!t->mask[i])
            t->samples[2 * i] = t->samples[2 * i + 1] = 0.0f;
    return status;
}

static enum status take_measured(struct task_mri *t, const struct kspace *measured,
                                 const struct task_mri_spec *spec, struct error *err)
{
    const size_t n = t->base.task.n_samples;
    memcpy(t->mask, measured->mask, n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 2 * i; k < 2 * i + 2; k++)
            t->samples[k] = t->mask[i] ? measured->samples[k] : 0.0f;
    if (spec->normalize == NORMALIZE_NONE)
        return STATUS_OK;
    enum status status = reconstruction_find_scale(&t->base, err);
    for (size_t k = 0; k < 2 * n && status == STATUS_OK; k++)
        t->samples[k] = (float)((double)t->samples[k] / t->base.scale);
    return status;
}

/* The lattice's size and dimensions: of a picture 2, with depth 1. */
static size_t find_size(const struct data *data, size_t size[3])
{
    size[2] = 1;
    switch (data->kind) {
    case DATA_VOLUME:
        size[0] = data->volume.width;
        size[1] = data->volume.height;
        size[2] = data->volume.depth;
        return 3;
    case DATA_KSPACE:
        size[0] = data->kspace.width;
        size[1] = data->kspace.height;
        size[2] = data->kspace.depth;
        return size[2] > 1 ? 3 : 2;
    default:
        size[0] = data->image.width;
        size[1] = data->image.height;
        return 2;
    }
}

enum status task_mri_create(struct task **out, const struct data *data,
                            const struct task_mri_spec *spec, struct error *err)
{
    enum status status = check(data, spec, err);
    if (status != STATUS_OK)
        return status;
    size_t size[3];
    const size_t n_dims = find_size(data, size);
    struct task_mri *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    reconstruction_init(&t->base, &mri_class, n_dims, size, spec->seed);
    t->samples = mem_alloc_floats(2 * t->base.task.n_samples);
    t->mask = mem_alloc_array(t->base.task.n_samples, 1);
    if (!t->samples || !t->mask)
        status = error_status(err, STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        status = fourier_create(&t->fourier, size[0], size[1], size[2], err);
    if (status == STATUS_OK)
        status = data->kind == DATA_KSPACE ? take_measured(t, &data->kspace, spec, err)
                                           : simulate(t, data, spec, err);
    if (status != STATUS_OK) {
        free_mri_task(&t->base.task);
        return status;
    }
    const size_t n = t->base.task.n_samples;
    for (size_t k = 0; k < 2 * n; k++)
        t->base.energy += (double)t->samples[k] * (double)t->samples[k] / (double)n;
    *out = &t->base.task;
    return STATUS_OK;
}

size_t task_mri_bytes(size_t width, size_t height, size_t depth, size_t n_threads)
{
    const size_t n = width * height * depth;
    const size_t longest = width > height ? width : height;
    return n * (1 + 2 * sizeof(float)) + n + /* truth, y, mask */
           4 * n * sizeof(float) +           /* the spectrum, in training and evaluation */
           n_threads * fourier_bytes(longest > depth ? longest : depth) +
           reconstruction_evaluation_bytes(n) + n * sizeof(float) +
           residual_bands_bytes(width, height, 3, 1);
}
