#include "api/codec/codec_render.h"

#include <math.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "core/base/limits.h"

const char *const render_output_names[] = {"color", "depth", "normal", "opacity", NULL};
static const char *const format_names[] = {"png", "npz", NULL};

/* Far outside of any scene, far inside of float32. */
static const double number_limit = 1e9;

size_t codec_render_channels(enum render_output output)
{
    return output == RENDER_COLOR || output == RENDER_NORMAL ? 3 : 1;
}

/* --- camera --- */

struct look_at {
    double eye[3], target[3], up[3];
};

static enum status read_number(const json_t *value, const char *place, double *out,
                               struct problem_list *problems)
{
    *out = json_number_value(value);
    if (json_is_number(value) && fabs(*out) <= number_limit)
        return STATUS_OK;
    return problem_add(problems, STATUS_INVALID, place, "a matrix holds numbers within %g of 0",
                       number_limit);
}

/* Three rows of four, and a fourth that says nothing. */
static enum status read_matrix(const json_t *value, struct camera *camera,
                               struct problem_list *problems)
{
    const size_t n_rows = json_array_size(value);
    bool ok = n_rows == 3 || n_rows == 4;
    for (size_t r = 0; r < n_rows && ok; r++)
        ok = json_array_size(json_array_get(value, r)) == 4;
    if (!ok)
        return problem_add(problems, STATUS_INVALID, "/camera/c2w",
                           "'c2w' must be 3 or 4 rows of 4 numbers");
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < 4; c++) {
            char place[POINTER_SIZE];
            double number;
            snprintf(place, sizeof place, "/camera/c2w/%zu/%zu", r, c);
            if (read_number(json_array_get(json_array_get(value, r), c), place, &number,
                            problems) != STATUS_OK)
                return STATUS_INVALID;
            if (r < 3)
                camera->c2w[r][c] = number;
            else if (fabs(number - (c == 3 ? 1.0 : 0.0)) > 1e-6)
                return problem_add(problems, STATUS_INVALID, place,
                                   "the last row of 'c2w' must be 0 0 0 1");
        }
    return STATUS_OK;
}

/* Columns of length 1, at right angles, right-handed. */
static bool is_rotation(const struct camera *camera)
{
    static const double tolerance = 0.01;
    double column[3][3], cross[3];
    for (int c = 0; c < 3; c++)
        for (int r = 0; r < 3; r++)
            column[c][r] = camera->c2w[r][c];
    for (int a = 0; a < 3; a++)
        for (int b = a; b < 3; b++)
            if (!(fabs(ray_dot(column[a], column[b]) - (a == b ? 1.0 : 0.0)) <= tolerance))
                return false;
    ray_cross(column[0], column[1], cross);
    return ray_dot(cross, column[2]) > 0.0;
}

static enum status read_pose(json_t *value, struct camera *camera, struct problem_list *problems)
{
#define AT(member) .offset = offsetof(struct look_at, member)
    static const struct member rows[] = {
        {"eye", MEMBER_NUMBERS, -1e9, 1e9, .count = 3, AT(eye)},
        {"target", MEMBER_NUMBERS, -1e9, 1e9, .count = 3, AT(target)},
        {"up", MEMBER_NUMBERS, -1e9, 1e9, .count = 3, AT(up)},
    };
#undef AT
    json_t *matrix = json_object_get(value, "c2w"), *look = json_object_get(value, "look_at");
    struct look_at at = {.up = {0.0, 0.0, 1.0}};
    if (!matrix == !look)
        return problem_add(problems, STATUS_INVALID, "/camera",
                           "'camera' needs one of 'c2w' and 'look_at'");
    if (matrix) {
        enum status status = read_matrix(matrix, camera, problems);
        if (status == STATUS_OK && !is_rotation(camera))
            status = problem_add(problems, STATUS_INVALID, "/camera/c2w",
                                 "the first three columns of 'c2w' must be a rotation");
        return status;
    }
    enum status status = codec_json_members(look, "/camera/look_at", rows, 3, &at, problems);
    if (status != STATUS_OK)
        return status;
    if (!json_object_get(look, "eye") || !json_object_get(look, "target"))
        return problem_add(problems, STATUS_INVALID, "/camera/look_at",
                           "'look_at' needs 'eye' and 'target'");
    if (!camera_look_at(camera, at.eye, at.target, at.up))
        return problem_add(
            problems, STATUS_INVALID, "/camera/look_at",
            "'look_at' says no direction: 'eye' is on 'target', or 'up' is along the "
            "view");
    return STATUS_OK;
}

struct lens {
    double fov_degrees, focal;
};

static enum status read_camera(json_t *value, struct render *out, struct problem_list *problems)
{
#define AT(member) .offset = offsetof(struct lens, member)
    static const struct member rows[] = {
        {.name = "c2w", .type = MEMBER_CUSTOM},
        {.name = "look_at", .type = MEMBER_CUSTOM},
        {"fov_degrees", MEMBER_NUMBER, 0.0, 180.0, .is_min_open = true, .is_max_open = true,
         AT(fov_degrees)},
        {"focal", MEMBER_NUMBER, LIMIT_LEAST_FOCAL, LIMIT_FOCAL, AT(focal)},
    };
#undef AT
    struct lens lens = {0};
    if (!value)
        return problem_add(problems, STATUS_INVALID, "/camera", "'camera' is needed");
    enum status status = codec_json_members(value, "/camera", rows, 4, &lens, problems);
    if (status != STATUS_OK)
        return status;
    if ((lens.fov_degrees > 0.0) == (lens.focal > 0.0))
        return problem_add(problems, STATUS_INVALID, "/camera",
                           "'camera' needs one of 'fov_degrees' and 'focal'");
    const double width = (double)out->width, height = (double)out->height;
    struct camera *camera = &out->camera;
    camera->fx = camera->fy =
        lens.focal > 0.0 ? lens.focal : camera_focal(width, lens.fov_degrees * M_PI / 180.0);
    if (!(camera->fx >= LIMIT_LEAST_FOCAL && camera->fx <= LIMIT_FOCAL))
        return problem_add(problems, STATUS_INVALID, "/camera/fov_degrees",
                           "'fov_degrees' of %.17g makes a focal length of %.3g pixels, it must be "
                           "%g..%g",
                           lens.fov_degrees, camera->fx, LIMIT_LEAST_FOCAL, LIMIT_FOCAL);
    camera->cx = 0.5 * width;
    camera->cy = 0.5 * height;
    return read_pose(value, camera, problems);
}

/* --- the rest --- */

static enum status read_outputs(const json_t *value, unsigned *out, struct problem_list *problems)
{
    static const struct member row = {
        .name = "outputs", .type = MEMBER_NAME, .names = render_output_names};
    *out = 1u << RENDER_COLOR;
    if (!value)
        return STATUS_OK;
    if (json_array_size(value) == 0)
        return problem_add(problems, STATUS_INVALID, "/outputs",
                           "'outputs' must be an array of at least one name");
    *out = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        char place[POINTER_SIZE];
        int output = 0;
        snprintf(place, sizeof place, "/outputs/%zu", i);
        if (codec_json_member(json_array_get(value, i), place, &row, &output, problems) !=
            STATUS_OK)
            return STATUS_INVALID;
        *out |= 1u << output;
    }
    return STATUS_OK;
}

enum status codec_render_read(json_t *body, uint64_t max_pixels, struct render *out,
                              struct problem_list *problems)
{
    const struct member rows[] = {
        {.name = "camera", .type = MEMBER_CUSTOM},
        {"width", MEMBER_INTEGER, 1, (double)max_pixels, .offset = offsetof(struct render, width)},
        {"height", MEMBER_INTEGER, 1, (double)max_pixels,
         .offset = offsetof(struct render, height)},
        {.name = "outputs", .type = MEMBER_CUSTOM},
        {"format", MEMBER_NAME, .offset = offsetof(struct render, format), .names = format_names},
    };
    struct render r = {0};
    if (codec_json_members(body, "", rows, sizeof rows / sizeof *rows, &r, problems) != STATUS_OK)
        return problems->status;
    if (r.width == 0 || r.height == 0)
        return problem_add(problems, STATUS_INVALID, r.width == 0 ? "/width" : "/height",
                           "'width' and 'height' are needed");
    if (r.width * r.height > max_pixels)
        return problem_add(problems, STATUS_INVALID, "/width",
                           "the picture must have at most %llu pixels, got %llu x %llu",
                           (unsigned long long)max_pixels, (unsigned long long)r.width,
                           (unsigned long long)r.height);
    read_outputs(json_object_get(body, "outputs"), &r.outputs, problems);
    read_camera(json_object_get(body, "camera"), &r, problems);
    if (problems->status != STATUS_OK)
        return problems->status;
    const bool is_single = (r.outputs & (r.outputs - 1)) == 0;
    if (!json_object_get(body, "format"))
        r.format = is_single ? RENDER_PNG : RENDER_NPZ;
    else if (r.format == RENDER_PNG && !is_single)
        return problem_add(problems, STATUS_INVALID, "/format",
                           "a PNG shows one output: several come as \"npz\"");
    *out = r;
    return STATUS_OK;
}
