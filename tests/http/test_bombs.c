/*
 * Files made to cost far more than they weigh, and the largest that are legal: each is answered
 * soon, in less than 256 MiB for the service and its workers together, and what is refused leaves
 * nothing behind.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/zip_archive.h"
#include "tests/harness/harness.h"
#include "tests/http/bomb_files.h"
#include "tests/http/fit.h"
#include "tests/http/footprint.h"
#include "tests/support/small_scene.h"
#include "tests/support/volume_files.h"
#include "tests/support/zip_bomb.h"

enum {
    MOST_KIB = 256 << 10, /* above the service at rest */
    MOST_SECONDS = 10,    /* they take one at most where nothing else runs */
    REST_SECONDS = 5,
    LARGE = 8192 / SLOWNESS, /* a side of the largest picture */
    MOST_SIDE = (1 << 20) / SLOWNESS,
    ZEROS = 256 << 20,
};

static struct service service;
static size_t n_datasets, most_kib;
static double slowest;

/* Send it, measure, check.  bytes: taken. */
static void explode_as(const char *kind, const char *name, struct bytes bytes, long status)
{
    char path[64];
    snprintf(path, sizeof(path), "/v1/datasets?kind=%s", kind);
    const size_t base = service_resident_kib(&service);
    struct footprint *footprint = footprint_start(&service);
    const double start = now_seconds();
    struct answer a = service_send(
        &service,
        &(struct request){.path = path, .method = "POST", .body = bytes.data, .n_body = bytes.n});
    const double seconds = now_seconds() - start;
    const size_t peak = footprint_stop(footprint, NULL), above = peak > base ? peak - base : 0;
    harness_print("bombs: %-44s %9zu bytes: %ld in %.3f s, %3zu MiB above rest\n", name, bytes.n,
                  a.status, seconds, above >> 10);
    if (a.status != status)
        fail_msg("%s: %ld %s", name, a.status, (char *)a.body.data);
    n_datasets += a.status == 201;
    slowest = fmax(slowest, seconds);
    most_kib = above > most_kib ? above : most_kib;
    assert_true(seconds < MOST_SECONDS * SLOWNESS);
    if (SLOWNESS == 1)
        assert_true(above < MOST_KIB);
    answer_free(&a);
    bytes_free(&bytes);
}

static void explode(const char *name, struct bytes bytes, long status)
{
    explode_as("image", name, bytes, status);
}

static void pngs_that_claim_or_hide_too_much_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct png_bomb bomb;
        long status;
    } cases[] = {
        {"PNG of 65,535 x 65,535",
         {.width = 65535, .height = 65535, .depth = 8, .color = 6, .has_no_rows = true},
         413},
        {"PNG of 2^31-1 x 2^31-1",
         {.width = 0x7fffffff, .height = 0x7fffffff, .depth = 8, .color = 2, .has_no_rows = true},
         413},
        {"PNG of 2^32-1 x 1",
         {.width = 0xffffffff, .height = 1, .depth = 1, .color = 0, .has_no_rows = true},
         422},
        {"PNG of 0 x 5",
         {.width = 0, .height = 5, .depth = 8, .color = 0, .has_no_rows = true},
         422},
        {"PNG of 5 x 0",
         {.width = 5, .height = 0, .depth = 8, .color = 0, .has_no_rows = true},
         422},
        {"PNG of 8,192 x 8,192 without rows",
         {.width = 8192, .height = 8192, .depth = 8, .color = 6, .has_no_rows = true},
         422},
        {"PNG of 3 x 2, zeros behind the rows",
         {.width = 3, .height = 2, .depth = 8, .color = 2, .more_zeros = ZEROS},
         422},
        {"the same, interlaced",
         {.width = 3,
          .height = 2,
          .depth = 8,
          .color = 2,
          .is_interlaced = true,
          .more_zeros = ZEROS},
         422},
        {"PNG with a zTXt of zeros",
         {.width = 3, .height = 2, .depth = 8, .color = 2, .chunk = "zTXt", .n_chunk = ZEROS},
         201},
        {"PNG with an iTXt of zeros",
         {.width = 3, .height = 2, .depth = 8, .color = 2, .chunk = "iTXt", .n_chunk = ZEROS},
         201},
        {"PNG with an iCCP of zeros",
         {.width = 3, .height = 2, .depth = 8, .color = 2, .chunk = "iCCP", .n_chunk = ZEROS},
         201},
        {"PNG with a tEXt of 16 MiB",
         {.width = 3, .height = 2, .depth = 8, .color = 2, .chunk = "tEXt", .n_chunk = 16 << 20},
         201},
        {"PNG with a torn iCCP of zeros",
         {.width = 3,
          .height = 2,
          .depth = 8,
          .color = 2,
          .chunk = "iCCP",
          .n_chunk = ZEROS,
          .is_chunk_torn = true},
         422},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        explode(cases[i].name, png_bomb_make(&cases[i].bomb), cases[i].status);
}

static void the_largest_pngs_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct png_bomb bomb;
    } cases[] = {
        {"PNG, 64 Mi pixels, RGB8", {.width = LARGE, .height = LARGE, .depth = 8, .color = 2}},
        {"PNG, 64 Mi pixels, RGBA16", {.width = LARGE, .height = LARGE, .depth = 16, .color = 6}},
        {"PNG, 64 Mi pixels, RGBA16, interlaced",
         {.width = LARGE, .height = LARGE, .depth = 16, .color = 6, .is_interlaced = true}},
        {"PNG, 64 Mi pixels, 1 bit", {.width = LARGE, .height = LARGE, .depth = 1, .color = 0}},
        {"PNG, 2^20 x 64, RGBA16", {.width = MOST_SIDE, .height = 64, .depth = 16, .color = 6}},
        {"PNG, 64 x 2^20, RGB8, interlaced",
         {.width = 64, .height = MOST_SIDE, .depth = 8, .color = 2, .is_interlaced = true}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        explode(cases[i].name, png_bomb_make(&cases[i].bomb), 201);
}

static void jpegs_cost_what_their_limits_say(void **state)
{
    (void)state;
    enum { SCANS = 100 };
    static const struct {
        const char *name;
        struct jpeg_bomb bomb;
        long status;
    } cases[] = {
        {"JPEG, 64 Mi pixels, baseline", {.width = LARGE, .height = LARGE, .channels = 3}, 201},
        {"JPEG, 64 Mi pixels, progressive grey",
         {.width = LARGE, .height = LARGE, .channels = 1, .n_scans = -1},
         201},
        {"JPEG, 64 Mi pixels, progressive 4:2:0",
         {.width = LARGE, .height = LARGE, .channels = 3, .n_scans = -1},
         201},
        {"JPEG, 64 Mi pixels, 64 scans",
         {.width = LARGE, .height = LARGE, .channels = 1, .n_scans = 64},
         201},
        {"JPEG of 1,000 scans",
         {.width = 1000, .height = 1000, .channels = 1, .n_scans = 1000},
         413},
        {"JPEG of 100,000 scans",
         {.width = 64, .height = 64, .channels = 1, .n_scans = 100000},
         413},
        {"JPEG with 100,000 Huffman tables",
         {.width = 64, .height = 64, .channels = 3, .n_tables = 100000},
         201},
        {"JPEG with a restart interval not kept",
         {.width = 512, .height = 512, .channels = 3, .has_restart = true},
         422},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        explode(cases[i].name, jpeg_bomb_make(&cases[i].bomb), cases[i].status);
    struct bytes large =
        jpeg_bomb_make(&(struct jpeg_bomb){.width = 64, .height = 64, .channels = 3});
    jpeg_set_size(&large, 65500, 65500);
    explode("JPEG of 65,500 x 65,500", large, 413);
    large = jpeg_bomb_make(&(struct jpeg_bomb){
        .width = 2048, .height = 2048, .channels = 3, .is_full = true, .n_scans = -1});
    jpeg_set_size(&large, 8192, 8192);
    explode("JPEG of 64 Mi pixels, progressive 4:4:4", large, 413);
}

static void arrays_that_claim_too_much_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        long status;
    } cases[] = {
        {"4294967296, 4294967296", 413},
        {"9223372036854775807, 9223372036854775807", 413},
        {"65536, 65536", 422}, /* not in so few bytes */
        {"1048577, 64", 422},
        {"99999999999999999999, 1", 413},
        {"0, 18446744073709551615", 422},
        {"1,1,1,1,1,1,1,1,1", 413},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "NPY (%s)", cases[i].shape);
        explode(name, make_npy("<f4", cases[i].shape, "12345678", 8), cases[i].status);
    }
}

static struct bytes make_zip(size_t n_members, size_t n_zeros, bool is_shared)
{
    const struct zip_bomb bomb = {
        .n_members = n_members, .n_zeros = n_zeros, .is_shared = is_shared};
    struct bytes bytes = {0};
    bytes.data = zip_bomb_make(&bomb, &bytes.n);
    return bytes;
}

/* The bytes of a file; takes it. */
static struct bytes take(struct buffer *file)
{
    struct bytes bytes = {0};
    bytes_append(&bytes, file->data, file->size);
    buffer_deinit(file);
    return bytes;
}

/* A scene of one picture. */
static struct bytes make_scene(struct bytes picture)
{
    struct small_scene s;
    small_scene_init(&s);
    small_scene_text(&s, "transforms.json",
                     "{\"fl_x\": 1, \"frames\": [{\"file_path\": \"a\", \"transform_matrix\": "
                     "[[1,0,0,0],[0,1,0,0],[0,0,1,4]]}]}");
    small_scene_bytes(&s, "a.png", picture.data, picture.n);
    struct buffer zip = small_scene_zip(&s);
    small_scene_deinit(&s);
    bytes_free(&picture);
    return take(&zip);
}

static void archives_that_would_explode_are_refused_at_once(void **state)
{
    (void)state;
    static const char nested[] = "PK\3\4 a ZIP in a ZIP in a ZIP";
    struct bytes bytes = {0};
    bytes_append(&bytes, nested, sizeof(nested));
    explode("ZIP that is none", bytes, 422);
    bytes = (struct bytes){0};
    bytes_append(&bytes, nested, sizeof(nested));
    explode_as("views", "ZIP that is none, as views", bytes, 422);
    explode("ZIP of a gibibyte of zeros", make_zip(1, (1U << 30) / SLOWNESS, false), 422);
    explode_as("views", "the same, as views", make_zip(1, (1U << 30) / SLOWNESS, false), 413);
    explode_as("views", "ZIP of 60,000 members that overlap",
               make_zip(60000 / SLOWNESS, 1 << 20, true), 413);
    explode_as("views", "views of a PNG of 65,535 x 65,535",
               make_scene(png_bomb_make(&(struct png_bomb){
                   .width = 65535, .height = 65535, .depth = 8, .color = 6, .has_no_rows = true})),
               413);
    explode_as("views", "views of a PNG with zeros behind the rows",
               make_scene(png_bomb_make(&(struct png_bomb){
                   .width = 3, .height = 2, .depth = 8, .color = 2, .more_zeros = ZEROS})),
               422);
    explode_as("views", "views of a PNG of 64 Mi pixels, RGBA16",
               make_scene(png_bomb_make(
                   &(struct png_bomb){.width = LARGE, .height = LARGE, .depth = 16, .color = 6})),
               201);
}

/* A NIfTI file of bytes that are zero, packed by gzip, more zeros behind what its header counts. */
static struct bytes make_nifti(const size_t size[3], size_t n_data)
{
    struct buffer file, packed;
    buffer_init(&file, n_data + NIFTI_DATA);
    buffer_init(&packed, n_data + NIFTI_DATA);
    nifti_make(&file, false, nifti_datatypes[0].code, 3, size, n_data);
    gzip_append(&packed, file.data, file.size);
    buffer_deinit(&file);
    return take(&packed);
}

static void volumes_cost_what_their_limits_say(void **state)
{
    (void)state;
    enum { SIDE = 512, LAYERS = SIDE / SLOWNESS };
    static const size_t small[3] = {3, 2, 4}, large[3] = {SIDE, SIDE, LAYERS},
                        larger[3] = {SIDE, SIDE, SIDE + 1}, huge[3] = {32767, 32767, 32767};
    explode_as("volume", "NIfTI of 128 Mi voxels", make_nifti(large, (size_t)SIDE * SIDE * LAYERS),
               201);
    explode_as("volume", "NIfTI of a layer more", make_nifti(larger, 1000), 413);
    explode_as("volume", "NIfTI of 32,767^3", make_nifti(huge, 1000), 413);
    explode_as("volume", "NIfTI that ends too soon", make_nifti(large, 1000), 422);
    explode_as("volume", "NIfTI with zeros behind the voxels", make_nifti(small, ZEROS), 422);
}

static struct bytes make_text(const char *text, size_t n_zeros)
{
    struct bytes bytes = {0};
    char zeros[4096] = {0};
    bytes_append(&bytes, text, strlen(text));
    for (; n_zeros > 0; n_zeros -= sizeof zeros)
        bytes_append(&bytes, zeros, sizeof zeros);
    return bytes;
}

static void headers_that_claim_too_much_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *name, *text;
        size_t n_zeros;
        long status;
    } cases[] = {
        {"volume", "NRRD of 2^64 voxels",
         "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4294967296 4294967296 1\nencoding: raw\n\n",
         4096, 413},
        {"volume", "NRRD of 2^27 doubles, not there",
         "NRRD0004\ntype: double\ndimension: 3\nsizes: 512 512 512\nencoding: raw\nendian: "
         "little\n\n",
         4096, 422},
        {"shape", "PLY of 2^32-1 vertices",
         "ply\nformat binary_little_endian 1.0\nelement vertex 4294967295\nproperty float x\n"
         "property float y\nproperty float z\nelement face 4294967295\nproperty list uchar int "
         "vertex_indices\nend_header\n",
         4096, 422},
        {"shape", "PLY of ten million vertices, not there",
         "ply\nformat binary_little_endian 1.0\nelement vertex 10000000\nproperty float x\n"
         "property float y\nproperty float z\nelement face 1\nproperty list uchar int "
         "vertex_indices\nend_header\n",
         4096, 422},
        {"shape", "OFF of 2,000,000,000 vertices", "OFF\n2000000000 2000000000 0\n0 0 0\n", 0, 422},
        {"shape", "STL that is no text", "solid of zeros", 1 << 20, 422},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        explode_as(cases[i].kind, cases[i].name, make_text(cases[i].text, cases[i].n_zeros),
                   cases[i].status);
}

/* Two arrays of one number each, whose headers say otherwise. */
static struct bytes make_measurement(const char *name, const char *shape, const char *other)
{
    struct bytes one = make_npy("<f4", shape, "\0\0\x80?", 4),
                 two = make_npy("<f4", shape, "\0\0\x80?", 4);
    const struct zip_entry entries[] = {{name, one.data, one.n}, {other, two.data, two.n}};
    struct buffer zip;
    buffer_init(&zip, 1 << 20);
    assert_int_equal(zip_archive_encode(entries, 2, "the archive", &zip, NULL), STATUS_OK);
    bytes_free(&one);
    bytes_free(&two);
    return take(&zip);
}

static void measurements_that_claim_too_much_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        long status;
    } cases[] = {
        {"4294967296, 4294967296", 413},
        {"100000000, 100000000", 422}, /* not in so few bytes */
        {"2000, 2000", 422},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        explode_as("sinogram", cases[i].shape,
                   make_measurement("sinogram.npy", cases[i].shape, "angles.npy"), cases[i].status);
        explode_as("kspace", cases[i].shape,
                   make_measurement("kspace.npy", cases[i].shape, "mask.npy"), cases[i].status);
    }
    explode_as("kspace", "k-space of a gibibyte of zeros",
               make_zip(1, (1U << 30) / SLOWNESS, false), 413);
}

static void refused_bombs_leave_nothing(void **state)
{
    (void)state;
    const double end = now_seconds() + REST_SECONDS * SLOWNESS;
    while (service_files(&service, "tmp") > 0 && now_seconds() < end)
        pause_briefly();
    assert_int_equal(service_files(&service, "tmp"), 0);
    assert_int_equal(service_files(&service, "blobs"), n_datasets);
    answer_status(service_get(&service, "/healthz"), 200);
    /* The kernel's own count, which misses nothing in between. */
    assert_int_equal(service_stop(&service), 0);
    harness_print("bombs: slowest %.3f s, most %zu MiB above rest; largest process %ld MiB\n",
                  slowest, most_kib >> 10, service.peak_kib >> 10);
    if (SLOWNESS == 1)
        assert_true(service.peak_kib < MOST_KIB);
}

static int start(void **state)
{
    char dataset[ID_TEXT];
    (void)state;
    service_start(&service, NULL);
    upload_picture(&service, 16, 1, dataset);
    n_datasets = 1;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pngs_that_claim_or_hide_too_much_are_refused),
        cmocka_unit_test(the_largest_pngs_are_taken),
        cmocka_unit_test(jpegs_cost_what_their_limits_say),
        cmocka_unit_test(arrays_that_claim_too_much_are_refused),
        cmocka_unit_test(archives_that_would_explode_are_refused_at_once),
        cmocka_unit_test(volumes_cost_what_their_limits_say),
        cmocka_unit_test(headers_that_claim_too_much_are_refused),
        cmocka_unit_test(measurements_that_claim_too_much_are_refused),
        cmocka_unit_test(refused_bombs_leave_nothing),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
