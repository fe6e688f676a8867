#include "tests/support/volume_files.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void must(bool condition)
{
    if (condition)
        return;
    fprintf(stderr, "volume files: out of memory or room\n");
    abort();
}

const struct nifti_datatype nifti_datatypes[N_NIFTI_DATATYPES] = {
    {2, NUMBER_U8},   {4, NUMBER_I16},   {8, NUMBER_I32},   {16, NUMBER_F32},   {64, NUMBER_F64},
    {256, NUMBER_I8}, {512, NUMBER_U16}, {768, NUMBER_U32}, {1024, NUMBER_I64}, {1280, NUMBER_U64},
};

size_t put_number(uint8_t *at, enum number_type type, bool big_endian, double value)
{
    const size_t n = number_size(type);
    uint64_t word = 0;
    if (type == NUMBER_F32) {
        const float narrow = (float)value;
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof bits);
        word = bits;
    } else if (type == NUMBER_F64) {
        memcpy(&word, &value, sizeof word);
    } else {
        must(type != NUMBER_F16);
        word = value < 0 ? (uint64_t)(int64_t)value : (uint64_t)value;
    }
    for (size_t i = 0; i < n; i++)
        at[big_endian ? n - 1 - i : i] = (uint8_t)(word >> 8 * i);
    return n;
}

void nifti_make(struct buffer *out, bool big_endian, int datatype, size_t n_dims,
                const size_t *size, size_t n_data)
{
    uint8_t *header;
    must(buffer_extend(out, NIFTI_DATA + n_data, &header, NULL) == STATUS_OK);
    memset(header, 0, NIFTI_DATA + n_data);
    put_number(header, NUMBER_I32, big_endian, 348);
    put_number(header + 40, NUMBER_I16, big_endian, (double)n_dims);
    for (size_t d = 0; d < n_dims; d++)
        put_number(header + 42 + 2 * d, NUMBER_I16, big_endian, (double)size[d]);
    put_number(header + 70, NUMBER_I16, big_endian, datatype);
    put_number(header + 108, NUMBER_F32, big_endian, NIFTI_DATA);
    memcpy(header + 344, "n+1", 4);
}

void nifti_ramp(struct buffer *file, bool big_endian, struct nifti_datatype t, double first,
                double step)
{
    static const size_t sides[] = {NIFTI_RAMP_X, NIFTI_RAMP_Y, NIFTI_RAMP_Z};
    enum { MAX_BYTES = 1 << 20 };
    const size_t size = number_size(t.type);
    buffer_init(file, MAX_BYTES);
    nifti_make(file, big_endian, t.code, 3, sides, NIFTI_RAMP_N * size);
    for (size_t i = 0; i < NIFTI_RAMP_N; i++)
        put_number(file->data + NIFTI_DATA + i * size, t.type, big_endian,
                   first + (double)i * step);
}

void gzip_append(struct buffer *out, const uint8_t *bytes, size_t n)
{
    z_stream z = {0};
    must(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    const size_t bound = deflateBound(&z, n);
    uint8_t *packed = malloc(bound);
    must(packed != NULL);
    z.next_in = (z_const Bytef *)bytes;
    z.avail_in = (unsigned)n;
    z.next_out = packed;
    z.avail_out = (unsigned)bound;
    must(deflate(&z, Z_FINISH) == Z_STREAM_END);
    must(buffer_append(out, packed, bound - z.avail_out, NULL) == STATUS_OK);
    free(packed);
    deflateEnd(&z);
}
