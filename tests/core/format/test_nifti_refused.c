/* What nifti_check and nifti_decode do not read, and what they say of it. */
#include "core/format/nifti.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/data_files.h"
#include "tests/support/volume_files.h"

enum { MAX_BYTES = 1 << 20, X = NIFTI_RAMP_X, N = NIFTI_RAMP_N };

static struct volume_facts check(const struct buffer *file)
{
    struct volume_facts facts;
    struct error err = {0};
    if (nifti_check(file->data, file->size, &facts, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return facts;
}

static void expect_refused(const struct buffer *file, enum status expected, const char *words)
{
    struct volume v = {0};
    struct volume_facts facts;
    struct error err[2] = {{0}};
    assert_int_equal(nifti_decode(file->data, file->size, &v, &err[0]), expected);
    assert_int_equal(nifti_check(file->data, file->size, &facts, &err[1]), expected);
    assert_null(v.samples);
    assert_string_equal(err[0].message, err[1].message);
    if (!strstr(err[0].message, words))
        fail_msg("'%s' does not say '%s'", err[0].message, words);
}

static const struct nifti_datatype f32 = {16, NUMBER_F32}, u8 = {2, NUMBER_U8};

static void nifti_does_not_unpack_what_no_header_counts(void **state)
{
    (void)state;
    enum { FAR_MORE = 8 << 20 };
    struct buffer plain, file;
    uint8_t *zeros = calloc(FAR_MORE, 1);
    assert_non_null(zeros);
    nifti_ramp(&plain, false, u8, 0, 1);
    buffer_init(&file, MAX_BYTES);
    gzip_append(&file, plain.data, plain.size);
    gzip_append(&file, zeros, 1000);
    assert_int_equal(check(&file).width, X); /* padding */
    gzip_append(&file, zeros, FAR_MORE);
    expect_refused(&file, STATUS_INVALID, "goes on behind");
    free(zeros);
    buffer_deinit(&plain);
    buffer_deinit(&file);
}

struct edit {
    size_t at;
    enum number_type type;
    double value;
    enum status expected;
    const char *words;
};

static void nifti_refuses_what_it_does_not_read(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {0, NUMBER_I32, 540, STATUS_UNSUPPORTED, "NIfTI-2"},
        {0, NUMBER_I32, 349, STATUS_INVALID, "does not begin"},
        {344, NUMBER_U8, 'x', STATUS_UNSUPPORTED, "Analyze"},
        {345, NUMBER_U8, '2', STATUS_UNSUPPORTED, "Analyze"},
        {40, NUMBER_I16, 0, STATUS_INVALID, "dimensions"},
        {40, NUMBER_I16, 8, STATUS_INVALID, "dimensions"},
        {42, NUMBER_I16, 0, STATUS_INVALID, "dimension 1"},
        {46, NUMBER_I16, -4, STATUS_INVALID, "dimension 3"},
        {46, NUMBER_I16, 32767, STATUS_INVALID, "needs"},
        {70, NUMBER_I16, 32, STATUS_UNSUPPORTED, "complex"},
        {70, NUMBER_I16, 128, STATUS_UNSUPPORTED, "RGB"},
        {70, NUMBER_I16, 2304, STATUS_UNSUPPORTED, "RGBA"},
        {70, NUMBER_I16, 1536, STATUS_UNSUPPORTED, "128-bit"},
        {70, NUMBER_I16, 1, STATUS_UNSUPPORTED, "bits"},
        {70, NUMBER_I16, 3, STATUS_INVALID, "datatype 3"},
        {70, NUMBER_I16, 4, STATUS_INVALID, "needs 48 bytes of data, the file has 24"},
        {108, NUMBER_F32, 348, STATUS_INVALID, "vox_offset"},
        {108, NUMBER_F32, 353, STATUS_INVALID, "needs 24 bytes of data, the file has 23"},
        {108, NUMBER_F32, 352.5, STATUS_INVALID, "vox_offset"},
        {108, NUMBER_F32, 1e9, STATUS_INVALID, "vox_offset"},
        {108, NUMBER_F32, NAN, STATUS_INVALID, "vox_offset"},
        {108, NUMBER_F32, 10000, STATUS_INVALID, "before its data"},
    };
    for (int big_endian = 0; big_endian < 2; big_endian++)
        for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
            struct buffer file;
            nifti_ramp(&file, big_endian, u8, 0, 1);
            assert_int_equal(check(&file).width, X);
            put_number(file.data + edits[i].at, edits[i].type, big_endian, edits[i].value);
            expect_refused(&file, edits[i].expected, edits[i].words);
            buffer_deinit(&file);
        }
    struct buffer file;
    nifti_ramp(&file, false, u8, 0, 1);
    memcpy(file.data + 344, "ni1", 4);
    expect_refused(&file, STATUS_UNSUPPORTED, "pair");
    memcpy(file.data + 344, "n+1", 4);
    put_number(file.data + 112, NUMBER_F32, false, 2);
    put_number(file.data + 116, NUMBER_F32, false, INFINITY);
    expect_refused(&file, STATUS_INVALID, "scl_inter");
    for (size_t n = 0; n < NIFTI_DATA + N; n += n < 340 ? 17 : 1) {
        const struct buffer cut = {.data = file.data, .size = n};
        expect_refused(&cut, STATUS_INVALID, "");
    }
    buffer_deinit(&file);
}

static void nifti_refuses_more_than_four_channels_and_too_many_voxels(void **state)
{
    (void)state;
    static const struct {
        size_t n_dims, size[7];
        enum status expected;
        const char *words;
    } cases[] = {
        {4, {2, 2, 2, 5}, STATUS_UNSUPPORTED, "has 5 x 1 x 1 x 1 of them"},
        {5, {2, 2, 2, 2, 2}, STATUS_UNSUPPORTED, "choose"},
        {6, {2, 2, 2, 1, 1, 2}, STATUS_UNSUPPORTED, "choose"},
        {7, {2, 2, 2, 1, 1, 1, 2}, STATUS_UNSUPPORTED, "choose"},
        {3, {32767, 32767, 32767}, STATUS_TOO_LARGE, "limit"},
        {3, {1024, 1024, 129}, STATUS_TOO_LARGE, "limit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        buffer_init(&file, MAX_BYTES);
        nifti_make(&file, false, 2, cases[i].n_dims, cases[i].size, 64);
        expect_refused(&file, cases[i].expected, cases[i].words);
        buffer_deinit(&file);
    }
    /* fewer than three are a flat volume */
    struct buffer file;
    const size_t flat[] = {5, 4};
    buffer_init(&file, MAX_BYTES);
    nifti_make(&file, false, 2, 2, flat, 20);
    assert_int_equal(check(&file).depth, 1);
    buffer_deinit(&file);
}

static void nifti_refuses_numbers_that_are_not_finite(void **state)
{
    (void)state;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++)
        for (size_t t = 0; t < 2; t++) {
            const struct nifti_datatype type = t ? f32 : (struct nifti_datatype){64, NUMBER_F64};
            struct buffer file;
            nifti_ramp(&file, false, type, 0, 1);
            put_number(file.data + NIFTI_DATA + 17 * number_size(type.type), type.type, false,
                       bad[i]);
            expect_refused(&file, STATUS_INVALID, "value 17 of the volume is not finite");
            buffer_deinit(&file);
        }
    struct buffer file;
    nifti_ramp(&file, false, (struct nifti_datatype){64, NUMBER_F64}, 0, 1);
    put_number(file.data + NIFTI_DATA + 16, NUMBER_F64, false, -1.7e308);
    put_number(file.data + NIFTI_DATA + 80, NUMBER_F64, false, 1.7e308);
    expect_refused(&file, STATUS_INVALID, "too far apart");
    buffer_deinit(&file);
}

static void refuse_file(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    size_t *n_refused = context;
    struct volume_facts facts;
    if (strncmp(name, "nifti_", 6) != 0 && strncmp(name, "empty.nii", 9) != 0)
        return;
    const enum status status = nifti_check(bytes, n, &facts, NULL);
    if (status != STATUS_INVALID && status != STATUS_TOO_LARGE && status != STATUS_UNSUPPORTED)
        fail_msg("%s: %s", name, status_name(status));
    ++*n_refused;
}

static void nifti_refuses_bad_files(void **state)
{
    (void)state;
    char *path = data_path("bad/made");
    size_t n = 0;
    if (!path)
        skip();
    folder_each(path, refuse_file, &n);
    assert_int_equal(n, 9);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nifti_does_not_unpack_what_no_header_counts),
        cmocka_unit_test(nifti_refuses_what_it_does_not_read),
        cmocka_unit_test(nifti_refuses_more_than_four_channels_and_too_many_voxels),
        cmocka_unit_test(nifti_refuses_numbers_that_are_not_finite),
        cmocka_unit_test(nifti_refuses_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
