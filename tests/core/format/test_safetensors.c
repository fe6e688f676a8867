#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/format/safetensors.h"
#include "tests/support/alloc.h"

enum { MAX_BYTES = 4 << 20 };

static const float weights[] = {1, 2, 3, 4, 5, 6};
static const double moments[] = {0.25, 0.5};
static const int64_t step[] = {1234567890123};
static const uint8_t bitmap[] = {1, 2, 3};

/* Sizes in an order that would leave F32 and F64 unaligned if they were written as they come. */
static const struct tensor tensors[] = {
    {"bits", TENSOR_U8, 1, {3}, bitmap},     {"layers.0.weight", TENSOR_F32, 2, {2, 3}, weights},
    {"scalar", TENSOR_F32, 0, {0}, weights}, {"moments \"m\"", TENSOR_F64, 3, {1, 2, 1}, moments},
    {"step", TENSOR_I64, 1, {1}, step},      {"nothing", TENSOR_F32, 2, {0, 7}, NULL},
};
enum { N_TENSORS = sizeof tensors / sizeof *tensors };

static const struct tensor_metadata remarks[] = {
    {"format", "farfield"},
    {"text", "quote \" backslash \\ tab \t line \n bell \a \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"", ""},
};
enum { N_REMARKS = sizeof remarks / sizeof *remarks };

static void make_file(struct buffer *file)
{
    buffer_init(file, MAX_BYTES);
    assert_int_equal(safetensors_encode(tensors, N_TENSORS, remarks, N_REMARKS, file, NULL),
                     STATUS_OK);
}

/* A file of a header, padded with blanks to a multiple of 8, and n_data zeros. */
static uint8_t *make_text(const char *header, size_t n_data, size_t *n)
{
    size_t n_text = strlen(header), n_header = (n_text + 7) / 8 * 8;
    *n = 8 + n_header + n_data;
    uint8_t *bytes = calloc(1, *n);
    assert_non_null(bytes);
    bytes[0] = (uint8_t)n_header;
    bytes[1] = (uint8_t)(n_header >> 8);
    bytes[2] = (uint8_t)(n_header >> 16);
    memset(bytes + 8, ' ', n_header);
    memcpy(bytes + 8, header, n_text);
    return bytes;
}

static void safetensors_gives_back_what_was_written(void **state)
{
    (void)state;
    struct buffer file;
    struct safetensors *s;
    make_file(&file);
    assert_int_equal(safetensors_parse(&s, file.data, file.size, NULL), STATUS_OK);
    assert_int_equal(safetensors_n_tensors(s), N_TENSORS);
    for (size_t i = 0; i < N_TENSORS; i++) {
        const struct tensor *t = safetensors_find(s, tensors[i].name);
        assert_ptr_equal(t, safetensors_tensor(s, i));
        assert_int_equal(t->type, tensors[i].type);
        assert_int_equal(t->n_dims, tensors[i].n_dims);
        assert_memory_equal(t->shape, tensors[i].shape, t->n_dims * sizeof *t->shape);
        assert_int_equal(tensor_bytes(t), tensor_bytes(&tensors[i]));
        if (tensor_bytes(t) > 0)
            assert_memory_equal(t->data, tensors[i].data, tensor_bytes(t));
    }
    for (size_t i = 0; i < N_REMARKS; i++)
        assert_string_equal(safetensors_metadata(s, remarks[i].key), remarks[i].value);
    assert_null(safetensors_find(s, "absent"));
    assert_null(safetensors_metadata(s, "absent"));
    safetensors_free(s);
    buffer_deinit(&file);
}

static void safetensors_aligns_every_tensor_to_its_elements(void **state)
{
    (void)state;
    static const size_t size[] = {
        [TENSOR_F32] = 4, [TENSOR_F64] = 8, [TENSOR_I64] = 8, [TENSOR_U8] = 1};
    struct buffer file;
    struct safetensors *s;
    make_file(&file);
    assert_int_equal(safetensors_parse(&s, file.data, file.size, NULL), STATUS_OK);
    for (size_t i = 0; i < N_TENSORS; i++) {
        const struct tensor *t = safetensors_tensor(s, i);
        assert_int_equal((size_t)((const uint8_t *)t->data - file.data) % size[t->type], 0);
    }
    safetensors_free(s);
    buffer_deinit(&file);
}

#define TENSOR(offsets) "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" offsets "}"

static void safetensors_refuses_broken_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        enum status status;
    } cases[] = {
        {"{}", 0, STATUS_OK},
        {"{\"a\":" TENSOR("[0,4]") "}", 4, STATUS_OK},
        {"{ \"a\" : { \"data_offsets\" : [ 0 , 4 ] , \"shape\" : [ ] ,\n\t\"dtype\":\"F32\" } } ",
         4, STATUS_OK},
        {"{\"a\":" TENSOR("[4,8]") ",\"b\":" TENSOR("[0,4]") "}", 8, STATUS_OK},
        {"{\"\\u0061\\ud83d\\ude00\":" TENSOR("[0,4]") "}", 4, STATUS_OK},
        {"{\"__metadata__\":{}}", 0, STATUS_OK},
        {"", 0, STATUS_INVALID},
        {" {}", 0, STATUS_INVALID},
        {"[]", 0, STATUS_INVALID},
        {"{", 0, STATUS_INVALID},
        {"{}}", 0, STATUS_INVALID},
        {"{,}", 0, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") ",}", 4, STATUS_INVALID},
        {"{\"a\" " TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{a:" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{'a':" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a:" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\\x\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\\u00\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\\u0000\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\\ud83d\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\\ud83dx\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\\ud83d\\u0061\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\\ude00\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\xff\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\xc0\x80\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\xed\xa0\x80\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\xf4\x90\x80\x80\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\n\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") ",\"a\":" TENSOR("[4,8]") "}", 8, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") ",\"\\u0061\":" TENSOR("[4,8]") "}", 8, STATUS_INVALID},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, STATUS_INVALID},
        {"{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}}", 0, STATUS_INVALID},
        {"{\"__metadata__\":{\"k\":1}}", 0, STATUS_INVALID},
        {"{\"__metadata__\":{\"k\":null}}", 0, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") ",\"b\":" TENSOR("[0,4]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") ",\"b\":" TENSOR("[2,6]") "}", 6, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") ",\"b\":" TENSOR("[8,12]") "}", 12, STATUS_INVALID},
        {"{\"a\":" TENSOR("[4,8]") "}", 8, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") "}", 3, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4]") "}", 5, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,8]") "}", 8, STATUS_INVALID},
        {"{\"a\":" TENSOR("[4,0]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4,4]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[-4,0]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4.0]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,4e0]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[00,4]") "}", 4, STATUS_INVALID},
        {"{\"a\":" TENSOR("[0,18446744073709551620]") "}", 4, STATUS_INVALID},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, STATUS_INVALID},
        {"{\"a\":{}}", 0, STATUS_INVALID},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, STATUS_INVALID},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
         STATUS_INVALID},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4,
         STATUS_INVALID},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
         STATUS_INVALID},
        {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
         STATUS_UNSUPPORTED},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1],\"data_offsets\":[0,4]}}", 4,
         STATUS_UNSUPPORTED},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":" TENSOR(
             "[1,5]") "}",
         5, STATUS_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        struct safetensors *s = NULL;
        struct error err = {.status = STATUS_OK};
        uint8_t *bytes = make_text(cases[i].header, cases[i].n_data, &n);
        if (safetensors_parse(&s, bytes, n, &err) != cases[i].status ||
            err.status != cases[i].status)
            fail_msg("case %zu: %s: %s: %s", i, cases[i].header, status_name(err.status),
                     err.message);
        safetensors_free(s);
        free(bytes);
    }
}

static void safetensors_refuses_wrong_lengths_of_the_header(void **state)
{
    (void)state;
    static const struct {
        uint8_t length[8];
        enum status status;
    } cases[] = {
        {{16}, STATUS_INVALID}, /* past the end */
        {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, STATUS_INVALID},
        {{0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, STATUS_INVALID},
        {{2}, STATUS_UNSUPPORTED}, /* the data would not be aligned */
        {{0}, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        struct safetensors *s = NULL;
        uint8_t *bytes = make_text("{}", 0, &n);
        memcpy(bytes, cases[i].length, 8);
        assert_int_equal(safetensors_parse(&s, bytes, n, NULL), cases[i].status);
        assert_null(s);
        free(bytes);
    }
    struct safetensors *s = NULL;
    size_t n = 8 + LIMIT_TENSORS_HEADER + 8;
    uint8_t *bytes = calloc(1, n);
    bytes[0] = 8;
    bytes[2] = LIMIT_TENSORS_HEADER >> 16;
    assert_int_equal(safetensors_parse(&s, bytes, n, NULL), STATUS_TOO_LARGE);
    free(bytes);
}

static void safetensors_rejects_a_file_cut_at_any_byte(void **state)
{
    (void)state;
    struct buffer file;
    make_file(&file);
    for (size_t n = 0; n < file.size; n++) {
        struct safetensors *s = NULL;
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, file.data, n);
        assert_int_equal(safetensors_parse(&s, cut, n, NULL), STATUS_INVALID);
        free(cut);
    }
    buffer_deinit(&file);
}

static void safetensors_limits_the_number_of_tensors_and_remarks(void **state)
{
    (void)state;
    enum { N = LIMIT_TENSORS + 1, MANY_REMARKS = 256 + 1 };
    static char names[N][8];
    static struct tensor many[N];
    static struct tensor_metadata many_remarks[MANY_REMARKS];
    struct buffer file;
    struct safetensors *s;
    buffer_init(&file, MAX_BYTES);
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "t%zu", i);
        many[i] = (struct tensor){names[i], TENSOR_U8, 1, {1}, bitmap};
        if (i < MANY_REMARKS)
            many_remarks[i] = (struct tensor_metadata){names[i], "v"};
    }
    assert_int_equal(safetensors_encode(many, N, NULL, 0, &file, NULL), STATUS_TOO_LARGE);
    assert_int_equal(safetensors_encode(NULL, 0, many_remarks, MANY_REMARKS, &file, NULL),
                     STATUS_TOO_LARGE);
    assert_int_equal(safetensors_encode(many, N - 1, many_remarks, MANY_REMARKS - 1, &file, NULL),
                     STATUS_OK);
    assert_int_equal(safetensors_parse(&s, file.data, file.size, NULL), STATUS_OK);
    safetensors_free(s);
    buffer_deinit(&file);

    /* One more of each, written by hand. */
    for (int kind = 0; kind <= 1; kind++) {
        buffer_init(&file, MAX_BYTES);
        assert_int_equal(buffer_printf(&file, NULL, kind ? "{\"__metadata__\":{" : "{"), STATUS_OK);
        for (size_t i = 0; i < (kind ? (size_t)MANY_REMARKS : (size_t)N); i++)
            assert_int_equal(
                kind ? buffer_printf(&file, NULL, "%s\"%zu\":\"\"", i ? "," : "", i)
                     : buffer_printf(&file, NULL,
                                     "%s\"%zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":"
                                     "[0,0]}",
                                     i ? "," : "", i),
                STATUS_OK);
        assert_int_equal(buffer_append(&file, kind ? "}}" : "}\0", kind ? 3 : 2, NULL), STATUS_OK);
        size_t n;
        uint8_t *bytes = make_text((const char *)file.data, 0, &n);
        assert_int_equal(safetensors_parse(&s, bytes, n, NULL), STATUS_TOO_LARGE);
        free(bytes);
        buffer_deinit(&file);
    }
}

static void safetensors_encode_refuses_what_it_could_not_read_back(void **state)
{
    (void)state;
    static const struct tensor twice[] = {{"a", TENSOR_U8, 1, {1}, bitmap},
                                          {"a", TENSOR_U8, 1, {1}, bitmap}};
    static const struct tensor reserved = {"__metadata__", TENSOR_U8, 1, {1}, bitmap};
    static const struct tensor deep = {"a", TENSOR_U8, 4, {1, 1, 1}, bitmap};
    static const struct tensor huge = {"a", TENSOR_F32, 2, {SIZE_MAX / 2, 3}, bitmap};
    static const struct tensor odd = {"a\xff", TENSOR_U8, 1, {1}, bitmap};
    static const struct tensor_metadata same[] = {{"k", "v"}, {"k", "w"}};
    static const struct tensor_metadata bad = {"k", "\xe2\x82"};
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    assert_int_equal(buffer_append(&file, "keep", 4, NULL), STATUS_OK);
    assert_int_equal(safetensors_encode(twice, 2, NULL, 0, &file, NULL), STATUS_INVALID);
    assert_int_equal(safetensors_encode(&reserved, 1, NULL, 0, &file, NULL), STATUS_INVALID);
    assert_int_equal(safetensors_encode(&deep, 1, NULL, 0, &file, NULL), STATUS_INVALID);
    assert_int_equal(safetensors_encode(&huge, 1, NULL, 0, &file, NULL), STATUS_TOO_LARGE);
    assert_int_equal(safetensors_encode(&odd, 1, NULL, 0, &file, NULL), STATUS_INVALID);
    assert_int_equal(safetensors_encode(NULL, 0, same, 2, &file, NULL), STATUS_INVALID);
    assert_int_equal(safetensors_encode(NULL, 0, &bad, 1, &file, NULL), STATUS_INVALID);
    assert_int_equal(file.size, 4);
    buffer_deinit(&file);
}

static enum status encode_once(void *context, struct error *err)
{
    (void)context;
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    enum status status = safetensors_encode(tensors, N_TENSORS, remarks, N_REMARKS, &file, err);
    buffer_deinit(&file);
    return status;
}

static enum status parse_once(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct safetensors *s = NULL;
    enum status status = safetensors_parse(&s, file->data, file->size, err);
    safetensors_free(s);
    return status;
}

static void safetensors_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct buffer file;
    make_file(&file);
    assert_true(alloc_fail_each(encode_once, NULL) >= 2);
    assert_true(alloc_fail_each(parse_once, &file) > 20);
    buffer_deinit(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_gives_back_what_was_written),
        cmocka_unit_test(safetensors_aligns_every_tensor_to_its_elements),
        cmocka_unit_test(safetensors_refuses_broken_headers),
        cmocka_unit_test(safetensors_refuses_wrong_lengths_of_the_header),
        cmocka_unit_test(safetensors_rejects_a_file_cut_at_any_byte),
        cmocka_unit_test(safetensors_limits_the_number_of_tensors_and_remarks),
        cmocka_unit_test(safetensors_encode_refuses_what_it_could_not_read_back),
        cmocka_unit_test(safetensors_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
