/*
 * Design.  A scene is opened the same way for a check and for decoding: the archive's directory,
 * its transforms files, then a list of the frames whose pictures are there.  Only then are pictures
 * unpacked, one at a time.
 */
#include "core/format/views_zip.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/archive_paths.h"
#include "core/format/text.h"
#include "core/format/transforms.h"
#include "core/format/view_picture.h"
#include "core/format/zip_archive.h"

static const struct {
    const char *name;
    enum view_split split;
} file_names[] = {
    {"transforms.json", VIEW_TRAIN},
    {"transforms_train.json", VIEW_TRAIN},
    {"transforms_val.json", VIEW_VALIDATION},
    {"transforms_test.json", VIEW_TEST},
};
enum { WHOLE_FILE = 0, N_FILES = sizeof file_names / sizeof *file_names };

/* A frame whose picture is there. */
struct posed {
    size_t file, frame, member;
};

struct scene {
    struct zip_archive *archive;
    struct archive_paths paths;
    char *folder;
    bool has_file[N_FILES];
    size_t member[N_FILES];
    struct transforms transforms[N_FILES];
    size_t n_frames;
    size_t n_posed;
    struct posed *posed;
    const char *missing; /* path of the first frame that has no picture */
};

/* --- the files of poses --- */

/* Where the last part of a plain path begins. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool find_name(const char *path, size_t *out)
{
    for (size_t i = 0; i < N_FILES; i++)
        if (strcmp(last_part(path), file_names[i].name) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static enum status note_file(struct scene *s, size_t file, const struct archive_path *a,
                             struct error *err)
{
    const size_t n = (size_t)(last_part(a->path) - a->path);
    if (!s->folder) {
        s->folder = mem_strdup(a->path);
        if (!s->folder)
            return error_status(err, STATUS_NO_MEMORY);
        s->folder[n > 0 ? n - 1 : 0] = '\0';
    }
    const size_t n_folder = strlen(s->folder);
    const bool is_same =
        n_folder == (n > 0 ? n - 1 : 0) && memcmp(s->folder, a->path, n_folder) == 0;
    if (!is_same)
        return error_set(err, STATUS_INVALID, "",
                         "the archive has files of poses in two folders: '%.64s' is not beside the "
                         "others",
                         a->path);
    s->has_file[file] = true;
    s->member[file] = a->member;
    return STATUS_OK;
}

static enum status find_files(struct scene *s, struct error *err)
{
    size_t file, n_found = 0;
    for (size_t i = 0; i < s->paths.n; i++) {
        if (!find_name(s->paths.paths[i].path, &file))
            continue;
        enum status status = note_file(s, file, &s->paths.paths[i], err);
        if (status != STATUS_OK)
            return status;
        n_found++;
    }
    if (n_found == 0)
        return error_set(err, STATUS_INVALID, "",
                         "the archive has no 'transforms.json', nor 'transforms_train.json'");
    if (s->has_file[WHOLE_FILE] && n_found > 1)
        return error_set(err, STATUS_INVALID, "",
                         "the archive has both 'transforms.json' and files of its splits: which is "
                         "meant?");
    return STATUS_OK;
}

static enum status parse_file(struct scene *s, size_t file, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum status status =
        zip_archive_read_most(s->archive, s->member[file], LIMIT_TRANSFORMS, &bytes, &n, err);
    if (status == STATUS_OK)
        status = transforms_parse(bytes, n, file_names[file].name, &s->transforms[file], err);
    mem_free(bytes);
    if (status != STATUS_OK)
        return status;
    struct transforms *t = &s->transforms[file];
    for (size_t i = 0; i < t->n_frames && file != WHOLE_FILE; i++)
        t->frames[i].split = file_names[file].split;
    s->n_frames += t->n_frames;
    if (s->n_frames > LIMIT_VIEWS)
        return error_set(err, STATUS_TOO_LARGE, "", "there are %zu frames, at most %d are read",
                         s->n_frames, LIMIT_VIEWS);
    return STATUS_OK;
}

/* --- the frames' pictures --- */

static enum status find_picture(const struct scene *s, const char *file_path, bool *is_there,
                                size_t *member, struct error *err)
{
    static const char *const extensions[] = {"", ".png", ".jpg", ".jpeg"};
    enum { LONGEST = sizeof ".jpeg" };
    char *path = NULL;
    *is_there = false;
    enum status status = archive_path_join(s->folder, file_path, &path, err);
    if (status != STATUS_OK)
        return status;
    const size_t n = strlen(path);
    char *longer = mem_realloc_array(path, n + LONGEST, 1);
    if (!longer) {
        mem_free(path);
        return error_status(err, STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions && !*is_there; i++) {
        memcpy(longer + n, extensions[i], strlen(extensions[i]) + 1);
        *is_there = archive_paths_find(&s->paths, longer, member);
    }
    mem_free(longer);
    return STATUS_OK;
}

static enum status find_pictures(struct scene *s, struct error *err)
{
    s->posed = mem_alloc_array(s->n_frames, sizeof *s->posed);
    if (!s->posed)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t file = 0; file < N_FILES; file++)
        for (size_t i = 0; i < s->transforms[file].n_frames; i++) {
            const char *path = s->transforms[file].frames[i].file_path;
            size_t member = 0;
            bool is_there;
            enum status status = find_picture(s, path, &is_there, &member, err);
            if (status != STATUS_OK)
                return status;
            if (is_there)
                s->posed[s->n_posed++] = (struct posed){file, i, member};
            else if (!s->missing)
                s->missing = path;
        }
    if (s->n_posed == 0)
        return error_set(err, STATUS_INVALID, "",
                         "none of the %zu pictures that the poses name is in the archive, like "
                         "'%.64s'",
                         s->n_frames, s->missing);
    return STATUS_OK;
}

static void scene_close(struct scene *s)
{
    for (size_t file = 0; file < N_FILES; file++)
        transforms_deinit(&s->transforms[file]);
    mem_free(s->posed);
    mem_free(s->folder);
    archive_paths_deinit(&s->paths);
    zip_archive_close(s->archive);
}

/* scene_close whatever comes of it. */
static enum status scene_open(struct scene *s, const uint8_t *bytes, size_t n_bytes,
                              struct error *err)
{
    *s = (struct scene){0};
    enum status status = zip_archive_open(&s->archive, bytes, n_bytes, "the archive", err);
    if (status == STATUS_OK)
        status = archive_paths_create(&s->paths, s->archive, err);
    if (status == STATUS_OK)
        status = find_files(s, err);
    for (size_t file = 0; file < N_FILES && status == STATUS_OK; file++)
        if (s->has_file[file])
            status = parse_file(s, file, err);
    return status == STATUS_OK ? find_pictures(s, err) : status;
}

/* --- one view --- */

static enum status read_picture(const struct scene *s, const struct posed *p, uint8_t **bytes,
                                size_t *n, struct error *err)
{
    return zip_archive_read_most(s->archive, p->member, LIMIT_PICTURE_FILE, bytes, n, err);
}

static enum status of_picture(const struct scene *s, const struct posed *p, enum status status,
                              const struct error *inner, struct error *err)
{
    if (status == STATUS_OK)
        return STATUS_OK;
    return error_set(err, status, "", "'%.48s': %s", zip_archive_name(s->archive, p->member),
                     inner->message);
}

/* What a check warns of. */
struct oddities {
    size_t n_resized, n_scaled;
    double scale;   /* the first */
    bool is_opaque; /* a picture is, so that there is something behind everything */
};

static enum status check_view(const struct scene *s, const struct posed *p, struct view *view,
                              struct views_facts *facts, struct oddities *odd, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    struct image_facts picture = {0};
    struct error inner = {.status = STATUS_OK};
    bool is_resized = false;
    double scale = 1.0;
    enum status status = read_picture(s, p, &bytes, &n, err);
    if (status != STATUS_OK)
        return status;
    status = view_picture_check(bytes, n, &picture, &inner);
    mem_free(bytes);
    status = of_picture(s, p, status, &inner, err);
    if (status == STATUS_OK)
        status = transforms_camera(&s->transforms[p->file], p->frame, picture.width, picture.height,
                                   view, &is_resized, &scale, err);
    if (status != STATUS_OK)
        return status;
    view->image.width = picture.width;
    view->image.height = picture.height;
    odd->is_opaque |= picture.channels == 3;
    odd->n_resized += is_resized;
    if (scale != 1.0 && odd->n_scaled++ == 0)
        odd->scale = scale;
    return views_facts_add(facts, view, &picture, n, err);
}

static void warn(const struct scene *s, const struct oddities *odd, struct views_facts *facts)
{
    size_t n_masks = 0;
    bool has_rolling_shutter = false;
    for (size_t file = 0; file < N_FILES; file++) {
        n_masks += s->transforms[file].n_masks;
        has_rolling_shutter |= s->transforms[file].has_rolling_shutter;
    }
    if (s->missing)
        views_facts_warn(facts, "%zu of %zu pictures are not in the archive, the first is '%.*s'",
                         s->n_frames - s->n_posed, s->n_frames, text_cut(s->missing, 64),
                         s->missing);
    if (odd->n_resized > 0)
        views_facts_warn(facts,
                         "%zu pictures have another size than the poses say: their intrinsics were "
                         "scaled",
                         odd->n_resized);
    if (odd->n_scaled > 0)
        views_facts_warn(facts, "%zu poses have a scale, like %g, which was taken out",
                         odd->n_scaled, odd->scale);
    if (n_masks > 0)
        views_facts_warn(facts, "%zu masks are not used", n_masks);
    if (has_rolling_shutter)
        views_facts_warn(facts, "the rolling shutter is not used");
}

/* Where the scene is: as a file says, else by the cameras. */
static void find_box(const struct scene *s, const struct view *cameras, bool is_object,
                     double *scratch, struct views_facts *facts)
{
    for (size_t file = 0; file < N_FILES; file++)
        if (s->has_file[file] && transforms_box(&s->transforms[file], &facts->scene))
            return;
    facts->scene = views_box_find(s->n_posed, cameras, is_object, scratch);
}

enum status views_zip_check(const uint8_t *bytes, size_t n_bytes, struct views_facts *out,
                            struct error *err)
{
    struct scene s;
    struct views_facts facts = {0};
    struct oddities odd = {0};
    enum status status = scene_open(&s, bytes, n_bytes, err);
    struct view *cameras = mem_alloc_array(s.n_posed + 1, sizeof *cameras);
    double *scratch = mem_alloc_array(s.n_posed + 1, sizeof *scratch);
    if (status != STATUS_OK)
        goto out;
    if (!cameras || !scratch) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < s.n_posed && status == STATUS_OK; i++)
        status = check_view(&s, &s.posed[i], &cameras[i], &facts, &odd, err);
    if (status == STATUS_OK)
        status = views_facts_check(&facts, err);
    if (status == STATUS_OK) {
        find_box(&s, cameras, !odd.is_opaque, scratch, &facts);
        warn(&s, &odd, &facts);
        *out = facts;
    }
out:
    mem_free(cameras);
    mem_free(scratch);
    scene_close(&s);
    return status;
}

static enum status look_at_picture(const uint8_t *bytes, size_t n, struct image *out,
                                   struct error *err)
{
    struct image_facts facts;
    enum status status = view_picture_check(bytes, n, &facts, err);
    if (status == STATUS_OK)
        *out = (struct image){
            .width = facts.width, .height = facts.height, .channels = facts.channels};
    return status;
}

static enum status decode_view(const struct scene *s, const struct posed *p,
                               const struct views_options *options, struct view *out,
                               size_t *n_pixels, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    struct image image = {0};
    struct view view = {0};
    struct error inner = {.status = STATUS_OK};
    bool is_resized;
    double scale;
    enum status status = read_picture(s, p, &bytes, &n, err);
    if (status != STATUS_OK)
        return status;
    status = options->cameras_only ? look_at_picture(bytes, n, &image, &inner)
                                   : view_picture_decode(bytes, n, &image, &inner);
    mem_free(bytes);
    status = of_picture(s, p, status, &inner, err);
    if (status == STATUS_OK)
        status = transforms_camera(&s->transforms[p->file], p->frame, image.width, image.height,
                                   &view, &is_resized, &scale, err);
    *n_pixels += image.width * image.height;
    if (status == STATUS_OK && *n_pixels > LIMIT_VIEWS_PIXELS)
        status = error_set(err, STATUS_TOO_LARGE, "",
                           "the views have more than %zu pixels together", LIMIT_VIEWS_PIXELS);
    view.image = image;
    if (status == STATUS_OK && !options->cameras_only)
        status = views_shrink(&view, views_factor(options, image.width, image.height), err);
    if (status != STATUS_OK)
        image_deinit(&view.image);
    else
        *out = view;
    return status;
}

enum status views_zip_decode(const uint8_t *bytes, size_t n_bytes,
                             const struct views_options *options, struct views *out,
                             struct error *err)
{
    struct scene s;
    struct views views = {0};
    size_t n_pixels = 0;
    enum status status = scene_open(&s, bytes, n_bytes, err);
    const size_t n = views_n_taken(options, s.n_posed);
    if (status != STATUS_OK)
        goto out;
    views.view = mem_alloc_array(n, sizeof *views.view);
    if (!views.view) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        const struct posed *p = &s.posed[views_taken(options, s.n_posed, i)];
        status = decode_view(&s, p, options, &views.view[i], &n_pixels, err);
        views.n_views += status == STATUS_OK;
    }
out:
    scene_close(&s);
    if (status != STATUS_OK)
        views_deinit(&views);
    else
        *out = views;
    return status;
}

enum status views_zip_recognize(const uint8_t *bytes, size_t n_bytes, bool *out, struct error *err)
{
    struct zip_archive *z = NULL;
    size_t file;
    *out = false;
    enum status status = zip_archive_open(&z, bytes, n_bytes, "the archive", NULL);
    for (size_t i = 0; status == STATUS_OK && i < zip_archive_n_members(z) && !*out; i++) {
        char *path = NULL;
        status = archive_path_join("", zip_archive_name(z, i), &path, NULL);
        if (status == STATUS_OK)
            *out = find_name(path, &file);
        else if (status == STATUS_INVALID) /* told when it is read */
            status = STATUS_OK;
        mem_free(path);
    }
    zip_archive_close(z);
    return status == STATUS_NO_MEMORY ? error_status(err, status) : STATUS_OK;
}
