#include "core/format/voxels.h"

#include <math.h>

#include "core/format/byte_reader.h"

enum {
    NUMBERS_AT_ONCE = 4096,
    MAX_SIZE = 8,               /* bytes of the largest number */
    MAX_BEHIND_DATA = 64 << 10, /* bytes: writers pad; more is another file, or another size */
    MAX_U8 = UINT8_MAX,         /* spans of whole numbers that … */
    MAX_U16 = UINT16_MAX,       /* … a byte, or two, can keep */
};

/* What is done with numbers first … first + n - 1, in the file's order. */
typedef enum status (*number_visit)(void *context, size_t n, const double *numbers,
                                    struct error *err);

static size_t axis_size(const struct volume_facts *f, enum voxel_axis axis)
{
    switch (axis) {
    case VOXELS_X:
        return f->width;
    case VOXELS_Y:
        return f->height;
    case VOXELS_Z:
        return f->depth;
    default:
        return f->channels;
    }
}

/* Samples of a volume from one to the next along an axis. */
static size_t axis_stride(const struct volume_facts *f, enum voxel_axis axis)
{
    switch (axis) {
    case VOXELS_X:
        return f->channels;
    case VOXELS_Y:
        return f->channels * f->width;
    case VOXELS_Z:
        return f->channels * f->width * f->height;
    default:
        return 1;
    }
}

static enum status expect_end(struct byte_reader *r, struct error *err)
{
    uint8_t behind[1024];
    size_t n = 0, got;
    do {
        enum status status = byte_reader_read(r, behind, sizeof behind, &got, err);
        if (status != STATUS_OK)
            return status;
        n += got;
    } while (got == sizeof behind && n <= MAX_BEHIND_DATA);
    if (n > MAX_BEHIND_DATA)
        return error_set(err, STATUS_INVALID, "",
                         "the file goes on behind the voxels that its header counts");
    return STATUS_OK;
}

static enum status each_number(const struct voxels *v, size_t n, number_visit visit, void *context,
                               struct error *err)
{
    uint8_t bytes[NUMBERS_AT_ONCE * MAX_SIZE];
    double numbers[NUMBERS_AT_ONCE];
    const size_t size = number_size(v->type);
    struct byte_reader *r = NULL;
    enum status status = byte_reader_open(&r, v->bytes, v->n_bytes, v->is_gzip, err);
    if (status == STATUS_OK)
        status = byte_reader_skip(r, v->offset, err);
    for (size_t done = 0; status == STATUS_OK && done < n;) {
        const size_t some = n - done < NUMBERS_AT_ONCE ? n - done : NUMBERS_AT_ONCE;
        size_t got = 0;
        status = byte_reader_read(r, bytes, some * size, &got, err);
        if (status == STATUS_OK && got < some * size)
            status = error_set(err, STATUS_INVALID, "",
                               "the volume needs %zu bytes of data, the file has %zu", n * size,
                               done * size + got);
        if (status != STATUS_OK)
            break;
        number_read(v->type, v->big_endian, some, bytes, numbers);
        status = visit(context, some, numbers, err);
        done += some;
    }
    if (status == STATUS_OK)
        status = expect_end(r, err);
    byte_reader_close(r);
    return status;
}

/* --- first pass --- */

struct range {
    double least, most;
    bool is_whole;
    size_t n; /* numbers seen */
};

static enum status widen_range(void *context, size_t n, const double *numbers, struct error *err)
{
    struct range *r = context;
    double least = r->least, most = r->most;
    bool is_whole = r->is_whole, is_finite = true;
    for (size_t i = 0; i < n; i++) {
        const double x = numbers[i];
        least = x < least ? x : least;
        most = x > most ? x : most;
        is_whole &= x == floor(x);
        is_finite &= isfinite(x) != 0;
    }
    for (size_t i = 0; !is_finite && i < n; i++)
        if (!isfinite(numbers[i]))
            return error_set(err, STATUS_INVALID, "", "value %zu of the volume is not finite",
                             r->n + i);
    *r = (struct range){least, most, is_whole, r->n + n};
    return STATUS_OK;
}

static enum status find_range(const struct voxels *v, const struct volume_facts *f,
                              struct range *out, struct error *err)
{
    struct range range = {.least = INFINITY, .most = -INFINITY, .is_whole = true};
    enum status status = volume_check_size(f->width, f->height, f->depth, f->channels, err);
    if (status == STATUS_OK)
        status =
            each_number(v, f->width * f->height * f->depth * f->channels, widen_range, &range, err);
    if (status != STATUS_OK)
        return status;
    const double span = (range.most - range.least) * v->slope;
    if (!isfinite(span) || !isfinite(range.least * v->slope + v->intercept) ||
        !isfinite(range.most * v->slope + v->intercept))
        return error_set(err, STATUS_INVALID, "", "the values of the volume are too far apart");
    *out = range;
    return STATUS_OK;
}

static enum sample_type find_type(const struct range *r)
{
    const double span = r->most - r->least;
    if (span == 0.0 || (r->is_whole && span <= MAX_U8))
        return SAMPLE_U8;
    return r->is_whole && span <= MAX_U16 ? SAMPLE_U16 : SAMPLE_FLOAT;
}

static void add_range(const struct voxels *v, const struct range *r, struct volume_facts *f)
{
    const double a = r->least * v->slope + v->intercept, b = r->most * v->slope + v->intercept;
    f->low = fmin(a, b);
    f->high = fmax(a, b);
    f->type = find_type(r);
    f->bits_per_channel = 8 * (unsigned)number_size(v->type);
    if (r->least == r->most)
        f->warnings |= VOLUME_CONSTANT;
}

enum status voxels_check(const struct voxels *v, struct volume_facts *facts, struct error *err)
{
    struct range range = {.n = 0};
    enum status status = find_range(v, facts, &range, err);
    if (status == STATUS_OK)
        add_range(v, &range, facts);
    return status;
}

/* --- second pass --- */

struct store {
    struct volume *volume;
    double first; /* the number whose value is 0 … */
    double scale; /* … and what the others' distances from it are divided by: signed like them */
    size_t size[VOXELS_N_AXES], stride[VOXELS_N_AXES]; /* of the file's axes */
    size_t index[VOXELS_N_AXES];                       /* of the next number */
    size_t at;                                         /* its place in the volume */
};

static void store_run(const struct store *s, size_t n, const double *numbers)
{
    const struct volume *v = s->volume;
    const size_t stride = s->stride[0];
    size_t at = s->at;
    switch (v->type) {
    case SAMPLE_U8:
        for (size_t i = 0; i < n; i++, at += stride)
            v->u8[at] = (uint8_t)fabs(numbers[i] - s->first);
        break;
    case SAMPLE_U16:
        for (size_t i = 0; i < n; i++, at += stride)
            v->u16[at] = (uint16_t)fabs(numbers[i] - s->first);
        break;
    case SAMPLE_FLOAT:
        for (size_t i = 0; i < n; i++, at += stride)
            v->values[at] = (float)((numbers[i] - s->first) / s->scale);
        break;
    }
}

/* To the number that comes n behind, in the same run along the first axis or at its end. */
static void advance(struct store *s, size_t n)
{
    s->index[0] += n;
    s->at += n * s->stride[0];
    for (size_t a = 0; a + 1 < VOXELS_N_AXES && s->index[a] == s->size[a]; a++) {
        s->at -= s->size[a] * s->stride[a];
        s->index[a] = 0;
        s->index[a + 1]++;
        s->at += s->stride[a + 1];
    }
}

static enum status store_numbers(void *context, size_t n, const double *numbers, struct error *err)
{
    struct store *s = context;
    (void)err;
    while (n > 0) {
        const size_t left = s->size[0] - s->index[0], run = n < left ? n : left;
        store_run(s, run, numbers);
        advance(s, run);
        numbers += run;
        n -= run;
    }
    return STATUS_OK;
}

enum status voxels_decode(const struct voxels *v, const struct volume_facts *facts,
                          struct volume *out, struct error *err)
{
    struct volume_facts f = *facts;
    struct volume volume = {0};
    struct range range = {.n = 0};
    enum status status = find_range(v, &f, &range, err);
    if (status != STATUS_OK)
        return status;
    add_range(v, &range, &f);
    status = volume_create(&volume, f.type, f.width, f.height, f.depth, f.channels, err);
    if (status != STATUS_OK)
        return status;
    volume.low = f.low;
    volume.high = f.high;
    volume.has_affine = f.has_affine;
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 4; j++)
            volume.affine[i][j] = f.affine[i][j];
    struct store store = {
        .volume = &volume,
        .first = v->slope > 0.0 ? range.least : range.most,
        .scale = v->slope > 0.0 ? range.most - range.least : range.least - range.most,
    };
    for (size_t a = 0; a < VOXELS_N_AXES; a++) {
        store.size[a] = axis_size(&f, v->order[a]);
        store.stride[a] = axis_stride(&f, v->order[a]);
    }
    if (store.scale != 0.0) { /* of a constant volume all values are 0 already */
        if (volume.type != SAMPLE_FLOAT)
            volume.unit = (float)(1.0 / fabs(store.scale));
        status = each_number(v, range.n, store_numbers, &store, err);
    }
    if (status != STATUS_OK) {
        volume_deinit(&volume);
        return status;
    }
    *out = volume;
    return STATUS_OK;
}
