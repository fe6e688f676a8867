#include "core/base/data.h"

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

enum status image_create(struct image *out, size_t width, size_t height, size_t channels,
                         struct error *err)
{
    enum status status = image_check_size(width, height, channels, err);
    if (status != STATUS_OK)
        return status;
    float *values = mem_alloc_floats(width * height * channels);
    if (!values)
        return error_status(err, STATUS_NO_MEMORY);
    *out = (struct image){width, height, channels, values};
    return STATUS_OK;
}

void image_deinit(struct image *image)
{
    mem_free(image->values);
    *image = (struct image){0};
}
