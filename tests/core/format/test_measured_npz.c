/* Sinograms and k-spaces from NPZ archives, good and bad. */
#include "core/format/measured_npz.h"

#include <math.h>
#include <string.h>
#include <zip.h>

#include "core/base/buffer.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/npy.h"
#include "tests/support/alloc.h"
#include "tests/support/libzip_leaks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

LIBZIP_LEAKS("leak:zip_fopen_index_encrypted\n")

/* A member: its numbers come as floats and are written as descr says. */
struct member {
    const char *name, *descr; /* "<f4", "<c8" (pairs), "|b1", "<f8" */
    const float *numbers;
    size_t n_dims, shape[3];
};

static size_t n_of(const struct member *m)
{
    size_t n = 1;
    for (size_t d = 0; d < m->n_dims; d++)
        n *= m->shape[d];
    return n;
}

static void append(struct buffer *out, const void *bytes, size_t n)
{
    assert_int_equal(buffer_append(out, bytes, n, NULL), STATUS_OK);
}

static void write_member(const struct member *m, struct buffer *out)
{
    const size_t n = n_of(m);
    buffer_init(out, 1 << 20);
    assert_int_equal(npy_encode_header(m->shape, m->n_dims, out, NULL), STATUS_OK);
    char *descr = memmem(out->data, out->size, "<f4", 3);
    assert_non_null(descr);
    memcpy(descr, m->descr, 3);
    if (strcmp(m->descr, "<c8") == 0)
        append(out, m->numbers, 2 * n * sizeof(float));
    else if (strcmp(m->descr, "<f4") == 0)
        append(out, m->numbers, n * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        const uint8_t byte = m->numbers[i] != 0.0f;
        const double number = (double)m->numbers[i];
        if (strcmp(m->descr, "|b1") == 0)
            append(out, &byte, 1);
        else if (strcmp(m->descr, "<f8") == 0)
            append(out, &number, sizeof number);
    }
}

static void write_archive(const struct member *members, size_t n, struct buffer *out)
{
    struct buffer npy[4];
    zip_error_t e;
    zip_stat_t stat;
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &e);
    assert_non_null(archive);
    zip_source_keep(archive);
    zip_t *zip = zip_open_from_source(archive, ZIP_CREATE | ZIP_TRUNCATE, &e);
    assert_non_null(zip);
    assert_true(n <= 4);
    for (size_t i = 0; i < n; i++) {
        write_member(&members[i], &npy[i]);
        zip_source_t *source = zip_source_buffer(zip, npy[i].data, npy[i].size, 0);
        assert_true(zip_file_add(zip, members[i].name, source, 0) >= 0);
    }
    assert_int_equal(zip_close(zip), 0);
    assert_int_equal(zip_source_stat(archive, &stat), 0);
    uint8_t *place;
    buffer_init(out, 1 << 20);
    assert_int_equal(buffer_extend(out, stat.size, &place, NULL), STATUS_OK);
    assert_int_equal(zip_source_open(archive), 0);
    assert_int_equal(zip_source_read(archive, place, stat.size), stat.size);
    zip_source_close(archive);
    zip_source_free(archive);
    for (size_t i = 0; i < n; i++)
        buffer_deinit(&npy[i]);
}

static const float numbers[] = {0.5f, -1.5f, 2.0f, 3.25f, -4.0f, 5.0f, 6.5f, 7.0f,
                                8.0f, 9.0f,  1.0f, 2.0f,  3.0f,  4.0f, 5.0f, 6.0f};
static const float ones[] = {1, 0, 1, 1, 0, 1, 0, 0}, zeros[8];
static const float odd[] = {1, 0, 2, 1, 0, 1, 0, 0}, infinite[] = {1, INFINITY, 0, 1, 2, 3, 4, 5};

static void a_sinogram_is_its_rows_and_their_angles(void **state)
{
    (void)state;
    const struct member members[] = {
        {"sinogram.npy", "<f8", numbers, 2, {3, 4}},
        {"angles.npy", "<f8", numbers, 1, {3}},
        {"more.npy", "<f4", numbers, 1, {5}},
    };
    struct buffer file;
    struct sinogram s;
    write_archive(members, 3, &file);
    assert_int_equal(sinogram_decode_npz(file.data, file.size, &s, NULL), STATUS_OK);
    assert_int_equal(s.n_angles, 3);
    assert_int_equal(s.width, 4);
    assert_memory_equal(s.values, numbers, 12 * sizeof *numbers);
    for (size_t i = 0; i < 3; i++)
        assert_true(s.angles[i] == (double)numbers[i]);
    sinogram_deinit(&s);
    buffer_deinit(&file);
}

static void a_kspace_is_complex_numbers_and_a_mask(void **state)
{
    (void)state;
    const struct member members[] = {
        {"kspace.npy", "<c8", numbers, 3, {2, 2, 2}},
        {"mask.npy", "|b1", ones, 3, {2, 2, 2}},
    };
    struct buffer file;
    struct kspace k;
    write_archive(members, 2, &file);
    assert_int_equal(kspace_decode_npz(file.data, file.size, &k, NULL), STATUS_OK);
    assert_true(k.width == 2 && k.height == 2 && k.depth == 2);
    assert_memory_equal(k.samples, numbers, 16 * sizeof *numbers);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(k.mask[i], ones[i] != 0.0f);
    kspace_deinit(&k);
    buffer_deinit(&file);
}

static void a_kspace_of_a_picture_may_be_real(void **state)
{
    (void)state;
    const struct member members[] = {
        {"kspace.npy", "<f4", numbers, 2, {2, 4}},
        {"mask.npy", "<f4", ones, 2, {2, 4}},
    };
    struct buffer file;
    struct kspace k;
    write_archive(members, 2, &file);
    assert_int_equal(kspace_decode_npz(file.data, file.size, &k, NULL), STATUS_OK);
    assert_true(k.width == 4 && k.height == 2 && k.depth == 1);
    for (size_t i = 0; i < 8; i++)
        assert_true(k.samples[2 * i] == numbers[i] && k.samples[2 * i + 1] == 0.0f);
    kspace_deinit(&k);
    buffer_deinit(&file);
}

static void what_is_no_measurement_is_refused(void **state)
{
    (void)state;
    const struct {
        bool is_kspace;
        struct member members[2];
        enum status status;
        const char *words; /* in the message */
    } cases[] = {
        {false,
         {{"sinogram.npy", "<f4", numbers, 2, {3, 4}}, {"x.npy", "<f4", numbers, 1, {3}}},
         STATUS_INVALID,
         "no member 'angles'"},
        {false,
         {{"a.npy", "<f4", numbers, 2, {3, 4}}, {"angles.npy", "<f4", numbers, 1, {3}}},
         STATUS_INVALID,
         "no member 'sinogram'"},
        {false,
         {{"sinogram.npy", "<f4", numbers, 1, {12}}, {"angles.npy", "<f4", numbers, 1, {3}}},
         STATUS_INVALID,
         "must be an array [angles, columns]"},
        {false,
         {{"sinogram.npy", "<f4", numbers, 2, {3, 0}}, {"angles.npy", "<f4", numbers, 1, {3}}},
         STATUS_INVALID,
         "not empty"},
        {false,
         {{"sinogram.npy", "<f4", numbers, 2, {3, 4}}, {"angles.npy", "<f4", numbers, 1, {4}}},
         STATUS_INVALID,
         "one for each row"},
        {false,
         {{"sinogram.npy", "<f4", infinite, 2, {2, 2}}, {"angles.npy", "<f4", numbers, 1, {2}}},
         STATUS_INVALID,
         "'sinogram': value 1"},
        {false,
         {{"sinogram.npy", "<f4", numbers, 2, {2, 2}}, {"angles.npy", "<f8", infinite, 1, {2}}},
         STATUS_INVALID,
         "'angles': value 1"},
        {false,
         {{"sinogram.npy", "<c8", numbers, 2, {2, 2}}, {"angles.npy", "<f8", numbers, 1, {2}}},
         STATUS_UNSUPPORTED,
         "complex"},
        {true,
         {{"kspace.npy", "<c8", numbers, 2, {2, 4}}, {"x.npy", "|b1", ones, 2, {2, 4}}},
         STATUS_INVALID,
         "no member 'mask'"},
        {true,
         {{"x.npy", "<c8", numbers, 2, {2, 4}}, {"mask.npy", "|b1", ones, 2, {2, 4}}},
         STATUS_INVALID,
         "no member 'kspace'"},
        {true,
         {{"kspace.npy", "<c8", numbers, 2, {2, 4}}, {"mask.npy", "|b1", ones, 2, {4, 2}}},
         STATUS_INVALID,
         "the same shape"},
        {true,
         {{"kspace.npy", "<c8", numbers, 3, {2, 2, 2}}, {"mask.npy", "|b1", ones, 2, {2, 4}}},
         STATUS_INVALID,
         "the same shape"},
        {true,
         {{"kspace.npy", "<c8", numbers, 1, {8}}, {"mask.npy", "|b1", ones, 1, {8}}},
         STATUS_INVALID,
         "must be an array [H,W] or [D,H,W]"},
        {true,
         {{"kspace.npy", "<c8", numbers, 2, {2, 4}}, {"mask.npy", "|b1", zeros, 2, {2, 4}}},
         STATUS_INVALID,
         "nothing was measured"},
        {true,
         {{"kspace.npy", "<c8", numbers, 2, {2, 4}}, {"mask.npy", "<f4", odd, 2, {2, 4}}},
         STATUS_INVALID,
         "value 2 is 2"},
        {true,
         {{"kspace.npy", "<c8", infinite, 2, {2, 2}}, {"mask.npy", "|b1", ones, 2, {2, 2}}},
         STATUS_INVALID,
         "'kspace': value 0"},
        {true,
         {{"kspace.npy", "<c8", numbers, 2, {2, 4}}, {"mask.npy", "<c8", numbers, 2, {2, 4}}},
         STATUS_UNSUPPORTED,
         "'mask'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        struct sinogram s = {0};
        struct kspace k = {0};
        struct error err = {0};
        write_archive(cases[i].members, 2, &file);
        const enum status status = cases[i].is_kspace
                                       ? kspace_decode_npz(file.data, file.size, &k, &err)
                                       : sinogram_decode_npz(file.data, file.size, &s, &err);
        assert_int_equal(status, cases[i].status);
        assert_non_null(strstr(err.message, cases[i].words));
        assert_null(s.values);
        assert_null(k.samples);
        buffer_deinit(&file);
    }
    struct sinogram s;
    assert_int_equal(sinogram_decode_npz((const uint8_t *)"nothing", 7, &s, NULL), STATUS_INVALID);
}

/* More angles than the limit; fewer numbers, but a picture that is too large. */
static void sizes_past_the_limits_are_refused(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{LIMIT_ANGLES + 1, 2}, {1, 4097}};
    float *many = mem_alloc_floats(2UL * (LIMIT_ANGLES + 1));
    for (size_t i = 0; i < 2; i++) {
        const struct member members[] = {
            {"sinogram.npy", "<f4", many, 2, {shapes[i][0], shapes[i][1]}},
            {"angles.npy", "<f4", many, 1, {shapes[i][0]}},
        };
        struct buffer file;
        struct sinogram s;
        write_archive(members, 2, &file);
        assert_int_equal(sinogram_decode_npz(file.data, file.size, &s, NULL), STATUS_TOO_LARGE);
        buffer_deinit(&file);
    }
    mem_free(many);
}

/* Any refusal will do: libzip takes some of its own failed allocations for a broken archive. */
static enum status decode_sinogram(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct sinogram s = {0};
    enum status status = sinogram_decode_npz(file->data, file->size, &s, NULL);
    sinogram_deinit(&s);
    return status == STATUS_OK ? status : error_status(err, STATUS_NO_MEMORY);
}

static enum status decode_kspace(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct kspace k = {0};
    enum status status = kspace_decode_npz(file->data, file->size, &k, NULL);
    kspace_deinit(&k);
    return status == STATUS_OK ? status : error_status(err, STATUS_NO_MEMORY);
}

static void decoding_survives_each_failed_allocation(void **state)
{
    (void)state;
    const struct npz_entry entries[2][2] = {
        {{"sinogram", numbers, 2, {3, 4}}, {"angles", numbers, 1, {3}}},
        {{"kspace", numbers, 2, {2, 4}}, {"mask", ones, 2, {2, 4}}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct buffer file;
        buffer_init(&file, 1 << 20);
        assert_int_equal(npz_encode(entries[i], 2, &file, NULL), STATUS_OK);
        assert_true(alloc_fail_each(i ? decode_kspace : decode_sinogram, &file) > 20);
        buffer_deinit(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sinogram_is_its_rows_and_their_angles),
        cmocka_unit_test(a_kspace_is_complex_numbers_and_a_mask),
        cmocka_unit_test(a_kspace_of_a_picture_may_be_real),
        cmocka_unit_test(what_is_no_measurement_is_refused),
        cmocka_unit_test(sizes_past_the_limits_are_refused),
        cmocka_unit_test(decoding_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
