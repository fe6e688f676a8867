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

/* How files begin.  name: in words, where the kind is one of a later part. */
static const struct signature {
    enum format format;
    size_t size;
    const char *bytes;
    const char *name;
} signatures[] = {
    {FORMAT_PNG, 8, "\x89PNG\r\n\x1a\n", NULL},
    {FORMAT_JPEG, 3, "\xff\xd8\xff", NULL},
    {FORMAT_NPY, 6, "\x93NUMPY", NULL},
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

static unsigned bits_of_npy(const uint8_t *bytes, size_t n)
{
    static const unsigned bits[] = {
        [NPY_BOOL] = 1, [NPY_U8] = 8,   [NPY_U16] = 16, [NPY_U32] = 32,   [NPY_U64] = 64,
        [NPY_I8] = 8,   [NPY_I16] = 16, [NPY_I32] = 32, [NPY_I64] = 64,   [NPY_F16] = 16,
        [NPY_F32] = 32, [NPY_F64] = 64, [NPY_C64] = 64, [NPY_C128] = 128,
    };
    struct npy_array array;
    return npy_parse(bytes, n, &array, NULL) == STATUS_OK ? bits[array.type] : 0;
}

static enum status decode_npy(const uint8_t *bytes, size_t n, bool is_image_said,
                              struct image_file *out, struct error *err)
{
    if (!is_image_said)
        return error_set(err, STATUS_INVALID, "/kind",
                         "an NPY file does not tell its kind: give ?kind=image");
    *out = (struct image_file){.media_type = "application/x-npy",
                               .bits_per_channel = bits_of_npy(bytes, n)};
    return npy_decode_image(bytes, n, &out->image, err);
}

static enum status check_finite(const struct image *image, struct error *err)
{
    const size_t n = image->width * image->height * image->channels;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(image->values[i]))
            return error_set(err, STATUS_INVALID, "", "value %zu of the image is not finite", i);
    return STATUS_OK;
}

static enum status decode(const uint8_t *bytes, size_t n, bool is_image_said,
                          struct image_file *out, struct error *err)
{
    const struct signature *s = find_signature(bytes, n);
    switch (s->format) {
    case FORMAT_PNG:
        out->media_type = "image/png";
        return png_decode(bytes, n, &out->image, &out->bits_per_channel, err);
    case FORMAT_JPEG:
        *out = (struct image_file){.media_type = "image/jpeg", .bits_per_channel = 8};
        return jpeg_decode(bytes, n, &out->image, err);
    case FORMAT_NPY:
        return decode_npy(bytes, n, is_image_said, out, err);
    case FORMAT_ZIP:
        if (!is_image_said)
            return error_set(err, STATUS_INVALID, "/kind",
                             "an archive does not tell its kind: give ?kind=");
        break;
    case FORMAT_OTHER_KIND:
        if (!is_image_said)
            return error_set(err, STATUS_UNSUPPORTED, "/kind",
                             "%s is not supported, only images are", s->name);
        break;
    case FORMAT_UNKNOWN:
        break;
    }
    return error_set(err, STATUS_INVALID, "",
                     "the bytes are no image: PNG, JPEG and NPY can be read");
}

enum status image_file_decode(const uint8_t *bytes, size_t n, bool is_image_said,
                              struct image_file *out, struct error *err)
{
    struct image_file file = {0};
    enum status status = decode(bytes, n, is_image_said, &file, err);
    if (status == STATUS_OK)
        status = check_finite(&file.image, err);
    if (status == STATUS_OK)
        *out = file;
    else
        image_deinit(&file.image);
    return status;
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
            const float *pixel = image->values + (y * image->width + x) * channels;
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
