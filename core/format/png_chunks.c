#include "core/format/png_chunks.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

enum {
    SIGNATURE_BYTES = 8,
    TYPE_BYTES = 4,
    CHUNK_BYTES = 12, /* around a body: length, type, CRC */

    /* Of a packed text or colour profile, unpacked: larger ones are not looked through. */
    MAX_UNPACKED = 4 << 20,
    BLOCK_BYTES = 8 << 10,
};

static size_t u32_at(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static bool is_type(const uint8_t *type, const char *name)
{
    return memcmp(type, name, TYPE_BYTES) == 0;
}

/* Does the checksum behind a body of n bytes hold?  It covers the type and the body. */
static bool is_sound(const uint8_t *type, size_t n)
{
    return crc32(0, type, (uInt)(TYPE_BYTES + n)) == u32_at(type + TYPE_BYTES + n);
}

/* Does a zlib stream unpack, to the checksum at its end? */
static enum status check_packed(const uint8_t *bytes, size_t n, bool *is_whole)
{
    uint8_t block[BLOCK_BYTES];
    z_stream z = {.next_in = (Bytef *)bytes, .avail_in = (uInt)n};
    if (inflateInit(&z) != Z_OK)
        return STATUS_NO_MEMORY;
    int result = Z_OK;
    while (result == Z_OK && z.total_out < MAX_UNPACKED) {
        z.next_out = block;
        z.avail_out = sizeof block;
        result = inflate(&z, Z_NO_FLUSH);
    }
    inflateEnd(&z);
    *is_whole = result == Z_STREAM_END;
    return result == Z_MEM_ERROR ? STATUS_NO_MEMORY : STATUS_OK;
}

static bool is_packed_remark(const uint8_t *type)
{
    return is_type(type, "iCCP") || is_type(type, "zTXt");
}

/* A packed remark is a name, 0, a method, a zlib stream. */
static enum status check_remark(const uint8_t *body, size_t n, bool *is_whole)
{
    const uint8_t *zero = memchr(body, 0, n);
    *is_whole = false;
    if (!zero || body + n - zero < 2)
        return STATUS_OK;
    return check_packed(zero + 2, (size_t)(body + n - zero) - 2, is_whole);
}

/* decides: values depend on this chunk. */
static enum status check_chunk(const uint8_t *type, size_t n, bool decides, struct error *err)
{
    bool is_whole = false;
    if ((!decides && !is_packed_remark(type)) || is_sound(type, n))
        return STATUS_OK;
    if (!decides && check_remark(type + TYPE_BYTES, n, &is_whole) != STATUS_OK)
        return error_status(err, STATUS_NO_MEMORY);
    if (is_whole)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "", "the PNG file is broken: its %.4s chunk is damaged",
                     (const char *)type);
}

enum status png_chunks_find(const uint8_t *bytes, size_t n_bytes, struct png_chunks *out,
                            struct error *err)
{
    struct png_chunks found = {.pixels_end = bytes + n_bytes};
    const uint8_t *at = bytes + SIGNATURE_BYTES, *end = bytes + n_bytes;
    bool in_pixels = false, has_pixels_end = false;
    while (end - at >= CHUNK_BYTES) {
        const size_t n = u32_at(at);
        const uint8_t *type = at + 4;
        if (n > (size_t)(end - at) - CHUNK_BYTES)
            break;
        const bool is_pixels = is_type(type, "IDAT");
        if (in_pixels && !is_pixels && !has_pixels_end) {
            found.pixels_end = at;
            has_pixels_end = true;
        }
        in_pixels = is_pixels;
        const bool is_orientation = is_type(type, "eXIf") && !found.exif;
        const enum status status =
            check_chunk(type, n, is_orientation || is_type(type, "tRNS"), err);
        if (status != STATUS_OK)
            return status;
        if (is_orientation) {
            found.exif = type + TYPE_BYTES;
            found.n_exif = n;
        }
        if (is_type(type, "IEND"))
            break;
        at = type + TYPE_BYTES + n + 4;
    }
    *out = found;
    return STATUS_OK;
}
