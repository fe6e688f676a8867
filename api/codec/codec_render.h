/*
 * What a render is asked to be: a camera, a size, and what to show of each pixel.
 *
 *   {"camera": {"c2w": 3 x 4 or 4 x 4, or "look_at": {"eye", "target", "up" (default 0 0 1)};
 *               "fov_degrees" (horizontal) or "focal" (pixels)},
 *    "width", "height", "outputs": ["color" | "depth" | "normal" | "opacity"],
 *    "format": "png" | "npz"}
 *
 * c2w's first three columns are a rotation (to a hundredth): x to the right, y up, z towards the
 * viewer.  The camera's axis goes through the middle of the picture.
 */
#ifndef API_CODEC_RENDER_H
#define API_CODEC_RENDER_H

#include <jansson.h>
#include <stdint.h>

#include "api/problem.h"
#include "core/scene/camera.h"

enum render_output { RENDER_COLOR, RENDER_DEPTH, RENDER_NORMAL, RENDER_OPACITY, RENDER_N_OUTPUTS };
extern const char *const render_output_names[]; /* ended by NULL */

enum render_format { RENDER_PNG, RENDER_NPZ };

struct render {
    struct camera camera;
    uint64_t width, height;
    unsigned outputs; /* 1u << enum render_output, of one or several */
    enum render_format format;
};

/* A body (an object).  INVALID with the places of all that is wrong; sizes go up to max_pixels. */
enum status codec_render_read(json_t *body, uint64_t max_pixels, struct render *out,
                              struct problem_list *problems) WARN_UNUSED;

/* Channels of an output. */
size_t codec_render_channels(enum render_output output);

#endif
