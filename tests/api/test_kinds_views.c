/* Which archives are views, and which sort of them: also where memory fails while that is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/kinds/kinds.h"
#include "core/format/npy.h"
#include "tests/support/alloc.h"
#include "tests/support/libzip_leaks.h"
#include "tests/support/small_scene.h"

LIBZIP_LEAKS("leak:zip_fopen_index_encrypted\n")

/* Two views of 4 x 4 pixels. */
static struct buffer make_npz(void)
{
    static const float images[2 * 4 * 4 * 3],
        focal[1] = {4.0f}, poses[32] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 4, 0, 0, 0, 1,
                                        1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 1};
    const struct npz_entry entries[] = {{"images", images, 4, {2, 4, 4, 3}},
                                        {"poses", poses, 3, {2, 4, 4}},
                                        {"focal", focal, 1, {1}}};
    struct buffer npz;
    buffer_init(&npz, 1 << 20);
    assert_int_equal(npz_encode(entries, 3, &npz, NULL), STATUS_OK);
    return npz;
}

static struct buffer make_zip(void)
{
    struct small_scene s;
    char text[512];
    small_scene_init(&s);
    snprintf(text, sizeof text,
             "{\"fl_x\": 8, \"frames\": [{\"file_path\": \"a.png\", \"transform_matrix\": %s}]}",
             small_scene_pose);
    small_scene_text(&s, "transforms.json", text);
    small_scene_picture(&s, "a.png", 8, 8, 3);
    struct buffer zip = small_scene_zip(&s);
    small_scene_deinit(&s);
    return zip;
}

struct file {
    struct buffer bytes;
    const char *said, *media_type;
};

static enum status read_file(void *context, struct error *err)
{
    const struct file *f = context;
    const struct kind *kind = NULL;
    const char *media_type = NULL;
    struct data data;
    enum status status =
        kinds_recognise(f->bytes.data, f->bytes.size, f->said, &kind, &media_type, err);
    if (status == STATUS_OK) {
        assert_ptr_equal(kind, &kinds_views);
        assert_string_equal(media_type, f->media_type);
        status = kind->decode(f->bytes.data, f->bytes.size, NULL, &data, err);
    }
    if (status == STATUS_OK) {
        assert_int_equal(data.kind, DATA_VIEWS);
        data_deinit(&data);
    }
    return status;
}

static void archives_are_what_they_are_also_without_memory(void **state)
{
    struct file files[] = {{make_zip(), "", "application/zip"},
                           {make_zip(), "views", "application/zip"},
                           {make_npz(), "views", "application/x-npz"}};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_true(alloc_fail_each(read_file, &files[i]) > 50);
        buffer_deinit(&files[i].bytes);
    }
}

static void other_archives_are_no_views(void **state)
{
    struct buffer npz = make_npz();
    const struct kind *kind = NULL;
    const char *media_type = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(kinds_recognise(npz.data, npz.size, "", &kind, &media_type, &err),
                     STATUS_INVALID);
    assert_string_equal(err.where, "/kind"); /* an NPZ may be of other kinds */
    error_clear(&err);
    assert_int_equal(
        kinds_recognise((const uint8_t *)"PK\3\4", 4, "views", &kind, &media_type, &err),
        STATUS_OK); /* what is wrong with it is told when it is read */
    assert_string_equal(media_type, "application/zip");
    buffer_deinit(&npz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_are_what_they_are_also_without_memory),
        cmocka_unit_test(other_archives_are_no_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
