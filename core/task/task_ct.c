#include "core/task/task_ct.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/task/survey_spectrum.h"

enum {
    GRANULE = 1024,      /* floats of a picture that one member sums */
    ITEMS_PER_LOOK = 16, /* at the stop flag: some milliseconds of the largest picture */
};

struct task_ct {
    struct reconstruction base; /* first */
    struct projection projection;
    double *angles;  /* [A], owned */
    float *sinogram; /* [A, W]: p */
};

static const struct task_ct *of(const struct task *t)
{
    return (const struct task_ct *)t;
}

static size_t n_measured(const struct task_ct *t)
{
    return t->projection.n_angles * t->projection.width;
}

static void free_ct_task(struct task *task)
{
    struct task_ct *t = (struct task_ct *)task;
    reconstruction_deinit(&t->base);
    mem_free(t->angles);
    mem_free(t->sinogram);
    mem_free(t);
}

/* --- measurement --- */

/* Residuals, and for each part a picture of its own that their adjoint is added to. */
static size_t n_scratch(const struct task *task, size_t n_parts)
{
    return n_measured(of(task)) + n_parts * reconstruction_n(&of(task)->base);
}

/* Whether to go on; the items of the next piece. */
static bool next_piece(const struct task_measurement *m, size_t done, size_t count, size_t *n)
{
    *n = count - done < ITEMS_PER_LOOK ? count - done : ITEMS_PER_LOOK;
    return *n > 0 && !task_stopped(m->stop);
}

/* The residuals of a part's items, their loss and their adjoint. */
static void measure_part(const struct task_ct *t, const struct task_measurement *m, size_t part)
{
    const struct projection *p = &t->projection;
    const size_t n = n_measured(t), n_picture = reconstruction_n(&t->base);
    float *residual = m->scratch, *picture = m->scratch + n + part * n_picture;
    size_t first, count, first_number, n_numbers, n_piece;
    double sum = 0.0;
    team_share(projection_n_items(p), 1, m->n_parts, part, &first, &count);
    projection_range(p, first, count, &first_number, &n_numbers);
    for (size_t i = 0; next_piece(m, i, count, &n_piece); i += n_piece)
        projection_forward(p, first + i, n_piece, m->values, residual);
    for (size_t i = first_number; i < first_number + n_numbers; i++) {
        const double difference = (double)residual[i] - (double)t->sinogram[i];
        sum += difference * difference;
        residual[i] = (float)(difference / (double)n);
    }
    m->loss[part] = 0.5 * sum / (double)n;
    memset(picture, 0, n_picture * sizeof *picture);
    for (size_t i = 0; next_piece(m, i, count, &n_piece); i += n_piece)
        projection_adjoint(p, first + i, n_piece, residual, picture);
}

static void measure(const struct task *task, const struct task_measurement *m)
{
    const struct task_ct *t = of(task);
    const size_t n_picture = reconstruction_n(&t->base);
    const float *pictures = m->scratch + n_measured(t);
    for (size_t part = m->member; part < m->n_parts; part += m->n_members)
        measure_part(t, m, part);
    task_meet(m);
    size_t first, count;
    team_share(n_picture, GRANULE, m->n_members, m->member, &first, &count);
    memcpy(m->d_values + first, pictures + first, count * sizeof *pictures);
    for (size_t part = 1; part < m->n_parts; part++)
        for (size_t i = first; i < first + count; i++)
            m->d_values[i] += pictures[part * n_picture + i];
}

static enum status invert(const struct reconstruction *r, struct team *team, float *out,
                          struct error *err)
{
    const struct task_ct *t = of(&r->task);
    return projection_filtered_back(&t->projection, t->sinogram, team, out, err);
}

static enum status survey(const struct task *task, struct survey *out, struct error *err)
{
    return survey_projections(out, &of(task)->projection, of(task)->sinogram, err);
}

static const struct reconstruction_class ct_class = {
    .task = {.name = "ct",
             .draw = reconstruction_draw,
             .measure = measure,
             .n_scratch = n_scratch,
             .evaluate = reconstruction_evaluate,
             .measure_bands = reconstruction_measure_bands,
             .survey = survey,
             .free = free_ct_task},
    .invert = invert,
};

/* --- life --- */

static enum status check(const struct data *data, const struct task_ct_spec *spec,
                         struct error *err)
{
    if (data->kind != DATA_IMAGE && data->kind != DATA_SINOGRAM)
        return error_set(err, STATUS_UNSUPPORTED, "", "the task 'ct' needs an image or a sinogram");
    if (data->kind == DATA_IMAGE && (spec->n_angles < 1 || spec->n_angles > TASK_CT_MAX_ANGLES))
        return error_set(err, STATUS_INVALID, "/measure/n_angles",
                         "'n_angles' must be 1..%d, got %zu", TASK_CT_MAX_ANGLES, spec->n_angles);
    return STATUS_OK;
}

/* Project the picture that is given. */
static enum status simulate(struct task_ct *t, const struct data *data,
                            const struct task_ct_spec *spec, struct error *err)
{
    enum status status = reconstruction_take_truth(&t->base, data, spec->normalize, err);
    if (status == STATUS_OK)
        projection_forward(&t->projection, 0, projection_n_items(&t->projection), t->base.truth,
                           t->sinogram);
    return status;
}

static enum status take_measured(struct task_ct *t, const struct data *data,
                                 const struct task_ct_spec *spec, struct error *err)
{
    const size_t n = n_measured(t);
    memcpy(t->sinogram, data->sinogram.values, n * sizeof *t->sinogram);
    if (spec->normalize == NORMALIZE_NONE)
        return STATUS_OK;
    enum status status = reconstruction_find_scale(&t->base, err);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        t->sinogram[i] = (float)((double)t->sinogram[i] / t->base.scale);
    return status;
}

enum status task_ct_create(struct task **out, const struct data *data,
                           const struct task_ct_spec *spec, struct error *err)
{
    enum status status = check(data, spec, err);
    if (status != STATUS_OK)
        return status;
    const bool is_measured = data->kind == DATA_SINOGRAM;
    const size_t width = is_measured ? data->sinogram.width : data->image.width;
    const size_t height = is_measured ? width : data->image.height;
    const size_t n_angles = is_measured ? data->sinogram.n_angles : spec->n_angles;
    struct task_ct *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    reconstruction_init(&t->base, &ct_class, 2, (const size_t[]){width, height, 1}, spec->seed);
    t->angles = mem_alloc_array(n_angles, sizeof *t->angles);
    t->sinogram = mem_alloc_floats(n_angles * width);
    t->projection = (struct projection){width, height, n_angles, spec->interpolation, t->angles};
    if (!t->angles || !t->sinogram) {
        free_ct_task(&t->base.task);
        return error_status(err, STATUS_NO_MEMORY);
    }
    if (is_measured) {
        memcpy(t->angles, data->sinogram.angles, n_angles * sizeof *t->angles);
        status = take_measured(t, data, spec, err);
    } else {
        projection_spread_angles(n_angles, t->angles);
        status = simulate(t, data, spec, err);
    }
    if (status != STATUS_OK) {
        free_ct_task(&t->base.task);
        return status;
    }
    for (size_t i = 0; i < n_measured(t); i++)
        t->base.energy += (double)t->sinogram[i] * (double)t->sinogram[i] / (double)n_measured(t);
    *out = &t->base.task;
    return STATUS_OK;
}

size_t task_ct_bytes(size_t width, size_t height, size_t n_angles, size_t n_threads)
{
    const size_t n = width * height, n_parts = n_threads < 2 ? 2 : n_threads;
    const size_t sinograms = 3 * n_angles * width; /* p, residuals, filtered */
    return (n + 2 * (n_parts * n + sinograms)) * sizeof(float) +
           reconstruction_evaluation_bytes(n) + residual_bands_bytes(width, height, 2, 1);
}
