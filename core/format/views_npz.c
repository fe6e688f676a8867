/*
 * Design.  Poses and focal lengths are small and read whole.  The images are not: their header is
 * parsed, then one view after the other is unpacked, looked at or kept, and let go: some rows at a
 * time, since a view may have as many pixels as a picture can.
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
    BAND = 1 << 20,        /* bytes of rows that are unpacked at once; a row may have more */
    N_TINY_NERF = 106,     /* views of tiny_nerf_data.npz */
    N_TINY_NERF_TEST = 6,
};

struct scene {
    struct zip_archive *archive;
    size_t n;             /* views */
    double *matrices;     /* [n, 4, 4] */
    size_t n_matrix_rows; /* that are said */
    double *focal;        /* [n] */
    struct zip_member images;
    struct npy_array shape;       /* of all images, without data */
    size_t n_row, n_rows_of_band; /* bytes of a row, and rows … */
    uint8_t *packed;              /* … of a band, as the file has them */
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
    s->n_matrix_rows = a.shape[1];
    s->matrices = mem_alloc_array(s->n * 16, sizeof *s->matrices);
    if (!s->matrices) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->n_matrix_rows * 4; k++)
            s->matrices[i * 16 + k] = (double)values[i * s->n_matrix_rows * 4 + k];
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
    s->n_row = a->shape[2] * a->shape[3] * bytes_of(a->type);
    s->n_rows_of_band = s->n_row < BAND ? BAND / s->n_row : 1;
    if (s->n_rows_of_band > a->shape[1])
        s->n_rows_of_band = a->shape[1];
    const size_t n_view = a->shape[1] * s->n_row;
    if (!mem_mul(&n_all, s->n, n_view) || n_all != n_data)
        return error_set(err, STATUS_INVALID, "",
                         "'images' needs %zu views of %zu bytes, it has %zu", s->n, n_view, n_data);
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

static enum sample_type sample_type_of(const struct scene *s)
{
    return s->shape.type == NPY_U8 ? SAMPLE_U8 : SAMPLE_FLOAT;
}

static size_t n_samples_of_row(const struct scene *s)
{
    return s->shape.shape[2] * s->shape.shape[3];
}

/* Rows of the band that begins with row `first` of a view. */
static size_t n_rows_at(const struct scene *s, size_t first)
{
    const size_t left = s->shape.shape[1] - first;
    return left < s->n_rows_of_band ? left : s->n_rows_of_band;
}

static enum status check_values(size_t i, size_t n, const float *values, struct error *err)
{
    for (size_t k = 0; k < n; k++)
        if (!(values[k] >= 0.0f && values[k] <= 1.0f))
            return error_set(err, STATUS_INVALID, "",
                             "image %zu has the value %g: floats must be in 0..1, or save uint8", i,
                             (double)values[k]);
    return STATUS_OK;
}

/* The next n rows, which are of view i, at most a band: samples [n, W, C] of sample_type_of; NULL:
 * they are not wanted. */
static enum status next_rows(struct scene *s, size_t i, size_t n, void *samples, struct error *err)
{
    const struct npy_array rows = {.type = s->shape.type,
                                   .big_endian = s->shape.big_endian,
                                   .n_dims = 1,
                                   .shape = {n * n_samples_of_row(s)},
                                   .n_elements = n * n_samples_of_row(s),
                                   .data = s->packed};
    enum status status = zip_member_read(&s->images, s->packed, n * s->n_row, err);
    if (status != STATUS_OK || !samples)
        return status;
    if (s->shape.type == NPY_U8) {
        memcpy(samples, s->packed, rows.n_elements);
        return STATUS_OK;
    }
    status = npy_to_floats(&rows, samples, err);
    return status == STATUS_OK ? check_values(i, rows.n_elements, samples, err) : status;
}

/* The next view, which is number i, at full size; out NULL: it is not wanted. */
static enum status next_image(struct scene *s, size_t i, struct image *out, struct error *err)
{
    const size_t height = s->shape.shape[1], n_row = n_samples_of_row(s);
    const size_t n_sample = image_sample_size(sample_type_of(s));
    struct image image = {0};
    enum status status = STATUS_OK;
    if (out)
        status = image_create(&image, sample_type_of(s), s->shape.shape[2], height,
                              s->shape.shape[3], err);
    for (size_t row = 0; row < height && status == STATUS_OK; row += s->n_rows_of_band)
        status = next_rows(s, i, n_rows_at(s, row),
                           out ? (uint8_t *)image.samples + row * n_row * n_sample : NULL, err);
    if (status != STATUS_OK)
        image_deinit(&image);
    else if (out)
        *out = image;
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
    s->packed = mem_alloc(s->n_rows_of_band * s->n_row);
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
    enum status status = pose_check(matrix, s->n_matrix_rows, v.c2w, scale, &inner);
    if (status != STATUS_OK)
        return error_set(err, status, "", "pose %zu: %s", i, inner.message);
    *out = v;
    return STATUS_OK;
}

/* The next view, which is number i, at full size. */
static enum status next_view(struct scene *s, size_t i, struct view *out, double *scale,
                             struct error *err)
{
    struct image image = {0};
    enum status status = next_image(s, i, &image, err);
    if (status == STATUS_OK)
        status = camera(s, i, out, scale, err);
    if (status != STATUS_OK)
        image_deinit(&image);
    else
        out->image = image;
    return status;
}

/* --- check --- */

/* Of the corners of a picture, premultiplied. */
struct corners {
    float low, high;
};

/* The ends of a row. */
static void look_at_corners(const struct image *band, size_t row, struct corners *c)
{
    const size_t ends[] = {row * band->width, row * band->width + band->width - 1};
    for (size_t k = 0; k < 2; k++) {
        float pixel[4];
        image_read(band, ends[k] * band->channels, band->channels, pixel);
        const float weight = band->channels == 4 ? pixel[3] : 1.0f;
        for (size_t i = 0; i < 3; i++) {
            c->low = fminf(c->low, pixel[i] * weight);
            c->high = fmaxf(c->high, pixel[i] * weight);
        }
    }
}

/* Look at view i, band by band.  *is_plain: its corners are nothing: transparent, or all black, or
 * all white. */
static enum status look_at_view(struct scene *s, size_t i, struct image *band, bool *is_plain,
                                struct error *err)
{
    const size_t height = s->shape.shape[1];
    struct corners c = {1.0f, 0.0f};
    for (size_t row = 0; row < height; row += s->n_rows_of_band) {
        const size_t n = n_rows_at(s, row);
        const enum status status = next_rows(s, i, n, band->samples, err);
        if (status != STATUS_OK)
            return status;
        if (row == 0)
            look_at_corners(band, 0, &c);
        if (row + n == height)
            look_at_corners(band, n - 1, &c);
    }
    *is_plain = c.high == 0.0f || c.low == 1.0f;
    return STATUS_OK;
}

enum status views_npz_check(const uint8_t *bytes, size_t n_bytes, struct views_facts *out,
                            struct error *err)
{
    struct scene s;
    struct views_facts facts = {0};
    struct image band = {0};
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
    const struct image_facts picture = {
        .width = s.shape.shape[2],
        .height = s.shape.shape[1],
        .channels = s.shape.shape[3],
        .bits_per_channel = 8 * (unsigned)image_sample_size(sample_type_of(&s)),
    };
    status = image_create(&band, sample_type_of(&s), picture.width, s.n_rows_of_band,
                          picture.channels, err);
    for (size_t i = 0; i < s.n && status == STATUS_OK; i++) {
        bool is_plain = false;
        double scale = 1.0;
        status = look_at_view(&s, i, &band, &is_plain, err);
        if (status == STATUS_OK)
            status = camera(&s, i, &cameras[i], &scale, err);
        if (status != STATUS_OK)
            break;
        cameras[i].image.width = picture.width;
        cameras[i].image.height = picture.height;
        n_plain += is_plain;
        n_scaled += scale != 1.0;
        status = views_facts_add(&facts, &cameras[i], &picture, s.n_rows_of_band * s.n_row, err);
    }
    if (status == STATUS_OK)
        status = zip_member_end(&s.images, err);
    if (status == STATUS_OK)
        status = views_facts_check(&facts, err);
    if (status == STATUS_OK) /* a few may come closer than their object is wide */
        facts.scene = views_box_find(s.n, cameras, n_plain >= s.n - s.n / 8, scratch);
out:
    image_deinit(&band);
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

/* --- decoding --- */

/* Views from the first on that may be unpacked. */
static size_t n_views_read(const struct scene *s, const struct views_options *options)
{
    const size_t n_view = s->shape.shape[1] * s->n_row;
    if (options->cameras_only)
        return 0;
    return options->max_unpacked == 0 ? s->n : options->max_unpacked / n_view;
}

/* View i with the size of its picture, which is not unpacked. */
static enum status bare_view(const struct scene *s, size_t i, struct view *out, struct error *err)
{
    double scale;
    enum status status = camera(s, i, out, &scale, err);
    if (status == STATUS_OK)
        out->image = (struct image){
            .width = s->shape.shape[2], .height = s->shape.shape[1], .channels = s->shape.shape[3]};
    return status;
}

enum status views_npz_decode(const uint8_t *bytes, size_t n_bytes,
                             const struct views_options *options, struct views *out,
                             struct error *err)
{
    struct scene s;
    struct views views = {0};
    double scale;
    enum status status = scene_open(&s, bytes, n_bytes, err);
    const size_t n = views_n_taken(options, s.n);
    if (status != STATUS_OK)
        goto out;
    views.view = mem_alloc_array(n, sizeof *views.view);
    if (!views.view) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    const size_t n_read = n_views_read(&s, options);
    for (size_t i = 0, next = 0; i < n && status == STATUS_OK; i++) {
        const size_t wanted = views_taken(options, s.n, i);
        struct view *v = &views.view[i];
        for (; next < wanted && wanted < n_read && status == STATUS_OK; next++)
            status = next_image(&s, next, NULL, err);
        if (status == STATUS_OK)
            status = wanted < n_read ? next_view(&s, next++, v, &scale, err)
                                     : bare_view(&s, wanted, v, err);
        views.n_views += status == STATUS_OK;
        if (status == STATUS_OK && v->image.samples)
            status = views_shrink(v, views_factor(options, v->image.width, v->image.height), err);
    }
    if (status == STATUS_OK && n == s.n && n_read == s.n)
        status = zip_member_end(&s.images, err);
out:
    scene_close(&s);
    if (status != STATUS_OK)
        views_deinit(&views);
    else
        *out = views;
    return status;
}

enum status views_npz_recognize(const uint8_t *bytes, size_t n_bytes, bool *out, struct error *err)
{
    struct zip_archive *z = NULL;
    *out = false;
    const enum status status = zip_archive_open(&z, bytes, n_bytes, "the NPZ archive", NULL);
    for (size_t i = 0; status == STATUS_OK && i < zip_archive_n_members(z) && !*out; i++) {
        const char *name = zip_archive_name(z, i);
        const size_t n = strlen(name);
        *out = n > 4 && strcmp(name + n - 4, ".npy") == 0;
    }
    zip_archive_close(z);
    return status == STATUS_NO_MEMORY ? error_status(err, status) : STATUS_OK;
}
