#include "core/format/nifti.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/byte_reader.h"
#include "core/format/voxels.h"

enum {
    HEADER_BYTES = 348,
    NIFTI2_BYTES = 540,
    FIRST_DATA_BYTE = 352, /* of a file that holds both: four bytes say whether extensions follow */
    MAX_OFFSET = 64 << 20, /* bytes of extensions: DICOM headers and histories are some MiB */

    /* where the header's fields begin */
    AT_DIM = 40,
    AT_DATATYPE = 70,
    AT_PIXDIM = 76,
    AT_VOX_OFFSET = 108,
    AT_SCL_SLOPE = 112,
    AT_SCL_INTER = 116,
    AT_XYZT_UNITS = 123,
    AT_QFORM_CODE = 252,
    AT_SFORM_CODE = 254,
    AT_QUATERN = 256,
    AT_QOFFSET = 268,
    AT_SROW = 280,
    AT_MAGIC = 344,
};

struct header {
    const uint8_t *bytes; /* [HEADER_BYTES] */
    bool big_endian;
};

static int short_at(const struct header *h, size_t at)
{
    return (int)number_at(NUMBER_I16, h->big_endian, h->bytes + at);
}

static double float_at(const struct header *h, size_t at)
{
    return number_at(NUMBER_F32, h->big_endian, h->bytes + at);
}

static double float_of(const struct header *h, size_t at, size_t i)
{
    return float_at(h, at + i * sizeof(float));
}

/* --- what file it is --- */

static bool has_size(const uint8_t *bytes, bool big_endian, double size)
{
    return number_at(NUMBER_I32, big_endian, bytes) == size;
}

bool nifti_begins(const uint8_t *bytes, size_t n_bytes)
{
    bool begins = false;
    for (int big = 0; big < 2 && n_bytes >= 4; big++)
        begins |= has_size(bytes, big, HEADER_BYTES) || has_size(bytes, big, NIFTI2_BYTES);
    return begins;
}

static enum status find_order(struct header *h, size_t n_bytes, struct error *err)
{
    if (n_bytes >= 4 &&
        (has_size(h->bytes, false, NIFTI2_BYTES) || has_size(h->bytes, true, NIFTI2_BYTES)))
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "NIfTI-2 is not supported: save the volume as NIfTI-1");
    h->big_endian = n_bytes >= 4 && has_size(h->bytes, true, HEADER_BYTES);
    if (n_bytes < 4 || (!h->big_endian && !has_size(h->bytes, false, HEADER_BYTES)))
        return error_set(err, STATUS_INVALID, "", "the file does not begin as NIfTI does");
    if (n_bytes < HEADER_BYTES)
        return error_set(err, STATUS_INVALID, "", "the NIfTI header is cut short");
    const uint8_t *magic = h->bytes + AT_MAGIC;
    if (memcmp(magic, "n+1", 4) == 0)
        return STATUS_OK;
    if (memcmp(magic, "ni1", 4) == 0)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "a NIfTI pair of .hdr and .img is not supported: save it as one .nii");
    return error_set(err, STATUS_UNSUPPORTED, "",
                     "Analyze files are not supported: save the volume as NIfTI-1");
}

/* --- numbers --- */

static enum status read_type(const struct header *h, struct voxels *v, struct error *err)
{
    static const struct {
        int code;
        enum number_type type;
    } types[] = {{2, NUMBER_U8},     {4, NUMBER_I16},   {8, NUMBER_I32},   {16, NUMBER_F32},
                 {64, NUMBER_F64},   {256, NUMBER_I8},  {512, NUMBER_U16}, {768, NUMBER_U32},
                 {1024, NUMBER_I64}, {1280, NUMBER_U64}};
    static const struct {
        int code;
        const char *name;
    } others[] = {{1, "single bits"},       {32, "complex numbers"},   {128, "RGB colours"},
                  {1536, "128-bit floats"}, {1792, "complex numbers"}, {2048, "complex numbers"},
                  {2304, "RGBA colours"}};
    const int code = short_at(h, AT_DATATYPE);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code) {
            v->type = types[i].type;
            return STATUS_OK;
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].code == code)
            return error_set(err, STATUS_UNSUPPORTED, "",
                             "a NIfTI file of %s is not supported: integers and floats are",
                             others[i].name);
    return error_set(err, STATUS_INVALID, "", "the NIfTI header has no datatype %d", code);
}

static enum status read_scale(const struct header *h, struct voxels *v, struct error *err)
{
    const double slope = float_at(h, AT_SCL_SLOPE), inter = float_at(h, AT_SCL_INTER);
    v->slope = 1.0;
    v->intercept = 0.0;
    if (slope == 0.0 || !isfinite(slope)) /* "not set"; some write NaN */
        return STATUS_OK;
    if (!isfinite(inter))
        return error_set(err, STATUS_INVALID, "", "the scl_inter of the NIfTI file is not finite");
    v->slope = slope;
    v->intercept = inter;
    return STATUS_OK;
}

static enum status read_offset(const struct header *h, struct voxels *v, struct error *err)
{
    const double offset = float_at(h, AT_VOX_OFFSET);
    if (offset == 0.0) { /* seen from careless writers; there is one place it can mean */
        v->offset = FIRST_DATA_BYTE;
        return STATUS_OK;
    }
    if (!(offset >= FIRST_DATA_BYTE && offset <= MAX_OFFSET) || offset != floor(offset))
        return error_set(err, STATUS_INVALID, "",
                         "the vox_offset of the NIfTI file must be %d..%d, got %g", FIRST_DATA_BYTE,
                         MAX_OFFSET, offset);
    v->offset = (size_t)offset;
    return STATUS_OK;
}

static enum status read_size(const struct header *h, struct volume_facts *f, struct error *err)
{
    enum { MAX_DIMS = 7 };
    const int n_dims = short_at(h, AT_DIM);
    size_t size[MAX_DIMS + 1];
    if (n_dims < 1 || n_dims > MAX_DIMS)
        return error_set(err, STATUS_INVALID, "", "a NIfTI file has 1..%d dimensions, got %d",
                         MAX_DIMS, n_dims);
    for (int d = 1; d <= MAX_DIMS; d++) {
        const int n = d <= n_dims ? short_at(h, AT_DIM + 2 * (size_t)d) : 1;
        if (n < 1)
            return error_set(err, STATUS_INVALID, "", "dimension %d of the NIfTI file is %d", d, n);
        size[d] = (size_t)n;
    }
    const bool is_vector = size[4] == 1; /* the fifth is what a voxel has several of */
    const size_t channels = is_vector ? size[5] : size[4];
    if ((!is_vector && size[5] > 1) || size[6] > 1 || size[7] > 1 || channels > LIMIT_CHANNELS)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "a volume has at most %d channels, the NIfTI file has %zu x %zu x %zu x "
                         "%zu of them: choose some",
                         LIMIT_CHANNELS, size[4], size[5], size[6], size[7]);
    f->width = size[1];
    f->height = size[2];
    f->depth = size[3];
    f->channels = channels;
    if (size[4] > 1)
        f->warnings |= VOLUME_TIME_AS_CHANNELS;
    return STATUS_OK;
}

/* --- where voxels lie --- */

static void read_sform(const struct header *h, double affine[3][4])
{
    for (size_t r = 0; r < 3; r++)
        for (size_t c = 0; c < 4; c++)
            affine[r][c] = float_of(h, AT_SROW, 4 * r + c);
}

/* A rotation by a unit quaternion (a, b, c, d), a = sqrt(1 - b^2 - c^2 - d^2), of voxels of these
 * sizes; pixdim[0], 1 or -1, is the sign of z. */
static void read_qform(const struct header *h, double affine[3][4])
{
    double b = float_of(h, AT_QUATERN, 0), c = float_of(h, AT_QUATERN, 1),
           d = float_of(h, AT_QUATERN, 2);
    const double squares = b * b + c * c + d * d;
    double a = 0.0;
    if (1.0 - squares < 1e-7) { /* half a turn, as floats tell it */
        b /= sqrt(squares);
        c /= sqrt(squares);
        d /= sqrt(squares);
    } else {
        a = sqrt(1.0 - squares);
    }
    const double rotation[3][3] = {
        {a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
        {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
        {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}};
    const double sign = float_of(h, AT_PIXDIM, 0) < 0.0 ? -1.0 : 1.0;
    for (size_t r = 0; r < 3; r++) {
        for (size_t i = 0; i < 3; i++)
            affine[r][i] =
                rotation[r][i] * fabs(float_of(h, AT_PIXDIM, i + 1)) * (i == 2 ? sign : 1.0);
        affine[r][3] = float_of(h, AT_QOFFSET, r);
    }
}

/* False where the file has no sizes, or what is as good as none. */
static bool read_sizes(const struct header *h, double affine[3][4])
{
    bool is_said = false;
    memset(affine, 0, 12 * sizeof **affine);
    for (size_t i = 0; i < 3; i++) {
        const double size = float_of(h, AT_PIXDIM, i + 1);
        affine[i][i] = isfinite(size) && size != 0.0 ? fabs(size) : 1.0;
        is_said |= affine[i][i] != 1.0;
    }
    return is_said;
}

/* Corners of the volume that two maps put at places a tenth of a voxel apart. */
static bool differ(const struct volume_facts *f, const double a[3][4], const double b[3][4])
{
    const double size[3] = {(double)f->width, (double)f->height, (double)f->depth};
    double voxel = 0.0, most = 0.0;
    for (size_t r = 0; r < 3; r++) {
        double apart = fabs(a[r][3] - b[r][3]);
        for (size_t c = 0; c < 3; c++) {
            apart += fabs(a[r][c] - b[r][c]) * size[c];
            voxel = fmax(voxel, fabs(a[r][c]));
        }
        most = fmax(most, apart);
    }
    return most > 0.1 * voxel;
}

static void scale_to_millimetres(const struct header *h, struct volume_facts *f)
{
    static const double millimetres[] = {1.0, 1000.0, 1.0, 0.001};
    const unsigned unit = h->bytes[AT_XYZT_UNITS] & 7u;
    if (unit == 0 || unit > 3)
        f->warnings |= VOLUME_UNKNOWN_UNIT;
    else if (unit != 2)
        f->warnings |= VOLUME_OTHER_UNIT;
    for (size_t r = 0; r < 3; r++)
        for (size_t c = 0; c < 4; c++)
            f->affine[r][c] *= unit <= 3 ? millimetres[unit] : 1.0;
}

static void read_affine(const struct header *h, struct volume_facts *f)
{
    double sform[3][4], qform[3][4], sizes[3][4];
    double(*chosen)[4] = NULL;
    const bool has_sform = short_at(h, AT_SFORM_CODE) > 0,
               has_qform = short_at(h, AT_QFORM_CODE) > 0;
    read_sform(h, sform);
    read_qform(h, qform);
    const bool is_sform_good = affine_is_invertible(sform),
               is_qform_good = affine_is_invertible(qform);
    if ((has_sform && !is_sform_good) || (has_qform && !is_qform_good))
        f->warnings |= VOLUME_BAD_AFFINE;
    if (has_sform && is_sform_good)
        chosen = sform;
    else if (has_qform && is_qform_good)
        chosen = qform;
    if (chosen == sform && has_qform && is_qform_good && differ(f, sform, qform))
        f->warnings |= VOLUME_TWO_AFFINES;
    const bool has_sizes = read_sizes(h, sizes) && affine_is_invertible(sizes);
    f->has_affine = chosen || has_sizes;
    if (!chosen)
        f->warnings |= has_sizes ? VOLUME_SIZES_ALONE : VOLUME_NO_AFFINE;
    double identity[3][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};
    memcpy(f->affine, chosen ? chosen : has_sizes ? sizes : identity, sizeof f->affine);
    if (f->has_affine)
        scale_to_millimetres(h, f);
}

/* --- the file --- */

static enum status read_header(const uint8_t *bytes, size_t n_bytes, struct voxels *v,
                               struct volume_facts *f, struct error *err)
{
    uint8_t start[HEADER_BYTES];
    size_t n = 0;
    struct byte_reader *r = NULL;
    *v = (struct voxels){
        .bytes = bytes,
        .n_bytes = n_bytes,
        .is_gzip = n_bytes >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b,
        .order = {VOXELS_X, VOXELS_Y, VOXELS_Z, VOXELS_CHANNEL},
    };
    enum status status = byte_reader_open(&r, bytes, n_bytes, v->is_gzip, err);
    if (status == STATUS_OK)
        status = byte_reader_read(r, start, sizeof start, &n, err);
    byte_reader_close(r);
    struct header h = {.bytes = start};
    if (status == STATUS_OK)
        status = find_order(&h, n, err);
    if (status == STATUS_OK)
        status = read_size(&h, f, err);
    if (status == STATUS_OK)
        status = read_type(&h, v, err);
    if (status == STATUS_OK)
        status = read_scale(&h, v, err);
    if (status == STATUS_OK)
        status = read_offset(&h, v, err);
    if (status != STATUS_OK)
        return status;
    v->big_endian = h.big_endian;
    read_affine(&h, f);
    return STATUS_OK;
}

enum status nifti_check(const uint8_t *bytes, size_t n_bytes, struct volume_facts *out,
                        struct error *err)
{
    struct voxels v;
    struct volume_facts f = {0};
    enum status status = read_header(bytes, n_bytes, &v, &f, err);
    if (status == STATUS_OK)
        status = voxels_check(&v, &f, err);
    if (status == STATUS_OK)
        *out = f;
    return status;
}

enum status nifti_decode(const uint8_t *bytes, size_t n_bytes, struct volume *out,
                         struct error *err)
{
    struct voxels v;
    struct volume_facts f = {0};
    enum status status = read_header(bytes, n_bytes, &v, &f, err);
    if (status == STATUS_OK)
        status = voxels_decode(&v, &f, out, err);
    return status;
}
