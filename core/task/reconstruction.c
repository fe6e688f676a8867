#include "core/task/reconstruction.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/metrics.h"

enum {
    QUICK_SAMPLES = 16384, /* while training (contract) */
    SLAB_POINTS = 65536,   /* points that are evaluated at once */
};

static const struct reconstruction *of(const struct task *t)
{
    return (const struct reconstruction *)t;
}

static const struct reconstruction_class *class_of(const struct reconstruction *r)
{
    return (const struct reconstruction_class *)r->task.class;
}

size_t reconstruction_n(const struct reconstruction *r)
{
    return r->width * r->height * r->depth;
}

/* --- life --- */

void reconstruction_init(struct reconstruction *r, const struct reconstruction_class *class,
                         size_t n_dims, const size_t size[3], uint64_t seed)
{
    *r = (struct reconstruction){
        .task = {.class = &class->task,
                 .n_inputs = n_dims,
                 .n_outputs = 1,
                 .group_size = 1,
                 .n_samples = size[0] * size[1] * size[2]},
        .width = size[0],
        .height = size[1],
        .depth = size[2],
        .scale = 1.0,
        .seed = seed,
    };
}

void reconstruction_deinit(struct reconstruction *r)
{
    mem_free(r->truth);
    residual_bands_free(r->bands);
}

static void grey_of(const struct image *image, float *out)
{
    const size_t n = image->width * image->height, channels = image->channels;
    for (size_t i = 0; i < n; i++) {
        float value[LIMIT_CHANNELS];
        image_read(image, i * channels, channels, value);
        out[i] =
            channels < 3 ? value[0] : 0.299f * value[0] + 0.587f * value[1] + 0.114f * value[2];
    }
}

static enum status check_scale(double scale, struct error *err)
{
    if (scale > 0.0 && isfinite(scale))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "/measure/normalize",
                     "'normalize' can be 'max' only where the largest value is positive, it is %g",
                     scale);
}

/* As a query for the centre of a pixel computes it (core/field/domain.h). */
static float unit(size_t i, size_t n)
{
    return (float)(1.0 / (double)n * (double)((float)i + 0.5f));
}

static void write_point(const struct reconstruction *r, size_t sample, float *coords)
{
    const size_t x = sample % r->width, row = sample / r->width;
    coords[0] = unit(x, r->width);
    coords[1] = unit(row % r->height, r->height);
    if (r->task.n_inputs == 3)
        coords[2] = unit(row / r->height, r->depth);
}

/* Of a volume the slice in the middle. */
static void read_sample(const void *context, size_t x, size_t y, float *coords, float *value)
{
    const struct reconstruction *r = context;
    const size_t sample = (r->depth / 2 * r->height + y) * r->width + x;
    write_point(r, sample, coords);
    *value = r->truth[sample];
}

static enum status open_bands(struct reconstruction *r, struct error *err)
{
    const struct sample_plane plane = {r->width, r->height, r->task.n_inputs, 1, r, read_sample};
    return residual_bands_create(&r->bands, &plane, &r->task.n_band_points, err);
}

static double largest(size_t n, const float *values)
{
    float most = -INFINITY;
    for (size_t i = 0; i < n; i++)
        most = values[i] > most ? values[i] : most;
    return (double)most;
}

enum status reconstruction_take_truth(struct reconstruction *r, const struct data *data,
                                      enum normalize normalize, struct error *err)
{
    const size_t n = reconstruction_n(r);
    if (data->kind == DATA_VOLUME && data->volume.channels != 1)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "the task '%s' needs a volume of one channel, this one has %zu",
                         r->task.class->name, data->volume.channels);
    r->truth = mem_alloc_floats(n);
    if (!r->truth)
        return error_status(err, STATUS_NO_MEMORY);
    if (data->kind == DATA_VOLUME)
        volume_read(&data->volume, 0, n, r->truth);
    else
        grey_of(&data->image, r->truth);
    r->task.n_evaluated = n < QUICK_SAMPLES ? n : QUICK_SAMPLES;
    if (normalize == NORMALIZE_MAX) {
        r->scale = largest(n, r->truth);
        for (size_t i = 0; i < n; i++)
            r->truth[i] = (float)((double)r->truth[i] / r->scale);
    }
    enum status status = check_scale(r->scale, err);
    return status == STATUS_OK ? open_bands(r, err) : status;
}

enum status reconstruction_find_scale(struct reconstruction *r, struct error *err)
{
    const size_t n = reconstruction_n(r);
    float *picture = mem_alloc_floats(n);
    struct team *team = NULL;
    if (!picture)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = team_create(&team, 1, err);
    if (status == STATUS_OK)
        status = class_of(r)->invert(r, team, picture, err);
    if (status == STATUS_OK) {
        r->scale = largest(n, picture);
        status = check_scale(r->scale, err);
    }
    team_free(team);
    mem_free(picture);
    return status;
}

/* --- training --- */

void reconstruction_draw(const struct task *t, struct task_tile *tile)
{
    for (size_t i = 0; i < tile->n; i++)
        write_point(of(t), tile->first + i, tile->coords + i * t->n_inputs);
}

/* --- evaluation --- */

static enum status evaluate_quickly(const struct reconstruction *r, const struct field *f,
                                    struct team *team, const volatile bool *stop,
                                    struct task_metrics *out, struct error *err)
{
    const size_t n = r->task.n_evaluated, n_inputs = r->task.n_inputs;
    if (n == 0)
        return STATUS_OK;
    float *coords = mem_alloc_floats(n * n_inputs);
    float *truth = mem_alloc_floats(n), *values = mem_alloc_floats(n);
    enum status status = STATUS_OK;
    if (!coords || !truth || !values) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t sample = rng_permute(r->seed, RNG_EVALUATION, 0, reconstruction_n(r), i);
        write_point(r, sample, coords + i * n_inputs);
        truth[i] = r->truth[sample];
    }
    status = task_query(f, team, n, coords, values, stop, err);
    if (status == STATUS_OK)
        task_metrics_add(out, "psnr", metrics_psnr(metrics_squared_error(n, values, truth), n));
out:
    mem_free(coords);
    mem_free(truth);
    mem_free(values);
    return status;
}

enum status reconstruction_measure_bands(const struct task *t, const struct field *f,
                                         struct team *team, const volatile bool *stop,
                                         struct task_metrics *out, struct error *err)
{
    const struct reconstruction *r = of(t);
    return r->bands ? residual_bands_measure(r->bands, f, team, stop, out, err) : STATUS_OK;
}

/* What a full evaluation works in. */
struct evaluation {
    const struct reconstruction *r;
    const struct field *field;
    struct team *team;
    const struct task_evaluation *how;
    float *coords;            /* [SLAB_POINTS, D] */
    float *values, *d_values; /* [N] */
    float *scratch;           /* of the measurement */
    double *loss;             /* [n_parts] */
    size_t n_parts;
};

size_t reconstruction_evaluation_bytes(size_t n)
{
    return (2 * n + (size_t)SLAB_POINTS * 3) * sizeof(float) + METRICS_SSIM_BYTES;
}

static enum status evaluation_init(struct evaluation *e, struct error *err)
{
    const size_t n = reconstruction_n(e->r);
    e->n_parts = team_size(e->team);
    e->coords = mem_alloc_floats(SLAB_POINTS * e->r->task.n_inputs);
    e->values = mem_alloc_floats(n);
    e->d_values = mem_alloc_floats(n);
    e->scratch = mem_alloc_floats(e->r->task.class->n_scratch(&e->r->task, e->n_parts));
    e->loss = mem_alloc_array(e->n_parts, sizeof *e->loss);
    return e->coords && e->values && e->d_values && e->scratch && e->loss
               ? STATUS_OK
               : error_status(err, STATUS_NO_MEMORY);
}

static void evaluation_deinit(struct evaluation *e)
{
    mem_free(e->coords);
    mem_free(e->values);
    mem_free(e->d_values);
    mem_free(e->scratch);
    mem_free(e->loss);
}

static enum status query_all(struct evaluation *e, struct error *err)
{
    const size_t n = reconstruction_n(e->r), n_inputs = e->r->task.n_inputs;
    enum status status = STATUS_OK;
    for (size_t first = 0; first < n && status == STATUS_OK; first += SLAB_POINTS) {
        const size_t count = n - first < SLAB_POINTS ? n - first : SLAB_POINTS;
        for (size_t i = 0; i < count; i++)
            write_point(e->r, first + i, e->coords + i * n_inputs);
        status =
            task_query(e->field, e->team, count, e->coords, e->values + first, e->how->stop, err);
        if (e->how->progress)
            e->how->progress(e->how->context, (double)(first + count) / (double)n);
    }
    return status;
}

static void measure_member(void *context, size_t member)
{
    const struct evaluation *e = context;
    const struct task_measurement m = {
        .team = e->team,
        .member = member,
        .n_members = team_size(e->team),
        .n_parts = e->n_parts,
        .stop = e->how->stop,
        .values = e->values,
        .d_values = e->d_values,
        .scratch = e->scratch,
        .loss = e->loss,
    };
    e->r->task.class->measure(&e->r->task, &m);
}

static void add_residual(struct evaluation *e, const char *key, struct task_metrics *out)
{
    double loss = 0.0;
    team_run(e->team, measure_member, e);
    for (size_t i = 0; i < e->n_parts; i++)
        loss += e->loss[i];
    if (e->r->energy > 0.0)
        task_metrics_add(out, key, sqrt(2.0 * loss / e->r->energy));
}

static void add_psnr(const struct evaluation *e, const char *key, struct task_metrics *out)
{
    const size_t n = reconstruction_n(e->r);
    task_metrics_add(out, key, metrics_psnr(metrics_squared_error(n, e->values, e->r->truth), n));
}

static enum status add_ssim(const struct evaluation *e, struct task_metrics *out, struct error *err)
{
    const struct reconstruction *r = e->r;
    const struct image values = {.width = r->width,
                                 .height = r->height,
                                 .channels = 1,
                                 .type = SAMPLE_FLOAT,
                                 .values = e->values};
    struct image truth = values;
    double ssim;
    truth.values = r->truth;
    enum status status = metrics_ssim(&truth, &values, &ssim, err);
    if (status == STATUS_OK)
        task_metrics_add(out, "ssim", ssim);
    return status;
}

static enum status evaluate_fully(struct evaluation *e, struct task_metrics *out, struct error *err)
{
    const struct reconstruction *r = e->r;
    enum status status = evaluation_init(e, err);
    if (status == STATUS_OK)
        status = query_all(e, err);
    if (status != STATUS_OK)
        return status;
    if (r->truth)
        add_psnr(e, "psnr", out);
    if (r->truth && r->depth == 1)
        status = add_ssim(e, out, err);
    if (status != STATUS_OK)
        return status;
    add_residual(e, "residual", out);
    status = class_of(r)->invert(r, e->team, e->values, err);
    if (status != STATUS_OK)
        return status;
    if (r->truth)
        add_psnr(e, "baseline_psnr", out);
    add_residual(e, "baseline_residual", out);
    task_metrics_add(out, "scale", r->scale);
    return task_stopped(e->how->stop) ? error_status(err, STATUS_CANCELED) : STATUS_OK;
}

enum status reconstruction_evaluate(const struct task *t, const struct field *f, struct team *team,
                                    const struct task_evaluation *how, struct task_metrics *out,
                                    struct error *err)
{
    const struct reconstruction *r = of(t);
    if (how->effort == EVALUATE_QUICK)
        return evaluate_quickly(r, f, team, how->stop, out, err);
    struct evaluation e = {.r = r, .field = f, .team = team, .how = how};
    enum status status = evaluate_fully(&e, out, err);
    evaluation_deinit(&e);
    return status;
}
