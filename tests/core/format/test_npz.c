#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zip.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/format/npy.h"
#include "tests/core/format/npz_members.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"
#include "tests/support/libzip_leaks.h"

enum { MAX_BYTES = 1 << 20 };

LIBZIP_LEAKS("leak:zip_fopen_index_encrypted\nleak:zip_close\n")

static const float some_values[] = {0.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f};

static void make_file(struct buffer *file)
{
    const struct npz_entry entries[] = {
        {"color", some_values, 2, {2, 3}},
        {"depth", some_values, 1, {4}},
        {"focal", some_values + 5, 0, {0}},
    };
    buffer_init(file, MAX_BYTES);
    assert_int_equal(npz_encode(entries, 3, file, NULL), STATUS_OK);
}

/* An archive by libzip itself: n members of `size` zeros, named by format. */
static uint8_t *make_zip(size_t n_members, const char *format, size_t size, zip_int32_t method,
                         size_t *n)
{
    zip_error_t e;
    zip_stat_t s;
    uint8_t *zeros = calloc(1, size ? size : 1);
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &e);
    assert_non_null(archive);
    zip_source_keep(archive);
    zip_t *zip = zip_open_from_source(archive, ZIP_CREATE | ZIP_TRUNCATE, &e);
    assert_non_null(zip);
    for (size_t i = 0; i < n_members; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%zu.npy", format, i);
        zip_int64_t index = zip_file_add(zip, name, zip_source_buffer(zip, zeros, size, 0), 0);
        assert_true(index >= 0);
        assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, method, 9), 0);
    }
    assert_int_equal(zip_close(zip), 0);
    assert_int_equal(zip_source_stat(archive, &s), 0);
    assert_int_equal(zip_source_open(archive), 0);
    *n = s.size;
    uint8_t *bytes = malloc(*n);
    assert_int_equal(zip_source_read(archive, bytes, *n), *n);
    zip_source_close(archive);
    zip_source_free(archive);
    free(zeros);
    return bytes;
}

static void npz_encodes_what_it_reads_back(void **state)
{
    (void)state;
    static const size_t n_elements[] = {6, 4, 1};
    struct buffer file;
    struct npz *z;
    make_file(&file);
    assert_int_equal(npz_open(&z, file.data, file.size, NULL), STATUS_OK);
    assert_int_equal(npz_n_members(z), 3);
    assert_string_equal(npz_member_name(z, 1), "depth");
    for (size_t i = 0; i < 3; i++) {
        uint8_t *storage = NULL;
        struct npy_array a;
        float values[6];
        assert_int_equal(npz_read(z, npz_member_name(z, i), &storage, &a, NULL), STATUS_OK);
        assert_int_equal(a.n_elements, n_elements[i]);
        assert_int_equal(npy_to_floats(&a, values, NULL), STATUS_OK);
        assert_true(values[0] == (i == 2 ? 5.5f : 0.5f));
        mem_free(storage);
    }
    uint8_t *storage = NULL;
    struct npy_array a;
    assert_int_equal(npz_read(z, "normal", &storage, &a, NULL), STATUS_NOT_FOUND);
    assert_null(storage);
    npz_close(z);
    buffer_deinit(&file);
}

static void npz_gives_the_same_bytes_for_the_same_arrays(void **state)
{
    (void)state;
    struct buffer first, second;
    make_file(&first);
    make_file(&second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    buffer_deinit(&first);
    buffer_deinit(&second);
}

static void npz_refuses_archives_past_its_limits(void **state)
{
    (void)state;
    size_t n;
    struct npz *z;
    uint8_t *bytes = make_zip(LIMIT_ARCHIVE_MEMBERS + 1, "m", 0, ZIP_CM_STORE, &n);
    assert_int_equal(npz_open(&z, bytes, n, NULL), STATUS_TOO_LARGE);
    free(bytes);
    bytes = make_zip(3 * LIMIT_ARCHIVE_MEMBERS, "m", 0, ZIP_CM_STORE, &n);
    assert_int_equal(npz_open(&z, bytes, n, NULL), STATUS_TOO_LARGE);
    free(bytes);
    bytes = make_zip(LIMIT_ARCHIVE_MEMBERS, "m", 0, ZIP_CM_STORE, &n);
    assert_int_equal(npz_open(&z, bytes, n, NULL), STATUS_OK);
    npz_close(z);
    free(bytes);
    bytes = make_zip(1, "bomb", 4 << 20, ZIP_CM_DEFLATE, &n); /* a ratio of about 1,000 */
    assert_true(n < (4 << 20) / LIMIT_ARCHIVE_RATIO);
    assert_int_equal(npz_open(&z, bytes, n, NULL), STATUS_TOO_LARGE);
    free(bytes);
    static const uint8_t empty[22] = {'P', 'K', 5, 6};
    assert_int_equal(npz_open(&z, empty, sizeof empty, NULL), STATUS_INVALID);
}

static void npz_refuses_two_members_of_one_name(void **state)
{
    (void)state;
    struct buffer file;
    struct npz *z;
    const struct npz_entry entries[] = {
        {"a", some_values, 1, {1}},
        {"b", some_values, 1, {1}},
    };
    buffer_init(&file, MAX_BYTES);
    assert_int_equal(npz_encode(entries, 2, &file, NULL), STATUS_OK);
    for (size_t i = 0; i + 5 <= file.size; i++) /* in the local headers and in the directory */
        if (memcmp(file.data + i, "b.npy", 5) == 0)
            file.data[i] = 'a';
    assert_int_equal(npz_open(&z, file.data, file.size, NULL), STATUS_INVALID);
    buffer_deinit(&file);
}

static void npz_rejects_a_file_cut_at_any_byte(void **state)
{
    (void)state;
    struct buffer file;
    make_file(&file);
    for (size_t n = 0; n < file.size; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, file.data, n);
        assert_int_equal(npz_read_all(cut, n, NULL), STATUS_INVALID);
        free(cut);
    }
    buffer_deinit(&file);
}

static void npz_notices_a_change_of_any_byte_of_an_array(void **state)
{
    (void)state;
    struct buffer file;
    make_file(&file);
    for (size_t i = 0; i < file.size; i++) {
        struct error err = {.status = STATUS_OK};
        file.data[i] ^= 0x20;
        enum status status = npz_read_all(file.data, file.size, &err);
        assert_int_equal(status, err.status);
        if (i >= 39 && i < 39 + 128 + 24) /* the first member, behind its local header */
            assert_int_not_equal(status, STATUS_OK);
        file.data[i] ^= 0x20;
    }
    buffer_deinit(&file);
}

/* What of the real files is an NPZ that opens and reads to the end. */
static void must_end_as_named(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    static const struct {
        const char *name;
        enum status status;
    } files[] = {
        {"empty.npz", STATUS_INVALID},
        {"npz_cut.npz", STATUS_INVALID},
        {"npz_flipped_bytes.npz", STATUS_INVALID},
        {"npz_view_count_mismatch.npz", STATUS_OK},
        {"npz_zero_focal_singular_poses.npz", STATUS_OK},
        {"py2-objarr.npz", STATUS_UNSUPPORTED},
        {"py3-objarr.npz", STATUS_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].name, name) == 0) {
            ++*(size_t *)context;
            enum status status = npz_read_all(bytes, n, NULL);
            if (status != files[i].status)
                fail_msg("%s: '%s'", name, status_name(status));
        }
}

/* None of them holds arrays. */
static void must_be_refused(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    (void)context;
    struct error err = {.status = STATUS_OK};
    if (npz_read_all(bytes, n, &err) == STATUS_OK || err.message[0] == '\0')
        fail_msg("%s was not refused", name);
    if (strncmp(name, "encrypt-aes", 11) == 0)
        assert_int_equal(err.status, STATUS_UNSUPPORTED);
}

static void npz_ends_as_expected_on_files_of_others(void **state)
{
    (void)state;
    size_t n_known = 0;
    char *made = data_path("bad/made"), *objects = data_path("bad/npy"),
         *zips = data_path("bad/zip");
    if (made && objects && zips) {
        folder_each(made, must_end_as_named, &n_known);
        folder_each(objects, must_end_as_named, &n_known);
        assert_int_equal(n_known, 7);
        assert_int_equal(folder_each(zips, must_be_refused, NULL), 98);
    }
    free(made);
    free(objects);
    free(zips);
    if (n_known == 0)
        skip();
}

/* Any refusal will do: libzip takes some of its own failed allocations for a broken archive. */
static enum status decode_once(void *context, struct error *err)
{
    const struct buffer *file = context;
    enum status status = npz_read_all(file->data, file->size, NULL);
    return status == STATUS_OK ? status : error_status(err, STATUS_NO_MEMORY);
}

static enum status encode_once(void *context, struct error *err)
{
    (void)context;
    const struct npz_entry entry = {"a", some_values, 2, {2, 3}};
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    enum status status = npz_encode(&entry, 1, &file, err);
    buffer_deinit(&file);
    return status;
}

static void npz_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct buffer file;
    make_file(&file);
    assert_true(alloc_fail_each(decode_once, &file) > 10);
    assert_true(alloc_fail_each(encode_once, NULL) > 10);
    buffer_deinit(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npz_encodes_what_it_reads_back),
        cmocka_unit_test(npz_gives_the_same_bytes_for_the_same_arrays),
        cmocka_unit_test(npz_refuses_archives_past_its_limits),
        cmocka_unit_test(npz_refuses_two_members_of_one_name),
        cmocka_unit_test(npz_rejects_a_file_cut_at_any_byte),
        cmocka_unit_test(npz_notices_a_change_of_any_byte_of_an_array),
        cmocka_unit_test(npz_ends_as_expected_on_files_of_others),
        cmocka_unit_test(npz_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
