#include "tests/support/small_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/jpeg.h"
#include "core/format/png.h"
#include "core/format/zip_archive.h"
#include "tests/support/data_files.h"

enum { MAX_BYTES = 64 << 20 };

const char small_scene_pose[] = "[[1,0,0,0],[0,1,0,0],[0,0,1,4],[0,0,0,1]]";

uint8_t small_scene_value(size_t x, size_t y, size_t c)
{
    return (uint8_t)(10 * x + 20 * y + 40 * c + 5);
}

void small_scene_init(struct small_scene *s)
{
    *s = (struct small_scene){0};
}

void small_scene_deinit(struct small_scene *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->names[i]);
        buffer_deinit(&s->files[i]);
    }
}

static struct buffer *add(struct small_scene *s, const char *name)
{
    assert_true(s->n < SMALL_SCENE_FILES);
    s->names[s->n] = strdup(name);
    buffer_init(&s->files[s->n], MAX_BYTES);
    return &s->files[s->n++];
}

void small_scene_bytes(struct small_scene *s, const char *name, const void *bytes, size_t n)
{
    assert_int_equal(buffer_append(add(s, name), bytes, n, NULL), STATUS_OK);
}

void small_scene_text(struct small_scene *s, const char *name, const char *text)
{
    small_scene_bytes(s, name, text, strlen(text));
}

static bool ends_in(const char *name, const char *ending)
{
    const size_t n = strlen(name), n_ending = strlen(ending);
    return n >= n_ending && strcmp(name + n - n_ending, ending) == 0;
}

void small_scene_picture(struct small_scene *s, const char *name, size_t width, size_t height,
                         size_t channels)
{
    uint8_t *pixels = malloc(width * height * channels), *at = pixels;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < channels; c++)
                *at++ = small_scene_value(x, y, c);
    const bool is_jpeg = ends_in(name, "jpg") || ends_in(name, "jpeg");
    struct buffer *file = add(s, name);
    assert_int_equal(is_jpeg ? jpeg_encode(pixels, width, height, channels, 95, file, NULL)
                             : png_encode(pixels, width, height, channels, PNG_FAST, file, NULL),
                     STATUS_OK);
    free(pixels);
}

struct folder_visit {
    struct small_scene *scene;
    const char *prefix, *ending;
    size_t n;
};

static void add_file(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct folder_visit *visit = context;
    char path[256];
    if (!ends_in(name, visit->ending))
        return;
    snprintf(path, sizeof path, "%s%s", visit->prefix, name);
    small_scene_bytes(visit->scene, path, bytes, n);
    visit->n++;
}

size_t small_scene_folder(struct small_scene *s, const char *folder, const char *prefix,
                          const char *ending)
{
    struct folder_visit visit = {s, prefix, ending, 0};
    folder_each(folder, add_file, &visit);
    return visit.n;
}

struct buffer small_scene_zip(const struct small_scene *s)
{
    struct zip_entry entries[SMALL_SCENE_FILES];
    struct buffer archive;
    for (size_t i = 0; i < s->n; i++)
        entries[i] = (struct zip_entry){s->names[i], s->files[i].data, s->files[i].size};
    buffer_init(&archive, MAX_BYTES);
    assert_int_equal(zip_archive_encode(entries, s->n, "the archive", &archive, NULL), STATUS_OK);
    return archive;
}
