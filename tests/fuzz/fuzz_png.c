#include "core/format/png.h"

#include <zlib.h>

#include "tests/fuzz/seed.h"

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n_bytes, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t max, unsigned seed);

static size_t u32_at(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* Change anything, then (but for one time in eight) make the checksums right again: with wrong ones
 * little behind the first chunk would ever be reached. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t max, unsigned seed)
{
    size_t n = LLVMFuzzerMutate(bytes, n_bytes, max);
    for (size_t at = 8; seed % 8 != 0 && n >= 12 && at <= n - 12;) {
        size_t length = u32_at(bytes + at);
        if (length > n - at - 12)
            break;
        uLong crc = crc32(0, bytes + at + 4, (uInt)(length + 4));
        uint8_t *end = bytes + at + 8 + length;
        for (int i = 0; i < 4; i++)
            end[i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
    return n;
}

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments;
    (void)arguments;
    static const char *const names[] = {"grey", "grey_alpha", "rgb", "rgba"};
    uint8_t pixels[7 * 5 * 4];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 5);
    for (size_t channels = 1; channels <= 4; channels++) {
        struct buffer file;
        buffer_init(&file, SEED_MAX_BYTES);
        enum status status = png_encode(pixels, 7, 5, channels, PNG_SMALL, &file, NULL);
        seed_write(names[channels - 1], status, &file);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct image image = {0};
    struct error err = {.status = STATUS_OK};
    unsigned bits;
    enum status status = png_decode(bytes, n_bytes, &image, &bits, &err);
    if ((status == STATUS_OK) != (image.values != NULL) || err.status != status)
        abort();
    struct image_facts facts = {0};
    if (png_check(bytes, n_bytes, &facts, NULL) != status || facts.width != image.width ||
        facts.height != image.height || facts.channels != image.channels)
        abort();
    image_deinit(&image);
    return 0;
}
