#include "core/format/nifti.h"

#include <math.h>
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

enum {
    MAX_BYTES = 1 << 20,
    X = NIFTI_RAMP_X,
    Y = NIFTI_RAMP_Y,
    Z = NIFTI_RAMP_Z,
    N = X * Y * Z,
};

/* The file's numbers, as its volume tells them. */
static void read_numbers(const struct volume *v, double *numbers)
{
    const size_t n = v->width * v->height * v->depth * v->channels;
    float *values = mem_alloc_floats(n);
    volume_read(v, 0, n, values);
    for (size_t i = 0; i < n; i++) {
        assert_true(values[i] >= 0.0f && values[i] <= 1.0f);
        numbers[i] = v->low + (double)values[i] * (v->high - v->low);
    }
    mem_free(values);
}

/* Both ways to read a file say the same; the volume is the caller's. */
static struct volume decode(const struct buffer *file)
{
    struct volume v;
    struct volume_facts facts;
    struct error err = {0};
    if (nifti_decode(file->data, file->size, &v, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(nifti_check(file->data, file->size, &facts, NULL), STATUS_OK);
    assert_int_equal(facts.width, v.width);
    assert_int_equal(facts.height, v.height);
    assert_int_equal(facts.depth, v.depth);
    assert_int_equal(facts.channels, v.channels);
    assert_int_equal(facts.type, v.type);
    assert_true(facts.low == v.low && facts.high == v.high);
    assert_int_equal(facts.has_affine, v.has_affine);
    assert_memory_equal(facts.affine, v.affine, sizeof v.affine);
    return v;
}

static struct volume_facts check(const struct buffer *file)
{
    struct volume_facts facts;
    struct error err = {0};
    if (nifti_check(file->data, file->size, &facts, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return facts;
}

static const struct nifti_datatype f32 = {16, NUMBER_F32}, u8 = {2, NUMBER_U8},
                                   i16 = {4, NUMBER_I16};

static void nifti_reads_every_type_in_both_byte_orders(void **state)
{
    (void)state;
    for (size_t t = 0; t < N_NIFTI_DATATYPES; t++)
        for (int big_endian = 0; big_endian < 2; big_endian++)
            for (int far = 0; far < 2; far++) { /* apart: past what two bytes can keep */
                struct buffer file;
                double numbers[N];
                const bool is_wide = number_size(nifti_datatypes[t].type) > 2;
                const bool is_signed =
                    nifti_datatypes[t].type != NUMBER_U8 && nifti_datatypes[t].type != NUMBER_U16 &&
                    nifti_datatypes[t].type != NUMBER_U32 && nifti_datatypes[t].type != NUMBER_U64;
                const double first = is_signed ? -20 : 3, step = far && is_wide ? 100000 : 4;
                nifti_ramp(&file, big_endian, nifti_datatypes[t], first, step);
                struct volume v = decode(&file);
                assert_int_equal(v.type, step > 4 ? SAMPLE_FLOAT : SAMPLE_U8);
                assert_int_equal(check(&file).bits_per_channel,
                                 8 * number_size(nifti_datatypes[t].type));
                assert_true(v.low == first && v.high == first + (N - 1) * step);
                read_numbers(&v, numbers);
                for (size_t i = 0; i < N; i++)
                    assert_true(fabs(numbers[i] - first - (double)i * step) < 1e-7 * step * N);
                volume_deinit(&v);
                buffer_deinit(&file);
            }
}

static void nifti_keeps_whole_numbers_as_small_as_they_are(void **state)
{
    (void)state;
    static const struct {
        double step;
        enum sample_type type;
    } cases[] = {{11, SAMPLE_U8},
                 {12, SAMPLE_U16},
                 {2849, SAMPLE_U16},
                 {2850, SAMPLE_FLOAT},
                 {0.5, SAMPLE_FLOAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file;
        nifti_ramp(&file, false, f32, -300, cases[i].step);
        assert_int_equal(check(&file).type, cases[i].type);
        struct volume v = decode(&file);
        double numbers[N];
        read_numbers(&v, numbers);
        for (size_t k = 0; k < N; k++)
            assert_true(fabs(numbers[k] + 300 - (double)k * cases[i].step) <
                        2e-7 * N * cases[i].step);
        volume_deinit(&v);
        buffer_deinit(&file);
    }
}

static void nifti_applies_slope_and_intercept(void **state)
{
    (void)state;
    static const struct {
        double slope, inter, real_slope, real_inter;
    } cases[] = {
        {2.5, -7, 2.5, -7}, {-0.5, 100, -0.5, 100}, {0, 9, 1, 0},
        {NAN, NAN, 1, 0},   {1e-3, 0, 1e-3, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int is_float = 0; is_float < 2; is_float++) {
            struct buffer file;
            double numbers[N], least = INFINITY, most = -INFINITY;
            nifti_ramp(&file, true, is_float ? f32 : i16, is_float ? -5.25 : -5, 3);
            put_number(file.data + 112, NUMBER_F32, true, cases[i].slope);
            put_number(file.data + 116, NUMBER_F32, true, cases[i].inter);
            struct volume v = decode(&file);
            read_numbers(&v, numbers);
            for (size_t k = 0; k < N; k++) {
                const double raw = (is_float ? -5.25 : -5) + 3 * (double)k;
                const double real = raw * (double)(float)cases[i].real_slope + cases[i].real_inter;
                assert_true(fabs(numbers[k] - real) < 1e-6 * fabs(cases[i].real_slope) * N * 3);
                least = fmin(least, real);
                most = fmax(most, real);
            }
            assert_true(fabs(v.low - least) < 1e-9 && fabs(v.high - most) < 1e-9);
            volume_deinit(&v);
            buffer_deinit(&file);
        }
}

static void nifti_tells_a_constant_volume(void **state)
{
    (void)state;
    struct buffer file;
    nifti_ramp(&file, false, f32, 4.5, 0);
    assert_true(check(&file).warnings & VOLUME_CONSTANT);
    struct volume v = decode(&file);
    assert_true(v.low == 4.5 && v.high == 4.5);
    for (size_t i = 0; i < N; i++) {
        float value;
        volume_read(&v, i, 1, &value);
        assert_true(value == 0.0f);
    }
    volume_deinit(&v);
    buffer_deinit(&file);
}

/* The fourth dimension, or the fifth where the fourth is 1, lies innermost in a volume. */
static void nifti_turns_volumes_into_channels(void **state)
{
    (void)state;
    static const size_t sizes[][5] = {{X, Y, 2, 3, 1}, {X, Y, 2, 1, 4}};
    for (size_t i = 0; i < 2; i++) {
        struct buffer file;
        const size_t n_channels = sizes[i][3] * sizes[i][4], n_voxels = X * Y * 2;
        buffer_init(&file, MAX_BYTES);
        nifti_make(&file, false, 2, 5, sizes[i], n_voxels * n_channels);
        for (size_t k = 0; k < n_voxels * n_channels; k++)
            file.data[NIFTI_DATA + k] = (uint8_t)k;
        struct volume v = decode(&file);
        assert_int_equal(v.channels, n_channels);
        for (size_t voxel = 0; voxel < n_voxels; voxel++)
            for (size_t c = 0; c < n_channels; c++)
                assert_int_equal(v.u8[voxel * n_channels + c], c * n_voxels + voxel);
        assert_int_equal((check(&file).warnings & VOLUME_TIME_AS_CHANNELS) != 0, i == 0);
        volume_deinit(&v);
        buffer_deinit(&file);
    }
}

static void expect_affine(const struct buffer *file, const double expected[3][4], unsigned warnings)
{
    const struct volume_facts f = check(file);
    for (size_t r = 0; r < 3; r++)
        for (size_t c = 0; c < 4; c++)
            if (!(fabs(f.affine[r][c] - expected[r][c]) < 1e-5))
                fail_msg("affine[%zu][%zu] is %.9g, expected %.9g", r, c, f.affine[r][c],
                         expected[r][c]);
    assert_int_equal(f.warnings & ~(unsigned)VOLUME_UNKNOWN_UNIT, warnings);
}

static void put_sform(struct buffer *file, int code, const double rows[3][4])
{
    put_number(file->data + 254, NUMBER_I16, false, code);
    for (size_t i = 0; i < 12; i++)
        put_number(file->data + 280 + 4 * i, NUMBER_F32, false, rows[i / 4][i % 4]);
}

/* Half a turn about x and a quarter about z: a = 0, the quaternion of unit length. */
static void put_qform(struct buffer *file, int code, double sign)
{
    const double pixdim[] = {sign, 2, 3, 4}, half = sqrt(0.5);
    put_number(file->data + 252, NUMBER_I16, false, code);
    for (size_t i = 0; i < 4; i++)
        put_number(file->data + 76 + 4 * i, NUMBER_F32, false, pixdim[i]);
    put_number(file->data + 256, NUMBER_F32, false, half);
    put_number(file->data + 260, NUMBER_F32, false, half);
    for (size_t i = 0; i < 3; i++)
        put_number(file->data + 268 + 4 * i, NUMBER_F32, false, 10.0 * (double)(i + 1));
}

static void nifti_finds_where_voxels_lie(void **state)
{
    (void)state;
    static const double identity[3][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};
    static const double sheared[3][4] = {{-2, 0.5, 0, 90}, {0.25, 3, -1, -126}, {0, 1, 4, -72}};
    static const double turned[3][4] = {{0, 3, 0, 10}, {2, 0, 0, 20}, {0, 0, -4, 30}};
    static const double mirrored[3][4] = {{0, 3, 0, 10}, {2, 0, 0, 20}, {0, 0, 4, 30}};
    static const double sizes[3][4] = {{2, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 4, 0}};
    static const double flat[3][4] = {{1, 2, 0, 0}, {2, 4, 0, 0}, {0, 0, 1, 0}};
    struct buffer file;
    nifti_ramp(&file, false, u8, 0, 1);
    expect_affine(&file, identity, VOLUME_NO_AFFINE);
    assert_false(check(&file).has_affine);
    put_qform(&file, 0, 1);
    expect_affine(&file, sizes, VOLUME_SIZES_ALONE);
    put_qform(&file, 1, 1);
    expect_affine(&file, turned, 0);
    put_qform(&file, 1, -1);
    expect_affine(&file, mirrored, 0);
    put_sform(&file, 0, sheared);
    expect_affine(&file, mirrored, 0);
    put_sform(&file, 4, sheared);
    expect_affine(&file, sheared, VOLUME_TWO_AFFINES);
    assert_true(check(&file).has_affine);
    put_sform(&file, 4, mirrored);
    expect_affine(&file, mirrored, 0);
    put_sform(&file, 4, flat);
    expect_affine(&file, mirrored, VOLUME_BAD_AFFINE);
    put_qform(&file, 0, -1);
    expect_affine(&file, sizes, VOLUME_BAD_AFFINE | VOLUME_SIZES_ALONE);
    buffer_deinit(&file);
}

/* qform -> rotation against the same by hand: 30 degrees about z. */
static void nifti_turns_quaternions_into_rotations(void **state)
{
    (void)state;
    struct buffer file;
    const double angle = acos(-1.0) / 6, c = cos(angle), s = sin(angle);
    const double expected[3][4] = {{2 * c, -3 * s, 0, 10}, {2 * s, 3 * c, 0, 20}, {0, 0, 4, 30}};
    nifti_ramp(&file, false, u8, 0, 1);
    put_qform(&file, 2, 1);
    put_number(file.data + 256, NUMBER_F32, false, 0);
    put_number(file.data + 260, NUMBER_F32, false, 0);
    put_number(file.data + 264, NUMBER_F32, false, sin(angle / 2));
    expect_affine(&file, expected, 0);
    buffer_deinit(&file);
}

static void nifti_speaks_millimetres(void **state)
{
    (void)state;
    static const struct {
        uint8_t unit;
        double size;
        unsigned warnings;
    } cases[] = {{0, 2, VOLUME_UNKNOWN_UNIT},
                 {2, 2, 0},
                 {2 | 8, 2, 0},
                 {1, 2000, VOLUME_OTHER_UNIT},
                 {3, 0.002, VOLUME_OTHER_UNIT},
                 {5, 2, VOLUME_UNKNOWN_UNIT}};
    static const double twice[3][4] = {{2, 0, 0, 1}, {0, 2, 0, 0}, {0, 0, 2, 0}};
    struct buffer file;
    nifti_ramp(&file, false, u8, 0, 1);
    put_sform(&file, 1, twice);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file.data[123] = cases[i].unit;
        const struct volume_facts f = check(&file);
        assert_true(fabs(f.affine[1][1] - cases[i].size) < 1e-9);
        assert_true(fabs(f.affine[0][3] - cases[i].size / 2) < 1e-9);
        assert_int_equal(f.warnings, cases[i].warnings);
    }
    buffer_deinit(&file);
}

static void nifti_skips_extensions(void **state)
{
    (void)state;
    struct buffer plain, file;
    uint8_t extension[64] = {64, 0, 0, 0, 6, 0, 0, 0, 'x'};
    nifti_ramp(&plain, false, i16, -3, 7);
    buffer_init(&file, MAX_BYTES);
    assert_int_equal(buffer_append(&file, plain.data, NIFTI_DATA, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&file, extension, sizeof extension, NULL), STATUS_OK);
    assert_int_equal(buffer_append(&file, plain.data + NIFTI_DATA, plain.size - NIFTI_DATA, NULL),
                     STATUS_OK);
    file.data[348] = 1;
    put_number(file.data + 108, NUMBER_F32, false, NIFTI_DATA + sizeof extension);
    struct volume v = decode(&file), expected = decode(&plain);
    assert_memory_equal(v.samples, expected.samples, N);
    volume_deinit(&v);
    volume_deinit(&expected);
    buffer_deinit(&plain);
    buffer_deinit(&file);
}

static void nifti_reads_gzip_in_one_member_or_several(void **state)
{
    (void)state;
    struct buffer plain;
    nifti_ramp(&plain, true, f32, -1.5, 0.25);
    struct volume expected = decode(&plain);
    static const size_t cuts[] = {0, 1, 200, NIFTI_DATA, NIFTI_DATA + 7};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        for (size_t n_padding = 0; n_padding <= 10; n_padding += 10) {
            struct buffer file;
            struct volume_facts facts;
            static const uint8_t padding[10];
            buffer_init(&file, MAX_BYTES);
            if (cuts[i])
                gzip_append(&file, plain.data, cuts[i]);
            gzip_append(&file, plain.data + cuts[i], plain.size - cuts[i]);
            assert_int_equal(buffer_append(&file, padding, n_padding, NULL), STATUS_OK);
            struct volume v = decode(&file);
            assert_memory_equal(v.values, expected.values, N * sizeof *v.values);
            volume_deinit(&v);
            for (size_t n = 0; n + n_padding < file.size; n += 5) { /* cut short anywhere */
                const struct buffer cut = {.data = file.data, .size = n};
                assert_int_equal(nifti_check(cut.data, cut.size, &facts, NULL), STATUS_INVALID);
            }
            file.data[file.size - n_padding - 6] ^= 1; /* the checksum */
            assert_int_equal(nifti_check(file.data, file.size, &facts, NULL), STATUS_INVALID);
            buffer_deinit(&file);
        }
    volume_deinit(&expected);
    buffer_deinit(&plain);
}

static void nifti_writes_what_it_reads(void **state)
{
    (void)state;
    static const double affine[3][4] = {{-2, 0.5, 0, 90}, {0.25, 3, -1, -126}, {0, 1, 4, -72}};
    enum { W = 37, H = 11, D = 23 };
    for (size_t channels = 1; channels <= 4; channels++) {
        const size_t n = (size_t)W * H * D * channels;
        const struct nifti_shape shape = {W, H, D, channels, channels == 2 ? NULL : affine};
        float *values = mem_alloc_floats(n), *read = mem_alloc_floats(n);
        struct buffer file[2];
        for (size_t i = 0; i < n; i++)
            values[i] = (float)(i * 2654435761u % 1000) / 999.0f;
        for (size_t i = 0; i < 2; i++) {
            buffer_init(&file[i], MAX_BYTES);
            assert_int_equal(nifti_encode(&shape, values, -50.0, 250.0, NULL, &file[i], NULL),
                             STATUS_OK);
        }
        assert_int_equal(file[0].size, file[1].size);
        assert_memory_equal(file[0].data, file[1].data, file[0].size);
        struct volume v = decode(&file[0]);
        assert_true(v.width == W && v.height == H && v.depth == D && v.channels == channels);
        assert_int_equal(v.has_affine, channels != 2);
        if (v.has_affine)
            assert_memory_equal(v.affine, affine, sizeof affine);
        assert_true(fabs(v.low + 50.0) < 1e-4 && fabs(v.high - 250.0) < 1e-4);
        volume_read(&v, 0, n, read);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs((double)read[i] - (double)values[i]) < 1e-6);
        volume_deinit(&v);
        for (size_t i = 0; i < 2; i++)
            buffer_deinit(&file[i]);
        mem_free(values);
        mem_free(read);
    }
}

static void nifti_write_fails_without_a_trace(void **state)
{
    (void)state;
    static float values[1000];
    struct buffer file;
    volatile bool stop = true;
    for (size_t i = 0; i < 1000; i++)
        values[i] = (float)(i * 7919 % 1013) / 1013.0f;
    buffer_init(&file, 1000);
    assert_int_equal(buffer_append(&file, "before", 6, NULL), STATUS_OK);
    struct nifti_shape shape = {10, 10, 10, 1, NULL};
    assert_int_equal(nifti_encode(&shape, values, 0, 1, NULL, &file, NULL), STATUS_TOO_LARGE);
    assert_int_equal(file.size, 6);
    assert_int_equal(nifti_encode(&shape, values, 0, 1, &stop, &file, NULL), STATUS_CANCELED);
    assert_int_equal(file.size, 6);
    shape = (struct nifti_shape){1, 1, 40000, 1, NULL};
    assert_int_equal(nifti_encode(&shape, values, 0, 1, NULL, &file, NULL), STATUS_INVALID);
    shape = (struct nifti_shape){0, 1, 1, 1, NULL};
    assert_int_equal(nifti_encode(&shape, values, 0, 1, NULL, &file, NULL), STATUS_INVALID);
    buffer_deinit(&file);
}

static enum status try_both(void *context, struct error *err)
{
    const struct buffer *file = context;
    struct volume v = {0};
    struct buffer out;
    float values[N];
    enum status status = nifti_decode(file->data, file->size, &v, err);
    if (status != STATUS_OK)
        return status;
    volume_read(&v, 0, N, values);
    const struct nifti_shape shape = {v.width, v.height, v.depth, 1, NULL};
    buffer_init(&out, MAX_BYTES);
    status = nifti_encode(&shape, values, 0, 1, NULL, &out, err);
    buffer_deinit(&out);
    volume_deinit(&v);
    return status;
}

static void nifti_survives_want_of_memory(void **state)
{
    (void)state;
    struct buffer plain, file;
    nifti_ramp(&plain, false, f32, 0.5, 0.25);
    buffer_init(&file, MAX_BYTES);
    gzip_append(&file, plain.data, plain.size);
    assert_true(alloc_fail_each(try_both, &file) > 4);
    buffer_deinit(&plain);
    buffer_deinit(&file);
}

/* Real files, against what nibabel 5.4 says of them. */
static void nifti_reads_real_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t width, height, depth, channels;
        double low, high, mean, origin[3];
        bool has_affine;
    } files[] = {
        {"volumes/mri/ch2_colin27_t1.nii.gz",
         181,
         217,
         181,
         1,
         0,
         133,
         22.298970325,
         {-90, -125, -71},
         true},
        {"volumes/mri/head_mr_seg3d.nii.gz",
         160,
         232,
         160,
         1,
         0,
         512.00003028,
         111.813303435,
         {-388.26000977, -81.11995697, 405.42098999},
         true},
        {"volumes/mri/anatomical.nii",
         33,
         41,
         25,
         1,
         -610,
         30393,
         8401.066725794,
         {32, -40, -16},
         true},
        {"volumes/mri/reoriented_anat_moved.nii",
         21,
         26,
         22,
         1,
         0,
         21199.935546875,
         2725.588532231,
         {-35.29789734, -47.97758484, -27.5994091},
         true},
        {"volumes/mri/example4d.nii.gz",
         128,
         96,
         24,
         2,
         0,
         1162,
         172.908114963,
         {117.855103, -35.7229424, -7.24879837},
         true},
        {"volumes/ct/fuel.nii.gz", 64, 33, 32, 1, 0, 255, 7.543427438, {-31, -16, -16}, true},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = data_path(files[i].name);
        if (!path)
            skip();
        struct buffer file = {0};
        file.data = file_read(path, &file.size);
        struct volume v = decode(&file);
        assert_true(v.width == files[i].width && v.height == files[i].height);
        assert_true(v.depth == files[i].depth && v.channels == files[i].channels);
        assert_true(fabs(v.low - files[i].low) < 1e-4 && fabs(v.high - files[i].high) < 1e-4);
        for (size_t r = 0; r < 3; r++)
            assert_true(fabs(v.affine[r][3] - files[i].origin[r]) < 1e-5);
        const size_t n = v.width * v.height * v.depth * v.channels;
        double *numbers = mem_alloc_array(n, sizeof *numbers), sum = 0.0;
        read_numbers(&v, numbers);
        for (size_t k = 0; k < n; k++)
            sum += numbers[k];
        assert_true(fabs(sum / (double)n / files[i].mean - 1.0) < 1e-6);
        mem_free(numbers);
        volume_deinit(&v);
        free(file.data);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nifti_reads_every_type_in_both_byte_orders),
        cmocka_unit_test(nifti_keeps_whole_numbers_as_small_as_they_are),
        cmocka_unit_test(nifti_applies_slope_and_intercept),
        cmocka_unit_test(nifti_tells_a_constant_volume),
        cmocka_unit_test(nifti_turns_volumes_into_channels),
        cmocka_unit_test(nifti_finds_where_voxels_lie),
        cmocka_unit_test(nifti_turns_quaternions_into_rotations),
        cmocka_unit_test(nifti_speaks_millimetres),
        cmocka_unit_test(nifti_skips_extensions),
        cmocka_unit_test(nifti_reads_gzip_in_one_member_or_several),
        cmocka_unit_test(nifti_writes_what_it_reads),
        cmocka_unit_test(nifti_write_fails_without_a_trace),
        cmocka_unit_test(nifti_survives_want_of_memory),
        cmocka_unit_test(nifti_reads_real_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
