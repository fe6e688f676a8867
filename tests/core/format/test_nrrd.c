#include "core/format/nrrd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"
#include "tests/support/volume_files.h"

enum { MAX_BYTES = 1 << 20, X = 3, Y = 2, Z = 4, N = X * Y * Z };

/* A header of these lines, an empty one, and the data. */
static void make(struct buffer *file, const char *lines, const void *data, size_t n)
{
    buffer_init(file, MAX_BYTES);
    assert_int_equal(buffer_printf(file, NULL, "NRRD0004\n%s\n", lines), STATUS_OK);
    assert_int_equal(buffer_append(file, data, n, NULL), STATUS_OK);
}

static struct volume decode(const struct buffer *file, struct volume_facts *facts)
{
    struct volume v;
    struct error err = {0};
    if (nrrd_decode(file->data, file->size, &v, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(nrrd_check(file->data, file->size, facts, NULL), STATUS_OK);
    assert_true(facts->width == v.width && facts->height == v.height);
    assert_true(facts->depth == v.depth && facts->channels == v.channels);
    assert_true(facts->type == v.type && facts->low == v.low && facts->high == v.high);
    assert_memory_equal(facts->affine, v.affine, sizeof v.affine);
    return v;
}

static const uint8_t ramp[N * 4] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                    12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};
static const char plain[] = "type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\n";

static void nrrd_reads_every_type_in_both_byte_orders(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum number_type type;
    } types[] = {
        {"signed char", NUMBER_I8},   {"uint8_t", NUMBER_U8},
        {"short", NUMBER_I16},        {"uint16", NUMBER_U16},
        {"unsigned int", NUMBER_U32}, {"int", NUMBER_I32},
        {"longlong", NUMBER_I64},     {"unsigned long long", NUMBER_U64},
        {"float", NUMBER_F32},        {"double", NUMBER_F64},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            char lines[200];
            uint8_t data[N * 8];
            struct buffer file;
            struct volume_facts facts;
            const size_t size = number_size(types[i].type);
            for (size_t k = 0; k < N; k++)
                put_number(data + k * size, types[i].type, big_endian, 5 + 3 * (double)k);
            snprintf(lines, sizeof lines,
                     "# made in a test\ntype: %s\ndimension: 3\nsizes: 3 2 4\nendian: %s\n"
                     "encoding: raw\nkey:=value: of the writer\n",
                     types[i].name, big_endian ? "big" : "little");
            make(&file, lines, data, N * size);
            struct volume v = decode(&file, &facts);
            assert_true(v.width == X && v.height == Y && v.depth == Z && v.channels == 1);
            assert_int_equal(facts.bits_per_channel, 8 * size);
            assert_true(v.low == 5 && v.high == 5 + 3 * (N - 1));
            for (size_t k = 0; k < N; k++)
                assert_int_equal(v.u8[k], 3 * k);
            volume_deinit(&v);
            buffer_deinit(&file);
        }
}

static void nrrd_reads_gzip_and_skips_what_it_is_told_to(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *before; /* before: in front of the data, behind unpacking with gzip */
        bool is_gzip;
    } cases[] = {
        {"encoding: gzip\n", "", true},
        {"encoding: gz\nbyte skip: 3\n", "abc", true},
        {"encoding: raw\nbyteskip: 3\n", "abc", false},
        {"encoding: raw\nline skip: 2\n", "a\nb\n", false},
        {"encoding: raw\nlineskip: 1\nbyte skip: 1\n", "a\nb", false},
        {"encoding: raw\nbyte skip: -1\n", "whatever", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lines[200];
        struct buffer file, data, packed;
        struct volume_facts facts;
        snprintf(lines, sizeof lines, "type: uchar\r\ndimension: 3\r\nsizes: 3 2 4\r\n%s",
                 cases[i].lines);
        buffer_init(&data, MAX_BYTES);
        buffer_init(&packed, MAX_BYTES);
        assert_int_equal(buffer_printf(&data, NULL, "%s", cases[i].before), STATUS_OK);
        assert_int_equal(buffer_append(&data, ramp, N, NULL), STATUS_OK);
        gzip_append(&packed, data.data, data.size);
        const struct buffer *kept = cases[i].is_gzip ? &packed : &data;
        make(&file, lines, kept->data, kept->size);
        struct volume v = decode(&file, &facts);
        assert_memory_equal(v.u8, ramp, N);
        volume_deinit(&v);
        buffer_deinit(&file);
        buffer_deinit(&data);
        buffer_deinit(&packed);
    }
}

static void nrrd_finds_the_axis_of_channels(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        size_t width, channels;
        bool is_first; /* in the file: changes fastest */
    } cases[] = {
        {"sizes: 2 3 4 5\n", 3, 2, true},
        {"sizes: 5 4 3 2\n", 5, 2, false},
        {"sizes: 2 3 4 2\nkinds: domain domain domain list\n", 2, 2, false},
        {"sizes: 2 3 4 2\nkinds: \"vector\" space space space\n", 3, 2, true},
        {"sizes: 2 3 4 3\nspace directions: (1,0,0) (0,1,0) (0,0,1) none\n", 2, 3, false},
        {"sizes: 3 2 2 2\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\n", 2, 3, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lines[300];
        uint8_t data[200];
        struct buffer file;
        struct volume_facts facts;
        snprintf(lines, sizeof lines, "type: uchar\ndimension: 4\nencoding: raw\n%s",
                 cases[i].lines);
        for (size_t k = 0; k < sizeof data; k++)
            data[k] = (uint8_t)k;
        make(&file, lines, data, sizeof data);
        struct volume v = decode(&file, &facts);
        assert_int_equal(v.width, cases[i].width);
        assert_int_equal(v.channels, cases[i].channels);
        const size_t n = v.width * v.height * v.depth;
        for (size_t voxel = 0; voxel < n; voxel++)
            for (size_t c = 0; c < v.channels; c++)
                assert_int_equal(v.u8[voxel * v.channels + c],
                                 cases[i].is_first ? voxel * v.channels + c : c * n + voxel);
        volume_deinit(&v);
        buffer_deinit(&file);
    }
}

static void nrrd_finds_where_voxels_lie(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        double affine[3][4];
        bool has_affine;
        unsigned warnings;
    } cases[] = {
        {"", {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}, false, VOLUME_NO_AFFINE},
        {"spacings: 2 0.5 4\n",
         {{2, 0, 0, 0}, {0, 0.5, 0, 0}, {0, 0, 4, 0}},
         true,
         VOLUME_SIZES_ALONE | VOLUME_UNKNOWN_UNIT},
        {"space: right-anterior-superior\nspace directions: (1,2,0) (0,3,0) (0.5,0,4)\n"
         "space origin: (10,-20,3e1)\nspace units: \"mm\" \"mm\" \"mm\"\n",
         {{1, 0, 0.5, 10}, {2, 3, 0, -20}, {0, 0, 4, 30}},
         true,
         0},
        {"space: left-posterior-superior\nspace directions: (1,2,0) (0,3,0) (0.5,0,4)\n"
         "space origin: (10,-20,30)\nspace units: \"mm\" \"mm\" \"mm\"\n",
         {{-1, 0, -0.5, -10}, {-2, -3, 0, 20}, {0, 0, 4, 30}},
         true,
         0},
        {"space: LAS\nspace directions: (1,0,0) ( 0 , 1 , 0 ) (0,0,1)\nspace units: \"um\" \"um\" "
         "\"um\"\n",
         {{-0.001, 0, 0, 0}, {0, 0.001, 0, 0}, {0, 0, 0.001, 0}},
         true,
         VOLUME_OTHER_UNIT},
        {"space dimension: 3\nspace directions: (1,0,0) (2,0,0) (0,0,1)\n",
         {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}},
         false,
         VOLUME_BAD_AFFINE | VOLUME_NO_AFFINE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lines[400];
        struct buffer file;
        struct volume_facts facts;
        snprintf(lines, sizeof lines, "%s%s", plain, cases[i].lines);
        make(&file, lines, ramp, N);
        struct volume v = decode(&file, &facts);
        assert_int_equal(v.has_affine, cases[i].has_affine);
        assert_int_equal(facts.warnings, cases[i].warnings);
        for (size_t k = 0; k < 12; k++)
            assert_true(fabs(v.affine[k / 4][k % 4] - cases[i].affine[k / 4][k % 4]) < 1e-12);
        volume_deinit(&v);
        buffer_deinit(&file);
    }
}

static void nrrd_refuses_what_it_does_not_read(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        enum status expected;
        const char *words;
    } cases[] = {
        {"type: block\ndimension: 3\nsizes: 3 2 4\nencoding: raw\n", STATUS_UNSUPPORTED, "block"},
        {"type: uchar\ndimension: 2\nsizes: 6 4\nencoding: raw\n", STATUS_UNSUPPORTED, "2 axes"},
        {"type: uchar\ndimension: 5\nsizes: 3 2 4 1 1\nencoding: raw\n", STATUS_UNSUPPORTED,
         "axes"},
        {"type: uchar\ndimension: 99\nencoding: raw\n", STATUS_INVALID, "dimension"},
        {"type: uchar\ndimension: 3\nsizes: 3 2\nencoding: raw\n", STATUS_INVALID, "sizes"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 0\nencoding: raw\n", STATUS_INVALID, "sizes"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 -4\nencoding: raw\n", STATUS_INVALID, "sizes"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 nan\nencoding: raw\n", STATUS_INVALID, "sizes"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 1e10\nencoding: raw\n", STATUS_TOO_LARGE, "limit"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 5\nencoding: raw\n", STATUS_INVALID, "needs 30"},
        {"sizes: 3 2 4\ntype: uchar\ndimension: 3\nencoding: raw\n", STATUS_INVALID, "dimension"},
        {"dimension: 3\nsizes: 3 2 4\nencoding: raw\n", STATUS_INVALID, "needs type"},
        {"type: uchar\ndimension: 3\nencoding: raw\n", STATUS_INVALID, "needs type"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\n", STATUS_INVALID, "needs type"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: bzip2\n", STATUS_UNSUPPORTED, "bzip2"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: text\n", STATUS_UNSUPPORTED, "text"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: gzip\n", STATUS_INVALID, "gzip"},
        {"type: short\ndimension: 3\nsizes: 3 2 2\nencoding: raw\n", STATUS_INVALID, "endian"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nendian: middle\nencoding: raw\n", STATUS_INVALID,
         "endian"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\ndata file: x.raw\n",
         STATUS_UNSUPPORTED, "detached"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\ndatafile: LIST\n",
         STATUS_UNSUPPORTED, "detached"},
        {"type: uchar\ndimension: 4\nsizes: 9 2 4 8\nencoding: raw\n", STATUS_UNSUPPORTED,
         "channels"},
        {"type: uchar\ndimension: 4\nsizes: 3 2 4 2\nkinds: list domain domain list\nencoding: "
         "raw\n",
         STATUS_UNSUPPORTED, "more than one"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nkinds: list domain domain\nencoding: raw\n",
         STATUS_UNSUPPORTED, "fewer"},
        {"type: uchar\ndimension: 4\nsizes: 2 3 2 4\nkinds: complex domain domain "
         "domain\nencoding: "
         "raw\n",
         STATUS_UNSUPPORTED, "complex"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nspace: "
         "scanner-xyz-time\n",
         STATUS_UNSUPPORTED, "scanner-xyz-time"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nspace dimension: 2\n",
         STATUS_UNSUPPORTED, "2 dimensions"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nspace directions: (1,0,0) (0,1) "
         "(0,0,1)\n",
         STATUS_INVALID, "space directions"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nspace origin: (1,nan,0)\n",
         STATUS_INVALID, "space origin"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nspacings: 1 0 1\n",
         STATUS_INVALID, "spacings"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nbyte skip: -2\n", STATUS_INVALID,
         "byte skip"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nbyte skip: 9\n", STATUS_INVALID,
         "needs 24"},
        {"type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nline skip: 2\n", STATUS_INVALID,
         "line skip"},
        {"type: uchar\nno colon here\n", STATUS_INVALID, "':'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        struct volume v = {0};
        struct volume_facts facts;
        struct error err[2] = {{0}};
        make(&file, cases[i].lines, ramp, N);
        const enum status status = nrrd_decode(file.data, file.size, &v, &err[0]);
        if (status != cases[i].expected || !strstr(err[0].message, cases[i].words))
            fail_msg("%s: %s: %s", cases[i].lines, status_name(status), err[0].message);
        assert_int_equal(nrrd_check(file.data, file.size, &facts, &err[1]), status);
        assert_string_equal(err[0].message, err[1].message);
        assert_null(v.samples);
        buffer_deinit(&file);
    }
}

/* A file that ends anywhere, and a header without end. */
static void nrrd_refuses_files_cut_short(void **state)
{
    (void)state;
    struct buffer file;
    struct volume_facts facts;
    make(&file, plain, ramp, N);
    for (size_t n = 0; n < file.size; n++)
        assert_int_equal(nrrd_check(file.data, n, &facts, NULL), STATUS_INVALID);
    assert_int_equal(nrrd_check(file.data, file.size, &facts, NULL), STATUS_OK);
    buffer_deinit(&file);
}

static enum status try_decode(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct volume v = {0};
    const enum status status = nrrd_decode(file->data, file->size, &v, err);
    volume_deinit(&v);
    return status;
}

static void nrrd_survives_want_of_memory(void **state)
{
    (void)state;
    struct buffer file, packed;
    buffer_init(&packed, MAX_BYTES);
    gzip_append(&packed, ramp, N);
    make(&file, "type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: gzip\n", packed.data,
         packed.size);
    assert_true(alloc_fail_each(try_decode, &file) > 4);
    buffer_deinit(&file);
    buffer_deinit(&packed);
}

/* The tooth of the development data, its header and data put together as its tools would. */
static void nrrd_reads_a_real_scan(void **state)
{
    (void)state;
    char *header_path = data_path("volumes/ct/tooth.nhdr"),
         *data = data_path("volumes/ct/tooth.raw");
    if (!header_path || !data)
        skip();
    struct buffer file = {.max = (size_t)8 << 20};
    struct volume_facts facts;
    size_t n_header, n_data;
    uint8_t *header = file_read(header_path, &n_header), *bytes = file_read(data, &n_data);
    struct error err = {0};
    assert_int_equal(nrrd_check(header, n_header, &facts, &err), STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "detached"));
    const char *line = memmem(header, n_header, "data file:", 10);
    assert_non_null(line);
    const char *end = memchr(line, '\n', n_header - (size_t)(line - (char *)header));
    assert_int_equal(buffer_append(&file, header, (size_t)(line - (char *)header), NULL),
                     STATUS_OK);
    assert_int_equal(
        buffer_append(&file, end + 1, n_header - (size_t)(end + 1 - (char *)header), NULL),
        STATUS_OK);
    assert_int_equal(buffer_append(&file, "\n", 1, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&file, bytes, n_data, NULL), STATUS_OK);
    struct volume v = decode(&file, &facts);
    assert_true(v.width == 103 && v.height == 94 && v.depth == 161);
    assert_int_equal(v.type, SAMPLE_U16);
    assert_true(facts.has_affine && facts.affine[1][1] == 1.0);
    for (size_t i = 0; i < 1000; i++) {
        const size_t k = i * 1559 % (n_data / 2);
        assert_int_equal(v.u16[k] + (int)v.low, bytes[2 * k] << 8 | bytes[2 * k + 1]);
    }
    volume_deinit(&v);
    buffer_deinit(&file);
    free(header);
    free(bytes);
    free(header_path);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nrrd_reads_every_type_in_both_byte_orders),
        cmocka_unit_test(nrrd_reads_gzip_and_skips_what_it_is_told_to),
        cmocka_unit_test(nrrd_finds_the_axis_of_channels),
        cmocka_unit_test(nrrd_finds_where_voxels_lie),
        cmocka_unit_test(nrrd_refuses_what_it_does_not_read),
        cmocka_unit_test(nrrd_refuses_files_cut_short),
        cmocka_unit_test(nrrd_survives_want_of_memory),
        cmocka_unit_test(nrrd_reads_a_real_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
