#include "core/format/npy.h"

#include "core/format/number.h"
#include "core/format/voxels.h"

static enum status find_type(enum npy_type type, enum number_type *out, struct error *err)
{
    static const enum number_type types[] = {
        [NPY_BOOL] = NUMBER_U8, [NPY_U8] = NUMBER_U8,   [NPY_U16] = NUMBER_U16,
        [NPY_U32] = NUMBER_U32, [NPY_U64] = NUMBER_U64, [NPY_I8] = NUMBER_I8,
        [NPY_I16] = NUMBER_I16, [NPY_I32] = NUMBER_I32, [NPY_I64] = NUMBER_I64,
        [NPY_F16] = NUMBER_F16, [NPY_F32] = NUMBER_F32, [NPY_F64] = NUMBER_F64,
    };
    if (type == NPY_C64 || type == NPY_C128)
        return error_set(err, STATUS_UNSUPPORTED, "", "the NPY array is complex, not real");
    *out = types[type];
    return STATUS_OK;
}

/* [D,H,W] and [D,H,W,C]; the order is that of struct voxels, the axis that changes fastest first.
 */
static enum status read_array(const uint8_t *bytes, size_t n_bytes, struct voxels *v,
                              struct volume_facts *f, struct error *err)
{
    struct npy_array a = {0};
    enum status status = npy_parse(bytes, n_bytes, &a, err);
    if (status != STATUS_OK)
        return status;
    if (a.n_dims != 3 && a.n_dims != 4)
        return error_set(err, STATUS_INVALID, "",
                         "a volume is an array [D,H,W] or [D,H,W,C], this one has %zu dimensions",
                         a.n_dims);
    *f = (struct volume_facts){
        .width = a.shape[2],
        .height = a.shape[1],
        .depth = a.shape[0],
        .channels = a.n_dims == 4 ? a.shape[3] : 1,
        .affine = {{1.0, 0.0, 0.0, 0.0}, {0.0, 1.0, 0.0, 0.0}, {0.0, 0.0, 1.0, 0.0}},
        .warnings = VOLUME_NO_AFFINE,
    };
    *v = (struct voxels){
        .bytes = bytes,
        .n_bytes = n_bytes,
        .offset = (size_t)(a.data - bytes),
        .big_endian = a.big_endian,
        .order = {VOXELS_CHANNEL, VOXELS_X, VOXELS_Y, VOXELS_Z},
        .slope = 1.0,
    };
    if (a.fortran_order) {
        static const enum voxel_axis order[] = {VOXELS_Z, VOXELS_Y, VOXELS_X, VOXELS_CHANNEL};
        for (size_t i = 0; i < VOXELS_N_AXES; i++)
            v->order[i] = order[i];
    }
    return find_type(a.type, &v->type, err);
}

enum status npy_check_volume(const uint8_t *bytes, size_t n_bytes, struct volume_facts *out,
                             struct error *err)
{
    struct voxels v;
    struct volume_facts f;
    enum status status = read_array(bytes, n_bytes, &v, &f, err);
    if (status == STATUS_OK)
        status = voxels_check(&v, &f, err);
    if (status == STATUS_OK)
        *out = f;
    return status;
}

enum status npy_decode_volume(const uint8_t *bytes, size_t n_bytes, struct volume *out,
                              struct error *err)
{
    struct voxels v;
    struct volume_facts f;
    enum status status = read_array(bytes, n_bytes, &v, &f, err);
    if (status == STATUS_OK)
        status = voxels_decode(&v, &f, out, err);
    return status;
}
