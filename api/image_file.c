#include "api/image_file.h"

#include <math.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/format/jpeg.h"
#include "core/format/npy.h"
#include "core/format/png.h"

/* --- formats --- */

enum format { FORMAT_PNG, FORMAT_JPEG, FORMAT_NPY, FORMAT_ZIP, FORMAT_OTHER_KIND, FORMAT_UNKNOWN };

/* How files begin.  name: the media type of an image, in words what is of a later part. */
static const struct signature {
    enum format format;
    size_t size;
    const char *bytes;
    const char *name;
} signatures[] = {
    {FORMAT_PNG, 8, "\x89PNG\r\n\x1a\n", "image/png"},
    {FORMAT_JPEG, 3, "\xff\xd8\xff", "image/jpeg"},
    {FORMAT_NPY, 6, "\x93NUMPY", "application/x-npy"},
    {FORMAT_ZIP, 4, "PK\x03\x04", NULL},
    {FORMAT_OTHER_KIND, 4, "NRRD", "an NRRD volume"},
    {FORMAT_OTHER_KIND, 2, "\x1f\x8b", "a gzip file"},
    {FORMAT_OTHER_KIND, 4, "\x5c\x01\x00\x00", "a NIfTI volume"},
    {FORMAT_OTHER_KIND, 4, "ply\n", "a PLY mesh"},
    {FORMAT_OTHER_KIND, 4, "OFF\n", "an OFF mesh"},
};

static const struct signature *find_signature(const uint8_t *bytes, size_t n)
{
    static const struct signature unknown = {FORMAT_UNKNOWN, 0, "", NULL};
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (n >= signatures[i].size && memcmp(bytes, signatures[i].bytes, signatures[i].size) == 0)
            return &signatures[i];
    return &unknown;
}

/* Which image format is it?  One that may not be read, and none at all, are told apart in words. */
static enum status find_format(const uint8_t *bytes, size_t n, bool is_image_said,
                               const struct signature **out, struct error *err)
{
    const struct signature *s = find_signature(bytes, n);
    *out = s;
    if (s->format == FORMAT_PNG || s->format == FORMAT_JPEG ||
        (s->format == FORMAT_NPY && is_image_said))
        return STATUS_OK;
    if (s->format == FORMAT_NPY)
        return error_set(err, STATUS_INVALID, "/kind",
                         "an NPY file does not tell its kind: give ?kind=image");
    if (s->format == FORMAT_ZIP && !is_image_said)
        return error_set(err, STATUS_INVALID, "/kind",
                         "an archive does not tell its kind: give ?kind=");
    if (s->format == FORMAT_OTHER_KIND && !is_image_said)
        return error_set(err, STATUS_UNSUPPORTED, "/kind", "%s is not supported, only images are",
                         s->name);
    return error_set(err, STATUS_INVALID, "",
                     "the bytes are no image: PNG, JPEG and NPY can be read");
}

enum status image_file_check(const uint8_t *bytes, size_t n, bool is_image_said,
                             struct image_file_facts *out, struct error *err)
{
    const struct signature *s;
    struct image_facts facts;
    enum status status = find_format(bytes, n, is_image_said, &s, err);
    if (status != STATUS_OK)
        return status;
    if (s->format == FORMAT_PNG)
        status = png_check(bytes, n, &facts, err);
    else if (s->format == FORMAT_JPEG)
        status = jpeg_check(bytes, n, &facts, err);
    else
        status = npy_check_image(bytes, n, &facts, err);
    if (status == STATUS_OK)
        *out = (struct image_file_facts){s->name, facts};
    return status;
}

enum status image_file_decode(const uint8_t *bytes, size_t n, bool is_image_said, struct image *out,
                              struct error *err)
{
    const struct signature *s;
    enum status status = find_format(bytes, n, is_image_said, &s, err);
    if (status != STATUS_OK)
        return status;
    if (s->format == FORMAT_PNG)
        return png_decode(bytes, n, out, NULL, err);
    if (s->format == FORMAT_JPEG)
        return jpeg_decode(bytes, n, out, err);
    return npy_decode_image(bytes, n, out, err);
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

enum status image_file_preview(const struct image *image, size_t width, struct buffer *out,
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
    uint8_t *pixels = mem_alloc_array(w * h, image->channels);
    if (!pixels)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const struct stretch xs = stretch_of(x, w, image->width);
            const struct stretch ys = stretch_of(y, h, image->height);
            box_mean(image, &xs, &ys, pixels + (y * w + x) * image->channels);
        }
    enum status status = png_encode(pixels, w, h, image->channels, PNG_SMALL, out, err);
    mem_free(pixels);
    return status;
}
