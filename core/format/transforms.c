#include "core/format/transforms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/json_scan.h"

enum { WHAT_BYTES = 96 };

/* Members of the file or of a frame that are numbers. */
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"camera_angle_x", offsetof(struct intrinsics, camera_angle_x)},
    {"camera_angle_y", offsetof(struct intrinsics, camera_angle_y)},
    {"fl_x", offsetof(struct intrinsics, fl_x)},
    {"fl_y", offsetof(struct intrinsics, fl_y)},
    {"cx", offsetof(struct intrinsics, cx)},
    {"cy", offsetof(struct intrinsics, cy)},
    {"w", offsetof(struct intrinsics, w)},
    {"h", offsetof(struct intrinsics, h)},
    {"k1", offsetof(struct intrinsics, k1)},
    {"k2", offsetof(struct intrinsics, k2)},
    {"k3", offsetof(struct intrinsics, k3)},
    {"k4", offsetof(struct intrinsics, k4)},
    {"p1", offsetof(struct intrinsics, p1)},
    {"p2", offsetof(struct intrinsics, p2)},
};
enum { N_NUMBERS = sizeof numbers / sizeof *numbers };

/* nerfstudio's lists of the frames' file_paths. */
static const char *const list_names[] = {
    [VIEW_TRAIN] = "train_filenames",
    [VIEW_VALIDATION] = "val_filenames",
    [VIEW_TEST] = "test_filenames",
};
enum { N_LISTS = 3 };

struct name_list {
    bool is_there;
    size_t n;
    char **names;
};

struct parser {
    struct json_scan scan;
    const char *name; /* of the file */
    struct transforms *out;
    size_t n_room; /* frames that there is memory for */
    bool has_frames;
    struct name_list lists[N_LISTS];
};

static struct intrinsics no_intrinsics(void)
{
    return (struct intrinsics){NAN, NAN, NAN, NAN, NAN, NAN, NAN,
                               NAN, NAN, NAN, NAN, NAN, NAN, NAN};
}

static double *number_of(struct intrinsics *k, size_t i)
{
    return (double *)(void *)((char *)k + numbers[i].offset);
}

static enum status twice(const struct parser *p, const char *member)
{
    return error_set(p->scan.err, STATUS_INVALID, "", "%s: '%s' is there twice", p->scan.what,
                     member);
}

static enum status scan_once(struct parser *p, const char *key, double *number)
{
    return isnan(*number) ? json_scan_number(&p->scan, number) : twice(p, key);
}

static enum status scan_camera_model(struct parser *p)
{
    static const char *const known[] = {"OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL",
                                        "RADIAL"};
    char *model = NULL;
    enum status status = json_scan_string(&p->scan, &model);
    if (status != STATUS_OK)
        return status;
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known |= strcmp(model, known[i]) == 0;
    if (!is_known)
        status = error_set(p->scan.err, STATUS_UNSUPPORTED, "",
                           "'%.32s': cameras of the model '%.32s' are not supported: undistort the "
                           "pictures to PINHOLE or OPENCV",
                           p->name, model);
    mem_free(model);
    return status;
}

static enum status scan_fisheye(struct parser *p)
{
    bool is_fisheye;
    enum status status = json_scan_flag(&p->scan, &is_fisheye);
    if (status == STATUS_OK && is_fisheye)
        return error_set(p->scan.err, STATUS_UNSUPPORTED, "",
                         "'%.32s': fisheye cameras are not supported: undistort the pictures",
                         p->name);
    return status;
}

/* A member that both the file and a frame may have. */
static enum status scan_common(struct parser *p, const char *key, struct intrinsics *k)
{
    for (size_t i = 0; i < N_NUMBERS; i++)
        if (strcmp(key, numbers[i].name) == 0)
            return scan_once(p, key, number_of(k, i));
    if (strcmp(key, "camera_model") == 0)
        return scan_camera_model(p);
    if (strcmp(key, "is_fisheye") == 0)
        return scan_fisheye(p);
    return json_scan_skip(&p->scan);
}

/* --- frames --- */

static enum status bad_matrix(const struct parser *p)
{
    return error_set(p->scan.err, STATUS_INVALID, "",
                     "frame %zu of '%.32s': 'transform_matrix' is not 3 x 4 or 4 x 4 numbers",
                     p->out->n_frames, p->name);
}

static enum status scan_row(struct parser *p, double row[4])
{
    bool is_first = true, more = false;
    enum status status = json_scan_expect(&p->scan, '[');
    for (size_t n = 0; status == STATUS_OK; n++) {
        status = json_scan_more(&p->scan, ']', &is_first, &more);
        if (status != STATUS_OK || (!more && n == 4))
            return status;
        status = more && n < 4 ? json_scan_number(&p->scan, &row[n]) : bad_matrix(p);
    }
    return status;
}

static enum status scan_matrix(struct parser *p, struct frame *f)
{
    bool is_first = true, more = false;
    if (f->n_rows > 0)
        return twice(p, "transform_matrix");
    enum status status = json_scan_expect(&p->scan, '[');
    for (size_t n = 0; status == STATUS_OK; n++) {
        status = json_scan_more(&p->scan, ']', &is_first, &more);
        if (status == STATUS_OK && !more && n >= 3) {
            f->n_rows = n;
            return STATUS_OK;
        }
        if (status == STATUS_OK)
            status = more && n < 4 ? scan_row(p, f->matrix[n]) : bad_matrix(p);
    }
    return status;
}

static enum status scan_path(struct parser *p, struct frame *f)
{
    if (f->file_path)
        return twice(p, "file_path");
    return json_scan_string(&p->scan, &f->file_path);
}

static enum status scan_frame(struct parser *p, struct frame *f)
{
    bool is_first = true, more = false, has_mask = false;
    *f = (struct frame){.own = no_intrinsics()};
    enum status status = json_scan_expect(&p->scan, '{');
    while (status == STATUS_OK) {
        char *key = NULL;
        status = json_scan_more(&p->scan, '}', &is_first, &more);
        if (status != STATUS_OK || !more)
            break;
        status = json_scan_string(&p->scan, &key);
        if (status == STATUS_OK)
            status = json_scan_expect(&p->scan, ':');
        if (status == STATUS_OK) {
            has_mask |= strcmp(key, "mask_path") == 0;
            status = strcmp(key, "file_path") == 0          ? scan_path(p, f)
                     : strcmp(key, "transform_matrix") == 0 ? scan_matrix(p, f)
                                                            : scan_common(p, key, &f->own);
        }
        mem_free(key);
    }
    p->out->n_masks += has_mask;
    if (status == STATUS_OK && (!f->file_path || f->n_rows == 0))
        return error_set(p->scan.err, STATUS_INVALID, "", "frame %zu of '%.32s' has no '%s'",
                         p->out->n_frames, p->name,
                         f->file_path ? "transform_matrix" : "file_path");
    return status;
}

static enum status grow(struct parser *p)
{
    enum { FIRST_ROOM = 64 };
    if (p->out->n_frames < p->n_room)
        return STATUS_OK;
    const size_t n = p->n_room ? 2 * p->n_room : FIRST_ROOM;
    struct frame *frames = mem_realloc_array(p->out->frames, n, sizeof *frames);
    if (!frames)
        return error_status(p->scan.err, STATUS_NO_MEMORY);
    p->out->frames = frames;
    p->n_room = n;
    return STATUS_OK;
}

static enum status scan_frames(struct parser *p)
{
    bool is_first = true, more = false;
    if (p->has_frames)
        return twice(p, "frames");
    p->has_frames = true;
    enum status status = json_scan_expect(&p->scan, '[');
    while (status == STATUS_OK) {
        status = json_scan_more(&p->scan, ']', &is_first, &more);
        if (status != STATUS_OK || !more)
            break;
        if (p->out->n_frames == LIMIT_VIEWS)
            return error_set(p->scan.err, STATUS_TOO_LARGE, "", "'%.32s' has more than %d frames",
                             p->name, LIMIT_VIEWS);
        status = grow(p);
        if (status != STATUS_OK)
            break;
        struct frame *f = &p->out->frames[p->out->n_frames];
        status = scan_frame(p, f);
        p->out->n_frames++; /* whatever came of it, its path is to be freed */
    }
    return status;
}

/* --- lists of names --- */

static enum status scan_list(struct parser *p, enum view_split split)
{
    struct name_list *list = &p->lists[split];
    bool is_first = true, more = false;
    if (list->is_there)
        return twice(p, list_names[split]);
    list->is_there = true;
    list->names = mem_alloc_array(LIMIT_VIEWS, sizeof *list->names);
    if (!list->names)
        return error_status(p->scan.err, STATUS_NO_MEMORY);
    enum status status = json_scan_expect(&p->scan, '[');
    while (status == STATUS_OK) {
        status = json_scan_more(&p->scan, ']', &is_first, &more);
        if (status != STATUS_OK || !more)
            break;
        if (list->n == LIMIT_VIEWS)
            return error_set(p->scan.err, STATUS_TOO_LARGE, "", "'%.32s': '%s' has more than %d",
                             p->name, list_names[split], LIMIT_VIEWS);
        status = json_scan_string(&p->scan, &list->names[list->n]);
        list->n += status == STATUS_OK;
    }
    return status;
}

static void apply_lists(struct parser *p)
{
    for (size_t s = 0; s < N_LISTS; s++)
        for (size_t k = 0; k < p->lists[s].n; k++)
            for (size_t i = 0; i < p->out->n_frames; i++)
                if (strcmp(p->out->frames[i].file_path, p->lists[s].names[k]) == 0)
                    p->out->frames[i].split = (enum view_split)s;
}

static void lists_deinit(struct parser *p)
{
    for (size_t s = 0; s < N_LISTS; s++) {
        for (size_t k = 0; k < p->lists[s].n; k++)
            mem_free(p->lists[s].names[k]);
        mem_free(p->lists[s].names);
    }
}

/* --- the file --- */

static enum status scan_offset(struct parser *p)
{
    enum status status = json_scan_expect(&p->scan, '[');
    for (size_t d = 0; d < 3 && status == STATUS_OK; d++) {
        if (d > 0)
            status = json_scan_expect(&p->scan, ',');
        if (status == STATUS_OK)
            status = scan_once(p, "offset", &p->out->offset[d]);
    }
    return status == STATUS_OK ? json_scan_expect(&p->scan, ']') : status;
}

static enum status scan_member(struct parser *p, const char *key)
{
    if (strcmp(key, "frames") == 0)
        return scan_frames(p);
    if (strcmp(key, "aabb_scale") == 0)
        return scan_once(p, key, &p->out->aabb_scale);
    if (strcmp(key, "scale") == 0)
        return scan_once(p, key, &p->out->scale);
    if (strcmp(key, "offset") == 0)
        return scan_offset(p);
    for (size_t s = 0; s < N_LISTS; s++)
        if (strcmp(key, list_names[s]) == 0)
            return scan_list(p, (enum view_split)s);
    p->out->has_rolling_shutter |= strcmp(key, "rolling_shutter") == 0;
    return scan_common(p, key, &p->out->all);
}

static enum status scan_file(struct parser *p)
{
    bool is_first = true, more = false;
    enum status status = json_scan_expect(&p->scan, '{');
    while (status == STATUS_OK) {
        char *key = NULL;
        status = json_scan_more(&p->scan, '}', &is_first, &more);
        if (status != STATUS_OK || !more)
            break;
        status = json_scan_string(&p->scan, &key);
        if (status == STATUS_OK)
            status = json_scan_expect(&p->scan, ':');
        if (status == STATUS_OK)
            status = scan_member(p, key);
        mem_free(key);
    }
    if (status == STATUS_OK)
        status = json_scan_end(&p->scan);
    if (status == STATUS_OK && p->out->n_frames == 0)
        return error_set(p->scan.err, STATUS_INVALID, "", "'%.32s' has no 'frames'", p->name);
    return status;
}

enum status transforms_parse(const uint8_t *bytes, size_t n_bytes, const char *name,
                             struct transforms *out, struct error *err)
{
    char what[WHAT_BYTES];
    if (n_bytes > LIMIT_TRANSFORMS)
        return error_set(err, STATUS_TOO_LARGE, "", "'%.32s' has %zu bytes, at most %d are read",
                         name, n_bytes, LIMIT_TRANSFORMS);
    snprintf(what, sizeof what, "'%.32s' is broken", name);
    struct transforms t = {
        .all = no_intrinsics(), .aabb_scale = NAN, .scale = NAN, .offset = {NAN, NAN, NAN}};
    struct parser p = {
        .scan = json_scan_start((const char *)bytes, n_bytes, what, err), .name = name, .out = &t};
    enum status status = scan_file(&p);
    if (status == STATUS_OK)
        apply_lists(&p);
    lists_deinit(&p);
    if (status != STATUS_OK)
        transforms_deinit(&t);
    else
        *out = t;
    return status;
}

void transforms_deinit(struct transforms *t)
{
    for (size_t i = 0; i < t->n_frames; i++)
        mem_free(t->frames[i].file_path);
    mem_free(t->frames);
    *t = (struct transforms){0};
}
