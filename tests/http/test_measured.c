/* CT and MRI over HTTP: uploads of measurements, fits of simulated and of measured ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/npy.h"
#include "core/format/png.h"
#include "core/scene/fourier.h"
#include "core/scene/projection.h"
#include "tests/http/fit.h"

enum { SIDE = 32, ANGLES = 24, DEPTH = 12, MAX_BYTES = 1 << 20, STEPS = 160 / SLOWNESS };

static struct service service;
static char picture[ID_TEXT], sinogram[ID_TEXT], kspace[ID_TEXT];
static float truth[SIDE * SIDE];

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

static json_t *upload_as(const char *arguments, const void *bytes, size_t n, char id[ID_TEXT])
{
    json_t *made = answer_json(upload(arguments, bytes, n), 201);
    snprintf(id, ID_TEXT, "%s", member_text(made, "id"));
    return made;
}

static void make_npz(const struct npz_entry entries[2], struct buffer *out)
{
    buffer_init(out, MAX_BYTES);
    assert_int_equal(npz_encode(entries, 2, out, NULL), STATUS_OK);
}

/* A disc and a smaller one in it. */
static void make_truth(void)
{
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        const double x = (double)(i % SIDE) / SIDE - 0.5, y = (double)(i / SIDE) / SIDE - 0.5;
        const double outer = 0.4 - hypot(x, y), inner = 0.15 - hypot(x - 0.1, y);
        truth[i] = (float)(0.4 * fmin(fmax(outer * SIDE + 0.5, 0.0), 1.0) +
                           0.6 * fmin(fmax(inner * SIDE + 0.5, 0.0), 1.0));
    }
}

/* What the picture projects to, five times as strong, as a file. */
static void make_sinogram(struct buffer *out)
{
    float values[ANGLES * SIDE], angles[ANGLES];
    double exact[ANGLES];
    projection_spread_angles(ANGLES, exact);
    const struct projection p = {SIDE, SIDE, ANGLES, PROJECTION_LINEAR, exact};
    projection_forward(&p, 0, projection_n_items(&p), truth, values);
    for (size_t i = 0; i < ANGLES * SIDE; i++)
        values[i] *= 5.0f;
    for (size_t i = 0; i < ANGLES; i++)
        angles[i] = (float)exact[i];
    make_npz((const struct npz_entry[]){{"sinogram", values, 2, {ANGLES, SIDE}},
                                        {"angles", angles, 1, {ANGLES}}},
             out);
}

/* Real numbers: those of a lattice that is the same when it is turned about 0.  All are measured
 * below a frequency. */
static void make_kspace(struct buffer *out)
{
    enum { N = SIDE * SIDE * DEPTH };
    float *samples = mem_alloc_floats(2UL * N), *real = mem_alloc_floats(N),
          *mask = mem_alloc_floats(N);
    struct fourier *f = NULL;
    struct team *team = NULL;
    for (size_t i = 0; i < N; i++) {
        const double x = (double)(i % SIDE) / SIDE, y = (double)(i / SIDE % SIDE) / SIDE;
        const double z = (double)(i / SIDE / SIDE) / DEPTH;
        samples[2 * i] = (float)exp(2.0 * (cos(6.2831853 * x) + cos(6.2831853 * y) - 2.0) +
                                    cos(6.2831853 * z) - 1.0);
        mask[i] = (i % SIDE < 8 || i % SIDE > SIDE - 8) && i % 11 != 3;
    }
    assert_int_equal(fourier_create(&f, SIDE, SIDE, DEPTH, NULL), STATUS_OK);
    assert_int_equal(team_create(&team, 1, NULL), STATUS_OK);
    assert_int_equal(fourier_transform(f, FOURIER_FORWARD, team, samples, NULL), STATUS_OK);
    for (size_t i = 0; i < N; i++)
        real[i] = samples[2 * i];
    make_npz((const struct npz_entry[]){{"kspace", real, 3, {DEPTH, SIDE, SIDE}},
                                        {"mask", mask, 3, {DEPTH, SIDE, SIDE}}},
             out);
    fourier_free(f);
    team_free(team);
    mem_free(samples);
    mem_free(real);
    mem_free(mask);
}

static int start(void **state)
{
    (void)state;
    struct buffer file;
    service_start(&service, NULL);
    make_truth();
    buffer_init(&file, MAX_BYTES);
    assert_int_equal(npy_encode_floats(truth, (const size_t[]){SIDE, SIDE}, 2, &file, NULL),
                     STATUS_OK);
    json_decref(upload_as("?kind=image&name=discs", file.data, file.size, picture));
    buffer_deinit(&file);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static void measurements_are_uploaded_and_say_what_they_are(void **state)
{
    (void)state;
    struct buffer file;
    make_sinogram(&file);
    json_t *made = upload_as("?kind=sinogram", file.data, file.size, sinogram);
    assert_int_equal(member_integer(made, "info.n_angles"), ANGLES);
    assert_int_equal(member_integer(made, "info.width"), SIDE);
    assert_true(fabs(member_number(made, "info.angle_span") - 3.14159265 * 23 / 24) < 1e-6);
    assert_int_equal(json_array_size(member_get(made, "info.warnings")), 0);
    json_decref(made);
    /* the same bytes are no k-space, and of no kind where none is said */
    answer_problem(upload("?kind=kspace", file.data, file.size), 422, NULL);
    answer_problem(upload("", file.data, file.size), 422, "/kind");
    answer_problem(upload("?kind=sinogram", file.data, file.size / 2), 422, NULL);
    answer_problem(upload("?kind=sinogram", truth, sizeof truth), 422, NULL);
    buffer_deinit(&file);

    make_kspace(&file);
    made = upload_as("?kind=kspace", file.data, file.size, kspace);
    assert_int_equal(json_array_size(member_get(made, "info.shape")), 3);
    assert_int_equal(member_integer(made, "info.depth"), DEPTH);
    const double part = member_number(made, "info.fraction_measured");
    assert_true(part > 0.4 && part < 0.45);
    json_decref(made);
    answer_problem(upload("?kind=sinogram", file.data, file.size), 422, NULL);
    buffer_deinit(&file);
}

static void previews_are_pictures(void **state)
{
    (void)state;
    const char *const ids[] = {sinogram, kspace};
    const size_t heights[] = {ANGLES, SIDE};
    for (size_t i = 0; i < 2; i++) {
        struct answer a = service_get(&service, "/v1/datasets/%s/preview?width=64", ids[i]);
        struct image image;
        assert_int_equal(a.status, 200);
        assert_int_equal(png_decode(a.body.data, a.body.n, &image, NULL, NULL), STATUS_OK);
        assert_true(image.width == SIDE && image.height == heights[i] && image.channels == 1);
        uint8_t least = 255, most = 0;
        for (size_t k = 0; k < image.width * image.height; k++) {
            least = image.u8[k] < least ? image.u8[k] : least;
            most = image.u8[k] > most ? image.u8[k] : most;
        }
        assert_true(least == 0 && most == 255);
        image_deinit(&image);
        answer_free(&a);
    }
}

static void bytes_with_warnings_are_taken(void **state)
{
    (void)state;
    float values[6] = {1, 2, 3, 4, 5, 6}, degrees[3] = {0, 60, 120}, wedge[3] = {0, 0.1f, 0.2f};
    const float *const angles[] = {degrees, wedge};
    const char *const words[] = {"degrees", "less than half a turn"};
    for (size_t i = 0; i < 2; i++) {
        struct buffer file;
        char id[ID_TEXT];
        make_npz((const struct npz_entry[]){{"sinogram", values, 2, {3, 2}},
                                            {"angles", angles[i], 1, {3}}},
                 &file);
        json_t *made = upload_as("?kind=sinogram", file.data, file.size, id);
        const json_t *warnings = member_get(made, "info.warnings");
        assert_int_equal(json_array_size(warnings), 1);
        assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), words[i]));
        json_decref(made);
        buffer_deinit(&file);
    }
    float shifted[16] = {0}, ones[16];
    for (size_t i = 0; i < 16; i++)
        ones[i] = 1.0f;
    shifted[2 * 4 + 2] = 9.0f; /* the zero frequency in the middle */
    struct buffer file;
    char id[ID_TEXT];
    make_npz((const struct npz_entry[]){{"kspace", shifted, 2, {4, 4}}, {"mask", ones, 2, {4, 4}}},
             &file);
    json_t *made = upload_as("?kind=kspace", file.data, file.size, id);
    const json_t *warnings = member_get(made, "info.warnings");
    assert_int_equal(json_array_size(warnings), 1);
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "ifftshift"));
    json_decref(made);
    buffer_deinit(&file);
}

/* The job of these settings, when it is done. */
static json_t *fit(const char *dataset, const char *more)
{
    char body[1024];
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
             "\"n_frequencies\":32,\"sigma\":2},\"network\":{\"n_hidden_layers\":2,\"width\":32}},"
             "\"train\":{\"steps\":%d}%s}",
             dataset, STEPS, more);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    json_decref(job);
    return done;
}

static void a_picture_comes_back_from_simulated_projections(void **state)
{
    (void)state;
    json_t *job = fit(picture, ",\"task\":\"ct\",\"measure\":{\"n_angles\":30}");
    assert_string_equal(member_text(job, "task"), "ct");
    assert_int_equal(member_integer(job, "spec.measure.n_angles"), 30);
    assert_string_equal(member_text(job, "spec.measure.interpolation"), "nearest");
    assert_int_equal(member_integer(job, "spec.train.batch_size"), SIDE * SIDE);
    assert_true(member_number(job, "metrics.psnr") > (SLOWNESS > 1 ? 5.0 : 15.0));
    assert_true(member_number(job, "metrics.baseline_psnr") > 10.0);
    assert_true(member_number(job, "metrics.residual") < 1.0);
    assert_true(fabs(member_number(job, "metrics.scale") - 1.0) < 1e-6);

    /* It is a picture as any other: what it shows is what psnr says. */
    struct answer a =
        service_get(&service, "/v1/fields/%s/image?format=npy", member_text(job, "field_id"));
    struct npy_array array;
    float values[SIDE * SIDE];
    double error = 0.0;
    assert_int_equal(a.status, 200);
    assert_int_equal(npy_parse(a.body.data, a.body.n, &array, NULL), STATUS_OK);
    assert_int_equal(array.n_elements, SIDE * SIDE);
    assert_int_equal(npy_to_floats(&array, values, NULL), STATUS_OK);
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        const double value = fmin(fmax((double)values[i], 0.0), 1.0);
        error += (value - (double)truth[i]) * (value - (double)truth[i]) / (SIDE * SIDE);
    }
    assert_true(fabs(-10.0 * log10(error) - member_number(job, "metrics.psnr")) < 0.001);
    answer_free(&a);
    json_decref(job);
}

static void a_picture_comes_back_from_measured_projections(void **state)
{
    (void)state;
    json_t *job = fit(sinogram, ",\"measure\":{\"interpolation\":\"linear\"}");
    assert_string_equal(member_text(job, "task"), "ct");
    assert_int_equal(member_integer(job, "spec.measure.n_angles"), ANGLES);
    assert_null(json_object_get(member_get(job, "metrics"), "psnr"));
    assert_true(member_number(job, "metrics.residual") < (SLOWNESS > 1 ? 1.0 : 0.1));
    const double scale = member_number(job, "metrics.scale");
    assert_true(scale > 4.0 && scale < 7.0); /* the largest value is 5 */
    json_t *field =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
    assert_string_equal(member_text(field, "domain.units"), "pixels");
    assert_int_equal(member_integer(field, "n_outputs"), 1);
    json_decref(field);
    json_decref(job);
}

static void a_volume_comes_back_from_measured_frequencies(void **state)
{
    (void)state;
    json_t *job = fit(kspace, "");
    assert_string_equal(member_text(job, "task"), "mri");
    assert_int_equal(member_integer(job, "spec.train.batch_size"), SIDE * SIDE * DEPTH);
    assert_true(member_number(job, "metrics.residual") < (SLOWNESS > 1 ? 2.0 : 0.6));
    json_t *field =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
    assert_int_equal(member_integer(field, "n_inputs"), 3);
    assert_string_equal(member_text(field, "domain.units"), "voxels");
    json_decref(field);
    /* and can be cut like any volume */
    answer_status(service_get(&service, "/v1/fields/%s/slice?axis=z&pos=3&width=20",
                              member_text(job, "field_id")),
                  200);
    json_decref(job);
}

static void a_picture_may_be_seen_by_frequencies(void **state)
{
    (void)state;
    json_t *job = fit(picture, ",\"task\":\"mri\",\"measure\":{\"mask_sigma\":6,\"n_draws\":600,"
                               "\"normalize\":\"none\"}");
    assert_true(member_number(job, "metrics.psnr") > 5.0);
    assert_true(member_number(job, "metrics.baseline_psnr") > 10.0);
    json_decref(job);
}

static void what_a_measurement_cannot_have_is_refused_at_its_place(void **state)
{
    (void)state;
    const struct {
        const char *dataset, *more, *pointer;
    } cases[] = {
        {picture, "\"task\":\"ct\",\"measure\":{\"n_angles\":0}", "/measure/n_angles"},
        {picture, "\"task\":\"ct\",\"measure\":{\"n_angles\":4097}", "/measure/n_angles"},
        {picture, "\"task\":\"ct\",\"measure\":{\"mask_sigma\":3}", "/measure/mask_sigma"},
        {picture, "\"task\":\"ct\",\"measure\":{\"interpolation\":\"cubic\"}",
         "/measure/interpolation"},
        {picture, "\"task\":\"mri\",\"measure\":{\"mask_sigma\":0}", "/measure/mask_sigma"},
        {picture, "\"task\":\"mri\",\"measure\":{\"n_draws\":0}", "/measure/n_draws"},
        {picture, "\"task\":\"mri\",\"measure\":{\"normalize\":\"mean\"}", "/measure/normalize"},
        {picture, "\"task\":\"ct\",\"train\":{\"batch_size\":64}", "/train/batch_size"},
        {picture, "\"task\":\"ct\",\"train\":{\"loss\":\"bce\"}", "/train/loss"},
        {picture, "\"task\":\"ct\",\"train\":{\"holdout\":\"fraction\"}", "/train/holdout"},
        {sinogram, "\"train\":{\"target_psnr\":30}", "/train/target_psnr"},
        {sinogram, "\"task\":\"mri\"", "/task"},
        {kspace, "\"task\":\"ct\"", "/task"},
        {kspace, "\"task\":\"volume\"", "/task"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];
        snprintf(body, sizeof body, "{\"dataset_id\":\"%s\",%s}", cases[i].dataset, cases[i].more);
        answer_problem(service_post_json(&service, "/v1/jobs", body), 422, cases[i].pointer);
    }
}

/* Its spec can be posted again, and gives the same bytes. */
static void a_spec_is_a_job(void **state)
{
    (void)state;
    json_t *first = fit(picture, ",\"task\":\"ct\",\"measure\":{\"n_angles\":7}");
    char *body = json_dumps(member_get(first, "spec"), JSON_COMPACT);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *second = wait_for_job(&service, member_text(job, "id"), "succeeded");
    json_t *a =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(first, "field_id")), 200);
    json_t *b =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(second, "field_id")), 200);
    assert_string_equal(member_text(a, "sha256"), member_text(b, "sha256"));
    free(body);
    json_decref(first);
    json_decref(job);
    json_decref(second);
    json_decref(a);
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measurements_are_uploaded_and_say_what_they_are),
        cmocka_unit_test(previews_are_pictures),
        cmocka_unit_test(bytes_with_warnings_are_taken),
        cmocka_unit_test(a_picture_comes_back_from_simulated_projections),
        cmocka_unit_test(a_picture_comes_back_from_measured_projections),
        cmocka_unit_test(a_volume_comes_back_from_measured_frequencies),
        cmocka_unit_test(a_picture_may_be_seen_by_frequencies),
        cmocka_unit_test(what_a_measurement_cannot_have_is_refused_at_its_place),
        cmocka_unit_test(a_spec_is_a_job),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
