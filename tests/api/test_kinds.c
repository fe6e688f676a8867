/* Kinds of datasets: what is said of bytes that are of none, and how volumes are shown. */
#include "api/kinds/kinds.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void refusals_say_what_to_do(void **state)
{
    (void)state;
    char dicom[132] = {0};
    memcpy(dicom + 128, "DICM", 4);
    const struct {
        const char *bytes;
        size_t n;
        const char *said, *words, *where;
    } cases[] = {
        {dicom, sizeof dicom, "", "save the series as one NIfTI volume", ""},
        {dicom, sizeof dicom, "volume", "save the series as one NIfTI volume", ""},
        {"\n {\"frames\":[]}", 14, "", "transforms.json and its pictures as one ZIP", ""},
        {"\n {\"frames\":[]}", 14, "views", "transforms.json and its pictures as one ZIP", ""},
        {"\x93NUMPY", 6, "", "?kind=image or ?kind=volume", "/kind"},
        {"\x93NUMPY", 6, "shape", "the bytes are no shape: OBJ, PLY, STL and OFF", ""},
        {"PK\x03\x04", 4, "", "?kind=views, ?kind=sinogram or ?kind=kspace", "/kind"},
        {"PK\x03\x04", 4, "image", "the bytes are no image: PNG, JPEG and NPY", ""},
        {"P6 1 1 255", 10, "", "views (ZIP of transforms.json and pictures, and NPZ)", ""},
        {"", 0, "", "image (PNG, JPEG and NPY), volume (NIfTI-1", ""},
        {"anything", 8, "video", "kind 'video' is not supported", "/kind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct kind *kind = NULL;
        const char *type = NULL;
        struct error err = {0};
        assert_int_not_equal(kinds_recognise((const uint8_t *)cases[i].bytes, cases[i].n,
                                             cases[i].said, &kind, &type, &err),
                             STATUS_OK);
        if (!strstr(err.message, cases[i].words) || strcmp(err.where, cases[i].where) != 0)
            fail_msg("case %zu: '%s' at '%s'", i, err.message, err.where);
        assert_true(strlen(err.message) + 1 < sizeof err.message); /* to its end */
    }
}

/* A volume of 2 x 3 x 4 voxels, each its own index over 24. */
enum { X = 2, Y = 3, Z = 4 };
static struct data make_volume(void)
{
    struct data data = {.kind = DATA_VOLUME};
    assert_int_equal(volume_create(&data.volume, SAMPLE_FLOAT, X, Y, Z, 1, NULL), STATUS_OK);
    for (size_t i = 0; i < X * Y * Z; i++)
        data.volume.values[i] = (float)i / 24.0f;
    return data;
}

/* Expected: indices of voxels, from the top left on. */
static void expect_picture(struct data *data, size_t width, size_t height, const size_t *voxels)
{
    struct image image = {0};
    assert_int_equal(kinds_volume.picture(data, 64, &image, NULL), STATUS_OK);
    assert_true(image.width == width && image.height == height && image.channels == 1);
    for (size_t i = 0; i < width * height; i++)
        assert_int_equal(image.u8[i], (uint8_t)((double)voxels[i] / 24.0 * 255.0 + 0.5));
    image_deinit(&image);
}

static void an_array_is_shown_as_it_lies(void **state)
{
    (void)state;
    struct data data = make_volume();
    static const size_t voxels[] = {12, 13, 14, 15, 16, 17};
    expect_picture(&data, X, Y, voxels);
    data_deinit(&data);
}

static void a_body_stands_upright(void **state)
{
    (void)state;
    struct data data = make_volume();
    data.volume.has_affine = true;
    /* right, anterior, superior: y grows upwards */
    static const size_t as_named[] = {16, 17, 14, 15, 12, 13};
    expect_picture(&data, X, Y, as_named);

    /* x runs to the left */
    static const double flipped[3][4] = {{-2, 0, 0, 5}, {0, 2, 0, 6}, {0, 0, 2, 7}};
    static const size_t turned[] = {17, 16, 15, 14, 13, 12};
    memcpy(data.volume.affine, flipped, sizeof flipped);
    expect_picture(&data, X, Y, turned);

    /* i leads up, j to the left, k to the front: across i, k upwards; a little oblique */
    static const double mixed[3][4] = {{0.1, -2, 0, 5}, {0, 0.1, 2, 6}, {2, 0, 0.1, 7}};
    static const size_t front[] = {
        1 + X * 2 + X * Y * 3,
        1 + X * 1 + X * Y * 3,
        1 + X * Y * 3,
        1 + X * 2 + X * Y * 2,
        1 + X * 1 + X * Y * 2,
        1 + X * Y * 2,
        1 + X * 2 + X * Y,
        1 + X * 1 + X * Y,
        1 + X * Y,
        1 + X * 2,
        1 + X * 1,
        1,
    };
    memcpy(data.volume.affine, mixed, sizeof mixed);
    expect_picture(&data, Y, Z, front);

    /* along the diagonals of two axes */
    static const double diagonal[3][4] = {{1, 0, 1, 0}, {0, 1, 0, 0}, {-1, 0, 1, 0}};
    struct image image = {0};
    memcpy(data.volume.affine, diagonal, sizeof diagonal);
    assert_int_equal(kinds_volume.picture(&data, 64, &image, NULL), STATUS_OK);
    image_deinit(&image);
    data_deinit(&data);
}

static void voxels_are_drawn_as_long_as_they_are(void **state)
{
    (void)state;
    struct data data = make_volume();
    data.volume.has_affine = true;
    static const double wide[3][4] = {{2, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 9, 0}};
    static const double high[3][4] = {{1, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 9, 0}};
    static const size_t twice_wide[] = {16, 16, 17, 17, 14, 14, 15, 15, 12, 12, 13, 13};
    static const size_t twice_high[] = {16, 17, 16, 17, 14, 15, 14, 15, 12, 13, 12, 13};
    memcpy(data.volume.affine, wide, sizeof wide);
    expect_picture(&data, 2 * X, Y, twice_wide);
    memcpy(data.volume.affine, high, sizeof high);
    expect_picture(&data, X, 2 * Y, twice_high);
    data_deinit(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(an_array_is_shown_as_it_lies),
        cmocka_unit_test(a_body_stands_upright),
        cmocka_unit_test(voxels_are_drawn_as_long_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
