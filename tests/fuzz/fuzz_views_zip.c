#include <string.h>

#include "core/format/jpeg.h"
#include "core/format/png.h"
#include "core/format/views_zip.h"
#include "core/format/zip_archive.h"
#include "tests/fuzz/fuzz_views.h"

void fuzz_seeds(void)
{
    static const char poses[] =
        "{\"fl_x\": 9, \"frames\": [{\"file_path\": \"./a\", \"transform_matrix\": "
        "[[1,0,0,0],[0,1,0,0],[0,0,1,4],[0,0,0,1]]}, {\"file_path\": \"gone\", "
        "\"transform_matrix\": [[1,0,0,0],[0,1,0,0],[0,0,1,4]]}]}";
    static const uint8_t pixels[6 * 4 * 3] = {1, 2, 3};
    for (int kind = 0; kind < 2; kind++) {
        struct buffer picture, file;
        buffer_init(&picture, FUZZ_MAX_SEED);
        buffer_init(&file, FUZZ_MAX_SEED);
        REQUIRE((kind == 0 ? png_encode(pixels, 6, 4, 3, PNG_SMALL, &picture, NULL)
                           : jpeg_encode(pixels, 6, 4, 3, 90, &picture, NULL)) == STATUS_OK);
        const struct zip_entry entries[] = {
            {kind == 0 ? "transforms.json" : "x/transforms_train.json", poses, strlen(poses)},
            {kind == 0 ? "a.png" : "x/a.jpg", picture.data, picture.size},
        };
        enum status status = zip_archive_encode(entries, 2, "the archive", &file, NULL);
        fuzz_seed(kind == 0 ? "png" : "jpeg", status, &file);
        fuzz_seed(kind == 0 ? "picture_png" : "picture_jpeg", STATUS_OK, &picture);
    }
    struct buffer text;
    buffer_init(&text, FUZZ_MAX_SEED);
    fuzz_seed("poses", buffer_append(&text, poses, strlen(poses), NULL), &text);
}

static void try_archive(const uint8_t *bytes, size_t n_bytes)
{
    fuzz_views(bytes, n_bytes, views_zip_check, views_zip_decode);
    struct views_facts facts;
    bool is_scene = false;
    REQUIRE(views_zip_recognize(bytes, n_bytes, &is_scene, NULL) == STATUS_OK);
    if (views_zip_check(bytes, n_bytes, &facts, NULL) == STATUS_OK)
        REQUIRE(is_scene);
}

/* What is no archive is put into one, whose checksums are then right: poses and pictures. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char poses[] = "{\"fl_x\": 9, \"frames\": [{\"file_path\": \"a.jpg\", "
                                "\"transform_matrix\": [[1,0,0,0],[0,1,0,0],[0,0,1,4]]}]}";
    try_archive(bytes, n_bytes);
    if ((n_bytes > 0 && bytes[0] == 'P') || fuzz_is_large_png(bytes, n_bytes) ||
        fuzz_is_large_jpeg(bytes, n_bytes))
        return 0;
    const bool is_json = n_bytes > 0 && bytes[0] == '{';
    const struct zip_entry entries[] = {
        {"transforms.json", is_json ? bytes : (const uint8_t *)poses,
         is_json ? n_bytes : strlen(poses)},
        {"a.jpg", bytes, n_bytes},
    };
    struct buffer file;
    buffer_init(&file, FUZZ_MAX_SEED);
    REQUIRE(zip_archive_encode(entries, 2, "the archive", &file, NULL) == STATUS_OK);
    try_archive(file.data, file.size);
    buffer_deinit(&file);
    return 0;
}
