#include "core/format/number.h"

#include <endian.h>
#include <math.h>
#include <string.h>

size_t number_size(enum number_type type)
{
    static const size_t size[] = {
        [NUMBER_U8] = 1,  [NUMBER_I8] = 1,  [NUMBER_U16] = 2, [NUMBER_I16] = 2,
        [NUMBER_U32] = 4, [NUMBER_I32] = 4, [NUMBER_U64] = 8, [NUMBER_I64] = 8,
        [NUMBER_F16] = 2, [NUMBER_F32] = 4, [NUMBER_F64] = 8,
    };
    return size[type];
}

bool number_is_float(enum number_type type)
{
    return type == NUMBER_F16 || type == NUMBER_F32 || type == NUMBER_F64;
}

float number_of_half(uint32_t bits)
{
    const int exponent = (int)(bits >> 10 & 31);
    const float fraction = (float)(bits & 1023);
    float magnitude;
    if (exponent == 31)
        magnitude = (bits & 1023) != 0 ? NAN : INFINITY;
    else if (exponent == 0)
        magnitude = ldexpf(fraction, -24);
    else
        magnitude = ldexpf(1024.0f + fraction, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

static uint16_t word16(const uint8_t *p, bool big_endian)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return big_endian ? be16toh(v) : le16toh(v);
}

static uint32_t word32(const uint8_t *p, bool big_endian)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return big_endian ? be32toh(v) : le32toh(v);
}

static uint64_t word64(const uint8_t *p, bool big_endian)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return big_endian ? be64toh(v) : le64toh(v);
}

static double float32(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

static double float64(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void number_read(enum number_type type, bool big_endian, size_t n, const uint8_t *p, double *out)
{
    switch (type) {
    case NUMBER_U8:
        for (size_t i = 0; i < n; i++)
            out[i] = p[i];
        break;
    case NUMBER_I8:
        for (size_t i = 0; i < n; i++)
            out[i] = (int8_t)p[i];
        break;
    case NUMBER_U16:
        for (size_t i = 0; i < n; i++)
            out[i] = word16(p + 2 * i, big_endian);
        break;
    case NUMBER_I16:
        for (size_t i = 0; i < n; i++)
            out[i] = (int16_t)word16(p + 2 * i, big_endian);
        break;
    case NUMBER_U32:
        for (size_t i = 0; i < n; i++)
            out[i] = word32(p + 4 * i, big_endian);
        break;
    case NUMBER_I32:
        for (size_t i = 0; i < n; i++)
            out[i] = (int32_t)word32(p + 4 * i, big_endian);
        break;
    case NUMBER_U64:
        for (size_t i = 0; i < n; i++)
            out[i] = (double)word64(p + 8 * i, big_endian);
        break;
    case NUMBER_I64:
        for (size_t i = 0; i < n; i++)
            out[i] = (double)(int64_t)word64(p + 8 * i, big_endian);
        break;
    case NUMBER_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = (double)number_of_half(word16(p + 2 * i, big_endian));
        break;
    case NUMBER_F32:
        for (size_t i = 0; i < n; i++)
            out[i] = float32(word32(p + 4 * i, big_endian));
        break;
    case NUMBER_F64:
        for (size_t i = 0; i < n; i++)
            out[i] = float64(word64(p + 8 * i, big_endian));
        break;
    }
}

double number_at(enum number_type type, bool big_endian, const uint8_t *bytes)
{
    double v = 0.0;
    number_read(type, big_endian, 1, bytes, &v);
    return v;
}
