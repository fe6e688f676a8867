#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/format/npy.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"

enum { MAX_BYTES = 1 << 20 };

/* A file of a given version, header text and data, in memory of exactly its size. */
static uint8_t *make_file(unsigned version, const char *header, const void *data, size_t n_data,
                          size_t *n)
{
    size_t n_header = strlen(header), start = version == 1 ? 10 : 12;
    *n = start + n_header + n_data;
    uint8_t *bytes = malloc(*n);
    assert_non_null(bytes);
    memcpy(bytes, "\x93NUMPY\0\0\0\0\0\0", start);
    bytes[6] = (uint8_t)version;
    bytes[8] = (uint8_t)n_header;
    bytes[9] = (uint8_t)(n_header >> 8);
    memcpy(bytes + start, header, n_header);
    memcpy(bytes + start + n_header, data, n_data);
    return bytes;
}

static void npy_reads_every_header_that_python_would(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        const char *header;
        size_t n_dims, first;
        bool fortran_order;
    } cases[] = {
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", 2, 2, false},
        {2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", 2, 2, false},
        {3, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", 2, 2, false},
        {1, "{\"shape\":(2,),\"fortran_order\":True,\"descr\":\"<f4\"}", 1, 2, true},
        {1, " { 'shape' : ( 1 , 2 , ) , 'descr':'=f4','fortran_order':False}\t\n", 2, 1, false},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L)}", 2, 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        struct npy_array a;
        uint8_t *bytes = make_file(cases[i].version, cases[i].header, "12345678", 8, &n);
        assert_int_equal(npy_parse(bytes, n, &a, NULL), STATUS_OK);
        assert_int_equal(a.type, NPY_F32);
        assert_int_equal(a.n_dims, cases[i].n_dims);
        assert_int_equal(a.shape[0], cases[i].first);
        assert_int_equal(a.n_elements, 2);
        assert_int_equal(a.fortran_order, cases[i].fortran_order);
        assert_memory_equal(a.data, "12345678", 8);
        free(bytes);
    }
}

static void npy_refuses_broken_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum status status;
    } cases[] = {
        {"", STATUS_INVALID},
        {"[]", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), ", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False}", STATUS_INVALID},
        {"{'descr': '<f4', 'shape': (2,)}", STATUS_INVALID},
        {"{'fortran_order': False, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", STATUS_INVALID},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': '<f4',, 'fortran_order': False, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': <f4, 'fortran_order': False, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': 'f4', 'fortran_order': False, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': '', 'fortran_order': False, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [2]}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 1)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", STATUS_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", STATUS_INVALID},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", STATUS_UNSUPPORTED},
        {"{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", STATUS_UNSUPPORTED},
        {"{'descr': '|S8', 'fortran_order': False, 'shape': (1,)}", STATUS_UNSUPPORTED},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", STATUS_UNSUPPORTED},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", STATUS_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
         STATUS_TOO_LARGE},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387906,)}",
         STATUS_TOO_LARGE},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
         STATUS_TOO_LARGE},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2)}",
         STATUS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        struct npy_array a;
        struct error err = {.status = STATUS_OK};
        uint8_t *bytes = make_file(1, cases[i].header, "12345678", 8, &n);
        if (npy_parse(bytes, n, &a, &err) != cases[i].status || err.status != cases[i].status)
            fail_msg("case %zu: %s: %s", i, cases[i].header, status_name(err.status));
        free(bytes);
    }
}

static void npy_rejects_a_file_cut_at_any_byte(void **state)
{
    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        size_t n;
        uint8_t *bytes = make_file(
            version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "12345678", 8, &n);
        for (size_t cut = 0; cut < n; cut++) {
            struct npy_array a;
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, bytes, cut);
            assert_int_equal(npy_parse(copy, cut, &a, NULL), STATUS_INVALID);
            free(copy);
        }
        free(bytes);
    }
}

static void npy_converts_every_type_in_both_byte_orders(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        uint8_t bytes[16]; /* big endian */
        size_t size;
        float value;
    } cases[] = {
        {"b1", {1}, 1, 1.0f},
        {"u1", {200}, 1, 200.0f},
        {"u2", {0x12, 0x34}, 2, 4660.0f},
        {"u4", {0, 1, 0, 0}, 4, 65536.0f},
        {"u8", {0x80, 0, 0, 0, 0, 0, 0, 0}, 8, 0x1p63f},
        {"i1", {0xFF}, 1, -1.0f},
        {"i2", {0xFF, 0xFE}, 2, -2.0f},
        {"i4", {0xFF, 0xFF, 0xFF, 0xFD}, 4, -3.0f},
        {"i8", {0x80, 0, 0, 0, 0, 0, 0, 0}, 8, -0x1p63f},
        {"f2", {0x3C, 0x01}, 2, 1.0009765625f},
        {"f2", {0x80, 0x01}, 2, -0x1p-24f},
        {"f2", {0x7B, 0xFF}, 2, 65504.0f},
        {"f4", {0xC0, 0x49, 0x0F, 0xDB}, 4, -3.14159274f},
        {"f8", {0x3F, 0xB9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9A}, 8, 0.1f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int big = 0; big <= 1; big++) {
            char header[80];
            uint8_t data[16];
            size_t n, size = cases[i].size;
            struct npy_array a;
            float value;
            snprintf(header, sizeof header,
                     "{'descr': '%c%s', 'fortran_order': False, 'shape': ()}",
                     size == 1 ? '|'
                     : big     ? '>'
                               : '<',
                     cases[i].descr);
            for (size_t k = 0; k < size; k++)
                data[k] = cases[i].bytes[big ? k : size - 1 - k];
            uint8_t *bytes = make_file(1, header, data, size, &n);
            assert_int_equal(npy_parse(bytes, n, &a, NULL), STATUS_OK);
            assert_int_equal(a.n_dims, 0);
            assert_int_equal(a.n_elements, 1);
            assert_int_equal(npy_to_floats(&a, &value, NULL), STATUS_OK);
            if (value != cases[i].value)
                fail_msg("%s: %g, not %g", header, (double)value, (double)cases[i].value);
            free(bytes);
        }
}

static void npy_refuses_values_that_are_no_finite_floats(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        uint8_t bytes[8]; /* big endian */
        enum status status;
    } cases[] = {
        {">f4", {0x7F, 0x80, 0, 0}, STATUS_INVALID},
        {">f4", {0x7F, 0xC0, 0, 0}, STATUS_INVALID},
        {">f2", {0x7C, 0x00}, STATUS_INVALID},
        {">f2", {0x7E, 0x00}, STATUS_INVALID},
        {">f8", {0x7F, 0xE0, 0, 0, 0, 0, 0, 0}, STATUS_INVALID}, /* 8.99e307 */
        {">f8", {0xFF, 0xF0, 0, 0, 0, 0, 0, 0}, STATUS_INVALID},
        {">c8", {0}, STATUS_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[80];
        size_t n;
        struct npy_array a;
        float value;
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (1,)}",
                 cases[i].descr);
        uint8_t *bytes =
            make_file(1, header, cases[i].bytes, (size_t)(cases[i].descr[2] - '0'), &n);
        assert_int_equal(npy_parse(bytes, n, &a, NULL), STATUS_OK);
        assert_int_equal(npy_to_floats(&a, &value, NULL), cases[i].status);
        free(bytes);
    }
}

static void npy_gives_fortran_arrays_in_c_order(void **state)
{
    (void)state;
    static const uint8_t data[] = {0, 12, 4, 16, 8,  20, 1, 13, 5, 17, 9,  21,
                                   2, 14, 6, 18, 10, 22, 3, 15, 7, 19, 11, 23};
    size_t n;
    struct npy_array a;
    float values[24];
    uint8_t *bytes = make_file(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}",
                               data, sizeof data, &n);
    assert_int_equal(npy_parse(bytes, n, &a, NULL), STATUS_OK);
    assert_int_equal(npy_to_floats(&a, values, NULL), STATUS_OK);
    for (size_t i = 0; i < 24; i++)
        assert_true(values[i] == (float)i);
    free(bytes);
}

static void npy_decodes_images_by_shape_and_type(void **state)
{
    (void)state;
    static const struct {
        const char *descr, *shape;
        size_t n_data;
        enum status status;
        size_t width, height, channels;
        float first;
    } cases[] = {
        {"|u1", "(2, 3)", 6, STATUS_OK, 3, 2, 1, 51.0f / 255},
        {"|u1", "(2, 1, 3)", 6, STATUS_OK, 1, 2, 3, 51.0f / 255},
        {"<u2", "(3, 1)", 6, STATUS_OK, 1, 3, 1, 51.0f / 65535},
        {"|b1", "(1, 6)", 6, STATUS_OK, 6, 1, 1, 1.0f},
        {"<f2", "(1, 3)", 6, STATUS_OK, 3, 1, 1, 0x33p-24f},
        {"|i1", "(2, 3)", 6, STATUS_UNSUPPORTED, 0, 0, 0, 0},
        {"<c8", "(1, 1)", 8, STATUS_UNSUPPORTED, 0, 0, 0, 0},
        {"|u1", "(6,)", 6, STATUS_INVALID, 0, 0, 0, 0},
        {"|u1", "()", 1, STATUS_INVALID, 0, 0, 0, 0},
        {"|u1", "(1, 1, 1, 6)", 6, STATUS_INVALID, 0, 0, 0, 0},
        {"|u1", "(1, 1, 5)", 5, STATUS_INVALID, 0, 0, 0, 0},
        {"|u1", "(0, 3)", 0, STATUS_INVALID, 0, 0, 0, 0},
        {"|u1", "(3, 3, 0)", 0, STATUS_INVALID, 0, 0, 0, 0},
    };
    static const uint8_t data[8] = {51};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[80];
        size_t n;
        struct image image = {0};
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s}",
                 cases[i].descr, cases[i].shape);
        uint8_t *bytes = make_file(1, header, data, cases[i].n_data, &n);
        if (npy_decode_image(bytes, n, &image, NULL) != cases[i].status)
            fail_msg("%s did not end as expected", header);
        struct image_facts facts = {0};
        assert_int_equal(npy_check_image(bytes, n, &facts, NULL), cases[i].status);
        assert_int_equal(facts.width, cases[i].width);
        assert_int_equal(facts.height, cases[i].height);
        assert_int_equal(facts.channels, cases[i].channels);
        assert_int_equal(image.width, cases[i].width);
        assert_int_equal(image.height, cases[i].height);
        assert_int_equal(image.channels, cases[i].channels);
        if (image.samples)
            assert_true(image_value(&image, 0) == cases[i].first);
        image_deinit(&image);
        free(bytes);
    }
}

static void npy_check_finds_the_range_of_floats_and_what_is_not_finite(void **state)
{
    (void)state;
    static const float good[] = {0.5f, -2.0f, 7.0f, 0.0f, 1.0f, 0.25f};
    static const float bad[] = {0.5f, -2.0f, 7.0f, 0.0f, INFINITY, 0.25f};
    for (int fortran = 0; fortran <= 1; fortran++) {
        char header[80];
        size_t n;
        struct image image = {0};
        struct image_facts facts;
        struct error err = {0}, again = {0};
        snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': %s, 'shape': (2, 3)}",
                 fortran ? "True" : "False");
        uint8_t *bytes = make_file(1, header, good, sizeof good, &n);
        assert_int_equal(npy_check_image(bytes, n, &facts, NULL), STATUS_OK);
        assert_true(facts.low == -2.0f && facts.high == 7.0f);
        assert_int_equal(facts.bits_per_channel, 32);
        free(bytes);
        bytes = make_file(1, header, bad, sizeof bad, &n);
        assert_int_equal(npy_decode_image(bytes, n, &image, &err), STATUS_INVALID);
        assert_int_equal(npy_check_image(bytes, n, &facts, &again), STATUS_INVALID);
        assert_string_equal(err.message, again.message);
        free(bytes);
    }
}

static void npy_decodes_signals_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        enum status status;
        size_t n_samples, channels;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24, STATUS_OK, 6, 1},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", 24, STATUS_OK, 3, 2},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", 24, STATUS_OK, 3, 2},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 6), }", 24, STATUS_INVALID, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }", 24, STATUS_INVALID, 0,
         0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", 0, STATUS_INVALID, 0, 0},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", 24, STATUS_UNSUPPORTED, 0, 0},
    };
    const float numbers[6] = {-2, 1, 0.5f, 300, 4, -1e6f};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        struct signal s = {0};
        uint8_t *bytes = make_file(1, cases[i].header, numbers, cases[i].n_data, &n);
        assert_int_equal(npy_decode_signal(bytes, n, &s, NULL), cases[i].status);
        assert_int_equal(s.n_samples, cases[i].n_samples);
        assert_int_equal(s.channels, cases[i].channels);
        if (cases[i].status == STATUS_OK) {
            assert_true(s.values[0] == numbers[0] && s.values[5] == numbers[5]);
            assert_true(s.values[1] == (i == 2 ? numbers[3] : numbers[1]));
        }
        signal_deinit(&s);
        free(bytes);
    }
}

static void npy_encodes_what_it_reads_back(void **state)
{
    (void)state;
    static const size_t shape[] = {1, 2, 3, 1, 2, 1, 1, 2};
    float values[24], back[24];
    for (size_t i = 0; i < 24; i++)
        values[i] = (float)i / 7;
    for (size_t n_dims = 0; n_dims <= LIMIT_NPY_DIMS; n_dims++) {
        struct buffer file;
        struct npy_array a;
        buffer_init(&file, MAX_BYTES);
        assert_int_equal(npy_encode_floats(values, shape, n_dims, &file, NULL), STATUS_OK);
        assert_int_equal(npy_parse(file.data, file.size, &a, NULL), STATUS_OK);
        assert_int_equal((size_t)(a.data - file.data) % 64, 0);
        assert_int_equal(a.n_dims, n_dims);
        assert_memory_equal(a.shape, shape, n_dims * sizeof *shape);
        assert_int_equal(npy_to_floats(&a, back, NULL), STATUS_OK);
        assert_memory_equal(back, values, a.n_elements * sizeof *back);
        buffer_deinit(&file);
    }
    struct buffer file;
    buffer_init(&file, 130);
    assert_int_equal(npy_encode_header(shape, LIMIT_NPY_DIMS + 1, &file, NULL), STATUS_INVALID);
    assert_int_equal(npy_encode_floats(values, shape, 3, &file, NULL), STATUS_TOO_LARGE);
    assert_int_equal(file.size, 0);
    buffer_deinit(&file);
}

static void must_end_as_named(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    static const struct {
        const char *name;
        enum status parsed, converted;
    } files[] = {
        {"empty.npy", STATUS_INVALID, 0},
        {"npy_bad_magic.npy", STATUS_INVALID, 0},
        {"npy_good_bigendian_3x4x5.npy", STATUS_OK, STATUS_OK},
        {"npy_good_f4_3x4x5.npy", STATUS_OK, STATUS_OK},
        {"npy_good_fortran_3x4x5.npy", STATUS_OK, STATUS_OK},
        {"npy_header_length_too_big.npy", STATUS_INVALID, 0},
        {"npy_huge_shape.npy", STATUS_TOO_LARGE, 0},
        {"npy_nan_inf.npy", STATUS_OK, STATUS_INVALID},
        {"npy_negative_shape.npy", STATUS_INVALID, 0},
        {"npy_no_shape.npy", STATUS_INVALID, 0},
        {"npy_product_overflows_to_60.npy", STATUS_TOO_LARGE, 0},
        {"npy_scalar.npy", STATUS_OK, STATUS_OK},
        {"npy_short_data.npy", STATUS_INVALID, 0},
        {"npy_unknown_type.npy", STATUS_UNSUPPORTED, 0},
        {"npy_version_9.npy", STATUS_UNSUPPORTED, 0},
        {"npy_zero_dim.npy", STATUS_OK, STATUS_OK},
        {"py2-np0-objarr.npy", STATUS_UNSUPPORTED, 0},
        {"py2-objarr.npy", STATUS_UNSUPPORTED, 0},
        {"py3-objarr.npy", STATUS_UNSUPPORTED, 0},
    };
    struct npy_array a;
    float values[60];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(files[i].name, name) != 0)
            continue;
        ++*(size_t *)context;
        enum status status = npy_parse(bytes, n, &a, NULL);
        if (status != files[i].parsed)
            fail_msg("%s: '%s'", name, status_name(status));
        if (status == STATUS_OK) {
            assert_true(a.n_elements <= 60);
            assert_int_equal(npy_to_floats(&a, values, NULL), files[i].converted);
        }
        /* The three good files hold 0, 1, 2, … in the order of the file. */
        for (size_t k = 0; strstr(name, "good") && k < 60; k++) {
            size_t first = k / 20, second = k / 5 % 4, third = k % 5;
            size_t at = a.fortran_order ? first + 3 * second + 12 * third : k;
            assert_true(values[k] == (float)at);
        }
    }
}

static void npy_ends_as_expected_on_files_of_others(void **state)
{
    (void)state;
    size_t n_known = 0;
    char *made = data_path("bad/made"), *objects = data_path("bad/npy");
    if (!made || !objects) {
        free(made);
        free(objects);
        skip();
    }
    folder_each(made, must_end_as_named, &n_known);
    folder_each(objects, must_end_as_named, &n_known);
    assert_int_equal(n_known, 19);
    free(made);
    free(objects);
}

static enum status decode_once(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct image image = {0};
    enum status status = npy_decode_image(file->data, file->size, &image, err);
    image_deinit(&image);
    return status;
}

static enum status encode_once(void *context, struct error *err)
{
    static const float values[400];
    static const size_t shape[] = {20, 20};
    (void)context;
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    enum status status = npy_encode_floats(values, shape, 2, &file, err);
    buffer_deinit(&file);
    return status;
}

static void npy_survives_every_failing_allocation(void **state)
{
    (void)state;
    static const float values[6];
    static const size_t shape[] = {2, 3};
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    assert_int_equal(npy_encode_floats(values, shape, 2, &file, NULL), STATUS_OK);
    assert_true(alloc_fail_each(decode_once, &file) >= 1);
    assert_true(alloc_fail_each(encode_once, NULL) >= 1);
    buffer_deinit(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_reads_every_header_that_python_would),
        cmocka_unit_test(npy_refuses_broken_headers),
        cmocka_unit_test(npy_rejects_a_file_cut_at_any_byte),
        cmocka_unit_test(npy_converts_every_type_in_both_byte_orders),
        cmocka_unit_test(npy_refuses_values_that_are_no_finite_floats),
        cmocka_unit_test(npy_gives_fortran_arrays_in_c_order),
        cmocka_unit_test(npy_decodes_images_by_shape_and_type),
        cmocka_unit_test(npy_check_finds_the_range_of_floats_and_what_is_not_finite),
        cmocka_unit_test(npy_encodes_what_it_reads_back),
        cmocka_unit_test(npy_decodes_signals_as_they_are),
        cmocka_unit_test(npy_ends_as_expected_on_files_of_others),
        cmocka_unit_test(npy_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
