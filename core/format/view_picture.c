#include "core/format/view_picture.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/format/jpeg.h"
#include "core/format/png.h"

static bool begins_with(const uint8_t *bytes, size_t n_bytes, const char *mark, size_t n)
{
    return n_bytes >= n && memcmp(bytes, mark, n) == 0;
}

static bool is_png(const uint8_t *bytes, size_t n_bytes)
{
    return begins_with(bytes, n_bytes, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_jpeg(const uint8_t *bytes, size_t n_bytes)
{
    return begins_with(bytes, n_bytes, "\xff\xd8\xff", 3);
}

static enum status other_format(struct error *err)
{
    return error_set(err, STATUS_UNSUPPORTED, "", "it is neither PNG nor JPEG");
}

/* Of the view, by those of the file. */
static size_t view_channels(size_t channels)
{
    return channels <= 2 ? channels + 2 : channels;
}

enum status view_picture_check(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                               struct error *err)
{
    struct image_facts facts = {0};
    enum status status = is_png(bytes, n_bytes)    ? png_check_stored(bytes, n_bytes, &facts, err)
                         : is_jpeg(bytes, n_bytes) ? jpeg_check_stored(bytes, n_bytes, &facts, err)
                                                   : other_format(err);
    if (status != STATUS_OK)
        return status;
    facts.channels = view_channels(facts.channels);
    *out = facts;
    return STATUS_OK;
}

static enum status spread_grey(struct image *image, struct error *err)
{
    const size_t channels = image->channels, size = image_sample_size(image->type);
    struct image color;
    enum status status = image_create(&color, image->type, image->width, image->height,
                                      view_channels(channels), err);
    if (status != STATUS_OK)
        return status;
    const uint8_t *from = image->samples;
    uint8_t *to = color.samples;
    for (size_t i = 0; i < image->width * image->height; i++) {
        for (size_t c = 0; c < 3; c++, to += size)
            memcpy(to, from, size);
        if (channels == 2) {
            memcpy(to, from + size, size);
            to += size;
        }
        from += channels * size;
    }
    image_deinit(image);
    *image = color;
    return STATUS_OK;
}

enum status view_picture_decode(const uint8_t *bytes, size_t n_bytes, struct image *out,
                                struct error *err)
{
    struct image image = {0};
    enum status status = is_png(bytes, n_bytes)    ? png_decode_stored(bytes, n_bytes, &image, err)
                         : is_jpeg(bytes, n_bytes) ? jpeg_decode_stored(bytes, n_bytes, &image, err)
                                                   : other_format(err);
    if (status == STATUS_OK && image.channels <= 2)
        status = spread_grey(&image, err);
    if (status != STATUS_OK)
        image_deinit(&image);
    else
        *out = image;
    return status;
}

/* --- smaller --- */

/* Of floats, and of whole numbers of 16 bits. */
static double sample(const struct image *image, size_t i)
{
    return image->type == SAMPLE_U16 ? (double)image->u16[i] : (double)image->values[i];
}

static void set_sample(struct image *image, size_t i, double v)
{
    if (image->type == SAMPLE_U16)
        image->u16[i] = (uint16_t)lround(v);
    else
        image->values[i] = (float)v;
}

/* Pixel (x, y) of the small image. */
static void set_mean(const struct image *image, size_t factor, size_t x, size_t y,
                     struct image *small)
{
    const size_t channels = image->channels;
    double sum[LIMIT_CHANNELS] = {0}, weight = 0.0;
    for (size_t dy = 0; dy < factor; dy++) {
        size_t i = ((y * factor + dy) * image->width + x * factor) * channels;
        for (size_t dx = 0; dx < factor; dx++, i += channels) {
            const double w = channels == 4 ? sample(image, i + 3) : 1.0;
            for (size_t c = 0; c < 3; c++)
                sum[c] += w * sample(image, i + c);
            weight += w;
        }
    }
    const size_t to = (y * small->width + x) * channels;
    for (size_t c = 0; c < 3; c++)
        set_sample(small, to + c, weight > 0.0 ? sum[c] / weight : 0.0);
    if (channels == 4)
        set_sample(small, to + 3, weight / (double)(factor * factor));
}

/* a / b to the nearest, halves up. */
static uint8_t nearest(uint64_t a, uint64_t b)
{
    return b > 0 ? (uint8_t)((a + b / 2) / b) : 0;
}

/* The same in whole numbers, of bytes: what photographs are. */
static void set_mean_rgb8(const struct image *image, size_t factor, size_t x, size_t y,
                          struct image *small)
{
    uint64_t sum[3] = {0};
    for (size_t dy = 0; dy < factor; dy++) {
        const uint8_t *p = image->u8 + ((y * factor + dy) * image->width + x * factor) * 3;
        for (size_t dx = 0; dx < factor; dx++, p += 3) {
            sum[0] += p[0];
            sum[1] += p[1];
            sum[2] += p[2];
        }
    }
    for (size_t c = 0; c < 3; c++)
        small->u8[(y * small->width + x) * 3 + c] = nearest(sum[c], factor * factor);
}

static void set_mean_rgba8(const struct image *image, size_t factor, size_t x, size_t y,
                           struct image *small)
{
    uint64_t sum[4] = {0};
    for (size_t dy = 0; dy < factor; dy++) {
        const uint8_t *p = image->u8 + ((y * factor + dy) * image->width + x * factor) * 4;
        for (size_t dx = 0; dx < factor; dx++, p += 4) {
            const uint64_t alpha = p[3];
            sum[0] += alpha * p[0];
            sum[1] += alpha * p[1];
            sum[2] += alpha * p[2];
            sum[3] += alpha;
        }
    }
    uint8_t *to = small->u8 + (y * small->width + x) * 4;
    for (size_t c = 0; c < 3; c++)
        to[c] = nearest(sum[c], sum[3]);
    to[3] = nearest(sum[3], factor * factor);
}

enum status view_picture_shrink(struct image *image, size_t factor, struct error *err)
{
    if (factor == 1)
        return STATUS_OK;
    if (factor == 0 || factor > image->width || factor > image->height)
        return error_set(err, STATUS_INVALID, "",
                         "a picture of %zu x %zu pixels cannot be made smaller by %zu",
                         image->width, image->height, factor);
    struct image small;
    enum status status = image_create(&small, image->type, image->width / factor,
                                      image->height / factor, image->channels, err);
    if (status != STATUS_OK)
        return status;
    void (*const set)(const struct image *, size_t, size_t, size_t, struct image *) =
        image->type != SAMPLE_U8 ? set_mean
        : image->channels == 3   ? set_mean_rgb8
                                 : set_mean_rgba8;
    for (size_t y = 0; y < small.height; y++)
        for (size_t x = 0; x < small.width; x++)
            set(image, factor, x, y, &small);
    image_deinit(image);
    *image = small;
    return STATUS_OK;
}
