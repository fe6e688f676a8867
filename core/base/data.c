#include "core/base/data.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

enum status image_check_size(size_t width, size_t height, size_t channels, struct error *err)
{
    if (width == 0 || height == 0)
        return error_set(err, STATUS_INVALID, "", "an image of %zu x %zu pixels is empty", width,
                         height);
    if (channels == 0 || channels > LIMIT_CHANNELS)
        return error_set(err, STATUS_INVALID, "", "an image has 1..%d channels, got %zu",
                         LIMIT_CHANNELS, channels);
    size_t pixels;
    if (width > LIMIT_IMAGE_SIDE || height > LIMIT_IMAGE_SIDE || !mem_mul(&pixels, width, height) ||
        pixels > LIMIT_IMAGE_PIXELS)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "an image of %zu x %zu pixels is over the limit of %d pixels", width,
                         height, LIMIT_IMAGE_PIXELS);
    return STATUS_OK;
}

size_t image_sample_size(enum sample_type type)
{
    static const size_t size[] = {
        [SAMPLE_FLOAT] = sizeof(float), [SAMPLE_U8] = 1, [SAMPLE_U16] = sizeof(uint16_t)};
    return size[type];
}

enum status image_create(struct image *out, enum sample_type type, size_t width, size_t height,
                         size_t channels, struct error *err)
{
    enum status status = image_check_size(width, height, channels, err);
    if (status != STATUS_OK)
        return status;
    void *samples = mem_alloc_array(width * height * channels, image_sample_size(type));
    if (!samples)
        return error_status(err, STATUS_NO_MEMORY);
    *out = (struct image){width, height, channels, type, {samples}};
    return STATUS_OK;
}

void image_deinit(struct image *image)
{
    mem_free(image->samples);
    *image = (struct image){0};
}

void image_read(const struct image *image, size_t first, size_t n, float *values)
{
    switch (image->type) {
    case SAMPLE_FLOAT:
        memcpy(values, image->values + first, n * sizeof *values);
        break;
    case SAMPLE_U8:
        for (size_t i = 0; i < n; i++)
            values[i] = (float)image->u8[first + i] / 255.0f;
        break;
    case SAMPLE_U16:
        for (size_t i = 0; i < n; i++)
            values[i] = (float)image->u16[first + i] / 65535.0f;
        break;
    }
}

float image_value(const struct image *image, size_t i)
{
    float value;
    image_read(image, i, 1, &value);
    return value;
}
