#include "core/base/data.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

enum status image_check_size(size_t width, size_t height, size_t channels, struct error *err)
{
    if (width == 0 || height == 0)
        return error_set(err, STATUS_INVALID, "", "an image of %zu x %zu pixels is empty", width,
                         height);
    if (channels == 0 || channels > LIMIT_CHANNELS)
        return error_set(err, STATUS_INVALID, "", "an image has 1..%d channels, got %zu",
                         LIMIT_CHANNELS, channels);
    size_t pixels;
    if (width > LIMIT_IMAGE_SIDE || height > LIMIT_IMAGE_SIDE || !mem_mul(&pixels, width, height) ||
        pixels > LIMIT_IMAGE_PIXELS)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "an image of %zu x %zu pixels is over the limit of %d pixels", width,
                         height, LIMIT_IMAGE_PIXELS);
    return STATUS_OK;
}

size_t image_sample_size(enum sample_type type)
{
    static const size_t size[] = {
        [SAMPLE_FLOAT] = sizeof(float), [SAMPLE_U8] = 1, [SAMPLE_U16] = sizeof(uint16_t)};
    return size[type];
}

enum status image_create(struct image *out, enum sample_type type, size_t width, size_t height,
                         size_t channels, struct error *err)
{
    enum status status = image_check_size(width, height, channels, err);
    if (status != STATUS_OK)
        return status;
    void *samples = mem_alloc_array(width * height * channels, image_sample_size(type));
    if (!samples)
        return error_status(err, STATUS_NO_MEMORY);
    *out = (struct image){width, height, channels, type, {samples}};
    return STATUS_OK;
}

void image_deinit(struct image *image)
{
    mem_free(image->samples);
    *image = (struct image){0};
}

void image_read(const struct image *image, size_t first, size_t n, float *values)
{
    switch (image->type) {
    case SAMPLE_FLOAT:
        memcpy(values, image->values + first, n * sizeof *values);
        break;
    case SAMPLE_U8:
        for (size_t i = 0; i < n; i++)
            values[i] = (float)image->u8[first + i] / 255.0f;
        break;
    case SAMPLE_U16:
        for (size_t i = 0; i < n; i++)
            values[i] = (float)image->u16[first + i] / 65535.0f;
        break;
    }
}

float image_value(const struct image *image, size_t i)
{
    float value;
    image_read(image, i, 1, &value);
    return value;
}

/* --- volumes --- */

enum status volume_check_size(size_t width, size_t height, size_t depth, size_t channels,
                              struct error *err)
{
    if (width == 0 || height == 0 || depth == 0)
        return error_set(err, STATUS_INVALID, "", "a volume of %zu x %zu x %zu voxels is empty",
                         width, height, depth);
    if (channels == 0 || channels > LIMIT_CHANNELS)
        return error_set(err, STATUS_INVALID, "", "a volume has 1..%d channels, got %zu",
                         LIMIT_CHANNELS, channels);
    size_t voxels;
    if (!mem_mul(&voxels, width, height) || !mem_mul(&voxels, voxels, depth) ||
        voxels > LIMIT_VOLUME_VOXELS)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a volume of %zu x %zu x %zu voxels is over the limit of %d voxels", width,
                         height, depth, LIMIT_VOLUME_VOXELS);
    return STATUS_OK;
}

enum status volume_create(struct volume *out, enum sample_type type, size_t width, size_t height,
                          size_t depth, size_t channels, struct error *err)
{
    enum status status = volume_check_size(width, height, depth, channels, err);
    if (status != STATUS_OK)
        return status;
    void *samples = mem_alloc_array(width * height * depth * channels, image_sample_size(type));
    if (!samples)
        return error_status(err, STATUS_NO_MEMORY);
    *out = (struct volume){
        .width = width,
        .height = height,
        .depth = depth,
        .channels = channels,
        .type = type,
        .samples = samples,
        .unit = 1.0f,
        .low = 0.0,
        .high = 1.0,
        .affine = {{1.0, 0.0, 0.0, 0.0}, {0.0, 1.0, 0.0, 0.0}, {0.0, 0.0, 1.0, 0.0}},
    };
    return STATUS_OK;
}

void volume_deinit(struct volume *v)
{
    mem_free(v->samples);
    *v = (struct volume){0};
}

void volume_read(const struct volume *v, size_t first, size_t n, float *values)
{
    switch (v->type) {
    case SAMPLE_FLOAT:
        for (size_t i = 0; i < n; i++)
            values[i] = v->values[first + i] * v->unit;
        break;
    case SAMPLE_U8:
        for (size_t i = 0; i < n; i++)
            values[i] = (float)v->u8[first + i] * v->unit;
        break;
    case SAMPLE_U16:
        for (size_t i = 0; i < n; i++)
            values[i] = (float)v->u16[first + i] * v->unit;
        break;
    }
}

const char *volume_warning_text(size_t i)
{
    static const char *const text[VOLUME_N_WARNINGS] = {
        "the file does not say where its voxels lie: source coordinates are voxel indices",
        "the file has the size of its voxels, but no place: the first one's centre is at 0, 0, 0",
        "an affine map of the file has no inverse, or sizes that are none, and is not used",
        "the sform and the qform of the file differ: the sform is used",
        "the file does not name its unit of length: taken for millimetres",
        "the file's unit of length is not the millimetre: source coordinates are millimetres",
        "the fourth dimension is taken for channels",
        "all voxels have the same value",
    };
    return text[i];
}

bool affine_is_invertible(const double affine[3][4])
{
    /* The squares of such sizes are floats, and so are the places of the most voxels. */
    static const double least = 1e-18, most = 1e18;
    const double(*a)[4] = affine;
    double determinant = 0.0, scale = 0.0;
    for (size_t c = 0; c < 3; c++) {
        const size_t c1 = (c + 1) % 3, c2 = (c + 2) % 3;
        determinant += a[0][c] * (a[1][c1] * a[2][c2] - a[1][c2] * a[2][c1]);
        for (size_t r = 0; r < 3; r++)
            scale = fmax(scale, fabs(a[r][c]));
        if (!(fabs(a[c][3]) <= most))
            return false;
    }
    /* the volume of a voxel against the cube of its longest side */
    return isfinite(determinant) && scale >= least && scale <= most &&
           fabs(determinant) > 1e-12 * scale * scale * scale;
}

double affine_axis_length(const double affine[3][4], size_t c)
{
    double length = 0.0;
    for (size_t r = 0; r < 3; r++)
        length += affine[r][c] * affine[r][c];
    return sqrt(length);
}

size_t affine_nearest_axis(const double affine[3][4], size_t source)
{
    size_t best = 0;
    double most = -1.0;
    for (size_t c = 0; c < 3; c++) {
        const double part = fabs(affine[source][c]) / affine_axis_length(affine, c);
        if (part > most) {
            most = part;
            best = c;
        }
    }
    return best;
}

bool affine_leads_up(const double affine[3][4], size_t c)
{
    double most = 0.0;
    for (size_t r = 0; r < 3; r++)
        if (fabs(affine[r][c]) > fabs(most))
            most = affine[r][c];
    return most > 0.0;
}

void volume_source_from_unit(size_t width, size_t height, size_t depth, const double affine[3][4],
                             double source_from_unit[3][4])
{
    const double size[3] = {(double)width, (double)height, (double)depth};
    for (size_t r = 0; r < 3; r++) {
        source_from_unit[r][3] = affine[r][3] - 0.5 * (affine[r][0] + affine[r][1] + affine[r][2]);
        for (size_t c = 0; c < 3; c++)
            source_from_unit[r][c] = affine[r][c] * size[c];
    }
}

/* --- the rest --- */

void mesh_deinit(struct mesh *m)
{
    mem_free(m->vertices);
    mem_free(m->triangles);
    *m = (struct mesh){0};
}

void views_deinit(struct views *v)
{
    for (size_t i = 0; v->view && i < v->n_views; i++)
        image_deinit(&v->view[i].image);
    mem_free(v->view);
    *v = (struct views){0};
}

void sinogram_deinit(struct sinogram *s)
{
    mem_free(s->values);
    mem_free(s->angles);
    *s = (struct sinogram){0};
}

void kspace_deinit(struct kspace *k)
{
    mem_free(k->samples);
    mem_free(k->mask);
    *k = (struct kspace){0};
}

void signal_deinit(struct signal *s)
{
    mem_free(s->values);
    *s = (struct signal){0};
}

void data_deinit(struct data *d)
{
    switch (d->kind) {
    case DATA_IMAGE:
        image_deinit(&d->image);
        break;
    case DATA_VOLUME:
        volume_deinit(&d->volume);
        break;
    case DATA_SHAPE:
        mesh_deinit(&d->mesh);
        break;
    case DATA_VIEWS:
        views_deinit(&d->views);
        break;
    case DATA_SINOGRAM:
        sinogram_deinit(&d->sinogram);
        break;
    case DATA_KSPACE:
        kspace_deinit(&d->kspace);
        break;
    case DATA_SIGNAL:
        signal_deinit(&d->signal);
        break;
    case DATA_N_KINDS:
        break;
    }
    *d = (struct data){0};
}
