#include "core/task/task_image.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/domain.h"
#include "core/field/metrics.h"
#include "core/task/baseline.h"
#include "core/task/residual_bands.h"
#include "core/task/sample_sets.h"
#include "core/task/survey_lattice.h"
#include "core/task/visit.h"

enum {
    SLAB_POINTS = 65536,   /* points that are evaluated at once */
    MAX_BAND_ROWS = 64,    /* rows that one thread measures at once; fewer … */
    BAND_PIXELS = 1 << 20, /* … where they have more pixels than this */
    SSIM_REACH = 10,       /* rows that a band reads beyond its own: the window is 11 */
};

struct task_image {
    struct task task; /* first: a struct task * is cast back */
    const struct image *image;
    struct task_image_spec spec;
    struct domain domain;
    size_t n_test;
    struct lattice lattice; /* of the training samples */
    /* Of a fraction, else NULL: a bit for each pixel, whether it is of the test set; and the pixels
     * of the others, along the path of visits. */
    uint8_t *held;
    uint32_t *kept; /* [n_samples] */
    struct residual_bands *bands;
};

static const struct task_image *of(const struct task *t)
{
    return (const struct task_image *)t;
}

/* --- sets: sample -> pixel --- */

static size_t set_size(const struct task_image *t, enum sample_set set)
{
    return set == SET_TRAIN ? t->task.n_samples : t->n_test;
}

/* Pixel number (row-major) of sample i of a set.  Of a fraction, the first n_test of a fixed
 * permutation of all pixels are the test set. */
static size_t pixel_of(const struct task_image *t, enum sample_set set, uint64_t i)
{
    const size_t width = t->image->width;
    const uint64_t n_pixels = (uint64_t)width * t->image->height;
    const size_t parity = set == SET_TEST;
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
    case HOLDOUT_STRIDE:
        break;
    case HOLDOUT_ODD_PIXELS: {
        const size_t n_across = (width + 1 - parity) / 2;
        return (2 * (i / n_across) + parity) * width + 2 * (i % n_across) + parity;
    }
    case HOLDOUT_FRACTION:
        return rng_permute(t->spec.seed, RNG_HOLDOUT, 0, n_pixels,
                           set == SET_TEST ? i : t->n_test + i);
    }
    return i;
}

/* The sizes of both sets. */
static enum status divide(struct task_image *t, struct error *err)
{
    const size_t width = t->image->width, height = t->image->height;
    const size_t n_pixels = width * height;
    t->n_test = 0;
    t->task.n_samples = n_pixels;
    t->lattice = (struct lattice){width, height};
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
    case HOLDOUT_STRIDE:
        return STATUS_OK;
    case HOLDOUT_ODD_PIXELS:
        t->n_test = width / 2 * (height / 2);
        t->lattice = (struct lattice){(width + 1) / 2, (height + 1) / 2};
        t->task.n_samples = t->lattice.width * t->lattice.height;
        break;
    case HOLDOUT_FRACTION: {
        enum status status = sample_set_hold(n_pixels, t->spec.holdout_fraction, &t->n_test, err);
        if (status != STATUS_OK)
            return status;
        t->task.n_samples = n_pixels - t->n_test;
        t->lattice = (struct lattice){t->task.n_samples, 1};
        break;
    }
    }
    if (t->n_test == 0 || t->task.n_samples == 0)
        return error_set(err, STATUS_INVALID, "/train/holdout",
                         "an image of %zu x %zu pixels leaves nothing to hold out", width, height);
    return STATUS_OK;
}

/* Draw the test set of a fraction. */
static enum status draw_sets(struct task_image *t, struct error *err)
{
    const struct lattice pixels = {t->image->width, t->image->height};
    const size_t n_pixels = pixels.width * pixels.height;
    t->held = mem_alloc_array((n_pixels + 7) / 8, 1);
    t->kept = mem_alloc_array(t->task.n_samples, sizeof *t->kept);
    if (!t->held || !t->kept)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < t->n_test; i++)
        sample_hold(t->held, pixel_of(t, SET_TEST, i));
    size_t n_kept = 0;
    for (size_t i = 0; i < n_pixels; i++) {
        const struct visit v = visit_on_path(&pixels, (uint32_t)i);
        const size_t pixel = v.y * pixels.width + v.x;
        if (!sample_is_held(t->held, pixel))
            t->kept[n_kept++] = (uint32_t)pixel;
    }
    return STATUS_OK;
}

/* The centres of pixels, in unit coordinates by way of source ones: bit for bit what a query for
 * them computes. */
static void write_centre(const struct task_image *t, size_t pixel, float *source)
{
    const size_t x = pixel % t->image->width, y = pixel / t->image->width;
    source[0] = (float)x + 0.5f;
    source[1] = (float)y + 0.5f;
}

static void write_target(const struct task_image *t, size_t pixel, float *target)
{
    const size_t channels = t->image->channels;
    image_read(t->image, pixel * channels, channels, target);
}

/* --- training --- */

/* The pixel of a training sample, by its place in their lattice. */
static size_t training_pixel(const struct task_image *t, struct visit v)
{
    const size_t width = t->image->width;
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
    case HOLDOUT_STRIDE:
        break;
    case HOLDOUT_ODD_PIXELS:
        return 2 * (v.y * width + v.x);
    case HOLDOUT_FRACTION:
        return t->kept[v.x];
    }
    return v.y * width + v.x;
}

/* So that the memory of all pixels of a tile is waited for together. */
static void prefetch(const struct task_image *t, size_t pixel)
{
    const size_t bytes = t->image->channels * image_sample_size(t->image->type);
    __builtin_prefetch((const uint8_t *)t->image->samples + pixel * bytes);
}

static void draw(const struct task *task, struct task_tile *tile)
{
    const struct task_image *t = of(task);
    struct visit visits[MLP_TILE];
    size_t pixel[MLP_TILE];
    visit_batch(&t->lattice, t->spec.seed, tile->step, tile->batch_size, tile->first, tile->n,
                visits);
    for (size_t i = 0; i < tile->n; i++) {
        pixel[i] = training_pixel(t, visits[i]);
        prefetch(t, pixel[i]);
    }
    for (size_t i = 0; i < tile->n; i++) {
        write_centre(t, pixel[i], tile->coords + 2 * i);
        write_target(t, pixel[i], tile->targets + task->n_targets * i);
    }
    domain_unit_from_source(&t->domain, tile->n, tile->coords, tile->coords);
}

static double loss(const struct task *task, const struct task_tile *tile)
{
    const struct task_image *t = of(task);
    return sample_loss(task, tile, t->spec.loss, t->spec.output_activation);
}

/* --- evaluation --- */

static size_t quick_size(const struct task_image *t, enum sample_set set)
{
    return sample_set_quick_size(set_size(t, set));
}

/* PSNR over a fixed, spread-out part of a set. */
static enum status evaluate_quickly(const struct task_image *t, enum sample_set set,
                                    const struct field *f, struct team *team,
                                    const volatile bool *stop, struct task_metrics *out,
                                    struct error *err)
{
    const size_t channels = t->image->channels, n_set = set_size(t, set);
    const size_t n = quick_size(t, set);
    float *coords = mem_alloc_floats(n * 2);
    float *targets = mem_alloc_floats(n * channels);
    float *values = mem_alloc_floats(n * channels);
    enum status status = STATUS_OK;
    if (!coords || !targets || !values) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        size_t pixel =
            pixel_of(t, set, rng_permute(t->spec.seed, RNG_EVALUATION, (uint64_t)set, n_set, i));
        write_centre(t, pixel, coords + 2 * i);
        write_target(t, pixel, targets + channels * i);
    }
    domain_unit_from_source(&t->domain, n, coords, coords);
    status = task_query(f, team, n, coords, values, stop, err);
    if (status == STATUS_OK)
        task_metrics_add(
            out, sample_set_psnr_key(set),
            metrics_psnr(metrics_squared_error(n * channels, values, targets), n * channels));
out:
    mem_free(coords);
    mem_free(targets);
    mem_free(values);
    return status;
}

/* Rows of one band: the work of one thread. */
static size_t band_rows(const struct image *image)
{
    const size_t n = BAND_PIXELS / image->width;
    return n < 1 ? 1 : n < MAX_BAND_ROWS ? n : MAX_BAND_ROWS;
}

size_t task_image_evaluation_bytes(size_t width, size_t height, size_t channels, size_t n_threads)
{
    const struct image image = {.width = width, .height = height};
    const size_t n_slab = n_threads * band_rows(&image) + SSIM_REACH;
    const size_t n_rows = n_slab < height && width > SSIM_REACH ? n_slab : height;
    return n_rows * width * channels * sizeof(float) + 2UL * SLAB_POINTS * sizeof(float) +
           n_threads * METRICS_SSIM_BYTES + baseline_bytes(height);
}

size_t task_image_bytes(size_t width, size_t height, size_t channels, enum holdout holdout)
{
    return sample_sets_bytes(width * height, holdout) +
           residual_bands_bytes(width, height, 2, channels);
}

/* What is measured on one band. */
struct band {
    double squared_error[N_SETS];
    double ssim; /* times its rows of windows */
    enum status status;
};

/* A full evaluation goes over the picture in slabs, a band for each thread: the field is evaluated
 * at the rows of a slab, then each thread measures its band.  Bands are cut by the rows in which
 * windows of SSIM begin and overlap by the reach of a window, so that the last rows of a slab are
 * kept for the next.  What is measured does not depend on the slabs, hence not on the threads. */
struct evaluation {
    const struct task_image *task;
    const struct field *field;
    struct team *team;
    const struct task_evaluation *how;
    float *coords;          /* [SLAB_POINTS, 2] */
    size_t n_band;          /* rows of windows in a band */
    size_t n_windows;       /* rows of windows in all; 1 stands for a picture that is one band */
    size_t n_bands;         /* of the picture */
    struct band *band;      /* [n_bands] */
    struct image predicted; /* the rows of a slab */
    size_t first_row;       /* which row of the picture its first one is */
    size_t first_band, n_slab_bands;
};

static enum status evaluation_init(struct evaluation *e, struct error *err)
{
    const struct task_image *t = e->task;
    const struct image *image = t->image;
    const size_t n_members = team_size(e->team);
    e->n_band = band_rows(image);
    /* A picture narrower or lower than the window has a smaller window: one band. */
    const bool whole = image->height <= SSIM_REACH + e->n_band || image->width <= SSIM_REACH;
    e->n_windows = whole ? 1 : image->height - SSIM_REACH;
    e->n_bands = whole ? 1 : (e->n_windows + e->n_band - 1) / e->n_band;
    const size_t n_slab = n_members * e->n_band + SSIM_REACH;
    const size_t n_rows = whole || n_slab > image->height ? image->height : n_slab;
    e->coords = mem_alloc_floats(2UL * SLAB_POINTS);
    e->band = mem_alloc_array(e->n_bands, sizeof *e->band);
    if (!e->coords || !e->band)
        return error_status(err, STATUS_NO_MEMORY);
    return image_create(&e->predicted, SAMPLE_FLOAT, image->width, n_rows, image->channels, err);
}

static void evaluation_deinit(struct evaluation *e)
{
    image_deinit(&e->predicted);
    mem_free(e->coords);
    mem_free(e->band);
}

/* Rows [*first, *end) of the picture that band i alone measures the errors of; its windows reach
 * rows up to *reach. */
static void band_bounds(const struct evaluation *e, size_t i, size_t *first, size_t *end,
                        size_t *reach)
{
    const size_t height = e->task->image->height;
    *first = i * e->n_band;
    *end = i + 1 < e->n_bands ? *first + e->n_band : height;
    *reach = i + 1 < e->n_bands ? *end + SSIM_REACH : height;
}

/* The set of a pixel; false if it is of none. */
static bool find_set(const struct evaluation *e, size_t x, size_t y, enum sample_set *set)
{
    const size_t pixel = y * e->task->image->width + x;
    switch (e->task->spec.holdout) {
    case HOLDOUT_NONE:
    case HOLDOUT_VIEWS:
    case HOLDOUT_STRIDE:
        break;
    case HOLDOUT_ODD_PIXELS:
        *set = x % 2 ? SET_TEST : SET_TRAIN;
        return x % 2 == y % 2;
    case HOLDOUT_FRACTION:
        *set = sample_is_held(e->task->held, pixel) ? SET_TEST : SET_TRAIN;
        return true;
    }
    *set = SET_TRAIN;
    return true;
}

/* A view of rows first … first + n - 1: not to be freed. */
static struct image rows_of(const struct image *image, size_t first, size_t n)
{
    struct image view = *image;
    view.height = n;
    view.samples = (uint8_t *)image->samples +
                   first * image->width * image->channels * image_sample_size(image->type);
    return view;
}

static void measure_band(struct evaluation *e, size_t i)
{
    const struct image *image = e->task->image;
    const size_t width = image->width, channels = image->channels;
    struct band *b = &e->band[i];
    size_t first, end, reach;
    band_bounds(e, i, &first, &end, &reach);
    for (size_t y = first; y < end; y++)
        for (size_t x = 0; x < width; x++) {
            float target[LIMIT_CHANNELS];
            enum sample_set set;
            if (!find_set(e, x, y, &set))
                continue;
            write_target(e->task, y * width + x, target);
            const float *values = e->predicted.values + ((y - e->first_row) * width + x) * channels;
            b->squared_error[set] += metrics_squared_error(channels, values, target);
        }
    const struct image targets = rows_of(image, first, reach - first);
    const struct image predicted = rows_of(&e->predicted, first - e->first_row, reach - first);
    const size_t n_windows = e->n_bands == 1 ? 1 : reach - SSIM_REACH - first;
    double ssim = 0.0;
    b->status = metrics_ssim(&targets, &predicted, &ssim, NULL);
    b->ssim = ssim * (double)n_windows;
}

static void measure_member(void *context, size_t member)
{
    struct evaluation *e = context;
    if (member < e->n_slab_bands && !task_stopped(e->how->stop))
        measure_band(e, e->first_band + member);
}

/* The field at rows first … end - 1 of the picture. */
static enum status predict(struct evaluation *e, size_t first, size_t end, struct error *err)
{
    const size_t width = e->predicted.width, channels = e->predicted.channels;
    const size_t end_pixel = end * width;
    enum status status = STATUS_OK;
    for (size_t pixel = first * width; pixel < end_pixel && status == STATUS_OK;) {
        const size_t n = end_pixel - pixel < SLAB_POINTS ? end_pixel - pixel : SLAB_POINTS;
        for (size_t i = 0; i < n; i++)
            write_centre(e->task, pixel + i, e->coords + 2 * i);
        domain_unit_from_source(&e->task->domain, n, e->coords, e->coords);
        status = task_query(e->field, e->team, n, e->coords,
                            e->predicted.values + (pixel - e->first_row * width) * channels,
                            e->how->stop, err);
        pixel += n;
    }
    return status;
}

/* Bands first_band … and all that can be measured with them. */
static enum status measure_slab(struct evaluation *e, struct error *err)
{
    const size_t n_members = team_size(e->team), n_left = e->n_bands - e->first_band;
    size_t first, end, reach, n_kept = 0;
    e->n_slab_bands = n_left < n_members ? n_left : n_members;
    band_bounds(e, e->first_band, &first, &end, &reach);
    if (first > 0) {
        const struct image kept = rows_of(&e->predicted, first - e->first_row, SSIM_REACH);
        n_kept = SSIM_REACH;
        memmove(e->predicted.values, kept.values,
                n_kept * kept.width * kept.channels * sizeof(float));
    }
    e->first_row = first;
    band_bounds(e, e->first_band + e->n_slab_bands - 1, &first, &end, &reach);
    enum status status = predict(e, e->first_row + n_kept, reach, err);
    if (status != STATUS_OK)
        return status;
    team_run(e->team, measure_member, e);
    if (task_stopped(e->how->stop))
        return error_status(err, STATUS_CANCELED);
    for (size_t i = 0; i < e->n_slab_bands; i++)
        if (e->band[e->first_band + i].status != STATUS_OK)
            return error_status(err, e->band[e->first_band + i].status);
    e->first_band += e->n_slab_bands;
    return STATUS_OK;
}

static void add_baselines(const struct task_image *t, const double squared_error[N_BASELINES],
                          struct task_metrics *out)
{
    static const char *const keys[N_BASELINES] = {[BASELINE_NEAREST] = "baseline_nearest_psnr",
                                                  [BASELINE_BILINEAR] = "baseline_bilinear_psnr",
                                                  [BASELINE_BICUBIC] = "baseline_bicubic_psnr"};
    double best = squared_error[0];
    for (int b = 0; b < N_BASELINES; b++) {
        best = squared_error[b] < best ? squared_error[b] : best;
        task_metrics_add(out, keys[b],
                         metrics_psnr(squared_error[b], t->n_test * t->image->channels));
    }
    task_metrics_add(out, "baseline_psnr", metrics_psnr(best, t->n_test * t->image->channels));
}

static enum status evaluate_fully(const struct task_image *t, const struct field *f,
                                  struct team *team, const struct task_evaluation *how,
                                  struct task_metrics *out, struct error *err)
{
    struct evaluation e = {.task = t, .field = f, .team = team, .how = how};
    struct band sum = {.ssim = 0.0};
    double baseline[N_BASELINES];
    enum status status = evaluation_init(&e, err);
    while (status == STATUS_OK && e.first_band < e.n_bands) {
        status = measure_slab(&e, err);
        if (status == STATUS_OK && how->progress)
            how->progress(how->context, (double)e.first_band / (double)e.n_bands);
    }
    if (status == STATUS_OK && t->n_test > 0)
        status = baseline_measure(t->image, t->held, team, how->stop, baseline, err);
    if (status != STATUS_OK)
        goto out;
    for (size_t i = 0; i < e.n_bands; i++) {
        sum.ssim += e.band[i].ssim;
        for (int s = 0; s < N_SETS; s++)
            sum.squared_error[s] += e.band[i].squared_error[s];
    }
    for (int s = 0; s < N_SETS; s++) {
        const size_t n = set_size(t, (enum sample_set)s) * t->image->channels;
        if (n > 0)
            task_metrics_add(out, sample_set_psnr_key((enum sample_set)s),
                             metrics_psnr(sum.squared_error[s], n));
    }
    task_metrics_add(out, "ssim", sum.ssim / (double)e.n_windows);
    if (t->n_test > 0)
        add_baselines(t, baseline, out);
out:
    evaluation_deinit(&e);
    return status;
}

static enum status evaluate(const struct task *task, const struct field *f, struct team *team,
                            const struct task_evaluation *how, struct task_metrics *out,
                            struct error *err)
{
    const struct task_image *t = of(task);
    if (how->effort == EVALUATE_FULL)
        return evaluate_fully(t, f, team, how, out, err);
    enum status status = evaluate_quickly(t, SET_TRAIN, f, team, how->stop, out, err);
    if (status == STATUS_OK && t->n_test > 0)
        status = evaluate_quickly(t, SET_TEST, f, team, how->stop, out, err);
    return status;
}

/* --- what is left, and survey --- */

static void read_sample(const void *context, size_t x, size_t y, float *unit, float *value)
{
    const struct task_image *t = context;
    const size_t pixel = y * t->image->width + x;
    write_centre(t, pixel, unit);
    domain_unit_from_source(&t->domain, 1, unit, unit);
    write_target(t, pixel, value);
}

static enum status open_bands(struct task_image *t, struct error *err)
{
    const struct image *image = t->image;
    const struct sample_plane plane = {image->width, image->height, 2, image->channels, t,
                                       read_sample};
    return residual_bands_create(&t->bands, &plane, &t->task.n_band_points, err);
}

static enum status measure_bands(const struct task *task, const struct field *f, struct team *team,
                                 const volatile bool *stop, struct task_metrics *out,
                                 struct error *err)
{
    return residual_bands_measure(of(task)->bands, f, team, stop, out, err);
}

static void read_pixel(const void *context, size_t pixel, float *values)
{
    write_target(context, pixel, values);
}

static enum status survey(const struct task *task, struct survey *out, struct error *err)
{
    const struct task_image *t = of(task);
    const struct lattice_samples samples = {
        .n_dims = 2,
        .size = {t->image->width, t->image->height, 1},
        .channels = t->image->channels,
        .stride = t->spec.holdout == HOLDOUT_ODD_PIXELS ? 2 : 1,
        .held = t->held,
        .held_fraction = t->spec.holdout_fraction,
        .read = read_pixel,
        .context = t,
    };
    return survey_lattice(out, &samples, err);
}

/* --- life --- */

static void free_image_task(struct task *task)
{
    struct task_image *t = (struct task_image *)task;
    mem_free(t->held);
    mem_free(t->kept);
    residual_bands_free(t->bands);
    mem_free(t);
}

static const struct task_class image_class = {
    .name = "image",
    .draw = draw,
    .loss = loss,
    .evaluate = evaluate,
    .measure_bands = measure_bands,
    .survey = survey,
    .free = free_image_task,
};

enum status task_image_create(struct task **out, const struct image *image,
                              const struct task_image_spec *spec, struct error *err)
{
    const bool is_free = image->type == SAMPLE_FLOAT; /* of integers all are in 0..1 */
    enum status status = sample_check_loss(
        spec->loss, spec->output_activation,
        is_free ? image->width * image->height * image->channels : 0, image->values, err);
    if (status != STATUS_OK)
        return status;
    struct task_image *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    *t = (struct task_image){
        .task = {.class = &image_class,
                 .n_inputs = 2,
                 .n_outputs = image->channels,
                 .group_size = 1,
                 .n_targets = image->channels},
        .image = image,
        .spec = *spec,
        .domain = domain_of_image(image->width, image->height),
    };
    status = divide(t, err);
    t->task.n_held_out = t->n_test;
    t->task.n_evaluated = quick_size(t, SET_TRAIN) + quick_size(t, SET_TEST);
    if (status == STATUS_OK && spec->holdout == HOLDOUT_FRACTION)
        status = draw_sets(t, err);
    if (status == STATUS_OK)
        status = open_bands(t, err);
    if (status != STATUS_OK) {
        free_image_task(&t->task);
        return status;
    }
    *out = &t->task;
    return STATUS_OK;
}
