#include "core/format/npy.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/format/npy_header.h"
#include "core/format/number.h"

/* Data is copied as it lies in memory. */
_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "files are little endian, so must the machine be");

/* numpy begins the data at a multiple of this. */
enum { ALIGNMENT = 64, PREAMBLE_BYTES = 10 };

/* Bytes of an element. */
static const size_t type_size[] = {
    [NPY_BOOL] = 1, [NPY_U8] = 1,  [NPY_U16] = 2, [NPY_U32] = 4,   [NPY_U64] = 8,
    [NPY_I8] = 1,   [NPY_I16] = 2, [NPY_I32] = 4, [NPY_I64] = 8,   [NPY_F16] = 2,
    [NPY_F32] = 4,  [NPY_F64] = 8, [NPY_C64] = 8, [NPY_C128] = 16,
};

static enum status count_elements(struct npy_array *a, size_t *n_bytes, struct error *err)
{
    bool is_empty = false;
    for (size_t d = 0; d < a->n_dims; d++)
        is_empty |= a->shape[d] == 0;
    size_t n = is_empty ? 0 : 1;
    for (size_t d = 0; d < a->n_dims && !is_empty; d++)
        if (!mem_mul(&n, n, a->shape[d]))
            return error_set(err, STATUS_TOO_LARGE, "", "the shape of the NPY array is too large");
    if (!mem_mul(n_bytes, n, type_size[a->type]))
        return error_set(err, STATUS_TOO_LARGE, "", "the shape of the NPY array is too large");
    a->n_elements = n;
    return STATUS_OK;
}

enum status npy_parse(const uint8_t *bytes, size_t n_bytes, struct npy_array *out,
                      struct error *err)
{
    struct npy_array a = {0};
    size_t n_header = 0, n_data = 0;
    enum status status = npy_header_parse(bytes, n_bytes, &a, &n_header, err);
    if (status != STATUS_OK)
        return status;
    status = count_elements(&a, &n_data, err);
    if (status != STATUS_OK)
        return status;
    if (n_data != n_bytes - n_header)
        return error_set(err, STATUS_INVALID, "",
                         "the NPY array needs %zu bytes of data, the file has %zu", n_data,
                         n_bytes - n_header);
    a.data = bytes + n_header;
    *out = a;
    return STATUS_OK;
}

/* --- values --- */

static uint64_t load(const uint8_t *p, size_t size, bool big_endian)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++)
        v |= (uint64_t)p[i] << 8 * (big_endian ? size - 1 - i : i);
    return v;
}

static float float_of_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double double_of_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* One element of a real type. */
static float element(enum npy_type type, bool big_endian, const uint8_t *p)
{
    uint64_t v = load(p, type_size[type], big_endian);
    switch (type) {
    case NPY_BOOL:
        return v != 0 ? 1.0f : 0.0f;
    case NPY_U8:
    case NPY_U16:
    case NPY_U32:
    case NPY_U64:
        return (float)v;
    case NPY_I8:
        return (float)(int8_t)v;
    case NPY_I16:
        return (float)(int16_t)v;
    case NPY_I32:
        return (float)(int32_t)v;
    case NPY_I64:
        return (float)(int64_t)v;
    case NPY_F16:
        return number_of_half((uint32_t)v);
    case NPY_F32:
        return float_of_bits((uint32_t)v);
    case NPY_F64:
        return (float)double_of_bits(v);
    case NPY_C64:
    case NPY_C128:
        break;
    }
    return NAN; /* refused before */
}

/* Walks the elements in C order; at: offset of the current one in the file's order, in elements. */
struct walk {
    size_t index[LIMIT_NPY_DIMS];
    size_t stride[LIMIT_NPY_DIMS];
    size_t at;
};

static void walk_start(struct walk *w, const struct npy_array *a)
{
    *w = (struct walk){.at = 0};
    size_t stride = 1;
    for (size_t i = 0; i < a->n_dims; i++) {
        size_t d = a->fortran_order ? i : a->n_dims - 1 - i;
        w->stride[d] = stride;
        stride *= a->shape[d];
    }
}

static void walk_next(struct walk *w, const struct npy_array *a)
{
    for (size_t d = a->n_dims; d-- > 0;) {
        w->at += w->stride[d];
        if (++w->index[d] < a->shape[d])
            return;
        w->at -= w->stride[d] * a->shape[d];
        w->index[d] = 0;
    }
}

static enum status not_finite(size_t i, struct error *err)
{
    return error_set(err, STATUS_INVALID, "", "value %zu of the NPY array is not finite", i);
}

enum status npy_to_floats(const struct npy_array *a, float *out, struct error *err)
{
    if (a->type == NPY_C64 || a->type == NPY_C128)
        return error_set(err, STATUS_UNSUPPORTED, "", "the NPY array is complex, not real");
    const size_t size = type_size[a->type];
    struct walk w;
    walk_start(&w, a);
    for (size_t i = 0; i < a->n_elements; i++) {
        out[i] = element(a->type, a->big_endian, a->data + w.at * size);
        if (!isfinite(out[i]))
            return not_finite(i, err);
        walk_next(&w, a);
    }
    return STATUS_OK;
}

enum status npy_to_doubles(const struct npy_array *a, double *out, struct error *err)
{
    if (a->type == NPY_C64 || a->type == NPY_C128)
        return error_set(err, STATUS_UNSUPPORTED, "", "the NPY array is complex, not real");
    const size_t size = type_size[a->type];
    struct walk w;
    walk_start(&w, a);
    for (size_t i = 0; i < a->n_elements; i++) {
        const uint8_t *p = a->data + w.at * size;
        out[i] = a->type == NPY_F64 ? double_of_bits(load(p, size, a->big_endian))
                                    : (double)element(a->type, a->big_endian, p);
        if (!isfinite(out[i]))
            return not_finite(i, err);
        walk_next(&w, a);
    }
    return STATUS_OK;
}

enum status npy_to_complex(const struct npy_array *a, float *out, struct error *err)
{
    const bool is_complex = a->type == NPY_C64 || a->type == NPY_C128;
    const enum npy_type part = a->type == NPY_C64    ? NPY_F32
                               : a->type == NPY_C128 ? NPY_F64
                                                     : a->type;
    const size_t size = type_size[a->type];
    struct walk w;
    walk_start(&w, a);
    for (size_t i = 0; i < a->n_elements; i++) {
        const uint8_t *p = a->data + w.at * size;
        out[2 * i] = element(part, a->big_endian, p);
        out[2 * i + 1] = is_complex ? element(part, a->big_endian, p + size / 2) : 0.0f;
        if (!isfinite(out[2 * i]) || !isfinite(out[2 * i + 1]))
            return not_finite(i, err);
        walk_next(&w, a);
    }
    return STATUS_OK;
}

/* The least and the largest value of a real array, which has one at least. */
static enum status find_range(const struct npy_array *a, float *low, float *high, struct error *err)
{
    const size_t size = type_size[a->type];
    struct walk w;
    walk_start(&w, a);
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < a->n_elements; i++) {
        const float v = element(a->type, a->big_endian, a->data + w.at * size);
        if (!isfinite(v))
            return not_finite(i, err);
        *low = v < *low ? v : *low;
        *high = v > *high ? v : *high;
        walk_next(&w, a);
    }
    return STATUS_OK;
}

/* An array that is a picture: its view, its size, and how an image keeps it. */
struct picture {
    struct npy_array array;
    size_t width, height, channels;
    enum sample_type type;
};

/* False for types that are no picture. */
static bool find_sample_type(enum npy_type type, enum sample_type *out)
{
    switch (type) {
    case NPY_BOOL:
    case NPY_U8:
        *out = SAMPLE_U8;
        return true;
    case NPY_U16:
        *out = SAMPLE_U16;
        return true;
    case NPY_F16:
    case NPY_F32:
    case NPY_F64:
        *out = SAMPLE_FLOAT;
        return true;
    default:
        return false;
    }
}

static enum status parse_picture(const uint8_t *bytes, size_t n_bytes, struct picture *out,
                                 struct error *err)
{
    struct picture p = {0};
    const struct npy_array *a = &p.array;
    enum status status = npy_parse(bytes, n_bytes, &p.array, err);
    if (status != STATUS_OK)
        return status;
    if (a->n_dims != 2 && a->n_dims != 3)
        return error_set(err, STATUS_INVALID, "",
                         "an image is an array [H,W] or [H,W,C], this one has %zu dimensions",
                         a->n_dims);
    if (!find_sample_type(a->type, &p.type))
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "an image array is of type bool, uint8, uint16 or float");
    p.height = a->shape[0];
    p.width = a->shape[1];
    p.channels = a->n_dims == 3 ? a->shape[2] : 1;
    *out = p;
    return STATUS_OK;
}

enum status npy_check_image(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                            struct error *err)
{
    struct picture p = {0};
    enum status status = parse_picture(bytes, n_bytes, &p, err);
    if (status == STATUS_OK)
        status = image_check_size(p.width, p.height, p.channels, err);
    if (status != STATUS_OK)
        return status;
    struct image_facts facts = {
        .width = p.width,
        .height = p.height,
        .channels = p.channels,
        .bits_per_channel = p.array.type == NPY_BOOL ? 1 : 8 * (unsigned)type_size[p.array.type],
        .low = 0.0f,
        .high = 1.0f,
    };
    if (p.type == SAMPLE_FLOAT) /* others are finite and in their range */
        status = find_range(&p.array, &facts.low, &facts.high, err);
    if (status == STATUS_OK)
        *out = facts;
    return status;
}

/* bool, uint8 and uint16, in C order and as this machine has them. */
static void copy_integers(const struct npy_array *a, struct image *out)
{
    const size_t size = type_size[a->type];
    struct walk w;
    walk_start(&w, a);
    for (size_t i = 0; i < a->n_elements; i++) {
        const uint64_t v = load(a->data + w.at * size, size, a->big_endian);
        if (a->type == NPY_U16)
            out->u16[i] = (uint16_t)v;
        else
            out->u8[i] = (uint8_t)(a->type == NPY_U8 ? v : v != 0 ? 255 : 0);
        walk_next(&w, a);
    }
}

enum status npy_decode_image(const uint8_t *bytes, size_t n_bytes, struct image *out,
                             struct error *err)
{
    struct picture p = {0};
    struct image image = {0};
    enum status status = parse_picture(bytes, n_bytes, &p, err);
    if (status == STATUS_OK)
        status = image_create(&image, p.type, p.width, p.height, p.channels, err);
    if (status != STATUS_OK)
        return status;
    if (p.type == SAMPLE_FLOAT)
        status = npy_to_floats(&p.array, image.values, err);
    else
        copy_integers(&p.array, &image);
    if (status != STATUS_OK) {
        image_deinit(&image);
        return status;
    }
    *out = image;
    return STATUS_OK;
}

/* --- encoding --- */

enum status npy_encode_header(const size_t *shape, size_t n_dims, struct buffer *out,
                              struct error *err)
{
    if (n_dims > LIMIT_NPY_DIMS)
        return error_set(err, STATUS_INVALID, "", "an NPY array has at most %d dimensions, got %zu",
                         LIMIT_NPY_DIMS, n_dims);
    const size_t start = out->size;
    uint8_t preamble[PREAMBLE_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    enum status status = buffer_append(out, preamble, sizeof preamble, err);
    if (status == STATUS_OK)
        status = buffer_printf(out, err, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (size_t d = 0; d < n_dims && status == STATUS_OK; d++)
        status = buffer_printf(out, err,
                               n_dims == 1      ? "%zu,"
                               : d + 1 < n_dims ? "%zu, "
                                                : "%zu",
                               shape[d]);
    if (status == STATUS_OK)
        status = buffer_printf(out, err, "), }");
    if (status == STATUS_OK) {
        size_t unaligned = (out->size - start + 1) % ALIGNMENT; /* 1: the final line feed */
        int n_blanks = unaligned ? (int)(ALIGNMENT - unaligned) : 0;
        status = buffer_printf(out, err, "%*s\n", n_blanks, "");
    }
    if (status != STATUS_OK) {
        out->size = start;
        return status;
    }
    size_t n = out->size - start - PREAMBLE_BYTES; /* a few hundred at most */
    out->data[start + 8] = (uint8_t)n;
    out->data[start + 9] = (uint8_t)(n >> 8);
    return STATUS_OK;
}

enum status npy_encode_floats(const float *values, const size_t *shape, size_t n_dims,
                              struct buffer *out, struct error *err)
{
    size_t n = sizeof *values;
    for (size_t d = 0; d < n_dims; d++)
        if (!mem_mul(&n, n, shape[d]))
            return error_set(err, STATUS_TOO_LARGE, "", "the shape of the array is too large");
    const size_t size_before = out->size;
    enum status status = npy_encode_header(shape, n_dims, out, err);
    if (status == STATUS_OK)
        status = buffer_append(out, values, n, err);
    if (status != STATUS_OK)
        out->size = size_before;
    return status;
}
