/*
 * Archives of posed views made in a test.  Everything asserts (cmocka).
 */
#ifndef TESTS_SUPPORT_SMALL_SCENE_H
#define TESTS_SUPPORT_SMALL_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"

enum { SMALL_SCENE_FILES = 160 };

struct small_scene {
    size_t n;
    char *names[SMALL_SCENE_FILES];
    struct buffer files[SMALL_SCENE_FILES];
};

/* The value of channel c of pixel (x, y), in a picture by small_scene_picture. */
uint8_t small_scene_value(size_t x, size_t y, size_t c);

/* A pose: the identity, at (0, 0, 4).  Four rows of JSON. */
extern const char small_scene_pose[];

void small_scene_init(struct small_scene *s);
void small_scene_deinit(struct small_scene *s);

void small_scene_bytes(struct small_scene *s, const char *name, const void *bytes, size_t n);
void small_scene_text(struct small_scene *s, const char *name, const char *text);

/* A PNG, or where the name ends in jpg or jpeg a JPEG, of 1..4 channels. */
void small_scene_picture(struct small_scene *s, const char *name, size_t width, size_t height,
                         size_t channels);

/* All files of a folder that end in `ending`, under prefix; how many. */
size_t small_scene_folder(struct small_scene *s, const char *folder, const char *prefix,
                          const char *ending);

/* The archive; the caller's (buffer_deinit). */
struct buffer small_scene_zip(const struct small_scene *s);

#endif
