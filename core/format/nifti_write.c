/*
 * Writing NIfTI-1: the numbers go through deflate in pieces, in the file's order, straight into the
 * buffer.
 */
#include <endian.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/nifti.h"

enum {
    FIRST_DATA_BYTE = 352, /* the header of 348, and four that say: no extensions */
    MAX_SIDE = INT16_MAX,
    PIECE = 16 << 10, /* numbers */
    PACKED_PIECE = 64 << 10,
    GZIP_WINDOW = 15 + 16,
    GZIP_MEMORY = 8, /* zlib's own choice */
    FLOAT32 = 16,    /* datatype */
    MILLIMETRES = 2, /* unit */
    ALIGNED = 2,     /* what the sform leads to: coordinates of another file */
};

static void put_short(uint8_t *header, size_t at, size_t value)
{
    const uint16_t v = htole16((uint16_t)value);
    memcpy(header + at, &v, sizeof v);
}

static void put_float(uint8_t *header, size_t at, double value)
{
    const float f = (float)value;
    uint32_t v;
    memcpy(&v, &f, sizeof v);
    v = htole32(v);
    memcpy(header + at, &v, sizeof v);
}

static void make_header(const struct nifti_shape *s, uint8_t header[FIRST_DATA_BYTE])
{
    const size_t size[4] = {s->width, s->height, s->depth, s->channels};
    memset(header, 0, FIRST_DATA_BYTE);
    put_short(header, 0, 348);
    put_short(header, 40, s->channels > 1 ? 4 : 3);
    for (size_t d = 0; d < 7; d++)
        put_short(header, 42 + 2 * d, d < 4 ? size[d] : 1);
    put_short(header, 70, FLOAT32);
    put_short(header, 72, 8 * sizeof(float));
    put_float(header, 76, 1.0);
    for (size_t d = 0; d < 7; d++)
        put_float(header, 80 + 4 * d, 1.0);
    put_float(header, 108, FIRST_DATA_BYTE);
    put_float(header, 112, 1.0); /* slope */
    if (s->affine) {
        header[123] = MILLIMETRES;
        put_short(header, 254, ALIGNED);
        for (size_t c = 0; c < 3; c++)
            put_float(header, 80 + 4 * c,
                      sqrt(s->affine[0][c] * s->affine[0][c] + s->affine[1][c] * s->affine[1][c] +
                           s->affine[2][c] * s->affine[2][c]));
        for (size_t r = 0; r < 3; r++)
            for (size_t c = 0; c < 4; c++)
                put_float(header, 280 + 16 * r + 4 * c, s->affine[r][c]);
    }
    memcpy(header + 344, "n+1", 4);
}

static void *zlib_alloc(void *opaque, unsigned n, unsigned size)
{
    (void)opaque;
    return mem_alloc_array(n, size);
}

static void zlib_free(void *opaque, void *p)
{
    (void)opaque;
    mem_free(p);
}

/* Pack these bytes too; with Z_FINISH the rest. */
static enum status pack(z_stream *z, const void *bytes, size_t n, int flush, struct buffer *out,
                        struct error *err)
{
    uint8_t packed[PACKED_PIECE];
    z->next_in = (z_const Bytef *)bytes;
    z->avail_in = (unsigned)n;
    do {
        z->next_out = packed;
        z->avail_out = sizeof packed;
        if (deflate(z, flush) == Z_STREAM_ERROR)
            return error_status(err, STATUS_INTERNAL);
        enum status status = buffer_append(out, packed, sizeof packed - z->avail_out, err);
        if (status != STATUS_OK)
            return status;
    } while (z->avail_out == 0);
    return STATUS_OK;
}

static enum status pack_channel(z_stream *z, const struct nifti_shape *s, const float *values,
                                double low, double high, const volatile bool *stop,
                                struct buffer *out, struct error *err)
{
    uint32_t words[PIECE];
    const size_t n = s->width * s->height * s->depth;
    for (size_t i = 0; i < n;) {
        const size_t some = n - i < PIECE ? n - i : PIECE;
        for (size_t k = 0; k < some; k++) {
            const float number =
                (float)(low + (double)values[(i + k) * s->channels] * (high - low));
            memcpy(&words[k], &number, sizeof number);
            words[k] = htole32(words[k]);
        }
        if (stop && __atomic_load_n(stop, __ATOMIC_RELAXED))
            return error_status(err, STATUS_CANCELED);
        enum status status = pack(z, words, some * sizeof *words, Z_NO_FLUSH, out, err);
        if (status != STATUS_OK)
            return status;
        i += some;
    }
    return STATUS_OK;
}

enum status nifti_encode(const struct nifti_shape *s, const float *values, double low, double high,
                         const volatile bool *stop, struct buffer *out, struct error *err)
{
    uint8_t header[FIRST_DATA_BYTE];
    const size_t size_before = out->size;
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
    enum status status = volume_check_size(s->width, s->height, s->depth, s->channels, err);
    if (status != STATUS_OK)
        return status;
    if (s->width > MAX_SIDE || s->height > MAX_SIDE || s->depth > MAX_SIDE)
        return error_set(err, STATUS_INVALID, "", "a side of a NIfTI volume is at most %d voxels",
                         MAX_SIDE);
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return error_status(err, STATUS_NO_MEMORY);
    make_header(s, header);
    status = pack(&z, header, sizeof header, Z_NO_FLUSH, out, err);
    for (size_t c = 0; c < s->channels && status == STATUS_OK; c++)
        status = pack_channel(&z, s, values + c, low, high, stop, out, err);
    if (status == STATUS_OK)
        status = pack(&z, NULL, 0, Z_FINISH, out, err);
    deflateEnd(&z);
    if (status != STATUS_OK)
        out->size = size_before;
    return status;
}
