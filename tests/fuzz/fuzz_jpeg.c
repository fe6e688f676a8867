#include "core/format/jpeg.h"

#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    uint8_t pixels[24 * 17 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 5 + i / 9);
    for (size_t channels = 1; channels <= 3; channels += 2) {
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = jpeg_encode(pixels, 24, 17, channels, 60, &file, NULL);
        fuzz_seed(channels == 1 ? "grey" : "rgb", status, &file);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct image image = {0};
    struct error err = {.status = STATUS_OK};
    if (fuzz_is_large_jpeg(bytes, n_bytes))
        return 0;
    enum status status = jpeg_decode(bytes, n_bytes, &image, &err);
    fuzz_check_image(status, &err, &image);
    struct image_facts facts;
    fuzz_check_facts(status, &image, jpeg_check(bytes, n_bytes, &facts, NULL), &facts);
    if (status == STATUS_OK) {
        REQUIRE(image.channels == 1 || image.channels == 3);
        for (size_t i = 0; i < image.width * image.height * image.channels; i++)
            REQUIRE(image_value(&image, i) >= 0.0f && image_value(&image, i) <= 1.0f);
    }
    image_deinit(&image);
    return 0;
}
