#include "core/format/npy.h"
#include "core/format/views_npz.h"
#include "core/format/zip_archive.h"
#include "tests/fuzz/fuzz_views.h"

void fuzz_seeds(void)
{
    static const float images[2 * 2 * 3 * 4] = {0.5f, 1.0f};
    static const float poses[2 * 16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,
                                        2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
    static const float focal[2] = {5, 6};
    for (size_t channels = 3; channels <= 4; channels++) {
        const struct npz_entry entries[] = {
            {"images", images, 4, {2, 2, 3, channels}},
            {"poses", poses, 3, {2, 4, 4}},
            {"focal", focal, channels - 3, {2}},
        };
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = npz_encode(entries, 3, &file, NULL);
        fuzz_seed(channels == 3 ? "rgb" : "rgba", status, &file);
    }
    struct buffer array;
    buffer_init(&array, FUZZ_MAX_SEED);
    enum status status = npy_encode_floats(images, (const size_t[]){1, 2, 3, 4}, 4, &array, NULL);
    fuzz_seed("array", status, &array);
}

/* What is no archive is put into one, whose checksums are then right, as an array. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    fuzz_views(bytes, n_bytes, views_npz_check, views_npz_decode);
    if (n_bytes > 0 && bytes[0] == 'P')
        return 0;
    static const float pose[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, focal = 5;
    struct buffer poses, lengths, file;
    buffer_init(&poses, FUZZ_MAX_SEED);
    buffer_init(&lengths, FUZZ_MAX_SEED);
    buffer_init(&file, FUZZ_MAX_SEED);
    REQUIRE(npy_encode_floats(pose, (const size_t[]){1, 4, 4}, 3, &poses, NULL) == STATUS_OK);
    REQUIRE(npy_encode_floats(&focal, NULL, 0, &lengths, NULL) == STATUS_OK);
    const struct zip_entry entries[] = {
        {"images.npy", bytes, n_bytes},
        {"poses.npy", poses.data, poses.size},
        {"focal.npy", lengths.data, lengths.size},
    };
    REQUIRE(zip_archive_encode(entries, 3, "the archive", &file, NULL) == STATUS_OK);
    fuzz_views(file.data, file.size, views_npz_check, views_npz_decode);
    buffer_deinit(&poses);
    buffer_deinit(&lengths);
    buffer_deinit(&file);
    return 0;
}
