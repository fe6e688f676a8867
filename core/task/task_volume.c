#include "core/task/task_volume.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/domain.h"
#include "core/field/metrics.h"
#include "core/task/baseline_volume.h"
#include "core/task/residual_bands.h"
#include "core/task/sample_sets.h"
#include "core/task/survey_lattice.h"
#include "core/task/visit.h"

enum {
    SLAB_POINTS = 65536, /* points that are evaluated at once */
};

struct task_volume {
    struct task task; /* first: a struct task * is cast back */
    const struct volume *volume;
    struct task_volume_spec spec;
    struct domain domain;
    size_t n_test;
    struct lattice3 lattice; /* of the training samples; of a fraction, of all voxels */
    /* Of a fraction, else NULL: a bit for each voxel, whether it is of the test set; and the voxels
     * of the others, along the path of visits. */
    uint8_t *held;
    uint32_t *kept; /* [n_samples] */
    struct residual_bands *bands;
};

static const struct task_volume *of(const struct task *t)
{
    return (const struct task_volume *)t;
}

static size_t voxels_of(const struct volume *v)
{
    return v->width * v->height * v->depth;
}

static size_t voxel_at(const struct volume *v, size_t x, size_t y, size_t z)
{
    return (z * v->height + y) * v->width + x;
}

/* --- sets: sample -> voxel --- */

static size_t set_size(const struct task_volume *t, enum sample_set set)
{
    return set == SET_TRAIN ? t->task.n_samples : t->n_test;
}

/* Voxel number (x fastest) of sample i of a set.  Of a fraction, the first n_test of a fixed
 * permutation of all voxels are the test set. */
static size_t voxel_of(const struct task_volume *t, enum sample_set set, uint64_t i)
{
    const struct volume *v = t->volume;
    const size_t parity = set == SET_TEST;
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
    case HOLDOUT_STRIDE:
        break;
    case HOLDOUT_ODD_PIXELS: {
        const size_t n_across = (v->width + 1 - parity) / 2, n_down = (v->height + 1 - parity) / 2;
        const size_t row = i / n_across;
        return voxel_at(v, 2 * (i % n_across) + parity, 2 * (row % n_down) + parity,
                        2 * (row / n_down) + parity);
    }
    case HOLDOUT_FRACTION:
        return rng_permute(t->spec.seed, RNG_HOLDOUT, 0, voxels_of(v),
                           set == SET_TEST ? i : t->n_test + i);
    }
    return i;
}

/* The sizes of both sets. */
static enum status divide(struct task_volume *t, struct error *err)
{
    const struct volume *v = t->volume;
    const size_t n_voxels = voxels_of(v);
    t->n_test = 0;
    t->task.n_samples = n_voxels;
    t->lattice = (struct lattice3){v->width, v->height, v->depth};
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
    case HOLDOUT_STRIDE:
        return STATUS_OK;
    case HOLDOUT_ODD_PIXELS:
        t->n_test = v->width / 2 * (v->height / 2) * (v->depth / 2);
        t->lattice = (struct lattice3){(v->width + 1) / 2, (v->height + 1) / 2, (v->depth + 1) / 2};
        t->task.n_samples = t->lattice.width * t->lattice.height * t->lattice.depth;
        break;
    case HOLDOUT_FRACTION: {
        enum status status = sample_set_hold(n_voxels, t->spec.holdout_fraction, &t->n_test, err);
        if (status != STATUS_OK)
            return status;
        t->task.n_samples = n_voxels - t->n_test;
        break;
    }
    }
    if (t->n_test == 0 || t->task.n_samples == 0)
        return error_set(err, STATUS_INVALID, "/train/holdout",
                         "a volume of %zu x %zu x %zu voxels leaves nothing to hold out", v->width,
                         v->height, v->depth);
    return STATUS_OK;
}

/* Draw the test set of a fraction. */
static enum status draw_sets(struct task_volume *t, struct error *err)
{
    const size_t n_voxels = voxels_of(t->volume);
    t->held = mem_alloc_array((n_voxels + 7) / 8, 1);
    t->kept = mem_alloc_array(t->task.n_samples, sizeof *t->kept);
    if (!t->held || !t->kept)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < t->n_test; i++)
        sample_hold(t->held, voxel_of(t, SET_TEST, i));
    size_t n_kept = 0;
    for (size_t i = 0; i < n_voxels; i++) {
        const struct visit3 at = visit3_on_path(&t->lattice, (uint32_t)i);
        const size_t voxel = voxel_at(t->volume, at.x, at.y, at.z);
        if (!sample_is_held(t->held, voxel))
            t->kept[n_kept++] = (uint32_t)voxel;
    }
    return STATUS_OK;
}

/* The centre of a voxel in source coordinates, rounded as a client's are: by way of these, unit
 * coordinates are bit for bit what a query for them computes. */
static void write_centre(const struct task_volume *t, size_t voxel, float *source)
{
    const struct volume *v = t->volume;
    const size_t row = voxel / v->width, layer = row / v->height;
    const double x = (double)(voxel - row * v->width), y = (double)(row - layer * v->height);
    const double z = (double)layer;
    for (size_t r = 0; r < 3; r++) {
        const double *a = v->affine[r];
        source[r] = (float)(a[0] * x + a[1] * y + a[2] * z + a[3]);
    }
}

static void write_target(const struct task_volume *t, size_t voxel, float *target)
{
    const size_t channels = t->volume->channels;
    volume_read(t->volume, voxel * channels, channels, target);
}

/* --- training --- */

/* The voxel of a training sample, by its place on their path. */
static size_t training_voxel(const struct task_volume *t, uint32_t place)
{
    if (t->spec.holdout == HOLDOUT_FRACTION)
        return t->kept[place];
    const struct visit3 at = visit3_on_path(&t->lattice, place);
    const size_t step = t->spec.holdout == HOLDOUT_ODD_PIXELS ? 2 : 1;
    return voxel_at(t->volume, step * at.x, step * at.y, step * at.z);
}

/* So that the memory of all voxels of a tile is waited for together. */
static void prefetch(const struct task_volume *t, size_t voxel)
{
    const size_t bytes = t->volume->channels * image_sample_size(t->volume->type);
    __builtin_prefetch((const uint8_t *)t->volume->samples + voxel * bytes);
}

static void draw(const struct task *task, struct task_tile *tile)
{
    const struct task_volume *t = of(task);
    uint32_t places[MLP_TILE];
    size_t voxel[MLP_TILE];
    visit_places(task->n_samples, t->spec.seed, tile->step, tile->batch_size, tile->first, tile->n,
                 places);
    for (size_t i = 0; i < tile->n; i++) {
        voxel[i] = training_voxel(t, places[i]);
        prefetch(t, voxel[i]);
    }
    for (size_t i = 0; i < tile->n; i++) {
        write_centre(t, voxel[i], tile->coords + 3 * i);
        write_target(t, voxel[i], tile->targets + task->n_targets * i);
    }
    domain_unit_from_source(&t->domain, tile->n, tile->coords, tile->coords);
}

static double loss(const struct task *task, const struct task_tile *tile)
{
    const struct task_volume *t = of(task);
    return sample_loss(task, tile, t->spec.loss, t->spec.output_activation);
}

/* --- evaluation --- */

static size_t quick_size(const struct task_volume *t, enum sample_set set)
{
    return sample_set_quick_size(set_size(t, set));
}

/* Voxel i of those of a set that are spread over it. */
static size_t spread_voxel(const struct task_volume *t, enum sample_set set, size_t i)
{
    return voxel_of(
        t, set,
        rng_permute(t->spec.seed, RNG_EVALUATION, (uint64_t)set, set_size(t, set), (uint64_t)i));
}

/* Points that are evaluated together. */
struct slab {
    float *coords;  /* [SLAB_POINTS, 3] */
    float *values;  /* [SLAB_POINTS, C] */
    float *targets; /* [SLAB_POINTS, C] */
};

static enum status slab_init(struct slab *s, size_t channels, struct error *err)
{
    s->coords = mem_alloc_floats(3UL * SLAB_POINTS);
    s->values = mem_alloc_floats(SLAB_POINTS * channels);
    s->targets = mem_alloc_floats(SLAB_POINTS * channels);
    return s->coords && s->values && s->targets ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static void slab_deinit(struct slab *s)
{
    mem_free(s->coords);
    mem_free(s->values);
    mem_free(s->targets);
}

static void slab_put(const struct task_volume *t, struct slab *s, size_t i, size_t voxel)
{
    write_centre(t, voxel, s->coords + 3 * i);
    write_target(t, voxel, s->targets + i * t->volume->channels);
}

/* The field at the slab's n voxels. */
static enum status slab_query(const struct task_volume *t, struct slab *s, size_t n,
                              const struct field *f, struct team *team, const volatile bool *stop,
                              struct error *err)
{
    domain_unit_from_source(&t->domain, n, s->coords, s->coords);
    return task_query(f, team, n, s->coords, s->values, stop, err);
}

/* PSNR over a fixed, spread-out part of a set. */
static enum status evaluate_quickly(const struct task_volume *t, enum sample_set set,
                                    struct slab *s, const struct field *f, struct team *team,
                                    const volatile bool *stop, struct task_metrics *out,
                                    struct error *err)
{
    const size_t n = quick_size(t, set), n_values = n * t->volume->channels;
    for (size_t i = 0; i < n; i++)
        slab_put(t, s, i, spread_voxel(t, set, i));
    enum status status = slab_query(t, s, n, f, team, stop, err);
    if (status == STATUS_OK)
        task_metrics_add(
            out, sample_set_psnr_key(set),
            metrics_psnr(metrics_squared_error(n_values, s->values, s->targets), n_values));
    return status;
}

/* Along how many axes a voxel is odd. */
static size_t count_odd(const struct volume *v, size_t voxel)
{
    const size_t row = voxel / v->width;
    return voxel % v->width % 2 + row % v->height % 2 + row / v->height % 2;
}

/* The set of a voxel; false if it is of none. */
static bool find_set(const struct task_volume *t, size_t voxel, enum sample_set *set)
{
    size_t n_odd;
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
    case HOLDOUT_STRIDE:
        break;
    case HOLDOUT_ODD_PIXELS:
        n_odd = count_odd(t->volume, voxel);
        *set = n_odd ? SET_TEST : SET_TRAIN;
        return n_odd == 0 || n_odd == 3;
    case HOLDOUT_FRACTION:
        *set = sample_is_held(t->held, voxel) ? SET_TEST : SET_TRAIN;
        return true;
    }
    *set = SET_TRAIN;
    return true;
}

static size_t baseline_voxel(const void *context, size_t i)
{
    return spread_voxel(context, SET_TEST, i);
}

static enum status add_baselines(const struct task_volume *t, struct team *team,
                                 const volatile bool *stop, struct task_metrics *out,
                                 struct error *err)
{
    static const char *const keys[N_VOLUME_BASELINES] = {
        [BASELINE_NEAREST_VOXEL] = "baseline_nearest_psnr",
        [BASELINE_TRILINEAR] = "baseline_trilinear_psnr"};
    const struct baseline_voxels voxels = {
        .n = t->n_test < BASELINE_VOLUME_VOXELS ? t->n_test : BASELINE_VOLUME_VOXELS,
        .voxel = baseline_voxel,
        .context = t,
    };
    double squared_error[N_VOLUME_BASELINES];
    enum status status =
        baseline_volume_measure(t->volume, t->held, &voxels, team, stop, squared_error, err);
    if (status != STATUS_OK)
        return status;
    double best = squared_error[0];
    for (int b = 0; b < N_VOLUME_BASELINES; b++) {
        best = fmin(best, squared_error[b]);
        task_metrics_add(out, keys[b], metrics_psnr(squared_error[b], 1));
    }
    task_metrics_add(out, "baseline_psnr", metrics_psnr(best, 1));
    return STATUS_OK;
}

/* All voxels, in their order: sums do not depend on the threads. */
static enum status evaluate_fully(const struct task_volume *t, struct slab *s,
                                  const struct field *f, struct team *team,
                                  const struct task_evaluation *how, struct task_metrics *out,
                                  struct error *err)
{
    const size_t channels = t->volume->channels, n_voxels = voxels_of(t->volume);
    double squared_error[N_SETS] = {0.0};
    for (size_t voxel = 0; voxel < n_voxels;) {
        const size_t left = n_voxels - voxel, n = left < SLAB_POINTS ? left : SLAB_POINTS;
        for (size_t i = 0; i < n; i++)
            slab_put(t, s, i, voxel + i);
        enum status status = slab_query(t, s, n, f, team, how->stop, err);
        if (status != STATUS_OK)
            return status;
        for (size_t i = 0; i < n; i++) {
            enum sample_set set;
            if (find_set(t, voxel + i, &set))
                squared_error[set] += metrics_squared_error(channels, s->values + i * channels,
                                                            s->targets + i * channels);
        }
        voxel += n;
        if (how->progress)
            how->progress(how->context, (double)voxel / (double)n_voxels);
    }
    for (int set = 0; set < N_SETS; set++) {
        const size_t n = set_size(t, (enum sample_set)set) * channels;
        if (n > 0)
            task_metrics_add(out, sample_set_psnr_key((enum sample_set)set),
                             metrics_psnr(squared_error[set], n));
    }
    return t->n_test > 0 ? add_baselines(t, team, how->stop, out, err) : STATUS_OK;
}

static enum status evaluate(const struct task *task, const struct field *f, struct team *team,
                            const struct task_evaluation *how, struct task_metrics *out,
                            struct error *err)
{
    const struct task_volume *t = of(task);
    struct slab s = {0};
    enum status status = slab_init(&s, t->volume->channels, err);
    if (status == STATUS_OK && how->effort == EVALUATE_FULL)
        status = evaluate_fully(t, &s, f, team, how, out, err);
    else if (status == STATUS_OK) {
        status = evaluate_quickly(t, SET_TRAIN, &s, f, team, how->stop, out, err);
        if (status == STATUS_OK && t->n_test > 0)
            status = evaluate_quickly(t, SET_TEST, &s, f, team, how->stop, out, err);
    }
    slab_deinit(&s);
    return status;
}

size_t task_volume_evaluation_bytes(size_t channels)
{
    return (3 + 2 * channels) * SLAB_POINTS * sizeof(float);
}

size_t task_volume_bytes(size_t width, size_t height, size_t depth, size_t channels,
                         enum holdout holdout)
{
    return sample_sets_bytes(width * height * depth, holdout) +
           residual_bands_bytes(width, height, 3, channels);
}

/* --- what is left, and survey --- */

/* Of the slice in the middle. */
static void read_sample(const void *context, size_t x, size_t y, float *unit, float *value)
{
    const struct task_volume *t = context;
    const size_t voxel = voxel_at(t->volume, x, y, t->volume->depth / 2);
    write_centre(t, voxel, unit);
    domain_unit_from_source(&t->domain, 1, unit, unit);
    write_target(t, voxel, value);
}

static enum status open_bands(struct task_volume *t, struct error *err)
{
    const struct volume *v = t->volume;
    const struct sample_plane slice = {v->width, v->height, 3, v->channels, t, read_sample};
    return residual_bands_create(&t->bands, &slice, &t->task.n_band_points, err);
}

static enum status measure_bands(const struct task *task, const struct field *f, struct team *team,
                                 const volatile bool *stop, struct task_metrics *out,
                                 struct error *err)
{
    return residual_bands_measure(of(task)->bands, f, team, stop, out, err);
}

static void read_voxel(const void *context, size_t voxel, float *values)
{
    const struct volume *v = ((const struct task_volume *)context)->volume;
    volume_read(v, voxel * v->channels, v->channels, values);
}

static enum status survey(const struct task *task, struct survey *out, struct error *err)
{
    const struct task_volume *t = of(task);
    const struct lattice_samples samples = {
        .n_dims = 3,
        .size = {t->volume->width, t->volume->height, t->volume->depth},
        .channels = t->volume->channels,
        .stride = t->spec.holdout == HOLDOUT_ODD_PIXELS ? 2 : 1,
        .held = t->held,
        .held_fraction = t->spec.holdout_fraction,
        .read = read_voxel,
        .context = t,
    };
    return survey_lattice(out, &samples, err);
}

/* --- life --- */

static void free_volume_task(struct task *task)
{
    struct task_volume *t = (struct task_volume *)task;
    mem_free(t->held);
    mem_free(t->kept);
    residual_bands_free(t->bands);
    mem_free(t);
}

static const struct task_class volume_class = {
    .name = "volume",
    .draw = draw,
    .loss = loss,
    .evaluate = evaluate,
    .measure_bands = measure_bands,
    .survey = survey,
    .free = free_volume_task,
};

enum status task_volume_create(struct task **out, const struct volume *volume,
                               const struct task_volume_spec *spec, struct error *err)
{
    enum status status = sample_check_loss(spec->loss, spec->output_activation, 0, NULL, err);
    if (status != STATUS_OK)
        return status;
    struct task_volume *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    *t = (struct task_volume){
        .task = {.class = &volume_class,
                 .n_inputs = 3,
                 .n_outputs = volume->channels,
                 .group_size = 1,
                 .n_targets = volume->channels},
        .volume = volume,
        .spec = *spec,
        .domain = domain_of_volume(volume->width, volume->height, volume->depth, volume->affine),
    };
    status = divide(t, err);
    t->task.n_held_out = t->n_test;
    t->task.n_evaluated = quick_size(t, SET_TRAIN) + quick_size(t, SET_TEST);
    if (status == STATUS_OK && spec->holdout == HOLDOUT_FRACTION)
        status = draw_sets(t, err);
    if (status == STATUS_OK)
        status = open_bands(t, err);
    if (status != STATUS_OK) {
        free_volume_task(&t->task);
        return status;
    }
    *out = &t->task;
    return STATUS_OK;
}
