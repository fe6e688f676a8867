/* Kind "volume": NIfTI-1, NRRD, NPY. */
#include <math.h>
#include <string.h>

#include "api/kinds/image_file.h"
#include "api/kinds/kinds.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/nifti.h"
#include "core/format/npy.h"
#include "core/format/nrrd.h"

/* --- formats --- */

static const char nifti_type[] = "application/x-nifti", nifti_gzip_type[] = "application/gzip",
                  nrrd_type[] = "application/x-nrrd", npy_type[] = "application/x-npy";

static bool begins(const uint8_t *bytes, size_t n, const char *with, size_t n_with)
{
    return n >= n_with && memcmp(bytes, with, n_with) == 0;
}

/* gzip is what .nii.gz is packed by, and nothing else that is read here. */
static const char *type_of(const uint8_t *bytes, size_t n, bool is_said)
{
    if (nifti_begins(bytes, n))
        return nifti_type;
    if (begins(bytes, n, "\x1f\x8b", 2))
        return nifti_gzip_type;
    if (begins(bytes, n, "NRRD000", 7))
        return nrrd_type;
    return is_said && begins(bytes, n, "\x93NUMPY", 6) ? npy_type : NULL;
}

static enum status recognise(const uint8_t *bytes, size_t n, bool is_said, const char **media_type,
                             struct error *err)
{
    (void)err;
    *media_type = type_of(bytes, n, is_said);
    return STATUS_OK;
}

static enum status check_file(const uint8_t *bytes, size_t n, struct volume_facts *out,
                              struct error *err)
{
    const char *type = type_of(bytes, n, true);
    if (type == nrrd_type)
        return nrrd_check(bytes, n, out, err);
    return type == npy_type ? npy_check_volume(bytes, n, out, err)
                            : nifti_check(bytes, n, out, err);
}

static enum status decode(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err)
{
    (void)spec;
    const char *type = type_of(bytes, n, true);
    struct data data = {.kind = DATA_VOLUME};
    enum status status;
    if (type == nrrd_type)
        status = nrrd_decode(bytes, n, &data.volume, err);
    else if (type == npy_type)
        status = npy_decode_volume(bytes, n, &data.volume, err);
    else
        status = nifti_decode(bytes, n, &data.volume, err);
    if (status == STATUS_OK)
        *out = data;
    return status;
}

/* --- info --- */

static json_t *warnings_of(const struct volume_facts *facts)
{
    json_t *warnings = json_array();
    bool ok = warnings != NULL;
    for (size_t i = 0; ok && i < VOLUME_N_WARNINGS; i++)
        if (facts->warnings >> i & 1)
            ok = json_array_append_new(warnings, json_string(volume_warning_text(i))) == 0;
    if (ok)
        return warnings;
    json_decref(warnings);
    return NULL;
}

/* Four rows, as programs that read NIfTI show it. */
static json_t *affine_of(const struct volume_facts *facts)
{
    const double(*a)[4] = facts->affine;
    return json_pack("[[f,f,f,f],[f,f,f,f],[f,f,f,f],[f,f,f,f]]", a[0][0], a[0][1], a[0][2],
                     a[0][3], a[1][0], a[1][1], a[1][2], a[1][3], a[2][0], a[2][1], a[2][2],
                     a[2][3], 0.0, 0.0, 0.0, 1.0);
}

static json_t *voxel_size_of(const struct volume_facts *facts)
{
    double size[3];
    for (size_t c = 0; c < 3; c++)
        size[c] = affine_axis_length(facts->affine, c);
    return json_pack("[f,f,f]", size[0], size[1], size[2]);
}

/* Around all voxels, their borders among it. */
static json_t *box_of(const struct volume_facts *facts)
{
    double map[3][4], low[3], high[3];
    volume_source_from_unit(facts->width, facts->height, facts->depth, facts->affine, map);
    for (size_t r = 0; r < 3; r++) {
        low[r] = high[r] = map[r][3];
        for (size_t c = 0; c < 3; c++)
            *(map[r][c] < 0.0 ? &low[r] : &high[r]) += map[r][c];
    }
    return json_pack("[f,f,f,f,f,f]", low[0], low[1], low[2], high[0], high[1], high[2]);
}

static enum status check(const uint8_t *bytes, size_t n, json_t **info, struct error *err)
{
    struct volume_facts f;
    enum status status = check_file(bytes, n, &f, err);
    if (status != STATUS_OK)
        return status;
    const unsigned kept_bits = 8 * (unsigned)image_sample_size(f.type);
    *info = json_pack(
        "{s:[I,I,I,I], s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:[f,f], "
        "s:o}",
        "shape", (json_int_t)f.depth, (json_int_t)f.height, (json_int_t)f.width,
        (json_int_t)f.channels, "width", (json_int_t)f.width, "height", (json_int_t)f.height,
        "depth", (json_int_t)f.depth, "channels", (json_int_t)f.channels, "bits_per_channel",
        (json_int_t)f.bits_per_channel, "kept_bits_per_channel", (json_int_t)kept_bits, "affine",
        affine_of(&f), "voxel_size", voxel_size_of(&f), "bbox", box_of(&f), "units",
        f.has_affine ? "mm" : "voxels", "value_range", f.low, f.high, "warnings", warnings_of(&f));
    return *info ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static bool read_numbers(const json_t *array, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!json_is_number(json_array_get(array, i)))
            return false;
        out[i] = json_number_value(json_array_get(array, i));
    }
    return true;
}

static bool read_info(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out)
{
    const json_t *shape = json_object_get(info, "shape"), *rows = json_object_get(info, "affine");
    const char *units = json_string_value(json_object_get(info, "units"));
    const json_int_t bits = json_integer_value(json_object_get(info, "kept_bits_per_channel"));
    double affine[3][4], range[2];
    size_t side[4];
    for (size_t i = 0; i < 4; i++) {
        const json_int_t n = json_integer_value(json_array_get(shape, i));
        if (n < 1 || n > LIMIT_VOLUME_VOXELS)
            return false;
        side[i] = (size_t)n;
    }
    for (size_t r = 0; r < 3; r++)
        if (!read_numbers(json_array_get(rows, r), 4, affine[r]))
            return false;
    if (!read_numbers(json_object_get(info, "value_range"), 2, range) || !units ||
        side[3] > LIMIT_CHANNELS || bits < 8 || bits > 32)
        return false;
    out->n_dims = 3;
    out->width = side[2];
    out->height = side[1];
    out->depth = side[0];
    out->channels = side[3];
    volume_source_from_unit(side[2], side[1], side[0], affine, out->source_from_unit);
    out->units = strcmp(units, "mm") == 0 ? "mm" : "voxels";
    out->value_low = range[0];
    out->value_high = range[1];
    out->data_bytes = (uint64_t)side[0] * side[1] * side[2] * side[3] * (uint64_t)bits / 8;
    out->decoding_bytes = file_bytes;
    (void)media_type;
    return true;
}

/* --- preview --- */

/* The plane that is shown, along voxel axes, each from its beginning or its end on. */
struct plane {
    size_t across, column, row;
    bool is_mirrored[3];
};

/* As one looks at a body: across the axis nearest to the file's z, its x to the right, its y up.  A
 * file that does not say where its voxels lie is shown as an array. */
static struct plane plane_of(const struct volume *v)
{
    struct plane p = {.across = 2, .column = 0, .row = 1};
    if (!v->has_affine)
        return p;
    p.across = affine_nearest_axis(v->affine, 2);
    p.column = affine_nearest_axis(v->affine, 0);
    if (p.column == p.across) /* at 45 degrees to both */
        p.column = (p.across + 1) % 3;
    p.row = 3 - p.across - p.column;
    p.is_mirrored[p.column] = !affine_leads_up(v->affine, p.column);
    p.is_mirrored[p.row] = affine_leads_up(v->affine, p.row);
    return p;
}

/* Voxels that are longer than wide are drawn so, by repeating them. */
static void stretch(const struct volume *v, const struct plane *p, size_t *width, size_t *height)
{
    static const double most_stretch = 16.0, most_pixels = 4.0 * 1024 * 1024;
    const double most =
        fmin(most_stretch, fmax(1.0, most_pixels / ((double)*width * (double)*height)));
    const double ratio =
        affine_axis_length(v->affine, p->row) / affine_axis_length(v->affine, p->column);
    if (ratio > 1.0)
        *height = (size_t)((double)*height * fmin(ratio, most) + 0.5);
    else
        *width = (size_t)((double)*width * fmin(1.0 / ratio, most) + 0.5);
}

/* The middle plane: of two channels or four, which are no colours, the first. */
static enum status picture(const struct data *data, size_t width, struct image *out,
                           struct error *err)
{
    const struct volume *v = &data->volume;
    const struct plane p = plane_of(v);
    const size_t n[3] = {v->width, v->height, v->depth};
    const size_t step[3] = {1, v->width, v->width * v->height};
    const size_t channels = v->channels == 3 ? 3 : 1;
    size_t columns = n[p.column], rows = n[p.row];
    stretch(v, &p, &columns, &rows);
    struct image slice = {0};
    enum status status = image_create(&slice, SAMPLE_FLOAT, columns, rows, channels, err);
    if (status != STATUS_OK)
        return status;
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            size_t i = x * n[p.column] / columns, j = y * n[p.row] / rows;
            i = p.is_mirrored[p.column] ? n[p.column] - 1 - i : i;
            j = p.is_mirrored[p.row] ? n[p.row] - 1 - j : j;
            const size_t voxel =
                n[p.across] / 2 * step[p.across] + i * step[p.column] + j * step[p.row];
            volume_read(v, voxel * v->channels, channels,
                        slice.values + (y * columns + x) * channels);
        }
    status = image_file_reduce(&slice, width, out, err);
    image_deinit(&slice);
    return status;
}

const struct kind kinds_volume = {
    .kind = DATA_VOLUME,
    .name = "volume",
    .reads = "NIfTI-1 (.nii, .nii.gz), NRRD and NPY",
    .recognise = recognise,
    .check = check,
    .decode = decode,
    .picture = picture,
    .read_info = read_info,
};
