/* Volumes: uploads in every format, a fit, slices and resampled volumes against queries. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/nifti.h"
#include "core/format/npy.h"
#include "core/format/png.h"
#include "tests/http/fit.h"
#include "tests/support/volume_files.h"

enum { X = 14, Y = 11, Z = 9, N = X * Y * Z, STEPS = 400 / SLOWNESS, MAX_BYTES = 1 << 20 };

/* Oblique: patient x runs along -j, y along k, z along i, each a little turned. */
static const double affine[3][4] = {
    {0.1, -2.0, 0.2, 30.0}, {-0.1, 0.15, 3.0, -20.0}, {1.5, 0.1, -0.1, 12.0}};
static const double low = -100.0, high = 412.0;

static struct service service;
static char dataset[ID_TEXT], field[ID_TEXT];
static float truth[N]; /* values, [z, y, x] */

static struct answer upload(const char *arguments, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "/v1/datasets%s", arguments);
    return service_send(&service, &(struct request){.path = path,
                                                    .method = "POST",
                                                    .content_type = "application/octet-stream",
                                                    .body = bytes,
                                                    .n_body = n});
}

static void make_truth(void)
{
    for (size_t i = 0; i < N; i++) {
        const double x = (double)(i % X) / X, y = (double)(i / X % Y) / Y;
        const double z = (double)(i / X / Y) / Z;
        truth[i] = (float)(0.5 + 0.25 * sin(5 * x + 3 * y) + 0.2 * cos(4 * z));
    }
    truth[0] = 0.0f;
    truth[N - 1] = 1.0f;
}

static int start(void **state)
{
    (void)state;
    char body[512];
    struct buffer file;
    const struct nifti_shape shape = {X, Y, Z, 1, affine};
    service_start(&service, NULL);
    make_truth();
    buffer_init(&file, MAX_BYTES);
    assert_int_equal(nifti_encode(&shape, truth, low, high, NULL, &file, NULL), STATUS_OK);
    json_t *made = answer_json(upload("?name=head", file.data, file.size), 201);
    snprintf(dataset, sizeof dataset, "%s", member_text(made, "id"));
    json_decref(made);
    buffer_deinit(&file);
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
             "\"n_frequencies\":32,\"sigma\":1},\"network\":{\"n_hidden_layers\":2,\"width\":32}},"
             "\"train\":{\"steps\":%d,\"batch_size\":512,\"learning_rate\":0.005}}",
             dataset, STEPS);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    assert_string_equal(member_text(done, "task"), "volume");
    assert_true(member_number(done, "metrics.psnr") > 15.0);
    snprintf(field, sizeof field, "%s", member_text(done, "field_id"));
    json_decref(job);
    json_decref(done);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* --- helpers --- */

/* The voxel index (i, j, k), which need not be whole, in millimetres as a client has them. */
static void place_of(double i, double j, double k, float out[3])
{
    for (size_t r = 0; r < 3; r++)
        out[r] = (float)(affine[r][0] * i + affine[r][1] * j + affine[r][2] * k + affine[r][3]);
}

/* Values at points [n, 3] by raw float32. */
static void query(size_t n, const float *coords, float *out)
{
    char path[128];
    snprintf(path, sizeof path, "/v1/fields/%s/query", field);
    struct answer a =
        service_send(&service, &(struct request){.path = path,
                                                 .content_type = "application/octet-stream",
                                                 .body = coords,
                                                 .n_body = n * 3 * sizeof(float)});
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.n, n * sizeof(float));
    memcpy(out, a.body.data, a.body.n);
    answer_free(&a);
}

/* A NPY answer's floats; frees the answer.  The caller's. */
static float *read_npy(struct answer a, size_t n_dims, const size_t *shape)
{
    struct npy_array array;
    if (a.status != 200)
        fail_msg("status %ld: %s", a.status, (const char *)a.body.data);
    assert_int_equal(npy_parse(a.body.data, a.body.n, &array, NULL), STATUS_OK);
    assert_int_equal(array.n_dims, n_dims);
    for (size_t d = 0; d < n_dims; d++)
        assert_int_equal(array.shape[d], shape[d]);
    float *values = malloc((array.n_elements + 1) * sizeof *values);
    assert_non_null(values);
    assert_int_equal(npy_to_floats(&array, values, NULL), STATUS_OK);
    answer_free(&a);
    return values;
}

static void expect_equal(size_t n, const float *values, const float *expected, double within)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)values[i] - (double)expected[i]) <= within))
            fail_msg("value %zu is %.9g, expected %.9g", i, (double)values[i], (double)expected[i]);
}

/* Millimetres are rounded to float by either side: that far may values be apart. */
static const double rounding = 2e-5;

/* --- tests --- */

static void a_volume_says_what_it_is(void **state)
{
    (void)state;
    json_t *d = answer_json(service_get(&service, "/v1/datasets/%s", dataset), 200);
    static const int64_t shape[] = {Z, Y, X, 1};
    assert_string_equal(member_text(d, "kind"), "volume");
    assert_string_equal(member_text(d, "media_type"), "application/gzip");
    assert_string_equal(member_text(d, "info.units"), "mm");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(json_integer_value(json_array_get(member_get(d, "info.shape"), i)),
                         shape[i]);
    const json_t *range = member_get(d, "info.value_range"), *rows = member_get(d, "info.affine");
    assert_true(fabs(json_number_value(json_array_get(range, 0)) - low) < 1e-3);
    assert_true(fabs(json_number_value(json_array_get(range, 1)) - high) < 1e-3);
    for (size_t r = 0; r < 3; r++)
        for (size_t c = 0; c < 4; c++)
            assert_true(fabs(json_number_value(json_array_get(json_array_get(rows, r), c)) -
                             affine[r][c]) < 1e-6);
    /* half a voxel beyond the outermost centres */
    const json_t *box = member_get(d, "info.bbox");
    float corner[3];
    place_of(-0.5, Y - 0.5, -0.5, corner);
    assert_true(fabs(json_number_value(json_array_get(box, 0)) - (double)corner[0]) < 1e-3);
    assert_int_equal(json_array_size(member_get(d, "info.warnings")), 0);
    json_decref(d);
}

static void a_volume_has_a_preview(void **state)
{
    (void)state;
    struct answer a = service_get(&service, "/v1/datasets/%s/preview?width=64", dataset);
    struct image image;
    unsigned bits;
    assert_int_equal(a.status, 200);
    assert_int_equal(png_decode(a.body.data, a.body.n, &image, &bits, NULL), STATUS_OK);
    /* voxel axis i leads up, so the plane is across it; -j is to the right, k upwards, half as long
     * again as j */
    const size_t rows = 3 * Z / 2;
    assert_true(image.width == Y && image.height == rows && image.channels == 1);
    for (size_t i = 0; i < Y * rows; i++) {
        const size_t j = Y - 1 - i % Y, k = Z - 1 - i / Y * Z / rows;
        assert_true(fabs((double)image.u8[i] / 255.0 - (double)truth[(k * Y + j) * X + X / 2]) <
                    1.0 / 255.0);
    }
    image_deinit(&image);
    answer_free(&a);
}

static void formats_are_told_by_their_bytes(void **state)
{
    (void)state;
    struct buffer file;
    uint8_t data[24];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(10 * i);
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        const struct nifti_datatype i16 = {4, NUMBER_I16};
        nifti_ramp(&file, big_endian, i16, 3 + big_endian, 5);
        json_t *d = answer_json(upload("", file.data, file.size), 201);
        assert_string_equal(member_text(d, "media_type"), "application/x-nifti");
        assert_int_equal(json_array_size(member_get(d, "info.warnings")), 1);
        assert_string_equal(member_text(d, "info.units"), "voxels");
        struct answer content =
            service_get(&service, "/v1/datasets/%s/content", member_text(d, "id"));
        assert_non_null(strstr(answer_header(&content, "Content-Disposition"), ".nii\""));
        answer_free(&content);
        json_decref(d);
        buffer_deinit(&file);
    }
    buffer_init(&file, MAX_BYTES);
    assert_int_equal(buffer_printf(&file, NULL,
                                   "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 3 2\n"
                                   "encoding: raw\nspacings: 1 1 2\n\n"),
                     STATUS_OK);
    assert_int_equal(buffer_append(&file, data, sizeof data, NULL), STATUS_OK);
    json_t *d = answer_json(upload("", file.data, file.size), 201);
    assert_string_equal(member_text(d, "media_type"), "application/x-nrrd");
    assert_int_equal(json_integer_value(json_array_get(member_get(d, "info.shape"), 0)), 2);
    json_decref(d);
    buffer_deinit(&file);

    struct bytes npy = make_npy("|u1", "2, 3, 4", data, sizeof data);
    answer_problem(upload("", npy.data, npy.n), 422, "/kind");
    d = answer_json(upload("?kind=volume", npy.data, npy.n), 201);
    assert_string_equal(member_text(d, "info.units"), "voxels");
    assert_int_equal(member_integer(d, "info.kept_bits_per_channel"), 8);
    json_decref(d);
    bytes_free(&npy);
}

static void what_is_no_volume_is_refused_in_words(void **state)
{
    (void)state;
    struct buffer file;
    uint8_t dicom[200] = {0};
    const struct nifti_datatype f32 = {16, NUMBER_F32};
    memcpy(dicom + 128, "DICM", 4);
    answer_problem(upload("", dicom, sizeof dicom), 422, NULL);
    answer_problem(upload("?kind=volume", dicom, sizeof dicom), 422, NULL);
    answer_problem(upload("?kind=volume", "NRRD0004\n", 9), 422, NULL);
    answer_problem(upload("?kind=volume", "nothing", 7), 422, NULL);
    nifti_ramp(&file, false, f32, 0, 1);
    put_number(file.data + NIFTI_DATA + 20, NUMBER_F32, false, NAN);
    answer_problem(upload("", file.data, file.size), 422, NULL);
    put_number(file.data + 42, NUMBER_I16, false, 32767);
    put_number(file.data + 44, NUMBER_I16, false, 32767);
    put_number(file.data + 46, NUMBER_I16, false, 32767);
    answer_problem(upload("", file.data, file.size), 413, NULL);
    buffer_deinit(&file);
}

static void a_field_of_a_volume_describes_its_domain(void **state)
{
    (void)state;
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", field), 200);
    assert_int_equal(member_integer(f, "n_inputs"), 3);
    assert_int_equal(member_integer(f, "n_outputs"), 1);
    assert_string_equal(member_text(f, "domain.units"), "mm");
    const json_t *matrix = member_get(f, "domain.source_from_unit.matrix");
    for (size_t r = 0; r < 3; r++)
        assert_true(fabs(json_number_value(json_array_get(json_array_get(matrix, r), 1)) -
                         Y * affine[r][1]) < 1e-5);
    member_text(f, "links.slice");
    member_text(f, "links.volume");
    json_decref(f);
}

/* The axis that is named, and the voxel axes that go across, down and along the slice. */
static void slices_are_planes_of_voxels(void **state)
{
    (void)state;
    static const struct {
        const char *axis;
        size_t named, across, column, row;
    } cases[] = {{"x", 0, 1, 0, 2}, {"y", 1, 2, 0, 1}, {"z", 2, 0, 1, 2}};
    static const size_t size[] = {X, Y, Z};
    for (size_t i = 0; i < 3; i++) {
        const size_t width = size[cases[i].column], height = size[cases[i].row];
        const size_t shape[] = {height, width}, n = width * height;
        const double layer = floor((double)size[cases[i].across] / 3.0);
        double index[3];
        float place[3], coords[3 * N], expected[N];
        for (size_t c = 0; c < 3; c++)
            index[c] = c == cases[i].across ? layer : ((double)size[c] - 1.0) / 2.0;
        place_of(index[0], index[1], index[2], place);
        float *slice = read_npy(service_get(&service,
                                            "/v1/fields/%s/slice?axis=%s&pos=%.9g&"
                                            "format=npy",
                                            field, cases[i].axis, (double)place[cases[i].named]),
                                2, shape);
        for (size_t k = 0; k < n; k++) {
            index[cases[i].column] = (double)(k % width);
            index[cases[i].row] = (double)(k / width);
            place_of(index[0], index[1], index[2], coords + 3 * k);
        }
        query(n, coords, expected);
        expect_equal(n, slice, expected, rounding);
        /* in unit coordinates the voxel axis has its own name */
        static const char *const names[] = {"x", "y", "z"};
        float *again = read_npy(
            service_get(&service, "/v1/fields/%s/slice?axis=%s&pos=%.17g&format=npy&frame=unit",
                        field, names[cases[i].across],
                        (layer + 0.5) / (double)size[cases[i].across]),
            2, shape);
        expect_equal(n, again, expected, rounding);
        free(again);
        /* a picture of it */
        struct answer a = service_get(&service, "/v1/fields/%s/slice?axis=%s&pos=%.9g", field,
                                      cases[i].axis, (double)place[cases[i].named]);
        struct image image;
        unsigned bits;
        assert_int_equal(png_decode(a.body.data, a.body.n, &image, &bits, NULL), STATUS_OK);
        assert_true(image.width == width && image.height == height && image.channels == 1);
        for (size_t k = 0; k < n; k++)
            assert_true(fabs((double)image.u8[k] / 255.0 - fmin(fmax((double)slice[k], 0.0), 1.0)) <
                        1.001 / 255.0);
        image_deinit(&image);
        answer_free(&a);
        free(slice);
    }
}

/* Whether the source coordinate that a voxel axis leads along most grows with it. */
static bool leads_up(size_t axis)
{
    double most = 0.0;
    for (size_t r = 0; r < 3; r++)
        most = fabs(affine[r][axis]) > fabs(most) ? affine[r][axis] : most;
    return most > 0.0;
}

static void slices_stand_upright_when_asked(void **state)
{
    (void)state;
    static const char *const names[] = {"x", "y", "z"};
    static const size_t size[] = {X, Y, Z};
    size_t n_mirrored = 0;
    for (size_t across = 0; across < 3; across++) {
        const size_t column = across == 0 ? 1 : 0, row = across == 2 ? 1 : 2;
        const size_t width = size[column], height = size[row], shape[] = {height, width};
        char path[160];
        snprintf(path, sizeof path, "/v1/fields/%s/slice?frame=unit&format=npy&axis=%s&pos=0.3",
                 field, names[across]);
        float *as_stored = read_npy(service_get(&service, "%s", path), 2, shape);
        float *upright = read_npy(service_get(&service, "%s&orientation=upright", path), 2, shape);
        for (size_t j = 0; j < height; j++)
            for (size_t i = 0; i < width; i++) {
                const size_t from_i = leads_up(column) ? i : width - 1 - i;
                const size_t from_j = leads_up(row) ? height - 1 - j : j;
                assert_true(upright[j * width + i] == as_stored[from_j * width + from_i]);
                n_mirrored += upright[j * width + i] != as_stored[j * width + i];
            }
        free(as_stored);
        free(upright);
    }
    assert_true(n_mirrored > X * Y);
}

static void slices_have_any_size(void **state)
{
    (void)state;
    const size_t both[] = {7, 50};
    free(read_npy(service_get(&service, "/v1/fields/%s/slice?width=50&height=7&format=npy", field),
                  2, both));
    /* one alone: by the sides of the plane in millimetres; z is along i, the plane j by k */
    const size_t one[] = {
        (size_t)lround(100.0 * Z * sqrt(0.04 + 9.0 + 0.01) / (Y * sqrt(4.0 + 0.0225 + 0.01))), 100};
    free(read_npy(service_get(&service, "/v1/fields/%s/slice?axis=z&width=100&format=npy", field),
                  2, one));
    answer_status(service_get(&service, "/v1/fields/%s/slice?format=jpeg", field), 200);
    static const struct {
        const char *arguments, *pointer;
    } bad[] = {
        {"axis=w", "/axis"},
        {"pos=900", "/pos"},
        {"pos=-900", "/pos"},
        {"pos=1.01&frame=unit", "/pos"},
        {"pos=nan", "/pos"},
        {"width=0", "/width"},
        {"width=20000&height=20000", "/width"},
        {"format=tiff", "/format"},
        {"channel=value", "/channel"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        answer_problem(service_get(&service, "/v1/fields/%s/slice?%s", field, bad[i].arguments),
                       422, bad[i].pointer);
    answer_problem(service_get(&service, "/v1/fields/%s/image", field), 422, NULL);
}

static struct volume read_nifti(struct answer a)
{
    struct volume v;
    if (a.status != 200)
        fail_msg("status %ld: %s", a.status, (const char *)a.body.data);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/gzip");
    assert_int_equal(nifti_decode(a.body.data, a.body.n, &v, NULL), STATUS_OK);
    answer_free(&a);
    return v;
}

/* The same places, the same numbers, at the data's own size and at others. */
static void volumes_lead_back_to_the_source(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{Z, Y, X}, {5, 16, 3}, {1, 1, 1}};
    for (size_t i = 0; i < 3; i++) {
        const size_t *shape = shapes[i], n = shape[0] * shape[1] * shape[2];
        char arguments[64];
        snprintf(arguments, sizeof arguments, "shape=%zu,%zu,%zu", shape[0], shape[1], shape[2]);
        struct volume v =
            read_nifti(i == 0 ? service_get(&service, "/v1/fields/%s/volume", field)
                              : service_get(&service, "/v1/fields/%s/volume?%s", field, arguments));
        float *values =
            read_npy(service_get(&service, "/v1/fields/%s/volume?%s&format=npy", field, arguments),
                     3, shape);
        float *coords = malloc(3 * n * sizeof *coords), *expected = malloc(n * sizeof *expected);
        assert_true(v.width == shape[2] && v.height == shape[1] && v.depth == shape[0]);
        for (size_t r = 0; r < 3 && i == 0; r++)
            for (size_t c = 0; c < 4; c++)
                assert_true(fabs(v.affine[r][c] - affine[r][c]) < 1e-4);
        for (size_t k = 0; k < n; k++) {
            const double index[4] = {(double)(k % v.width), (double)(k / v.width % v.height),
                                     (double)(k / v.width / v.height), 1.0};
            for (size_t r = 0; r < 3; r++) {
                double sum = 0.0;
                for (size_t c = 0; c < 4; c++)
                    sum += v.affine[r][c] * index[c];
                coords[3 * k + r] = (float)sum;
            }
        }
        query(n, coords, expected);
        expect_equal(n, values, expected, rounding);
        for (size_t k = 0; k < n; k++) {
            float value;
            volume_read(&v, k, 1, &value);
            const double number = v.low + (double)value * (v.high - v.low);
            assert_true(fabs((number - low) / (high - low) - (double)values[k]) < 1e-5);
        }
        free(coords);
        free(expected);
        free(values);
        volume_deinit(&v);
    }
    static const char *const bad[] = {"shape=1,2",     "shape=1,2,3,4",        "shape=0,1,1",
                                      "shape=1,1,1.5", "shape=4096,4096,4096", "shape=-1,1,1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        answer_problem(service_get(&service, "/v1/fields/%s/volume?%s", field, bad[i]), 422,
                       "/shape");
    answer_problem(service_get(&service, "/v1/fields/%s/volume?format=nii", field), 422, "/format");
}

static void slices_and_volumes_have_strong_entity_tags(void **state)
{
    (void)state;
    enum { N_TAGS = 6 };
    static const char *const what[N_TAGS] = {"slice?pos=0.5&frame=unit",
                                             "slice?pos=0.4&frame=unit",
                                             "slice?orientation=upright",
                                             "slice?format=npy",
                                             "volume",
                                             "volume?format=npy"};
    char tags[N_TAGS][100];
    for (size_t i = 0; i < N_TAGS; i++) {
        char header[160], path[160];
        struct answer a = service_get(&service, "/v1/fields/%s/%s", field, what[i]);
        snprintf(tags[i], sizeof tags[i], "%s", answer_header(&a, "ETag"));
        assert_int_equal(tags[i][0], '"');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(tags[i], tags[k]);
        answer_free(&a);
        snprintf(path, sizeof path, "/v1/fields/%s/%s", field, what[i]);
        snprintf(header, sizeof header, "If-None-Match: %.99s", tags[i]);
        answer_status(service_send(&service, &(struct request){.path = path, .headers = {header}}),
                      304);
    }
}

/* A picture's field has no third axis. */
static void a_field_of_two_dimensions_has_no_slices(void **state)
{
    (void)state;
    char flat[ID_TEXT];
    make_field(&service, 16, 2, flat);
    answer_problem(service_get(&service, "/v1/fields/%s/slice", flat), 422, NULL);
    answer_problem(service_get(&service, "/v1/fields/%s/volume", flat), 422, NULL);
}

/* Presets, holdouts and their baselines. */
static void jobs_over_volumes_take_their_settings(void **state)
{
    (void)state;
    char body[256];
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"train\":{\"steps\":20,\"holdout\":\"odd_pixels\"}}",
             dataset);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    assert_string_equal(member_text(job, "spec.preset"), "fast");
    assert_string_equal(member_text(job, "spec.field.encoding.type"), "hashgrid");
    assert_true(member_number(job, "spec.field.encoding.finest_resolution") == 28.0);
    const json_t *aspect = member_get(job, "spec.field.encoding.aspect");
    assert_true(json_number_value(json_array_get(aspect, 0)) == 1.0);
    assert_true(json_number_value(json_array_get(aspect, 2)) == (double)Z / X);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    assert_true(member_number(done, "metrics.baseline_psnr") >=
                member_number(done, "metrics.baseline_nearest_psnr"));
    member_number(done, "metrics.baseline_trilinear_psnr");
    member_number(done, "metrics.test_psnr");
    json_decref(job);
    json_decref(done);
    static const struct {
        const char *members, *pointer;
    } bad[] = {{",\"task\":\"image\"", "/task"},
               {",\"train\":{\"holdout\":\"views\"}", "/train/holdout"},
               {",\"preset\":\"compact\"", "/preset"},
               {",\"measure\":{\"near\":1}", "/measure/near"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(body, sizeof body, "{\"dataset_id\":\"%s\"%s}", dataset, bad[i].members);
        answer_problem(service_post_json(&service, "/v1/jobs", body), 422, bad[i].pointer);
    }
    snprintf(body, sizeof body, "{\"dataset_id\":\"%s\",\"preset\":\"paper\"}", dataset);
    job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    assert_true(member_number(job, "spec.field.encoding.sigma") == 5.0);
    char path[128];
    snprintf(path, sizeof path, "/v1/jobs/%s/cancel", member_text(job, "id"));
    answer_status(service_send(&service, &(struct request){.path = path, .method = "POST"}), 200);
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_says_what_it_is),
        cmocka_unit_test(a_volume_has_a_preview),
        cmocka_unit_test(formats_are_told_by_their_bytes),
        cmocka_unit_test(what_is_no_volume_is_refused_in_words),
        cmocka_unit_test(a_field_of_a_volume_describes_its_domain),
        cmocka_unit_test(slices_are_planes_of_voxels),
        cmocka_unit_test(slices_stand_upright_when_asked),
        cmocka_unit_test(slices_have_any_size),
        cmocka_unit_test(volumes_lead_back_to_the_source),
        cmocka_unit_test(slices_and_volumes_have_strong_entity_tags),
        cmocka_unit_test(a_field_of_two_dimensions_has_no_slices),
        cmocka_unit_test(jobs_over_volumes_take_their_settings),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
