#include "core/format/png.h"

#include <arpa/inet.h>
#include <string.h>
#include <zlib.h>

#include "tests/fuzz/fuzz.h"

enum { HEAD_BYTES = 8, CHUNK_BYTES = 12 }; /* the signature; what is around a chunk's body */

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return ntohl(value);
}

/* Set every chunk's checksum right, as far as there are chunks. */
static void set_checksums(uint8_t *bytes, size_t n)
{
    for (size_t at = HEAD_BYTES; n >= CHUNK_BYTES && at <= n - CHUNK_BYTES;) {
        const size_t length = u32_at(bytes + at);
        if (length > n - at - CHUNK_BYTES)
            return;
        const uint32_t crc = htonl((uint32_t)crc32(0, bytes + at + 4, (uInt)(length + 4)));
        memcpy(bytes + at + 8 + length, &crc, sizeof crc);
        at += length + CHUNK_BYTES;
    }
}

/* Change anything, then (but for one time in eight) make the checksums right again: with wrong ones
 * little behind the first chunk would ever be reached. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t max, unsigned seed)
{
    const size_t n = LLVMFuzzerMutate(bytes, n_bytes, max);
    if (seed % 8 != 0)
        set_checksums(bytes, n);
    return n;
}

/* --- seeds that our encoder does not write --- */

static void put_chunk(struct buffer *file, const char *type, const void *body, size_t n)
{
    const uint32_t length = htonl((uint32_t)n), later = 0;
    REQUIRE(buffer_append(file, &length, 4, NULL) == STATUS_OK);
    REQUIRE(buffer_append(file, type, 4, NULL) == STATUS_OK);
    REQUIRE(buffer_append(file, body, n, NULL) == STATUS_OK);
    REQUIRE(buffer_append(file, &later, 4, NULL) == STATUS_OK);
}

/* 4 x 3 pixels, without any that are transparent, of a depth and colour type. */
static void seed_of(const char *name, uint8_t depth, uint8_t colour, uint8_t interlace)
{
    static const uint8_t rows[128] = {0}, palette[6] = {0, 128, 255, 9, 8, 7};
    const uint8_t header[13] = {[3] = 4, [7] = 3, depth, colour, 0, 0, interlace};
    static const uint8_t exif[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                   3,   0,   0, 0,   1, 0, 6, 0, 0, 0, 0, 0,    0};
    static const unsigned channels[] = {1, 0, 3, 1, 2, 0, 4};
    const size_t row = 1 + ((size_t)4 * channels[colour] * depth + 7) / 8;
    uint8_t packed[256];
    uLongf n = sizeof packed;
    /* Interlaced: passes of 1x1, 1x1, 2x1, 2x2 and 4x1 pixels of four bytes. */
    REQUIRE(compress(packed, &n, rows, interlace ? 6 + 4 * 12 : 3 * row) == Z_OK);
    struct buffer file;
    buffer_init(&file, FUZZ_MAX_SEED);
    enum status status = buffer_append(&file, "\x89PNG\r\n\x1a\n", HEAD_BYTES, NULL);
    put_chunk(&file, "IHDR", header, sizeof header);
    if (colour == 3)
        put_chunk(&file, "PLTE", palette, sizeof palette);
    if (depth == 16)
        put_chunk(&file, "eXIf", exif, sizeof exif);
    put_chunk(&file, "IDAT", packed, n);
    put_chunk(&file, "IEND", "", 0);
    set_checksums(file.data, file.size);
    fuzz_seed(name, status, &file);
}

void fuzz_seeds(void)
{
    static const char *const names[] = {"grey", "grey_alpha", "rgb", "rgba"};
    uint8_t pixels[7 * 5 * 4];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 5);
    for (size_t channels = 1; channels <= 4; channels++) {
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = png_encode(pixels, 7, 5, channels, PNG_SMALL, &file, NULL);
        fuzz_seed(names[channels - 1], status, &file);
    }
    seed_of("bits", 1, 0, 0);
    seed_of("palette", 2, 3, 0);
    seed_of("deep_turned", 16, 2, 0);
    seed_of("interlaced", 8, 6, 1);
}

/* --- what is promised --- */

/* Every chunk that a picture cannot be read without has its checksum, up to the end. */
static void check_checksums(const uint8_t *bytes, size_t n)
{
    size_t at = HEAD_BYTES, length;
    const uint8_t *type;
    do {
        REQUIRE(n - at >= CHUNK_BYTES);
        length = u32_at(bytes + at);
        type = bytes + at + 4;
        REQUIRE(length <= n - at - CHUNK_BYTES);
        REQUIRE(type[0] & 0x20 || crc32(0, type, (uInt)length + 4) == u32_at(type + 4 + length));
        at += length + CHUNK_BYTES;
    } while (memcmp(type, "IEND", 4) != 0);
}

/* What is decoded is a picture of one of the two depths, of the size that the header tells, or that
 * size turned. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct image image = {0};
    struct error err = {.status = STATUS_OK};
    unsigned bits = 0;
    if (fuzz_is_large_png(bytes, n_bytes))
        return 0;
    enum status status = png_decode(bytes, n_bytes, &image, &bits, &err);
    fuzz_check_image(status, &err, &image);
    struct image_facts facts;
    fuzz_check_facts(status, &image, png_check(bytes, n_bytes, &facts, NULL), &facts);
    if (status == STATUS_OK) {
        const size_t width = u32_at(bytes + 16), height = u32_at(bytes + 20);
        REQUIRE(bits == 8 || bits == 16);
        REQUIRE((image.width == width && image.height == height) ||
                (image.width == height && image.height == width));
        for (size_t i = 0; i < image.width * image.height * image.channels; i++)
            REQUIRE(image_value(&image, i) >= 0.0f && image_value(&image, i) <= 1.0f);
        check_checksums(bytes, n_bytes);
    }
    image_deinit(&image);
    return 0;
}
