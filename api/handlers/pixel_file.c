#include "api/handlers/pixel_file.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/format/jpeg.h"
#include "core/format/npy.h"
#include "core/format/pixels.h"
#include "core/format/png.h"

enum { JPEG_QUALITY = 92, FILE_OVERHEAD = 1 << 20 };

const char *const pixel_format_names[] = {"png", "jpeg", "npy", NULL};
const char *const pixel_format_types[] = {"image/png", "image/jpeg", "application/x-npy"};

static size_t count_values(const struct pixel_file *p)
{
    return p->width * p->height * p->channels;
}

size_t pixel_file_max(const struct pixel_file *p)
{
    return FILE_OVERHEAD + 2 * count_values(p) * sizeof(float);
}

enum status pixel_file_begin(struct pixel_file *p, struct buffer *body, struct error *err)
{
    const size_t shape[3] = {p->height, p->width, p->channels};
    const size_t n = count_values(p);
    if (p->format != PIXEL_NPY) {
        p->pixels = mem_alloc_array(n, 1);
        return p->pixels ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    }
    enum status st = npy_encode_header(shape, p->channels == 1 ? 2 : 3, body, err);
    return st == STATUS_OK ? buffer_extend(body, n * sizeof(float), &p->floats, err) : st;
}

void pixel_file_put(const struct pixel_file *p, size_t first, size_t n, const float *values)
{
    if (p->pixels)
        pixels_quantize(values, n * p->channels, p->pixels + first * p->channels);
    else
        memcpy(p->floats + first * p->channels * sizeof(float), values,
               n * p->channels * sizeof(float));
}

enum status pixel_file_widen(struct pixel_file *p, size_t width, size_t height, struct error *err)
{
    const size_t from = p->channels, to = from + from % 2; /* grey, RGB get an alpha */
    uint8_t *pixels = mem_alloc_array(width * height, to);
    if (!pixels)
        return error_status(err, STATUS_NO_MEMORY);
    memset(pixels, 0, width * height * to);
    for (size_t i = 0; i < p->width * p->height; i++) {
        uint8_t *pixel = pixels + (i / p->width * width + i % p->width) * to;
        pixel[to - 1] = 255;
        memcpy(pixel, p->pixels + i * from, from);
    }
    mem_free(p->pixels);
    p->pixels = pixels;
    p->width = width;
    p->height = height;
    p->channels = to;
    return STATUS_OK;
}

enum status pixel_file_end(const struct pixel_file *p, struct buffer *body, struct error *err)
{
    if (p->format == PIXEL_NPY)
        return STATUS_OK;
    if (p->format == PIXEL_JPEG)
        return jpeg_encode(p->pixels, p->width, p->height, p->channels, JPEG_QUALITY, body, err);
    return png_encode(p->pixels, p->width, p->height, p->channels, PNG_FAST, body, err);
}

void pixel_file_deinit(struct pixel_file *p)
{
    mem_free(p->pixels);
}
