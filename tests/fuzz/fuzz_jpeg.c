#include "core/format/jpeg.h"
#include "tests/fuzz/seed.h"

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments;
    (void)arguments;
    uint8_t pixels[24 * 17 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 5 + i / 9);
    for (size_t channels = 1; channels <= 3; channels += 2) {
        struct buffer file;
        buffer_init(&file, SEED_MAX_BYTES);
        enum status status = jpeg_encode(pixels, 24, 17, channels, 60, &file, NULL);
        seed_write(channels == 1 ? "grey" : "rgb", status, &file);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct image image = {0};
    struct error err = {.status = STATUS_OK};
    enum status status = jpeg_decode(bytes, n_bytes, &image, &err);
    if ((status == STATUS_OK) != (image.values != NULL) || err.status != status)
        abort();
    struct image_facts facts = {0};
    if (jpeg_check(bytes, n_bytes, &facts, NULL) != status || facts.width != image.width ||
        facts.height != image.height || facts.channels != image.channels)
        abort();
    image_deinit(&image);
    return 0;
}
