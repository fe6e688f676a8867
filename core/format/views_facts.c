#include "core/format/views_facts.h"

#include <math.h>
#include <stdio.h>

#include "core/base/limits.h"
#include "core/format/view_picture.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

enum status views_facts_add(struct views_facts *f, const struct view *camera,
                            const struct image_facts *picture, size_t n_file, struct error *err)
{
    const size_t sample = picture->bits_per_channel <= 8 ? 1 : picture->bits_per_channel / 8;
    const size_t n_samples = picture->width * picture->height * picture->channels;
    const bool is_first = f->n_views == 0;
    /* Samples of at most 4 bytes, 4 a pixel: sums stay far from wrapping. */
    if (f->n_pixels + picture->width * picture->height > LIMIT_VIEWS_PIXELS)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "the views have more than %zu pixels together: make them smaller",
                         LIMIT_VIEWS_PIXELS);
    f->n_pixels += picture->width * picture->height;
    f->n_bytes += n_samples * sample;
    f->n_largest = most(f->n_largest, n_file + n_samples * sample);
    f->n_views++;
    f->n_of[camera->split]++;
    f->channels = most(f->channels, picture->channels);
    f->width[0] = is_first ? picture->width : least(f->width[0], picture->width);
    f->height[0] = is_first ? picture->height : least(f->height[0], picture->height);
    f->width[1] = most(f->width[1], picture->width);
    f->height[1] = most(f->height[1], picture->height);
    for (size_t d = 0; d < 3; d++) {
        const double at = camera->c2w[d][3];
        f->low[d] = is_first ? at : fmin(f->low[d], at);
        f->high[d] = is_first ? at : fmax(f->high[d], at);
    }
    f->has_distortion |=
        camera->k1 != 0.0 || camera->k2 != 0.0 || camera->p1 != 0.0 || camera->p2 != 0.0;
    return STATUS_OK;
}

void views_facts_warn(struct views_facts *f, const char *format, ...)
{
    va_list arguments;
    if (f->n_warnings == VIEWS_MAX_WARNINGS)
        return;
    va_start(arguments, format);
    vsnprintf(f->warnings[f->n_warnings++], sizeof *f->warnings, format, arguments);
    va_end(arguments);
}

enum status views_facts_check(const struct views_facts *f, struct error *err)
{
    if (f->n_of[VIEW_TRAIN] > 0)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "",
                     "there is no view to train on, only %zu for validation and %zu for a test",
                     f->n_of[VIEW_VALIDATION], f->n_of[VIEW_TEST]);
}

size_t views_facts_bytes(const struct views_facts *f, const struct views_options *options)
{
    /* No view has a lesser factor than one of the least sides. */
    const size_t factor = views_factor(options, f->width[0], f->height[0]);
    const size_t n = views_n_taken(options, f->n_views);
    const size_t full = n == f->n_views ? f->n_bytes : least(f->n_bytes, n * f->n_largest);
    return full / (factor * factor) + f->n_largest;
}

size_t views_factor(const struct views_options *options, size_t width, size_t height)
{
    const size_t factor = most(options->factor, 1);
    if (options->max_side == 0)
        return factor;
    const size_t wanted = (most(width, height) + options->max_side - 1) / options->max_side;
    return most(factor, least(wanted, least(width, height)));
}

size_t views_n_taken(const struct views_options *options, size_t n)
{
    return options->n_most == 0 ? n : least(n, options->n_most);
}

size_t views_taken(const struct views_options *options, size_t n, size_t i)
{
    return i * n / views_n_taken(options, n);
}

enum status views_shrink(struct view *v, size_t factor, struct error *err)
{
    enum status status = view_picture_shrink(&v->image, factor, err);
    if (status != STATUS_OK)
        return status;
    v->fx /= (double)factor;
    v->fy /= (double)factor;
    v->cx /= (double)factor;
    v->cy /= (double)factor;
    return STATUS_OK;
}
