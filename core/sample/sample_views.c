/*
 * The sample `views`: photographs of a small scene from a sphere around it, in the layout of
 * Blender scenes: transforms_train.json, transforms_test.json, train/r_N.png, test/r_N.png.
 */
#include "core/sample/sample.h"

#include <math.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/format/pixels.h"
#include "core/format/png.h"
#include "core/format/view_picture.h"
#include "core/format/zip_archive.h"
#include "core/sample/scene.h"
#include "core/scene/camera.h"

enum {
    DEFAULT_SIDE = 128,
    MIN_SIDE = 16,
    MAX_SIDE = 1024,
    N_TRAIN = 60,
    N_TEST = 12,
    N_FILES = N_TRAIN + N_TEST + 2, /* pictures, and the poses of each split */
    NAME_BYTES = 32,
    MAX_POSES = 1 << 16,   /* bytes of a transforms file: 72 frames of 400 */
    MAX_PICTURE = 8 << 20, /* bytes of a PNG of 1024 x 1024 x 4 */
};

/* Cameras as those of the NeRF paper's scenes: 40 degrees from a distance of 4. */
static const double camera_angle_x = 0.7, distance = 4.0;
static const double pi = 3.14159265358979323846;

struct archive {
    size_t n;
    char names[N_FILES][NAME_BYTES];
    struct buffer files[N_FILES];
};

/* The next file, which stands beneath this name. */
static struct buffer *add_file(struct archive *a, size_t max, const char *folder, size_t i)
{
    snprintf(a->names[a->n], NAME_BYTES, "%s/r_%zu.png", folder, i);
    buffer_init(&a->files[a->n], max);
    return &a->files[a->n++];
}

/* RGBA of the mean of four rays a pixel, straight alpha; nothing is seen beyond the scene. */
static enum status draw(const struct scene *scene, const struct camera *c, size_t side,
                        struct image *out, struct error *err)
{
    struct image image;
    enum status status = image_create(&image, SAMPLE_FLOAT, 2 * side, 2 * side, 4, err);
    if (status != STATUS_OK)
        return status;
    float *pixel = image.values;
    for (size_t y = 0; y < 2 * side; y++)
        for (size_t x = 0; x < 2 * side; x++, pixel += 4) {
            struct ray r = camera_ray(c, ((double)x + 0.5) / 2.0, ((double)y + 0.5) / 2.0);
            double color[3];
            ray_normalize(r.direction);
            if (!scene_trace(scene, &r, color))
                continue;
            for (int k = 0; k < 3; k++)
                pixel[k] = (float)color[k];
            pixel[3] = 1.0f;
        }
    status = view_picture_shrink(&image, 2, err);
    if (status != STATUS_OK)
        image_deinit(&image);
    else
        *out = image;
    return status;
}

static enum status append_picture(const struct image *image, struct buffer *out, struct error *err)
{
    const size_t n = image->width * image->height * image->channels;
    uint8_t *pixels = mem_alloc(n);
    if (!pixels)
        return error_status(err, STATUS_NO_MEMORY);
    pixels_quantize(image->values, n, pixels);
    enum status status =
        png_encode(pixels, image->width, image->height, image->channels, PNG_SMALL, out, err);
    mem_free(pixels);
    return status;
}

/* Camera number i of a split.  Training: all over the upper part of the sphere, by the golden
 * angle, each a little off its place; test: once around, going up. */
static void place_camera(uint64_t seed, bool is_test, size_t i, struct camera *c)
{
    static const double golden = 0.6180339887498949, target[3] = {0}, up[3] = {0, 0, 1};
    struct rng r = rng_at(seed, RNG_SAMPLE, 1 + i);
    double turn, height; /* height: sine of the elevation */
    if (is_test) {
        turn = ((double)i + 0.5) / N_TEST;
        height = 0.25 + 0.5 * ((double)i + 0.5) / N_TEST;
    } else {
        turn = (double)i * golden + 0.02 * rng_uniform(&r);
        height = 0.05 + 0.9 * ((double)i + rng_uniform(&r)) / N_TRAIN;
    }
    const double flat = distance * sqrt(1.0 - height * height);
    const double eye[3] = {flat * cos(2.0 * pi * turn), flat * sin(2.0 * pi * turn),
                           distance * height};
    camera_look_at(c, eye, target, up);
}

static enum status append_frame(const struct camera *c, const char *folder, size_t i,
                                struct buffer *poses, struct error *err)
{
    enum status status =
        buffer_printf(poses, err, "%s{\"file_path\": \"./%s/r_%zu\", \"transform_matrix\": [",
                      i > 0 ? ",\n  " : "", folder, i);
    for (int row = 0; row < 3 && status == STATUS_OK; row++)
        status = buffer_printf(poses, err, "[%.15g, %.15g, %.15g, %.15g], ", c->c2w[row][0],
                               c->c2w[row][1], c->c2w[row][2], c->c2w[row][3]);
    return status == STATUS_OK ? buffer_printf(poses, err, "[0, 0, 0, 1]]}") : status;
}

static enum status add_split(const struct scene *scene, uint64_t seed, bool is_test, size_t side,
                             struct archive *a, struct error *err)
{
    const char *split = is_test ? "test" : "train";
    const double width = (double)side, focal = camera_focal(width, camera_angle_x);
    struct camera c = {.fx = focal, .fy = focal, .cx = width / 2.0, .cy = width / 2.0};
    struct buffer *poses = add_file(a, MAX_POSES, split, 0);
    snprintf(a->names[a->n - 1], NAME_BYTES, "transforms_%s.json", split);
    enum status status =
        buffer_printf(poses, err, "{\"camera_angle_x\": %.15g, \"frames\": [\n  ", camera_angle_x);
    for (size_t i = 0; i < (is_test ? N_TEST : N_TRAIN) && status == STATUS_OK; i++) {
        struct image image = {0};
        place_camera(seed, is_test, i, &c);
        status = append_frame(&c, split, i, poses, err);
        if (status == STATUS_OK)
            status = draw(scene, &c, side, &image, err);
        if (status == STATUS_OK)
            status = append_picture(&image, add_file(a, MAX_PICTURE, split, i), err);
        image_deinit(&image);
    }
    return status == STATUS_OK ? buffer_printf(poses, err, "\n]}\n") : status;
}

enum status sample_views(const struct sample_spec *spec, struct buffer *out, struct error *err)
{
    const size_t side = spec->size ? spec->size : DEFAULT_SIDE;
    if (side < MIN_SIDE || side > MAX_SIDE)
        return error_set(err, STATUS_INVALID, "/size", "'size' must be %d..%d, got %zu", MIN_SIDE,
                         MAX_SIDE, side);
    struct archive *a = mem_alloc(sizeof *a);
    if (!a)
        return error_status(err, STATUS_NO_MEMORY);
    const struct scene scene = scene_make(spec->seed);
    struct zip_entry entries[N_FILES];
    enum status status = add_split(&scene, spec->seed, false, side, a, err);
    if (status == STATUS_OK)
        status = add_split(&scene, spec->seed, true, side, a, err);
    for (size_t i = 0; i < a->n; i++)
        entries[i] = (struct zip_entry){a->names[i], a->files[i].data, a->files[i].size};
    if (status == STATUS_OK)
        status = zip_archive_encode(entries, a->n, "the archive", out, err);
    for (size_t i = 0; i < a->n; i++)
        buffer_deinit(&a->files[i]);
    mem_free(a);
    return status;
}
