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
#include "core/format/views_zip.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"
#include "tests/support/libzip_leaks.h"
#include "tests/support/small_scene.h"

#define POSE "\"transform_matrix\": [[1,0,0,0],[0,1,0,0],[0,0,1,4],[0,0,0,1]]"

LIBZIP_LEAKS("leak:zip_fopen_index_encrypted\n")

/* A transforms.json of an angle of 90 degrees with these frames. */
static char *transforms(size_t n, const char *const *paths, const char *more)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fprintf(f, "{\"camera_angle_x\": 1.5707963267948966, %s \"frames\": [", more);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s{\"file_path\": \"%s\", " POSE "}", i ? "," : "", paths[i]);
    fprintf(f, "]}");
    fclose(f);
    return text;
}

static void add_transforms(struct small_scene *s, const char *name, size_t n,
                           const char *const *paths, const char *more)
{
    char *text = transforms(n, paths, more);
    small_scene_text(s, name, text);
    free(text);
}

static enum status check(const struct small_scene *s, struct views_facts *facts, struct error *err)
{
    struct buffer zip = small_scene_zip(s);
    enum status status = views_zip_check(zip.data, zip.size, facts, err);
    struct views views;
    struct error again = {.status = STATUS_OK};
    const struct views_options all = {0};
    enum status decoded = views_zip_decode(zip.data, zip.size, &all, &views, &again);
    if (decoded == STATUS_OK) { /* a check and decoding agree, but where nothing can be learnt */
        assert_true(status != STATUS_OK || views.n_views == facts->n_views);
        views_deinit(&views);
    } else {
        assert_int_equal(decoded, status);
        assert_string_equal(again.message, err->message);
    }
    buffer_deinit(&zip);
    return status;
}

static void a_blender_scene_has_its_three_splits(void **state)
{
    (void)state;
    static const char *const train[] = {"./train/r_0", "./train/r_1"}, *const val[] = {"./val/r_0"},
                             *const test[] = {"./test/r_0", "./test/r_1", "./test/r_2"};
    struct small_scene s;
    small_scene_init(&s);
    add_transforms(&s, "lego/transforms_test.json", 3, test, "");
    add_transforms(&s, "lego/transforms_train.json", 2, train, "");
    add_transforms(&s, "lego/transforms_val.json", 1, val, "");
    small_scene_picture(&s, "lego/test/r_0.png", 8, 6, 4);
    small_scene_picture(&s, "lego/test/r_1.png", 8, 6, 4);
    small_scene_picture(&s, "lego/test/r_2.png", 10, 6, 4);
    small_scene_picture(&s, "lego/test/r_0_depth.png", 8, 6, 1);
    small_scene_picture(&s, "lego/train/r_0.png", 8, 6, 4);
    small_scene_picture(&s, "lego/train/r_1.png", 4, 3, 3);
    small_scene_picture(&s, "lego/val/r_0.png", 8, 6, 4);
    struct buffer zip = small_scene_zip(&s);
    bool is_scene = false;
    assert_int_equal(views_zip_recognize(zip.data, zip.size, &is_scene, NULL), STATUS_OK);
    assert_true(is_scene);

    struct views_facts facts;
    assert_int_equal(views_zip_check(zip.data, zip.size, &facts, NULL), STATUS_OK);
    assert_int_equal(facts.n_views, 6);
    assert_int_equal(facts.n_of[VIEW_TRAIN], 2);
    assert_int_equal(facts.n_of[VIEW_VALIDATION], 1);
    assert_int_equal(facts.n_of[VIEW_TEST], 3);
    assert_int_equal(facts.channels, 4);
    assert_true(facts.width[0] == 4 && facts.width[1] == 10);
    assert_true(facts.height[0] == 3 && facts.height[1] == 6);
    assert_int_equal(facts.n_pixels, 4 * 48 + 60 + 12);
    assert_int_equal(facts.n_bytes, 4 * (4 * 48 + 60) + 3 * 12);
    assert_true(!facts.has_distortion && facts.n_warnings == 0);
    assert_true(facts.low[2] == 4 && facts.high[2] == 4 && facts.low[0] == 0);

    struct views views;
    const struct views_options all = {0};
    assert_int_equal(views_zip_decode(zip.data, zip.size, &all, &views, NULL), STATUS_OK);
    assert_int_equal(views.n_views, 6);
    assert_true(views.view[1].split == VIEW_TRAIN && views.view[2].split == VIEW_VALIDATION &&
                views.view[3].split == VIEW_TEST);
    assert_true(views.view[0].image.channels == 4 && views.view[1].image.channels == 3);
    assert_true(fabs(views.view[0].fx - 4) < 1e-12 && fabs(views.view[1].fx - 2) < 1e-12);
    assert_int_equal(views.view[0].image.u8[(2 * 8 + 3) * 4 + 1], small_scene_value(3, 2, 1));
    views_deinit(&views);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

static void a_scene_is_found_in_any_folder_and_its_paths_are_made_plain(void **state)
{
    (void)state;
    static const char *const paths[] = {"images/a.jpg", "./images//b", "images\\\\c.png", "d"};
    static const char *const folders[] = {"", "fox/", "a/b c/", "./fox/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct small_scene s;
        struct views_facts facts;
        struct error err = {.status = STATUS_OK};
        char names[5][64];
        static const char *const files[] = {"transforms.json", "images/a.jpg", "images/b.jpeg",
                                            "images/c.png", "d.jpg"};
        for (size_t k = 0; k < 5; k++)
            snprintf(names[k], sizeof names[k], "%s%s", folders[i], files[k]);
        small_scene_init(&s);
        add_transforms(&s, names[0], 4, paths, "");
        small_scene_text(&s, "__MACOSX/._transforms.json", "junk");
        small_scene_bytes(&s, "a/", "", 0); /* a folder's own entry */
        for (size_t k = 1; k < 5; k++)
            small_scene_picture(&s, names[k], 8, 6, 3);
        if (check(&s, &facts, &err) != STATUS_OK)
            fail_msg("%s: %s", names[0], err.message);
        assert_true(facts.n_views == 4 && facts.n_warnings == 0 && facts.channels == 3);
        assert_int_equal(facts.n_of[VIEW_TRAIN], 4);
        small_scene_deinit(&s);
    }
}

static void what_is_odd_is_warned_of(void **state)
{
    (void)state;
    struct small_scene s;
    struct views_facts facts;
    struct error err = {.status = STATUS_OK};
    small_scene_init(&s);
    small_scene_text(&s, "transforms.json",
                     "{\"fl_x\": 10, \"w\": 16, \"h\": 12, \"k1\": 0.1, \"rolling_shutter\": [0], "
                     "\"frames\": [{\"file_path\": \"a\", \"mask_path\": \"m.png\", " POSE "},"
                     "{\"file_path\": \"gone\", " POSE "}, {\"file_path\": \"lost\", " POSE "},"
                     "{\"file_path\": \"b\", \"transform_matrix\": "
                     "[[3,0,0,1],[0,3,0,2],[0,0,3,-4]]}]}");
    small_scene_picture(&s, "a.png", 8, 6, 3);
    small_scene_picture(&s, "b.png", 16, 12, 3);
    assert_int_equal(check(&s, &facts, &err), STATUS_OK);
    assert_true(facts.n_views == 2 && facts.has_distortion);
    assert_int_equal(facts.n_warnings, 5);
    static const char *const words[] = {
        "2 of 4 pictures are not in the archive, the first is 'gone'",
        "1 pictures have another size", "1 poses have a scale, like 3", "1 masks",
        "rolling shutter"};
    for (size_t i = 0; i < 5; i++)
        if (!strstr(facts.warnings[i], words[i]))
            fail_msg("'%s'", facts.warnings[i]);
    assert_true(facts.low[2] == -4 && facts.high[2] == 4 && facts.high[0] == 1);
    small_scene_deinit(&s);
}

/* A warning becomes JSON, which half a character would break. */
static void a_long_path_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "a", "0123456789012345678901234567890123456789012345678901234567890123\u00e9"};
    for (size_t cut = 0; cut < 2; cut++) { /* the last character begins at byte 64, at byte 63 */
        const char *names[] = {paths[0], paths[1] + cut};
        struct small_scene s;
        struct views_facts facts;
        struct error err = {.status = STATUS_OK};
        char words[96];
        small_scene_init(&s);
        add_transforms(&s, "transforms.json", 2, names, "");
        small_scene_picture(&s, "a.png", 8, 6, 3);
        assert_int_equal(check(&s, &facts, &err), STATUS_OK);
        assert_int_equal(facts.n_warnings, 1);
        snprintf(words, sizeof words, "the first is '%.*s'", (int)(64 - cut), names[1]);
        if (!strstr(facts.warnings[0], words))
            fail_msg("'%s'", facts.warnings[0]);
        small_scene_deinit(&s);
    }
}

static void decoding_makes_views_smaller_and_their_cameras_with_them(void **state)
{
    (void)state;
    static const char *const paths[] = {"0", "1", "2", "3", "4"};
    struct small_scene s;
    struct views views;
    small_scene_init(&s);
    add_transforms(&s, "transforms.json", 5, paths, "\"cx\": 3, \"cy\": 2.5, \"fl_y\": 5,");
    for (size_t i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu.png", i);
        small_scene_picture(&s, name, 9, 7, 3);
    }
    struct buffer zip = small_scene_zip(&s);
    static const struct {
        struct views_options options;
        size_t n, width, height, factor;
    } cases[] = {
        {{.factor = 1}, 5, 9, 7, 1},
        {{.factor = 2}, 5, 4, 3, 2},
        {{.max_side = 4}, 5, 3, 2, 3},
        {{.max_side = 9}, 5, 9, 7, 1},
        {{.max_side = 1}, 5, 1, 1, 7}, /* as far as the shorter side allows */
        {{.factor = 3, .max_side = 8}, 5, 3, 2, 3},
        {{.n_most = 2}, 2, 9, 7, 1},
        {{.n_most = 9}, 5, 9, 7, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(views_zip_decode(zip.data, zip.size, &cases[i].options, &views, NULL),
                         STATUS_OK);
        assert_int_equal(views.n_views, cases[i].n);
        const double factor = (double)cases[i].factor;
        for (size_t k = 0; k < views.n_views; k++) {
            const struct view *v = &views.view[k];
            assert_true(v->image.width == cases[i].width && v->image.height == cases[i].height);
            assert_true(fabs(v->fx - 4.5 / factor) < 1e-12 && fabs(v->fy - 5 / factor) < 1e-12);
            assert_true(fabs(v->cx - 3 / factor) < 1e-12 && fabs(v->cy - 2.5 / factor) < 1e-12);
        }
        views_deinit(&views);
    }
    const struct views_options too_small = {.factor = 8};
    struct error err = {.status = STATUS_OK};
    assert_int_equal(views_zip_decode(zip.data, zip.size, &too_small, &views, &err),
                     STATUS_INVALID);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

/* --- what is refused --- */

struct refusal {
    enum status status;
    const char *word; /* in the message */
    const char *names[4];
    const char *texts[4]; /* NULL: a picture */
};

#define FRAME(path) "{\"fl_x\": 1, \"frames\": [{\"file_path\": \"" path "\", " POSE "}]}"

static void scenes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {STATUS_INVALID, "no 'transforms.json'", {"a.png"}, {NULL}},
        {STATUS_INVALID, "none of the 1", {"transforms.json", "b.png"}, {FRAME("a"), NULL}},
        {STATUS_INVALID,
         "no view to train on",
         {"transforms_test.json", "a.png"},
         {FRAME("a"), NULL}},
        {STATUS_INVALID,
         "both",
         {"transforms.json", "transforms_train.json", "a.png"},
         {FRAME("a"), FRAME("a"), NULL}},
        {STATUS_INVALID,
         "two folders",
         {"x/transforms_train.json", "y/transforms_test.json", "x/a.png"},
         {FRAME("a"), FRAME("a"), NULL}},
        {STATUS_INVALID,
         "two folders",
         {"transforms.json", "y/transforms.json", "a.png"},
         {FRAME("a"), FRAME("a"), NULL}},
        {STATUS_INVALID, "leads out", {"transforms.json"}, {FRAME("../a.png")}},
        {STATUS_INVALID, "leads out", {"transforms.json"}, {FRAME("b/../../a.png")}},
        {STATUS_INVALID, "leads out", {"transforms.json"}, {FRAME("/etc/hostname")}},
        {STATUS_INVALID, "leads out", {"transforms.json"}, {FRAME("C:\\\\a.png")}},
        {STATUS_INVALID, "leads out", {"transforms.json"}, {FRAME("..\\\\a.png")}},
        {STATUS_INVALID,
         "leads out",
         {"transforms.json", "a.png", "../evil.png"},
         {FRAME("a"), NULL, NULL}},
        {STATUS_INVALID,
         "leads out",
         {"transforms.json", "a.png", "/evil.png"},
         {FRAME("a"), NULL, NULL}},
        {STATUS_INVALID,
         "two members",
         {"transforms.json", "a.png", "./a.png"},
         {FRAME("a"), NULL, NULL}},
        {STATUS_INVALID,
         "two members",
         {"transforms.json", "b/a.png", "b\\a.png"},
         {FRAME("b/a"), NULL, NULL}},
        {STATUS_UNSUPPORTED,
         "'a.png': it is neither",
         {"transforms.json", "a.png"},
         {FRAME("a"), "GIF89a"}},
        {STATUS_UNSUPPORTED,
         "'a.exr': it is neither",
         {"transforms.json", "a.exr"},
         {FRAME("a.exr"), "v/1"}},
        {STATUS_UNSUPPORTED, "neither", {"transforms.json", "a.png"}, {FRAME("a"), ""}},
        {STATUS_INVALID,
         "'a.png'",
         {"transforms.json", "a.png"},
         {FRAME("a"), "\x89PNG\r\n\x1a\n"}},
        {STATUS_INVALID, "broken", {"transforms.json"}, {"{\"frames\": ["}},
        {STATUS_INVALID,
         "no focal",
         {"transforms.json", "a.png"},
         {"{\"frames\": [{\"file_path\": \"a\", " POSE "}]}", NULL}},
        {STATUS_INVALID,
         "mirrors",
         {"transforms.json", "a.png"},
         {"{\"fl_x\": 1, \"frames\": [{\"file_path\": \"a\", \"transform_matrix\": "
          "[[-1,0,0,0],[0,1,0,0],[0,0,1,0]]}]}",
          NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_scene s;
        struct views_facts facts;
        struct error err = {.status = STATUS_OK};
        small_scene_init(&s);
        for (size_t k = 0; k < 4 && cases[i].names[k]; k++)
            if (cases[i].texts[k])
                small_scene_text(&s, cases[i].names[k], cases[i].texts[k]);
            else
                small_scene_picture(&s, cases[i].names[k], 8, 6, 3);
        enum status status = check(&s, &facts, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].word))
            fail_msg("case %zu: '%s', %s", i, status_name(status), err.message);
        small_scene_deinit(&s);
    }
}

static void frames_of_all_files_together_are_held_against_the_limit(void **state)
{
    (void)state;
    static const char *paths[LIMIT_VIEWS];
    struct small_scene s;
    struct views_facts facts;
    struct error err = {.status = STATUS_OK};
    for (size_t i = 0; i < LIMIT_VIEWS; i++)
        paths[i] = "a";
    small_scene_init(&s);
    add_transforms(&s, "transforms_train.json", LIMIT_VIEWS, paths, "");
    small_scene_picture(&s, "a.png", 2, 2, 3);
    assert_int_equal(check(&s, &facts, &err), STATUS_OK);
    assert_int_equal(facts.n_views, LIMIT_VIEWS);
    add_transforms(&s, "transforms_test.json", 1, paths, "");
    assert_int_equal(check(&s, &facts, &err), STATUS_TOO_LARGE);
    small_scene_deinit(&s);
}

/* One picture of 16 Mi pixels named by 65 frames: more than a check will decode. */
static void pixels_of_all_views_together_are_held_against_the_limit(void **state)
{
    (void)state;
    enum { SIDE = 4096, N = 65 };
    struct views_facts facts = {0};
    struct error err = {.status = STATUS_OK};
    const struct view camera = {.split = VIEW_TRAIN};
    const struct image_facts picture = {
        .width = SIDE, .height = SIDE, .channels = 3, .bits_per_channel = 8};
    for (size_t i = 0; i < N - 1; i++)
        assert_int_equal(views_facts_add(&facts, &camera, &picture, 10, &err), STATUS_OK);
    assert_int_equal(facts.n_pixels, LIMIT_VIEWS_PIXELS);
    assert_int_equal(views_facts_add(&facts, &camera, &picture, 10, &err), STATUS_TOO_LARGE);
    const struct views_options quarter = {.factor = 4}, few = {.n_most = 2, .max_side = 1024};
    assert_int_equal(views_facts_bytes(&facts, &quarter), facts.n_bytes / 16 + facts.n_largest);
    assert_true(views_facts_bytes(&facts, &few) < 2 * facts.n_largest);
}

static void an_archive_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    struct small_scene s;
    static const char *const paths[] = {"a", "b"};
    small_scene_init(&s);
    add_transforms(&s, "transforms.json", 2, paths, "");
    small_scene_picture(&s, "a.png", 3, 2, 3);
    small_scene_picture(&s, "b.jpg", 3, 2, 1);
    struct buffer zip = small_scene_zip(&s);
    for (size_t n = 0; n < zip.size; n += n % 7 + 1) {
        struct views_facts facts;
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, zip.data, n);
        assert_int_not_equal(views_zip_check(cut, n, &facts, NULL), STATUS_OK);
        free(cut);
    }
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

/* --- files of others --- */

static void fox_is_read_a_quarter_of_its_size(void **state)
{
    (void)state;
    char *folder = data_path("views/fox"), *images = data_path("views/fox/images");
    if (!folder || !images)
        skip();
    struct small_scene s;
    struct views_facts facts;
    struct views views;
    small_scene_init(&s);
    assert_int_equal(small_scene_folder(&s, folder, "fox/", "transforms.json"), 1);
    assert_int_equal(small_scene_folder(&s, folder, "fox/", "transforms_50.json"), 1); /* no name */
    assert_int_equal(small_scene_folder(&s, images, "fox/images/", ".jpg"), 50);
    struct buffer zip = small_scene_zip(&s);
    assert_int_equal(views_zip_check(zip.data, zip.size, &facts, NULL), STATUS_OK);
    assert_int_equal(facts.n_views, 50);
    assert_int_equal(facts.n_of[VIEW_TRAIN], 50);
    assert_true(facts.has_distortion && facts.channels == 3);
    assert_true(facts.width[0] == 1080 && facts.width[1] == 1080 && facts.height[0] == 1920);
    assert_true(fabs(facts.scene.half - 2 / 0.33) < 1e-9 && facts.scene.centre[1] == 0);
    assert_int_equal(facts.n_warnings, 1);
    assert_non_null(strstr(facts.warnings[0], "17 of 67 pictures are not in the archive"));

    const struct views_options quarter = {.factor = 4};
    assert_int_equal(views_zip_decode(zip.data, zip.size, &quarter, &views, NULL), STATUS_OK);
    assert_int_equal(views.n_views, 50);
    size_t n_bytes = 0;
    for (size_t i = 0; i < views.n_views; i++) {
        const struct view *v = &views.view[i];
        assert_true(v->image.width == 270 && v->image.height == 480);
        assert_true(fabs(v->fx - 1375.52 / 4) < 1e-9 && fabs(v->cy - 965.268 / 4) < 1e-9);
        n_bytes += v->image.width * v->image.height * v->image.channels;
    }
    assert_true(n_bytes + facts.n_largest <= views_facts_bytes(&facts, &quarter));
    views_deinit(&views);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
    free(folder);
    free(images);
}

static void lego_is_read_with_its_test_views(void **state)
{
    (void)state;
    char *folder = data_path("views/lego"), *train = data_path("views/lego/train"),
         *test = data_path("views/lego/test");
    if (!folder || !train || !test)
        skip();
    struct small_scene s;
    struct views_facts facts;
    struct views views;
    small_scene_init(&s);
    assert_int_equal(small_scene_folder(&s, folder, "", ".json"), 2);
    assert_int_equal(small_scene_folder(&s, train, "train/", ".png"), 100);
    assert_int_equal(small_scene_folder(&s, test, "test/", ".png"), 25);
    struct buffer zip = small_scene_zip(&s);
    assert_int_equal(views_zip_check(zip.data, zip.size, &facts, NULL), STATUS_OK);
    assert_true(facts.n_of[VIEW_TRAIN] == 100 && facts.n_of[VIEW_TEST] == 25);
    assert_true(facts.channels == 4 && facts.n_warnings == 0 && !facts.has_distortion);
    assert_true(fabs(facts.scene.half - 1.4512) < 1e-4 && fabs(facts.scene.centre[2]) < 1e-4);
    const struct views_options few = {.n_most = 5, .max_side = 100};
    assert_int_equal(views_zip_decode(zip.data, zip.size, &few, &views, NULL), STATUS_OK);
    assert_int_equal(views.n_views, 5);
    assert_true(views.view[4].split == VIEW_TEST && views.view[0].image.width == 100);
    assert_true(fabs(views.view[0].fx - 50 / tan(0.5 * 0.6911112070083618)) < 1e-9);
    views_deinit(&views);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
    free(folder);
    free(train);
    free(test);
}

static void must_be_refused(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    (void)context;
    struct views_facts facts;
    struct error err = {.status = STATUS_OK};
    bool is_scene = true;
    assert_int_equal(views_zip_recognize(bytes, n, &is_scene, NULL), STATUS_OK);
    assert_false(is_scene);
    if (views_zip_check(bytes, n, &facts, &err) == STATUS_OK || err.message[0] == '\0')
        fail_msg("%s was not refused", name);
}

/* Poses that were spoilt, in an archive with a picture. */
static void must_be_refused_with_a_picture(void *context, const char *name, const uint8_t *bytes,
                                           size_t n)
{
    struct small_scene s;
    struct views_facts facts;
    struct error err = {.status = STATUS_OK};
    if (strncmp(name, "transforms_", 11) != 0)
        return;
    small_scene_init(&s);
    small_scene_bytes(&s, "transforms.json", bytes, n);
    const int is_missing = strcmp(name, "transforms_missing_image.json") == 0;
    small_scene_picture(&s, is_missing ? "images/other.jpg" : "images/0001.jpg", 108, 192, 3);
    if (check(&s, &facts, &err) != STATUS_INVALID)
        fail_msg("%s was not refused", name);
    print_message("%-32s %s\n", name, err.message);
    small_scene_deinit(&s);
    ++*(size_t *)context;
}

static void broken_files_of_others_are_refused(void **state)
{
    (void)state;
    char *made = data_path("bad/made"), *zips = data_path("bad/zip");
    size_t n_poses = 0;
    if (!made || !zips)
        skip();
    assert_int_equal(folder_each(zips, must_be_refused, NULL), 98);
    assert_int_equal(folder_each(made, must_be_refused, NULL), 62);
    folder_each(made, must_be_refused_with_a_picture, &n_poses);
    assert_int_equal(n_poses, 5);
    free(made);
    free(zips);
}

/* Any refusal will do: libzip takes some of its own failed allocations for a broken archive. */
static enum status decode_once(void *context, struct error *err)
{
    const struct buffer *zip = context;
    struct views views;
    const struct views_options half = {.factor = 2};
    enum status status = views_zip_decode(zip->data, zip->size, &half, &views, NULL);
    if (status != STATUS_OK)
        return error_status(err, STATUS_NO_MEMORY);
    const bool is_whole = views.n_views == 2;
    views_deinit(&views);
    return is_whole ? STATUS_OK : error_status(err, STATUS_INTERNAL);
}

static void views_survive_every_failing_allocation(void **state)
{
    (void)state;
    static const char *const paths[] = {"a", "b"};
    struct small_scene s;
    small_scene_init(&s);
    add_transforms(&s, "transforms.json", 2, paths, "");
    small_scene_picture(&s, "a.png", 4, 2, 3);
    small_scene_picture(&s, "b.jpg", 4, 2, 1);
    struct buffer zip = small_scene_zip(&s);
    assert_true(alloc_fail_each(decode_once, &zip) > 30);
    buffer_deinit(&zip);
    small_scene_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blender_scene_has_its_three_splits),
        cmocka_unit_test(a_scene_is_found_in_any_folder_and_its_paths_are_made_plain),
        cmocka_unit_test(what_is_odd_is_warned_of),
        cmocka_unit_test(a_long_path_is_cut_between_characters),
        cmocka_unit_test(decoding_makes_views_smaller_and_their_cameras_with_them),
        cmocka_unit_test(scenes_that_cannot_be_are_refused),
        cmocka_unit_test(frames_of_all_files_together_are_held_against_the_limit),
        cmocka_unit_test(pixels_of_all_views_together_are_held_against_the_limit),
        cmocka_unit_test(an_archive_cut_at_any_byte_is_refused),
        cmocka_unit_test(fox_is_read_a_quarter_of_its_size),
        cmocka_unit_test(lego_is_read_with_its_test_views),
        cmocka_unit_test(broken_files_of_others_are_refused),
        cmocka_unit_test(views_survive_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
