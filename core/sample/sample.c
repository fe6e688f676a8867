#include "core/sample/sample.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/format/mesh.h"
#include "core/format/npy.h"
#include "core/format/pixels.h"
#include "core/format/png.h"

enum { DEFAULT_SIDE = 512, MIN_SIDE = 16, MAX_SIDE = 4096 };

enum status sample_side(const struct sample_spec *spec, size_t *out, struct error *err)
{
    size_t side = spec->size ? spec->size : DEFAULT_SIDE;
    if (side < MIN_SIDE || side > MAX_SIDE)
        return error_set(err, STATUS_INVALID, "/size", "'size' must be %d..%d, got %zu", MIN_SIDE,
                         MAX_SIDE, side);
    *out = side;
    return STATUS_OK;
}

typedef enum status (*draw_function)(const struct sample_spec *spec, struct image *out,
                                     struct error *err);

/* Draw a picture and append it as an 8-bit PNG. */
static enum status append_png(draw_function draw, const struct sample_spec *spec,
                              struct buffer *out, struct error *err)
{
    struct image image;
    enum status status = draw(spec, &image, err);
    if (status != STATUS_OK)
        return status;
    size_t n = image.width * image.height * image.channels;
    uint8_t *pixels = mem_alloc(n);
    if (pixels) {
        pixels_quantize(image.values, n, pixels);
        status = png_encode(pixels, image.width, image.height, image.channels, PNG_SMALL, out, err);
    } else {
        status = error_status(err, STATUS_NO_MEMORY);
    }
    mem_free(pixels);
    image_deinit(&image);
    return status;
}

static enum status make_picture(const struct sample_spec *spec, struct buffer *out,
                                struct error *err)
{
    return append_png(sample_picture, spec, out, err);
}

static enum status make_text(const struct sample_spec *spec, struct buffer *out, struct error *err)
{
    return append_png(sample_text, spec, out, err);
}

static enum status make_phantom(const struct sample_spec *spec, struct buffer *out,
                                struct error *err)
{
    return append_png(sample_phantom, spec, out, err);
}

static enum status make_shape(const struct sample_spec *spec, struct buffer *out, struct error *err)
{
    struct mesh mesh;
    enum status status = sample_shape(spec, &mesh, err);
    if (status != STATUS_OK)
        return status;
    status = mesh_ply_encode(&mesh, NULL, out, err);
    mesh_deinit(&mesh);
    return status;
}

static enum status make_signal(const struct sample_spec *spec, struct buffer *out,
                               struct error *err)
{
    struct signal s = {0};
    enum status status = sample_signal(spec, &s, err);
    if (status == STATUS_OK)
        status = npy_encode_floats(s.values, &s.n_samples, 1, out, err);
    signal_deinit(&s);
    return status;
}

static const struct sample samples[] = {
    {"picture", "a synthetic landscape with edges, gradients and fine texture", "image/png",
     make_picture},
    {"text", "random strings on white, as in the paper's text images", "image/png", make_text},
    {"phantom", "a perturbed Shepp-Logan head, for tomography", "image/png", make_phantom},
    {"phantom3d", "the same in three dimensions, a NIfTI volume", "application/gzip",
     sample_phantom3d},
    {"shape", "a closed mesh, a ring with arms, as PLY", "application/ply", make_shape},
    {"views", "posed views of a scene of solid shapes, in a ZIP", "application/zip", sample_views},
    {"signal", "noise whose spectrum falls as 1/f^alpha, an NPY of [N]", "application/x-npy",
     make_signal},
};

const struct sample *sample_table(size_t *n)
{
    *n = sizeof samples / sizeof *samples;
    return samples;
}

const struct sample *sample_find(const char *name)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    return NULL;
}
