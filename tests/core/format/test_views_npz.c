#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/npy.h"
#include "core/format/views_npz.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"
#include "tests/support/libzip_leaks.h"
#include "tests/support/small_scene.h"

LIBZIP_LEAKS("leak:zip_fopen_index_encrypted\n")

/* An array as NumPy writes it: version 1, or 2, whose header's length has two bytes more. */
static void add_array(struct small_scene *s, const char *name, int version, const char *dict,
                      const void *data, size_t n)
{
    char *bytes;
    size_t size;
    FILE *f = open_memstream(&bytes, &size);
    const size_t n_dict = strlen(dict) + 1;
    fwrite("\x93NUMPY", 1, 6, f);
    fputc(version, f);
    fputc(0, f);
    for (int i = 0; i < (version == 1 ? 2 : 4); i++)
        fputc((int)(n_dict >> 8 * i & 255), f);
    fprintf(f, "%s\n", dict);
    fwrite(data, 1, n, f);
    fclose(f);
    small_scene_bytes(s, name, bytes, size);
    free(bytes);
}

#define DICT(type, order, shape)                                                                   \
    "{'descr': '" type "', 'fortran_order': " order ", 'shape': (" shape "), }"

enum { N = 3, H = 4, W = 6 };

static const double focal = 5.0;
static float values[N * H * W * 4];
static uint8_t bytes_of_values[N * H * W * 4];
static double poses[N * 16];

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        bytes_of_values[i] = (uint8_t)(i % 251);
        values[i] = (float)bytes_of_values[i] / 255.0f;
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < 4; d++)
            poses[i * 16 + d * 5] = 1.0;
        poses[i * 16 + 7] = (double)i - 1.0; /* y */
    }
    return 0;
}

static void add_good(struct small_scene *s, bool with_images, bool with_poses, bool with_focal)
{
    if (with_images)
        add_array(s, "images.npy", 1, DICT("<f4", "False", "3, 4, 6, 3"), values,
                  sizeof(float) * N * H * W * 3);
    if (with_poses)
        add_array(s, "poses.npy", 1, DICT("<f8", "False", "3, 4, 4"), poses, sizeof poses);
    if (with_focal)
        add_array(s, "focal.npy", 1, DICT("<f8", "False", ""), &focal, sizeof focal);
}

static void an_npz_of_floats_is_read(void **state)
{
    (void)state;
    struct small_scene s;
    struct views_facts facts;
    struct views views;
    const struct views_options all = {0}, half = {.factor = 2, .n_most = 2};
    small_scene_init(&s);
    add_good(&s, true, true, true);
    struct buffer zip = small_scene_zip(&s);
    assert_int_equal(views_npz_check(zip.data, zip.size, &facts, NULL), STATUS_OK);
    assert_true(facts.n_views == N && facts.n_of[VIEW_TRAIN] == N && facts.channels == 3);
    assert_true(facts.width[0] == W && facts.height[1] == H && facts.n_warnings == 0);
    assert_true(facts.low[1] == -1 && facts.high[1] == 1 && facts.high[0] == 0);
    assert_int_equal(facts.n_bytes, sizeof(float) * N * H * W * 3);

    assert_int_equal(views_npz_decode(zip.data, zip.size, &all, &views, NULL), STATUS_OK);
    assert_int_equal(views.n_views, N);
    for (size_t i = 0; i < N; i++) {
        const struct view *v = &views.view[i];
        assert_memory_equal(v->image.values, values + i * H * W * 3, sizeof(float) * H * W * 3);
        assert_true(v->fx == 5 && v->fy == 5 && v->cx == 3 && v->cy == 2);
        assert_true(v->c2w[1][3] == (double)i - 1.0 && v->c2w[2][2] == 1);
    }
    views_deinit(&views);

    assert_int_equal(views_npz_decode(zip.data, zip.size, &half, &views, NULL), STATUS_OK);
    assert_int_equal(views.n_views, 2);
    assert_true(views.view[1].c2w[1][3] == 0.0); /* of three, number 0 and 1 */
    assert_true(views.view[1].image.width == 3 && views.view[1].fx == 2.5);
    const float *from = values + (size_t)H * W * 3;
    const float mean = (from[0] + from[3] + from[W * 3] + from[W * 3 + 3]) / 4;
    assert_true(fabsf(views.view[1].image.values[0] - mean) < 1e-6f);
    views_deinit(&views);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

static void an_npz_of_bytes_with_alpha_and_three_rows_is_read(void **state)
{
    (void)state;
    struct small_scene s;
    struct views_facts facts;
    struct views views;
    const struct views_options all = {0};
    double rows[N * 12];
    const float focals[N] = {5, 6, 7};
    for (size_t i = 0; i < N; i++)
        memcpy(rows + i * 12, poses + i * 16, 12 * sizeof *rows);
    rows[0] = rows[5] = rows[10] = 2.0; /* a scale */
    small_scene_init(&s);
    add_array(&s, "images.npy", 2, DICT("|u1", "False", "3, 4, 6, 4"), bytes_of_values,
              N * H * W * 4);
    add_array(&s, "poses.npy", 1, DICT("<f8", "False", "3, 3, 4"), rows, sizeof rows);
    add_array(&s, "focal.npy", 1, DICT("<f4", "False", "3,"), focals, sizeof focals);
    add_array(&s, "near.npy", 1, DICT("<f4", "False", "3,"), focals, sizeof focals);
    struct buffer zip = small_scene_zip(&s);
    assert_int_equal(views_npz_check(zip.data, zip.size, &facts, NULL), STATUS_OK);
    assert_int_equal(facts.channels, 4);
    assert_int_equal(facts.n_bytes, N * H * W * 4);
    assert_int_equal(facts.n_warnings, 1);
    assert_int_equal(views_npz_decode(zip.data, zip.size, &all, &views, NULL), STATUS_OK);
    assert_true(views.view[2].fy == 7 && views.view[0].c2w[0][0] == 1);
    assert_int_equal(views.view[1].image.type, SAMPLE_U8);
    assert_memory_equal(views.view[1].image.u8, bytes_of_values + (size_t)H * W * 4, H * W * 4);
    views_deinit(&views);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

static void the_last_six_of_106_views_are_the_test(void **state)
{
    (void)state;
    for (size_t n = 105; n <= 107; n++) {
        struct small_scene s;
        struct views_facts facts;
        char images[128], matrices[128];
        uint8_t *pixels = calloc(n, 3);
        double *m = calloc(n, sizeof(double) * 16);
        for (size_t i = 0; i < n * 4; i++)
            m[i / 4 * 16 + i % 4 * 5] = 1.0;
        snprintf(images, sizeof images, DICT("|u1", "False", "%zu, 1, 1, 3"), n);
        snprintf(matrices, sizeof matrices, DICT("<f8", "False", "%zu, 4, 4"), n);
        small_scene_init(&s);
        add_array(&s, "images.npy", 1, images, pixels, n * 3);
        add_array(&s, "poses.npy", 1, matrices, m, n * sizeof(double) * 16);
        add_good(&s, false, false, true);
        struct buffer zip = small_scene_zip(&s);
        assert_int_equal(views_npz_check(zip.data, zip.size, &facts, NULL), STATUS_OK);
        assert_int_equal(facts.n_of[VIEW_TEST], n == 106 ? 6 : 0);
        assert_int_equal(facts.n_of[VIEW_TRAIN], n == 106 ? 100 : n);
        buffer_deinit(&zip);
        small_scene_deinit(&s);
        free(pixels);
        free(m);
    }
}

static void an_npz_that_is_no_scene_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *images, *poses, *focal; /* dicts; NULL: the good one, "": none */
        size_t n_images, n_poses, n_focal;  /* bytes of them */
        enum status status;
        const char *word;
    } cases[] = {
        {"", NULL, NULL, 0, 0, 0, STATUS_INVALID, "no 'images.npy'"},
        {NULL, "", NULL, 0, 0, 0, STATUS_INVALID, "no 'poses.npy'"},
        {NULL, NULL, "", 0, 0, 0, STATUS_INVALID, "no 'focal.npy'"},
        {DICT("|u1", "False", "3, 4, 6"), NULL, NULL, 72, 0, 0, STATUS_INVALID, "[n,H,W,3]"},
        {DICT("|u1", "False", "3, 4, 6, 2"), NULL, NULL, 144, 0, 0, STATUS_INVALID, "[n,H,W,3]"},
        {DICT("|u1", "False", "3, 0, 6, 3"), NULL, NULL, 0, 0, 0, STATUS_INVALID, "empty"},
        {DICT("|u1", "False", "0, 4, 6, 3"), NULL, NULL, 0, 0, 0, STATUS_INVALID, "1..2000"},
        {DICT("|u1", "False", "2001, 1, 1, 3"), NULL, NULL, 0, 0, 0, STATUS_TOO_LARGE, "1..2000"},
        {DICT("|u1", "False", "1, 1048577, 1, 3"), NULL, NULL, 0, 0, 0, STATUS_TOO_LARGE, "limit"},
        {DICT("|u1", "True", "3, 4, 6, 3"), NULL, NULL, 216, 0, 0, STATUS_UNSUPPORTED, "Fortran"},
        {DICT("<i4", "False", "3, 4, 6, 3"), NULL, NULL, 864, 0, 0, STATUS_UNSUPPORTED, "uint8"},
        {DICT("|u1", "False", "3, 4, 6, 3"), NULL, NULL, 215, 0, 0, STATUS_INVALID, "needs 3"},
        {DICT("|u1", "False", "3, 4, 6, 3"), NULL, NULL, 217, 0, 0, STATUS_INVALID, "needs 3"},
        {DICT("|u1", "False", "2, 4, 6, 3"), NULL, NULL, 144, 0, 0, STATUS_INVALID,
         "2 images, but 3 poses"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (3, 4, 6, 3), }", NULL, NULL, 216, 0, 0,
         STATUS_UNSUPPORTED, "'|O'"},
        {"junk", NULL, NULL, 216, 0, 0, STATUS_INVALID, "header"},
        {NULL, DICT("<f8", "False", "3, 4, 3"), NULL, 0, 288, 0, STATUS_INVALID, "[n,4,4]"},
        {NULL, DICT("<f8", "False", "3, 16"), NULL, 0, 384, 0, STATUS_INVALID, "[n,4,4]"},
        {NULL, DICT("<f8", "False", "2, 4, 4"), NULL, 0, 256, 0, STATUS_INVALID, "but 2 poses"},
        {NULL, DICT("<f4", "False", "3, 4, 4"), NULL, 0, 192, 0, STATUS_INVALID, "pose 0"},
        {NULL, NULL, DICT("<f4", "False", "2,"), 0, 0, 8, STATUS_INVALID, "'focal'"},
        {NULL, NULL, DICT("<f4", "False", "0,"), 0, 0, 0, STATUS_INVALID, "'focal'"},
        {NULL, NULL, DICT("<i4", "False", ""), 0, 0, 4, STATUS_INVALID, "focal length 0"},
    };
    static const uint8_t zeros[1024];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_scene s;
        struct views_facts facts;
        struct views views = {0};
        struct error err = {.status = STATUS_OK}, again = err;
        const struct views_options all = {0};
        small_scene_init(&s);
        add_good(&s, !cases[i].images, !cases[i].poses, !cases[i].focal);
        if (cases[i].images && *cases[i].images)
            add_array(&s, "images.npy", 1, cases[i].images, zeros, cases[i].n_images);
        if (cases[i].poses && *cases[i].poses)
            add_array(&s, "poses.npy", 1, cases[i].poses, zeros, cases[i].n_poses);
        if (cases[i].focal && *cases[i].focal)
            add_array(&s, "focal.npy", 1, cases[i].focal, zeros, cases[i].n_focal);
        struct buffer zip = small_scene_zip(&s);
        enum status status = views_npz_check(zip.data, zip.size, &facts, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].word))
            fail_msg("case %zu: '%s', %s", i, status_name(status), err.message);
        assert_int_equal(views_npz_decode(zip.data, zip.size, &all, &views, &again), status);
        assert_string_equal(again.message, err.message);
        assert_null(views.view);
        buffer_deinit(&zip);
        small_scene_deinit(&s);
    }
}

static void values_that_are_no_colours_are_refused(void **state)
{
    (void)state;
    static const float bad[] = {1.01f, -0.01f, 255.0f, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct small_scene s;
        struct views_facts facts;
        const float good = values[100];
        values[100] = bad[i];
        small_scene_init(&s);
        add_good(&s, true, true, true);
        values[100] = good;
        struct buffer zip = small_scene_zip(&s);
        struct error err = {.status = STATUS_OK};
        assert_int_equal(views_npz_check(zip.data, zip.size, &facts, &err), STATUS_INVALID);
        buffer_deinit(&zip);
        small_scene_deinit(&s);
    }
}

static void floats_of_either_byte_order_are_read(void **state)
{
    (void)state;
    static float turned[N * H * W * 3];
    struct small_scene s;
    struct views views;
    struct views_facts facts;
    const struct views_options all = {0};
    for (size_t i = 0; i < sizeof turned / sizeof *turned; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits = __builtin_bswap32(bits);
        memcpy(&turned[i], &bits, sizeof bits);
    }
    small_scene_init(&s);
    add_array(&s, "images.npy", 1, DICT(">f4", "False", "3, 4, 6, 3"), turned, sizeof turned);
    add_good(&s, false, true, true);
    struct buffer zip = small_scene_zip(&s);
    assert_int_equal(views_npz_check(zip.data, zip.size, &facts, NULL), STATUS_OK);
    assert_int_equal(views_npz_decode(zip.data, zip.size, &all, &views, NULL), STATUS_OK);
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(views.view[i].image.values, values + i * H * W * 3,
                            sizeof(float) * H * W * 3);
    views_deinit(&views);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

/* A value in the last view that is none shows whether it was unpacked. */
static void views_behind_what_may_be_unpacked_come_without_samples(void **state)
{
    (void)state;
    static const struct {
        struct views_options options;
        size_t n_read;
        enum status status;
    } cases[] = {
        {{0}, N, STATUS_INVALID},
        {{.max_unpacked = sizeof(float) * N * H * W * 3}, N, STATUS_INVALID},
        {{.max_unpacked = sizeof(float) * N * H * W * 3 - 1}, N - 1, STATUS_OK},
        {{.max_unpacked = sizeof(float) * H * W * 3}, 1, STATUS_OK},
        {{.max_unpacked = 1}, 0, STATUS_OK},
        {{.cameras_only = true}, 0, STATUS_OK},
    };
    enum { BAD = (N - 1) * H * W * 3 + 1 };
    struct small_scene s;
    const float good = values[BAD];
    values[BAD] = NAN;
    small_scene_init(&s);
    add_good(&s, true, true, true);
    values[BAD] = good;
    struct buffer zip = small_scene_zip(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct views views = {0};
        assert_int_equal(views_npz_decode(zip.data, zip.size, &cases[i].options, &views, NULL),
                         cases[i].status);
        if (cases[i].status != STATUS_OK)
            continue;
        assert_int_equal(views.n_views, N);
        for (size_t k = 0; k < N; k++) {
            const struct view *v = &views.view[k];
            assert_true((v->image.samples != NULL) == (k < cases[i].n_read));
            assert_true(v->image.width == W && v->image.height == H && v->image.channels == 3);
            assert_true(v->fx == 5 && v->c2w[1][3] == (double)k - 1.0);
        }
        views_deinit(&views);
    }
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

static void lego_of_100_pixels_is_read(void **state)
{
    (void)state;
    char *path = data_path("views/lego_100x100.npz");
    size_t n;
    struct views_facts facts;
    struct views views;
    const struct views_options all = {0};
    if (!path)
        skip();
    uint8_t *bytes = file_read(path, &n);
    assert_int_equal(views_npz_check(bytes, n, &facts, NULL), STATUS_OK);
    assert_true(facts.n_views == 106 && facts.n_of[VIEW_TEST] == 6 && facts.width[1] == 100);
    assert_int_equal(facts.n_warnings, 0);
    assert_true(fabs(facts.scene.half - 1.4512) < 1e-3 && fabs(facts.scene.centre[2]) < 1e-3);
    assert_int_equal(views_npz_decode(bytes, n, &all, &views, NULL), STATUS_OK);
    assert_true(fabs(views.view[0].fx - 50 / tan(0.5 * 0.6911112070083618)) < 1e-4);
    double sum = 0;
    for (size_t i = 0; i < 100 * 100 * 3; i++)
        sum += (double)views.view[0].image.values[i];
    assert_true(sum > 1000 && sum < 20000);
    views_deinit(&views);
    free(bytes);
    free(path);
}

static void must_be_refused(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct views_facts facts;
    struct error err = {.status = STATUS_OK};
    if (views_npz_check(bytes, n, &facts, &err) == STATUS_OK || err.message[0] == '\0')
        fail_msg("%s was not refused", name);
    if (strncmp(name, "npz_", 4) == 0)
        print_message("%-40s %s\n", name, err.message);
    ++*(size_t *)context;
}

static void broken_files_of_others_are_refused(void **state)
{
    (void)state;
    size_t n = 0;
    static const char *const folders[] = {"bad/made", "bad/npy", "bad/zip"};
    for (size_t i = 0; i < 3; i++) {
        char *folder = data_path(folders[i]);
        if (!folder)
            skip();
        folder_each(folder, must_be_refused, &n);
        free(folder);
    }
    assert_int_equal(n, 62 + 5 + 98);
}

static enum status decode_once(void *context, struct error *err)
{
    const struct buffer *zip = context;
    struct views views;
    const struct views_options half = {.factor = 2};
    enum status status = views_npz_decode(zip->data, zip->size, &half, &views, NULL);
    if (status != STATUS_OK) /* any refusal will do: libzip takes some for a broken archive */
        return error_status(err, STATUS_NO_MEMORY);
    views_deinit(&views);
    return STATUS_OK;
}

static void views_survive_every_failing_allocation(void **state)
{
    (void)state;
    struct small_scene s;
    small_scene_init(&s);
    add_good(&s, true, true, true);
    struct buffer zip = small_scene_zip(&s);
    assert_true(alloc_fail_each(decode_once, &zip) > 20);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_npz_of_floats_is_read),
        cmocka_unit_test(an_npz_of_bytes_with_alpha_and_three_rows_is_read),
        cmocka_unit_test(the_last_six_of_106_views_are_the_test),
        cmocka_unit_test(an_npz_that_is_no_scene_is_refused),
        cmocka_unit_test(values_that_are_no_colours_are_refused),
        cmocka_unit_test(floats_of_either_byte_order_are_read),
        cmocka_unit_test(views_behind_what_may_be_unpacked_come_without_samples),
        cmocka_unit_test(lego_of_100_pixels_is_read),
        cmocka_unit_test(broken_files_of_others_are_refused),
        cmocka_unit_test(views_survive_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
