#include "tests/support/zip_bomb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

enum { NAME = 9 };

struct file {
    uint8_t *bytes;
    size_t n, room;
};

static void append(struct file *f, const void *bytes, size_t n)
{
    if (f->n + n > f->room) {
        f->room = 2 * (f->n + n);
        f->bytes = realloc(f->bytes, f->room);
        assert_non_null(f->bytes);
    }
    if (n > 0)
        memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

/* --- deflate --- */

/* n zeros, packed as the end of a stream or as a part that another part may follow. */
static void append_part(struct file *f, size_t n, int flush)
{
    enum { RAW = -15, LEVEL = 9 };
    z_stream z = {0};
    uint8_t *zeros = calloc(1, n + 1), block[16 << 10];
    assert_non_null(zeros);
    assert_int_equal(deflateInit2(&z, LEVEL, Z_DEFLATED, RAW, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = zeros;
    z.avail_in = (uInt)n;
    z.next_out = block;
    z.avail_out = sizeof(block); /* a thousandth of it is needed */
    assert_int_equal(deflate(&z, flush), flush == Z_FINISH ? Z_STREAM_END : Z_OK);
    append(f, block, sizeof(block) - z.avail_out);
    deflateEnd(&z);
    free(zeros);
}

/* One part is packed, and stands there as often as it takes. */
static void append_zeros(struct file *f, size_t n)
{
    enum { PART = 1 << 20 };
    struct file part = {0};
    append_part(&part, PART, Z_FULL_FLUSH);
    for (; n > PART; n -= PART)
        append(f, part.bytes, part.n);
    append_part(f, n, Z_FINISH);
    free(part.bytes);
}

void zip_bomb_deflate_zeros(size_t n, uint8_t **out, size_t *size)
{
    struct file f = {*out, *size, *size};
    append_zeros(&f, n);
    *out = f.bytes;
    *size = f.n;
}

/* --- ZIP --- */

static void append_le(struct file *f, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t byte = (uint8_t)(v >> 8 * i);
        append(f, &byte, 1);
    }
}

struct member {
    uint32_t crc, packed, size;
    char name[NAME + 1];
};

/* What a member's two headers share, up to the length of the extra field. */
static void append_header(struct file *f, const struct member *m)
{
    append_le(f, 20, 2); /* version that is needed */
    append_le(f, 0, 2);
    append_le(f, 8, 2); /* deflate */
    append_le(f, 0x00210000, 4);
    append_le(f, m->crc, 4);
    append_le(f, m->packed, 4);
    append_le(f, m->size, 4);
    append_le(f, NAME, 2);
    append_le(f, 0, 2);
}

static void append_local(struct file *f, const struct member *m, const struct file *packed)
{
    append(f, "PK\3\4", 4);
    append_header(f, m);
    append(f, m->name, NAME);
    append(f, packed->bytes, packed->n);
}

static void append_entry(struct file *f, const struct member *m, size_t place)
{
    append(f, "PK\1\2", 4);
    append_le(f, 20, 2);
    append_header(f, m);
    append_le(f, 0, 8); /* comment, disk, attributes */
    append_le(f, 0, 2);
    append_le(f, place, 4);
    append(f, m->name, NAME);
}

static uint32_t crc_of_zeros(size_t n)
{
    static const uint8_t zeros[64 << 10];
    uLong crc = crc32(0, NULL, 0);
    for (size_t part; n > 0; n -= part) {
        part = n < sizeof(zeros) ? n : sizeof(zeros);
        crc = crc32(crc, zeros, (uInt)part);
    }
    return (uint32_t)crc;
}

uint8_t *zip_bomb_make(const struct zip_bomb *b, size_t *n)
{
    struct file f = {0}, packed = {0}, directory = {0};
    append_zeros(&packed, b->n_zeros);
    struct member m = {crc_of_zeros(b->n_zeros), (uint32_t)packed.n,
                       b->declared ? b->declared : (uint32_t)b->n_zeros, ""};
    for (size_t i = 0; i < b->n_members; i++) {
        const size_t place = b->is_shared ? 0 : f.n;
        snprintf(m.name, sizeof(m.name), "%05u.npy", (unsigned)(i % 100000));
        if (!b->is_shared || i == 0)
            append_local(&f, &m, &packed);
        append_entry(&directory, &m, place);
    }
    const size_t start = f.n;
    append(&f, directory.bytes, directory.n);
    append(&f, "PK\5\6", 4);
    append_le(&f, 0, 4);
    append_le(&f, b->n_members, 2);
    append_le(&f, b->n_members, 2);
    append_le(&f, directory.n, 4);
    append_le(&f, start, 4);
    append_le(&f, 0, 2);
    free(packed.bytes);
    free(directory.bytes);
    *n = f.n;
    return f.bytes;
}
