/*
 * Files of others: PngSuite, and files that once broke a PNG decoder.  What our decoder makes of
 * the valid ones is compared with tests/core/format/png_reference.py, which shares no code with
 * libpng.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/png.h"
#include "tests/support/data_files.h"
#include "tests/support/python.h"

static void must_be_refused(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    (void)context;
    struct image image = {0};
    struct error err = {.status = STATUS_OK};
    struct image_facts facts;
    if (png_decode(bytes, n, &image, NULL, &err) != STATUS_INVALID ||
        png_check(bytes, n, &facts, NULL) != STATUS_INVALID)
        fail_msg("%s was not refused", name);
    assert_null(image.samples);
    assert_true(err.message[0] != '\0');
}

static void png_refuses_every_corrupt_file_of_pngsuite(void **state)
{
    (void)state;
    char *folder = data_path("bad/pngsuite/corrupt");
    if (!folder)
        skip();
    assert_int_equal(folder_each(folder, must_be_refused, NULL), 14);
    free(folder);
}

static void must_be_taken(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    (void)context;
    struct image image = {0};
    struct image_facts facts = {0};
    unsigned bits = 0;
    if (png_decode(bytes, n, &image, &bits, NULL) != STATUS_OK ||
        png_check(bytes, n, &facts, NULL) != STATUS_OK)
        fail_msg("%s was refused", name);
    assert_int_equal(facts.width, image.width);
    assert_int_equal(facts.height, image.height);
    assert_int_equal(facts.channels, image.channels);
    assert_int_equal(facts.bits_per_channel, bits);
    image_deinit(&image);
}

static void png_takes_every_valid_file_of_pngsuite(void **state)
{
    (void)state;
    char *folder = data_path("bad/pngsuite/valid");
    if (!folder)
        skip();
    assert_int_equal(folder_each(folder, must_be_taken, NULL), 161);
    free(folder);
}

/* Names that begin with x_ are broken.  The others are valid but odd; cicp_pq and issue_430 have
 * remarks with wrong checksums, which are whole otherwise. */
static void must_end_as_named(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    if (strncmp(name, "x_", 2) == 0)
        must_be_refused(context, name, bytes, n);
    else
        must_be_taken(context, name, bytes, n);
}

static void png_takes_odd_files_and_refuses_broken_ones(void **state)
{
    (void)state;
    char *folder = data_path("bad/png_bugs");
    if (!folder)
        skip();
    assert_int_equal(folder_each(folder, must_end_as_named, NULL), 19);
    free(folder);
}

static void png_refuses_files_made_broken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum status status;
    } files[] = {
        {"bad/made/empty.png", STATUS_INVALID},
        {"bad/made/png_cut.png", STATUS_INVALID},
        {"bad/made/png_size_2147483647_bad_crc.png", STATUS_TOO_LARGE},
        {"bad/made/png_size_2147483647_good_crc.png", STATUS_TOO_LARGE},
        {"bad/made/png_zeroed_bytes.png", STATUS_INVALID},
        {"bad/made/wrong_extension_good_jpeg.png", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n;
        struct image image = {0};
        char *path = data_path(files[i].name);
        if (!path)
            skip();
        uint8_t *bytes = file_read(path, &n);
        if (png_decode(bytes, n, &image, NULL, NULL) != files[i].status)
            fail_msg("%s did not end as expected", files[i].name);
        assert_null(image.samples);
        free(bytes);
        free(path);
    }
}

/* --- comparison with the other decoder --- */

static void dump_values(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct image image;
    if (png_decode(bytes, n, &image, NULL, NULL) != STATUS_OK)
        fail_msg("%s was refused", name);
    uint32_t shape[] = {(uint32_t)image.width, (uint32_t)image.height, (uint32_t)image.channels};
    const size_t n_all = image.width * image.height * image.channels;
    const size_t n_values = n_all * sizeof(float);
    uint8_t *dump = malloc(sizeof shape + n_values);
    char *path;
    assert_non_null(dump);
    memcpy(dump, shape, sizeof shape);
    image_read(&image, 0, n_all, (float *)(dump + sizeof shape));
    assert_true(asprintf(&path, "%s/%s.f32", (const char *)context, name) > 0);
    file_write(path, dump, sizeof shape + n_values);
    free(path);
    free(dump);
    image_deinit(&image);
}

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *place)
{
    (void)s;
    (void)type;
    (void)place;
    return remove(path);
}

static void png_gives_the_values_that_another_decoder_gives(void **state)
{
    (void)state;
    char *folder = data_path("bad/pngsuite/valid");
    if (!folder || !python_has_numpy()) {
        free(folder);
        skip();
    }
    const char *tmp = getenv("TMPDIR");
    char *dumps;
    assert_true(asprintf(&dumps, "%s/farfield-png-XXXXXX", tmp ? tmp : "/tmp") > 0);
    assert_non_null(mkdtemp(dumps));
    assert_int_equal(folder_each(folder, dump_values, dumps), 161);
    const char *const compare[] = {"tests/core/format/png_reference.py", folder, dumps, NULL};
    int result = python_run(compare);
    nftw(dumps, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(result, 0);
    free(dumps);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_takes_every_valid_file_of_pngsuite),
        cmocka_unit_test(png_refuses_every_corrupt_file_of_pngsuite),
        cmocka_unit_test(png_takes_odd_files_and_refuses_broken_ones),
        cmocka_unit_test(png_refuses_files_made_broken),
        cmocka_unit_test(png_gives_the_values_that_another_decoder_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
