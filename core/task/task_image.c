#include "core/task/task_image.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/domain.h"
#include "core/field/metrics.h"

enum {
    QUICK_SAMPLES = 16384, /* of each set, while training (contract) */
    SLAB_POINTS = 65536,   /* points of the whole image that are evaluated at once */
    SSIM_BAND = 64,        /* rows of windows that one thread measures at once */
    SSIM_REACH = 10,       /* rows that a band reads beyond its own: the window is 11 */
};

enum set { SET_TRAIN, SET_TEST };

struct task_image {
    struct task task; /* first: a struct task * is cast back */
    const struct image *image;
    struct task_image_spec spec;
    struct domain domain;
    size_t n_test;
};

static const struct task_image *of(const struct task *t)
{
    return (const struct task_image *)t;
}

/* --- sets: sample -> pixel --- */

static size_t set_size(const struct task_image *t, enum set set)
{
    return set == SET_TRAIN ? t->task.n_samples : t->n_test;
}

/* Pixel number (row-major) of sample i of a set.  Of a fraction, the first n_test of a fixed
 * permutation of all pixels are the test set. */
static size_t pixel_of(const struct task_image *t, enum set set, uint64_t i)
{
    const size_t width = t->image->width;
    const uint64_t n_pixels = (uint64_t)width * t->image->height;
    const size_t parity = set == SET_TEST;
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
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
    switch (t->spec.holdout) {
    case HOLDOUT_NONE:
        return STATUS_OK;
    case HOLDOUT_ODD_PIXELS:
        t->n_test = width / 2 * (height / 2);
        t->task.n_samples = (width + 1) / 2 * ((height + 1) / 2);
        break;
    case HOLDOUT_FRACTION: {
        const double fraction = t->spec.holdout_fraction;
        if (!(fraction > 0.0 && fraction < 1.0))
            return error_set(err, STATUS_INVALID, "/train/holdout_fraction",
                             "'holdout_fraction' must be between 0 and 1, got %g", fraction);
        t->n_test = (size_t)llround(fraction * (double)n_pixels);
        if (t->n_test == 0)
            t->n_test = 1;
        if (t->n_test >= n_pixels)
            t->n_test = n_pixels - 1;
        t->task.n_samples = n_pixels - t->n_test;
        break;
    }
    }
    if (t->n_test == 0 || t->task.n_samples == 0)
        return error_set(err, STATUS_INVALID, "/train/holdout",
                         "an image of %zu x %zu pixels leaves nothing to hold out", width, height);
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
    for (size_t c = 0; c < channels; c++)
        target[c] = t->image->values[pixel * channels + c];
}

/* --- training --- */

static void draw(const struct task *task, struct task_tile *tile)
{
    const struct task_image *t = of(task);
    const uint64_t n = task->n_samples;
    const uint64_t place = tile->step * tile->batch_size + tile->first;
    uint64_t epoch = place / n, position = place % n;
    for (size_t i = 0; i < tile->n; i++) {
        size_t pixel =
            pixel_of(t, SET_TRAIN, rng_permute(t->spec.seed, RNG_BATCH, epoch, n, position));
        write_centre(t, pixel, tile->coords + 2 * i);
        write_target(t, pixel, tile->targets + task->n_targets * i);
        if (++position == n) {
            position = 0;
            epoch++;
        }
    }
    domain_unit_from_source(&t->domain, tile->n, tile->coords, tile->coords);
}

static double loss(const struct task *task, const struct task_tile *tile)
{
    const struct task_image *t = of(task);
    const size_t channels = task->n_outputs;
    return loss_evaluate(t->spec.loss, t->spec.output_activation, tile->n * channels, tile->raw,
                         tile->values, tile->targets,
                         1.0 / ((double)tile->batch_size * (double)channels), tile->d_raw);
}

/* --- evaluation --- */

static const char *psnr_key(enum set set)
{
    return set == SET_TRAIN ? "psnr" : "test_psnr";
}

/* PSNR over a fixed, spread-out part of a set. */
static enum status evaluate_quickly(const struct task_image *t, enum set set, const struct field *f,
                                    struct team *team, const volatile bool *stop,
                                    struct task_metrics *out, struct error *err)
{
    const size_t channels = t->image->channels, n_set = set_size(t, set);
    const size_t n = n_set < QUICK_SAMPLES ? n_set : QUICK_SAMPLES;
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
            out, psnr_key(set),
            metrics_psnr(metrics_squared_error(n * channels, values, targets), n * channels));
out:
    mem_free(coords);
    mem_free(targets);
    mem_free(values);
    return status;
}

/* The field at every pixel. */
static enum status predict(const struct task_image *t, const struct field *f, struct team *team,
                           const volatile bool *stop, struct image *out, struct error *err)
{
    const size_t n_pixels = out->width * out->height;
    const size_t n_slab = n_pixels < SLAB_POINTS ? n_pixels : SLAB_POINTS;
    float *coords = mem_alloc_floats(n_slab * 2);
    if (!coords)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = STATUS_OK;
    for (size_t first = 0; first < n_pixels && status == STATUS_OK; first += n_slab) {
        const size_t n = n_pixels - first < n_slab ? n_pixels - first : n_slab;
        for (size_t i = 0; i < n; i++)
            write_centre(t, first + i, coords + 2 * i);
        domain_unit_from_source(&t->domain, n, coords, coords);
        status = task_query(f, team, n, coords, out->values + first * out->channels, stop, err);
    }
    mem_free(coords);
    return status;
}

static double psnr_of_set(const struct task_image *t, enum set set, const struct image *predicted)
{
    const size_t channels = predicted->channels, n = set_size(t, set);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const size_t at = pixel_of(t, set, i) * channels;
        sum += metrics_squared_error(channels, predicted->values + at, t->image->values + at);
    }
    return metrics_psnr(sum, n * channels);
}

/* SSIM by bands of rows, one band on one thread at a time.  Mean over all windows = mean over the
 * bands weighted by their rows of windows. */
struct ssim_bands {
    const struct image *image, *predicted;
    const volatile bool *stop;
    size_t n_members;
    size_t n_bands, n_rows; /* n_rows: of windows, in all */
    double *sum;            /* [n_bands]: SSIM times rows of windows */
    enum status *status;    /* [n_members] */
};

/* A view of rows first … first + n - 1: not to be freed. */
static struct image rows_of(const struct image *image, size_t first, size_t n)
{
    struct image view = *image;
    view.height = n;
    view.values += first * image->width * image->channels;
    return view;
}

static void measure_bands(void *context, size_t member)
{
    struct ssim_bands *b = context;
    size_t begin, count;
    team_share(b->n_bands, 1, b->n_members, member, &begin, &count);
    for (size_t i = begin; i < begin + count && !task_stopped(b->stop); i++) {
        const size_t first = i * SSIM_BAND;
        const size_t n = b->n_rows - first < SSIM_BAND ? b->n_rows - first : SSIM_BAND;
        const size_t n_image_rows = b->n_bands == 1 ? b->image->height : n + SSIM_REACH;
        const struct image image = rows_of(b->image, first, n_image_rows);
        const struct image predicted = rows_of(b->predicted, first, n_image_rows);
        double ssim = 0.0;
        b->status[member] = metrics_ssim(&image, &predicted, &ssim, NULL);
        if (b->status[member] != STATUS_OK)
            return;
        b->sum[i] = ssim * (double)n;
    }
}

static enum status measure_ssim(const struct image *image, const struct image *predicted,
                                struct team *team, const volatile bool *stop, double *out,
                                struct error *err)
{
    struct ssim_bands b = {.image = image, .predicted = predicted, .stop = stop};
    b.n_members = team_size(team);
    /* An image narrower or lower than the window has a smaller window: one band. */
    const bool whole = image->height <= SSIM_REACH + SSIM_BAND || image->width <= SSIM_REACH;
    b.n_rows = whole ? 1 : image->height - SSIM_REACH;
    b.n_bands = whole ? 1 : (b.n_rows + SSIM_BAND - 1) / SSIM_BAND;
    b.sum = mem_alloc_array(b.n_bands, sizeof *b.sum);
    b.status = mem_alloc_array(b.n_members, sizeof *b.status);
    enum status status = STATUS_OK;
    if (!b.sum || !b.status) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    team_run(team, measure_bands, &b);
    for (size_t i = 0; i < b.n_members && status == STATUS_OK; i++)
        if (b.status[i] != STATUS_OK)
            status = error_status(err, b.status[i]);
    if (status == STATUS_OK && task_stopped(stop))
        status = error_status(err, STATUS_CANCELED);
    double sum = 0.0;
    for (size_t i = 0; i < b.n_bands; i++)
        sum += b.sum[i];
    if (status == STATUS_OK)
        *out = sum / (double)b.n_rows;
out:
    mem_free(b.sum);
    mem_free(b.status);
    return status;
}

/* The whole image is predicted once; every metric is read off it. */
static enum status evaluate_fully(const struct task_image *t, const struct field *f,
                                  struct team *team, const volatile bool *stop,
                                  struct task_metrics *out, struct error *err)
{
    struct image predicted;
    enum status status =
        image_create(&predicted, t->image->width, t->image->height, t->image->channels, err);
    if (status != STATUS_OK)
        return status;
    status = predict(t, f, team, stop, &predicted, err);
    if (status != STATUS_OK)
        goto out;
    double ssim = 0.0;
    status = measure_ssim(t->image, &predicted, team, stop, &ssim, err);
    if (status != STATUS_OK)
        goto out;
    task_metrics_add(out, psnr_key(SET_TRAIN), psnr_of_set(t, SET_TRAIN, &predicted));
    if (t->n_test > 0)
        task_metrics_add(out, psnr_key(SET_TEST), psnr_of_set(t, SET_TEST, &predicted));
    task_metrics_add(out, "ssim", ssim);
out:
    image_deinit(&predicted);
    return status;
}

static enum status evaluate(const struct task *task, const struct field *f, struct team *team,
                            enum task_effort effort, const volatile bool *stop,
                            struct task_metrics *out, struct error *err)
{
    const struct task_image *t = of(task);
    if (effort == EVALUATE_FULL)
        return evaluate_fully(t, f, team, stop, out, err);
    enum status status = evaluate_quickly(t, SET_TRAIN, f, team, stop, out, err);
    if (status == STATUS_OK && t->n_test > 0)
        status = evaluate_quickly(t, SET_TEST, f, team, stop, out, err);
    return status;
}

/* --- life --- */

static void free_image_task(struct task *task)
{
    mem_free(task);
}

static const struct task_class image_class = {
    .name = "image",
    .draw = draw,
    .loss = loss,
    .evaluate = evaluate,
    .free = free_image_task,
};

/* Cross-entropy asks for probabilities on both sides: as values of the field and as targets. */
static enum status check_loss(const struct image *image, const struct task_image_spec *spec,
                              struct error *err)
{
    if (spec->loss != LOSS_BCE)
        return loss_check(spec->loss, spec->output_activation, err);
    if (spec->output_activation != ACTIVATION_SIGMOID)
        return error_set(err, STATUS_INVALID, "/train/loss",
                         "'loss' of an image can be 'bce' with the output activation 'sigmoid' "
                         "only, got '%s'",
                         activation_name(spec->output_activation));
    const size_t n = image->width * image->height * image->channels;
    for (size_t i = 0; i < n; i++)
        if (!(image->values[i] >= 0.0f && image->values[i] <= 1.0f))
            return error_set(err, STATUS_INVALID, "/train/loss",
                             "'loss' can be 'bce' for values in 0..1 only, the image has %g",
                             (double)image->values[i]);
    return STATUS_OK;
}

enum status task_image_create(struct task **out, const struct image *image,
                              const struct task_image_spec *spec, struct error *err)
{
    enum status status = check_loss(image, spec, err);
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
    if (status != STATUS_OK) {
        mem_free(t);
        return status;
    }
    *out = &t->task;
    return STATUS_OK;
}
