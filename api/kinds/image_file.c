#include "api/kinds/image_file.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/format/jpeg.h"
#include "core/format/npy.h"
#include "core/format/png.h"

/* --- formats --- */

enum format { FORMAT_PNG, FORMAT_JPEG, FORMAT_NPY, FORMAT_UNKNOWN };

/* How files begin, and their media types. */
static const struct signature {
    enum format format;
    size_t size;
    const char *bytes;
    const char *type;
} signatures[] = {
    {FORMAT_PNG, 8, "\x89PNG\r\n\x1a\n", "image/png"},
    {FORMAT_JPEG, 3, "\xff\xd8\xff", "image/jpeg"},
    {FORMAT_NPY, 6, "\x93NUMPY", "application/x-npy"},
};

static const struct signature *find_signature(const uint8_t *bytes, size_t n)
{
    static const struct signature unknown = {FORMAT_UNKNOWN, 0, "", NULL};
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (n >= signatures[i].size && memcmp(bytes, signatures[i].bytes, signatures[i].size) == 0)
            return &signatures[i];
    return &unknown;
}

const char *image_file_type(const uint8_t *bytes, size_t n, bool is_image_said)
{
    const struct signature *s = find_signature(bytes, n);
    return s->format == FORMAT_NPY && !is_image_said ? NULL : s->type;
}

static enum status refuse(struct error *err)
{
    return error_set(err, STATUS_INVALID, "",
                     "the bytes are no image: PNG, JPEG and NPY can be read");
}

enum status image_file_check(const uint8_t *bytes, size_t n, struct image_file_facts *out,
                             struct error *err)
{
    const struct signature *s = find_signature(bytes, n);
    struct image_facts facts;
    enum status status = STATUS_OK;
    switch (s->format) {
    case FORMAT_PNG:
        status = png_check(bytes, n, &facts, err);
        break;
    case FORMAT_JPEG:
        status = jpeg_check(bytes, n, &facts, err);
        break;
    case FORMAT_NPY:
        status = npy_check_image(bytes, n, &facts, err);
        break;
    case FORMAT_UNKNOWN:
        return refuse(err);
    }
    if (status == STATUS_OK)
        *out = (struct image_file_facts){s->type, facts};
    return status;
}

enum status image_file_decode(const uint8_t *bytes, size_t n, struct image *out, struct error *err)
{
    switch (find_signature(bytes, n)->format) {
    case FORMAT_PNG:
        return png_decode(bytes, n, out, NULL, err);
    case FORMAT_JPEG:
        return jpeg_decode(bytes, n, out, err);
    case FORMAT_NPY:
        return npy_decode_image(bytes, n, out, err);
    case FORMAT_UNKNOWN:
        break;
    }
    return refuse(err);
}

/* --- previews --- */

/* A preview's pixels in all: 4 MiB as RGBA, whatever the shape of the picture. */
static const double max_preview_pixels = 1024.0 * 1024.0;

static size_t at_least_one(double side)
{
    return side < 1.0 ? 1 : (size_t)side;
}

/* The stretch of an axis of n pixels that pixel i of n_out covers. */
struct stretch {
    double from, to;
    size_t first, last; /* pixels it touches: first … last - 1 */
};

static struct stretch stretch_of(size_t i, size_t n_out, size_t n)
{
    const double scale = (double)n / (double)n_out;
    struct stretch s = {.from = (double)i * scale, .to = (double)(i + 1) * scale};
    s.first = (size_t)s.from;
    s.last = i + 1 == n_out ? n : (size_t)ceil(s.to);
    return s;
}

/* How much of pixel i it covers, 0..1. */
static double cover(const struct stretch *s, size_t i)
{
    return fmin(s->to, (double)(i + 1)) - fmax(s->from, (double)i);
}

static void box_mean(const struct image *image, const struct stretch *xs, const struct stretch *ys,
                     uint8_t *out)
{
    const size_t channels = image->channels;
    const double area = (xs->to - xs->from) * (ys->to - ys->from);
    double sum[LIMIT_CHANNELS] = {0};
    for (size_t y = ys->first; y < ys->last; y++)
        for (size_t x = xs->first; x < xs->last; x++) {
            float pixel[LIMIT_CHANNELS];
            image_read(image, (y * image->width + x) * channels, channels, pixel);
            const double weight = cover(xs, x) * cover(ys, y);
            for (size_t c = 0; c < channels; c++)
                sum[c] += weight * (double)pixel[c];
        }
    for (size_t c = 0; c < channels; c++)
        out[c] = (uint8_t)lround(fmin(fmax(sum[c] / area, 0.0), 1.0) * 255.0);
}

enum status image_file_reduce(const struct image *image, size_t width, struct image *out,
                              struct error *err)
{
    const double aspect = (double)image->height / (double)image->width;
    double side = (double)(width < image->width ? width : image->width);
    if (side * side * aspect > max_preview_pixels)
        side = sqrt(max_preview_pixels / aspect);
    const size_t w = at_least_one(side);
    size_t h = at_least_one(round((double)w * aspect));
    if (h > image->height)
        h = image->height;
    struct image small = {0};
    enum status status = image_create(&small, SAMPLE_U8, w, h, image->channels, err);
    if (status != STATUS_OK)
        return status;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const struct stretch xs = stretch_of(x, w, image->width);
            const struct stretch ys = stretch_of(y, h, image->height);
            box_mean(image, &xs, &ys, small.u8 + (y * w + x) * image->channels);
        }
    *out = small;
    return STATUS_OK;
}
