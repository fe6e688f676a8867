/*
 * transforms.json: the cameras of posed views, in the layouts of Blender scenes (NeRF), instant-ngp
 * and nerfstudio.
 * Sources: Mildenhall et al. 2020 (nerf-pytorch load_blender.py), instant-ngp's nerf_loader.cu and
 * docs/nerf_dataset_tips.md, nerfstudio's nerfstudio_dataparser.py and docs/data_conventions.md.
 *
 *   {"camera_angle_x": 0.69,                         radians, of the whole width; or
 *    "fl_x": 1375.5, "fl_y": …, "cx": …, "cy": …,    in pixels of a picture w wide and h high
 *    "w": 1080, "h": 1920, "k1": …, "k2": …, "p1": …, "p2": …, "camera_model": "OPENCV",
 *    "frames": [{"file_path": "./train/r_0", "transform_matrix": [[4], [4], [4], [4]], …}, …]}
 *
 * A frame's own numbers stand before those of the file.  transform_matrix is camera to world, the
 * camera looks along -z with +y up; it is taken as it stands: applied_transform, which tells how
 * the file's frame came about, changes nothing, nor do instant-ngp's scale and offset, which with
 * aabb_scale say where the scene is.  Members that are not known are skipped.
 */
#ifndef CORE_FORMAT_TRANSFORMS_H
#define CORE_FORMAT_TRANSFORMS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"
#include "core/format/views_box.h"

/* Of a frame, or of all frames: NaN where the file does not say. */
struct intrinsics {
    double camera_angle_x, camera_angle_y;
    double fl_x, fl_y, cx, cy, w, h;
    double k1, k2, k3, k4, p1, p2;
};

struct frame {
    char *file_path;
    enum view_split split; /* by the file's lists of names; VIEW_TRAIN where it has none */
    double matrix[4][4];
    size_t n_rows; /* 3 or 4 */
    struct intrinsics own;
};

struct transforms {
    size_t n_frames;
    struct frame *frames; /* [n_frames] */
    struct intrinsics all;
    /* The scene in instant-ngp's terms: scale * p + offset is in the cube of side aabb_scale about
     * 0.5.  NaN where the file does not say. */
    double aabb_scale, scale, offset[3];
    size_t n_masks;           /* frames that have a mask, which is not used */
    bool has_rolling_shutter; /* not used either */
};

/* Parse a file; name stands in messages.  INVALID (broken JSON, no frames, a frame without path or
 * matrix, a member twice), UNSUPPORTED (fisheye and other cameras that are no pinhole with the lens
 * of OpenCV's k1 k2 p1 p2, by name), TOO_LARGE (LIMIT_TRANSFORMS, LIMIT_VIEWS), NO_MEMORY. */
enum status transforms_parse(const uint8_t *bytes, size_t n_bytes, const char *name,
                             struct transforms *out, struct error *err) WARN_UNUSED;
void transforms_deinit(struct transforms *t);

/* The camera of frame i for a picture of this size: all of *out but its image and split.
 * *is_resized: the file says another size, the intrinsics were scaled to this one.
 * *scale: of the pose's rotation, taken out (1: it had none).
 * INVALID with the frame in the message: no focal length, numbers out of range, a picture of
 * another shape than the file says, a matrix that is no pose. */
enum status transforms_camera(const struct transforms *t, size_t i, size_t width, size_t height,
                              struct view *out, bool *is_resized, double *scale,
                              struct error *err) WARN_UNUSED;

/* The cube that aabb_scale says.  False where it says none, or none that can be. */
bool transforms_box(const struct transforms *t, struct views_box *out);

/* A camera-to-world matrix of 3 or 4 rows as struct view has it.  The upper left 3 x 3 must be a
 * rotation to a thousandth, times a scale (Blender's cameras may have one), which says nothing
 * about a pinhole camera and is taken out; a fourth row is 0 0 0 1.  INVALID with which of this it
 * is not. */
enum status pose_check(const double matrix[4][4], size_t n_rows, double c2w[3][4], double *scale,
                       struct error *err) WARN_UNUSED;

#endif
