/*
 * Plain data: what decoders make and tasks learn from.  Structs here have public members and no
 * rules but those written beside them.
 */
#ifndef CORE_BASE_DATA_H
#define CORE_BASE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* How a picture keeps its numbers: as its file has them, so that a large one stays small. */
enum sample_type { SAMPLE_FLOAT, SAMPLE_U8, SAMPLE_U16 };

/* Samples: [height, width, channels], row 0 on top, owned by the image; all finite. */
struct image {
    size_t width;
    size_t height;
    size_t channels; /* 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA; alpha is straight, a channel like
                        others */
    enum sample_type type;
    union {
        void *samples;
        float *values; /* a float file's, as they were */
        uint8_t *u8;   /* value: u8 / 255 */
        uint16_t *u16; /* value: u16 / 65535 */
    };
};

/* What a check of a file finds out about its picture without keeping it. */
struct image_facts {
    size_t width; /* upright, as of struct image */
    size_t height;
    size_t channels;
    unsigned bits_per_channel; /* of the file's numbers */
    float low, high;           /* no value lies outside; [0, 1] for integer files */
};

/* Can an image have this size?  INVALID for a side of 0, no channel or more than LIMIT_CHANNELS,
 * TOO_LARGE past LIMIT_IMAGE_*. */
enum status image_check_size(size_t width, size_t height, size_t channels,
                             struct error *err) WARN_UNUSED;

/* A zeroed image.  Errors of image_check_size, NO_MEMORY. */
enum status image_create(struct image *out, enum sample_type type, size_t width, size_t height,
                         size_t channels, struct error *err) WARN_UNUSED;

/* Release the samples; the image is then empty.  An image of zeros is fine. */
void image_deinit(struct image *image);

/* Bytes of one sample. */
size_t image_sample_size(enum sample_type type);

/* The values of samples first … first + n - 1. */
void image_read(const struct image *image, size_t first, size_t n, float *values);

/* The value of sample i. */
float image_value(const struct image *image, size_t i);

/* Samples: [depth, height, width, channels] = [z, y, x, c], owned by the volume; all finite.  Kept
 * as small as they can be without loss: whole numbers less the file's least (SAMPLE_U8, SAMPLE_U16)
 * where that fits, else floats.  value = sample * unit is in [0, 1]; the file's own number, with
 * its slope and intercept, is low + value * (high - low). */
struct volume {
    size_t width, height, depth; /* along x, y, z */
    size_t channels;             /* 1..LIMIT_CHANNELS */
    enum sample_type type;
    union {
        void *samples;
        float *values; /* unit: 1 */
        uint8_t *u8;
        uint16_t *u16;
    };
    float unit;
    double low, high; /* equal for a constant volume: all values are then 0 */
    /* Source coordinates of voxel index (i, j, k) = affine * (i, j, k, 1): millimetres where the
     * file says so, else the indices themselves.  Invertible. */
    double affine[3][4];
    bool has_affine;
};

/* What a reader of a volume's file should know: bits, in the order they are told. */
enum volume_warning {
    VOLUME_NO_AFFINE = 1 << 0,
    VOLUME_SIZES_ALONE = 1 << 1,
    VOLUME_BAD_AFFINE = 1 << 2,
    VOLUME_TWO_AFFINES = 1 << 3,
    VOLUME_UNKNOWN_UNIT = 1 << 4,
    VOLUME_OTHER_UNIT = 1 << 5,
    VOLUME_TIME_AS_CHANNELS = 1 << 6,
    VOLUME_CONSTANT = 1 << 7,
    VOLUME_N_WARNINGS = 8
};

/* The words for warning bit number i, 0 … VOLUME_N_WARNINGS - 1. */
const char *volume_warning_text(size_t i);

/* What a check of a file finds out about its volume without keeping it: as of struct volume. */
struct volume_facts {
    size_t width, height, depth, channels;
    unsigned bits_per_channel; /* of the file's numbers */
    enum sample_type type;     /* how a volume keeps them */
    double low, high;
    double affine[3][4];
    bool has_affine;
    unsigned warnings; /* of enum volume_warning */
};

/* Can a volume have this size?  INVALID, TOO_LARGE past LIMIT_VOLUME_VOXELS. */
enum status volume_check_size(size_t width, size_t height, size_t depth, size_t channels,
                              struct error *err) WARN_UNUSED;

/* A zeroed volume with unit 1, low 0, high 1, the identity as affine. */
enum status volume_create(struct volume *out, enum sample_type type, size_t width, size_t height,
                          size_t depth, size_t channels, struct error *err) WARN_UNUSED;
void volume_deinit(struct volume *v);

/* The values of samples first … first + n - 1, in [0, 1]. */
void volume_read(const struct volume *v, size_t first, size_t n, float *values);

/* Has an affine map of voxel indices an inverse, and one that leaves something of float32
 * coordinates: its largest number is in 1e-18 … 1e18, no offset is beyond? */
bool affine_is_invertible(const double affine[3][4]);

/* Of an invertible map: how far the source moves along with axis c, from an index to the next; the
 * axis that leads most along a source coordinate; whether the source coordinate that an axis leads
 * along most grows with it. */
double affine_axis_length(const double affine[3][4], size_t c);
size_t affine_nearest_axis(const double affine[3][4], size_t source);
bool affine_leads_up(const double affine[3][4], size_t c);

/* Source coordinates from unit ones, [0, 1]^3 over the voxels of such a map: the centre of index i
 * of N is at (i + 0.5) / N. */
void volume_source_from_unit(size_t width, size_t height, size_t depth, const double affine[3][4],
                             double source_from_unit[3][4]);

/* Triangles of points, in the file's units and axes; indices are below n_vertices, coordinates
 * finite.  Both arrays are owned by the mesh. */
struct mesh {
    size_t n_vertices, n_triangles;
    float *vertices; /* [n_vertices, 3] */
    uint32_t
        *triangles; /* [n_triangles, 3], counter-clockwise seen from outside where it has one */
};
void mesh_deinit(struct mesh *m);

/* One photograph and its camera.  A camera looks along -z with +y up; pixel (u, v), v down, sees
 * along ((u - cx) / fx, -(v - cy) / fy, -1) turned by c2w, after the lens is undone (OpenCV's k1
 * k2 p1 p2). */
enum view_split { VIEW_TRAIN, VIEW_VALIDATION, VIEW_TEST };
struct view {
    struct image image; /* 3 channels or 4, alpha straight */
    enum view_split split;
    double c2w[3][4]; /* camera to world */
    double fx, fy, cx, cy;
    double k1, k2, p1, p2;
};
struct views {
    size_t n_views;
    struct view *view; /* [n_views], owned */
};
void views_deinit(struct views *v);

/* Projections of a picture: values [n_angles, width], angles in radians; both owned. */
struct sinogram {
    size_t n_angles, width;
    float *values;
    double *angles;
};
void sinogram_deinit(struct sinogram *s);

/* Samples of an orthonormal discrete Fourier transform, zero frequency first: [depth, height,
 * width] of (re, im), and which of them were measured.  Both arrays owned. */
struct kspace {
    size_t width, height, depth; /* depth 1: of a picture */
    float *samples;              /* [depth, height, width, 2] */
    uint8_t *mask;               /* [depth, height, width]: 0 or 1 */
};
void kspace_deinit(struct kspace *k);

/* A function of one coordinate on [0, 1): sample i of N is its value at i / N.  values [n_samples,
 * channels], owned; finite, of any size. */
struct signal {
    size_t n_samples, channels;
    float *values;
};
void signal_deinit(struct signal *s);

/* What an uploaded file may hold. */
enum data_kind {
    DATA_IMAGE,
    DATA_VOLUME,
    DATA_SHAPE,
    DATA_VIEWS,
    DATA_SINOGRAM,
    DATA_KSPACE,
    DATA_SIGNAL,
    DATA_N_KINDS
};
struct data {
    enum data_kind kind;
    union {
        struct image image;
        struct volume volume;
        struct mesh mesh;
        struct views views;
        struct sinogram sinogram;
        struct kspace kspace;
        struct signal signal;
    };
};
void data_deinit(struct data *d);

#endif
