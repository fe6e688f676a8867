/*
 * Design.  Poses and focal lengths are small and read whole.  The images are not: their header is
 * parsed, then one view after the other is unpacked, looked at or kept, and let go.
 */
#include "core/format/views_npz.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/npy.h"
#include "core/format/npy_header.h"
#include "core/format/transforms.h"
#include "core/format/zip_archive.h"

enum {
    PREAMBLE = 12,         /* bytes after which a header's length is known, in every version */
    MAX_HEADER = 16 << 10, /* more than npy_header_parse takes */
    MAX_SMALL = 1 << 20,   /* bytes of poses and of focal lengths: 4 x 4 doubles of each view */
    N_TINY_NERF = 106,     /* views of tiny_nerf_data.npz */
    N_TINY_NERF_TEST = 6,
};

struct scene {
    struct zip_archive *archive;
    size_t n;         /* views */
    double *matrices; /* [n, 4, 4] */
    size_t n_rows;    /* of a matrix that are said */
    double *focal;    /* [n] */
    struct zip_member images;
    struct npy_array shape; /* of all images, without data */
    uint8_t *packed;        /* one view's numbers as the file has them */
    size_t n_packed;
};

static enum status find(const struct scene *s, const char *name, size_t *out, struct error *err)
{
    for (size_t i = 0; i < zip_archive_n_members(s->archive); i++)
        if (strcmp(zip_archive_name(s->archive, i), name) == 0) {
            *out = i;
            return STATUS_OK;
        }
    return error_set(err, STATUS_INVALID, "",
                     "the NPZ archive has no '%s': views are 'images', 'poses' and 'focal'", name);
}

/* A small array as floats: *values [a->n_elements] is the caller's (mem_free). */
static enum status read_small(const struct scene *s, const char *name, struct npy_array *a,
                              float **values, struct error *err)
{
    size_t i = 0, n = 0;
    uint8_t *bytes = NULL;
    float *v = NULL;
    enum status status = find(s, name, &i, err);
    if (status != STATUS_OK)
        return status;
    status = zip_archive_read_most(s->archive, i, MAX_SMALL, &bytes, &n, err);
    if (status == STATUS_OK)
        status = npy_parse(bytes, n, a, err);
    if (status == STATUS_OK) {
        v = mem_alloc_array(a->n_elements > 0 ? a->n_elements : 1, sizeof *v);
        status = v ? npy_to_floats(a, v, err) : error_status(err, STATUS_NO_MEMORY);
    }
    a->data = NULL;
    mem_free(bytes);
    if (status != STATUS_OK)
        mem_free(v);
    else
        *values = v;
    return status;
}

static enum status read_poses(struct scene *s, struct error *err)
{
    struct npy_array a = {0};
    float *values = NULL;
    enum status status = read_small(s, "poses.npy", &a, &values, err);
    if (status != STATUS_OK)
        return status;
    if (a.n_dims != 3 || (a.shape[1] != 3 && a.shape[1] != 4) || a.shape[2] != 4) {
        status = error_set(err, STATUS_INVALID, "", "'poses' is no array [n,4,4] or [n,3,4]");
        goto out;
    }
    if (a.shape[0] != s->n) {
        status = error_set(err, STATUS_INVALID, "", "there are %zu images, but %zu poses", s->n,
                           a.shape[0]);
        goto out;
    }
    s->n_rows = a.shape[1];
    s->matrices = mem_alloc_array(s->n * 16, sizeof *s->matrices);
    if (!s->matrices) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->n_rows * 4; k++)
            s->matrices[i * 16 + k] = (double)values[i * s->n_rows * 4 + k];
out:
    mem_free(values);
    return status;
}

static enum status read_focal(struct scene *s, struct error *err)
{
    struct npy_array a = {0};
    float *values = NULL;
    enum status status = read_small(s, "focal.npy", &a, &values, err);
    if (status != STATUS_OK)
        return status;
    if (a.n_elements != 1 && !(a.n_dims == 1 && a.shape[0] == s->n)) {
        status = error_set(err, STATUS_INVALID, "", "'focal' is neither one number nor [n]");
        goto out;
    }
    s->focal = mem_alloc_array(s->n, sizeof *s->focal);
    if (!s->focal) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < s->n && status == STATUS_OK; i++) {
        s->focal[i] = (double)values[a.n_elements == 1 ? 0 : i];
        if (!(s->focal[i] >= LIMIT_LEAST_FOCAL && s->focal[i] <= LIMIT_FOCAL))
            status = error_set(err, STATUS_INVALID, "", "the focal length %g is out of range",
                               s->focal[i]);
    }
out:
    mem_free(values);
    return status;
}

/* --- images --- */

static size_t bytes_of(enum npy_type type)
{
    return type == NPY_U8 ? 1 : type == NPY_F16 ? 2 : type == NPY_F32 ? 4 : 8;
}

static enum status check_shape(struct scene *s, size_t n_data, struct error *err)
{
    const struct npy_array *a = &s->shape;
    size_t n_all = 0;
    if (a->n_dims != 4 || (a->shape[3] != 3 && a->shape[3] != 4))
        return error_set(err, STATUS_INVALID, "", "'images' is no array [n,H,W,3] or [n,H,W,4]");
    if (a->type != NPY_U8 && a->type != NPY_F16 && a->type != NPY_F32 && a->type != NPY_F64)
        return error_set(err, STATUS_UNSUPPORTED, "", "'images' must be of type float or uint8");
    if (a->fortran_order)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "'images' is in Fortran order: save numpy.ascontiguousarray(images)");
    if (a->shape[0] == 0 || a->shape[0] > LIMIT_VIEWS)
        return error_set(err, a->shape[0] == 0 ? STATUS_INVALID : STATUS_TOO_LARGE, "",
                         "there are 1..%d views, got %zu", LIMIT_VIEWS, a->shape[0]);
    enum status status = image_check_size(a->shape[2], a->shape[1], a->shape[3], err);
    if (status != STATUS_OK)
        return status;
    s->n = a->shape[0];
    s->n_packed = a->shape[1] * a->shape[2] * a->shape[3] * bytes_of(a->type);
    if (!mem_mul(&n_all, s->n, s->n_packed) || n_all != n_data)
        return error_set(err, STATUS_INVALID, "",
                         "'images' needs %zu views of %zu bytes, it has %zu", s->n, s->n_packed,
                         n_data);
    return STATUS_OK;
}

/* The header, up to where the data begins. */
static enum status open_images(struct scene *s, struct error *err)
{
    uint8_t header[MAX_HEADER];
    size_t i = 0, n_header = 0;
    enum status status = find(s, "images.npy", &i, err);
    if (status != STATUS_OK)
        return status;
    const size_t n = zip_archive_size(s->archive, i);
    if (n < PREAMBLE)
        return error_set(err, STATUS_INVALID, "", "'images' is not an NPY file");
    status = zip_member_open(&s->images, s->archive, i, err);
    if (status == STATUS_OK)
        status = zip_member_read(&s->images, header, PREAMBLE, err);
    if (status != STATUS_OK)
        return status;
    /* Version 1 counts in two bytes, which are followed by the header; later ones in four. */
    const size_t start = header[6] == 1 ? 10 : 12;
    size_t wanted = start + ((size_t)header[8] | (size_t)header[9] << 8);
    if (header[6] != 1)
        wanted += (size_t)header[10] << 16 | (size_t)header[11] << 24;
    if (wanted < PREAMBLE || wanted > n || wanted > MAX_HEADER)
        return error_set(err, STATUS_INVALID, "", "the NPY header of 'images' is broken");
    status = zip_member_read(&s->images, header + PREAMBLE, wanted - PREAMBLE, err);
    if (status == STATUS_OK)
        status = npy_header_parse(header, wanted, &s->shape, &n_header, err);
    return status == STATUS_OK ? check_shape(s, n - wanted, err) : status;
}

/* The next view's numbers as an array [H, W, C] that borrows them. */
static enum status next_image(struct scene *s, struct npy_array *out, struct error *err)
{
    enum status status = zip_member_read(&s->images, s->packed, s->n_packed, err);
    *out = s->shape;
    out->n_dims = 3;
    memcpy(out->shape, s->shape.shape + 1, 3 * sizeof *out->shape);
    out->n_elements = out->shape[0] * out->shape[1] * out->shape[2];
    out->data = s->packed;
    return status;
}

static void scene_close(struct scene *s)
{
    mem_free(s->matrices);
    mem_free(s->focal);
    mem_free(s->packed);
    zip_member_close(&s->images);
    zip_archive_close(s->archive);
}

/* scene_close whatever comes of it. */
static enum status scene_open(struct scene *s, const uint8_t *bytes, size_t n_bytes,
                              struct error *err)
{
    *s = (struct scene){0};
    enum status status = zip_archive_open(&s->archive, bytes, n_bytes, "the NPZ archive", err);
    if (status == STATUS_OK)
        status = open_images(s, err);
    if (status == STATUS_OK)
        status = read_poses(s, err);
    if (status == STATUS_OK)
        status = read_focal(s, err);
    if (status != STATUS_OK)
        return status;
    s->packed = mem_alloc(s->n_packed);
    return s->packed ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

/* --- one view --- */

static enum status camera(const struct scene *s, size_t i, struct view *out, double *scale,
                          struct error *err)
{
    struct error inner = {.status = STATUS_OK};
    struct view v = {
        .split =
            s->n == N_TINY_NERF && i >= N_TINY_NERF - N_TINY_NERF_TEST ? VIEW_TEST : VIEW_TRAIN,
        .fx = s->focal[i],
        .fy = s->focal[i],
        .cx = 0.5 * (double)s->shape.shape[2],
        .cy = 0.5 * (double)s->shape.shape[1],
    };
    double matrix[4][4];
    memcpy(matrix, s->matrices + i * 16, sizeof matrix);
    enum status status = pose_check(matrix, s->n_rows, v.c2w, scale, &inner);
    if (status != STATUS_OK)
        return error_set(err, status, "", "pose %zu: %s", i, inner.message);
    *out = v;
    return STATUS_OK;
}

static enum status check_values(size_t i, const struct image *image, struct error *err)
{
    for (size_t k = 0;
         image->type == SAMPLE_FLOAT && k < image->width * image->height * image->channels; k++)
        if (!(image->values[k] >= 0.0f && image->values[k] <= 1.0f))
            return error_set(err, STATUS_INVALID, "",
                             "image %zu has the value %g: floats must be in 0..1, or save uint8", i,
                             (double)image->values[k]);
    return STATUS_OK;
}

static enum status image_of(const struct npy_array *a, struct image *out, struct error *err)
{
    struct image image = {0};
    enum status status = image_create(&image, a->type == NPY_U8 ? SAMPLE_U8 : SAMPLE_FLOAT,
                                      a->shape[1], a->shape[0], a->shape[2], err);
    if (status != STATUS_OK)
        return status;
    if (a->type == NPY_U8)
        memcpy(image.u8, a->data, a->n_elements);
    else
        status = npy_to_floats(a, image.values, err);
    if (status != STATUS_OK)
        image_deinit(&image);
    else
        *out = image;
    return status;
}

/* The next view, which is number i, at full size. */
static enum status next_view(struct scene *s, size_t i, struct view *out, double *scale,
                             struct error *err)
{
    struct npy_array a;
    struct image image = {0};
    enum status status = next_image(s, &a, err);
    if (status == STATUS_OK)
        status = image_of(&a, &image, err);
    if (status == STATUS_OK)
        status = check_values(i, &image, err);
    if (status == STATUS_OK)
        status = camera(s, i, out, scale, err);
    if (status != STATUS_OK)
        image_deinit(&image);
    else
        out->image = image;
    return status;
}

/* Are the corners of a picture nothing: transparent, or all black, or all white? */
static bool has_plain_corners(const struct image *image)
{
    const size_t right = image->width - 1, below = (image->height - 1) * image->width;
    const size_t corners[] = {0, right, below, below + right};
    float low = 1.0f, high = 0.0f;
    for (size_t k = 0; k < 4; k++) {
        float pixel[4];
        image_read(image, corners[k] * image->channels, image->channels, pixel);
        const float weight = image->channels == 4 ? pixel[3] : 1.0f;
        for (size_t c = 0; c < 3; c++) {
            low = fminf(low, pixel[c] * weight);
            high = fmaxf(high, pixel[c] * weight);
        }
    }
    return high == 0.0f || low == 1.0f;
}

enum status views_npz_check(const uint8_t *bytes, size_t n_bytes, struct views_facts *out,
                            struct error *err)
{
    struct scene s;
    struct views_facts facts = {0};
    size_t n_scaled = 0, n_plain = 0;
    enum status status = scene_open(&s, bytes, n_bytes, err);
    struct view *cameras = mem_alloc_array(s.n + 1, sizeof *cameras);
    double *scratch = mem_alloc_array(s.n + 1, sizeof *scratch);
    if (status != STATUS_OK)
        goto out;
    if (!cameras || !scratch) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < s.n && status == STATUS_OK; i++) {
        struct view v;
        double scale = 1.0;
        status = next_view(&s, i, &v, &scale, err);
        if (status != STATUS_OK)
            break;
        n_plain += has_plain_corners(&v.image);
        const struct image_facts picture = {
            .width = v.image.width,
            .height = v.image.height,
            .channels = v.image.channels,
            .bits_per_channel = 8 * (unsigned)image_sample_size(v.image.type),
        };
        image_deinit(&v.image);
        v.image.width = picture.width;
        v.image.height = picture.height;
        cameras[i] = v;
        n_scaled += scale != 1.0;
        status = views_facts_add(&facts, &v, &picture, s.n_packed, err);
    }
    if (status == STATUS_OK)
        status = zip_member_end(&s.images, err);
    if (status == STATUS_OK)
        status = views_facts_check(&facts, err);
    if (status == STATUS_OK) /* a few may come closer than their object is wide */
        facts.scene = views_box_find(s.n, cameras, n_plain >= s.n - s.n / 8, scratch);
out:
    mem_free(cameras);
    mem_free(scratch);
    scene_close(&s);
    if (status != STATUS_OK)
        return status;
    if (n_scaled > 0)
        views_facts_warn(&facts, "%zu poses have a scale, which was taken out", n_scaled);
    *out = facts;
    return STATUS_OK;
}

enum status views_npz_decode(const uint8_t *bytes, size_t n_bytes,
                             const struct views_options *options, struct views *out,
                             struct error *err)
{
    struct scene s;
    struct views views = {0};
    enum status status = scene_open(&s, bytes, n_bytes, err);
    const size_t n = views_n_taken(options, s.n);
    if (status != STATUS_OK)
        goto out;
    views.view = mem_alloc_array(n, sizeof *views.view);
    if (!views.view) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < s.n && views.n_views < n && status == STATUS_OK; i++) {
        struct npy_array unwanted;
        double scale;
        if (i != views_taken(options, s.n, views.n_views)) {
            status = next_image(&s, &unwanted, err);
            continue;
        }
        struct view *v = &views.view[views.n_views];
        status = next_view(&s, i, v, &scale, err);
        views.n_views += status == STATUS_OK;
        if (status == STATUS_OK)
            status = views_shrink(v, views_factor(options, v->image.width, v->image.height), err);
    }
    if (status == STATUS_OK && n == s.n)
        status = zip_member_end(&s.images, err);
out:
    scene_close(&s);
    if (status != STATUS_OK)
        views_deinit(&views);
    else
        *out = views;
    return status;
}

bool views_npz_recognize(const uint8_t *bytes, size_t n_bytes)
{
    struct zip_archive *z = NULL;
    bool is_found = false;
    if (zip_archive_open(&z, bytes, n_bytes, "the NPZ archive", NULL) != STATUS_OK)
        return false;
    for (size_t i = 0; i < zip_archive_n_members(z) && !is_found; i++) {
        const char *name = zip_archive_name(z, i);
        const size_t n = strlen(name);
        is_found = n > 4 && strcmp(name + n - 4, ".npy") == 0;
    }
    zip_archive_close(z);
    return is_found;
}
